"""GitHub over HTTP on the loopback: who is asking, accidents that were arranged, the published description around every call."""

import contextlib
import hashlib
import hmac
import json
import threading
import traceback
import urllib.request
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, is_dataclass
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jwt

from tests.forges.github import graph
from tests.forges.github.book import Account, Actor, App, Book, CheckRun, Comment, Issue, Pull, Queued, Rejected, Repo, Review
from tests.forges.github.description import Description
from tests.forges.github.rest import ROUTES, Answer, Call
from tests.forges.github.views import Views, when
from tests.forges.world import Fault, Request

NOBODY = Account(0, "ghost")
SECOND = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
_UNICORN = b"<html><body>Unicorn! GitHub is having a bad moment.</body></html>"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One webhook as it is sent."""

    event: str
    headers: dict[str, str]
    body: bytes


@dataclass
class _Reply:
    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    is_dropped: bool = False


@dataclass
class _Seen:
    """A request as far as it was understood before anything was done."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    name: str
    """Its path; for GraphQL with its top fields."""
    credential: Any = "nobody"


class GitHubServer:
    """One GitHub. Everything happens under one lock, one request after the other.

    `url`: where it says that it is, for a door that others come in by; "" = where it listens.
    """

    def __init__(self, url: str = "") -> None:
        self.book = Book()
        self.requests: list[Request] = []
        self.violations: list[str] = []
        self.faults: list[Fault] = []
        self.before: list[tuple[str, Callable[[], object]]] = []
        """(a piece of "METHOD path", what others do just before that request arrives)."""
        self.deliveries: list[Delivery] = []
        self.lose, self.double = 0, 0
        """How many of the next webhooks are lost, and how many come twice."""
        self.webhook_url = ""
        self.webhook_secret = ""
        self.lock = threading.RLock()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._http.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._http.server_address[1]}"
        self.host = url or self.address
        self.description = Description(self.host)
        self.views = Views(self.book, self.host)
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop answering."""
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    # ── One request ──────────────────────────────────────────────────────────────────────────────────────────────────
    def answer(self, method: str, target: str, headers: dict[str, str], raw: bytes) -> _Reply:
        """What GitHub says, or what an accident makes of it."""
        with self.lock:
            seen = self._understood(method, target, raw)
            self._others_first(seen)
            fault = self._due(seen)
            if fault is not None and fault.when == "before":
                reply = _accident(fault)
                self._note(seen, headers, reply)
            else:
                reply = self._done(seen, headers)
                if fault is not None:
                    reply = _accident(fault)
                    # It was recorded with what was done; the caller never learns.
            due = self._due_webhooks()
        self._post(due)
        return reply

    def answer_or_fail(self, method: str, target: str, headers: dict[str, str], raw: bytes) -> _Reply:
        """A mistake of this server's own is a violation too, so that the test which met it fails."""
        try:
            return self.answer(method, target, headers, raw)
        except Exception:  # noqa: BLE001 - a bug here must fail the test that meets it, not hang it
            self.violations.append(f"{method} {target}: this server failed: {traceback.format_exc()}")
            return _json(500, {"message": "Server Error"})

    def _understood(self, method: str, target: str, raw: bytes) -> _Seen:
        parts = urlsplit(target)
        path = parts.path.removeprefix("/api/v3") or "/"
        try:
            body = json.loads(raw) if raw else None
        except ValueError:
            body = None
            self.violations.append(f"{method} {path}: the body is not JSON")
        name = f"/graphql {graph.names_of(graph.document_of(body))}" if path in ("/graphql", "/api/graphql") else path
        return _Seen(method, path, dict(parse_qsl(parts.query, keep_blank_values=True)), body, name)

    def _others_first(self, seen: _Seen) -> None:
        for entry in [entry for entry in self.before if entry[0] in f"{seen.method} {seen.name}"]:
            self.before.remove(entry)
            entry[1]()

    def _due(self, seen: _Seen) -> Fault | None:
        for n, fault in enumerate(self.faults):
            if fault.match in f"{seen.method} {seen.name}":
                if fault.skip:
                    self.faults[n] = Fault(**asdict(fault) | {"skip": fault.skip - 1})
                    return None
                self.faults[n : n + 1] = [Fault(**asdict(fault) | {"times": fault.times - 1})] if fault.times > 1 else []
                return fault
        return None

    def _done(self, seen: _Seen, headers: dict[str, str]) -> _Reply:
        try:
            reply = self._graphql(seen, headers) if seen.name.startswith("/graphql") else self._rest(seen, headers)
        except Rejected as no:
            reply = _json(no.status, {"message": no.message, "documentation_url": "https://docs.github.com/rest", "status": str(no.status)})
        self._note(seen, headers, reply)
        return reply

    def _note(self, seen: _Seen, headers: dict[str, str], reply: _Reply) -> None:
        with contextlib.suppress(Rejected):
            self._who(seen, headers)
        self.requests.append(Request(method=seen.method, path=seen.name, credential=seen.credential, status=reply.status))

    # ── Who asks ─────────────────────────────────────────────────────────────────────────────────────────────────────
    def _who(self, seen: _Seen, headers: dict[str, str]) -> tuple[Actor, App | None]:
        """401 where nobody can tell."""
        scheme, _, secret = headers.get("authorization", "").partition(" ")
        if not secret or scheme.lower() not in ("bearer", "token"):
            raise Rejected(401, "Requires authentication")
        if seen.path.startswith("/app"):
            seen.credential = "app"
            app = self._app_of(secret)
            return Actor(app.bot, app), app
        token = self.book.tokens.get(secret)
        if token is None or token.expires <= self.book.now:
            raise Rejected(401, "Bad credentials")
        assert token.actor.app is not None
        seen.credential = token.actor.app.slug.rpartition("-")[2]
        return token.actor, None

    def _app_of(self, token: str) -> App:
        """The App that signed; a key that is not its own, another algorithm or a long life are refused."""
        try:
            claims = jwt.decode(token, options={"verify_signature": False})
            app = self.book.apps[int(claims["iss"])]
            claims = jwt.decode(
                token, app.public_key, algorithms=["RS256"], options={"require": ["iat", "exp", "iss"]}, issuer=claims["iss"]
            )
        except (jwt.PyJWTError, KeyError, ValueError):
            raise Rejected(401, "A JSON web token could not be decoded") from None
        if claims["exp"] - claims["iat"] > 660 + 60:
            raise Rejected(401, "'Expiration time' claim ('exp') is too far in the future")
        return app

    # ── What is asked ────────────────────────────────────────────────────────────────────────────────────────────────
    def _graphql(self, seen: _Seen, headers: dict[str, str]) -> _Reply:
        actor, _ = self._who(seen, headers)
        if seen.method != "POST":
            raise Rejected(404, "Not Found")
        body, wrong = graph.run(graph.Asked(self.book, actor, self.host), seen.body)
        self.violations += [f"{seen.name}: {text}" for text in wrong]
        return _json(200, body)

    def _rest(self, seen: _Seen, headers: dict[str, str]) -> _Reply:
        place = f"{seen.method} {seen.path}"
        found = self.description.find(seen.method, seen.path)
        if found is None:
            self.violations.append(f"{place}: GitHub has no such path")
            raise Rejected(404, "Not Found")
        operation, values = found
        wrong = list(self.description.wrong_with_request(operation, seen.query, seen.body))
        self.violations += [f"{place}: {text}" for text in wrong]
        route = ROUTES.get(operation.id)
        if route is None:
            self.violations.append(f"{place}: {operation.id} is not simulated")
            raise Rejected(404, "Not Found")
        answer = self._routed(route, seen, headers, values)
        if answer.raw is not None:
            return _Reply(answer.status, answer.raw, {"Content-Type": "application/vnd.github.raw+json"})
        body = self.description.complete(operation, answer.status, answer.body)
        self.violations += [
            f"{place}: answer {answer.status}: {text}" for text in self.description.wrong_with_answer(operation, answer.status, body)
        ]
        reply = _json(answer.status, body)
        if answer.cursor:
            more = "&".join(f"{key}={value}" for key, value in {**seen.query, "after": answer.cursor}.items())
            reply.headers["Link"] = f'<{self.host}{seen.path}?{more}>; rel="next"'
        if answer.has_next:
            more = "&".join(f"{key}={value}" for key, value in ({**seen.query, "page": int(seen.query.get("page", 1)) + 1}).items())
            reply.headers["Link"] = f'<{self.host}{seen.path}?{more}>; rel="next"'
        return reply

    def _routed(self, route: Callable[[Call], Answer], seen: _Seen, headers: dict[str, str], values: dict[str, str]) -> Answer:
        try:
            actor, app = self._who(seen, headers)
            return route(Call(self.book, self.views, actor, app, values, seen.query, seen.body, headers.get("accept", "")))
        except Rejected as no:
            errors = {"errors": no.errors} if no.errors else {}
            told = {"message": no.message, **errors, "documentation_url": "https://docs.github.com/rest", "status": str(no.status)}
            return Answer(no.status, told)

    # ── Webhooks ─────────────────────────────────────────────────────────────────────────────────────────────────────
    def _due_webhooks(self) -> list[Delivery]:
        due: list[Delivery] = []
        for event, repo, payload in self.book.events:
            made = self._delivery(event, repo, payload)
            if self.lose:
                self.lose -= 1
                continue
            due += [made, made] if self.double else [made]
            self.double = max(0, self.double - 1)
        self.book.events.clear()
        self.deliveries += due
        return due

    def flush(self) -> None:
        """Send what people's acts made due."""
        with self.lock:
            due = self._due_webhooks()
        self._post(due)

    def _delivery(self, event: str, repo: Repo, payload: dict[str, Any]) -> Delivery:
        sender = payload.pop("sender", None) or self.book.accounts["web-flow"]
        # A pull request is an issue too, and is shown as one where somebody comments on it.
        shown = {name: self.views.issue(value) if name == "issue" else self._shown(value) for name, value in payload.items()}
        shown |= {"repository": self.views.repo(repo), "sender": self.views.account(sender)}
        body = json.dumps(shown).encode()
        signature = hmac.new(self.webhook_secret.encode(), body, hashlib.sha256).hexdigest()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "GitHub-Hookshot/test",
            "X-GitHub-Event": event,
            "X-GitHub-Delivery": str(uuid.uuid4()),
            "X-Hub-Signature-256": f"sha256={signature}",
        }
        return Delivery(event, headers, body)

    def _shown(self, value: Any) -> Any:
        match value:
            case Pull():
                return self.views.pull(value, is_whole=False) | {"merged": value.merged_at is not None}
            case Issue():
                return self.views.issue(value)
            case Queued():
                return {
                    "head_sha": value.commit,
                    "head_ref": f"refs/heads/{value.branch}",
                    "base_sha": value.base,
                    "base_ref": f"refs/heads/{value.pull.base_ref}",
                }
            case CheckRun():
                return {"id": value.id, "name": value.name, "head_sha": value.sha, "status": value.status, "conclusion": value.conclusion}
            case Review():
                return {"id": value.id, "state": value.state.lower(), "commit_id": value.commit, "user": self.views.account(value.author)}
            case Comment():
                return {"id": value.id, "body": value.body, "user": self.views.account(value.author)}
            case datetime():
                return when(value)
            case _:
                assert not is_dataclass(value), value
                return value

    def _post(self, due: list[Delivery]) -> None:
        if self.webhook_url and due:
            threading.Thread(target=_send, args=(self.webhook_url, due), daemon=True).start()


def _send(url: str, due: list[Delivery]) -> None:
    for delivery in due:
        request = urllib.request.Request(url, data=delivery.body, headers=delivery.headers, method="POST")
        with contextlib.suppress(OSError):
            urllib.request.urlopen(request, timeout=10).close()


def _json(status: int, body: Any) -> _Reply:
    raw = b"" if status == 204 or body is None else json.dumps(body).encode()
    limits = {"X-RateLimit-Limit": "5000", "X-RateLimit-Remaining": "4999", "X-RateLimit-Reset": "1900000000"}
    return _Reply(status, raw, {"Content-Type": "application/json; charset=utf-8", **limits})


def _accident(fault: Fault) -> _Reply:
    match fault.how:
        case "500":
            return _json(500, {"message": "Server Error"})
        case "502":
            return _Reply(502, _UNICORN, {"Content-Type": "text/html"})
        case "drop":
            return _Reply(0, b"", is_dropped=True)
        case "401-expired":
            return _json(401, {"message": "Bad credentials", "documentation_url": "https://docs.github.com/rest", "status": "401"})
        case "403-secondary":
            reply = _json(
                403, {"message": SECOND, "documentation_url": "https://docs.github.com/rest/overview/rate-limits-for-the-rest-api"}
            )
            reply.headers["Retry-After"] = "60"
        case _:
            reply = _json(429, {"message": "Too many requests"})
            if fault.how == "429":
                reply.headers["Retry-After"] = "1"
    return reply


def _handler(server: GitHubServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def __getattr__(self, name: str) -> object:
            """One answer for every method: the base class looks for do_GET, do_PUT …"""
            if name.startswith("do_"):
                return self._any
            raise AttributeError(name)

        def _any(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            reply = server.answer_or_fail(self.command, self.path, headers, raw)
            if reply.is_dropped:
                self.close_connection = True
                return
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        def log_message(self, *_: object) -> None:
            """Requests are kept, not printed."""

    return Handler
