"""Alertmanager's calls: who it is, what shape they have, and nothing more is believed."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from trimtab.errors import BadInput
from trimtab.flow.receive import ReceivePorts, receive
from trimtab.sources.alertmanager import parse
from trimtab.sources.senders import Request

EVENT = Path(__file__).parents[2] / "events" / "receive" / "alertmanager_firing.json"
NOW = datetime(2026, 11, 18, 10, tzinfo=UTC)
BODY = json.dumps({"version": "4", "status": "firing", "alerts": [{"labels": {"alertname": "PodsPending"}}]}).encode()
TOKEN = "a-long-bearer-token-of-the-tests"


class Kept(dict[str, bytes]):
    def put(self, key: str, body: bytes) -> bool:
        return self.setdefault(key, body) is body


class Secrets:
    def secrets_of(self, source: str) -> tuple[str, ...]:
        return (TOKEN,) if source == "alertmanager" else ()


def sent(authorization: str | None, body: bytes = BODY) -> tuple[int, int]:
    """Status, and how many requests were kept."""
    kept = Kept()
    headers = {} if authorization is None else {"authorization": authorization}
    reply = receive(Request("/alertmanager", headers, body), ReceivePorts(kept, Secrets()), NOW)
    return reply.status, len(kept)


def test_a_notification_with_the_token_is_kept() -> None:
    assert sent(f"Bearer {TOKEN}") == (200, 1)


@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer ", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", "Bearer é"]
)
def test_nobody_else_is_believed_and_nothing_is_kept(authorization: str | None) -> None:
    assert sent(authorization) == (401, 0)


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b'{"version": "4"}', b'{"version": "3", "status": "firing", "alerts": []}', BODY[:-4], BODY.replace(b"[", b'"', 1)],
)
def test_what_is_no_notification_is_refused(body: bytes) -> None:
    assert sent(f"Bearer {TOKEN}", body) == (400, 0)


def test_a_notification_that_is_too_large_is_refused() -> None:
    assert sent(f"Bearer {TOKEN}", b" " * ((1 << 20) + 1)) == (413, 0)


def test_the_published_shape_is_read() -> None:
    assert parse(json.loads(EVENT.read_text())["body"].encode()).names == ("KubePodNotScheduled",)


def test_a_list_of_things_that_are_no_alerts_is_refused() -> None:
    with pytest.raises(BadInput, match="alerts: expected a list"):
        parse(b'{"version": "4", "status": "firing", "alerts": [1]}')
