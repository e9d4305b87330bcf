"""A usage drop arrived: check it, merge it hour by hour with what the lake has, commit all its days at once.

Per hour the drop that was collected last holds; but one that knows less never pushes aside one that knows more: Palette's own figures
give way to any collector's nodes and pods, and what saw only volumes and load balancers to both. So drops may come late, twice and in any
order, and the lake ends up the same; what only one of two readings knows of a pod is kept whichever holds (merge_usage.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from trimtab.errors import BadInput, Upstream
from trimtab.flow.inspect_files import header_of, stage
from trimtab.flow.merge_usage import days_to_fill_sql, merged_sql
from trimtab.ports import Lake, Ports, Session
from trimtab.records import ClusterUid
from trimtab.sources import usage
from trimtab.sources.drops import CLOCK_SKEW
from trimtab.sources.palette_usage import NODE
from trimtab.sources.usage import UsageDrop
from trimtab.tables import scan, text_literal

ATTEMPTS = 8
COLLECTED = f"asset IS NULL AND node IS DISTINCT FROM {text_literal(NODE)}"
"""Rows of nodes and pods as a collector has them, not as Palette has."""
KNOWS = f"CASE WHEN bool_or({COLLECTED}) THEN 2 WHEN bool_or(asset IS NULL) THEN 1 ELSE 0 END"
"""How much is known of an hour: by a collector, by Palette, of volumes alone."""


@dataclass(frozen=True, kw_only=True, slots=True)
class UsageLoaded:
    """What a drop changed."""

    cluster_uid: ClusterUid
    cluster: str
    cluster_slug: str
    rows: int
    """Rows of the drop that hold now."""
    hours: int
    """Hours that the drop brought or replaced; 0 = nothing was changed."""
    days: tuple[str, ...]
    """The days that were written, d-2026-07-31."""
    version: int | None
    """Of the usage table; None = there is none."""
    warnings: tuple[str, ...] = ()


def ingest_usage(marker_url: str, ports: Ports, scratch: Path, *, allow_gaps: bool = True) -> UsageLoaded:
    """Merge one complete drop into the usage table. Raises BadInput, with nothing changed, where a file or a row is wrong.

    A collector that was down leaves gaps, and the hours it has are worth keeping: they are warnings, and unknown everywhere after.
    Whoever loads a file by hand is better told: without `allow_gaps` a gap is BadInput too.
    """
    drop = usage.parse_marker(ports.buckets.read(marker_url), marker_url)
    _check_clock(drop, ports)
    scratch.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="usage-", dir=scratch) as folder, ports.engine.session() as session:
        work = Path(folder)
        staged = _stage(drop, ports, session, work)
        missing = () if allow_gaps else usage.gaps(drop, _measured(_known(session, staged)))
        if missing:
            raise BadInput(f"{marker_url}: {missing[0]}; collect the hours again, or load it with --allow-gaps")
        for _ in range(ATTEMPTS):
            loaded = _merge(drop, staged, ports, session, work)
            if loaded is not None:
                ports.log.info("usage.loaded", cluster=loaded.cluster_slug, hours=loaded.hours, rows=loaded.rows, version=loaded.version)
                return loaded
    raise Upstream(f"{marker_url}: {ATTEMPTS} other writers came first; try again")


def _check_clock(drop: UsageDrop, ports: Ports) -> None:
    """A drop from the future would shut out every later one of the same hours."""
    written = ports.settings.clock or ports.buckets.modified(drop.url)
    if drop.collected_at > written + CLOCK_SKEW:
        raise BadInput(
            f"{drop.url}: collected at {drop.collected_at.isoformat()}, later than the marker was written; check the collector's clock"
        )


def _stage(drop: UsageDrop, ports: Ports, session: Session, work: Path) -> str:
    """A query for the drop's checked rows."""
    paths: list[Path] = []
    for number, url in enumerate(drop.files):
        file = url.rsplit("/", 1)[-1]
        ports.progress.step(f"reading usage of {drop.cluster}", number, len(drop.files))
        local = ports.buckets.fetch(url, work)
        header = header_of(local, file, session)
        usage.check_header(header)
        path = work / f"staged-{number:05}.parquet"
        stage(usage.staging_sql(drop, header, str(local)), path, file, session)
        local.unlink()
        paths.append(path)
    staged = f"SELECT * FROM read_parquet([{', '.join(text_literal(str(path)) for path in paths)}], hive_partitioning = false)"
    for file_again, row, what in session.rows(usage.repeated_sql(staged)):
        raise BadInput(f"{file_again}: row {row}: {' '.join(str(what).split())}: said before; a pod stands once per hour and node")
    return staged


def _merge(drop: UsageDrop, staged: str, ports: Ports, session: Session, work: Path) -> UsageLoaded | None:
    """One try: read what is there, put the drop's hours in, commit. None = somebody else wrote in between."""
    since = ports.lake.version("usage")
    # One version is looked at, and the log is asked about it once.
    lake = ports.lake if since is None else ports.lake.at("usage", since)
    try:
        return _merge_into(lake, since, drop, staged, ports, session, work)
    finally:
        # A function's disk may be its memory.
        lake.release("usage", {"cluster_slug": drop.slug})


def _merge_into(
    there_now: Lake, since: int | None, drop: UsageDrop, staged: str, ports: Ports, session: Session, work: Path
) -> UsageLoaded | None:
    """The same, into what the lake holds at the version `since`."""
    hours = [(_time(hour), str(day)) for hour, day in session.rows(f'SELECT DISTINCT "hour", "day" FROM ({staged}) ORDER BY 1')]
    known = _known(session, staged)
    warnings = usage.gaps(drop, _measured(known))
    there = {day: there_now.files("usage", {"cluster_slug": drop.slug, "day": day}) for day in dict.fromkeys(day for _, day in hours)}
    kept = _better(drop, [file for files in there.values() for file in files], known, session)
    taken = [(hour, day) for hour, day in hours if hour not in kept]
    filled = _days_to_fill(staged, there, [(hour, day) for hour, day in hours if hour in kept], session)
    if not taken and not filled:
        note = "every hour of it is in the lake already, as well measured and collected then or later; nothing was changed"
        return _loaded(drop, 0, [], since, (*warnings, note))
    days = sorted({day for _, day in taken} | filled)
    path = work / "merged.parquet"
    lake = scan("usage", [file for day in days for file in there[day]])
    ours, theirs = ([hour for hour, day in hours if day in days and (hour in kept) is is_kept] for is_kept in (False, True))
    session.write(merged_sql(staged, lake, taken=_times(ours), kept=_times(theirs), days=days), str(path))
    partitions = [{"cluster_slug": drop.slug, "day": day} for day in days]
    version = ports.lake.amend("usage", partitions, [str(path)], since=since, about={"marker": drop.url, "hours": len(taken)})
    if version is None:
        return None
    rows = int(str(session.rows(f'SELECT count(*) FROM ({staged}) WHERE "hour" IN ({_times([hour for hour, _ in taken])})')[0][0]))
    return _loaded(drop, rows, taken, version, warnings)


def _known(session: Session, staged: str) -> dict[datetime, int]:
    """Each hour of the drop, and how much it knows of it."""
    return {_time(hour): int(str(knows)) for hour, knows in session.rows(f'SELECT "hour", {KNOWS} FROM ({staged}) GROUP BY "hour"')}


def _measured(known: Mapping[datetime, int]) -> list[datetime]:
    """The hours that say anything of nodes or pods: a volume's row measures nobody."""
    return [hour for hour, knows in known.items() if knows]


def _better(drop: UsageDrop, files: list[str], hours: Mapping[datetime, int], session: Session) -> set[datetime]:
    """Hours of which the lake knows more, or as much and not collected earlier; `hours` says of each how much the drop knows.

    Raises BadInput where they are another cluster's.
    """
    kept: set[datetime] = set()
    seen = f'SELECT "hour", max(collected_at), any_value(cluster_uid), {KNOWS}'
    for found, collected_at, uid, knows in session.rows(f'{seen} FROM ({scan("usage", files)}) GROUP BY "hour"'):
        hour = _time(found)
        if hour in hours and uid != drop.cluster_uid:
            raise BadInput(
                f"{drop.url}: folder {drop.slug} already has {hour:%Y-%m-%dT%H:%MZ} of cluster {uid}; give each cluster its own folder"
            )
        if hour in hours and collected_at is not None and (int(str(knows)), _time(collected_at)) >= (hours[hour], drop.collected_at):
            kept.add(hour)
    return kept


def _days_to_fill(staged: str, there: Mapping[str, list[str]], kept: list[tuple[datetime, str]], session: Session) -> set[str]:
    """Days whose hours the lake keeps, and of which the drop knows something that the lake does not."""
    files = [file for day in dict.fromkeys(day for _, day in kept) for file in there[day]]
    if not files:
        return set()
    base = f'SELECT * FROM ({scan("usage", files)}) WHERE "hour" IN ({_times([hour for hour, _ in kept])})'
    return {str(day) for (day,) in session.rows(days_to_fill_sql(base, staged))}


def _loaded(drop: UsageDrop, rows: int, taken: list[tuple[datetime, str]], version: int | None, warnings: tuple[str, ...]) -> UsageLoaded:
    return UsageLoaded(
        cluster_uid=drop.cluster_uid,
        cluster=drop.cluster,
        cluster_slug=drop.slug,
        rows=rows,
        hours=len(taken),
        days=tuple(dict.fromkeys(day for _, day in taken)),
        version=version,
        warnings=warnings,
    )


def _times(hours: list[datetime]) -> str:
    return ", ".join(f"TIMESTAMP '{hour:%Y-%m-%d %H:%M:%S}'" for hour in hours)


def _time(value: object) -> datetime:
    """A TIMESTAMP of the engine, which is UTC and does not say so."""
    if not isinstance(value, datetime):
        raise BadInput(f"{value!a}: expected a time")
    return value.replace(tzinfo=UTC)
