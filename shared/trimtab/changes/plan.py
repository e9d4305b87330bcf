"""Finding → edit: where a thing is declared, and the bytes that change, checked by reading both sides again."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace

from trimtab import globs
from trimtab.changes import consumers, diffs, embedded, hcl_edit, kustomize
from trimtab.changes.documents import Document, PoolEntry, Scalar
from trimtab.changes.guards import guard_changes, guard_laws, guard_meaning, guard_values, new_text
from trimtab.changes.layouts import TERRAFORM, guard_path, is_covered, is_editable
from trimtab.changes.reading import Files, doubts, holds, matching, only, read, subject, with_field
from trimtab.errors import BadInput, Refused
from trimtab.records import FieldChange, Layout, Place, PlannedEdit, PoolField, SubjectKind

Step = tuple[Place, Layout, tuple[FieldChange, ...]]
"""What is changed where, of several changes that come together."""
Spot = tuple[str, int, int]
"""Path, line, and which of the entries that one layout sees."""


def git_blob(content: bytes) -> str:
    """The id that git gives these bytes."""
    return hashlib.sha1(b"blob %d\x00" % len(content) + content, usedforsecurity=False).hexdigest()


# ── Finding the place ────────────────────────────────────────────────────────────────────────────────────────────────
def find_place(
    files: Files,
    repo: str,
    layouts: Sequence[Layout],
    cluster_name: str,
    pool_name: str,
    field: PoolField = "count",
    kind: SubjectKind | None = None,
) -> Place:
    """The one place that declares a thing. Refused where there is none or more than one, naming what was seen.

    Only layouts that know `field`, and are about that `kind` (None = any), are asked: a namespace may have the name of a pool.
    """
    asked = [layout for layout in layouts if _knows(layout, field, kind)]
    seen: dict[Spot, bool] = {}
    unsure: list[str] = []
    for path in sorted(files):
        covering = [layout for layout in asked if is_editable(path) and is_covered(layout, path)]
        able = [layout for layout in covering if _may_hold(_said(files, path), path, layout, cluster_name, pool_name)]
        if able:
            entries, problems = _search(path, files, able, cluster_name, pool_name, field)
            seen.update(entries)
            unsure.extend(problems)
    # Of several Kubernetes objects of that name, those that say something about the field: a patch holds what it changes, no more.
    found = {spot: f"{spot[0]} line {spot[1]}" for spot, has_field in seen.items() if has_field or not any(seen.values())}
    about = subject(asked[0] if asked else None, cluster_name, pool_name)
    paths = sorted({path for path, _, _ in found})
    if len(paths) > 1 and len(paths) == len(found) and not unsure and any(layout.object for layout in asked):
        return Place(repo=repo, path=_winner(files, paths, found, about), cluster=cluster_name, pool=pool_name)
    if len(found) == 1 and not unsure:
        return Place(repo=repo, path=paths[0], cluster=cluster_name, pool=pool_name)
    raise Refused(_why_not_one(found, unsure, about, len(files)))


def layout_of(files: Files, place: Place, layouts: Sequence[Layout], field: PoolField = "count", kind: SubjectKind | None = None) -> Layout:
    """The first layout that knows `field` and finds the thing where the place says it is; one that has the field there goes first."""
    document = read(files, place.path)
    seen: list[Layout] = []
    for layout in layouts:
        if _knows(layout, field, kind) and is_covered(layout, place.path):
            entries = matching(files, document, place.path, layout, place.cluster, place.pool)
            if any(entry.scalar(layout.fields[field]) is not None for entry in entries):
                return layout
            seen += [layout] if entries else []
    if seen:
        return seen[0]
    raise Refused(f"{place.path}: no layout finds {subject(None, place.cluster, place.pool)}")


def _knows(layout: Layout, field: PoolField, kind: SubjectKind | None) -> bool:
    return field in layout.fields and kind in {None, layout.kind}


def _said(files: Files, path: str) -> bytes:
    """What may hold a name: the file; and for Terraform whatever else may give its block the name."""
    return hcl_edit.around(files, path) if path.endswith(".tf") else files[path]


def _may_hold(content: bytes, path: str, layout: Layout, cluster: str, name: str) -> bool:
    """False only where the names cannot be in the file, not even escaped."""
    if b"\\" in content or b"\x00" in content:
        return globs.may_be_of(path, layout.files, cluster)  # escaped; or UTF-16, which is refused where it is read
    wanted = [] if layout.pool else name.split("/")[1:] if layout.kind == "workload" else [name]
    if layout.object and layout.kind != "workload":
        wanted = [layout.object]
    if path.endswith(".tf") and b"dynamic" in content:
        wanted = []  # what it is repeated over may be given from outside the repo
    if not (globs.says_cluster(path, layout.files) or layout.cluster_name or layout.cluster == "*"):
        wanted.append(cluster)
    return globs.may_be_of(path, layout.files, cluster) and all(word.encode() in content for word in wanted)


def _search(
    path: str, files: Files, layouts: Sequence[Layout], cluster: str, name: str, field: PoolField
) -> tuple[dict[Spot, bool], tuple[str, ...]]:
    """Entries of one file, and what keeps us from being sure about it; what two layouts see at one spot is one entry.

    The value is False for a Kubernetes object that says nothing about the field.
    """
    try:
        document = read(files, path)
        entries = [
            (number, entry.line, not layout.object or holds(entry, layout.fields[field]))
            for layout in layouts
            for number, entry in enumerate(with_field(matching(files, document, path, layout, cluster, name), layout, (field,)))
        ]
        unsure = [doubt for layout in layouts for doubt in doubts(files, document, path, layout, cluster, name)]
    except (BadInput, Refused) as error:
        return {}, (str(error),)
    found: dict[Spot, bool] = {}
    for number, line, has_field in entries:
        found[path, line, number] = has_field or found.get((path, line, number), False)
    return found, (*unsure, *document.hints(cluster))


def _winner(files: Files, paths: Sequence[str], found: Mapping[Spot, str], about: str) -> str:
    try:
        return kustomize.kustomizations(files).winner(paths)
    except Refused as error:
        raise Refused(f"{about} is declared in more than one place: {', '.join(found.values())}: {error}") from None


def _why_not_one(found: Mapping[Spot, str], unsure: Sequence[str], about: str, total: int) -> str:
    if len(found) > 1:
        return f"{about} is declared in more than one place: {', '.join(found.values())}; keep one"
    if unsure:
        seen = f"is declared at {next(iter(found.values()))}, but a second place" if found else "is found nowhere, but a place"
        return f"{about} {seen} cannot be ruled out: {'; '.join(unsure)}"
    return f"{about} is declared in none of {total} files, as the layouts read them"


# ── Planning the edit ────────────────────────────────────────────────────────────────────────────────────────────────
def plan_edit(
    files: Files, place: Place, layout: Layout, changes: tuple[FieldChange, ...], document: Document | None = None
) -> PlannedEdit:
    """The edit that makes exactly these changes, or Refused with the place and the reason.

    `files` are those of one commit, by path: the place's own, and whatever else decides what it means (Terraform variables, readers).
    `document` is the place's own file where the caller has parsed it: parsing is most of the work.
    """
    guard_path(place.path)
    if not is_covered(layout, place.path):
        raise Refused(f"{place.path}: layout {layout.name!r} does not cover this file")
    document = document or read(files, place.path)
    fields = tuple(change.field for change in changes)
    entry = only(files, document, place, layout, fields)
    if entry.problem:
        raise Refused(f"{place.path}: line {entry.line}: {entry.where} is not edited: {entry.problem}")
    guard_changes(changes, place, layout, entry)
    scalars = [_scalar_for(change, entry, place, layout) for change in changes]
    edits = [(scalar, _text_for(change, scalar, entry, place, layout)) for change, scalar in zip(changes, scalars, strict=True)]
    path = _one_path(scalars, place)
    guard_path(path)
    edited = _spliced(files[path], edits)
    _guard_both_sides(files, {**files, path: edited}, path, (place, layout, changes), document, entry, edits)
    readings = _readings(files, place, layout, fields, entry.cloud)
    followed = {each for scalar in scalars for each in scalar.through} | {each for reading in readings for each in reading.paths}
    others = {place.path, *followed, *_decided_with(files, place, layout, fields)} - {path}
    return PlannedEdit(
        path=path,
        base_blob=git_blob(files[path]),
        new_blob=git_blob(edited),
        content=edited,
        changes=tuple((f"{entry.where}.{layout.fields[name]}", now.value, text) for name, (now, text) in zip(fields, edits, strict=True)),
        diff=diffs.unified(path, files[path], edited),
        reads=tuple((other, git_blob(files[other])) for other in sorted(others)),
        unsure=_unsure(files, place, layout, scalars, readings),
    )


def plan_edits(files: Files, steps: Sequence[Step]) -> PlannedEdit:
    """One edit of one file that makes all these changes, each planned on what the ones before it leave.

    Every guard holds at every step, so what two of them would change is refused by name. Raises Refused where a second file is meant.
    """
    now, made = dict(files), list[PlannedEdit]()
    for place, layout, changes in steps:
        edit = plan_edit(now, place, layout, changes)
        if made and edit.path != made[0].path:
            raise Refused(f"{place.path}: the values stand in {edit.path}, and those of the others in {made[0].path}")
        now[edit.path] = edit.content
        made.append(edit)
    first, last = made[0], made[-1]
    return replace(
        first,
        new_blob=last.new_blob,
        content=last.content,
        changes=tuple(change for edit in made for change in edit.changes),
        diff=diffs.unified(first.path, files[first.path], last.content),
        reads=tuple(sorted({read for edit in made for read in edit.reads})),
        unsure=tuple(dict.fromkeys(why for edit in made for why in edit.unsure)),
    )


def _guard_both_sides(
    files: Files, after: Files, path: str, step: Step, document: Document, entry: PoolEntry, edits: Sequence[tuple[Scalar, str]]
) -> None:
    """Raises Refused unless what is read after the edit of `path` is what was read before it, but for the change."""
    place, layout, changes = step
    scalars, texts = [scalar for scalar, _ in edits], [text for _, text in edits]
    fields = [change.field for change in changes]
    document_after = _read_again(after, place.path, path)
    is_other = path != place.path
    guard_meaning(read(files, path) if is_other else document, read(after, path) if is_other else document_after, edits, path)
    entry_after = only(after, document_after, place, layout, fields)
    embedded.guard(scalars, guard_values(entry_after, place, layout, list(zip(fields, texts, strict=True))), texts, path)
    guard_laws(entry, entry_after, place, layout)


def _read_again(after: Files, declaring: str, edited: str) -> Document:
    try:
        return read(after, declaring)
    except BadInput as error:
        raise Refused(f"{edited}: after the edit the file could not be read, so it is not made: {error}") from None


def _scalar_for(change: FieldChange, entry: PoolEntry, place: Place, layout: Layout) -> Scalar:
    key = layout.fields[change.field]
    scalar = entry.scalar(key)
    if scalar is None:
        raise Refused(f"{place.path}: line {entry.line}: {entry.where} has no key {key}; add it by hand first")
    return scalar


def _text_for(change: FieldChange, scalar: Scalar, entry: PoolEntry, place: Place, layout: Layout) -> str:
    where = f"{scalar.path or place.path}: line {scalar.line}: {entry.where}.{layout.fields[change.field]}"
    return new_text(change, scalar, where, layout)


def _one_path(scalars: Sequence[Scalar], place: Place) -> str:
    """The one file that holds all these bytes: two files cannot be changed as one line that matters."""
    paths = sorted({scalar.path or place.path for scalar in scalars})
    if len(paths) > 1:
        raise Refused(f"{place.path}: the values stand in {' and '.join(paths)}; a change is made in one file")
    return paths[0]


def _spliced(content: bytes, edits: Sequence[tuple[Scalar, str]]) -> bytes:
    for scalar, new in sorted(edits, key=lambda edit: -edit[0].start):
        content = content[: scalar.start] + new.encode() + content[scalar.end :]
    return content


def _decided_with(files: Files, place: Place, layout: Layout, fields: Sequence[PoolField]) -> set[str]:
    """Paths of the manifests and kustomizations that decide whether this place's word counts. Refused where it does not."""
    if not layout.object:
        return set()
    built = kustomize.kustomizations(files)
    problem = built.problem_of(place.path)
    if problem:
        raise Refused(f"{place.path}: {problem}")
    reads = set(built.reads([place.path]))
    below = (built.files_with(place.path) - {place.path}) & files.keys()
    rivals = [path for path in sorted(below) if _declares(files, path, place, layout, fields)]
    if rivals and built.winner([place.path, *rivals]) != place.path:
        raise Refused(f"{place.path}: {', '.join(rivals)} decides what this place declares too; edit it there")
    return {*reads, *rivals}


def _declares(files: Files, path: str, place: Place, layout: Layout, fields: Sequence[PoolField]) -> bool:
    is_asked = is_editable(path) and is_covered(layout, path) and _may_hold(_said(files, path), path, layout, place.cluster, place.pool)
    entries = matching(files, read(files, path), path, layout, place.cluster, place.pool) if is_asked else []
    return any(holds(entry, layout.fields[name]) for entry in entries for name in fields)


def _readings(files: Files, place: Place, layout: Layout, fields: Sequence[PoolField], cloud: str) -> list[consumers.Reading]:
    """Who reads the keys that change. Refused where the repo's Terraform is known not to."""
    is_applied = layout.object or layout.delivery == "argo" or layout.kind == "workload"
    if is_applied or place.path.endswith((*TERRAFORM, ".tf.json")):
        return []
    found = [consumers.reads(files, place.path, layout.pools, layout.fields[name], cloud) for name in fields]
    ignored = next((reading.why for reading in found if reading.answer == "ignored"), "")
    if ignored:
        raise Refused(f"{place.path}: {ignored}")
    return found


def _unsure(
    files: Files, place: Place, layout: Layout, scalars: Sequence[Scalar], readings: Sequence[consumers.Reading]
) -> tuple[str, ...]:
    """What could not be checked, a sentence each."""
    doubts = _doubts_of(files, place, layout) if layout.object else ()
    unread = (reading.why for reading in readings if reading.answer == "unknown")
    return tuple(dict.fromkeys((*(why for scalar in scalars for why in scalar.unsure), *unread, *doubts)))


def _doubts_of(files: Files, place: Place, layout: Layout) -> tuple[str, ...]:
    """What is laid over the place's file and cannot be read as its layout reads it."""
    built = kustomize.kustomizations(files)
    unread = sorted(patch for patch in built.patches_with(place.path) if patch not in files or not is_covered(layout, patch))
    return (
        *built.doubts_of(place.path),
        *(f"{patch} is laid over it, and layout {layout.name!r} does not cover that." for patch in unread),
    )
