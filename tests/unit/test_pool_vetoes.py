"""Every reason to say nothing about a pool, by name, with what would make advice possible and from when."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pytest

from tests.pool_cases import CLUSTER, END, NOW, POOL, Shelf, ask, demand, findings, hours, kind, only, refusal, rules, steady, usage
from trimtab.analysis.assembly import from_rows
from trimtab.analysis.demand import Demand
from trimtab.analysis.rightsize import Answer, PaletteUse
from trimtab.units import GIB, Millicores

SCALED = replace(POOL, minimum=4, maximum=12)


def holed(first: int, last: int) -> Demand:
    """Nothing was measured between these hours."""
    return demand(*(usage(at) for index, at in enumerate(hours()) if not first <= index < last))


def stepped(before: float, after: float, day: int = 25) -> Demand:
    """So many pods until that day, and so many from it on."""
    return demand(*(usage(at, pods=before if index < day * 24 else after) for index, at in enumerate(hours())))


def with_inf(name: str) -> Demand:
    found = steady()
    values = getattr(found, name).copy()
    values[0, 5] = np.inf
    return replace(found, **{name: values})


NOES: dict[str, Callable[[], tuple[Answer, ...]]] = {
    "karpenter-owned": lambda: ask(replace(steady(), makers=frozenset({"karpenter"}))),
    "outside-bounds": lambda: ask(steady(nodes=3), replace(SCALED, count=3)),
    "sources-disagree": lambda: ask(steady(), replace(POOL, machines=5)),
    "rate-unusable": lambda: ask(steady(), effective_rate=Decimal(0)),
    "requests-missing": lambda: ask(steady(cpu_request=None)),
    "pending-missing": lambda: ask(steady(pending=None)),
    "nodes-unseen": lambda: ask(steady(nodes=None)),
    "metrics-impossible": lambda: ask(with_inf("cpu_used")),
    "coverage-low": lambda: ask(holed(1, 100)),
    "price-missing": lambda: ask(steady(), replace(POOL, capacity_type="spot")),
    "unknown-instance-type": lambda: ask(steady(), replace(POOL, instance_type="x9.huge")),
    "metrics-missing": lambda: ask(None),
    "metrics-stale": lambda: ask(demand(*(usage(at - 3 * 86400) for at in hours()))),
}


@pytest.mark.parametrize("rule", NOES)
def test_each_no_stands_alone_and_says_what_it_needs(rule: str) -> None:
    answers = NOES[rule]()

    assert rules(answers) == [rule]
    assert refusal(answers, rule).needs.endswith(".")


# ── Karpenter, bounds, live sizes ────────────────────────────────────────────────────────────────────────────────────
def test_a_cluster_with_karpenter_is_left_to_it() -> None:
    """Its nodes stand outside the pools, so that what a pool carries is never all there is."""
    assert rules(ask(steady(), cluster=replace(CLUSTER, has_karpenter=True))) == ["karpenter-owned"]


def test_an_autoscaled_pool_within_its_bounds_is_looked_at() -> None:
    assert "outside-bounds" not in rules(ask(steady(), replace(SCALED, machines=12)))
    assert rules(ask(steady(), replace(SCALED, machines=13))) == ["outside-bounds"]


# ── Rates and prices ─────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("rate", [Decimal(0), Decimal(-1), Decimal("NaN"), Decimal("Infinity")])
def test_a_rate_that_is_no_price_is_refused(rate: Decimal) -> None:
    assert rules(ask(steady(), effective_rate=rate)) == ["rate-unusable"]


@pytest.mark.parametrize("price", ["0", "-1", "NaN", "Infinity"])
def test_a_price_that_is_no_price_is_refused(price: str) -> None:
    assert rules(ask(steady(), shelf=Shelf((kind("m5.2xlarge", 8000, price=price),)))) == ["price-missing"]


@pytest.mark.parametrize("price", ["0", "-1", "NaN", "Infinity", None])
def test_another_type_without_a_price_is_no_bargain(price: str | None) -> None:
    finding = only(ask(steady(), shelf=Shelf((kind("m5.2xlarge", 8000), kind("m6i.2xlarge", 8000, price=price)))))

    assert (finding.rule, finding.runner_up) == ("node-count-down", "")


# ── Signals ──────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("name", ["pods", "pending", "cpu_request", "memory_request", "cpu_used", "memory_used", "gpu_memory_used"])
def test_infinite_use_is_nonsense_and_not_a_peak(name: str) -> None:
    assert rules(ask(with_inf(name))) == ["metrics-impossible"]


def test_use_below_zero_is_nonsense_and_not_idleness() -> None:
    assert rules(ask(steady(cpu_used=-1))) == ["metrics-impossible"]


def test_samples_from_the_future_are_a_wrong_clock() -> None:
    late = from_rows([usage(at + 86400) for at in hours()], start=END - timedelta(days=60), end=END + timedelta(days=1))

    assert rules(ask(late)) == ["metrics-impossible"]


def test_coverage_says_when_the_gap_has_left_the_window() -> None:
    """Days 1 to 4 are missing: 54 of 1080 hours may be, so the window must move until at most those are inside."""
    refused = refusal(ask(holed(1, 97)), "coverage-low")

    assert refused.eligible_from == NOW.date() + timedelta(days=2)
    assert refused.needs == "No more gaps: the old ones leave the window by themselves."


def test_use_with_holes_counts_as_the_most_it_ever_was() -> None:
    """A third of the hours has no memory use; where it was measured, pods held twelve times what they ask for."""
    found = demand(*(usage(at, memory_used=None if index % 3 else 96 * GIB) for index, at in enumerate(hours())))

    answers = ask(found)

    assert "use-missing" in rules(answers)
    assert (only(answers).nodes_new, only(answers).evidence.unit, only(answers).evidence.peak) == (5, "GiB", 101.053), (
        "96 GiB, at 95 % of each node"
    )


# ── Sources ──────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.security(18)
@pytest.mark.parametrize(
    ("palette", "rule"),
    [
        (PaletteUse(cpu=4900.0), "node-count-down"),
        (PaletteUse(cpu=5100.0), "sources-disagree"),
        (PaletteUse(memory=4.9 * GIB), "node-count-down"),
        (PaletteUse(memory=5.1 * GIB), "sources-disagree"),
        (PaletteUse(cpu=float("nan")), "sources-disagree"),
        (PaletteUse(cpu=100.0), "node-count-down"),
        (PaletteUse(), "node-count-down"),
    ],
)
def test_metrics_that_show_a_fifth_less_than_palette_hide_something(palette: PaletteUse, rule: str) -> None:
    """4.0 cores and 4.0 GiB are measured. More than Palette's mean is no objection: ours is the highest of each hour."""
    assert rules(ask(steady(), palette_use=palette))[0] == rule


@pytest.mark.parametrize("billed", [9.0, 0.0, float("nan"), float("inf")])
def test_a_bill_with_other_nodes_disagrees(billed: float) -> None:
    assert rules(ask(steady(), billed_nodes=billed)) == ["sources-disagree"]


def test_palette_and_the_catalog_mean_the_same_machine() -> None:
    assert rules(ask(steady(), replace(POOL, arch="arm64"))) == ["sources-disagree"]
    assert "node-count-down" in rules(ask(steady(), replace(POOL, arch="amd64")))


# ── What stops a cut alone ───────────────────────────────────────────────────────────────────────────────────────────
def test_production_waits_for_a_month_end() -> None:
    """The 29 days before June 30 do not show what June 30 asks for."""
    found = from_rows(
        [row for at in hours() if (row := usage(at)).at >= (END - timedelta(days=30)).timestamp()],
        start=END - timedelta(days=30), end=END, nodes=dict.fromkeys(hours(30 * 24), 6.0),
    )  # fmt: skip

    answers = ask(found, is_nonproduction=False)

    no = refusal(answers, "month-end-unseen")
    assert not findings(answers)
    assert "from 2026-07-01 to 2026-07-31 holds no month end" in no.reason
    assert (no.eligible_from, no.needs) == (date(2026, 8, 1), "The measured day 2026-07-31.")
    assert "node-count-down" in rules(ask(found))


def test_a_month_end_that_was_not_measured_was_not_seen() -> None:
    """June 30 is in the window of 45 days, and half of it is missing."""
    start = (END - timedelta(days=31)).timestamp()
    gap = [usage(at) for at in hours() if not start <= at < start + 12 * 3600]
    nodes = {row.at: 6.0 for row in gap}
    found = from_rows([row._replace(kind="Job") for row in gap], start=END - timedelta(days=45), end=END, nodes=nodes)

    assert "month-end-unseen" in rules(ask(found, is_nonproduction=False))


def test_load_that_went_away_and_never_came_back_is_for_a_person() -> None:
    """Gone, or no longer measured: the numbers are the same."""
    answers = ask(stepped(16, 4))

    no = refusal(answers, "level-drop")
    assert not findings(answers)
    assert no.reason.startswith("Since 2026-07-11 its busiest hour needed 1.0 nodes; before, no day needed less than 4.0.")
    assert no.eligible_from == date(2026, 8, 25)


@pytest.mark.parametrize(("before", "after"), [(8, 6), (4, 16), (8, 8)])
def test_what_wavers_is_no_drop(before: float, after: float) -> None:
    assert "level-drop" not in rules(ask(stepped(before, after)))


def test_a_weekend_is_no_drop() -> None:
    found = demand(*(usage(at, pods=12 if (index // 24) % 7 < 5 else 2) for index, at in enumerate(hours())))

    assert only(ask(found)).rule == "node-count-down"


def test_pods_that_wait_where_there_is_room_stop_a_cut() -> None:
    """A selector or a volume's zone keeps them out; fewer nodes would not let them in."""
    found = demand(*(usage(at, pending=1 if index % 10 == 0 else 0) for index, at in enumerate(hours())))

    no = refusal(ask(found), "waits-despite-room")
    assert no.reason == "In 10% of the measured hours pods waited although 6 nodes had room by their requests."


def test_pods_that_wait_stop_a_cut_though_each_workload_alone_would_fill_a_node() -> None:
    """Ten small workloads have room on six nodes together; that each could have a node of its own does not hide it."""
    rows = [
        usage(at, pods=1, workload=f"shop/{number}", pending=1 if index % 10 == 0 else 0)
        for index, at in enumerate(hours())
        for number in range(10)
    ]
    found = demand(*rows)

    assert "waits-despite-room" in rules(ask(found))


def test_bounds_that_are_pinned_hold_the_live_size_too() -> None:
    """Six nodes between twelve and twelve: one of the three is not what it says, and a cut to five would change all."""
    assert rules(ask(steady(), replace(POOL, minimum=12, maximum=12))) == ["outside-bounds"]
    assert "node-count-down" in rules(ask(steady(), replace(POOL, minimum=6, maximum=6)))


def test_a_catalog_that_knows_no_architecture_does_not_contradict_palette() -> None:
    shelf = Shelf((kind("m5.2xlarge", 8000, arch=""), kind("m9g.2xlarge", 8000, price="0.01", arch="")))
    found = steady(pods=20, nodes=6)

    assert "sources-disagree" not in rules(ask(found, replace(POOL, arch="amd64"), shelf=shelf))
    assert "instance-type-other" not in rules(ask(found, shelf=shelf)), "two unknown architectures are not the same one"


def test_a_type_without_room_for_any_pod_is_refused_by_name() -> None:
    no_room = replace(kind("m5.2xlarge", 8000), allocatable_cpu=Millicores(0))

    assert rules(ask(steady(cpu_request=0), shelf=Shelf((no_room,)))) == ["pod-fits-no-node"]


def test_a_number_of_pods_that_is_no_number_is_not_an_idle_pool() -> None:
    assert rules(ask(steady(float("nan")))) == ["metrics-impossible"]


def test_a_daemonset_that_asks_for_nothing_known_takes_what_it_used() -> None:
    """Five of eight cores on every node: what is left of six nodes is two cores' pods, one each."""
    agent = {"workload": "kube-system/agent", "kind": "DaemonSet", "cpu_request": None, "cpu_used": 30_000}
    found = demand(*(row for at in hours() for row in (usage(at, pods=6), usage(at, pods=6, **agent))))

    assert found.overhead.cpu == 5000
    assert "node-count-down" not in rules(ask(found))
