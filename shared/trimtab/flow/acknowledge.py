"""Somebody says "I am on it": an alert is taken up, so that nobody else is told of it; that decides nothing else."""

from dataclasses import replace
from datetime import datetime
from functools import partial

from trimtab.errors import BadInput, Broken, Refused
from trimtab.flow.alarms import Book, Telling
from trimtab.flow.approvals import person_of
from trimtab.flow.governance import home_governance
from trimtab.flow.life import until_settled
from trimtab.flow.masks import mask_of_messages
from trimtab.flow.telling import said
from trimtab.policy.masking import masked, masked_json
from trimtab.ports import MessageRef, Ports
from trimtab.records import Click, Governance, Json, Person
from trimtab.render import alerts

SUBJECT_LENGTH = 20


def acknowledge(click: Click, key: str, ports: Ports, now: datetime) -> str:
    """Record a verified click on an alert's button, once; the sentence for the person. `click.head` is the alert's mark."""
    try:
        governance = home_governance(ports)
    except BadInput:
        return "This is not recorded: the rules in .trimtab/ cannot be read, so nobody is known."
    person = person_of(click.user, governance)
    if person is None:
        return "You are not listed in owners.yaml, so this is not recorded; somebody who is should take it up."
    if ports.chat.account(click.user) != "active":
        return "Your account is no member's of this workspace any more, or it cannot be told; so this is not recorded."
    if not _is_subject(click.proposal):
        return "There is no such alert."
    return until_settled(partial(_recorded, click, person, governance, key, ports, now))


def _is_subject(text: str) -> bool:
    """As `alarms.subject` writes it; a button's value is whatever its sender says."""
    return len(text) == SUBJECT_LENGTH and set(text) <= set("0123456789abcdef")


def _recorded(click: Click, person: Person, governance: Governance, key: str, ports: Ports, now: datetime) -> str:
    book = Book.open(ports, click.proposal, key, now)
    telling = book.alarm.telling(click.head)
    if telling is None or not telling.is_told:
        return "There is no such alert."
    if telling.on_it is None:
        telling = replace(telling, on_it=person.id, on_it_at=now)
        book.write("on-it", f"{person.id} is on it", book.put(telling), actor=person.id)
    _show(book, telling, governance, ports)
    if telling.on_it != person.id:
        return f"{telling.on_it} has been on it since {telling.on_it_at:%Y-%m-%d %H:%M} UTC."
    return "You are on it; nobody else is told of this threshold."


def _show(book: Book, telling: Telling, governance: Governance, ports: Ports) -> None:
    """The button gives way to who is on it, wherever the alert stands in Slack."""
    alert = said(book.subject, telling, governance, ports)
    for message in (*telling.sent, *telling.escalated):
        if message.way == "slack" and message.state == "done":
            mask, ref = mask_of_messages(governance, ports, message.place), MessageRef(message.channel, message.ts)
            _update(ref, masked_json(alerts.slack_blocks(alert), mask), masked(alert.text, mask), ports)


def _update(ref: MessageRef, blocks: list[Json], text: str, ports: Ports) -> None:
    """An alert that was deleted from its channel needs no new words."""
    try:
        ports.chat.update(ref, blocks, text)
    except Refused as error:
        if isinstance(error, Broken):
            raise
        ports.log.warning("alert.not-updated", channel=ref.channel, input=str(error))
