"""What a project's own rules do, as far as GitLab shows them; what it does not show is no protection. Pure.

On GitLab a commit status is display: every Developer may set every status of every commit. So no status is ever "our required check".
What stands in for it is the right to merge itself: where the merger, and nobody else, may merge into the branch, nothing lands that our
gate did not let through.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from trimtab.adapters.gitlab.protocol import DEVELOPER, MAINTAINER, ApprovalRule, ApprovalSettings, Level, Project, Protection, User
from trimtab.policy.codeowners import needs_owner
from trimtab.records import ForgeRules

OURS = "trimtab/"
CODEOWNERS = ("CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS")
"""Where GitLab looks, in its order; the first one counts."""
CONFIG = ".trimtab/policy.yaml"
_FAST_FORWARD = "ff"


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """What could be read; None = GitLab, or its tier, does not say."""

    branch: str
    project: Project
    writer: User
    merger: User | None
    merger_level: int
    protections: Sequence[Protection] | None
    settings: ApprovalSettings | None
    approval_rules: Sequence[ApprovalRule] | None
    code_owners: str | None


def forge_rules(seen: Seen) -> ForgeRules:
    """The rules in our words, each that falls short said in a sentence."""
    here = [rule for rule in seen.protections or () if matches(rule.name, seen.branch)]
    return ForgeRules(
        requires_review=_requires_review(seen, here),
        requires_our_check=_only_we_merge(seen, here),
        catches_moved_base=catches_moved_base(seen.project),
        may_bypass=bool(list(_bypasses(seen, here))),
        protects_config=_protects_config(seen, here),
        guards_our_branches=_guards_our_branches(seen),
        voids_old_approvals=seen.settings.voids_old_approvals if seen.settings else False,
        asks_code_owners=_asks_code_owners(here),
        has_merge_queue=seen.project.merge_trains_enabled is True,
        is_archived=seen.project.archived,
        # "internal" is everybody with an account there, and on gitlab.com anybody can have one.
        is_public=seen.project.visibility != "private",
        details=tuple(_details(seen, here)),
    )


def catches_moved_base(project: Project) -> bool:
    """A fast-forward fails where the branch moved; a train merges on the pipeline of what it merges. Anything else merges regardless."""
    return project.merge_method == _FAST_FORWARD or project.merge_trains_enabled is True


# ── The default branch ───────────────────────────────────────────────────────────────────────────────────────────────
def _only_we_merge(seen: Seen, here: Sequence[Protection]) -> bool:
    """The right to merge is the merger's alone, and nobody may push past it."""
    if seen.merger is None or not _is_closed(here):
        return False
    levels = [level for rule in here for level in rule.merge_access_levels if not level.is_nobody]
    return bool(levels) and all(level.user_id == seen.merger.id for level in levels) and _asks_for_pipeline(seen.project)


def _is_closed(here: Sequence[Protection]) -> bool:
    """True where nobody may push; rules that name nobody, not even "no one", say nothing."""
    return bool(here) and all(rule.push_access_levels and all(level.is_nobody for level in rule.push_access_levels) for rule in here)


def _asks_for_pipeline(project: Project) -> bool:
    return project.only_allow_merge_if_pipeline_succeeds is True and project.allow_merge_on_skipped_pipeline is not True


def _bypasses(seen: Seen, here: Sequence[Protection]) -> Iterator[str]:
    """Everything that lets one of our tokens do more than its part, or anybody push past a merge request."""
    if not here:
        yield f"{seen.branch} is not known to be protected"
    pushers = [level for rule in here for level in rule.push_access_levels if not level.is_nobody]
    if pushers or any(not rule.push_access_levels for rule in here):
        yield f"pushing to {seen.branch} is allowed to {_people(pushers)}; set it to no one"
    if any(rule.allow_force_push for rule in here):
        yield f"force push is allowed on {seen.branch}"
    if seen.project.access_level != DEVELOPER:
        yield f"the writer's token has role {seen.project.access_level or 'unknown'}, not Developer ({DEVELOPER})"
    if any(_lets(level, seen.writer, DEVELOPER) for rule in here for level in rule.merge_access_levels):
        yield f"the writer may merge into {seen.branch}; only the merger's part is to merge"
    if seen.merger is not None and seen.merger_level > MAINTAINER:
        yield f"the merger's token has role {seen.merger_level}, more than Maintainer ({MAINTAINER})"
    if seen.merger is not None and seen.merger.id == seen.writer.id:
        yield "writer and merger are one user"


def _lets(level: Level, user: User, role: int) -> bool:
    """True where a level lets that user in, or may do so: a group may hold them, and of a kind that we do not know nobody knows."""
    if level.user_id is not None or level.deploy_key_id is not None:
        return level.user_id == user.id
    return level.group_id is not None or level.access_level is None or 0 < level.access_level <= role


def _requires_review(seen: Seen, here: Sequence[Protection]) -> bool:
    asked = [rule.approvals_required for rule in seen.approval_rules or () if _is_for(rule, seen.branch, here)]
    asked += [seen.settings.approvals_before_merge or 0] if seen.settings else []
    return any(asked)


def _is_for(rule: ApprovalRule, branch: str, here: Sequence[Protection]) -> bool:
    """True where an approval rule holds for a branch: for all, for all that are protected, or for this one by name."""
    by_name = not rule.protected_branches or any(matches(each.name, branch) for each in rule.protected_branches)
    return bool(here) if rule.applies_to_all_protected_branches else by_name


def _protects_config(seen: Seen, here: Sequence[Protection]) -> bool:
    """Code owners are asked on this branch, `.trimtab/` is theirs, and nobody pushes past them."""
    return _asks_code_owners(here) and _is_closed(here) and needs_owner((seen.code_owners or "").encode(), CONFIG, "gitlab")


def _asks_code_owners(here: Sequence[Protection]) -> bool:
    return any(rule.code_owner_approval_required for rule in here)


# ── Our own branches ─────────────────────────────────────────────────────────────────────────────────────────────────
def _guards_our_branches(seen: Seen) -> bool | None:
    """One pattern covers `trimtab/…`, and no pattern that matches such a branch lets anybody in but the writer."""
    if seen.protections is None:
        return None
    covering = [rule for rule in seen.protections if _covers(rule.name) and rule.push_access_levels]
    touching = [rule for rule in seen.protections if _touches(rule.name)]
    levels = [level for rule in touching for level in (*rule.push_access_levels, *rule.merge_access_levels) if not level.is_nobody]
    return bool(covering) and all(level.user_id == seen.writer.id for level in levels)


def _covers(pattern: str) -> bool:
    return pattern.endswith("*") and pattern.count("*") == 1 and OURS.startswith(pattern[:-1])


def _touches(pattern: str) -> bool:
    literal = pattern.partition("*")[0]
    return literal.startswith(OURS) or ("*" in pattern and OURS.startswith(literal))


def matches(pattern: str, branch: str) -> bool:
    """GitLab's own reading of a protected branch's name: `*` is anything, slashes too."""
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), branch, re.DOTALL) is not None


# ── For people ───────────────────────────────────────────────────────────────────────────────────────────────────────
def _details(seen: Seen, here: Sequence[Protection]) -> Iterator[str]:
    yield f"merge method: {'merge train' if seen.project.merge_trains_enabled else seen.project.merge_method or 'unknown'}"
    yield from _bypasses(seen, here)
    if not _only_we_merge(seen, here):
        yield (
            "a commit status proves nothing on GitLab, so nothing merges by itself unless pushing is for no one, only the merger may "
            f"merge into {seen.branch}, and pipelines must succeed"
        )
    if not catches_moved_base(seen.project):
        yield "a merge commit is made whatever the branch holds by then; fast-forward merges or a merge train would catch that"
    if not _asks_for_pipeline(seen.project):
        yield "pipelines need not succeed here"
    if seen.settings is None or not seen.settings.voids_old_approvals:
        yield (
            "approvals on GitLab name no commit, and count only where a push removes them and neither author nor committers may approve; "
            "here they do not count"
        )
    if not _protects_config(seen, here):
        yield "code owners are not known to be asked about .trimtab/ (GitLab Premium: code owner approval on the protected branch)"
    if not _guards_our_branches(seen):
        yield "trimtab/* is not known to be protected for the writer alone, so names and mails on its commits prove nothing"
    yield "who pushed a commit is known from GitLab's push events; administrators and rules of a parent group are not shown by the API"


def _people(levels: Sequence[Level]) -> str:
    named = {
        f"user {level.user_id}" if level.user_id else
        f"group {level.group_id}" if level.group_id else
        f"deploy key {level.deploy_key_id}" if level.deploy_key_id else
        f"role {level.access_level}"
        for level in levels
    }  # fmt: skip
    return ", ".join(sorted(named)) or "nobody knows whom"
