"""Globs of paths inside a repo, as layouts and gates write them: `clusters/**/*.yaml`, `{cluster}/quotas/*.yaml`."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from trimtab.errors import Refused

CLUSTER = "{cluster}"
_PLACEHOLDERS = (CLUSTER, "{namespace}")
_PARTS = re.compile(r"(\*\*/|\*\*|\*|\?|\{cluster\}|\{namespace\})")
_MEANING = {"**/": "(?:[^/]+/)*", "**": ".*", "*": "[^/]*", "?": "[^/]"}


def matches(path: str, globs: Sequence[str]) -> bool:
    """True where one of the globs matches the whole path."""
    return any(_pattern(glob).fullmatch(path) for glob in globs)


def named_by(path: str, globs: Sequence[str]) -> Mapping[str, str]:
    """What the path says: {"cluster": …, "namespace": …} as the placeholders of the first glob that matches have it.

    Refused where the path can be read in two ways: `{cluster}-*.yaml` has prod-east-1.yaml be of prod, and of prod-east.
    """
    glob = _first(path, globs)
    shortest, longest = (_pattern(glob, is_greedy=greedy).fullmatch(path) for greedy in (False, True)) if glob else (None, None)
    if shortest is None or longest is None:
        return {}
    said = shortest.groupdict()
    if said != longest.groupdict():
        names = " or ".join("/".join(found.groupdict().values()) for found in (shortest, longest))
        raise Refused(f"{path}: as {glob!r} reads it, this is {names}; write a glob that leaves no choice")
    return said


def says_cluster(path: str, globs: Sequence[str]) -> bool:
    """True where the path, and nothing in the file, names the cluster."""
    return CLUSTER in _first(path, globs)


def may_be_of(path: str, globs: Sequence[str], cluster: str) -> bool:
    """False where the path names another cluster."""
    return _pattern(_first(path, globs), cluster=cluster).fullmatch(path) is not None if says_cluster(path, globs) else True


def _first(path: str, globs: Sequence[str]) -> str:
    return next((glob for glob in globs if _pattern(glob).fullmatch(path)), "")


@lru_cache(maxsize=1024)
def _pattern(glob: str, *, is_greedy: bool = True, cluster: str = "") -> re.Pattern[str]:
    """`**/` is any number of folders, `**` at the end is everything below, `*` and `?` stay inside one name, as placeholders do."""
    seen: set[str] = set()
    return re.compile("".join(_expression(part, seen, "" if is_greedy else "?", cluster) for part in _PARTS.split(glob)))


def _expression(part: str, seen: set[str], lazy: str, cluster: str) -> str:
    """A placeholder that stands again must be the same text."""
    if part in _MEANING:
        return _MEANING[part] + (lazy if part != "?" else "")
    if part not in _PLACEHOLDERS:
        return re.escape(part)
    if part == CLUSTER and cluster:
        return re.escape(cluster)
    name = part[1:-1]
    text = f"(?P={name})" if name in seen else f"(?P<{name}>[^/]+{lazy})"
    seen.add(name)
    return text
