"""Somebody called: verify the sender, keep the request, answer at once. It calls nobody but the store.

The one put is record and enqueue: the bucket notifies the queue, and a worker decides later with the request that it verifies again.
Imports here are measured: no pydantic, no records, no cloud SDK (tests/functions/test_receive_imports.py).
"""

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple, Protocol

from trimtab.errors import BadInput, Forged, TooLarge, Upstream
from trimtab.sources.senders import SOURCES, Request, Secrets, inbox_key, parse_form, verify, wrap

if TYPE_CHECKING:
    from collections.abc import Callable

LARGEST = {"slack": 256 << 10, "palette": 64 << 10, "azure": 256 << 10, "alertmanager": 1 << 20, "github": 5 << 20, "gitlab": 5 << 20}
"""Bytes that a body may have; a push to a large repo is the largest thing anybody sends us on purpose."""

STATUSES: tuple[tuple[type[Exception], int], ...] = ((TooLarge, 413), (Forged, 401), (BadInput, 400), (Upstream, 503))
"""The one map from errors to statuses, most special first."""


class Keeps(Protocol):
    """The half of `ports.Inbox` that receiving needs."""

    def put(self, key: str, body: bytes) -> bool:
        """Keep `body` under `key`; False = it was there already, which is success too."""


LOGGED_EVERY = timedelta(minutes=1)


class Refusals:
    """What was refused, for the log: one line a minute, however many come, so that a flood costs no more than its first request."""

    __slots__ = ("_due", "_skipped", "_write")

    def __init__(self, write: "Callable[..., None]") -> None:
        self._write, self._due, self._skipped = write, datetime.min.replace(tzinfo=UTC), 0

    def add(self, status: int, request: Request, why: str, now: datetime) -> None:
        """Log it with how many went by since the last line, or count it."""
        if now < self._due:
            self._skipped += 1
            return
        place = request.path if request.path in SOURCES else ""
        self._write("receive.refused", status=status, path=place, size=len(request.body), skipped=self._skipped, input=why)
        self._due, self._skipped = now + LOGGED_EVERY, 0


class ReceivePorts(NamedTuple):
    """All that `receive` may touch."""

    inbox: Keeps
    secrets: Secrets
    clock: datetime | None = None
    """A fixed "now" of a replay on disk; the entry point passes it, or the time."""
    check_azure: "Callable[[Request, datetime], None] | None" = None
    """Checks the token of a secure webhook; None = the secret in the URL counts, where one was chosen."""
    refusals: Refusals | None = None
    """None = nobody is told."""


class Reply(NamedTuple):
    """What the caller is told; never a word about why it was not believed."""

    status: int
    body: str = ""
    content_type: str = "text/plain; charset=utf-8"


def receive(request: Request, ports: ReceivePorts, now: datetime) -> Reply:
    """Answer one request: little to the outside, and why not to the log."""
    try:
        if request.path not in SOURCES:
            reply, why = Reply(404, "not found\n"), f"nobody is served on {request.path[:80]!a}"
        elif request.method != "POST":
            reply, why = Reply(405, "POST only\n"), f"the method {request.method[:20]!a}"
        else:
            return _kept(request, ports, now)
    except (BadInput, Upstream) as error:
        reply, why = refusal(error), str(error)
    if ports.refusals is not None:
        ports.refusals.add(reply.status, request, why, now)
    return reply


def refusal(error: BadInput | Upstream) -> Reply:
    """The reply for an error, by the map."""
    status = next(status for kind, status in STATUSES if isinstance(error, kind))
    words = {401: "not verified", 503: "try again"}
    return Reply(status, words.get(status, str(error)) + "\n")


def _kept(request: Request, ports: ReceivePorts, now: datetime) -> Reply:
    limit = LARGEST[request.source]
    if len(request.body) > limit:
        raise TooLarge(f"{request.path}: {len(request.body)} bytes are over the limit of {limit}")
    if request.source == "azure" and ports.check_azure is not None:
        ports.check_azure(request, now)
    else:
        verify(request, ports.secrets, now)
    answer = _WELL_FORMED[request.source](request)
    if answer is None:
        ports.inbox.put(inbox_key(request), wrap(request, now))
        return Reply(200)
    return answer


def _slack(request: Request) -> Reply | None:
    """Slack sends forms (clicks, commands) and, once, a JSON challenge."""
    if "json" in request.headers.get("content-type", ""):
        event = _json_object(request, request.body)
        if event.get("type") != "url_verification" or not isinstance(event.get("challenge"), str):
            raise BadInput(f"{request.path}: JSON is only taken for url_verification")
        return Reply(200, json.dumps({"challenge": event["challenge"]}), "application/json")
    form = parse_form(request)
    if "payload" in form:
        _json_object(request, form["payload"].encode())
    elif "command" not in form:
        raise BadInput(f"{request.path}: a form with neither payload nor command")
    return None


def _hook(request: Request) -> Reply | None:
    _json_object(request, request.body)
    return None


def _palette(request: Request) -> Reply | None:
    from trimtab.sources import palette_events  # not what a cold Slack click should wait for

    palette_events.parse(request.body)
    return None


def _alertmanager(request: Request) -> Reply | None:
    from trimtab.sources import alertmanager  # not what a cold Slack click should wait for

    alertmanager.parse(request.body)
    return None


_WELL_FORMED: "dict[str, Callable[[Request], Reply | None]]" = {
    "slack": _slack,
    "github": _hook,
    "gitlab": _hook,
    "azure": _hook,
    "palette": _palette,
    "alertmanager": _alertmanager,
}


def _json_object(request: Request, body: bytes) -> dict[str, object]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise BadInput(f"{request.path}: not JSON") from None
    if not isinstance(value, dict):
        raise BadInput(f"{request.path}: expected a JSON object")
    return value
