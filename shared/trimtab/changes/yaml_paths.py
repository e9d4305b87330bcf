"""From a YAML node along a key path to a value, and from there to its bytes."""

from collections.abc import Sequence

from trimtab.changes.documents import Scalar
from trimtab.changes.yaml_nodes import Node, Stream
from trimtab.errors import Refused
from trimtab.keypaths import Step

_QUOTES = {"": 0, "'": 1, '"': 1}
"""Styles whose bytes can be replaced, with the width of their quotes; block scalars are not among them."""
_TEMPLATES = ("${", "%{", "{{", "<%", "$(")


def walk(node: Node, steps: Sequence[Step], path: str) -> tuple[Node, ...]:
    """The nodes below `node`, one a step; fewer where one is not there, or where what is left is inside a text.

    Refused where a key stands twice, or where two items of a list answer to one name. `path` is the file, for the refusal.
    """
    way: list[Node] = []
    for step in steps:
        found = node.meant.values(step.key) if step.value is None else _items(node.meant, step)
        if len(found) > 1:
            lines = ", ".join(str(value.line) for value in found)
            raise Refused(f"{path}: {_what(step)} stands more than once (lines {lines}); keep one")
        if not found:
            break
        node = found[0]
        way.append(node)
    return tuple(way)


def _what(step: Step) -> str:
    return f"the key {step.key}" if step.value is None else f"an item with {step.key} {step.value!r}"


def _items(node: Node, step: Step) -> list[Node]:
    items = node.children if node.kind == "list" else []
    return [item for item in items if any(is_text(value, step.value) for value in item.meant.values(step.key))]


def is_text(node: Node, text: str | None) -> bool:
    """True where the node is a scalar of just that text."""
    return node.meant.kind == "scalar" and node.meant.value == text


def shared(way: Sequence[Node], stream: Stream) -> str:
    """Why editing below these nodes would change other places too; "" = it would not."""
    for node in way:
        if node.kind == "alias":
            return f"line {node.line} is the alias *{node.anchor}"
        if node.anchor in stream.aliased:
            return f"line {node.line} has the anchor &{node.anchor}, which other places refer to"
    return ""


def located(way: Sequence[Node], stream: Stream) -> Scalar:
    """The last node of the way as bytes of the stream's own text."""
    node = way[-1]
    width = _QUOTES.get(node.style, 0)
    start, end = stream.mark + node.start + width, stream.mark + node.end - width
    begin = len(stream.text[:start].encode())
    return Scalar(
        value=node.meant.value,
        start=begin,
        end=begin + len(stream.text[start:end].encode()),
        token=node.token,
        line=node.line,
        is_literal=node.meant.kind == "scalar" and not is_template(node.meant.value),
        problem=shared(way, stream) or _unwritable(node, stream.text[start:end]),
    )


def is_template(value: str) -> bool:
    """True for a value that something else fills in before it is read."""
    return any(mark in value for mark in _TEMPLATES)


def marked(node: Node) -> str:
    """Why a node that has a name or a type of its own is left alone; "" = it has none."""
    if node.anchor is not None:
        return f"it has the anchor &{node.anchor}"
    return f"it has the tag {node.tag}" if node.tag is not None else ""


def _unwritable(node: Node, written: str) -> str:
    """Why the bytes of this node may not be replaced; "" = they may."""
    if node.kind != "scalar":
        return f"it is a {node.kind}, not one value"
    if marked(node):
        return marked(node)
    if is_template(node.value):
        return "it is a template expression; change it where its value comes from"
    if node.style not in _QUOTES or written != node.value or "\n" in written:
        return "it is written over several lines or with escapes"
    return ""
