"""Exactly one live card per proposal, saying what is true now, with its news in its thread.

A card that Slack does not take stops nothing else: `tell` is the last thing that anybody does, and says in one error of its own that
all but the telling is done.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

from trimtab.changes import values_between
from trimtab.errors import BadInput, Broken, Gone, Refused, Upstream
from trimtab.flow.by_name import by_name
from trimtab.flow.governance import read_governance
from trimtab.flow.ground import Ground
from trimtab.flow.life import CardRef, Intent, Journal, Life, News, Retired
from trimtab.flow.masks import mask_of_messages
from trimtab.lifecycle import Event, State
from trimtab.policy.masking import Mask, masked, masked_json
from trimtab.ports import MessageRef, Ports
from trimtab.records import Governance, Json, Tier
from trimtab.render import slack
from trimtab.render.news import news as news_of
from trimtab.render.view import title

Answer = TypeVar("Answer")
IN_FLIGHT = timedelta(minutes=3)
"""How long a card that another function announced may be on its way: the forge calls `merge` while `propose` is still posting."""


class NotTold(Upstream):
    """Slack did not answer, or asked to be asked later. Whatever else was to be done is done; delivered again, the rest is told."""


def tell(journal: Journal, ports: Ports, ground: Ground | None = None) -> None:
    """Post the card or bring it up to date, and post its news. Raises NotTold where Slack does not answer.

    Where Slack says no, a person must look: the log says so, and nothing stops for it.
    """
    life = journal.life
    if life.proposal is None or life.verdict is None or life.pull_request is None or not ports.chat.is_configured:
        return
    for step in (_end_retired, _keep_card, _tell_news):
        try:
            step(journal, ports, ground)
        except Broken:
            raise
        except (BadInput, Refused) as error:
            ports.log.warning("card.refused", proposal=life.proposal.id, input=str(error))


def _asked(call: Callable[[], Answer]) -> Answer:
    """What Slack answers. Raises NotTold where it does not."""
    try:
        return call()
    except Upstream as error:
        raise NotTold(str(error)) from error


# ── the card ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def _keep_card(journal: Journal, ports: Ports, ground: Ground | None) -> None:
    plain, text = card_of(journal, ports)
    where = journal.life.card.channel if journal.life.card else channel_of(journal, ports, ground)
    blocks = masked_json(plain, mask_of_messages(_governance(journal, ports, ground), ports, where))
    digest = _digest(blocks, text)
    _bring_up_to_date(journal, ports, blocks, text)
    card = journal.life.card or _posted(journal, ports, blocks, text, ground)
    if card is None:
        return
    if card.digest != digest and journal.life.card is None:
        _update(card, ports, blocks, text)
    _record(journal, replace(card, digest=digest))


def _bring_up_to_date(journal: Journal, ports: Ports, blocks: Sequence[Json], text: str) -> None:
    """Where somebody has deleted the card, the record knows of none from then on, and another one is posted."""
    card = journal.life.card
    if card is None or card.digest == _digest(blocks, text):
        return
    try:
        _update(card, ports, blocks, text)
    except Gone as error:
        journal.note("card-gone", str(error), card=None, news=())


def _update(card: CardRef, ports: Ports, blocks: Sequence[Json], text: str) -> None:
    _asked(lambda: ports.chat.update(MessageRef(card.channel, card.ts), blocks, text))


def _posted(journal: Journal, ports: Ports, blocks: Sequence[Json], text: str, ground: Ground | None) -> CardRef | None:
    """The card as it was found by its intent's nonce, else as it is posted now; None = nowhere to, or another function is at it."""
    channel, intent = channel_of(journal, ports, ground), journal.life.card_intent
    if intent is not None and _is_in_flight(intent, journal):
        return None
    found = _found(intent, channel, ports) if intent is not None else None
    if found is not None:
        return CardRef(channel=found.channel, ts=found.ts, digest="")
    if intent is not None and intent.about == channel:
        nonce = intent.nonce
    elif not channel:
        ports.log.warning("card.no-channel", proposal=journal.life.planned().id)
        return None
    else:
        nonce = _announce(journal, channel).nonce
    ref = _asked(lambda: ports.chat.post(channel, blocks, text, nonce))
    return CardRef(channel=ref.channel, ts=ref.ts, digest=_digest(blocks, text))


def _found(intent: Intent, channel: str, ports: Ports) -> MessageRef | None:
    """The card that was announced, which stays where it is, though another channel is the owner's by now."""
    try:
        return _asked(lambda: ports.chat.find(intent.about, intent.nonce))
    except Refused:
        if intent.about == channel:
            raise
        # Where nothing can be read any more, nobody can press anything that counts.
        return None


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
    proposal, governance = journal.life.planned(), _governance(journal, ports, ground)
    teams = governance.teams if governance else ()
    return next((team.channel for team in teams if team.name == proposal.team and team.channel), ports.settings.default_channel)


def _governance(journal: Journal, ports: Ports, ground: Ground | None) -> Governance | None:
    """The rules as they were read, else as they are; None = unreadable."""
    try:
        return ground.governance if ground else read_governance(ports, journal.life.planned().place.repo)
    except BadInput:
        return None


def has_card(journal: Journal, ports: Ports, ground: Ground) -> bool:
    """True where there is a card, or will be one: nothing else may speak of it."""
    return ports.chat.is_configured and (journal.life.card is not None or bool(channel_of(journal, ports, ground)))


def card_of(journal: Journal, ports: Ports) -> tuple[Sequence[Json], str]:
    """The card's blocks and its plain-text fallback, for the state the stream is in."""
    life, proposal = journal.life, journal.life.planned()
    cluster = ports.palette.cluster(proposal.finding.subject.cluster_uid)
    if life.verdict is None:
        raise LookupError("a card shows a verdict; judge first")
    blocks = slack.card(
        proposal,
        cluster,
        by_name(life.verdict, ports),
        state=life.state,
        head=life.pull_request.head if life.pull_request else "",
        url=life.pull_request.url if life.pull_request else "",
        ended=ended_line(life),
        values=choices_of(life),
        wording=ports.wording,
    )
    return blocks, title(proposal, cluster)


def choices_of(life: Life) -> tuple[int, ...]:
    """The values that may be asked for instead; of several changes that come together, each stays as it was measured."""
    proposal = life.planned()
    return () if proposal.members else values_between(proposal.finding)


def ended_line(life: Life) -> str:
    """How the proposal stands, in one line for the card: who did what, and when; "" = the state's own words say it."""
    last = life.memory[-1] if life.memory else None
    match life.state:
        case State.MERGED if life.merged_at:
            who = "Trimtab, after judging again" if life.merged_by == "trimtab" else "a person on the forge"
            yes = ", ".join(dict.fromkeys(approval.person for approval in life.approvals))
            approved = f" Approved by {yes}." if yes else ""
            return f"Merged by {who} on {life.merged_at:%Y-%m-%d %H:%M} UTC as {(life.merge_commit or '')[:10]}.{approved}"
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


# ── its thread ───────────────────────────────────────────────────────────────────────────────────────────────────────
def _tell_news(journal: Journal, ports: Ports, ground: Ground | None) -> None:
    """Everything that the thread has not heard, in order, each once: what was sent and not recorded is found by its nonce."""
    card = journal.life.card
    if card is None or not journal.life.news:
        return
    mask = mask_of_messages(_governance(journal, ports, ground), ports, card.channel)
    while journal.life.news:
        news, *later = journal.life.news
        try:
            _tell_one(news, MessageRef(card.channel, card.ts), ports, mask)
        except Gone as error:
            journal.note("card-gone", str(error), card=None, news=())
            return
        journal.note("told", f"{news.kind}, in the thread of {card.ts}", news=tuple(later))


def _tell_one(news: News, thread: MessageRef, ports: Ports, mask: Mask) -> None:
    plain, said = news_of(news.kind, news.reason, news.by, ports.wording)
    blocks, text = masked_json(plain, mask), masked(said, mask)
    if _asked(lambda: ports.chat.find(thread.channel, news.nonce, thread)) is None:
        _asked(lambda: ports.chat.post(thread.channel, blocks, text, news.nonce, thread))


# ── cards of the past ────────────────────────────────────────────────────────────────────────────────────────────────
def retire(journal: Journal, ports: Ports) -> tuple[Retired, ...]:
    """Tell the end of a generation before the next one begins; what Slack does not take now is carried over, and told later."""
    try:
        tell(journal, ports)
    except NotTold as error:
        life, card = journal.life, journal.life.card
        ports.log.warning("card.retired", proposal=life.planned().id, input=str(error))
        if card is None:
            return life.retired
        cluster = ports.palette.cluster(life.planned().finding.subject.cluster_uid)
        ended = ended_line(life) or ports.wording.plain("card_state.j2", {"state": life.state.value})
        url = life.pull_request.url if life.pull_request else ""
        return (*life.retired, Retired(card=card, title=title(life.planned(), cluster), ended=ended, url=url))
    return journal.life.retired


def _end_retired(journal: Journal, ports: Ports, ground: Ground | None) -> None:
    while journal.life.retired:
        old, *others = journal.life.retired
        _end(old, ports, mask_of_messages(_governance(journal, ports, ground), ports, old.card.channel))
        journal.note("card-ended", f"card {old.card.ts} in {old.card.channel}", retired=tuple(others))


def _end(old: Retired, ports: Ports, mask: Mask) -> None:
    place, blocks = MessageRef(old.card.channel, old.card.ts), masked_json(slack.ended_card(old.title, old.ended, old.url), mask)
    try:
        _asked(lambda: ports.chat.update(place, blocks, old.title))
    except Refused as error:
        # Deleted, or out of reach for good: nobody can press anything there, or a click there is refused for its head.
        ports.log.warning("card.refused", input=str(error))
