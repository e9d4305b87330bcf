"""Whoever writes into a shared metrics store can lie about another's pool; none of the lies makes that pool smaller.

Each test takes an honest demand of a pool that is rightly left alone, tells a lie about it, and looks for a change that takes away.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from tests.pool_cases import POOL, Shelf, ask, demand, hours, kind, rules, steady, usage
from trimtab.analysis.demand import Demand, Drain
from trimtab.analysis.rightsize import Answer, PaletteUse
from trimtab.records import Finding
from trimtab.units import GIB

GPU_POOL = replace(POOL, name="gpu", instance_type="g6.xlarge", count=4)
SHELF = Shelf((kind("m5.2xlarge", 8000), kind("g6.xlarge", 4000, gpus=1, price="0.80")))


def shrinks(answers: tuple[Answer, ...]) -> list[str]:
    """Rules of edits that take something away; what a person must do is no edit."""
    return [answer.rule for answer in answers if isinstance(answer, Finding) and not answer.needs_person and answer.saving_list.amount > 0]


def told(*, nodes: int = 6, until: int = 45 * 24, **lies: object) -> Demand:
    """22 pods of two cores on six nodes, so that none can go; from an hour on, `shop/db` is told otherwise."""
    rows = []
    for index, at in enumerate(hours()):
        rows.append(usage(at, pods=14))
        truth = usage(at, workload="shop/db", kind="StatefulSet", pods=8, cpu_used=8000, memory_used=8 * GIB)
        rows.append(truth._replace(**lies) if index >= until else truth)  # type: ignore[arg-type]
    return demand(*rows, nodes=nodes)


def removed(first: int, last: int = 45 * 24, every: int = 1) -> Demand:
    """`shop/db` is not reported from one hour to another, on each day or on each second one."""
    rows = [usage(at, pods=14) for at in hours()]
    rows += [
        usage(at, workload="shop/db", kind="StatefulSet", pods=8, cpu_used=8000, memory_used=8 * GIB)
        for index, at in enumerate(hours())
        if not first <= index < last or index // 24 % every
    ]
    return demand(*rows)


def injected() -> Demand:
    """Pods of tenant A that carry the pool's name beside its own."""
    rows = [row for at in hours() for row in (usage(at, pods=14), usage(at, workload="evil/miner", pods=1, cpu_request=0, cpu_used=0))]
    rows += [usage(at, workload="shop/db", kind="StatefulSet", pods=8, cpu_used=8000, memory_used=8 * GIB) for at in hours()]
    return demand(*rows)


LIES: dict[str, Callable[[], tuple[Answer, ...]]] = {
    "the truth": lambda: ask(told(), shelf=SHELF),
    "its pods use nothing": lambda: ask(told(until=0, cpu_used=0, memory_used=0), shelf=SHELF),
    "its pods ask for nothing in the last week": lambda: ask(told(until=38 * 24, cpu_request=0, memory_request=0), shelf=SHELF),
    "its pods are gone in the last three weeks": lambda: ask(removed(24 * 24), shelf=SHELF),
    "its pods are gone in the last week": lambda: ask(removed(38 * 24), shelf=SHELF),
    "its pods are gone in the first month": lambda: ask(removed(0, 30 * 24), shelf=SHELF),
    "its pods are gone every other day": lambda: ask(removed(0, every=2), shelf=SHELF),
    "other pods carry its name": lambda: ask(injected(), shelf=SHELF),
    "it has fewer nodes": lambda: ask(told(nodes=4), shelf=SHELF),
    "it has more nodes": lambda: ask(told(nodes=9), shelf=SHELF),
    "nothing ever ran": lambda: ask(steady(pods=0), shelf=SHELF, palette_use=PaletteUse(cpu=15_000)),
    "its budgets allow everything": lambda: ask(replace(told(), drains={"shop/db": Drain(disruptions_allowed=8)}), shelf=SHELF),
    "it is in no zone": lambda: ask(replace(told(), zones=()), shelf=SHELF),
    "its use is not a number": lambda: ask(told(until=0, cpu_used=float("nan"), memory_used=float("nan")), shelf=SHELF),
    "its use is below zero": lambda: ask(told(until=0, cpu_used=-5.0), shelf=SHELF),
    "fewer pods than none run": lambda: ask(told(until=0, pods=-8.0), shelf=SHELF),
}


@pytest.mark.security(18)
@pytest.mark.parametrize("lie", LIES)
def test_no_lie_takes_a_node_away(lie: str) -> None:
    assert shrinks(LIES[lie]()) == []


@pytest.mark.security(18)
@pytest.mark.parametrize("compute", [0, 4, None])
@pytest.mark.parametrize("memory", [0, GIB, None])
def test_gpus_that_are_said_to_be_idle_stay_where_pods_hold_them(compute: float | None, memory: float | None) -> None:
    """Utilization can be faked to zero; a request cannot be wished away."""
    held = steady(4, nodes=4, gpu_request=1000, cpu_request=500, gpu_compute_used=compute, gpu_memory_used=memory)

    assert shrinks(ask(held, GPU_POOL, shelf=SHELF)) == []


def test_gpus_that_are_said_to_be_idle_lose_no_margin() -> None:
    """Two of three are asked for: with room that is three, whoever says that they compute nothing."""
    held = steady(2, nodes=3, gpu_request=1000, cpu_request=500, gpu_compute_used=0, gpu_memory_used=0)

    assert shrinks(ask(held, replace(GPU_POOL, count=3), shelf=SHELF)) == []


def test_an_hour_of_everything_gone_is_not_an_hour_of_rest() -> None:
    found = told()
    quiet = replace(found, pods=np.where(np.arange(len(found.times)) % 2, 0.0, found.pods))

    assert shrinks(ask(quiet, shelf=SHELF)) == []


def test_a_truth_that_shrinks_is_told_so_that_the_lies_above_prove_something() -> None:
    assert shrinks(ask(steady(), shelf=SHELF)) == ["node-count-down"]
    assert "fits" in rules(LIES["the truth"]())
