"""The clock: collect every live cluster's last hours. One cluster that does not answer keeps nobody else from being collected."""

from datetime import datetime

from trimtab.errors import TrimtabError, Upstream
from trimtab.flow.collect import CollectPorts, collect, window
from trimtab.flow.wake import Wake
from trimtab.ports import Ports
from trimtab.records import Cluster
from trimtab.sources.prometheus import Target


def collect_all(_wake: Wake, ports: Ports, now: datetime) -> str:
    """Collect all clusters; those that failed are named, and the tick is delivered again for them (the others' drops stay the same)."""
    failed: dict[str, TrimtabError] = {}
    rows = 0
    clusters = ports.palette.clusters()
    for number, cluster in enumerate(clusters):
        ports.progress.step("collecting usage", number, len(clusters))
        try:
            rows += collect_one(cluster, ports, now)
        except TrimtabError as error:
            failed[cluster.name] = error
            ports.log.warning("collect.failed", cluster_uid=cluster.uid, input=str(error))
    ports.progress.step("collecting usage", len(clusters), len(clusters))
    if failed:
        raise Upstream("; ".join(f"{name}: {error}" for name, error in failed.items()))
    return f"{rows} rows from {len(clusters)} clusters"


def collect_one(cluster: Cluster, ports: Ports, now: datetime) -> int:
    """One cluster's hours as drops; how many rows they have."""
    pools = tuple(pool.name for pool in cluster.pools)
    target = Target(cluster_uid=cluster.uid, cluster=cluster.name, project=cluster.project or None, pools=pools)
    metrics = ports.metrics(cluster.uid)
    own = CollectPorts(metrics=metrics, buckets=ports.buckets, engine=ports.engine, scratch=ports.scratch, store=ports.settings.store)
    collected = collect(target, *window(now), own, now)
    for warning in collected.warnings:
        ports.log.warning("collect.gap", cluster_uid=cluster.uid, input=warning)
    return collected.rows
