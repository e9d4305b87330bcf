"""docs/benchmarks.md: every row as it was measured last, and the machine that it was taken on."""

import json
import os
import platform
import re
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from tests.bench.results import Measured, Row

PARTS = ("duckdb", "deltalake", "obstore", "numpy", "pandas", "ruamel.yaml", "awslambdaric", "functions-framework")
HEAD = """# Benchmarks

Made by `tests/bench/run.py --markdown docs/benchmarks.md` (`make bench` prints the same rows as JSON); do not edit by hand.
A row that is named (`run.py edit-5000-lines --markdown …`) is measured anew, the others stay.
Ratios are taken in one run: both sides in turns on the same machine, and the median counts.

| row | what | measured | bar | aim | reached |
|---|---|---|---|---|---|
"""


def page(rows: Sequence[Row], load: float, names: Sequence[str], before: str = "") -> str:
    """The whole page, in the order of `names`; a row that was not measured now stays as the page `before` has it.

    `load` is the machine's load average over the last 15 minutes.
    """
    lines = _lines(before) | {row.row: row.to_markdown() for row in rows}
    parts = _parts(before) | {row.row: _detail(row) for row in rows if isinstance(row, Measured)}
    table = "\n".join(lines[name] for name in names if name in lines)
    details = "\n\n".join(parts[name] for name in names if name in parts)
    return f"{HEAD}{table}\n\n## Machine of the newest rows\n\n{machine(load)}\n\n## Details\n\n{details}\n"


def _lines(page: str) -> dict[str, str]:
    """Row → its line of the table."""
    return {name: line for line, name in re.findall(r"^(\| ([a-z0-9-]+) \| .*)$", page, re.MULTILINE)}


def _parts(page: str) -> dict[str, str]:
    """Row → its section of details."""
    return {section.split("\n", 1)[0].removeprefix("### "): section.strip() for section in re.split(r"\n(?=### )", page)[1:]}


def _detail(row: Measured) -> str:
    lines = "\n".join(f"- {name.replace('_', ' ')}: {_text(value)}" for name, value in row.detail.items())
    return f"### {row.row}\n\n{lines}"


def _text(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_text(part)}" for name, part in value.items())
    return value if isinstance(value, str) else json.dumps(value)


def machine(load: float) -> str:
    """What it was measured on, as a list."""
    versions = ", ".join(f"{name} {version(name)}" for name in PARTS)
    return "\n".join((
        f"- {os.cpu_count()} cores ({_named('/proc/cpuinfo', 'model name')}), {_memory_gib():.0f} GiB of memory, {platform.system()}",
        f"- load average over the 15 minutes before the end of the run: {load:.1f}",
        f"- Python {platform.python_version()}, {versions}",
    ))  # fmt: skip


def _memory_gib() -> float:
    return int(_named("/proc/meminfo", "MemTotal").split()[0]) / (1 << 20)


def _named(path: str, name: str) -> str:
    """The first value of that name; "unknown" cannot be a number, so memory must be there."""
    found = re.search(rf"^{re.escape(name)}\s*:\s*(.+)$", Path(path).read_text(), re.MULTILINE)
    return found[1] if found else "unknown processor"
