"""The operations that the description does not cover, each with the page of GitLab's documentation that is about it.

Not verified word by word: older copies of these pages were read, and of users one that is from before `bot` was in it.

The form is the description's own, so that both are read alike. `MISTAKES` is what the description gets wrong about itself.
"""

from typing import Any

_DOCS = "https://docs.gitlab.com/api/"
_TEXT, _NUMBER, _FLAG = {"type": "string"}, {"type": "integer"}, {"type": "boolean"}
_PAGE: dict[str, dict[str, Any]] = {"page": _NUMBER, "per_page": _NUMBER}
_SORTED = {
    **_PAGE,
    "sort": {"type": "string", "enum": ["asc", "desc"]},
    "order_by": {"type": "string", "enum": ["created_at", "updated_at"]},
}
_SCOPED = {**_SORTED, "scope": {"type": "string", "enum": ["active", "complete"]}}
_USER = {"$ref": "#/definitions/API_Entities_UserBasic"}
_ANY: dict[str, Any] = {}


def _object(required: str = "", /, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required.split()}


def _operation(
    page: str, status: str, answer: dict[str, Any] | None, query: dict[str, Any] | None = None, body: dict[str, Any] | None = None
) -> dict[str, Any]:
    parameters = [{"in": "query", "name": name, **schema} for name, schema in (query or {}).items()]
    if body is not None:
        parameters.append({"in": "body", "name": "body", "schema": body})
    return {"externalDocs": {"url": _DOCS + page}, "parameters": parameters, "responses": {status: {"schema": answer} if answer else {}}}


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


_ME = _object(
    "id username",
    id=_NUMBER, username=_TEXT, name=_TEXT, state=_TEXT, locked=_FLAG, avatar_url=_TEXT, web_url=_TEXT, created_at=_TEXT, bio=_TEXT,
    location=_TEXT, public_email=_TEXT, bot=_FLAG, job_title=_TEXT, email=_TEXT, commit_email=_TEXT, is_admin=_FLAG, external=_FLAG,
)  # fmt: skip
_NOTE = {"$ref": "#/definitions/API_Entities_Note"}
_LABEL = _object(
    "id name color",
    id=_NUMBER, name=_TEXT, color=_TEXT, text_color=_TEXT, description=_TEXT, description_html=_TEXT, priority=_NUMBER, archived=_FLAG,
    is_project_label=_FLAG, subscribed=_FLAG, open_issues_count=_NUMBER, closed_issues_count=_NUMBER, open_merge_requests_count=_NUMBER,
)  # fmt: skip
_CAR = _object(
    "id status",
    id=_NUMBER, merge_request=_ANY, user=_USER, pipeline=_ANY, created_at=_TEXT, updated_at=_TEXT, target_branch=_TEXT, merged_at=_TEXT,
    duration=_NUMBER,
    status={"type": "string", "enum": ["idle", "merged", "stale", "fresh", "merging", "skip_merged"]},
)  # fmt: skip
_APPROVAL_SETTINGS = _object(
    "reset_approvals_on_push",
    approvals_before_merge=_NUMBER, reset_approvals_on_push=_FLAG, selective_code_owner_removals=_FLAG,
    disable_overriding_approvers_per_merge_request=_FLAG, merge_requests_author_approval=_FLAG,
    merge_requests_disable_committers_approval=_FLAG, require_password_to_approve=_FLAG, require_reauthentication_to_approve=_FLAG,
    approvers=_list(_ANY), approver_groups=_list(_ANY),
)  # fmt: skip
_RULE = _object(
    "id name approvals_required",
    id=_NUMBER, name=_TEXT, rule_type=_TEXT, report_type=_TEXT, eligible_approvers=_list(_USER), approvals_required=_NUMBER,
    users=_list(_USER), groups=_list(_ANY), contains_hidden_groups=_FLAG, protected_branches=_list(_ANY),
    applies_to_all_protected_branches=_FLAG,
)  # fmt: skip
_WRITE_NOTE = _object("body", body=_TEXT, created_at=_TEXT, internal=_FLAG, confidential=_FLAG, merge_request_diff_head_sha=_TEXT)
_WRITE_LABEL = _object("name color", name=_TEXT, color=_TEXT, description=_TEXT, priority=_NUMBER, archived=_FLAG)
_NEW_CAR = _object(when_pipeline_succeeds=_FLAG, auto_merge=_FLAG, sha=_TEXT, squash=_FLAG)
_NOTES = "/projects/{id}/merge_requests/{merge_request_iid}/notes"
_ISSUE_NOTES = "/projects/{id}/issues/{issue_iid}/notes"
_TRAIN = "/projects/{id}/merge_trains"

PATHS: dict[str, dict[str, Any]] = {
    "/user": {"get": _operation("users/", "200", _ME)},
    "/users": {"get": _operation("users/", "200", _list(_USER), {**_PAGE, "username": _TEXT, "search": _TEXT})},
    "/users/{id}": {"get": _operation("users/", "200", _ME)},
    "/groups/{id}/members": {
        "get": _operation("members/", "200", _list({"$ref": "#/definitions/API_Entities_Member"}), {**_PAGE, "query": _TEXT}),
    },
    "/projects/{id}/approvals": {
        "get": _operation("merge_request_approvals/", "200", _APPROVAL_SETTINGS),
    },
    "/projects/{id}/approval_rules": {"get": _operation("merge_request_approvals/", "200", _list(_RULE), _PAGE)},
    "/projects/{id}/labels": {
        "get": _operation("labels/", "200", _list(_LABEL), {**_PAGE, "search": _TEXT, "with_counts": _FLAG}),
        "post": _operation("labels/", "201", _LABEL, None, _WRITE_LABEL),
    },
    _NOTES: {
        "get": _operation("notes/", "200", _list(_NOTE), _SORTED),
        "post": _operation("notes/", "201", _NOTE, None, _WRITE_NOTE),
    },
    f"{_NOTES}/{{note_id}}": {"put": _operation("notes/", "200", _NOTE, None, _object("body", body=_TEXT))},
    _ISSUE_NOTES: {
        "get": _operation("notes/", "200", _list(_NOTE), _SORTED),
        "post": _operation("notes/", "201", _NOTE, None, _WRITE_NOTE),
    },
    _TRAIN: {"get": _operation("merge_trains/", "200", _list(_CAR), _SCOPED)},
    f"{_TRAIN}/{{target_branch}}": {
        "get": _operation("merge_trains/", "200", _list(_CAR), _SCOPED),
    },
    f"{_TRAIN}/merge_requests/{{merge_request_iid}}": {
        "get": _operation("merge_trains/", "200", _CAR),
        "post": _operation("merge_trains/", "201", _list(_CAR), None, _NEW_CAR),
    },
}  # fmt: skip

MISTAKES: dict[str, str] = {
    "postApiV4ProjectsIdRepositoryCommits.actions[].content": "wanted for create and update only (commits/)",
    "postApiV4ProjectsIdRepositoryCommits.actions[].previous_path": "wanted for move only (commits/)",
    "postApiV4ProjectsIdRepositoryCommits.actions[].execute_filemode": "wanted for chmod only (commits/)",
}
"""Keys that the description calls required and GitLab does not, with the page that is about them."""

PAGED = ("page", "per_page")
"""Every list is paged, also where the description forgets it (rest/#pagination)."""
