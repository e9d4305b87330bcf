"""New rules are seen, recorded, announced once, and what is looser in them waits a day; whoever only reads leaves no trace."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.flow.flow_world import FREEZE, ONE, REPO, Died, Fault, Mode, World, faulty, make_world, shrink
from tests.judgement import CONFIG, OWNERS, POLICY
from trimtab.errors import Refused, Upstream
from trimtab.flow.facts import load_facts
from trimtab.flow.ground import ground_of, noted
from trimtab.flow.rules_history import MOST, STREAMS, announcement, history_of, note_rules
from trimtab.lifecycle import State
from trimtab.records import Entry

RULES, OWNERS_FILE = ".trimtab/policy.yaml", ".trimtab/owners.yaml"
INSIDER = OWNERS.replace(b"[platform-owner, ml-owner]", b"[platform-owner, ml-owner, finance-owner]")


def opened(root: Path, policy: bytes = ONE, config: bytes = CONFIG) -> World:
    world = make_world(root, policy, config=config)
    world.propose(shrink())
    return world


def versions(world: World) -> list[Entry]:
    return world.ports.ledger.entries(STREAMS + REPO)


def kinds(world: World) -> list[str]:
    return [entry.kind for entry in versions(world)]


# ── seen ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_the_first_rules_that_are_ever_seen_count_at_once_and_are_no_news(tmp_path: Path) -> None:
    world = opened(tmp_path, POLICY)

    assert world.webhook() != ""
    assert world.life().state is State.MERGED
    assert kinds(world) == ["version"]
    assert world.announced() == []


def test_new_rules_are_recorded_with_commit_and_time_and_announced_once(tmp_path: Path) -> None:
    world = opened(tmp_path)
    commit = world.push_main({OWNERS_FILE: INSIDER})
    world.later(hours=1)

    world.tick_verify()
    world.webhook()
    world.later(hours=1)
    world.tick_verify()

    assert kinds(world) == ["version", "version", "announced"]
    history = history_of(REPO, world.ports)
    assert history is not None
    assert (history.newest.commit, history.newest.seen) == (commit, world.now - timedelta(hours=1))
    (told,), tomorrow = world.announced(), "2026-11-19 11:00"
    assert told.text.splitlines() == [
        f"The rules of gitops changed with commit {commit[:10]}. What is stricter counts now. What is looser counts from {tomorrow} UTC:",
        "- finance-owner may approve for everything",
        "If nobody meant this: /trimtab stop",
    ]
    (logged,) = [values for event, values in world.log.said if event == "rules.changed"]
    assert logged["input"] == ["finance-owner may approve for everything"]
    assert world.ports.ledger.verify() == []


def test_what_is_only_stricter_is_announced_as_that(tmp_path: Path) -> None:
    world = opened(tmp_path)
    world.push_main({RULES: FREEZE})

    world.tick_verify()

    assert world.announced()[0].text.endswith("What is stricter counts now. Nothing is looser.")


def test_whoever_only_reads_records_and_announces_nothing(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE)

    ground = ground_of(REPO, world.ports)

    assert (ground.earlier, ground.is_noted) == ((), False)
    assert world.ports.ledger.heads(STREAMS) == {}
    assert world.chat.messages == []


# ── a day ────────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.security(2)
def test_an_insider_who_drops_a_rule_merges_nothing_by_it_for_a_day(tmp_path: Path) -> None:
    world = opened(tmp_path)
    world.push_main({RULES: POLICY})
    world.tick_verify()

    world.later(hours=5)
    world.measure()
    world.webhook("edited")

    assert world.life().state is State.AWAITING
    assert "rules until 2026-11-18 10:00 UTC" in [line.rule for line in world.life().verdict.reasons]  # type: ignore[union-attr]
    world.later(hours=19)
    world.measure()
    world.webhook("reopened")
    assert world.life().state is State.MERGED


@pytest.mark.security(2)
def test_an_insider_who_makes_themself_an_approver_approves_nothing_for_a_day(tmp_path: Path) -> None:
    world = opened(tmp_path)
    world.push_main({OWNERS_FILE: INSIDER})
    world.webhook()

    told = world.click("approve", "U0FINANCE")
    world.later(hours=24, minutes=1)
    world.measure()

    assert "finance-owner may not approve this (too-new: " in told
    assert world.life().approvals == ()
    assert world.merges() == 0
    world.click("approve", "U0FINANCE")
    assert world.life().state is State.MERGED


@pytest.mark.security(2)
def test_an_insider_who_raises_the_stage_gets_no_further_for_a_day(tmp_path: Path) -> None:
    world = opened(tmp_path, POLICY, config=CONFIG.replace(b"stage: guarded", b"stage: approve"))
    world.push_main({".trimtab/config.yaml": CONFIG})
    world.tick_verify()
    world.webhook("edited")

    assert world.life().state is State.AWAITING
    world.later(hours=24)
    world.measure()
    world.webhook("reopened")
    assert world.life().state is State.MERGED


@pytest.mark.security(2)
def test_a_tightening_acts_on_the_very_next_look(tmp_path: Path) -> None:
    world = opened(tmp_path)
    world.push_main({RULES: FREEZE})

    world.webhook()
    world.click("approve", "U0PLATFORM")

    assert world.merges() == 0
    assert "freeze" in [line.rule for line in world.life().verdict.reasons]  # type: ignore[union-attr]


@pytest.mark.security(2)
def test_rules_that_nobody_can_read_do_not_end_the_say_of_those_before(tmp_path: Path) -> None:
    """Else somebody could break the file, wait a day, and mend it as they like."""
    world = opened(tmp_path)
    world.push_main({RULES: b"rules: [\n"})
    for _ in range(3):
        world.later(hours=12)
        world.tick_verify()
    world.push_main({RULES: POLICY})
    world.measure()

    world.webhook("edited")

    assert world.life().state is not State.MERGED
    assert kinds(world) == ["version", "version", "announced"]


@pytest.mark.security(2)
def test_what_comes_back_to_the_old_rules_waits_for_nothing_it_had(tmp_path: Path) -> None:
    """Rules that were seen before are no earlier version of themselves; what was between them and them still counts."""
    world = opened(tmp_path, POLICY)
    world.ports.permit.stop(by="platform-owner", reason="wait", at=world.now)
    world.ports.permit.resume(by="platform-owner", reason="go on", at=world.now)
    world.push_main({RULES: ONE})
    world.tick_verify()
    world.push_main({RULES: POLICY})
    world.later(hours=1)
    world.tick_verify()

    ground = ground_of(REPO, world.ports)

    assert [each.governance.rules[0].name for each in ground.earlier if each.governance] == ["a-person"]
    assert kinds(world) == ["version", "version", "announced", "version", "announced"]


@pytest.mark.security(2)
def test_rules_of_a_commit_that_is_gone_let_nothing_open_or_merge_and_are_named(tmp_path: Path) -> None:
    world = opened(tmp_path)
    first = world.forge.base_head(REPO, "main")
    gone = world.push_main({RULES: FREEZE})
    world.tick_verify()
    _push_by_force(world, first, gone)
    world.push_main({RULES: POLICY})
    world.later(hours=1)
    world.tick_verify()

    world.webhook("edited")

    reasons = {line.rule: line.saw for line in world.life().verdict.reasons}  # type: ignore[union-attr]
    assert reasons["rules until 2026-11-18 11:00 UTC"] == "they cannot be read any more"
    assert world.life().verdict.may_open is False  # type: ignore[union-attr]
    assert any(event == "rules.unreadable" for event, _ in world.log.said)


def _push_by_force(world: World, first: str, gone: str) -> None:
    """The branch goes back, and what it held since is collected as garbage."""
    bare = world.forge.git(REPO)
    bare.run("update-ref", "refs/heads/main", first)
    (bare.path / "objects" / gone[:2] / gone[2:]).unlink()


@pytest.mark.security(2)
def test_after_a_dozen_versions_in_a_day_nothing_merges_until_they_are_a_day_old(tmp_path: Path) -> None:
    world = opened(tmp_path)
    for number in range(MOST + 2):
        world.push_main({RULES: ONE + f"# {number}\n".encode()})
        world.later(hours=1)
        world.tick_verify()
    history, ground = history_of(REPO, world.ports), ground_of(REPO, world.ports)
    world.measure()

    world.click("approve")
    today = world.merges()
    world.later(hours=25)
    world.measure()
    world.click("approve")

    assert history is not None
    assert len(history.versions) == MOST + 1
    assert [each.problem for each in ground.earlier if each.governance is None] == [f"there were over {MOST} versions within a day"]
    assert (today, world.merges()) == (0, 1)


# ── twice, half-way, at once ─────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("mode", ["before", "after", "lost"])
@pytest.mark.parametrize("k", range(1, 4))
def test_whoever_dies_half_way_leaves_one_entry_and_one_message_to_be_finished(tmp_path: Path, k: int, mode: Mode) -> None:
    world = opened(tmp_path)
    world.push_main({RULES: POLICY})
    world.ports.forge.forget()
    ground = ground_of(REPO, world.ports)

    dying = faulty(world.ports, Fault(k, mode))
    try:
        noted(REPO, ground, dying, world.now)
    except (Died, Upstream):
        pass
    else:
        assert mode == "lost", "something was written to die at"
    noted(REPO, ground_of(REPO, world.ports), world.ports, world.now)

    assert kinds(world) == ["version", "version", "announced"]
    assert len(world.announced()) == 1


def test_two_who_look_at_once_record_and_announce_once(tmp_path: Path) -> None:
    world = opened(tmp_path)
    world.push_main({RULES: POLICY})
    world.ports.forge.forget()
    one, other = ground_of(REPO, world.ports), ground_of(REPO, world.ports)

    noted(REPO, one, world.ports, world.now)
    noted(REPO, other, world.ports, world.now)

    assert kinds(world) == ["version", "version", "announced"]
    assert len(world.announced()) == 1


def test_what_was_read_before_the_newest_rules_came_does_not_come_back(tmp_path: Path) -> None:
    """A run that began an hour ago still holds the rules of then."""
    world = opened(tmp_path)
    stale = ground_of(REPO, world.ports)
    world.push_main({RULES: POLICY})
    world.tick_verify()

    assert stale.governance is not None
    note_rules(REPO, stale.base, stale.governance, world.ports, world.now)

    assert kinds(world) == ["version", "version", "announced"]


# ── Slack ────────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_while_slack_is_down_the_rules_count_and_the_news_is_told_later(tmp_path: Path) -> None:
    world = opened(tmp_path)
    world.push_main({RULES: FREEZE})
    world.ports.forge.forget()

    down = replace_chat(world, Upstream("Slack: 503"))
    ground = noted(REPO, ground_of(REPO, down.ports), down.ports, world.now)
    noted(REPO, ground_of(REPO, world.ports), world.ports, world.now)

    assert ground.is_noted is False
    assert kinds(world) == ["version", "version", "announced"]
    assert len(world.announced()) == 1


def test_a_channel_that_is_closed_to_us_stops_nothing(tmp_path: Path) -> None:
    world = opened(tmp_path)
    world.push_main({RULES: FREEZE})
    world.ports.forge.forget()

    closed = replace_chat(world, Refused("channel_not_found"))
    noted(REPO, ground_of(REPO, closed.ports), closed.ports, world.now)

    assert kinds(world) == ["version", "version", "announced"]
    assert ("rules.not-told", {"repo": REPO, "input": "channel_not_found"}) in world.log.said


class Silent:
    """A Slack that answers one thing to everything."""

    is_configured = True

    def __init__(self, answer: Exception) -> None:
        self.answer = answer

    def find(self, *_: object) -> None:
        raise self.answer


def replace_chat(world: World, answer: Exception) -> World:
    return replace(world, ports=replace(world.ports, chat=Silent(answer)))  # type: ignore[arg-type]


def test_foreign_names_in_the_news_are_shown_and_act_nowhere(tmp_path: Path) -> None:
    world = opened(tmp_path, ONE + b"freezes: [{name: 'sale <!channel> @here', start: 2026-12-17, end: 2026-12-20}]\n")
    world.push_main({RULES: ONE})

    world.tick_verify()

    (told,) = world.announced()
    assert "- the freeze sale \\x3c\\x21channel\\x3e \\x40here is gone" in told.text
    assert "<!" not in told.text
    assert told.blocks[0]["text"]["type"] == "plain_text"  # type: ignore[index]


def test_a_long_list_of_what_is_looser_is_cut_and_says_so(tmp_path: Path) -> None:
    world = opened(tmp_path)
    history = history_of(REPO, world.ports)
    assert history is not None

    text = announcement(REPO, history.newest, [f"the rule r{number} is gone" for number in range(40)])

    assert text.count("is gone") == 12
    assert "- and 28 more" in text


# ── what is read by them ─────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.security(2)
def test_an_slo_that_was_asked_for_yesterday_holds_back_today(tmp_path: Path) -> None:
    """Else whoever writes the rules takes the alarm away and merges while it rings."""
    slo = b"watch:\n  slos:\n    - {name: slow, query: 'max(job_seconds)', above: 2}\n"
    world = opened(tmp_path, config=CONFIG + slo)
    world.push_main({".trimtab/config.yaml": CONFIG})

    world.tick_verify()
    today = burning(world)
    world.later(hours=25)
    world.tick_verify()

    assert today == ("slow (not read lately)",)
    assert burning(world) == ()


def burning(world: World) -> tuple[str, ...]:
    ground = ground_of(REPO, world.ports)
    return load_facts(world.life(), world.ports, ground, world.now, is_thorough=False, seen=None).burning
