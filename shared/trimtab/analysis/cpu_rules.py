"""CPU of a workload: more where its limit stops it or it lives from its neighbors, less where nearly all of its request idles."""

import numpy as np

from trimtab.analysis.loads import Load, Unit, load_of
from trimtab.analysis.requests import CPU_CEILING, KILLED, after_one_cut, cpu_peak_wanted, cpu_text, cpu_wanted, cpu_words, whole_cpu
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
from trimtab.records import FieldChange

STOPPED_HOURS = 3
"""Hours at its limit, from which on it is no accident."""
OVER_SHARE = 0.05
"""Share of the hours whose mean is above the CPU request, from which on the pod lives from its neighbors."""
MISSED_SHARE = 0.01
"""CPU may borrow: so many judged hours above the ceiling are borne, no more."""
CPU = Unit(name="CPU cores of the fullest pod", scale=1000.0)


def cpu(seen: Seen) -> Answer:
    """More where its limit stops it or it lives from its neighbors; less where nearly all of its request idles."""
    load = load_of(seen.use.times, seen.use.cpu_peak)
    short = seen.short(load, "CPU use")
    if short:
        return short
    if seen.cpu_request <= 0:
        return nothing_asked("CPU")
    limit = seen.use.cpu_limit
    stopped = int((load.values[load.known] >= AT_LIMIT * limit).sum()) if limit else 0
    if stopped >= STOPPED_HOURS:
        return _stopped(seen, load, limit or 0.0, stopped)
    means = seen.use.cpu_mean[~np.isnan(seen.use.cpu_mean)]
    over = float((means > seen.cpu_request).mean()) if means.size else 0.0
    if over > OVER_SHARE:
        return _more_cpu(seen, load, over)
    return _less_cpu(seen, load)


def _stopped(seen: Seen, load: Load, limit: float, stopped: int) -> Answer:
    stop = scaled(seen, "cpu") if seen.is_guaranteed else None
    if stop or seen.use.has_mixed_limits:
        return stop or No(rule="limits-not-read", reason="its CPU limits differ from pod to pod")
    target = whole_cpu(limit * KILLED)
    changes = [FieldChange(field="cpu_limit", old=cpu_text(limit), new=cpu_text(target))]
    request = seen.cpu_request
    if seen.is_guaranteed:
        changes.insert(0, FieldChange(field="cpu_request", old=cpu_text(limit), new=cpu_text(target)))
        request = target
    hours = f"{stopped} of {int(load.known.sum())} hours"
    line = f"In {hours} its busiest pod used all of its limit of {cpu_text(limit)} for five minutes or more."
    other = "What it would have used without the limit nobody measured; without a CPU limit, which is its owner's choice, nothing stops it."
    return Wish(
        rule="cpu-limit-up", resource="cpu", changes=tuple(changes), old=limit, new=target, request=request, load=load, unit=CPU,
        short=np.nan_to_num(load.values) >= AT_LIMIT * limit, lines=(line,), unknowns=(other,),
    )  # fmt: skip


def _more_cpu(seen: Seen, load: Load, over: float) -> Answer:
    stop = scaled(seen, "cpu") or unread_limits(seen)
    if stop:
        return stop
    limit = seen.use.cpu_limit or 0.0
    wanted = cpu_wanted(load, load.known)
    target = min(wanted, limit) if limit else wanted
    if target <= seen.cpu_request:
        return None
    changes = (FieldChange(field="cpu_request", old=cpu_text(seen.cpu_request), new=cpu_text(target)),)
    asked = cpu_text(seen.cpu_request)
    line = f"In {over:.0%} of the hours its busiest pod used more than {asked} on average, which only its neighbors lent it."
    return Wish(
        rule="cpu-request-up", resource="cpu", changes=changes, old=seen.cpu_request, new=target, request=target, load=load, unit=CPU,
        ceiling=CPU_CEILING, lines=(line,),
    )  # fmt: skip


def _less_cpu(seen: Seen, load: Load) -> Answer:
    request = seen.cpu_request
    formula = cpu_peak_wanted if seen.is_guaranteed else cpu_wanted
    fitted = formula(load, load.fit)
    wanted = max(fitted, formula(load, load.known))
    target = max(wanted, whole_cpu(after_one_cut(request, wanted)))
    if target > WORTH * request:
        return None
    stop = scaled(seen, "cpu") or unread_limits(seen) or month_end_no(seen, load)
    if stop:
        return stop
    judged = max(fitted, whole_cpu(after_one_cut(request, fitted)))
    missed, hours = load.above(CPU_CEILING * judged, load.judge), int(load.judge.sum())
    if missed > max(load.above(CPU_CEILING * request, load.judge), MISSED_SHARE * hours):
        return No(rule="would-have-missed", reason=f"a request fitted on the older days was too small in {missed} of {hours} judged hours")
    changes = [FieldChange(field="cpu_request", old=cpu_text(request), new=cpu_text(target))]
    if seen.is_guaranteed:
        changes.append(FieldChange(field="cpu_limit", old=cpu_text(request), new=cpu_text(target)))
    usual, most = float(np.quantile(load.values[load.known], 0.99)), load.highest(load.known)
    lines = (
        f"In 99 of 100 hours its busiest pod used at most {cpu_words(usual)}, ever {cpu_words(most)}, and asks for {cpu_text(request)}.",
        *staged(cpu_text(target), cpu_text(wanted), is_staged=target > wanted),
    )
    return Wish(
        rule="cpu-request-down", resource="cpu", changes=tuple(changes), old=request, new=target, request=target, load=load, unit=CPU,
        ceiling=CPU_CEILING, lines=lines,
    )  # fmt: skip
