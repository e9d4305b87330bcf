"""Idle capacity shared or shown, base prices, and GPUs held in parts: by the real SQL engine, to the exact published numbers."""

import json
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, cast

import pytest

from tests.bills import HOUR, Row, bill, estate, governance, node, pod
from trimtab.records import AllocationRules
from trimtab.units import GIB

BILLIONTHS = Decimal("0.000000006")
"""What a share may differ from its exact fraction: the two marks of each resource, cut to a billionth."""
AWS_PODS = {"p1": ("1", 4), "p2": ("1.9", 6), "p3": ("1", 2), "p4": ("1", 2)}
P3_PODS = {"p1": (16, 100, 1), "p2": (18, 140, 3), "p3": (16, 100, 2), "p4": (16, 100, 2)}


def cost(row: Row) -> Decimal:
    return cast(Decimal, row["EffectiveCost"])


def by_pod(rows: list[Row]) -> dict[object, Row]:
    return {row["x_Pod"]: row for row in rows}


def aws_node() -> list[Row]:
    return [node(), *(pod(name, cpu=int(Decimal(cpu) * 1000), memory=memory * GIB) for name, (cpu, memory) in AWS_PODS.items())]


def test_shared_by_node_an_m5_xlarge_is_split_as_aws_publishes_it() -> None:
    """CPU:memory = 9:1, 4.9 of 4 CPUs and 14 of 16 GB taken: docs.aws.amazon.com/cur/latest/userguide, split cost allocation data."""
    place = estate([bill("1")], aws_node())

    place.allocate(governance(allocation=AllocationRules(idle="share", cpu_weight=9, memory_weight=1)))

    rows = by_pod(place.rows())
    exact = {
        name: Fraction(36, 52) * Fraction(cpu) / Fraction("4.9") + Fraction(16, 52) * memory / 14
        for name, (cpu, memory) in AWS_PODS.items()
    }
    assert all(abs(Fraction(cost(rows[name])) - part) < BILLIONTHS for name, part in exact.items())
    assert [round(cost(rows[name]), 2) for name in AWS_PODS] == [Decimal(text) for text in ("0.23", "0.40", "0.19", "0.19")]


def test_shared_by_node_a_p3_16xlarge_is_split_as_aws_publishes_it() -> None:
    """GPU:(CPU and memory) = 9:1, of those 9:1: docs.aws.amazon.com/cur/latest/userguide/example-accelerated-instances.html."""
    pods = [pod(name, cpu=cpu * 1000, memory=memory * GIB, gpu_request=gpus * 1000) for name, (cpu, memory, gpus) in P3_PODS.items()]
    place = estate([bill("10")], [node(cpu=64_000, memory_gib=488, gpus=8), *pods])

    place.allocate(governance(allocation=AllocationRules(idle="share", cpu_weight=900, memory_weight=100, gpu_weight=9000)))

    found = {name: round(cost(row), 5) for name, row in by_pod(place.rows()).items()}
    expected = {"p1": "1.90889", "p2": "3.26437", "p3": "2.41337", "p4": "2.41337"}
    assert found == {name: Decimal(text) for name, text in expected.items()}


def test_the_node_of_appendix_a_divides_as_the_specification_says() -> None:
    """OpenCost Specification 0.1, appendix A: $35 for 1 GPU, 1 CPU and 1 GB at 30/30/10 is 15/15/5."""
    place = estate([bill("35")], [node(cpu=1000, memory_gib=1, gpus=1), pod("a", cpu=1000, memory=GIB, gpu_request=1000)])

    place.allocate(governance(allocation=AllocationRules(cpu_weight=30, memory_weight=10, gpu_weight=30)))

    (row,) = place.rows()
    parts = [cast(Decimal, row[name]) for name in ("x_CpuCost", "x_MemoryCost", "x_GpuCost")]
    assert all(abs(part - wanted) < BILLIONTHS * 35 for part, wanted in zip(parts, (15, 5, 15), strict=True))
    assert sum(parts) == 35


def test_a_node_without_pods_stays_idle_by_name_even_where_idle_is_shared() -> None:
    place = estate([bill("1")], [node()])

    place.allocate(governance(allocation=AllocationRules(idle="share")))

    assert place.parts() == {"idle": Decimal(1)}


def test_a_gpu_that_nobody_asked_for_stays_idle_where_pods_fill_the_rest() -> None:
    place = estate([bill("1")], [node(gpus=1), pod("a", cpu=1000, memory=GIB)])

    place.allocate(governance(allocation=AllocationRules(idle="share")))

    gpu = Fraction(950_000, 31_611 * 4 + 4_237 * 16 + 950_000)
    assert abs(Fraction(place.parts()["idle"]) - gpu) < BILLIONTHS


def test_what_is_not_known_to_be_idle_is_not_shared() -> None:
    """One pod could have used anything: the rest of its node is nobody's to pay."""
    unknown = pod("b", cpu=None, memory=None, used=False)
    place = estate([bill("1")], [node(), pod("a", cpu=2000, memory=8 * GIB), unknown])

    place.allocate(governance(allocation=AllocationRules(idle="share")))

    assert place.parts() == {"allocated": Decimal("0.5"), "unallocated": Decimal("0.5")}


def two_nodes(**columns: Any) -> list[Row]:
    """One node full of ns1, one with a quarter of ns2: 5/4 of 2 nodes are taken, 4/5 by ns1."""
    other: dict[str, Any] = {"provider_id": "i-2", "node": "ip-2"}
    return [
        node(**columns), pod("a", cpu=4000, memory=16 * GIB), node(**other, **columns),
        pod("b", cpu=1000, memory=4 * GIB, namespace="ns2", **other),
    ]  # fmt: skip


def test_idle_of_a_cluster_is_shared_over_all_of_the_cluster() -> None:
    """By node the second node's idle is Shop's alone; by cluster four fifths of it are ML's."""
    bills = [bill("4"), bill("4", ResourceId="i-2")]
    by_node, by_cluster = estate(bills, two_nodes()), estate(bills, two_nodes())

    by_node.allocate(governance(allocation=AllocationRules(idle="share", idle_by="node")))
    by_cluster.allocate(governance(allocation=AllocationRules(idle="share", idle_by="cluster")))

    teams = 'SELECT "x_Team" AS team, sum("EffectiveCost") AS cost FROM allocated GROUP BY 1 ORDER BY 1'
    assert by_node.rows(teams) == [{"team": "ML", "cost": 4}, {"team": "Shop", "cost": 4}]
    ml, shop = by_cluster.rows(teams)
    assert [round(cast(Decimal, row["cost"]), 6) for row in (ml, shop)] == [Decimal("6.4"), Decimal("1.6")]
    assert by_cluster.parts() == {"allocated": Decimal(8)}


def test_idle_gpus_of_a_cluster_without_gpu_work_stay_idle() -> None:
    place = estate([bill("4"), bill("4", ResourceId="i-2")], two_nodes(gpus=1))

    place.allocate(governance(allocation=AllocationRules(idle="share", idle_by="cluster")))

    left = [row for row in place.rows() if row["x_Part"] == "idle"]
    assert {str(row["x_Reason"]) for row in left} == {"capacity that no pod asked for or used; rule idle-gpu finds nobody to share it over"}
    assert {row["x_SharedRule"] for row in left} == {"idle-gpu"}


# ── GPUs ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
GPU_ALONE = AllocationRules(cpu_weight=0, memory_weight=0, gpu_weight=1)


def mig(name: str, slices: int, of: int, **columns: object) -> Row:
    shared = {"gpu_sharing": "mig", "gpu_shares": slices, "gpu_shares_of": of, "gpu_request": round(1000 * slices / of)}
    return pod(name, cpu=0, memory=0, **(shared | columns))  # type: ignore[arg-type]


def test_a_day_of_mig_slices_costs_what_red_hat_publishes_and_the_rest_is_idle() -> None:
    """$72 a day for an A100 of 7 slices: 3.43 + 2.57 + 1.71 held, 64.29 idle (koku, GPU MIG example; it writes 1.72)."""
    day = HOUR.replace(hour=0)
    hours = [day + timedelta(hours=hour) for hour in range(24)]
    held = {"one": (1, 8), "two": (3, 2), "three": (1, 4)}
    pods = [mig(name, slices, 7, hour=hour) for name, (slices, long) in held.items() for hour in hours[:long]]
    usage = [*(node(gpus=1, hour=hour) for hour in hours), *pods]
    place = estate([bill("72", hour=day, hours=24, ConsumedQuantity="24")], usage)

    place.allocate(governance(allocation=GPU_ALONE))

    rows = by_pod(place.rows())
    exact = {name: Fraction(72, 24) * long * slices / 7 for name, (slices, long) in held.items()}
    assert all(abs(Fraction(cost(rows[name])) - part) < BILLIONTHS * 72 for name, part in exact.items())
    assert [round(cost(rows[name]), 2) for name in (*held, None)] == [Decimal(text) for text in ("3.43", "2.57", "1.71", "64.29")]
    assert rows["one"]["x_Confidence"] == "metered"
    assert sum(cost(row) for row in rows.values()) == 72


@pytest.mark.parametrize("of", [4, 7, 8, 9, 10])
def test_all_the_parts_of_a_gpu_are_the_gpu(of: int) -> None:
    """Thirds, sevenths and ninths are no thousandths: held whole by its parts, nothing of it is left idle."""
    place = estate([bill("1")], [node(gpus=1), *(mig(f"p{part}", 1, of) for part in range(of))])

    place.allocate(governance(allocation=GPU_ALONE))

    rows = place.rows()
    assert len(rows) == of
    assert max(cost(row) for row in rows) - min(cost(row) for row in rows) <= BILLIONTHS


@pytest.mark.parametrize("sharing", ["time-slicing", "mps"])
def test_a_gpu_shared_in_time_is_estimated_and_its_warm_idle_unknown(sharing: str) -> None:
    """The device's activity is everybody's who shares it: what one of them computed cannot be told."""
    place = estate([bill("1")], [node(gpus=1), mig("a", 1, 4, gpu_sharing=sharing, gpu_compute_used=900)])

    place.allocate(governance(allocation=GPU_ALONE))

    row = by_pod(place.rows())["a"]
    assert (cost(row), row["x_Confidence"], row["x_GpuIdleCost"]) == (Decimal("0.25"), "shared-estimated", None)


def test_a_measured_slice_that_does_nothing_is_warm_idle_whole() -> None:
    place = estate([bill("7")], [node(gpus=1), mig("a", 1, 7, gpu_compute_used=0), mig("b", 2, 7, gpu_compute_used=143)])

    place.allocate(governance(allocation=GPU_ALONE))

    rows = by_pod(place.rows())
    assert rows["a"]["x_GpuIdleCost"] == cost(rows["a"])
    assert abs(cast(Decimal, rows["b"]["x_GpuIdleCost"]) - 1) < Decimal("0.002")


def test_shares_that_pass_for_whole_gpus_are_noticed_and_said() -> None:
    """A device plugin that lists shares under the name of GPUs (renameByDefault=false): two pods on one GPU ask for one each."""
    place = estate([bill("1")], [node(gpus=1), pod("a", gpu_request=1000), pod("b", gpu_request=1000), pod("web", cpu=1000)])

    place.allocate(governance(allocation=GPU_ALONE))

    rows = by_pod(place.rows())
    assert (cost(rows["a"]), cost(rows["b"])) == (Decimal("0.5"), Decimal("0.5"))
    assert rows["a"]["x_Confidence"] == "shared-estimated"
    assert "ask for more GPUs than it has" in str(rows["a"]["x_Reason"])
    assert "more GPUs" not in str(rows["web"]["x_Reason"])


def test_the_elements_of_a_gpu_pod_say_thousandths_of_a_gpu() -> None:
    place = estate([bill("1")], [node(gpus=1), mig("a", 2, 4)])

    place.allocate(governance(allocation=GPU_ALONE))

    details = json.loads(str(by_pod(place.rows())["a"]["AllocatedMethodDetails"]))["Elements"]
    assert details[2] == {"AllocatedRatio": 0.5, "UsageUnit": "mGPU-Seconds", "UsageQuantity": 500 * 3600}


def test_a_node_without_what_is_weighed_is_split_by_cpu() -> None:
    place = estate([bill("1")], [node(), pod("a", cpu=1000, memory=16 * GIB)])

    place.allocate(governance(allocation=GPU_ALONE))

    assert place.parts() == {"allocated": Decimal("0.25"), "idle": Decimal("0.75")}
