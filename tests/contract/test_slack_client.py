"""The real Slack client against a Slack that keeps its rules: a card is posted once, found again, and replaced."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from trimtab.adapters.slack import protocol
from trimtab.adapters.slack.client import SlackChat
from trimtab.demo.slack_workspace import SlackWorkspace
from trimtab.errors import BadInput, Gone, Refused, TrimtabError, Upstream
from trimtab.ports import MessageRef
from trimtab.records import Json
from trimtab.settings import Settings

TOKEN = "xoxb-test"
CHANNEL = "C0FINOPS"


def blocks(text: str) -> list[Json]:
    return [{"type": "section", "text": {"type": "plain_text", "text": text}}]


@pytest.fixture
def workspace(tmp_path: Path) -> SlackWorkspace:
    return SlackWorkspace(tmp_path / "slack", token=TOKEN, signing_secret="s" * 32)


@pytest.fixture
def chat(workspace: SlackWorkspace) -> Iterator[SlackChat]:
    with workspace.running() as url:
        yield SlackChat.of(Settings(slack_url=url, slack_token=SecretStr(TOKEN)))


def test_a_posted_message_is_found_by_its_nonce(chat: SlackChat) -> None:
    """After a crash between sending and recording, this is how the card is not sent twice."""
    chat.post(CHANNEL, blocks("another"), "another", "nonce-1")
    ref = chat.post(CHANNEL, blocks("card"), "card", "nonce-2")
    chat.post(CHANNEL, blocks("later"), "later", "nonce-3")

    assert chat.find(CHANNEL, "nonce-2") == ref
    assert chat.find(CHANNEL, "nonce-9") is None
    assert chat.find("C0EMPTY", "nonce-2") is None


def test_a_reply_is_found_in_its_thread_and_only_there(chat: SlackChat) -> None:
    card = chat.post(CHANNEL, blocks("card"), "card", "nonce-1")
    reply = chat.post(CHANNEL, blocks("reply"), "reply", "nonce-2", thread=card)

    assert chat.find(CHANNEL, "nonce-2", thread=card) == reply
    assert chat.find(CHANNEL, "nonce-2") is None


def test_a_nonce_is_found_beyond_the_first_page(chat: SlackChat, workspace: SlackWorkspace) -> None:
    ref = chat.post(CHANNEL, blocks("card"), "card", "nonce-0")
    for number in range(protocol.PAGE + 1):
        workspace.post_message({"channel": CHANNEL, "text": f"chatter {number}"})

    assert chat.find(CHANNEL, "nonce-0") == ref


def test_an_update_replaces_the_content_and_keeps_the_nonce(chat: SlackChat, workspace: SlackWorkspace) -> None:
    ref = chat.post(CHANNEL, blocks("waiting"), "waiting", "nonce-1")

    for _ in range(2):
        chat.update(ref, blocks("merged"), "merged")

    kept = workspace.message(ref.channel, ref.ts)
    assert kept is not None
    assert (kept["text"], kept["blocks"]) == ("merged", blocks("merged"))
    assert chat.find(CHANNEL, "nonce-1") == ref
    assert len(workspace.messages(CHANNEL)) == 1


def test_of_two_messages_with_one_nonce_the_first_is_found_in_a_channel_and_in_a_thread(chat: SlackChat) -> None:
    """A channel is read newest first, a thread oldest first; whoever answered second must see the same first one as whoever was it."""
    card = chat.post(CHANNEL, blocks("card"), "card", "nonce-1")
    said = [chat.post(CHANNEL, blocks("said"), "said", "nonce-2", thread=thread) for thread in (None, None, card, card)]

    assert [chat.find(CHANNEL, "nonce-2"), chat.find(CHANNEL, "nonce-2", thread=card)] == [said[0], said[2]]


def test_a_message_that_is_taken_back_is_found_no_more_and_cannot_be_taken_back_again(chat: SlackChat, workspace: SlackWorkspace) -> None:
    first, second = (chat.post(CHANNEL, blocks(text), text, "nonce-1") for text in ("one", "two"))

    chat.withdraw(second)

    assert [message["text"] for message in workspace.messages(CHANNEL)] == ["one"]
    assert chat.find(CHANNEL, "nonce-1") == first
    with pytest.raises(Gone, match=r"chat\.delete: message_not_found"):
        chat.withdraw(second)
    assert chat.post(CHANNEL, blocks("three"), "three", "nonce-3") not in (first, second)


@pytest.mark.security(24)
def test_the_line_for_a_phones_screen_calls_nobody_whatever_somebody_typed(chat: SlackChat, workspace: SlackWorkspace) -> None:
    """Beside blocks it is the one text that Slack reads as markup."""
    ref = chat.post(CHANNEL, blocks("card"), "There is no command '<!channel>' & no <@U1>.", "nonce-1")
    posted = workspace.message(ref.channel, ref.ts)
    chat.update(ref, blocks("card"), "<!here>")

    updated = workspace.message(ref.channel, ref.ts)
    assert posted is not None
    assert updated is not None
    assert (posted["text"], updated["text"]) == ("There is no command '&lt;!channel&gt;' &amp; no &lt;@U1&gt;.", "&lt;!here&gt;")


def test_what_slack_refuses_is_named(chat: SlackChat) -> None:
    with pytest.raises(BadInput, match=r"invalid_blocks: blocks\[0\].text.text: 3001 characters"):
        chat.post(CHANNEL, blocks("x" * 3001), "text", "nonce-1")
    with pytest.raises(Refused, match="channel_not_found: give a channel id"):
        chat.post("#finops", blocks("x"), "text", "nonce-1")
    with pytest.raises(Refused, match="message_not_found"):
        chat.update(MessageRef(CHANNEL, "1.000100"), blocks("x"), "text")


def test_a_wrong_token_is_upstream_so_that_the_event_is_kept_for_when_it_is_mended(workspace: SlackWorkspace) -> None:
    with workspace.running() as url, pytest.raises(Upstream, match="invalid_auth"):
        SlackChat.at(url, "xoxb-wrong").post(CHANNEL, blocks("x"), "text", "nonce-1")


def test_without_a_token_nobody_speaks() -> None:
    with pytest.raises(Refused, match="TRIMTAB_SLACK_TOKEN"):
        SlackChat.of(Settings()).find(CHANNEL, "nonce-1")


def test_a_token_never_goes_out_in_the_clear() -> None:
    for url in ("http://slack.example/api/", "ftp://127.0.0.1/"):
        with pytest.raises(BadInput, match="https"):
            SlackChat.at(url, TOKEN)


class Failing(BaseHTTPRequestHandler):
    calls: list[str]
    status: int

    def do_POST(self) -> None:
        self.calls.append(self.path)
        self.rfile.read(int(self.headers.get("content-length") or 0))
        self.send_response(self.status)
        self.send_header("Retry-After", "7")
        self.end_headers()
        self.wfile.write(b'{"ok":false,"error":"ratelimited"}' if self.status == 429 else b"<html>")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the parent's name
        pass


@pytest.mark.parametrize(("status", "said"), [(429, "again after 7 s"), (500, "Slack: chat.postMessage"), (200, "Slack: chat.postMessage")])
def test_a_failing_slack_is_upstream_and_is_asked_once(status: int, said: str) -> None:
    """A post that failed may have arrived; sending again blindly would be the second card."""
    calls: list[str] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Here", (Failing,), {"calls": calls, "status": status}))
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    with pytest.raises(Upstream, match=said):
        SlackChat.at(f"http://127.0.0.1:{server.server_port}/api/", TOKEN).post(CHANNEL, blocks("x"), "text", "nonce-1")

    server.shutdown()
    server.server_close()
    assert calls == ["/api/chat.postMessage"]


def test_a_slack_that_is_not_there_is_upstream() -> None:
    with pytest.raises(Upstream, match="no answer"):
        SlackChat.at("http://127.0.0.1:9/", TOKEN).find(CHANNEL, "nonce-1")


@pytest.mark.parametrize(
    ("status", "answer", "kind"),
    [
        (200, {"error": "ratelimited"}, Upstream),
        (429, {}, Upstream),
        (200, {"error": "internal_error"}, Upstream),
        (200, {"error": "msg_too_long"}, BadInput),
        (200, {"error": "is_archived"}, Refused),
        (503, {}, Upstream),
    ],
)
def test_every_refusal_says_what_the_caller_should_do(status: int, answer: dict[str, Any], kind: type[TrimtabError]) -> None:
    assert type(protocol.refusal("chat.update", status, answer, {})) is kind
