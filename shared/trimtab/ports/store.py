"""Where requests, documents and files lie."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from trimtab.records import Json


@dataclass(frozen=True, slots=True)
class InboxItem:
    """A request or tick waiting for its last effect."""

    key: str
    """inbox/<source>/<sha256>, or inbox/clock/<function>/<time>."""
    body: bytes


@dataclass(frozen=True, slots=True)
class Waiting:
    """An inbox item without a done mark."""

    key: str
    since: datetime
    """When the store got it."""


class Inbox(Protocol):
    """Create-only requests: one put is the record and the enqueue."""

    def put(self, key: str, body: bytes) -> bool:
        """Keep `body` under `key`; False = it was there already, which is success too."""

    def read(self, key: str) -> bytes | None:
        """The body, or None where it is not there (expired)."""

    def waiting(self, source: str = "") -> list[Waiting]:
        """What has no done mark, oldest put first."""

    def pending(self, source: str = "") -> list[str]:
        """The same, their keys alone."""

    def finish(self, key: str, outcome: str) -> None:
        """Mark as done, after the last effect; finishing twice is harmless."""

    def is_done(self, key: str) -> bool:
        """True where nothing is left to do for it."""

    def kept(self, source: str) -> list[str]:
        """Keys of a source that are still there, done or not."""

    def forget(self, key: str) -> None:
        """Delete a request that is done; its mark stays, so that it is not taken for a new one."""


class Documents(Protocol):
    """Small JSON documents that may be replaced: summaries, run results, cached configuration."""

    def publish(self, key: str, value: Json) -> None:
        """Put `value` under `key`, replacing what was there."""

    def find(self, key: str) -> Json | None:
        """The document, or None."""

    def publish_text(self, key: str, text: str) -> None:
        """The same for a text, whose key ends as a file's name does: `metrics/all.txt`."""

    def find_text(self, key: str) -> str | None:
        """The text, or None."""

    def find_all(self, keys: Sequence[str]) -> Iterator[tuple[str, Json | None]]:
        """Each key with its document or None, in the order given, several read at a time."""

    def keys(self, prefix: str) -> list[str]:
        """All keys of documents below `prefix`, sorted; no texts."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """A file in a bucket or folder."""

    url: str
    size: int
    modified: datetime


class Buckets(Protocol):
    """Where exports and usage drops land: `file://`, `s3://`, `gs://`."""

    def read(self, url: str) -> bytes:
        """A small object's bytes. Raises BadInput where there is none, TooLarge over 16 MiB."""

    def fetch(self, url: str, directory: Path) -> Path:
        """Copy one object into `directory`, under a name of our own that keeps its extension. Raises BadInput where there is none."""

    def put(self, url: str, body: bytes) -> bool:
        """Create an object; True = these bytes lie there now, False = others did before and stay as they are."""

    def modified(self, url: str) -> datetime:
        """When the store got an object. Raises BadInput where there is none."""

    def list(self, prefix: str) -> list[StoredObject]:
        """Every object below a URL, sorted by URL."""
