"""Ways to tell how far long work is."""

from collections.abc import Callable
from dataclasses import dataclass, field

from trimtab.ports import Log

TOLD_EVERY = 30.0
"""Seconds between two lines about the same work."""


@dataclass(frozen=True, slots=True)
class Silent:
    """Port Progress for functions: nobody watches."""

    def step(self, text: str, done: int, total: int | None) -> None:
        """Nothing."""


@dataclass(frozen=True, slots=True)
class Told:
    """Port Progress for a process whose log somebody reads: a line now and then for work that takes long, none for what is quick."""

    log: Log
    stopwatch: Callable[[], float]
    due: dict[str, float] = field(default_factory=dict)
    """Work → when, by the stopwatch, the next line about it is due."""

    def step(self, text: str, done: int, total: int | None) -> None:
        """Say how far it is, where the last line, or its begin, is long enough ago."""
        if total is not None and done >= total:
            self.due.pop(text, None)
            return
        now = self.stopwatch()
        if now >= self.due.setdefault(text, now + TOLD_EVERY):
            self.log.info("work.progress", work=text, done=done, total=total)
            self.due[text] = now + TOLD_EVERY
