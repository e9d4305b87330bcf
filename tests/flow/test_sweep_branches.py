"""Branches that serve nothing any more are taken away, if they are exactly ours; anybody else's are named and left alone."""

from pathlib import Path

import pytest

from tests.flow.flow_world import ONE, PATH, REPO, YAML, World, fits, make_world, shrink
from trimtab.lifecycle import State


def merged(root: Path) -> World:
    world = make_world(root, ONE)
    world.propose(shrink())
    world.click("approve")
    assert world.life().state is State.MERGED
    return world


def branches(world: World) -> set[str]:
    return set(world.forge.branches(REPO, "trimtab/"))


def named_by(world: World) -> set[tuple[object, object]]:
    """Repo and words of what the log says is not ours."""
    return {(values["repo"], values["input"]) for event, values in world.log.said if event == "branches.not-ours"}


def test_the_branch_of_what_was_merged_is_deleted(tmp_path: Path) -> None:
    world = merged(tmp_path)
    before = branches(world)
    world.later(hours=1)

    world.tick_verify()

    assert (before, branches(world)) == ({world.life().planned().branch}, set())


def test_the_branch_of_what_was_turned_down_is_deleted_and_made_anew_when_it_comes_back(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE)
    world.propose(shrink())
    world.later(days=1)
    world.measure()
    world.propose(refusals=(fits(),))
    world.later(hours=1)
    world.tick_verify()
    gone = branches(world)
    world.later(days=1)
    world.measure()

    world.propose(shrink(end=world.now.replace(hour=0)))

    assert gone == set()
    assert branches(world) == {world.life().planned().branch}


def test_a_branch_whose_pull_request_waits_is_kept(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE)
    world.propose(shrink())
    world.later(hours=1)

    world.tick_verify()

    assert branches(world) == {world.life().planned().branch}


@pytest.mark.security(9)
def test_a_branch_that_holds_somebody_elses_commit_is_named_and_kept(tmp_path: Path) -> None:
    world = merged(tmp_path)
    bare, branch = world.forge.git(REPO), world.life().planned().branch
    tip = world.forge.branches(REPO, "trimtab/")[branch]
    commit = bare.commit_files(tip, {PATH: YAML + b"# more\n"}, "By hand", author="ml-owner", at=world.now)
    assert bare.point(branch, commit, tip)
    world.later(hours=1)

    world.tick_verify()

    assert branches(world) == {branch}
    assert (REPO, branch) in named_by(world)


@pytest.mark.security(9)
def test_a_branch_below_trimtab_that_no_record_knows_is_named_and_kept(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE)
    bare = world.forge.git(REPO)
    base = world.forge.base_head(REPO, "main")
    assert bare.point("trimtab/mine", base, None)

    world.tick_verify()

    assert branches(world) == {"trimtab/mine"}
    assert (REPO, "trimtab/mine") in named_by(world)
