"""Laws of sizing and of judging, whatever the demand."""

from dataclasses import replace
from random import Random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.analysis.backtest import backtest, sized, split
from trimtab.analysis.capacity import GPU, capacity_items
from trimtab.analysis.demand import Demand
from trimtab.analysis.packing import Node, NodesNeeded, items_of
from trimtab.analysis.trace import from_trace
from trimtab.records import InstanceType
from trimtab.units import cores, gib

STEPS = 60
LAW = settings(max_examples=50, deadline=None)
FEW = settings(max_examples=20, deadline=None)
PLAIN = {"max", "p99", "kubecost"}
SIX_HOURS = 6 * 3600
NODE = Node(name="n", cpu=4000, memory=8 * 2**30, gpu=0, pods=20)
TYPE = InstanceType(
    name="n", cloud="aws", region="us-east-1", arch="amd64", cpu=cores(4), memory=gib(8), allocatable_cpu=cores(4),
    allocatable_memory=gib(8), max_pods=20, price=None,
)  # fmt: skip

counts = st.lists(st.integers(0, 12), min_size=STEPS, max_size=STEPS)
seeds = st.integers(0, 2**32 - 1)


def gpus(each: list[int], order: list[int] | None = None) -> Demand:
    places = order or range(len(each))
    columns = {
        "timestamp": [str(SIX_HOURS * place) for place in places],
        "workload": ["w"] * len(each),
        "replicas": [str(each[place]) for place in places],
        "gpu_request": ["1"] * len(each),
    }
    return from_trace(columns)[""]


def shop(seed: int) -> Demand:
    """Three workloads of different pods, so many of them in each step."""
    random = np.random.default_rng(seed)
    rows = [(step, name, int(random.integers(0, 6))) for step in range(STEPS) for name in range(3)]
    columns = {
        "timestamp": [str(SIX_HOURS * step) for step, _, _ in rows],
        "workload": [f"w{name}" for _, name, _ in rows],
        "replicas": [str(count) for _, _, count in rows],
        "cpu_request": [str(0.5 + 0.7 * name) for _, name, _ in rows],
        "memory_request_gib": [str(3 - name) for _, name, _ in rows],
    }
    return from_trace(columns)[""]


def plain(demand: Demand, step: int) -> int:
    """First fit, largest share first, pod by pod; each kind on nodes of its own where that takes fewer."""
    pods, own = [], 0
    for row in range(len(demand.names)):
        count, size = int(demand.pods[row, step]), (float(demand.cpu_request[row, step]), float(demand.memory_request[row, step]))
        pods += [(max(size[0] / NODE.cpu, size[1] / NODE.memory), size)] * count
        if count:
            own += -(-count // int(min(NODE.cpu // size[0], NODE.memory // size[1], NODE.pods)))
    nodes: list[list[float]] = []
    for _, size in sorted(pods, key=lambda pod: -pod[0]):
        room = next((node for node in nodes if node[0] >= size[0] and node[1] >= size[1] and node[2] >= 1), None)
        if room is None:
            room = [NODE.cpu, NODE.memory, NODE.pods]
            nodes.append(room)
        room[0], room[1], room[2] = room[0] - size[0], room[1] - size[1], room[2] - 1
    return min(len(nodes), own)


@LAW
@given(counts, counts)
def test_more_demand_never_needs_less(each: list[int], more: list[int]) -> None:
    """Of ours that holds where all days rise alike: its margin is the pool's own volatility, which one raised quiet day can lessen."""
    before, after = backtest(gpus(each), nodes=20), backtest(gpus([one + two for one, two in zip(each, more, strict=True)]), nodes=20)

    sizes = [(a.nodes, b.nodes) for a, b in zip(before.policies, after.policies, strict=True) if a.policy in PLAIN]

    assert before.current.missed_steps <= after.current.missed_steps
    assert all(one <= two for one, two in sizes)


@LAW
@given(counts, st.integers(1, 4))
def test_demand_that_is_larger_throughout_never_gets_a_smaller_answer(each: list[int], times: int) -> None:
    """Ours too: all of it, margin and volatility, grows with the demand."""
    before, after = gpus(each), gpus([one * times for one in each])
    sizes = [sized(needed, split(demand, needed), demand.times) for demand in (before, after) for needed in (packed(demand),)]

    assert sizes[0] <= sizes[1]


@LAW
@given(counts, st.integers(1, 30))
def test_we_never_shrink_below_what_any_fitted_step_needed(each: list[int], nodes: int) -> None:
    demand = gpus(each)
    part = split(demand, packed(demand))

    ours = backtest(demand, nodes=nodes).policies[0].nodes

    assert ours >= min(nodes, max(each[: int(part.fit.sum())], default=0))


@LAW
@given(counts, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(each: list[int], random: Random) -> None:
    order = list(range(len(each)))
    random.shuffle(order)

    assert backtest(gpus(each), nodes=9).as_json() == backtest(gpus(each, order), nodes=9).as_json()


@LAW
@given(counts, st.lists(st.integers(0, 99), min_size=20, max_size=20))
def test_what_is_judged_never_moves_a_size(each: list[int], later: list[int]) -> None:
    """The judged third is the newest five days: whatever happens there, every policy answers the same."""
    one, other = (backtest(gpus([*each[:40], *end]), nodes=9) for end in (each[40:], later))

    assert [policy.nodes for policy in one.policies] == [policy.nodes for policy in other.policies]


@LAW
@given(counts, st.integers(1, 14))
def test_fitted_and_judged_steps_are_apart_and_are_all_there_is(each: list[int], fit_days: int) -> None:
    demand = gpus(each)
    part = split(demand, packed(demand), fit_days)

    assert not (part.fit & part.judge).any()
    assert (part.fit | part.judge).all()
    assert part.fitted_days + part.judged_days == 15


@LAW
@given(counts)
def test_an_idle_pod_never_adds_a_saving(each: list[int]) -> None:
    """A pod that asks for a GPU and does nothing takes room in every step; ours heeds it as the plain rules do."""
    before, after = backtest(gpus(each), nodes=20), backtest(gpus([one + 1 for one in each]), nodes=20)

    assert all(b.saving <= a.saving for a, b in zip(before.policies, after.policies, strict=True) if a.policy in {*PLAIN, "trimtab"})
    assert before.hindsight is not None
    assert after.hindsight is not None
    if not after.current.missed_steps:
        assert after.hindsight.saving <= before.hindsight.saving


@FEW
@given(seeds, st.integers(1, 9))
def test_a_replay_misses_the_steps_that_packing_pod_by_pod_misses(seed: int, nodes: int) -> None:
    demand = shop(seed)
    judged = np.flatnonzero(split(demand, NodesNeeded(items_of(demand), NODE)).judge)

    current = backtest(demand, instance=TYPE, nodes=nodes).current

    assert current.missed_steps == sum(plain(demand, int(step)) > nodes for step in judged)
    assert current.judged_steps == len(judged)


@FEW
@given(seeds)
def test_packing_equal_steps_once_changes_nothing(seed: int) -> None:
    """The same pods told as if each step had pods of its own."""
    items = items_of(shop(seed))
    apart = replace(items, alike=np.arange(len(items.steps)), shapes=None)

    assert items.shapes is not None
    assert NodesNeeded(items, NODE).exact().tolist() == NodesNeeded(apart, NODE).exact().tolist()


def packed(demand: Demand) -> NodesNeeded:
    return NodesNeeded(capacity_items(demand, GPU, "requests"), GPU.node)
