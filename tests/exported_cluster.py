"""A small cluster as its exporters really tell it: kube-state-metrics, cAdvisor and dcgm-exporter of both generations, scraped each minute.

Four hours, the first of them before anybody collects (counters have a past). What happens, so that it can be worked out by hand:

- n1 (web): `cart` uses 200 m of a core at 500 m requested; its container restarts at 01:50 and its counter begins again.
- n2 (web): nothing of its own; StatefulSet pod `db-0` moves there from n1 at 02:30, under a new uid.
- n7 (gpu): A100 with MIG, dcgm-exporter 4.8 without honorLabels: the pod's names are under exported_*, `pod` is the exporter's own.
- n8 (gpu): a whole L40S, dcgm-exporter 4.9: new names, bytes, `hostname`, and a pod's own labels (honorLabels).
- From 01:20 to 01:40 nothing was scraped at all.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

MINUTE = 60
OFFSET = 17
"""Seconds past the minute at which everything is scraped: never on the edge of a window."""
GAP = range(80, 100)
"""Minutes after the first collected hour in which Prometheus was down."""
RESTART = 110
MOVE = 150
GIB = 1 << 30
MIB = 1 << 20

KSM = {"instance": "10.0.0.9:8080", "job": "kube-state-metrics"}
CART = {"namespace": "shop", "pod": "cart-6d9f7c8b5-x2x4z"}
DB = {"namespace": "shop", "pod": "db-0"}
TRAIN = {"namespace": "ml", "pod": "train-0"}
CHAT = {"namespace": "ml", "pod": "chat-7c9d8f6b4-k8s2v"}
EXPORTER = {"namespace": "gpu-operator", "pod": "nvidia-dcgm-exporter-abcde", "container": "nvidia-dcgm-exporter", "job": "dcgm"}
MIG_GPU = {
    "gpu": "0", "UUID": "GPU-aaaa", "device": "nvidia0", "modelName": "NVIDIA A100-SXM4-80GB", "Hostname": "n7",
    "GPU_I_PROFILE": "1g.10gb", "GPU_I_ID": "7", "instance": "10.0.3.1:9400", **EXPORTER,
    "exported_namespace": "ml", "exported_pod": "train-0", "exported_container": "train",
}  # fmt: skip
WHOLE_GPU = {
    "gpu": "0", "UUID": "GPU-bbbb", "device": "nvidia0", "modelName": "NVIDIA L40S", "hostname": "n8", "instance": "10.0.4.1:9400",
    "job": "dcgm", **CHAT, "container": "chat",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Scraped:
    """One sample."""

    name: str
    labels: tuple[tuple[str, str], ...]
    at: int
    value: float


def minutes(hours: int = 3) -> Iterator[int]:
    """Minutes from an hour before the first collected one, those of the outage left out."""
    return (minute for minute in range(-MINUTE, hours * MINUTE) if minute not in GAP)


def samples(start: datetime, hours: int = 3) -> Iterator[Scraped]:
    """Everything that was scraped, `start` being the first collected hour."""
    for minute in minutes(hours):
        at = int((start + timedelta(minutes=minute)).timestamp()) + OFFSET
        for name, labels, value in (*_nodes(), *_pods(minute, at), *_usage(minute), *_gpus()):
            yield Scraped(name, tuple(sorted(labels.items())), at, value)


Sample = tuple[str, dict[str, str], float]
NODES = {"n1": ("m5.xlarge", "web", 4, 16), "n2": ("m5.xlarge", "web", 4, 16), "n7": ("p4de.24xlarge", "gpu", 96, 1152),
         "n8": ("g6e.xlarge", "gpu", 4, 32)}  # fmt: skip


def _nodes() -> Iterator[Sample]:
    for node, (machine, pool, cpu, memory) in NODES.items():
        own = {**KSM, "node": node}
        yield "kube_node_info", {**own, "provider_id": f"aws:///us-east-1a/i-0{node}", "kernel_version": "6.1"}, 1
        yield "kube_node_labels", {**own, "label_node_kubernetes_io_instance_type": machine, "label_pool": pool}, 1
        yield "kube_node_status_capacity", {**own, "resource": "cpu", "unit": "core"}, cpu
        yield "kube_node_status_capacity", {**own, "resource": "memory", "unit": "byte"}, memory * GIB
    yield "kube_node_status_capacity", {**KSM, "node": "n7", "resource": "nvidia_com_mig_1g_10gb", "unit": "integer"}, 7
    yield "kube_node_status_capacity", {**KSM, "node": "n8", "resource": "nvidia_com_gpu", "unit": "integer"}, 1


def _pods(minute: int, at: int) -> Iterator[Sample]:
    db, uid = ("n2", "u-db-2") if minute >= MOVE else ("n1", "u-db-1")
    there = (
        (CART, "u-cart", "n1", "ReplicaSet", "cart-6d9f7c8b5"),
        (DB, uid, db, "StatefulSet", "db"),
        (TRAIN, "u-train", "n7", "Job", "train"),
        (CHAT, "u-chat", "n8", "ReplicaSet", "chat-7c9d8f6b4"),
    )  # fmt: skip
    for pod, pod_uid, node, kind, name in there:
        own = {**KSM, **pod, "uid": pod_uid}
        info = {"node": node, "created_by_kind": kind, "created_by_name": name, "host_network": "false", "host_ip": "10.0.0.1"}
        yield "kube_pod_info", {**own, **info}, 1
        for phase in ("Pending", "Running", "Succeeded", "Failed", "Unknown"):
            yield "kube_pod_status_phase", {**own, "phase": phase}, float(phase == "Running")
    for pod, node, resource, unit, value in (
        (CART, "n1", "cpu", "core", 0.5), (CART, "n1", "memory", "byte", 2 * GIB), (DB, db, "cpu", "core", 1.0),
        (DB, db, "memory", "byte", 4 * GIB), (TRAIN, "n7", "nvidia_com_mig_1g_10gb", "integer", 1),
        (CHAT, "n8", "nvidia_com_gpu", "integer", 1), (CHAT, "n8", "cpu", "core", 2.0),
    ):  # fmt: skip
        labels = {**KSM, **pod, "container": "app", "node": node, "resource": resource, "unit": unit}
        yield "kube_pod_container_resource_requests", labels, value
    for name in ("cart-6d9f7c8b5", "chat-7c9d8f6b4"):
        own = {**KSM, "namespace": "shop" if name.startswith("cart") else "ml", "replicaset": name}
        yield "kube_replicaset_owner", {**own, "owner_kind": "Deployment", "owner_name": name.rpartition("-")[0]}, 1


def _usage(minute: int) -> Iterator[Sample]:
    kubelet = {"job": "kubelet", "metrics_path": "/metrics/cadvisor"}
    # 0.2 cores are 12 seconds a minute. The restarted container's first scrape finds the 12 seconds since its start.
    lived = minute + 10_000 if minute < RESTART else minute - RESTART + 1
    cart = {**kubelet, **CART, "instance": "10.0.0.1:10250", "node": "n1"}
    yield "container_cpu_usage_seconds_total", {**cart, "container": "app", "id": "/kubepods/a"}, 12.0 * lived
    yield "container_cpu_usage_seconds_total", {**cart, "container": "POD", "id": "/kubepods/p"}, 1.0
    # What the whole pod used is told once more, without a container; adding it would double everything.
    yield "container_cpu_usage_seconds_total", {**cart, "container": "", "id": "/kubepods"}, 12.0 * lived
    yield "container_memory_working_set_bytes", {**cart, "container": "app", "id": "/kubepods/a"}, float(GIB)
    yield "container_network_transmit_bytes_total", {**cart, "interface": "eth0"}, 6000.0 * (minute + 10_000)
    node = "n2" if minute >= MOVE else "n1"
    # The new pod's counter is another container's: it begins at its own start.
    spent = minute - MOVE + 1 if minute >= MOVE else minute + 500
    db = {**kubelet, **DB, "instance": f"10.0.0.{node[1]}:10250", "node": node, "container": "app", "id": f"/kubepods/{node}"}
    yield "container_cpu_usage_seconds_total", db, 30.0 * spent
    yield "container_memory_working_set_bytes", db, float(3 * GIB)


def _gpus() -> Iterator[Sample]:
    yield "DCGM_FI_PROF_SM_ACTIVE", MIG_GPU, 0.7
    yield "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE", MIG_GPU, 0.35
    yield "DCGM_FI_DEV_FB_USED", MIG_GPU, 8000.0
    yield "DCGM_FI_PROF_SM_UTIL_RATIO", WHOLE_GPU, 0.5
    yield "DCGM_FI_PROF_TENSOR_UTIL_RATIO", WHOLE_GPU, 0.25
    yield "DCGM_FI_DEV_FB_USED_BYTES", WHOLE_GPU, float(30_000 * MIB)
    yield "DCGM_FI_DEV_GPU_UTIL_RATIO", WHOLE_GPU, 1.0


def open_metrics(every: Iterator[Scraped]) -> str:
    """OpenMetrics text, as `promtool tsdb create-blocks-from openmetrics` reads it: seconds, and `# EOF`."""
    return "".join(f"{_series(each)} {each.value!r} {each.at}\n" for each in every) + "# EOF\n"


def exposition(every: Iterator[Scraped]) -> str:
    """The older text format, as VictoriaMetrics imports it: milliseconds."""
    return "".join(f"{_series(each)} {each.value!r} {each.at}000\n" for each in every)


def _series(each: Scraped) -> str:
    labels = ",".join(f'{name}="{value}"' for name, value in each.labels)
    return f"{each.name}{{{labels}}}"
