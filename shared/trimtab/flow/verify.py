"""After the merge, and for everything that was lost: applied? healthy? saved? then expire, sweep and seal.

It believes the world, not the events: a webhook that never came is made up for here.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from trimtab.errors import BadInput, Refused, Upstream
from trimtab.flow.audits import follow_audits, judge_again
from trimtab.flow.cards import tell
from trimtab.flow.dashboard import keep_dashboard
from trimtab.flow.effects import owes_close
from trimtab.flow.facts import nonproduction_since
from trimtab.flow.gate import sweep_gate
from trimtab.flow.ground import ground_of
from trimtab.flow.health_alerts import look_into
from trimtab.flow.life import STREAMS, Journal, Life, fold, until_settled
from trimtab.flow.live import live_quota
from trimtab.flow.measure import measure
from trimtab.flow.queue import sweep_queue
from trimtab.flow.wake import AGAIN, Wake, served_by
from trimtab.lifecycle import Event, State
from trimtab.policy.subjects import pool_text, quota_text
from trimtab.ports import Ports
from trimtab.records import Cluster, Entry, PoolField, Proposal, ProposalId
from trimtab.savings.verify import is_decided

APPLY_WITHIN = timedelta(hours=24)
LEFT_BEHIND = timedelta(minutes=10)
ASKED_FOR = timedelta(days=7)
WORKING_DAYS_ASKED_FOR = 3
"""In production, where a decision is about what is known now."""
MEASURED_FOR = timedelta(days=30)
"""After this a healthy pool is let go of, even where the bill cannot say what the change saved."""
_WATCHED = (State.OPEN, State.AWAITING, State.APPROVED, State.MERGING, State.EXPIRED, State.HUMAN_OWNED)
SWEPT = "sweep/waiting"


def verify(wake: Wake, ports: Ports, now: datetime) -> str:
    """Every proposal that is not over: look at the world and record what is true. Then seal the day and sweep.

    What fails for one proposal keeps no other from being looked at. Raises Upstream at the end where something did.
    """
    if wake.key.startswith("inbox/audit/"):
        return judge_again(wake, ports)
    # Reading is allowed at any time, and an alert that nobody looked into vetoes its project.
    alert = look_into(wake, ports) if wake.key.startswith("inbox/palette/") else ""
    stop = ports.permit.stop_reason()
    if stop:
        raise Refused("; ".join(filter(None, (alert, f"nothing is verified: {stop}"))))
    told: list[str] = [alert]
    failures: list[str] = []
    try:
        told.append(follow_audits(ports, now))
    except Upstream as error:
        failures.append(f"audit trail: {error}")
    for stream, entry in sorted(ports.ledger.heads(STREAMS).items()):
        proposal = ProposalId(stream.removeprefix(STREAMS))
        try:
            told.append(_look_at(proposal, entry, ports, now))
        except (BadInput, Refused) as error:
            ports.log.warning("verify.refused", proposal=proposal, input=str(error))
            told.append(f"{proposal}: {error}")
        except Upstream as error:
            failures.append(f"{proposal}: {error}")
    for repository in ports.settings.repositories:
        try:
            told.append(sweep_forge(repository.id, ports, now))
        except (BadInput, Refused) as error:
            ports.log.warning("sweep.refused", repo=repository.id, input=str(error))
        except Upstream as error:
            failures.append(f"{repository.id}: {error}")
    ports.ledger.seal(f"{now:%Y-%m-%d}", now)
    sweep_inbox(ports, now)
    if failures:
        raise Upstream("; ".join(failures))
    return "; ".join(line for line in told if line) or "nothing to verify"


def _look_at(proposal: ProposalId, entry: Entry, ports: Ports, now: datetime) -> str:
    life = fold(entry)
    if life.state in (State.MERGED, State.APPLIED):
        return check(proposal, ports, now)
    if is_overdue(life, ports, now):
        return expire(proposal, ports, now)
    # A proposal that is planned again has a pull request already, and people may be acting on it.
    is_watched = life.state in _WATCHED or (life.state is State.PLANNED and life.pull_request is not None) or owes_close(life)
    return sweep(proposal, entry.n, ports, now) if is_watched and now - entry.at >= LEFT_BEHIND else ""


# ── what was lost ────────────────────────────────────────────────────────────────────────────────────────────────────
def sweep(proposal: ProposalId, n: int, ports: Ports, now: datetime) -> str:
    """Wake `merge` for a proposal that nothing woke since its last entry; the same entry wakes it once per hour at most."""
    ports.inbox.put(f"inbox/decide/{proposal}.{n}.{now:%Y%m%dT%H}", b"{}")
    return f"{proposal}: woken"


def sweep_forge(repo: str, ports: Ports, now: datetime) -> str:
    """The repo's page, and the pull requests and queue entries whose webhook never came: a few calls, whatever is there."""
    ports.forge.forget()
    keep_dashboard(repo, ground_of(repo, ports).governance, "verify", ports, now)
    unanswered, queued = sweep_gate(repo, ports, now), sweep_queue(repo, ports, now)
    return f"{repo}: {unanswered} pull requests without an answer, {queued} queues" if unanswered or queued else ""


def sweep_inbox(ports: Ports, now: datetime) -> None:
    """What waited at the last sweep and waits still was lost on its way: its function is woken for it, once an hour."""
    waiting = [key for key in ports.inbox.pending() if not key.startswith((AGAIN, "inbox/clock/verify/"))]
    before = (ports.documents.find(SWEPT) or {}).get("keys")
    lost = {served_by(key) for key in waiting if isinstance(before, list) and key in before}
    for function in sorted(filter(None, lost)):
        ports.inbox.put(f"{AGAIN}{function}/{now:%Y-%m-%dT%HZ}", b"{}")
    ports.documents.publish(SWEPT, {"keys": list(waiting)})


# ── what nobody decided ──────────────────────────────────────────────────────────────────────────────────────────────
def is_overdue(life: Life, ports: Ports, now: datetime) -> bool:
    """True where a decision was asked for long enough ago, and the last yes was long enough ago too."""
    if life.state not in (State.AWAITING, State.APPROVED) or life.asked_at is None:
        return False
    since = max((life.asked_at, *(approval.at for approval in life.approvals)))
    if now < after_working_days(since, WORKING_DAYS_ASKED_FOR):
        return False
    cluster = ports.palette.cluster(life.planned().finding.subject.cluster_uid)
    return now >= since + ASKED_FOR or nonproduction_since(ports, cluster) is None


def after_working_days(start: datetime, days: int) -> datetime:
    """The same time of day, that many working days later."""
    at = start
    while days:
        at += timedelta(days=1)
        days -= at.weekday() < 5
    return at


def expire(proposal: ProposalId, ports: Ports, now: datetime) -> str:
    """Close the request, not the pull request: a click, a review or fresh evidence asks again."""

    def step() -> str:
        journal = Journal.open(ports, proposal, "verify", now)
        if is_overdue(journal.life, ports, now):
            journal.move(Event.EXPIRED, f"asked on {journal.life.asked_at:%Y-%m-%d}, and nobody decided", approvals=(), asked_at=None)
        tell(journal, ports)
        return f"{proposal} is {journal.life.state}"

    return until_settled(step)


# ── what was merged ──────────────────────────────────────────────────────────────────────────────────────────────────
def check(proposal: ProposalId, ports: Ports, now: datetime) -> str:
    """One merged change: is it in the live pool, is the pool well, did it save what it promised?"""

    def step() -> str:
        journal = Journal.open(ports, proposal, "verify", now)
        cluster = ports.palette.cluster(journal.life.planned().finding.subject.cluster_uid)
        if journal.life.state is State.MERGED:
            _applied(journal, cluster, ports, now)
        if journal.life.state is State.APPLIED:
            _measured(journal, cluster, ports, now)
        tell(journal, ports)
        return f"{proposal} is {journal.life.state}"

    return until_settled(step)


def _applied(journal: Journal, cluster: Cluster | None, ports: Ports, now: datetime) -> None:
    """Applied where every change is; one of several that is not holds all of them."""
    parts = journal.life.planned().parts
    found = [(part, live_values(part, cluster, ports)) for part in parts]
    names = [f"{part.finding.subject.pool}: " if len(parts) > 1 else "" for part in parts]
    saw = "; ".join(f"{name}{_seen(live)}" for name, (_, live) in zip(names, found, strict=True))
    if all(_is_there(part, live) for part, live in found):
        journal.move(Event.APPLIED, f"Palette shows {saw}")
    elif journal.life.merged_at and now - journal.life.merged_at > APPLY_WITHIN and not _said(journal, "not-applied"):
        journal.note("not-applied", f"merged over {APPLY_WITHIN // timedelta(hours=1)} hours ago, and Palette still shows {saw}")


def _seen(live: Mapping[PoolField, str | None]) -> str:
    return ", ".join(f"{field} = {value}" for field, value in live.items()) or "nothing of that name"


def _is_there(part: Proposal, live: Mapping[PoolField, str | None]) -> bool:
    return bool(live) and all(live[change.field] == change.new for change in part.finding.changes if change.field in live)


def _said(journal: Journal, kind: str) -> bool:
    return any(
        entry.kind == kind and entry.at >= (journal.life.merged_at or entry.at) for entry in journal.ports.ledger.entries(journal.stream)
    )


def live_values(proposal: Proposal, cluster: Cluster | None, ports: Ports) -> dict[PoolField, str | None]:
    """What Palette shows of the changed fields; {} = what they belong to is gone. A count that the autoscaler moves is not waited for."""
    fields = [change.field for change in proposal.finding.changes]
    if proposal.finding.subject.kind != "pool":
        quota = live_quota(proposal.finding.subject, ports)
        return {field: quota_text(quota, field) for field in fields} if quota else {}
    pool = cluster.pool_of(proposal.finding.subject) if cluster else None
    if pool is None:
        return {}
    waited_for = [field for field in fields if not (pool.is_autoscaled and field == "count")]
    return {field: pool_text(pool, field) for field in waited_for or fields}


def _measured(journal: Journal, cluster: Cluster | None, ports: Ports, now: datetime) -> None:
    """Record the outcome when what is known of it changed; verified only where the pool is known to be well."""
    life = journal.life
    outcome = measure(life, cluster, ports, now)
    is_late = life.merged_at is not None and now - life.merged_at > MEASURED_FOR
    if outcome.is_healthy and (is_decided(outcome) or is_late):
        journal.move(Event.VERIFIED, "; ".join(outcome.notes), outcome=outcome)
    elif life.outcome is not None and replace(outcome, days=life.outcome.days) == life.outcome:
        return
    elif outcome.is_healthy is False:
        journal.move(Event.REGRESSED, "; ".join(outcome.notes), outcome=outcome)
    else:
        journal.note("measured", "; ".join(outcome.notes), outcome=outcome)
