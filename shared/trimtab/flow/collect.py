"""Read a cluster's last hours from its Prometheus and leave them where `ingest` finds them.

A drop is one Parquet file and its completion marker, in a folder named by the hours and the rows: the same hours with the same rows
are the same folder, and nothing is written twice. Credentials that can only create are enough, and a late hour is simply a newer drop.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from trimtab.errors import BadInput
from trimtab.flow.usage_drop import leave
from trimtab.ports import Buckets, Engine, Metrics
from trimtab.records import MetricSeries
from trimtab.sources.prometheus import Hours, Row, Target, hourly
from trimtab.sources.promql import QUERIES, Query, promql

HOUR = timedelta(hours=1)
CHUNK = 6 * HOUR
"""Hours asked for at once: what bounds memory, here and in Prometheus."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CollectPorts:
    """All that `collect` may touch."""

    metrics: Metrics
    buckets: Buckets
    engine: Engine
    scratch: Path
    store: str
    """URL below which usage/ is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Collected:
    """What a run left behind."""

    drops: tuple[str, ...]
    """URLs of the markers of all days that had rows, new or the same as before."""
    rows: int
    warnings: tuple[str, ...]


def window(now: datetime) -> tuple[datetime, datetime]:
    """From yesterday's midnight to the last whole hour: what a run missed, or what came late, is read by the next one."""
    end = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return (end - timedelta(days=1)).replace(hour=0), end


def collect(target: Target, start: datetime, end: datetime, ports: CollectPorts, now: datetime) -> Collected:
    """Collect the whole hours from start to end, a drop per day. Raises BadInput for times that are not whole hours."""
    drops: list[str] = []
    warnings: dict[str, None] = {}
    rows = 0
    for day_start, day_end in _days(start, end):
        found = _read(target, day_start, day_end, ports.metrics)
        warnings |= dict.fromkeys(found.warnings)
        rows += len(found.rows)
        if found.rows:
            drops.append(leave(target, (day_start, day_end), found.rows, ports, now))
        else:
            warnings[f"{target.cluster}: no rows from {_text(day_start)} to {_text(day_end)}: unknown, not idle"] = None
    return Collected(drops=tuple(drops), rows=rows, warnings=tuple(warnings))


def _days(start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The time cut at midnights, UTC."""
    if any((at.minute, at.second, at.microsecond) != (0, 0, 0) for at in (start, end)) or start >= end:
        raise BadInput(f"collect: {start.isoformat()} to {end.isoformat()}: expected whole hours, at least one")
    at = start.astimezone(UTC)
    while at < end:
        until = min(end.astimezone(UTC), at.replace(hour=0) + timedelta(days=1))
        yield at, until
        at = until


def _read(target: Target, start: datetime, end: datetime, metrics: Metrics) -> Hours:
    """A day's rows, chunk by chunk."""
    rows: list[Row] = []
    warnings: dict[str, None] = {}
    at = start
    while at < end:
        until = min(end, at + CHUNK)
        found = {name: _ask(query, target, at, until, metrics) for name, query in QUERIES.items()}
        hours = hourly(target, found, at, until)
        rows += hours.rows
        warnings |= dict.fromkeys(hours.warnings)
        at = until
    return Hours(tuple(rows), tuple(warnings))


def _ask(query: Query, target: Target, start: datetime, end: datetime, metrics: Metrics) -> tuple[MetricSeries, ...]:
    """Each point tells of the time before it, so the first one is a step after the start."""
    return metrics.range(promql(query, target.matchers), start + timedelta(seconds=query.step), end, query.step)


def _text(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


__all__ = ["CollectPorts", "Collected", "collect", "window"]
