"""Private clusters: their measured hours at our own rates are a bill like any other, and are attributed like one."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.bills import HOUR, PERIOD, Estate, Row, asset, bill, estate, governance, node, pod
from trimtab.errors import BadInput
from trimtab.flow.private_cost import price_private
from trimtab.records import AllocationRules, PrivateRate
from trimtab.units import GIB

RATE = PrivateRate(id="dc", cluster="edge-.*", currency="EUR", cpu=Decimal("0.02"), memory=Decimal("0.005"), gpu=Decimal("1.5"))
EDGE: Any = {"cluster": "edge-1", "cluster_slug": "edge-1", "provider_id": "vsphere://4217-aa", "instance_type": None}


def rated(*rates: PrivateRate) -> Any:
    return governance(allocation=AllocationRules(rates=rates))


def edge_usage() -> list[Row]:
    """4 CPUs and 16 GiB: 0.08 + 0.08 an hour, half of it ML's."""
    return [node(**EDGE), pod("a", cpu=2000, memory=8 * GIB, **EDGE)]


def exports(place: Estate) -> set[str]:
    return {row["x_Export"] for row in place.lake.partitions("cost")}


def test_a_private_nodes_hour_is_billed_by_its_capacity_and_attributed() -> None:
    place = estate([], edge_usage())

    summary = place.allocate(rated(RATE)).summary

    assert place.parts() == {"allocated": Decimal("0.08"), "idle": Decimal("0.08")}
    row = next(row for row in place.rows() if row["x_Pod"] == "a")
    assert (row["x_Team"], row["x_Cluster"], row["BillingCurrency"], row["BillingAccountId"]) == ("ML", "edge-1", "EUR", "private")
    assert exports(place) == {"private-edge-1"}
    assert [record.difference for record in summary.reconciliations] == [0, 0]


def test_every_column_that_focus_demands_is_there() -> None:
    place = estate([], edge_usage())

    place.allocate(rated(RATE))

    (row,) = place.rows("SELECT * FROM cost")
    demanded = (
        "BilledCost", "BillingAccountId", "BillingCurrency", "BillingPeriodStart", "BillingPeriodEnd", "ChargeCategory",
        "ChargePeriodStart", "ChargePeriodEnd", "ListUnitPrice", "SkuPriceId",
        "ContractedCost", "EffectiveCost", "InvoiceIssuerName", "ListCost", "ProviderName", "PublisherName",
        "ServiceCategory", "ServiceName", "PricingQuantity", "PricingUnit", "ChargeDescription", "x_RowId", "x_SourceFile", "x_SourceRow",
    )  # fmt: skip
    assert [name for name in demanded if row[name] is None] == []
    assert (row["ConsumedQuantity"], row["ConsumedUnit"]) == (1, "Hours")
    assert row["ChargeDescription"] == "4000 mCPU, 16384 MiB, 0 mGPU for 3600 s, rate dc"


def test_gpus_and_part_of_an_hour_are_priced_by_the_second() -> None:
    place = estate([], [node(gpus=2, seconds=900, **EDGE)])

    place.allocate(rated(RATE))

    assert place.parts() == {"idle": Decimal("0.79")}


def test_a_volume_is_priced_by_size_and_is_its_namespaces() -> None:
    volume = asset("volume", "pvc-7", cluster="edge-1", cluster_slug="edge-1", asset_bytes=100 * GIB, namespace="ns2")
    place = estate([], [volume])

    place.allocate(
        rated(PrivateRate(id="dc", cluster="edge-1", currency="EUR", cpu=Decimal(1), memory=Decimal(1), storage=Decimal("0.001")))
    )

    (row,) = place.rows()
    assert (row["EffectiveCost"], row["x_Team"], row["ConsumedQuantity"]) == (Decimal("0.1"), "Shop", 100)


def test_a_cluster_without_a_rate_has_no_bill() -> None:
    with pytest.raises(BadInput, match="no export has a bill"):
        estate([], [node(), pod("a")]).allocate(rated(RATE))


def test_a_node_that_a_cloud_bills_is_not_billed_twice() -> None:
    cloud = {"cluster": "edge-1", "cluster_slug": "edge-1"}
    place = estate([bill("1")], [node(**cloud), node(**EDGE)])  # type: ignore[arg-type]

    place.allocate(rated(RATE))

    found = place.rows('SELECT "BillingCurrency" AS currency, sum("BilledCost") AS cost FROM cost GROUP BY 1 ORDER BY 1')
    assert found == [{"currency": "EUR", "cost": Decimal("0.16")}, {"currency": "USD", "cost": 1}]


def test_the_first_rate_that_holds_on_the_day_counts() -> None:
    later = HOUR + timedelta(days=10)
    old = PrivateRate(id="old", project="factory", currency="EUR", cpu=Decimal(1), memory=Decimal(0), valid_to=date(2026, 7, 5))
    new = PrivateRate(id="new", project="factory", currency="EUR", cpu=Decimal(2), memory=Decimal(0))
    place = estate([], [node(project="factory", **EDGE), node(project="factory", hour=later, **EDGE)])

    place.allocate(rated(old, new, RATE))

    assert [row["BilledCost"] for row in place.rows('SELECT "BilledCost" FROM cost ORDER BY "ChargePeriodStart"')] == [4, 8]


def test_doing_it_twice_is_doing_it_once() -> None:
    place = estate([], edge_usage())

    for _ in range(2):
        place.allocate(rated(RATE))

    assert place.parts("BilledCost") == {"allocated": Decimal("0.08"), "idle": Decimal("0.08")}


def test_a_bill_whose_rate_is_gone_becomes_empty() -> None:
    place = estate([bill("1")], edge_usage())
    place.allocate(rated(RATE))

    place.allocate(rated())

    assert place.rows("SELECT 1 FROM cost WHERE \"x_Export\" = 'private-edge-1'") == []
    assert place.parts() == {"not-kubernetes": Decimal(1)}


def test_a_clouds_export_of_the_same_name_is_never_touched() -> None:
    place = estate([bill("1", x_Export="private-edge-1")], edge_usage())

    with pytest.raises(BadInput, match="private-edge-1: an export of a cloud has this name"):
        place.allocate(rated(RATE))

    place.allocate(rated())
    assert place.parts("BilledCost") == {"not-kubernetes": Decimal(1)}


def test_usage_of_other_months_is_not_this_months_bill() -> None:
    june = HOUR - timedelta(days=1)
    place = estate([], [node(hour=june, **EDGE)])

    assert price_private(PERIOD, place.ports, (RATE,), place.root / "scratch", june) == ()


def test_a_period_that_is_none_is_refused() -> None:
    with pytest.raises(BadInput, match="july: expected a period like p-2026-07"):
        price_private("july", estate([]).ports, (RATE,), estate([]).root, HOUR)
