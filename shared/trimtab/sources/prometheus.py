"""kube-state-metrics, cAdvisor, the kubelet and dcgm-exporter → hourly usage rows (tables.USAGE).

Everything is read on a grid of five minutes, each point telling of the five minutes before it. A value that no series has is NULL:
unknown, never zero. What a pod asks for is zero only where kube-state-metrics exports requests at all.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from trimtab.records import ClusterUid, MetricSeries
from trimtab.sources import dcgm, gpu_sharing
from trimtab.sources.cluster_assets import Asset, Assets
from trimtab.sources.gpu_sharing import NodeGpus
from trimtab.sources.kube_facts import KubeFacts
from trimtab.sources.kube_labels import controller, instance_id, instance_type, node_id, pool_of, replica_set
from trimtab.sources.kube_objects import KubeObjects
from trimtab.sources.kube_pods import Amounts
from trimtab.sources.kube_series import reserved
from trimtab.sources.kube_words import Words
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
    summed,
)
from trimtab.sources.pod_times import PodTimes
from trimtab.tables import USAGE

FILLED_BY_INGEST = ("collected_at", "day", "cluster_slug")
COLUMNS = tuple(column for column in USAGE if column.name not in FILLED_BY_INGEST)

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
    jobs: tuple[str, ...] = ()
    """The scrape jobs that are believed (kube-state-metrics, kubelet, dcgm-exporter); () = any, and then no series proves an absence."""


@dataclass(frozen=True, slots=True)
class Hours:
    """Rows, and what was left out of them."""

    rows: tuple[Row, ...]
    warnings: tuple[str, ...]


def hourly(target: Target, found: Found, start: datetime, end: datetime, kube: KubeObjects | None = None) -> Hours:
    """The usage rows of the whole hours from start to end; `kube` is what the cluster's Kubernetes API says now, where it was read."""
    hours = [int(start.timestamp()) + number * HOUR for number in range(int((end - start).total_seconds()) // HOUR)]
    cluster = _Cluster(target, found, kube)
    warnings: dict[str, None] = {}
    rows = [row for hour in hours for row in cluster.hour(hour, warnings)]
    for last in hours[-1:]:
        warnings |= dict.fromkeys(cluster.kube.warnings(last, {node for node in cluster.nodes if cluster.is_seen(node, last)}))
    return Hours(tuple(sorted(rows, key=order)), tuple(warnings))


def order(row: Row) -> tuple[str, ...]:
    """Hour, pool, node, namespace, pod, asset: a fixed order, whatever order the answers came in."""
    named = dict(zip((column.name for column in COLUMNS), row, strict=True))
    return tuple("" if named[name] is None else str(named[name]) for name in ("hour", "pool", "node", "namespace", "pod", "provider_id"))


class _Cluster:
    """One cluster's series put in order: all lookups that rows are made from."""

    def __init__(self, target: Target, found: Found, kube: KubeObjects | None) -> None:
        self.target = target
        self.times = PodTimes(found)
        self.nodes = summed(found.get("node", ()), lambda labels: exported(labels, "node"))
        self.ids = Told(found.get("node", ()), _node)
        self.instance_ids = Told(found.get("node_annotations", ()), _node)
        self.capacity = largest(found.get("capacity", ()), lambda labels: (exported(labels, "node"), labels.get("resource", "")))
        self.listed: dict[str, dict[str, ByStep]] = defaultdict(dict)
        for (node, resource), steps in self.capacity.items():
            self.listed[node][resource] = steps
        self.node_labels = Told(found.get("node_labels", ()), _node)
        self.created_by = {pod_of(series.labels): series.labels for series in found.get("pod", ())}
        ids = {node: labels[-1].labels.get("provider_id", "") for node, labels in self.ids.series.items()}
        self.kube = KubeFacts(found, kube, self.times.lives, ids, is_vouched=bool(target.jobs))
        self.assets = Assets(found, self.kube)
        told = {replica_set(series.labels): series.labels for series in found.get("owner", ())}
        self.owners: dict[tuple[str, str], Labels] = told | self.kube.owners
        self.words = {kind: Words(found, kind, self.kube.near) for kind in ("label", "annotation")}
        self.requests = reserved(found)
        self.asked = {step for steps in self.requests.values() for step in steps}
        self.gpu_resources = {resource for _, resource in self.requests if resource.startswith("nvidia_com_")}
        self.cpu = of_containers(found.get("cpu", ()))
        self.memory = of_containers(found.get("memory", ()))
        self.memory_max = of_containers(found.get("memory_max", ()))
        self.sent = summed(found.get("sent", ()), pod_of)
        by_name = {name: found.get(name, ()) for names in dcgm.NAMES.values() for name in names}
        of_gpus = [series for every in by_name.values() for series in every]
        self.gpus = dcgm.pod_gpus(by_name)
        self.devices, self.gpu_models = gpu_sharing.devices(of_gpus), gpu_sharing.models(of_gpus)

    def hour(self, hour: int, warnings: dict[str, None]) -> Iterator[Row]:
        """The rows of one hour."""
        known = {node for node in self.nodes if self.is_seen(node, hour)}
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

    def is_seen(self, node: str, hour: int) -> bool:
        """True where a node was scraped in the hour."""
        return self.times.sampled(self.nodes[node], hour) > 0

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
        told = {resource: steps.get(hour + HOUR, 0.0) for resource, steps in self.listed[node].items()}
        capacity = told if any(told.values()) else self.kube.capacity(node, self._told_id(node, hour), hour)
        return gpu_sharing.node_gpus(node, capacity, self._labels(node, hour), self.devices.get(node))

    def _node_row(self, node: str, hour: int, gpus: NodeGpus, warnings: dict[str, None]) -> Row:
        if gpus.warning:
            warnings[gpus.warning] = None
        cpu, memory = self._capacity(node, "cpu", hour) or 0.0, self._capacity(node, "memory", hour) or 0.0
        return self._row(
            hour, node, self._pool(node, hour), self.times.sampled(self.nodes[node], hour), cpu_capacity=round(1000 * cpu),
            memory_capacity=round(memory), gpu_capacity=None if gpus.physical is None else round(1000 * gpus.physical),
            gpu_model=self.gpu_models.get(node),
            **self.kube.node_values(node, self._labels(node, hour), self._told_id(node, hour), hour),
        )  # fmt: skip

    def _pod_row(
        self, pod: Pod, node: str, pool: str | None, hour: int, seconds: int, node_gpus: NodeGpus, warnings: dict[str, None]
    ) -> Row:
        kind, name = self._workload(pod)
        there = self.times.there(pod, node, hour)
        own, like = self.kube.pod(pod, node, hour), self.kube.like(pod, node, hour, self.created_by.get(pod, {}))
        read, meta = self.kube.requests(like, hour), like.meta if like else None
        cpu, memory = self.cpu.get(pod, {}), self.memory.get(pod, {})
        return self._row(
            hour, node, pool, seconds,
            namespace=pod[0], workload=name, workload_kind=kind, pod=pod[1],
            labels=self.words["label"].of(pod, meta, hour), annotations=self.words["annotation"].of(pod, meta, hour),
            cpu_request=self._request(pod, "cpu", hour, 1000, read),
            cpu_used=mean(cpu, there, hour, 1000), cpu_used_max=most(cpu, hour, 1000),
            memory_request=self._request(pod, "memory", hour, 1, read), memory_used=mean(memory, there, hour, 1),
            memory_used_max=most(self.memory_max.get(pod, {}), hour, 1),
            network_sent=self._sent(pod, hour), pending=not node, **self._gpu_values(pod, there, hour, node_gpus, read, warnings),
            **self.kube.pod_values(pod, own, like, (kind, name), hour),
        )  # fmt: skip

    def _gpu_values(
        self, pod: Pod, there: ByStep, hour: int, node_gpus: NodeGpus, read: Amounts | None, warnings: dict[str, None]
    ) -> dict[str, object]:
        """What it holds of GPUs and what those did; a claim of devices is no request that kube-state-metrics would know."""
        seen, name = self.gpus.get(pod, dcgm.NO_GPUS), "/".join(pod)
        share = gpu_sharing.pod_share(name, self._asked(pod, hour, read or {}), node_gpus)
        if share.request == 0 and seen.claimed:
            share = gpu_sharing.claimed_share(name, seen.claimed)
        if share.warning:
            warnings[share.warning] = None
        gpus, scale = dcgm.of_hour(seen, there, hour, share.devices), 1000 * share.compute_scale
        return {
            "gpu_request": share.request if hour + HOUR in self.asked or read is not None else None,
            "gpu_sharing": share.sharing, "gpu_shares": share.shares, "gpu_shares_of": share.shares_of,
            "gpu_compute_used": mean(gpus.compute, there, hour, scale), "gpu_compute_used_max": most(gpus.compute, hour, scale),
            "gpu_memory_used_max": most(gpus.memory, hour, 1), "gpu_tensor_used_max": most(gpus.tensor, hour, 1000),
            "gpu_dram_used_max": most(gpus.dram, hour, 1000), "gpu_fp64_used_max": most(gpus.fp64, hour, 1000),
            "gpu_power_max": most(gpus.power, hour, 1), "gpu_link_used_max": most(gpus.link, hour, 1),
        }  # fmt: skip

    def _asset_row(self, asset: Asset, hour: int, seconds: int) -> Row:
        """A volume belongs to whoever mounts it, where that is one workload; else to its namespace alone."""
        workloads = {self._workload(pod) for pod in asset.pods if pod in self.created_by}
        (kind, name) = next(iter(workloads)) if len(workloads) == 1 else (None, None)
        owner = asset.pods[0] if name else (asset.namespace, "")
        mounting = self.kube.mounting(owner, hour)
        meta = mounting.meta if mounting else None
        return self._row(
            hour, "", None, seconds, namespace=asset.namespace, workload=name, workload_kind=kind,
            labels=self.words["label"].of(owner, meta, hour), annotations=self.words["annotation"].of(owner, meta, hour),
            provider_id=asset.provider_id, asset=asset.asset, asset_bytes=asset.size, asset_used=asset.used,
            storage_class=asset.storage_class,
        )  # fmt: skip

    def _row(self, hour: int, node: str, pool: str | None, seconds: int, **values: object) -> Row:
        common: dict[str, object] = {
            "hour": datetime.fromtimestamp(hour, UTC).replace(tzinfo=None), "cluster_uid": self.target.cluster_uid,
            "cluster": self.target.cluster, "project": self.target.project, "pool": pool, "node": node or None,
            "provider_id": self._provider_id(node, hour), "instance_type": instance_type(self._labels(node, hour)), "labels": "{}",
            "annotations": "{}", "seconds": seconds, "pending": False,
        }  # fmt: skip
        row = common | values
        return tuple(row.get(column.name) for column in COLUMNS)

    def _labels(self, node: str, hour: int) -> Labels:
        return self.kube.node_labels(node, self.node_labels.at(node, hour), self._told_id(node, hour), hour)

    def _told_id(self, node: str, hour: int) -> str:
        """A node's whole provider id, as the metrics have it."""
        return self.ids.at(node, hour).get("provider_id", "")

    def _capacity(self, node: str, resource: str, hour: int) -> float | None:
        told = self.capacity.get((node, resource), {}).get(hour + HOUR)
        return self.kube.capacity(node, self._told_id(node, hour), hour).get(resource) if told is None else told

    def _request(self, pod: Pod, resource: str, hour: int, scale: int, read: Amounts | None) -> int | None:
        """Zero only where somebody's requests were exported in that hour, or the pod itself was read; the larger where both."""
        told = round(scale * self.requests.get((pod, resource), {}).get(hour + HOUR, 0.0)) if hour + HOUR in self.asked else None
        return told if read is None else max(read.get(resource, 0), told or 0)

    def _asked(self, pod: Pod, hour: int, read: Amounts) -> dict[str, float]:
        """GPUs and parts of them, by the resource's name."""
        return {
            resource: max(self.requests.get((pod, resource), {}).get(hour + HOUR, 0.0), read.get(resource, 0))
            for resource in self.gpu_resources | {name for name in read if name.startswith("nvidia_com_")}
            if (pod, resource) in self.requests or resource in read
        }

    def _sent(self, pod: Pod, hour: int) -> int | None:
        """Bytes that left the pod. One on its host's network shows the whole machine's traffic, which is not its own: unknown."""
        sent = self.sent.get(pod, {}).get(hour + HOUR)
        return None if sent is None or self.created_by.get(pod, {}).get("host_network") == "true" else round(sent)

    def _provider_id(self, node: str, hour: int) -> str | None:
        """The part that a bill's ResourceId ends with; on Google the number, where the node's annotations are exported."""
        return instance_id(self.instance_ids.at(node, hour)) or node_id(self._told_id(node, hour) or self.kube.provider_id(node, hour))

    def _pool(self, node: str, hour: int) -> str | None:
        return pool_of(self._labels(node, hour), self.target.pools)

    def _workload(self, pod: Pod) -> tuple[str, str]:
        created_by = self.created_by.get(pod, {})
        kind, name = controller(pod[1], created_by, self.owners.get((pod[0], created_by.get("created_by_name", "")), {}))
        return self.kube.maker(pod[0], kind, name)

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
