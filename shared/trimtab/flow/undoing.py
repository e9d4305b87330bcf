"""What a rollback undoes, and who agreed to that when the change was approved: read again now, like any yes."""

from collections.abc import Sequence
from datetime import date

from trimtab.flow.approvals import clicked_approvals
from trimtab.flow.life import Life, fold, lives, stream_of
from trimtab.lifecycle import State
from trimtab.ports import Ports
from trimtab.records import Approval, Governance, Proposal, Tier, Undoing

UNDONE = frozenset(("rolled-back", "reverted"))


def undoing_of(proposal: Proposal, governance: Governance | None, ports: Ports) -> Undoing | None:
    """None = it is no rollback, or what it undoes is not merged, or was changed again since."""
    if proposal.undoes is None or governance is None:
        return None
    forward = fold(ports.ledger.head(stream_of(proposal.undoes)))
    if forward.proposal is None or forward.merged_at is None or run_of(forward.proposal) != proposal.run:
        return None
    if forward.state not in (State.MERGED, State.APPLIED):
        return None
    return Undoing(
        proposal=forward.proposal.id,
        generation=forward.generation,
        merged_at=forward.merged_at,
        tier=_needed(forward),
        approvals=(*clicked_approvals(forward.approvals, forward.proposal.id, governance, ports), *_reviews(forward, governance, ports)),
        rollback=restored(forward.proposal),
        was_undone=was_undone(forward, ports),
        reason=forward.regression or "a person asked for it",
        change_request=forward.change_request,
    )


def run_of(proposal: Proposal) -> str:
    """The run of the rollback of exactly this generation of a proposal."""
    return f"rollback.{proposal.id}.{proposal.generation}"


def restored(forward: Proposal) -> tuple[tuple[str, str], ...]:
    """What a rollback gives back, as the approvals of the change were bound to it."""
    named = [(f"{part.finding.subject.thing} " if forward.members else "", part) for part in forward.parts]
    return tuple((f"{thing}{change.field}", change.old) for thing, part in named for change in part.finding.changes)


def _needed(forward: Life) -> Tier:
    """What the change needed; of one that could have merged by itself and was merged by a person, nobody agreed to anything in advance."""
    tier = forward.verdict.tier if forward.verdict else Tier.TWO
    return Tier.ONE if tier is Tier.AUTO and forward.merged_by != "trimtab" else tier


def was_undone(life: Life, ports: Ports) -> bool:
    """True where one of its changes was undone once before, by itself or together with others."""
    prints = {part.fingerprint for part in life.planned().parts}
    memories = (memory for each in (life, *lives(ports).values()) for memory in each.memory)
    return any(memory.kind in UNDONE and memory.fingerprint in prints for memory in memories)


def _reviews(forward: Life, governance: Governance, ports: Ports) -> tuple[Approval, ...]:
    """The reviews that it was merged with and that the forge still shows, by people who may still write."""
    given = [yes for yes in forward.approvals if yes.via == "forge"]
    if not given or forward.pull_request is None:
        return ()
    logins = {person.id: person.forge.lower() for person in governance.people}
    shown = {
        (review.login.lower(), review.commit)
        for review in ports.forge.reviews(forward.pull_request.repo, forward.pull_request.number)
        if review.state == "approved" and review.may_write and not review.is_bot
    }
    return tuple(yes for yes in given if (logins.get(yes.person, ""), yes.binding.head) in shown)


def rolled_back_on(others: Sequence[Life], day: date) -> int:
    """How many rollbacks of other changes merged by themselves on a day."""
    merged = [life for life in others if life.planned().undoes is not None and life.merged_by == "trimtab" and life.merged_at is not None]
    return sum(life.merged_at.date() == day for life in merged if life.merged_at)
