"""The merge itself: announced, sent once, pinned to the reviewed head and base, proven afterwards, and finished whoever died meanwhile."""

from dataclasses import replace
from datetime import datetime, timedelta

from trimtab.errors import Upstream
from trimtab.flow.gate import CHECK, Conclusion, anchor, said
from trimtab.flow.judging import Judged
from trimtab.flow.life import Intent, Journal, PullRequestRef, remember
from trimtab.flow.refusals import say_refused
from trimtab.flow.watch import trouble_now, waiting_now
from trimtab.lifecycle import Event, State
from trimtab.ports import Ports
from trimtab.records import CommitSha, Merged, MergeRefused, PullRequest, Queued, Tier

QUEUED = "queued"
"""What an intent is about once the forge's merge queue took it."""
_AGAIN = ("base-moved", "conflict", "unknown")
"""Refusals after which it is planned or sent anew, and need no person."""
QUEUE_LAGS = timedelta(minutes=2)
"""How long a forge may not show yet what it just put into its queue."""


def finish_merge(journal: Journal, ports: Ports) -> None:
    """A merge that was announced and has no outcome: it happened, it waits in a queue, or it did not; the forge knows."""
    ref, intent = journal.life.pull_request, journal.life.merge_intent
    if intent is None or ref is None:
        return
    pull_request = ports.forge.pull_request(ref.repo, ref.number)
    if pull_request.state == "merged":
        record_merge(journal, pull_request.merge_commit or pull_request.head, "trimtab")
    elif not _waits_in_queue(pull_request, intent, journal.now):
        was = "the merge queue let it go unmerged" if intent.about == QUEUED else "the merge was announced and did not happen"
        _refuse_merge(journal, ports, ref, f"{was}; judging again")
    elif intent.about != QUEUED:
        _note_queued(journal, intent, "found in the merge queue")


def _waits_in_queue(pull_request: PullRequest, intent: Intent, now: datetime) -> bool:
    is_fresh = intent.about == QUEUED and intent.at is not None and now - intent.at < QUEUE_LAGS
    return pull_request.state == "open" and (pull_request.is_queued or is_fresh)


def _note_queued(journal: Journal, intent: Intent, detail: str) -> None:
    journal.note("queued", detail, merge_intent=replace(intent, about=QUEUED))


def merge_now(journal: Journal, judged: Judged, ports: Ports, now: datetime) -> bool:
    """Announce the merge, send it once, and record what came of it; True where the forge refused it for the base that it is on.

    Raises Upstream where it gave no reason: delivered again, the proposal is judged and merged again.
    """
    ref = journal.life.pull_request
    if ref is None or not _may_by_itself(journal, judged, ports, now):
        return False
    if journal.life.state is not State.APPROVED:
        _approve(journal, judged)
    intent = Intent(nonce=journal.nonce("merge"), by=journal.actor, at=now)
    journal.move(
        Event.MERGING,
        f"{judged.verdict.tier}: everything it needs is there",
        merge_intent=intent,
        verdict=judged.verdict,
        change_request=judged.facts.change_request,
        gate=said(ref.head, "success"),
    )
    _publish(journal, ports, ref, "success")
    message = merge_message(journal, ref, intent.nonce)
    # The base that was judged, which need not be the one that the pull request shows since.
    answer = ports.forge.merge(ref.repo, ref.number, head=ref.head, base=judged.ground.base, message=message, at=now)
    match answer:
        case Merged(commit=commit):
            record_merge(journal, commit, "trimtab")
        case Queued(detail=detail):
            _note_queued(journal, intent, detail or "the merge queue took it")
        case MergeRefused(reason=reason, detail=detail):
            _refuse_merge(journal, ports, ref, f"{reason}: {detail}")
            if reason not in _AGAIN:
                say_refused(journal, reason, f"the forge said {reason}: {detail}", ports)
            if reason == "unknown":
                raise Upstream(f"{ref.url}: the forge did not merge it and gave no reason: {detail}")
    return isinstance(answer, MergeRefused) and answer.reason in ("base-moved", "conflict")


def _refuse_merge(journal: Journal, ports: Ports, ref: PullRequestRef, reason: str) -> None:
    """The check goes first: while it is green on the head, others could merge past the gate."""
    _publish(journal, ports, ref, "pending")
    journal.move(Event.MERGE_REFUSED, reason, merge_intent=None, gate=said(ref.head, "pending"))


def _publish(journal: Journal, ports: Ports, ref: PullRequestRef, conclusion: Conclusion) -> None:
    ports.forge.set_check(ref.repo, ref.head, name=CHECK, conclusion=conclusion, summary=anchor(journal))


def _may_by_itself(journal: Journal, judged: Judged, ports: Ports, now: datetime) -> bool:
    """The day's cap on merges without a person, as slots, one for each change: two workers at once cannot both take the last one.

    A rollback has slots of its own, which it took when it was opened.
    """
    if journal.life.planned().undoes is not None:
        return True
    if judged.verdict.tier is not Tier.AUTO or judged.counted or judged.governance is None:
        return True
    proposal, cap = journal.life.planned(), judged.governance.limits.auto_merges_per_day
    holder = f"{proposal.id}.{journal.life.generation}"
    holders = [f"{holder}.{part.fingerprint}" for part in proposal.parts] if proposal.members else [holder]
    window = (f"auto-merges-{proposal.place.repo}", f"{now:%Y-%m-%d}")
    return all(ports.ledger.claim_slot(*window, cap, each) is not None for each in holders)


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
    counted = judged.counted
    if judged.verdict.tier is Tier.AUTO and not counted:
        journal.move(Event.AUTO_APPROVED, "low risk in proven non-production, and the policy allows it", approvals=())
        return
    people = next((line.saw for line in judged.verdict.lines if line.rule == "approvals"), "") or ", ".join(
        f"{approval.person} ({approval.via})" for approval in counted
    )
    journal.move(Event.APPROVED, f"approved by {people}", approvals=counted)


# ── what was merged ──────────────────────────────────────────────────────────────────────────────────────────────────
def record_merge(journal: Journal, commit: CommitSha, by: str, *, beside: str = "") -> None:
    """Record a merge: ours only once it is proven to be what was judged, else everything stops and a person is called.

    `beside` is what else was decided when it happened.
    """
    wrong = difference(journal, commit, journal.ports) if by == "trimtab" else ""
    if wrong:
        journal.ports.log.warning("merge.differs", proposal=journal.life.planned().id, commit=commit, input=wrong)
        journal.ports.permit.stop(by="trimtab", reason=f"merge {commit[:10]} is not what was judged: {wrong}", at=journal.now)
    proposal = journal.life.planned()
    journal.move(
        Event.MERGED,
        f"{commit[:10]} by {by}{beside}" + (f", which is not what was judged: {wrong}" if wrong else ""),
        actor="merge" if by == "trimtab" else "forge",
        merge_intent=None,
        merge_commit=commit,
        merged_at=journal.now,
        merged_by=by,
        waited_before=waiting_now(proposal, journal.ports),
        trouble_before=trouble_now(proposal, journal.ports),
        memory=(*journal.life.memory, *remember(proposal, "merged", journal.now, by=by)),
    )


def difference(journal: Journal, commit: CommitSha, ports: Ports) -> str:
    """How the merge commit changes its branch other than planned; "" = it does exactly what was planned."""
    proposal = journal.life.planned()
    repo, edit = proposal.place.repo, proposal.edit
    made = next((found for found in ports.forge.commits(repo, proposal.base, commit) if found.sha == commit), None)
    if made is None or not made.parents:
        return "the branch does not show it on top of the planned base"
    changes = ports.forge.merge_changes(repo, made.parents[0], commit)
    if changes is None:
        return "it does not follow from its own parent"
    others = sorted(set(changes) - {edit.path})
    if others:
        return f"it also changes {', '.join(others)}"
    return "" if dict(changes) == {edit.path: edit.content} else f"{edit.path} is not as planned"
