"""A unified diff, line by line, with the one word of each line that says what it is."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class DiffLine:
    """One line, its sign in front taken off."""

    kind: Literal["added", "removed", "same", "place"]
    sign: str
    text: str


def diff_lines(diff: str) -> tuple[DiffLine, ...]:
    """What a reviewer reads: changed lines, their neighbors and where they are; the file's name stands above them already."""
    lines = diff.split("\n")
    body = lines[:-1] if lines[-1] == "" else lines
    return tuple(_line(line) for line in body if not line.startswith(("--- ", "+++ ", "diff ", "index ", "\\ ")))


def _line(line: str) -> DiffLine:
    match line[:1]:
        case "+":
            return DiffLine("added", "+", line[1:])
        case "-":
            return DiffLine("removed", "−", line[1:])
        case "@":
            return DiffLine("place", "", line)
        case _:
            return DiffLine("same", "", line[1:])
