"""`.trimtab/owners.csv`: teams and what stands above them, as a CMDB exports it. Rows only; `organization.py` says what they mean together.

Columns `team`, `cost_center`, `business_unit`, `channel`, `valid_from`, `valid_to` in any order; case, blanks, dashes, a byte order mark
and a delimiter of comma, semicolon or tab make no difference. `valid_to` is the first day on which a row no longer holds.
"""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from io import StringIO

from trimtab.errors import BadInput, TooLarge
from trimtab.policy.csv_rows import csv_cells, csv_day, csv_header, csv_lines, csv_text, csv_value

OWNERS_CSV = ".trimtab/owners.csv"
COLUMNS = ("team", "cost_center", "business_unit", "channel", "valid_from", "valid_to")
MOST_ROWS = 50_000
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
    lines = csv_lines(csv_text(content, path), path)
    names = next(lines, (1, []))[1]
    header = csv_header(names, COLUMNS, path, is_export=is_export)
    if "team" not in header:
        raise BadInput(f"{path}: row 1: no column team; the columns are {', '.join(COLUMNS)}")
    rows = tuple(_row(header, line, csv_cells(cells, len(names), line, path), path) for line, cells in lines if any(map(str.strip, cells)))
    if len(rows) > MOST_ROWS:
        raise TooLarge(f"{path}: {len(rows)} rows; at most {MOST_ROWS} are read")
    return rows


def _row(header: dict[str, int], line: int, cells: Sequence[str], path: str) -> TeamRow:
    if len(cells) < max(header.values()) + 1:
        raise BadInput(f"{path}: row {line}: {len(cells)} cells; the header has more")
    texts = {
        name: csv_value(cells[header[name]].strip() if name in header else "", name, line, path, LONGEST.get(name, 64)) for name in COLUMNS
    }
    first, last = (csv_day(texts[name], name, line, path) for name in ("valid_from", "valid_to"))
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


def teams_csv(rows: Iterable[TeamRow]) -> bytes:
    """The rows as our own file has them, sorted by team and date, so that a new export is a small diff."""
    out = StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in sorted(rows, key=lambda row: (row.team, row.valid_from or date.min)):
        days = (day.isoformat() if day else "" for day in (row.valid_from, row.valid_to))
        writer.writerow([row.team, row.cost_center, row.business_unit, row.channel, *days])
    return out.getvalue().encode()
