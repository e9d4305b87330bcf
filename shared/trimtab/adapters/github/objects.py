"""Git's own objects, named by what they hold: how a listing proves what a commit changed. Pure."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

REGULAR = ("100644", "100755")
LARGEST = 5_000_000
"""Bytes of the largest file that is read or written; nobody writes a cluster by hand that is larger."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file, link or submodule in a tree."""

    mode: str
    oid: str
    size: int = 0


Tree = Mapping[str, Entry]
"""Path → entry, folders left out."""


def entries_of(rows: Iterable[Mapping[str, Any]]) -> dict[str, Entry]:
    """The tree of a recursive listing."""
    return {
        str(row["path"]): Entry(str(row["mode"]), str(row["sha"]), int(row.get("size") or 0)) for row in rows if row.get("type") != "tree"
    }


def tree_id(tree: Tree) -> str:
    """The id that git gives a folder which holds exactly this."""
    files: list[tuple[str, str, str]] = []
    folders: dict[str, dict[str, Entry]] = {}
    for path, entry in tree.items():
        name, slash, rest = path.partition("/")
        if slash:
            folders.setdefault(name, {})[rest] = entry
        else:
            files.append((name, entry.mode, entry.oid))
    rows = [*files, *((name, "40000", tree_id(inside)) for name, inside in folders.items())]
    # Git sorts a folder as if its name ended in a slash.
    rows.sort(key=lambda row: (row[0] + "/" if row[1] == "40000" else row[0]).encode())
    content = b"".join(f"{mode} {name}\0".encode() + bytes.fromhex(oid) for name, mode, oid in rows)
    return hashlib.sha1(b"tree %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def with_files(tree: Tree, oids: Mapping[str, str | None]) -> dict[str, Entry]:
    """The tree after these files became these blobs (None = gone) and nothing else changed, no mode either."""
    after = dict(tree)
    for path, oid in oids.items():
        if oid is None:
            after.pop(path, None)
        else:
            after[path] = Entry(after[path].mode if path in after else "100644", oid)
    return after


def difference(before: Tree, after: Tree) -> dict[str, tuple[Entry | None, Entry | None]]:
    """Path → (before, after) of everything that differs."""
    paths = sorted(before.keys() | after.keys())
    return {path: (before.get(path), after.get(path)) for path in paths if not _same(before.get(path), after.get(path))}


def disjoint_merge(fork: Tree, base: Tree, head: Tree) -> dict[str, Entry] | None:
    """The three-way merge where it needs no look into files: head's files are what they were at the fork, in base too.

    None = both sides touched something, or head added or removed a file, which another side's rename could move elsewhere.
    """
    changes = difference(fork, head)
    for path, (before, after) in changes.items():
        if before is None or after is None or not _same(before, base.get(path)):
            return None
    return {**base, **{path: after for path, (_, after) in changes.items() if after is not None}}


def named(path: str, before: Entry | None, after: Entry | None) -> str:
    """The path, or a name that no plan can equal where more than the content of a regular file changed."""
    if after is None:
        return f"{path} (deleted)"
    if after.mode != (before.mode if before else "100644"):
        return f"{path} (mode {after.mode})"
    if after.mode not in REGULAR:
        return f"{path} (not a regular file)"
    return f"{path} (too large)" if after.size > LARGEST else path


def _same(one: Entry | None, other: Entry | None) -> bool:
    return (one and (one.mode, one.oid)) == (other and (other.mode, other.oid))
