"""Pub/Sub on loopback: topics and push subscriptions as Terraform made them, at least once, in no order, until it is answered or dead.

Only the pauses are shorter than Google's: a hundredth.
"""

import base64
import itertools
import json
import re
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition, Thread, Timer
from typing import Any

PACE = 100
"""How much shorter pauses are here."""
ACKNOWLEDGED = frozenset({102, 200, 201, 202, 204})
_FILTER = re.compile(r'hasPrefix\(attributes\.(\w+), "(.*)"\)')
_TRANSFORM = re.compile(r"return /(.*)/\.test\(message\.attributes\.(\w+) \|\| ''\) \? message : null;")


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """One message as it was published."""

    id: str
    topic: str
    data: str
    """Base64."""
    attributes: Mapping[str, str]
    published: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Subscription:
    """One subscription, in Terraform's words; without an endpoint its messages wait to be pulled."""

    name: str
    topic: str
    endpoint: str
    account: str
    """Whose token a push shows."""
    ack_deadline: float
    backoff: tuple[float, float]
    """Seconds: the shortest pause and the longest."""
    dead_topic: str
    deliveries: int
    filter: tuple[str, str] | None
    """(attribute, what it begins with)."""
    transform: tuple[str, str] | None
    """(attribute, pattern); what does not match is dropped."""

    @classmethod
    def of(cls, made: Mapping[str, Any]) -> "Subscription":
        """As it is in Terraform's state. Raises ValueError for a filter or a transform that this Pub/Sub does not understand."""
        push = (made["push_config"] or [{}])[0]
        retry, dead = (made["retry_policy"] or [{}])[0], (made["dead_letter_policy"] or [{}])[0]
        return cls(
            name=made["name"],
            topic=made["topic"].rpartition("/")[2],
            endpoint=push.get("push_endpoint", ""),
            account=(push.get("oidc_token") or [{}])[0].get("service_account_email", ""),
            ack_deadline=float(made["ack_deadline_seconds"]),
            backoff=(_seconds(retry.get("minimum_backoff")), _seconds(retry.get("maximum_backoff"))),
            dead_topic=str(dead.get("dead_letter_topic", "")).rpartition("/")[2],
            deliveries=int(dead.get("max_delivery_attempts") or 0),
            filter=_understood(_FILTER, made["filter"]),
            transform=_transform(made.get("message_transforms") or []),
        )

    def takes(self, message: Message) -> bool:
        """Whether its filter and its transform leave a message in."""
        begins = self.filter is None or message.attributes.get(self.filter[0], "").startswith(self.filter[1])
        return begins and (self.transform is None or bool(re.search(self.transform[0], message.attributes.get(self.transform[1], ""))))


def _seconds(text: str | None) -> float:
    return float((text or "0s").removesuffix("s"))


def _understood(pattern: re.Pattern[str], text: str | None) -> tuple[str, str] | None:
    if not text:
        return None
    found = pattern.search(text)
    if found is None:
        raise ValueError(f"{text}: teach it to this Pub/Sub")
    return found[1], found[2]


def _transform(made: Sequence[Mapping[str, Any]]) -> tuple[str, str] | None:
    if not made:
        return None
    (one,) = made
    return _understood(_TRANSFORM, one["javascript_udf"][0]["code"])


@dataclass(frozen=True, slots=True)
class Pushed:
    """One request to a function."""

    headers: Mapping[str, str]
    body: bytes


Push = Callable[[Subscription, Pushed], int]
"""Call a function; the status that it answers with."""


@dataclass(slots=True)
class PubSub:
    """Messages on their way."""

    subscriptions: Sequence[Subscription]
    push: Push
    doubled: bool = False
    """Every message is brought twice, at the same time: as Pub/Sub pushes it, and as the CloudEvent that Eventarc makes of it."""
    waiting: dict[str, list[Message]] = field(default_factory=dict)
    """Subscription without an endpoint → what nobody pulled yet."""
    attempts: list[tuple[str, str, int]] = field(default_factory=list)
    """(subscription, message, status) of every push."""
    broken: list[str] = field(default_factory=list)
    """What went wrong with this Pub/Sub itself."""
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _open: int = 0
    _changed: Condition = field(default_factory=Condition)
    _couriers: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(64))

    def publish(self, topic: str, data: str, attributes: Mapping[str, str]) -> None:
        """Bring it to every subscription of the topic that takes it."""
        name = topic.rpartition("/")[2]
        message = Message(id=str(next(self._numbers)), topic=name, data=data, attributes=attributes, published=datetime.now(UTC))
        for each in self.subscriptions:
            if each.topic == name and each.takes(message):
                self._accept(each, message)

    def settle(self, seconds: float = 300) -> None:
        """Wait until nothing is on its way. Raises TimeoutError."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._open == 0, seconds):
                raise TimeoutError(f"{self._open} messages are still on their way; the last pushes: {self.attempts[-10:]}")
        assert not self.broken, self.broken[0]

    def dead(self) -> dict[str, list[Message]]:
        """What nobody could do, by subscription."""
        return {name: messages for name, messages in self.waiting.items() if messages}

    def end(self) -> None:
        """Bring nothing any more."""
        self._couriers.shutdown(wait=False, cancel_futures=True)

    def _accept(self, subscription: Subscription, message: Message) -> None:
        if not subscription.endpoint:
            self.waiting.setdefault(subscription.name, []).append(message)
            return
        for wrap in (_pushed, _event) if self.doubled else (_pushed,):
            with self._changed:
                self._open += 1
            self._couriers.submit(self._bring, subscription, message, wrap, 1)

    def _bring(self, subscription: Subscription, message: Message, wrap: "Wrap", attempt: int) -> None:
        try:
            status = self.push(subscription, wrap(subscription, message, attempt))
        except Exception:
            # Else the story would wait for it until its time is up, and nobody would know why.
            self.broken.append(traceback.format_exc())
            self._closed()
            raise
        self.attempts.append((subscription.name, message.id, status))
        if status in ACKNOWLEDGED:
            self._closed()
        elif subscription.dead_topic and attempt >= subscription.deliveries:
            self.publish(subscription.dead_topic, message.data, message.attributes)
            self._closed()
        else:
            least, most = subscription.backoff
            pause = min(most, least * 2 ** (attempt - 1)) / PACE
            again = Timer(pause, self._couriers.submit, (self._bring, subscription, message, wrap, attempt + 1))
            again.daemon = True
            again.start()

    def _closed(self) -> None:
        with self._changed:
            self._open -= 1
            self._changed.notify_all()


def _pushed(subscription: Subscription, message: Message, attempt: int) -> Pushed:
    """As Pub/Sub itself pushes it."""
    return Pushed({"content-type": "application/json"}, _body(subscription, message, attempt))


def _event(subscription: Subscription, message: Message, attempt: int) -> Pushed:
    """As Eventarc brings it: the same body, and what a CloudEvent says of itself in headers."""
    says = {
        "ce-id": message.id, "ce-specversion": "1.0", "ce-type": "google.cloud.pubsub.topic.v1.messagePublished",
        "ce-source": f"//pubsub.googleapis.com/projects/example-project/topics/{message.topic}", "ce-time": _time(message),
    }  # fmt: skip
    return Pushed({"content-type": "application/json", **says}, _body(subscription, message, attempt))


Wrap = Callable[[Subscription, Message, int], Pushed]


def _body(subscription: Subscription, message: Message, attempt: int) -> bytes:
    """Every name twice, as the two versions of Pub/Sub's API have them."""
    at = _time(message)
    said: dict[str, Any] = {"messageId": message.id, "message_id": message.id, "publishTime": at, "publish_time": at, "data": message.data}
    if message.attributes:
        said["attributes"] = dict(message.attributes)
    name = f"projects/example-project/subscriptions/{subscription.name}"
    return json.dumps({"message": said, "subscription": name, "deliveryAttempt": attempt}).encode()


def _time(message: Message) -> str:
    return message.published.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def encoded(body: bytes) -> str:
    """Data of a message."""
    return base64.b64encode(body).decode()


@contextmanager
def publishing(pubsub: Callable[[], PubSub]) -> Iterator[str]:
    """Where Cloud Storage publishes: a URL that takes one message a request."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def do_POST(self) -> None:
            said = json.loads(self.rfile.read(int(self.headers["content-length"])))
            pubsub().publish(said["topic"], said["data"], said["attributes"])
            self.send_response(204)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the parent's name
            """Quiet."""

    class Listener(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 64

    server = Listener(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
