"""After an alert: who takes it up, who is told where nobody does, and the week's note."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.flow.budget_world import BUDGETED, at, foresee, judge, make_budget_world, spend, tick
from tests.flow.flow_world import Fault, Mode, World, faulty
from tests.judgement import OWNERS
from trimtab.attribution.budget_cost import document_key
from trimtab.errors import Upstream
from trimtab.flow.acknowledge import acknowledge
from trimtab.flow.alarms import STREAMS
from trimtab.records import Click, ProposalId

JOBS = "namespace dev-east/jobs"


def told(world: World) -> None:
    spend(world, {JOBS: "410.00"})
    judge(world)


def press(world: World, user: str = "U0ML", value: str = "") -> str:
    """The button "I am on it" of the first card."""
    subject, _, mark = (value or button(world)).partition(" ")
    click = Click(action="acknowledge", proposal=ProposalId(subject), user=user, channel="C0BATCH", message_ts="1", head=mark)
    return acknowledge(click, f"inbox/slack/{user}", world.ports, world.now)


def button(world: World, place: int = 0) -> str:
    found = [block for block in world.cards()[place].blocks if block.get("block_id") == "trimtab"]
    elements = found[0]["elements"] if found else []
    assert isinstance(elements, list)
    return str(elements[0]["value"])


def text_of(world: World, place: int) -> str:
    return json.dumps(world.cards()[place].blocks)


# ── I am on it ───────────────────────────────────────────────────────────────────────────────────────────────────────
def test_whoever_takes_an_alert_up_stands_in_the_place_of_the_button(tmp_path: Path) -> None:
    world = make_budget_world(tmp_path)
    told(world)

    assert press(world) == "You are on it; nobody else is told of this threshold."
    assert "ml-owner is on it since 2026-11-18 10:00 UTC." in text_of(world, 0)
    assert "acknowledge" not in text_of(world, 0)


def test_what_grew_is_said_as_it_was_told_when_somebody_takes_it_up(tmp_path: Path) -> None:
    """The card is redrawn days later; its causes are those of the alert."""
    world = make_budget_world(tmp_path)
    told(world)
    spend(world, {JOBS: "470.00"})
    press(world)

    assert f"{JOBS}: 410.00 USD" in text_of(world, 0)


def test_the_second_who_presses_hears_who_was_first(tmp_path: Path) -> None:
    world = make_budget_world(tmp_path)
    told(world)
    value = button(world)
    press(world)
    world.later(minutes=5)

    assert press(world, "U0PLATFORM", value) == "ml-owner has been on it since 2026-11-18 10:00 UTC."
    assert press(world, "U0ML", value) == "You are on it; nobody else is told of this threshold."


def test_a_signed_click_on_the_alert_is_answered_in_its_thread_once(tmp_path: Path) -> None:
    """The whole way: Slack's request through `receive`, the record, the card, and the answer."""
    world = make_budget_world(tmp_path)
    told(world)
    (card,) = world.cards()
    payload = {
        "type": "block_actions",
        "user": {"id": "U0ML"},
        "container": {"channel_id": card.ref.channel, "message_ts": card.ref.ts},
        "actions": [{"action_id": "acknowledge", "type": "button", "value": button(world), "action_ts": "1"}],
    }
    key = world.receive(world.slack(urlencode({"payload": json.dumps(payload)}).encode()))
    world.deliver()
    world.forget(key)
    world.deliver()

    assert world.answers() == ["You are on it; nobody else is told of this threshold."]
    assert "ml-owner is on it" in text_of(world, 0)


@pytest.mark.parametrize(
    ("user", "accounts", "answer"),
    [
        ("U0STRANGER", {}, "You are not listed in owners.yaml"),
        ("U0ML", {"U0ML": "gone"}, "Your account is no member's"),
        ("U0ML", {"U0ML": "guest"}, "Your account is no member's"),
        ("U0ML", {"U0ML": None}, "Your account is no member's"),
    ],
)
def test_a_stranger_or_a_guest_quiets_no_alert(tmp_path: Path, user: str, accounts: dict[str, object], answer: str) -> None:
    """Whoever can press could else keep the next one from being told."""
    world = make_budget_world(tmp_path)
    told(world)
    world.chat.accounts.update(accounts)  # type: ignore[arg-type]
    said = press(world, user)
    world.later(hours=5)
    tick(world)

    assert said.startswith(answer)
    assert [card.ref.channel for card in world.cards()] == ["C0BATCH", "C0LEADS"]


@pytest.mark.parametrize("value", ["../../x actual-0.8", "0123456789abcdef0123 actual-0.8", "x" * 300, "0123456789abcdef0123"])
def test_a_button_of_no_alert_is_answered_and_writes_nothing(tmp_path: Path, value: str) -> None:
    world = make_budget_world(tmp_path)
    told(world)
    before = dict(world.ports.ledger.heads(STREAMS))

    assert press(world, value=value) == "There is no such alert."
    assert dict(world.ports.ledger.heads(STREAMS)) == before


def test_a_card_that_was_deleted_keeps_nobody_from_being_on_it(tmp_path: Path) -> None:
    world = make_budget_world(tmp_path)
    told(world)
    value = button(world)
    world.chat.closed = frozenset({"C0BATCH"})

    assert press(world, value=value) == "You are on it; nobody else is told of this threshold."


# ── nobody is on it ──────────────────────────────────────────────────────────────────────────────────────────────────
def test_where_nobody_takes_it_up_in_time_the_next_one_is_told_once(tmp_path: Path) -> None:
    world = make_budget_world(tmp_path)
    told(world)
    world.later(hours=3, minutes=59)
    tick(world)
    early = len(world.cards())
    world.later(minutes=1)
    tick(world)
    world.later(hours=1)
    tick(world)

    assert (early, len(world.cards())) == (1, 2)
    assert world.cards()[1].ref.channel == "C0LEADS"
    assert "for 4 hours nobody said that they are on it" in text_of(world, 1)


def test_who_is_on_it_keeps_the_next_one_from_being_told(tmp_path: Path) -> None:
    world = make_budget_world(tmp_path)
    told(world)
    press(world)
    world.later(hours=9)
    tick(world)

    assert len(world.cards()) == 1


def test_a_higher_threshold_asks_anew_who_is_on_it(tmp_path: Path) -> None:
    world = make_budget_world(tmp_path)
    told(world)
    press(world)
    spend(world, {JOBS: "510.00"})
    judge(world, "p-2026-11.bb")
    world.later(hours=5)
    tick(world)

    assert [card.ref.channel for card in world.cards()] == ["C0BATCH", "C0BATCH", "C0LEADS"]
    assert "100%" in world.cards()[2].text


def test_two_thresholds_that_wait_are_one_escalation_about_the_newer(tmp_path: Path) -> None:
    world = make_budget_world(tmp_path)
    told(world)
    spend(world, {JOBS: "510.00"})
    judge(world, "p-2026-11.bb")
    world.later(hours=5)
    tick(world)
    world.later(hours=1)
    tick(world)

    assert [card.ref.channel for card in world.cards()] == ["C0BATCH", "C0BATCH", "C0LEADS"]


def test_whoever_was_told_next_can_take_it_up_and_both_cards_say_so(tmp_path: Path) -> None:
    world = make_budget_world(tmp_path)
    told(world)
    world.later(hours=5)
    tick(world)
    press(world, value=button(world, 1))

    assert all("ml-owner is on it" in text_of(world, place) for place in (0, 1))


def test_an_alert_of_last_month_is_escalated_on_the_11th_too(tmp_path: Path) -> None:
    """From then on that month is not judged any more; who was told on the 10th has still not answered."""
    world = make_budget_world(tmp_path)
    at(world, datetime(2026, 11, 10, 22, tzinfo=UTC))
    spend(world, {JOBS: "410.00"}, month="2026-10")
    judge(world, "p-2026-10.aa")
    for _ in range(6):
        world.later(hours=1)
        tick(world)

    assert [card.ref.channel for card in world.cards()] == ["C0BATCH", "C0LEADS"]


def test_an_owner_who_cannot_be_reached_keeps_no_other_alert_from_being_escalated(tmp_path: Path) -> None:
    owners = BUDGETED.replace(b"channel: C0ML", b"email: ml@example.com") + b"  - {id: mailed, team: ml, amount: 5}\n"
    world = make_budget_world(tmp_path, owners)
    told(world)
    spend(world, {JOBS: "50"}, budget="mailed", scope="team ml")
    world.ports = replace(world.ports, mail=Server(_down))
    world.later(hours=5)
    with pytest.raises(Upstream, match="the mail server is down"):
        tick(world)

    assert [card.ref.channel for card in world.cards()] == ["C0BATCH", "C0LEADS"]


@dataclass(frozen=True)
class Server:
    """A mail server that does what the test says."""

    send: Callable[[str, str, str, str], None]
    is_configured: bool = True


def _down(_to: str, _subject: str, _text: str, _nonce: str) -> None:
    raise Upstream("the mail server is down")


def test_an_escalation_channel_that_is_closed_is_said_and_tried_another_day(tmp_path: Path) -> None:
    world = make_budget_world(tmp_path)
    told(world)
    world.chat.closed = frozenset({"C0LEADS"})
    world.later(hours=5)
    tick(world)
    world.chat.closed = frozenset()
    world.later(hours=21)
    tick(world)

    assert any(event == "alert.follow-up-refused" for event, _ in world.log.said)
    assert [card.ref.channel for card in world.cards()] == ["C0BATCH", "C0LEADS"]


def test_an_escalation_channel_that_is_closed_gives_way_to_the_default_channel(tmp_path: Path) -> None:
    """Where the alert itself does not stand: nobody is told the same twice."""
    world = make_budget_world(tmp_path)
    world.ports = replace(world.ports, settings=world.ports.settings.model_copy(update={"default_channel": "C0FINOPS"}))
    told(world)
    world.chat.closed = frozenset({"C0LEADS"})
    for _ in range(30):
        world.later(hours=1)
        tick(world)

    assert [card.ref.channel for card in world.cards()] == ["C0BATCH", "C0FINOPS"]
    assert "It could not be told by slack C0LEADS" in text_of(world, 1)


@pytest.mark.parametrize("mode", ["before", "after", "lost"])
def test_whichever_write_it_dies_at_an_escalation_is_told_once(tmp_path: Path, mode: Mode) -> None:
    counted = []
    for k in range(1, 6):
        world = make_budget_world(tmp_path / str(k))
        told(world)
        world.later(hours=5)
        world.survive(faulty(world.ports, Fault(k, mode)), tick)
        counted.append(len(world.cards()))

    assert counted == [2] * 5


@pytest.mark.parametrize("mode", ["before", "after", "lost"])
def test_whichever_write_it_dies_at_an_escalation_that_gives_way_is_told_once(tmp_path: Path, mode: Mode) -> None:
    counted = []
    for k in range(1, 7):
        world = make_budget_world(tmp_path / str(k))
        world.ports = replace(world.ports, settings=world.ports.settings.model_copy(update={"default_channel": "C0FINOPS"}))
        told(world)
        world.chat.closed = frozenset({"C0LEADS"})
        world.later(hours=5)
        world.survive(faulty(world.ports, Fault(k, mode)), tick)
        counted.append([card.ref.channel for card in world.cards()])

    assert counted == [["C0BATCH", "C0FINOPS"]] * 6


# ── the week's note ──────────────────────────────────────────────────────────────────────────────────────────────────
MONDAY = datetime(2026, 11, 16, 9, 30, tzinfo=UTC)


def test_on_monday_a_team_near_its_limit_gets_one_note(tmp_path: Path) -> None:
    world = make_budget_world(tmp_path)
    at(world, MONDAY)
    spend(world, {JOBS: "200.00"})
    foresee(world, "430.00", as_of=MONDAY.date() - timedelta(days=1))
    tick(world)
    world.later(hours=1)
    tick(world)

    notes = [text_of(world, place) for place, card in enumerate(world.cards()) if "near their limits" in card.text]
    assert len(notes) == 1
    assert "batch-monthly (team batch): 200.00 USD spent of 500.00 USD (40%), forecast 430.00 USD (86%)" in notes[0]


def test_a_team_that_is_far_from_its_limit_gets_none(tmp_path: Path) -> None:
    world = make_budget_world(tmp_path)
    at(world, MONDAY)
    spend(world, {JOBS: "200.00"})
    tick(world)

    assert world.cards() == []


def test_the_week_begins_where_the_team_is(tmp_path: Path) -> None:
    owners = BUDGETED.replace(b"channel: C0BATCH", b"channel: C0BATCH, time_zone: America/Los_Angeles")
    world = make_budget_world(tmp_path, owners)
    at(world, MONDAY)
    spend(world, {JOBS: "440.00"})
    tick(world)
    early = [card.text for card in world.cards() if "near their limits" in card.text]
    at(world, MONDAY + timedelta(hours=8))
    tick(world)

    assert early == []
    assert len([card.text for card in world.cards() if "near their limits" in card.text]) == 1


def test_a_monday_that_is_two_days_in_utc_has_one_note(tmp_path: Path) -> None:
    """In Auckland it begins while UTC still has last week."""
    world = make_budget_world(tmp_path, BUDGETED.replace(b"channel: C0BATCH", b"channel: C0BATCH, time_zone: Pacific/Auckland"))
    at(world, datetime(2026, 11, 15, 20, 30, tzinfo=UTC))
    spend(world, {JOBS: "440.00"})
    for _ in range(12):
        tick(world)
        world.later(hours=1)

    assert len([card for card in world.cards() if "near their limits" in card.text]) == 1


def test_a_budget_that_cannot_be_read_keeps_no_other_out_of_the_note(tmp_path: Path) -> None:
    world = make_budget_world(tmp_path, BUDGETED.replace(b"budgets:\n", b"budgets:\n  - {id: broken, team: ml, amount: 5}\n"))
    world.ports.documents.publish(document_key("broken", "p-2026-11"), {"nonsense": True})
    at(world, MONDAY)
    spend(world, {JOBS: "440.00"})
    tick(world)

    assert len([card for card in world.cards() if "near their limits" in card.text]) == 1


def test_the_next_week_has_a_note_of_its_own(tmp_path: Path) -> None:
    world = make_budget_world(tmp_path)
    for days in (0, 7):
        at(world, MONDAY + timedelta(days=days))
        spend(world, {JOBS: "440.00"})
        tick(world)

    assert len([card for card in world.cards() if "near their limits" in card.text]) == 2


def test_without_budgets_the_clock_finds_nothing_to_do(tmp_path: Path) -> None:
    world = make_budget_world(tmp_path, OWNERS)

    assert tick(world) == "0 budgets judged, 0 told; 0 escalated, 0 weekly notes"
