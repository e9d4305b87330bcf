"""What the pods of a quota ask for, hour by hour: running and waiting ones, because a quota censors use.

A ResourceQuota turns a pod away before it exists: no pending pod is left behind. So an hour in which no further pod would have been let
in is itself a sign that more may be wanted.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trimtab.analysis.demand import Bools, Floats, Ints

FULL = 0.9
"""Above this share of a quota, and with no room for one more of its largest pods, it holds its pods back."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiting:
    """A workload whose pods found no place."""

    workload: str
    hours: float
    """Pod-hours that they waited."""
    most: int
    """Pods at once."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Counted:
    """One resource of a quota."""

    asked: Floats
    """[hour] what the requests of all pods add up to; NaN = of some pod not known."""
    with_limits: Floats
    """[hour] the same by the greater of request and limit, because a quota may count limits; NaN = not read."""
    held: Floats
    """[hour] requests weighted by how long each pod was there: never more than `asked`."""
    running: Floats
    """[hour] `with_limits` of the pods that never waited in the hour."""
    largest: float
    """The largest request of any one pod."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class QuotaDemand:
    """The demand of one quota on a grid of whole hours."""

    times: Ints
    """[hour] epoch seconds."""
    seen: Bools
    """[hour] False where some cluster of the quota reported nothing at all."""
    cpu: Counted
    """Millicores."""
    memory: Counted
    """Bytes."""
    gpu: Counted
    """Thousandths of a GPU."""
    waiting: Floats
    """[hour] pods without a place."""
    waits: tuple[Waiting, ...] = ()
    """Who waited, longest first."""
    gpus_per_node: int | None = None
    """Whole GPUs of the smallest node that its GPU pods ran on; None = not known."""
    source: str = "measured usage"


def pinned(counted: Counted, limit: float) -> Bools:
    """[hour] where the quota was as good as used up: over it, or nearly full without room for one more of the largest pods."""
    over = counted.held > limit
    full = (counted.held >= FULL * limit) & (limit - counted.held < max(counted.largest, 1e-9))
    with np.errstate(invalid="ignore"):
        found: Bools = over | full
    return found


def added(parts: Sequence[QuotaDemand]) -> QuotaDemand:
    """Several clusters that count against one quota: an hour is known where all of them are. Raises ValueError for none."""
    if len(parts) == 1:
        return parts[0]
    first, last = min(int(part.times[0]) for part in parts), max(int(part.times[-1]) for part in parts)
    times: Ints = np.arange(first, last + 1, 3600, dtype=np.int64)
    gpus = [part.gpus_per_node for part in parts if part.gpus_per_node is not None]
    return QuotaDemand(
        times=times,
        seen=np.logical_and.reduce([_placed(part.seen.astype(np.float64), part, times, 0.0) > 0 for part in parts]),
        cpu=_sum([(part, part.cpu) for part in parts], times),
        memory=_sum([(part, part.memory) for part in parts], times),
        gpu=_sum([(part, part.gpu) for part in parts], times),
        waiting=np.sum([_placed(part.waiting, part, times, 0.0) for part in parts], axis=0),
        waits=tuple(sorted((wait for part in parts for wait in part.waits), key=lambda wait: (-wait.hours, wait.workload))),
        gpus_per_node=min(gpus, default=None),
        source=parts[0].source,
    )


def _sum(parts: Sequence[tuple[QuotaDemand, Counted]], times: Ints) -> Counted:
    def total(name: str) -> Floats:
        summed: Floats = np.sum([_placed(getattr(counted, name), part, times, np.nan) for part, counted in parts], axis=0)
        return summed

    return Counted(
        asked=total("asked"),
        with_limits=total("with_limits"),
        held=total("held"),
        running=total("running"),
        largest=max(counted.largest for _, counted in parts),
    )


def _placed(values: Floats, part: QuotaDemand, times: Ints, otherwise: float) -> Floats:
    """A part's hours on the common grid."""
    grid = np.full(len(times), otherwise)
    grid[(part.times - int(times[0])) // 3600] = values
    return grid
