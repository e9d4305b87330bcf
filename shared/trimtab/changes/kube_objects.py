"""Kubernetes objects in manifests: which ones a file holds, and the containers of those that run pods."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from trimtab.changes import yaml_paths
from trimtab.changes.yaml_nodes import Node
from trimtab.keypaths import parse

WORKLOAD = "workload"
_TEMPLATE = "spec.template.spec.containers"
_CONTAINERS = {
    "Deployment": _TEMPLATE,
    "StatefulSet": _TEMPLATE,
    "DaemonSet": _TEMPLATE,
    "ReplicaSet": _TEMPLATE,
    "ReplicationController": _TEMPLATE,
    "Job": _TEMPLATE,
    "CronJob": "spec.jobTemplate.spec.template.spec.containers",
    "Pod": "spec.containers",
}
"""Kind → where its containers are."""
UNKNOWN = "?"
"""Stands for a namespace that the manifest leaves to whoever applies it; no namespace can be called that."""


@dataclass(frozen=True, slots=True)
class Thing:
    """One object, or one container of one."""

    root: Node
    """The object's map."""
    way: tuple[Node, ...]
    """From the object's map down to the container's, or just the object's."""
    kind: str
    name: str
    namespace: str
    container: str = ""

    @property
    def where(self) -> str:
        """For people and approvals: "Deployment[shop/web].containers[app]"."""
        place = f"{self.kind}[{'/'.join(part for part in (self.namespace, self.name) if part)}]"
        return f"{place}.containers[{self.container}]" if self.container else place

    def container_place(self, namespace: str) -> str:
        """As a Subject names it; `namespace` = what the file's path says where the manifest does not."""
        return "/".join((self.namespace or namespace or UNKNOWN, self.kind, self.name, self.container))


def find(roots: Sequence[Node], wanted: str, path: str) -> Iterator[Thing]:
    """Every object of that kind in the documents and in their Lists; for "workload" every container."""
    for root in (each for document in roots for each in _unlisted(document, path)):
        kind, name = _text(root, "kind", path), _text(root, "metadata.name", path)
        thing = Thing(root, (root,), kind, name, _text(root, "metadata.namespace", path))
        if wanted == WORKLOAD and kind in _CONTAINERS and name:
            yield from _containers(thing, path)
        elif kind == wanted:
            yield thing


def _containers(thing: Thing, path: str) -> Iterator[Thing]:
    steps = parse(_CONTAINERS[thing.kind])
    way = yaml_paths.walk(thing.root, steps, path)
    for item in way[-1].meant.children if len(way) == len(steps) and way[-1].meant.kind == "list" else ():
        name = _text(item, "name", path)
        if name:
            yield Thing(thing.root, (thing.root, *way, item), thing.kind, thing.name, thing.namespace, name)


def _unlisted(root: Node, path: str) -> Iterator[Node]:
    if _text(root, "kind", path) != "List":
        yield root
        return
    for items in root.meant.values("items"):
        yield from items.meant.children


def _text(node: Node, key: str, path: str) -> str:
    steps = parse(key)
    way = yaml_paths.walk(node, steps, path)
    return way[-1].meant.value if len(way) == len(steps) and way[-1].meant.kind == "scalar" else ""
