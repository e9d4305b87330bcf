"""Which stage, gate and approvers a change falls under; where several rules fit, the most careful or the narrowest one counts.

Whose workload runs where comes from labels, so a rule for a team can only make Trimtab more careful there, never less.
"""

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


def gate_of(path: str, governance: Governance, rules: ForgeRules | None) -> Gate:
    """Where a change to this file is approved. Where the forge itself demands a review, that review is the approval."""
    gates = {gate.gate for gate in governance.gates if globs.matches(path, [gate.path])}
    if "forge" in gates or (rules is not None and rules.requires_review):
        return "forge"
    return "slack" if "slack" in gates else "both"


def approvers_of(subject: Subject, governance: Governance) -> tuple[PersonId, ...]:
    """People of the narrowest scope that fits the pool, sorted; () = nobody."""
    fitting = [scope for scope in governance.approvers if _covers(scope, subject)]
    narrowest = max((_narrowness(scope) for scope in fitting), default=0)
    return tuple(sorted({person for scope in fitting if _narrowness(scope) == narrowest for person in scope.people}))


def _covers(scope: ApproverScope, subject: Subject) -> bool:
    return scope.cluster_uid in {None, subject.cluster_uid} and scope.pool in {None, subject.thing}


def _narrowness(scope: ApproverScope) -> int:
    """A pool of a cluster, then a cluster, then a pool's name anywhere, then everything."""
    return 2 * (scope.cluster_uid is not None) + (scope.pool is not None)
