"""What is deployed against what the code expects: what is missing, what does not run, and what was left behind by an older version.

Only things of the kinds below that carry our tag are looked at; buckets, secrets and keys are none of them, and are never removed.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from trimtab.errors import BadInput, Refused, Upstream
from trimtab.flow.preflight import Item
from trimtab.ports import Deployed, Deployment, PartKind

_WOKEN: tuple[PartKind, ...] = ("function", "logs", "dead letters", "queue", "schedule")
_OFTEN: tuple[PartKind, ...] = ("function", "logs", "dead letters", "schedule")

EXPECTED: Mapping[str, tuple[PartKind, ...]] = {
    "alert": _WOKEN,
    "collect": _OFTEN,
    "ingest": _WOKEN,
    "learn": _WOKEN,
    "merge": ("function", "logs", "dead letters", "queue"),
    "propose": _WOKEN,
    "receive": ("function", "logs", "dead letters"),
    "report": _WOKEN,
    "verify": _WOKEN,
}
"""Function of this version → what each needs, where a deployment can say so; infra/terraform makes just these (a test)."""


def compare(deployment: Deployment) -> tuple[Item, ...]:
    """One item for each thing that is amiss, or one that says that nothing is. What cannot be looked at is said, not passed over."""
    try:
        parts = deployment.parts()
    except (BadInput, Refused, Upstream) as error:
        todo = "look with credentials that may list what is deployed there"
        return (Item(about="deployment", color="yellow", detail=f"could not be looked at: {error}", todo=todo),)
    items = (*_missing(parts, deployment), *_broken(parts), *_left_over(parts))
    detail = f"{deployment.place}: all {len(EXPECTED)} functions, and nothing else"
    return items or (Item(about="deployment", color="green", detail=detail),)


def orphans(deployment: Deployment) -> tuple[Deployed, ...]:
    """What carries our tag and is of no function that this version has."""
    return tuple(part for part in deployment.parts() if part.function not in EXPECTED)


def prune(parts: Sequence[Deployed], deployment: Deployment) -> Iterator[tuple[Deployed, str]]:
    """Remove each; why it could not be, "" = it is gone. One that fails keeps no other from being removed."""
    for part in parts:
        if part.function in EXPECTED:
            yield part, f"{part.function} is a function of this version"
            continue
        yield part, _tried(partial(deployment.remove, part))


def _tried(remove: partial[None]) -> str:
    try:
        remove()
    except (BadInput, Refused, Upstream) as error:
        return str(error)
    return ""


def _missing(parts: Sequence[Deployed], deployment: Deployment) -> Iterator[Item]:
    found = {(part.function, part.kind) for part in parts}
    for function, kinds in EXPECTED.items():
        lacking = [kind for kind in kinds if kind in deployment.kinds and (function, kind) not in found]
        if lacking:
            yield Item(about=f"{function} (deployed)", color="red", detail=f"has no {', no '.join(lacking)}", todo="terraform apply")


def _broken(parts: Sequence[Deployed]) -> Iterator[Item]:
    for part in parts:
        if part.function in EXPECTED and part.trouble:
            todo = f"mend why, then trimtab replay {part.function}" if part.kind == "dead letters" else "terraform apply, or look at why"
            yield Item(about=f"{part.kind} {part.name}", color="red", detail=part.trouble, todo=todo)


def _left_over(parts: Sequence[Deployed]) -> Iterator[Item]:
    for part in parts:
        if part.function not in EXPECTED:
            detail = f"of no function that this version has{f'; {part.trouble}' if part.trouble else ''}"
            yield Item(about=f"{part.kind} {part.name}", color="yellow", detail=detail, todo="terraform apply, or trimtab doctor --prune")
