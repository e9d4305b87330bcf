"""Every event in events/ goes through its cloud's translation, and both clouds' events of one kind ask for the same thing."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cloudevents.http import from_dict

from functions import aws_events, gcp_events
from trimtab.errors import BadInput
from trimtab.flow.wake import Wake, function_of, object_wake

EVENTS = Path(__file__).parents[2] / "events"
PAIRS = sorted(path for path in EVENTS.glob("*/*.aws.json") if path.with_name(path.name.replace(".aws.", ".gcp.")).exists())
FIVE = datetime(2026, 8, 3, 9, 25, tzinfo=UTC)


def aws_wake(path: Path) -> Wake:
    event = json.loads(path.read_text())
    if event.get("Records", [{}])[0].get("eventSource") == "aws:sqs":
        event = json.loads(event["Records"][0]["body"])
    (wake,) = aws_events.wakes(event, path.parent.name, "default")
    return wake


def gcp_wake(path: Path) -> Wake:
    wake = gcp_events.wake_of(from_dict(json.loads(path.read_text())), path.parent.name, "default")
    assert wake is not None
    return wake


def asked_for(wake: Wake) -> tuple[str, str]:
    """What a wake asks for, apart from which store's bucket it names."""
    return (wake.url.split("://", 1)[1], "") if wake.url else (wake.key, wake.url)


@pytest.mark.parametrize("path", PAIRS, ids=lambda path: f"{path.parent.name}/{path.name.removesuffix('.aws.json')}")
def test_both_clouds_ask_for_the_same(path: Path) -> None:
    """A use case must not be able to tell which cloud woke it."""
    ours, theirs = aws_wake(path), gcp_wake(path.with_name(path.name.replace(".aws.", ".gcp.")))

    assert asked_for(ours) == asked_for(theirs)


@pytest.mark.parametrize("path", PAIRS, ids=lambda path: f"{path.parent.name}/{path.name.removesuffix('.aws.json')}")
def test_an_inbox_key_reaches_the_function_whose_event_it_is(path: Path) -> None:
    """A notification that reaches the wrong queue would be a lost click."""
    wake = aws_wake(path)

    assert function_of(wake.key) == path.parent.name


@pytest.mark.parametrize("path", [path for path in PAIRS if "landed" not in path.name], ids=lambda path: path.parent.name + path.name)
def test_the_same_event_twice_is_one_wake(path: Path) -> None:
    """At-least-once delivery must end at one inbox key."""
    assert aws_wake(path).key == aws_wake(path).key


def test_an_s3_test_event_asks_for_nothing() -> None:
    """S3 sends one when a notification is set up; it has no records."""
    assert list(aws_events.wakes({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "example"}, "ingest", "default")) == []


def test_a_deletion_asks_for_nothing() -> None:
    """Lifecycle rules delete inbox objects; their notifications must not wake anybody."""
    message = {"attributes": {"eventType": "OBJECT_DELETE", "bucketId": "b", "objectId": "default/inbox/slack/x", "objectGeneration": "1"}}
    event = from_dict({"specversion": "1.0", "id": "1", "type": gcp_events.PUBSUB, "source": "s", "data": {"message": message}})

    assert gcp_events.wake_of(event, "merge", "default") is None


def test_an_event_nobody_sends_us_is_bad_input() -> None:
    """A misrouted trigger must be loud, not silently done."""
    with pytest.raises(BadInput, match="no event of source 'aws:kinesis'"):
        list(aws_events.wakes({"Records": [{"eventSource": "aws:kinesis"}]}, "merge", "default"))


def test_another_tenants_inbox_is_not_ours() -> None:
    """One bucket may hold several tenants; a wake for another one is never taken for ours."""
    wake = object_wake("s3://example-store", "other/inbox/slack/abc", "1", "default")

    assert not wake.key.startswith("inbox/slack/")
