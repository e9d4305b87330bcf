"""Measured demand from the lake's usage table: SQL adds up each workload's equal pods per hour, and only then do rows leave the engine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import cast

from trimtab.analysis.assembly import UsageRow, from_rows
from trimtab.analysis.demand import RECENT_SECONDS, Demand, Drain
from trimtab.analysis.trace import from_trace
from trimtab.errors import BadInput
from trimtab.ports import Engine, Lake
from trimtab.records import ClusterUid
from trimtab.tables import scan, text_literal

HOUR = 3600
RECENT = timedelta(seconds=RECENT_SECONDS)
SOURCE = "hourly usage in the lake, highest 5-minute values"

# A running pod without a value makes its workload's hour unknown; a waiting pod uses nothing. No GPU asked for means no GPU.
DEMAND_SQL = """
SELECT CAST(epoch("hour") AS BIGINT) AS at, namespace || '/' || workload AS name, any_value(coalesce(workload_kind, '')) AS kind,
  count(*) AS pods, count(*) FILTER (WHERE coalesce(pending, false)) AS waiting,
  cpu_request, memory_request, coalesce(gpu_request, 0) AS gpu,
  {cpu}, {memory}, {compute}, {fullest}
FROM ({usage}) WHERE cluster_uid = $cluster AND pool = $pool AND "hour" >= $start AND "hour" < $end AND pod IS NOT NULL
GROUP BY ALL ORDER BY ALL"""

# The newest hour that is known of all pods of a workload; one of them that no budget lets go, or whose data is local, speaks for all.
DRAINS_SQL = """
SELECT name, arg_max(allowed, "hour"), arg_max(is_local, "hour")
FROM (
  SELECT "hour", namespace || '/' || workload AS name,
    CASE WHEN bool_or(disruptions_allowed = 0) THEN 0 WHEN bool_or(disruptions_allowed IS NULL) THEN NULL
      ELSE coalesce(min(disruptions_allowed) FILTER (disruptions_allowed >= 0), -1) END AS allowed,
    CASE WHEN bool_or(local_volume) THEN true WHEN bool_or(local_volume IS NULL) THEN NULL ELSE false END AS is_local
  FROM ({usage}) WHERE cluster_uid = $cluster AND pool = $pool AND "hour" >= $start AND "hour" < $end AND pod IS NOT NULL
    AND workload_kind IS DISTINCT FROM 'DaemonSet'
  GROUP BY ALL)
GROUP BY name ORDER BY name"""

NODES_SQL = """
SELECT CAST(epoch("hour") AS BIGINT), CAST(sum(seconds) AS DOUBLE) / 3600
FROM ({usage}) WHERE cluster_uid = $cluster AND pool = $pool AND "hour" >= $start AND "hour" < $end AND pod IS NULL AND asset IS NULL
GROUP BY 1 ORDER BY 1"""

CLUSTERS_SQL = "SELECT DISTINCT cluster_slug, cluster_uid FROM ({usage}) ORDER BY 1, 2"


def _known(column: str, function: str, otherwise: str = "") -> str:
    """An aggregate that is NULL where any running pod's value is."""
    missing = f"bool_or(NOT coalesce(pending, false) AND {column} IS NULL {otherwise})"
    return f"CASE WHEN {missing} THEN NULL ELSE coalesce({function}({column}) FILTER (WHERE NOT coalesce(pending, false)), 0) END"


_NO_GPU = "AND coalesce(gpu_request, 0) > 0"
MEASURES = {
    "cpu": _known("cpu_used_max", "sum"),
    "memory": _known("memory_used_max", "sum"),
    "compute": _known("gpu_compute_used_max", "sum", _NO_GPU),
    "fullest": _known("gpu_memory_used_max", "max", _NO_GPU),
}


@dataclass(slots=True)
class LakeUsage:
    """Port Usage over the lake's hourly rows."""

    lake: Lake
    engine: Engine
    _slugs: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _version: int | None = None

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
        measured = (_row(row) for row in rows)
        return from_rows(measured, start=start, end=end, step=HOUR, nodes=_counts(nodes), drains=drains, source=SOURCE)

    def nodes_seen(self, cluster_uid: ClusterUid, pool: str, start: datetime, end: datetime) -> float | None:
        """Node-hours seen per hour of the window that has any; None = no node was reported."""
        usage = self._usage(cluster_uid, start, end)
        if usage is None:
            return None
        with self.engine.session() as session:
            counts = _counts(session.rows(NODES_SQL.format(usage=usage), _parameters(cluster_uid, pool, start, end)))
        return sum(counts.values()) / len(counts) if counts else None

    def _usage(self, cluster_uid: ClusterUid, start: datetime, end: datetime) -> str | None:
        """A query over the files of that cluster and those days; None where there are none."""
        files = [
            file
            for slug in self._slugs_of(cluster_uid)
            for partition in self.lake.partitions("usage")
            if partition["cluster_slug"] == slug and f"d-{start:%Y-%m-%d}" <= partition["day"] <= f"d-{end:%Y-%m-%d}"
            for file in self.lake.files("usage", partition)
        ]
        return scan("usage", files) if files else None

    def _slugs_of(self, cluster_uid: ClusterUid) -> tuple[str, ...]:
        """Folders that the cluster's rows are in: asked of each folder's newest day, once per version of the table."""
        version = self.lake.version("usage")
        if version is None:
            return ()
        if version != self._version:
            self._slugs, self._version = self._folders(), version
        return self._slugs.get(cluster_uid, ())

    def _folders(self) -> dict[str, tuple[str, ...]]:
        newest = {partition["cluster_slug"]: partition for partition in self.lake.partitions("usage")}
        files = [file for partition in newest.values() for file in self.lake.files("usage", partition)]
        with self.engine.session() as session:
            rows = session.rows(CLUSTERS_SQL.format(usage=scan("usage", files)))
        slugs: dict[str, tuple[str, ...]] = {}
        for slug, uid in rows:
            slugs[str(uid)] = (*slugs.get(str(uid), ()), str(slug))
        return slugs


def read_trace(engine: Engine, path: Path) -> dict[str, Demand]:
    """Pool → demand, from a demand trace on disk (CSV or Parquet). Raises BadInput that names the file, and row and column."""
    suffix = path.suffix.lower()
    readers = {".csv": "read_csv({path}, header = true, all_varchar = true)", ".parquet": "read_parquet({path})"}
    if suffix not in readers:
        raise BadInput(f"{path.name}: a demand trace is a .csv or .parquet file")
    source = readers[suffix].format(path=text_literal(str(path)))
    with engine.session() as session:
        names = [str(row[0]) for row in session.rows(f"SELECT column_name FROM (DESCRIBE SELECT * FROM {source})")]
        # Times as text: handing times with a zone to Python would need one more library.
        times = "REPLACE (CAST(timestamp AS VARCHAR) AS timestamp)" if "timestamp" in names else ""
        rows = session.rows(f"SELECT * {times} FROM {source}")
    columns: Mapping[str, Sequence[object]] = dict(zip(names, zip(*rows, strict=True), strict=True)) if rows else dict.fromkeys(names, ())
    return from_trace(columns, source=path.name)


def _parameters(cluster_uid: ClusterUid, pool: str, start: datetime, end: datetime) -> dict[str, object]:
    return {"cluster": cluster_uid, "pool": pool, "start": _plain(start), "end": _plain(end)}


def _plain(at: datetime) -> datetime:
    """The table's times are UTC without a zone."""
    offset = at.utcoffset() or timedelta(0)
    return at.replace(tzinfo=None) - offset


def _row(row: tuple[object, ...]) -> UsageRow:
    at, name, kind, pods, waiting, cpu, memory, gpu, cpu_used, memory_used, compute, fullest = row
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
    )


def _drains(rows: Sequence[tuple[object, ...]]) -> dict[str, Drain]:
    return {
        str(name): Drain(
            disruptions_allowed=None if allowed is None else int(cast("int", allowed)),
            has_local_volume=None if is_local is None else bool(is_local),
        )
        for name, allowed, is_local in rows
    }


def _number(value: object) -> float | None:
    return None if value is None else float(cast("int", value))


def _counts(rows: Sequence[tuple[object, ...]]) -> dict[int, float]:
    return {int(cast("int", at)): float(cast("float", count)) for at, count in rows}


__all__ = ["LakeUsage", "read_trace"]
