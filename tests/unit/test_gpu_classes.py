"""What a workload's GPUs did, by the known loads: an idle card is seen behind 100 % GPU_UTIL, and a loaded model is not taken for one."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from trimtab.analysis.assembly import Machines, UsageRow, from_rows
from trimtab.analysis.demand import Demand
from trimtab.analysis.gpu import FIX_CODE, GpuWork, advice, gpu_use
from trimtab.analysis.gpu_facts import GPUS, card_of, watts_of
from trimtab.units import GIB

END = datetime(2026, 7, 31, tzinfo=UTC)
HOURS = 14 * 24
A100 = GPUS["A100-80"]
CARD = Machines(gpu_models=frozenset({"NVIDIA A100-SXM4-80GB"}))


def row(hour: int, **changes: object) -> UsageRow:
    base = UsageRow(
        at=int(END.timestamp()) - 3600 * (HOURS - hour), workload="ml/model", kind="Deployment", pods=1, pending=0, cpu_request=1000,
        memory_request=GIB, gpu_request=1000, cpu_used=100, memory_used=GIB, gpu_compute_used=None, gpu_memory_used=None,
    )  # fmt: skip
    return base._replace(**changes)  # type: ignore[arg-type]


def demand(*rows: UsageRow, machines: Machines = CARD) -> Demand:
    found = from_rows(rows, start=END - timedelta(days=30), end=END, machines=machines)
    assert found is not None
    return found


def steady(**changes: object) -> Demand:
    return demand(*(row(hour, **changes) for hour in range(HOURS)))


def work(found: Demand) -> GpuWork:
    (only,) = gpu_use(found, 0.95, A100).works
    return only


SMALL, FULL = GIB // 2, 60 * GIB
REST = {"gpu_tensor_used": 0, "gpu_dram_used": 2, "gpu_power": 64}


@pytest.mark.parametrize(
    ("signals", "expected"),
    [
        ({"gpu_compute_used": 5, "gpu_memory_used": SMALL}, "held-idle"),
        ({"gpu_compute_used": 5, "gpu_memory_used": FULL}, "warm-idle"),
        ({"gpu_compute_used": 5}, "warm-idle"),
        ({"gpu_memory_used": SMALL}, "unknown"),
        ({"gpu_memory_used": SMALL, **REST}, "held-idle"),
        ({"gpu_memory_used": FULL, **REST}, "warm-idle"),
        (REST, "unknown"),
        ({"gpu_memory_used": SMALL, "gpu_power": 64}, "unknown"),
        ({"gpu_compute_used": 990, "gpu_memory_used": SMALL, **REST}, "held-idle"),
        ({"gpu_compute_used": 5, "gpu_memory_used": SMALL, "gpu_power": 300}, "unknown"),
        ({"gpu_compute_used": 5, "gpu_memory_used": SMALL, "gpu_dram_used": 700}, "unknown"),
        ({"gpu_compute_used": 900}, "busy"),
        ({"gpu_tensor_used": 450}, "busy"),
        ({"gpu_power": 330}, "busy"),
        ({"gpu_dram_used": 650, "gpu_tensor_used": 300}, "busy"),
        ({"gpu_dram_used": 650, "gpu_tensor_used": 20}, "memory-bound"),
        ({"gpu_compute_used": 500, "gpu_dram_used": 650, "gpu_tensor_used": 20, "gpu_memory_used": FULL}, "memory-bound"),
        ({"gpu_compute_used": 300, "gpu_memory_used": 20 * GIB}, "shareable"),
        ({"gpu_compute_used": 300, "gpu_memory_used": 40 * GIB}, "busy"),
        ({"gpu_compute_used": 300}, "busy"),
        ({"gpu_compute_used": 600, "gpu_memory_used": SMALL}, "busy"),
        ({}, "unknown"),
    ],
)
def test_a_class_follows_from_what_is_known(signals: dict[str, object], expected: str) -> None:
    assert work(steady(**signals)).state == expected


def test_power_says_nothing_of_a_card_that_is_not_the_catalogs() -> None:
    """64 W is rest for an A100 and nearly everything for a T4."""
    rows = [row(hour, gpu_memory_used=SMALL, **REST) for hour in range(HOURS)]

    assert work(demand(*rows)).state == "held-idle"
    assert work(demand(*rows, machines=Machines(gpu_models=frozenset({"Tesla T4"})))).state == "unknown"
    assert gpu_use(demand(*rows), 0.95, None).state == "unknown"


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("A100-80", "A100-80"), ("L4", "L4"),
        ("NVIDIA A100-SXM4-80GB", "A100-80"), ("NVIDIA A100-SXM4-40GB", "A100-40"), ("NVIDIA A100 80GB PCIe", None), ("Tesla T4", "T4"),
        ("NVIDIA H100 80GB HBM3", "H100"), ("NVIDIA H100 PCIe", None), ("NVIDIA H100 NVL", None), ("NVIDIA L40S", "L40S"),
        ("NVIDIA L4", "L4"), ("NVIDIA A10G", "A10G"), ("NVIDIA A10", None), ("Tesla V100-SXM2-16GB", "V100"),
        ("Tesla V100-PCIE-16GB", None), ("GRID A100-40C", None), ("GRID T4-16Q", None), ("", None),
    ],
)  # fmt: skip
def test_the_exporters_word_for_a_card_is_read_or_refused(model: str, expected: str | None) -> None:
    """A slower form of a known card is not that card."""
    assert card_of(model) == expected


def test_a_pool_of_two_cards_has_no_power_limit() -> None:
    assert watts_of(frozenset({"NVIDIA L4", "Tesla T4"}), GPUS["T4"]) is None
    assert watts_of(frozenset(), GPUS["T4"]) == 70


@pytest.mark.parametrize(("missing", "expected"), [(10, "held-idle"), (40, "unknown")])
def test_less_than_95_percent_of_the_hours_is_not_enough(missing: int, expected: str) -> None:
    rows = [row(h, gpu_memory_used=SMALL, gpu_compute_used=None if h % HOURS < missing else 5) for h in range(HOURS)]

    assert gpu_use(demand(*rows), 0.95, A100).state == expected


def test_one_busy_hour_in_two_weeks_is_not_idle() -> None:
    rows = [row(h, gpu_memory_used=SMALL, gpu_compute_used=900 if h == 100 else 0) for h in range(HOURS)]

    assert gpu_use(demand(*rows), 0.95, A100).state == "shareable"


def test_a_pool_is_what_its_busiest_workload_is() -> None:
    idle = [row(h, gpu_compute_used=0, gpu_memory_used=SMALL) for h in range(HOURS)]
    busy = [row(h, workload="ml/train", kind="Job", gpu_compute_used=950, gpu_memory_used=FULL) for h in range(HOURS)]

    use = gpu_use(demand(*idle, *busy), 0.95, A100)

    assert (use.state, use.idle) == ("busy", ("ml/model",))
    assert [(each.name, each.state) for each in use.works] == [("ml/model", "held-idle"), ("ml/train", "busy")]


def test_an_idle_pool_with_a_workload_that_nobody_measured_is_unknown() -> None:
    idle = [row(h, gpu_compute_used=0, gpu_memory_used=SMALL) for h in range(HOURS)]
    silent = [row(h, workload="ml/new") for h in range(HOURS - 5, HOURS)]

    assert gpu_use(demand(*idle, *silent), 0.95, A100).state == "unknown"


def test_memory_of_several_cards_is_taken_for_that_of_the_fullest() -> None:
    found = steady(gpu_request=2000, gpu_compute_used=600, gpu_memory_used=50 * GIB)

    assert (work(found).memory, work(found).per_pod) == (50 * GIB, 2)
    assert work(steady(gpu_request=8000, gpu_memory_used=400 * GIB)).memory == A100.memory_mib * 1024 * 1024


def test_every_class_has_its_sentence_with_numbers() -> None:
    base = work(steady(gpu_compute_used=300, gpu_memory_used=20 * GIB, gpu_tensor_used=90, gpu_dram_used=100, gpu_power=110))

    said = {
        state: advice(replace(base, state=state)) for state in ("held-idle", "warm-idle", "shareable", "memory-bound", "busy", "unknown")
    }

    assert len(set(said.values())) == 6
    assert all("ml/model" in sentence and "20.0 GiB" in sentence for sentence in said.values())
    assert "Ask its owners" in said["held-idle"]
    assert "taking its card away does not" in said["warm-idle"]
    assert FIX_CODE in said["shareable"]
    assert "missing metric is not idle" in said["unknown"]


def test_low_activity_is_said_to_be_the_programs_first() -> None:
    """Most jobs below half of their GPU are fixed by small changes of code, not by a smaller GPU."""
    stalled = work(steady(gpu_compute_used=900, gpu_memory_used=50 * GIB, gpu_tensor_used=60, gpu_dram_used=100, gpu_power=110))

    assert (stalled.state, FIX_CODE in advice(stalled)) == ("busy", True)
    assert FIX_CODE not in advice(work(steady(gpu_compute_used=950, gpu_tensor_used=700, gpu_dram_used=300, gpu_power=400)))
