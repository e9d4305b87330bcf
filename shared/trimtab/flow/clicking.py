"""A click in Slack: verified again, mapped to a person, decided once, and answered always.

It believes nothing of the message but its place: what the button is about is read from the record.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from trimtab.errors import BadInput, Broken, Refused
from trimtab.flow.acknowledge import acknowledge
from trimtab.flow.answers import answer, is_answered, stranger
from trimtab.flow.approvals import person_of
from trimtab.flow.commands import commanded
from trimtab.flow.deciding import Decision, decide
from trimtab.flow.judging import Judged, judge_now
from trimtab.flow.life import Journal, Life
from trimtab.flow.masks import mask_of_messages
from trimtab.flow.requests import slack_of
from trimtab.policy.masking import masked, masked_json
from trimtab.ports import MessageRef, Ports
from trimtab.records import Click, Json, Person, Proposal
from trimtab.render import slack
from trimtab.render.news import message
from trimtab.render.text import ref
from trimtab.sources.clicks import Command

_ON_ITS_CARD = ("approve", "adjust")
"""What counts only from the proposal's own live card, which shows all of it."""


@dataclass(frozen=True, slots=True)
class _Reply:
    text: str
    blocks: Sequence[Json] = ()


def clicked(key: str, ports: Ports, now: datetime) -> str:
    """One signed click or command, from its inbox item; what its sender was told."""
    click, at = slack_of(key, ports)
    if isinstance(click, Command):
        return commanded(click, at, key, ports, now)
    if is_answered(key, click.user, (click.channel, MessageRef(click.channel, click.message_ts)), ports):
        return "answered before"
    try:
        reply = _heard(click, at, key, ports, now)
    except (BadInput, Refused):
        # Why goes to the log: nobody has said yet that whoever clicked may know.
        _say(_Reply("Nothing was decided: Trimtab cannot work on this proposal. Its log says why."), click, key, ports)
        raise
    _say(reply, click, key, ports)
    return reply.text


def _say(reply: _Reply, click: Click, key: str, ports: Ports) -> None:
    thread = MessageRef(click.channel, click.message_ts)
    answer(key, click.user, (click.channel, thread), (reply.blocks or message(reply.text), reply.text), ports)


def _heard(click: Click, at: datetime, key: str, ports: Ports, now: datetime) -> _Reply:
    problem = stranger(click.user, ports)
    if problem:
        return _Reply(f"{problem}, so your click decides nothing.")
    if click.action == "acknowledge":
        return _Reply(acknowledge(click, key, ports, now))
    journal = Journal.open(ports, click.proposal, "merge", now)
    if journal.life.proposal is None:
        return _Reply(f"There is no proposal {ref(click.proposal, 80)}.")
    judged = judge_now(journal, ports, now)
    if judged.governance is None:
        return _Reply("Nothing can be decided: the rules in .trimtab/ cannot be read.")
    person = person_of(click.user, judged.governance)
    if person is None:
        return _Reply("You are not listed in owners.yaml, so your click decides nothing.")
    if click.action == "evidence":
        return _masked(_evidence(journal.life.planned(), judged, ports), click.channel, judged, ports)
    if click.action in _ON_ITS_CARD and not _is_its_card(click, journal.life):
        return _Reply(f"This is not the card of {journal.life.planned().id}, so nothing was decided. {_where(journal.life)}")
    return _masked(_Reply(_decided(click, person, at, key, ports, now)), click.channel, judged, ports)


def _masked(reply: _Reply, channel: str, judged: Judged, ports: Ports) -> _Reply:
    """The answer with amounts as the rules let messages show them there."""
    mask = mask_of_messages(judged.governance, ports, channel)
    return _Reply(masked(reply.text, mask), masked_json(reply.blocks, mask))


def _decided(click: Click, person: Person, at: datetime, key: str, ports: Ports, now: datetime) -> str:
    decision = Decision(
        proposal=click.proposal,
        action=click.action,
        person=person,
        key=key,
        head=click.head,
        reason=click.reason,
        value=click.value,
        at=at,
    )
    try:
        return decide(decision, ports, now)
    except Refused as error:
        if isinstance(error, Broken):
            raise
        return f"Not possible: {str(error).rstrip('.')}."


def _evidence(proposal: Proposal, judged: Judged, ports: Ports) -> _Reply:
    blocks = slack.evidence(proposal, wording=ports.wording, cluster=judged.facts.cluster, verdict=judged.verdict)
    return _Reply(f"Evidence for {proposal.id}", blocks)


def _is_its_card(click: Click, life: Life) -> bool:
    return life.card is not None and (life.card.channel, life.card.ts) == (click.channel, click.message_ts)


def _where(life: Life) -> str:
    return f"Decide it there, or on {life.pull_request.url}." if life.pull_request else "It has no pull request."
