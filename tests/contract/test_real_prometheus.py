"""The whole way from a real Prometheus and a real VictoriaMetrics into the lake, against numbers worked out by hand.

What happens in the cluster is said in tests/exported_cluster.py.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

from tests.contract.conftest import s3_options
from tests.exported_cluster import GIB, MIB, exposition, open_metrics, samples
from tests.prometheus_servers import prometheus, victoria_metrics
from tests.tls_server import Seen, served
from trimtab.adapters import http
from trimtab.adapters.duckdb import DuckDb
from trimtab.adapters.prometheus.client import PrometheusMetrics
from trimtab.adapters.store.buckets import StoreBuckets
from trimtab.cli.main import app
from trimtab.errors import BadInput, TrimtabError
from trimtab.flow.collect import Collected, CollectPorts, collect
from trimtab.flow.collect_buffer import Buffer
from trimtab.records import ClusterUid
from trimtab.sources.prometheus import Target
from trimtab.sources.usage import folder_of

ROOT = Path(__file__).parents[2]
HOURS = 3
TARGET = Target(cluster_uid=ClusterUid("uid-1"), cluster="prod", pools=("web", "gpu"))


@pytest.fixture(scope="module")
def start() -> datetime:
    """Two days ago at midnight: a store's clock is the real one, and so must the data's be."""
    return (datetime.now(UTC) - timedelta(days=2)).replace(hour=0, minute=0, second=0, microsecond=0)


@pytest.fixture(scope="module")
def prometheus_url(start: datetime, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with prometheus(tmp_path_factory.mktemp("prometheus"), open_metrics(samples(start))) as url:
        yield url


@pytest.fixture(scope="module")
def victoria_url(start: datetime, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with victoria_metrics(tmp_path_factory.mktemp("victoria"), exposition(samples(start))) as url:
        yield url


def collected(url: str, root: Path, start: datetime, hours: int = HOURS) -> Collected:
    scratch = root / "scratch"
    scratch.mkdir(parents=True)
    with http.client([], private=["127.0.0.1"]) as client:
        own = CollectPorts(
            metrics=PrometheusMetrics(url, client), buckets=StoreBuckets(), engine=DuckDb(directories=(), scratch=scratch, memory_mb=256),
            scratch=scratch, store=(root / "store").as_uri(),
        )  # fmt: skip
        return collect(TARGET, start, start + timedelta(hours=hours), own, datetime.now(UTC))


def dropped(root: Path) -> list[dict[str, object]]:
    found = duckdb.sql(f"SELECT * FROM read_parquet('{root}/store/usage/*/*/usage.parquet') ORDER BY hour, node, pod NULLS FIRST")
    return [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]


@pytest.fixture(scope="module")
def rows(prometheus_url: str, start: datetime, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, object]]:
    root = tmp_path_factory.mktemp("rows")
    collected(prometheus_url, root, start)
    return dropped(root)


Find = Callable[..., list[dict[str, object]]]


@pytest.fixture(scope="module")
def of(rows: list[dict[str, object]], start: datetime) -> Find:
    def find(hour: int, **wanted: object) -> list[dict[str, object]]:
        at = (start + timedelta(hours=hour)).replace(tzinfo=None)
        return [row for row in rows if row["hour"] == at and all(row[name] == value for name, value in wanted.items())]

    return find


def values(row: dict[str, object], *names: str) -> tuple[object, ...]:
    return tuple(row[name] for name in names)


# ── By hand ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_there_is_a_row_for_each_node_and_pod_of_each_hour_and_no_other(rows: list[dict[str, object]]) -> None:
    """Four nodes and four pods in each of three hours, and in the last one the pod that moved on both of its nodes."""
    assert len(rows) == 3 * (4 + 4) + 1


def test_a_node_is_what_kube_state_metrics_says(of: Find) -> None:
    (node,) = of(0, node="n1", pod=None)

    names = ("pool", "provider_id", "instance_type", "seconds", "cpu_capacity", "memory_capacity", "gpu_capacity")
    assert values(node, *names) == ("web", "i-0n1", "m5.xlarge", 3600, 4000, 16 * GIB, 0)


def test_a_pod_used_what_its_container_used_and_nothing_twice(of: Find) -> None:
    """12 seconds a minute are 200 m; cAdvisor tells of the pod's cgroup and its pause container too. 6000 bytes a minute."""
    (cart,) = of(0, workload="cart")

    names = ("workload_kind", "pod", "node", "cpu_request", "cpu_used", "cpu_used_max", "memory_used", "memory_used_max", "network_sent")
    assert values(cart, *names) == ("Deployment", "cart-6d9f7c8b5-x2x4z", "n1", 500, 200, 200, GIB, GIB, 360_000)


def test_a_gap_is_unknown_and_never_idle(of: Find) -> None:
    """Twenty minutes nobody scraped: 2400 seconds were seen, and over those the pod did what it always does."""
    (cart,) = of(1, workload="cart")
    (node,) = of(1, node="n7", pod=None)

    assert values(cart, "seconds", "cpu_used", "memory_used") == (2400, 200, GIB)
    assert node["seconds"] == 2400


def test_a_counter_that_begins_again_is_no_leap(of: Find) -> None:
    """The container restarted at 01:50; a plain difference would be -120,000 seconds, its absolute value 33 hours of work."""
    (cart,) = of(1, workload="cart")

    assert cart["cpu_used_max"] == 200


def test_a_pod_that_moves_is_on_each_node_for_its_own_time(of: Find) -> None:
    moved = of(2, workload="db")

    assert [values(row, "node", "seconds", "cpu_used", "cpu_request", "memory_used") for row in moved] == [
        ("n1", 1800, 500, 1000, 3 * GIB),
        ("n2", 1800, 500, 1000, 3 * GIB),
    ]


def test_a_mig_slice_is_a_seventh_and_belongs_to_the_pod_and_not_to_its_exporter(of: Find) -> None:
    """0.7 of one slice is a tenth of the GPU; 8000 MiB are MiB in this generation."""
    (train,) = of(0, workload="train")

    names = ("node", "gpu_request", "gpu_sharing", "gpu_shares", "gpu_shares_of", "gpu_compute_used", "gpu_memory_used_max")
    assert values(train, *names) == ("n7", 143, "mig", 1, 7, 100, 8000 * MIB)
    assert of(0, namespace="gpu-operator") == []


def test_the_new_exporters_names_and_units_are_the_same_facts(of: Find) -> None:
    """Ratios and bytes; that a kernel ran all the time (GPU_UTIL_RATIO 1.0) is no work."""
    (chat,) = of(0, workload="chat")

    names = ("node", "gpu_request", "gpu_sharing", "gpu_compute_used", "gpu_compute_used_max", "gpu_memory_used_max")
    assert values(chat, *names) == ("n8", 1000, None, 500, 500, 30_000 * MIB)


def test_what_was_not_measured_is_null(of: Find) -> None:
    (train,) = of(0, workload="train")

    assert values(train, "cpu_used", "memory_used", "network_sent") == (None, None, None)


def test_victoria_metrics_tells_the_same_rows(victoria_url: str, rows: list[dict[str, object]], start: datetime, tmp_path: Path) -> None:
    """Its rate does not extrapolate and it fills gaps in its own way; in what we make of it there is no difference."""
    collected(victoria_url, tmp_path, start)

    assert dropped(tmp_path) == rows


# ── Limits of the real ones ──────────────────────────────────────────────────────────────────────────────────────────
def test_a_real_prometheus_that_may_load_little_tells_the_same_rows_in_pieces(
    rows: list[dict[str, object]], start: datetime, tmp_path: Path
) -> None:
    with prometheus(tmp_path / "server", open_metrics(samples(start)), "--query.max-samples=130") as url:
        collected(url, tmp_path, start)

    assert dropped(tmp_path) == rows


def test_a_real_victoria_metrics_that_may_match_little_tells_the_same_rows_in_pieces(
    rows: list[dict[str, object]], start: datetime, tmp_path: Path
) -> None:
    with victoria_metrics(tmp_path / "server", exposition(samples(start)), "-search.maxUniqueTimeseries=14") as url:
        collected(url, tmp_path, start)

    assert dropped(tmp_path) == rows


# ── As its user runs it ──────────────────────────────────────────────────────────────────────────────────────────────
def trimtab(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TRIMTAB_")}
    environ = clean | {"PYTHONPATH": f"{ROOT / 'shared'}{os.pathsep}{ROOT}"}
    command = [sys.executable, "-m", "trimtab.cli.main", *words]
    return subprocess.run(command, cwd=cwd, env=environ, capture_output=True, text=True, check=False, timeout=120)


def test_one_command_brings_a_clusters_usage_into_the_lake(prometheus_url: str, start: datetime, tmp_path: Path) -> None:
    """And the next one over the same hours changes nothing."""
    words = (
        "collect", "--prometheus", prometheus_url, "--cluster", "prod=uid-1", "--pool", "web", "--pool", "gpu",
        "--from", start.date().isoformat(), "--to", f"{start:%Y-%m-%d}T03:00Z", "--store", f"file://{tmp_path}/store",
    )  # fmt: skip
    first = trimtab(*words, cwd=tmp_path)
    again = trimtab(*words, "--format", "json", cwd=tmp_path)

    assert first.returncode == 0, first.stderr
    assert [word for word in first.stdout.split() if word == "88.9%"], first.stdout
    assert "3/3" in first.stdout
    assert "25 rows are in the lake" in " ".join(first.stderr.split())
    assert "coverage below 95% on 1 of 1 days" in " ".join(first.stderr.split())
    said = json.loads(again.stdout)
    assert (said["cluster"], said["rows"], said["in_lake"], said["kept"]) == ("prod", 25, True, [])
    assert (said["days"][0]["nodes"], said["days"][0]["pods"], said["days"][0]["measured_hours"]) == (4, 4, 3)
    lake = duckdb.sql(f"SELECT count(*), sum(seconds) FROM read_parquet('{tmp_path}/store/default/lake/usage/**/*.parquet')").fetchall()
    assert lake == [(25, 8 * 3600 + 8 * 2400 + 8 * 3600)]


@dataclass
class CreateOnly:
    """A bucket as the collector's role sees it: it can create objects, and neither read, list nor replace any."""

    kept: dict[str, bytes] = field(default_factory=dict)
    is_down: bool = False

    def __call__(self, seen: Seen) -> tuple[int, bytes]:
        if self.is_down:
            return 400, b"<Error><Code>SlowDownForGood</Code></Error>"
        if seen.method != "PUT" or seen.headers.get("if-none-match") != "*":
            return 403, b"<Error><Code>AccessDenied</Code></Error>"
        if seen.path in self.kept:
            return 412, b"<Error><Code>PreconditionFailed</Code></Error>"
        self.kept[seen.path] = seen.body
        return 200, b""


def test_a_collector_in_the_cluster_needs_no_more_than_to_create(prometheus_url: str, start: datetime, tmp_path: Path) -> None:
    """The store is down at first and its drops wait, then they come, and the same hours again are nothing new."""
    bucket = CreateOnly(is_down=True)
    with served(bucket) as server, http.client([], private=["127.0.0.1"]) as client:
        own = CollectPorts(
            metrics=PrometheusMetrics(prometheus_url, client), buckets=StoreBuckets(options=s3_options(server.url)),
            engine=DuckDb(directories=(), scratch=tmp_path, memory_mb=256), scratch=tmp_path, store="s3://usage-drops/trimtab",
            buffer=Buffer(tmp_path / "buffer"),
        )  # fmt: skip
        runs = []
        for is_down in (True, False, False):
            bucket.is_down = is_down
            runs.append(collect(TARGET, start, start + timedelta(hours=HOURS), own, datetime.now(UTC)))

    down, delivered, again = runs
    assert (down.kept, down.drops) == (delivered.delivered, again.drops)
    assert (delivered.kept, again.kept, again.delivered) == ((), (), ())
    assert sorted(path.rsplit("/", 1)[1] for path in bucket.kept) == ["_complete.json", "usage.parquet"]
    assert all(path.startswith(f"/usage-drops/trimtab/usage/{folder_of(TARGET.cluster, TARGET.cluster_uid)}/") for path in bucket.kept)


def test_a_command_whose_store_is_down_keeps_its_drops_and_says_so(prometheus_url: str, start: datetime, tmp_path: Path) -> None:
    store = tmp_path / "store"
    store.mkdir()
    (store / "usage").write_text("in the way")
    words = (
        "collect", "--prometheus", prometheus_url, "--cluster", "prod=uid-1", "--from", start.date().isoformat(),
        "--to", f"{start:%Y-%m-%d}T03:00Z", "--store", store.as_uri(), "--buffer", str(tmp_path / "buffer"),
    )  # fmt: skip
    down = trimtab(*words, cwd=tmp_path)
    (store / "usage").unlink()
    again = trimtab(*words, "--format", "json", cwd=tmp_path)

    assert (down.returncode, again.returncode) == (3, 0), down.stderr + again.stderr
    assert "waits in the buffer" in " ".join(down.stdout.split())
    assert f"{store.as_uri()} takes no drops; 1 waits in {tmp_path}/buffer for the next run" in " ".join(down.stderr.split())
    said = json.loads(again.stdout)
    assert (len(said["delivered"]), said["delivered"] == said["drops"], said["in_lake"]) == (1, True, True)


def test_hours_that_nobody_measured_are_an_answer_of_no(prometheus_url: str, start: datetime, tmp_path: Path) -> None:
    day = (start - timedelta(days=5)).date().isoformat()
    done = trimtab(
        "collect", "--prometheus", prometheus_url, "--cluster", "prod=uid-1", "--from", day, "--to", f"{day}T02:00Z",
        "--store", f"file://{tmp_path}/store", cwd=tmp_path,
    )  # fmt: skip

    assert done.returncode == 1
    assert "unknown, not idle" in done.stderr
    assert "does it scrape kube-state-metrics?" in " ".join(done.stderr.split())


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--cluster", "prod"), 2, "expected NAME=UID"),
        (("--cluster", "prod=uid-1", "--from", "soon"), 2, "--from 'soon': expected a day"),
        (("--cluster", "prod=uid-1", "--from", "2026-08-01T10:00"), 2, "no time zone"),
        (("--cluster", "prod=uid-1", "--from", "2026-08-01T10:30Z", "--to", "2026-08-01T12:00Z"), 2, "whole hours"),
        (("--cluster", "prod=uid-1", "--match", "a b=c"), 2, "LABEL=VALUE"),
        (("--cluster", "prod=uid-1", "--auth", "bearer"), 2, "no token"),
        (("--cluster", "prod=uid-1", "--auth", "aws"), 2, "region"),
        (("--cluster", "prod=uid-1"), 3, "web page"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_an_exit_code(words: tuple[str, ...], code: int, said: str, tmp_path: Path) -> None:
    with served(lambda _: (200, b"<html><title>Sign in</title></html>")) as server:
        done = CliRunner().invoke(app, ["collect", "--prometheus", server.url, *words, "--store", f"file://{tmp_path}/store"])

    assert isinstance(done.exception, TrimtabError), done.exception
    assert (done.exception.exit_code, done.stdout) == (code, "")
    assert said in str(done.exception)
    assert "\n" not in str(done.exception)


def test_how_to_reach_an_endpoint_is_not_said_without_one(tmp_path: Path) -> None:
    """It would be passed over in silence."""
    done = CliRunner().invoke(app, ["collect", "--cluster", "a=b", "--tenant", "t", "--store", f"file://{tmp_path}/store"])

    assert isinstance(done.exception, BadInput)
    assert "--prometheus" in str(done.exception)


def test_the_deployments_own_endpoint_needs_no_url(prometheus_url: str, start: datetime, tmp_path: Path) -> None:
    """And its secrets go to it, and to no URL that somebody typed."""
    seen = []
    store = tmp_path / "store"
    store.mkdir()
    with served(lambda request: (seen.append(request), (500, b""))[1]) as typed:  # type: ignore[func-returns-value]
        endpoint = {"cluster_uid": "uid-1", "url": prometheus_url, "auth": "bearer"}
        (store / "settings.json").write_text(
            json.dumps({"metrics": [endpoint], "metrics_secrets": '{"uid-1": {"token": "EXAMPLE-token"}}'})
        )
        words = ["collect", "--cluster", "prod=uid-1", "--from", start.date().isoformat(), "--to", f"{start:%Y-%m-%d}T01:00Z"]
        there = CliRunner().invoke(app, [*words, "--store", store.as_uri(), "--format", "json"])
        elsewhere = CliRunner().invoke(app, [*words, "--store", store.as_uri(), "--prometheus", typed.url, "--auth", "bearer"])

    assert there.exit_code == 0, there.exception
    assert json.loads(there.stdout)["rows"] == 8
    assert isinstance(elsewhere.exception, BadInput)
    assert seen == []


# ── Staleness ────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_pod_that_goes_away_is_gone_at_once(tmp_path: Path) -> None:
    """Prometheus looks back five minutes, unless a series was marked as ended; the mark is a NaN and must not reach us as a number."""
    pods = {"stays", "goes"}

    def exporter(_: Seen) -> tuple[int, bytes]:
        return 200, "".join(f'kube_pod_info{{pod="{pod}"}} 1\n' for pod in sorted(pods)).encode()

    with served(exporter) as target:
        jobs = f"[{{job_name: pods, static_configs: [{{targets: ['{target.url.removeprefix('http://')}']}}]}}]"
        config = f"global: {{scrape_interval: 250ms, scrape_timeout: 250ms}}\nscrape_configs: {jobs}\n"
        with prometheus(tmp_path / "server", "", config=config) as url, http.client([], private=["127.0.0.1"]) as client:
            metrics = PrometheusMetrics(url, client)
            assert _seen_in_time(metrics, {"stays", "goes"})
            pods.remove("goes")
            assert _seen_in_time(metrics, {"stays"})


def _seen_in_time(metrics: PrometheusMetrics, wanted: set[str]) -> bool:
    """Whether the newest points are of these pods, well before the five minutes are over."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        now = datetime.now(UTC).replace(microsecond=0)
        found = metrics.range("kube_pod_info", now, now, 1)
        if {series.labels["pod"] for series in found if series.points} == wanted:
            return True
        time.sleep(0.2)
    return False
