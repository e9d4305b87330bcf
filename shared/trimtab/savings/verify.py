"""Promised against measured: what a merged change really saved, and whether the pool is still well. What is not known is not health.

Where the promise is what is really saved, it is measured as that: what the bill charges a day for the pool's machines that nothing covers
(analysis/savings.py promises by the same definition; what a commitment pays for anyway is in neither). Where only a saving at list price
was promised, or the bill has no days before the change to compare with, list cost is measured.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from trimtab.records import Finding, Outcome, Proposal
from trimtab.savings.health import Health
from trimtab.units import HOURS_PER_MONTH, Money

FIRST_DAYS = 7
"""Whole billed days after the change: a week has every weekday once. Over less, a saving is not measured."""
LAST_DAYS = 30
"""After so many it is measured once more, and that stands."""
LEAST_DAYS = 3
"""Whole billed days before the change."""
HOURS_A_DAY = 24


@dataclass(frozen=True, kw_only=True, slots=True)
class NodeHours:
    """One whole day of a pool on the bill."""

    day: str
    """YYYY-MM-DD."""
    hours: Decimal
    list_cost: Decimal
    paid: Decimal | None = None
    """What was charged for its machines that no commitment covers; None = the bill's summary does not say."""


def outcome(
    *,
    proposal: Proposal,
    merged_at: datetime,
    now: datetime,
    health: Health,
    after: Sequence[NodeHours],
    before: Sequence[NodeHours] = (),
) -> Outcome:
    """What an applied change did. `after` and `before` are whole billed days; without `before`, a static pool's old size stands for it.

    Of a quota nothing is measured before its first week is over, either.
    """
    billed = [day for day in after if day.hours > 0]
    promised, measured, money_note = _measured(proposal.finding, billed, [day for day in before if day.hours > 0], now - merged_at)
    return Outcome(
        proposal=proposal.id,
        is_applied=True,
        is_healthy=health.is_healthy,
        promised=promised,
        measured=measured,
        days=len(billed) or max(0, (now - merged_at).days),
        notes=(health.note, money_note),
    )


def together(outcomes: Sequence[tuple[str, Outcome]]) -> Outcome:
    """What several changes did that were made at once: all of them well, or not; savings added, where each is known.

    A change's own note says whose it is.
    """
    every = [each for _, each in outcomes]
    measured = [each.measured for each in every if each.measured is not None]
    healthy = {each.is_healthy for each in every}
    return Outcome(
        proposal=every[0].proposal,
        is_applied=all(each.is_applied for each in every),
        is_healthy=False if False in healthy else None if None in healthy else True,
        promised=_added([each.promised for each in every]),
        measured=_added(measured) if len(measured) == len(every) else None,
        days=min(each.days for each in every),
        notes=tuple(f"{name}: {note}" for name, each in outcomes for note in each.notes),
        members=tuple(every),
    )


def _added(amounts: Sequence[Money]) -> Money:
    total = amounts[0]
    for amount in amounts[1:]:
        total = total + amount
    return total


def is_decided(measured: Outcome) -> bool:
    """True where both questions have an answer: is it well, and what did it save?"""
    return measured.is_applied and measured.is_healthy is not None and measured.measured is not None


# ── Saved? ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def _measured(
    finding: Finding, after: Sequence[NodeHours], before: Sequence[NodeHours], since: timedelta
) -> tuple[Money, Money | None, str]:
    """What was promised, what the month of 730 h costs less, and the sentence that says so; None with the reason where nobody can tell."""
    if finding.subject.kind != "pool":
        promised = finding.saving_effective or finding.saving_list
        if since < timedelta(days=FIRST_DAYS):
            return promised, None, f"Its first {FIRST_DAYS} days are not over."
        return promised, promised, "A quota costs nothing by itself: what it frees shows where a pool gets smaller."
    if len(after) < FIRST_DAYS:
        why = f"The bill has {len(after)} whole days of the pool since the change, {FIRST_DAYS} are needed to measure a saving."
        return finding.saving_effective or finding.saving_list, None, why
    paid = (_daily_paid(before), _daily_paid(after)) if finding.saving_effective is not None else (None, None)
    if finding.saving_effective is not None and paid[0] is not None and paid[1] is not None:
        measured = _monthly(paid[0] - paid[1], finding)
        return finding.saving_effective, measured, _compared(finding.saving_effective, measured, len(after), "at what is really paid")
    return finding.saving_list, *_measured_at_list(finding, after, before)


def _measured_at_list(finding: Finding, after: Sequence[NodeHours], before: Sequence[NodeHours]) -> tuple[Money | None, str]:
    if finding.subject.field == "capacity_type":
        return None, "Spot shows in what is charged, not in the list price: its saving is not measured from list cost."
    old = _daily(before) if len(before) >= LEAST_DAYS else _daily_of_old_size(finding, after)
    if old is None:
        return None, "The bill has no whole days of the pool before the change, and its size varied: nothing to compare with."
    measured = _monthly(old - _daily(after), finding)
    return measured, _compared(finding.saving_list, measured, len(after), "at list price")


def _monthly(daily: Decimal, finding: Finding) -> Money:
    return Money((daily / HOURS_A_DAY * HOURS_PER_MONTH).quantize(Decimal("0.000001")), finding.saving_list.currency)


def _daily_paid(days: Sequence[NodeHours]) -> Decimal | None:
    """None where too few days say it, or one of them does not."""
    known = [day.paid for day in days if day.paid is not None]
    return sum(known, Decimal(0)) / len(known) if len(known) == len(days) >= LEAST_DAYS else None


def _daily(days: Sequence[NodeHours]) -> Decimal:
    return sum((day.list_cost for day in days), Decimal(0)) / len(days)


def _daily_of_old_size(finding: Finding, after: Sequence[NodeHours]) -> Decimal | None:
    """List cost of a day at the old number of nodes; only a static pool that keeps its type always has that number."""
    if finding.subject.field != "count":
        return None
    per_hour = sum((day.list_cost for day in after), Decimal(0)) / sum((day.hours for day in after), Decimal(0))
    return finding.nodes_old * HOURS_A_DAY * per_hour


def _compared(promised: Money, measured: Money, days: int, basis: str) -> str:
    if promised.amount == 0:
        return f"Measured {measured} a month over {days} billed days {basis}; nothing was promised."
    word = "saving" if promised.amount > 0 else "extra cost"
    share = f"{measured.amount / promised.amount:.0%} of the promised {word} of {promised}"
    return f"Measured over {days} billed days {basis}: {measured} a month, {share}."
