"""What is worth changing about a pool, and every reason to leave it alone."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pytest

from tests.pool_cases import CLUSTER, END, POOL, Shelf, ask, demand, findings, hours, kind, only, refusal, rules, steady, usage
from trimtab.analysis.assembly import from_rows
from trimtab.analysis.demand import Demand, Drain
from trimtab.analysis.rightsize import Answer, fingerprint
from trimtab.records import Finding, Refusal
from trimtab.units import GIB, Money


# ── node count ───────────────────────────────────────────────────────────────────────────────────────────────────────
def test_an_oversized_pool_loses_one_node_at_a_time() -> None:
    """8 pods of 2 cores fill two nodes; six are there, and one step takes at most a quarter."""
    finding = only(ask(steady()))

    assert (finding.rule, finding.subject.field) == ("node-count-down", "count")
    assert [(change.field, change.old, change.new) for change in finding.changes] == [("count", "6", "5")]
    assert finding.saving_list == Money(Decimal("292.00"), "USD")
    assert finding.saving_effective == Money(Decimal("219.00"), "USD")


def test_the_evidence_is_complete() -> None:
    proof = only(ask(steady())).evidence

    assert (proof.days, proof.fitted_days, proof.judged_days, proof.judged_steps) == (45, 30, 15, 360)
    assert (proof.unit, proof.peak, proof.coverage, proof.violations_old, proof.violations_new) == ("CPU cores", 16.0, 1.0, 0, 0)
    assert len(proof.chart) == 45
    assert (proof.chart[0].demand, proof.chart[0].capacity_old, proof.chart[0].capacity_new) == (16.0, 48.0, 40.0)
    assert "In 15 judged days 5 m5.2xlarge nodes would have carried every hour; the busiest needed 2.0 of 5." in proof.lines


def test_twenty_nodes_lose_a_quarter() -> None:
    finding = only(ask(steady(nodes=20), replace(POOL, count=20)))

    assert (finding.nodes_old, finding.nodes_new) == (20, 15)


def test_a_pinned_autoscaler_keeps_count_min_and_max_equal() -> None:
    finding = only(ask(steady(), replace(POOL, minimum=6, maximum=6)))

    assert [(change.field, change.new) for change in finding.changes] == [("count", "5"), ("min", "5"), ("max", "5")]


def test_what_is_right_is_kept_and_says_its_numbers() -> None:
    answers = ask(steady(20))

    assert "fits" in rules(answers)
    assert not any(isinstance(answer, Finding) for answer in answers)


def test_growth_in_the_judged_days_stops_a_cut() -> None:
    found = demand(*(usage(at, pods=8 if index < 40 * 24 else 23) for index, at in enumerate(hours())))

    assert "would-have-missed" in rules(ask(found))


def test_waiting_pods_make_a_pool_grow_and_at_most_double() -> None:
    found = demand(*(usage(at, pods=60, pending=36) for at in hours()))

    finding = only(ask(found))

    assert (finding.rule, finding.nodes_new) == ("node-count-up", 12)
    assert finding.saving_list.amount < 0


@pytest.mark.parametrize(("jobs", "nodes"), [(60, 9), (30, 8)])
def test_a_queue_grows_by_half_at_most_and_never_beyond_what_is_pending(jobs: int, nodes: int) -> None:
    """Jobs wait their turn: the peak of a queue is no reason to double, and nothing is added on top of it."""
    found = demand(*(usage(at, pods=jobs, pending=jobs - 24 if index % 2 else 0, kind="Job") for index, at in enumerate(hours())))

    finding = only(ask(found))

    assert (finding.rule, finding.nodes_new) == ("node-count-up", nodes)
    assert f"In 540 of 1080 hours pods of shop/web waited for a place, up to {jobs - 24} at once." in finding.evidence.lines
    asks = "The evidence asks for 15; one step goes to 9, at most half as many again, because jobs can wait."
    assert (asks in finding.evidence.lines) == (jobs == 60)


def test_a_service_that_waits_beside_a_queue_is_no_queue() -> None:
    waiting = [usage(at, pods=60, pending=36, kind="Job") for at in hours()]
    service = [usage(at, workload="shop/api", pods=2, pending=1) for at in hours()]

    assert only(ask(demand(*waiting, *service))).nodes_new == 12


def test_requests_that_seem_not_to_fit_while_nothing_waited_change_nothing() -> None:
    """An hour with a rollout holds old and new pods; they never ran at once."""
    assert rules(ask(steady(60))) == ["fits-tightly"]


def test_without_a_bill_the_saving_is_at_list_price_and_that_is_said() -> None:
    finding = only(ask(steady(), effective_rate=None))

    assert finding.saving_effective is None
    assert any("list price only" in sentence for sentence in finding.unknowns)


def test_the_runner_up_is_named_with_its_price() -> None:
    """Nine small nodes are cheaper than three large ones; the count comes first because it replaces nothing."""
    sentence = "9 x m5.large would cost 657.00 USD a month, 25% less, but it replaces every node: a step of its own."

    assert only(ask(steady())).runner_up == sentence


# ── what a drain could hurt ──────────────────────────────────────────────────────────────────────────────────────────
FINE = Drain(disruptions_allowed=1, has_local_volume=False, has_own_node=False)


def test_workloads_whose_budgets_nobody_read_are_counted() -> None:
    finding = only(ask(replace(demand(*(usage(at, workload=name, pods=4) for at in hours() for name in "abc")), drains={"a": FINE})))

    assert finding.unknowns == ("PodDisruptionBudgets, local volumes or anti-affinity of 2 of 3 workloads were not read.",)


def test_a_workload_that_was_read_half_was_not_read() -> None:
    assert only(ask(replace(steady(), drains={"shop/web": Drain(disruptions_allowed=1)}))).unknowns
    assert only(ask(replace(steady(), drains={"shop/web": replace(FINE, has_own_node=None)}))).unknowns


def test_where_every_workload_was_read_nothing_is_unknown() -> None:
    finding = only(ask(replace(steady(), drains={"shop/web": FINE})))

    assert (finding.unknowns, finding.disruption) == ((), ())


def test_a_local_volume_is_said() -> None:
    drain = replace(FINE, has_local_volume=True)

    lost = "shop/web has a local volume: what is in it is lost when its pod moves."
    assert only(ask(replace(steady(), drains={"shop/web": drain}))).disruption == (lost,)


def test_a_used_up_budget_stops_a_cut_and_says_what_it_needs() -> None:
    """A drain would hang there, with the node half empty and paid for."""
    answers = ask(replace(steady(), drains={"shop/web": replace(FINE, disruptions_allowed=0)}))

    no = refusal(answers, "budget-full")
    assert not findings(answers)
    assert no.reason == "The PodDisruptionBudget of shop/web allows no disruption now: draining a node would stop there."
    assert no.needs == "A budget with room for one pod: one more replica, or a lower minAvailable."


def test_a_used_up_budget_does_not_stop_growth() -> None:
    found = demand(*(usage(at, pods=60, pending=36) for at in hours()))

    assert "node-count-up" in rules(ask(replace(found, drains={"shop/web": replace(FINE, disruptions_allowed=0)})))


def test_no_budget_at_all_holds_nothing_up() -> None:
    assert only(ask(replace(steady(), drains={"shop/web": replace(FINE, disruptions_allowed=-1)}))).disruption == ()


# ── the autoscaler ───────────────────────────────────────────────────────────────────────────────────────────────────
SCALED = replace(POOL, minimum=6, maximum=12)


def test_an_autoscaled_pool_lowers_its_minimum_and_its_count_with_it() -> None:
    """The provider refuses a count that differs from the minimum."""
    finding = only(ask(steady(), SCALED))

    assert (finding.rule, finding.nodes_old, finding.nodes_new) == ("autoscaler-min-down", 6, 5)
    assert [(change.field, change.old, change.new) for change in finding.changes] == [("min", "6", "5"), ("count", "6", "5")]
    assert finding.saving_list == Money(Decimal("292.0"), "USD")


def test_a_minimum_that_is_seldom_reached_saves_only_what_it_would_have_saved() -> None:
    found = demand(*(usage(at, pods=16 if index % 24 < 12 else 32) for index, at in enumerate(hours())), nodes=8)

    finding = only(ask(found, SCALED))

    assert finding.saving_list == Money(Decimal("146.0"), "USD")


def test_a_maximum_that_is_hit_while_pods_wait_goes_up() -> None:
    found = demand(*(usage(at, pods=60, pending=12) for at in hours()), nodes=12)

    finding = only(ask(found, SCALED))

    assert (finding.subject.field, finding.changes[0].new) == ("max", "17")


def test_an_autoscaled_pool_on_google_cloud_has_nothing_to_edit() -> None:
    answers = ask(steady(), SCALED, replace(CLUSTER, cloud="gcp"))

    assert rules(answers) == ["autoscaler-only"]


# ── instance type, spot ──────────────────────────────────────────────────────────────────────────────────────────────
def test_one_node_that_is_too_large_becomes_one_size_smaller() -> None:
    answers = ask(steady(1, nodes=1), replace(POOL, count=1))

    finding = only(answers)
    assert (finding.rule, finding.changes[0].new, finding.is_repave) == ("instance-type-down", "m5.xlarge", True)
    assert finding.saving_list == Money(Decimal("146.00"), "USD")
    assert finding.saving_effective is None


def spot_shelf(bucket: int | None) -> Shelf:
    return Shelf((kind("m5.2xlarge", 8000, bucket=bucket, spot="0.10"),))


def test_a_stateless_pool_may_move_to_spot() -> None:
    finding = only(ask(steady(20), shelf=spot_shelf(0)))

    assert (finding.subject.field, finding.changes[0].new, finding.is_repave) == ("capacity_type", "spot", True)
    assert finding.saving_list == Money(Decimal("1313.98510800"), "USD"), "six times 0.30 an hour, less what work done twice costs"
    assert finding.unknowns


def test_a_pool_with_data_on_its_nodes_stays_off_spot() -> None:
    found = replace(steady(20), drains={"shop/web": replace(FINE, has_local_volume=True)})

    assert "local-volume-spot" in rules(ask(found, shelf=spot_shelf(0)))


@pytest.mark.parametrize(
    ("shelf", "changes", "rule"),
    [
        (spot_shelf(None), {}, "spot-interruption-unknown"),
        (spot_shelf(4), {}, "spot-interrupted-often"),
        (spot_shelf(0), {"kind": "StatefulSet"}, "stateful-spot"),
        (spot_shelf(0), {"kind": ""}, "spot-unknown"),
        (spot_shelf(0), {"pods": 1}, "single-replica-spot"),
    ],
)
def test_spot_is_refused_by_name(shelf: Shelf, changes: dict[str, object], rule: str) -> None:
    assert rule in rules(ask(steady(**({"pods": 20} | changes)), shelf=shelf))  # type: ignore[arg-type]


# ── GPUs ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
GPU_POOL = replace(POOL, name="gpu", instance_type="g6.xlarge", count=4)


def gpu_demand(compute: float | None, memory: float | None, pods: float = 2) -> Demand:
    return steady(pods, nodes=4, gpu_request=1000, cpu_request=500, gpu_compute_used=compute, gpu_memory_used=memory)


def test_gpus_that_compute_nothing_and_hold_nothing_are_idle() -> None:
    """A kernel that runs all the time and does nothing shows 100 % in the usual metric and 0.2 % here."""
    answers = ask(gpu_demand(4, GIB), GPU_POOL)

    finding = only(answers)
    assert (finding.rule, finding.nodes_old, finding.nodes_new, finding.evidence.unit) == ("gpu-idle", 4, 3, "GPUs")
    assert finding.evidence.lines[0] == "At most 2 of its 4 GPUs were asked for; those computed at most 0.2% and held at most 1.0 GiB."
    assert rules(answers).count("held-idle") == 1, "whoever holds the other two is asked to let go"


def test_a_warm_replica_is_not_idle() -> None:
    """A loaded model computes nothing between requests; taking its node away is an outage."""
    answers = ask(gpu_demand(4, 20 * GIB, pods=4), GPU_POOL)

    assert "warm-idle" in rules(answers)
    assert not any(isinstance(answer, Finding) for answer in answers)


def test_a_replica_whose_memory_is_unknown_counts_as_warm() -> None:
    assert "warm-idle" in rules(ask(gpu_demand(4, None, pods=4), GPU_POOL))


def test_idle_gpus_that_pods_still_hold_stay_until_they_are_released() -> None:
    answers = ask(gpu_demand(4, GIB, pods=4), GPU_POOL)

    assert rules(answers)[0] == "held-idle"


def test_a_gpu_without_compute_metrics_is_not_idle() -> None:
    """Two of four GPUs are asked for, which is known; what the others compute is not, and takes the other levers away."""
    answers = ask(gpu_demand(None, GIB), GPU_POOL)

    assert rules(answers) == ["node-count-down", "gpu-metrics-missing"]
    assert only(answers).nodes_new == 3


def test_gpus_that_are_held_are_kept_whatever_is_not_measured() -> None:
    assert rules(ask(gpu_demand(None, GIB, pods=4), GPU_POOL)) == ["fits", "gpu-metrics-missing"]


# ── every named no ───────────────────────────────────────────────────────────────────────────────────────────────────
def holed() -> Demand:
    return demand(*(usage(at) for index, at in enumerate(hours()) if index % 5))


def without_memory() -> Demand:
    return steady(memory_used=None)


NOES: dict[str, Callable[[], tuple[Answer, ...]]] = {
    "control-plane": lambda: ask(steady(), replace(POOL, control_plane=True)),
    "cluster-not-running": lambda: ask(steady(), cluster=replace(CLUSTER, state="Provisioning")),
    "repave-pending": lambda: ask(steady(), cluster=replace(CLUSTER, is_repave_pending=True)),
    "unknown-instance-type": lambda: ask(steady(), replace(POOL, instance_type="x9.huge")),
    "price-missing": lambda: ask(steady(), shelf=Shelf((kind("m5.2xlarge", 8000, price=None),))),
    "metrics-missing": lambda: ask(None),
    "too-little-history": lambda: ask(steady(count=10 * 24)),
    "coverage-low": lambda: ask(holed()),
    "sources-disagree": lambda: ask(steady(), replace(POOL, count=9)),
    "pod-fits-no-node": lambda: ask(steady(cpu_request=9000)),
}


@pytest.mark.parametrize("rule", NOES)
def test_each_no_has_a_name(rule: str) -> None:
    answers = NOES[rule]()

    assert rules(answers) == [rule]
    assert isinstance(answers[0], Refusal)
    assert answers[0].reason


def test_a_price_of_zero_is_a_missing_price() -> None:
    assert rules(ask(steady(), shelf=Shelf((kind("m5.2xlarge", 8000, price="0"),)))) == ["price-missing"]


def test_memory_that_was_never_measured_takes_away_types_and_spot_and_not_the_count() -> None:
    answers = ask(without_memory(), shelf=spot_shelf(0))

    assert rules(answers) == ["node-count-down", "use-missing"]
    assert any("what they ask for, one node at a time" in unknown for unknown in only(answers).unknowns)


def test_without_measured_use_only_one_node_goes_at_a_time() -> None:
    found = steady(nodes=20, memory_used=None, cpu_used=None)

    assert only(ask(found, replace(POOL, count=20))).nodes_new == 19


def test_a_pod_that_asks_for_no_memory_and_is_not_measured_stops_everything() -> None:
    assert rules(ask(steady(memory_used=None, memory_request=0))) == ["memory-unmeasured"]


def test_a_pod_that_asks_for_no_cpu_and_is_not_measured_stops_everything() -> None:
    assert rules(ask(steady(cpu_used=None, cpu_request=0))) == ["cpu-unmeasured"]


def test_too_little_history_says_when_there_is_enough() -> None:
    refusal = ask(steady(count=10 * 24))[0]

    assert isinstance(refusal, Refusal)
    assert refusal.eligible_from == date(2026, 8, 4)


def test_production_needs_more_days() -> None:
    found = steady(count=20 * 24)

    assert rules(ask(found, is_nonproduction=False)) == ["too-little-history"]
    assert "node-count-down" in rules(ask(found))


def test_samples_that_end_days_ago_say_nothing_about_now() -> None:
    found = demand(*(usage(at - 3 * 86400) for at in hours()))

    assert rules(ask(found)) == ["metrics-stale"]


def test_a_bill_with_other_nodes_disagrees() -> None:
    assert rules(ask(steady(), billed_nodes=9.0)) == ["sources-disagree"]


def test_an_empty_pool_shrinks_to_its_floor_step_by_step() -> None:
    """Nodes were seen and no pod: that is known idleness, not a missing metric."""
    found = from_rows([], start=END - timedelta(days=60), end=END, nodes=dict.fromkeys(hours(), 2.0))

    assert only(ask(found, replace(POOL, count=2))).nodes_new == 1
    assert np.asarray(found.pods if found else []).size == 0


# ── fingerprint ──────────────────────────────────────────────────────────────────────────────────────────────────────
def targeting(new: str) -> Finding:
    finding = only(ask(steady()))
    return replace(finding, changes=(replace(finding.changes[0], new=new),))


def test_the_same_wish_has_the_same_fingerprint() -> None:
    assert fingerprint(targeting("5")) == fingerprint(targeting("5"))
    assert fingerprint(targeting("5")) != fingerprint(targeting("3"))


def test_a_target_that_drifts_over_an_edge_keeps_its_remembered_fingerprint() -> None:
    """22 and 23 nodes stand on two sides of an edge: a rejected 22 must not come back as 23."""
    first, second = fingerprint(targeting("22")), fingerprint(targeting("23"))

    assert fingerprint(targeting("23"), remembered=first) == (first if first != second else second)
    assert fingerprint(targeting("60"), remembered=first) != first


def test_another_rule_is_another_fingerprint() -> None:
    finding = targeting("5")

    assert fingerprint(finding) != fingerprint(replace(finding, rule="gpu-idle"))
