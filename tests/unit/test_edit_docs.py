"""docs/edits.md: every command in it does what it says there, and every layout in it finds what it is for."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from trimtab.changes import is_covered
from trimtab.changes.reading import read
from trimtab.cli.main import app
from trimtab.policy.rules import parse_layout

DOCS = (Path(__file__).parents[2] / "docs" / "edits.md").read_text()
_BLOCK = re.compile(r"^```(\w+)(?: file=(\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LAYOUT = "layout.yaml"


def sections() -> dict[str, list[tuple[str, str, str]]]:
    """Heading → (language, file, text) of each block below it."""
    parts = re.split(r"^### (.+)$", DOCS, flags=re.MULTILINE)[1:]
    return {name: _BLOCK.findall(text) for name, text in zip(parts[::2], parts[1::2], strict=True)}


def commands(text: str) -> Iterator[tuple[list[str], str]]:
    """(arguments, what is shown) of each command of a console block."""
    for part in text.split("$ trimtab ")[1:]:
        first, _, shown = part.partition("\n")
        yield first.split(), shown


@pytest.mark.parametrize("section", sections())
def test_every_command_shows_what_the_page_says(section: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ran = 0
    for language, file, text in sections()[section]:
        if file:
            (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / file).write_text(text)
        for arguments, shown in commands(text) if language == "console" else ():
            result = CliRunner().invoke(app, arguments)
            error = f"trimtab: {result.exception}\n" if result.exception and not isinstance(result.exception, SystemExit) else ""
            assert result.output + error == shown
            ran += 1
    assert ran


def test_every_layout_on_the_page_finds_what_stands_above_it() -> None:
    found = 0
    for blocks in sections().values():
        files = {file: text.encode() for _, file, text in blocks if file and file != _LAYOUT}
        for _, file, text in blocks:
            if file == _LAYOUT:
                layout = parse_layout(text.encode(), file)
                entries = [entry for path in files if is_covered(layout, path) for entry in read(files, path).pools(layout)]
                assert any(entry.scalar(key) for entry in entries for key in layout.fields.values()), text
                found += 1
    assert found >= 10
