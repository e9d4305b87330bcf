"""Tables, and the SQL engine that reads them."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol, runtime_checkable

from trimtab.records import Json


@dataclass(frozen=True, slots=True)
class Superseded:
    """A newer run already wrote this partition; nothing was changed."""

    newer: datetime


class Lake(Protocol):
    """The Delta tables cost, usage and allocated (columns in tables.py)."""

    def replace(
        self, table: str, partition: Mapping[str, str], parquet: Sequence[str], *, application: str, submitted_at: datetime, about: Json
    ) -> int | Superseded:
        """Atomically replace one partition by the rows of local Parquet files; the table's new version.

        `application` and `submitted_at` are the transaction guard: an older run never overwrites a newer one.
        """

    def amend(
        self, table: str, partitions: Sequence[Mapping[str, str]], parquet: Sequence[str], *, since: int | None, about: Json
    ) -> int | None:
        """Replace these partitions together by rows that were made from what version `since` held; the table's new version.

        None = somebody changed one of them after `since`: read again, make the rows again. For rows that merge, as late usage does.
        """

    def at(self, table: str, version: int) -> "Lake":
        """The lake as it was when that table had that version, for reading; which raises Gone where that is no longer kept."""

    def version(self, table: str) -> int | None:
        """Current version; None = no such table yet."""

    def files(self, table: str, partition: Mapping[str, str] | None = None) -> list[str]:
        """Local paths of the live Parquet files (copied to scratch where the store is remote), pruned by partition values."""

    def size(self, table: str, partition: Mapping[str, str] | None = None) -> int:
        """Bytes of the live files; nothing is read."""

    def release(self, table: str, partition: Mapping[str, str]) -> None:
        """What `files` copied of a partition is not needed any more; asked for again, it is copied again."""

    def state(self, table: str, partitions: Sequence[Mapping[str, str]]) -> str:
        """One word for what these partitions hold together; it changes with every write to one of them, and with no other."""

    def tidy(self, table: str, kept: timedelta) -> int:
        """Remove files that no version since `kept` ago needs; how many. The version stays."""

    def owner(self, table: str, partition: Mapping[str, str]) -> str | None:
        """Whose the rows of a partition are (`tables.OWNERS`), without a read; None = not one's, or nobody says: then it is read."""

    def partitions(self, table: str, partition: Mapping[str, str] | None = None) -> list[dict[str, str]]:
        """Distinct partition values that have live files, sorted; only those that have the given ones."""


class Engine(Protocol):
    """A SQL engine over local Parquet: DuckDB here, Spark where one machine is too small."""

    def session(self) -> AbstractContextManager["Session"]:
        """A fresh, locked-down session with bounded memory."""


class Session(Protocol):
    """One SQL session."""

    def run(self, sql: str, parameters: Mapping[str, object] | None = None) -> None:
        """Run statements for their effect."""

    def rows(self, sql: str, parameters: Mapping[str, object] | None = None) -> list[tuple[object, ...]]:
        """Run one query; all its rows."""

    def write(self, sql: str, path: str) -> int:
        """Write a query's rows as one Parquet file; how many."""


@runtime_checkable
class Columnar(Protocol):
    """A session that can hand over numbers column by column, for what is computed on them and not row by row."""

    def rows(self, sql: str, parameters: Mapping[str, object] | None = None) -> list[tuple[object, ...]]:
        """As Session."""

    def columns(self, sql: str) -> Mapping[str, Any]:
        """Column → its values as a numpy array of doubles, NaN where NULL."""


@runtime_checkable
class Watched(Protocol):
    """A session that can say how far a long statement is."""

    def watched(self, tell: Callable[[int], None]) -> AbstractContextManager[None]:
        """While it is open, `tell` hears now and then the percent done of the statement under way; from a thread of its own."""


@runtime_checkable
class Compacting(Protocol):
    """A session that can keep texts that repeat in a short form of its own."""

    def compact(self, table: str) -> None:
        """Rewrite a temporary table so; its values stay the same for every query."""
