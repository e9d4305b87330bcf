"""What a Delta table holds now, from its log: the newest checkpoint and the commits after it.

Readers need only this, so that no function but `ingest` carries deltalake. It knows reader version 1 and writer versions up to 2,
the ones our tables have, and refuses every other; a contract test holds it equal to deltalake's own file list. Whoever has read a
table before asks for the commits that came since by their names: two reads where nobody wrote, and no listing.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import obstore
from obstore.exceptions import BaseError

from trimtab.adapters.duckdb import connect
from trimtab.adapters.store.objects import Objects
from trimtab.errors import Broken, Gone, Upstream
from trimtab.tables import OWNERS, text_literal

_COMMIT = re.compile(r"_delta_log/(\d{20})\.json")
CHECKPOINT_EVERY = {"cost": 20, "usage": 100, "allocated": 20}
"""Table → versions from one checkpoint to the next. Whoever knows nothing of a table fetches every commit after the newest one; but each
of usage names every day of every cluster, and a hundred clusters commit a hundred times an hour."""
LOOK_BACK = 400
"""Versions before a wanted one among which its checkpoint is looked for first."""
CATCH_UP = 20
"""Commits that are read one after the other; where there are more, it is quicker to list the log."""
_CHECKPOINT = re.compile(r"_delta_log/(\d{20})\.checkpoint\.parquet")


@dataclass(frozen=True, kw_only=True, slots=True)
class DataFile:
    """A live Parquet file of a table."""

    path: str
    """Relative to the table."""
    partition: Mapping[str, str]
    size: int
    owner: str | None = None
    """The one value that `tables.OWNERS` has in all of its rows, as its statistics say; None = not one, or not said."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Snapshot:
    """A table at one version."""

    version: int
    live: Mapping[str, DataFile]
    """Path → file."""
    by_value: Mapping[tuple[str, str], Sequence[DataFile]]
    """(partition column, value) → its files: of thousands of partitions a reader wants a few."""
    metadata: Mapping[str, Any]
    """What the log says of the table itself: its columns, and its settings."""
    mark: str | None
    """A hash of the newest commit; None = it was not read, only a checkpoint of it."""

    def within(self, partition: Mapping[str, str]) -> Sequence[DataFile]:
        """The files that have these partition values, sorted by path."""
        some = min((self.by_value.get(item, ()) for item in partition.items()), key=len) if partition else self.live.values()
        return sorted((file for file in some if partition.items() <= file.partition.items()), key=lambda file: file.path)

    def after(self, commits: Sequence[bytes], table: str, place: str) -> "Snapshot":
        """The version that the next commits, in their order, make of this one. `place` is the store's, for messages."""
        if not commits:
            return self
        live, metadata = dict(self.live), self.metadata
        for version, commit in enumerate(commits, start=self.version + 1):
            metadata = _apply(live, commit, f"{place}/{table} version {version}", OWNERS.get(table, "")) or metadata
        return Snapshot(
            version=self.version + len(commits), live=live, by_value=_by_value(live.values()), metadata=metadata, mark=_mark(commits[-1])
        )


def read_snapshot(
    objects: Objects, table: str, scratch: Path, known: Snapshot | None = None, version: int | None = None
) -> Snapshot | None:
    """The newest version of a table, or the one asked for; None = there is no such table. A checkpoint is read by way of `scratch`.

    `known` is an earlier answer: given back where it is the wanted version, which never changes once it is there, and gone on from
    where that takes few reads. Raises Gone where the log does not reach back to `version` any more.
    """
    if known is not None and known.version == version:
        return known
    return (known and _caught_up(objects, table, known, version)) or _whole(objects, table, scratch, version)


def _caught_up(objects: Objects, table: str, known: Snapshot, version: int | None) -> Snapshot | None:
    """`known` and the commits after it; None = they are too many, or this is not the log that it was read from: a table was restored."""
    newest = objects.read(commit_key(table, known.version))
    if newest is None or _mark(newest) != known.mark:
        return None
    commits: list[bytes] = []
    while version is None or known.version + len(commits) < version:
        commit = objects.read(commit_key(table, known.version + len(commits) + 1))
        if commit is None or len(commits) == CATCH_UP:
            break
        commits.append(commit)
    is_whole = len(commits) < CATCH_UP if version is None else known.version + len(commits) == version
    return known.after(commits, table, objects.place) if is_whole else None


def _whole(objects: Objects, table: str, scratch: Path, version: int | None) -> Snapshot | None:
    """From the newest checkpoint that is old enough."""
    names = _newest_names(objects, table, version)
    base = max((number for name in names if (number := _number(_CHECKPOINT, name)) is not None and _is_until(number, version)), default=-1)
    commits = sorted(
        number for name in names if (number := _number(_COMMIT, name)) is not None and number > base and _is_until(number, version)
    )
    if version is not None and [*range(base + 1, version + 1)] != commits:
        raise Gone(f"{objects.place}/{table}: version {version} is not in its log any more")
    if base < 0 and not commits:
        return None
    if commits != list(range(base + 1, base + 1 + len(commits))):
        raise Broken(f"{objects.place}/{table}: its log has a gap after version {base}: found {commits[:3]}; restore the missing commit")
    begun = _checkpoint(objects, table, base, scratch) if base >= 0 else _NOTHING
    return begun.after(_commits(objects, table, commits), table, objects.place) if commits else _marked(objects, table, begun)


def _marked(objects: Objects, table: str, checkpoint: Snapshot) -> Snapshot:
    newest = objects.read(commit_key(table, checkpoint.version))
    return replace(checkpoint, mark=_mark(newest) if newest else None)


def commit_key(table: str, version: int) -> str:
    """Where a version's commit lies."""
    return f"{table}/_delta_log/{version:020}.json"


def _mark(commit: bytes) -> str:
    return hashlib.sha256(commit).hexdigest()


_NOTHING = Snapshot(version=-1, live={}, by_value={}, metadata={}, mark=None)


def _by_value(files: Iterable[DataFile]) -> dict[tuple[str, str], list[DataFile]]:
    found: dict[tuple[str, str], list[DataFile]] = {}
    for file in files:
        for item in file.partition.items():
            found.setdefault(item, []).append(file)
    return found


def _is_until(number: int, version: int | None) -> bool:
    return version is None or number <= version


def _newest_names(objects: Objects, table: str, version: int | None) -> list[str]:
    """Names in the log from a checkpoint on that is old enough; all of them where none is known.

    A table that is written every minute has a long log, and only its end says anything.
    """
    hint = objects.read(f"{table}/_delta_log/_last_checkpoint")
    newest = int(json.loads(hint)["version"]) if hint else -1
    first = newest if _is_until(newest, version) else max(0, (version or 0) - LOOK_BACK)
    names = _names(objects, table, first) if newest >= 0 else []
    numbers = [number for name in names if (number := _number(_CHECKPOINT, name)) is not None]
    return names if any(_is_until(number, version) for number in numbers) else _names(objects, table)


def _names(objects: Objects, table: str, first: int | None = None) -> list[str]:
    """Names in the log; only those of version `first` and later, where one is given."""
    prefix = f"{objects.folder}{table}/"
    after = None if first is None else f"{prefix}_delta_log/{first:020}"
    try:
        pages = obstore.list(objects.store, f"{prefix}_delta_log/", offset=after, chunk_size=1000)
        return [meta["path"].removeprefix(prefix) for page in pages for meta in page]
    except FileNotFoundError:
        return []
    except BaseError as error:
        raise Upstream(f"{objects.place}/{table}: cannot list the log: {type(error).__name__}") from None


def _number(pattern: re.Pattern[str], name: str) -> int | None:
    match = pattern.fullmatch(name)
    return int(match[1]) if match else None


def _commits(objects: Objects, table: str, numbers: Sequence[int]) -> list[bytes]:
    found = []
    for number, (_, body) in zip(numbers, objects.read_all(commit_key(table, number) for number in numbers), strict=True):
        if body is None:
            raise Upstream(f"{objects.place}/{table}: version {number} went away while it was read; try again")
        found.append(body)
    return found


def _apply(live: dict[str, DataFile], commit: bytes, place: str, owner: str) -> Mapping[str, Any] | None:
    """Change `live` as a commit says; the table's new description, where it brings one."""
    metadata: Mapping[str, Any] | None = None
    for action in (json.loads(line) for line in commit.splitlines() if line.strip()):
        if "protocol" in action:
            _check_protocol(action["protocol"]["minReaderVersion"], action["protocol"]["minWriterVersion"], place)
        elif "metaData" in action:
            metadata = action["metaData"]
        elif "add" in action:
            add = action["add"]
            statistics = json.loads(add.get("stats") or "{}") if owner else {}
            bounds = (statistics.get(name, {}).get(owner) for name in ("minValues", "maxValues"))
            file = _data_file(add["path"], add["partitionValues"], add["size"], *bounds)
            live[file.path] = file
        elif "remove" in action:
            live.pop(unquote(action["remove"]["path"]), None)
    return metadata


def _check_protocol(reader: int, writer: int, place: str) -> None:
    if reader != 1 or writer > 2:
        raise Broken(f"{place}: Delta protocol {reader}/{writer}; this reads 1/2 only, so undo the upgrade of the table")


def _data_file(path: str, partition: Mapping[str, str], size: int, lowest: str | None = None, highest: str | None = None) -> DataFile:
    return DataFile(path=unquote(path), partition=dict(partition), size=size, owner=lowest if lowest == highest else None)


def old_log(there: Mapping[str, datetime], read_since: datetime, told_since: datetime) -> list[str]:
    """Of a table's objects (by their paths in it) and when they were put: the part of its log that goes.

    Checkpoints go that no version since `read_since` is read from; the newest one from before then stays, where the oldest of those
    versions begins. Commits tell since `told_since` what was made from what, and go where a checkpoint stands for them.
    """
    checkpoints = {path: number for path in sorted(there) if (number := _number(_CHECKPOINT, path)) is not None}
    going = [path for path in checkpoints if there[path] < read_since][:-1]
    begins = min((number for path, number in checkpoints.items() if path not in going), default=0)
    old = (path for path in sorted(there) if there[path] < told_since)
    return [*going, *(path for path in old if (number := _number(_COMMIT, path)) is not None and number < begins)]


def _checkpoint(objects: Objects, table: str, number: int, scratch: Path) -> Snapshot:
    key = f"{table}/_delta_log/{number:020}.checkpoint.parquet"
    body = objects.read(key)
    if body is None:
        raise Upstream(f"{objects.place}/{key}: went away while it was read; try again")
    local = scratch / f"{table}-{number:020}.checkpoint.parquet"
    local.write_bytes(body)
    connection = connect((scratch,), scratch=scratch, memory_mb=256, threads=1)
    try:
        source = f"FROM read_parquet({text_literal(str(local))})"
        for reader, writer in connection.execute(
            f"SELECT protocol.minReaderVersion, protocol.minWriterVersion {source} WHERE protocol IS NOT NULL"
        ).fetchall():
            _check_protocol(reader, writer, f"{objects.place}/{key}")
        bounds = "".join(f", \"add\".stats ->> '$.{part}.{OWNERS[table]}'" for part in ("minValues", "maxValues") if table in OWNERS)
        rows = connection.execute(
            f'SELECT "add".path, "add".partitionValues, "add".size{bounds} {source} WHERE "add" IS NOT NULL'
        ).fetchall()
        live = {file.path: file for file in (_data_file(*row) for row in rows)}
        described = connection.execute(f"SELECT to_json(metaData) {source} WHERE metaData IS NOT NULL").fetchall()
        metadata = json.loads(described[0][0]) if described else {}
        return Snapshot(version=number, live=live, by_value=_by_value(live.values()), metadata=metadata, mark=None)
    finally:
        connection.close()
        local.unlink()
