"""May this open, may it merge, and why: vetoes first, then the worst dimension of risk, then what the policy adds, then people.

    tier          from risk                      lifted by
    auto-merge    low, and nothing asks for a    any line of `persons`
                  person
    one-approval  low or medium                  a policy rule
    two-approvals high, or a dimension unknown   a policy rule
    report-only   severe                         the observe stage, or no readable policy

Rules that were in force within the last day have their say too (`earlier`), and the most careful word of all counts. A rollback that
people agreed to in advance needs nobody again (`rollback`). Everything here is a pure function of its arguments: judging twice agrees,
and the reasons are the verdict.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from trimtab.policy.approvals import Ballot, allowed_approvers, approval_lines, asker_problem, ballot_of, counted_of, gate_line
from trimtab.policy.binding import binding_of, moved
from trimtab.policy.case import CODE, POLICY, Case, line
from trimtab.policy.earlier import ORDER, Earlier, counting, earlier_line
from trimtab.policy.facts import View, applies, seen
from trimtab.policy.persons import ASKS
from trimtab.policy.risk import Scales, risk_of, risk_together
from trimtab.policy.rollback import is_restoring, not_agreed, passed_by
from trimtab.policy.scope import stage_of
from trimtab.policy.vetoes import VETOES, edit_whole
from trimtab.records import Approval, EvidenceFloor, Facts, Governance, PersonId, PolicyRule, Risk, Stage, Tier, Verdict, VerdictLine

_BY_RISK = (Tier.AUTO, Tier.AUTO, Tier.ONE, Tier.TWO, Tier.REPORT)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Word:
    """What one version of the rules says of a change, people aside."""

    case: Case
    tier: Tier
    lines: tuple[VerdictLine, ...]
    risks: tuple[tuple[str, Risk], ...] = ()


def judge(facts: Facts, governance: Governance | None, now: datetime, earlier: Sequence[Earlier] = ()) -> Verdict:
    """The verdict on one change, from facts loaded before; without readable rules nothing opens and nothing merges.

    `earlier` are versions of the rules before this one; those that were the newest less than a day ago count.
    """
    return _weighed(facts, governance, now, earlier)[0] if governance else _without_rules(facts, now)


def counted_approvals(facts: Facts, governance: Governance | None, now: datetime, earlier: Sequence[Earlier] = ()) -> tuple[Approval, ...]:
    """Of everybody's yes, those that the same judgement counts."""
    return counted_of(_weighed(facts, governance, now, earlier)[1]) if governance else ()


def why_not_ask(person: PersonId, facts: Facts, governance: Governance | None, now: datetime, earlier: Sequence[Earlier] = ()) -> str:
    """Why a person may not ask for this change to be taken back, by the same rules and people as the judgement; "" = they may."""
    return asker_problem(person, _weighed(facts, governance, now, earlier)[1]) if governance else "the rules in .trimtab/ cannot be read"


def _weighed(facts: Facts, governance: Governance, now: datetime, earlier: Sequence[Earlier]) -> tuple[Verdict, Ballot]:
    before = counting(earlier, now)
    governances = (governance, *(version.governance for version in before if version.governance is not None))
    undoing = not_agreed(facts, governances, now)
    word = _word(facts, governance, now, undoing)
    words = [_word(facts, version.governance, now, undoing) if version.governance else None for version in before]
    said = [
        earlier_line(version, version.until or now, (word.tier, word.lines), (then.tier, then.lines) if then else None)
        for version, then in zip(before, words, strict=True)
    ]
    tier = max((word.tier, *(then.tier for then in words if then)), key=ORDER.index)
    ballot = ballot_of(word.case, tier, governances)
    lines = (*word.lines, *said, gate_line(ballot), *approval_lines(ballot))
    verdict = Verdict(
        tier=tier,
        may_open=_all_held(lines, "blocks"),
        may_merge=_all_held(lines, "blocks", "waits"),
        risk=word.case.risk,
        lines=lines,
        policy_version=governance.version,
        judged_at=now,
        approvers=allowed_approvers(ballot),
        risks=word.risks,
    )
    return verdict, ballot


def _word(facts: Facts, governance: Governance, now: datetime, undoing: str | None) -> _Word:
    if facts.members:
        return _word_together(facts, governance, now, undoing)
    case = _case(facts, governance, now, undoing)
    asks = _asks(case)
    return _Word(case=case, tier=tier_of(case, asks), lines=(*_vetoes(case), *asks, *_rules(case)))


def _case(facts: Facts, governance: Governance, now: datetime, undoing: str | None) -> Case:
    risk = risk_of(facts, Scales(now=now, floor=governance.evidence))
    return Case(facts=facts, governance=governance, now=now, risk=risk, stage=stage_of(facts, governance), undoing=undoing)


def _vetoes(case: Case) -> tuple[VerdictLine, ...]:
    return tuple(_or_passed_by(veto(case), case) for veto in VETOES)


def _asks(case: Case) -> tuple[VerdictLine, ...]:
    return tuple(_or_passed_by(ask(case), case) for ask in ASKS)


def _rules(case: Case) -> tuple[VerdictLine, ...]:
    return tuple(_rule_line(rule, case) for rule in case.governance.rules)


def _or_passed_by(entry: VerdictLine, case: Case) -> VerdictLine:
    """A line as it is; or held, where a rollback need not wait for it, with the reason."""
    why = "" if entry.held else passed_by(entry, case.facts, is_agreed=case.undoing == "")
    return replace(entry, held=True, saw=f"{entry.saw}; a rollback does not wait for it: {why}") if why else entry


# ── several changes at once ──────────────────────────────────────────────────────────────────────────────────────────
def _word_together(facts: Facts, governance: Governance, now: datetime, undoing: str | None) -> _Word:
    """Each change judged by itself, and the most careful word of all counts: what one of them may not, none of them may."""
    cases = [_case(member, governance, now, undoing) for member in facts.members]
    risk = risk_together(facts.members, [case.risk for case in cases])
    stage = min((case.stage for case in cases), key=lambda stage: stage.rank)
    whole = replace(_case(facts, governance, now, undoing), risk=risk, stage=stage)
    asks = [_asks(case) for case in cases]
    of_all = _or_passed_by(_risk_of_all(whole, cases), whole)
    tiers = [tier_of(case, asked) for case, asked in zip(cases, asks, strict=True)]
    tiers.append(_by_risk(whole))
    said = [(*_vetoes(case), *asked, *_rules(case)) for case, asked in zip(cases, asks, strict=True)]
    each = [entry for lines in zip(*said, strict=True) for entry in _of_all(facts.members, lines)]
    return _Word(
        case=whole,
        tier=max(tiers, key=ORDER.index),
        lines=(edit_whole(facts), *each, of_all),
        risks=tuple((case.facts.finding.subject.pool, case.risk) for case in cases),
    )


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


def tier_of(case: Case, asks: Sequence[VerdictLine]) -> Tier:
    """The most careful of what risk, the asking lines, the policy's rules and the stage want.

    Of a rollback that was agreed on, risk was weighed when that was; rules ask again only for more than was asked then.
    """
    wanted = [_by_risk(case)]
    wanted += [Tier.ONE for ask in asks if not ask.held]
    wanted += [rule.tier for rule in case.governance.rules if rule.tier is not None and _asks_anew(rule, case)]
    wanted += [Tier.REPORT] if case.stage is Stage.OBSERVE else []
    return max(wanted, key=ORDER.index)


def _by_risk(case: Case) -> Tier:
    """What risk asks for; what only gives back is never too risky for people to decide, however little was measured of it."""
    if case.undoing == "":
        return Tier.AUTO
    tier = _BY_RISK[case.risk.level]
    return Tier.TWO if tier is Tier.REPORT and is_restoring(case.facts) else tier


def _asks_anew(rule: PolicyRule, case: Case) -> bool:
    """True where a rule asks for its tier: of a rollback that was agreed on only where that is more, or it is about what found it."""
    if rule.tier is None or not applies(rule, _view(rule, case)):
        return False
    if case.undoing != "" or case.facts.undoes is None:
        return True
    is_about_rollbacks = any(condition.fact == "change.rule" for condition in rule.when)
    return is_about_rollbacks or ORDER.index(rule.tier) > ORDER.index(case.facts.undoes.tier)


def _rule_line(rule: PolicyRule, case: Case) -> VerdictLine:
    """A rule that holds waits until a condition no longer holds; one with a tier asks for people."""
    view = _view(rule, case)
    asked = [str(rule.tier)] if rule.tier is not None else []
    wanted = " and ".join([*asked, *(["no merge"] if rule.holds else [])])
    return line(
        f"policy: {rule.name}",
        "waits" if rule.holds else "needs-person",
        held=not (applies(rule, view) if rule.holds else _asks_anew(rule, case)),
        saw=seen(rule, view),
        wanted=f"{wanted} where this rule matches",
        source=POLICY,
    )


def _view(rule: PolicyRule, case: Case) -> View:
    return View(facts=case.facts, scales=case.scales, layouts=case.governance.layouts, time_zone=rule.time_zone)


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


__all__ = ["binding_of", "counted_approvals", "judge", "moved", "why_not_ask"]
