"""The record that only grows, and what proves that it did."""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from trimtab.records import Break, Entry, Json


class Ledger(Protocol):
    """Append-only streams of hashed entries, slots, leases and seals, on create-only objects."""

    def head(self, stream: str) -> Entry | None:
        """The newest entry; None = the stream does not exist."""

    def entries(self, stream: str) -> list[Entry]:
        """All entries, oldest first. Raises Broken where a hash or the numbering does not hold."""

    def heads(self, prefix: str = "") -> dict[str, Entry]:
        """Head entry of every stream whose name starts with `prefix`, by one flat listing."""

    def append(
        self, stream: str, after: Entry | None, *, kind: str, at: datetime, actor: str, reason: str, body: Json, state: Json
    ) -> Entry | None:
        """Write entry n+1 after `after`; None = somebody else wrote it first: read the head and decide again."""

    def claim_slot(self, limit: str, window: str, capacity: int, holder: str) -> int | None:
        """A slot number of a rate limit's window, the same one on every retry of `holder`; None = the window is full."""

    def acquire_lease(self, name: str, holder: str, now: datetime, seconds: int) -> bool:
        """True where `holder` has the lease until now + seconds + 60 s. Saves work; safety never rests on it."""

    def release_lease(self, name: str, holder: str, now: datetime) -> None:
        """Give the lease back, if it is still ours."""

    def seal(self, day: str, at: datetime) -> str:
        """Write seals/<day> over all stream heads, chained to the one before; the root hash. Sealing a day twice is harmless."""

    def newest_seal(self) -> tuple[str, str] | None:
        """Key and root of the newest seal; None = nothing was sealed yet."""

    def roots(self) -> dict[str, str]:
        """Seal key → root, oldest first. Raises Broken where a seal does not hold."""

    def verify(self) -> list[Break]:
        """Every place where bytes, hashes, numbers, chains or seals do not hold; [] = consistent."""


class Anchors(Protocol):
    """A second place, outside the store, where roots of seals can only be added."""

    def keep(self, seal: str, root: str, at: datetime) -> None:
        """Anchor a seal; twice is once. Raises Broken where another root was anchored for it."""

    def roots(self) -> dict[str, str]:
        """Seal → root, as anchored, oldest first."""

    def compare(self, roots: Mapping[str, str]) -> list[Break]:
        """Anchored seals that the record lost or has otherwise."""
