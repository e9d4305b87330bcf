"""Memory of a workload: more where it was killed or held more than it asked for, less where nothing of it was ever held.

A limit is never lowered but together with the request that it equals.
"""

import numpy as np

from trimtab.analysis.demand import Bools
from trimtab.analysis.loads import DAY, Load, Unit, load_of
from trimtab.analysis.requests import KILLED, MEMORY_MARGIN, after_one_cut, memory_text, memory_wanted, memory_words, whole_memory
from trimtab.analysis.workload_rules import (
    AT_LIMIT,
    WORTH,
    Answer,
    No,
    Seen,
    Wish,
    month_end_no,
    nothing_asked,
    scaled,
    staged,
    unread_limits,
)
from trimtab.analysis.workload_use import WorkloadUse
from trimtab.records import FieldChange
from trimtab.units import GIB

RECENT_DAYS = 7
UNDER_HOURS = 3
"""Hours above what was asked for, from which on it is no accident."""
MIB_100 = 100 << 20
MEMORY = Unit(name="GiB of the fullest pod", scale=float(GIB))
_KILLS = "Whether it was ever killed for memory was not read in all of its hours."


def memory(seen: Seen) -> Answer:
    """More where it was killed or held more than it asked for; less where nothing of it was ever held."""
    use = seen.use
    # A program that runs holds some memory: none at all is a broken exporter, not a measurement.
    load = load_of(use.times, np.where(use.memory_peak > 0, use.memory_peak, np.nan))
    peak, limit = load.highest(load.known), use.memory_limit
    if np.nansum(use.kills[_recent(use)]) > 0:
        return _killed(seen, load)
    short = seen.short(load, "memory use")
    if short:
        return short
    if seen.memory_request <= 0:
        return nothing_asked("memory")
    above = load.above(seen.memory_request, load.known)
    if above >= UNDER_HOURS:
        return _more_memory(seen, load, above)
    if limit and peak >= AT_LIMIT * limit:
        reason = f"its fullest pod held {memory_words(peak)} of a limit of {memory_text(limit)} and was never seen killed"
        return No(rule="memory-at-limit", reason=reason, needs="Its owner's word whether that is cache.")
    return _less_memory(seen, load, peak)


def _recent(use: WorkloadUse) -> Bools:
    """[hour] of the newest week: an older kill may have been mended since."""
    newest: Bools = use.times > use.times[-1] - RECENT_DAYS * DAY
    return newest


def _killed(seen: Seen, load: Load) -> Answer:
    limit, peak = seen.use.memory_limit, load.highest(load.known)
    kills = float(np.nansum(seen.use.kills[_recent(seen.use)]))
    times = f"{kills:.0f} time{'s' if kills != 1 else ''}"
    if limit is None or seen.use.has_mixed_limits:
        reason = f"it was killed for memory {times}, and the limit that did it was not read, or differs from pod to pod"
        return No(rule="limits-not-read", reason=reason, needs="Its memory limit, from kube-state-metrics or the Kubernetes API.")
    base = limit or max(seen.memory_request, peak)
    target = whole_memory(max(base * KILLED, peak + MIB_100))
    line = f"Killed for memory {times} in the newest week; what it wanted then nobody measured, so it gets a quarter more than killed it."
    return _raised_memory(seen, load, "memory-killed", limit, target, (line,), np.nan_to_num(seen.use.kills) > 0)


def _raised_memory(
    seen: Seen, load: Load, rule: str, limit: float, target: float, lines: tuple[str, ...], short: Bools | None = None
) -> Wish:
    """A higher limit where there is one; the request follows where it equals the limit, was too small, or stands alone."""
    request = seen.memory_request
    changes: tuple[FieldChange, ...] = ()
    wanted = whole_memory(load.highest(load.known) * (1 + MEMORY_MARGIN))
    new_request = target if not limit or request == limit else max(request, min(wanted, target))
    if new_request > request:
        changes += (FieldChange(field="memory_request", old=memory_text(request), new=memory_text(new_request)),)
    if limit and target > limit:
        changes += (FieldChange(field="memory_limit", old=memory_text(limit), new=memory_text(target)),)
    is_request = changes[0].field == "memory_request"
    is_scaled = is_request and "memory" in (seen.use.scaled_by or "").split(",")
    unknowns = ("Its autoscaler looks at memory: with a higher request it starts fewer pods.",) if is_scaled else ()
    return Wish(
        rule=rule, resource="memory", changes=changes, old=request if is_request else limit, new=new_request if is_request else target,
        request=new_request, load=load, unit=MEMORY, short=short, lines=lines, unknowns=unknowns,
    )  # fmt: skip


def _more_memory(seen: Seen, load: Load, above: int) -> Answer:
    stop = scaled(seen, "memory")
    if stop:
        return stop
    limit = seen.use.memory_limit
    if limit is None or seen.use.has_mixed_limits:
        reason = f"in {above} hours its fullest pod held more than it asks for, and whether its limit leaves room for more was not read"
        return No(rule="limits-not-read", reason=reason, needs="Its memory limit, from kube-state-metrics or the Kubernetes API.")
    target = memory_wanted(load, load.known)
    words = f"{memory_words(load.highest(load.known))} at its highest, {memory_text(seen.memory_request)} asked for"
    hours = f"{above} of {int(load.known.sum())} hours"
    line = f"In {hours} its fullest pod held more than it asks for: {words}; on a full node it is evicted first."
    return _raised_memory(seen, load, "memory-request-up", limit, max(target, limit), (line,))


def _was_killed(use: WorkloadUse) -> No | None:
    """What was measured while it was killed was cut off: no proof that less is enough."""
    if not np.nansum(use.kills) > 0:
        return None
    return No(rule="was-killed", reason="it was killed for memory earlier in the window, so that what it held was cut off")


def _less_memory(seen: Seen, load: Load, peak: float) -> Answer:
    use, request = seen.use, seen.memory_request
    fitted = memory_wanted(load, load.fit)
    wanted = max(fitted, memory_wanted(load, load.known))
    target = max(wanted, whole_memory(after_one_cut(request, wanted)))
    if target > WORTH * request:
        return None
    stop = scaled(seen, "memory") or unread_limits(seen) or month_end_no(seen, load) or _was_killed(use)
    if stop:
        return stop
    missed = load.above(max(fitted, whole_memory(after_one_cut(request, fitted))), load.judge)
    if missed:
        return No(rule="would-have-missed", reason=f"a request fitted on the older days was too small in {missed} judged hours")
    changes = [FieldChange(field="memory_request", old=memory_text(request), new=memory_text(target))]
    is_heard = float((~np.isnan(use.kills)).mean()) >= seen.window.floor.coverage
    unknowns = [] if is_heard else [_KILLS]
    if seen.is_guaranteed:
        if not is_heard:
            return No(rule="kills-not-read", reason="its limit is its request, and whether it was ever killed for memory was not read")
        changes.append(FieldChange(field="memory_limit", old=memory_text(request), new=memory_text(target)))
        unknowns.append("A runtime that sizes its heap by the limit (a JVM by percentage) takes less after this.")
    lines = (
        f"Its fullest pod held {memory_words(peak)} at most in {use.days} days, and asks for {memory_text(request)}.",
        *staged(memory_text(target), memory_text(wanted), is_staged=target > wanted),
    )
    return Wish(
        rule="memory-request-down", resource="memory", changes=tuple(changes), old=request, new=target, request=target, load=load,
        unit=MEMORY, lines=lines, unknowns=tuple(unknowns),
    )  # fmt: skip
