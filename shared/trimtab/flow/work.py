"""Serve what waits in the store where no cloud delivers it: the inbox is the queue, a lease says who has taken a wake.

A lease saves work, and no more than that: two workers who serve one wake at once end where one would have ended. It is short and is
renewed while its wake is served, so that the wake of a worker who died is taken over within minutes, and at once by a worker of its name.
"""

import hashlib
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from trimtab.errors import TrimtabError
from trimtab.flow.found_drops import ask_for_drops
from trimtab.flow.timetable import DAY, ask_by_clock, overtaken
from trimtab.flow.wake import UseCase, Wake, serve, served_by
from trimtab.ports import Ports

HELD = 60
"""Seconds that a lease is taken for; the ledger adds a minute, and what takes longer renews it."""
FIRST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(minutes=30)
DROPS_EVERY = timedelta(minutes=5)
EXPIRES_AFTER = timedelta(days=90)
"""Since a request was done; approvals are proved with them, and no proposal waits that long."""
TICKS_EXPIRE_AFTER = timedelta(days=8)
"""Longer than a week, or the newest tick of a week would be served twice; there are hundreds a day, and every look lists what is kept."""
Expire = Callable[[datetime, str], int]
"""Before when, and of which inbox source ("" = all) → removes requests that were done by then; how many."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Duty:
    """A function as a worker serves it."""

    use_case: Callable[[], UseCase]
    """Loads it: what a worker does not serve, it does not import."""
    seconds: int
    """What a wake may take; the same as in a cloud."""


Renewing = Callable[[str, int], AbstractContextManager[None]]
"""Lease name, most seconds → keeps that lease while the block runs."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Worker:
    """One process, and what it has seen fail: that is tried again later and later, and named in the log each time."""

    duties: Mapping[str, Duty]
    holder: str
    """Who takes leases; two workers never have one name."""
    ports: Ports
    clock: Callable[[], datetime]
    renewing: Renewing
    is_stopping: Callable[[], bool]
    expire: Expire
    failures: dict[str, tuple[int, datetime]] = field(default_factory=dict)
    """Wake → how often it failed in a row, and when it is tried again."""
    asked: dict[str, datetime] = field(default_factory=dict)
    """Function → the tick that was put last."""
    looked: dict[str, datetime] = field(default_factory=dict)
    """What is looked at now and then → when it is looked at again."""

    def pass_once(self) -> int:
        """Ask by the clock, then serve each wake that waits and is due, oldest first; how many were served. Ends early where it must stop.

        Raises Upstream where the store does not answer.
        """
        functions = frozenset(self.duties)
        ask_by_clock(functions, self.asked, self.ports.inbox, self.clock())
        self._tidy(functions)
        mine = [key for key in self.ports.inbox.pending() if served_by(key) in functions]
        self._drop_overtaken(mine)
        served = 0
        for key in mine:
            if self.is_stopping():
                break
            if self._is_due(key):
                served += self._serve(key)
        return served

    def _tidy(self, functions: frozenset[str]) -> None:
        """What a bucket's notifications and lifecycle rules do elsewhere. Where it fails, requests are served all the same."""
        if "ingest" in functions:
            self._now_and_then("drops", DROPS_EVERY, lambda _: ask_for_drops(self.ports))
        if "verify" in functions:
            self._now_and_then("expiry", DAY, lambda now: self.expire(now - EXPIRES_AFTER, ""))
            self._now_and_then("ticks' expiry", DAY, lambda now: self.expire(now - TICKS_EXPIRE_AFTER, "clock"))

    def _now_and_then(self, what: str, every: timedelta, look: Callable[[datetime], int]) -> None:
        now = self.clock()
        if now < self.looked.get(what, now):
            return
        self.looked[what] = now + every
        try:
            look(now)
        except TrimtabError as error:
            self.ports.log.warning("work.not-tidied", what=what, input=str(error))

    def _drop_overtaken(self, mine: list[str]) -> None:
        for key in overtaken(mine):
            self.ports.inbox.finish(key, "overtaken by a newer tick")
            self.failures.pop(key, None)
            mine.remove(key)

    def _is_due(self, key: str) -> bool:
        return key not in self.failures or self.failures[key][1] <= self.clock()

    def _serve(self, key: str) -> bool:
        function = served_by(key) or ""
        duty, lease = self.duties[function], lease_of(key)
        if not self.ports.ledger.acquire_lease(lease, self.holder, self.clock(), HELD):
            return False
        # Somebody else may have served it between our listing and our lease.
        if self.ports.inbox.is_done(key):
            return False
        try:
            with self.renewing(lease, duty.seconds):
                serve(duty.use_case(), Wake(key=key), self.ports, self.clock())
        except Exception as error:  # noqa: BLE001 -- `serve` has said what it was; one wake that breaks must not stop all others
            self._failed(key, error)
            return False
        self.failures.pop(key, None)
        return True

    def _failed(self, key: str, error: Exception) -> None:
        times = self.failures[key][0] + 1 if key in self.failures else 1
        pause = pause_after(times)
        self.failures[key] = (times, self.clock() + pause)
        self.ports.log.warning(
            "work.again", key=key, tries=times, after_seconds=int(pause.total_seconds()), input=str(error) or repr(error)
        )


def pause_after(times: int) -> timedelta:
    """30 s, then twice as long each time: 1 min, 2 min … 30 min."""
    return min(FIRST_PAUSE * (1 << min(times - 1, 10)), LONGEST_PAUSE)


def lease_of(key: str) -> str:
    """The lease of a wake: of its key's hash, because a key may hold what a lease's name may not."""
    return f"work/{hashlib.sha256(key.encode()).hexdigest()[:40]}"
