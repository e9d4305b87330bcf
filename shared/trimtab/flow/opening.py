"""A planned proposal becomes a commit, a branch and one pull request; later its text follows the evidence and the rules."""

import hashlib
from dataclasses import replace
from datetime import datetime

from trimtab.changes import commit_message, commit_message_of_group
from trimtab.errors import Refused
from trimtab.flow.by_name import by_name
from trimtab.flow.cards import has_card
from trimtab.flow.ground import Ground
from trimtab.flow.groups import turned_down_elsewhere
from trimtab.flow.judging import Judged, rejudge
from trimtab.flow.life import Journal, PullRequestRef, lives
from trimtab.flow.limits import full_of_commits, full_of_pull_requests
from trimtab.flow.masks import mask_of_repo
from trimtab.flow.plans import in_words, layouts_of
from trimtab.flow.replan import files_of, replan
from trimtab.flow.reviewers import labels_of, reviewers_of
from trimtab.lifecycle import Event
from trimtab.policy.masking import masked
from trimtab.ports import Ports
from trimtab.records import CommitSha, Proposal, PullRequest
from trimtab.render import pull_request as words
from trimtab.render.view import title


def open_planned(journal: Journal, ports: Ports, now: datetime, *, ground: Ground | None = None) -> PullRequest:
    """Judge, commit, open; the pull request as it is then. Raises Refused, naming the reasons, where verdict or limits say no."""
    judged = rejudge(journal, ports, now, ground=ground)
    if judged.governance is None or not judged.verdict.may_open:
        raise Refused("; ".join(f"{line.rule}: {line.saw}" for line in judged.verdict.reasons if line.effect == "blocks") or "not allowed")
    proposal = journal.life.planned()
    said = turned_down_elsewhere(proposal, lives(ports), now) if journal.life.pull_request is None else ""
    if said:
        raise Refused(said)
    limits = judged.governance.limits
    full = full_of_pull_requests(proposal, limits, ports, now) if journal.life.pull_request is None else ""
    full = full or full_of_commits(proposal, limits, ports, now)
    if full:
        raise Refused(full)
    head = _ensure_commit(journal, proposal, ports)
    headline = title(proposal, judged.facts.cluster)
    body = _body(journal, judged)
    pull_request = ports.forge.open_pull_request(
        proposal.place.repo,
        head_ref=proposal.branch,
        base_ref=proposal.base_ref,
        title=headline,
        body=body,
        labels=labels_of(judged),
        reviewers=reviewers_of(proposal, judged, ports),
        at=journal.life.planned_at or now,
    )
    if pull_request.head != head or pull_request.author != ports.forge.login or pull_request.is_from_fork:
        raise Refused(f"{pull_request.url} is open from {proposal.branch} and is not ours: hands off")
    if (pull_request.title, _words(pull_request.body)) != (headline, _words(body)):
        ports.forge.edit_pull_request(proposal.place.repo, pull_request.number, title=headline, body=body)
    reference = PullRequestRef(
        repo=proposal.place.repo,
        number=pull_request.number,
        url=pull_request.url,
        head=head,
        about=spoken_of(proposal, judged),
        at=now,
    )
    journal.move(Event.OPENED, f"{pull_request.url} at {head[:10]}", pull_request=reference, branch_head=head, held="")
    return pull_request


def _words(text: str) -> list[str]:
    """A text without its spaces and line ends, which forges write in their own way."""
    return text.split()


def follow_base(journal: Journal, judged: Judged, ports: Ports, now: datetime, *, is_refused: bool = False) -> bool:
    """Plan the same change on the base as it is now, where its file moved there; True = it has to be pushed and judged anew.

    Elsewhere a base may move as it likes, until the forge refuses to merge for it. An approval is bound to the file it was given for,
    so it falls with it. A file that no longer says what the evidence was made for is left as it is: the verdict names that.
    """
    ref, proposal = journal.life.pull_request, journal.life.planned()
    if not (is_refused or _has_moved(judged)) or judged.governance is None or ref is None:
        return False
    base = judged.ground.base
    edit = replan(files_of(proposal, base, ports), proposal, judged.governance)
    if edit is None or (edit, base) == (proposal.edit, proposal.base):
        return False
    if ports.forge.branch_head(ref.repo, proposal.branch) != journal.life.branch_head:
        return False
    fresh = replace(proposal, edit=edit, base=base)
    if _is_held(journal, full_of_commits(fresh, judged.governance.limits, ports, now)):
        return False
    reason = f"{edit.path} moved on {proposal.base_ref}: the same change on top of {base[:10]}"
    journal.move(Event.REPLANNED, reason, proposal=fresh, planned_at=now, approvals=(), verdict=None)
    return True


def _has_moved(judged: Judged) -> bool:
    pull_request = judged.facts.pull_request
    return judged.facts.is_base_blob_unmoved is False or (pull_request is not None and pull_request.is_mergeable is False)


def _is_held(journal: Journal, reason: str) -> bool:
    """Record a limit that holds it back, once; True where one does."""
    if reason and journal.life.held != reason:
        journal.note("held", reason, held=reason)
    return bool(reason)


def spoken_of(proposal: Proposal, judged: Judged) -> str:
    """What a pull request's text must be right about: the evidence, the rules, what they ask for, and what its plan says."""
    verdict, plan = judged.verdict, in_words(judged.facts.plan)
    said = f" {hashlib.sha256(plan.encode()).hexdigest()[:12]}" if plan else ""
    is_public = "" if judged.ground.rules.is_public is False else " public"
    return f"{proposal.valid_at:%Y-%m-%dT%H:%M:%SZ} {verdict.tier} {verdict.policy_version[:12]}{said}{is_public}"


def reword(journal: Journal, judged: Judged, ports: Ports) -> None:
    """Title and text for newer evidence or other rules; the change itself, and so every approval, stays."""
    ref, about = journal.life.pull_request, spoken_of(journal.life.planned(), judged)
    if ref is None or judged.governance is None or ref.about == about:
        return
    headline = title(journal.life.planned(), judged.facts.cluster)
    ports.forge.edit_pull_request(ref.repo, ref.number, title=headline, body=_body(journal, judged))
    journal.note("reworded", about, pull_request=replace(ref, about=about))


def _ensure_commit(journal: Journal, proposal: Proposal, ports: Ports) -> CommitSha:
    """The one commit of the proposal at the tip of its branch. Raises Refused where the branch is somebody else's."""
    repo, edit = proposal.place.repo, proposal.edit
    known = journal.life.branch_head
    expected = known if known is not None and ports.forge.branch_head(repo, proposal.branch) == known else None
    message = _message(proposal)
    at = journal.life.planned_at or journal.now
    head = ports.forge.commit_files(repo, proposal.branch, proposal.base, expected, {edit.path: edit.content}, message, at)
    if head is not None:
        return head
    found = ports.forge.branch_head(repo, proposal.branch)
    if found is not None and is_exactly_ours(proposal, found, ports):
        return found
    raise Refused(f"branch {proposal.branch} of {repo} holds something that is not ours: hands off")


def _message(proposal: Proposal) -> str:
    nonce = f"{proposal.fingerprint[:12]}.{proposal.generation}"
    if proposal.members:
        changes = [(member.finding.subject.pool, change) for member in proposal.members for change in member.finding.changes]
        place, path = proposal.place, proposal.edit.path
        return commit_message_of_group(cluster=place.cluster, path=path, changes=changes, proposal=proposal.id, nonce=nonce)
    return commit_message(
        subject=proposal.finding.subject,
        cluster=proposal.place.cluster,
        changes=proposal.finding.changes,
        proposal=proposal.id,
        nonce=nonce,
    )


def is_exactly_ours(proposal: Proposal, head: CommitSha, ports: Ports) -> bool:
    """True where `head` is one commit by us on the plan's base, changing exactly what the plan says (security: a name proves nothing)."""
    commits = ports.forge.commits(proposal.place.repo, proposal.base, head)
    if len(commits) != 1 or commits[0].parents != (proposal.base,) or commits[0].author != ports.forge.login:
        return False
    changes = ports.forge.merge_changes(proposal.place.repo, proposal.base, head)
    return changes is not None and dict(changes) == {proposal.edit.path: proposal.edit.content}


def _body(journal: Journal, judged: Judged) -> str:
    if judged.governance is None:
        raise Refused("without readable rules nothing opens")
    proposal = journal.life.planned()
    deliveries = {layout.delivery for layout in layouts_of(proposal.place.path, judged.governance)}
    text = words.body(
        proposal,
        judged.facts.cluster,
        by_name(judged.verdict, journal.ports),
        judged.governance,
        proposal.valid_at,
        wording=journal.ports.wording,
        delivery=deliveries.pop() if len(deliveries) == 1 else "",
        plan=in_words(judged.facts.plan),
        has_card=has_card(journal, journal.ports, judged.ground),
    )
    return masked(journal.ports.named(text), mask_of_repo(judged.governance, judged.ground.rules, journal.ports))
