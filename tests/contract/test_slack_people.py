"""Who somebody is in Slack, by the real client: members of the workspace alone may decide, and what Slack does not say is not known."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from trimtab.adapters.memory import MemoryChat
from trimtab.adapters.slack.client import SlackChat
from trimtab.adapters.slack.people import account_of
from trimtab.demo.slack_workspace import SlackWorkspace
from trimtab.errors import Refused, Upstream
from trimtab.ports import Chat
from trimtab.settings import Settings

TOKEN = "xoxb-test"
USER = "U0ML"


@pytest.fixture
def workspace(tmp_path: Path) -> SlackWorkspace:
    return SlackWorkspace(tmp_path / "slack", token=TOKEN, signing_secret="s" * 32)


@pytest.fixture
def chat(workspace: SlackWorkspace) -> Iterator[SlackChat]:
    with workspace.running() as url:
        yield SlackChat.at(url, TOKEN)


@pytest.mark.security(22)
@pytest.mark.parametrize(
    ("facts", "account"),
    [
        ({}, "active"),
        ({"is_restricted": True}, "guest"),
        ({"is_restricted": True, "is_ultra_restricted": True}, "guest"),
        ({"is_bot": True}, "bot"),
        ({"deleted": True}, "gone"),
        ({"deleted": True, "is_bot": True}, "gone"),
        ({"team_id": "T0ELSEWHERE"}, "external"),
        ({"is_stranger": True}, "external"),
        ({"team_id": "T0ELSEWHERE", "is_bot": True}, "bot"),
    ],
)
def test_only_a_member_of_the_workspace_is_active(
    chat: SlackChat, workspace: SlackWorkspace, facts: dict[str, object], account: str
) -> None:
    workspace.people.describe(USER, **facts)

    assert chat.account(USER) == account


def test_a_user_whom_slack_does_not_know_is_gone(chat: SlackChat, workspace: SlackWorkspace) -> None:
    workspace.people.forget(USER)

    assert chat.account(USER) == "gone"
    assert chat.account("nonsense") == "gone"
    assert chat.account("") == "gone"


def test_a_member_who_leaves_is_gone_at_the_next_look(chat: SlackChat, workspace: SlackWorkspace) -> None:
    before = chat.account(USER)
    workspace.people.describe(USER, deleted=True)

    assert (before, chat.account(USER)) == ("active", "gone")


def test_slackbot_is_a_bot_though_slack_does_not_call_it_one() -> None:
    user = {"id": "USLACKBOT", "team_id": "T1", "deleted": False, "is_bot": False, "is_restricted": False}

    assert account_of({"user": user}, {"team_id": "T1"}) == "bot"


def test_a_colleague_of_the_same_enterprise_is_no_stranger() -> None:
    user = {
        "id": "W1",
        "team_id": "T2",
        "deleted": False,
        "is_bot": False,
        "is_restricted": False,
        "enterprise_user": {"enterprise_id": "E1"},
    }

    assert account_of({"user": user}, {"team_id": "T1", "enterprise_id": "E1"}) == "active"
    assert account_of({"user": user}, {"team_id": "T1", "enterprise_id": "E2"}) == "external"
    assert account_of({"user": {**user, "enterprise_user": {}}}, {"team_id": "T1", "enterprise_id": None}) == "external"


@pytest.mark.parametrize("name", ["deleted", "is_bot", "is_restricted"])
def test_an_answer_that_leaves_something_out_says_nothing(name: str) -> None:
    user = {"id": "U1", "team_id": "T1", "deleted": False, "is_bot": False, "is_restricted": False}
    del user[name]

    assert account_of({"user": user}, {"team_id": "T1"}) is None


def test_an_answer_that_is_not_what_slack_documents_says_nothing() -> None:
    user = {"id": "U1", "team_id": "T1", "deleted": "no", "is_bot": False, "is_restricted": False}

    assert account_of({"user": user}, {"team_id": "T1"}) is None
    with pytest.raises(Upstream, match="no user"):
        account_of({"user": None}, {"team_id": "T1"})


@pytest.mark.security(22)
def test_without_the_scope_nobody_is_known(workspace: SlackWorkspace) -> None:
    """The app was installed before it needed that scope: then a click decides nothing, and says so."""
    with replace(workspace, scopes=frozenset()).running() as url:
        chat = SlackChat.at(url, TOKEN)

        assert chat.account(USER) is None
        with pytest.raises(Refused, match="usergroups:read"):
            chat.members("S0PLATFORM")
        with pytest.raises(Refused, match=r"users:read\.email"):
            chat.user_of("ml-owner@acme.test")
        with pytest.raises(Refused, match="im:write"):
            chat.direct(USER)


def test_an_outage_is_an_outage_and_no_answer(workspace: SlackWorkspace) -> None:
    with workspace.running() as url:
        chat = SlackChat.at(url, TOKEN)

    with pytest.raises(Upstream):
        chat.account(USER)


def test_where_there_is_no_slack_nobody_is_known() -> None:
    assert SlackChat.of(Settings(slack_token=None)).account(USER) is None
    assert SlackChat.of(Settings(slack_token=SecretStr(""))).account(USER) is None


@pytest.fixture(params=["memory", "slack"])
def either(request: pytest.FixtureRequest, workspace: SlackWorkspace) -> Iterator[Chat]:
    """The fake and the real client, told the same."""
    workspace.people.group("S0PLATFORM", ["U0ML", "U0PLATFORM"])
    workspace.people.describe("U0ML", email="ml-owner@acme.test")
    if request.param == "memory":
        yield MemoryChat(groups={"S0PLATFORM": ("U0ML", "U0PLATFORM")}, emails={"ml-owner@acme.test": "U0ML"})
        return
    with workspace.running() as url:
        yield SlackChat.at(url, TOKEN)


def test_a_user_group_is_who_is_in_it(either: Chat) -> None:
    assert either.members("S0PLATFORM") == ("U0ML", "U0PLATFORM")
    assert either.members("S0NOBODY") is None


def test_somebody_is_found_by_address(either: Chat) -> None:
    assert either.user_of("ml-owner@acme.test") == "U0ML"
    assert either.user_of("nobody@acme.test") is None


def test_whoever_left_is_not_found_by_address(chat: SlackChat, workspace: SlackWorkspace) -> None:
    workspace.people.describe("U0ML", email="ml-owner@acme.test", deleted=True)

    assert chat.user_of("ml-owner@acme.test") is None


def test_what_is_said_to_one_person_is_found_again_and_nobody_else_hears_it(either: Chat) -> None:
    channel = either.direct("U0ML")
    said = either.post(channel, [{"type": "section", "text": {"type": "plain_text", "text": "a code"}}], "a code", "nonce-1")

    assert either.find(either.direct("U0ML"), "nonce-1") == said
    assert either.find(either.direct("U0PLATFORM"), "nonce-1") is None
