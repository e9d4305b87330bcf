"""A proposal's folded state and the only way to change it: one ledger entry at a time, after reading the head."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache

from trimtab.errors import Broken
from trimtab.flow.basis import Basis, carried, keep, words_of
from trimtab.flow.codec import dump, load
from trimtab.lifecycle import Event, State, advance
from trimtab.ports import Ports
from trimtab.records import (
    Approval,
    ChangeRequest,
    ClusterUid,
    CommitSha,
    Entry,
    Json,
    Outcome,
    PersonId,
    Proposal,
    ProposalId,
    Subject,
    Verdict,
)

STREAMS = "proposals/"
NEWS = frozenset(
    (
        "voided", "refused", "merged", "applied", "not-applied", "verified", "regressed", "rolled-back",
        "expired", "human-commit", "closed-by-human", "superseded", "failed", "inconclusive", "rolling-back", "not-rolled-back",
    )
)  # fmt: skip
"""Kinds of entries that the thread of a card hears of."""
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
class News:
    """Something that the card's thread should hear and has not heard yet."""

    kind: str
    """Of the entry that says it."""
    reason: str
    by: str
    at: datetime
    nonce: str
    """Carried by the message, and looked for before it is sent."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Retired:
    """A card of an earlier generation that Slack did not take the end of; it still has its buttons."""

    card: CardRef
    title: str
    ended: str
    url: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Adjusted:
    """The value that a person asked for instead of the proposed one; later runs keep it for the same wish."""

    fingerprint: str
    value: int
    by: PersonId
    at: datetime


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
    news: tuple[News, ...] = ()
    """What the card's thread is still to be told, oldest first."""
    retired: tuple[Retired, ...] = ()
    adjusted: Adjusted | None = None
    applied_at: datetime | None = None
    """When Palette was first seen to show what was merged."""
    waited_before: tuple[tuple[str, int], ...] = ()
    """(what a change is about, pods that waited for a place there) at the merge, in the newest measured hour; else nobody knew."""
    trouble_before: str = ""
    """What Palette itself called broken at the merge; "" = nothing, or it did not say."""
    signals_before: tuple[tuple[str, float], ...] | None = None
    """(signal, the worst that lasted) on the day before it was applied, from the cluster's metrics; None = not read yet."""
    bad_looks: tuple[str, ...] = ()
    """Times of the looks that were bad, one after the other; a good one forgets them."""
    regression: str = ""
    """What got worse after it was applied, and is to be undone; "" = nothing did."""
    undo_asked_by: PersonId | None = None
    """Who asked for it to be undone, the first one; None = nobody did."""
    change_request: ChangeRequest | None = None
    """The tenant's change request that it was merged with, as it was then."""
    refused: str = ""
    """Why it was not merged although everybody asked for has said yes, as it was last told; "" = nobody was told so."""

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


def rollback_id(proposal: Proposal) -> ProposalId:
    """The id of everything that ever undoes changes of this stream: a rollback has a life, a branch and a pull request of its own."""
    what = proposal.id if proposal.members else str(proposal.finding.subject)
    return ProposalId("prop-" + hashlib.sha256(f"{proposal.place.repo}|{what}|rollback".encode()).hexdigest()[:12])


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
    return Life() if entry is None else _folded(_Head(entry))


@dataclass(frozen=True, slots=True, eq=False)
class _Head:
    """This very entry: a ledger that read it once hands it out again, and every judgement asks for all of them."""

    entry: Entry

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Head) and self.entry is other.entry

    def __hash__(self) -> int:
        return id(self.entry)


@lru_cache(maxsize=4096)
def _folded(head: _Head) -> Life:
    return load(Life, head.entry.state, f"streams/{head.entry.stream}/{head.entry.n}: state")


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
    rests_on: Json
    """What the newest judgement on record was made from, as `basis.keep` says it."""
    basis: Basis | None = None
    """A judgement that no entry was written on yet."""
    is_judged: bool = False
    """This use case wrote on a judgement of its own."""

    @classmethod
    def open(cls, ports: Ports, proposal: str, actor: str, now: datetime) -> "Journal":
        """Read the head of a proposal's stream."""
        head = ports.ledger.head(stream_of(proposal))
        return cls(ports, stream_of(proposal), actor, now, head, fold(head), carried(head))

    def move(self, event: Event, reason: str, *, actor: str = "", **changes: object) -> None:
        """Write an event that moves the state; `changes` are fields of Life. Raises Moved or, for an impossible move, Refused."""
        self._write(event.value, reason, actor, replace(self.life, state=advance(self.life.state, event), **changes))  # type: ignore[arg-type]

    def begin(self, event: Event, reason: str, life: Life) -> None:
        """Write an event that begins a life anew: nobody has judged it yet."""
        self.basis, self.is_judged = None, False
        self._write(event.value, reason, "", replace(life, state=advance(self.life.state, event)))

    def note(self, kind: str, reason: str, *, actor: str = "", **changes: object) -> None:
        """Write an entry that moves no state."""
        self._write(kind, reason, actor, replace(self.life, **changes))  # type: ignore[arg-type]

    def _write(self, kind: str, reason: str, actor: str, life: Life) -> None:
        life = self._with_news(kind, reason, actor, life)
        body = {
            **self._ground_for(life),
            "words": words_of(life.verdict),
            "head": life.pull_request.head if life.pull_request else life.branch_head or "",
            **({"correlation": self.ports.correlation} if self.ports.correlation else {}),
        }
        entry = self.ports.ledger.append(
            self.stream, self.head, kind=kind, at=self.now, actor=actor or self.actor, reason=reason, body=body, state=dump(life)
        )
        if entry is None:
            raise Moved(self.stream)
        self.head, self.life = entry, life
        self._log(entry)

    def _log(self, entry: Entry) -> None:
        """The one line of a decision."""
        ref = self.life.pull_request
        self.ports.log.info(
            "proposal",
            kind=entry.kind,
            proposal=self.stream.removeprefix(STREAMS),
            n=entry.n,
            state=self.life.state,
            actor=entry.actor,
            repo=ref.repo if ref else "",
            pull_request=ref.number if ref else None,
            input=entry.reason,
        )

    def _with_news(self, kind: str, reason: str, actor: str, life: Life) -> Life:
        """What the thread of the card should hear of this entry, if there is a card: it is told by whoever looks next."""
        heard = self._heard_as(kind, life)
        if life.card is None or not heard:
            return life
        news = News(kind=heard, reason=reason, by=actor or self.actor, at=self.now, nonce=self.nonce("news"))
        return replace(life, news=(*life.news, news))

    def _heard_as(self, kind: str, life: Life) -> str:
        """A plan made anew is news where somebody asked for it, or where it takes approvals away; "" = no news."""
        if kind == Event.REPLANNED and life.adjusted != self.life.adjusted:
            return "adjusted" if life.adjusted else "replanned"
        if kind == Event.REPLANNED:
            return kind if self.life.approvals else ""
        return kind if kind in NEWS else ""

    def _ground_for(self, life: Life) -> Json:
        """What an entry rests on: the judgement made just now, else the one on record, as long as the plan that it was about stands."""
        if self.basis is not None:
            self.rests_on, self.basis, self.is_judged = keep(self.basis, self.ports), None, True
        return self.rests_on if self.is_judged or life.verdict is not None else {}

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
