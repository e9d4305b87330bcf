"""From an expression to the literal that it stands for, through variables, locals and the maps that blocks are repeated over.

What is followed is only ever a name, a key or a number in brackets. A condition, a function, arithmetic or a text with expressions in
it is computed by Terraform, and stops here with its line. So does a literal that anything else reads too: an edit would change more
than was planned.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from tree_sitter import Node

from trimtab.changes.hcl_module import Definition, Module, Stopped
from trimtab.changes.hcl_nodes import Source, Step, Traversal, bare, line_of, stripped

_FILES = re.compile(rb"\b(yamldecode|fileset|templatefile|jsondecode|file)\s*\(")
_DEEPEST = 100
"""Names and keys on one way; nobody writes that many."""
_REPEATED = ("resource", "data", "module", "dynamic")
_COMPUTED = {
    "conditional": "a condition",
    "operation": "arithmetic",
    "for_expr": "a for expression",
    "quoted_template": "a text with expressions in it",
    "string_lit": "a text with escapes in it",
    "heredoc_template": "a text over several lines",
    "function_call": "a function call",
    "object": "a map, not one value",
    "tuple": "a list, not one value",
}


@dataclass(frozen=True, slots=True)
class Hop:
    """One name on the way: what is read below it, and where."""

    module: Module
    root: str
    """var or local."""
    name: str
    steps: tuple[Step, ...]
    """From the name down to the literal."""


@dataclass(frozen=True, slots=True)
class Found:
    """An expression at the end of the way."""

    module: Module
    source: Source
    node: Node
    """The leaf of a literal; an object or a list where one was looked for."""
    hops: tuple[Hop, ...] = ()
    readers: frozenset[tuple[str, int]] = frozenset()
    """Spots of the traversals that were followed."""
    turns: tuple[tuple["Turn", tuple[Step, ...]], ...] = ()
    """The turns of repeated blocks whose element holds the literal, and the steps to it from the element down."""
    is_key: bool = False
    """True where a block is repeated by this very text."""
    unsure: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """Its bytes."""
        return self.source.text(self.node)


@dataclass(frozen=True, slots=True)
class Turn:
    """One round of a repeated block: `each` of a resource, or the iterator of a dynamic block."""

    name: str
    block: Node
    source: Source
    key: str
    """As Terraform numbers or names it."""
    key_at: Found | None
    """Where the key is written; None = it is a number."""
    value: Node
    collection: Found
    """The map or list it is an element of."""
    step: Step
    of: int
    """How many turns there are."""
    is_set: bool = False
    """True where the element is its own key."""


Scope = tuple[Turn, ...]


@dataclass(frozen=True, slots=True)
class Spot:
    """An expression and in whose words it speaks."""

    module: Module
    source: Source
    expression: Node
    scope: Scope = ()

    @property
    def shown(self) -> str:
        """The expression and its line, for a sentence."""
        return f"{self.source.shown(self.expression)} ({self.source.path} line {line_of(self.expression)})"


# ── Following ────────────────────────────────────────────────────────────────────────────────────────────────────────
def follow(spot: Spot, steps: tuple[Step, ...] = ()) -> Found | Stopped:
    """The literal that an expression stands for, or why it cannot be known."""
    return _follow(spot, steps, frozenset(), is_whole=False)


def _follow(spot: Spot, steps: tuple[Step, ...], seen: frozenset[tuple[str, int, tuple[Step, ...]]], *, is_whole: bool) -> Found | Stopped:
    """`is_whole`: a map or a list is looked for, and is the end of the way."""
    here = (spot.source.path, spot.expression.start_byte, steps)
    if here in seen or len(seen) > _DEEPEST:
        return Stopped(f"{spot.shown} goes round in a circle, or too deep")
    seen = seen | {here}
    traversal = spot.source.traversal(spot.expression)
    if traversal is not None:
        return _through(spot, traversal, steps, seen, is_whole=is_whole)
    node = bare(spot.expression)
    if steps:
        return _into(spot, node, steps, seen, is_whole=is_whole)
    if is_whole and node.type in ("object", "tuple"):
        return Found(spot.module, spot.source, node)
    leaf = None if is_whole else spot.source.literal(spot.expression)
    return Found(spot.module, spot.source, leaf) if leaf is not None else _stopped(spot)


def _into(
    spot: Spot, node: Node, steps: tuple[Step, ...], seen: frozenset[tuple[str, int, tuple[Step, ...]]], *, is_whole: bool
) -> Found | Stopped:
    """One step down into a map or a list that is written out."""
    if node.type not in ("object", "tuple"):
        return _stopped(spot)
    elements = spot.source.elements(node)
    if steps[0] is None or any(key is None for key, _, _ in elements):
        return Stopped(f"{spot.shown} has keys that only Terraform knows")
    found = [value for key, _, value in elements if str(key) == str(steps[0])]
    if len(found) != 1:
        how = "more than once" if found else "not"
        return Stopped(f"the key {steps[0]} is {how} in {spot.shown}")
    return _follow(replace(spot, expression=found[0]), steps[1:], seen, is_whole=is_whole)


def _through(
    spot: Spot, traversal: Traversal, steps: tuple[Step, ...], seen: frozenset[tuple[str, int, tuple[Step, ...]]], *, is_whole: bool
) -> Found | Stopped:
    """Past one name."""
    way = (*traversal.steps, *steps)
    if None in way:
        return Stopped(f"{spot.shown} picks by a key that only Terraform knows")
    turn = next((turn for turn in reversed(spot.scope) if turn.name == traversal.root), None)
    if turn is not None:
        return _of_turn(spot, turn, traversal, way, seen, is_whole=is_whole)
    if traversal.root not in ("var", "local") or not way or not isinstance(way[0], str):
        return Stopped(f"it comes from {spot.shown}, which only Terraform knows")
    name, rest = way[0], way[1:]
    definition = spot.module.variable(name) if traversal.root == "var" else spot.module.local(name)
    if isinstance(definition, Stopped):
        return definition
    there = Spot(definition.module, definition.source, definition.expression)
    found = _follow(there, rest, seen, is_whole=is_whole)
    if isinstance(found, Stopped):
        return found
    return _passed(found, Hop(spot.module, traversal.root, name, rest), traversal, definition)


def _passed(found: Found, hop: Hop, traversal: Traversal, definition: Definition) -> Found:
    unsure = (*found.unsure, definition.unsure) if definition.unsure else found.unsure
    return replace(found, hops=(hop, *found.hops), readers=found.readers | {traversal.spot}, unsure=unsure)


def _of_turn(
    spot: Spot,
    turn: Turn,
    traversal: Traversal,
    way: tuple[Step, ...],
    seen: frozenset[tuple[str, int, tuple[Step, ...]]],
    *,
    is_whole: bool,
) -> Found | Stopped:
    """`each.key`, or what is below `each.value`."""
    if way == ("key",) and turn.key_at is not None:
        return replace(turn.key_at, readers=turn.key_at.readers | {traversal.spot}, turns=((turn, ()),), is_key=True)
    if not way or way[0] != "value":
        return Stopped(f"{spot.shown} is a number or a map that Terraform makes")
    collection = turn.collection
    there = Spot(collection.module, collection.source, turn.value)
    found = _follow(there, way[1:], seen, is_whole=is_whole)
    if isinstance(found, Stopped):
        return found
    below = (turn.step, *way[1:])
    outer = tuple((other, (*steps, *below)) for other, steps in collection.turns)
    passed = tuple(replace(hop, steps=(*hop.steps, *below)) for hop in collection.hops)
    return replace(
        found,
        hops=(*passed, *found.hops),
        readers=found.readers | collection.readers | {traversal.spot},
        turns=(*found.turns, *outer, (turn, way[1:])),
        is_key=found.is_key or turn.is_set,
        unsure=(*collection.unsure, *found.unsure),
    )


def _stopped(spot: Spot) -> Stopped:
    pieces = [piece for piece in stripped(spot.expression).children if piece.type != "comment"]
    node = bare(spot.expression) if len(pieces) == 1 else next(iter(pieces), spot.expression)
    if _FILES.search(spot.source.content[spot.expression.start_byte : spot.expression.end_byte]):
        return Stopped(f"it is read from another file by {spot.shown}; edit that file, with a layout that knows it")
    what = _COMPUTED.get(node.type)
    return Stopped(f"it is {what}, {spot.shown}; change it by hand" if what else f"{spot.shown} is not a value that can be followed")


# ── Repeating ────────────────────────────────────────────────────────────────────────────────────────────────────────
def turns(spot: Spot, name: str, block: Node) -> tuple[Turn, ...] | Stopped:
    """One turn for each element of a `for_each`, in the order of the file."""
    pieces = [piece for piece in stripped(spot.expression).children if piece.type != "comment"]
    called = pieces[0] if len(pieces) == 1 and pieces[0].type == "function_call" else None
    if called is not None and spot.source.text(called.children[0]) == "toset":
        arguments = [node for child in called.children for node in child.children if node.type == "expression"]
        return _turns(replace(spot, expression=arguments[0]), name, block, is_set=True) if len(arguments) == 1 else _stopped(spot)
    return _turns(spot, name, block, is_set=False)


def _turns(spot: Spot, name: str, block: Node, *, is_set: bool) -> tuple[Turn, ...] | Stopped:
    collection = _follow(spot, (), frozenset(), is_whole=True)
    if isinstance(collection, Stopped):
        return collection
    elements = collection.source.elements(collection.node)
    if any(key is None for key, _, _ in elements):
        return Stopped(f"{spot.shown} has keys that only Terraform knows")
    made = []
    for key, key_node, value in elements:
        at = value if is_set else key_node
        written = collection.source.string(at) if is_set else str(key)
        leaf = None if isinstance(key, int) and not is_set else collection.source.literal(at) or bare(at)
        key_at = Found(collection.module, collection.source, leaf) if leaf is not None and written is not None else None
        text = (written if is_set else str(key)) or ""
        made.append(Turn(name, block, spot.source, text, key_at, value, collection, key, len(elements), is_set))
    return tuple(made)


# ── Reading names ────────────────────────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True, slots=True)
class Said:
    """A name, what could not be checked about it, and the modules that say it."""

    text: str
    unsure: tuple[str, ...] = ()
    modules: tuple[Module, ...] = ()


def text_of(spot: Spot) -> Said | None:
    """What a text says, with what can be followed filled in; None = only Terraform knows. For names: nothing is edited by it."""
    written = spot.source.string(spot.expression)
    if written is not None:
        return Said(written)
    node = bare(spot.expression)
    if node.type != "quoted_template":
        found = follow(spot)
        return Said(found.text, found.unsure, modules_of(found)) if isinstance(found, Found) else None
    parts = [_part(spot, child) for child in node.children[1:-1]]
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    return Said(
        "".join(part.text for part in known),
        tuple(why for part in known for why in part.unsure),
        tuple(module for part in known for module in part.modules),
    )


def _part(spot: Spot, child: Node) -> Said | None:
    if child.type == "template_literal":
        written = spot.source.text(child)
        return None if any(mark in written for mark in ("\\", "$${", "%%{")) else Said(written)
    inside = [node for node in child.children if node.type == "expression"]
    # A text inside a text inside …: depth is the writer's choice, and nobody names a cluster so.
    is_plain = child.type == "template_interpolation" and len(inside) == 1 and bare(inside[0]).type != "quoted_template"
    return text_of(replace(spot, expression=inside[0])) if is_plain else None


def modules_of(found: Found) -> tuple[Module, ...]:
    """The modules that the way went through; () where nothing was followed."""
    return (*(hop.module for hop in found.hops), found.module) if found.hops else ()


# ── Who else reads it ────────────────────────────────────────────────────────────────────────────────────────────────
def second_use(found: Found) -> str:
    """Where else the value is read on its way, "" = nowhere: else the edit would change that too."""
    for hop in found.hops:
        unread = hop.module.unread(hop.name)
        if unread:
            return f"{_dotted(hop.root, hop.name)} may also be read by {unread[0]}; Terraform in JSON is not followed"
        for source in hop.module.sources:
            for other in _readers(source, source.root, hop.root, (hop.name, *hop.steps)):
                if other.spot not in found.readers and not _is_own_check(other, hop):
                    return f"{_dotted(hop.root, hop.name, *hop.steps)} is also read by {other.source.path} line {other.line}"
    for turn, steps in found.turns:
        for other in _readers(turn.source, turn.block, turn.name, ("value", *steps)):
            if other.spot not in found.readers:
                return f"{_dotted(turn.name, 'value', *steps)} is also read by {other.source.path} line {other.line}"
    return ""


def _readers(source: Source, within: Node, root: str, way: tuple[Step, ...]) -> Iterator[Traversal]:
    """Every traversal that reads what is at `way` below `root`; what only repeats a block is looked into, not counted."""
    for other in source.traversals(within):
        if other.root == root and _overlap(other.steps, way) and not _is_iterator(source, other):
            yield from _behind(source, other, way, other.steps)


def _behind(source: Source, other: Traversal, way: tuple[Step, ...], taken: tuple[Step, ...]) -> Iterator[Traversal]:
    """The traversal itself; or, where a block is repeated by it, what reads the elements."""
    repeated = _repeated_by(source, other)
    if repeated is None:
        yield other
    else:
        yield from _turn_readers(source, *repeated, way, (*taken, None))


def _turn_readers(source: Source, block: Node, name: str, way: tuple[Step, ...], taken: tuple[Step, ...]) -> Iterator[Traversal]:
    """Readers of an element, through its turn: `each.value.count`."""
    for other in source.traversals(block):
        if other.root != name or other.steps == ("key",):
            continue
        steps = (*taken, *other.steps[1:])
        if _overlap(steps, way) and not _is_iterator(source, other):
            yield from _behind(source, other, way, steps)


def _overlap(one: Iterable[Step], other: Iterable[Step]) -> bool:
    """True where one way may be a part of the other; None is a step to anywhere."""
    return all(a is None or b is None or str(a) == str(b) for a, b in zip(one, other, strict=False))


def _repeated_by(source: Source, traversal: Traversal) -> tuple[Node, str] | None:
    """(block, name of its turns) where the traversal is the whole for_each of a block."""
    attribute = _attribute(traversal)
    block = attribute.parent.parent if attribute is not None and attribute.parent is not None else None
    if _attribute_of(source, traversal) != "for_each" or block is None or block.type != "block" or source.kind(block) not in _REPEATED:
        return None
    return block, turn_name(source, block)


def _is_iterator(source: Source, traversal: Traversal) -> bool:
    """True for the bare word that only gives the turns of a dynamic block their name."""
    return not traversal.steps and _attribute_of(source, traversal) == "iterator"


def _attribute_of(source: Source, traversal: Traversal) -> str:
    """The name of the attribute whose whole value the traversal is; "" where it is only a part of one."""
    attribute = _attribute(traversal)
    return source.text(attribute.children[0]) if attribute is not None else ""


def _attribute(traversal: Traversal) -> Node | None:
    expression = traversal.node.parent
    while expression is not None and expression.parent is not None and expression.parent.type == "expression":
        expression = expression.parent
    attribute = expression.parent if expression is not None and expression.type == "expression" else None
    return attribute if attribute is not None and attribute.type == "attribute" else None


def turn_name(source: Source, block: Node) -> str:
    """`each`, or what a dynamic block calls its turns."""
    if source.kind(block) != "dynamic":
        return "each"
    iterator = source.attribute(block, "iterator")
    return source.text(iterator) if iterator is not None else source.label(block, 0)


def _is_own_check(other: Traversal, hop: Hop) -> bool:
    """A variable's own validation reads it and changes nothing."""
    if hop.root != "var":
        return False
    node: Node | None = other.node
    while node is not None:
        if node.type == "block" and other.source.kind(node) == "variable" and other.source.label(node, 0) == hop.name:
            return True
        node = node.parent
    return False


def _dotted(*steps: Step) -> str:
    return ".".join(str(step) for step in steps)
