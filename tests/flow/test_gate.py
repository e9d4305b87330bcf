"""The gate answers every pull request of a managed repo, and nothing in Trimtab's name gets past it that Trimtab did not propose."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.flow.flow_world import GITHUB_SECRET, ONE, PATH, REPO, YAML, World, make_world, shrink
from tests.flow.forge_doubles import Altered, Counting, on
from tests.judgement import BOT, NOW, POLICY
from trimtab.adapters.localforge import LocalForge, human_branch, human_commit
from trimtab.errors import NotYet
from trimtab.flow import gate
from trimtab.flow.effects import CHECK
from trimtab.flow.gate import answer, sweep_gate
from trimtab.lifecycle import State
from trimtab.records import CommitSha
from trimtab.sources.senders import Request, sign_github

PERSON = "ml-owner"
OTHER = "README.md"


def as_person(world: World, login: str = PERSON) -> LocalForge:
    return LocalForge(world.forge.repositories, login, world.forge.page)


def branch_of_a_person(world: World, branch: str = "feature/read-me", login: str = PERSON) -> CommitSha:
    human_branch(world.forge, REPO, branch, world.forge.base_head(REPO, "main"))
    return human_commit(world.forge, REPO, branch, {OTHER: branch.encode()}, message="Say hello", login=login, at=NOW)


def open_by(world: World, login: str, branch: str, body: str = "") -> int:
    forge = as_person(world, login)
    return forge.open_pull_request(REPO, head_ref=branch, base_ref="main", title="Mine", body=body, labels=(), at=NOW).number


def call(world: World, number: int, action: str = "opened") -> str:
    """The forge tells of that pull request, with whatever it wants to say about its head."""
    pull = {"number": number, "head": {"sha": "0" * 40}}
    body = json.dumps({"action": action, "at": world.now.isoformat(), "pull_request": pull, "repository": {"full_name": REPO}}).encode()
    request = Request("/github", {"x-github-event": "pull_request", "x-hub-signature-256": sign_github(GITHUB_SECRET, body)}, body)
    key = world.receive(request)
    world.deliver()
    return world.outcomes[key]


def answers(world: World, commit: CommitSha) -> list[str]:
    return [check.conclusion for check in world.forge.checks(REPO, commit) if check.name == CHECK]


@pytest.mark.security(7)
def test_a_persons_pull_request_is_green(tmp_path: Path) -> None:
    """Else a required check would block everybody whose work has nothing to do with Trimtab."""
    world = make_world(tmp_path, ONE)
    head = branch_of_a_person(world)
    number = open_by(world, PERSON, "feature/read-me")

    call(world, number)

    assert answers(world, head) == ["success"]


@pytest.mark.security(7)
def test_a_commit_that_a_leaked_writer_key_adds_to_a_persons_pull_request_turns_it_red(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE)
    branch_of_a_person(world)
    number = open_by(world, PERSON, "feature/read-me")
    call(world, number)
    world.later(minutes=5)
    evil = human_commit(world.forge, REPO, "feature/read-me", {PATH: b"name: gone\n"}, message="x", login=BOT, at=world.now)

    told = call(world, number, "synchronize")

    assert answers(world, evil) == ["failure"]
    assert "by Trimtab's own account" in told


@pytest.mark.security(7)
@pytest.mark.parametrize(
    ("author", "branch", "why"),
    [(BOT, "feature/read-me", "by Trimtab's own account"), (PERSON, "trimtab/dev-east/other/count", "from a branch below trimtab/")],
)
def test_what_speaks_in_trimtabs_name_and_is_not_in_its_record_is_red(tmp_path: Path, author: str, branch: str, why: str) -> None:
    world = make_world(tmp_path, ONE)
    head = branch_of_a_person(world, branch)
    number = open_by(world, author, branch)

    assert why in call(world, number)
    assert answers(world, head) == ["failure"]


@pytest.mark.security(9)
def test_a_copied_marker_makes_nothing_ours_and_nothing_red(tmp_path: Path) -> None:
    """A marker proves nothing, in either direction."""
    world = make_world(tmp_path, ONE)
    world.propose(shrink())
    head = branch_of_a_person(world)
    number = open_by(world, PERSON, "feature/read-me", body=world.forge.pull_request(REPO, 1).body)

    call(world, number)

    assert answers(world, head) == ["success"]
    assert [life.pull_request.number for life in world.lives() if life.pull_request] == [1]


@pytest.mark.security(9)
def test_a_fork_is_answered_too_and_its_branch_name_means_nothing(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE)
    head = branch_of_a_person(world, "trimtab/dev-east/batch/count")
    number = open_by(world, PERSON, "trimtab/dev-east/batch/count")

    call(on(world, Altered(world.forge, lambda pull: replace(pull, is_from_fork=True))), number)

    assert answers(world, head) == ["success"]


def test_our_own_waits_yellow_until_it_is_merged(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE)
    world.propose(shrink())
    head = world.pull().head

    world.webhook()
    waiting = answers(world, head)
    world.click("approve")

    assert (waiting, answers(world, head)) == (["pending"], ["success"])
    assert world.life().state is State.MERGED


@pytest.mark.security(7)
def test_a_foreign_commit_on_our_branch_turns_it_red(tmp_path: Path) -> None:
    """Only we may push there, so whoever did is not to be believed about who they are."""
    world = make_world(tmp_path, ONE)
    world.propose(shrink())
    mine = human_commit(world.forge, REPO, world.pull().head_ref, {PATH: YAML}, message="mine", login=PERSON, at=world.now)

    call(world, 1, "synchronize")

    assert (world.life().state, answers(world, mine)) == (State.HUMAN_OWNED, ["failure"])


def test_a_rejected_pull_request_that_somebody_opens_again_is_red(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE)
    world.propose(shrink())
    world.click("reject")
    reopened = Altered(world.forge, lambda pull: replace(pull, state="open"))

    told = call(on(world, reopened), 1, "reopened")

    assert "rejected" in told
    assert answers(world, world.pull().head) == ["failure"]


def test_the_same_head_is_answered_once_and_another_base_asks_again(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE)
    branch_of_a_person(world)
    number = open_by(world, PERSON, "feature/read-me")
    call(world, number)
    forge = Counting(world.forge)
    on(world, forge)
    world.later(minutes=1)

    again = call(world, number, "edited")
    on(world, Altered(forge, lambda pull: replace(pull, base_ref="release")))
    world.later(minutes=1)
    retargeted = call(world, number, "edited")

    assert "answered before" in again
    assert forge.writes == ["set_check"]
    assert "success" in retargeted


def test_a_lost_webhook_is_made_up_for_by_the_sweep(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE)
    head = branch_of_a_person(world)
    open_by(world, PERSON, "feature/read-me")

    world.tick_verify()

    assert answers(world, head) == ["success"]


def test_a_sweep_of_many_pull_requests_wakes_a_bounded_number_and_the_next_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "MOST_WAKES", 2)
    world = make_world(tmp_path, ONE)
    heads = [branch_of_a_person(world, f"feature/{n}") for n in range(3)]
    for n in range(3):
        open_by(world, PERSON, f"feature/{n}")

    world.tick_verify()
    first = [answers(world, head) for head in heads]
    world.later(hours=1)
    world.tick_verify()

    assert first == [["success"], ["success"], []]
    assert [answers(world, head) for head in heads] == [["success"]] * 3


def test_one_that_is_being_opened_right_now_is_asked_about_again_and_not_called_a_stranger(tmp_path: Path) -> None:
    """The forge calls before we have written down what we opened."""
    world = make_world(tmp_path, POLICY)
    world.dying("forge.open_pull_request", lambda: world.propose(shrink()), "after")

    with pytest.raises(NotYet, match="Trimtab is opening it"):
        answer(REPO, 1, world.ports, world.now)

    assert answers(world, world.pull().head) == []


@pytest.mark.security(7)
def test_a_stop_stops_the_gate_too(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE)
    head = branch_of_a_person(world)
    number = open_by(world, PERSON, "feature/read-me")
    world.ports.permit.stop("platform-owner", "hands off", world.now)

    told = call(world, number)

    assert "nothing merges: stopped by platform-owner" in told
    assert answers(world, head) == []


@pytest.mark.security(7)
@pytest.mark.parametrize("is_from_fork", [False, True])
def test_another_pull_request_of_our_commit_does_not_turn_ours_green(tmp_path: Path, is_from_fork: bool) -> None:
    """A check belongs to a commit, and on a public repo anybody may open a pull request of it."""
    world = make_world(tmp_path, ONE)
    world.propose(shrink())
    head = world.pull().head
    world.webhook()
    human_branch(world.forge, REPO, "feature/the-same", head)
    number = open_by(world, PERSON, "feature/the-same")
    on(world, Altered(world.forge, lambda pull: replace(pull, is_from_fork=is_from_fork and pull.number == number)))

    told = call(world, number)
    world.tick_verify()

    assert "its own proposal answers" in told
    assert answers(world, head) == ["pending"]


def test_a_wake_that_came_while_trimtab_was_stopped_is_no_answer(tmp_path: Path) -> None:
    """Else the pull request waited for its check until somebody pushed again."""
    world = make_world(tmp_path, ONE)
    head = branch_of_a_person(world)
    open_by(world, PERSON, "feature/read-me")
    sweep_gate(REPO, world.ports, world.now)
    world.ports.permit.stop("platform-owner", "hands off", world.now)
    world.deliver()
    world.ports.permit.resume("platform-owner", "go on", world.now)
    world.later(hours=1)

    world.tick_verify()

    assert answers(world, head) == ["success"]
