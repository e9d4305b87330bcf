"""What the clouds' billing APIs say of days before the first export: daily amortized cost, enough for a first forecast.

AWS Cost Explorer `GetCostAndUsage` and Azure Cost Management `Query - Usage`, as plain JSON. Amounts stay the decimals that stand there.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from trimtab.errors import BadInput
from trimtab.records import Json

METRIC = "AmortizedCost"
"""Cost Explorer's name for what FOCUS calls EffectiveCost; Azure's query type has the same name."""
CURRENCY = re.compile(r"[A-Z]{3}")
LONGEST = timedelta(days=425)
"""Cost Explorer keeps 14 months of days."""


@dataclass(frozen=True, kw_only=True, slots=True)
class HistoryDay:
    """One day's cost in one currency."""

    day: date
    currency: str
    amount: Decimal


def check_range(start: date, end: date) -> None:
    """Raise BadInput for a range that no API answers."""
    if not timedelta() < end - start <= LONGEST:
        raise BadInput(f"history from {start} to {end}: expected at least a day and at most {LONGEST.days}; the end is not part of it")


# ── AWS ──────────────────────────────────────────────────────────────────────────────────────────────────────────────
def cost_explorer_request(start: date, end: date, page: str | None) -> dict[str, Any]:
    """Arguments of GetCostAndUsage; `end` is exclusive, as there."""
    wanted = {"TimePeriod": {"Start": start.isoformat(), "End": end.isoformat()}, "Granularity": "DAILY", "Metrics": [METRIC]}
    return wanted | ({"NextPageToken": page} if page else {})


def cost_explorer_days(answer: Json) -> tuple[HistoryDay, ...]:
    """One page of GetCostAndUsage. Raises BadInput that names the day."""
    return tuple(_aws_day(entry) for entry in _list(answer, "ResultsByTime", "Cost Explorer"))


def _aws_day(entry: Any) -> HistoryDay:
    try:
        start, total = str(entry["TimePeriod"]["Start"]), entry["Total"][METRIC]
        return _day(start[:10], str(total["Unit"]), str(total["Amount"]), "Cost Explorer")
    except (KeyError, TypeError):
        raise BadInput(f"Cost Explorer: a day without {METRIC}: {ascii(entry)[:80]}") from None


# ── Azure ────────────────────────────────────────────────────────────────────────────────────────────────────────────
def azure_request(start: date, end: date) -> Json:
    """Body of Query - Usage for one stretch of days; `end` is exclusive here, and the last day there."""
    last = end - timedelta(days=1)
    return {
        "type": METRIC,
        "timeframe": "Custom",
        "timePeriod": {"from": f"{start}T00:00:00Z", "to": f"{last}T23:59:59Z"},
        "dataset": {"granularity": "Daily", "aggregation": {"totalCost": {"name": "Cost", "function": "Sum"}}},
    }


def azure_days(answer: Json) -> tuple[HistoryDay, ...]:
    """One page of Query - Usage; its rows are lists in the order of its columns. Raises BadInput that names the row."""
    properties = answer.get("properties")
    if not isinstance(properties, dict):
        raise BadInput("Cost Management: an answer without properties")
    names = [str(column.get("name")) for column in _list(properties, "columns", "Cost Management")]
    try:
        places = {wanted: names.index(wanted) for wanted in ("Cost", "UsageDate", "Currency")}
    except ValueError:
        raise BadInput(f"Cost Management: expected the columns Cost, UsageDate and Currency, got {', '.join(names)}") from None
    return tuple(_azure_day(row, places) for row in _list(properties, "rows", "Cost Management"))


def _azure_day(row: Any, places: dict[str, int]) -> HistoryDay:
    try:
        text = str(row[places["UsageDate"]])
        return _day(f"{text[:4]}-{text[4:6]}-{text[6:8]}", str(row[places["Currency"]]), str(row[places["Cost"]]), "Cost Management")
    except (IndexError, TypeError):
        raise BadInput(f"Cost Management: a row that is shorter than its columns: {ascii(row)[:80]}") from None


def azure_next(answer: Json) -> str | None:
    """URL of the next page, or None."""
    properties = answer.get("properties")
    link = properties.get("nextLink") if isinstance(properties, dict) else None
    return str(link) if link else None


def months(start: date, end: date) -> Iterator[tuple[date, date]]:
    """The range cut at the first of each month: a query of a month stays below the API's row limit."""
    while start < end:
        following = date(start.year + start.month // 12, start.month % 12 + 1, 1)
        yield start, min(end, following)
        start = following


# ── both ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
def _list(value: Json, key: str, place: str) -> list[Any]:
    found = value.get(key)
    if not isinstance(found, list):
        raise BadInput(f"{place}: an answer without {key}")
    return found


def _day(day: str, currency: str, amount: str, place: str) -> HistoryDay:
    try:
        exact = Decimal(amount)
        at = date.fromisoformat(day)
    except (InvalidOperation, ValueError):
        raise BadInput(f"{place}: {ascii(day)[:40]}: {ascii(amount)[:40]} is no day with an amount") from None
    if not exact.is_finite() or CURRENCY.fullmatch(currency) is None:
        raise BadInput(f"{place}: {at}: {ascii(amount)[:40]} {ascii(currency)[:20]} is no amount in a currency")
    return HistoryDay(day=at, currency=currency, amount=exact)
