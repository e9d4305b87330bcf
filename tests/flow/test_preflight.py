"""Before anybody relies on it: what the rules ask for and cannot have is said, with what would mend it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from tests.flow.flow_world import CHANNEL, REPO, World, make_world
from tests.judgement import CONFIG, NOW, OWNERS, UID
from trimtab.adapters.localforge import Rules, protect
from trimtab.adapters.tickets import tickets_of
from trimtab.flow.gate import CHECK
from trimtab.flow.preflight import Item, preflight
from trimtab.ports import Ports
from trimtab.records import ForgeRules, Stage
from trimtab.settings import Settings, TicketSystem

GATED = CONFIG + b"gates: [{path: 'clusters/**', gate: slack}]\n"


def looked(ports: Ports) -> Mapping[str, Item]:
    return {item.about: item for item in preflight(ports, NOW)}


def colors(world: World) -> set[str]:
    return {item.color for item in looked(world.ports).values()}


def test_a_deployment_that_works_has_nothing_red(tmp_path: Path) -> None:
    assert "red" not in colors(make_world(tmp_path))


def test_a_gate_in_slack_where_the_forge_demands_a_review_is_said_before_anybody_clicks(tmp_path: Path) -> None:
    world = make_world(tmp_path, config=GATED)
    protect(world.forge, REPO, Rules(required_checks=(CHECK,), protects_config=True, required_reviews=1))

    found = [item for about, item in looked(world.ports).items() if "gate of" in about]

    assert any("the review is the approval" in item.detail for item in found)


def test_rules_that_cannot_be_read_are_red(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    world.push_main({".trimtab/policy.yaml": b"version: 2\n"})

    assert looked(world.ports)[REPO].color == "red"


def test_auto_merge_that_the_forge_could_not_make_safe_is_named(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    protect(world.forge, REPO, Rules())

    item = looked(world.ports)[f"{REPO}: guarded"]

    assert item.color == "yellow"
    assert "our check is not required" in item.detail


@pytest.mark.parametrize("asks", [False, True])
def test_it_is_said_that_a_file_with_code_owners_waits_for_their_review(tmp_path: Path, *, asks: bool) -> None:
    world = make_world(tmp_path)

    @dataclass
    class Asking:
        forge: Any

        def __getattr__(self, name: str) -> Any:
            return getattr(self.forge, name)

        def rules(self, repo: str, branch: str) -> ForgeRules:
            rules: ForgeRules = self.forge.rules(repo, branch)
            return replace(rules, asks_code_owners=asks)

    item = looked(replace(world.ports, forge=Asking(world.ports.forge)))[f"{REPO}: guarded"]

    assert item.color == "green"
    assert ("code owners" in item.detail) == asks


def test_a_stage_above_the_ceiling_is_named(tmp_path: Path) -> None:
    world = make_world(tmp_path, stage=Stage.APPROVE)

    assert "the deployment allows approve" in looked(world.ports)[f"{REPO}: guarded"].detail


def test_a_closed_channel_is_red(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    world.chat.closed = frozenset({CHANNEL})

    assert looked(world.ports)[f"{REPO}: channel {CHANNEL}"].color == "red"


def test_an_approver_who_left_slack_is_named(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    world.chat.accounts["U0ML"] = "gone"

    assert looked(world.ports)[f"{REPO}: ml-owner"].detail == "Slack says gone"


def test_one_approver_alone_is_too_few_for_two_approvals(tmp_path: Path) -> None:
    world = make_world(tmp_path, owners=OWNERS.replace(b"[platform-owner, ml-owner]", b"[platform-owner]"))

    assert "fewer than two people" in looked(world.ports)[f"{REPO}: approvers"].detail


def test_what_the_config_asks_of_a_system_that_the_deployment_lacks_is_said_before_anybody_waits_for_it(tmp_path: Path) -> None:
    asked = CONFIG + b"change_requests: true\nannotations: true\ntickets: {system: servicenow, project: COST, saving_at_least: 100}\n"
    world = make_world(tmp_path, config=asked)
    jira = tickets_of(Settings(ticket_system=TicketSystem(kind="jira", url="https://acme.example.com"), ticket_token=SecretStr("token")))

    for ports in (world.ports, replace(world.ports, tickets=jira)):
        found = looked(ports)
        assert found[f"{REPO}: change requests"].color == "red"
        assert found[f"{REPO}: tickets"].color == "yellow"
        assert found[f"{REPO}: annotations"].color == "yellow"


def test_a_stop_and_no_repo_are_red(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    world.ports.permit.stop(by="somebody", reason="a test", at=NOW)
    bare = replace(world.ports, settings=world.ports.settings.model_copy(update={"repositories": ()}))

    assert {about for about, item in looked(bare).items() if item.color == "red"} == {"run permit", "repositories"}


def test_a_cluster_is_called_by_its_name_with_its_uid_beside_it(tmp_path: Path) -> None:
    """People know the name, settings and rules ask for the uid."""
    owners = OWNERS.replace(b"{people: [platform-owner, ml-owner]}", b"{cluster_uid: " + UID.encode() + b", people: [ml-owner]}")
    world = make_world(tmp_path, owners=owners)

    found = looked(world.ports)

    assert f"dev-east ({UID})" in found[f"{REPO}: approvers"].detail
    assert found[f"cluster dev-east ({UID})"].color == "green"


def test_a_cluster_of_which_only_palette_tells_is_named(tmp_path: Path) -> None:
    """Its hours are young, and yet nothing can be proposed on them: Palette knows no requests."""
    world = make_world(tmp_path)
    world.ports.documents.publish(f"demand/{UID}", {"hour": NOW.isoformat(), "collected": (NOW - timedelta(days=3)).isoformat()})

    (found,) = [item for item in preflight(world.ports, NOW) if item.about.startswith("cluster ")]

    assert (found.color, found.detail) == (
        "yellow",
        "usage until 2026-11-18T10:00:00+00:00 by Palette's own figures alone: nothing is proposed there",
    )


@pytest.mark.parametrize(("days", "said"), [(3, "no usage since 2026-11-18T10:00"), (None, "no usage was ever measured")])
def test_a_cluster_whose_usage_stopped_is_named(tmp_path: Path, days: int | None, said: str) -> None:
    world = make_world(tmp_path)
    if days is None:
        world.ports.documents.publish(f"demand/{UID}", {})

    found = {item.about: item for item in preflight(world.ports, NOW + timedelta(days=days or 0))}

    assert found[f"cluster dev-east ({UID})"].color == "yellow"
    assert said in found[f"cluster dev-east ({UID})"].detail
