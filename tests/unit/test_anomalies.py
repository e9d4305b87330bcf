"""Unusual days, told by the series' own habits."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from tests.outlook import days, real_series
from trimtab.analysis.anomalies import anomalies
from trimtab.errors import Refused

START = date(2026, 5, 4)
"""A Monday."""


def office(count: int = 60, weekend: int = 20) -> dict[date, Decimal]:
    """Busy from Monday to Friday, quiet on weekends, a little noise."""
    return {
        day: Decimal(weekend if day.weekday() > 4 else 100) + (day.toordinal() * 7) % 5 for day in days(START, [0] * count)
    }  # fmt: skip


def on(number: int) -> date:
    return START + timedelta(days=number)


def test_a_weekend_is_no_surprise() -> None:
    """A flat-percent rule cries every Saturday; two of five of its false alerts are weekend days."""
    assert anomalies(office()) == ()


def test_a_weekday_cost_on_a_sunday_is_one() -> None:
    sunday = on(41)

    found = anomalies(office() | {sunday: Decimal(100)})

    assert [item.day for item in found] == [sunday]
    assert found[0].actual == Decimal(100)
    assert Decimal(18) <= found[0].expected <= Decimal(24)
    assert found[0].score >= 4


def test_a_fall_is_told_as_one_too() -> None:
    """A workload that stopped, or an export that lost a file: somebody should know."""
    found = anomalies(office() | {on(42): Decimal(3)})

    assert [(item.day, item.score < 0) for item in found] == [(on(42), True)]


def test_the_first_four_weeks_only_teach() -> None:
    assert anomalies(office() | {on(20): Decimal(9999)}) == ()


def test_too_short_a_series_is_refused_and_says_how_short() -> None:
    with pytest.raises(Refused, match="28 known days: 29 are the least"):
        anomalies(office(28))


def test_an_unknown_day_is_neither_an_anomaly_nor_a_zero() -> None:
    series = {day: value for day, value in office().items() if day not in {on(40), on(41), on(42)}}

    assert anomalies(series) == ()


def test_days_in_a_row_are_one_surprise() -> None:
    """A cluster left on over a week is told once, not seven times."""
    found = anomalies(office() | {on(number): Decimal(400) for number in (42, 43, 44)})

    assert [item.since for item in found] == [on(42)] * 3


def test_a_new_level_becomes_usual_within_three_weeks() -> None:
    """A migration that triples the cost is news at first, and then it is how things are."""
    series = {day: value * (3 if day >= on(42) else 1) for day, value in office(90).items()}

    found = [item.day for item in anomalies(series)]

    assert found[0] == on(42)
    assert found[-1] < on(63)


def test_steady_growth_is_no_surprise() -> None:
    series = {day: value + number * 2 for number, (day, value) in enumerate(office(100).items())}

    assert anomalies(series) == ()


def test_who_made_it_so_comes_first_and_a_newcomer_is_not_given_a_number() -> None:
    """What was expected of a team that came yesterday is unknown, not zero."""
    web, fresh = office(), {on(43): Decimal(80)}
    ml = {day: Decimal(50) for day in web} | {on(43): Decimal(450)}
    whole = {day: web[day] + ml[day] + fresh.get(day, 0) for day in web}

    (found,) = anomalies(whole, {"web": web, "ml": ml, "fresh": fresh})

    assert [part.name for part in found.contributions] == ["ml", "fresh"]
    assert found.contributions[0].change == Decimal(400)
    assert found.contributions[1].change is None


def test_small_whole_numbers_do_not_make_every_one_a_surprise() -> None:
    """Where most days are exactly alike the median distance is nothing, and any step would be infinitely unusual."""
    series = days(START, [1 if number % 4 == 3 else 0 for number in range(60)])

    assert anomalies(series) == ()


def test_on_a_labeled_real_series_three_of_four_are_found_with_one_false_alert() -> None:
    """Labels of the data set after the warm-up: 27 April, 1, 4 and 5 May."""
    found = {item.day for item in anomalies(real_series("msft_purchase02_daily"))}

    labeled = {date(2018, 4, 27), date(2018, 5, 1), date(2018, 5, 4), date(2018, 5, 5)}
    assert len(found & labeled) == 3
    assert len(found - labeled) <= 1
