"""What was lost: webhooks, messages, decisions that nobody made, branches that nobody needs. The world is believed, not the events."""

from datetime import datetime, timedelta

from trimtab.flow.annotate import annotate_clusters
from trimtab.flow.cards import tell
from trimtab.flow.dashboard import keep_dashboard
from trimtab.flow.facts import nonproduction_since
from trimtab.flow.gate import OUR_BRANCHES, sweep_gate
from trimtab.flow.ground import ground_of, noted
from trimtab.flow.life import Journal, Life, lives, until_settled
from trimtab.flow.queue import sweep_queue
from trimtab.flow.wake import AGAIN, served_by
from trimtab.lifecycle import Event, State, is_over
from trimtab.policy.calendar import after_working_days
from trimtab.ports import Ports
from trimtab.records import Governance, ProposalId

ASKED_FOR = timedelta(days=7)
WORKING_DAYS_ASKED_FOR = 3
"""In production, where a decision is about what is known now."""
SWEPT = "sweep/waiting"
SWEPT_WITHIN = timedelta(minutes=64)
MOST_BRANCHES = 20
"""Branches of one repo that a sweep deletes; the next one goes on."""


def wake_merge(proposal: ProposalId, n: int, ports: Ports, now: datetime) -> str:
    """Wake `merge` for a proposal that nothing woke since its last entry; the same entry wakes it once per hour at most."""
    ports.inbox.put(f"inbox/decide/{proposal}.{n}.{now:%Y%m%dT%H}", b"{}")
    return f"{proposal}: woken"


def sweep_forge(repo: str, ports: Ports, now: datetime) -> str:
    """The repo's page, pull requests and queue entries whose webhook never came, branches left over: a few calls, whatever is there."""
    ports.forge.forget()
    ground = noted(repo, ground_of(repo, ports), ports, now)
    keep_dashboard(repo, ground, "verify", ports, now)
    unanswered, queued = sweep_gate(repo, ports, now), sweep_queue(repo, ports, now)
    deleted = sweep_branches(repo, ports)
    annotate_clusters(repo, ground.governance, ports)
    told = [
        f"{unanswered} pull requests without an answer, {queued} queues" if unanswered or queued else "",
        f"{deleted} branches deleted" if deleted else "",
    ]
    return f"{repo}: {', '.join(filter(None, told))}" if any(told) else ""


def sweep_inbox(ports: Ports, now: datetime) -> None:
    """What waited at the last sweep and waits still was lost on its way: its function is woken for it, once an hour."""
    items = [item for item in ports.inbox.waiting() if not item.key.startswith((AGAIN, "inbox/clock/verify/"))]
    waiting, oldest = [item.key for item in items], min((item.since for item in items), default=now)
    ports.log.info("inbox.swept", waiting=len(waiting), oldest_seconds=max(0, int((now - oldest).total_seconds())))
    before = (ports.documents.find(SWEPT) or {}).get("keys")
    lost = {served_by(key) for key in waiting if isinstance(before, list) and key in before}
    for function in sorted(filter(None, lost)):
        ports.inbox.put(f"{AGAIN}{function}/{now:%Y-%m-%dT%HZ}", b"{}")
    ports.documents.publish(SWEPT, {"keys": list(waiting), "at": now.isoformat()})


def is_sweep_due(ports: Ports, now: datetime) -> bool:
    """True where the last one is too long ago: the tick on the hour was lost, or came late."""
    try:
        at = datetime.fromisoformat(str((ports.documents.find(SWEPT) or {}).get("at")))
    except ValueError:
        return True
    return at.tzinfo is None or not timedelta(0) <= now - at <= SWEPT_WITHIN


# ── branches that nobody needs ───────────────────────────────────────────────────────────────────────────────────────
def sweep_branches(repo: str, ports: Ports) -> int:
    """Delete the branches of what is over, where the tip is exactly the commit that we recorded; all others are named, and left alone.

    A merged one is nobody's any more either. How many were deleted.
    """
    known = {life.planned().branch: life for life in lives(ports).values() if life.planned().place.repo == repo}
    deleted, strange = 0, []
    for branch, tip in sorted(ports.forge.branches(repo, OUR_BRANCHES).items()):
        life = known.get(branch)
        if life is None or (is_left(life) and tip != life.branch_head):
            strange.append(branch)
        elif is_left(life) and deleted < MOST_BRANCHES and not _has_open_pull_request(repo, branch, ports):
            deleted += ports.forge.delete_branch(repo, branch, tip)
    if strange:
        ports.log.warning("branches.not-ours", repo=repo, input=", ".join(strange[:MOST_BRANCHES]))
    return deleted


def is_left(life: Life) -> bool:
    """True where its branch serves nothing: it is over and closed, or merged."""
    if life.state in (State.MERGED, State.APPLIED, State.VERIFIED, State.ROLLED_BACK):
        return True
    is_closed = life.pull_request is None or life.pull_request.is_closed or life.state is State.IGNORED
    return is_over(life.state) and is_closed


def _has_open_pull_request(repo: str, branch: str, ports: Ports) -> bool:
    found = ports.forge.find_pull_request(repo, branch)
    return found is not None and found.state == "open"


# ── what nobody decided ──────────────────────────────────────────────────────────────────────────────────────────────
def is_overdue(life: Life, governance: Governance | None, ports: Ports, now: datetime) -> bool:
    """True where a decision was asked for long enough ago, and the last yes was long enough ago too; by the owner's own calendar."""
    if life.state not in (State.AWAITING, State.APPROVED) or life.asked_at is None:
        return False
    since = max((life.asked_at, *(approval.at for approval in life.approvals)))
    team = next((team for team in governance.teams if team.name == life.planned().team), None) if governance else None
    zone, holidays = (team.time_zone, team.holidays) if team else ("UTC", ())
    if now < after_working_days(since, WORKING_DAYS_ASKED_FOR, zone, holidays):
        return False
    cluster = ports.palette.cluster(life.planned().finding.subject.cluster_uid)
    return nonproduction_since(ports, cluster) is None or now >= since + ASKED_FOR


def expire(proposal: ProposalId, governance: Governance | None, ports: Ports, now: datetime) -> str:
    """Close the request, not the pull request: a click, a review or fresh evidence asks again."""

    def step() -> str:
        journal = Journal.open(ports, proposal, "verify", now)
        if is_overdue(journal.life, governance, ports, now):
            journal.move(Event.EXPIRED, f"asked on {journal.life.asked_at:%Y-%m-%d}, and nobody decided", approvals=(), asked_at=None)
        tell(journal, ports)
        return f"{proposal} is {journal.life.state}"

    return until_settled(step)
