"""Sums that must meet, and cents that must not get lost."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.accounting.reconcile import added, demand_promise, in_cents, reconciliations
from trimtab.errors import Broken

ROW = ("USD", "10", "4", "3", "2", "1", Decimal(7), Decimal(7), None, None, None)


def test_a_currencys_sums_become_one_record_per_measure() -> None:
    billed, effective = reconciliations(ROW)

    assert (billed.measure, effective.measure) == ("BilledCost", "EffectiveCost")
    assert [billed.billed, billed.not_kubernetes, billed.difference] == [10, 1, 0]
    assert [effective.allocated, effective.idle, effective.difference] == [7, 0, 0]


def test_a_difference_of_one_unit_is_broken_and_says_how_much() -> None:
    records = reconciliations(("USD", "10", "4", "3", "2", "0.999999999999", *ROW[6:]))

    with pytest.raises(Broken, match=r"aws/p-2026-07: BilledCost in USD does not add up: the parts are -0.000000000001 away"):
        demand_promise(records, "aws/p-2026-07")


def test_exports_are_added_per_currency() -> None:
    euros = reconciliations(("EUR", *ROW[1:]))

    sums = {(record.currency, record.measure): record.billed for record in added([*reconciliations(ROW), *reconciliations(ROW), *euros])}

    assert sums == {("EUR", "BilledCost"): 10, ("EUR", "EffectiveCost"): 7, ("USD", "BilledCost"): 20, ("USD", "EffectiveCost"): 14}


def test_rounding_leaves_its_cent_on_a_row_of_its_own() -> None:
    """AWS's published table adds 0.23 + 0.40 + 0.19 + 0.19 up to 1.01 for a bill of 1.00."""
    rounded = in_cents({"p1": Decimal("0.229199"), "p2": Decimal("0.400314"), "p3": Decimal("0.185244"), "p4": Decimal("0.185243")})

    assert [amount for _, amount in rounded.lines] == [Decimal("0.23"), Decimal("0.40"), Decimal("0.19"), Decimal("0.19")]
    assert (rounded.residual, rounded.total) == (Decimal("-0.01"), Decimal("1.00"))


@given(st.lists(st.decimals(min_value=-(10**9), max_value=10**9, places=12), max_size=40))
def test_lines_and_residual_always_make_the_total(amounts: list[Decimal]) -> None:
    rounded = in_cents({str(place): amount for place, amount in enumerate(amounts)})

    assert sum((amount for _, amount in rounded.lines), rounded.residual) == rounded.total
