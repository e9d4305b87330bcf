"""The past is fitted on one part and judged on the other; what did not serve is never shrunk."""

from datetime import UTC, datetime, timedelta

import pytest

from trimtab.analysis.backtest import backtest, growth, split, split_days, unit_node
from trimtab.analysis.demand import Demand
from trimtab.analysis.packing import NodesNeeded, items_of
from trimtab.analysis.trace import from_trace
from trimtab.errors import BadInput

START = datetime(2026, 6, 1, tzinfo=UTC)


def gpus(*daily: int) -> Demand:
    """One-GPU pods, so many on each day, in every hour of it."""
    hours = [(START + timedelta(days=day, hours=hour), count) for day, count in enumerate(daily) for hour in range(24)]
    columns = {
        "timestamp": [at.isoformat() for at, _ in hours],
        "workload": ["train"] * len(hours),
        "replicas": [str(count) for _, count in hours],
        "gpu_request": ["1"] * len(hours),
    }
    return from_trace(columns)[""]


@pytest.mark.parametrize(("days", "expected"), [(45, (30, 15)), (30, (20, 10)), (21, (14, 7)), (14, (10, 4)), (6, (4, 2))])
def test_the_last_third_is_judged_and_at_least_a_week_of_three(days: int, expected: tuple[int, int]) -> None:
    assert split_days(days) == expected


def test_fit_days_must_leave_days_to_judge() -> None:
    with pytest.raises(BadInput, match="--fit-days 14"):
        split_days(14, 14)


def test_the_two_parts_never_overlap_and_leave_nothing_out() -> None:
    demand = gpus(*[3] * 30)
    needed = NodesNeeded(items_of(demand), unit_node(demand))

    part = split(demand, needed)

    assert not (part.fit & part.judge).any()
    assert (part.fit | part.judge).all()
    assert int(part.judge.sum()) == 10 * 24


def test_the_judged_part_does_not_move_the_size() -> None:
    """A peak in the judged days must show as misses, not as a wiser fit."""
    calm, surprised = backtest(gpus(*[4] * 30), nodes=8), backtest(gpus(*[4] * 25, *[7] * 5), nodes=8)

    assert surprised.policies[0].nodes == calm.policies[0].nodes == 5
    assert {policy.policy for policy in calm.policies} >= {"max", "p99+10%"}
    assert surprised.policies[0].missed_steps == 5 * 24


def test_idle_capacity_is_a_change() -> None:
    answer = backtest(gpus(*[4] * 30), nodes=8)

    assert answer.decision == "change"
    assert answer.policies[0].saving == pytest.approx(3 / 8)
    assert "rule of three" in answer.reasons[1]


def test_a_fit_that_would_have_missed_keeps_what_is_there() -> None:
    assert backtest(gpus(*[4] * 25, *[7] * 5), nodes=8).decision == "keep"


def test_what_did_not_serve_is_never_shrunk() -> None:
    """The judged part asks for more than there is, although the fitted part would let it shrink."""
    answer = backtest(gpus(*[2] * 25, *[9] * 5), nodes=6)

    assert answer.decision == "keep"
    assert "never shrink" in answer.reasons[0]


def test_a_pool_that_is_too_small_grows() -> None:
    answer = backtest(gpus(*[9] * 30), nodes=6)

    assert (answer.decision, answer.policies[0].nodes) == ("change", 10)
    assert answer.current.violations_per_1000_node_hours == pytest.approx(1000 / 6)


def test_missing_days_are_not_idle_days() -> None:
    hours = [START + timedelta(hours=hour) for hour in range(30 * 24) if not 200 <= hour < 400]
    holed = from_trace({"timestamp": [at.isoformat() for at in hours], "workload": ["w"] * len(hours), "gpu_request": ["1"] * len(hours)})[
        ""
    ]
    assert backtest(holed, nodes=8).decision == "refuse"


def test_too_little_history_is_refused() -> None:
    answer = backtest(gpus(*[1] * 5), nodes=8)

    assert answer.decision == "refuse"
    assert "too little history" in answer.reasons[0]


def test_growth_is_added_and_noise_is_not() -> None:
    rising, flat = gpus(*range(10, 40)), gpus(*[10, 11] * 15)

    sizes = [growth(demand.times, demand.pods[0], 10) for demand in (rising, flat)]

    assert sizes == [pytest.approx(10 / 39), 0.0]


def test_dimensions_that_were_never_recorded_are_said() -> None:
    reasons = backtest(gpus(*[4] * 30), nodes=8).reasons

    assert any(reason.startswith("memory is not in the demand") for reason in reasons)


def test_the_json_form_has_exactly_the_stable_names() -> None:
    document = backtest(gpus(*[4] * 30), nodes=8).as_json()

    assert set(document) == {"current", "policies", "decision", "reasons"}
    assert set(document["current"]) == {  # type: ignore[call-overload]
        "policy", "instance_type", "nodes", "max_nodes", "saving", "slack", "violations_per_1000_node_hours", "judged_days",
    }  # fmt: skip
