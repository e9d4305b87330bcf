"""Which SLOs of the config are broken right now, read where clusters may be asked and kept for whoever judges: `merge` asks no cluster."""

import hashlib
import json
from dataclasses import dataclass, field
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


@dataclass(slots=True)
class Asked:
    """One SLO of one cluster, and the pools that it is asked about."""

    slo: Slo
    pools: set[str] = field(default_factory=set)


def read_slos(ports: Ports, now: datetime) -> str:
    """slo/<cluster uid> for every cluster that something is proposed for: how each SLO stands that any repo has for it."""
    told = []
    for uid, asked in sorted(_wanted(ports).items()):
        answers = {key: _bad(each.slo, uid, sorted(each.pools), ports, now) for key, each in sorted(asked.items())}
        ports.documents.publish(f"slo/{uid}", {"at": now.isoformat(), "answers": dict(answers)})
        bad = [answer for answer in answers.values() if answer]
        told += [f"{uid}: {', '.join(bad)}"] if bad else []
    return "; ".join(told)


def _wanted(ports: Ports) -> dict[ClusterUid, dict[str, Asked]]:
    """Clusters with something open or being watched, and the SLOs that the rules of its repo name; of several repos, those of each."""
    found: dict[ClusterUid, dict[str, Asked]] = {}
    clusters: dict[ClusterUid, Cluster | None] = {}
    for life in lives(ports).values():
        proposal = life.planned()
        if is_over(life.state) or all(repo.id != proposal.place.repo for repo in ports.settings.repositories):
            continue
        try:
            governance = read_governance(ports, proposal.place.repo)
        except BadInput:
            continue
        if not governance.watch.slos:
            continue
        uid = proposal.finding.subject.cluster_uid
        if uid not in clusters:
            clusters[uid] = ports.palette.cluster(uid)
        pools = {part.finding.subject.pool for part in proposal.parts if part.finding.subject.kind == "pool"}
        for slo in slos_of(clusters[uid], governance.watch):
            found.setdefault(uid, {}).setdefault(_key(slo), Asked(slo)).pools.update(pools)
    return found


def _key(slo: Slo) -> str:
    """Two repos may call two questions by one name; and a question that was changed has not been asked yet."""
    question = json.dumps([slo.query, slo.bad, slo.threshold])
    return f"{slo.name}.{hashlib.sha256(question.encode()).hexdigest()[:12]}"


def _bad(slo: Slo, uid: ClusterUid, pools: list[str], ports: Ports, now: datetime) -> str:
    """Its name where it is broken for any of the pools; where it cannot be read, its name with that; "" = it is well."""
    endpoint = ports.settings.metrics_endpoint(uid)
    if endpoint is None:
        return f"{slo.name} (not read: the cluster has no metrics endpoint)"
    end = int(now.timestamp()) // STEP * STEP
    grid = range(end - LOOKS * STEP, end + 1, STEP)
    start, until = (datetime.fromtimestamp(at, tz=now.tzinfo) for at in (grid[0], grid[-1]))
    newest = []
    for pool in pools if "$pool" in slo.query else [""]:
        try:
            series = ports.metrics(uid).range(slo_question(slo, pool, endpoint.matchers), start, until, STEP)
        except (BadInput, Refused, Upstream) as error:
            ports.log.warning("slo.unread", cluster=uid, input=f"{slo.name}: {error}")
            return f"{slo.name} (not read)"
        newest.append(next((value for value in reversed(breaches(slo, series, grid)) if value is not None), None))
    if any(newest):
        return slo.name
    # One that asks about pools says nothing of a cluster where only quotas are to change.
    return f"{slo.name} (no value)" if None in newest else ""


def burning(cluster: Cluster | None, governance: Governance | None, ports: Ports, now: datetime) -> tuple[str, ...]:
    """The SLOs of the config that are broken on a cluster now; what was not read lately is named too, since it may be."""
    slos = slos_of(cluster, governance.watch) if governance else ()
    if not slos or cluster is None:
        return ()
    document = ports.documents.find(f"slo/{cluster.uid}")
    answers = document.get("answers") if document and _is_fresh(document, now) else None
    known = answers if isinstance(answers, dict) else {}
    return tuple(filter(None, (str(known.get(_key(slo), f"{slo.name} (not read lately)")) for slo in slos)))


def _is_fresh(document: Json, now: datetime) -> bool:
    try:
        at = datetime.fromisoformat(str(document.get("at")))
    except ValueError:
        return False
    return at.tzinfo is not None and timedelta(0) <= now - at <= FRESH_FOR
