"""The gate answers every pull request of a managed repo: green means that nothing in it is ours, or that it is being merged by us.

What is ours is known from the record alone: a marker, a branch's name or a commit's e-mail proves nothing in its favor.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from trimtab.errors import NotYet
from trimtab.flow.life import Journal, Life, lives
from trimtab.lifecycle import State
from trimtab.ports import Ports
from trimtab.records import CommitSha, PullRequest

CHECK = "trimtab/gate"
OUR_BRANCHES = "trimtab/"
WAKE = "inbox/decide/gate."
"""inbox/decide/gate.<repo>.<number>.<head>.<base branch>: done once that head is answered; `.at-<hour>` behind it asks for that."""
MOST_WAKES = 50
"""How many unanswered pull requests of one repo a sweep wakes; the next one goes on."""
Conclusion = Literal["success", "failure", "pending"]
_WAITING = (State.PLANNED, State.OPEN, State.AWAITING, State.APPROVED, State.EXPIRED)
_KEPT = (*_WAITING, State.MERGING, State.HUMAN_OWNED)
"""States in which the stream itself keeps the check of its pull request."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the check says, and why."""

    conclusion: Conclusion
    why: str


# ── a pull request of ours ───────────────────────────────────────────────────────────────────────────────────────────
def said(head: CommitSha, conclusion: Conclusion) -> str:
    """How a stream remembers what its check says."""
    return f"{head} {conclusion}"


def keep_gate(journal: Journal, ports: Ports) -> None:
    """Say on the head what the stream says: pending while it waits, failure once somebody else's commit is on it."""
    life = journal.life
    ref = life.pull_request
    if ref is None or life.state not in (*_WAITING, State.HUMAN_OWNED):
        return
    conclusion: Conclusion = "failure" if life.state is State.HUMAN_OWNED else "pending"
    head = ports.forge.pull_request(ref.repo, ref.number).head if life.state is State.HUMAN_OWNED else ref.head
    if life.gate == said(head, conclusion):
        return
    ports.forge.set_check(ref.repo, head, name=CHECK, conclusion=conclusion, summary=f"{_WORDS[conclusion]}\n\n{anchor(journal)}")
    journal.note("gate", f"{conclusion} on {head[:10]}", gate=said(head, conclusion))


_WORDS = {
    "pending": "Trimtab has not decided to merge this yet; the pull request says what it waits for.",
    "failure": "Something is on this branch that Trimtab did not put there. To merge it, open a pull request of your own.",
}


def anchor(journal: Journal) -> str:
    """Where the record stands, for a check to carry."""
    return f"Trimtab-Ledger: {journal.anchor}"


# ── everybody else's ─────────────────────────────────────────────────────────────────────────────────────────────────
def answer(repo: str, number: int, ports: Ports, now: datetime) -> str:
    """Answer one pull request on its head as it is now; the same head is answered once. What was done, for the log."""
    pull = ports.forge.pull_request(repo, number)
    if pull.state != "open":
        return f"{repo}#{number} is {pull.state}"
    key = answered_key(pull)
    if ports.inbox.is_done(key):
        return f"{repo}#{number}: answered before"
    found = answer_of(pull, ports)
    if found is None:
        return f"{repo}#{number}: its own proposal answers"
    ports.forge.set_check(repo, pull.head, name=CHECK, conclusion=found.conclusion, summary=ports.named(found.why))
    ports.log.info("gate.answered", repo=repo, number=number, head=pull.head, conclusion=found.conclusion)
    ports.inbox.put(key, b"{}")
    ports.inbox.finish(key, f"{found.conclusion} at {now:%Y-%m-%dT%H:%MZ}")
    return f"{repo}#{number}: {found.conclusion}: {found.why}"


def answered_key(pull: PullRequest) -> str:
    """The inbox key of having answered this head into that base; another head, or another base, is asked anew."""
    into = hashlib.sha256(pull.base_ref.encode()).hexdigest()[:12]
    return f"{WAKE}{pull.repo}.{pull.number}.{pull.head}.{into}"


def answer_of(pull: PullRequest, ports: Ports) -> Answer | None:
    """Success where nothing in it is ours, failure where something of ours is not as the record has it; None = a stream answers.

    Raises NotYet for one that we are opening just now.
    """
    ours = _lives(ports, pull.repo)
    life = next((life for life in ours if life.pull_request and life.pull_request.number == pull.number), None)
    if life is not None:
        return None if life.state in _KEPT else Answer("failure", f"This proposal is {life.state}; Trimtab does not judge it any more.")
    if pull.head in _recorded_of(ours):
        # A check belongs to a commit: green for anybody's pull request of ours would be green for ours too.
        return None
    if _is_being_opened(pull, ours, ports):
        raise NotYet(f"{pull.repo}#{pull.number}: Trimtab is opening it; asked again once that is recorded")
    strange = _ours_and_unrecorded(pull, ours, ports)
    if strange:
        return Answer("failure", f"Not in Trimtab's record: {strange}. Nothing merges in Trimtab's name that it did not propose.")
    return Answer("success", "Not Trimtab's: nothing in this pull request is by it.")


def _lives(ports: Ports, repo: str) -> list[Life]:
    return [life for life in lives(ports).values() if life.planned().place.repo == repo]


def _is_being_opened(pull: PullRequest, ours: list[Life], ports: Ports) -> bool:
    """True between our opening it and our recording it."""
    planned = {life.planned().branch for life in ours if life.state is State.PLANNED and life.pull_request is None}
    return pull.author == ports.forge.login and not pull.is_from_fork and pull.head_ref in planned


def _ours_and_unrecorded(pull: PullRequest, ours: list[Life], ports: Ports) -> str:
    """What of it is ours and stands nowhere in the record; "" = nothing."""
    login = ports.forge.login
    if pull.author == login:
        return "a pull request by Trimtab's own account"
    if pull.head_ref.startswith(OUR_BRANCHES) and not pull.is_from_fork:
        return f"a pull request from a branch below {OUR_BRANCHES}"
    # From the managed branch, and not from the pull request's own base: what was merged there is settled, wherever it goes next.
    settled = ports.forge.base_head(pull.repo, ports.settings.repository(pull.repo).branch)
    recorded = _recorded_of(ours)
    strangers = [
        commit.sha
        for commit in ports.forge.commits(pull.repo, settled, pull.head)
        if login in (commit.author, commit.committer) and commit.sha not in recorded
    ]
    return f"commit {strangers[0][:10]} by Trimtab's own account" if strangers else ""


def _recorded_of(ours: list[Life]) -> set[CommitSha]:
    made = (sha for life in ours for sha in (life.branch_head, life.merge_commit, life.pull_request.head if life.pull_request else None))
    return {sha for sha in made if sha is not None}


# ── what no webhook told ─────────────────────────────────────────────────────────────────────────────────────────────
def sweep_gate(repo: str, ports: Ports, now: datetime) -> int:
    """Wake `merge` for open pull requests whose head nobody answered, each once an hour at most; how many are woken.

    One call of the forge, and a bounded number of wakes. A wake is not the mark of an answer: one that came while Trimtab was stopped
    is finished, and answered nothing.
    """
    woken = 0
    ours = _lives(ports, repo)
    kept, heads = {life.pull_request.number for life in ours if life.pull_request and life.state in _KEPT}, _recorded_of(ours)
    for pull in ports.forge.open_pull_requests(repo):
        if woken < MOST_WAKES and pull.number not in kept and pull.head not in heads and not ports.inbox.is_done(answered_key(pull)):
            woken += ports.inbox.put(f"{answered_key(pull)}.at-{now:%Y%m%dT%H}", b"{}")
    return woken


__all__ = [
    "CHECK", "MOST_WAKES", "WAKE", "Answer", "Conclusion", "anchor", "answer", "answer_of", "answered_key", "keep_gate", "said",
    "sweep_gate",
]  # fmt: skip
