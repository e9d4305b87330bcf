"""What files say: the one entry that declares a pool, a quota or a container, and its values in a finding's own units."""

import re
from collections.abc import Mapping, Sequence
from typing import NewType

from trimtab import amounts
from trimtab.changes import hcl_edit, yaml_edit
from trimtab.changes.documents import ANY, Document, PoolEntry, Scalar
from trimtab.changes.kube_objects import UNKNOWN
from trimtab.changes.kustomize import kustomizations
from trimtab.changes.layouts import TERRAFORM
from trimtab.errors import BadInput, Refused
from trimtab.records import ClusterUid, Layout, Place, Pool, PoolField

Files = Mapping[str, bytes]
"""Files of one commit, by path."""
Named = NewType("Named", int)
_NO, _YES, _PERHAPS = Named(0), Named(1), Named(2)
CAPACITY = ("on-demand", "spot")
_CONTAINER_PARTS = 4


def read(files: Files, path: str) -> Document:
    """Parse one of the files. BadInput names the file and line."""
    if path not in files:
        raise BadInput(f"{path}: not among the files that were read")
    return hcl_edit.read(files, path) if path.lower().endswith(TERRAFORM) else yaml_edit.read(files[path], path)


# ── Finding ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def matching(files: Files, document: Document, path: str, layout: Layout, cluster: str, name: str) -> list[PoolEntry]:
    """Every entry of a file that is of that cluster and has that name."""
    entries = document.pools(layout)
    mine = [entry for entry in entries if entry.cluster in {cluster, ANY}]
    given = namespace_given(files, path, layout)
    return [entry for entry in mine if is_named(given, layout, entry, name) == _YES]


def doubts(files: Files, document: Document, path: str, layout: Layout, cluster: str, name: str) -> list[str]:
    """Entries that may be it: they leave it to somebody else which namespace they are in."""
    given = namespace_given(files, path, layout)
    return [
        f"{path} line {entry.line}: which namespace {entry.where} is in is not known"
        for entry in (document.pools(layout) if layout.object else ())
        if entry.cluster in {cluster, ANY} and is_named(given, layout, entry, name) == _PERHAPS
    ]


def is_named(given: str, layout: Layout, entry: PoolEntry, name: str) -> Named:
    """Whether the entry is called that; a workload's name may leave out the container."""
    if not layout.object:
        return _YES if entry.name == name else _NO
    wanted, has = name.split("/"), entry.name.split("/")
    if layout.kind == "workload" and len(wanted) == _CONTAINER_PARTS - 1:
        has = has[:-1]
    if len(has) != len(wanted) or has[1:] != wanted[1:]:
        return _NO
    namespace = full_name(given, entry).split("/")[0]
    return _YES if namespace == wanted[0] else _PERHAPS if namespace == UNKNOWN else _NO


def namespace_given(files: Files, path: str, layout: Layout) -> str:
    """The namespace that kustomizations put the file's objects in; "" = none does."""
    return kustomizations(files).namespace_of(path) if layout.object else ""


def full_name(given: str, entry: PoolEntry) -> str:
    """The entry's name in the namespace that a kustomization gives it, where one does."""
    return "/".join([given, *entry.name.split("/")[1:]]) if given else entry.name


def with_field(entries: Sequence[PoolEntry], layout: Layout, wanted: Sequence[PoolField]) -> list[PoolEntry]:
    """Of several Kubernetes objects those that say something about the fields; all of them where none does."""
    if len(entries) < 2 or not layout.object:
        return list(entries)
    holding = [entry for entry in entries if any(holds(entry, layout.fields[name]) for name in wanted if name in layout.fields)]
    return holding or list(entries)


def holds(entry: PoolEntry, key: str) -> bool:
    """True where the entry has the key, or where whether it has is not known."""
    try:
        return entry.scalar(key) is not None
    except (Refused, BadInput):
        return True


def only(files: Files, document: Document, place: Place, layout: Layout, wanted: Sequence[PoolField]) -> PoolEntry:
    """The one entry that the place means. Refused where there is none or more than one."""
    entries = with_field(matching(files, document, place.path, layout, place.cluster, place.pool), layout, wanted)
    if len(entries) == 1:
        return entries[0]
    lines = ", ".join(str(entry.line) for entry in entries)
    saw = f"declared more than once (lines {lines})" if entries else "not declared here"
    raise Refused(f"{place.path}: {subject(layout, place.cluster, place.pool)} is {saw}, as layout {layout.name!r} reads it")


def subject(layout: Layout | None, cluster: str, name: str) -> str:
    """For people: pool 'gpu' of cluster 'training'."""
    kind = "pool" if layout is None else {"virtual-cluster": "virtual cluster"}.get(layout.kind, layout.kind)
    return f"{kind} {name!r} of cluster {cluster!r}"


# ── Values ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def declared_pool(files: Files, place: Place, layout: Layout, cluster_uid: ClusterUid) -> Pool:
    """What the file says the pool is. Refused where a value that it does give cannot be read.

    A key that the file leaves out is None, or "" for the instance type: some clouds name it elsewhere.
    """
    entry = only(files, read(files, place.path), place, layout, ("count",))
    count = number(entry, place, layout, "count")
    if count is None:
        raise Refused(f"{place.path}: {entry.where} declares no count")
    return Pool(
        cluster_uid=cluster_uid,
        name=entry.name,
        instance_type=_text(entry, place, layout, "instance_type"),
        count=count,
        minimum=number(entry, place, layout, "min"),
        maximum=number(entry, place, layout, "max"),
        capacity_type="spot" if _text(entry, place, layout, "capacity_type") == "spot" else "on-demand",
        control_plane=bool(entry.control_plane),
        labels=entry.labels(),
        taints=entry.taints(),
    )


def declared_values(files: Files, place: Place, layout: Layout, fields: Sequence[PoolField]) -> Mapping[PoolField, str]:
    """What the file says of these fields, as a finding about them would write it: "8" cores, "8192" MiB, "512Mi".

    A field that the layout or the file does not have is left out. Refused where a value that is there cannot be read.
    """
    entry = only(files, read(files, place.path), place, layout, fields)
    found: dict[PoolField, str] = {}
    for name in fields:
        text = value(entry, place, layout, name)
        if text is not None:
            found[name] = _canonical(text, entry, place, layout, name)
    return found


def _canonical(text: str, entry: PoolEntry, place: Place, layout: Layout, name: PoolField) -> str:
    found = as_finding(text, layout, name)
    if found is None:
        key, unit = layout.fields[name], amounts.unit_of(name, layout.units)
        raise Refused(f"{place.path}: line {entry.line}: {entry.where}.{key}: expected an amount ({unit}), got {text[:40]!r}")
    return found


def as_finding(text: str, layout: Layout, name: PoolField) -> str | None:
    """A file's text as a finding about the field would write it; None = it is no amount."""
    if name not in amounts.AMOUNTS:
        return text
    amount = amounts.meant(name, text, amounts.unit_of(name, layout.units))
    return None if amount is None else amounts.canonical(name, amount)


def value(entry: PoolEntry, place: Place, layout: Layout, name: PoolField) -> str | None:
    """The text of a field; None = the layout or the file does not have it."""
    key = layout.fields.get(name)
    scalar: Scalar | None = entry.scalar(key) if key is not None else None
    if scalar is None:
        return None
    if not scalar.is_literal:
        raise Refused(f"{place.path}: line {scalar.line}: {entry.where}.{key} cannot be read: {scalar.problem}")
    return scalar.value


def number(entry: PoolEntry, place: Place, layout: Layout, name: PoolField) -> int | None:
    """The whole number of a field; None = the layout or the file does not have it."""
    text = value(entry, place, layout, name)
    if text is None or re.fullmatch(r"0|[1-9][0-9]{0,8}", text):
        return None if text is None else int(text)
    raise Refused(f"{place.path}: line {entry.line}: {entry.where}.{layout.fields[name]}: expected a whole number, got {text[:40]!r}")


def _text(entry: PoolEntry, place: Place, layout: Layout, name: PoolField) -> str:
    text = value(entry, place, layout, name)
    if name == "capacity_type" and text not in {None, *CAPACITY}:
        raise Refused(f"{place.path}: line {entry.line}: {entry.where}.{layout.fields[name]}: expected on-demand or spot, got {text!r}")
    return text or ""
