"""Collecting: what is read is what ingest accepts, reading twice writes once, and what is not known is not made up."""

import json
from collections.abc import Mapping
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
from trimtab.demo.estate.usage import COLUMNS, prometheus_samples
from trimtab.errors import BadInput
from trimtab.flow.collect import CollectPorts, collect, slug_of, window
from trimtab.ports import Metrics
from trimtab.records import ClusterUid, MetricSeries
from trimtab.sources.prometheus import QUERIES, Target, hourly, pool_of, promql
from trimtab.sources.usage import parse_marker

NOW = datetime(2026, 8, 3, 9, 5, tzinfo=UTC)
HOUR = datetime(2026, 8, 2, 10, tzinfo=UTC)
AT = int(HOUR.timestamp())
STEPS = tuple(range(AT + 300, AT + 3601, 300))
TARGET = Target(cluster_uid=ClusterUid("uid-1"), cluster="prod", pools=("web", "gpu-web"))

Found = Mapping[str, tuple[MetricSeries, ...]]


def steady(labels: dict[str, str], value: float, steps: tuple[int, ...] = STEPS) -> MetricSeries:
    return MetricSeries(labels, tuple((step, value) for step in steps))


def once(labels: dict[str, str], value: float = 1.0) -> MetricSeries:
    return steady(labels, value, (AT + 3600,))


POD = {"namespace": "shop", "pod": "cart-6d9f7c8b5-x2x4z"}
OWNED = {"created_by_kind": "ReplicaSet", "created_by_name": "cart-6d9f7c8b5"}


def series(**more: tuple[MetricSeries, ...]) -> Found:
    """One node, one pod on it, nothing unusual; `more` replaces or adds."""
    return {
        "node": (steady({"node": "n1", "provider_id": "aws:///us-east-1a/i-0abc"}, 5),),
        "capacity": (once({"node": "n1", "resource": "cpu"}, 4), once({"node": "n1", "resource": "memory"}, 16e9)),
        "node_labels": (once({"node": "n1", "label_node_kubernetes_io_instance_type": "m5.xlarge", "label_pool": "web"}),),
        "pod": (steady({**POD, **OWNED, "uid": "u1", "node": "n1"}, 5),),
        "request": (once({**POD, "container": "app", "resource": "cpu"}, 0.5), once({**POD, "container": "proxy", "resource": "cpu"}, 0.1)),
        "cpu": (steady({**POD, "container": "app"}, 0.2), steady({**POD, "container": "proxy"}, 0.05)),
        "memory": (steady({**POD, "container": "app"}, 1e9),),
        "memory_max": (steady({**POD, "container": "app"}, 2e9),),
        **more,
    }


def rows(found: Found) -> list[dict[str, object]]:
    return [dict(zip(COLUMNS, row, strict=True)) for row in hourly(TARGET, found, HOUR, HOUR + timedelta(hours=1)).rows]


def pod_row(found: Found) -> dict[str, object]:
    (row,) = [row for row in rows(found) if row["pod"]]
    return row


def test_a_node_carries_its_capacity_and_a_pod_its_use() -> None:
    node, pod = rows(series())

    assert (node["pod"], node["pool"], node["provider_id"], node["instance_type"]) == (None, "web", "i-0abc", "m5.xlarge")
    assert (node["cpu_capacity"], node["memory_capacity"], node["gpu_capacity"], node["seconds"]) == (4000, 16_000_000_000, 0, 3600)
    assert (pod["workload_kind"], pod["workload"], pod["seconds"], pod["pending"]) == ("Deployment", "cart", 3600, False)
    assert (pod["cpu_request"], pod["cpu_used"], pod["cpu_used_max"]) == (600, 250, 250)
    assert (pod["memory_request"], pod["memory_used"], pod["memory_used_max"]) == (0, 1_000_000_000, 2_000_000_000)
    assert (pod["gpu_request"], pod["gpu_compute_used"]) == (0, None)


def test_what_has_no_series_is_unknown_and_never_zero() -> None:
    pod = pod_row(series(cpu=(), memory=(), memory_max=(), request=()))

    unknown = ("cpu_request", "cpu_used", "cpu_used_max", "memory_request", "memory_used", "memory_used_max", "gpu_request")
    assert [pod[name] for name in unknown] == [None] * len(unknown)


def test_the_same_target_scraped_by_two_jobs_counts_once() -> None:
    """A second ServiceMonitor on the kubelet would otherwise double every pod."""
    twice = (steady({**POD, "container": "app"}, 0.2), steady({**POD, "container": "app"}, 0.2))

    assert pod_row(series(cpu=twice))["cpu_used"] == 200


def test_labels_that_prometheus_renamed_are_read_first() -> None:
    renamed = {"exported_namespace": "shop", "exported_pod": POD["pod"], "namespace": "monitoring", "pod": "kube-state-metrics-0"}
    found = series(pod=(steady({**renamed, **OWNED, "uid": "u1", "node": "n1"}, 5),))

    assert (pod_row(found)["namespace"], pod_row(found)["pod"]) == ("shop", POD["pod"])


def test_time_is_counted_by_scrapes_so_that_a_missed_one_is_nobodys_loss() -> None:
    three = (steady({"node": "n1"}, 3),)
    half = (steady({**POD, **OWNED, "uid": "u1", "node": "n1"}, 3, STEPS[:6]),)

    assert pod_row(series(node=three, pod=half))["seconds"] == 1800
    assert rows(series(node=three, pod=half))[0]["seconds"] == 3600


def test_a_finished_pod_is_not_billed_for_lying_around() -> None:
    """A Job's pods stay listed for hours after they ended."""
    ended = (steady({**POD, "uid": "u1", "phase": "Succeeded"}, 5, STEPS[4:]),)

    assert pod_row(series(ended=ended))["seconds"] == 1200


def test_a_pod_without_a_node_waits_and_its_pool_is_where_its_siblings_are() -> None:
    waiting = {"namespace": "shop", "pod": "cart-6d9f7c8b5-aaaaa"}
    both = (*series()["pod"], steady({**waiting, **OWNED, "uid": "u2", "node": ""}, 5))
    asks = (*series()["request"], once({**waiting, "container": "app", "resource": "cpu"}, 0.5))

    (row,) = [row for row in rows(series(pod=both, request=asks)) if row["pending"]]
    assert (row["node"], row["pool"], row["cpu_request"], row["cpu_used"]) == (None, "web", 500, None)


def test_a_pod_on_a_node_that_nobody_knows_is_left_out_by_name() -> None:
    stray = (*series()["pod"], steady({"namespace": "x", "pod": "stray", "uid": "u3", "node": "elsewhere"}, 5))

    found = hourly(TARGET, series(pod=stray), HOUR, HOUR + timedelta(hours=1))

    assert len(found.rows) == 2
    assert "elsewhere" in found.warnings[0]


def test_a_node_of_unknown_capacity_is_left_out_by_name() -> None:
    found = hourly(TARGET, series(capacity=()), HOUR, HOUR + timedelta(hours=1))

    assert found.rows == ()
    assert "n1" in found.warnings[0]


def test_pod_labels_stand_over_namespace_labels() -> None:
    found = series(
        pod_labels=(once({**POD, "label_team": "web", "label_app_kubernetes_io_name": "cart"}),),
        namespace_labels=(
            once({"namespace": "shop", "label_team": "shop", "label_env": "prod", "label_kubernetes_io_metadata_name": "shop"}),
        ),
    )

    assert json.loads(str(pod_row(found)["labels"])) == {"app.kubernetes.io/name": "cart", "env": "prod", "team": "web"}


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({"label_pool": "web"}, "web"),
        ({"label_eks_amazonaws_com_nodegroup": "prod-web"}, "web"),
        ({"label_eks_amazonaws_com_nodegroup": "prod-gpu-web"}, "gpu-web"),
        ({"label_cloud_google_com_gke_nodepool": "karpenter"}, None),
        ({}, None),
    ],
)
def test_a_node_belongs_to_a_pool_that_palette_knows_or_to_none(labels: dict[str, str], expected: str | None) -> None:
    assert pool_of(labels, TARGET.pools) == expected


@pytest.mark.parametrize(
    ("created_by", "owner", "expected"),
    [
        (("ReplicaSet", "cart-6d9f7c8b5"), None, ("Deployment", "cart")),
        (("ReplicaSet", "cart-6d9f7c8b5"), ("Rollout", "cart"), ("Rollout", "cart")),
        (("ReplicaSet", "plain"), None, ("ReplicaSet", "plain")),
        (("StatefulSet", "db"), None, ("StatefulSet", "db")),
        (("<none>", "<none>"), None, ("Pod", POD["pod"])),
        (("Node", "n1"), None, ("Pod", POD["pod"])),
    ],
)
def test_a_pod_belongs_to_the_controller_that_people_know(
    created_by: tuple[str, str], owner: tuple[str, str] | None, expected: tuple[str, str]
) -> None:
    created = {"created_by_kind": created_by[0], "created_by_name": created_by[1]}
    owners = (once({"namespace": "shop", "replicaset": created_by[1], "owner_kind": owner[0], "owner_name": owner[1]}),) if owner else ()

    row = pod_row(series(pod=(steady({**POD, **created, "uid": "u1", "node": "n1"}, 5),), owner=owners))
    assert (row["workload_kind"], row["workload"]) == expected


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


def estate_ports(root: Path, buckets: Counting, metrics: Metrics | None = None) -> CollectPorts:
    there = PrometheusMetrics(
        "https://prometheus.test", http.client(["prometheus.test"], transport=prometheus_transport(ESTATE.cluster.uid))
    )
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
    assert (drop.cluster_uid, drop.slug, drop.collected_at) == (ESTATE.cluster.uid, "prod-ml", NOW)
    assert (drop.start, drop.end) == (LAST_DAY, LAST_DAY + timedelta(hours=2))
    wanted = prometheus_samples(ESTATE.cluster.uid, LAST_DAY, LAST_DAY + timedelta(hours=2))
    names = ", ".join(f'"{name}"' for name in ("hour", "pool", "node", "namespace", "pod", "seconds", "cpu_request", "gpu_request"))
    found = duckdb.sql(f"SELECT {names} FROM read_parquet('{drop.files[0].removeprefix('file://')}')").fetchall()
    keys = ("hour", "pool", "node", "namespace", "pod", "seconds", "cpu_request", "gpu_request")
    assert sorted(map(str, found)) == sorted(str(tuple(row[key] for key in keys)) for row in wanted)


def test_the_same_hours_again_change_nothing(tmp_path: Path) -> None:
    first = run(estate_ports(tmp_path, Counting()))
    before = files(tmp_path)

    again = run(estate_ports(tmp_path, Counting()), now=NOW + timedelta(hours=1))

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
