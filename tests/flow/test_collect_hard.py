"""Collecting from a store that is too weak, that dies half-way, whose clock is wrong; into a store that is down. The rows stay the same."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
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
from trimtab.errors import BadInput, Overloaded, TooLarge, TrimtabError, Upstream
from trimtab.flow.collect import Collected, CollectPorts, collect
from trimtab.flow.collect_ask import Asking, cuts, parts
from trimtab.flow.collect_buffer import Buffer
from trimtab.ports import Metrics
from trimtab.records import ClusterUid, MetricSeries
from trimtab.sources.prometheus import Target
from trimtab.sources.promql import QUERIES, Query

NOW = datetime(2026, 8, 3, 9, 5, tzinfo=UTC)
LIVE = CLUSTERS[3].cluster
TARGET = Target(cluster_uid=LIVE.uid, cluster=LIVE.name, pools=tuple(pool.name for pool in LIVE.pools))
HOURS = 8


@pytest.fixture(scope="module")
def estate() -> Iterator[Metrics]:
    transport = prometheus_transport(LIVE.uid, clock=lambda: NOW)
    with http.client(["prometheus.test"], transport=transport) as client:
        yield Remembering(PrometheusMetrics("https://prometheus.test", client))


@dataclass
class Remembering:
    """Answers the same question from memory: the estate's evaluator is honest, not fast."""

    inner: Metrics
    known: dict[tuple[object, ...], tuple[MetricSeries, ...]] = field(default_factory=dict)

    def range(self, query: str, start: datetime, end: datetime, step: int) -> tuple[MetricSeries, ...]:
        key = (query, start, end, step)
        if key not in self.known:
            self.known[key] = self.inner.range(query, start, end, step)
        return self.known[key]

    def now(self) -> datetime:
        return self.inner.now()


@dataclass
class Weak:
    """A store that refuses what is more than so many hours, or, at one hour, what is not narrowed so many times."""

    inner: Metrics
    most: timedelta = timedelta(days=1)
    cut_names: tuple[str, ...] = ()
    cuts: int = 0
    dies_at: int | None = None
    error: TrimtabError = field(default_factory=lambda: Overloaded("too many samples"))
    asked: list[tuple[str, datetime, datetime]] = field(default_factory=list)

    def range(self, query: str, start: datetime, end: datetime, step: int) -> tuple[MetricSeries, ...]:
        if self.dies_at is not None and len(self.asked) >= self.dies_at:
            raise KeyboardInterrupt
        self.asked.append((query, start, end))
        if end - start > self.most:
            raise self.error
        if any(f"({name}" in query or f"({name}{{" in query for name in self.cut_names) and _narrowed(query) < self.cuts:
            raise self.error
        return self.inner.range(query, start, end, step)

    def now(self) -> datetime:
        return self.inner.now()


def _narrowed(query: str) -> int:
    return sum(query.count(f"{label}{sign}") for label in ("pod", "node", "replicaset") for sign in ('=~".*', '!~".*'))


@dataclass
class Shaky:
    """A bucket that is down, or dies, when it is told to."""

    inner: StoreBuckets = field(default_factory=StoreBuckets)
    is_down: bool = False
    dies_at: int | None = None
    puts: list[str] = field(default_factory=list)

    def put(self, url: str, body: bytes) -> bool:
        if self.dies_at is not None and len(self.puts) >= self.dies_at:
            raise KeyboardInterrupt
        self.puts.append(url)
        if self.is_down:
            raise Upstream(f"{url}: no answer")
        return self.inner.put(url, body)


def ports(root: Path, metrics: Metrics, buckets: Shaky | None = None, buffer: Path | None = None, endpoint: str = "one") -> CollectPorts:
    scratch = root / "scratch"
    scratch.mkdir(exist_ok=True, parents=True)
    engine = DuckDb(directories=(), scratch=scratch, memory_mb=256)
    return CollectPorts(
        metrics=metrics, buckets=buckets or Shaky(), engine=engine, scratch=scratch, store=(root / "store").as_uri(),  # type: ignore[arg-type]
        endpoint=endpoint, buffer=Buffer(buffer) if buffer else None,
    )  # fmt: skip


def run(own: CollectPorts, now: datetime = NOW, hours: int = HOURS) -> Collected:
    return collect(TARGET, LAST_DAY, LAST_DAY + timedelta(hours=hours), own, now)


def rows(root: Path) -> list[tuple[object, ...]]:
    found = duckdb.sql(f"SELECT * FROM read_parquet('{root}/store/usage/*/*/usage.parquet') ORDER BY ALL").fetchall()
    assert found
    return list(found)


@pytest.fixture(scope="module")
def wanted(estate: Metrics, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[object, ...]]:
    root = tmp_path_factory.mktemp("wanted")
    run(ports(root, estate))
    return rows(root)


# ── A store that is too weak ─────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("most", [5, 2, 1])
@pytest.mark.parametrize("error", [Overloaded("too many samples"), TooLarge("over 4000000 samples")])
def test_a_store_that_can_answer_few_hours_is_asked_for_few(
    most: int, error: TrimtabError, estate: Metrics, wanted: list[tuple[object, ...]], tmp_path: Path
) -> None:
    weak = Weak(estate, most=timedelta(hours=most), error=error)

    run(ports(tmp_path, weak))

    assert rows(tmp_path) == wanted
    refused = [asked for asked in weak.asked if asked[2] - asked[1] > weak.most]
    assert len(refused) <= 3, "what was refused once is not asked for again with every chunk"


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_an_hour_that_is_too_much_is_cut_by_pods_and_put_together(
    cut: int, estate: Metrics, wanted: list[tuple[object, ...]], tmp_path: Path
) -> None:
    """Nothing may be lost between the parts, nothing be there twice: pods end in anything."""
    weak = Weak(estate, most=timedelta(hours=1), cut_names=("container_cpu_usage_seconds_total", "kube_pod_info"), cuts=cut)

    run(ports(tmp_path, weak), hours=2)

    here = [row for row in wanted if row[0] < (LAST_DAY + timedelta(hours=2)).replace(tzinfo=None)]  # type: ignore[operator]
    assert rows(tmp_path) == here


def test_what_no_cut_makes_small_is_refused_by_its_name(estate: Metrics, tmp_path: Path) -> None:
    weak = Weak(estate, most=timedelta(hours=1), cut_names=("container_cpu_usage_seconds_total",), cuts=99)

    with pytest.raises(Upstream, match=rf"{LIVE.name}: query cpu: one hour from 2026-08-02T00Z, cut 4 times, is still too much"):
        run(ports(tmp_path, weak), hours=1)
    assert not (tmp_path / "store").exists()
    assert len(weak.asked) < 500


def test_parts_of_a_query_are_the_whole_and_do_not_overlap() -> None:
    """By the matchers alone: each name is let through by exactly one of them, also the empty one of a series without the label."""
    import re

    names = ["", "a", "z9", "cart-6d9f7c8b5-x2x4z", "db-0", "UPPER", "ends-", "ünïcode-ö", "n.1"]
    for depth in range(4):
        texts = [part.text for part, _ in parts(QUERIES["cpu"], depth)]
        assert len(texts) == 6
        found = [re.search(r'(\w+)(=~|!~)"([^"]*)"\}', text) for text in texts]
        assert len({match[1] for match in found if match}) == 1
        for name in names:
            let_through = [bool(re.fullmatch(match[3], name)) == (match[2] == "=~") for match in found if match]
            assert sum(let_through) == 1, (name, depth)


def test_only_labels_that_a_query_keeps_are_cut_by() -> None:
    """A maximum over all pods, cut by pods, would be six maxima."""
    assert cuts(Query("max by (node) (kube_node_info{})")) == ("node",)
    assert cuts(Query("max by (resource) (kube_node_status_capacity{})")) == ()
    assert cuts(Query("max without (pod) (kube_pod_info{})")) == ()
    assert cuts(Query("max by (pod) (sum by (pod, node) (kube_pod_info{}))")) == ()
    assert cuts(Query("max_over_time(kube_pod_labels{}[1h])")) == ("pod", "exported_pod")
    assert cuts(Query("max_over_time(kube_node_labels{}[1h])")) == ("node", "exported_node")
    assert cuts(Query("avg_over_time(DCGM_FI_PROF_SM_ACTIVE{}[5m])")) == ("UUID", "pod")
    assert [name for name, query in QUERIES.items() if not cuts(query)] == [], "every query of ours can be cut"
    assert list(parts(Query("max by (resource) (kube_node_status_capacity{})"), 0)) == []


def test_a_series_in_two_parts_is_a_store_that_lies(estate: Metrics) -> None:
    class Lying(Weak):
        def range(self, query: str, start: datetime, end: datetime, step: int) -> tuple[MetricSeries, ...]:
            del start, end, step
            if _narrowed(query) == 0:
                raise Overloaded("no")
            return (MetricSeries({"pod": "a"}, ()),)

    with pytest.raises(Upstream, match="in two parts"):
        Asking(TARGET, Lying(estate)).all_of("cpu", QUERIES["cpu"], LAST_DAY, LAST_DAY + timedelta(hours=1))


def test_more_than_fits_into_memory_is_refused_by_its_query(tmp_path: Path, estate: Metrics) -> None:
    """Not by the machine, in the middle of the night."""

    class Huge(Weak):
        def range(self, query: str, start: datetime, end: datetime, step: int) -> tuple[MetricSeries, ...]:
            del start, end, step
            return (MetricSeries({}, ()),) * 800_000 if "kube_pod_info" in query else ()

    with pytest.raises(TooLarge, match=rf"{LIVE.name}: query pod: 800000 series more than fit"):
        run(ports(tmp_path, Huge(estate)), hours=4)


# ── A run that dies ──────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_killed_run_goes_on_where_it_was(estate: Metrics, wanted: list[tuple[object, ...]], tmp_path: Path) -> None:
    dying = Weak(estate, most=timedelta(hours=2), dies_at=3 * len(QUERIES))
    with pytest.raises(KeyboardInterrupt):
        run(ports(tmp_path, dying))
    second = Weak(estate, most=timedelta(hours=2))

    run(ports(tmp_path, second), now=NOW + timedelta(minutes=4))

    assert rows(tmp_path) == wanted
    read = {start - timedelta(seconds=300) for query, start, _ in second.asked if "kube_node_info" in query}
    assert min(read) > LAST_DAY, "its first hours are on our disk"
    assert list((tmp_path / "scratch").rglob("*.part")) == [], "the next run must see what came late"


@pytest.mark.parametrize("what", ["endpoint", "time", "bytes", "header", "target"])
def test_what_was_read_for_something_else_is_not_used(what: str, estate: Metrics, wanted: list[tuple[object, ...]], tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(ports(tmp_path, Weak(estate, most=timedelta(hours=2), dies_at=3 * len(QUERIES))))
    kept = sorted((tmp_path / "scratch" / "collect").glob("*.part"))
    assert kept
    for path in kept:
        lines = path.read_text().splitlines(keepends=True)
        if what == "bytes":
            path.write_text("".join(lines[:-1]))
        if what == "header":
            path.write_text("".join([json.dumps({"rows": 0, "warnings": []}) + "\n", *lines[1:]]))
    second = Weak(estate, most=timedelta(hours=2))
    target = Target(cluster_uid=ClusterUid("other"), cluster=TARGET.cluster, pools=TARGET.pools) if what == "target" else TARGET
    now = NOW + timedelta(hours=7) if what == "time" else NOW
    own = ports(tmp_path, _At(second, now), endpoint="other" if what == "endpoint" else "one")

    collect(target, LAST_DAY, LAST_DAY + timedelta(hours=HOURS), own, now)

    read = {start - timedelta(seconds=300) for query, start, _ in second.asked if "kube_node_info" in query}
    assert min(read) == LAST_DAY
    if what != "target":
        assert rows(tmp_path) == wanted


@dataclass
class _At:
    """The same store at another time."""

    inner: Metrics
    time: datetime

    def range(self, query: str, start: datetime, end: datetime, step: int) -> tuple[MetricSeries, ...]:
        return self.inner.range(query, start, end, step)

    def now(self) -> datetime:
        return self.time


# ── Clocks ───────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("apart", [timedelta(minutes=6), -timedelta(minutes=6), timedelta(days=400)])
def test_a_store_whose_clock_is_not_ours_is_refused(apart: timedelta, estate: Metrics, tmp_path: Path) -> None:
    """Its newest hours are not over, or it calls other hours by their names: both would look like idle machines."""
    with pytest.raises(Upstream, match=r"its clock says .*, ours 2026-08-03T09:05:00Z: \d+ s apart, at most 300"):
        run(ports(tmp_path, _At(estate, NOW + apart)))


def test_hours_that_are_not_over_in_the_store_are_refused(estate: Metrics, tmp_path: Path) -> None:
    ours = NOW.replace(minute=1)

    with pytest.raises(BadInput, match="2026-08-03T09:00:00Z is not over yet, it is 2026-08-03T08:59:40Z"):
        collect(TARGET, LAST_DAY, NOW.replace(minute=0), ports(tmp_path, _At(estate, ours - timedelta(seconds=80))), ours)


# ── A store that is down ─────────────────────────────────────────────────────────────────────────────────────────────
def files(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in (root / "store").rglob("*") if path.is_file()}


def test_drops_wait_while_the_store_is_down_and_the_next_run_delivers_them(
    estate: Metrics, wanted: list[tuple[object, ...]], tmp_path: Path
) -> None:
    buffer = tmp_path / "buffer"
    first = run(ports(tmp_path, estate, Shaky(is_down=True), buffer))
    assert (first.kept, files(tmp_path)) == (first.drops, {})

    later = NOW + timedelta(hours=1)
    second = run(ports(tmp_path, _At(estate, later), Shaky(), buffer), now=later)

    assert second.delivered == first.drops == second.drops, "the same hours with the same rows are the same drop"
    assert rows(tmp_path) == wanted
    marker = json.loads((Path(second.drops[0].removeprefix("file://"))).read_text())
    assert marker["collected_at"] == "2026-08-03T09:05:00Z", "what was collected later elsewhere must win over it"
    assert Buffer(buffer).waiting() == 0


@pytest.mark.parametrize("dies_at", [0, 1, 2])
def test_a_delivery_that_dies_is_made_again_and_nothing_is_there_twice(dies_at: int, estate: Metrics, tmp_path: Path) -> None:
    buffer = tmp_path / "buffer"
    run(ports(tmp_path, estate, Shaky(is_down=True), buffer))
    with pytest.raises(KeyboardInterrupt):
        run(ports(tmp_path, estate, Shaky(dies_at=dies_at), buffer))

    done = run(ports(tmp_path, estate, Shaky(), buffer))

    assert len(files(tmp_path)) == 2
    assert (len(done.drops), done.kept, Buffer(buffer).waiting()) == (1, (), 0)


def test_a_store_that_is_down_is_tried_once_a_run(estate: Metrics, tmp_path: Path) -> None:
    """Each try may take half a minute."""
    buffer, down = tmp_path / "buffer", Shaky(is_down=True)
    run(ports(tmp_path, estate, down, buffer))
    down.puts.clear()

    run(ports(tmp_path, estate, down, buffer))

    assert len(down.puts) == 1
    assert Buffer(buffer).waiting() == 1


def test_without_a_buffer_a_store_that_is_down_ends_the_run(estate: Metrics, tmp_path: Path) -> None:
    with pytest.raises(Upstream, match="no answer"):
        run(ports(tmp_path, estate, Shaky(is_down=True)))


def test_a_full_buffer_refuses_and_the_hours_stay_owed(estate: Metrics, tmp_path: Path) -> None:
    """Nothing is thrown away for something newer: Prometheus still has the hours, and they are read again."""
    buffer = Buffer(tmp_path / "buffer", most_bytes=10)
    assert buffer.owed_from(LIVE.uid, LAST_DAY, NOW) == LAST_DAY

    with pytest.raises(Upstream, match="full with 0 drops"):
        run(replace(ports(tmp_path, estate, Shaky(is_down=True)), buffer=buffer))

    later = NOW + timedelta(days=3)
    assert buffer.owed_from(LIVE.uid, LAST_DAY + timedelta(days=3), later) == LAST_DAY
    buffer.paid(LIVE.uid)
    assert buffer.owed_from(LIVE.uid, LAST_DAY + timedelta(days=3), later) == LAST_DAY + timedelta(days=3)


def test_hours_are_not_owed_for_longer_than_a_prometheus_has_them(tmp_path: Path) -> None:
    buffer = Buffer(tmp_path)
    buffer.owed_from(LIVE.uid, LAST_DAY, NOW)

    found = buffer.owed_from(LIVE.uid, LAST_DAY + timedelta(days=60), NOW + timedelta(days=60))

    assert found == (NOW + timedelta(days=46)).replace(minute=0)


def test_what_was_collected_for_another_store_waits_for_it(estate: Metrics, tmp_path: Path) -> None:
    """Someone else's store must not get it because a variable was changed."""
    buffer = tmp_path / "buffer"
    run(ports(tmp_path, estate, Shaky(is_down=True), buffer))

    elsewhere = Shaky()
    assert Buffer(buffer).deliver(elsewhere, "file:///elsewhere") == ()  # type: ignore[arg-type]

    assert (elsewhere.puts, Buffer(buffer).waiting()) == ([], 1)


@pytest.mark.parametrize("spoiled", ["about.json", "usage.parquet"])
@pytest.mark.parametrize("body", [b"", b"[]", b'{"store": "STORE", "folder": "usage/../../escape"}', None])
def test_a_buffer_that_was_spoiled_is_named_and_nothing_of_it_goes_out(
    spoiled: str, body: bytes | None, estate: Metrics, tmp_path: Path
) -> None:
    buffer = tmp_path / "buffer"
    run(ports(tmp_path, estate, Shaky(is_down=True), buffer))
    (drop,) = (buffer / "drops").iterdir()
    if body is None:
        (drop / spoiled).unlink()
    elif spoiled == "about.json":
        (drop / spoiled).write_bytes(body.replace(b"STORE", (tmp_path / "store").as_uri().encode()))
    else:
        drop.rename(tmp_path / "away")
        drop.write_bytes(body)

    up = Shaky()
    with pytest.raises(BadInput, match="move it away"):
        run(ports(tmp_path, estate, up, buffer))
    assert up.puts == []


def test_two_runs_of_one_cluster_do_not_work_on_the_same_parts(estate: Metrics, tmp_path: Path) -> None:
    """The first to finish would take away what the other is about to read."""
    own = ports(tmp_path, estate)

    class Meeting(Weak):
        def range(self, query: str, start: datetime, end: datetime, step: int) -> tuple[MetricSeries, ...]:
            del query, start, end, step
            with pytest.raises(Upstream, match="another run"):
                run(own)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(replace(own, metrics=Meeting(estate)))

    assert run(own).rows, "a run that died holds nobody up"


# ── What a run tells ─────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_run_tells_what_was_measured(estate: Metrics, tmp_path: Path) -> None:
    (day,) = run(ports(tmp_path, estate)).days

    assert (day.day, day.hours, day.measured_hours, day.coverage) == (LAST_DAY.date(), HOURS, HOURS, 1.0)
    nodes = {row[4] for row in rows(tmp_path) if row[10] is None and row[4] is not None}
    assert (day.nodes, day.rows > day.pods > day.nodes) == (len(nodes), True)
