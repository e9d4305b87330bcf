"""What people do to our pull requests is theirs: noticed, said once, and never undone."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.flow.flow_world import ONE, PATH, REPO, YAML, World, make_world, shrink
from tests.flow.forge_doubles import Altered, on
from tests.judgement import POLICY
from trimtab.adapters.localforge import human_commit
from trimtab.lifecycle import State
from trimtab.records import PullRequest

FREEZE = b"freezes: [{name: sale, start: 2026-11-17, end: 2026-11-20}]\n"


def approved(tmp_path: Path) -> World:
    """Opened and approved; a freeze holds the merge back."""
    world = make_world(tmp_path, ONE + FREEZE)
    world.propose(shrink())
    world.click("approve")
    assert world.life().approvals
    return world


def look(world: World, alter: Callable[[PullRequest], PullRequest], times: int = 2) -> None:
    on(world, Altered(world.forge, alter))
    for n in range(times):
        world.webhook(f"edited {n} of {times}")


def test_another_base_voids_every_yes_and_takes_our_hands_off(tmp_path: Path) -> None:
    """What was approved for one branch was not approved for another."""
    world = approved(tmp_path)

    look(world, lambda pull: replace(pull, base_ref="release"))

    assert (world.life().state, world.life().approvals) == (State.HUMAN_OWNED, ())
    waits, hands_off = world.said()
    assert waits.startswith("Not merged yet: it waits for the freeze sale")
    assert hands_off.startswith("Somebody made this pull request go into the branch `release`")


def test_a_draft_waits_and_goes_on_when_it_is_ready_again(tmp_path: Path) -> None:
    world = make_world(tmp_path, POLICY)
    world.propose(shrink())
    look(world, lambda pull: replace(pull, is_draft=True))
    as_draft = (world.life().state, world.merges())

    look(world, lambda pull: pull, 1)

    assert as_draft == (State.OPEN, 0)
    assert world.life().state is State.MERGED


def test_a_force_push_by_a_person_is_hands_off_said_once(tmp_path: Path) -> None:
    world = approved(tmp_path)
    git, branch = world.forge.git(REPO), world.pull().head_ref
    mine = git.commit_files(world.forge.base_head(REPO, "main"), {PATH: YAML}, "rewritten", author="ml-owner", at=world.now)
    assert git.point(branch, mine, world.pull().head)

    world.webhook("synchronize")
    world.webhook("again")

    assert (world.life().state, world.life().approvals) == (State.HUMAN_OWNED, ())
    assert [text for text in world.said() if not text.startswith("Not merged yet")] == [world.said()[-1]]
    assert world.forge.branch_head(REPO, branch) == mine


def test_a_person_who_goes_back_to_the_base_is_not_overwritten(tmp_path: Path) -> None:
    """The branch is where it began, and looks unused."""
    world = approved(tmp_path)
    git, branch, main = world.forge.git(REPO), world.pull().head_ref, world.forge.base_head(REPO, "main")
    assert git.point(branch, main, world.pull().head)
    world.later(days=1)
    world.measure()

    world.propose(shrink(4, end=world.now.replace(hour=0)))

    assert world.life().state is State.HUMAN_OWNED
    assert world.forge.branch_head(REPO, branch) == main


def test_a_person_who_deletes_our_branch_has_closed_it(tmp_path: Path) -> None:
    world = approved(tmp_path)
    branch = world.pull().head_ref
    world.forge.git(REPO).run("update-ref", "-d", f"refs/heads/{branch}")

    world.webhook("closed")
    world.later(days=1)
    world.measure()
    world.propose(shrink(end=world.now.replace(hour=0)))

    assert world.life().state is State.IGNORED
    assert world.forge.branch_head(REPO, branch) is None
    assert "closed unmerged" in world.refused()


def test_what_was_closed_comes_back_once_the_evidence_asks_for_something_else(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE)
    world.propose(shrink())
    world.forge.close_pull_request(REPO, 1)
    world.webhook("closed")
    world.later(days=1)
    world.measure(8)
    world.propose(shrink(5, end=world.now.replace(hour=0)))
    same = world.forge.desk(REPO).numbers()
    world.later(minutes=5)

    world.propose(shrink(3, end=world.now.replace(hour=0)))

    assert (same, world.forge.desk(REPO).numbers()) == ([1], [1, 2])


@pytest.mark.security(9)
def test_a_fork_that_answers_for_our_branch_is_not_ours(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE)

    class Forked(Altered):
        def open_pull_request(self, *given: object, **named: object) -> PullRequest:
            return self.alter(self.forge.open_pull_request(*given, **named))

    on(world, Forked(world.forge, lambda pull: replace(pull, is_from_fork=True))).propose(shrink())

    assert "hands off" in world.refused()
    assert world.life().pull_request is None


@pytest.mark.security(9)
def test_a_commit_with_our_name_that_changes_something_else_is_not_taken_for_ours(tmp_path: Path) -> None:
    """A run died before it recorded its push; meanwhile somebody who could write our name pushed there."""
    world = make_world(tmp_path, ONE)
    world.dying("forge.open_pull_request", lambda: world.propose(shrink()))
    branch = world.life().planned().branch
    human_commit(world.forge, REPO, branch, {"evil.tf": b"x"}, message="x", login="trimtab[bot]", at=world.now)

    world.deliver()

    assert "hands off" in world.refused()
    assert world.forge.desk(REPO).numbers() == []
