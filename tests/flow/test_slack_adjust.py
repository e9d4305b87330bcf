"""Somebody asks for a smaller step on the card: planned, judged and asked anew, kept by later runs, and approved by somebody else."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.flow.flow_world import ONE, PATH, REPO, YAML, World, make_world, shrink
from tests.judgement import OWNERS
from trimtab.changes import values_between
from trimtab.lifecycle import State
from trimtab.records import Finding


def opened(root: Path, to: int = 3) -> World:
    world = make_world(root, ONE)
    world.propose(wish(world, to))
    return world


def wish(world: World, to: int) -> Finding:
    return shrink(to, end=world.now.replace(hour=0))


def tomorrow(world: World, to: int, days: int = 1) -> None:
    world.later(days=days)
    world.measure(wanted=10)
    world.propose(wish(world, to))


def proposed(world: World) -> str:
    return world.life().planned().finding.changes[0].new


def options(world: World) -> list[str]:
    """What may be chosen on the newest card."""
    found: Any = [block["elements"] for block in world.cards()[-1].blocks if block["type"] == "actions"]
    selects = [each for elements in found for each in elements if each["action_id"] == "adjust"]
    return [option["text"]["text"] for select in selects for option in select["options"]]


def test_the_card_offers_the_values_between(tmp_path: Path) -> None:
    world = opened(tmp_path)

    assert options(world) == ["node count 5", "node count 4"]


def test_where_no_value_lies_between_nothing_is_offered(tmp_path: Path) -> None:
    world = opened(tmp_path, to=5)

    assert options(world) == []


def test_an_adjusted_value_is_planned_anew_in_the_same_pull_request_and_asked_again(tmp_path: Path) -> None:
    world = opened(tmp_path)
    before = world.pull()

    told = world.click("adjust", wanted="5")

    assert told == "It is planned and judged anew with 5 instead of 3. You asked for it, so somebody else approves it."
    assert (world.pull().number, world.pull().title) == (before.number, "Shrink dev-east/batch from 6 to 5 nodes")
    assert world.pull().head != before.head
    assert (world.life().state, world.life().planned().requested_by) == (State.AWAITING, ("platform-owner",))
    assert options(world) == []
    assert "latform-owner asked for count 5 instead of 3. It was planned and judged anew" in world.answers()[0]


@pytest.mark.security(13)
def test_whoever_asked_for_a_value_cannot_approve_it_and_somebody_else_can(tmp_path: Path) -> None:
    world = opened(tmp_path)
    world.click("adjust", wanted="5")

    own = world.click("approve")
    others = world.click("approve", "U0ML")

    assert own.startswith("Not possible: platform-owner may not approve this (own-request: asked for it")
    assert others == "Your approve is recorded; the proposal is merged."
    assert b"count: 5" in (world.main_file() or b"")


def test_the_evidence_says_which_value_was_tried(tmp_path: Path) -> None:
    world = opened(tmp_path)

    world.click("adjust", wanted="5")

    body = world.forge.pull_request(REPO, 1).body
    assert "platform-owner asked for 5 instead of 3 on 2026-11-18." in body
    assert "tried at 3; at 5 there is more room" in body


def test_an_approval_given_before_falls_and_the_thread_says_so(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE + b"freezes: [{name: sale, start: 2026-11-17, end: 2026-11-20}]\n")
    world.propose(wish(world, 3))
    world.click("approve", "U0ML")

    world.click("adjust", wanted="4")

    assert world.life().approvals == ()
    assert any("asked for count 4 instead of 3" in text for text in world.answers())


def test_later_runs_keep_the_value_for_the_same_wish(tmp_path: Path) -> None:
    world = opened(tmp_path)
    world.click("adjust", wanted="5")
    head = world.pull().head

    tomorrow(world, to=3)

    assert (proposed(world), world.pull().head) == ("5", head)
    assert world.life().planned().requested_by == ("platform-owner",)
    assert world.kinds()[-1] != "replanned"


def test_a_later_run_keeps_the_value_though_its_target_moved_and_others_would_be_offered(tmp_path: Path) -> None:
    """Twenty nodes lie between, and nine of them are offered; whoever chose one of them did not mean it for a day."""
    world = opened_large(tmp_path)
    world.click("adjust", wanted="26")

    world.later(days=1)
    world.measure(wanted=60)
    world.propose(large(world, 21))

    assert 26 not in values_between(large(world, 21))
    assert (proposed(world), world.life().planned().requested_by) == ("26", ("platform-owner",))


def opened_large(root: Path) -> World:
    world = make_world(root, ONE)
    world.push_main({PATH: YAML.replace(b"count: 6", b"count: 40")})
    world.apply(40)
    world.measure(wanted=60)
    world.propose(large(world, 20))
    return world


def large(world: World, to: int) -> Finding:
    found = wish(world, to)
    return replace(found, changes=(replace(found.changes[0], old="40"),), nodes_old=40)


def test_evidence_that_asks_for_a_smaller_step_than_the_value_goes_before_it(tmp_path: Path) -> None:
    """4 was asked for; now 5 is all that the evidence allows."""
    world = opened(tmp_path)
    world.click("adjust", wanted="4")

    tomorrow(world, to=5)

    assert proposed(world) == "5"
    assert world.life().adjusted is None


def test_after_a_rejection_the_next_wish_is_proposed_as_it_was_measured(tmp_path: Path) -> None:
    world = opened(tmp_path)
    world.click("adjust", wanted="5")
    world.click("reject", "U0ML")

    tomorrow(world, to=2)

    assert (world.life().generation, proposed(world), world.life().planned().requested_by) == (2, "2", ())


def test_a_snooze_does_not_forget_the_value(tmp_path: Path) -> None:
    world = opened(tmp_path)
    world.click("adjust", wanted="5")
    world.click("snooze", "U0ML")

    tomorrow(world, to=3, days=15)

    assert (world.life().generation, proposed(world)) == (2, "5")


@pytest.mark.parametrize("wanted", ["6", "3", "2", "0", "99", "-1", "5.0", "x", "", "٥", "9" * 40])
def test_a_value_that_the_card_does_not_offer_changes_nothing(wanted: str, tmp_path: Path) -> None:
    """Only whoever holds the signing secret can send one; it must not reach Git all the same."""
    world = opened(tmp_path)
    head = world.pull().head

    told = world.click("adjust", wanted=wanted or " ")

    assert told.startswith("Not possible: ")
    assert (world.pull().head, proposed(world), world.kinds().count("replanned")) == (head, "3", 0)


def test_somebody_who_may_not_approve_may_not_ask_for_a_value(tmp_path: Path) -> None:
    world = opened(tmp_path)

    told = world.click("adjust", "U0FINANCE", wanted="5")

    assert told.startswith("Not possible: finance-owner may not approve this (outside-scope")
    assert proposed(world) == "3"


@pytest.mark.security(13)
def test_whoever_asked_for_a_value_asks_for_another_only_while_they_are_an_approver(tmp_path: Path) -> None:
    """To have asked once is no permission that outlives the one in owners.yaml."""
    world = opened_large(tmp_path)
    world.click("adjust", "U0ML", wanted="26")
    again = world.click("adjust", "U0ML", wanted="30")
    world.push_main({".trimtab/owners.yaml": OWNERS.replace(b"[platform-owner, ml-owner]", b"[platform-owner]")})

    told = world.click("adjust", "U0ML", wanted="34")

    assert again.startswith("It is planned and judged anew with 30")
    assert told.startswith("Not possible: ml-owner may not approve this (outside-scope")
    assert proposed(world) == "30"


def test_an_older_card_adjusts_nothing(tmp_path: Path) -> None:
    world = opened(tmp_path)
    seen = world.pull().head
    tomorrow(world, to=2)

    told = world.click("adjust", wanted="5", head=seen)

    assert told.startswith("Not possible: the card showed")
    assert proposed(world) == "2"


def test_a_click_delivered_twice_is_one_adjustment(tmp_path: Path) -> None:
    world = opened(tmp_path)
    key = world.receive(world.press("adjust", wanted="5"))
    world.serve(key)
    world.forget(key)

    again = world.serve(key)

    assert again == "answered before"
    assert world.kinds().count("replanned") == 1


def test_two_who_ask_for_different_values_at_once_get_one_of_them(tmp_path: Path) -> None:
    """The second one's card was already another one."""
    world = opened(tmp_path)
    first, second = world.press("adjust", wanted="5"), world.press("adjust", "U0ML", wanted="4")
    keys = [world.receive(first), world.receive(second)]

    told = [world.serve(key) for key in keys]

    assert told[0].startswith("It is planned and judged anew with 5")
    assert told[1].startswith("Not possible: the card showed")
    assert proposed(world) == "5"


def test_a_rollback_restores_what_was_there_and_nothing_between() -> None:
    assert values_between(replace(shrink(3), rule="rollback")) == ()
