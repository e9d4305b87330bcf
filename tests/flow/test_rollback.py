"""What made things worse is undone: the exact old values, by a change of its own, as it was agreed on; else a person is called."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.flow.flow_world import FREEZE, ONE, PATH, REPO, YAML, Mode, fits, make_world, shrink
from tests.flow.rollback_world import applied, forward, kinds, rollback, turned_down, worsen
from tests.judgement import POLICY, UID
from trimtab.errors import Refused
from trimtab.flow.freezes import frozen_on, lift
from trimtab.flow.rollback import ask_to_undo
from trimtab.lifecycle import State
from trimtab.records import PersonId


@pytest.mark.security(20)
def test_a_regression_is_undone_by_a_pull_request_of_its_own_as_it_was_approved(tmp_path: Path) -> None:
    """Whoever approved the change approved what takes it back: nobody is woken at night for that."""
    world = applied(tmp_path)

    worsen(world)

    back = rollback(world)
    assert back is not None
    assert (back.state, back.planned().branch) == (State.MERGED, f"{forward(world).planned().branch}-rollback")
    assert world.main_file() == YAML
    assert back.pull_request is not None
    body = world.forge.pull_request(REPO, back.pull_request.number).body
    assert "did worse after its last change" in body
    assert "4 pods wait for a place on batch, 0 did before" in body


def test_the_change_that_was_undone_is_over_and_its_rule_waits_for_a_person(tmp_path: Path) -> None:
    world = applied(tmp_path)
    worsen(world)
    world.later(hours=1)
    world.tick_verify()
    over = forward(world)
    world.later(days=10)
    world.measure()

    world.propose(shrink(to=4, end=world.now.replace(hour=0)))

    assert over.state is State.ROLLED_BACK
    assert [memory.kind for memory in over.memory] == ["merged", "rolled-back"]
    assert forward(world).state is State.ROLLED_BACK
    assert "idle-nodes was rolled back on this cluster" in world.refused()


def test_a_lifted_freeze_stays_lifted_and_what_comes_then_needs_a_person(tmp_path: Path) -> None:
    world = applied(tmp_path, POLICY)
    worsen(world)
    world.later(hours=1)
    world.tick_verify()
    lift(UID, "idle-nodes", "platform-owner", "the nodes were broken", world.ports, world.now)
    world.later(hours=1)
    world.tick_verify()
    left = frozen_on(UID, world.ports)
    world.apply(6)
    world.later(days=10)
    world.measure()

    world.propose(shrink(end=world.now.replace(hour=0)))

    assert left == ()
    assert forward(world).state is State.AWAITING


def test_undone_twice_delivered_is_undone_once(tmp_path: Path) -> None:
    world = applied(tmp_path)
    worsen(world, hours=4)

    back = rollback(world)

    assert back is not None
    assert (kinds(world, back).count("merged"), kinds(world, forward(world)).count("rolled-back")) == (1, 1)
    assert world.merges() == 2
    assert len(world.forge.desk(REPO).numbers()) == 2


@pytest.mark.security(20)
def test_nothing_is_undone_where_a_person_changed_the_same_key_since(tmp_path: Path) -> None:
    world = applied(tmp_path)
    world.push_main({PATH: YAML.replace(b"count: 6", b"count: 20")})

    worsen(world, hours=3)

    assert rollback(world) is None
    assert kinds(world, forward(world)).count("not-rolled-back") == 1
    (said,) = [text for text in world.said() if "not undone by Trimtab" in text]
    assert "somebody changed it since" in said
    assert "count of batch is 20, it was set to 5" in said


@pytest.mark.security(20)
def test_nothing_is_undone_after_a_week(tmp_path: Path) -> None:
    world = applied(tmp_path)
    world.later(days=7)

    worsen(world)

    assert rollback(world) is None
    (said,) = [text for text in world.said() if "not undone by Trimtab" in text]
    assert "more than 7 days ago" in said


@pytest.mark.security(20)
def test_a_change_that_gave_something_is_not_taken_back_by_trimtab(tmp_path: Path) -> None:
    """A rollback never lowers a count."""
    world = make_world(tmp_path, ONE)
    grow = shrink(to=8)
    world.propose(replace(grow, nodes_new=8))
    world.click("approve")
    assert forward(world).state is State.MERGED
    world.apply(8)
    world.later(hours=1)
    world.tick_verify()

    worsen(world)

    assert rollback(world) is None
    (said,) = [text for text in world.said() if "not undone by Trimtab" in text]
    assert "is not only adding something" in said


def test_a_freeze_holds_back_no_rollback_that_was_agreed_on(tmp_path: Path) -> None:
    world = make_world(tmp_path, FREEZE.replace(b"2026-11-17", b"2026-11-19"))
    world.propose(shrink())
    world.click("approve")
    world.apply()
    world.later(days=1)
    world.tick_verify()

    worsen(world)

    back = rollback(world)
    assert back is not None
    assert back.state is State.MERGED


def test_what_was_waiting_before_is_no_regression(tmp_path: Path) -> None:
    """Only what got worse after it was applied counts."""
    world = make_world(tmp_path, ONE)
    world.measure(pending=4)
    world.propose(shrink())
    world.click("approve")
    world.apply()
    world.later(hours=1)
    world.tick_verify()

    worsen(world, hours=3)

    assert rollback(world) is None
    assert forward(world).regression == ""


def test_rollbacks_have_slots_of_their_own_and_the_last_one_is_a_persons(tmp_path: Path) -> None:
    world = applied(tmp_path, ONE.replace(b"limits: {", b"limits: {rollbacks_per_day: 0, "))

    worsen(world)

    back = rollback(world)
    assert back is not None
    assert (back.state, back.pull_request) == (State.PLANNED, None)
    assert "not-rolled-back" in kinds(world, forward(world))


def test_a_click_that_no_longer_proves_itself_agrees_to_nothing(tmp_path: Path) -> None:
    """The approval's signed request expired with its proof: the rollback asks a person."""
    world = applied(tmp_path)
    (approval,) = forward(world).approvals
    world.objects.delete(approval.key)

    worsen(world)

    back = rollback(world)
    assert back is not None
    assert (back.state, world.merges()) == (State.AWAITING, 1)


def test_a_person_can_turn_the_rollback_down_and_it_does_not_come_back(tmp_path: Path) -> None:
    world, _ = turned_down(tmp_path)

    worsen(world, hours=3)

    ended = rollback(world)
    assert ended is not None
    assert (ended.state, ended.generation) == (State.IGNORED, 1)


def test_a_rollback_that_is_seen_to_work_is_verified(tmp_path: Path) -> None:
    world = applied(tmp_path)
    worsen(world)
    world.apply(6)
    world.later(hours=1)
    world.measure()
    world.tick_verify()

    back = rollback(world)

    assert back is not None
    assert back.state is State.VERIFIED
    assert forward(world).state is State.ROLLED_BACK


def test_the_next_run_leaves_the_rollback_alone(tmp_path: Path) -> None:
    """It stands on what happened, not on evidence that a run could find no longer."""
    world = applied(tmp_path)
    (approval,) = forward(world).approvals
    world.objects.delete(approval.key)
    worsen(world)
    world.later(days=1)
    world.measure(pending=4)

    world.propose(refusals=(fits(),))

    back = rollback(world)
    assert back is not None
    assert back.state is State.AWAITING


@pytest.mark.parametrize("mode", ["before", "after", "lost"])
@pytest.mark.parametrize("of", ["ledger.append", "forge.comment", "forge.commit_files", "forge.open_pull_request", "inbox.put"])
def test_a_rollback_that_dies_half_way_ends_as_one_that_did_not(tmp_path: Path, of: str, mode: Mode) -> None:
    world = applied(tmp_path)
    worsen(world, hours=1)
    world.later(hours=1)
    world.measure(pending=4)
    world.dying(of, world.tick_verify, mode)

    for _ in range(3):
        world.later(hours=1)
        world.measure(pending=4)
        world.tick_verify()

    back = rollback(world)
    assert back is not None
    assert (forward(world).state, world.merges(), len(world.forge.desk(REPO).numbers())) == (State.ROLLED_BACK, 2, 2)
    said = [comment.text for comment in world.forge.comments(REPO, 1) if "gives back what was there" in comment.text]
    assert [text.split(";")[0] for text in said] == ["It got worse: 4 pods wait for a place on batch, 0 did before"]


def test_a_person_who_asks_for_a_rollback_gets_it_and_is_not_asked_to_approve_it(tmp_path: Path) -> None:
    world = applied(tmp_path)

    ask_to_undo(forward(world).planned().id, PersonId("platform-owner"), "the nightly job is slow", world.ports, world.now)
    ask_to_undo(forward(world).planned().id, PersonId("platform-owner"), "the nightly job is slow", world.ports, world.now)

    back = rollback(world)
    assert back is not None
    assert back.planned().requested_by == (PersonId("platform-owner"),)
    assert kinds(world, forward(world)).count("undo-asked") == 1
    assert len(world.forge.desk(REPO).numbers()) == 2


def test_what_is_not_merged_cannot_be_undone(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE)
    world.propose(shrink())

    with pytest.raises(Refused, match="only a change that is merged"):
        ask_to_undo(forward(world).planned().id, PersonId("platform-owner"), "", world.ports, world.now)


@pytest.mark.security(21)
def test_a_stop_undoes_nothing(tmp_path: Path) -> None:
    world = applied(tmp_path)
    world.ports.permit.stop(by="ml-owner", reason="an incident", at=world.now)

    worsen(world, hours=3)

    assert rollback(world) is None
    with pytest.raises(Refused, match="an incident"):
        ask_to_undo(forward(world).planned().id, PersonId("platform-owner"), "", world.ports, world.now)
