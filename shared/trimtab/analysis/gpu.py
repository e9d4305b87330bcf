"""What the GPUs of a pool really do, from the share of time they compute (SM or tensor activity) and from the memory they hold.

The presence signal that most dashboards show (one tiny kernel makes it 100 %) is not a field of Demand, so it cannot be used here.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from trimtab.analysis.demand import Bools, Demand, Floats
from trimtab.units import GIB

IDLE_COMPUTE = 0.05
"""A GPU whose highest compute share stays below this does nothing."""
WARM_MEMORY = 2 * GIB
"""An idle GPU that holds more has a model loaded: it waits for work, it is not waste."""
State = Literal["unknown", "unrequested", "held-idle", "warm-idle", "busy"]


@dataclass(frozen=True, kw_only=True, slots=True)
class GpuUse:
    """How a pool's GPUs are used over a window."""

    state: State
    held: float
    """Most GPUs that pods held at once."""
    busiest: float
    """Highest compute share of any workload, 0 to 1."""
    memory: float
    """Bytes, the fullest GPU of any pod."""
    idle: tuple[str, ...]
    """Workloads that hold GPUs and compute nothing."""


def gpu_use(demand: Demand, coverage: float) -> GpuUse:
    """Classify the pool; "unknown" where compute is measured in less than `coverage` of the pod-steps that hold a GPU."""
    holds = demand.runs & (np.nan_to_num(demand.gpu_need(), nan=1.0) > 0)
    if not holds.any():
        return GpuUse(state="unrequested", held=0.0, busiest=0.0, memory=0.0, idle=())
    share = _compute_share(demand, holds)
    held = float(np.nan_to_num(demand.pods * demand.gpu_need()).sum(axis=0).max()) / 1000.0
    busiest, memory = _highest(share), _highest(np.where(holds, demand.gpu_memory_used, np.nan))
    rows = [row for row in range(len(demand.names)) if holds[row].any() and _highest(share[row]) < IDLE_COMPUTE]
    idle = tuple(sorted({demand.names[row] for row in rows}))
    return GpuUse(state=_state(demand, share, holds, coverage), held=held, busiest=busiest, memory=memory, idle=idle)


def _compute_share(demand: Demand, holds: Bools) -> Floats:
    """[row, step] compute per GPU held; NaN where no GPU is held or nothing was measured."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(holds, demand.gpu_compute_used / (demand.pods * demand.gpu_need()), np.nan)


def _state(demand: Demand, share: Floats, holds: Bools, coverage: float) -> State:
    if _known(share, holds) < coverage:
        return "unknown"
    if _highest(share) >= IDLE_COMPUTE:
        return "busy"
    # Unknown memory may hold a model, so it counts as one.
    is_empty = (
        _known(demand.gpu_memory_used, holds) >= coverage and _highest(np.where(holds, demand.gpu_memory_used, np.nan)) <= WARM_MEMORY
    )
    return "held-idle" if is_empty else "warm-idle"


def _known(values: Floats, where: Bools) -> float:
    return float((~np.isnan(values[where])).mean())


def _highest(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(known.max()) if known.size else 0.0
