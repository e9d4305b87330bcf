"""One id over everything that an event set off: each log line, message and entry of a wake carries it, so that one search tells the story.

The first wake of a story makes it of its own inbox key; messages that our functions leave for each other hand it on in their bodies. It
is for reading alone: nothing is decided by it, and what does not have its shape is not taken over.
"""

import hashlib
import json
import re
from dataclasses import dataclass, replace

from trimtab.ports import Inbox, Log, Ports, Waiting

FIELD = "correlation"
SHAPE = re.compile(r"[0-9a-f]{16}")
LARGEST = 64 << 10
"""A longer body is none of ours, and is not read for an id."""
OURS = frozenset({"propose", "decide", "ingest", "learn", "budgets", "notice", "audit", "spark"})
"""Inbox sources where our functions leave messages for each other; in all others every item begins a story."""


def begun_by(key: str) -> str:
    """The id of a story that begins with this inbox item; the same item begins the same one."""
    return hashlib.sha256(key.encode()).hexdigest()[:16]


def bound(ports: Ports, key: str, function: str, body: bytes = b"") -> Ports:
    """The ports of one wake: its lines and messages say which story they are of. `body` = what is kept under `key`, where that is known."""
    correlation = _handed_on(key, body, ports) or begun_by(key)
    log = StoryLog(log=ports.log, key=key, function=function, correlation=correlation)
    return replace(ports, log=log, inbox=StoryInbox(inbox=ports.inbox, correlation=correlation), correlation=correlation)


def _handed_on(key: str, body: bytes, ports: Ports) -> str:
    """The id in a message of ours; "" = this is where a story begins."""
    if not OURS.intersection(key.split("/")[1:2]):
        return ""
    kept = body or ports.inbox.read(key) or b""
    if len(kept) > LARGEST:
        return ""
    said = (_object(kept) or {}).get(FIELD)
    return said if isinstance(said, str) and SHAPE.fullmatch(said) else ""


def marked(body: bytes, correlation: str) -> bytes:
    """A message with the id in it; one that is no JSON object, or has one, stays as it is."""
    value = _object(body) if len(body) <= LARGEST else None
    return body if value is None or FIELD in value else json.dumps(value | {FIELD: correlation}).encode()


def _object(body: bytes) -> dict[str, object] | None:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


@dataclass(frozen=True, kw_only=True, slots=True)
class StoryLog:
    """Port Log, for one wake."""

    log: Log
    key: str
    function: str
    correlation: str

    def info(self, event: str, **values: object) -> None:
        """One decision."""
        self.log.info(event, **self._all(values))

    def warning(self, event: str, **values: object) -> None:
        """Something a person should look at."""
        self.log.warning(event, **self._all(values))

    def _all(self, values: dict[str, object]) -> dict[str, object]:
        return {"key": self.key} | values | {"function": self.function, FIELD: self.correlation}


@dataclass(frozen=True, kw_only=True, slots=True)
class StoryInbox:
    """Port Inbox, for one wake: what it leaves for others carries its story on."""

    inbox: Inbox
    correlation: str

    def put(self, key: str, body: bytes) -> bool:
        """Keep `body`, with the id in it, under `key`; False = something was there already."""
        return self.inbox.put(key, marked(body, self.correlation))

    def read(self, key: str) -> bytes | None:
        """The body, or None where it is not there (expired)."""
        return self.inbox.read(key)

    def waiting(self, source: str = "") -> list[Waiting]:
        """What has no done mark, oldest put first."""
        return self.inbox.waiting(source)

    def pending(self, source: str = "") -> list[str]:
        """Keys without a done mark, oldest put first."""
        return self.inbox.pending(source)

    def finish(self, key: str, outcome: str) -> None:
        """Mark as done, after the last effect."""
        self.inbox.finish(key, outcome)

    def is_done(self, key: str) -> bool:
        """True where nothing is left to do for it."""
        return self.inbox.is_done(key)

    def kept(self, source: str) -> list[str]:
        """Keys of a source that are still there, done or not."""
        return self.inbox.kept(source)

    def forget(self, key: str) -> None:
        """Delete a request that is done."""
        self.inbox.forget(key)
