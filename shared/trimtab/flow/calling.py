"""Call a person, once: a comment on the pull request, the thread of the card, and an entry that says why."""

import hashlib

from trimtab.errors import Broken, Refused
from trimtab.flow.life import Journal
from trimtab.flow.masks import masked_in_channel
from trimtab.flow.notes import say_once
from trimtab.ports import Ports
from trimtab.records import Json


def call_once(journal: Journal, kind: str, text: str, ports: Ports) -> bool:
    """Say it wherever people look, the first time of this kind since the merge; True = it was said just now.

    The entry is last, so that whoever does not find it says all of it again, and finds what was said by its marks. A card's thread hears
    of the entry; without a card, the deployment's own channel does.
    """
    if was_said(journal, kind):
        return False
    proposal, ref = journal.life.planned(), journal.life.pull_request
    if ref is not None:
        say_once(journal, ref.number, f"{kind}/{journal.life.merged_at}", f"{text[:1].upper()}{text[1:]}.", ports)
    if journal.life.card is None and ports.settings.default_channel:
        _tell_channel(journal, kind, f"{proposal.id}: {text}", ports)
    journal.note(kind, text)
    return True


def was_said(journal: Journal, kind: str) -> bool:
    """True where there is such an entry since the merge."""
    since = journal.life.merged_at
    return any(entry.kind == kind and (since is None or entry.at >= since) for entry in journal.ports.ledger.entries(journal.stream))


def _tell_channel(journal: Journal, kind: str, text: str, ports: Ports) -> None:
    """Slack that says no keeps the rest from nothing: the comment and the record say it too."""
    channel = ports.settings.default_channel
    text = masked_in_channel(journal.life.planned().place.repo, channel, text, ports)
    nonce = hashlib.sha256(f"{journal.stream}/{journal.life.generation}/{journal.life.merged_at}/{kind}".encode()).hexdigest()[:20]
    section: Json = {"type": "section", "text": {"type": "plain_text", "text": text[:3000]}}
    try:
        if ports.chat.find(channel, nonce) is None:
            ports.chat.post(channel, [section], ports.named(text), nonce)
    except Broken:
        raise
    except Refused as error:
        ports.log.warning("call.refused", proposal=journal.life.planned().id, input=str(error))
