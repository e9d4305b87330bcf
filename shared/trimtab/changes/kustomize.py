"""Which of several manifests wins, where a kustomization.yaml proves it; where it proves nothing, the answer is no.

A patch that one kustomization lays over what it lists decides over what it lists, and over what that is laid over. Nothing else is
concluded: an inline or JSON patch, a component, a transformer, a remote base or a new name makes the outcome unknown.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from posixpath import dirname, join, normpath

from trimtab.changes import yaml_nodes, yaml_paths
from trimtab.changes.kube_objects import UNKNOWN
from trimtab.changes.yaml_nodes import Node
from trimtab.errors import BadInput, Refused

NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")
_OPAQUE = ("components", "transformers", "replacements", "patchesJson6902", "namePrefix", "nameSuffix", "vars", "generators", "validators")
_MOST = 2_000
"""Kustomizations of one repo that are followed."""


@dataclass(frozen=True, slots=True)
class Kustomization:
    """One kustomization.yaml: what it lists, what it lays over that, and why its outcome may not be known."""

    path: str
    resources: tuple[str, ...]
    """Files, or folders that have a kustomization of their own."""
    patches: tuple[str, ...]
    namespace: str
    opaque: str


def is_kustomization(path: str) -> bool:
    """True for a file that says how others go together."""
    return path.rsplit("/", 1)[-1] in NAMES


def kustomizations(files: Mapping[str, bytes]) -> "Kustomizations":
    """Those among the files of one commit, read once."""
    paths = sorted(path for path in files if path.endswith(NAMES) and is_kustomization(path))
    if len(paths) > _MOST:
        raise Refused(f"{paths[_MOST]}: over {_MOST} kustomizations; they are not followed")
    return _built(tuple((path, files[path]) for path in paths))


@lru_cache(maxsize=8)
def _built(contents: tuple[tuple[str, bytes], ...]) -> "Kustomizations":
    return Kustomizations([_read(content, path) for path, content in contents])


class Kustomizations:
    """Every kustomization of one commit."""

    def __init__(self, found: Sequence[Kustomization]) -> None:
        self._by_folder = {dirname(each.path): each for each in found}
        self._by_file: dict[str, list[Kustomization]] = {}
        for each in self._by_folder.values():
            for path in sorted(self._files_below(each)):
                self._by_file.setdefault(path, []).append(each)

    def namespace_of(self, path: str) -> str:
        """The one namespace that those who list the file put it in; "" = none does, "?" = they differ, or one is filled in later."""
        found = {each.namespace for each in self._reaching(path) if each.namespace}
        return UNKNOWN if len(found) > 1 else next(iter(found), "")

    def problem_of(self, path: str) -> str:
        """Why a change of the file would reach further than one place; "" = it would not."""
        roots = sorted(each.path for each in self._roots(path))
        if not roots and self._reaching(path):
            return "its kustomizations build on each other in a circle"
        return f"{' and '.join(roots)} both build on it; a change there would reach all of them" if len(roots) > 1 else ""

    def doubts_of(self, path: str) -> tuple[str, ...]:
        """Why the file's word may not be the last one, a sentence each."""
        opaque = {each.path: each.opaque for top in self._reaching(path) for each in self._below(top) if each.opaque}
        return tuple(f"{name} {why}: whether it changes this value too is not known." for name, why in sorted(opaque.items()))

    def patches_with(self, path: str) -> frozenset[str]:
        """Every other file that is laid over something where this one is used."""
        return frozenset(patch for top in self._reaching(path) for each in self._below(top) for patch in each.patches) - {path}

    def files_with(self, path: str) -> frozenset[str]:
        """Every file that goes together with this one under some kustomization, itself too."""
        return frozenset(each for top in self._reaching(path) for each in self._files_below(top))

    def winner(self, paths: Sequence[str]) -> str:
        """The file whose values hold where all of these declare the same thing. Refused where that is not proven."""
        able = [path for path in paths if self._is_over(path, [other for other in paths if other != path])]
        if len(able) != 1:
            raise Refused(f"{', '.join(sorted(paths))} declare it, and no kustomization.yaml proves which one holds; keep one")
        involved = [each for each in self._reaching(able[0]) for each in self._below(each)]
        opaque = next((f"{each.path} {each.opaque}" for each in involved if each.opaque), "") or self.problem_of(able[0])
        if opaque:
            raise Refused(f"{', '.join(sorted(paths))} declare it, and which one holds is not known: {opaque}")
        return able[0]

    def reads(self, paths: Iterable[str]) -> tuple[str, ...]:
        """The kustomizations that decide what becomes of these files."""
        roots = [root for path in paths for root in self._roots(path)]
        return tuple(sorted({each.path for root in roots for each in self._below(root)}))

    def _is_over(self, path: str, others: Sequence[str]) -> bool:
        owners = [each for each in self._by_folder.values() if path in each.patches]
        return len(owners) == 1 and set(others) <= self._files_below(owners[0]) - set(owners[0].patches)

    def _roots(self, path: str) -> list[Kustomization]:
        reaching = self._reaching(path)
        below = {inner.path for each in reaching for inner in self._below(each) if inner.path != each.path}
        return [each for each in reaching if each.path not in below]

    def _reaching(self, path: str) -> list[Kustomization]:
        return self._by_file.get(path, [])

    def _files_below(self, top: Kustomization) -> set[str]:
        return {path for each in self._below(top) for path in (*each.resources, *each.patches)}

    def _below(self, top: Kustomization) -> list[Kustomization]:
        """Itself and every kustomization that it builds on."""
        found: dict[str, Kustomization] = {}
        waiting = [top]
        while waiting:
            each = waiting.pop()
            if each.path not in found:
                found[each.path] = each
                waiting.extend(self._by_folder[path] for path in each.resources if path in self._by_folder)
        return list(found.values())


def _read(content: bytes, path: str) -> Kustomization:
    try:
        roots = yaml_nodes.parse(content, path).roots
    except BadInput as error:
        return Kustomization(path, (), (), "", f"cannot be read: {error}")
    if len(roots) != 1 or roots[0].kind != "map":
        return Kustomization(path, (), (), "", "is not one map")
    root, folder = roots[0], dirname(path)
    resources = tuple(_below(folder, text) for key in ("resources", "bases") for text in _texts(root, key))
    named = [item for value in root.values("patches") for item in value.meant.children]
    patches = [text for item in named for text in _strings(item.meant.values("path"))]
    merges = _texts(root, "patchesStrategicMerge")
    inline = len(patches) < len(named) or any("\n" in text for text in merges)
    opaque = next((f"uses {key}" for key in _OPAQUE if root.values(key)), "has patches of its own in it" if inline else "")
    aimed = "aims a patch at whatever fits a target" if any(item.meant.values("target") for item in named) else ""
    filled = "holds a template" if _is_filled_in(root) else ""
    remote = next((f"builds on {text[:60]}" for text in resources if "://" in text or text.startswith("..")), "")
    return Kustomization(
        path=path,
        resources=resources,
        patches=tuple(_below(folder, text) for text in (*patches, *merges)),
        namespace=next(iter(_strings(root.values("namespace"))), UNKNOWN if root.values("namespace") else ""),
        opaque=opaque or aimed or remote or filled or ("holds a key twice" if _has_twice(root) else ""),
    )


def _below(folder: str, text: str) -> str:
    return text if "://" in text else normpath(join(folder, text)).removeprefix("./")


def _texts(root: Node, key: str) -> list[str]:
    return _strings([item for value in root.values(key) for item in value.meant.children])


def _strings(nodes: Iterable[Node]) -> list[str]:
    return [node.meant.value for node in nodes if node.meant.kind == "scalar" and not yaml_paths.is_template(node.meant.value)]


def _is_filled_in(root: Node) -> bool:
    """True where something else decides what it lists."""
    named = [value for key in ("resources", "bases", "patches", "patchesStrategicMerge") for value in root.values(key)]
    items = [item.meant for value in named for item in value.meant.children]
    texts = [path.meant for item in items for path in (item.values("path") or [item])]
    return any(yaml_paths.is_template(text.value) for text in texts)


def _has_twice(root: Node) -> bool:
    keys = [key.meant.value for key, _ in root.pairs()]
    return len(keys) != len(set(keys))
