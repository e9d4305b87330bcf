"""Palette's published description, held against both directions: what is asked of Palette, and what a stand-in of it answers.

The description (`contract/palette_api.json`) is trimmed to what is used, so a path, a query or a key that is not in it counts as wrong.
"""

import json
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import httpx

API: dict[str, Any] = json.loads((Path(__file__).parent / "contract" / "palette_api.json").read_text())
Answer = Callable[[httpx.Request], httpx.Response]
TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "boolean": bool,
    "number": (int, float),
}
TEXTS: dict[str, Callable[[str], object]] = {"integer": int, "number": float, "boolean": {"true": True, "false": False}.__getitem__}


def described(answer: Answer) -> Answer:
    """The same stand-in, each request and each answer of which must be what the description says."""

    def checked(request: httpx.Request) -> httpx.Response:
        wrong = list(wrong_request(request))
        assert wrong == [], wrong
        response = answer(request)
        wrong = list(wrong_answer(request, response))
        assert wrong == [], wrong
        return response

    return checked


def wrong_request(request: httpx.Request) -> Iterator[str]:
    """What a request has that the description does not know, or lacks."""
    found = operation(request.method, request.url.path)
    if found is None:
        yield f"{request.method} {request.url.path}: not in Palette's description"
        return
    by_name = {parameter["name"]: parameter for parameter in found["parameters"] if parameter["in"] == "query"}
    for name, value in request.url.params.multi_items():
        yield from [f"?{name}: not described"] if name not in by_name else _wrong_text(value, by_name[name], f"?{name}")
    yield from (f"?{name}: missing" for name, each in by_name.items() if each.get("required") and name not in request.url.params)
    body = next((parameter for parameter in found["parameters"] if parameter["in"] == "body"), None)
    if body is None:
        yield from ["a body where none is described"] if request.content else ()
    else:
        yield from mismatches(json.loads(request.content), body["schema"], "request")


def wrong_answer(request: httpx.Request, response: httpx.Response) -> Iterator[str]:
    """Where an answer is not of its type; a failure's body must be Palette's error, if it is JSON at all."""
    found = operation(request.method, request.url.path)
    if found is None or "json" not in response.headers.get("content-type", ""):
        return
    schema = found["responses"]["200"]["schema"] if response.is_success else {"$ref": "#/definitions/V1Error"}
    yield from mismatches(response.json(), schema, f"{request.url.path} {response.status_code}")


@cache
def _templates() -> tuple[tuple[re.Pattern[str], str], ...]:
    """Every path as a pattern, the ones with the fewest placeholders first."""
    paths = sorted(API["paths"], key=lambda path: path.count("{"))
    return tuple((re.compile(re.sub(r"\{\w+\}", "[^/]+", path)), path) for path in paths)


def operation(method: str, path: str) -> dict[str, Any] | None:
    """What the description says about a request."""
    template = next((template for pattern, template in _templates() if pattern.fullmatch(path)), None)
    found: dict[str, Any] | None = API["paths"][template].get(method.lower()) if template else None
    return found


def mismatches(value: object, schema: dict[str, Any], place: str) -> Iterator[str]:
    """Where a value differs from a schema of the description."""
    schema = API["definitions"][schema["$ref"].rsplit("/", 1)[-1]] if "$ref" in schema else schema
    kind = schema.get("type", "object" if "properties" in schema else None)
    if kind and (not isinstance(value, TYPES[kind]) or (isinstance(value, bool) and kind != "boolean")):
        yield f"{place}: {value!r} is not {kind}"
        return
    yield from _wrong_value(value, schema, place)
    if isinstance(value, dict):
        yield from (f"{place}.{name}: missing" for name in schema.get("required", []) if name not in value)
        for name, inner in value.items():
            found = schema.get("properties", {}).get(name, schema.get("additionalProperties"))
            yield from [f"{place}.{name}: not described"] if found is None else mismatches(inner, found, f"{place}.{name}")
    if isinstance(value, list):
        for number, inner in enumerate(value):
            yield from mismatches(inner, schema.get("items", {}), f"{place}[{number}]")


def _wrong_value(value: object, schema: dict[str, Any], place: str) -> Iterator[str]:
    if "enum" in schema and value not in schema["enum"]:
        yield f"{place}: {value!r} is none of {schema['enum']}"
    if isinstance(value, int | float) and not isinstance(value, bool):
        if "minimum" in schema and (value < schema["minimum"] or (schema.get("exclusiveMinimum") and value == schema["minimum"])):
            yield f"{place}: {value!r} is under {schema['minimum']}"
        if "maximum" in schema and value > schema["maximum"]:
            yield f"{place}: {value!r} is over {schema['maximum']}"
    if isinstance(value, str) and schema.get("format") == "date-time":
        yield from _wrong_time(value, place)


def _wrong_time(value: str, place: str) -> Iterator[str]:
    try:
        is_zoned = datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        is_zoned = False
    if not is_zoned:
        yield f"{place}: {value!r} is no time with a zone"


def _wrong_text(value: str, schema: dict[str, Any], place: str) -> Iterator[str]:
    """A query parameter, which is a text for what its type says."""
    try:
        read = TEXTS.get(schema.get("type", "string"), str)(value)
    except (ValueError, KeyError):
        yield f"{place}: {value!r} is not {schema['type']}"
        return
    yield from _wrong_value(read, schema, place)
