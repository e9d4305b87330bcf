"""Prometheus's HTTP API: range queries out, series in. No I/O.

An answer is taken whole or not at all: what is partial, repeated, off the grid or out of the time asked for would make a busy pod
look idle, and is refused. NaN and infinities measure nothing and are left out.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import isfinite
from typing import Any

from trimtab.adapters.prometheus.json_stream import JsonText
from trimtab.errors import BadInput, Overloaded, TooLarge, TrimtabError, Upstream
from trimtab.records import MetricSeries

MOST_POINTS = 11_000
"""Points of one series that Prometheus gives at most."""
MOST_SERIES = 300_000
MOST_SAMPLES = 4_000_000
MOST_KEYS = 32
"""Of one answer: 0.2 GiB here where values repeat, 0.7 GiB where none does, measured."""
QUERY_SECONDS = 60
"""The store is asked to give up after this; then the question was too large."""
_PLACE = "Prometheus"
_WEB_PAGE = f"{_PLACE}: answered with a web page; is that a login page or a proxy?"
_TOO_MUCH = (
    "too many samples", "too many series", "max-series", "maximum number of", "exceed", "too large", "timed out", "timeout",
    "cannot select more than", "would load", "out of memory", "not enough memory",
)  # fmt: skip
"""In an error's text: the question was too large for it. By Prometheus, Mimir, Thanos, VictoriaMetrics, Amazon and Google."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """One range query."""

    query: str
    start: datetime
    end: datetime
    step: int

    @property
    def grid(self) -> range:
        """The times an answer may have points at, seconds since 1970."""
        return range(int(self.start.timestamp()), int(self.end.timestamp()) + 1, self.step)


def form(query: str, start: datetime, end: datetime, step: int) -> dict[str, str]:
    """The parameters of a range query. Raises BadInput for more points than Prometheus gives."""
    if (end - start).total_seconds() / step >= MOST_POINTS:
        raise BadInput(f"{_PLACE}: {start.isoformat()} to {end.isoformat()} in steps of {step} s are over {MOST_POINTS} points")
    asked = {"query": query, "start": str(int(start.timestamp())), "end": str(int(end.timestamp())), "step": str(step)}
    return asked | {"timeout": f"{QUERY_SECONDS}s"}


WHOLE_AND_FRESH = {"partial_response": "false", "dedup": "true", "nocache": "1"}
"""For Thanos (whole answers, replicas once) and VictoriaMetrics (late samples, too); others pass over what they do not know."""


def read_matrix(chunks: Iterable[bytes], asked: Asked) -> tuple[MetricSeries, ...]:
    """The series of a successful answer, read as it comes. Raises TooLarge over the caps, Upstream for anything that is no whole answer."""
    text = JsonText(chunks)
    if text.peek() == "<":
        raise Upstream(_WEB_PAGE)
    reading = _Reading(asked)
    about: dict[str, Any] = {}
    for key in text.items():
        if key in about or len(about) > MOST_KEYS:
            raise Upstream(f"{_PLACE}: {_clip(key)!a} twice in one answer, or too many keys")
        about[key] = reading.data(text) if key == "data" and text.peek() == "{" else text.value()
    text.end()
    check_whole(about)
    if about.get("data") != "matrix":
        raise Upstream(f"{_PLACE}: data: expected a matrix")
    return tuple(reading.series)


def check_whole(about: Mapping[str, Any]) -> None:
    """Raise Upstream for an answer that says of itself that it failed, or may not be whole."""
    if about.get("status") != "success":
        raise refusal(about, 200)
    partial = about.get("isPartial") or about.get("partial") or about.get("partial_response") or about.get("partialResponse")
    said = [about.get("warnings"), about.get("infos")]
    if partial or any(said):
        raise Upstream(f"{_PLACE}: the answer may not be whole: {_clip(next((each for each in said if each), 'it is partial'))}")


def parse_time(body: bytes) -> datetime:
    """The store's own clock, as `time()` tells it: a scalar, or a vector of one."""
    answer = _object(body)
    check_whole(answer)
    try:
        data = answer["data"]
        found = data["result"][0]["value"][1] if data["resultType"] == "vector" else data["result"][1]
        return datetime.fromtimestamp(float(found), UTC)
    except (KeyError, IndexError, TypeError, ValueError, OverflowError, OSError):
        raise Upstream(f"{_PLACE}: does not say what time it is") from None


def refusal(answer: Mapping[str, Any], status: int) -> TrimtabError:
    """What an error means for whoever asked: a smaller question may do, a malformed one never will, all else may pass."""
    kind, text = str(answer.get("errorType", "error")), str(answer.get("error", ""))
    said = f"{_PLACE}: HTTP {status}: {_clip(kind)}: {_clip(text)}"
    if status in {413, 504} or kind in {"timeout", "canceled"} or (kind != "bad_data" and status != 429 and _is_too_much(text)):
        return Overloaded(said)
    if kind == "bad_data" or status == 400:
        return BadInput(said)
    if status in {401, 403}:
        return Upstream(f"{said}; check token, role, tenant or certificate in settings.metrics")
    return Upstream(said)


def parse_refusal(body: bytes, status: int) -> TrimtabError:
    """The same for the body of an answer whose status is no success."""
    if 300 <= status < 400:
        return Upstream(f"{_PLACE}: HTTP {status}: it redirects; redirects are not followed, set the URL that it redirects to")
    try:
        return refusal(_object(body), status)
    except Upstream:
        if status in {413, 504}:
            return Overloaded(f"{_PLACE}: HTTP {status}")
        what = "a web page" if body.lstrip()[:1] == b"<" else "no JSON"
        return Upstream(f"{_PLACE}: HTTP {status} with {what}; is that its address, or a proxy's?")


def _is_too_much(text: str) -> bool:
    said = text.lower()
    return any(words in said for words in _TOO_MUCH)


def _object(body: bytes) -> dict[str, Any]:
    if body.lstrip()[:1] == b"<":
        raise Upstream(_WEB_PAGE)
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise Upstream(f"{_PLACE}: not a JSON object")
    return answer


def _clip(value: object) -> str:
    """Foreign text in one line, short; its end, too: some repeat the query before they say what is wrong with it."""
    text = " ".join(str(value)[:100_000].split())
    return text if len(text) <= 240 else f"{text[:80]} … {text[-150:]}"


@dataclass(slots=True)
class _Reading:
    """The series so far. Equal texts and points are kept once: most labels and most values repeat."""

    asked: Asked
    series: list[MetricSeries] = field(default_factory=list)
    samples: int = 0
    seen: set[int] = field(default_factory=set)
    texts: dict[str, str] = field(default_factory=dict)
    points: dict[tuple[int, float], tuple[int, float]] = field(default_factory=dict)

    def data(self, text: JsonText) -> str:
        """Read `data`, and say what kind it is."""
        kind, keys = "", []
        for key in text.items():
            keys.append(key)
            if key == "result":
                for item in text.elements():
                    self._add(item)
            elif key == "resultType":
                kind = str(text.value())
            else:
                text.value()
            if len(keys) > MOST_KEYS:
                break
        if keys.count("result") != 1 or keys.count("resultType") != 1 or len(keys) > MOST_KEYS:
            raise Upstream(f"{_PLACE}: data: expected one result and its resultType")
        return kind

    def _add(self, item: Any) -> None:
        place = f"{_PLACE}: data.result[{len(self.series)}]"
        labels = self._labels(item, place)
        name = hash(frozenset(labels.items()))
        if name in self.seen:
            raise Upstream(f"{place}: the same series a second time; its store holds duplicates")
        self.seen.add(name)
        points = self._points(item["values"], place)
        self.samples += len(points)
        if len(self.series) >= MOST_SERIES or self.samples > MOST_SAMPLES:
            raise TooLarge(f"{_PLACE}: {_clip(self.asked.query)}: over {MOST_SERIES} series or {MOST_SAMPLES} samples in one answer")
        self.series.append(MetricSeries(labels, points))

    def _labels(self, item: Any, place: str) -> dict[str, str]:
        if not isinstance(item, dict) or item.keys() != {"metric", "values"} or not isinstance(item["metric"], dict):
            raise Upstream(f"{place}: expected metric and values")
        labels = item["metric"].items()
        if not all(isinstance(value, str) for _, value in labels):
            raise Upstream(f"{place}: metric: a label that is no text")
        return {self.texts.setdefault(name, name): self.texts.setdefault(value, value) for name, value in labels}

    def _points(self, values: Any, place: str) -> tuple[tuple[int, float], ...]:
        grid = self.asked.grid
        found: list[tuple[int, float]] = []
        last: tuple[int, str] = (-1, "")
        try:
            for time, text in values:
                at = int(time)
                if at != time or at not in grid:
                    raise Upstream(f"{place}: a point at {_clip(time)}, which was not asked for")
                if at <= last[0] and (at, text) != last:
                    raise Upstream(f"{place}: points out of order, or two values at {at}")
                if at == last[0]:
                    continue
                last = (at, text)
                value = float(text) if isinstance(text, str) else float("x")
                if isfinite(value):
                    found.append(self._once((at, value)))
        except (TypeError, ValueError, OverflowError):
            raise Upstream(f"{place}: expected points of a time and a number") from None
        return tuple(found)

    def _once(self, point: tuple[int, float]) -> tuple[int, float]:
        if len(self.points) > 100_000:
            self.points.clear()
        return self.points.setdefault(point, point)


__all__ = [
    "MOST_POINTS", "MOST_SAMPLES", "MOST_SERIES", "QUERY_SECONDS", "WHOLE_AND_FRESH", "Asked", "check_whole", "form", "parse_refusal",
    "parse_time", "read_matrix", "refusal",
]  # fmt: skip
