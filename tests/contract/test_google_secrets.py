"""Secrets of Google's Secret Manager, as a Spark batch gets them; the answers are those of its REST API."""

import base64
from collections.abc import Generator

import httpx
import pytest

from trimtab.adapters import http
from trimtab.adapters.gcp.identity import GoogleIdentity
from trimtab.adapters.gcp.secret_manager import HOST, SCOPE, with_secrets
from trimtab.errors import Upstream
from trimtab.settings import load

VERSION = "projects/p/secrets/trimtab-slack-token/versions/latest"
VALUE = "xoxb-EXAMPLE-of-nobody"


class Token(httpx.Auth):
    """An identity that is found already."""

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["authorization"] = "Bearer ours"
        yield request


def manager(answer: httpx.Response, seen: list[httpx.Request]) -> httpx.Client:
    def answered(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return answer

    return http.client([HOST], transport=httpx.MockTransport(answered))


def holding(text: str) -> httpx.Response:
    return httpx.Response(200, json={"name": VERSION, "payload": {"data": base64.b64encode(text.encode()).decode(), "dataCrc32c": "1"}})


def test_a_variable_that_names_a_version_gets_its_value_and_others_stay() -> None:
    seen: list[httpx.Request] = []
    environ = {"TRIMTAB_SLACK_TOKEN": VERSION, "TRIMTAB_STORE": "gs://store", "HOME": VERSION}

    found = with_secrets(environ, manager(holding(VALUE), seen), Token())

    assert found == {"TRIMTAB_SLACK_TOKEN": VALUE, "TRIMTAB_STORE": "gs://store", "HOME": VERSION}
    assert [(str(each.url), each.headers["authorization"]) for each in seen] == [(f"https://{HOST}/v1/{VERSION}:access", "Bearer ours")]


def test_settings_too_may_lie_there() -> None:
    environ = {"TRIMTAB_STORE": "gs://store", "TRIMTAB_SETTINGS": "projects/p/secrets/trimtab-settings-all/versions/4"}

    found = load(with_secrets(environ, manager(holding('{"tenant": "acme"}'), []), Token()))

    assert found.tenant == "acme"


def test_nobody_is_asked_where_no_variable_names_a_version() -> None:
    environ = {"TRIMTAB_STORE": "gs://store", "TRIMTAB_SLACK_TOKEN": "projects/p/secrets/../versions/latest"}

    assert with_secrets(environ) == environ


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(403, json={"error": {"message": VALUE}}),
        httpx.Response(404),
        httpx.Response(302, headers={"location": "https://evil.test/"}),
        httpx.Response(200, content=b"<html>"),
        httpx.Response(200, json={"payload": {}}),
        httpx.Response(200, json={"payload": {"data": "no base64!"}}),
        httpx.Response(200, json={"payload": {"data": base64.b64encode(b"\xff\xfe").decode()}}),
    ],
)
def test_a_secret_that_cannot_be_had_is_named_and_not_shown(answer: httpx.Response) -> None:
    with pytest.raises(Upstream, match="TRIMTAB_SLACK_TOKEN") as said:
        with_secrets({"TRIMTAB_SLACK_TOKEN": VERSION}, manager(answer, []), Token())
    assert "EXAMPLE" not in str(said.value)


def test_an_identity_that_may_not_read_secrets_says_which_role_it_wants() -> None:
    from google.auth.exceptions import RefreshError

    class Refused:
        valid = False

        def refresh(self, _request: object) -> None:
            raise RefreshError("no account here")

    identity = GoogleIdentity(lambda _: Refused(), scope=SCOPE, needs="roles/secretmanager.secretAccessor")

    with pytest.raises(Upstream, match=r"no account here; it needs roles/secretmanager\.secretAccessor"):
        with_secrets({"TRIMTAB_SLACK_TOKEN": VERSION}, manager(holding(VALUE), []), identity)
