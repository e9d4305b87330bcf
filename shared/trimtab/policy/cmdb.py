"""`.trimtab/owners.csv`: teams and what stands above them, as a CMDB exports it. Rows only; `organization.py` says what they mean together.

Columns `team`, `cost_center`, `business_unit`, `channel`, `valid_from`, `valid_to` in any order; case, blanks, dashes, a byte order mark
and a delimiter of comma, semicolon or tab make no difference. `valid_to` is the first day on which a row no longer holds.
"""

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from io import StringIO

from trimtab.errors import BadInput, TooLarge

OWNERS_CSV = ".trimtab/owners.csv"
COLUMNS = ("team", "cost_center", "business_unit", "channel", "valid_from", "valid_to")
LARGEST = 4 * 1024 * 1024
MOST_ROWS = 50_000
FORMULA = ("=", "+", "-", "@")
"""What a cell begins with that a spreadsheet computes: the file goes back to finance in one."""
LONGEST = {"team": 120}
"""Characters of a value; 64 where nothing is said."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TeamRow:
    """One row; "" = the column is empty or not there."""

    line: int
    """1 = the header, as a spreadsheet counts."""
    team: str
    cost_center: str
    business_unit: str
    channel: str
    valid_from: date | None
    valid_to: date | None


def parse_teams_csv(content: bytes, path: str, *, is_export: bool = False) -> tuple[TeamRow, ...]:
    """The rows of a file. An export (`is_export`) may have columns that are nothing to us; our own file may not.

    Raises BadInput naming row and column, TooLarge where there are more bytes or rows than any company has teams.
    """
    lines = _records(_text(content, path), path)
    names = next(lines, (1, []))[1]
    header = _header(names, path, is_export=is_export)
    rows = tuple(_row(header, line, _cells(cells, len(names), line, path), path) for line, cells in lines if any(map(str.strip, cells)))
    if len(rows) > MOST_ROWS:
        raise TooLarge(f"{path}: {len(rows)} rows; at most {MOST_ROWS} are read")
    return rows


def _text(content: bytes, path: str) -> str:
    if len(content) > LARGEST:
        raise TooLarge(f"{path}: {len(content)} bytes; at most {LARGEST} are read")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise BadInput(f"{path}: row {line}: not UTF-8; export it as CSV UTF-8") from None


def _records(text: str, path: str) -> Iterator[tuple[int, list[str]]]:
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


def _header(cells: Sequence[str], path: str, *, is_export: bool) -> dict[str, int]:
    names = ["_".join(cell.strip().lower().replace("-", " ").replace("_", " ").split()) for cell in cells]
    for place, name in enumerate(names):
        if name in COLUMNS and name in names[:place]:
            raise BadInput(f"{path}: row 1: column {name} stands there twice")
        if name not in COLUMNS and not is_export:
            raise BadInput(f"{path}: row 1: unknown column {ascii(name)[:60]}; known: {', '.join(COLUMNS)}")
    if "team" not in names:
        raise BadInput(f"{path}: row 1: no column team; the columns are {', '.join(COLUMNS)}")
    return {name: place for place, name in enumerate(names) if name in COLUMNS}


def _cells(cells: Sequence[str], width: int, line: int, path: str) -> Sequence[str]:
    """A row's cells. One with more than the header has a comma too many: every column after it would be another's."""
    if any(cell.strip() for cell in cells[width:]):
        raise BadInput(
            f"{path}: row {line}: {len(cells)} cells, and the header has {width}; put a value with a delimiter in it into quotes"
        )
    return cells


def _row(header: dict[str, int], line: int, cells: Sequence[str], path: str) -> TeamRow:
    if len(cells) < max(header.values()) + 1:
        raise BadInput(f"{path}: row {line}: {len(cells)} cells; the header has more")
    texts = {name: _value(cells[header[name]].strip() if name in header else "", name, line, path) for name in COLUMNS}
    first, last = (_day(texts[name], name, line, path) for name in ("valid_from", "valid_to"))
    if first and last and last <= first:
        raise BadInput(f"{path}: row {line}, valid_to: {last} is not after valid_from {first}; it is the first day that no longer counts")
    if not texts["team"]:
        raise BadInput(f"{path}: row {line}, team: empty")
    if texts["business_unit"] and not texts["cost_center"]:
        raise BadInput(f"{path}: row {line}, cost_center: empty, so business unit {texts['business_unit']!r} cannot be reached")
    return TeamRow(
        line=line, team=texts["team"], cost_center=texts["cost_center"], business_unit=texts["business_unit"], channel=texts["channel"],
        valid_from=first, valid_to=last,
    )  # fmt: skip


def _value(text: str, column: str, line: int, path: str) -> str:
    if not text.isprintable():
        raise BadInput(f"{path}: row {line}, {column}: has a character that cannot be printed")
    if text[:1] in FORMULA and len(text) > 1:
        raise BadInput(f"{path}: row {line}, {column}: begins with {text[0]!r}: a spreadsheet would take it for a formula")
    if len(text) > LONGEST.get(column, 64):
        raise BadInput(f"{path}: row {line}, {column}: {len(text)} characters; at most {LONGEST.get(column, 64)}")
    return text


def _day(text: str, column: str, line: int, path: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise BadInput(f"{path}: row {line}, {column}: not a date: {ascii(text)[1:-1]!r}; write 2026-12-20") from None


def teams_csv(rows: Iterable[TeamRow]) -> bytes:
    """The rows as our own file has them, sorted by team and date, so that a new export is a small diff."""
    out = StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in sorted(rows, key=lambda row: (row.team, row.valid_from or date.min)):
        days = (day.isoformat() if day else "" for day in (row.valid_from, row.valid_to))
        writer.writerow([row.team, row.cost_center, row.business_unit, row.channel, *days])
    return out.getvalue().encode()
