"""Reasons to say nothing about a pool, in the order in which they are asked; the first that holds is the answer."""

from datetime import UTC, date, datetime, timedelta

import numpy as np

from trimtab.analysis.agreement import arch_differs, live_differs, nodes_differ, outside_bounds, use_differs
from trimtab.analysis.case import Asked, Gate
from trimtab.analysis.signals import cpu_unmeasured, impossible, memory_unmeasured, pending_missing, requests_missing
from trimtab.records import Refusal

STALE = timedelta(hours=36)
"""Evidence that ends earlier says nothing about now."""
COLLECT = "A collector that writes this pool's usage into the lake."


def refused(asked: Asked) -> Refusal | None:
    """The first gate that holds, or None."""
    return next((refusal for gate in GATES if (refusal := gate(asked)) is not None), None)


# ── May this pool be touched at all ──────────────────────────────────────────────────────────────────────────────────
def _control_plane(asked: Asked) -> Refusal | None:
    if not asked.pool.control_plane:
        return None
    return asked.refuse("control-plane", "Control planes are never changed: scaling them down is not supported.")


def _not_running(asked: Asked) -> Refusal | None:
    if asked.cluster.state == "Running":
        return None
    state = asked.cluster.state or "in an unknown state"
    return asked.refuse("cluster-not-running", f"The cluster is {state}, not Running.", needs="The cluster in state Running.")


def _repave(asked: Asked) -> Refusal | None:
    if not asked.cluster.is_repave_pending:
        return None
    reason = "A repave waits for approval: it blocks every later change of this cluster."
    return asked.refuse("repave-pending", reason, needs="Somebody approves or ends the repave in Palette.")


def _karpenter(asked: Asked) -> Refusal | None:
    made = "karpenter" in ((asked.demand.makers if asked.demand else None) or frozenset())
    if not (made or asked.cluster.has_karpenter):
        return None
    whose = "Karpenter made nodes that carry this pool's name" if made else "Karpenter runs in this cluster"
    reason = f"{whose}: pods move between its nodes and the pool's, so counting the pool alone would undercount."
    return asked.refuse("karpenter-owned", reason, needs="Size it in Karpenter's own NodePool, or take Karpenter out of the cluster.")


def _autoscaler_fields(asked: Asked) -> Refusal | None:
    if not asked.pool.is_autoscaled or asked.cluster.cloud == "aws":
        return None
    return asked.refuse(
        "autoscaler-only",
        f"This pool is autoscaled, and on {asked.cluster.cloud} only its count can be declared in Git, not its minimum or maximum.",
        needs="Bounds that are declared where the pool is, or a pool without autoscaling.",
    )


# ── Is its shape known, and what it costs ────────────────────────────────────────────────────────────────────────────
def _type_and_price(asked: Asked) -> Refusal | None:
    instance = asked.instance
    place = f"{asked.cluster.cloud} {asked.cluster.region}"
    if instance is None:
        reason = f"{asked.pool.instance_type!r} is not in the catalog for {place}."
        return asked.refuse(
            "unknown-instance-type", reason, needs="A catalog that has it: Palette's own, or a price given in the settings."
        )
    if asked.price(instance) is None:
        terms = "spot price" if asked.pool.capacity_type == "spot" else "price"
        reason = f"The catalog has no {terms} for {instance.name} in {place}; a missing price is not zero."
        return asked.refuse("price-missing", reason, needs="A price for it above zero, from Palette or in the settings.")
    return None


def _rate(asked: Asked) -> Refusal | None:
    rate = asked.effective_rate
    if rate is None or (rate.is_finite() and rate > 0):
        return None
    reason = f"The bill's own rate for one node-hour of this pool is {rate}: what a change would save cannot be said from it."
    return asked.refuse("rate-unusable", reason, needs="A billing period that charges this pool's nodes at a rate above zero.")


# ── Is it measured ───────────────────────────────────────────────────────────────────────────────────────────────────
def _metrics(asked: Asked) -> Refusal | None:
    demand = asked.demand
    if demand is not None and demand.seen.any():
        return None
    eligible = (asked.now + timedelta(days=asked.days_wanted)).date()
    return asked.refuse("metrics-missing", "Nothing was measured for this pool; missing is not idle.", eligible, needs=COLLECT)


def _stale(asked: Asked) -> Refusal | None:
    demand = asked.demand
    if demand is None:
        return None
    last = datetime.fromtimestamp(int(demand.times[np.flatnonzero(demand.seen)[-1]]) + demand.step, UTC)
    if asked.now - last <= STALE:
        return None
    reason = f"The newest sample is from {last:%Y-%m-%d %H:%M} UTC: it says nothing about now."
    return asked.refuse("metrics-stale", reason, needs="Its collector runs again.")


def _future(asked: Asked) -> Refusal | None:
    if asked.demand is None or asked.demand.end <= asked.now + timedelta(hours=1):
        return None
    reason = f"Its samples run until {asked.demand.end:%Y-%m-%d %H:%M} UTC, which is not yet: a clock is wrong."
    return asked.refuse("metrics-impossible", reason, needs="Clocks that agree.")


def _history(asked: Asked) -> Refusal | None:
    days = asked.demand.days if asked.demand else 0.0
    if asked.demand is None or days >= asked.days_wanted:
        return None
    eligible = (asked.demand.start + timedelta(days=asked.days_wanted)).date()
    reason = f"{int(days)} days are measured, {asked.days_wanted} are needed for {asked.environment}."
    return asked.refuse("too-little-history", reason, eligible, needs=f"{asked.days_wanted - int(days)} more days in the lake.")


def _coverage(asked: Asked) -> Refusal | None:
    demand = asked.demand
    if demand is None or demand.coverage >= asked.floor.coverage:
        return None
    reason = f"{demand.coverage:.1%} of the samples exist, {asked.floor.coverage:.0%} are needed; missing is not idle."
    return asked.refuse("coverage-low", reason, _covered_from(asked), needs="No more gaps: the old ones leave the window by themselves.")


def _covered_from(asked: Asked) -> date | None:
    """The first day on which, without new gaps, the same length of window is covered well enough."""
    if asked.demand is None:
        return None
    per_day = max(1, 86400 // asked.demand.step)
    missing = np.cumsum(~asked.demand.measured()[::-1])[::-1]
    allowed = (1 - asked.floor.coverage) * len(missing)
    last = -(-len(missing) // per_day)
    days = next((day for day in range(last) if missing[day * per_day] <= allowed), last)
    return (asked.now + timedelta(days=days)).date()


def _fits(asked: Asked) -> Refusal | None:
    demand, instance = asked.demand, asked.instance
    if demand is None or instance is None:
        return None
    largest = demand.largest_pod()
    rooms = (
        ("CPU", largest.cpu, instance.allocatable_cpu - demand.overhead.cpu),
        ("memory", largest.memory, instance.allocatable_memory - demand.overhead.memory),
        ("GPUs", largest.gpu, instance.gpus * 1000),
        ("pod slots", 1.0, instance.max_pods - demand.overhead.pods),
    )
    runs = bool(demand.runs.any())
    short = [name for name, need, room in rooms if need > room or (runs and room <= 0 and name != "GPUs")]
    if not short:
        return None
    reason = f"Its largest pod asks for more {short[0]} than one {instance.name} offers: the requests or the type are wrong."
    return asked.refuse("pod-fits-no-node", reason, needs="Requests that fit one node, or a larger type.")


GATES: tuple[Gate, ...] = (
    _control_plane, _not_running, _repave, _karpenter, _autoscaler_fields,
    _type_and_price, _rate, arch_differs, outside_bounds, live_differs,
    _metrics, impossible, _future, _stale, _history, requests_missing, pending_missing, _coverage,
    nodes_differ, use_differs, memory_unmeasured, cpu_unmeasured, _fits,
)  # fmt: skip
