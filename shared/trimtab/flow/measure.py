"""What a merged change did: health from what is measured now, saving from the bill once the bill has it."""

from datetime import UTC, datetime

from trimtab.attribution.summary import Summary
from trimtab.flow.life import Life
from trimtab.ports import Ports
from trimtab.records import Cluster, Outcome
from trimtab.savings.verify import Health, NodeHours, outcome

DAYS_BEFORE = 14
"""Days before the change that it is compared with: two whole weeks."""


def measure(life: Life, cluster: Cluster | None, ports: Ports, now: datetime) -> Outcome:
    """The outcome as far as it is known today; what is not known stays None and is said."""
    proposal = life.planned()
    subject = proposal.finding.subject
    pool = subject.pool if subject.kind == "pool" else ""
    merged_on = f"{life.merged_at or now:%Y-%m-%d}"
    days = _days(ports, cluster, pool, proposal.finding.saving_list.currency)
    return outcome(
        proposal=proposal,
        merged_at=life.merged_at or now,
        now=now,
        health=_health(cluster, proposal.finding.subject.cluster_uid, pool, ports),
        after=[day for day in days if day.day > merged_on],
        before=[day for day in days if day.day < merged_on][-DAYS_BEFORE:],
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


def _days(ports: Ports, cluster: Cluster | None, pool: str, currency: str) -> tuple[NodeHours, ...]:
    """What the pool ran and cost on each whole billed day in that currency, oldest first."""
    found: dict[str, NodeHours] = {}
    for key in ports.documents.keys("summaries/all/") if cluster is not None else ():
        document = ports.documents.find(key)
        for day in Summary.from_json(document).pool_costs if document else ():
            if (day.cluster, day.pool, day.currency) == (cluster.name if cluster else "", pool, currency):
                paid = day.machine.effective - day.machine.covered_effective if day.machine else None
                found[day.day] = NodeHours(day=day.day, hours=day.node_hours, list_cost=day.list, paid=paid)
    return tuple(found[day] for day in sorted(found))
