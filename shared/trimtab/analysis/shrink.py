"""What forbids to take capacity away, though the load would allow it. Growth asks none of this."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import numpy as np

from trimtab.analysis.case import Case
from trimtab.analysis.demand import Floats, Ints
from trimtab.records import Refusal

WAITED = 0.01
"""Share of the measured steps in which pods may wait for a moment although the packing has room for them."""
DROP = 0.5
"""A level that never comes back to half of what it never went below is another level."""
DROP_DAYS = 3
"""So many days before and after must show it."""

Veto = Callable[[Case], Refusal | None]


def shrink_veto(case: Case) -> Refusal | None:
    """The first reason against taking anything away, or None."""
    return next((refusal for veto in VETOES if (refusal := veto(case)) is not None), None)


def _month_end(case: Case) -> Refusal | None:
    """Production does its books at the end of a month: a window without one has not seen the busiest day."""
    if case.asked.is_nonproduction or _has_month_end(case):
        return None
    seen = _next_month_end(case.asked.now.date())
    reason = (
        f"The window from {case.demand.start:%Y-%m-%d} to {case.demand.end:%Y-%m-%d} holds no month end; production shrinks wait for one."
    )
    return case.asked.refuse("month-end-unseen", reason, seen + timedelta(days=1), needs=f"The measured day {seen:%Y-%m-%d}.")


def _has_month_end(case: Case) -> bool:
    """Is the last day of some month measured as well as everything must be?"""
    days, counts = np.unique(_days(case.demand.times[case.now.needed.steps]), return_counts=True)
    full = case.asked.floor.coverage * 86400 / case.demand.step
    return any(_is_month_end(_date(int(day))) for day in days[counts >= full])


def _next_month_end(day: date) -> date:
    return next(later for later in (day + timedelta(days=ahead) for ahead in range(32)) if _is_month_end(later))


def _is_month_end(day: date) -> bool:
    return (day + timedelta(days=1)).day == 1


def _budget(case: Case) -> Refusal | None:
    """A drain stops at a budget that lets no pod go."""
    names = [name for name in case.demand.recent() if name in case.demand.drains]
    full = sorted(name for name in names if case.demand.drains[name].disruptions_allowed == 0)
    if not full:
        return None
    reason = f"The PodDisruptionBudget of {_listed(full)} allows no disruption now: draining a node would stop there."
    return case.asked.refuse("budget-full", reason, needs="A budget with room for one pod: one more replica, or a lower minAvailable.")


def _waits(case: Case) -> Refusal | None:
    """Pods that wait where the packing sees room know something that it does not: a selector, a taint, a volume's zone."""
    if case.demand.pending is None:
        return None
    steps = case.now.needed.steps
    waiting = (case.demand.pending[:, steps] > 0).any(axis=0)
    has_room = ~case.now.needed.misses(case.now.nodes, case.everything)
    share = float((waiting & has_room).mean()) if steps.size else 0.0
    if share <= WAITED:
        return None
    reason = f"In {share:.0%} of the measured {case.step_name}s pods waited although {case.now.nodes} nodes had room by their requests."
    return case.asked.refuse("waits-despite-room", reason, needs="The reason why they wait: selectors, taints, or volumes of one zone.")


def _level_drop(case: Case) -> Refusal | None:
    """Load that went away one day and never came back: gone for good, or no longer measured. A person knows which."""
    days, peaks = _daily_peaks(case)
    found = drop_of(peaks)
    if found is None:
        return None
    first = _date(int(days[found]))
    before, after = float(peaks[:found].min()), float(peaks[found:].max())
    reason = (
        f"Since {first:%Y-%m-%d} its busiest {case.step_name} needed {after:.1f} nodes; before, no day needed less than {before:.1f}. "
        "Nothing here says whether the load is gone or no longer measured."
    )
    eligible = case.asked.now.date() + (first - case.demand.start.date())
    return case.asked.refuse(
        "level-drop", reason, eligible, needs="A person who knows why; by itself the drop leaves the window on that day."
    )


def drop_of(peaks: Floats) -> int | None:
    """Index of the first day of a lower level that never came back; None = there is none."""
    if len(peaks) < 2 * DROP_DAYS:
        return None
    before = np.minimum.accumulate(peaks)[DROP_DAYS - 1 : -DROP_DAYS]
    after = np.maximum.accumulate(peaks[::-1])[::-1][DROP_DAYS : len(peaks) - DROP_DAYS + 1]
    is_drop = (after <= DROP * before) & (before - after >= DROP)
    return int(np.argmax(is_drop)) + DROP_DAYS if is_drop.any() else None


def _daily_peaks(case: Case) -> tuple[Ints, Floats]:
    """Days with a measured step, and how many nodes' worth was asked for at most on each."""
    needed = case.now.needed
    day = _days(case.demand.times[needed.steps])
    starts = np.flatnonzero(np.append(True, day[1:] != day[:-1])) if day.size else np.zeros(0, dtype=np.int64)
    peaks = np.maximum.reduceat(needed.load.max(axis=0), starts) if day.size else np.zeros(0)
    return day[starts], peaks


def _days(times: Ints) -> Ints:
    return times // 86400


def _date(day: int) -> date:
    return datetime.fromtimestamp(day * 86400, UTC).date()


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


VETOES: tuple[Veto, ...] = (_month_end, _budget, _waits, _level_drop)
