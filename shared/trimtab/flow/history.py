"""History from the clouds' billing APIs: days before the first export, kept as a document, so that a first forecast exists.

It is no bill: nothing is attributed, reconciled or closed with it. Where an export has a bill for a month, the bill's days count.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from trimtab.attribution.summary import Summary
from trimtab.errors import BadInput, Broken
from trimtab.ports import CostHistory, Documents, Ports
from trimtab.records import Json
from trimtab.sources.billing_history import HistoryDay, check_range

PREFIX = "history/"
Days = Mapping[date, Decimal]


@dataclass(frozen=True, kw_only=True, slots=True)
class Imported:
    """What is kept for an export now."""

    export: str
    source: str
    days: int
    first: date
    last: date
    totals: tuple[tuple[str, Decimal], ...]
    """Per currency, exact."""
    warning: str = ""
    """What may be wrong with it; "" = nothing is."""


def import_history(export: str, source: CostHistory, start: date, end: date, ports: Ports, now: datetime) -> Imported:
    """Ask for the days from `start` to before `end` and keep them, beside those kept before; the newest answer for a day holds.

    Raises BadInput where the range is wrong or nothing was billed in it, Upstream where the API fails: then nothing is changed.
    """
    check_range(start, min(end, now.date()))
    answered = source.days(start, min(end, now.date()))
    if not answered:
        raise BadInput(f"{source.name}: no cost from {start} to {end}; check account, scope and dates")
    told = {day.day for day in answered}
    before = {key: amount for key, amount in _read(ports.documents, export).items() if key[1] not in told}
    kept = before | _sums(answered)
    ports.documents.publish(f"{PREFIX}{export}", _document(export, source.name, kept, now))
    found = [day for _, day in kept]
    return Imported(
        export=export, source=source.name, days=len(set(found)), first=min(found), last=max(found), warning=_misnamed(export, ports),
        totals=tuple((currency, sum((v for (c, _), v in kept.items() if c == currency), Decimal(0))) for currency in _currencies(kept)),
    )  # fmt: skip


def _misnamed(export: str, ports: Ports) -> str:
    """A bill takes the place of its own export's history alone: under another name both would count."""
    documents = [ports.documents.find(key) for key in ports.documents.keys("summaries/all/")]
    billed = {line.name for document in documents if document for line in Summary.from_json(document).by_export if line.name}
    if not billed or export in billed:
        return ""
    return (
        f"no bill of export {export} is allocated, only of {', '.join(sorted(billed))}: if these days are those of one of them, import "
        "them under its name, or they count twice"
    )


def history_of(ports: Ports) -> dict[str, dict[str, dict[date, Decimal]]]:
    """Export → currency → day → cost, as far as it was imported."""
    found: dict[str, dict[str, dict[date, Decimal]]] = {}
    for key in ports.documents.keys(PREFIX):
        series: dict[str, dict[date, Decimal]] = defaultdict(dict)
        for (currency, day), amount in _read(ports.documents, key.removeprefix(PREFIX)).items():
            series[currency][day] = amount
        found[key.removeprefix(PREFIX)] = dict(series)
    return found


def _sums(days: Iterable[HistoryDay]) -> dict[tuple[str, date], Decimal]:
    sums: dict[tuple[str, date], Decimal] = defaultdict(Decimal)
    for day in days:
        sums[day.currency, day.day] += day.amount
    return dict(sums)


def _currencies(kept: Iterable[tuple[str, date]]) -> list[str]:
    return sorted({currency for currency, _ in kept})


def _document(export: str, source: str, kept: Mapping[tuple[str, date], Decimal], now: datetime) -> Json:
    series: dict[str, dict[str, str]] = defaultdict(dict)
    for (currency, day), amount in sorted(kept.items()):
        series[currency][day.isoformat()] = f"{amount:f}"
    return {"export": export, "source": source, "read_at": now.isoformat(), "days": {name: dict(days) for name, days in series.items()}}


def _read(documents: Documents, export: str) -> dict[tuple[str, date], Decimal]:
    document: Any = documents.find(f"{PREFIX}{export}") or {}
    try:
        series = document.get("days") or {}
        return {
            (str(currency), date.fromisoformat(day)): Decimal(str(amount))
            for currency, days in series.items()
            for day, amount in days.items()
        }
    except (AttributeError, ValueError, InvalidOperation):
        raise Broken(f"{PREFIX}{export}: no history of ours; delete it and import it again") from None
