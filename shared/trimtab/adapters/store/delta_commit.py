"""A commit of whole partitions to a Delta table, written by ourselves: one object that only one of two writers can create.

The library's own way to replace partitions by a predicate reads the log three times and lists all of it with each commit. Here the
writer knows the version that its rows were made from, and puts the next number; where somebody else has it already, it looks whether
that one touched the same partitions, and goes one number further. Writer version 2 of the protocol: files are added and removed.
"""

import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from trimtab.adapters.store.data_files import NewFile
from trimtab.adapters.store.delta_log import Snapshot, commit_key
from trimtab.adapters.store.objects import Objects
from trimtab.errors import Broken
from trimtab.records import Json
from trimtab.tables import TABLES

ATTEMPTS = 40
"""Others that may come first, all with other partitions, before it is better to begin anew."""
Partitions = Sequence[Mapping[str, str]]
_TYPES = {"VARCHAR": "string", "BIGINT": "long", "INTEGER": "integer", "BOOLEAN": "boolean", "TIMESTAMP": "timestamp"}


def replace_partitions(
    objects: Objects, table: str, base: Snapshot, partitions: Partitions, made: Sequence[NewFile], about: Json, at: int
) -> Snapshot | None:
    """Let these files be the partitions, which held what `base` says; the table then. None = one of them, or its columns, changed since.

    `at` is the time in milliseconds since 1970, for people who read the log, and for whoever removes replaced files. An answer that was
    lost is no matter: a commit that is there already is ours if it has our bytes, and these have a nonce.
    """
    metadata = grown(objects, table, base.metadata)
    held = _paths(base, partitions)
    body = "\n".join(json.dumps(action, separators=(",", ":")) for action in _actions(base, partitions, made, metadata, about, at)).encode()
    for _ in range(ATTEMPTS):
        key = commit_key(table, base.version + 1)
        if objects.create(key, body):
            return base.after([body], table, objects.place)
        base = base.after([theirs], table, objects.place) if (theirs := objects.read(key)) else base
        if _paths(base, partitions) != held or grown(objects, table, base.metadata) != metadata:
            return None
    return None


def grown(objects: Objects, table: str, metadata: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The table's description with the columns of today, where an earlier version made it with fewer. Raises Broken where it has others."""
    theirs = {field["name"]: field["type"] for field in json.loads(metadata["schemaString"])["fields"]}
    ours = {column.name: _type(column.sql_type) for column in TABLES[table]}
    foreign = sorted(name for name, type_ in theirs.items() if ours.get(name) != type_)
    if foreign:
        raise Broken(f"{objects.place}/{table}: column {foreign[0]} is unknown here, or of another type: a newer version made it; update")
    fields = [{"name": name, "type": type_, "nullable": True, "metadata": {}} for name, type_ in ours.items()]
    schema = json.dumps({"type": "struct", "fields": fields}, separators=(",", ":"))
    return None if len(theirs) == len(ours) else {**metadata, "schemaString": schema}


def _type(sql_type: str) -> str:
    return _TYPES.get(sql_type) or sql_type.lower()


def _paths(snapshot: Snapshot, partitions: Partitions) -> list[str]:
    return [file.path for partition in partitions for file in snapshot.within(partition)]


def _actions(
    base: Snapshot, partitions: Partitions, made: Sequence[NewFile], metadata: Mapping[str, Any] | None, about: Json, at: int
) -> Iterator[Json]:
    said = {"mode": "Overwrite", "partitions": json.dumps([dict(partition) for partition in partitions])}
    yield {
        "commitInfo": {
            "timestamp": at, "operation": "WRITE", "operationParameters": said, "engineInfo": "trimtab", "readVersion": base.version,
            "about": json.dumps(about, sort_keys=True), "txnId": secrets.token_hex(16),
        }
    }  # fmt: skip
    if metadata is not None:
        yield {"metaData": dict(metadata)}
    for partition in partitions:
        for file in base.within(partition):
            yield {
                "remove": {
                    "path": quote(file.path, safe="/="), "dataChange": True, "deletionTimestamp": at, "extendedFileMetadata": True,
                    "partitionValues": dict(file.partition), "size": file.size,
                }
            }  # fmt: skip
    for new in made:
        yield {
            "add": {
                "path": quote(new.path, safe="/="), "partitionValues": dict(new.partition), "size": new.size,
                "modificationTime": new.modified, "dataChange": True, "stats": new.statistics,
            }
        }  # fmt: skip
