"""How large a pool has to be, by what a part of the past needed: the peak, a margin, the growth to come, and the pool's own volatility.

No percentile decides: on 127 real GPU services margin bought more than any percentile did. The margin of a pool is its own. Its daily
peaks are taken for a tail that falls off exponentially; the size is what the coming days exceed with probability RISK at most. A pool
that is the same every day gets the least margin, a bursty one a large one, and nothing is learned from days that are judged later.
"""

from dataclasses import dataclass
from math import ceil, log

import numpy as np

from trimtab.analysis.demand import Bools, Demand, Floats, Ints
from trimtab.analysis.packing import NodesNeeded
from trimtab.errors import BadInput

MARGIN = 0.10
"""Room above the highest demand seen, at the least."""
RISK = 0.2
"""How likely the days to come may hold a peak above the size, before it is rounded up to whole nodes."""
WINDOW_DAYS = 14
"""What was needed before the newest two weeks speaks no more: two of each weekday have come and gone since."""
DAY = 86400
LARGEST_CUT = 4
"""One step removes at most a quarter of the nodes, and always at least one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Split:
    """The two parts of the past, as masks over the measured steps; no step is in both."""

    fit: Bools
    judge: Bools
    fitted_days: int
    judged_days: int


def split_days(days: int, fit_days: int | None = None) -> tuple[int, int]:
    """(days to fit on, days to judge on): the last third is judged, and at least 7 days of 21 or more. 45 → (30, 15), 14 → (10, 4)."""
    if fit_days is not None:
        if not 1 <= fit_days < days:
            raise BadInput(f"--fit-days {fit_days}: expected 1 to {days - 1}, the demand has {days} days")
        return fit_days, days - fit_days
    judged = max(7, days // 3) if days >= 21 else days // 3
    return days - judged, judged


def split(demand: Demand, needed: NodesNeeded, fit_days: int | None = None) -> Split:
    """The judged part is the newest whole days; everything older is the fit."""
    fitted, judged = split_days(int(demand.days), fit_days)
    cut = int(demand.times[-1]) + demand.step - judged * DAY
    times = demand.times[needed.steps]
    return Split(fit=times < cut, judge=times >= cut, fitted_days=fitted, judged_days=judged)


def sized(needed: NodesNeeded, part: Split, times: Ints) -> int:
    """Nodes that carry the newest part of the fit with room for as many days as are judged; at least one.

    `times` is per measured step. Nothing fitted → 1, one day at 4 nodes → more than double, two weeks at 4 nodes → 5.
    """
    recent = newest(part.fit, times)
    if not recent.any():
        return 1
    load, days_ahead = needed.fullest[recent], part.judged_days
    rising = growth(times[part.fit], needed.fullest[part.fit], days_ahead)
    highest = float(load.max())
    wanted = max(highest * (1.0 + MARGIN + rising), highest + tail(daily_peaks(times[recent], load), days_ahead))
    enough = whole(wanted)
    return enough if not needed.misses(enough, part.fit).any() else whole(needed.maximum(part.fit))


def newest(part: Bools, times: Ints, days: int = WINDOW_DAYS) -> Bools:
    """The last so many days of a part."""
    if not part.any():
        return part
    recent: Bools = part & (times > times[part][-1] - days * DAY)
    return recent


def daily_peaks(times: Ints, load: Floats) -> Floats:
    """The highest load of each day that has any, days counted back from the newest step."""
    day = (times[-1] - times) // DAY
    starts = np.flatnonzero(np.append(True, day[1:] != day[:-1]))
    peaks: Floats = np.maximum.reduceat(load, starts)
    return peaks


def tail(peaks: Floats, days_ahead: int) -> float:
    """How far above its highest daily peak a pool may come: the mean excess of its highest third, stretched to the days ahead.

    An exponential tail: of n days' highest value, m more days exceed it by spread x ln(m / (n x RISK)) with probability RISK. A single
    day has no spread: then its whole peak stands in.
    """
    if len(peaks) < 2:
        return float(peaks.sum())
    highest = -np.sort(-peaks)[: ceil(len(peaks) / 3) + 1]
    spread = float((highest[:-1] - highest[-1]).mean())
    return spread * max(0.0, log(days_ahead / (len(peaks) * RISK))) if days_ahead > 0 else 0.0


def growth(times: Ints, load: Floats, days_ahead: int) -> float:
    """How much higher the daily peak will be in `days_ahead` days, as a share: the median slope, and only where most pairs of days rise."""
    day = (times - times[:1]) // DAY
    if not len(day) or day[-1] < 6:
        return 0.0
    starts = np.flatnonzero(np.append(True, day[1:] != day[:-1]))
    peaks = np.maximum.reduceat(load, starts)
    first, second = np.triu_indices(len(peaks), k=1)
    slopes = (peaks[second] - peaks[first]) / (second - first)
    if not np.isfinite(slopes).all() or peaks.max() <= 0 or (slopes > 0).mean() < 0.6:
        return 0.0
    return float(np.clip(np.median(slopes) * days_ahead / peaks.max(), 0.0, 1.0))


def after_one_step(nodes: int, wanted: int) -> int:
    """Towards `wanted`, removing at most a quarter and never the last node: 6 → 5, 20 → 15, 1 → 1."""
    return max(wanted, nodes - max(1, nodes // LARGEST_CUT), 1)


def whole(nodes: float) -> int:
    """Whole nodes, at least one. Raises BadInput where no number of nodes is enough."""
    if not np.isfinite(nodes):
        raise BadInput("the largest pod fits no node of this instance type; name a larger one")
    return max(1, ceil(nodes - 1e-9))


def bound(days: int) -> float:
    """What so many days without a miss prove of the share of days with one, with 95 % confidence: the rule of three."""
    return min(1.0, 3 / days) if days > 0 else 1.0


def bound_in_words(days: int) -> str:
    """What zero misses prove, and no more: hours of one day are not independent, so days are what counts."""
    share = bound(days)
    return f"no miss in {days} judged days bounds the share of days with a miss at {share:.0%}, with 95 % confidence (rule of three)"
