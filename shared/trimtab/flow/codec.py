"""Records to JSON and back, so that what the ledger keeps is exactly what the core said."""

import json
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter, ValidationError

from trimtab.errors import Broken
from trimtab.records import Json

T = TypeVar("T")
_ADAPTERS: dict[type[Any], TypeAdapter[Any]] = {}
"""Making one costs milliseconds, using it microseconds."""


def _adapter(kind: type[Any]) -> TypeAdapter[Any]:
    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    return _ADAPTERS[kind]


def dump(value: object) -> Json:
    """A record as a JSON object: decimals and times as text, bytes as base64."""
    return cast("Json", _adapter(type(value)).dump_python(value, mode="json"))


def load(kind: type[T], value: Json, place: str) -> T:
    """The record that `dump` was given. Raises Broken, naming `place` and the key, where it is not one."""
    try:
        return cast("T", _adapter(kind).validate_json(json.dumps(value)))
    except ValidationError as error:
        first = error.errors()[0]
        path = ".".join(str(part) for part in first["loc"])
        raise Broken(f"{place}: {path}: {first['msg']}") from None
