"""AWS's Cost and Usage Report becomes FOCUS rows whose sums are the bill's: real files, the real engine, a real lake."""

import csv
import json
from decimal import Decimal
from pathlib import Path

import pytest

from tests.cur_bills import (
    NODE_ARN,
    PLAN,
    RESERVATION,
    Row,
    covered,
    fee,
    line,
    plan_fee,
    reservation_fee,
    total,
    true_up,
    upfront,
    write_csv,
    write_parquet,
)
from tests.lake_of_bills import lake_ports, read_in, stored
from trimtab.ports import Ports

SAMPLE = Path(__file__).parents[1] / "data" / "billing" / "aws_cur_legacy.csv"
SUMS = 'sum("BilledCost"), sum("EffectiveCost")'


@pytest.fixture
def ports(tmp_path: Path) -> Ports:
    return lake_ports(tmp_path)


def a_month() -> list[Row]:
    """A plan and a reservation, both paid in part upfront and not used whole, and everything else a bill has."""
    return [
        line("Usage", "0.192"),
        line("Usage", "5.2E-9", line_item_resource_id=""),
        *covered("0.5", "0.3"),
        line("DiscountedUsage", "0", reservation_effective_cost="0.06", **RESERVATION),
        plan_fee("0.25", committed="0.35", used="0.3", amortized="0.1"),
        reservation_fee("0.05", unused="0.01", unused_upfront="0.02", amortized="0.04"),
        fee("SavingsPlanUpfrontFee", "876", **PLAN),
        fee("Fee", "350", **RESERVATION),
        fee("Fee", "100", line_item_product_code="AWSSupportBusiness", product_product_name="AWS Support (Business)"),
        fee("Refund", "-20", line_item_product_code="ComputeSavingsPlans"),
        fee("Refund", "-3.5", bill_invoice_id="777"),
        fee("Credit", "-10", bill_invoice_id="777"),
        fee("Tax", "12.34", bill_invoice_id="777"),
        fee("EdpDiscount", "-0.02"),
        line("Usage", "7", bill_billing_entity="AWS Marketplace", line_item_legal_entity="Acme Software", line_item_product_code="x1y2z3"),
    ]


# ── the sums ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_the_real_report_sums_to_the_last_digit(ports: Ports, tmp_path: Path) -> None:
    """Amounts of 1e-9 and exponents are in it; what is billed is what Python's own decimal numbers say."""
    rows = list(csv.DictReader(SAMPLE.open(newline="")))
    billed = sum(Decimal(row["lineItem/UnblendedCost"]) for row in rows)

    loaded = read_in(ports, tmp_path, SAMPLE)["2023-11"]

    assert [money.amount for money in loaded.billed] == [billed]
    assert (loaded.rows, loaded.warnings) == (len(rows), ())
    assert stored(ports, SUMS, "") == [(billed, billed)]
    assert stored(ports, '"ChargeCategory", count(*)', "GROUP BY 1 ORDER BY 1") == [("Tax", 12), ("Usage", len(rows) - 12)]
    assert {category for (category,) in stored(ports, '"ServiceCategory"')} >= {"Storage", "Analytics", "Integration", "Security"}


@pytest.mark.parametrize("spelling", ["legacy", "plain"])
def test_nothing_of_a_month_is_lost_or_counted_twice(ports: Ports, tmp_path: Path, spelling: str) -> None:
    """sum(unblended) = sum(amortized) + true-up + upfront: the identity of AWS's own dashboards."""
    month = a_month()

    read_in(ports, tmp_path, write_csv(tmp_path / "b.csv", month, "legacy" if spelling == "legacy" else "plain"))

    ((billed, effective),) = stored(ports, SUMS, "")
    assert billed == total(month) == Decimal("1312.3120000052")
    assert isinstance(effective, Decimal)
    assert effective + true_up(month) + upfront(month) == total(month)


def test_each_invoice_is_billed_what_its_lines_say(ports: Ports, tmp_path: Path) -> None:
    read_in(ports, tmp_path, write_csv(tmp_path / "b.csv", a_month()))

    assert stored(ports, '"InvoiceId", sum("BilledCost")', "GROUP BY 1 ORDER BY 1") == [
        ("777", Decimal("-1.16")),
        (None, total(a_month()) + Decimal("1.16")),
    ]


# ── each kind of line item ───────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (line("Usage", "2"), [("Usage", None, "Usage-Based", "Standard", "2", "2", "1", "2")]),
        (
            line("Usage", "2", line_item_usage_type="USW2-SpotUsage:m5.large"),
            [("Usage", None, "Usage-Based", "Dynamic", "2", "2", "1", "2")],
        ),
        (line("Usage", "0", pricing_public_on_demand_cost=""), [("Usage", None, "Usage-Based", "Standard", "0", "0", None, "0")]),
        (
            line("DiscountedUsage", "0", reservation_effective_cost="0.6", **RESERVATION),
            [("Usage", None, "Usage-Based", "Committed", "0", "0.6", "1", "1")],
        ),
        (fee("Fee", "350", **RESERVATION), [("Purchase", None, "One-Time", "Standard", "350", "0", "350", "350")]),
        (fee("Fee", "100"), [("Purchase", None, "One-Time", "Standard", "100", "100", "100", "100")]),
        (fee("SavingsPlanUpfrontFee", "876", **PLAN), [("Purchase", None, "One-Time", "Standard", "876", "0", "876", "876")]),
        (
            reservation_fee("5", unused="1", unused_upfront="0.5"),
            [
                ("Purchase", None, "Recurring", "Standard", "5", "0", "5", "5"),
                ("Usage", None, "Usage-Based", "Committed", "0", "1.5", "1.5", "1.5"),
            ],
        ),
        (reservation_fee("5", unused="0"), [("Purchase", None, "Recurring", "Standard", "5", "0", "5", "5")]),
        (
            plan_fee("0.25", committed="0.35", used="0.3"),
            [
                ("Purchase", None, "Recurring", "Standard", "0.25", "0", "0.25", "0.25"),
                ("Usage", None, "Usage-Based", "Committed", "0", "0.05", "0.05", "0.05"),
            ],
        ),
        (fee("Credit", "-10"), [("Credit", None, "One-Time", None, "-10", "-10", "-10", "-10")]),
        (fee("Refund", "-3"), [("Adjustment", "Correction", "One-Time", None, "-3", "-3", "-3", "-3")]),
        (
            fee("Refund", "-20", line_item_product_code="ComputeSavingsPlans"),
            [("Adjustment", "Correction", "One-Time", None, "-20", "0", "-20", "-20")],
        ),
        (fee("Tax", "12"), [("Tax", None, "One-Time", None, "12", "12", "12", "12")]),
        (fee("BundledDiscount", "-1"), [("Adjustment", None, "One-Time", None, "-1", "-1", "0", "-1")]),
        (fee("SomethingNew", "4"), [("Adjustment", None, "One-Time", None, "4", "4", "4", "4")]),
    ],
    ids=lambda value: value["line_item_line_item_type"] if isinstance(value, dict) else "",
)
def test_a_line_item_is_these_charges(ports: Ports, tmp_path: Path, row: Row, expected: list[tuple[str | None, ...]]) -> None:
    """Category, class, frequency, pricing; billed, effective, list and contracted cost."""
    read_in(ports, tmp_path, write_csv(tmp_path / "b.csv", [row]))

    kinds = '"ChargeCategory", "ChargeClass", "ChargeFrequency", "PricingCategory"'
    costs = ", ".join(f'"{name}"' for name in ("BilledCost", "EffectiveCost", "ListCost", "ContractedCost"))
    found = stored(ports, f"{kinds}, {costs}", 'ORDER BY "ChargeCategory", "BilledCost" DESC')
    assert found == [(*each[:4], *(None if cost is None else Decimal(cost) for cost in each[4:])) for each in expected]


def test_usage_under_a_plan_is_billed_at_zero_and_costs_its_share(ports: Ports, tmp_path: Path) -> None:
    """As in AWS's own FOCUS table: the plan's fee is what is invoiced; covered usage and its negation take each other away."""
    read_in(ports, tmp_path, write_csv(tmp_path / "b.csv", covered("0.5", "0.3")))

    costs = '"ChargeCategory", "BilledCost", "EffectiveCost", "ListCost", "CommitmentDiscountStatus"'
    assert stored(ports, costs) == [
        ("Usage", Decimal(0), Decimal("0.3"), Decimal(1), "Used"),
        ("Adjustment", Decimal(0), Decimal(0), Decimal(0), None),
    ]


def test_an_unused_commitment_says_whose_and_how_much(ports: Ports, tmp_path: Path) -> None:
    read_in(
        ports, tmp_path, write_csv(tmp_path / "b.csv", [plan_fee("0.25", committed="0.35", used="0.3"), reservation_fee("5", unused="1")])
    )

    columns = ", ".join(f'"CommitmentDiscount{name}"' for name in ("Type", "Category", "Status", "Quantity", "Unit"))
    assert stored(ports, f'{columns}, "ConsumedQuantity"', 'ORDER BY "x_SourceRow", "ChargeCategory"') == [
        ("Savings Plan", "Spend", None, Decimal("0.35"), "USD", None),
        ("Savings Plan", "Spend", "Unused", Decimal("0.05"), "USD", None),
        ("Reservation", "Usage", None, None, None, None),
        ("Reservation", "Usage", "Unused", Decimal(3), "Hours", None),
    ]


def test_equal_fees_of_two_rows_are_four_charges(ports: Ports, tmp_path: Path) -> None:
    """Each fee is two charges; two equal fees are still two fees."""
    loaded = read_in(ports, tmp_path, write_csv(tmp_path / "b.csv", [reservation_fee("5", unused="1")] * 2))["2026-07"]

    assert (loaded.rows, stored(ports, SUMS, "")) == (4, [(Decimal(10), Decimal(2))])
    assert len(set(stored(ports, '"x_RowId"'))) == 4


def test_usage_of_a_closed_month_is_a_correction(ports: Ports, tmp_path: Path) -> None:
    june = {"line_item_usage_start_date": "2026-06-30T22:00:00Z", "line_item_usage_end_date": "2026-06-30T23:00:00Z"}

    read_in(ports, tmp_path, write_csv(tmp_path / "b.csv", [line("Usage", "-1", **june), line("Usage", "1")]))

    times = '"ChargeClass", "BilledCost", "ChargePeriodStart"::VARCHAR, "x_Period"'
    assert stored(ports, times) == [
        ("Correction", Decimal(-1), "2026-06-30 22:00:00", "p-2026-07"),
        (None, Decimal(1), "2026-07-01 10:00:00", "p-2026-07"),
    ]


def test_a_month_ends_where_the_next_begins(ports: Ports, tmp_path: Path) -> None:
    read_in(ports, tmp_path, write_csv(tmp_path / "b.csv", [fee("Tax", "1"), line("Usage", "1")]))

    assert [end for (end,) in stored(ports, '"ChargePeriodEnd"::VARCHAR')] == ["2026-08-01 00:00:00", "2026-07-01 11:00:00"]


# ── dimensions ───────────────────────────────────────────────────────────────────────────────────────────────────────
def test_who_what_and_where_a_charge_is(ports: Ports, tmp_path: Path) -> None:
    row = line(
        "Usage", "1", line_item_availability_zone="us-east-1a", pricing_rate_code="R.1", product_sku="S", product_instance_type="m5.xlarge"
    )

    read_in(ports, tmp_path, write_csv(tmp_path / "b.csv", [row], "legacy"))

    names = (
        "BillingAccountId", "SubAccountId", "ProviderName", "PublisherName", "InvoiceIssuerName", "ServiceName", "ServiceCategory",
        "RegionId", "AvailabilityZone", "ResourceId", "ResourceType", "SkuId", "SkuPriceId", "SkuMeter", "SkuPriceDetails", "ConsumedUnit",
    )  # fmt: skip
    assert stored(ports, ", ".join(f'"{name}"' for name in names)) == [
        (
            "111122223333", "444455556666", "AWS", "AWS", "Amazon Web Services, Inc.", "Amazon Elastic Compute Cloud", "Compute",
            "us-east-1", "us-east-1a", NODE_ARN, "Compute Instance",
            "S", "R.1", "BoxUsage:m5.xlarge", '{"InstanceType":"m5.xlarge"}', "Hrs",
        )
    ]  # fmt: skip


def test_disks_and_traffic_of_ec2_are_no_compute(ports: Ports, tmp_path: Path) -> None:
    families = ("Compute Instance", "Storage", "Data Transfer", "NAT Gateway", "Something")

    read_in(ports, tmp_path, write_csv(tmp_path / "b.csv", [line("Usage", "1", product_product_family=family) for family in families]))

    assert [category for (category,) in stored(ports, '"ServiceCategory"')] == ["Compute", "Storage", "Networking", "Networking", "Compute"]


TAGS = {"user:team": "ml", "aws:eks:cluster-name": "prod", "user:empty": ""}


def test_tags_are_the_same_in_every_spelling(ports: Ports, tmp_path: Path) -> None:
    """FOCUS prefixes only what a provider sets: an owner rule on `team` must hold whichever report somebody exports."""
    usage = line("Usage", "1")
    athena = {"resource_tags_user_team": "ml", "resource_tags_aws_eks_cluster_name": "prod", "resource_tags_user_empty": ""}
    cur2 = {"user_team": "ml", "aws_eks_cluster_name": "prod", "user_empty": ""}
    paths = [
        write_csv(tmp_path / "1.csv", [usage | {f"resourceTags/{key}": value for key, value in TAGS.items()}], "legacy"),
        write_csv(tmp_path / "2.csv", [usage | athena]),
        write_csv(tmp_path / "3.csv", [usage | {"resource_tags": json.dumps(cur2)}]),
        write_parquet(tmp_path / "4.parquet", [usage], {"resource_tags": [cur2]}),
        write_csv(tmp_path / "5.csv", [usage | {"resource_tags": ""}]),
    ]

    read_in(ports, tmp_path, *paths)

    same = {"team": "ml", "aws:eks:cluster-name": "prod"}
    found = [None if tags is None else json.loads(str(tags)) for (tags,) in stored(ports, '"Tags"')]
    assert found == [same, same, same, same, None]


def test_a_users_tag_never_passes_for_a_providers(ports: Ports, tmp_path: Path) -> None:
    """Whoever writes a tag `aws_eks_cluster_name` on a resource must not move its cost to that cluster."""
    tags = json.dumps({"user_aws_eks_cluster_name": "prod", "user:aws:x": "y"})

    read_in(ports, tmp_path, write_csv(tmp_path / "b.csv", [line("Usage", "1", resource_tags=tags)]))

    ((found,),) = stored(ports, '"Tags"')
    assert json.loads(str(found)) == {"user_aws_eks_cluster_name": "prod", "user:aws:x": "y"}


def test_cur_2_as_parquet_and_as_csv_are_the_same_rows(ports: Ports, tmp_path: Path) -> None:
    """Doubles, timestamps and maps on the one side, text on the other."""
    names = [{"product_name": "Amazon Elastic Compute Cloud", "region_code": "us-east-1"}] * len(a_month())
    bare = [
        {name: text for name, text in row.items() if not name.startswith(("product_product_name", "product_region"))} for row in a_month()
    ]
    read_in(ports, tmp_path, write_csv(tmp_path / "b.csv", [row | {"product": json.dumps(names[0])} for row in bare]))
    of_csv = stored(ports, '* EXCLUDE ("x_SourceFile")', "ORDER BY ALL")
    second = tmp_path / "second"
    other = lake_ports(second)

    read_in(other, second, write_parquet(second / "b.parquet", bare, {"product": names}))

    assert stored(other, '* EXCLUDE ("x_SourceFile")', "ORDER BY ALL") == of_csv
