"""A thousand machine pools with 14 days of 5-minute samples, made by numpy from the pool's number; and the plain packer.

Each workload has its own request, a daily and a weekly wave, noise, and a scale-out now and then. No two workloads of a pool have
the same largest share of a node, so that "largest first" has one order and the two packers can be compared exactly.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from trimtab.analysis.assembly import MEASURES, Grid, Table, assemble
from trimtab.analysis.demand import Demand, Floats
from trimtab.analysis.packing import Node
from trimtab.records import Cluster, ClusterUid, Pool, ProjectUid
from trimtab.units import GIB

WORKLOADS = 8
DAYS = 14
STEP = 300
END = datetime(2026, 7, 15, tzinfo=UTC)
START = END - timedelta(days=DAYS)
TYPES = ("m5.2xlarge", "c5.2xlarge", "r5.2xlarge")
"""Each has a smaller and a larger sibling in the catalog."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Samples:
    """One pool's samples in long form, as a metrics store hands them over, and how many nodes it had."""

    number: int
    table: Table
    grid: Grid
    nodes: int

    def demand(self) -> Demand:
        """The matrices that analysis works on."""
        nodes = dict.fromkeys(self.grid.times().tolist(), float(self.nodes))
        return assemble(self.table, self.grid, nodes=nodes, source="bench: 5-minute samples")


def samples_of(number: int, *, days: int = DAYS) -> Samples:
    """The samples of pool `number`; the same number gives the same samples."""
    random = np.random.default_rng(number)
    grid = Grid(start=int(START.timestamp()), step=STEP, steps=days * 86400 // STEP)
    hours = np.arange(grid.steps) * STEP / 3600
    pods = np.stack([_replicas(random, hours, workload) for workload in range(WORKLOADS)])
    cpu = 250.0 * (1 + np.arange(WORKLOADS)) + random.integers(1, 60, WORKLOADS)
    memory = (0.5 + 0.75 * np.arange(WORKLOADS)[::-1]) * GIB + random.integers(1, 1 << 20, WORKLOADS)
    used = random.uniform(0.2, 0.8, pods.shape)
    values = {name: np.zeros(pods.size) for name in MEASURES} | {
        "pods": pods.ravel(), "cpu_request": np.repeat(cpu, grid.steps), "memory_request": np.repeat(memory, grid.steps),
        "cpu_used": (pods * cpu[:, None] * used).ravel(), "memory_used": (pods * memory[:, None] * used).ravel(),
    }  # fmt: skip
    table = Table(
        names=tuple(f"shop/service-{workload}" for workload in range(WORKLOADS)), kinds=("Deployment",) * WORKLOADS,
        workload=np.repeat(np.arange(WORKLOADS), grid.steps), bucket=np.tile(np.arange(grid.steps), WORKLOADS), values=values,
    )  # fmt: skip
    busiest = float((pods * cpu[:, None]).sum(axis=0).max()) / 7000
    return Samples(number=number, table=table, grid=grid, nodes=int(busiest * random.uniform(1.1, 2.0)) + 2)


def _replicas(random: np.random.Generator, hours: Floats, workload: int) -> Floats:
    level = random.uniform(2, 8)
    wave = 1 + random.uniform(0, 0.6) * np.sin((hours - workload) * 2 * np.pi / 24) + 0.2 * np.sin(hours * 2 * np.pi / 168)
    bursts = np.where(random.uniform(size=len(hours)) < 0.002, random.integers(1, 6), 0)
    replicas: Floats = np.maximum(1.0, np.round(level * wave + random.normal(0, 0.3, len(hours))) + bursts)
    return replicas


def cluster_of(samples: Samples) -> tuple[Cluster, Pool]:
    """The live cluster with that one pool, static and running."""
    uid = ClusterUid(f"uid-{samples.number}")
    pool = Pool(cluster_uid=uid, name="workers", instance_type=TYPES[samples.number % len(TYPES)], count=samples.nodes)
    cluster = Cluster(
        uid=uid, name=f"bench-{samples.number}", project_uid=ProjectUid("project"), project="bench", cloud="aws", region="us-east-1",
        state="Running", health="Healthy", is_repave_pending=False, tags={}, pools=(pool,),
    )  # fmt: skip
    return cluster, pool


def plain_first_fit(counts: Floats, sizes: Floats, node: Node) -> int:
    """Nodes for one step, pod by pod: the largest share of a node first, each into the first node that still holds it."""
    shares = (sizes[:3] / np.maximum(np.array(node.offers[:3]), 1e-9)[:, None]).max(axis=0)
    nodes: list[list[float]] = []
    for workload in np.argsort(-shares, kind="stable"):
        size = [float(part) for part in sizes[:, workload]]
        for _ in range(int(counts[workload])):
            free = next((room for room in nodes if all(left >= need for left, need in zip(room, size, strict=True))), None)
            if free is None:
                free = list(node.offers)
                nodes.append(free)
            for dimension, need in enumerate(size):
                free[dimension] -= need
    return len(nodes)
