"""One number an hour against one limit: what a quota counts, or what the fullest pod of a workload holds.

The same discipline as for pools: a size is fitted on the older part of the past and judged on the newer one. An unknown hour is NaN and
proves nothing.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np

from trimtab.analysis.demand import Bools, Floats, Ints
from trimtab.analysis.sizing import bound_in_words, daily_peaks, growth, split_days, tail
from trimtab.records import ChartPoint, Evidence, EvidenceFloor

HOUR = 3600
DAY = 86400
CHART_POINTS = 60
STALE = timedelta(hours=36)
"""Evidence that ends earlier says nothing about now."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Unit:
    """What the evidence counts, and how much of the measured value is one of it."""

    name: str
    scale: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """The evidence that a place needs, and until when it is looked at."""

    now: datetime
    floor: EvidenceFloor
    is_nonproduction: bool

    @property
    def days_wanted(self) -> int:
        """Days of evidence that this cluster needs."""
        return self.floor.days_nonproduction if self.is_nonproduction else self.floor.days_production


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Load:
    """An hourly series, cut in two by whole days; no hour is in both parts."""

    times: Ints
    """[hour] epoch seconds."""
    values: Floats
    """[hour]; NaN = not known."""
    fitted_days: int
    judged_days: int

    @property
    def known(self) -> Bools:
        """[hour] where the value is known."""
        found: Bools = ~np.isnan(self.values)
        return found

    @property
    def fit(self) -> Bools:
        """[hour] the known hours before the cut."""
        before: Bools = self.known & (self.times < self._cut)
        return before

    @property
    def judge(self) -> Bools:
        """[hour] the known hours after it."""
        after: Bools = self.known & self.newer
        return after

    @property
    def newer(self) -> Bools:
        """[hour] after the cut, known or not."""
        after: Bools = self.times >= self._cut
        return after

    @property
    def _cut(self) -> int:
        return int(self.times[-1]) + HOUR - self.judged_days * DAY

    def highest(self, part: Bools) -> float:
        """The highest value of a part; 0 where it is empty."""
        return float(self.values[part].max()) if part.any() else 0.0

    def growing(self, part: Bools, days_ahead: int) -> float:
        """How much higher the daily peak will be, as a share."""
        return growth(self.times[part], self.values[part], days_ahead)

    def wanted(self, part: Bools, margin: float) -> float:
        """What carries the days to come, like a pool's size: the peak with margin and growth, and room for the series' own volatility."""
        if not part.any():
            return 0.0
        highest = self.highest(part)
        spread = tail(daily_peaks(self.times[part], self.values[part]), self.judged_days)
        return max(highest * (1 + margin + self.growing(part, self.judged_days)), highest + spread)

    def above(self, limit: float, part: Bools) -> int:
        """Hours of a part in which the value was over a limit."""
        return int((self.values[part] > limit * (1 + 1e-9)).sum())


def load_of(times: Ints, values: Floats) -> Load:
    """The series with its cut: the newest third of the days is judged."""
    days = (int(times[-1]) + HOUR - int(times[0])) // DAY if len(times) else 0
    fitted, judged = split_days(days) if days >= 2 else (days, 0)
    return Load(times=times, values=values, fitted_days=fitted, judged_days=judged)


def unseen_month_end(load: Load, window: Window) -> date | None:
    """The next month end, where production has not been measured on one: invoices and closings come then. None = it was, or need not."""
    if window.is_nonproduction:
        return None
    day, counts = np.unique(load.times[load.known] // DAY, return_counts=True)
    whole = day[counts >= window.floor.coverage * 24]
    if any(_is_month_end(datetime.fromtimestamp(int(one) * DAY, UTC).date()) for one in whole):
        return None
    return next(later for ahead in range(32) if _is_month_end(later := window.now.date() + timedelta(days=ahead)))


def _is_month_end(day: date) -> bool:
    return (day + timedelta(days=1)).day == 1


def eligible_from(times: Ints, wanted: int) -> date:
    """The first day on which so many days are there, if they go on being measured."""
    return (datetime.fromtimestamp(int(times[0]), UTC) + timedelta(days=wanted)).date()


def evidence_of_load(
    load: Load,
    *,
    unit: Unit,
    old: float,
    new: float,
    coverage: float,
    source: str,
    lines: tuple[str, ...],
    limit_share: float = 1.0,
    short: Bools | None = None,
) -> Evidence:
    """The proof: how the old and the new limit would have done over the judged hours. A value over `limit_share` of a limit misses it.

    `short` are hours in which the old one is known to have been too small, whatever the value says: it was cut off.
    """
    known = load.values[load.known]
    missed = load.above(new * limit_share, load.judge)
    return Evidence(
        start=datetime.fromtimestamp(int(load.times[0]), UTC),
        end=datetime.fromtimestamp(int(load.times[-1]) + HOUR, UTC),
        coverage=coverage,
        source=source,
        unit=unit.name,
        chart=_chart(load, unit, old, new),
        peak=round(float(known.max(initial=0.0)) / unit.scale, 3),
        typical=round(float(np.median(known)) / unit.scale, 3) if known.size else 0.0,
        fitted_days=load.fitted_days,
        judged_days=load.judged_days,
        violations_old=_missed(load, old * limit_share, short),
        violations_new=missed,
        judged_steps=int(load.judge.sum()),
        lines=(*lines, *((_sentence(bound_in_words(load.judged_days)),) if load.judge.any() and not missed and short is None else ())),
    )


def _missed(load: Load, limit: float, short: Bools | None) -> int:
    with np.errstate(invalid="ignore"):
        above = load.values > limit * (1 + 1e-9)
    return int((load.newer & (above if short is None else above | short)).sum())


def _chart(load: Load, unit: Unit, old: float, new: float) -> tuple[ChartPoint, ...]:
    """The highest known value of each day (or few days, so that there are at most 60 points); a day that nobody measured is a gap."""
    first = int(load.times[0]) // DAY
    days = load.times // DAY - first
    per_point = -(-(int(days[-1]) + 1) // CHART_POINTS)
    bucket = np.where(load.known, days // per_point, -1)
    return tuple(
        ChartPoint(
            at=datetime.fromtimestamp((first + index * per_point) * DAY, UTC),
            demand=round(float(load.values[bucket == index].max()) / unit.scale, 3) if (bucket == index).any() else None,
            capacity_old=round(old / unit.scale, 3),
            capacity_new=round(new / unit.scale, 3),
        )
        for index in range(int(days[-1]) // per_point + 1)
    )


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


__all__ = ["DAY", "HOUR", "STALE", "Load", "Unit", "Window", "eligible_from", "evidence_of_load", "load_of"]
