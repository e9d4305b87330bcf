"""What a command prints: the answer on stdout, as a table for people or JSON for scripts; everything else on stderr."""

import json
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import is_dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from trimtab.flow.codec import dump


def shown(value: object) -> Text:
    """Any value as text that no markup and no control character can bend."""
    text = "–" if value is None else f"{value:,.2f}" if isinstance(value, Decimal) else str(value)
    return Text("".join(character if character.isprintable() else f"\\x{ord(character):02x}" for character in text))


def print_json(value: object) -> None:
    """One JSON document on stdout."""
    json.dump(plain(value), sys.stdout, ensure_ascii=False, indent=2)
    sys.stdout.write("\n")


def plain(value: object) -> Any:
    """A record, or anything made of records, as what JSON can say; decimals are text, so that no digit is lost."""
    if is_dataclass(value) and not isinstance(value, type):
        return dump(value)
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime | date):
        return value.isoformat()
    return value


def renamed(value: Any, named: Callable[[str], str]) -> Any:
    """What JSON can say, with every text in it as `named` gives it back: people's names for the record's words."""
    if isinstance(value, dict):
        return {key: renamed(item, named) for key, item in value.items()}
    if isinstance(value, list):
        return [renamed(item, named) for item in value]
    return named(value) if isinstance(value, str) else value


def in_lines(name: str, longest: int) -> Text:
    """A long name as several lines, each ending with a slash where one does: nobody reads `previ` and `ews` as one word."""
    lines = [""]
    for part in re.split(r"(?<=/)", name):
        lines[-1:] = [lines[-1] + part] if len(lines[-1]) + len(part) <= longest or not lines[-1] else [lines[-1], part]
    cut = [line[start : start + longest] for line in lines for start in range(0, max(1, len(line)), longest)]
    return Text("\n").join(shown(line) for line in cut)


def print_table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], *, numbers: Sequence[str] = (), whole: Sequence[str] = ()
) -> None:
    """A table on stdout; the columns in `numbers` are right-aligned, those in `whole` never wrapped."""
    table = Table(title=Text(title), title_justify="left", header_style="bold", box=None, pad_edge=False)
    for column in columns:
        table.add_column(Text(column), justify="right" if column in numbers else "left", overflow="fold", no_wrap=column in whole)
    for row in rows:
        table.add_row(*(cell if isinstance(cell, Text) else shown(cell) for cell in row))
    console().print(table)


def print_gap() -> None:
    """An empty line between two tables."""
    console().print()


def console() -> Console:
    """Stdout without markup or emoji; as wide as the terminal, or 120 columns in a pipe."""
    wide = None if sys.stdout.isatty() else 120
    return Console(markup=False, emoji=False, highlight=False, width=wide)


def say(text: str) -> None:
    """A line for people on stderr."""
    Console(stderr=True, markup=False, emoji=False, highlight=False).print(shown(text), soft_wrap=True)
