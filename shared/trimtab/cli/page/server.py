"""HTTP for one person on one machine: translate a request, ask the views, answer with the safety headers on everything."""

import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from threading import Lock
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

from trimtab.cli.page.decisions import Choice, decide, deliver_waiting, read_only_reason
from trimtab.cli.page.overview import overview
from trimtab.cli.page.proposal import proposal_page
from trimtab.cli.page.safety import FIELD, HEADERS, Guard, Stranger, same
from trimtab.cli.story import check_may_see, life_of
from trimtab.demo import cloud
from trimtab.errors import BadInput, Refused, TooLarge, TrimtabError, Upstream
from trimtab.flow.access import OPERATOR, scopes_of
from trimtab.flow.metric_files import ALL, text_key
from trimtab.policy.access_rules import Audience
from trimtab.ports import Ports
from trimtab.receive_settings import SHORTEST_SECRET
from trimtab.render.openmetrics import CONTENT_TYPE
from trimtab.render.page import Page
from trimtab.sources.senders import SOURCES, Request

LARGEST_FORM = 16 << 10
LARGEST_HOOK = 5 << 20
"""The largest that `receive` takes from anybody; it holds each sender to its own limit."""
MOST_ANSWERS = 200
SCRAPED = "/metrics"
KEPT_SECONDS = 60
PLAIN = "text/plain; charset=utf-8"
_AUDIENCE = re.compile(r"all|team-[a-z0-9-]{1,100}")
_PROPOSAL = re.compile(r"/proposals/(prop-[0-9a-z-]{1,60})(/decide)?")
_ASSETS = {"/page.css": "text/css; charset=utf-8", "/icon.svg": "image/svg+xml"}
_STATUSES: tuple[tuple[type[Exception], int, str], ...] = (
    (TooLarge, 413, "Too large"),
    (BadInput, 400, "That cannot be used"),
    (Refused, 403, "No"),
    (Upstream, 502, "Somebody else's service failed"),
)
"""Error → status and headline, most special first."""


class Answer(NamedTuple):
    """What goes back."""

    status: int
    body: bytes = b""
    content_type: str = "text/html; charset=utf-8"
    location: str = ""


@dataclass(frozen=True, slots=True)
class Site:
    """One start of the page."""

    ports: Ports
    clock: Callable[[], datetime]
    guard: Guard
    page: Page
    asker: Audience = OPERATOR
    """Whom this start shows it to."""
    answers: dict[str, str] = field(default_factory=dict)
    """What a decision led to, by the mark of its form: said once it is done, and never taken from a URL."""
    deciding: Lock = field(default_factory=Lock)
    texts: dict[str, tuple[float, str]] = field(default_factory=dict)
    """Audience → until when, by the stopwatch, its text need not be read again, and the text."""

    def get(self, target: str) -> Answer:
        """A page or an asset."""
        path, query = urlsplit(target).path, dict(parse_qsl(urlsplit(target).query))
        if path in _ASSETS:
            return Answer(200, _static(path[1:]).encode(), _ASSETS[path])
        if path == "/":
            return self._html("overview.html", overview(self.ports, self.asker))
        found = _PROPOSAL.fullmatch(path)
        if found is None or found[2]:
            return self._failed(404, "Not here", f"There is no page {path[:80]}.")
        check_may_see(found[1], self.asker, self.ports)
        values = proposal_page(found[1], self.ports, secrets.token_hex(12))
        return self._html("proposal.html", values | {"said": self.answers.get(query.get("after", ""), "")})

    def scrape(self, target: str, headers: Mapping[str, str]) -> Answer:
        """An audience's cost and savings for a Prometheus that brings the token, as `verify` wrote them; read once a minute."""
        secret = self.ports.settings.openmetrics_token
        if secret is None or len(secret.get_secret_value()) < SHORTEST_SECRET:
            return Answer(404, b"set TRIMTAB_OPENMETRICS_TOKEN to serve this\n", PLAIN)
        if not same(headers.get("authorization", ""), f"Bearer {secret.get_secret_value()}"):
            return Answer(401, b"not verified\n", PLAIN)
        allowed = scopes_of(self.asker)
        asked = dict(parse_qsl(urlsplit(target).query)).get("audience") or (ALL if allowed is None else min(allowed, default=""))
        if not _AUDIENCE.fullmatch(asked) or (allowed is not None and asked not in allowed):
            return Answer(403, b"not yours to see\n", PLAIN)
        text = self._text(asked)
        return Answer(404, b"not made yet: verify makes it\n", PLAIN) if text is None else Answer(200, text.encode(), CONTENT_TYPE)

    def _text(self, audience: str) -> str | None:
        until, text = self.texts.get(audience, (0.0, None))
        if text is None or self.ports.stopwatch() >= until:
            text = self.ports.documents.find_text(text_key(audience))
            if text is not None:
                self.texts[audience] = (self.ports.stopwatch() + KEPT_SECONDS, text)
        return text

    def decide(self, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """A form of ours: checked, sent to `receive`, delivered; then the proposal's page again."""
        found = _PROPOSAL.fullmatch(urlsplit(target).path)
        if found is None or not found[2]:
            return self._failed(404, "Not here", "Nothing is decided there.")
        form = _form(body)
        self.guard.check_form(headers, form)
        check_may_see(found[1], self.asker, self.ports)
        choice = Choice(**{name: form.get(name, "") for name in ("action", "person", "head", "reason", "mark")})
        if not re.fullmatch(r"[0-9a-z]{1,64}", choice.mark):
            raise BadInput("the form is not what this page sends")
        with self.deciding:
            # A double click, or a browser that sends again: it was decided by the first one.
            if choice.mark not in self.answers:
                self._remember(choice.mark, decide(life_of(found[1], self.ports), choice, self.ports, self.clock()))
        return Answer(303, location=f"/proposals/{found[1]}?after={choice.mark}")

    def _remember(self, mark: str, said: str) -> None:
        if len(self.answers) >= MOST_ANSWERS:
            self.answers.clear()
        self.answers[mark] = said

    def hook(self, request: Request) -> Answer:
        """A signed call of Slack, a forge or Palette, for a machine without a cloud: the real `receive` answers it."""
        reason = read_only_reason(self.ports)
        if reason and not self.ports.settings.is_local:
            raise Refused(reason)
        answer = cloud.call("receive", "aws", cloud.gateway_event(request))
        kind = answer.get("headers", {}).get("content-type", "text/plain; charset=utf-8")
        return Answer(int(answer["statusCode"]), str(answer.get("body", "")).encode(), str(kind))

    def after_hook(self) -> None:
        """The work that a hook asked for, after its sender has its answer."""
        with self.deciding:
            deliver_waiting(self.ports)

    def failed(self, error: TrimtabError) -> Answer:
        """An error as a page."""
        if isinstance(error, Stranger):
            return Answer(403, f"{error}\n".encode(), "text/plain; charset=utf-8")
        status, headline = next(
            ((status, words) for kind, status, words in _STATUSES if isinstance(error, kind)), (500, "Something failed")
        )
        return self._failed(status, headline, str(error))

    def _failed(self, status: int, headline: str, text: str) -> Answer:
        return self._html("failed.html", {"headline": headline, "text": text}, status)

    def _html(self, name: str, values: Mapping[str, object], status: int = 200) -> Answer:
        settings = self.ports.settings
        frame = {
            "tenant": settings.tenant,
            "store": settings.store,
            "now": f"{self.clock():%Y-%m-%d %H:%M} UTC",
            "is_demo": settings.is_demo,
            "read_only": read_only_reason(self.ports),
            "stopped": self.ports.permit.stop_reason() or "",
            "shown": self.asker.words,
            "token_field": FIELD,
            "token": self.guard.field,
        }
        return Answer(status, self.ports.named(self.page.filled(name, frame | dict(values))).encode())


def open_server(ports: Ports, clock: Callable[[], datetime], port: int, secret: bytes, asker: Audience = OPERATOR) -> ThreadingHTTPServer:
    """A server on 127.0.0.1, listening and not serving yet; port 0 takes any. Raises BadInput where the port cannot be had."""
    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), BaseHTTPRequestHandler)
    except (OSError, OverflowError) as error:
        raise BadInput(f"--port {port}: {_why(error)}; choose another with --port") from None
    server.daemon_threads = True
    site = Site(ports, clock, Guard(server.server_port, secret), Page(_templates()), asker)
    server.RequestHandlerClass = _handler(site)
    return server


def _why(error: OSError | OverflowError) -> str:
    return (error.strerror or "cannot be opened").lower() if isinstance(error, OSError) else "ports are 0 to 65535"


def _templates() -> dict[str, str]:
    return {name: _static(name) for name in ("base.html", "overview.html", "proposal.html", "failed.html")}


@cache
def _static(name: str) -> str:
    return (files("trimtab.cli.page") / "static" / name).read_text(encoding="utf-8")


def _form(body: bytes) -> dict[str, str]:
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=20))
    except ValueError:
        raise BadInput("the form is not what this page sends") from None


def _handler(site: Site) -> type[BaseHTTPRequestHandler]:
    """The HTTP face of a site."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        server_version, sys_version = "trimtab", ""
        timeout = 30
        disable_nagle_algorithm = True  # headers and body are two writes, and the second would wait for the first one's receipt

        def do_GET(self) -> None:
            with self._answered() as answers:
                site.guard.check_host(self._headers())
                is_scrape = urlsplit(self.path).path == SCRAPED
                answers.append(site.scrape(self.path, self._headers()) if is_scrape else site.get(self.path))

        def do_POST(self) -> None:
            path = urlsplit(self.path).path
            is_hook = path in SOURCES
            with self._answered() as answers:
                site.guard.check_host(self._headers())
                body = self._body(LARGEST_HOOK if is_hook else LARGEST_FORM)
                answers.append(site.hook(self._request(body)) if is_hook else site.decide(self.path, self._headers(), body))
            if is_hook and answers[0].status == 200:
                site.after_hook()

        @contextmanager
        def _answered(self) -> Iterator[list[Answer]]:
            """Send what the block appends, or the page of the error it raised."""
            answers: list[Answer] = []
            try:
                yield answers
            except TrimtabError as error:
                # Whatever body was not read would be taken for the next request.
                self.close_connection = True
                answers.append(site.failed(error))
            self._send(answers[0])

        def _send(self, answer: Answer) -> None:
            self.send_response(answer.status)
            for name, value in HEADERS.items():
                self.send_header(name, value)
            if answer.content_type.startswith("text/html") and answer.status < 400:
                self.send_header("Set-Cookie", site.guard.set_cookie)
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

    return Handler
