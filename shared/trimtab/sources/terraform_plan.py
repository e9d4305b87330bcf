"""What a plan says it would do: `terraform plan`'s own text, as a job or Atlantis posts it, or the counts in a check of HCP Terraform.

A plan counts resources. The machine pools of a cluster are blocks of one resource, kept as a set: their change is printed as one block
removed and one added, and is still an update in place; only the lines about whole resources say what is deleted or replaced.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

LARGEST = 1 << 20
"""Characters of one text that are read; GitHub's comments have at most 65,536, GitLab's a million."""
_COUNTS = re.compile(
    r"(?:(?P<import>\d+) to import, )?(?P<add>\d+) to add, (?P<change>\d+) to change, (?P<destroy>\d+) to destroy", re.IGNORECASE
)
_NOTHING = re.compile(
    r"^[^\w\n]*(?:No changes\b|This plan does nothing\b|Terraform plan: no changes\b|Terraform plan has no changes\b)",
    re.IGNORECASE | re.MULTILINE,
)
_FATE = re.compile(
    r"^[^\w\n#]*#[^\S\n]+(?P<address>\S.*?)[^\S\n](?:is tainted, so )?"
    r"(?P<fate>will be destroyed|must be replaced|will be replaced|will no longer be managed|will be removed from the)\b",
    re.MULTILINE,
)
_ASIDE = re.compile(r" \([^()]*\)[^\S\n]*$")
"""Behind an address: which deposed object of it is meant."""
_FAILED = re.compile(r"^[^\w\n]*(?:\*\*Plan (?:Error|Failed)\*\*|Error: |Planning failed\b)", re.MULTILINE)
_PROJECT = re.compile(r"^(?:Ran Plan for (?P<one>(?:project|dir): .*)|### \d+\. (?P<many>(?:project|dir): .*))$", re.MULTILINE)
_CONTINUED = "Continued plan output from previous comment."
_CLUSTER = re.compile(
    r"(?:^|\.)spectrocloud_(?:virtual_)?cluster(?!_(?:profile|profile_import|group|config_policy|config_template)\b)(?:_[a-z0-9_]+)?\."
)
_ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanText:
    """What plans say together."""

    adds: int = 0
    changes: int = 0
    destroys: int = 0
    """Deleted and replaced ones; a replacement is counted as added too."""
    deleted: tuple[str, ...] = ()
    """Addresses of resources that would be deleted, or forgotten; counts alone name none."""
    replaced: tuple[str, ...] = ()
    is_failed: bool = False

    @property
    def clusters_lost(self) -> tuple[str, ...]:
        """Addresses of whole clusters that would be deleted or made anew."""
        return tuple(address for address in (*self.deleted, *self.replaced) if _CLUSTER.search(address))


def parse_plans(texts: Iterable[str]) -> PlanText | None:
    """What these texts, oldest first, say together; of the same project the newest counts.

    None = none of them is about a plan, or nobody knows what one of the projects would do.
    """
    projects: dict[str, str] = {}
    for text in _whole(texts):
        projects |= dict(_projects(text))
    found = [_plan(text) for text in projects.values()]
    plans = [plan for plan in found if plan is not None]
    if not plans or len(plans) < len(found):
        return None
    return PlanText(
        adds=sum(plan.adds for plan in plans),
        changes=sum(plan.changes for plan in plans),
        destroys=sum(plan.destroys for plan in plans),
        deleted=tuple(address for plan in plans for address in plan.deleted),
        replaced=tuple(address for plan in plans for address in plan.replaced),
        is_failed=any(plan.is_failed for plan in plans),
    )


def _whole(texts: Iterable[str]) -> list[str]:
    """Texts in clear; one that goes on where the one before it had no more room is a part of that."""
    found: list[str] = []
    for text in texts:
        plain = _ESCAPES.sub("", text[:LARGEST]).replace("\r\n", "\n")
        if found and plain.lstrip().startswith(_CONTINUED):
            found[-1] += "\n" + plain
        else:
            found.append(plain)
    return found


def _projects(text: str) -> list[tuple[str, str]]:
    """(project, its part of the text); a text that names no project is about the only one there is."""
    starts = list(_PROJECT.finditer(text))
    if not starts:
        return [("", text)] if _plan(text) is not None else []
    ends = [*(start.start() for start in starts[1:]), len(text)]
    return [(start["one"] or start["many"], text[start.start() : end]) for start, end in zip(starts, ends, strict=True)]


def _plan(text: str) -> PlanText | None:
    """One project's plan; None = nothing in the text says what would happen."""
    counts = [tuple(int(found[name]) for name in ("add", "change", "destroy")) for found in _COUNTS.finditer(text)]
    fates = [(_ASIDE.sub("", found["address"]).strip(" `"), found["fate"]) for found in _FATE.finditer(text)]
    is_failed = _FAILED.search(text) is not None
    if not (counts or fates or is_failed or _NOTHING.search(text)):
        return None
    # The same line stands in the output and below it; where two differ, the worse one counts.
    adds, changes, destroys = (max((count[place] for count in counts), default=0) for place in range(3))
    replaced = tuple(address for address, fate in fates if "replaced" in fate)
    deleted = tuple(address for address, fate in fates if "replaced" not in fate)
    return PlanText(
        adds=adds,
        changes=changes,
        destroys=max(destroys, len(replaced) + len(deleted)),
        deleted=deleted,
        replaced=replaced,
        is_failed=is_failed,
    )
