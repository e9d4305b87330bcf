"""One side of the attribution rows in a process of its own: `allocate`, `scan` or `pandas` on a month that lies in a store.

The last line it prints is a JSON object with its seconds (imports and start left out), its peak memory and its totals.
"""

import dataclasses
import json
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

import duckdb

from tests.bench.month import EXPORT, PERIOD, rules
from tests.bench.results import Detail
from tests.bench.timing import peak_mib
from trimtab.adapters.duckdb import PARQUET, DuckDb
from trimtab.adapters.logs import Quiet
from trimtab.adapters.store.lake import DeltaLake
from trimtab.flow.allocate import allocate
from trimtab.ports import Lake, Superseded
from trimtab.records import Json
from trimtab.settings import Settings
from trimtab.tables import ALLOCATED, COST, MONEY, QUANTITY, scan, text_literal
from trimtab.wiring import build

FOLDER = Path("scratch/run/allocated") / EXPORT / PERIOD
"""Below the store: where `allocate` leaves the rows of each day."""
THREADS = 2


@dataclass(slots=True)
class Clocked:
    """The real lake, and when the attributed rows came to it and left it."""

    real: Lake
    came: float = 0.0
    left: float = 0.0
    peak: float = 0.0
    """Peak memory when they came: of attribution alone."""

    def replace(
        self, table: str, partition: Mapping[str, str], parquet: Sequence[str], *, application: str, submitted_at: datetime, about: Json
    ) -> int | Superseded:
        self.came, self.peak = perf_counter(), peak_mib()
        version = self.real.replace(table, partition, parquet, application=application, submitted_at=submitted_at, about=about)
        self.left = perf_counter()
        return version

    def amend(
        self, table: str, partitions: Sequence[Mapping[str, str]], parquet: Sequence[str], *, since: int | None, about: Json
    ) -> int | None:
        return self.real.amend(table, partitions, parquet, since=since, about=about)

    def at(self, table: str, version: int) -> Lake:
        return self.real.at(table, version)

    def version(self, table: str) -> int | None:
        return self.real.version(table)

    def files(self, table: str, partition: Mapping[str, str] | None = None) -> list[str]:
        return self.real.files(table, partition)

    def partitions(self, table: str, partition: Mapping[str, str] | None = None) -> list[dict[str, str]]:
        return self.real.partitions(table, partition)

    def owner(self, table: str, partition: Mapping[str, str]) -> str | None:
        return self.real.owner(table, partition)

    def state(self, table: str, partitions: Sequence[Mapping[str, str]]) -> str:
        return self.real.state(table, partitions)

    def tidy(self, table: str, kept: timedelta) -> int:
        return self.real.tidy(table, kept)

    def release(self, table: str, partition: Mapping[str, str]) -> None:
        self.real.release(table, partition)

    def size(self, table: str, partition: Mapping[str, str] | None = None) -> int:
        return self.real.size(table, partition)


def run_allocate(store: Path) -> Detail:
    """The use case with its real adapters; `seconds` ends where the rows of all days are written and have been reconciled."""
    ports = build(Settings(store=f"file://{store}"), log=Quiet())
    lake = Clocked(ports.lake)
    shutil.rmtree(store / FOLDER, ignore_errors=True)
    start = perf_counter()
    result = allocate(PERIOD, dataclasses.replace(ports, lake=lake), rules(), store / "scratch" / "run", datetime.now(UTC))
    end = perf_counter()
    if isinstance(result.exports[0].version, Superseded):
        raise TypeError("the month was attributed by a newer run meanwhile")
    parts = {line.name: str(line.amounts.effective) for line in result.summary.by_part} | _resources(str(store / FOLDER / "*.parquet"))
    return {
        "seconds": lake.came - start, "commit_seconds": lake.left - lake.came, "summary_seconds": end - lake.left,
        "peak_mib": lake.peak, "rows": result.exports[0].rows, "columns": len(ALLOCATED), "parts": parts,
        "differences": [str(record.difference) for record in result.summary.reconciliations],
    }  # fmt: skip


def run_scan(store: Path) -> Detail:
    """What no attribution can be faster than: the same engine reads the same columns and writes them, a day at a time."""
    out = store / "scratch" / "copy"
    out.mkdir(parents=True, exist_ok=True)
    rows, start = 0, perf_counter()
    with engine(store).session() as session:
        for path in sorted((store / FOLDER).glob("*.parquet")):
            rows += session.write(f"SELECT * FROM read_parquet({text_literal(str(path))})", str(out / path.name))
    return {"seconds": perf_counter() - start, "rows": rows, "columns": len(ALLOCATED)}


def run_pandas(store: Path, days_at_once: int) -> Detail:
    """The same job as data frames, so many days in memory at once. Parquet is read and written by DuckDB, as it is for the others."""
    from tests.bench.pandas_job import attribute

    parts: dict[str, float] = {}
    rows, start = 0, perf_counter()
    with duckdb.connect() as connection:
        _open_month(connection, store)
        for place, (cost, usage) in enumerate(_chunks(connection, days_at_once)):
            found = attribute(cost, usage, rules())
            connection.register("found", found)
            connection.execute(f"COPY (SELECT {TYPED} FROM found) TO {_pandas_file(store, place)} ({PARQUET})")
            connection.unregister("found")
            rows += len(found)
            sums = {str(part): float(amount) for part, amount in found.groupby("x_Part")["EffectiveCost"].sum().items()}
            for part, amount in (sums | {name: float(found[name].sum()) for name in RESOURCES}).items():
                parts[part] = parts.get(part, 0.0) + amount
    return {"seconds": perf_counter() - start, "rows": rows, "columns": len(ALLOCATED), "parts": parts}


RESOURCES = ("x_CpuCost", "x_MemoryCost", "x_GpuCost", "x_GpuIdleCost", "x_CpuSeconds", "x_MemorySeconds", "x_GpuSeconds")


def _resources(files: str) -> dict[str, str]:
    """Sums of the columns by resource, which both sides must agree on too."""
    sums = ", ".join(f'sum("{name}")::VARCHAR' for name in RESOURCES)
    with duckdb.connect() as connection:
        found = connection.execute(f"SELECT {sums} FROM read_parquet({text_literal(files)})").fetchall()[0]
    return dict(zip(RESOURCES, map(str, found), strict=True))


TYPED = ", ".join(f'CAST("{column.name}" AS {column.sql_type}) AS "{column.name}"' for column in ALLOCATED)
USED = (
    "hour", "cluster", "pool", "node", "provider_id", "instance_type", "namespace", "workload", "workload_kind", "pod",
    "labels", "seconds", "cpu_capacity", "memory_capacity", "gpu_capacity", "cpu_request", "cpu_used", "memory_request", "memory_used",
    "gpu_request", "gpu_compute_used",
)  # fmt: skip
"""Columns of usage that pandas reads: no more than it needs."""


def _open_month(connection: duckdb.DuckDBPyConnection, store: Path) -> None:
    lake = DeltaLake(f"file://{store}/default/lake", store / "scratch")
    connection.execute(f"SET threads = {THREADS}; SET memory_limit = '512MB'; SET TimeZone = 'UTC'")
    for table in ("cost", "usage"):
        connection.execute(f"CREATE VIEW {table} AS {scan(table, lake.files(table))}")


def _chunks(connection: duckdb.DuckDBPyConnection, days_at_once: int) -> Iterator[tuple[Any, Any]]:
    """Bill and usage of so many days, as data frames; money and quantities as float64."""
    days = connection.execute("SELECT DISTINCT CAST(hour AS DATE) FROM usage ORDER BY 1").fetchall()
    doubles = ", ".join(f'CAST("{column.name}" AS DOUBLE) AS "{column.name}"' for column in COST if column.sql_type in (MONEY, QUANTITY))
    for at in range(0, len(days), days_at_once):
        first, last = days[at][0], days[min(at + days_at_once, len(days)) - 1][0]
        cost = f"SELECT * REPLACE ({doubles}) FROM cost WHERE CAST(\"ChargePeriodStart\" AS DATE) BETWEEN '{first}' AND '{last}'"
        usage = f"SELECT {', '.join(USED)} FROM usage WHERE CAST(hour AS DATE) BETWEEN '{first}' AND '{last}'"
        yield connection.execute(cost).df(), connection.execute(usage).df()


def _pandas_file(store: Path, place: int) -> str:
    folder = store / "scratch" / "pandas"
    folder.mkdir(parents=True, exist_ok=True)
    return text_literal(str(folder / f"{place:02}.parquet"))


def engine(store: Path) -> DuckDb:
    """The engine as the settings' default makes it."""
    return DuckDb(directories=(store,), scratch=store / "scratch", memory_mb=Settings().memory_mb, threads=THREADS)


def main(side: str, store: Path, days_at_once: int = 0) -> None:
    """Run one side and say what came out."""
    found = run_pandas(store, days_at_once) if side == "pandas" else {"allocate": run_allocate, "scan": run_scan}[side](store)
    print(json.dumps({"peak_mib": peak_mib()} | found | {"total_peak_mib": peak_mib()}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *map(int, sys.argv[3:]))
