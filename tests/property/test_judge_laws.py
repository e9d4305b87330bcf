"""Laws of judging: it agrees with itself, a more careful fact never loosens anything, and only the list proves non-production."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.judgement import CONFIG, NOW, POLICY, RULES, UID, approved, chart, cluster, evidence, facts, finding, governance, pool
from trimtab.policy.judge import judge
from trimtab.records import Facts, Governance, Stage, Tier
from trimtab.units import Money

ORDER = (Tier.AUTO, Tier.ONE, Tier.TWO, Tier.REPORT)
GOVERNANCES = (
    governance(),
    governance(config=CONFIG.replace(b"stage: approve", b"stage: guarded")),
    governance(
        policy=POLICY.replace(b"rules: []", b"rules: [{name: gpu, when: [{fact: instance.gpus, at-least: 1}], tier: two-approvals}]")
    ),
)
names = st.sampled_from(["dev", "dev-east", "nonprod", "sandbox", "prod", "production", "PROD", "qa", "", "non-production"])


@st.composite
def findings(draw: st.DrawFn) -> Any:
    nodes_new = draw(st.integers(0, 12))
    measured = evidence(
        coverage=draw(st.sampled_from([0.0, 0.5, 0.95, 0.99, 1.0])),
        start=NOW - timedelta(days=draw(st.sampled_from([3, 14, 29, 30, 60]))),
        violations_new=draw(st.integers(0, 2)),
        judged_days=draw(st.sampled_from([0, 7])),
        chart=chart(peak=draw(st.sampled_from([10.0, 35.0, 44.0]))),
    )
    return finding(
        nodes_new=nodes_new,
        evidence=measured,
        is_repave=draw(st.booleans()),
        disruption=draw(st.sampled_from([(), ("queue is a StatefulSet.",)])),
        unknowns=draw(st.sampled_from([(), ("Local volumes were not read.",)])),
    )


@st.composite
def cases(draw: st.DrawFn) -> Facts:
    return facts(
        finding=draw(findings()),
        cluster=draw(
            st.sampled_from([cluster(), cluster(name="east-prod"), cluster(state="Deleting"), cluster(pool(capacity_type="spot")), None])
        ),
        nonproduction_since=draw(st.sampled_from([date(2026, 1, 5), date(2026, 11, 10), None])),
        highest_stage=draw(st.sampled_from(list(Stage))),
        owners=draw(st.sampled_from([(("batch", 1.0),), ()])),
        demand_now=draw(st.sampled_from([(17.0, 40.0), (50.0, 40.0), None])),
        forge_rules=draw(st.sampled_from([RULES, replace(RULES, may_bypass=True), None])),
        earlier=draw(st.sampled_from([(), ("rejected",)])),
        instance_gpus=draw(st.sampled_from([0, 8, None])),
        stop_reason=draw(st.sampled_from([None, "stopped"])),
    )


governances = st.sampled_from(GOVERNANCES)


@given(cases(), governances)
def test_judging_twice_agrees(case: Facts, rules: Governance) -> None:
    assert judge(case, rules, NOW) == judge(case, rules, NOW)


WORSE: dict[str, Any] = {
    "cluster": None,
    "declared": None,
    "place": None,
    "edit": None,
    "nonproduction_since": None,
    "highest_stage": Stage.OBSERVE,
    "owners": (),
    "demand_now": None,
    "forge_rules": None,
    "earlier": ("reverted",),
    "instance_gpus": None,
    "is_base_blob_unmoved": None,
    "is_merge_exactly_the_plan": None,
    "stop_reason": "no permit",
    "auto_merges_today": 99,
    "share_of_pools": 1.0,
    "our_login": "",
    "commits": (),
}


@given(cases(), governances, st.sampled_from(sorted(WORSE)))
def test_knowing_less_never_permits_more(case: Facts, rules: Governance, name: str) -> None:
    before, after = judge(case, rules, NOW), judge(replace(case, **{name: WORSE[name]}), rules, NOW)

    assert ORDER.index(after.tier) >= ORDER.index(before.tier) or name == "cluster"
    assert before.may_open or not after.may_open
    assert before.may_merge or not after.may_merge


@given(cases(), governances)
def test_the_tier_is_never_below_what_the_risk_asks(case: Facts, rules: Governance) -> None:
    verdict = judge(case, rules, NOW)

    floor = (Tier.AUTO, Tier.AUTO, Tier.ONE, Tier.TWO, Tier.REPORT)[verdict.risk.level]
    assert ORDER.index(verdict.tier) >= ORDER.index(floor)


@given(cases(), governances)
def test_an_unknown_dimension_is_never_low_risk(case: Facts, rules: Governance) -> None:
    risk = judge(case, rules, NOW).risk

    if None in risk.dimensions().values():
        assert risk.word in {"high", "severe"}


@given(cases(), governances, st.decimals(-10_000, 10_000, places=2))
def test_savings_never_matter(case: Facts, rules: Governance, saving: Decimal) -> None:
    money = Money(saving, "USD")
    other = replace(case, finding=replace(case.finding, saving_list=money, saving_effective=money))

    assert judge(other, rules, NOW) == judge(replace(case, finding=replace(case.finding, saving_effective=money)), rules, NOW)


@given(cases())
def test_without_rules_nothing_opens(case: Facts) -> None:
    verdict = judge(case, None, NOW)

    assert (verdict.may_open, verdict.may_merge, verdict.tier) == (False, False, Tier.REPORT)


@pytest.mark.security(4)
@given(names, names, names, names, governances)
def test_an_unlisted_cluster_never_merges_by_itself_whatever_it_calls_itself(
    name: str, project: str, folder: str, tag: str, rules: Governance
) -> None:
    """Security 4: names, labels, projects and paths can only take permission away."""
    plain = facts()
    assert plain.place is not None
    renamed = replace(
        plain,
        nonproduction_since=None,
        cluster=cluster(pool(labels={"env": tag}), name=name, project=project, tags={"env": tag, "stage": tag}, namespaces=(tag,)),
        place=replace(plain.place, path=f"{folder}/clusters/dev.yaml"),
    )

    verdict = judge(renamed, rules, NOW)

    assert verdict.tier is not Tier.AUTO
    assert not verdict.may_merge


@given(cases(), governances)
def test_whatever_may_merge_has_no_veto_and_enough_people(case: Facts, rules: Governance) -> None:
    told = approved(case, rules, ("platform-owner", "forge"), ("ml-owner", "forge")) if case.edit else case

    verdict = judge(told, rules, NOW)

    if verdict.may_merge:
        assert not [line for line in verdict.reasons if line.effect in {"blocks", "waits"}]
        assert verdict.tier is not Tier.REPORT
        assert case.stop_reason is None
        assert case.finding.subject.cluster_uid == UID
