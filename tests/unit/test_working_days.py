"""An answer is waited for on days when somebody is there to give it."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.policy.calendar import after_working_days, is_working_day


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-11-18T10:00", "2026-11-23T10:00"),
        ("2026-11-20T10:00", "2026-11-25T10:00"),
        ("2026-11-21T10:00", "2026-11-25T10:00"),
        ("2026-11-22T23:59", "2026-11-25T23:59"),
    ],
)
def test_a_weekend_does_not_count(start: str, end: str) -> None:
    assert after_working_days(datetime.fromisoformat(f"{start}+00:00"), 3) == datetime.fromisoformat(f"{end}+00:00")


def test_a_holiday_of_the_teams_own_calendar_does_not_count() -> None:
    wednesday = datetime(2026, 12, 23, 10, tzinfo=UTC)

    assert after_working_days(wednesday, 3, holidays=(date(2026, 12, 24), date(2026, 12, 25))) == datetime(2026, 12, 30, 10, tzinfo=UTC)


def test_the_day_is_the_one_where_the_team_is() -> None:
    """Friday night in UTC is Saturday morning in Tokyo: the first of its working days is Monday there."""
    friday = datetime(2026, 11, 20, 22, tzinfo=UTC)

    assert after_working_days(friday, 1) == datetime(2026, 11, 23, 22, tzinfo=UTC)
    assert after_working_days(friday, 1, "Asia/Tokyo") == datetime(2026, 11, 22, 22, tzinfo=UTC)


def test_a_change_of_the_clocks_keeps_the_time_of_day() -> None:
    """In Berlin the clocks go back on 2026-10-25: noon stays noon."""
    friday = datetime(2026, 10, 23, 10, tzinfo=UTC)

    assert after_working_days(friday, 1, "Europe/Berlin") == datetime(2026, 10, 26, 11, tzinfo=UTC)


def test_no_days_are_now() -> None:
    now = datetime(2026, 11, 21, 10, tzinfo=UTC)

    assert after_working_days(now, 0) == now


@given(
    start=st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2040, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 (given a zone)
    days=st.integers(0, 30),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Pacific/Apia"]),
    holidays=st.lists(st.dates(date(2020, 1, 1), date(2040, 1, 1)), max_size=5),
)
def test_one_more_day_is_never_earlier_and_ends_on_a_working_day(start: datetime, days: int, zone: str, holidays: list[date]) -> None:
    end, later = (after_working_days(start, count, zone, holidays) for count in (days, days + 1))

    assert later > end >= start
    assert later - start >= timedelta(days=days)
    assert is_working_day(later.astimezone(ZoneInfo(zone)).date(), holidays)
