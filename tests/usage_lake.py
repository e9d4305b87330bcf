"""A real Delta table of usage rows on disk, made by SQL so that thousands of pods cost nothing to write."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from trimtab.adapters.duckdb import DuckDb
from trimtab.adapters.lake_usage import LakeUsage
from trimtab.adapters.store.lake import DeltaLake
from trimtab.records import ClusterUid
from trimtab.tables import USAGE

UID = ClusterUid("uid-1")
START = datetime(2026, 7, 1, tzinfo=UTC)
NOON = datetime(2026, 9, 1, 12, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class UsageBench:
    """A lake, its engine, and a reader over both."""

    lake: DeltaLake
    engine: DuckDb
    folder: Path
    usage: LakeUsage

    def forget(self, *columns: str) -> None:
        """Make the files those of a lake that was written before these columns were there."""
        for file in self.lake.files("usage"):
            old = f"{file}.old"
            Path(file).rename(old)
            with duckdb.connect() as session:
                session.execute(f"COPY (SELECT * EXCLUDE ({', '.join(columns)}) FROM read_parquet('{old}')) TO '{file}' (FORMAT parquet)")
            Path(old).unlink()

    def load(self, *selects: str, days: int, slug: str = "one") -> None:
        """Write the rows of some SELECTs (any columns of the table by name) day by day."""
        columns = [column for column in USAGE if column.name not in {"day", "cluster_slug"}]
        typed = ", ".join(f'CAST("{column.name}" AS {column.sql_type}) AS "{column.name}"' for column in columns)
        nothing = ", ".join(f'NULL AS "{column.name}"' for column in USAGE if column.name not in {"day", "cluster_slug"})
        union = " UNION ALL BY NAME ".join([f"SELECT {nothing} WHERE false", *selects])
        for number in range(days):
            day = START + timedelta(days=number)
            name = str(self.folder / f"{slug}-{number}.parquet")
            with self.engine.session() as session:
                where = f"\"hour\" >= '{day:%Y-%m-%d}' AND \"hour\" < '{day + timedelta(days=1):%Y-%m-%d}'"
                partition = {"cluster_slug": slug, "day": f"d-{day:%Y-%m-%d}"}
                place = f"'{slug}' AS cluster_slug, '{partition['day']}' AS day"
                session.write(f"SELECT {typed}, {place} FROM ({union}) WHERE {where}", name)
            self.lake.replace("usage", partition, [name], application=f"usage/{slug}/{number}", submitted_at=NOON, about={})


def usage_bench(root: Path) -> UsageBench:
    """Empty, below a folder."""
    scratch = root / "scratch"
    scratch.mkdir()
    store = root / "store"
    store.mkdir()
    lake = DeltaLake(f"file://{store}/lake", scratch)
    engine = DuckDb(directories=(store,), scratch=scratch)
    return UsageBench(lake, engine, scratch, LakeUsage(lake=lake, engine=engine))


def hours(days: int, uid: str = UID) -> str:
    """A FROM clause with one row (hour h) for each hour, of a cluster."""
    return (
        f"(SELECT TIMESTAMP '{START:%Y-%m-%d}' + INTERVAL 1 HOUR * i AS hour, i AS h, '{uid}' AS cluster_uid FROM range({24 * days}) t(i))"
    )


def nodes(days: int, *, pool: str = "web", count: int = 1, gpus: int = 0, uid: str = UID) -> str:
    """Node rows."""
    return (
        f"SELECT hour, cluster_uid, '{pool}' AS pool, '{pool}-' || n AS node, 3600 AS seconds, {gpus * 1000} AS gpu_capacity "
        f"FROM {hours(days, uid)}, range({count}) r(n)"
    )


def pods(days: int, called: str, *, count: int = 1, pool: str = "web", uid: str = UID, **columns: object) -> str:
    """Rows of equal pods; every other column as SQL text over `h` (the hour's number) and `n` (the pod's)."""
    given: dict[str, object] = {
        "namespace": "'shop'", "workload_kind": "'Deployment'", "pod": f"'{called}-5d9f-' || lpad(CAST(n AS VARCHAR), 5, '0')",
        "seconds": 3600, "cpu_request": 500, "cpu_used": 100, "cpu_used_max": 200, "memory_request": 1 << 30, "memory_used_max": 1 << 28,
        "gpu_request": 0, "pending": "false", "cpu_limit": 0, "memory_limit": 0, "out_of_memory": 0, "scaled_by": "''",
        "node": f"'{pool}-0'", "pool": f"'{pool}'",
    }  # fmt: skip
    given["workload"] = f"'{called}'"
    named = ", ".join(f'{value} AS "{name}"' for name, value in (given | columns).items())
    return f"SELECT hour, cluster_uid, {named} FROM {hours(days, uid)}, range({count}) r(n)"
