"""The door of every function that a queue, a schedule or a topic opens: an event that nobody sends is dropped loudly, and does nothing."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from cloudevents.http import CloudEvent

from tests.fuzz.hostile import ROUNDS, TEXTS, VALUES, bent_json, rng
from trimtab import wiring
from trimtab.demo.cloud import Cloud, call
from trimtab.errors import Upstream
from trimtab.ports import Ports

EVENTS = Path(__file__).parents[2] / "events"
FUNCTIONS = ("alert", "collect", "ingest", "learn", "merge", "propose", "report", "verify")


@pytest.fixture
def ports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ports]:
    """A deployment without a permit: whoever tries to write somewhere is refused, and that much is the same as for a true event."""
    settings = {"clock": "2026-08-03T12:00:00+00:00"}
    (tmp_path / "settings.json").write_text(json.dumps(settings))
    for name in [name for name in os.environ if name.startswith("TRIMTAB_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("TRIMTAB_STORE", tmp_path.as_uri())
    wiring.forget_ports()
    yield wiring.ports()
    wiring.forget_ports()


def genuine(function: str, cloud: str) -> list[dict[str, Any]]:
    """True events of a function in one cloud's shape."""
    named = {
        path: json.loads(path.read_text())
        for path in sorted((EVENTS / function).glob("*.json"))
        if path.name.endswith(f".{cloud}.json") or (path.name.startswith(cloud) and function == "alert")
    }
    return list(named.values())


def event_of(function: str, cloud: Cloud, random: Random) -> Any:
    """A true event with places changed: in its frame, or in the message inside it."""
    event = random.choice(genuine(function, cloud))
    if random.random() < 0.1:
        return random.choice([value for value in VALUES if isinstance(value, dict)])
    if random.random() < 0.5:
        return _inside(event, random)
    made = bent_json(event, random)
    return _framed(made) if isinstance(made, dict) else {"Records": made}


def _framed(event: dict[str, Any]) -> dict[str, Any]:
    """A queue's message has an id, whatever is in it: by that name alone Lambda is told that it failed."""
    records = event.get("Records")
    for record in records if isinstance(records, list) else ():
        if isinstance(record, dict) and record.get("eventSource") == "aws:sqs":
            record["messageId"] = "00000000-0000-4000-8000-000000000001"
    return event


def _inside(event: dict[str, Any], random: Random) -> dict[str, Any]:
    """The JSON that a queue's message or a topic's notification carries, bent."""
    made: dict[str, Any] = json.loads(json.dumps(event))
    for record in made.get("Records", ()):
        if "body" in record:
            record["body"] = _text(record["body"], random)
        elif "Sns" in record:
            record["Sns"]["Message"] = _text(record["Sns"]["Message"], random)
    message = made.get("data", {}).get("message") if isinstance(made.get("data"), dict) else None
    if isinstance(message, dict):
        message["attributes"] = bent_json(message.get("attributes") or {"objectId": "default/inbox/x"}, random)
        message["data"] = random.choice((*TEXTS, "e30=", "eyJ0aW1lIjogNX0=", "eyJ0aW1lIjogIjk5OTktMTItMzFUMjM6NTk6NTlaIn0="))
    return made


def _text(text: str, random: Random) -> str:
    try:
        value = json.loads(text)
    except ValueError:
        return text[: random.randrange(len(text) + 1)] + random.choice(TEXTS)
    return json.dumps(bent_json(value, random)) if random.random() < 0.9 else random.choice(TEXTS)


def as_cloud_event(event: dict[str, Any]) -> Any:
    """What functions-framework hands over; it refuses an event without type and source itself."""
    attributes = {name: str(event.get(name) or "x") for name in ("type", "source", "id")}
    return CloudEvent(attributes, event.get("data"))


def record_of(ports: Ports) -> dict[str, int]:
    return {stream: entry.n for stream, entry in ports.ledger.heads("").items() if not stream.startswith("rules/")}


@pytest.mark.security(30)
@pytest.mark.parametrize("cloud", ["aws", "gcp"])
@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_bent_event_is_dropped_or_served_and_never_breaks_its_function(function: str, cloud: Cloud, ports: Ports) -> None:
    before = record_of(ports)

    for number in range(ROUNDS):
        event = event_of(function, cloud, rng(f"door/{function}/{cloud}/{number}"))
        try:
            call(function, cloud, event if cloud == "aws" else as_cloud_event(event))
        except Upstream:
            pass  # the queue delivers again, and after its limit somebody is told: a failure with a name
        except Exception as error:
            raise AssertionError(f"event {number} of {function} on {cloud}: {error!r}: {json.dumps(event)[:2000]}") from error

    assert record_of(ports) == before
