"""Users, members, projects, events, and what is the same for a project whatever is in it."""

from collections.abc import Mapping
from typing import Any

from tests.forges.gitlab.records import MAINTAINER, Project, Push, Site, User
from tests.forges.gitlab.server import Answer, Call, No, Route, number, web


def user_json(site: Site, user: User) -> dict[str, Any]:
    """A user, as every answer has them."""
    return {
        "id": user.id,
        "username": user.username,
        "name": user.name,
        "public_email": "",
        "state": user.state,
        "locked": False,
        "avatar_url": None,
        "web_url": web(site, user.username),
    }


def _me(call: Call) -> Answer:
    email = {"email": call.user.email, "commit_email": call.user.email}
    return Answer(user_json(call.site, call.user) | email | {"bot": call.user.is_bot, "created_at": "2026-01-01T00:00:00.000Z"})


def _users(call: Call) -> Answer:
    kept = [user for user in call.site.users.values() if call.one("username", user.username).lower() == user.username.lower()]
    return Answer([user_json(call.site, user) for user in kept])


def _one_user(call: Call) -> Answer:
    people = [user for user in call.site.users.values() if str(user.id) == call.values["id"]]
    if not people:
        raise No(404, "404 User Not Found")
    return Answer(user_json(call.site, people[0]) | {"bot": people[0].is_bot, "created_at": "2026-01-01T00:00:00.000Z"})


def _token(call: Call) -> Answer:
    known = {"id": call.user.id, "name": call.user.name, "user_id": call.user.id, "scopes": ["api"], "active": True, "revoked": False}
    return Answer(known | {"created_at": "2026-01-01T00:00:00.000Z", "expires_at": "2027-01-01", "description": None})


def _member_json(site: Site, project: Project, user: User) -> dict[str, Any]:
    level = {"access_level": project.access(user), "created_at": "2026-01-01T00:00:00.000Z", "expires_at": None}
    return user_json(site, user) | level | {"membership_state": "active"}


def _members(call: Call) -> Answer:
    project, wanted = call.project, call.one("query").lower()
    ids = [int(each) for each in call.many("user_ids")]
    people = [user for user in call.site.users.values() if project.access(user) and wanted in f"{user.username} {user.name}".lower()]
    return Answer([_member_json(call.site, project, user) for user in people if not ids or user.id in ids])


def _group_members(call: Call) -> Answer:
    """A group's own members; a group that one may not see is not there."""
    if call.values["id"] not in call.site.groups:
        raise No(404, "404 Group Not Found")
    level = {"access_level": MAINTAINER, "created_at": "2026-01-01T00:00:00.000Z", "expires_at": None, "membership_state": "active"}
    return Answer([user_json(call.site, user) | level for user in call.site.groups[call.values["id"]]])


def _member(call: Call) -> Answer:
    project, wanted = call.project, number(call.values["user_id"])
    people = [user for user in call.site.users.values() if user.id == wanted and project.access(user)]
    if not people:
        raise No(404, "404 Not found")
    return Answer(_member_json(call.site, project, people[0]))


def _project(call: Call) -> Answer:
    project = call.project
    group, _, name = project.path.rpartition("/")
    url = web(call.site, project.path)
    body = {
        "id": project.id,
        "description": "",
        "name": name,
        "name_with_namespace": f"{group} / {name}",
        "path": name,
        "path_with_namespace": project.path,
        "created_at": "2026-01-01T00:00:00.000Z",
        "default_branch": project.bare.default_branch(),
        "topics": [],
        "http_url_to_repo": f"{url}.git",
        "web_url": url,
        "namespace": {"id": 1, "name": group, "path": group, "kind": "group", "full_path": group, "parent_id": None, "web_url": url},
        "visibility": "private" if project.is_private else "public",
        "empty_repo": False,
        "archived": project.is_archived,
        "issues_enabled": True,
        "merge_requests_enabled": True,
        "merge_method": project.merge_method,
        "squash_option": "default_off",
        "only_allow_merge_if_pipeline_succeeds": project.needs_pipeline,
        "allow_merge_on_skipped_pipeline": project.skipped_is_success,
        "only_allow_merge_if_all_discussions_are_resolved": project.needs_discussions,
        "remove_source_branch_after_merge": False,
        "merge_pipelines_enabled": project.has_trains,
        "merge_trains_enabled": project.has_trains,
        "autoclose_referenced_issues": True,
        "approvals_before_merge": project.approvals_required,
        "repository_object_format": "sha1",
        "permissions": {
            "project_access": {"access_level": project.access(call.user), "notification_level": 3},
            "group_access": None,
        },
    }
    if project.fork_of:
        body["forked_from_project"] = {"id": project.fork_of.id, "path_with_namespace": project.fork_of.path}
    return Answer(body)


def _approval_settings(call: Call) -> Answer:
    """For Maintainers: ProjectPolicy gives read_approvers with maintainer_access. Without a licence there is no such page."""
    project = call.project
    if not project.has_approval_settings:
        raise No(404, "404 Not Found")
    if project.access(call.user) < MAINTAINER:
        raise No(403, "403 Forbidden")
    body = {
        "approvals_before_merge": project.approvals_required,
        "reset_approvals_on_push": project.resets_approvals,
        "selective_code_owner_removals": False,
        "disable_overriding_approvers_per_merge_request": True,
        "merge_requests_author_approval": project.author_may_approve,
        "merge_requests_disable_committers_approval": project.committers_may_not_approve,
        "require_password_to_approve": False,
        "require_reauthentication_to_approve": False,
    }
    return Answer(body)


def _approval_rules(call: Call) -> Answer:
    project = call.project
    if not project.has_approval_settings:
        raise No(404, "404 Not Found")
    rule = {
        "id": 1,
        "name": "All Members",
        "rule_type": "any_approver",
        "report_type": None,
        "approvals_required": project.approvals_required,
    }
    rule |= {"eligible_approvers": [], "users": [], "groups": [], "contains_hidden_groups": False, "protected_branches": []}
    return Answer([rule | {"applies_to_all_protected_branches": False}] if project.approvals_required else [])


def _labels(call: Call) -> Answer:
    return Answer([_label_json(index, name) for index, name in enumerate(call.project.labels, 1)])


def _new_label(call: Call) -> Answer:
    project, name = call.writable(), str(call.body["name"])
    if name in project.labels:
        raise No(409, "Label already exists")
    project.labels.append(name)
    return Answer(_label_json(len(project.labels), name), 201)


def _label_json(number_: int, name: str) -> dict[str, Any]:
    colors = {"color": "#6699cc", "text_color": "#FFFFFF"}
    return {"id": number_, "name": name, **colors, "description": None, "priority": None, "is_project_label": True}


def _events(call: Call) -> Answer:
    """What was pushed, newest first; GitLab itself writes who it was."""
    user = call.values.get("id", str(call.user.id)) if call.named is None else None
    rows = [push for project in call.site.projects if call.named in (None, project) for push in project.pushes]
    if call.site.late_events:
        call.site.late_events -= 1
        rows = rows[:-1]
    rows = [push for push in rows if user is None or user in (str(push.user.id), push.user.username)]
    wanted = call.one("action")
    rows = [push for push in rows if not wanted or wanted == "pushed"]
    rows = [push for push in rows if call.one("after") < push.at[:10] < (call.one("before") or "9")]
    rows = rows if call.one("sort", "desc") == "asc" else rows[::-1]
    return Answer([_event_json(call.site, push) for push in rows])


def _project_events(call: Call) -> Answer:
    return _events(call) if call.project else Answer([])


def _event_json(site: Site, push: Push) -> dict[str, Any]:
    action = "removed" if push.new is None else "created" if push.old is None else "pushed"
    return {
        "id": push.id,
        "project_id": push.project_id,
        "action_name": {"removed": "deleted", "created": "pushed new", "pushed": "pushed to"}[action],
        "target_id": None,
        "target_iid": None,
        "target_type": None,
        "author_id": push.user.id,
        "target_title": None,
        "created_at": push.at,
        "author": user_json(site, push.user),
        "author_username": push.user.username,
        "imported": False,
        "imported_from": "none",
        "push_data": {
            "commit_count": 1,
            "action": action,
            "ref_type": "branch",
            "commit_from": push.old if push.branch else None,
            "commit_to": push.new if push.branch else None,
            "ref": push.branch or None,
            "commit_title": None,
            "ref_count": None if push.branch else 4,
        },
    }


_VERSION = {"version": "19.2.0-ee", "revision": "0123456789a", "enterprise": True}
ROUTES: Mapping[str, Route] = {
    "get /version": lambda _: Answer(_VERSION),
    "get /metadata": lambda _: Answer(_VERSION),
    "get /user": _me,
    "get /users": _users,
    "get /users/{id}": _one_user,
    "get /personal_access_tokens/self": _token,
    "get /projects/{id}": _project,
    "get /projects/{id}/members": _members,
    "get /projects/{id}/members/all": _members,
    "get /projects/{id}/members/{user_id}": _member,
    "get /groups/{id}/members": _group_members,
    "get /projects/{id}/members/all/{user_id}": _member,
    "get /projects/{id}/approvals": _approval_settings,
    "get /projects/{id}/approval_rules": _approval_rules,
    "get /projects/{id}/labels": _labels,
    "post /projects/{id}/labels": _new_label,
    "get /projects/{id}/events": _project_events,
    "get /users/{id}/events": _events,
    "get /events": _events,
}
