"""What dcgm-exporter says of the estate's GPUs: one device per node, with its holder's labels while it is held."""

from collections.abc import Callable, Iterator

from trimtab.demo.estate.cards import Card, card_of
from trimtab.demo.estate.model import Node, Pod, digest
from trimtab.demo.estate.promql import Series
from trimtab.demo.estate.samples import Samples
from trimtab.demo.estate.usage import step_of

MIB = 1 << 20
MIG_MEMORY = {"1g": 5, "3g": 20}
"""GB of an A100-40's devices of so many slices."""


def _device(node: Node, card: Card) -> dict[str, str]:
    """The exporter's labels of a node's one GPU; `pod` and `namespace` are the exporter's own."""
    seed = digest("gpu", node.name)
    return {
        "gpu": "0", "UUID": f"GPU-{seed[:8]}-{seed[8:12]}-{seed[12:16]}-{seed[16:20]}-{seed[20:32]}", "device": "nvidia0",
        "modelName": card.name, "hostname": node.name, "job": "dcgm-exporter", "namespace": "gpu-operator",
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


def _devices(samples: Samples, value: Callable[[Card, int, int], float]) -> Iterator[Series]:
    """`value` of (card, activity, memory) for the pods that hold a GPU, and at rest for the minutes in which none does."""
    held: dict[str, set[float]] = {}
    for pod, steps in samples.steps:
        card = card_of(pod.node) if pod.node else None
        if pod.node and card and pod.workload.gpu:
            points = [
                (time, value(card, step[4], step[5]))
                for step in steps
                if step[4] is not None and step[5] is not None
                for time in samples.minutes(step)
            ]
            held.setdefault(pod.node.name, set()).update(time for time, _ in points)
            yield Series(
                labels=_device(pod.node, card) | _holder(pod) | _instance(pod),
                times=[time for time, _ in points],
                values=[amount for _, amount in points],
            )
    for node in samples.nodes:
        card = card_of(node)
        if card:
            free = [time for time in samples.every_minute(step_of(node.joined)) if time not in held.get(node.name, ())]
            yield Series(labels=_device(node, card), times=free, values=[value(card, 0, 0)] * len(free))


def sm(samples: Samples) -> Iterator[Series]:
    """DCGM_FI_PROF_SM_ACTIVE, 0 to 1."""
    return _devices(samples, lambda _, activity, __: activity / 1000)


def tensor(samples: Samples) -> Iterator[Series]:
    """DCGM_FI_PROF_PIPE_TENSOR_ACTIVE: tensor pipes are busy about a third of the time that the SMs are, as public fleets show."""
    return _devices(samples, lambda _, activity, __: activity / 3000)


def dram(samples: Samples) -> Iterator[Series]:
    """DCGM_FI_PROF_DRAM_ACTIVE."""
    return _devices(samples, lambda _, activity, __: activity * 0.4 / 1000)


def framebuffer(samples: Samples) -> Iterator[Series]:
    """DCGM_FI_DEV_FB_USED, in MiB."""
    return _devices(samples, lambda _, __, memory: memory / MIB)


def power(samples: Samples) -> Iterator[Series]:
    """DCGM_FI_DEV_POWER_USAGE, in watts."""
    return _devices(samples, lambda card, activity, _: card.rest + (card.full - card.rest) * activity // 1000)
