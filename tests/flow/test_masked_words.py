"""What leaves the deployment says amounts only where the rules and the place allow it: pull request, page, card, thread and report."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from tests.flow.flow_world import ONE, REPO, World, make_world, shrink
from tests.judgement import OWNERS
from trimtab.adapters.localforge import LocalForge
from trimtab.policy.masking import shows_amounts
from trimtab.records import ForgeRules, PastCase

pytestmark = pytest.mark.security(36)
MASKED = OWNERS + b"\naccess: {mask: rounded}\n"
AMOUNT = re.compile(r"[\d,.]+ USD")


def texts(world: World) -> dict[str, str]:
    """Every place that people outside read."""
    pull = world.pull()
    return {
        "pull request": pull.title + pull.body,
        "comments": "\n".join(comment.text for comment in world.forge.comments(REPO, pull.number)),
        "page": "\n".join(issue.body for issue in world.forge.issues(REPO)),
        "cards": json.dumps([[message.blocks, message.text] for message in world.chat.messages]),
    }


class PublicForge(LocalForge):
    """The same repo, which anybody can read."""

    def rules(self, repo: str, branch: str) -> ForgeRules:
        return replace(super().rules(repo, branch), is_public=True)


class SilentForge(LocalForge):
    """The same repo, of which the forge does not say who can read it."""

    def rules(self, repo: str, branch: str) -> ForgeRules:
        return replace(super().rules(repo, branch), is_public=None)


def on(world: World, kind: type[LocalForge]) -> World:
    world.ports = replace(world.ports, forge=kind(world.forge.repositories))
    return world


def test_where_only_colleagues_read_amounts_are_shown(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE)

    world.propose(shrink())

    assert all(AMOUNT.search(texts(world)[place]) for place in ("pull request", "page", "cards"))


@pytest.mark.parametrize("kind", [PublicForge, SilentForge])
def test_a_repo_that_anybody_can_read_shows_no_amount_and_the_card_still_does(tmp_path: Path, kind: type[LocalForge]) -> None:
    world = on(make_world(tmp_path, ONE), kind)

    world.propose(shrink())
    card = texts(world)["cards"]
    world.click("reject")
    world.tick_verify()

    said = texts(world)
    assert "(amount hidden)" in said["pull request"]
    assert [place for place in ("pull request", "comments", "page") if shows_amounts(said[place])] == []
    assert AMOUNT.search(card)


def test_a_repo_that_became_public_is_reworded(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE)
    world.propose(shrink())
    assert shows_amounts(world.pull().body)

    on(world, PublicForge).webhook()

    assert not shows_amounts(world.pull().body)


def test_a_mask_is_worn_everywhere_alike(tmp_path: Path) -> None:
    """Two digits of an amount, and never more."""
    world = make_world(tmp_path, ONE, owners=MASKED)

    world.propose(shrink())

    for place, text in texts(world).items():
        for amount in AMOUNT.findall(text):
            digits = re.sub(r"[^1-9]", "", amount)
            assert len(digits) <= 2, (place, amount)


def test_an_answer_to_a_click_wears_the_mask_too(tmp_path: Path) -> None:
    """What became of a change like it is evidence, and says what that one saved."""
    world = make_world(tmp_path, ONE, owners=MASKED)
    case = PastCase(proposal="prop-2", what="dev-west/batch: count 4 to 3 saved 1,234.56 USD a month", distance=0, went_well=True)
    world.propose(shrink(similar=(case,), evidence=replace(shrink().evidence, lines=("It costs 2,345.67 USD a month.",))))

    world.click("evidence")

    said = json.dumps(world.chat.messages[-1].blocks)
    assert AMOUNT.findall(said) == ["2,300 USD", "1,200 USD"]
