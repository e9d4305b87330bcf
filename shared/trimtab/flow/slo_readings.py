"""Which SLOs of the config are broken right now, read where clusters may be asked and kept for whoever judges: `merge` asks no cluster."""

from datetime import datetime, timedelta

from trimtab.errors import BadInput, Refused, Upstream
from trimtab.flow.governance import read_governance
from trimtab.flow.life import lives
from trimtab.flow.watch import slos_of
from trimtab.lifecycle import is_over
from trimtab.ports import Ports
from trimtab.records import Cluster, ClusterUid, Governance, Json, Slo
from trimtab.sources.health_queries import breaches, slo_question
from trimtab.sources.metric_points import STEP

FRESH_FOR = timedelta(minutes=20)
"""How long a reading holds: every tick of five minutes makes a new one."""
LOOKS = 3
"""The newest of so many steps counts: a scrape may be a little late."""


def read_slos(ports: Ports, now: datetime) -> str:
    """slo/<cluster uid> for every cluster that something is proposed for: what is broken, and what could not be read."""
    told = []
    for uid, (pools, governance) in sorted(_wanted(ports).items()):
        slos = slos_of(ports.palette.cluster(uid), governance.watch)
        if slos:
            bad = [name for slo in slos for name in _bad(slo, uid, sorted(pools), ports, now)]
            ports.documents.publish(f"slo/{uid}", {"at": now.isoformat(), "bad": bad, "read": [slo.name for slo in slos]})
            told += [f"{uid}: {', '.join(bad)}"] if bad else []
    return "; ".join(told)


def _wanted(ports: Ports) -> dict[ClusterUid, tuple[set[str], Governance]]:
    """Clusters with something open or being watched, the pools of it, and the rules of its repo."""
    found: dict[ClusterUid, tuple[set[str], Governance]] = {}
    for life in lives(ports).values():
        proposal = life.planned()
        if is_over(life.state) or all(repo.id != proposal.place.repo for repo in ports.settings.repositories):
            continue
        try:
            governance = read_governance(ports, proposal.place.repo)
        except BadInput:
            continue
        if governance.watch.slos:
            pools, _ = found.setdefault(proposal.finding.subject.cluster_uid, (set(), governance))
            pools |= {part.finding.subject.pool for part in proposal.parts if part.finding.subject.kind == "pool"}
    return found


def _bad(slo: Slo, uid: ClusterUid, pools: list[str], ports: Ports, now: datetime) -> list[str]:
    """Its name where it is broken for any of the pools; where it cannot be read, its name with that."""
    endpoint = ports.settings.metrics_endpoint(uid)
    if endpoint is None:
        return [f"{slo.name} (not read: the cluster has no metrics endpoint)"]
    end = int(now.timestamp()) // STEP * STEP
    grid = range(end - LOOKS * STEP, end + 1, STEP)
    start, until = (datetime.fromtimestamp(at, tz=now.tzinfo) for at in (grid[0], grid[-1]))
    newest = []
    for pool in pools if "$pool" in slo.query else [""]:
        try:
            series = ports.metrics(uid).range(slo_question(slo, pool, endpoint.matchers), start, until, STEP)
        except (BadInput, Refused, Upstream) as error:
            ports.log.warning("slo.unread", cluster=uid, input=f"{slo.name}: {error}")
            return [f"{slo.name} (not read)"]
        newest.append(next((value for value in reversed(breaches(slo, series, grid)) if value is not None), None))
    if any(newest):
        return [slo.name]
    # One that asks about pools says nothing of a cluster where only quotas are to change.
    return [f"{slo.name} (no value)"] if None in newest else []


def burning(cluster: Cluster | None, governance: Governance | None, ports: Ports, now: datetime) -> tuple[str, ...]:
    """The SLOs of the config that are broken on a cluster now; what was not read lately is named too, since it may be."""
    slos = slos_of(cluster, governance.watch) if governance else ()
    if not slos or cluster is None:
        return ()
    document = ports.documents.find(f"slo/{cluster.uid}")
    read = _names(document, "read") if document and _is_fresh(document, now) else ()
    unread = tuple(f"{slo.name} (not read lately)" for slo in slos if slo.name not in read)
    return (*(_names(document, "bad") if document and read else ()), *unread)


def _names(document: Json, key: str) -> tuple[str, ...]:
    found = document.get(key)
    return tuple(map(str, found)) if isinstance(found, list) else ()


def _is_fresh(document: Json, now: datetime) -> bool:
    try:
        at = datetime.fromisoformat(str(document.get("at")))
    except ValueError:
        return False
    return at.tzinfo is not None and timedelta(0) <= now - at <= FRESH_FOR
