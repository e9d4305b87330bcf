"""Whether the Terraform of a repo reads a key of a YAML file. What nothing reads is ignored without a word: an edit would do nothing.

    reads(files, "clusters/a.yaml", "node_groups", "min", "eks")   # Reading(answer="read", why="…")

- `read`: some block that is repeated over the file's pools reads the key.
- `ignored`: every block that is repeated over them was found, and none reads it. Refuse the edit; `why` says which files were looked at.
- `unknown`: it could not be told; `why` is a sentence for the people who review the edit (PlannedEdit.unsure).

Followed are `yamldecode(file(…))`, `templatefile` and `fileset` patterns to the modules that decode the file, those modules' local
modules, and, for Palette's own public module, what that module is known to read per cloud. What a for expression takes counts where
it is a local that some resource reads. A map that is handed on whole is not followed, nor is a module from elsewhere: unknown.
"""

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from tree_sitter import Node

from trimtab import keypaths
from trimtab.changes.hcl_follow import turn_name
from trimtab.changes.hcl_module import Call, Files, Module, Stopped
from trimtab.changes.hcl_nodes import Source, Step, Traversal, bare, inner, line_of
from trimtab.changes.hcl_resources import CLUSTER
from trimtab.errors import BadInput, Refused

Answer = Literal["read", "ignored", "unknown"]
_PUBLIC = re.compile(
    r"(registry\.terraform\.io/)?spectrocloud/modules/spectrocloud|.*[/:]spectrocloud/terraform-spectrocloud-modules(\.git)?([/?].*)?"
)
"""Sources of Palette's public module: the registry's, and its repository's."""
_ALL = frozenset({"name", "additional_labels", "taints", "node", "update_strategy"})
_HOSTS = _ALL | {"control_plane", "control_plane_as_worker"}
_MACHINES = _HOSTS | {"count", "node_repave_interval", "disk_size_gb", "memory_mb", "cpu"}
_PUBLIC_POOLS: Mapping[str, frozenset[str]] = {
    "eks": _ALL | {"count", "min", "max", "capacity_type", "instance_type", "disk_size_gb", "worker_subnets", "eks_launch_template"},
    "tke": (_ALL - {"update_strategy"}) | {"count", "min", "max", "instance_type", "disk_size_gb", "worker_subnets"},
    "maas": _HOSTS | {"count", "min", "max", "node_repave_interval", "placement", "min_memory_mb", "min_cpu", "azs", "node_tags"},
    "vsphere": _MACHINES | {"placement"},
    "edge-vsphere": _MACHINES | {"placements"},
    "edge-native": _HOSTS | {"edge_hosts"},
    "libvirt": _MACHINES | {"cpus_sets", "attached_disks", "placements", "gpu_config"},
}
"""What Palette's public module reads of `node_groups[]`, per cloudType."""
_PUBLIC_NAMESPACES = frozenset({"name", "resource_allocation.cpu_cores", "resource_allocation.memory_MiB"})
_WILD = r"[^\x00]*"
_DEEPEST = 10
"""Names and texts inside texts on the way to a path; nobody writes that many."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The answer, and a sentence that says what it rests on."""

    answer: Answer
    why: str
    paths: tuple[str, ...] = ()
    """The Terraform files that it rests on."""


@dataclass(frozen=True, slots=True)
class _Turns:
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


def reads(files: Files, path: str, pools: str, key: str, cloud: str = "") -> Reading:
    """Whether the repo's Terraform reads the key (a key path) of the items at `pools` in the YAML file at `path`.

    `cloud` is the cluster type that the file names ("eks"), or "".
    """
    steps = tuple(step.key for step in keypaths.parse(key))
    what = f"{pools}[].{key} of {path}" if pools else f"{key} of {path}"
    decoding = [folder for folder in _folders(files) if _decodes(Module(files, folder), path)]
    if not decoding:
        return Reading("unknown", f"No Terraform in the repo was found that reads {path}.")
    modules = _with_local(files, decoding)
    calls = [call for folder in decoding for call in _calls(Module(files, folder))]
    if any(_PUBLIC.fullmatch(_source_of(call)) for call in calls):
        found = _public(what, pools, key, cloud)
    else:
        turns = [turns for module in modules for turns in _turns(module, _last(pools))] if pools else []
        mine = [each for each in turns if not _is_of_others(each, path)]
        found = _judged(_relevant(mine, cloud), steps, what, modules)
        if found.answer == "ignored" and any(_is_handed_on(module, _last(pools), turns) for module in modules):
            found = Reading("unknown", f"Whether {what} is read could not be told: {pools} is read in other ways than by repeated blocks.")
    return replace(found, paths=tuple(sorted(path for module in modules for path in module.paths if path.endswith(".tf"))))


def _last(pools: str) -> str:
    return keypaths.parse(pools)[-1].key


# ── Who decodes the file ─────────────────────────────────────────────────────────────────────────────────────────────
def _folders(files: Files) -> tuple[str, ...]:
    return tuple(sorted({posixpath.dirname(path) for path in files if path.endswith(".tf")}))


def _sources(module: Module) -> Iterator[Source]:
    """What can be parsed of a module."""
    try:
        yield from module.sources
    except BadInput:
        return


def _decodes(module: Module, path: str) -> bool:
    """True where a `yamldecode` of the module may be of that file."""
    patterns = [
        pattern for source in _sources(module) for call in _called(source, "yamldecode") for pattern in _patterns(module, source, call)
    ]
    sets = [pattern for source in _sources(module) for pattern in _filesets(module, source)]
    near = [pattern for pattern in patterns if re.fullmatch(pattern, path)]
    return any(_WILD not in pattern for pattern in near) or (bool(near) and (not sets or any(re.fullmatch(each, path) for each in sets)))


def _called(source: Source, name: str, within: Node | None = None) -> Iterator[Node]:
    for node in inner(within or source.root):
        if node.type == "function_call" and source.text(node.children[0]) == name:
            yield node


def _arguments(call: Node) -> list[Node]:
    return [node for child in call.children if child.type == "function_arguments" for node in child.children if node.type == "expression"]


def _patterns(module: Module, source: Source, decode: Node) -> Iterator[str]:
    """Patterns of the paths that are read inside a `yamldecode(…)`."""
    for node in inner(decode):
        is_reading = node.type == "function_call" and source.text(node.children[0]) in ("file", "templatefile")
        if is_reading and _arguments(node):
            yield _rooted(module, _pattern(module, source, _arguments(node)[0]))


def _filesets(module: Module, source: Source) -> Iterator[str]:
    for node in _called(source, "fileset"):
        arguments = _arguments(node)
        if len(arguments) == 2:
            folder = _pattern(module, source, arguments[0])
            written = source.string(arguments[1])
            yield _rooted(module, f"{folder}/{_glob(written) if written is not None else _WILD}")


def _rooted(module: Module, pattern: str) -> str:
    """The pattern from the repo's root on: a path is relative to the folder where Terraform runs, which is its module's."""
    if not pattern.startswith("\x00"):
        pattern = f"\x00/{pattern}"
    parts: list[str] = [*re.escape(module.folder).split("/")] if module.folder else []
    for part in pattern.removeprefix("\x00").split("/"):
        if part == r"\.\.":
            parts = parts[:-1]
        elif part not in ("", r"\."):
            parts.append(part)
    return "/".join(parts)


def _pattern(module: Module, source: Source, expression: Node, depth: int = 0) -> str:
    """A path as a pattern; what only Terraform knows matches anything, and the module's own folder is a mark."""
    written = source.string(expression)
    if written is not None:
        return re.escape(written)
    node = bare(expression)
    if node.type == "quoted_template" and depth <= _DEEPEST:
        return "".join(_piece(module, source, child, depth) for child in node.children[1:-1])
    traversal = source.traversal(expression)
    return _named(module, traversal, depth) if traversal is not None else _WILD


def _piece(module: Module, source: Source, child: Node, depth: int) -> str:
    if child.type == "template_literal":
        return re.escape(source.text(child))
    inside = [node for node in child.children if node.type == "expression"]
    return _pattern(module, source, inside[0], depth + 1) if inside else _WILD


def _named(module: Module, traversal: Traversal, depth: int) -> str:
    if traversal.root == "path" and traversal.steps:
        return "\x00"
    if traversal.root not in ("var", "local") or len(traversal.steps) != 1 or depth > _DEEPEST:
        return _WILD
    name = str(traversal.steps[0])
    found = module.local(name) if traversal.root == "local" else module.variable(name)
    return _WILD if isinstance(found, Stopped) else _pattern(found.module, found.source, found.expression, depth + 1)


def _glob(glob: str) -> str:
    table = {"**/": "(?:[^/]+/)*", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return "".join(table.get(part, re.escape(part)) for part in re.split(r"(\*\*/|\*\*|\*|\?)", glob))


# ── Who is handed what was decoded ───────────────────────────────────────────────────────────────────────────────────
def _calls(module: Module) -> list[Call]:
    return [Call(source, block) for source in _sources(module) for block in source.blocks(source.body, "module")]


def _source_of(call: Call) -> str:
    expression = call.source.attribute(call.block, "source")
    written = call.source.string(expression) if expression is not None else None
    return (written or "").removeprefix("git::").removeprefix("https://")


def _with_local(files: Files, folders: Sequence[str]) -> list[Module]:
    """The modules, and every module of the repo that they call."""
    seen: list[str] = []
    waiting = list(folders)
    while waiting:
        folder = waiting.pop()
        if folder not in seen:
            seen.append(folder)
            waiting.extend(called for call in _calls(Module(files, folder)) if (called := call.folder) is not None)
    return [Module(files, folder) for folder in seen]


def _public(what: str, pools: str, key: str, cloud: str) -> Reading:
    known = _PUBLIC_NAMESPACES if _last(pools or "-") == "namespaces" else _PUBLIC_POOLS.get(cloud.replace("_", "-"))
    if known is None or _last(pools or "-") not in ("node_groups", "namespaces"):
        return Reading("unknown", f"Whether Palette's public Terraform module reads {what} is not known.")
    if key in known or key.partition(".")[0] in known:
        return Reading("read", f"Palette's public Terraform module reads {what}.")
    return Reading("ignored", f"Palette's public Terraform module does not read {what}: the edit would change nothing")


# ── Who reads the key ────────────────────────────────────────────────────────────────────────────────────────────────
def _turns(module: Module, pools: str) -> Iterator[_Turns]:
    """Everything that is repeated over the items of a list of that name."""
    for source in _sources(module):
        for node in inner(source.root):
            if node.type == "block" and source.kind(node) in ("dynamic", "resource", "module"):
                yield from _of_block(module, source, node, pools)
            elif node.type in ("for_tuple_expr", "for_object_expr"):
                yield from _of_for(module, source, node, pools)


def _of_block(module: Module, source: Source, block: Node, pools: str) -> Iterator[_Turns]:
    try:
        repeated = source.attribute(block, "for_each")
    except Refused:
        return
    if repeated is not None and _mentions(source, repeated, pools):
        yield _Turns(module, source, block, turn_name(source, block), ("value",), _owner(source, block))


def _of_for(module: Module, source: Source, node: Node, pools: str) -> Iterator[_Turns]:
    intro = next((child for child in node.children if child.type == "for_intro"), None)
    collection = next((child for child in intro.children if child.type == "expression"), None) if intro is not None else None
    if intro is not None and collection is not None and _mentions(source, collection, pools):
        names = [child for child in intro.children if child.type == "identifier"]
        yield _Turns(module, source, node, source.text(names[-1]), (), "")


def _mentions(source: Source, expression: Node, pools: str) -> bool:
    """True where the expression takes the list of that name out of something."""
    taken = any(pools in traversal.steps for traversal in source.traversals(expression))
    return taken or any(len(_arguments(call)) > 1 and source.string(_arguments(call)[1]) == pools for call in _lookups(source, expression))


def _lookups(source: Source, within: Node) -> Iterator[Node]:
    return (node for node in inner(within) if node.type == "function_call" and source.text(node.children[0]) == "lookup")


def _owner(source: Source, block: Node) -> str:
    node: Node | None = block
    while node is not None:
        if node.type == "block" and source.kind(node) == "resource":
            return source.label(node, 0)
        node = node.parent
    return ""


def _relevant(turns: Sequence[_Turns], cloud: str) -> list[_Turns]:
    """The blocks of that cluster type; where the file names none, of every type."""
    typed = [each for each in turns if each.owner.startswith(CLUSTER)]
    wanted = CLUSTER + cloud.replace("-", "_")
    return [each for each in typed if each.owner == wanted] if cloud and typed else list(turns)


def _repeated(turns: _Turns) -> Node:
    """What the turns are of."""
    found = None if turns.within.type != "block" else turns.source.attribute(turns.within, "for_each")
    return found or next(child for child in turns.within.children if child.type == "for_intro")


def _is_of_others(turns: _Turns, path: str) -> bool:
    """True where the list comes out of locals, and each of these decodes other files than this one."""
    roots = list(turns.source.traversals(_repeated(turns)))
    if any(root.root == "each" for root in roots):
        around = _resource_around(turns.within)
        outer = turns.source.attribute(around, "for_each") if around is not None else None
        roots = [*(root for root in roots if root.root != "each"), *(turns.source.traversals(outer) if outer is not None else ())]
    found = [_decoded_by(turns.module, root) for root in roots]
    return bool(found) and all(patterns and not any(re.fullmatch(each, path) for each in patterns) for patterns in found)


def _decoded_by(module: Module, root: Traversal) -> list[str]:
    """Patterns of the files that a local decodes; [] = it does not, or it cannot be told."""
    definition = module.local(str(root.steps[0])) if root.root == "local" and root.steps else Stopped("")
    if isinstance(definition, Stopped):
        return []
    calls = _called(definition.source, "yamldecode", definition.expression)
    found = [list(_patterns(definition.module, definition.source, call)) for call in calls]
    return [pattern for patterns in found for pattern in patterns] if all(found) else []


def _resource_around(block: Node) -> Node | None:
    node: Node | None = block
    outermost = None
    while node is not None:
        outermost = node if node.type == "block" else outermost
        node = node.parent
    return outermost


def _is_handed_on(module: Module, pools: str, turns: Sequence[_Turns]) -> bool:
    """True where a list of that name is read in another way than by the turns; under its own name it is found again."""
    if any(path.endswith(".tf.json") and posixpath.dirname(path) == module.folder for path in module.files):
        return True
    spans = [(each.source.path, node.start_byte, node.end_byte) for each in turns for node in [_repeated(each)]]
    return any(
        node.type in ("get_attr", "index")
        and source.text(node).strip('.[]" ') == pools
        and _attribute_around(source, node) != pools
        and not any(path == source.path and start <= node.start_byte < end for path, start, end in spans)
        for source in _sources(module)
        for node in inner(source.root)
    )


def _attribute_around(source: Source, within: Node) -> str:
    node: Node | None = within
    while node is not None and node.type != "attribute":
        node = node.parent
    return source.text(node.children[0]) if node is not None else ""


def _judged(turns: Sequence[_Turns], steps: tuple[str, ...], what: str, modules: Sequence[Module]) -> Reading:
    folders = ", ".join(sorted(module.folder or "the root folder" for module in modules))
    answers = {_answer(each, steps) for each in turns}
    if answers == {"read"}:
        return Reading("read", f"{what} is read at {_places(turns)}.")
    if answers == {"ignored"} and not any(call.folder is None for module in modules for call in _calls(module)):
        return Reading(
            "ignored", f"{what} is read by nothing: the blocks at {_places(turns)} leave it out, and the edit would change nothing"
        )
    if not turns:
        return Reading("unknown", f"No block of {folders} was found that reads {what}.")
    return Reading("unknown", f"Whether {what} is read at {_places(turns)} could not be told.")


def _places(turns: Sequence[_Turns]) -> str:
    return ", ".join(sorted({f"{each.source.path} line {line_of(each.within)}" for each in turns}))


def _answer(turns: _Turns, steps: tuple[str, ...]) -> Answer:
    """What the readers of one turn say together; a single one that takes the key is enough."""
    mine = [traversal for traversal in turns.source.traversals(turns.within) if traversal.root == turns.name]
    found = [_one(turns, traversal, steps) for traversal in mine]
    if "read" in found:
        taken = (traversal for traversal, one in zip(mine, found, strict=True) if one == "read")
        return "read" if turns.owner or any(_is_used(turns, traversal) for traversal in taken) else "unknown"
    return "unknown" if "unknown" in found else "ignored"


def _is_used(turns: _Turns, taken: Traversal) -> bool:
    """True where the local that a for expression is a part of is read inside some resource, and so is the key that this is kept under."""
    name, kept = _local_around(turns), _kept_under(turns, taken)
    read = [
        traversal
        for source in _sources(turns.module)
        for resource in source.blocks(source.body, "resource")
        for traversal in source.traversals(resource)
    ]
    is_read = any(traversal.root == "local" and traversal.steps[:1] == (name,) for traversal in read)
    return name is not None and is_read and (not kept or any(_takes_out(traversal.steps, kept) for traversal in read))


def _takes_out(steps: Sequence[Step], kept: tuple[Step, ...]) -> bool:
    """True where a traversal goes the way of the kept key, all of it or the first part: what it stops at is handed on whole."""
    ways = (steps[start:] for start, step in enumerate(steps) if step == kept[0])
    return any(all(step == wanted for step, wanted in zip(way, kept, strict=False)) for way in ways)


def _kept_under(turns: _Turns, taken: Traversal) -> tuple[Step, ...]:
    """The keys, from the outermost, of the map that a for expression makes of an element; () = it makes none."""
    kept: list[Step] = []
    node: Node | None = taken.node
    while node is not None and node.id != turns.within.id:
        if node.type == "object_elem" and node.parent is not None:
            kept.append(next((key for key, _, value in turns.source.elements(node.parent) if value.parent == node), None))
        node = node.parent
    return tuple(reversed(kept))


def _local_around(turns: _Turns) -> str | None:
    node: Node | None = turns.within
    name = None
    while node is not None:
        if node.type == "attribute":
            name = turns.source.text(node.children[0])
        if node.type == "block":
            return name if turns.source.kind(node) == "locals" else None
        node = node.parent
    return None


def _one(turns: _Turns, traversal: Traversal, steps: tuple[str, ...]) -> Answer:
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
    values = _arguments(call)
    is_first = expression is not None and len(values) > 1 and values[0].id == expression.id
    return source.string(values[1]) if is_first else None
