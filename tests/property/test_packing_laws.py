"""Laws of the packer, against one that packs pod by pod."""

from datetime import UTC, datetime

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.analysis.assembly import UsageRow, from_rows
from trimtab.analysis.demand import Demand
from trimtab.analysis.packing import Node, NodesNeeded, items_of

START = datetime(2026, 7, 1, tzinfo=UTC)
NODE = Node(name="n", cpu=4000, memory=16_000, gpu=4000, pods=10)

Kind = tuple[int, int, int, int]
kinds = st.lists(
    st.tuples(st.integers(0, 9), st.integers(1, 4000), st.integers(1, 16_000), st.integers(0, 4).map(lambda n: n * 1000)), max_size=5
)
steps = st.lists(kinds, min_size=1, max_size=4)


def demand_of(hours: list[list[Kind]]) -> Demand:
    rows = [
        UsageRow(
            at=int(START.timestamp()) + 3600 * hour,
            workload=f"w{index}",
            kind="Job",
            pods=pods,
            pending=0,
            cpu_request=cpu,
            memory_request=memory,
            gpu_request=gpu,
            cpu_used=0,
            memory_used=0,
            gpu_compute_used=0,
            gpu_memory_used=0,
        )
        for hour, kinds_now in enumerate(hours)
        for index, (pods, cpu, memory, gpu) in enumerate(kinds_now)
    ]
    nodes = {int(START.timestamp()) + 3600 * hour: 1.0 for hour in range(len(hours))}
    demand = from_rows(rows, start=START, end=START.replace(hour=len(hours)), nodes=nodes)
    assert demand is not None
    return demand


def plain(kinds_now: list[Kind]) -> int:
    """First fit, largest share first, one pod after the other; and, as the packer may, a node set per kind where that is less."""
    pods = [
        (max(cpu / 4000, memory / 16_000, gpu / 4000), index, (cpu, memory, gpu, 1))
        for index, (n, cpu, memory, gpu) in enumerate(kinds_now)
        for _ in range(n)
    ]
    nodes: list[list[int]] = []
    for _, _, size in sorted(pods, key=lambda pod: (-pod[0], pod[1])):
        for node in nodes:
            if all(free >= need for free, need in zip(node, size, strict=True)):
                break
        else:
            node = [4000, 16_000, 4000, 10]
            nodes.append(node)
        for index, need in enumerate(size):
            node[index] -= need
    return len(nodes)


@given(steps)
@settings(max_examples=150, deadline=None)
def test_the_fast_packer_agrees_with_packing_pod_by_pod(hours: list[list[Kind]]) -> None:
    needed = NodesNeeded(items_of(demand_of(hours)), NODE)
    upper = needed.upper.copy()

    exact = needed.exact()

    for hour, kinds_now in enumerate(hours):
        # Equal shapes of different workloads may be told apart in another order; the count of nodes may then differ by the order alone.
        assert exact[hour] <= upper[hour]
        if len({kind[1:] for kind in kinds_now}) == len(kinds_now) and _has_no_ties(kinds_now):
            assert exact[hour] == min(plain(kinds_now), upper[hour])


def _has_no_ties(kinds_now: list[Kind]) -> bool:
    shares = [max(cpu / 4000, memory / 16_000, gpu / 4000) for _, cpu, memory, gpu in kinds_now]
    return len(set(shares)) == len(shares)


@given(steps)
@settings(max_examples=100, deadline=None)
def test_no_packing_is_below_what_is_asked_for(hours: list[list[Kind]]) -> None:
    """Never fewer nodes than the sum of the requests fills, in any dimension."""
    exact = NodesNeeded(items_of(demand_of(hours)), NODE).exact()

    for hour, kinds_now in enumerate(hours):
        for dimension, offer in ((1, 4000), (2, 16_000), (3, 4000)):
            assert exact[hour] * offer >= sum(kind[0] * kind[dimension] for kind in kinds_now)


@given(steps)
@settings(max_examples=100, deadline=None)
def test_every_question_gets_the_answer_that_packing_everything_gives(hours: list[list[Kind]]) -> None:
    """Peaks, quantiles and misses pack only the steps that matter; they may not answer differently for it."""
    items = items_of(demand_of(hours))
    everything = np.ones(len(hours), dtype=np.bool_)
    exact = NodesNeeded(items, NODE).exact()

    assert NodesNeeded(items, NODE).maximum(everything) == exact.max()
    assert NodesNeeded(items, NODE).quantile(0.5, everything) == np.sort(exact)[-(-len(hours) // 2) - 1]
    for nodes in (1, 2, 5):
        assert NodesNeeded(items, NODE).misses(nodes, everything).tolist() == (exact > nodes).tolist()


@given(
    st.lists(st.tuples(st.integers(0, 6), st.sampled_from([1000, 2000, 4000])), min_size=1, max_size=4),
    st.integers(0, 3),
    st.integers(1, 5),
)
@settings(max_examples=100, deadline=None)
def test_more_gpu_demand_never_needs_fewer_nodes(pods: list[tuple[int, int]], which: int, more: int) -> None:
    less = [(count, 10, 10, gpu) for count, gpu in pods]
    grown = [
        (count + (more if index == which % len(pods) else 0), cpu, memory, gpu) for index, (count, cpu, memory, gpu) in enumerate(less)
    ]

    needed = NodesNeeded(items_of(demand_of([less, grown])), NODE).exact()

    assert needed[1] >= needed[0]


@given(kinds, st.integers(1, 5))
@settings(max_examples=100, deadline=None)
def test_more_demand_never_lowers_either_bound(less: list[Kind], more: int) -> None:
    grown = [(pods + more, cpu, memory, gpu) for pods, cpu, memory, gpu in less]

    needed = NodesNeeded(items_of(demand_of([less, grown])), NODE)

    assert needed.lower[1] >= needed.lower[0]
    assert needed.upper[1] >= needed.upper[0]


def test_a_pod_that_fits_no_node_needs_infinitely_many() -> None:
    needed = NodesNeeded(items_of(demand_of([[(1, 9000, 1, 0)], [(1, 100, 1, 0)]])), NODE)

    assert needed.exact().tolist() == [np.inf, 1]
