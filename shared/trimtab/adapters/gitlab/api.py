"""One token at one GitLab: sends, pages, waits a little where it is told to, and says what went wrong without saying who we are.

Reads are asked again, within seconds; a write is sent once, whatever happens. python-gitlab sleeps as long as GitLab says, and re-sends
writes where it is asked to retry, so neither is left to it.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import requests
from gitlab import Gitlab
from gitlab.exceptions import GitlabError

from trimtab.adapters.gitlab.protocol import parsed
from trimtab.errors import Overloaded, Refused, Upstream

T = TypeVar("T")
PAGE = 100
PAGES = 500
"""Nothing that is read here has more than this; whoever answers so many is not asked on."""
LONGEST_WAIT = 20.0
"""Seconds that a read waits in all: a function has minutes, not hours."""
LARGEST_PUSH = 1 << 18
"""Bytes of git's answer to a push of two branches; GitLab's is some hundred."""
_PAUSES = (0.3, 1.0)
_TOO_MANY = 429


class Rejected(Refused):
    """GitLab's no: a status below 500 that is neither "too many" nor "who are you"."""

    def __init__(self, status: int, text: str, message: str) -> None:
        super().__init__(message)
        self.status, self.text = status, text

    @property
    def is_absence(self) -> bool:
        """True where the thing itself is not there; a project that a token may not see says 404 too, and nothing of what is in it."""
        return self.status == 404 and "project not found" not in self.text.lower()


class Limited(Upstream):
    """Too many requests: nothing happened, and whoever goes on asking is shut out for longer."""


@dataclass(frozen=True, slots=True)
class Api:
    """GitLab as one of our tokens sees it."""

    gitlab: Gitlab
    who: Literal["writer", "merger"]
    sleep: Callable[[float], None] = time.sleep
    _heard: threading.local = field(default_factory=threading.local)

    def __post_init__(self) -> None:
        """The library's exceptions hold no headers, and they say how long to wait."""
        self.gitlab.session.hooks["response"].append(self._hear)

    def get(self, form: type[T], path: str, /, **query: Any) -> T:
        """One answer."""
        return parsed(form, self._json(self._read(path, query), path), _spoken(path))

    def find(self, form: type[T], path: str, /, **query: Any) -> T | None:
        """One answer; None = there is no such thing."""
        try:
            return self.get(form, path, **query)
        except Rejected as error:
            if not error.is_absence:
                raise
            return None

    def every(self, form: type[T], path: str, /, **query: Any) -> list[T]:
        """All pages of a list. Raises Upstream where it does not end."""
        found, is_whole = self.first(form, path, PAGES, **query)
        if not is_whole:
            raise Upstream(f"{self._host}: {_spoken(path)}: more than {PAGES} pages")
        return found

    def first(self, form: type[T], path: str, pages: int, /, **query: Any) -> tuple[list[T], bool]:
        """So many pages of a list at most, and whether that is all of it.

        GitLab takes out of a page what the token may not see, so a short one is the last only where no header says otherwise.
        """
        found: list[T] = []
        for page in range(1, pages + 1):
            response = self._read(path, {**query, "per_page": PAGE, "page": page})
            rows = parsed(list[form], self._json(response, path), _spoken(path))  # type: ignore[valid-type]
            found += rows
            if response.headers.get("X-Next-Page", "" if len(rows) < PAGE else "?") == "":
                return found, True
        return found, False

    def raw(self, path: str, limit: int, /, **query: Any) -> bytes | None:
        """An answer's bytes as they are; None = more than `limit`, which are not read."""
        return self._bytes(self._read(path, query, streamed=True), path, limit)

    def send(self, form: type[T], method: Literal["post", "put"], path: str, body: dict[str, Any]) -> T:
        """One write, sent once. Raises Rejected where GitLab says no, Upstream where nobody knows what became of it."""
        return parsed(form, self._json(self._call(method, path, post_data=body), path), _spoken(path))

    def push(self, path: str, body: bytes, kind: str) -> bytes:
        """The body of git's own answer to a push, which is a write and sent once. `path` is the project's."""
        url = f"{self.gitlab.url}/{path}.git/git-receive-pack"
        # A token is the password of any name, and python-gitlab's header means nothing to git.
        response = self.gitlab.session.post(
            url, data=body, headers={"Content-Type": kind}, auth=("trimtab", self.gitlab.private_token or ""), stream=True
        )
        content = self._bytes(response, path, LARGEST_PUSH)
        if response.status_code >= 300:
            raise self._wrong(response.status_code, _text(content or b""), "push", path)
        if content is None:
            raise Upstream(f"{self._host}: PUSH {path}: more than {LARGEST_PUSH} bytes of answer")
        return content

    # ── Calling ──────────────────────────────────────────────────────────────────────────────────────────────────────
    def _read(self, path: str, query: dict[str, Any], *, streamed: bool = False) -> requests.Response:
        """Asked again where the other end stumbles or tells us to wait, as long as that is seconds."""
        left = LONGEST_WAIT
        for usual in _PAUSES:
            try:
                return self._call("get", path, query_data=query, streamed=streamed)
            except Overloaded:
                raise
            except Upstream:
                pause = max(self._asked_to_wait() or 0.0, usual)
                left -= pause
                if left < 0 or self._status() == 401:
                    raise
            self.sleep(pause)
        return self._call("get", path, query_data=query, streamed=streamed)

    def _bytes(self, response: requests.Response, path: str, limit: int) -> bytes | None:
        """A streamed answer's bytes; None = more than `limit`."""
        try:
            found = bytearray()
            for piece in response.iter_content(1 << 16):
                found += piece
                if len(found) > limit:
                    return None
        except requests.RequestException as error:
            raise Upstream(f"{self._host}: {_spoken(path)}: {type(error).__name__}") from None
        finally:
            response.close()
        return bytes(found)

    def _call(self, method: str, path: str, **more: Any) -> requests.Response:
        self._heard.response = None
        try:
            response: requests.Response = self.gitlab.http_request(
                method, path, max_retries=0, obey_rate_limit=False, retry_transient_errors=False, **more
            )
        except GitlabError as error:
            raise self._wrong(error.response_code or 0, _text(error.error_message), method, path) from None
        return response

    def _wrong(self, status: int, text: str, method: str, path: str) -> Rejected | Upstream:
        place = f"{self._host}: {method.upper()} {_spoken(path)}"
        if status == _TOO_MANY:
            wait = self._asked_to_wait()
            return Limited(f"{place}: too many requests; it can be asked again {f'in {wait:.0f} s' if wait else 'later'}")
        # To a merge that the token has no right to, and to a push without the scope for it, GitLab answers 401 too.
        if status == 401 and method not in ("put", "push"):
            return Upstream(f"{place}: 401: the {self.who}'s token is not valid, or not any more; make a new one")
        if 400 <= status < 500:
            return Rejected(status, text, f"{place}: {status} for the {self.who}'s token: {text}")
        return Upstream(f"{place}: {status}: {text}")

    def _asked_to_wait(self) -> float | None:
        """Seconds, where the last answer names them."""
        response = getattr(self._heard, "response", None)
        if response is None or response.status_code != _TOO_MANY:
            return None
        text = response.headers.get("Retry-After", "")
        return float(text) if text.isdecimal() else None

    def _status(self) -> int:
        response = getattr(self._heard, "response", None)
        return response.status_code if response is not None else 0

    def _hear(self, response: requests.Response, *_: object, **__: object) -> None:
        self._heard.response = response

    def _json(self, response: requests.Response, path: str) -> Any:
        try:
            return response.json()
        except ValueError:
            raise Upstream(f"{self._host}: {_spoken(path)}: not JSON") from None

    @property
    def _host(self) -> str:
        return str(self.gitlab.url).partition("://")[2]


def _spoken(path: str) -> str:
    """A path for people: without what stands in it of others' text."""
    return path.partition("?")[0].replace("%2F", "/")[:120]


def _text(message: object) -> str:
    """GitLab's own words, on one line; they may repeat what people typed."""
    text = message.decode(errors="replace") if isinstance(message, bytes) else str(message)
    return "".join(letter if letter.isprintable() else "?" for letter in " ".join(text.split()))[:200] or "no message"
