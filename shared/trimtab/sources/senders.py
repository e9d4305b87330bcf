"""Who sent this? Signatures and shared secrets of the callers, checked over the raw bytes with the standard library alone.

A missing secret, a missing header and a stale time are all the same answer: Forged. No MAC is ever computed with an empty key.
This module and `flow/receive.py` import nothing heavy, so that a cold start answers within Slack's three seconds.
"""

import hashlib
import hmac
import json
from binascii import a2b_base64, a2b_qp, b2a_base64
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple, Protocol
from urllib.parse import unquote

from trimtab.errors import BadInput, Forged

WINDOW_SECONDS = 300
"""How old, or how far ahead, a signed time may be: Slack's and Standard Webhooks' own five minutes."""

MOST_FIELDS = 100
"""Of a form; Slack's slash command has the most, a dozen."""

SOURCES = {
    "/palette": "palette",
    "/slack": "slack",
    "/github": "github",
    "/gitlab": "gitlab",
    "/azure": "azure",
    "/alertmanager": "alertmanager",
}

_KEPT = frozenset((
    "content-type", "x-slack-signature", "x-slack-request-timestamp", "x-hub-signature-256", "x-github-event", "x-github-delivery",
    "x-gitlab-event", "x-gitlab-event-uuid", "webhook-id", "webhook-timestamp", "webhook-signature",
))  # fmt: skip
"""Headers that go to the inbox: proofs and delivery ids. A header that *is* the secret never does."""


class Request(NamedTuple):
    """One HTTP request as it came; a named tuple because it costs a cold start nothing."""

    path: str
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    method: str = "POST"
    query: Mapping[str, str] = MappingProxyType({})

    @property
    def source(self) -> str:
        """slack, github, … Raises BadInput where nobody is served on this path."""
        if self.path not in SOURCES:
            raise BadInput(f"{self.path[:80]!r}: not one of {', '.join(SOURCES)}")
        return SOURCES[self.path]


class Secrets(Protocol):
    """What the deployment settings know about senders."""

    def secrets_of(self, source: str) -> tuple[str, ...]:
        """The secrets that count now; two while one is being replaced, none where nothing is configured."""


def verify(request: Request, secrets: Secrets, now: datetime) -> None:
    """Return quietly if the request is from whom its path says, and fresh. Raises Forged."""
    known = tuple(secret for secret in secrets.secrets_of(request.source) if secret)
    if not known:
        raise Forged(f"{request.path}: no secret is configured, so nobody can be believed")
    if not _CHECKS[request.source](request, known, now):
        raise Forged(f"{request.path}: the signature or secret does not match")


def inbox_key(request: Request) -> str:
    """Where a verified request is kept. The raw bytes alone name it, so a delivery that comes again lands on itself."""
    return f"inbox/{request.source}/{hashlib.sha256(request.body).hexdigest()}"


def wrap(request: Request, received_at: datetime) -> bytes:
    """The request as the inbox keeps it: exact bytes and proofs, so that whoever acts on it can verify it again."""
    kept = {name: value for name, value in request.headers.items() if name in _KEPT}
    about = json.dumps({"v": 1, "path": request.path, "headers": kept, "received_at": received_at.isoformat()})
    # The body is nearly all of it, and base64 has nothing to escape: it is not looked through, and not copied more than it must be.
    return b'%s, "body": "%s"}' % (about[:-1].encode(), b2a_base64(request.body, newline=False))


def unwrap(kept: bytes) -> tuple[Request, datetime]:
    """The inverse of `wrap`: the request, and when it was received. Raises BadInput."""
    try:
        envelope = json.loads(kept)
        body = a2b_base64(envelope["body"], strict_mode=True)
        request = Request(str(envelope["path"]), dict(envelope["headers"]), body)
        return request, datetime.fromisoformat(envelope["received_at"])
    except (ValueError, KeyError, TypeError) as error:
        raise BadInput(f"inbox entry: not an envelope of ours: {error}") from None


def parse_form(request: Request) -> dict[str, str]:
    """The fields of a form body, the first of each name. Raises BadInput."""
    try:
        pairs = [pair.partition(b"=") for pair in request.body.split(b"&") if pair]
        if len(pairs) > MOST_FIELDS:
            raise BadInput(f"{request.path}: a form of {len(pairs)} fields; at most {MOST_FIELDS}")
        return {_unquoted(name): _unquoted(value) for name, _, value in reversed(pairs)}
    except UnicodeDecodeError:
        raise BadInput(f"{request.path}: not a form in UTF-8") from None


def _unquoted(text: bytes) -> str:
    """Form text in clear.

    A click is JSON, of which every tenth letter is escaped, and `unquote` takes them one by one. Quoted-printable is the same code with
    another sign, and the standard library has it in C: it serves wherever that sign stands neither before nor after, so that nothing
    was taken for an escape that is none, and no broken one was left. Ends of lines, and a sign at the end, mean something else there.
    """
    text = text.replace(b"+", b" ")
    if b"=" not in text and b"\n" not in text and b"\r" not in text and not text.endswith(b"%"):
        clear = a2b_qp(text.replace(b"%", b"="))
        if b"=" not in clear:
            return clear.decode()
    return unquote(text.decode(), errors="strict")


def sign_slack(secret: str, timestamp: str, body: bytes) -> str:
    """Slack's v0 signature."""
    return "v0=" + _mac(secret.encode(), b"v0:" + _bytes(timestamp) + b":" + body).hex()


def sign_github(secret: str, body: bytes) -> str:
    """GitHub's X-Hub-Signature-256."""
    return "sha256=" + _mac(secret.encode(), body).hex()


def sign_webhook(secret: str, message_id: str, timestamp: str, body: bytes) -> str:
    """A Standard Webhooks v1 signature, as GitLab sends it."""
    signed = _bytes(f"{message_id}.{timestamp}.") + body
    return "v1," + b2a_base64(_mac(_webhook_key(secret), signed), newline=False).decode()


def _slack(request: Request, secrets: tuple[str, ...], now: datetime) -> bool:
    timestamp = _header(request, "x-slack-request-timestamp")
    _check_fresh(request, timestamp, now)
    given = _header(request, "x-slack-signature")
    return _any_equal(given, [sign_slack(secret, timestamp, request.body) for secret in secrets])


def _github(request: Request, secrets: tuple[str, ...], now: datetime) -> bool:
    del now  # GitHub signs no time; the inbox key makes a replay harmless
    return _any_equal(_header(request, "x-hub-signature-256"), [sign_github(secret, request.body) for secret in secrets])


def _gitlab(request: Request, secrets: tuple[str, ...], now: datetime) -> bool:
    if "webhook-signature" not in request.headers:
        # A signing key is never accepted as a plain token: sent once that way, it would sign for whoever saw it.
        return _any_equal(_header(request, "x-gitlab-token"), [secret for secret in secrets if not secret.startswith("whsec_")])
    timestamp = _header(request, "webhook-timestamp")
    _check_fresh(request, timestamp, now)
    message_id = _header(request, "webhook-id")
    expected = [sign_webhook(secret, message_id, timestamp, request.body) for secret in secrets]
    # "v1,<a> v1,<b>": several while a key is being replaced.
    return True in [_any_equal(given, expected) for given in _header(request, "webhook-signature").split(" ")]


def _palette(request: Request, secrets: tuple[str, ...], now: datetime) -> bool:
    del now  # a static header is all that Palette can send; what it wakes is read from Palette's API
    return _any_equal(_header(request, "x-trimtab-token"), list(secrets))


def _alertmanager(request: Request, secrets: tuple[str, ...], now: datetime) -> bool:
    del now  # a bearer token is all that Alertmanager can send; what it wakes reads the metrics itself
    scheme, _, token = _header(request, "authorization").partition(" ")
    return _any_equal(token.strip(), list(secrets)) and scheme.lower() == "bearer"


def _azure(request: Request, secrets: tuple[str, ...], now: datetime) -> bool:
    del now  # the secret is in the URL of the action group's webhook; the gateway must not log the query
    return _any_equal(request.query.get("token", ""), list(secrets))


_CHECKS = {"slack": _slack, "github": _github, "gitlab": _gitlab, "palette": _palette, "azure": _azure, "alertmanager": _alertmanager}


def _header(request: Request, name: str) -> str:
    value = request.headers.get(name, "")
    if not value:
        raise Forged(f"{request.path}: header {name} is missing")
    return value


def _check_fresh(request: Request, timestamp: str, now: datetime) -> None:
    # isdigit alone would let other scripts' digits through, and int() spaces and underscores.
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        raise Forged(f"{request.path}: the signed time is not a number of seconds")
    if abs(now.timestamp() - int(timestamp)) > WINDOW_SECONDS:
        raise Forged(f"{request.path}: stale: signed more than {WINDOW_SECONDS} s from now")


def _any_equal(given: str, expected: list[str]) -> bool:
    # Every comparison is made, so that the time tells nothing about which secret was near.
    return True in [hmac.compare_digest(_bytes(given), _bytes(one)) for one in expected]


def _mac(key: bytes, signed: bytes) -> bytes:
    if not key:
        raise Forged("the configured secret is empty")
    return hmac.digest(key, signed, "sha256")


def _webhook_key(secret: str) -> bytes:
    if not secret.startswith("whsec_"):
        return secret.encode()
    try:
        return a2b_base64(secret.removeprefix("whsec_"), strict_mode=True)
    except ValueError:
        raise Forged("the configured signing secret is not whsec_<base64>") from None


def _bytes(text: str) -> bytes:
    # compare_digest refuses non-ASCII str, and headers may hold anything.
    return text.encode("utf-8", "surrogatepass")
