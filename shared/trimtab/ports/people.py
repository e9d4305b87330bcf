"""Who somebody is: behind the record's keys, and behind a token."""

from typing import Protocol

from trimtab.records import PersonId


class People(Protocol):
    """Who is behind the random keys that the record uses for people; each can be forgotten."""

    def key_of(self, name: str) -> PersonId:
        """What the record calls the person whom owners.yaml calls so; made when first asked."""

    def find(self, name: str) -> PersonId | None:
        """The same where it was made already; None = the record knows nobody of that name."""

    def mark(self, name: str, text: str) -> str:
        """A digest of `text` that nobody can guess back without what is kept of that person."""

    def named(self, text: str) -> str:
        """The text with people's names for their keys; whoever was erased keeps the key."""

    def erase(self, name: str) -> PersonId | None:
        """Forget who that was; the key that stays behind, or None where nobody of that name was known."""


class TokenKeys(Protocol):
    """The public keys that a directory signs its tokens with."""

    def published(self) -> bytes:
        """The JSON Web Key Set. Raises Upstream where it cannot be had."""
