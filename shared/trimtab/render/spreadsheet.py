"""Tables as CSV that a spreadsheet opens without running anything in them."""

import csv
import io
from collections.abc import Iterable, Sequence
from decimal import Decimal

_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""A text cell that begins so is a formula to a spreadsheet; with a leading apostrophe it is a text."""

Cell = str | int | Decimal | None


def cell(value: Cell) -> str:
    """A cell's text: numbers as they are, all digits; texts that would act are made texts; None is empty."""
    if value is None:
        return ""
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_STARTS) else value
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def csv_of(columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """RFC 4180 with a header line."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([cell(column) for column in columns])
    writer.writerows([cell(value) for value in row] for row in rows)
    return text.getvalue()
