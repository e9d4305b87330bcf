"""What Google's IAM would say of our bindings: roles on buckets, each with a condition in CEL, as far as ours use it.

It knows what ours use and refuses the rest, so that a new kind of condition is never taken for granted.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

PERMISSIONS = {
    "roles/storage.objectViewer": {"storage.objects.get", "storage.objects.list"},
    "roles/storage.objectCreator": {"storage.objects.create"},
    "roles/storage.objectUser": {"storage.objects.get", "storage.objects.list", "storage.objects.create", "storage.objects.delete"},
}
"""Of Google's own roles, what our calls need of them."""
_TERM = re.compile(r'resource\.(?:(name|type) == "([^"]*)"|name\.(startsWith|endsWith)\("([^"]*)"\))')


def allows(bindings: Iterable[Mapping[str, Any]], permission: str, bucket: str, key: str = "") -> bool:
    """Whether one of the bindings allows it, on an object or, without a key, on the bucket itself."""
    name = f"projects/_/buckets/{bucket}" + (f"/objects/{key}" if key else "")
    kind = f"storage.googleapis.com/{'Object' if key else 'Bucket'}"
    return any(
        binding["bucket"] == bucket
        and permission in PERMISSIONS[binding["role"]]
        and all(holds(each["expression"], name, kind) for each in binding["condition"])
        for binding in bindings
    )


def holds(expression: str, name: str, kind: str) -> bool:
    """Whether a condition holds for a resource; || binds weaker than &&, and parentheses stand around && alone."""
    return any(all(_term(each, name, kind) for each in part.strip().strip("()").split(" && ")) for part in _alternatives(expression))


def _alternatives(expression: str) -> list[str]:
    return [part if part.count("(") == part.count(")") else part + ")" for part in expression.split(" || ")]


def _term(text: str, name: str, kind: str) -> bool:
    found = _TERM.fullmatch(text if text.count("(") == text.count(")") else text + ")")
    if found is None:
        raise NotImplementedError(f"condition {text}: teach it to this evaluator")
    which, equal, way, part = found.groups()
    if way:
        return name.startswith(part) if way == "startsWith" else name.endswith(part)
    return bool({"name": name, "type": kind}[which] == equal)


def operators(expression: str) -> int:
    """How many logical operators are in it; Google takes twelve."""
    return expression.count(" || ") + expression.count(" && ")
