"""AWS event shapes → wakes, and the frame that answers them.

Shapes: SQS around an S3 notification of the store's own bucket (inbox keys) or of an export bucket (objects), S3 straight to the
function, SNS (budgets, anomalies), EventBridge (schedules, anomalies, S3 objects). See `events/` for one of each.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import unquote_plus

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from trimtab.errors import BadInput
from trimtab.flow.wake import UseCase, Wake, check_route, notice_wake, object_wake, serve, tick_key
from trimtab.ports import Ports


def serve_event(use_case: UseCase, function: str, event: Mapping[str, Any], ports: Ports, now: datetime) -> dict[str, Any]:
    """Serve one invocation. From a queue, the answer names the messages to deliver again; else a failure escapes and AWS retries."""
    if _source(event) != "aws:sqs":
        return {"outcomes": _served(use_case, function, event, ports, now)}

    def one(record: SQSRecord) -> list[str]:
        return _served(use_case, function, record.body, ports, now)

    processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
    return dict(process_partial_response(event=dict(event), record_handler=one, processor=processor))


def _served(use_case: UseCase, function: str, event: Mapping[str, Any] | str, ports: Ports, now: datetime) -> list[str]:
    """Every wake of an event; an event that no retry makes better is dropped, loudly."""
    try:
        asked = list(wakes(_json(event) if isinstance(event, str) else event, function, ports.settings.tenant))
        for wake in asked:
            check_route(wake, function)
    except BadInput as error:
        ports.log.warning("event.refused", function=function, input=str(error))
        return [f"refused: {error}"]
    return [serve(use_case, wake, ports, now) for wake in asked]


def wakes(event: Mapping[str, Any], function: str, tenant: str) -> Iterator[Wake]:
    """What an event asks for. Raises BadInput for a shape that nobody sends us."""
    if event.get("Event") == "s3:TestEvent":
        return
    try:
        yield from _WAKES.get(_source(event), _unexpected)(event, function, tenant)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadInput(f"{function}: an event of source {_source(event)!a} that cannot be read: {error!r}") from None


def _s3(event: Mapping[str, Any], _function: str, tenant: str) -> Iterator[Wake]:
    for record in event["Records"]:
        if str(record["eventName"]).startswith("ObjectCreated"):
            thing = record["s3"]["object"]
            version = str(thing.get("versionId") or thing.get("eTag") or "")
            yield object_wake(f"s3://{record['s3']['bucket']['name']}", unquote_plus(thing["key"]), version, tenant)


def _s3_by_eventbridge(event: Mapping[str, Any], _function: str, tenant: str) -> Iterator[Wake]:
    if event["detail-type"] == "Object Created":
        thing = event["detail"]["object"]
        yield object_wake(f"s3://{event['detail']['bucket']['name']}", thing["key"], str(thing.get("version-id") or thing["etag"]), tenant)


def _sns(event: Mapping[str, Any], _function: str, _tenant: str) -> Iterator[Wake]:
    for record in event["Records"]:
        yield notice_wake({"source": "aws-sns", "subject": record["Sns"].get("Subject"), "message": record["Sns"]["Message"]})


def _anomaly(event: Mapping[str, Any], _function: str, _tenant: str) -> Iterator[Wake]:
    yield notice_wake({"source": "aws-anomaly", "message": json.dumps(event["detail"], sort_keys=True)})


def _tick(event: Mapping[str, Any], function: str, _tenant: str) -> Iterator[Wake]:
    at = datetime.fromisoformat(str(event["time"]))
    yield Wake(key=tick_key(function, at), body=json.dumps({"resources": event.get("resources", [])}).encode())


def _unexpected(event: Mapping[str, Any], function: str, _tenant: str) -> Iterator[Wake]:
    raise BadInput(f"{function}: no event of source {_source(event)!r} is expected here")


_WAKES: Mapping[str, Callable[[Mapping[str, Any], str, str], Iterator[Wake]]] = {
    "aws:s3": _s3,
    "aws.s3": _s3_by_eventbridge,
    "aws:sns": _sns,
    "aws.ce": _anomaly,
    "aws.events": _tick,
    "aws.scheduler": _tick,
}


def _source(event: Mapping[str, Any]) -> str:
    records = event.get("Records")
    first = records[0] if isinstance(records, list) and records and isinstance(records[0], dict) else event
    return str(first.get("eventSource") or first.get("EventSource") or first.get("source") or "")


def _json(text: str) -> Mapping[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise BadInput(f"queue message: not JSON: {error}") from None
    if not isinstance(value, dict):
        raise BadInput("queue message: expected a JSON object")
    return value
