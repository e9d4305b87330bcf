"""What a Delta table holds now, from its log: the newest checkpoint and the commits after it.

Readers need only this, so that no function but `ingest` carries deltalake. It knows reader version 1 and writer versions up to 2,
the ones our tables have, and refuses every other; a contract test holds it equal to deltalake's own file list.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import obstore
from obstore.exceptions import BaseError

from trimtab.adapters.duckdb import connect
from trimtab.adapters.store.objects import Objects
from trimtab.errors import Broken, Gone, Upstream
from trimtab.tables import text_literal

_COMMIT = re.compile(r"_delta_log/(\d{20})\.json")
_CHECKPOINT = re.compile(r"_delta_log/(\d{20})\.checkpoint\.parquet")


@dataclass(frozen=True, kw_only=True, slots=True)
class DataFile:
    """A live Parquet file of a table."""

    path: str
    """Relative to the table."""
    partition: Mapping[str, str]
    size: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Snapshot:
    """A table at one version."""

    version: int
    files: tuple[DataFile, ...]


def read_snapshot(
    objects: Objects, table: str, scratch: Path, known: Snapshot | None = None, version: int | None = None
) -> Snapshot | None:
    """The newest version of a table, or the one asked for; None = there is no such table. A checkpoint is read by way of `scratch`.

    `known` is given back where it still is the wanted one: a version never changes once it is there.
    Raises Gone where the log does not reach back to `version` any more.
    """
    if known is not None and known.version == version:
        return known
    names = _names(objects, table)
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
        _apply(live, _actions(objects, table, number), f"{objects.place}/{table} version {number}")
    return Snapshot(version=commits[-1] if commits else base, files=tuple(live[path] for path in sorted(live)))


def _is_until(number: int, version: int | None) -> bool:
    return version is None or number <= version


def _names(objects: Objects, table: str) -> list[str]:
    prefix = f"{objects.folder}{table}/"
    try:
        pages = obstore.list(objects.store, f"{prefix}_delta_log/", chunk_size=1000)
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


def _apply(live: dict[str, DataFile], actions: Iterable[dict[str, Any]], place: str) -> None:
    for action in actions:
        if "protocol" in action:
            _check_protocol(action["protocol"]["minReaderVersion"], action["protocol"]["minWriterVersion"], place)
        elif "add" in action:
            file = _data_file(action["add"]["path"], action["add"]["partitionValues"], action["add"]["size"])
            live[file.path] = file
        elif "remove" in action:
            live.pop(unquote(action["remove"]["path"]), None)


def _check_protocol(reader: int, writer: int, place: str) -> None:
    if reader != 1 or writer > 2:
        raise Broken(f"{place}: Delta protocol {reader}/{writer}; this reads 1/2 only, so undo the upgrade of the table")


def _data_file(path: str, partition: Mapping[str, str], size: int) -> DataFile:
    return DataFile(path=unquote(path), partition=dict(partition), size=size)


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
        rows = connection.execute(f'SELECT "add".path, "add".partitionValues, "add".size {source} WHERE "add" IS NOT NULL').fetchall()
        return [_data_file(*row) for row in rows]
    finally:
        connection.close()
        local.unlink()
