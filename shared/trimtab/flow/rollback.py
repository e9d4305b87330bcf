"""Undo what made things worse: the exact previous values on the base as it is now, as a change of its own, approved with the first one.

It has a stream, a branch and a pull request of its own and merges through the gate like any change; the judge says whether what was agreed
on in advance is enough. Where anything is not as it was agreed on, a person is called by the name of the reason, and nothing is touched.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from trimtab.changes import declared_values, plan_edits
from trimtab.errors import BadInput, Broken, Refused
from trimtab.flow.adopt import ROLLBACK, begin
from trimtab.flow.calling import call_once
from trimtab.flow.effects import carry_on, catch_up
from trimtab.flow.freezes import freeze_rule
from trimtab.flow.ground import Ground, ground_of
from trimtab.flow.life import Journal, Life, fold, remember, rollback_id, stream_of, until_settled
from trimtab.flow.replan import files_of, step_of
from trimtab.flow.undoing import run_of, was_undone
from trimtab.lifecycle import Event, State, is_over
from trimtab.policy.risk import only_adds
from trimtab.ports import Ports
from trimtab.records import ChartPoint, Evidence, FieldChange, Finding, Member, PersonId, PlannedEdit, Proposal, ProposalId
from trimtab.render.text import shown
from trimtab.units import Money

WITHIN = timedelta(days=7)
LONGEST_REASON = 200
"""Of a person's words: they are read in the pull request, where nothing in them may act."""
_DONE = (State.MERGED, State.APPLIED, State.VERIFIED)


def roll_back(forward: Journal, ports: Ports, now: datetime) -> str:
    """Open what undoes a change, or call a person and say why not. Doing it again brings the same rollback further."""
    life = forward.life
    proposal = life.planned()
    ground = ground_of(proposal.place.repo, ports)
    standing = fold(ports.ledger.head(stream_of(rollback_id(proposal))))
    if not _is_of(standing, life):
        problem, draft = _drafted(life, ground, ports, now)
        if draft is None:
            call_once(forward, "not-rolled-back", f"{_why(life)}; not undone by Trimtab, because {problem}", ports)
            return f"{proposal.id}: not undone, because {problem}"
        call_once(forward, "rolling-back", f"{_why(life)}; {draft.id} gives back what was there", ports)
    else:
        draft = standing.planned()
    return _opened(draft, forward, ground, ports, now)


def _why(life: Life) -> str:
    return life.regression.rstrip(".") or "A person asked to undo it"


def _opened(draft: Proposal, forward: Journal, ground: Ground, ports: Ports, now: datetime) -> str:
    """Bring the rollback's own stream to its pull request; `merge` is woken for what comes then."""

    def step() -> str:
        ports.forge.forget()
        journal = Journal.open(ports, draft.id, "verify", now)
        catch_up(journal, ports, now)
        if not _is_of(journal.life, forward.life):
            _begin(journal, draft, now)
        if not is_over(journal.life.state) and journal.life.state not in _DONE:
            carry_on(journal, ports, now, ground=ground)
            ports.inbox.put(f"inbox/decide/{draft.id}.{journal.head.n if journal.head else 0}.rollback", b"{}")
        return f"{draft.id} is {journal.life.state}"

    try:
        return until_settled(step)
    except (BadInput, Refused) as error:
        if isinstance(error, Broken):
            raise
        call_once(forward, "not-rolled-back", f"{_why(forward.life)}; {draft.id} would undo it and is not open, because {error}", ports)
        return f"{draft.id} would undo it and is not open, because {error}"


def _begin(journal: Journal, draft: Proposal, now: datetime) -> None:
    """One of an earlier change makes room, merged or not: what it was about has been changed again since."""
    if journal.life.state in (State.MERGED, State.APPLIED):
        journal.move(Event.ROLLED_BACK, f"{draft.undoes} was changed again, and that is undone now")
    begin(journal, draft, now)


def stands(forward: Life, ports: Ports) -> bool:
    """True where its rollback has a pull request."""
    rollback = fold(ports.ledger.head(stream_of(rollback_id(forward.planned()))))
    return _is_of(rollback, forward) and rollback.pull_request is not None


def is_past_undoing(forward: Life, ports: Ports, now: datetime) -> bool:
    """True where too much time went by to undo it, and nobody can merge a rollback of it any more: it is measured as it is."""
    rollback = fold(ports.ledger.head(stream_of(rollback_id(forward.planned()))))
    can_come = stands(forward, ports) and not is_over(rollback.state)
    return forward.merged_at is not None and now - forward.merged_at > WITHIN and not can_come


def _is_of(rollback: Life, forward: Life) -> bool:
    return rollback.proposal is not None and rollback.proposal.run == run_of(forward.planned())


# ── what it restores ─────────────────────────────────────────────────────────────────────────────────────────────────
def _drafted(life: Life, ground: Ground, ports: Ports, now: datetime) -> tuple[str, Proposal | None]:
    """The rollback, or why there is none."""
    problem = _too_late(life, ports, now)
    if problem or ground.governance is None:
        return problem or "the rules in .trimtab/ cannot be read", None
    forward = life.planned()
    files = files_of(forward, ground.base, ports)
    try:
        steps = [step_of(files, part, ground.governance) for part in forward.parts]
        for part, (place, layout, changes) in zip(forward.parts, steps, strict=True):
            said = declared_values(files, place, layout, [change.field for change in changes])
            for change in changes:
                if said.get(change.field) != change.new:
                    where = f"{change.field} of {part.finding.subject.pool}"
                    return (
                        f"somebody changed it since: {place.path} says {where} is {said.get(change.field)}, it was set to {change.new}",
                        None,
                    )
        findings = [restoring(part.finding, life.regression, now) for part in forward.parts]
        shrinking = [f"{finding.subject.pool} {finding.changes[0].field}" for finding in findings if not only_adds(finding)]
        if shrinking:
            return f"giving back {', '.join(shrinking)} is not only adding something, and a person has to weigh that", None
        edit = plan_edits(files, [(place, layout, _turned(changes)) for place, layout, changes in steps])
    except (BadInput, Refused) as error:
        if isinstance(error, Broken):
            raise
        return f"the file cannot be edited back: {error}", None
    # Whoever asked approves nothing of it, also where somebody else's wake carries on what they asked for.
    return "", _proposal(forward, findings, edit, ground, now, (life.undo_asked_by,) if life.undo_asked_by else ())


def _too_late(life: Life, ports: Ports, now: datetime) -> str:
    if life.state not in (State.MERGED, State.APPLIED) or life.merged_at is None:
        return f"it is {life.state}"
    if now - life.merged_at > WITHIN:
        return f"it was merged on {life.merged_at:%Y-%m-%d}, more than {WITHIN.days} days ago"
    if was_undone(life, ports):
        return "the same change was undone once before"
    return ""


def _proposal(
    forward: Proposal, findings: Sequence[Finding], edit: PlannedEdit, ground: Ground, now: datetime, by: tuple[PersonId, ...]
) -> Proposal:
    lead = next(finding for finding in findings if finding.subject == forward.finding.subject)
    members = tuple(
        Member(finding=finding, fingerprint=_fingerprint(part), place=part.place, team=part.team, owners=part.owners)
        for part, finding in zip(forward.parts, findings, strict=True)
    )
    identity = rollback_id(forward)
    return replace(
        forward,
        id=identity,
        stream=stream_of(identity),
        fingerprint=_fingerprint(forward),
        generation=1,
        finding=lead,
        edit=edit,
        branch=f"{forward.branch}-rollback",
        base=ground.base,
        valid_at=now,
        run=run_of(forward),
        requested_by=by,
        undoes=forward.id,
        members=members if forward.members else (),
    )


def _fingerprint(part: Proposal) -> str:
    """Of undoing this very generation, so that what became of another one says nothing of it."""
    return hashlib.sha256(f"{part.fingerprint}\nrollback\n{part.generation}".encode()).hexdigest()


def _turned(changes: Sequence[FieldChange]) -> tuple[FieldChange, ...]:
    return tuple(FieldChange(field=change.field, old=change.new, new=change.old) for change in changes)


def restoring(finding: Finding, why: str, now: datetime) -> Finding:
    """The finding that gives back what another one took: its proof is what happened."""
    return replace(
        finding,
        rule=ROLLBACK,
        changes=_turned(finding.changes),
        nodes_old=finding.nodes_new,
        nodes_new=finding.nodes_old,
        saving_list=_negative(finding.saving_list),
        saving_effective=None if finding.saving_effective is None else _negative(finding.saving_effective),
        saving_freed=None,
        evidence=_evidence(finding.evidence, why, now),
        disruption=(),
        runner_up="",
        unknowns=(),
        scores=None,
        similar=(),
        needs_person="",
    )


def _negative(money: Money) -> Money:
    return Money(-money.amount, money.currency)


def _evidence(evidence: Evidence, why: str, now: datetime) -> Evidence:
    """What was measured before, with both capacities turned round, and what was seen since."""
    chart = tuple(
        ChartPoint(at=point.at, demand=point.demand, capacity_old=point.capacity_new, capacity_new=point.capacity_old)
        for point in evidence.chart
    )
    return replace(
        evidence,
        end=now,
        chart=chart,
        violations_old=evidence.violations_new,
        violations_new=evidence.violations_old,
        lines=(f"After the change was applied: {why}" if why else "A person asked for it.",),
    )


# ── when it is merged ────────────────────────────────────────────────────────────────────────────────────────────────
def undone(rollback: Life, ports: Ports, now: datetime) -> str:
    """Once a rollback is merged, the change that it undid is over, and its rule waits for a person on that cluster; "" = nothing to do."""
    proposal = rollback.planned()
    if proposal.undoes is None or rollback.state not in _DONE:
        return ""

    def step() -> str:
        journal = Journal.open(ports, proposal.undoes or proposal.id, "verify", now)
        life = journal.life
        if life.proposal is None or run_of(life.proposal) != proposal.run:
            return ""
        if life.state in (State.MERGED, State.APPLIED):
            _end(journal, rollback)
        if life.state is State.ROLLED_BACK or journal.life.state is State.ROLLED_BACK:
            _freeze(journal.life, proposal.id, ports, now)
        return f"{life.proposal.id} is {journal.life.state}"

    return until_settled(step)


def _end(journal: Journal, rollback: Life) -> None:
    ref = rollback.pull_request
    reason = journal.life.regression or "a person asked for it"
    memory = remember(journal.life.planned(), "rolled-back", journal.now, by=rollback.merged_by, reason=reason)
    where = ref.url if ref else rollback.planned().id
    journal.move(Event.ROLLED_BACK, f"undone by {where}: {reason}", memory=(*journal.life.memory, *memory), approvals=())


def _freeze(life: Life, by: ProposalId, ports: Ports, now: datetime) -> None:
    for part in life.planned().parts:
        finding = part.finding
        why = f"{finding.subject.pool}: {life.regression or 'rolled back by a person'}"
        freeze_rule(finding.subject.cluster_uid, finding.rule, f"{by}.{life.generation}", why, ports, now)


# ── when a person asks for it ────────────────────────────────────────────────────────────────────────────────────────
def ask_to_undo(proposal: ProposalId, person: PersonId, reason: str, ports: Ports, now: datetime, *, request: str = "") -> str:
    """Undo a merged change because a person says so; whoever asks does not approve it. Raises Refused where there is nothing to undo.

    `request` is the inbox key of the signed request that it came with. The first who asks is the one who asked.
    """
    stop = ports.permit.stop_reason()
    if stop:
        raise Refused(f"nothing is undone: {stop}")

    def step() -> str:
        journal = Journal.open(ports, proposal, "verify", now)
        if journal.life.proposal is None:
            raise BadInput(f"{proposal}: no such proposal; trimtab proposals lists them")
        if journal.life.planned().undoes is not None:
            raise Refused(f"{proposal} is a rollback itself, and no rollback is undone")
        if journal.life.state not in (State.MERGED, State.APPLIED):
            raise Refused(f"{proposal} is {journal.life.state}: only a change that is merged, and not measured to its end, can be undone")
        if not journal.life.regression:
            said = f"{person} asked to undo it: {shown(reason, LONGEST_REASON)}"
            ground = ground_of(journal.life.planned().place.repo, ports)
            problem, _ = _drafted(journal.life, ground, ports, now)
            if problem:
                raise Refused(f"{proposal}: not undone, because {problem}")
            answered = (*journal.life.answered, (request, "")) if request else journal.life.answered
            journal.note("undo-asked", said, actor=person, regression=said, undo_asked_by=person, answered=answered)
        return roll_back(journal, ports, now)

    return until_settled(step)
