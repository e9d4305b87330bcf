"""Laws of requests: nothing that was seen is ever cut off, no step is a leap, an unknown is never room."""

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.workload_cases import CLUSTER, MIB, found, home, use, window
from trimtab.analysis.loads import load_of
from trimtab.analysis.requests import CPU_CEILING, LARGEST_CUT, cpu_wanted, memory_wanted
from trimtab.analysis.workload_rules import Wish
from trimtab.analysis.workloads import analyze_workload, analyze_workloads
from trimtab.records import Finding

DAYS = 14
MEMORY = st.lists(st.integers(16, 6000), min_size=DAYS, max_size=DAYS)
"""MiB of the fullest pod at each day's highest."""
CPU = st.lists(st.integers(1, 3000), min_size=DAYS, max_size=DAYS)
REQUEST = st.integers(64, 8000)


def hourly(daily: list[int], scale: float = 1.0) -> np.ndarray[Any, Any]:
    return np.repeat(np.array(daily, dtype=np.float64), 24) * scale


def wishes(**facts: Any) -> dict[str, Wish]:
    one = use(days=DAYS, **facts)
    return {answer.rule: answer for answer in analyze_workload(one, found(one), window(DAYS)) if isinstance(answer, Wish)}


@settings(deadline=None, max_examples=80)
@given(daily=MEMORY, request=REQUEST, is_limited=st.booleans())
def test_no_memory_that_was_ever_held_is_cut_off(daily: list[int], request: int, *, is_limited: bool) -> None:
    limit = float(request * MIB) if is_limited else 0.0

    for wish in wishes(memory_peak=hourly(daily, MIB), memory_request=request * MIB, memory_limit=limit, cpu_limit=1000.0).values():
        if wish.resource == "memory":
            assert wish.request >= max(daily) * MIB
            assert wish.is_up or wish.request >= (1 - LARGEST_CUT) * request * MIB


@settings(deadline=None, max_examples=80)
@given(daily=CPU, request=st.integers(4000, 20_000))
def test_no_more_than_one_hour_in_a_hundred_lives_from_its_neighbors(daily: list[int], request: int) -> None:
    down = wishes(cpu_peak=hourly(daily), cpu_mean=0, cpu_request=request).get("cpu-request-down")

    asked = request if down is None else down.new
    assert int((hourly(daily) > CPU_CEILING * asked).sum()) <= 0.01 * 24 * DAYS
    assert (1 - LARGEST_CUT) * request <= asked <= request


@settings(deadline=None, max_examples=60)
@given(daily=CPU, request=REQUEST, hidden=st.lists(st.integers(0, DAYS * 24 - 1), max_size=40))
def test_hours_that_nobody_measured_never_lower_a_request_below_those_that_were(daily: list[int], request: int, hidden: list[int]) -> None:
    peaks = hourly(daily)
    peaks[hidden] = np.nan

    for wish in wishes(cpu_peak=peaks, cpu_mean=0, cpu_request=request).values():
        if wish.resource == "cpu":
            assert np.isnan(peaks).mean() <= 0.05
            assert wish.new >= np.nanquantile(peaks, 0.99, method="lower")


@settings(deadline=None, max_examples=60)
@given(daily=MEMORY, more=st.integers(0, 3000))
def test_more_use_never_asks_for_less(daily: list[int], more: int) -> None:
    times = use(days=DAYS).times
    before, after = (load_of(times, hourly([value + extra for value in daily], MIB)) for extra in (0, more))

    assert memory_wanted(after, after.known) >= memory_wanted(before, before.known) >= max(daily) * MIB * 1.15
    assert cpu_wanted(after, after.known) >= cpu_wanted(before, before.known)


@settings(deadline=None, max_examples=25)
@given(counts=st.lists(st.integers(1, 12), min_size=1, max_size=4), requests=st.lists(st.integers(200, 2000), min_size=4, max_size=4))
def test_all_changes_of_a_pool_together_save_no_more_than_packing_it_again(counts: list[int], requests: list[int]) -> None:
    """Levers multiply: the sum of the parts is what all of them leave, and never more nodes than there are."""
    uses = [
        use(
            days=DAYS, name=f"w{place}", pods=count, cpu_request=requests[place], cpu_peak=20, memory_request=64 * MIB, memory_peak=48 * MIB
        )
        for place, count in enumerate(counts)
    ]
    pool = home(*uses, count=20)

    answers = analyze_workloads(found(*uses), (pool,), cluster=CLUSTER, window=window(DAYS), price_source="a list")

    saved = sum(answer.nodes_old - answer.nodes_new for answer in answers if isinstance(answer, Finding))
    assert 0 <= saved <= pool.pool.count - 1
