"""Usage of the estate: the hourly drops that ingest reads, and the last day's rows that Prometheus answers with."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache
from importlib.resources import as_file, files
from pathlib import Path

import duckdb

from trimtab.demo.estate.assets import balancer_name, claims
from trimtab.demo.estate.cards import card_of
from trimtab.demo.estate.clusters import CLUSTERS
from trimtab.demo.estate.model import END, LAST_DAY, START, EstateCluster, Node, Pod, nodes, pods
from trimtab.demo.estate.prices import instance_type
from trimtab.errors import BadInput
from trimtab.records import ClusterUid, Json
from trimtab.sources.usage import folder_of
from trimtab.tables import USAGE, text_literal

STEP_SECONDS = 300
FILLED_BY_INGEST = ("collected_at", "day", "cluster_slug")
COLUMNS = tuple(column.name for column in USAGE if column.name not in FILLED_BY_INGEST)
OF_KUBERNETES = frozenset({
    "disruptions_allowed", "local_volume", "cpu_limit", "memory_limit", "out_of_memory", "scaled_by", "own_node",
    "pinned", "grace_seconds",
})  # fmt: skip
"""Columns that a collector of the estate's Prometheus alone leaves open."""
Step = tuple[int, int, int, int | None, int | None, int | None, int | None]
"""(index of the pod, step, seconds, millicores, bytes, GPU activity in thousandths, GPU bytes)."""


def write_usage(root: Path, clusters: tuple[EstateCluster, ...] = CLUSTERS) -> None:
    """Write the usage drops of the first 44 days, a folder per cluster with its completion marker below `root`/usage.

    They are what a collector inside the cluster leaves: it reads the Kubernetes API too, so budgets and local volumes are known.
    """
    with _samples(clusters, START, LAST_DAY) as session:
        session.execute(f"CREATE TEMP TABLE usage AS {_sql('usage.sql')}")
        for cluster in clusters:
            folder = root / "usage" / folder_of(cluster.cluster.name, cluster.cluster.uid) / "history"
            folder.mkdir(parents=True, exist_ok=True)
            _copy(session, cluster, folder / "usage.parquet")
            (folder / "_complete.json").write_text(json.dumps(_marker(cluster), indent=1) + "\n")


def _copy(session: duckdb.DuckDBPyConnection, cluster: EstateCluster, path: Path) -> None:
    columns = ", ".join(f'"{name}"' for name in COLUMNS)
    session.execute(
        f"COPY (SELECT {columns} FROM usage WHERE cluster_uid = {text_literal(cluster.cluster.uid)} "
        f"ORDER BY hour, pool NULLS LAST, node NULLS LAST, pod NULLS FIRST, provider_id) "
        f"TO {text_literal(str(path))} (FORMAT parquet, COMPRESSION zstd)"
    )


def _marker(cluster: EstateCluster) -> Json:
    return {
        "cluster_uid": cluster.cluster.uid,
        "cluster": cluster.cluster.name,
        "from": _text(START),
        "to": _text(LAST_DAY),
        "files": ["usage.parquet"],
    }


def prometheus_samples(uid: ClusterUid, start: datetime = LAST_DAY, end: datetime = END) -> list[dict[str, object]]:
    """Hourly usage rows of one cluster between two whole hours, as a collector of Prometheus alone should find them; keys are `COLUMNS`."""
    unread = ", ".join(f"NULL::{column.sql_type} AS {column.name}" for column in USAGE if column.name in OF_KUBERNETES)
    with _samples((find(uid),), start, end) as session:
        rows = session.execute(
            f"SELECT * REPLACE ({unread}) FROM ({_sql('usage.sql')}) "
            "ORDER BY hour, pool NULLS LAST, node NULLS LAST, pod NULLS FIRST, provider_id"
        ).fetchall()
    return [dict(zip(COLUMNS, row, strict=True)) for row in rows]


@lru_cache(maxsize=12)
def five_minute_samples(uid: ClusterUid, start: datetime, end: datetime) -> list[Step]:
    """Samples ordered by pod and step; pods are numbered as `model.pods` gives them, those that nothing measures left out."""
    with _samples((find(uid),), start, end) as session:
        rows: list[Step] = session.execute(
            "SELECT pod, step, seconds, cpu, memory, gpu, gpu_memory FROM sample ORDER BY pod, step"
        ).fetchall()
    return rows


def find(uid: ClusterUid) -> EstateCluster:
    """The cluster of that uid. Raises BadInput where the estate has none."""
    for cluster in CLUSTERS:
        if cluster.cluster.uid == uid:
            return cluster
    raise BadInput(f"cluster {uid}: the estate has no such cluster")


def step_of(at: datetime) -> int:
    """Number of the five-minute step that starts at `at`."""
    return int((at - START).total_seconds()) // STEP_SECONDS


@contextmanager
def _samples(clusters: tuple[EstateCluster, ...], start: datetime, end: datetime) -> Iterator[duckdb.DuckDBPyConnection]:
    """A session that holds the tables node, pod and sample of these clusters, between two times."""
    with duckdb.connect() as session, as_file(files("trimtab.demo") / "data") as data:
        session.execute("SET threads = 2; SET preserve_insertion_order = true; SET TimeZone = 'UTC'")
        for name, value in (("first_step", step_of(start)), ("last_step", step_of(end))):
            session.execute(f"SET VARIABLE {name} = {value}")
        session.execute(f"SET VARIABLE traces = {text_literal(str(data / 'bitbrains_cpu.parquet'))}")
        session.execute(f"SET VARIABLE queues = {text_literal(str(data / 'helios_gpu_queues.parquet'))}")
        session.execute(_sql("tables.sql"))
        _fill(session, "node", [_node_row(node) for cluster in clusters for node in nodes(cluster)])
        _fill(session, "pod", [_pod_row(pod) for cluster in clusters for pod in pods(cluster) if pod.pool.is_measured])
        _fill(session, "asset", [row for cluster in clusters for row in _asset_rows(cluster)])
        session.execute(_sql("samples.sql"))
        yield session


def _fill(session: duckdb.DuckDBPyConnection, table: str, rows: list[tuple[object, ...]]) -> None:
    if not rows:
        return
    marks = ", ".join("?" * (len(rows[0]) + 1))
    session.executemany(f"INSERT INTO {table} VALUES ({marks})", [(number, *row) for number, row in enumerate(rows)])


def _node_row(node: Node) -> tuple[object, ...]:
    live = node.cluster.cluster
    kind, card = instance_type(node.cluster, node.pool), card_of(node)
    return (
        live.uid, live.name, live.project, node.pool.pool.name, node.name, node.provider_id, kind.name, kind.cpu, kind.memory,
        1000 * kind.gpus, step_of(node.joined), node.pool.is_measured, node.zone,
        *((card.name, card.rest, card.full) if card else (None, None, None)),
    )  # fmt: skip


def _pod_row(pod: Pod) -> tuple[object, ...]:
    live, work, gpu, node = pod.cluster.cluster, pod.workload, pod.workload.gpu, pod.node
    place = (node.name, node.provider_id, pod.pool.pool.instance_type) if node else (None, None, None)
    labels = json.dumps(work.labels, sort_keys=True)
    activity = (gpu.activity, gpu.swing, gpu.memory, gpu.queue) if gpu else (None, None, None, None)
    return (
        live.uid, live.name, live.project, pod.pool.pool.name, *place, work.namespace, work.name, work.kind, pod.name, labels, pod.number,
        work.cpu, work.memory, work.gpu_request, work.load.vm, work.load.at_full, work.load.shift, work.memory_used, *activity,
        pod.pool.pool.count, step_of(node.joined if node else START), work.disruptions_allowed, work.has_local_volume,
        _annotations(pod.cluster, work.namespace), *(("mig", *work.slices) if work.slices else (None, None, None)), work.sent,
    )  # fmt: skip


def _asset_rows(cluster: EstateCluster) -> Iterator[tuple[object, ...]]:
    """Claimed volumes with whoever claims them, and the load balancer with its namespace."""
    live = cluster.cluster
    for claim in claims(cluster):
        work = claim.pod.workload
        yield (
            live.uid, live.name, live.project, work.namespace, work.name, work.kind, json.dumps(work.labels, sort_keys=True),
            _annotations(cluster, work.namespace), claim.provider_id, "volume", claim.size,
        )  # fmt: skip
    if cluster.ingress:
        namespace = cluster.ingress[0]
        owner = (namespace, None, None, "{}", _annotations(cluster, namespace))
        yield (live.uid, live.name, live.project, *owner, balancer_name(cluster), "load-balancer", None)


def _annotations(cluster: EstateCluster, namespace: str) -> str:
    return json.dumps(dict(cluster.annotations.get(namespace, {})), sort_keys=True)


def _sql(name: str) -> str:
    return (files("trimtab.demo.estate") / "sql" / name).read_text()


def _text(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
