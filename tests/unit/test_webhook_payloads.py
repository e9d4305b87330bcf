"""Every webhook payload that GitHub publishes as an example becomes a hint, and not one of them an error.

The examples are npm's `@octokit/webhooks-examples`; `make test` installs them below tests/forges where npm is.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from trimtab.sources.forge_events import ForgeEvent, parse_forge_event
from trimtab.sources.senders import Request

PUBLISHED = Path(__file__).parents[1] / "forges" / "node_modules" / "@octokit" / "webhooks-examples" / "api.github.com" / "index.json"

EXAMPLES: dict[str, list[dict[str, Any]]] = (
    {one["name"]: one["examples"] for one in json.loads(PUBLISHED.read_text())} if PUBLISHED.is_file() else {}
)
USED = {"pull_request": "pull-request", "pull_request_review": "review", "push": "push", "check_suite": "checks"}
"""What a proposal waits for at the least; an event beside these may be `other`, or a hint that its payload bears out."""

pytestmark = pytest.mark.skipif(not EXAMPLES, reason="GITHUB'S WEBHOOK EXAMPLES ARE NOT HERE: make test installs them where npm is")


def parsed(name: str, payload: dict[str, Any]) -> ForgeEvent:
    return parse_forge_event(Request("/github", {"x-github-event": name}, json.dumps(payload).encode()))


def texts(value: object) -> Iterator[object]:
    """Every leaf of a payload."""
    if isinstance(value, dict):
        for item in value.values():
            yield from texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)
    else:
        yield value


def test_all_of_them_are_here() -> None:
    assert len(EXAMPLES) >= 58
    assert sum(map(len, EXAMPLES.values())) >= 320


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_every_published_payload_becomes_a_hint_that_it_bears_out(name: str) -> None:
    for payload in EXAMPLES[name]:
        hint = parsed(name, payload)
        repo = payload.get("repository") or {}

        assert hint.kind == USED[name] if name in USED else True
        assert hint.repo in {repo.get("full_name", ""), ""}
        assert hint.repo or hint.kind in {"other", "installation"}
        assert hint.head is None or hint.head in set(texts(payload))
        assert hint.number is None or hint.number in {item for item in texts(payload) if type(item) is int}


def test_a_pull_request_and_a_review_name_their_number_and_head() -> None:
    for name in ("pull_request", "pull_request_review"):
        for payload in EXAMPLES[name]:
            pull, hint = payload["pull_request"], parsed(name, payload)

            assert (hint.repo, hint.number, hint.head) == (payload["repository"]["full_name"], pull["number"], pull["head"]["sha"])
            assert (hint.action, hint.actor) == (payload["action"], payload["sender"]["login"])


def test_a_push_names_its_branch_and_what_is_there_now() -> None:
    for payload in EXAMPLES["push"]:
        hint = parsed("push", payload)

        assert (hint.action, hint.head) == (payload["ref"], payload["after"])


def test_a_check_suite_names_its_head_and_the_one_pull_request_it_is_about() -> None:
    for payload in EXAMPLES["check_suite"]:
        suite, hint = payload["check_suite"], parsed("check_suite", payload)
        numbers = [pull["number"] for pull in suite["pull_requests"]]

        assert hint.head == suite["head_sha"]
        assert hint.number == (numbers[0] if len(numbers) == 1 else None)


def test_an_event_of_an_app_or_an_organization_is_about_no_repo() -> None:
    for name in ("installation", "marketplace_purchase", "org_block", "github_app_authorization"):
        assert {parsed(name, payload).repo for payload in EXAMPLES[name]} == {""}


def test_a_comment_and_a_merge_queue_name_what_they_are_about() -> None:
    for payload in EXAMPLES["issue_comment"]:
        hint = parsed("issue_comment", payload)

        assert hint.number in {payload["issue"]["number"], None}
    for payload in EXAMPLES["merge_group"]:
        assert parsed("merge_group", payload).head in {payload["merge_group"]["head_sha"], None}
