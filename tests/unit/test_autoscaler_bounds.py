"""An autoscaler's two ends: each moves a step at a time, and never past what the load and the floors ask for."""

from dataclasses import replace

import pytest

from tests.pool_cases import POOL, ask, demand, findings, hours, only, refusal, rules, steady, usage
from trimtab.analysis.demand import Demand, Drain
from trimtab.analysis.rightsize import Answer
from trimtab.records import Finding

SCALED = replace(POOL, count=6, minimum=6, maximum=9)


def of(answers: tuple[Answer, ...], rule: str) -> Finding:
    return next(answer for answer in findings(answers) if answer.rule == rule)


def test_both_ends_right_is_one_sentence() -> None:
    found = steady(pods=20, nodes=5)

    no = refusal(ask(found, replace(SCALED, minimum=5, count=5, maximum=7)), "fits")

    assert no.reason == "5 to 7 nodes are right: the busiest step needed 5.0, and the quiet hours need 5."


def test_a_minimum_keeps_a_node_in_each_zone() -> None:
    found = replace(steady(pods=1, nodes=4), zones=("a", "b", "c"))

    finding = of(ask(found, replace(SCALED, minimum=4, count=4)), "autoscaler-min-down")

    assert finding.nodes_new == 3
    assert "It stops at 3, because one node stays in each of its 3 zones (a, b, c)." in finding.evidence.lines


def test_a_maximum_that_limits_nothing_comes_down_and_claims_no_saving() -> None:
    """Three nodes with room; forty may run away. A quarter at a time, and never below twice what was needed."""
    found = steady(nodes=3)
    pool = replace(SCALED, minimum=2, count=2, maximum=40)

    finding = of(ask(found, pool), "autoscaler-max-down")

    assert [(change.field, change.old, change.new) for change in finding.changes] == [("max", "40", "30")]
    assert finding.saving_list.amount == 0
    assert finding.evidence.lines[:2] == (
        "It never needed more than 3 nodes with room and growth, and may go up to 40.",
        "A maximum of 30 saves nothing by itself: it keeps 2,920.00 USD a month from a workload that runs away.",
    )


@pytest.mark.parametrize("maximum", [6, 9, 12])
def test_a_maximum_with_some_room_is_left_alone(maximum: int) -> None:
    assert "autoscaler-max-down" not in rules(ask(steady(nodes=3), replace(SCALED, minimum=2, count=2, maximum=maximum)))


def test_pods_that_may_not_share_a_node_hold_the_maximum_up() -> None:
    """Twelve of them need twelve nodes, and in production thirteen: forty is then no more than room."""
    found, pool = steady(pods=12, nodes=3), replace(SCALED, minimum=2, count=2, maximum=40)
    apart = replace(found, drains={"shop/web": Drain(has_own_node=True, disruptions_allowed=1)})

    assert "autoscaler-max-down" in rules(ask(found, pool, is_nonproduction=False))
    assert "autoscaler-max-down" not in rules(ask(apart, pool, is_nonproduction=False))


def busy_mornings(nodes: int = 2) -> Demand:
    """Every morning pods wait for nodes to come, while the pool stands at its minimum."""
    rows = [usage(at, pods=24 if index % 24 == 8 else 8, pending=16 if index % 24 == 8 else 0) for index, at in enumerate(hours())]
    rows = [row._replace(pods=24, pending=16) if index % 24 == 9 else row for index, row in enumerate(rows)]
    return demand(*rows, nodes=nodes)


def test_services_that_wait_at_the_minimum_every_morning_raise_it() -> None:
    finding = of(ask(busy_mornings(), replace(SCALED, minimum=2, count=2, maximum=9)), "autoscaler-min-up")

    assert [(change.field, change.new) for change in finding.changes] == [("min", "3"), ("count", "3")]
    assert finding.saving_list.amount < 0
    assert finding.evidence.lines[0] == (
        "In 8% of the judged hours pods waited for nodes to come while the pool stood at its minimum of 2."
    )


def test_jobs_that_wait_at_the_minimum_do_not() -> None:
    """A queue is what an autoscaler is for."""
    rows = [
        usage(at, kind="Job", pods=24 if index % 24 in {8, 9} else 8, pending=16 if index % 24 in {8, 9} else 0)
        for index, at in enumerate(hours())
    ]

    assert "autoscaler-min-up" not in rules(ask(demand(*rows, nodes=2), replace(SCALED, minimum=2, count=2, maximum=9)))


def test_a_maximum_goes_up_where_use_filled_its_nodes_though_nothing_waited() -> None:
    """What pods ask for fits nine nodes; what they use is above 90 % of them."""
    found = steady(pods=30, nodes=9, cpu_used=70_000)

    finding = of(ask(found, replace(SCALED, minimum=6, count=9)), "autoscaler-max-up")

    assert finding.evidence.lines[0] == "The maximum of 9 was too low in 360 of 360 judged steps, and its nodes were full."
    assert "In 360 of them use of CPU was above 90% of what 9 nodes offer." in finding.evidence.lines


def test_a_static_pool_whose_use_filled_it_grows_though_nothing_waited() -> None:
    finding = only(ask(steady(pods=20, cpu_used=46_000)))

    assert (finding.rule, finding.nodes_new) == ("node-count-up", 8)
    assert "In 360 of them use of CPU was above 90% of what 6 nodes offer." in finding.evidence.lines


def test_a_maximum_never_comes_down_below_what_runs_now() -> None:
    """Ninety nodes run, for whatever reason: a limit of 75 would take fifteen of them away in one edit."""
    found = steady(nodes=90)

    finding = of(ask(found, replace(SCALED, minimum=2, count=2, maximum=100, machines=90)), "autoscaler-max-down")

    assert finding.nodes_new == 90
    assert "autoscaler-max-down" not in rules(ask(steady(nodes=99), replace(SCALED, minimum=2, count=100, maximum=100)))


def test_what_was_too_small_in_the_fitted_days_is_not_said_to_have_had_no_waiting_pod() -> None:
    rows = [
        usage(at, pods=30 if index < 400 and index % 24 == 5 else 20, pending=6 if index < 400 and index % 24 == 5 else 0)
        for index, at in enumerate(hours())
    ]

    reason = refusal(ask(demand(*rows)), "fits").reason

    assert reason.endswith("in the fitted days it needed up to 7.5 nodes and pods waited, in the judged days it was enough.")
