"""The bar: real traces, each policy fitted on the first part and judged on the rest. The page in docs is made of the same numbers."""

from functools import cache

import pytest

from tests.accuracy import policies
from trimtab.analysis.backtest import bound
from trimtab.analysis.capacity import capacity_items, unit_of
from trimtab.analysis.demand import Demand
from trimtab.analysis.packing import NodesNeeded
from trimtab.analysis.sizing import split

SPLITS = pytest.mark.parametrize("fit_days", policies.SPLITS, ids=str)


@cache
def found() -> policies.Traces:
    return policies.traces()


@cache
def run(fit_days: int | None) -> policies.Run:
    return policies.run(found(), fit_days)


def test_all_traces_are_judged() -> None:
    assert len(run(None).parts) == 58
    assert all(part.decision != "refuse" for part in run(None).parts.values())


@SPLITS
def test_no_other_policy_misses_no_more_and_saves_more(fit_days: int | None) -> None:
    assert policies.is_beaten(run(fit_days).together) == ""


@SPLITS
def test_we_find_seven_tenths_of_what_hindsight_would_have_saved(fit_days: int | None) -> None:
    assert run(fit_days).of_hindsight >= 0.70


@SPLITS
def test_no_shrunk_trace_misses_more_than_the_stated_bound(fit_days: int | None) -> None:
    parts = run(fit_days).parts.values()
    shrunk = [part for part in parts if policies.ours(part).nodes < part.current.nodes]

    assert shrunk
    assert all(policies.excess(part) <= bound(part.fitted_days) for part in shrunk)


@SPLITS
def test_the_room_of_the_idle_team_is_found(fit_days: int | None) -> None:
    part = run(fit_days).parts["vcJkd"]

    assert (part.decision, part.current.nodes) == ("change", 16)
    assert policies.ours(part).nodes <= 5
    assert policies.ours(part).missed_steps == 0


@pytest.mark.parametrize("team", ["vc3sl", "vc6YE", "vc8Sj", "vcJLV", "vcLJZ", "vcMod", "vcSoL"])
def test_a_team_over_its_quota_is_told_so_and_never_shrunk(team: str) -> None:
    part = run(None).parts[team]

    assert part.decision == "keep"
    assert policies.ours(part).nodes == part.current.nodes
    assert "never shrink what is too small already" in part.reasons[0]
    assert "censored" in part.reasons[1]


def test_machines_cut_off_at_their_size_grow() -> None:
    assert [policies.ours(run(None).parts[f"vm-{name}"]).nodes for name in (190, 205, 242, 244, 272, 281)] == [9] * 6


@SPLITS
def test_no_hour_is_both_fitted_and_judged(fit_days: int | None) -> None:
    for demand in found().demands.values():
        if fit_days is None or fit_days < int(demand.days):
            part = split(demand, needed_of(demand), fit_days)
            times = demand.times[needed_of(demand).steps]
            assert times[part.fit].max() < times[part.judge].min()


def needed_of(demand: Demand) -> NodesNeeded:
    unit = unit_of(demand)
    return NodesNeeded(capacity_items(demand, unit, "use"), unit.node)


def test_the_page_says_these_numbers() -> None:
    """Written by `make accuracy`, never by hand."""
    page = (policies.TRACES.parents[2] / "docs" / "accuracy.md").read_text()

    assert policies.section(found()).strip() in page
