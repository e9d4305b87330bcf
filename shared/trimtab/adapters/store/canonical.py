"""One spelling for every JSON object that the record keeps: sorted keys, no spaces, UTF-8, times as ISO 8601 with Z.

Hashes are taken over this spelling, and a stored object must be in it byte for byte, so that no byte can change unseen.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import cast

from trimtab.errors import BadInput, Broken
from trimtab.records import Json

DIGITS = 10


def numbered(folder: str, n: int) -> str:
    """The key of number `n` in a folder; zero-padded, so that the greatest key is the newest."""
    return f"{folder}/{n:0{DIGITS}}"


def number_of(key: str) -> int | None:
    """The number that a key ends in; None = it is not a numbered key."""
    last = key.rpartition("/")[2]
    return int(last) if len(last) == DIGITS and last.isascii() and last.isdigit() else None


def instant(at: datetime, place: str) -> str:
    """An aware time as the record spells it. Raises BadInput for one without a time zone."""
    if at.tzinfo is None:
        raise BadInput(f"{place}: {at.isoformat()} has no time zone; pass an aware time")
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def encode(value: Mapping[str, object], place: str) -> bytes:
    """The canonical bytes. Raises BadInput, naming `place`, for what JSON cannot hold or cannot give back unchanged."""
    try:
        encoded = _dumps(value)
        if _dumps(_loads(encoded)) != encoded:
            raise BadInput(f"{place}: two keys of one object become the same text")
    except (TypeError, ValueError, RecursionError) as error:
        raise BadInput(f"{place}: cannot be kept as JSON: {error}") from None
    return encoded


def decode(encoded: bytes, place: str) -> Json:
    """The object. Raises Broken where the bytes are not its canonical spelling."""
    value = parse(encoded, place)
    if _dumps(value) != encoded:
        raise Broken(f"{place}: bytes are not in canonical form; somebody else wrote or changed them")
    return value


def parse(encoded: bytes, place: str) -> Json:
    """A JSON object in any spelling, without repeated keys. Raises Broken where it is not one."""
    try:
        value = _loads(encoded)
    except (ValueError, RecursionError) as error:
        raise Broken(f"{place}: not JSON: {str(error).splitlines()[0]}") from None
    if not isinstance(value, dict):
        raise Broken(f"{place}: expected a JSON object")
    return cast("Json", value)


def digest(value: Mapping[str, object]) -> str:
    """SHA-256 of the canonical bytes of what `encode` accepted or `decode` gave."""
    return hashlib.sha256(_dumps(value)).hexdigest()


def sign(value: Mapping[str, object], field: str, place: str) -> tuple[str, bytes]:
    """The digest of `value`, and the canonical bytes of `value` with that digest in `field`. Raises BadInput like `encode`."""
    checked = decode(encode(value, place), place)
    signature = digest(checked)
    return signature, _dumps({**checked, field: signature})


def _dumps(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=_spelled).encode()


def _loads(encoded: bytes) -> object:
    return json.loads(encoded.decode(), object_pairs_hook=_unique, parse_constant=_refuse)


def _spelled(value: object) -> str:
    match value:
        case datetime():
            if value.tzinfo is None:
                raise TypeError(f"{value.isoformat()} has no time zone")
            return instant(value, "")
        case date():
            return value.isoformat()
        case Decimal() if value.is_finite():
            return str(value)
        case _:
            raise TypeError(f"{type(value).__name__} {value!r:.60} has no JSON spelling")


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return made


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is not JSON")
