"""Each rule by the figures of its own documentation; ours by what it promises."""

import numpy as np
import pytest

from trimtab.analysis.backtest import backtest
from trimtab.analysis.demand import Demand
from trimtab.analysis.policies import decayed
from trimtab.analysis.sizing import after_one_step, bound, daily_peaks, tail
from trimtab.analysis.trace import from_trace
from trimtab.errors import BadInput
from trimtab.records import InstanceType
from trimtab.units import cores, gib

HOURS = 30 * 24
M5 = InstanceType(
    name="m5.xlarge", cloud="aws", region="us-east-1", cpu=cores(4), memory=gib(16), allocatable_cpu=cores(4), allocatable_memory=gib(16),
    arch="amd64", max_pods=58, price=None, spot_price=None, spot_interruption=None, price_source="",
)  # fmt: skip


def services(**replicas: list[int]) -> Demand:
    """Workloads of pods that ask for one core, and how many of them there were in each hour."""
    rows = [(hour, name, count) for name, counts in replicas.items() for hour, count in enumerate(counts)]
    columns = {
        "timestamp": [str(3600 * hour) for hour, _, _ in rows],
        "workload": [name for _, name, _ in rows],
        "replicas": [str(count) for _, _, count in rows],
        "cpu_request": ["1"] * len(rows),
    }
    return from_trace(columns)[""]


def sizes(demand: Demand, **options: int) -> dict[str, int]:
    return {one.policy: one.nodes for one in backtest(demand, **options).policies}  # type: ignore[arg-type]


def test_kubecost_adds_up_each_workloads_own_maximum_at_65_percent() -> None:
    """Two workloads that are never busy together are paid for as if they were."""
    day, night = [4, 1] * (HOURS // 2), [1, 4] * (HOURS // 2)

    found = sizes(services(shop=day, batch=night), nodes=20)

    assert (found["max"], found["kubecost"]) == (5, 13)


def test_kubecost_wants_two_machines_at_least() -> None:
    answer = backtest(services(shop=[1] * HOURS), instance=M5, nodes=4)

    assert {one.policy: one.nodes for one in answer.policies}["kubecost"] == 2


def test_p99_forgets_one_percent_of_the_hours_and_adds_a_fifth() -> None:
    counts = [10] * HOURS
    counts[5] = 40

    assert sizes(services(shop=counts), nodes=50)["p99"] == 12


def test_the_pod_autoscalers_histogram_forgets_half_each_day() -> None:
    """A peak of a whole day, eight days ago, is no longer within the heaviest tenth; one of yesterday is."""
    hours = np.arange(240, dtype=np.int64) * 3600
    old, new = np.where(hours // 86400 == 1, 8.0, 1.0), np.where(hours // 86400 == 9, 8.0, 1.0)

    assert decayed(old, hours, 0.01) == pytest.approx(1.0, rel=0.06)
    assert decayed(new, hours, 0.01) == pytest.approx(8.0, rel=0.06)


def test_a_percentile_is_the_end_of_its_bucket() -> None:
    """0.01 x (1.05^n - 1) / 0.05, as in the recommender's histogram."""
    assert decayed(np.array([0.0, 0.005]), np.array([0, 0]), 0.01) == pytest.approx(0.01)


def test_a_steady_pool_gets_the_least_margin_and_a_bursty_one_more() -> None:
    steady, bursty = [10] * HOURS, [10 if hour % 168 == 12 else 2 for hour in range(HOURS)]

    found = [sizes(services(shop=counts), nodes=40)["trimtab"] for counts in (steady, bursty)]

    assert found[0] == 11
    assert found[1] > 11


def test_a_tail_needs_days_to_be_short() -> None:
    """One day says nothing of the next ones, so its whole peak is put on top, at least."""
    assert tail(np.array([4.0]), 10) == 4.0
    assert tail(np.full(14, 4.0), 10) == 0.0
    assert tail(np.array([1.0] * 13 + [4.0]), 10) < tail(np.array([1.0] * 5 + [4.0]), 10)


def test_days_are_counted_back_from_the_newest_step() -> None:
    """So that the newest day is whole, whenever the trace began."""
    times = np.arange(0, 60, dtype=np.int64) * 3600

    assert daily_peaks(times, np.arange(60.0)).tolist() == [11.0, 35.0, 59.0]


@pytest.mark.parametrize(("days", "share"), [(0, 1.0), (2, 1.0), (10, 0.3), (30, 0.1)])
def test_n_days_promise_three_nths(days: int, share: float) -> None:
    assert bound(days) == pytest.approx(share)


def test_an_empty_queue_keeps_what_two_weeks_cannot_speak_for() -> None:
    """A month without a job says nothing of the next job's size."""
    found = sizes(services(shop=[0] * HOURS), nodes=28)

    assert found["trimtab"] == 6


def test_a_pod_that_fits_no_node_is_bad_input_and_not_a_size() -> None:
    columns = {"timestamp": [str(3600 * hour) for hour in range(HOURS)], "workload": ["w"] * HOURS, "cpu_request": ["9"] * HOURS}

    with pytest.raises(BadInput, match="the largest pod fits no node"):
        backtest(from_trace(columns)[""], instance=M5, nodes=3)


def test_by_use_is_refused_where_a_scheduler_packs() -> None:
    with pytest.raises(BadInput, match="--by use"):
        backtest(services(shop=[1] * HOURS), instance=M5, nodes=3, basis="use")


def test_a_step_is_a_quarter() -> None:
    assert [after_one_step(nodes, 1) for nodes in (1, 2, 4, 16, 100)] == [1, 1, 3, 12, 75]
