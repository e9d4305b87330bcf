"""Costs that no cloud bills, beside a period's summary: what drives them is known once the bill is attributed."""

import calendar
from collections import defaultdict
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

from trimtab.accounting.other_costs import shares_of
from trimtab.attribution.cube import Cube
from trimtab.records import Governance, Team


def with_other_costs(cube: Cube, governance: Governance) -> Cube:
    """The cube and the month's shares of every cost that the config states."""
    measured = drivers(cube, governance)
    return replace(cube, other_costs=tuple(share for cost in governance.other_costs for share in shares_of(cost, month_of(cube), measured)))


def month_of(cube: Cube) -> date:
    """The first day of the cube's month."""
    return date.fromisoformat(f"{cube.period.removeprefix('p-')}-01")


def _days(team: Team, month: date) -> int:
    """On how many days of the month there was such a team."""
    following = month + timedelta(days=calendar.monthrange(month.year, month.month)[1])
    return (min(team.valid_to or following, following) - max(team.valid_from or month, month)).days


def drivers(cube: Cube, governance: Governance) -> dict[str, dict[str, Decimal]]:
    """Driver → team → how much: `even` (days that it existed), `cost <currency>` (allocated effective cost) and `gpu-hours` (held)."""
    found: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    found["even"] |= {team.name: Decimal(days) for team in governance.teams if (days := _days(team, month_of(cube))) > 0}
    for cell in cube.cells:
        if cell.team is not None and cell.part == "allocated":
            found[f"cost {cell.currency}"][cell.team] += cell.amounts.effective
    for gpu in cube.gpus:
        if gpu.team is not None:
            found["gpu-hours"][gpu.team] += gpu.hours
    return {driver: dict(teams) for driver, teams in found.items()}
