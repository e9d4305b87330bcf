"""The allocated cost by whatever one asks: team, namespace, pool, day, a label. Exact, and never over two currencies.

Without options a line is the sum of its rows. With a `CostQuery` idle capacity, shared tenants and overhead are told apart or spread as
OpenCost does it, and every unit of the allocated table is still there: in a line, as idle, or left out by name.
"""

import calendar
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from trimtab.accounting.exchange import ExchangeRates, day_rates
from trimtab.attribution.cost_table import CostRow, CostTable, answer, known_sum, piece_of, row_of, totals_of
from trimtab.attribution.query import KEYS, CostQuery, Overhead, column, converted, plain_query, preparation, result
from trimtab.errors import BadInput
from trimtab.ports import Ports, Session
from trimtab.tables import scan, text_literal

__all__ = ["KEYS", "CostRow", "CostTable", "Reporting", "costs", "open_allocated", "period_slug"]

PERIOD = re.compile(r"(?:p-)?(\d{4}-(?:0[1-9]|1[0-2]))")


@dataclass(frozen=True, kw_only=True, slots=True)
class Reporting:
    """A second column in one currency, and the rates it is made with."""

    currency: str
    rates: ExchangeRates


def period_slug(period: str) -> str:
    """`2026-07` or `p-2026-07` as the lake's partition value. Raises BadInput."""
    match = PERIOD.fullmatch(period)
    if match is None:
        raise BadInput(f"period {period!r}: expected YYYY-MM, as in 2026-07")
    return f"p-{match[1]}"


def costs(
    by: tuple[str, ...],
    period: str | None,
    ports: Ports,
    query: CostQuery | None = None,
    reporting: Reporting | None = None,
    teams: Sequence[str] | None = None,
) -> CostTable:
    """The allocated cost of a period (None = all) by these keys; of some teams alone, as if there were no other cost.

    Raises BadInput where a key is unknown or nothing is allocated, Broken where the answer does not add up to the table.
    """
    for key in by:
        column(key)
    slug = None if period is None else period_slug(period)
    with ports.engine.session() as session:
        open_allocated(session, ports, slug, teams)
        missing = _rated(session, reporting) if reporting else ()
        if query is not None:
            table = _asked(session, by, slug, query, is_converted=reporting is not None)
        else:
            rows = session.rows(plain_query(by, reporting=reporting is not None))
            lines = tuple(row_of(row, len(by)) for row in rows)
            table = CostTable(by=by, period=slug, rows=lines, totals=totals_of(lines))
    return _in_currency(table, reporting, missing) if reporting else table


def open_allocated(session: Session, ports: Ports, period: str | None, teams: Sequence[str] | None = None) -> None:
    """The view `allocated`: one period's rows, or all, of everybody or of some teams alone. Raises BadInput where there are none."""
    files = (
        ports.lake.files("allocated", None if period is None else {"x_Period": period})
        if ports.lake.version("allocated") is not None
        else []
    )
    if not files:
        raise BadInput(f"{period or 'no period'}: nothing is allocated; run `trimtab allocate` first")
    whole = scan("allocated", files)
    # Below everything that asks: no key, filter or share can name what is not in the view.
    session.run(f"CREATE OR REPLACE TEMP VIEW allocated AS SELECT * FROM ({whole}) AS whole{rows_of(teams)}")


def rows_of(teams: Sequence[str] | None) -> str:
    """The condition on allocated rows that leaves some teams' alone; None = no condition."""
    return "" if teams is None else f' WHERE "x_Team" IN ({", ".join(text_literal(team) for team in teams)})'


# ── In another currency ──────────────────────────────────────────────────────────────────────────────────────────────
def _rated(session: Session, reporting: Reporting) -> tuple[str, ...]:
    """The view `rated` beside `allocated`; which rates are missing, by name."""
    found = session.rows('SELECT DISTINCT "BillingCurrency", CAST("ChargePeriodStart" AS DATE) FROM allocated')
    days = [(str(currency), _day(day)) for currency, day in found]
    rates, missing = day_rates(reporting.rates, days, reporting.currency)
    session.run(converted([(currency, day, rate) for (currency, day), rate in rates.items()]))
    return missing


def _day(value: object) -> date:
    if not isinstance(value, date):
        raise BadInput("allocated: a row has no ChargePeriodStart; ingest the export again and run `trimtab allocate`")
    return value


def _in_currency(table: CostTable, reporting: Reporting, missing: tuple[str, ...]) -> CostTable:
    """No number where a rate is missing: a sum without some of its days would look like a sum."""
    unknown = {name.split(" ", 1)[0] for name in missing}
    rows = tuple(replace(row, reporting=None) if row.currency in unknown else row for row in table.rows)
    totals = totals_of(rows)
    return replace(
        table, rows=rows, totals=totals, reporting_currency=reporting.currency,
        reporting_total=known_sum(total.reporting for total in totals), missing_rates=missing,
    )  # fmt: skip


# ── With options ─────────────────────────────────────────────────────────────────────────────────────────────────────
def _asked(session: Session, by: tuple[str, ...], period: str | None, query: CostQuery, *, is_converted: bool) -> CostTable:
    if is_converted and query.overhead is not None:
        raise BadInput("--overhead with --in: an overhead has no day to convert it at; leave one of them out")
    overheads = _overheads(session, query.overhead)
    for statement in preparation(by, query, overheads, reporting=is_converted):
        session.run(statement)
    pieces = [piece_of(row) for row in session.rows(result())]
    allocated = [row_of(row, 0) for row in session.rows(plain_query(()))]
    return answer(by, period, query, pieces, allocated, overheads, is_converted=is_converted)


# ── Overhead ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def _overheads(session: Session, overhead: Overhead | None) -> tuple[tuple[str, Decimal], ...]:
    """(currency, amount) over the calendar months of the view; () = none."""
    if overhead is None:
        return ()
    found = session.rows('SELECT DISTINCT "BillingCurrency", "x_Period" FROM allocated')
    currencies = sorted({str(currency) for currency, _ in found})
    currency = overhead.currency or (currencies[0] if len(currencies) == 1 else None)
    if currency not in currencies:
        raise BadInput(f"--overhead: the cost is in {', '.join(currencies)}; name one of them after the amount, as in 100/month USD")
    return ((currency, overhead.amount * _times(overhead, sorted({str(period) for _, period in found}))),)


def _times(overhead: Overhead, periods: Sequence[str]) -> int:
    days = sum(calendar.monthrange(int(period[2:6]), int(period[7:]))[1] for period in periods)
    return {"total": 1, "month": len(periods), "day": days, "hour": days * 24}[overhead.per]
