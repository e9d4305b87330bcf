"""`/trimtab rollback` and `/trimtab lift`: what the command line does on a store of our own disk, asked for in Slack where it may not.

The signed request is the record of who asked. Whoever asks is checked as whoever approves that change would be; it is no approval, so it
may be their own change, and the rollback goes through every gate as if nobody had asked.
"""

import re
from dataclasses import dataclass
from datetime import datetime

from trimtab.errors import BadInput, Broken, Refused
from trimtab.flow.answers import stranger
from trimtab.flow.approvals import person_of
from trimtab.flow.by_name import by_name
from trimtab.flow.freezes import Frozen, frozen_rule, lift, lifted_line, rule_on, was_lifted_by
from trimtab.flow.ground import ground_of
from trimtab.flow.judging import judge_now
from trimtab.flow.life import Journal, Life, fold, rollback_id, stream_of
from trimtab.flow.masks import masked_in_channel
from trimtab.flow.rollback import LONGEST_REASON, ask_to_undo, stands
from trimtab.flow.undoing import run_of
from trimtab.lifecycle import State, is_over
from trimtab.ports import Ports
from trimtab.records import Person, ProposalId
from trimtab.render.news import lacking
from trimtab.render.text import ref, shown
from trimtab.sources.clicks import Command

_PROPOSAL = re.compile(r"prop-[0-9a-z]{1,40}")
_MERGED = (State.MERGED, State.APPLIED)
_DONE = (*_MERGED, State.VERIFIED)


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """What somebody typed, in the signed request that is kept under `key` and came at `at`."""

    command: Command
    key: str
    at: datetime


def taken_back(wish: Wish, ports: Ports, now: datetime) -> str:
    """Do what was asked for, as far as it may be done; a sentence for whoever asked. The same request twice is one."""
    problem = stranger(wish.command.user, ports)
    if problem:
        return f"{problem}, so nothing was done."
    try:
        return _undone(wish, ports, now) if wish.command.name == "rollback" else _lifted(wish, ports, now)
    except Broken as error:
        ports.log.warning("command.broken", key=wish.key, input=str(error))
        return "Nothing was done: Trimtab cannot work on this. Its log says why."
    except (BadInput, Refused) as error:
        return f"Not possible: {str(error).rstrip('.')}."


def _check_may(wish: Wish, what: str, journal: Journal, ports: Ports, now: datetime) -> Person:
    """Whoever asked, if they may; who they are is read now, from Slack and the forge. Raises Refused with the reason."""
    repo = journal.life.planned().place.repo
    ground = ground_of(repo, ports)
    if ground.governance is None:
        raise Refused(f"the rules of {repo} cannot be read")
    person = person_of(wish.command.user, ground.governance)
    if person is None:
        raise Refused(f"owners.yaml of {repo} does not list you")
    problem = judge_now(journal, ports, now, ground=ground, deciders=(person.id,)).why_not_ask(person.id)
    if problem:
        raise Refused(f"{person.id} may not {what} ({problem})")
    return person


# ── what was merged ──────────────────────────────────────────────────────────────────────────────────────────────────
def _undone(wish: Wish, ports: Ports, now: datetime) -> str:
    named, reason = wish.command.about, wish.command.reason
    if not named or not reason:
        return "Say which change, and why: /trimtab rollback PROPOSAL REASON."
    journal = Journal.open(ports, named, "merge", now) if _PROPOSAL.fullmatch(named) else None
    if journal is None or journal.life.proposal is None:
        return f"There is no proposal {ref(named, 80)}."
    proposal, merged_at = journal.life.proposal, journal.life.merged_at
    if merged_at is not None and wish.at < merged_at:
        # A request that was long on its way, or comes again: what it was about is not what was merged since.
        return f"{proposal.id} was merged after you asked, so it is not undone by that; look, and ask again if you still want to."
    person = _check_may(wish, "ask to undo this", journal, ports, now)
    told = ""
    if wish.key not in dict(journal.life.answered) or journal.life.state in _MERGED:
        told = ask_to_undo(proposal.id, person.id, reason, ports, now, request=wish.key)
    forward = fold(ports.ledger.head(stream_of(proposal.id)))
    text = _why_not(told, forward, ports) if told and not stands(forward, ports) else _how_it_stands(forward, person, ports)
    return masked_in_channel(proposal.place.repo, wish.command.channel, text, ports)


def _why_not(told: str, forward: Life, ports: Ports) -> str:
    """What has a plan is opened by a later look, once it may; what has none waits for a person."""
    back = fold(ports.ledger.head(stream_of(rollback_id(forward.planned()))))
    is_planned = back.proposal is not None and back.proposal.run == run_of(forward.planned())
    return f"Not yet: {told}. Trimtab tries again every hour." if is_planned else f"Not possible: {told}."


def _how_it_stands(forward: Life, person: Person, ports: Ports) -> str:
    """Where the rollback is, and what it waits for."""
    back = fold(ports.ledger.head(stream_of(rollback_id(forward.planned()))))
    url = back.pull_request.url if back.pull_request else back.planned().id
    asked = forward.undo_asked_by
    first = f"{asked} asked for this already. " if asked and asked != person.id else ""
    if back.state in _DONE:
        return f"{first}{url} is merged and gives back what was there before."
    if is_over(back.state):
        return f"{first}Its rollback {url} is {back.state} already, and it is not opened a second time."
    lacks = lacking(by_name(back.verdict, ports), ports.wording) if back.verdict else ""
    how = f"It still needs this: {lacks}." if lacks else "It merges by itself after one more look, as it was agreed on with the change."
    return f"{first}{url} gives back what was there before. {how}"


# ── what proposes nothing since then ─────────────────────────────────────────────────────────────────────────────────
def _lifted(wish: Wish, ports: Ports, now: datetime) -> str:
    what, reason = wish.command.about, wish.command.reason
    if not what or not reason:
        return "Say what, and why: /trimtab lift CLUSTER/RULE REASON."
    uid, rule = rule_on(what, ports)
    if was_lifted_by(wish.key, uid, ports):
        return lifted_line(what)
    frozen = frozen_rule(uid, rule, ports)
    if frozen is None or frozen.since > wish.at:
        # What was frozen after somebody asked is not what they looked at.
        return f"{shown(what)} was not frozen when you asked, so there is nothing to lift."
    stop = ports.permit.stop_reason()
    if stop:
        raise Refused(f"nothing is lifted: {stop}")
    person = _check_may(wish, "lift this", _cause_of(frozen, what, ports, now), ports, now)
    if not lift(uid, rule, person.id, shown(reason, LONGEST_REASON), ports, now, request=wish.key):
        return f"Somebody else has lifted {shown(what)} a moment ago."
    return lifted_line(what)


def _cause_of(frozen: Frozen, what: str, ports: Ports, now: datetime) -> Journal:
    """The rollback that froze it: who may approve that is who may let its rule go."""
    rollback = frozen.by.rpartition(".")[0]
    journal = Journal.open(ports, ProposalId(rollback), "merge", now) if _PROPOSAL.fullmatch(rollback) else None
    if journal is None or journal.life.proposal is None:
        raise Refused(f"it was frozen by hand, and is lifted so: trimtab freeze {shown(what)} --lift")
    return journal
