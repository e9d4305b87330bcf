"""Queries for the demand of a quota: what the pods of some namespaces ask for in each hour, added up before any row leaves the engine.

A pod counts once an hour, by the most that it asked for: it may have waited first and run later, or moved from node to node. A part of
a shared GPU counts as a whole one, as it does in a quota: each replica or slice is a device to Kubernetes.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import cast

import numpy as np

from trimtab.analysis.demand import Floats, Ints
from trimtab.analysis.quota_demand import Counted, QuotaDemand, Waiting
from trimtab.ports import Session

HOUR = 3600
MOST_WAITING = 10
"""Workloads that are named for having waited."""
Window = Mapping[str, object]
"""Parameters: cluster, start, end, and namespaces where they are asked for."""

_WHERE = 'cluster_uid = $cluster AND "hour" >= $start AND "hour" < $end'
_PODS = """
SELECT "hour", namespace, pod, min(workload) AS workload, least(sum(greatest(seconds, 0)), 3600) AS seconds,
  coalesce(sum(seconds) FILTER (WHERE pending), 0) AS waited,
  CASE WHEN bool_or(cpu_request IS NULL) THEN NULL ELSE max(cpu_request) END AS cpu,
  CASE WHEN bool_or(memory_request IS NULL) THEN NULL ELSE max(memory_request) END AS memory,
  CASE WHEN bool_or(gpu_request IS NULL AND gpu_shares IS NULL) THEN NULL
    ELSE max(greatest(coalesce(gpu_request, 0), 1000 * CAST(coalesce(gpu_shares, 0) AS HUGEINT))) END AS gpu,
  CASE WHEN bool_or(cpu_request IS NULL OR cpu_limit IS NULL) THEN NULL ELSE max(greatest(cpu_request, cpu_limit)) END AS cpu_most,
  CASE WHEN bool_or(memory_request IS NULL OR memory_limit IS NULL) THEN NULL
    ELSE max(greatest(memory_request, memory_limit)) END AS memory_most
FROM ({usage}) WHERE """ + _WHERE + """ AND pod IS NOT NULL AND list_contains($namespaces, namespace)
GROUP BY "hour", namespace, pod"""  # fmt: skip


def _total(column: str, factor: str = "", only: str = "true") -> str:
    """A sum that is NULL where any pod's value is."""
    total = f"CAST(coalesce(sum({column}{factor}) FILTER (WHERE {only}), 0) AS DOUBLE)"
    return f"CASE WHEN bool_or({column} IS NULL) THEN NULL ELSE {total} END"


_RAN = "waited = 0"
QUOTA_SQL = f"""
SELECT CAST(epoch("hour") AS BIGINT), count(*) FILTER (WHERE waited > 0),
  {_total("cpu")}, {_total("memory")}, {_total("gpu")},
  {_total("cpu", " * seconds / 3600.0")}, {_total("memory", " * seconds / 3600.0")}, {_total("gpu", " * seconds / 3600.0")},
  {_total("cpu_most")}, {_total("memory_most")},
  {_total("cpu_most", only=_RAN)}, {_total("memory_most", only=_RAN)}, {_total("gpu", only=_RAN)},
  coalesce(max(cpu), 0), coalesce(max(memory), 0), coalesce(max(gpu), 0)
FROM ({_PODS}) GROUP BY 1 ORDER BY 1"""
WAITING_SQL = f"""
SELECT name, CAST(sum(waited) AS DOUBLE) / 3600, max(pods)
FROM (
  SELECT "hour", namespace || '/' || coalesce(workload, pod) AS name, sum(seconds) AS waited, count(DISTINCT pod) AS pods
  FROM ({{usage}}) WHERE {_WHERE} AND pending AND pod IS NOT NULL AND list_contains($namespaces, namespace) GROUP BY ALL)
GROUP BY name ORDER BY 2 DESC, 1 LIMIT {MOST_WAITING}"""
HOURS_SQL = f'SELECT DISTINCT CAST(epoch("hour") AS BIGINT) FROM ({{usage}}) WHERE {_WHERE} AND asset IS NULL ORDER BY 1'
NAMESPACES_SQL = f"SELECT DISTINCT namespace FROM ({{usage}}) WHERE {_WHERE} AND pod IS NOT NULL AND namespace IS NOT NULL ORDER BY 1"
# The smallest of the nodes that its GPU pods ran on: the finest step that frees a whole one.
NODE_GPUS_SQL = f"""
SELECT min(gpu_capacity) // 1000 FROM ({{usage}}) WHERE {_WHERE} AND pod IS NULL AND asset IS NULL AND gpu_capacity >= 1000 AND node IN (
  SELECT DISTINCT node FROM ({{usage}})
  WHERE {_WHERE} AND pod IS NOT NULL AND gpu_request > 0 AND list_contains($namespaces, namespace))"""


def namespaces_of(session: Session, usage: str, window: Window) -> tuple[str, ...]:
    """Every namespace in which a pod ran or waited."""
    return tuple(str(name) for (name,) in session.rows(NAMESPACES_SQL.format(usage=usage), window))


def quota_demand(session: Session, usage: str, window: Window, namespaces: Sequence[str], source: str) -> QuotaDemand | None:
    """The demand of those namespaces in one cluster; None = nothing of the cluster was measured."""
    hours = [int(cast("int", at)) for (at,) in session.rows(HOURS_SQL.format(usage=usage), window)]
    if not hours:
        return None
    named = {**window, "namespaces": list(namespaces)}
    rows = session.rows(QUOTA_SQL.format(usage=usage), named) if namespaces else []
    waits = session.rows(WAITING_SQL.format(usage=usage), named) if namespaces else []
    gpus = session.rows(NODE_GPUS_SQL.format(usage=usage), named) if namespaces else [(None,)]
    times = grid_of(hours, window)
    seen = np.isin(times, np.array(hours, dtype=np.int64))
    grid = _grid(rows, times)
    return QuotaDemand(
        times=times,
        seen=seen,
        cpu=Counted(asked=grid[1], held=grid[4], with_limits=grid[7], running=grid[9], largest=float(grid[12].max())),
        memory=Counted(asked=grid[2], held=grid[5], with_limits=grid[8], running=grid[10], largest=float(grid[13].max())),
        gpu=Counted(asked=grid[3], held=grid[6], with_limits=grid[3], running=grid[11], largest=float(grid[14].max())),
        waiting=grid[0],
        waits=tuple(
            Waiting(workload=str(name), hours=float(cast("float", held)), most=int(cast("int", most))) for name, held, most in waits
        ),
        gpus_per_node=None if gpus[0][0] is None else int(cast("int", gpus[0][0])),
        source=source,
    )


def grid_of(hours: Sequence[int], window: Window) -> Ints:
    """Whole hours from the first that was measured to the end of the window: what is missing at its end is missing."""
    end = int(cast("datetime", window["end"]).replace(tzinfo=UTC).timestamp())
    return np.arange(hours[0], max(end, hours[-1] + 1), HOUR, dtype=np.int64)


def _grid(rows: Sequence[tuple[object, ...]], times: Ints) -> Floats:
    """[column, hour]; an hour in which none of its pods was there is a known zero."""
    grid = np.zeros((15, len(times)))
    if rows:
        at = np.array([int(cast("int", row[0])) for row in rows], dtype=np.int64)
        values = np.array([[np.nan if value is None else float(cast("float", value)) for value in row[1:]] for row in rows])
        grid[:, (at - int(times[0])) // HOUR] = values.T
    return grid
