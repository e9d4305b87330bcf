"""What a push sets going: versions, approvals that fall, pipelines, merge requests whose mergeability is unknown again."""

import re

from tests.forges.gitlab import plumbing
from tests.forges.gitlab.commands import noticed
from tests.forges.gitlab.records import MergeRequest, Pipeline, Project, Push, Site, User, Version

_SKIPS = re.compile(r"(?i)\[(?:ci skip|skip ci)\]")


def pushed(site: Site, project: Project, branch: str, old: str | None, new: str | None, user: User) -> None:
    """A branch is somewhere else now, or gone."""
    project.pushes.append(Push(site.next_id(), project.id, user, branch, old, new, site.now()))
    if new is not None:
        noticed(site, user, plumbing.made(project.bare, new).message, f"commit {new[:8]}", is_commit=True)
    for request in [each for target in site.projects for each in target.requests if each.state == "opened"]:
        if request.source is project and request.source_branch == branch and new is not None:
            _new_head(site, request, new, user)
        if request.project is project and request.target_branch == branch:
            unchecked(site, request)
    ref = f"refs/heads/{branch}"
    site.tell("push", project, user, {"ref": ref, "before": old or "0" * 40, "after": new or "0" * 40, "checkout_sha": new})


def _new_head(site: Site, request: MergeRequest, new: str, user: User) -> None:
    before, request.sha = request.sha, new
    if request.project.resets_approvals:
        request.syncing = request.project.reset_lag
        if not request.syncing:
            request.approvals.clear()
    request.auto_merge = False
    versioned(site, request)
    unchecked(site, request)
    run(site, request, user)
    site.tell("merge_request", request.project, user, {"request": request, "action": "update", "oldrev": before})


def versioned(site: Site, request: MergeRequest) -> None:
    """Remember this head as a version."""
    target = request.project.bare.head(request.target_branch) or request.sha
    copied(request)
    base = request.project.bare.merge_base(target, request.sha) or target
    request.versions.append(Version(site.next_id(), request.sha, base, target, site.now()))
    request.updated_at = site.now()


def copied(request: MergeRequest) -> None:
    """A fork's commits come along as refs/merge-requests/…/head."""
    if request.source is not request.project:
        spec = f"+{request.sha}:refs/merge-requests/{request.iid}/head"
        request.source.bare.run("update-ref", f"refs/keep/{request.iid}", request.sha)
        request.project.bare.run("-c", "uploadpack.allowAnySHA1InWant=true", "fetch", "--quiet", str(request.source.bare.path), spec)
    else:
        request.project.bare.run("update-ref", f"refs/merge-requests/{request.iid}/head", request.sha)


def unchecked(site: Site, request: MergeRequest) -> None:
    """Whether it can be merged is to be found out again."""
    request.checking = site.lag[1]


def run(site: Site, request: MergeRequest, user: User, status: str | None = None) -> Pipeline | None:
    """CI runs for a merge request's head, if there is CI."""
    wanted = status or request.project.ci
    if wanted is None:
        return None
    if _SKIPS.search(plumbing.made(request.project.bare, request.sha).message):
        wanted = "skipped"
    pipeline = Pipeline(
        site.next_id(),
        request.sha,
        f"refs/merge-requests/{request.iid}/head",
        wanted,
        "merge_request_event",
        user,
        request.project.pipeline_lag,
    )
    request.project.pipelines.append(pipeline)
    rest: dict[str, object] = {"request": request, "pipeline": pipeline}
    site.tell("pipeline", request.project, user, rest)
    return pipeline


def head_pipeline(request: MergeRequest) -> Pipeline | None:
    """What the merge request shows as its pipeline: the newest that it has heard of, be it of an older commit."""
    refs = (f"refs/merge-requests/{request.iid}/head", request.source_branch)
    shas = {version.head for version in request.versions}
    known = [each for each in request.project.pipelines if each.ref in refs and each.sha in shas and not each.lag]
    return known[-1] if known else None
