"""From a finding to a merge, once for each gate."""

from pathlib import Path

import pytest

from tests.flow.flow_world import ONE, TWO, make_world, shrink
from tests.judgement import POLICY
from trimtab.lifecycle import State


def test_a_low_risk_change_in_proven_nonproduction_merges_by_itself(tmp_path: Path) -> None:
    world = make_world(tmp_path, POLICY)

    world.propose(shrink())
    opened = world.life().state
    world.webhook()

    assert opened is State.OPEN
    assert world.kinds()[-5:] == ["auto-approved", "merging", "merged", "card", "told"]
    assert b"count: 5" in (world.main_file() or b"")
    assert (world.life().state, world.merges(), world.life().merged_by) == (State.MERGED, 1, "trimtab")


def test_a_review_that_does_not_count_is_nobodys_yes_to_what_merges_by_itself(tmp_path: Path) -> None:
    """Else the record would name an approver who may not approve, and what merged would be left out of the day's cap."""
    world = make_world(tmp_path, POLICY)
    world.propose(shrink())
    world.review("finance-owner")

    world.webhook("review")

    assert world.kinds()[-5:] == ["auto-approved", "merging", "merged", "card", "told"]
    assert world.life().approvals == ()


def test_the_record_names_only_those_whose_yes_counted(tmp_path: Path) -> None:
    """What was agreed on in advance, and whoever audits it, go by these."""
    world = make_world(tmp_path, ONE)
    world.propose(shrink())
    world.review("finance-owner")
    world.review("ml-owner")

    world.webhook("review")

    assert (world.life().state, [yes.person for yes in world.life().approvals]) == (State.MERGED, ["ml-owner"])


def test_one_signed_click_of_an_approver_merges_a_change_that_asks_for_one(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE)
    world.propose(shrink())
    world.webhook()
    waiting = world.life().state

    told = world.click("approve")

    assert waiting is State.AWAITING
    assert told == "Your approve is recorded; the proposal is merged."
    news, answer = world.answers()
    assert news.startswith("Merged, after judging again on fresh facts, as ")
    assert answer == told
    assert world.merges() == 1
    assert world.buttons() == set()


@pytest.mark.security(12)
def test_two_approvals_need_a_review_on_the_forge_beside_the_click(tmp_path: Path) -> None:
    """Two clicks by two approvers are still one place where a credential may have leaked."""
    world = make_world(tmp_path, TWO)
    world.propose(shrink())

    world.click("approve", "U0PLATFORM")
    world.click("approve", "U0FINANCE")
    world.click("approve", "U0ML")
    after_clicks = world.life().state
    world.review("ml-owner")
    world.webhook("review")

    assert after_clicks is State.AWAITING
    assert world.life().state is State.MERGED
    assert {approval.via for approval in world.life().approvals} == {"slack", "forge"}
