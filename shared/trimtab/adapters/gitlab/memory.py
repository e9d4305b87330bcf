"""What was read once: what a commit id names stays for good, everything else until it is forgotten."""

import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, TypeVar

KEPT = 4_000
"""Answers that stay at most; the oldest go first."""
_Key = tuple[Hashable, ...]
T = TypeVar("T")
_NOTHING: Any = object()


@dataclass(slots=True)
class Memory:
    """Answers by what was asked. Threads may share it: what was read before `forget` is never kept after it."""

    _lasting: dict[_Key, object] = field(default_factory=dict)
    _moving: dict[_Key, object] = field(default_factory=dict)
    _age: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def forget(self) -> None:
        """Ask anew for all that moves."""
        self._age += 1
        self._moving = {}

    def for_good(self, key: _Key, read: Callable[[], T]) -> T:
        """What never changes once it is known; an exception is not kept."""
        is_known, found = self.known(key)
        if is_known:
            held: T = found
            return held
        read_now = read()
        self.keep(key, read_now)
        return read_now

    def for_now(self, key: _Key, read: Callable[[], T]) -> T:
        """What moves: from memory until the next `forget`."""
        moving, age = self._moving, self._age
        if key in moving:
            found: T = moving[key]  # type: ignore[assignment]
            return found
        read_now = read()
        if age == self._age:
            moving[key] = read_now
        return read_now

    def keep(self, key: _Key, value: object) -> None:
        """Know something for good that was not asked for."""
        with self._lock:
            while len(self._lasting) >= KEPT:
                del self._lasting[next(iter(self._lasting))]
            self._lasting[key] = value

    def note(self, key: _Key, value: object) -> None:
        """Know for now what a write of ours answered."""
        self._moving[key] = value

    def known(self, key: _Key) -> tuple[bool, Any]:
        """Whether it is known for good, and what it is: in one look, since another thread's answer may push it out."""
        found = self._lasting.get(key, _NOTHING)
        return found is not _NOTHING, found

    def knows(self, key: _Key) -> bool:
        """True where it is known for good."""
        return key in self._lasting
