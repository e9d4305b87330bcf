"""When the clock wakes a function where no cloud has a clock for us: which tick fell due last. All times are UTC, as in the clouds."""

from collections.abc import MutableMapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from trimtab.flow.wake import tick_key
from trimtab.ports import Inbox

MONDAY = datetime(1970, 1, 5, tzinfo=UTC)
"""Where weeks, days and hours are counted from."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """Every so often, so long after the hour, midnight or Monday's midnight that it is counted from."""

    every: timedelta
    after: timedelta = timedelta(0)

    def newest_due(self, now: datetime) -> datetime:
        """The last tick that is not in the future."""
        return MONDAY + (now - MONDAY - self.after) // self.every * self.every + self.after


WEEK, DAY, HOUR = timedelta(weeks=1), timedelta(days=1), timedelta(hours=1)
TIMETABLE = {
    "collect": Schedule(HOUR, timedelta(minutes=5)),
    "ingest": Schedule(HOUR, timedelta(minutes=25)),
    "learn": Schedule(DAY, timedelta(hours=5, minutes=40)),
    "alert": Schedule(HOUR, timedelta(minutes=10)),
    "propose": Schedule(DAY, timedelta(hours=6)),
    "verify": Schedule(timedelta(minutes=5)),
    "report": Schedule(WEEK, timedelta(hours=7, minutes=30)),
}
"""Function → its schedule, the same as Terraform gives it in a cloud; who is not here is woken by requests alone."""


def ask_by_clock(functions: frozenset[str], asked: MutableMapping[str, datetime], inbox: Inbox, now: datetime) -> None:
    """Put the newest tick of each function, if it is not there yet: one that fell due while nobody ran is made up for, once.

    `asked` = function → the tick that this process has put, so that the store is not asked again and again.
    """
    for function in sorted(functions & TIMETABLE.keys()):
        due = TIMETABLE[function].newest_due(now)
        if asked.get(function) != due:
            inbox.put(tick_key(function, due), b"{}")
            asked[function] = due


def overtaken(pending: list[str]) -> list[str]:
    """Ticks that a newer one of the same function stands for: each tick looks at everything that is there when it is served.

    The hour's look at everything is not lost with them: `verify` makes it up at the next tick.
    """
    ticks = sorted((key for key in pending if key.startswith("inbox/clock/")), reverse=True)
    newest: set[str] = set()
    older = []
    for key in ticks:
        function = key.split("/")[2]
        if function in newest:
            older.append(key)
        newest.add(function)
    return older
