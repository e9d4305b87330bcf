"""Regular expressions that other people write: only those that cannot take for ever are compiled.

Python's engine tries one way after another, so `(a+)+$` on thirty letters takes years. Here the steps that a pattern may take on a text
of the longest length are counted from its structure: every part once for each way in which what stands before it can match. A pattern
with too many is refused when it is read, not when it hangs.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from math import comb
from typing import Any

from trimtab.errors import BadInput

LONGEST_PATTERN = 200
LONGEST_TEXT = 256
"""The longest name, label or tag value of any cloud (a tag of AWS or Azure); what is longer matches nothing."""
MOST_STEPS = 100_000_000
"""At the very worst they take a second; `.*a.*b.*` has 9 million."""
_PARSER: Any = import_module("re._parser")
"""The standard library's own reading of a pattern: (operation, argument) pairs."""
_PLAIN = {"LITERAL", "NOT_LITERAL", "ANY", "IN", "AT", "CATEGORY", "RANGE"}


def is_match(pattern: re.Pattern[str], text: str) -> bool:
    """True where all of the text matches; an empty text and one that is too long never do."""
    return 0 < len(text) <= LONGEST_TEXT and pattern.fullmatch(text) is not None


@lru_cache(maxsize=4096)
def compiled(pattern: str) -> re.Pattern[str]:
    """The pattern, checked. Raises BadInput in one line that says what is wrong with it."""
    checked(pattern)
    return re.compile(pattern)


def checked(pattern: str) -> str:
    """The pattern as it is, where it compiles and cannot take for ever. Raises BadInput."""
    if len(pattern) > LONGEST_PATTERN:
        raise BadInput(f"a pattern of {len(pattern)} characters; at most {LONGEST_PATTERN}")
    try:
        tree = _PARSER.parse(pattern)
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise BadInput(f"not a regular expression: {error}") from None
    if _effort(tree).steps > MOST_STEPS:
        raise BadInput(
            "may be tried in too many ways on a long name; write it with at most three open repeats (`.*`, `+`) and little after them"
        )
    return pattern


@dataclass(frozen=True, slots=True)
class _Effort:
    """What a part of a pattern may cost on the longest text."""

    steps: int = 1
    """To try it in every way, once begun."""
    counts: int = 1
    """Ways to match: the counts of its repeats, and its choices, multiplied."""
    repeats: int = 0
    """How many repeats it has, which share one text between them."""

    @property
    def ways(self) -> int:
        """Three `.*` cannot have 257 characters each: no more ways than to cut a text in so many places."""
        return min(self.counts, comb(LONGEST_TEXT + self.repeats, self.repeats)) if self.repeats else self.counts


def _effort(tree: Iterable[Any]) -> _Effort:
    """Of a sequence: each part is tried once for every way of those before it."""
    so_far = _Effort(steps=0)
    for operation, argument in tree:
        part = _effort_of(str(operation), argument)
        so_far = _Effort(
            steps=so_far.steps + so_far.ways * part.steps, counts=so_far.counts * part.counts, repeats=so_far.repeats + part.repeats
        )
    return so_far


def _effort_of(operation: str, argument: Any) -> _Effort:
    if operation in _PLAIN:
        return _Effort()
    if operation == "SUBPATTERN":
        return _effort(argument[-1])
    if operation == "BRANCH":
        branches = [_effort(branch) for branch in argument[1]]
        return _Effort(steps=sum(1 + branch.steps for branch in branches), counts=sum(branch.ways for branch in branches))
    if operation in {"MAX_REPEAT", "MIN_REPEAT"}:
        return _repeated(*argument)
    raise BadInput(
        f"uses {operation.lower().replace('_', ' ')}, which is not allowed: write it with plain text, sets, groups, | and repeats"
    )


def _repeated(least: int, most: Any, body: Any) -> _Effort:
    """A repeat is tried once per count; one of a thing that is itself tried in several ways would multiply with every round."""
    inner = _effort(body)
    if int(most) > 1 and inner.ways > 1:
        raise BadInput("a repeat of a repeat or of a choice may take for ever; write it without")
    fewest, longest = min(least, LONGEST_TEXT), min(int(most), LONGEST_TEXT)
    return _Effort(
        steps=1 + longest * inner.steps, counts=(longest - fewest + 1) * inner.counts, repeats=inner.repeats + (fewest < longest)
    )
