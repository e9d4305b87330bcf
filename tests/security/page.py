"""docs/security.md: what is kept, and the tests that prove it, collected from the tests themselves.

python -m tests.security.page     # writes it
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml import YAML

from tests.security.reasons import section

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "security.md"
_ROWS = Path(__file__).parent / "rows.yaml"
_MARK = "security"
_INTRO = """\
# Security

What Trimtab keeps, and the tests that prove it. Whoever can write an input can only make Trimtab more careful with it: labels, files and
metrics can take permission away; only deployment settings and checked people give it.

`make security` writes this page from `tests/security/rows.yaml`, from the tests that carry `@pytest.mark.security(ROW)`, and from the names
that the policy says; a test fails where the page is behind them. A test proves the part of its row that its name says; a row without a test
says so, and is a wish until then.
"""


@dataclass(frozen=True, slots=True)
class Part:
    """A heading and its rows: number → sentence."""

    name: str
    rows: dict[int, str]


def parts() -> list[Part]:
    """What is kept, as rows.yaml says it."""
    return [Part(one["part"], dict(one["rows"])) for one in YAML(typ="safe", pure=True).load(_ROWS.read_text())]


def proofs_of_rows(folder: Path = ROOT / "tests") -> dict[int, list[str]]:
    """Row → `file::test` of every test that carries its number, read without importing anything."""
    found: dict[int, list[str]] = {}
    for path in sorted(folder.rglob("test_*.py")):
        if "node_modules" in path.parts:
            continue
        for name, rows in _marked(ast.parse(path.read_text())):
            for row in rows:
                found.setdefault(row, []).append(f"{path.relative_to(folder.parent).as_posix()}::{name}")
    return found


def _marked(module: ast.Module) -> Iterator[tuple[str, set[int]]]:
    everywhere = {row for node in module.body if _is_pytestmark(node) for row in _rows(node)}
    for node in module.body:
        if isinstance(node, ast.ClassDef):
            outside = everywhere | _of_decorators(node)
            yield from ((f"{node.name}::{test.name}", outside | _of_decorators(test)) for test in _tests(node.body))
    yield from ((test.name, everywhere | _of_decorators(test)) for test in _tests(module.body))


def _tests(body: list[ast.stmt]) -> list[ast.FunctionDef]:
    return [node for node in body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]


def _is_pytestmark(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign) and any(isinstance(target, ast.Name) and target.id == "pytestmark" for target in node.targets)


def _of_decorators(node: ast.FunctionDef | ast.ClassDef) -> set[int]:
    return {row for decorator in node.decorator_list for row in _rows(decorator)}


def _rows(node: ast.AST) -> Iterator[int]:
    """Numbers of every `pytest.mark.security(…)` in it."""
    for call in ast.walk(node):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == _MARK:
            yield from (value.value for value in call.args if isinstance(value, ast.Constant) and isinstance(value.value, int))


def page() -> str:
    """The page as it should be."""
    proofs = proofs_of_rows()
    tables = [_table(part, proofs) for part in parts()]
    rows = [row for part in parts() for row in part.rows]
    open_rows = [row for row in rows if row not in proofs]
    count = f"{len(rows) - len(open_rows)} of {len(rows)} rows have tests."
    missing = f" Rows without a test yet: {', '.join(map(str, open_rows))}." if open_rows else ""
    return "\n".join([_INTRO, f"{count}{missing}\n", *tables, section()])


def _table(part: Part, proofs: dict[int, list[str]]) -> str:
    lines = [f"| {row} | {sentence} | {_listed(proofs.get(row, []))} |" for row, sentence in part.rows.items()]
    return "\n".join([f"## {part.name}\n", "| row | what is kept | tests |", "|---|---|---|", *lines, ""])


def _listed(tests: list[str]) -> str:
    """Grouped by file, so that a row of many tests can still be read."""
    by_file: dict[str, list[str]] = {}
    for test in tests:
        path, _, name = test.partition("::")
        by_file.setdefault(path.removeprefix("tests/"), []).append(name)
    return "<br>".join(f"{path}: {', '.join(f'`{name}`' for name in names)}" for path, names in by_file.items()) or "no test yet"


if __name__ == "__main__":
    PAGE.write_text(page())
