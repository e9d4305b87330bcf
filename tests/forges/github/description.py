"""GitHub's published description of its API: what a request may be, what an answer must be, and what an answer has besides."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from graphql import GraphQLSchema, build_ast_schema, parse
from jsonschema.exceptions import ValidationError, best_match
from jsonschema.validators import extend
from openapi_schema_validator import OAS30Validator
from referencing import Registry
from referencing.jsonschema import DRAFT4

PACKAGES = Path(__file__).parent.parent / "node_modules" / "@octokit"
MISSING = "GitHub's published description is not here: `make test` installs it where npm is"
_REST = PACKAGES / "openapi" / "generated" / "api.github.com.json"
_GRAPHQL = PACKAGES / "graphql-schema" / "schema.graphql"
_HERE = "urn:github"
_BARE_LISTS = ("issues/add-labels", "issues/set-labels")
"""Described with an object; its own text says that the bare list will do too, and PyGithub sends that."""
_DEEP = 12


def is_installed() -> bool:
    """True where the packages of package.json are."""
    return _REST.is_file() and _GRAPHQL.is_file()


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path."""

    id: str
    """"pulls/merge"; the name by which the routes know it."""
    pattern: re.Pattern[str]
    node: Any
    is_literal: int
    """How many of its segments are literal: the most literal one wins."""

    def arguments(self, path: str) -> dict[str, str] | None:
        """Values of the path's parameters; None = the path is another one's."""
        found = self.pattern.fullmatch(path)
        return {name: unquote(value) for name, value in found.groupdict().items()} if found else None


class Description:
    """The description, loaded; `host` stands in every URL that it fills in."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._document = _document()
        self._registry: Registry[Any] = Registry().with_resource(_HERE, DRAFT4.create_resource(self._document))
        self._validators: dict[int, Any] = {}

    def find(self, method: str, path: str) -> tuple[Operation, dict[str, str]] | None:
        """The operation of a request and its path's values; None = GitHub has no such path."""
        matches = [(op, values) for op in _operations()[method.lower()] if (values := op.arguments(path)) is not None]
        return max(matches, key=lambda match: match[0].is_literal) if matches else None

    def wrong_with_request(self, operation: Operation, query: Mapping[str, str], body: Any) -> Iterator[str]:
        """Everything in a request that the description does not allow; a field it does not name is that too."""
        parameters = {p["name"]: p for p in map(self._resolved, operation.node.get("parameters", [])) if p["in"] == "query"}
        for name, value in query.items():
            if name not in parameters:
                yield f"query parameter {name!r} is not described"
            else:
                yield from self._errors(parameters[name]["schema"], _typed(value, self._resolved(parameters[name]["schema"])))
        content = self._resolved(operation.node.get("requestBody", {})).get("content", {})
        if body is None:
            if self._resolved(operation.node.get("requestBody", {})).get("required"):
                yield "there is no body"
        elif "application/json" not in content:
            yield "a body is not described"
        elif isinstance(body, list) and operation.id in _BARE_LISTS:
            yield from (f"{item!r} is no label" for item in body if not isinstance(item, str))
        else:
            schema = content["application/json"]["schema"]
            yield from self._errors(schema, body)
            if isinstance(body, dict):
                yield from (f"field {name!r} is not described" for name in body if name not in self._properties(schema))

    def wrong_with_answer(self, operation: Operation, status: int, body: Any) -> Iterator[str]:
        """Everything in an answer that the description does not allow."""
        described = self._schema(operation, status)
        if described is None:
            # Whoever may not ask is told so on every path, described or not.
            if status not in (401, 403, 404):
                yield f"status {status} is not described"
        elif described:
            yield from self._errors(described, body)

    def complete(self, operation: Operation, status: int, body: Any) -> Any:
        """The answer with every required field that it lacks, empty."""
        schema = self._schema(operation, status)
        return self._completed(schema, body) if schema else body

    # ── Schemas ──────────────────────────────────────────────────────────────────────────────────────────────────────
    def _schema(self, operation: Operation, status: int) -> Any:
        """The schema of an answer; {} = an answer without a body, None = no such answer."""
        answers = operation.node["responses"]
        if str(status) not in answers:
            return None
        content = self._resolved(answers[str(status)]).get("content", {})
        return next((content[kind]["schema"] for kind in ("application/json", "application/scim+json") if kind in content), {})

    def _resolved(self, node: Any) -> Any:
        while isinstance(node, dict) and "$ref" in node:
            found = self._document
            for part in node["$ref"].removeprefix("#/").split("/"):
                found = found[part]
            node = found
        return node

    def _properties(self, schema: Any) -> set[str]:
        schema = self._resolved(schema)
        own = set(schema.get("properties", {}))
        for kind in ("allOf", "oneOf", "anyOf"):
            own = own.union(*(self._properties(part) for part in schema.get(kind, [])))
        return own

    def _errors(self, schema: Any, value: Any) -> Iterator[str]:
        validator = self._validators.get(id(schema))
        if validator is None:
            validator = self._validators[id(schema)] = _Validator(_absolute(schema), registry=self._registry)
        for error in validator.iter_errors(value):
            yield f"{'.'.join(map(str, error.absolute_path)) or 'it'}: {_brief(error)}"

    def _completed(self, schema: Any, value: Any, depth: int = 0) -> Any:
        schema = self._resolved(schema)
        for kind in ("oneOf", "anyOf"):
            if kind in schema:
                return self._fitting(schema[kind], value, depth)
        if isinstance(value, list):
            return [self._completed(schema.get("items", {}), item, depth + 1) for item in value]
        if not isinstance(value, dict):
            return value
        for part in schema.get("allOf", []):
            value = self._completed(part, value, depth)
        properties = schema.get("properties", {})
        filled = {name: self._completed(properties[name], item, depth + 1) if name in properties else item for name, item in value.items()}
        absent = [name for name in schema.get("required", []) if name not in filled]
        return filled | {name: self._empty(properties.get(name, {}), depth + 1) for name in absent}

    def _fitting(self, choices: list[Any], value: Any, depth: int) -> Any:
        """The value completed as the first of the choices that takes it."""
        for choice in choices:
            completed = self._completed(choice, value, depth)
            if not list(self._errors(choice, completed)):
                return completed
        return value

    def _empty(self, schema: Any, depth: int) -> Any:
        schema = self._resolved(schema)
        if schema.get("nullable") or depth > _DEEP:
            return None
        if "enum" in schema:
            return schema["enum"][0]
        for kind in ("allOf", "oneOf", "anyOf"):
            if kind in schema:
                return self._empty(schema[kind][0], depth)
        match schema.get("type"):
            case "string" if schema.get("format") == "uri":
                return f"{self._host}/unused"
            case "string":
                return "2026-01-01T00:00:00Z" if schema.get("format") == "date-time" else ""
            case "integer" | "number":
                return 0
            case "boolean":
                return False
            case "array":
                return []
            case _:
                return self._completed(schema, {}, depth)


def _is_listed(validator: Any, listed: Any, value: Any, schema: Any) -> Iterator[ValidationError]:
    """An enumeration that may be null lists everything but the null."""
    del validator
    if value not in listed and not (value is None and schema.get("nullable")):
        yield ValidationError(f"{value!r} is not one of {listed!r}")


_Validator: Any = extend(OAS30Validator, {"enum": _is_listed})  # type: ignore[no-untyped-call]


def _brief(error: Any) -> str:
    """Of an error in one of several choices, what is wrong with the nearest one."""
    nearest = best_match([error]) or error
    return f"{nearest.message[:60]} … {nearest.message[-140:]}" if len(nearest.message) > 200 else str(nearest.message)


def _absolute(schema: Any) -> Any:
    """The schema with references that hold outside the document too."""
    if isinstance(schema, dict):
        return {
            key: f"{_HERE}{value}" if key == "$ref" and isinstance(value, str) and value.startswith("#") else _absolute(value)
            for key, value in schema.items()
            if key != "discriminator"
        }
    return [_absolute(item) for item in schema] if isinstance(schema, list) else schema


def _typed(value: str, schema: Any) -> Any:
    """A query's text as what the description calls it."""
    match schema.get("type"):
        case "integer" if re.fullmatch(r"-?\d+", value):
            return int(value)
        case "boolean" if value in ("true", "false"):
            return value == "true"
        case _:
            return value


@lru_cache(maxsize=1)
def _document() -> Any:
    return json.loads(_REST.read_bytes())


@lru_cache(maxsize=1)
def _operations() -> Mapping[str, list[Operation]]:
    found: dict[str, list[Operation]] = {method: [] for method in ("get", "post", "put", "patch", "delete", "head")}
    for template, methods in _document()["paths"].items():
        for method, node in methods.items():
            found[method].append(Operation(node["operationId"], _pattern(template), node, template.count("/") - template.count("{")))
    return found


def _pattern(template: str) -> re.Pattern[str]:
    """A branch, a path and a comparison may hold slashes; everything else is one segment."""
    many = ("ref", "path", "basehead")
    parts = re.split(r"\{([^}]+)\}", template)
    names = {n: f"(?P<{name.replace('-', '_')}>{'.+' if name in many else '[^/]+'})" for n, name in enumerate(parts) if n % 2}
    return re.compile("".join(names.get(n, re.escape(part)) for n, part in enumerate(parts)))


@lru_cache(maxsize=1)
def graphql_schema() -> GraphQLSchema:
    """The published GraphQL schema; whatever GitHub refuses to parse is refused here."""
    return build_ast_schema(parse(_GRAPHQL.read_text(encoding="utf-8"), no_location=True), assume_valid=True)
