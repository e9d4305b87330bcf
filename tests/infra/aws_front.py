"""AWS as moto serves it, behind a front that remembers what moto forgets or takes too literally.

moto denies by a bucket's policy whatever its conditions say, so that "deny plain http" denies everything; it loses a queue's policy with
the next setting of the queue; and it keeps neither a function's dead letters nor its log group. A second `terraform plan` would find all
of that missing. The front keeps these texts as they were sent and gives them back; what a policy means is for `iam_policies.py`.
"""

import io
import json
import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import pytest
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

Start = Callable[..., Any]
FUNCTIONS = "/2015-03-31/functions"
OF_FUNCTIONS = ("DeadLetterConfig", "LoggingConfig")
OF_QUEUES = ("Policy", "RedrivePolicy")
ABSENT = b"<Error><Code>NoSuchBucketPolicy</Code><Message>The bucket policy does not exist</Message></Error>"


@dataclass(slots=True)
class Front:
    """A WSGI application around moto's."""

    app: Any = field(default_factory=lambda: DomainDispatcherApplication(create_backend_app))
    url: str = ""
    policies: dict[str, bytes] = field(default_factory=dict)
    """Bucket → its policy."""
    queues: dict[str, dict[str, str]] = field(default_factory=dict)
    """Queue → its policies, as they were sent."""
    functions: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Function → what moto does not keep of its configuration."""

    def __call__(self, environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        """Some of it here, everything else there."""
        if "policy" in parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True):
            return self._bucket_policy(environ, start)
        if environ.get("HTTP_X_AMZ_TARGET", "").startswith("AmazonSQS."):
            return self._queue(environ, start)
        if environ["PATH_INFO"].rstrip("/").startswith(FUNCTIONS):
            return self._function(environ, start)
        answer: Iterable[bytes] = self.app(environ, start)
        return answer

    def _bucket_policy(self, environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        bucket = str(environ["PATH_INFO"]).strip("/")
        match environ["REQUEST_METHOD"]:
            case "GET" if bucket in self.policies:
                start("200 OK", [("Content-Type", "application/json")])
                return [self.policies[bucket]]
            case "GET":
                start("404 Not Found", [("Content-Type", "application/xml")])
                return [ABSENT]
            case "PUT":
                self.policies[bucket] = _body(environ)
            case _:
                self.policies.pop(bucket, None)
        start("204 No Content", [])
        return [b""]

    def _queue(self, environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        action, asked = environ["HTTP_X_AMZ_TARGET"].partition(".")[2], json.loads(_body(environ) or b"{}")
        name = asked.get("QueueName") or str(asked.get("QueueUrl", "")).rsplit("/", 1)[-1]
        kept = self.queues.setdefault(name, {})
        kept.update({text: value for text, value in asked.get("Attributes", {}).items() if text in OF_QUEUES})
        if action == "DeleteQueue":
            del self.queues[name]
        if action != "GetQueueAttributes":
            answer: Iterable[bytes] = self.app(environ, start)
            return answer
        wanted = asked.get("AttributeNames", [])
        given = {text: value for text, value in kept.items() if value and ("All" in wanted or text in wanted)}
        return self._answered(environ, start, lambda found: found.setdefault("Attributes", {}).update(given))

    def _function(self, environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        parts, method = environ["PATH_INFO"].strip("/").split("/"), environ["REQUEST_METHOD"]
        asked = json.loads(_body(environ) or b"{}") if method in {"POST", "PUT"} else {}
        name = parts[2] if len(parts) > 2 else str(asked.get("FunctionName"))
        if method == "DELETE" and len(parts) == 3:
            self.functions.pop(name, None)
        self.functions.setdefault(name, {}).update({part: asked[part] for part in OF_FUNCTIONS if part in asked})
        if len(parts) > 3 and parts[3:] != ["configuration"]:
            answer: Iterable[bytes] = self.app(environ, start)
            return answer
        kept = self.functions[name]
        return self._answered(environ, start, lambda found: found.get("Configuration", found).update(kept))

    def _answered(self, environ: dict[str, Any], start: Start, add: Callable[[dict[str, Any]], None]) -> Iterable[bytes]:
        """moto's answer with something more in it, where it is an answer at all."""
        said: list[Any] = []
        body = b"".join(self.app(environ, lambda *status: said.extend(status[:2])))
        status, headers = said
        if status.startswith("2") and body:
            found = json.loads(body)
            add(found)
            body = json.dumps(found).encode()
        start(status, [(name, value) for name, value in headers if name.lower() != "content-length"] + [("Content-Length", str(len(body)))])
        return [body]


def _body(environ: dict[str, Any]) -> bytes:
    """What was sent; whoever comes next can read it again."""
    body: bytes = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    return body


@contextmanager
def aws() -> Iterator[Front]:
    """A fresh AWS on a port of its own. No function of it ever runs: moto would look for Docker to run it in."""
    patch = pytest.MonkeyPatch()
    patch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")
    logging.getLogger("moto").setLevel(logging.CRITICAL)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    front = Front()
    server = make_server("127.0.0.1", 0, front, threaded=True)
    front.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield front
    finally:
        server.shutdown()
        thread.join()
        patch.undo()
