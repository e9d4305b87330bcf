"""What OpenCost or Kubecost says a namespace cost in a day, against what was allocated to it from the bill, with the causes."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from trimtab.accounting.compare import IDLE, ZERO, Cause, Compared, Key, Ours, Theirs, compare, total_causes
from trimtab.errors import BadInput
from trimtab.flow.import_opencost import Answer, read_allocations
from trimtab.ports import Ports, Session
from trimtab.sources import opencost
from trimtab.sources.opencost import Allocation
from trimtab.tables import scan

HOUR = timedelta(hours=1)
# A row longer than an hour cannot be cut: it counts as in their hours.
OURS_SQL = """
SELECT CAST(a."ChargePeriodStart" AS DATE), a."x_Cluster", CASE WHEN a."x_Part" = 'idle' THEN '__idle__' ELSE a."x_Namespace" END,
  a."BillingCurrency", a."EffectiveCost", a."ListCost", a."x_SharedRule" IS NOT NULL,
  a."x_CpuCost" IS NULL AND a."x_Part" <> 'idle',
  a."ChargePeriodEnd" > a."ChargePeriodStart" + INTERVAL 1 HOUR
    OR (a."x_Cluster", date_trunc('hour', a."ChargePeriodStart")) IN (SELECT (cluster, hour) FROM their_hours) AS is_theirs
FROM ({allocated}) AS a
WHERE (a."x_Part" = 'idle' OR a."x_Part" IN ('allocated', 'unallocated') AND a."x_Namespace" IS NOT NULL)
  AND (a."x_Cluster", CAST(a."ChargePeriodStart" AS DATE)) IN (SELECT (cluster, CAST(hour AS DATE)) FROM their_hours)"""
SUMS_SQL = """
SELECT day, cluster, namespace, currency, coalesce(sum(effective) FILTER (is_theirs AND NOT is_shared), 0),
  coalesce(sum(listed) FILTER (is_theirs AND NOT is_shared), 0),
  coalesce(sum(listed) FILTER (is_theirs AND NOT is_shared AND is_asset), 0),
  coalesce(sum(effective) FILTER (is_theirs AND is_shared), 0),
  coalesce(sum(effective) FILTER (NOT is_theirs), 0)
FROM ({rows}) AS r(day, cluster, namespace, currency, effective, listed, is_shared, is_asset, is_theirs)
GROUP BY ALL ORDER BY ALL"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """Every namespace's day, and the causes of all together."""

    currency: str
    rows: tuple[Compared, ...]
    causes: tuple[Cause, ...]


def compare_answers(answers: Sequence[Answer], currency: str | None, ports: Ports) -> Comparison:
    """Compare. Raises BadInput where a file is wrong or empty, nothing is allocated yet, or we have nothing in the currency meant."""
    allocations = read_allocations(answers)
    if not allocations:
        raise BadInput(f"{answers[0][0]}: no allocation is in it, so there is nothing to compare")
    if ports.lake.version("allocated") is None:
        raise BadInput("nothing is allocated yet: trimtab ingest and trimtab allocate first")
    with ports.engine.session() as session:
        hours = _their_hours(allocations)
        session.run("CREATE TEMP TABLE their_hours (cluster VARCHAR, hour TIMESTAMP)")
        session.run(
            "INSERT INTO their_hours SELECT unnest($clusters), unnest($hours)",
            {"clusters": [cluster for cluster, _ in hours], "hours": [hour.replace(tzinfo=None) for _, hour in hours]},
        )
        measured = _measured(hours, session, ports)
        found = _ours(hours, session, ports)
    chosen = _chosen(currency, {row[0] for row in found})
    ours = {key: value for code, key, value in found if code == chosen}
    rows = compare(_theirs(allocations, measured), ours)
    return Comparison(currency=chosen, rows=rows, causes=total_causes(rows))


def _chosen(currency: str | None, found: set[str]) -> str:
    """Their numbers name no currency; ours do."""
    if currency is None and len(found) > 1:
        raise BadInput(f"our rows are in {', '.join(sorted(found))}, and the file names no currency: say which with --currency")
    if currency is not None and found and currency not in found:
        raise BadInput(f"--currency {currency!a}: our rows of those days are in {', '.join(sorted(found))}")
    return currency or next(iter(found), "USD")


def _their_hours(allocations: Iterable[Allocation]) -> list[tuple[str, datetime]]:
    return sorted({(_cluster(each), hour) for each in allocations for hour in _hours(each)})


def _hours(each: Allocation) -> Iterable[datetime]:
    """The hours that its step touches."""
    at = each.window[0].replace(minute=0, second=0, microsecond=0)
    while at < each.window[1]:
        yield at
        at += HOUR


def _day(each: Allocation) -> date:
    if (each.window[1] - timedelta(microseconds=1)).date() != each.window[0].date():
        raise BadInput(f"{each.where}: its step is no part of one day, UTC; ask for step=1d or step=1h")
    return each.window[0].date()


def _cluster(each: Allocation) -> str:
    """Of idle it may stand in the name alone."""
    if each.special == opencost.IDLE and not each.properties.get("cluster") and "/" in each.name:
        return each.name.split("/", 1)[0]
    return each.text("cluster")


def _theirs(allocations: Iterable[Allocation], measured: set[tuple[str, datetime]]) -> dict[Key, Theirs]:
    found: dict[Key, list[Theirs]] = defaultdict(list)
    for each in allocations:
        namespace = IDLE if each.special == opencost.IDLE else each.special or each.text("namespace")
        is_measured = any((_cluster(each), hour) in measured for hour in _hours(each))
        found[Key(_day(each), _cluster(each), namespace)].append(_costs(each, is_measured=is_measured))
    return {key: _together(every) for key, every in found.items()}


def _costs(each: Allocation, *, is_measured: bool) -> Theirs:
    idle, assets = _sum(each, opencost.IDLE_SHARES), _sum(each, opencost.ASSETS)
    priced = _sum(each, opencost.COSTS) - idle
    return Theirs(
        priced=priced,
        corrections=_sum(each, opencost.COSTS.values()),
        idle=idle,
        shared=_sum(each, opencost.OTHERS),
        unmeasured=ZERO if is_measured else priced,
        assets=assets if is_measured else ZERO,
        numbers=len(opencost.COSTS) + len(opencost.IDLE_SHARES),
    )


def _sum(each: Allocation, names: Iterable[str]) -> Decimal:
    return sum((each.money(name) for name in names), ZERO)


def _together(every: Sequence[Theirs]) -> Theirs:
    return Theirs(
        priced=sum((each.priced for each in every), ZERO),
        corrections=sum((each.corrections for each in every), ZERO),
        idle=sum((each.idle for each in every), ZERO),
        shared=sum((each.shared for each in every), ZERO),
        unmeasured=sum((each.unmeasured for each in every), ZERO),
        assets=sum((each.assets for each in every), ZERO),
        numbers=sum(each.numbers for each in every),
    )


def _measured(hours: Sequence[tuple[str, datetime]], session: Session, ports: Ports) -> set[tuple[str, datetime]]:
    """Which of those hours we have usage of."""
    if ports.lake.version("usage") is None or not hours:
        return set()
    days = {f"d-{hour:%Y-%m-%d}" for _, hour in hours}
    files = [file for part in ports.lake.partitions("usage") if part["day"] in days for file in ports.lake.files("usage", part)]
    sql = f'SELECT DISTINCT u.cluster, CAST(epoch(u."hour") AS BIGINT) FROM ({scan("usage", files)}) AS u WHERE u.asset IS NULL'
    known = {(str(cluster), int(str(at))) for cluster, at in session.rows(sql)}
    return {(cluster, hour) for cluster, hour in hours if (cluster, int(hour.timestamp())) in known}


def _ours(hours: Sequence[tuple[str, datetime]], session: Session, ports: Ports) -> list[tuple[str, Key, Ours]]:
    """Our sums of their days, by currency."""
    periods = {f"p-{hour:%Y-%m}" for _, hour in hours}
    parts = [part for part in ports.lake.partitions("allocated") if part["x_Period"] in periods]
    files = [file for part in parts for file in ports.lake.files("allocated", part)]
    rows = session.rows(SUMS_SQL.format(rows=OURS_SQL.format(allocated=scan("allocated", files))))
    return [(str(row[3]), _key(row), _sums(row)) for row in rows]


def _key(row: Sequence[object]) -> Key:
    return Key(date.fromisoformat(str(row[0])), str(row[1]), str(row[2]))


def _sums(row: Sequence[object]) -> Ours:
    effective, listed, assets, shared, elsewhere = (Decimal(str(value)) for value in row[4:9])
    return Ours(effective=effective, listed=listed, assets=assets, shared=shared, elsewhere=elsewhere)


__all__ = ["Comparison", "compare_answers"]
