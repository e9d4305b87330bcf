"""A message that Pub/Sub pushes to a function itself, without Eventarc in between, as the functions framework hands it over."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import functions_framework
import pytest
from cloudevents.http import CloudEvent
from flask.testing import FlaskClient

from functions import gcp_events
from trimtab.errors import BadInput
from trimtab.flow.wake import Wake

EVENTS = Path(__file__).parents[2] / "events"
PUSHED = sorted(path for path in EVENTS.glob("*/*.gcp.json") if json.loads(path.read_text())["type"] == gcp_events.PUBSUB)
WOKEN: list[Wake | None] = []
MAIN = """
import functions_framework
from functions import gcp_events
from tests.functions import test_gcp_pushes

@functions_framework.cloud_event
def handler(event):
    test_gcp_pushes.WOKEN.append(gcp_events.wake_of(event, "verify", "default"))
"""


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FlaskClient]:
    """A function as Google runs it; its trigger type is not said, as it is not where a function has no trigger."""
    for name in ("FUNCTION_TARGET", "FUNCTION_SIGNATURE_TYPE"):
        # The framework writes them for its children; after the test they are as they were.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    (tmp_path / "main.py").write_text(MAIN)
    WOKEN.clear()
    yield functions_framework.create_app("handler", str(tmp_path / "main.py")).test_client()
    WOKEN.clear()


def pushed(message: dict[str, Any]) -> dict[str, Any]:
    return {"message": {"messageId": "1", **message}, "subscription": "projects/example/subscriptions/trimtab-verify-clock"}


def event_of(path: Path) -> CloudEvent:
    event = json.loads(path.read_text())
    return CloudEvent({key: value for key, value in event.items() if key != "data"}, event["data"])


@pytest.mark.parametrize("path", PUSHED, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_push_asks_for_what_the_event_does(path: Path, server: FlaskClient) -> None:
    """Otherwise a subscription of our own, with dead letters and a backoff, could not wake a function."""
    message = json.loads(path.read_text())["data"]["message"]
    answer = server.post("/", json=pushed(message))

    assert answer.status_code == 200
    (woken,) = WOKEN
    assert woken == gcp_events.wake_of(event_of(path), "verify", "default")


def test_a_tick_of_the_scheduler_is_of_the_minute_in_which_it_was_published(server: FlaskClient) -> None:
    """Cloud Scheduler sends the same text every time; brought twice, the message is one tick."""
    data = base64.b64encode(b'{"function":"verify"}').decode()
    for _ in range(2):
        server.post("/", json=pushed({"data": data, "publishTime": "2026-08-03T09:25:00.412Z", "publish_time": "2026-08-03T09:25:00.412Z"}))

    assert [wake.key for wake in WOKEN if wake] == ["inbox/clock/verify/2026-08-03T09:25Z"] * 2


@pytest.mark.parametrize("data", ["e30=", "W10=", "MQ==", "bm9wZQ==", "IiI="])
def test_a_tick_without_any_time_is_refused(data: str) -> None:
    event = CloudEvent({"type": gcp_events.PUBSUB, "source": "x"}, {"message": {"data": data, "messageId": "1"}})

    with pytest.raises(BadInput, match="verify"):
        gcp_events.wake_of(event, "verify", "default")
