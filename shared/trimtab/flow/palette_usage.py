"""The weakest way to usage: what Palette itself measured, for a cluster that has no metrics endpoint.

Its drops are dated as collected when their hours ended, so that they give way to what any collector reads of the same hours.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from trimtab.flow.usage_drop import leave
from trimtab.ports import Buckets, Engine, Ports
from trimtab.records import Cluster
from trimtab.sources.palette_usage import rows
from trimtab.sources.prometheus import Target


@dataclass(frozen=True, kw_only=True, slots=True)
class _Place:
    buckets: Buckets
    engine: Engine
    scratch: Path
    store: str


def palette_usage(cluster: Cluster, start: datetime, end: datetime, ports: Ports, now: datetime) -> int:
    """Leave drops for the whole hours from start to end, a day each; how many rows they have. An hour without a value has no row."""
    target = Target(cluster_uid=cluster.uid, cluster=cluster.name, project=cluster.project or None)
    place = _Place(buckets=ports.buckets, engine=ports.engine, scratch=ports.scratch, store=ports.settings.store)
    count = 0
    for begin, until in _days(start, min(end, now)):
        found = rows(target, ports.palette.measured(cluster.uid, begin, until))
        count += len(found)
        if found:
            leave(target, (begin, until), found, place, until, edition="palette")
    ports.log.warning(
        "collect.palette", cluster_uid=cluster.uid, rows=count, input=f"{cluster.name}: only Palette's own CPU and memory means"
    )
    return count


def _days(start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The whole hours of the time, cut at midnights, UTC."""
    at, last = _whole(start), _whole(end)
    while at < last:
        until = min(last, at.replace(hour=0) + timedelta(days=1))
        yield at, until
        at = until


def _whole(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
