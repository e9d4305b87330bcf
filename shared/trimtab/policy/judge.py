"""May this open, may it merge, and why: vetoes first, then the worst dimension of risk, then what the policy adds, then people.

    tier          from risk                      lifted by
    auto-merge    low, and nothing asks for a    any line of `persons`
                  person
    one-approval  low or medium                  a policy rule
    two-approvals high, or a dimension unknown   a policy rule
    report-only   severe                         the observe stage, or no readable policy

Everything here is a pure function of its arguments: judging twice agrees, and the reasons are the verdict.
"""

from datetime import datetime

from trimtab.policy.approvals import allowed_approvers, approval_lines, gate_line
from trimtab.policy.binding import binding_of, moved
from trimtab.policy.case import POLICY, Case, line
from trimtab.policy.facts import applies, seen
from trimtab.policy.persons import ASKS
from trimtab.policy.risk import Scales, risk_of
from trimtab.policy.scope import stage_of
from trimtab.policy.vetoes import VETOES
from trimtab.records import EvidenceFloor, Facts, Governance, PolicyRule, Stage, Tier, Verdict, VerdictLine

_ORDER = (Tier.AUTO, Tier.ONE, Tier.TWO, Tier.REPORT)
_BY_RISK = (Tier.AUTO, Tier.AUTO, Tier.ONE, Tier.TWO, Tier.REPORT)


def judge(facts: Facts, governance: Governance | None, now: datetime) -> Verdict:
    """The verdict on one change, from facts loaded before; without readable rules nothing opens and nothing merges."""
    if governance is None:
        return _without_rules(facts, now)
    risk = risk_of(facts, Scales(now=now, floor=governance.evidence))
    case = Case(facts=facts, governance=governance, now=now, risk=risk, stage=stage_of(facts, governance))
    asks = [ask(case) for ask in ASKS]
    rules = [_rule_line(rule, case) for rule in governance.rules]
    tier = tier_of(case, asks)
    lines = (*(veto(case) for veto in VETOES), *asks, *rules, gate_line(case), *approval_lines(case, tier))
    return Verdict(
        tier=tier,
        may_open=_all_held(lines, "blocks"),
        may_merge=_all_held(lines, "blocks", "waits"),
        risk=risk,
        lines=lines,
        policy_version=governance.version,
        judged_at=now,
        approvers=allowed_approvers(facts, governance),
    )


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
    saw, wanted = "missing or unreadable", "readable rules at the tip of the default branch"
    return Verdict(
        tier=Tier.REPORT,
        may_open=False,
        may_merge=False,
        risk=risk_of(facts, Scales(now=now, floor=EvidenceFloor())),
        lines=(line("governance", "blocks", held=False, saw=saw, wanted=wanted, source=".trimtab/"),),
        policy_version="",
        judged_at=now,
    )


__all__ = ["binding_of", "judge", "moved"]
