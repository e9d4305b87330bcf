"""Demand: unknown stays unknown, waiting pods count, DaemonSets are on every node."""

from datetime import UTC, datetime

import numpy as np
import pytest

from trimtab.analysis.assembly import UsageRow, from_rows
from trimtab.analysis.demand import Demand
from trimtab.analysis.trace import from_trace
from trimtab.errors import BadInput
from trimtab.units import GIB

START, END = datetime(2026, 7, 1, tzinfo=UTC), datetime(2026, 7, 1, 4, tzinfo=UTC)


def row(hour: int, workload: str = "shop/web", pods: float = 2, **changes: float | str | None) -> UsageRow:
    base = UsageRow(
        at=int(START.timestamp()) + 3600 * hour,
        workload=workload,
        kind="Deployment",
        pods=pods,
        pending=0,
        cpu_request=500,
        memory_request=GIB,
        gpu_request=0,
        cpu_used=300,
        memory_used=GIB,
        gpu_compute_used=0,
        gpu_memory_used=0,
    )
    return base._replace(**changes)  # type: ignore[arg-type]


def demand_of(*rows: UsageRow, nodes: dict[int, float] | None = None) -> Demand:
    demand = from_rows(rows, start=START, end=END, nodes=nodes)
    assert demand is not None
    return demand


def test_nothing_measured_is_no_demand_at_all() -> None:
    """An empty pool and an unmeasured pool look the same to a sum; they must not look the same here."""
    assert from_rows([], start=START, end=END) is None


def test_an_hour_without_a_row_is_not_covered() -> None:
    demand = demand_of(row(0), row(1), row(3))

    assert demand.coverage == pytest.approx(0.75)
    assert not demand.seen[2]


def test_an_hour_with_nodes_and_no_pods_is_known_to_be_empty() -> None:
    demand = demand_of(row(0), nodes={int(START.timestamp()) + 3600 * hour: 3.0 for hour in range(4)})

    assert demand.coverage == 1.0
    assert demand.pods[0].tolist() == [2, 0, 0, 0]


def test_one_unmeasured_workload_makes_the_hour_unknown() -> None:
    demand = demand_of(
        *(row(hour) for hour in range(4)), *(row(hour, "shop/db", memory_used=None if hour == 1 else GIB) for hour in range(4))
    )

    assert demand.measured().tolist() == [True, False, True, True]


def test_a_service_that_skips_an_hour_was_not_measured_then() -> None:
    """Twelve hours of a service with one hour missing: its use in that hour is unknown, its requests go on."""
    rows = [row(hour) for hour in range(12) if hour != 5] + [row(hour, "shop/db") for hour in range(12)]

    demand = from_rows(rows, start=START, end=datetime(2026, 7, 1, 12, tzinfo=UTC))

    assert demand is not None
    assert np.isnan(demand.cpu_used).any(axis=0).tolist() == [hour == 5 for hour in range(12)]
    assert demand.pods[demand.names.index("shop/web"), 5] == 2


def test_a_job_that_comes_and_goes_did_not_run_while_it_was_gone() -> None:
    demand = demand_of(*(row(hour) for hour in range(4)), row(0, "batch/night"), row(3, "batch/night"))

    assert demand.coverage == 1.0
    assert demand.pods[demand.names.index("batch/night")].tolist() == [1 * 2, 0, 0, 2]


def test_pods_of_different_shape_stand_in_rows_of_their_own() -> None:
    demand = demand_of(row(0, pods=3), row(0, pods=1, cpu_request=4000))

    assert sorted(zip(demand.pods[:, 0], demand.cpu_request[:, 0], strict=True)) == [(1, 4000), (3, 500)]


def test_memory_need_is_the_greater_of_request_and_use() -> None:
    demand = demand_of(row(0, pods=2, memory_request=GIB, memory_used=6 * GIB))

    assert demand.memory_need()[0, 0] == 3 * GIB


def test_daemon_sets_are_taken_from_every_node_and_not_packed() -> None:
    demand = demand_of(
        row(0), row(0, "kube-system/agent", pods=4, kind="DaemonSet", cpu_request=100, memory_request=GIB / 4, memory_used=2 * GIB)
    )

    assert demand.names == ("shop/web",)
    assert (demand.overhead.cpu, demand.overhead.memory, demand.overhead.pods) == (100, GIB / 2, 1)


def test_waiting_pods_are_part_of_the_demand() -> None:
    demand = demand_of(row(0, pods=4, pending=1))

    assert demand.pending_share == 0.25


# ── traces ───────────────────────────────────────────────────────────────────────────────────────────────────────────
HOURS = [f"2026-07-01T{hour:02d}:00:00Z" for hour in range(4)]


def test_an_empty_cell_of_a_trace_is_unknown() -> None:
    demand = from_trace({"timestamp": HOURS, "workload": ["w"] * 4, "cpu_request": ["1"] * 4, "cpu_used": ["0.5", "", "0.5", "0.5"]})[""]

    assert demand.measured().tolist() == [True, False, True, True]
    assert demand.recorded == {"cpu_request", "cpu_used"}


def test_replicas_stand_for_so_many_equal_pods() -> None:
    demand = from_trace({"timestamp": HOURS, "workload": ["w"] * 4, "replicas": ["1", "2", "3", "0"], "cpu_used": ["0.5"] * 4})[""]

    assert demand.pods[0].tolist() == [1, 2, 3, 0]
    assert demand.cpu_used[0].tolist() == [500, 1000, 1500, 0]


def test_a_named_pod_that_is_told_twice_counts_once() -> None:
    columns = {"timestamp": HOURS * 2, "workload": ["w"] * 8, "pod": ["w-0"] * 8, "gpu_request": ["1"] * 8}

    assert from_trace(columns)[""].pods[0].tolist() == [1, 1, 1, 1]


def test_pods_whose_clocks_differ_within_a_step_add_up() -> None:
    """Samples of many machines are never taken in the same second."""
    times = [f"2026-07-01T00:{minute:02d}:{second:02d}Z" for minute in range(0, 30, 5) for second in (0, 13, 46)]
    pods = ["a", "b", "c"] * 6

    demand = from_trace({"timestamp": times, "workload": ["vm"] * 18, "pod": pods, "cpu_used": ["1"] * 18})[""]

    assert demand.step == 300
    assert demand.pods[0].tolist() == [3] * 6


def test_a_trace_is_split_by_pool() -> None:
    demands = from_trace({"timestamp": HOURS, "pool": ["a", "a", "b", "b"], "workload": ["w"] * 4, "gpu_request": ["1"] * 4})

    assert set(demands) == {"a", "b"}


@pytest.mark.parametrize(
    ("column", "value", "place"),
    [
        ("cpu_used", "lots", "row 2: cpu_used"),
        ("cpu_used", "-1", "row 2: cpu_used"),
        ("gpu_compute_used", "97", "row 2: gpu_compute_used"),
        ("replicas", "1.5", "row 2: replicas"),
        ("timestamp", "yesterday", "row 2: timestamp"),
    ],
)
def test_a_bad_cell_is_named_by_row_and_column(column: str, value: str, place: str) -> None:
    columns = {"timestamp": list(HOURS), "workload": ["w"] * 4} | ({column: ["1"] * 4} if column != "timestamp" else {})
    columns[column][1] = value

    with pytest.raises(BadInput, match=place):
        from_trace(columns)


def test_an_unknown_column_is_refused() -> None:
    """A presence signal such as gpu_util has no place in a demand."""
    with pytest.raises(BadInput, match="gpu_util"):
        from_trace({"timestamp": HOURS, "workload": ["w"] * 4, "gpu_util": ["100"] * 4})
