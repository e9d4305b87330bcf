"""The Parquet files of a Delta table, written by DuckDB as they are to lie there: times with their zone, partition columns left out.

A COPY holds one row group at a time. The Arrow writer of deltalake holds every open file of a partition: 4 GiB for a large month.
"""

import json
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from trimtab.adapters.duckdb import ROW_GROUP, DuckDbSession
from trimtab.errors import BadInput
from trimtab.tables import PARTITIONS, TABLES, Column, text_literal

KEPT = f"FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {ROW_GROUP}, PRESERVE_ORDER false, RETURN_STATS"
"""zstd takes a tenth longer than snappy and leaves little more than half of the bytes, which are uploaded and kept for 400 days."""
LONGEST = 32
"""Characters of a text that a statistic may have, as in Delta's own writers. Longer ones (tags, details) nobody looks up by range."""
_SLUG = re.compile(r"[a-z][a-z0-9-]*")
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class NewFile:
    """A Parquet file that no commit names yet. Its name is random: whoever finds it in a table knows who committed it."""

    path: str
    """Relative to the table."""
    local: Path
    partition: Mapping[str, str]
    size: int
    modified: int
    """Milliseconds since 1970."""
    statistics: str
    """Delta's per-file statistics: a JSON object."""


def write_file(session: DuckDbSession, table: str, partition: Mapping[str, str], found: str, root: Path) -> NewFile | None:
    """The rows of a query as a file of this partition below `root`; None = it has no rows."""
    folder = "/".join(f"{name}={partition[name]}" for name in PARTITIONS[table])
    path = f"{folder}/part-{secrets.token_hex(16)}.parquet"
    local = root / path
    local.parent.mkdir(parents=True, exist_ok=True)
    kept = ", ".join(f'"{column.name}"' for column in kept_columns(table))
    copy = f"COPY (SELECT {kept} FROM ({found})) TO {text_literal(str(local))} ({KEPT})"
    _, rows, size, _, facts, *_ = session.rows(copy)[0]
    if not rows:
        local.unlink()
        return None
    statistics = json.dumps(statistics_of(kept_columns(table), int(str(rows)), facts))
    modified = local.stat().st_mtime_ns // 1_000_000
    return NewFile(path=path, local=local, partition=dict(partition), size=int(str(size)), modified=modified, statistics=statistics)


def kept_columns(table: str) -> tuple[Column, ...]:
    """The columns that are in a table's files: all but those of its partitions, whose values are in the log."""
    return tuple(column for column in TABLES[table] if column.name not in PARTITIONS[table])


def rows_of(table: str, parquet: Sequence[str]) -> str:
    """A query that gives local Parquet files' rows in the table's types."""
    columns = ", ".join(f'{for_delta(column, f"{chr(34)}{column.name}{chr(34)}")} AS "{column.name}"' for column in TABLES[table])
    if not parquet:
        raise BadInput(f"{table}: no files to write; an empty partition is one file without rows")
    return f"SELECT {columns} FROM read_parquet([{', '.join(text_literal(path) for path in parquet)}], hive_partitioning = false)"


def for_delta(column: Column, value: str) -> str:
    """Times get their zone: Delta's plain `timestamp` is UTC, and a time without zone would lift the table's protocol."""
    typed = f"CAST({value} AS {column.sql_type})"
    return f"timezone('UTC', {typed})" if column.sql_type == "TIMESTAMP" else typed


# ── Partitions ───────────────────────────────────────────────────────────────────────────────────────────────────────
def predicate(table: str, partitions: Sequence[Mapping[str, str]]) -> str:
    """`(a = 'x' AND b = 'y') OR …`; values are slugs, which is also what keeps Spark from reading numbers into them."""
    for partition in partitions:
        if not partition or not set(partition) <= set(PARTITIONS[table]):
            raise BadInput(f"{table}: {dict(partition)} is no partition; its columns are {', '.join(PARTITIONS[table])}")
        for name, value in partition.items():
            if not _SLUG.fullmatch(value):
                raise BadInput(f"{table}.{name}: {value!r} is no slug: a-z, 0-9 and '-', a letter first")
    return " OR ".join("(" + " AND ".join(f"\"{name}\" = '{value}'" for name, value in each.items()) + ")" for each in partitions)


def check_whole(table: str, partition: Mapping[str, str]) -> None:
    """Raises BadInput where this does not name one partition, by slugs."""
    if set(partition) != set(PARTITIONS[table]):
        raise BadInput(f"{table}: {dict(partition)} is no whole partition; name {' and '.join(PARTITIONS[table])}")
    predicate(table, (partition,))


def check_rows(session: DuckDbSession, rows: str, where: str, table: str) -> None:
    """Raises BadInput where a row lies outside what it should replace."""
    outside = session.rows(f"SELECT count(*) FROM ({rows}) WHERE NOT coalesce({where}, false)")[0][0]
    if outside:
        raise BadInput(f"{table}: {outside} rows lie outside the partition they should replace")


# ── Statistics ───────────────────────────────────────────────────────────────────────────────────────────────────────
def statistics_of(columns: Iterable[Column], rows: int, found: object) -> dict[str, object]:
    """Delta's statistics of one file, from what the Parquet writer tells of each column (`RETURN_STATS`: quoted name → facts as text)."""
    facts = found if isinstance(found, Mapping) else {}
    known = [(column, facts[f'"{column.name}"']) for column in columns if f'"{column.name}"' in facts]
    bounds = [(column.name, *both) for column, of in known if (both := _bounds(column.sql_type, of)) is not None]
    return {
        "numRecords": rows,
        "minValues": {name: low for name, low, _ in bounds},
        "maxValues": {name: high for name, _, high in bounds},
        "nullCount": dict(_nulls(known)),
    }


def _nulls(known: Iterable[tuple[Column, Mapping[str, str]]]) -> Iterator[tuple[str, int]]:
    return ((column.name, int(of["null_count"])) for column, of in known if "null_count" in of)


def _bounds(sql_type: str, of: Mapping[str, str]) -> tuple[object, object] | None:
    """Lowest and highest value as Delta writes them, or None.

    Decimals have none: the log's JSON numbers are read as doubles, and a bound that was rounded inward would hide rows.
    """
    if "min" not in of or "max" not in of:
        return None
    match sql_type:
        case "VARCHAR" if max(len(of["min"]), len(of["max"])) <= LONGEST:
            return of["min"], of["max"]
        case "BIGINT" | "INTEGER":
            return int(of["min"]), int(of["max"])
        case "TIMESTAMP":
            return _instants(of["min"], of["max"])
    return None


def _instants(low: str, high: str) -> tuple[str, str] | None:
    """Delta keeps milliseconds: the lower bound is cut, the upper one rounded up. A year that Python cannot tell has no bound."""
    try:
        first, last = datetime.fromisoformat(low), datetime.fromisoformat(high)
        return _text(first), _text(last + (_MILLISECOND if last.microsecond % 1000 else timedelta()))
    except (ValueError, OverflowError):
        return None


def _text(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{when.microsecond // 1000:03}Z"
