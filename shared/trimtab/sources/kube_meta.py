"""What every Kubernetes object says of itself: whose it is, since when, and which of its words are worth keeping.

A label is true now. Since when it has been is told by the object's managedFields, where nobody stripped them: the last write by a
manager that holds any of its labels.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from trimtab.errors import Upstream

LONGEST_VALUE = 256
"""Characters of an annotation that an owner could mean; longer ones are documents (last-applied-configuration: up to 256 KiB)."""
LONGEST_KEY = 317
"""A prefix of 253, "/", a name of 63."""
MOST_WORDS = 64
_MACHINERY = (
    "kubectl.kubernetes.io/", "kubernetes.io/config.", "deployment.kubernetes.io/", "cni.projectcalico.org/", "k8s.v1.cni.cncf.io/",
    "k8s.ovn.org/", "checksum/", "autoscaling.alpha.kubernetes.io/", "control-plane.alpha.kubernetes.io/",
)  # fmt: skip
"""Annotations that machines write for machines, many of them different for every pod."""
MIRROR = "kubernetes.io/config.mirror"


@dataclass(frozen=True, kw_only=True, slots=True)
class Meta:
    """The metadata of one object; times are seconds since 1970."""

    namespace: str
    name: str
    uid: str
    created: int
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    words_since: int | None
    """Since when labels and annotations are as they are; None = nobody wrote that down."""
    spec_since: int | None
    """The same of the spec."""
    generation: int
    owner: tuple[str, str] | None
    """(kind, name) of the controller; None = it has none."""
    is_mirror: bool = False
    """The image of a static pod, which the kubelet runs from a file."""


def parse_meta(item: Any, place: str) -> Meta:
    """The metadata of an object. Raises Upstream, naming the place, where it is no Kubernetes object."""
    meta = mapping(mapping(item, place).get("metadata"), f"{place}.metadata")
    name, created = meta.get("name"), seconds(meta.get("creationTimestamp"))
    if not isinstance(name, str) or not name or created is None:
        raise Upstream(f"{place}.metadata: expected a name and a creationTimestamp")
    labels, annotations = texts(meta.get("labels")), texts(meta.get("annotations"))
    changes, owner = tuple(_changes(meta.get("managedFields"))), _owner(meta.get("ownerReferences"))
    return Meta(
        namespace=str(meta.get("namespace") or ""), name=name, uid=str(meta.get("uid") or ""), created=created,
        labels=labels, annotations=kept({key: text for key, text in annotations.items() if not key.startswith(_MACHINERY)}),
        words_since=_since(created, changes, "words"), spec_since=_since(created, changes, "spec"),
        generation=number(meta.get("generation")) or 0, owner=owner,
        # Anybody can write an annotation; the kubelet owns the image of what it runs by its node.
        is_mirror=MIRROR in annotations and owner is not None and owner[0] == "Node",
    )  # fmt: skip


def mapping(value: Any, place: str) -> Mapping[str, Any]:
    """A JSON object. Raises Upstream."""
    if not isinstance(value, dict):
        raise Upstream(f"{place}: expected an object")
    return value


def part(value: Any, *path: str) -> Mapping[str, Any]:
    """The object at a path; {} = there is none."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def items(value: Any) -> tuple[Mapping[str, Any], ...]:
    """The objects of a list; () = there is no list."""
    return tuple(item for item in value if isinstance(item, dict)) if isinstance(value, list) else ()


def texts(value: Any) -> dict[str, str]:
    """A map of texts: labels, annotations, a selector."""
    return {str(key): str(text) for key, text in value.items()} if isinstance(value, dict) else {}


def number(value: Any) -> int | None:
    """A whole number; None = it is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def seconds(value: Any) -> int | None:
    """A Kubernetes time as seconds since 1970; None = no time."""
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
        return int(at.timestamp()) if at and at.tzinfo else None
    except (ValueError, OverflowError):
        return None


def kept(words: Mapping[str, str]) -> dict[str, str]:
    """The words that a row has room for; one with a control character is no word."""
    return dict(sorted(each for each in words.items() if all(map(_is_word, each, (LONGEST_KEY, LONGEST_VALUE))))[:MOST_WORDS])


def _is_word(text: str, longest: int) -> bool:
    return len(text) <= longest and text.isprintable()


def _owner(references: Any) -> tuple[str, str] | None:
    """The controller; an owner that is none (a garbage collector's mark) says nothing about who runs it."""
    for reference in items(references):
        if reference.get("controller") is True and reference.get("kind") and reference.get("name"):
            return str(reference["kind"]), str(reference["name"])
    return None


def _changes(fields: Any) -> Iterator[tuple[str, int]]:
    """(what was written, when); a write to a subresource is a status or a scale."""
    for entry in items(fields):
        at = seconds(entry.get("time"))
        if at is None or entry.get("subresource"):
            continue
        written = part(entry, "fieldsV1")
        if part(written, "f:metadata").keys() & {"f:labels", "f:annotations"}:
            yield "words", at
        if "f:spec" in written:
            yield "spec", at
        if not written:
            yield from (("words", at), ("spec", at))


def _since(created: int, changes: tuple[tuple[str, int], ...], what: str) -> int | None:
    return max((at for name, at in changes if name == what), default=created) if changes else None


__all__ = ["Meta", "items", "kept", "mapping", "number", "parse_meta", "part", "seconds", "texts"]
