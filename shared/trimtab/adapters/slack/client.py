"""`ports.Chat` over slack_sdk. A write is sent once; whoever does not hear the answer looks for the nonce."""

from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any, cast

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError

from trimtab.adapters.slack import protocol
from trimtab.errors import Refused, Upstream
from trimtab.ports import MessageRef
from trimtab.records import Json
from trimtab.settings import Settings

TIMEOUT_SECONDS = 10


@dataclass(frozen=True, slots=True)
class SlackChat:
    """One workspace, seen by one bot."""

    client: WebClient | None
    """None = no token is configured, and whoever wants to speak is refused."""

    @classmethod
    def of(cls, settings: Settings) -> "SlackChat":
        """The chat of a deployment."""
        token = settings.slack_token.get_secret_value() if settings.slack_token else ""
        return cls.at(settings.slack_url, token) if token else cls(None)

    @classmethod
    def at(cls, url: str, token: str) -> "SlackChat":
        """The chat behind an API URL."""
        # Without its own retry handlers: a post whose answer was lost must not be sent again.
        return cls(WebClient(token, base_url=protocol.check_url(url), timeout=TIMEOUT_SECONDS, retry_handlers=[]))

    def post(self, channel: str, blocks: Sequence[Json], text: str, nonce: str, thread: MessageRef | None = None) -> MessageRef:
        """Post a message that carries `nonce` in its metadata."""
        return protocol.ref_of(self._call("chat.postMessage", protocol.post(channel, blocks, text, nonce, thread)))

    def find(self, channel: str, nonce: str, thread: MessageRef | None = None) -> MessageRef | None:
        """The message that carries `nonce`, among the newest of the channel or thread."""
        cursor = ""
        for _ in range(protocol.MOST_PAGES):
            method, arguments = protocol.page(channel, thread, cursor)
            answer = self._call(method, arguments, reads=True)
            ref = protocol.found(answer, channel, nonce)
            cursor = protocol.next_cursor(answer)
            if ref or not cursor:
                return ref
        return None

    def update(self, ref: MessageRef, blocks: Sequence[Json], text: str) -> None:
        """Replace a message's content."""
        self._call("chat.update", protocol.update(ref, blocks, text))

    def _call(self, method: str, arguments: dict[str, Any], *, reads: bool = False) -> dict[str, Any]:
        if self.client is None:
            raise Refused("Slack: no token is configured; set TRIMTAB_SLACK_TOKEN")
        try:
            answer = self.client.api_call(method, params=arguments) if reads else self.client.api_call(method, json=arguments)
        except SlackApiError as error:
            given = error.response
            values = given.data if isinstance(given.data, dict) else {}
            raise protocol.refusal(method, given.status_code, values, dict(given.headers)) from None
        except (SlackClientError, OSError, HTTPException, ValueError) as error:
            raise Upstream(f"Slack: {method}: no answer: {type(error).__name__}") from None
        return cast("dict[str, Any]", answer.data)
