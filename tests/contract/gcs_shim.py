"""A small HTTP relay in front of a moto server, for two jobs.

As a shim it lets Google Cloud Storage clients speak to moto: "generation must be 0" becomes `If-None-Match: *`, and the signature
that moto tells services by is added. As a lossy relay it carries out a request and then loses the answer, as networks do.
"""

import http.client
import ssl
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from time import sleep
from typing import Literal
from urllib.parse import quote, unquote, urlsplit

Loss = Literal["drop", "500"]
Outage = Literal["forbidden", "silent", "taken"]
"""taken: Google's answer to an account that may create objects and not replace any: 403 for what exists, not 412."""
Relayed = tuple[int, dict[str, str], bytes]
"""Status, headers and body of an answer."""
_SIGNED = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"
_NOT_RELAYED = {"connection", "transfer-encoding", "content-length", "keep-alive", "host", "accept-encoding"}


class Relay(ThreadingHTTPServer):
    """Relays to `target`; the next PUTs lose their answers as `losses` says (None: not this one), every answer suffers from `outage`."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, target: str, *, is_gcs: bool, handler: "type[Shim] | None" = None, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), handler or Shim)
        self.target = urlsplit(target).netloc
        self.is_gcs = is_gcs
        self.losses: list[Loss | None] = []
        self.outage: Outage | None = None
        self.puts = 0

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is part of the test; anything else is said."""
        if not isinstance(sys.exception(), (ConnectionError, ssl.SSLError)):
            super().handle_error(request, client_address)  # type: ignore[arg-type]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@contextmanager
def relaying(target: str, *, is_gcs: bool) -> Iterator[Relay]:
    """A relay that runs until the block ends."""
    relay = Relay(target, is_gcs=is_gcs)
    thread = Thread(target=relay.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield relay
    relay.shutdown()
    relay.server_close()


class Shim(BaseHTTPRequestHandler):
    """One connection to a relay."""

    protocol_version = "HTTP/1.1"
    server: Relay

    def handle_one(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        status, headers, answer = self.relayed(body)
        loss = self._loss()
        if loss == "drop":
            self.close_connection = True
            return
        if self.server.outage == "silent":
            sleep(1)
        if self.server.outage == "forbidden":
            status, headers, answer = 403, {}, b"<Error><Code>AccessDenied</Code></Error>"
        if self.server.outage == "taken" and status == 412:
            status, headers, answer = 403, {}, b"<Error><Code>AccessDenied</Code></Error>"
        if loss == "500":
            status, headers, answer = 500, {}, b"lost"
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        # HEAD answers with the object's length and no body.
        length = headers.get("Content-Length", "0") if self.command == "HEAD" else str(len(answer))
        if "Content-Length" not in headers:
            self.send_header("Content-Length", length)
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_HEAD = do_PUT = do_DELETE = do_POST = handle_one  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Say nothing: a test's output is its own."""

    def relayed(self, body: bytes) -> Relayed:
        """What the target answers to this request."""
        headers = {name.lower(): value for name, value in self.headers.items() if name.lower() not in _NOT_RELAYED}
        path = self.path
        if self.server.is_gcs:
            # Google's clients encode every "-" and "/" of a path; moto reads the bucket's name from the path as it stands.
            bare, question, query = path.partition("?")
            path = quote(unquote(bare)) + question + query
            headers["authorization"] = _SIGNED
            if headers.pop("x-goog-if-generation-match", None) == "0":
                headers["if-none-match"] = "*"
        connection = http.client.HTTPConnection(self.server.target, timeout=20)
        connection.request(self.command, path, body or None, headers)
        reply = connection.getresponse()
        answer = reply.read()
        connection.close()
        kept = {name: value for name, value in reply.getheaders() if name.lower() not in _NOT_RELAYED - {"content-length"}}
        if self.server.is_gcs:
            kept["x-goog-generation"] = "1"
        return reply.status, kept, answer

    def _loss(self) -> Loss | None:
        if self.command != "PUT":
            return None
        self.server.puts += 1
        return self.server.losses.pop(0) if self.server.losses else None
