"""Exactly one live card per proposal, saying what is true now; a card that Slack does not take stops nothing else."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from trimtab.errors import BadInput, Broken, Refused
from trimtab.flow.governance import read_governance
from trimtab.flow.ground import Ground
from trimtab.flow.life import CardRef, Intent, Journal
from trimtab.lifecycle import Event, State
from trimtab.ports import MessageRef, Ports
from trimtab.records import Json, Tier
from trimtab.render import slack
from trimtab.render.view import title

IN_FLIGHT = timedelta(minutes=3)
"""How long a card that another function announced may be on its way: the forge calls `merge` while `propose` is still posting."""


def tell(journal: Journal, ports: Ports, ground: Ground | None = None) -> None:
    """Post the card, or bring it up to date. Raises Upstream where Slack does not answer; where Slack says no, a person must look."""
    life = journal.life
    if life.proposal is None or life.verdict is None or life.pull_request is None:
        return
    try:
        _tell(journal, ports, ground)
    except Broken:
        raise
    except (BadInput, Refused) as error:
        ports.log.warning("card.refused", proposal=life.proposal.id, input=str(error))


def _tell(journal: Journal, ports: Ports, ground: Ground | None) -> None:
    blocks, text = card_of(journal, ports)
    card = journal.life.card or _posted(journal, ports, blocks, text, ground)
    if card is None:
        return
    digest = _digest(blocks, text)
    if card.digest != digest:
        ports.chat.update(MessageRef(card.channel, card.ts), blocks, text)
    _record(journal, replace(card, digest=digest))


def _posted(journal: Journal, ports: Ports, blocks: Sequence[Json], text: str, ground: Ground | None) -> CardRef | None:
    """The card as it was found by its intent's nonce, else as it is posted now; None = nowhere to, or another function is at it."""
    channel, intent = channel_of(journal, ports, ground), journal.life.card_intent
    if intent is not None and intent.about == channel:
        if _is_in_flight(intent, journal):
            return None
        found = ports.chat.find(channel, intent.nonce)
        if found is not None:
            return CardRef(channel=found.channel, ts=found.ts, digest="")
    elif not channel:
        ports.log.warning("card.no-channel", proposal=journal.life.planned().id)
        return None
    else:
        intent = _announce(journal, channel)
    ref = ports.chat.post(channel, blocks, text, intent.nonce)
    return CardRef(channel=ref.channel, ts=ref.ts, digest=_digest(blocks, text))


def _announce(journal: Journal, channel: str) -> Intent:
    intent = Intent(nonce=journal.nonce("card"), about=channel, by=journal.actor, at=journal.now)
    journal.note("intent:card", channel, card_intent=intent)
    return intent


def _is_in_flight(intent: Intent, journal: Journal) -> bool:
    return intent.by != journal.actor and intent.at is not None and journal.now - intent.at < IN_FLIGHT


def _record(journal: Journal, card: CardRef) -> None:
    """What the card says now; asking for a decision begins with it."""
    life, where = journal.life, f"card {card.ts} in {card.channel}"
    if life.state is State.OPEN and life.verdict is not None and life.verdict.tier in (Tier.ONE, Tier.TWO):
        journal.move(Event.ASKED, where, card=card, card_intent=None, asked_at=journal.now)
    elif card != life.card:
        journal.note("card", f"{where} says {life.state}", card=card, card_intent=None)


def channel_of(journal: Journal, ports: Ports, ground: Ground | None = None) -> str:
    """The owner's channel, else the deployment's default; "" = nowhere to speak."""
    proposal = journal.life.planned()
    try:
        governance = ground.governance if ground else read_governance(ports, proposal.place.repo)
    except BadInput:
        governance = None
    teams = governance.teams if governance else ()
    return next((team.channel for team in teams if team.name == proposal.team and team.channel), ports.settings.default_channel)


def card_of(journal: Journal, ports: Ports) -> tuple[Sequence[Json], str]:
    """The card's blocks and its plain-text fallback, for the state the stream is in."""
    life, proposal = journal.life, journal.life.planned()
    cluster = ports.palette.cluster(proposal.finding.subject.cluster_uid)
    if life.verdict is None:
        raise LookupError("a card shows a verdict; judge first")
    blocks = slack.card(
        proposal,
        cluster,
        life.verdict,
        state=life.state,
        head=life.pull_request.head if life.pull_request else "",
        url=life.pull_request.url if life.pull_request else "",
        ended=ended_line(journal),
        wording=ports.wording,
    )
    return blocks, title(proposal, cluster)


def ended_line(journal: Journal) -> str:
    """How the proposal stands, in one line for the card: who did what, and when; "" = the state's own words say it."""
    life = journal.life
    last = life.memory[-1] if life.memory else None
    match life.state:
        case State.MERGED if life.merged_at:
            who = "Trimtab, after judging again" if life.merged_by == "trimtab" else "a person on the forge"
            return f"Merged by {who} on {life.merged_at:%Y-%m-%d %H:%M} UTC as {(life.merge_commit or '')[:10]}."
        case State.REJECTED if last:
            return f"Rejected by {last.by} on {last.at:%Y-%m-%d}: {last.reason or 'no reason given'}."
        case State.SNOOZED if last and last.until:
            return f"Snoozed by {last.by} until {last.until:%Y-%m-%d}."
        case State.IGNORED:
            return "Closed on the forge; it stays closed until the evidence changes."
        case State.APPLIED:
            return f"Merged as {(life.merge_commit or '')[:10]} and applied; the saving is being measured."
        case State.VERIFIED if life.outcome:
            return f"Verified: {'; '.join(life.outcome.notes)}"
        case State.SUPERSEDED if last:
            return f"Closed on {last.at:%Y-%m-%d}: {last.reason}"
        case _:
            return ""


def _digest(blocks: Sequence[Json], text: str) -> str:
    return hashlib.sha256((json.dumps(blocks, sort_keys=True) + text).encode()).hexdigest()[:16]
