"""What a person clicked, read strictly: a click that is half understood must decide nothing."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from trimtab.errors import BadInput
from trimtab.records import Click, ProposalId
from trimtab.sources.clicks import Command, parse_click, parse_slack
from trimtab.sources.senders import Request

EVENTS = Path(__file__).parents[2] / "events" / "receive"
HEAD = "3f1c9d2e5b7a8c4d6e0f1a2b3c4d5e6f7a8b9c0d"


def recorded(name: str) -> Request:
    event = json.loads((EVENTS / f"{name}.json").read_text())
    return Request(event["path"], event["headers"], event["body"].encode())


def form(**fields: str) -> Request:
    return Request("/slack", {}, urlencode(fields).encode())


def clicked(**changes: Any) -> Request:
    payload = {
        "type": "block_actions",
        "user": {"id": "U1"},
        "container": {"channel_id": "C1", "message_ts": "1.2"},
        "actions": [{"type": "button", "action_id": "snooze", "value": "prop-1 abc"}],
    }
    return form(payload=json.dumps({**payload, **changes}))


def test_an_approval_names_proposal_head_and_person() -> None:
    assert parse_click(recorded("slack_approve")) == Click(
        action="approve",
        proposal=ProposalId("prop-5d1c0a7be2"),
        user="U0PLATFORM",
        channel="C0FINOPS",
        message_ts="1785495600.000100",
        head=HEAD,
    )


def test_a_rejection_carries_the_chosen_reason() -> None:
    click = parse_click(recorded("slack_reject"))

    assert (click.action, click.head, click.reason) == ("reject", HEAD, "needed-soon")


def test_the_stop_command_carries_its_reason() -> None:
    assert parse_slack(recorded("slack_command")) == Command(name="stop", user="U0PLATFORM", channel="C0FINOPS", reason="quarter end")


@pytest.mark.parametrize(
    ("text", "about", "reason"),
    [
        ("rollback prop-1 the nightly  job\nis slow", "prop-1", "the nightly job is slow"),
        ("ROLLBACK  `prop-1` slow", "prop-1", "slow"),
        ("rollback prop-1", "prop-1", ""),
        ("rollback", "", ""),
        ("lift dev-east/idle-nodes looked at", "dev-east/idle-nodes", "looked at"),
    ],
)
def test_what_is_asked_back_is_named_before_the_reason(text: str, about: str, reason: str) -> None:
    found = parse_slack(form(command="/trimtab", text=text, user_id="U1", channel_id="C1"))

    assert found == Command(name="lift" if text.startswith("lift") else "rollback", user="U1", channel="C1", reason=reason, about=about)


def test_a_command_without_a_word_is_status() -> None:
    found = parse_slack(form(command="/trimtab", text="", user_id="U1", channel_id="C1"))

    assert isinstance(found, Command)
    assert found.name == "status"


@pytest.mark.parametrize("word", ["resume", "approve prop-1", "STOPP", "\u0000"])
def test_a_word_that_is_no_command_asks_for_help_and_for_nothing_else(word: str) -> None:
    found = parse_slack(form(command="/trimtab", text=word, user_id="U1", channel_id="C1"))

    assert isinstance(found, Command)
    assert (found.name, found.reason) == ("help", word.split(" ", maxsplit=1)[0])


def test_an_adjustment_carries_the_value_and_no_reason() -> None:
    option = {"value": f"prop-1 {HEAD} 5"}
    click = parse_click(clicked(actions=[{"type": "static_select", "action_id": "adjust", "selected_option": option}]))

    assert (click.action, click.head, click.value, click.reason) == ("adjust", HEAD, "5", "")


def test_a_command_is_no_click() -> None:
    with pytest.raises(BadInput, match="not a click"):
        parse_click(recorded("slack_command"))


@pytest.mark.parametrize(
    ("request_", "named"),
    [
        (clicked(type="view_submission"), "payload.type"),
        (clicked(actions=[]), "payload.actions"),
        (clicked(actions=[{"action_id": "approve"}, {"action_id": "reject"}]), "exactly one"),
        (clicked(actions=["approve"]), "payload.actions"),
        (clicked(actions=[{"action_id": "resume", "value": "prop-1 abc"}]), "action_id"),
        (clicked(actions=[{"action_id": ["approve"], "value": "prop-1 abc"}]), "action_id"),
        (clicked(actions=[{"action_id": "approve", "value": ""}]), "value"),
        (clicked(actions=[{"type": "static_select", "action_id": "reject", "selected_option": None}]), "selected_option"),
        (clicked(user={"name": "somebody"}), "user.id"),
        (clicked(container={"channel_id": "C1"}), "container.message_ts"),
        (form(payload="[]"), "payload"),
        (form(payload="{"), "payload"),
        (form(command="/trimtab", text="stop", channel_id="C1"), "user_id"),
    ],
)
def test_anything_else_is_refused_and_the_place_is_named(request_: Request, named: str) -> None:
    with pytest.raises(BadInput, match=named):
        parse_slack(request_)
