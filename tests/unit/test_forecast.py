"""A month's total before the month is over: exact in what is known, honest in what is not."""

from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pytest

from tests.outlook import days, real_series
from trimtab.analysis.forecast import CHECKED_DAYS, METHODS, Past, backtest, days_of, forecast, spread, weekday_profile
from trimtab.records import Forecast, NoForecast

JULY = date(2026, 7, 1)


def made(series: dict[date, Decimal], as_of: date, month: date | None = None) -> Forecast:
    answer = forecast(series, as_of, month)
    assert isinstance(answer, Forecast), answer
    return answer


def refused(series: dict[date, Decimal], as_of: date) -> str:
    answer = forecast(series, as_of)
    assert isinstance(answer, NoForecast), answer
    return answer.reason


def test_known_days_are_summed_exactly_and_the_rest_is_estimated() -> None:
    series = days(JULY - timedelta(days=30), ["10.000000000001"] * 45)

    answer = made(series, date(2026, 7, 15))

    assert answer.spent == Decimal("150.000000000015")
    assert (answer.total, answer.estimated_days, answer.missing_days) == (Decimal("310.00"), 16, 0)


def test_under_fourteen_known_days_nothing_is_said() -> None:
    """Two of each weekday is the least that tells a week from chance; a confident number from ten days is a lie."""
    assert refused(days(JULY, [10] * 13), date(2026, 7, 13)).startswith("13 known days up to 2026-07-13; 14 are the least")
    assert made(days(JULY, [10] * 14), date(2026, 7, 14)).total == Decimal("310.00")


def test_days_after_the_as_of_date_are_never_looked_at() -> None:
    past = days(JULY, [10] * 20)

    assert made(past | days(date(2026, 7, 21), [999] * 11), date(2026, 7, 20)) == made(past, date(2026, 7, 20))


def test_a_gap_is_unknown_and_not_zero() -> None:
    """A bill that did not arrive must not make the month look cheap."""
    whole = days(JULY - timedelta(days=30), [10] * 50)
    holes = {day: value for day, value in whole.items() if day not in {date(2026, 7, 6), date(2026, 7, 7)}}

    answer = made(holes, date(2026, 7, 20))

    assert (answer.spent, answer.total, answer.missing_days) == (Decimal(180), Decimal("310.00"), 2)


def test_a_zero_is_known() -> None:
    """Batch teams pay nothing on weekends, and that is no gap."""
    series = {day: Decimal(0) if day.weekday() > 4 else Decimal(10) for day in days(JULY - timedelta(days=60), [0] * 80)}

    answer = made(series, date(2026, 7, 20))

    assert answer.missing_days == 0
    assert answer.low <= Decimal(230) <= answer.high


def test_the_newest_days_that_have_no_bill_yet_are_estimated() -> None:
    series = days(JULY - timedelta(days=30), [10] * 48)

    answer = made(series, date(2026, 7, 20))

    assert (answer.missing_days, answer.total) == (2, Decimal("310.00"))


def test_a_series_that_ended_long_ago_says_nothing_about_now() -> None:
    assert "the newest known day is 2026-07-18" in refused(days(JULY - timedelta(days=30), [10] * 48), date(2026, 7, 31))


def test_nothing_was_ever_spent_is_a_reason_and_no_number() -> None:
    assert refused(days(JULY, [0] * 20), date(2026, 7, 20)).startswith("nothing was ever spent")


@pytest.mark.parametrize(
    ("as_of", "length"), [(date(2024, 2, 20), 29), (date(2026, 2, 20), 28), (date(2026, 4, 20), 30), (date(2026, 7, 20), 31)]
)
def test_every_month_has_its_own_length(as_of: date, length: int) -> None:
    """Leap February is one day longer; a month of 30.4 days would be wrong in each of them."""
    series = days(as_of - timedelta(days=60), [10] * 61)

    assert made(series, as_of).total == Decimal(10 * length)


def test_the_days_on_which_clocks_change_are_one_day_each() -> None:
    """29 March and 25 October 2026 have 23 and 25 hours in Europe; dates do not care."""
    series = days(date(2026, 2, 1), [10] * 300)

    assert made(series, date(2026, 3, 28)).total == made(series, date(2026, 10, 24)).total == Decimal("310.00")


def test_a_month_that_is_over_is_its_own_sum() -> None:
    answer = made(days(JULY, range(1, 32)), date(2026, 7, 31))

    assert (answer.total, answer.low, answer.high, answer.estimated_days) == (Decimal(496), Decimal(496), Decimal(496), 0)


def test_the_first_of_a_month_is_forecast_from_the_month_before() -> None:
    answer = made(days(JULY, [10] * 31), date(2026, 7, 31), month=date(2026, 8, 1))

    assert (answer.month, answer.spent, answer.total) == ("2026-08", Decimal(0), Decimal("310.00"))


def test_a_team_that_began_mid_month_owes_nothing_for_the_days_before() -> None:
    answer = made(days(date(2026, 7, 10), [10] * 15), date(2026, 7, 24))

    assert (answer.since, answer.total) == (date(2026, 7, 10), Decimal("220.00"))


def test_a_weekly_rhythm_is_found_by_trial() -> None:
    """Office hours: a mean would overshoot every weekend; the trials see that, so the weekday profile is taken."""
    start = date(2026, 5, 1)
    series = {day: Decimal(3) if day.weekday() > 4 else Decimal(10 + day.toordinal() % 2) for day in days(start, [0] * 77)}

    answer = made(series, date(2026, 7, 16))

    assert answer.method == "weekday profile"
    assert answer.errors[0][0] == "weekday profile"
    assert abs(answer.total - Decimal(267)) < 4


def test_negative_days_are_cost_too() -> None:
    """Credits: a refund may take the month below what was spent; no floor hides it."""
    series = days(JULY - timedelta(days=30), [10] * 45) | {date(2026, 7, 15): Decimal(-400)}

    answer = made(series, date(2026, 7, 15))

    assert answer.spent == Decimal(-260)
    assert answer.low < answer.spent


def test_an_interval_from_few_trials_is_wider_than_what_they_showed() -> None:
    few, many = spread(np.array([-0.1, 0.1])), spread(np.tile([-0.1, 0.1], 100))

    assert few[0] < -0.4
    assert many[0] == pytest.approx(-0.104)


def test_too_few_trials_say_nothing_about_coverage() -> None:
    assert made(days(JULY, [10] * 20), date(2026, 7, 20)).coverage is None


def test_a_weekday_without_any_known_day_makes_no_profile() -> None:
    values = np.array([np.nan if place % 7 == 2 else 10.0 for place in range(28)])

    assert weekday_profile(Past(values=values, first=JULY), 3).tolist() == [10.0, 10.0, 10.0]


def test_on_a_real_series_the_choice_is_never_much_worse_than_the_naive_mean_and_the_interval_holds() -> None:
    """Promised: a fancy method that loses to the last seven days' mean must lose the choice too. Two volatile real years."""
    series = {day: value for day, value in real_series("wp_peyton_manning_daily").items() if date(2012, 1, 1) <= day < date(2014, 7, 1)}

    scores = {(score.method, score.day): score for score in backtest(series)}

    chosen = sum(scores["chosen", day].median_error for day in CHECKED_DAYS)
    assert chosen <= 1.10 * sum(scores["last seven days", day].median_error for day in CHECKED_DAYS)
    assert chosen < sum(scores["newest day", day].median_error for day in CHECKED_DAYS)
    assert sum(scores["chosen", day].coverage or 0 for day in CHECKED_DAYS) / len(CHECKED_DAYS) >= 0.7


def test_the_backtest_shows_every_method_beside_the_choice() -> None:
    scores = backtest(days(date(2026, 1, 1), [10] * 120))

    assert {score.method for score in scores} == {"chosen", *METHODS}
    assert {score.median_error for score in scores} == {0.0}


def test_a_month_has_all_its_days() -> None:
    assert days_of(date(2024, 2, 1))[-1] == date(2024, 2, 29)
