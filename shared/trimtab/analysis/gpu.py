"""What the GPUs of a pool really do, from what they compute, move and draw, and from the memory they hold.

The presence signal that most dashboards show (one tiny kernel makes it 100 %) is not a field of Demand, so it cannot be used here. Where
nobody reads SM activity, "any engine busy" stands in for it, which can only overstate; then power, memory bandwidth and tensor activity
together still show a GPU at rest, and any of them alone shows one that works. What is not measured is never idle.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, assert_never

import numpy as np

from trimtab.analysis.demand import Bools, Demand, Floats
from trimtab.analysis.gpu_facts import Gpu, watts_of
from trimtab.units import GIB

IDLE_COMPUTE = 0.05
"""A GPU whose highest compute share stays below this does nothing; the same holds for its tensor cores and its memory bus."""
WARM_MEMORY = 2 * GIB
"""An idle GPU that holds more has a model loaded: it waits for work, it is not waste."""
REST_POWER = 0.20
"""Share of its power limit below which a card rests (an A100 draws 60 to 66 W of 400 W at rest)."""
WORK_POWER = 0.60
"""Share above which it surely works."""
BUSY_COMPUTE, BUSY_TENSOR = 0.80, 0.40
"""95th percentiles: SM activity below 0.8 is no effective use by NVIDIA's own guide; 0.4 of the tensor cores is a well-fed training job."""
BOUND_DRAM, LOW_TENSOR = 0.50, 0.20
"""95th percentile of memory bandwidth above which, with tensor cores that low, memory is what it waits for; 0.8 is the practical peak."""
SHARE_COMPUTE, SHARE_MEMORY = 0.50, 0.45
"""Below both a card could carry a second one like it."""

State = Literal["unknown", "unrequested", "held-idle", "warm-idle", "shareable", "memory-bound", "busy"]
CLASSES: tuple[State, ...] = ("busy", "memory-bound", "shareable", "warm-idle", "held-idle")
"""Busiest first: a pool is what its busiest workload is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Signal:
    """One signal of one workload's GPUs over the window; None = known in too few of the steps in which it held any."""

    most: float | None = None
    p99: float | None = None
    p95: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class GpuWork:
    """What one workload's GPUs did."""

    name: str
    kind: str
    state: State
    compute: Signal
    """Share of a GPU; so are the next three."""
    tensor: Signal
    dram: Signal
    fp64: Signal
    power: Signal
    """Share of the card's power limit."""
    link: Signal
    """NVLink traffic; 0 = none."""
    memory: float | None
    """Most bytes that any one of its GPUs can have held; None = not known."""
    held: float
    """Most GPUs it held at once."""
    per_pod: float
    """Most GPUs that one of its pods held."""


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
    works: tuple[GpuWork, ...] = ()
    """By name."""


def gpu_use(demand: Demand, coverage: float, gpu: Gpu | None = None) -> GpuUse:
    """Classify the pool; "unknown" where too little is measured in less than `coverage` of the pod-steps that hold a GPU.

    `gpu` is its card, where the catalog knows it: without it nobody can say what a draw of 90 W means.
    """
    holds = demand.runs & (np.nan_to_num(demand.gpu_need(), nan=1.0) > 0)
    if not holds.any():
        return GpuUse(state="unrequested", held=0.0, busiest=0.0, memory=0.0, idle=())
    share = _compute_share(demand, holds)
    works = tuple(_work(demand, share, holds, coverage, gpu, name) for name in _holders(demand, holds))
    held = float(np.nan_to_num(demand.pods * demand.gpu_need()).sum(axis=0).max()) / 1000.0
    busiest, memory = _highest(share), _highest(np.where(holds, demand.gpu_memory_used, np.nan))
    idle = tuple(work.name for work in works if work.state in {"held-idle", "warm-idle"})
    return GpuUse(state=_pool_state(works, share, holds, coverage), held=held, busiest=busiest, memory=memory, idle=idle, works=works)


# ── One workload ─────────────────────────────────────────────────────────────────────────────────────────────────────
def _holders(demand: Demand, holds: Bools) -> list[str]:
    return sorted({name for name, rows in zip(demand.names, holds, strict=True) if rows.any()})


def _work(demand: Demand, share: Floats, holds: Bools, coverage: float, gpu: Gpu | None, name: str) -> GpuWork:
    rows = [row for row, own in enumerate(demand.names) if own == name]
    mask = holds[rows]
    watts = watts_of(demand.gpu_models, gpu)

    def signal(values: Floats | None, scale: float = 1000.0) -> Signal:
        return _signal(values[rows] / scale, mask, coverage) if values is not None else Signal()

    known = signal(demand.gpu_memory_used, 1.0)
    work = GpuWork(
        name=name, kind=demand.kinds[rows[0]], state="unknown", compute=_signal(share[rows], mask, coverage),
        tensor=signal(demand.gpu_tensor_used), dram=signal(demand.gpu_dram_used), fp64=signal(demand.gpu_fp64_used),
        power=signal(demand.gpu_power, float(watts)) if watts else Signal(), link=signal(demand.gpu_link_used, 1.0),
        memory=known.most if known.most is None or gpu is None else min(known.most, gpu.memory_mib * 1024.0 * 1024.0),
        held=_highest((demand.pods * demand.gpu_need())[rows].sum(axis=0)) / 1000.0,
        per_pod=_highest(np.where(mask, demand.gpu_need()[rows], np.nan)) / 1000.0,
    )  # fmt: skip
    return replace(work, state=_state(work, _room(gpu)))


def _room(gpu: Gpu | None) -> float:
    """Bytes of a card that a workload may fill and still leave place for another like it."""
    return SHARE_MEMORY * gpu.memory_mib * 1024 * 1024 if gpu else 0.0


def _state(work: GpuWork, room: float) -> State:
    """By the rules in the order in which they are safe: contradictions first, rest before work, work by any one signal that proves it."""
    if _is_at_rest(work):
        return "held-idle" if work.memory is not None and work.memory <= WARM_MEMORY else "warm-idle"
    if work.compute.most is not None and work.compute.most < IDLE_COMPUTE:
        return "unknown"  # It computes nothing, they say, and draws power or moves memory all the same.
    if _above(work.compute.p95, BUSY_COMPUTE) or _above(work.tensor.p95, BUSY_TENSOR):
        return "busy"
    if _above(work.dram.p95, BOUND_DRAM) and not _above(work.tensor.p95, LOW_TENSOR):
        return "memory-bound"
    if _above(work.power.p95, WORK_POWER) or _above(work.dram.p95, BOUND_DRAM):
        return "busy"
    if work.compute.p99 is None:
        return "unknown"
    is_small = work.memory is not None and work.memory < room and work.compute.p99 < SHARE_COMPUTE
    return "shareable" if is_small and not _above(work.dram.p99, BOUND_DRAM) else "busy"


def _is_at_rest(work: GpuWork) -> bool:
    """By computing nothing, where nothing speaks against it; or by power, bus and tensor cores together, where memory is known too."""
    speaks = _above(work.power.p95, WORK_POWER) or _above(work.dram.p95, BOUND_DRAM) or _above(work.tensor.most, IDLE_COMPUTE)
    if work.compute.most is not None and work.compute.most < IDLE_COMPUTE:
        return not speaks
    return work.memory is not None and all(
        signal.most is not None and signal.most < limit
        for signal, limit in ((work.power, REST_POWER), (work.dram, IDLE_COMPUTE), (work.tensor, IDLE_COMPUTE))
    )


def _above(value: float | None, limit: float) -> bool:
    return value is not None and value > limit


# ── The pool ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def _pool_state(works: Sequence[GpuWork], share: Floats, holds: Bools, coverage: float) -> State:
    states = {work.state for work in works}
    # A workload of a few hours that nobody measured does not hide what the others do.
    if "unknown" in states and (states == {"unknown"} or _known(share, holds) < coverage):
        return "unknown"
    if "unknown" in states and states <= {"unknown", "held-idle", "warm-idle"}:
        return "unknown"
    return next(state for state in CLASSES if state in states)


def _compute_share(demand: Demand, holds: Bools) -> Floats:
    """[row, step] compute per GPU held; NaN where no GPU is held or nothing was measured."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(holds, demand.gpu_compute_used / (demand.pods * demand.gpu_need()), np.nan)


def _signal(values: Floats, mask: Bools, coverage: float) -> Signal:
    if not mask.any() or _known(values, mask) < coverage:
        return Signal()
    own = values[mask & ~np.isnan(values)]
    p95, p99 = (float(each) for each in np.quantile(own, (0.95, 0.99), method="higher"))
    return Signal(most=float(own.max()), p99=p99, p95=p95)


def _known(values: Floats, where: Bools) -> float:
    return float((~np.isnan(values[where])).mean())


def _highest(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(known.max()) if known.size else 0.0


# ── In words ─────────────────────────────────────────────────────────────────────────────────────────────────────────
FIX_CODE = (
    "Low activity is more often the program's doing than the card's: late data and small batches are its usual causes, "
    "and a few lines mend most of them."
)


def advice(work: GpuWork) -> str:
    """What the class of a workload means for its owners, with its numbers, in one or two sentences."""
    match work.state:
        case "unrequested":
            return f"{work.name} asks for no GPU."
        case "held-idle":
            return f"{work.name} holds {_gpus(work.held)} at rest: {_seen(work)}. Ask its owners to let them go."
        case "warm-idle":
            fits = "A schedule, scale to zero or a shared card may fit; taking its card away does not."
            return f"{work.name} keeps {_gpus(work.held)} loaded and waits: {_seen(work)}. {fits}"
        case "shareable":
            return f"{work.name} uses a part of its card: {_seen(work)}. {FIX_CODE} Else it could share a card or live on a smaller one."
        case "memory-bound":
            keep = "A card with less bandwidth would slow it by as much: keep it, or take one with as much."
            return f"{work.name} waits for its memory, not for computing: {_seen(work)}. {keep}"
        case "busy":
            rest = f" {FIX_CODE}" if _is_poor(work) else ""
            return f"{work.name} works: {_seen(work)}. Keep its cards.{rest}"
        case "unknown":
            needs = "A missing metric is not idle: export SM, tensor and DRAM activity."
            return f"{work.name}: what its GPUs do is not known ({_seen(work)}). {needs}"
        case _:
            assert_never(work.state)


def _is_poor(work: GpuWork) -> bool:
    """Always something running, and little coming of it."""
    lows = (work.tensor.p95, 0.1), (work.dram.p95, 0.3), (work.power.p95, 0.5)
    return all(value is not None and value < limit for value, limit in lows)


def _gpus(held: float) -> str:
    return f"{held:g} GPU{'s' if held != 1 else ''}"


def _seen(work: GpuWork) -> str:
    """The signals that are known, by name."""
    shares: tuple[tuple[str, float | None, Callable[[float], str]], ...] = (
        ("computes at most", work.compute.most, _percent), ("tensor cores at most", work.tensor.most, _percent),
        ("memory bus at most", work.dram.most, _percent), ("power at most", work.power.most, lambda value: f"{value:.0%} of its limit"),
        ("memory at most", work.memory, lambda value: f"{value / GIB:.1f} GiB"),
    )  # fmt: skip
    known = [f"{words} {told(value)}" for words, value, told in shares if value is not None]
    return ", ".join(known) or "nothing of them was measured"


def _percent(value: float) -> str:
    return f"{value:.1%}"


__all__ = ["GpuUse", "GpuWork", "Signal", "State", "advice", "gpu_use"]
