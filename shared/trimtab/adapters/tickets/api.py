"""How a ticket system is asked: one host, one identity, every refusal in one line; nothing is sent twice."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from trimtab.errors import BadInput, Refused, Upstream
from trimtab.settings import TicketSystem

ASKED_WRONG = (400, 405, 410, 422)
"""No retry makes these better."""
DENIED = (401, 403)
REST_SECONDS = 60.0


@dataclass(slots=True)
class Rest:
    """A system that does not answer is left alone for a minute: a run that asks for fifty proposals would else wait for it fifty times."""

    until: float = float("-inf")


@dataclass(frozen=True, slots=True)
class TicketApi:
    """One system, seen as one account."""

    name: str
    url: str
    headers: Mapping[str, str]
    auth: httpx.BasicAuth | None
    client: httpx.Client
    rest: Rest = field(default_factory=Rest)
    clock: Callable[[], float] = time.monotonic

    @classmethod
    def of(cls, system: TicketSystem, token: str, client: httpx.Client) -> "TicketApi":
        """As the settings say: a user with a token is basic authentication, a token alone is a bearer's."""
        auth = httpx.BasicAuth(system.user, token) if system.user else None
        headers = {"accept": "application/json"} | ({} if auth else {"authorization": f"Bearer {token}"})
        name = "Jira" if system.kind == "jira" else "ServiceNow"
        return cls(name, system.url.rstrip("/"), headers, auth, client)

    def ask(
        self, method: str, path: str, *, body: Mapping[str, object] | None = None, params: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """The answer's JSON object. Raises Upstream where a later try may succeed, Refused or BadInput where none will."""
        if self.clock() < self.rest.until:
            raise Upstream(f"{self.name}: it did not answer a moment ago; again in a minute")
        try:
            answer = self.client.request(
                method, self.url + path, headers=dict(self.headers), auth=self.auth, json=body, params=dict(params or {})
            )
        except Upstream:
            self.rest.until = self.clock() + REST_SECONDS
            raise
        place = f"{self.name}: {path}: HTTP {answer.status_code}"
        if answer.status_code in DENIED:
            raise Upstream(f"{place}: the account may not; check TRIMTAB_TICKET_TOKEN and its rights")
        if answer.status_code in ASKED_WRONG:
            raise BadInput(f"{place}: {_said(answer)}")
        if not answer.is_success:
            raise Upstream(f"{place}: {_said(answer)}")
        return self._object(answer, path)

    def _object(self, answer: httpx.Response, path: str) -> dict[str, Any]:
        try:
            value = answer.json()
        except ValueError:
            raise Upstream(f"{self.name}: {path}: the answer is not JSON") from None
        if not isinstance(value, dict):
            raise Upstream(f"{self.name}: {path}: the answer is not an object")
        return value


def check_mark(mark: str) -> str:
    """A mark that no query language reads as more than a word. Raises Refused."""
    if not mark.isascii() or not mark.replace("-", "").isalnum() or len(mark) > 100:
        raise Refused(f"{mark[:40]!a}: a ticket's mark is letters, digits and hyphens")
    return mark


def text_of(found: Mapping[str, Any], key: str, place: str) -> str:
    """A text of an answer. Raises Upstream where it is not one."""
    value = found.get(key)
    if not isinstance(value, str) or not value:
        raise Upstream(f"{place}: {key}: expected a text")
    return value


def _said(answer: httpx.Response) -> str:
    """The system's own words, shortened to one line of plain text."""
    try:
        words = json.dumps(answer.json(), sort_keys=True)
    except ValueError:
        words = answer.text
    return ascii(words[:300])[1:-1]
