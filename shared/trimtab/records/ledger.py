"""The record itself."""

from dataclasses import dataclass
from datetime import datetime

from trimtab.records.names import CommitSha, Json


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One immutable line of a stream, with the state folded up to it."""

    stream: str
    n: int
    kind: str
    at: datetime
    actor: str
    """A function ("propose"), a person's id, or "forge"."""
    reason: str
    body: Json
    state: Json
    nonce: str
    """Its writer's own mark: reading it back tells who won a race."""
    previous: str
    """Hash of entry n-1; 64 zeros for the first."""
    hash: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Break:
    """A place where the record does not hold together."""

    key: str
    problem: str


@dataclass(frozen=True, slots=True)
class Mark:
    """Where the record stood when a commit was made, as the commit itself says."""

    commit: CommitSha
    stream: str
    n: int
    hash: str
