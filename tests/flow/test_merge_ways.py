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
    assert world.kinds()[-4:] == ["auto-approved", "merging", "merged", "card"]
    assert b"count: 5" in (world.main_file() or b"")
    assert (world.life().state, world.merges(), world.life().merged_by) == (State.MERGED, 1, "trimtab")


def test_one_signed_click_of_an_approver_merges_a_change_that_asks_for_one(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE)
    world.propose(shrink())
    world.webhook()
    waiting = world.life().state

    told = world.click("approve")

    assert waiting is State.AWAITING
    assert told == "Your approve is recorded; the proposal is merged."
    assert world.answers() == [told]
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
