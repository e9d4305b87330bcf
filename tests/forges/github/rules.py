"""Which rules hold for a branch, who may pass by them, and what they still want before a merge."""

import fnmatch
import re
from collections.abc import Iterator
from typing import Any

from tests.forges.github.book import Actor, Book, CheckRun, Pull, Rejected, Repo, Ruleset, Status

PASSING = ("success", "neutral", "skipped")
OWNERS = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS")
_PUSH_RULES = {
    "creation": "Cannot create ref due to creations being restricted.",
    "update": "Cannot update this protected ref.",
    "deletion": "Cannot delete this protected ref.",
    "non_fast_forward": "Cannot force-push to this branch",
    "pull_request": "Changes must be made through a pull request.",
    "merge_queue": "Changes must be made through the merge queue",
}


def active(repo: Repo, branch: str) -> list[tuple[Ruleset, dict[str, Any]]]:
    """Every rule that holds for a branch, the organization's too."""
    default = repo.git.default_branch()
    sets = [ruleset for ruleset in repo.rulesets if ruleset.enforcement == "active" and ruleset.covers(branch, default)]
    return [(ruleset, rule) for ruleset in sets for rule in ruleset.rules]


def parameters(repo: Repo, branch: str, kind: str) -> list[dict[str, Any]]:
    """What every active rule of one kind says."""
    return [rule.get("parameters", {}) for _, rule in active(repo, branch) if rule["type"] == kind]


def has_queue(repo: Repo, branch: str) -> bool:
    return bool(parameters(repo, branch, "merge_queue"))


def may_bypass(ruleset: Ruleset, actor: Actor, repo: Repo) -> str:
    """As GitHub tells it: never, pull_requests_only, always."""
    for entry in ruleset.bypass:
        is_app = actor.app is not None and entry["actor_type"] == "Integration" and entry["actor_id"] == actor.app.id
        is_admin = actor.app is None and entry["actor_type"] == "RepositoryRole" and repo.collaborators.get(actor.account.login) == "admin"
        if is_app or is_admin:
            return {"always": "always", "pull_request": "pull_requests_only", "exempt": "exempt"}[entry["bypass_mode"]]
    return "never"


def check_push(repo: Repo, branch: str, old: str | None, new: str | None, actor: Actor) -> None:
    """422 where a rule keeps the actor from moving a branch so."""
    is_forced = old is not None and new is not None and not repo.git.is_ancestor(old, new)
    now = {"creation": old is None, "deletion": new is None, "non_fast_forward": is_forced}
    now |= dict.fromkeys(("update", "pull_request", "merge_queue"), old is not None and new is not None)
    broken = [
        _PUSH_RULES[rule["type"]]
        for ruleset, rule in active(repo, branch)
        if now.get(rule["type"]) and may_bypass(ruleset, actor, repo) not in ("always", "exempt")
    ]
    if broken:
        raise Rejected(422, "Repository rule violations found\n\n" + "\n\n".join(broken) + "\n\n")


def unmet(book: Book, pull: Pull, sha: str, *, is_in_queue: bool = False) -> Iterator[str]:
    """What keeps a commit of a pull request from being merged, in GitHub's words."""
    for wanted in parameters(pull.repo, pull.base_ref, "required_status_checks"):
        yield from filter(None, (_check_wanted(pull.repo, sha, check) for check in wanted["required_status_checks"]))
        is_behind = wanted["strict_required_status_checks_policy"] and not pull.repo.git.is_ancestor(pull.base, pull.head)
        if is_behind and not is_in_queue and not has_queue(pull.repo, pull.base_ref):
            yield "This branch must not be behind the base branch."
    if not is_in_queue:
        for wanted in parameters(pull.repo, pull.base_ref, "pull_request"):
            yield from _reviews_wanted(book, pull, wanted)


def latest_runs(repo: Repo, sha: str) -> list[CheckRun]:
    """The newest check run of each App and name."""
    return list({(run.app.id, run.name): run for run in repo.check_runs if run.sha == sha}.values())


def latest_statuses(repo: Repo, sha: str) -> list[Status]:
    """The newest status of each context."""
    return list({status.context: status for status in repo.statuses if status.sha == sha}.values())


def _check_wanted(repo: Repo, sha: str, check: dict[str, Any]) -> str | None:
    source = check.get("integration_id")
    runs = [run for run in latest_runs(repo, sha) if run.name == check["context"] and source in (None, run.app.id)]
    statuses = [s for s in latest_statuses(repo, sha) if s.context == check["context"] and source in (None, s.app.id if s.app else 0)]
    answers = [run.conclusion or "pending" for run in runs] + [status.state for status in statuses]
    if not answers:
        return f'Required status check "{check["context"]}" is expected.'
    bad = [answer for answer in answers if answer not in PASSING]
    return f'Required status check "{check["context"]}" is {"pending" if bad[0] == "pending" else "failing"}.' if bad else None


def _reviews_wanted(book: Book, pull: Pull, wanted: dict[str, Any]) -> Iterator[str]:
    newest = {review.author.login: review for review in pull.reviews if review.state != "COMMENTED"}
    counting = [review for login, review in newest.items() if pull.repo.collaborators.get(login) in ("write", "admin")]
    approved = {review.author.login for review in counting if review.state == "APPROVED"}
    if any(review.state == "CHANGES_REQUESTED" for review in counting):
        yield "Changes have been requested."
    missing = wanted["required_approving_review_count"] - len(approved)
    if missing > 0:
        yield f"At least {wanted['required_approving_review_count']} approving review is required by reviewers with write access."
    if wanted["require_code_owner_review"]:
        for path in changed_paths(pull):
            owners = owners_of(pull.repo, path)
            if owners and not approved & {owner.removeprefix("@") for owner in owners}:
                yield "Waiting on code owner review"
                return


def changed_paths(pull: Pull) -> list[str]:
    """Paths that differ between the merge base and the head."""
    fork = pull.repo.git.merge_base(pull.base, pull.head)
    return list(pull.repo.git.changed(fork, pull.head)) if fork else []


def codeowners(repo: Repo) -> tuple[str, list[str]]:
    """(path, lines) of the file that counts on the default branch."""
    files = repo.git.files(repo.resolve(repo.git.default_branch()))
    path = next((name for name in OWNERS if name in files), "")
    return path, repo.git.blob(files[path].blob).decode(errors="replace").splitlines() if path else []


def owners_of(repo: Repo, path: str) -> list[str]:
    """The owners of the last line that matches."""
    found: list[str] = []
    for line in codeowners(repo)[1]:
        pattern, *owners = line.split("#")[0].split() or [""]
        if pattern and _owns(pattern, path):
            found = owners
    return found


def _owns(pattern: str, path: str) -> bool:
    anchored = pattern.startswith("/") or "/" in pattern.rstrip("/")
    wanted = pattern.strip("/")
    shapes = [wanted, f"{wanted}/*"] if anchored else [wanted, f"{wanted}/*", f"*/{wanted}", f"*/{wanted}/*"]
    return any(re.fullmatch(fnmatch.translate(shape), path) for shape in shapes)
