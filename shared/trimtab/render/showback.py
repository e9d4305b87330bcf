"""A period's cost for one audience as a page and as a table. It prints what it is given and computes no cost.

The page is one file without scripts that asks nobody for anything: its own policy forbids it. Every name in it is foreign and escaped.
"""

import base64
import calendar
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache

from jinja2 import DictLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from trimtab.errors import BadInput
from trimtab.records import Anomaly, Forecast, NoForecast, OtherShare, Reconciliation
from trimtab.render.spreadsheet import Cell, csv_of
from trimtab.render.wording import Wording

PAGE = "showback.html.j2"
STYLE = "showback.css.j2"
MOST_ROWS = 40
"""Rows of a table on the page; the CSV has all."""
MOST_BARS = 12
WIDTH, HEIGHT, LEFT, BOTTOM = 720, 180, 8, 22
COLUMNS = ("section", "name", "currency", "billed", "effective", "list")


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """A name and its cost."""

    name: str
    currency: str
    billed: Decimal
    effective: Decimal
    list: Decimal


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """Lines under one title, largest first; `about` says what the lines are."""

    id: str
    title: str
    about: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Outlook:
    """One currency's days, forecast and surprises."""

    currency: str
    days: tuple[tuple[date, Decimal], ...]
    """Known days of the period, in order."""
    forecast: Forecast | NoForecast | None
    anomalies: tuple[Anomaly, ...]
    no_anomalies: str
    """Why none could be told; "" = they could."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Showback:
    """Everything one audience is told about one period."""

    audience: str
    """For people."""
    month: str
    """YYYY-MM."""
    made_at: str
    versions: tuple[tuple[str, str], ...]
    reconciliations: tuple[Reconciliation, ...]
    tables: tuple[Table, ...]
    outlooks: tuple[Outlook, ...]
    others: tuple[OtherShare, ...] = ()
    """Costs that no cloud bills, beside all of the above."""


# ── The page ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def page(showback: Showback, wording: Wording) -> str:
    """The page as HTML."""
    missing = [name for name in (PAGE, STYLE) if name not in wording.templates]
    if missing:
        raise BadInput(f"wording/{missing[0]}: missing from the bundle; install Trimtab again")
    style = wording.templates[STYLE].strip()
    values = {
        "report": showback, "style": style, "style_hash": base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
        "month": month_name(showback.month), "most": MOST_ROWS, "bars": [(table, bars(table)) for table in showback.tables],
        "charts": [(outlook, day_chart(outlook, showback.month)) for outlook in showback.outlooks],
        "is_forecast": lambda value: isinstance(value, Forecast), "money": money,
    }  # fmt: skip
    return _environment(wording.templates[PAGE]).get_template(PAGE).render(values)


@cache
def _environment(template: str) -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        loader=DictLoader({PAGE: template}), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals.clear()
    return environment


def money(amount: Decimal) -> str:
    """To the cent with thousands apart; what is less than a cent and not nothing shows its digits."""
    shown = f"{amount:,.2f}"
    return shown if amount == 0 or Decimal(shown.replace(",", "")) != 0 else f"{amount:.2g}"


def month_name(month: str) -> str:
    """2026-07 → July 2026."""
    year, _, number = month.partition("-")
    return f"{calendar.month_name[int(number)]} {year}"


# ── Pictures: numbers for the template's SVG, nothing but coordinates ────────────────────────────────────────────────
@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: its line and its length as a share of the longest, in percent."""

    line: Line
    percent: float


def bars(table: Table) -> list[Bar]:
    """Bars of the largest positive lines, each currency on its own scale."""
    longest: dict[str, Decimal] = {}
    for line in table.lines:
        longest[line.currency] = max(longest.get(line.currency, Decimal(0)), line.effective)
    shown = [line for line in table.lines if line.effective > 0][:MOST_BARS]
    return [Bar(line, round(float(100 * line.effective / longest[line.currency]), 2)) for line in shown]


@dataclass(frozen=True, slots=True)
class DayBar:
    """A day of the chart: where it stands, how high, and whether it was unusual."""

    x: float
    y: float
    width: float
    height: float
    text: str
    is_unusual: bool


@dataclass(frozen=True, slots=True)
class DayChart:
    """A month of days; a day without a bar is unknown."""

    bars: tuple[DayBar, ...]
    ticks: tuple[tuple[float, str], ...]
    top: str
    width: int = WIDTH
    height: int = HEIGHT
    base: int = HEIGHT - BOTTOM


def day_chart(outlook: Outlook, month: str) -> DayChart | None:
    """Daily cost as bars; None where no day of the month has any."""
    year, number = (int(part) for part in month.split("-"))
    own = [(day, amount) for day, amount in outlook.days if (day.year, day.month) == (year, number)]
    highest = max((amount for _, amount in own), default=Decimal(0))
    if highest <= 0:
        return None
    count = calendar.monthrange(year, number)[1]
    step = (WIDTH - 2 * LEFT) / count
    unusual = {anomaly.day for anomaly in outlook.anomalies}
    drawn = tuple(_day_bar(day, amount, highest, step, outlook.currency, is_unusual=day in unusual) for day, amount in own)
    ticks = tuple((round(LEFT + (day - 0.5) * step, 1), str(day)) for day in (1, 8, 15, 22, count))
    return DayChart(drawn, ticks, f"{money(highest)} {outlook.currency}")


def _day_bar(day: date, amount: Decimal, highest: Decimal, step: float, currency: str, *, is_unusual: bool) -> DayBar:
    height = max(0.0, float(amount / highest)) * (HEIGHT - BOTTOM - 18)
    return DayBar(
        x=round(LEFT + (day.day - 1) * step + 1.5, 1), y=round(HEIGHT - BOTTOM - height, 1), width=round(step - 3, 1),
        height=round(height, 1), text=f"{day}: {money(amount)} {currency}{', unusual' if is_unusual else ''}", is_unusual=is_unusual,
    )  # fmt: skip


# ── The table ────────────────────────────────────────────────────────────────────────────────────────────────────────
def table_csv(showback: Showback) -> str:
    """Every line of every table, then the days, the parts of the bill and the forecast, with all digits."""
    rows: list[Sequence[Cell]] = [
        (table.id, line.name, line.currency, line.billed, line.effective, line.list) for table in showback.tables for line in table.lines
    ]
    for outlook in showback.outlooks:
        rows += [("day", f"{day}", outlook.currency, None, amount, None) for day, amount in outlook.days]
        rows += [("anomaly", f"{item.day}", outlook.currency, None, item.actual, None) for item in outlook.anomalies]
        if isinstance(outlook.forecast, Forecast):
            named = (("total", outlook.forecast.total), ("low", outlook.forecast.low), ("high", outlook.forecast.high))
            rows += [("forecast", f"{outlook.forecast.month} {name}", outlook.currency, None, amount, None) for name, amount in named]
    rows += [
        ("beside the bill", f"{share.name}: {share.team or share.reason}", share.currency, None, share.amount, None)
        for share in showback.others
    ]
    return csv_of(COLUMNS, [*rows, *_reconciled(showback.reconciliations)])


def _reconciled(records: Sequence[Reconciliation]) -> list[Sequence[Cell]]:
    rows: list[Sequence[Cell]] = []
    for record in records:
        for name, amount in parts(record):
            columns = (amount, None) if record.measure == "BilledCost" else (None, amount)
            rows.append(("reconciliation", name, record.currency, *columns, None))
    return rows


def parts(record: Reconciliation) -> tuple[tuple[str, Decimal], ...]:
    """The four parts, their bill, and what is between them, in the order people add them up."""
    return (
        ("allocated", record.allocated),
        ("idle", record.idle),
        ("unallocated", record.unallocated),
        ("not Kubernetes", record.not_kubernetes),
        ("billed", record.billed),
        ("difference", record.difference),
    )
