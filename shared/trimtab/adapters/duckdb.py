"""DuckDB as the SQL engine: in memory, bounded, and locked before it sees its first query.

A session reads and writes below the folders it was given and nowhere else: no network, no extensions, no other file, and no
statement can lift that. What DuckDB says about bad data is cut down to a sentence without the data.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Any

import duckdb

from trimtab.errors import BadInput, TooLarge, Upstream
from trimtab.tables import text_literal

ROW_GROUP = 25_000
"""Rows that one Parquet row group buffers, for each thread: allocated rows take 2.5 kB, and spilling them takes twice the time."""
PARQUET = f"FORMAT parquet, COMPRESSION snappy, ROW_GROUP_SIZE {ROW_GROUP}, PRESERVE_ORDER false"
"""How a COPY writes. Rows that may come in any order are written by all threads at once, in half the time."""
SILENT_S = 3
"""Seconds that a statement may take before anybody is told of it."""
MOST_CODES = 1000
"""A text column with more distinct values stays text."""
SMALL = 500
"""Rows of a table that is not worth compacting."""
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

    def columns(self, sql: str) -> Mapping[str, Any]:
        """Port Columnar: numpy is only loaded where it is asked for."""
        import numpy as np

        with _translated():
            fetched = self.connection.execute(sql).fetchnumpy()
        return {name: np.ma.filled(values.astype(np.float64), np.nan) for name, values in fetched.items()}

    def write(self, sql: str, path: str) -> int:
        """Write a query's rows as one Parquet file, in any order; how many."""
        with _translated():
            copy = f"COPY ({sql}) TO {text_literal(path)} ({PARQUET})"
            return int(self.connection.execute(copy).fetchall()[0][0])

    def compact(self, table: str) -> None:
        """Port Compacting: texts of few values become codes (ENUM), which joins copy and Parquet writes in two thirds of the time."""
        with _translated():
            found = self.rows(
                "SELECT column_name FROM duckdb_columns() WHERE table_name = $name AND data_type = 'VARCHAR'", {"name": table}
            )
            texts = [f'"{name}"' for (name,) in found]
            if not texts or int(str(self.rows(f"SELECT count(*) FROM {table}")[0][0])) < SMALL:
                return
            values = self.rows(f"SELECT {', '.join(f'approx_count_distinct({text})' for text in texts)} FROM {table}")[0]
            few = [text for text, count in zip(texts, values, strict=True) if 0 < int(str(count)) <= MOST_CODES]
            for text in few:
                kind = f"SELECT DISTINCT {text} FROM {table} WHERE {text} IS NOT NULL ORDER BY 1"
                self.connection.execute(f"CREATE OR REPLACE TEMP TYPE {_code_type(table, text)} AS ENUM ({kind})")
            coded = ", ".join(f"CAST({text} AS {_code_type(table, text)}) AS {text}" for text in few)
            if few:
                self.connection.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS SELECT * REPLACE ({coded}) FROM {table}")

    @contextmanager
    def watched(self, tell: Callable[[int], None]) -> Iterator[None]:
        """Port Watched: from the third second on, `tell` hears each second how many percent of the statement under way are done."""
        is_done = Event()

        def watch() -> None:
            wait = SILENT_S
            while not is_done.wait(wait):
                wait, percent = 1, int(self.connection.query_progress())
                if percent >= 0:
                    tell(min(percent, 100))

        thread = Thread(target=watch, daemon=True)
        thread.start()
        try:
            yield
        finally:
            is_done.set()
            thread.join()


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
        # So that it counts how far a statement is; it prints nothing.
        "enable_progress_bar = true",
        "enable_progress_bar_print = false",
        "autoinstall_known_extensions = false",
        "enable_external_access = false",
        "lock_configuration = true",
    ):
        connection.execute(f"SET {setting}")
    return connection


def _code_type(table: str, text: str) -> str:
    """The name of a column's ENUM."""
    return f'"{table} {text[1:]}'


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
    if "invalid state" in first:
        return "not a CSV: its lines end in two ways (LF, CRLF), or text follows a closing quote; write one way, quote whole fields"
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
