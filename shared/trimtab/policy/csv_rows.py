"""CSV files of `.trimtab/`: bytes → rows with their line numbers, whatever a spreadsheet made of delimiter, case and byte order mark."""

import csv
from collections.abc import Iterator, Sequence
from datetime import date
from io import StringIO

from trimtab.errors import BadInput, TooLarge

LARGEST = 4 * 1024 * 1024
FORMULA = ("=", "+", "-", "@")
"""What a cell begins with that a spreadsheet computes: the files go back to finance in one."""


def csv_text(content: bytes, path: str) -> str:
    """The file's text. Raises TooLarge, or BadInput naming the row that is not UTF-8."""
    if len(content) > LARGEST:
        raise TooLarge(f"{path}: {len(content)} bytes; at most {LARGEST} are read")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise BadInput(f"{path}: row {line}: not UTF-8; export it as CSV UTF-8") from None


def csv_lines(text: str, path: str) -> Iterator[tuple[int, list[str]]]:
    """(first line, cells); a quoted cell may hold line breaks."""
    reader = csv.reader(StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise BadInput(f"{path}: row {line}: {error}") from None
        yield line, cells


def _delimiter(text: str) -> str:
    """What parts the header's names: a spreadsheet in a German or French locale writes semicolons."""
    header = text.partition("\n")[0]
    return max(",;\t", key=header.count)


def csv_header(cells: Sequence[str], columns: Sequence[str], path: str, *, is_export: bool = False) -> dict[str, int]:
    """Column → place. An export (`is_export`) may have columns that are nothing to us; our own file may not."""
    names = ["_".join(cell.strip().lower().replace("-", " ").replace("_", " ").split()) for cell in cells]
    for place, name in enumerate(names):
        if name in columns and name in names[:place]:
            raise BadInput(f"{path}: row 1: column {name} stands there twice")
        if name not in columns and not is_export:
            raise BadInput(f"{path}: row 1: unknown column {ascii(name)[:60]}; known: {', '.join(columns)}")
    return {name: place for place, name in enumerate(names) if name in columns}


def csv_cells(cells: Sequence[str], width: int, line: int, path: str) -> Sequence[str]:
    """A row's cells. One with more than the header has a comma too many: every column after it would be another's."""
    if any(cell.strip() for cell in cells[width:]):
        raise BadInput(
            f"{path}: row {line}: {len(cells)} cells, and the header has {width}; put a value with a delimiter in it into quotes"
        )
    return cells


def csv_value(text: str, column: str, line: int, path: str, longest: int) -> str:
    """A text as a person could have typed it, and no formula."""
    if not text.isprintable():
        raise BadInput(f"{path}: row {line}, {column}: has a character that cannot be printed")
    if text[:1] in FORMULA and len(text) > 1:
        raise BadInput(f"{path}: row {line}, {column}: begins with {text[0]!r}: a spreadsheet would take it for a formula")
    if len(text) > longest:
        raise BadInput(f"{path}: row {line}, {column}: {len(text)} characters; at most {longest}")
    return text


def csv_day(text: str, column: str, line: int, path: str) -> date | None:
    """A day, or None for an empty cell."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise BadInput(f"{path}: row {line}, {column}: not a date: {ascii(text)[1:-1]!r}; write 2026-12-20") from None
