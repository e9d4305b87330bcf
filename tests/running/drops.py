"""What `ingest` does for drops of usage, and for a period to attribute, over a store that counts."""

import hashlib
import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from tests.bench import month
from tests.bench.scale_estate import NOW, Number
from tests.judgement import files
from tests.running.front import TENANT
from tests.running.world import Cloud, Work, cloud_of, messages
from trimtab.adapters.localforge import init_bare
from trimtab.adapters.store.delta_log import CHECKPOINT_EVERY
from trimtab.demo.estate.usage import COLUMNS
from trimtab.flow.landed import ALLOCATE
from trimtab.settings import Repository, Settings
from trimtab.sources.usage import folder_of
from trimtab.tables import USAGE, Column

MIDNIGHT = NOW.replace(hour=0)
OTHERS = 9000
"""Clusters that nobody has."""
HOURS = 12
"""The drop that counts is the one of noon: half of a day lies in the lake when it comes."""
AT = datetime(2026, 7, 3, 8, tzinfo=UTC)
NODES = (12, 48, 667)
DAYS = 15
"""Half a month: what a month under way has on average."""


# ── Usage ────────────────────────────────────────────────────────────────────────────────────────────────────────────
def drop_events(cloud: Cloud, pods: int, cluster: int) -> list[Work]:
    """What the drop of noon takes, of a cluster with so many pods."""
    left = [_left(cloud, Number(cluster), pods, MIDNIGHT + timedelta(hours=hour)) for hour in range(HOURS)]
    # Others come, until one in a hundred has made a checkpoint.
    left += [_left(cloud, Number(OTHERS + cluster), 1, MIDNIGHT - timedelta(hours=hour)) for hour in range(CHECKPOINT_EVERY["usage"])]
    works = cloud.invoke("ingest", MIDNIGHT + timedelta(hours=HOURS), [messages([key]) for key, _ in left])
    usual, others = works[HOURS - 1], works[HOURS:]
    (rare,) = [work for work in others if work["requests"].get("list", 0)]
    whole = {**usual, "stored": usual["stored"] | {"usage": left[HOURS - 1][1]}}
    return [whole] * (len(others) - 1) + [_with_checkpoint(whole, others[0], rare)]


def _with_checkpoint(whole: Work, small: Work, rare: Work) -> Work:
    """A drop and what the small one that made a checkpoint took more than another small one."""

    def more(of: str) -> dict[str, float]:
        return {name: whole[of].get(name, 0) + rare[of].get(name, 0) - small[of].get(name, 0) for name in {*whole[of], *rare[of]}}

    return {**whole, "cpu": whole["cpu"] + max(0, rare["cpu"] - small["cpu"]), "requests": more("requests"), "stored": more("stored")}


def _left(cloud: Cloud, number: Number, pods: int, hour: datetime) -> tuple[str, int]:
    """A drop as `trimtab collect` leaves it, Parquet, then its marker; the marker's key, and the bytes of both."""
    folder = f"usage/{folder_of(number.name, number.uid)}/{hour:%Y-%m-%dT%H}-1h-{hashlib.sha256(number.name.encode()).hexdigest()[:16]}"
    parquet = cloud.folder / "usage.parquet"
    known = {
        "hour": f"TIMESTAMP '{hour:%Y-%m-%d %H:%M:%S}'", "cluster_uid": f"'{number.uid}'", "cluster": f"'{number.name}'", "seconds": "3600",
        "pool": "'web'", "node": "'ip-10-0-' || (i // 20) || '-17.ec2.internal'", "instance_type": "'m6i.2xlarge'",
        "pod": "'shop-' || substr(md5('' || i), 1, 9) || '-' || substr(md5('p' || i), 1, 5)", "namespace": "'ns-' || (i % 20)",
        "workload": "'shop-' || (i // 4)", "workload_kind": "'Deployment'", "cpu_request": "500", "memory_request": "1073741824",
        "labels": "'{\"app.kubernetes.io/name\":\"shop-' || (i // 4) || '\",\"team\":\"team-' || (i % 12) || '\"}'",
        "cpu_used": f"100 + hash(i, {hour.hour}) % 400", "cpu_used_max": f"300 + hash(i, {hour.hour}) % 400",
        "memory_used": f"500000000 + hash(i, 'm{hour.hour}') % 500000000",
        "memory_used_max": f"600000000 + hash(i, 'm{hour.hour}') % 500000000",
    }  # fmt: skip
    columns = ", ".join(f'CAST({known.get(column.name, "NULL")} AS {column.sql_type}) AS "{column.name}"' for column in _usage_columns())
    with duckdb.connect() as session:
        session.execute(f"COPY (SELECT {columns} FROM range({pods}) AS t(i)) TO '{parquet}' (FORMAT parquet, COMPRESSION zstd)")
    # A marker may not be from the future of the store, which has today's time.
    times = {"from": hour, "to": hour + timedelta(hours=1), "collected_at": hour + timedelta(hours=1, minutes=5)}
    said = {which: f"{at:%Y-%m-%dT%H:%M:%SZ}" for which, at in times.items()}
    cloud.put(f"{folder}/usage.parquet", parquet.read_bytes())
    marker = {"cluster_uid": number.uid, "cluster": number.name, "files": ["usage.parquet"], **said}
    said_whole = json.dumps(marker).encode()
    cloud.put(f"{folder}/_complete.json", said_whole)
    return f"{folder}/_complete.json", parquet.stat().st_size + len(said_whole)


def _usage_columns() -> list[Column]:
    return [column for column in USAGE if column.name in COLUMNS]


# ── Attribution ──────────────────────────────────────────────────────────────────────────────────────────────────────
def attribution_events(root: Path, nodes: int) -> dict[str, list[Work]]:
    """A message that came too early and asks again, and the attribution of half a month."""
    shutil.rmtree(root, ignore_errors=True)
    store = root / "store"
    month.build(store, month.Size(nodes=nodes, days=DAYS))
    for folder in ("made", "scratch"):
        shutil.rmtree(store / folder, ignore_errors=True)
    init_bare(root / "gitops.git", files(), "The rules", AT)
    rules = Repository(id="gitops", forge="local", location=str(root / "gitops.git"))
    with cloud_of(Settings(repositories=(rules,)), root / "cloud", store) as cloud:
        key = f"{ALLOCATE}{month.PERIOD}.{'0' * 16}"
        cloud.put(f"{TENANT}/{key}", b"{}")
        again = cloud.invoke("ingest", AT, [messages([key])])
        asked = [name for name in again[0]["messages"] if name.startswith(ALLOCATE)]
        return {"again": again, "attribute": cloud.invoke("ingest", AT, [messages(asked)])}
