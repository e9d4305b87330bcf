"""The past is fitted on one part and judged on the other; what did not serve is never shrunk."""

from datetime import UTC, datetime, timedelta

import pytest

from trimtab.analysis.backtest import backtest, growth, split, split_days, total
from trimtab.analysis.capacity import GPU, capacity_items
from trimtab.analysis.demand import Demand
from trimtab.analysis.packing import NodesNeeded
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


def machine(cores: float, daily: list[float]) -> Demand:
    """One machine that was given so many cores, and what it used on each day, in every hour of it."""
    hours = [(START + timedelta(days=day, hours=hour), used) for day, used in enumerate(daily) for hour in range(24)]
    columns = {
        "timestamp": [at.isoformat() for at, _ in hours],
        "workload": ["vm"] * len(hours),
        "cpu_request": [str(cores)] * len(hours),
        "cpu_used": [str(used) for _, used in hours],
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
    needed = NodesNeeded(capacity_items(demand, GPU, "requests"), GPU.node)

    part = split(demand, needed)

    assert not (part.fit & part.judge).any()
    assert (part.fit | part.judge).all()
    assert int(part.judge.sum()) == 10 * 24


def test_the_judged_part_does_not_move_the_size() -> None:
    """A peak in the judged days must show as misses, not as a wiser fit."""
    calm, surprised = backtest(gpus(*[4] * 30), nodes=8), backtest(gpus(*[4] * 25, *[7] * 5), nodes=8)

    assert surprised.policies[0].nodes == calm.policies[0].nodes == 5
    assert [policy.policy for policy in calm.policies] == ["trimtab", "current", "max", "p99", "kubecost", "vpa"]
    assert surprised.policies[0].missed_steps == 5 * 24


def test_idle_capacity_is_a_change() -> None:
    answer = backtest(gpus(*[4] * 30), nodes=8)

    assert answer.decision == "change"
    assert answer.policies[0].saving == pytest.approx(3 / 8)
    assert "rule of three" in answer.reasons[1]


def test_a_fit_that_would_have_missed_keeps_what_is_there() -> None:
    assert backtest(gpus(*[4] * 25, *[7] * 5), nodes=8).decision == "keep"


def test_a_queue_that_overflows_now_and_then_is_kept_and_its_owner_is_asked() -> None:
    """Work that waits may be meant to wait; the demand beyond the size is told, not bought."""
    answer = backtest(gpus(*[4, 9] * 15), nodes=6)

    assert (answer.decision, answer.policies[0].nodes) == ("keep", 6)
    assert "9 would have carried every step" in answer.reasons[1]
    assert "censored" in answer.reasons[1]


def test_machines_that_are_cut_off_grow_where_a_quarter_more_cures_it() -> None:
    """Their request is what they were given; only their use can say that it is not enough."""
    answer = backtest(machine(8.0, [8.4, 3.0] * 15))

    assert (answer.current.nodes, answer.policies[0].nodes, answer.decision) == (8, 9, "change")
    assert any("requests have to shrink with the size" in reason for reason in answer.reasons)


def test_a_machine_that_idles_is_judged_by_its_use_and_not_by_its_own_size() -> None:
    answer = backtest(machine(8.0, [0.3] * 30))

    assert (answer.decision, answer.policies[0].nodes) == ("change", 2)
    assert "20 fitted days cannot speak for less than 2 of 8" in answer.reasons[-3]


def test_requests_that_do_not_fill_the_pool_are_what_a_scheduler_holds_it_to() -> None:
    """Then they are pods, and removing what they asked for would leave them waiting."""
    answer = backtest(machine(8.0, [0.3] * 30), nodes=12)

    assert answer.policies[0].nodes == 9
    assert answer.reasons[-1].startswith("its pods use at most 0.3 of the 8.0 cores that they ask for: smaller requests come first")


def test_a_pool_that_is_full_says_that_its_demand_may_be_censored() -> None:
    answer = backtest(gpus(*[8] * 30), nodes=8)

    assert answer.decision == "keep"
    assert "full in 100% of the fitted steps" in answer.reasons[1]


def test_what_the_target_would_have_missed_is_tried_with_the_first_step() -> None:
    """Half is asked for, five of eight were needed later: one node less would have served, and that is all that is advised."""
    answer = backtest(gpus(*[2] * 22, *[6] * 8), nodes=8)

    assert (answer.policies[0].nodes, answer.decision) == (3, "change")
    assert answer.reasons[0].startswith("6 instead of 8 would have carried every step")
    assert any("3 would have missed 192 of 240 judged steps" in reason for reason in answer.reasons)


def test_hindsight_is_the_least_size_that_misses_no_more_than_today() -> None:
    answer = backtest(gpus(*[4] * 28, *[6, 7]), nodes=8)

    assert answer.hindsight is not None
    assert (answer.hindsight.nodes, answer.hindsight.missed_steps) == (7, 0)


def test_pools_are_added_up_by_capacity_and_refused_ones_left_out() -> None:
    added = total({"a": backtest(gpus(*[4] * 30), nodes=8), "b": backtest(gpus(*[9] * 30), nodes=9), "c": backtest(gpus(1), nodes=99)})

    assert (added["current"].nodes, added["trimtab"].nodes) == (17, 14)
    assert added["trimtab"].saving == pytest.approx(3 / 17)


def test_what_did_not_serve_is_never_shrunk() -> None:
    """The judged part asks for more than there is, although the fitted part would let it shrink."""
    answer = backtest(gpus(*[2] * 25, *[9] * 5), nodes=6)

    assert answer.decision == "keep"
    assert "never shrink" in answer.reasons[0]


def test_a_pool_that_is_too_small_grows() -> None:
    answer = backtest(gpus(*[9] * 30), nodes=6)

    assert (answer.decision, answer.policies[0].nodes) == ("change", 10)
    assert "6 would have missed 480 of 480 fitted steps" in answer.reasons[0]
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
