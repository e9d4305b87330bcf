"""kube-state-metrics, cAdvisor and dcgm-exporter → hourly usage rows (tables.USAGE).

Everything is read on a grid of five minutes, each point telling of the five minutes before it. A value that no series has is NULL:
unknown, never zero. What a pod asks for is zero only where kube-state-metrics exports requests at all.
"""

import json
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from trimtab.records import ClusterUid, MetricSeries
from trimtab.sources import dcgm
from trimtab.sources.metric_points import (
    HOUR,
    STEP,
    ByStep,
    Labels,
    Pod,
    exported,
    largest,
    mean,
    most,
    of_containers,
    pod_of,
    requests_of,
    scrapes,
    steps_of,
    summed,
)
from trimtab.tables import USAGE

FILLED_BY_INGEST = ("collected_at", "day", "cluster_slug")
COLUMNS = tuple(column for column in USAGE if column.name not in FILLED_BY_INGEST)

Row = tuple[object, ...]
Found = Mapping[str, tuple[MetricSeries, ...]]
"""Query's name → its series."""

_PODS = "namespace, pod, exported_namespace, exported_pod"
_CONTAINERS = f"{_PODS}, container, exported_container"
_NODES = "node, exported_node"
_RUNNING = 'container!="", container!="POD"'


@dataclass(frozen=True, slots=True)
class Query:
    """One question; `{}` in the text is where the cluster's own matchers go, `step` its grid."""

    text: str
    step: int = STEP


QUERIES: Mapping[str, Query] = {
    # How often a target was scraped in five minutes is the measure of "all the time"; a missed scrape is missed by all alike.
    "node": Query(f"max by ({_NODES}, provider_id) (count_over_time(kube_node_info{{}}[5m]))"),
    "pod": Query(f"max by ({_PODS}, uid, node, exported_node, created_by_kind, created_by_name) (count_over_time(kube_pod_info{{}}[5m]))"),
    "ended": Query(f'max by ({_PODS}, uid, phase) (sum_over_time(kube_pod_status_phase{{phase=~"Succeeded|Failed"}}[5m]))'),
    "request": Query(f"max by ({_CONTAINERS}, resource) (max_over_time(kube_pod_container_resource_requests{{}}[1h]))", HOUR),
    "capacity": Query(f"max by ({_NODES}, resource) (max_over_time(kube_node_status_capacity{{}}[1h]))", HOUR),
    "owner": Query(
        "max by (namespace, exported_namespace, replicaset, owner_kind, owner_name) (max_over_time(kube_replicaset_owner{}[1h]))", HOUR
    ),
    "node_labels": Query("max_over_time(kube_node_labels{}[1h])", HOUR),
    "node_annotations": Query("max_over_time(kube_node_annotations{}[1h])", HOUR),
    "pod_labels": Query("max_over_time(kube_pod_labels{}[1h])", HOUR),
    "namespace_labels": Query("max_over_time(kube_namespace_labels{}[1h])", HOUR),
    "cpu": Query(f"max by ({_CONTAINERS}) (rate(container_cpu_usage_seconds_total{{{_RUNNING}}}[5m]))"),
    "memory": Query(f"max by ({_CONTAINERS}) (avg_over_time(container_memory_working_set_bytes{{{_RUNNING}}}[5m]))"),
    "memory_max": Query(f"max by ({_CONTAINERS}) (max_over_time(container_memory_working_set_bytes{{{_RUNNING}}}[5m]))"),
    **{name: Query(f"avg_over_time({name}{{}}[5m])") for kind in ("sm", "engine", "tensor") for name in dcgm.NAMES[kind]},
    **{name: Query(f"max_over_time({name}{{}}[5m])") for name in dcgm.NAMES["memory"]},
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """The cluster whose metrics are read; what its labels say about itself is never believed over this."""

    cluster_uid: ClusterUid
    cluster: str
    pools: tuple[str, ...] = ()
    """Names of its pools as Palette has them; a node of none of them has no pool."""
    matchers: Mapping[str, str] = field(default_factory=dict)
    """Labels that tell its series from others' in a shared store."""


@dataclass(frozen=True, slots=True)
class Hours:
    """Rows, and what was left out of them."""

    rows: tuple[Row, ...]
    warnings: tuple[str, ...]


def promql(query: Query, matchers: Mapping[str, str]) -> str:
    """The query with the cluster's matchers in every selector, their values quoted."""
    extra = ", ".join(f"{_name(name)}={_quoted(value)}" for name, value in sorted(matchers.items()))

    def with_matchers(found: re.Match[str]) -> str:
        return "{" + ", ".join(part for part in (found[1].strip(), extra) if part) + "}"

    return re.sub(r"\{([^{}]*)\}", with_matchers, query.text)


def hourly(target: Target, found: Found, start: datetime, end: datetime) -> Hours:
    """The usage rows of the whole hours from start to end."""
    hours = [int(start.timestamp()) + number * HOUR for number in range(int((end - start).total_seconds()) // HOUR)]
    cluster = _Cluster(target, found)
    warnings: dict[str, None] = {}
    rows = [row for hour in hours for row in cluster.hour(hour, warnings)]
    return Hours(tuple(sorted(rows, key=_order)), tuple(warnings))


# ── One cluster's series, put in order ───────────────────────────────────────────────────────────────────────────────
class _Cluster:
    """All lookups that rows are made from."""

    def __init__(self, target: Target, found: Found) -> None:
        self.target = target
        self.found = found
        self.nodes = summed(found.get("node", ()), lambda labels: exported(labels, "node"))
        self.ids = {exported(series.labels, "node"): series.labels.get("provider_id", "") for series in found.get("node", ())}
        self.instance_ids = _instance_ids(found.get("node_annotations", ()))
        self.capacity = largest(found.get("capacity", ()), lambda labels: (exported(labels, "node"), labels.get("resource", "")))
        self.node_labels = {exported(series.labels, "node"): series.labels for series in found.get("node_labels", ())}
        self.pods = summed(found.get("pod", ()), lambda labels: (pod_of(labels), exported(labels, "node")))
        self.ended = summed(found.get("ended", ()), pod_of)
        self.full = scrapes(found.get("node", ()))
        self.created_by = {pod_of(series.labels): series.labels for series in found.get("pod", ())}
        self.owners = {_replica_set(series.labels): series.labels for series in found.get("owner", ())}
        self.labels = {pod_of(series.labels): _kubernetes(series.labels) for series in found.get("pod_labels", ())}
        self.namespaces = {exported(series.labels, "namespace"): _kubernetes(series.labels) for series in found.get("namespace_labels", ())}
        self.requests = requests_of(found.get("request", ()))
        self.cpu = of_containers(found.get("cpu", ()))
        self.memory = of_containers(found.get("memory", ()))
        self.memory_max = of_containers(found.get("memory_max", ()))
        self.gpus = dcgm.pod_gpus({name: found.get(name, ()) for names in dcgm.NAMES.values() for name in names})
        self.siblings = self._siblings()

    def hour(self, hour: int, warnings: dict[str, None]) -> Iterable[Row]:
        """The rows of one hour."""
        known = {node for node, steps in self.nodes.items() if _seconds(self._shares(steps, hour))}
        for node in sorted(known):
            row = self._node_row(node, hour)
            if row is None:
                warnings[f"node {node}: its capacity is unknown; the node and its pods are left out"] = None
            else:
                yield row
        whole = {node for node in known if self._capacity(node, "cpu", hour) and self._capacity(node, "memory", hour)}
        for (pod, node), steps in sorted(self.pods.items()):
            there = self._shares(self._alive(pod, steps), hour)
            seconds = _seconds(there)
            if seconds and (not node or node in whole):
                yield self._pod_row(pod, node, hour, there)
            elif seconds and node not in known:
                warnings[f"pods on node {node} are left out: kube-state-metrics knows no such node"] = None

    def _node_row(self, node: str, hour: int) -> Row | None:
        cpu, memory = self._capacity(node, "cpu", hour), self._capacity(node, "memory", hour)
        if not cpu or not memory:
            return None
        gpus = self._capacity(node, "nvidia_com_gpu", hour) or 0.0
        seconds = _seconds(self._shares(self.nodes[node], hour))
        return self._row(
            hour,
            node,
            self._pool(node),
            seconds,
            cpu_capacity=round(1000 * cpu),
            memory_capacity=round(memory),
            gpu_capacity=round(1000 * gpus),
        )

    def _pod_row(self, pod: Pod, node: str, hour: int, there: ByStep) -> Row:
        kind, name = self._workload(pod)
        cpu, memory, gpus = self.cpu.get(pod, {}), self.memory.get(pod, {}), self.gpus.get(pod, dcgm.PodGpus({}, {}))
        return self._row(
            hour, node, self._pool(node) if node else self.siblings.get((pod[0], kind, name)), _seconds(there),
            namespace=pod[0], workload=name, workload_kind=kind, pod=pod[1], labels=self._labels(pod),
            cpu_request=self._request(pod, "cpu", hour, 1000), cpu_used=mean(cpu, there, hour, 1000), cpu_used_max=most(cpu, hour, 1000),
            memory_request=self._request(pod, "memory", hour, 1), memory_used=mean(memory, there, hour, 1),
            memory_used_max=most(self.memory_max.get(pod, {}), hour, 1),
            gpu_request=self._request(pod, "nvidia_com_gpu", hour, 1000), gpu_compute_used=mean(gpus.compute, there, hour, 1000),
            gpu_compute_used_max=most(gpus.compute, hour, 1000), gpu_memory_used_max=most(gpus.memory, hour, 1),
            pending=not node,
        )  # fmt: skip

    def _row(self, hour: int, node: str, pool: str | None, seconds: int, **values: object) -> Row:
        common: dict[str, object] = {
            "hour": datetime.fromtimestamp(hour, UTC).replace(tzinfo=None), "cluster_uid": self.target.cluster_uid,
            "cluster": self.target.cluster, "pool": pool, "node": node or None, "provider_id": self._provider_id(node),
            "instance_type": self._instance_type(node), "labels": "{}", "seconds": seconds, "pending": False,
        }  # fmt: skip
        row = common | values
        return tuple(row.get(column.name) for column in COLUMNS)

    def _shares(self, steps: ByStep, hour: int) -> ByStep:
        """Which share of each step something was there: its scrapes over those that were possible."""
        return {step: min(1.0, steps[step] / self.full[step]) for step in steps_of(hour) if steps.get(step) and self.full.get(step)}

    def _alive(self, pod: Pod, steps: ByStep) -> ByStep:
        """Without the time in which a pod was over but not yet deleted; where phases are not exported, it counts as running."""
        ended = self.ended.get(pod)
        return {step: max(0.0, count - ended.get(step, 0.0)) for step, count in steps.items()} if ended else steps

    def _capacity(self, node: str, resource: str, hour: int) -> float | None:
        return self.capacity.get((node, resource), {}).get(hour + HOUR)

    def _request(self, pod: Pod, resource: str, hour: int, scale: int) -> int | None:
        if not self.requests:
            return None
        return round(scale * self.requests.get((pod, resource), {}).get(hour + HOUR, 0.0))

    def _labels(self, pod: Pod) -> str:
        return json.dumps(self.namespaces.get(pod[0], {}) | self.labels.get(pod, {}), sort_keys=True)

    def _provider_id(self, node: str) -> str | None:
        """The part that a bill's ResourceId ends with; on Google the number, where the node's annotations are exported."""
        return self.instance_ids.get(node) or self.ids.get(node, "").rsplit("/", 1)[-1] or None

    def _instance_type(self, node: str) -> str | None:
        labels = self.node_labels.get(node, {})
        return labels.get("label_node_kubernetes_io_instance_type") or labels.get("label_beta_kubernetes_io_instance_type")

    def _pool(self, node: str) -> str | None:
        return pool_of(self.node_labels.get(node, {}), self.target.pools)

    def _workload(self, pod: Pod) -> tuple[str, str]:
        """Kind and name of the controller; a ReplicaSet's own controller where it has one."""
        labels = self.created_by.get(pod, {})
        kind, name = labels.get("created_by_kind", ""), labels.get("created_by_name", "")
        if kind == "ReplicaSet":
            owner = self.owners.get((pod[0], name), {})
            if owner.get("owner_kind") not in (None, "", "<none>"):
                return owner["owner_kind"], owner["owner_name"]
            hashed = _HASHED.fullmatch(name)
            return ("Deployment", hashed[1]) if hashed else (kind, name)
        # A static pod is "created by" its node.
        return ("Pod", pod[1]) if kind in ("", "<none>", "Node") else (kind, name)

    def _siblings(self) -> dict[tuple[str, str, str], str]:
        """Workload → its pool, where all its placed pods are in one: that is where a pending pod of it would go."""
        pools: dict[tuple[str, str, str], set[str]] = defaultdict(set)
        for pod, node in self.pods:
            pool = self._pool(node) if node else None
            if pool:
                pools[(pod[0], *self._workload(pod))].add(pool)
        return {workload: next(iter(found)) for workload, found in pools.items() if len(found) == 1}


def _seconds(shares: ByStep) -> int:
    return round(STEP * sum(shares.values()))


# ── Labels ───────────────────────────────────────────────────────────────────────────────────────────────────────────
POOL_LABELS = (
    "label_eks_amazonaws_com_nodegroup", "label_cloud_google_com_gke_nodepool", "label_kubernetes_azure_com_agentpool",
    "label_agentpool", "label_pool", "label_machine_pool", "label_node_pool",
)  # fmt: skip
"""Node labels that may name the pool: the clouds' own, then those that people give pools in Palette."""

_HASHED = re.compile(r"(.+)-[bcdfghjklmnpqrstvwxz2456789]{5,10}")
"""A ReplicaSet's name with the pod-template hash that a Deployment gave it."""
_WELL_KNOWN = re.compile(r"app_kubernetes_io_(name|instance|component|version|part_of|managed_by)")
_INSTANCE_ID = "annotation_container_googleapis_com_instance_id"


def pool_of(labels: Labels, pools: Collection[str]) -> str | None:
    """The pool of a node: a label that is a pool's name, or ends with one (EKS node groups are <cluster>-<pool>)."""
    values = [labels[name] for name in POOL_LABELS if labels.get(name)]
    if not pools:
        return values[0] if values else None
    for value in values:
        ending = [pool for pool in pools if value == pool or value.endswith(f"-{pool}")]
        if ending:
            return max(ending, key=len)
    return None


def _replica_set(labels: Labels) -> tuple[str, str]:
    return exported(labels, "namespace"), labels.get("replicaset", "")


def _instance_ids(every: Iterable[MetricSeries]) -> dict[str, str]:
    return {exported(series.labels, "node"): series.labels[_INSTANCE_ID] for series in every if series.labels.get(_INSTANCE_ID)}


def _kubernetes(labels: Labels) -> dict[str, str]:
    """label_<key> → <key>; kube-state-metrics turns every other character into "_", and only known keys can be turned back."""
    found = {name.removeprefix("label_"): value for name, value in labels.items() if name.startswith("label_")}
    found.pop("kubernetes_io_metadata_name", None)
    return {_restored(name): value for name, value in found.items()}


def _restored(name: str) -> str:
    known = _WELL_KNOWN.fullmatch(name)
    return f"app.kubernetes.io/{known[1].replace('_', '-')}" if known else name


def _name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII):
        raise ValueError(f"{name!a} is not a label name")
    return name


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def _order(row: Row) -> tuple[str, ...]:
    """Hour, pool, node, namespace, pod: a fixed order, whatever order the answers came in."""
    named = dict(zip((column.name for column in COLUMNS), row, strict=True))
    return tuple("" if named[name] is None else str(named[name]) for name in ("hour", "pool", "node", "namespace", "pod"))
