"""Which of our modules, and which foreign names, a function can come to import: read from the sources, nothing is run."""

import ast
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from infra.bundles.needs import IMPLIED, ROOT
from trimtab.errors import Broken

_OURS = {"functions": ROOT, "trimtab": ROOT / "shared"}


@dataclass(frozen=True, slots=True)
class Import:
    """One name that a module imports."""

    name: str
    is_late: bool
    """Inside a function: it happens when the function is called, if ever."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reached:
    """What a bundle is made of."""

    modules: tuple[str, ...]
    foreign: Mapping[str, str]
    """Imported name → by which modules it is reached."""
    left_out: Mapping[str, str]
    """Imported name that the function does not carry → the module that would import it, in a function."""


def reached(entry: str, is_carried: Callable[[str], bool]) -> Reached:
    """Everything that `entry` can import, without what is not carried. Raises Broken where it is needed for importing `entry` at all."""
    broken = _broken(entry, is_carried)
    if entry in broken:
        raise Broken(f"{broken[entry]} is imported at once, by {entry}; import it where it is used, or let the function carry it")
    before: dict[str, str | None] = {entry: None}
    foreign: dict[str, str] = {}
    left_out: dict[str, str] = {}
    waiting = [entry]
    while waiting:
        module = waiting.pop(0)
        for one in imports_of(module):
            if path_of(one.name) is None:
                target = foreign if is_carried(one.name) else left_out
                target.setdefault(one.name, _way(module, before))
            elif one.name in broken:
                left_out.setdefault(one.name, module)
            elif one.name not in before:
                before[one.name] = module
                waiting.append(one.name)
    return Reached(modules=tuple(sorted(before)), foreign=foreign, left_out=left_out)


def _broken(entry: str, is_carried: Callable[[str], bool]) -> Mapping[str, str]:
    """Modules that cannot be imported without something that is not carried → what that is, and who imports it."""
    known = _all_from(entry)
    found: dict[str, str] = {}
    while True:
        more = {
            module: (found[one.name] if one.name in found else f"{one.name.split('.')[0]} (in {module})")
            for module in known - found.keys()
            for one in imports_of(module)
            if not one.is_late and (one.name in found or (path_of(one.name) is None and not is_carried(one.name)))
        }
        if not more:
            return found
        found |= more


def _all_from(entry: str) -> set[str]:
    seen, waiting = {entry}, [entry]
    while waiting:
        new = {one.name for one in imports_of(waiting.pop()) if path_of(one.name)} - seen
        seen |= new
        waiting += new
    return seen


def _way(module: str, before: Mapping[str, str | None]) -> str:
    steps: list[str] = []
    step: str | None = module
    while step:
        steps.insert(0, step)
        step = before[step]
    return " > ".join(steps)


@cache
def imports_of(module: str) -> tuple[Import, ...]:
    """What one of our modules imports, the packages that it lies in included; not the standard library, not what only types need."""
    path = path_of(module)
    found = [Import(module.rpartition(".")[0], is_late=False)] if "." in module else []
    found += _imports(ast.parse(path.read_text()), is_late=False) if path else []
    named = [Import(IMPLIED.get(one.name, one.name), one.is_late) for one in found]
    return tuple(dict.fromkeys(one for one in named if one.name.split(".")[0] not in sys.stdlib_module_names))


def _imports(node: ast.AST, *, is_late: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        if isinstance(child, ast.Import):
            yield from (Import(name.name, is_late) for name in child.names)
        elif isinstance(child, ast.ImportFrom) and child.module:
            yield from (Import(_named(child.module, name.name), is_late) for name in child.names)
        else:
            yield from _imports(child, is_late=is_late or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda))


def _named(module: str, name: str) -> str:
    """`from a import b`: b may be a module of a, or a name in it."""
    return f"{module}.{name}" if path_of(f"{module}.{name}") else module


@cache
def path_of(module: str) -> Path | None:
    """The file of one of our modules; None = it is not one."""
    top = _OURS.get(module.split(".", maxsplit=1)[0])
    if top is None:
        return None
    folder = top.joinpath(*module.split("."))
    places = (folder / "__init__.py", folder.with_suffix(".py"))
    return next((place for place in places if place.is_file()), None)


def place_of(module: str) -> str:
    """Where a module lies in a bundle."""
    path = path_of(module)
    if path is None:
        raise Broken(f"{module}: no such module of ours")
    return path.relative_to(_OURS[module.split(".", maxsplit=1)[0]]).as_posix()


def reads_files(module: str) -> bool:
    """True where a module looks for files that were shipped beside it."""
    path = path_of(module)
    text = path.read_text() if path else ""
    return "importlib.resources" in text or "__file__" in text
