"""What the repo's own plan says of a pull request's head: by whom the layout names, of this very commit, and by nobody else."""

from collections.abc import Sequence
from datetime import datetime

from trimtab.changes import is_covered
from trimtab.flow.life import Life
from trimtab.ports import Ports
from trimtab.records import Check, Comment, CommitSha, Governance, Layout, PlanOutcome, PullRequest
from trimtab.sources.terraform_plan import PlanText, parse_plans

ATLANTIS = "atlantis/plan"
"""Begin of the names of Atlantis's statuses about plans."""


def layouts_of(path: str, governance: Governance | None) -> tuple[Layout, ...]:
    """The layouts that speak for a file."""
    return tuple(layout for layout in governance.layouts if is_covered(layout, path)) if governance else ()


def plan_by_all(life: Life, versions: Sequence[Sequence[Layout]], pull_request: PullRequest | None, ports: Ports) -> PlanOutcome | None:
    """The plan as every version of the rules that counts reads it, or the most careful of them; None = one of them sees none."""
    plans = [plan_of(life, layouts, pull_request, ports) for layouts in versions]
    seen = [plan for plan in plans if plan is not None]
    return max(seen, key=_care) if len(seen) == len(plans) else None


def _care(plan: PlanOutcome) -> tuple[bool, int, int, int, bool]:
    return plan.is_failed, len(plan.clusters_lost), plan.destroys, plan.adds, plan.changes == 0


def plan_of(life: Life, layouts: Sequence[Layout], pull_request: PullRequest | None, ports: Ports) -> PlanOutcome | None:
    """The newest plan of the pull request's head as it is now; None = none, or by nobody who counts."""
    authors = {layout.plan_author.lower() for layout in layouts if layout.plan_author}
    ref = life.pull_request
    if not authors or pull_request is None or pull_request.state != "open" or ref is None or ref.head != pull_request.head:
        return None
    if any(layout.delivery == "hcp-terraform" for layout in layouts):
        return _checked(pull_request, authors, ports)
    comments = [note for note in ports.forge.comments(pull_request.repo, pull_request.number) if _is_by(authors, note)]
    if any(layout.delivery == "atlantis" for layout in layouts):
        return _by_atlantis(pull_request, _since(comments, ref.at), authors, ports)
    # A plan job says which commit it planned: a run that took long may speak after a newer push.
    return _outcome(pull_request.head, [note for note in comments if pull_request.head in note.text][-1:])


def _is_by(authors: set[str], note: Comment) -> bool:
    """Said by one of them, and changed by nobody else since, as far as the forge says who changed it."""
    return note.login.lower() in authors and (not note.edited_by or note.edited_by.lower() in authors)


def _since(comments: Sequence[Comment], pushed_at: datetime | None) -> list[Comment]:
    """What was said after the head was pushed; where that is not known, nothing was."""
    return [note for note in comments if pushed_at is not None and note.at > pushed_at]


def _by_atlantis(pull_request: PullRequest, comments: Sequence[Comment], authors: set[str], ports: Ports) -> PlanOutcome | None:
    """Its comments name no commit and its statuses no resource: both have to be there."""
    if not comments:
        return None
    checks = [check for check in _by(authors, ports.forge.checks(pull_request.repo, pull_request.head)) if check.name.startswith(ATLANTIS)]
    if not checks or any(check.conclusion != "success" for check in checks):
        return None
    return _outcome(pull_request.head, comments)


def _checked(pull_request: PullRequest, authors: set[str], ports: Ports) -> PlanOutcome | None:
    """A check belongs to a commit, so it needs no more proof than whose it is. One that still runs says nothing yet."""
    checks = _by(authors, ports.forge.checks(pull_request.repo, pull_request.head))
    if not checks or any(check.conclusion == "pending" for check in checks):
        return None
    # Each workspace has a check of its own: none stands for another.
    found = [parse_plans([check.summary]) for check in checks]
    if any(check.conclusion != "success" for check in checks):
        return _of(pull_request.head, checks[0].by, None, PlanText(is_failed=True))
    if any(plan is None for plan in found):
        return None
    plans = [plan for plan in found if plan is not None]
    together = PlanText(
        adds=sum(plan.adds for plan in plans),
        changes=sum(plan.changes for plan in plans),
        destroys=sum(plan.destroys for plan in plans),
        deleted=tuple(address for plan in plans for address in plan.deleted),
        replaced=tuple(address for plan in plans for address in plan.replaced),
        is_failed=any(plan.is_failed for plan in plans),
    )
    return _of(pull_request.head, checks[0].by, None, together)


def _by(authors: set[str], checks: Sequence[Check]) -> list[Check]:
    return [check for check in checks if check.by.lower() in authors]


def _outcome(head: CommitSha, comments: Sequence[Comment]) -> PlanOutcome | None:
    plan = parse_plans(note.text for note in comments)
    return _of(head, comments[-1].login, comments[-1].at, plan) if plan else None


def _of(head: CommitSha, by: str, at: datetime | None, plan: PlanText) -> PlanOutcome:
    return PlanOutcome(
        head=head,
        by=by,
        at=at,
        adds=plan.adds,
        changes=plan.changes,
        destroys=plan.destroys,
        deleted=plan.deleted,
        replaced=plan.replaced,
        clusters_lost=plan.clusters_lost,
        is_failed=plan.is_failed,
    )


def in_words(plan: PlanOutcome | None) -> str:
    """One sentence for the pull request; "" = nothing was said."""
    if plan is None:
        return ""
    if plan.is_failed:
        return f"The plan by {plan.by} of this commit failed, so nobody knows what merging it would do."
    counts = f"{plan.adds} to add, {plan.changes} to change, {plan.destroys} to destroy"
    if plan.clusters_lost:
        return f"DANGER: the plan by {plan.by} deletes or replaces whole clusters ({', '.join(plan.clusters_lost[:3])}): {counts}."
    lost = ", ".join((*plan.deleted, *plan.replaced)[:3])
    return f"The plan by {plan.by} of this commit says: {counts}" + (f", and would delete or replace {lost}." if lost else ".")
