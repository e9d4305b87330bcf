"""Which files a layout speaks for, which paths nobody may ever edit, and the shapes that are known without being told."""

import re
from collections.abc import Sequence
from functools import lru_cache

from trimtab.errors import Refused
from trimtab.records import Layout, PoolField

_EVERY_FIELD: dict[PoolField, str] = {
    "count": "count",
    "min": "min",
    "max": "max",
    "instance_type": "instance_type",
    "capacity_type": "capacity_type",
}
_CROSSPLANE: dict[PoolField, str] = {
    "count": "count",
    "min": "min",
    "max": "max",
    "instance_type": "instanceType",
    "capacity_type": "capacityType",
}
_YAML = ("**/*.yaml", "**/*.yml")

KNOWN: tuple[Layout, ...] = (
    Layout(name="node-groups", files=_YAML, cluster="name", pools="node_groups", pool_name="name", fields=_EVERY_FIELD),
    Layout(name="list-root", files=_YAML, cluster="", pools="node_pools", pool_name="name", fields={"count": "count"}),
    Layout(
        name="crossplane",
        files=_YAML,
        cluster="metadata.name",
        pools="spec.forProvider.machinePool",
        pool_name="name",
        fields=_CROSSPLANE,
        delivery="argo",
    ),
    Layout(
        name="crossplane-external-name",
        files=_YAML,
        cluster="spec.forProvider.name",
        pools="spec.forProvider.machinePool",
        pool_name="name",
        fields=_CROSSPLANE,
        delivery="argo",
    ),
    Layout(name="terraform", files=("**/*.tf",), cluster="name", pools="machine_pool", pool_name="name", fields=_EVERY_FIELD),
)
"""Shapes seen in public repositories; a repo's own layouts come from its `.trimtab/config.yaml`."""

SUFFIXES = (".yaml", ".yml", ".json", ".tf", ".tfvars")
TERRAFORM = (".tf", ".tfvars")
_NEVER = re.compile(r"(^|/)(\.[^/]*|codeowners)(/|$)|\.sh$", re.IGNORECASE)
"""Dot files and folders (.trimtab, .github, .gitlab-ci…), code owners, scripts: whoever edits these gives permissions."""
_PLAIN = re.compile(r"[^/\\\x00-\x1f\x7f]+(/[^/\\\x00-\x1f\x7f]+)*")


def is_editable(path: str) -> bool:
    """True where Trimtab may edit that path at all; no layout can change it."""
    is_plain = _PLAIN.fullmatch(path) is not None and ".." not in path.split("/")
    return is_plain and _NEVER.search(path) is None and path.lower().endswith(SUFFIXES)


def guard_path(path: str) -> None:
    """Refused, naming the path, where it may never be edited."""
    if not is_editable(path):
        raise Refused(f"{path!r}: never edited; only {', '.join(SUFFIXES)} files outside dot folders, scripts and CODEOWNERS are")


def is_covered(layout: Layout, path: str) -> bool:
    """True where one of the layout's globs matches."""
    return matches(path, layout.files)


def matches(path: str, globs: Sequence[str]) -> bool:
    """True where one of the globs matches the whole path."""
    return any(_pattern(glob).fullmatch(path) for glob in globs)


@lru_cache(maxsize=256)
def _pattern(glob: str) -> re.Pattern[str]:
    """`**/` is any number of folders, `**` at the end is everything below, `*` and `?` stay inside one name."""
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", glob)
    table = {"**/": "(?:[^/]+/)*", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(table.get(part, re.escape(part)) for part in parts))
