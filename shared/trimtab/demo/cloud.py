"""A cloud on one machine: the same events, in the same shapes, to the same entry points, only without the wires.

What AWS and Google Cloud do between a put and a function's call happens here: bucket notifications, queues, schedules, topics.
"""

import base64
import importlib
import json
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal
from urllib.parse import quote_plus, urlencode, urlparse

from trimtab import wiring
from trimtab.errors import BadInput, Broken, Upstream
from trimtab.flow.wake import function_of
from trimtab.settings import Settings
from trimtab.sources.senders import Request

Cloud = Literal["aws", "gcp"]
DELIVERIES = 5
"""How often a message is delivered before somebody must look."""
CLOUDS: tuple[Cloud, Cloud] = ("aws", "gcp")


def call(function: str, cloud: Cloud, event: object) -> Any:
    """Call an entry point the way its cloud does."""
    module = importlib.import_module(f"functions.{function}.{cloud}")
    return module.handler(event, None) if cloud == "aws" else module.handler(event)


# ── HTTPS ────────────────────────────────────────────────────────────────────────────────────────────────────────────
def send(request: Request, cloud: Cloud) -> int:
    """Call `receive` over HTTPS; the status it answers with."""
    if cloud == "aws":
        return int(call("receive", cloud, gateway_event(request))["statusCode"])
    return flask_status(call("receive", cloud, flask_request(request)))


def gateway_event(request: Request) -> dict[str, Any]:
    """An API Gateway HTTP API event, payload version 2.0."""
    return {
        "version": "2.0",
        "routeKey": f"POST {request.path}",
        "rawPath": request.path,
        "rawQueryString": urlencode(request.query),
        "headers": {name.lower(): value for name, value in request.headers.items()},
        "requestContext": {"http": {"method": request.method, "path": request.path, "sourceIp": "127.0.0.1"}},
        "body": base64.b64encode(request.body).decode(),
        "isBase64Encoded": True,
    }


def flask_request(request: Request) -> Any:
    """What functions-framework hands to an HTTP function."""
    from flask import Request as FlaskRequest
    from werkzeug.test import EnvironBuilder

    builder = EnvironBuilder(
        path=request.path,
        query_string=dict(request.query),
        method=request.method,
        data=request.body,
        headers=list(request.headers.items()),
    )
    return FlaskRequest(builder.get_environ())


def flask_status(answer: Any) -> int:
    """The status of anything a Flask view may return."""
    if isinstance(answer, tuple):
        return int(answer[1])
    return int(getattr(answer, "status_code", 200))


# ── Queues and notifications ─────────────────────────────────────────────────────────────────────────────────────────
def landed(function: str, cloud: Cloud, url: str, version: str) -> Any:
    """An object landed in a bucket, and its notification reached a function's queue."""
    parsed = urlparse(url)
    bucket, key = parsed.netloc, parsed.path.lstrip("/")
    if cloud == "aws":
        return call(function, cloud, sqs_event(s3_notification(bucket, key, version)))
    return call(function, cloud, cloud_event(gcs_notification(bucket, key, version)))


def s3_notification(bucket: str, key: str, version: str) -> dict[str, Any]:
    """One S3 event record; the key is URL-encoded, as S3 does it."""
    thing = {"key": quote_plus(key, safe="/"), "size": 1, "eTag": version, "sequencer": version[:16]}
    record = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": bucket}, "object": thing},
    }
    return {"Records": [record]}


def sqs_event(body: Mapping[str, Any]) -> dict[str, Any]:
    """One SQS message around it, as Lambda's event source mapping hands it over."""
    record = {
        "messageId": "00000000-0000-4000-8000-000000000001",
        "receiptHandle": "local",
        "body": json.dumps(body),
        "attributes": {"ApproximateReceiveCount": "1"},
        "messageAttributes": {},
        "md5OfBody": "",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:local",
        "awsRegion": "us-east-1",
    }
    return {"Records": [record]}


def gcs_notification(bucket: str, key: str, version: str) -> dict[str, Any]:
    """The Pub/Sub message of a Cloud Storage notification."""
    attributes = {
        "bucketId": bucket,
        "objectId": key,
        "objectGeneration": version,
        "eventType": "OBJECT_FINALIZE",
        "payloadFormat": "JSON_API_V1",
    }
    return {"message": {"attributes": attributes, "data": "", "messageId": "1"}, "subscription": "local"}


def cloud_event(data: Mapping[str, Any]) -> Any:
    """A CloudEvent around a Pub/Sub message."""
    from cloudevents.http import CloudEvent

    attributes = {"type": "google.cloud.pubsub.topic.v1.messagePublished", "source": "//pubsub.googleapis.com/projects/local/topics/local"}
    return CloudEvent(attributes, dict(data))


def tick(function: str, cloud: Cloud, at: datetime, **values: str) -> Any:
    """A schedule fired."""
    if cloud == "aws":
        resources = [f"{name}={value}" for name, value in values.items()]
        return call(
            function,
            cloud,
            {
                "version": "0",
                "source": "aws.scheduler",
                "detail-type": "Scheduled Event",
                "time": at.isoformat(),
                "resources": resources,
                "detail": {},
            },
        )
    data = base64.b64encode(json.dumps({"time": at.isoformat(), **values}).encode()).decode()
    return call(function, cloud, cloud_event({"message": {"data": data, "messageId": "1"}, "subscription": "local"}))


def drain() -> int:
    """Deliver what waits in the inbox until nothing does; how many were delivered. Both clouds take turns.

    Raises Broken, naming the key, for a message that does not get done: a cloud would put it on the dead-letter queue.
    """
    tries: Counter[str] = Counter()
    while pending := wiring.ports().inbox.pending():
        for key in pending:
            tries[key] += 1
            if tries[key] > DELIVERIES:
                raise Broken(f"{key}: delivered {DELIVERIES} times and still not done")
            _deliver(key, CLOUDS[(sum(key.encode()) + tries[key]) % 2])
    return sum(tries.values())


def _deliver(key: str, cloud: Cloud) -> None:
    try:
        landed(function_of(key), cloud, f"s3://trimtab-demo-store/{wiring.ports().settings.tenant}/{key}", "1")
    except Upstream as error:
        wiring.ports().log.warning("delivery.failed", key=key, input=str(error))


# ── By hand ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def invoke(function: str, cloud: Cloud, event: Mapping[str, Any], settings: Settings) -> Any:
    """Call an entry point with an event from a file.

    AWS events are as AWS sends them, CloudEvents as structured JSON, requests to `receive` as method, path, query, headers and body.
    """
    if function not in FUNCTIONS:
        raise BadInput(f"{function}: no such function; there are {', '.join(FUNCTIONS)}")
    if function == "receive":
        return {"status": send(request_of(event), cloud)}
    if cloud == "aws":
        return call(function, cloud, dict(event))
    from cloudevents.http import from_dict

    call(function, cloud, from_dict(dict(event)))
    return {"store": settings.store, "waiting": wiring.ports().inbox.pending()}


FUNCTIONS = ("receive", "collect", "ingest", "learn", "alert", "propose", "merge", "verify", "report")


def request_of(event: Mapping[str, Any]) -> Request:
    """A request as the files in events/receive hold it."""
    headers = {str(name).lower(): str(value) for name, value in event.get("headers", {}).items()}
    body = str(event.get("body", "")).encode()
    return Request(str(event["path"]), headers, body, str(event.get("method", "POST")), dict(event.get("query", {})))
