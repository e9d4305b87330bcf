"""A value between the old one and the proposed one: which there are, and what a finding honestly says of it."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.judgement import evidence, finding
from trimtab.changes import at_value, values_between
from trimtab.errors import Refused
from trimtab.records import FieldChange, Finding, PersonId, PoolField
from trimtab.units import Money

BY, ON = PersonId("ml-owner"), date(2026, 11, 18)


def wish(old: str, new: str, field: PoolField = "count", **changes: object) -> Finding:
    nodes = {"nodes_old": int(old), "nodes_new": int(new)} if old.isdecimal() and new.isdecimal() and field == "count" else {}
    return finding(changes=(FieldChange(field=field, old=old, new=new),), **nodes, **changes)


@pytest.mark.parametrize(
    ("old", "new", "between"),
    [
        ("6", "3", (5, 4)),
        ("3", "6", (4, 5)),
        ("6", "5", ()),
        ("1", "1", ()),
        ("2", "0", (1,)),
        ("100", "0", (90, 80, 70, 60, 50, 40, 30, 20, 10)),
    ],
)
def test_the_values_between_go_from_the_smallest_step_to_the_largest(old: str, new: str, between: tuple[int, ...]) -> None:
    assert values_between(wish(old, new)) == between


def test_memory_is_offered_in_whole_gibibytes() -> None:
    assert values_between(wish("8192", "4096", "memory_mib")) == (7168, 6144, 5120)
    assert values_between(wish("8000", "5000", "memory_mib")) == (7168, 6144, 5120)
    assert values_between(wish("5000", "8000", "memory_mib")) == (5120, 6144, 7168)


@pytest.mark.parametrize(
    "whole",
    [
        wish("m6i.2xlarge", "m6i.xlarge", "instance_type"),
        wish("500m", "250m", "cpu_request"),
        wish("4", "2", "cpu_request"),
        wish("", "4"),
        wish("6", "²"),
        finding(changes=(FieldChange(field="count", old="6", new="3"), FieldChange(field="min", old="2", new="1"))),
        wish("3", "6", rule="rollback"),
    ],
)
def test_what_is_no_single_whole_number_or_restores_something_has_none(whole: Finding) -> None:
    assert values_between(whole) == ()


def test_fields_that_move_together_move_to_the_same_value() -> None:
    both = finding(changes=(FieldChange(field="count", old="6", new="3"), FieldChange(field="min", old="6", new="3")), nodes_new=3)

    changed = at_value(both, 4, BY, ON)

    assert [(change.field, change.old, change.new) for change in changed.changes] == [("count", "6", "4"), ("min", "6", "4")]
    assert changed.nodes_new == 4


def test_what_it_saves_is_the_part_of_the_step_that_is_left() -> None:
    whole = wish("6", "3", saving_list=Money(Decimal(900), "USD"), saving_effective=Money(Decimal(600), "USD"), saving_freed=None)

    changed = at_value(whole, 5, BY, ON)

    assert (changed.saving_list, changed.saving_effective, changed.saving_freed) == (
        Money(Decimal(300), "USD"),
        Money(Decimal(200), "USD"),
        None,
    )


def test_a_smaller_shrink_says_that_more_was_tried_and_keeps_its_misses() -> None:
    whole = wish("6", "3", evidence=evidence(violations_new=4))

    changed = at_value(whole, 5, BY, ON)

    assert changed.evidence.lines[0] == (
        "ml-owner asked for 5 instead of 3 on 2026-11-18. What the judged days say was tried at 3; at 5 there is more room, so no less of "
        "it would have fit."
    )
    assert changed.evidence.violations_new == 4
    assert changed.evidence.chart[-1].capacity_new == pytest.approx(48.0 - 8.0 / 3)


def test_a_smaller_growth_is_counted_as_if_nothing_had_grown() -> None:
    """How it would have gone at that value was never tried, and what is unknown is never good."""
    whole = wish("3", "6", evidence=evidence(violations_old=40, violations_new=0))

    changed = at_value(whole, 4, BY, ON)

    assert changed.evidence.violations_new == 40
    assert "6 was tried, and 4 was not" in changed.evidence.lines[0]


def test_a_value_that_is_not_offered_any_more_still_lies_between() -> None:
    """Of 39 values nine are offered, and other ones once the target has moved by one node."""
    before, after = wish("50", "10"), wish("50", "11")
    chosen = next(value for value in values_between(before) if value not in values_between(after))

    changed = at_value(after, chosen, BY, ON)

    assert changed.changes[0].new == str(chosen)


@pytest.mark.parametrize("value", [6, 3, 7, 2, 0, -5])
def test_what_does_not_lie_between_is_refused(value: int) -> None:
    with pytest.raises(Refused, match="is not one of 5, 4"):
        at_value(wish("6", "3"), value, BY, ON)


@given(st.integers(0, 400), st.integers(0, 400))
def test_every_value_lies_strictly_between_once_and_in_order(old: int, new: int) -> None:
    values = values_between(wish(str(old), str(new)))

    assert all(min(old, new) < value < max(old, new) for value in values)
    assert list(values) == sorted(set(values), reverse=new < old)
    assert len(values) == min(9, max(0, abs(new - old) - 1))


@given(st.integers(0, 60), st.integers(0, 60), st.data())
def test_a_chosen_value_never_saves_or_costs_more_than_the_proposed_one(old: int, new: int, data: st.DataObject) -> None:
    whole = wish(str(old), str(new), saving_list=Money(Decimal(100), "USD"), saving_effective=None)
    values = values_between(whole)
    if not values:
        return
    changed = at_value(whole, data.draw(st.sampled_from(values)), BY, datetime(2026, 11, 18, tzinfo=UTC).date())

    assert Decimal(0) < changed.saving_list.amount < Decimal(100)
    assert changed.evidence.violations_new >= min(whole.evidence.violations_new, whole.evidence.violations_old)
