"""Collecting: what is read is what ingest accepts, and reading twice writes once."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from trimtab.adapters import http
from trimtab.adapters.duckdb import DuckDb
from trimtab.adapters.prometheus.client import PrometheusMetrics
from trimtab.adapters.store.buckets import StoreBuckets
from trimtab.demo.estate.clusters import CLUSTERS
from trimtab.demo.estate.metrics import prometheus_transport
from trimtab.demo.estate.model import LAST_DAY
from trimtab.demo.estate.usage import prometheus_samples
from trimtab.errors import BadInput
from trimtab.flow.collect import CollectPorts, collect, window
from trimtab.ports import Metrics
from trimtab.records import ClusterUid, MetricSeries
from trimtab.sources.prometheus import Target
from trimtab.sources.promql import QUERIES, promql
from trimtab.sources.usage import parse_marker, slug_of

NOW = datetime(2026, 8, 3, 9, 5, tzinfo=UTC)
HOUR = datetime(2026, 8, 2, 10, tzinfo=UTC)
TARGET = Target(cluster_uid=ClusterUid("uid-1"), cluster="prod")


def test_matchers_stand_in_every_selector_with_their_values_quoted() -> None:
    """A cluster named `x"} or up{a="` must stay a value."""
    for query in QUERIES.values():
        text = promql(query, {"cluster": 'x"} or up{a="\\\n'})
        assert text.count('cluster="x\\"} or up{a=\\"\\\\\\n"') == text.count("{") - text.count("up{") == 1


# ── The whole way, against the estate's Prometheus ───────────────────────────────────────────────────────────────────
ESTATE = CLUSTERS[1]


@dataclass
class Counting:
    """A bucket that remembers what really came to lie in it."""

    inner: StoreBuckets = field(default_factory=StoreBuckets)
    put_urls: list[str] = field(default_factory=list)
    die_after: int | None = None

    def put(self, url: str, body: bytes) -> bool:
        if self.die_after is not None and len(self.put_urls) >= self.die_after:
            raise KeyboardInterrupt
        self.put_urls.append(url)
        return self.inner.put(url, body)


def estate_ports(root: Path, buckets: Counting, metrics: Metrics | None = None, now: datetime = NOW) -> CollectPorts:
    transport = prometheus_transport(ESTATE.cluster.uid, clock=lambda: now)
    there = PrometheusMetrics("https://prometheus.test", http.client(["prometheus.test"], transport=transport))
    scratch = root / "scratch"
    scratch.mkdir(exist_ok=True)
    engine = DuckDb(directories=(), scratch=scratch, memory_mb=256)
    return CollectPorts(metrics=metrics or there, buckets=buckets, engine=engine, scratch=scratch, store=root.as_uri())  # type: ignore[arg-type]


def run(ports: CollectPorts, hours: int = 2, now: datetime = NOW) -> tuple[str, ...]:
    live = ESTATE.cluster
    target = Target(cluster_uid=live.uid, cluster=live.name, pools=tuple(pool.name for pool in live.pools))
    return collect(target, LAST_DAY, LAST_DAY + timedelta(hours=hours), ports, now).drops


def files(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in (root / "usage").rglob("*") if path.is_file()}


def test_a_drop_holds_the_rows_and_a_marker_that_ingest_takes(tmp_path: Path) -> None:
    (url,) = run(estate_ports(tmp_path, Counting()))

    drop = parse_marker(StoreBuckets().read(url), url)
    assert (drop.cluster_uid, drop.slug, drop.collected_at) == (ESTATE.cluster.uid, f"prod-ml-{ESTATE.cluster.uid}", NOW)
    assert (drop.start, drop.end) == (LAST_DAY, LAST_DAY + timedelta(hours=2))
    wanted = prometheus_samples(ESTATE.cluster.uid, LAST_DAY, LAST_DAY + timedelta(hours=2))
    names = ", ".join(f'"{name}"' for name in ("hour", "pool", "node", "namespace", "pod", "seconds", "cpu_request", "gpu_request"))
    found = duckdb.sql(f"SELECT {names} FROM read_parquet('{drop.files[0].removeprefix('file://')}')").fetchall()
    keys = ("hour", "pool", "node", "namespace", "pod", "seconds", "cpu_request", "gpu_request")
    assert sorted(map(str, found)) == sorted(str(tuple(row[key] for key in keys)) for row in wanted)


def test_the_same_hours_again_change_nothing(tmp_path: Path) -> None:
    first = run(estate_ports(tmp_path, Counting()))
    before = files(tmp_path)

    later = NOW + timedelta(hours=1)
    again = run(estate_ports(tmp_path, Counting(), now=later), now=later)

    assert again == first
    assert files(tmp_path) == before
    assert list((tmp_path / "scratch").glob("*.parquet")) == []


def test_a_death_between_file_and_marker_is_mended_by_the_next_run(tmp_path: Path) -> None:
    """A marker without its file would be read as a whole drop."""
    with pytest.raises(KeyboardInterrupt):
        run(estate_ports(tmp_path, Counting(die_after=1)))
    assert [path.rsplit("/", 1)[1] for path in files(tmp_path)] == ["usage.parquet"]

    (url,) = run(estate_ports(tmp_path, Counting()))

    assert len(files(tmp_path)) == 2
    assert parse_marker(StoreBuckets().read(url), url).files


class Silent:
    """A Prometheus that has nothing."""

    def range(self, query: str, start: datetime, end: datetime, step: int) -> tuple[MetricSeries, ...]:
        del query, start, end, step
        return ()

    def now(self) -> datetime:
        return NOW


def test_hours_without_rows_leave_no_drop_and_say_so(tmp_path: Path) -> None:
    ports = estate_ports(tmp_path, Counting(), Silent())

    found = collect(TARGET, HOUR, HOUR + timedelta(hours=2), ports, NOW)

    assert (found.drops, found.rows) == ((), 0)
    assert found.warnings == ("prod: no rows from 2026-08-02T10:00:00Z to 2026-08-02T12:00:00Z: unknown, not idle",)


def test_a_run_reads_from_yesterdays_midnight_to_the_last_whole_hour() -> None:
    assert window(NOW) == (datetime(2026, 8, 2, tzinfo=UTC), datetime(2026, 8, 3, 9, tzinfo=UTC))
    assert window(datetime(2026, 8, 3, tzinfo=UTC)) == (datetime(2026, 8, 2, tzinfo=UTC), datetime(2026, 8, 3, tzinfo=UTC))


@pytest.mark.parametrize("hours", [0, -1, 1.5])
def test_only_whole_hours_are_collected(hours: float, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="whole hours"):
        collect(TARGET, HOUR, HOUR + timedelta(hours=hours), estate_ports(tmp_path, Counting(), Silent()), NOW)


@pytest.mark.parametrize(("name", "slug"), [("prod-ml", "prod-ml"), ("Prod ML/1", "prod-ml-1"), ("42", "c-42"), ("x" * 80, "x" * 63)])
def test_a_clusters_folder_is_a_slug(name: str, slug: str) -> None:
    assert slug_of(name) == slug
    with pytest.raises(BadInput, match="no letter"):
        slug_of("///")
