"""Which advice the measured signals can carry: what is missing takes away the levers that need it, and no other.

Counts need what pods ask for, and which of them waited. Another type, spot and sharing put other pods side by side, so they need what
the pods really use as well; on GPU pools also what the GPUs compute and hold.
"""

from dataclasses import replace

import numpy as np

from trimtab.analysis.case import Asked, Case
from trimtab.analysis.demand import Demand, Floats
from trimtab.records import Refusal

USES = {"cpu_used": ("cpu_request", "CPU use"), "memory_used": ("memory_request", "memory use")}
REQUESTS = {"cpu_request": "CPU", "memory_request": "memory"}
IMPOSSIBLE = (
    "pods", "pending", "cpu_request", "memory_request", "gpu_request", "cpu_used", "memory_used", "gpu_compute_used", "gpu_memory_used",
)  # fmt: skip


def usable(demand: Demand, coverage: float) -> tuple[Demand, bool]:
    """The demand that counts rest on, and whether use is measured well enough for the other levers.

    Where use has holes, a hole counts as the highest use that its row ever had, and as its request where it never had one: less is
    known, so never less is assumed.
    """
    has_use = all(demand.known_share(name) >= coverage for name in USES)
    if has_use and demand.coverage >= coverage:
        return demand, True
    cpu, memory = (_bounded(demand, name, request) for name, (request, _) in USES.items())
    return replace(demand, cpu_used=cpu, memory_used=memory), False


def _bounded(demand: Demand, name: str, request: str) -> Floats:
    used, asked = getattr(demand, name), getattr(demand, request)
    if name not in demand.recorded:
        return np.full_like(used, np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        per_pod = np.where(demand.runs & (demand.pods > 0), used / demand.pods, np.nan)
    highest = np.fmax.reduce(per_pod, axis=1, initial=-np.inf)[:, None]
    bound = np.where(np.isfinite(highest), highest, asked)
    bounded: Floats = np.where(np.isnan(used) & demand.runs, bound * demand.pods, used)
    return bounded


# ── Gates ────────────────────────────────────────────────────────────────────────────────────────────────────────────
def impossible(asked: Asked) -> Refusal | None:
    """No pod uses less than nothing or without end."""
    demand = asked.demand
    for name in IMPOSSIBLE if demand else ():
        values = getattr(demand, name)
        if values is not None and (np.isinf(values).any() or (values < 0).any()):
            reason = f"{name} holds a value below zero or without end: what wrote it cannot be trusted."
            return asked.refuse("metrics-impossible", reason, needs="A source whose values are possible, and a window without these.")
        if values is not None and name == "pods" and np.isnan(values).any():
            reason = "How many pods there were is no number in some steps: that is not the same as none."
            return asked.refuse("metrics-impossible", reason, needs="A source whose values are possible, and a window without these.")
    return None


def requests_missing(asked: Asked) -> Refusal | None:
    """Pods are placed by what they ask for."""
    demand = asked.demand
    if demand is None or not demand.runs.any():
        return None
    has_gpus = asked.instance is not None and asked.instance.gpus > 0
    wanted = REQUESTS | ({"gpu_request": "GPUs"} if has_gpus else {})
    missing = [words for name, words in wanted.items() if name not in demand.recorded]
    if not missing:
        return None
    reason = f"What its pods ask for in {' and '.join(missing)} was never read: nodes are counted by requests."
    return asked.refuse("requests-missing", reason, needs="kube-state-metrics or the Kubernetes API, read by the collector.")


def pending_missing(asked: Asked) -> Refusal | None:
    """What runs is censored by the pool's size; only what waits tells that more was wanted."""
    if asked.demand is None or asked.demand.pending is not None:
        return None
    reason = "Its source does not tell waiting pods from running ones: a pool that is too small would look just right."
    return asked.refuse("pending-missing", reason, needs="Pod phases, from kube-state-metrics or the Kubernetes API.")


def memory_unmeasured(asked: Asked) -> Refusal | None:
    """A pod that asks for no memory and whose memory nobody measured may hold any amount."""
    demand = asked.demand
    if demand is None or asked.has_use or not demand.runs.any():
        return None
    is_open = demand.runs & (np.nan_to_num(demand.memory_request) <= 0) & (np.nan_to_num(demand.memory_used) <= 0)
    names = sorted({name for name, row in zip(demand.names, is_open, strict=True) if row.any()})
    if not names:
        return None
    reason = f"{_listed(names)} asks for no memory, and what it holds was not measured: unknown is not nothing."
    return asked.refuse("memory-unmeasured", reason, needs="Memory requests for its pods, or their measured memory use.")


def cpu_unmeasured(asked: Asked) -> Refusal | None:
    """A pod that asks for no CPU and whose use nobody measured may need any amount."""
    demand = asked.demand
    if demand is None or asked.has_use or not demand.runs.any():
        return None
    is_open = demand.runs & (np.nan_to_num(demand.cpu_request) <= 0) & (np.nan_to_num(demand.cpu_used) <= 0)
    names = sorted({name for name, row in zip(demand.names, is_open, strict=True) if row.any()})
    if not names:
        return None
    reason = f"{_listed(names)} asks for no CPU, and what it uses was not measured: unknown is not nothing."
    return asked.refuse("cpu-unmeasured", reason, needs="CPU requests for its pods, or their measured CPU use.")


# ── For levers that move pods closer together ────────────────────────────────────────────────────────────────────────
def use_missing(case: Case) -> Refusal | None:
    """Another type, spot or sharing is not judged without what the pods really use."""
    if not case.asked.has_use:
        known = ", ".join(f"{words} in {case.asked.use_known[name]:.0%}" for name, (_, words) in USES.items())
        reason = f"Another type or spot is not judged: {known} of what ran is measured, {case.asked.floor.coverage:.0%} are needed."
        return case.asked.refuse("use-missing", reason, needs="CPU and memory use of its pods (cAdvisor metrics).")
    if case.gpus is not None and case.gpus.state == "unknown":
        reason = (
            "Another type is not judged: how much its GPUs compute (SM or tensor activity) is not measured well enough; "
            "a GPU without that metric is not idle."
        )
        return case.asked.refuse("gpu-metrics-missing", reason, needs="DCGM profiling metrics (tensor, SM, DRAM activity) of its GPUs.")
    return None


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
