"""Laws of attribution over generated bills, by the real SQL engine: promise 1, and what a split may not change."""

import json
from collections import defaultdict
from datetime import timedelta
from decimal import Decimal
from typing import Any, cast

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.bills import HOUR, Row, asset, bill, estate, governance, node, pod
from trimtab.records import AllocationRules, OwnerRule, SharedRule, ShareWeight
from trimtab.tables import FOCUS_MONEY
from trimtab.units import GIB

DIMENSIONS = ("ResourceId", "ChargeCategory", "ChargeClass", "BillingCurrency", "SubAccountId", "Tags", "ServiceName")
SPLIT = (*FOCUS_MONEY, "CommitmentDiscountQuantity", "ConsumedQuantity", "PricingQuantity", "PricingCurrencyEffectiveCost")
ENGINE = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])

money = st.decimals(min_value=-(10**7), max_value=10**7, places=12).map(str)
quantity = st.none() | st.decimals(min_value=0, max_value=10**13, places=15, allow_nan=False).map(lambda value: f"{value:f}")
maybe = st.none() | st.integers(0, 40_000)
gpu_parts = st.sampled_from([
    {}, {}, {}, {"gpu_sharing": "mig", "gpu_shares": 2, "gpu_shares_of": 7}, {"gpu_sharing": "mps", "gpu_shares": 1, "gpu_shares_of": 9},
])  # fmt: skip
nodes = st.sampled_from(["i-1", "i-2", "i-3"])
hours = st.sampled_from([HOUR, HOUR + timedelta(hours=1), HOUR + timedelta(days=1), HOUR - timedelta(days=40)])


@st.composite
def bill_rows(draw: st.DrawFn) -> Row:
    resource = draw(st.none() | nodes.map(lambda name: f"arn:x:instance/{name}") | st.just("vol-1"))
    return bill(
        draw(money), billed=draw(money), hour=draw(hours), hours=draw(st.sampled_from([1, 1, 1, 24])), ResourceId=resource,
        ListCost=draw(money), ContractedCost=draw(money), ConsumedQuantity=draw(quantity), PricingQuantity=draw(quantity),
        CommitmentDiscountQuantity=draw(quantity), BillingCurrency=draw(st.sampled_from(["USD", "EUR"])),
        ChargeCategory=draw(st.sampled_from(["Usage", "Credit", "Purchase", "Tax", "Adjustment"])),
        ChargeClass=draw(st.sampled_from([None, "Correction"])), SubAccountId=draw(st.sampled_from([None, "a1", "a2"])),
        Tags=draw(st.sampled_from([None, "{}", '{"eks:cluster-name": "prod"}', '{"team": "x"}'])),
        ServiceName=draw(st.sampled_from(["Amazon EC2", "Amazon EKS", "Support"])),
    )  # fmt: skip


@st.composite
def usage_rows(draw: st.DrawFn) -> list[Row]:
    """One hour of one node: its own row or none, and pods that may ask for more than it has, or say nothing."""
    parts: Any = draw(gpu_parts)
    where: Any = {"provider_id": draw(nodes), "hour": draw(hours)}
    own = [node(cpu=draw(st.integers(1, 64_000)), memory_gib=draw(st.integers(1, 2_000)), gpus=draw(st.integers(0, 8)), **where)]
    pods = [
        pod(
            f"pod-{place}", cpu=draw(maybe), memory=draw(maybe.map(lambda mib: mib and mib * 1_000_003)), cpu_used=draw(maybe),
            memory_used=draw(maybe.map(lambda mib: mib and mib * GIB // 1000)), gpu_request=draw(st.sampled_from([None, 0, 250, 8000])),
            namespace=draw(st.sampled_from(["ns1", "ns2", "stray", "kube-system"])), seconds=draw(st.integers(1, 3600)),
            network_sent=draw(maybe), **parts, **where,
        )
        for place in range(draw(st.integers(0, 8)))
    ]  # fmt: skip
    volume = [asset("volume", "vol-1", asset_bytes=draw(maybe), hour=where["hour"])]
    return [*(own if draw(st.integers(0, 4)) else []), *(volume if draw(st.booleans()) else []), *pods]


@st.composite
def allocations(draw: st.DrawFn) -> AllocationRules:
    """No rules, or a few: over namespaces and teams, by each way of splitting, with weights that may come to nothing."""
    team, namespace = ShareWeight(team="ML", value=draw(st.integers(0, 3))), ShareWeight(namespace="ns2", value=draw(st.integers(0, 3)))
    splits = [
        {"split": "proportional"}, {"split": "even"}, {"split": "proportional", "over": "teams"}, {"split": "even", "over": "teams"},
        {"split": "driver", "driver": "network-bytes"}, {"split": "driver", "driver": "gpu-seconds", "over": "teams"},
        {"split": "driver", "driver": "volume-bytes"}, {"split": "weighted", "weights": (namespace,)},
        {"split": "weighted", "over": "teams", "weights": (team,)},
    ]  # fmt: skip
    costs = [{"service": "Amazon EKS"}, {"category": "Tax"}, {"namespace": "kube-.*"}, {"cluster": "prod"}, {"service": "Support"}]
    chosen = draw(st.lists(st.tuples(st.sampled_from(costs), st.sampled_from(splits)), max_size=4))
    return AllocationRules(
        idle=draw(st.sampled_from(["show", "share"])), idle_by=draw(st.sampled_from(["node", "cluster"])),
        shared=tuple(SharedRule(id=f"rule-{place}", **cost, **split) for place, (cost, split) in enumerate(chosen)),  # type: ignore[arg-type]
    )  # fmt: skip


def distinct(usage: list[list[Row]]) -> list[Row]:
    """One row per node or pod and hour, as the lake holds it."""
    rows = {(row["provider_id"], row["hour"], row["pod"], row["asset"]): row for hour in usage for row in hour}
    return list(rows.values())


bills = st.lists(bill_rows(), min_size=1, max_size=12)
usages = st.lists(usage_rows(), max_size=8).map(distinct)


@ENGINE
@given(bills, usages, allocations())
def test_promise_1_the_parts_add_up_to_the_bill(cost: list[Row], usage: list[Row], options: AllocationRules) -> None:
    """Allocated + idle + unallocated + not-Kubernetes = billed, per currency, to the last unit: credits and corrections too."""
    place = estate(cost, usage)

    records = place.allocate(governance(allocation=options)).summary.reconciliations

    expected: dict[object, Decimal] = defaultdict(Decimal)
    for row in cost:
        expected[row["BillingCurrency"]] += Decimal(str(row["BilledCost"]))
    assert {record.currency: record.billed for record in records if record.measure == "BilledCost"} == expected
    assert all(record.difference == 0 for record in records)


@ENGINE
@given(bills, usages, allocations())
def test_the_lines_of_a_row_add_up_to_it_in_every_amount_and_their_ratios_to_one(
    cost: list[Row], usage: list[Row], options: AllocationRules
) -> None:
    place = estate(cost, usage)
    place.allocate(governance(allocation=options))

    lines: dict[object, list[Row]] = defaultdict(list)
    for row in place.rows():
        lines[row["x_RowId"]].append(row)

    assert len(lines) == len(cost)
    for origin in cost:
        own = lines[origin["x_RowId"]]
        for name in SPLIT:
            parts = [cast(Decimal, line[name]) for line in own if line[name] is not None]
            assert (None if not parts else sum(parts)) == (None if origin[name] is None else Decimal(str(origin[name]))), name
        ratios = [ratio for line in own for ratio in ratios_of(line)]
        assert sum(ratios) == (1 if ratios else 0)
        assert all(ratio >= 0 for ratio in ratios)
        held = [line["AllocatedResourceId"] for line in own if line["AllocatedResourceId"] is not None]
        assert len(set(held)) == len(held)
        assert all(line[name] == origin[name] for line in own for name in DIMENSIONS)


def ratios_of(line: Row) -> list[Decimal]:
    details = line["AllocatedMethodDetails"]
    return [item["AllocatedRatio"] for item in json.loads(str(details), parse_float=Decimal)["Elements"]] if details else []


@ENGINE
@given(bills, usages, allocations(), st.randoms(use_true_random=False))
def test_another_order_and_other_steps_give_the_same_result(
    cost: list[Row], usage: list[Row], options: AllocationRules, order: object
) -> None:
    first, second = estate(cost, usage), estate(shuffled(cost, order), shuffled(usage, order), memory_mb=512)
    for place in (first, second):
        place.allocate(governance(allocation=options))

    everything = "SELECT * FROM allocated ORDER BY ALL"
    assert first.rows(everything) == second.rows(everything)
    assert len({row["x_AllocatedRowId"] for row in first.rows()}) == len(first.rows())


def shuffled(rows: list[Row], order: object) -> list[Row]:
    mixed = list(rows)
    order.shuffle(mixed)  # type: ignore[attr-defined]
    return mixed


@ENGINE
@given(bills, usages)
def test_idle_is_never_negative_and_nobody_pays_without_a_rule(cost: list[Row], usage: list[Row]) -> None:
    """Idle of a charge is at least nothing; of a credit at most nothing. What no rule matched has no team."""
    place = estate(cost, usage)
    place.allocate(governance(OwnerRule(id="only", namespace="ns1", team="ML")))
    signs = {row["x_RowId"]: Decimal(str(row["EffectiveCost"])) for row in cost}

    for row in place.rows():
        if row["x_Part"] == "idle":
            assert cast(Decimal, row["EffectiveCost"]) * signs[row["x_RowId"]] >= 0
        assert (row["x_Part"] == "allocated") == (row["x_Team"] == "ML")
