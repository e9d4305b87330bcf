"""Google Cloud event shapes → wakes, and the frame that answers them.

Shapes, all CloudEvents: Pub/Sub around a Cloud Storage notification (inbox keys, export markers), Pub/Sub from Cloud Scheduler
(ticks), Pub/Sub from Cloud Billing (budgets), and a storage object finalized straight from Eventarc. See `events/` for one of each.
A message that Pub/Sub pushes itself, without Eventarc, is made one of these by the functions framework.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from trimtab.errors import BadInput
from trimtab.flow.wake import UseCase, Wake, check_route, notice_wake, object_wake, serve, tick_key
from trimtab.ports import Ports

PUBSUB = "google.cloud.pubsub.topic.v1.messagePublished"
FINALIZED = "google.cloud.storage.object.v1.finalized"


class CloudEvent(Protocol):
    """What functions-framework hands over."""

    data: Any

    def __getitem__(self, key: str) -> Any:
        """An attribute of the event."""


def serve_event(use_case: UseCase, function: str, event: CloudEvent, ports: Ports, now: datetime) -> None:
    """Serve one delivery; a failure escapes, and the trigger delivers again. An event that no retry makes better is dropped, loudly."""
    try:
        wake = wake_of(event, function, ports.settings.tenant)
        if wake is not None:
            check_route(wake, function)
    except BadInput as error:
        ports.log.warning("event.refused", function=function, input=str(error))
        return
    if wake is not None:
        serve(use_case, wake, ports, now)


def wake_of(event: CloudEvent, function: str, tenant: str) -> Wake | None:
    """What an event asks for; None = a notification that asks for nothing (a deletion). Raises BadInput for other shapes."""
    try:
        return _wake_of(event, function, tenant)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadInput(f"{function}: an event that cannot be read: {error!r}") from None


def _wake_of(event: CloudEvent, function: str, tenant: str) -> Wake | None:
    kind, data = str(event["type"]), event.data
    if kind == FINALIZED:
        return object_wake(f"gs://{data['bucket']}", data["name"], str(data["generation"]), tenant)
    if kind != PUBSUB:
        raise BadInput(f"{function}: no event of type {kind!r} is expected here")
    message = data["message"]
    attributes: Mapping[str, str] = message.get("attributes") or {}
    if "objectId" in attributes:
        if attributes.get("eventType") != "OBJECT_FINALIZE":
            return None
        return object_wake(f"gs://{attributes['bucketId']}", attributes["objectId"], attributes["objectGeneration"], tenant)
    body = _decoded(message.get("data", ""), function)
    if "budgetId" in attributes:
        return notice_wake({"source": "gcp-budget", "attributes": dict(attributes), "message": body.decode("utf-8", "replace")})
    return _tick(body, message, function)


def _tick(body: bytes, message: Mapping[str, Any], function: str) -> Wake:
    """Cloud Scheduler's message cannot say when it is of; then it is of the minute in which it was published."""
    try:
        tick = json.loads(body)
        at = datetime.fromisoformat(tick["time"] if "time" in tick else message["publishTime"])
    except (ValueError, KeyError, TypeError):
        raise BadInput(f"{function}: message {message.get('messageId')}: a tick is JSON with a time, or a message that has one") from None
    return Wake(key=tick_key(function, at), body=body)


def _decoded(data: str, function: str) -> bytes:
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise BadInput(f"{function}: a Pub/Sub message carries base64, this one does not") from None
