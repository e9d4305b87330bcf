"""Would it have served? A size is fitted on the first part of the past and judged on the rest, which the fit never sees.

Every rule of thumb is replayed beside ours and beside what is there now, because today's size may be too small as well. What a policy
asks for is its *target*, and the target is what is judged; a change goes there by steps, and the first of them is told too.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np

from trimtab.analysis.capacity import CPU, Basis, Unit, amounts, capacity_items, has_requests, is_machines, unit_of
from trimtab.analysis.demand import Demand, Floats
from trimtab.analysis.packing import NodesNeeded, items_of, node_of
from trimtab.analysis.policies import OURS, POLICIES, Past, hindsight, least
from trimtab.analysis.replay import Backtest, Decision, Replay, replay, total
from trimtab.analysis.sizing import MARGIN, Split, after_one_step, bound, bound_in_words, growth, newest, sized, split, split_days, whole
from trimtab.errors import BadInput
from trimtab.records import ChartPoint, InstanceType

LEAST_DAYS = 6
CHART_POINTS = 60
FULL = 0.99
"""A pool this full is at its limit: what was recorded may be less than what was wanted."""
HARDLY = 0.5
"""Pods that never use more than this share of what they ask for keep a pool large by their requests."""
OFTEN = 0.05
"""Share of the fitted steps at the limit from which that is said."""


def backtest(
    demand: Demand,
    *,
    instance: InstanceType | None = None,
    nodes: int | None = None,
    fit_days: int | None = None,
    coverage_floor: float = 0.95,
    policies: Sequence[str] = tuple(POLICIES),
    basis: Basis | None = None,
) -> Backtest:
    """Fit, replay and decide. Without an instance type a node is one GPU (or one core), a pod may span several, and nothing is packed.

    Without `nodes`, the current size is what the fitted part needed at its peak. `basis` says whether what pods ask for or what they use
    is the demand; None = what they ask for, unless they are machines whose request is the size they were given.
    """
    by = _basis(demand, instance, nodes, basis)
    needed = _needed(demand, instance, by)
    short = f"too little history: {demand.days:.1f} days, at least {LEAST_DAYS} are needed to fit and to judge"
    if demand.days < LEAST_DAYS and (fit_days is None or demand.days < 2):
        return _refused(needed.node.name, nodes, short)
    part = split(demand, needed, fit_days)
    coverage = len(needed.steps) / len(demand.times)
    if coverage < coverage_floor or not part.fit.any() or not part.judge.any():
        missing = "one of the two parts, to fit on and to judge on, was not measured"
        gaps = f"only {coverage:.1%} of the {demand.step}-second steps were measured, {coverage_floor:.0%} are needed; missing is not idle"
        return _refused(needed.node.name, nodes, gaps if coverage < coverage_floor else missing)
    past = _past(demand, needed, part, nodes, instance, by)
    answers = {name: POLICIES[name](past) for name in dict.fromkeys((OURS, *policies))}
    hours = demand.step / 3600
    replays = {name: replay(name, size, needed, part, hours, baseline=past.current) for name, size in answers.items()}
    best = replay("hindsight", hindsight(past), needed, part, hours, baseline=past.current)
    now = replay("current", past.current, needed, part, hours, baseline=past.current)
    decision, reasons = _decide(past, now, replays[OURS], hours)
    return Backtest(
        current=now,
        policies=tuple(replays[name] for name in policies),
        decision=decision,
        reasons=(*reasons, *_unknowns(demand, instance, by)),
        hindsight=best,
        fitted_days=part.fitted_days,
        hours=hours * int(part.judge.sum()),
        chart=_chart(demand, needed, past.current, replays[OURS].nodes),
    )


def _basis(demand: Demand, instance: InstanceType | None, nodes: int | None, basis: Basis | None) -> Basis:
    if basis == "use" and instance is not None:
        raise BadInput("--by use: a scheduler packs what pods ask for; leave out --instance-type to judge by use")
    if basis == "use" and (unit_of(demand) is not CPU or "cpu_used" not in demand.recorded):
        raise BadInput(
            "--by use: only cores are judged by use, and only where the demand has cpu_used; GPUs and memory are held by request"
        )
    if instance is not None:
        return "requests"
    return basis or ("use" if is_machines(demand, nodes) else "requests")


def _needed(demand: Demand, instance: InstanceType | None, by: Basis) -> NodesNeeded:
    if instance is not None:
        return NodesNeeded(items_of(demand), node_of(instance, demand.overhead))
    unit = unit_of(demand)
    return NodesNeeded(capacity_items(demand, unit, by), unit.node)


def _past(demand: Demand, needed: NodesNeeded, part: Split, nodes: int | None, instance: InstanceType | None, by: Basis) -> Past:
    unit, steps = unit_of(demand), needed.steps[part.fit]
    rows = [(unit.dimension, amounts(demand, unit, by))]
    if instance is not None:
        needs = (demand.cpu_need(), demand.memory_need(), demand.gpu_need())
        rows = [(index, demand.pods * np.nan_to_num(np.where(demand.runs, need, 0.0))) for index, need in enumerate(needs)]
    peaks = np.zeros(3)
    for index, amount in rows:
        peaks[index] = _peaks_of_workloads(demand.names, amount[:, steps])
    return Past(
        needed=needed,
        part=part,
        times=demand.times[needed.steps],
        current=nodes if nodes is not None else _given(demand, needed, part, unit, by),
        peaks=peaks,
        is_queue=by == "requests" and has_requests(demand, unit),
        is_machines=instance is not None,
    )


def _given(demand: Demand, needed: NodesNeeded, part: Split, unit: Unit, by: Basis) -> int:
    """Where nobody says the current size: what machines were given, else what the fitted part needed at its peak."""
    if by == "use" and "cpu_request" in demand.recorded:
        given = amounts(demand, unit, "requests")[:, needed.steps[part.fit]]
        return whole(float(given.sum(axis=0).max()) / unit.size)
    return whole(needed.maximum(part.fit))


def _peaks_of_workloads(names: Sequence[str], amount: Floats) -> float:
    """The sum of each workload's highest amount."""
    codes = {name: index for index, name in enumerate(dict.fromkeys(names))}
    rows = np.array([codes[name] for name in names], dtype=np.int64)
    if not amount.size:
        return 0.0
    order = np.argsort(rows, kind="stable")
    starts = np.flatnonzero(np.append(True, np.diff(rows[order]) > 0))
    return float(np.add.reduceat(amount[order], starts, axis=0).max(axis=1).sum())


def _chart(demand: Demand, needed: NodesNeeded, old: int, new: int) -> tuple[ChartPoint, ...]:
    """Slices of equal length, each with its highest need; one that was not measured at all is a gap."""
    load = np.full(len(demand.times), -np.inf)
    load[needed.steps] = np.where(np.isfinite(needed.fullest), needed.fullest, needed.lower)
    starts = np.unique(np.linspace(0, len(load), CHART_POINTS, endpoint=False).astype(np.int64))
    highest = np.maximum.reduceat(load, starts)
    return tuple(
        ChartPoint(
            at=datetime.fromtimestamp(int(demand.times[start]), UTC),
            demand=float(top) if np.isfinite(top) else None,
            capacity_old=float(old),
            capacity_new=float(new),
        )
        for start, top in zip(starts, highest, strict=True)
    )


# ── The decision ─────────────────────────────────────────────────────────────────────────────────────────────────────
def _decide(past: Past, now: Replay, ours: Replay, hours: float) -> tuple[Decision, tuple[str, ...]]:
    """Shrink only what served every step and still would have; grow what is throttled; a queue's owner decides how long it may be."""
    fitted = int(past.needed.misses(now.nodes, past.part.fit).sum())
    if fitted or now.missed_steps:
        return _short(past, now, ours, fitted)
    if ours.nodes >= now.nodes:
        asks = f"{now.nodes} is right: what was fitted peaks at {past.needed.fullest[past.part.fit].max():.1f}"
        if now.nodes == 1:
            return "keep", (f"{asks}, and nothing is less than 1", *_at_limit(past))
        return "keep", (f"{asks} and asks for {_asked(past)} with its margin", *_little_evidence(past), *_at_limit(past))
    step = replay("step", after_one_step(now.nodes, ours.nodes), past.needed, past.part, hours, baseline=now.nodes)
    for choice in (ours, step):
        if not choice.missed_steps:
            proof = (_served(now, step, choice), bound_in_words(ours.judged_days), _promise(choice, past.part))
            return "change", (*proof, *_too_far(ours), *_steps(now, choice), *_little_evidence(past))
    return "keep", (*_too_far(step), f"{now.nodes} would have missed none")


def _asked(past: Past) -> int:
    return sized(past.needed, past.part, past.times)


def _little_evidence(past: Past) -> tuple[str, ...]:
    """Where the days, not the load, hold the size up."""
    held, asked = least(past), _asked(past)
    if held <= asked:
        return ()
    return (f"the load asks for {asked}; {past.part.fitted_days} fitted days cannot speak for less than {held} of {past.current}",)


def _served(now: Replay, step: Replay, choice: Replay) -> str:
    days = f"would have carried every step of {choice.judged_days} judged days"
    if step.nodes == choice.nodes:
        return f"{choice.nodes} instead of {now.nodes} {days}"
    return f"{step.nodes} instead of {now.nodes} as the first step, and {choice.nodes} in the end, {days}"


def _steps(now: Replay, choice: Replay) -> tuple[str, ...]:
    """How many changes lead there, each of which is proven before the next."""
    nodes, count = now.nodes, 0
    while nodes > choice.nodes:
        nodes, count = after_one_step(nodes, choice.nodes), count + 1
    return (f"{choice.nodes} is {count} steps away: one step removes at most a quarter",) if count > 1 else ()


def _short(past: Past, now: Replay, ours: Replay, fitted: int) -> tuple[Decision, tuple[str, ...]]:
    """What is too small already, in either part."""
    of_fit = f"{fitted} of {int(past.part.fit.sum())} fitted steps"
    missed = f"the current {now.nodes} would have missed {of_fit} and {now.missed_steps} of {now.judged_steps} judged steps"
    enough = f"{whole(max(past.needed.maximum(past.part.fit), past.needed.maximum(past.part.judge)))} would have carried every step"
    if ours.nodes > now.nodes:
        return "change", (f"{missed}; {ours.nodes} would have missed {ours.missed_steps} judged steps", enough)
    waits = "what is asked beyond it waits, so use is censored by the size" if past.is_queue else "its use is cut off at its size"
    owner = "whether work may wait is its owner's choice, so it is kept, not grown" if past.is_queue else "it is kept"
    return "keep", (f"{missed}: never shrink what is too small already", f"{waits}; {enough}; {owner}")


def _at_limit(past: Past) -> tuple[str, ...]:
    """Use that keeps touching the size may be cut off by it."""
    share = float((past.needed.fullest[past.part.fit] >= FULL * past.current).mean())
    if share < OFTEN:
        return ()
    return (f"it is full in {share:.0%} of the fitted steps: the demand may be censored, more could have been wanted than was recorded",)


def _too_far(choice: Replay) -> tuple[str, ...]:
    if not choice.missed_steps:
        return ()
    return (f"{choice.nodes} would have missed {choice.missed_steps} of {choice.judged_steps} judged steps",)


def _promise(choice: Replay, part: Split) -> str:
    """The bound that the fit alone supports, in the unit in which violations are told."""
    share = bound(part.fitted_days)
    each = f"{1000 * share / choice.nodes:.0f} violations per 1,000 node-hours of {choice.nodes}"
    return f"what {part.fitted_days} fitted days can promise: at most {share:.0%} of the time too small, which is {each}"


def _unknowns(demand: Demand, instance: InstanceType | None, by: Basis) -> Sequence[str]:
    """What the demand is, and what the trace never records: that was not judged, and it is said."""
    recorded = demand.recorded
    groups = {"CPU": {"cpu_request", "cpu_used"}, "memory": {"memory_request", "memory_used"}}
    lines = [f"{name} is not in the demand: whether it fits was not judged" for name, columns in groups.items() if not recorded & columns]
    if instance is None:
        unit = unit_of(demand)
        unjudged = [name for name, columns in groups.items() if recorded & columns and unit.dimension != ("CPU", "memory").index(name)]
        lines += [f"without an instance type only {unit.name.split()[1]} is counted: {name} was not judged" for name in unjudged]
    if by == "requests" and {"cpu_request", "cpu_used"} <= recorded and not (demand.gpu_request > 0).any():
        lines += _hardly_used(demand)
    if by == "use" and "cpu_request" in recorded:
        lines.append("the requests are what was provisioned and what is used is the demand: requests have to shrink with the size")
    return lines


def _hardly_used(demand: Demand) -> list[str]:
    """Where requests keep a pool large that nobody uses, the requests come first."""
    asked = float(np.nan_to_num(demand.pods * demand.cpu_request).sum(axis=0).max())
    used = float(np.nan_to_num(demand.cpu_used).sum(axis=0).max())
    if used > asked * HARDLY:
        return []
    sizes = f"{used / 1000:.1f} of the {asked / 1000:.1f} cores that they ask for"
    return [
        f"its pods use at most {sizes}: smaller requests come first; --by use, without an instance type, tells what the pool could be then"
    ]


def refused(demand: Demand, instance: InstanceType | None, nodes: int | None, reason: str) -> Backtest:
    """A no with its reason, for one pool among many."""
    return _refused(instance.name if instance else unit_of(demand).name, nodes, reason)


def _refused(instance_type: str, nodes: int | None, reason: str) -> Backtest:
    size = nodes or 1
    empty = Replay(
        policy="current",
        instance_type=instance_type,
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


__all__ = [
    "LEAST_DAYS", "MARGIN", "OURS", "Backtest", "Decision", "Replay", "Split", "after_one_step", "backtest", "bound",
    "bound_in_words", "growth", "newest", "refused", "replay", "sized", "split", "split_days", "total", "whole",
]  # fmt: skip
