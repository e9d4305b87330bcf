"""What a stranger can reach: nothing unproven is kept, nothing proven is lost, and every answer is one of the promised ones."""

import hashlib
import hmac
import json
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.errors import Upstream
from trimtab.flow.receive import LARGEST, ReceivePorts, Refusals, Reply, receive
from trimtab.sources.senders import SOURCES, Request, sign_github, sign_slack, sign_webhook

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


def alertmanager(body: bytes) -> Request:
    return Request("/alertmanager", {"authorization": "Bearer alertmanager-secret"}, body)


CLICK = urlencode({"payload": '{"type":"block_actions"}'}).encode()
GOOD = {
    "/slack": slack(CLICK),
    "/github": github(b"{}"),
    "/gitlab": Request("/gitlab", {"x-gitlab-token": "gitlab-secret"}, b"{}"),
    "/palette": palette(b'{"project_uid":"p1"}'),
    "/azure": azure(b"{}"),
    "/alertmanager": alertmanager(b'{"version":"4","status":"firing","alerts":[]}'),
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


# ── what names a request ─────────────────────────────────────────────────────────────────────────────────────────────
IDS = ["../../x", "a/b", "i" * 300, "\0", "%2e%2e", "größe", " ", "\ud800"]


@pytest.mark.security(31)
@pytest.mark.parametrize("delivery", IDS)
def test_a_delivery_id_names_nothing_and_the_same_bytes_under_another_are_one_request(delivery: str) -> None:
    """GitHub signs the body and not the id, so whoever saw a delivery can send it again under a name of their own."""
    kept = Kept()
    again = GOOD["/github"]._replace(headers={**GOOD["/github"].headers, "x-github-delivery": delivery})

    assert [ask(request, kept).status for request in (GOOD["/github"], again, again)] == [200, 200, 200]
    assert len(kept.objects) == 1
    assert delivery not in next(iter(kept.objects))


@pytest.mark.security(31)
@pytest.mark.parametrize("path", SOURCES)
def test_the_same_bytes_from_two_senders_are_two_requests(path: str) -> None:
    """Else a body that one sender may send would shadow another's."""
    kept = Kept()

    ask(GOOD[path], kept)

    assert next(iter(kept.objects)).startswith(f"inbox/{path[1:]}/")


@pytest.mark.security(31)
@pytest.mark.parametrize("path", SOURCES)
@pytest.mark.parametrize("secrets", [(), ("",)], ids=["none", "an empty one"])
def test_a_missing_or_empty_secret_believes_nobody(path: str, secrets: tuple[str, ...]) -> None:
    """Not even who signs with the empty key."""
    kept = Kept()
    empty = {
        "/slack": Request("/slack", {"x-slack-request-timestamp": TS, "x-slack-signature": unkeyed_slack(CLICK)}, CLICK),
        "/github": Request("/github", {"x-hub-signature-256": "sha256=" + unkeyed(b"{}")}, b"{}"),
    }

    for request in (GOOD[path], empty.get(path, GOOD[path])):
        assert receive(request, ReceivePorts(kept, Only(secrets)), NOW).status == 401
    assert not kept.objects


@dataclass(frozen=True)
class Only:
    known: tuple[str, ...]

    def secrets_of(self, _source: str, /) -> tuple[str, ...]:
        return self.known


def unkeyed(signed: bytes) -> str:
    return hmac.new(b"", signed, hashlib.sha256).hexdigest()


def unkeyed_slack(body: bytes) -> str:
    return "v0=" + unkeyed(b"v0:" + TS.encode() + b":" + body)


# ── what a flood costs ───────────────────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True)
class Lines:
    said: list[dict[str, object]] = field(default_factory=list)

    def write(self, event: str, **values: object) -> None:
        self.said.append({"event": event} | values)


@pytest.mark.security(33)
def test_ten_thousand_forged_requests_put_nothing_and_log_one_line_a_minute() -> None:
    kept, lines = Kept(), Lines()
    ports = ReceivePorts(kept, Secrets(), refusals=Refusals(lines.write))
    forged = GOOD["/slack"]._replace(headers={}, body=b"x" * 1000)

    statuses = {receive(forged, ports, NOW).status for _ in range(10_000)}
    receive(forged, ports, NOW + timedelta(seconds=60))

    assert statuses == {401}
    assert not kept.objects
    assert [line["skipped"] for line in lines.said] == [0, 9999]
    assert len(repr(lines.said)) < 1000


@pytest.mark.security(33)
def test_a_click_in_the_middle_of_a_flood_is_answered_at_once() -> None:
    kept = Kept()
    ports = ReceivePorts(kept, Secrets(), refusals=Refusals(Lines().write))
    forged = GOOD["/slack"]._replace(headers={"x-slack-request-timestamp": TS, "x-slack-signature": "v0=" + "0" * 64})
    begun = time.monotonic()

    for _ in range(1000):
        receive(forged, ports, NOW)
    reply = receive(GOOD["/slack"], ports, NOW)

    assert reply == Reply(200)
    assert time.monotonic() - begun < 3


def test_why_somebody_was_refused_is_told_to_the_log_and_not_to_them() -> None:
    lines = Lines()
    ports = ReceivePorts(Kept(), Secrets(), refusals=Refusals(lines.write))

    reply = receive(GOOD["/slack"]._replace(headers={}), ports, NOW)

    assert reply == Reply(401, "not verified\n")
    assert lines.said == [
        {"event": "receive.refused", "status": 401, "path": "/slack", "size": len(CLICK), "skipped": 0,
         "input": "/slack: header x-slack-request-timestamp is missing"}
    ]  # fmt: skip


def test_a_path_that_somebody_made_up_is_in_the_log_under_input_alone() -> None:
    lines = Lines()
    ports = ReceivePorts(Kept(), Secrets(), refusals=Refusals(lines.write))

    receive(GOOD["/slack"]._replace(path='/x"\n{"_aws": 1}'), ports, NOW)

    (line,) = lines.said
    assert line["path"] == ""
    assert "\n" not in str(line["input"])


# ── clocks and encodings ─────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(("seconds", "status"), [(-301, 401), (-300, 200), (300, 200), (301, 401)])
@pytest.mark.parametrize("path", ["/slack", "/gitlab"])
def test_a_clock_may_be_five_minutes_off_and_no_more(path: str, seconds: int, status: int) -> None:
    timestamp = str(int(NOW.timestamp()) + seconds)
    signed = {
        "/slack": {"x-slack-request-timestamp": timestamp, "x-slack-signature": sign_slack("slack-secret", timestamp, CLICK)},
        "/gitlab": {
            "webhook-id": "1", "webhook-timestamp": timestamp, "webhook-signature": sign_webhook("gitlab-secret", "1", timestamp, b"{}")
        },
    }  # fmt: skip
    body = CLICK if path == "/slack" else b"{}"

    assert ask(Request(path, signed[path], body), Kept()).status == status


@pytest.mark.parametrize("path", ["/github", "/gitlab", "/azure"])
@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "latin-1"])
def test_json_in_another_encoding_is_read_or_refused_and_never_fails(path: str, encoding: str) -> None:
    body = '{"größe": "ü"}'.encode(encoding)
    signed = {"/github": github(body), "/gitlab": GOOD["/gitlab"]._replace(body=body), "/azure": azure(body)}

    assert ask(signed[path], Kept()).status in {200, 400}


@pytest.mark.parametrize("path", sorted(set(SOURCES) - {"/palette"}))
def test_half_of_a_signed_body_is_not_believed_or_not_read(path: str) -> None:
    kept = Kept()

    assert ask(GOOD[path]._replace(body=GOOD[path].body[:-1]), kept).status in {400, 401}
    assert not kept.objects
