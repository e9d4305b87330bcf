"""What a stream does with a finding: take it as its plan, renew the evidence it has, or leave it alone and say why.

It also ends what is no longer found. An older run never overwrites a newer one, and what people turned down stays turned down.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime

from trimtab.analysis.fingerprint import fingerprint
from trimtab.flow.adjusting import as_asked_for, outlives
from trimtab.flow.cards import NotTold, retire
from trimtab.flow.effects import carry_on, catch_up, owes_close
from trimtab.flow.groups import turned_down
from trimtab.flow.life import STREAMS, Journal, Life, Retired, fold, lives, remember, stream_of, until_settled
from trimtab.flow.neighbors import pool_of
from trimtab.flow.notes import say_once
from trimtab.lifecycle import Event, State, is_over
from trimtab.ports import Ports
from trimtab.records import Finding, Proposal, ProposalId, Refusal, Subject

SAYS_ENOUGH = frozenset({"fits", "fits-tightly", "already-right", "would-have-missed", "held-idle", "warm-idle", "commitment-stays"})
"""Refusals that were given on good evidence; every other one means that something was missing, stale or in doubt."""
ROLLBACK = "rollback"
REPLACEABLE = (State.PLANNED, State.OPEN, State.AWAITING, State.APPROVED, State.EXPIRED)


def adopt(journal: Journal, proposal: Proposal, ports: Ports, now: datetime) -> str:
    """Make the newest evidence the stream's plan, where it may be; else the sentence that says why its wish is left alone."""
    life = journal.life
    proposal = as_asked_for(life, replace(proposal, fingerprint=familiar(life, proposal)), ports)
    refusal = remembered(life, proposal, now)
    if refusal:
        return refusal
    if needs_plan(life, proposal):
        # The card of what ended says so before a new one is posted.
        retired = retire(journal, ports)
        begin(journal, proposal, now, retired)
    elif life.proposal is not None and not is_over(life.state) and proposal.valid_at > life.proposal.valid_at:
        renew(journal, proposal, now)
    return ""


def familiar(life: Life, proposal: Proposal) -> str:
    """The fingerprint under which the stream knows this wish already, the newest first; else its own. Of several, each knows its own."""
    if proposal.members:
        return proposal.fingerprint
    current = (life.proposal.fingerprint,) if life.proposal else ()
    known = (*current, *(memory.fingerprint for memory in reversed(life.memory)))
    return next((old for old in known if fingerprint(proposal.finding, old) == old), proposal.fingerprint)


def remembered(life: Life, proposal: Proposal, now: datetime) -> str:
    """Why this fingerprint is left alone, from what the stream remembers; "" = it is not."""
    said = turned_down(proposal, life.memory, now)
    if said:
        return said
    if life.state is State.HUMAN_OWNED:
        return "a person has taken its pull request over; Trimtab keeps its hands off"
    if life.state in (State.MERGING, State.MERGED, State.APPLIED):
        return "its last change is merged and not verified yet"
    return ""


def needs_plan(life: Life, proposal: Proposal) -> bool:
    """True where the stream's plan is another one, or made from older evidence; an older run never overwrites a newer one."""
    current = life.proposal
    if current is None:
        return True
    if is_over(life.state):
        return proposal.valid_at > current.valid_at
    if proposal.valid_at < current.valid_at:
        return False
    return (proposal.fingerprint, proposal.edit) != (current.fingerprint, current.edit)


def begin(journal: Journal, proposal: Proposal, now: datetime, retired: tuple[Retired, ...] = ()) -> None:
    """Write the planned entry: a new generation after the last one ended, else a new plan for the same pull request."""
    life = journal.life
    wish = outlives(life)
    wish = wish if wish and wish.fingerprint == proposal.fingerprint and wish.by in proposal.requested_by else None
    if not is_over(life.state):
        fresh = replace(proposal, generation=life.generation)
        journal.move(
            Event.REPLANNED,
            f"newer evidence: {_in_words(fresh)}",
            proposal=fresh,
            planned_at=now,
            approvals=(),
            verdict=None,
            adjusted=wish,
        )
        return
    fresh = replace(proposal, generation=life.generation + 1)
    # What is remembered and what we put on the branch outlive a generation; all else begins anew.
    born = Life(
        generation=fresh.generation,
        proposal=fresh,
        planned_at=now,
        memory=life.memory,
        branch_head=life.branch_head,
        answered=life.answered,
        retired=retired,
        # Of a card that may have been posted and was never seen: it becomes this generation's.
        card_intent=life.card_intent,
        adjusted=wish,
    )
    journal.begin(Event.PLANNED, f"{fresh.finding.rule}: {_in_words(fresh)}", born)


def renew(journal: Journal, proposal: Proposal, now: datetime) -> None:
    """Newer evidence for the very same change: approvals stand, and a request that had expired is made again."""
    measured = replace(
        journal.life.planned(), finding=proposal.finding, valid_at=proposal.valid_at, owners=proposal.owners, team=proposal.team
    )
    if proposal.members:
        measured = replace(measured, members=proposal.members, place=proposal.place)
    reason = f"measured until {proposal.valid_at:%Y-%m-%d %H:%M} UTC: the same change"
    if journal.life.state is State.EXPIRED:
        journal.move(Event.ASKED, f"asked again, {reason}", proposal=measured, asked_at=now)
    else:
        journal.note("renewed", reason, proposal=measured)


def _in_words(proposal: Proposal) -> str:
    return ", ".join(f"{path}: {old} → {new}" for path, old, new in proposal.edit.changes)


# ── what is no longer found ──────────────────────────────────────────────────────────────────────────────────────────
def supersede_vanished(
    findings: Sequence[Finding],
    refusals: Sequence[Refusal],
    end: datetime,
    ports: Ports,
    now: datetime,
    untold: list[str],
    *,
    is_over_for: Callable[[Proposal], bool] = lambda _: False,
) -> None:
    """End what an older run proposed and the evidence until `end` no longer asks for; what Slack did not hear of is added to `untold`.

    `is_over_for` says of a proposal that the reason it was made for is gone, whatever was measured.
    """
    found, judged = looked_at(findings, refusals)
    for stream, entry in sorted(ports.ledger.heads(STREAMS).items()):
        life = fold(entry)
        proposal = life.proposal
        if proposal is None or proposal.valid_at >= end or proposal.finding.rule == ROLLBACK:
            continue
        # Of several that come together, those that are still wanted stay: then the run plans it again without the others.
        subjects = [part.finding.subject for part in proposal.parts]
        is_vanished = all(_is_gone(subject, found, judged) for subject in subjects)
        is_vanished = is_vanished or (is_over_for(proposal) and not found.intersection(subjects))
        if (life.state in REPLACEABLE and is_vanished) or owes_close(life):
            _supersede(ProposalId(stream.removeprefix(STREAMS)), end, ports, now, untold)


def supersede_stuck(
    groups: Collection[ProposalId],
    findings: Sequence[Finding],
    refusals: Sequence[Refusal],
    end: datetime,
    ports: Ports,
    now: datetime,
    untold: list[str],
) -> None:
    """End groups that nobody could plan again without what is no longer found: none of it may merge."""
    found, judged = looked_at(findings, refusals)
    for group in groups:
        life = fold(ports.ledger.head(stream_of(group)))
        is_older = life.state in REPLACEABLE and life.planned().valid_at < end
        if is_older and any(_is_gone(part.finding.subject, found, judged) for part in life.planned().parts):
            _supersede(group, end, ports, now, untold)


def _is_gone(subject: Subject, found: Collection[Subject], judged: Collection[tuple[str, str, str]]) -> bool:
    return subject not in found and (subject.cluster_uid, subject.kind, subject.pool) in judged


def looked_at(findings: Sequence[Finding], refusals: Sequence[Refusal]) -> tuple[set[Subject], set[tuple[str, str, str]]]:
    """What a run still wants, and everything that it could look at well enough to say."""
    # What only a person can do renews no pull request: one that stands for the same field asks for something else.
    found = {finding.subject for finding in findings if not finding.needs_person}
    # Where evidence was missing or stale, what was proposed before still stands.
    judged = {(str(finding.subject.cluster_uid), str(finding.subject.kind), finding.subject.pool) for finding in findings}
    judged |= {(str(refusal.cluster_uid), str(refusal.kind), refusal.pool) for refusal in refusals if refusal.rule in SAYS_ENOUGH}
    return found, judged


def _supersede(proposal: ProposalId, end: datetime, ports: Ports, now: datetime, untold: list[str]) -> None:
    """The record first, then pull request and card; what a person has taken over meanwhile is left alone."""

    def step() -> str:
        ports.forge.forget()
        journal = Journal.open(ports, proposal, "propose", now)
        if journal.life.proposal and all(repo.id != journal.life.proposal.place.repo for repo in ports.settings.repositories):
            # The deployment no longer names its repo: nothing of ours may touch it, and it must not keep others from opening.
            return journal.life.state
        catch_up(journal, ports, now)
        if journal.life.state in REPLACEABLE:
            reason = f"the evidence until {end:%Y-%m-%d} no longer asks for it"
            memory = remember(journal.life.planned(), "superseded", now, by="propose", reason=reason)
            journal.move(Event.SUPERSEDED, reason, memory=(*journal.life.memory, *memory), approvals=())
        carry_on(journal, ports, now)
        return journal.life.state

    try:
        until_settled(step)
    except NotTold as error:
        untold.append(f"{proposal}: {error}")


def point_to_successors(opened: Sequence[ProposalId], ports: Ports, now: datetime) -> None:
    """On what was closed as superseded, link the pull request about the same thing that took its place."""
    known = lives(ports)
    successors = [known[stream_of(proposal)] for proposal in opened if stream_of(proposal) in known]
    for stream, life in known.items():
        if life.state is not State.SUPERSEDED or life.pull_request is None or life.successor:
            continue
        successor = next((other for other in successors if _is_about_the_same(other, life)), None)
        if successor is not None and successor.pull_request is not None:
            _point(ProposalId(stream.removeprefix(STREAMS)), successor.pull_request.url, successor.pull_request.number, ports, now)


def _is_about_the_same(other: Life, life: Life) -> bool:
    theirs, ours = other.planned(), life.planned()
    pools = {pool_of(part) for part in ours.parts}
    return theirs.place.repo == ours.place.repo and theirs.id != ours.id and any(pool_of(part) in pools for part in theirs.parts)


def _point(proposal: ProposalId, url: str, number: int, ports: Ports, now: datetime) -> None:
    def step() -> str:
        journal = Journal.open(ports, proposal, "propose", now)
        ref = journal.life.pull_request
        if journal.life.state is State.SUPERSEDED and ref is not None and not journal.life.successor:
            say_once(journal, ref.number, f"successor/{number}", f"Replaced by {url}, which is about the same thing.", ports)
            journal.note("replaced", url, successor=url)
        return journal.life.state

    until_settled(step)
