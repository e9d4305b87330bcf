"""What the estate consists of: frozen descriptions of clusters, pools, workloads and pods, and the nodes and pods that follow from them.

Nothing here is random: ids are hashes of names, so that two runs on two machines make the same estate.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

from trimtab.records import Cloud, Cluster, ClusterUid, Pool, ProjectUid
from trimtab.units import Bytes, Millicores

AS_OF = datetime(2026, 8, 3, 9, tzinfo=UTC)
"""The demo's "now": a Monday morning."""
START = datetime(2026, 6, 19, tzinfo=UTC)
END = datetime(2026, 8, 3, tzinfo=UTC)
"""Exclusive: 45 whole days of data."""
LAST_DAY = END - timedelta(days=1)
"""From here on usage comes from Prometheus; the 44 days before lie in usage drops."""
HOURS = int((END - START).total_seconds()) // 3600

BILLING_ACCOUNT = "190020003000"
GCP_PROJECT = {"production": "estate-production", "staging": "estate-staging", "development": "estate-development"}
SUB_ACCOUNT = {"production": "190020003001", "staging": "190020003002", "development": "190020003003"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Trace:
    """CPU use of one pod: a real VM's share of its own capacity, times what this pod would use at 100 %."""

    vm: str
    at_full: Millicores
    shift: int = 0
    """Hours by which the replay is ahead, so that two workloads on one trace do not move as one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Gpu:
    """What a pod does with its GPUs; activity and memory are made, not measured."""

    activity: int
    """Typical SM activity in thousandths."""
    swing: int
    """How far the 5-minute means go above and below it."""
    memory: Bytes
    """Highest memory use."""
    queue: str | None = None
    """A real team's queue, scaled to the pool; None = the pods run all the time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Workload:
    """One controller and its equal pods."""

    name: str
    namespace: str
    kind: Literal["Deployment", "StatefulSet", "DaemonSet", "Job"]
    replicas: int
    cpu: Millicores
    memory: Bytes
    load: Trace
    memory_used: Bytes
    team: str | None = None
    """The value of its `team` label; None = untagged."""
    gpus: int = 0
    gpu: Gpu | None = None
    slices: tuple[int, int] | None = None
    """(slices it holds, slices of the GPU) where it asks for a MIG device instead of whole GPUs."""
    sent: int = 0
    """Bytes that each pod sends in a second."""
    volume_gib: int = 0
    """Size of the volume that each replica claims; 0 = none."""
    disruptions_allowed: int = -1
    """What its PodDisruptionBudget allows at any time; -1 = it has none."""
    has_local_volume: bool = False
    """A hostPath or an emptyDir on disk."""

    @property
    def labels(self) -> dict[str, str]:
        """Pod labels over namespace labels, as the collector merges them."""
        return {"app.kubernetes.io/name": self.name} | ({"team": self.team} if self.team else {})

    @property
    def gpu_request(self) -> int:
        """Thousandths of a GPU."""
        return round(1000 * self.slices[0] / self.slices[1]) if self.slices else 1000 * self.gpus


@dataclass(frozen=True, kw_only=True, slots=True)
class EstatePool:
    """A live machine pool, what its file says about it, and what runs on it."""

    pool: Pool
    declared: int
    """Count in the Git file; differs from the live one where somebody scaled by hand."""
    disk_gib: int
    workloads: tuple[Workload, ...]
    is_measured: bool = True
    """False = no metrics exist for it at all."""
    is_committed: bool = False
    """Covered by the savings plan."""
    late: Mapping[int, datetime] = field(default_factory=dict)
    """Node number → when it joined, for nodes that were not there from the start."""
    zones: tuple[str, ...] = ()
    """Zones that its nodes take turns in; () = the cluster's one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EstateCluster:
    """A cluster as Palette knows it, and its pools with what runs on them."""

    cluster: Cluster
    zone: str
    pools: tuple[EstatePool, ...]
    annotations: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Namespace → its annotations."""
    ingress: tuple[str, str] | None = None
    """(namespace, service) that its load balancer is of; None = it has none."""

    @property
    def cloud_type(self) -> Literal["eks", "gke"]:
        """Palette's word for the managed Kubernetes it is."""
        return "eks" if self.cluster.cloud == "aws" else "gke"


@dataclass(frozen=True, kw_only=True, slots=True)
class Node:
    """One machine: its name in the cluster, its id at the cloud."""

    cluster: EstateCluster
    pool: EstatePool
    number: int
    name: str
    provider_id: str
    joined: datetime

    @property
    def zone(self) -> str:
        """Where it stands."""
        return self.pool.zones[self.number % len(self.pool.zones)] if self.pool.zones else self.cluster.zone

    @property
    def resource_id(self) -> str:
        """ResourceId on the bill; it ends with the provider id."""
        project = self.cluster.cluster.project
        if self.cluster.cluster.cloud == "aws":
            return f"arn:aws:ec2:{self.cluster.cluster.region}:{SUB_ACCOUNT[project]}:instance/{self.provider_id}"
        return f"//compute.googleapis.com/projects/{GCP_PROJECT[project]}/zones/{self.zone}/instances/{self.provider_id}"

    @property
    def kubernetes_provider_id(self) -> str:
        """`spec.providerID` as the cloud's controller writes it."""
        if self.cluster.cluster.cloud == "aws":
            return f"aws:///{self.zone}/{self.provider_id}"
        return f"gce://{GCP_PROJECT[self.cluster.cluster.project]}/{self.zone}/{self.name}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Pod:
    """One pod for the whole time of the estate, or one slot of a queue; `node` is None for slots that never find a place."""

    workload: Workload
    cluster: EstateCluster
    pool: EstatePool
    number: int
    name: str
    node: Node | None


def digest(*words: object) -> str:
    """A stable hexadecimal id made from words."""
    return hashlib.sha256("/".join(str(word) for word in words).encode()).hexdigest()


def cluster_uid(name: str) -> ClusterUid:
    """A uid in Palette's form: 24 hexadecimal digits."""
    return ClusterUid(digest("cluster", name)[:24])


def project_uid(name: str) -> ProjectUid:
    """The same for a project."""
    return ProjectUid(digest("project", name)[:24])


def nodes(cluster: EstateCluster) -> list[Node]:
    """Every node of a cluster, pool by pool."""
    return [_node(cluster, pool, number) for pool in cluster.pools for number in range(pool.pool.count)]


def _node(cluster: EstateCluster, pool: EstatePool, number: int) -> Node:
    seed = digest(cluster.cluster.uid, pool.pool.name, number)
    return Node(
        cluster=cluster,
        pool=pool,
        number=number,
        name=_node_name(cluster.cluster.cloud, f"{cluster.cluster.name}-{pool.pool.name}", seed),
        provider_id=_provider_id(cluster.cluster.cloud, seed),
        joined=pool.late.get(number, START),
    )


def _node_name(cloud: Cloud, pool: str, seed: str) -> str:
    octets = [int(seed[at : at + 2], 16) for at in (0, 2, 4)]
    return f"ip-10-{octets[0]}-{octets[1]}-{octets[2]}.ec2.internal" if cloud == "aws" else f"gke-{pool}-{seed[:8]}-{seed[8:12]}"


def _provider_id(cloud: Cloud, seed: str) -> str:
    return f"i-0{seed[16:32]}" if cloud == "aws" else str(10**18 + int(seed[16:30], 16))


def pods(cluster: EstateCluster) -> list[Pod]:
    """Every pod of a cluster on the node it runs on."""
    machines = nodes(cluster)
    return [
        pod
        for pool in cluster.pools
        for pod in _placed(cluster, pool, [node for node in machines if node.pool is pool])
    ]  # fmt: skip


def _placed(cluster: EstateCluster, pool: EstatePool, machines: list[Node]) -> Iterator[Pod]:
    """Pods in the order a scheduler meets them: daemons everywhere, then each on the node with the most CPU requests left."""
    used = dict.fromkeys((node.number for node in machines), 0)
    for workload in pool.workloads:
        for number in range(_copies(workload, len(machines))):
            node = _seat(workload, number, machines, used)
            if node is not None:
                used[node.number] += workload.cpu
            yield Pod(
                workload=workload, cluster=cluster, pool=pool, number=number, node=node, name=_pod_name(cluster, pool, workload, number)
            )  # fmt: skip


def _copies(workload: Workload, machines: int) -> int:
    if workload.kind == "DaemonSet":
        return machines
    return workload.replicas


def _seat(workload: Workload, number: int, machines: list[Node], used: dict[int, int]) -> Node | None:
    if workload.kind in {"DaemonSet", "Job"}:
        return machines[number] if number < len(machines) else None
    stable = [node for node in machines if node.joined == START]
    return min(stable, key=lambda node: (used[node.number], node.number))


def _pod_name(cluster: EstateCluster, pool: EstatePool, workload: Workload, number: int) -> str:
    if workload.kind in {"StatefulSet", "Job"}:
        return f"{workload.name}-{number}"
    seed = digest(cluster.cluster.name, pool.pool.name, workload.namespace, workload.name, number)
    return f"{workload.name}-{seed[:5]}" if workload.kind == "DaemonSet" else f"{workload.name}-{seed[:9]}-{seed[9:14]}"
