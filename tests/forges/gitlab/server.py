"""HTTP: who asks, what breaks, which route, and whether both sides keep to GitLab's description."""

import base64
import json
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

from tests.forges.gitlab.description import find, wrong_answer, wrong_request
from tests.forges.gitlab.records import DEVELOPER, REPORTER, MergeRequest, Project, Site, User
from tests.forges.world import Fault, Request
from trimtab.errors import TrimtabError

Credential = Literal["writer", "gate", "merger", "app", "nobody"]


class No(Exception):
    """An answer that is not what was asked for."""

    def __init__(self, status: int, message: Any, **headers: str) -> None:
        super().__init__(f"{status} {message}")
        self.status, self.message, self.headers = status, message, headers


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back; bytes go as they are, lists are paged."""

    body: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Call:
    """One request of somebody with a token."""

    site: Site
    user: User
    values: Mapping[str, str]
    """From the path, decoded."""
    query: Mapping[str, Sequence[str]]
    body: Mapping[str, Any]
    named: Project | None = None

    @property
    def project(self) -> Project:
        """The project of the path; GitLab hides those that one may not see."""
        if self.named is None or self.named.access(self.user) < REPORTER:
            raise No(404, "404 Project Not Found")
        return self.named

    def wants(self, level: int) -> Project:
        """The project, if the user has that level in it, and it is not archived."""
        project = self.project
        if project.access(self.user) < level or project.is_archived:
            raise No(403, "403 Forbidden")
        return project

    def writable(self) -> Project:
        """The project, for whoever may push or open merge requests."""
        return self.wants(DEVELOPER)

    def one(self, name: str, default: str = "") -> str:
        """A query parameter."""
        return self.query.get(name, [default])[-1]

    def many(self, name: str) -> list[str]:
        """A query parameter that may come several times, or as one text with commas."""
        return [*self.query.get(f"{name}[]", []), *(each for text in self.query.get(name, []) for each in text.split(",") if each)]

    def is_set(self, name: str) -> bool:
        """A flag of the query."""
        return self.one(name).lower() in ("true", "1")


Route = Callable[[Call], Answer]
Receive = Callable[[Site, Project | None, User | None, bytes], Answer]
"""A git push: project, who pushes, what the client sent."""


@dataclass(slots=True)
class Log:
    """What happened at the server's door."""

    requests: list[Request] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    before: list[tuple[str, Callable[[], object]]] = field(default_factory=list)
    """(piece of "METHOD path", what somebody does just before that request is served)."""


class Server:
    """A GitLab on a free loopback port. `url`: where it says that it is, for a door that others come in by; "" = where it listens."""

    def __init__(
        self, site: Site, routes: Mapping[str, Route], receive: Receive, credentials: Mapping[str, Credential], url: str = ""
    ) -> None:
        self.site, self.routes, self.receive, self.credentials, self.log = site, routes, receive, credentials, Log()
        self._lock = threading.RLock()
        self._listener = _Listener(("127.0.0.1", 0), _handler(self))
        self.address = f"http://127.0.0.1:{self._listener.server_port}"
        site.url = url or self.address
        threading.Thread(target=self._listener.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._listener.shutdown()
        self._listener.server_close()

    def locked(self) -> threading.RLock:
        """What people at the keyboard hold while they act."""
        return self._lock

    def serve(self, method: str, target: str, token: str, content: bytes) -> Answer | None:
        """The answer to one request; None = the connection breaks."""
        path = urlsplit(target).path.removeprefix("/api/v4")
        name = f"{method} {path}"
        for happens in [each for each in self.log.before if each[0] in name]:
            self.log.before.remove(happens)
            happens[1]()
        with self._lock:
            fault = self._fault(name)
            happens_first = fault is None or fault.when == "after"
            at_work = [(each, each.preparing, each.checking) for project in self.site.projects for each in project.requests]
            answer: Answer | None = self._noted(method, target, token, content) if happens_first else None
            _work_on([each for each, *steps in at_work if steps == [each.preparing, each.checking]])
            answer = answer if fault is None else _broken(fault)
            status = 0 if answer is None else answer.status
            self.log.requests.append(Request(method=method, path=path, credential=self.credentials.get(token, "nobody"), status=status))
        return answer

    def _fault(self, name: str) -> Fault | None:
        for number, fault in enumerate(self.log.faults):
            if fault.match not in name:
                continue
            if fault.skip:
                self.log.faults[number] = replace(fault, skip=fault.skip - 1)
                continue
            self.log.faults[number : number + 1] = [replace(fault, times=fault.times - 1)] if fault.times > 1 else []
            return fault
        return None

    def _noted(self, method: str, target: str, token: str, content: bytes) -> Answer:
        """The answer; where this server itself fails, the test that caused it does too."""
        try:
            return self._answer(method, target, token, content)
        except Exception as error:  # noqa: BLE001 -- told to the test, which fails by it
            self.log.violations.append(f"{method} {target}: this server failed: {type(error).__name__}: {error}")
            return Answer({"message": "500 Internal Server Error"}, 500)

    def _answer(self, method: str, target: str, token: str, content: bytes) -> Answer:
        parts = urlsplit(target)
        path, query = parts.path.removeprefix("/api/v4"), parse_qs(parts.query, keep_blank_values=True)
        if method == "POST" and parts.path.endswith(".git/git-receive-pack"):
            project = self.site.project(parts.path.removesuffix(".git/git-receive-pack").strip("/"))
            return self.receive(self.site, project, None if token in self.site.expired else self.site.tokens.get(token), content)
        matched = find(method, path) if parts.path.startswith("/api/v4/") else None
        if matched is None:
            self.log.violations.append(f"{method} {parts.path}: not described")
            return Answer({"error": "404 Not Found"}, 404)
        operation, raw = matched
        body, problem = _parsed(content)
        wrong = [problem] if problem else list(wrong_request(operation, query, body))
        self.log.violations += [f"{operation.name}: {each}" for each in wrong]
        answer = self._routed(operation.name, raw, query, body, token)
        if isinstance(answer.body, list) and answer.status == 200:
            answer = _page(answer, f"{self.site.url}{parts.path}", query)
        if not isinstance(answer.body, bytes):
            self.log.violations += [f"{operation.name} answered {each}" for each in wrong_answer(operation, answer.status, answer.body)]
        return answer

    def _routed(self, name: str, raw: Mapping[str, str], query: Mapping[str, Sequence[str]], body: Any, token: str) -> Answer:
        try:
            user = self.site.tokens.get(token)
            if token in self.site.expired:
                return _EXPIRED
            if user is None:
                return Answer({"message": "401 Unauthorized"}, 401)
            values = {key: unquote(value) for key, value in raw.items()}
            named = self.site.project(values["id"]) if "id" in values else None
            route = self.routes.get(name, _no_route)
            return route(Call(self.site, user, values, query, body if isinstance(body, dict) else {}, named))
        except No as no:
            return Answer({"message": no.message}, no.status, no.headers)
        except TrimtabError as error:
            return Answer({"message": str(error)}, 400)


def _no_route(_: Call) -> Answer:
    raise No(501, "the test server has no route for it")


_EXPIRED = Answer(
    {
        "error": "invalid_token",
        "error_description": "Token is expired. You can either do re-authorization or token refresh.",
    },
    401,
)


def _work_on(requests: Sequence[MergeRequest]) -> None:
    """GitLab works while others ask: with every request it is one step further with what it had to do before."""
    for request in requests:
        if request.preparing:
            request.preparing -= 1
        elif request.checking:
            request.checking -= 1


def _broken(fault: Fault) -> Answer | None:
    reset = {"Retry-After": "1", "RateLimit-Remaining": "0", "RateLimit-Reset": str(int(time.time()) + 1)}
    answers: dict[str, Answer | None] = {
        "500": Answer({"message": "500 Internal Server Error"}, 500),
        "502": Answer(b"<html><body><h1>GitLab is not responding</h1></body></html>", 502, {"Content-Type": "text/html"}),
        "drop": None,
        # GitLab has one kind of limit only, and says so with 429.
        "403-secondary": Answer(b"Retry later\n", 429, {"Content-Type": "text/plain", **reset}),
        "429": Answer(b"Retry later\n", 429, {"Content-Type": "text/plain", **reset}),
        "429-bare": Answer(b"Retry later\n", 429, {"Content-Type": "text/plain"}),
        "401-expired": _EXPIRED,
        "409-lock": Answer({"message": "409 Conflict: Resource lock"}, 409),
    }
    return answers[fault.how]


def _parsed(content: bytes) -> tuple[Any, str]:
    if not content:
        return None, ""
    try:
        return json.loads(content), ""
    except ValueError:
        return None, "the body is not JSON"


def _page(answer: Answer, url: str, query: Mapping[str, Sequence[str]]) -> Answer:
    """One page of a list, with the headers that lead on; 20 where nobody says, 100 at most."""
    if query.get("pagination") == ["none"]:
        return answer
    for name in ("page", "per_page"):
        if not query.get(name, ["1"])[-1].isdecimal():
            return Answer({"error": f"{name} is invalid"}, 400)
    is_keyset = query.get("pagination") == ["keyset"]
    size = min(int(query.get("per_page", ["20"])[-1]), 100) or 20
    start = int(query.get("page_token", ["0"])[-1], 16) if is_keyset else (max(int(query.get("page", ["1"])[-1]), 1) - 1) * size
    number, total = start // size + 1, len(answer.body)
    headers = {"X-Per-Page": str(size)}
    has_more = start + size < total
    if not is_keyset:
        headers |= {"X-Page": str(number), "X-Total": str(total), "X-Total-Pages": str(-(-total // size))}
        headers["X-Next-Page"] = str(number + 1) if has_more else ""
    if has_more:
        step = {"page_token": f"{start + size:040x}"} if is_keyset else {"page": str(number + 1)}
        rest = {name: values for name, values in query.items() if name not in ("page", "page_token")}
        headers["Link"] = f'<{url}?{urlencode({**rest, **step}, doseq=True)}>; rel="next"'
    return Answer(answer.body[start : start + size], answer.status, headers)


def _handler(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def _answer(self) -> None:
            content = self.rfile.read(int(self.headers.get("content-length") or 0))
            token = _token(self.headers.get("PRIVATE-TOKEN", ""), self.headers.get("Authorization", ""))
            answer = server.serve(self.command, self.path, token, content)
            if answer is None:
                self.close_connection = True
                return
            is_raw = isinstance(answer.body, bytes)
            body = answer.body if is_raw else b"" if answer.status == 204 else json.dumps(answer.body).encode()
            self.send_response(answer.status)
            headers = {"Content-Type": "application/octet-stream" if is_raw else "application/json", **answer.headers}
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _answer  # noqa: N815 -- the base class's names

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the parent's name
            pass

    return Handler


def _token(private: str, authorization: str) -> str:
    """A token is a header of its own, a bearer, or, for git, the password of any name."""
    if authorization.startswith("Basic "):
        return base64.b64decode(authorization.removeprefix("Basic ")).decode().partition(":")[2]
    return private or authorization.removeprefix("Bearer ")


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: object, client_address: object) -> None:
        """Whoever hung up knows it."""


def web(site: Site, *parts: str) -> str:
    """A page for people."""
    return "/".join([site.url, *(quote(part) for part in parts)])


def flag(value: object) -> bool:
    """A flag of a JSON body, as lenient as GitLab is."""
    return str(value).lower() in ("true", "1")


def texts(value: object) -> list[str]:
    """A list of a JSON body, which may come as one text with commas."""
    found = re.split(r"\s*,\s*", value) if isinstance(value, str) else value if isinstance(value, list) else []
    return [str(each) for each in found if each != ""]


def number(text: str) -> int:
    """A number of the path."""
    with suppress(ValueError):
        return int(text)
    raise No(400, "invalid")
