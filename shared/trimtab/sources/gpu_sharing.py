"""Which part of a GPU a pod holds: MIG slices by the name of what it asks for, time slices and MPS by the node's replicas.

The device plugin lists a shared GPU as `nvidia.com/gpu.shared`, or, with renameByDefault=false, under the name of a whole one: then a
node seems to have more GPUs than it has, and every share seems to be a GPU. The node's labels (GPU feature discovery) tell the two
apart; without them the devices that dcgm-exporter sees do.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Literal

from trimtab.records import MetricSeries
from trimtab.sources.dcgm import gpu_of, node_of
from trimtab.sources.metric_points import Labels

WHOLE = "nvidia_com_gpu"
SHARED = "nvidia_com_gpu_shared"
_MIG = re.compile(r"nvidia_com_mig_(\d+)g_(\d+)gb(?:_me|_me_all)?")
_SLICE = "nvidia_com_mig_"
_SLICED_MIG = re.compile(r"nvidia_com_mig_.*_shared")
_PROFILE = re.compile(r"(\d+)g\.(\d+)gb(?:\+me(?:\.all)?)?", re.IGNORECASE)
_SINGLE = re.compile(r"-MIG-(\d+)g[._](\d+)gb", re.IGNORECASE)
_QUARTERS = {(1, 6), (2, 12), (4, 24), (2, 48), (4, 96)}
"""Profiles (slices, GB) of the A30 and the RTX PRO 6000, which have 4 slices; A100, H100, H200 and B200 have 7."""

Sharing = Literal["mig", "time-slicing", "mps"]


@dataclass(frozen=True, kw_only=True, slots=True)
class NodeGpus:
    """A node's GPUs, and how they are shared."""

    physical: float | None
    """None = it lists none, or nobody can tell how many."""
    sharing: Literal["time-slicing", "mps"] | None = None
    replicas: int | None = None
    """Shares of one GPU; None where GPUs are not shared in time, or nobody says by how many."""
    is_hidden: bool = False
    """A share is listed under the name of a whole GPU."""
    single: tuple[int, int] | None = None
    """(slices of each, slices of a GPU) where every "GPU" is a MIG device of one profile (MIG strategy "single")."""
    warning: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class PodShare:
    """What a pod holds."""

    request: int | None
    """Thousandths of a GPU; None = unknown."""
    sharing: Sharing | None = None
    shares: int | None = None
    shares_of: int | None = None
    compute_scale: float = 1.0
    """What turns activity of its devices into activity of GPUs: a busy slice is a part of a busy GPU."""
    devices: int = 0
    """How many devices must be seen before it is known what all of them did; 0 = it asked for none, or nobody knows."""
    warning: str = ""


def devices(found: Iterable[MetricSeries]) -> dict[str, int]:
    """Node → how many GPUs dcgm-exporter sees there."""
    seen: dict[str, set[str]] = {}
    for series in found:
        node, gpu = node_of(series.labels), gpu_of(series.labels)
        if node and gpu:
            seen.setdefault(node, set()).add(gpu)
    return {node: len(gpus) for node, gpus in seen.items()}


def models(found: Iterable[MetricSeries]) -> dict[str, str]:
    """Node → its GPUs' model in the exporter's words; a node with several has them all, by name."""
    seen: dict[str, set[str]] = {}
    for series in found:
        node, model = node_of(series.labels), series.labels.get("modelName") or series.labels.get("model_name", "")
        if node and model:
            seen.setdefault(node, set()).add(model)
    return {node: ", ".join(sorted(names)) for node, names in seen.items()}


def node_gpus(name: str, capacity: Mapping[str, float], labels: Labels, seen: int | None) -> NodeGpus:
    """What a node has; `capacity` by resource, `seen` = devices that dcgm-exporter sees there."""
    product, count = labels.get("label_nvidia_com_gpu_product", ""), _whole(labels.get("label_nvidia_com_gpu_count"))
    single = _SINGLE.search(product)
    if single:
        return _of_one_profile(name, (int(single[1]), _slices(int(single[1]), int(single[2]))), count or capacity.get(WHOLE), seen)
    if any(_MIG.fullmatch(resource) and amount for resource, amount in capacity.items()):
        return NodeGpus(physical=count or seen or capacity.get(WHOLE, 0) + _cut(capacity))
    replicas = _whole(labels.get("label_nvidia_com_gpu_replicas"))
    strategy: Literal["time-slicing", "mps"] = "mps" if labels.get("label_nvidia_com_gpu_sharing_strategy") == "mps" else "time-slicing"
    listed, whole = capacity.get(SHARED, 0.0), capacity.get(WHOLE, 0.0)
    if listed:
        physical = count or seen
        return NodeGpus(
            physical=physical or (ceil(listed / replicas) if replicas else None), sharing=strategy,
            replicas=replicas or (_divided(listed, physical) if physical else None),
        )  # fmt: skip
    return _under_the_name_of_whole(name, whole, count or seen, replicas, strategy)


def _of_one_profile(name: str, profile: tuple[int, int], listed: float | None, seen: int | None) -> NodeGpus:
    slices, of = profile
    physical = seen or ceil((listed or 0) / (of // slices)) or None
    warning = "" if seen else f"node {name}: its GPUs are counted from its MIG devices; dcgm-exporter would know them"
    return NodeGpus(physical=physical, single=profile, warning=warning)


def _under_the_name_of_whole(
    name: str, whole: float, physical: float | None, replicas: int | None, strategy: Literal["time-slicing", "mps"]
) -> NodeGpus:
    """Shares that look like whole GPUs: by the node's label, or because there are more of them than devices."""
    found = replicas if replicas and replicas > 1 else _divided(whole, physical) if physical and whole > physical else None
    if found is not None:
        warning = (
            f"node {name}: {whole:g} GPUs are {whole / found:g} shared by {found} under the name nvidia.com/gpu; "
            "set renameByDefault: true so that nobody takes a share for a GPU"
        )
        return NodeGpus(physical=whole / found, sharing=strategy, replicas=found, is_hidden=True, warning=warning)
    warning = (
        f"node {name}: it lists {whole:g} GPUs and has {physical:g}: shares, and nobody says how many of each; "
        "export the node label nvidia.com/gpu.replicas"
        if physical and whole > physical
        else ""
    )
    return NodeGpus(physical=physical if warning else whole, is_hidden=bool(warning), warning=warning)


def pod_share(name: str, requests: Mapping[str, float], node: NodeGpus) -> PodShare:
    """What a pod holds, by what it asks for and where it is."""
    whole, shared = requests.get(WHOLE, 0.0), requests.get(SHARED, 0.0)
    if any(_SLICED_MIG.fullmatch(resource) and amount for resource, amount in requests.items()):
        return PodShare(
            request=None, warning=f"pod {name}: it shares a MIG slice in time, and nobody says how much of it: its GPU is unknown"
        )
    unlike = [resource for resource, amount in requests.items() if resource.startswith(_SLICE) and amount and not _MIG.fullmatch(resource)]
    if unlike:
        return PodShare(request=None, warning=f"pod {name}: {unlike[0]} is no MIG profile that is known here: its GPU is unknown")
    cut = [
        (int(found[1]), int(found[2]), amount) for resource, amount in requests.items() if (found := _MIG.fullmatch(resource)) and amount
    ]
    if node.single and whole:
        cut = [(node.single[0], 6 if node.single[1] == 4 else 0, whole)]
        whole = 0.0
    if cut:
        of = node.single[1] if node.single else max(_slices(slices, memory) for slices, memory, _ in cut)
        shares = round(sum(slices * amount for slices, _, amount in cut))
        held = sum(amount for _, _, amount in cut)
        return _part(name, "mig", shares, of, whole, scale=shares / (of * held), devices=round(held + whole))
    shares = round(shared + (whole if node.is_hidden else 0.0))
    if not shares:
        return PodShare(request=round(1000 * whole), devices=round(whole))
    if node.replicas is None:
        return PodShare(request=None, warning=f"pod {name}: it holds {shares} shares of GPUs, and nobody says how many a GPU has")
    rest = 0.0 if node.is_hidden else whole
    devices = ceil(shares / node.replicas) + round(rest)
    return _part(name, node.sharing or "time-slicing", shares, node.replicas, rest, scale=1.0, devices=devices)


def claimed_share(name: str, profiles: Sequence[str]) -> PodShare:
    """What a pod holds by resource claims (DRA), which kube-state-metrics does not count: each device's MIG profile, "" = a whole GPU."""
    found = [_PROFILE.fullmatch(profile) for profile in profiles if profile]
    if any(match is None for match in found):
        return PodShare(request=None, warning=f"pod {name}: it claims a GPU of unknown profile: its GPU is unknown")
    cut = [(int(match[1]), _slices(int(match[1]), int(match[2]))) for match in found if match]
    whole = float(len(profiles) - len(cut))
    if not cut:
        return PodShare(request=round(1000 * whole), devices=len(profiles))
    of = max(slices for _, slices in cut)
    shares = sum(slices for slices, _ in cut)
    return _part(name, "mig", shares, of, whole, scale=shares / (of * len(cut)), devices=len(profiles))


def _part(name: str, sharing: Sharing, shares: int, of: int, whole: float, *, scale: float, devices: int) -> PodShare:
    """Parts of one GPU; a pod with parts of several, or with whole ones beside them, is told by thousandths alone."""
    request = round(1000 * (whole + shares / of))
    if whole or shares > of:
        return PodShare(
            request=request,
            compute_scale=scale,
            devices=devices,
            warning=f"pod {name}: it holds parts of more than one GPU, told in thousandths",
        )
    return PodShare(request=request, sharing=sharing, shares=shares, shares_of=of, compute_scale=scale, devices=devices)


def _cut(capacity: Mapping[str, float]) -> int:
    """GPUs that the listed MIG devices can have been cut from, at least."""
    found = [(_MIG.fullmatch(resource), amount) for resource, amount in capacity.items()]
    parts = [(int(match[1]) * amount, _slices(int(match[1]), int(match[2]))) for match, amount in found if match and amount]
    return ceil(sum(slices for slices, _ in parts) / max((of for _, of in parts), default=7))


def _slices(slices: int, memory: int) -> int:
    """Slices that a GPU of this profile has."""
    return 4 if (slices, memory) in _QUARTERS else 7


def _divided(listed: float, physical: float) -> int | None:
    """Shares of each GPU, where they come out even."""
    return round(listed / physical) if listed % physical == 0 and listed > physical else None


def _whole(text: str | None) -> int | None:
    """A label's number; None = no label, or no number."""
    return int(text) if text and re.fullmatch(r"[1-9]\d{0,5}", text, re.ASCII) else None
