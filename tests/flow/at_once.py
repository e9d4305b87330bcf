"""Several who do something in the same moment; and drops that land on one usage table so."""

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier
from types import SimpleNamespace
from typing import cast

import duckdb

from trimtab.adapters.duckdb import DuckDb
from trimtab.adapters.logs import Quiet
from trimtab.adapters.progress import Silent
from trimtab.adapters.store.buckets import StoreBuckets
from trimtab.adapters.store.lake import DeltaLake
from trimtab.errors import Upstream
from trimtab.flow.ingest_usage import ingest_usage
from trimtab.ports import Ports
from trimtab.records import Json
from trimtab.sources.usage import COLUMNS
from trimtab.tables import scan, text_literal

DAY = datetime(2026, 7, 31, tzinfo=UTC)


def at_once(acts: Sequence[Callable[[], object]]) -> list[object]:
    """All of them begin in the same moment; what each one said."""
    gate = Barrier(len(acts))

    def one(act: Callable[[], object]) -> object:
        gate.wait()
        return act()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(one, acts))


@dataclass(frozen=True)
class Contended(DeltaLake):
    """A lake that tells of its commits; None = somebody else's came first, so it is read and made again."""

    commits: list[int | None] = field(default_factory=list)

    def amend(
        self, table: str, partitions: Sequence[Mapping[str, str]], parquet: Sequence[str], *, since: int | None, about: Json
    ) -> int | None:
        """As ever, and told."""
        self.commits.append(DeltaLake.amend(self, table, partitions, parquet, since=since, about=about))
        return self.commits[-1]


def loaded(root: Path, n: int, url: str, commits: list[int | None]) -> int:
    """As a function of its own would: its own scratch, its own view of the table; delivered again where others were always first."""
    scratch = root / f"scratch-{n}"
    lake = Contended(f"file://{root}/lake", scratch, commits=commits)
    ports = SimpleNamespace(
        settings=SimpleNamespace(clock=None), buckets=StoreBuckets(), log=Quiet(), progress=Silent(), lake=lake,
        engine=DuckDb(directories=(root,), scratch=scratch, memory_mb=200),
    )  # fmt: skip
    for _ in range(3):
        try:
            return ingest_usage(url, cast("Ports", ports), scratch).rows
        except Upstream:
            continue
    raise AssertionError(f"{url} was never let through")


def drop(root: Path, slug: str, hours: tuple[int, int] = (0, 24)) -> str:
    """One cluster's day, or a part of it: a node for each hour; the URL of its marker."""
    folder = root / "usage" / slug / f"from-{hours[0]}"
    folder.mkdir(parents=True)
    known = {
        "hour": f"TIMESTAMP '{DAY:%Y-%m-%d}' + INTERVAL 1 HOUR * h", "cluster_uid": f"'{slug}'", "cluster": f"'{slug}'", "pool": "'p'",
        "node": "'n1'", "labels": "'{}'", "seconds": "3600", "cpu_capacity": "4000", "memory_capacity": str(8 << 30), "gpu_capacity": "0",
        "pending": "false",
    }  # fmt: skip
    columns = ", ".join(f'CAST({known.get(column.name, "NULL")} AS {column.sql_type}) AS "{column.name}"' for column in COLUMNS)
    with duckdb.connect() as connection:
        file = text_literal(str(folder / "a.parquet"))
        connection.execute(f"COPY (SELECT {columns} FROM range({hours[0]}, {hours[1]}) t(h)) TO {file} (FORMAT parquet)")
    start, end = (f"{DAY + timedelta(hours=hour):%Y-%m-%dT%H:%M:%SZ}" for hour in hours)
    marker = {"cluster_uid": slug, "cluster": slug, "from": start, "to": end, "files": ["a.parquet"]}
    (folder / "_complete.json").write_text(json.dumps(marker))
    return f"file://{folder}/_complete.json"


def stored(root: Path) -> list[tuple[object, ...]]:
    """Cluster and rows, as a reader finds them."""
    scratch = root / "scratch-reader"
    lake = DeltaLake(f"file://{root}/lake", scratch)
    with DuckDb(directories=(root,), scratch=scratch, memory_mb=200).session() as session:
        return session.rows(f"SELECT cluster, count(*) FROM ({scan('usage', lake.files('usage'))}) GROUP BY 1 ORDER BY 1")
