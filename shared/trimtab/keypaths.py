"""Key paths: `spec.hard[requests.cpu]` and `packs[name=cni].values.replicas`, as layouts write them.

Steps are parted by dots. A key that has dots itself stands in brackets; `[key=value]` takes the one item of a list that says so.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from trimtab.errors import BadInput

LONGEST_PATH = 240
_STEP = re.compile(r"(?P<key>[^.\[\]=\s][^.\[\]=]*)|\[(?P<name>[^\[\]=]+)\]|\[(?P<item>[^\[\]=]+)=(?P<value>[^\[\]]*)\]")


@dataclass(frozen=True, slots=True)
class Step:
    """One step down: to the value of `key`; or, where `value` is given, to the list item whose `key` is `value`."""

    key: str
    value: str | None = None

    def __str__(self) -> str:
        return self.key if self.value is None else f"[{self.key}={self.value}]"


@lru_cache(maxsize=1024)
def parse(path: str) -> tuple[Step, ...]:
    """The steps of a key path; "" has none. BadInput where it is not one, with the place."""
    if len(path) > LONGEST_PATH:
        raise BadInput(f"key path {path[:40]!r}…: over {LONGEST_PATH} characters long")
    steps: list[Step] = []
    at = 0
    while at < len(path):
        if path[at] == "." and steps and at + 1 < len(path) and path[at + 1] != "[":
            at += 1
        found = _STEP.match(path, at)
        is_joined = at == 0 or path[at - 1] == "." or path[at] == "["
        if found is None or not is_joined:
            raise BadInput(f"key path {path!r}: character {at + 1}: expected a key; write a.b, a[key.with.dots] or list[name=item]")
        steps.append(Step(found["item"], found["value"]) if found["item"] else Step(found["key"] or found["name"]))
        at = found.end()
    return tuple(steps)
