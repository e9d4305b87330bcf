"""The lake: Delta tables on object storage, a partition replaced as a whole or not at all.

deltalake is imported by the two writing methods only; reading goes through `delta_log`. Whoever wants to know what a commit was
made from reads `about` in its metadata.
"""

import json
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import obstore

from trimtab.adapters.duckdb import connect
from trimtab.adapters.store.delta_log import DataFile, Snapshot, read_snapshot
from trimtab.adapters.store.objects import Objects, open_objects
from trimtab.errors import BadInput, Broken, Upstream
from trimtab.locations import local_path
from trimtab.ports import Superseded
from trimtab.records import Json
from trimtab.tables import PARTITIONS, TABLES, Column, text_literal

if TYPE_CHECKING:
    import duckdb
    from deltalake import CommitProperties, DeltaTable

CONFIGURATION = {
    # The default of 30 days is cleaned at checkpoints, and last year's numbers with it.
    "delta.logRetentionDuration": "interval 400 days",
    "delta.deletedFileRetentionDuration": "interval 400 days",
    # Readers fetch every commit after the newest checkpoint.
    "delta.checkpointInterval": "20",
}
ATTEMPTS = 8
MEMORY_MB = 400
FILE_BYTES = 32 << 20
"""Together with MEMORY_MB this keeps a writing process under 1 GB; the writer's own default adds that much alone."""
_SLUG = re.compile(r"[a-z][a-z0-9-]*")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class DeltaLake:
    """The tables below one URL; `options` are the cloud store's own (endpoint, region, keys)."""

    url: str
    scratch: Path
    options: Mapping[str, str] = field(default_factory=dict)
    _known: dict[str, Snapshot] = field(default_factory=dict, compare=False, repr=False)

    def replace(
        self, table: str, partition: Mapping[str, str], parquet: Sequence[str], *, application: str, submitted_at: datetime, about: Json
    ) -> int | Superseded:
        """Atomically replace one partition by the rows of local Parquet files; the table's new version.

        Judging and writing go through one loaded table, so that a commit in between is a conflict: then it is loaded and judged again.
        """
        from deltalake import CommitProperties, Transaction
        from deltalake.exceptions import CommitFailedError

        run = (submitted_at - _EPOCH) // timedelta(milliseconds=1)
        commit = CommitProperties(custom_metadata=_metadata(about), app_transactions=[Transaction(application, run)])
        for _ in range(ATTEMPTS):
            loaded = self._load(table)
            newest = loaded.transaction_version(application)
            if newest is not None and newest >= run:
                return Superseded(_EPOCH + timedelta(milliseconds=newest))
            try:
                return self._overwrite(loaded, table, (partition,), parquet, commit)
            except CommitFailedError:
                continue
        raise Upstream(f"{self.url}/{table}: {ATTEMPTS} other writers came first; try again")

    def amend(
        self, table: str, partitions: Sequence[Mapping[str, str]], parquet: Sequence[str], *, since: int | None, about: Json
    ) -> int | None:
        """Replace these partitions together by rows made from what version `since` held; None = one of them changed after it."""
        from deltalake import CommitProperties
        from deltalake.exceptions import CommitFailedError

        loaded = self._load(table, 0 if since is None else since)
        try:
            return self._overwrite(loaded, table, partitions, parquet, CommitProperties(custom_metadata=_metadata(about)))
        except CommitFailedError:
            return None

    def version(self, table: str) -> int | None:
        """Current version; None = no such table yet."""
        snapshot = self._snapshot(table)
        return None if snapshot is None else snapshot.version

    def files(self, table: str, partition: Mapping[str, str] | None = None) -> list[str]:
        """Local paths of the live Parquet files (copied to scratch where the store is remote), pruned by partition values."""
        wanted = (partition or {}).items()
        snapshot = self._snapshot(table)
        live = snapshot.files if snapshot else ()
        return [str(self._local(table, file)) for file in live if wanted <= file.partition.items()]

    def partitions(self, table: str) -> list[dict[str, str]]:
        """Distinct partition values that have live files, sorted."""
        snapshot = self._snapshot(table)
        found = {tuple(file.partition[name] for name in PARTITIONS[table]) for file in (snapshot.files if snapshot else ())}
        return [dict(zip(PARTITIONS[table], values, strict=True)) for values in sorted(found)]

    # ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────────
    def _objects(self) -> Objects:
        return open_objects(self.url, options=self.options)

    def _snapshot(self, table: str) -> Snapshot | None:
        self.scratch.mkdir(parents=True, exist_ok=True)
        snapshot = read_snapshot(self._objects(), table, self.scratch, self._known.get(table))
        if snapshot is not None:
            self._known[table] = snapshot
        return snapshot

    def _local(self, table: str, file: DataFile) -> Path:
        if self.url.startswith("file://"):
            return local_path(self.url) / table / file.path
        # Data files are written once under a random name: what is in scratch already is the same file.
        local = self.scratch / "lake" / table / file.path
        if not (local.exists() and local.stat().st_size == file.size):
            self._copy(f"{table}/{file.path}", local)
        return local

    def _copy(self, key: str, local: Path) -> None:
        local.parent.mkdir(parents=True, exist_ok=True)
        part = local.with_name(f"{local.name}.{secrets.token_hex(4)}")
        try:
            with part.open("wb") as out:
                for chunk in obstore.get(self._objects().store, key).stream():
                    out.write(bytes(chunk))
        except FileNotFoundError:
            raise Broken(f"{self.url}/{key}: the table's log names this file, and it is gone; restore it from a backup") from None
        part.rename(local)

    # ── writing ──────────────────────────────────────────────────────────────────────────────────────────────────────
    def _load(self, table: str, version: int | None = None) -> "DeltaTable":
        from deltalake import DeltaTable
        from deltalake.exceptions import TableNotFoundError

        with _said(f"{self.url}/{table}"):
            for _ in range(ATTEMPTS):
                try:
                    return DeltaTable(f"{self.url}/{table}", version=version, storage_options=self._storage())
                except TableNotFoundError:
                    self._create(table)
        raise Upstream(f"{self.url}/{table}: it cannot be created; check the rights of this function on the store")

    def _create(self, table: str) -> None:
        from deltalake import DeltaTable
        from deltalake.exceptions import DeltaError

        if self.url.startswith("file://"):
            local_path(self.url).mkdir(parents=True, exist_ok=True)
        with self._connection(()) as connection:
            columns = ", ".join(f'{_for_delta(column, "NULL")} AS "{column.name}"' for column in TABLES[table])
            schema = _schema(connection.sql(f"SELECT {columns} WHERE false"))
        # Where somebody else makes it at the same time, ours is refused in one of several ways, and loading finds theirs.
        with suppress(DeltaError):
            DeltaTable.create(
                f"{self.url}/{table}",
                schema=schema,
                mode="error",
                partition_by=list(PARTITIONS[table]),
                configuration=CONFIGURATION,
                storage_options=self._storage(),
            )

    def _overwrite(
        self, loaded: "DeltaTable", table: str, partitions: Sequence[Mapping[str, str]], parquet: Sequence[str], commit: "CommitProperties"
    ) -> int:
        from deltalake import write_deltalake

        predicate = _predicate(table, partitions)
        with self._connection(parquet) as connection:
            rows = _rows(table, parquet)
            _check_rows(connection, rows, predicate, table)
            with _said(f"{self.url}/{table}"):
                write_deltalake(
                    loaded,
                    connection.sql(rows),
                    mode="overwrite",
                    predicate=predicate,
                    target_file_size=FILE_BYTES,
                    commit_properties=commit,
                )
        return int(loaded.version())

    @contextmanager
    def _connection(self, parquet: Sequence[str]) -> "Iterator[duckdb.DuckDBPyConnection]":
        self.scratch.mkdir(parents=True, exist_ok=True)
        folders = {Path(path).resolve().parent for path in parquet} | {self.scratch}
        connection = connect(sorted(folders), scratch=self.scratch, memory_mb=MEMORY_MB, threads=2)
        try:
            yield connection
        finally:
            connection.close()

    def _storage(self) -> dict[str, str]:
        return dict(self.options)


@contextmanager
def _said(place: str) -> Iterator[None]:
    """Turn what goes wrong below into Upstream; a commit that lost a race stays for the caller to judge."""
    from deltalake.exceptions import CommitFailedError, DeltaError

    try:
        yield
    except CommitFailedError:
        raise
    except (DeltaError, OSError) as error:
        raise Upstream(f"{place}: {(str(error).splitlines() or [type(error).__name__])[0][:200]}") from None


def _metadata(about: Json) -> dict[str, str]:
    return {"about": json.dumps(about, sort_keys=True)}


def _predicate(table: str, partitions: Sequence[Mapping[str, str]]) -> str:
    """`(a = 'x' AND b = 'y') OR …`; values are slugs, which is also what keeps Spark from reading numbers into them."""
    for partition in partitions:
        if not partition or not set(partition) <= set(PARTITIONS[table]):
            raise BadInput(f"{table}: {dict(partition)} is no partition; its columns are {', '.join(PARTITIONS[table])}")
        for name, value in partition.items():
            if not _SLUG.fullmatch(value):
                raise BadInput(f"{table}.{name}: {value!r} is no slug: a-z, 0-9 and '-', a letter first")
    return " OR ".join("(" + " AND ".join(f"\"{name}\" = '{value}'" for name, value in each.items()) + ")" for each in partitions)


def _rows(table: str, parquet: Sequence[str]) -> str:
    columns = ", ".join(f'{_for_delta(column, f"{chr(34)}{column.name}{chr(34)}")} AS "{column.name}"' for column in TABLES[table])
    if not parquet:
        raise BadInput(f"{table}: no files to write; an empty partition is one file without rows")
    return f"SELECT {columns} FROM read_parquet([{', '.join(text_literal(path) for path in parquet)}], hive_partitioning = false)"


def _for_delta(column: Column, value: str) -> str:
    """Times get their zone: Delta's plain `timestamp` is UTC, and a time without zone would lift the table's protocol."""
    typed = f"CAST({value} AS {column.sql_type})"
    return f"timezone('UTC', {typed})" if column.sql_type == "TIMESTAMP" else typed


def _check_rows(connection: "duckdb.DuckDBPyConnection", rows: str, predicate: str, table: str) -> None:
    found = connection.execute(f"SELECT count(*) FROM ({rows}) WHERE NOT coalesce({predicate}, false)").fetchall()
    if found[0][0]:
        raise BadInput(f"{table}: {found[0][0]} rows lie outside the partition they should replace")


def _schema(relation: object) -> object:
    from arro3.core import RecordBatchReader

    return RecordBatchReader.from_stream(relation).schema
