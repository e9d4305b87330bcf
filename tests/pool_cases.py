"""A pool, its cluster, a small catalog and a demand by the hour, for the tests of what is said about pools."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from trimtab.analysis.assembly import UsageRow, from_rows
from trimtab.analysis.demand import Demand
from trimtab.analysis.rightsize import Answer, analyze
from trimtab.records import Cloud, Cluster, ClusterUid, EvidenceFloor, Finding, InstanceType, Pool, ProjectUid, Refusal
from trimtab.units import GIB, Bytes, Millicores, Money

NOW = datetime(2026, 7, 31, 3, tzinfo=UTC)
END = NOW.replace(hour=0)
UID = ClusterUid("uid-1")


def kind(
    name: str,
    cpu: int,
    *,
    price: str | None = "0.40",
    gpus: int = 0,
    bucket: int | None = None,
    spot: str | None = None,
    memory: int | None = None,
    arch: str = "amd64",
) -> InstanceType:
    """A type that offers all it has; four GiB a core unless `memory` (in GiB) says otherwise."""
    size = Bytes(memory * GIB if memory is not None else cpu * GIB // 250)
    return InstanceType(
        name=name,
        cloud="aws",
        region="us-east-1",
        cpu=Millicores(cpu),
        memory=size,
        arch=arch,
        allocatable_cpu=Millicores(cpu),
        allocatable_memory=size,
        max_pods=58,
        price=Money(Decimal(price), "USD") if price else None,
        spot_price=Money(Decimal(spot), "USD") if spot else None,
        gpu_model="L4" if gpus else None,
        gpus=gpus,
        gpu_memory=Bytes(24 * GIB if gpus else 0),
        spot_interruption=bucket,
    )


@dataclass
class Shelf:
    """A catalog with these types."""

    types: tuple[InstanceType, ...]
    source: str = "a test's prices"

    def find(self, cloud: Cloud, region: str, name: str) -> InstanceType | None:  # noqa: ARG002
        return next((found for found in self.types if found.name == name), None)

    def offered(self, cloud: Cloud, region: str) -> tuple[InstanceType, ...]:  # noqa: ARG002
        return self.types


SHELF = Shelf(
    (
        kind("m5.large", 2000, price="0.10"),
        kind("m5.xlarge", 4000, price="0.20"),
        kind("m5.2xlarge", 8000),
        kind("g6.xlarge", 4000, gpus=1, price="0.80"),
    )
)
POOL = Pool(cluster_uid=UID, name="web", instance_type="m5.2xlarge", count=6)
SYSTEM = Pool(cluster_uid=UID, name="system", instance_type="m5.2xlarge", count=2)
CLUSTER = Cluster(
    uid=UID, name="one", project_uid=ProjectUid("p"), project="p", cloud="aws", region="us-east-1", state="Running", health="Healthy",
    is_repave_pending=False, tags={}, pools=(POOL, SYSTEM),
)  # fmt: skip


def hours(count: int = 45 * 24) -> list[int]:
    return [int(END.timestamp()) - 3600 * (count - hour) for hour in range(count)]


def usage(at: int, *, pods: float = 8, **changes: object) -> UsageRow:
    base = UsageRow(
        at=at, workload="shop/web", kind="Deployment", pods=pods, pending=0, cpu_request=2000, memory_request=GIB, gpu_request=0,
        cpu_used=500 * pods, memory_used=GIB * pods / 2, gpu_compute_used=0, gpu_memory_used=0,
    )  # fmt: skip
    return base._replace(**changes)  # type: ignore[arg-type]


def demand(*rows: UsageRow, nodes: int | None = 6) -> Demand:
    counts = {row.at: float(nodes) for row in rows} if nodes is not None else None
    found = from_rows(rows, start=END - timedelta(days=60), end=END, nodes=counts)
    assert found is not None
    return found


def steady(pods: float = 8, *, count: int = 45 * 24, nodes: int | None = 6, **changes: object) -> Demand:
    return demand(*(usage(at, pods=pods, **changes) for at in hours(count)), nodes=nodes)


def ask(found: Demand | None, pool: Pool = POOL, cluster: Cluster = CLUSTER, shelf: Shelf = SHELF, **changes: object) -> tuple[Answer, ...]:
    arguments = {"effective_rate": Decimal("0.30"), "is_nonproduction": True, "floor": EvidenceFloor()} | changes
    return analyze(pool=pool, cluster=cluster, demand=found, catalog=shelf, now=NOW, **arguments)  # type: ignore[arg-type]


def only(answers: tuple[Answer, ...]) -> Finding:
    findings = [answer for answer in answers if isinstance(answer, Finding)]
    assert len(findings) == 1, answers
    return findings[0]


def rules(answers: tuple[Answer, ...]) -> list[str]:
    return [answer.rule for answer in answers]


def findings(answers: tuple[Answer, ...]) -> list[Finding]:
    """What is worth changing."""
    return [answer for answer in answers if isinstance(answer, Finding)]


def refusal(answers: tuple[Answer, ...], rule: str) -> Refusal:
    """The no of that name."""
    found = [answer for answer in answers if isinstance(answer, Refusal) and answer.rule == rule]
    assert len(found) == 1, [(answer.rule, answer.reason) for answer in answers if isinstance(answer, Refusal)]
    return found[0]
