"""Working days where people are: nobody is expected to decide on a weekend, or on a holiday of their own calendar."""

from collections.abc import Collection
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

_SATURDAY = 5


def after_working_days(start: datetime, days: int, time_zone: str = "UTC", holidays: Collection[date] = ()) -> datetime:
    """The same local time of day, that many working days later; a day off does not count, and a change of the clocks moves nothing."""
    local = start.astimezone(ZoneInfo(time_zone))
    day, left = local.date(), days
    while left:
        day += timedelta(days=1)
        left -= is_working_day(day, holidays)
    return datetime.combine(day, local.time(), local.tzinfo).astimezone(start.tzinfo)


def is_working_day(day: date, holidays: Collection[date] = ()) -> bool:
    """Monday to Friday, and no holiday."""
    return day.weekday() < _SATURDAY and day not in holidays
