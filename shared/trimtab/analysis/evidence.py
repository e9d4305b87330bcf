"""The proof that travels with a finding: chart, numbers, and the sentences a reviewer wants to read."""

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from trimtab.analysis.backtest import Split, bound_in_words
from trimtab.analysis.demand import Demand
from trimtab.analysis.packing import NodesNeeded
from trimtab.records import ChartPoint, Evidence, InstanceType
from trimtab.units import GIB

CHART_POINTS = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class Size:
    """So many nodes of one shape, and what they would have needed."""

    nodes: int
    instance: InstanceType
    needed: NodesNeeded


@dataclass(frozen=True, kw_only=True, slots=True)
class Unit:
    """What the chart counts, and which dimension of the packing that is."""

    name: str
    dimension: int
    scale: float


UNITS = (
    Unit(name="CPU cores", dimension=0, scale=1000.0),
    Unit(name="GiB", dimension=1, scale=float(GIB)),
    Unit(name="GPUs", dimension=2, scale=1000.0),
)


def evidence_of(demand: Demand, old: Size, new: Size, part: Split, *, lines: tuple[str, ...] = ()) -> Evidence:
    """Everything measured about moving from one size to the other; `lines` come first."""
    unit = _unit(old.needed, old.instance)
    fullest = old.needed.fullest * _per_node(old, unit)
    missed_new = int(new.needed.misses(new.nodes, part.judge).sum())
    return Evidence(
        start=demand.start,
        end=demand.end,
        coverage=demand.coverage,
        source=demand.source,
        unit=unit.name,
        chart=_chart(demand, old, new, unit),
        peak=round(float(fullest.max(initial=0.0)), 3),
        typical=round(float(np.median(fullest)), 3) if fullest.size else 0.0,
        fitted_days=part.fitted_days,
        judged_days=part.judged_days,
        violations_old=int(old.needed.misses(old.nodes, part.judge).sum()),
        violations_new=missed_new,
        judged_steps=int(part.judge.sum()),
        lines=(*lines, *_sentences(demand, new, part, missed_new)),
    )


def _unit(needed: NodesNeeded, instance: InstanceType) -> Unit:
    """GPUs on a GPU pool, because they are what costs; else CPU or memory, whichever is fuller at its peak."""
    if instance.gpus:
        return UNITS[2]
    peaks = needed.load.max(axis=1, initial=0.0)
    return UNITS[1] if peaks[1] > peaks[0] else UNITS[0]


def _per_node(size: Size, unit: Unit) -> float:
    return size.needed.node.offers[unit.dimension] / unit.scale


def _chart(demand: Demand, old: Size, new: Size, unit: Unit) -> tuple[ChartPoint, ...]:
    """The highest demand of each day (or few days, so that there are at most 60 points); a day without a measured step is a gap."""
    start = int(demand.times[0]) // 86400
    days = (demand.times // 86400) - start
    per_point = -(-(int(days[-1]) + 1) // CHART_POINTS)
    bucket = days[old.needed.steps] // per_point
    values = old.needed.fullest * _per_node(old, unit)
    capacity = old.nodes * _per_node(old, unit), new.nodes * _per_node(new, unit)
    return tuple(
        ChartPoint(
            at=datetime.fromtimestamp((start + index * per_point) * 86400, UTC),
            demand=round(float(values[bucket == index].max()), 3) if (bucket == index).any() else None,
            capacity_old=round(capacity[0], 3),
            capacity_new=round(capacity[1], 3),
        )
        for index in range(int(days[-1]) // per_point + 1)
    )


def _sentences(demand: Demand, new: Size, part: Split, missed: int) -> tuple[str, ...]:
    busiest = float(new.needed.fullest[part.judge].max(initial=0.0))
    step = "hour" if demand.step == 3600 else f"{demand.step // 60}-minute step"
    nodes = f"{new.nodes} {new.instance.name} node{'s' if new.nodes != 1 else ''}"
    served = f"every {step}" if not missed else f"all but {missed} of {int(part.judge.sum())} {step}s"
    sentences = [f"In {part.judged_days} judged days {nodes} would have carried {served}; the busiest needed {busiest:.1f} of {new.nodes}."]
    if not missed:
        bound = bound_in_words(part.judged_days)
        sentences.append(f"{bound[0].upper()}{bound[1:]}.")
    waiting = demand.pending_share
    if waiting is None:
        sentences.append("The source does not tell waiting pods from running ones.")
    elif waiting:
        sentences.append(f"Waiting pods are counted: {waiting:.1%} of the demand had no place.")
    taken = demand.overhead
    if taken.pods:
        share = f"{taken.cpu / 1000:.2f} cores and {taken.memory / GIB:.2f} GiB"
        sentences.append(f"Every node gives {share} to {taken.pods} DaemonSet{'s' if taken.pods != 1 else ''} first.")
    return tuple(sentences)
