"""The Prometheus client: it asks within Prometheus's limits, and an answer that is not whole is no answer."""

import json
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest

from trimtab.adapters import http
from trimtab.adapters.prometheus import protocol
from trimtab.adapters.prometheus.client import PrometheusMetrics
from trimtab.errors import BadInput, Overloaded, Refused, TooLarge, Upstream
from trimtab.records import ClusterUid, MetricSeries
from trimtab.settings import Settings

START = datetime(2026, 8, 2, tzinfo=UTC)
AT = int(START.timestamp())
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
    asked_for = {"query": ['up{job="x"}'], "start": ["1785628800"], "end": ["1785632400"], "step": ["300"], "timeout": ["60s"]}
    # A store of several replicas must give all or nothing, and nobody's cache: late samples are the reason to ask again.
    assert form == {**asked_for, "partial_response": ["false"], "dedup": ["true"], "nocache": ["1"]}
    assert seen[0].headers["cache-control"] == "no-store"


def test_what_is_no_number_was_not_measured() -> None:
    metrics, _ = asked(
        httpx.Response(200, json=matrix({"metric": {}, "values": [[AT, "NaN"], [AT + 300, "+Inf"], [AT + 600, "-Inf"], [AT + 900, "0"]]}))
    )

    assert metrics.range("x", START, START + timedelta(hours=1), 300)[0].points == ((AT + 900, 0.0),)


def test_a_partial_answer_is_upstream() -> None:
    """A store that lost one of its replicas would make a busy pod look idle."""
    metrics, _ = asked(httpx.Response(200, json=matrix(warnings=["store-2 unavailable"])))

    with pytest.raises(Upstream, match="not be whole"):
        metrics.range("x", START, START + timedelta(hours=1), 300)


ERROR = {"status": "error", "errorType": "execution"}
POINT = [AT, "1"]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        # What Prometheus, Mimir, Thanos, VictoriaMetrics and Amazon say to a question that is too large: ask for less.
        (
            httpx.Response(422, json={**ERROR, "error": "query processing would load too many samples into memory in query execution"}),
            Overloaded,
        ),
        (
            httpx.Response(
                422, json={**ERROR, "error": "the query exceeded the maximum number of series (err-mimir-max-series-per-query)"}
            ),
            Overloaded,
        ),
        (
            httpx.Response(422, json={**ERROR, "error": "expanded postings: exceeded series limit: rpc error: limit 5000 violated"}),
            Overloaded,
        ),
        (
            httpx.Response(422, json={"status": "error", "errorType": "422", "error": "the number of matching timeseries exceeds 300000"}),
            Overloaded,
        ),
        (
            httpx.Response(503, json={"status": "error", "errorType": "timeout", "error": "query timed out in expression evaluation"}),
            Overloaded,
        ),
        (httpx.Response(504, text="upstream request timeout"), Overloaded),
        (httpx.Response(413, text="<html>"), Overloaded),
        # What no smaller question would make better.
        (httpx.Response(400, json={"status": "error", "errorType": "bad_data", "error": "parse error: unexpected limit"}), BadInput),
        (httpx.Response(422, json={**ERROR, "error": "vector cannot contain metrics with the same labelset"}), Upstream),
        (httpx.Response(401, text="no"), Upstream),
        (httpx.Response(403, json={"message": "not authorized to perform: aps:QueryMetrics"}), Upstream),
        (httpx.Response(404, text="404 page not found"), Upstream),
        (httpx.Response(302, headers={"location": "https://evil.test/"}), Upstream),
        # What is no whole answer.
        (httpx.Response(200, text="<!doctype html><title>Sign in</title>"), Upstream),
        (httpx.Response(200, text=""), Upstream),
        (httpx.Response(200, json=[]), Upstream),
        (httpx.Response(200, json={"status": "success"}), Upstream),
        (httpx.Response(200, json={"status": "success", "data": None}), Upstream),
        (httpx.Response(200, json={"status": "error", "errorType": "execution", "error": "x", "data": matrix()["data"]}), Upstream),
        (httpx.Response(200, json={"status": "success", "data": {"resultType": "vector", "result": []}}), Upstream),
        (httpx.Response(200, json=matrix(warnings=["store-2 unavailable"])), Upstream),
        (httpx.Response(200, json=matrix(infos=["1 of 2 ingesters answered"])), Upstream),
        (httpx.Response(200, json=matrix(isPartial=True)), Upstream),
        (httpx.Response(200, json=matrix({"metric": {}, "values": [["x"]]})), Upstream),
        (httpx.Response(200, json=matrix({"metric": {}, "values": [[AT, 1]]})), Upstream),
        (httpx.Response(200, json=matrix({"metric": {}, "values": [[AT, "one"]]})), Upstream),
        (httpx.Response(200, json=matrix({"metric": {}, "values": [[None, "1"]]})), Upstream),
        (
            httpx.Response(
                200, content=b'{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[NaN,"1"]]}]}}'
            ),
            Upstream,
        ),
        (
            httpx.Response(
                200, content=b'{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1e999,"1"]]}]}}'
            ),
            Upstream,
        ),
        (httpx.Response(200, json=matrix({"metric": {}})), Upstream),
        (httpx.Response(200, json=matrix({"metric": {"pod": 1}, "values": []})), Upstream),
        (httpx.Response(200, json=matrix({"metric": {}, "values": [], "histograms": [[AT, {}]]})), Upstream),
        (httpx.Response(200, json={"status": "success", "data": {"resultType": "matrix", "result": None}}), Upstream),
        (httpx.Response(200, json={"status": "success", "data": {"resultType": "matrix"}}), Upstream),
        (httpx.Response(200, content=b'{"status":"success","data":{"resultType":"matrix","result":[],"result":[]}}'), Upstream),
        # What was not asked for, or is there twice.
        (httpx.Response(200, json=matrix({"metric": {}, "values": [[AT + 1, "1"]]})), Upstream),
        (httpx.Response(200, json=matrix({"metric": {}, "values": [[AT + 0.5, "1"]]})), Upstream),
        (httpx.Response(200, json=matrix({"metric": {}, "values": [[AT - 300, "1"]]})), Upstream),
        (httpx.Response(200, json=matrix({"metric": {}, "values": [[AT + 3900, "1"]]})), Upstream),
        (httpx.Response(200, json=matrix({"metric": {}, "values": [[AT + 300, "1"], POINT]})), Upstream),
        (httpx.Response(200, json=matrix({"metric": {}, "values": [POINT, [AT, "2"]]})), Upstream),
        (httpx.Response(200, json=matrix(*[{"metric": {"pod": "a"}, "values": [POINT]}] * 2)), Upstream),
        (httpx.Response(200, content=json.dumps(matrix()).encode() + b"{}"), Upstream),
        (httpx.Response(200, content=json.dumps(matrix())[:-1].encode() + b', "data": {"resultType": "matrix", "result": []}}'), Upstream),
        (httpx.Response(200, content=b"[" * 100_000), Upstream),
        (httpx.Response(200, content=b'{"status": ' + b"[" * 100_000), Upstream),
        (httpx.Response(200, content=b"\xff\xfe"), Upstream),
        (httpx.Response(200, headers={"content-encoding": "br"}, content=b"x"), Upstream),
        (httpx.Response(200, headers={"content-encoding": "gzip"}, stream=httpx.ByteStream(b"no gzip")), Upstream),
    ],
)
def test_anything_else_is_an_error_and_never_an_empty_answer(answer: httpx.Response, kind: type[Exception]) -> None:
    """One line that names what is wrong; asking the same again would change none of these."""
    metrics, seen = asked(answer)

    with pytest.raises(kind) as said:
        metrics.range("x", START, START + timedelta(hours=1), 300)
    assert type(said.value) is kind
    assert len(seen) == 1
    assert "\n" not in str(said.value)
    assert len(str(said.value)) < 400


def test_the_same_point_twice_is_one_point() -> None:
    """Two replicas that were put together; the value is no question."""
    metrics, _ = asked(httpx.Response(200, json=matrix({"metric": {}, "values": [POINT, POINT, [AT + 300, "2"]]})))

    assert metrics.range("x", START, START + timedelta(hours=1), 300)[0].points == ((AT, 1.0), (AT + 300, 2.0))


# ── Asking again ─────────────────────────────────────────────────────────────────────────────────────────────────────
def in_turn(*answers: httpx.Response | Exception) -> tuple[PrometheusMetrics, list[float]]:
    """A client whose waits are written down."""
    waits: list[float] = []
    queue = list(answers)

    def reply(_: httpx.Request) -> httpx.Response:
        answer = queue.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    http_client = http.client(["prometheus.example"], transport=httpx.MockTransport(reply))
    return PrometheusMetrics("https://prometheus.example", http_client, sleep=waits.append, jitter=lambda: 0.5), waits


def test_a_busy_store_is_asked_again_after_as_long_as_it_says() -> None:
    metrics, waits = in_turn(
        httpx.Response(429, headers={"retry-after": "7"}, json={**ERROR, "error": "too many requests"}),
        httpx.Response(503, text="starting"),
        httpx.ConnectError("refused"),
        httpx.Response(200, json=matrix()),
    )

    assert metrics.range("x", START, START + timedelta(hours=1), 300) == ()
    assert waits == [7, 1.25, 2.5]


def test_a_store_that_stays_away_is_upstream_after_four_times() -> None:
    metrics, waits = in_turn(*[httpx.Response(500, text="no")] * 4)

    with pytest.raises(Upstream, match="HTTP 500"):
        metrics.range("x", START, START + timedelta(hours=1), 300)
    assert len(waits) == 3


@pytest.mark.parametrize("says", ["99999999", "-1", "Fri, 31 Dec 1999 23:59:59 GMT", "²"])
def test_a_store_cannot_make_us_wait_for_ever(says: str) -> None:
    metrics, waits = in_turn(httpx.Response(429, headers=[(b"retry-after", says.encode())]), httpx.Response(200, json=matrix()))

    assert metrics.range("x", START, START + timedelta(hours=1), 300) == ()
    assert waits[0] <= 30


def test_a_store_that_takes_too_long_is_asked_for_less() -> None:
    metrics, waits = in_turn(httpx.ReadTimeout("60 s"))

    with pytest.raises(Overloaded):
        metrics.range("x", START, START + timedelta(hours=1), 300)
    assert waits == []


class Dripping(httpx.SyncByteStream):
    """One byte at a time, and each later than the one before."""

    def __init__(self) -> None:
        self.at = 0.0

    def __iter__(self) -> Iterator[bytes]:
        for byte in json.dumps(matrix()).encode():
            self.at += 30
            yield bytes([byte])


def test_a_store_that_drips_is_not_waited_for() -> None:
    """Each byte comes in time, so no timeout of the connection ever ends it."""
    slow = Dripping()
    metrics, _ = in_turn(httpx.Response(200, stream=slow))
    metrics = PrometheusMetrics(metrics.url, metrics.client, clock=lambda: slow.at)

    with pytest.raises(Overloaded, match="300 s"):
        metrics.range("x", START, START + timedelta(hours=1), 300)
    assert slow.at < 400


class Breaking(httpx.SyncByteStream):
    """A connection that is lost half-way."""

    def __iter__(self) -> Iterator[bytes]:
        yield json.dumps(matrix()).encode()[:20]
        raise httpx.RemoteProtocolError("peer closed connection")


def test_an_answer_that_breaks_off_is_asked_for_again() -> None:
    metrics, waits = in_turn(httpx.Response(200, stream=Breaking()), httpx.Response(200, json=matrix()))

    assert metrics.range("x", START, START + timedelta(hours=1), 300) == ()
    assert len(waits) == 1


class Endless(httpx.SyncByteStream):
    """Series without end."""

    sent = 0

    def __iter__(self) -> Iterator[bytes]:
        yield b'{"status":"success","data":{"resultType":"matrix","result":['
        while True:
            self.sent += 1
            yield b"".join(b'{"metric":{"pod":"p%d-%d"},"values":[[%d,"1"]]},' % (self.sent, number, AT) for number in range(1000))


def test_a_million_series_are_refused_by_name_before_they_fill_the_memory() -> None:
    endless = Endless()
    metrics, _ = in_turn(httpx.Response(200, stream=endless))

    with pytest.raises(TooLarge, match="kube_pod_info: over 300000 series"):
        metrics.range("kube_pod_info", START, START + timedelta(hours=1), 300)
    assert endless.sent <= 301


def test_a_value_without_end_is_refused() -> None:
    class Long(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            yield b'{"status":"'
            while True:
                yield b"x" * (1 << 20)

    metrics, _ = in_turn(httpx.Response(200, stream=Long()))
    with pytest.raises(Upstream, match="not JSON"):
        metrics.range("x", START, START + timedelta(hours=1), 300)


def test_a_small_packet_that_unpacks_to_gigabytes_is_refused() -> None:
    class Bomb(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            packer = zlib.compressobj(9, zlib.DEFLATED, 31)
            for _ in range(2000):
                yield packer.compress(b" " * (1 << 20))

    metrics, _ = in_turn(httpx.Response(200, headers={"content-encoding": "gzip"}, stream=Bomb()))
    metrics = PrometheusMetrics(metrics.url, metrics.client, most_bytes=64 << 20)
    with pytest.raises(TooLarge, match="64 MiB"):
        metrics.range("x", START, START + timedelta(hours=1), 300)


# ── The store's clock ────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    "data",
    [
        {"resultType": "scalar", "result": [1.5, "1785628800"]},
        {"resultType": "vector", "result": [{"metric": {}, "value": [1, "1785628800"]}]},
    ],
)
def test_the_store_says_what_time_it_has(data: dict[str, Any]) -> None:
    """A scalar in Prometheus, a vector of one in VictoriaMetrics."""
    metrics, _ = in_turn(httpx.Response(200, json={"status": "success", "data": data}))

    assert metrics.now() == START


@pytest.mark.parametrize("result", [[], [1], [1, "NaN"], [1, "1e400"], [1, "x"], None, {}])
def test_a_time_that_is_none_is_upstream(result: Any) -> None:
    metrics, _ = in_turn(httpx.Response(200, json={"status": "success", "data": {"resultType": "scalar", "result": result}}))

    with pytest.raises(Upstream, match="what time"):
        metrics.now()


def test_more_points_than_prometheus_gives_are_not_asked_for() -> None:
    with pytest.raises(BadInput, match="11000"):
        protocol.form("x", START, START + timedelta(days=40), 300)


def test_an_endpoint_that_nobody_configured_is_a_refusal() -> None:
    with pytest.raises(Refused, match="metrics_url"):
        PrometheusMetrics.of(Settings(), UID)


def test_a_private_endpoint_must_be_listed() -> None:
    """An in-cluster Prometheus speaks plain http at a private address; only the deployment's settings may say so."""
    here = httpx.MockTransport(lambda _: httpx.Response(200, content=json.dumps(matrix())))
    url = "http://prometheus.monitoring.svc:9090/{cluster_uid}"

    listed = PrometheusMetrics.of(Settings(metrics_url=url, private_hosts=("prometheus.monitoring.svc",)), UID, here)
    assert listed.range("x", START, START + timedelta(hours=1), 300) == ()
    with pytest.raises(BadInput, match="only https"):
        PrometheusMetrics.of(Settings(metrics_url=url), UID, here).range("x", START, START + timedelta(hours=1), 300)
