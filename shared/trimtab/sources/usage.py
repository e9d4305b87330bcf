"""Usage drops: what a collector leaves under usage/<cluster-slug>/<period>/, checked row by row.

A drop is a few Parquet files and `_complete.json`, written last. Hours are the unit of truth: an hour that a drop has rows for is whole
in it, an hour that it has none for is unknown and said by name, never idle.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from trimtab.errors import BadInput
from trimtab.records import ClusterUid
from trimtab.sources.bill_files import Header
from trimtab.sources.drops import USAGE_MARKER, check_below
from trimtab.tables import USAGE, Column, text_literal

HOUR = timedelta(hours=1)
LONGEST = timedelta(days=400)
FILLED_BY_INGEST = ("collected_at", "day", "cluster_slug")
COLUMNS = tuple(column for column in USAGE if column.name not in FILLED_BY_INGEST)
OPTIONAL = ("disruptions_allowed", "local_volume")
"""What only a collector that reads the Kubernetes API knows; a file without them says that they were not read."""
COUNTS = tuple(column.name for column in COLUMNS if column.sql_type in {"BIGINT", "INTEGER"} and column.name not in OPTIONAL)
_TYPES = {
    "VARCHAR": ("VARCHAR", "ENUM", '"NULL"'),
    "BIGINT": ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", '"NULL"'),
    "INTEGER": ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"),
    "TIMESTAMP": ("TIMESTAMP",),
    "BOOLEAN": ("BOOLEAN", '"NULL"'),
}
"""What a file may have where the table has the key, as beginnings of DuckDB's type names; a float is never a count."""
_SLUG = re.compile(r"[a-z][a-z0-9-]{0,62}")


class _Marker(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    cluster_uid: Annotated[str, Field(min_length=1, max_length=200)]
    cluster: Annotated[str, Field(min_length=1, max_length=200)]
    start: Annotated[AwareDatetime, Field(alias="from")]
    end: Annotated[AwareDatetime, Field(alias="to")]
    collected_at: AwareDatetime | None = None
    files: Annotated[tuple[str, ...], Field(min_length=1, max_length=1000)]


@dataclass(frozen=True, kw_only=True, slots=True)
class UsageDrop:
    """One complete drop of one cluster."""

    url: str
    cluster_uid: ClusterUid
    cluster: str
    slug: str
    """The folder it came in: the partition, which only this cluster's collector can write to."""
    start: datetime
    end: datetime
    collected_at: datetime
    """Of two drops for the same hour the one collected later holds, whatever order they arrive in."""
    files: tuple[str, ...]


def parse_marker(body: bytes, url: str) -> UsageDrop:
    """The drop that a completion marker speaks for. Raises BadInput that names the key."""
    marker = _parsed(body, url)
    folder, slug = _place(url)
    start, end = marker.start.astimezone(UTC), marker.end.astimezone(UTC)
    if not _is_whole_hour(start) or not _is_whole_hour(end) or not HOUR <= end - start <= LONGEST:
        raise BadInput(
            f"{url}: from {start.isoformat()} to {end.isoformat()}: expected whole hours, at least one, at most {LONGEST.days} days"
        )
    if len(set(marker.files)) != len(marker.files):
        raise BadInput(f"{url}: files: the same file twice; its rows would count twice")
    files = tuple(f"{folder}/{name}" for name in marker.files)
    for file in files:
        check_below(file, folder, url)
    return UsageDrop(
        url=url,
        cluster_uid=ClusterUid(marker.cluster_uid),
        cluster=marker.cluster,
        slug=slug,
        start=start,
        end=end,
        collected_at=(marker.collected_at or marker.end).astimezone(UTC),
        files=files,
    )


def check_header(header: Header) -> None:
    """Raise BadInput where a file's columns are not those of the usage table."""
    types = dict(zip(header.names, header.types or (), strict=False))
    missing = [column.name for column in COLUMNS if column.name not in types and column.name not in OPTIONAL]
    foreign = [name for name in types if name not in {column.name for column in USAGE}]
    if missing or foreign:
        raise BadInput(f"{header.file}: columns missing: {', '.join(missing) or 'none'}; columns unknown: {', '.join(foreign) or 'none'}")
    for column in (column for column in COLUMNS if column.name in types):
        if not types[column.name].startswith(_TYPES[column.sql_type]):
            raise BadInput(f"{header.file}: column {column.name}: expected {column.sql_type}, got {types[column.name][:40]}")


def staging_sql(drop: UsageDrop, header: Header, path: str) -> str:
    """One file's rows in the table's types, with file, row, the partition columns and, where they have one, their problem."""
    columns = ", ".join(_typed(column, is_there=column.name in header.names) for column in COLUMNS)
    return f"""
WITH rows AS (
  SELECT {columns}, file_row_number + 1 AS "row"
  FROM read_parquet({text_literal(path)}, file_row_number = true, hive_partitioning = false)
)
SELECT *, {text_literal(header.file)} AS "file", TIMESTAMP '{drop.collected_at:%Y-%m-%d %H:%M:%S.%f}' AS collected_at,
  strftime("hour", 'd-%Y-%m-%d') AS "day", {text_literal(drop.slug)} AS cluster_slug, {_problem(drop)} AS problem
FROM rows"""


def repeated_sql(stages: str) -> str:
    """File and row of everything that says the same pod (or node) of the same hour a second time, first one first."""
    what = (
        """coalesce("pod", 'the node itself') || ' on ' || coalesce("node", 'no node') || ' at ' || strftime("hour", '%Y-%m-%dT%H:%MZ')"""
    )
    return f"""
SELECT "file", "row", {what}
FROM (SELECT *, row_number() OVER (PARTITION BY "hour", "namespace", "pod", "node" ORDER BY "file", "row") AS ordinal FROM ({stages}))
WHERE ordinal > 1 ORDER BY "file", "row" LIMIT 1"""


def gaps(drop: UsageDrop, hours: Iterable[datetime]) -> tuple[str, ...]:
    """The hours between from and to without a row, in runs, in words."""
    found = set(hours)
    warnings: list[str] = []
    at, missing = drop.start, 0
    while at <= drop.end:
        if at < drop.end and at not in found:
            missing += 1
        elif missing:
            begin = at - missing * HOUR
            warnings.append(
                f"{drop.cluster}: no rows from {begin:%Y-%m-%dT%H:%MZ} to {at:%Y-%m-%dT%H:%MZ} ({missing} h): unknown, not idle"
            )
            missing = 0
        at += HOUR
    return tuple(warnings)


def _parsed(body: bytes, url: str) -> _Marker:
    try:
        return _Marker.model_validate(json.loads(body))
    except ValidationError as error:
        first = error.errors()[0]
        raise BadInput(f"{url}: {'.'.join(str(part) for part in first['loc'])}: {first['msg']}") from None
    except ValueError as error:
        raise BadInput(f"{url}: not JSON: {error}") from None


def _place(url: str) -> tuple[str, str]:
    """The folder of a marker, and its cluster slug."""
    parts = url.split("/")
    if len(parts) < 4 or parts[-1] != USAGE_MARKER or parts[-4] != "usage":
        raise BadInput(f"{url}: a usage drop is complete with usage/<cluster-slug>/<period>/{USAGE_MARKER}")
    if not _SLUG.fullmatch(parts[-3]):
        raise BadInput(f"{url}: cluster folder {parts[-3]!a}: a-z, 0-9 and '-', a letter first")
    return "/".join(parts[:-1]), parts[-3]


def _is_whole_hour(at: datetime) -> bool:
    return (at.minute, at.second, at.microsecond) == (0, 0, 0)


def _typed(column: Column, *, is_there: bool) -> str:
    # Collectors write times with a zone or without; both are UTC, as the session is.
    value = f'CAST("{column.name}" AS {column.sql_type})' if is_there else f"CAST(NULL AS {column.sql_type})"
    return f"coalesce({value}, '{{}}') AS labels" if column.name == "labels" else f'{value} AS "{column.name}"'


def _problem(drop: UsageDrop) -> str:
    """The first thing that is wrong with a row, in words; NULL where nothing is."""
    begin, end = f"TIMESTAMP '{drop.start:%Y-%m-%d %H:%M:%S}'", f"TIMESTAMP '{drop.end:%Y-%m-%d %H:%M:%S}'"
    checks = (
        ('"hour" IS NULL', "'hour: it is empty'"),
        ("\"hour\" <> date_trunc('hour', \"hour\")", "'hour: it is not the start of an hour'"),
        (f'"hour" < {begin} OR "hour" >= {end}', "'hour: it lies outside the time that the marker says'"),
        (f"cluster_uid IS DISTINCT FROM {text_literal(drop.cluster_uid)}", "'cluster_uid: it is not the one that the marker says'"),
        (f"cluster IS DISTINCT FROM {text_literal(drop.cluster)}", "'cluster: it is not the one that the marker says'"),
        ("seconds IS NULL OR seconds < 1 OR seconds > 3600", "'seconds: expected 1 to 3600'"),
        *((f'"{name}" < 0', f"'{name}: it is negative'") for name in COUNTS),
        ("disruptions_allowed < -1", "'disruptions_allowed: expected 0 or more, or -1 where no budget covers it'"),
        ("node IS NULL AND (pod IS NULL OR pending IS NOT true)", "'node: it is empty, and the row is no pending pod'"),
        ("pod IS NULL AND (cpu_capacity IS NULL OR memory_capacity IS NULL)", "'cpu_capacity, memory_capacity: a node row must have both'"),
        ("pod IS NOT NULL AND namespace IS NULL", "'namespace: a pod row must have one'"),
        ("NOT json_valid(labels) OR json_type(labels) <> 'OBJECT'", "'labels: it is not a JSON object'"),
    )  # fmt: skip
    return f"CASE {' '.join(f'WHEN {condition} THEN {words}' for condition, words in checks)} END"
