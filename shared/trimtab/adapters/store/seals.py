"""Seals: one object a day that lists every stream's head and every window's count of slots, chained to the seal before.

A seal makes a cut tail visible: what it names must still be there. Whoever can rewrite the store can rewrite its seals too;
their roots, kept where Trimtab can only append, are what turns "consistent" into "proven".
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import cast

from trimtab.adapters.store.canonical import decode, digest, instant, sign
from trimtab.adapters.store.entries import NOTHING_BEFORE
from trimtab.adapters.store.objects import Objects
from trimtab.errors import BadInput, Broken, Upstream
from trimtab.records import Entry, Json

_ATTEMPTS = 16
_KEY = re.compile(r"seals/(\d{4}-\d{2}-\d{2})(?:\.(\d{4}))?")
Head = tuple[str, int, str]
"""(stream, n, hash) of a stream's newest entry."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Seal:
    """What the record held at one moment."""

    key: str
    heads: tuple[Head, ...]
    slots: Mapping[str, int]
    """<limit>/<window> → slots taken."""
    previous: str
    root: str
    """Hash over everything else in it, the previous root included."""


def read_seal(key: str, encoded: bytes | None) -> Seal:
    """The seal. Raises Broken, naming the key, where spelling, root or day do not hold."""
    value = decode(encoded or b"", key)
    named = _KEY.fullmatch(key)
    if set(value) != {"day", "at", "heads", "slots", "previous", "nonce", "root"} or not named or value["day"] != named[1]:
        raise Broken(f"{key}: not a seal of this day")
    root = digest({name: held for name, held in value.items() if name != "root"})
    if root != value["root"]:
        raise Broken(f"{key}: its root does not match its content")
    return Seal(key=key, heads=_heads(key, value), slots=_slots(key, value), previous=str(value["previous"]), root=root)


def _heads(key: str, value: Json) -> tuple[Head, ...]:
    heads = value["heads"]
    if not isinstance(heads, list) or any([type(part) for part in head] != [str, int, str] for head in heads):
        raise Broken(f"{key}: heads: expected [stream, number, hash] each")
    return tuple(cast("Head", tuple(head)) for head in heads)


def _slots(key: str, value: Json) -> Mapping[str, int]:
    slots = value["slots"]
    if not isinstance(slots, dict) or any(type(count) is not int for count in slots.values()):
        raise Broken(f"{key}: slots: expected a count for each window")
    return cast("Mapping[str, int]", slots)


def newest_seal(objects: Objects) -> Seal | None:
    """The last link of the chain."""
    keys = objects.children("seals/")
    return read_seal(keys[-1], objects.read(keys[-1])) if keys else None


def count_slots(objects: Objects) -> dict[str, int]:
    """<limit>/<window> → slots taken, by one listing."""
    return dict(Counter(key.removeprefix("slots/").rpartition("/")[0] for key in objects.keys("slots/")))


def write_seal(objects: Objects, heads: Callable[[], Mapping[str, Entry]], day: str, at: datetime, nonce: str) -> str:
    """Seal what is there now; the root. Nothing moved since this day's last seal: that one stays, and its root is the answer.

    Raises Broken where the newest seal names what is gone: a new seal must not cover that up.
    """
    _check_day(day)
    for _ in range(_ATTEMPTS):
        newest = newest_seal(objects)
        now = tuple((stream, entry.n, entry.hash) for stream, entry in sorted(heads().items()))
        slots = count_slots(objects)
        if newest:
            _refuse_lost(objects, newest, now, slots)
            if newest.heads == now and newest.slots == slots and newest.key >= f"seals/{day}":
                return newest.root
        key = _next_key(newest, day)
        root, encoded = _encoded(key, at, now, slots, newest.root if newest else NOTHING_BEFORE, nonce)
        if objects.create(key, encoded):
            return root
    raise Upstream(f"seals/{day}: somebody else sealed on every attempt; try again")


def _check_day(day: str) -> None:
    if not _KEY.fullmatch(f"seals/{day}") or "." in day:
        raise BadInput(f"seal {day!a}: expected a day, YYYY-MM-DD")
    try:
        date.fromisoformat(day)
    except ValueError:
        raise BadInput(f"seal {day!a}: no such day") from None


def _next_key(newest: Seal | None, day: str) -> str:
    """The first seal of the day has its plain name; what is late or moved again that day follows as .0001, .0002 …"""
    if newest is None or newest.key < f"seals/{day}":
        return f"seals/{day}"
    last_day, _, k = newest.key.partition(".")
    return f"{last_day}.{int(k or 0) + 1:04}"


def _encoded(key: str, at: datetime, heads: tuple[Head, ...], slots: Mapping[str, int], previous: str, nonce: str) -> tuple[str, bytes]:
    day = key.removeprefix("seals/").partition(".")[0]
    value: dict[str, object] = {
        "day": day, "at": instant(at, key), "heads": heads, "slots": slots, "previous": previous, "nonce": nonce,
    }  # fmt: skip
    return sign(value, "root", key)


def _refuse_lost(objects: Objects, newest: Seal, heads: tuple[Head, ...], slots: Mapping[str, int]) -> None:
    there = {stream: (n, entry_hash) for stream, n, entry_hash in heads}
    moved: dict[str, Head] = {}
    for stream, n, entry_hash in newest.heads:
        key = f"streams/{stream}/{n:010}"
        now = there.get(stream)
        if now is None or now[0] < n:
            raise Broken(f"{key}: {newest.key} names it, and it is gone; run ledger verify")
        if now[0] > n:
            moved[key] = (stream, n, entry_hash)
        elif now[1] != entry_hash:
            raise Broken(f"{key}: is not the entry that {newest.key} sealed; run ledger verify")
    for key, encoded in objects.read_all(moved):
        if decode(encoded or b"", key).get("hash") != moved[key][2]:
            raise Broken(f"{key}: is not the entry that {newest.key} sealed; run ledger verify")
    for window, count in newest.slots.items():
        if slots.get(window, 0) < count:
            raise Broken(f"slots/{window}: {newest.key} counted {count}, {slots.get(window, 0)} are left; run ledger verify")
