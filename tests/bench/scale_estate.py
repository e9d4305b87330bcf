"""An estate of as many clusters as asked for: Palette's state, a file each in the GitOps repo, usage in a Delta table, a month's bill."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
from deltalake import DeltaTable
from deltalake.transaction import AddAction

from tests.flow.flow_world import ONE, TERRAFORM
from tests.judgement import CONFIG, OWNERS, files
from tests.usage_lake import START, nodes, pods
from trimtab.adapters.store.lake import DeltaLake
from trimtab.attribution.summary import Amounts, PoolDay, PoolTeam, Summary
from trimtab.settings import NonProduction
from trimtab.tables import PARTITIONS, USAGE, text_literal

DAYS = 31
NOW = START + timedelta(days=DAYS, hours=6)
"""When the clock plans the run: the usage ends at the midnight before."""
PROJECT = "5eed5eed5eed5eed5eed0001"
PERIOD = "p-2026-07"
GUARDED = CONFIG.replace(b"stage: approve\n", b"stage: guarded\n")


@dataclass(frozen=True, slots=True)
class Number:
    """A cluster by its number."""

    n: int

    @property
    def name(self) -> str:
        """As Palette, Git and the bill call it, and its folder in the lake."""
        return f"c-{self.n:05}"

    @property
    def uid(self) -> str:
        """24 hexadecimal digits, as Palette makes them."""
        return f"{0x64B0C0FFEE64B0C0FFE00000 + self.n:024x}"

    @property
    def path(self) -> str:
        """Its file in the repo."""
        return f"clusters/{self.n // 100:03}/{self.name}.yaml"


FIRST = Number(0)


def numbered(clusters: int) -> list[Number]:
    """The first so many."""
    return [Number(n) for n in range(clusters)]


# ── Palette and Git ──────────────────────────────────────────────────────────────────────────────────────────────────
def palette_state(clusters: int) -> list[dict[str, Any]]:
    """What the demo's Palette answers from."""
    return [_state(number) for number in numbered(clusters)]


def _state(number: Number) -> dict[str, Any]:
    return {
        "uid": number.uid, "name": number.name, "projectUid": PROJECT, "project": "sandbox", "cloudType": "eks", "region": "us-east-1",
        "configUid": f"{0xC0F1600000000000000000000 + number.n:x}"[:24], "state": "Running", "health": "Healthy", "repave": "",
        "tags": {"env": "dev"}, "namespaces": ["shop", "kube-system"], "pools": [_pool("system", 3), _pool("web", 6)],
    }  # fmt: skip


def _pool(name: str, size: int) -> dict[str, Any]:
    return {
        "name": name, "size": size, "minSize": None, "maxSize": None, "instanceType": "m6i.2xlarge", "labels": {}, "taints": [],
        "diskGib": 60, "zones": ["us-east-1a"], "isLocked": False, "capacityType": "on-demand",
    }  # fmt: skip


def repo_files(clusters: int) -> dict[str, bytes]:
    """What the GitOps repo holds: a file for each cluster, the Terraform that reads them, and the rules."""
    declared = {number.path: _declared(number) for number in numbered(clusters)}
    return {"main.tf": TERRAFORM, **files(GUARDED, ONE, OWNERS), **declared}


def _declared(number: Number) -> bytes:
    groups = "".join(f"  - name: {name}\n    count: {size}\n    instance_type: m6i.2xlarge\n" for name, size in (("system", 3), ("web", 6)))
    return f"name: {number.name}   # by its team\nnode_groups:\n{groups}".encode()


def nonproduction(clusters: int) -> tuple[NonProduction, ...]:
    """All of them are proven not to be production."""
    since = (START - timedelta(days=100)).date()
    return tuple(NonProduction(cluster_uid=number.uid, project_uid=PROJECT, since=since) for number in numbered(clusters))  # type: ignore[arg-type]


# ── The bill ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def summary(clusters: int) -> Summary:
    """The month of everybody, as `ingest` publishes it."""
    days = [f"{START + timedelta(days=day):%Y-%m-%d}" for day in range(DAYS)]
    pools = [(number.name, name, size) for number in numbered(clusters) for name, size in (("system", 3), ("web", 6))]
    cost = Amounts(billed=Decimal(300), effective=Decimal(300), list=Decimal(300))
    return Summary(
        scope="all", period=PERIOD, made_at=NOW.isoformat(), governance_version="0" * 64, versions={}, reconciliations=(), by_part=(),
        by_team=(), by_cluster=(), by_pool=(), by_namespace=(), by_export=(), idle=(), unallocated=(), not_kubernetes=(), daily=(),
        pool_rates=(), gpu_hours=(),
        pool_costs=tuple(
            PoolDay(cluster=cluster, pool=pool, day=day, currency="USD", node_hours=Decimal(24 * size), effective=Decimal(9 * size),
                    list=Decimal(9 * size))
            for cluster, pool, size in pools for day in days
        ),
        pool_teams=tuple(PoolTeam(cluster=cluster, pool=pool, team="batch", currency="USD", amounts=cost) for cluster, pool, _ in pools),
    )  # fmt: skip


def demand(number: Number) -> dict[str, object]:
    """The newest hour's demand of a cluster, as `ingest` publishes it."""
    wanted = {"pending_pods": 0, "CPU cores": 3.0}
    newest = (NOW - timedelta(hours=1)).isoformat()
    return {"cluster": number.name, "hour": newest, "collected": newest, "pools": {"web": wanted, "system": wanted}}


# ── Usage ────────────────────────────────────────────────────────────────────────────────────────────────────────────
def write_usage(lake: DeltaLake, table: Path, clusters: int) -> None:
    """One file for each cluster and day, all in one commit and a checkpoint after it, as a table that has lived for a while."""
    lake._load("usage")
    with duckdb.connect() as session:
        session.execute("SET threads = 2; SET preserve_insertion_order = false; SET partitioned_write_max_open_files = 32")
        columns = ", ".join(
            f"CAST(rows.{column.name} AS {column.sql_type}) AS {column.name}" for column in USAGE if column.name not in _PLACED
        )
        nothing = ", ".join(f"NULL AS {column.name}" for column in USAGE if column.name not in PARTITIONS["usage"])
        session.execute(f"CREATE TABLE template AS SELECT {columns} FROM ({_rows(nothing)}) AS rows")
        _copy(session, table)
    for number in numbered(clusters)[1:]:
        _again(number, table)
    _commit(table)


_PLACED = ("cluster_uid", "cluster", *PARTITIONS["usage"])


def _rows(nothing: str) -> str:
    """One cluster's: a pool of three nodes that is used, and one of six that is mostly idle."""
    parts = (
        f"SELECT {nothing} WHERE false",
        nodes(DAYS, pool="system", count=3),
        nodes(DAYS, pool="web", count=6),
        pods(DAYS, "dns", count=6, pool="system", cpu_request=2500, cpu_used_max="1900 + 400 * (h % 24 >= 9)::INT"),
        pods(DAYS, "shop", count=8, pool="web", cpu_request=900, cpu_used_max="300 + 400 * (h % 24 >= 9)::INT"),
    )
    return " UNION ALL BY NAME ".join(parts)


def _copy(session: duckdb.DuckDBPyConnection, table: Path) -> None:
    """The first cluster's, without compression."""
    session.execute(
        f"COPY (SELECT '{FIRST.uid}' AS cluster_uid, '{FIRST.name}' AS cluster, template.*, '{FIRST.name}' AS cluster_slug, "
        f"strftime(hour, 'd-%Y-%m-%d') AS day FROM template) "
        f"TO {text_literal(str(table))} (FORMAT parquet, COMPRESSION uncompressed, PARTITION_BY (cluster_slug, day), OVERWRITE_OR_IGNORE)"
    )


def _again(number: Number, table: Path) -> None:
    """Another cluster's: the same bytes but for its uid and name, which are as long as the first one's."""
    for file in sorted((table / f"cluster_slug={FIRST.name}").glob("day=*/*.parquet")):
        copied = table / f"cluster_slug={number.name}" / file.parent.name / file.name
        copied.parent.mkdir(parents=True)
        copied.write_bytes(
            file.read_bytes().replace(FIRST.uid.encode(), number.uid.encode()).replace(FIRST.name.encode(), number.name.encode())
        )


def _commit(table: Path) -> None:
    found = DeltaTable(str(table))
    adds = [_add(file, table) for file in sorted(table.glob("cluster_slug=*/day=*/*.parquet"))]
    found.create_write_transaction(adds, "append", found.schema(), list(PARTITIONS["usage"]))
    found.update_incremental()
    found.create_checkpoint()


def _add(file: Path, table: Path) -> AddAction:
    path = file.relative_to(table)
    values: Mapping[str, str | None] = dict(part.split("=") for part in path.parts[:-1])
    uid = Number(int(str(values["cluster_slug"]).rpartition("-")[2])).uid
    modified = int(datetime(2026, 8, 1, tzinfo=UTC).timestamp() * 1000)
    statistics = f'{{"numRecords":1,"minValues":{{"cluster_uid":"{uid}"}},"maxValues":{{"cluster_uid":"{uid}"}},"nullCount":{{}}}}'
    return AddAction(str(path), file.stat().st_size, values, modified, True, statistics)
