"""What a CPU, a GiB and a GPU cost for an hour, by cluster, pool or instance type, and how well what is requested is used.

A rate is a quotient of what was billed and what there was, shown at six digits. Without hours there is no rate: never zero.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from typing import Literal

from trimtab.attribution.model import model
from trimtab.attribution.summary import plain
from trimtab.errors import BadInput
from trimtab.flow.costs import open_allocated, period_slug
from trimtab.ports import Ports, Session
from trimtab.tables import scan

Scope = Literal["cluster", "pool", "instance-type"]
SCOPES: tuple[Scope, ...] = ("cluster", "pool", "instance-type")
DIGITS = Decimal("1e-6")
HOUR = 3600
MIB_IN_GIB = 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class UnitRate:
    """One place and currency. None = there were no hours of it, or it is not known."""

    name: str
    """cluster, cluster/pool, or instance type; "" = usage no longer knows it."""
    currency: str
    cpu_hour: Decimal | None
    """Per CPU and hour."""
    memory_hour: Decimal | None
    """Per GiB and hour."""
    gpu_hour: Decimal | None
    """Per GPU and hour."""
    cpu_hours: Decimal
    memory_hours: Decimal
    gpu_hours: Decimal
    efficiency: Decimal | None
    """Used over requested CPU and memory, each weighted by its rate here (Kubecost's); None = nothing requested, or use not measured."""


@dataclass(frozen=True, kw_only=True, slots=True)
class UnitRates:
    """By name and currency."""

    by: Scope
    period: str | None
    rows: tuple[UnitRate, ...]


@dataclass(frozen=True, slots=True)
class _Parts:
    """Costs and unit-seconds of one place, added up."""

    cost: tuple[Fraction, Fraction, Fraction]
    seconds: tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class _Use:
    """Requested and used CPU and memory of one place, in unit-seconds."""

    cpu: tuple[int, int]
    memory: tuple[int, int]


def unit_rates(by: Scope, period: str | None, ports: Ports) -> UnitRates:
    """The rates of a period (None = all). Raises BadInput where nothing is allocated."""
    if by not in SCOPES:
        raise BadInput(f"--by {by}: rates are by {', '.join(SCOPES)}")
    slug = None if period is None else period_slug(period)
    with ports.engine.session() as session:
        open_allocated(session, ports, slug)
        session.run(model("macros"))
        open_usage(session, ports, slug)
        parts = session.rows(model("rate_parts"))
        use = session.rows(model("rate_use"))
    return UnitRates(by=by, period=slug, rows=_rates(by, parts, use))


def open_usage(session: Session, ports: Ports, period: str | None) -> None:
    """The view `usage`: the days of a period, or all; no usage = no rows."""
    days = [part["day"] for part in ports.lake.partitions("usage")] if ports.lake.version("usage") is not None else []
    wanted = sorted({day for day in days if period is None or day.startswith(f"d-{period.removeprefix('p-')}")})
    files = [file for day in wanted for file in ports.lake.files("usage", {"day": day})]
    session.run(f"CREATE OR REPLACE TEMP VIEW usage AS {scan('usage', files)}")


def _rates(by: Scope, parts: Sequence[Sequence[object]], use: Sequence[Sequence[object]]) -> tuple[UnitRate, ...]:
    types = {tuple(str(name) for name in row[:3]): str(row[3] or "") for row in use}
    groups: dict[tuple[str, str], list[_Parts]] = {}
    for currency, cluster, pool, node, *numbers in parts:
        name = _name(by, (str(cluster), str(pool), str(node)), types)
        groups.setdefault((name, str(currency)), []).append(_part(numbers))
    used: dict[str, list[_Use]] = {}
    for cluster, pool, node, _, *numbers in use:
        place = (str(cluster), str(pool), str(node))
        used.setdefault(_name(by, place, types), []).append(_used(numbers))
    return tuple(_rate(name, currency, group, used.get(name, [])) for (name, currency), group in sorted(groups.items()))


def _name(by: Scope, place: tuple[str, str, str], types: dict[tuple[str, ...], str]) -> str:
    match by:
        case "cluster":
            return place[0]
        case "pool":
            return f"{place[0]}/{place[1]}"
        case "instance-type":
            return types.get(place, "")


def _part(numbers: Sequence[object]) -> _Parts:
    values = [Fraction(plain(number)) for number in numbers]
    return _Parts(cost=(values[0], values[2], values[4]), seconds=(int(values[1]), int(values[3]), int(values[5])))


def _used(numbers: Sequence[object]) -> _Use:
    values = [int(plain(number)) for number in numbers]
    return _Use(cpu=(values[0], values[1]), memory=(values[2], values[3]))


def _rate(name: str, currency: str, parts: Sequence[_Parts], use: Sequence[_Use]) -> UnitRate:
    cost = [sum((part.cost[place] for part in parts), Fraction(0)) for place in range(3)]
    # Thousandths of a CPU, MiB and thousandths of a GPU, each times seconds.
    hours = [Fraction(sum(part.seconds[place] for part in parts), HOUR * unit) for place, unit in enumerate((1000, MIB_IN_GIB, 1000))]
    rates = [cost[place] / hours[place] if hours[place] else None for place in range(3)]
    return UnitRate(
        name=name, currency=currency, cpu_hour=_shown(rates[0]), memory_hour=_shown(rates[1]), gpu_hour=_shown(rates[2]),
        cpu_hours=_hours(hours[0]), memory_hours=_hours(hours[1]), gpu_hours=_hours(hours[2]),
        efficiency=_shown(efficiency(rates[0], rates[1], use)),
    )  # fmt: skip


def efficiency(cpu_rate: Fraction | None, memory_rate: Fraction | None, use: Iterable[_Use]) -> Fraction | None:
    """(used CPU x its rate + used memory x its rate) / (the same of what was requested); None where there is no request or no rate."""
    if cpu_rate is None or memory_rate is None:
        return None
    uses = list(use)
    # Both in hours of a whole CPU and of a GiB; the hour cancels out.
    requested = sum((one.cpu[0] * cpu_rate / 1000 + one.memory[0] * memory_rate / MIB_IN_GIB for one in uses), Fraction(0))
    used = sum((one.cpu[1] * cpu_rate / 1000 + one.memory[1] * memory_rate / MIB_IN_GIB for one in uses), Fraction(0))
    return used / requested if requested > 0 else None


def _shown(value: Fraction | None) -> Decimal | None:
    return None if value is None else _hours(value)


def _hours(value: Fraction) -> Decimal:
    return plain((Decimal(value.numerator) / Decimal(value.denominator)).quantize(DIGITS, ROUND_HALF_EVEN))
