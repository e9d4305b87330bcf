"""Published allocation cases through the real engine: rows in a real lake, the real query, and values equal to the last digit given.

The cases are in a folder, the project's own or the one that TRIMTAB_VECTORS names; a new case there needs no code.
"""

import json
import os
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.vector_entries import ELSEWHERE, ENTRIES
from tests.vector_topology import answer, known

FOLDER = Path(os.environ.get("TRIMTAB_VECTORS") or Path(__file__).parents[1] / "vectors")
CASE = {"id", "options", "upstream_expected", "exact", "reproduces_upstream"}
FILE = {"source", "window_hours", "workloads", "idle", "cases"}
FILES = {path.name: json.loads(path.read_text(), parse_float=Decimal) for path in sorted(FOLDER.glob("*.json"))}


def _cases() -> list[Any]:
    found = [(name, file, case) for name, file in FILES.items() if "cases" in file for case in file["cases"]]
    return [pytest.param(file, case, id=f"{name.removesuffix('.json')}-{case.get('id')}") for name, file, case in found]


def _entries() -> list[Any]:
    found = [(name, key, entry) for name, file in FILES.items() if "cases" not in file for key, entry in file.items()]
    return [pytest.param(key, entry, id=f"{name.removesuffix('.json')}-{key}") for name, key, entry in found if key not in ELSEWHERE]


def test_the_folder_has_cases() -> None:
    """A wrong folder must not look like a folder where all is well."""
    assert _cases() or _entries(), f"{FOLDER}: no file with cases"


@pytest.mark.parametrize(("file", "case"), _cases())
def test_the_engine_gives_the_exact_values(file: dict[str, Any], case: dict[str, Any]) -> None:
    known(file, FILE, "file")
    known(case, CASE, f"case {case.get('id')}")

    told = answer(_floats_as_text(file), case)

    assert {name: _to(value, case["exact"].get(name)) for name, value in told.items()} == {
        name: Decimal(value) for name, value in case["exact"].items() if value
    }


@pytest.mark.parametrize(("key", "entry"), _entries())
def test_the_engine_gives_what_was_published(key: str, entry: dict[str, Any]) -> None:
    assert key in ENTRIES, f"{key}: no test knows this entry; write it as a case (workloads, idle, cases), or add it to vector_entries.py"

    ENTRIES[key](entry)


def _to(value: Decimal, expected: Any) -> Decimal:
    """Rounded to the digits that the file gives, at least six: an exact value that ends earlier must be met exactly there."""
    digits = max(6, -int(Decimal(expected).as_tuple().exponent)) if expected is not None else 6
    return value.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_EVEN)


def _floats_as_text(value: Any) -> Any:
    """Decimals of the file as text, so that the lake is written without a float in between."""
    if isinstance(value, dict):
        return {key: _floats_as_text(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_floats_as_text(item) for item in value]
    return str(value) if isinstance(value, Decimal) else value
