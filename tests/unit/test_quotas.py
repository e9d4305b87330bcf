"""Quotas: nobody's room is taken who may need it, and what a smaller one saves is said as it is, nothing by itself."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from trimtab.adapters.demand_trace import read_trace
from trimtab.adapters.duckdb import DuckDb
from trimtab.analysis.loads import Window
from trimtab.analysis.namespaces import matching
from trimtab.analysis.quota_demand import Counted, QuotaDemand, Waiting, added, pinned
from trimtab.analysis.quotas import Answer, analyze_quota
from trimtab.errors import BadInput
from trimtab.records import Cluster, ClusterUid, EvidenceFloor, Finding, ProjectUid, Quota, Refusal
from trimtab.units import GIB, Bytes, Millicores

UID = ClusterUid("uid-1")
START = datetime(2026, 7, 1, tzinfo=UTC)
CLUSTER = Cluster(
    uid=UID, name="one", project_uid=ProjectUid("p"), project="p", cloud="aws", region="us-east-1", state="Running", health="Healthy",
    is_repave_pending=False, tags={}, pools=(),
)  # fmt: skip
TRACES = Path(__file__).parent / "demand_traces"


def counted(values: Any, *, hours: int, largest: float | None = None, with_limits: Any = None) -> Counted:
    """Counted facts as they are; a number for every hour; or hours one by one. The largest pod holds all of it, unless given."""
    if isinstance(values, Counted):
        return values
    asked = np.broadcast_to(np.asarray(values, dtype=np.float64), (hours,)).copy()
    limits = asked if with_limits is None else np.broadcast_to(np.asarray(with_limits, dtype=np.float64), (hours,)).copy()
    return Counted(
        asked=asked,
        held=asked,
        with_limits=limits,
        running=limits,
        largest=float(np.nanmax(asked, initial=0)) if largest is None else largest,
    )


def demand(*, days: int = 30, gpu: Any = 0.0, cpu: Any = 100.0, memory: Any = 0.0, **changes: Any) -> QuotaDemand:
    hours = 24 * days
    facts: dict[str, Any] = {
        "times": int(START.timestamp()) + 3600 * np.arange(hours, dtype=np.int64),
        "seen": np.ones(hours, dtype=np.bool_),
        "gpu": counted(gpu, hours=hours),
        "cpu": counted(cpu, hours=hours),
        "memory": counted(memory, hours=hours),
        "waiting": np.zeros(hours),
        "gpus_per_node": None,
    }
    return QuotaDemand(**(facts | changes))


def quota(**limits: Any) -> Quota:
    facts: dict[str, Any] = {"cluster_uid": UID, "kind": "namespace", "name": "shop", "namespaces": ("shop",)}
    return Quota(**(facts | limits))


def ask(asked: Quota, found: QuotaDemand | None, **changes: Any) -> tuple[Answer, ...]:
    end = datetime.fromtimestamp(int(found.times[-1]) + 3600, UTC) if found is not None else START
    facts: dict[str, Any] = {
        "cluster": CLUSTER,
        "window": Window(now=end + timedelta(hours=3), floor=EvidenceFloor(), is_nonproduction=True),
        "currency": "USD",
    }
    return analyze_quota(asked, found, **(facts | changes))


def finding(answers: tuple[Answer, ...]) -> Finding:
    (answer,) = answers
    assert isinstance(answer, Finding), answer
    return answer


def refusal(answers: tuple[Answer, ...]) -> Refusal:
    (answer,) = answers
    assert isinstance(answer, Refusal), answer
    return answer


def change(answers: tuple[Answer, ...]) -> tuple[str, str, str, str]:
    one = finding(answers)
    return one.rule, one.changes[0].field, one.changes[0].old, one.changes[0].new


# ── Smaller ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_quota_of_16_gpus_of_which_3_are_used_gives_one_node_back() -> None:
    """3 GPUs and margin need one node of 8; a quarter of 16 is 4, and one node is always allowed."""
    answers = ask(quota(gpus=16), demand(gpu=3000.0, gpus_per_node=8))

    assert change(answers) == ("quota-down", "gpu_limit", "16", "8")


def test_without_a_known_node_size_one_step_is_a_quarter() -> None:
    assert change(ask(quota(gpus=16), demand(gpu=3000.0))) == ("quota-down", "gpu_limit", "16", "12")


def test_cores_and_mebibytes_are_whole_and_staged() -> None:
    """2.5 cores used of 20: 2.75 asks for 3, one step goes to 15. 3 GiB of 20 GiB: 15 GiB."""
    cpu, memory = ask(quota(cpu=Millicores(20_000), memory=Bytes(20 * GIB)), demand(cpu=2500.0, memory=3.0 * GIB))

    assert change((cpu,)) == ("quota-down", "cpu_cores", "20", "15")
    assert change((memory,)) == ("quota-down", "memory_mib", "20480", "15360")
    assert any("asks for 3 CPU cores; one step goes to 15" in line for line in finding((cpu,)).evidence.lines)


def test_a_smaller_quota_saves_nothing_by_itself() -> None:
    """The pool's own lever saves; counting the room twice would promise more than the bill can give."""
    one = finding(ask(quota(gpus=16), demand(gpu=3000.0, gpus_per_node=8)))

    assert one.saving_list.amount == 0
    assert one.saving_effective is not None
    assert one.saving_effective.amount == 0
    assert any("frees 8 GPUs of room; the bill gets smaller only where a pool does" in line for line in one.evidence.lines)
    assert "How many replicas its controllers want was not read" in one.unknowns[0]


def test_limits_count_where_they_are_larger_than_requests() -> None:
    """Nobody says whether the quota is on requests or on limits: 18 cores of limits leave no room in 20."""
    found = demand(cpu=counted(2500.0, hours=720, with_limits=18_000.0))

    assert refusal(ask(quota(cpu=Millicores(20_000)), found)).rule == "already-right"


def test_limits_that_were_not_read_are_not_taken_for_none() -> None:
    found = demand(cpu=counted(2500.0, hours=720, with_limits=np.nan))

    answer = refusal(ask(quota(cpu=Millicores(20_000)), found))

    assert (answer.rule, answer.kind, answer.pool) == ("limits-not-read", "namespace", "shop")
    assert "kube_pod_container_resource_limits" in answer.needs


def test_a_peak_in_the_judged_part_that_the_smaller_one_cannot_hold_is_said() -> None:
    gpu = np.full(24 * 30, 2000.0)
    gpu[-30:-24] = 14_000.0

    answer = refusal(ask(quota(gpus=16), demand(gpu=gpu, gpus_per_node=4)))

    assert answer.rule == "would-have-missed"
    assert "12 GPUs would have been too few in 6 of 720 hours" in answer.reason


def test_a_namespace_in_which_nothing_was_ever_seen_may_be_one_that_nobody_measures() -> None:
    assert refusal(ask(quota(gpus=8), demand(cpu=0.0))).rule == "nothing-seen"
    assert refusal(ask(quota(gpus=8, namespaces=()), demand())).rule == "quota-unclear"


def test_a_namespace_without_gpu_pods_keeps_one_unit() -> None:
    assert refusal(ask(quota(gpus=1), demand())).rule == "already-right"
    assert change(ask(quota(gpus=2), demand())) == ("quota-down", "gpu_limit", "2", "1")


# ── Censored ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_full_quota_whose_pods_wait_grows_by_one_step_and_says_who_waited() -> None:
    waiting = np.zeros(24 * 30)
    waiting[-48:] = 6.0
    gpu = np.full(24 * 30, 56_000.0)
    gpu[-48:] = 104_000.0
    waits = (Waiting(workload="shop/train", hours=288.0, most=6),)

    one = finding(ask(quota(gpus=56), demand(gpu=gpu, waiting=waiting, waits=waits, gpus_per_node=8)))

    assert (one.rule, one.changes[0].old, one.changes[0].new) == ("quota-up", "56", "64")
    assert (
        "In 720 of 720 hours it was used up, and in 48 of those pods beyond it waited: shop/train 288 pod-hours, up to 6 at once."
        in one.evidence.lines
    )
    assert one.evidence.violations_old == 48
    assert any("asks for 104 GPUs; one step goes to 64" in line for line in one.evidence.lines)


def test_a_full_quota_without_waiting_pods_is_neither_shrunk_nor_grown() -> None:
    """ResourceQuota turns pods away before they exist: 8 of 8 for a month says nothing about what is wanted."""
    answer = refusal(ask(quota(gpus=8), demand(gpu=8000.0, gpus_per_node=8)))

    assert answer.rule == "quota-censored"
    assert "owners' word" in answer.needs


def test_pods_that_wait_within_a_full_quota_need_nodes_and_not_a_larger_quota() -> None:
    """A ResourceQuota let them in before they waited."""
    waits = (Waiting(workload="shop/train", hours=720.0, most=1),)

    answer = refusal(ask(quota(gpus=8), demand(gpu=8000.0, waiting=np.ones(720), waits=waits, gpus_per_node=8)))

    assert answer.rule == "quota-censored"
    assert "shop/train 720 pod-hours, up to 1 at once: they need nodes before a larger quota" in answer.reason


def test_production_waits_for_a_month_end() -> None:
    """June's last day is not in the window from July 1 to July 30."""
    found = demand(gpu=3000.0, days=30)
    window = Window(now=START + timedelta(days=30, hours=3), floor=EvidenceFloor(), is_nonproduction=False)

    answer = refusal(ask(quota(gpus=16), found, window=window))

    assert (answer.rule, answer.eligible_from) == ("month-end-unseen", date(2026, 8, 1))
    longer = Window(now=START + timedelta(days=31, hours=3), floor=EvidenceFloor(), is_nonproduction=False)
    assert finding(ask(quota(gpus=16), demand(gpu=3000.0, days=31), window=longer)).rule == "quota-down"


def test_a_quota_without_room_for_one_more_of_its_pods_is_full() -> None:
    """15 of 16 GPUs in pods of 4: a fifth pod is turned away."""
    full = counted(15_000.0, hours=3, largest=4000.0)
    roomy = counted(15_000.0, hours=3, largest=1000.0)

    assert pinned(full, 16_000.0).all()
    assert not pinned(roomy, 16_000.0).any()


def test_a_single_full_hour_does_not_censor_a_month() -> None:
    gpu = np.full(24 * 30, 2000.0)
    gpu[5] = 16_000.0

    assert refusal(ask(quota(gpus=16), demand(gpu=gpu, gpus_per_node=8))).rule in {"already-right", "would-have-missed"}


def test_jobs_one_after_the_other_do_not_grow_a_quota() -> None:
    """They asked for 20 in that hour and held 2 at a time."""
    asked = np.full(720, 20_000.0)
    held = Counted(asked=asked, held=np.full(720, 2000.0), with_limits=asked, running=asked, largest=2000.0)

    answer = refusal(ask(quota(gpus=16), demand(gpu=held)))

    assert answer.rule == "fits-tightly"


# ── Refused ──────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"demand": None}, "metrics-missing"),
        ({"days": 13}, "too-little-history"),
        ({"gap": 60}, "coverage-low"),
        ({"late": 40}, "metrics-stale"),
        ({"production": True, "days": 29}, "too-little-history"),
        ({"cluster": "Deleting"}, "cluster-not-running"),
        ({"problem": "It spans clusters that nobody lists."}, "quota-unclear"),
    ],
)
def test_what_cannot_be_known_is_refused_by_name(changes: dict[str, Any], rule: str) -> None:
    found = demand(gpu=3000.0, days=changes.get("days", 30))
    found.seen[: changes.get("gap", 0)] = False
    now = datetime.fromtimestamp(int(found.times[-1]) + 3600, UTC) + timedelta(hours=changes.get("late", 3))
    window = Window(now=now, floor=EvidenceFloor(), is_nonproduction=not changes.get("production"))
    state = Cluster(**{name: getattr(CLUSTER, name) for name in CLUSTER.__slots__} | {"state": changes.get("cluster", "Running")})

    answer = refusal(ask(quota(gpus=16, problem=changes.get("problem", "")), changes.get("demand", found), window=window, cluster=state))

    assert answer.rule == rule


def test_the_first_eligible_day_is_told() -> None:
    answer = refusal(ask(quota(gpus=16), demand(gpu=3000.0, days=10)))

    assert answer.eligible_from == (START + timedelta(days=14)).date()


def test_requests_that_nobody_read_are_no_empty_namespace() -> None:
    assert refusal(ask(quota(gpus=16), demand(gpu=np.nan))).rule == "coverage-low"


@pytest.mark.parametrize("limits", [{}, {"gpus": -1}, {"gpus": 0}])
def test_what_is_not_limited_has_no_answer(limits: dict[str, int]) -> None:
    assert ask(quota(**limits), demand()) == ()


# ── Workspaces ───────────────────────────────────────────────────────────────────────────────────────────────────────
def test_only_one_cluster_of_a_workspace_answers_for_it() -> None:
    both = (ClusterUid("uid-0"), UID)

    assert ask(quota(kind="workspace", clusters=both, gpus=16), demand(gpu=3000.0)) == ()
    one = finding(ask(quota(kind="workspace", clusters=(UID, ClusterUid("uid-2")), gpus=16), demand(gpu=3000.0)))
    assert any("on its other clusters was not read" in unknown for unknown in one.unknowns)


def test_a_workspace_is_never_smaller_than_the_quotas_of_its_namespaces() -> None:
    whole = quota(kind="workspace", name="ml", namespaces=("shop", "/^web/"), gpus=16)
    parts = (quota(gpus=8), quota(name="web-a", namespaces=("web-a",), gpus=6), quota(name="other", namespaces=(), gpus=50))

    answer = refusal(ask(whole, demand(gpu=3000.0), siblings=parts))

    assert answer.rule == "quota-parts-exceed"
    assert "add up to 14 GPUs" in answer.reason


def test_a_namespace_that_outgrows_its_workspace_needs_a_person() -> None:
    whole = quota(kind="workspace", name="ml", namespaces=("shop", "web"), gpus=20)
    parts = (quota(gpus=16), quota(name="web", namespaces=("web",), gpus=4))
    found = demand(gpu=17_000.0, waiting=np.full(720, 1.0), gpus_per_node=4)

    one = finding(ask(quota(gpus=16), found, siblings=(whole, *parts)))

    assert one.changes[0].new == "20"
    assert one.needs_person == "The workspace ml allows 20 GPUs, its namespaces would have 24 GPUs: raise it first."


def test_clusters_add_up_hour_by_hour() -> None:
    one, other = demand(days=2, cpu=1000.0), demand(days=2, cpu=500.0)
    later = QuotaDemand(**{name: getattr(other, name) for name in other.__slots__} | {"times": other.times + 24 * 3600})

    both = added([one, later])

    assert both.seen.tolist() == [False] * 24 + [True] * 24 + [False] * 24
    assert both.cpu.asked[24:48].tolist() == [1500.0] * 24
    assert np.isnan(both.cpu.asked[:24]).all()


def test_patterns_between_slashes_find_namespaces() -> None:
    names = ["kafka-a", "kafka-b", "web", "web-2"]

    assert matching(("/^kafka/", "web"), names) == ("kafka-a", "kafka-b", "web")
    assert matching((), names) == ()
    with pytest.raises(BadInput, match="namespace pattern '/\\[/'"):
        matching(("/[/",), names)


# ── Real teams ───────────────────────────────────────────────────────────────────────────────────────────────────────
def test_two_real_teams_of_a_gpu_cluster_get_different_answers(tmp_path: Path) -> None:
    """Helios, May 2020: one team never uses more than 3 of its 16 GPUs; the other is at its quota, with jobs waiting."""
    traces = read_trace(DuckDb(directories=(TRACES,), scratch=tmp_path), TRACES / "helios_two_teams_hourly.csv")
    answers = {}
    for name, limit in (("vcJkd", 16), ("vcMod", 64)):
        trace = traces[name]
        gpu = (trace.pods * trace.gpu_request).sum(axis=0)
        found = demand(
            days=len(gpu) // 24, times=trace.times, seen=trace.seen, gpu=counted(gpu, hours=len(gpu), largest=8000.0), gpus_per_node=8,
            waiting=trace.pending.sum(axis=0) if trace.pending is not None else np.maximum(gpu - 1000 * limit, 0),
        )  # fmt: skip
        answers[name] = change(ask(quota(name=name, gpus=limit), found))

    assert answers == {"vcJkd": ("quota-down", "gpu_limit", "16", "8"), "vcMod": ("quota-up", "gpu_limit", "64", "80")}


def test_teams_that_are_too_small_already_are_never_shrunk() -> None:
    """Like vccaA (2.1 % of its minutes over 32 GPUs) and vcvlY (19 % over 96): a rule of thumb by P95 would shrink both."""
    spikes = np.random.default_rng(7).random(24 * 31)
    for limit, share in ((32, 0.021), (96, 0.19)):
        gpu = np.where(spikes < share, limit * 1000.0 + 8000, limit * 600.0)

        (answer,) = ask(quota(gpus=limit), demand(days=31, gpu=gpu, waiting=(spikes < share) * 1.0, gpus_per_node=8))

        assert isinstance(answer, Finding)
        assert answer.rule == "quota-up"


def test_what_its_memory_quota_turned_away_is_missing_in_its_cpu_too() -> None:
    """Memory is full in every hour: nobody knows how many cores the pods would have asked for that were never let in."""
    full = counted(8.0 * GIB, hours=720, largest=1.0 * GIB)

    cpu, memory = ask(quota(cpu=Millicores(20_000), memory=Bytes(8 * GIB)), demand(cpu=2500.0, memory=full))

    assert isinstance(cpu, Refusal)
    assert (cpu.rule, refusal((memory,)).rule) == ("quota-censored", "quota-censored")
    assert "in 720 hours its memory quota was used up" in cpu.reason
    assert change(ask(quota(cpu=Millicores(20_000), memory=Bytes(20 * GIB)), demand(cpu=2500.0, memory=8.0 * GIB))[:1])[0] == "quota-down"


@pytest.mark.parametrize(
    ("used", "limit", "why"), [(50.0, 1000, "it moves by 1 CPU cores and not below"), (7500.0, 8000, "margin and growth fill it")]
)
def test_what_keeps_a_quota_as_it_is_is_said_as_it_is(used: float, limit: int, why: str) -> None:
    """A twentieth of a core does not fill a core: nothing smaller can be written."""
    answer = refusal(ask(quota(cpu=Millicores(limit)), demand(cpu=counted(used, hours=720, largest=10.0))))

    assert answer.rule == "already-right"
    assert answer.reason.endswith(f"were asked for; {why}.")


# ── a spent budget ───────────────────────────────────────────────────────────────────────────────────────────────────
SPENT = "budget shop-monthly (team shop): 512.00 USD of 500.00 USD in 2026-07"


def week(*, before: float, last: float) -> np.ndarray[Any, Any]:
    """A month of hours: one level, and another in the ten days that it is judged on."""
    values = np.full(24 * 30, before, dtype=np.float64)
    values[-24 * 10 :] = last
    return values


def test_a_spent_budget_holds_a_quota_at_what_its_judged_days_asked_for() -> None:
    """No quarter at a time and no margin: what ran in those days still fits, and nothing more."""
    made = finding(ask(quota(cpu=Millicores(40_000)), demand(cpu=week(before=25_000, last=12_400)), spent=SPENT))

    assert (made.rule, made.changes[0].old, made.changes[0].new) == ("budget-freeze", "40", "13")
    assert f"The {SPENT} is spent" in made.evidence.lines[0]


def test_a_busy_night_of_the_week_still_fits() -> None:
    """Now it asks for little; stopped at that, the night's job would not run any more."""
    values = week(before=5_000, last=5_000)
    values[-60] = 30_000
    made = finding(ask(quota(cpu=Millicores(40_000)), demand(cpu=values), spent=SPENT))

    assert made.changes[0].new == "30"


def test_a_quota_that_is_used_up_is_neither_lowered_nor_raised_while_the_budget_is_spent() -> None:
    waiting = np.zeros(24 * 30)
    waiting[-48:] = 3
    values = week(before=40_000, last=40_000)
    values[-48:] = 52_000
    asked = demand(cpu=counted(values, hours=24 * 30, largest=4_000), waiting=waiting)

    assert finding(ask(quota(cpu=Millicores(40_000)), asked)).rule == "quota-up"
    assert refusal(ask(quota(cpu=Millicores(40_000)), asked, spent=SPENT)).rule == "budget-freeze"


def test_what_was_not_measured_in_the_week_is_not_held() -> None:
    """Missing is not zero: held at nothing, everything would be turned away."""
    values = week(before=10_000, last=10_000)
    values[-24:] = np.nan

    assert refusal(ask(quota(cpu=Millicores(40_000)), demand(cpu=values), spent=SPENT)).rule == "coverage-low"


def test_limits_that_were_not_read_are_not_held() -> None:
    hours = 24 * 30
    values = counted(10_000.0, hours=hours, with_limits=np.nan)

    assert refusal(ask(quota(cpu=Millicores(40_000)), demand(cpu=values), spent=SPENT)).rule == "limits-not-read"
