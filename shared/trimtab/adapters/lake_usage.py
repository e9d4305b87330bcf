"""Measured demand from the lake's usage table: SQL adds up each workload's equal pods per hour, and only then do rows leave the engine."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import cast

from trimtab.adapters.lake_quotas import namespaces_of, quota_demand
from trimtab.adapters.lake_volumes import volumes
from trimtab.adapters.lake_workloads import workloads
from trimtab.analysis.assembly import Machines, UsageRow, from_rows
from trimtab.analysis.demand import RECENT_SECONDS, Demand, Drain
from trimtab.analysis.namespaces import matching
from trimtab.analysis.quota_demand import QuotaDemand, added
from trimtab.analysis.volumes import VolumeUse
from trimtab.analysis.workload_use import Workloads
from trimtab.ports import Engine, Lake
from trimtab.records import ClusterUid, Quota
from trimtab.tables import scan

HOUR = 3600
RECENT = timedelta(seconds=RECENT_SECONDS)
SOURCE = "hourly usage in the lake, highest 5-minute values"

# A running pod without a value makes its workload's hour unknown; a waiting pod uses nothing. Where requests were read and GPUs were not,
# it holds a part of one and nobody says how large.
DEMAND_SQL = """
SELECT CAST(epoch("hour") AS BIGINT) AS at, namespace || '/' || workload AS name, any_value(coalesce(workload_kind, '')) AS kind,
  count(*) AS pods, count(*) FILTER (WHERE coalesce(pending, false)) AS waiting,
  cpu_request, memory_request, CASE WHEN gpu_request IS NULL AND cpu_request IS NULL THEN 0 ELSE gpu_request END AS gpu,
  {cpu}, {memory}, {compute}, {fullest}, {tensor}, {dram}, {fp64}, {power}, {link}
FROM ({usage}) WHERE cluster_uid = $cluster AND pool = $pool AND "hour" >= $start AND "hour" < $end AND pod IS NOT NULL
GROUP BY ALL ORDER BY ALL"""

# The newest hour that is known of all pods of a workload; one of them that no budget lets go, or whose data is local, speaks for all.
DRAINS_SQL = """
SELECT name, arg_max(allowed, "hour"), arg_max(is_local, "hour"), arg_max(has_own, "hour"), arg_max(grace, "hour"), arg_max(pins, "hour")
FROM (
  SELECT "hour", namespace || '/' || workload AS name,
    CASE WHEN bool_or(disruptions_allowed = 0) THEN 0 WHEN bool_or(disruptions_allowed IS NULL) THEN NULL
      ELSE coalesce(min(disruptions_allowed) FILTER (disruptions_allowed >= 0), -1) END AS allowed,
    CASE WHEN bool_or(local_volume) THEN true WHEN bool_or(local_volume IS NULL) THEN NULL ELSE false END AS is_local,
    CASE WHEN bool_or(own_node) THEN true WHEN bool_or(own_node IS NULL) THEN NULL ELSE false END AS has_own,
    CASE WHEN bool_or(grace_seconds IS NULL) THEN NULL ELSE max(grace_seconds) END AS grace,
    CASE WHEN bool_or(pinned IS NULL) THEN NULL ELSE list(DISTINCT pinned ORDER BY pinned) END AS pins
  FROM ({usage}) WHERE cluster_uid = $cluster AND pool = $pool AND "hour" >= $start AND "hour" < $end AND pod IS NOT NULL
    AND workload_kind IS DISTINCT FROM 'DaemonSet'
  GROUP BY ALL)
GROUP BY name ORDER BY name"""

NODES_SQL = """
SELECT CAST(epoch("hour") AS BIGINT), CAST(sum(seconds) AS DOUBLE) / 3600
FROM ({usage}) WHERE cluster_uid = $cluster AND pool = $pool AND "hour" >= $start AND "hour" < $end AND pod IS NULL AND asset IS NULL
GROUP BY 1 ORDER BY 1"""

# More zones and more makers only ever make advice more careful, so whatever was read of any node counts.
MACHINES_SQL = """
SELECT list(DISTINCT zone ORDER BY zone) FILTER (zone <> ''), list(DISTINCT managed_by ORDER BY managed_by) FILTER (managed_by IS NOT NULL),
  list(DISTINCT gpu_model ORDER BY gpu_model) FILTER (gpu_model <> '')
FROM ({usage}) WHERE cluster_uid = $cluster AND pool = $pool AND "hour" >= $start AND "hour" < $end AND pod IS NULL AND asset IS NULL"""

CLUSTERS_SQL = "SELECT DISTINCT cluster_slug, cluster_uid FROM ({usage}) ORDER BY 1, 2"


def _known(column: str, function: str, otherwise: str = "") -> str:
    """An aggregate that is NULL where any running pod's value is."""
    missing = f"bool_or(NOT coalesce(pending, false) AND {column} IS NULL {otherwise})"
    return f"CASE WHEN {missing} THEN NULL ELSE coalesce({function}({column}) FILTER (WHERE NOT coalesce(pending, false)), 0) END"


_NO_GPU = "AND (gpu_request > 0 OR (gpu_request IS NULL AND cpu_request IS NOT NULL))"


def _of_gpus(column: str) -> str:
    """The same for a signal of GPUs; NULL of pods that have none."""
    return f"CASE WHEN bool_or(coalesce(gpu_request, 0) > 0) THEN {_known(column, 'max')} END"


MEASURES = {
    "cpu": _known("cpu_used_max", "sum"),
    "memory": _known("memory_used_max", "sum"),
    "compute": _known("gpu_compute_used_max", "sum", _NO_GPU),
    "fullest": _known("gpu_memory_used_max", "max", _NO_GPU),
    "tensor": _of_gpus("gpu_tensor_used_max"),
    "dram": _of_gpus("gpu_dram_used_max"),
    "fp64": _of_gpus("gpu_fp64_used_max"),
    "power": _of_gpus("gpu_power_max"),
    "link": _of_gpus("gpu_link_used_max"),
}


@dataclass(slots=True)
class LakeUsage:
    """Port Usage over the lake's hourly rows."""

    lake: Lake
    engine: Engine
    _slugs: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _version: int | None = None
    _pinned: dict[int, "LakeUsage"] = field(default_factory=dict)
    _newest: ClusterUid | None = None
    """The cluster that was asked about last."""

    def at(self, version: int) -> "LakeUsage":
        """The same, as the usage table was at that version; asking it raises Gone where that is no longer kept.

        The one that was asked for last is kept: the clusters of a run are all looked at in one version.
        """
        if version not in self._pinned:
            self._pinned = {version: LakeUsage(self.lake.at("usage", version), self.engine)}
        return self._pinned[version]

    def demand(self, cluster_uid: ClusterUid, pool: str, start: datetime, end: datetime) -> Demand | None:
        """What ran and waited on the pool, from the first hour that was measured to `end`; None = nothing was measured at all."""
        usage = self._usage(cluster_uid, start, end)
        if usage is None:
            return None
        parameters = _parameters(cluster_uid, pool, start, end)
        with self.engine.session() as session:
            rows = session.rows(DEMAND_SQL.format(usage=usage, **MEASURES), parameters)
            nodes = session.rows(NODES_SQL.format(usage=usage), parameters)
            recent = _parameters(cluster_uid, pool, max(start, end - RECENT), end)
            drains = _drains(session.rows(DRAINS_SQL.format(usage=usage), recent))
            machines = _machines(session.rows(MACHINES_SQL.format(usage=usage), recent))
        measured = (_row(row) for row in rows)
        return from_rows(measured, start=start, end=end, step=HOUR, nodes=_counts(nodes), drains=drains, machines=machines, source=SOURCE)

    def nodes_seen(self, cluster_uid: ClusterUid, pool: str, start: datetime, end: datetime) -> float | None:
        """Node-hours seen per hour of the window that has any; None = no node was reported."""
        usage = self._usage(cluster_uid, start, end)
        if usage is None:
            return None
        with self.engine.session() as session:
            counts = _counts(session.rows(NODES_SQL.format(usage=usage), _parameters(cluster_uid, pool, start, end)))
        return sum(counts.values()) / len(counts) if counts else None

    def quota_demand(self, quota: Quota, start: datetime, end: datetime) -> QuotaDemand | None:
        """What the pods that count against a quota ask for, over all its clusters; None = one of them was not measured at all.

        Raises BadInput where a pattern of its namespaces cannot be used.
        """
        parts = [self._counted(uid, quota.namespaces, start, end) for uid in quota.clusters or (quota.cluster_uid,)]
        known = [part for part in parts if part is not None]
        return added(known) if known and len(known) == len(parts) else None

    def _counted(self, uid: ClusterUid, namespaces: Sequence[str], start: datetime, end: datetime) -> QuotaDemand | None:
        usage = self._usage(uid, start, end)
        if usage is None:
            return None
        window = _window(uid, start, end)
        with self.engine.session() as session:
            found = matching(namespaces, namespaces_of(session, usage, window))
            return quota_demand(session, usage, window, found, SOURCE)

    def workloads(self, cluster_uid: ClusterUid, start: datetime, end: datetime) -> Workloads | None:
        """The workloads that ask for most that they do not use, and those in trouble; None = nothing was measured at all."""
        usage = self._usage(cluster_uid, start, end)
        if usage is None:
            return None
        with self.engine.session() as session:
            return workloads(session, usage, _window(cluster_uid, start, end), _plain(max(start, end - RECENT)), SOURCE)

    def volumes(self, cluster_uid: ClusterUid, start: datetime, end: datetime) -> tuple[VolumeUse, ...]:
        """The largest volumes of a cluster, each over its hours; () = none was reported."""
        usage = self._usage(cluster_uid, start, end)
        if usage is None:
            return ()
        with self.engine.session() as session:
            return volumes(session, usage, _window(cluster_uid, start, end))

    def _usage(self, cluster_uid: ClusterUid, start: datetime, end: datetime) -> str | None:
        """A query over the files of that cluster and those days; None where there are none. Those of the cluster before it are let go."""
        if self._newest is not None and self._newest != cluster_uid:
            for slug in self._slugs_of(self._newest):
                self.lake.release("usage", {"cluster_slug": slug})
        self._newest = cluster_uid
        files = [
            file
            for slug in self._slugs_of(cluster_uid)
            for partition in self.lake.partitions("usage", {"cluster_slug": slug})
            if f"d-{start:%Y-%m-%d}" <= partition["day"] <= f"d-{end:%Y-%m-%d}"
            for file in self.lake.files("usage", partition)
        ]
        return scan("usage", files) if files else None

    def _slugs_of(self, cluster_uid: ClusterUid) -> tuple[str, ...]:
        """Folders that the cluster's rows are in: by each folder's newest day as the log tells of it, once per version of the table."""
        version = self.lake.version("usage")
        if version is None:
            return ()
        if version != self._version:
            self._slugs, self._version = self._folders(), version
        return self._slugs.get(cluster_uid, ())

    def _folders(self) -> dict[str, tuple[str, ...]]:
        newest = {partition["cluster_slug"]: partition for partition in self.lake.partitions("usage")}
        known = {slug: self.lake.owner("usage", partition) for slug, partition in newest.items()}
        rows: list[tuple[object, ...]] = [(slug, uid) for slug, uid in known.items() if uid is not None]
        files = [file for slug, partition in newest.items() if known[slug] is None for file in self.lake.files("usage", partition)]
        if files:
            with self.engine.session() as session:
                rows += session.rows(CLUSTERS_SQL.format(usage=scan("usage", files)))
        slugs: dict[str, tuple[str, ...]] = {}
        for slug, uid in rows:
            slugs[str(uid)] = (*slugs.get(str(uid), ()), str(slug))
        return slugs


def _parameters(cluster_uid: ClusterUid, pool: str, start: datetime, end: datetime) -> dict[str, object]:
    return {"cluster": cluster_uid, "pool": pool, "start": _plain(start), "end": _plain(end)}


def _window(cluster_uid: ClusterUid, start: datetime, end: datetime) -> dict[str, object]:
    return {"cluster": cluster_uid, "start": _plain(start), "end": _plain(end)}


def _plain(at: datetime) -> datetime:
    """The table's times are UTC without a zone."""
    offset = at.utcoffset() or timedelta(0)
    return at.replace(tzinfo=None) - offset


def _row(row: tuple[object, ...]) -> UsageRow:
    at, name, kind, pods, waiting, cpu, memory, gpu, cpu_used, memory_used, compute, fullest, tensor, dram, fp64, power, link = row
    return UsageRow(
        at=int(cast("int", at)),
        workload=str(name),
        kind=str(kind),
        pods=float(cast("int", pods)),
        pending=float(cast("int", waiting)),
        cpu_request=_number(cpu),
        memory_request=_number(memory),
        gpu_request=_number(gpu),
        cpu_used=_number(cpu_used),
        memory_used=_number(memory_used),
        gpu_compute_used=_number(compute),
        gpu_memory_used=_number(fullest),
        gpu_tensor_used=_number(tensor),
        gpu_dram_used=_number(dram),
        gpu_fp64_used=_number(fp64),
        gpu_power=_number(power),
        gpu_link_used=_number(link),
    )


def _drains(rows: Sequence[tuple[object, ...]]) -> dict[str, Drain]:
    return {
        str(name): Drain(
            disruptions_allowed=None if allowed is None else int(cast("int", allowed)),
            has_local_volume=None if is_local is None else bool(is_local),
            has_own_node=None if has_own is None else bool(has_own),
            grace_seconds=None if grace is None else int(cast("int", grace)),
            pinned=None if pins is None else _pinned(cast("list[str]", pins)),
        )
        for name, allowed, is_local, has_own, grace, pins in rows
    }


def _pinned(texts: Sequence[str]) -> dict[str, str]:
    """All labels that any of its pods requires; what cannot be read as labels is one that nobody has."""
    found: dict[str, str] = {}
    for text in texts:
        try:
            labels = json.loads(text)
        except ValueError:
            labels = None
        found |= {str(name): str(value) for name, value in labels.items()} if isinstance(labels, dict) else {"unreadable": text[:60]}
    return found


def _machines(rows: Sequence[tuple[object, ...]]) -> Machines:
    zones, makers, models = rows[0] if rows else (None, None, None)
    return Machines(
        zones=tuple(cast("list[str]", zones)) if zones else None,
        makers=frozenset(cast("list[str]", makers)) - {""} if makers is not None else None,
        gpu_models=frozenset(cast("list[str]", models or [])),
    )


def _number(value: object) -> float | None:
    return None if value is None else float(cast("int", value))


def _counts(rows: Sequence[tuple[object, ...]]) -> dict[int, float]:
    return {int(cast("int", at)): float(cast("float", count)) for at, count in rows}


__all__ = ["LakeUsage"]
