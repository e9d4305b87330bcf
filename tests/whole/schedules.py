"""When a schedule fires, told from the text that a cloud keeps: cron in EventBridge Scheduler's words and in Cloud Scheduler's."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_LOOKED_AHEAD = timedelta(days=62)
_PART = re.compile(r"(?P<first>\*|\w+)(?:-(?P<last>\w+))?(?:/(?P<step>\d+))?")


def next_time(schedule: str, after: datetime) -> datetime:
    """The first minute after that at which it fires, in UTC. Raises ValueError for words that are not known here, or if it never does."""
    fields = _fields(schedule)
    at = after.replace(second=0, microsecond=0) + timedelta(minutes=1)
    until = at + _LOOKED_AHEAD
    while at < until:
        if _fires(fields, at):
            return at
        at += timedelta(minutes=1)
    raise ValueError(f"{schedule}: it does not fire within {_LOOKED_AHEAD.days} days after {after}")


Fields = tuple[set[int], set[int], set[int] | None, set[int], set[int] | None]
"""Minutes, hours, days of the month, months, days of the week (0 = Sunday); None = any day."""


def _fields(schedule: str) -> Fields:
    """EventBridge counts days from Sunday as 1, has a year, and writes ? for what the other kind of day decides; cron from 0."""
    theirs = re.fullmatch(r"cron\((.*)\)", schedule)
    words = (theirs[1] if theirs else schedule).split()
    if len(words) != (6 if theirs else 5) or (theirs and (words[5] != "*" or (words[2] == "?") == (words[4] == "?"))):
        raise ValueError(f"{schedule}: teach it to this clock")
    minute, hour, day, month, weekday = words[:5]
    first = 1 if theirs else 0
    weekdays = None if weekday in "*?" else {(each - first) % 7 for each in _numbers(weekday, (first, 6 + first), DAYS, first)}
    days = None if day in "*?" else _numbers(day, (1, 31), (), 0)
    return _numbers(minute, (0, 59), (), 0), _numbers(hour, (0, 23), (), 0), days, _numbers(month, (1, 12), MONTHS, 1), weekdays


def _numbers(text: str, limits: tuple[int, int], names: Sequence[str], first: int) -> set[int]:
    """`*`, `5`, `MON-FRI`, `0/5`, `*/5` and lists of these."""
    found: set[int] = set()
    for part in text.split(","):
        read = _PART.fullmatch(part)
        if read is None:
            raise ValueError(f"{text}: teach it to this clock")
        start = limits[0] if read["first"] == "*" else _number(read["first"], names, first)
        end = _number(read["last"], names, first) if read["last"] else limits[1] if read["first"] == "*" or read["step"] else start
        found.update(range(start, end + 1, int(read["step"] or 1)))
    return found


def _number(word: str, names: Sequence[str], first: int) -> int:
    if not word.isdecimal() and word.upper() not in names:
        raise ValueError(f"{word}: teach it to this clock")
    return int(word) if word.isdecimal() else names.index(word.upper()) + first


def _fires(fields: Fields, at: datetime) -> bool:
    minutes, hours, days, months, weekdays = fields
    weekday = (at.weekday() + 1) % 7
    if days is not None and weekdays is not None:
        # Where both are named, cron takes either.
        is_day = at.day in days or weekday in weekdays
    else:
        is_day = at.day in (days or {at.day}) and weekday in (weekdays or {weekday})
    return at.minute in minutes and at.hour in hours and at.month in months and is_day
