"""Ports that live in memory, for tests and for trying things out: they keep what they are given and say what they were told to say."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import count
from typing import Literal

from trimtab.errors import Gone, Refused
from trimtab.ports import MessageRef
from trimtab.records import (
    AuditEntry,
    Cluster,
    ClusterUid,
    Estimate,
    Json,
    MeasuredUse,
    Pool,
    PrivateRate,
    ProjectUid,
    Quota,
    Refusal,
)

ChatAccount = Literal["active", "guest", "external", "bot", "gone"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """One message as it stands now."""

    ref: MessageRef
    blocks: tuple[Json, ...]
    text: str
    nonce: str
    thread: MessageRef | None = None


@dataclass(slots=True)
class MemoryChat:
    """A chat whose channels all exist, unless they are named as closed."""

    messages: list[Message] = field(default_factory=list)
    closed: frozenset[str] = frozenset()
    accounts: dict[str, ChatAccount | None] = field(default_factory=dict)
    """Those that are not active, by user id."""
    groups: dict[str, tuple[str, ...]] = field(default_factory=dict)
    emails: dict[str, str] = field(default_factory=dict)
    is_configured: bool = True
    _times: Iterator[int] = field(default_factory=lambda: count(1_700_000_000), repr=False)

    def post(self, channel: str, blocks: Sequence[Json], text: str, nonce: str, thread: MessageRef | None = None) -> MessageRef:
        """Keep a message; its number is its time stamp."""
        self._open(channel)
        ref = MessageRef(channel, f"{next(self._times)}.000100")
        self.messages.append(Message(ref=ref, blocks=tuple(blocks), text=text, nonce=nonce, thread=thread))
        return ref

    def find(self, channel: str, nonce: str, thread: MessageRef | None = None) -> MessageRef | None:
        """The message that carries the nonce."""
        self._open(channel)
        found = (message for message in self.messages if message.nonce == nonce and message.thread == thread)
        return next((message.ref for message in found if message.ref.channel == channel), None)

    def update(self, ref: MessageRef, blocks: Sequence[Json], text: str) -> None:
        """Replace a message's content."""
        place = self._place(ref)
        self.messages[place] = replace(self.messages[place], blocks=tuple(blocks), text=text)

    def withdraw(self, ref: MessageRef) -> None:
        """Forget a message."""
        del self.messages[self._place(ref)]

    def account(self, user: str) -> ChatAccount | None:
        """What it was told, else active."""
        return self.accounts.get(user, "active")

    def members(self, group: str) -> tuple[str, ...] | None:
        """What it was told."""
        return self.groups.get(group)

    def user_of(self, email: str) -> str | None:
        """What it was told."""
        return self.emails.get(email)

    def direct(self, user: str) -> str:
        """A channel named like the user."""
        return f"D{user[1:]}"

    def _place(self, ref: MessageRef) -> int:
        self._open(ref.channel)
        place = next((place for place, message in enumerate(self.messages) if message.ref == ref), None)
        if place is None:
            raise Gone(f"no message {ref.ts} in {ref.channel}")
        return place

    def _open(self, channel: str) -> None:
        if channel in self.closed:
            raise Refused(f"channel {channel} is closed")


@dataclass(frozen=True, slots=True)
class Letter:
    """One e-mail as it was sent."""

    to: str
    subject: str
    text: str
    nonce: str


@dataclass(slots=True)
class MemoryMail:
    """A mail server that takes everything, unless an address is named as refused."""

    letters: list[Letter] = field(default_factory=list)
    refused: frozenset[str] = frozenset()
    is_configured: bool = True

    def send(self, to: str, subject: str, text: str, nonce: str) -> None:
        """Keep it."""
        if to in self.refused:
            raise Refused(f"mail: {to} is refused")
        self.letters.append(Letter(to, subject, text, nonce))


@dataclass(slots=True)
class MemoryWebhooks:
    """Microsoft Teams, as far as a webhook shows it: cards go in, and nothing comes back."""

    known: tuple[str, ...] = ()
    cards: list[tuple[str, Json]] = field(default_factory=list)

    def names(self) -> tuple[str, ...]:
        """Those that it was given."""
        return self.known

    def post(self, name: str, card: Json) -> None:
        """Keep it."""
        if name not in self.known:
            raise Refused(f"Teams: no webhook {name}")
        self.cards.append((name, card))


@dataclass(slots=True)
class MemoryPalette:
    """The clusters that it was given, and what else was said of them."""

    known: tuple[Cluster, ...]
    others: tuple[Refusal, ...] = ()
    limits: tuple[Quota, ...] = ()
    estimates: Callable[[ClusterUid, Sequence[Pool]], Estimate | None] = lambda _uid, _pools: None
    rates: tuple[PrivateRate, ...] = ()
    uses: tuple[MeasuredUse, ...] = ()
    trail: tuple[AuditEntry, ...] = ()
    annotations: dict[str, dict[str, str]] = field(default_factory=dict)

    def listed(self) -> dict[ClusterUid, str]:
        """All of them, and those that are left alone."""
        return {cluster.uid: cluster.name for cluster in self.known} | {other.cluster_uid: other.cluster_uid for other in self.others}

    def projects(self) -> dict[ClusterUid, ProjectUid]:
        """Of all that it has a whole cluster of."""
        return {cluster.uid: cluster.project_uid for cluster in self.known}

    def clusters(self) -> tuple[Cluster, ...]:
        """All of them."""
        return self.known

    def cluster(self, uid: ClusterUid) -> Cluster | None:
        """One of them."""
        return next((cluster for cluster in self.known if cluster.uid == uid), None)

    def look(self, uid: ClusterUid) -> Cluster | Refusal | None:
        """One of them, or why it is left alone."""
        return self.cluster(uid) or next((other for other in self.others if other.cluster_uid == uid), None)

    def left_alone(self) -> tuple[Refusal, ...]:
        """What it was told to leave alone."""
        return self.others

    def quotas(self, uid: ClusterUid) -> tuple[Quota, ...]:
        """Those of the cluster."""
        return tuple(quota for quota in self.limits if quota.cluster_uid == uid)

    def estimate(self, uid: ClusterUid, pools: Sequence[Pool]) -> Estimate | None:
        """What it was told to answer."""
        return self.estimates(uid, pools)

    def private_rates(self, currency: str) -> tuple[PrivateRate, ...]:
        """All of them, in that currency."""
        return tuple(replace(rate, currency=currency) for rate in self.rates)

    def measured(self, uid: ClusterUid, start: datetime, end: datetime) -> tuple[MeasuredUse, ...]:
        """What lies in the time; it knows one cluster's use."""
        return tuple(use for use in self.uses if start <= use.hour < end and self.cluster(uid))

    def audits(self, since: datetime, until: datetime) -> tuple[AuditEntry, ...]:
        """What lies between the times."""
        return tuple(entry for entry in self.trail if since <= entry.at <= until)

    def annotate(self, uid: ClusterUid, values: Mapping[str, str | None]) -> bool:
        """Keep them."""
        before = self.annotations.get(uid, {})
        after = {name: value for name, value in {**before, **values}.items() if value is not None}
        self.annotations[uid] = after
        return after != before


@dataclass(slots=True)
class MemoryLog:
    """What was said, in order."""

    said: list[tuple[str, dict[str, object]]] = field(default_factory=list)

    def info(self, event: str, **values: object) -> None:
        """One decision."""
        self.said.append((event, values))

    def warning(self, event: str, **values: object) -> None:
        """Something a person should look at."""
        self.said.append((event, values))
