"""The Prometheus client: it asks within Prometheus's limits, and an answer that is not whole is no answer."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest

from trimtab.adapters.prometheus import protocol
from trimtab.adapters.prometheus.client import PrometheusMetrics
from trimtab.errors import BadInput, Refused, Upstream
from trimtab.records import ClusterUid, MetricSeries
from trimtab.settings import Settings

START = datetime(2026, 8, 2, tzinfo=UTC)
UID = ClusterUid("0d2f6a1b3c4d5e6f7a8b9c0d")


def matrix(*series: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"status": "success", "data": {"resultType": "matrix", "result": list(series)}, **more}


def asked(answer: httpx.Response) -> tuple[PrometheusMetrics, list[httpx.Request]]:
    seen: list[httpx.Request] = []

    def reply(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return answer

    settings = Settings(metrics_url="https://prometheus.example/{cluster_uid}/")
    return PrometheusMetrics.of(settings, UID, httpx.MockTransport(reply)), seen


def test_a_range_query_goes_to_the_endpoint_of_its_own_cluster() -> None:
    """One cluster's series must never be read as another's, whatever labels they carry."""
    metrics, seen = asked(httpx.Response(200, json=matrix({"metric": {"pod": "a"}, "values": [[1785628800, "1.5"], [1785629100, "2"]]})))

    found = metrics.range('up{job="x"}', START, START + timedelta(hours=1), 300)

    assert found == (MetricSeries({"pod": "a"}, ((1785628800, 1.5), (1785629100, 2.0))),)
    assert str(seen[0].url) == f"https://prometheus.example/{UID}/api/v1/query_range"
    form = parse_qs(seen[0].content.decode())
    assert form == {"query": ['up{job="x"}'], "start": ["1785628800"], "end": ["1785632400"], "step": ["300"]}


def test_what_is_no_number_was_not_measured() -> None:
    metrics, _ = asked(httpx.Response(200, json=matrix({"metric": {}, "values": [[1, "NaN"], [2, "+Inf"], [3, "-Inf"], [4, "0"]]})))

    assert metrics.range("x", START, START + timedelta(hours=1), 300)[0].points == ((4, 0.0),)


def test_a_partial_answer_is_upstream() -> None:
    """A store that lost one of its replicas would make a busy pod look idle."""
    metrics, _ = asked(httpx.Response(200, json=matrix(warnings=["store-2 unavailable"])))

    with pytest.raises(Upstream, match="not be whole"):
        metrics.range("x", START, START + timedelta(hours=1), 300)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (httpx.Response(400, json={"status": "error", "errorType": "bad_data", "error": "parse error"}), BadInput),
        (httpx.Response(422, json={"status": "error", "errorType": "execution", "error": "too many samples"}), Upstream),
        (httpx.Response(503, json={"status": "error", "errorType": "timeout", "error": "query timed out"}), Upstream),
        (httpx.Response(502, text="<html>"), Upstream),
        (httpx.Response(200, json=[]), Upstream),
        (httpx.Response(200, json={"status": "success", "data": {"resultType": "vector", "result": []}}), Upstream),
        (httpx.Response(200, json=matrix({"metric": {}, "values": [["x"]]})), Upstream),
        (httpx.Response(200, json=matrix({"metric": {}})), Upstream),
        (httpx.Response(302, headers={"location": "https://evil.test/"}), Upstream),
    ],
)
def test_anything_else_is_an_error_and_never_an_empty_answer(answer: httpx.Response, kind: type[Exception]) -> None:
    metrics, seen = asked(answer)

    with pytest.raises(kind):
        metrics.range("x", START, START + timedelta(hours=1), 300)
    assert len(seen) == 1


def test_more_points_than_prometheus_gives_are_not_asked_for() -> None:
    with pytest.raises(BadInput, match="11000"):
        protocol.form("x", START, START + timedelta(days=40), 300)


def test_an_endpoint_that_nobody_configured_is_a_refusal() -> None:
    with pytest.raises(Refused, match="metrics_url"):
        PrometheusMetrics.of(Settings(), UID)


def test_a_private_endpoint_must_be_listed() -> None:
    """An in-cluster Prometheus speaks plain http at a private address; only the deployment's settings may say so."""
    here = httpx.MockTransport(lambda _: httpx.Response(200, content=json.dumps(matrix())))
    url = "http://prometheus.monitoring.svc:9090"

    listed = PrometheusMetrics.of(Settings(metrics_url=url, private_hosts=("prometheus.monitoring.svc",)), UID, here)
    assert listed.range("x", START, START + timedelta(hours=1), 300) == ()
    with pytest.raises(BadInput, match="only https"):
        PrometheusMetrics.of(Settings(metrics_url=url), UID, here).range("x", START, START + timedelta(hours=1), 300)
