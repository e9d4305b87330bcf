"""Spot machines for a part of a pool, or for all of it: the checklist, and the numbers for the person who builds the second pool."""

from dataclasses import replace
from decimal import Decimal

import pytest

from tests.pool_cases import POOL, Shelf, ask, demand, findings, hours, kind, only, refusal, rules, steady, usage
from trimtab.analysis.demand import Demand, Drain
from trimtab.records import Finding

FINE = Drain(disruptions_allowed=-1, has_local_volume=False, grace_seconds=30, has_own_node=False, pinned={})
ZONES = ("us-east-1a", "us-east-1b")


def shelf(bucket: int | None = 0, spot: str | None = "0.10") -> Shelf:
    return Shelf((kind("m5.2xlarge", 8000, bucket=bucket, spot=spot),))


def ready(**changes: object) -> Demand:
    """20 pods that may go whole: read, in two zones, quick to stop."""
    drain = replace(FINE, **changes)  # type: ignore[arg-type]
    return replace(steady(20), drains={"shop/web": drain}, zones=ZONES)


def test_a_pool_whose_every_workload_is_ready_may_go_whole() -> None:
    finding = only(ask(ready(), shelf=shelf()))

    assert (finding.rule, finding.changes[0].new, finding.needs_person) == ("spot", "spot", "")
    assert [unknown for unknown in finding.unknowns if "not read" in unknown] == []
    assert finding.evidence.lines[0] == (
        "m5.2xlarge spot machines are interrupted under 5 % a month; at 0.5 hours of work lost each time that adds 0.003% to the spot "
        "price of 0.1 USD an hour. Every workload here can be started again elsewhere."
    )


def test_what_was_not_read_is_said() -> None:
    finding = only(ask(steady(20), shelf=shelf()))

    assert "Whether the pods stop within 120 seconds was not read." in finding.unknowns
    assert "In how many zones its nodes are was not read." in finding.unknowns


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"grace_seconds": 600}, "slow-stop-spot"),
        ({"disruptions_allowed": 9}, "budget-spot"),
        ({"disruptions_allowed": 0}, "budget-spot"),
        ({"has_local_volume": True}, "local-volume-spot"),
    ],
)
def test_a_workload_that_is_not_ready_is_told_by_its_reason(changes: dict[str, object], rule: str) -> None:
    answers = ask(ready(**changes), shelf=shelf())

    assert rule in rules(answers)
    assert not findings(answers)


@pytest.mark.parametrize("allowed", [-1, 10, 20])
def test_a_budget_that_can_spare_half_is_no_objection(allowed: int) -> None:
    assert only(ask(ready(disruptions_allowed=allowed), shelf=shelf())).rule == "spot"


def test_one_zone_has_no_other_to_find_machines_in() -> None:
    answers = ask(replace(ready(), zones=("us-east-1a",)), shelf=shelf())

    assert refusal(answers, "spot-one-zone").needs == "A pool over at least two zones."


@pytest.mark.parametrize("price", ["0", "NaN", "0.40", "0.50", None])
def test_a_spot_price_that_is_no_price_or_no_bargain_is_refused(price: str | None) -> None:
    assert "spot-price-missing" in rules(ask(ready(), shelf=shelf(spot=price)))


def mixed(stateful: int = 4) -> Demand:
    rows = [
        row
        for at in hours()
        for row in (usage(at, pods=16), usage(at, workload="shop/db", kind="StatefulSet", pods=stateful, cpu_used=500 * stateful))
    ]
    return replace(demand(*rows, nodes=6), drains={"shop/web": FINE, "shop/db": FINE}, zones=ZONES)


def share(found: Demand, **changes: object) -> Finding:
    return next(answer for answer in findings(ask(found, shelf=shelf(), **changes)) if answer.rule == "spot-share")  # type: ignore[arg-type]


def test_a_pool_of_both_kinds_is_a_second_pool_for_a_person() -> None:
    """16 ready pods need five nodes with room, four stateful ones two: 0.40 x 6 now, 0.40 x 2 + 0.10 x 5 then."""
    finding = share(mixed())

    assert finding.needs_person == (
        "A pool has one capacity type, so this needs a second pool: a person adds one of 5 x m5.2xlarge on spot for shop/web, and keeps "
        "2 on demand for shop/db (shop/db keeps state (StatefulSet): spot takes nodes away with two minutes' notice)."
    )
    assert finding.saving_list.amount.quantize(Decimal("0.01")) == Decimal("802.99")
    assert "1 of 2 workloads are ready for it: 71% of the nodes." in finding.evidence.lines[0]


def test_a_small_share_is_not_worth_a_second_pool() -> None:
    answers = ask(mixed(stateful=30), POOL, shelf=shelf())

    assert "spot-share" not in rules(answers)


def test_jobs_lose_more_when_they_are_interrupted() -> None:
    jobs = replace(steady(20, kind="Job"), drains={"shop/web": FINE}, zones=ZONES)

    assert "at 6 hours of work lost each time" in only(ask(jobs, shelf=shelf(1))).evidence.lines[0]


def test_nothing_is_moved_to_spot_without_measured_use() -> None:
    answers = ask(replace(ready(), cpu_used=ready().cpu_used * float("nan")), shelf=shelf())

    assert "spot" not in rules(answers)
    assert "use-missing" in rules(answers)


def test_a_pool_of_one_node_is_an_outage_at_every_interruption() -> None:
    """Two replicas are none too many where one machine takes both away."""
    found = replace(steady(2, nodes=1), drains={"shop/web": FINE}, zones=ZONES)

    assert refusal(ask(found, replace(POOL, count=1), shelf=shelf()), "spot-one-node").needs == "A pool of at least two nodes."


def test_an_autoscaled_pool_on_spot_is_judged_at_its_maximum_and_priced_at_its_minimum() -> None:
    rows = [usage(at, pods=20 if at // 3600 % 24 == 5 else 2) for at in hours()]
    found = replace(demand(*rows, nodes=2), drains={"shop/web": FINE}, zones=ZONES)
    pool = replace(POOL, count=2, minimum=1, maximum=8)

    finding = next(each for each in findings(ask(found, pool, shelf=shelf())) if each.rule == "spot")

    assert (finding.evidence.violations_old, finding.evidence.violations_new) == (0, 0)
    assert finding.saving_list.amount < Decimal("0.30") * 730 + 1
    assert "spot" not in rules(ask(found, replace(pool, minimum=0), shelf=shelf())), "at a minimum of no nodes no saving is certain"
