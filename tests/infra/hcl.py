"""Terraform files as blocks: what a static check asks of them. `dynamic "x" { content { … } }` is a block x."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tree_sitter import Node

from trimtab.changes.hcl_nodes import Source, Traversal, parse

META = frozenset({"count", "for_each", "depends_on", "provider"})
"""Arguments that Terraform itself takes in every resource; blocks: lifecycle."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """One block: its kind, its labels, and what is directly in it."""

    source: Source
    node: Node
    kind: str
    labels: tuple[str, ...]
    iterator: str | None = None
    """What a dynamic block calls its element; None = it is an ordinary one."""

    @property
    def place(self) -> str:
        """File, line and name, for messages."""
        return f"{self.source.path}:{self.node.start_point[0] + 1}: {' '.join((self.kind, *self.labels))}"

    @property
    def attributes(self) -> Mapping[str, Node]:
        """Name → expression."""
        return dict(self.source.attributes(self.node))

    @property
    def blocks(self) -> list["Block"]:
        """The blocks in it, dynamic ones by their own names."""
        return [_made(self.source, item) for item in self.source.items(self.node) if item.type == "block"]

    @property
    def traversals(self) -> Iterator[Traversal]:
        """Everything that is named anywhere in it."""
        return self.source.traversals(self.node)


def _made(source: Source, node: Node) -> Block:
    kind = source.kind(node)
    labels = tuple(label for index in (0, 1) if (label := source.label(node, index)))
    if kind != "dynamic":
        return Block(source=source, node=node, kind=kind, labels=labels)
    content = source.blocks(node, "content")[0]
    named = dict(source.attributes(node)).get("iterator")
    return Block(source=source, node=content, kind=labels[0], labels=(), iterator=source.text(named) if named else labels[0])


@dataclass(frozen=True, kw_only=True)
class Module:
    """The files of one folder."""

    folder: Path

    @cached_property
    def blocks(self) -> list[Block]:
        """Every block at the top of a file."""
        found = []
        for path in sorted(self.folder.glob("*.tf")):
            source = parse(path.read_bytes(), str(path))
            found += [_made(source, item) for item in source.items(source.root)] if source.root.children else []
        return found

    def of(self, kind: str) -> list[Block]:
        """Blocks of one kind."""
        return [block for block in self.blocks if block.kind == kind]

    @cached_property
    def locals(self) -> Mapping[str, Node]:
        """Name → expression."""
        return {name: node for block in self.of("locals") for name, node in block.attributes.items()}

    def names(self, kind: str) -> set[str]:
        """What its blocks of one kind are called: var, output, module by one label, resource and data by two."""
        return {".".join(block.labels) for block in self.of(kind)}


def used(modules: list[Module], kind: str) -> dict[str, set[tuple[str, ...]]]:
    """Type of resource or data → paths of the blocks that are used in it."""
    found: dict[str, set[tuple[str, ...]]] = {}
    for module in modules:
        for block in module.of(kind):
            found.setdefault(block.labels[0], set()).update(_paths(block, ()))
    return found


def _paths(block: Block, above: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    yield above
    for inner in block.blocks:
        yield from _paths(inner, (*above, inner.kind))
