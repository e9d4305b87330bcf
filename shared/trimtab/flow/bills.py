"""What the published summaries say of one pool: what its machines cost and what covers them, how many there were, whose they are."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from trimtab.analysis.savings import Billed
from trimtab.attribution.summary import Summary
from trimtab.ports import Documents

PREFIX = "summaries/all/"
LONGEST_KIND = 40
"""It is the bill's own word, and stands in sentences of ours."""


@dataclass(frozen=True, slots=True)
class Bills:
    """Summaries of all periods, each read once and only where it is needed."""

    documents: Documents
    _read: dict[str, Summary | None] = field(default_factory=dict, compare=False, repr=False)

    def newest_first(self) -> list[str]:
        """Keys of the periods."""
        return sorted(self.documents.keys(PREFIX), reverse=True)

    def summary(self, key: str) -> Summary | None:
        """One period; None = it went away. Raises Broken where it is no summary."""
        if key not in self._read:
            document = self.documents.find(key)
            self._read[key] = Summary.from_json(document) if document else None
        return self._read[key]

    def machines(self, cluster: str, pool: str) -> Billed | None:
        """The newest period that billed the pool's machines; None = none did.

        Machines billed in two currencies are in neither: `currency` then names both, and no price is in that one.
        """
        for key in self.newest_first():
            summary = self.summary(key)
            days = [day for day in summary.pool_costs if (day.cluster, day.pool) == (cluster, pool)] if summary else []
            if summary and any(day.node_hours > 0 for day in days):
                currencies = sorted({day.currency for day in days})
                return _billed(summary, cluster, pool, currencies)
        return None

    def nodes(self, cluster: str, pool: str, start: datetime, end: datetime) -> float | None:
        """How many nodes of the pool the bill has on average between two days; None = it has none of them yet."""
        hours: dict[str, Decimal] = {}
        for key in self.newest_first():
            summary = self.summary(key)
            days = summary.pool_days(cluster, pool) if summary else ()
            hours |= {day: count for day, count, _ in days if f"{start:%Y-%m-%d}" <= day < f"{end:%Y-%m-%d}"}
        return float(sum(hours.values(), Decimal(0)) / (24 * len(hours))) if hours else None

    def owners(self, cluster: str, pool: str) -> tuple[tuple[str, float], ...]:
        """Teams and their shares of a pool's allocated cost in the newest period that has any, largest first."""
        for key in self.newest_first():
            summary = self.summary(key)
            shares = summary.owner_shares(cluster, pool) if summary else ()
            if shares:
                return shares
        return ()


def _billed(summary: Summary, cluster: str, pool: str, currencies: list[str]) -> Billed:
    """A summary without machines' sums is older than they are: all zeros, from which nothing can be known."""
    machines = summary.machines(cluster, pool, currencies[0]) if len(currencies) == 1 else None
    covers = summary.covers(cluster, pool, currencies[0]) if machines else ()
    if any(cover.list <= 0 < cover.effective for cover in covers):
        # Paid hours without a list cost: how large a part they are is not known, whatever else covers the rest.
        machines = None
    nothing = Decimal(0)
    return Billed(
        period=summary.period,
        currency=" and ".join(currencies),
        list=machines.list if machines else nothing,
        effective=machines.effective if machines else nothing,
        covered_list=machines.covered_list if machines else nothing,
        covered_effective=machines.covered_effective if machines else nothing,
        kinds=tuple(dict.fromkeys(cover.kind[:LONGEST_KIND] for cover in covers)),
        is_spend=bool(covers) and all(cover.is_spend for cover in covers),
    )
