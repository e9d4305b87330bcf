"""Pools in Terraform files: literal values inside `machine_pool` blocks of `spectrocloud_cluster_*` resources, and nothing else.

What a variable, a local or a `for_each` decides is decided elsewhere: it is refused with that reason, never guessed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import tree_sitter_hcl
from tree_sitter import Language, Node, Parser

from trimtab.changes.documents import PoolEntry, Scalar, Token, checked_size
from trimtab.errors import BadInput, Refused
from trimtab.records import Layout

_RESOURCE = "spectrocloud_cluster_"
_LITERAL = ("quoted_template_start", "template_literal", "quoted_template_end")


@dataclass(frozen=True, slots=True)
class HclFile:
    """One Terraform file, parsed."""

    path: str
    content: bytes
    root: Node

    @property
    def tokens(self) -> tuple[Token, ...]:
        """Every leaf of the syntax tree with its text, comments too."""
        return tuple((leaf.type, self.text(leaf)) for leaf in _leaves(self.root))

    def pools(self, layout: Layout) -> tuple[PoolEntry, ...]:
        """Every literal pool block of every cluster resource that has a literal name."""
        return tuple(pool for resource in self._resources() for pool in self._pools_of(resource, layout))

    def hints(self, cluster: str) -> tuple[str, ...]:
        """Pools that only Terraform can enumerate."""
        return tuple(
            f"{self.path}: line {_line(block)}: a dynamic machine_pool block; its pools are written where its for_each takes them from"
            for resource in self._resources()
            if self._name_of(resource, "name") in (cluster, None)
            for block in _blocks(resource, "dynamic")
            if '"machine_pool"' in [self.text(label) for label in block.children[1:-2]]
        )

    def text(self, node: Node) -> str:
        """The node's bytes."""
        return self.content[node.start_byte : node.end_byte].decode()

    def attribute(self, block: Node, key: str) -> Node | None:
        """The expression of an attribute. Refused where it stands twice."""
        found = [item for item in _body(block) if item.type == "attribute" and self.text(item.children[0]) == key]
        if len(found) > 1:
            raise Refused(f"{self.path}: line {_line(found[1])}: {key} stands more than once in its block; keep one")
        return found[0].children[2] if found else None

    def literal(self, expression: Node) -> Node | None:
        """The leaf that holds a literal number or string; None = anything else."""
        node = expression
        while node.type in ("expression", "literal_value") and node.child_count == 1:
            node = node.children[0]
        if node.type == "numeric_lit":
            return node
        if node.type == "string_lit" and tuple(child.type for child in node.children) == _LITERAL:
            return node.children[1]
        return None

    def _resources(self) -> Iterator[Node]:
        for block in _blocks_in(self.root.children[0] if self.root.child_count else self.root):
            if self.text(block.children[0]) == "resource" and self._label(block, 1).startswith(_RESOURCE):
                yield block

    def _label(self, block: Node, index: int) -> str:
        return self.text(block.children[index]).strip('"') if index < block.child_count else ""

    def _name_of(self, block: Node, key: str) -> str | None:
        expression = self.attribute(block, key)
        leaf = self.literal(expression) if expression is not None else None
        return self.text(leaf) if leaf is not None else None

    def _pools_of(self, resource: Node, layout: Layout) -> Iterator[PoolEntry]:
        cluster = self._name_of(resource, layout.cluster or "name")
        for block in _blocks(resource, layout.pools) if cluster is not None else ():
            name = self._name_of(block, layout.pool_name)
            if name is not None:
                where = f"{self._label(resource, 1)}.{self._label(resource, 2)}.{layout.pools}[{name}]"
                yield HclPool(self, cluster or "", name, where, resource, block)


@dataclass(frozen=True, slots=True)
class HclPool:
    """One machine_pool block."""

    file: HclFile
    cluster: str
    name: str
    where: str
    resource: Node
    block: Node

    @property
    def line(self) -> int:
        """First line of the block."""
        return _line(self.block)

    @property
    def cloud(self) -> str:
        """What follows spectrocloud_cluster_ in the resource type."""
        return self.file.text(self.resource.children[1]).strip('"').removeprefix(_RESOURCE)

    @property
    def control_plane(self) -> str:
        """The provider's names for it, unless they are plainly false."""
        for key in ("control_plane", "control_plane_as_worker"):
            expression = self.file.attribute(self.block, key)
            if expression is not None and self.file.text(expression) != "false":
                return f"{key} is {self.file.text(expression)[:40]}: a control plane is never resized"
        return ""

    @property
    def problem(self) -> str:
        """Why nothing in this block may be edited."""
        for key in ("for_each", "count"):
            if self.file.attribute(self.resource, key) is not None:
                return f"its resource has {key}: one block stands for many clusters"
        return self.control_plane

    def scalar(self, key: str) -> Scalar | None:
        """The value of an attribute of the block."""
        expression = self.file.attribute(self.block, key)
        if expression is None:
            return None
        leaf = self.file.literal(expression)
        node = leaf if leaf is not None else expression
        return Scalar(
            value=self.file.text(node),
            start=node.start_byte,
            end=node.end_byte,
            token=_token_index(self.file.root, node) if leaf is not None else -1,
            line=_line(node),
            is_literal=leaf is not None,
            problem=_expression_problem(self.file.text(node)) if leaf is None else "",
        )

    def labels(self) -> Mapping[str, str]:
        """Literal entries of `additional_labels`."""
        expression = self.file.attribute(self.block, "additional_labels")
        elements = [] if expression is None else [node for node in _inner(expression) if node.type == "object_elem"]
        return {self.file.text(e.children[0]).strip('"'): self.file.text(e.children[-1]).strip('"') for e in elements}

    def taints(self) -> tuple[str, ...]:
        """Literal `taints` blocks as key=value:effect."""
        blocks = _blocks(self.block, "taints")
        return tuple("{}={}:{}".format(*(self._text(block, key) for key in ("key", "value", "effect"))) for block in blocks)

    def _text(self, block: Node, key: str) -> str:
        expression = self.file.attribute(block, key)
        leaf = self.file.literal(expression) if expression is not None else None
        return self.file.text(leaf) if leaf is not None else ""


def read(files: Mapping[str, bytes], path: str) -> HclFile:
    """Parse a Terraform file. BadInput names the file and line."""
    content = files[path]
    try:
        checked_size(content, path).decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: byte {error.start}: not UTF-8; save it as UTF-8") from None
    root = Parser(Language(tree_sitter_hcl.language())).parse(content).root_node
    if root.has_error:
        raise BadInput(f"{path}: line {_first_error(root)}: not HCL; `terraform fmt` says more")
    return HclFile(path, content, root)


def _expression_problem(text: str) -> str:
    return f"it is the expression {' '.join(text.split())[:60]}, not a literal; change it where its value comes from"


def _line(node: Node) -> int:
    return node.start_point[0] + 1


def _body(block: Node) -> list[Node]:
    return [item for child in block.children if child.type == "body" for item in child.children]


def _blocks_in(body: Node) -> list[Node]:
    return [child for child in body.children if child.type == "block"]


def _blocks(block: Node, kind: str) -> list[Node]:
    return [item for item in _body(block) if item.type == "block" and item.children[0].text == kind.encode()]


def _inner(node: Node) -> Iterator[Node]:
    waiting = [node]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(reversed(node.children))


def _leaves(root: Node) -> Iterator[Node]:
    return (node for node in _inner(root) if node.child_count == 0 and node.id != root.id)


def _token_index(root: Node, wanted: Node) -> int:
    return next(
        index for index, leaf in enumerate(_leaves(root)) if leaf.start_byte == wanted.start_byte and leaf.end_byte == wanted.end_byte
    )


def _first_error(root: Node) -> int:
    return next((_line(node) for node in _inner(root) if node.is_error or node.is_missing), 1)
