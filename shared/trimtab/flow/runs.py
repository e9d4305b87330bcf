"""What a run freezes when it begins, and what each cluster's analysis leaves beside it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from trimtab.analysis.similar import Past
from trimtab.errors import BadInput
from trimtab.flow.codec import dump, load
from trimtab.flow.spent import SpentScope
from trimtab.ports import Ports
from trimtab.records import Cluster, ClusterUid, CommitSha, Finding, Json, Quota, Refusal
from trimtab.units import Money

ANSWERED_WITHIN = timedelta(hours=4)
"""Since a run began: a thousand clusters have fourteen seconds each by then. Who is silent for so long keeps no other waiting any more."""
STILL_COUNTED = timedelta(hours=36)
"""How long the pools that a run counted are taken for those that there are."""
INVENTORY = "runs/inventory"


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
    cluster: Cluster | None = None
    """As Palette showed it then; None = it could not be looked into."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Inventory:
    """What the newest whole run saw of the tenant, so that a judgement does not read it all."""

    run: str
    at: datetime
    pools: int
    """Live pools of the clusters that could be looked into."""


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


def analyzed(run: str, ports: Ports) -> set[str]:
    """Uids of the clusters whose analysis is there, by one listing."""
    folder = analysis_key(run, "")
    return {key.removeprefix(folder) for key in ports.documents.keys(folder)}


def latest_analyses(run: str, ports: Ports) -> list[Analysis]:
    """What every cluster's analysis of a run said. Raises BadInput where one has not said anything yet."""
    found, missing = answers_of(plan_of(run, ports), ports)
    if missing:
        raise BadInput(f"{analysis_key(run, missing[0].cluster_uid)}: missing; run the run's analyze step again")
    return found


def answers_of(frozen: Plan, ports: Ports) -> tuple[list[Analysis], list[Refusal]]:
    """What the clusters' analyses said; and a refusal that names each cluster without one."""
    keys = [analysis_key(frozen.run, uid) for uid in frozen.clusters]
    found = dict(ports.documents.find_all(keys))
    analyses = [load(Analysis, document, key) for key, document in found.items() if document is not None]
    missing = [uid for uid, key in zip(frozen.clusters, keys, strict=True) if found[key] is None]
    failures = ports.documents.find_all([_failure_key(frozen.run, uid) for uid in missing])
    return analyses, [_unanswered(uid, failure) for uid, (_, failure) in zip(missing, failures, strict=True)]


def keep_failure(run: str, uid: str, why: str, ports: Ports) -> None:
    """Write down why an analysis failed: told only where none comes any more."""
    ports.documents.publish(_failure_key(run, uid), {"why": why})


def _failure_key(run: str, uid: str) -> str:
    return f"runs/{run}/failed/{uid}"


def _unanswered(uid: str, failure: Json | None) -> Refusal:
    why = f"its analysis failed: {failure['why']}" if failure else "nobody answered for it"
    hours = ANSWERED_WITHIN // timedelta(hours=1)
    return Refusal(
        cluster_uid=ClusterUid(uid),
        pool="*",
        rule="not-analyzed",
        reason=f"Within {hours} hours of the run's beginning {why}.",
        needs="The next run looks at it again.",
    )


# ── what it saw of the tenant ────────────────────────────────────────────────────────────────────────────────────────
def clusters_seen(uids: Collection[ClusterUid], ports: Ports) -> dict[ClusterUid, Cluster]:
    """These clusters as the newest whole run saw them, else as they are now; a cluster that is gone is not among them."""
    latest = (ports.documents.find("runs/latest") or {}).get("run")
    keys = {analysis_key(str(latest), uid): uid for uid in sorted(uids)} if latest else {}
    said = ((keys[key], load(Analysis, document, key).cluster) for key, document in ports.documents.find_all(list(keys)) if document)
    found = {uid: cluster for uid, cluster in said if cluster}
    now = {uid: ports.palette.cluster(uid) for uid in uids if uid not in found}
    return found | {uid: cluster for uid, cluster in now.items() if cluster}


def keep_inventory(frozen: Plan, analyses: Sequence[Analysis], ports: Ports) -> None:
    """Publish how much there is; a run that saw some clusters only, or none, says nothing of that."""
    clusters = [analysis.cluster for analysis in analyses if analysis.cluster]
    if clusters and not frozen.is_partial:
        seen = Inventory(run=frozen.run, at=frozen.at, pools=sum(len(cluster.pools) for cluster in clusters))
        ports.documents.publish(INVENTORY, dump(seen))


def live_pools(ports: Ports, now: datetime) -> int:
    """How many live pools the tenant has: as the newest run counted them, where it is young enough; else they are counted now."""
    document = ports.documents.find(INVENTORY)
    seen = load(Inventory, document, INVENTORY) if document else None
    if seen is not None and now - seen.at <= STILL_COUNTED:
        return seen.pools
    return sum(len(cluster.pools) for cluster in ports.palette.clusters())


def _plan_key(run: str) -> str:
    return f"runs/{run}/plan"
