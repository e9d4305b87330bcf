"""The whole record read again: every place where it does not hold together, by key.

Without an anchor outside the store this says "consistent", never "proven": whoever may rewrite every object can rebuild all of it.
"""

import hashlib
import re
from collections.abc import Iterator
from contextlib import suppress

from trimtab.adapters.store.chain import as_break, sort_streams, walk
from trimtab.adapters.store.entries import NOTHING_BEFORE
from trimtab.adapters.store.limits import check_slot
from trimtab.adapters.store.objects import Objects, check_key
from trimtab.adapters.store.seals import Seal, count_slots, read_seal
from trimtab.errors import BadInput, Broken
from trimtab.records import Break, Entry
from trimtab.sources.senders import unwrap

_NAMED_BY_HASH = re.compile(r"[0-9a-f]{64}")
Sealed = dict[str, dict[int, tuple[str, str]]]
"""Stream → number → (hash, the seal that names it)."""


def audit(objects: Objects) -> list[Break]:
    """Every place where bytes, hashes, numbers, chains, seals, slots or claims do not hold; [] = consistent."""
    seals: list[Seal] = []
    breaks = [*_check_seals(objects, seals), *_check_streams(objects, _sealed_heads(seals))]
    breaks += [*_check_slots(objects), *_check_counts(objects, seals), *_check_inbox(objects)]
    return sorted(breaks, key=lambda found: found.key)


def _check_seals(objects: Objects, seals: list[Seal]) -> Iterator[Break]:
    """Breaks of the seals' own chain; those that hold are added to `seals`."""
    expected: str | None = NOTHING_BEFORE
    known, foreign = _split(objects.keys("seals/"))
    yield from foreign
    for key, encoded in objects.read_all(known):
        try:
            seal = read_seal(key, encoded)
        except Broken as error:
            yield as_break(key, error)
            expected = None
            continue
        if expected not in (None, seal.previous):
            yield Break(key=key, problem="does not follow the seal before it; one was replaced or removed")
        expected = seal.root
        seals.append(seal)


def _sealed_heads(seals: list[Seal]) -> Sealed:
    sealed: Sealed = {}
    for seal in seals:
        for stream, n, entry_hash in seal.heads:
            sealed.setdefault(stream, {}).setdefault(n, (entry_hash, seal.key))
    return sealed


def _check_streams(objects: Objects, sealed: Sealed) -> Iterator[Break]:
    streams, foreign = sort_streams(objects.keys("streams/"))
    for key in foreign:
        yield Break(key=key, problem="no entry of any stream; nothing else belongs here")
    reading = objects.read_all(key for keys in streams.values() for key in keys)
    for stream, keys in streams.items():
        there: dict[int, str] = {}
        for link in walk(stream, (next(reading) for _ in keys)):
            if isinstance(link, Break):
                yield link
            else:
                _note(there, link, sealed)
        yield from _check_sealed(stream, _newest(keys), there, sealed.get(stream, {}))
    for stream in sorted(sealed.keys() - streams.keys()):
        yield from _check_sealed(stream, -1, {}, sealed[stream])


def _note(there: dict[int, str], entry: Entry, sealed: Sealed) -> None:
    """Remember the hashes that a seal will be compared with, and no others."""
    if entry.n in sealed.get(entry.stream, {}):
        there[entry.n] = entry.hash


def _newest(keys: list[str]) -> int:
    """Number of the newest entry."""
    return int(keys[-1][-10:])


def _check_sealed(stream: str, newest: int, there: dict[int, str], sealed: dict[int, tuple[str, str]]) -> Iterator[Break]:
    gone = max((n for n in sealed if n > newest), default=None)
    if gone is not None:
        what = "the whole stream was deleted" if newest < 0 else f"the tail was cut after number {newest}"
        yield Break(key=f"streams/{stream}/{gone:010}", problem=f"{sealed[gone][1]} names it, and it is gone: {what}")
    for n, entry_hash in there.items():
        expected, seal = sealed[n]
        if entry_hash != expected:
            yield Break(key=f"streams/{stream}/{n:010}", problem=f"is not the entry that {seal} sealed: it was rewritten")


def _check_slots(objects: Objects) -> Iterator[Break]:
    known, foreign = _split(objects.keys("slots/"))
    yield from foreign
    for key, encoded in objects.read_all(known):
        try:
            check_slot(key, encoded)
        except Broken as error:
            yield as_break(key, error)


def _check_counts(objects: Objects, seals: list[Seal]) -> Iterator[Break]:
    now = count_slots(objects)
    # Sorted, so that the greatest count ever sealed is the one that stays.
    counted = sorted((count, seal.key, window) for seal in seals for window, count in seal.slots.items())
    sealed = {window: (count, seal_key) for count, seal_key, window in counted}
    for window, (count, seal_key) in sorted(sealed.items()):
        if now.get(window, 0) < count:
            yield Break(key=f"slots/{window}", problem=f"{seal_key} counted {count}, {now.get(window, 0)} are left: a claim was deleted")


def _check_inbox(objects: Objects) -> Iterator[Break]:
    known, foreign = _split(objects.keys("inbox/"))
    yield from foreign
    named = [key for key in known if _NAMED_BY_HASH.fullmatch(key.rpartition("/")[2])]
    for key, body in objects.read_all(named):
        if body is not None and key.rpartition("/")[2] not in _digests(body):
            yield Break(key=key, problem="its bytes are not those that its name is the SHA-256 of")


def _digests(body: bytes) -> Iterator[str]:
    """What an inbox object may be named by: its bytes, or the signed bytes in the envelope that `receive` wraps around them."""
    yield hashlib.sha256(body).hexdigest()
    with suppress(BadInput):
        yield hashlib.sha256(unwrap(body)[0].body).hexdigest()


def _split(keys: list[str]) -> tuple[list[str], list[Break]]:
    """Keys that we could have written, and a Break for each that we could not."""
    known: list[str] = []
    foreign: list[Break] = []
    for key in keys:
        try:
            known.append(check_key(key))
        except BadInput:
            foreign.append(Break(key=key, problem="no name that Trimtab gives; it does not belong here"))
    return known, foreign
