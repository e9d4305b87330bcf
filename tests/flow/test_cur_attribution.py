"""From AWS's report to owners: real ingest, real lake, real attribution, and the parts are the bill in each currency."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from tests.bills import Estate, estate, node, pod
from tests.cur_bills import PLAN, RESERVATION, Row, covered, fee, line, plan_fee, reservation_fee, total, write_csv
from trimtab.adapters.store.buckets import StoreBuckets
from trimtab.errors import BadInput
from trimtab.flow.ingest import ingest_files
from trimtab.settings import Export

NOW = datetime(2026, 7, 31, 12, tzinfo=UTC)
TEAMS = '"x_Part" AS part, "x_Team" AS team, sum("EffectiveCost") AS cost'


def attributed(place: Path, *lines: Row) -> Estate:
    """A bill read in and attributed; on the node a pod of ML takes all CPU for that hour, and one of Shop nothing."""
    made = estate((), [node(), pod("a", cpu=4000, memory=16 << 30)], root=place)
    cast(SimpleNamespace, made.ports).buckets = StoreBuckets()
    path = write_csv(place / "bill.csv", lines)
    ingest_files((path,), Export(name="aws", prefix="/unused", billing_account="*"), made.ports, place / "scratch", NOW, NOW)
    made.allocate()
    return made


def teams(made: Estate) -> dict[tuple[object, object, object], Decimal]:
    """(currency, part, team) → effective cost, without what is zero."""
    rows = made.rows(f'SELECT "BillingCurrency" AS currency, {TEAMS} FROM allocated GROUP BY ALL HAVING cost <> 0')
    return {(row["currency"], row["part"], row["team"]): cast(Decimal, row["cost"]).normalize() for row in rows}


def test_two_line_items_for_one_node_hour_are_both_its_pods(tmp_path: Path) -> None:
    """A plan covers a part of the hour, the rest is on demand: the node costs 0.3 + 0.2, not one of them."""
    usage, negation = covered("0.5", "0.3")
    lines = [line("Usage", "0.2", line_item_usage_amount="0.4"), usage | {"line_item_usage_amount": "0.6"}, negation]

    assert teams(attributed(tmp_path, *lines)) == {("USD", "allocated", "ML"): Decimal("0.5")}


def test_rows_of_split_cost_allocation_beside_the_node_do_not_double_it(tmp_path: Path) -> None:
    share = line(
        "Usage", "0", line_item_operation="EKSPod-EC2", split_line_item_parent_resource_id="i-0abc", split_line_item_split_cost="1"
    )

    assert teams(attributed(tmp_path, line("Usage", "1"), share)) == {("USD", "allocated", "ML"): Decimal(1)}


def test_what_no_cluster_owns_is_said_and_the_whole_is_the_bill(tmp_path: Path) -> None:
    """Tax, support, credits, refunds, marketplace, upfront fees and unused commitments: none of them is a team's, all of them are there."""
    lines = [
        line("Usage", "0.192"),
        *covered("0.5", "0.3"),
        line("DiscountedUsage", "0", reservation_effective_cost="0.06", **RESERVATION),
        plan_fee("0.25", committed="0.35", used="0.3", amortized="0.1"),
        reservation_fee("0.05", unused="0.01", unused_upfront="0.02", amortized="0.04"),
        fee("SavingsPlanUpfrontFee", "876", **PLAN),
        fee("Fee", "100", line_item_product_code="AWSSupportBusiness"),
        fee("Refund", "-3.5"),
        fee("Credit", "-10"),
        fee("Tax", "12.34"),
        line("Usage", "7", bill_billing_entity="AWS Marketplace", line_item_resource_id="", line_item_product_code="x1y2z3"),
    ]

    made = attributed(tmp_path, *lines)

    ((_, part, team), cost), *rest = sorted(teams(made).items(), key=lambda item: str(item[0][1]))
    assert (part, team, cost) == ("allocated", "ML", Decimal("0.552"))
    assert sum(cost for _, cost in rest) == Decimal("105.92")
    assert sum(made.parts("BilledCost").values()) == total(lines) == Decimal("982.332")
    unused = made.rows("""SELECT "x_Team" AS team, "x_Reason" AS why FROM allocated WHERE "CommitmentDiscountStatus" = 'Unused'""")
    assert [row["team"] for row in unused] == [None, None]
    assert all(str(row["why"]).startswith("unused commitment arn:aws:") for row in unused)


def test_two_currencies_on_one_resource_hour_are_never_added(tmp_path: Path) -> None:
    made = attributed(tmp_path, line("Usage", "1"), line("Usage", "100", line_item_currency_code="CNY"))

    assert teams(made) == {("USD", "allocated", "ML"): Decimal(1), ("CNY", "allocated", "ML"): Decimal(100)}


def test_a_correction_of_a_closed_month_is_in_the_month_that_bills_it(tmp_path: Path) -> None:
    """The invoice of June is closed: what AWS takes back of it is on July's, and July must add up to July's invoice."""
    june = {"line_item_usage_start_date": "2026-06-30T22:00:00Z", "line_item_usage_end_date": "2026-06-30T23:00:00Z"}

    made = attributed(tmp_path, line("Usage", "1"), line("Usage", "-0.4", **june))

    assert sum(made.parts("BilledCost").values()) == Decimal("0.6")
    assert teams(made)["USD", "allocated", "ML"] == Decimal(1)


def test_a_refused_bill_leaves_what_was_attributed(tmp_path: Path) -> None:
    made = attributed(tmp_path, line("Usage", "1"))
    path = write_csv(tmp_path / "again.csv", [line("Usage", "1e400")])

    with pytest.raises(BadInput, match="row 1: line_item_unblended_cost: '1e400'"):
        ingest_files((path,), Export(name="aws", prefix="/unused", billing_account="*"), made.ports, tmp_path / "scratch", NOW, NOW)

    made.allocate()
    assert teams(made) == {("USD", "allocated", "ML"): Decimal(1)}
