"""DuckDB as the SQL engine: in memory, bounded, and locked before it sees its first query.

A session reads and writes below the folders it was given and nowhere else: no network, no extensions, no other file, and no
statement can lift that. What DuckDB says about bad data is cut down to a sentence without the data.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from trimtab.errors import BadInput, TooLarge, Upstream
from trimtab.tables import text_literal

ROW_GROUP = 50_000
"""Rows that one Parquet row group buffers; FOCUS rows are wide, and memory is small."""
OURS = "trimtab: "
"""`error('trimtab: …')` in a model reaches the caller word for word; every other message is cut down."""

_OUR_FAULT = (duckdb.BinderException, duckdb.CatalogException, duckdb.ParserException)
_BAD_DATA = (duckdb.DataError, duckdb.InvalidInputException, duckdb.SerializationException, duckdb.PermissionException)
_CSV_LINE = re.compile(r"CSV Error on Line: (\d+)")


@dataclass(frozen=True, kw_only=True, slots=True)
class DuckDb:
    """Makes sessions that may touch `directories` and `scratch`, and spill to `scratch`."""

    directories: tuple[Path, ...]
    scratch: Path
    memory_mb: int = 512
    threads: int = 2

    @contextmanager
    def session(self) -> Iterator["DuckDbSession"]:
        """A fresh, locked-down session with bounded memory."""
        allowed = (*self.directories, self.scratch)
        connection = connect(allowed, scratch=self.scratch, memory_mb=self.memory_mb, threads=self.threads)
        try:
            yield DuckDbSession(connection)
        finally:
            connection.close()


@dataclass(frozen=True, slots=True)
class DuckDbSession:
    """One connection, its errors translated."""

    connection: duckdb.DuckDBPyConnection

    def run(self, sql: str, parameters: Mapping[str, object] | None = None) -> None:
        """Run statements for their effect."""
        with _translated():
            self.connection.execute(sql, parameters)

    def rows(self, sql: str, parameters: Mapping[str, object] | None = None) -> list[tuple[object, ...]]:
        """Run one query; all its rows."""
        with _translated():
            rows: list[tuple[object, ...]] = self.connection.execute(sql, parameters).fetchall()
            return rows

    def write(self, sql: str, path: str) -> int:
        """Write a query's rows as one Parquet file; how many."""
        with _translated():
            copy = f"COPY ({sql}) TO {text_literal(path)} (FORMAT parquet, COMPRESSION snappy, ROW_GROUP_SIZE {ROW_GROUP})"
            return int(self.connection.execute(copy).fetchall()[0][0])


def connect(directories: Sequence[Path], *, scratch: Path, memory_mb: int, threads: int) -> duckdb.DuckDBPyConnection:
    """A connection that is locked already. The order matters: what is allowed first, then the doors, then the key."""
    allowed = ", ".join(text_literal(f"{directory.resolve()}/") for directory in directories)
    scratch.mkdir(parents=True, exist_ok=True)
    connection = duckdb.connect(":memory:")
    for setting in (
        "TimeZone = 'UTC'",
        f"memory_limit = '{memory_mb}MB'",
        f"threads = {threads}",
        f"temp_directory = {text_literal(str(scratch.resolve() / 'spill'))}",
        f"allowed_directories = [{allowed}]",
        "autoinstall_known_extensions = false",
        "enable_external_access = false",
        "lock_configuration = true",
    ):
        connection.execute(f"SET {setting}")
    return connection


@contextmanager
def _translated() -> Iterator[None]:
    """Bad data → BadInput, too little memory → TooLarge, disk → Upstream; a mistake in our own SQL stays what it is."""
    try:
        yield
    except _OUR_FAULT:
        raise
    except duckdb.OutOfMemoryException:
        raise TooLarge("SQL engine: not enough memory: raise settings.memory_mb, or process a smaller period") from None
    except _BAD_DATA as error:
        raise BadInput(_sentence(str(error))) from None
    except duckdb.Error as error:
        raise Upstream(f"SQL engine: {_scrubbed(str(error))}") from None


def _sentence(message: str) -> str:
    first = message.split("\n", 1)[0]
    if OURS in first:
        return first.split(OURS, 1)[1]
    line = _CSV_LINE.search(message)
    if line:
        return f"line {line[1]}: not a row of this CSV: {_csv_reason(message)}"
    return "not a Parquet file" if "No magic bytes" in first else _scrubbed(first)


def _csv_reason(message: str) -> str:
    columns = re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", message)
    if columns:
        return f"it has {columns[2]} columns, the header {columns[1]}"
    if "quote" in message.split("Possible", 1)[0]:
        return "a quote is never closed, or stands where none may"
    return "it is not UTF-8" if "unicode" in message else "check quotes, delimiter and line length"


def _scrubbed(message: str) -> str:
    """The first line without quoted values and paths: those are data."""
    first = message.split("\n", 1)[0]
    return re.sub(r"""(["'])(?:(?!\1).)*\1|(?<!\w)/[^\s:]+""", "…", first)
