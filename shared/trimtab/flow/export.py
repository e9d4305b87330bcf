"""The allocated cost as files that any FOCUS reader can load: FOCUS 1.2, the Allocated columns of FOCUS 1.3, then our own x_ columns.

FOCUS asks for custom columns after its own, and for times as text, `YYYY-MM-DDTHH:MM:SSZ`. Nothing else is changed: what a provider's
bill leaves empty is empty here, because the rows of a split must keep the dimensions of their origin.

A team's own files hold its own rows alone, and of a split row neither its share nor the origin's quantities: with its own cost they say
what the others paid.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from trimtab.errors import BadInput
from trimtab.flow.costs import period_slug, rows_of
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
_OF_THE_WHOLE = frozenset({*FOCUS_QUANTITY, "AllocatedMethodDetails"})
"""What a split row says of the row that it was cut from."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Exported:
    """One file: an export's billing period."""

    export: str
    period: str
    rows: int
    path: Path


def export_focus(
    period: str | None, export: str | None, ports: Ports, folder: Path, teams: Sequence[str] | None = None
) -> tuple[Exported, ...]:
    """Write one Parquet file into `folder` for each export and period that is allocated; None = all of them, and everybody's rows.

    Raises BadInput where nothing is allocated for what was asked.
    """
    wanted = {} if period is None else {"x_Period": period_slug(period)}
    wanted |= {} if export is None else {"x_Export": export}
    found = [partition for partition in _partitions(ports) if wanted.items() <= partition.items()]
    if not found:
        raise BadInput(f"{' '.join(wanted.values()) or 'the lake'}: nothing is allocated; run `trimtab allocate` first")
    folder.mkdir(parents=True, exist_ok=True)
    written = tuple(file for file in _written(found, ports, folder, teams) if teams is None or file.rows)
    if not written:
        raise BadInput(f"{' '.join(wanted.values()) or 'the lake'}: nothing in it is of {', '.join(teams or ())}")
    return written


def _partitions(ports: Ports) -> list[dict[str, str]]:
    return ports.lake.partitions("allocated") if ports.lake.version("allocated") is not None else []


def _written(partitions: list[dict[str, str]], ports: Ports, folder: Path, teams: Sequence[str] | None) -> Iterator[Exported]:
    with ports.engine.session() as session:
        for place, partition in enumerate(partitions):
            export, period = partition["x_Export"], partition["x_Period"]
            path = folder / f"{export}-{period.removeprefix('p-')}.focus-1.2.parquet"
            rows = session.write(focus_sql(ports.lake.files("allocated", partition), teams), str(path))
            ports.progress.step(f"writing {path.name}", place + 1, len(partitions))
            yield Exported(export=export, period=period, rows=rows, path=path)


def focus_sql(files: list[str], teams: Sequence[str] | None = None) -> str:
    """A query that gives allocated rows as FOCUS wants them: everybody's, or those of some teams."""
    columns = ", ".join(_time(name) if name in FOCUS_TIME else _own(name, is_cut=teams is not None) for name in COLUMNS)
    return f"SELECT {columns} FROM ({scan('allocated', files)}) AS whole{rows_of(teams)}"


def _own(name: str, *, is_cut: bool) -> str:
    if is_cut and name in _OF_THE_WHOLE:
        return f'CASE WHEN "AllocatedMethodId" IS NULL THEN "{name}" END AS "{name}"'
    return f'"{name}"'


def _time(name: str) -> str:
    """FOCUS, DateTimeFormat: UTC in ISO 8601 with seconds and Z."""
    return f"""replace(CAST(date_trunc('second', "{name}") AS VARCHAR), ' ', 'T') || 'Z' AS "{name}\""""
