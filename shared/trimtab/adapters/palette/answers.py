"""Reading Palette's JSON: every step names its place, and what is missing or of another kind is never made up.

Unknown fields are normal, its versions differ. An answer that is no JSON at all is Palette's failure, one of another shape is ours to
report: Upstream for the first, BadInput for the second.
"""

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from trimtab.errors import BadInput, Upstream

_UID = re.compile(r"[A-Za-z0-9-]{1,64}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}")


def json_object(body: bytes, place: str) -> dict[str, Any]:
    """The object that an answer is. Raises Upstream for what is no JSON (a login page, a cut answer), BadInput for other JSON."""
    try:
        value = json.loads(body, parse_float=Decimal, parse_constant=_no_number)
    except (ValueError, RecursionError):
        start = body[:40].decode("utf-8", "replace")
        raise Upstream(f"Palette: {place}: the answer is not JSON, it begins with {start!a}") from None
    return as_object(value, place)


def _no_number(word: str) -> Decimal:
    raise ValueError(word)


def as_object(value: object, place: str) -> dict[str, Any]:
    """A JSON object."""
    if not isinstance(value, dict):
        raise BadInput(f"Palette: {place}: expected an object")
    return value


def inner(parent: Mapping[str, Any], name: str, place: str) -> dict[str, Any]:
    """An object inside; missing is BadInput."""
    return as_object(parent.get(name), f"{place}.{name}")


def maybe(parent: Mapping[str, Any], name: str) -> dict[str, Any]:
    """An object inside; {} where there is none."""
    value = parent.get(name)
    return value if isinstance(value, dict) else {}


def items(parent: Mapping[str, Any], name: str, place: str) -> list[Any]:
    """A list inside; missing is BadInput."""
    value = parent.get(name)
    if not isinstance(value, list):
        raise BadInput(f"Palette: {place}.{name}: expected a list")
    return value


def objects(parent: Mapping[str, Any], name: str, place: str) -> list[tuple[dict[str, Any], str]]:
    """The objects of a list with the place of each; a list that is left out, or null, is empty (Go's encoder writes both)."""
    found = items(parent, name, place) if parent.get(name) is not None else []
    return [(as_object(item, f"{place}.{name}[{number}]"), f"{place}.{name}[{number}]") for number, item in enumerate(found)]


def text(parent: Mapping[str, Any], name: str, place: str) -> str:
    """A text that says something."""
    value = parent.get(name)
    if not isinstance(value, str) or not value:
        raise BadInput(f"Palette: {place}.{name}: missing")
    return value


def words(parent: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """The texts of a list; () where there is none."""
    found = parent.get(name)
    return tuple(word for word in found if isinstance(word, str)) if isinstance(found, list) else ()


def count(parent: Mapping[str, Any], name: str, place: str) -> int | None:
    """A whole number from 0; None where there is none."""
    value = parent.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise BadInput(f"Palette: {place}.{name}: expected a whole number, got {value!a}")
    return value


def needed_count(parent: Mapping[str, Any], name: str, place: str) -> int:
    """The same where nothing makes sense without it."""
    value = count(parent, name, place)
    if value is None:
        raise BadInput(f"Palette: {place}.{name}: missing")
    return value


def number(parent: Mapping[str, Any], name: str, place: str) -> Decimal | None:
    """A number as Palette wrote it; None where there is none."""
    value = parent.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise BadInput(f"Palette: {place}.{name}: expected a number, got {str(value)[:40]!a}")
    return Decimal(value)


def positive(parent: Mapping[str, Any], name: str, place: str) -> Decimal | None:
    """A number above zero: a price or a size of nothing is one that nobody knows."""
    value = number(parent, name, place)
    return value if value is not None and value > 0 else None


def uid_in_path(value: str, what: str) -> str:
    """A uid that may stand in a path: one that could lead to another place is refused."""
    if not _UID.fullmatch(value):
        raise BadInput(f"Palette: {what}: {value[:80]!a} cannot stand in a path")
    return value


def name_in_path(value: str, what: str) -> str:
    """A name that may stand in a path, dots inside allowed ("m6i.large")."""
    if not _NAME.fullmatch(value) or ".." in value:
        raise BadInput(f"Palette: {what}: {value[:80]!a} cannot stand in a path")
    return value


def next_page(page: Mapping[str, Any]) -> str:
    """The token of the next page; "" = there is none."""
    token = maybe(page, "listmeta").get("continue")
    return token if isinstance(token, str) else ""


def error_words(body: bytes) -> str:
    """Palette's own words for what went wrong, cut short; "" where it says nothing readable (a 429 has no certain body)."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    said = f"{value.get('code', '')}: {value.get('message', '')}" if isinstance(value, dict) else ""
    return " ".join(said.split())[:200]
