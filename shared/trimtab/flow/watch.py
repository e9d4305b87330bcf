"""One look at what was applied: by the cluster's own metrics where they can be asked, else by the newest hour that was collected.

Asking needs no memory: every look since the change was applied is a point of the answer, and a tick that was missed is made up for.
What the collector says comes once an hour and is counted in the record.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from trimtab.analysis.namespaces import matching
from trimtab.errors import BadInput, Refused, Upstream
from trimtab.flow.life import Journal, Life
from trimtab.flow.live import live_quota, quota_waits
from trimtab.ports import Metrics, Ports
from trimtab.records import Cluster, ClusterUid, Json, MetricSeries, Proposal, Slo, WatchRules
from trimtab.savings.health import SLO, Health, Values, Watched, compare, health_of, lasting, palette_trouble
from trimtab.settings import MetricsEndpoint
from trimtab.sources.health_queries import QUERIES, REACHES_BACK, SCRAPED, breaches, counts, slo_question
from trimtab.sources.metric_points import STEP, ByStep, largest
from trimtab.sources.promql import Query, promql

SETTLES = timedelta(minutes=10)
"""After it is applied, while nodes drain and pods move, nothing counts."""
SEEN_LATE = timedelta(minutes=15)
"""How long it may have been applied before anybody saw it, at least: since the last look that did not see it, nothing counts as before."""
DAY_BEFORE = timedelta(days=1)
LOOKED_BACK = timedelta(hours=3)
"""Of the looks since it was applied, those that every tick reads again; and so much before the last tick, where that was longer ago."""
MOST_LOOKED_BACK = timedelta(days=7)
Grid = tuple[datetime, datetime]


def watch(journal: Journal, cluster: Cluster | None, rules: WatchRules, ports: Ports) -> Health:
    """How what was applied is doing; what has to be remembered of this look is written down."""
    life, now = journal.life, journal.now
    state, health = (cluster.state, cluster.health) if cluster else (None, None)
    # Palette's own words have no day before to be compared with: what was broken at the merge did not get worse by it.
    is_settled = life.applied_at is not None and now - life.applied_at > SETTLES
    trouble = palette_trouble(state, health) if is_settled and not life.trouble_before else ""
    at = f"{_floor(now):%Y-%m-%dT%H:%MZ}"
    endpoint = ports.settings.metrics_endpoint(life.planned().finding.subject.cluster_uid)
    if endpoint is not None:
        watched = _by_metrics(journal, endpoint, cluster, rules, ports)
    else:
        hour, waits, watched = _by_collector(life, ports)
        watched = replace(watched, hurt=() if trouble else tuple(waits))
        trouble, at = "; ".join(filter(None, (trouble, *waits.values()))), hour if waits else at
    return health_of(_counted(journal, watched, trouble, at, rules), state, health)


def _counted(journal: Journal, watched: Watched, trouble: str, at: str, rules: WatchRules) -> Watched:
    """Bad looks that are not points of an answer are counted in the record: the same look twice is one."""
    known = journal.life.bad_looks
    bad = (*known, *((at,) if at not in known else ()))[-rules.failures :] if trouble else known if watched.unknown else ()
    if bad != known:
        journal.note("looked", trouble or "what was bad is well again", bad_looks=bad)
    if trouble and len(bad) >= rules.failures:
        return replace(watched, worse=(*watched.worse, trouble))
    return replace(watched, unknown=(*watched.unknown, f"{trouble}; seen once, which may be noise")) if trouble else watched


def _floor(at: datetime) -> datetime:
    return datetime.fromtimestamp(int(at.timestamp()) // STEP * STEP, tz=at.tzinfo)


# ── what the cluster's metrics say ───────────────────────────────────────────────────────────────────────────────────
def _by_metrics(journal: Journal, endpoint: MetricsEndpoint, cluster: Cluster | None, rules: WatchRules, ports: Ports) -> Watched:
    """Every look since it settled, against the day before. A store that does not answer says nothing, and that is said."""
    life, now = journal.life, journal.now
    applied = life.applied_at or now
    since = max((last_look(life, ports) or applied) - LOOKED_BACK, now - MOST_LOOKED_BACK)
    start, end = max(_floor(applied + SETTLES) + timedelta(seconds=STEP), _floor(min(since, now - LOOKED_BACK))), _floor(now)
    try:
        asking = Asking(endpoint, ports.metrics(endpoint.cluster_uid), life.planned().parts, slos_of(cluster, rules), ports)
        before = _before(journal, asking, applied, rules)
        if end < start:
            return Watched(is_new=True)
        watched = compare(before, _settled(asking.signals((start, end)), start, applied + SETTLES), rules.failures)
    except (BadInput, Refused, Upstream) as error:
        return Watched(unknown=(f"the cluster's metrics could not be read: {error}",))
    if not watched.unknown:
        keep_look(life, ports, now)
    return watched


def _before(journal: Journal, asking: "Asking", applied: datetime, rules: WatchRules) -> Mapping[str, float | None]:
    """What lasted on the day before it was applied: read once, and recorded."""
    if journal.life.signals_before is None:
        merged_at = journal.life.merged_at or applied
        end = _floor(max(merged_at, min(applied - SEEN_LATE, last_look(journal.life, asking.ports) or merged_at)))
        seen = {name: lasting(values, rules.failures) for name, values in asking.signals((end - DAY_BEFORE, end)).items()}
        known = tuple((name, value) for name, value in seen.items() if value is not None)
        journal.note("before", ", ".join(f"{name} {value:g}" for name, value in known) or "nothing was measured", signals_before=known)
    return dict(journal.life.signals_before or ())


def _settled(signals: Mapping[str, Values], start: datetime, settled: datetime) -> dict[str, Values]:
    """Without the looks whose numbers still tell of the time that does not count: for these it is not measured yet."""
    found = dict(signals)
    for name, seconds in REACHES_BACK.items():
        early = len([step for step in range(len(found[name])) if start + timedelta(seconds=step * STEP - seconds) < settled])
        found[name] = (*(None,) * early, *found[name][early:])
    return found


def keep_look(life: Life, ports: Ports, now: datetime) -> None:
    """looks/<proposal>: until when all was seen since its merge; what was not is read again by whoever looks next."""
    ports.documents.publish(f"looks/{life.planned().id}", {"merge": str(life.merge_commit), "at": now.isoformat()})


def last_look(life: Life, ports: Ports) -> datetime | None:
    """The last look at what was merged; None = there was none, or nobody knows."""
    document = ports.documents.find(f"looks/{life.planned().id}") or {}
    return _time(str(document["at"])) if document.get("merge") == str(life.merge_commit) else None


def slos_of(cluster: Cluster | None, rules: WatchRules) -> tuple[Slo, ...]:
    """Those that are about a cluster."""
    return tuple(slo for slo in rules.slos if slo.cluster is None or (cluster and slo.cluster in {cluster.name, cluster.uid}))


class Asking:
    """Questions to one cluster's store about what a proposal touches."""

    def __init__(self, endpoint: MetricsEndpoint, metrics: Metrics, parts: Sequence[Proposal], slos: Sequence[Slo], ports: Ports) -> None:
        self.endpoint, self.metrics, self.slos, self.ports = endpoint, metrics, slos, ports
        self.pools = [part.finding.subject.pool for part in parts if part.finding.subject.kind == "pool"]
        self.is_counted = _counting(parts, ports)

    def signals(self, grid: Grid) -> dict[str, Values]:
        """Every signal at every five minutes from start to end, both ends included."""
        steps = range(int(grid[0].timestamp()), int(grid[1].timestamp()) + 1, STEP)
        scraped: ByStep = largest(self._ask(SCRAPED, grid), lambda _: "").get("", {})
        found: dict[str, Values] = {
            name: counts(self._ask(query, grid), scraped, steps, self.is_counted) for name, query in QUERIES.items()
        }
        for slo in self.slos:
            for pool in self.pools if "$pool" in slo.query else [""]:
                found[f"{SLO}{slo.name}{f' of {pool}' if pool else ''}"] = breaches(slo, self._of_slo(slo, pool, grid), steps)
        return found

    def _ask(self, query: Query, grid: Grid) -> tuple[MetricSeries, ...]:
        return self.metrics.range(promql(query, self.endpoint.matchers, self.endpoint.jobs), *grid, STEP)

    def _of_slo(self, slo: Slo, pool: str, grid: Grid) -> tuple[MetricSeries, ...]:
        """A query that the store calls wrong says nothing, and keeps no other from being asked."""
        try:
            return self.metrics.range(slo_question(slo, pool, self.endpoint.matchers), *grid, STEP)
        except BadInput:
            return ()


def _counting(parts: Sequence[Proposal], ports: Ports) -> Callable[[str], bool]:
    """Which namespaces count: of quotas their own, else all of the cluster."""
    quotas = [live_quota(part.finding.subject, ports) for part in parts]
    known = [quota for quota in quotas if quota is not None]
    if len(known) < len(quotas):
        return lambda _: True

    def is_counted(namespace: str) -> bool:
        try:
            return any(matching(quota.namespaces, [namespace]) for quota in known)
        except BadInput:
            return True

    return is_counted


# ── what the collector says ──────────────────────────────────────────────────────────────────────────────────────────
def _by_collector(life: Life, ports: Ports) -> tuple[str, dict[str, str], Watched]:
    """(the newest hour, thing → how many pods wait there that did not before, what cannot be said)."""
    document = _demand(life.planned().finding.subject.cluster_uid, ports)
    hour = str(document.get("hour") or "") if document else ""
    since = life.applied_at or life.merged_at
    if not hour or (since and _time(hour) < since):
        return hour, {}, Watched(unknown=("whether pods wait was not measured since it was applied",))
    before = dict(life.waited_before)
    waits, unknown = dict[str, str](), list[str]()
    for part in life.planned().parts:
        thing = part.finding.subject.thing
        pending, then = _pending(part, document, ports), before.get(thing)
        if pending is None:
            unknown.append(f"whether pods wait for {thing} is not measured")
        elif then is None and pending > 0:
            unknown.append(f"{pending} pods wait for a place on {thing}, and nothing is known of the time before")
        elif then is not None and pending > then:
            waits[thing] = f"{pending} pods wait for a place on {thing}, {then} did before"
    return hour, waits, Watched(unknown=tuple(unknown))


def trouble_now(proposal: Proposal, ports: Ports) -> str:
    """What Palette itself calls broken at this moment; a Palette that does not answer keeps nothing from being recorded."""
    try:
        cluster = ports.palette.cluster(proposal.finding.subject.cluster_uid)
    except (Refused, Upstream):
        return ""
    return palette_trouble(cluster.state, cluster.health) if cluster else ""


def waiting_now(proposal: Proposal, ports: Ports) -> tuple[tuple[str, int], ...]:
    """(what a change is about, pods that wait for a place there) in the newest measured hour, for comparing later."""
    document = _demand(proposal.finding.subject.cluster_uid, ports)
    found = ((part.finding.subject.thing, _pending(part, document, ports)) for part in proposal.parts)
    return tuple((thing, pending) for thing, pending in found if pending is not None)


def _demand(uid: ClusterUid, ports: Ports) -> Json | None:
    return ports.documents.find(f"demand/{uid}")


def _pending(part: Proposal, document: Json | None, ports: Ports) -> int | None:
    """None = not measured."""
    subject = part.finding.subject
    quota = live_quota(subject, ports)
    if quota:
        return quota_waits(quota, document)
    pools = document.get("pools") if document else None
    measured = pools.get(subject.pool) if isinstance(pools, dict) and subject.kind == "pool" else None
    pending = measured.get("pending_pods") if isinstance(measured, dict) else None
    return None if pending is None else int(str(pending))


def _time(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)
