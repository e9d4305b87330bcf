"""The demo's Slack must be as strict as the real one, or the demo proves nothing."""

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from trimtab.adapters.slack.client import SlackChat
from trimtab.demo.slack_blocks import problems
from trimtab.demo.slack_workspace import SlackWorkspace
from trimtab.errors import BadInput, Upstream
from trimtab.ports import MessageRef
from trimtab.records import Json
from trimtab.sources.clicks import Command, parse_click, parse_slack
from trimtab.sources.senders import verify

SECRET = "s" * 32
NOW = datetime(2026, 7, 31, 12, tzinfo=UTC)
BLOCK: Json = {"type": "section", "text": {"type": "plain_text", "text": "x"}}
HEAD = "3f1c9d2e5b7a8c4d6e0f1a2b3c4d5e6f7a8b9c0d"


class Known:
    def secrets_of(self, source: str) -> tuple[str, ...]:  # noqa: ARG002 -- the protocol's name
        return (SECRET,)


def plain(text: str) -> dict[str, str]:
    return {"type": "plain_text", "text": text}


def button(action: str = "approve", **more: Any) -> dict[str, Any]:
    return {"type": "button", "action_id": action, "text": plain(action), "value": f"prop-1 {HEAD}", **more}


def select(*values: str) -> dict[str, Any]:
    return {
        "type": "static_select",
        "action_id": "reject",
        "options": [{"text": plain(value), "value": f"prop-1 {HEAD} {value}"} for value in values],
    }


def actions(*elements: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "actions", "elements": list(elements), **more}


@pytest.fixture
def workspace(tmp_path: Path) -> SlackWorkspace:
    return SlackWorkspace(tmp_path, token="xoxb-test", signing_secret=SECRET)


def posted(workspace: SlackWorkspace, *blocks: dict[str, Any]) -> MessageRef:
    answer = workspace.answer("chat.postMessage", "xoxb-test", {"channel": "C1", "text": "card", "blocks": list(blocks)})
    return MessageRef(answer["channel"], answer["ts"])


def test_a_pressed_button_is_a_signed_request_that_receive_believes(workspace: SlackWorkspace) -> None:
    card = posted(workspace, actions(button("approve"), button("snooze")))

    request = workspace.click(card, "approve", user="U1", at=NOW)

    verify(request, Known(), NOW)
    click = parse_click(request)
    assert (click.action, click.proposal, click.head, click.user) == ("approve", "prop-1", HEAD, "U1")
    assert (click.channel, click.message_ts) == (card.channel, card.ts)


def test_a_chosen_reason_arrives(workspace: SlackWorkspace) -> None:
    card = posted(workspace, actions(select("too-risky", "needed-soon")))

    assert parse_click(workspace.click(card, "reject", user="U1", at=NOW)).reason == "too-risky"
    assert parse_click(workspace.click(card, "reject", user="U1", at=NOW, reason="needed-soon")).reason == "needed-soon"
    with pytest.raises(BadInput, match="no option"):
        workspace.click(card, "reject", user="U1", at=NOW, reason="boredom")


def test_what_is_not_on_the_card_cannot_be_pressed(workspace: SlackWorkspace) -> None:
    card = posted(workspace, {"type": "divider"})

    with pytest.raises(BadInput, match="no element 'approve'"):
        workspace.click(card, "approve", user="U1", at=NOW)
    with pytest.raises(BadInput, match="no message"):
        workspace.click(MessageRef("C1", "1.000100"), "approve", user="U1", at=NOW)


def test_a_command_arrives(workspace: SlackWorkspace) -> None:
    request = workspace.command("stop quarter end", user="U1", channel="C1", at=NOW)

    verify(request, Known(), NOW)
    assert parse_slack(request) == Command(name="stop", user="U1", channel="C1", reason="quarter end")


@pytest.mark.parametrize(
    ("method", "arguments", "error"),
    [
        ("chat.postMessage", {"channel": "C1", "text": ""}, "no_text"),
        ("chat.postMessage", {"channel": "../../etc", "text": "x"}, "channel_not_found"),
        ("chat.postMessage", {"text": "x"}, "channel_not_found"),
        ("chat.update", {"channel": "C1", "ts": "../x", "text": "x"}, "message_not_found"),
        ("chat.delete", {"channel": "C1", "ts": "../x"}, "message_not_found"),
        ("chat.delete", {"channel": "C1", "ts": "1.0"}, "message_not_found"),
        ("chat.postEphemeral", {"channel": "C1", "text": "x"}, "invalid_arguments"),
        ("conversations.replies", {"channel": "C1", "ts": "1.0"}, "thread_not_found"),
        ("users.list", {}, "unknown_method"),
    ],
)
def test_it_refuses_what_slack_refuses(workspace: SlackWorkspace, method: str, arguments: dict[str, Any], error: str) -> None:
    assert workspace.answer(method, "xoxb-test", arguments)["error"] == error


def test_only_its_own_token_counts(workspace: SlackWorkspace) -> None:
    assert workspace.answer("auth.test", "xoxb-test", {})["ok"]
    assert workspace.answer("auth.test", "xoxb-other", {}) == {"ok": False, "error": "invalid_auth"}
    assert workspace.answer("auth.test", "", {}) == {"ok": False, "error": "not_authed"}


def test_an_ephemeral_message_is_in_no_history(workspace: SlackWorkspace) -> None:
    workspace.answer("chat.postEphemeral", "xoxb-test", {"channel": "C1", "user": "U1", "text": "only you"})

    assert workspace.messages("C1") == []


BROKEN_BLOCKS: dict[str, list[Any]] = {
    "51 blocks": [{"type": "divider"}] * 51,
    "an unknown block": [{"type": "table"}],
    "no object": ["divider"],
    "a section without text": [{"type": "section"}],
    "a text of 3001": [{"type": "section", "text": plain("x" * 3001)}],
    "an empty text": [{"type": "section", "text": plain("")}],
    "a field of 2001": [{"type": "section", "fields": [plain("x" * 2001)]}],
    "11 fields": [{"type": "section", "fields": [plain("x")] * 11}],
    "a header of 151": [{"type": "header", "text": plain("x" * 151)}],
    "a header in mrkdwn": [{"type": "header", "text": {"type": "mrkdwn", "text": "x"}}],
    "a button text of 76": [actions(button(text=plain("x" * 76)))],
    "a value of 2001": [actions(button(value="x" * 2001))],
    "an unknown style": [actions(button(style="green"))],
    "26 buttons": [actions(*[button(f"b{number}") for number in range(26)])],
    "no buttons": [actions()],
    "an action twice": [actions(button(), button())],
    "a block id twice": [{"type": "divider", "block_id": "a"}, {"type": "divider", "block_id": "a"}],
    "a select without options": [actions(select())],
    "an option of 151": [actions(select("x" * 151))],
    "a confirm without a title": [actions(button(confirm={"text": plain("x"), "confirm": plain("y"), "deny": plain("n")}))],
    "a confirm text of 301": [
        actions(button(confirm={"title": plain("t"), "text": plain("x" * 301), "confirm": plain("y"), "deny": plain("n")}))
    ],
    "11 context elements": [{"type": "context", "elements": [plain("x")] * 11}],
    "an unknown element": [actions({"type": "datepicker", "action_id": "a"})],
    "an image without alt text": [{"type": "image", "image_url": "https://example.com/a.png"}],
}


@pytest.mark.parametrize("blocks", BROKEN_BLOCKS.values(), ids=BROKEN_BLOCKS)
def test_a_card_that_slack_would_refuse_is_refused_here(workspace: SlackWorkspace, blocks: list[Any]) -> None:
    answer = workspace.answer("chat.postMessage", "xoxb-test", {"channel": "C1", "text": "card", "blocks": blocks})

    assert answer["error"] == "invalid_blocks"
    assert answer["response_metadata"]["messages"][0].startswith("blocks")


def test_a_card_at_every_limit_is_accepted() -> None:
    confirm = {"title": plain("t" * 100), "text": plain("x" * 300), "confirm": plain("y" * 30), "deny": plain("n" * 30)}
    card = [
        {"type": "header", "text": plain("x" * 150)},
        {
            "type": "section",
            "text": {"type": "mrkdwn", "text": "x" * 3000},
            "fields": [plain("x" * 2000)] * 10,
            "accessory": button("evidence"),
        },
        {"type": "context", "elements": [plain("x")] * 10},
        actions(button(confirm=confirm, style="danger", value="x" * 2000), select("needed-soon")),
        {"type": "rich_text", "elements": []},
    ]

    assert problems([*card, *[{"type": "divider"}] * 45], "text") == []


@pytest.mark.parametrize(
    ("block", "named"),
    [
        ({"type": "rich_text", "elements": [{"type": "section"}]}, "elements[0].type: not a part"),
        ({"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": []}]}, "elements[0].elements: required"),
        ({"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [{"type": "mrkdwn", "text": "*x*"}]}]}, "'mrkdwn'"),
        ({"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [{"type": "text", "text": ""}]}]}, "text: required"),
        (
            {
                "type": "rich_text",
                "elements": [{"type": "rich_text_list", "style": "dash", "elements": [{"type": "rich_text_section", "elements": []}]}],
            },
            "style: bullet or ordered",
        ),
        (
            actions(
                button(
                    confirm={"title": plain("t"), "text": {"type": "mrkdwn", "text": "sure?"}, "confirm": plain("y"), "deny": plain("n")}
                )
            ),
            "confirm.text: expected a text object",
        ),
        (actions(select("too-risky", "too-risky")), "twice"),
        (actions({**select("too-risky"), "options": [{"text": {"type": "mrkdwn", "text": "*x*"}, "value": "x"}]}), "options[0].text"),
    ],
)
def test_what_slack_refuses_in_the_parts_of_a_block_is_refused_here_too(block: dict[str, Any], named: str) -> None:
    assert any(named in problem for problem in problems([block], "text"))


def test_a_busy_workspace_answers_429_and_keeps_nothing(tmp_path: Path) -> None:
    """The real client raises what makes a queue deliver again; after that the message is there once."""
    workspace = SlackWorkspace(tmp_path, token="xoxb-test", signing_secret=SECRET)
    calls: list[str] = []

    def is_busy(method: str) -> bool:
        calls.append(method)
        return len(calls) == 1

    with workspace.running(is_busy=is_busy) as url:
        chat = SlackChat.at(url, "xoxb-test")
        with pytest.raises(Upstream, match="too many calls; again after 1 s"):
            chat.post("C1", [BLOCK], "x", "nonce-1")
        nothing = chat.find("C1", "nonce-1")
        chat.post("C1", [BLOCK], "x", "nonce-1")

    assert nothing is None
    assert len(workspace.messages("C1")) == 1


PROGRAM = """
import sys
from pathlib import Path
from trimtab.demo.slack_workspace import SlackWorkspace
workspace = SlackWorkspace(Path(sys.argv[1]), token="xoxb-test", signing_secret="s")
while True:
    print(workspace.answer("chat.postMessage", "xoxb-test", {"channel": "C1", "text": "x" * 20000})["ts"], flush=True)
"""


def test_after_a_kill_every_answered_message_is_there_and_whole(tmp_path: Path) -> None:
    """The demo is stopped with -9 in its own tests; a half-written card would be a lie about the loop."""
    environ = {"PYTHONPATH": str(Path(__file__).parents[2] / "shared")}
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(tmp_path)], env=environ, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    answered = [process.stdout.readline().strip() for _ in range(20)]
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()

    workspace = SlackWorkspace(tmp_path, token="xoxb-test", signing_secret=SECRET)
    kept = [message["ts"] for message in workspace.messages("C1")]
    assert set(answered) <= set(kept)
    assert posted(workspace).ts > max(kept)
