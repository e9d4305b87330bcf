"""May this pool run on spot machines? A checklist over what is known; what is not known is said, never taken for a yes."""

from collections.abc import Sequence

from trimtab.analysis.demand import Demand
from trimtab.records import InstanceType

SAFE_BUCKET = 1
"""AWS Spot Advisor: bucket 1 is at most 10 % of machines interrupted a month."""
STATELESS = frozenset({"Deployment", "ReplicaSet", "Job", "DaemonSet"})

Objection = tuple[str, str]
"""(rule, sentence)."""


def spot_objection(demand: Demand, instance: InstanceType) -> Objection | None:
    """The first thing that speaks against spot, or None."""
    checks = (_stateful(demand), _single(demand), _local(demand), _gang(demand, instance), _interruption(instance), _price(instance))
    return next((objection for objection in checks if objection), None)


def _stateful(demand: Demand) -> Objection | None:
    kinds = {
        name: kind for name, kind, runs in zip(demand.names, demand.kinds, demand.pods.max(axis=1, initial=0.0), strict=True) if runs > 0
    }
    if not kinds:
        return "spot-unknown", "No workload was seen on the pool, so nobody knows whether it could live on spot."
    bad = sorted(name for name, kind in kinds.items() if kind not in STATELESS)
    if not bad:
        return None
    kind = kinds[bad[0]]
    if kind == "StatefulSet":
        return "stateful-spot", f"{_listed(bad)} keeps state (StatefulSet): spot takes nodes away with two minutes' notice."
    return "spot-unknown", f"{_listed(bad)} is a {kind or 'workload of unknown kind'}: nothing says it would be started again elsewhere."


def _single(demand: Demand) -> Objection | None:
    single = sorted(
        {
            name
            for name, kind, pods in zip(demand.names, demand.kinds, demand.pods, strict=True)
            if kind in {"Deployment", "ReplicaSet"} and 0 < pods.max(initial=0.0) < 2
        }
    )
    return ("single-replica-spot", f"{_listed(single)} runs one replica: an interruption is an outage.") if single else None


def _local(demand: Demand) -> Objection | None:
    """Unread volumes are no objection here: the finding says that they are unknown, and a person weighs it."""
    local = sorted(name for name, drain in demand.drains.items() if drain.has_local_volume)
    return ("local-volume-spot", f"{_listed(local)} has a local volume: an interruption loses what is in it.") if local else None


def _gang(demand: Demand, instance: InstanceType) -> Objection | None:
    if instance.gpus and any(kind == "Job" for kind in demand.kinds):
        return "gpu-job-spot", "GPU jobs without a known checkpoint lose their work at every interruption."
    return None


def _interruption(instance: InstanceType) -> Objection | None:
    if instance.spot_interruption is None:
        return "spot-interruption-unknown", f"How often {instance.name} spot machines are interrupted in {instance.region} is not known."
    if instance.spot_interruption > SAFE_BUCKET:
        return (
            "spot-interrupted-often",
            f"{instance.name} spot machines are interrupted too often (bucket {instance.spot_interruption} of 4).",
        )
    return None


def _price(instance: InstanceType) -> Objection | None:
    if instance.spot_price is None or instance.price is None or not instance.spot_price < instance.price:
        return "spot-price-missing", f"No spot price below the on-demand price is known for {instance.name}."
    return None


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
