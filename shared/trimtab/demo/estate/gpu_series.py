"""What dcgm-exporter says of the estate's GPUs: one device per node, with its holder's labels while it is held."""

from collections.abc import Callable, Iterator

from trimtab.demo.estate.model import Node, Pod, digest
from trimtab.demo.estate.promql import Series
from trimtab.demo.estate.samples import Samples

MIB = 1 << 20
MIG_MEMORY = {"1g": 5, "3g": 20}
"""GB of an A100-40's devices of so many slices."""
POWER = {"T4": (10, 70), "L4": (16, 72), "A100": (52, 400), "H100": (68, 700)}
"""Watts at rest and at full load; data sheets."""


def _device(node: Node) -> dict[str, str]:
    """The exporter's labels of a node's one GPU; `pod` and `namespace` are the exporter's own."""
    seed = digest("gpu", node.name)
    return {
        "gpu": "0", "UUID": f"GPU-{seed[:8]}-{seed[8:12]}-{seed[12:16]}-{seed[16:20]}-{seed[20:32]}", "device": "nvidia0",
        "modelName": f"NVIDIA {model_of(node)}", "hostname": node.name, "job": "dcgm-exporter", "namespace": "gpu-operator",
        "pod": f"nvidia-dcgm-exporter-{seed[32:37]}",
    }  # fmt: skip


def _holder(pod: Pod) -> dict[str, str]:
    """Prometheus renames the holder's labels when the chart's `honorLabels` is false, which is its default."""
    return {"exported_namespace": pod.workload.namespace, "exported_pod": pod.name, "exported_container": pod.workload.name}


def _instance(pod: Pod) -> dict[str, str]:
    """A MIG device is a part of its GPU, with a number of its own there."""
    if pod.workload.slices is None:
        return {}
    profile = f"{pod.workload.slices[0]}g"
    return {"GPU_I_ID": f"{int(digest('instance', pod.name)[:6], 16)}", "GPU_I_PROFILE": f"{profile}.{MIG_MEMORY[profile]}gb"}


def model_of(node: Node) -> str:
    """T4, L4, A100 or H100, by the pool's instance type."""
    families = {"g4dn": "T4", "g6": "L4", "g2": "L4", "a2": "A100", "p5": "H100"}
    return families[node.pool.pool.instance_type.split(".")[0].split("-")[0]]


def _devices(samples: Samples, value: Callable[[Node, int, int], float]) -> Iterator[Series]:
    """`value` of (node, activity, memory) for the pods that hold a GPU, and at rest for the minutes in which none does."""
    held: dict[str, set[float]] = {}
    for pod, steps in samples.steps:
        if pod.node and pod.workload.gpu:
            points = [
                (time, value(pod.node, step[4], step[5]))
                for step in steps
                if step[4] is not None and step[5] is not None
                for time in samples.minutes(step)
            ]
            held.setdefault(pod.node.name, set()).update(time for time, _ in points)
            yield Series(
                labels=_device(pod.node) | _holder(pod) | _instance(pod),
                times=[time for time, _ in points],
                values=[amount for _, amount in points],
            )
    for node in samples.nodes:
        if node.name in held:
            free = [time for time in samples.every_minute() if time not in held[node.name]]
            yield Series(labels=_device(node), times=free, values=[value(node, 0, 0)] * len(free))


def sm(samples: Samples) -> Iterator[Series]:
    """DCGM_FI_PROF_SM_ACTIVE, 0 to 1."""
    return _devices(samples, lambda _, activity, __: activity / 1000)


def tensor(samples: Samples) -> Iterator[Series]:
    """DCGM_FI_PROF_PIPE_TENSOR_ACTIVE: tensor pipes are busy about a third of the time that the SMs are, as public fleets show."""
    return _devices(samples, lambda _, activity, __: activity * 0.35 / 1000)


def framebuffer(samples: Samples) -> Iterator[Series]:
    """DCGM_FI_DEV_FB_USED, in MiB."""
    return _devices(samples, lambda _, __, memory: memory / MIB)


def power(samples: Samples) -> Iterator[Series]:
    """DCGM_FI_DEV_POWER_USAGE, in watts."""
    return _devices(samples, lambda node, activity, _: _watts(model_of(node), activity))


def _watts(model: str, activity: int) -> float:
    rest, full = POWER[model]
    return rest + (full - rest) * activity / 1000
