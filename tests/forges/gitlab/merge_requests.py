"""The merge request API."""

from collections.abc import Mapping
from typing import Any

from tests.forges.gitlab import plumbing
from tests.forges.gitlab.commands import noticed, without_commands
from tests.forges.gitlab.merging import accept, actual_pipeline, detailed_status, progressed, source_head
from tests.forges.gitlab.people import user_json
from tests.forges.gitlab.pushes import head_pipeline, run, unchecked, versioned
from tests.forges.gitlab.quick import obeyed
from tests.forges.gitlab.records import MAINTAINER, Car, MergeRequest, Note, Project, Site, User, Version
from tests.forges.gitlab.repository import commit_json, pipeline_json
from tests.forges.gitlab.server import Answer, Call, No, Route, flag, number, texts, web

_ONE = "/projects/{id}/merge_requests/{merge_request_iid}"


def request_json(site: Site, request: MergeRequest, *, is_whole: bool = True, with_rebase: bool = False) -> dict[str, Any]:
    """A merge request; a list has less of each."""
    project, status = request.project, detailed_status(request)
    has_conflict = status == "conflict"
    known = {"preparing": "preparing", "checking": "checking"}
    body: dict[str, Any] = {
        "id": request.id,
        "iid": request.iid,
        "project_id": project.id,
        "title": request.title,
        "description": request.description,
        "state": request.state,
        "created_at": request.at,
        "updated_at": request.updated_at or request.at,
        "merged_by": _user(site, request.merged_by),
        "merge_user": _user(site, request.merged_by),
        "merged_at": request.merged_at,
        "closed_by": _user(site, request.closed_by),
        "closed_at": request.closed_at,
        "target_branch": request.target_branch,
        "source_branch": request.source_branch,
        "user_notes_count": len([note for note in request.notes if not note.is_system]),
        "upvotes": 0,
        "downvotes": 0,
        "author": user_json(site, request.author),
        "assignees": [user_json(site, user) for user in request.assignees],
        "assignee": _user(site, request.assignees[0] if request.assignees else None),
        "reviewers": [user_json(site, user) for user in request.reviewers],
        "source_project_id": request.source.id,
        "target_project_id": project.id,
        "labels": request.labels,
        "draft": request.is_draft,
        "work_in_progress": request.is_draft,
        "milestone": None,
        "merge_when_pipeline_succeeds": request.auto_merge,
        "merge_status": known.get(status, "cannot_be_merged" if has_conflict else "can_be_merged"),
        "detailed_merge_status": status,
        "merge_after": None,
        "sha": request.sha,
        "merge_commit_sha": request.merge_commit,
        "squash_commit_sha": request.squash_commit,
        "discussion_locked": None,
        "should_remove_source_branch": None,
        "force_remove_source_branch": request.removes_source,
        "prepared_at": None if request.preparing else request.at,
        "reference": f"!{request.iid}",
        "references": {"short": f"!{request.iid}", "relative": f"!{request.iid}", "full": f"{project.path}!{request.iid}"},
        "web_url": web(site, project.path, "-", "merge_requests", str(request.iid)),
        "time_stats": {"time_estimate": 0, "total_time_spent": 0, "human_time_estimate": None, "human_total_time_spent": None},
        "squash": request.squash,
        "squash_on_merge": request.squash,
        "task_completion_status": {"count": 0, "completed_count": 0},
        "has_conflicts": has_conflict,
        "blocking_discussions_resolved": True,
        "imported": False,
        "imported_from": "none",
        "approvals_before_merge": None,
    }
    return body | _more_json(site, request, with_rebase=with_rebase) if is_whole else body


def _more_json(site: Site, request: MergeRequest, *, with_rebase: bool) -> dict[str, Any]:
    project, shown = request.project, head_pipeline(request)
    last = request.versions[-1]
    more: dict[str, Any] = {
        "subscribed": False,
        "changes_count": str(len(project.bare.changed(last.base, request.sha))),
        "latest_build_started_at": None,
        "latest_build_finished_at": None,
        "first_deployed_to_production_at": None,
        "pipeline": pipeline_json(site, project, shown) if shown else None,
        "head_pipeline": _pipeline_json(site, project, shown) if shown else None,
        "diff_refs": {"base_sha": last.base, "head_sha": last.head, "start_sha": last.start},
        "merge_error": request.merge_error,
        "first_contribution": False,
        "user": {"can_merge": True},
    }
    return more | ({"rebase_in_progress": bool(request.rebasing)} if with_rebase else {})


def _pipeline_json(site: Site, project: Project, pipeline: Any) -> dict[str, Any]:
    return pipeline_json(site, project, pipeline) | {
        "before_sha": "0" * 40,
        "tag": False,
        "yaml_errors": None,
        "user": user_json(site, pipeline.user),
        "started_at": None,
        "finished_at": None,
        "committed_at": None,
        "duration": None,
        "queued_duration": None,
        "coverage": None,
    }


def _user(site: Site, user: User | None) -> dict[str, Any] | None:
    return user_json(site, user) if user else None


def found(call: Call) -> MergeRequest:
    """The merge request of the path."""
    request = call.project.request(number(call.values["merge_request_iid"]))
    if request is None:
        raise No(404, "404 Not found")
    return request


def _list(call: Call) -> Answer:
    project, state = call.project, call.one("state", "all")
    iids = [int(each) for each in call.many("iids")]
    kept = [
        each
        for each in project.requests
        if state in ("all", each.state)
        and (not iids or each.iid in iids)
        and call.one("source_branch", each.source_branch) == each.source_branch
        and call.one("target_branch", each.target_branch) == each.target_branch
        and call.one("author_username", each.author.username) == each.author.username
        and call.one("source_project_id", str(each.source.id)) == str(each.source.id)
        and set(call.many("labels")) <= set(each.labels)
    ]
    by_update = call.one("order_by") == "updated_at"
    kept.sort(key=lambda each: (each.updated_at or each.at) if by_update else each.at, reverse=call.one("sort", "desc") == "desc")
    return Answer([request_json(call.site, each, is_whole=False) for each in kept])


def _get(call: Call) -> Answer:
    request = found(call)
    answer = Answer(request_json(call.site, request, with_rebase=call.is_set("include_rebase_in_progress")))
    progressed(call.site, request)
    return answer


def _create(call: Call) -> Answer:
    source, body = call.writable(), call.body
    target = call.site.project(str(body.get("target_project_id", source.id))) or source
    if target.access(call.user) < MAINTAINER and target is not source and target is not source.fork_of:
        raise No(404, "404 Project Not Found")
    request = open_request(call.site, source, target, call.user, {**body})
    return Answer(request_json(call.site, request), 201)


def open_request(site: Site, source: Project, target: Project, user: User, body: dict[str, Any]) -> MergeRequest:
    """Open one; GitLab takes one without a commit of its own, and only one from a branch to a branch at a time."""
    branch, onto = str(body.get("source_branch")), str(body.get("target_branch"))
    head = source.bare.head(branch)
    if source is target and branch == onto:
        raise No(422, ["You can't use same project/branch for source and target"])
    open_now = [each for each in target.requests if each.state == "opened" and each.source is source]
    same = [each for each in open_now if (each.source_branch, each.target_branch) == (branch, onto)]
    if same:
        raise No(409, [f"Another open merge request already exists for this source branch: !{same[0].iid}"])
    if head is None or target.bare.head(onto) is None:
        raise No(400, {"base": [f"{'Source' if head is None else 'Target'} branch does not exist"]})
    request = MergeRequest(
        id=site.next_id(),
        iid=len(target.requests) + 1,
        project=target,
        source=source,
        source_branch=branch,
        target_branch=onto,
        title=str(body.get("title", "")),
        description=str(body.get("description") or ""),
        author=user,
        at=site.now(),
        sha=head,
        squash=flag(body.get("squash", False)),
        removes_source=flag(body.get("remove_source_branch", False)),
        preparing=site.lag[0],
    )
    target.requests.append(request)
    versioned(site, request)
    _set(site, request, user, body)
    unchecked(site, request)
    run(site, request, user)
    site.tell("merge_request", target, user, {"request": request, "action": "open"})
    return request


def _set(site: Site, request: MergeRequest, user: User, body: Mapping[str, Any]) -> None:
    """What create and update have in common."""
    if "title" in body:
        request.title = str(body["title"])
    if "description" in body:
        text = str(body["description"] or "")
        noticed(site, user, text, f"!{request.iid}")
        request.description = without_commands(text)
        obeyed(site, request, user, text)
    if "labels" in body:
        request.labels = texts(body["labels"])
    request.labels += [each for each in texts(body.get("add_labels")) if each not in request.labels]
    request.labels = [each for each in request.labels if each not in texts(body.get("remove_labels"))]
    request.project.labels += [each for each in request.labels if each not in request.project.labels]
    for name, people in (("reviewer_ids", request.reviewers), ("assignee_ids", request.assignees)):
        if name in body:
            ids = [int(each) for each in texts(body[name]) if int(each)]
            people[:] = [each for each in site.users.values() if each.id in ids and request.project.access(each)]
    request.updated_at = site.now()


def _update(call: Call) -> Answer:
    request, event = found(call), call.body.get("state_event")
    call.writable()
    if not call.body:
        raise No(400, "title, state_event, … are missing, at least one parameter must be provided")
    _set(call.site, request, call.user, call.body)
    if "target_branch" in call.body and request.state == "opened":
        request.target_branch = str(call.body["target_branch"])
        unchecked(call.site, request)
    if event == "close" and request.state == "opened":
        closed(call.site, request, call.user)
    if event == "reopen" and request.state == "closed":
        request.state = "opened"
        request.sha = source_head(request) or request.sha
        unchecked(call.site, request)
    return Answer(request_json(call.site, request))


def closed(site: Site, request: MergeRequest, user: User) -> None:
    """Somebody closes it unmerged."""
    request.state, request.closed_by, request.closed_at = "closed", user, site.now()
    request.notes.append(Note(site.next_id(), user, "closed", site.now(), is_system=True))
    site.tell("merge_request", request.project, user, {"request": request, "action": "close"})


def _merge(call: Call) -> Answer:
    request, body = found(call), call.body
    removes = body.get("should_remove_source_branch")
    accept(
        call.site,
        request,
        call.user,
        sha=body.get("sha"),
        message=str(body.get("merge_commit_message") or ""),
        auto=flag(body.get("auto_merge", False)) or flag(body.get("merge_when_pipeline_succeeds", False)),
        removes=None if removes is None else flag(removes),
    )
    return Answer(request_json(call.site, request))


def _rebase(call: Call) -> Answer:
    request = found(call)
    if not request.source.may_push(call.user, request.source_branch):
        raise No(403, "403 Forbidden - Cannot push to source branch")
    if request.rebasing:
        raise No(409, "Failed to enqueue the rebase operation, possibly due to a long-lived transaction. Try again later.")
    request.rebasing, request.rebase_by, request.merge_error = 2, call.user, None
    return Answer({"rebase_in_progress": True}, 202)


def _versions(call: Call) -> Answer:
    request = found(call)
    return Answer([_version_json(request, each) for each in reversed(request.versions)])


def _version(call: Call) -> Answer:
    request = found(call)
    each = next((each for each in request.versions if str(each.id) == call.values["version_id"]), None)
    if each is None:
        raise No(404, "404 Not found")
    bare = request.project.bare
    commits = plumbing.listed(bare, f"{each.base}..{each.head}")
    more = {"commits": [commit_json(call.site, request.project, made.sha) for made in commits]}
    return Answer(_version_json(request, each) | more | {"diffs": list(plumbing.diffs(bare, each.base, each.head))})


def _version_json(request: MergeRequest, version: Version) -> dict[str, Any]:
    return {
        "id": version.id,
        "head_commit_sha": version.head,
        "base_commit_sha": version.base,
        "start_commit_sha": version.start,
        "created_at": version.at,
        "merge_request_id": request.id,
        "state": "collected",
        "real_size": "1",
        "patch_id_sha": None,
    }


def _diffs(call: Call) -> Answer:
    request = found(call)
    return Answer(list(plumbing.diffs(request.project.bare, request.versions[-1].base, request.sha)))


def _commits(call: Call) -> Answer:
    request = found(call)
    made = plumbing.listed(request.project.bare, f"{request.versions[-1].base}..{request.sha}")
    return Answer([commit_json(call.site, request.project, each.sha) for each in made])


def _merge_ref(call: Call) -> Answer:
    """A trial merge with the target as it is now."""
    request = found(call)
    bare = request.project.bare
    base = bare.head(request.target_branch)
    tree = bare.merged_tree(base, request.sha) if base else None
    if base is None or tree is None or request.state != "opened":
        raise No(400, "Merge request is not mergeable")
    who = plumbing.Person(call.user.name, call.user.email)
    sha = plumbing.commit_tree(bare, tree, (base, request.sha), "Merge ref", who, "2026-03-02T08:00:00Z")
    return Answer({"commit_id": sha})


def _approvals_json(call: Call, request: MergeRequest) -> dict[str, Any]:
    given = [{"user": user_json(call.site, call.site.by_id(each)), "approved_at": at} for each, at in request.approvals.items()]
    enough = len(given) >= request.project.approvals_required
    has = call.user.id in request.approvals
    return {"approved": enough, "approved_by": given, "user_has_approved": has, "user_can_approve": not has}


def _approvals(call: Call) -> Answer:
    return Answer(_approvals_json(call, found(call)))


def _approve(call: Call) -> Answer:
    request, sha = found(call), call.body.get("sha")
    if sha is not None and sha != request.sha:
        raise No(409, f"SHA does not match HEAD of source branch: {request.sha}")
    approve(call.site, request, call.user)
    return Answer(_approvals_json(call, request), 201)


def approve(site: Site, request: MergeRequest, user: User) -> None:
    """Somebody approves; GitLab says no to authors and committers where the project does."""
    project = request.project
    wrote = {site.by_email(made.author.email) for made in plumbing.listed(project.bare, f"{request.versions[-1].base}..{request.sha}")}
    is_author = user is request.author and not project.author_may_approve
    is_committer = user in wrote and project.committers_may_not_approve
    if request.state != "opened" or is_author or is_committer or user.id in request.approvals:
        raise No(401, "401 Unauthorized")
    request.approvals[user.id] = site.now()
    request.notes.append(Note(site.next_id(), user, "approved this merge request", site.now(), is_system=True))
    site.tell("merge_request", project, user, {"request": request, "action": "approved"})


def _unapprove(call: Call) -> Answer:
    request = found(call)
    if request.approvals.pop(call.user.id, None) is None:
        raise No(404, "404 Not found")
    return Answer(_approvals_json(call, request), 201)


def _reset_approvals(call: Call) -> Answer:
    if not call.user.is_bot:
        raise No(401, "401 Unauthorized")
    found(call).approvals.clear()
    return Answer(None, 202)


def _approval_state(call: Call) -> Answer:
    request = found(call)
    people = [user_json(call.site, call.site.by_id(each)) for each in request.approvals]
    enough = len(people) >= request.project.approvals_required
    rule = {"id": 1, "name": "All Members", "rule_type": "any_approver", "approvals_required": request.project.approvals_required}
    rule |= {"approved_by": people, "approved": enough, "eligible_approvers": [], "users": [], "groups": [], "overridden": False}
    return Answer({"approval_rules_overwritten": False, "rules": [rule]})


def _reviewers(call: Call) -> Answer:
    request = found(call)
    rows = [(user, "approved" if user.id in request.approvals else "unreviewed") for user in request.reviewers]
    return Answer([{"user": user_json(call.site, user), "state": state, "created_at": request.at} for user, state in rows])


def _of_commit(call: Call) -> Answer:
    project, sha = call.project, call.values["sha"]
    rows = [each for each in project.requests if any(project.bare.is_ancestor(sha, version.head) for version in each.versions)]
    return Answer(
        [request_json(call.site, each, is_whole=False) for each in rows if not project.bare.is_ancestor(sha, each.versions[0].start)]
    )


def _pipelines(call: Call) -> Answer:
    request = found(call)
    refs = (f"refs/merge-requests/{request.iid}/head", request.source_branch)
    rows = [each for each in request.project.pipelines if each.ref in refs and not each.lag]
    return Answer([pipeline_json(call.site, request.project, each) for each in reversed(rows)])


def _cancel(call: Call) -> Answer:
    request = found(call)
    if not request.auto_merge:
        raise No(406, "406 Not Acceptable")
    request.auto_merge = False
    return Answer(request_json(call.site, request), 201)


def _train(call: Call) -> Answer:
    project, branch = call.project, call.values.get("target_branch")
    over = ("merged", "skip_merged")
    rows = [car for car in project.train if branch in (None, car.request.target_branch)]
    if call.one("scope"):
        rows = [car for car in rows if (car.status in over) == (call.one("scope") == "complete")]
    rows = rows if call.one("sort", "desc") == "asc" else rows[::-1]
    return Answer([_car_json(call.site, car) for car in rows])


def _car(call: Call) -> Answer:
    request = found(call)
    cars = [car for car in call.project.train if car.request is request]
    if not cars:
        raise No(404, "404 Not Found")
    return Answer(_car_json(call.site, cars[-1]))


def _board(call: Call) -> Answer:
    """Join the merge train: at once, or with auto_merge once the pipeline is done."""
    request, project = found(call), call.writable()
    if not project.has_trains:
        raise No(403, "403 Forbidden")
    if not project.may_merge(call.user, request.target_branch):
        raise No(401, "401 Unauthorized")
    sha = call.body.get("sha")
    if sha is not None and sha != request.sha:
        raise No(409, f"SHA does not match HEAD of source branch: {request.sha}")
    request.checking = 0
    if detailed_status(request) not in ("mergeable", "need_rebase") or actual_pipeline(request) is None:
        raise No(400, "The merge request is not currently mergeable")
    car = Car(call.site.next_id(), request, call.user, "fresh", call.site.now())
    project.train.append(car)
    request.auto_merge = True
    return Answer([_car_json(call.site, each) for each in project.train], 201)


def _car_json(site: Site, car: Car) -> dict[str, Any]:
    request = car.request
    url = web(site, request.project.path, "-", "merge_requests", str(request.iid))
    short = {"id": request.id, "iid": request.iid, "project_id": request.project.id, "title": request.title, "state": request.state}
    return {
        "id": car.id,
        "merge_request": short | {"description": request.description, "created_at": request.at, "updated_at": request.at, "web_url": url},
        "user": user_json(site, car.user),
        "pipeline": pipeline_json(site, request.project, car.pipeline) if car.pipeline else None,
        "created_at": car.at,
        "updated_at": car.at,
        "target_branch": request.target_branch,
        "status": car.status,
        "merged_at": request.merged_at,
        "duration": 0,
    }


ROUTES: Mapping[str, Route] = {
    "get /projects/{id}/merge_requests": _list,
    "post /projects/{id}/merge_requests": _create,
    f"get {_ONE}": _get,
    f"put {_ONE}": _update,
    f"put {_ONE}/merge": _merge,
    f"put {_ONE}/rebase": _rebase,
    f"get {_ONE}/merge_ref": _merge_ref,
    f"get {_ONE}/versions": _versions,
    f"get {_ONE}/versions/{{version_id}}": _version,
    f"get {_ONE}/diffs": _diffs,
    f"get {_ONE}/commits": _commits,
    f"get {_ONE}/pipelines": _pipelines,
    f"get {_ONE}/approvals": _approvals,
    f"get {_ONE}/approval_state": _approval_state,
    f"post {_ONE}/approve": _approve,
    f"post {_ONE}/unapprove": _unapprove,
    f"put {_ONE}/reset_approvals": _reset_approvals,
    f"get {_ONE}/reviewers": _reviewers,
    f"post {_ONE}/cancel_merge_when_pipeline_succeeds": _cancel,
    "get /projects/{id}/repository/commits/{sha}/merge_requests": _of_commit,
    "get /projects/{id}/merge_trains": _train,
    "get /projects/{id}/merge_trains/{target_branch}": _train,
    "get /projects/{id}/merge_trains/merge_requests/{merge_request_iid}": _car,
    "post /projects/{id}/merge_trains/merge_requests/{merge_request_iid}": _board,
}
