"""The pools that somebody's teams have a share of, and what was found on them: what a pool costs is nobody else's to see."""

from collections.abc import Collection, Sequence
from dataclasses import replace

from trimtab.flow.bills import Bills
from trimtab.flow.runs import Analysis
from trimtab.policy.access_rules import Audience
from trimtab.ports import Ports
from trimtab.records import Cluster

OwnPools = Collection[tuple[str, str]]
"""(cluster uid, pool) of each."""


def own_pools(asker: Audience, clusters: Sequence[Cluster], ports: Ports) -> OwnPools:
    """By the shares of the newest bill; every pool for whoever may see all cost."""
    bills = Bills(ports.documents)
    return {
        (cluster.uid, pool.name)
        for cluster in clusters
        for pool in cluster.pools
        if asker.teams is None or asker.may_see([team for team, _ in bills.owners(cluster.name, pool.name)])
    }


def own_analyses(analyses: Sequence[Analysis], asker: Audience, own: OwnPools) -> list[Analysis]:
    """What was found and refused on their pools; what is on no pool has no owner on record, and is for those who may see all cost."""
    if asker.teams is None:
        return list(analyses)
    return [
        replace(
            each,
            findings=tuple(
                found for found in each.findings if found.subject.kind == "pool" and (each.cluster_uid, found.subject.pool) in own
            ),
            refusals=tuple(no for no in each.refusals if no.kind == "pool" and (each.cluster_uid, no.pool) in own),
            costs=tuple(cost for cost in each.costs if (each.cluster_uid, cost.pool) in own),
        )
        for each in analyses
    ]
