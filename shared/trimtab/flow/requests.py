"""Raw requests as `receive` kept them: verified again, at the time they were received, before anything in them counts."""

from datetime import datetime

from trimtab.errors import BadInput, Forged
from trimtab.ports import Ports
from trimtab.records import Click
from trimtab.sources.clicks import Command, parse_slack
from trimtab.sources.forge_events import ForgeEvent, parse_forge_event
from trimtab.sources.senders import Request, inbox_key, unwrap, verify

SIGNED = ("x-slack-signature", "x-hub-signature-256", "webhook-signature")
"""Proofs that stay provable. A header that is the secret itself is not kept, so what it brought is a hint and never evidence."""


def request_of(key: str, ports: Ports) -> tuple[Request, datetime]:
    """The request under an inbox key, and when it came. Raises BadInput where it is gone, Forged where its proof does not hold any more."""
    stored = ports.inbox.read(key)
    if stored is None:
        raise BadInput(f"{key}: expired or never received")
    request, received_at = unwrap(stored)
    # One request has one key: kept under a second one, it would decide a second time.
    if inbox_key(request) != key:
        raise Forged(f"{key}: holds a request that belongs under {inbox_key(request)}")
    if any(name in request.headers for name in SIGNED):
        verify(request, ports.settings, received_at)
    return request, received_at


def slack_of(key: str, ports: Ports) -> tuple[Click | Command, datetime]:
    """What a person did in Slack, and when; without a signature that still holds it is nothing."""
    request, received_at = request_of(key, ports)
    if request.source != "slack" or "x-slack-signature" not in request.headers:
        raise Forged(f"{key}: kept without Slack's signature")
    return parse_slack(request), received_at


def forge_event_of(key: str, ports: Ports) -> ForgeEvent:
    """The hint in a forge's webhook: what it names is read from the forge before it counts."""
    return parse_forge_event(request_of(key, ports)[0])
