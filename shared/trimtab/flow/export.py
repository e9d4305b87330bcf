"""The allocated cost as files that any FOCUS reader can load: FOCUS 1.2, the Allocated columns of FOCUS 1.3, then our own x_ columns.

FOCUS asks for custom columns after its own, and for times as text, `YYYY-MM-DDTHH:MM:SSZ`. Nothing else is changed: what a provider's
bill leaves empty is empty here, because the rows of a split must keep the dimensions of their origin.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from trimtab.errors import BadInput
from trimtab.flow.costs import period_slug
from trimtab.ports import Ports
from trimtab.tables import ALLOCATED, FOCUS_MONEY, FOCUS_QUANTITY, FOCUS_TEXT, FOCUS_TIME, scan

FOCUS = tuple(sorted((*FOCUS_TEXT, *FOCUS_MONEY, *FOCUS_QUANTITY, *FOCUS_TIME)))
_NAMES = tuple(column.name for column in ALLOCATED)
COLUMNS = (
    *FOCUS,
    *sorted(name for name in _NAMES if name.startswith("Allocated")),
    *(name for name in _NAMES if name.startswith("x_")),
)
"""In the order of the files."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Exported:
    """One file: an export's billing period."""

    export: str
    period: str
    rows: int
    path: Path


def export_focus(period: str | None, export: str | None, ports: Ports, folder: Path) -> tuple[Exported, ...]:
    """Write one Parquet file into `folder` for each export and period that is allocated; None = all of them.

    Raises BadInput where nothing is allocated for what was asked.
    """
    wanted = {} if period is None else {"x_Period": period_slug(period)}
    wanted |= {} if export is None else {"x_Export": export}
    found = [partition for partition in _partitions(ports) if wanted.items() <= partition.items()]
    if not found:
        raise BadInput(f"{' '.join(wanted.values()) or 'the lake'}: nothing is allocated; run `trimtab allocate` first")
    folder.mkdir(parents=True, exist_ok=True)
    return tuple(_written(found, ports, folder))


def _partitions(ports: Ports) -> list[dict[str, str]]:
    return ports.lake.partitions("allocated") if ports.lake.version("allocated") is not None else []


def _written(partitions: list[dict[str, str]], ports: Ports, folder: Path) -> Iterator[Exported]:
    with ports.engine.session() as session:
        for place, partition in enumerate(partitions):
            export, period = partition["x_Export"], partition["x_Period"]
            path = folder / f"{export}-{period.removeprefix('p-')}.focus-1.2.parquet"
            rows = session.write(focus_sql(ports.lake.files("allocated", partition)), str(path))
            ports.progress.step(f"writing {path.name}", place + 1, len(partitions))
            yield Exported(export=export, period=period, rows=rows, path=path)


def focus_sql(files: list[str]) -> str:
    """A query that gives allocated rows as FOCUS wants them."""
    columns = ", ".join(_time(name) if name in FOCUS_TIME else f'"{name}"' for name in COLUMNS)
    return f"SELECT {columns} FROM ({scan('allocated', files)})"


def _time(name: str) -> str:
    """FOCUS, DateTimeFormat: UTC in ISO 8601 with seconds and Z."""
    return f"""replace(CAST(date_trunc('second', "{name}") AS VARCHAR), ' ', 'T') || 'Z' AS "{name}\""""
