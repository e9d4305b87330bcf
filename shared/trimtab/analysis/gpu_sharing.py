"""Several pods on one GPU, and GPUs that are needed by day alone: advice for a person, never an edit.

Sharing is set for all nodes of a pool, in the values of the pack that brings the device plugin, so it is said only where every workload
of the pool would bear it. Only some cards can be cut in hardware (MIG); on the others pods take turns, with nothing between them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction

import numpy as np

from trimtab.analysis.backtest import sized
from trimtab.analysis.case import Case
from trimtab.analysis.demand import Floats
from trimtab.analysis.evidence import Size
from trimtab.analysis.floors import floor_of
from trimtab.analysis.gpu import FIX_CODE, IDLE_COMPUTE, SHARE_COMPUTE, GpuUse, GpuWork, advice
from trimtab.analysis.gpu_facts import Gpu, Profile, gpu_of, profile_of
from trimtab.analysis.packing import NodesNeeded, node_of
from trimtab.errors import BadInput
from trimtab.records import FieldChange, Finding, Refusal
from trimtab.units import GIB, HOURS_PER_MONTH

ROOM = Fraction(1, 10)
"""Of a slice's memory that stays free."""
MOST_TURNS = 4
"""More pods than this never take turns on one card here: each one's answers then wait for too many others."""
TURN_LOAD, TURN_MEMORY = 0.80, 0.90
TOLD = 3
"""Workloads whose story is told; of the others only how many they are."""
HOUR, WEEK_HOURS = 3600, 168
QUIET_RUN = 4
"""Hours of rest in a row from which letting go is worth the time that loading takes."""
QUIET_SHARE = 0.20
"""Share of the week from which a schedule is worth a person's time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sharing:
    """So many pods per card, and what has to be said about it."""

    setting: str
    """As a change would name it: "mig-1g.10gb", "time-slicing-2"."""
    pods: int
    how: str
    lost: str
    """What isolation is lost."""
    settings: str
    """What a person writes into the pack's values, and what pods then ask for."""


def share(case: Case, use: GpuUse | None) -> Finding | Refusal | None:
    """A setting under which this pool's pods share cards, where all of them would bear it and nodes are saved."""
    gpu = gpu_of(case.instance)
    if use is None or gpu is None or not use.works or not all(_may_share(work) for work in use.works):
        return None
    if any(work.dram.p99 is None or work.memory is None for work in use.works):
        needs = "DCGM_FI_PROF_DRAM_ACTIVE and FB_USED of its GPUs, of at least 95 % of the hours."
        return case.asked.refuse(
            "gpu-sharing-unknown", f"{_names(use)} could share cards, but {_unmeasured(use)} is not measured.", needs=needs
        )
    found = _cut(use, gpu) if gpu.slices else _turns(use, gpu)
    return _shared(case, use, found) if found else None


def _may_share(work: GpuWork) -> bool:
    """Whole single cards, used in part: those that rest with a model loaded may share one too."""
    is_light = work.compute.p99 is not None and work.compute.p99 < SHARE_COMPUTE
    return work.per_pod == 1 and is_light and work.state in {"shareable", "warm-idle"}


def _names(use: GpuUse) -> str:
    return ", ".join(work.name for work in use.works)


def _unmeasured(use: GpuUse) -> str:
    return "what they hold in memory" if any(work.memory is None for work in use.works) else "how much of the memory bus they use"


# ── How a card can be shared ─────────────────────────────────────────────────────────────────────────────────────────
def _cut(use: GpuUse, gpu: Gpu) -> Sharing | None:
    memory, compute, bus = _most(use)
    fitting = replace(gpu, profiles=tuple(each for each in gpu.profiles if bus <= TURN_LOAD * _bus_share(each, gpu)))
    profile = profile_of(fitting, memory, compute, ROOM)
    if profile is None or profile.most < 2:
        return None
    return Sharing(
        setting=f"mig-{profile.name}",
        pods=profile.most,
        how=(
            f"MIG profile {profile.name}: {profile.most} pods per {gpu.name}, each with {profile.slices} of {gpu.slices} slices and "
            f"{profile.memory_gb} GB"
        ),
        lost=(
            "Slices keep memory and computing apart in hardware; power, resets after an error and the PCIe link are shared, cards cannot "
            "talk to each other, and a pod can no longer use what its neighbors leave free."
        ),
        settings=f"MIG strategy single, configuration all-{profile.name}; a pod's nvidia.com/gpu is then one slice",
    )


def _bus_share(profile: Profile, gpu: Gpu) -> float:
    """A slice's part of the memory bus goes with its part of the memory."""
    return min(1.0, profile.memory_gb * 1024 / gpu.memory_mib)


def _turns(use: GpuUse, gpu: Gpu) -> Sharing | None:
    memory, compute, bus = _most(use)
    card = TURN_MEMORY * gpu.memory_mib * 1024 * 1024
    pods = min(MOST_TURNS, *(int(limit // max(value, 1e-9)) for limit, value in ((card, memory), (TURN_LOAD, compute), (TURN_LOAD, bus))))
    if pods < 2:
        return None
    return Sharing(
        setting=f"time-slicing-{pods}",
        pods=pods,
        how=f"{pods} pods taking turns on each {gpu.name} (time-slicing; it cannot be cut by MIG)",
        lost=(
            "Nothing keeps them apart: one pod that takes more memory or fails can stop the others, answers wait for the others' turns, "
            "and usage can no longer be told pod by pod."
        ),
        settings=f"time-slicing with {pods} replicas and renameByDefault; pods must then ask for nvidia.com/gpu.shared",
    )


def _most(use: GpuUse) -> tuple[float, float, float]:
    """Memory, compute and bus of the hungriest workload: any of them may meet any other on a card."""
    return (
        max(work.memory or 0.0 for work in use.works),
        max(work.compute.p99 or 0.0 for work in use.works),
        max(work.dram.p99 or 0.0 for work in use.works),
    )


def _shared(case: Case, use: GpuUse, found: Sharing) -> Finding | None:
    """The same pods packed on cards that count as so many; what the right number of whole cards would save is not this lever's."""
    shape = replace(case.instance, gpus=case.instance.gpus * found.pods)
    needed = NodesNeeded(case.items, node_of(shape, case.demand.overhead))
    nodes, whole = _nodes(case, needed), _nodes(case, case.now.needed)
    if nodes is None or whole is None:
        return None
    saved = min(whole, case.now.nodes) - nodes
    if saved <= 0:
        return None
    memory, compute, _ = _most(use)
    used = f"never more than {compute:.0%} of a card (99th percentile) and {memory / GIB:.1f} GiB each"
    instead = f"{_some(nodes)} would do where whole cards need {min(whole, case.now.nodes)}"
    return case.finding(
        "gpu-sharing",
        "gpu_sharing",
        (FieldChange(field="gpu_sharing", old="whole", new=found.setting),),
        Size(nodes=nodes, instance=shape, needed=needed),
        nodes_saved=Decimal(saved),
        lines=(f"Pods of {_names(use)} use {used}. With {found.how}, {instead}.", found.lost, FIX_CODE),
        unknowns=("How long an answer may take, and whether pods may share hardware with others at all, was not read.",),
        needs_person=(
            f"Sharing is set for the whole pool, in the values of the profile's GPU operator or device plugin pack: {found.settings}. "
            "Each node is drained once. A person sets it, watches, and then lowers the count; it is instead of another type, not beside it."
        ),
    )


def _some(nodes: int) -> str:
    return f"{nodes} node{'s' if nodes != 1 else ''}"


def _nodes(case: Case, needed: NodesNeeded) -> int | None:
    try:
        return max(sized(needed, case.part, case.demand.times[needed.steps]), floor_of(case, needed).nodes)
    except BadInput:
        return None


# ── Cards that wait with a model loaded ──────────────────────────────────────────────────────────────────────────────
def warm(case: Case) -> Refusal | None:
    """Advice, not a removal: a loaded model that waits for work is what somebody pays for, and what that costs is said."""
    use = case.gpus
    if use is None or use.state != "warm-idle":
        return None
    told = [advice(work) for work in use.works[:TOLD]]
    rest = f" So do {len(use.works) - TOLD} more workloads." if len(use.works) > TOLD else ""
    nodes, cost = case.now.nodes, case.price * HOURS_PER_MONTH * case.now.nodes
    paid = f"The pool ({_some(nodes)}) costs {cost} a month while they wait."
    needs = "Its owners' word on how long a first answer may take: then a schedule, or scale to zero with a minimum of 0."
    return case.asked.refuse("warm-idle", f"{' '.join(told)}{rest} {paid}", needs=needs)


# ── Cards that rest by the clock ─────────────────────────────────────────────────────────────────────────────────────
def schedule(case: Case, use: GpuUse | None) -> Finding | None:
    """Hours of the week in which loaded cards never computed anything, although they do at others: a person may let them go then."""
    if use is None or case.demand.step > HOUR or not use.works or not all(_is_served(work) for work in use.works):
        return None
    # What goes down to none already needs no schedule.
    if case.now.nodes < 1 or any(need == 0 for need in _gpu_needs(case)):
        return None
    quiet = _quiet_hours(case)
    share = len(quiet) / WEEK_HOURS
    if not QUIET_SHARE <= share < 1:
        return None
    saved = (Decimal(case.now.nodes * len(quiet)) / WEEK_HOURS).quantize(Decimal("0.001"))
    cost, nodes = case.price * HOURS_PER_MONTH * case.now.nodes, str(case.now.nodes)
    rested = f"its GPUs never computed more than {IDLE_COMPUTE:.0%} in {int(case.demand.days // 7)} weeks, with their models loaded"
    return case.finding(
        "gpu-schedule",
        "min",
        (FieldChange(field="min", old=nodes, new="0"),),
        case.now,
        nodes_saved=saved,
        lines=(
            f"In {len(quiet)} of the 168 hours of a week ({share:.0%}) {rested}: {_runs_in_words(quiet)}.",
            f"Those hours cost {case.price * HOURS_PER_MONTH * saved} of {cost} a month.",
        ),
        unknowns=("Whether somebody asks in those hours and must be answered at once is not known: quiet is not closed.",),
        needs_person=(
            "A person sets a schedule or scale to zero for these workloads and lets the autoscaler go down to 0 in those hours; the first "
            "answer afterwards waits for a node and for the model to load."
        ),
        nodes=(case.now.nodes, 0),
    )


def _is_served(work: GpuWork) -> bool:
    return work.kind in {"Deployment", "ReplicaSet", "StatefulSet"} and work.compute.most is not None


def _gpu_needs(case: Case) -> list[float]:
    """Of each row that ever ran: pods without a GPU would lose their place too."""
    demand = case.demand
    rows = zip(np.nan_to_num(demand.gpu_need()), demand.runs, strict=True)
    return [float(need[runs].max()) for need, runs in rows if runs.any()]


def _quiet_hours(case: Case) -> tuple[int, ...]:
    """Hours of the week (0 = Monday midnight UTC), in runs, that were measured in at least two weeks and at rest in all of them."""
    demand = case.demand
    with np.errstate(divide="ignore", invalid="ignore"):
        busiest: Floats = np.where(demand.runs, demand.gpu_compute_used / (demand.pods * demand.gpu_need()), 0.0).max(axis=0, initial=0.0)
    hour = (demand.times // HOUR + 3 * 24) % WEEK_HOURS  # 1970 began on a Thursday.
    weeks = (demand.times // HOUR + 3 * 24) // WEEK_HOURS
    # A step that was not measured is NaN, and no comparison with it holds.
    at_rest = demand.seen & demand.runs.any(axis=0) & (busiest < IDLE_COMPUTE)
    quiet = {h for h in range(WEEK_HOURS) if at_rest[hour == h].all() and len(set(weeks[hour == h].tolist())) >= 2}
    return tuple(h for run in _runs(quiet) if len(run) >= QUIET_RUN for h in run)


def _runs(hours: set[int]) -> list[list[int]]:
    """Hours of the week in a row; Sunday night goes on into Monday."""
    starts = sorted(h for h in hours if (h - 1) % WEEK_HOURS not in hours)
    runs = []
    for start in starts:
        run = [start]
        while (run[-1] + 1) % WEEK_HOURS in hours:
            run.append((run[-1] + 1) % WEEK_HOURS)
        runs.append(run)
    return runs


DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def _runs_in_words(hours: Sequence[int]) -> str:
    """Up to three, the longest first, in UTC."""
    runs = sorted(_runs(set(hours)), key=lambda run: (-len(run), run[0]))
    told = [f"{_moment(run[0])} to {_moment(run[-1] + 1)}" for run in runs[:3]]
    return f"{', '.join(told)} UTC" + (f" and {len(runs) - 3} more" if len(runs) > 3 else "")


def _moment(hour: int) -> str:
    return f"{DAYS[hour // 24 % 7]} {hour % 24:02d}:00"


__all__ = ["Sharing", "schedule", "share", "warm"]
