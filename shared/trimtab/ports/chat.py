"""Whom we can speak to: in Slack, by e-mail, in Teams, by tickets."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from trimtab.records import ChangeRequest, Json


@dataclass(frozen=True, slots=True)
class MessageRef:
    """Where a message stands."""

    channel: str
    ts: str


class Chat(Protocol):
    """Slack, as far as we speak."""

    @property
    def is_configured(self) -> bool:
        """False = there is no Slack here, and whoever speaks is refused."""

    def post(self, channel: str, blocks: Sequence[Json], text: str, nonce: str, thread: MessageRef | None = None) -> MessageRef:
        """Post a message that carries `nonce` in its metadata. Sent once; a 429 is Upstream."""

    def find(self, channel: str, nonce: str, thread: MessageRef | None = None) -> MessageRef | None:
        """The message that carries `nonce`, after a crash between sending and recording; of several the first."""

    def update(self, ref: MessageRef, blocks: Sequence[Json], text: str) -> None:
        """Replace a message's content; idempotent."""

    def withdraw(self, ref: MessageRef) -> None:
        """Take a message of ours back. Raises Gone where it is not there any more."""

    def account(self, user: str) -> Literal["active", "guest", "external", "bot", "gone"] | None:
        """How an account stands in the workspace; None = Slack does not say."""

    def members(self, group: str) -> tuple[str, ...] | None:
        """User ids of a user group ("S0123ABC"), sorted; None = there is none."""

    def user_of(self, email: str) -> str | None:
        """The user id behind an e-mail address, or None."""

    def direct(self, user: str) -> str:
        """The channel in which only that user reads us."""


class Mail(Protocol):
    """E-mail, for owners who are not in Slack."""

    @property
    def is_configured(self) -> bool:
        """False = whoever sends is refused."""

    def send(self, to: str, subject: str, text: str, nonce: str) -> None:
        """Send one plain-text message, once; `nonce` is its Message-ID, so that a mailbox shows a repeated one once."""


class Webhooks(Protocol):
    """Workflow webhooks of Microsoft Teams, by name; their URLs are secrets."""

    def names(self) -> tuple[str, ...]:
        """Those that the deployment has."""

    def post(self, name: str, card: Json) -> None:
        """Post one Adaptive Card. Sent once; nothing can be read back. Raises Refused for a name that is not there."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ticket:
    """A ticket as its own system knows it."""

    key: str
    url: str
    is_open: bool


class Tickets(Protocol):
    """Jira or ServiceNow, as far as we write there."""

    @property
    def system(self) -> str:
        """Which of the two: jira, servicenow."""

    def find(self, correlation: str) -> Ticket | None:
        """The ticket that carries our mark."""

    def open(self, correlation: str, *, project: str, title: str, text: str) -> Ticket:
        """Open one with our mark in it; sent once."""

    def change_request(self, correlation: str) -> ChangeRequest | None:
        """The change request that names this proposal; None = there is none, or the system has no such thing."""
