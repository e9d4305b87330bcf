"""What one cluster's Kubernetes API said at one time: objects parsed as they arrive, and by name what could not be read.

Only what a row needs is read: a CronJob is named by its Jobs, a StorageClass by its claims.
A kind that could not be read is in `not_read`; a kind without objects is an empty tuple. Only the second one says that there are none.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from trimtab.errors import Upstream
from trimtab.sources.cluster_assets import volume_id
from trimtab.sources.kube_meta import Meta, items, mapping, number, parse_meta, part
from trimtab.sources.kube_pods import KubePod, parse_pod
from trimtab.sources.kube_quantities import of_resource, whole
from trimtab.sources.kube_selectors import Selector, node_terms, parse_selector

Kind = Literal["namespace", "node", "pod", "replica_set", "job", "budget", "autoscaler", "volume", "claim"]
_CLASS_OF_OLD = "volume.beta.kubernetes.io/storage-class"


@dataclass(frozen=True, kw_only=True, slots=True)
class KubeNode:
    """A machine."""

    meta: Meta
    provider_id: str
    capacity: Mapping[str, int]
    allocatable: Mapping[str, int]
    """Millicores, bytes or pieces, by the resource's own name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Budget:
    """A PodDisruptionBudget."""

    meta: Meta
    selector: Selector | None
    allowed: int | None
    """Evictions that it allows now; None = its controller has not looked at it as it is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Autoscaler:
    """A HorizontalPodAutoscaler."""

    meta: Meta
    target: tuple[str, str]
    """(kind, name)."""
    looks_at: frozenset[str]
    """cpu, memory, other."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Volume:
    """A PersistentVolume."""

    meta: Meta
    provider_id: str | None
    size: int | None
    claim: tuple[str, str] | None
    """(namespace, name)."""
    storage_class: str | None
    required: Mapping[str, str]
    """Node labels that it can be mounted at."""
    is_local: bool
    """Its data is on one machine and goes with it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """A PersistentVolumeClaim."""

    meta: Meta
    volume: str
    """"" = it has none yet."""
    storage_class: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class KubeObjects:
    """Everything that was read of one cluster, and when."""

    read_at: datetime
    namespaces: tuple[Meta, ...] = ()
    nodes: tuple[KubeNode, ...] = ()
    pods: tuple[KubePod, ...] = ()
    replica_sets: tuple[Meta, ...] = ()
    jobs: tuple[Meta, ...] = ()
    budgets: tuple[Budget, ...] = ()
    autoscalers: tuple[Autoscaler, ...] = ()
    volumes: tuple[Volume, ...] = ()
    claims: tuple[Claim, ...] = ()
    not_read: Mapping[Kind, str] = field(default_factory=dict)
    """Kind → why; of these nothing is known."""


def parse_node(item: Any, place: str) -> KubeNode:
    """A node."""
    status = part(item, "status")
    return KubeNode(
        meta=parse_meta(item, place), provider_id=str(part(item, "spec").get("providerID") or ""),
        capacity=_amounts(status, "capacity"), allocatable=_amounts(status, "allocatable"),
    )  # fmt: skip


def parse_budget(item: Any, place: str) -> Budget:
    """A PodDisruptionBudget of policy/v1: an empty selector is every pod of its namespace."""
    meta, status = parse_meta(item, place), part(item, "status")
    is_seen = (number(status.get("observedGeneration")) or 0) >= meta.generation
    allowed = number(status.get("disruptionsAllowed")) if is_seen else None
    return Budget(
        meta=meta, selector=parse_selector(part(item, "spec").get("selector")), allowed=None if allowed is None else max(0, allowed)
    )


def parse_autoscaler(item: Any, place: str) -> Autoscaler:
    """A HorizontalPodAutoscaler of autoscaling/v2; without metrics it looks at CPU."""
    spec = mapping(mapping(item, place).get("spec"), f"{place}.spec")
    target = part(spec, "scaleTargetRef")
    looks_at = frozenset(map(_metric, items(spec.get("metrics")))) or frozenset({"cpu"})
    return Autoscaler(meta=parse_meta(item, place), target=(str(target.get("kind", "")), str(target.get("name", ""))), looks_at=looks_at)


def parse_volume(item: Any, place: str) -> Volume:
    """A PersistentVolume: of its sources the id that a bill knows it by."""
    spec = mapping(mapping(item, place).get("spec"), f"{place}.spec")
    claim = part(spec, "claimRef")
    terms = items(part(spec, "nodeAffinity", "required").get("nodeSelectorTerms"))
    return Volume(
        meta=parse_meta(item, place), provider_id=volume_id(_handle(spec)), size=whole(part(spec, "capacity").get("storage")),
        claim=(str(claim.get("namespace", "")), str(claim.get("name", ""))) if claim.get("name") else None,
        storage_class=str(spec.get("storageClassName") or "") or None, required=node_terms(terms),
        is_local="local" in spec or "hostPath" in spec,
    )  # fmt: skip


def parse_claim(item: Any, place: str) -> Claim:
    """A PersistentVolumeClaim."""
    meta, spec = parse_meta(item, place), part(item, "spec")
    storage_class = spec.get("storageClassName") or meta.annotations.get(_CLASS_OF_OLD)
    return Claim(meta=meta, volume=str(spec.get("volumeName") or ""), storage_class=str(storage_class) if storage_class else None)


PARSERS: Mapping[Kind, tuple[str, Callable[[Any, str], Any]]] = {
    "namespace": ("namespaces", parse_meta),
    "node": ("nodes", parse_node),
    "pod": ("pods", parse_pod),
    "replica_set": ("replica_sets", parse_meta),
    "job": ("jobs", parse_meta),
    "budget": ("budgets", parse_budget),
    "autoscaler": ("autoscalers", parse_autoscaler),
    "volume": ("volumes", parse_volume),
    "claim": ("claims", parse_claim),
}
"""Kind → where its objects go, and what reads one."""


def parse_page(kind: Kind, page: Any, seen: int) -> tuple[list[Any], str]:
    """The objects of a list's page and the token of the next one, "" = it is the last; `seen` objects came before. Raises Upstream."""
    found = mapping(page, f"Kubernetes: {kind} list").get("items")
    # Go writes an empty list as null.
    if found is not None and not isinstance(found, list):
        raise Upstream(f"Kubernetes: {kind} list: items: expected a list")
    parse = PARSERS[kind][1]
    token = part(page, "metadata").get("continue")
    return [parse(item, f"Kubernetes: {kind}[{seen + number}]") for number, item in enumerate(found or ())], str(token or "")


def gathered(read_at: datetime, found: Mapping[Kind, tuple[Any, ...]], not_read: Mapping[Kind, str]) -> KubeObjects:
    """All kinds together."""
    return KubeObjects(read_at=read_at, not_read=dict(not_read), **{PARSERS[kind][0]: objects for kind, objects in found.items()})


def _metric(metric: Mapping[str, Any]) -> str:
    source = {"Resource": "resource", "ContainerResource": "containerResource"}.get(str(metric.get("type")), "")
    name = part(metric, source).get("name")
    return name if name in {"cpu", "memory"} else "other"


def _handle(spec: Mapping[str, Any]) -> str:
    """The driver's handle, or an older plugin's id."""
    places = (("csi", "volumeHandle"), ("awsElasticBlockStore", "volumeID"), ("gcePersistentDisk", "pdName"), ("azureDisk", "diskName"))
    return next((str(part(spec, source)[key]) for source, key in places if part(spec, source).get(key)), "")


def _amounts(status: Mapping[str, Any], what: str) -> dict[str, int]:
    found = {name: of_resource(name, text) for name, text in part(status, what).items()}
    return {name: amount for name, amount in found.items() if amount is not None}


__all__ = [
    "PARSERS", "Autoscaler", "Budget", "Claim", "Kind", "KubeNode", "KubeObjects", "Volume", "gathered", "parse_page",
]  # fmt: skip
