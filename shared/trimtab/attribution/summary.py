"""What people look at: one period's sums, small enough to read whole, with the versions they were made from.

A team's own summary holds that team's lines and nothing of anybody else's. Amounts of two currencies never meet: every line has its
own. Decimals travel as texts.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache

from pydantic import TypeAdapter, ValidationError

from trimtab.errors import Broken
from trimtab.records import Json, OtherShare, Reconciliation


@dataclass(frozen=True, kw_only=True, slots=True)
class Amounts:
    """Three of FOCUS's costs."""

    billed: Decimal
    effective: Decimal
    list: Decimal

    def __add__(self, other: "Amounts") -> "Amounts":
        return Amounts(billed=self.billed + other.billed, effective=self.effective + other.effective, list=self.list + other.list)


@dataclass(frozen=True, kw_only=True, slots=True)
class CostLine:
    """A name's cost; None = the rows that have no such name (no team, no cluster)."""

    name: str | None
    currency: str
    amounts: Amounts


@dataclass(frozen=True, kw_only=True, slots=True)
class DailyCost:
    """One day of a series; team None = the whole bill, allocated or not."""

    day: str
    team: str | None
    currency: str
    amounts: Amounts


@dataclass(frozen=True, kw_only=True, slots=True)
class Covered:
    """What machines cost, without their disks and traffic, and the part of it that is paid with or without them."""

    effective: Decimal
    list: Decimal
    covered_effective: Decimal
    covered_list: Decimal

    def __add__(self, other: "Covered") -> "Covered":
        return Covered(
            effective=self.effective + other.effective, list=self.list + other.list,
            covered_effective=self.covered_effective + other.covered_effective, covered_list=self.covered_list + other.covered_list,
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class PoolDay:
    """What a pool's nodes ran and cost on one day."""

    cluster: str
    pool: str
    day: str
    currency: str
    node_hours: Decimal
    effective: Decimal
    list: Decimal
    machine: Covered | None = None
    """None = the summary is older than this."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PoolCover:
    """A kind of commitment, or capacity reservation, that stands for machines of a pool."""

    cluster: str
    pool: str
    currency: str
    kind: str
    """The provider's word: Savings Plan, Reservation, Committed Use Discount …; "capacity reservation"; "commitment" = it says no more."""
    is_spend: bool
    """True = a commitment to spend, which another kind of machine may use as well."""
    effective: Decimal
    list: Decimal


@dataclass(frozen=True, kw_only=True, slots=True)
class PoolRate:
    """What one node-hour of a pool cost over the period; None = no node-hour was billed."""

    cluster: str
    pool: str
    currency: str
    node_hours: Decimal
    effective_per_hour: Decimal | None
    list_per_hour: Decimal | None


@dataclass(frozen=True, kw_only=True, slots=True)
class PoolTeam:
    """A team's allocated cost on one pool."""

    cluster: str
    pool: str
    team: str
    currency: str
    amounts: Amounts


@dataclass(frozen=True, kw_only=True, slots=True)
class GpuHours:
    """GPU-hours held on a pool; team None = idle or unallocated, as `part` says."""

    cluster: str
    pool: str
    part: str
    team: str | None
    hours: Decimal


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """One period for one audience: "all", or one team's own."""

    scope: str
    period: str
    made_at: str
    governance_version: str
    versions: Mapping[str, int | None]
    """Lake table → version it was read at."""
    reconciliations: tuple[Reconciliation, ...]
    by_part: tuple[CostLine, ...]
    by_team: tuple[CostLine, ...]
    by_cluster: tuple[CostLine, ...]
    by_pool: tuple[CostLine, ...]
    """Named cluster/pool."""
    by_namespace: tuple[CostLine, ...]
    """Named cluster/namespace."""
    by_export: tuple[CostLine, ...]
    idle: tuple[CostLine, ...]
    """Named cluster/pool."""
    unallocated: tuple[CostLine, ...]
    """Named by the reason."""
    not_kubernetes: tuple[CostLine, ...]
    """Named by the reason."""
    daily: tuple[DailyCost, ...]
    pool_rates: tuple[PoolRate, ...]
    pool_costs: tuple[PoolDay, ...]
    pool_teams: tuple[PoolTeam, ...]
    gpu_hours: tuple[GpuHours, ...]
    other_costs: tuple[OtherShare, ...] = ()
    """What no cloud bills: beside the bill, and in none of the sums above."""
    by_cost_center: tuple[CostLine, ...] = ()
    by_business_unit: tuple[CostLine, ...] = ()
    pool_covers: tuple[PoolCover, ...] = ()

    def to_json(self) -> Json:
        """As a document."""
        value: Json = _adapter().dump_python(self, mode="json")
        return value

    @classmethod
    def from_json(cls, document: Json) -> "Summary":
        """Back from a document. Raises Broken where it is none of ours."""
        try:
            return _adapter().validate_python(document)
        except ValidationError as error:
            first = error.errors()[0]
            path = ".".join(str(part) for part in first["loc"])
            raise Broken(f"summary: {path}: {first['msg']}; run `trimtab allocate` again") from None

    def owner_shares(self, cluster: str, pool: str) -> tuple[tuple[str, float], ...]:
        """Teams and their shares of the pool's allocated effective cost, largest first; () where there is none, or two currencies."""
        lines = [line for line in self.pool_teams if (line.cluster, line.pool) == (cluster, pool) and line.amounts.effective > 0]
        total = sum((line.amounts.effective for line in lines), Decimal(0))
        if len({line.currency for line in lines}) != 1:
            return ()
        return tuple((line.team, float(line.amounts.effective / total)) for line in sorted(lines, key=lambda line: -line.amounts.effective))

    def pool_days(self, cluster: str, pool: str, currency: str | None = None) -> tuple[tuple[str, Decimal, Decimal], ...]:
        """(day, node-hours, list cost) of a pool by day; without a currency, only where the pool has one alone."""
        days = [day for day in self.pool_costs if (day.cluster, day.pool) == (cluster, pool) and currency in {None, day.currency}]
        if len({day.currency for day in days}) > 1:
            return ()
        return tuple((day.day, day.node_hours, day.list) for day in days)

    def machines(self, cluster: str, pool: str, currency: str) -> Covered | None:
        """What a pool's machines cost over the period, and what of it is covered; None = not billed in this currency, or not known."""
        days = [day.machine for day in self.pool_costs if (day.cluster, day.pool, day.currency) == (cluster, pool, currency)]
        known = [day for day in days if day is not None]
        return sum(known[1:], known[0]) if known and len(known) == len(days) else None

    def covers(self, cluster: str, pool: str, currency: str) -> tuple[PoolCover, ...]:
        """What covers a pool's machines, the largest part first."""
        found = [cover for cover in self.pool_covers if (cover.cluster, cover.pool, cover.currency) == (cluster, pool, currency)]
        return tuple(sorted(found, key=lambda cover: (-cover.list, cover.kind, cover.is_spend)))

    def parts(self, currency: str) -> tuple[tuple[str, Decimal], ...]:
        """The parts of the period's cost by name: namespaces with an owner or none, idle capacity, and what is outside clusters."""
        named = [(f"namespace {line.name}", line) for line in self.by_namespace if line.name]
        named += [(f"idle capacity of {line.name}", line) for line in self.idle if line.name]
        named += [(f"outside clusters ({line.name})", line) for line in self.not_kubernetes]
        return tuple((text, line.amounts.effective) for text, line in named if line.currency == currency)


@cache
def _adapter() -> TypeAdapter[Summary]:
    return TypeAdapter(Summary)


def plain(value: object) -> Decimal:
    """A decimal without trailing zeros and without an exponent; absent = nothing was summed = 0."""
    return Decimal(0) if not value else Decimal(format(Decimal(str(value)).normalize(), "f"))
