"""What IAM would say: a small evaluator of the policies that our Terraform writes, conditions included, because moto ignores those.

It knows what our policies use and refuses the rest, so that a new kind of condition is never taken for granted.
"""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

TREE = Path(__file__).parents[2] / "infra" / "terraform" / "aws"
RIGHTS: dict[str, dict[str, Any]] = json.loads((TREE / "rights.json").read_text())
FUNCTIONS: dict[str, dict[str, Any]] = json.loads((TREE / "functions.json").read_text())
TENANT = "default"


def rights_of(function: str, tenant: str = TENANT) -> list[dict[str, Any]]:
    """A function's rights as statements over s3://ledger and s3://store; what is no key of theirs keeps its name."""
    places = {"ledger": f"arn:aws:s3:::ledger/{tenant}/", "store": f"arn:aws:s3:::store/{tenant}/", "usage": "arn:aws:s3:::store/usage/"}

    def resource(named: str) -> str:
        place, _, key = named.partition(":")
        if named.endswith(":bucket"):
            return f"arn:aws:s3:::{place}"
        return f"{places[place]}{key}" if place in places else named

    return [
        {"Effect": "Allow", "Action": right["actions"], "Resource": [resource(each) for each in right["on"]]}
        for right in RIGHTS[function]["rights"]
    ]


def allows(statements: Iterable[Mapping[str, Any]], action: str, resource: str, context: Mapping[str, str] | None = None) -> bool:
    """Whether one of them allows it and none denies it."""
    effects = {statement["Effect"] for statement in statements if applies(statement, action, resource, context or {})}
    return effects == {"Allow"}


def denies(statements: Iterable[Mapping[str, Any]], action: str, resource: str, context: Mapping[str, str] | None = None) -> bool:
    """Whether one of them denies it to everybody, whatever else allows it."""
    return any(
        statement["Effect"] == "Deny" and statement["Principal"] == "*" and applies(statement, action, resource, context or {})
        for statement in statements
    )


def applies(statement: Mapping[str, Any], action: str, resource: str, context: Mapping[str, str]) -> bool:
    """Whether a statement is about this request."""
    on = "NotResource" not in statement
    resources = statement["Resource" if on else "NotResource"]
    return (
        any(_matches(pattern, action) for pattern in _listed(statement["Action"]))
        and any(_matches(pattern, resource) for pattern in _listed(resources)) is on
        and all(
            _holds(operator, key, value, context)
            for operator, keys in statement.get("Condition", {}).items()
            for key, value in keys.items()
        )
    )


def _holds(operator: str, key: str, value: str | list[str], context: Mapping[str, str]) -> bool:
    given = context.get(key)
    match operator:
        case "Null":
            return (given is None) is (value == "true")
        case "Bool" | "StringEquals":
            return given in _listed(value)
        case "ArnLike" | "ArnEquals":
            return given is not None and any(_matches(pattern, given) for pattern in _listed(value))
        case _:
            raise NotImplementedError(f"condition {operator}: teach it to this evaluator")


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def _matches(pattern: str, text: str) -> bool:
    """IAM's wildcards: * is any text, slashes too, ? one letter."""
    expression = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(expression, text, re.DOTALL) is not None
