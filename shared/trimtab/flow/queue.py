"""The forge's merge queue: before it merges it asks about the very commit that it would make, and that commit is judged like any other."""

from datetime import datetime

from trimtab.flow.gate import CHECK, Answer, answer_of
from trimtab.flow.judging import judge_now
from trimtab.flow.life import Journal, lives
from trimtab.flow.replan import files_of, is_unmoved
from trimtab.lifecycle import State
from trimtab.ports import Ports
from trimtab.records import ProposalId, QueueEntry

WAKE = "inbox/decide/queue."
"""inbox/decide/queue.<repo>.<commit>: answer what waits in the queue of that repo."""
MOST_ENTRIES = 30
"""Entries from the front of a queue that are judged at a time."""


def judge_queue(repo: str, ports: Ports, now: datetime) -> str:
    """Answer every entry of the repo's queue on its own commit; what was done, for the log."""
    branch = ports.settings.repository(repo).branch
    entries = ports.forge.queue(repo, branch)[:MOST_ENTRIES]
    told, turned_down = [], 0
    for entry in entries:
        found = _answer(repo, entry, turned_down, ports, now)
        _publish(repo, entry, found, ports)
        turned_down = entry.number if found.conclusion == "failure" else turned_down
        told.append(f"{repo}#{entry.number} as {entry.commit[:10]}: {found.conclusion}: {found.why}")
    return "; ".join(told) or f"{repo}: nothing waits in the queue"


def _answer(repo: str, entry: QueueEntry, turned_down: int, ports: Ports, now: datetime) -> Answer:
    proposal = _proposal_of(repo, entry.number, ports)
    found = _judged(proposal, entry, ports, now) if proposal else answer_of(ports.forge.pull_request(repo, entry.number), ports)
    if found is None:
        return Answer("failure", "Its head is a commit of Trimtab's that another pull request proposes.")
    if turned_down and found.conclusion == "success":
        # Its commit holds that one's too, and a queue may merge a whole group for the check of the last one alone.
        return Answer("pending", f"It stands behind {turned_down} in the queue, which may not merge; asked again once that is out.")
    return found


def _publish(repo: str, entry: QueueEntry, found: Answer, ports: Ports) -> None:
    """A success is said once, everything else each time: what was green before must not stay so."""
    done = f"{WAKE}{repo}.{entry.commit}.success"
    if found.conclusion == "success" and ports.inbox.is_done(done):
        return
    ports.forge.set_check(repo, entry.commit, name=CHECK, conclusion=found.conclusion, summary=ports.named(found.why))
    if found.conclusion == "success":
        ports.inbox.put(done, b"{}")
        ports.inbox.finish(done, found.why)


def _proposal_of(repo: str, number: int, ports: Ports) -> ProposalId | None:
    refs = ((life.planned().id, life.pull_request) for life in lives(ports).values())
    return next((proposal for proposal, ref in refs if ref and (ref.repo, ref.number) == (repo, number)), None)


def _judged(proposal: ProposalId, entry: QueueEntry, ports: Ports, now: datetime) -> Answer:
    """Success only where we asked for this merge, everything still speaks for it, and the queue's commit is exactly the plan."""
    journal = Journal.open(ports, proposal, "merge", now)
    life = journal.life
    if life.state is not State.MERGING or life.merge_intent is None:
        return Answer("failure", f"Trimtab has not decided to merge this: it is {life.state}.")
    judged = judge_now(journal, ports, now, is_thorough=True)
    if not judged.verdict.may_merge:
        reasons = ", ".join(line.rule for line in judged.verdict.reasons if line.effect in ("blocks", "waits"))
        return Answer("failure", f"Judged again in the queue: {reasons}.")
    problem = _difference(journal, entry, ports)
    return Answer("failure", problem) if problem else Answer("success", f"Exactly the planned change.\n\nTrimtab-Ledger: {journal.anchor}")


def _difference(journal: Journal, entry: QueueEntry, ports: Ports) -> str:
    """How what the queue would make differs from what was judged; "" = it does not."""
    proposal = journal.life.planned()
    if not is_unmoved(files_of(proposal, entry.base, ports), proposal):
        return "What comes before it in the queue changes a file that this change was judged on."
    changes = ports.forge.merge_changes(proposal.place.repo, entry.base, entry.commit)
    is_plan = changes is not None and dict(changes) == {proposal.edit.path: proposal.edit.content}
    return "" if is_plan else "The queue's commit changes something else than planned."


# ── what no webhook told ─────────────────────────────────────────────────────────────────────────────────────────────
def sweep_queue(repo: str, ports: Ports, now: datetime) -> int:
    """Wake `merge` for what waits in a queue, once an hour at most for the same entries; how many are woken."""
    entries = ports.forge.queue(repo, ports.settings.repository(repo).branch)
    if not entries:
        return 0
    return int(ports.inbox.put(f"{WAKE}{repo}.{entries[-1].commit}.at-{now:%Y%m%dT%H}", b"{}"))
