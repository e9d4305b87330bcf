"""Would it have served? A size is fitted on the first part of the past and judged on the rest, which the fit never sees.

Every rule of thumb is replayed beside ours and beside what is there now, because today's size may be too small as well.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Literal

import numpy as np

from trimtab.analysis.demand import Bools, Demand, Floats, Ints
from trimtab.analysis.packing import Node, NodesNeeded, items_of, node_of
from trimtab.errors import BadInput
from trimtab.records import InstanceType, Json
from trimtab.units import GIB

MARGIN = 0.10
"""Room above the highest demand seen. On 127 real GPU services, margin bought more than any percentile did."""
LEAST_DAYS = 6
OURS = "max+10%+growth"
STEP = "one step towards it"
LARGEST_CUT = 4
"""One step removes at most a quarter of the nodes, and always at least one."""
Decision = Literal["change", "keep", "refuse"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Split:
    """The two parts of the past, as masks over the measured steps; no step is in both."""

    fit: Bools
    judge: Bools
    fitted_days: int
    judged_days: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Replay:
    """How one size would have done over the judged part."""

    policy: str
    instance_type: str
    nodes: int
    max_nodes: int
    saving: float
    """Share of today's node-hours, or of their price where both shapes have one; below 0 = it costs more."""
    slack: float
    """Share of the capacity that nothing needed."""
    missed_steps: int
    judged_steps: int
    violations_per_1000_node_hours: float
    judged_days: int

    def as_json(self) -> Json:
        """In the stable form of `backtest --format json`."""
        return {
            "policy": self.policy,
            "instance_type": self.instance_type,
            "nodes": self.nodes,
            "max_nodes": self.max_nodes,
            "saving": round(self.saving, 6),
            "slack": round(self.slack, 6),
            "violations_per_1000_node_hours": round(self.violations_per_1000_node_hours, 6),
            "judged_days": self.judged_days,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Backtest:
    """What is there now, the policies beside it, and the decision with its reasons; ours is the first policy."""

    current: Replay
    policies: tuple[Replay, ...]
    decision: Decision
    reasons: tuple[str, ...]

    def as_json(self) -> Json:
        """In the stable form of `backtest --format json`."""
        return {
            "current": self.current.as_json(),
            "policies": [policy.as_json() for policy in self.policies],
            "decision": self.decision,
            "reasons": list(self.reasons),
        }


def split_days(days: int, fit_days: int | None = None) -> tuple[int, int]:
    """(days to fit on, days to judge on): the last third is judged, and at least 7 days of 21 or more. 45 → (30, 15), 14 → (10, 4)."""
    if fit_days is not None:
        if not 1 <= fit_days < days:
            raise BadInput(f"--fit-days {fit_days}: expected 1 to {days - 1}, the demand has {days} days")
        return fit_days, days - fit_days
    judged = max(7, days // 3) if days >= 21 else days // 3
    return days - judged, judged


def split(demand: Demand, needed: NodesNeeded, fit_days: int | None = None) -> Split:
    """The judged part is the newest whole days; everything older is the fit."""
    fitted, judged = split_days(int(demand.days), fit_days)
    cut = int(demand.times[-1]) + demand.step - judged * 86400
    times = demand.times[needed.steps]
    return Split(fit=times < cut, judge=times >= cut, fitted_days=fitted, judged_days=judged)


def growth(times: Ints, load: Floats, days_ahead: int) -> float:
    """How much higher the daily peak will be in `days_ahead` days, as a share: the median slope, and only where most pairs of days rise."""
    day = (times - times[:1]) // 86400
    if not len(day) or day[-1] < 6:
        return 0.0
    peaks = np.array([load[day == index].max() for index in np.unique(day)])
    first, second = np.triu_indices(len(peaks), k=1)
    slopes = (peaks[second] - peaks[first]) / (second - first)
    if not np.isfinite(slopes).all() or peaks.max() <= 0 or (slopes > 0).mean() < 0.6:
        return 0.0
    return float(np.clip(np.median(slopes) * days_ahead / peaks.max(), 0.0, 1.0))


def sized(needed: NodesNeeded, part: Split, times: Ints) -> int:
    """Our size: all of the fit packs, with a margin and the growth to come on top of its fullest step; at least one node."""
    if not part.fit.any():
        return 1
    rising = growth(times[part.fit], needed.fullest[part.fit], part.judged_days)
    wanted = needed.fullest[part.fit].max() * (1.0 + MARGIN + rising)
    enough = whole(wanted)
    return enough if not needed.misses(enough, part.fit).any() else whole(needed.maximum(part.fit))


def after_one_step(nodes: int, wanted: int) -> int:
    """Towards `wanted`, removing at most a quarter and never the last node: 6 → 5, 20 → 15, 1 → 1."""
    return max(wanted, nodes - max(1, nodes // LARGEST_CUT), 1)


def whole(nodes: float) -> int:
    """Whole nodes, at least one. Raises BadInput where no number of nodes is enough."""
    if not np.isfinite(nodes):
        raise BadInput("the largest pod fits no node of this instance type; name a larger one")
    return max(1, ceil(nodes - 1e-9))


def replay(policy: str, nodes: int, needed: NodesNeeded, part: Split, hours: float, *, baseline: int, price_ratio: float = 1.0) -> Replay:
    """`nodes` of this shape over the judged part, against `baseline` nodes whose price is 1/price_ratio of these."""
    missed, judged = int(needed.misses(nodes, part.judge).sum()), int(part.judge.sum())
    used = np.minimum(needed.fullest[part.judge] / nodes, 1.0)
    return Replay(
        policy=policy,
        instance_type=needed.node.name,
        nodes=nodes,
        max_nodes=nodes,
        saving=1.0 - nodes * price_ratio / baseline,
        slack=float(1.0 - used.mean()) if judged else 0.0,
        missed_steps=missed,
        judged_steps=judged,
        violations_per_1000_node_hours=1000.0 * missed / (nodes * judged) if judged and hours else 0.0,
        judged_days=part.judged_days,
    )


def backtest(
    demand: Demand,
    *,
    instance: InstanceType | None = None,
    nodes: int | None = None,
    fit_days: int | None = None,
    coverage_floor: float = 0.95,
) -> Backtest:
    """Fit, replay and decide. Without an instance type, a node is one whole GPU (or one core) and what fits beside it is not asked.

    Without `nodes`, the current size is what the fitted part needed at its peak.
    """
    if demand.days < LEAST_DAYS and fit_days is None:
        return _refused(
            demand, instance, nodes, f"too little history: {demand.days:.1f} days, at least {LEAST_DAYS} are needed to fit and to judge"
        )
    needed = NodesNeeded(items_of(demand), node_of(instance, demand.overhead) if instance else unit_node(demand))
    part = split(demand, needed, fit_days)
    if demand.coverage < coverage_floor or not part.fit.any() or not part.judge.any():
        return _refused(
            demand,
            instance,
            nodes,
            f"only {demand.coverage:.1%} of the samples exist, {coverage_floor:.0%} are needed; missing is not idle",
        )
    current = nodes if nodes is not None else whole(needed.maximum(part.fit))
    hours = demand.step / 3600
    sizes = _sizes(needed, part, demand, current)
    replays = [replay(name, size, needed, part, hours, baseline=current) for name, size in sizes.items()]
    now = replay("current", current, needed, part, hours, baseline=current)
    decision, reasons = _decide(now, replays[0], replays[1])
    return Backtest(current=now, policies=tuple(replays), decision=decision, reasons=(*reasons, *_unknowns(demand)))


def _sizes(needed: NodesNeeded, part: Split, demand: Demand, current: int) -> dict[str, int]:
    """Policy → nodes; ours first, then the rules that others use."""
    peak, ours = needed.maximum(part.fit), sized(needed, part, demand.times[needed.steps])
    return {
        OURS: ours,
        STEP: after_one_step(current, min(ours, 2 * current)),
        "max": whole(peak),
        "max+15%": whole(peak * 1.15),
        "p99+10%": whole(needed.quantile(0.99, part.fit) * 1.10),
        "p95": whole(needed.quantile(0.95, part.fit)),
    }


def _decide(now: Replay, ours: Replay, step: Replay) -> tuple[Decision, tuple[str, ...]]:
    """Shrink only what served every judged step and would still have; grow what did not serve."""
    if now.missed_steps:
        missed = f"the current {now.nodes} would have missed {now.missed_steps} of {now.judged_steps} judged steps"
        if ours.nodes > now.nodes:
            return "change", (f"{missed}; {ours.nodes} would have missed {ours.missed_steps}",)
        return "keep", (f"{missed}: never shrink what is too small already",)
    if ours.nodes >= now.nodes:
        return "keep", (f"{now.nodes} is right: the fitted peak with margin and growth asks for {ours.nodes}",)
    for choice in (ours, step):
        if choice.nodes < now.nodes and not choice.missed_steps:
            served = f"{choice.nodes} instead of {now.nodes} would have carried every step of {ours.judged_days} judged days"
            return "change", (served, bound_in_words(ours.judged_days), *_too_far(ours))
    return "keep", (*_too_far(step), f"{now.nodes} would have missed none")


def _too_far(choice: Replay) -> tuple[str, ...]:
    if not choice.missed_steps:
        return ()
    return (f"{choice.nodes} would have missed {choice.missed_steps} of {choice.judged_steps} judged steps",)


def bound_in_words(days: int) -> str:
    """What zero misses prove, and no more: hours of one day are not independent, so days are what counts."""
    share = min(1.0, 3 / days) if days else 1.0
    return f"no miss in {days} judged days bounds the share of days with a miss at {share:.0%}, with 95 % confidence (rule of three)"


def _unknowns(demand: Demand) -> Sequence[str]:
    """Dimensions that the trace never records: they were not judged, and that is said."""
    recorded = demand.recorded
    groups = {"CPU": {"cpu_request", "cpu_used"}, "memory": {"memory_request", "memory_used"}}
    return [f"{name} is not in the demand: whether it fits was not judged" for name, columns in groups.items() if not recorded & columns]


def unit_node(demand: Demand) -> Node:
    """A node that is exactly one GPU, one core or one GiB, whichever the demand records first, and unlimited in everything else."""
    recorded, unlimited = demand.recorded, 1e18
    if "gpu_request" in recorded and demand.largest_pod().gpu > 0:
        units = _units(demand.largest_pod().gpu, 1000.0)
        return Node(name=f"{units} GPU", cpu=unlimited, memory=unlimited, gpu=units * 1000.0, pods=unlimited)
    if recorded & {"cpu_request", "cpu_used"}:
        units = _units(demand.largest_pod().cpu, 1000.0)
        return Node(name=f"{units} CPU", cpu=units * 1000.0, memory=unlimited, gpu=0.0, pods=unlimited)
    units = _units(demand.largest_pod().memory, float(GIB))
    return Node(name=f"{units} GiB", cpu=unlimited, memory=float(units * GIB), gpu=0.0, pods=unlimited)


def _units(largest: float, unit: float) -> int:
    """As many whole units as the largest pod needs, at least one."""
    return max(1, ceil(largest / unit - 1e-9))


def _refused(demand: Demand, instance: InstanceType | None, nodes: int | None, reason: str) -> Backtest:
    size = nodes or 1
    empty = Replay(
        policy="current",
        instance_type=instance.name if instance else unit_node(demand).name,
        nodes=size,
        max_nodes=size,
        saving=0.0,
        slack=0.0,
        missed_steps=0,
        judged_steps=0,
        violations_per_1000_node_hours=0.0,
        judged_days=0,
    )
    return Backtest(current=empty, policies=(), decision="refuse", reasons=(reason,))
