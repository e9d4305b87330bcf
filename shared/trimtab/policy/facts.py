"""The facts that a policy rule may ask for, by name, and how a condition is held against them.

A rule only ever raises what a change needs, so what cannot be known counts as matching: unknown makes Trimtab more careful.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, assert_never

from trimtab.policy.environment import is_proven_nonproduction
from trimtab.policy.risk import Scales, node_step_share, risk_of
from trimtab.records import Condition, Facts, PolicyRule

Value = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing a rule may ask: what kind of answer, in words, and where it comes from."""

    kind: Literal["text", "number", "flag"]
    about: str
    read: Callable[[Facts, Scales], Value]


def _pool_count(facts: Facts, _: Scales) -> Value:
    pool = facts.cluster.pool_of(facts.finding.subject) if facts.cluster else None
    return pool.count if pool else None


def _capacity_type(facts: Facts, _: Scales) -> Value:
    pool = facts.cluster.pool_of(facts.finding.subject) if facts.cluster else None
    return pool.capacity_type if pool else None


def _saving(facts: Facts, _: Scales) -> Value:
    saving = facts.finding.saving_effective or facts.finding.saving_list
    return float(saving.amount)


FACTS: Mapping[str, Fact] = {
    "cluster.uid": Fact("text", "Palette's uid", lambda facts, _: facts.finding.subject.cluster_uid),
    "cluster.name": Fact("text", "name in Palette", lambda facts, _: facts.cluster.name if facts.cluster else None),
    "cluster.cloud": Fact("text", "aws, gcp or azure", lambda facts, _: facts.cluster.cloud if facts.cluster else None),
    "cluster.region": Fact("text", "the cloud's region", lambda facts, _: facts.cluster.region if facts.cluster else None),
    "project.name": Fact("text", "Palette project", lambda facts, _: facts.cluster.project if facts.cluster else None),
    "project.uid": Fact("text", "Palette's uid", lambda facts, _: facts.cluster.project_uid if facts.cluster else None),
    "pool.name": Fact("text", "machine pool", lambda facts, _: facts.finding.subject.pool),
    "pool.count": Fact("number", "nodes now", _pool_count),
    "pool.capacity_type": Fact("text", "on-demand or spot", _capacity_type),
    "instance.type": Fact("text", "instance type of the pool", lambda facts, _: facts.finding.instance_type),
    "instance.gpus": Fact("number", "GPUs of one node", lambda facts, _: facts.instance_gpus),
    "place.repo": Fact("text", "id of the GitOps repo", lambda facts, _: facts.place.repo if facts.place else None),
    "place.path": Fact("text", "file that changes", lambda facts, _: facts.place.path if facts.place else None),
    "change.field": Fact("text", "count, min, max, instance_type …", lambda facts, _: facts.finding.subject.field),
    "change.rule": Fact("text", "what found it", lambda facts, _: facts.finding.rule),
    "change.nodes_old": Fact("number", "nodes before", lambda facts, _: facts.finding.nodes_old),
    "change.nodes_new": Fact("number", "nodes after", lambda facts, _: facts.finding.nodes_new),
    "change.step_share": Fact("number", "share of the nodes that comes or goes", lambda facts, _: node_step_share(facts.finding)),
    "change.repave": Fact("flag", "nodes are replaced", lambda facts, _: facts.finding.is_repave),
    "saving.monthly": Fact("number", "a month, as billed where the bill says", _saving),
    "saving.list": Fact("number", "a month, at list price", lambda facts, _: float(facts.finding.saving_list.amount)),
    "evidence.days": Fact("number", "days measured", lambda facts, _: facts.finding.evidence.days),
    "evidence.coverage": Fact("number", "share of samples that exist", lambda facts, _: facts.finding.evidence.coverage),
    "evidence.judged_days": Fact("number", "days kept out of the fit", lambda facts, _: facts.finding.evidence.judged_days),
    "evidence.violations": Fact("number", "steps that would not fit", lambda facts, _: facts.finding.evidence.violations_new),
    "risk.level": Fact("number", "0 to 4, the worst dimension", lambda facts, scales: risk_of(facts, scales).level),
    "environment.nonproduction": Fact(
        "flag", "proven by the deployment's list", lambda facts, scales: is_proven_nonproduction(facts, scales.now)
    ),
    "owners.count": Fact("number", "teams on the pool", lambda facts, _: len(facts.owners) or None),
    "owners.first": Fact("text", "team with the largest share", lambda facts, _: facts.owners[0][0] if facts.owners else None),
}


def is_met(condition: Condition, value: Value) -> bool | None:
    """Does the value meet the condition? None = the value is not known."""
    if value is None:
        return None
    wanted = condition.value
    match condition.operator:
        case "is":
            return value == wanted
        case "in":
            return isinstance(wanted, tuple) and shown(value) in wanted
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


def applies(rule: PolicyRule, facts: Facts, scales: Scales) -> bool:
    """True unless a condition is known not to be met: what cannot be known never spares a change from a rule."""
    return all(is_met(condition, FACTS[condition.fact].read(facts, scales)) is not False for condition in rule.when)


def seen(rule: PolicyRule, facts: Facts, scales: Scales) -> str:
    """What the rule's conditions saw, for its verdict line."""
    values = ((condition.fact, FACTS[condition.fact].read(facts, scales)) for condition in rule.when)
    return ", ".join(f"{name} is {'unknown' if value is None else shown(value)}" for name, value in values)


def shown(value: Value) -> str:
    """A value as a list of texts holds it: 4, 0.25, true."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)
