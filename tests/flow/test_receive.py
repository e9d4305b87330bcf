"""What a stranger can reach: nothing unproven is kept, nothing proven is lost, and every answer is one of the promised ones."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.errors import Upstream
from trimtab.flow.receive import LARGEST, ReceivePorts, Reply, receive
from trimtab.sources.senders import SOURCES, Request, sign_github, sign_slack

NOW = datetime(2026, 7, 31, 12, tzinfo=UTC)
TS = str(int(NOW.timestamp()))


@dataclass(frozen=True)
class Secrets:
    def secrets_of(self, source: str) -> tuple[str, ...]:
        return (f"{source}-secret",)


@dataclass(frozen=True)
class Kept:
    objects: dict[str, bytes] = field(default_factory=dict)
    is_down: bool = False

    def put(self, key: str, body: bytes) -> bool:
        if self.is_down:
            raise Upstream("the store does not answer")
        return self.objects.setdefault(key, body) is body


def ask(request: Request, kept: Kept) -> Reply:
    return receive(request, ReceivePorts(kept, Secrets()), NOW)


def slack(body: bytes, content_type: str = "application/x-www-form-urlencoded") -> Request:
    signature = sign_slack("slack-secret", TS, body)
    return Request("/slack", {"content-type": content_type, "x-slack-request-timestamp": TS, "x-slack-signature": signature}, body)


def github(body: bytes) -> Request:
    return Request("/github", {"x-hub-signature-256": sign_github("github-secret", body)}, body)


def palette(body: bytes) -> Request:
    return Request("/palette", {"x-trimtab-token": "palette-secret"}, body)


def azure(body: bytes) -> Request:
    return Request("/azure", {}, body, query={"token": "azure-secret"})


CLICK = urlencode({"payload": '{"type":"block_actions"}'}).encode()
GOOD = {
    "/slack": slack(CLICK),
    "/github": github(b"{}"),
    "/gitlab": Request("/gitlab", {"x-gitlab-token": "gitlab-secret"}, b"{}"),
    "/palette": palette(b'{"project_uid":"p1"}'),
    "/azure": azure(b"{}"),
}
MALFORMED = {
    "a form without payload or command": slack(b"a=b"),
    "a payload that is not JSON": slack(b"payload=%7B"),
    "a payload that is a list": slack(b"payload=[]"),
    "an empty body": slack(b""),
    "a form that is not UTF-8": slack(b"payload=\xff"),
    "JSON of another Slack event": slack(b'{"type":"event_callback"}', "application/json"),
    "a hook that is not JSON": github(b"payload=%7B%7D"),
    "a hook that is a list": github(b"[]"),
    "a hook nested too deeply to read": github(b"[" * 200_000),
    "a wake without a project": palette(b'{"message":"unhealthy"}'),
    "a wake that is nothing": palette(b"unhealthy"),
    "a budget that is not JSON": azure(b"<xml/>"),
}


@pytest.mark.parametrize("path", SOURCES)
def test_a_genuine_request_is_kept_and_answered_empty(path: str) -> None:
    kept = Kept()

    assert ask(GOOD[path], kept) == Reply(200)
    assert [key.split("/")[:2] for key in kept.objects] == [["inbox", path[1:]]]


@pytest.mark.parametrize("path", SOURCES)
def test_the_same_request_twice_is_one_object(path: str) -> None:
    kept = Kept()

    assert [ask(GOOD[path], kept).status for _ in range(2)] == [200, 200]
    assert len(kept.objects) == 1


@pytest.mark.parametrize("path", SOURCES)
def test_a_changed_body_or_missing_proof_is_401_and_keeps_nothing(path: str) -> None:
    kept = Kept()

    stripped = GOOD[path]._replace(headers={}, query={})
    assert ask(stripped, kept) == Reply(401, "not verified\n")
    assert not kept.objects


@pytest.mark.parametrize("request_", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_request_is_400_and_keeps_nothing(request_: Request) -> None:
    kept = Kept()

    assert ask(request_, kept).status == 400
    assert not kept.objects


@pytest.mark.parametrize("path", SOURCES)
def test_a_body_over_the_limit_is_413_before_anything_is_computed(path: str) -> None:
    kept = Kept()

    large = GOOD[path]._replace(body=b" " * (LARGEST[path[1:]] + 1), headers={})
    assert ask(large, kept).status == 413
    assert not kept.objects


def test_a_forged_body_is_not_even_parsed() -> None:
    """401, not 400: a stranger learns nothing about what we can read."""
    assert ask(slack(CLICK)._replace(body=b"nonsense"), Kept()).status == 401


def test_slacks_challenge_is_answered_and_not_kept() -> None:
    kept = Kept()
    body = json.dumps({"type": "url_verification", "challenge": "abc"}).encode()

    reply = ask(slack(body, "application/json"), kept)

    assert (reply.status, json.loads(reply.body)) == (200, {"challenge": "abc"})
    assert not kept.objects


def test_a_store_that_fails_is_503_so_that_the_sender_tries_again() -> None:
    assert ask(GOOD["/slack"], Kept(is_down=True)) == Reply(503, "try again\n")


def test_other_paths_and_methods_are_refused() -> None:
    assert ask(GOOD["/slack"]._replace(path="/slack/../github"), Kept()).status == 404
    assert ask(GOOD["/slack"]._replace(method="GET"), Kept()).status == 405


def test_a_broken_quote_in_palettes_message_is_still_a_wake() -> None:
    """Nobody says that Palette escapes its message, and a lost health alert would be our fault."""
    kept = Kept()

    body = b'{"v":1,"source":"palette","tenant":"t","project_uid":"p1","message":"node "a" is down"}'
    assert ask(palette(body), kept).status == 200
    assert len(kept.objects) == 1


@given(st.sampled_from(sorted(SOURCES)), st.binary(max_size=60), st.dictionaries(st.sampled_from(["content-type"]), st.text()))
def test_no_unproven_request_is_kept_or_crashes(path: str, body: bytes, headers: dict[str, str]) -> None:
    kept = Kept()

    assert ask(Request(path, headers, body), kept).status == 401
    assert not kept.objects
