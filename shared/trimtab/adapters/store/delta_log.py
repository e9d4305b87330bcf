"""What a Delta table holds now, from its log: the newest checkpoint and the commits after it.

Readers need only this, so that no function but `ingest` carries deltalake. It knows reader version 1 and writer versions up to 2,
the ones our tables have, and refuses every other; a contract test holds it equal to deltalake's own file list.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
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
LOOK_BACK = 80
"""Versions before a wanted one among which its checkpoint is looked for: they are made every 20 versions."""
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
    files: tuple[DataFile, ...]
    by_value: Mapping[tuple[str, str], Sequence[DataFile]]
    """(partition column, value) → its files: of thousands of partitions a reader wants a few."""

    def within(self, partition: Mapping[str, str]) -> Sequence[DataFile]:
        """The files that have these partition values."""
        if not partition:
            return self.files
        fewest = min((self.by_value.get(item, ()) for item in partition.items()), key=len)
        return [file for file in fewest if partition.items() <= file.partition.items()]


def read_snapshot(
    objects: Objects, table: str, scratch: Path, known: Snapshot | None = None, version: int | None = None
) -> Snapshot | None:
    """The newest version of a table, or the one asked for; None = there is no such table. A checkpoint is read by way of `scratch`.

    `known` is given back where it still is the wanted one: a version never changes once it is there.
    Raises Gone where the log does not reach back to `version` any more.
    """
    if known is not None and known.version == version:
        return known
    names = _newest_names(objects, table, version)
    base = max((number for name in names if (number := _number(_CHECKPOINT, name)) is not None and _is_until(number, version)), default=-1)
    commits = sorted(
        number for name in names if (number := _number(_COMMIT, name)) is not None and number > base and _is_until(number, version)
    )
    if version is not None and [*range(base + 1, version + 1)] != commits:
        raise Gone(f"{objects.place}/{table}: version {version} is not in its log any more")
    if base < 0 and not commits:
        return None
    if known is not None and known.version == (commits[-1] if commits else base):
        return known
    if commits != list(range(base + 1, base + 1 + len(commits))):
        raise Broken(f"{objects.place}/{table}: its log has a gap after version {base}: found {commits[:3]}; restore the missing commit")
    live = {file.path: file for file in _checkpoint(objects, table, base, scratch)} if base >= 0 else {}
    for number in commits:
        _apply(live, _actions(objects, table, number), f"{objects.place}/{table} version {number}", OWNERS.get(table, ""))
    files = tuple(live[path] for path in sorted(live))
    return Snapshot(version=commits[-1] if commits else base, files=files, by_value=_by_value(files))


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


def _actions(objects: Objects, table: str, number: int) -> Iterator[dict[str, Any]]:
    body = objects.read(f"{table}/_delta_log/{number:020}.json")
    if body is None:
        raise Upstream(f"{objects.place}/{table}: version {number} went away while it was read; try again")
    return (json.loads(line) for line in body.splitlines() if line.strip())


def _apply(live: dict[str, DataFile], actions: Iterable[dict[str, Any]], place: str, owner: str) -> None:
    for action in actions:
        if "protocol" in action:
            _check_protocol(action["protocol"]["minReaderVersion"], action["protocol"]["minWriterVersion"], place)
        elif "add" in action:
            add = action["add"]
            statistics = json.loads(add.get("stats") or "{}") if owner else {}
            bounds = (statistics.get(name, {}).get(owner) for name in ("minValues", "maxValues"))
            file = _data_file(add["path"], add["partitionValues"], add["size"], *bounds)
            live[file.path] = file
        elif "remove" in action:
            live.pop(unquote(action["remove"]["path"]), None)


def _check_protocol(reader: int, writer: int, place: str) -> None:
    if reader != 1 or writer > 2:
        raise Broken(f"{place}: Delta protocol {reader}/{writer}; this reads 1/2 only, so undo the upgrade of the table")


def _data_file(path: str, partition: Mapping[str, str], size: int, lowest: str | None = None, highest: str | None = None) -> DataFile:
    return DataFile(path=unquote(path), partition=dict(partition), size=size, owner=lowest if lowest == highest else None)


def _checkpoint(objects: Objects, table: str, number: int, scratch: Path) -> list[DataFile]:
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
        return [_data_file(*row) for row in rows]
    finally:
        connection.close()
        local.unlink()
