"""Dead letters in Pub/Sub, which has no way back: a letter is published again to the topic that it came by.

Only for a person's `trimtab replay`; no function's account may do this.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from trimtab.adapters import http
from trimtab.adapters.gcp.identity import GoogleIdentity
from trimtab.errors import Upstream
from trimtab.ports import DeadLetter

HOST = "pubsub.googleapis.com"
SCOPE = "https://www.googleapis.com/auth/pubsub"
ADDED = "CloudPubSubDeadLetterSource"
"""What the names of attributes begin with that Pub/Sub adds to a dead letter; a notice with them would be another notice."""
PUBLISHED = f"{ADDED}TopicPublishTime"


@dataclass(frozen=True, kw_only=True, slots=True)
class GoogleDeadLetters:
    """Port DeadLetters by Pub/Sub's REST API."""

    prefix: str
    project: str
    tenant: str
    client: httpx.Client
    auth: httpx.Auth

    def letters(self, function: str) -> Iterator[DeadLetter]:
        """Each that waits. Raises Upstream where Google refuses or fails."""
        seen: set[str] = set()
        # One that we left alone comes again after a while; then we were through.
        while new := [each for each in self._pulled(function) if each["message"]["messageId"] not in seen]:
            seen |= {each["message"]["messageId"] for each in new}
            for each in new:
                yield DeadLetter(function=function, event={"message": _as_it_was(each["message"])}, receipt=each["ackId"])

    def hand_back(self, letter: DeadLetter) -> None:
        """To the topic that its function hears."""
        message = {name: value for name, value in letter.event["message"].items() if name in ("data", "attributes")}
        self._post(f"projects/{self.project}/topics/{self.prefix}-{self._topic(letter)}:publish", {"messages": [message]})
        self.take_away(letter)

    def take_away(self, letter: DeadLetter) -> None:
        """Acknowledge it."""
        self._post(f"{self._dead(letter.function)}:acknowledge", {"ackIds": [letter.receipt]})

    def _pulled(self, function: str) -> list[dict[str, Any]]:
        answer = self._post(f"{self._dead(function)}:pull", {"maxMessages": 100, "returnImmediately": True})
        return list(answer.get("receivedMessages", []))

    def _dead(self, function: str) -> str:
        return f"projects/{self.project}/subscriptions/{self.prefix}-{function}-dead"

    def _topic(self, letter: DeadLetter) -> str:
        """As infra/terraform/gcp names them; a test holds the two together."""
        attributes = letter.event["message"].get("attributes", {})
        if "objectId" in attributes:
            return "inbox" if f"/{self.tenant}/inbox/" in f"/{attributes['objectId']}" else "drops"
        return "notices" if "budgetId" in attributes else f"{letter.function}-clock"

    def _post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        answer = self.client.post(f"https://{HOST}/v1/{path}", json=body, auth=self.auth)
        if answer.status_code != httpx.codes.OK:
            raise Upstream(
                f"Google Cloud: {path}: {answer.status_code}; an operator of the deployment may do this (`operators` in Terraform)"
            )
        found: dict[str, Any] = answer.json()
        return found


def _as_it_was(message: Mapping[str, Any]) -> dict[str, Any]:
    """Without what Pub/Sub wrote on it when it died."""
    attributes = message.get("attributes", {})
    kept = {name: value for name, value in attributes.items() if not name.startswith(ADDED)}
    return {**message, "attributes": kept, "publishTime": attributes.get(PUBLISHED, message.get("publishTime"))}


def google_dead_letters(prefix: str, project: str, tenant: str) -> GoogleDeadLetters:
    """With the identity that google-auth finds."""
    auth = GoogleIdentity(scope=SCOPE, needs="to be an operator of the deployment")
    return GoogleDeadLetters(prefix=prefix, project=project, tenant=tenant, client=http.client([HOST]), auth=auth)
