"""Reports on allocated cost through real bills and usage: unit rates, variance, the audit sample, another currency."""

import itertools
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, cast

import pytest

from tests.allocated_rows import allocated, estate_of, idle_row, pod_row
from tests.bills import HOUR, Estate, Row, bill, estate, node, pod
from trimtab.accounting.exchange import ExchangeRates, parse_rates
from trimtab.adapters.store.ledger import StoreLedger
from trimtab.adapters.store.objects import open_objects
from trimtab.attribution.query import Condition, CostQuery
from trimtab.errors import BadInput
from trimtab.flow.audit_sample import answer, draw
from trimtab.flow.costs import Reporting, costs
from trimtab.flow.explain_cost import explain_row
from trimtab.flow.unit_rates import unit_rates
from trimtab.flow.variance import variance
from trimtab.records import InstanceType
from trimtab.units import GIB, Bytes, Millicores, Money

NOW = datetime(2026, 8, 2, 6, tzinfo=UTC)


# ── Unit rates ───────────────────────────────────────────────────────────────────────────────────────────────────────
@cache
def node_hour() -> Estate:
    """One node-hour billed in two rows (on demand and covered by a plan), and half of it taken."""
    made = estate([bill("0.6"), bill("0.4")], [node(), pod("a", cpu=2000, memory=8 * GIB, cpu_used=500, memory_used=4 * GIB)])
    made.allocate()
    return made


def test_two_rows_of_one_node_hour_are_one_hour() -> None:
    """Their costs add up; their CPU-hours are the same four."""
    (rate,) = unit_rates("pool", "2026-07", node_hour().ports).rows

    assert (rate.name, rate.cpu_hours, rate.memory_hours) == ("prod/workers", Decimal(4), Decimal(16))
    assert rate.cpu_hour is not None
    assert rate.memory_hour is not None
    assert abs(rate.cpu_hour * 4 + rate.memory_hour * 16 - 1) < Decimal("1e-4")
    assert abs(rate.cpu_hour / rate.memory_hour - Decimal(31611) / 4237) < Decimal("1e-3")


def test_without_gpus_there_is_no_gpu_rate() -> None:
    (rate,) = unit_rates("instance-type", None, node_hour().ports).rows

    assert (rate.name, rate.gpu_hour, rate.gpu_hours) == ("m5.xlarge", None, Decimal(0))


def test_efficiency_is_used_over_requested_at_these_rates() -> None:
    (rate,) = unit_rates("cluster", None, node_hour().ports).rows

    # (0.5 x 31611 + 4 x 4237) / (2 x 31611 + 8 x 4237)
    assert rate.efficiency is not None
    assert abs(rate.efficiency - Decimal("0.337251")) < Decimal("1e-5")


def test_what_was_not_measured_has_no_efficiency() -> None:
    made = estate([bill("1")], [node(), pod("a", cpu=2000, memory=8 * GIB, used=False)])
    made.allocate()

    assert unit_rates("pool", None, made.ports).rows[0].efficiency is None


def test_rates_by_something_else_are_refused() -> None:
    with pytest.raises(BadInput, match="rates are by cluster, pool, instance-type"):
        unit_rates(cast("Any", "team"), None, node_hour().ports)


# ── Variance ─────────────────────────────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True, slots=True)
class OnePrice:
    """Port Catalog that knows the price of one type."""

    price: Money | None
    source: str = "a price list of the test"

    def find(self, cloud: str, region: str, name: str) -> InstanceType | None:
        if (cloud, region, name) != ("aws", "us-east-1", "m5.xlarge"):
            return None
        return InstanceType(
            name=name, cloud="aws", region=region, cpu=Millicores(4000), memory=Bytes(16 * GIB), arch="x86_64",
            allocatable_cpu=Millicores(3900), allocatable_memory=Bytes(15 * GIB), max_pods=58, price=self.price,
        )  # fmt: skip

    def offered(self, cloud: str, region: str) -> tuple[InstanceType, ...]:  # noqa: ARG002 -- it offers none
        return ()


def month(price: str | None, currency: str = "USD") -> Estate:
    """Two node-hours at list 0.20: one discounted, one billed and not measured; tax and a credit; and another type's node."""
    money: Row = {"ListCost": "0.2", "ContractedCost": "0.18"}
    cost = [
        bill("0.15") | money,
        bill("0.18", hour=HOUR + timedelta(hours=1)) | money,
        bill("0.05", ChargeCategory="Tax", ResourceId=None, ServiceCategory="Other"),
        bill("-0.02", ChargeCategory="Credit", ResourceId=None, ServiceCategory="Other"),
        bill("0.5", ResourceId="i-0def", ListCost="0.5", ContractedCost="0.5"),
    ]
    usage = [node(), pod("a", cpu=1000, memory=GIB), node(node="n2", provider_id="i-0def", instance_type="m5.huge")]
    made = estate(cost, usage)
    made.allocate()
    cast("Any", made.ports).catalog = OnePrice(Money(Decimal(price), currency) if price else None)
    return made


def test_the_difference_between_list_price_and_bill_is_told_by_cause() -> None:
    made = month("0.19")

    report = variance("2026-07", made.ports, by_cluster=False)

    (row,) = report.rows
    assert row.estimate == Decimal("0.19")
    assert dict(row.causes) == {
        "hours billed without usage": Decimal("0.19"),
        "list price differs from the catalog": Decimal("0.02"),
        "negotiated discounts": Decimal("-0.04"),
        "commitments and spot": Decimal("-0.03"),
        "nodes without a catalog price": Decimal("0.5"),
        "tax": Decimal("0.05"),
        "credits and refunds": Decimal("-0.02"),
    }
    assert row.bill == Decimal("0.86")
    assert report.missing_prices == ("m5.huge in us-east-1 (aws, USD): 1 node",)


def test_by_cluster_what_is_outside_clusters_is_a_row_of_its_own() -> None:
    made = month("0.19")

    rows = variance(None, made.ports, by_cluster=True).rows

    assert [(row.cluster, row.bill) for row in rows] == [("prod", Decimal("0.83")), (None, Decimal("0.03"))]


@pytest.mark.parametrize(("price", "currency"), [(None, "USD"), ("0.19", "EUR")])
def test_a_price_that_is_missing_or_in_another_currency_is_named_and_never_zero(price: str | None, currency: str) -> None:
    made = month(price, currency)

    report = variance(None, made.ports, by_cluster=False)

    assert report.rows[0].estimate == 0
    assert dict(report.rows[0].causes)["nodes without a catalog price"] == Decimal("0.83")
    assert report.missing_prices == ("m5.huge in us-east-1 (aws, USD): 1 node", "m5.xlarge in us-east-1 (aws, USD): 1 node")


# ── The audit sample ─────────────────────────────────────────────────────────────────────────────────────────────────
def audited(tmp_path: Path) -> Estate:
    """Three large rows, forty small ones, and a real ledger."""
    rows = [allocated(str(1000 + place), x_Namespace=f"large-{place}") for place in range(3)]
    rows += [allocated(f"1.{place:02}", x_Namespace=f"small-{place}") for place in range(40)]
    made = estate_of(*rows)
    numbers = itertools.count(1)
    cast("Any", made.ports).ledger = StoreLedger(open_objects(f"file://{tmp_path}"), lambda: f"nonce-{next(numbers)}")
    return made


def test_the_same_seed_draws_the_same_rows_and_another_draws_others(tmp_path: Path) -> None:
    made = audited(tmp_path)

    first, again, other = (draw(None, 10, seed, None, made.ports, NOW) for seed in (7, 7, 8))

    assert [row.id for row in first.rows] == [row.id for row in again.rows]
    assert {row.id for row in first.rows} != {row.id for row in other.rows}
    assert [row.namespace for row in first.rows[:3]] == ["large-2", "large-1", "large-0"]
    assert len(first.rows) == 10
    assert [(one.name, one.rows, one.drawn) for one in first.strata] == [("all of the largest", 3, 3), ("stratum 1", 40, 7)]


def test_answers_are_kept_and_accuracy_waits_for_every_stratum(tmp_path: Path) -> None:
    made = audited(tmp_path)
    sample = draw("2026-07", 10, 7, None, made.ports, NOW)

    told = [answer(row.id, is_right=True, reason="", who="finops-owner", ports=made.ports, now=NOW) for row in sample.rows[:3]]
    last = answer(sample.rows[9].id, is_right=False, reason="the pod moved to data", who="finops-owner", ports=made.ports, now=NOW)

    assert [one.share for one in told] == [None, None, None]
    assert told[-1].reason == "no answer yet in stratum 1"
    assert last.share is not None
    assert Decimal("0.98") < last.share < Decimal("0.99")
    assert last.answered == 4
    assert draw("2026-07", 10, 7, None, made.ports, NOW).accuracy == last


def test_saying_the_same_twice_writes_once_and_the_newest_answer_counts(tmp_path: Path) -> None:
    made = audited(tmp_path)
    row = draw(None, 10, 7, None, made.ports, NOW).rows[0]

    for word in (True, True, False):
        answer(row.id, is_right=word, reason="", who="finops-owner", ports=made.ports, now=NOW)
    draw(None, 10, 7, None, made.ports, NOW)

    kinds = [entry.kind for entry in made.ports.ledger.entries("audit-sample/p-2026-07")]
    assert kinds == ["drawn", "answered", "answered"]


def test_an_answer_about_a_row_that_was_not_drawn_is_refused(tmp_path: Path) -> None:
    made = audited(tmp_path)
    with pytest.raises(BadInput, match="alloc-x: in no sample"):
        answer("alloc-x", is_right=True, reason="", who="finops-owner", ports=made.ports, now=NOW)


def test_a_sample_over_two_currencies_asks_which(tmp_path: Path) -> None:
    made = audited(tmp_path)
    made.lake.put("allocated", [allocated("1"), allocated("1", BillingCurrency="EUR")])

    with pytest.raises(BadInput, match="--currency: name one of EUR, USD"):
        draw(None, 10, 1, None, made.ports, NOW)
    assert len(draw(None, 10, 1, "EUR", made.ports, NOW).rows) == 1
    with pytest.raises(BadInput, match="--size 0"):
        draw(None, 0, 1, "EUR", made.ports, NOW)


# ── Another currency ─────────────────────────────────────────────────────────────────────────────────────────────────
def rates(*lines: str) -> ExchangeRates:
    return parse_rates("\n".join(("date,from,to,rate", *lines)).encode(), "fx.csv")


@cache
def two_days() -> Estate:
    """1 USD on the 1st and 2 USD on the 2nd, 4 EUR, and idle capacity of 3 USD on the 2nd."""
    second: Row = {"ChargePeriodStart": HOUR + timedelta(days=1)}
    return estate_of(
        pod_row("a", "1", "0"),
        pod_row("a", "2", "0") | second,
        idle_row("3", "0") | second,
        allocated("4", BillingCurrency="EUR", x_Namespace="a"),
    )


def test_a_charge_is_converted_at_its_own_days_rate() -> None:
    table = costs(
        ("namespace",),
        None,
        two_days().ports,
        None,
        Reporting(currency="EUR", rates=rates("2026-07-01,USD,EUR,0.9", "2026-07-02,USD,EUR,0.8")),
    )

    assert {(row.keys, row.currency): row.reporting for row in table.rows} == {
        (("a",), "USD"): Decimal("2.5"),
        ((None,), "USD"): Decimal("2.4"),
        (("a",), "EUR"): Decimal(4),
    }
    assert (table.reporting_total, table.missing_rates) == (Decimal("8.9"), ())


def test_a_missing_rate_is_named_and_its_currency_has_no_number() -> None:
    table = costs(("namespace",), None, two_days().ports, None, Reporting(currency="EUR", rates=rates("2026-07-02,USD,EUR,0.8")))

    assert table.missing_rates == ("USD on 2026-07-01",)
    assert {row.currency: row.reporting for row in table.totals} == {"EUR": Decimal(4), "USD": None}
    assert table.reporting_total is None


def test_shared_idle_is_converted_at_its_own_day() -> None:
    """The idle capacity of the 2nd is worth what the 2nd's rate says, whoever gets it."""
    reporting = Reporting(currency="EUR", rates=rates("2026-07-01,USD,EUR,0.9", "2026-07-02,USD,EUR,0.8"))

    table = costs(
        ("namespace",), None, two_days().ports, CostQuery(idle="share", filters=(Condition(key="namespace", pattern="a"),)), reporting
    )

    assert {row.currency: (row.amounts.effective, row.reporting) for row in table.rows} == {
        "EUR": (Decimal(4), Decimal(4)),
        "USD": (Decimal(6), Decimal("4.9")),
    }


# ── One row's story ──────────────────────────────────────────────────────────────────────────────────────────────────
def test_the_story_of_a_row_has_its_resources_its_warm_idle_and_who_stands_above() -> None:
    row = allocated(
        "0", cpu="1", memory="2", gpu="5", x_GpuIdleCost="4", x_Team="ML", x_CostCenter="cc-1", x_BusinessUnit="research", x_OwnerRule="r1",
        x_SharedRule="s1", x_WorkloadKind="Job", x_Reason="because",
    )  # fmt: skip

    made = estate_of(row)

    story = explain_row(str(row["x_AllocatedRowId"]), made.ports)

    assert story.asked is not None
    assert story.asked.resources is not None
    assert (story.asked.resources.gpu, story.asked.resources.gpu_idle, story.asked.workload_kind) == (Decimal(5), Decimal(4), "Job")
    told = story.sentences()[-1]
    assert "shared by rule s1; ML by rule r1 (cost center cc-1, business unit research)" in told
    assert "USD for CPU 1, memory 2, GPU 5, of which 4 held and not computed with" in told


def test_an_annotation_comes_through_attribution() -> None:
    made = estate([bill("1")], [node(), pod("a", cpu=4000, memory=16 * GIB, annotations='{"owner": "red"}', labels='{"app": "x"}')])
    made.allocate()

    table = costs(("annotation:owner", "label:app"), None, made.ports)

    assert [(row.keys, row.amounts.effective) for row in table.rows] == [(("red", "x"), Decimal(1))]
