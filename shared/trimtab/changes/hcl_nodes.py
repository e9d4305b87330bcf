"""HCL bytes → syntax tree, and the few questions about it that edits ask. Comments may stand anywhere, so nothing counts children."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import tree_sitter_hcl
from tree_sitter import Language, Node, Parser

from trimtab.changes.documents import Token, checked_size
from trimtab.errors import BadInput, Refused

Step = str | int | None
"""One step into a value: a key, an index, or None where only Terraform knows which."""
_QUOTED = ("quoted_template_start", "template_literal", "quoted_template_end")
_EMPTY = ("quoted_template_start", "quoted_template_end")
_PLAIN = ("numeric_lit", "bool_lit", "null_lit")
_STEPS = frozenset({"get_attr", "index", "splat"})
_LONGEST = 60


@dataclass(frozen=True, slots=True)
class Source:
    """One Terraform file, parsed."""

    path: str
    content: bytes
    root: Node

    @property
    def body(self) -> Node:
        """What holds the file's blocks and attributes."""
        return next((child for child in self.root.children if child.type == "body"), self.root)

    @property
    def tokens(self) -> tuple[Token, ...]:
        """Every leaf of the syntax tree with its text, comments too."""
        return tuple((leaf.type, self.text(leaf)) for leaf in leaves(self.root))

    def text(self, node: Node) -> str:
        """The node's bytes."""
        return self.content[node.start_byte : node.end_byte].decode()

    def shown(self, node: Node) -> str:
        """The node on one line, short enough for a sentence."""
        return " ".join(self.text(node).split())[:_LONGEST]

    def token_of(self, wanted: Node) -> int:
        """Where a leaf stands among the tokens."""
        span = (wanted.start_byte, wanted.end_byte)
        return next(index for index, leaf in enumerate(leaves(self.root)) if (leaf.start_byte, leaf.end_byte) == span)

    # ── Blocks and attributes ────────────────────────────────────────────────────────────────────────────────────────
    def items(self, block: Node) -> list[Node]:
        """Blocks and attributes of a block, or of the file."""
        bodies = [block] if block.type == "body" else [child for child in block.children if child.type == "body"]
        return [item for body in bodies for item in body.children if item.type in ("block", "attribute")]

    def blocks(self, block: Node, kind: str) -> list[Node]:
        """The blocks of one kind directly in a block, or in the file."""
        return [item for item in self.items(block) if item.type == "block" and self.kind(item) == kind]

    def kind(self, block: Node) -> str:
        """The word that a block begins with."""
        return self.text(block.children[0])

    def label(self, block: Node, index: int) -> str:
        """A block's label, the first being 0; "" where it has none."""
        labels = [child for child in block.children[1:] if child.type in ("string_lit", "identifier")]
        return self.text(labels[index]).strip('"') if index < len(labels) else ""

    def attributes(self, block: Node) -> Iterator[tuple[str, Node]]:
        """(name, expression) of each attribute."""
        for item in self.items(block):
            if item.type == "attribute":
                yield self.text(item.children[0]), next(child for child in item.children if child.type == "expression")

    def attribute(self, block: Node, key: str) -> Node | None:
        """The expression of an attribute. Refused where it stands twice."""
        found = [expression for name, expression in self.attributes(block) if name == key]
        if len(found) > 1:
            raise Refused(f"{self.path}: line {line_of(found[1])}: {key} stands more than once in its block; keep one")
        return found[0] if found else None

    # ── Expressions ──────────────────────────────────────────────────────────────────────────────────────────────────
    def literal(self, expression: Node) -> Node | None:
        """The leaf that holds a literal number, bool, null or string without escapes; None = anything else, and ""."""
        node = bare(expression)
        if node.type in _PLAIN:
            return node.children[0] if node.child_count == 1 else node
        if node.type == "string_lit" and tuple(child.type for child in node.children) == _QUOTED:
            written = self.text(node.children[1])
            return None if any(mark in written for mark in ("\\", "$${", "%%{", "\n")) else node.children[1]
        return None

    def string(self, expression: Node) -> str | None:
        """What a literal string or number says; None = it is something else."""
        node = bare(expression)
        if node.type == "string_lit" and tuple(child.type for child in node.children) == _EMPTY:
            return ""
        leaf = self.literal(expression)
        return self.text(leaf) if leaf is not None else None

    def elements(self, node: Node) -> list[tuple[Step, Node, Node]]:
        """(key, its node, value) of each element of an object literal, or of a list literal by number."""
        if node.type == "tuple":
            values = [child for child in node.children if child.type == "expression"]
            return [(index, value, value) for index, value in enumerate(values)]
        pairs = [
            [part for part in element.children if part.type == "expression"] for element in node.children if element.type == "object_elem"
        ]
        return [(self._key(key), key, value) for key, value in pairs]

    def _key(self, key: Node) -> Step:
        node = bare(key)
        if node.type == "variable_expr" and node.child_count == 1 and key.type == "expression" and key.child_count == 1:
            return self.text(node)
        return None if self.text(key).startswith("(") else self.string(key)

    def traversal(self, expression: Node) -> "Traversal | None":
        """The expression as a way into something with a name, `var.workers["a"].count`; None = it is something else."""
        pieces = [child for child in stripped(expression).children if child.type != "comment"]
        if pieces and pieces[0].type == "variable_expr" and all(piece.type in _STEPS for piece in pieces[1:]):
            return self._traversal(pieces[0], pieces[1:])
        return None

    def traversals(self, within: Node) -> Iterator["Traversal"]:
        """Every way into something with a name, anywhere below a node; keys of objects are not among them."""
        for node in inner(within):
            if node.type == "variable_expr" and not _is_object_key(node):
                steps = []
                following = node.next_sibling
                while following is not None and following.type in (*_STEPS, "comment"):
                    steps.extend([following] if following.type != "comment" else [])
                    following = following.next_sibling
                yield self._traversal(node, steps)

    def _traversal(self, start: Node, steps: list[Node]) -> "Traversal":
        return Traversal(self, start, self.text(start), tuple(self._step(step) for step in steps))

    def _step(self, step: Node) -> Step:
        if step.type == "get_attr":
            return self.text(step.children[-1])
        inside = [node for node in inner(step) if node.type == "expression"] if step.type == "index" else []
        written = self.string(inside[0]) if inside else None
        if written is None:
            return None
        return int(written) if bare(inside[0]).type == "numeric_lit" and written.isdigit() else written


@dataclass(frozen=True, slots=True)
class Traversal:
    """`root.step.step` as it stands in a file."""

    source: Source
    node: Node
    """The root's."""
    root: str
    steps: tuple[Step, ...]

    @property
    def spot(self) -> tuple[str, int]:
        """Path and byte: no other traversal has it."""
        return self.source.path, self.node.start_byte

    @property
    def line(self) -> int:
        """Where it stands."""
        return line_of(self.node)


@lru_cache(maxsize=512)
def parse(content: bytes, path: str) -> Source:
    """Parse a Terraform file. BadInput names the file and line."""
    try:
        checked_size(content, path).decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: byte {error.start}: not UTF-8; save it as UTF-8") from None
    root = Parser(Language(tree_sitter_hcl.language())).parse(content).root_node
    if root.has_error:
        raise BadInput(f"{path}: line {_first_error(root)}: not HCL; `terraform fmt` says more")
    return Source(path, content, root)


def stripped(expression: Node) -> Node:
    """The expression without parentheses and wrappers around the whole of it."""
    node = expression
    while True:
        parts = [child for child in node.children if child.type not in ("comment", "(", ")")]
        if node.type != "expression" or len(parts) != 1 or parts[0].type != "expression":
            return node
        node = parts[0]


def bare(expression: Node) -> Node:
    """What the expression is: a literal, an object, a call …; the expression itself where it has several parts."""
    node = stripped(expression)
    while node.type in ("expression", "literal_value", "collection_value", "template_expr"):
        parts = [child for child in node.children if child.type != "comment"]
        if len(parts) != 1:
            return node
        node = parts[0]
    return node


def line_of(node: Node) -> int:
    """First line of a node, counted from 1."""
    return node.start_point[0] + 1


def inner(node: Node) -> Iterator[Node]:
    """The node and everything below it, in the order of the file; no recursion, because depth is the writer's choice."""
    waiting = [node]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(reversed(node.children))


def leaves(root: Node) -> Iterator[Node]:
    """Every node that has none below it."""
    return (node for node in inner(root) if node.child_count == 0 and node.id != root.id)


def _is_object_key(node: Node) -> bool:
    """True for the bare word before the = of an object's element."""
    expression = node.parent
    if expression is None or expression.type != "expression" or expression.child_count != 1:
        return False
    element = expression.parent
    return element is not None and element.type == "object_elem" and element.children[0].id == expression.id


def _first_error(root: Node) -> int:
    return next((line_of(node) for node in inner(root) if node.is_error or node.is_missing), 1)
