"""The last day comes from Prometheus; what a collector works out of it must be what a usage drop would have said."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import httpx
import pytest

from trimtab.adapters.prometheus.client import PrometheusMetrics
from trimtab.demo.estate.clusters import CLUSTERS
from trimtab.demo.estate.metrics import estate_prometheus, prometheus_transport
from trimtab.demo.estate.model import END, LAST_DAY
from trimtab.demo.estate.usage import COLUMNS, prometheus_samples
from trimtab.sources.prometheus import Target, hourly
from trimtab.sources.promql import QUERIES, promql

UIDS = {cluster.cluster.name: cluster.cluster.uid for cluster in CLUSTERS}


@pytest.fixture(scope="module", params=["prod-ml", "staging-web"])
def cluster(request: pytest.FixtureRequest) -> str:
    name = request.param
    assert isinstance(name, str)
    return name


@pytest.fixture(scope="module")
def prometheus(cluster: str) -> Iterator[httpx.Client]:
    with httpx.Client(transport=prometheus_transport(UIDS[cluster]), base_url="http://prometheus.test") as client:
        yield client


def _hours(client: httpx.Client, query: str, day: datetime = LAST_DAY) -> list[dict[str, Any]]:
    window = {"start": f"{day.timestamp() + 3600}", "end": f"{day.timestamp() + 86400}", "step": "1h"}
    answer = client.get("/api/v1/query_range", params={"query": query} | window).json()
    assert answer["data"]["resultType"] == "matrix"
    result: list[dict[str, Any]] = answer["data"]["result"]
    return result


def _values(result: list[dict[str, Any]], pod: str = "pod", namespace: str = "namespace") -> dict[tuple[str, str, datetime], float]:
    """Each value under the start of the hour it tells of."""
    return {
        (series["metric"][namespace], series["metric"][pod], datetime.fromtimestamp(at - 3600, UTC).replace(tzinfo=None)): float(value)
        for series in result
        for at, value in series["values"]
        if pod in series["metric"]
    }


def _expected(cluster: str, column: str) -> dict[tuple[str, str, datetime], Any]:
    return {
        (str(row["namespace"]), str(row["pod"]), cast("datetime", row["hour"])): row[column]
        for row in prometheus_samples(UIDS[cluster])
        if row["pod"] is not None and row[column] is not None
    }


def test_cpu_by_rate_is_what_the_hourly_rows_say(prometheus: httpx.Client, cluster: str) -> None:
    found = _values(
        _hours(prometheus, 'sum by (namespace, pod) (max_over_time(rate(container_cpu_usage_seconds_total{container!=""}[5m])[1h:5m]))')
    )
    expected = _expected(cluster, "cpu_used_max")

    assert found.keys() == expected.keys()
    whole = {key for key, seconds in _expected(cluster, "seconds").items() if seconds == 3600}
    assert all(found[key] * 1000 == pytest.approx(expected[key], abs=0.6) for key in whole & found.keys())


def test_memory_is_what_the_hourly_rows_say(prometheus: httpx.Client, cluster: str) -> None:
    found = _values(_hours(prometheus, "max_over_time(container_memory_working_set_bytes[1h])"))

    assert found == _expected(cluster, "memory_used_max")


def test_gpu_activity_is_what_the_hourly_rows_say(prometheus: httpx.Client, cluster: str) -> None:
    result = _hours(prometheus, "1000 * max_over_time(DCGM_FI_PROF_SM_ACTIVE[1h])")
    found = _values(result, "exported_pod", "exported_namespace")
    expected = _expected(cluster, "gpu_compute_used_max")

    assert found.keys() == expected.keys()
    assert found == pytest.approx(expected)


def test_a_free_gpu_has_a_series_without_a_pod() -> None:
    """The exporter goes on about a device that nobody holds; no pod label is not no device."""
    with httpx.Client(transport=prometheus_transport(UIDS["prod-ml"]), base_url="http://prometheus.test") as client:
        labels = [series["metric"] for series in _hours(client, "max_over_time(DCGM_FI_PROF_SM_ACTIVE[1h])")]

    assert any("exported_pod" not in metric for metric in labels)
    assert len({metric["UUID"] for metric in labels}) == 7


def test_the_pool_that_nothing_measures_has_no_series() -> None:
    with httpx.Client(transport=prometheus_transport(UIDS["staging-web"]), base_url="http://prometheus.test") as client:
        nodes = client.get("/api/v1/query", params={"query": "kube_node_labels", "time": END.timestamp()}).json()["data"]["result"]
        pods = client.get("/api/v1/query", params={"query": 'kube_pod_info{namespace="jobs"}', "time": END.timestamp()}).json()["data"][
            "result"
        ]

    assert {node["metric"]["label_pool"] for node in nodes} == {"web"}
    assert pods == []


def test_a_waiting_pod_is_pending_without_a_node() -> None:
    day = datetime(2026, 7, 1, tzinfo=UTC)
    transport = prometheus_transport(UIDS["prod-data"], day, day + timedelta(days=1))
    with httpx.Client(transport=transport, base_url="http://prometheus.test") as client:
        waiting = _hours(client, 'max_over_time(kube_pod_status_phase{phase="Pending"}[1h])', day)
        placed = _hours(client, 'max_over_time(kube_pod_info{node=""}[1h])', day)
    pending = {series["metric"]["pod"] for series in waiting if any(value == "1" for _, value in series["values"])}

    assert pending
    assert pending == {series["metric"]["pod"] for series in placed}


@pytest.mark.parametrize(
    ("name", "project", "hours"), [("staging-web", "staging", 24), ("prod-data", "production", 3), ("prod-web", "production", 1)]
)
def test_our_own_collector_finds_the_rows_that_the_estate_expects(name: str, project: str, hours: int) -> None:
    """The last day by Prometheus and the days before by drops must be of one kind, or the seam would look like a change of load.

    prod-data has MIG devices and an annotated namespace, prod-web volumes, a load balancer and traffic.
    """
    uid, end = UIDS[name], LAST_DAY + timedelta(hours=hours)
    client = httpx.Client(transport=estate_prometheus())
    metrics = PrometheusMetrics(f"https://prometheus.test/{uid}", client)
    found = {
        key: metrics.range(promql(query, {}), LAST_DAY + timedelta(seconds=query.step), end, query.step) for key, query in QUERIES.items()
    }

    pools = tuple(pool.pool.name for cluster in CLUSTERS if cluster.cluster.uid == uid for pool in cluster.pools)
    rows = hourly(Target(cluster_uid=uid, cluster=name, project=project, pools=pools), found, LAST_DAY, end).rows

    expected = {_key(row): row for row in prometheus_samples(uid, LAST_DAY, end)}
    collected = {_key(row): row for row in (dict(zip(COLUMNS, each, strict=True)) for each in rows)}
    assert collected.keys() == expected.keys()
    assert [key for key, row in collected.items() if not _same(row, expected[key])] == []


def _key(row: dict[str, object]) -> tuple[object, ...]:
    return tuple(row[name] for name in ("hour", "node", "namespace", "pod", "provider_id"))


def _same(row: dict[str, object], other: dict[str, object]) -> bool:
    """Equal, but for the last digit of a mean."""
    pairs = ((row[name], other[name]) for name in COLUMNS)
    return all(abs(mine - theirs) <= 1 if isinstance(mine, int) and isinstance(theirs, int) else mine == theirs for mine, theirs in pairs)


def test_one_host_serves_every_cluster_under_its_uid() -> None:
    """Two clusters must never answer for each other."""
    with httpx.Client(transport=estate_prometheus(), base_url="https://prometheus.test") as client:
        query = {"query": "count(kube_node_info)", "time": str(END.timestamp())}
        counts = {
            name: client.get(f"/{uid}/api/v1/query", params=query).json()["data"]["result"][0]["value"][1] for name, uid in UIDS.items()
        }
        missing = client.get("/ffffffffffffffffffffffff/api/v1/query", params=query)

    assert counts == {"prod-web": "22", "prod-ml": "10", "prod-data": "13", "staging-web": "6", "staging-ml": "5", "dev-sandbox": "15"}
    assert missing.status_code == 404


def test_node_info_carries_the_clouds_id() -> None:
    with httpx.Client(transport=prometheus_transport(UIDS["prod-web"]), base_url="http://prometheus.test") as client:
        answer = client.post("/api/v1/query", data={"query": "kube_node_info", "time": END.isoformat()}).json()

    ids = {series["metric"]["provider_id"].rsplit("/", 1)[1] for series in answer["data"]["result"]}
    assert ids == {row["provider_id"] for row in prometheus_samples(UIDS["prod-web"]) if row["pod"] is None and row["asset"] is None}


@pytest.mark.parametrize(
    ("path", "parameters"),
    [
        ("/api/v1/query", {"query": "histogram_quantile(0.9, up)", "time": "1785700000"}),
        ("/api/v1/query", {"query": "up"}),
        ("/api/v1/query", {"query": "up", "time": "yesterday"}),
        ("/api/v1/query_range", {"query": "up", "start": "10", "end": "5", "step": "1"}),
        ("/api/v1/query_range", {"query": "up", "start": "0", "end": "1785700000", "step": "1"}),
    ],
)
def test_what_it_cannot_answer_it_refuses_in_prometheus_words(path: str, parameters: dict[str, str]) -> None:
    with httpx.Client(transport=prometheus_transport(UIDS["prod-web"]), base_url="http://prometheus.test") as client:
        answer = client.get(path, params=parameters)

    assert answer.status_code == 400
    assert answer.json().keys() == {"status", "errorType", "error"}
