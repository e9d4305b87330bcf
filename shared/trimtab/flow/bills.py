"""What the published summaries say of one pool: what its machines cost and what covers them, how many there were, whose they are."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

from trimtab.analysis.savings import Billed
from trimtab.attribution.summary import PoolCover, PoolDay, PoolTeam, Summary
from trimtab.ports import Documents

PREFIX = "summaries/all/"
Row = TypeVar("Row", PoolDay, PoolTeam, PoolCover)
LONGEST_KIND = 40
"""It is the bill's own word, and stands in sentences of ours."""


@dataclass(frozen=True, slots=True)
class Bills:
    """Summaries of all periods, listed and read once, and only where they are needed."""

    documents: Documents
    _keys: list[str] = field(default_factory=list, compare=False, repr=False)
    _read: dict[str, Summary | None] = field(default_factory=dict, compare=False, repr=False)
    _apart: dict[str, dict[str, Summary]] = field(default_factory=dict, compare=False, repr=False)

    def newest_first(self) -> list[str]:
        """Keys of the periods."""
        if not self._keys:
            self._keys.extend(sorted(self.documents.keys(PREFIX), reverse=True))
        return self._keys

    def summary(self, key: str) -> Summary | None:
        """One period; None = it went away. Raises Broken where it is no summary."""
        if key not in self._read:
            document = self.documents.find(key)
            self._read[key] = Summary.from_json(document) if document else None
        return self._read[key]

    def of_cluster(self, key: str, cluster: str) -> Summary | None:
        """A period with the pools of one cluster alone; None = it says nothing of them."""
        if key not in self._apart:
            whole = self.summary(key)
            self._apart[key] = _by_cluster(whole) if whole else {}
        return self._apart[key].get(cluster)

    def machines(self, cluster: str, pool: str) -> Billed | None:
        """The newest period that billed the pool's machines; None = none did.

        Machines billed in two currencies are in neither: `currency` then names both, and no price is in that one.
        """
        for key in self.newest_first():
            summary = self.of_cluster(key, cluster)
            days = [day for day in summary.pool_costs if day.pool == pool] if summary else []
            if summary and any(day.node_hours > 0 for day in days):
                currencies = sorted({day.currency for day in days})
                return _billed(summary, cluster, pool, currencies)
        return None

    def nodes(self, cluster: str, pool: str, start: datetime, end: datetime) -> float | None:
        """How many nodes of the pool the bill has on average between two days; None = it has none of them yet."""
        hours: dict[str, Decimal] = {}
        for key in self.newest_first():
            summary = self.of_cluster(key, cluster)
            days = summary.pool_days(cluster, pool) if summary else ()
            hours |= {day: count for day, count, _ in days if f"{start:%Y-%m-%d}" <= day < f"{end:%Y-%m-%d}"}
        return float(sum(hours.values(), Decimal(0)) / (24 * len(hours))) if hours else None

    def owners(self, cluster: str, pool: str) -> tuple[tuple[str, float], ...]:
        """Teams and their shares of a pool's allocated cost in the newest period that has any, largest first."""
        for key in self.newest_first():
            summary = self.of_cluster(key, cluster)
            shares = summary.owner_shares(cluster, pool) if summary else ()
            if shares:
                return shares
        return ()


def bills_of(run: str, documents: Documents) -> Bills:
    """The summaries as this process first read them for a run: they speak of all clusters, and each cluster asks for its own."""
    if not _NEWEST or _NEWEST[0][:2] != (run, documents):
        _NEWEST[:] = [(run, documents, Bills(documents))]
    return _NEWEST[0][2]


_NEWEST: list[tuple[str, Documents, Bills]] = []
"""Of the run that was asked for last."""


def _by_cluster(whole: Summary) -> dict[str, Summary]:
    """Cluster → the summary with its own pools alone: everybody's is long, and it is asked for every pool."""
    costs, teams, covers = _grouped(whole.pool_costs), _grouped(whole.pool_teams), _grouped(whole.pool_covers)
    return {
        name: replace(
            whole,
            pool_costs=tuple(costs.get(name, ())),
            pool_teams=tuple(teams.get(name, ())),
            pool_covers=tuple(covers.get(name, ())),
        )
        for name in {*costs, *teams, *covers}
    }


def _grouped(rows: Iterable[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row.cluster, []).append(row)
    return found


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
