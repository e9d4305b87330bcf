"""The clock: collect every live cluster's last hours. One cluster that does not answer keeps nobody else from being collected.

A cluster with a metrics endpoint in the deployment's settings is read there and nowhere else: its own fault is never made good by a
weaker source. One without is read from the fallback, which knows less and says so; but only while nothing comes from the cluster itself.
"""

from datetime import datetime, timedelta
from typing import Protocol

from trimtab.errors import Refused, TrimtabError, Upstream
from trimtab.flow.collect import Collected, CollectPorts, collect, window
from trimtab.flow.collect_buffer import Buffer
from trimtab.flow.palette_usage import palette_usage
from trimtab.flow.still_now import is_still_now
from trimtab.flow.wake import Wake
from trimtab.ports import Ports
from trimtab.records import Cluster, ClusterUid, Json
from trimtab.settings import MetricsEndpoint
from trimtab.sources.prometheus import Target

CATCH_UP = timedelta(days=3)
"""How far back hours are asked for that the lake lacks; more at once is for `trimtab collect --from`."""


class Fallback(Protocol):
    """Usage of a cluster that has no metrics endpoint."""

    def __call__(self, cluster: Cluster, start: datetime, end: datetime, ports: Ports, now: datetime) -> int:
        """Leave drops for the whole hours from start to end, marked as what they are; how many rows they have."""


def collect_all(_wake: Wake, ports: Ports, now: datetime, *, fallback: Fallback | None = palette_usage) -> str:
    """Collect all clusters; those that failed are named, and the tick is delivered again for them (the others' drops stay the same)."""
    failed: dict[str, TrimtabError] = {}
    rows: list[int] = []
    pushing = 0
    # Names alone: of a cluster that pushes its usage Palette is asked nothing more.
    listed = ports.palette.listed()
    for number, (uid, name) in enumerate(listed.items()):
        ports.progress.step("collecting usage", number, len(listed))
        try:
            if _pushes(uid, ports, now):
                pushing += 1
            elif cluster := ports.palette.cluster(uid):
                rows.append(collect_one(cluster, ports, now, fallback=fallback))
        except TrimtabError as error:
            failed[name] = error
            ports.log.warning("collect.failed", cluster_uid=uid, input=str(error))
    ports.progress.step("collecting usage", len(listed), len(listed))
    if failed:
        raise Upstream("; ".join(f"{name}: {error}" for name, error in failed.items()))
    return f"{sum(rows)} rows from {len(rows)} clusters; {pushing} push theirs"


def _pushes(uid: ClusterUid, ports: Ports, now: datetime) -> bool:
    """True where a cluster without a metrics endpoint told of its own usage lately; one that falls silent is asked for again."""
    return ports.settings.metrics_endpoint(uid) is None and is_still_now(str(_demand(uid, ports).get("collected")), now)


def collect_one(cluster: Cluster, ports: Ports, now: datetime, *, fallback: Fallback | None = palette_usage) -> int:
    """One cluster's hours as drops; how many rows they have."""
    start, end = _span(cluster, ports, now)
    endpoint = ports.settings.metrics_endpoint(cluster.uid)
    if endpoint is None:
        if fallback is None:
            raise Refused(f"no metrics endpoint for cluster {cluster.uid}; set settings.metrics or settings.metrics_url")
        return fallback(cluster, start, end, ports, now)
    buffer = Buffer.at(ports.settings.collect_buffer)
    if buffer:
        start = buffer.owed_from(cluster.uid, start, now)
    collected = collect(_target(cluster, endpoint), start, end, _ports(cluster, endpoint, ports, buffer), now)
    if buffer:
        buffer.paid(cluster.uid)
    _tell(cluster, collected, ports)
    return collected.rows


def _target(cluster: Cluster, endpoint: MetricsEndpoint) -> Target:
    pools = tuple(pool.name for pool in cluster.pools)
    return Target(
        cluster_uid=cluster.uid,
        cluster=cluster.name,
        project=cluster.project or None,
        pools=pools,
        matchers=dict(endpoint.matchers),
        jobs=endpoint.jobs,
    )


def _ports(cluster: Cluster, endpoint: MetricsEndpoint, ports: Ports, buffer: Buffer | None) -> CollectPorts:
    return CollectPorts(
        metrics=ports.metrics(cluster.uid),
        buckets=ports.buckets,
        engine=ports.engine,
        scratch=ports.scratch,
        store=ports.settings.store,
        endpoint=f"{endpoint.url} {endpoint.tenant or ''}",
        buffer=buffer,
        progress=ports.progress,
    )


def _tell(cluster: Cluster, collected: Collected, ports: Ports) -> None:
    for warning in collected.warnings:
        ports.log.warning("collect.gap", cluster_uid=cluster.uid, input=warning)
    if collected.kept:
        folder = ports.settings.collect_buffer
        raise Upstream(f"{ports.settings.store} takes no drops; they wait in {folder} for the next run ({len(collected.kept)} of this one)")


def _span(cluster: Cluster, ports: Ports, now: datetime) -> tuple[datetime, datetime]:
    """The usual window, and before it what the lake still lacks since its newest hour."""
    start, end = window(now)
    known = _demand(cluster.uid, ports).get("hour")
    try:
        newest = datetime.fromisoformat(str(known))
    except ValueError:
        return start, end
    if newest.tzinfo is None:
        return start, end
    return min(start, max(newest + timedelta(hours=1), start - CATCH_UP)), end


def _demand(uid: ClusterUid, ports: Ports) -> Json:
    return ports.documents.find(f"demand/{uid}") or {}
