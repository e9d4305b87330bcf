"""What must never be undone, or judged, by a look that knew too little: a merge by hand, lost ticks, trouble from before, no way back."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.flow.flow_world import ONE, PATH, REPO, YAML, World, make_world, shrink
from tests.flow.rollback_world import applied, forward, kinds, rollback, worsen
from tests.flow.test_verify_ticks import bill
from tests.judgement import POLICY
from trimtab.adapters.localforge import Rules, human_merge, protect
from trimtab.errors import Refused
from trimtab.flow.effects import CHECK
from trimtab.flow.life import Journal, remember
from trimtab.flow.rollback import ask_to_undo
from trimtab.flow.undoing import was_undone
from trimtab.lifecycle import State
from trimtab.records import PersonId, ProposalId

ASKER = PersonId("platform-owner")


def sicken(world: World, health: str = "UnHealthy") -> None:
    """What Palette says of the cluster."""
    world.palette.known = tuple(replace(known, health=health) for known in world.palette.known)


@pytest.mark.security(20)
def test_what_a_person_merged_past_us_is_not_undone_by_itself(tmp_path: Path) -> None:
    """Nobody agreed to anything in advance: that it would have merged by itself in its time is no word of anybody's."""
    world = make_world(tmp_path, POLICY + b"freezes: [{name: sale, start: 2026-11-17, end: 2026-11-20}]\n")
    world.propose(shrink())
    protect(world.forge, REPO, Rules(protects_config=True))
    human_merge(world.forge, REPO, 1, login="ml-owner", at=world.now)
    protect(world.forge, REPO, Rules(required_checks=(CHECK,), protects_config=True))
    world.later(hours=1)
    world.tick_verify()
    world.apply()
    world.later(hours=1)
    world.tick_verify()
    assert (forward(world).state, forward(world).merged_by) == (State.APPLIED, "forge")

    worsen(world)

    back = rollback(world)
    assert back is not None
    assert back.state is not State.MERGED


def test_what_palette_says_while_nodes_drain_is_no_regression(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE)
    world.propose(shrink())
    world.click("approve")
    world.apply()
    world.later(hours=1)
    sicken(world)
    world.tick_verify()
    world.later(minutes=5)
    world.tick_verify()
    sicken(world, "Healthy")
    world.later(minutes=55)
    world.measure()
    world.tick_verify()

    assert (forward(world).regression, rollback(world)) == ("", None)


def test_a_cluster_that_was_broken_at_the_merge_did_not_get_worse_by_it(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE)
    world.propose(shrink())
    sicken(world)
    protect(world.forge, REPO, Rules(protects_config=True))
    human_merge(world.forge, REPO, 1, login="ml-owner", at=world.now)
    protect(world.forge, REPO, Rules(required_checks=(CHECK,), protects_config=True))
    world.webhook("closed")
    world.apply()

    for _ in range(4):
        world.later(hours=1)
        world.measure()
        world.tick_verify()

    assert (forward(world).regression, rollback(world)) == ("", None)


def test_what_can_no_longer_be_undone_is_measured_and_let_go_of(tmp_path: Path) -> None:
    """Else nothing would ever be proposed for that pool again."""
    world = applied(tmp_path)
    world.forge.git(REPO)
    world.push_main({"clusters/dev/dev-east.yaml": (world.main_file() or b"").replace(b"count: 5", b"count: 20")})
    worsen(world, hours=3)
    assert rollback(world) is None
    bill(world, 10)
    world.later(days=9)

    world.tick_verify()

    ended = forward(world)
    assert ended.outcome is not None
    assert (ended.state, ended.outcome.is_healthy) == (State.VERIFIED, False)


def test_a_rollback_asked_for_and_not_possible_changes_nothing(tmp_path: Path) -> None:
    """It must not keep the change from being measured to its end."""
    world = applied(tmp_path)
    world.later(days=8)

    with pytest.raises(Refused, match="more than 7 days ago"):
        ask_to_undo(forward(world).planned().id, ASKER, "it is slow", world.ports, world.now)

    assert (forward(world).regression, kinds(world, forward(world)).count("undo-asked")) == ("", 0)


def test_a_change_that_was_undone_together_with_others_is_not_undone_again_alone(tmp_path: Path) -> None:
    world = applied(tmp_path)
    life = forward(world)
    other = Journal.open(world.ports, "prop-aaaaaaaaaaaa", "verify", world.now)
    memory = remember(life.planned(), "rolled-back", world.now, by="trimtab")
    other.note("test", "what a group remembers", proposal=replace(life.planned(), id=ProposalId("prop-aaaaaaaaaaaa")), memory=memory)

    assert was_undone(life, world.ports)


def test_what_is_never_applied_is_over_after_a_month_and_a_new_finding_begins_anew(tmp_path: Path) -> None:
    """A person took the merge back in Git: nothing will ever show it in the cluster."""
    world = make_world(tmp_path, ONE)
    world.propose(shrink())
    world.click("approve")
    world.push_main({PATH: YAML})
    world.later(days=31)
    world.tick_verify()
    ended = forward(world)
    world.later(hours=1)
    world.tick_verify()
    world.measure()

    world.propose(shrink(end=world.now.replace(hour=0)))

    assert ended.state is State.FAILED
    assert (forward(world).state, forward(world).generation) == (State.AWAITING, 2)
