"""The queries for quotas, workloads and volumes over a real Delta table: what is not known never becomes zero, and size stays bounded."""

import resource
import time
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from tests.usage_lake import START, UID, UsageBench, hours, nodes, pods, usage_bench
from trimtab.adapters.lake_workloads import MOST_BY_TROUBLE, MOST_BY_WASTE
from trimtab.errors import BadInput
from trimtab.records import ClusterUid, Quota

GIB = 1 << 30
END = START + timedelta(days=2)
NEW_COLUMNS = ("cpu_limit", "memory_limit", "out_of_memory", "scaled_by", "storage_class", "asset_used")


@pytest.fixture
def bench(tmp_path: Path) -> UsageBench:
    return usage_bench(tmp_path)


def quota(*namespaces: str, clusters: tuple[ClusterUid, ...] = ()) -> Quota:
    return Quota(cluster_uid=UID, kind="namespace", name="shop", namespaces=namespaces, clusters=clusters, gpus=16)


# ── Quotas ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_running_and_waiting_pods_of_its_namespaces_count_and_no_others(bench: UsageBench) -> None:
    waiting = pods(2, "late", count=2, namespace="'shop-b'", pending="h >= 24", node="NULL", cpu_used_max="NULL", memory_used_max="NULL")
    foreign = pods(2, "other", namespace="'elsewhere'")
    bench.load(nodes(2), pods(2, "cart", count=3), waiting, foreign, days=2)

    found = bench.usage.quota_demand(quota("shop", "/^shop-/"), START, END)

    assert found is not None
    assert found.seen.all()
    assert found.cpu.asked.tolist() == [2500.0] * 48
    assert found.waiting.tolist() == [0.0] * 24 + [2.0] * 24
    assert [(wait.workload, wait.hours, wait.most) for wait in found.waits] == [("shop-b/late", 48.0, 2)]
    assert (found.memory.largest, found.gpus_per_node) == (GIB, None)


def test_a_pod_that_waited_and_then_ran_counts_once(bench: UsageBench) -> None:
    waited = pods(1, "cart", pending="true", node="NULL", pool="NULL", seconds=600)
    ran = pods(1, "cart", seconds=3000)
    bench.load(nodes(1), waited, ran, days=1)

    found = bench.usage.quota_demand(quota("shop"), START, START + timedelta(days=1))

    assert found is not None
    assert (found.cpu.asked[0], found.cpu.held[0], found.waiting[0]) == (500.0, 500.0, 1.0)


def test_jobs_that_follow_one_another_are_held_for_as_long_as_they_ran(bench: UsageBench) -> None:
    """Ten jobs of six minutes ask for ten pods in that hour, and held one at a time."""
    bench.load(nodes(1), pods(1, "job", count=10, seconds=360, workload_kind="'Job'"), days=1)

    found = bench.usage.quota_demand(quota("shop"), START, START + timedelta(days=1))

    assert found is not None
    assert (found.cpu.asked[0], found.cpu.held[0]) == (5000.0, 500.0)


def test_one_request_or_limit_that_was_not_read_makes_the_hour_unknown(bench: UsageBench) -> None:
    unread = pods(2, "cart-b", cpu_request="CASE WHEN h >= 24 THEN 500 END", memory_limit="NULL")
    bench.load(nodes(2), pods(2, "cart", cpu_limit=800), unread, days=2)

    found = bench.usage.quota_demand(quota("shop"), START, END)

    assert found is not None
    assert np.isnan(found.cpu.asked[:24]).all()
    assert found.cpu.asked[24:].tolist() == [1000.0] * 24
    assert found.cpu.with_limits[24:].tolist() == [1300.0] * 24
    assert np.isnan(found.memory.with_limits).all()


def test_an_hour_that_nobody_reported_is_not_empty(bench: UsageBench) -> None:
    gap = f"SELECT * FROM ({nodes(2)}) WHERE hour < TIMESTAMP '2026-07-02'"
    bench.load(gap, days=2)

    found = bench.usage.quota_demand(quota("shop"), START, END)

    assert found is not None
    assert found.seen.tolist() == [True] * 24 + [False] * 24
    assert found.cpu.asked[:24].tolist() == [0.0] * 24


def test_whole_nodes_of_gpus_are_found_where_its_pods_ran(bench: UsageBench) -> None:
    train = pods(1, "train", pool="gpu", gpu_request=4000, node="'gpu-0'")
    bench.load(nodes(1, pool="gpu", gpus=8), nodes(1, pool="small", gpus=1), train, days=1)

    found = bench.usage.quota_demand(quota("shop"), START, START + timedelta(days=1))

    assert found is not None
    assert (found.gpus_per_node, found.gpu.asked[0], found.gpu.largest) == (8, 4000.0, 4000.0)


def test_a_quarter_of_a_shared_gpu_is_a_whole_one_to_a_quota(bench: UsageBench) -> None:
    """Time-slicing: each replica is one nvidia.com/gpu, whatever it really gets."""
    quarter = pods(1, "embed", count=3, gpu_request=250, gpu_sharing="'time-slicing'", gpu_shares=1, gpu_shares_of=4)
    bench.load(nodes(1, gpus=1), quarter, days=1)

    found = bench.usage.quota_demand(quota("shop"), START, START + timedelta(days=1))

    assert found is not None
    assert found.gpu.asked[0] == 3000.0


def test_a_part_of_a_gpu_that_nobody_can_size_is_unknown_to_a_quota(bench: UsageBench) -> None:
    """Its requests were read, and how much of a GPU its share is was not: that is not none."""
    bench.load(nodes(1, gpus=1), pods(1, "embed", gpu_request="NULL"), days=1)

    found = bench.usage.quota_demand(quota("shop"), START, START + timedelta(days=1))

    assert found is not None
    assert np.isnan(found.gpu.asked[0])
    assert found.cpu.asked[0] == 500.0


def test_a_workspace_adds_its_clusters_up_and_is_unknown_where_one_was_not_measured(bench: UsageBench) -> None:
    other, silent = ClusterUid("uid-2"), ClusterUid("uid-9")
    bench.load(nodes(2), pods(2, "cart"), days=2)
    bench.load(nodes(2, uid=other), pods(2, "cart", count=2, uid=other), days=2, slug="two")

    found = bench.usage.quota_demand(quota("shop", clusters=(UID, other)), START, END)

    assert found is not None
    assert found.cpu.asked.tolist() == [1500.0] * 48
    assert bench.usage.quota_demand(quota("shop", clusters=(UID, silent)), START, END) is None


def test_a_pattern_that_takes_for_ever_is_refused_by_name(bench: UsageBench) -> None:
    bench.load(nodes(1), pods(1, "cart"), days=1)

    with pytest.raises(BadInput, match=r"namespace pattern '/\(a\+\)\+\$/'"):
        bench.usage.quota_demand(quota("/(a+)+$/"), START, END)


# ── Workloads ────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_workload_is_seen_at_its_fullest_pod(bench: UsageBench) -> None:
    cart = pods(2, "cart", count=3, cpu_used_max="200 + 10 * n", memory_used_max=f"{GIB // 4} * (n + 1)", cpu_limit=1000, scaled_by="'cpu'")
    bench.load(nodes(2), cart, days=2)

    found = bench.usage.workloads(UID, START, END)

    assert found is not None
    use = found.uses[0]
    assert (use.place, use.pools, use.days, found.left_out, found.measured_share) == ("shop/Deployment/cart", ("web",), 2, 0, 1.0)
    assert (use.pods[0], use.cpu_peak[0], use.memory_peak[0], use.cpu_mean[0]) == (3, 220, GIB * 3 // 4, 100)
    assert (use.cpu_limit, use.memory_limit, use.scaled_by, use.has_mixed_limits) == (1000, 0, "cpu", False)


def test_one_pod_that_was_not_measured_makes_the_hour_unknown_and_a_waiting_one_does_not(bench: UsageBench) -> None:
    late = pods(1, "cart", pod="'late'", pending="true", cpu_used_max="NULL", memory_used_max="NULL")
    blind = pods(2, "cart", pod="'blind'", cpu_used_max="CASE WHEN h < 24 THEN 100 END", out_of_memory="NULL")
    bench.load(nodes(2), pods(2, "cart"), late, blind, days=2)

    found = bench.usage.workloads(UID, START, END)

    assert found is not None
    use = found.uses[0]
    assert use.pods.tolist() == [2.0] * 48
    assert use.cpu_peak[:24].tolist() == [200.0] * 24
    assert np.isnan(use.cpu_peak[24:]).all()
    assert np.isnan(use.kills).all()


def test_one_absurd_request_does_not_silence_the_whole_cluster(bench: UsageBench) -> None:
    bench.load(nodes(2), pods(2, "cart"), pods(2, "huge", cpu_request=9 * 10**17, memory_request=2**63 - 1, gpu_request=2**62), days=2)

    found = bench.usage.workloads(UID, START, END)

    assert found is not None
    assert [use.name for use in found.uses] == ["cart", "huge"]


def test_versions_are_told_by_the_replica_sets_of_its_pods(bench: UsageBench) -> None:
    cart = pods(2, "cart", pod="'cart-' || CASE WHEN h < 30 THEN 'aaaa' ELSE 'bbbb' END || '-x7k2p'")
    bench.load(nodes(2), cart, days=2)

    found = bench.usage.workloads(UID, START, END)

    assert found is not None
    assert (found.uses[0].versions, found.uses[0].newest_since) == (2, int(START.timestamp()) + 30 * 3600)


def test_a_lake_from_before_the_new_columns_says_that_they_were_not_read(bench: UsageBench) -> None:
    bench.load(nodes(2), pods(2, "cart"), days=2)
    bench.forget(*NEW_COLUMNS)

    found = bench.usage.workloads(UID, START, END)

    assert found is not None
    use = found.uses[0]
    assert (use.cpu_limit, use.memory_limit, use.scaled_by) == (None, None, None)
    assert np.isnan(use.kills).all()


def test_a_limit_that_was_read_within_the_week_still_counts(bench: UsageBench) -> None:
    """The last day came from a collector that does not read the Kubernetes API."""
    bench.load(nodes(2), pods(2, "cart", cpu_limit="CASE WHEN h < 24 THEN 700 END", scaled_by="CASE WHEN h < 24 THEN '' END"), days=2)

    found = bench.usage.workloads(UID, START, END)

    assert found is not None
    assert (found.uses[0].cpu_limit, found.uses[0].scaled_by) == (700, "")


@pytest.mark.parametrize("kind", ["Job", "Pod"])
def test_twenty_thousand_pods_leave_the_engine_as_a_few_workloads(bench: UsageBench, kind: str) -> None:
    """Each a workload of its own, beside one service that is killed for memory: bounded, and the service is not lost."""
    many = pods(1, "x", count=20_000, workload="'x-' || n", workload_kind=f"'{kind}'", pod="'x-' || n")
    killed = pods(1, "cart", cpu_request=200, memory_request=1 << 28, out_of_memory="h = 3")
    bench.load(nodes(1), many, killed, days=1)
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()

    found = bench.usage.workloads(UID, START, START + timedelta(days=1))
    counted = bench.usage.quota_demand(quota("shop"), START, START + timedelta(days=1))

    assert found is not None
    assert counted is not None
    assert len(found.uses) <= MOST_BY_WASTE + MOST_BY_TROUBLE
    assert found.left_out == {"Job": 20_001 - len(found.uses), "Pod": 0}[kind]
    assert "shop/Deployment/cart" in [use.place for use in found.uses]
    assert counted.cpu.asked[0] == 20_000 * 500 + 200
    assert time.perf_counter() - began < 20
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 900_000


def test_a_cluster_that_nobody_measured_has_no_workloads(bench: UsageBench) -> None:
    bench.load(nodes(1), days=1)

    found = bench.usage.workloads(UID, START, START + timedelta(days=1))

    assert found is not None
    assert (found.uses, found.left_out) == ((), 0)
    assert bench.usage.workloads(ClusterUid("uid-9"), START, END) is None


# ── Volumes ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def volume(days: int, name: str, **columns: object) -> str:
    given: dict[str, object] = {"namespace": "'shop'", "asset": "'volume'", "asset_bytes": 100 * GIB, "storage_class": "'gp2'"} | columns
    named = ", ".join(f'{value} AS "{key}"' for key, value in given.items())
    return f"SELECT hour, cluster_uid, '{name}' AS provider_id, 3600 AS seconds, {named} FROM {hours(days)}"


def test_a_volume_keeps_its_fullest_hour_and_who_mounts_it(bench: UsageBench) -> None:
    data = volume(2, "vol-1", asset_used=f"{GIB} * h", workload="'db'", workload_kind="'StatefulSet'")
    bench.load(nodes(2), data, volume(2, "vol-2"), days=2)

    one, other = bench.usage.volumes(UID, START, END)

    assert (one.provider_id, one.gib, one.fullest, one.workload, one.mounted_hours) == ("vol-1", 100, 0.47, "db", 48)
    assert (other.fullest, other.workload, other.mounted_hours, other.storage_class) == (None, "", 0, "gp2")
    assert bench.usage.volumes(ClusterUid("uid-9"), START, END) == ()
