"""Outside text made harmless: what a label, a file or a metric says may be read, and may never act.

Forges run `/merge`, follow `closes #1`, tell `@org/team`, obey `[skip ci]`; Slack tells `<!channel>`. So every character that
starts any of that is shown as its code, a link is broken, and a name stands in a code span that never begins a line.
"""

import re

LONGEST = 80
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ._/:,;()+-=?'\"%")
_ACTS = re.compile(
    r"(?<=:)/"  # a link
    r"|(?i:(?<=\bwww)\.)"  # a link without a scheme
    r"|(?i:(?<=\bgh)-(?=\d))"  # GitHub reads GH-1 as #1
    r"|(?<=-)-"  # the end of an HTML comment
    r"|%(?=[\w\"'])"  # GitLab reads %1 as a milestone
    r"|(?i:(?<=signed)-(?=off-by))|(?i:(?<=co)-(?=authored))"  # trailers that credit somebody
)
_TRACKER = re.compile(r"(?i)(\b(?:clos|fix|resolv|implement)[a-z]*:?\s+[a-z][a-z0-9_]*)-(?=\d)")
"""`fixes SHOP-12` moves a ticket where a forge is joined to a tracker."""


_INDEX = re.compile(r"(?<=[A-Za-z0-9_])\\x5b([A-Za-z0-9_-]{1,63}|\"[A-Za-z0-9_-]{1,63}\")\\x5d(?=[ .,;)]|$)")
"""`node_groups[general].count`, `this["web"]` and `actions[bot]` may keep their brackets: with no address behind them they are no link."""


def shown(text: str, limit: int = LONGEST) -> str:
    """One line that shows what is there: unusual characters as their code, cut to `limit`."""
    whole = _escaped(text)
    return whole if len(whole) <= limit else whole[: limit - 3] + "..."


def is_shown_whole(text: str, limit: int = LONGEST) -> bool:
    """True where `shown` neither cuts nor escapes anything: what a person reads is what is there."""
    return shown(text, limit) == text


def _escaped(text: str) -> str:
    one_line = "".join(character if character in _PLAIN else _code(character) for character in text)
    return _INDEX.sub(r"[\1]", _tamed(one_line)).strip() or "(empty)"


def _tamed(text: str) -> str:
    return _TRACKER.sub(r"\1\\x2d", _ACTS.sub(lambda match: _code(match.group()), text))


def _code(character: str) -> str:
    number = ord(character)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def inline(text: str, limit: int = LONGEST) -> str:
    """Outside text for Markdown: shown, in a code span. The template puts a word before it."""
    return f"`{shown(text, limit)}`"


_BEGINS = re.compile(r"^[/=]|^[+-](?=[\s+-]|$)|^\d{1,9}(?=[.)](?:\s|$))")
"""What a line may not begin with: GitLab runs `/merge` there, and both forges see a list."""


def prose(text: str, limit: int = 400) -> str:
    """A sentence with outside names in it, for Markdown: shown, and nothing in it is markup, not even where it begins a line."""
    plain = _BEGINS.sub(lambda match: "".join(_code(character) for character in match.group()), shown(text, limit))
    return re.sub(r"([\\_])", r"\\\1", plain)


_OF_FILES = _PLAIN | frozenset("[]{}|#*&!^")
"""What a line of YAML or HCL is made of: harmless in a fence, and with `_ACTS_IN_FILES` also where a squash takes it as its message."""
_ACTS_IN_FILES = re.compile(
    r"(?i:\[(?=\s*(?:skip|no|ci|actions?)\b))"  # [skip ci] and its kin
    r"|[#!&](?=\w)"  # #1, !1, &1
    r"|(?i:\*(?=no_ci))"
    r"|^/"  # a command where a line begins
)
_HUNK = re.compile(r"@@ -\d+(?:,\d+)? \+\d+(?:,\d+)? @@")
LONGEST_LINE, MOST_LINES = 140, 40


def diff_lines(diff: str) -> str:
    """A unified diff for a fence: no file names, no byte that ends the fence or acts without it, at most `MOST_LINES` lines."""
    whole = diff.split("\n")
    lines = [line for line in (whole[2:] if whole[0].startswith("--- ") else whole) if line]
    if len(lines) > MOST_LINES:
        lines = [line for line in lines if line[0] in "+-" or _HUNK.fullmatch(line)]
    kept = "\n".join(line if _HUNK.fullmatch(line) else _diff_line(line) for line in lines[:MOST_LINES])
    return kept if len(lines) <= MOST_LINES else f"{kept}\n({len(lines) - MOST_LINES} more lines: see the changed file)"


def _diff_line(line: str) -> str:
    return line[0] + _of_file(line[1:]) if line[0] in "+- \\" else f" {_of_file(line)}"


def _of_file(line: str) -> str:
    """One line of somebody's file: its indent as it is, the rest shown."""
    text = line.removesuffix("\r")
    words = text.lstrip(" ")
    plain = "".join(character if character in _OF_FILES else _code(character) for character in words)
    whole = " " * (len(text) - len(words)) + _tamed(_ACTS_IN_FILES.sub(lambda match: _code(match.group()), plain))
    return whole if len(whole) <= LONGEST_LINE else whole[: LONGEST_LINE - 3] + "..."


def ref(text: str, limit: int = 40) -> str:
    """Outside text for titles, branches and trailers: letters, digits and . _ / - only, and nothing that git refuses."""
    kept = re.sub(r"[^A-Za-z0-9._/-]+", "-", text)
    kept = re.sub(r"([./-])[./-]+", r"\1", kept)
    kept = re.sub(r"(?i)(?<=gh)-(?=\d)|(?<=www)\.", "", kept)
    return kept[:limit].removesuffix(".lock").strip("-./_") or "unnamed"
