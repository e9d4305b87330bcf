"""May a pool move to another GPU? The roofline rule: what a card is asked for, times how much less the other one can do, must still fit.

Two questions are kept apart. `objection` is what the measured past forbids, or what nobody measured: then the answer is no. `questions`
is what no metric can answer, how slow an answer may be above all: then a person decides. Memory decides most of the time: what a card
held at its fullest is a floor, because frameworks that fill memory by habit look the same as those that need it.
"""

from collections.abc import Callable
from dataclasses import dataclass

from trimtab.analysis.case import Case
from trimtab.analysis.gpu import FIX_CODE, SHARE_COMPUTE, GpuWork, Signal
from trimtab.analysis.gpu_facts import Gpu, card_of, gpu_of
from trimtab.records import InstanceType
from trimtab.units import GIB

MEMORY_LIMIT = 0.90
"""Of the other card's memory."""
LOAD_LIMIT = 0.80
"""Of what the other card can do: tensor cores, memory bus and SMs are all slower to fill than a meter shows."""
UNUSED = 0.005
"""An FP64 pipe or a link below this does nothing; the exporter rounds."""
LONG_RUNNING = frozenset({"Deployment", "ReplicaSet", "StatefulSet"})
PINS = ("gpu.product", "gpu.family", "gpu.memory", "gpu.compute.major", "accelerator", "instance-gpu-name")

Objection = tuple[str, str]
"""(rule, sentence)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Switch:
    """One workload, the card it has and the card it would have."""

    work: GpuWork
    old: Gpu
    new: Gpu
    old_memory: float
    """Bytes of the card it has, as the node sees them; `memory` those of the other."""
    memory: float


def objection(case: Case, other: InstanceType) -> Objection | None:
    """The first thing that speaks against running this pool's pods on the GPUs of `other`, or None; for the same card there is none."""
    if other.gpu_model == case.instance.gpu_model and other.gpu_memory == case.instance.gpu_memory:
        return None
    old, new = gpu_of(case.instance), gpu_of(other)
    if old is None or new is None:
        unknown = other.gpu_model if old else case.instance.gpu_model
        return "gpu-unknown", f"What a {unknown or 'card of unknown model'} can do is not written down here, so it cannot be compared."
    unlike = _unlike(case, old) or _pinned(case)
    if unlike:
        return unlike
    memory = _bytes(case.instance, old), _bytes(other, new)
    switches = [_Switch(work=work, old=old, new=new, old_memory=memory[0], memory=memory[1]) for work in _works(case)]
    return next((found for check in CHECKS for switch in switches if (found := check(switch))), None)


def questions(case: Case, other: InstanceType) -> tuple[str, ...]:
    """What a person must answer before this move, one sentence each; () for the same card."""
    old, new = gpu_of(case.instance), gpu_of(other)
    if old is None or new is None or old.name == new.name:
        return ()
    asked = [_latency(work, old, new) for work in _works(case)]
    program = f"Throughput on {_one(new)} depends on the program, which was not tried there; kernels may have to be built for it."
    is_low = any(work.compute.p99 is not None and work.compute.p99 < SHARE_COMPUTE for work in _works(case))
    return (*(sentence for sentence in asked if sentence), program, *((FIX_CODE,) if is_low else ()))


# ── Before any workload is looked at ─────────────────────────────────────────────────────────────────────────────────
def _unlike(case: Case, old: Gpu) -> Objection | None:
    """The peaks are those of one form of the card; the exporter may see another."""
    others = sorted(model for model in case.demand.gpu_models if card_of(model) != old.name)
    if not others:
        return None
    return "gpu-model-differs", f"The catalog says {old.name}, dcgm-exporter says {others[0]}: which peaks hold is not known."


def _works(case: Case) -> tuple[GpuWork, ...]:
    return case.gpus.works if case.gpus else ()


def _bytes(instance: InstanceType, gpu: Gpu) -> float:
    return float(instance.gpu_memory or gpu.memory_mib * 1024 * 1024)


def _pinned(case: Case) -> Objection | None:
    for name in case.demand.recent():
        drain = case.demand.drains.get(name)
        keys = sorted(key for key in (drain.pinned or {}) if key.endswith(PINS)) if drain else []
        if keys:
            return "gpu-pinned", f"{name} asks for nodes by {keys[0]}: on another card its pods would find no place."
    return None


# ── Each workload against the other card ─────────────────────────────────────────────────────────────────────────────
def _whole(switch: _Switch) -> Objection | None:
    if switch.work.per_pod == int(switch.work.per_pod):
        return None
    return "gpu-shared", f"Pods of {switch.work.name} hold parts of a card; {_one(switch.new)} would have to be cut the same way first."


def _memory(switch: _Switch) -> Objection | None:
    work, limit = switch.work, MEMORY_LIMIT * switch.memory
    if switch.memory >= switch.old_memory:
        return None
    if work.memory is None:
        return "gpu-memory-unknown", f"How much GPU memory {work.name} holds is not measured well enough; only that decides what it fits."
    if work.memory <= limit:
        return None
    several = ", all its cards taken together," if work.per_pod > 1 else ""
    offered = f"{limit / GIB:.1f} GiB ({MEMORY_LIMIT:.0%} of {switch.memory / GIB:.1f})"
    return "gpu-memory", f"{work.name} held up to {work.memory / GIB:.1f} GiB{several} and {_one(switch.new)} offers {offered}."


def _formats(switch: _Switch) -> Objection | None:
    """No metric tells which number format a program computes in: a format that the other card lacks may be the one."""
    lost = [
        name for name, had, has in (("BF16", switch.old.has_bf16, switch.new.has_bf16), ("FP8", switch.old.has_fp8, switch.new.has_fp8))
        if had and not has
    ]  # fmt: skip
    if not lost:
        return None
    had, missing = " or ".join(lost), " and no ".join(lost)
    return "gpu-format", f"Whether {switch.work.name} computes in {had} cannot be measured, and {_one(switch.new)} has no {missing}."


def _double(switch: _Switch) -> Objection | None:
    """Cards for graphics and inference have a sixty-fourth of it."""
    ratio = switch.old.fp64 / switch.new.fp64
    if ratio <= 1:
        return None
    name, fp64 = switch.work.name, switch.work.fp64.most
    if fp64 is None:
        return "gpu-fp64-unknown", (
            f"Whether {name} computes in double precision is not measured, and {_one(switch.new)} does it {ratio:.0f} times slower: "
            "export DCGM_FI_PROF_PIPE_FP64_ACTIVE."
        )
    if fp64 <= UNUSED or fp64 * ratio <= LOAD_LIMIT:
        return None
    return "gpu-fp64", f"{name} computes in double precision ({fp64:.1%}), and {_one(switch.new)} does it {ratio:.0f} times slower."


def _link(switch: _Switch) -> Objection | None:
    """Pods with several cards talk over NVLink; one card has nobody to talk to."""
    work = switch.work
    if work.per_pod <= 1 or switch.new.nvlink >= switch.old.nvlink:
        return None
    if work.link.most is None:
        return "gpu-link-unknown", (
            f"Pods of {work.name} hold {work.per_pod:g} cards each, whether these talk over NVLink is not measured, and a "
            f"{switch.new.name} has {_links(switch.new)}: export DCGM_FI_PROF_NVLINK_TX_BYTES."
        )
    if work.link.most <= UNUSED:
        return None
    return (
        "gpu-link",
        f"The {work.per_pod:g} cards of a pod of {work.name} talk over NVLink, and {_one(switch.new)} has {_links(switch.new)}.",
    )


def _links(gpu: Gpu) -> str:
    return f"{gpu.nvlink} GB/s of it" if gpu.nvlink else "none"


def _one(gpu: Gpu) -> str:
    """An L4, a T4: by the sound of the first letter."""
    return f"{'an' if gpu.name[0] in 'AEFHILMNORSX' else 'a'} {gpu.name}"


def _roof(
    rule: str, words: str, signal: Callable[[GpuWork], Signal], peak: Callable[[Gpu], float]
) -> Callable[[_Switch], Objection | None]:
    """util_Y = util_X × peak_X / peak_Y, of the 99th percentile."""

    def check(switch: _Switch) -> Objection | None:
        ratio, used = peak(switch.old) / peak(switch.new), signal(switch.work).p99
        if ratio <= 1:
            return None
        if used is None:
            return f"{rule}-unknown", f"{words} of {switch.work.name} is not measured well enough; a GPU without that metric is not idle."
        if used * ratio <= LOAD_LIMIT:
            return None
        return rule, (
            f"{words} of {switch.work.name} reaches {used:.0%}; {_one(switch.new)} has 1/{ratio:.1f} of it and would be at "
            f"{used * ratio:.0%}, more than {LOAD_LIMIT:.0%}."
        )

    return check


CHECKS: tuple[Callable[[_Switch], Objection | None], ...] = (
    _whole,
    _memory,
    _formats,
    _double,
    _link,
    _roof("gpu-tensor", "Tensor activity", lambda work: work.tensor, lambda gpu: gpu.tensor),
    _roof("gpu-bandwidth", "Memory bandwidth", lambda work: work.dram, lambda gpu: gpu.bandwidth),
    _roof("gpu-compute", "SM activity", lambda work: work.compute, lambda gpu: gpu.fp32),
)
"""In the order in which they decide most often."""


# ── What a person must answer ────────────────────────────────────────────────────────────────────────────────────────
def _latency(work: GpuWork, old: Gpu, new: Gpu) -> str:
    """An answer at a time is as slow as the memory that its weights are read from."""
    slower = max(old.bandwidth / new.bandwidth, old.tensor / new.tensor)
    if work.kind not in LONG_RUNNING or slower <= 1:
        return ""
    return (
        f"{work.name} is long-running and may answer somebody: on {_one(new)} one answer may take up to {slower:.1f} times as long, "
        "however idle the card is; how long it may take is not known here."
    )


__all__ = ["Objection", "objection", "questions"]
