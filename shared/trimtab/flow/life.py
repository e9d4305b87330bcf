"""A proposal's folded state and the only way to change it: one ledger entry at a time, after reading the head."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from trimtab.errors import Broken
from trimtab.flow.codec import dump, load
from trimtab.lifecycle import Event, State, advance
from trimtab.ports import Ports
from trimtab.records import Approval, ClusterUid, CommitSha, Entry, Outcome, Proposal, ProposalId, Subject, Verdict

STREAMS = "proposals/"
ATTEMPTS = 8
"""How often a use case starts over because somebody else wrote first; more means that two are fighting."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PullRequestRef:
    """The pull request that is ours, as the ledger recorded it."""

    repo: str
    number: int
    url: str
    head: CommitSha
    about: str
    """What its text speaks of (`opening.spoken_of`): it is written anew when that moves, not whenever somebody judges."""
    is_closed: bool = False
    """True once what was turned down is closed, or found to be."""
    at: datetime | None = None
    """Since when `head` is its head; what was said of it before was said of another."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CardRef:
    """The one live Slack card, and what it says now."""

    channel: str
    ts: str
    digest: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Intent:
    """An effect announced and not yet seen to have happened; it is looked for by its nonce, never sent blindly again."""

    nonce: str
    about: str = ""
    by: str = ""
    """The function that announced it."""
    at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Memory:
    """What became of an earlier fingerprint."""

    fingerprint: str
    kind: str
    """rejected, snoozed, closed, rolled-back, merged, superseded."""
    at: datetime
    until: datetime | None = None
    by: str = ""
    reason: str = ""
    about: str = ""
    """Subject of the change, where several came together; "" = what the stream is about."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Life:
    """Everything a stream says, folded."""

    state: State = State.NEW
    generation: int = 0
    proposal: Proposal | None = None
    planned_at: datetime | None = None
    pull_request: PullRequestRef | None = None
    branch_head: CommitSha | None = None
    """The last commit we put on the branch; it outlives a generation."""
    card: CardRef | None = None
    verdict: Verdict | None = None
    approvals: tuple[Approval, ...] = ()
    merge_intent: Intent | None = None
    card_intent: Intent | None = None
    asked_at: datetime | None = None
    """Since when a decision is asked for; what nobody decides expires."""
    memory: tuple[Memory, ...] = ()
    merge_commit: CommitSha | None = None
    merged_at: datetime | None = None
    merged_by: str = ""
    answered: tuple[tuple[str, str], ...] = ()
    """(inbox key, what its sender was told) of decisions that are already here: the same click twice is one click and one answer."""
    outcome: Outcome | None = None
    gate: str = ""
    """What our check says, and of which commit (`gate.said`): it is published anew when that moves."""
    held: str = ""
    """The limit that keeps it from being planned again on a base that moved; "" = none does."""
    successor: str = ""
    """URL of the pull request that took the place of this one, once it was said there."""

    def planned(self) -> Proposal:
        """The proposal of a stream that has one."""
        if self.proposal is None:
            raise LookupError("a stream without a planned entry has no proposal")
        return self.proposal


class Moved(Exception):
    """Somebody else wrote to the stream: read the head and decide again."""


def proposal_id(repo: str, subject: Subject) -> ProposalId:
    """The id of everything that is ever proposed for this subject."""
    return ProposalId("prop-" + hashlib.sha256(f"{repo}|{subject}".encode()).hexdigest()[:12])


def group_id(repo: str, cluster: ClusterUid, path: str) -> ProposalId:
    """The id of everything that is ever proposed together for a cluster in this file; no subject has it."""
    return ProposalId("prop-" + hashlib.sha256(f"{repo}|{cluster}|file|{path}".encode()).hexdigest()[:12])


def remember(
    proposal: Proposal, kind: str, at: datetime, *, by: str, until: datetime | None = None, reason: str = ""
) -> tuple[Memory, ...]:
    """What became of a proposal, for each of its changes: what comes together is remembered apart."""
    return tuple(
        Memory(
            fingerprint=part.fingerprint,
            kind=kind,
            at=at,
            until=until,
            by=by,
            reason=reason,
            about=str(part.finding.subject) if proposal.members else "",
        )
        for part in proposal.parts
    )


def subject_of(memory: Memory, life: Life) -> str:
    """The subject that a memory is about."""
    return memory.about or str(life.planned().finding.subject)


def stream_of(proposal: str) -> str:
    """Where a proposal's life is written."""
    return STREAMS + proposal


def fold(entry: Entry | None) -> Life:
    """The life that a head entry carries."""
    return Life() if entry is None else load(Life, entry.state, f"streams/{entry.stream}/{entry.n}: state")


def lives(ports: Ports) -> dict[str, Life]:
    """Stream → life of every proposal that can be read; what cannot be read records nothing, and keeps no other from being known."""
    found = {}
    for stream, entry in sorted(ports.ledger.heads(STREAMS).items()):
        try:
            life = fold(entry)
        except Broken as error:
            ports.log.warning("stream.broken", stream=stream, input=str(error))
            continue
        if life.proposal:
            found[stream] = life
    return found


@dataclass(slots=True)
class Journal:
    """One stream in the hands of one use case: reads the head once, then writes entry after entry behind it."""

    ports: Ports
    stream: str
    actor: str
    now: datetime
    head: Entry | None
    life: Life

    @classmethod
    def open(cls, ports: Ports, proposal: str, actor: str, now: datetime) -> "Journal":
        """Read the head of a proposal's stream."""
        head = ports.ledger.head(stream_of(proposal))
        return cls(ports, stream_of(proposal), actor, now, head, fold(head))

    def move(self, event: Event, reason: str, *, actor: str = "", **changes: object) -> None:
        """Write an event that moves the state; `changes` are fields of Life. Raises Moved or, for an impossible move, Refused."""
        self._write(event.value, reason, actor, replace(self.life, state=advance(self.life.state, event), **changes))  # type: ignore[arg-type]

    def begin(self, event: Event, reason: str, life: Life) -> None:
        """Write an event that begins a life anew."""
        self._write(event.value, reason, "", replace(life, state=advance(self.life.state, event)))

    def note(self, kind: str, reason: str, *, actor: str = "", **changes: object) -> None:
        """Write an entry that moves no state."""
        self._write(kind, reason, actor, replace(self.life, **changes))  # type: ignore[arg-type]

    def _write(self, kind: str, reason: str, actor: str, life: Life) -> None:
        entry = self.ports.ledger.append(
            self.stream, self.head, kind=kind, at=self.now, actor=actor or self.actor, reason=reason, body={}, state=dump(life)
        )
        if entry is None:
            raise Moved(self.stream)
        self.head, self.life = entry, life
        self.ports.log.info("proposal", kind=kind, stream=self.stream, n=entry.n, actor=entry.actor, reason=reason)

    def nonce(self, effect: str) -> str:
        """The mark of the effect announced by the next entry: nobody else can write that entry, so nobody else has it."""
        place = f"{self.stream}/{(self.head.n if self.head else -1) + 1}/{self.head.hash if self.head else ''}/{effect}"
        return hashlib.sha256(place.encode()).hexdigest()[:20]

    @property
    def anchor(self) -> str:
        """Where the record stands, for commits and checks to carry: `<stream>/<n> <hash>`."""
        return f"{self.stream}/{self.head.n} {self.head.hash}" if self.head else self.stream


def until_settled(step: Callable[[], str]) -> str:
    """Run a use case again from the head whenever somebody else wrote first."""
    for _ in range(ATTEMPTS):
        try:
            return step()
        except Moved:
            continue
    raise Moved(f"gave up after {ATTEMPTS} tries: another writer is always first")
