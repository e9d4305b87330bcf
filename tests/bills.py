"""Small bills and usage in the lake's own columns, and a lake in a folder: what attribution is tested on, with the real SQL engine."""

import itertools
import json
import shutil
import tempfile
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import duckdb

from trimtab.adapters.duckdb import DuckDb
from trimtab.adapters.logs import Quiet
from trimtab.adapters.progress import Silent
from trimtab.flow.allocate import Allocated, allocate
from trimtab.ports import Ports, Superseded
from trimtab.records import AllocationRules, CommitSha, EvidenceFloor, Governance, InstanceType, Json, Limits, OwnerRule, Stage, Team
from trimtab.tables import COST, PARTITIONS, TABLES, scan
from trimtab.units import GIB, Bytes, Millicores

PERIOD = "p-2026-07"
NOW = datetime(2026, 8, 1, 6, tzinfo=UTC)
HOUR = datetime(2026, 7, 1, 10)  # noqa: DTZ001 -- lake times are UTC without a zone
NODE = "i-0abc"
Row = dict[str, object]

_ids = itertools.count(1)


def bill(effective: str, *, hour: datetime = HOUR, hours: int = 1, billed: str | None = None, **columns: object) -> Row:
    """One bill row of NODE for one hour; ContractedCost and ListCost are made different so that a mix-up shows."""
    row: Row = dict.fromkeys(column.name for column in COST)
    row |= {
        "BillingAccountId": "111122223333", "BillingCurrency": "USD", "ChargeCategory": "Usage", "ConsumedUnit": "Hours",
        "ConsumedQuantity": "1", "PricingQuantity": "1", "PricingUnit": "Hours", "ProviderName": "AWS", "RegionId": "us-east-1",
        "ResourceId": f"arn:aws:ec2:us-east-1:111122223333:instance/{NODE}", "ServiceCategory": "Compute",
        "ServiceName": "Amazon Elastic Compute Cloud", "SubAccountId": "444455556666", "Tags": "{}",
        "BilledCost": billed if billed is not None else effective, "EffectiveCost": effective,
        "ContractedCost": str(Decimal(effective) * 2), "ListCost": str(Decimal(effective) * 3), "ListUnitPrice": "0.192",
        "ChargePeriodStart": hour, "ChargePeriodEnd": hour + timedelta(hours=hours),
        "BillingPeriodStart": datetime(2026, 7, 1), "BillingPeriodEnd": datetime(2026, 8, 1),  # noqa: DTZ001
        "x_RowId": f"row-{next(_ids):020d}", "x_Export": "aws", "x_Period": PERIOD,
    }  # fmt: skip
    return row | columns


def node(*, cpu: int = 4000, memory_gib: int = 16, gpus: int = 0, hour: datetime = HOUR, **columns: object) -> Row:
    """A node's own row of an hour."""
    row: Row = dict.fromkeys(column.name for column in TABLES["usage"])
    row |= {
        "hour": hour, "cluster_uid": "uid-1", "cluster": "prod", "pool": "workers", "node": "ip-10-0-0-1", "provider_id": NODE,
        "instance_type": "m5.xlarge", "labels": "{}", "seconds": 3600, "cpu_capacity": cpu, "memory_capacity": memory_gib * GIB,
        "gpu_capacity": gpus * 1000, "pending": False, "cluster_slug": "prod",
    }  # fmt: skip
    row |= columns
    return row | {"day": f"d-{cast(datetime, row['hour']):%Y-%m-%d}"}


def pod(name: str, *, cpu: int | None = 0, memory: int | None = 0, used: bool = True, **columns: object) -> Row:
    """A pod's row on NODE: requests; where `used`, it used nothing, and that was measured."""
    row = node() | {"cpu_capacity": None, "memory_capacity": None, "gpu_capacity": None, "namespace": "ns1"}
    row |= {
        "pod": name, "workload": name, "workload_kind": "Deployment", "cpu_request": cpu, "memory_request": memory, "gpu_request": 0,
        "cpu_used": 0 if used else None, "memory_used": 0 if used else None,
    }  # fmt: skip
    row |= columns
    return row | {"day": f"d-{cast(datetime, row['hour']):%Y-%m-%d}"}


def asset(kind: str, provider_id: str, **columns: object) -> Row:
    """A volume's or load balancer's row: whose it is in that hour."""
    row = node() | {"cpu_capacity": None, "memory_capacity": None, "gpu_capacity": None, "namespace": "ns1", "node": None}
    row |= {"asset": kind, "provider_id": provider_id, "workload": None, "instance_type": None, "pool": None}
    row |= columns
    return row | {"day": f"d-{cast(datetime, row['hour']):%Y-%m-%d}"}


def governance(*rules: OwnerRule, teams: Sequence[str] = ("ML", "Shop"), allocation: AllocationRules | None = None) -> Governance:
    """Owner rules; without any, ns1 is ML's and ns2 is Shop's."""
    usual = (OwnerRule(id="ns1", namespace="ns1", team="ML"), OwnerRule(id="ns2", namespace="ns2", team="Shop"))
    return Governance(
        commit=CommitSha("0" * 40), version="v1", default_stage=Stage.OBSERVE, stages=(), gates=(), layouts=(),
        teams=tuple(Team(name=name, cost_center="cc", channel="C1") for name in teams), people=(), owner_rules=rules or usual,
        approvers=(), rules=(), freezes=(), windows=(), limits=Limits(), evidence=EvidenceFloor(),
        allocation=allocation or AllocationRules(),
    )  # fmt: skip


@dataclass(slots=True)
class FolderLake:
    """Port Lake on plain Parquet files: replaces a partition, and keeps what it was told."""

    root: Path
    versions: dict[str, int] = field(default_factory=dict)
    newest: dict[str, datetime] = field(default_factory=dict)
    abouts: list[Json] = field(default_factory=list)

    def replace(
        self, table: str, partition: Mapping[str, str], parquet: Sequence[str], *, application: str, submitted_at: datetime, about: Json
    ) -> int | Superseded:
        if self.newest.get(application, submitted_at) > submitted_at:
            return Superseded(self.newest[application])
        folder = self.root.joinpath(table, *(f"{name}={partition[name]}" for name in PARTITIONS[table]))
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for path in parquet:
            shutil.copy(path, folder)
        self.newest[application] = submitted_at
        self.abouts.append(about)
        self.versions[table] = self.versions.get(table, -1) + 1
        return self.versions[table]

    def version(self, table: str) -> int | None:
        return self.versions.get(table)

    def files(self, table: str, partition: Mapping[str, str] | None = None) -> list[str]:
        wanted = {f"{name}={value}" for name, value in (partition or {}).items()}
        return [str(path) for path in sorted(self.root.glob(f"{table}/*/*/*.parquet")) if wanted <= set(path.parts)]

    def state(self, table: str, partitions: Sequence[Mapping[str, str]]) -> str:
        files = sorted(file for partition in partitions for file in self.files(table, partition))
        return f"{len(files)}-{self.versions.get(table)}"

    def tidy(self, table: str, kept: timedelta) -> int:
        """What was replaced is gone already."""
        del table, kept
        return 0

    def partitions(self, table: str, partition: Mapping[str, str] | None = None) -> list[dict[str, str]]:
        folders = sorted({path.parent for path in self.root.glob(f"{table}/*/*/*.parquet")})
        found = [dict(part.split("=", 1) for part in folder.parts[-2:]) for folder in folders]
        return [each for each in found if (partition or {}).items() <= each.items()]

    def put(self, table: str, rows: Iterable[Row]) -> None:
        """Rows, sorted into their partitions."""
        names = PARTITIONS[table]
        for key, some in itertools.groupby(sorted(rows, key=lambda row: [str(row[name]) for name in names]), lambda row: _key(row, names)):
            path = self.root / "new.parquet"
            write_parquet(table, list(some), path)
            application = f"{table}/{key}"
            self.replace(table, dict(key), [str(path)], application=application, submitted_at=NOW, about={})


def _key(row: Row, names: Sequence[str]) -> tuple[tuple[str, str], ...]:
    return tuple((name, str(row[name])) for name in names)


def write_parquet(table: str, rows: list[Row], path: Path) -> None:
    """Rows as one Parquet file with the table's own types."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = path.with_suffix(".json")
    lines.write_text("\n".join(json.dumps(row, default=str) for row in rows))
    texts = ", ".join(f"'{column.name}': 'VARCHAR'" for column in TABLES[table])
    typed = ", ".join(f'CAST("{column.name}" AS {column.sql_type}) AS "{column.name}"' for column in TABLES[table])
    source = f"read_json('{lines}', format = 'newline_delimited', columns = {{{texts}}})" if rows else f"({scan(table, ())})"
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT {typed} FROM {source}) TO '{path}' (FORMAT parquet)")


@dataclass(slots=True)
class KeptDocuments:
    """Port Documents in a dict; a document goes through JSON as it would on disk."""

    kept: dict[str, Json] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)

    def publish(self, key: str, value: Json) -> None:
        self.kept[key] = json.loads(json.dumps(value))

    def find(self, key: str) -> Json | None:
        return self.kept.get(key)

    def find_all(self, keys: Sequence[str]) -> Iterator[tuple[str, Json | None]]:
        return ((key, self.find(key)) for key in keys)

    def publish_text(self, key: str, text: str) -> None:
        self.texts[key] = text

    def find_text(self, key: str) -> str | None:
        return self.texts.get(key)

    def keys(self, prefix: str) -> list[str]:
        return sorted(key for key in self.kept if key.startswith(prefix))


@dataclass(frozen=True, slots=True)
class OneType:
    """Port Catalog that knows one GPU type."""

    source: str = "test"

    def find(self, cloud: str, region: str, name: str) -> InstanceType | None:
        if (cloud, region, name) != ("aws", "us-east-1", "p3.16xlarge"):
            return None
        return InstanceType(
            name=name, cloud="aws", region=region, cpu=Millicores(64000), memory=Bytes(488 * GIB), arch="x86_64",
            allocatable_cpu=Millicores(63000), allocatable_memory=Bytes(480 * GIB), max_pods=100, price=None, gpu_model="V100", gpus=8,
        )  # fmt: skip

    def offered(self, cloud: str, region: str) -> tuple[InstanceType, ...]:  # noqa: ARG002 -- it offers none
        return ()


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Estate:
    """A folder with a lake, and the ports that attribution touches."""

    root: Path
    lake: FolderLake
    documents: KeptDocuments
    ports: Ports

    def allocate(self, rules: Governance | None = None, now: datetime = NOW) -> Allocated:
        """Attribute the period."""
        return allocate(PERIOD, self.ports, rules or governance(), self.root / "scratch", now)

    def rows(self, query: str = "SELECT * FROM allocated") -> list[Row]:
        """A query over the allocated rows, as dicts."""
        with duckdb.connect() as connection:
            for table in TABLES:
                connection.execute(f"CREATE VIEW {table} AS {scan(table, self.lake.files(table))}")
            found = connection.execute(query)
            names = [column[0] for column in found.description or ()]
            return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def parts(self, measure: str = "EffectiveCost") -> dict[str, Decimal]:
        """Part → its sum."""
        rows = self.rows(f'SELECT "x_Part" AS part, sum("{measure}") AS cost FROM allocated GROUP BY 1')
        return {str(row["part"]): cast(Decimal, row["cost"]).normalize() for row in rows}


def estate(cost: Iterable[Row], usage: Iterable[Row] = (), *, root: Path | None = None, memory_mb: int = 0) -> Estate:
    """A lake with this bill and this usage; `memory_mb` says how many days are taken together, 0 = each alone."""
    place = root or Path(tempfile.mkdtemp(prefix="bills-"))
    lake = FolderLake(root=place / "lake")
    lake.put("cost", cost)
    lake.put("usage", usage)
    documents = KeptDocuments()
    (place / "spill").mkdir(exist_ok=True)
    engine = DuckDb(directories=(place,), scratch=place / "spill", memory_mb=256)
    settings = SimpleNamespace(memory_mb=memory_mb, palette_url=None)
    touched = SimpleNamespace(
        settings=settings, lake=lake, documents=documents, engine=engine, catalog=OneType(), log=Quiet(), progress=Silent()
    )
    made = Estate(root=place, lake=lake, documents=documents, ports=cast(Ports, touched))
    if root is None:
        weakref.finalize(made, shutil.rmtree, place, ignore_errors=True)
    return made


__all__ = ["HOUR", "NODE", "NOW", "PERIOD", "Estate", "FolderLake", "Row", "bill", "estate", "governance", "node", "pod"]
