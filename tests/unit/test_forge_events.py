"""A webhook is a hint: enough to know where to look, and nothing to believe."""

import json
from pathlib import Path
from typing import Any

import pytest

from trimtab.errors import BadInput
from trimtab.records import CommitSha
from trimtab.sources.forge_events import ForgeEvent, parse_forge_event
from trimtab.sources.palette_events import PaletteWake, parse
from trimtab.sources.senders import Request

EVENTS = Path(__file__).parents[2] / "events" / "receive"
HEAD = CommitSha("3f1c9d2e5b7a8c4d6e0f1a2b3c4d5e6f7a8b9c0d")
REPO = {"full_name": "example/clusters"}


def recorded(name: str) -> Request:
    event = json.loads((EVENTS / f"{name}.json").read_text())
    return Request(event["path"], event["headers"], event["body"].encode())


def github(kind: str, **event: Any) -> Request:
    return Request("/github", {"x-github-event": kind}, json.dumps(event).encode())


def gitlab(**event: Any) -> Request:
    return Request("/gitlab", {}, json.dumps(event).encode())


def hint(kind: Any, number: int | None, action: str, actor: str, repo: str = "example/clusters", **more: Any) -> ForgeEvent:
    whole: dict[str, Any] = {"head": HEAD if number else None} | more
    return ForgeEvent(kind=kind, repo=repo, number=number, action=action, actor=actor, **whole)


CASES = [
    (recorded("github_pull_request"), hint("pull-request", 17, "synchronize", "ml-owner")),
    (recorded("github_review"), hint("review", 17, "submitted", "ml-owner")),
    (recorded("gitlab_merge_request"), hint("pull-request", 9, "approved", "ml-owner")),
    (
        github("check_suite", repository=REPO, action="completed", check_suite={"head_sha": HEAD, "pull_requests": [{"number": 17}]}),
        hint("checks", 17, "completed", ""),
    ),
    (
        github("check_suite", repository=REPO, action="completed", check_suite={"pull_requests": [{"number": 1}, {"number": 2}]}),
        hint("checks", None, "completed", ""),
    ),
    (github("push", repository=REPO, ref="refs/heads/main", after="not a sha"), hint("push", None, "refs/heads/main", "")),
    (github("ping", zen="Design for failure."), hint("other", None, "", "", repo="")),
    (github("issue_comment", repository=REPO, action="created", sender="text"), hint("other", None, "created", "")),
    (
        gitlab(object_kind="pipeline", project={"path_with_namespace": "a/b"}, object_attributes={"status": "success"}),
        hint("checks", None, "success", "", repo="a/b"),
    ),
    (gitlab(object_kind="note", project={"path_with_namespace": "a/b"}), hint("other", None, "", "", repo="a/b")),
    (
        gitlab(object_kind="note", project={"path_with_namespace": "a/b", "id": 7}, merge_request={"iid": 9, "last_commit": {"id": HEAD}}),
        hint("comment", 9, "note", "", repo="a/b", repo_id=7),
    ),
    (
        github("issue_comment", repository=REPO | {"id": 5}, action="created", issue={"number": 17, "pull_request": {}}),
        hint("comment", 17, "created", "", repo_id=5, head=None),
    ),
    (github("issue_comment", repository=REPO, action="created", issue={"number": 17}), hint("other", None, "created", "")),
    (
        github("check_run", repository=REPO, action="completed", check_run={"name": "plan", "head_sha": HEAD, "pull_requests": []}),
        hint("checks", None, "completed", "", head=HEAD, name="plan"),
    ),
    (
        github("status", repository=REPO, sha=HEAD, state="success", context="atlantis/plan"),
        hint("checks", None, "success", "", head=HEAD, name="atlantis/plan"),
    ),
    (
        github("merge_group", repository=REPO, action="checks_requested", merge_group={"head_sha": HEAD}),
        hint("queue", None, "checks_requested", "", head=HEAD),
    ),
    (
        github("pull_request_review", repository=REPO, action="dismissed", pull_request={"number": 17, "head": {"sha": HEAD}}),
        hint("review", 17, "dismissed", ""),
    ),
    (github("installation", action="suspend", sender={"login": "admin"}), hint("installation", None, "suspend", "admin", repo="")),
    (github("installation_repositories", action="removed"), hint("installation", None, "removed", "", repo="")),
    (github("status", repository=REPO | {"id": True}, sha="../../x"), hint("checks", None, "", "", repo_id=None)),
]


@pytest.mark.parametrize(("request_", "expected"), CASES)
def test_a_hook_becomes_a_hint(request_: Request, expected: ForgeEvent) -> None:
    assert parse_forge_event(request_) == expected


@pytest.mark.parametrize(
    ("request_", "named"),
    [
        (github("pull_request", repository=REPO), "pull_request"),
        (github("pull_request", repository=REPO, pull_request={"number": "17", "head": {}}), "pull_request.number"),
        (github("pull_request", repository=REPO, pull_request={"number": True, "head": {}}), "pull_request.number"),
        (github("pull_request", pull_request={"number": 17, "head": {}}), "repository"),
        (github("push", repository={"full_name": 5}), "repository.full_name"),
        (gitlab(object_kind="merge_request", project={"path_with_namespace": "a/b"}), "object_attributes"),
        (Request("/github", {}, b"[]"), "JSON object"),
        (Request("/github", {}, b"{"), "not JSON"),
    ],
)
def test_a_hook_that_cannot_be_read_names_the_place(request_: Request, named: str) -> None:
    with pytest.raises(BadInput, match=named):
        parse_forge_event(request_)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"project_uid":"p1","message":"all well"}', "all well"),
        (b'{"project_uid":"p1"}', ""),
        (b'{"project_uid":"p1","message":"node "a" is down"}', 'node "a" is down'),
        (b'{"project_uid":"p1","message":"first\nsecond"}', "first\nsecond"),
    ],
)
def test_a_palette_wake_names_its_project(body: bytes, message: str) -> None:
    assert parse(body) == PaletteWake(parse(b'{"project_uid":"p1"}').project_uid, message)


def test_a_project_in_the_broken_message_is_not_believed() -> None:
    """The message is outside text; only what our own template says before it may name the project."""
    assert parse(b'{"project_uid":"ours","message":"x","project_uid":"theirs" "}').project_uid == "ours"
    with pytest.raises(BadInput):
        parse(b'{"message":"x" "project_uid":"theirs" "}')


@pytest.mark.parametrize("body", [b"", b"[]", b'{"project_uid":5}', b'{"project_uid":"../x"}', b'{"message":"x"}', b"\xff"])
def test_a_wake_without_a_project_is_refused(body: bytes) -> None:
    with pytest.raises(BadInput):
        parse(body)
