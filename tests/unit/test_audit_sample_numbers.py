"""How a sample is cut by money, and what its answers may say about the whole."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.accounting.audit_sample import Answered, SizeGroup, accuracy, strata, threshold


def group(rows: int, units: int, *, digits: int = 10, certain: bool = False) -> SizeGroup:
    return SizeGroup(is_certain=certain, digits=digits, rows=rows, units=units)


def stratum(rows: int, units: int, *, answered: int, right: int, drawn: int | None = None, name: str = "s") -> Answered:
    """Rows of one size, so that money and counts agree."""
    each = units // rows
    return Answered(
        name=name, rows=rows, units=units, drawn=drawn if drawn is not None else answered, answered=answered, asked_units=answered * each,
        right_units=right * each,
    )  # fmt: skip


def test_the_largest_rows_are_all_drawn_and_the_rest_by_money() -> None:
    found = strata([group(5, 6000, digits=4, certain=True), group(100, 3000, digits=3), group(1000, 1000, digits=1)], 25)

    assert [(one.name, one.quota) for one in found] == [("all of the largest", 5), ("stratum 1", 14), ("stratum 2", 6)]


def test_small_change_is_one_stratum_with_the_next() -> None:
    found = strata([group(100, 99000, digits=6), group(900, 500, digits=3), group(900, 400, digits=2)], 20)

    assert [(one.rows, one.quota) for one in found] == [(1900, 20)]


def test_a_row_worth_its_part_of_the_sample_is_certain() -> None:
    assert threshold(1000, 60) == 17
    assert threshold(0, 60) == 1


@given(
    st.lists(st.tuples(st.integers(1, 500), st.integers(1, 10**15)), min_size=1, max_size=8), st.integers(0, 5), st.integers(1, 200)
)  # fmt: skip
def test_a_sample_is_never_larger_than_asked_and_leaves_no_stratum_out(some: list[tuple[int, int]], certain: int, size: int) -> None:
    groups = [group(rows, units, digits=20 - place) for place, (rows, units) in enumerate(some)]
    if certain and certain <= size:
        groups = [group(certain, 10**16, digits=30, certain=True), *groups]

    found = strata(groups, size)

    assert sum(one.quota for one in found) <= size
    assert sum(one.rows for one in found) == sum(one.rows for one in groups)
    assert all(one.quota <= one.rows for one in found)
    if size - (certain if certain <= size else 0) >= 2:
        assert all(one.quota > 0 for one in found)


def test_without_an_answer_in_every_stratum_there_is_no_number() -> None:
    found = accuracy([stratum(100, 1000, answered=10, right=10, name="a"), stratum(100, 1000, answered=0, right=0, drawn=10, name="b")])

    assert (found.share, found.low, found.high, found.reason) == (None, None, None, "no answer yet in b")


def test_all_right_is_not_certainly_all_right() -> None:
    """30 of 30 right: Wilson's interval for one stratum, 0.8865 to 1."""
    found = accuracy([stratum(10_000, 10_000, answered=30, right=30)])

    assert (found.share, found.low, found.high) == (Decimal(1), Decimal("0.8865"), Decimal(1))


def test_the_interval_of_one_stratum_is_wilsons() -> None:
    """45 of 60: 0.6277 to 0.8422 (Wilson 1927, z = 1.959964)."""
    found = accuracy([stratum(60_000, 60_000, answered=60, right=45)])

    assert (found.share, found.low, found.high) == (Decimal("0.7500"), Decimal("0.6277"), Decimal("0.8422"))


def test_money_weighs_and_a_stratum_asked_about_whole_is_certain() -> None:
    """90 % of the money was looked at row by row and is right; of the rest 5 of 10 are."""
    found = accuracy([stratum(9, 900, answered=9, right=9), stratum(100, 100, answered=10, right=5)])

    assert found.share == Decimal("0.9500")
    assert (found.low, found.high) == (Decimal("0.9237"), Decimal("0.9763"))


def test_everything_asked_about_leaves_nothing_uncertain() -> None:
    found = accuracy([stratum(4, 400, answered=4, right=3)])

    assert (found.share, found.low, found.high) == (Decimal("0.75"), Decimal("0.75"), Decimal("0.75"))


def test_no_rows_give_no_number() -> None:
    assert accuracy([]).share is None


@pytest.mark.parametrize("right", [0, 7, 20])
def test_the_share_lies_in_its_interval(right: int) -> None:
    found = accuracy([stratum(500, 5000, answered=20, right=right), stratum(900, 900, answered=5, right=min(right, 5))])

    assert found.share is not None
    assert found.low is not None
    assert found.high is not None
    assert 0 <= found.low <= found.share <= found.high <= 1
