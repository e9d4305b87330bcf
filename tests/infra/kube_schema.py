"""Kubernetes' own OpenAPI types, as its official Python client carries them, against a manifest: unknown, missing and mistyped keys."""

import re
from collections.abc import Iterator
from typing import Any

from kubernetes import client

from tests.infra.helm_chart import Manifest

_PLAIN = {"str": str, "int": int, "bool": bool, "float": (int, float), "datetime": str, "object": object}
_CONTAINER = re.compile(r"(list\[|dict[\[(]str, )(.+)[\])]")


def faults(manifest: Manifest) -> list[str]:
    """What the API server would refuse as a whole; [] = nothing."""
    return list(_faults(manifest, _model(manifest), manifest.get("kind", "?")))


def _model(manifest: Manifest) -> str:
    group, _, version = str(manifest["apiVersion"]).rpartition("/")
    assert version == "v1", group
    return f"V1{manifest['kind']}"


def _faults(value: Any, kind: str, path: str) -> Iterator[str]:
    inside = _CONTAINER.fullmatch(kind)
    if kind in _PLAIN:
        if not isinstance(value, _PLAIN[kind]) or (kind == "int" and isinstance(value, bool)):  # type: ignore[arg-type]
            yield f"{path}: {value!r} is no {kind}"
    elif inside and inside[1] == "list[":
        if not isinstance(value, list):
            yield f"{path}: {value!r} is no list"
            return
        for number, item in enumerate(value):
            yield from _faults(item, inside[2], f"{path}[{number}]")
    elif inside:
        if not isinstance(value, dict):
            yield f"{path}: {value!r} is no object"
            return
        for key, item in value.items():
            yield from _faults(item, inside[2], f"{path}.{key}")
    else:
        yield from _object_faults(value, kind, path)


def _object_faults(value: Any, kind: str, path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path}: {value!r} is no {kind}"
        return
    model = getattr(client, kind)
    names = {wire: name for name, wire in model.attribute_map.items()}
    yield from (f"{path}.{key}: {kind} has no such key" for key in value if key not in names)
    known = {names[key]: item for key, item in value.items() if key in names}
    try:
        model(**known)
    except ValueError as error:
        yield f"{path}: {error}"
    for name, item in known.items():
        yield from _faults(item, model.openapi_types[name], f"{path}.{model.attribute_map[name]}")
