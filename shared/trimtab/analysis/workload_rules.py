"""What every rule about a workload's requests shares: what it sees, what it may answer, and when it must say no.

A rule sees the hours of the fullest pod. What an autoscaler looks at is left alone, because a request is its yardstick; a pod whose
limits are its requests keeps them equal; a memory limit is never lowered but with the request that it equals.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from trimtab.analysis.demand import Bools
from trimtab.analysis.loads import DAY, Load, Unit, Window, unseen_month_end
from trimtab.analysis.workload_use import Workloads, WorkloadUse
from trimtab.records import FieldChange

WORTH = 0.9
"""A new request over this share of the old one is not worth a change."""
AT_LIMIT = 0.95
"""Share of a limit from which on use is cut off by it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class No:
    """A rule's no: machine-readable reason, sentence, and what would make it possible."""

    rule: str
    reason: str
    needs: str = ""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Wish:
    """What a rule wants changed."""

    rule: str
    resource: Literal["cpu", "memory", "gpu"]
    changes: tuple[FieldChange, ...]
    old: float
    """Request (or limit, where the change is of that alone) in the measured unit."""
    new: float
    request: float
    """What one pod asks for afterwards; as now where only a limit changes."""
    load: Load
    unit: Unit
    ceiling: float = 1.0
    """Share of it above which an hour counts as missed."""
    short: Bools | None = None
    """[hour] in which the old value is known to have been too small, whatever was measured."""
    lines: tuple[str, ...] = ()
    unknowns: tuple[str, ...] = ()
    person: str = ""
    """Why only its owner can do it, beyond what is true of all workloads."""

    @property
    def is_up(self) -> bool:
        """True where more is asked for than now."""
        return self.new > self.old


Answer = Wish | No | None


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Seen:
    """One workload with what every rule needs of it."""

    use: WorkloadUse
    window: Window
    cpu_request: float
    memory_request: float

    @property
    def is_guaranteed(self) -> bool:
        """QoS class Guaranteed: limits are the requests, of both resources."""
        return 0 < self.cpu_request == self.use.cpu_limit and 0 < self.memory_request == self.use.memory_limit

    def coverage(self, load: Load) -> float:
        """Share of the hours in which it ran and this was measured."""
        return float(load.known.mean()) if len(load.times) else 0.0

    def short(self, load: Load, words: str) -> No | None:
        """Not measured well enough to judge."""
        coverage = self.coverage(load)
        if coverage < self.window.floor.coverage:
            wanted = self.window.floor.coverage
            return No(rule="coverage-low", reason=f"its {words} is known in {coverage:.1%} of its hours, {wanted:.0%} are needed")
        if not load.fit.any() or not load.judge.any():
            return No(rule="coverage-low", reason=f"its {words} was not measured in one of the two parts of the past")
        return None


def first_no(use: WorkloadUse, found: Workloads, window: Window) -> No | None:
    """Reasons to say nothing about any of its resources."""
    if use.kind in {"Pod", ""}:
        return No(rule="bare-pod", reason="nothing declares its pods, so nothing can be changed in Git")
    if use.days < window.days_wanted:
        return No(rule="too-little-history", reason=f"it ran on {use.days} days, {window.days_wanted} are needed")
    if found.measured_share < window.floor.coverage:
        return No(rule="coverage-low", reason=f"the cluster was measured in {found.measured_share:.1%} of the hours")
    if use.newest(use.cpu_request) is None or use.newest(use.memory_request) is None:
        return No(rule="requests-not-read", reason="what its pods ask for was not read")
    return None


def seen_of(use: WorkloadUse, window: Window) -> Seen:
    """The workload with its newest requests; `first_no` made sure that there are some."""
    return Seen(
        use=use, window=window, cpu_request=use.newest(use.cpu_request) or 0.0, memory_request=use.newest(use.memory_request) or 0.0
    )


def nothing_asked(resource: str) -> No:
    """A request that is not there is neither too large nor too small."""
    reason = f"it asks for no {resource}: no scheduler keeps room for it, and no packing here counts it"
    return No(rule="nothing-asked", reason=reason, needs="A request, set by its owner; what it uses is measured.")


def month_end_no(seen: Seen, load: Load) -> No | None:
    """Production is made smaller only once a month end was measured."""
    day = unseen_month_end(load, seen.window)
    if day is None:
        return None
    reason = "no month end was measured, and production waits for one"
    return No(rule="month-end-unseen", reason=reason, needs=f"The measured day {day:%Y-%m-%d}.")


def scaled(seen: Seen, resource: str) -> No | None:
    """A request is the yardstick of an autoscaler that looks at that resource: it would start other numbers of pods."""
    looks_at = seen.use.scaled_by
    if looks_at is None:
        reason = f"whether an autoscaler looks at its {resource} was not read"
        return No(
            rule="autoscaler-not-read", reason=reason, needs="Its HorizontalPodAutoscaler, from kube-state-metrics or the Kubernetes API."
        )
    words = {word.strip() for word in looks_at.split(",")}
    if resource in words:
        reason = f"its autoscaler counts pods by the share of the {resource} request that they use: another request, another number of pods"
        return No(
            rule="scaled-by-autoscaler", reason=reason, needs="A new target of that autoscaler, by its owner, together with the request."
        )
    return None


def unread_limits(seen: Seen) -> No | None:
    """Without its limits nobody knows its QoS class, and a Guaranteed pod must stay one."""
    needs = "Its limits, from kube-state-metrics or the Kubernetes API."
    if seen.use.cpu_limit is None or seen.use.memory_limit is None:
        return No(
            rule="limits-not-read", reason="its limits were not read, and so not whether they must stay equal to its requests", needs=needs
        )
    if seen.use.has_mixed_limits:
        return No(rule="limits-not-read", reason="the limits of its pods differ from one another", needs="A rollout that is finished.")
    return None


def staged(target: str, wanted: str, *, is_staged: bool) -> tuple[str, ...]:
    """Where the way goes on after this step."""
    return (f"The evidence asks for {wanted}; one step goes to {target}, half at most.",) if is_staged else ()


def versions(use: WorkloadUse) -> tuple[str, ...]:
    """A rollout within the window: what was measured before it may be another program's."""
    if use.versions < 2 or use.newest_since is None or use.newest_since < int(use.times[0]) + DAY:
        return ()
    since = datetime.fromtimestamp(use.newest_since, UTC)
    return (f"{use.versions} versions of it ran in the window, the newest since {since:%Y-%m-%d}.",)
