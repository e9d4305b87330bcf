"""kube-state-metrics, cAdvisor, the kubelet and dcgm-exporter → hourly usage rows (tables.USAGE).

Everything is read on a grid of five minutes, each point telling of the five minutes before it. A value that no series has is NULL:
unknown, never zero. What a pod asks for is zero only where kube-state-metrics exports requests at all.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from trimtab.records import ClusterUid, MetricSeries
from trimtab.sources import dcgm, gpu_sharing
from trimtab.sources.cluster_assets import Asset, Assets
from trimtab.sources.gpu_sharing import NodeGpus
from trimtab.sources.kube_labels import controller, instance_id, instance_type, kubernetes, node_id, pool_of, replica_set
from trimtab.sources.metric_points import (
    HOUR,
    ByStep,
    Labels,
    Pod,
    Told,
    exported,
    largest,
    mean,
    most,
    of_containers,
    pod_of,
    requests_of,
    summed,
)
from trimtab.sources.pod_times import PodTimes
from trimtab.tables import USAGE

FILLED_BY_INGEST = ("collected_at", "day", "cluster_slug")
COLUMNS = tuple(column for column in USAGE if column.name not in FILLED_BY_INGEST)
NO_GPUS = dcgm.PodGpus({}, {})

Row = tuple[object, ...]
Found = Mapping[str, tuple[MetricSeries, ...]]
"""Query's name → its series."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """The cluster whose metrics are read; what its labels say about itself is never believed over this."""

    cluster_uid: ClusterUid
    cluster: str
    project: str | None = None
    """Its Palette project; None = not read."""
    pools: tuple[str, ...] = ()
    """Names of its pools as Palette has them; a node of none of them has no pool."""
    matchers: Mapping[str, str] = field(default_factory=dict)
    """Labels that tell its series from others' in a shared store."""


@dataclass(frozen=True, slots=True)
class Hours:
    """Rows, and what was left out of them."""

    rows: tuple[Row, ...]
    warnings: tuple[str, ...]


def hourly(target: Target, found: Found, start: datetime, end: datetime) -> Hours:
    """The usage rows of the whole hours from start to end."""
    hours = [int(start.timestamp()) + number * HOUR for number in range(int((end - start).total_seconds()) // HOUR)]
    cluster = _Cluster(target, found)
    warnings: dict[str, None] = {}
    rows = [row for hour in hours for row in cluster.hour(hour, warnings)]
    return Hours(tuple(sorted(rows, key=order)), tuple(warnings))


def order(row: Row) -> tuple[str, ...]:
    """Hour, pool, node, namespace, pod, asset: a fixed order, whatever order the answers came in."""
    named = dict(zip((column.name for column in COLUMNS), row, strict=True))
    return tuple("" if named[name] is None else str(named[name]) for name in ("hour", "pool", "node", "namespace", "pod", "provider_id"))


class _Cluster:
    """One cluster's series put in order: all lookups that rows are made from."""

    def __init__(self, target: Target, found: Found) -> None:
        self.target = target
        self.times = PodTimes(found)
        self.assets = Assets(found)
        self.nodes = summed(found.get("node", ()), lambda labels: exported(labels, "node"))
        self.ids = Told(found.get("node", ()), _node)
        self.instance_ids = Told(found.get("node_annotations", ()), _node)
        self.capacity = largest(found.get("capacity", ()), lambda labels: (exported(labels, "node"), labels.get("resource", "")))
        self.listed: dict[str, dict[str, ByStep]] = defaultdict(dict)
        for (node, resource), steps in self.capacity.items():
            self.listed[node][resource] = steps
        self.node_labels = Told(found.get("node_labels", ()), _node)
        self.created_by = {pod_of(series.labels): series.labels for series in found.get("pod", ())}
        self.owners = {replica_set(series.labels): series.labels for series in found.get("owner", ())}
        self.words = {kind: _Words(found, kind) for kind in ("label", "annotation")}
        self.requests = requests_of(found.get("request", ()))
        self.asked = {step for steps in self.requests.values() for step in steps}
        self.gpu_resources = {resource for _, resource in self.requests if resource.startswith("nvidia_com_")}
        self.cpu = of_containers(found.get("cpu", ()))
        self.memory = of_containers(found.get("memory", ()))
        self.memory_max = of_containers(found.get("memory_max", ()))
        self.sent = summed(found.get("sent", ()), pod_of)
        by_name = {name: found.get(name, ()) for names in dcgm.NAMES.values() for name in names}
        self.gpus = dcgm.pod_gpus(by_name)
        self.devices = gpu_sharing.devices(series for every in by_name.values() for series in every)

    def hour(self, hour: int, warnings: dict[str, None]) -> Iterator[Row]:
        """The rows of one hour."""
        known = {node for node, steps in self.nodes.items() if self.times.sampled(steps, hour)}
        whole = {
            node: self._node_gpus(node, hour)
            for node in known
            if self._capacity(node, "cpu", hour) and self._capacity(node, "memory", hour)
        }
        for node in sorted(known):
            if node in whole:
                yield self._node_row(node, hour, whole[node], warnings)
            else:
                warnings[f"node {node}: its capacity is unknown; the node and its pods are left out"] = None
        yield from self._pod_rows(hour, known, whole, warnings)
        for asset in self.assets.of(hour, warnings):
            seconds = self.times.sampled(asset.steps, hour)
            if seconds:
                yield self._asset_row(asset, hour, seconds)

    def _pod_rows(self, hour: int, known: set[str], whole: Mapping[str, NodeGpus], warnings: dict[str, None]) -> Iterator[Row]:
        anywhere, siblings = _anywhere(whole), self._siblings(hour)
        for pod, node in sorted(self.times.lives):
            seconds = self.times.seconds(pod, node, hour)
            if seconds and (not node or node in whole):
                pool = self._pool(node, hour) if node else siblings.get((pod[0], *self._workload(pod)))
                yield self._pod_row(pod, node, pool, hour, seconds, whole.get(node, anywhere), warnings)
            elif seconds and node not in known:
                warnings[f"pods on node {node} are left out: kube-state-metrics knows no such node"] = None

    def _node_gpus(self, node: str, hour: int) -> NodeGpus:
        capacity = {resource: steps.get(hour + HOUR, 0.0) for resource, steps in self.listed[node].items()}
        return gpu_sharing.node_gpus(node, capacity, self.node_labels.at(node, hour), self.devices.get(node))

    def _node_row(self, node: str, hour: int, gpus: NodeGpus, warnings: dict[str, None]) -> Row:
        if gpus.warning:
            warnings[gpus.warning] = None
        cpu, memory = self._capacity(node, "cpu", hour) or 0.0, self._capacity(node, "memory", hour) or 0.0
        return self._row(
            hour, node, self._pool(node, hour), self.times.sampled(self.nodes[node], hour), cpu_capacity=round(1000 * cpu),
            memory_capacity=round(memory), gpu_capacity=None if gpus.physical is None else round(1000 * gpus.physical),
        )  # fmt: skip

    def _pod_row(
        self, pod: Pod, node: str, pool: str | None, hour: int, seconds: int, node_gpus: NodeGpus, warnings: dict[str, None]
    ) -> Row:
        kind, name = self._workload(pod)
        there = self.times.there(pod, node, hour)
        cpu, memory, gpus = self.cpu.get(pod, {}), self.memory.get(pod, {}), self.gpus.get(pod, NO_GPUS)
        share = gpu_sharing.pod_share("/".join(pod), self._asked(pod, hour), node_gpus)
        if share.warning:
            warnings[share.warning] = None
        scale = 1000 * share.compute_scale
        return self._row(
            hour, node, pool, seconds,
            namespace=pod[0], workload=name, workload_kind=kind, pod=pod[1],
            labels=self.words["label"].of(pod, hour), annotations=self.words["annotation"].of(pod, hour),
            cpu_request=self._request(pod, "cpu", hour, 1000), cpu_used=mean(cpu, there, hour, 1000), cpu_used_max=most(cpu, hour, 1000),
            memory_request=self._request(pod, "memory", hour, 1), memory_used=mean(memory, there, hour, 1),
            memory_used_max=most(self.memory_max.get(pod, {}), hour, 1),
            gpu_request=share.request if hour + HOUR in self.asked else None,
            gpu_sharing=share.sharing, gpu_shares=share.shares, gpu_shares_of=share.shares_of,
            gpu_compute_used=mean(gpus.compute, there, hour, scale), gpu_compute_used_max=most(gpus.compute, hour, scale),
            gpu_memory_used_max=most(gpus.memory, hour, 1), network_sent=self._sent(pod, hour), pending=not node,
        )  # fmt: skip

    def _asset_row(self, asset: Asset, hour: int, seconds: int) -> Row:
        """A volume belongs to whoever mounts it, where that is one workload; else to its namespace alone."""
        workloads = {self._workload(pod) for pod in asset.pods if pod in self.created_by}
        (kind, name) = next(iter(workloads)) if len(workloads) == 1 else (None, None)
        owner = asset.pods[0] if name else (asset.namespace, "")
        return self._row(
            hour, "", None, seconds, namespace=asset.namespace, workload=name, workload_kind=kind,
            labels=self.words["label"].of(owner, hour), annotations=self.words["annotation"].of(owner, hour),
            provider_id=asset.provider_id, asset=asset.asset, asset_bytes=asset.size,
        )  # fmt: skip

    def _row(self, hour: int, node: str, pool: str | None, seconds: int, **values: object) -> Row:
        common: dict[str, object] = {
            "hour": datetime.fromtimestamp(hour, UTC).replace(tzinfo=None), "cluster_uid": self.target.cluster_uid,
            "cluster": self.target.cluster, "project": self.target.project, "pool": pool, "node": node or None,
            "provider_id": self._provider_id(node, hour), "instance_type": instance_type(self.node_labels.at(node, hour)), "labels": "{}",
            "annotations": "{}", "seconds": seconds, "pending": False,
        }  # fmt: skip
        row = common | values
        return tuple(row.get(column.name) for column in COLUMNS)

    def _capacity(self, node: str, resource: str, hour: int) -> float | None:
        return self.capacity.get((node, resource), {}).get(hour + HOUR)

    def _request(self, pod: Pod, resource: str, hour: int, scale: int) -> int | None:
        """Zero only where somebody's requests were exported in that hour."""
        if hour + HOUR not in self.asked:
            return None
        return round(scale * self.requests.get((pod, resource), {}).get(hour + HOUR, 0.0))

    def _asked(self, pod: Pod, hour: int) -> dict[str, float]:
        """GPUs and parts of them, by the resource's name."""
        return {
            resource: self.requests[pod, resource].get(hour + HOUR, 0.0)
            for resource in self.gpu_resources
            if (pod, resource) in self.requests
        }

    def _sent(self, pod: Pod, hour: int) -> int | None:
        """Bytes that left the pod. One on its host's network shows the whole machine's traffic, which is not its own: unknown."""
        sent = self.sent.get(pod, {}).get(hour + HOUR)
        return None if sent is None or self.created_by.get(pod, {}).get("host_network") == "true" else round(sent)

    def _provider_id(self, node: str, hour: int) -> str | None:
        """The part that a bill's ResourceId ends with; on Google the number, where the node's annotations are exported."""
        return instance_id(self.instance_ids.at(node, hour)) or node_id(self.ids.at(node, hour).get("provider_id", ""))

    def _pool(self, node: str, hour: int) -> str | None:
        return pool_of(self.node_labels.at(node, hour), self.target.pools)

    def _workload(self, pod: Pod) -> tuple[str, str]:
        created_by = self.created_by.get(pod, {})
        return controller(pod[1], created_by, self.owners.get((pod[0], created_by.get("created_by_name", "")), {}))

    def _siblings(self, hour: int) -> dict[tuple[str, str, str], str]:
        """Workload → its pool, where all its placed pods are in one: that is where a pending pod of it would go."""
        pools: dict[tuple[str, str, str], set[str]] = defaultdict(set)
        for pod, node in self.times.lives:
            pool = self._pool(node, hour) if node else None
            if pool:
                pools[(pod[0], *self._workload(pod))].add(pool)
        return {workload: next(iter(found)) for workload, found in pools.items() if len(found) == 1}


def _node(labels: Labels) -> str:
    return exported(labels, "node")


def _anywhere(whole: Mapping[str, NodeGpus]) -> NodeGpus:
    """What a waiting pod may count on: the one way in which this cluster's nodes share GPUs."""
    ways = {(gpus.sharing, gpus.replicas, gpus.is_hidden, gpus.single) for gpus in whole.values() if gpus.physical}
    if len(ways) != 1:
        return NodeGpus(physical=None)
    ((sharing, replicas, is_hidden, single),) = ways
    return NodeGpus(physical=None, sharing=sharing, replicas=replicas, is_hidden=is_hidden, single=single)


class _Words:
    """A pod's labels (or annotations) over its namespace's."""

    def __init__(self, found: Found, kind: str) -> None:
        self.prefix = f"{kind}_"
        self.pods = Told(found.get(f"pod_{kind}s", ()), pod_of)
        self.namespaces = Told(found.get(f"namespace_{kind}s", ()), lambda labels: exported(labels, "namespace"))

    def of(self, pod: Pod, hour: int) -> str:
        around, own = (kubernetes(labels, self.prefix) for labels in (self.namespaces.at(pod[0], hour), self.pods.at(pod, hour)))
        return json.dumps(around | own, sort_keys=True)
