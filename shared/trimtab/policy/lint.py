"""What is written in `.trimtab/` and does nothing, or not what its author will have meant: each as one sentence that names its place.

It reads as strictly as a run does before; nothing here is an error, and nothing that is unknown is complained of.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import get_args

from trimtab import globs
from trimtab.policy.facts import FACTS, Scalar, is_met
from trimtab.policy.rules import CONFIG, OWNERS, POLICY
from trimtab.records import ApproverScope, Condition, Governance, PeopleGroup, PolicyRule, PoolField, Stage, SubjectKind

_LEVELS = (0, 1, 2, 3, 4)
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DOMAINS: Mapping[str, tuple[Scalar, ...]] = {
    "cluster.cloud": ("aws", "gcp", "azure"),
    "pool.capacity_type": ("on-demand", "spot"),
    "place.delivery": ("apply-on-push", "atlantis", "hcp-terraform", "argo"),
    "change.kind": get_args(SubjectKind),
    "change.field": get_args(PoolField),
    **{name: _LEVELS for name in FACTS if name.startswith("risk.")},
    "time.weekday": _DAYS,
    "time.hour": tuple(range(24)),
}
"""Facts that can have no other value than these."""
BOUNDS: Mapping[str, tuple[float, float]] = {"evidence.coverage": (0.0, 1.0)}
"""Facts that are never outside these; every other number may be anything that is not negative, and a saving anything at all."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """What a store has seen: what rules can be about. Empty = nothing was seen, and nothing is said about it."""

    clusters: Mapping[str, str] = field(default_factory=dict)
    """Uid → name, "" where only the uid is known."""
    pools: frozenset[tuple[str, str]] = frozenset()
    """(cluster uid, pool or other thing)."""
    paths: frozenset[str] = frozenset()
    """Files that something was proposed for."""
    groups: Mapping[str, PeopleGroup] = field(default_factory=dict)
    """As they were when somebody last decided."""


def lint(governance: Governance, now: datetime, *, ceiling: Stage | None = None, known: Known | None = None) -> tuple[str, ...]:
    """Every such sentence, in the order of the files. `ceiling` is the deployment's highest stage, where it is known."""
    seen = known or Known()
    return (
        *_stages(governance, ceiling),
        *_rules(governance, now),
        *_freezes(governance, now),
        *_windows(governance, ceiling),
        *_approvers(governance, seen),
    )


# ── config.yaml ──────────────────────────────────────────────────────────────────────────────────────────────────────
def _stages(governance: Governance, ceiling: Stage | None) -> Iterator[str]:
    if ceiling is None:
        return
    named = [("stage", governance.default_stage), *((f"stages[{index}].stage", rule.stage) for index, rule in enumerate(governance.stages))]
    for place, stage in named:
        if stage.rank > ceiling.rank:
            yield f"{CONFIG}: {place}: {stage} is more than the deployment allows; {ceiling} is what happens"


# ── policy.yaml ──────────────────────────────────────────────────────────────────────────────────────────────────────
def _rules(governance: Governance, now: datetime) -> Iterator[str]:
    for index, rule in enumerate(governance.rules):
        for name in dict.fromkeys(condition.fact for condition in rule.when):
            asked = [condition for condition in rule.when if condition.fact == name]
            if not _can_be_met(name, asked, now):
                wanted = " and ".join(f"{condition.operator} {_words(condition)}" for condition in asked)
                yield f"{POLICY}: rules[{index}] ({rule.name}): {name} is never {wanted}; it only matches where that is not known"
        yield from _same_before(governance.rules[:index], rule, index)


def _same_before(before: tuple[PolicyRule, ...], rule: PolicyRule, index: int) -> Iterator[str]:
    """A rule that asks the very same as an earlier one adds nothing but work for its readers."""
    same = [(set(other.when), other.tier, other.holds, other.time_zone) for other in before]
    if (set(rule.when), rule.tier, rule.holds, rule.time_zone) in same:
        yield f"{POLICY}: rules[{index}] ({rule.name}): says the same as an earlier rule"


def _can_be_met(name: str, asked: list[Condition], now: datetime) -> bool:
    """Is there a value that meets all of these at once? True where that cannot be said."""
    if FACTS[name].kind == "texts":
        return True
    candidates = _candidates(name, asked, now)
    return candidates is None or any(all(is_met(condition, value) for condition in asked) for value in candidates)


def _candidates(name: str, asked: list[Condition], now: datetime) -> tuple[Scalar, ...] | None:
    """Values among which one must meet the conditions if any does; None = nobody can list them."""
    if name in DOMAINS:
        return DOMAINS[name]
    if FACTS[name].kind == "flag":
        return (True, False)
    said = tuple(value for condition in asked if condition.operator in ("is", "in") for value in _values(condition, FACTS[name].kind))
    if said:
        return tuple(value for value in said if not _is_past(name, value, now))
    return _interval(name, asked) if FACTS[name].kind == "number" else None


def _interval(name: str, asked: list[Condition]) -> tuple[float, ...]:
    """Points of what the bounds leave, enough of them that a few values said not to be cannot hide all."""
    lowest, highest = BOUNDS.get(name, (float("-inf") if name.startswith("saving.") else 0.0, float("inf")))
    low = max(
        [lowest, *(float(bound) for condition in asked if condition.operator == "at-least" and (bound := _number(condition)) is not None)]
    )
    high = min(
        [highest, *(float(bound) for condition in asked if condition.operator == "at-most" and (bound := _number(condition)) is not None)]
    )
    if low > high:
        return ()
    start = low if low != float("-inf") else min(high, 0.0) - 1000.0
    end = high if high != float("inf") else max(start, 0.0) + 1000.0
    count = len(asked) + 50
    return tuple(start + (end - start) * step / count for step in range(count + 1))


def _number(condition: Condition) -> int | float | None:
    return condition.value if isinstance(condition.value, int | float) else None


def _values(condition: Condition, kind: str) -> tuple[Scalar, ...]:
    said = condition.value if isinstance(condition.value, tuple) else (condition.value,)
    return tuple(float(value) for value in said) if kind == "number" else said


def _is_past(name: str, value: Scalar, now: datetime) -> bool:
    """A day that is over everywhere comes no more."""
    is_day = name == "time.date" and re.fullmatch(r"\d{4}-\d{2}-\d{2}", str(value)) is not None
    return is_day and str(value) < f"{now:%Y-%m-%d}"


def _words(condition: Condition) -> str:
    return ", ".join(map(str, condition.value)) if isinstance(condition.value, tuple) else str(condition.value)


def _freezes(governance: Governance, now: datetime) -> Iterator[str]:
    for index, freeze in enumerate(governance.freezes):
        if freeze.end <= now:
            yield f"{POLICY}: freezes[{index}] ({freeze.name}): ended on {freeze.end:%Y-%m-%d}; it holds nothing any more"


def _windows(governance: Governance, ceiling: Stage | None) -> Iterator[str]:
    stages = {governance.default_stage, *(rule.stage for rule in governance.stages)}
    may_merge = Stage.GUARDED in stages and ceiling in {None, Stage.GUARDED}
    if may_merge and not governance.windows:
        yield f"{POLICY}: windows: there is none, so nothing ever merges by itself, although a stage is guarded"
    if may_merge and governance.windows and governance.limits.auto_merges_per_day == 0:
        yield f"{POLICY}: limits.auto_merges_per_day: 0, so nothing ever merges by itself, although a stage is guarded"
    for index, window in enumerate(governance.windows):
        if not set(window.weekdays) & set(range(5)):
            days = ", ".join(_DAYS[day] for day in window.weekdays)
            yield f"{POLICY}: windows[{index}]: {days}: no working day, so whatever goes wrong then is seen by nobody"


# ── owners.yaml ──────────────────────────────────────────────────────────────────────────────────────────────────────
def _approvers(governance: Governance, known: Known) -> Iterator[str]:
    if not governance.approvers:
        yield f"{OWNERS}: approvers: there is none, so nothing that needs a person can ever merge"
    for index, scope in enumerate(governance.approvers):
        place = f"{OWNERS}: approvers[{index}]"
        if not scope.people and not scope.groups:
            yield f"{place}: names nobody, so what falls to it waits for ever"
        yield from (f"{place}.groups: {sentence}" for sentence in _empty(scope.groups, known))
        unseen = _unseen(scope, known)
        if unseen:
            yield f"{place}: {unseen}"


def _empty(groups: Iterable[str], known: Known) -> Iterator[str]:
    for name in groups:
        group = known.groups.get(name)
        if group is not None and not group.people:
            yield f"{name}: {group.problem or 'nobody in it is listed under people'}, when somebody last decided"


def _unseen(scope: ApproverScope, known: Known) -> str:
    """Which part of a scope names something that the store never saw; "" = none does, or the store saw nothing at all."""
    if scope.cluster_uid is not None and known.clusters and scope.cluster_uid not in known.clusters:
        return f"cluster_uid {scope.cluster_uid}: the store knows no such cluster"
    pools = {pool for uid, pool in known.pools if scope.cluster_uid in {None, uid}}
    if scope.pool is not None and pools and scope.pool not in pools:
        return f"pool {scope.pool}: the store knows no such pool" + (" of that cluster" if scope.cluster_uid else "")
    if scope.path is not None and known.paths and not any(globs.matches(path, [scope.path]) for path in known.paths):
        return f"path {scope.path}: matches no file that anything was ever proposed for"
    return ""


def never_matched(governance: Governance, matched: Iterable[str], judged: int) -> tuple[str, ...]:
    """Rules that matched none of the past judgements; said as a fact, since what they wait for may still come."""
    seen = set(matched)
    return tuple(
        f"{POLICY}: rules[{index}] ({rule.name}): matched none of {judged} judgements"
        for index, rule in enumerate(governance.rules)
        if rule.name not in seen
    )


__all__ = ["BOUNDS", "DOMAINS", "Known", "lint", "never_matched"]
