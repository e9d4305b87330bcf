"""The clock of a cloud's schedules: the story believes it, so it has to be right."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.whole.schedules import next_time

TERRAFORM = Path(__file__).parents[2] / "infra" / "terraform"
MONDAY = datetime(2026, 8, 3, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("schedule", "at"),
    [
        ("cron(5 * * * ? *)", "2026-08-03T09:05"),
        ("cron(0 * * * ? *)", "2026-08-03T10:00"),
        ("cron(0/5 * * * ? *)", "2026-08-03T09:05"),
        ("cron(40 5 * * ? *)", "2026-08-04T05:40"),
        ("cron(30 7 ? * MON *)", "2026-08-10T07:30"),
        ("cron(30 7 ? * 1 *)", "2026-08-09T07:30"),
        ("cron(0 6 1 * ? *)", "2026-09-01T06:00"),
        ("cron(0 8-10,17 ? * TUE-FRI *)", "2026-08-04T08:00"),
        ("5 * * * *", "2026-08-03T09:05"),
        ("*/5 * * * *", "2026-08-03T09:05"),
        ("0 6 * * *", "2026-08-04T06:00"),
        ("30 7 * * 1", "2026-08-10T07:30"),
        ("30 7 * * 0", "2026-08-09T07:30"),
        ("0 0 5 9 *", "2026-09-05T00:00"),
        ("0 12 20 * 3", "2026-08-05T12:00"),
    ],
)
def test_a_schedule_fires_at_its_next_minute_and_never_at_the_one_that_is_over(schedule: str, at: str) -> None:
    assert f"{next_time(schedule, MONDAY):%Y-%m-%dT%H:%M}" == at


@pytest.mark.parametrize(
    "schedule",
    ["rate(5 minutes)", "cron(0 6 L * ? *)", "cron(0 6 * * * *)", "cron(0 6 ? * ? *)", "0 6 * *", "0 6 31 2 *", "at(2026-08-03)"],
)
def test_what_this_clock_does_not_know_is_refused(schedule: str) -> None:
    """Otherwise a function would wait here for a time that its cloud never reaches, or the other way round."""
    with pytest.raises(ValueError, match=r"teach it|does not fire"):
        next_time(schedule, MONDAY)


def test_both_clouds_wake_a_function_at_the_same_minutes() -> None:
    """The code knows one clock: what happens on the hour, what is late after how long."""
    due: dict[str, dict[str, list[datetime]]] = {}
    for cloud in ("aws", "gcp"):
        functions = json.loads((TERRAFORM / cloud / "functions.json").read_text())
        due[cloud] = {name: _next_three(each["schedule"]) for name, each in functions.items() if "schedule" in each}

    assert due["aws"] == due["gcp"]


def _next_three(schedule: str) -> list[datetime]:
    found = [next_time(schedule, MONDAY)]
    while len(found) < 3:
        found.append(next_time(schedule, found[-1]))
    return found
