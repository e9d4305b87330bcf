"""A rollback: what it may pass by, and whether people agreed to it in advance, when they agreed to the change that it undoes.

It gives back what was there, so it may only ever add. What was agreed on in advance merges without asking again, at any hour, and by
exactly the values that the approvals were bound to; anything else is a person's to decide.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from trimtab.policy.binding import restored
from trimtab.policy.risk import only_adds
from trimtab.records import Approval, Facts, Governance, Tier, Undoing, VerdictLine

UNDONE_WITHIN = timedelta(days=7)
"""How long after a merge what was agreed then still stands."""
PASSES_BY: Mapping[str, str] = {
    "evidence-days": "its proof is the change that it undoes",
    "evidence-coverage": "its proof is the change that it undoes",
    "evidence-fresh": "its proof is the change that it undoes",
    "demand-fits": "it only adds",
    "cluster-healthy": "it is there to make it well",
    "slo-burning": "it is there to make it well",
    "one-at-a-time": "it comes first",
    "cool-down": "it comes first",
    "breaker": "it only adds",
    "breaker-of-the-day": "it only adds",
    "open-limit": "it comes first",
}
"""Rules that hold back no rollback that only adds."""
PASSES_BY_AGREED: Mapping[str, str] = dict.fromkeys(
    (
        "freeze", "low-risk", "low-risk-together", "guarded-stage", "nonproduction", "production-marks", "backtest", "disruption",
        "earlier", "has-window",
    ),
    "agreed on in advance",
)  # fmt: skip
"""And those that hold back none that was agreed on in advance."""
PASSES_BY_COVERED: Mapping[str, str] = {"change-request": "is approved, and a change request covers its backout"}
"""And the one that holds back none that was agreed on together with a change request: that one is said before these words."""


def is_restoring(facts: Facts) -> bool:
    """True for a rollback that only adds."""
    return facts.finding.rule == "rollback" and all(only_adds(each.finding) for each in facts.members or (facts,))


def passed_by(entry: VerdictLine, facts: Facts, *, is_agreed: bool) -> str:
    """Why a rollback need not wait for this rule; "" = it must, as any change."""
    if not is_restoring(facts):
        return ""
    return PASSES_BY.get(entry.rule, "") or (PASSES_BY_AGREED.get(entry.rule, "") or _covered(entry, facts) if is_agreed else "")


def _covered(entry: VerdictLine, facts: Facts) -> str:
    """A backout is part of the change that was requested; one that has a change request of its own goes by that."""
    its = facts.undoes.change_request if facts.undoes else None
    if entry.rule not in PASSES_BY_COVERED or its is None or facts.change_request is not None or facts.is_change_request_unread:
        return ""
    is_good = its.approval == "approved" and its.state not in {"", "canceled"}
    return f"{its.number} of the change that it undoes {PASSES_BY_COVERED[entry.rule]}" if is_good else ""


def not_agreed(facts: Facts, governances: Sequence[Governance], now: datetime) -> str | None:
    """Why nobody agreed to this rollback in advance; "" = people did, None = it is no rollback."""
    if facts.finding.rule != "rollback":
        return None
    undoes = facts.undoes
    if undoes is None:
        return "what it undoes is not known"
    values = set(restored(facts, lambda change: change.new))
    most = min(governance.limits.rollbacks_per_day for governance in governances)
    problems = {
        "it takes something away": not is_restoring(facts),
        f"the change was merged on {undoes.merged_at:%Y-%m-%d}, and what was agreed then stands for {UNDONE_WITHIN.days} days": (
            not undoes.merged_at <= now <= undoes.merged_at + UNDONE_WITHIN
        ),
        f"it was agreed to restore {_shown(undoes.rollback)}, not {_shown(values)}": not values or not values <= set(undoes.rollback),
        "the change was undone once already": undoes.was_undone,
        f"{facts.rollbacks_today} were rolled back today; by itself fewer than {most}": facts.rollbacks_today >= most,
        f"the approvals of the change no longer suffice for {undoes.tier}": not _suffice(undoes, values),
    }
    return next((problem for problem, is_true in problems.items() if is_true), "")


def _shown(pairs: object) -> str:
    return ", ".join(f"{field} {value}" for field, value in sorted(pairs)) or "nothing"  # type: ignore[call-overload]


def _suffice(undoes: Undoing, values: set[tuple[str, str]]) -> bool:
    """As many people as the change needed, each of whom said yes to these very values too."""
    counted = [approval for approval in undoes.approvals if values <= set(approval.binding.rollback)]
    match undoes.tier:
        case Tier.AUTO:
            return True
        case Tier.ONE:
            return bool(counted)
        case Tier.TWO:
            return len({approval.person for approval in counted}) > 1 and any(approval.via == "forge" for approval in counted)
        case Tier.REPORT:
            return False


def agreed_by(approvals: Sequence[Approval]) -> str:
    """Who agreed, for people."""
    return ", ".join(f"{approval.person} ({approval.via})" for approval in approvals) or "the rules: it needed nobody"
