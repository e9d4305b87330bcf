"""Row `rightsizing-1000-pools`: from samples to findings, at least three shapes packed per pool, equal to the plain packer on a sample."""

from collections.abc import Callable
from datetime import timedelta
from statistics import median
from time import perf_counter

import numpy as np

from tests.bench.pools import END, Samples, cluster_of, plain_first_fit, samples_of
from tests.bench.results import Measured, Options
from trimtab.adapters.catalog import BundledCatalog
from trimtab.analysis.case import Asked, Case, case_of
from trimtab.analysis.demand import Floats
from trimtab.analysis.options import options
from trimtab.analysis.packing import Node, items_of
from trimtab.analysis.rightsize import analyze
from trimtab.records import EvidenceFloor, Finding

POOLS = 1000
SAMPLED_POOLS = 10
SAMPLED_STEPS = 12
SHAPES = 3
CATALOG = BundledCatalog()
NOW = END + timedelta(hours=1)
Packer = Callable[[Floats, Floats, Node], int]


def measure(options: Options) -> Measured:
    """Samples are made outside the clock; the matrices and the analysis count."""
    pools = max(SAMPLED_POOLS, round(POOLS * options.size()))
    analyze_pool(samples_of(0))  # the catalog is read once per process
    assembling, analyzing, findings = 0.0, [], 0
    for number in range(pools):
        assembled, took, found = analyze_pool(samples_of(number))
        assembling, findings = assembling + assembled, findings + found
        analyzing.append(took)
        if (number + 1) % 100 == 0:
            options.tell(f"rightsizing: {number + 1} of {pools} pools, {assembling + sum(analyzing):.1f} s")
    return Measured(
        row="rightsizing-1000-pools",
        what="1,000 pools (8 workloads each) × 14 days of 5-minute samples, at least 3 shapes each, equal to the plain packer on a sample",
        value=(assembling + sum(analyzing)) * POOLS / pools,
        measure="seconds",
        bar=20.0,
        aim=5.0,
        missed=tuple(reason for number in range(0, pools, max(1, pools // SAMPLED_POOLS)) for reason in contradictions(samples_of(number))),
        detail={
            "pools": pools, "extrapolated": pools != POOLS, "findings": findings, "processes": 1,
            "assemble_seconds": round(assembling, 2), "analyze_seconds": round(sum(analyzing), 2),
            "analyze_median_milliseconds": round(1000 * median(analyzing), 2),
            "compared": f"{SAMPLED_POOLS} pools × {SAMPLED_STEPS} steps × their shapes",
        },
    )  # fmt: skip


def analyze_pool(samples: Samples) -> tuple[float, float, int]:
    """Seconds for the matrices, seconds for the analysis, and how many findings it gave."""
    cluster, pool = cluster_of(samples)
    start = perf_counter()
    demand = samples.demand()
    assembled = perf_counter()
    answers = analyze(
        pool=pool, cluster=cluster, demand=demand, catalog=CATALOG, effective_rate=None, now=NOW,
        floor=EvidenceFloor(), is_nonproduction=True,
    )  # fmt: skip
    return assembled - start, perf_counter() - assembled, sum(isinstance(answer, Finding) for answer in answers)


def packed(samples: Samples) -> Case:
    """The pool's case with every shape that its rules pack."""
    cluster, pool = cluster_of(samples)
    demand = samples.demand()
    asked = Asked(
        pool=pool, cluster=cluster, demand=demand, catalog=CATALOG, effective_rate=None, now=NOW,
        floor=EvidenceFloor(), is_nonproduction=True,
    )  # fmt: skip
    instance = asked.instance
    if instance is None or instance.price is None:
        raise LookupError(f"{pool.instance_type} has no price in the bundled catalog: the bench needs another type")
    case = case_of(asked, demand, instance, instance.price)
    options(case)
    return case


def contradictions(samples: Samples, pack_one_by_one: Packer = plain_first_fit) -> tuple[str, ...]:
    """Where the fast packer and the plain one differ; a node set per workload is allowed to be smaller, as the packer allows it."""
    case = packed(samples)
    items = items_of(case.demand)
    chosen = np.random.default_rng(samples.number).choice(len(items.steps), SAMPLED_STEPS, replace=False)
    reasons = [] if len(case.sizes) >= SHAPES else [f"pool {samples.number}: only {len(case.sizes)} shapes were packed"]
    for name, needed in case.sizes.items():
        floor, upper = needed.lower.copy(), needed.upper.copy()
        exact = needed.exact()
        for step in chosen:
            plain = pack_one_by_one(items.counts[:, step], items.sizes[:, :, step], needed.node)
            if exact[step] != min(max(plain, floor[step]), upper[step]):
                reasons.append(f"pool {samples.number} on {name}: {exact[step]:g} nodes in step {step}, packed one by one {plain}")
    return tuple(reasons)
