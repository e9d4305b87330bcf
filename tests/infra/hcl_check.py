"""A check of Terraform files against a provider's schema where there is no provider: arguments, blocks, names."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tree_sitter import Node

from tests.infra.hcl import META, Block, Module
from trimtab.changes.hcl_nodes import Step, Traversal, bare, inner

Schema = dict[str, Any]
BUILT_IN = frozenset({"path", "terraform", "each", "count", "self"})
LITERALS = {"object": "map(string)", "tuple": "list(", "numeric_lit": "number", "bool_lit": "bool"}
WORDS = frozenset({"string", "number", "bool", "any", "list", "set", "map", "object", "optional", "true", "false", "null"})
"""What looks like a name in the type of a variable, and is none."""


def problems(folders: list[Path], schema: Schema) -> list[str]:
    """What is wrong, each named by file and line; [] = nothing."""
    modules = {folder.resolve(): Module(folder=folder) for folder in folders}
    found: list[str] = []
    for module in modules.values():
        for kind in ("resource", "data"):
            for block in module.of(kind):
                known = schema[kind].get(block.labels[0])
                found += _arguments(block, known, top=True) if known else [f"{block.place}: the schema has no such {kind}"]
        found += [problem for block in module.of("module") for problem in _call(block, modules)]
        found += _Names(module, modules, schema).problems()
    return found


# ── Arguments and blocks ─────────────────────────────────────────────────────────────────────────────────────────────
def _arguments(block: Block, known: Schema, *, top: bool = False) -> Iterator[str]:
    arguments, blocks = known.get("attributes", {}), known.get("blocks", {})
    for name, expression in block.attributes.items():
        if top and name in META:
            continue
        if name not in arguments or arguments[name].get("computed"):
            yield f"{block.place}: no argument {name}"
        elif not _fits(expression, arguments[name]["type"]):
            yield f"{block.place}: {name}: expected {arguments[name]['type']}"
    for name, each in arguments.items():
        if each.get("required") and name not in block.attributes:
            yield f"{block.place}: {name} is missing"
    inside = [each for each in block.blocks if not (top and each.kind == "lifecycle")]
    for each in inside:
        if each.kind not in blocks:
            yield f"{block.place}: no block {each.kind}"
        else:
            yield from _arguments(each, blocks[each.kind])
    for name, each in blocks.items():
        written = [one for one in inside if one.kind == name]
        if each.get("required") and not written:
            yield f"{block.place}: block {name} is missing"
        if len(written) > 1 and not each.get("many"):
            yield f"{block.place}: block {name} stands {len(written)} times; one is taken"


def _fits(expression: Node, kind: str) -> bool:
    """False where a literal plainly is of another type."""
    node = bare(expression)
    text = (node.text or b"").decode()
    if kind in {"number", "bool"} and node.type == "string_lit":
        return kind == "number" and text.strip('"').isdigit()
    literal = LITERALS.get(node.type)
    if literal is None or kind == "any":
        return True
    return kind.startswith(literal) or (kind == "string" and literal in {"number", "bool"})


def _call(block: Block, modules: dict[Path, Module]) -> Iterator[str]:
    """A module is given what it asks for, and nothing else."""
    called = _called(block, modules)
    if called is None:
        yield f"{block.place}: there is no module at its source"
        return
    given = {name for name in block.attributes if name not in META | {"source", "version", "providers"}}
    asked = {each.labels[0]: "default" in each.attributes for each in called.of("variable")}
    yield from (f"{block.place}: the module takes no {name}" for name in sorted(given - set(asked)))
    yield from (f"{block.place}: {name} is missing" for name, has_default in asked.items() if not has_default and name not in given)


def _called(block: Block, modules: dict[Path, Module]) -> Module | None:
    source = block.source.string(block.attributes["source"]) or ""
    return modules.get((Path(block.source.path).parent / source).resolve())


# ── Names ────────────────────────────────────────────────────────────────────────────────────────────────────────────
class _Names:
    """What one module refers to, held against what there is."""

    def __init__(self, module: Module, modules: dict[Path, Module], schema: Schema) -> None:
        self.module, self.modules, self.schema = module, modules, schema
        self.resources, self.data = module.names("resource"), module.names("data")
        self.seen: set[str] = set()

    def problems(self) -> list[str]:
        """Names that lead nowhere or to two things, and variables and locals that nobody uses."""
        labels = Counter((block.kind, *block.labels) for block in self.module.blocks if block.labels)
        found = [f"{self.module.folder}: {' '.join(name)} is declared {times} times" for name, times in labels.items() if times > 1]
        found += [problem for block in self.module.blocks for problem in self._of(block)]
        unused = {f"var.{name}" for name in self.module.names("variable")} | {f"local.{name}" for name in self.module.locals}
        return found + [f"{self.module.folder}: {name} is used nowhere" for name in sorted(unused - self.seen)]

    def _of(self, block: Block) -> Iterator[str]:
        known = BUILT_IN | _loops(block.node) | {iterator for iterator in _iterators(block) if iterator}
        for traversal in block.traversals:
            if block.kind == "variable" and traversal.root in WORDS:
                continue
            problem = self._problem(traversal, known)
            if problem:
                yield f"{block.place}: {problem}"

    def _problem(self, traversal: Traversal, known: set[str] | frozenset[str]) -> str:
        root, steps = traversal.root, traversal.steps
        first = str(steps[0]) if steps else ""
        if root in {"var", "local"}:
            self.seen.add(f"{root}.{first}")
            there = self.module.names("variable") if root == "var" else set(self.module.locals)
            return "" if first in there else f"{root}.{first} is not declared"
        if root == "module":
            return self._output(first, steps[1:])
        if root == "data":
            return self._attribute("data", self.data, steps)
        if root.startswith("google_"):
            return self._attribute("resource", self.resources, (root, *steps))
        return "" if root in known or root in {"true", "false", "null"} else f"{root} is not declared"

    def _output(self, name: str, steps: tuple[Step, ...]) -> str:
        call = next((block for block in self.module.of("module") if block.labels[0] == name), None)
        called = _called(call, self.modules) if call else None
        if call is None or called is None:
            return f"module.{name} is not declared"
        wanted = next((str(step) for step in (steps[1:] if "for_each" in call.attributes else steps) if step is not None), None)
        return "" if wanted is None or wanted in called.names("output") else f"module.{name} has no output {wanted}"

    def _attribute(self, kind: str, there: set[str], steps: tuple[Step, ...]) -> str:
        name = ".".join(str(step) for step in steps[:2])
        if name not in there:
            return f"{name} is not declared"
        known = self.schema[kind].get(str(steps[0]), {})
        block = next(each for each in self.module.of(kind) if ".".join(each.labels) == name)
        several = bool({"for_each", "count"} & block.attributes.keys())
        for step in steps[3 if several else 2 :]:
            if step is None or isinstance(step, int):
                continue
            if step not in known.get("blocks", {}):
                return "" if step in known.get("attributes", {}) else f"{name} has no {step}"
            known = known["blocks"][step]
        return ""


def _loops(node: Node) -> frozenset[str]:
    """Names that `for` introduces anywhere below."""
    return frozenset(
        (name.text or b"").decode()
        for intro in inner(node)
        if intro.type == "for_intro"
        for name in intro.children
        if name.type == "identifier"
    )


def _iterators(block: Block) -> Iterator[str | None]:
    yield block.iterator
    for each in block.blocks:
        yield from _iterators(each)
