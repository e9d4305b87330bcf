"""Finding → edit: where a pool is declared, what it says, and the bytes that change, checked by reading both sides again."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from trimtab.changes import diffs, hcl_edit, yaml_edit
from trimtab.changes.documents import Document, PoolEntry, Scalar
from trimtab.changes.layouts import KNOWN, TERRAFORM, guard_path, is_covered, is_editable, matches
from trimtab.changes.words import branch_name, commit_message
from trimtab.errors import BadInput, Refused
from trimtab.records import ClusterUid, FieldChange, Layout, Place, PlannedEdit, Pool, PoolField

__all__ = [
    "branch_name",
    "commit_message",
    "declared_pool",
    "edit_by_hand",
    "find_place",
    "git_blob",
    "layout_of",
    "matches",
    "plan_edit",
]

Files = Mapping[str, bytes]
"""Files of one commit, by path."""
Spot = tuple[str, int, int]
"""Path, line, and which of the entries that one layout sees."""
_NUMBER = re.compile(r"[1-9][0-9]{0,8}")
_NUMERIC: frozenset[PoolField] = frozenset({"count", "min", "max", "cpu_cores", "memory_mib", "gpu_limit"})
_INSTANCE_TYPE = re.compile(r"[A-Za-z][A-Za-z0-9._-]{1,62}")
_NOT_TEXT = frozenset({"true", "false", "yes", "no", "on", "off", "null", "none"})
_CAPACITY = ("on-demand", "spot")
_IGNORED: Mapping[str, frozenset[PoolField]] = {
    "azure": frozenset({"min", "max", "capacity_type"}),
    "gcp": frozenset({"min", "max", "capacity_type"}),
    "gke": frozenset({"min", "max", "capacity_type"}),
    "aks": frozenset({"capacity_type"}),
    "vsphere": frozenset({"capacity_type"}),
    "maas": frozenset({"instance_type", "capacity_type"}),
}
"""Fields that Palette's Terraform provider has no argument for on that cluster type: an edit would change nothing."""


def git_blob(content: bytes) -> str:
    """The id that git gives these bytes."""
    return hashlib.sha1(b"blob %d\x00" % len(content) + content, usedforsecurity=False).hexdigest()


def find_place(files: Files, repo: str, layouts: Sequence[Layout], cluster_name: str, pool_name: str, field: PoolField = "count") -> Place:
    """The one place that declares a pool. Refused where there is none or more than one, naming what was seen.

    Only layouts that know `field` are asked: a namespace with a quota may have the name of a pool.
    """
    found: dict[Spot, str] = {}
    unsure: list[str] = []
    for path in sorted(files):
        covering = [layout for layout in layouts if field in layout.fields and is_editable(path) and is_covered(layout, path)]
        if covering and _mentions(files[path], cluster_name) and _mentions(files[path], pool_name):
            entries, doubts = _search(path, files, covering, cluster_name, pool_name)
            found.update(entries)
            unsure.extend(doubts)
    if len(found) == 1 and not unsure:
        ((path, _, _),) = found
        return Place(repo=repo, path=path, cluster=cluster_name, pool=pool_name)
    raise Refused(_why_not_one(found, unsure, cluster_name, pool_name, len(files)))


def layout_of(files: Files, place: Place, layouts: Sequence[Layout], field: PoolField = "count") -> Layout:
    """The first layout that knows `field` and finds the pool where the place says it is."""
    document = _read(files, place.path)
    for layout in layouts:
        if field in layout.fields and is_covered(layout, place.path) and _matching(document, layout, place.cluster, place.pool):
            return layout
    raise Refused(f"{place.path}: no layout finds pool {place.pool!r} of cluster {place.cluster!r}")


def declared_pool(files: Files, place: Place, layout: Layout, cluster_uid: ClusterUid) -> Pool:
    """What the file says the pool is. Refused where a value that it does give cannot be read.

    A key that the file leaves out is None, or "" for the instance type: some clouds name it elsewhere.
    """
    entry = _only(_read(files, place.path), place, layout)
    count = _number(entry, place, layout, "count")
    if count is None:
        raise Refused(f"{place.path}: {entry.where} declares no count")
    return Pool(
        cluster_uid=cluster_uid,
        name=entry.name,
        instance_type=_text(entry, place, layout, "instance_type"),
        count=count,
        minimum=_number(entry, place, layout, "min"),
        maximum=_number(entry, place, layout, "max"),
        capacity_type="spot" if _text(entry, place, layout, "capacity_type") == "spot" else "on-demand",
        control_plane=bool(entry.control_plane),
        labels=entry.labels(),
        taints=entry.taints(),
    )


def declared_values(files: Files, place: Place, layout: Layout, fields: Sequence[PoolField]) -> dict[PoolField, str]:
    """What the file says of these fields, in the findings' units; a key that it leaves out is not there."""
    entry = _only(_read(files, place.path), place, layout)
    values = {field: _value(entry, place, layout, field) for field in fields}
    return {field: value for field, value in values.items() if value is not None}


def plan_edit(files: Files, place: Place, layout: Layout, changes: tuple[FieldChange, ...]) -> PlannedEdit:
    """The edit that makes exactly these changes, or Refused with the place and the reason.

    `files` are those of one commit, by path: the place's own, and whatever else decides what it means (Terraform variables, readers).
    """
    guard_path(place.path)
    if not is_covered(layout, place.path):
        raise Refused(f"{place.path}: layout {layout.name!r} does not cover this file")
    document = _read(files, place.path)
    entry = _only(document, place, layout)
    if entry.problem:
        raise Refused(f"{place.path}: line {entry.line}: {entry.where} is not edited: {entry.problem}")
    _guard_changes(changes, place, layout, entry)
    scalars = [_scalar_for(change, entry, place, layout) for change in changes]
    path = _one_path(scalars, place)
    guard_path(path)
    edited = _spliced(files[path], [(scalar, change.new) for scalar, change in zip(scalars, changes, strict=True)])
    after = {**files, path: edited}
    document_after = _read(after, place.path)
    is_other = path != place.path
    before_path, after_path = (_read(files, path), _read(after, path)) if is_other else (document, document_after)
    _guard_meaning(before_path, after_path, scalars, changes, path)
    entry_after = _only(document_after, place, layout)
    _guard_values(entry_after, place, layout, changes)
    _guard_laws(entry, entry_after, place, layout)
    read = sorted({place.path, *(through for scalar in scalars for through in scalar.through)} - {path})
    return PlannedEdit(
        path=path,
        base_blob=git_blob(files[path]),
        new_blob=git_blob(edited),
        content=edited,
        changes=tuple((f"{entry.where}.{layout.fields[change.field]}", change.old, change.new) for change in changes),
        diff=diffs.unified(path, files[path], edited),
        reads=tuple((other, git_blob(files[other])) for other in read),
    )


def edit_by_hand(
    content: bytes, file: str, pool: str, cluster: str, changes: tuple[FieldChange, ...], layouts: Sequence[Layout] = ()
) -> PlannedEdit:
    """One edit of one file that a person names, from whatever it says now; without layouts the known shapes are tried.

    `cluster` may be "" where only one cluster of the file has a pool of that name. `old` of the changes is not looked at.
    """
    guard_path(file)
    files = {file: content}
    document = _read(files, file)
    tried = [replace(layout, files=("**",)) for layout in layouts] or [layout for layout in KNOWN if is_covered(layout, file)]
    able = [layout for layout in tried if all(change.field in layout.fields for change in changes)]
    for layout in able:
        entries = [entry for entry in document.pools(layout) if entry.name == pool and cluster in ("", entry.cluster)]
        clusters = sorted({entry.cluster for entry in entries})
        if len(clusters) > 1:
            raise Refused(f"{file}: clusters {', '.join(clusters)} have a pool {pool!r}; say which with --cluster")
        if entries:
            place = Place(repo="", path=file, cluster=clusters[0], pool=pool)
            now = [entries[0].scalar(layout.fields[change.field]) for change in changes]
            known = (replace(change, old=scalar.value if scalar else "") for change, scalar in zip(changes, now, strict=True))
            return plan_edit(files, place, layout, tuple(known))
    names = ", ".join(layout.name for layout in able) or "none"
    reasons = "; ".join(document.hints(cluster)) if cluster else ""
    raise Refused(f"{file}: no pool {pool!r} as the layouts that know these fields read it ({names}){reasons and ': '}{reasons}")


# ── Finding ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def _read(files: Files, path: str) -> Document:
    if path not in files:
        raise BadInput(f"{path}: not among the files that were read")
    return hcl_edit.read(files, path) if path.lower().endswith(TERRAFORM) else yaml_edit.read(files[path], path)


def _one_path(scalars: Sequence[Scalar], place: Place) -> str:
    """The one file that holds all these bytes: two files cannot be changed as one line that matters."""
    paths = sorted({scalar.path or place.path for scalar in scalars})
    if len(paths) > 1:
        raise Refused(f"{place.path}: the values stand in {' and '.join(paths)}; a change is made in one file")
    return paths[0]


def _mentions(content: bytes, name: str) -> bool:
    """False only where the name cannot be in the file, not even escaped."""
    return name.encode() in content or b"\\" in content


def _search(path: str, files: Files, layouts: Sequence[Layout], cluster: str, pool: str) -> tuple[dict[Spot, str], tuple[str, ...]]:
    """Entries of one file, and what keeps us from being sure about it; what two layouts see at one spot is one entry."""
    try:
        document = _read(files, path)
        entries = [pair for layout in layouts for pair in enumerate(_matching(document, layout, cluster, pool))]
    except (BadInput, Refused) as error:
        return {}, (str(error),)
    return {(path, entry.line, n): f"{path} line {entry.line}" for n, entry in entries}, document.hints(cluster)


def _matching(document: Document, layout: Layout, cluster: str, pool: str) -> list[PoolEntry]:
    return [entry for entry in document.pools(layout) if entry.cluster == cluster and entry.name == pool]


def _only(document: Document, place: Place, layout: Layout) -> PoolEntry:
    entries = _matching(document, layout, place.cluster, place.pool)
    if len(entries) == 1:
        return entries[0]
    lines = ", ".join(str(entry.line) for entry in entries)
    saw = f"declared more than once (lines {lines})" if entries else "not declared here"
    raise Refused(f"{place.path}: pool {place.pool!r} of cluster {place.cluster!r} is {saw}, as layout {layout.name!r} reads it")


def _why_not_one(found: Mapping[Spot, str], unsure: Sequence[str], cluster: str, pool: str, total: int) -> str:
    subject = f"pool {pool!r} of cluster {cluster!r}"
    if len(found) > 1:
        return f"{subject} is declared in more than one place: {', '.join(found.values())}; keep one"
    if unsure:
        seen = f"is declared at {next(iter(found.values()))}, but a second place" if found else "is found nowhere, but a place"
        return f"{subject} {seen} cannot be ruled out: {'; '.join(unsure)}"
    return f"{subject} is declared in none of {total} files, as the layouts read them"


# ── Reading ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def _value(entry: PoolEntry, place: Place, layout: Layout, field: PoolField) -> str | None:
    key = layout.fields.get(field)
    scalar = entry.scalar(key) if key is not None else None
    if scalar is None:
        return None
    if not scalar.is_literal:
        raise Refused(f"{place.path}: line {scalar.line}: {entry.where}.{key} cannot be read: {scalar.problem}")
    return scalar.value


def _number(entry: PoolEntry, place: Place, layout: Layout, field: PoolField) -> int | None:
    value = _value(entry, place, layout, field)
    if value is None or re.fullmatch(r"0|[1-9][0-9]{0,8}", value):
        return None if value is None else int(value)
    raise Refused(f"{place.path}: line {entry.line}: {entry.where}.{layout.fields[field]}: expected a whole number, got {value[:40]!r}")


def _text(entry: PoolEntry, place: Place, layout: Layout, field: PoolField) -> str:
    value = _value(entry, place, layout, field)
    if field == "capacity_type" and value not in (None, *_CAPACITY):
        raise Refused(f"{place.path}: line {entry.line}: {entry.where}.{layout.fields[field]}: expected on-demand or spot, got {value!r}")
    return value or ""


# ── Guards ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def _guard_changes(changes: tuple[FieldChange, ...], place: Place, layout: Layout, entry: PoolEntry) -> None:
    fields = [change.field for change in changes]
    if not changes or len(set(fields)) != len(fields):
        raise Refused(f"{place.path}: a plan needs one change or more, each of another field; got {fields}")
    for change in changes:
        if change.field not in layout.fields:
            raise Refused(f"{place.path}: layout {layout.name!r} has no field {change.field}: what reads this file does not use it")
        if change.field in _IGNORED.get(entry.cloud, ()):
            raise Refused(f"{place.path}: {change.field} has no effect on a {entry.cloud} cluster")
        if not _is_writable(change.field, change.new):
            raise Refused(f"{place.path}: {change.field}: {change.new[:40]!r} is not a value for it")


def _is_writable(field: PoolField, value: str) -> bool:
    if field in _NUMERIC:
        return _NUMBER.fullmatch(value) is not None
    if field == "capacity_type":
        return value in _CAPACITY
    return _INSTANCE_TYPE.fullmatch(value) is not None and value.lower() not in _NOT_TEXT


def _scalar_for(change: FieldChange, entry: PoolEntry, place: Place, layout: Layout) -> Scalar:
    key = layout.fields[change.field]
    scalar = entry.scalar(key)
    if scalar is None:
        raise Refused(f"{place.path}: line {entry.line}: {entry.where} has no key {key}; add it by hand first")
    where = f"{place.path}: line {scalar.line}: {entry.where}.{key}"
    if scalar.problem:
        raise Refused(f"{where} is not edited: {scalar.problem}")
    if scalar.value != change.old:
        raise Refused(f"{where}: the file says {scalar.value[:40]!r}, the evidence was made for {change.old[:40]!r}")
    if not _is_writable(change.field, scalar.value):
        raise Refused(f"{where}: {scalar.value[:40]!r} is not a value that could be restored")
    if change.old == change.new:
        raise Refused(f"{where}: it is {change.new!r} already")
    return scalar


def _spliced(content: bytes, edits: Sequence[tuple[Scalar, str]]) -> bytes:
    for scalar, new in sorted(edits, key=lambda edit: -edit[0].start):
        content = content[: scalar.start] + new.encode() + content[scalar.end :]
    return content


def _guard_meaning(before: Document, after: Document, scalars: Sequence[Scalar], changes: Sequence[FieldChange], path: str) -> None:
    """Both sides parsed: every token is what it was, but for the planned values."""
    wanted = list(before.tokens)
    for scalar, change in zip(scalars, changes, strict=True):
        wanted[scalar.token] = (*wanted[scalar.token][:-1], change.new)
    if tuple(wanted) != after.tokens:
        raise Refused(f"{path}: after the edit the file would mean something else than planned; edit it by hand")


def _guard_values(after: PoolEntry, place: Place, layout: Layout, changes: Sequence[FieldChange]) -> None:
    """The pool, read anew from where it is declared, says what was planned."""
    for change in changes:
        scalar = after.scalar(layout.fields[change.field])
        if scalar is None or scalar.value != change.new:
            saw = "nothing" if scalar is None else scalar.value[:40]
            raise Refused(f"{place.path}: {after.where}: after the edit {change.field} would be {saw!r}, planned was {change.new!r}")


def _guard_laws(before: PoolEntry, after: PoolEntry, place: Place, layout: Layout) -> None:
    """What the provider demands of count, min and max together."""
    count, low, high = (_number(after, place, layout, field) for field in _BOUNDS)
    if low is not None and high is not None and low > high:
        raise Refused(f"{place.path}: {after.where}: min {low} would be over max {high}")
    old_count, old_low, _ = (_number(before, place, layout, field) for field in _BOUNDS)
    is_eks = after.cloud == "eks" or (not after.cloud and old_count == old_low)
    if low and high and count != low and is_eks:
        raise Refused(f"{place.path}: {after.where}: an autoscaled EKS pool needs count = min, it would be {count} and {low}; change both")
    if count is not None and high is not None and count > high:
        raise Refused(f"{place.path}: {after.where}: count {count} would be over max {high}")


_BOUNDS: tuple[PoolField, PoolField, PoolField] = ("count", "min", "max")
