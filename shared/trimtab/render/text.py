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


_INDEX = re.compile(r"(?<=[A-Za-z0-9_])\\x5b([A-Za-z0-9_-]{1,63})\\x5d(?=\.|$)")
"""`node_groups[general].count` may keep its brackets: a key path is neither a link nor an order."""


def shown(text: str, limit: int = LONGEST) -> str:
    """One line that shows what is there: unusual characters as their code, cut to `limit`."""
    whole = _escaped(text)
    return whole if len(whole) <= limit else whole[: limit - 3] + "..."


def is_shown_whole(text: str, limit: int = LONGEST) -> bool:
    """True where `shown` neither cuts nor escapes anything: what a person reads is what is there."""
    return shown(text, limit) == text


def _escaped(text: str) -> str:
    one_line = "".join(character if character in _PLAIN else _code(character) for character in text)
    one_line = _ACTS.sub(lambda match: _code(match.group()), one_line)
    return _INDEX.sub(r"[\1]", one_line).strip() or "(empty)"


def _code(character: str) -> str:
    number = ord(character)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def inline(text: str, limit: int = LONGEST) -> str:
    """Outside text for Markdown: shown, in a code span. The template puts a word before it."""
    return f"`{shown(text, limit)}`"


def prose(text: str, limit: int = 400) -> str:
    """A sentence with outside names in it, for Markdown: shown, and nothing in it is markup."""
    return re.sub(r"([\\_])", r"\\\1", shown(text, limit))


def ref(text: str, limit: int = 40) -> str:
    """Outside text for titles, branches and trailers: letters, digits and . _ / - only, and nothing that git refuses."""
    kept = re.sub(r"[^A-Za-z0-9._/-]+", "-", text)
    kept = re.sub(r"([./-])[./-]+", r"\1", kept)
    kept = re.sub(r"(?i)(?<=gh)-(?=\d)|(?<=www)\.", "", kept)
    return kept[:limit].removesuffix(".lock").strip("-./_") or "unnamed"
