"""How Palette is asked: paced, again while it is busy, page by page, and every refusal in one line. Writes are sent once."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from random import SystemRandom
from typing import Any, TypeVar

import httpx

from trimtab.adapters.palette.answers import error_words
from trimtab.adapters.palette.pace import Pace
from trimtab.errors import BadInput, Refused, Upstream

ATTEMPTS = 5
"""Palette names no time to wait: 0.5, 1, 2 and 4 seconds, each up to half longer."""
MOST_PAGES = 200
PAGE = 50
HINTS: dict[int, str] = {
    401: "the API key is wrong or expired, or of another tenant than this host: renew TRIMTAB_PALETTE_API_KEY",
    403: "the key's user may not read this: give it the Tenant Viewer role",
    429: "Palette limits requests per address: another client may share it",
}
WRITE_HINTS: Mapping[int, str] = HINTS | {
    401: "the API key is wrong or expired, or of another tenant than this host: renew TRIMTAB_PALETTE_WRITE_KEY",
    403: "the user of TRIMTAB_PALETTE_WRITE_KEY may not edit this cluster's metadata: give it a role that may",
}
ASKED_WRONG = (400, 405, 409, 422)
"""No retry makes these better; what is wrong with a key or with Palette may be right when the event comes again."""

Parsed = TypeVar("Parsed")
Headers = dict[str, str]
Query = dict[str, str]


@dataclass(frozen=True, slots=True)
class PaletteApi:
    """One tenant, seen with one API key."""

    url: str
    key: str
    client: httpx.Client | None
    """None = no Palette is configured, and whoever asks is refused."""
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = SystemRandom().random
    """0 to 1."""
    clock: Callable[[], float] = time.monotonic
    pace: Pace = field(default_factory=Pace)

    def get(self, path: str, scope: Headers, **query: str) -> bytes:
        """What something else in Palette just named; that it is not there is Palette contradicting itself."""
        answer = self.ask("GET", path, headers=scope, params=query)
        if answer is None:
            raise Upstream(f"Palette: {path}: HTTP 404, though what names it was just read")
        return answer

    def find(self, path: str, scope: Headers, **query: str) -> bytes | None:
        """What may not be there."""
        return self.ask("GET", path, headers=scope, params=query)

    def pages(self, method: str, path: str, parse: Callable[[bytes], tuple[tuple[Parsed, ...], str]], **arguments: Any) -> Iterator[Parsed]:
        """Every item of a paged list. Its count may move meanwhile: only an empty token is the end, and a token that stays is an error."""
        query, token = dict(arguments.pop("params", {})), ""
        for _ in range(MOST_PAGES):
            page = {**query, "limit": str(PAGE)} | ({"continue": token} if token else {})
            answer = self.ask(method, path, params=page, **arguments)
            if answer is None:
                raise Upstream(f"Palette: {path}: HTTP 404 for a list")
            found, following = parse(answer)
            yield from found
            if not following:
                return
            if following == token:
                break
            token = following
        raise Upstream(f"Palette: {path}: its continue token never ended (at most {MOST_PAGES} pages are read)")

    def ask(self, method: str, path: str, *, headers: Headers | None = None, **arguments: Any) -> bytes | None:
        """The answer's bytes, None for 404; asks again while Palette is busy or cannot be reached."""
        if self.client is None:
            raise Refused("Palette: not configured; set settings.palette_url and TRIMTAB_PALETTE_API_KEY")
        for attempt in range(ATTEMPTS):
            self._rest(self.pace.wait(path, self.clock()))
            answer = self._sent(method, path, headers or {}, is_last=attempt + 1 == ATTEMPTS, **arguments)
            if answer is not None and answer.status_code != 429 and answer.status_code < 500:
                break
            if attempt + 1 < ATTEMPTS:
                self._rest(0.5 * 2**attempt * (1 + self.jitter() / 2))
        if answer is None or answer.status_code == 404:
            return None
        _check(answer, path)
        return answer.content

    def write(self, method: str, path: str, scope: Headers, body: Mapping[str, object]) -> None:
        """Sent once: whoever does not hear the answer reads what lies there."""
        if self.client is None:
            raise Refused("Palette: not configured; set settings.palette_url and TRIMTAB_PALETTE_WRITE_KEY")
        self._rest(self.pace.wait(path, self.clock()))
        answer = self.client.request(method, self.url + path, headers={"apiKey": self.key, **scope}, json=body)
        if answer.status_code == 404:
            raise Upstream(f"Palette: {path}: HTTP 404, though what names it was just read")
        _check(answer, path, WRITE_HINTS)

    def _sent(self, method: str, path: str, headers: Headers, *, is_last: bool, **arguments: Any) -> httpx.Response | None:
        """One try; None where nobody answered and there are tries left. Reading twice changes nothing."""
        client = self.client
        if client is None:
            return None
        try:
            return client.request(method, self.url + path, headers={"apiKey": self.key, **headers}, **arguments)
        except Upstream:
            if is_last:
                raise
            return None

    def _rest(self, seconds: float) -> None:
        if seconds > 0:
            self.sleep(seconds)


def _check(answer: httpx.Response, path: str, hints: Mapping[int, str] = HINTS) -> None:
    if answer.is_success:
        return
    said = " ".join(part for part in (f"HTTP {answer.status_code}", error_words(answer.content)) if part)
    hint = f"; {hints[answer.status_code]}" if answer.status_code in hints else ""
    sentence = f"Palette: {path}: {said}{hint}"
    raise BadInput(sentence) if answer.status_code in ASKED_WRONG else Upstream(sentence)


def project(uid: str) -> Headers:
    """The header that narrows a question to one project; without it the tenant is meant."""
    return {"ProjectUid": uid}
