"""A stream's entry and its bytes: everything but `hash` is hashed, and the hash of the one before is part of it."""

from collections.abc import Mapping
from datetime import datetime
from typing import cast

from trimtab.adapters.store.canonical import decode, digest, instant, numbered, sign
from trimtab.errors import BadInput, Broken
from trimtab.records import Entry, Json

NOTHING_BEFORE = "0" * 64
_TEXTS = ("stream", "kind", "at", "actor", "reason", "nonce", "previous", "hash")
_OBJECTS = ("body", "state")
_FIELDS = {*_TEXTS, *_OBJECTS, "n"}


def stream_folder(stream: str) -> str:
    """Where a stream's entries are. Raises BadInput for a name with a part that would read as an entry's number."""
    if any(len(part) == 10 and part.isdigit() for part in stream.split("/")):
        raise BadInput(f"stream {stream!a}: no part of its name may be ten digits, that is how entries are numbered")
    return f"streams/{stream}"


def write_entry(
    stream: str, after: Entry | None, *, kind: str, at: datetime, actor: str, reason: str, body: Json, state: Json, nonce: str
) -> bytes:
    """The bytes of the entry that follows `after`."""
    if after is not None and after.stream != stream:
        raise BadInput(f"{stream}: cannot follow an entry of {after.stream}")
    place = numbered(stream_folder(stream), after.n + 1 if after else 0)
    unhashed: dict[str, object] = {
        "stream": stream,
        "n": after.n + 1 if after else 0,
        "kind": kind,
        "at": instant(at, place),
        "actor": actor,
        "reason": reason,
        "body": body,
        "state": state,
        "nonce": nonce,
        "previous": after.hash if after else NOTHING_BEFORE,
    }
    return sign(unhashed, "hash", place)[1]


def read_entry(key: str, stream: str, n: int, encoded: bytes) -> Entry:
    """The entry that `encoded` holds. Raises Broken, naming the key, where spelling, hash, name or number do not hold."""
    value = decode(encoded, key)
    _check_shape(key, value)
    unhashed = {name: held for name, held in value.items() if name != "hash"}
    if digest(unhashed) != value["hash"]:
        raise Broken(f"{key}: its hash does not match its content")
    if value["stream"] != stream:
        raise Broken(f"{key}: says that it belongs to stream {value['stream']!a}")
    if value["n"] != n:
        raise Broken(f"{key}: says that it is number {value['n']}")
    return _entry(key, value)


def follows(key: str, entry: Entry, previous: Entry | None) -> None:
    """Raise Broken, naming the key, where `entry` is not the next link after `previous`."""
    if entry.previous != (previous.hash if previous else NOTHING_BEFORE):
        raise Broken(f"{key}: does not follow the entry before it; one of the two was replaced")


def _check_shape(key: str, value: Mapping[str, object]) -> None:
    if set(value) != _FIELDS:
        wrong = sorted(set(value) ^ _FIELDS)
        raise Broken(f"{key}: fields missing or unknown: {', '.join(ascii(name) for name in wrong)}")
    whole = isinstance(value["n"], int) and not isinstance(value["n"], bool)
    texts = all(isinstance(value[name], str) for name in _TEXTS)
    if not (whole and texts and all(isinstance(value[name], dict) for name in _OBJECTS)):
        raise Broken(f"{key}: a field has the wrong type")


def _entry(key: str, value: Json) -> Entry:
    texts = {name: cast("str", value[name]) for name in _TEXTS}
    try:
        at = datetime.fromisoformat(texts.pop("at"))
    except ValueError:
        raise Broken(f"{key}: at: not a time") from None
    return Entry(n=cast("int", value["n"]), at=at, body=cast("Json", value["body"]), state=cast("Json", value["state"]), **texts)
