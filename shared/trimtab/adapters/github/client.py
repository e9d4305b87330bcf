"""One App's way to GitHub: PyGithub's requester on our own transport. Reads are repeated within bounds, writes are sent once."""

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self, cast
from urllib.parse import parse_qsl, urlsplit

import requests
from github.Auth import Auth
from github.GithubException import GithubException, RateLimitExceededExceedsMaxWait
from github.GithubRetry import GithubRetry
from github.Requester import Requester, RequestsResponse
from urllib3 import BaseHTTPResponse, Retry
from urllib3.connectionpool import ConnectionPool

from trimtab.adapters.github.access import InstallationToken
from trimtab.errors import BadInput, Overloaded, Refused, Upstream

LONGEST_WAIT = 20
"""Seconds that a read may wait for a limit to pass; what takes longer is delivered again later."""
_AGENT = "trimtab"
_VERSION = "2022-11-28"


class Lost(Upstream):
    """A write was sent and its answer never came, or said nothing: what is there now must be read before anything else."""


class Denied(Refused):
    """GitHub's own no to a request, with its status and sentence."""

    def __init__(self, status: int, detail: str, place: str) -> None:
        super().__init__(f"GitHub: {place}: {status}: {detail}")
        self.status, self.detail = status, detail


@dataclass(frozen=True, slots=True)
class Answer:
    """What a GraphQL document gave: mutations run one after the other, and each may fail for itself."""

    data: Mapping[str, Any]
    errors: tuple[Mapping[str, Any], ...] = ()

    def of(self, field_: str) -> Any:
        """A top field's value; None where it failed."""
        return self.data.get(field_)

    def problem(self, field_: str = "") -> str:
        """The first sentence of what went wrong, of one top field or of all; "" = nothing did."""
        told = (str(error.get("message", "")) for error in self.errors if not field_ or (error.get("path") or [""])[0] == field_)
        return next((one_line(text) or "no reason given" for text in told), "")


class BoundedRetry(GithubRetry):
    """PyGithub's patience, and no more of it than `max_rate_limit_wait` where GitHub itself names the seconds."""

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: BaseHTTPResponse | None = None,
        error: Exception | None = None,
        _pool: ConnectionPool | None = None,
        _stacktrace: TracebackType | None = None,
    ) -> Self:
        """Raises RateLimitExceededExceedsMaxWait where waiting would take longer than a function has."""
        wait = self.get_retry_after(response) if response is not None else None
        if response is not None and wait is not None and self.max_rate_limit_wait is not None and wait > self.max_rate_limit_wait:
            raise RateLimitExceededExceedsMaxWait(response.status, {}, dict(response.headers), wait=wait)
        again: Any = super().increment(method, url, response, error, _pool, _stacktrace)  # type: ignore[arg-type]
        return cast("Self", again)


def patience() -> Retry:
    """How reads are repeated."""
    return BoundedRetry(
        total=3, backoff_factor=0.3, backoff_max=5, max_rate_limit_wait=LONGEST_WAIT, status_forcelist=[403, 429, 500, 502, 503, 504],
        redirect=0, raise_on_status=False, raise_on_redirect=False,
    )  # fmt: skip


def requester(url: str, session: requests.Session, auth: Auth, *, pause: float = 0) -> Requester:
    """PyGithub's requester, whose every request goes through this session; `pause` = seconds between two writes."""

    class Ours(Requester):
        """A class of its own, so that the connections set below are nobody else's."""

    place = urlsplit(url)
    connection: Any = _connections(session, f"{place.scheme}://{place.netloc}")
    Ours.injectConnectionClasses(connection, connection)
    return Ours(auth, url, 25, _AGENT, 100, True, None, None, None, pause or None, False, _VERSION)


def _connections(session: requests.Session, origin: str) -> type:
    class Connection:
        """What PyGithub takes for a connection; it answers with what our session says."""

        def __init__(self, host: str, port: int | None = None, **_: Any) -> None:
            del port
            self.host = host
            self._asked = threading.local()

        def request(self, verb: str, url: str, body: Any, headers: dict[str, str], stream: bool = False) -> None:
            """Keep what is to be sent; per thread, since PyGithub shares its connection."""
            del stream
            self._asked.now = (verb, url, body, headers)

        def getresponse(self) -> RequestsResponse:
            """Send it."""
            verb, url, body, headers = self._asked.now
            return RequestsResponse(session.request(verb, f"{origin}{url}", data=body, headers=headers, allow_redirects=False))

        def close(self) -> None:
            """The session's connections outlive it."""

    return Connection


@dataclass(slots=True)
class Caller:
    """Requests of one App. One at a time: GitHub asks for that, and PyGithub's requester is made for that."""

    reading: Requester
    writing: Requester
    credential: InstallationToken | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self, path: str, parameters: Mapping[str, Any] | None = None) -> Any:
        """A REST read. Raises Denied for a 4xx, Upstream where GitHub fails."""
        return self._sent(lambda: self.reading.requestJsonAndCheck("GET", path, dict(parameters or {})), path)

    def follow(self, path: str, parameters: Mapping[str, Any], most: int) -> Iterator[Any]:
        """The pages of a REST list that names its next page by a cursor. Raises Refused where there are more than `most`."""
        asked: Mapping[str, Any] | None = dict(parameters)
        for _ in range(most):
            headers, answer = self._sent(lambda asked=asked: ((), self.reading.requestJsonAndCheck("GET", path, dict(asked))), path)  # type: ignore[misc]
            yield answer
            asked = _next(str(headers.get("link") or ""))
            if asked is None:
                return
        raise Refused(f"GitHub: {path}: more than {most} pages")

    def ask(self, document: str, variables: Mapping[str, Any], *, may_lack: bool = False) -> Mapping[str, Any]:
        """A GraphQL query's data; with `may_lack`, fields that failed are None. Raises Denied or Upstream where it failed."""
        answer = self._graphql(self.reading, document, variables)
        if answer.errors and not may_lack:
            raise _query_error(answer.errors[0])
        return answer.data

    def send(self, method: str, path: str, body: Mapping[str, Any]) -> Any:
        """A REST write, sent once. Raises Denied for a no, Lost where nobody knows what happened."""
        return self._written(lambda: self.writing.requestJsonAndCheck(method, path, input=dict(body)), path)

    def mutate(self, document: str, variables: Mapping[str, Any]) -> Answer:
        """GraphQL mutations, sent once. Raises Lost where nobody knows what happened."""
        try:
            answer = self._graphql(self.writing, document, variables)
        except Overloaded as error:
            raise error if isinstance(error, _Limited) else Lost(str(error)) from None
        except (Refused, BadInput):
            raise
        except Upstream as error:
            raise Lost(str(error)) from None
        if any("something went wrong" in str(error.get("message")).lower() for error in answer.errors):
            raise Lost(f"GitHub: {answer.problem()}")
        return answer

    def _graphql(self, by: Requester, document: str, variables: Mapping[str, Any]) -> Answer:
        body = {"query": document, "variables": dict(variables)}
        answer = self._sent(lambda: by.requestJsonAndCheck("POST", by.graphql_url, input=body), "graphql")
        if not isinstance(answer, dict) or not isinstance(answer.get("data") or {}, dict):
            raise Upstream("GitHub: graphql: not an answer")
        errors = tuple(error for error in answer.get("errors") or () if isinstance(error, dict))
        if any(error.get("type") in ("RATE_LIMITED", "RATE_LIMIT") for error in errors):
            raise _Limited("GitHub: the hour's requests are used up; the next delivery goes on")
        return Answer(data=answer.get("data") or {}, errors=errors)

    def _written(self, act: Callable[[], tuple[Any, Any]], place: str) -> Any:
        try:
            return self._sent(act, place)
        except _Limited:
            raise
        except Upstream as error:
            raise Lost(str(error)) from None

    def _sent(self, act: Callable[[], tuple[Any, Any]], place: str) -> Any:
        """With a fresh token once more where the one we had is no longer taken: a 401 did nothing."""
        with self._lock:
            try:
                return act()[1]
            except GithubException as error:
                if error.status != 401 or self.credential is None:
                    raise _told(error, place) from None
                self.credential.drop()
            try:
                return act()[1]
            except GithubException as error:
                raise _told(error, place) from None


class _Limited(Overloaded):
    """Refused for how much we asked, before anything happened."""


def _next(link: str) -> Mapping[str, str] | None:
    """What a Link header asks for the next page with; None = there is none."""
    found = (row["url"] for row in requests.utils.parse_header_links(link) if row.get("rel") == "next") if link else iter(())
    url = next(found, None)
    return dict(parse_qsl(urlsplit(url).query)) if url else None


def one_line(text: str) -> str:
    """GitHub's sentence without its line breaks, cut where it is a page."""
    return " ".join(text.split())[:300]


def _told(error: GithubException, place: str) -> Exception:
    """What a status means to us."""
    data = error.data if isinstance(error.data, dict) else {}
    detail = _sentence(data) or one_line(error.message or "") or "no reason given"
    where = place.split("?", maxsplit=1)[0]
    if (
        isinstance(error, RateLimitExceededExceedsMaxWait)
        or error.status == 429
        or Requester.isRateLimitError(str(data.get("message") or ""))
    ):
        return _Limited(f"GitHub: {where}: asked too much{_until(error)}; the next delivery goes on")
    if error.status >= 500:
        return Upstream(f"GitHub: {where}: {error.status}: {detail}")
    if error.status == 401:
        return Refused(f"GitHub: {where}: 401: {detail}; check the App's id, key and installation in the settings")
    return Denied(error.status, detail, where)


def _sentence(data: Mapping[str, Any]) -> str:
    """The message with what GitHub lists below it, which is where the reason stands."""
    listed = data.get("errors")
    more = (
        [str(item.get("message") or item.get("code") or "") if isinstance(item, dict) else str(item) for item in listed or ()]
        if isinstance(listed, list)
        else []
    )
    return one_line(": ".join(filter(None, [str(data.get("message") or ""), "; ".join(filter(None, more))])))


def _until(error: GithubException) -> str:
    headers = {name.lower(): value for name, value in (error.headers or {}).items()}
    if str(headers.get("retry-after", "")).isdigit():
        return f", for {headers['retry-after']} s"
    reset = str(headers.get("x-ratelimit-reset", ""))
    return (
        f", until {datetime.fromtimestamp(int(reset), UTC):%H:%M:%S} UTC"
        if reset.isdigit() and str(headers.get("x-ratelimit-remaining")) == "0"
        else ""
    )


def _query_error(error: Mapping[str, Any]) -> Exception:
    text = one_line(str(error.get("message") or "no reason given"))
    statuses = {"NOT_FOUND": 404, "FORBIDDEN": 403, "INSUFFICIENT_SCOPES": 403}
    status = statuses.get(str(error.get("type")))
    return Denied(status, text, "graphql") if status else Upstream(f"GitHub: graphql: {text}")
