"""Quotas of namespaces, workspaces and virtual clusters: judged on the past like pools, and never smaller than what runs and waits.

A smaller quota saves nothing by itself: it frees room that somebody may be given, or that a smaller pool may drop. So its saving is
zero, and what the pool saves is the pool's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from math import ceil

import numpy as np

from trimtab.analysis.demand import Bools
from trimtab.analysis.loads import DAY, STALE, Load, Unit, Window, eligible_from, evidence_of_load, load_of, unseen_month_end
from trimtab.analysis.namespaces import matching
from trimtab.analysis.quota_demand import Counted, QuotaDemand, pinned
from trimtab.analysis.sizing import MARGIN
from trimtab.records import Cluster, FieldChange, Finding, PoolField, Quota, Refusal, Subject
from trimtab.units import GIB, Money

Answer = Finding | Refusal
LARGEST_CUT = 4
"""One step moves a quota by at most a quarter, and always may by one unit."""
BUDGET_FREEZE = "budget-freeze"
"""The rule that holds a quota for a spent budget."""
HELD_DAYS = 7
"""A spent budget leaves what was asked for within a week at least: nights and weekends ask for less than what must still run."""
PINNED_HOURS = 3
"""Hours without room for one more pod from which on a quota is taken to hold its pods back."""
MIB = 1 << 20
NUMBERS: tuple[tuple[str, PoolField, str], ...] = (
    ("gpu", "gpu_limit", "GPU"),
    ("cpu", "cpu_cores", "CPU"),
    ("memory", "memory_mib", "memory"),
)
REPLICAS = "How many replicas its controllers want was not read: a quota turns pods away before they exist, and none is left waiting."
ELSEWHERE = "What its namespaces were given on its other clusters was not read, and Palette takes no workspace smaller than all of them."
PLACES = {"namespace": "namespace", "workspace": "workspace", "virtual-cluster": "virtual cluster"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Resource:
    """One number of a quota: the file's field, its smallest unit, and what people call it."""

    field: PoolField
    words: str
    per: float
    """How much of the measured value is one of the file's."""
    step: int
    """Whole file units that a quota moves by."""
    unit: Unit


@dataclass(frozen=True, kw_only=True, slots=True)
class QuotaCase:
    """One resource of one quota that can be judged."""

    quota: Quota
    resource: Resource
    limit: float
    """In the measured value's unit."""
    demand: QuotaDemand
    counted: Counted
    load: Load
    """What counts against it: of a quota that may count limits, the greater of request and limit."""
    coverage: float
    window: Window
    currency: str
    siblings: tuple[Quota, ...]
    spent: str = ""
    """The spent budget that wants it not to grow; "" = none."""

    @property
    def name(self) -> str:
        """For people."""
        return f"{PLACES[self.quota.kind]} {self.quota.name}"

    @property
    def step(self) -> float:
        """The smallest move, in the measured value's unit."""
        return self.resource.step * self.resource.per

    def text(self, value: float) -> str:
        """A value as the file holds it."""
        return _plain(value / self.resource.per)

    def words(self, value: float) -> str:
        """A value as people read it."""
        return f"{_plain(value / self.resource.unit.scale)} {self.resource.unit.name}"

    def refuse(self, rule: str, reason: str, needs: str = "") -> Refusal:
        """A named no about this resource."""
        return _refuse(self.quota, rule, f"{self.resource.words} quota of {self.name}: {reason}", needs)


def analyze_quota(
    quota: Quota,
    demand: QuotaDemand | None,
    *,
    cluster: Cluster,
    window: Window,
    currency: str,
    siblings: Sequence[Quota] = (),
    spent: str = "",
) -> tuple[Answer, ...]:
    """At most one answer per limited resource, GPUs first; () where nothing is limited, or another of its clusters answers.

    `siblings` are the other quotas of the cluster: a workspace cannot be smaller than the quotas of its namespaces. `spent` names a budget
    of its that is spent and wants no growth; then it is held at what its pods ask for, and never raised.
    """
    if quota.clusters and quota.cluster_uid != min(quota.clusters):
        return ()
    limited = [(name, value) for name, value in (("gpu", quota.gpus), ("cpu", quota.cpu), ("memory", quota.memory)) if _limits(value)]
    if not limited:
        return ()
    refusal = _unclear(quota, cluster) or _too_little(quota, demand, window)
    if refusal or demand is None:
        return (refusal or _refuse(quota, "metrics-missing", "Nothing was measured for it; missing is not idle."),)
    return tuple(_judged(quota, name, float(value or 0), demand, window, currency, tuple(siblings), spent) for name, value in limited)


def _limits(value: int | None) -> bool:
    """Palette writes -1 for "no limit", and in a workspace 0; where 0 means none at all there is nothing to make smaller either."""
    return value is not None and value > 0


# ── Reasons to say nothing ───────────────────────────────────────────────────────────────────────────────────────────
def _unclear(quota: Quota, cluster: Cluster) -> Refusal | None:
    if quota.problem or not quota.namespaces:
        return _refuse(quota, "quota-unclear", quota.problem or "Which namespaces count against it is not known.")
    if cluster.state != "Running":
        return _refuse(quota, "cluster-not-running", f"The cluster is {cluster.state or 'in an unknown state'}, not Running.")
    return None


def _too_little(quota: Quota, demand: QuotaDemand | None, window: Window) -> Refusal | None:
    if demand is None or not demand.seen.any():
        return _refuse(quota, "metrics-missing", "Nothing was measured for it; missing is not idle.")
    last = datetime.fromtimestamp(int(demand.times[demand.seen][-1]) + 3600, UTC)
    if window.now - last > STALE:
        return _refuse(quota, "metrics-stale", f"The newest sample is from {last:%Y-%m-%d %H:%M} UTC: it says nothing about now.")
    days = len(demand.times) / 24
    if days < window.days_wanted:
        reason = f"{int(days)} days are measured, {window.days_wanted} are needed."
        return _refuse(quota, "too-little-history", reason, eligible=eligible_from(demand.times, window.days_wanted))
    if all(np.nan_to_num(counted.asked, nan=1.0).max(initial=0.0) <= 0 for counted in (demand.cpu, demand.memory, demand.gpu)):
        reason = f"In {int(days)} days not one of its pods was seen: it is not used, or its namespaces are not measured."
        return _refuse(quota, "nothing-seen", reason, "Its owners' word that nothing runs there.")
    return None


def _refuse(quota: Quota, rule: str, reason: str, needs: str = "", eligible: date | None = None) -> Refusal:
    return Refusal(
        cluster_uid=quota.cluster_uid, pool=quota.name, rule=rule, reason=reason, needs=needs, kind=quota.kind, eligible_from=eligible
    )


# ── One resource ─────────────────────────────────────────────────────────────────────────────────────────────────────
def _judged(
    quota: Quota, name: str, limit: float, demand: QuotaDemand, window: Window, currency: str, siblings: tuple[Quota, ...], spent: str
) -> Answer:
    resource = _resource(name, limit, demand)
    counted: Counted = getattr(demand, name)
    limit = limit * 1000.0 if name == "gpu" else limit
    values = np.where(demand.seen, counted.asked if name == "gpu" else counted.with_limits, np.nan)
    asked = np.where(demand.seen, counted.asked, np.nan)
    is_read = bool((~np.isnan(values)).mean() >= window.floor.coverage)
    load = load_of(demand.times, values if is_read else asked)
    case = QuotaCase(
        quota=quota, resource=resource, limit=limit, demand=demand, counted=counted, load=load,
        coverage=float(load.known.mean()), window=window, currency=currency, siblings=siblings, spent=spent,
    )  # fmt: skip
    return _answer(case, is_read=is_read)


def _resource(name: str, limit: float, demand: QuotaDemand) -> Resource:
    if name == "gpu":
        return Resource(field="gpu_limit", words="GPU", per=1000.0, step=demand.gpus_per_node or 1, unit=Unit(name="GPUs", scale=1000.0))
    if name == "cpu":
        return Resource(field="cpu_cores", words="CPU", per=1000.0, step=1, unit=Unit(name="CPU cores", scale=1000.0))
    step = 1024 if limit >= 4 * GIB else 64
    return Resource(field="memory_mib", words="Memory", per=float(MIB), step=step, unit=Unit(name="GiB", scale=float(GIB)))


def _answer(case: QuotaCase, *, is_read: bool) -> Answer:
    if case.coverage < case.window.floor.coverage:
        reason = f"what its pods ask for is known in {case.coverage:.1%} of the hours, {case.window.floor.coverage:.0%} are needed."
        return case.refuse("coverage-low", reason)
    if not case.load.fit.any() or not case.load.judge.any():
        return case.refuse("coverage-low", "one of the two parts of the past, to fit on and to judge on, was not measured.")
    if case.spent:
        return _held(case, is_read=is_read)
    held_back = pinned(case.counted, case.limit) & case.demand.seen
    if int(held_back.sum()) >= PINNED_HOURS:
        return _censored(case, held_back)
    over = case.load.above(case.limit, case.load.known)
    if over:
        return case.refuse("fits-tightly", f"in {over} hours its pods asked for more than it allows, one after the other: it stays.")
    if not is_read:
        needs = "kube-state-metrics' kube_pod_container_resource_limits, or the Kubernetes API, for its pods."
        return case.refuse("limits-not-read", "it may count limits, and those of its pods were not read; it stays.", needs)
    return _turned_away(case) or _smaller(case)


def _turned_away(case: QuotaCase) -> Refusal | None:
    """A pod that another of its numbers turned away is missing in this one too."""
    for name, field, words in NUMBERS:
        limit = None if field == case.resource.field else _limit_of(case.quota, field)
        full = 0 if limit is None else int((pinned(getattr(case.demand, name), limit) & case.demand.seen).sum())
        if full >= PINNED_HOURS:
            reason = f"in {full} hours its {words} quota was used up, and the pods that this turned away are missing here too; it stays."
            return case.refuse("quota-censored", reason, f"Hours in which its {words} quota has room.")
    return None


def _held(case: QuotaCase, *, is_read: bool) -> Answer:
    """Growth stops where it is: what its pods asked for at most in the last days still fits, waiting ones too.

    The days that a change is judged on are among them: one that would have missed some of them opens at no gate.
    """
    if not is_read:
        needs = "kube-state-metrics' kube_pod_container_resource_limits, or the Kubernetes API, for its pods."
        return case.refuse(
            "limits-not-read", f"{case.spent} is spent, but it may count limits, and those of its pods were not read.", needs
        )
    days = max(HELD_DAYS, case.load.judged_days)
    newest = case.load.times > case.load.times[-1] - days * DAY
    if float(case.load.known[newest].mean()) < case.window.floor.coverage:
        return case.refuse("coverage-low", f"{case.spent} is spent, but too little of the last {days} days was measured to hold it there.")
    asked = case.load.highest(newest & case.load.known)
    target = max(_up(asked, case.step), _up(_parts(case), case.step), case.step)
    if target >= case.limit:
        reason = f"{case.spent} is spent; its pods ask for {case.words(asked)} of {case.words(case.limit)}, so that it cannot grow already."
        return case.refuse(BUDGET_FREEZE, reason)
    lines = (
        f"The {case.spent} is spent, and its owner wants no growth beyond it.",
        f"In the last {days} days its pods asked for at most {case.words(asked)}, waiting ones too; all of that still fits.",
        "It lowers no bill by itself: it keeps more from being asked for.",
    )
    return _moved(case, BUDGET_FREEZE, target, lines, "")


def _censored(case: QuotaCase, held_back: Bools) -> Answer:
    """A quota that is used up hides what is wanted: grow it where pods beyond it waited, else say that nobody can know.

    A pod that waits within the quota was let in already: it waits for a node.
    """
    hours = f"{int(held_back.sum())} of {int(case.load.known.sum())} hours"
    waiting = held_back & (case.demand.waiting > 0)
    waited = waiting & (case.counted.asked > case.limit)
    if waiting.any() and not waited.any():
        reason = f"in {hours} it was used up, and pods that it had let in waited{_who(case.demand)}: they need nodes before a larger quota."
        return case.refuse("quota-censored", reason, "More nodes for the pods that wait, then its owners' word on how much more is wanted.")
    if not waited.any():
        reason = f"in {hours} it was used up, and use that is cut off says nothing about what is wanted; it is never made smaller."
        return case.refuse("quota-censored", reason, "Its owners' word, or how many replicas its controllers want beside those that run.")
    peak = max(case.load.highest(case.load.known), case.limit + case.step)
    cut = _step_of(case)
    target = min(_up(peak, case.step), case.limit + cut)
    reason = f"In {hours} it was used up, and in {int(waited.sum())} of those pods beyond it waited{_who(case.demand)}."
    lines = (reason, *_staged(case, target, _up(peak, case.step)), "A larger quota brings no nodes: the pools must have the room.")
    return _moved(case, "quota-up", target, lines, _outgrows(case, target), waited)


def _smaller(case: QuotaCase) -> Answer:
    load = case.load
    month_end = unseen_month_end(load, case.window)
    if month_end is not None:
        reason = f"{case.resource.words} quota of {case.name}: no month end was measured; production waits for one."
        return _refuse(case.quota, "month-end-unseen", reason, f"The measured day {month_end:%Y-%m-%d}.", month_end + timedelta(days=1))
    # Both, so that pods that wait never break the trend of those that run.
    running = load_of(load.times, np.where(load.known, case.counted.running, np.nan))
    least = max(load.wanted(load.fit, MARGIN), running.wanted(running.fit, MARGIN))
    wanted = _up(least, case.step)
    target = max(wanted, case.limit - _step_of(case), case.step)
    if target >= case.limit:
        peak = load.highest(load.known)
        is_full = least > case.limit - case.step > 0
        why = "margin and growth fill it" if is_full else f"it moves by {case.words(case.step)} and not below"
        return case.refuse("already-right", f"at most {case.words(peak)} of {case.words(case.limit)} were asked for; {why}.")
    missed = load.above(target, load.known)
    if missed:
        reason = (
            f"{case.words(target)} would have been too few in {missed} of {int(load.known.sum())} hours; {case.words(case.limit)} stay."
        )
        return case.refuse("would-have-missed", reason)
    parts = _parts(case)
    if parts > target:
        reason = f"the quotas of its namespaces add up to {case.words(parts)}, and Palette takes no smaller workspace; they come first."
        return case.refuse("quota-parts-exceed", reason)
    lines = (
        f"In {load.judged_days} judged days at most {case.words(load.highest(load.judge))} were asked for, waiting pods included.",
        *_staged(case, target, max(wanted, case.step)),
        f"It frees {case.words(case.limit - target)} of room; the bill gets smaller only where a pool does, and that is the pool's saving.",
    )
    return _moved(case, "quota-down", target, lines, "")


def _moved(case: QuotaCase, rule: str, target: float, lines: tuple[str, ...], needs_person: str, short: Bools | None = None) -> Finding:
    change = FieldChange(field=case.resource.field, old=case.text(case.limit), new=case.text(target))
    nothing = Money(Decimal(0), case.currency)
    return Finding(
        rule=rule,
        subject=Subject(cluster_uid=case.quota.cluster_uid, pool=case.quota.name, field=case.resource.field, kind=case.quota.kind),
        changes=(change,),
        instance_type="",
        nodes_old=0,
        nodes_new=0,
        saving_list=nothing,
        saving_effective=nothing,
        price_source="no price: a quota is no capacity",
        evidence=evidence_of_load(
            case.load,
            unit=case.resource.unit,
            old=case.limit,
            new=target,
            coverage=case.coverage,
            source=case.demand.source,
            lines=lines,
            short=short,
        ),
        is_repave=False,
        unknowns=(REPLICAS, *((ELSEWHERE,) if len(case.quota.clusters) > 1 else ())),
        saving_freed=nothing,
        needs_person=needs_person,
    )


def _step_of(case: QuotaCase) -> float:
    """A quarter in whole units, and at least one: 16 GPUs on nodes of 8 → 8, 20 cores → 5."""
    return max(1, int(case.limit / LARGEST_CUT / case.step + 1e-9)) * case.step


def _staged(case: QuotaCase, target: float, wanted: float) -> tuple[str, ...]:
    if abs(target - wanted) < 1e-6:
        return ()
    return (f"The evidence asks for {case.words(wanted)}; one step goes to {case.words(target)}, a quarter or one unit at most.",)


def _who(demand: QuotaDemand) -> str:
    if not demand.waits:
        return ""
    named = [f"{wait.workload} {wait.hours:.0f} pod-hours, up to {wait.most} at once" for wait in demand.waits[:3]]
    more = f" and {len(demand.waits) - 3} more" if len(demand.waits) > 3 else ""
    return f": {'; '.join(named)}{more}"


def _is_inside(one: Quota, outer: Quota) -> bool:
    """A namespace's quota that counts against a workspace's."""
    return one.kind == "namespace" and bool(one.namespaces) and matching(outer.namespaces, one.namespaces) == tuple(sorted(one.namespaces))


def _parts(case: QuotaCase) -> float:
    """What the quotas of a workspace's namespaces add up to in this cluster."""
    if case.quota.kind != "workspace":
        return 0.0
    return sum(_limit_of(one, case.resource.field) or 0.0 for one in case.siblings if _is_inside(one, case.quota))


def _outgrows(case: QuotaCase, target: float) -> str:
    """A namespace that would ask for more than its workspace has needs the workspace to grow first."""
    for outer in case.siblings:
        limit = _limit_of(outer, case.resource.field)
        if outer.kind != "workspace" or limit is None or not _is_inside(case.quota, outer):
            continue
        others = [one for one in case.siblings if one.name != case.quota.name and _is_inside(one, outer)]
        total = target + sum(_limit_of(one, case.resource.field) or 0.0 for one in others)
        if total > limit:
            return f"The workspace {outer.name} allows {case.words(limit)}, its namespaces would have {case.words(total)}: raise it first."
    return ""


def _limit_of(quota: Quota, field: PoolField) -> float | None:
    """In the measured value's unit; None = not limited."""
    value, scale = {"gpu_limit": (quota.gpus, 1000.0), "cpu_cores": (quota.cpu, 1.0), "memory_mib": (quota.memory, 1.0)}[field]
    return value * scale if value is not None and value > 0 else None


def _up(value: float, step: float) -> float:
    return ceil(value / step - 1e-9) * step


def _plain(value: float) -> str:
    """A whole number without a point; the rest with at most three digits after it."""
    return f"{round(value, 3):f}".rstrip("0").rstrip(".")


__all__ = ["Answer", "analyze_quota"]
