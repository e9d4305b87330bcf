"""Read a cluster's last hours from its Prometheus and leave them where `ingest` finds them.

A drop is one Parquet file and its completion marker, in a folder named by the hours and the rows: the same hours with the same rows
are the same folder, and nothing is written twice. Credentials that can only create are enough, and a late hour is simply a newer drop.
Hours are asked for in chunks that shrink until the store can answer; what was read waits on disk, so that a killed run goes on.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from trimtab.errors import BadInput, Overloaded, TooLarge, TrimtabError, Upstream
from trimtab.flow.collect_ask import Asking, weight
from trimtab.flow.collect_buffer import Buffer
from trimtab.flow.collect_measure import Measure
from trimtab.flow.collect_parts import Part, Parts, alone, key_of
from trimtab.flow.usage_drop import Digest, made, put
from trimtab.ports import Buckets, Engine, Kubernetes, Metrics, Progress
from trimtab.records import MetricSeries
from trimtab.sources.kube_objects import KubeObjects
from trimtab.sources.prometheus import Hours, Row, Target, hourly
from trimtab.sources.promql import QUERIES

HOUR = timedelta(hours=1)
CHUNK = 6 * HOUR
"""Hours asked for at once at most: what bounds memory, here and in Prometheus."""
MOST_HELD = 6_000_000
"""Points of one chunk, all queries together, a series counting as eight: about 1 GiB here, measured. More means smaller chunks."""
SKEW = timedelta(minutes=5)
"""How far the store's clock and ours may be apart: by more, the newest hours are not over there, or would be read as gaps."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CollectPorts:
    """All that `collect` may touch."""

    metrics: Metrics
    buckets: Buckets
    engine: Engine
    scratch: Path
    store: str
    """URL below which usage/ is."""
    endpoint: str = ""
    """Whose answers these are: what was read half-way is used again for the same endpoint only."""
    buffer: Buffer | None = None
    """Where drops wait that the store does not take; None = a store that does not answer ends the run."""
    progress: Progress | None = None
    kubernetes: Kubernetes | None = None
    """The cluster's own API; None = not asked, and what only it knows stays unknown."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CollectedDay:
    """One day, or the part of it that was asked for."""

    day: date
    hours: int
    """Asked for."""
    measured_hours: int
    """Those with at least one node."""
    coverage: float
    """Share of the time asked for in which nodes were scraped, 0 to 1."""
    nodes: int
    pods: int
    rows: int
    drop: str | None
    """URL of its marker; None = no rows, no drop."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Collected:
    """What a run left behind."""

    drops: tuple[str, ...]
    """URLs of the markers of all days that had rows, new or the same as before."""
    rows: int
    warnings: tuple[str, ...]
    days: tuple[CollectedDay, ...] = ()
    kept: tuple[str, ...] = ()
    """Those of them that the store did not take; they wait in the buffer."""
    delivered: tuple[str, ...] = ()
    """Drops of earlier runs that came out of the buffer."""


def window(now: datetime) -> tuple[datetime, datetime]:
    """From yesterday's midnight to the last whole hour: what a run missed, or what came late, is read by the next one."""
    end = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return (end - timedelta(days=1)).replace(hour=0), end


def collect(target: Target, start: datetime, end: datetime, ports: CollectPorts, now: datetime) -> Collected:
    """Collect the whole hours from start to end, a drop per day.

    Raises BadInput for times that are not whole hours, or not over; Upstream for a store that fails, or whose clock is not ours.
    """
    days = list(_days(start, end))
    delivered, problem = _deliver(ports)
    _check_clock(ports.metrics.now(), end, now)
    kube = ports.kubernetes.read(now) if ports.kubernetes else None
    # Hours that were read without the API know less.
    endpoint = f"{ports.endpoint} and the Kubernetes API" if kube else ports.endpoint
    parts = Parts(ports.scratch / "collect", key_of(target, QUERIES, endpoint), now)
    run = _Run(target, ports, parts, Asking(target, ports.metrics), now, problem=problem, kube=kube)
    with alone(parts.folder, parts.key):
        parts.sweep()
        for number, (day_start, day_end) in enumerate(days):
            run.tell("days", number, len(days))
            run.day(day_start, day_end)
        run.tell("days", len(days), len(days))
        parts.clear()
    return Collected(
        drops=tuple(day.drop for day in run.done if day.drop),
        rows=sum(day.rows for day in run.done),
        warnings=tuple(run.warnings),
        days=tuple(run.done),
        kept=tuple(run.kept),
        delivered=delivered,
    )


def _deliver(ports: CollectPorts) -> tuple[tuple[str, ...], str]:
    """What the buffer delivered, and why the store takes nothing: then nothing more is tried on it in vain."""
    if ports.buffer is None:
        return (), ""
    try:
        return ports.buffer.deliver(ports.buckets, ports.store), ""
    except Upstream as error:
        return (), str(error)


def _check_clock(there: datetime, end: datetime, now: datetime) -> None:
    apart = abs(there - now)
    if apart > SKEW:
        raise Upstream(
            f"Prometheus: its clock says {_text(there)}, ours {_text(now)}: {int(apart.total_seconds())} s apart, at most "
            f"{int(SKEW.total_seconds())} are allowed; correct the one that is wrong"
        )
    if end > there:
        raise BadInput(f"collect: {_text(end)} is not over yet, it is {_text(there)}; hours are collected when they are whole")


def _days(start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The time cut at midnights, UTC."""
    if any((at.minute, at.second, at.microsecond) != (0, 0, 0) for at in (start, end)) or start >= end:
        raise BadInput(f"collect: {start.isoformat()} to {end.isoformat()}: expected whole hours, at least one")
    at = start.astimezone(UTC)
    while at < end:
        until = min(end.astimezone(UTC), at.replace(hour=0) + timedelta(days=1))
        yield at, until
        at = until


@dataclass(slots=True)
class _Run:
    """One run over some days."""

    target: Target
    ports: CollectPorts
    parts: Parts
    asking: Asking
    now: datetime
    problem: str
    """Why the store takes no drops; "" = it does."""
    kube: KubeObjects | None = None
    size: timedelta = CHUNK
    done: list[CollectedDay] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    warnings: dict[str, None] = field(default_factory=dict)

    def tell(self, what: str, done: int, total: int) -> None:
        """Say how far it is."""
        if self.ports.progress:
            self.ports.progress.step(f"{self.target.cluster}: {what}", done, total)

    def day(self, start: datetime, end: datetime) -> None:
        """Read a day into parts, then drop them."""
        digest, measure, parts = Digest(self.target), Measure(start, end), []
        for part in self._read(start, end):
            parts.append(part)
            for row in part.read():
                digest.add((row,))
                measure.add(row)
            self.warnings |= dict.fromkeys(part.warnings)
        if measure.rows:
            url = self._leave((start, end), parts, digest.text())
        else:
            url = None
            self.warnings[f"{self.target.cluster}: no rows from {_text(start)} to {_text(end)}: unknown, not idle"] = None
        self.done.append(
            CollectedDay(
                day=start.date(), hours=measure.asked, measured_hours=len(measure.hours), coverage=measure.coverage(),
                nodes=len(measure.nodes), pods=len(measure.pods), rows=measure.rows, drop=url,
            )
        )  # fmt: skip

    def _read(self, start: datetime, end: datetime) -> Iterator[Part]:
        """A day's parts: those that a killed run left, the others from the store, in chunks as large as it can answer."""
        at = start
        while at < end:
            part = self.parts.find(at, min(end, at + CHUNK)) or self._chunk(at, end)
            if part:
                yield part
                at = part.end

    def _chunk(self, at: datetime, end: datetime) -> Part | None:
        """The next hours; None = they were too many, and fewer are asked for next."""
        until = min(end, at + self.size)
        try:
            hours = self._hours(at, until)
        except (Overloaded, TooLarge) as error:
            if until - at <= HOUR:
                raise self._named(error) from None
            self.size = max(HOUR, (until - at) // HOUR // 2 * HOUR)
            return None
        return self.parts.keep(at, until, hours.rows, hours.warnings)

    def _hours(self, at: datetime, until: datetime) -> Hours:
        held, found = 0, {}
        for number, (name, query) in enumerate(QUERIES.items(), 1):
            found[name] = self._within(name, held, self.asking.all_of(name, query, at, until))
            held += weight(found[name])
            self.tell(f"{at:%Y-%m-%d %H}:00 to {until:%H}:00", number, len(QUERIES))
        return hourly(self.target, found, at, until, self.kube)

    def _within(self, name: str, held: int, series: tuple[MetricSeries, ...]) -> tuple[MetricSeries, ...]:
        if held + weight(series) > MOST_HELD:
            raise TooLarge(f"query {name}: {len(series)} series more than fit into memory with the other queries of these hours")
        return series

    def _named(self, error: TrimtabError) -> TrimtabError:
        kind = TooLarge if isinstance(error, TooLarge) else Upstream
        return kind(f"{self.target.cluster}: {error}")

    def _leave(self, span: tuple[datetime, datetime], parts: list[Part], digest: str) -> str:
        drop = made(self.target, span, lambda: _rows(parts), digest, self.ports, self.now)
        url = f"{self.ports.store.rstrip('/')}/{drop.folder}/_complete.json"
        buffer = self.ports.buffer
        if not self.problem:
            try:
                return put(drop, self.ports)
            except Upstream as error:
                if buffer is None:
                    raise
                self.problem = str(error)
        if buffer:
            buffer.keep(drop, self.ports.store)
            self.kept.append(url)
            self.warnings[self.problem] = None
        return url


def _rows(parts: list[Part]) -> Iterator[Row]:
    for part in parts:
        yield from part.read()


def _text(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


__all__ = ["CollectPorts", "Collected", "CollectedDay", "collect", "window"]
