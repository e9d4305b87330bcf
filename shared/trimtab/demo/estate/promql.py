"""A small, honest PromQL: selectors, range functions, aggregations and arithmetic with numbers. What it does not know it refuses.

It follows Prometheus where it answers at all: a five-minute lookback, windows open on the left, and `rate` with its extrapolation.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from math import fsum

LOOKBACK = 300.0
Labels = tuple[tuple[str, str], ...]
Window = Sequence[tuple[float, float]]


class PromError(Exception):
    """A query that is malformed, or that this evaluator does not understand."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Series:
    """One time series: its labels, and its samples in order of time."""

    labels: Mapping[str, str]
    times: Sequence[float]
    values: Sequence[float]

    def within(self, start: float, end: float) -> Window:
        """Samples later than start and not later than end."""
        first, last = bisect_right(self.times, start), bisect_right(self.times, end)
        return list(zip(self.times[first:last], self.values[first:last], strict=True))


@dataclass(frozen=True, slots=True)
class Sample:
    """One element of an instant vector."""

    labels: Labels
    value: float


Value = list[Sample] | float
Source = Callable[[str], Sequence[Series]]
"""Metric name → its series."""


# ── Nodes: each knows how to answer for one moment ───────────────────────────────────────────────────────────────────
@dataclass(frozen=True, slots=True)
class Number:
    """A literal."""

    value: float

    def at(self, _: float, __: Source) -> Value:
        """Itself, at any time."""
        return self.value


@dataclass(frozen=True, kw_only=True, slots=True)
class Selector:
    """`name{label="value"}`; with `seconds` a range."""

    name: str
    matchers: tuple[tuple[str, str, str], ...] = ()

    def at(self, time: float, source: Source) -> Value:
        """The newest sample of each series that is not older than the lookback."""
        found = ((series, series.within(time - LOOKBACK, time)) for series in self.series(source))
        return [Sample(_named(series.labels, self.name), window[-1][1]) for series, window in found if window]

    def windows(self, time: float, seconds: float, source: Source) -> list[tuple[Labels, Window]]:
        """Each series' samples of the last `seconds`."""
        return [(_plain(series.labels), series.within(time - seconds, time)) for series in self.series(source)]

    def series(self, source: Source) -> list[Series]:
        """Those that every matcher lets through."""
        return [
            series
            for series in source(self.name)
            if all(_matches(series.labels.get(key, ""), op, value) for key, op, value in self.matchers)
        ]


@dataclass(frozen=True, slots=True)
class Ranged:
    """A selector or, with a resolution, a subquery, over a time."""

    inner: "Node"
    seconds: float
    resolution: float | None = None

    def windows(self, time: float, source: Source) -> list[tuple[Labels, Window]]:
        """Samples per series, oldest first."""
        if self.resolution is None:
            if not isinstance(self.inner, Selector):
                raise PromError("ranges are only allowed for vector selectors")
            return self.inner.windows(time, self.seconds, source)
        return _subquery(self.inner, time, self.seconds, self.resolution, source)


@dataclass(frozen=True, slots=True)
class Over:
    """A function over a range."""

    name: str
    ranged: Ranged

    def at(self, time: float, source: Source) -> Value:
        """One value for each series that has samples enough."""
        answers = (
            (labels, RANGE_FUNCTIONS[self.name](window, time, self.ranged.seconds)) for labels, window in self.ranged.windows(time, source)
        )
        return [Sample(labels, value) for labels, value in answers if value is not None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Aggregate:
    """`sum by (a, b) (…)`; `without` keeps all other labels."""

    name: str
    inner: "Node"
    labels: frozenset[str] = field(default_factory=frozenset)
    is_without: bool = False

    def at(self, time: float, source: Source) -> Value:
        """One value for each group."""
        groups: dict[Labels, list[float]] = {}
        for sample in _vector(self.inner.at(time, source)):
            groups.setdefault(_group(sample.labels, self.labels, self.is_without), []).append(sample.value)
        return [Sample(key, AGGREGATIONS[self.name](values)) for key, values in groups.items()]


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """A vector and a number, or two numbers; joining two vectors is not supported."""

    operator: str
    left: "Node"
    right: "Node"

    def at(self, time: float, source: Source) -> Value:
        """Element by element; the metric's name goes."""
        left, right = self.left.at(time, source), self.right.at(time, source)
        work = _ARITHMETIC[self.operator]
        if isinstance(left, float) and isinstance(right, float):
            return work(left, right)
        if isinstance(right, float):
            return [Sample(_nameless(sample.labels), work(sample.value, right)) for sample in _vector(left)]
        if isinstance(left, float):
            return [Sample(_nameless(sample.labels), work(left, sample.value)) for sample in right]
        raise PromError("arithmetic between two vectors is not supported here")


Node = Number | Selector | Over | Aggregate | Arithmetic


def _subquery(inner: Node, time: float, seconds: float, resolution: float, source: Source) -> list[tuple[Labels, Window]]:
    """Steps are aligned to the resolution, independent of the time asked, as in Prometheus."""
    found: dict[Labels, list[tuple[float, float]]] = {}
    at = (time - seconds) // resolution * resolution + resolution
    while at <= time:
        for sample in _vector(inner.at(at, source)):
            found.setdefault(_nameless(sample.labels), []).append((at, sample.value))
        at += resolution
    return list(found.items())


@lru_cache(maxsize=1 << 14)
def _group(labels: Labels, names: frozenset[str], is_without: bool) -> Labels:
    """A series is in the same group at every moment."""
    return tuple((name, value) for name, value in labels if name != "__name__" and (name in names) != is_without)


def _vector(value: Value) -> list[Sample]:
    if isinstance(value, float):
        raise PromError("expected an instant vector, got a scalar")
    return value


def _matches(have: str, operator: str, value: str) -> bool:
    if operator in {"=", "!="}:
        return (have == value) == (operator == "=")
    return (re.fullmatch(value, have) is not None) == (operator == "=~")


def _plain(labels: Mapping[str, str]) -> Labels:
    return tuple(sorted(labels.items()))


def _named(labels: Mapping[str, str], name: str) -> Labels:
    return _plain({**labels, "__name__": name})


def _nameless(labels: Labels) -> Labels:
    return tuple(pair for pair in labels if pair[0] != "__name__")


# ── Functions ────────────────────────────────────────────────────────────────────────────────────────────────────────
def _increase(window: Window, time: float, seconds: float) -> float | None:
    """Growth of a counter, stretched to the window's edges when samples reach near them.

    "If the samples are close enough to the (lower or upper) boundary of the range, we extrapolate the rate all the way to the
    boundary": within 1.1 times the mean distance of samples; otherwise by half of that distance, and never below zero.
    """
    if len(window) < 2:
        return None
    growth = fsum(now - before if now >= before else now for (_, before), (_, now) in pairwise(window))
    sampled = window[-1][0] - window[0][0]
    gap = sampled / (len(window) - 1)
    to_start, to_end = window[0][0] - (time - seconds), time - window[-1][0]
    if growth > 0 and window[0][1] >= 0:
        to_start = min(to_start, sampled * window[0][1] / growth)
    stretched = sampled + sum(edge if edge < 1.1 * gap else gap / 2 for edge in (to_start, to_end))
    return growth * stretched / sampled


def _rate(window: Window, time: float, seconds: float) -> float | None:
    growth = _increase(window, time, seconds)
    return None if growth is None else growth / seconds


def _of_values(work: Callable[[list[float]], float]) -> Callable[[Window, float, float], float | None]:
    return lambda window, _, __: work([value for _, value in window]) if window else None


def _mean(values: list[float]) -> float:
    return fsum(values) / len(values)


RANGE_FUNCTIONS: Mapping[str, Callable[[Window, float, float], float | None]] = {
    "rate": _rate,
    "increase": _increase,
    "avg_over_time": _of_values(_mean),
    "max_over_time": _of_values(max),
    "min_over_time": _of_values(min),
    "sum_over_time": _of_values(fsum),
    "count_over_time": _of_values(lambda values: float(len(values))),
    "last_over_time": _of_values(lambda values: values[-1]),
    "present_over_time": _of_values(lambda _: 1.0),
}
AGGREGATIONS: Mapping[str, Callable[[list[float]], float]] = {
    "sum": fsum,
    "max": max,
    "min": min,
    "avg": _mean,
    "count": lambda values: float(len(values)),
    "group": lambda _: 1.0,
}
_ARITHMETIC: Mapping[str, Callable[[float, float], float]] = {
    "+": lambda left, right: left + right,
    "-": lambda left, right: left - right,
    "*": lambda left, right: left * right,
    "/": lambda left, right: left / right if right else float("nan"),
}
