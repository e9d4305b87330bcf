"""Demand traces: the public long form (CSV or Parquet columns) turned into Demand, with errors that name row and column.

An empty cell is unknown, never zero. `replicas` (default 1) stands for that many equal pods; `pod` tells pods of one workload apart.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from trimtab.analysis.assembly import BRIDGE_SECONDS, REQUESTS, SUMS, Grid, Table, assemble, fill_holes
from trimtab.analysis.demand import Bools, Demand, Floats, Ints
from trimtab.errors import BadInput
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


def from_trace(columns: Mapping[str, Sequence[object]], *, source: str = "demand trace") -> dict[str, Demand]:
    """Pool → its demand. `columns` are equally long; values may be texts (CSV) or typed (Parquet). Raises BadInput with row and column."""
    _check_names(columns, source)
    times = _times(columns["timestamp"], source)
    if not len(times):
        raise BadInput(f"{source}: no rows")
    pools = _codes(columns.get("pool"), len(times))
    numbers = {name: _numbers(columns.get(name), name, len(times), source) * factor for name, factor in NUMBERS.items()}
    _check_ranges(numbers, source)
    workloads, pods = _codes(columns["workload"], len(times)), _codes(columns.get("pod"), len(times))
    demands = {}
    for code, pool in enumerate(pools[0]):
        chosen = np.flatnonzero(pools[1] == code)
        part = {name: values[chosen] for name, values in numbers.items()}
        demands[pool] = _demand(times[chosen], workloads, pods, chosen, part, source)
    return demands


def _check_names(columns: Mapping[str, Sequence[object]], source: str) -> None:
    unknown = set(columns) - set(NUMBERS) - set(TEXTS)
    if unknown:
        raise BadInput(f"{source}: unknown column {min(unknown)!r}; known are {', '.join((*TEXTS, *NUMBERS))}")
    for name in ("timestamp", "workload"):
        if name not in columns:
            raise BadInput(f"{source}: column {name!r} is missing")
    if len({len(values) for values in columns.values()}) > 1:
        raise BadInput(f"{source}: columns of different length")


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
    series = workloads[1][chosen] * len(pods[0]) + pods[1][chosen]
    is_named = np.array([bool(name) for name in pods[0]])[pods[1][chosen]]
    table = _per_pod_steps(grid.index(times), times, series, is_named, _totals(numbers))
    if is_named.any():
        table = fill_holes(table, BRIDGE_SECONDS // step)
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


def _numbers(values: Sequence[object] | None, name: str, length: int, source: str) -> Floats:
    if values is None:
        return np.full(length, np.nan)
    try:
        return np.array([np.nan if value is None or value == "" else value for value in values], dtype=np.float64)
    except (TypeError, ValueError):
        row, value = next((row, value) for row, value in enumerate(values, 1) if not _is_number(value))
        raise BadInput(f"{source} row {row}: {name}: expected a number or nothing, got {value!r}") from None


def _is_number(value: object) -> bool:
    try:
        float(str(value or 0))
    except ValueError:
        return False
    return True


def _check_ranges(numbers: Mapping[str, Floats], source: str) -> None:
    for name, values in numbers.items():
        bad = np.flatnonzero((values < 0) | np.isinf(values))
        if len(bad):
            raise BadInput(f"{source} row {int(bad[0]) + 1}: {name}: expected zero or more, got {values[bad[0]] / NUMBERS[name]:g}")
    over = np.flatnonzero(numbers["gpu_compute_used"] > 1000.0)
    if len(over):
        raise BadInput(f"{source} row {int(over[0]) + 1}: gpu_compute_used: a share of one GPU, 0 to 1; is this a percentage?")
    part = np.flatnonzero(numbers["replicas"] != np.floor(numbers["replicas"]))
    part = part[~np.isnan(numbers["replicas"][part])]
    if len(part):
        raise BadInput(f"{source} row {int(part[0]) + 1}: replicas: expected a whole number")


def _times(values: Sequence[object], source: str) -> Ints:
    known: dict[object, int] = {}
    for row, value in enumerate(values, 1):
        if value not in known:
            known[value] = _epoch(value, row, source)
    return np.array([known[value] for value in values], dtype=np.int64)


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
        raise BadInput(f"{source} row {row}: timestamp: expected ISO 8601 or epoch seconds, got {value!r}") from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
