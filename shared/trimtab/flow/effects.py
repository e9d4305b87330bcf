"""Bring the world to what a stream says: derive what is wanted, read what is there, write the difference, record it.

Every effect without a natural key is announced by an intent and recorded by its outcome; an intent found without outcome is
looked for by its nonce. Whoever runs this twice, or runs it after a crash, ends in the same place.
"""

from dataclasses import replace
from datetime import datetime

from trimtab.errors import Refused
from trimtab.flow.cards import tell
from trimtab.flow.gate import CHECK, keep_gate
from trimtab.flow.ground import Ground
from trimtab.flow.judging import Judged, judge_now, rejudge
from trimtab.flow.life import Journal, Life
from trimtab.flow.merging import finish_merge, merge_now
from trimtab.flow.notes import say_once
from trimtab.flow.opening import follow_base, is_exactly_ours, open_planned, reword
from trimtab.flow.people import WAITING, notice
from trimtab.flow.refusals import say_uncounted, say_why_not
from trimtab.lifecycle import State
from trimtab.ports import Ports
from trimtab.render.text import inline

_TURNED_DOWN = (State.REJECTED, State.SNOOZED, State.SUPERSEDED)


def settle(journal: Journal, ports: Ports, now: datetime, *, may_merge: bool = False) -> None:
    """Finish what was begun, notice what people did, then do what is still missing. Only `merge` passes may_merge."""
    catch_up(journal, ports, now)
    carry_on(journal, ports, now, may_merge=may_merge)


def catch_up(journal: Journal, ports: Ports, now: datetime) -> None:
    """Record what is true of the world and not in the stream yet: our own interrupted effects first, then what people did."""
    finish_merge(journal, ports)
    _adopt_commit(journal, ports)
    notice(journal, ports, now)


def carry_on(journal: Journal, ports: Ports, now: datetime, *, may_merge: bool = False, ground: Ground | None = None) -> None:
    """Do what the stream wants and the world lacks. Raises Refused, after the card says so too, where a planned one may not open.

    `ground` is what a run read of the repo for all its proposals; without it each is judged on the repo as it is now. Only where it
    may merge does it also have the gate's identity, which answers with the check.
    """
    seen = None
    if journal.life.state is State.PLANNED:
        try:
            seen = open_planned(journal, ports, now, ground=ground)
        except Refused:
            tell(journal, ports, ground)
            raise
    if journal.life.state in WAITING:
        judged = rejudge(journal, ports, now, ground=ground, may_merge=may_merge, seen=seen)
        _carry_on_waiting(journal, judged, ports, now, may_merge=may_merge)
        ground = ground or judged.ground
    if owes_close(journal.life):
        _close_pull_request(journal, ports)
    if may_merge:
        keep_gate(journal, ports)
    tell(journal, ports, ground)
    if owes_close(journal.life) and journal.life.pull_request:
        # Last, so that whoever sees it owed does all of the ending again.
        journal.note("closed", journal.life.pull_request.url, pull_request=replace(journal.life.pull_request, is_closed=True))


def _carry_on_waiting(journal: Journal, judged: Judged, ports: Ports, now: datetime, *, may_merge: bool) -> None:
    if follow_base(journal, judged, ports, now):
        seen = open_planned(journal, ports, now, ground=judged.ground)
        judged = rejudge(journal, ports, now, ground=judged.ground, may_merge=may_merge, seen=seen)
    reword(journal, judged, ports)
    if may_merge and not judged.verdict.may_merge:
        say_why_not(journal, judged, ports)
        say_uncounted(journal, judged, ports)
    if not (may_merge and judged.verdict.may_merge) or not merge_now(journal, judged, ports, now):
        return
    # The forge wants it on the base as it is now: planned there, it is asked for and merged anew by whom the push wakes.
    ports.forge.forget()
    if follow_base(journal, judge_now(journal, ports, now), ports, now, is_refused=True):
        open_planned(journal, ports, now)


def _adopt_commit(journal: Journal, ports: Ports) -> None:
    """A commit that we pushed and died before recording is ours, if it is exactly what the plan makes."""
    life = journal.life
    if life.state is not State.PLANNED:
        return
    proposal = life.planned()
    head = ports.forge.branch_head(proposal.place.repo, proposal.branch)
    if head not in {None, life.branch_head} and head is not None and is_exactly_ours(proposal, head, ports):
        journal.note("pushed", f"{head[:10]} is on the branch", branch_head=head)


def owes_close(life: Life) -> bool:
    """True where what was turned down still has a pull request that nobody closed."""
    return life.state in _TURNED_DOWN and life.pull_request is not None and not life.pull_request.is_closed


def _close_pull_request(journal: Journal, ports: Ports) -> None:
    """With a sentence, once; unless a person has meanwhile put their own commit there."""
    ref = journal.life.pull_request
    if ref is None:
        return
    pull_request = ports.forge.pull_request(ref.repo, ref.number)
    if pull_request.state == "open" and pull_request.head in {ref.head, journal.life.branch_head}:
        last = journal.life.memory[-1]
        until = f" until {last.until:%Y-%m-%d}" if last.until else ""
        why = f": {inline(last.reason)}" if last.reason else ""
        say_once(journal, ref.number, f"closed/{len(journal.life.memory)}", f"Closed: {last.kind} by {inline(last.by)}{until}{why}.", ports)
        ports.forge.close_pull_request(ref.repo, ref.number)


__all__ = ["CHECK", "carry_on", "catch_up", "owes_close", "settle"]
