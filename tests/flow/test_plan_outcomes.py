"""Where somebody plans every pull request, what the plan says counts: a lost cluster, or no plan at all, never merges by itself."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.flow.flow_world import ONE, REPO, World, make_world, shrink
from tests.flow.forge_doubles import on
from tests.judgement import CONFIG, POLICY
from trimtab.adapters.localforge import LocalForge
from trimtab.lifecycle import State
from trimtab.records import Tier

PLANNER = "atlantis[bot]"
GOOD = "Ran Plan for dir: `.` workspace: `default`\n\nPlan: 0 to add, 1 to change, 0 to destroy.\n"
LOST = (
    "Ran Plan for dir: `.` workspace: `default`\n\n  # spectrocloud_cluster_eks.this will be destroyed\n\n"
    "Plan: 0 to add, 0 to change, 1 to destroy.\n"
)


def config(delivery: str, author: str = PLANNER) -> bytes:
    return CONFIG.replace(b"    fields:", f"    delivery: {delivery}\n    plan_author: '{author}'\n    fields:".encode())


def opened(tmp_path: Path, delivery: str, policy: bytes = POLICY, author: str = PLANNER) -> World:
    world = make_world(tmp_path, policy, config=config(delivery, author))
    world.propose(shrink())
    world.later(minutes=5)
    return world


def say(world: World, text: str, login: str = PLANNER, **delta: float) -> None:
    LocalForge(world.forge.repositories, login, "").comment(REPO, 1, text, world.now + timedelta(**delta))


def check(world: World, name: str, summary: str = "", login: str = PLANNER, conclusion: Any = "success") -> None:
    LocalForge(world.forge.repositories, login, "").set_check(REPO, world.pull().head, name=name, conclusion=conclusion, summary=summary)


def waits_for(world: World) -> set[str]:
    verdict = world.life().verdict
    return {line.rule for line in verdict.reasons} if verdict else set()


def test_a_plan_that_only_changes_lets_it_merge_by_itself(tmp_path: Path) -> None:
    world = opened(tmp_path, "atlantis")
    world.webhook()
    before = (world.life().state, waits_for(world))
    say(world, GOOD)
    check(world, "atlantis/plan")

    world.webhook("commented")

    assert before == (State.OPEN, {"plan-there"})
    assert world.life().state is State.MERGED


def test_a_plan_that_loses_a_cluster_asks_for_a_person_loudly(tmp_path: Path) -> None:
    world = opened(tmp_path, "atlantis")
    say(world, LOST)
    check(world, "atlantis/plan")

    world.webhook("commented")

    verdict = world.life().verdict
    assert verdict is not None
    assert (verdict.tier, world.life().state, world.merges()) == (Tier.ONE, State.AWAITING, 0)
    assert "deletes or replaces whole clusters" in world.pull().body
    assert "spectrocloud" in world.pull().body


def test_a_stranger_cannot_say_what_the_plan_is(tmp_path: Path) -> None:
    """Anybody may comment, and on a public repo anybody does."""
    world = opened(tmp_path, "atlantis")
    say(world, GOOD, "somebody")
    check(world, "atlantis/plan", login="somebody")

    world.webhook("commented")

    assert (world.life().state, waits_for(world)) == (State.OPEN, {"plan-there"})


@pytest.mark.security(2)
def test_whose_plan_counts_changes_only_after_a_day(tmp_path: Path) -> None:
    """Else whoever writes the rules names themselves, says that all is well, and it merges within minutes."""
    world = opened(tmp_path, "atlantis")
    world.webhook()
    world.push_main({".trimtab/config.yaml": config("atlantis", "somebody")})
    say(world, GOOD, "somebody", minutes=1)
    check(world, "atlantis/plan", login="somebody")
    world.later(minutes=2)

    world.webhook("commented")
    at_once = (world.life().state, waits_for(world))
    world.later(hours=25)
    world.measure()
    world.webhook("edited")

    assert at_once == (State.OPEN, {"plan-there"})
    assert world.life().state is State.MERGED


@pytest.mark.security(2)
def test_a_plan_that_was_asked_for_yesterday_is_waited_for_today(tmp_path: Path) -> None:
    world = opened(tmp_path, "atlantis")
    world.webhook()
    world.push_main({".trimtab/config.yaml": CONFIG})
    world.later(minutes=2)

    world.webhook("commented")
    at_once = (world.life().state, waits_for(world))
    say(world, LOST)
    check(world, "atlantis/plan")
    world.webhook("edited")

    assert at_once == (State.OPEN, {"plan-there"})
    assert "plan-outcome" in waits_for(world)
    assert world.merges() == 0


def test_a_plan_of_an_older_head_does_not_count(tmp_path: Path) -> None:
    world = opened(tmp_path, "atlantis")
    say(world, GOOD, minutes=-10)
    check(world, "atlantis/plan")

    world.webhook("commented")

    assert (world.life().state, waits_for(world)) == (State.OPEN, {"plan-there"})


@pytest.mark.parametrize("conclusion", ["failure", "pending"])
def test_a_comment_without_a_green_status_on_the_head_does_not_count(tmp_path: Path, conclusion: str) -> None:
    """The comment may belong to a push before; the status belongs to a commit."""
    world = opened(tmp_path, "atlantis")
    say(world, GOOD)
    check(world, "atlantis/plan", conclusion=conclusion)

    world.webhook("commented")

    assert "plan-there" in waits_for(world)


def test_nobody_named_is_nobody_believed(tmp_path: Path) -> None:
    world = opened(tmp_path, "atlantis", author="")
    say(world, GOOD)
    check(world, "atlantis/plan")

    world.webhook("commented")

    assert {"plan-there", "plan-outcome"} <= waits_for(world)
    assert world.merges() == 0


def test_hcp_terraform_says_it_in_its_check(tmp_path: Path) -> None:
    world = opened(tmp_path, "hcp-terraform")
    check(world, "HCP Terraform/acme/dev", "Terraform plan: 0 to add, 1 to change, 0 to destroy.")

    world.webhook("checked")

    assert world.life().state is State.MERGED


@pytest.mark.parametrize(
    ("summary", "conclusion", "rule"),
    [
        ("Terraform plan: 1 to add, 0 to change, 1 to destroy.", "success", "plan-outcome"),
        ("No changes. Your infrastructure matches the configuration.", "success", "plan-outcome"),
        ("Terraform plan: 1 to add, 0 to change, 0 to destroy.", "success", "plan-outcome"),
        ("Terraform plan errored", "failure", "plan-there"),
        ("Terraform plan is running", "pending", "plan-there"),
        ("something else", "success", "plan-there"),
    ],
)
def test_any_other_word_of_hcp_terraform_keeps_it_from_merging_by_itself(tmp_path: Path, summary: str, conclusion: str, rule: str) -> None:
    world = opened(tmp_path, "hcp-terraform")
    check(world, "HCP Terraform/acme/dev", summary, conclusion=conclusion)

    world.webhook("checked")

    assert rule in waits_for(world)
    assert world.merges() == 0


def test_a_plan_job_must_name_the_commit_it_planned(tmp_path: Path) -> None:
    world = opened(tmp_path, "apply-on-push")
    say(world, GOOD)
    world.webhook("without")
    before = waits_for(world)
    say(world, f"Plan of {world.pull().head}\n\n{GOOD}")

    world.webhook("with")

    assert before == {"plan-there"}
    assert world.life().state is State.MERGED


def test_an_approved_change_waits_for_its_plan_too(tmp_path: Path) -> None:
    world = opened(tmp_path, "atlantis", ONE)

    world.click("approve")
    before = (world.life().state, world.merges())
    say(world, GOOD)
    check(world, "atlantis/plan")
    world.webhook("commented")

    assert before == (State.AWAITING, 0)
    assert world.life().state is State.MERGED


def test_without_a_delivery_that_plans_nothing_is_asked(tmp_path: Path) -> None:
    world = make_world(tmp_path, POLICY)
    asked: list[str] = []

    class Watching(LocalForge):
        def comments(self, repo: str, number: int) -> Any:
            asked.append(repo)
            return super().comments(repo, number)

    on(world, Watching(world.forge.repositories)).propose(shrink())
    world.webhook()

    assert (asked, world.life().state) == ([], State.MERGED)
