"""docs/observability.md prints the tables of the code, and names only events that are written; TRIMTAB_GOLDEN=write prints them anew."""

import os
import re
from pathlib import Path

from trimtab.adapters.logs import LONGEST
from trimtab.meters import METERS, Meter
from trimtab.receive_settings import SHORTEST_SECRET
from trimtab.render.openmetrics import FAMILIES

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "observability.md"


def meter_row(meter: Meter) -> str:
    asked = "".join(f", `{name}` = `{value}`" for name, value in meter.when.items())
    measured = f", its `{meter.value}`" if meter.value else ""
    by = ", ".join(f"`{name}`" for name in meter.by) or "–"
    return f"| `{meter.name}` | {meter.unit} | {by} | {meter.about} | `{meter.event}`{asked}{measured} |"


def family_row(name: str) -> str:
    labels = ", ".join(f"`{label}`" for label in FAMILIES[name].labels) or "–"
    return f"| `{name}` | {labels} | {FAMILIES[name].about} |"


def printed(page: str) -> str:
    """The page with its tables as the code has them."""
    tables = {
        "meters": ["| metric | unit | by | what it is | made of |", "|---|---|---|---|---|", *map(meter_row, METERS)],
        "families": ["| metric | labels | what it is |", "|---|---|---|", *map(family_row, FAMILIES)],
    }
    for name, lines in tables.items():
        before, begin, rest = page.partition(f"<!-- {name} -->\n")
        _, end, after = rest.partition(f"<!-- /{name} -->")
        page = before + begin + "\n".join(lines) + "\n" + end + after
    return page


def test_the_tables_of_the_page_are_those_of_the_code() -> None:
    if os.environ.get("TRIMTAB_GOLDEN") == "write":
        PAGE.write_text(printed(PAGE.read_text()))

    assert PAGE.read_text() == printed(PAGE.read_text())


def test_every_event_that_the_page_explains_is_written_by_the_code() -> None:
    text = PAGE.read_text()
    table = text[text.index("| event | fields") : text.index("## Metrics of the functions")]
    events = re.findall(r"^\| `([a-z.-]+)` \|", table, re.MULTILINE)
    sources = "\n".join(path.read_text() for path in (ROOT / "shared" / "trimtab" / "flow").glob("*.py"))

    assert len(events) == 8
    assert [event for event in events if not re.search(rf'log\.(?:info|warning)\(\s*"{re.escape(event)}"', sources)] == []
    assert {meter.event for meter in METERS} <= set(events)


def test_the_numbers_of_the_page_are_those_of_the_code() -> None:
    text = PAGE.read_text()

    assert f"cut at {LONGEST} characters" in text
    assert f"({SHORTEST_SECRET} characters or more)" in text
