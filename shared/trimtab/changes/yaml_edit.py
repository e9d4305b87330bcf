"""Pools, quotas and containers in YAML and JSON files: found by key path and name, never by line."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from trimtab.changes import embedded, json_nodes, kube_objects, yaml_nodes, yaml_paths
from trimtab.changes.documents import ANY, PoolEntry, Scalar, Token
from trimtab.changes.layouts import named_by
from trimtab.changes.yaml_nodes import Node, Stream
from trimtab.errors import Refused
from trimtab.keypaths import Step, parse
from trimtab.records import Layout, SubjectKind

_RESOURCE = "spectrocloud_cluster_"
_CONTROL_PLANES = ("control_plane", "control_plane_as_worker", "controlPlane", "controlPlaneAsWorker")
_LABELS = ("additional_labels", "additionalLabels")


@dataclass(frozen=True, slots=True)
class YamlFile:
    """One YAML or JSON file, parsed."""

    path: str
    stream: Stream

    @property
    def tokens(self) -> tuple[Token, ...]:
        """Every event of the file with its value."""
        return self.stream.tokens

    def pools(self, layout: Layout) -> tuple[PoolEntry, ...]:
        """Everything that the layout finds, in every document."""
        if layout.object:
            return tuple(self._objects(layout))
        clusters = [found for root in self.stream.roots for found in self._clusters(root, layout)]
        several = len(clusters) > 1 or _is_list_of_clusters(layout, self.path)
        return tuple(entry for cluster in clusters for entry in self._pools_of(cluster, layout, several=several))

    def hints(self, cluster: str) -> tuple[str, ...]:  # noqa: ARG002  (HCL's needs it)
        """YAML hides nothing that a layout could reach."""
        return ()

    def walk(self, node: Node, path: str) -> tuple[Node, ...]:
        """The nodes below `node` along a key path; () where one is not there. Refused where a key stands twice."""
        steps = parse(path)
        way = yaml_paths.walk(node, steps, self.path)
        return way if len(way) == len(steps) else ()

    def text(self, node: Node, path: str) -> str | None:
        """The text of the scalar at a key path; None = there is none."""
        way = self.walk(node, path)
        return way[-1].meant.value if way and way[-1].meant.kind == "scalar" else None

    def _clusters(self, root: Node, layout: Layout) -> Iterator["_Cluster"]:
        """Each cluster of a document, by its name: the document itself, each item of a list, or each Terraform resource."""
        if self.path.lower().endswith(".tf.json"):
            yield from self._resources(root, layout)
            return
        if _is_list_of_clusters(layout, self.path):
            nodes, key = (root.children if root.kind == "list" else []), "name"
        else:
            nodes, key = [root], layout.cluster
        said = named_by(self.path, layout).get("cluster") or layout.cluster_name or (ANY if layout.cluster == ANY else "")
        for node in nodes:
            name = said or self.text(node, key)
            if name:
                yield _Cluster(name, node)

    def _resources(self, root: Node, layout: Layout) -> Iterator["_Cluster"]:
        """Cluster resources of Terraform's JSON syntax, which may wrap each level in lists of one."""
        for types in _maps(root.meant.values("resource")):
            for kind, labels in types.pairs():
                for name, bodies in ((name, body) for label in _maps([labels]) for name, body in label.pairs()):
                    for body in _maps([bodies]) if kind.value.startswith(_RESOURCE) else ():
                        cluster = self.text(body, layout.cluster or "name")
                        if cluster:
                            yield _Cluster(cluster, body, f"{kind.value}.{name.value}", kind.value.removeprefix(_RESOURCE))

    def _pools_of(self, cluster: "_Cluster", layout: Layout, *, several: bool) -> Iterator[PoolEntry]:
        way = self.walk(cluster.node, layout.pools) if layout.pools else (cluster.node,)
        above = cluster.where or (f"[{cluster.name}]" if several else "")
        prefix = ".".join(part for part in (above, layout.pools) if part)
        things = way[-1].meant if way else None
        if things is not None and things.kind == "list":
            found = [(item, True) for item in things.children]
        else:
            found = [(way[-1], False)] if things is not None and things.kind == "map" and (layout.pool or not layout.pools) else []
        for item, is_item in found:
            name = layout.pool or self.text(item, layout.pool_name) or self._merged_name(item, layout.pool_name)
            if name:
                where = f"{prefix}[{name}]" if is_item or not prefix else prefix
                nodes = (cluster.node, *way, item) if is_item else (cluster.node, *way)
                yield YamlPool(self, cluster.name, name, where, cluster.node, nodes, layout.kind, cluster.cloud)

    def _merged_name(self, item: Node, key: str) -> str | None:
        """A name that a merge (<<) gives: such a pool is never edited, but it is declared here."""
        waiting, seen = item.meant.values("<<"), set[int]()
        while waiting:
            node = waiting.pop(0).meant
            if id(node) not in seen:
                seen.add(id(node))
                name = self.text(node, key)
                if name:
                    return name
                waiting += node.children if node.kind == "list" else node.values("<<")
        return None

    def _objects(self, layout: Layout) -> Iterator[PoolEntry]:
        said = named_by(self.path, layout)
        cluster = said.get("cluster") or layout.cluster_name
        for thing in kube_objects.find(self.stream.roots, layout.object, self.path):
            name = thing.container_place(said.get("namespace", "")) if layout.object == kube_objects.WORKLOAD else layout.pool
            name = name or self.text(thing.root, layout.pool_name) or said.get("namespace", kube_objects.UNKNOWN)
            owner = cluster or (ANY if layout.cluster == ANY else self.text(thing.root, layout.cluster))
            if owner and name:
                yield YamlPool(self, owner, name, thing.where, thing.root, thing.way, layout.kind)


def _is_list_of_clusters(layout: Layout, path: str) -> bool:
    """True where nothing else can say which cluster it is, as in a file that lists several."""
    return not (layout.cluster or layout.cluster_name or named_by(path, layout).get("cluster"))


def _maps(nodes: list[Node]) -> Iterator[Node]:
    for node in nodes:
        for each in node.meant.children if node.meant.kind == "list" else [node]:
            if each.meant.kind == "map":
                yield each.meant


@dataclass(frozen=True, slots=True)
class _Cluster:
    """A cluster, and the map that declares it."""

    name: str
    node: Node
    where: str = ""
    cloud: str = ""


@dataclass(frozen=True, slots=True)
class YamlPool:
    """One pool, quota or container: a map of a file."""

    file: YamlFile
    cluster: str
    name: str
    where: str
    root: Node
    """The cluster's map, or the Kubernetes object."""
    way: tuple[Node, ...]
    """From there down to the pool's map."""
    kind: SubjectKind = "pool"
    resource: str = ""
    """The cluster type as the resource's name has it, where the file is Terraform's."""

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
        for key in ("cloudType", "kind") if not self.resource else ():
            text = self.file.text(self.root, key)
            if text is not None:
                return text.lower()
        return self.resource

    @property
    def control_plane(self) -> str:
        """Any of the names that layouts have for it, unless it is plainly false."""
        for key in _CONTROL_PLANES if self.kind == "pool" else ():
            for value in self.node.meant.values(key):
                if value.meant.kind != "scalar" or value.meant.value.lower() != "false":
                    return f"{key} is {value.meant.value or 'set'}: a control plane is never resized"
        return ""

    @property
    def problem(self) -> str:
        """Why nothing in this pool may be edited."""
        merge = "it merges other keys by <<" if self.node.meant.values("<<") else ""
        return yaml_paths.shared(self.way, self.file.stream) or merge or self._multiplied or self.control_plane

    @property
    def _multiplied(self) -> str:
        keys = [key for key in ("for_each", "count") if self.resource and self.root.meant.values(key)]
        return f"its resource has {keys[0]}: one block stands for many clusters" if keys else ""

    def scalar(self, key: str) -> Scalar | None:
        """The value at a key of the pool, also inside a text (`values: |`) that itself is YAML."""
        steps = parse(key)
        way = yaml_paths.walk(self.node, steps, self.file.path)
        if steps and len(way) == len(steps):
            return yaml_paths.located(way, self.file.stream)
        last = way[-1] if way else self.node
        if last.meant.values("<<"):
            raise Refused(f"{self.file.path}: line {last.line}: {self.where}.{key} may come from a merge (<<); write it out")
        is_text = bool(way) and last.meant.kind == "scalar" and last.meant.style != ""
        return self._inside(way, steps[len(way) :]) if is_text else None

    def _inside(self, way: tuple[Node, ...], steps: tuple[Step, ...]) -> Scalar | None:
        problem = yaml_paths.shared(way, self.file.stream) or yaml_paths.marked(way[-1])
        if problem:
            raise Refused(f"{self.file.path}: line {way[-1].line}: the text there is not edited: {problem}")
        return embedded.scalar(embedded.from_block(way[-1], self.file.stream, self.file.path), steps, self.file.path)

    def labels(self) -> Mapping[str, str]:
        """`additional_labels`, however the layout's family spells it."""
        for key in _LABELS:
            for value in self.node.meant.values(key):
                return {k.meant.value: v.meant.value for k, v in value.meant.pairs()}
        return {}

    def taints(self) -> tuple[str, ...]:
        """`taints` as key=value:effect."""
        items = [item for value in self.node.meant.values("taints") for item in value.meant.children if item.meant.kind == "map"]
        return tuple("{}={}:{}".format(*(self.file.text(item, key) or "" for key in ("key", "value", "effect"))) for item in items)


def read(content: bytes, path: str) -> YamlFile:
    """Parse a YAML or JSON file. BadInput names the file and line."""
    is_json = path.lower().endswith(".json")
    return YamlFile(path, json_nodes.parse(content, path) if is_json else yaml_nodes.parse(content, path))
