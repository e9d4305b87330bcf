"""Workloads, and the pool they run on, made of a few numbers."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np

from trimtab.analysis.assembly import UsageRow, from_rows
from trimtab.analysis.demand import Floats
from trimtab.analysis.loads import Window
from trimtab.analysis.repack import Home
from trimtab.analysis.workload_use import Workloads, WorkloadUse
from trimtab.records import Cluster, ClusterUid, EvidenceFloor, InstanceType, Pool, ProjectUid
from trimtab.units import GIB, Bytes, Millicores, Money

UID = ClusterUid("uid-1")
START = datetime(2026, 7, 1, tzinfo=UTC)
MIB = 1 << 20
CLUSTER = Cluster(
    uid=UID, name="one", project_uid=ProjectUid("p"), project="p", cloud="aws", region="us-east-1", state="Running", health="Healthy",
    is_repave_pending=False, tags={}, pools=(),
)  # fmt: skip
NODE = InstanceType(
    name="m5.xlarge", cloud="aws", region="us-east-1", cpu=Millicores(4000), memory=Bytes(16 * GIB), arch="amd64",
    allocatable_cpu=Millicores(4000), allocatable_memory=Bytes(16 * GIB), max_pods=58, price=Money(Decimal("0.2"), "USD"),
    price_source="a list",
)  # fmt: skip
ARRAYS = (
    "pods",
    "cpu_request",
    "memory_request",
    "gpu_request",
    "cpu_peak",
    "cpu_mean",
    "memory_peak",
    "gpu_peak",
    "gpu_memory_peak",
    "kills",
)


def use(*, days: int = 30, **facts: Any) -> WorkloadUse:
    """A Deployment of four pods that ask for 1 core and 4 GiB each and use little of it; a number stands for every hour."""
    hours = 24 * days
    given: dict[str, Any] = {
        "namespace": "shop", "kind": "Deployment", "name": "cart", "pools": ("web",), "pods": 4, "cpu_request": 1000,
        "memory_request": 4 * GIB, "gpu_request": 0, "cpu_peak": 200, "cpu_mean": 100, "memory_peak": GIB, "gpu_peak": 0,
        "gpu_memory_peak": 0, "kills": 0, "cpu_limit": 0.0, "memory_limit": 0.0, "has_mixed_limits": False, "scaled_by": "",
    }  # fmt: skip
    given |= facts
    given |= {name: series(given[name], hours) for name in ARRAYS}
    return WorkloadUse(times=int(START.timestamp()) + 3600 * np.arange(hours, dtype=np.int64), **given)


def series(value: Any, hours: int) -> Floats:
    """A number for every hour, or hours one by one."""
    return np.broadcast_to(np.asarray(value, dtype=np.float64), (hours,)).copy()


def found(*uses: WorkloadUse, share: float = 1.0) -> Workloads:
    return Workloads(uses=uses, left_out=0, hours=720, measured_share=share, source="measured usage")


def window(days: int = 30, *, is_nonproduction: bool = True) -> Window:
    return Window(now=START + timedelta(days=days, hours=3), floor=EvidenceFloor(), is_nonproduction=is_nonproduction)


def home(*uses: WorkloadUse, count: int = 4, instance: InstanceType = NODE, rate: str | None = "0.15", **pool: Any) -> Home:
    """The pool `web` that carries them."""
    rows = [
        UsageRow(
            at=int(at), workload=one.in_demand, kind=one.kind, pods=float(one.pods[hour]), pending=0.0,
            cpu_request=float(one.cpu_request[hour]), memory_request=float(one.memory_request[hour]),
            gpu_request=float(one.gpu_request[hour]), cpu_used=float(one.cpu_peak[hour] * one.pods[hour]),
            memory_used=float(one.memory_peak[hour] * one.pods[hour]), gpu_compute_used=0.0, gpu_memory_used=0.0,
        )
        for one in uses
        for hour, at in enumerate(one.times)
    ]  # fmt: skip
    end = datetime.fromtimestamp(int(uses[0].times[-1]) + 3600, UTC)
    demand = from_rows(rows, start=START, end=end)
    assert demand is not None
    facts: dict[str, Any] = {"cluster_uid": UID, "name": "web", "instance_type": instance.name, "count": count} | pool
    return Home(pool=Pool(**facts), demand=demand, instance=instance, rate=None if rate is None else Decimal(rate))
