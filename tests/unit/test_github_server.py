"""The GitHub server of the tests says what GitHub says: statuses, sentences and rights, so that what passes there means something."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
import requests

from tests.forges.github import description
from tests.forges.github.book import App, acted_on
from tests.forges.github.world import GitHubWorld, checks_rule, key_pair, queue_rule, reviews_rule
from tests.forges.world import Fault

pytestmark = pytest.mark.skipif(not description.is_installed(), reason=description.MISSING)
BRANCH = "trimtab/x"


class Client:
    """One App, by plain requests: no library smooths anything over."""

    def __init__(self, world: GitHubWorld, app: App, **asked: Any) -> None:
        self.world = world
        signed = jwt.encode(_claims(world, app), key_pair(app.slug)[0], algorithm="RS256")
        path = f"{world.server.host}/app/installations/{app.installation}/access_tokens"
        answer = requests.post(path, json=asked or None, headers={"Authorization": f"Bearer {signed}"}, timeout=10)
        self.answer = answer.json()
        self._headers = {"Authorization": f"Bearer {self.answer.get('token')}"}

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """(status, JSON) of a call below the repository."""
        url = f"{self.world.server.host}/repos/acme/gitops{path}"
        answer = requests.request(method, url, json=body, headers=self._headers, timeout=10)
        return answer.status_code, answer.json() if answer.content else None

    def ask(self, document: str, **variables: Any) -> Any:
        """A GraphQL answer."""
        body = {"query": document, "variables": variables}
        return requests.post(f"{self.world.server.host}/graphql", json=body, headers=self._headers, timeout=10).json()


def _claims(world: GitHubWorld, app: App, seconds: int = 300) -> dict[str, Any]:
    now = int(world.server.book.now.timestamp())
    return {"iat": now - 60, "exp": now + seconds, "iss": str(app.id)}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[GitHubWorld]:
    made = GitHubWorld(tmp_path, {"a.yaml": b"a: 1\nb: 1\nc: 1\nd: 1\ne: 1\n", "other.yaml": b"o: 1\n"})
    yield made
    made.end()


@pytest.fixture
def writer(world: GitHubWorld) -> Client:
    return Client(world, world.writer)


def _opened(world: GitHubWorld, writer: Client) -> dict[str, Any]:
    world.push(BRANCH, {"a.yaml": b"a: 2\nb: 1\nc: 1\nd: 1\ne: 1\n"})
    status, pull = writer.call("POST", "/pulls", {"title": "t", "body": "b", "head": BRANCH, "base": "main"})
    assert status == 201
    return dict(pull)


def test_a_second_branch_or_pull_request_of_that_name_is_422(world: GitHubWorld, writer: Client) -> None:
    pull = _opened(world, writer)

    assert (
        writer.call("POST", "/git/refs", {"ref": f"refs/heads/{BRANCH}", "sha": pull["head"]["sha"]})[1]["message"]
        == "Reference already exists"
    )
    status, again = writer.call("POST", "/pulls", {"title": "t", "head": BRANCH, "base": "main"})
    assert (status, again["message"], again["errors"][0]["message"]) == (
        422,
        "Validation Failed",
        f"A pull request already exists for acme:{BRANCH}.",
    )


def test_a_pull_request_without_a_commit_is_422(world: GitHubWorld, writer: Client) -> None:
    base = world.head("main")
    assert base is not None
    world.make_branch("empty", base)

    status, answer = writer.call("POST", "/pulls", {"title": "t", "head": "empty", "base": "main"})

    assert (status, answer["errors"][0]["message"]) == (422, "No commits between main and empty")


def test_whether_it_merges_is_known_only_after_somebody_asked(world: GitHubWorld, writer: Client) -> None:
    number = _opened(world, writer)["number"]

    first, second = (writer.call("GET", f"/pulls/{number}")[1]["mergeable"] for _ in range(2))
    assert (first, second) == (True, True)  # the answer to opening it was the first time

    world.push("main", {"other.yaml": b"o: 2\n"})
    assert [writer.call("GET", f"/pulls/{number}")[1]["mergeable"] for _ in range(2)] == [None, True]


def test_a_merge_of_another_head_is_409_and_one_that_conflicts_405(world: GitHubWorld, writer: Client) -> None:
    pull = _opened(world, writer)
    path = f"/pulls/{pull['number']}/merge"

    status, moved = writer.call("PUT", path, {"sha": world.head("main")})
    assert (status, moved["message"]) == (409, "Head branch was modified. Review and try the merge again.")

    world.push("main", {"a.yaml": b"a: 9\nb: 1\nc: 1\nd: 1\ne: 1\n"})
    status, conflict = writer.call("PUT", path, {"sha": pull["head"]["sha"]})
    assert (status, conflict["message"]) == (405, "Pull Request is not mergeable")


def test_required_checks_reviews_and_a_base_that_moved_are_405(world: GitHubWorld, writer: Client) -> None:
    pull = _opened(world, writer)
    administrators = {"actor_type": "RepositoryRole", "actor_id": 5, "bypass_mode": "always"}
    world.demand(checks_rule(("trimtab/gate", world.gate.id)), reviews_rule(), bypass=[administrators])
    path, body = f"/pulls/{pull['number']}/merge", {"sha": pull["head"]["sha"]}

    said = []
    said.append(writer.call("PUT", path, body)[1]["message"])
    world.run_check(pull["head"]["sha"], "trimtab/gate", "success")
    said.append(writer.call("PUT", path, body)[1]["message"])
    world.run_check(pull["head"]["sha"], "trimtab/gate", "success", world.gate)
    world.approve(pull["number"])
    world.push("main", {"other.yaml": b"o: 2\n"}, "platform-owner")
    said.append(writer.call("PUT", path, body)[1]["message"])

    assert all("Repository rule violations found" in text for text in said)
    assert all('"trimtab/gate" is expected' in text and "approving review" in text for text in said[:2])
    assert "behind" in said[2]


def test_an_app_can_neither_approve_its_own_nor_do_what_it_was_not_granted(world: GitHubWorld, writer: Client) -> None:
    pull = _opened(world, writer)
    gate = Client(world, world.gate)
    refused = "Resource not accessible by integration"

    status, answer = writer.call("POST", f"/pulls/{pull['number']}/reviews", {"event": "APPROVE"})
    assert (status, answer["errors"]) == (422, ["Review Can not approve your own pull request"])
    assert writer.call("POST", "/check-runs", {"name": "x", "head_sha": pull["head"]["sha"]})[1]["message"] == refused
    assert gate.call("POST", "/git/refs", {"ref": "refs/heads/y", "sha": pull["head"]["sha"]})[0] == 403
    assert writer.call("GET", "/branches/main/protection")[0] == 403
    forbidden = gate.ask("mutation($i: CreateRefInput!) { createRef(input: $i) { ref { name } } }", i=_ref(world))
    assert (forbidden["errors"][0]["type"], forbidden["data"]["createRef"]) == ("FORBIDDEN", None)


def _ref(world: GitHubWorld) -> dict[str, Any]:
    return {"repositoryId": f"R_{world.repo.id}", "name": "refs/heads/z", "oid": world.head("main")}


def test_a_token_has_an_end_a_scope_and_no_more_rights_than_asked(world: GitHubWorld, writer: Client) -> None:
    narrow = Client(world, world.writer, permissions={"contents": "read"}, repository_ids=[world.repo.id])
    too_much = Client(world, world.gate, permissions={"contents": "write"})

    assert narrow.call("POST", "/git/refs", {"ref": "refs/heads/y", "sha": world.head("main")})[0] == 403
    assert "not granted" in too_much.answer["message"]
    world.server.book.shift = timedelta(hours=1, seconds=1)
    assert writer.call("GET", "/git/ref/heads/main") == (
        401,
        {"message": "Bad credentials", "documentation_url": "https://docs.github.com/rest", "status": "401"},
    )


def test_who_signs_with_another_key_is_nobody(world: GitHubWorld) -> None:
    forged = jwt.encode(_claims(world, world.writer), key_pair(world.gate.slug)[0], algorithm="RS256")
    endless = jwt.encode(_claims(world, world.writer, 3600), key_pair(world.writer.slug)[0], algorithm="RS256")

    for token in (forged, endless):
        assert requests.get(f"{world.server.host}/app", headers={"Authorization": f"Bearer {token}"}, timeout=10).status_code == 401


def test_a_commit_on_a_branch_that_moved_is_stale_data(world: GitHubWorld, writer: Client) -> None:
    base = world.head("main")
    world.push("main", {"other.yaml": b"o: 2\n"})
    wanted: dict[str, Any] = {
        "branch": {"repositoryNameWithOwner": "acme/gitops", "branchName": "main"},
        "message": {"headline": "h"},
        "expectedHeadOid": base,
        "fileChanges": {"additions": []},
    }

    answer = writer.ask("mutation($i: CreateCommitOnBranchInput!) { createCommitOnBranch(input: $i) { commit { oid } } }", i=wanted)

    assert answer["errors"][0]["type"] == "STALE_DATA"
    assert answer["errors"][0]["message"] == f'Expected branch to point to "{base}" but it did not.  Pull and try again.'


def test_refs_are_swapped_all_or_none(world: GitHubWorld, writer: Client) -> None:
    base, head = world.head("main"), world.push("one", {"a.yaml": b"a: 2\n"})
    world.push("two", {"a.yaml": b"a: 3\n"})
    updates = [
        {"name": "refs/heads/one", "beforeOid": head, "afterOid": base, "force": True},
        {"name": "refs/heads/two", "beforeOid": base, "afterOid": head, "force": True},
    ]

    answer = writer.ask(
        "mutation($i: UpdateRefsInput!) { updateRefs(input: $i) { clientMutationId } }",
        i={"repositoryId": f"R_{world.repo.id}", "refUpdates": updates},
    )

    assert answer["errors"]
    assert world.head("one") == head


def test_a_queue_merges_its_own_commit_once_that_is_checked(world: GitHubWorld, writer: Client) -> None:
    pull = _opened(world, writer)
    world.demand(checks_rule(("ci", None), is_strict=False), queue_rule())
    world.run_check(pull["head"]["sha"], "ci", "success")

    assert "through the merge queue" in writer.call("PUT", f"/pulls/{pull['number']}/merge", {})[1]["message"]
    document = "mutation($i: EnqueuePullRequestInput!) { enqueuePullRequest(input: $i) { mergeQueueEntry { headCommit { oid } } } }"
    entry = writer.ask(document, i={"pullRequestId": pull["node_id"], "expectedHeadOid": pull["head"]["sha"]})
    commit = entry["data"]["enqueuePullRequest"]["mergeQueueEntry"]["headCommit"]["oid"]
    assert world.pull_requests()[0][2] == "open"
    world.run_check(commit, "ci", "success")

    assert world.pull_requests()[0][2] == "merged"
    assert world.head("main") == commit
    assert [d.event for d in world.deliveries].count("merge_group") == 2


def test_webhooks_are_signed_lost_and_doubled(world: GitHubWorld) -> None:
    world.server.webhook_secret = "It's a Secret to Everybody"
    world.push("one", {"a.yaml": b"a: 2\n"})
    world.server.lose = 1
    world.push("two", {"a.yaml": b"a: 2\n"})
    world.server.double = 1
    world.push("three", {"a.yaml": b"a: 2\n"})

    refs = [json.loads(delivery.body)["ref"] for delivery in world.deliveries]
    assert refs == ["refs/heads/one", "refs/heads/three", "refs/heads/three"]
    first, *_, last = world.deliveries
    wanted = hmac.new(b"It's a Secret to Everybody", first.body, hashlib.sha256).hexdigest()
    assert first.headers["X-Hub-Signature-256"] == f"sha256={wanted}"
    assert last.headers["X-GitHub-Delivery"] == world.deliveries[1].headers["X-GitHub-Delivery"]


def test_what_github_would_refuse_is_a_violation(world: GitHubWorld, writer: Client) -> None:
    writer.call("POST", "/issues", {"title": "t", "colour": "red"})
    writer.call("GET", "/pulls/1/mergability")
    writer.ask('{ repository(owner: "acme", name: "gitops") { nonsense } }')
    writer.call("GET", "/pulls?state=opened")

    said = "\n".join(world.violations)
    assert all(text in said for text in ("'colour' is not described", "no such path", "nonsense", "'opened' is not one of"))
    assert len(world.violations) == 4


@pytest.mark.parametrize(("when", "is_there"), [("before", False), ("after", True)])
def test_a_lost_answer_is_lost_before_or_after_the_effect(world: GitHubWorld, writer: Client, when: Any, *, is_there: bool) -> None:
    world.break_next(Fault(match="POST /repos/acme/gitops/git/refs", when=when, how="drop"))

    with pytest.raises(requests.ConnectionError):
        writer.call("POST", "/git/refs", {"ref": "refs/heads/y", "sha": world.head("main")})

    assert (world.head("y") is not None) is is_there


@pytest.mark.parametrize(
    ("text", "fires"),
    [
        ("closes #1", True),
        ("`closes #1`", False),
        ("ask @acme/platform", True),
        ("``a ` @acme``", False),
        ("/merge", True),
        ("a /merge", False),
        ("```\n/merge\n```\n", False),
        ("<!-- @acme -->", False),
        ("me@acme.example", False),
        ("Fixes: acme/other#12", True),
    ],
)
def test_words_act_outside_of_code_only(text: str, fires: bool) -> None:
    assert bool(list(acted_on(text))) is fires
