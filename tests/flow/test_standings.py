"""Whose yes counts: the accounts on both sides, the groups, who changed the rules lately, and the record itself, read when it matters."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import obstore
import pytest

from tests.flow.flow_world import ONE, PATH, REPO, YAML, World, make_world, shrink
from tests.flow.forge_doubles import Counting, on
from tests.judgement import OWNERS
from trimtab.adapters.localforge import set_account, set_group
from trimtab.adapters.memory import MemoryChat
from trimtab.errors import Upstream
from trimtab.flow.basis import basis_of
from trimtab.flow.governance import read_governance
from trimtab.flow.standings import resolve
from trimtab.lifecycle import State
from trimtab.records import Governance, PersonId, Standing, VerdictLine

GROUPED = OWNERS.replace(b"  - {people: [platform-owner, ml-owner]}\n", b"  - {groups: ['local:acme/platform', 'slack:S0PLATFORM']}\n")
ML = "U0ML"


def opened(tmp_path: Path, owners: bytes = OWNERS) -> World:
    """A pull request that waits for one person."""
    world = make_world(tmp_path, ONE, owners=owners)
    world.propose(shrink())
    return world


def void(world: World) -> str:
    """What the newest verdict says of a yes that does not count."""
    verdict = world.life().verdict
    assert verdict is not None
    return "; ".join(line.saw for line in verdict.lines if line.rule == "approval-void")


def line_of(world: World, rule: str) -> VerdictLine | None:
    verdict = world.life().verdict
    assert verdict is not None
    return next((line for line in verdict.lines if line.rule == rule), None)


# ── accounts ─────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.security(22)
@pytest.mark.parametrize(
    ("account", "said"),
    [
        ("guest", "guest"),
        ("external", "another workspace"),
        ("bot", "bot"),
        ("gone", "deactivated"),
        (None, "slack-account"),
    ],
)
def test_a_click_counts_only_from_a_member_of_the_workspace(tmp_path: Path, account: Any, said: str) -> None:
    world = opened(tmp_path)
    world.chat.accounts[ML] = account

    told = world.click("approve", ML)

    assert (world.merges(), world.life().state) == (0, State.AWAITING)
    assert said in told


@pytest.mark.security(22)
@pytest.mark.parametrize("state", ["gone", "bot"])
def test_a_click_counts_only_with_an_account_on_the_forge(tmp_path: Path, state: Any) -> None:
    world = opened(tmp_path)
    set_account(world.forge, REPO, "ml-owner", state)

    told = world.click("approve", ML)

    assert world.merges() == 0
    assert "forge" in told


@pytest.mark.security(11, 22)
def test_a_review_counts_only_while_the_reviewer_is_in_slack_too(tmp_path: Path) -> None:
    world = opened(tmp_path)
    world.chat.accounts[ML] = "gone"
    world.review("ml-owner")

    world.webhook()

    assert world.merges() == 0
    assert "has left Slack" in void(world)


@pytest.mark.security(22)
def test_an_approver_removed_a_minute_ago_merges_nothing(tmp_path: Path) -> None:
    """The yes was good when it was given; the merge is what counts."""
    world = opened(tmp_path)
    world.ports.permit.stop(by="platform-owner", reason="a pause", at=world.now)
    world.review("ml-owner")
    world.webhook()
    world.ports.permit.resume(by="platform-owner", reason="again", at=world.now)
    set_account(world.forge, REPO, "ml-owner", "gone")

    world.webhook("synchronize")

    assert world.merges() == 0
    assert "has no access to this repo" in void(world)


def test_without_slack_a_review_counts(tmp_path: Path) -> None:
    """Where there is no Slack, nobody can have left it."""
    world = opened(tmp_path)
    world.chat.is_configured = False
    world.review("ml-owner")

    world.webhook()

    assert world.merges() == 1


@dataclass(slots=True)
class DeafChat(MemoryChat):
    """Slack takes what is posted and does not say who somebody is."""

    error: Callable[[], Exception] = field(default=lambda: Upstream("Slack: users.info: no answer"))

    def account(self, user: str) -> None:
        del user
        raise self.error()


def test_an_outage_of_slack_neither_approves_nor_denies(tmp_path: Path) -> None:
    """The queue delivers the click again, and then it counts."""
    world = opened(tmp_path)
    healthy = world.ports.chat
    world.ports = replace(world.ports, chat=DeafChat(messages=world.chat.messages))
    key = world.receive(world.press("approve", ML))
    with pytest.raises(Upstream):
        world.deliver()
    between = (world.merges(), world.life().state)
    world.ports = replace(world.ports, chat=healthy)

    world.serve(key)

    assert between == (0, State.AWAITING)
    assert world.merges() == 1


def test_an_outage_of_slack_stops_no_pull_request(tmp_path: Path) -> None:
    """A run that only writes pull requests goes on: who said yes is then not known, and nothing merges by it."""
    world = opened(tmp_path)
    world.review("ml-owner")
    world.ports = replace(world.ports, chat=DeafChat(messages=world.chat.messages))
    world.later(hours=2)

    world.propose(shrink())

    assert (world.merges(), world.life().state) == (0, State.AWAITING)


# ── groups ───────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("kind", ["forge", "slack"])
def test_a_member_of_a_group_may_approve_as_long_as_they_are_in_it(tmp_path: Path, kind: str) -> None:
    world = opened(tmp_path, GROUPED)
    if kind == "forge":
        set_group(world.forge, REPO, "acme/platform", ["ML-owner", "somebody-else"])
    else:
        world.chat.groups["S0PLATFORM"] = (ML, "U0STRANGER")

    world.click("approve", ML)

    assert world.merges() == 1


@pytest.mark.security(5, 22)
def test_whoever_left_the_group_a_minute_ago_may_not(tmp_path: Path) -> None:
    world = opened(tmp_path, GROUPED)
    world.chat.groups["S0PLATFORM"] = (ML,)
    world.propose(shrink())
    world.chat.groups["S0PLATFORM"] = ()

    world.click("approve", ML)

    assert world.merges() == 0


def test_a_group_that_cannot_be_read_adds_nobody_and_says_so(tmp_path: Path) -> None:
    world = opened(tmp_path, GROUPED)

    world.click("approve", ML)

    line = line_of(world, "approver-groups")
    assert world.merges() == 0
    assert line is not None
    assert "there is no such group" in line.saw


def test_a_group_of_another_forge_is_refused_by_name(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    governance = governance_of(world)

    assert "not on github" in resolve("github:acme/platform", governance, world.ports).problem


def test_only_whom_owners_yaml_knows_is_in_a_group(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    set_group(world.forge, REPO, "acme/platform", ["finance-owner", "somebody", "ML-OWNER"])

    assert resolve("local:acme/platform", governance_of(world), world.ports).people == (PersonId("finance-owner"), PersonId("ml-owner"))


def test_a_run_asks_about_a_group_once_and_not_for_every_pull_request(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE, owners=GROUPED)
    forge = Counting(world.forge)

    on(world, forge).propose(shrink())
    on(world, forge).propose(shrink())

    assert forge.calls.count("members") == 1


def governance_of(world: World) -> Governance:
    return read_governance(world.ports, REPO)


# ── who had a hand in it ─────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.security(13)
@pytest.mark.parametrize("path", [".trimtab/policy.yaml", ".trimtab/owners.yaml"])
def test_whoever_changed_the_rules_lately_approves_nothing(tmp_path: Path, path: str) -> None:
    world = make_world(tmp_path, ONE)
    content = world.forge.read_file(REPO, world.forge.base_head(REPO, "main"), path)
    assert content is not None
    world.push_main({path: content + b"# a word\n"}, "ml-owner")
    # The rules of before count for a day, so that alone is not what keeps the yes from counting.
    world.later(days=2)
    world.measure()
    world.propose(shrink(end=world.now.replace(hour=0)))

    told = world.click("approve", ML)

    assert world.merges() == 0
    assert "in the last 7 days" in told + void(world)


@pytest.mark.security(13)
def test_whoever_changed_the_file_lately_approves_no_change_of_it(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE)
    world.push_main({PATH: YAML + b"# a word\n"}, "ml-owner")
    world.propose(shrink())

    world.click("approve", ML)
    between = world.merges()
    world.click("approve", "U0PLATFORM")

    assert (between, world.merges()) == (0, 1)


def test_a_week_later_they_may_again(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE)
    world.push_main({PATH: YAML + b"# a word\n"}, "ml-owner")
    world.later(days=8)
    world.measure()
    world.propose(shrink(end=world.now.replace(hour=0)))

    world.click("approve", ML)

    assert world.merges() == 1


def test_where_nobody_says_who_had_a_hand_in_it_no_yes_counts(tmp_path: Path) -> None:
    world = opened(tmp_path)
    world.review("ml-owner")

    class Silent(Counting):
        def touched_by(self, *_: object) -> None:
            return None

    on(world, Silent(world.forge)).webhook()

    assert world.merges() == 0
    assert "was not read" in void(world)


def test_nobody_is_asked_about_anybody_before_somebody_says_yes(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE)
    forge = Counting(world.forge)

    on(world, forge).propose(shrink())

    assert not {"account", "members", "touched_by"} & set(forge.calls)


# ── the record ───────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.security(22)
def test_a_record_that_was_rewritten_merges_nothing(tmp_path: Path) -> None:
    world = opened(tmp_path)
    (stream,) = world.ports.ledger.heads("proposals/")
    path = f"default/streams/{stream}/0000000001"
    entry = bytes(obstore.get(world.objects.store, path).bytes())
    obstore.put(world.objects.store, path, entry.replace(b"workers", b"wrokers").replace(b"batch", b"bacth"))
    world.review("ml-owner")

    world.webhook()

    line = line_of(world, "record-sound")
    assert world.merges() == 0
    assert line is not None
    assert not line.held


def test_what_was_read_about_people_stays_with_the_entry_of_their_decision(tmp_path: Path) -> None:
    """Months later the record still says why that yes counted: the accounts, the group, and that nobody wrote the rules."""
    world = opened(tmp_path, GROUPED)
    world.chat.groups["S0PLATFORM"] = (ML,)

    world.click("approve", ML)

    entry = next(entry for entry in world.entries() if entry.kind == "approval")
    basis = basis_of(entry, world.ports)
    assert basis is not None
    assert basis.facts.standings == (Standing(person=PersonId("ml-owner"), slack="active", forge="active", is_confirmed=True),)
    assert [(group.name, group.people) for group in basis.facts.groups if not group.problem] == [("slack:S0PLATFORM", ("ml-owner",))]
    assert basis.facts.recent_authors == ()
