"""Where the driver and its executors meet: a folder that both can reach.

On one machine it is a folder of the disk; on a cluster it is a prefix of the store, because an executor cannot see the driver's disk.
What Spark writes is a folder of part files; whoever asked for one local file gets one.
"""

import itertools
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from trimtab.adapters.duckdb import DuckDbSession, connect
from trimtab.locations import local_path
from trimtab.ports import Buckets
from trimtab.tables import text_literal

if TYPE_CHECKING:
    import duckdb

GATHER_MB = 400
"""What putting part files together may hold in memory."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """Folders below `url`, each named once; the store's lifecycle rule removes what a cluster leaves there, we what lies on a disk."""

    url: str
    buckets: Buckets
    scratch: Path
    _numbers: Iterator[int] = field(default_factory=itertools.count, compare=False, repr=False)

    def folder(self, name: str) -> str:
        """A new folder's URL."""
        return f"{self.url.rstrip('/')}/{next(self._numbers):06}-{name}"

    def put(self, folder: str, sql: str, parameters: Mapping[str, object]) -> None:
        """Add DuckDB's rows of a query to a folder, as a file of their own."""
        with self._here() as work, _duckdb((work,), work) as connection:
            path = work / "rows.parquet"
            connection.execute(f"COPY ({sql}) TO {text_literal(str(path))} (FORMAT parquet)", parameters)
            name = f"part-{next(self._numbers):06}.parquet"
            if folder.startswith("file://"):
                local_path(folder).mkdir(parents=True, exist_ok=True)
                path.rename(local_path(folder) / name)
            else:
                self.buckets.put(f"{folder}/{name}", path.read_bytes())

    def gather(self, folder: str, path: str) -> int:
        """The part files of a folder as one local Parquet file; its rows."""
        with self._here() as work:
            parts = list(self._parts(folder, work))
            folders = {Path(part).parent for part in (*parts, path)}
            with _duckdb(sorted(folders), work) as connection:
                named = ", ".join(text_literal(part) for part in parts)
                return DuckDbSession(connection).write(f"SELECT * FROM read_parquet([{named}], hive_partitioning = false)", path)

    @contextmanager
    def _here(self) -> Iterator[Path]:
        self.scratch.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix="exchange-", dir=self.scratch) as work:
            yield Path(work)

    def _parts(self, folder: str, work: Path) -> Iterator[str]:
        if folder.startswith("file://"):
            yield from (str(part) for part in sorted(local_path(folder).glob("part-*.parquet")))
            return
        for found in self.buckets.list(folder + "/"):
            if found.url.rsplit("/", 1)[-1].startswith("part-"):
                yield str(self.buckets.fetch(found.url, work))

    def forget(self, folder: str) -> None:
        """Remove a folder that nobody reads any more, where it lies on this disk."""
        if folder.startswith("file://"):
            shutil.rmtree(local_path(folder), ignore_errors=True)


@contextmanager
def _duckdb(directories: Sequence[Path], scratch: Path) -> "Iterator[duckdb.DuckDBPyConnection]":
    connection = connect(directories, scratch=scratch, memory_mb=GATHER_MB, threads=2)
    try:
        yield connection
    finally:
        connection.close()
