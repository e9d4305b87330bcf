"""What runs: clusters, their pools, what a finding can be about, and why something is left alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from trimtab.records.names import Cloud, ClusterUid, PoolField, ProjectUid, SubjectKind
from trimtab.units import Bytes, Millicores, Money


@dataclass(frozen=True, kw_only=True, slots=True)
class InstanceType:
    """One row of a price catalog; `price` is the on-demand price of one hour, None where the catalog has none."""

    name: str
    cloud: Cloud
    region: str
    cpu: Millicores
    memory: Bytes
    arch: str
    allocatable_cpu: Millicores
    allocatable_memory: Bytes
    max_pods: int
    price: Money | None
    spot_price: Money | None = None
    price_source: str = ""
    """Which list the prices are from and of when, for people; "" = the catalog says it for all."""
    gpu_model: str | None = None
    gpus: int = 0
    gpu_memory: Bytes = Bytes(0)
    """Memory of one GPU; 0 = the catalog does not say."""
    spot_interruption: int | None = None
    """AWS Spot Advisor bucket: 0 is under 5 % a month, 4 over 20 %; None = unknown, never safe."""
    not_in: tuple[str, ...] = ()
    """Zones of the region that do not have it; () = none are known."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pool:
    """A machine pool as its live cluster reports it, or as its file declares it."""

    cluster_uid: ClusterUid
    name: str
    instance_type: str
    count: int
    minimum: int | None = None
    """Autoscaler bounds; None on both = a static pool."""
    maximum: int | None = None
    capacity_type: Literal["on-demand", "spot"] = "on-demand"
    control_plane: bool = False
    """Also where it serves as both: a control plane that takes workloads is still one."""
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: tuple[str, ...] = ()
    machines: int | None = None
    """Live: how many machines there are now that are not going away, where that is another number than `count`; None = as many."""
    zones: tuple[str, ...] = ()
    """Availability zones it may be in; () = not said."""
    arch: str = ""
    """amd64 or arm64 as Palette says; "" = it does not."""
    surge: str = ""
    """How nodes are replaced: RollingUpdateScaleOut needs one more node for it, RollingUpdateScaleIn takes one away; "" = not said."""
    max_price: str = ""
    """Highest spot price it bids, as Palette has it; "" = none given, or not spot."""

    @property
    def is_autoscaled(self) -> bool:
        """True where the autoscaler may move the count: both bounds given, and apart."""
        return self.minimum is not None and self.maximum is not None and self.minimum != self.maximum


@dataclass(frozen=True, kw_only=True, slots=True)
class Cluster:
    """A live Palette cluster with its pools."""

    uid: ClusterUid
    name: str
    project_uid: ProjectUid
    project: str
    cloud: Cloud
    region: str
    state: str
    """Palette's own word: Running, Provisioning, Deleting …"""
    health: str
    is_repave_pending: bool
    tags: Mapping[str, str]
    pools: tuple[Pool, ...]
    namespaces: tuple[str, ...] = ()
    has_karpenter: bool = False
    """Its profiles install Karpenter: nodes come and go outside the pools, so that counting pools undercounts."""
    left_out: tuple["Refusal", ...] = ()
    """Pools that Palette has and `pools` has not, each with why ("*" = all of them): nothing is ever proposed for them."""

    def pool(self, name: str) -> Pool | None:
        """The pool of that name, or None."""
        return next((pool for pool in self.pools if pool.name == name), None)

    def pool_of(self, subject: "Subject") -> Pool | None:
        """The pool that a change is about; None where it is gone, or where the change is about something else."""
        return self.pool(subject.pool) if subject.kind == "pool" else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """What one proposal is about: it fixes the branch, the stream and the one pull request."""

    cluster_uid: ClusterUid
    pool: str
    """Name of the pool, or of what `kind` says: a namespace, a workspace, "namespace/Deployment/name/container"."""
    field: PoolField
    kind: SubjectKind = "pool"

    def __str__(self) -> str:
        return f"{self.cluster_uid}/{self.thing}/{self.field}"

    @property
    def thing(self) -> str:
        """The pool's name; of anything else with its kind in front: a namespace may have the name of a pool."""
        return self.pool if self.kind == "pool" else f"{self.kind}:{self.pool}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """An expected "no": what was looked at, which rule said no, and what would change that."""

    cluster_uid: ClusterUid
    pool: str
    rule: str
    """Machine-readable reason, for example "metrics-missing"."""
    reason: str
    """One sentence for people."""
    eligible_from: date | None = None
    needs: str = ""
    """What would make it possible, in one sentence; "" = nothing, or the reason says it."""
    kind: SubjectKind = "pool"
