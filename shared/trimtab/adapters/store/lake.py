"""The lake: Delta tables on object storage, a partition replaced as a whole or not at all.

deltalake is imported by the methods that need it only; reading goes through `delta_log`, and what merges, as usage does every hour of
every cluster, is committed by `delta_commit`. Whoever wants to know what a commit was made from reads `about` in its metadata. Data files
lie in the store before the commit that names them, under random names: a run that dies in between changes nothing, and leaves files that
`tidy` removes a week later: not at once, because a commit that seems to have failed may have arrived.
"""

import hashlib
import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import BaseError

from trimtab.adapters.duckdb import DuckDbSession, connect
from trimtab.adapters.store.data_files import NewFile, check_rows, check_whole, for_delta, predicate, rows_of, write_file
from trimtab.adapters.store.delta_commit import grown, replace_partitions
from trimtab.adapters.store.delta_log import CHECKPOINT_EVERY, DataFile, Snapshot, old_log, read_snapshot
from trimtab.adapters.store.objects import Objects, open_objects
from trimtab.errors import Broken, Gone, Upstream
from trimtab.locations import local_path
from trimtab.ports import Superseded
from trimtab.records import Json
from trimtab.tables import PARTITIONS, TABLES

if TYPE_CHECKING:
    from deltalake import CommitProperties, DeltaTable

TOLD = timedelta(days=400)
"""How long commits tell what a year's numbers were made from."""
CONFIGURATION = {
    # The default of 30 days is cleaned by whoever else writes a checkpoint.
    "delta.logRetentionDuration": f"interval {TOLD.days} days",
    # Of files that were replaced: their names stand in every checkpoint until then, and a day replaces thousands.
    "delta.deletedFileRetentionDuration": "interval 7 days",
}
ATTEMPTS = 40
"""Delta takes two partitions that are replaced at once for a conflict; each time at least one of the writers is through."""
MEMORY_MB = 400
REMOVED_AT_ONCE = 1000
UPLOADS = 4
"""Parts of one file under way at once: what an upload holds in memory is that times 5 MiB."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class DeltaLake:
    """The tables below one URL; `options` are the cloud store's own (endpoint, region, keys)."""

    url: str
    scratch: Path
    options: Mapping[str, str] = field(default_factory=dict)
    in_place: bool = False
    """True = `files` names files where they lie in the store, for an engine that reads the store itself."""
    pinned: Mapping[str, int] = field(default_factory=dict)
    """Tables that are read as they were at a version."""
    _known: dict[str, Snapshot] = field(default_factory=dict, compare=False, repr=False)
    _opened: dict[str, Objects] = field(default_factory=dict, compare=False, repr=False)

    def replace(
        self, table: str, partition: Mapping[str, str], parquet: Sequence[str], *, application: str, submitted_at: datetime, about: Json
    ) -> int | Superseded:
        """Atomically replace one partition by the rows of local Parquet files; the table's new version.

        Judging and committing go through one loaded table, so that a commit in between is a conflict: then it is loaded and judged again.
        """
        from deltalake import CommitProperties, Transaction
        from deltalake.exceptions import CommitFailedError

        check_whole(table, partition)
        run = (submitted_at - _EPOCH) // timedelta(milliseconds=1)
        commit = CommitProperties(custom_metadata=_metadata(about), app_transactions=[Transaction(application, run)])
        made: tuple[NewFile, ...] | None = None
        for _ in range(ATTEMPTS):
            loaded = self._load(table)
            newest = loaded.transaction_version(application)
            if newest is not None and newest >= run:
                return int(loaded.version()) if _holds(loaded, made) else Superseded(_EPOCH + timedelta(milliseconds=newest))
            if made is None:
                made = self._write_files(table, partition, parquet)
            try:
                return self._commit(loaded, table, partition, made, commit)
            except CommitFailedError:
                continue
        raise Upstream(f"{self.url}/{table}: {ATTEMPTS} other writers came first; try again")

    def amend(
        self, table: str, partitions: Sequence[Mapping[str, str]], parquet: Sequence[str], *, since: int | None, about: Json
    ) -> int | None:
        """Replace these partitions together by rows made from what version `since` held; None = one of them changed after it."""
        # Names first: nothing is made or read for a partition that cannot be.
        predicate(table, partitions)
        for partition in partitions:
            check_whole(table, partition)
        base = self._made_from(table, since)
        made = self._write_parts(table, partitions, parquet)
        at = max(Path(path).stat().st_mtime_ns for path in parquet) // 1_000_000
        done = replace_partitions(self._objects(), table, base, partitions, made, about, at)
        if done is None:
            # No commit names them, and a function's disk may be its memory.
            for file in made:
                file.local.unlink(missing_ok=True)
            return None
        self._known[table] = done
        # A run that dies here leaves the table without this checkpoint, and readers begin at the one before it.
        if done.version % CHECKPOINT_EVERY[table] == 0:
            with _said(f"{self.url}/{table}"):
                self._load(table, done.version).create_checkpoint()
        return done.version

    def at(self, table: str, version: int) -> "DeltaLake":
        """The lake as it was when that table had that version; reading it raises Gone where its log or its files are gone."""
        return replace(self, pinned={**self.pinned, table: version}, _known=dict(self._known))

    def version(self, table: str) -> int | None:
        """Current version; None = no such table yet."""
        snapshot = self._snapshot(table)
        return None if snapshot is None else snapshot.version

    def files(self, table: str, partition: Mapping[str, str] | None = None) -> list[str]:
        """Local paths of the live Parquet files (copied to scratch where the store is remote), pruned by partition values."""
        live = self._live(table, partition)
        if self.in_place and not self.url.startswith("file://"):
            return [f"{self.url}/{table}/{file.path}" for file in live]
        return [str(self._local(table, file)) for file in live]

    def size(self, table: str, partition: Mapping[str, str] | None = None) -> int:
        """Bytes of the live files, as the log says; nothing is read."""
        return sum(file.size for file in self._live(table, partition))

    def release(self, table: str, partition: Mapping[str, str]) -> None:
        """Remove the copies of a partition's files from scratch: a function's disk does not hold a whole table."""
        if not self.url.startswith("file://"):
            for file in self._live(table, partition):
                (self.scratch / "lake" / table / file.path).unlink(missing_ok=True)

    def state(self, table: str, partitions: Sequence[Mapping[str, str]]) -> str:
        """One word for the live files of some partitions together, by the log: no file ever changes, so each write there is seen."""
        snapshot = self._snapshot(table)
        paths = sorted({file.path for partition in partitions for file in snapshot.within(partition)}) if snapshot else []
        return hashlib.sha256("\n".join(paths).encode()).hexdigest()[:16]

    def tidy(self, table: str, kept: timedelta) -> int:
        """Remove data files that no version since `kept` ago needs; how many. It makes no commit: the table's version stays."""
        if self.version(table) is None:
            return 0
        objects = self._objects()
        with _said(f"{self.url}/{table}"):
            hours = kept // timedelta(hours=1)
            named = self._load(table).vacuum(retention_hours=hours, dry_run=True, enforce_retention_duration=False, full=True)
            # The log goes on naming what was removed until it forgets that it was ever there.
            folder = f"{objects.folder}{table}/"
            pages = obstore.list(objects.store, folder, chunk_size=1000)
            there = {meta["path"].removeprefix(folder): meta["last_modified"] for page in pages for meta in page}
            paths = sorted({path for path in named if path.endswith(".parquet") and path in there})
            newest = max(there.values(), default=_EPOCH)
            # The library would look for a checkpoint as old as what it removes, and there is none.
            gone = [f"{folder}{path}" for path in (*paths, *old_log(there, newest - kept, newest - TOLD))]
            for start in range(0, len(gone), REMOVED_AT_ONCE):
                obstore.delete(objects.store, gone[start : start + REMOVED_AT_ONCE])
        return len(paths)

    def owner(self, table: str, partition: Mapping[str, str]) -> str | None:
        """Whose the rows of a partition are, as the log says; None = not one's, or the log does not say: then they are to be read."""
        owners = {file.owner for file in self._live(table, partition)}
        return owners.pop() if len(owners) == 1 else None

    def partitions(self, table: str, partition: Mapping[str, str] | None = None) -> list[dict[str, str]]:
        """Distinct partition values that have live files, sorted; only those that have the given ones."""
        found = {tuple(file.partition[name] for name in PARTITIONS[table]) for file in self._live(table, partition)}
        return [dict(zip(PARTITIONS[table], values, strict=True)) for values in sorted(found)]

    # ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────────
    def _objects(self) -> Objects:
        """One client for all requests: each of its own would shake hands anew."""
        if self.url not in self._opened:
            self._opened[self.url] = open_objects(self.url, options=self.options)
        return self._opened[self.url]

    def _made_from(self, table: str, since: int | None) -> Snapshot:
        """What the table held at a version; None = it was not there: then it is made."""
        if since is None:
            self._load(table)
        version = since or 0
        found = read_snapshot(self._objects(), table, self._scratch(), self._known.get(table), version)
        if found is None:
            raise Upstream(f"{self.url}/{table}: version {version} went away while its rows were merged; try again")
        return found

    def _scratch(self) -> Path:
        self.scratch.mkdir(parents=True, exist_ok=True)
        return self.scratch

    def _snapshot(self, table: str) -> Snapshot | None:
        snapshot = read_snapshot(self._objects(), table, self._scratch(), self._known.get(table), self.pinned.get(table))
        if snapshot is not None:
            self._known[table] = snapshot
        return snapshot

    def _live(self, table: str, partition: Mapping[str, str] | None) -> Sequence[DataFile]:
        snapshot = self._snapshot(table)
        return snapshot.within(partition or {}) if snapshot else ()

    def _local(self, table: str, file: DataFile) -> Path:
        if self.url.startswith("file://"):
            return self._still_there(table, local_path(self.url) / table / file.path)
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
            part.unlink()
            if key.split("/", maxsplit=1)[0] in self.pinned:
                raise Gone(self._vacuumed(key.split("/", maxsplit=1)[0])) from None
            raise Broken(f"{self.url}/{key}: the table's log names this file, and it is gone; restore it from a backup") from None
        part.rename(local)

    def _still_there(self, table: str, local: Path) -> Path:
        """What a table holds now is never removed; what it held at an older version may be."""
        if table in self.pinned and not local.exists():
            raise Gone(self._vacuumed(table))
        return local

    def _vacuumed(self, table: str) -> str:
        return f"{self.url}/{table}: files of version {self.pinned[table]} were removed by a vacuum"

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
        # Where somebody else makes it at the same time, ours is refused in one of several ways, and loading finds theirs.
        with suppress(DeltaError):
            DeltaTable.create(
                f"{self.url}/{table}",
                schema=self._schema(table),
                mode="error",
                partition_by=list(PARTITIONS[table]),
                configuration={**CONFIGURATION, "delta.checkpointInterval": str(CHECKPOINT_EVERY[table])},
                storage_options=self._storage(),
            )

    def _schema(self, table: str) -> object:
        """The table's columns as Arrow types."""
        from arro3.core import RecordBatchReader

        columns = ", ".join(f'{for_delta(column, "NULL")} AS "{column.name}"' for column in TABLES[table])
        with self._session(()) as session:
            return RecordBatchReader.from_stream(session.connection.sql(f"SELECT {columns} WHERE false")).schema

    def _write_files(self, table: str, partition: Mapping[str, str], parquet: Sequence[str]) -> tuple[NewFile, ...]:
        """One data file for each input that has rows, in the store but in no commit yet."""
        root = self._root(table)
        with self._session((*parquet, str(root / "_"))) as session:
            check_rows(session, rows_of(table, parquet), predicate(table, (partition,)), table)
            queries = [rows_of(table, (path,)) for path in parquet]
            made = tuple(file for query in queries if (file := write_file(session, table, partition, query, root)) is not None)
        self._upload_all(table, made)
        return made

    def _write_parts(self, table: str, partitions: Sequence[Mapping[str, str]], parquet: Sequence[str]) -> list[NewFile]:
        """One data file for each partition that has rows, in the store but in no commit yet."""
        root, rows = self._root(table), rows_of(table, parquet)
        with self._session((*parquet, str(root / "_"))) as session:
            check_rows(session, rows, predicate(table, partitions), table)
            queries = [(partition, f"SELECT * FROM ({rows}) WHERE {predicate(table, (partition,))}") for partition in partitions]
            made = [file for partition, query in queries if (file := write_file(session, table, partition, query, root)) is not None]
        self._upload_all(table, made)
        return made

    def _root(self, table: str) -> Path:
        """Below what a table's files are written: where they are to lie, or where a reader's copies of them do."""
        return local_path(self.url) / table if self.url.startswith("file://") else self.scratch / "lake" / table

    def _upload_all(self, table: str, made: Sequence[NewFile]) -> None:
        for file in () if self.url.startswith("file://") else made:
            self._upload(f"{table}/{file.path}", file.local)

    def _upload(self, key: str, local: Path) -> None:
        """What was uploaded stays in scratch: it is what a reader would fetch."""
        objects = self._objects()
        try:
            obstore.put(objects.store, f"{objects.folder}{key}", local, max_concurrency=UPLOADS)
        except (BaseError, OSError) as error:
            raise Upstream(f"{self.url}/{key}: cannot be put: {_first_line(error)}") from None

    def _commit(
        self, loaded: "DeltaTable", table: str, partition: Mapping[str, str], made: Sequence[NewFile], commit: "CommitProperties"
    ) -> int:
        """One log entry: these files are the partition now, and what it had before is not."""
        from deltalake import PostCommitHookProperties
        from deltalake.transaction import AddAction

        adds = [AddAction(file.path, file.size, file.partition, file.modified, True, file.statistics) for file in made]
        with _said(f"{self.url}/{table}"):
            loaded.create_write_transaction(
                adds,
                "overwrite",
                self._grown_schema(loaded, table),
                list(PARTITIONS[table]),
                [(name, "=", partition[name]) for name in PARTITIONS[table]],
                commit_properties=commit,
                post_commithook_properties=PostCommitHookProperties(cleanup_expired_logs=False),
            )
            loaded.update_incremental()
        return int(loaded.version())

    def _grown_schema(self, loaded: "DeltaTable", table: str) -> object:
        """The columns of today: a table that an earlier version made gets the new ones. Raises Broken where it has others."""
        from deltalake import Schema

        theirs = loaded.schema()
        changed = grown(self._objects(), table, {"schemaString": theirs.to_json()})
        return Schema.from_json(changed["schemaString"]) if changed else theirs

    @contextmanager
    def _session(self, parquet: Sequence[str]) -> Iterator[DuckDbSession]:
        self.scratch.mkdir(parents=True, exist_ok=True)
        folders = {Path(path).resolve().parent for path in parquet} | {self.scratch}
        connection = connect(sorted(folders), scratch=self.scratch, memory_mb=MEMORY_MB, threads=2)
        try:
            yield DuckDbSession(connection)
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
    except (DeltaError, BaseError, OSError) as error:
        raise Upstream(f"{place}: {_first_line(error)}") from None


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def _metadata(about: Json) -> dict[str, str]:
    return {"about": json.dumps(about, sort_keys=True)}


def _holds(loaded: "DeltaTable", made: Sequence[NewFile] | None) -> bool:
    """True where our own files are live: the answer to our commit was lost, and the repeated one was refused by itself."""
    names = {file.local.name for file in made or ()}
    return bool(names) and any(uri.rsplit("/", 1)[-1] in names for uri in loaded.file_uris())
