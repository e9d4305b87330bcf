"""Microsoft Teams' workflow webhooks over real HTTPS: one card, one request, and a URL that nobody else ever sees."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from pydantic import SecretStr

from tests.tls_server import Seen, Server, served
from trimtab.adapters.teams import TeamsWebhooks
from trimtab.errors import BadInput, Overloaded, Refused, Upstream
from trimtab.records import Json
from trimtab.settings import Settings

CARD: Json = {"type": "AdaptiveCard", "version": "1.4", "body": []}
SECRET = "sig=secret-of-the-workflow"


@contextmanager
def workflow(status: int = 202) -> Iterator[tuple[TeamsWebhooks, Server]]:
    def answer(_seen: Seen) -> tuple[int, bytes]:
        return status, b""

    with served(answer) as server:
        urls = json.dumps({"batch": f"{server.url}/workflows/1/triggers/manual/paths/invoke?{SECRET}"})
        yield TeamsWebhooks.of(Settings(store="s3://example", teams_webhooks=SecretStr(urls), private_hosts=("127.0.0.1",))), server


def test_a_card_is_one_message_as_a_workflow_takes_it() -> None:
    with workflow() as (teams, server):
        teams.post("batch", CARD)

    (seen,) = server.seen
    assert (seen.method, seen.headers["content-type"]) == ("POST", "application/json")
    assert json.loads(seen.body) == {
        "type": "message",
        "attachments": [{"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": CARD}],
    }


@pytest.mark.parametrize(("status", "kind"), [(400, Refused), (401, Refused), (404, Refused), (410, Refused), (413, Refused),
                                              (429, Overloaded), (500, Upstream), (302, Upstream), (204, Upstream)])  # fmt: skip
def test_only_what_was_certainly_not_taken_may_be_sent_again(status: int, kind: type[Exception]) -> None:
    with workflow(status) as (teams, server), pytest.raises(kind) as error:
        teams.post("batch", CARD)

    assert type(error.value) is kind
    assert SECRET not in str(error.value)
    assert len(server.seen) == 1


def test_no_answer_in_time_is_no_proof_that_it_was_not_taken() -> None:
    def late(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("late", request=request)

    settings = Settings(teams_webhooks=SecretStr(json.dumps({"batch": f"https://hooks.example.com/?{SECRET}"})))
    with pytest.raises(Upstream) as error:
        TeamsWebhooks.of(settings, httpx.MockTransport(late)).post("batch", CARD)

    assert type(error.value) is Upstream
    assert SECRET not in str(error.value)


@pytest.mark.security(14)
@pytest.mark.parametrize("url", ["http://hooks.example.com/", "https://user:word@hooks.example.com/"])
def test_a_url_that_would_show_its_secret_is_not_called(url: str) -> None:
    def never(request: httpx.Request) -> httpx.Response:
        raise AssertionError(f"{request.url.host} was called")

    settings = Settings(teams_webhooks=SecretStr(json.dumps({"batch": url})))
    with pytest.raises(BadInput):
        TeamsWebhooks.of(settings, httpx.MockTransport(never)).post("batch", CARD)


def test_a_webhook_that_nobody_set_up_is_named() -> None:
    with workflow() as (teams, server), pytest.raises(Refused, match="'ml'; there are batch"):
        teams.post("ml", CARD)

    assert server.seen == []


def test_a_card_that_teams_would_refuse_for_its_size_is_not_sent() -> None:
    with workflow() as (teams, server), pytest.raises(BadInput, match="at most 28672"):
        teams.post("batch", {**CARD, "body": [{"text": "x" * 29_000}]})

    assert server.seen == []


@pytest.mark.parametrize("text", ["{", "[]", '{"batch": 1}', f'"{SECRET}"'])
def test_a_secret_that_cannot_be_read_is_not_repeated(text: str) -> None:
    with pytest.raises(BadInput, match="TRIMTAB_TEAMS_WEBHOOKS") as error:
        TeamsWebhooks.of(Settings(teams_webhooks=SecretStr(text)))

    assert SECRET not in str(error.value)
