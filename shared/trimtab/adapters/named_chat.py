"""A chat to which people are called by their names: what is kept has keys for them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast

from trimtab.ports import Chat, MessageRef, People
from trimtab.records import Json


@dataclass(frozen=True, slots=True)
class NamedChat:
    """Everything that is said goes out with names."""

    chat: Chat
    people: People

    @property
    def is_configured(self) -> bool:
        """False = there is no Slack here."""
        return self.chat.is_configured

    def post(self, channel: str, blocks: Sequence[Json], text: str, nonce: str, thread: MessageRef | None = None) -> MessageRef:
        """Post a message that carries `nonce` in its metadata."""
        return self.chat.post(channel, self._blocks(blocks), self.people.named(text), nonce, thread)

    def find(self, channel: str, nonce: str, thread: MessageRef | None = None) -> MessageRef | None:
        """The message that carries `nonce`."""
        return self.chat.find(channel, nonce, thread)

    def update(self, ref: MessageRef, blocks: Sequence[Json], text: str) -> None:
        """Replace a message's content."""
        self.chat.update(ref, self._blocks(blocks), self.people.named(text))

    def withdraw(self, ref: MessageRef) -> None:
        """Take a message of ours back."""
        self.chat.withdraw(ref)

    def account(self, user: str) -> Literal["active", "guest", "external", "bot", "gone"] | None:
        """How an account stands in the workspace."""
        return self.chat.account(user)

    def members(self, group: str) -> tuple[str, ...] | None:
        """User ids of a user group."""
        return self.chat.members(group)

    def user_of(self, email: str) -> str | None:
        """The user id behind an e-mail address."""
        return self.chat.user_of(email)

    def direct(self, user: str) -> str:
        """The channel in which only that user reads us."""
        return self.chat.direct(user)

    def _blocks(self, blocks: Sequence[Json]) -> Sequence[Json]:
        text = json.dumps(list(blocks))
        named = self.people.named(text)
        return blocks if named == text else cast("list[Json]", json.loads(named))
