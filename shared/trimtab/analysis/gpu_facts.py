"""What GPU cards can do, as data: peaks for the roofline rule, memory, power, MIG, and which numbers a card can compute with at all.

Peaks are dense values of NVIDIA's data sheets; memory is what a node sees of it (Karpenter's table of instance types). MIG profiles are
those of NVIDIA's MIG user guide (supported GPUs). A card that is not here is unknown: nothing is said about moving to or from it.
"""

import re
from dataclasses import dataclass, replace
from fractions import Fraction

from trimtab.records import InstanceType

MIB = 1 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Profile:
    """A MIG profile: so many slices of the card's compute and so much of its memory."""

    name: str
    slices: int
    memory_gb: int
    """As NVIDIA names it; a little less is usable."""
    most: int
    """How many of it one card holds."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Gpu:
    """One model of card."""

    name: str
    memory_mib: int
    tensor: float
    """TFLOPS, FP16 or BF16 with FP32 sums, dense."""
    fp32: float
    fp64: float
    bandwidth: float
    """GB/s of its own memory."""
    watts: int
    """Its power limit (TDP)."""
    has_bf16: bool = True
    has_fp8: bool = False
    nvlink: int = 0
    """GB/s to its neighbors; 0 = none."""
    slices: int = 0
    """MIG slices; 0 = it cannot be cut."""
    profiles: tuple[Profile, ...] = ()


def _profiles(*parts: tuple[int, int, int]) -> tuple[Profile, ...]:
    return tuple(Profile(name=f"{slices}g.{memory}gb", slices=slices, memory_gb=memory, most=most) for slices, memory, most in parts)


_40 = _profiles((1, 5, 7), (1, 10, 4), (2, 10, 3), (3, 20, 2), (4, 20, 1), (7, 40, 1))
_80 = _profiles((1, 10, 7), (1, 20, 4), (2, 20, 3), (3, 40, 2), (4, 40, 1), (7, 80, 1))
_141 = _profiles((1, 18, 7), (1, 35, 4), (2, 35, 3), (3, 71, 2), (4, 71, 1), (7, 141, 1))
_180 = _profiles((1, 23, 7), (1, 45, 4), (2, 45, 3), (3, 90, 2), (4, 90, 1), (7, 180, 1))

GPUS = {
    gpu.name: gpu
    for gpu in (
        # Turing: FP16 tensor cores, no BF16; FP64 at 1/32 of FP32.
        Gpu(name="T4", memory_mib=16384, tensor=65, fp32=8.1, fp64=0.25, bandwidth=320, watts=70, has_bf16=False),
        # Volta: no BF16, real FP64. Its 32 GB form differs in memory alone, which the catalog knows.
        Gpu(name="V100", memory_mib=16384, tensor=125, fp32=15.7, fp64=7.8, bandwidth=900, watts=300, has_bf16=False, nvlink=300),
        # Ampere for graphics, sold by one cloud; FP64 at 1/64.
        Gpu(name="A10G", memory_mib=22888, tensor=70, fp32=31, fp64=0.5, bandwidth=600, watts=300),
        # Ada: FP8, no NVLink, no MIG; FP64 at 1/64.
        Gpu(name="L4", memory_mib=22888, tensor=121, fp32=30, fp64=0.5, bandwidth=300, watts=72, has_fp8=True),
        Gpu(name="L40S", memory_mib=45776, tensor=362, fp32=91.6, fp64=1.4, bandwidth=864, watts=350, has_fp8=True),
        # Ampere for data centers.
        Gpu(
            name="A100-40", memory_mib=40960, tensor=312, fp32=19.5, fp64=9.7, bandwidth=1555, watts=400, nvlink=600, slices=7, profiles=_40
        ),
        Gpu(
            name="A100-80", memory_mib=81920, tensor=312, fp32=19.5, fp64=9.7, bandwidth=2039, watts=400, nvlink=600, slices=7, profiles=_80
        ),
        # Hopper: the SXM forms; those on PCIe are slower, so the exporter's word for the card is held against this.
        Gpu(
            name="H100", memory_mib=81920, tensor=989, fp32=67, fp64=34, bandwidth=3350, watts=700,
            has_fp8=True, nvlink=900, slices=7, profiles=_80,
        ),
        Gpu(
            name="H200", memory_mib=144384, tensor=989, fp32=67, fp64=34, bandwidth=4800, watts=700,
            has_fp8=True, nvlink=900, slices=7, profiles=_141,
        ),
        # Blackwell.
        Gpu(
            name="B200", memory_mib=183359, tensor=2250, fp32=75, fp64=37, bandwidth=8000, watts=1000,
            has_fp8=True, nvlink=1800, slices=7, profiles=_180,
        ),
    )
}  # fmt: skip
"""Model, as our catalogs name it → its facts."""

_WORDS = (
    (r"\bT4\b", "T4"), (r"\bV100\b", "V100"), (r"\bA10G\b", "A10G"), (r"\bL4\b", "L4"), (r"\bL40S\b", "L40S"),
    (r"\bA100.*\b80 ?GB", "A100-80"), (r"\bA100\b", "A100-40"), (r"\bH100\b", "H100"), (r"\bH200\b", "H200"), (r"\bB200\b", "B200"),
)  # fmt: skip
"""The exporter's words, for example "NVIDIA A100-SXM4-80GB" → ours."""
_PART = re.compile(r"MIG|GRID|vGPU", re.IGNORECASE)
_SLOWER = re.compile(r"PCIe|NVL", re.IGNORECASE)
_ON_MODULES = frozenset({"V100", "A100-40", "A100-80", "H100", "H200", "B200"})


def gpu_of(instance: InstanceType) -> Gpu | None:
    """The card of an instance type, with the memory that the catalog says; None = it has none, or nobody wrote its facts down."""
    card = GPUS.get(instance.gpu_model or "") if instance.gpus else None
    return replace(card, memory_mib=instance.gpu_memory // MIB) if card and instance.gpu_memory else card


def card_of(model: str) -> str | None:
    """Our name for what the exporter calls a card; None where it is another one, a part of one, or a slower form of one we know."""
    if model in GPUS:
        return model
    found = next((name for pattern, name in _WORDS if re.search(pattern, model, re.IGNORECASE)), None)
    return None if _PART.search(model) or (found in _ON_MODULES and _SLOWER.search(model)) else found


def watts_of(models: frozenset[str], gpu: Gpu | None) -> int | None:
    """The power limit that draws are held against; None where the card is not known, or is not the one that the exporter sees."""
    if gpu is None or any(card_of(model) != gpu.name for model in models):
        return None
    return gpu.watts


def profile_of(gpu: Gpu, memory: float, compute: float, room: Fraction) -> Profile | None:
    """The smallest MIG profile that holds so many bytes with that room, and so large a share of the card's compute; None = none does."""
    fitting = [
        each
        for each in gpu.profiles
        if each.slices < gpu.slices and memory <= usable_memory(each) * (1 - room) and compute <= each.slices / gpu.slices * 0.8
    ]
    return min(fitting, key=lambda each: (-each.most, each.slices, each.memory_gb), default=None)


def usable_memory(profile: Profile) -> float:
    """Bytes; NVIDIA's names round up by about a twentieth, read as binary gigabytes."""
    return profile.memory_gb * 0.95 * 1024 * MIB


__all__ = ["GPUS", "Gpu", "Profile", "card_of", "gpu_of", "profile_of", "usable_memory", "watts_of"]
