"""Who dies of which call: drawn by a seed from the calls of a telling in which nothing went wrong.

A call is one of the cloud's own, or one that comes in by a door of the outside (`doors.py`). Whoever makes it dies either before anything
happens, or after it was carried out and before the answer comes.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Literal

When = Literal["before", "after"]
IN_A_ROW = 2
"""Deaths of a function before it is let through once: what nobody waits for is tried three times in all."""


@dataclass(frozen=True, slots=True)
class Death:
    """One of a function, at one place."""

    number: int
    """The first of its calls there that it may be of."""
    when: When


Plan = Mapping[tuple[str, str], tuple[Death, ...]]
"""(function, place) → its deaths, in order."""
Calls = Mapping[str, Mapping[str, int]]
"""Function → place → how often it called there."""


def drawn(seed: int, calls: Calls, each: int) -> Plan:
    """So many deaths of every function at every place that it calls; before and after take turns, beginning with either.

    They are of the first half of the calls: whoever died may find that what it was about to do is done, and then calls less often.
    """
    chance = random.Random(seed)
    plan = {}
    for function, place in sorted((function, place) for function, places in calls.items() for place in places):
        numbers = sorted(chance.randint(1, max(1, calls[function][place] // 2)) for _ in range(each))
        first = chance.randrange(2)
        turns: tuple[When, When] = ("before", "after")
        plan[function, place] = tuple(Death(number, turns[(first + n) % 2]) for n, number in enumerate(numbers))
    return plan


@dataclass(frozen=True, slots=True)
class Victim:
    """A process that serves a function."""

    function: str
    kill: Callable[[], None]


@dataclass(slots=True)
class Deaths:
    """What was called so far, and who has yet to die of it."""

    plan: Plan = field(default_factory=dict)
    victims: Callable[[], Mapping[int, Victim]] = dict
    """Session of a process → whom it serves, as it is now."""
    told: list[str] = field(default_factory=list)
    """One line for each death."""
    killed: Counter[str] = field(default_factory=Counter)
    _seen: Counter[tuple[str, str]] = field(default_factory=Counter)
    _met: Counter[tuple[str, str]] = field(default_factory=Counter)
    """How many of a plan's deaths are over."""
    _in_a_row: Counter[str] = field(default_factory=Counter)
    _lock: Lock = field(default_factory=Lock)

    def due(self, function: str, place: str, call: str) -> When | None:
        """Whether the function dies of this call; asked once for each."""
        with self._lock:
            self._seen[function, place] += 1
            ahead = self.plan.get((function, place), ())[self._met[function, place] :]
            if not ahead or ahead[0].number > self._seen[function, place] or self._in_a_row[function] >= IN_A_ROW:
                return None
            self._met[function, place] += 1
            self._in_a_row[function] += 1
            self.killed[function] += 1
            self.told.append(f"{function}, {place}: {ahead[0].when} call {self._seen[function, place]}, {call}")
            return ahead[0].when

    def served(self, function: str) -> None:
        """It came to the end of something."""
        with self._lock:
            self._in_a_row[function] = 0

    def calls(self) -> dict[str, dict[str, int]]:
        """What was called."""
        found: defaultdict[str, dict[str, int]] = defaultdict(dict)
        for (function, place), count in self._seen.items():
            found[function][place] = count
        return dict(found)

    def ahead(self) -> list[str]:
        """Deaths that never came."""
        return [f"{function}, {place}" for (function, place), deaths in self.plan.items() if self._met[function, place] < len(deaths)]


def lacking(told: Sequence[str], *kinds: tuple[str, ...]) -> list[str]:
    """Of each kind of places, the side of a call of which nobody died, by what was told."""
    sides = ((kind, when) for kind in kinds for when in ("before", "after"))
    return [f"{kind[0]}: {when}" for kind, when in sides if not any(f", {place}: {when} call" in line for place in kind for line in told)]
