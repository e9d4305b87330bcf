"""What GPUs did, from dcgm-exporter: two generations of names and units, and devices that several pods share.

The exporter's 4.9 renamed its fields and changed some units, copies a shared device's series once per pod, and drops profiling
fields without a word where it may not read them. So: names by table, units checked against what is possible, the maximum per
device before anything is summed, and what is missing stays missing.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isnan, nan
from typing import Literal

from trimtab.records import MetricSeries
from trimtab.sources.metric_points import ByStep, Pod

Field = Literal["sm", "engine", "tensor", "memory"]
NAMES: Mapping[Field, tuple[str, ...]] = {
    "sm": ("DCGM_FI_PROF_SM_ACTIVE", "DCGM_FI_PROF_SM_UTIL_RATIO"),
    "engine": ("DCGM_FI_PROF_GR_ENGINE_ACTIVE", "DCGM_FI_PROF_GR_ENGINE_UTIL_RATIO"),
    "tensor": ("DCGM_FI_PROF_PIPE_TENSOR_ACTIVE", "DCGM_FI_PROF_TENSOR_UTIL_RATIO"),
    "memory": ("DCGM_FI_DEV_FB_USED", "DCGM_FI_DEV_FB_USED_BYTES"),
}
"""Our word → the exporter's names for it, old and new. GPU_UTIL is not here: one tiny kernel makes it 100 %."""

MIB = 1 << 20
ABSURD = 1e15
"""Blank values of old exporters are near 2^63."""
_EXPORTER = ("dcgm-exporter", "nvidia-dcgm-exporter")

Device = tuple[str, str]
"""(UUID, MIG instance)."""


@dataclass(frozen=True, slots=True)
class PodGpus:
    """A pod's GPUs, by step; a step that is missing was not measured."""

    compute: ByStep
    """GPUs really computing, 0 to the number held."""
    memory: ByStep
    """Bytes."""


def pod_gpus(found: Mapping[str, Iterable[MetricSeries]]) -> dict[Pod, PodGpus]:
    """What each pod did with its GPUs; `found` has five-minute means (of memory: maxima) by the exporter's own name."""
    scaled = {field: [each for name in names for each in _scaled(field, found.get(name, ()))] for field, names in NAMES.items()}
    holders = _holders(series for every in scaled.values() for series in every)
    busy = {field: _busiest(every) for field, every in scaled.items()}
    gathered: dict[Pod, PodGpus] = defaultdict(lambda: PodGpus({}, {}))
    for (device, step), pods in holders.items():
        share = _compute(busy, device, step)
        for pod in pods:
            # Of a pod with two devices, one of them silent, nobody knows the sum.
            before = gathered[pod].compute.get(step, 0.0)
            gathered[pod].compute[step] = nan if share is None else before + share / len(pods)
    for pod, memory in _memory(scaled["memory"]).items():
        gathered[pod].memory.update(memory)
    return {pod: PodGpus(_known(each.compute), each.memory) for pod, each in gathered.items()}


def holder(labels: Mapping[str, str]) -> Pod | None:
    """The pod that holds a device: Prometheus renames its labels where the exporter has its own."""
    if labels.get("exported_pod"):
        return labels.get("exported_namespace", ""), labels["exported_pod"]
    pod = labels.get("pod", "")
    return None if not pod or pod.startswith(_EXPORTER) else (labels.get("namespace", ""), pod)


def _known(steps: ByStep) -> ByStep:
    return {step: value for step, value in steps.items() if not isnan(value)}


def _device(labels: Mapping[str, str]) -> Device:
    return labels.get("UUID") or labels.get("gpu_uuid", ""), labels.get("GPU_I_ID", "")


def _compute(busy: Mapping[Field, Mapping[tuple[Device, int], float]], device: Device, step: int) -> float | None:
    """SM activity; without it "any engine busy", which can only overstate. Tensor activity alone can understate: unknown."""
    at = (device, step)
    base = busy["sm"].get(at, busy["engine"].get(at))
    return None if base is None else max(base, busy["tensor"].get(at, 0.0))


def _holders(every: Iterable[MetricSeries]) -> dict[tuple[Device, int], set[Pod]]:
    holders: dict[tuple[Device, int], set[Pod]] = defaultdict(set)
    for series in every:
        pod = holder(series.labels)
        if pod:
            for step, _ in series.points:
                holders[_device(series.labels), step].add(pod)
    return holders


def _busiest(every: Iterable[MetricSeries]) -> dict[tuple[Device, int], float]:
    found: dict[tuple[Device, int], float] = {}
    for series in every:
        device = _device(series.labels)
        for step, value in series.points:
            found[device, step] = max(value, found.get((device, step), value))
    return found


def _memory(every: Iterable[MetricSeries]) -> dict[Pod, ByStep]:
    """Per pod the sum over its devices; a shared device counts whole for each, which can only overstate."""
    most: dict[tuple[Pod, Device, int], float] = {}
    for series in every:
        pod = holder(series.labels)
        if pod:
            for step, value in series.points:
                key = (pod, _device(series.labels), step)
                most[key] = max(value, most.get(key, value))
    found: dict[Pod, ByStep] = defaultdict(lambda: defaultdict(float))
    for (pod, _, step), value in most.items():
        found[pod][step] += value
    return found


def _scaled(field: Field, every: Iterable[MetricSeries]) -> list[MetricSeries]:
    """One metric's series as ratios or bytes; none where the unit cannot be told."""
    sane = [MetricSeries(series.labels, tuple(point for point in series.points if 0 <= point[1] < ABSURD)) for series in every]
    most = max((value for series in sane for _, value in series.points), default=0.0)
    factor = _bytes_factor(most) if field == "memory" else _ratio_factor(most)
    if factor is None:
        return []
    limit = ABSURD if field == "memory" else 1.0
    return [MetricSeries(series.labels, tuple((step, min(value * factor, limit)) for step, value in series.points)) for series in sane]


def _ratio_factor(most: float) -> float | None:
    """0.7 is a ratio, 70 a percentage, 7000 neither."""
    if most <= 1.5:
        return 1.0
    return 0.01 if most <= 100.5 else None


def _bytes_factor(most: float) -> float | None:
    """Up to 1 TiB read as MiB is MiB, 16 TiB and more can only be bytes, between the two nobody knows; all zeros is a known bug."""
    if most == 0:
        return None
    if most <= 1 << 20:
        return float(MIB)
    return 1.0 if most >= 1 << 24 else None
