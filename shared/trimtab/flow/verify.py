"""After the merge, and for everything that was lost: applied? healthy? saved? then expire, sweep and seal.

It believes the world, not the events: a webhook that never came is made up for here. A tick on the hour looks at everything; every other
tick, and whoever calls between two of them, only looks at what was merged lately.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from trimtab.errors import BadInput, Refused, Upstream
from trimtab.flow.applied import see_applied
from trimtab.flow.audits import follow_audits, judge_again
from trimtab.flow.calling import call_once
from trimtab.flow.cards import tell
from trimtab.flow.effects import owes_close
from trimtab.flow.governance import keep_rules, read_governance
from trimtab.flow.health_alerts import look_into
from trimtab.flow.life import STREAMS, Journal, Life, fold, until_settled
from trimtab.flow.measure import measure
from trimtab.flow.metric_files import keep_metric_files
from trimtab.flow.requests import request_of
from trimtab.flow.rollback import is_past_undoing, roll_back, stands, undone
from trimtab.flow.sealing import seal_day
from trimtab.flow.sender_keys import keep_sender_keys
from trimtab.flow.slo_readings import read_slos
from trimtab.flow.sweep import expire, is_overdue, is_sweep_due, sweep_forge, sweep_inbox, wake_merge
from trimtab.flow.wake import Wake
from trimtab.flow.watch import watch
from trimtab.lifecycle import Event, State
from trimtab.ports import Ports
from trimtab.records import Cluster, Entry, Governance, ProposalId, WatchRules
from trimtab.savings.health import Health
from trimtab.savings.verify import LAST_DAYS, is_decided
from trimtab.sources.alertmanager import parse

LEFT_BEHIND = timedelta(minutes=10)
TOLD_WITHIN = timedelta(days=1)
"""So long somebody is still told how a change ended, where whoever wrote that down died before; later Slack has said no for good."""
MEASURED_FOR = timedelta(days=30)
"""After this a healthy pool is let go of, even where the bill cannot say what the change saved."""
MEASURED_AGAIN = (timedelta(days=30), timedelta(days=60))
"""Between these, what was verified is measured once more over a month of bills."""
UNKNOWN_AFTER = timedelta(hours=1)
UNKNOWN_AFTER_COLLECTED = timedelta(hours=36)
"""How long nothing may be known before a person is called: a cluster that is asked answers at once, a collector may come once a day."""
_SWEPT = (State.OPEN, State.AWAITING, State.APPROVED, State.MERGING, State.EXPIRED, State.HUMAN_OWNED)
_MERGED = (State.MERGED, State.APPLIED)
CLOCK = "inbox/clock/verify/"
ALERTS = "inbox/alertmanager/"


def verify(wake: Wake, ports: Ports, now: datetime) -> str:
    """Every proposal that is not over: look at the world and record what is true. Then seal the day and sweep.

    What fails for one proposal keeps no other from being looked at. Raises Upstream at the end where something did.
    """
    if wake.key.startswith("inbox/audit/"):
        return judge_again(wake, ports)
    # Reading is allowed at any time, and an alert that nobody looked into vetoes its project.
    alert = look_into(wake, ports) if wake.key.startswith("inbox/palette/") else ""
    if wake.key.startswith(CLOCK):
        # Cost is booked and told while changes are stopped, and by functions that cannot read the rules themselves.
        keep_rules(ports)
    stop = ports.permit.stop_reason()
    if stop:
        raise Refused("; ".join(filter(None, (alert, f"nothing is verified: {stop}"))))
    if wake.key.startswith(ALERTS):
        return _alerted(wake, ports, now)
    if is_between(wake.key) and not is_sweep_due(ports, now):
        return look_at_merged(ports, now)
    return _look_at_all(alert, ports, now)


def is_between(key: str) -> bool:
    """True for a tick that is not on the hour."""
    return key.startswith(CLOCK) and key[-3:-1].isdecimal() and key[-3:-1] != "00"


def _look_at_all(alert: str, ports: Ports, now: datetime) -> str:
    told, failures = [alert, keep_sender_keys(ports, now)], list[str]()
    _guarded("audit trail", lambda: follow_audits(ports, now), told, failures, ports)
    _guarded("SLOs", lambda: read_slos(ports, now), told, failures, ports)
    for stream, entry in sorted(ports.ledger.heads(STREAMS).items()):
        proposal = ProposalId(stream.removeprefix(STREAMS))
        _guarded(proposal, partial(_look_at, proposal, entry, ports, now), told, failures, ports)
    for repository in ports.settings.repositories:
        _guarded(repository.id, partial(sweep_forge, repository.id, ports, now), told, failures, ports)
    _guarded("metrics", partial(keep_metric_files, ports), told, failures, ports)
    try:
        seal_day(ports, now)
    finally:
        # Whether or not the record can be sealed and anchored, what was lost is looked for.
        sweep_inbox(ports, now)
    return _summed(told, failures)


def _guarded(name: str, look: Callable[[], str], told: list[str], failures: list[str], ports: Ports) -> None:
    """One look, whose failure keeps no other from being made; a stream that contradicts itself is told, not tried again."""
    try:
        told.append(look())
    except (BadInput, Refused) as error:
        ports.log.warning("verify.refused", proposal=name, input=str(error))
        told.append(f"{name}: {error}")
    except Upstream as error:
        failures.append(f"{name}: {error}")


def _summed(told: list[str], failures: list[str]) -> str:
    if failures:
        raise Upstream("; ".join(failures))
    return "; ".join(line for line in told if line) or "nothing to verify"


def _look_at(proposal: ProposalId, entry: Entry, ports: Ports, now: datetime) -> str:
    life = fold(entry)
    if life.state in _MERGED or is_measured_again(life, now):
        return check(proposal, ports, now)
    governance = _governance(life, ports)
    if is_overdue(life, governance, ports, now):
        return expire(proposal, governance, ports, now)
    # A proposal that is planned again has a pull request already, and people may be acting on it.
    is_swept = life.state in _SWEPT or (life.state is State.PLANNED and life.pull_request is not None) or owes_close(life)
    if is_swept:
        return wake_merge(proposal, entry.n, ports, now) if now - entry.at >= LEFT_BEHIND else ""
    # Another function that wrote it down may be telling it now: two at once would tell it twice.
    is_left = entry.actor == "verify" or now - entry.at >= LEFT_BEHIND
    is_owed = bool(life.news) and life.card is not None and now - entry.at <= TOLD_WITHIN
    return _tell_late(proposal, ports, now) if is_left and is_owed else ""


def _tell_late(proposal: ProposalId, ports: Ports, now: datetime) -> str:
    """Its card and thread hear how it ended."""

    def step() -> str:
        journal = Journal.open(ports, proposal, "verify", now)
        tell(journal, ports)
        return f"{proposal} is {journal.life.state}"

    return until_settled(step)


def _governance(life: Life, ports: Ports) -> Governance | None:
    """The rules of its repo; None = unreadable, or its repo is no longer managed."""
    try:
        return read_governance(ports, life.planned().place.repo) if life.proposal else None
    except BadInput:
        return None


# ── between two hours ────────────────────────────────────────────────────────────────────────────────────────────────
def _alerted(wake: Wake, ports: Ports, now: datetime) -> str:
    """An alert is a reason to look, never a fact: many of one minute are one look."""
    alerts = parse(request_of(wake.key, ports)[0].body)
    ports.log.info("alertmanager.called", is_firing=alerts.is_firing, input=", ".join(alerts.names)[:300])
    if not alerts.is_firing:
        return "alerts are over; nothing to look at"
    looked = f"{ALERTS}looked-{now:%Y-%m-%dT%H:%MZ}"
    if ports.inbox.is_done(looked):
        return "looked at in this minute already"
    outcome = look_at_merged(ports, now)
    ports.inbox.put(looked, b"{}")
    ports.inbox.finish(looked, outcome)
    return outcome


def look_at_merged(ports: Ports, now: datetime) -> str:
    """What was merged lately: applied, healthy? And the SLOs that proposals wait for."""
    told, failures = list[str](), list[str]()
    _guarded("SLOs", lambda: read_slos(ports, now), told, failures, ports)
    for stream, entry in sorted(ports.ledger.heads(STREAMS).items()):
        proposal = ProposalId(stream.removeprefix(STREAMS))
        _guarded(proposal, partial(_glance, proposal, entry, ports, now), told, failures, ports)
    return _summed(told, failures)


def _glance(proposal: ProposalId, entry: Entry, ports: Ports, now: datetime) -> str:
    life = fold(entry)
    if life.state not in _MERGED:
        return ""
    governance = _governance(life, ports)
    hours = (governance.watch if governance else WatchRules()).hours
    since = life.applied_at or life.merged_at
    is_watched = since is not None and now - since <= timedelta(hours=hours)
    return check(proposal, ports, now, is_whole=False) if is_watched or life.regression else ""


# ── what was merged ──────────────────────────────────────────────────────────────────────────────────────────────────
def is_measured_again(life: Life, now: datetime) -> bool:
    """True where a verified saving can be told over a month, and was not yet."""
    if life.state is not State.VERIFIED or life.merged_at is None or life.outcome is None or life.planned().undoes is not None:
        return False
    first, last = MEASURED_AGAIN
    return first <= now - life.merged_at <= last and life.outcome.days < LAST_DAYS


def check(proposal: ProposalId, ports: Ports, now: datetime, *, is_whole: bool = True) -> str:
    """One merged change: is it in the live pool, is the pool well, did it save what it promised? Between two hours no bill is read."""

    def step() -> str:
        journal = Journal.open(ports, proposal, "verify", now)
        told = _checked(journal, ports, now, is_whole=is_whole)
        tell(journal, ports)
        return told or f"{proposal} is {journal.life.state}"

    return until_settled(step)


def _checked(journal: Journal, ports: Ports, now: datetime, *, is_whole: bool) -> str:
    life = journal.life
    governance = read_governance(ports, life.planned().place.repo)
    cluster = ports.palette.cluster(life.planned().finding.subject.cluster_uid)
    told = undone(life, ports, now)
    if journal.life.state is State.MERGED:
        see_applied(journal, cluster, governance, ports)
        _give_up(journal, ports, now)
    if journal.life.state is State.VERIFIED:
        _measure_again(journal, cluster, ports, now)
    elif journal.life.state is State.APPLIED:
        told = _watched(journal, cluster, governance, ports, now, is_whole=is_whole) or told
    return told


def _give_up(journal: Journal, ports: Ports, now: datetime) -> None:
    """What is not applied after so long was taken back or forgotten by people: it is over, and a new finding may begin anew."""
    life = journal.life
    is_late = life.state is State.MERGED and life.merged_at is not None and now - life.merged_at > MEASURED_FOR
    if is_late and (not life.regression or is_past_undoing(life, ports, now)):
        journal.move(Event.FAILED, f"merged on {life.merged_at:%Y-%m-%d} and not applied in {MEASURED_FOR.days} days; no longer looked at")


def _watched(journal: Journal, cluster: Cluster | None, governance: Governance, ports: Ports, now: datetime, *, is_whole: bool) -> str:
    """What it did so far; what got worse is undone, and what cannot be said is held, and somebody called for it."""
    health = watch(journal, cluster, governance.watch, ports)
    if health.is_healthy is False and not journal.life.regression:
        outcome = measure(journal.life, health, cluster, ports, now)
        journal.move(Event.REGRESSED, health.note, outcome=outcome, regression=health.note)
    if health.is_healthy is None and _is_unknown_for_long(journal.life, ports, now):
        call_once(journal, "inconclusive", f"{health.note.rstrip('.')}; nothing is concluded from that, and a person should look", ports)
    if journal.life.planned().undoes is not None:
        return _ended(journal, health, cluster, governance, ports, now)
    told = ""
    if journal.life.regression and (is_whole or not stands(journal.life, ports)):
        # What stands already is brought further by `merge`, and looked at again on the hour.
        told = roll_back(journal, ports, now)
    if is_whole and (not journal.life.regression or is_past_undoing(journal.life, ports, now)):
        _measured(journal, _as_known(journal.life, health), cluster, ports, now)
    return told


def _as_known(life: Life, health: Health) -> Health:
    """What got worse and could not be undone stays so in the record, however well it is by now."""
    old = life.outcome
    if not life.regression or old is None or old.is_healthy is not False:
        return health
    hurt = tuple(
        part.finding.subject.thing for part, each in zip(life.planned().parts, old.members, strict=False) if each.is_healthy is False
    )
    return Health(is_healthy=False, note=life.regression, hurt=hurt)


def _is_unknown_for_long(life: Life, ports: Ports, now: datetime) -> bool:
    is_asked = ports.settings.metrics_endpoint(life.planned().finding.subject.cluster_uid) is not None
    return life.applied_at is not None and now - life.applied_at > (UNKNOWN_AFTER if is_asked else UNKNOWN_AFTER_COLLECTED)


def _ended(journal: Journal, health: Health, cluster: Cluster | None, governance: Governance, ports: Ports, now: datetime) -> str:
    """A rollback promises no saving: it is over once what it gave back is well, or was watched for long enough."""
    life = journal.life
    is_watched_out = life.applied_at is not None and now - life.applied_at > timedelta(hours=governance.watch.hours)
    if health.is_healthy or is_watched_out:
        outcome = replace(measure(life, health, cluster, ports, now), measured=None)
        journal.move(Event.VERIFIED, health.note, outcome=outcome)
    return f"{life.planned().id} is {journal.life.state}"


def _measured(journal: Journal, health: Health, cluster: Cluster | None, ports: Ports, now: datetime) -> None:
    """Record the outcome when what is known of it changed; verified where the pool is known to be well, or nobody can undo it any more."""
    life = journal.life
    outcome = measure(life, health, cluster, ports, now)
    is_late = life.merged_at is not None and now - life.merged_at > MEASURED_FOR
    if (outcome.is_healthy or life.regression) and (is_decided(outcome) or is_late):
        journal.move(Event.VERIFIED, "; ".join(outcome.notes), outcome=outcome)
    elif life.outcome is None or replace(outcome, days=life.outcome.days) != life.outcome:
        journal.note("measured", "; ".join(outcome.notes), outcome=outcome)


def _measure_again(journal: Journal, cluster: Cluster | None, ports: Ports, now: datetime) -> None:
    """Once, over a month of bills; its health stays what it was when it was verified."""
    old = journal.life.outcome
    if old is None:
        return
    outcome = measure(journal.life, Health(is_healthy=old.is_healthy, note=old.notes[0] if old.notes else ""), cluster, ports, now)
    if outcome.measured is not None and outcome.days >= LAST_DAYS:
        journal.note("measured", "; ".join(outcome.notes), outcome=outcome)
