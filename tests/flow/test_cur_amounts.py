"""Amounts of a Cost and Usage Report that must not be guessed: net of discounts, shares of nodes, unknown ones, missing rows."""

from decimal import Decimal
from pathlib import Path

import pytest

from tests.cur_bills import Row, covered, fee, line, plan_fee, total, write_csv
from tests.lake_of_bills import lake_ports, read_in, refusal, stored
from trimtab.ports import Ports

SUMS = 'sum("BilledCost"), sum("EffectiveCost")'


@pytest.fixture
def ports(tmp_path: Path) -> Ports:
    return lake_ports(tmp_path)


# ── net of discounts ─────────────────────────────────────────────────────────────────────────────────────────────────
def test_net_costs_are_taken_where_the_bill_has_them(ports: Ports, tmp_path: Path) -> None:
    """With a discount of ten percent everywhere; the discount's own row is in the net costs of the others, so it is zero itself."""
    usage, negation = covered("0.5", "0.3")
    month = [
        line("Usage", "1", line_item_net_unblended_cost="0.9"),
        usage | {"line_item_net_unblended_cost": "0.45", "savings_plan_net_savings_plan_effective_cost": "0.27"},
        negation | {"line_item_net_unblended_cost": "-0.45"},
        plan_fee("0.35", committed="0.35", used="0.3", line_item_net_unblended_cost="0.315")
        | {
            "savings_plan_net_recurring_commitment_for_billing_period": "0.315",
            "savings_plan_net_amortized_upfront_commitment_for_billing_period": "0",
        },
        fee("EdpDiscount", "-0.135", line_item_net_unblended_cost="0"),
    ]

    read_in(ports, tmp_path, write_csv(tmp_path / "b.csv", month))

    assert stored(ports, SUMS, "") == [(total(month, "line_item_net_unblended_cost"), Decimal("1.215"))]
    assert total(month, "line_item_net_unblended_cost") == total(month) == Decimal("1.215")
    unused = stored(ports, '"EffectiveCost"', """WHERE "CommitmentDiscountStatus" = 'Unused'""")
    assert unused == [(Decimal("0.045"),)]


def test_empty_net_columns_mean_that_there_is_no_discount(ports: Ports, tmp_path: Path) -> None:
    read_in(ports, tmp_path, write_csv(tmp_path / "b.csv", [line("Usage", "1", line_item_net_unblended_cost=""), *covered("0.5", "0.3")]))

    assert stored(ports, SUMS, "") == [(Decimal(1), Decimal("1.3"))]


NET = {"line_item_net_unblended_cost": "0.9"}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([line("Usage", "1", **NET), fee("EdpDiscount", "-0.1")], "a discount's own row has no net cost"),
        ([line("Usage", "1", **NET), *covered("0.5", "0.3")], "usage under a commitment has none"),
        ([line("Usage", "1", line_item_net_unblended_cost="0")], "it was not filled"),
        ([line("Usage", "1", discount='{"total_discount": "-0.1"}')], "line_item_net_unblended_cost: empty on a row with a discount"),
        ([line("Usage", "1", discount_total_discount="-0.1")], "line_item_net_unblended_cost: empty on a row with a discount"),
    ],
)
def test_a_bill_whose_discounts_cannot_be_told_is_refused(ports: Ports, tmp_path: Path, rows: list[Row], message: str) -> None:
    """Taking a discount off twice, or not at all, would make a bill that nobody got."""
    assert message in refusal(ports, tmp_path, write_csv(tmp_path / "b.csv", rows))


# ── split cost allocation ────────────────────────────────────────────────────────────────────────────────────────────
def pod(cost: str = "0", **columns: str) -> Row:
    """A pod's share of the node, as split cost allocation writes it."""
    own = {
        "line_item_operation": "EKSPod-EC2", "line_item_usage_type": "USE1-EKS-EC2-vCPU-Hours",
        "line_item_resource_id": "arn:aws:eks:us-east-1:444455556666:pod/prod/train/job-1/uid",
        "split_line_item_parent_resource_id": "i-0abc", "split_line_item_split_cost": "0.4", "split_line_item_unused_cost": "0.6",
    }  # fmt: skip
    return line("Usage", cost, **(own | columns))


def test_rows_of_pods_and_tasks_are_the_nodes_money_and_are_left_out(ports: Ports, tmp_path: Path) -> None:
    """Also the phantom ones without a parent; Fargate has no node, so its rows are the money."""
    fargate = line("Usage", "0.05", line_item_operation="FargatePod", line_item_usage_type="USE1-Fargate-vCPU-Hours:perCPU")
    phantom = pod(split_line_item_parent_resource_id="", split_line_item_split_cost="0")
    rows = [line("Usage", "1"), pod(), pod(line_item_operation="ECSTask-EC2"), phantom, fargate]

    loaded = read_in(ports, tmp_path, write_csv(tmp_path / "b.csv", rows))["2026-07"]

    assert stored(ports, '"BilledCost", "x_SourceRow"') == [(Decimal(1), 1), (Decimal("0.05"), 5)]
    assert loaded.warnings == ("b.csv: left out 3 rows of split cost allocation (the node rows' money once more)",)


def test_a_pods_row_with_money_of_its_own_is_refused(ports: Ports, tmp_path: Path) -> None:
    """Left out it would be missing, kept it would count twice: the report is not what AWS describes."""
    said = refusal(ports, tmp_path, write_csv(tmp_path / "b.csv", [line("Usage", "1"), pod("0.4")]))

    assert said.startswith("b.csv: row 2: line_item_unblended_cost: '0.4' on a row of split cost allocation")


# ── what cannot be told ──────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("row", "message"),
    [
        (line("SavingsPlanCoveredUsage", "1"), "savings_plan_savings_plan_effective_cost: empty"),
        (line("DiscountedUsage", "0"), "reservation_effective_cost: empty"),
        (fee("RIFee", "1"), "reservation_unused_recurring_fee: empty"),
        (fee("SavingsPlanRecurringFee", "1"), "savings_plan_used_commitment: empty"),
        (line("", "1"), "ChargeCategory: it is empty"),
        (line("Usage", ""), "BilledCost: it is empty"),
        (line("Usage", "1", resource_tags="{broken"), "resource_tags: '{broken' is no JSON object"),
        (line("Usage", "1", pricing_public_on_demand_cost="NaN"), "pricing_public_on_demand_cost: 'NaN' is not a number"),
    ],
)
def test_a_row_with_an_unknown_amount_is_refused_by_name(ports: Ports, tmp_path: Path, row: Row, message: str) -> None:
    """Unknown is not zero."""
    said = refusal(ports, tmp_path, write_csv(tmp_path / "b.csv", [line("Usage", "1"), row]))

    assert said.startswith("b.csv: row 2: ")
    assert message in said


def test_columns_that_nobody_used_this_month_are_not_missed(ports: Ports, tmp_path: Path) -> None:
    """A legacy report gets a column when it is first needed: an account without commitments has none for them."""
    bare = {name: text for name, text in line("Usage", "1").items() if name.startswith(("bill_", "line_item_"))}

    read_in(ports, tmp_path, write_csv(tmp_path / "b.csv", [bare], "legacy"))

    assert stored(ports, '"BilledCost", "EffectiveCost", "ListCost", "ServiceName"') == [(Decimal(1), Decimal(1), None, "AmazonEC2")]


def test_a_bill_without_its_negations_is_not_whole(ports: Ports, tmp_path: Path) -> None:
    """Covered usage is billed at zero because another row takes its price away; if that row is missing, so is a part of the bill."""
    said = refusal(ports, tmp_path, write_csv(tmp_path / "b.csv", covered("0.5", "0.3")[:1]))

    assert (
        said == "2026-07: usage under a savings plan and its negations differ by 0.5 USD: a part of the bill is missing; deliver it whole"
    )


def test_a_rounding_between_usage_and_negation_is_said(ports: Ports, tmp_path: Path) -> None:
    usage, negation = covered("0.5", "0.3")

    loaded = read_in(ports, tmp_path, write_csv(tmp_path / "b.csv", [usage, negation | {"line_item_unblended_cost": "-0.5000000001"}]))

    assert loaded["2026-07"].warnings == (
        "2026-07: usage under a savings plan and its negations differ by a rounding of -0.0000000001 USD",
    )
