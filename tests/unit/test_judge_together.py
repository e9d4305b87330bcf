"""Several changes at once: the most careful word about any of them is the word about all."""

from dataclasses import replace
from typing import Any

import pytest

from tests.judgement import NOW, OWNERS, POLICY, UID, approved, cluster, edit, facts, finding, governance, line_of, pool
from trimtab.policy.judge import binding_of, judge, moved
from trimtab.records import Facts, FieldChange, Subject, Tier

NAMES = ("batch", "web")
CHANGES = (("node_groups[1].count", "6", "5"), ("node_groups[2].count", "6", "5"))
RULES = governance(
    policy=POLICY.replace(b"rules: []", b"rules:\n  - {name: a-person, when: [{fact: change.field, is: count}], tier: one-approval}")
)


def member(name: str, **changes: Any) -> Facts:
    """One of two pools, with its share of the edit."""
    base = facts()
    assert base.cluster is not None
    assert base.place is not None
    pools = (*base.cluster.pools, pool(name="web"))
    whole = replace(
        base,
        finding=finding(subject=Subject(cluster_uid=UID, pool=name, field="count")),
        place=replace(base.place, pool=name),
        edit=edit(CHANGES[NAMES.index(name)]),
        cluster=replace(base.cluster, pools=pools),
        declared=pool(name=name),
    )
    return replace(whole, **changes)


def both(**web: Any) -> Facts:
    """Two pools of one file; what is given is about the second."""
    members = (member("batch"), member("web", **web))
    return replace(members[0], edit=edit(*CHANGES), members=members)


def test_two_changes_that_may_merge_alone_may_merge_together() -> None:
    verdict = judge(both(), governance(), NOW)

    assert (verdict.tier, verdict.may_merge, verdict.reasons) == (Tier.AUTO, True, ())
    assert [name for name, _ in verdict.risks] == list(NAMES)


@pytest.mark.parametrize(
    ("web", "rule"),
    [
        ({"demand_now": (41.0, 40.0)}, "demand-fits"),
        ({"declared": None}, "live-equals-file"),
        ({"others_open": ("prop-of-another",)}, "one-at-a-time"),
        ({"last_change": NOW}, "cool-down"),
        ({"edit": edit(("node_groups[2].count", "6", "1"))}, "edit-exact"),
    ],
)
def test_what_stops_one_of_them_stops_all_and_says_whose_it_is(web: dict[str, Any], rule: str) -> None:
    verdict = judge(both(**web), governance(), NOW)

    assert (verdict.may_open, verdict.may_merge) == (False, False)
    assert any(line.rule == rule and line.saw.startswith("web: ") for line in verdict.reasons)


def test_what_asks_for_a_person_for_one_of_them_asks_for_all() -> None:
    verdict = judge(both(earlier=("rolled-back",)), governance(), NOW)

    assert (verdict.tier, verdict.may_merge) == (Tier.ONE, False)


def test_the_worst_of_each_dimension_is_the_risk_of_all() -> None:
    verdict = judge(both(instance_gpus=None), governance(), NOW)

    assert (verdict.risk.reversibility, verdict.risk.level, verdict.tier) == (None, 3, Tier.TWO)


def test_two_small_changes_of_one_cluster_are_a_larger_one_together() -> None:
    """Three of twenty nodes are few; six of twenty are a person's to decide."""
    pools = tuple(pool(name=name, count=10) for name in NAMES)
    members = tuple(
        replace(
            member(live.name),
            finding=finding(
                subject=Subject(cluster_uid=UID, pool=live.name, field="count"),
                changes=(FieldChange(field="count", old="10", new="7"),),
                nodes_old=10,
                nodes_new=7,
            ),
            edit=edit((f"node_groups[{number}].count", "10", "7")),
            cluster=cluster(*pools),
            declared=live,
        )
        for number, live in enumerate(pools, 1)
    )
    whole = replace(members[0], edit=edit(*(change for each in members if each.edit for change in each.edit.changes)), members=members)

    verdict = judge(whole, governance(), NOW)

    assert [judge(each, governance(), NOW).tier for each in members] == [Tier.AUTO, Tier.AUTO]
    assert verdict.tier is Tier.ONE
    assert line_of(verdict, "low-risk-together").saw == "medium for all 2 together"


def test_a_value_that_belongs_to_no_change_stops_it() -> None:
    whole = replace(both(), edit=edit(*CHANGES, ("node_groups[0].count", "3", "1")))

    assert not line_of(judge(whole, governance(), NOW), "edit-whole").held


def test_two_changes_of_one_pool_are_not_made_at_once() -> None:
    one = member("batch")
    whole = replace(one, edit=edit(*CHANGES), members=(one, replace(one, edit=edit(CHANGES[1]))))

    assert not line_of(judge(whole, governance(), NOW), "edit-whole").held


def test_whoever_may_not_approve_one_of_them_may_not_approve_them() -> None:
    scoped = OWNERS + f"  - {{cluster_uid: {UID}, pool: web, people: [ml-owner, finance-owner]}}\n".encode()
    rules = governance(policy=POLICY, owners=scoped)

    assert judge(both(), rules, NOW).approvers == ("ml-owner",)


def test_a_yes_to_all_of_them_counts_and_falls_when_any_of_them_moves() -> None:
    given = approved(both(), RULES, ("ml-owner", "slack"))
    changed = both(finding=replace(given.members[1].finding, changes=(replace(given.members[1].finding.changes[0], old="7"),)))

    then, now = binding_of(given, RULES, Tier.ONE), binding_of(changed, RULES, Tier.ONE)

    assert judge(given, RULES, NOW).may_merge
    assert moved(then, now) == ("what a rollback restores moved from batch count 6, web count 6 to batch count 6, web count 7",)


def test_without_rules_nothing_opens_however_many_there_are() -> None:
    verdict = judge(both(), None, NOW)

    assert (verdict.may_open, verdict.may_merge, verdict.tier) == (False, False, Tier.REPORT)


def test_judging_twice_agrees() -> None:
    assert judge(both(), RULES, NOW) == judge(both(), RULES, NOW)
