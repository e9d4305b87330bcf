"""From the lake's sums to summaries: cells are read once, and every audience's summary is cut from the same ones."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar

from trimtab.attribution.summary import (
    Amounts,
    CostLine,
    Covered,
    DailyCost,
    GpuHours,
    PoolCover,
    PoolDay,
    PoolRate,
    PoolTeam,
    Summary,
    plain,
)
from trimtab.records import OtherShare, Reconciliation

Key = TypeVar("Key")

RATE_DIGITS = Decimal("0.000000001")
GPU_SECONDS = 3_600_000
"""Thousandths of a GPU times seconds in one GPU-hour."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """One row of sql/summary_costs.sql."""

    currency: str
    export: str
    part: str
    team: str | None
    cluster: str | None
    pool: str | None
    namespace: str | None
    reason: str | None
    day: str
    amounts: Amounts
    cost_center: str | None = None
    business_unit: str | None = None
    account: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Cube:
    """Everything a summary is cut from."""

    period: str
    made_at: str
    governance_version: str
    versions: Mapping[str, int | None]
    cells: tuple[Cell, ...]
    pools: tuple[PoolDay, ...]
    gpus: tuple[GpuHours, ...]
    reconciliations: tuple[Reconciliation, ...]
    other_costs: tuple[OtherShare, ...] = ()
    covers: tuple[PoolCover, ...] = ()


def cell(row: tuple[object, ...]) -> Cell:
    """A row of summary_costs.sql."""
    texts = [None if value is None else str(value) for value in row[:-3]]
    currency, export, part, team, cost_center, business_unit, account, cluster, pool, namespace, reason, day = texts
    billed, effective, list_cost = (plain(value) for value in row[-3:])
    return Cell(
        currency=currency or "", export=export or "", part=part or "", team=team, cluster=cluster, pool=pool, namespace=namespace,
        reason=reason, day=day or "", cost_center=cost_center, business_unit=business_unit, account=account,
        amounts=Amounts(billed=billed, effective=effective, list=list_cost),
    )  # fmt: skip


def pool_day(row: tuple[object, ...]) -> PoolDay:
    """A row of summary_pools.sql."""
    currency, cluster, pool, day = (str(value) for value in row[:4])
    hours, effective, list_cost, machine_effective, machine_list, covered_effective, covered_list = (plain(value) for value in row[4:])
    machine = Covered(effective=machine_effective, list=machine_list, covered_effective=covered_effective, covered_list=covered_list)
    return PoolDay(
        cluster=cluster, pool=pool, day=day, currency=currency, effective=effective, list=list_cost,
        node_hours=plain(hours.quantize(Decimal("0.000001"))), machine=machine,
    )  # fmt: skip


def pool_cover(row: tuple[object, ...]) -> PoolCover:
    """A row of summary_covers.sql."""
    currency, cluster, pool, kind = (str(value) for value in row[:4])
    effective, list_cost = (plain(value) for value in row[5:])
    return PoolCover(cluster=cluster, pool=pool, currency=currency, kind=kind, is_spend=bool(row[4]), effective=effective, list=list_cost)


def gpu_hours(row: tuple[object, ...]) -> GpuHours:
    """A row of summary_gpus.sql."""
    cluster, pool, part, team = (None if value is None else str(value) for value in row[:4])
    hours = plain((Decimal(str(row[4])) / GPU_SECONDS).quantize(Decimal("0.000001")))
    return GpuHours(cluster=cluster or "", pool=pool or "", part=part or "", team=team, hours=hours)


def whole_summary(cube: Cube) -> Summary:
    """The summary of everything."""
    return _summary("all", cube)


def team_summary(cube: Cube, team: str, slug: str) -> Summary:
    """One team's own: its cells, its GPU hours; what pools cost altogether is not its business."""
    own = Cube(
        period=cube.period, made_at=cube.made_at, governance_version=cube.governance_version, versions=cube.versions,
        cells=tuple(cell for cell in cube.cells if cell.team == team), pools=(),
        gpus=tuple(gpu for gpu in cube.gpus if gpu.team == team), reconciliations=(),
        other_costs=tuple(share for share in cube.other_costs if share.team == team),
    )  # fmt: skip
    return _summary(f"team-{slug}", own)


def _summary(scope: str, cube: Cube) -> Summary:
    return Summary(
        scope=scope,
        period=cube.period,
        made_at=cube.made_at,
        governance_version=cube.governance_version,
        versions=cube.versions,
        reconciliations=cube.reconciliations,
        by_part=_lines(cube.cells, lambda cell: cell.part),
        by_team=_lines(cube.cells, lambda cell: cell.team),
        by_cost_center=_lines(cube.cells, lambda cell: cell.cost_center),
        by_business_unit=_lines(cube.cells, lambda cell: cell.business_unit),
        by_cluster=_lines(cube.cells, lambda cell: cell.cluster),
        by_pool=_lines(cube.cells, _pool_name),
        by_namespace=_lines(cube.cells, _namespace_name),
        by_export=_lines(cube.cells, lambda cell: cell.export),
        idle=_lines(_of_part(cube, "idle"), _pool_name),
        unallocated=_lines(_of_part(cube, "unallocated"), lambda cell: cell.reason),
        not_kubernetes=_lines(_of_part(cube, "not-kubernetes"), lambda cell: cell.reason),
        daily=_daily(cube.cells),
        pool_rates=_rates(cube.pools),
        pool_costs=cube.pools,
        pool_covers=cube.covers,
        pool_teams=_pool_teams(cube.cells),
        gpu_hours=cube.gpus,
        other_costs=cube.other_costs,
    )


def _of_part(cube: Cube, part: str) -> list[Cell]:
    return [cell for cell in cube.cells if cell.part == part]


def _pool_name(cell: Cell) -> str | None:
    return f"{cell.cluster}/{cell.pool}" if cell.pool else None


def _namespace_name(cell: Cell) -> str | None:
    return f"{cell.cluster}/{cell.namespace}" if cell.namespace else None


_NOTHING = Amounts(billed=Decimal(0), effective=Decimal(0), list=Decimal(0))


def _sums(cells: Iterable[Cell], key: Callable[[Cell], Key]) -> dict[Key, Amounts]:
    sums: dict[Key, Amounts] = defaultdict(lambda: _NOTHING)
    for cell in cells:
        sums[key(cell)] += cell.amounts
    return {name: _plain(amounts) for name, amounts in sums.items()}


def _plain(amounts: Amounts) -> Amounts:
    return Amounts(billed=plain(amounts.billed), effective=plain(amounts.effective), list=plain(amounts.list))


def _lines(cells: Iterable[Cell], name: Callable[[Cell], str | None]) -> tuple[CostLine, ...]:
    """Sums by name and currency, largest effective cost first."""
    sums = _sums(cells, lambda cell: (name(cell), cell.currency))
    ordered = sorted(sums.items(), key=lambda item: (item[0][1], -item[1].effective, item[0][0] or ""))
    return tuple(CostLine(name=key[0], currency=key[1], amounts=amounts) for key, amounts in ordered)


def _daily(cells: Iterable[Cell]) -> tuple[DailyCost, ...]:
    rows = list(cells)
    total = _sums(rows, lambda cell: (cell.day, "", cell.currency))
    teams = _sums((cell for cell in rows if cell.team), lambda cell: (cell.day, cell.team or "", cell.currency))
    both = sorted([*total.items(), *teams.items()], key=lambda item: (item[0][1], item[0][2], item[0][0]))
    return tuple(DailyCost(day=day, team=team or None, currency=currency, amounts=amounts) for (day, team, currency), amounts in both)


def _pool_teams(cells: Iterable[Cell]) -> tuple[PoolTeam, ...]:
    sums = _sums(
        (cell for cell in cells if cell.part == "allocated" and cell.pool and cell.team),
        lambda cell: (cell.cluster or "", cell.pool or "", cell.team or "", cell.currency),
    )
    return tuple(PoolTeam(cluster=key[0], pool=key[1], team=key[2], currency=key[3], amounts=sums[key]) for key in sorted(sums))


def _rates(days: Iterable[PoolDay]) -> tuple[PoolRate, ...]:
    pools: dict[tuple[str, str, str], list[PoolDay]] = defaultdict(list)
    for day in days:
        pools[day.cluster, day.pool, day.currency].append(day)
    return tuple(_rate(key, pools[key]) for key in sorted(pools))


def _rate(key: tuple[str, str, str], days: list[PoolDay]) -> PoolRate:
    hours = sum((day.node_hours for day in days), Decimal(0))
    effective = sum((day.effective for day in days), Decimal(0))
    list_cost = sum((day.list for day in days), Decimal(0))
    return PoolRate(
        cluster=key[0], pool=key[1], currency=key[2], node_hours=hours,
        effective_per_hour=plain((effective / hours).quantize(RATE_DIGITS)) if hours else None,
        list_per_hour=plain((list_cost / hours).quantize(RATE_DIGITS)) if hours else None,
    )  # fmt: skip
