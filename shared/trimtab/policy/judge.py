"""May this open, may it merge, and why: vetoes first, then the worst dimension of risk, then what the policy adds, then people.

    tier          from risk                      lifted by
    auto-merge    low, and nothing asks for a    any line of `persons`
                  person
    one-approval  low or medium                  a policy rule
    two-approvals high, or a dimension unknown   a policy rule
    report-only   severe                         the observe stage, or no readable policy

Everything here is a pure function of its arguments: judging twice agrees, and the reasons are the verdict.
"""

from dataclasses import replace
from datetime import datetime

from trimtab.policy.approvals import allowed_approvers, approval_lines, gate_line
from trimtab.policy.binding import binding_of, moved
from trimtab.policy.case import CODE, POLICY, Case, line
from trimtab.policy.facts import applies, seen
from trimtab.policy.persons import ASKS
from trimtab.policy.risk import Scales, risk_of, risk_together
from trimtab.policy.scope import stage_of
from trimtab.policy.vetoes import VETOES, edit_whole
from trimtab.records import EvidenceFloor, Facts, Governance, PolicyRule, Stage, Tier, Verdict, VerdictLine

_ORDER = (Tier.AUTO, Tier.ONE, Tier.TWO, Tier.REPORT)
_BY_RISK = (Tier.AUTO, Tier.AUTO, Tier.ONE, Tier.TWO, Tier.REPORT)


def judge(facts: Facts, governance: Governance | None, now: datetime) -> Verdict:
    """The verdict on one change, from facts loaded before; without readable rules nothing opens and nothing merges."""
    if governance is None:
        return _without_rules(facts, now)
    if facts.members:
        return _judge_together(facts, governance, now)
    case = _case(facts, governance, now)
    asks = [ask(case) for ask in ASKS]
    rules = [_rule_line(rule, case) for rule in governance.rules]
    tier = tier_of(case, asks)
    lines = (*(veto(case) for veto in VETOES), *asks, *rules, gate_line(case), *approval_lines(case, tier))
    return _verdict(case, tier, lines)


def _case(facts: Facts, governance: Governance, now: datetime) -> Case:
    risk = risk_of(facts, Scales(now=now, floor=governance.evidence))
    return Case(facts=facts, governance=governance, now=now, risk=risk, stage=stage_of(facts, governance))


def _verdict(case: Case, tier: Tier, lines: tuple[VerdictLine, ...]) -> Verdict:
    return Verdict(
        tier=tier,
        may_open=_all_held(lines, "blocks"),
        may_merge=_all_held(lines, "blocks", "waits"),
        risk=case.risk,
        lines=lines,
        policy_version=case.governance.version,
        judged_at=case.now,
        approvers=allowed_approvers(case.facts, case.governance),
    )


# ── several changes at once ──────────────────────────────────────────────────────────────────────────────────────────
def _judge_together(facts: Facts, governance: Governance, now: datetime) -> Verdict:
    """Each change judged by itself, and the most careful word of all counts: what one of them may not, none of them may."""
    cases = [_case(member, governance, now) for member in facts.members]
    risk = risk_together(facts.members, [case.risk for case in cases])
    whole = replace(_case(facts, governance, now), risk=risk, stage=min((case.stage for case in cases), key=lambda stage: stage.rank))
    asks = [[ask(case) for ask in ASKS] for case in cases]
    tiers = [tier_of(case, asked) for case, asked in zip(cases, asks, strict=True)]
    tier = max((*tiers, _BY_RISK[risk.level]), key=_ORDER.index)
    said = [
        (*(veto(case) for veto in VETOES), *asked, *(_rule_line(rule, case) for rule in governance.rules))
        for case, asked in zip(cases, asks, strict=True)
    ]
    each = [entry for lines in zip(*said, strict=True) for entry in _of_all(facts.members, lines)]
    lines = (edit_whole(facts), *each, _risk_of_all(whole, cases), gate_line(whole), *approval_lines(whole, tier))
    risks = tuple((case.facts.finding.subject.pool, case.risk) for case in cases)
    return replace(_verdict(whole, tier, lines), risks=risks)


def _of_all(members: tuple[Facts, ...], lines: tuple[VerdictLine, ...]) -> tuple[VerdictLine, ...]:
    """One line where it is the same for all; else one for each, which says whose it is."""
    if all(entry == lines[0] for entry in lines):
        return lines[:1]
    return tuple(replace(entry, saw=f"{member.finding.subject.pool}: {entry.saw}") for member, entry in zip(members, lines, strict=True))


def _risk_of_all(whole: Case, cases: list[Case]) -> VerdictLine:
    """Several small changes of one cluster are a larger one, and may need a person where none of them does."""
    worst = max(case.risk.level for case in cases)
    saw = f"{whole.risk.word} for all {len(cases)} together"
    held = whole.risk.level <= max(1, worst)
    return line("low-risk-together", "needs-person", held=held, saw=saw, wanted="low, or no more than the riskiest of them", source=CODE)


def tier_of(case: Case, asks: list[VerdictLine]) -> Tier:
    """The most careful of what risk, the asking lines, the policy's rules and the stage want."""
    wanted = [_BY_RISK[case.risk.level]]
    wanted += [Tier.ONE for ask in asks if not ask.held]
    wanted += [rule.tier for rule in case.governance.rules if applies(rule, case.facts, case.scales)]
    wanted += [Tier.REPORT] if case.stage is Stage.OBSERVE else []
    return max(wanted, key=_ORDER.index)


def _rule_line(rule: PolicyRule, case: Case) -> VerdictLine:
    is_raised = applies(rule, case.facts, case.scales)
    wanted = f"{rule.tier} where this rule matches"
    return line(
        f"policy: {rule.name}", "needs-person", held=not is_raised, saw=seen(rule, case.facts, case.scales), wanted=wanted, source=POLICY
    )


def _all_held(lines: tuple[VerdictLine, ...], *effects: str) -> bool:
    return all(entry.held for entry in lines if entry.effect in effects)


def _without_rules(facts: Facts, now: datetime) -> Verdict:
    scales, members = Scales(now=now, floor=EvidenceFloor()), facts.members or (facts,)
    risks = [risk_of(member, scales) for member in members]
    saw, wanted = "missing or unreadable", "readable rules at the tip of the default branch"
    return Verdict(
        tier=Tier.REPORT,
        may_open=False,
        may_merge=False,
        risk=risk_together(members, risks) if facts.members else risks[0],
        lines=(line("governance", "blocks", held=False, saw=saw, wanted=wanted, source=".trimtab/"),),
        policy_version="",
        judged_at=now,
    )


__all__ = ["binding_of", "judge", "moved"]
