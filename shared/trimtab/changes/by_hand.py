"""One edit that a person names: of one file, or of whichever file of a folder declares it."""

from collections.abc import Sequence
from dataclasses import replace

from trimtab.changes.documents import ANY, Document, PoolEntry, Scalar
from trimtab.changes.kube_objects import UNKNOWN
from trimtab.changes.layouts import KNOWN, guard_path, is_covered, is_editable
from trimtab.changes.plan import plan_edit
from trimtab.changes.reading import Files, as_finding, full_name, namespace_given, read, with_field
from trimtab.errors import BadInput, Refused
from trimtab.records import FieldChange, Layout, Place, PlannedEdit, SubjectKind


def edit_by_hand(
    content: bytes,
    file: str,
    pool: str,
    cluster: str,
    changes: tuple[FieldChange, ...],
    layouts: Sequence[Layout] = (),
    kind: SubjectKind = "pool",
) -> PlannedEdit:
    """One edit of one file that a person names, from whatever it says now; without layouts the known shapes are tried.

    `cluster` may be "" where only one cluster of the file has a thing of that name. `old` of the changes is not looked at.
    """
    return edit_in_files({file: content}, pool, cluster, changes, layouts, kind, file=file)


def edit_in_files(
    files: Files,
    pool: str,
    cluster: str,
    changes: tuple[FieldChange, ...],
    layouts: Sequence[Layout] = (),
    kind: SubjectKind = "pool",
    *,
    file: str = "",
) -> PlannedEdit:
    """As `edit_by_hand`, in the file named, or, with "", in the one of all these that declares it."""
    for path in [file] if file else []:
        guard_path(path)
    paths = [file] if file else [path for path in sorted(files) if is_editable(path)]
    able = [layout for layout in _tried(layouts, kind) if all(change.field in layout.fields for change in changes)]
    found = [each for path in paths for each in _in_file(files, path, able, pool, cluster, is_alone=bool(file))]
    spots = sorted({(path, entry.line) for path, _, entry, _ in found})
    clusters = sorted({entry.cluster for _, _, entry, _ in found})
    if len(clusters) > 1:
        raise Refused(f"{file or 'these files'}: clusters {', '.join(clusters)} have a {kind} {pool!r}; say which with --cluster")
    if len({path for path, _ in spots}) > 1:
        named = ", ".join(f"{path} line {line}" for path, line in spots)
        raise Refused(f"{kind} {pool!r} is declared in more than one place: {named}; name the file")
    if not found:
        raise Refused(_nothing(files, file, able, pool, cluster, kind))
    path, layout, entry, document = next((each for each in found if _has_all(each[1], each[2], changes)), found[0])
    alike = with_field([each for _, of, each, _ in found if of is layout], layout, [change.field for change in changes])
    if len(alike) > 1 and layout.object:
        raise Refused(f"{path}: {kind} {pool!r} may be {' or '.join(each.where for each in alike)}; name one")
    # Who edits by hand has said which one it is: a name may be short of its container, and a manifest of its namespace.
    place = Place(repo="", path=path, cluster=cluster or entry.cluster, pool=full_name(namespace_given(files, path, layout), entry))
    now = [entry.scalar(layout.fields[change.field]) for change in changes]
    known = (replace(change, old=_said(scalar, layout, change)) for change, scalar in zip(changes, now, strict=True))
    planned = plan_edit(files, place, layout, tuple(known), document)
    # Of one file alone nothing can be said about who reads it; whoever names the file knows.
    return replace(planned, unsure=()) if len(files) == 1 else planned


def _said(scalar: Scalar | None, layout: Layout, change: FieldChange) -> str:
    """What the file says now, as a finding would write it."""
    return "" if scalar is None else as_finding(scalar.value, layout, change.field) or scalar.value


def _tried(layouts: Sequence[Layout], kind: SubjectKind) -> list[Layout]:
    return [replace(layout, files=(*layout.files, "**")) for layout in layouts] or [layout for layout in KNOWN if layout.kind == kind]


def _in_file(
    files: Files, path: str, layouts: Sequence[Layout], pool: str, cluster: str, *, is_alone: bool
) -> list[tuple[str, Layout, PoolEntry, Document]]:
    covering = [layout for layout in layouts if is_covered(layout, path)]
    try:
        if not covering:
            return []
        document = read(files, path)
        given = {layout.name: namespace_given(files, path, layout) for layout in covering}
        return [
            (path, layout, entry, document)
            for layout in covering
            for entry in document.pools(layout)
            if _is_meant(full_name(given[layout.name], entry), layout, pool)
            and cluster in {"", entry.cluster} | ({cluster} if entry.cluster == ANY else set())
        ]
    except (BadInput, Refused):
        if is_alone:
            raise
        return []


def _is_meant(name: str, layout: Layout, pool: str) -> bool:
    if name == pool or not layout.object:
        return name == pool
    has, wanted = name.split("/"), pool.split("/")
    if layout.kind == "workload" and len(wanted) == len(has) - 1:
        has = has[:-1]
    return len(has) == len(wanted) and has[1:] == wanted[1:] and has[0] in {wanted[0], UNKNOWN}


def _has_all(layout: Layout, entry: PoolEntry, changes: Sequence[FieldChange]) -> bool:
    return all(entry.scalar(layout.fields[change.field]) is not None for change in changes)


def _nothing(files: Files, file: str, able: Sequence[Layout], pool: str, cluster: str, kind: SubjectKind) -> str:
    names = ", ".join(layout.name for layout in able if not file or is_covered(layout, file)) or "none"
    reasons = "; ".join(read(files, file).hints(cluster)) if file and cluster else ""
    where = file or f"{len(files)} files"
    return f"{where}: no {kind} {pool!r} as the layouts that know these fields read it ({names}){reasons and ': '}{reasons}"
