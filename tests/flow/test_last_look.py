"""What would merge is judged on what the forge says then, not on what it said when the wake began."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import pytest

from tests.flow.flow_world import ONE, shrink
from tests.flow.forge_loop import loop_over, tree
from tests.forges.github import acts
from tests.forges.github.world import GitHubWorld
from tests.forges.world import OWNER, REPO
from tests.forges.worlds import world_of
from trimtab.lifecycle import State


@pytest.mark.security(11, 22)
@pytest.mark.parametrize(("event", "end"), [("COMMENT", State.MERGED), ("REQUEST_CHANGES", State.AWAITING)])
def test_a_review_that_is_taken_back_while_the_proposal_is_judged_merges_nothing(
    tmp_path: Path, event: Literal["COMMENT", "REQUEST_CHANGES"], end: State
) -> None:
    """Between the first look and the merge lie the policy, the rules, Palette and the metrics: time enough to say stop."""
    (tmp_path / "forge").mkdir()
    with world_of("github", tmp_path / "forge", tree(ONE)) as outside:
        assert isinstance(outside, GitHubWorld)
        loop = loop_over(outside, "github", tmp_path, ONE)
        loop.propose(shrink())
        outside.server.book.shift = loop.now - datetime.now(UTC)
        outside.approve(loop.number())
        pull = outside.repo.pull(loop.number())
        outside.before_next(
            f"/repos/acme/{REPO}/rules/branches", lambda: acts.review(outside.server.book, pull, outside.person(OWNER), event, "wait")
        )

        loop.webhook("reviewed")

        assert not outside.server.before
        assert loop.life().state is end
