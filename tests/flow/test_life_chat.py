"""The chat in memory that the flows are tested with behaves as the real client does against a workspace over HTTP."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from trimtab.adapters.memory import MemoryChat
from trimtab.adapters.slack.client import SlackChat
from trimtab.demo.slack_workspace import SlackWorkspace
from trimtab.errors import Refused
from trimtab.ports import Chat, MessageRef
from trimtab.records import Json

CHANNEL = "C0BATCH"
BLOCKS: list[Json] = [{"type": "section", "text": {"type": "plain_text", "text": "hello"}}]


@pytest.fixture(params=["memory", "slack"])
def chat(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Chat]:
    if request.param == "memory":
        yield MemoryChat()
        return
    workspace = SlackWorkspace(tmp_path, token="a-token", signing_secret="a-secret")
    with workspace.running() as url:
        yield SlackChat.at(url, "a-token")


def test_a_message_is_found_by_its_nonce_and_by_no_other(chat: Chat) -> None:
    ref = chat.post(CHANNEL, BLOCKS, "hello", "nonce-1")

    assert chat.find(CHANNEL, "nonce-1") == ref
    assert chat.find(CHANNEL, "nonce-2") is None
    assert chat.find("C0OTHER", "nonce-1") is None


def test_an_answer_is_found_in_its_thread_and_not_in_the_channel(chat: Chat) -> None:
    card = chat.post(CHANNEL, BLOCKS, "card", "nonce-1")
    answer = chat.post(CHANNEL, BLOCKS, "answer", "nonce-2", card)

    assert chat.find(CHANNEL, "nonce-2", card) == answer
    assert chat.find(CHANNEL, "nonce-2") is None


def test_an_updated_message_is_still_found(chat: Chat) -> None:
    ref = chat.post(CHANNEL, BLOCKS, "hello", "nonce-1")

    chat.update(ref, BLOCKS, "goodbye")

    assert chat.find(CHANNEL, "nonce-1") == ref


def test_of_two_with_one_nonce_the_first_is_found_until_it_is_taken_back(chat: Chat) -> None:
    first, second = (chat.post(CHANNEL, BLOCKS, "hello", "nonce-1") for _ in range(2))

    assert chat.find(CHANNEL, "nonce-1") == first
    chat.withdraw(first)
    assert chat.find(CHANNEL, "nonce-1") == second
    with pytest.raises(Refused):
        chat.withdraw(first)


def test_a_message_that_is_not_there_cannot_be_updated(chat: Chat) -> None:
    with pytest.raises(Refused):
        chat.update(MessageRef(CHANNEL, "1700000000.000100"), BLOCKS, "goodbye")
