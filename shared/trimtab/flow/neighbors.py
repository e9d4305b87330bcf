"""What other proposals have to do with one: what is open beside it, what became of the same change, how much is touched at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from trimtab.flow.life import STREAMS, Life, fold, stream_of, subject_of
from trimtab.lifecycle import State
from trimtab.ports import Ports
from trimtab.records import ClusterUid, Proposal, ProposalId, Tier

_ON_FORGE = (State.PLANNED, State.OPEN, State.AWAITING, State.APPROVED, State.MERGING, State.EXPIRED, State.HUMAN_OWNED)
"""States in which a pull request may be open; a proposal that is planned again has one too."""


@dataclass(frozen=True, slots=True)
class Neighbors:
    """All other proposals than `own`."""

    own: Life
    lives: Sequence[Life]

    def open_count(self) -> int:
        """Changes in open pull requests."""
        return sum(len(life.planned().parts) for life in self.lives if _is_open(life))

    def merged_by_itself_on(self, day: date) -> int:
        """Changes that nobody was asked about on a day."""
        return sum(len(life.planned().parts) for life in self.lives if _merged_by_itself(life, day))

    def open_beside(self, part: Proposal) -> tuple[ProposalId, ...]:
        """Those of the same thing that are open."""
        return tuple(life.planned().id for life in self.lives if _is_about(life, part) and _is_open(life))

    def last_change(self, part: Proposal) -> datetime | None:
        """When the same thing was changed last."""
        pool = "/".join(pool_of(part))
        merged = (
            memory.at
            for touched in (self.own, *self.lives)
            for memory in touched.memory
            if memory.kind == "merged" and subject_of(memory, touched).rpartition("/")[0] == pool
        )
        return max(merged, default=None)

    def earlier(self, part: Proposal) -> tuple[str, ...]:
        """What became of this very change before, by itself or together with others."""
        memories = (memory for touched in (self.own, *self.lives) for memory in touched.memory)
        return tuple(memory.kind for memory in memories if memory.fingerprint == part.fingerprint and memory.kind != "superseded")

    def share_of_run(self, pools: int) -> float:
        """Share of all live pools that the proposals of its run and it want to change."""
        return self._share([life for life in self.lives if life.planned().run == self.own.planned().run], pools)

    def share_of_day(self, day: date, pools: int) -> float:
        """The same of those that were opened or written anew on a day."""
        return self._share([life for life in self.lives if _was_planned_on(life, day)], pools)

    def _share(self, others: Sequence[Life], pools: int) -> float:
        touched = {pool_of(part) for each in (*(other.planned() for other in others), self.own.planned()) for part in each.parts}
        return len(touched) / pools if pools else 1.0


def neighbors_of(life: Life, ports: Ports) -> Neighbors:
    """All other proposals, as the ledger has them now."""
    this = stream_of(life.planned().id)
    found = (fold(entry) for stream, entry in ports.ledger.heads(STREAMS).items() if stream != this)
    return Neighbors(life, [other for other in found if other.proposal])


def pool_of(part: Proposal) -> tuple[ClusterUid, str]:
    """The pool, or whatever else it is, that one change is about."""
    return part.finding.subject.cluster_uid, part.finding.subject.thing


def _is_about(life: Life, part: Proposal) -> bool:
    return life.proposal is not None and pool_of(part) in {pool_of(own) for own in life.proposal.parts}


def _is_open(life: Life) -> bool:
    """True where its pull request is open."""
    return life.pull_request is not None and life.state in _ON_FORGE


def _merged_by_itself(life: Life, day: date) -> bool:
    is_auto = life.verdict is not None and life.verdict.tier is Tier.AUTO and not life.approvals
    return (
        is_auto
        and life.planned().undoes is None
        and life.merged_by == "trimtab"
        and life.merged_at is not None
        and life.merged_at.date() == day
    )


def _was_planned_on(life: Life, day: date) -> bool:
    """True where its pull request was opened or written anew on that day."""
    return life.pull_request is not None and life.planned_at is not None and life.planned_at.date() == day
