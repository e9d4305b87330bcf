"""Prometheus's HTTP API: range queries out, series in. No I/O."""

import json
from datetime import datetime
from math import isfinite
from typing import Any

from trimtab.errors import BadInput, Upstream
from trimtab.records import MetricSeries

MOST_POINTS = 11_000
"""Points of one series that Prometheus gives at most."""


def form(query: str, start: datetime, end: datetime, step: int) -> dict[str, str]:
    """The form of a range query; a query may be longer than a URL, so it is posted."""
    if (end - start).total_seconds() / step >= MOST_POINTS:
        raise BadInput(f"Prometheus: {start.isoformat()} to {end.isoformat()} in steps of {step} s are over {MOST_POINTS} points")
    return {"query": query, "start": str(int(start.timestamp())), "end": str(int(end.timestamp())), "step": str(step)}


def parse(body: bytes, status: int) -> tuple[MetricSeries, ...]:
    """The series of an answer. Raises BadInput for a query that Prometheus refuses, Upstream for anything else that is no answer."""
    try:
        answer = json.loads(body)
    except ValueError:
        raise Upstream(f"Prometheus: HTTP {status}, not JSON") from None
    if not isinstance(answer, dict) or answer.get("status") != "success":
        raise _refusal(answer if isinstance(answer, dict) else {}, status)
    data = answer.get("data")
    if not isinstance(data, dict) or data.get("resultType") != "matrix" or not isinstance(data.get("result"), list):
        raise Upstream("Prometheus: data: expected a matrix")
    # A partial answer would make a busy pod look idle.
    if answer.get("warnings"):
        raise Upstream(f"Prometheus: the answer may not be whole: {str(answer['warnings'])[:200]}")
    return tuple(_series(item, f"Prometheus: data.result[{number}]") for number, item in enumerate(data["result"]))


def _refusal(answer: dict[str, Any], status: int) -> BadInput | Upstream:
    said = f"Prometheus: HTTP {status}: {answer.get('errorType', 'error')}: {str(answer.get('error', ''))[:200]}"
    return BadInput(said) if answer.get("errorType") == "bad_data" else Upstream(said)


def _series(item: Any, place: str) -> MetricSeries:
    try:
        labels = {str(name): str(value) for name, value in item["metric"].items()}
        points = [(round(float(at)), float(value)) for at, value in item["values"]]
    except (KeyError, TypeError, ValueError, AttributeError):
        raise Upstream(f"{place}: expected metric and values") from None
    return MetricSeries(labels, tuple((at, value) for at, value in points if isfinite(value)))
