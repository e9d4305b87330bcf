"""CODEOWNERS → who owns a path, as GitHub and as GitLab read that file. Ours to ask for reviews with; permission never comes from it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Dialect = Literal["github", "gitlab"]
PLACES: Mapping[Dialect, tuple[str, ...]] = {
    "github": (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS"),
    "gitlab": ("CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS"),
}
"""Where each forge looks, the first that is there counts."""
LARGEST = 3 << 20
"""GitHub ignores a larger file."""
_OWNER = re.compile(r"@[A-Za-z0-9][A-Za-z0-9._-]*(?:/[A-Za-z0-9._-]+)*")
"""A person or a group; an e-mail address is none, and neither is a role (`@@maintainer`)."""
_SECTION = re.compile(r"\^?\[(?P<name>[^\]]+)\](?:\[\d*\])?(?P<owners>(?:\s.*)?)")
"""A heading is one whatever stands right behind it: that alone is no owner."""
_PIECE = re.compile(r"\\.|\*+|\[[!^]?\]?[^\]]+\]|.", re.DOTALL)
_WORD = re.compile(r"(?:\\.|[^\s\\])+")


@dataclass(slots=True)
class _Section:
    """Of a section the last line that matches counts; a path may have owners in several."""

    defaults: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    is_excluded: bool = field(default=False)
    is_optional: bool = field(default=False)


def owners_of(content: bytes, path: str, dialect: Dialect) -> tuple[str, ...]:
    """Logins, and "@org/team" for teams, of who owns the path, in the file's order; () = nobody, or a file nobody can read."""
    found = [owner for section in _sections(content, path, dialect) for owner in section.owners]
    return tuple(dict.fromkeys(owner if "/" in owner else owner[1:] for owner in found if _OWNER.fullmatch(owner)))


def needs_owner(content: bytes, path: str, dialect: Dialect) -> bool:
    """True where the path has an owner of any kind, an address or a role too, whose review a branch can demand."""
    return any(not section.is_optional and any("@" in owner for owner in section.owners) for section in _sections(content, path, dialect))


def _sections(content: bytes, path: str, dialect: Dialect) -> list[_Section]:
    """Each section with what stands for the path there; those that take it out are left out."""
    if len(content) > LARGEST:
        return []
    sections: dict[str, _Section] = {"": _Section()}
    current = sections[""]
    for line in content.decode(errors="replace").splitlines():
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        heading = _SECTION.match(text) if dialect == "gitlab" else None
        if heading:
            # The same name again, in whatever case, goes on with that section.
            current = sections.setdefault(heading["name"].strip().lower(), _Section(is_optional=True))
            # It is demanded where any of its headings demands it.
            current.is_optional = current.is_optional and text.startswith("^")
            current.defaults = tuple(heading["owners"].split()) or current.defaults
        else:
            _take(current, _WORD.findall(text), path, dialect)
    return [section for section in sections.values() if not section.is_excluded]


def _take(section: _Section, words: list[str], path: str, dialect: Dialect) -> None:
    """One line of the file: where its pattern matches, its owners replace those of the lines before it."""
    if not words:
        return
    # GitLab has no comments behind a pattern: an owner in one is an owner.
    pattern, owners = words[0], _until_comment(words[1:]) if dialect == "github" else words[1:]
    if pattern.startswith("!"):
        # GitHub knows no such line; GitLab takes the path out of the section for good.
        section.is_excluded = section.is_excluded or (dialect == "gitlab" and _is_match(pattern[1:], path, dialect))
    elif _is_match(pattern, path, dialect):
        section.owners = tuple(owners) or section.defaults


def _until_comment(words: list[str]) -> list[str]:
    end = next((index for index, word in enumerate(words) if word.startswith("#")), len(words))
    return words[:end]


def _is_match(pattern: str, path: str, dialect: Dialect) -> bool:
    """Does a line's pattern fit the path? A folder stands for all that is in it."""
    # GitHub knows no sets of letters: a bracket is a bracket there.
    text = re.sub(r"\\?\[", r"\\[", pattern) if dialect == "github" else pattern
    body = text.strip("/")
    # Both anchor at a leading slash; Git's way, which is GitHub's, also at one in the middle.
    is_anchored = text.startswith("/") or (dialect == "github" and "/" in body)
    parts = [*([] if is_anchored else ["**"]), *body.split("/")]
    return any(_fits([*parts, *below], path.split("/")) for below in _below(text, body, dialect))


def _below(text: str, body: str, dialect: Dialect) -> tuple[tuple[str, ...], ...]:
    """What may follow a pattern: everything below a folder; nothing below `docs/*`, which is about the files right there."""
    inside = ("*", "**")
    if text.endswith("/"):
        return (inside,)
    is_folder_too = dialect == "github" and not body.endswith("*")
    return ((), inside) if is_folder_too or body == "*" else ((),)


def _fits(pattern: list[str], path: list[str]) -> bool:
    """Part by part, `**` for any number of them; work grows with the product of both lengths, whatever is written there."""
    reached = {0}
    for part in pattern:
        if part == "**":
            reached = set(range(min(reached, default=len(path) + 1), len(path) + 1))
        else:
            reached = {place + 1 for place in reached if place < len(path) and _fits_part(part, path[place])}
        if not reached:
            return False
    return len(path) in reached


def _fits_part(pattern: str, text: str) -> bool:
    """`*` for any letters, `?` for one and `[a-f]` for one of a set, in one folder's or file's name."""
    reached = {0}
    for piece in (found[0] for found in _PIECE.finditer(pattern)):
        if piece.startswith("*"):
            reached = set(range(min(reached, default=len(text) + 1), len(text) + 1))
        else:
            reached = {place + 1 for place in reached if place < len(text) and _stands_for(piece, text[place])}
        if not reached:
            return False
    return len(text) in reached


def _stands_for(piece: str, letter: str) -> bool:
    """One piece of a pattern that stands for one letter; behind a backslash each means itself."""
    if len(piece) > 2:
        is_other = piece[1] in "!^"
        ranges = re.findall(r"(.)-(.)|(.)", piece[2 if is_other else 1 : -1], re.DOTALL)
        return any(letter == alone or (low and low <= letter <= high) for low, high, alone in ranges) != is_other
    return piece == "?" or piece[-1] == letter
