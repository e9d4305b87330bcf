"""`python -m tests.running.front CERTIFICATE`: S3 as moto serves it, behind a front that counts; it prints its address.

`GET /asked` says what was asked for since it was asked last: requests by kind, bytes that were put by folder, and keys of the inbox.
"""

import io
import json
import logging
import ssl
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

BUCKET = "store"
TENANT = "default"
Start = Callable[..., Any]


@dataclass(slots=True)
class Counting:
    """A WSGI application around moto's."""

    app: Any = field(default_factory=lambda: DomainDispatcherApplication(create_backend_app))
    requests: Counter[str] = field(default_factory=Counter)
    stored: Counter[str] = field(default_factory=Counter)
    """Folder → bytes."""
    messages: list[str] = field(default_factory=list)
    """Inbox keys that were put: a bucket's notification is a message."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        """Count, then let moto answer."""
        if environ["PATH_INFO"] == "/asked":
            return self._asked(start)
        size = int(environ.get("CONTENT_LENGTH") or 0)
        environ["wsgi.input"] = io.BytesIO(environ["wsgi.input"].read(size))
        with self.lock:
            self._count(environ, size)
        answer: Iterable[bytes] = self.app(environ, start)
        return answer

    def _asked(self, start: Start) -> Iterable[bytes]:
        with self.lock:
            said = json.dumps({"requests": self.requests, "stored": self.stored, "messages": self.messages}).encode()
            self.requests, self.stored, self.messages = Counter(), Counter(), []
        start("200 OK", [("Content-Length", str(len(said)))])
        return [said]

    def _count(self, environ: dict[str, Any], size: int) -> None:
        key = unquote(str(environ["PATH_INFO"])).removeprefix(f"/{BUCKET}").lstrip("/")
        kind = kind_of(environ["REQUEST_METHOD"], key, set(parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)))
        self.requests[kind] += 1
        if kind == "put":
            inner = key.removeprefix(f"{TENANT}/")
            self.stored[folder_of(inner)] += size
            if inner.startswith("inbox/"):
                self.messages.append(inner)


def folder_of(key: str) -> str:
    """What the bytes of a key are counted with: commits of the lake stay, what they name is replaced, and so are checkpoints."""
    return "commits" if "/_delta_log/" in key and key.endswith(".json") else key.split("/", 1)[0]


def kind_of(method: str, key: str, query: set[str]) -> str:
    """What a request is called on the bill."""
    match method:
        case "GET":
            return "get" if key else "list"
        case "HEAD":
            return "head"
        case "DELETE":
            return "delete"
        case "POST" if "delete" in query:
            return "delete"
    return "put"


class _Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 -- the base class's name
        """Nothing."""


@contextmanager
def serving(certificate: str) -> Iterator[str]:
    """The address, as long as the block runs; certificate and key are in one file."""
    logging.getLogger("moto").setLevel(logging.CRITICAL)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = make_server("127.0.0.1", 0, Counting(), threaded=True, request_handler=_Quiet, ssl_context=context)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"https://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()


if __name__ == "__main__":
    with serving(sys.argv[1]) as address:
        print(address, flush=True)
        threading.Event().wait()
