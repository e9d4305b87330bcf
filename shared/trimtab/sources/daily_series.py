"""A CSV of days → day and value. Columns `date` and `value`, others are ignored; an empty value is unknown, and so is a missing day."""

import csv
import io
from datetime import date
from decimal import Decimal, InvalidOperation

from trimtab.errors import BadInput, TooLarge

LARGEST = 16 * 1024 * 1024
MOST_DIGITS = 24


def parse_daily_series(content: bytes, place: str) -> dict[date, Decimal]:
    """The known days. Raises BadInput that names the line where a day or value cannot be read, or comes twice."""
    if len(content) > LARGEST:
        raise TooLarge(f"{place}: {len(content)} bytes; at most {LARGEST} are read")
    try:
        reader = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
        missing = {"date", "value"} - set(reader.fieldnames or ())
        if missing:
            raise BadInput(f"{place}: no column {' and '.join(sorted(missing))}; expected date,value")
        return _days(reader, place)
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"{place}: not a CSV in UTF-8: {error}") from None


def _days(reader: "csv.DictReader[str]", place: str) -> dict[date, Decimal]:
    days: dict[date, Decimal] = {}
    for row in reader:
        line = f"{place}:{reader.line_num}"
        day, value = _day(row["date"] or "", line), _value((row["value"] or "").strip(), line)
        if day in days:
            raise BadInput(f"{line}: {day} comes twice; give each day once")
        if value is not None:
            days[day] = value
    return days


def _day(text: str, line: str) -> date:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise BadInput(f"{line}: date: expected YYYY-MM-DD, got {text[:40]!a}") from None


def _value(text: str, line: str) -> Decimal | None:
    """A plain number, or None where the field is empty."""
    if not text:
        return None
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite() or (value and abs(value.adjusted()) > MOST_DIGITS):
        raise BadInput(f"{line}: value: expected a number, or nothing for an unknown day, got {text[:40]!a}")
    return value
