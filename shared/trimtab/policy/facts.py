"""The facts that a policy rule may ask for, by name, and how a condition is held against them.

A rule only ever raises what a change needs, so what cannot be known counts as matching: unknown makes Trimtab more careful.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, assert_never
from zoneinfo import ZoneInfo

from trimtab import globs
from trimtab.policy.environment import is_proven_nonproduction
from trimtab.policy.risk import Scales, node_step_share, risk_of
from trimtab.records import Condition, Facts, Layout, PolicyRule, Risk

Scalar = str | int | float | bool
Value = Scalar | tuple[str, ...] | None
"""None = not known. A fact of several texts is met by any of them; () is known, and met by none."""
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """What a rule looks at: one change, the layouts that its file may have, and the hour where the rule says it is."""

    facts: Facts
    scales: Scales
    layouts: tuple[Layout, ...]
    time_zone: str = "UTC"

    @property
    def local(self) -> datetime:
        """Now, in the rule's time zone."""
        return self.scales.now.astimezone(ZoneInfo(self.time_zone))

    @property
    def risk(self) -> Risk:
        """All dimensions of the change."""
        return risk_of(self.facts, self.scales)


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing a rule may ask: what kind of answer, in words, and where it comes from."""

    kind: Literal["text", "texts", "number", "flag"]
    about: str
    read: Callable[[View], Value]


def _pool_count(view: View) -> Value:
    pool = view.facts.cluster.pool_of(view.facts.finding.subject) if view.facts.cluster else None
    return pool.count if pool else None


def _capacity_type(view: View) -> Value:
    pool = view.facts.cluster.pool_of(view.facts.finding.subject) if view.facts.cluster else None
    return pool.capacity_type if pool else None


def _saving(view: View) -> Value:
    saving = view.facts.finding.saving_effective or view.facts.finding.saving_list
    return float(saving.amount)


def _delivery(view: View) -> Value:
    """Where the layouts of one file disagree, nobody knows how it is delivered."""
    path = view.facts.place.path if view.facts.place else ""
    found = {layout.delivery for layout in view.layouts if globs.matches(path, layout.files)}
    return found.pop() if len(found) == 1 else None


def _approval(view: View) -> Value:
    return (view.facts.change_request.approval or None) if view.facts.change_request else None


FACTS: Mapping[str, Fact] = {
    "cluster.uid": Fact("text", "Palette's uid", lambda view: view.facts.finding.subject.cluster_uid),
    "cluster.name": Fact("text", "name in Palette", lambda view: view.facts.cluster.name if view.facts.cluster else None),
    "cluster.cloud": Fact("text", "aws, gcp or azure", lambda view: view.facts.cluster.cloud if view.facts.cluster else None),
    "cluster.region": Fact("text", "the cloud's region", lambda view: view.facts.cluster.region if view.facts.cluster else None),
    "project.name": Fact("text", "Palette project", lambda view: view.facts.cluster.project if view.facts.cluster else None),
    "project.uid": Fact("text", "Palette's uid", lambda view: view.facts.cluster.project_uid if view.facts.cluster else None),
    "pool.name": Fact("text", "machine pool", lambda view: view.facts.finding.subject.pool),
    "pool.count": Fact("number", "nodes now", _pool_count),
    "pool.capacity_type": Fact("text", "on-demand or spot", _capacity_type),
    "instance.type": Fact("text", "instance type of the pool", lambda view: view.facts.finding.instance_type),
    "instance.gpus": Fact("number", "GPUs of one node", lambda view: view.facts.instance_gpus),
    "place.repo": Fact("text", "id of the GitOps repo", lambda view: view.facts.place.repo if view.facts.place else None),
    "place.path": Fact("text", "file that changes", lambda view: view.facts.place.path if view.facts.place else None),
    "place.delivery": Fact("text", "how its layout says that a merge is applied: apply-on-push, atlantis, hcp-terraform, argo", _delivery),
    "change.kind": Fact("text", "pool, namespace, workspace, virtual-cluster, workload", lambda view: view.facts.finding.subject.kind),
    "change.field": Fact("text", "count, min, max, instance_type …", lambda view: view.facts.finding.subject.field),
    "change.rule": Fact("text", "what found it", lambda view: view.facts.finding.rule),
    "change.nodes_old": Fact("number", "nodes before", lambda view: view.facts.finding.nodes_old),
    "change.nodes_new": Fact("number", "nodes after", lambda view: view.facts.finding.nodes_new),
    "change.step_share": Fact("number", "share of the nodes that comes or goes", lambda view: node_step_share(view.facts.finding)),
    "change.repave": Fact("flag", "nodes are replaced", lambda view: view.facts.finding.is_repave),
    "saving.monthly": Fact("number", "a month, as billed where the bill says", _saving),
    "saving.list": Fact("number", "a month, at list price", lambda view: float(view.facts.finding.saving_list.amount)),
    "evidence.days": Fact("number", "days measured", lambda view: view.facts.finding.evidence.days),
    "evidence.coverage": Fact("number", "share of samples that exist", lambda view: view.facts.finding.evidence.coverage),
    "evidence.judged_days": Fact("number", "days kept out of the fit", lambda view: view.facts.finding.evidence.judged_days),
    "evidence.violations": Fact("number", "steps that would not fit", lambda view: view.facts.finding.evidence.violations_new),
    "risk.level": Fact("number", "0 to 4, the worst dimension", lambda view: view.risk.level),
    "risk.headroom": Fact("number", "0 to 4: how near the past came to the new capacity", lambda view: view.risk.headroom),
    "risk.availability": Fact("number", "0 to 4: what may stop while nodes go", lambda view: view.risk.availability),
    "risk.reversibility": Fact("number", "0 to 4: how surely the old size can be had again", lambda view: view.risk.reversibility),
    "risk.blast_radius": Fact("number", "0 to 4: how much of the cluster is touched", lambda view: view.risk.blast_radius),
    "risk.data_quality": Fact("number", "0 to 4: how much was measured", lambda view: view.risk.data_quality),
    "risk.step_size": Fact("number", "0 to 4: how much goes at once", lambda view: view.risk.step_size),
    "risk.mapping": Fact("number", "0 to 4: whether the line in Git is the pool that was measured", lambda view: view.risk.mapping),
    "environment.nonproduction": Fact(
        "flag", "proven by the deployment's list", lambda view: is_proven_nonproduction(view.facts, view.scales.now)
    ),
    "owners.count": Fact("number", "teams on the pool", lambda view: len(view.facts.owners) or None),
    "owners.first": Fact("text", "team with the largest share", lambda view: view.facts.owners[0][0] if view.facts.owners else None),
    "actors.requested_by": Fact(
        "texts", "people who asked for it or for its value; the clock is nobody", lambda view: view.facts.requested_by
    ),
    "actors.recent_authors": Fact(
        "number",
        "people who wrote or merged a change of `.trimtab/` or of the file in the last 7 days",
        lambda view: None if view.facts.recent_authors is None else len(view.facts.recent_authors),
    ),
    "time.weekday": Fact("text", "mon to sun, in the rule's `time_zone`", lambda view: _DAYS[view.local.weekday()]),
    "time.hour": Fact("number", "0 to 23, in the rule's `time_zone`", lambda view: view.local.hour),
    "time.date": Fact("text", "2026-12-24, in the rule's `time_zone`", lambda view: f"{view.local:%Y-%m-%d}"),
    "change-request.state": Fact(
        "text",
        "of the tenant's own change request, in its own word",
        lambda view: (view.facts.change_request.state or None) if view.facts.change_request else None,
    ),
    "change-request.approval": Fact("text", "of the tenant's own change request: requested, approved, rejected …", _approval),
    "slo.burning": Fact("texts", "SLO queries of `watch` that are bad on the cluster right now, by name", lambda view: view.facts.burning),
}


def is_met(condition: Condition, value: Value) -> bool | None:
    """Does the value meet the condition? None = the value is not known. Of several texts any may meet it; a `not` is about all."""
    if value is None or value != value:  # noqa: PLR0124 (not a number: measured wrongly is not known)
        return None
    values = value if isinstance(value, tuple) else (value,)
    met = (_is(condition, each) for each in values)
    return all(met) if condition.operator in _NOTS else any(met)


_NOTS = ("is-not", "not-in")


def _is(condition: Condition, value: Scalar) -> bool:
    wanted = condition.value
    match condition.operator:
        case "is":
            return value == wanted
        case "is-not":
            return value != wanted
        case "in":
            return isinstance(wanted, tuple) and shown(value) in wanted
        case "not-in":
            return isinstance(wanted, tuple) and shown(value) not in wanted
        case "at-most":
            return float(value) <= _bound(wanted)
        case "at-least":
            return float(value) >= _bound(wanted)
        case "matches":
            return re.fullmatch(str(wanted), str(value)) is not None
        case _ as never:
            assert_never(never)


def _bound(wanted: object) -> float:
    """The parser lets only numbers through here; anything else compares as not a number, which never holds."""
    return float(wanted) if isinstance(wanted, int | float) else float("nan")


def applies(rule: PolicyRule, view: View) -> bool:
    """True unless a condition is known not to be met: what cannot be known never spares a change from a rule."""
    return all(is_met(condition, FACTS[condition.fact].read(view)) is not False for condition in rule.when)


def seen(rule: PolicyRule, view: View) -> str:
    """What the rule's conditions saw, for its verdict line."""
    values = ((condition.fact, FACTS[condition.fact].read(view)) for condition in rule.when)
    return ", ".join(f"{name} is {'unknown' if value is None else shown(value)}" for name, value in values)


def shown(value: Scalar | tuple[str, ...]) -> str:
    """A value as a list of texts holds it: 4, 0.25, true."""
    if isinstance(value, tuple):
        return ", ".join(value) or "nobody and nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)
