"""What stands in `.trimtab/` and does nothing, or not what its author meant, is told by name; what may be right is left alone."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.judgement import CONFIG, NOW, OWNERS, POLICY, UID, facts, finding, governance, pool
from trimtab.policy.facts import FACTS, View, is_met
from trimtab.policy.lint import DOMAINS, Known, lint
from trimtab.policy.risk import Scales
from trimtab.records import ClusterUid, Condition, Governance, PeopleGroup, PersonId, PolicyRule, Stage, Tier


def ruled(*when: str) -> Governance:
    """The rules with one more, of these conditions."""
    conditions = ", ".join(when)
    return governance(policy=POLICY.replace(b"rules: []", f"rules: [{{name: mine, when: [{conditions}], tier: two-approvals}}]".encode()))


NEVER = [
    ("{fact: risk.level, at-least: 5}",),
    ("{fact: risk.level, is: 1}", "{fact: risk.level, is: 2}"),
    ("{fact: pool.count, at-least: 9}", "{fact: pool.count, at-most: 3}"),
    ("{fact: pool.count, at-most: -1}",),
    ("{fact: cluster.cloud, is: alibaba}",),
    ("{fact: cluster.name, is: a}", "{fact: cluster.name, in: [b, c]}"),
    ("{fact: cluster.name, is: dev-east}", "{fact: cluster.name, matches: 'prod-.*'}"),
    ("{fact: cluster.name, in: [a, b]}", "{fact: cluster.name, not-in: [a, b]}"),
    ("{fact: change.repave, is: true}", "{fact: change.repave, is-not: true}"),
    ("{fact: time.weekday, is: monday}",),
    ("{fact: time.hour, at-least: 24}",),
    ("{fact: time.date, is: '2025-12-24'}",),
    ("{fact: evidence.coverage, at-least: 1.5}",),
]
SOMETIMES = [
    ("{fact: risk.level, at-least: 4}",),
    ("{fact: pool.count, at-least: 3}", "{fact: pool.count, at-most: 3}"),
    ("{fact: pool.count, at-least: 0}", "{fact: pool.count, is-not: 0}"),
    ("{fact: saving.monthly, at-most: -5}",),
    ("{fact: cluster.name, matches: 'prod-.*'}", "{fact: cluster.name, is-not: prod-web}"),
    ("{fact: cluster.name, is: a}", "{fact: project.name, is: b}"),
    ("{fact: time.date, in: ['2025-12-24', '2026-12-24']}",),
    ("{fact: actors.requested_by, is: ann}", "{fact: actors.requested_by, is: bob}"),
    ("{fact: evidence.coverage, at-most: 0.95}",),
]


@pytest.mark.parametrize("when", NEVER)
def test_a_rule_that_can_never_match_is_named(when: tuple[str, ...]) -> None:
    """Its author believes that something is held back by it."""
    (said,) = lint(ruled(*when), NOW)

    assert said.startswith(".trimtab/policy.yaml: rules[0] (mine): ")
    assert "is never" in said


@pytest.mark.parametrize("when", SOMETIMES)
def test_a_rule_that_may_match_is_left_alone(when: tuple[str, ...]) -> None:
    assert lint(ruled(*when), NOW) == ()


numbers = sorted(name for name, fact in FACTS.items() if fact.kind == "number")
texts = sorted(name for name, fact in FACTS.items() if fact.kind == "text" and name not in DOMAINS and name != "time.date")
bounds = st.integers(-2, 30)


@st.composite
def conditions(draw: st.DrawFn) -> tuple[Condition, ...]:
    """Several conditions on one fact."""
    if draw(st.booleans()):
        name = draw(st.sampled_from(numbers))
        values: Any = bounds
        operators = ["is", "is-not", "at-most", "at-least"]
    else:
        name = draw(st.sampled_from(texts))
        values = st.sampled_from(["a", "b", "dev-east", "batch", "gitops", ".*"])
        operators = ["is", "is-not", "matches"]
    made = [Condition(fact=name, operator=draw(st.sampled_from(operators)), value=draw(values)) for _ in range(draw(st.integers(1, 4)))]
    return tuple(made)


@given(conditions(), bounds, st.sampled_from(["a", "b", "dev-east", "batch", "gitops", ".*", "z"]))
def test_what_is_called_impossible_no_value_meets(when: tuple[Condition, ...], number: int, text: str) -> None:
    """The other way round nobody promises: what is not called impossible may still be."""
    rule = PolicyRule(name="mine", when=when, tier=Tier.TWO)
    name = when[0].fact
    low, high = (0.0, 1.0) if name == "evidence.coverage" else (0.0, 4.0) if name.startswith("risk.") else (0.0, float("inf"))
    high = 23.0 if name == "time.hour" else high
    value: Any = text if FACTS[name].kind == "text" else float(number)

    is_named = any("is never" in said for said in lint(replace(governance(), rules=(rule,)), NOW))

    could_be = FACTS[name].kind == "text" or name.startswith("saving.") or low <= value <= high
    assert not (is_named and could_be and all(is_met(condition, value) for condition in when))


def test_a_real_change_never_matches_what_is_called_impossible() -> None:
    view = View(facts=facts(), scales=Scales(now=NOW, floor=governance().evidence), layouts=governance().layouts)

    for name, domain in DOMAINS.items():
        value = FACTS[name].read(view)
        assert value is None or value in domain, name


def test_a_rule_that_stands_there_twice_under_two_names_is_named() -> None:
    twice = b"rules: [{name: a, when: [{fact: risk.level, at-least: 2}], tier: two-approvals}, "
    twice += b"{name: b, when: [{fact: risk.level, at-least: 2}], tier: two-approvals}]"

    assert lint(governance(policy=POLICY.replace(b"rules: []", twice)), NOW) == (
        ".trimtab/policy.yaml: rules[1] (b): says the same as an earlier rule",
    )


def test_a_freeze_that_is_over_is_named_and_one_to_come_is_not() -> None:
    rules = governance(policy=POLICY + b"freezes: [{name: sale, start: 2026-11-17, end: 2026-11-20}]\n")

    assert lint(rules, NOW) == ()
    assert lint(rules, NOW + timedelta(days=9)) == (
        ".trimtab/policy.yaml: freezes[0] (sale): ended on 2026-11-21; it holds nothing any more",
    )


def test_a_window_without_a_working_day_is_named() -> None:
    rules = governance(policy=POLICY.replace(b"[mon, tue, wed, thu]", b"[sat, sun]"))

    assert "windows[0]: sat, sun: no working day" in "".join(lint(rules, NOW))


def test_a_guarded_stage_that_can_never_merge_by_itself_is_named() -> None:
    without = POLICY.partition(b"windows:")[0] + b"limits: {auto_merges_per_day: 2}\n"

    assert "windows: there is none" in "".join(lint(governance(policy=without), NOW))
    assert "auto_merges_per_day: 0" in "".join(lint(governance(policy=POLICY.replace(b"per_day: 2", b"per_day: 0")), NOW))
    assert lint(governance(config=CONFIG.replace(b"guarded", b"approve"), policy=without), NOW) == ()


def test_a_stage_beyond_the_deployments_ceiling_is_named() -> None:
    said = lint(governance(), NOW, ceiling=Stage.APPROVE)

    assert ".trimtab/config.yaml: stages[0].stage: guarded is more than the deployment allows; approve is what happens" in said
    assert lint(governance(), NOW, ceiling=Stage.GUARDED) == ()


def test_approvers_of_what_nobody_knows_are_named_and_only_where_something_is_known() -> None:
    scopes = "approvers:\n  - {cluster_uid: 64b0c0ffee64b0c0ffee0099, people: [ml-owner]}\n  - {pool: attic, people: [ml-owner]}\n"
    scopes += "  - {pool: batch, path: 'other/**', people: [ml-owner]}\n"
    rules = governance(owners=OWNERS.partition(b"approvers:")[0] + scopes.encode())
    known = Known(
        clusters={UID: "dev-east"},
        pools=frozenset({(UID, pool().name), (UID, finding().subject.thing)}),
        paths=frozenset({"clusters/dev/dev-east.yaml"}),
    )

    said = lint(rules, NOW, known=known)

    assert [line.partition(": ")[2].partition(":")[0] for line in said] == ["approvers[0]", "approvers[1]", "approvers[2]"]
    assert lint(rules, NOW) == ()


def test_a_group_in_which_nobody_is_listed_is_named() -> None:
    base = governance()
    rules = replace(base, approvers=(*base.approvers, replace(base.approvers[0], people=(), groups=("github:acme/gone", "slack:S0FULL"))))
    known = Known(
        clusters={ClusterUid("x"): ""},
        groups={
            "github:acme/gone": PeopleGroup(name="github:acme/gone", people=(), problem="there is no such team"),
            "slack:S0FULL": PeopleGroup(name="slack:S0FULL", people=(PersonId("ml-owner"),)),
        },
    )

    assert lint(rules, NOW, known=known) == (
        ".trimtab/owners.yaml: approvers[1].groups: github:acme/gone: there is no such team, when somebody last decided",
    )


def test_nobody_at_all_is_named() -> None:
    base = governance()

    assert "there is none" in lint(replace(base, approvers=()), NOW)[0]
    assert "names nobody" in lint(replace(base, approvers=(replace(base.approvers[0], people=()),)), NOW)[0]
