"""What became of earlier changes, from the record: read once when a run is planned, so that all of its clusters see the same."""

from collections.abc import Mapping

from trimtab.analysis.families import family
from trimtab.analysis.similar import Features, Past, features_of
from trimtab.errors import Broken
from trimtab.flow.life import STREAMS, Life, fold
from trimtab.flow.runs import clusters_seen
from trimtab.lifecycle import State
from trimtab.ports import Ports
from trimtab.records import Cluster, ClusterUid, Entry, Finding, InstanceType, Outcome, Proposal
from trimtab.savings.verify import is_decided

UNDONE = frozenset({"rolled-back", "reverted"})
ROLLBACK = "rollback"


def past_cases(ports: Ports) -> tuple[Past, ...]:
    """Every change whose outcome is on record, one for each time that it was made."""
    ended = [life for stream, entry in sorted(ports.ledger.heads(STREAMS).items()) for life in _of_stream(stream, entry, ports)]
    clusters = clusters_seen({part.finding.subject.cluster_uid for life in ended for part in life.planned().parts}, ports)
    found = [past for life in ended for past in _pasts(life, clusters, ports)]
    return tuple(sorted(found, key=lambda past: (past.proposal, past.merged_on)))


def _of_stream(stream: str, head: Entry, ports: Ports) -> list[Life]:
    """A stream's lives that have an outcome. They are evidence only: a record that does not hold keeps no run from beginning."""
    try:
        lives = _lives(stream, head, ports)
    except Broken as error:
        ports.log.warning("past-cases.broken", stream=stream, input=str(error))
        return []
    return [life for life in lives if life.outcome is not None and life.proposal is not None]


def _lives(stream: str, head: Entry, ports: Ports) -> list[Life]:
    """The last of each generation; earlier ones stand in earlier entries only."""
    newest = fold(head)
    earlier = [fold(entry) for entry in ports.ledger.entries(stream)] if newest.generation > 1 else []
    return list({life.generation: life for life in (*earlier, newest)}.values())


def _pasts(life: Life, clusters: Mapping[ClusterUid, Cluster], ports: Ports) -> list[Past]:
    """The outcome of each of its changes."""
    outcome, parts = life.outcome, life.proposal.parts if life.proposal else ()
    outcomes = outcome.members if outcome and outcome.members else (outcome,) * len(parts)
    found = [_past(life, part, each, clusters, ports) for part, each in zip(parts, outcomes, strict=True)]
    return [past for past in found if past is not None]


def _past(life: Life, proposal: Proposal, outcome: Outcome | None, clusters: Mapping[ClusterUid, Cluster], ports: Ports) -> Past | None:
    """A change's outcome, once it is known well enough to be told."""
    if outcome is None or proposal.finding.rule == ROLLBACK:
        return None
    was_undone = life.state is State.ROLLED_BACK or any(
        memory.kind in UNDONE and memory.fingerprint == proposal.fingerprint for memory in life.memory
    )
    if not (is_decided(outcome) or outcome.is_healthy is False or was_undone or life.state is State.VERIFIED):
        return None
    return Past(
        proposal=proposal.id,
        what=f"{proposal.place.cluster}/{proposal.place.pool}: {in_words(proposal.finding)}",
        merged_on=f"{life.merged_at:%Y-%m-%d}" if life.merged_at else "",
        features=change_features(proposal.finding, clusters.get(proposal.finding.subject.cluster_uid), ports),
        outcome=outcome,
        was_undone=was_undone,
        teams=tuple(team for team, _ in proposal.owners),
    )


def in_words(finding: Finding) -> str:
    """The fields with old and new: count 6 to 5."""
    return ", ".join(f"{change.field} {change.old} to {change.new}" for change in finding.changes)


def change_features(finding: Finding, cluster: Cluster | None, ports: Ports) -> Features:
    """What a change is compared by; of a cluster that is gone, only what the record says."""
    instance = _instance_before(finding, cluster, ports)
    return features_of(
        finding,
        instance,
        family(instance).name if instance else None,
        _environment(cluster, ports) if cluster else None,
        finding.workload_kinds or None,
    )


def _instance_before(finding: Finding, cluster: Cluster | None, ports: Ports) -> InstanceType | None:
    if cluster is None or not finding.instance_type:
        return None
    name = next((change.old for change in finding.changes if change.field == "instance_type"), finding.instance_type)
    return ports.catalog.find(cluster.cloud, cluster.region, name)


def is_nonproduction(cluster: Cluster, ports: Ports) -> bool:
    """True where the deployment lists both its uids."""
    return any(row.cluster_uid == cluster.uid and row.project_uid == cluster.project_uid for row in ports.settings.nonproduction)


def _environment(cluster: Cluster, ports: Ports) -> str:
    return "non-production" if is_nonproduction(cluster, ports) else "production"
