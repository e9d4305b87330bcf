"""Microsoft Teams by workflow webhooks ("When a Teams webhook request is received"): one Adaptive Card at a time, and no way to look back.

A webhook's URL is its secret: it goes to its own host and stands in no message and no log.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

import httpx
from pydantic import TypeAdapter, ValidationError

from trimtab.adapters.http import client_for, host_of
from trimtab.errors import BadInput, Overloaded, Refused, TrimtabError, Upstream
from trimtab.records import Json
from trimtab.settings import Settings

LARGEST = 28 * 1024
"""Bytes that Teams takes as one message."""


@dataclass(frozen=True, slots=True)
class TeamsWebhooks:
    """The webhooks of a deployment, by name."""

    urls: Mapping[str, str]
    settings: Settings
    transport: httpx.BaseTransport | None = None

    @classmethod
    def of(cls, settings: Settings, transport: httpx.BaseTransport | None = None) -> "TeamsWebhooks":
        """Those of TRIMTAB_TEAMS_WEBHOOKS, a JSON object of names and URLs. Raises BadInput that repeats none of it."""
        text = settings.teams_webhooks.get_secret_value() if settings.teams_webhooks else "{}"
        try:
            urls = TypeAdapter(dict[str, str]).validate_json(text)
        except ValidationError:
            raise BadInput("TRIMTAB_TEAMS_WEBHOOKS: expected a JSON object of names and URLs") from None
        return cls(urls, settings, transport)

    def names(self) -> tuple[str, ...]:
        """Those that the deployment has."""
        return tuple(sorted(self.urls))

    def post(self, name: str, card: Json) -> None:
        """Post one card. Raises Overloaded only where it was certainly not taken."""
        if name not in self.urls:
            raise Refused(f"Teams: no webhook is called {name!a}; there are {', '.join(self.names()) or 'none'}")
        body = message(card)
        try:
            with client_for(self.urls[name], self.settings, self.transport) as http:
                answer = http.post(self.urls[name], content=body, headers={"content-type": "application/json"})
        except Overloaded as error:
            # No answer in time: the card may be there.
            raise Upstream(str(error)) from None
        if answer.status_code not in {200, 202}:
            raise refusal(name, host_of(self.urls[name]), answer.status_code)


def message(card: Json) -> bytes:
    """The request that a workflow takes. Raises BadInput for a card that Teams would cut off."""
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    body = json.dumps({"type": "message", "attachments": [attachment]}).encode()
    if len(body) > LARGEST:
        raise BadInput(f"Teams: a card of {len(body)} bytes; at most {LARGEST} are taken")
    return body


def refusal(name: str, host: str, status: int) -> TrimtabError:
    """The error for an answer that takes nothing."""
    if status == 429:
        return Overloaded(f"Teams: {host}: too many calls of {name!a}; again later")
    if 400 <= status < 500:
        return Refused(f"Teams: {host}: {status} for webhook {name!a}; make the workflow anew and change its URL in the secret")
    return Upstream(f"Teams: {host}: {status} for webhook {name!a}")
