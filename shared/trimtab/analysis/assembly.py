"""Rows of usage put together as Demand: equal pods summed, holes filled or marked as unknown, DaemonSets set apart."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

import numpy as np

from trimtab.analysis.demand import Bools, Demand, Drain, Floats, Ints, Overhead

BRIDGE_SECONDS = 900
"""A pod that is missing for at most this long, and there before and after, is taken to have gone on as before."""
STEADY_SHARE = 0.9
"""What is there in so many steps of its life is a service: where it is missing, it was not measured."""


class UsageRow(NamedTuple):
    """Equal pods of one workload in one step. `cpu_used`, `memory_used` and `gpu_compute_used` are sums over its pods."""

    at: int
    """Epoch seconds of the step's start."""
    workload: str
    kind: str
    pods: float
    """Running and waiting."""
    pending: float | None
    cpu_request: float | None
    """Millicores of one pod; None = unknown."""
    memory_request: float | None
    """Bytes of one pod."""
    gpu_request: float | None
    """Thousandths of a GPU, of one pod."""
    cpu_used: float | None
    memory_used: float | None
    gpu_compute_used: float | None
    """Thousandths of a GPU really computing (SM or tensor activity). A GPU's mere presence signal never enters here."""
    gpu_memory_used: float | None
    """Bytes, the highest of its pods."""
    gpu_tensor_used: float | None = None
    """Thousandths, of the busiest GPU of its pods; so are DRAM and FP64."""
    gpu_dram_used: float | None = None
    gpu_fp64_used: float | None = None
    gpu_power: float | None = None
    """Watts of the hottest GPU of its pods."""
    gpu_link_used: float | None = None
    """NVLink traffic of its pods' GPUs; 0 = none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Machines:
    """What was read of a pool's newest nodes; None = nobody read it of all of them."""

    zones: tuple[str, ...] | None = None
    makers: frozenset[str] | None = None
    gpu_models: frozenset[str] = frozenset()
    """In the exporter's words; empty = not read."""


def from_rows(
    rows: Iterable[UsageRow],
    *,
    start: datetime,
    end: datetime,
    step: int = 3600,
    nodes: Mapping[int, float] | None = None,
    drains: Mapping[str, Drain] | None = None,
    machines: Machines | None = None,
    source: str = "measured usage",
) -> Demand | None:
    """Demand on the grid from the first thing seen in [start, end) to `end`; None = nothing was measured at all.

    `nodes` maps a step's start to how many nodes were there; a step with nodes and no pods is known to be empty. `drains` is what was
    read of each workload, `machines` of the nodes; without them nothing was.
    """
    given = [row for row in rows if start.timestamp() <= row.at < end.timestamp()]
    seen = {at: count for at, count in (nodes or {}).items() if start.timestamp() <= at < end.timestamp()}
    if not given and not seen:
        return None
    first = min([row.at for row in given] + list(seen)) // step * step
    grid = Grid(start=first, step=step, steps=max(1, -(-(int(end.timestamp()) - first) // step)))
    daemons = [row for row in given if row.kind == "DaemonSet"]
    others = [row for row in given if row.kind != "DaemonSet"]
    return assemble(
        table_of(others, grid),
        grid,
        overhead=overhead_of(daemons),
        also_seen=[row.at for row in daemons],
        nodes=seen or None,
        drains=drains,
        machines=machines,
        source=source,
    )


# ── Assembling the matrices ──────────────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True, kw_only=True, slots=True)
class Grid:
    """A regular grid of steps."""

    start: int
    step: int
    steps: int

    def index(self, at: Ints) -> Ints:
        """Which step each moment falls in."""
        return (at - self.start) // self.step

    def times(self) -> Ints:
        """Start of each step."""
        return self.start + self.step * np.arange(self.steps, dtype=np.int64)


REQUESTS = ("cpu_request", "memory_request", "gpu_request")
SUMS = ("pods", "pending", "cpu_used", "memory_used", "gpu_compute_used")
USED = ("cpu_used", "memory_used", "gpu_compute_used", "gpu_memory_used")
MEASURES = ("pods", "pending", *REQUESTS, *USED)
GPU_SIGNALS = ("gpu_tensor_used", "gpu_dram_used", "gpu_fp64_used", "gpu_power", "gpu_link_used")
"""Measures that a table has only where any of its rows has them: most pools have no GPU."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Table:
    """Long form by columns: one entry per (step, workload, shape of pod); `values` has all of MEASURES, and GPU_SIGNALS where known."""

    names: tuple[str, ...]
    kinds: tuple[str, ...]
    workload: Ints
    """Index into `names`."""
    bucket: Ints
    values: Mapping[str, Floats]


def table_of(rows: Sequence[UsageRow], grid: Grid) -> Table:
    """Rows turned into columns; None becomes NaN."""
    kinds = {row.workload: row.kind for row in rows}
    names = tuple(sorted(kinds))
    place = {name: index for index, name in enumerate(names)}
    signals = [name for name in GPU_SIGNALS if any(getattr(row, name) is not None for row in rows)]
    columns = {name: np.array([getattr(row, name) for row in rows], dtype=np.float64) for name in (*MEASURES, *signals)}
    return Table(
        names=names,
        kinds=tuple(kinds[name] for name in names),
        workload=np.array([place[row.workload] for row in rows], dtype=np.int64),
        bucket=grid.index(np.array([row.at for row in rows], dtype=np.int64)),
        values=columns,
    )


def assemble(
    table: Table,
    grid: Grid,
    *,
    overhead: Overhead | None = None,
    also_seen: Sequence[int] = (),
    nodes: Mapping[int, float] | None = None,
    drains: Mapping[str, Drain] | None = None,
    machines: Machines | None = None,
    source: str = "measured usage",
) -> Demand:
    """The matrices: equal pods summed, different shapes in rows of their own, holes filled or marked as unknown."""
    merged = _merge_equal(table)
    filled = fill_holes(merged, BRIDGE_SECONDS // grid.step)
    grouped = merged if filled is merged else _merge_equal(filled)
    row, workload_of_row = _rows(grouped)
    matrices = {name: _matrix(values, row, grouped.bucket, len(workload_of_row), grid.steps) for name, values in grouped.values.items()}
    node_counts = _node_counts(nodes, grid)
    seen = np.zeros(grid.steps, dtype=np.bool_)
    seen[table.bucket] = True
    seen[grid.index(np.array(also_seen, dtype=np.int64))] = True
    if node_counts is not None:
        seen |= ~np.isnan(node_counts)
    pending = matrices.pop("pending")
    return Demand(
        step=grid.step,
        times=grid.times(),
        seen=seen,
        names=tuple(table.names[index] for index in workload_of_row),
        kinds=tuple(table.kinds[index] for index in workload_of_row),
        pending=None if bool(np.isnan(pending).any()) else pending,
        overhead=overhead or Overhead(),
        nodes=node_counts,
        drains=drains or {},
        zones=machines.zones if machines else None,
        makers=machines.makers if machines else None,
        gpu_models=machines.gpu_models if machines else frozenset(),
        source=source,
        **matrices,
    )


def overhead_of(daemons: Iterable[UsageRow]) -> Overhead:
    """Per DaemonSet the most that one of its pods asked for or held, of CPU what it used where nobody knows what it asked for.

    All of them together are on every node.
    """
    cpu: dict[str, float] = {}
    memory: dict[str, float] = {}
    for row in daemons:
        held = row.memory_used / row.pods if row.memory_used is not None and row.pods else 0.0
        used = row.cpu_used / row.pods if row.cpu_used is not None and row.pods else 0.0
        cpu[row.workload] = max(cpu.get(row.workload, 0.0), used if row.cpu_request is None else row.cpu_request)
        memory[row.workload] = max(memory.get(row.workload, 0.0), row.memory_request or 0.0, held)
    return Overhead(cpu=sum(cpu.values()), memory=sum(memory.values()), pods=len(cpu))


def _merge_equal(table: Table) -> Table:
    """One entry per (step, workload, request shape), sorted by them."""
    if not len(table.bucket):
        return table
    alone = _one_each(table)
    if alone is not None:
        values = {name: column[alone] for name, column in table.values.items()}
        return replace(table, workload=table.workload[alone], bucket=table.bucket[alone], values=values)
    keys = [np.nan_to_num(table.values[name], nan=-1.0) for name in reversed(REQUESTS)]
    order = np.lexsort((*keys, table.workload, table.bucket))
    parts = [table.bucket[order], table.workload[order], *(key[order] for key in keys)]
    is_first = np.ones(len(order), dtype=np.bool_)
    is_first[1:] = np.logical_or.reduce([part[1:] != part[:-1] for part in parts])
    starts: Ints = np.flatnonzero(is_first)
    values = {name: _reduce(name, column[order], starts) for name, column in table.values.items()}
    return Table(
        names=table.names, kinds=table.kinds, workload=table.workload[order][starts], bucket=table.bucket[order][starts], values=values
    )


def _one_each(table: Table) -> Ints | None:
    """The order by step and workload where no two entries share both, so that nothing is left to add up; else None."""
    place = table.bucket * len(table.names) + table.workload
    order = np.argsort(place, kind="stable")
    return order if bool((np.diff(place[order]) > 0).all()) else None


def _reduce(name: str, values: Floats, starts: Ints) -> Floats:
    # NaN wins in both: one unknown part makes the whole unknown.
    reduced = np.add.reduceat(values, starts) if name in SUMS else np.maximum.reduceat(values, starts)
    return reduced.astype(np.float64)


def _rows(table: Table) -> tuple[Ints, Ints]:
    """Matrix row of each entry, and the workload of each matrix row."""
    if not len(table.bucket):
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    is_first = np.ones(len(table.bucket), dtype=np.bool_)
    is_first[1:] = (table.bucket[1:] != table.bucket[:-1]) | (table.workload[1:] != table.workload[:-1])
    starts = np.flatnonzero(is_first)
    rank = np.arange(len(table.bucket)) - np.repeat(starts, np.diff(np.append(starts, len(table.bucket))))
    width = np.zeros(len(table.names), dtype=np.int64)
    np.maximum.at(width, table.workload, rank + 1)
    offset = np.cumsum(width) - width
    return offset[table.workload] + rank, np.repeat(np.arange(len(table.names)), width)


def _matrix(values: Floats, row: Ints, bucket: Ints, rows: int, steps: int) -> Floats:
    matrix = np.zeros((rows, steps))
    matrix[row, bucket] = values
    return matrix


def fill_holes(table: Table, bridge: int) -> Table:
    """Entries for steps in which pods that were surely there were not reported.

    Up to `bridge` steps the last sample is carried, as Prometheus does. Longer, and only for what is nearly always there, the requests
    are carried and the use is unknown. What comes and goes did not run while it was gone.
    """
    keys = [np.nan_to_num(table.values[name], nan=-1.0) for name in REQUESTS]
    if len(table.bucket) < 2 or _is_whole(table, keys):
        return table
    order = np.lexsort((table.bucket, *keys, table.workload))
    bucket = table.bucket[order]
    is_same = np.logical_and.reduce([np.diff(part[order]) == 0 for part in (table.workload, *keys)])
    length = np.diff(bucket) - 1
    is_bridged = length <= bridge
    chosen = is_same & (length > 0) & (is_bridged | _is_steady(bucket, is_same)[:-1])
    if not chosen.any():
        return table
    repeats = length[chosen]
    source: Ints = np.repeat(order[:-1][chosen], repeats)
    ahead = np.arange(len(source)) - np.repeat(np.cumsum(repeats) - repeats, repeats) + 1
    filler = _filler(table.values, source, np.repeat(~is_bridged[chosen], repeats))
    return Table(
        names=table.names,
        kinds=table.kinds,
        workload=np.append(table.workload, table.workload[source]).astype(np.int64),
        bucket=np.append(table.bucket, np.repeat(bucket[:-1][chosen], repeats) + ahead).astype(np.int64),
        values={name: np.append(column, filler[name]) for name, column in table.values.items()},
    )


def _is_whole(table: Table, keys: Sequence[Floats]) -> bool:
    """True where each workload's pods have one shape and one entry for each step from its first to its last: then nothing is missing."""
    entries = np.arange(len(table.bucket))
    counts = np.bincount(table.workload)
    first, last = np.zeros_like(counts), np.zeros_like(counts)
    first[table.workload[::-1]], last[table.workload] = entries[::-1], entries
    is_sorted = bool((np.diff(table.bucket) >= 0).all())
    is_filled = bool((counts[counts > 0] == (table.bucket[last] - table.bucket[first] + 1)[counts > 0]).all())
    has_one_shape = all(bool((key == key[first][table.workload]).all()) for key in keys)
    return is_sorted and is_filled and has_one_shape and _is_alone(table)


def _is_alone(table: Table) -> bool:
    """True where no workload has two entries in one step; the table is sorted by step."""
    place = table.bucket * (int(table.workload.max()) + 1) + table.workload
    return len(np.unique(place)) == len(place) if (np.diff(place) <= 0).any() else True


def _filler(values: Mapping[str, Floats], source: Ints, is_unknown: Bools) -> dict[str, Floats]:
    carried = {name: column[source] for name, column in values.items()}
    return {name: np.where(is_unknown, np.nan, column) if name in {*USED, *GPU_SIGNALS} else column for name, column in carried.items()}


def _is_steady(bucket: Ints, is_same: Bools) -> Bools:
    """Per entry: is its series there in nearly all steps between its first and its last?"""
    series = np.append(0, np.cumsum(~is_same))
    starts = np.flatnonzero(np.append(True, ~is_same))
    counts = np.diff(np.append(starts, len(bucket)))
    lifetime = bucket[starts + counts - 1] - bucket[starts] + 1
    steady: Bools = (counts >= STEADY_SHARE * lifetime)[series]
    return steady


def _node_counts(nodes: Mapping[int, float] | None, grid: Grid) -> Floats | None:
    if nodes is None:
        return None
    counts = np.full(grid.steps, np.nan)
    counts[grid.index(np.fromiter(nodes, dtype=np.int64, count=len(nodes)))] = np.fromiter(nodes.values(), dtype=np.float64)
    return counts
