"""Evidence as text: a chart that both forges and a terminal show, with no picture to fetch from anywhere."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from trimtab.records import ChartPoint, Evidence

WIDTH, HEIGHT = 60, 9
_DEMAND, _NEW, _OLD, _OVER = "█", "─", "┄", "!"


@dataclass(frozen=True, slots=True)
class _Column:
    """A stretch of time: the highest demand in it, and the lowest each capacity was."""

    demand: float | None
    old: float
    new: float


def demand_chart(evidence: Evidence, width: int = WIDTH, height: int = HEIGHT) -> str:
    """Demand as bars below two lines, the capacity now and the one proposed; "!" is demand that would not fit, a blank was not measured.

    Lines of plain letters to put into a fence; "" where there is nothing to draw.
    """
    return chart_of(evidence.chart, evidence.start, evidence.end, width, height)


def chart_of(points: Sequence[ChartPoint], start: datetime, end: datetime, width: int = WIDTH, height: int = HEIGHT) -> str:
    """The same of points that no finding holds."""
    columns = _columns(points, width)
    top = max((value for column in columns for value in (column.demand or 0, column.old, column.new)), default=0.0)
    if not columns or top <= 0:
        return ""
    step = top / height
    rows = [_row(columns, index * step, (index + 1) * step) for index in reversed(range(height))]
    labels = [f"{_short((height - index) * step):>6} |" for index in range(height)]
    notes = _notes(columns, height, step)
    lines = [f"{label}{row}{notes.get(index, '')}".rstrip() for index, (label, row) in enumerate(zip(labels, rows, strict=True))]
    return "\n".join([*lines, f"{'0':>6} +{'-' * len(columns)}", _dates(start, end, len(columns))])


def _columns(points: Sequence[ChartPoint], width: int) -> list[_Column]:
    count = min(width, len(points))
    slices = [points[index * len(points) // count : (index + 1) * len(points) // count] for index in range(count)]
    return [
        _Column(
            demand=max((point.demand for point in part if point.demand is not None), default=None),
            old=min(point.capacity_old for point in part),
            new=min(point.capacity_new for point in part),
        )
        for part in slices
    ]


def _row(columns: Sequence[_Column], low: float, high: float) -> str:
    return "".join(_cell(column, low, high) for column in columns)


def _cell(column: _Column, low: float, high: float) -> str:
    """What one cell shows: bars win over lines, so that a bar through a line is seen as one."""
    if column.demand is not None and column.demand > low:
        return _OVER if column.demand > column.new and high > column.new else _DEMAND
    if low < column.new <= high:
        return _NEW
    return _OLD if low < column.old <= high else " "


def _notes(columns: Sequence[_Column], height: int, step: float) -> dict[int, str]:
    """Names at the right end of the lines; where both lines share a row, both names do."""
    last = columns[-1]
    rows: dict[int, list[str]] = {}
    for name, value in (("now", last.old), ("proposed", last.new)):
        index = height - 1 - min(height - 1, max(0, _level(value, step)))
        rows.setdefault(index, []).append(f"{name} {_short(value)}")
    return {index: f" {', '.join(names)}" for index, names in rows.items()}


def _level(value: float, step: float) -> int:
    """The row that the top of a value falls into: a value on a row's upper edge belongs to that row."""
    whole = int(value / step)
    return whole - 1 if whole > 0 and value <= whole * step else whole


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 100 or value == int(value) else f"{value:.1f}"


def _dates(start: datetime, end: datetime, width: int) -> str:
    first, last = f"{start:%b %d}", f"{end - timedelta(seconds=1):%b %d}"
    gap = max(1, width - len(first) - len(last))
    return f"{'':>8}{first}{' ' * gap}{last}"
