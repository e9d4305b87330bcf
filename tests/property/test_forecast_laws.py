"""Laws that hold for any series."""

from datetime import date, timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.outlook import days
from trimtab.analysis.anomalies import anomalies
from trimtab.analysis.forecast import days_of, forecast
from trimtab.records import Forecast

cents = st.integers(1, 10**9).map(lambda amount: Decimal(amount) / 100)
starts = st.dates(date(2020, 1, 1), date(2030, 1, 1))
series = st.builds(days, starts, st.lists(st.integers(0, 10**6), min_size=14, max_size=70))


@settings(max_examples=60, deadline=None)
@given(start=starts, count=st.integers(14, 90), value=cents)
def test_the_forecast_of_a_constant_series_is_the_constant(start: date, count: int, value: Decimal) -> None:
    as_of = start + timedelta(days=count - 1)

    answer = forecast(days(start, [f"{value}"] * count), as_of)

    assert isinstance(answer, Forecast)
    expected = value * sum(day >= start for day in days_of(as_of.replace(day=1)))
    assert answer.low == answer.total == answer.high
    assert abs(answer.total - expected) <= Decimal("0.01")


@settings(max_examples=60, deadline=None)
@given(known=series)
def test_the_total_lies_in_its_interval_and_never_below_what_is_spent(known: dict[date, Decimal]) -> None:
    answer = forecast(known, max(known))

    if isinstance(answer, Forecast):
        assert answer.spent <= answer.low <= answer.total <= answer.high


@settings(max_examples=40, deadline=None)
@given(known=series, factor=st.sampled_from([Decimal(10), Decimal(1000)]))
def test_another_unit_of_money_gives_the_same_answer_in_that_unit(known: dict[date, Decimal], factor: Decimal) -> None:
    one = forecast(known, max(known))
    other = forecast({day: value * factor for day, value in known.items()}, max(known))

    if isinstance(one, Forecast):
        assert isinstance(other, Forecast)
        assert abs(other.total - one.total * factor) <= factor * Decimal("0.01")


@settings(max_examples=40, deadline=None)
@given(start=starts, count=st.integers(29, 80), value=cents)
def test_a_constant_series_has_no_unusual_day(start: date, count: int, value: Decimal) -> None:
    assert anomalies(days(start, [f"{value}"] * count)) == ()
