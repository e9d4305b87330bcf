"""The estate's last day as time series under the names of kube-state-metrics, cAdvisor and dcgm-exporter, scraped once a minute.

A pool that nothing measures has no series at all: not zeros, nothing.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from trimtab.demo.estate import asset_series, gpu_series
from trimtab.demo.estate.model import EstateCluster, Node, Pod, digest
from trimtab.demo.estate.prices import instance_type
from trimtab.demo.estate.promql import Series
from trimtab.demo.estate.samples import SCRAPE, Samples, Step
from trimtab.demo.estate.usage import step_of


@dataclass(frozen=True, slots=True)
class Day:
    """One cluster's samples of one day, and the series made from them."""

    samples: Samples

    @classmethod
    def between(cls, cluster: EstateCluster, start: datetime, end: datetime) -> "Day":
        """The day of a cluster, its samples read once for all metrics."""
        return cls(Samples(cluster, start, end))

    def of(self, metric: str) -> Sequence[Series]:
        """All series of that name; none for a name that nobody exports."""
        make = METRICS.get(metric)
        return tuple(make(self.samples)) if make else ()


# ── Pods ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
def _identity(pod: Pod) -> dict[str, str]:
    return {"namespace": pod.workload.namespace, "pod": pod.name, "uid": _uid(pod)}


def _uid(pod: Pod) -> str:
    seed = digest("pod", pod.cluster.cluster.uid, pod.pool.pool.name, pod.name)
    return f"{seed[:8]}-{seed[8:12]}-{seed[12:16]}-{seed[16:20]}-{seed[20:32]}"


def _owner(pod: Pod) -> tuple[str, str]:
    """Kind and name of the pod's direct controller: a Deployment's pods belong to its ReplicaSet."""
    if pod.workload.kind == "Deployment":
        return "ReplicaSet", pod.name.rsplit("-", 1)[0]
    return pod.workload.kind, pod.workload.name


def _states(samples: Samples, labels: Callable[[Pod], Mapping[str, str]], value: float = 1.0) -> Iterator[Series]:
    """One constant series per pod, for as long as it is there."""
    for pod, steps in samples.steps:
        times = [time for step in steps for time in samples.minutes(step)]
        yield Series(labels=labels(pod), times=times, values=[value] * len(times))


def _pod_info(samples: Samples) -> Iterator[Series]:
    def labels(pod: Pod) -> dict[str, str]:
        kind, name = _owner(pod)
        return _identity(pod) | {"node": pod.node.name if pod.node else "", "created_by_kind": kind, "created_by_name": name}

    return _states(samples, labels)


def _pod_owner(samples: Samples) -> Iterator[Series]:
    def labels(pod: Pod) -> dict[str, str]:
        kind, name = _owner(pod)
        return _identity(pod) | {"owner_kind": kind, "owner_name": name, "owner_is_controller": "true"}

    return _states(samples, labels)


def _replicaset_owner(samples: Samples) -> Iterator[Series]:
    seen: set[tuple[str, str]] = set()
    for pod, _ in samples.steps:
        kind, name = _owner(pod)
        if kind == "ReplicaSet" and (pod.workload.namespace, name) not in seen:
            seen.add((pod.workload.namespace, name))
            labels = {"namespace": pod.workload.namespace, "replicaset": name, "owner_kind": "Deployment", "owner_name": pod.workload.name}
            times = samples.every_minute()
            yield Series(labels=labels | {"owner_is_controller": "true"}, times=times, values=[1.0] * len(times))


def _pod_labels(samples: Samples) -> Iterator[Series]:
    return _states(samples, lambda pod: _identity(pod) | {_label(key): value for key, value in pod.workload.labels.items()})


def _label(key: str) -> str:
    return "label_" + "".join(character if character.isalnum() else "_" for character in key)


def _phase(samples: Samples) -> Iterator[Series]:
    """kube-state-metrics has all five phases of each pod, one of them 1."""
    for phase in ("Pending", "Running", "Succeeded", "Failed", "Unknown"):
        for pod, steps in samples.steps:
            times = [time for step in steps for time in samples.minutes(step)]
            value = float(phase == ("Running" if pod.node else "Pending"))
            yield Series(labels=_identity(pod) | {"phase": phase}, times=times, values=[value] * len(times))


def _requests(samples: Samples) -> Iterator[Series]:
    for pod, steps in samples.steps:
        times = [time for step in steps for time in samples.minutes(step)]
        work = pod.workload
        asked = [("cpu", "core", work.cpu / 1000), ("memory", "byte", float(work.memory)), ("nvidia_com_gpu", "integer", float(work.gpus))]
        if work.slices:
            asked.append((mig_resource(work.slices[0]), "integer", 1.0))
        base = _identity(pod) | {"container": work.name, "node": pod.node.name if pod.node else ""}
        for resource, unit, amount in asked:
            if amount:
                yield Series(labels=base | {"resource": resource, "unit": unit}, times=times, values=[amount] * len(times))


def _container(pod: Pod) -> dict[str, str]:
    node = pod.node.name if pod.node else ""
    return {
        "namespace": pod.workload.namespace,
        "pod": pod.name,
        "container": pod.workload.name,
        "node": node,
        "instance": node,
        "job": "kubelet",
    }


def _cpu(samples: Samples) -> Iterator[Series]:
    """A counter that grows evenly within each five minutes; an unmeasured step leaves a gap."""
    for pod, steps in samples.steps:
        total, times, values = 1.0, list[float](), list[float]()
        for step in steps:
            if step[2] is not None:
                for time in samples.minutes(step):
                    total += step[2] / 1000 * SCRAPE
                    times.append(time)
                    values.append(total)
        if times:
            yield Series(labels=_container(pod), times=times, values=values)


def _memory(samples: Samples) -> Iterator[Series]:
    return _gauges(samples, _container, lambda step: step[3])


def _gauges(samples: Samples, labels: Callable[[Pod], Mapping[str, str]], value: Callable[[Step], float | None]) -> Iterator[Series]:
    for pod, steps in samples.steps:
        points = [(time, amount) for step in steps if (amount := value(step)) is not None for time in samples.minutes(step)]
        if points:
            yield Series(labels=labels(pod), times=[time for time, _ in points], values=[float(amount) for _, amount in points])


# ── Nodes and namespaces ─────────────────────────────────────────────────────────────────────────────────────────────
def _of_nodes(
    samples: Samples, labels: Callable[[Node], Mapping[str, str]], value: Callable[[Node], float] = lambda _: 1.0
) -> Iterator[Series]:
    for node in samples.nodes:
        times = samples.every_minute(step_of(node.joined))
        yield Series(labels=labels(node), times=times, values=[value(node)] * len(times))


def _node_info(samples: Samples) -> Iterator[Series]:
    return _of_nodes(samples, lambda node: {"node": node.name, "provider_id": node.kubernetes_provider_id, "kubelet_version": "v1.33.4"})


def _node_labels(samples: Samples) -> Iterator[Series]:
    return _of_nodes(samples, lambda node: {"node": node.name} | {_label(key): value for key, value in node_labels(node).items()})


def _node_annotations(samples: Samples) -> Iterator[Series]:
    """Only GKE writes the machine's number anywhere: its provider id has the name, its bill the number."""
    if samples.cluster.cluster.cloud == "gcp":
        yield from _of_nodes(samples, lambda node: {"node": node.name, "annotation_container_googleapis_com_instance_id": node.provider_id})


def node_labels(node: Node) -> dict[str, str]:
    """The node's Kubernetes labels: the cloud's own, and the pool's additional ones."""
    live, pool = node.cluster.cluster, node.pool.pool
    group = (
        {"eks.amazonaws.com/nodegroup": f"{live.name}-{pool.name}"} if live.cloud == "aws" else {"cloud.google.com/gke-nodepool": pool.name}
    )
    common = {
        "kubernetes.io/hostname": node.name,
        "node.kubernetes.io/instance-type": pool.instance_type,
        "topology.kubernetes.io/region": live.region,
        "topology.kubernetes.io/zone": node.zone,
    }
    cut = {"nvidia.com/gpu.count": "1", "nvidia.com/gpu.product": "NVIDIA-A100-SXM4-40GB", "nvidia.com/mig.strategy": "mixed"}
    return common | group | dict(pool.labels) | (cut if any(work.slices for work in node.pool.workloads) else {})


def _capacity(samples: Samples) -> Iterator[Series]:
    for node in samples.nodes:
        kind = instance_type(node.cluster, node.pool)
        times = samples.every_minute(step_of(node.joined))
        gpus = _gpus(node, kind.gpus)
        has = [
            ("cpu", "core", kind.cpu / 1000),
            ("memory", "byte", float(kind.memory)),
            *((name, "integer", amount) for name, amount in gpus),
        ]
        for resource, unit, amount in has:
            if amount:
                yield Series(labels={"node": node.name, "resource": resource, "unit": unit}, times=times, values=[amount] * len(times))


def _gpus(node: Node, gpus: int) -> list[tuple[str, float]]:
    """Whole GPUs, or one A100 cut into a device of three slices and four of one (MIG strategy "mixed")."""
    is_cut = any(work.slices for work in node.pool.workloads)
    return [(mig_resource(3), 1.0), (mig_resource(1), 4.0)] if is_cut else [("nvidia_com_gpu", float(gpus))]


def mig_resource(slices: int) -> str:
    """The resource's name as kube-state-metrics writes it."""
    return f"nvidia_com_mig_{slices}g_{gpu_series.MIG_MEMORY[f'{slices}g']}gb"


def _namespace_labels(samples: Samples) -> Iterator[Series]:
    times = samples.every_minute()
    for name in samples.cluster.cluster.namespaces:
        yield Series(labels={"namespace": name, "label_kubernetes_io_metadata_name": name}, times=times, values=[1.0] * len(times))


METRICS: Mapping[str, Callable[[Samples], Iterator[Series]]] = {
    "kube_pod_info": _pod_info,
    "kube_pod_owner": _pod_owner,
    "kube_replicaset_owner": _replicaset_owner,
    "kube_pod_labels": _pod_labels,
    "kube_pod_status_phase": _phase,
    "kube_pod_container_resource_requests": _requests,
    "kube_namespace_labels": _namespace_labels,
    "kube_node_info": _node_info,
    "kube_node_labels": _node_labels,
    "kube_node_annotations": _node_annotations,
    "kube_node_status_capacity": _capacity,
    "container_cpu_usage_seconds_total": _cpu,
    "container_memory_working_set_bytes": _memory,
    "container_network_transmit_bytes_total": asset_series.sent,
    "kube_namespace_annotations": asset_series.namespace_annotations,
    "kube_persistentvolumeclaim_info": asset_series.claim_info,
    "kube_persistentvolume_info": asset_series.volume_info,
    "kube_persistentvolume_capacity_bytes": asset_series.volume_bytes,
    "kube_pod_spec_volumes_persistentvolumeclaims_info": asset_series.mounts,
    "kube_service_status_load_balancer_ingress": asset_series.balancers,
    "DCGM_FI_PROF_SM_ACTIVE": gpu_series.sm,
    "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE": gpu_series.tensor,
    "DCGM_FI_PROF_DRAM_ACTIVE": gpu_series.dram,
    "DCGM_FI_DEV_FB_USED": gpu_series.framebuffer,
    "DCGM_FI_DEV_POWER_USAGE": gpu_series.power,
}
