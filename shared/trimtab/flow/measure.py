"""What a merged change did: its health as it was watched, its saving from the bill once the bill has it."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from trimtab.attribution.summary import PoolDay, Summary
from trimtab.flow.life import Life
from trimtab.ports import Ports
from trimtab.records import Cluster, Outcome, Proposal
from trimtab.savings.health import Health
from trimtab.savings.verify import NodeHours, outcome, together

DAYS_BEFORE = 14
"""Days before the change that it is compared with: two whole weeks."""


def measure(life: Life, health: Health, cluster: Cluster | None, ports: Ports, now: datetime) -> Outcome:
    """The outcome as far as it is known today; what is not known stays None and is said. Of several changes, each by itself and all."""
    parts = life.planned().parts
    outcomes = [(part.finding.subject.pool, _measured(part, life, health, cluster, ports, now)) for part in parts]
    return together(outcomes) if life.planned().members else outcomes[0][1]


def _measured(proposal: Proposal, life: Life, health: Health, cluster: Cluster | None, ports: Ports, now: datetime) -> Outcome:
    subject = proposal.finding.subject
    pool = subject.pool if subject.kind == "pool" else ""
    merged_at = life.merged_at or now
    merged_on, first = (f"{at:%Y-%m-%d}" for at in (merged_at, merged_at - timedelta(days=DAYS_BEFORE)))
    days = _days(ports, cluster, pool, proposal.finding.saving_list.currency, now)
    return outcome(
        proposal=proposal,
        merged_at=merged_at,
        now=now,
        health=health.of(subject.thing),
        after=[day for day in days if day.day > merged_on],
        before=[day for day in days if first <= day.day < merged_on],
    )


def _days(ports: Ports, cluster: Cluster | None, pool: str, currency: str, now: datetime) -> tuple[NodeHours, ...]:
    """What the pool ran and cost on each whole billed day in that currency, oldest first.

    A bill's newest day is still being filled: it would look like a saving.
    """
    if cluster is None:
        return ()
    billed = list(_billed(ports))
    end = min(max((day.day for day in billed), default=""), f"{now:%Y-%m-%d}")
    own = {day.day: day for day in billed if (day.cluster, day.pool, day.currency) == (cluster.name, pool, currency) and day.day < end}
    return tuple(_whole_day(own[day]) for day in sorted(own))


def _billed(ports: Ports) -> Iterable[PoolDay]:
    for key in ports.documents.keys("summaries/all/"):
        document = ports.documents.find(key)
        yield from Summary.from_json(document).pool_costs if document else ()


def _whole_day(day: PoolDay) -> NodeHours:
    paid = day.machine.effective - day.machine.covered_effective if day.machine else None
    return NodeHours(day=day.day, hours=day.node_hours, list_cost=day.list, paid=paid)
