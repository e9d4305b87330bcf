"""`.trimtab/drivers.csv`: what shared cost is divided by that no cluster measures: queries, requests, seats.

Columns `driver`, `from`, `to`, `cluster`, `namespace`, `team`, `value` in any order. A row is what one namespace (or one team) counts in
every hour of its days; `to` is the first day on which it no longer counts, and without one the row is of its one day.
"""

import re
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

from trimtab.errors import BadInput, TooLarge
from trimtab.policy.csv_rows import csv_cells, csv_day, csv_header, csv_lines, csv_text, csv_value
from trimtab.records import ShareWeight

DRIVERS_CSV = ".trimtab/drivers.csv"
COLUMNS = ("driver", "from", "to", "cluster", "namespace", "team", "value")
MOST_ROWS = 100_000
_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")
_VALUE = re.compile(r"[0-9]{1,12}(\.[0-9]{1,6})?")
Drivers = dict[str, tuple[ShareWeight, ...]]


def parse_drivers(content: bytes, path: str) -> Drivers:
    """Driver → what each consumer counts. Raises BadInput naming row and column; an overlap of one consumer's days counts nobody twice."""
    lines = csv_lines(csv_text(content, path), path)
    names = next(lines, (1, []))[1]
    header = csv_header(names, COLUMNS, path)
    missing = [name for name in ("driver", "from", "value") if name not in header]
    if missing:
        raise BadInput(f"{path}: row 1: no column {missing[0]}; the columns are {', '.join(COLUMNS)}")
    found: dict[str, list[tuple[int, ShareWeight]]] = {}
    for number, (line, cells) in enumerate(row for row in lines if any(map(str.strip, row[1]))):
        if number >= MOST_ROWS:
            raise TooLarge(f"{path}: over {MOST_ROWS} rows; at most {MOST_ROWS} are read")
        texts = _texts(header, csv_cells(cells, len(names), line, path), line, path)
        found.setdefault(texts["driver"], []).append((line, _weight(texts, line, path)))
    for rows in found.values():
        _check_overlaps(rows, path)
    return {name: tuple(weight for _, weight in rows) for name, rows in found.items()}


def _texts(header: dict[str, int], row: Sequence[str], line: int, path: str) -> dict[str, str]:
    return {
        name: csv_value(row[header[name]].strip() if name in header and header[name] < len(row) else "", name, line, path, 253)
        for name in COLUMNS
    }


def _weight(texts: dict[str, str], line: int, path: str) -> ShareWeight:
    if not _NAME.fullmatch(texts["driver"]):
        raise BadInput(f"{path}: row {line}, driver: {texts['driver']!a} is no name; write one like queries or api-requests")
    if not _VALUE.fullmatch(texts["value"]):
        raise BadInput(f"{path}: row {line}, value: {texts['value']!a}: expected a number of at least 0, at most 12 digits and 6 decimals")
    if bool(texts["team"]) == bool(texts["namespace"]):
        raise BadInput(f"{path}: row {line}: needs either a namespace or a team")
    if texts["team"] and texts["cluster"]:
        raise BadInput(f"{path}: row {line}, cluster: a team counts in all clusters; leave it empty")
    first, last = _days(texts, line, path)
    return ShareWeight(
        value=int(Decimal(texts["value"]) * 1_000_000), team=texts["team"] or None, cluster=texts["cluster"] or None,
        namespace=texts["namespace"] or None, valid_from=first, valid_to=last,
    )  # fmt: skip


def _days(texts: dict[str, str], line: int, path: str) -> tuple[date, date]:
    first, last = (csv_day(texts[name], name, line, path) for name in ("from", "to"))
    if first is None:
        raise BadInput(f"{path}: row {line}, from: empty; write the day it counts on")
    if last is not None and last <= first:
        raise BadInput(f"{path}: row {line}, to: {last} is not after {first}; it is the first day that no longer counts")
    return first, last or first + timedelta(days=1)


def _check_overlaps(rows: list[tuple[int, ShareWeight]], path: str) -> None:
    """One consumer counts once on any day: the same row twice is one row too many."""
    order = sorted(rows, key=lambda row: (_consumer(row[1]), row[1].valid_from or date.min, row[0]))
    for (_, before), (line, after) in pairwise(order):
        if _consumer(before) == _consumer(after) and (after.valid_from or date.min) < (before.valid_to or date.max):
            who = after.team or "/".join(filter(None, (after.cluster, after.namespace)))
            raise BadInput(f"{path}: row {line}: {who} has a row for {after.valid_from} already")


def _consumer(weight: ShareWeight) -> tuple[str, str, str]:
    return weight.team or "", weight.cluster or "", weight.namespace or ""
