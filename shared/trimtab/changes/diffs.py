"""A unified diff of two texts whose lines pair up one to one, as they do after a splice."""

from collections.abc import Iterator
from itertools import groupby

_CONTEXT = 3


def unified(path: str, old: bytes, new: bytes) -> str:
    """The diff that `git diff` would show, without its index line."""
    before, after = _lines(old), _lines(new)
    changed = [n for n, (a, b) in enumerate(zip(before, after, strict=True)) if a != b]
    hunks = [_hunk(before, after, group) for group in _groups(changed)]
    return "".join([f"--- a/{path}\n+++ b/{path}\n", *hunks]) if hunks else ""


def _lines(content: bytes) -> list[bytes]:
    return content.split(b"\n")


def _groups(changed: list[int]) -> list[list[int]]:
    """Changed lines whose contexts touch belong to one hunk."""
    groups: list[list[int]] = []
    for n in changed:
        if groups and n - groups[-1][-1] <= 2 * _CONTEXT:
            groups[-1].append(n)
        else:
            groups.append([n])
    return groups


def _hunk(before: list[bytes], after: list[bytes], group: list[int]) -> str:
    # The piece after the last newline is a line only where it holds something.
    total = len(before) - (not before[-1])
    first, last = max(0, group[0] - _CONTEXT), min(total, group[-1] + _CONTEXT + 1)
    size = f"{first + 1},{last - first}"
    return f"@@ -{size} +{size} @@\n" + "".join(_body(before, after, range(first, last), set(group)))


def _body(before: list[bytes], after: list[bytes], lines: range, changed: set[int]) -> Iterator[str]:
    """Lines of one hunk; of neighbors that change, first all old ones and then all new ones."""
    for is_changed, run in groupby(lines, changed.__contains__):
        numbers = list(run)
        yield from (_shown("-" if is_changed else " ", before, n) for n in numbers)
        yield from (_shown("+", after, n) for n in numbers if is_changed)


def _shown(sign: str, lines: list[bytes], n: int) -> str:
    end = "\n" if n < len(lines) - 1 else "\n\\ No newline at end of file\n"
    return f"{sign}{lines[n].decode()}{end}"
