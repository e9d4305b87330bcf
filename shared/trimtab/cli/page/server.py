"""HTTP for one person on one machine: translate a request, ask the site, answer with the safety headers on everything."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from trimtab.cli.page.safety import HEADERS, Guard
from trimtab.cli.page.site import Answer, Site, templates
from trimtab.errors import BadInput, TooLarge, TrimtabError
from trimtab.flow.access import OPERATOR
from trimtab.policy.access_rules import Audience
from trimtab.ports import Ports
from trimtab.render.page import Page
from trimtab.sources.senders import SOURCES, Request

LARGEST_FORM = 16 << 10
LARGEST_HOOK = 5 << 20
"""The largest that `receive` takes from anybody; it holds each sender to its own limit."""
SCRAPED = "/metrics"


def open_server(ports: Ports, clock: Callable[[], datetime], port: int, secret: bytes, asker: Audience = OPERATOR) -> ThreadingHTTPServer:
    """A server on 127.0.0.1, listening and not serving yet; port 0 takes any. Raises BadInput where the port cannot be had."""
    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), BaseHTTPRequestHandler)
    except (OSError, OverflowError) as error:
        raise BadInput(f"--port {port}: {_why(error)}; choose another with --port") from None
    server.daemon_threads = True
    site = Site(ports, clock, Guard(server.server_port, secret), Page(templates()), asker)
    server.RequestHandlerClass = partial(_Face, site)
    return server


def _why(error: OSError | OverflowError) -> str:
    return (error.strerror or "cannot be opened").lower() if isinstance(error, OSError) else "ports are 0 to 65535"


class _Face(BaseHTTPRequestHandler):
    """The HTTP face of a site."""

    protocol_version = "HTTP/1.1"
    server_version, sys_version = "trimtab", ""
    timeout = 30
    disable_nagle_algorithm = True  # headers and body are two writes, and the second would wait for the first one's receipt

    def __init__(self, site: Site, *called: Any) -> None:
        self.site = site
        super().__init__(*called)  # which answers

    def do_GET(self) -> None:
        with self._answered() as answers:
            self.site.guard.check_host(self._headers())
            is_scrape = urlsplit(self.path).path == SCRAPED
            answers.append(self.site.scrape(self.path, self._headers()) if is_scrape else self.site.get(self.path))

    def do_POST(self) -> None:
        path = urlsplit(self.path).path
        is_hook = path in SOURCES
        with self._answered() as answers:
            self.site.guard.check_host(self._headers())
            body = self._body(LARGEST_HOOK if is_hook else LARGEST_FORM)
            answers.append(self.site.hook(self._request(body)) if is_hook else self.site.decide(self.path, self._headers(), body))
        if is_hook and answers[0].status == 200:
            self.site.after_hook()

    @contextmanager
    def _answered(self) -> Iterator[list[Answer]]:
        """Send what the block appends, or the page of the error it raised."""
        answers: list[Answer] = []
        try:
            yield answers
        except TrimtabError as error:
            # Whatever body was not read would be taken for the next request.
            self.close_connection = True
            answers.append(self.site.failed(error))
        self._send(answers[0])

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in HEADERS.items():
            self.send_header(name, value)
        if answer.content_type.startswith("text/html") and answer.status < 400:
            self.send_header("Set-Cookie", self.site.guard.set_cookie)
        if answer.location:
            self.send_header("Location", answer.location)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(answer.body)

    def _headers(self) -> dict[str, str]:
        return {name.lower(): value for name, value in self.headers.items()}

    def _request(self, body: bytes) -> Request:
        target = urlsplit(self.path)
        return Request(target.path, self._headers(), body, "POST", dict(parse_qsl(target.query)))

    def _body(self, limit: int) -> bytes:
        length = self.headers.get("content-length", "")
        if not (length.isascii() and length.isdigit()):
            raise BadInput("a request without its length")
        if int(length) > limit:
            raise TooLarge(f"{length} bytes are over the limit of {limit}")
        return self.rfile.read(int(length))

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the base class says of a request that it cannot read, or has no method for: in our words, with our headers."""
        del message, explain
        self.close_connection = True
        # "Not implemented" and "version not supported" are its words for what a browser would never send.
        status = {501: 405, 505: 400}.get(code, code)
        self._send(Answer(status, b"this page cannot read that request\n", "text/plain; charset=utf-8"))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base class's name
        """Quiet: what matters is in the ledger."""
