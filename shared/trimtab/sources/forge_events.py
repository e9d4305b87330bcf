"""GitHub and GitLab webhooks → a hint about where to look. What is true there is always read from the forge."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from trimtab.errors import BadInput
from trimtab.records import CommitSha
from trimtab.sources.senders import Request

Kind = Literal["pull-request", "review", "comment", "push", "checks", "queue", "installation", "other"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ForgeEvent:
    """Something happened in a repo; every field may be a lie, none is a fact."""

    kind: Kind
    repo: str
    """owner/name as the forge spells it; "" for an event about no repo (an App's installation, a ping)."""
    number: int | None
    """Pull or merge request, where the event names exactly one."""
    head: CommitSha | None
    action: str
    actor: str
    repo_id: int | None = None
    """The forge's own number of the repo, where it says one."""
    name: str = ""
    """Of a check or status: what it is called."""


def parse_forge_event(request: Request) -> ForgeEvent:
    """The hint in a verified webhook; an event nobody waits for is `other`. Raises BadInput that names the field."""
    event = _body(request)
    if request.path == "/gitlab":
        kind = str(event.get("object_kind", ""))
        return _GITLAB.get(kind, _gitlab_other)(event)
    kind = request.headers.get("x-github-event", "")
    return _GITHUB.get(kind, _github_other)(event)


# ── GitHub ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def _pull_request(event: Mapping[str, Any], kind: Kind = "pull-request") -> ForgeEvent:
    pull = _object(event, "pull_request")
    return _github(event, kind, number=_number(pull, "number", "pull_request"), head=_object(pull, "head", "pull_request").get("sha"))


def _review(event: Mapping[str, Any]) -> ForgeEvent:
    return _pull_request(event, "review")


def _push(event: Mapping[str, Any]) -> ForgeEvent:
    return _github(event, "push", head=event.get("after"), action=str(event.get("ref", "")))


def _check_suite(event: Mapping[str, Any]) -> ForgeEvent:
    suite = _object(event, "check_suite")
    return _github(event, "checks", number=_only_number(suite, "check_suite"), head=suite.get("head_sha"))


def _check_run(event: Mapping[str, Any]) -> ForgeEvent:
    run = _object(event, "check_run")
    name = str(run.get("name", ""))
    return _github(event, "checks", number=_only_number(run, "check_run"), head=run.get("head_sha"), name=name)


def _status(event: Mapping[str, Any]) -> ForgeEvent:
    return _github(event, "checks", head=event.get("sha"), action=str(event.get("state", "")), name=str(event.get("context", "")))


def _merge_group(event: Mapping[str, Any]) -> ForgeEvent:
    return _github(event, "queue", head=_object(event, "merge_group").get("head_sha"))


def _issue_comment(event: Mapping[str, Any]) -> ForgeEvent:
    """A pull request is an issue too; a comment elsewhere is nobody's."""
    issue = _optional(event, "issue")
    if "pull_request" not in issue:
        return _github_other(event)
    return _github(event, "comment", number=_number(issue, "number", "issue"))


def _installation(event: Mapping[str, Any]) -> ForgeEvent:
    return ForgeEvent(kind="installation", repo="", number=None, head=None, action=str(event.get("action", "")), actor=_sender(event))


def _github_other(event: Mapping[str, Any]) -> ForgeEvent:
    return _github(event, "other") if "repository" in event else _nowhere(event)


def _only_number(parent: Mapping[str, Any], name: str) -> int | None:
    listed = parent.get("pull_requests")
    pulls = [pull for pull in listed if isinstance(pull, dict)] if isinstance(listed, list) else []
    return _number(pulls[0], "number", f"{name}.pull_requests[0]") if len(pulls) == 1 else None


def _github(
    event: Mapping[str, Any],
    kind: Kind,
    *,
    number: int | None = None,
    head: object = None,
    action: str | None = None,
    name: str = "",
) -> ForgeEvent:
    repository = _object(event, "repository")
    return ForgeEvent(
        kind=kind,
        repo=_text(repository, "full_name", "repository"),
        number=number,
        head=_sha(head),
        action=str(event.get("action", "")) if action is None else action,
        actor=_sender(event),
        repo_id=_id(repository),
        name=name,
    )


def _sender(event: Mapping[str, Any]) -> str:
    return str(_optional(event, "sender").get("login", ""))


# ── GitLab ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def _merge_request(event: Mapping[str, Any]) -> ForgeEvent:
    request = _object(event, "object_attributes")
    return _gitlab(
        event,
        "pull-request",
        number=_number(request, "iid", "object_attributes"),
        head=_optional(request, "last_commit").get("id"),
        action=str(request.get("action", "")),
    )


def _note(event: Mapping[str, Any]) -> ForgeEvent:
    """A comment on a merge request; on an issue, a commit or a snippet it is nobody's."""
    request = _optional(event, "merge_request")
    if not request:
        return _gitlab_other(event)
    return _gitlab(
        event, "comment", number=_number(request, "iid", "merge_request"), head=_optional(request, "last_commit").get("id"), action="note"
    )


def _gitlab_push(event: Mapping[str, Any]) -> ForgeEvent:
    return _gitlab(event, "push", head=event.get("after"), action=str(event.get("ref", "")))


def _pipeline(event: Mapping[str, Any]) -> ForgeEvent:
    request = _optional(event, "merge_request")
    number = _number(request, "iid", "merge_request") if request else None
    pipeline = _object(event, "object_attributes")
    return _gitlab(event, "checks", number=number, head=pipeline.get("sha"), action=str(pipeline.get("status", "")))


def _gitlab_other(event: Mapping[str, Any]) -> ForgeEvent:
    return _gitlab(event, "other") if "project" in event else _nowhere(event)


def _gitlab(event: Mapping[str, Any], kind: Kind, *, number: int | None = None, head: object = None, action: str = "") -> ForgeEvent:
    actor = event.get("user_username") or _optional(event, "user").get("username", "")
    project = _object(event, "project")
    repo = _text(project, "path_with_namespace", "project")
    return ForgeEvent(kind=kind, repo=repo, number=number, head=_sha(head), action=action, actor=str(actor), repo_id=_id(project))


def _nowhere(event: Mapping[str, Any]) -> ForgeEvent:
    return ForgeEvent(kind="other", repo="", number=None, head=None, action=str(event.get("action", "")), actor="")


_GITHUB: Mapping[str, Callable[[Mapping[str, Any]], ForgeEvent]] = {
    "pull_request": _pull_request,
    "pull_request_review": _review,
    "push": _push,
    "check_suite": _check_suite,
    "check_run": _check_run,
    "status": _status,
    "merge_group": _merge_group,
    "issue_comment": _issue_comment,
    "installation": _installation,
    "installation_repositories": _installation,
}
_GITLAB: Mapping[str, Callable[[Mapping[str, Any]], ForgeEvent]] = {
    "merge_request": _merge_request,
    "note": _note,
    "push": _gitlab_push,
    "pipeline": _pipeline,
}


def _body(request: Request) -> dict[str, Any]:
    try:
        value = json.loads(request.body)
    except (ValueError, RecursionError):
        raise BadInput(f"{request.path}: not JSON") from None
    if not isinstance(value, dict):
        raise BadInput(f"{request.path}: expected a JSON object")
    return value


def _object(parent: Mapping[str, Any], name: str, path: str = "event") -> dict[str, Any]:
    value = parent.get(name)
    if not isinstance(value, dict):
        raise BadInput(f"{path}.{name}: expected an object")
    return value


def _optional(parent: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = parent.get(name)
    return value if isinstance(value, dict) else {}


def _text(parent: Mapping[str, Any], name: str, path: str) -> str:
    value = parent.get(name)
    if not isinstance(value, str) or not value:
        raise BadInput(f"{path}.{name}: expected text")
    return value


def _number(parent: Mapping[str, Any], name: str, path: str) -> int:
    value = parent.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise BadInput(f"{path}.{name}: expected a positive whole number")
    return value


def _id(parent: Mapping[str, Any]) -> int | None:
    value = parent.get("id")
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _sha(value: object) -> CommitSha | None:
    is_sha = isinstance(value, str) and len(value) in (40, 64) and all(letter in "0123456789abcdef" for letter in value)
    return CommitSha(str(value)) if is_sha else None
