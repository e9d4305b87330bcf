"""What a merged change did: health from what is measured now, saving from the bill once the bill has it."""

from datetime import UTC, datetime

from trimtab.attribution.summary import Summary
from trimtab.flow.life import Life
from trimtab.ports import Ports
from trimtab.records import Cluster, Outcome
from trimtab.savings.verify import Health, NodeHours, outcome


def measure(life: Life, cluster: Cluster | None, ports: Ports, now: datetime) -> Outcome:
    """The outcome as far as it is known today; what is not known stays None and is said."""
    proposal = life.planned()
    pool = proposal.finding.subject.pool
    return outcome(
        proposal=proposal,
        merged_at=life.merged_at or now,
        now=now,
        health=_health(cluster, proposal.finding.subject.cluster_uid, pool, ports),
        after=_after(ports, cluster, pool, life.merged_at or now),
    )


def _health(cluster: Cluster | None, uid: str, pool: str, ports: Ports) -> Health:
    document = ports.documents.find(f"demand/{uid}")
    pools = document.get("pools") if document else None
    measured = pools.get(pool) if isinstance(pools, dict) else None
    return Health(
        state=cluster.state if cluster else None,
        health=cluster.health if cluster else None,
        pending_pods=int(measured["pending_pods"]) if isinstance(measured, dict) and measured.get("pending_pods") is not None else None,
        measured_at=_time(str(document["hour"])) if document and document.get("hour") else None,
    )


def _time(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _after(ports: Ports, cluster: Cluster | None, pool: str, merged_at: datetime) -> tuple[NodeHours, ...]:
    """Node-hours and list cost of the pool for each whole billed day after the merge."""
    if cluster is None:
        return ()
    days: list[NodeHours] = []
    for key in ports.documents.keys("summaries/all/"):
        document = ports.documents.find(key)
        if document:
            days += [
                NodeHours(day=day, hours=hours, list_cost=cost)
                for day, hours, cost in Summary.from_json(document).pool_days(cluster.name, pool)
                if day > f"{merged_at:%Y-%m-%d}"
            ]
    return tuple(days)
