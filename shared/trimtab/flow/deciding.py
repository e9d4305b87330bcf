"""What a person decides of a proposal: recorded once with its proof, and done as far as it can be done now."""

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from trimtab.errors import BadInput, Refused
from trimtab.flow.adjusting import adjusted, wish_of
from trimtab.flow.basis import Basis, judged_on
from trimtab.flow.by_name import by_name, people_by_name
from trimtab.flow.cards import ended_line
from trimtab.flow.effects import carry_on, catch_up
from trimtab.flow.judging import Judged, judge_now
from trimtab.flow.life import Journal, remember, until_settled
from trimtab.flow.limits import full_of_commits
from trimtab.lifecycle import Event, State
from trimtab.policy.judge import binding_of
from trimtab.ports import Ports
from trimtab.records import Approval, Governance, Person, PersonId, Proposal, ProposalId, Tier
from trimtab.render.news import lacking

SNOOZE = timedelta(days=14)
APPROVALS_IN_A_ROW = 10
_DECIDABLE = (State.OPEN, State.AWAITING, State.APPROVED, State.EXPIRED)


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """What one person wants of one proposal, and the verified request it came in (or the local command)."""

    proposal: ProposalId
    action: str
    """approve, adjust, reject or snooze."""
    person: Person
    key: str
    """Inbox key of the signed request; it decides once."""
    head: str = ""
    """Head commit the person looked at; "" only where the person named the proposal on our own disk."""
    reason: str = ""
    value: str = ""
    """Of an adjustment: the value wanted instead."""
    at: datetime | None = None
    """When the request came, which is when the person decided; None = just now."""


def decide(decision: Decision, ports: Ports, now: datetime) -> str:
    """Record a decision and do what follows from it; the same request twice is one decision. A sentence for the person."""
    stop = ports.permit.stop_reason()
    if stop:
        raise Refused(f"Trimtab is stopped ({stop})")

    def step() -> str:
        ports.forge.forget()
        journal = Journal.open(ports, decision.proposal, "merge", now)
        catch_up(journal, ports, now)
        if decision.key not in dict(journal.life.answered):
            try:
                _record(decision, journal, ports, now)
            except Refused:
                carry_on(journal, ports, now)
                raise
        carry_on(journal, ports, now, may_merge=True)
        return dict(journal.life.answered).get(decision.key) or _how_it_stands(decision, journal, ports)

    return until_settled(step)


def _how_it_stands(decision: Decision, journal: Journal, ports: Ports) -> str:
    life = journal.life
    said = f"Your {decision.action} is recorded; the proposal is {life.state}"
    lacks = lacking(by_name(life.verdict, ports), ports.wording) if life.verdict and life.state in _DECIDABLE else ""
    return f"{said}. It still needs this: {lacks}." if lacks else f"{said}."


def _record(decision: Decision, journal: Journal, ports: Ports, now: datetime) -> None:
    life = journal.life
    if life.state not in _DECIDABLE:
        ended = ended_line(life).rstrip(".")
        raise Refused(f"the proposal is {life.state} already" + (f": {ended}" if ended else ""))
    if decision.head and life.pull_request and decision.head != life.pull_request.head:
        raise Refused(f"the card showed {decision.head[:10]}, the pull request is at {life.pull_request.head[:10]} now: look again")
    match decision.action:
        case "approve" if life.state is State.EXPIRED:
            said = "Nobody had answered in time, so the request had expired. It is asked again now: look, then press Approve once more."
            _move(journal, Event.ASKED, decision, "asked again by a click after it had expired", said=said, asked_at=now)
        case "approve":
            _record_approval(decision, journal, ports, now)
        case "adjust":
            _record_wish(decision, journal, ports, now)
        case "reject":
            _turn_down(journal, Event.REJECTED, decision, decision.reason or "no reason given", now)
        case "snooze":
            _turn_down(journal, Event.SNOOZED, decision, f"until {now + SNOOZE:%Y-%m-%d}", now, until=now + SNOOZE)
        case _:
            raise BadInput(f"{decision.key}: {decision.action!r} is not approve, adjust, reject or snooze")


def _move(journal: Journal, event: Event, decision: Decision, reason: str, *, said: str = "", **changes: object) -> None:
    journal.move(event, reason, actor=decision.person.id, answered=_answered(journal, decision, said), **changes)


def _answered(journal: Journal, decision: Decision, said: str = "") -> tuple[tuple[str, str], ...]:
    return (*journal.life.answered, (decision.key, said))


def _turn_down(journal: Journal, event: Event, decision: Decision, reason: str, now: datetime, *, until: datetime | None = None) -> None:
    memory = remember(journal.life.planned(), event.value, now, until=until, by=decision.person.id, reason=decision.reason)
    _move(journal, event, decision, reason, memory=(*journal.life.memory, *memory), approvals=())


# ── a yes ────────────────────────────────────────────────────────────────────────────────────────────────────────────
def _record_approval(decision: Decision, journal: Journal, ports: Ports, now: datetime) -> None:
    judged = judge_now(journal, ports, now, deciders=(decision.person.id,))
    governance = _readable(judged)
    if judged.facts.is_base_blob_unmoved is False:
        # An approval is bound to the file it was given for; what follows plans the change again on top of the new one.
        raise Refused("the file has changed on the default branch since; look at the pull request as it is then, and approve that")
    approval = _yes(decision, judged, governance, now)
    _check_may(approval, judged, journal, now)
    if judged.verdict.tier is Tier.REPORT:
        raise Refused("it is report only: " + "; ".join(line.rule for line in judged.verdict.reasons))
    seen = journal.life.pull_request
    if seen is None or approval.binding.head != seen.head:
        raise Refused("the pull request moved while you decided: look again")
    void = _void_reason(approval, journal, now)
    if void:
        # Recorded, it would not count, and whoever gave it would believe that it did.
        raise Refused(f"your approval would not count ({void})")
    _take_breath(decision, ports, now)
    journal.note(
        "approval",
        f"{decision.person.id} approves {approval.binding.head[:10]}",
        actor=decision.person.id,
        approvals=(*journal.life.approvals, approval),
        answered=_answered(journal, decision),
    )


def _readable(judged: Judged) -> Governance:
    if judged.governance is None:
        raise Refused("the policy cannot be read")
    return judged.governance


def _yes(decision: Decision, judged: Judged, governance: Governance, now: datetime) -> Approval:
    binding = binding_of(judged.facts, governance, judged.verdict.tier)
    return Approval(person=decision.person.id, via="slack", at=decision.at or now, binding=binding, key=decision.key)


def _check_may(approval: Approval, judged: Judged, journal: Journal, now: datetime) -> None:
    """Raise Refused, with the reason and who may instead, for a person who may not decide this."""
    if approval.person in judged.verdict.approvers:
        return
    why = _void_reason(approval, journal, now)
    others = ", ".join(people_by_name(judged.verdict.approvers, journal.ports)) or "nobody"
    raise Refused(f"{approval.person} may not approve this{f' ({why})' if why else ''}; {others} may")


def _void_reason(approval: Approval, journal: Journal, now: datetime) -> str:
    """Why a yes, given now, would not count; "" = it would."""
    basis = _basis_of(journal)
    facts = replace(basis.facts, approvals=(*basis.facts.approvals, approval))
    verdict = judged_on(facts, basis.governance, now, basis.earlier).verdict
    said = f"{approval.person} ({approval.via}): "
    void = (line.saw for line in verdict.lines if line.rule == "approval-void" and line.saw.startswith(said))
    return next(void, "").removeprefix(said)


def _basis_of(journal: Journal) -> Basis:
    if journal.basis is None:
        raise LookupError("a yes is weighed on facts; judge first")
    return journal.basis


def _take_breath(decision: Decision, ports: Ports, now: datetime) -> None:
    """Whoever approves one thing after the other does not look any more."""
    window = f"{now:%Y-%m-%dT%H}.{now.minute // 10}"
    person = hashlib.sha256(decision.person.id.encode()).hexdigest()[:16]
    if ports.ledger.claim_slot(f"approvals-{person}", window, APPROVALS_IN_A_ROW, decision.key) is None:
        raise Refused(
            f"you approved {APPROVALS_IN_A_ROW} changes within ten minutes; approve this one with a review on the forge, or later"
        )


# ── another value ────────────────────────────────────────────────────────────────────────────────────────────────────
def _record_wish(decision: Decision, journal: Journal, ports: Ports, now: datetime) -> None:
    """Plan it at that value and ask anew; whoever asked for a value cannot approve it."""
    judged = judge_now(journal, ports, now, deciders=(decision.person.id,))
    governance, before = _readable(judged), journal.life.planned()
    _check_may(_yes(decision, judged, governance, now), _as_if_unasked(judged, decision.person.id, journal, now), journal, now)
    wish = wish_of(decision.value, before, decision.person.id, decision.at or now)
    fresh = adjusted(before, wish, judged.ground.base, governance, ports)
    _check_allowed(fresh, journal, judged, ports, now)
    full = full_of_commits(fresh, governance.limits, ports, now)
    if full:
        raise Refused(full)
    change = before.finding.changes[0]
    _move(
        journal,
        Event.REPLANNED,
        decision,
        f"{decision.person.id} asked for {change.field} {wish.value} instead of {change.new}",
        said=f"It is planned and judged anew with {wish.value} instead of {change.new}. You asked for it, so somebody else approves it.",
        proposal=fresh,
        planned_at=now,
        approvals=(),
        verdict=None,
        adjusted=wish,
    )


def _as_if_unasked(judged: Judged, person: PersonId, journal: Journal, now: datetime) -> Judged:
    """Whoever asked for a value may ask for another one, if that is all that keeps them from approving."""
    basis = _basis_of(journal)
    facts = replace(basis.facts, requested_by=tuple(other for other in basis.facts.requested_by if other != person))
    return replace(judged, verdict=judged_on(facts, basis.governance, now, basis.earlier).verdict)


def _check_allowed(fresh: Proposal, journal: Journal, judged: Judged, ports: Ports, now: datetime) -> None:
    """Raise Refused, naming the rules, where a proposal of that value could not be opened."""
    candidate = replace(journal, life=replace(journal.life, proposal=fresh, approvals=()))
    stops = [line for line in judge_now(candidate, ports, now, ground=judged.ground).verdict.reasons if line.effect == "blocks"]
    # What is on the branch now is the old value, so what is said of the branch and of its commits says nothing of the new one.
    stops = [line for line in stops if line.rule not in ("only-ours", "merge-exact")]
    if stops:
        raise Refused("; ".join(f"{line.rule}: {line.saw}" for line in stops))
