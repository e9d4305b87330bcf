"""From bill rows to what covers a pool's machines: commitments and capacity reservations, by kind, without disks, traffic and credits."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.bills import HOUR, bill, estate, governance, node
from trimtab.attribution.summary import Covered, Summary
from trimtab.flow.bills import Bills

PLAN: dict[str, Any] = {
    "CommitmentDiscountId": "sp-1", "CommitmentDiscountType": "Savings Plan", "CommitmentDiscountCategory": "Spend",
    "CommitmentDiscountStatus": "Used", "PricingCategory": "Committed",
}  # fmt: skip
RESERVATION = PLAN | {"CommitmentDiscountType": "Reservation", "CommitmentDiscountCategory": "Usage"}
CAPACITY: dict[str, Any] = {"CapacityReservationId": "cr-1", "CapacityReservationStatus": "Used"}


def summary(*rows: dict[str, object]) -> Summary:
    return estate(rows, [node(), node(hour=HOUR + timedelta(hours=1))]).allocate().summary


def machines(*rows: dict[str, object]) -> Covered:
    found = summary(*rows).machines("prod", "workers", "USD")
    assert found is not None
    return found


def of(effective: str, listed: str, covered_effective: str = "0", covered_list: str = "0") -> Covered:
    return Covered(
        effective=Decimal(effective), list=Decimal(listed), covered_effective=Decimal(covered_effective), covered_list=Decimal(covered_list)
    )


def test_an_hour_that_a_plan_covers_half_is_covered_half() -> None:
    """The bill has two rows for such an hour; list cost weighs them as the price list does."""
    assert machines(bill("0.72", ListCost="1", **PLAN), bill("1", ListCost="1")) == of("1.72", "2", "0.72", "1")


@pytest.mark.parametrize("how", [PLAN, RESERVATION, CAPACITY, {"PricingCategory": "Committed"}], ids=["plan", "ri", "capacity", "no-id"])
def test_whatever_is_paid_anyway_covers(how: dict[str, Any]) -> None:
    assert machines(bill("1", ListCost="2", **how)) == of("1", "2", "1", "2")


@pytest.mark.parametrize("missing", ["CommitmentDiscountStatus", "PricingCategory"])
def test_a_commitment_whose_status_is_not_said_covers_all_the_same(missing: str) -> None:
    """What is not known must not make a saving larger."""
    assert machines(bill("1", ListCost="2", **(PLAN | {missing: None}))).covered_list == 2


def test_disks_credits_and_tax_are_no_machines() -> None:
    rows = (
        bill("1", ListCost="2"),
        bill("9", ListCost="9", ServiceCategory="Storage", **PLAN),
        bill("-5", ListCost="0", ChargeCategory="Credit"),
        bill("3", ListCost="0", ChargeCategory="Tax"),
    )

    assert machines(*rows) == of("1", "2")


def test_spot_is_not_covered() -> None:
    assert machines(bill("0.3", ListCost="1", PricingCategory="Dynamic")) == of("0.3", "1")


def test_the_kinds_are_told_apart_and_the_largest_comes_first() -> None:
    found = summary(bill("1", ListCost="1", **CAPACITY), bill("2", ListCost="3", **PLAN), bill("1", ListCost="2", **RESERVATION))

    assert [(cover.kind, cover.is_spend, cover.effective, cover.list) for cover in found.covers("prod", "workers", "USD")] == [
        ("Savings Plan", True, Decimal(2), Decimal(3)),
        ("Reservation", False, Decimal(1), Decimal(2)),
        ("capacity reservation", False, Decimal(1), Decimal(1)),
    ]


def test_a_plan_that_pays_for_reserved_capacity_does_not_free_it_for_another_type() -> None:
    """The plan would follow; the reservation is billed as unused instead."""
    (cover,) = summary(bill("1", ListCost="2", **PLAN, **CAPACITY)).covers("prod", "workers", "USD")

    assert (cover.kind, cover.is_spend) == ("Savings Plan", False)


def test_the_newest_period_that_billed_the_pool_is_what_counts() -> None:
    place = estate(
        [bill("1", ListCost="2", **PLAN), bill("1", ListCost="2", hour=HOUR + timedelta(hours=1))],
        [node(), node(hour=HOUR + timedelta(hours=1))],
    )
    place.allocate(governance())

    billed = Bills(place.documents).machines("prod", "workers")

    assert billed is not None
    assert (billed.period, billed.share, billed.ratio, billed.kinds, billed.is_spend) == (
        "p-2026-07", Decimal("0.5"), Decimal("0.5"), ("Savings Plan",), True
    )  # fmt: skip
    assert Bills(place.documents).machines("prod", "nowhere") is None


def test_a_summary_from_before_there_was_coverage_still_reads_and_says_nothing_of_it() -> None:
    old = summary(bill("1", ListCost="2")).to_json()
    del old["pool_covers"]
    for day in old["pool_costs"]:  # type: ignore[attr-defined]
        del day["machine"]

    read = Summary.from_json(old)

    assert read.machines("prod", "workers", "USD") is None
    assert read.pool_rates[0].effective_per_hour == 1
