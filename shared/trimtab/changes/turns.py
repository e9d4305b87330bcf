"""What a Terraform module repeats over a list, and what that takes of the list's items."""

import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from tree_sitter import Node

from trimtab.changes.decoding import arguments_of, called, decoded_by, sources
from trimtab.changes.hcl_follow import turn_name
from trimtab.changes.hcl_module import Module
from trimtab.changes.hcl_nodes import Source, Step, Traversal, inner, line_of
from trimtab.changes.hcl_resources import CLUSTER
from trimtab.errors import Refused

Answer = Literal["read", "ignored", "unknown"]


@dataclass(frozen=True, slots=True)
class Turns:
    """Something that is repeated over the pools: a dynamic block, a resource, a for expression."""

    module: Module
    source: Source
    within: Node
    """Where its turns can be read."""
    name: str
    lead: tuple[Step, ...]
    """Steps before the element's own keys: ("value",) in blocks."""
    owner: str
    """The resource type; "" = a for expression."""


def turns_over(module: Module, pools: str) -> Iterator[Turns]:
    """Everything that is repeated over the items of a list of that name."""
    for source in sources(module):
        for node in inner(source.root):
            if node.type == "block" and source.kind(node) in ("dynamic", "resource", "module"):
                yield from _of_block(module, source, node, pools)
            elif node.type in ("for_tuple_expr", "for_object_expr"):
                yield from _of_for(module, source, node, pools)


def _of_block(module: Module, source: Source, block: Node, pools: str) -> Iterator[Turns]:
    try:
        repeated = source.attribute(block, "for_each")
    except Refused:
        return
    if repeated is not None and _mentions(source, repeated, pools):
        yield Turns(module, source, block, turn_name(source, block), ("value",), _owner(source, block))


def _of_for(module: Module, source: Source, node: Node, pools: str) -> Iterator[Turns]:
    intro = next((child for child in node.children if child.type == "for_intro"), None)
    collection = next((child for child in intro.children if child.type == "expression"), None) if intro is not None else None
    if intro is not None and collection is not None and _mentions(source, collection, pools):
        names = [child for child in intro.children if child.type == "identifier"]
        yield Turns(module, source, node, source.text(names[-1]), (), "")


def _mentions(source: Source, expression: Node, pools: str) -> bool:
    """True where the expression takes the list of that name out of something."""
    taken = any(pools in traversal.steps for traversal in source.traversals(expression))
    return taken or any(
        len(arguments_of(call)) > 1 and source.string(arguments_of(call)[1]) == pools for call in called(source, "lookup", expression)
    )


def _owner(source: Source, block: Node) -> str:
    node: Node | None = block
    while node is not None:
        if node.type == "block" and source.kind(node) == "resource":
            return source.label(node, 0)
        node = node.parent
    return ""


def relevant(turns: Sequence[Turns], cloud: str) -> list[Turns]:
    """The blocks of that cluster type; where the file names none, of every type."""
    typed = [each for each in turns if each.owner.startswith(CLUSTER)]
    wanted = CLUSTER + cloud.replace("-", "_")
    return [each for each in typed if each.owner == wanted] if cloud and typed else list(turns)


def _repeated(turns: Turns) -> Node:
    """What the turns are of."""
    found = None if turns.within.type != "block" else turns.source.attribute(turns.within, "for_each")
    return found or next(child for child in turns.within.children if child.type == "for_intro")


def is_of_others(turns: Turns, path: str) -> bool:
    """True where the list comes out of locals, and each of these decodes other files than this one."""
    roots = list(turns.source.traversals(_repeated(turns)))
    if any(root.root == "each" for root in roots):
        around = _resource_around(turns.within)
        outer = turns.source.attribute(around, "for_each") if around is not None else None
        roots = [*(root for root in roots if root.root != "each"), *(turns.source.traversals(outer) if outer is not None else ())]
    found = [decoded_by(turns.module, root) for root in roots]
    return bool(found) and all(patterns and not any(re.fullmatch(each, path) for each in patterns) for patterns in found)


def _resource_around(block: Node) -> Node | None:
    node: Node | None = block
    outermost = None
    while node is not None:
        outermost = node if node.type == "block" else outermost
        node = node.parent
    return outermost


def is_handed_on(module: Module, pools: str, turns: Sequence[Turns]) -> bool:
    """True where a list of that name is read in another way than by the turns; under its own name it is found again."""
    if any(path.endswith(".tf.json") and posixpath.dirname(path) == module.folder for path in module.files):
        return True
    spans = [(each.source.path, node.start_byte, node.end_byte) for each in turns for node in [_repeated(each)]]
    return any(
        node.type in ("get_attr", "index")
        and source.text(node).strip('.[]" ') == pools
        and _attribute_around(source, node) != pools
        and not any(path == source.path and start <= node.start_byte < end for path, start, end in spans)
        for source in sources(module)
        for node in inner(source.root)
    )


def _attribute_around(source: Source, within: Node) -> str:
    node: Node | None = within
    while node is not None and node.type != "attribute":
        node = node.parent
    return source.text(node.children[0]) if node is not None else ""


def places_of(turns: Sequence[Turns]) -> str:
    """Where they stand, for people."""
    return ", ".join(sorted({f"{each.source.path} line {line_of(each.within)}" for each in turns}))


def answer_of(turns: Turns, steps: tuple[str, ...]) -> Answer:
    """What the readers of one turn say together; a single one that takes the key is enough."""
    mine = [traversal for traversal in turns.source.traversals(turns.within) if traversal.root == turns.name]
    found = [_one(turns, traversal, steps) for traversal in mine]
    if "read" in found:
        taken = (traversal for traversal, one in zip(mine, found, strict=True) if one == "read")
        return "read" if turns.owner or any(_is_used(turns, traversal) for traversal in taken) else "unknown"
    return "unknown" if "unknown" in found else "ignored"


def _is_used(turns: Turns, taken: Traversal) -> bool:
    """True where the local that a for expression is a part of is read inside some resource, and so is the key that this is kept under."""
    name, kept = _local_around(turns), _kept_under(turns, taken)
    read = [
        traversal
        for source in sources(turns.module)
        for resource in source.blocks(source.body, "resource")
        for traversal in source.traversals(resource)
    ]
    is_read = any(traversal.root == "local" and traversal.steps[:1] == (name,) for traversal in read)
    return name is not None and is_read and (not kept or any(_takes_out(traversal.steps, kept) for traversal in read))


def _takes_out(steps: Sequence[Step], kept: tuple[Step, ...]) -> bool:
    """True where a traversal goes the way of the kept key, all of it or the first part: what it stops at is handed on whole."""
    ways = (steps[start:] for start, step in enumerate(steps) if step == kept[0])
    return any(all(step == wanted for step, wanted in zip(way, kept, strict=False)) for way in ways)


def _kept_under(turns: Turns, taken: Traversal) -> tuple[Step, ...]:
    """The keys, from the outermost, of the map that a for expression makes of an element; () = it makes none."""
    kept: list[Step] = []
    node: Node | None = taken.node
    while node is not None and node.id != turns.within.id:
        if node.type == "object_elem" and node.parent is not None:
            kept.append(next((key for key, _, value in turns.source.elements(node.parent) if value.parent == node), None))
        node = node.parent
    return tuple(reversed(kept))


def _local_around(turns: Turns) -> str | None:
    node: Node | None = turns.within
    name = None
    while node is not None:
        if node.type == "attribute":
            name = turns.source.text(node.children[0])
        if node.type == "block":
            return name if turns.source.kind(node) == "locals" else None
        node = node.parent
    return None


def _one(turns: Turns, traversal: Traversal, steps: tuple[str, ...]) -> Answer:
    if traversal.steps[: len(turns.lead)] != turns.lead:
        return "ignored" if traversal.steps else "unknown"
    way = traversal.steps[len(turns.lead) :]
    if any(step is not None and step != wanted for step, wanted in zip(way, steps, strict=False)):
        return "ignored"
    if None in way:
        return "unknown"
    if len(way) >= len(steps):
        return "read"
    looked_up = _looked_up(turns.source, traversal)
    if looked_up is None:
        return "unknown"
    return ("read" if len(way) + 1 >= len(steps) else "unknown") if looked_up == steps[len(way)] else "ignored"


def _looked_up(source: Source, traversal: Traversal) -> str | None:
    """The key of `lookup(traversal, "key", …)`; None = the traversal is not what a lookup looks into."""
    expression = traversal.node.parent
    arguments = expression.parent if expression is not None else None
    call = arguments.parent if arguments is not None and arguments.type == "function_arguments" else None
    if call is None or call.type != "function_call" or source.text(call.children[0]) != "lookup":
        return None
    values = arguments_of(call)
    is_first = expression is not None and len(values) > 1 and values[0].id == expression.id
    return source.string(values[1]) if is_first else None
