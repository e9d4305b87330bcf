"""Prometheus for the estate: `/api/v1/query` and `/api/v1/query_range` over the last day's series of one cluster."""

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache
from urllib.parse import parse_qsl

import httpx

from trimtab.demo.estate.clusters import CLUSTERS
from trimtab.demo.estate.model import END, LAST_DAY
from trimtab.demo.estate.promql import PromError, Sample, Series, Source, Value
from trimtab.demo.estate.promql_text import duration, parse
from trimtab.demo.estate.series import Day
from trimtab.demo.estate.usage import find
from trimtab.records import ClusterUid, Json

MOST_POINTS = 11_000
"""Prometheus's own limit of a range query."""


Clock = Callable[[], datetime]


def estate_prometheus(start: datetime = LAST_DAY, end: datetime = END, clock: Clock = lambda: END) -> httpx.MockTransport:
    """All clusters' Prometheus behind one host: `/<cluster uid>/api/v1/…`, as `metrics_url` in the estate's settings has it."""

    @cache
    def of(cluster_uid: ClusterUid) -> httpx.MockTransport:
        return prometheus_transport(cluster_uid, start, end, clock)

    def answer(request: httpx.Request) -> httpx.Response:
        uid, _, _ = request.url.path.lstrip("/").partition("/")
        if uid not in {cluster.cluster.uid for cluster in CLUSTERS}:
            return httpx.Response(404, text="404 page not found")
        return of(ClusterUid(uid)).handle_request(request)

    return httpx.MockTransport(answer)


def prometheus_transport(
    cluster_uid: ClusterUid, start: datetime = LAST_DAY, end: datetime = END, clock: Clock = lambda: END
) -> httpx.MockTransport:
    """A transport that answers as the cluster's Prometheus would, for the time between `start` and `end`; `clock` is its time()."""
    day = Day.between(find(cluster_uid), start, end)

    @cache
    def source(metric: str) -> Sequence[Series]:
        return day.of(metric)

    def answer(request: httpx.Request) -> httpx.Response:
        work = {"/api/v1/query": _instant, "/api/v1/query_range": _range}.get(request.url.path.removeprefix(f"/{cluster_uid}"))
        if work is None or request.method not in {"GET", "POST"}:
            return httpx.Response(404, text="404 page not found")
        parameters = _parameters(request)
        if parameters.get("query") == "time()" and "time" not in parameters:
            at = clock().timestamp()
            return httpx.Response(200, json={"status": "success", "data": {"resultType": "scalar", "result": [at, _text(at)]}})
        try:
            return httpx.Response(200, json={"status": "success", "data": work(parameters, source)})
        except PromError as error:
            return httpx.Response(400, json={"status": "error", "errorType": "bad_data", "error": str(error)})

    return httpx.MockTransport(answer)


def _parameters(request: httpx.Request) -> dict[str, str]:
    form = dict(parse_qsl(request.content.decode())) if request.method == "POST" else {}
    return dict(request.url.params) | form


def _instant(parameters: dict[str, str], source: Source) -> Json:
    at = _moment(parameters, "time")
    value = parse(_required(parameters, "query")).at(at, source)
    if isinstance(value, float):
        return {"resultType": "scalar", "result": [at, _text(value)]}
    return {
        "resultType": "vector",
        "result": [{"metric": dict(sample.labels), "value": [at, _text(sample.value)]} for sample in _distinct(value)],
    }


def _range(parameters: dict[str, str], source: Source) -> Json:
    start, end, step = _moment(parameters, "start"), _moment(parameters, "end"), duration(_required(parameters, "step"))
    if step <= 0 or end < start:
        raise PromError("end timestamp must not be before start time, and step must be positive")
    if (end - start) / step > MOST_POINTS:
        raise PromError(f"exceeded maximum resolution of {MOST_POINTS} points per timeseries")
    node = parse(_required(parameters, "query"))
    found: dict[tuple[tuple[str, str], ...], list[list[object]]] = {}
    for number in range(math.floor((end - start) / step) + 1):
        at = start + number * step
        for labels, value in _pairs(node.at(at, source)):
            found.setdefault(labels, []).append([at, _text(value)])
    return {"resultType": "matrix", "result": [{"metric": dict(labels), "values": values} for labels, values in found.items()]}


def _pairs(value: Value) -> list[tuple[tuple[tuple[str, str], ...], float]]:
    if isinstance(value, float):
        return [((), value)]
    return [(sample.labels, sample.value) for sample in _distinct(value)]


def _distinct(samples: list[Sample]) -> list[Sample]:
    """Prometheus, too, refuses a vector in which two elements have the same labels."""
    if len({sample.labels for sample in samples}) != len(samples):
        raise PromError("vector cannot contain metrics with the same labelset")
    return samples


def _required(parameters: dict[str, str], name: str) -> str:
    if not parameters.get(name):
        raise PromError(f"invalid parameter {name!r}: it is missing")
    return parameters[name]


def _moment(parameters: dict[str, str], name: str) -> float:
    """Seconds since 1970, or RFC 3339."""
    text = _required(parameters, name)
    try:
        return float(text)
    except ValueError:
        pass
    try:
        return datetime.fromisoformat(text).astimezone(UTC).timestamp()
    except ValueError:
        raise PromError(f"invalid parameter {name!r}: cannot parse {text!r} to a valid timestamp") from None


def _text(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if value.is_integer() and abs(value) < 1e17 else repr(value)
