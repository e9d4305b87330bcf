"""What people did on the forge without us, noticed and recorded: a close, a merge, a commit on our branch, another base."""

from datetime import datetime

from trimtab.flow.life import Journal, remember
from trimtab.flow.merging import record_merge
from trimtab.flow.notes import say_once
from trimtab.lifecycle import Event, State
from trimtab.ports import Ports
from trimtab.records import PullRequest
from trimtab.render.text import inline

WAITING = (State.OPEN, State.AWAITING, State.APPROVED, State.EXPIRED)
_TURNED_DOWN = (State.REJECTED, State.SNOOZED, State.SUPERSEDED)


def notice(journal: Journal, ports: Ports, now: datetime) -> None:
    """Record what is true of the pull request and not in the stream yet."""
    ref = journal.life.pull_request
    if ref is None:
        return
    if journal.life.state in _TURNED_DOWN and not ref.is_closed:
        _notice_overtaken(journal, ports)
        return
    if journal.life.state not in (State.PLANNED, *WAITING, State.HUMAN_OWNED):
        return
    pull_request = ports.forge.pull_request(ref.repo, ref.number)
    if pull_request.state == "merged":
        record_merge(journal, pull_request.merge_commit or pull_request.head, _merged_by(pull_request, ports))
    elif pull_request.state == "closed":
        memory = (*journal.life.memory, *remember(journal.life.planned(), "closed", now, by="forge"))
        journal.move(Event.CLOSED_BY_HUMAN, "closed on the forge without merging", actor="forge", memory=memory, approvals=())
    elif journal.life.state is not State.HUMAN_OWNED:
        _notice_hands(journal, pull_request, ports)


def _notice_overtaken(journal: Journal, ports: Ports) -> None:
    """A merge that was under way when somebody turned the change down, or by a person before it was closed: it is on the branch.

    It is watched like any other merge, and everybody who looks is told that two decisions met.
    """
    ref, state = journal.life.pull_request, journal.life.state
    if ref is None:
        return
    pull_request = ports.forge.pull_request(ref.repo, ref.number)
    if pull_request.state != "merged":
        return
    text = (
        f"This was merged at the same moment as it was {state}, and the merge came first. Trimtab watches it like any other. "
        "Where it should not stay, undo it as this pull request says above."
    )
    say_once(journal, ref.number, f"overtaken/{len(journal.life.memory)}", text, ports)
    by = _merged_by(pull_request, ports)
    record_merge(journal, pull_request.merge_commit or pull_request.head, by, beside=f", though it was {state} by then")


def _merged_by(pull_request: PullRequest, ports: Ports) -> str:
    """Whoever died with the merge on its way may have been taken for one that did not happen: it is ours all the same."""
    return "trimtab" if pull_request.merged_by == ports.forge.login else "forge"


def _notice_hands(journal: Journal, pull_request: PullRequest, ports: Ports) -> None:
    """Whoever moves the branch or its base takes it over: nothing that was agreed on is what would be merged."""
    life = journal.life
    if life.pull_request and pull_request.head not in {life.pull_request.head, life.branch_head}:
        what, why = f"Somebody pushed `{pull_request.head[:10]}` to this branch", f"{pull_request.head} is on the branch and not ours"
    elif pull_request.base_ref != life.planned().base_ref:
        what = f"Somebody made this pull request go into the branch {inline(pull_request.base_ref)}"
        why = f"its base is {pull_request.base_ref} and not {life.planned().base_ref}"
    else:
        return
    text = (
        f"{what}, so Trimtab will not touch it any more: no update, no merge, no close. Approvals given before are void. Close it, or "
        "merge it where your rules let you; where they require Trimtab's check, open a pull request of your own, because this one speaks "
        "in Trimtab's name and stays red."
    )
    say_once(journal, pull_request.number, f"hands-off/{pull_request.head}/{pull_request.base_ref}", text, ports)
    journal.move(Event.HUMAN_COMMIT, why, actor="forge", approvals=())
