"""Whatever the exporter leaves out, a GPU never looks idler for it; and a working one is never called idle."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.analysis.assembly import Machines, UsageRow, from_rows
from trimtab.analysis.gpu import gpu_use
from trimtab.analysis.gpu_facts import GPUS
from trimtab.records import MetricSeries
from trimtab.sources.dcgm import NO_GPUS, PodGpus, of_hour, pod_gpus
from trimtab.units import GIB

A100 = GPUS["A100-80"]
POD = ("ml", "a")
STEPS = tuple(range(300, 3601, 300))
THERE = dict.fromkeys(STEPS, 1.0)
NAMES = {
    "sm": "DCGM_FI_PROF_SM_ACTIVE", "engine": "DCGM_FI_PROF_GR_ENGINE_ACTIVE", "tensor": "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE",
    "dram": "DCGM_FI_PROF_DRAM_ACTIVE", "memory": "DCGM_FI_DEV_FB_USED", "power": "DCGM_FI_DEV_POWER_USAGE",
}  # fmt: skip
START = datetime(1970, 1, 1, tzinfo=UTC)
IDLE = {"held-idle", "warm-idle"}


@st.composite
def cards(draw: st.DrawFn) -> dict[str, list[float]]:
    """Signals of one card over an hour that one real activity could have: engines cover SMs, SMs cover tensor cores, work draws power."""
    sm = draw(st.lists(st.floats(0, 1), min_size=12, max_size=12))
    share = draw(st.floats(0, 1))
    memory = draw(st.floats(600, 80_000))
    return {
        "sm": sm,
        "engine": [draw(st.floats(value, 1)) for value in sm],
        "tensor": [value * share for value in sm],
        "dram": [value * draw(st.floats(0, 1)) for value in sm],
        "memory": [memory] * 12,
        "power": [60 + 340 * min(1.0, value * draw(st.floats(0.5, 1))) for value in sm],
    }


def told(every: list[Mapping[str, list[float]]], left_out: set[tuple[int, str]]) -> PodGpus:
    """Cards of one pod without some of their series."""
    found: dict[str, list[MetricSeries]] = {}
    for number, signals in enumerate(every):
        labels = {"UUID": f"GPU-{number}", "Hostname": "n1", "exported_namespace": POD[0], "exported_pod": POD[1]}
        for signal, values in signals.items():
            if (number, signal) not in left_out:
                found.setdefault(NAMES[signal], []).append(MetricSeries(labels, tuple(zip(STEPS, values, strict=True))))
    gpus = pod_gpus(found).get(POD, NO_GPUS)
    return of_hour(gpus, THERE, 0, len(every))


LEFT_OUT = st.sets(st.tuples(st.integers(0, 1), st.sampled_from(sorted(NAMES))))


@given(every=st.lists(cards(), min_size=1, max_size=2), left_out=LEFT_OUT)
@settings(deadline=None)
def test_removing_series_never_makes_a_gpu_idler(every: list[Mapping[str, list[float]]], left_out: set[tuple[int, str]]) -> None:
    """What is left is unknown, or at least as much as it was."""
    whole, part = told(every, set()), told(every, left_out)

    for measure in ("compute", "memory", "tensor", "dram", "power"):
        before, after = getattr(whole, measure), getattr(part, measure)
        assert not after or all(after[step] >= before[step] - 1e-9 for step in STEPS)


@given(card=cards(), lost=st.sets(st.integers(0, 11)))
@settings(deadline=None)
def test_holes_never_make_an_hour_idler_than_its_second_busiest_step(card: Mapping[str, list[float]], lost: set[int]) -> None:
    """One step may be missed; with two the hour is unknown."""
    gappy = {signal: [value for place, value in enumerate(values) if place not in lost] for signal, values in card.items()}
    steps = [step for place, step in enumerate(STEPS) if place not in lost]
    labels = {"UUID": "GPU-0", "Hostname": "n1", "exported_namespace": POD[0], "exported_pod": POD[1]}
    found = {NAMES[signal]: [MetricSeries(labels, tuple(zip(steps, values, strict=True)))] for signal, values in gappy.items()}

    gpus = of_hour(pod_gpus(found).get(POD, NO_GPUS), THERE, 0, 1)

    assert not gpus.compute or max(gpus.compute.values()) >= sorted(card["sm"])[-2] - 1e-9


def state(signals: Mapping[str, float | None]) -> str:
    """The class of a workload whose every hour is like that."""
    rows = [
        UsageRow(
            at=3600 * hour, workload="ml/a", kind="Deployment", pods=1, pending=0, cpu_request=1, memory_request=1, gpu_request=1000,
            cpu_used=1, memory_used=1, gpu_compute_used=signals.get("compute"), gpu_memory_used=signals.get("memory"),
            gpu_tensor_used=signals.get("tensor"), gpu_dram_used=signals.get("dram"), gpu_power=signals.get("power"),
        )
        for hour in range(24)
    ]  # fmt: skip
    demand = from_rows(rows, start=START, end=START + timedelta(days=1), machines=Machines(gpu_models=frozenset({"NVIDIA A100-SXM4-80GB"})))
    assert demand is not None
    return gpu_use(demand, 0.95, A100).state


SIGNALS = ("compute", "tensor", "dram", "power", "memory")


@given(
    compute=st.integers(0, 1000), share=st.floats(0, 1), bus=st.integers(0, 1000), power=st.integers(55, 400),
    memory=st.integers(GIB // 4, 80 * GIB), left_out=st.sets(st.sampled_from(SIGNALS)),
)  # fmt: skip
@settings(deadline=None, max_examples=150)
def test_a_class_never_gets_idler_by_a_missing_signal(
    compute: int, share: float, bus: int, power: int, memory: int, left_out: set[str]
) -> None:
    """Signals that contradict one another are kept apart: they are unknown, and not of one card."""
    whole: dict[str, float | None] = {
        "compute": compute, "tensor": round(compute * share), "dram": bus, "power": power, "memory": memory,
    }  # fmt: skip
    full = state(whole)
    part = state({name: value for name, value in whole.items() if name not in left_out})

    if full != "unknown":
        assert part not in IDLE or full in IDLE
    if "memory" not in left_out:
        assert not (part == "held-idle" and memory > 2 * GIB)
