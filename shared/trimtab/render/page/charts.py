"""The evidence as a step chart: what was asked for, against the size now and the size proposed; what was not measured stays empty."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from markupsafe import Markup

from trimtab.records import ChartPoint, Evidence
from trimtab.render.page.html import visible
from trimtab.render.view import amount

LEFT, RIGHT, TOP, BOTTOM = 44, 112, 24, 26
ROOM = 1.04
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Frame:
    """Where values and times lie on the paper."""

    width: int
    height: int
    start: datetime
    end: datetime
    top: float

    def x(self, at: datetime) -> float:
        share = (at - self.start) / (self.end - self.start)
        return LEFT + share * (self.width - LEFT - RIGHT)

    def y(self, value: float) -> float:
        return self.height - BOTTOM - value / self.top * (self.height - TOP - BOTTOM)


def demand_svg(evidence: Evidence, *, width: int, height: int) -> Markup:
    """The chart as inline SVG; "" where there is nothing to draw."""
    points = evidence.chart
    highest = max((value for point in points for value in (point.demand or 0.0, point.capacity_old, point.capacity_new)), default=0.0)
    if highest <= 0:
        return Markup("")
    ticks = scale(highest)
    frame = _Frame(width=width, height=height, start=points[0].at, end=_end(points), top=ticks[-1])
    layers = (
        _grid(frame, ticks, visible(evidence.unit, 12)),
        _judged(frame, evidence),
        _demand(frame, points),
        _over(frame, points),
        _gaps(frame, points),
        _capacities(frame, points),
        _dates(frame),
    )
    return Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        width, height, in_words(evidence), Markup("").join(layers)
    )


def in_words(evidence: Evidence) -> str:
    """The same for whoever cannot see it."""
    last, unit = evidence.chart[-1], visible(evidence.unit, 20)
    missing = sum(point.demand is None for point in evidence.chart)
    return (
        f"Demand from {evidence.start:%Y-%m-%d} to {evidence.end:%Y-%m-%d}, at most {amount(evidence.peak)} {unit}; "
        f"the size now carries {amount(last.capacity_old)}, the size proposed {amount(last.capacity_new)}; "
        f"{missing} of {len(evidence.chart)} steps not measured."
    )


def scale(highest: float) -> tuple[float, ...]:
    """Round numbers from 0 to above the highest, with room for its line: at most six. 29.4 → 0, 10, 20, 30, 40."""
    roomy = highest * ROOM
    step = next(unit * 10.0**power for power in range(-3, 9) for unit in _STEPS if roomy / (unit * 10.0**power) <= 4.5)
    count = int(roomy / step + 0.999999)
    return tuple(step * index for index in range(count + 1))


def _end(points: Sequence[ChartPoint]) -> datetime:
    """A point is a step: the last one is as long as the one before it."""
    return points[-1].at + _length(points)


def _length(points: Sequence[ChartPoint]) -> timedelta:
    return points[1].at - points[0].at if len(points) > 1 else timedelta(days=1)


def _spans(points: Sequence[ChartPoint]) -> Iterator[tuple[datetime, datetime, ChartPoint]]:
    """Every point with the time it stands for."""
    ends = (*(point.at for point in points[1:]), _end(points))
    yield from ((point.at, end, point) for point, end in zip(points, ends, strict=True))


def _grid(frame: _Frame, ticks: Sequence[float], unit: str) -> Markup:
    lines = [
        Markup('<line class="grid" x1="{}" x2="{}" y1="{}" y2="{}"/><text class="tick" x="{}" y="{}" text-anchor="end">{}</text>').format(
            LEFT, frame.width - RIGHT, _n(frame.y(tick)), _n(frame.y(tick)), LEFT - 7, _n(frame.y(tick) + 4), amount(tick)
        )
        for tick in ticks
    ]
    return Markup("").join([*lines, Markup('<text class="unit" x="{}" y="{}">{}</text>').format(2, 12, unit)])


def _judged(frame: _Frame, evidence: Evidence) -> Markup:
    """Which days the size was tried on: they are the newest, and the fit has not seen them."""
    begin = max(evidence.end - timedelta(days=evidence.judged_days), frame.start)
    if not evidence.judged_days or begin >= frame.end:
        return Markup("")
    x, end = frame.x(begin), frame.width - RIGHT
    return Markup(
        '<rect class="judged" x="{}" y="{}" width="{}" height="{}"/>'
        '<text class="note" x="{}" y="{}" text-anchor="end">judged {} days</text>'
    ).format(_n(x), TOP, _n(end - x), _n(frame.height - TOP - BOTTOM), end, TOP - 7, evidence.judged_days)


def _demand(frame: _Frame, points: Sequence[ChartPoint]) -> Markup:
    """An area for each run of measured steps: a gap is drawn as a gap, never as a line across it."""
    runs = [list(run) for is_measured, run in groupby(_spans(points), lambda span: span[2].demand is not None) if is_measured]
    return Markup("").join(_run(frame, run) for run in runs)


def _run(frame: _Frame, spans: Sequence[tuple[datetime, datetime, ChartPoint]]) -> Markup:
    steps = [
        f"{_n(frame.x(start))},{_n(frame.y(point.demand or 0.0))} {_n(frame.x(end))},{_n(frame.y(point.demand or 0.0))}"
        for start, end, point in spans
    ]
    floor, line = _n(frame.y(0)), " L".join(steps)
    first, last = _n(frame.x(spans[0][0])), _n(frame.x(spans[-1][1]))
    return Markup('<path class="demand-area" d="M{},{} L{} L{},{}Z"/><path class="demand" d="M{}"/>').format(
        first, floor, line, last, floor, line
    )


def _over(frame: _Frame, points: Sequence[ChartPoint]) -> Markup:
    """Demand that the proposed size would not carry."""
    over = [(start, end, point) for start, end, point in _spans(points) if point.demand is not None and point.demand > point.capacity_new]
    return Markup("").join(
        Markup('<rect class="over" x="{}" y="{}" width="{}" height="{}"/>').format(
            _n(frame.x(start)),
            _n(frame.y(point.demand or 0.0)),
            _n(frame.x(end) - frame.x(start)),
            _n(frame.y(point.capacity_new) - frame.y(point.demand or 0.0)),
        )
        for start, end, point in over
    )


def _gaps(frame: _Frame, points: Sequence[ChartPoint]) -> Markup:
    runs = [list(run) for is_gap, run in groupby(_spans(points), lambda span: span[2].demand is None) if is_gap]
    return Markup("").join(
        Markup('<rect class="gap" x="{}" y="{}" width="{}" height="{}"><title>not measured</title></rect>').format(
            _n(frame.x(run[0][0])), TOP, _n(frame.x(run[-1][1]) - frame.x(run[0][0])), _n(frame.height - TOP - BOTTOM)
        )
        for run in runs
    )


def _capacities(frame: _Frame, points: Sequence[ChartPoint]) -> Markup:
    """Two step lines, each named at its right end."""
    old = [(start, end, point.capacity_old) for start, end, point in _spans(points)]
    new = [(start, end, point.capacity_new) for start, end, point in _spans(points)]
    return _line(frame, new, "capacity-new") + _line(frame, old, "capacity-old") + _names(frame, old[-1][2], new[-1][2])


def _names(frame: _Frame, old: float, new: float) -> Markup:
    """Where the lines would meet, their names make room; where they are one line, one name says so."""
    if old == new:
        return _name(frame, "proposed", f"both {amount(new)}", frame.y(new))
    old_y, new_y = _apart(frame.y(old), frame.y(new))
    return _name(frame, "now", f"now {amount(old)}", old_y) + _name(frame, "proposed", f"proposed {amount(new)}", new_y)


def _name(frame: _Frame, style: str, words: str, y: float) -> Markup:
    return Markup('<text class="name {}" x="{}" y="{}">{}</text>').format(style, frame.width - RIGHT + 8, _n(y + 4), words)


def _line(frame: _Frame, spans: Sequence[tuple[datetime, datetime, float]], style: str) -> Markup:
    steps = [f"{_n(frame.x(start))},{_n(frame.y(value))} {_n(frame.x(end))},{_n(frame.y(value))}" for start, end, value in spans]
    return Markup('<path class="{}" d="M{}"/>').format(style, " L".join(steps))


def _apart(old: float, new: float, least: float = 16) -> tuple[float, float]:
    """Two heights at least so far from each other that both labels can be read."""
    if abs(old - new) >= least:
        return old, new
    middle, half = (old + new) / 2, least / 2
    return (middle - half, middle + half) if old <= new else (middle + half, middle - half)


def _dates(frame: _Frame) -> Markup:
    """Whole days at even distances, so many as there is room for."""
    days = max(1, round((frame.end - frame.start) / timedelta(days=1)))
    room = max(2, (frame.width - LEFT - RIGHT) // 80)
    every = next((step for step in (1, 2, 7, 14, 28) if days / step <= room), -(-days // room))
    first = frame.start.replace(hour=0, minute=0, second=0, microsecond=0)
    days_shown = [first + timedelta(days=offset) for offset in range(0, days + 1, every)]
    return Markup("").join(
        Markup(
            '<line class="mark" x1="{0}" x2="{0}" y1="{1}" y2="{2}"/><text class="tick" x="{0}" y="{3}" text-anchor="middle">{4}</text>'
        ).format(_n(frame.x(day)), frame.height - BOTTOM, frame.height - BOTTOM + 4, frame.height - BOTTOM + 18, f"{day:%b} {day.day}")
        for day in days_shown
        if frame.start <= day <= frame.end
    )


def _n(value: float) -> str:
    """A coordinate with one digit: enough for a screen, and the same bytes every time."""
    return f"{value:.1f}"
