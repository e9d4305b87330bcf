"""Which stage, gate and approvers a change falls under; where several rules fit, the most careful or the narrowest one counts.

Whose workload runs where comes from labels, so a rule for a team can only make Trimtab more careful there, never less.
"""

from dataclasses import dataclass
from typing import Literal

from trimtab import globs
from trimtab.records import ApproverScope, Cluster, Facts, ForgeRules, Governance, PersonId, Stage, StageRule, Subject

Gate = Literal["forge", "slack", "both"]


def stage_of(facts: Facts, governance: Governance) -> Stage:
    """The stage for this change: the repo's word, held under the deployment's ceiling."""
    return min(configured_stage(facts, governance), facts.highest_stage, key=lambda stage: stage.rank)


def configured_stage(facts: Facts, governance: Governance) -> Stage:
    """What `.trimtab/config.yaml` says for this change's cluster, project and teams."""
    fitting = [rule for rule in governance.stages if _fits(rule, facts)]
    named = [rule.stage for rule in fitting if rule.team is None]
    by_team = [rule.stage for rule in fitting if rule.team is not None]
    return min((*(named or [governance.default_stage]), *by_team), key=lambda stage: stage.rank)


def _fits(rule: StageRule, facts: Facts) -> bool:
    cluster, teams = facts.cluster, {team for team, _ in facts.owners}
    return (
        (rule.cluster is None or rule.cluster in _names(cluster))
        and (rule.project is None or rule.project in _project(cluster))
        # Whose it is may not be known: then it may be this team's, and its rule can only make Trimtab more careful.
        and (rule.team is None or rule.team in teams or not teams)
    )


def _names(cluster: Cluster | None) -> tuple[str, ...]:
    return (cluster.uid, cluster.name) if cluster else ()


def _project(cluster: Cluster | None) -> tuple[str, ...]:
    return (cluster.project_uid, cluster.project) if cluster else ()


def gate_of(path: str, rules: ForgeRules | None, *governances: Governance) -> Gate:
    """Where a change to this file is approved. Where the forge itself demands a review, that review is the approval.

    Of several governances each has a say: a review on the forge before a click in Slack before either.
    """
    gates = {gate.gate for governance in governances for gate in governance.gates if globs.matches(path, [gate.path])}
    if "forge" in gates or (rules is not None and rules.requires_review):
        return "forge"
    return "slack" if "slack" in gates else "both"


# ── who may approve ──────────────────────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True, kw_only=True, slots=True)
class Electorate:
    """Who may approve one change."""

    people: tuple[PersonId, ...]
    """By name or as members of a group, sorted; () = nobody."""
    owners: tuple[PersonId, ...]
    """Of these, those who answer for it."""


def electorate_of(facts: Facts, governance: Governance) -> Electorate:
    """The people of the narrowest scope that fits the change, with the members of its groups as they are now.

    A group that was not read, or could not be, adds nobody.
    """
    members = {group.name: group.people for group in facts.groups if not group.problem}
    scopes = scopes_of(facts.finding.subject, facts.place.path if facts.place else "", governance)
    named = [(scope, {*scope.people, *(person for group in scope.groups for person in members.get(group, ()))}) for scope in scopes]
    people = {person for _, whole in named for person in whole}
    owners = {person for scope, whole in named for person in scope.owners or whole}
    return Electorate(people=tuple(sorted(people)), owners=tuple(sorted(owners & people)))


def scopes_of(subject: Subject, path: str, governance: Governance) -> tuple[ApproverScope, ...]:
    """The narrowest scopes that fit a change of this file; several of the same width count together."""
    fitting = [scope for scope in governance.approvers if _covers(scope, subject, path)]
    narrowest = max((_narrowness(scope) for scope in fitting), default=0)
    return tuple(scope for scope in fitting if _narrowness(scope) == narrowest)


def _covers(scope: ApproverScope, subject: Subject, path: str) -> bool:
    return (
        scope.cluster_uid in {None, subject.cluster_uid}
        and scope.pool in {None, subject.thing}
        and (scope.path is None or globs.matches(path, [scope.path]))
    )


def _narrowness(scope: ApproverScope) -> int:
    """A cluster before a pool's name before a path; a pool of a cluster is narrower than either, and everything is the widest."""
    return 4 * (scope.cluster_uid is not None) + 2 * (scope.pool is not None) + (scope.path is not None)
