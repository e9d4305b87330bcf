"""Dated exchange rates for a second, reporting column. Two currencies are never added without one, and a rate is never guessed.

The table is a CSV with the columns date, from, to, rate: one unit of `from` is `rate` units of `to` on that date. A charge takes the
rate of its own day, or the last one before it within a week (weekends and holidays have none). Nothing is inverted or chained: the rate
for selling a currency is not one divided by the rate for buying it.
"""

import csv
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from io import StringIO

from trimtab.errors import BadInput

COLUMNS = ("date", "from", "to", "rate")
OLDEST = timedelta(days=7)
"""How old a rate may be on the day of a charge."""
PLACES = 12
DIGITS = 12
"""Decimals of a rate, and digits before its point: what fits beside money in one multiplication."""
_CURRENCY = re.compile(r"[A-Z]{3}")


@dataclass(frozen=True, slots=True)
class ExchangeRates:
    """(from, to) → day → rate."""

    rates: Mapping[tuple[str, str], Mapping[date, Decimal]]

    def on(self, day: date, source: str, target: str) -> Decimal | None:
        """The rate of that day, or the last before it within a week; None = there is none. A currency in itself is 1."""
        if source == target:
            return Decimal(1)
        known = self.rates.get((source, target), {})
        days = (day - timedelta(days=back) for back in range(OLDEST.days + 1))
        return next((known[one] for one in days if one in known), None)


def parse_rates(content: bytes, name: str) -> ExchangeRates:
    """A table of rates. Raises BadInput naming file, line and what is wrong there."""
    try:
        lines = list(csv.reader(StringIO(content.decode("utf-8-sig")), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"{name}: not a CSV file in UTF-8: {error}") from None
    if not lines or tuple(cell.strip().lower() for cell in lines[0]) != COLUMNS:
        raise BadInput(f"{name}: line 1: expected the columns {','.join(COLUMNS)}")
    found: dict[tuple[str, str], dict[date, Decimal]] = {}
    for number, line in enumerate(lines[1:], start=2):
        if any(cell.strip() for cell in line):
            _add(found, line, f"{name}: line {number}")
    return ExchangeRates(found)


def _add(found: dict[tuple[str, str], dict[date, Decimal]], line: list[str], place: str) -> None:
    if len(line) != len(COLUMNS):
        raise BadInput(f"{place}: {len(line)} cells; expected {','.join(COLUMNS)}")
    day_text, source, target, rate_text = (cell.strip() for cell in line)
    for currency in (source, target):
        if not _CURRENCY.fullmatch(currency):
            raise BadInput(f"{place}: {currency!r} is no currency code; expected three capital letters, as in EUR")
    day, rate = _day(day_text, place), _rate(rate_text, place)
    known = found.setdefault((source, target), {})
    if known.setdefault(day, rate) != rate:
        raise BadInput(f"{place}: {source} to {target} on {day} stands there twice with different rates")
    if source == target and rate != 1:
        raise BadInput(f"{place}: {source} to itself is 1")


def _day(text: str, place: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadInput(f"{place}: {text!r} is no date; expected YYYY-MM-DD") from None


def _rate(text: str, place: str) -> Decimal:
    try:
        rate = Decimal(text)
    except InvalidOperation:
        rate = Decimal("NaN")
    if not rate.is_finite() or rate <= 0 or rate >= Decimal(10) ** DIGITS or rate != round(rate, PLACES):
        raise BadInput(f"{place}: {text!r} is no rate; expected a number above zero with at most {PLACES} decimals")
    return rate


def day_rates(
    rates: ExchangeRates, days: Iterable[tuple[str, date]], target: str
) -> tuple[dict[tuple[str, date], Decimal], tuple[str, ...]]:
    """(currency, day) → its rate into `target`, and what is missing, by name: "GBP on 2026-07-04"."""
    found: dict[tuple[str, date], Decimal] = {}
    missing: list[str] = []
    for currency, day in sorted(set(days)):
        rate = rates.on(day, currency, target)
        if rate is None:
            missing.append(f"{currency} on {day}")
        else:
            found[currency, day] = rate
    return found, tuple(missing)
