"""Days that cost what no such weekday did before, and which parts made the difference.

A day is held against the median of its own weekday, moved by how the last days ran against theirs, and the distance is counted in the
usual distances of this series. No flat percentage: what is usual is the series' own. What is unknown is neither zero nor an anomaly.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from trimtab.analysis.forecast import CENT, Past, Series, past_of
from trimtab.errors import Refused
from trimtab.records import Anomaly, Contribution

Floats = NDArray[np.float64]

WARM_UP = 28
"""Known days before the first that is judged: four of each weekday."""
WINDOW = 56
SAME_WEEKDAYS = 3
"""Known days of the same weekday that an expectation needs."""
RECENT = 14
"""Days over which the series may have moved as a whole."""
UNUSUAL = 4.0
"""Usual distances (1.4826 × the median absolute distance) from which on a day is unusual."""
FINEST = 0.025
"""However steady a series was, the usual distance counts as at least this share of a day: a step under a tenth of it is no news."""
WORTH_NAMING = Decimal("0.02")
"""Share of the surprise that a part must have made to be named."""
MOST_NAMED = 5
SAME_RUN = timedelta(days=3)
"""Unusual days at most this far apart, in the same direction, are one surprise."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Expected:
    """What a day was expected to be, and how far from it days usually are."""

    value: float
    distance: float


def anomalies(series: Series, parts: Mapping[str, Series] | None = None) -> tuple[Anomaly, ...]:
    """Every unusual day, oldest first, with the parts that made it so. Raises Refused while the series is too short to judge any."""
    if len(series) <= WARM_UP:
        raise Refused(f"{len(series)} known days: {WARM_UP + 1} are the least, the first {WARM_UP} only teach what is usual")
    found: list[Anomaly] = []
    for anomaly in _unusual(series):
        last = found[-1] if found else None
        is_same = last is not None and anomaly.day - last.day <= SAME_RUN and (anomaly.score > 0) == (last.score > 0)
        found.append(_complete(anomaly, last.since if last and is_same else anomaly.day, parts or {}))
    return tuple(found)


def _unusual(series: Series) -> list[Anomaly]:
    past = past_of(series)
    judged = (_judge(past, place, series) for place in range(WARM_UP, len(past.values)))
    return [anomaly for anomaly in judged if anomaly is not None]


def _judge(past: Past, place: int, series: Series) -> Anomaly | None:
    """The anomaly of one day, or None where it is usual, unknown, or nothing can be expected of it."""
    expected = expectation(past, place) if np.isfinite(past.values[place]) else None
    if expected is None:
        return None
    score = (float(past.values[place]) - expected.value) / expected.distance
    if abs(score) < UNUSUAL:
        return None
    day = past.first + timedelta(days=place)
    return Anomaly(day=day, since=day, expected=_money(expected.value), actual=series[day], score=round(score, 1))


def _complete(anomaly: Anomaly, since: date, parts: Mapping[str, Series]) -> Anomaly:
    return replace(anomaly, since=since, contributions=contributions(parts, anomaly))


def expectation(past: Past, place: int) -> Expected | None:
    """What day number `place` should have been by the eight weeks before it; None = too little is known of them."""
    start = max(0, place - WINDOW)
    before = past.values[start:place]
    if np.isfinite(before).sum() < WARM_UP:
        return None
    weekdays = past.weekdays(start, len(before))
    medians = np.array([_median(before[weekdays == weekday]) for weekday in range(7)])
    own = int(past.weekdays(place, 1)[0])
    if np.isfinite(before[weekdays == own]).sum() < SAME_WEEKDAYS:
        return None
    distances = before - medians[weekdays]
    moved = _median(distances[-RECENT:])
    value = float(medians[own]) + (moved if np.isfinite(moved) else 0.0)
    least = max(FINEST * _median(np.abs(before)), float(CENT))
    return Expected(value=value, distance=max(_usual_distance(distances[np.isfinite(distances)]), least))


def _usual_distance(distances: Floats) -> float:
    """Robust, as a standard deviation; where most days are exactly alike the median says 0, and the mean distance speaks instead."""
    sizes = np.abs(distances - np.median(distances))
    return float(1.4826 * np.median(sizes) or 1.2533 * sizes.mean())


def _median(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else float("nan")


def contributions(parts: Mapping[str, Series], anomaly: Anomaly) -> tuple[Contribution, ...]:
    """The parts of an unusual day that moved, largest first, and those with too short a past to say; a rise may hide a fall, so both."""
    least = abs(anomaly.actual - anomaly.expected) * WORTH_NAMING
    found = [Contribution(name=name, change=_change(series, anomaly.day)) for name, series in parts.items() if anomaly.day in series]
    moved = [part for part in found if part.change is None or abs(part.change) >= least]
    moved.sort(key=lambda part: (part.change is None, -abs(part.change or Decimal(0)), part.name))
    return tuple(moved[:MOST_NAMED])


def _change(series: Series, day: date) -> Decimal | None:
    past = past_of({known: value for known, value in series.items() if known <= day})
    expected = expectation(past, len(past.values) - 1)
    return None if expected is None else (series[day] - _money(expected.value)).quantize(CENT)


def _money(value: float) -> Decimal:
    return Decimal(str(value)).quantize(CENT)
