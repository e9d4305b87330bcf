"""What a run freezes when it begins, and what each cluster's analysis leaves beside it."""

from dataclasses import dataclass
from datetime import datetime

from trimtab.analysis.similar import Past
from trimtab.errors import BadInput
from trimtab.flow.codec import dump, load
from trimtab.flow.spent import SpentScope
from trimtab.ports import Ports
from trimtab.records import Cluster, CommitSha, Finding, Json, Quota, Refusal
from trimtab.units import Money


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What a run froze when it began."""

    run: str
    at: datetime
    governance: str
    commits: tuple[tuple[str, CommitSha], ...]
    """(repo, commit whose `.trimtab/` and files the run works with)."""
    usage_version: int | None
    """Version of the lake's usage that is analyzed; None = there was no usage."""
    clusters: tuple[str, ...]
    left_alone: tuple[Refusal, ...] = ()
    """Clusters that are never analyzed, each with why."""
    is_partial: bool = False
    """It was asked for some clusters only, and says nothing of the rest."""
    spent: tuple[SpentScope, ...] = ()
    """Where a budget that stops growth is spent."""
    past: tuple[Past, ...] = ()
    """What became of earlier changes, as the ledger had it."""

    def spent_on(self, cluster: Cluster, quota: Quota) -> str:
        """The spent budget that all of a quota's pods are in, in words; "" = none. A quota of several clusters is in none."""
        if len(quota.clusters) > 1:
            return ""
        places = {(cluster.name, namespace) for namespace in quota.namespaces}
        is_in = (
            scope.words
            for scope in self.spent
            if (scope.project and scope.project == cluster.project) or (places and places <= set(scope.namespaces))
        )
        return next(is_in, "")


@dataclass(frozen=True, kw_only=True, slots=True)
class PoolCost:
    """What a pool's machines cost a month at list price: what several findings on it share."""

    pool: str
    monthly: Money


@dataclass(frozen=True, kw_only=True, slots=True)
class Analysis:
    """One cluster's share of a run."""

    run: str
    cluster_uid: str
    findings: tuple[Finding, ...]
    refusals: tuple[Refusal, ...]
    costs: tuple[PoolCost, ...] = ()
    """Of pools whose price is known."""


def evidence_end(frozen: Plan) -> datetime:
    """Where a run's evidence ends: whole days only, so that two runs of one day see the same."""
    return frozen.at.replace(hour=0, minute=0, second=0, microsecond=0)


def keep_plan(frozen: Plan, ports: Ports) -> None:
    """Write down what a run works with."""
    ports.documents.publish(_plan_key(frozen.run), dump(frozen))


def find_plan(run: str, ports: Ports) -> Plan | None:
    """What a run froze; None = it has not begun."""
    document = ports.documents.find(_plan_key(run))
    return load(Plan, document, _plan_key(run)) if document else None


def plan_of(run: str, ports: Ports) -> Plan:
    """What a run froze. Raises BadInput where there is no such run."""
    frozen = find_plan(run, ports)
    if frozen is None:
        raise BadInput(f"{_plan_key(run)}: no such run; a clock tick for propose plans one")
    return frozen


def analysis_key(run: str, uid: str) -> str:
    """Where a cluster's share of a run is kept."""
    return f"runs/{run}/{uid}"


def latest_analyses(run: str, ports: Ports) -> list[Analysis]:
    """What every cluster's analysis of a run said."""
    keys = [analysis_key(run, uid) for uid in plan_of(run, ports).clusters]
    return [load(Analysis, _document(ports, key), key) for key in keys]


def _plan_key(run: str) -> str:
    return f"runs/{run}/plan"


def _document(ports: Ports, key: str) -> Json:
    document = ports.documents.find(key)
    if document is None:
        raise BadInput(f"{key}: missing; run the run's analyze step again")
    return document
