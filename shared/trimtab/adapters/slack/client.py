"""`ports.Chat` over slack_sdk. A write is sent once; whoever does not hear the answer looks for the nonce."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any, cast

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError

from trimtab.adapters.slack import people, protocol
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
    _workspace: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)
    """What auth.test says, asked once."""

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

    @property
    def is_configured(self) -> bool:
        """False = no token is configured."""
        return self.client is not None

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

    def withdraw(self, ref: MessageRef) -> None:
        """Take a message of ours back."""
        self._call("chat.delete", {"channel": ref.channel, "ts": ref.ts})

    def account(self, user: str) -> people.Account | None:
        """How an account stands in the workspace; None = Slack does not say, or there is no Slack."""
        if self.client is None:
            return None
        try:
            answer = self._call("users.info", {"user": user}, reads=True)
        except people.Nobody:
            return "gone"
        except people.Untold:
            return None
        if not self._workspace:
            self._workspace.update(self._call("auth.test", {}, reads=True))
        return people.account_of(answer, self._workspace)

    def members(self, group: str) -> tuple[str, ...] | None:
        """User ids of a user group, sorted; None = there is none. Refused where the app may not read them."""
        try:
            return people.members_of(self._call("usergroups.users.list", {"usergroup": group}, reads=True))
        except people.Nobody:
            return None

    def user_of(self, email: str) -> str | None:
        """The user id behind an e-mail address, or None. Refused where the app may not read them."""
        try:
            return people.id_of(self._call("users.lookupByEmail", {"email": email}, reads=True)) or None
        except people.Nobody:
            return None

    def direct(self, user: str) -> str:
        """The channel in which only that user reads us; it is opened where there is none yet."""
        return people.channel_of(self._call("conversations.open", {"users": user}))

    def _call(self, method: str, arguments: dict[str, Any], *, reads: bool = False) -> dict[str, Any]:
        if self.client is None:
            raise Refused("Slack: no token is configured; set TRIMTAB_SLACK_TOKEN")
        try:
            answer = self.client.api_call(method, params=arguments) if reads else self.client.api_call(method, json=arguments)
        except SlackApiError as error:
            given = error.response
            values = given.data if isinstance(given.data, dict) else {}
            about_people = people.refusal(method, str(values.get("error")))
            raise about_people or protocol.refusal(method, given.status_code, values, dict(given.headers)) from None
        except (SlackClientError, OSError, HTTPException, ValueError) as error:
            raise Upstream(f"Slack: {method}: no answer: {type(error).__name__}") from None
        return cast("dict[str, Any]", answer.data)
