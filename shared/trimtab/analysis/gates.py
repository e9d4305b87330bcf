"""Reasons to say nothing about a pool, in the order in which they are asked; the first that holds is the answer."""

from datetime import UTC, datetime, timedelta

import numpy as np

from trimtab.analysis.case import Asked, Gate
from trimtab.analysis.gpu import gpu_use
from trimtab.records import Refusal

STALE = timedelta(hours=36)
"""Evidence that ends earlier says nothing about now."""
BILL_TOLERANCE = 0.10
USES = (("cpu_used", "CPU use"), ("memory_used", "memory use"))


def refused(asked: Asked) -> Refusal | None:
    """The first gate that holds, or None."""
    return next((refusal for gate in GATES if (refusal := gate(asked)) is not None), None)


def _control_plane(asked: Asked) -> Refusal | None:
    if not asked.pool.control_plane:
        return None
    return asked.refuse("control-plane", "Control planes are never changed: scaling them down is not supported.")


def _not_running(asked: Asked) -> Refusal | None:
    if asked.cluster.state == "Running":
        return None
    return asked.refuse("cluster-not-running", f"The cluster is {asked.cluster.state or 'in an unknown state'}, not Running.")


def _repave(asked: Asked) -> Refusal | None:
    if not asked.cluster.is_repave_pending:
        return None
    return asked.refuse("repave-pending", "A repave waits for approval: it blocks every later change of this cluster.")


def _autoscaler_fields(asked: Asked) -> Refusal | None:
    if not asked.pool.is_autoscaled or asked.cluster.cloud == "aws":
        return None
    return asked.refuse(
        "autoscaler-only",
        f"This pool is autoscaled, and on {asked.cluster.cloud} only its count can be declared in Git, not its minimum or maximum.",
    )


def _type_and_price(asked: Asked) -> Refusal | None:
    instance = asked.instance
    place = f"{asked.cluster.cloud} {asked.cluster.region}"
    if instance is None:
        return asked.refuse("unknown-instance-type", f"{asked.pool.instance_type!r} is not in the catalog for {place}.")
    if instance.price is None or instance.price.amount <= 0:
        return asked.refuse("price-missing", f"The catalog has no price for {instance.name} in {place}; a missing price is not zero.")
    return None


def _metrics(asked: Asked) -> Refusal | None:
    if asked.demand is None:
        eligible = (asked.now + timedelta(days=asked.days_wanted)).date()
        return asked.refuse("metrics-missing", "Nothing was measured for this pool; missing is not idle.", eligible)
    missing = [words for name, words in USES if name not in asked.demand.recorded]
    if missing and asked.demand.runs.any():
        return asked.refuse("metrics-missing", f"The {' and '.join(missing)} of its pods was never measured; missing is not idle.")
    return None


def _stale(asked: Asked) -> Refusal | None:
    demand = asked.demand
    measured = np.flatnonzero(demand.seen) if demand is not None else np.zeros(0)
    if demand is None or not len(measured):
        return asked.refuse("metrics-missing", "Nothing was measured for this pool; missing is not idle.")
    last = datetime.fromtimestamp(int(demand.times[measured[-1]]) + demand.step, UTC)
    if asked.now - last <= STALE:
        return None
    return asked.refuse("metrics-stale", f"The newest sample is from {last:%Y-%m-%d %H:%M} UTC: it says nothing about now.")


def _history(asked: Asked) -> Refusal | None:
    days = asked.demand.days if asked.demand else 0.0
    if asked.demand is None or days >= asked.days_wanted:
        return None
    eligible = (asked.demand.start + timedelta(days=asked.days_wanted)).date()
    kind = "non-production" if asked.is_nonproduction else "production"
    return asked.refuse("too-little-history", f"{int(days)} days are measured, {asked.days_wanted} are needed for {kind}.", eligible)


def _coverage(asked: Asked) -> Refusal | None:
    coverage = asked.demand.coverage if asked.demand else 0.0
    if coverage >= asked.floor.coverage:
        return None
    return asked.refuse("coverage-low", f"{coverage:.1%} of the samples exist, {asked.floor.coverage:.0%} are needed; missing is not idle.")


def _sources(asked: Asked) -> Refusal | None:
    """The live cluster, the metrics and the bill must tell of the same nodes."""
    if asked.demand is None or asked.demand.nodes is None:
        return None
    newest = asked.demand.nodes[-max(1, 86400 // asked.demand.step) :]
    if np.isnan(newest).all():
        return asked.refuse("sources-disagree", f"Palette has {asked.pool.count} nodes; the metrics saw none in the last day.")
    seen = float(np.nanmedian(newest))
    low, high = (asked.pool.minimum or 0, asked.pool.maximum or 0) if asked.pool.is_autoscaled else (asked.pool.count, asked.pool.count)
    if not low - 0.5 <= seen <= high + 0.5:
        wanted = f"{low} to {high}" if low != high else f"{low}"
        return asked.refuse(
            "sources-disagree", f"Palette has {wanted} nodes, the metrics saw {seen:g} in the last day: find out which is right first."
        )
    return _bill(asked, float(np.nanmean(asked.demand.nodes)))


def _bill(asked: Asked, seen: float) -> Refusal | None:
    if asked.billed_nodes is None or abs(asked.billed_nodes - seen) <= max(0.5, BILL_TOLERANCE * seen):
        return None
    return asked.refuse("sources-disagree", f"The bill has {asked.billed_nodes:.1f} nodes on average, the metrics saw {seen:.1f}.")


def _gpu_metrics(asked: Asked) -> Refusal | None:
    if asked.demand is None or asked.instance is None or not asked.instance.gpus:
        return None
    if gpu_use(asked.demand, asked.floor.coverage).state != "unknown":
        return None
    reason = "How much its GPUs compute (SM or tensor activity) is not measured well enough; a GPU without that metric is not idle."
    return asked.refuse("gpu-metrics-missing", reason)


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
    short = [name for name, need, room in rooms if need > room]
    if not short:
        return None
    return asked.refuse(
        "pod-fits-no-node", f"Its largest pod asks for more {short[0]} than one {instance.name} offers: the requests or the type are wrong."
    )


GATES: tuple[Gate, ...] = (
    _control_plane,
    _not_running,
    _repave,
    _autoscaler_fields,
    _type_and_price,
    _metrics,
    _stale,
    _history,
    _coverage,
    _sources,
    _gpu_metrics,
    _fits,
)
