"""GitLab's published description, held against both directions: what is asked of GitLab, and what the test server answers.

A path, a parameter or a key that it does not name counts as wrong. Where it gives a key of an answer the type "string", it often means
"nobody said" (booleans, numbers and lists have it too), so of answers the names are checked, and of types only the others.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tests.forges.gitlab.uncovered import MISTAKES, PAGED, PATHS

_API: dict[str, Any] = json.loads(Path(__file__).with_name("openapi.json").read_text())
_TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict, "array": list, "string": str, "text": str, "integer": int, "boolean": bool, "number": (int, float),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path."""

    name: str
    """"put /projects/{id}/merge_requests/{merge_request_iid}/merge"; the name by which the routes know it."""
    pattern: re.Pattern[str]
    node: Any

    @property
    def is_list(self) -> bool:
        """True for a GET of something that there are many of."""
        return self.name.startswith("get ") and self.name.endswith("s")


@cache
def operations() -> tuple[Operation, ...]:
    """Every operation, the ones with the fewest placeholders first."""
    paths = {**_API["paths"], **PATHS}
    found = [Operation(f"{method} {path}", _pattern(path), node) for path, methods in paths.items() for method, node in methods.items()]
    return tuple(sorted(found, key=lambda operation: operation.name.count("{")))


def find(method: str, path: str) -> tuple[Operation, dict[str, str]] | None:
    """The operation of a request and its path's raw values; None = GitLab has none."""
    for operation in operations():
        match = operation.pattern.fullmatch(path) if operation.name.startswith(f"{method.lower()} ") else None
        if match:
            return operation, match.groupdict()
    return None


def wrong_request(operation: Operation, query: Mapping[str, Sequence[str]], body: Any) -> Iterator[str]:
    """Everything in a request that the description does not allow."""
    described = {parameter["name"]: parameter for parameter in operation.node.get("parameters", []) if parameter["in"] == "query"}
    for name, values in query.items():
        schema = described.get(name.removesuffix("[]"), {"type": "integer"} if name in PAGED and operation.is_list else None)
        if schema is None:
            yield f"?{name}: not described"
        elif len(values) > 1 and schema.get("type") != "array":
            yield f"?{name}: given {len(values)} times"
        else:
            for value in values:
                yield from _wrong_text(value, schema, f"?{name}")
    yield from (f"?{name}: missing" for name, each in described.items() if each.get("required") and not {name, f"{name}[]"} & set(query))
    schema = next((parameter["schema"] for parameter in operation.node.get("parameters", []) if parameter["in"] == "body"), None)
    if schema is None:
        # python-gitlab sends the JSON of no data with some of its actions.
        yield from ["a body where none is described"] if body else ()
    else:
        yield from _wrong_body({} if body is None else body, schema, schema.get("$ref", "").rsplit("/", 1)[-1])


def wrong_answer(operation: Operation, status: int, body: Any) -> Iterator[str]:
    """Where an answer that went well is not of its form; a failure's has a message."""
    if status >= 400:
        yield from [] if isinstance(body, dict) and {"message", "error"} & set(body) else [f"{status} without a message"]
        return
    answers: dict[str, Any] = operation.node["responses"]
    schema = next((answers[code]["schema"] for code in sorted(answers) if code.startswith("2") and "schema" in answers[code]), None)
    if schema is not None and schema.get("type") != "file":
        yield from _wrong_value(body, schema, str(status))


def _wrong_body(value: Any, schema: dict[str, Any], place: str) -> Iterator[str]:
    """A value of a request: names, types, choices and what is required all count."""
    schema = _resolved(schema)
    kind = schema.get("type")
    if kind and not _is(value, kind):
        yield f"{place}: {value!r} is not {kind}"
    elif "enum" in schema and value not in schema["enum"]:
        yield f"{place}: {value!r} is none of {schema['enum']}"
    elif isinstance(value, dict):
        properties = schema.get("properties", {})
        yield from (f"{place}.{name}: not described" for name in value if name not in properties)
        required = (name for name in schema.get("required", []) if f"{place}.{name}" not in MISTAKES)
        yield from (f"{place}.{name}: missing" for name in required if name not in value)
        for name in value.keys() & properties.keys():
            yield from _wrong_body(value[name], properties[name], f"{place}.{name}")
    elif isinstance(value, list):
        for each in value:
            yield from _wrong_body(each, schema.get("items", {}), f"{place}[]")


def _wrong_value(value: Any, schema: dict[str, Any], place: str) -> Iterator[str]:
    """A value of an answer; one object described where a list of them comes is how the description says "a list of them"."""
    schema = _resolved(schema)
    if isinstance(value, list):
        items = schema.get("items", {}) if schema.get("type") == "array" else schema
        for number, each in enumerate(value):
            yield from _wrong_value(each, items, f"{place}[{number}]")
        return
    kind = schema.get("type")
    if value is None or kind in (None, "string"):
        return
    if not _is(value, kind):
        yield f"{place}: {value!r} is not {kind}"
    elif isinstance(value, dict) and "properties" in schema:
        yield from (f"{place}.{name}: missing" for name in schema.get("required", []) if name not in value)
        for name, each in value.items():
            inner = schema["properties"].get(name)
            yield from [f"{place}.{name}: not described"] if inner is None else _wrong_value(each, inner, f"{place}.{name}")


def _wrong_text(value: str, schema: dict[str, Any], place: str) -> Iterator[str]:
    """A query parameter, which is a text for what its type says."""
    kind = schema.get("type", "string")
    if kind == "integer" and not value.isdecimal():
        yield f"{place}: {value!r} is not integer"
    elif kind == "boolean" and value.lower() not in ("true", "false", "1", "0"):
        yield f"{place}: {value!r} is not boolean"
    elif "enum" in schema and value not in schema["enum"]:
        yield f"{place}: {value!r} is none of {schema['enum']}"


def _is(value: Any, kind: str) -> bool:
    return isinstance(value, _TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))


def _resolved(schema: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = _API["definitions"][schema["$ref"].rsplit("/", 1)[-1]] if "$ref" in schema else schema
    return found


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path))
