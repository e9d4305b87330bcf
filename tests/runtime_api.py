"""The Lambda Runtime API on loopback: what the runtime client in a function's process asks for events, and hands its answers to."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple, Protocol

NEXT = {
    "Content-Type": "application/json",
    "Lambda-Runtime-Deadline-Ms": "9999999999999",
    "Lambda-Runtime-Trace-Id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=0",
}
"""What comes with every event."""


class Invocation(NamedTuple):
    """One event for a function."""

    request: str
    """Id of the invocation."""
    event: bytes


class Invoker(Protocol):
    """Whoever has events for one function and waits for the answers."""

    @property
    def function(self) -> str:
        """Its name in AWS."""

    def following(self) -> Invocation | None:
        """The next event, as soon as there is one; None = there will be no more."""

    def answered(self, body: bytes) -> None:
        """The function answered."""

    def failed(self, body: bytes) -> None:
        """The function raised, or could not even begin."""


class QuietServer(ThreadingHTTPServer):
    """A server whose client is ended while it waits for more: that is how each turn ends, and no error."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing; whoever has no answer notices by itself."""


@contextmanager
def runtime_api(invoker: Invoker) -> Iterator[str]:
    """Serve one function's runtime client; its host and port."""
    arn = f"arn:aws:lambda:us-east-1:123456789012:function:{invoker.function}"

    class Service(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            due = invoker.following()
            if due is None:
                self.close_connection = True
                return
            ids = {"Lambda-Runtime-Aws-Request-Id": due.request, "Lambda-Runtime-Invoked-Function-Arn": arn}
            self._say(200, due.event, NEXT | ids)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            self._say(202, b"", {})
            if self.path.endswith("/error"):
                invoker.failed(body)
            else:
                invoker.answered(body)

        def _say(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            lines = [f"HTTP/1.1 {status} OK", f"Content-Length: {len(body)}", *(f"{name}: {value}" for name, value in headers.items())]
            self.wfile.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the name is the standard library's
            """Say nothing."""

    server = QuietServer(("127.0.0.1", 0), Service)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
