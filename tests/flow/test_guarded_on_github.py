"""A GitHub repo set up as docs/forges.md asks: a low-risk change of proven non-production merges by itself; with less, a person does it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from tests.flow.flow_world import shrink
from tests.flow.forge_loop import Loop, loop_over, tree
from tests.forges.github.world import GitHubWorld, checks_rule, reviews_rule
from tests.forges.worlds import world_of
from tests.judgement import POLICY
from trimtab.lifecycle import State

OWNED = b"* @acme/platform\n/clusters/\n"
"""Everything has owners, and what Trimtab may change by itself has none: an App cannot be a code owner."""


@contextmanager
def guarded(root: Path, *, vouched: bool = True, owned: bytes = OWNED) -> Iterator[Loop]:
    files = {**tree(POLICY), ".github/CODEOWNERS": owned}
    with world_of("github", root, files) as outside:
        world = cast("GitHubWorld", outside)
        world.demand(checks_rule(("trimtab/gate", world.gate.id)), reviews_rule(0, code_owners=True))
        writer = [{"actor_type": "Integration", "actor_id": world.writer.id, "bypass_mode": "always"}]
        world.demand({"type": "creation"}, {"type": "update"}, include=["refs/heads/trimtab/**"], bypass=writer)
        loop = loop_over(outside, "github", root / "flow", POLICY)
        settings = loop.ports.settings
        repository = settings.repositories[0].model_copy(update={"only_we_push": vouched})
        loop.ports = replace(loop.ports, settings=settings.model_copy(update={"repositories": (repository,)}))
        yield loop


@pytest.mark.security(6, 9, 19)
def test_a_low_risk_change_merges_by_itself_once_the_check_is_green(tmp_path: Path) -> None:
    with guarded(tmp_path) as loop:
        loop.propose(shrink())
        assert loop.life().verdict is not None
        assert [line.rule for line in loop.life().verdict.reasons if line.effect == "needs-person"] == []  # type: ignore[union-attr]

        loop.webhook()

        assert loop.life().state is State.MERGED
        assert b"count: 5" in (loop.main_file() or b"")
        assert [state for _, branch, state in loop.there.pull_requests() if branch.startswith("trimtab/")] == ["merged"]


@pytest.mark.security(9)
def test_without_an_administrators_word_on_who_may_push_a_person_is_asked(tmp_path: Path) -> None:
    """GitHub shows that to administrators alone, and what nobody knows is never fine."""
    with guarded(tmp_path, vouched=False) as loop:
        loop.propose(shrink())
        loop.webhook()

        assert loop.life().state is State.AWAITING


@pytest.mark.security(9)
def test_a_word_never_overrules_what_the_forge_shows(tmp_path: Path) -> None:
    with guarded(tmp_path) as loop:
        cast("GitHubWorld", loop.there).repo.rulesets.pop()

        loop.propose(shrink())
        loop.webhook()

        assert loop.life().state is State.AWAITING


@pytest.mark.security(9)
def test_a_file_that_has_code_owners_waits_for_their_review_on_the_forge(tmp_path: Path) -> None:
    """GitHub would refuse the merge without it, whoever clicked in Slack."""
    with guarded(tmp_path, owned=b"* @acme/platform\n") as loop:
        loop.propose(shrink())
        loop.webhook()

        verdict = loop.life().verdict
        assert loop.life().state is State.AWAITING
        assert verdict is not None
        assert [line.saw for line in verdict.reasons if line.rule == "forge-rules"] == ["it demands a review"]
