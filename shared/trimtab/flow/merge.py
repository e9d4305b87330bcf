"""One proposal: hear what somebody decided, judge again on fresh facts, merge, or say why not.

It believes no message and no ledger entry about who clicked: the stored raw request is verified again before it counts.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from trimtab.errors import BadInput, Broken, Refused
from trimtab.flow.approvals import person_of
from trimtab.flow.effects import carry_on, catch_up, settle
from trimtab.flow.gate import WAKE as GATE
from trimtab.flow.gate import answer
from trimtab.flow.governance import home_governance
from trimtab.flow.hints import answer_hint, is_our_own_echo, proposals_of, repository_of
from trimtab.flow.judging import Judged, judge_now
from trimtab.flow.life import Journal, remember, until_settled
from trimtab.flow.queue import WAKE as QUEUE
from trimtab.flow.queue import judge_queue
from trimtab.flow.requests import forge_event_of, slack_of
from trimtab.flow.wake import Wake
from trimtab.lifecycle import Event, State
from trimtab.policy.judge import binding_of
from trimtab.ports import MessageRef, Ports
from trimtab.records import Approval, Click, Json, Person, Proposal, ProposalId, Tier
from trimtab.render import slack
from trimtab.render.text import ref
from trimtab.sources.clicks import Command
from trimtab.sources.forge_events import ForgeEvent

SNOOZE = timedelta(days=14)
APPROVALS_IN_A_ROW = 10
_DECIDABLE = (State.OPEN, State.AWAITING, State.APPROVED, State.EXPIRED)


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """What one person wants of one proposal, and the verified request it came in (or the local command)."""

    proposal: ProposalId
    action: str
    """approve, reject or snooze."""
    person: Person
    key: str
    """Inbox key of the signed request; it decides once."""
    head: str = ""
    """Head commit the person looked at; "" only where the person named the proposal on our own disk."""
    reason: str = ""
    at: datetime | None = None
    """When the request came, which is when the person decided; None = just now."""


def merge(wake: Wake, ports: Ports, now: datetime) -> str:
    """A click, a forge event, or a wake of the sweeper."""
    ports.forge.forget()
    source = wake.key.split("/")[1]
    if source == "slack":
        return clicked(wake.key, ports, now)
    if source in ("github", "gitlab"):
        return hinted(forge_event_of(wake.key, ports), source, ports, now)
    if wake.key.startswith((GATE, QUEUE)):
        return _woken_for_the_gate(wake.key, ports, now)
    return settle_one(ProposalId(wake.key.rsplit("/", 1)[1].partition(".")[0]), ports, now)


def _woken_for_the_gate(key: str, ports: Ports, now: datetime) -> str:
    _check_permitted(ports)
    repo, _, rest = key.removeprefix(GATE).removeprefix(QUEUE).partition(".")
    if all(repository.id != repo for repository in ports.settings.repositories):
        raise BadInput(f"{key}: no managed repo of that name")
    if key.startswith(QUEUE):
        return judge_queue(repo, ports, now)
    number = rest.partition(".")[0]
    if not number.isdecimal():
        raise BadInput(f"{key}: no number of a pull request")
    return answer(repo, int(number), ports, now)


def hinted(event: ForgeEvent, source: str, ports: Ports, now: datetime) -> str:
    """Something happened at the forge: look again at what it may be about."""
    repository = repository_of(event, source, ports)
    if repository is None or is_our_own_echo(event):
        return f"nothing to do for {event.kind} {event.action}".rstrip()
    _check_permitted(ports)
    if event.kind == "queue":
        return judge_queue(repository.id, ports, now)
    told = [settle_one(proposal, ports, now) for proposal in proposals_of(event, repository, ports)]
    told.append(answer_hint(event, repository, ports, now))
    return "; ".join(filter(None, told)) or "not about a pull request of ours"


def _check_permitted(ports: Ports) -> None:
    stop = ports.permit.stop_reason()
    if stop:
        raise Refused(f"nothing merges: {stop}")


def settle_one(proposal: ProposalId, ports: Ports, now: datetime) -> str:
    """Judge one proposal again and merge it if everything is there."""
    _check_permitted(ports)

    def step() -> str:
        ports.forge.forget()
        journal = Journal.open(ports, proposal, "merge", now)
        if journal.life.proposal is None:
            raise BadInput(f"{proposal}: no such proposal")
        settle(journal, ports, now, may_merge=True)
        return f"{proposal} is {journal.life.state}"

    return until_settled(step)


# ── a decision ───────────────────────────────────────────────────────────────────────────────────────────────────────
def clicked(key: str, ports: Ports, now: datetime) -> str:
    """One signed click: verified again, mapped to a person, recorded once, answered always."""
    click, at = slack_of(key, ports)
    if isinstance(click, Command):
        return commanded(click, key, ports, now)
    if ports.chat.find(click.channel, _nonce(key), MessageRef(click.channel, click.message_ts)):
        return "answered before"
    journal = Journal.open(ports, click.proposal, "merge", now)
    if journal.life.proposal is None:
        return _answer(click, f"There is no proposal {ref(click.proposal, 80)}.", key, ports)
    judged = judge_now(journal, ports, now)
    if judged.governance is None:
        return _answer(click, "Nothing can be decided: the rules in .trimtab/ cannot be read.", key, ports)
    person = person_of(click.user, judged.governance)
    if person is None:
        return _answer(click, "You are not listed in owners.yaml, so your click decides nothing.", key, ports)
    if click.action == "evidence":
        return _show_evidence(click, journal.life.planned(), judged, key, ports)
    decision = Decision(proposal=click.proposal, action=click.action, person=person, key=key, head=click.head, reason=click.reason, at=at)
    try:
        outcome = decide(decision, ports, now)
    except Refused as error:
        if isinstance(error, Broken):
            raise
        outcome = f"Not possible: {error}."
    return _answer(click, outcome, key, ports)


def _show_evidence(click: Click, proposal: Proposal, judged: Judged, key: str, ports: Ports) -> str:
    blocks = slack.evidence(proposal, wording=ports.wording, cluster=judged.facts.cluster, verdict=judged.verdict)
    return _answer(click, f"Evidence for {proposal.id}", key, ports, blocks)


def commanded(command: Command, key: str, ports: Ports, now: datetime) -> str:
    """`/trimtab status|stop`: anybody who is listed may stop; nobody starts again from Slack."""
    people = {person.slack: person.id for person in home_governance(ports).people}
    if command.name == "stop" and command.user in people:
        ports.permit.stop(by=people[command.user], reason=command.reason or "stopped in Slack", at=now)
    stopped = ports.permit.stop_reason()
    text = f"Stopped: {stopped}." if stopped else f"Running; {len(ports.inbox.pending())} messages wait."
    if command.name == "stop" and command.user not in people:
        text = f"You are not listed in owners.yaml, so nothing was stopped. {text}"
    if ports.chat.find(command.channel, _nonce(key)) is None:
        ports.chat.post(command.channel, _plain(text), text, _nonce(key))
    return text


def _plain(text: str) -> list[Json]:
    return [{"type": "section", "text": {"type": "plain_text", "text": text[:3000]}}]


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
        said = dict(journal.life.answered).get(decision.key)
        return said or f"Your {decision.action} is recorded; the proposal is {journal.life.state}."

    return until_settled(step)


def _record(decision: Decision, journal: Journal, ports: Ports, now: datetime) -> None:
    life = journal.life
    if life.state not in _DECIDABLE:
        raise Refused(f"the proposal is {life.state} already")
    if decision.head and life.pull_request and decision.head != life.pull_request.head:
        raise Refused(f"the card showed {decision.head[:10]}, the pull request is at {life.pull_request.head[:10]} now: look again")
    match decision.action:
        case "approve" if life.state is State.EXPIRED:
            said = "Nobody had answered in time, so the request had expired. It is asked again now: look, then press Approve once more."
            _move(journal, Event.ASKED, decision, "asked again by a click after it had expired", said=said, asked_at=now)
        case "approve":
            _record_approval(decision, journal, ports, now)
        case "reject":
            _turn_down(journal, Event.REJECTED, decision, decision.reason or "no reason given", now)
        case "snooze":
            _turn_down(journal, Event.SNOOZED, decision, f"until {now + SNOOZE:%Y-%m-%d}", now, until=now + SNOOZE)
        case _:
            raise BadInput(f"{decision.key}: {decision.action!r} is not approve, reject or snooze")


def _move(journal: Journal, event: Event, decision: Decision, reason: str, *, said: str = "", **changes: object) -> None:
    journal.move(event, reason, actor=decision.person.id, answered=_answered(journal, decision, said), **changes)


def _answered(journal: Journal, decision: Decision, said: str = "") -> tuple[tuple[str, str], ...]:
    return (*journal.life.answered, (decision.key, said))


def _turn_down(journal: Journal, event: Event, decision: Decision, reason: str, now: datetime, *, until: datetime | None = None) -> None:
    memory = remember(journal.life.planned(), event.value, now, until=until, by=decision.person.id, reason=decision.reason)
    _move(journal, event, decision, reason, memory=(*journal.life.memory, *memory), approvals=())


def _record_approval(decision: Decision, journal: Journal, ports: Ports, now: datetime) -> None:
    judged = judge_now(journal, ports, now)
    if judged.governance is None:
        raise Refused("the policy cannot be read")
    if judged.facts.is_base_blob_unmoved is False:
        # An approval is bound to the file it was given for; what follows plans the change again on top of the new one.
        raise Refused("the file has changed on the default branch since; look at the pull request as it is then, and approve that")
    if decision.person.id not in judged.verdict.approvers:
        raise Refused(f"{decision.person.id} may not approve this; {', '.join(judged.verdict.approvers) or 'nobody'} may")
    if judged.verdict.tier is Tier.REPORT:
        raise Refused("it is report only: " + "; ".join(line.rule for line in judged.verdict.reasons))
    _take_breath(decision, ports, now)
    binding = binding_of(judged.facts, judged.governance, judged.verdict.tier)
    seen = journal.life.pull_request
    if seen is None or binding.head != seen.head:
        raise Refused("the pull request moved while you decided: look again")
    approval = Approval(person=decision.person.id, via="slack", at=decision.at or now, binding=binding, key=decision.key)
    journal.note(
        "approval",
        f"{decision.person.id} approves {binding.head[:10]}",
        actor=decision.person.id,
        approvals=(*journal.life.approvals, approval),
        answered=_answered(journal, decision),
    )


def _take_breath(decision: Decision, ports: Ports, now: datetime) -> None:
    """Whoever approves one thing after the other does not look any more."""
    window = f"{now:%Y-%m-%dT%H}.{now.minute // 10}"
    person = hashlib.sha256(decision.person.id.encode()).hexdigest()[:16]
    if ports.ledger.claim_slot(f"approvals-{person}", window, APPROVALS_IN_A_ROW, decision.key) is None:
        raise Refused(
            f"you approved {APPROVALS_IN_A_ROW} changes within ten minutes; approve this one with a review on the forge, or later"
        )


def _nonce(key: str) -> str:
    return key.rsplit("/", 1)[1][:20]


def _answer(click: Click, text: str, key: str, ports: Ports, blocks: Sequence[Json] = ()) -> str:
    """Every click gets an answer in the card's thread; it is the last effect, so whoever finds it there has nothing left to do."""
    ports.chat.post(click.channel, blocks or _plain(text), text, _nonce(key), MessageRef(click.channel, click.message_ts))
    return text
