"""Every scalar that the known layouts can reach in a folder of files, edited and taken back; or the reason why not."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from trimtab.changes import KNOWN, declared_values, plan_edit
from trimtab.changes.documents import MAX_BYTES, PoolEntry
from trimtab.changes.layouts import SUFFIXES, is_covered, is_editable
from trimtab.changes.reading import read
from trimtab.errors import BadInput, Refused
from trimtab.records import FieldChange, Layout, Place, PlannedEdit, PoolField

_NEW_TEXT: Mapping[PoolField, tuple[str, str]] = {"instance_type": ("m5.large", "m5.xlarge"), "capacity_type": ("on-demand", "spot")}
_COUNTS: tuple[PoolField, ...] = ("count", "min", "max")
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|[\w.-]*\[[^\]]*\][\w.\[\]]*|\d+")


@dataclass(slots=True)
class Sweep:
    """What was found in a folder, and what could be done with it."""

    files: int = 0
    entries: int = 0
    edited: dict[tuple[str, int], str] = field(default_factory=dict)
    """(path, byte) → what was edited there."""
    refused: dict[str, str] = field(default_factory=dict)
    """Where → why."""
    unreadable: dict[str, str] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    """Edits that did not do what they should have: must stay empty."""

    def summary(self) -> str:
        """Counts, and the refusals by reason."""
        why = Counter(_reason(text) for text in (*self.refused.values(), *self.unreadable.values()))
        lines = [f"{self.files} files, {self.entries} entries, {len(self.edited)} scalars edited and restored, {len(self.refused)} refused"]
        return "\n".join([*lines, *(f"{count:6} × {text}" for text, count in why.most_common())])


def files_below(folder: Path) -> dict[str, bytes]:
    """Every file that an edit could read, by its path."""
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink() and path.name.endswith(SUFFIXES)]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths if path.stat().st_size <= MAX_BYTES}


def sweep(files: Mapping[str, bytes], layouts: Sequence[Layout] = KNOWN) -> Sweep:
    """Edit everything that can be edited, one change at a time, each from the same beginning."""
    found = Sweep(files=len(files))
    for path in sorted(path for path in files if is_editable(path)):
        seen: set[int] = set()
        for layout in layouts:
            if is_covered(layout, path):
                for entry in _entries(files, path, layout, found):
                    if entry.line not in seen:
                        seen.add(entry.line)
                        found.entries += 1
                    _edit_all(files, path, layout, entry, found)
    return found


def _entries(files: Mapping[str, bytes], path: str, layout: Layout, found: Sweep) -> tuple[PoolEntry, ...]:
    try:
        return read(files, path).pools(layout)
    except (BadInput, Refused) as error:
        found.unreadable[path] = str(error)
        return ()


def _edit_all(files: Mapping[str, bytes], path: str, layout: Layout, entry: PoolEntry, found: Sweep) -> None:
    place = Place(repo="samples", path=path, cluster=entry.cluster, pool=entry.name)
    for name in layout.fields:
        where = f"{path}: {entry.where}.{layout.fields[name]} (line {entry.line})"
        try:
            spot = _spot(entry, layout, name)
            if spot is None or (spot[0] or path, spot[1]) in found.edited:
                continue
            changes, edit = _edited(files, place, layout, name)
            found.edited[edit.path, spot[1]] = where
            found.refused.pop(where, None)
            found.wrong.extend(f"{where}: {what}" for what in _wrong(files, place, layout, changes, edit))
        except (BadInput, Refused) as error:
            found.refused.setdefault(where, str(error))


def _spot(entry: PoolEntry, layout: Layout, name: PoolField) -> tuple[str, int] | None:
    """Where the value stands; None = the entry says nothing about the field."""
    scalar = entry.scalar(layout.fields[name])
    return None if scalar is None else (scalar.path, scalar.start)


def _edited(files: Mapping[str, bytes], place: Place, layout: Layout, name: PoolField) -> tuple[tuple[FieldChange, ...], PlannedEdit]:
    """The first edit that the laws of the pool allow: up, down, or together with the bound that must stay equal."""
    first: Refused | None = None
    for changes in _candidates(files, place, layout, name):
        try:
            return changes, plan_edit(files, place, layout, changes)
        except Refused as error:
            first = first or error
    raise first or Refused(f"{place.path}: no other value for {name} is known")


def _candidates(files: Mapping[str, bytes], place: Place, layout: Layout, name: PoolField) -> Iterator[tuple[FieldChange, ...]]:
    asked = _COUNTS if name in _COUNTS else (name,)
    old = declared_values(files, place, layout, [each for each in asked if each in layout.fields])
    if name in _NEW_TEXT:
        yield (FieldChange(field=name, old=old[name], new=next(text for text in _NEW_TEXT[name] if text != old[name])),)
        return
    for step in (1, -1):
        for group in ((name,), ("count", "min"), ("count", "min", "max")):
            if name in group and all(each in old for each in group):
                yield tuple(FieldChange(field=each, old=old[each], new=_stepped(old[each], step)) for each in group)


def _stepped(amount: str, step: int) -> str:
    """The next amount up or down, with the unit that it has: of whole GiB one more GiB, so that "16Gi" goes back to "16Gi"."""
    number = re.match(r"\d+", amount)
    if number is None:
        return amount
    size = int(number[0])
    unit = 1024 if size and size % 1024 == 0 else 1
    return f"{size + step * unit}{amount[number.end() :]}"


def _wrong(files: Mapping[str, bytes], place: Place, layout: Layout, changes: tuple[FieldChange, ...], edit: PlannedEdit) -> Iterator[str]:
    before, after = files[edit.path].split(b"\n"), edit.content.split(b"\n")
    changed = [number for number, pair in enumerate(zip(before, after, strict=False)) if pair[0] != pair[1]]
    if len(before) != len(after) or not 1 <= len(changed) <= len(changes):
        yield f"{len(changed)} of {len(before)} lines changed for {len(changes)} values"
    back = tuple(FieldChange(field=change.field, old=change.new, new=change.old) for change in changes)
    restored = plan_edit({**files, edit.path: edit.content}, place, layout, back)
    if restored.content != files[edit.path]:
        yield "the reverse edit did not restore the bytes"


def _reason(text: str) -> str:
    """A refusal without its names and numbers, so that equal ones count as one."""
    said = text.partition(" is not edited: ")[2] or re.sub(r"^[^:]+: (line \d+: )?", "", text)
    return _QUOTED.sub("…", re.sub(r"\([^()]*(\([^()]*\)[^()]*)*\)", "(…)", said))[:110]
