"""Every veto, ask and named reason of `policy/`, and the tests that show it: read from the source and from the tests."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
POLICY = ROOT / "shared" / "trimtab" / "policy"
TABLES = "VOID_"
"""Tables whose keys are reasons why a yes does not count begin so."""
_KINDS = {
    "blocks": "neither opens nor merges",
    "waits": "may open, waits to merge",
    "needs-person": "asks for a person",
    "informs": "is said",
    "void": "a yes does not count",
}


@dataclass(frozen=True, order=True, slots=True)
class Reason:
    """One name that people read when something does not go on."""

    name: str
    module: str
    """Of `policy/`, where it is made."""
    effect: str
    """As `_KINDS` says; several where it depends."""


# ── the names ────────────────────────────────────────────────────────────────────────────────────────────────────────
def reasons(folder: Path = POLICY) -> list[Reason]:
    """What the policy can say by name, sorted."""
    found: dict[tuple[str, str], set[str]] = {}
    for path in sorted(folder.glob("*.py")):
        for name, effects in _named(ast.parse(path.read_text())):
            found.setdefault((name, path.stem), set()).update(effects)
    return sorted(Reason(name, module, ", ".join(sorted(effects))) for (name, module), effects in found.items())


def _named(module: ast.Module) -> Iterator[tuple[str, set[str]]]:
    if any(isinstance(node, ast.ImportFrom) and any(alias.name == "line" for alias in node.names) for node in module.body):
        for call in ast.walk(module):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "line" and call.args:
                name = _text(call.args[0])
                yield from [(name, _effects(call))] if name else []
    for node in module.body:
        name, value = _assigned(node)
        if name.startswith(TABLES) and isinstance(value, ast.Dict):
            yield from ((key.value, {"void"}) for key in value.keys if isinstance(key, ast.Constant) and isinstance(key.value, str))


def _assigned(node: ast.stmt) -> tuple[str, ast.expr | None]:
    match node:
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            return name, value
        case ast.AnnAssign(target=ast.Name(id=name), value=value):
            return name, value
        case _:
            return "", None


def _text(node: ast.expr) -> str:
    """The name; of one that is put together, what stands before the first value."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=[ast.Constant(value=str(text)), *_]):
            return text.strip()
        case _:
            return ""


def _effects(call: ast.Call) -> set[str]:
    """What happens where it does not hold; an effect that is computed is read from wherever its words stand in the same call."""
    given = call.args[1] if len(call.args) > 1 else next((each.value for each in call.keywords if each.arg == "effect"), None)
    words = {node.value for node in ast.walk(given) if isinstance(node, ast.Constant)} if given else set()
    return {str(word) for word in words if word in _KINDS} or {"waits", "blocks"}


# ── the tests ────────────────────────────────────────────────────────────────────────────────────────────────────────
def proofs_of_reasons(names: set[str], folder: Path = ROOT / "tests") -> dict[str, list[str]]:
    """Name → `file::test` of every test of the policy that has it as a word of its own, in its body or in its cases."""
    found: dict[str, list[str]] = {}
    for path in sorted(folder.rglob("test_*.py")):
        if "node_modules" in path.parts or path.parent.name == "security":
            continue
        module = ast.parse(path.read_text())
        if not _is_about_policy(module):
            continue
        for test in _tests(module):
            words = _words(test) | _cases(test, module)
            for name in sorted(names):
                if any(_says(word, name) for word in words):
                    found.setdefault(name, []).append(f"{path.relative_to(folder.parent).as_posix()}::{test.name}")
    return found


def _is_about_policy(module: ast.Module) -> bool:
    """A test of something else may use the same words."""
    imported = [node.module or "" for node in module.body if isinstance(node, ast.ImportFrom)]
    return any(name.startswith(("tests.judge", "tests.flow", "trimtab.policy")) for name in imported)


def _tests(module: ast.Module) -> list[ast.FunctionDef]:
    return [node for node in ast.walk(module) if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]


def _words(node: ast.AST) -> set[str]:
    return {each.value for each in ast.walk(node) if isinstance(each, ast.Constant) and isinstance(each.value, str)}


def _cases(test: ast.FunctionDef, module: ast.Module) -> set[str]:
    """The words of a table of the same file that the test takes its cases from."""
    used = {each.id for decorator in test.decorator_list for each in ast.walk(decorator) if isinstance(each, ast.Name)}
    return {word for node in module.body if _assigned(node)[0] in used for word in _words(node)}


def _says(word: str, name: str) -> bool:
    """ "freeze", or "own-change: wrote or opened it": the name, alone or with what follows it."""
    return word == name or word.startswith(f"{name}: ") or (name.endswith(":") and word.startswith(name))


# ── the page's part ──────────────────────────────────────────────────────────────────────────────────────────────────
def section() -> str:
    """The table of the page."""
    known = reasons()
    proofs = proofs_of_reasons({reason.name for reason in known})
    rows = [f"| `{reason.name}` | {_in_words(reason)} | {_listed(proofs.get(reason.name, []))} |" for reason in known]
    without = sorted({reason.name for reason in known if reason.name not in proofs})
    missing = f" Without one yet: {', '.join(without)}." if without else ""
    return "\n".join(
        [
            "## Vetoes, asks and named reasons\n",
            f"Everything that `policy/` can say by name, and the tests that show it.{missing}\n",
            "| name | what it does where it does not hold | tests |",
            "|---|---|---|",
            *rows,
            "",
        ]
    )


def _in_words(reason: Reason) -> str:
    return "; or ".join(_KINDS[effect] for effect in reason.effect.split(", "))


def _listed(tests: list[str]) -> str:
    by_file: dict[str, list[str]] = {}
    for test in tests:
        path, _, name = test.partition("::")
        by_file.setdefault(path.removeprefix("tests/"), []).append(name)
    return "<br>".join(f"{path}: {', '.join(f'`{name}`' for name in names)}" for path, names in by_file.items()) or "no test yet"
