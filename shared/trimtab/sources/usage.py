"""Usage drops: what a collector leaves under usage/<cluster>-<uid>/<period>/, checked row by row.

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
OPTIONAL = (
    "annotations", "project", "gpu_sharing", "gpu_shares", "gpu_shares_of", "network_sent", "asset", "asset_bytes",
    "disruptions_allowed", "local_volume", "zone", "managed_by", "cpu_limit", "memory_limit", "out_of_memory", "scaled_by", "own_node",
    "pinned", "grace_seconds", "gpu_model", "gpu_tensor_used_max", "gpu_dram_used_max", "gpu_power_max", "gpu_fp64_used_max",
    "gpu_link_used_max", "storage_class", "asset_used",
)  # fmt: skip
"""What not every collector knows; a file without them says that they were not read."""
SIGNED = ("disruptions_allowed", "gpu_shares", "gpu_shares_of")
"""Counts with checks of their own."""
SHARING = ("mig", "time-slicing", "mps")
ASSETS = ("volume", "load-balancer")
CAPACITIES = ("cpu_capacity", "memory_capacity", "gpu_capacity")
COUNTS = tuple(column.name for column in COLUMNS if column.sql_type in {"BIGINT", "INTEGER"} and column.name not in OPTIONAL)
OPTIONAL_COUNTS = tuple(
    column.name for column in COLUMNS if column.sql_type == "BIGINT" and column.name in OPTIONAL and column.name not in SIGNED
)
_TYPES = {
    "VARCHAR": ("VARCHAR", "ENUM", '"NULL"'),
    "BIGINT": ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", '"NULL"'),
    "INTEGER": ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"),
    "TIMESTAMP": ("TIMESTAMP",),
    "BOOLEAN": ("BOOLEAN", '"NULL"'),
}
"""What a file may have where the table has the key, as beginnings of DuckDB's type names; a float is never a count."""
LONGEST_SLUG = 63
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
    """The folder it came in: the partition. It ends with the cluster's uid, and only that cluster's collector can write to it."""
    start: datetime
    end: datetime
    collected_at: datetime
    """Of two drops for the same hour the one collected later holds, whatever order they arrive in."""
    files: tuple[str, ...]


def parse_marker(body: bytes, url: str) -> UsageDrop:
    """The drop that a completion marker speaks for. Raises BadInput that names the key."""
    marker = _parsed(body, url)
    folder, slug = _place(url)
    _check_owner(slug, marker.cluster_uid, url)
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
    """File and row of everything that says the same pod, node or asset of the same hour a second time, first one first.

    A volume or load balancer is one thing by its provider id, wherever it is attached; a node and a pod are by where they are.
    """
    what = """CASE WHEN "asset" IS NOT NULL THEN "asset" || ' ' || "provider_id"
      ELSE coalesce("pod", 'the node itself') || ' on ' || coalesce("node", 'no node') END
      || ' at ' || strftime("hour", '%Y-%m-%dT%H:%MZ')"""
    place = """CASE WHEN "asset" IS NULL THEN "namespace" END, CASE WHEN "asset" IS NULL THEN "node" ELSE "provider_id" END"""
    return f"""
SELECT "file", "row", {what}
FROM (SELECT *, row_number() OVER (PARTITION BY "hour", "asset", "pod", {place} ORDER BY "file", "row") AS ordinal FROM ({stages}))
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
        raise BadInput(f"{url}: a usage drop is complete with usage/<cluster>-<uid>/<period>/{USAGE_MARKER}")
    if not _SLUG.fullmatch(parts[-3]):
        raise BadInput(f"{url}: cluster folder {parts[-3]!a}: a-z, 0-9 and '-', a letter first")
    return "/".join(parts[:-1]), parts[-3]


def folder_of(cluster: str, cluster_uid: str) -> str:
    """The folder below usage/ of a cluster's drops, and its partition: its name for people, then its uid for proof."""
    uid = _plain(cluster_uid)
    room = LONGEST_SLUG - 1 - len(uid)
    # A name in other letters than these leaves nothing, and the uid alone will do.
    name = slug_of(cluster)[: max(room, 0)].rstrip("-") if _letters(cluster) else ""
    return f"{name}-{uid}" if name and slug_of(cluster) != slug_of(cluster_uid) else slug_of(cluster_uid)


def slug_of(name: str) -> str:
    """A name as a folder may have it. Raises BadInput for one that leaves nothing."""
    slug = _plain(name)
    return slug if slug[0].isalpha() else f"c-{slug}"[:LONGEST_SLUG].rstrip("-")


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:LONGEST_SLUG].rstrip("-")


def _plain(name: str) -> str:
    plain = _letters(name)
    if not plain:
        raise BadInput(f"cluster {name!a}: no letter or digit to name its folder by")
    return plain


def _check_owner(slug: str, cluster_uid: str, url: str) -> None:
    """Who may write to one cluster's folder could else tell of another: that it idles, and its pools would shrink."""
    own = _plain(cluster_uid)
    if slug not in {own, slug_of(cluster_uid)} and not slug.endswith(f"-{own}"):
        raise BadInput(f"{url}: folder {slug!a} tells of cluster {cluster_uid[:60]!a}; a cluster's folder ends with its uid: …-{own}")


def _is_whole_hour(at: datetime) -> bool:
    return (at.minute, at.second, at.microsecond) == (0, 0, 0)


def _typed(column: Column, *, is_there: bool) -> str:
    # Collectors write times with a zone or without; both are UTC, as the session is.
    value = f'CAST("{column.name}" AS {column.sql_type})' if is_there else f"CAST(NULL AS {column.sql_type})"
    return f"coalesce({value}, '{{}}') AS {column.name}" if column.name in {"labels", "annotations"} else f'{value} AS "{column.name}"'


def _problem(drop: UsageDrop) -> str:
    """The first thing that is wrong with a row, in words; NULL where nothing is."""
    checks = (*_place_checks(drop), *_count_checks(), *_kind_checks(), *_asset_checks(), *_sharing_checks())
    return f"CASE {' '.join(f'WHEN {condition} THEN {text_literal(words)}' for condition, words in checks)} END"


Check = tuple[str, str]
"""(condition under which a row is wrong, what is wrong with it)."""


def _place_checks(drop: UsageDrop) -> tuple[Check, ...]:
    """When and whose a row is."""
    begin, end = f"TIMESTAMP '{drop.start:%Y-%m-%d %H:%M:%S}'", f"TIMESTAMP '{drop.end:%Y-%m-%d %H:%M:%S}'"
    return (
        ('"hour" IS NULL', "hour: it is empty"),
        ('"hour" <> date_trunc(\'hour\', "hour")', "hour: it is not the start of an hour"),
        (f'"hour" < {begin} OR "hour" >= {end}', "hour: it lies outside the time that the marker says"),
        (f"cluster_uid IS DISTINCT FROM {text_literal(drop.cluster_uid)}", "cluster_uid: it is not the one that the marker says"),
        (f"cluster IS DISTINCT FROM {text_literal(drop.cluster)}", "cluster: it is not the one that the marker says"),
        ("seconds IS NULL OR seconds < 1 OR seconds > 3600", "seconds: expected 1 to 3600"),
    )


def _count_checks() -> tuple[Check, ...]:
    counts = (*COUNTS, *OPTIONAL_COUNTS)
    return (
        *((f'"{name}" < 0', f"{name}: it is negative") for name in counts),
        ("disruptions_allowed < -1", "disruptions_allowed: expected 0 or more, or -1 where no budget covers it"),
        ("NOT json_valid(pinned) OR json_type(pinned) <> 'OBJECT'", "pinned: it is not a JSON object"),
        (
            "NOT regexp_full_match(scaled_by, '((cpu|memory|other)(,(memory|other)){0,2})?')",
            "scaled_by: expected cpu, memory, other, several with commas, or nothing",
        ),
        ("NOT json_valid(labels) OR json_type(labels) <> 'OBJECT'", "labels: it is not a JSON object"),
        ("NOT json_valid(annotations) OR json_type(annotations) <> 'OBJECT'", "annotations: it is not a JSON object"),
    )


def _kind_checks() -> tuple[Check, ...]:
    """A node's row and a pod's."""
    return (
        ("asset IS NULL AND node IS NULL AND (pod IS NULL OR pending IS NOT true)", "node: it is empty, and the row is no pending pod"),
        (
            "asset IS NULL AND pod IS NULL AND (cpu_capacity IS NULL OR memory_capacity IS NULL)",
            "cpu_capacity, memory_capacity: a node row must have both",
        ),
        ("pod IS NOT NULL AND namespace IS NULL", "namespace: a pod row must have one"),
    )


def _asset_checks() -> tuple[Check, ...]:
    """A volume's or load balancer's row: it is billed by its id to a namespace, and runs nothing."""
    capacity = " OR ".join(f"{name} IS NOT NULL" for name in CAPACITIES)
    return (
        (f"asset NOT IN ({', '.join(map(text_literal, ASSETS))})", f"asset: expected {' or '.join(ASSETS)}"),
        ("asset IS NOT NULL AND coalesce(provider_id, '') = ''", "provider_id: a volume or load balancer must have one"),
        ("asset IS NOT NULL AND coalesce(namespace, '') = ''", "namespace: a volume or load balancer must have one"),
        ("asset IS NOT NULL AND pod IS NOT NULL", "pod: a volume or load balancer is no pod; leave it empty"),
        (f"asset IS NOT NULL AND ({capacity})", "cpu_capacity, memory_capacity, gpu_capacity: a volume or load balancer has none"),
        ("asset IS NOT NULL AND pending", "pending: a volume or load balancer waits for no place"),
        ("asset_bytes IS NOT NULL AND asset IS DISTINCT FROM 'volume'", "asset_bytes: only a volume has a size"),
        ("asset_used IS NOT NULL AND asset IS DISTINCT FROM 'volume'", "asset_used: only a volume holds bytes"),
        ("storage_class IS NOT NULL AND asset IS DISTINCT FROM 'volume'", "storage_class: only a volume has one"),
    )


def _sharing_checks() -> tuple[Check, ...]:
    """Parts of one GPU: how it is shared, how many of how many, all three or none."""
    return (
        (f"gpu_sharing NOT IN ({', '.join(map(text_literal, SHARING))})", f"gpu_sharing: expected one of {', '.join(SHARING)}"),
        ("gpu_sharing IS NOT NULL AND pod IS NULL", "gpu_sharing: only a pod shares a GPU"),
        ("gpu_sharing IS NULL AND (gpu_shares IS NOT NULL OR gpu_shares_of IS NOT NULL)", "gpu_shares: it needs gpu_sharing"),
        ("gpu_sharing IS NOT NULL AND (gpu_shares IS NULL OR gpu_shares_of IS NULL)", "gpu_shares, gpu_shares_of: gpu_sharing needs both"),
        ("gpu_shares < 1 OR gpu_shares > gpu_shares_of", "gpu_shares: expected 1 to gpu_shares_of"),
    )
