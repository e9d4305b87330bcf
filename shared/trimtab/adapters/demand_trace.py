"""Demand traces on disk, CSV or Parquet: read by the SQL engine, checked cell by cell, handed over as columns.

Numbers travel as numbers and texts as codes, so that five million rows take some hundred megabytes and not some gigabytes. A cell that
is no number is named by file, row and column before anything is computed.
"""

import csv
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import numpy as np

from trimtab.analysis.demand import Demand, Ints
from trimtab.analysis.trace import NUMBERS, Columns, check_names, from_columns, not_a_number, not_a_time
from trimtab.errors import BadInput, TooLarge
from trimtab.ports import Columnar, Engine, Session, Watched
from trimtab.tables import text_literal

MOST_ROWS = 20_000_000
EPOCH = r"-?\d+(\.\d+)?"
LONGEST_HEADER = 1_000_000
"""Letters: ten thousand columns have some hundred thousand."""


def read_trace(engine: Engine, path: Path, tell: Callable[[int], None] | None = None) -> dict[str, Demand]:
    """Pool → demand; `tell` hears the percent read. Raises BadInput that names the file, and row and column."""
    suffix = path.suffix.lower()
    if suffix not in {".csv", ".parquet"}:
        raise BadInput(f"{path.name}: a demand trace is a .csv or .parquet file")
    if not path.is_file():
        raise BadInput(f"{path.name}: no such file")
    if not path.stat().st_size:
        raise BadInput(f"{path.name}: the file is empty; a demand trace has at least the columns timestamp and workload")
    source = _csv(path) if suffix == ".csv" else f"read_parquet({text_literal(str(path))})"
    try:
        with engine.session() as session, _heard(session, tell):
            columns = _columns(session, source, path.name)
    except BadInput as error:
        message = "not a CSV with a header line and commas" if "sniffing" in str(error) else str(error)
        raise type(error)(message if message.startswith(path.name) else f"{path.name}: {message}") from None
    return from_columns(columns, source=path.name)


def _csv(path: Path) -> str:
    """A query over the file under the names in its first line; nothing is guessed, so that a short row is an error with its line."""
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        header = file.readline(LONGEST_HEADER)
    names = next(csv.reader([header]), [])
    check_names(names, path.name)
    twice = next((name for index, name in enumerate(names) if name in names[:index]), None)
    if twice is not None:
        raise BadInput(f"{path.name}: column {twice!r} is there twice")
    columns = ", ".join(f"{text_literal(name)}: 'VARCHAR'" for name in names)
    form = "header = true, delim = ',', quote = '\"', escape = '\"', auto_detect = false"
    return f"read_csv({text_literal(str(path))}, columns = {{{columns}}}, {form})"


def _columns(session: Session, source: str, name: str) -> Columns:
    if not isinstance(session, Columnar):
        raise TypeError("a demand trace is read by an engine that gives columns")
    names = [str(row[0]) for row in session.rows(f"SELECT column_name FROM (DESCRIBE SELECT * FROM {source})")]
    check_names(names, name)
    listed = ", ".join(f'CAST("{column}" AS VARCHAR) AS "{column}"' for column in names)
    session.run(f"CREATE TEMP TABLE demand AS SELECT {listed} FROM {source} LIMIT {MOST_ROWS + 1}")
    rows = int(str(session.rows("SELECT count(*) FROM demand")[0][0]))
    if rows > MOST_ROWS:
        raise TooLarge(f"{name}: more than {MOST_ROWS:,} rows; split it by pool or by time")
    _check_cells(session, names, name)
    read = session.columns(f"SELECT {', '.join(_selected(column) for column in names)} FROM demand ORDER BY rowid")
    return Columns(
        times=read["timestamp"],
        pools=_coded(session, "pool", names, rows),
        workloads=_coded(session, "workload", names, rows),
        pods=_coded(session, "pod", names, rows),
        numbers={column: read[column] for column in NUMBERS if column in names},
    )


def _heard(session: Session, tell: Callable[[int], None] | None) -> AbstractContextManager[None]:
    return session.watched(tell) if tell is not None and isinstance(session, Watched) else nullcontext()


def _selected(column: str) -> str:
    if column == "timestamp":
        return f"{_moment()} AS timestamp"
    return f"{_number(column)} AS {column}" if column in NUMBERS else f"NULL::DOUBLE AS {column}"


def _number(column: str) -> str:
    return f"TRY_CAST(nullif(trim({column}), '') AS DOUBLE)"


def _moment() -> str:
    """Epoch seconds; a time without a zone is UTC, as the session is."""
    seconds = f"CASE WHEN regexp_full_match(trim(timestamp), '{EPOCH}') THEN TRY_CAST(trim(timestamp) AS DOUBLE)"
    return f"{seconds} ELSE epoch(TRY_CAST(trim(timestamp) AS TIMESTAMPTZ)) END"


def _check_cells(session: Session, names: list[str], name: str) -> None:
    """The first cell that is neither a number nor empty, and the first that is no moment."""
    for column in names:
        if column in NUMBERS:
            open_cells = f"trim({column}) <> '' AND coalesce(isnan({_number(column)}), true)"
        elif column == "timestamp":
            open_cells = f"{_moment()} IS NULL"
        else:
            continue
        found = session.rows(f"SELECT rowid + 1, {column} FROM demand WHERE {open_cells} ORDER BY rowid LIMIT 1")
        if found:
            row, value = int(str(found[0][0])), found[0][1] or ""
            raise BadInput(not_a_time(name, row, value) if column == "timestamp" else not_a_number(name, row, column, value))


def _coded(session: Columnar, column: str, names: list[str], rows: int) -> tuple[tuple[str, ...], Ints]:
    """Distinct texts, and per row which one; a missing column is one empty text."""
    if column not in names:
        return ("",), np.zeros(rows, dtype=np.int64)
    known = f"SELECT text, row_number() OVER (ORDER BY text) - 1 AS code FROM (SELECT DISTINCT coalesce({column}, '') AS text FROM demand)"
    texts = tuple(str(row[0]) for row in session.rows(f"SELECT text FROM ({known}) ORDER BY code"))
    coded = f"SELECT code FROM demand JOIN ({known}) ON text = coalesce({column}, '') ORDER BY demand.rowid"
    return texts, session.columns(coded)["code"].astype(np.int64)
