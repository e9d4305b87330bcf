"""YAML bytes → nodes that know where they stand. Aliases stay aliases, so that a file cannot blow up, and nothing is constructed."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml.cyaml import CParser
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceStartEvent,
    StreamEndEvent,
    StreamStartEvent,
)

from trimtab.changes.documents import Token, checked_size
from trimtab.errors import BadInput

MAX_DEPTH = 100
MAX_NODES = 100_000
"""Pieces of one file: a few large files must not stop a run."""
MAX_EXPANDED = 1_000_000
"""Nodes that a reader would see with every alias followed."""
_BOM = "\ufeff"


@dataclass(slots=True, eq=False)
class Node:
    """One YAML node; `start` and `end` count characters after the byte order mark."""

    kind: str
    """scalar, list, map or alias."""
    start: int
    end: int
    line: int
    token: int
    anchor: str | None
    tag: str | None
    value: str = ""
    style: str = ""
    children: list["Node"] = field(default_factory=list)
    """Items of a list; keys and values of a map, by turns."""
    target: "Node | None" = None
    """What an alias stands for."""
    size: int = 1

    @property
    def meant(self) -> "Node":
        """The node itself, or what it is an alias of."""
        return self.target if self.target is not None else self

    def pairs(self) -> Iterator[tuple["Node", "Node"]]:
        """Keys with their values; nothing where this is no map."""
        if self.kind == "map":
            yield from zip(self.children[::2], self.children[1::2], strict=True)

    def values(self, key: str) -> list["Node"]:
        """Every value of that key: more than one where the key stands twice."""
        return [value for name, value in self.pairs() if name.meant.kind == "scalar" and name.meant.value == key]


@dataclass(frozen=True, slots=True)
class Stream:
    """A file: its text, its documents, its tokens, and the anchors that something refers to."""

    text: str
    mark: int
    """Characters of the byte order mark: 0 or 1."""
    roots: tuple[Node, ...]
    tokens: tuple[Token, ...]
    aliased: frozenset[str]


def parse(content: bytes, path: str, *, first_line: int = 1) -> Stream:
    """Parse a YAML file, or a text that begins at some line of one. BadInput names the file and line."""
    try:
        text = checked_size(content, path).decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: byte {error.start}: not UTF-8; save it as UTF-8") from None
    mark = 1 if text.startswith(_BOM) else 0
    builder = _Builder(path, first_line)
    for event in _events(text[mark:], path, first_line):
        builder.take(event)
    return Stream(text, mark, tuple(builder.roots), tuple(builder.tokens), frozenset(builder.aliased))


def _events(text: str, path: str, first_line: int) -> Iterator[Any]:
    try:
        parser = CParser(text)
        while parser.check_event():
            yield parser.get_event()
    except YAMLError as error:
        problem_mark = getattr(error, "problem_mark", None)
        line = f" line {problem_mark.line + first_line}:" if problem_mark is not None else ""
        raise BadInput(f"{path}:{line} not YAML: {getattr(error, 'problem', None) or 'unreadable characters'}") from None


class _Builder:
    """Events in, nodes and tokens out; no recursion, because depth is the writer's choice."""

    def __init__(self, path: str, first_line: int) -> None:
        self.path = path
        self.first_line = first_line
        self.roots: list[Node] = []
        self.tokens: list[Token] = []
        self.aliased: set[str] = set()
        self._open: list[Node] = []
        self._anchors: dict[str, Node] = {}

    def take(self, event: Any) -> None:
        """One event more."""
        kind = type(event)
        if kind is ScalarEvent:
            self.tokens.append((event.anchor, event.tag, event.implicit, event.style, event.value))
            self._put(self._node("scalar", event, value=event.value, style=event.style))
        elif kind in (MappingStartEvent, SequenceStartEvent):
            self.tokens.append((kind, event.anchor, event.tag, event.implicit))
            self._begin(self._node("map" if kind is MappingStartEvent else "list", event))
        elif kind is AliasEvent:
            self.tokens.append((kind, event.anchor))
            self._put(self._alias(event))
        elif kind in (DocumentStartEvent, DocumentEndEvent):
            self.tokens.append((kind, event.explicit))
            self._anchors = {}
        elif kind not in (StreamStartEvent, StreamEndEvent):
            self.tokens.append((kind,))
            self._end(event)

    def _node(self, kind: str, event: Any, *, value: str = "", style: str = "") -> Node:
        start, end = event.start_mark, event.end_mark
        anchor = event.anchor
        line, tag = start.line + self.first_line, getattr(event, "tag", None)
        if len(self.tokens) > MAX_NODES:
            raise BadInput(f"{self.path}: line {line}: over {MAX_NODES} values; so large a file is not read")
        node = Node(kind, start.index, end.index, line, len(self.tokens) - 1, anchor, tag, value, style)
        if anchor is not None and kind != "alias":
            self._anchors[anchor] = node
        return node

    def _alias(self, event: Any) -> Node:
        node = self._node("alias", event)
        target = self._anchors.get(event.anchor)
        if target is None or target in self._open:
            raise BadInput(f"{self.path}: line {node.line}: the alias *{event.anchor} has no anchor before it")
        node.target, node.size = target, target.size
        self.aliased.add(event.anchor)
        return node

    def _begin(self, node: Node) -> None:
        if len(self._open) >= MAX_DEPTH:
            raise BadInput(f"{self.path}: line {node.line}: nested deeper than {MAX_DEPTH} levels")
        self._open.append(node)

    def _end(self, event: Any) -> None:
        node = self._open.pop()
        node.end = event.end_mark.index
        self._put(node)

    def _put(self, node: Node) -> None:
        if not self._open:
            self.roots.append(node)
            return
        parent = self._open[-1]
        parent.children.append(node)
        parent.size += node.size
        if parent.size > MAX_EXPANDED:
            raise BadInput(f"{self.path}: line {node.line}: its aliases expand to over {MAX_EXPANDED} values")
