"""Notes, issues, pipelines and commit statuses."""

from collections.abc import Mapping
from typing import Any

from tests.forges.gitlab import plumbing
from tests.forges.gitlab.commands import noticed, without_commands
from tests.forges.gitlab.merge_requests import found
from tests.forges.gitlab.people import user_json
from tests.forges.gitlab.quick import obeyed
from tests.forges.gitlab.records import DEVELOPER, REPORTER, Issue, MergeRequest, Note, Pipeline, Project, Site, Status, User
from tests.forges.gitlab.repository import pipeline_json
from tests.forges.gitlab.server import Answer, Call, No, Route, number, texts, web

_ISSUES = "/projects/{id}/issues"
_NOTES = "/projects/{id}/merge_requests/{merge_request_iid}/notes"


def _note_json(site: Site, project: Project, about: MergeRequest | Issue, note: Note) -> dict[str, Any]:
    return {
        "id": note.id,
        "type": None,
        "body": note.body,
        "author": user_json(site, note.author),
        "created_at": note.at,
        "updated_at": note.edited_at or note.at,
        "system": note.is_system,
        "noteable_id": about.id,
        "noteable_type": type(about).__name__,
        "project_id": project.id,
        "noteable_iid": about.iid,
        "resolvable": False,
        "confidential": False,
        "internal": False,
        "imported": False,
        "imported_from": "none",
    }


def _listed(call: Call, about: MergeRequest | Issue) -> Answer:
    rows = [_note_json(call.site, call.project, about, note) for note in about.notes]
    return Answer(rows if call.one("sort", "desc") == "asc" else rows[::-1])


def said(site: Site, project: Project, about: MergeRequest | Issue, user: User, text: str) -> Note | None:
    """Somebody comments; a note of nothing but commands is none."""
    sign = "!" if isinstance(about, MergeRequest) else "#"
    noticed(site, user, text, f"{sign}{about.iid}")
    left = without_commands(text)
    obeyed(site, about, user, text)
    if not left.strip():
        return None
    note = Note(site.next_id(), user, left, site.now())
    about.notes.append(note)
    rest: dict[str, object] = {"note": left}
    site.tell("note", project, user, rest | ({"request": about} if isinstance(about, MergeRequest) else {}))
    return note


def _new_note(call: Call, about: MergeRequest | Issue) -> Answer:
    project = call.wants(REPORTER)
    text = str(call.body.get("body", ""))
    if not text.strip():
        raise No(400, '400 Bad request - Note {:note=>["can\'t be blank"]}')
    note = said(call.site, project, about, call.user, text)
    if note is None:
        return Answer({"commands_changes": {}, "summary": ["Commands applied"]}, 202)
    return Answer(_note_json(call.site, project, about, note), 201)


def _edit_note(call: Call) -> Answer:
    request = found(call)
    note = next((each for each in request.notes if each.id == number(call.values["note_id"])), None)
    if note is None:
        raise No(404, "404 Not found")
    if note.author is not call.user:
        raise No(403, "403 Forbidden")
    note.body = str(call.body["body"])
    noticed(call.site, call.user, note.body, f"!{request.iid}")
    return Answer(_note_json(call.site, call.project, request, note))


def _issue(call: Call) -> Issue:
    issue = next((each for each in call.project.issues if str(each.iid) == call.values["issue_iid"]), None)
    if issue is None:
        raise No(404, "404 Not found")
    return issue


def _issue_json(site: Site, project: Project, issue: Issue) -> dict[str, Any]:
    return {
        "id": issue.id,
        "iid": issue.iid,
        "project_id": project.id,
        "title": issue.title,
        "description": issue.description,
        "state": issue.state,
        "created_at": issue.at,
        "updated_at": issue.at,
        "closed_at": None,
        "labels": issue.labels,
        "author": user_json(site, issue.author),
        "assignees": [],
        "type": "ISSUE",
        "issue_type": "issue",
        "confidential": False,
        "web_url": web(site, project.path, "-", "issues", str(issue.iid)),
        "references": {"short": f"#{issue.iid}", "relative": f"#{issue.iid}", "full": f"{project.path}#{issue.iid}"},
    }


def _issues(call: Call) -> Answer:
    state, wanted = call.one("state", "all"), call.many("labels")
    rows = [each for each in call.project.issues if state in ("all", each.state) and set(wanted) <= set(each.labels)]
    rows = [each for each in rows if call.one("author_username", each.author.username) == each.author.username]
    rows = [each for each in rows if call.one("author_id", str(each.author.id)) == str(each.author.id)]
    rows = rows if call.one("sort", "desc") == "asc" else rows[::-1]
    return Answer([_issue_json(call.site, call.project, each) for each in rows])


def _new_issue(call: Call) -> Answer:
    project = call.wants(REPORTER)
    iid, text = len(project.issues) + 1, str(call.body.get("description") or "")
    issue = Issue(
        call.site.next_id(),
        iid,
        call.user,
        str(call.body["title"]),
        without_commands(text),
        texts(call.body.get("labels")),
        call.site.now(),
    )
    project.issues.append(issue)
    noticed(call.site, call.user, text, f"#{iid}")
    obeyed(call.site, issue, call.user, text)
    return Answer(_issue_json(call.site, project, issue), 201)


def _edit_issue(call: Call) -> Answer:
    call.writable()
    issue, body = _issue(call), call.body
    if "title" in body:
        issue.title = str(body["title"])
    if "description" in body:
        text = str(body["description"] or "")
        noticed(call.site, call.user, text, f"#{issue.iid}")
        issue.description = without_commands(text)
        obeyed(call.site, issue, call.user, text)
    if "state_event" in body:
        issue.state = "closed" if body["state_event"] == "close" else "opened"
    if "labels" in body:
        issue.labels = texts(body["labels"])
    return Answer(_issue_json(call.site, call.project, issue))


def _pipelines(call: Call) -> Answer:
    rows = [each for each in call.project.pipelines if call.one("sha", each.sha) == each.sha and call.one("ref", each.ref) == each.ref]
    rows = [each for each in rows if call.one("status", each.status) == each.status and call.one("source", each.source) == each.source]
    rows = rows if call.one("sort", "desc") == "asc" else rows[::-1]
    return Answer([pipeline_json(call.site, call.project, each) for each in rows])


def _pipeline(call: Call) -> Answer:
    rows = [each for each in call.project.pipelines if str(each.id) == call.values["pipeline_id"]]
    if not rows:
        raise No(404, "404 Not found")
    return Answer(pipeline_json(call.site, call.project, rows[0]) | {"user": user_json(call.site, rows[0].user), "tag": False})


def _status_json(site: Site, status: Status) -> dict[str, Any]:
    return {
        "id": status.id,
        "sha": status.sha,
        "ref": status.ref,
        "status": status.state,
        "name": status.name,
        "target_url": status.target_url,
        "description": status.description,
        "created_at": "2026-03-02T08:00:00.000Z",
        "started_at": None,
        "finished_at": None,
        "allow_failure": False,
        "coverage": None,
        "author": user_json(site, status.author),
        "pipeline_id": status.pipeline_id,
    }


def _statuses(call: Call) -> Answer:
    """The newest of each name, or all."""
    rows = [each for each in call.project.statuses if each.sha == call.values["sha"] and call.one("name", each.name) == each.name]
    newest = {(each.name, each.ref): each for each in rows}
    return Answer([_status_json(call.site, each) for each in (rows if call.is_set("all") else newest.values())])


def _set_status(call: Call) -> Answer:
    project, sha = call.wants(DEVELOPER), call.values["sha"]
    if plumbing.found(project.bare, sha) is None:
        raise No(404, "404 Commit Not Found")
    return Answer(_status_json(call.site, set_status(call.site, project, sha, call.user, call.body)), 201)


def set_status(site: Site, project: Project, sha: str, user: User, body: Mapping[str, Any]) -> Status:
    """Any Developer may say anything of a commit. Where no pipeline ran, GitLab makes one of source "external" of it."""
    name = str(body.get("name") or body.get("context") or "default")
    ran = [each for each in project.pipelines if each.sha == sha and (not body.get("pipeline_id") or each.id == body["pipeline_id"])]
    if body.get("pipeline_id") and not ran:
        raise No(404, "404 Pipeline Not Found")
    state = str(body["state"])
    last = [each for each in project.statuses if (each.sha, each.name) == (sha, name)]
    if last and last[-1].state == state and state in ("pending", "running"):
        event = "enqueue" if state == "pending" else "run"
        raise No(400, f"Cannot transition status via :{event} from :{state} (Reason(s): Status cannot transition via :{event})")
    pipeline = ran[-1] if ran else Pipeline(site.next_id(), sha, str(body.get("ref") or _branch_at(project, sha)), state, "external", user)
    if not ran:
        project.pipelines.append(pipeline)
    elif pipeline.source == "external" or state == "failed":
        pipeline.status = state
    description, url = str(body.get("description") or ""), body.get("target_url")
    status = Status(site.next_id(), sha, pipeline.ref, name, state, user, pipeline.id, description, url)
    project.statuses.append(status)
    noticed(site, user, description, f"a status of {sha[:8]}")
    return status


def _branch_at(project: Project, sha: str) -> str:
    out = project.bare.run("for-each-ref", "--format=%(refname:lstrip=2)", f"--contains={sha}", "refs/heads").decode().split("\n")
    if not out[0]:
        raise No(404, "404 References for commit Not Found")
    return out[0]


ROUTES: Mapping[str, Route] = {
    f"get {_NOTES}": lambda call: _listed(call, found(call)),
    f"post {_NOTES}": lambda call: _new_note(call, found(call)),
    f"put {_NOTES}/{{note_id}}": _edit_note,
    f"get {_ISSUES}": _issues,
    f"post {_ISSUES}": _new_issue,
    f"get {_ISSUES}/{{issue_iid}}": lambda call: Answer(_issue_json(call.site, call.project, _issue(call))),
    f"put {_ISSUES}/{{issue_iid}}": _edit_issue,
    f"get {_ISSUES}/{{issue_iid}}/notes": lambda call: _listed(call, _issue(call)),
    f"post {_ISSUES}/{{issue_iid}}/notes": lambda call: _new_note(call, _issue(call)),
    "get /projects/{id}/pipelines": _pipelines,
    "get /projects/{id}/pipelines/{pipeline_id}": _pipeline,
    "get /projects/{id}/repository/commits/{sha}/statuses": _statuses,
    "post /projects/{id}/statuses/{sha}": _set_status,
}
