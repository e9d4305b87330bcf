"""What GPUs did, from dcgm-exporter: who held which device, and what it computed, moved, drew and kept in memory.

The exporter copies a shared device's series once per pod, puts labelled series of processes beside the device's own, and drops profiling
fields without a word where it may not read them. So: the maximum per device before anything is summed, and what is missing stays
missing; of a pod with two devices, one of them silent, nobody knows the sum.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from trimtab.records import MetricSeries
from trimtab.sources.dcgm_names import MIB, NAMES, Field, scaled
from trimtab.sources.metric_points import ByStep, Pod, steps_of

IDLE = 0.05
_EXPORTER = "dcgm-exporter"

Device = tuple[str, str]
"""(UUID, MIG instance)."""
At = tuple[Device, int]
"""(device, step)."""
Values = Mapping[At, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class PodGpus:
    """A pod's GPUs, by step; a step that is missing was not measured on all of them."""

    compute: ByStep = field(default_factory=dict)
    """GPUs really computing, 0 to the number held."""
    memory: ByStep = field(default_factory=dict)
    """Bytes, all its devices together."""
    tensor: ByStep = field(default_factory=dict)
    """Of the busiest of its devices, 0 to 1; so are `dram` and `fp64`."""
    dram: ByStep = field(default_factory=dict)
    fp64: ByStep = field(default_factory=dict)
    power: ByStep = field(default_factory=dict)
    """Watts of the hottest; of a slice, those of the whole card."""
    link: ByStep = field(default_factory=dict)
    """NVLink traffic as the exporter counts it; 0 = none."""
    devices: ByStep = field(default_factory=dict)
    """How many it was seen to hold."""
    claimed: tuple[str, ...] = ()
    """Devices that it holds by a resource claim, each with its MIG profile; "" = a whole GPU."""


NO_GPUS = PodGpus()


def pod_gpus(found: Mapping[str, Iterable[MetricSeries]]) -> dict[Pod, PodGpus]:
    """What each pod did with its GPUs; `found` has five-minute means (of memory: maxima) by the exporter's own name."""
    every = {field: [told for name in names for told in scaled(field, name, _named(found.get(name, ())))] for field, names in NAMES.items()}
    held = _held(series for own in every.values() for series in own)
    highest = {field: _highest(own) for field, own in every.items()}
    sharers, power = _sharers(held), {**highest["energy"], **highest["power"]}
    compute = {at: value / sharers[at] for at, value in _compute(highest).items() if at in sharers}
    memory = _memory(every["memory"], _broken(highest))
    claimed = _claimed(series for own in every.values() for series in own)
    return {
        pod: PodGpus(
            compute=_summed(steps, compute),
            memory=_summed(steps, memory.get(pod, {})),
            tensor=_largest(steps, highest["tensor"]),
            dram=_largest(steps, highest["dram"]),
            fp64=_largest(steps, highest["fp64"]),
            power=_largest(steps, power),
            link=_largest(steps, highest["link"]),
            devices={step: float(len(devices)) for step, devices in steps.items()},
            claimed=claimed.get(pod, ()),
        )
        for pod, steps in held.items()
    }


def of_hour(gpus: PodGpus, there: ByStep, hour: int, wanted: int) -> PodGpus:
    """One hour of it: a measure that is missing in more than one of the steps that the pod ran through is not known.

    `wanted` is how many devices it asked for: while fewer are seen, what the others did is not known.
    """
    whole = [step for step in steps_of(hour) if there.get(step, 0.0) > 0.99]

    def known(steps: ByStep) -> ByStep:
        own = {step: steps[step] for step in steps_of(hour) if step in steps and gpus.devices.get(step, 0.0) >= wanted}
        return own if sum(step not in own for step in whole) <= 1 else {}

    return PodGpus(
        compute=known(gpus.compute), memory=known(gpus.memory), tensor=known(gpus.tensor), dram=known(gpus.dram),
        fp64=known(gpus.fp64), power=known(gpus.power), link=known(gpus.link), devices=gpus.devices, claimed=gpus.claimed,
    )  # fmt: skip


def holder(labels: Mapping[str, str]) -> Pod | None:
    """The pod that holds a device: Prometheus renames its labels where the exporter has its own; the exporter's 1.x had other names."""
    if labels.get("exported_pod"):
        return labels.get("exported_namespace", ""), labels["exported_pod"]
    pod = labels.get("pod") or labels.get("pod_name", "")
    if not pod or _EXPORTER in pod or _EXPORTER in labels.get("container", ""):
        return None
    # Some stores keep the pod's name and rename its namespace alone, which is a label of theirs.
    return labels.get("exported_namespace") or labels.get("namespace") or labels.get("pod_namespace", ""), pod


def node_of(labels: Mapping[str, str]) -> str:
    """The node a device is in: `Hostname`, since the exporter's 4.8.3 `hostname`; "" = the exporter was told to leave it out."""
    return labels.get("Hostname") or labels.get("hostname", "")


def gpu_of(labels: Mapping[str, str]) -> str:
    """The card's UUID, for which NVLink metrics have a label of their own; without one its number on its node."""
    place = f"{node_of(labels)}/{labels['gpu']}" if node_of(labels) and labels.get("gpu") else ""
    return labels.get("UUID") or labels.get("gpu_uuid") or place


# ── Devices and who holds them ───────────────────────────────────────────────────────────────────────────────────────
def _device(labels: Mapping[str, str]) -> Device:
    return gpu_of(labels), labels.get("GPU_I_ID", "")


def _named(every: Iterable[MetricSeries]) -> list[MetricSeries]:
    """Without the series that do not say which device they tell of: several devices would pass for one."""
    return [series for series in every if gpu_of(series.labels)]


def _held(every: Iterable[MetricSeries]) -> dict[Pod, dict[int, set[Device]]]:
    held: dict[Pod, dict[int, set[Device]]] = defaultdict(lambda: defaultdict(set))
    for series in every:
        pod = holder(series.labels)
        if pod:
            for step, _ in series.points:
                held[pod][step].add(_device(series.labels))
    return held


def _sharers(held: Mapping[Pod, Mapping[int, set[Device]]]) -> dict[At, int]:
    sharers: dict[At, int] = defaultdict(int)
    for steps in held.values():
        for step, devices in steps.items():
            for device in devices:
                sharers[device, step] += 1
    return sharers


def _claimed(every: Iterable[MetricSeries]) -> dict[Pod, tuple[str, ...]]:
    """Pods that got their devices by dynamic resource allocation, which no request tells of."""
    claims: dict[Pod, dict[Device, str]] = defaultdict(dict)
    for series in every:
        pod = holder(series.labels)
        if pod and series.labels.get("dra_claim_name"):
            profile = series.labels.get("dra_mig_profile") or series.labels.get("GPU_I_PROFILE", "")
            claims[pod][_device(series.labels)] = profile
    return {pod: tuple(sorted(devices.values())) for pod, devices in claims.items()}


# ── Values of devices ────────────────────────────────────────────────────────────────────────────────────────────────
def _highest(every: Iterable[MetricSeries]) -> dict[At, float]:
    """Copies of a device, one per pod, are one device."""
    found: dict[At, float] = {}
    for series in every:
        device = _device(series.labels)
        for step, value in series.points:
            found[device, step] = max(value, found.get((device, step), value))
    return found


def _compute(highest: Mapping[Field, Values]) -> dict[At, float]:
    """SM activity; without it "any engine busy", which can only overstate. Tensor activity alone can understate: unknown."""
    base = {**highest["engine"], **highest["sm"]}
    return {at: max(value, highest["tensor"].get(at, 0.0)) for at, value in base.items()}


def _broken(highest: Mapping[Field, Values]) -> bool:
    """True where a GPU works without holding any memory: then its exporter writes zeros (DCGM 2.4.5 did)."""
    busy = [highest[name] for name in ("sm", "engine", "tensor", "presence")]
    return any(value == 0 and any(values.get(at, 0.0) > IDLE for values in busy) for at, value in highest["memory"].items())


def _memory(every: Iterable[MetricSeries], is_broken: bool) -> dict[Pod, dict[At, float]]:
    """Per pod and device; a shared device counts whole for each, unless its processes are told apart, which can only overstate."""
    most: dict[Pod, dict[At, float]] = defaultdict(dict)
    for series in every:
        pod = holder(series.labels)
        if pod:
            own, device = most[pod], _device(series.labels)
            for step, value in series.points:
                if value or not is_broken:
                    own[device, step] = max(value, own.get((device, step), value))
    return most


def _summed(steps: Mapping[int, set[Device]], values: Values) -> ByStep:
    """Over a pod's devices, where all of them are known."""
    return {
        step: sum(values[device, step] for device in devices)
        for step, devices in steps.items()
        if all((device, step) in values for device in devices)
    }


def _largest(steps: Mapping[int, set[Device]], values: Values) -> ByStep:
    return {
        step: max(values[device, step] for device in devices)
        for step, devices in steps.items()
        if all((device, step) in values for device in devices)
    }


__all__ = ["MIB", "NAMES", "NO_GPUS", "PodGpus", "gpu_of", "holder", "node_of", "of_hour", "pod_gpus"]
