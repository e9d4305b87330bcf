"""Requests and limits: what was once needed is never taken away, and a saving is nodes that really go."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from tests.workload_cases import CLUSTER, MIB, NODE, START, found, home, use, window
from trimtab.analysis.fingerprint import fingerprint
from trimtab.analysis.loads import load_of
from trimtab.analysis.requests import after_one_cut, cpu_text, cpu_wanted, memory_text, memory_wanted
from trimtab.analysis.workload_rules import No, Wish
from trimtab.analysis.workload_use import WorkloadUse
from trimtab.analysis.workloads import Answer, Home, analyze_workload, analyze_workloads
from trimtab.records import Finding, Refusal
from trimtab.units import GIB, Money

TOGETHER = "A node goes only where these are all done: cpu_request of shop/Deployment/cart, memory_request of shop/Deployment/cart."


def ask(*uses: WorkloadUse, homes: tuple[Home, ...] | None = None, days: int = 30, **changes: Any) -> tuple[Answer, ...]:
    pools = (home(*uses, count=changes.pop("count", 4)),) if homes is None else homes
    share = changes.pop("share", 1.0)
    facts: dict[str, Any] = {"cluster": CLUSTER, "window": window(days), "price_source": "a list"} | changes
    return analyze_workloads(found(*uses, share=share), pools, **facts)


def findings(answers: tuple[Answer, ...]) -> dict[str, Finding]:
    return {answer.rule: answer for answer in answers if isinstance(answer, Finding)}


def refusals(answers: tuple[Answer, ...]) -> dict[str, Refusal]:
    return {answer.rule: answer for answer in answers if isinstance(answer, Refusal)}


def rules(one: WorkloadUse) -> dict[str, Wish | No]:
    """What one workload should ask for, before anybody packs or counts money."""
    return {answer.rule: answer for answer in analyze_workload(one, found(one), window())}


def wish(one: WorkloadUse, rule: str) -> Wish:
    answer = rules(one)[rule]
    assert isinstance(answer, Wish)
    return answer


def changes(answer: Finding | Wish) -> list[tuple[str, str, str]]:
    return [(change.field, change.old, change.new) for change in answer.changes]


def busy(hours: int = 720, *, usual: float, peak: float, at: tuple[int, ...]) -> np.ndarray[Any, Any]:
    values = np.full(hours, usual)
    values[list(at)] = peak
    return values


# ── Down ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_memory_is_the_highest_value_ever_and_a_margin() -> None:
    """1 GiB held: 1.15 GiB is 1177.6 MiB, up to the next 16 MiB 1184; one step from 4 GiB goes to half."""
    found = findings(ask(use(memory_request=3 * GIB, pods=20, cpu_request=100), count=9))["memory-request-down"]
    staged = findings(ask(use()))["memory-request-down"]

    assert changes(found) == [("memory_request", "3Gi", "1536Mi")]
    assert changes(wish(use(memory_request=2 * GIB), "memory-request-down")) == [("memory_request", "2Gi", "1184Mi")]
    assert changes(staged) == [("memory_request", "4Gi", "2Gi")]
    assert "The evidence asks for 1184Mi; one step goes to 2Gi, half at most." in staged.evidence.lines
    assert (found.subject.kind, found.subject.pool, found.subject.field) == ("workload", "shop/Deployment/cart", "memory_request")


def test_cpu_is_what_all_but_the_busiest_hundredth_of_the_hours_need() -> None:
    """200m in nearly all hours, 900m in three: 200m and 15 % is 230m."""
    load = load_of(use().times, busy(usual=200.0, peak=900.0, at=(5, 300, 700)))

    assert cpu_wanted(load, load.known) == 230.0
    assert after_one_cut(1000.0, 230.0) == 500.0


def test_one_hour_of_memory_decides_however_rare() -> None:
    """The spike of the 3rd of the month is what kills the pod on the 3rd of the next."""
    load = load_of(use().times, busy(usual=float(GIB), peak=3.0 * GIB, at=(50,)))

    assert memory_wanted(load, load.known) >= 3 * GIB * 1.15


def test_a_saving_is_the_nodes_that_go_and_no_more() -> None:
    """12 pods of 1 core fill three nodes and margin a fourth; at 500m two are enough."""
    cart = use(pods=12, memory_request=64 * MIB, memory_peak=48 * MIB)

    down = findings(ask(cart, homes=(home(cart, count=6),)))["cpu-request-down"]

    assert (down.nodes_old, down.nodes_new) == (4, 2)
    assert down.saving_list == Money(Decimal("0.2") * 730 * 2, "USD")
    assert down.saving_effective == Money(Decimal("0.15") * 730 * 2, "USD")
    assert any("lets pool web go from 4 to 2 nodes" in line for line in down.evidence.lines)


def test_what_frees_no_node_is_told_and_not_proposed() -> None:
    """Twenty changes that change no bill would hide the one that does."""
    small = use(name="small", pods=1, memory_request=64 * MIB, memory_peak=48 * MIB)
    cart = use(pods=12, memory_request=64 * MIB, memory_peak=48 * MIB)

    answers = ask(cart, small, homes=(home(cart, small, count=6),))

    assert [answer.subject.pool for answer in answers if isinstance(answer, Finding)] == ["shop/Deployment/cart"]
    reason = refusals(answers)["frees-no-node"].reason
    assert (
        reason == "shop/Deployment/small: its CPU request could go from 1 to 500m, and pool web would need 2 nodes with it and without it."
    )


def test_what_frees_a_node_only_together_is_proposed_together() -> None:
    """CPU and memory both keep the second node: either alone frees nothing."""
    both = [answer for answer in ask(use()) if isinstance(answer, Finding)]

    assert sorted(answer.rule for answer in both) == ["cpu-request-down", "memory-request-down"]
    assert sum(answer.nodes_old - answer.nodes_new for answer in both) == 1
    assert all(TOGETHER in answer.evidence.lines for answer in both)


def test_what_adds_nothing_to_others_is_not_proposed_with_them() -> None:
    """The neighbor on another pool, and the one whose change moves nothing."""
    idle = use(name="idle", pods=1, cpu_request=20, cpu_peak=1, memory_request=64 * MIB, memory_peak=16 * MIB)
    far = use(name="far", pools=("far",))
    pools = (home(use(), idle), home(far, name="far"))

    answers = ask(use(), idle, far, homes=pools)

    lines = {answer.subject.pool: answer.evidence.lines for answer in answers if isinstance(answer, Finding)}
    assert set(lines) == {"shop/Deployment/cart", "shop/Deployment/far"}
    assert TOGETHER in lines["shop/Deployment/cart"]
    assert "shop/Deployment/idle" in refusals(answers)["frees-no-node"].reason


def test_two_changes_of_one_pool_never_save_the_same_node_twice() -> None:
    """Each alone lets one node go, both together let go what both together do."""
    one, other = (use(name=name, pods=6, memory_request=64 * MIB, memory_peak=48 * MIB) for name in ("one", "other"))

    saved = [answer.nodes_old - answer.nodes_new for answer in ask(one, other, homes=(home(one, other),)) if isinstance(answer, Finding)]

    assert sum(saved) == 2


def test_what_a_rollout_freed_already_is_not_saved_again() -> None:
    """Four cores until three days ago, one since: the advice is held against the one. A limit that is raised frees nothing at all."""
    fallen = np.where(np.arange(720) < 648, 4000, 1000)
    facts: dict[str, Any] = {"pods": 8, "memory_request": GIB, "memory_peak": 0.8 * GIB}
    one, ever = use(cpu_request=fallen, **facts), use(**facts)
    stopped = use(cpu_request=fallen, cpu_limit=1000.0, cpu_peak=990, cpu_mean=900, **facts)

    saved = [findings(ask(each, count=20))["cpu-request-down"].saving_list for each in (one, ever)]
    up = findings(ask(stopped, count=20))["cpu-limit-up"]

    assert saved == [Money(Decimal("146.00"), "USD")] * 2
    assert (up.nodes_old, up.nodes_new, up.saving_list.amount) == (3, 3, Decimal(0))


def test_a_pool_that_is_too_small_saves_only_below_what_is_there() -> None:
    cart = use(pods=12, memory_request=64 * MIB, memory_peak=48 * MIB)

    down = findings(ask(cart, homes=(home(cart, count=3),)))["cpu-request-down"]

    assert (down.nodes_old, down.nodes_new) == (3, 2)


def test_the_floors_of_the_pools_own_lever_hold_here_too() -> None:
    """Two nodes would do; three zones keep three, and production keeps one that may be lost."""
    cart = use(pods=12, days=31, memory_request=64 * MIB, memory_peak=48 * MIB)
    zoned = home(cart, count=6, zones=("a", "b", "c"))

    apart = findings(ask(cart, homes=(zoned,), days=31))["cpu-request-down"]
    production = findings(ask(cart, homes=(home(cart, count=6),), window=window(31, is_nonproduction=False)))["cpu-request-down"]

    assert (apart.nodes_old, apart.nodes_new) == (4, 3)
    assert (production.nodes_old, production.nodes_new) == (4, 3)


def test_a_spot_pool_is_priced_as_spot() -> None:
    cart = use(pods=12, memory_request=64 * MIB, memory_peak=48 * MIB)
    cheap = replace(NODE, spot_price=Money(Decimal("0.05"), "USD"))

    down = findings(ask(cart, homes=(home(cart, count=6, instance=cheap, capacity_type="spot"),)))["cpu-request-down"]

    assert down.saving_list == Money(Decimal("0.05") * 730 * 2, "USD")


def test_an_autoscaled_pool_saves_what_it_runs_on_average() -> None:
    cart = use(pods=12, memory_request=64 * MIB, memory_peak=48 * MIB)

    down = findings(ask(cart, homes=(home(cart, count=1, minimum=1, maximum=6),)))["cpu-request-down"]

    assert (down.nodes_old, down.nodes_new) == (3, 2)
    assert down.saving_list == Money(Decimal("0.2") * 730, "USD")


def test_a_daemon_set_gives_room_on_every_node() -> None:
    agent = use(name="agent", kind="DaemonSet", pods=4, cpu_request=2000, memory_request=64 * MIB, memory_peak=48 * MIB)
    cart = use(pods=12, cpu_peak=900, memory_request=64 * MIB, memory_peak=48 * MIB)

    down = findings(ask(agent, cart, homes=(home(agent, cart, count=8),)))["cpu-request-down"]

    assert (down.subject.pool, down.nodes_old, down.nodes_new) == ("shop/DaemonSet/agent", 7, 5)


def test_a_guaranteed_pod_stays_guaranteed() -> None:
    """QoS is decided by requests that equal limits; lowering one without the other would make it evictable."""
    sized: dict[str, Any] = {"cpu_limit": 1000.0, "memory_limit": 4.0 * GIB}

    found = findings(ask(use(**sized)))

    assert changes(found["memory-request-down"]) == [("memory_request", "4Gi", "2Gi"), ("memory_limit", "4Gi", "2Gi")]
    assert changes(found["cpu-request-down"]) == [("cpu_request", "1", "500m"), ("cpu_limit", "1", "500m")]
    assert any("JVM" in unknown for unknown in found["memory-request-down"].unknowns)


def test_a_memory_limit_above_the_request_is_left_alone() -> None:
    found = findings(ask(use(memory_limit=6.0 * GIB)))

    assert changes(found["memory-request-down"]) == [("memory_request", "4Gi", "2Gi")]


@pytest.mark.parametrize(
    ("facts", "rule", "kept"),
    [
        ({"scaled_by": "cpu"}, "scaled-by-autoscaler", ["memory-request-down"]),
        ({"scaled_by": "cpu,memory"}, "scaled-by-autoscaler", []),
        ({"scaled_by": "other"}, None, ["cpu-request-down", "memory-request-down"]),
        ({"scaled_by": None}, "autoscaler-not-read", []),
        ({"cpu_limit": None}, "limits-not-read", []),
        ({"has_mixed_limits": True}, "limits-not-read", []),
        ({"kind": "Pod"}, "bare-pod", []),
        ({"memory_limit": 1.02 * GIB}, "memory-at-limit", ["cpu-request-down"]),
        ({"cpu_request": np.nan}, "requests-not-read", []),
        ({"cpu_peak": np.nan}, "coverage-low", ["memory-request-down"]),
        ({"kills": busy(usual=0.0, peak=1.0, at=(9,))}, "was-killed", ["cpu-request-down"]),
        ({"memory_peak": 0.0}, "coverage-low", ["cpu-request-down"]),
        ({"memory_request": 0}, "nothing-asked", ["cpu-request-down"]),
        ({"kills": np.nan, "cpu_limit": 1000.0, "memory_limit": 4.0 * GIB}, "kills-not-read", ["cpu-request-down"]),
    ],
)
def test_what_a_request_must_not_touch_is_refused_by_name(facts: dict[str, Any], rule: str | None, kept: list[str]) -> None:
    assert sorted(rules(use(**facts))) == sorted([*kept, *([rule] if rule else [])])


def test_a_pool_that_is_not_known_can_promise_nothing() -> None:
    answers = ask(use(pools=("web", "elsewhere")), homes=(home(use()),))

    assert not findings(answers)
    assert "it runs on elsewhere, of which no whole measurement or price is known" in refusals(answers)["pool-not-packed"].reason


def test_an_autoscaler_on_cpu_is_explained() -> None:
    no = refusals(ask(use(scaled_by="cpu")))["scaled-by-autoscaler"]

    assert "another request, another number of pods" in no.reason
    assert (no.kind, no.pool) == ("workload", "shop/Deployment/cart")


@pytest.mark.parametrize(("days", "nonproduction"), [(1, True), (13, True), (29, False)])
def test_a_short_life_proves_nothing(days: int, *, nonproduction: bool) -> None:
    answers = ask(use(days=days), homes=(home(use()),), window=window(days, is_nonproduction=nonproduction))

    no = refusals(answers)["too-little-history"]
    assert not findings(answers)
    assert no.eligible_from == (START + timedelta(days=14 if nonproduction else 30)).date()


def test_production_waits_for_a_month_end() -> None:
    answers = ask(use(), window=window(30, is_nonproduction=False))

    assert not findings(answers)
    assert refusals(answers)["month-end-unseen"].needs == "The measured day 2026-07-31."


def test_what_has_not_run_for_two_days_gets_no_advice() -> None:
    assert ask(use(days=27), homes=(), days=30) == ()


def test_a_cluster_with_holes_is_not_judged() -> None:
    assert set(refusals(ask(use(), share=0.9))) == {"coverage-low"}


def test_a_request_that_the_judged_days_would_have_broken_is_refused() -> None:
    """Nothing like it in the first 20 days, then more than the margin can bear."""
    peaks = np.where(np.arange(720) < 600, 1.0 * GIB, 2.5 * GIB)

    assert "would-have-missed" in refusals(ask(use(memory_peak=peaks)))


def test_a_rollout_in_the_window_is_said() -> None:
    since = int((START + timedelta(days=20)).timestamp())

    found = findings(ask(use(versions=3, newest_since=since)))["cpu-request-down"]

    assert "3 versions of it ran in the window, the newest since 2026-07-21." in found.unknowns


def test_what_is_measured_is_the_pod_and_not_its_container() -> None:
    assert "per container" in findings(ask(use()))["cpu-request-down"].needs_person


def test_a_price_that_is_not_known_is_no_saving_of_zero() -> None:
    unpriced = replace(NODE, price=None)

    answers = ask(use(), homes=(home(use(), instance=unpriced),))

    assert not findings(answers)
    assert "no price for m5.xlarge" in refusals(answers)["pool-not-packed"].reason


def test_equal_gaps_are_told_once() -> None:
    uses = [use(name=f"w{number}", scaled_by=None) for number in range(7)]

    no = refusals(ask(*uses))["autoscaler-not-read"]

    assert no.pool == "*"
    assert no.reason == (
        "shop/Deployment/w0: whether an autoscaler looks at its memory was not read; "
        "also shop/Deployment/w1, shop/Deployment/w2, shop/Deployment/w3, shop/Deployment/w4 and 2 more."
    )


def test_a_cluster_that_nobody_measured_says_so() -> None:
    (answer,) = analyze_workloads(None, (), cluster=CLUSTER, window=window(), price_source="")

    assert isinstance(answer, Refusal)
    assert answer.rule == "metrics-missing"


# ── Up ───────────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_killed_pod_gets_a_quarter_more_than_killed_it() -> None:
    """Use is cut off at the limit: 1 GiB killed it, so 1.25 GiB is the least."""
    kills = busy(usual=0.0, peak=1.0, at=(600, 700))

    up = findings(ask(use(memory_request=GIB, memory_limit=1.0 * GIB, memory_peak=0.9 * GIB, kills=kills)))["memory-killed"]

    assert changes(up) == [("memory_request", "1Gi", "1280Mi"), ("memory_limit", "1Gi", "1280Mi")]
    assert "Killed for memory 2 times" in up.evidence.lines[0]
    assert (up.evidence.violations_old, up.evidence.violations_new) == (2, 0)


def test_a_kill_is_heard_even_where_use_was_hardly_measured() -> None:
    up = findings(ask(use(memory_request=GIB, memory_limit=1.0 * GIB, memory_peak=busy(usual=np.nan, peak=0.5 * GIB, at=(3,)), kills=1.0)))

    assert changes(up["memory-killed"])[-1] == ("memory_limit", "1Gi", "1280Mi")


def test_a_kill_without_a_known_limit_asks_for_it() -> None:
    answers = ask(use(memory_limit=None, kills=1.0))

    assert "killed for memory 168 times" in refusals(answers)["limits-not-read"].reason


def test_more_memory_than_asked_for_is_a_finding_upward_that_costs_nodes() -> None:
    """12 pods hold 2 GiB each and ask for 1: 2.3 GiB is 2368 MiB with the step of 16."""
    cart = use(pods=24, cpu_request=100, memory_request=GIB, memory_peak=2 * GIB)

    up = findings(ask(cart, homes=(home(cart, count=9),)))["memory-request-up"]

    assert changes(up) == [("memory_request", "1Gi", "2368Mi")]
    assert up.saving_list.amount <= 0
    assert "held more than it asks for: 2.00 GiB at its highest, 1Gi asked for" in up.evidence.lines[0]


def test_a_request_above_its_limit_takes_the_limit_with_it() -> None:
    up = findings(ask(use(memory_request=GIB, memory_limit=2.0 * GIB, memory_peak=1.9 * GIB)))["memory-request-up"]

    assert changes(up) == [("memory_request", "1Gi", "2240Mi"), ("memory_limit", "2Gi", "2240Mi")]


def test_cpu_that_neighbors_lend_is_asked_for() -> None:
    """Means of 150m over a request of 100m in every hour: peaks of 200m and 15 %."""
    up = findings(ask(use(cpu_request=100, cpu_mean=150)))["cpu-request-up"]

    assert changes(up) == [("cpu_request", "100m", "230m")]


def test_a_cpu_limit_that_is_used_up_is_raised() -> None:
    up = findings(ask(use(cpu_limit=1000.0, cpu_peak=busy(usual=200.0, peak=990.0, at=(1, 2, 3)))))["cpu-limit-up"]

    assert changes(up) == [("cpu_limit", "1", "1250m")]
    assert "In 3 of 720 hours" in up.evidence.lines[0]


def test_growth_comes_first() -> None:
    killed = use(name="killed", memory_request=GIB, memory_limit=1.0 * GIB, memory_peak=0.9 * GIB, kills=1.0, cpu_peak=900)
    cart = use(pods=12)

    first, *_ = ask(cart, killed)

    assert isinstance(first, Finding)
    assert first.rule == "memory-killed"


# ── GPUs ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_gpus_that_one_pod_never_computes_with_are_a_question_to_its_owner() -> None:
    """At most 1.2 of 4: with a quarter on top that is 2. Their memory may be what it needs, which only its owner knows."""
    gpus = replace(NODE, name="g6.12xlarge", gpus=4, gpu_model="L4")
    train = use(name="train", pods=1, gpu_request=4000, gpu_peak=1200, gpu_memory_peak=20 * GIB, cpu_peak=900, memory_peak=3.7 * GIB)

    down = findings(ask(train, homes=(home(train, count=1, instance=gpus),)))["gpu-request-down"]

    assert changes(down) == [("gpu_request", "4", "2")]
    assert down.needs_person.startswith("Whether its model and its memory fit on fewer GPUs")
    assert "never computed with more than 1.2 of them at once, its fullest GPU memory was 20 GiB" in down.evidence.lines[0]


@pytest.mark.parametrize(
    ("facts", "rules"),
    [
        ({"gpu_request": 1000, "gpu_peak": 10}, []),
        ({"gpu_request": 4000, "gpu_peak": 3500}, []),
        ({"gpu_request": 4000, "gpu_peak": 0}, []),
        ({"gpu_request": 4000, "gpu_peak": np.nan}, ["gpu-metrics-missing"]),
    ],
)
def test_busy_idle_shared_and_unmeasured_gpus_are_not_asked_about(facts: dict[str, Any], rules: list[str]) -> None:
    """Idle ones are the pool's own finding; a GPU without its metric is not idle."""
    answers = ask(use(name="train", pods=1, cpu_peak=900, memory_peak=3.7 * GIB, **facts))

    assert [answer.rule for answer in answers] == rules


def test_a_request_that_a_person_refused_does_not_come_back_for_16_mebibytes_more() -> None:
    found = findings(ask(use()))["memory-request-down"]

    def remembered(new: str) -> str:
        return fingerprint(replace(found, changes=(replace(found.changes[0], new=new),)))

    assert remembered("2048Mi") == remembered("2064Mi") == remembered("2Gi")
    assert remembered("2Gi") != remembered("1Gi")
    assert remembered("500m") != remembered("2")


# ── Words ────────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(("value", "text"), [(250.0, "250m"), (1000.0, "1"), (1500.0, "1500m"), (0.0, "0")])
def test_cpu_as_kubernetes_writes_it(value: float, text: str) -> None:
    assert cpu_text(value) == text


@pytest.mark.parametrize(("value", "text"), [(GIB, "1Gi"), (1536 * MIB, "1536Mi"), (1000, "1000"), (3 * 1024, "3Ki"), (0, "0")])
def test_memory_as_kubernetes_writes_it(value: float, text: str) -> None:
    assert memory_text(value) == text


def test_evidence_counts_both_requests_on_the_judged_days() -> None:
    peaks = busy(usual=200.0, peak=480.0, at=(100, 600, 700))

    found = findings(ask(use(cpu_peak=peaks)))["cpu-request-down"].evidence

    assert (found.fitted_days, found.judged_days, found.judged_steps) == (20, 10, 240)
    assert (found.violations_old, found.violations_new) == (0, 2)
    assert (found.unit, found.peak, found.typical) == ("CPU cores of the fullest pod", 0.48, 0.2)
    assert found.end == datetime(2026, 7, 31, tzinfo=UTC)
