"""Pools in YAML files: found by key path and name, never by line."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from trimtab.changes import yaml_nodes
from trimtab.changes.documents import PoolEntry, Scalar, Token
from trimtab.changes.yaml_nodes import Node, Stream
from trimtab.errors import Refused
from trimtab.records import Layout

_QUOTES = {"": 0, "'": 1, '"': 1}
"""Styles whose bytes can be replaced, with the width of their quotes; block scalars are not among them."""


@dataclass(frozen=True, slots=True)
class YamlFile:
    """One YAML file, parsed."""

    path: str
    stream: Stream

    @property
    def tokens(self) -> tuple[Token, ...]:
        """Every event of the file with its value."""
        return self.stream.tokens

    def pools(self, layout: Layout) -> tuple[PoolEntry, ...]:
        """Every pool that the layout finds, in every document."""
        clusters = [found for root in self.stream.roots for found in self._clusters(root, layout)]
        several = len(clusters) > 1 or not layout.cluster
        return tuple(entry for name, node in clusters for entry in self._pools_of(name, node, layout, several=several))

    def hints(self, cluster: str) -> tuple[str, ...]:  # noqa: ARG002  (HCL's needs it)
        """YAML hides nothing that a layout could reach."""
        return ()

    def _clusters(self, root: Node, layout: Layout) -> Iterator[tuple[str, Node]]:
        """(name, map) of each cluster: the document itself, or each item of a list at the root."""
        candidates = [root] if layout.cluster else (root.children if root.kind == "list" else [])
        for node in candidates:
            name = self.walk(node, layout.cluster or "name")
            if name and name[-1].meant.kind == "scalar":
                yield name[-1].meant.value, node

    def _pools_of(self, cluster: str, node: Node, layout: Layout, *, several: bool) -> Iterator[PoolEntry]:
        way = self.walk(node, layout.pools)
        prefix = f"[{cluster}]." if several else ""
        for item in way[-1].meant.children if way and way[-1].meant.kind == "list" else ():
            name = self.walk(item, layout.pool_name)
            if name and name[-1].meant.kind == "scalar":
                pool = name[-1].meant.value
                yield YamlPool(self, cluster, pool, f"{prefix}{layout.pools}[{pool}]", node, (node, *way, item))

    def walk(self, node: Node, path: str) -> tuple[Node, ...]:
        """The nodes below `node` along a key path; () where one is not there. Refused where a key stands twice."""
        way: list[Node] = []
        for key in path.split("."):
            found = node.meant.values(key)
            if len(found) > 1:
                lines = ", ".join(str(value.line) for value in found)
                raise Refused(f"{self.path}: the key {path} stands more than once (lines {lines}); keep one")
            if not found:
                return ()
            node = found[0]
            way.append(node)
        return tuple(way)


@dataclass(frozen=True, slots=True)
class YamlPool:
    """One item of a list of pools."""

    file: YamlFile
    cluster: str
    name: str
    where: str
    root: Node
    """The cluster's map."""
    way: tuple[Node, ...]
    """From the cluster's map down to the pool."""

    @property
    def node(self) -> Node:
        """The pool's map."""
        return self.way[-1]

    @property
    def line(self) -> int:
        """First line of the pool."""
        return self.node.line

    @property
    def cloud(self) -> str:
        """`cloudType`, or the kind of a Kubernetes object, in small letters."""
        for key in ("cloudType", "kind"):
            way = self.file.walk(self.root, key)
            if way and way[-1].meant.kind == "scalar":
                return way[-1].meant.value.lower()
        return ""

    @property
    def control_plane(self) -> str:
        """Any of the names that layouts have for it, unless it is plainly false."""
        for key in ("control_plane", "control_plane_as_worker", "controlPlane", "controlPlaneAsWorker"):
            for value in self.node.meant.values(key):
                if value.meant.kind != "scalar" or value.meant.value.lower() != "false":
                    return f"{key} is {value.meant.value or 'set'}: a control plane is never resized"
        return ""

    @property
    def problem(self) -> str:
        """Why nothing in this pool may be edited."""
        merge = "it merges other keys by <<" if self.node.meant.values("<<") else ""
        return self._shared(self.way) or merge or self.control_plane

    def scalar(self, key: str) -> Scalar | None:
        """The value at a key of the pool."""
        way = self.file.walk(self.node, key)
        if not way and self.node.meant.values("<<"):
            raise Refused(f"{self.file.path}: line {self.line}: {self.where}.{key} may come from a merge (<<); write it out")
        return self._located(way) if way else None

    def labels(self) -> Mapping[str, str]:
        """`additional_labels`, however the layout's family spells it."""
        for key in ("additional_labels", "additionalLabels"):
            for value in self.node.meant.values(key):
                return {k.meant.value: v.meant.value for k, v in value.meant.pairs()}
        return {}

    def taints(self) -> tuple[str, ...]:
        """`taints` as key=value:effect."""
        items = [item for value in self.node.meant.values("taints") for item in value.meant.children if item.meant.kind == "map"]
        return tuple("{}={}:{}".format(*(self._text(item, key) for key in ("key", "value", "effect"))) for item in items)

    def _text(self, node: Node, key: str) -> str:
        way = self.file.walk(node, key)
        return way[-1].meant.value if way else ""

    def _shared(self, way: tuple[Node, ...]) -> str:
        """Editing a shared node would change every place that refers to it."""
        for node in way:
            if node.kind == "alias":
                return f"line {node.line} is the alias *{node.anchor}"
            if node.anchor in self.file.stream.aliased:
                return f"line {node.line} has the anchor &{node.anchor}, which other places refer to"
        return ""

    def _located(self, way: tuple[Node, ...]) -> Scalar:
        node, stream = way[-1], self.file.stream
        width = _QUOTES.get(node.style, 0)
        start, end = stream.mark + node.start + width, stream.mark + node.end - width
        problem = self._shared(way) or _unwritable(node, stream.text[start:end])
        begin = len(stream.text[:start].encode())
        return Scalar(
            value=node.meant.value,
            start=begin,
            end=begin + len(stream.text[start:end].encode()),
            token=node.token,
            line=node.line,
            is_literal=node.meant.kind == "scalar" and not _is_template(node.meant.value),
            problem=problem,
        )


def _is_template(value: str) -> bool:
    return any(mark in value for mark in ("${", "%{", "{{"))


def _unwritable(node: Node, written: str) -> str:
    """Why the bytes of this node may not be replaced; "" = they may."""
    if node.kind != "scalar":
        return f"it is a {node.kind}, not one value"
    if node.anchor is not None:
        return f"it has the anchor &{node.anchor}"
    if node.tag is not None:
        return f"it has the tag {node.tag}"
    if _is_template(node.value):
        return "it is a template expression; change it where its value comes from"
    if node.style not in _QUOTES or written != node.value or "\n" in written:
        return "it is written over several lines or with escapes"
    return ""


def read(content: bytes, path: str) -> YamlFile:
    """Parse a YAML file. BadInput names the file and line."""
    return YamlFile(path, yaml_nodes.parse(content, path))
