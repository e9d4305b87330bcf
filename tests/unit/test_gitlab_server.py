"""The GitLab that tests run against behaves as GitLab does, where a bot would notice."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gitlab
import httpx
import pytest
from gitlab.v4.objects import Project

from tests.forges.gitlab.description import operations
from tests.forges.gitlab.extract import OPERATIONS
from tests.forges.gitlab.records import Protection
from tests.forges.gitlab.uncovered import PATHS
from tests.forges.gitlab.world import MERGER_TOKEN, OWNER_TOKEN, WRITER, WRITER_TOKEN, GitLabWorld
from tests.forges.world import OWNER, READER, Fault
from trimtab.errors import Refused
from trimtab.sources.forge_events import parse_forge_event
from trimtab.sources.senders import Request, sign_webhook

EKS = "clusters/eks.yaml"
START = b"name: training\ncount: 6\n# a\n# b\n# c\nowner: ml\n"
CHANGED = START.replace(b"6", b"4")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[GitLabWorld]:
    made = GitLabWorld(tmp_path, {EKS: START, "README.md": b"# Clusters\n"})
    yield made
    made.end()


def _library(world: GitLabWorld, token: str = WRITER_TOKEN) -> Project:
    """The project through python-gitlab, which does not try again here."""
    api = gitlab.Gitlab(world.site.url, private_token=token)
    project: Project = api.projects.get(world.project.path, max_retries=0, obey_rate_limit=False)
    return project


def _call(world: GitLabWorld, method: str, rest: str, *, token: str = WRITER_TOKEN, **more: Any) -> httpx.Response:
    url = f"{world.site.url}/api/v4/projects/{world.project.id}{rest}"
    return httpx.request(method, url, headers={"PRIVATE-TOKEN": token}, **more)


def _commit(world: GitLabWorld, branch: str, content: bytes = CHANGED, **more: Any) -> httpx.Response:
    action = {"action": "update", "file_path": EKS, "content": base64.b64encode(content).decode(), "encoding": "base64"}
    body = {"branch": branch, "start_sha": world.head("main"), "commit_message": "trimtab: set count", "actions": [action], **more}
    return _call(world, "POST", "/repository/commits", json=body)


def _opened(world: GitLabWorld, branch: str = "trimtab/a", **more: Any) -> httpx.Response:
    return _call(world, "POST", "/merge_requests", json={"source_branch": branch, "target_branch": "main", "title": "6 to 4", **more})


def _merge(world: GitLabWorld, number: int = 1, *, token: str = MERGER_TOKEN, **body: Any) -> httpx.Response:
    return _call(world, "PUT", f"/merge_requests/{number}/merge", token=token, json=body)


def _ready(world: GitLabWorld) -> None:
    """A merge request that could be merged."""
    _commit(world, "trimtab/a")
    _opened(world)
    world.settle()


# ── The library and the description ──────────────────────────────────────────────────────────────────────────────────
def test_python_gitlab_gets_through_a_merge_request_from_branch_to_merge(world: GitLabWorld) -> None:
    project, head = _library(world), world.head("main")
    commit = {"branch": "trimtab/a", "start_sha": head, "commit_message": "set", "actions": [_action(CHANGED)]}
    project.commits.create(commit)
    request = project.mergerequests.create({"source_branch": "trimtab/a", "target_branch": "main", "title": "6 to 4"})
    world.settle()
    request.notes.create({"body": "Waiting for a review."})
    found = project.mergerequests.list(state="opened", get_all=True)
    merger = _library(world, MERGER_TOKEN).mergerequests.get(request.iid)
    merger.merge(merge_commit_message="Merge")

    assert [each.iid for each in found] == [1]
    assert world.pull_requests() == [(1, "trimtab/a", "merged")]
    assert world.violations == ()


def _action(content: bytes) -> dict[str, str]:
    return {"action": "update", "file_path": EKS, "content": content.decode()}


@pytest.mark.parametrize(
    ("method", "rest", "more", "said"),
    [
        ("PUT", "/merge_requests/1/merge?sha=abc", {}, "?sha: not described"),
        ("POST", "/merge_requests", {"json": {"source_branch": "a", "target_branch": "main"}}, "title: missing"),
        ("POST", "/merge_requests", {"json": {"source_branch": "a", "base": "main", "title": "t"}}, "base: not described"),
        ("POST", "/statuses/abc", {"json": {"state": "green"}}, "'green' is none of"),
        ("GET", "/merge_requests?state=open", {}, "'open' is none of"),
        ("GET", "/repository/compare?from=a", {}, "?to: missing"),
        ("PATCH", "/merge_requests/1", {}, "not described"),
        ("POST", "/repository/commits", {"json": {"branch": 1, "commit_message": "", "actions": []}}, "1 is not string"),
    ],
)  # fmt: skip
def test_what_the_description_does_not_allow_is_noted(world: GitLabWorld, method: str, rest: str, more: dict[str, Any], said: str) -> None:
    _call(world, method, rest, **more)

    assert any(said in each for each in world.violations), world.violations


def test_an_answer_that_is_not_as_described_is_noted_too(world: GitLabWorld) -> None:
    object.__setattr__(world.project, "is_archived", "yes")

    _call(world, "GET", "")

    assert any("archived: 'yes' is not boolean" in each for each in world.violations)


def test_every_operation_outside_the_description_names_the_page_that_is_about_it() -> None:
    pages = {node["externalDocs"]["url"] for methods in PATHS.values() for node in methods.values()}

    assert all(page.startswith("https://docs.gitlab.com/api/") and page.endswith("/") for page in pages)


def test_what_is_described_is_what_is_served(world: GitLabWorld) -> None:
    described = {line for line in OPERATIONS.split("\n") if line}
    uncovered = {f"{method} {path}" for path, methods in PATHS.items() for method in methods}

    assert described & uncovered == set()
    assert {operation.name for operation in operations()} == described | uncovered == set(world.server.routes)


@pytest.mark.parametrize(
    ("method", "rest", "content"),
    [
        ("POST", "/merge_requests", b"{"),
        ("POST", "/merge_requests", b"[1]"),
        ("POST", "/merge_requests", b"null"),
        ("POST", "/repository/commits", b'{"branch": "../x", "commit_message": "m", "actions": [{}]}'),
        ("GET", "/merge_requests/1e9", b""),
        ("GET", "/merge_requests?page=-1&per_page=x", b""),
        ("GET", "/repository/tree?path=../..", b""),
        ("GET", "/repository/files/..%2F..%2Fetc%2Fpasswd?ref=main", b""),
        ("GET", "/repository/blobs/--help/raw", b""),
        ("GET", "/repository/commits/--all", b""),
        ("GET", "/repository/compare?from=--help&to=main", b""),
    ],
)
def test_nonsense_is_answered_and_noted(world: GitLabWorld, method: str, rest: str, content: bytes) -> None:
    answer = _call(world, method, rest, content=content)

    assert 400 <= answer.status_code < 500
    assert not [each for each in world.violations if "this server failed" in each]


# ── Who may what ─────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_token_is_asked_for_and_hides_what_it_may_not_see(world: GitLabWorld) -> None:
    world.site.tokens["glpat-outsider"] = world.user("outsider")

    assert _call(world, "GET", "", token="glpat-wrong").status_code == 401
    assert _call(world, "GET", "", token="glpat-outsider").json() == {"message": "404 Project Not Found"}


def test_a_developer_writes_branches_and_neither_pushes_to_main_nor_merges(world: GitLabWorld) -> None:
    _ready(world)

    pushed = _commit(world, "main")
    merged = _merge(world, token=WRITER_TOKEN)

    assert (pushed.status_code, pushed.json()["message"]) == (403, "403 Forbidden - You are not allowed to push into this branch")
    assert (merged.status_code, merged.json()["message"]) == (401, "401 Unauthorized")


def test_protections_and_approval_settings_are_shown_to_maintainers_only(world: GitLabWorld) -> None:
    for rest in ("/protected_branches", "/approvals"):
        assert (_call(world, "GET", rest).status_code, _call(world, "GET", rest, token=MERGER_TOKEN).status_code) == (403, 200)


def test_a_pattern_for_one_user_keeps_everybody_else_off_the_branches(world: GitLabWorld) -> None:
    world.project.protections.append(Protection(9, "trimtab/*", pushers=(world.user(WRITER).id,)))

    assert world.project.may_push(world.user(WRITER), "trimtab/a/b")
    assert not world.project.may_push(world.user(OWNER), "trimtab/a/b")


def test_an_archived_project_takes_nothing(world: GitLabWorld) -> None:
    world.project.is_archived = True

    assert _commit(world, "trimtab/a").status_code == 403


# ── Commits ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_branch_that_exists_is_not_created_again_unless_forced(world: GitLabWorld) -> None:
    _commit(world, "trimtab/a")
    theirs = world.push("trimtab/a", {"mine.txt": b"by hand\n"})

    again = _commit(world, "trimtab/a")
    assert again.status_code == 400
    assert again.json()["message"] == "A branch called 'trimtab/a' already exists. Switch to that branch in order to make changes"
    assert world.head("trimtab/a") == theirs

    forced = _commit(world, "trimtab/a", force=True)
    assert forced.status_code == 201
    assert world.head("trimtab/a") == forced.json()["id"]  # and their work is gone: nothing compares


def test_a_stale_last_commit_id_is_refused(world: GitLabWorld) -> None:
    stale = world.head("main")
    world.push("main", {EKS: START + b"# more\n"})
    action = {"action": "update", "file_path": EKS, "content": "x", "last_commit_id": stale}

    answer = _commit(world, "trimtab/a", actions=[action], start_branch="main", start_sha=None)

    assert answer.status_code == 400
    assert "changed since you started editing it" in answer.json()["message"]


def test_a_file_is_not_created_over_another_and_not_updated_where_there_is_none(world: GitLabWorld) -> None:
    created = _commit(world, "trimtab/a", actions=[{"action": "create", "file_path": EKS, "content": "x"}])
    updated = _commit(world, "trimtab/a", actions=[{"action": "update", "file_path": "none.yaml", "content": "x"}])

    assert (created.status_code, created.json()["message"]) == (400, "A file with this name already exists")
    assert (updated.status_code, updated.json()["message"]) == (400, "A file with this name doesn't exist")


# ── Merge requests ───────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_second_merge_request_from_a_branch_is_a_conflict_that_names_the_first(world: GitLabWorld) -> None:
    _ready(world)

    again = _opened(world)

    assert (again.status_code, again.json()["message"]) == (409, ["Another open merge request already exists for this source branch: !1"])


def test_mergeability_is_worked_out_later(world: GitLabWorld) -> None:
    _commit(world, "trimtab/a")
    _opened(world)

    states = [_call(world, "GET", "/merge_requests/1").json()["detailed_merge_status"] for _ in range(3)]

    assert states == ["preparing", "checking", "mergeable"]


def test_a_merge_right_after_opening_is_not_allowed(world: GitLabWorld) -> None:
    _commit(world, "trimtab/a")
    _opened(world)

    early = _merge(world)

    assert (early.status_code, early.json()["message"]) == (405, "405 Method Not Allowed")


def test_a_merge_of_another_head_says_which_it_is(world: GitLabWorld) -> None:
    _ready(world)

    answer = _merge(world, sha="0" * 40)

    assert answer.status_code == 409
    assert answer.json()["message"] == f"SHA does not match HEAD of source branch: {world.head('trimtab/a')}"


def test_a_conflict_cannot_be_merged(world: GitLabWorld) -> None:
    _ready(world)
    world.push("main", {EKS: START.replace(b"6", b"9")})

    answer = _merge(world, sha=world.head("trimtab/a"))

    assert (answer.status_code, answer.json()["message"]) == (422, "Branch cannot be merged")


@pytest.mark.parametrize("status", ["failed", "running", "canceled"])
def test_a_pipeline_that_did_not_succeed_stops_the_merge(world: GitLabWorld, status: str) -> None:
    _ready(world)
    world.run_pipeline(1, status)

    assert _merge(world).status_code == 405


def test_a_merge_commit_has_the_message_and_both_parents(world: GitLabWorld) -> None:
    _ready(world)
    base, head = world.head("main"), world.head("trimtab/a")

    answer = _merge(world, sha=head, merge_commit_message="By us\n\nTrimtab-Nonce: n1")

    commit = _call(world, "GET", f"/repository/commits/{answer.json()['merge_commit_sha']}").json()
    assert (commit["parent_ids"], commit["message"].strip()) == ([base, head], "By us\n\nTrimtab-Nonce: n1")
    assert world.bytes_of(commit["id"], EKS) == CHANGED


def test_a_fast_forward_makes_no_commit_and_needs_the_newest_base(world: GitLabWorld) -> None:
    world.project.merge_method = "ff"
    _ready(world)
    base = world.push("main", {"README.md": b"# More\n"})

    refused = _merge(world, sha=world.head("trimtab/a"))
    assert (refused.status_code, world.head("main")) == (422, base)

    _call(world, "PUT", "/merge_requests/1/rebase", json={})
    while _call(world, "GET", "/merge_requests/1?include_rebase_in_progress=true").json()["rebase_in_progress"]:
        pass
    world.settle()
    merged = _merge(world, sha=world.head("trimtab/a"))
    assert (merged.status_code, merged.json()["merge_commit_sha"]) == (200, None)
    assert world.head("main") == world.head("trimtab/a")


def test_a_push_takes_approvals_away_only_where_the_project_says_so(world: GitLabWorld) -> None:
    for resets, left in ((True, []), (False, ["reviewer"])):
        world.project.resets_approvals = resets
        branch = f"trimtab/{resets}".lower()
        _commit(world, branch)
        number = _opened(world, branch).json()["iid"]
        world.approve(number, "reviewer")
        world.push(branch, {"more.txt": b"more\n"})

        given = _call(world, "GET", f"/merge_requests/{number}/approvals").json()["approved_by"]
        assert [each["user"]["username"] for each in given] == left


def test_neither_author_nor_committer_approves(world: GitLabWorld) -> None:
    world.push("by-hand", {"a.txt": b"a\n"}, "reviewer")
    number = world.open("by-hand", "By hand")

    for login in (OWNER, "reviewer"):
        with pytest.raises(Refused, match="401"):
            world.approve(number, login)


def test_a_status_by_anybody_makes_a_pipeline_that_ran_nothing(world: GitLabWorld) -> None:
    """What GitLab itself takes for a pipeline that succeeded."""
    world.project.ci = None
    _ready(world)
    head = world.head("trimtab/a")
    assert _merge(world).status_code == 405

    _call(world, "POST", f"/statuses/{head}", json={"state": "success", "name": "forged", "ref": "trimtab/a"})

    shown = _call(world, "GET", "/merge_requests/1").json()["head_pipeline"]
    assert (shown["status"], shown["source"], shown["sha"]) == ("success", "external", head)
    assert _merge(world).status_code == 200


def test_right_after_a_push_the_pipeline_shown_is_the_one_before(world: GitLabWorld) -> None:
    _ready(world)
    before = world.head("trimtab/a")
    world.project.pipeline_lag = 1
    head = world.push("trimtab/a", {"more.txt": b"more\n"})

    shas = [_call(world, "GET", "/merge_requests/1").json()["head_pipeline"]["sha"] for _ in range(2)]

    assert shas == [before, head]


def test_a_fork_of_the_same_branch_name_is_another_source(world: GitLabWorld) -> None:
    fork = world.fork(READER)
    world.push("trimtab/a", {EKS: b"theirs\n"}, READER, project=fork)
    world.open("trimtab/a", "6 to 4", READER, fork=fork)
    _commit(world, "trimtab/a")
    _opened(world)

    sources = {each["iid"]: each["source_project_id"] for each in _call(world, "GET", "/merge_requests").json()}
    assert sources == {1: fork.id, 2: world.project.id}
    assert world.violations == ()


def test_a_merge_train_merges_in_its_order(world: GitLabWorld) -> None:
    world.project.has_trains, world.project.merge_method = True, "ff"
    _ready(world)
    head = world.head("trimtab/a")

    boarded = _call(world, "POST", "/merge_trains/merge_requests/1", token=MERGER_TOKEN, json={"sha": head, "auto_merge": True})
    assert (boarded.status_code, boarded.json()[0]["status"]) == (201, "fresh")
    assert world.pull_requests()[0][2] == "open"

    world.run_train()
    assert world.pull_requests()[0][2] == "merged"


# ── Words that act ───────────────────────────────────────────────────────────────────────────────────────────────────
def test_quick_actions_of_a_description_run_as_whoever_sends_it(world: GitLabWorld) -> None:
    _ready(world)
    world.project.protections.clear()

    _call(world, "PUT", "/merge_requests/1", json={"description": "Looks fine\n/merge\n"})

    assert world.fired == (f"/merge by {WRITER} in !1",)
    assert world.pull_requests() == [(1, "trimtab/a", "merged")]


@pytest.mark.parametrize(
    ("text", "fires"),
    [
        ("/close", ["/close"]),
        ("see `/close`", []),
        ("```\n/close\n```", []),
        ("```\n/close\n", []),
        ("x\r\n/APPROVE now", ["/approve now"]),
        ("\\/close", []),
        ("hello @acme/platform", ["@acme/platform"]),
        ("hello `@acme/platform`", []),
        ("a@b.test", []),
        ("`closes #1`", ["closes #1"]),
        ("closes one", []),
    ],
)
def test_a_comment_fires_what_gitlab_would(world: GitLabWorld, text: str, fires: list[str]) -> None:
    _ready(world)

    _call(world, "POST", "/merge_requests/1/notes", json={"body": text})

    assert list(world.fired) == [f"{each} by {WRITER} in !1" for each in fires]


def test_closing_words_close_the_issue_with_the_merge(world: GitLabWorld) -> None:
    _call(world, "POST", "/issues", json={"title": "One"})
    _commit(world, "trimtab/a")
    _opened(world, description="It resolves #1")
    world.settle()

    _merge(world)

    assert _call(world, "GET", "/issues/1").json()["state"] == "closed"


# ── Accidents and hooks ──────────────────────────────────────────────────────────────────────────────────────────────
def test_a_fault_after_the_effect_loses_the_answer_and_nothing_else(world: GitLabWorld) -> None:
    world.break_next(Fault(match="POST", when="after", how="502"))

    assert _commit(world, "trimtab/a").status_code == 502
    assert world.head("trimtab/a") is not None
    assert [(each.method, each.status, each.credential) for each in world.requests] == [("POST", 502, "writer")]


def test_a_fault_before_the_effect_leaves_nothing(world: GitLabWorld) -> None:
    world.break_next(Fault(match="POST", when="before", how="drop"))

    with pytest.raises(httpx.TransportError):
        _commit(world, "trimtab/a")
    assert world.head("trimtab/a") is None


def test_a_rate_limit_says_when_to_come_back(world: GitLabWorld) -> None:
    world.break_next(Fault(match="GET", when="before", how="429"))
    world.break_next(Fault(match="GET", when="before", how="429-bare"))

    told, bare = _call(world, "GET", ""), _call(world, "GET", "")

    assert (told.status_code, told.headers["Retry-After"], told.headers["RateLimit-Remaining"]) == (429, "1", "0")
    assert (bare.status_code, "Retry-After" in bare.headers) == (429, False)


def test_an_expired_token_is_told_so(world: GitLabWorld) -> None:
    world.revoke_tokens()

    answer = _call(world, "GET", "")

    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token")


def test_somebody_can_be_quicker_than_the_next_request(world: GitLabWorld) -> None:
    _ready(world)
    world.before_next("PUT", lambda: world.push("main", {EKS: START.replace(b"6", b"9")}))

    assert _merge(world, sha=world.head("trimtab/a")).status_code == 422


def test_webhooks_are_signed_as_our_door_expects_and_may_get_lost_or_come_twice(world: GitLabWorld) -> None:
    key = f"whsec_{base64.b64encode(b'k' * 32).decode()}"
    world.hooks.token, world.hooks.signing_key = "plain-token", key
    world.hooks.lost, world.hooks.doubled = 1, 1

    _ready(world)

    first, again, *_ = world.deliveries
    assert first == again
    headers = first.headers
    assert headers["webhook-signature"] == sign_webhook(key, headers["webhook-id"], headers["webhook-timestamp"], first.body)
    assert headers["x-gitlab-token"] == "plain-token"
    event = parse_forge_event(Request("/gitlab", headers, first.body))
    assert (event.kind, event.repo, event.number, event.head) == ("checks", "acme/gitops", 1, world.head("trimtab/a"))


def test_lists_come_in_pages(world: GitLabWorld) -> None:
    for number in range(3):
        world.push(f"by-hand/{number}", {f"{number}.txt": b"x\n"})
        world.open(f"by-hand/{number}", "By hand")

    first = _call(world, "GET", "/merge_requests?per_page=2")
    second = httpx.get(first.links["next"]["url"], headers={"PRIVATE-TOKEN": OWNER_TOKEN})

    assert [each["iid"] for each in (*first.json(), *second.json())] == [3, 2, 1]
    assert (first.headers["X-Next-Page"], second.headers["X-Next-Page"], first.headers["X-Total"]) == ("2", "", "3")
