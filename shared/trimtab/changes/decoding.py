"""Which files of a repo a Terraform module decodes as YAML, as patterns of their paths."""

import re
from collections.abc import Iterator

from tree_sitter import Node

from trimtab.changes.hcl_module import Module, Stopped
from trimtab.changes.hcl_nodes import Source, Traversal, bare, inner
from trimtab.errors import BadInput

_WILD = r"[^\x00]*"
_DEEPEST = 10
"""Names and texts inside texts on the way to a path; nobody writes that many."""


def sources(module: Module) -> Iterator[Source]:
    """What can be parsed of a module."""
    try:
        yield from module.sources
    except BadInput:
        return


def decodes(module: Module, path: str) -> bool:
    """True where a `yamldecode` of the module may be of that file."""
    patterns = [
        pattern for source in sources(module) for call in called(source, "yamldecode") for pattern in _patterns(module, source, call)
    ]
    sets = [pattern for source in sources(module) for pattern in _filesets(module, source)]
    near = [pattern for pattern in patterns if re.fullmatch(pattern, path)]
    return any(_WILD not in pattern for pattern in near) or (bool(near) and (not sets or any(re.fullmatch(each, path) for each in sets)))


def called(source: Source, name: str, within: Node | None = None) -> Iterator[Node]:
    """Calls of a function of that name, anywhere or within a node."""
    for node in inner(within or source.root):
        if node.type == "function_call" and source.text(node.children[0]) == name:
            yield node


def arguments_of(call: Node) -> list[Node]:
    """What a call is given, in its order."""
    return [node for child in call.children if child.type == "function_arguments" for node in child.children if node.type == "expression"]


def _patterns(module: Module, source: Source, decode: Node) -> Iterator[str]:
    """Patterns of the paths that are read inside a `yamldecode(…)`."""
    for node in inner(decode):
        is_reading = node.type == "function_call" and source.text(node.children[0]) in ("file", "templatefile")
        if is_reading and arguments_of(node):
            yield _rooted(module, _pattern(module, source, arguments_of(node)[0]))


def _filesets(module: Module, source: Source) -> Iterator[str]:
    for node in called(source, "fileset"):
        arguments = arguments_of(node)
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


def decoded_by(module: Module, root: Traversal) -> list[str]:
    """Patterns of the files that a local decodes; [] = it does not, or it cannot be told."""
    definition = module.local(str(root.steps[0])) if root.root == "local" and root.steps else Stopped("")
    if isinstance(definition, Stopped):
        return []
    calls = called(definition.source, "yamldecode", definition.expression)
    found = [list(_patterns(definition.module, definition.source, call)) for call in calls]
    return [pattern for patterns in found for pattern in patterns] if all(found) else []
