"""Decisions of people: who somebody is elsewhere, what was clicked, and what it binds to."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from trimtab.records.names import CommitSha, PersonId, ProposalId
from trimtab.records.verdicts import Tier


@dataclass(frozen=True, kw_only=True, slots=True)
class Binding:
    """Everything an approval is bound to; when one of these moves, the approval is void and the moved one is named."""

    repo: str
    pull_request: int
    base_ref: str
    head: CommitSha
    semantic_digest: str
    base_blobs: tuple[tuple[str, str], ...]
    policy_version: str
    tier: Tier
    rollback: tuple[tuple[str, str], ...]
    """(field, old value) pairs that a rollback would restore."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Click:
    """A button pressed in Slack, as its signed request says it."""

    action: Literal["approve", "reject", "snooze", "evidence", "adjust", "acknowledge"]
    proposal: ProposalId
    """What the button is about; of an alert's `acknowledge`, the alert's key."""
    user: str
    """Slack user id."""
    channel: str
    message_ts: str
    reason: str = ""
    """Of a rejection: the chosen option's value."""
    head: str = ""
    """Head commit that the card showed; a click for another commit does not count."""
    value: str = ""
    """Of an adjustment: the value wanted instead."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """One person: one Slack id, one forge login."""

    id: PersonId
    """What the record calls them: a random key where the deployment keeps names apart, else what owners.yaml says."""
    slack: str
    forge: str
    name: str = ""
    """What owners.yaml calls them, where `id` is another word for it."""

    @property
    def called(self) -> str:
        """The name in owners.yaml."""
        return self.name or self.id


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """Whether a person's two accounts may decide, read now. None = not known, and whoever is not known decides nothing."""

    person: PersonId
    slack: Literal["active", "guest", "external", "bot", "gone"] | None
    forge: Literal["active", "bot", "gone"] | None
    is_confirmed: bool
    """Both accounts have said that they are one person."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PeopleGroup:
    """Who is in a group of another system right now: "github:acme/platform", "gitlab:acme/platform", "slack:S0123ABC"."""

    name: str
    people: tuple[PersonId, ...]
    """Those of its members whom owners.yaml knows, sorted."""
    problem: str = ""
    """Why nobody can be named: it could not be read, or is not there; "" = it was read."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ChangeRequest:
    """A change request in the tenant's own system (ServiceNow), found by the proposal's id."""

    number: str
    state: str
    """Its own word, in lower case: new, assess, authorize, scheduled, implement, review, closed, canceled."""
    approval: str
    """requested, approved, rejected …; "" = it does not say."""
    url: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Undoing:
    """What a rollback undoes, and what was agreed on in advance when that was approved."""

    proposal: ProposalId
    generation: int
    merged_at: datetime
    tier: Tier
    """What the forward change needed."""
    approvals: tuple["Approval", ...]
    """Those it was merged with that still prove themselves, read again now; each is bound to the values that a rollback restores."""
    rollback: tuple[tuple[str, str], ...]
    """(field, value) pairs that it restores, as `Binding.rollback` writes them."""
    was_undone: bool
    """It was rolled back once already."""
    reason: str
    """What regressed, in one sentence."""
    change_request: ChangeRequest | None = None
    """The approved one that the forward change was merged with, as it is now; None = there was none, or it was not read."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Approval:
    """One person's yes, and what it was bound to when it was given."""

    person: PersonId
    via: Literal["slack", "forge"]
    at: datetime
    binding: Binding
    key: str = ""
    """Inbox key of the signed request it came in, which is verified again whenever the yes counts; a review has none, it is read again."""
