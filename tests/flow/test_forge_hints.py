"""Webhooks of the forge are hints: matched to a repo by forge, name and number, and everything they say is read again."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.flow.flow_world import GITHUB_SECRET, ONE, REPO, World, make_world, shrink
from tests.flow.forge_doubles import Counting, on
from tests.judgement import POLICY
from trimtab.flow.hints import proposals_of, repository_of
from trimtab.lifecycle import State
from trimtab.records import CommitSha
from trimtab.settings import Repository
from trimtab.sources.forge_events import ForgeEvent, Kind
from trimtab.sources.senders import Request, sign_github

NAME = "acme/gitops"


def send(world: World, kind: str, event: Mapping[str, Any], delivery: str = "1") -> str:
    body = json.dumps({"repository": {"full_name": REPO}, "at": world.now.isoformat(), **event}).encode()
    headers = {"x-github-event": kind, "x-hub-signature-256": sign_github(GITHUB_SECRET, body), "x-github-delivery": delivery}
    key = world.receive(Request("/github", headers, body))
    world.deliver()
    return world.outcomes[key]


def event(repo: str = NAME, repo_id: int | None = None, *, kind: Kind = "checks", head: str | None = None) -> ForgeEvent:
    return ForgeEvent(kind=kind, repo=repo, number=None, head=CommitSha(head) if head else None, action="", actor="", repo_id=repo_id)


@pytest.mark.parametrize(
    ("forge", "forge_id", "source", "told", "is_it"),
    [
        ("github", None, "github", event(), True),
        ("github", None, "github", event("Acme/GitOps"), True),
        ("github", 7, "github", event(repo_id=7), True),
        ("github", 7, "github", event(), True),
        ("github", 7, "github", event(repo_id=8), False),
        ("github", None, "gitlab", event(), False),
        ("gitlab", None, "gitlab", event(), True),
        ("github", None, "github", event("acme/other"), False),
    ],
)
def test_a_repo_is_known_by_forge_name_and_number(
    tmp_path: Path, forge: Any, forge_id: int | None, source: str, told: ForgeEvent, *, is_it: bool
) -> None:
    """Whoever owns a repo of that name on another forge, or made one anew under a name that was given up, speaks for nobody."""
    world = make_world(tmp_path)
    repository = Repository(id=REPO, forge=forge, location=NAME, forge_id=forge_id)
    settings = world.ports.settings.model_copy(update={"repositories": (repository,)})
    ports = replace(world.ports, settings=settings)

    assert (repository_of(told, source, ports) is not None) is is_it


def test_a_check_that_names_only_a_commit_wakes_the_proposal_whose_head_it_is(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE)
    world.propose(shrink())
    world.review("platform-owner")

    send(world, "status", {"sha": world.pull().head, "state": "success", "context": "plan"})

    assert world.life().state is State.MERGED
    assert proposals_of(event(head="f" * 40), world.ports.settings.repositories[0], world.ports) == []


def test_a_comment_is_only_a_reason_to_look(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE)
    world.propose(shrink())

    told = send(
        world, "issue_comment", {"action": "created", "issue": {"number": 1, "pull_request": {}}, "comment": {"body": "/merge approve"}}
    )

    assert "is awaiting-approval" in told
    assert world.merges() == 0


@pytest.mark.parametrize("kind", ["installation", "installation_repositories", "ping", "star"])
def test_an_event_about_nothing_of_ours_asks_the_forge_nothing(tmp_path: Path, kind: str) -> None:
    world = make_world(tmp_path, ONE)
    forge = Counting(world.forge)
    on(world, forge)

    assert "nothing to do" in send(world, kind, {"action": "created", "repository": {"full_name": "somebody/else"}})
    assert forge.calls == []


def test_the_echo_of_our_own_check_asks_the_forge_nothing(tmp_path: Path) -> None:
    """Else every answer would wake another look, for ever."""
    world = make_world(tmp_path, ONE)
    world.propose(shrink())
    forge = Counting(world.forge)
    on(world, forge)

    send(
        world,
        "check_run",
        {"action": "completed", "check_run": {"name": "trimtab/gate", "head_sha": world.pull().head, "pull_requests": []}},
    )

    assert forge.calls == []


@pytest.mark.security(31)
@pytest.mark.parametrize("delivery", ["../x", "a/b", "x" * 300, "\0"])
def test_a_delivery_that_comes_again_under_another_id_has_no_second_effect(tmp_path: Path, delivery: str) -> None:
    world = make_world(tmp_path, POLICY)
    world.propose(shrink())
    about = {"action": "opened", "pull_request": {"number": 1, "head": {"sha": "0" * 40}}}
    send(world, "pull_request", about)
    before = (world.kinds(), world.merges())

    send(world, "pull_request", about, delivery)

    assert (world.kinds(), world.merges()) == before


@pytest.mark.parametrize("name", ["gate.", "gate.gitops", "gate.gitops.x.y", "gate.nobody.1.x", "queue.nobody.x", "gate.gitops.99999.x"])
def test_a_wake_for_the_gate_that_names_nothing_is_refused_and_finished(tmp_path: Path, name: str) -> None:
    world = make_world(tmp_path, ONE)

    outcome = world.serve(f"inbox/decide/{name}", b"{}")

    assert outcome.startswith("refused: ")
