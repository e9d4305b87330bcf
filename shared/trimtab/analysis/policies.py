"""Rules that size a pool, so that they can be compared on the same past: ours, and what others do. Each sees the fitted part alone.

`max` and `p99` size by the peak or a percentile, the latter with the 20 % headroom that AWS Compute Optimizer defaults to. `kubecost`
is the cluster sizing of Kubecost's documentation: per workload its own maximum, added up, over a target utilization of 65 %
(its production profile), every node carrying its DaemonSets, at least two machines. `vpa` is the estimator of the Kubernetes Vertical
Pod Autoscaler over the pool's demand: decaying histograms, the 90th percentile, 15 % on top, of memory one peak a day.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil, log

import numpy as np

from trimtab.analysis.demand import Floats, Ints
from trimtab.analysis.packing import NodesNeeded
from trimtab.analysis.sizing import DAY, LARGEST_CUT, WINDOW_DAYS, Split, bound, newest, sized, whole

HEADROOM = 1.20
TARGET_UTILIZATION = 0.65
LEAST_MACHINES = 2
SAFETY = 1.15
HALF_LIFE = DAY
QUANTILE = 0.90
BUCKET_GROWTH = 1.05
FIRST_CPU_BUCKET = 10.0
"""Millicores; of a GPU the same share."""
FIRST_MEMORY_BUCKET = 1e7
CPU, MEMORY, GPU = 0, 1, 2
QUIET_DAYS = 7
"""A shortage that did not come back for a week is not grown for."""
ALWAYS = 0.95
"""What is too small in so many steps was never large enough: that is no queue that drains."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Past:
    """What a policy may look at. It holds the judged steps too; `part.fit` says which are its own."""

    needed: NodesNeeded
    part: Split
    times: Ints
    """[measured step]"""
    current: int
    peaks: Floats
    """[dimension] the sum of each workload's own maximum over the fitted part."""
    is_queue: bool
    """True where the demand is what pods ask for: more than the pool has then waits, and is not throttled."""
    is_machines: bool
    """True where a node is a machine with a minimum number, False where it is a unit."""


Policy = Callable[[Past], int]


def current(past: Past) -> int:
    """What is there now."""
    return past.current


def peak(past: Past) -> int:
    """The most that any fitted step needed."""
    return whole(past.needed.maximum(past.part.fit))


def p99(past: Past) -> int:
    """What 99 % of the fitted steps were content with, and a fifth more; the largest pod must fit a node."""
    peak(past)
    load = np.sort(past.needed.fullest[past.part.fit])
    return whole(float(load[max(0, ceil(0.99 * len(load)) - 1)]) * HEADROOM)


def kubecost(past: Past) -> int:
    """The sum of the workloads' maxima at the target utilization; the largest pod must fit a node."""
    peak(past)  # says where no number of nodes is enough
    offers = np.array(past.needed.node.offers[:3])
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = np.where(past.peaks > 0, past.peaks / offers, 0.0)
    return max(whole(float(shares.max()) / TARGET_UTILIZATION), LEAST_MACHINES if past.is_machines else 1)


def vpa(past: Past) -> int:
    """Per dimension the decayed 90th percentile and 15 % more; the fullest dimension decides."""
    peak(past)
    fit = past.part.fit
    times, offers = past.times[fit], past.needed.node.offers
    load = past.needed.load[:, fit]
    days, starts = np.unique((times[-1] - times)[::-1] // DAY, return_index=True)
    by_day = np.maximum.reduceat(load[MEMORY][::-1], starts)
    shares = (
        decayed(load[CPU], times, FIRST_CPU_BUCKET / max(offers[CPU], 1.0)),
        decayed(by_day, -days * DAY, FIRST_MEMORY_BUCKET / max(offers[MEMORY], 1.0)),
        decayed(load[GPU], times, FIRST_CPU_BUCKET / max(offers[GPU], 1.0)),
    )
    return whole(max(shares) * SAFETY)


def decayed(values: Floats, times: Ints, first_bucket: float) -> float:
    """The 90th percentile of an exponential histogram in which a sample a day older weighs half; the end of its bucket."""
    if not values.any():
        return 0.0
    ratio = BUCKET_GROWTH - 1.0
    bucket = np.floor(np.log1p(values / first_bucket * ratio) / log(BUCKET_GROWTH)).astype(np.int64)
    weight = np.exp2((times - times.max()) / HALF_LIFE)
    order = np.argsort(bucket, kind="stable")
    reached = np.cumsum(weight[order])
    chosen = int(bucket[order][np.searchsorted(reached, QUANTILE * reached[-1])])
    return float(first_bucket * (BUCKET_GROWTH ** (chosen + 1) - 1.0) / ratio)


def trimtab(past: Past) -> int:
    """Ours: never less than what evidence supports, and what was too small is never shrunk."""
    recent = newest(past.part.fit, past.times)
    missed = past.needed.misses(past.current, recent)
    if missed.any():
        return _too_small(past)
    return min(past.current, max(sized(past.needed, past.part, past.times), least(past)))


def _too_small(past: Past) -> int:
    """Where work is throttled, one step up if that cures it; a queue waits, by its owners' will, unless it was always too short."""
    recent = newest(past.part.fit, past.times)
    lately = past.needed.misses(past.current, newest(past.part.fit, past.times, QUIET_DAYS))
    highest = past.needed.maximum(recent)
    if past.needed.misses(past.current, past.part.fit)[past.part.fit].mean() >= ALWAYS:
        return max(past.current, min(sized(past.needed, past.part, past.times), 2 * past.current))
    is_cured = highest <= past.current + max(1, past.current // LARGEST_CUT)
    return whole(highest) if not past.is_queue and lately.any() and is_cured else past.current


def least(past: Past) -> int:
    """The share of today's nodes that so few days cannot speak for: 3 / days, as the rule of three has it.

    Of a queue two weeks count at most: one that was empty for a month says nothing of the next job's size.
    """
    days = past.part.fitted_days
    return whole(past.current * bound(min(days, WINDOW_DAYS) if past.is_queue else days))


def hindsight(past: Past) -> int:
    """No policy, but their measure: the least constant size that misses no more of the judged steps than the current one."""
    judge = past.part.judge
    allowed = int(past.needed.misses(past.current, judge).sum())
    exact = np.sort(past.needed.exact(judge)[judge])
    if allowed >= len(exact):
        return past.current
    return min(past.current, whole(float(exact[len(exact) - 1 - allowed])))


OURS = "trimtab"
POLICIES: Mapping[str, Policy] = {"trimtab": trimtab, "current": current, "max": peak, "p99": p99, "kubecost": kubecost, "vpa": vpa}
"""Ours first, then what others do."""
