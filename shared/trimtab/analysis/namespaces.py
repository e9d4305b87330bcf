"""Which namespaces a quota counts, by name and by pattern."""

import re
from collections.abc import Iterable, Sequence

from trimtab.errors import BadInput
from trimtab.patterns import LONGEST_TEXT, compiled


def matching(patterns: Sequence[str], names: Iterable[str]) -> tuple[str, ...]:
    """The namespaces that a quota counts, sorted. Raises BadInput where a pattern cannot be used."""
    plain = {pattern for pattern in patterns if not _is_pattern(pattern)}
    expressions = [_compiled(pattern) for pattern in patterns if _is_pattern(pattern)]
    return tuple(sorted(name for name in set(names) if name in plain or any(_finds(one, name) for one in expressions)))


def _is_pattern(text: str) -> bool:
    return len(text) > 2 and text.startswith("/") and text.endswith("/")


def _compiled(text: str) -> "re.Pattern[str]":
    try:
        return compiled(text[1:-1])
    except BadInput as error:
        raise BadInput(f"namespace pattern {text[:60]!r}: {error}") from None


def _finds(pattern: "re.Pattern[str]", name: str) -> bool:
    """Anywhere in the name: counting a namespace too many only makes advice more careful."""
    return len(name) <= LONGEST_TEXT and pattern.search(name) is not None
