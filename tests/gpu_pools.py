"""A GPU pool under study, as small as a test of one lever needs it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from tests.pool_cases import Shelf
from trimtab.analysis.assembly import Machines, UsageRow, from_rows
from trimtab.analysis.case import Asked, Case, case_of
from trimtab.analysis.demand import Demand, Drain
from trimtab.records import Cluster, ClusterUid, EvidenceFloor, InstanceType, Pool, ProjectUid
from trimtab.units import GIB, Bytes, Millicores, Money

NOW = datetime(2026, 7, 31, 3, tzinfo=UTC)
END = datetime(2026, 7, 30, tzinfo=UTC)
DAYS = 28
UID = ClusterUid("uid-1")
MIB = 1 << 20


def kind(name: str, model: str, memory_mib: int, *, gpus: int = 1, price: str = "3.00", cpu: int = 12000) -> InstanceType:
    return InstanceType(
        name=name, cloud="gcp", region="us-central1", cpu=Millicores(cpu), memory=Bytes(85 * GIB), arch="amd64",
        allocatable_cpu=Millicores(cpu), allocatable_memory=Bytes(80 * GIB), max_pods=110, price=Money(Decimal(price), "USD"),
        gpu_model=model, gpus=gpus, gpu_memory=Bytes(memory_mib * MIB),
    )  # fmt: skip


T4, L4 = kind("n1-t4", "T4", 16384, price="0.50"), kind("g2-standard-12", "L4", 22888, price="1.00")
V100, L40S = kind("n1-v100", "V100", 16384, price="2.60"), kind("l40s", "L40S", 45776, price="1.90")
A100_40, A100_80 = kind("a2-highgpu-1g", "A100-40", 40960, price="3.67"), kind("a2-ultragpu-1g", "A100-80", 81920, price="5.07")
A10G, H100 = kind("a10g", "A10G", 22888, price="1.20"), kind("a3-highgpu-1g", "H100", 81920, price="11.06")


SHELF = Shelf((T4, L4, V100, L40S, A100_40, A100_80, A10G, H100))


def row(hour: int, **changes: object) -> UsageRow:
    """One pod of one workload that holds one card."""
    base = UsageRow(
        at=int(END.timestamp()) - 3600 * (24 * DAYS - hour), workload="ml/model", kind="Job", pods=1, pending=0, cpu_request=2000,
        memory_request=8 * GIB, gpu_request=1000, cpu_used=500, memory_used=4 * GIB, gpu_compute_used=300, gpu_memory_used=10 * GIB,
        gpu_tensor_used=100, gpu_dram_used=50, gpu_fp64_used=0, gpu_power=120, gpu_link_used=0,
    )  # fmt: skip
    return base._replace(**changes)  # type: ignore[arg-type]


def demand(*rows: UsageRow, model: str = "", nodes: int = 1, drains: dict[str, Drain] | None = None) -> Demand:
    counts = {int(END.timestamp()) - 3600 * (24 * DAYS - hour): float(nodes) for hour in range(24 * DAYS)}
    machines = Machines(gpu_models=frozenset({model} if model else ()))
    found = from_rows(rows, start=END - timedelta(days=60), end=END, nodes=counts, drains=drains, machines=machines)
    assert found is not None
    return found


def always(**changes: object) -> tuple[UsageRow, ...]:
    """The same in every hour."""
    return tuple(row(hour, **changes) for hour in range(24 * DAYS))


def case(found: Demand, instance: InstanceType = A100_80, *, nodes: int = 1) -> Case:
    """That pool, of that many nodes."""
    pool = Pool(cluster_uid=UID, name="gpu", instance_type=instance.name, count=nodes)
    cluster = Cluster(
        uid=UID, name="one", project_uid=ProjectUid("p"), project="p", cloud="gcp", region="us-central1", state="Running",
        health="Healthy", is_repave_pending=False, tags={}, pools=(pool,),
    )  # fmt: skip
    asked = Asked(
        pool=pool, cluster=cluster, demand=found, catalog=SHELF, effective_rate=None, now=NOW, floor=EvidenceFloor(), is_nonproduction=True
    )
    assert instance.price is not None
    return case_of(asked, found, instance, instance.price)
