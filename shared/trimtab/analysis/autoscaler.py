"""Rules about an autoscaler's two ends, subjects of their own: its floor costs money all the time, its ceiling only when asked for."""

from decimal import Decimal
from typing import Literal

import numpy as np

from trimtab.analysis.case import Case
from trimtab.analysis.counts import growth, one_step, used_up, waiting
from trimtab.analysis.evidence import Size
from trimtab.analysis.floors import floor_of, minimum_floor
from trimtab.analysis.packing import NodesNeeded
from trimtab.analysis.shrink import shrink_veto
from trimtab.analysis.sizing import MARGIN, sized, whole
from trimtab.records import FieldChange, Finding, Refusal
from trimtab.units import HOURS_PER_MONTH

QUIET = 0.05
"""An autoscaler's floor is what the quietest twentieth of the hours needs: above it nothing is ever saved, below it nodes are pointless."""
OFTEN = 0.05
"""Share of the judged steps in which services wait at the minimum before it is raised."""
LOOSE = 4
"""A maximum above so many times what was ever needed no longer limits anything."""

Answer = Finding | Refusal


def autoscaler(case: Case) -> tuple[Answer, ...]:
    """Minimum and maximum, down and up; or one sentence that both are right."""
    low, high = case.pool.minimum, case.pool.maximum
    if low is None or high is None:
        return ()
    answers = (_minimum_up(case, low, high) or _minimum_down(case, low, high), _maximum_up(case, high) or _maximum_down(case, low, high))
    given = {answer.rule: answer for answer in answers if answer is not None}
    if given:
        return tuple(given.values())
    busiest = case.now.needed.fullest.max(initial=0.0)
    reason = f"{low} to {high} nodes are right: the busiest step needed {busiest:.1f}, and the quiet hours need {low}."
    return (case.asked.refuse("fits", reason),)


# ── Minimum ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def _minimum_down(case: Case, low: int, high: int) -> Answer | None:
    needed, floor = case.now.needed, minimum_floor(case)
    wanted = max(quiet(case, needed), floor.nodes)
    target = one_step(case, low, wanted)
    if target >= low:
        return None
    saved = running(case, needed, low, high) - running(case, needed, target, high)
    if saved <= 0:
        return None
    veto = shrink_veto(case)
    if veto:
        return veto
    less = f"With a minimum of {target} the autoscaler would have run {saved} nodes fewer on average; the maximum stays {high}."
    lines: tuple[str, ...] = (less,)
    if wanted < target:
        lines += (f"The evidence asks for {wanted}; one step goes to {target}, at most a quarter less.",)
    elif wanted == floor.nodes > 1:
        lines += (f"It stops at {target}, because {floor.why}.",)
    return _bound(case, "autoscaler-min-down", "min", (low, target), case.size(high), saved, lines)


def quiet(case: Case, needed: NodesNeeded) -> int:
    """Nodes that the quietest twentieth of the fitted steps needs."""
    return whole(needed.quantile(QUIET, case.part.fit))


def _minimum_up(case: Case, low: int, high: int) -> Finding | None:
    """Services that wait for nodes to come, again and again, while the pool stands at its minimum."""
    demand, needed, judge = case.demand, case.now.needed, case.part.judge
    if demand.pending is None or demand.nodes is None or case.is_queue or not judge.any():
        return None
    waits = (demand.pending[:, needed.steps] > 0).any(axis=0) & (demand.nodes[needed.steps] <= low + 0.5) & (needed.lower <= high)
    share = float((waits & judge).sum() / judge.sum())
    if share <= OFTEN:
        return None
    enough = whole(needed.maximum(waits & judge))
    target = min(low + max(1, low // 2), enough, high)
    if target <= low:
        return None
    saved = running(case, needed, low, high) - running(case, needed, target, high)
    sentence = f"In {share:.0%} of the judged {case.step_name}s pods waited for nodes to come while the pool stood at its minimum of {low}."
    return _bound(case, "autoscaler-min-up", "min", (low, target), case.size(high), saved, (sentence, *waiting(demand)))


def running(case: Case, needed: NodesNeeded, low: int, high: int) -> Decimal:
    """Nodes that an autoscaler between these bounds would have run on average over the judged part, to the thousandth."""
    judge = case.part.judge
    wanted = needed.exact(judge & (needed.lower < high) & (needed.upper > low))[judge]
    return Decimal(str(round(float(np.minimum(np.maximum(wanted, low), high).mean()), 3))) if wanted.size else Decimal(0)


# ── Maximum ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def _maximum_up(case: Case, high: int) -> Finding | None:
    needed = case.now.needed
    missed = needed.misses(high, case.part.judge)
    full = used_up(case, high)
    if not missed.any() or (case.demand.pending_share == 0 and not full):
        return None
    target, wanted, largest = growth(case, high, whole(needed.maximum(case.everything) * (1 + MARGIN)))
    if target <= high:
        return None
    extra = np.minimum(needed.exact(missed)[missed], target) - high
    saved = -Decimal(str(round(float(extra.sum() / case.part.judge.sum()), 3)))
    judged = int(case.part.judge.sum())
    because = "while pods waited" if case.demand.pending_share else "and its nodes were full"
    sentence = f"The maximum of {high} was too low in {int(missed.sum())} of {judged} judged steps, {because}."
    step = () if target == wanted else (f"The evidence asks for {wanted}; one step goes to {target}, at most {largest}.",)
    lines = (sentence, *full, *waiting(case.demand), *step)
    return _bound(case, "autoscaler-max-up", "max", (high, target), case.size(target), saved, lines)


def _maximum_down(case: Case, low: int, high: int) -> Finding | None:
    """A limit that limits nothing is lowered to what still leaves twice the room; it saves nothing until something runs away."""
    needed = case.now.needed
    floor = floor_of(case, needed)
    wanted = max(
        sized(needed, case.part, case.demand.times[needed.steps]), whole(needed.maximum(case.everything) * (1 + MARGIN)), floor.nodes
    )
    # What runs now, whatever for, is not taken away by a limit.
    target = max(one_step(case, high, 2 * wanted), low + 1, case.pool.count, case.pool.machines or 0)
    if high <= LOOSE * wanted or target >= high or shrink_veto(case) is not None:
        return None
    capped = case.price * (HOURS_PER_MONTH * (high - target))
    lines = (
        f"It never needed more than {wanted} nodes with room and growth, and may go up to {high}.",
        f"A maximum of {target} saves nothing by itself: it keeps {capped} a month from a workload that runs away.",
    )
    return _bound(case, "autoscaler-max-down", "max", (high, target), case.size(target), Decimal(0), lines)


def _bound(
    case: Case, rule: str, end: Literal["min", "max"], move: tuple[int, int], new: Size, saved: Decimal, lines: tuple[str, ...]
) -> Finding:
    before, after = str(move[0]), str(move[1])
    changes: tuple[FieldChange, ...] = (FieldChange(field=end, old=before, new=after),)
    if end == "min":
        # The provider refuses a count that differs from the minimum.
        changes += (FieldChange(field="count", old=before, new=after),)
    old = case.size(case.pool.maximum or case.now.nodes)
    return case.finding(rule, end, changes, new, nodes_saved=saved, lines=lines, old=old, nodes=move)
