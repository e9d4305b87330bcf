"""The record as people read it: the same entries, with names for keys. What a reading command writes says keys all the same."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from trimtab.adapters.store.canonical import encode, parse
from trimtab.adapters.store.ledger import StoreLedger
from trimtab.adapters.store.objects import Objects
from trimtab.adapters.store.people import StorePeople
from trimtab.adapters.store.permit import StorePermit
from trimtab.errors import Refused
from trimtab.records import Entry, Json

READERS = "access/"
"""The only streams that whoever reads writes to: they say that somebody read."""
NOBODY = "operator"
"""Whoever holds the store, and no person by name."""


@dataclass(frozen=True, slots=True)
class NamedLedger(StoreLedger):
    """A ledger whose entries, once their hashes were checked, say who somebody is."""

    objects: Objects
    nonce: Callable[[], str]
    people: StorePeople

    def head(self, stream: str) -> Entry | None:
        """The newest entry; None = the stream does not exist."""
        entry = StoreLedger.head(self, stream)
        return self._named(entry) if entry else None

    def entries(self, stream: str) -> list[Entry]:
        """All entries, oldest first. Raises Broken where a hash or the numbering does not hold."""
        return [self._named(entry) for entry in StoreLedger.entries(self, stream)]

    def heads(self, prefix: str = "") -> dict[str, Entry]:
        """Head entry of every stream whose name starts with `prefix`."""
        return {stream: self._named(entry) for stream, entry in StoreLedger.heads(self, prefix).items()}

    def append(
        self, stream: str, after: Entry | None, *, kind: str, at: datetime, actor: str, reason: str, body: Json, state: Json
    ) -> Entry | None:
        """That somebody read, by their key. Raises Refused for any other stream: what is read here names people."""
        if not stream.startswith(READERS):
            raise Refused(f"{stream}: this command only reads the record; {kind} cannot be written by it")
        reader = actor if actor == NOBODY else self.people.key_of(actor)
        return StoreLedger.append(self, stream, after, kind=kind, at=at, actor=reader, reason=reason, body=body, state=state)

    def _named(self, entry: Entry) -> Entry:
        named = self.people.named
        return replace(
            entry, actor=named(entry.actor), reason=named(entry.reason), body=self._json(entry.body), state=self._json(entry.state)
        )

    def _json(self, value: Json) -> Json:
        place = "an entry, named"
        text = encode(value, place).decode()
        named = self.people.named(text)
        return value if named == text else parse(named.encode(), place)


@dataclass(frozen=True, slots=True)
class NamedPermit(StorePermit):
    """A run permit whose reasons say who somebody is."""

    objects: Objects
    nonce: Callable[[], str]
    people: StorePeople

    def stop_reason(self) -> str | None:
        """None = writing is allowed; else why not."""
        reason = StorePermit.stop_reason(self)
        return None if reason is None else self.people.named(reason)
