"""The columns of a Cost and Usage Report under one name each, whichever way AWS spelled them, and the tags among them."""

import re
from dataclasses import dataclass

from trimtab.errors import BadInput
from trimtab.sources.bill_files import Header
from trimtab.tables import text_literal

SYSTEM_TAGS = {
    "aws_autoscaling_group_name": "aws:autoscaling:groupName",
    "aws_cloudformation_stack_name": "aws:cloudformation:stack-name",
    "aws_created_by": "aws:createdBy",
    "aws_ecs_cluster_name": "aws:ecs:clusterName",
    "aws_ecs_service_name": "aws:ecs:serviceName",
    "aws_eks_cluster_name": "aws:eks:cluster-name",
    "aws_eks_namespace": "aws:eks:namespace",
    "aws_eks_workload_name": "aws:eks:workload-name",
    "aws_eks_workload_type": "aws:eks:workload-type",
}
"""Athena's spelling of system tags → the tag; others keep the spelling of the bill, because it cannot be undone."""


_TAG = re.compile(r"resource_?[tT]ags[/_](.+)")


def plain(name: str) -> str:
    """A column's name as CUR 2.0 and Athena spell it: lineItem/UnblendedCost → line_item_unblended_cost."""
    return re.sub(r"(?<!^)(?<!/)([A-Z])", r"_\1", name).replace("/", "_").lower()


# ── the bill's own columns ───────────────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True, slots=True)
class Bill:
    """SQL for a file's columns by their plain names; a column that the file does not have is NULL."""

    names: dict[str, str]
    """Plain name → the file's own."""
    tags: dict[str, str]
    """FOCUS tag key → the file's own column; legacy reports have a column for each."""

    def text(self, *names: str) -> str:
        """The first of these columns that says something."""
        found = [f'"{_doubled(self.names[name])}"' for name in names if name in self.names]
        return f"coalesce({', '.join(found)})" if found[1:] else found[0] if found else "CAST(NULL AS VARCHAR)"

    def money(self, *names: str) -> str:
        """The same as an exact number."""
        return f"money({self.text(*names)})"

    def sum(self, *names: str) -> str:
        """Of several; NULL where none of them is known. AWS leaves the part empty that a payment option does not have."""
        parts = [self.money(name) for name in names]
        return f"CASE WHEN coalesce({', '.join(parts)}) IS NOT NULL THEN {' + '.join(f'coalesce({part}, 0)' for part in parts)} END"

    def product(self, *keys: str) -> str:
        """A product attribute, from its column or from CUR 2.0's map."""
        columns = [self.text(f"product_{key}") for key in keys if f"product_{key}" in self.names]
        mapped = [f"map_extract_value({self.map('product')}, {text_literal(key)})" for key in keys] if "product" in self.names else []
        return f"coalesce({', '.join((*columns, *mapped, 'NULL'))})"

    def map(self, name: str) -> str:
        """A map column, or NULL where its text is no JSON object of single values."""
        return f"TRY_CAST(TRY_CAST({self.text(name)} AS JSON) AS MAP(VARCHAR, VARCHAR))"

    def is_type(self, *types: str) -> str:
        """Whether a row is of one of these line item types; false where it has none."""
        listed = ", ".join(text_literal(kind) for kind in types)
        return f"coalesce({self.text('line_item_line_item_type')} IN ({listed}), false)"


def bill_of(header: Header) -> Bill:
    """A file's columns by their plain names. Raises BadInput where two are the same column."""
    names: dict[str, str] = {}
    tags: dict[str, str] = {}
    for name in header.names:
        found = _TAG.fullmatch(header.written(name))
        key, into = (tag_key(found[1]), tags) if found else (plain(name), names)
        if key in into:
            raise BadInput(f"{header.file}: columns {into[key]!a} and {name!a} are the same; keep one of them")
        into[key] = name
    return Bill(names, tags)


def _doubled(name: str) -> str:
    return name.replace('"', '""')


# ── tags ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
def tag_key(key: str) -> str:
    """A tag's key in FOCUS: only what a provider sets has a prefix, so `user:team` and `user_team` are `team`; `aws:` stays.

    A user's key that would then look like AWS's own keeps its prefix.
    """
    own = re.sub(r"^user[:_]", "", key)
    return SYSTEM_TAGS.get(key, key if own == key or re.match(r"aws[:_]", own) else own)


def _tag_key_sql(key: str) -> str:
    own = f"regexp_replace({key}, '^user[:_]', '')"
    known = " ".join(f"WHEN {text_literal(name)} THEN {text_literal(tag)}" for name, tag in SYSTEM_TAGS.items())
    return f"CASE {key} {known} ELSE CASE WHEN regexp_matches({own}, '^aws[:_]') THEN {key} ELSE {own} END END"


def tags_of(bill: Bill) -> str:
    """A JSON object of tags that have a value; NULL where a row has none."""
    if bill.tags:
        listed = ", ".join(f"{{'key': {text_literal(key)}, 'value': \"{_doubled(name)}\"}}" for key, name in bill.tags.items())
        entries = f"[{listed}]"
    elif "resource_tags" in bill.names:
        entries = (
            f"list_transform(map_entries({bill.map('resource_tags')}), lambda e: {{'key': {_tag_key_sql('e.key')}, 'value': e.value}})"
        )
    else:
        return "CAST(NULL AS VARCHAR)"
    return json_object(entries)


def json_object(entries: str) -> str:
    """The JSON object of those entries that have a value. Keys that differed by a prefix alone are one here: the first counts."""
    return f"first_of_each(list_filter({entries}, lambda e: coalesce(e.value, '') <> ''))"
