"""A rollback merges by itself exactly as people agreed to it in advance; whatever else it is, a person decides and the reason is named."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.judgement import BASE, NOW, POLICY, RULES, approved, cluster, edit, evidence, facts, finding, governance, line_of, pool
from trimtab.policy.earlier import Earlier
from trimtab.policy.judge import judge
from trimtab.records import (
    Approval,
    Binding,
    ChangeRequest,
    Facts,
    FieldChange,
    Governance,
    PersonId,
    ProposalId,
    Stage,
    Subject,
    Tier,
    Undoing,
    Verdict,
)

PRODUCTION = {"nonproduction_since": None, "highest_stage": Stage.APPROVE}
FREEZE = b"freezes: [{name: sale, start: 2026-11-17, end: 2026-11-20}]\n"


def agreed(person: str = "ml-owner", via: str = "slack", restores: tuple[tuple[str, str], ...] = (("count", "6"),)) -> Approval:
    """A yes to the change that is undone; with the values that a rollback gives back."""
    binding = Binding(
        repo="gitops",
        pull_request=6,
        base_ref="main",
        head=BASE,
        semantic_digest="d" * 64,
        base_blobs=(),
        policy_version="v" * 64,
        tier=Tier.ONE,
        rollback=restores,
    )
    return Approval(person=PersonId(person), via=via, at=NOW - timedelta(days=3), binding=binding)  # type: ignore[arg-type]


def undoing(**changes: Any) -> Undoing:
    whole = Undoing(
        proposal=ProposalId("prop-9f1c20de77a1"),
        generation=1,
        merged_at=NOW - timedelta(days=2),
        tier=Tier.ONE,
        approvals=(agreed(),),
        rollback=(("count", "6"),),
        was_undone=False,
        reason="14 pods wait",
    )
    return replace(whole, **changes)


def rollback(new: int = 6, *, undoes: Undoing | None = undoing(), **changes: Any) -> Facts:  # noqa: B008 (frozen)
    """Five nodes are there since the merge; production, and everything that usually waits speaks against it."""
    change = FieldChange(field="count", old="5", new=str(new))
    stale = evidence(end=NOW - timedelta(days=20), start=NOW - timedelta(days=25), coverage=0.5, violations_new=9)
    hurt = cluster(pool(count=5), pool(name="system", count=3), health="UnHealthy")
    return facts(
        **{
            "finding": finding(
                rule="rollback", changes=(change,), nodes_old=5, nodes_new=new, evidence=stale, disruption=("db: one replica",)
            ),
            "edit": edit(("node_groups[1].count", "5", str(new))),
            "declared": pool(count=5),
            "cluster": hurt,
            "alerts": ("disk full",),
            "last_change": NOW - timedelta(days=2),
            "earlier": ("merged", "rejected"),
            "others_open": (ProposalId("prop-other"),),
            "share_of_pools": 0.9,
            "share_of_pools_today": 0.9,
            "demand_now": None,
            "burning": ("checkout-latency",),
            "undoes": undoes,
            **PRODUCTION,
            **changes,
        }
    )


def judged(whole: Facts, rules: Governance | None = None) -> Verdict:
    return judge(whole, rules or governance(policy=POLICY + FREEZE), NOW)


@pytest.mark.security(20)
def test_what_was_agreed_on_in_advance_merges_in_production_in_a_freeze_and_without_asking_again() -> None:
    verdict = judged(rollback())

    assert verdict.reasons == ()
    assert (verdict.tier, verdict.may_open, verdict.may_merge) == (Tier.AUTO, True, True)
    assert line_of(verdict, "rollback-agreed").saw == "approved in advance by ml-owner (slack)"
    assert line_of(verdict, "freeze").saw.endswith("a rollback does not wait for it: agreed on in advance")


@pytest.mark.security(20)
def test_a_rollback_of_what_merged_by_itself_needs_nobody() -> None:
    verdict = judged(rollback(undoes=undoing(tier=Tier.AUTO, approvals=())))

    assert verdict.may_merge
    assert line_of(verdict, "rollback-agreed").saw == "approved in advance by the rules: it needed nobody"


NOT_AGREED: list[tuple[str, Facts]] = [
    ("what it undoes is not known", rollback(undoes=None)),
    ("what was agreed then stands for 7 days", rollback(undoes=undoing(merged_at=NOW - timedelta(days=7, seconds=1)))),
    ("what was agreed then stands for 7 days", rollback(undoes=undoing(merged_at=NOW + timedelta(seconds=1)))),
    ("it was agreed to restore count 6, not count 7", rollback(7)),
    ("it was agreed to restore min 6, not count 6", rollback(undoes=undoing(rollback=(("min", "6"),)))),
    ("it was undone once already".replace("it", "the change"), rollback(undoes=undoing(was_undone=True))),
    ("3 were rolled back today; by itself fewer than 3", rollback(rollbacks_today=3)),
    ("no longer suffice for one-approval", rollback(undoes=undoing(approvals=()))),
    ("no longer suffice for one-approval", rollback(undoes=undoing(approvals=(agreed(restores=(("count", "8"),)),)))),
    ("no longer suffice for two-approvals", rollback(undoes=undoing(tier=Tier.TWO))),
    ("no longer suffice for two-approvals", rollback(undoes=undoing(tier=Tier.TWO, approvals=(agreed(), agreed(via="forge"))))),
    ("no longer suffice for two-approvals", rollback(undoes=undoing(tier=Tier.TWO, approvals=(agreed(), agreed("platform-owner"))))),
    ("no longer suffice for report-only", rollback(undoes=undoing(tier=Tier.REPORT))),
]


@pytest.mark.security(20)
@pytest.mark.parametrize(("why", "whole"), NOT_AGREED, ids=[f"{index}" for index in range(len(NOT_AGREED))])
def test_what_nobody_agreed_to_opens_and_waits_for_a_person_by_name(why: str, whole: Facts) -> None:
    verdict = judged(whole)

    assert not verdict.may_merge
    assert why in line_of(verdict, "rollback-agreed").saw
    assert verdict.may_open
    assert verdict.tier in {Tier.ONE, Tier.TWO}
    assert "freeze" in [line.rule for line in verdict.reasons]


@pytest.mark.security(20)
def test_a_person_may_still_say_yes_to_what_nobody_agreed_to() -> None:
    whole = rollback(undoes=undoing(merged_at=NOW - timedelta(days=30)), owners=(("batch", 1.0),))
    rules = governance()

    people = (("platform-owner", "forge"), ("ml-owner", "forge"))
    assert not judged(whole, rules).may_merge
    assert judged(approved(whole, rules, *people), rules).may_merge


@pytest.mark.security(20)
def test_two_people_one_of_them_by_review_agreed_to_what_needed_two() -> None:
    people = (agreed(), agreed("platform-owner", "forge"))

    assert judged(rollback(undoes=undoing(tier=Tier.TWO, approvals=people))).may_merge


def test_a_part_of_what_was_agreed_may_be_given_back() -> None:
    """A change may have lowered one bound and raised another: only what grows is undone."""
    both = (("count", "6"), ("max", "3"))

    assert judged(rollback(undoes=undoing(rollback=both, approvals=(agreed(restores=both),)))).may_merge


@pytest.mark.security(20)
def test_a_person_raised_it_meanwhile_so_nothing_is_overwritten() -> None:
    """Twenty nodes since: the keys no longer hold our values."""
    raised = rollback(declared=pool(count=20), cluster=cluster(pool(count=20), pool(name="system", count=3)))

    verdict = judged(raised)

    assert (verdict.may_open, verdict.may_merge) == (False, False)
    assert "file-as-measured" in [line.rule for line in verdict.reasons]


@pytest.mark.security(20)
def test_what_takes_something_away_passes_nothing_by_whatever_was_agreed() -> None:
    lower = undoing(rollback=(("count", "4"),), approvals=(agreed(restores=(("count", "4"),)),))

    verdict = judged(rollback(4, undoes=lower))

    assert not verdict.may_open
    assert {"cool-down", "breaker", "one-at-a-time", "evidence-days"} <= {line.rule for line in verdict.reasons}
    assert line_of(verdict, "rollback-agreed").saw == "it takes something away"


STILL: list[tuple[str, dict[str, Any]]] = [
    ("run-permit", {"stop_reason": "stopped"}),
    ("stage", {"highest_stage": Stage.OBSERVE}),
    ("cluster-running", {"cluster": cluster(pool(count=5), state="Deleting")}),
    ("repave-pending", {"cluster": cluster(pool(count=5), is_repave_pending=True)}),
    ("live-equals-file", {"cluster": cluster(pool(count=9))}),
    ("edit-exact", {"edit": edit(("node_groups[1].count", "5", "60"))}),
    ("base-unmoved", {"is_base_blob_unmoved": False}),
    ("merge-exact", {"is_merge_exactly_the_plan": None}),
    ("only-ours", {"our_login": ""}),
    ("record-sound", {"is_record_sound": False}),
    ("record-sound", {"is_record_sound": None}),
    ("forge-rules", {"forge_rules": replace(RULES, may_bypass=True)}),
    ("forge-rules", {"forge_rules": None}),
    ("edit-understood", {"edit": replace(edit(("node_groups[1].count", "5", "6")), unsure=("who reads it",))}),
]


@pytest.mark.security(20)
@pytest.mark.parametrize(("rule", "changes"), STILL, ids=[f"{rule}-{index}" for index, (rule, _) in enumerate(STILL)])
def test_what_keeps_any_merge_safe_holds_a_rollback_too(rule: str, changes: dict[str, Any]) -> None:
    verdict = judged(rollback(**changes))

    assert not verdict.may_merge
    assert rule in [line.rule for line in verdict.reasons]


# ── what the policy says of rollbacks ────────────────────────────────────────────────────────────────────────────────
def ruled(when: str, more: str) -> Governance:
    return governance(policy=POLICY.replace(b"rules: []", f"rules: [{{name: extra, when: [{when}], {more}}}]".encode()))


@pytest.mark.parametrize(
    ("when", "more", "may_merge"),
    [
        ("{fact: pool.name, is: batch}", "tier: one-approval", True),
        ("{fact: pool.name, is: batch}", "tier: two-approvals", False),
        ("{fact: change.rule, is: rollback}", "tier: one-approval", False),
        ("{fact: change.rule, is-not: rollback}", "tier: two-approvals", True),
        ("{fact: pool.name, is: batch}", "holds: true", False),
        ("{fact: change.rule, is-not: rollback}", "holds: true", True),
    ],
)
def test_a_rule_asks_again_only_for_more_than_was_asked_then_or_where_it_is_about_rollbacks(when: str, more: str, may_merge: bool) -> None:
    verdict = judged(rollback(), ruled(when, more))

    assert verdict.may_merge is may_merge
    assert line_of(verdict, "policy: extra").held is may_merge


@pytest.mark.security(2)
def test_a_higher_number_of_rollbacks_a_day_counts_after_a_day() -> None:
    more = governance(policy=POLICY.replace(b"{auto", b"{rollbacks_per_day: 5, auto"))
    before = Earlier(until=NOW, commit="c0de" * 10, governance=governance())

    assert judge(rollback(rollbacks_today=4), more, NOW).may_merge
    assert not judge(rollback(rollbacks_today=4), more, NOW, [before]).may_merge


REQUESTED = ChangeRequest(number="CHG1", state="implement", approval="approved")
ASKING = replace(governance(), asks_change_requests=True)


@pytest.mark.security(20)
def test_a_tenant_that_asks_for_change_requests_asks_for_one_where_the_change_had_none() -> None:
    verdict = judged(rollback(), ASKING)

    assert [line.rule for line in verdict.reasons] == ["change-request"]
    assert line_of(verdict, "change-request").saw == "none found, nor one that stands and that the change it undoes was merged with"
    assert judged(rollback(change_request=REQUESTED), ASKING).may_merge


@pytest.mark.security(20)
@pytest.mark.parametrize("state", ["implement", "review", "closed"])
def test_the_change_request_of_a_change_covers_the_backout_that_was_agreed_on_with_it(state: str) -> None:
    """Whoever approved it approved its backout plan; a change is often closed by the time that it gets worse."""
    verdict = judged(rollback(undoes=undoing(change_request=replace(REQUESTED, state=state))), ASKING)

    assert verdict.may_merge
    assert "CHG1 of the change that it undoes is approved" in line_of(verdict, "change-request").saw


NOT_COVERED: list[tuple[str, Facts]] = [
    ("CHG1 is canceled, approved", rollback(undoes=undoing(change_request=replace(REQUESTED, state="canceled")))),
    ("CHG1 is in no known state, approved", rollback(undoes=undoing(change_request=replace(REQUESTED, state="")))),
    ("CHG1 is implement, rejected", rollback(undoes=undoing(change_request=replace(REQUESTED, approval="rejected")))),
    ("CHG1 is implement, approval unknown", rollback(undoes=undoing(change_request=replace(REQUESTED, approval="")))),
    ("CHG1 is implement, approved", rollback(undoes=undoing(approvals=(), change_request=REQUESTED))),
    ("CHG2 is new, requested", rollback(
        undoes=undoing(change_request=REQUESTED), change_request=ChangeRequest(number="CHG2", state="new", approval="requested"))),
    ("not read", rollback(undoes=undoing(change_request=REQUESTED), is_change_request_unread=True)),
]  # fmt: skip


@pytest.mark.security(20)
@pytest.mark.parametrize(("saw", "whole"), NOT_COVERED, ids=[saw for saw, _ in NOT_COVERED])
def test_a_backout_waits_for_a_change_request_of_its_own_where_nothing_approved_covers_it(saw: str, whole: Facts) -> None:
    """Also where nobody agreed to it in advance, and where one of its own says no."""
    verdict = judged(whole, ASKING)

    assert not verdict.may_merge
    assert not line_of(verdict, "change-request").held
    assert saw in line_of(verdict, "change-request").saw


def test_the_change_request_of_a_change_covers_nothing_that_takes_something_away() -> None:
    lower = undoing(rollback=(("count", "4"),), approvals=(agreed(restores=(("count", "4"),)),), change_request=REQUESTED)

    assert not line_of(judged(rollback(4, undoes=lower), ASKING), "change-request").held


# ── several at once ──────────────────────────────────────────────────────────────────────────────────────────────────
def together(*restores: tuple[str, str]) -> Facts:
    pools = (pool(count=5), pool(name="web", count=5), pool(name="system", count=30))
    members = tuple(
        replace(
            rollback(),
            finding=replace(rollback().finding, subject=Subject(cluster_uid=each.cluster_uid, pool=each.name, field="count")),
            edit=edit((f"node_groups[{number}].count", "5", "6")),
            declared=each,
            cluster=cluster(*pools),
            undoes=undoing(rollback=restores, approvals=(agreed(restores=restores),)),
        )
        for number, each in enumerate(pools[:2], 1)
    )
    changes = (("node_groups[1].count", "5", "6"), ("node_groups[2].count", "5", "6"))
    return replace(members[0], edit=edit(*changes), members=members)


@pytest.mark.security(20)
def test_what_came_together_is_undone_together_as_it_was_agreed() -> None:
    assert judged(together(("batch count", "6"), ("web count", "6"))).may_merge


@pytest.mark.security(20)
def test_of_several_each_value_must_have_been_agreed() -> None:
    verdict = judged(together(("batch count", "6"), ("web count", "7")))

    assert not verdict.may_merge
    assert verdict.may_open
    assert "it was agreed to restore" in line_of(verdict, "rollback-agreed").saw
