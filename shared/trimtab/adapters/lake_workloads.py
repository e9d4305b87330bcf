"""Queries for workloads: first who is worth a look, in one pass over the rows; then their hours, at their fullest pod.

However many pods a cluster has, no more than `MOST_BY_WASTE` + `MOST_BY_TROUBLE` workloads leave the engine, one row for each hour.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import cast

import numpy as np

from trimtab.adapters.lake_quotas import HOURS_SQL, Window, grid_of
from trimtab.analysis.demand import Floats
from trimtab.analysis.workload_use import Workloads, WorkloadUse
from trimtab.ports import Session

MOST_BY_WASTE = 40
MOST_BY_TROUBLE = 20

_RAN = """cluster_uid = $cluster AND "hour" >= $start AND "hour" < $end AND pod IS NOT NULL AND workload IS NOT NULL
  AND NOT coalesce(pending, false)"""
_ID = "namespace || '/' || coalesce(workload_kind, '') || '/' || workload"

# What nothing declares is left out, and what has not run for a fortnight (a job of a new name for each run) comes last.
# Integers, so that the order is the same however many threads add up. The weights are OpenCost's base prices of a core, a GiB, a GPU.
CHOSEN_SQL = f"""
WITH found AS (
  SELECT {_ID} AS id, count(DISTINCT date_trunc('day', "hour")) >= 14 AS is_settled,
    sum(CAST(seconds AS HUGEINT) * (
      greatest(coalesce(cpu_request - cpu_used_max, 0), 0)::HUGEINT * 32
      + greatest(coalesce(memory_request - memory_used_max, 0), 0) // 1048576 * 4
      + CASE WHEN gpu_request >= 2000 THEN greatest(coalesce(gpu_request - gpu_compute_used_max, 0), 0)::HUGEINT * 950
        ELSE 0 END)) AS waste,
    coalesce(sum(greatest(out_of_memory, 0)), 0) * 1000
      + count(*) FILTER (WHERE memory_used_max > memory_request OR cpu_used > cpu_request
        OR (cpu_limit > 0 AND cpu_used_max >= 0.95 * cpu_limit) OR (memory_limit > 0 AND memory_used_max >= 0.95 * memory_limit)) AS trouble
  FROM ({{usage}}) WHERE {_RAN} AND coalesce(workload_kind, 'Pod') NOT IN ('Pod', '') GROUP BY 1),
ranked AS (
  SELECT id, waste, trouble, row_number() OVER (ORDER BY is_settled DESC, waste DESC, id) AS by_waste,
    row_number() OVER (ORDER BY trouble DESC, id) AS by_trouble, count(*) OVER () AS total FROM found)
SELECT id, total FROM ranked
WHERE (by_waste <= {MOST_BY_WASTE} AND waste > 0) OR (by_trouble <= {MOST_BY_TROUBLE} AND trouble > 0) ORDER BY id"""


def _known(column: str) -> str:
    """The most of any pod; NULL where any pod's value is."""
    return f"CASE WHEN bool_or({column} IS NULL) THEN NULL ELSE CAST(max({column}) AS DOUBLE) END"


USE_SQL = f"""
SELECT {_ID} AS id, CAST(epoch("hour") AS BIGINT), CAST(count(*) AS DOUBLE),
  {_known("cpu_request")}, {_known("memory_request")}, {_known("gpu_request")},
  {_known("cpu_used_max")}, {_known("cpu_used")}, {_known("memory_used_max")},
  {_known("gpu_compute_used_max")}, {_known("gpu_memory_used_max")},
  CASE WHEN bool_or(out_of_memory IS NULL) THEN NULL ELSE CAST(sum(out_of_memory) AS DOUBLE) END
FROM ({{usage}}) WHERE {_RAN} AND list_contains($chosen, {_ID})
GROUP BY ALL ORDER BY 1, 2"""

# The newest hour that knows it of all pods; several versions may run side by side for a while.
ABOUT_SQL = f"""
SELECT id, arg_max(cpu_limit, "hour"), arg_max(memory_limit, "hour"), arg_max(is_mixed, "hour"), arg_max(scaled_by, "hour")
FROM (
  SELECT {_ID} AS id, "hour", {_known("cpu_limit")} AS cpu_limit, {_known("memory_limit")} AS memory_limit,
    count(DISTINCT cpu_limit) > 1 OR count(DISTINCT memory_limit) > 1 AS is_mixed,
    CASE WHEN bool_or(scaled_by IS NULL) THEN NULL ELSE string_agg(DISTINCT scaled_by, ',' ORDER BY scaled_by) END AS scaled_by
  FROM ({{usage}}) WHERE {_RAN} AND "hour" >= $recent AND list_contains($chosen, {_ID}) GROUP BY ALL)
GROUP BY id ORDER BY id"""
# The pod of a Deployment is called <replica set>-<five letters or digits>. A replica set is as old as its first pod.
PODS_SQL = f"""
SELECT id, list(DISTINCT pool ORDER BY pool) FILTER (pool IS NOT NULL), count(DISTINCT version),
  CAST(epoch(max(since) FILTER (version IS NOT NULL)) AS BIGINT)
FROM (
  SELECT id, pool, version, min(first) OVER (PARTITION BY id, version) AS since
  FROM (
    SELECT id, pool, CASE WHEN kind = 'Deployment' THEN nullif(regexp_extract(pod, '^(.+)-[a-z0-9]{{{{5}}}}$', 1), '') END AS version, first
    FROM (
      SELECT {_ID} AS id, workload_kind AS kind, pool, pod, min("hour") AS first
      FROM ({{usage}}) WHERE {_RAN} AND list_contains($chosen, {_ID}) GROUP BY ALL)))
GROUP BY id ORDER BY id"""


def workloads(session: Session, usage: str, window: Window, recent: object, source: str) -> Workloads | None:
    """The workloads of one cluster that are worth a look; None = nothing of the cluster was measured."""
    hours = [int(cast("int", at)) for (at,) in session.rows(HOURS_SQL.format(usage=usage), window)]
    if not hours:
        return None
    chosen = session.rows(CHOSEN_SQL.format(usage=usage), window)
    ids = [str(id_) for id_, _ in chosen]
    total = int(cast("int", chosen[0][1])) if chosen else 0
    named = {**window, "chosen": ids}
    uses: tuple[WorkloadUse, ...] = ()
    if ids:
        rows = session.rows(USE_SQL.format(usage=usage), named)
        about = {row[0]: row[1:] for row in session.rows(ABOUT_SQL.format(usage=usage), {**named, "recent": recent})}
        pods = {row[0]: row[1:] for row in session.rows(PODS_SQL.format(usage=usage), named)}
        uses = tuple(_use(str(key), list(group), about.get(key), pods.get(key)) for key, group in groupby(rows, key=lambda row: row[0]))
    return Workloads(
        uses=uses,
        left_out=total - len(ids),
        hours=len(hours),
        measured_share=len(hours) / len(grid_of(hours, window)),
        source=source,
    )


def _use(
    key: str,
    rows: Sequence[tuple[object, ...]],
    about: tuple[object, ...] | None,
    pods: tuple[object, ...] | None,
) -> WorkloadUse:
    namespace, kind, name = key.split("/", 2)
    columns: Floats = np.array([[np.nan if value is None else float(cast("float", value)) for value in row[2:]] for row in rows]).T
    cpu_limit, memory_limit, is_mixed, scaled_by = about or (None, None, None, None)
    pools, versions, since = pods or (None, 0, None)
    return WorkloadUse(
        namespace=namespace,
        kind=kind,
        name=name,
        pools=tuple(cast("list[str]", pools or [])),
        times=np.array([int(cast("int", row[1])) for row in rows], dtype=np.int64),
        pods=columns[0],
        cpu_request=columns[1],
        memory_request=columns[2],
        gpu_request=columns[3],
        cpu_peak=columns[4],
        cpu_mean=columns[5],
        memory_peak=columns[6],
        gpu_peak=columns[7],
        gpu_memory_peak=columns[8],
        kills=columns[9],
        cpu_limit=None if cpu_limit is None else float(cast("float", cpu_limit)),
        memory_limit=None if memory_limit is None else float(cast("float", memory_limit)),
        has_mixed_limits=bool(is_mixed),
        scaled_by=None if scaled_by is None else str(scaled_by),
        versions=max(1, int(cast("int", versions))),
        newest_since=None if since is None else int(cast("int", since)),
    )
