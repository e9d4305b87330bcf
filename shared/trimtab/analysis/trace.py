"""Demand traces: the public long form (CSV or Parquet columns) turned into Demand, with errors that name row and column.

An empty cell is unknown, never zero. `replicas` (default 1) stands for that many equal pods; `pod` tells pods of one workload apart.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np

from trimtab.analysis.assembly import BRIDGE_SECONDS, REQUESTS, SUMS, Grid, Table, assemble, fill_holes
from trimtab.analysis.demand import Bools, Demand, Floats, Ints
from trimtab.errors import BadInput, TooLarge
from trimtab.units import GIB

NUMBERS = {
    "replicas": 1.0,
    "cpu_request": 1000.0,
    "cpu_used": 1000.0,
    "memory_request_gib": float(GIB),
    "memory_used_gib": float(GIB),
    "gpu_request": 1000.0,
    "gpu_compute_used": 1000.0,
    "gpu_memory_used_gib": float(GIB),
}
"""Column → factor into our whole units."""
TEXTS = ("timestamp", "pool", "workload", "pod")


MOST = 1e9
"""Of anything: cores, GiB, GPUs, pods. What is more was written in another unit."""
MILLISECONDS = 10**11
"""Seconds beyond this are the year 5138: somebody counts in milliseconds."""
JUMP = 20
"""A grid with so many times more steps than there are moments comes from a clock that was wrong, if it is long;"""
LONG = 400 * 86400
"""in seconds: within this time a trace just has gaps, and what is not measured is judged as such."""
MOST_CELLS = 200_000_000
"""Rows × steps of one matrix: 1.6 GB."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Columns:
    """A trace as columns of equal length, read and not yet checked. Numbers are in the trace's own units; NaN = nothing was said."""

    times: Floats
    """Epoch seconds."""
    pools: tuple[tuple[str, ...], Ints]
    """Distinct texts, and per row which one."""
    workloads: tuple[tuple[str, ...], Ints]
    pods: tuple[tuple[str, ...], Ints]
    numbers: Mapping[str, Floats]
    """Those of NUMBERS that the trace has."""


def from_trace(columns: Mapping[str, Sequence[object]], *, source: str = "demand trace") -> dict[str, Demand]:
    """Pool → its demand. `columns` are equally long; values may be texts (CSV) or typed (Parquet). Raises BadInput with row and column."""
    check_names(columns, source)
    if len({len(values) for values in columns.values()}) > 1:
        raise BadInput(f"{source}: columns of different length")
    times = _times(columns["timestamp"], source)
    read = Columns(
        times=times,
        pools=_codes(columns.get("pool"), len(times)),
        workloads=_codes(columns["workload"], len(times)),
        pods=_codes(columns.get("pod"), len(times)),
        numbers={name: _numbers(columns[name], name, source) for name in NUMBERS if name in columns},
    )
    return from_columns(read, source=source)


def from_columns(read: Columns, *, source: str) -> dict[str, Demand]:
    """Pool → its demand. Raises BadInput with row and column where a value cannot be meant."""
    length = len(read.times)
    if not length:
        raise BadInput(f"{source}: no rows")
    _check_times(read.times, source)
    _check_ranges(read.numbers, source)
    _check_twice(read, source)
    numbers = {name: read.numbers[name] * factor if name in read.numbers else np.full(length, np.nan) for name, factor in NUMBERS.items()}
    times: Ints = read.times.astype(np.int64)
    order = np.argsort(read.pools[1], kind="stable")
    starts = np.searchsorted(read.pools[1][order], np.arange(len(read.pools[0]) + 1))
    demands = {}
    for code, pool in enumerate(read.pools[0]):
        chosen = order[starts[code] : starts[code + 1]]
        if len(chosen):
            part = {name: values[chosen] for name, values in numbers.items()}
            demands[pool] = _demand(times[chosen], read.workloads, read.pods, chosen, part, source)
    return demands


def check_names(names: Collection[str], source: str) -> None:
    """Raises BadInput for a column that is not known, or one that must be there and is not."""
    unknown = sorted(set(names) - set(NUMBERS) - set(TEXTS))
    if unknown:
        more = f" and {len(unknown) - 1:,} more" if len(unknown) > 1 else ""
        raise BadInput(f"{source}: unknown column {unknown[0][:40]!r}{more}; known are {', '.join((*TEXTS, *NUMBERS))}")
    for name in ("timestamp", "workload"):
        if name not in names:
            raise BadInput(f"{source}: column {name!r} is missing")


def _demand(
    times: Ints,
    workloads: tuple[tuple[str, ...], Ints],
    pods: tuple[tuple[str, ...], Ints],
    chosen: Ints,
    numbers: Mapping[str, Floats],
    source: str,
) -> Demand:
    moments = np.unique(times)
    step = _step(moments)
    first = int(moments[0]) // step * step
    grid = Grid(start=first, step=step, steps=int((moments[-1] - first) // step) + 1)
    _check_grid(grid, moments, times, chosen, source)
    series = workloads[1][chosen] * len(pods[0]) + pods[1][chosen]
    is_named = np.array([bool(name) for name in pods[0]])[pods[1][chosen]]
    table = _per_pod_steps(grid.index(times), times, series, is_named, _totals(numbers))
    if is_named.any():
        table = fill_holes(table, BRIDGE_SECONDS // step)
    rows = len(np.unique(table.workload))
    if rows * grid.steps > MOST_CELLS:
        raise TooLarge(f"{source}: {rows:,} pods over {grid.steps:,} steps are too many for one pool; add up what is equal as replicas")
    by_workload = replace(table, names=workloads[0], kinds=("",) * len(workloads[0]), workload=table.workload // len(pods[0]))
    return assemble(by_workload, grid, also_seen=moments.tolist(), source=source)


def _totals(numbers: Mapping[str, Floats]) -> dict[str, Floats]:
    """Per pod → per row of equal pods, under the names that Demand uses."""
    replicas = np.nan_to_num(numbers["replicas"], nan=1.0)
    gpus = np.maximum(np.nan_to_num(numbers["gpu_request"], nan=1000.0) / 1000.0, 1.0)
    return {
        "pods": replicas,
        "pending": np.full(len(replicas), np.nan),
        "cpu_request": numbers["cpu_request"],
        "memory_request": numbers["memory_request_gib"],
        "gpu_request": numbers["gpu_request"],
        "cpu_used": _times_replicas(numbers["cpu_used"], replicas),
        "memory_used": _times_replicas(numbers["memory_used_gib"], replicas),
        "gpu_compute_used": _times_replicas(numbers["gpu_compute_used"] * gpus, replicas),
        "gpu_memory_used": numbers["gpu_memory_used_gib"],
    }


def _times_replicas(values: Floats, replicas: Floats) -> Floats:
    # What nobody runs uses nothing, whatever its cell leaves open.
    return np.where(replicas > 0, values * replicas, 0.0)


def _per_pod_steps(bucket: Ints, times: Ints, series: Ints, is_named: Bools, values: dict[str, Floats]) -> Table:
    """One entry per pod and step: equal rows at one moment add up, unless they name the pod; of a step's moments the highest counts."""
    keys: tuple[Floats | Ints, ...] = (times, *(np.nan_to_num(values[name], nan=-1.0) for name in REQUESTS), series, bucket)
    order = np.lexsort(keys)
    sorted_keys = [key[order] for key in keys]
    moments = _starts(sorted_keys)
    named = is_named[order][moments]
    at_moment = {name: _of_a_moment(name, column[order], moments, named) for name, column in values.items()}
    steps = _starts([key[moments] for key in sorted_keys[1:]])
    highest = {name: np.maximum.reduceat(column, steps) for name, column in at_moment.items()}
    kept = order[moments][steps]
    return Table(names=(), kinds=(), workload=series[kept], bucket=bucket[kept], values=highest)


def _of_a_moment(name: str, values: Floats, starts: Ints, is_named: Bools) -> Floats:
    highest = np.maximum.reduceat(values, starts)
    return np.where(is_named, highest, np.add.reduceat(values, starts)) if name in SUMS else highest


def _starts(keys: Sequence[Floats | Ints]) -> Ints:
    is_first = np.ones(len(keys[0]), dtype=np.bool_)
    is_first[1:] = np.logical_or.reduce([key[1:] != key[:-1] for key in keys])
    return np.flatnonzero(is_first)


def _step(moments: Ints) -> int:
    """The most frequent distance between two neighboring moments; a single moment is one hour."""
    if len(moments) < 2:
        return 3600
    distances, counts = np.unique(np.diff(moments), return_counts=True)
    # Clocks of many machines interleave: then the spacing is far below any scrape interval, and five minutes is the grid.
    usual = int(distances[int(np.argmax(counts))])
    return usual if usual >= 60 else 300


# ── Reading cells ────────────────────────────────────────────────────────────────────────────────────────────────────
def _codes(values: Sequence[object] | None, length: int) -> tuple[tuple[str, ...], Ints]:
    """Distinct texts and, per row, which one; a missing column is one empty text."""
    if values is None:
        return ("",), np.zeros(length, dtype=np.int64)
    names, codes = np.unique(np.array(["" if value is None else str(value) for value in values]), return_inverse=True)
    return tuple(str(name) for name in names), codes.astype(np.int64)


def _numbers(values: Sequence[object], name: str, source: str) -> Floats:
    try:
        return np.array([np.nan if value is None or value == "" else value for value in values], dtype=np.float64)
    except (TypeError, ValueError):
        row, value = next((row, value) for row, value in enumerate(values, 1) if not _is_number(value))
        raise BadInput(not_a_number(source, row, name, value)) from None


def not_a_number(source: str, row: int, name: str, value: object) -> str:
    """The sentence for a cell that is neither a number nor empty."""
    return f"{source} row {row}: {name}: expected a number or nothing, got {str(value)[:40]!r}"


def not_a_time(source: str, row: int, value: object) -> str:
    """The sentence for a cell that is no moment."""
    return f"{source} row {row}: timestamp: expected ISO 8601 or epoch seconds, got {str(value)[:40]!r}"


def _is_number(value: object) -> bool:
    try:
        float(str(value or 0))
    except ValueError:
        return False
    return True


def _check_ranges(numbers: Mapping[str, Floats], source: str) -> None:
    for name, values in numbers.items():
        bad = np.flatnonzero((values < 0) | (values > MOST))
        if len(bad):
            raise BadInput(f"{source} row {int(bad[0]) + 1}: {name}: expected 0 to {MOST:,.0f}, got {values[bad[0]]:g}")
    over = np.flatnonzero(numbers.get("gpu_compute_used", np.zeros(1)) > 1.0)
    if len(over):
        raise BadInput(f"{source} row {int(over[0]) + 1}: gpu_compute_used: a share of one GPU, 0 to 1; is this a percentage?")
    if "replicas" in numbers:
        replicas = np.nan_to_num(numbers["replicas"], nan=1.0)
        part = np.flatnonzero(replicas != np.floor(replicas))
        if len(part):
            raise BadInput(f"{source} row {int(part[0]) + 1}: replicas: expected a whole number")


def _check_twice(read: Columns, source: str) -> None:
    """Rows that count their pods say all there is of them: one that is said again would count them twice.

    Without the column each row is a pod of its own, and equal pods are equal rows. A pod with a name is itself, however often it is told.
    """
    if "replicas" not in read.numbers:
        return
    keys = [
        read.times,
        read.pools[1],
        read.workloads[1],
        read.pods[1],
        *(np.nan_to_num(values, nan=-1.0) for values in read.numbers.values()),
    ]
    order = np.lexsort(keys)
    is_again = np.logical_and.reduce([key[order][1:] == key[order][:-1] for key in keys])
    nameless = np.array([not name for name in read.pods[0]])[read.pods[1][order][1:]]
    again = np.flatnonzero(is_again & nameless)
    if len(again):
        row, first = int(order[again[0] + 1]) + 1, int(order[again[0]]) + 1
        raise BadInput(f"{source} row {row}: says again what row {first} says; leave one out, or tell their pods apart in the column pod")


def _check_times(times: Floats, source: str) -> None:
    bad = np.flatnonzero(~(np.abs(times) < MILLISECONDS))
    if len(bad):
        raise BadInput(f"{source} row {int(bad[0]) + 1}: timestamp: {times[bad[0]]:g} is no time in epoch seconds; are these milliseconds?")


def _check_grid(grid: Grid, moments: Ints, times: Ints, rows: Ints, source: str) -> None:
    """A single wrong clock would stretch the grid over years."""
    if grid.steps <= JUMP * len(moments) + 1000 or grid.steps * grid.step <= LONG:
        return
    widest = int(np.argmax(np.diff(moments)))
    before, after = moments[widest], moments[widest + 1]
    # The lone side of the gap is the likelier mistake.
    strange = after if widest + 1 > len(moments) / 2 else before
    row = int(rows[np.flatnonzero(times == strange)[0]]) + 1
    gap = f"nothing between {_iso(before)} and {_iso(after)} while the samples are {grid.step} s apart"
    raise BadInput(f"{source} row {row}: timestamp: {gap}; is a clock wrong?")


def _iso(at: int) -> str:
    return f"{datetime.fromtimestamp(int(at), UTC):%Y-%m-%d %H:%M}"


def _times(values: Sequence[object], source: str) -> Floats:
    known: dict[object, int] = {}
    for row, value in enumerate(values, 1):
        if value not in known:
            known[value] = _epoch(value, row, source)
    return np.array([known[value] for value in values], dtype=np.float64)


def _epoch(value: object, row: int, source: str) -> int:
    """ISO 8601 (without zone: UTC), epoch seconds, or a datetime."""
    try:
        if isinstance(value, datetime):
            moment = value
        elif str(value).strip().replace(".", "", 1).isdigit():
            return int(float(str(value)))
        else:
            moment = datetime.fromisoformat(str(value).strip())
    except (ValueError, OverflowError):
        raise BadInput(not_a_time(source, row, value)) from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
