"""A proposal's life as one table: which event may happen in which state, and what it leads to.

The ledger stores the events; folding them with `advance` gives the state, so every reader agrees. Nothing here does I/O. Trimtab's own
way to `merged` is through `merging`, which is only entered from `approved`; else a person merged on the forge (a property test walks both).
"""

from collections.abc import Mapping
from enum import StrEnum

from trimtab.errors import Refused


class State(StrEnum):
    """Where a proposal stands."""

    NEW = "new"
    PLANNED = "planned"
    OPEN = "open"
    AWAITING = "awaiting-approval"
    APPROVED = "approved"
    MERGING = "merging"
    MERGED = "merged"
    APPLIED = "applied"
    VERIFIED = "verified"
    ROLLED_BACK = "rolled-back"
    REJECTED = "rejected"
    SNOOZED = "snoozed"
    IGNORED = "ignored"
    SUPERSEDED = "superseded"
    HUMAN_OWNED = "human-owned"
    EXPIRED = "expired"
    FAILED = "failed"


class Event(StrEnum):
    """What can happen to a proposal; intents and outcomes of effects are entries too, but move no state."""

    PLANNED = "planned"
    REPLANNED = "replanned"
    OPENED = "opened"
    ASKED = "asked"
    APPROVED = "approved"
    AUTO_APPROVED = "auto-approved"
    VOIDED = "voided"
    REJECTED = "rejected"
    SNOOZED = "snoozed"
    MERGING = "merging"
    MERGE_REFUSED = "merge-refused"
    MERGED = "merged"
    APPLIED = "applied"
    VERIFIED = "verified"
    REGRESSED = "regressed"
    ROLLED_BACK = "rolled-back"
    CLOSED_BY_HUMAN = "closed-by-human"
    SUPERSEDED = "superseded"
    HUMAN_COMMIT = "human-commit"
    EXPIRED = "expired"
    FAILED = "failed"


_WAITING = (State.OPEN, State.AWAITING, State.APPROVED)
_ON_FORGE = (State.PLANNED, *_WAITING, State.EXPIRED)
"""While a pull request may be open; a planned one is when it is planned again, and people may act on it then too."""
_TURNED_DOWN = (State.REJECTED, State.SNOOZED, State.SUPERSEDED)
_ENDED = (State.VERIFIED, State.ROLLED_BACK, State.REJECTED, State.SNOOZED, State.IGNORED, State.SUPERSEDED, State.FAILED)

TABLE: Mapping[Event, tuple[tuple[State, ...], State]] = {
    # A new proposal for a subject begins after the old one ended; `flow/` decides whether its memory allows that.
    Event.PLANNED: ((State.NEW, *_ENDED), State.PLANNED),
    Event.REPLANNED: (_ON_FORGE, State.PLANNED),
    Event.OPENED: ((State.PLANNED,), State.OPEN),
    Event.ASKED: ((State.OPEN, State.EXPIRED), State.AWAITING),
    Event.APPROVED: ((State.AWAITING, State.OPEN), State.APPROVED),
    Event.AUTO_APPROVED: ((State.OPEN, State.AWAITING), State.APPROVED),
    Event.VOIDED: ((State.OPEN, State.AWAITING, State.APPROVED), State.AWAITING),
    Event.REJECTED: ((*_WAITING, State.EXPIRED), State.REJECTED),
    Event.SNOOZED: ((*_WAITING, State.EXPIRED), State.SNOOZED),
    Event.MERGING: ((State.APPROVED,), State.MERGING),
    Event.MERGE_REFUSED: ((State.MERGING,), State.AWAITING),
    # A person may merge on the forge without asking us, and a merge under way may overtake a no; both are facts to record.
    Event.MERGED: ((State.MERGING, *_ON_FORGE, State.HUMAN_OWNED, *_TURNED_DOWN), State.MERGED),
    Event.APPLIED: ((State.MERGED,), State.APPLIED),
    Event.VERIFIED: ((State.APPLIED,), State.VERIFIED),
    Event.REGRESSED: ((State.MERGED, State.APPLIED), State.APPLIED),
    Event.ROLLED_BACK: ((State.MERGED, State.APPLIED), State.ROLLED_BACK),
    Event.CLOSED_BY_HUMAN: ((*_ON_FORGE, State.HUMAN_OWNED), State.IGNORED),
    Event.SUPERSEDED: (_ON_FORGE, State.SUPERSEDED),
    Event.HUMAN_COMMIT: (_ON_FORGE, State.HUMAN_OWNED),
    Event.EXPIRED: ((State.AWAITING, State.APPROVED), State.EXPIRED),
    Event.FAILED: ((State.PLANNED, State.MERGING, State.MERGED), State.FAILED),
}


def advance(state: State, event: Event) -> State:
    """The state after `event`.

    Raises Refused, naming both, where the table has no such move: a caller that sees it must read the head again.
    """
    allowed, after = TABLE[event]
    if state not in allowed:
        raise Refused(f"{event} cannot happen to a proposal that is {state}; allowed while: {', '.join(allowed)}")
    return after


def is_over(state: State) -> bool:
    """True where a new finding for the same subject starts a new proposal."""
    return state in (State.NEW, *_ENDED)
