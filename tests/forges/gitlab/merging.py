"""Whether and how a merge request is merged."""

from typing import Literal

from tests.forges.gitlab import plumbing
from tests.forges.gitlab.commands import closed_by, noticed
from tests.forges.gitlab.plumbing import Person
from tests.forges.gitlab.pushes import head_pipeline, pushed, run, unchecked
from tests.forges.gitlab.records import MergeRequest, Pipeline, Project, Site, User
from tests.forges.gitlab.server import No

NOT_ALLOWED = "405 Method Not Allowed"
CANNOT = "Branch cannot be merged"
Outcome = Literal["merged", "set"]
_ACTIVE = ("created", "waiting_for_resource", "preparing", "pending", "running", "scheduled")


def detailed_status(request: MergeRequest) -> str:
    """The first thing that stands in the way; "mergeable" = nothing."""
    if request.state != "opened":
        return "not_open"
    if request.preparing:
        return "preparing"
    if request.syncing:
        return "approvals_syncing"
    return "checking" if request.checking else _checked(request)


def _checked(request: MergeRequest) -> str:
    project = request.project
    base = project.bare.head(request.target_branch)
    if base is None or source_head(request) is None or project.bare.is_ancestor(request.sha, base):
        return "commits_status"
    if request.is_draft:
        return "draft_status"
    ci = _ci(project, actual_pipeline(request))
    if ci:
        return ci
    if len(request.approvals) < project.approvals_required:
        return "not_approved"
    if project.bare.merged_tree(base, request.sha) is None:
        return "conflict"
    if project.merge_method != "merge" and not project.bare.is_ancestor(base, request.sha):
        return "need_rebase"
    return "mergeable"


def actual_pipeline(request: MergeRequest) -> Pipeline | None:
    """The head's own pipeline; what the merge request shows may be of an older commit, and says nothing then."""
    shown = head_pipeline(request)
    return shown if shown is not None and shown.sha == request.sha else None


def _ci(project: Project, pipeline: Pipeline | None) -> str:
    if not project.needs_pipeline:
        return ""
    if pipeline is None:
        return "ci_must_pass"
    if pipeline.status in _ACTIVE:
        return "ci_still_running"
    is_good = pipeline.status == "success" or (pipeline.status == "skipped" and project.skipped_is_success)
    return "" if is_good else "ci_must_pass"


def source_head(request: MergeRequest) -> str | None:
    """Where its branch is; None = gone."""
    return request.source.bare.head(request.source_branch)


def accept(
    site: Site, request: MergeRequest, user: User, *, sha: str | None, message: str = "", auto: bool = False, removes: bool | None = None
) -> Outcome:
    """Press the button, with GitLab's answers in GitLab's order."""
    if not request.project.may_merge(user, request.target_branch):
        raise No(401, "401 Unauthorized")
    if not request.preparing:
        request.checking = 0  # asked for a merge, GitLab finds out at once
    found = detailed_status(request)
    is_waiting = auto and found == "ci_still_running"
    if found not in ("mergeable", "conflict", "need_rebase") and not is_waiting:
        raise No(405, NOT_ALLOWED)
    if found in ("conflict", "need_rebase"):
        raise No(422, CANNOT)
    if sha is not None and sha != request.sha:
        raise No(409, f"SHA does not match HEAD of source branch: {request.sha}")
    if is_waiting:
        request.auto_merge = True
        return "set"
    merge(site, request, user, message, removes=request.removes_source if removes is None else removes)
    return "merged"


def merge(site: Site, request: MergeRequest, user: User, message: str = "", *, removes: bool = False) -> None:
    """The branch moves."""
    project, base = request.project, request.project.bare.head(request.target_branch)
    tree = project.bare.merged_tree(base, request.sha) if base else None
    if base is None or tree is None:
        raise No(422, CANNOT)
    words = message or _own_words(request)
    who = Person(user.name, user.email)
    if project.merge_method == "ff":
        tip = request.sha
    else:
        tip = plumbing.commit_tree(project.bare, tree, (base, request.sha), words, who, site.now())
        request.merge_commit = tip
    request.state, request.merged_by, request.merged_at, request.base_at_end = "merged", user, site.now(), base
    request.auto_merge = False
    plumbing.set_branch(project.bare, request.target_branch, tip)
    pushed(site, project, request.target_branch, base, tip, user)
    _close_issues(site, request, user, words)
    if removes and source_head(request) == request.sha and not request.source.protection(request.source_branch):
        plumbing.set_branch(request.source.bare, request.source_branch, None)
    site.tell("merge_request", project, user, {"request": request, "action": "merge"})


def _own_words(request: MergeRequest) -> str:
    merged = f"Merge branch '{request.source_branch}' into '{request.target_branch}'"
    return f"{merged}\n\n{request.title}\n\nSee merge request {request.project.path}!{request.iid}"


def _close_issues(site: Site, request: MergeRequest, user: User, words: str) -> None:
    if request.target_branch == request.project.bare.default_branch():
        for number in closed_by(f"{request.description}\n{words}"):
            for issue in [each for each in request.project.issues if each.iid == number and each.state == "opened"]:
                issue.state = "closed"
                noticed(site, user, f"closes #{number}", f"the merge of !{request.iid}")


def progressed(site: Site, request: MergeRequest) -> None:
    """A reader looked at it: what GitLab works on comes one step further."""
    for pipeline in request.project.pipelines:
        pipeline.lag = max(pipeline.lag - 1, 0)
    if request.syncing:
        request.syncing -= 1
        if not request.syncing:
            request.approvals.clear()
    if request.rebasing:
        request.rebasing -= 1
        if not request.rebasing:
            _rebased(site, request)
    if request.auto_merge and detailed_status(request) == "mergeable" and request.merged_by is None:
        merge(site, request, request.author)


def _rebased(site: Site, request: MergeRequest) -> None:
    """Every commit again, on the target's tip."""
    bare, user = request.project.bare, request.rebase_by or request.author
    base = bare.head(request.target_branch)
    if base is None or source_head(request) != request.sha:
        request.merge_error = "Rebase failed: the branch moved"
        return
    tip = base
    for made in reversed(plumbing.listed(bare, "--topo-order", f"{base}..{request.sha}")):
        tree = bare.merged_tree(tip, made.sha)
        if tree is None:
            request.merge_error = "Rebase failed. Please rebase locally"
            return
        tip = plumbing.commit_tree(bare, tree, (tip,), made.message, made.author, site.now())
    plumbing.set_branch(request.source.bare, request.source_branch, tip)
    pushed(site, request.source, request.source_branch, request.sha, tip, user)


def run_train(site: Site, project: Project) -> None:
    """The first car of the merge train arrives, or falls out."""
    waiting = [car for car in project.train if car.status in ("idle", "fresh", "stale")]
    if not waiting:
        return
    car = waiting[0]
    good = car.request.state == "opened" and _checked(car.request) in ("mergeable", "need_rebase")
    if good:
        merge(site, car.request, car.user)
        car.status = "merged"
    else:
        project.train.remove(car)
    for other in waiting[1:]:
        unchecked(site, other.request)


def train_commit(site: Site, request: MergeRequest, base: str) -> str | None:
    """What the train would put on the branch for a car that comes after `base`."""
    tree = request.project.bare.merged_tree(base, request.sha)
    who = Person("GitLab", "gitlab@localhost")
    return (
        plumbing.commit_tree(request.project.bare, tree, (base, request.sha), f"Train of !{request.iid}", who, site.now()) if tree else None
    )


__all__ = ["accept", "actual_pipeline", "detailed_status", "merge", "progressed", "run", "run_train", "source_head", "train_commit"]
