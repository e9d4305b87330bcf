"""Events as the clouds send them, broken and misdirected ones too: dropped loudly, never finishing what is not theirs."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cloudevents.http import CloudEvent

from functions import aws_events, gcp_events
from tests.flow.flow_world import ONE, make_world, shrink
from trimtab.demo.cloud import gcs_notification, s3_notification, sqs_event
from trimtab.errors import Upstream
from trimtab.flow.merge import merge


def from_google(key: str) -> CloudEvent:
    attributes = {"type": gcp_events.PUBSUB, "source": "//pubsub.googleapis.com/projects/local/topics/local"}
    return CloudEvent(attributes, gcs_notification("example-store", key, "1"))


def test_a_click_reaches_merge_through_a_queue(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE)
    world.propose(shrink())
    key = world.receive(world.press("approve"))
    event = sqs_event(s3_notification("example-store", f"default/{key}", "1"))

    answer = aws_events.serve_event(merge, "merge", event, world.ports, world.now)

    assert answer == {"batchItemFailures": []}
    assert world.merges() == 1


@pytest.mark.parametrize("cloud", ["aws", "gcp"])
def test_an_object_in_an_exports_bucket_cannot_finish_a_click(tmp_path: Path, cloud: str) -> None:
    """Whoever may write bills could name one default/inbox/slack/…: `ingest` must not mark that key as done."""
    world = make_world(tmp_path, ONE)
    world.propose(shrink())
    key = world.receive(world.press("reject"))
    name = f"exports/default/{key}"

    if cloud == "aws":
        event = sqs_event(s3_notification("the-bills", name, "1"))
        aws_events.serve_event(merge, "ingest", event, world.ports, world.now)
    else:
        gcp_events.serve_event(merge, "ingest", from_google(name), world.ports, world.now)

    assert world.ports.inbox.pending() == [key]
    assert ("event.refused", {"function": "ingest", "input": f"{key}: not for ingest"}) in world.log.said


@pytest.mark.parametrize(
    "body",
    [
        "not json",
        "[]",
        "{}",
        '{"Records": []}',
        '{"Records": [{"eventSource": "aws:s3"}]}',
        '{"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": {"bucket": "x"}}]}',
        '{"source": "aws.events", "time": "yesterday"}',
        '{"source": "aws.s3", "detail-type": "Object Created", "detail": {}}',
    ],
)
def test_a_message_that_cannot_be_read_is_dropped_and_said(tmp_path: Path, body: str) -> None:
    """Delivered again it would be as broken; in a batch it would hold its neighbors back."""
    world = make_world(tmp_path)
    event = sqs_event({})
    event["Records"][0]["body"] = body

    answer = aws_events.serve_event(merge, "merge", event, world.ports, world.now)

    assert answer == {"batchItemFailures": []}
    assert [name for name, _ in world.log.said] == ["event.refused"]


def test_a_failure_outside_is_delivered_again_and_only_that_message(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    records = [
        {**sqs_event(s3_notification("example-store", f"default/inbox/decide/{name}", "1"))["Records"][0], "messageId": name}
        for name in ("a", "b")
    ]

    def use_case(wake: Any, _ports: object, _now: object) -> str:
        if wake.key.endswith("/b"):
            raise Upstream("no answer")
        return "done"

    answer = aws_events.serve_event(use_case, "merge", {"Records": records}, world.ports, world.now)

    assert answer == {"batchItemFailures": [{"itemIdentifier": "b"}]}
    assert world.ports.inbox.is_done("inbox/decide/a")


@pytest.mark.parametrize(
    "event",
    [
        {
            "Records": [
                {"eventSource": "aws:s3", "eventName": "ObjectRemoved:Delete", "s3": {"bucket": {"name": "b"}, "object": {"key": "k"}}}
            ]
        },
        {"source": "aws.s3", "detail-type": "Object Deleted", "detail": {"bucket": {"name": "b"}, "object": {"key": "k"}}},
    ],
)
def test_a_deletion_asks_for_nothing(event: dict[str, Any]) -> None:
    """Inbox objects expire; their going must not wake anybody."""
    assert list(aws_events.wakes(event, "merge", "default")) == []


@pytest.mark.parametrize("data", [{}, {"message": {}}, {"message": {"attributes": {"objectId": "x", "eventType": "OBJECT_FINALIZE"}}}])
def test_a_google_message_that_cannot_be_read_is_dropped_and_said(tmp_path: Path, data: dict[str, Any]) -> None:
    world = make_world(tmp_path)
    event = CloudEvent({"type": gcp_events.PUBSUB, "source": "s"}, data)

    gcp_events.serve_event(merge, "merge", event, world.ports, world.now)

    assert [name for name, _ in world.log.said] == ["event.refused"]
    assert json.dumps(world.ports.inbox.pending()) == "[]"


def test_another_tenants_settings_read_another_tenants_keys(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    ports = replace(world.ports, settings=world.ports.settings.model_copy(update={"tenant": "other"}))
    event = sqs_event(s3_notification("example-store", "default/inbox/decide/x", "1"))

    aws_events.serve_event(merge, "merge", event, ports, world.now)

    assert world.ports.inbox.pending() == []
    assert [name for name, _ in world.log.said] == ["event.refused"]
