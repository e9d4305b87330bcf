"""Two sets of numbers: each difference is the sum of its causes, to the last digit."""

from datetime import date
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from trimtab.accounting.compare import IDLE, Cause, Key, Ours, Theirs, compare, total_causes

DAY = date(2026, 7, 1)
WEB = Key(DAY, "prod", "web")
money = st.decimals(min_value=-1000, max_value=1000, allow_nan=False, places=5)


def one(theirs: Theirs | None, ours: Ours | None, key: Key = WEB) -> tuple[Cause, ...]:
    (found,) = compare({key: theirs} if theirs else {}, {key: ours} if ours else {})
    return found.causes


def test_a_list_price_is_named_as_the_cause() -> None:
    causes = one(Theirs(priced=Decimal("10.000003"), numbers=6), Ours(effective=Decimal("7.2"), listed=Decimal(10)))

    assert causes == (
        Cause(reason="list price, not what was paid", amount=Decimal("2.8")),
        Cause(reason="rounding to 5 decimals", amount=Decimal("0.000003")),
    )


def test_hours_that_one_side_lacks_are_named_as_the_cause() -> None:
    theirs = Theirs(priced=Decimal(12), unmeasured=Decimal(2), numbers=6)

    causes = one(theirs, Ours(effective=Decimal(10), listed=Decimal(10), elsewhere=Decimal(3)))

    assert causes == (
        Cause(reason="hours that they do not have", amount=Decimal(-3)),
        Cause(reason="hours that we did not measure", amount=Decimal(2)),
    )


def test_idle_that_they_leave_out_is_hidden_and_idle_that_they_share_is_in_it() -> None:
    idle = Key(DAY, "prod", IDLE)

    assert one(None, Ours(effective=Decimal(4), listed=Decimal(5)), idle) == (Cause(reason="they hide idle", amount=Decimal(-4)),)
    shared = one(Theirs(priced=Decimal(1), idle=Decimal(4)), Ours(effective=Decimal(1), listed=Decimal(1)))
    assert shared == (Cause(reason="idle shared into it", amount=Decimal(4)),)


def test_what_cannot_be_named_is_said_to_be_unexplained() -> None:
    causes = one(Theirs(priced=Decimal(9), numbers=6), Ours(effective=Decimal(10), listed=Decimal(10)))

    assert causes == (Cause(reason="unexplained: their rates or usage differ", amount=Decimal(-1)),)


theirs_any = st.builds(
    Theirs, priced=money, corrections=money, idle=money, shared=money, unmeasured=money, assets=money, numbers=st.integers(0, 9)
)
ours_any = st.builds(Ours, effective=money, listed=money, assets=money, shared=money, elsewhere=money)
keys = st.builds(Key, st.just(DAY), st.sampled_from(["prod", "dev"]), st.sampled_from(["web", "ml", IDLE]))


@given(st.dictionaries(keys, theirs_any), st.dictionaries(keys, ours_any))
def test_every_difference_is_the_sum_of_its_causes(theirs: dict[Key, Theirs], ours: dict[Key, Ours]) -> None:
    rows = compare(theirs, ours)

    assert all(sum((cause.amount for cause in row.causes), Decimal(0)) == row.difference for row in rows)
    assert sum((cause.amount for cause in total_causes(rows)), Decimal(0)) == sum((row.difference for row in rows), Decimal(0))
