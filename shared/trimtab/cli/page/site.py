"""What a machine's page answers, request by request: ask the views, the decisions and `receive`, say everything in one frame."""

import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from importlib.resources import files
from threading import Lock
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

from trimtab.cli.page.decisions import Choice, decide, deliver_waiting, read_only_reason
from trimtab.cli.page.overview import overview
from trimtab.cli.page.proposal import proposal_page
from trimtab.cli.page.safety import FIELD, Guard, Stranger, same
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
from trimtab.sources.senders import Request

MOST_ANSWERS = 200
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


def templates() -> dict[str, str]:
    """The page's files that have places to fill."""
    return {name: _static(name) for name in ("base.html", "overview.html", "proposal.html", "failed.html")}


@cache
def _static(name: str) -> str:
    return (files("trimtab.cli.page") / "static" / name).read_text(encoding="utf-8")


def _form(body: bytes) -> dict[str, str]:
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=20))
    except ValueError:
        raise BadInput("the form is not what this page sends") from None
