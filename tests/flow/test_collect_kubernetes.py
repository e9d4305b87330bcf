"""`trimtab collect --kube`: the cluster's API is read once, its facts stand in the drop, and a run without it never passes for one with."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from tests.kube_world import ApiServer, meta, pod, serving
from tests.metric_series import HOUR, POD, TARGET, Found, series
from trimtab.adapters.duckdb import DuckDb
from trimtab.adapters.kubernetes.client import KubernetesApi
from trimtab.adapters.store.buckets import StoreBuckets
from trimtab.cli.collect import _kubernetes
from trimtab.errors import BadInput, Upstream
from trimtab.flow.collect import Collected, CollectPorts, collect
from trimtab.ports import Kubernetes
from trimtab.records import MetricSeries
from trimtab.sources.promql import QUERIES, promql

NOW = datetime(2026, 8, 2, 11, 5, tzinfo=UTC)
OWNER = ("ReplicaSet", "cart-6d9f7c8b5")


@dataclass
class Recorded:
    """A store that answers each query with its series."""

    found: Found = field(default_factory=series)
    asked: list[tuple[str, datetime, datetime, int]] = field(default_factory=list)

    def range(self, query: str, start: datetime, end: datetime, step: int) -> tuple[MetricSeries, ...]:
        self.asked.append((query, start, end, step))
        name = next(name for name, each in QUERIES.items() if promql(each, TARGET.matchers) == query)
        return self.found.get(name, ())

    def now(self) -> datetime:
        return NOW


def run(root: Path, kubernetes: Kubernetes | None) -> Collected:
    scratch = root / "scratch"
    scratch.mkdir(exist_ok=True)
    engine = DuckDb(directories=(), scratch=scratch, memory_mb=256)
    ports = CollectPorts(
        metrics=Recorded(), buckets=StoreBuckets(), engine=engine, scratch=scratch, store=root.as_uri(), kubernetes=kubernetes
    )
    return collect(TARGET, HOUR, HOUR + timedelta(hours=1), ports, NOW)


def dropped(made: Collected) -> tuple[object, ...]:
    (url,) = made.drops
    file = url.removeprefix("file://").replace("_complete.json", "usage.parquet")
    rows: list[tuple[object, ...]] = duckdb.execute(
        f"SELECT labels, disruptions_allowed, own_node, scaled_by FROM '{file}' WHERE pod IS NOT NULL"
    ).fetchall()
    (only,) = rows
    return only


def served() -> ApiServer:
    return ApiServer({
        "pods": [pod(POD["pod"], owner=OWNER, uid="u1", labels={"app": "cart"})],
        "namespaces": [{"metadata": meta("shop", labels={"team": "web"})}],
    })  # fmt: skip


def test_the_facts_of_the_api_are_in_the_drop(tmp_path: Path) -> None:
    with serving(served()) as api:
        made = run(tmp_path, KubernetesApi.of(api.kubeconfig(tmp_path), "prod", lambda _: None))

    assert dropped(made) == ('{"app": "cart", "team": "web"}', -1, False, "")
    assert len(api.asked("pods")) == 1


def test_without_the_api_they_are_empty(tmp_path: Path) -> None:
    assert dropped(run(tmp_path, None)) == ("{}", None, None, None)


def test_a_cluster_whose_api_does_not_answer_leaves_no_drop_that_looks_whole(tmp_path: Path) -> None:
    """The CronJob fails and runs again; its metrics are still there."""
    with serving(served()) as api:
        api.forbidden = set(api.objects) | {"nodes", "replica_sets", "jobs", "budgets", "autoscalers", "volumes", "claims"}

        with pytest.raises(Upstream, match="nothing could be read"):
            run(tmp_path, KubernetesApi.of(api.kubeconfig(tmp_path), None, lambda _: None))

    assert not (tmp_path / "usage").exists()


def test_what_could_not_be_read_is_said_by_the_run(tmp_path: Path) -> None:
    with serving(served()) as api:
        api.forbidden = {"budgets"}
        made = run(tmp_path, KubernetesApi.of(api.kubeconfig(tmp_path), None, lambda _: None))

    assert any("budgets were not read: HTTP 403" in warning for warning in made.warnings)


def test_a_kubeconfig_without_kube_is_a_mistake_that_is_said(tmp_path: Path) -> None:
    """Who names one expects it to be read."""
    with pytest.raises(BadInput, match="add --kube"):
        _kubernetes(tmp_path / "kubeconfig", None, is_asked=False)

    assert _kubernetes(None, None, is_asked=False) is None
