"""docs/benchmarks.md, made from one run: the rows, and the machine that they were taken on."""

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
Ratios are taken in one run: both sides in turns on the same machine, and the median counts.

| row | what | measured | bar | aim | reached |
|---|---|---|---|---|---|
"""


def page(rows: Sequence[Row], load: float) -> str:
    """The whole page; `load` is the machine's load average over the last 15 minutes."""
    table = "\n".join(row.to_markdown() for row in rows)
    details = "\n\n".join(_detail(row) for row in rows if isinstance(row, Measured))
    return f"{HEAD}{table}\n\n## Machine\n\n{_machine(load)}\n\n## Details\n\n{details}\n"


def _detail(row: Measured) -> str:
    lines = "\n".join(f"- {name.replace('_', ' ')}: {_text(value)}" for name, value in row.detail.items())
    return f"### {row.row}\n\n{lines}"


def _text(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_text(part)}" for name, part in value.items())
    return value if isinstance(value, str) else json.dumps(value)


def _machine(load: float) -> str:
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
