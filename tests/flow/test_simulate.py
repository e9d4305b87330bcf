"""`trimtab policy check` with a store: what other rules would have done with what is past, and whether they ask for less."""

from pathlib import Path

import pytest

from tests.flow.flow_world import FREEZE, ONE, TWO, World, make_world, shrink
from tests.judgement import CONFIG, OWNERS, POLICY, governance
from trimtab.flow.basis import INPUTS
from trimtab.flow.simulate import Replay, Simulation, known_to, past, simulate
from trimtab.flow.verdicts import Lost, Retold
from trimtab.policy.comparing import Fate
from trimtab.records import Governance, Stage

HOLD = POLICY.replace(b"rules: []", b"rules:\n  - {name: not-now, when: [{fact: change.field, is: count}], holds: true}")


@pytest.fixture
def world(tmp_path: Path) -> World:
    """One proposal that one person was asked about, and that waits."""
    made = make_world(tmp_path, ONE)
    made.propose(shrink())
    return made


def by(world: World, rules: Governance) -> Simulation:
    since = world.now.replace(hour=0)
    return simulate(rules, past(world.ports, since), world.ports, since)


def last(simulation: Simulation) -> Replay:
    (newest,) = simulation.newest
    return newest


def test_the_same_rules_say_the_same_and_are_looser_in_nothing(world: World) -> None:
    simulation = by(world, governance(policy=ONE))

    assert simulation.replays
    assert not simulation.is_looser
    assert all(replay.is_as_recorded and replay.was is replay.would_be for replay in simulation.replays)
    assert last(simulation).decided_by == "policy: a-person"


def test_stricter_rules_ask_for_more_and_the_rule_that_decides_is_named(world: World) -> None:
    simulation = by(world, governance(policy=TWO))

    assert (last(simulation).was, last(simulation).would_be) == (Fate.ONE, Fate.TWO)
    assert last(simulation).decided_by == "policy: two-people"
    assert not simulation.is_looser
    assert simulation.counts()[Fate.TWO] == (0, 1)
    assert simulation.matched == {"two-people"}


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        (governance(policy=POLICY), "asks one → merges by itself"),
        (
            governance(policy=ONE, owners=OWNERS.replace(b"[platform-owner, ml-owner]", b"[platform-owner, ml-owner, finance-owner]")),
            "finance-owner may approve too",
        ),
    ],
)
def test_looser_rules_are_told_in_what(world: World, rules: Governance, said: str) -> None:
    simulation = by(world, rules)

    assert simulation.is_looser
    assert said in last(simulation).looser


def test_a_gate_that_leaves_the_forge_is_looser(tmp_path: Path) -> None:
    gated = CONFIG + b'gates: [{path: "clusters/**", gate: forge}]\n'
    world = make_world(tmp_path, ONE, config=gated)
    world.propose(shrink())

    assert "no longer needs a review on the forge" in last(by(world, governance(policy=ONE))).looser
    assert not by(world, governance(config=gated, policy=ONE)).is_looser


@pytest.mark.parametrize(("policy", "decides"), [(FREEZE, "freeze"), (HOLD, "policy: not-now")])
def test_a_freeze_and_a_rule_that_holds_would_have_held_it(world: World, policy: bytes, decides: str) -> None:
    newest = last(by(world, governance(policy=policy)))

    assert (newest.would_be, newest.decided_by) == (Fate.HELD, decides)


def test_a_hold_that_is_taken_away_is_looser(tmp_path: Path) -> None:
    world = make_world(tmp_path, HOLD)
    world.propose(shrink())

    assert last(by(world, governance(policy=ONE))).looser == ("held → asks one", "policy: not-now no longer stands against it")


def test_a_stage_at_observe_would_have_held_it(world: World) -> None:
    newest = last(by(world, governance(config=CONFIG.replace(b"guarded", b"observe"), policy=ONE)))

    assert (newest.would_be, newest.decided_by) == (Fate.HELD, "stage")


def test_a_yes_that_was_given_counts_under_the_other_rules_too(world: World) -> None:
    """It was bound to the rules of then; what is asked here is what others would have wanted, and not whether they are others."""
    world.webhook()
    world.click("approve")

    newest = last(by(world, governance(policy=ONE + b"freezes: [{name: far, start: 2029-01-01, end: 2029-01-02}]\n")))

    assert (newest.looser, newest.would_be) == ((), Fate.ONE)


def test_what_lies_before_is_left_out(world: World) -> None:
    world.later(days=3)

    assert by(world, governance(policy=TWO)).replays == ()


def test_only_what_was_asked_for_can_be_lost(world: World) -> None:
    """What is no longer kept of an earlier time, or of another repo, says nothing about this one."""
    then, repo = world.now, world.life().planned().place.repo
    for key in world.ports.documents.keys(INPUTS):
        if "facts" in (world.ports.documents.find(key) or {}):
            world.ports.documents.publish(key, {"something": "else"})
    world.later(days=60)
    world.propose(shrink(4))

    assert any(isinstance(told, Lost) for told in past(world.ports, then, repo))
    kept = list(past(world.ports, world.now, repo))
    assert kept
    assert all(isinstance(told, Retold) for told in kept)
    assert list(past(world.ports, then, "another")) == []


def test_what_rules_can_be_about_is_known_from_the_store(world: World) -> None:
    known = known_to(world.ports, list(past(world.ports, world.now.replace(hour=0))))

    assert set(known.clusters.values()) == {"dev-east"}
    assert "clusters/dev/dev-east.yaml" in known.paths


def test_rules_of_a_day_ago_make_the_rules_of_now_no_looser(world: World) -> None:
    """What was loosened then is judged as it will count, and the same rules are never looser than themselves."""
    world.push_main({".trimtab/policy.yaml": POLICY})
    world.later(minutes=20)
    world.webhook("synchronize")

    simulation = by(world, governance(policy=POLICY))

    assert last(simulation).was is Fate.ONE
    assert last(simulation).looser == ()


def test_rules_that_could_not_be_read_are_nothing_to_be_looser_than(world: World) -> None:
    world.push_main({".trimtab/policy.yaml": b"version: 9\n"})
    world.later(minutes=20)
    world.webhook("synchronize")

    newest = last(by(world, governance(policy=ONE)))

    assert (newest.was, newest.looser) == (Fate.HELD, ())


def test_the_deployments_ceiling_of_then_stays(tmp_path: Path) -> None:
    """Rules cannot be tried out beyond what the deployment allowed."""
    world = make_world(tmp_path, ONE, stage=Stage.APPROVE)
    world.propose(shrink())

    assert last(by(world, governance(policy=POLICY))).would_be is Fate.ONE
