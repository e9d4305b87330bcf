"""Attribution by the real SQL engine: one node, one hour, and what becomes of its cost."""

import json
import re
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from importlib.resources import files
from typing import Any, cast

import pytest

from tests.bills import HOUR, Row, bill, estate, governance, node, pod
from trimtab.attribution.model import steps
from trimtab.records import OwnerRule
from trimtab.tables import ALLOCATED
from trimtab.units import GIB

BILLIONTH = Decimal("0.000000003")
"""What a share may differ from its exact fraction: a mark on the scale of billionths per resource."""


def elements(row: Row) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(str(row["AllocatedMethodDetails"]), parse_float=Decimal)["Elements"]
    return found


def by_pod(rows: list[Row]) -> dict[object, Row]:
    return {row["x_Pod"]: row for row in rows}


def cost(row: Row) -> Decimal:
    value = row["EffectiveCost"]
    assert isinstance(value, Decimal)
    return value


def test_an_oversubscribed_m5_xlarge_is_split_like_the_published_example_and_leaves_no_negative_idle() -> None:
    """The pods of AWS's split cost example, weighed at OpenCost's base prices: CPU is asked for 4.9 times on 4 cores."""
    pods = {"p1": ("1", "4"), "p2": ("1.9", "6"), "p3": ("1", "2"), "p4": ("1", "2")}
    usage = [node(), *(pod(name, cpu=int(Decimal(cpu) * 1000), memory=int(memory) * GIB) for name, (cpu, memory) in pods.items())]
    place = estate([bill("1")], usage)

    place.allocate()

    rows = by_pod(place.rows())

    cpu_part = Fraction(31611 * 4, 31611 * 4 + 4237 * 16)
    for name, (cpu, memory) in pods.items():
        exact = cpu_part * Fraction(cpu) / Fraction("4.9") + (1 - cpu_part) * Fraction(int(memory), 16)
        assert abs(Fraction(cost(rows[name])) - exact) < BILLIONTH
    assert abs(Fraction(cost(rows[None])) - (1 - cpu_part) * Fraction(2, 16)) < BILLIONTH
    assert rows[None]["x_Part"] == "idle"


def test_memory_used_beyond_the_node_never_makes_idle_negative() -> None:
    """8 GiB, one pod asks for 6 and uses 1, one asks for nothing and uses 5: OpenCost shows −3 GiB of idle."""
    usage = [node(cpu=1000, memory_gib=8), pod("a", memory=6 * GIB, cpu_used=500), pod("b", memory_used=5 * GIB, cpu_used=500)]
    place = estate([bill("10")], usage)

    place.allocate()

    assert "idle" not in place.parts()
    assert sum(place.parts().values()) == 10


def test_a_billed_node_hour_without_usage_is_unallocated_not_idle() -> None:
    """Promise 2: a missing metric is never idle."""
    place = estate([bill("1"), bill("2", hour=HOUR + timedelta(hours=1))], [node(), pod("a", cpu=4000, memory=16 * GIB)])

    place.allocate()

    row = next(row for row in place.rows() if row["x_Part"] == "unallocated")
    assert (cost(row), row["x_Reason"], row["x_Pool"]) == (Decimal(2), "no usage was measured for this node and hour", "workers")
    assert row["AllocatedMethodId"] is None


def test_pods_without_their_nodes_row_leave_the_hour_unmeasured() -> None:
    place = estate([bill("1")], [pod("a", cpu=1000, memory=GIB)])

    place.allocate()

    assert place.parts() == {"unallocated": Decimal(1)}


def test_a_daily_row_keeps_the_share_of_the_hours_that_nobody_measured() -> None:
    hours = [HOUR.replace(hour=hour) for hour in range(18)]
    usage = [row for hour in hours for row in (node(hour=hour), pod("a", cpu=4000, memory=16 * GIB, hour=hour))]
    place = estate([bill("24", hour=HOUR.replace(hour=0), hours=24, ConsumedQuantity="24")], usage)

    place.allocate()

    assert place.parts() == {"allocated": Decimal(18), "unallocated": Decimal(6)}


def test_a_daily_row_of_a_node_that_ran_five_hours_expects_five_hours_of_usage() -> None:
    hours = [HOUR.replace(hour=hour) for hour in range(5)]
    usage = [row for hour in hours for row in (node(hour=hour), pod("a", cpu=4000, memory=16 * GIB, hour=hour))]
    place = estate([bill("5", hour=HOUR.replace(hour=0), hours=24, ConsumedQuantity="5")], usage)

    place.allocate()

    assert place.parts() == {"allocated": Decimal(5)}


def test_a_node_that_ran_ten_minutes_is_shared_over_its_ten_minutes() -> None:
    """The bill covers only what ran; dividing by the hour would call five sixths of it idle."""
    place = estate([bill("1")], [node(seconds=600), pod("a", cpu=4000, memory=16 * GIB, seconds=600)])

    place.allocate()

    assert place.parts() == {"allocated": Decimal(1)}


def test_use_that_was_not_measured_leaves_the_request_and_says_estimated() -> None:
    place = estate([bill("1")], [node(), pod("a", cpu=2000, memory=8 * GIB, used=False)])

    place.allocate()

    rows = by_pod(place.rows())
    assert (cost(rows["a"]), rows["a"]["x_Confidence"]) == (Decimal("0.5"), "estimated")
    assert (cost(rows[None]), rows[None]["x_Confidence"]) == (Decimal("0.5"), "estimated")


def test_a_pod_that_cannot_be_weighed_keeps_the_rest_of_its_node_from_being_idle() -> None:
    """No request, no measured use: it may have used anything, so nothing is known to be idle."""
    place = estate([bill("1")], [node(), pod("a", cpu=2000, memory=8 * GIB), pod("b", cpu=None, memory=None, used=False)])

    place.allocate()

    rows = by_pod(place.rows())
    assert place.parts() == {"allocated": Decimal("0.5"), "unallocated": Decimal("0.5")}
    assert "cannot be weighed" in str(rows["b"]["x_Reason"])
    assert rows[None]["x_Reason"] == "not known to be idle: 1 of 2 pods could not be weighed"


def test_gpus_are_held_by_request_and_cost_what_appendix_a_says() -> None:
    usage = [
        node(cpu=64000, memory_gib=488, gpus=8, instance_type="p3.16xlarge"),
        pod("train", gpu_request=4000, memory=122 * GIB, cpu=16000),
    ]
    place = estate([bill("10")], usage)

    summary = place.allocate().summary

    row = by_pod(place.rows())["train"]
    worth = [Fraction(31611 * 64), Fraction(4237 * 488), Fraction(950000 * 8)]
    exact = [part / sum(worth) * share for part, share in zip(worth, (Fraction(1, 4), Fraction(1, 4), Fraction(1, 2)), strict=True)]
    assert all(abs(Fraction(item["AllocatedRatio"]) - part) < BILLIONTH for item, part in zip(elements(row), exact, strict=True))
    assert row["x_GpuModel"] == "V100"
    assert {(line.team, line.part): line.hours for line in summary.gpu_hours} == {("ML", "allocated"): 4, (None, "idle"): 4}


def test_a_slice_of_a_gpu_is_shared_estimated() -> None:
    place = estate([bill("1")], [node(gpus=1), pod("a", gpu_request=250, cpu=1000, memory=GIB)])

    place.allocate()

    assert by_pod(place.rows())["a"]["x_Confidence"] == "shared-estimated"


def test_every_bill_row_of_a_node_hour_is_its_own_origin_with_the_same_ratios() -> None:
    covered = bill("0.25", billed="0", PricingCategory="Committed", CommitmentDiscountId="sp-1")
    place = estate([bill("0.75"), covered], [node(), pod("a", cpu=1000, memory=4 * GIB)])

    place.allocate()

    rows = [row for row in place.rows() if row["x_Pod"] == "a"]
    assert sorted(cost(row) for row in rows) == [Decimal("0.0625"), Decimal("0.1875")]
    assert len({str(row["AllocatedMethodDetails"]) for row in rows}) == 1


@pytest.mark.parametrize("resource", ["i-0abc", "arn:aws:ec2:us-east-1:1:instance/I-0ABC", "//compute.googleapis.com/instances/i-0abc"])
def test_a_resource_id_that_ends_with_the_provider_id_is_the_node(resource: str) -> None:
    place = estate([bill("1", ResourceId=resource)], [node(), pod("a", cpu=4000, memory=16 * GIB)])

    place.allocate()

    assert place.parts() == {"allocated": Decimal(1)}


@pytest.mark.parametrize("resource", ["i-0abcd", "xi-0abc", "vol-0abc", None])
def test_a_resource_id_that_only_looks_alike_is_not_the_node(resource: str | None) -> None:
    place = estate([bill("1", ResourceId=resource)], [node(), pod("a", cpu=4000, memory=16 * GIB)])

    place.allocate()

    assert place.parts() == {"not-kubernetes": Decimal(1)}


@pytest.mark.parametrize(
    "tags", [{"aws:eks:cluster-name": "prod"}, {"kubernetes.io/cluster/prod": "owned"}, {"user:eks:cluster-name": "prod"}]
)
def test_a_row_that_only_names_its_cluster_is_a_shared_cost_of_it(tags: dict[str, str]) -> None:
    volume = bill("3", ResourceId="vol-1", ServiceCategory="Storage", ServiceName="EBS", Tags=json.dumps(tags))
    place = estate([volume], [node()])

    place.allocate()

    (row,) = place.rows()
    assert (row["x_Part"], row["x_Cluster"], row["x_Reason"]) == ("unallocated", "prod", "shared cost of cluster prod: EBS")


def test_a_tagged_instance_that_usage_never_saw_is_an_unmeasured_node() -> None:
    stranger = bill("3", ResourceId="i-9", ResourceType="Instance", Tags='{"eks:cluster-name": "prod"}')
    place = estate([stranger], [])

    place.allocate()

    (row,) = place.rows()
    assert row["x_Reason"] == "no usage was measured for this node and hour"


def test_commitments_that_no_cluster_owns_are_named() -> None:
    unused = bill("2", ResourceId="sp-1", CommitmentDiscountId="sp-1", CommitmentDiscountStatus="Unused")
    bought = bill("0", billed="900", ResourceId="sp-1", CommitmentDiscountId="sp-1", ChargeCategory="Purchase")
    place = estate([unused, bought])

    place.allocate()

    reasons = {str(row["x_Reason"]) for row in place.rows()}
    assert reasons == {"unused commitment sp-1: no cluster owns it", "purchase of commitment sp-1: no cluster owns it"}


def test_cost_outside_clusters_finds_its_team_by_tag_and_stays_outside() -> None:
    rules = governance(OwnerRule(id="by-tag", tag=("app", "shop.*"), team="Shop"))
    place = estate([bill("3", ResourceId="db-1", Tags='{"app": "shop-db"}')])

    place.allocate(rules)

    (row,) = place.rows()
    assert (row["x_Part"], row["x_Team"], row["x_OwnerRule"], row["x_Confidence"]) == ("not-kubernetes", "Shop", "by-tag", "inferred")


def test_a_namespace_that_no_rule_matches_is_unallocated_and_named() -> None:
    place = estate([bill("1")], [node(), pod("a", cpu=4000, memory=16 * GIB, namespace="stray")])

    place.allocate()

    (row,) = place.rows()
    assert (row["x_Part"], row["x_Team"], row["x_Reason"]) == ("unallocated", None, "no owner rule matched namespace stray")


def test_dimensions_and_unit_prices_stay_the_origins_and_its_tags_are_among_the_allocated_ones() -> None:
    origin = bill("1", Tags='{"team": "platform", "Name": "worker"}')
    place = estate([origin], [node(), pod("a", cpu=1000, memory=GIB, labels='{"team": "ml", "app": "web"}')])

    place.allocate()

    row = by_pod(place.rows())["a"]
    assert (row["ResourceId"], row["ListUnitPrice"]) == (origin["ResourceId"], Decimal("0.192"))
    assert json.loads(str(row["AllocatedTags"])) == {"team": "platform", "Name": "worker", "label/team": "ml", "app": "web"}
    assert row["AllocatedResourceId"] == "prod/ns1/a"


def test_a_pending_pod_takes_nothing_of_a_node() -> None:
    place = estate([bill("1")], [node(), pod("a", cpu=4000, memory=16 * GIB, pending=True)])

    place.allocate()

    assert place.parts() == {"idle": Decimal(1)}


def test_a_correction_is_split_by_the_usage_of_the_hour_it_corrects() -> None:
    june = HOUR - timedelta(days=20)
    place = estate([bill("-1", hour=june, ChargeClass="Correction")], [node(hour=june), pod("a", cpu=1000, memory=4 * GIB, hour=june)])

    place.allocate()

    assert place.parts() == {"allocated": Decimal("-0.25"), "idle": Decimal("-0.75")}


def test_a_quantity_in_byte_seconds_is_split_without_overflow() -> None:
    rows = [bill("1", ConsumedQuantity="61847529062400.000000000000001", ConsumedUnit="byte-seconds")]
    place = estate(rows, [node(), pod("a", cpu=1000, memory=4 * GIB), pod("b", cpu=999, memory=GIB)])

    place.allocate()

    found = place.rows('SELECT sum("ConsumedQuantity") AS total, count(*) AS n FROM allocated')
    assert found == [{"total": Decimal("61847529062400.000000000000001"), "n": 3}]


def test_every_allocated_column_is_there_in_its_place_and_type() -> None:
    place = estate([bill("1"), bill("2", ResourceId="x")], [node(), pod("a", cpu=1000, memory=GIB)])
    place.allocate()

    (path,) = (place.root / "scratch").rglob("*.parquet")
    found = place.rows(f"DESCRIBE SELECT * FROM read_parquet('{path}', hive_partitioning = false)")

    assert [(row["column_name"], row["column_type"]) for row in found] == [(column.name, column.sql_type) for column in ALLOCATED]


def test_cpu_memory_and_gpu_cost_add_up_to_the_line_and_warm_idle_is_a_part_of_gpu_cost() -> None:
    """Two GPUs held for the hour and computed with for a quarter of it: three quarters are warm idle."""
    busy = pod("train", cpu=1000, memory=GIB, gpu_request=2000, gpu_compute_used=500)
    unread = pod("serve", cpu=1000, memory=GIB, gpu_request=1000)
    place = estate([bill("10.123456789012")], [node(gpus=4), busy, unread, pod("web", cpu=500, memory=GIB)])

    place.allocate()

    rows = by_pod(place.rows())
    for row in rows.values():
        assert cost(row) == sum(cast(Decimal, row[name]) for name in ("x_CpuCost", "x_MemoryCost", "x_GpuCost"))
    assert abs(cast(Decimal, rows["train"]["x_GpuIdleCost"]) - cast(Decimal, rows["train"]["x_GpuCost"]) * 3 / 4) < Decimal("1e-8")
    assert (rows["serve"]["x_GpuIdleCost"], rows["web"]["x_GpuIdleCost"], rows[None]["x_GpuIdleCost"]) == (None, None, None)
    assert (rows["train"]["x_WorkloadKind"], rows["train"]["x_CpuSeconds"], rows["train"]["x_GpuSeconds"]) == (
        "Deployment",
        3_600_000,
        7_200_000,
    )


def test_rows_of_assets_are_neither_nodes_nor_pods() -> None:
    volume = node(pod="a", namespace="ns1", asset="volume", provider_id="i-0abc", asset_bytes=GIB, cpu_capacity=None)
    place = estate([bill("1")], [node(), volume, volume | {"pod": None}])

    place.allocate()

    assert place.parts() == {"idle": Decimal(1)}


def test_models_divide_by_the_two_macros_only() -> None:
    """A bare `/` is a double on DuckDB, and a sum of doubles is no money."""
    for path in files("trimtab.attribution").joinpath("sql").iterdir():
        code = re.sub(r"--[^\n]*|'[^']*'", "", path.read_text())
        if path.name != "macros.sql":
            assert "/" not in code, path.name
        assert not re.search(r"\b(DOUBLE|FLOAT|REAL|avg|round)\b", code, re.IGNORECASE), path.name


def test_small_days_are_taken_together_and_a_large_one_is_cut_into_parts() -> None:
    days = [date(2026, 7, day) for day in range(1, 6)]

    plan = steps(zip(days, [100_000, 150_000, 1, 900_000, 5], strict=True), memory_mb=500)

    assert [(step.first.day, step.last.day, step.part, step.parts) for step in plan] == [
        (1, 2, 0, 1), (3, 3, 0, 1), (4, 4, 0, 4), (4, 4, 1, 4), (4, 4, 2, 4), (4, 4, 3, 4), (5, 5, 0, 1),
    ]  # fmt: skip
    assert len({step.name for step in plan}) == len(plan)


def test_a_day_is_cut_into_no_more_parts_than_a_hash_has() -> None:
    assert [step.parts for step in steps([(date(2026, 7, 1), 10**12)], memory_mb=1)] == [256] * 256
