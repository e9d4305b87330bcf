"""Rules about how many nodes: fewer, more, and the autoscaler's two ends."""

from decimal import Decimal
from typing import assert_never

import numpy as np

from trimtab.analysis.backtest import MARGIN, after_one_step, sized, whole
from trimtab.analysis.case import Case
from trimtab.analysis.demand import Demand
from trimtab.analysis.gpu import GpuUse
from trimtab.records import FieldChange, Finding, Refusal
from trimtab.units import GIB

QUIET = 0.05
"""An autoscaler's floor is what the quietest twentieth of the hours needs: above it nothing is ever saved, below it nodes are pointless."""

Answer = Finding | Refusal


def count(case: Case, use: GpuUse | None, runner_up: str) -> Answer:
    """A static pool's node count."""
    nodes, needed = case.now.nodes, case.now.needed
    missed = int(needed.misses(nodes, case.part.judge).sum())
    if missed:
        return _grow(case, missed)
    is_idle = use is not None and use.state in {"unrequested", "held-idle"}
    wanted = whole(needed.maximum(case.everything)) if is_idle else sized(needed, case.part, case.demand.times[needed.steps])
    target = after_one_step(nodes, wanted)
    if target >= nodes:
        return _right(case, use, wanted)
    if needed.misses(target, case.everything).any():
        lost = int(needed.misses(target, case.everything).sum())
        return case.asked.refuse(
            "would-have-missed", f"{target} nodes would have missed {lost} of {len(needed.steps)} measured steps; {nodes} stay."
        )
    rule = "gpu-idle" if is_idle else "node-count-down"
    lines = _idle_lines(case, use) if use is not None and is_idle else ()
    return _resized(case, rule, target, lines=(*lines, *_step_line(target, wanted, "a quarter less")), runner_up=runner_up)


def _grow(case: Case, missed: int) -> Answer:
    """More nodes, where demand really waited."""
    nodes, needed = case.now.nodes, case.now.needed
    sentence = f"{nodes} nodes were too few in {missed} of {int(case.part.judge.sum())} judged steps"
    if case.demand.pending_share == 0:
        return case.asked.refuse("fits-tightly", f"{sentence} by their requests, yet no pod waited: neither shrunk nor grown.")
    enough = whole(max(needed.maximum(case.everything), sized(needed, case.part, case.demand.times[needed.steps])))
    target, wanted, largest = _growth(case, nodes, enough)
    if target <= nodes:
        return case.asked.refuse("fits-tightly", f"{sentence}, and no other number of nodes would have been better.")
    return _resized(case, "node-count-up", target, lines=(f"{sentence}.", *_waiting(case.demand), *_step_line(target, wanted, largest)))


def _growth(case: Case, nodes: int, enough: int) -> tuple[int, int, str]:
    """One step up, what it goes towards, and its limit in words. Jobs can wait: their peak is neither doubled for nor given a margin."""
    if is_queue(case.demand):
        pending = whole(case.now.needed.maximum(case.everything))
        return min(nodes + max(1, nodes // 2), pending), pending, "half as many again, because jobs can wait"
    return min(2 * nodes, enough), enough, "twice as many"


def is_queue(demand: Demand) -> bool:
    """True where pods waited and all of them were jobs'."""
    if demand.pending is None:
        return False
    waited = {kind for kind, pods in zip(demand.kinds, demand.pending, strict=True) if pods.max(initial=0.0) > 0}
    return waited == {"Job"}


def _waiting(demand: Demand) -> tuple[str, ...]:
    """Who waited, how often, and how many at once: the reason to grow."""
    if demand.pending is None or not demand.pending.any():
        return ()
    at_once = demand.pending.sum(axis=0)
    names = sorted({name for name, pods in zip(demand.names, demand.pending, strict=True) if pods.any()})
    hours = f"{float((at_once > 0).sum()) * demand.step / 3600:g} of {len(at_once) * demand.step / 3600:g} hours"
    return (f"In {hours} pods of {', '.join(names)} waited for a place, up to {at_once.max():g} at once.",)


def _resized(case: Case, rule: str, target: int, *, lines: tuple[str, ...], runner_up: str = "") -> Finding:
    old, new = str(case.pool.count), str(target)
    changes: tuple[FieldChange, ...] = (FieldChange(field="count", old=old, new=new),)
    if case.pool.minimum is not None and case.pool.maximum is not None:
        # An autoscaler that is pinned (min = max) keeps all three equal.
        changes += (
            FieldChange(field="min", old=str(case.pool.minimum), new=new),
            FieldChange(field="max", old=str(case.pool.maximum), new=new),
        )
    saved = Decimal(case.now.nodes - target)
    return case.finding(rule, "count", changes, case.size(target), nodes_saved=saved, lines=lines, runner_up=runner_up)


def _step_line(target: int, wanted: int, largest: str) -> tuple[str, ...]:
    if target == wanted:
        return ()
    return (f"The evidence asks for {wanted}; one step goes to {target}, at most {largest}.",)


def _right(case: Case, use: GpuUse | None, wanted: int) -> Refusal:
    """Nothing to change, with the numbers."""
    if use is not None and use.state == "held-idle":
        return held_idle(case, use)
    size = f"{case.now.nodes} x {case.instance.name}"
    busiest = case.now.needed.fullest.max(initial=0.0)
    if busiest > case.now.nodes:
        # A pod that replaces another within the hour counts beside it, so an hour may look too full without anybody waiting.
        full = f"its fullest hour adds up to {busiest:.1f} nodes because pods replaced one another, and no pod waited"
        return case.asked.refuse("fits", f"{size} is left as it is: {full}.")
    room = f"with {MARGIN:.0%} room and growth that asks for {wanted}"
    if wanted > case.now.nodes:
        room += ", and what never missed is left as it is"
    return case.asked.refuse("fits", f"{size} is right: the busiest step needed {busiest:.1f} of {case.now.nodes}; {room}.")


def held_idle(case: Case, use: GpuUse) -> Refusal:
    """What is held stays until its owners let go, however idle it is."""
    held = f"{use.held:g} GPUs are held by {', '.join(use.idle)} and compute at most {use.busiest:.1%}"
    return case.asked.refuse("held-idle", f"{held}: ask the owners to release them first.")


def _idle_lines(case: Case, use: GpuUse) -> tuple[str, ...]:
    match use.state:
        case "unrequested":
            return ("No pod asked for a GPU in the whole time.",)
        case "held-idle":
            asked = f"At most {use.held:g} of its {case.now.nodes * case.instance.gpus} GPUs were asked for"
            return (f"{asked}; those computed at most {use.busiest:.1%} and held at most {use.memory / GIB:.1f} GiB.",)
        case "unknown" | "warm-idle" | "busy":
            return ()
        case _:
            assert_never(use.state)


# ── The autoscaler's ends ────────────────────────────────────────────────────────────────────────────────────────────
def autoscaler(case: Case) -> tuple[Answer, ...]:
    """Minimum down and maximum up; the two are subjects of their own."""
    low, high = case.pool.minimum, case.pool.maximum
    if low is None or high is None:
        return ()
    answers = [answer for answer in (_floor(case, low, high), _ceiling(case, high)) if answer is not None]
    if answers:
        return tuple(answers)
    busiest = case.now.needed.fullest.max(initial=0.0)
    return (
        case.asked.refuse(
            "fits", f"{low} to {high} nodes are right: the busiest step needed {busiest:.1f}, and the quiet hours need {low}."
        ),
    )


def _floor(case: Case, low: int, high: int) -> Finding | None:
    needed = case.now.needed
    wanted = whole(needed.quantile(QUIET, case.part.fit)) if case.part.fit.any() else low
    target = after_one_step(low, wanted)
    if target >= low:
        return None
    judged = needed.exact(case.part.judge & (needed.lower < low) & (needed.upper > target))[case.part.judge]
    running = np.minimum(np.maximum(judged, low), high) - np.minimum(np.maximum(judged, target), high)
    saved = Decimal(str(round(float(running.mean()), 3))) if running.size else Decimal(0)
    if saved <= 0:
        return None
    changes = (
        FieldChange(field="min", old=str(low), new=str(target)),
        # The provider refuses a count that differs from the minimum.
        FieldChange(field="count", old=str(low), new=str(target)),
    )
    lines = (f"With a minimum of {target} the autoscaler would have run {saved} nodes fewer on average; the maximum stays {high}.",)
    return case.finding(
        "autoscaler-min-down", "min", changes, case.size(high), nodes_saved=saved, lines=lines, old=case.size(high), nodes=(low, target)
    )


def _ceiling(case: Case, high: int) -> Answer | None:
    needed = case.now.needed
    missed = needed.misses(high, case.part.judge)
    if not missed.any() or case.demand.pending_share == 0:
        return None
    target, wanted, largest = _growth(case, high, whole(needed.maximum(case.everything) * (1 + MARGIN)))
    extra = np.minimum(needed.exact(missed)[missed], target) - high
    saved = -Decimal(str(round(float(extra.sum() / case.part.judge.sum()), 3)))
    sentence = f"The maximum of {high} was too low in {int(missed.sum())} of {int(case.part.judge.sum())} judged steps, while pods waited."
    lines = (sentence, *_waiting(case.demand), *_step_line(target, wanted, largest))
    changes = (FieldChange(field="max", old=str(high), new=str(target)),)
    return case.finding("autoscaler-max-up", "max", changes, case.size(target), nodes_saved=saved, lines=lines, old=case.size(high))
