"""Bring the world to what a stream says: derive what is wanted, read what is there, write the difference, record it.

Every effect without a natural key is announced by an intent and recorded by its outcome; an intent found without outcome is
looked for by its nonce. Whoever runs this twice, or runs it after a crash, ends in the same place.
"""

from dataclasses import replace
from datetime import datetime

from trimtab.errors import Refused
from trimtab.flow.cards import tell
from trimtab.flow.judging import Judged, rejudge
from trimtab.flow.life import Intent, Journal, Life, Memory, PullRequestRef
from trimtab.flow.opening import follow_base, is_exactly_ours, open_planned, reword
from trimtab.lifecycle import Event, State
from trimtab.ports import Ports
from trimtab.records import CommitSha, Merged, MergeRefused, PullRequest, Tier
from trimtab.render.text import inline

CHECK = "trimtab/gate"
_WAITING = (State.OPEN, State.AWAITING, State.APPROVED, State.EXPIRED)
_TURNED_DOWN = (State.REJECTED, State.SNOOZED, State.SUPERSEDED)


def settle(journal: Journal, ports: Ports, now: datetime, *, may_merge: bool = False) -> None:
    """Finish what was begun, notice what people did, then do what is still missing. Only `merge` passes may_merge."""
    catch_up(journal, ports, now)
    carry_on(journal, ports, now, may_merge=may_merge)


def catch_up(journal: Journal, ports: Ports, now: datetime) -> None:
    """Record what is true of the world and not in the stream yet: our own interrupted effects first, then what people did."""
    _finish_merge(journal, ports)
    _adopt_commit(journal, ports)
    _notice(journal, ports, now)


def carry_on(journal: Journal, ports: Ports, now: datetime, *, may_merge: bool = False) -> None:
    """Do what the stream wants and the world lacks. Raises Refused, after the card says so too, where a planned one may not open."""
    if journal.life.state is State.PLANNED:
        try:
            open_planned(journal, ports, now)
        except Refused:
            tell(journal, ports)
            raise
    if journal.life.state in _WAITING:
        judged = rejudge(journal, ports, now)
        if follow_base(journal, judged, ports, now):
            open_planned(journal, ports, now)
            judged = rejudge(journal, ports, now)
        reword(journal, judged, ports)
        if may_merge and judged.verdict.may_merge:
            _merge_now(journal, judged, ports, now)
    if owes_close(journal.life):
        _close_pull_request(journal, ports, now)
    tell(journal, ports)
    if owes_close(journal.life) and journal.life.pull_request:
        # Last, so that whoever sees it owed does all of the ending again.
        journal.note("closed", journal.life.pull_request.url, pull_request=replace(journal.life.pull_request, is_closed=True))


# ── finish what was begun ────────────────────────────────────────────────────────────────────────────────────────────
def _finish_merge(journal: Journal, ports: Ports) -> None:
    """A merge that was announced and has no outcome: it happened, or it did not, and the forge knows."""
    ref = journal.life.pull_request
    if journal.life.merge_intent is None or ref is None:
        return
    pull_request = ports.forge.pull_request(ref.repo, ref.number)
    if pull_request.state == "merged":
        _record_merge(journal, pull_request.merge_commit or pull_request.head, "trimtab")
    elif not pull_request.is_queued:
        _refuse_merge(journal, ports, ref, "the merge was announced and did not happen; judging again")


def _refuse_merge(journal: Journal, ports: Ports, ref: PullRequestRef, reason: str) -> None:
    """The check goes first: while it is green on the head, others could merge past the gate."""
    ports.forge.set_check(ref.repo, ref.head, name=CHECK, conclusion="pending", summary=f"Trimtab-Ledger: {journal.anchor}")
    journal.move(Event.MERGE_REFUSED, reason, merge_intent=None)


def _adopt_commit(journal: Journal, ports: Ports) -> None:
    """A commit that we pushed and died before recording is ours, if it is exactly what the plan makes."""
    life = journal.life
    if life.state is not State.PLANNED:
        return
    proposal = life.planned()
    head = ports.forge.branch_head(proposal.place.repo, proposal.branch)
    if head not in {None, life.branch_head} and head is not None and is_exactly_ours(proposal, head, ports):
        journal.note("pushed", f"{head[:10]} is on the branch", branch_head=head)


# ── notice what people did ───────────────────────────────────────────────────────────────────────────────────────────
def _notice(journal: Journal, ports: Ports, now: datetime) -> None:
    """Record a close, a merge or a commit that happened on the forge without us."""
    ref = journal.life.pull_request
    if ref is None or journal.life.state not in (State.PLANNED, *_WAITING, State.HUMAN_OWNED):
        return
    pull_request = ports.forge.pull_request(ref.repo, ref.number)
    if pull_request.state == "merged":
        _record_merge(journal, pull_request.merge_commit or pull_request.head, "forge")
    elif pull_request.state == "closed":
        memory = Memory(fingerprint=journal.life.planned().fingerprint, kind="closed", at=now, by="forge")
        journal.move(
            Event.CLOSED_BY_HUMAN, "closed on the forge without merging", actor="forge", memory=(*journal.life.memory, memory), approvals=()
        )
    elif pull_request.head not in {ref.head, journal.life.branch_head} and journal.life.state is not State.HUMAN_OWNED:
        _hands_off(journal, pull_request, ports, now)


def _hands_off(journal: Journal, pull_request: PullRequest, ports: Ports, now: datetime) -> None:
    """A commit that is not ours is on the branch: approvals are void, the branch is theirs."""
    text = (
        f"Somebody pushed `{pull_request.head[:10]}` to this branch, so Trimtab will not touch it any more: no update, no merge, no "
        "close. Merge or close it as you like; approvals given before the push are void."
    )
    _comment_once(ports, pull_request.repo, pull_request.number, text, now)
    journal.move(Event.HUMAN_COMMIT, f"{pull_request.head} is on the branch and not ours", actor="forge", approvals=())


def _comment_once(ports: Ports, repo: str, number: int, text: str, now: datetime) -> None:
    if not any(comment.text == text and comment.login == ports.forge.login for comment in ports.forge.comments(repo, number)):
        ports.forge.comment(repo, number, text, now)


def owes_close(life: Life) -> bool:
    """True where what was turned down still has a pull request that nobody closed."""
    return life.state in _TURNED_DOWN and life.pull_request is not None and not life.pull_request.is_closed


def _close_pull_request(journal: Journal, ports: Ports, now: datetime) -> None:
    """With a sentence, once; unless a person has meanwhile put their own commit there."""
    ref = journal.life.pull_request
    if ref is None:
        return
    pull_request = ports.forge.pull_request(ref.repo, ref.number)
    if pull_request.state == "open" and pull_request.head in {ref.head, journal.life.branch_head}:
        last = journal.life.memory[-1]
        until = f" until {last.until:%Y-%m-%d}" if last.until else ""
        why = f": {inline(last.reason)}" if last.reason else ""
        _comment_once(ports, ref.repo, ref.number, f"Closed: {last.kind} by {inline(last.by)}{until}{why}.", now)
        ports.forge.close_pull_request(ref.repo, ref.number)


# ── merge ────────────────────────────────────────────────────────────────────────────────────────────────────────────
def _merge_now(journal: Journal, judged: Judged, ports: Ports, now: datetime) -> None:
    """Announce the merge, send it once, pinned to the reviewed head and base, and record what came of it."""
    ref, facts = journal.life.pull_request, judged.facts
    if ref is None or facts.pull_request is None or not _may_by_itself(journal, judged, ports, now):
        return
    if journal.life.state is not State.APPROVED:
        _approve(journal, judged)
    nonce = journal.nonce("merge")
    journal.move(
        Event.MERGING,
        f"{judged.verdict.tier}: everything it needs is there",
        merge_intent=Intent(nonce=nonce, by=journal.actor, at=now),
        verdict=judged.verdict,
    )
    ports.forge.set_check(ref.repo, ref.head, name=CHECK, conclusion="success", summary=f"Trimtab-Ledger: {journal.anchor}")
    answer = ports.forge.merge(
        ref.repo, ref.number, head=ref.head, base=facts.pull_request.base, message=merge_message(journal, ref, nonce), at=now
    )
    if isinstance(answer, Merged):
        _record_merge(journal, answer.commit, "trimtab")
    elif isinstance(answer, MergeRefused):
        _refuse_merge(journal, ports, ref, f"{answer.reason}: {answer.detail}")


def _may_by_itself(journal: Journal, judged: Judged, ports: Ports, now: datetime) -> bool:
    """The day's cap on merges without a person, as slots: two workers at once cannot both take the last one."""
    if judged.verdict.tier is not Tier.AUTO or judged.facts.approvals or judged.governance is None:
        return True
    proposal, cap = journal.life.planned(), judged.governance.limits.auto_merges_per_day
    holder = f"{proposal.id}.{journal.life.generation}"
    return ports.ledger.claim_slot(f"auto-merges-{proposal.place.repo}", f"{now:%Y-%m-%d}", cap, holder) is not None


def merge_message(journal: Journal, ref: PullRequestRef, nonce: str) -> str:
    """Subject and trailers of the merge commit; it anchors the record in Git."""
    proposal = journal.life.planned()
    return (
        f"Merge {proposal.branch} (#{ref.number})\n\n"
        f"Trimtab-Proposal: {proposal.id}\nTrimtab-Nonce: {nonce}\nTrimtab-Ledger: {journal.anchor}\n"
    )


def _approve(journal: Journal, judged: Judged) -> None:
    if journal.life.state is State.EXPIRED:
        journal.move(Event.ASKED, "answered after the request had expired", asked_at=journal.now)
    if judged.verdict.tier is Tier.AUTO and not judged.facts.approvals:
        journal.move(Event.AUTO_APPROVED, "low risk in proven non-production, and the policy allows it")
        return
    people = next((line.saw for line in judged.verdict.lines if line.rule == "approvals"), "") or ", ".join(
        f"{approval.person} ({approval.via})" for approval in judged.facts.approvals
    )
    journal.move(Event.APPROVED, f"approved by {people}", approvals=judged.facts.approvals)


def _record_merge(journal: Journal, commit: CommitSha, by: str) -> None:
    proposal = journal.life.planned()
    memory = Memory(fingerprint=proposal.fingerprint, kind="merged", at=journal.now, by=by)
    journal.move(
        Event.MERGED,
        f"{commit[:10]} by {by}",
        actor="merge" if by == "trimtab" else "forge",
        merge_intent=None,
        merge_commit=commit,
        merged_at=journal.now,
        merged_by=by,
        memory=(*journal.life.memory, memory),
    )
