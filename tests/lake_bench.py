"""A lake to test with: an engine that makes cost rows for it and reads them back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from deltalake import DeltaTable

from trimtab.adapters.duckdb import DuckDb
from trimtab.adapters.store.lake import DeltaLake
from trimtab.ports import Superseded
from trimtab.tables import COST, scan

if TYPE_CHECKING:
    from tests.contract.conftest import Place

JULY = {"x_Export": "aws", "x_Period": "p-2026-07"}
AUGUST = {"x_Export": "aws", "x_Period": "p-2026-08"}
NOON = datetime(2026, 8, 1, 12, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Bench:
    """A lake, and an engine that makes rows for it and reads them back."""

    lake: DeltaLake
    engine: DuckDb
    folder: Path

    def rows(self, name: str, *costs: str, partition: Mapping[str, str] = JULY) -> str:
        """A Parquet file with one cost row per amount."""
        values = {**partition, "ChargePeriodStart": "2026-07-01 05:00:00"}
        columns = ", ".join(
            f"CAST({'cost' if column.name == 'BilledCost' else repr(values[column.name]) if column.name in values else 'NULL'}"
            f' AS {column.sql_type}) AS "{column.name}"'
            for column in COST
        )
        source = f"FROM (VALUES {', '.join(f'({cost})' for cost in costs) or '(NULL)'}) AS t(cost) WHERE {str(bool(costs)).lower()}"
        with self.engine.session() as session:
            session.write(f"SELECT {columns} {source}", str(self.folder / name))
        return str(self.folder / name)

    def billed(self, files: Sequence[str]) -> list[tuple[object, ...]]:
        """Per period: rows, sum and earliest charge."""
        what = '"x_Period", count(*), sum("BilledCost")::VARCHAR, min("ChargePeriodStart")'
        sql = f"SELECT {what} FROM ({scan('cost', files)}) GROUP BY 1 ORDER BY 1"
        with self.engine.session() as session:
            return session.rows(sql)

    def load(self, file: str, at: datetime, partition: Mapping[str, str] = JULY) -> int | Superseded:
        """Replace a partition by a file."""
        application = f"{partition['x_Export']}/{partition['x_Period']}"
        return self.lake.replace("cost", partition, [file], application=application, submitted_at=at, about={"run": file[-5:]})

    def delta(self) -> DeltaTable:
        """The table as deltalake sees it."""
        return DeltaTable(f"{self.lake.url}/cost", storage_options=dict(self.lake.options))


def bench_at(place: "Place", folder: Path) -> Bench:
    scratch = folder / "scratch"
    scratch.mkdir(exist_ok=True)
    disk = folder / "store"
    return Bench(
        DeltaLake(f"{place.url}/lake", scratch, place.options), DuckDb(directories=(disk,), scratch=scratch, memory_mb=200), scratch
    )
