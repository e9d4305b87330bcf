"""What a repository's rulesets, classic protection and CODEOWNERS do to a merge. What cannot be read is never fine. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from trimtab.adapters.github.reading import OURS
from trimtab.policy.codeowners import PLACES, owners_of
from trimtab.policy.rules import FILES, OPTIONAL
from trimtab.records import ForgeRules

PROBE = "trimtab/probe"
"""A branch name that stands for all of ours when GitHub is asked which rules hold."""
CHECK = "trimtab/gate"
CODEOWNERS = PLACES["github"]
Rule = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Read:
    """Everything that was read, as GitHub said it; None = it did not say."""

    rules: Sequence[Rule]
    """Of the base branch."""
    own_rules: Sequence[Rule]
    """Of a branch of ours."""
    rulesets: Mapping[int, Mapping[str, Any] | None]
    update_rule: Mapping[str, Any] | None = None
    """What everybody may see of classic protection."""
    protection: Mapping[str, Any] | None = None
    """What an administrator may see of it."""
    codeowners: tuple[str, bytes] | None = None
    """Where it is and what it says: the first that is there counts."""
    codeowners_errors: int | None = None
    writer_app: int
    gate_app: int | None
    """None = this deployment has no gate."""
    is_archived: bool
    is_public: bool
    details: tuple[str, ...] = field(default=())


def rules_of(read: Read) -> ForgeRules:
    """The rules as far as they matter for merging by ourselves, each shortfall as a sentence."""
    reviews = _required_reviews(read)
    our_check, said = _our_check(read)
    catches = _catches_moved_base(read)
    bypass = _bypass(read)
    config = _config_problem(read)
    guards = _guards(read)
    queue = any(rule["type"] == "merge_queue" for rule in read.rules)
    told = (
        said,
        "" if catches else "neither strict checks nor a merge queue: a base that moves at the last moment is not noticed",
        bypass,
        config,
        "" if guards else f"whether others may push to {OURS}** cannot be proven: restrict creating and updating it to the writer App",
        f"{reviews} approving reviews are required" if reviews else "",
        "merges go through the merge queue" if queue else "",
        "the repository is archived" if read.is_archived else "",
    )
    return ForgeRules(
        requires_review=reviews > 0,
        requires_our_check=our_check,
        catches_moved_base=catches,
        may_bypass=bool(bypass),
        protects_config=not config,
        details=tuple(filter(None, (*told, *read.details))),
        has_merge_queue=queue,
        guards_our_branches=guards,
        voids_old_approvals=_voids_old_approvals(read),
        asks_code_owners=_asks_code_owners(read),
        is_archived=read.is_archived,
        is_public=read.is_public,
    )


def _parameters(rules: Iterable[Rule], kind: str) -> list[Mapping[str, Any]]:
    return [rule.get("parameters") or {} for rule in rules if rule["type"] == kind]


def _required_reviews(read: Read) -> int:
    counts = [int(wanted.get("required_approving_review_count") or 0) for wanted in _parameters(read.rules, "pull_request")]
    counts += [1 for wanted in _parameters(read.rules, "pull_request") if wanted.get("required_reviewers")]
    return max([*counts, int((read.update_rule or {}).get("requiredApprovingReviewCount") or 0)])


def _our_check(read: Read) -> tuple[bool, str]:
    """Required, and from nobody but our gate: a check of the same name by anybody else would pass for it."""
    if read.gate_app is None:
        return False, "settings.github.gate: no gate App, so no check of ours can be required"
    wanted = [
        (check.get("context"), check.get("integration_id"))
        for rule in _parameters(read.rules, "required_status_checks")
        for check in rule["required_status_checks"]
    ]
    wanted += [
        (check["context"], (check["app"] or {}).get("databaseId")) for check in (read.protection or {}).get("requiredStatusChecks") or ()
    ]
    sources = [source for context, source in wanted if context == CHECK]
    if read.gate_app in sources:
        return True, ""
    if sources:
        return False, f"{CHECK} is required from anybody: bind the required check to the gate App ({read.gate_app})"
    return False, f"{CHECK} is not a required check of the branch"


def _catches_moved_base(read: Read) -> bool:
    strict = any(wanted.get("strict_required_status_checks_policy") is True for wanted in _parameters(read.rules, "required_status_checks"))
    has_queue = any(rule["type"] == "merge_queue" for rule in read.rules)
    return strict or has_queue or (read.protection or {}).get("requiresStrictStatusChecks") is True


def _bypass(read: Read) -> str:
    """Why the writer may pass the rules by; "" = it may not, as every ruleset of the branch says."""
    for number in dict.fromkeys(int(rule["ruleset_id"]) for rule in read.rules):
        ruleset = read.rulesets.get(number)
        can = (ruleset or {}).get("current_user_can_bypass")
        if can != "never":
            name = (ruleset or {}).get("name") or number
            return f"ruleset {name}: " + ("whether Trimtab may bypass it is not told" if can is None else f"Trimtab may bypass it ({can})")
    if not read.rules and (read.update_rule or {}).get("viewerCanPush") is not False:
        return "nothing keeps Trimtab from pushing to the branch"
    return ""


def _guards(read: Read) -> bool | None:
    """True where making and moving our branches is restricted, and the one who may is the writer App; None = who may is not told."""
    kinds: dict[str, list[Mapping[str, Any] | None]] = {"creation": [], "update": []}
    for rule in read.own_rules:
        if rule["type"] in kinds:
            kinds[rule["type"]].append(read.rulesets.get(int(rule["ruleset_id"])))
    if not all(kinds.values()):
        return False
    answers = [[_is_ours_alone(ruleset, read.writer_app) for ruleset in rulesets] for rulesets in kinds.values()]
    if all(True in told for told in answers):
        return True
    return False if any(set(told) == {False} for told in answers) else None


def _is_ours_alone(ruleset: Mapping[str, Any] | None, writer: int) -> bool | None:
    actors = (ruleset or {}).get("bypass_actors")
    if actors is None:
        return None
    return [(actor.get("actor_type"), actor.get("actor_id")) for actor in actors] == [("Integration", writer)]


def _voids_old_approvals(read: Read) -> bool | None:
    rules = _parameters(read.rules, "pull_request")
    if any(wanted.get("dismiss_stale_reviews_on_push") and wanted.get("require_last_push_approval") for wanted in rules):
        return True
    classic = read.protection or {}
    if classic.get("dismissesStaleReviews") and classic.get("requireLastPushApproval"):
        return True
    return None if read.update_rule and read.protection is None else False


def _asks_code_owners(read: Read) -> bool:
    wanted = any(rule.get("require_code_owner_review") for rule in _parameters(read.rules, "pull_request"))
    return wanted or bool((read.update_rule or {}).get("requiresCodeOwnerReviews"))


def _config_problem(read: Read) -> str:
    """Why `.trimtab/` is not kept by its owners; "" = it is."""
    if not _asks_code_owners(read):
        return "a code owner's review is not required, so .trimtab/ is anybody's to change"
    if read.codeowners is None:
        return "there is no CODEOWNERS file, so nobody must review .trimtab/"
    place, content = read.codeowners
    if not all(owners_of(content, path, "github") for path in (*FILES, *OPTIONAL)):
        return "CODEOWNERS names no owner of .trimtab/"
    # Whoever may change that file, or put one where GitHub looks first, may take the owners away and then change the rest.
    free = [other for other in CODEOWNERS[: CODEOWNERS.index(place) + 1] if not owners_of(content, other, "github")]
    if free:
        return f"CODEOWNERS names no owner of {', '.join(free)}, so whoever changes that may change .trimtab/ next"
    if read.codeowners_errors is None:
        return "whether GitHub can read CODEOWNERS is not told"
    return f"CODEOWNERS has {read.codeowners_errors} errors, and GitHub leaves out such lines" if read.codeowners_errors else ""
