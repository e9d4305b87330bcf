"""The scenarios that the FOCUS specification prints, read as a bill: each adds up to what the specification says it does.

They are excerpts for people: columns are missing that every bill has, dates and money are written as a spreadsheet shows them, and two
hours are numbered 30. What is missing is filled in here; what a scenario says is left alone.
"""

import csv
import re
from decimal import Decimal
from pathlib import Path

from tests.lake_of_bills import lake_ports, read_in, stored
from trimtab.sources.focus import MANDATORY

EXAMPLES = Path(__file__).parents[1] / "data" / "billing" / "focus_spec_examples"
MONEY = re.compile(r"\$?-?[\d,]+\.\d\d ?")

SUMS = {
    "commitment_discount_purchase_scenario_1": ("8760", "0"),
    "commitment_discount_purchase_scenario_2": ("3", "0"),
    "commitment_discount_purchase_scenario_3": ("4381.5", "0"),
    "commitment_discount_usage_scenario_1": ("0", "1"),
    "commitment_discount_usage_scenario_2": ("0", "1"),
    "commitment_discount_usage_scenario_3": ("0", "1"),
    "commitment_discount_usage_scenario_4": ("0.5", "1.5"),
    "one_hundred_percent_utilization_with_commitment_discount_flexibility_with_1_resource": ("2.75", "2.75"),
    "one_hundred_percent_utilization_with_commitment_discount_flexibility_with_2_resources": ("2", "2"),
    "one_hundred_percent_utilization_without_commitment_discount_flexibility": ("1.5", "1.5"),
    "saas_spend_agreements_a1": ("1200", "1200"),
    "saas_spend_agreements_a2": ("1200", "1200"),
    "saas_spend_agreements_b1": ("1200", "1200"),
    "saas_spend_agreements_b2": ("1200", "1200"),
    "simple_saas_agreements_a1": ("10000", "10000"),
    "simple_saas_agreements_a2": ("50000", "50000"),
    "simple_saas_agreements_a3": ("1000", "1000"),
    "simple_saas_agreements_b": ("50000", "50000"),
    "simple_saas_agreements_c": ("35800", "35800"),
    "virtual_currency_pricing_model_a1": ("200000", "0"),
    "virtual_currency_pricing_model_a2": ("0", "1230"),
    "virtual_currency_pricing_model_b1": ("100000", "0"),
    "virtual_currency_pricing_model_b2": ("0", "615"),
    "virtual_currency_pricing_model_b3": ("0", "495"),
    "virtual_currency_pricing_model_c": ("53000", "0"),
    "zero_percent_utilization_without_commitment_discount_flexibility": ("3.5", "3.5"),
}
"""Scenario → what is billed, and what it costs in effect."""


def bill_of(example: Path, place: Path) -> Path:
    """An excerpt as a whole bill."""
    with example.open(newline="", encoding="utf-8-sig") as file:
        rows = [row for row in csv.DictReader(file) if any(row.values())]
    usual = dict.fromkeys(MANDATORY, "x") | {"BillingCurrency": "USD", "ListCost": "", "ContractedCost": "", "PricingQuantity": ""}
    path = place / f"{example.stem}.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(dict.fromkeys([*usual, *rows[0]])))
        writer.writeheader()
        writer.writerows(usual | {name: _plain(value) for name, value in row.items()} for row in rows)
    return path


def _plain(value: str) -> str:
    value = "" if value == "null" else value
    if MONEY.fullmatch(value):
        return value.strip("$ ").replace(",", "")
    date = re.fullmatch(r"(\d+)/(\d+)/(\d\d)", value)
    if date:
        return f"20{date[3]}-{int(date[1]):02}-{int(date[2]):02}T00:00:00Z"
    return value.replace("T30:", "T23:")


def test_every_example_has_its_sums() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.csv")} == set(SUMS)


def test_each_scenario_adds_up_as_the_specification_says(tmp_path: Path) -> None:
    ports = lake_ports(tmp_path)

    read_in(ports, tmp_path, *(bill_of(EXAMPLES / f"{name}.csv", tmp_path) for name in SUMS))

    found = stored(ports, '"x_SourceFile", sum("BilledCost"), sum("EffectiveCost")', "GROUP BY 1")
    assert {str(file).removesuffix(".csv"): costs for file, *costs in found} == {
        name: [Decimal(cost) for cost in costs] for name, costs in SUMS.items()
    }


def test_over_a_commitments_whole_term_both_costs_are_the_same(tmp_path: Path) -> None:
    """What is paid for the commitment comes back, hour by hour, as used or unused: nothing of it is lost."""
    ports = lake_ports(tmp_path)
    names = [name for name in SUMS if "percent_utilization" in name]

    read_in(ports, tmp_path, *(bill_of(EXAMPLES / f"{name}.csv", tmp_path) for name in names))

    ((billed, effective),) = stored(ports, 'sum("BilledCost"), sum("EffectiveCost")', "")
    assert billed == effective == Decimal("9.75")
    statuses = stored(
        ports, '"CommitmentDiscountStatus", sum("EffectiveCost")', 'WHERE "CommitmentDiscountId" IS NOT NULL GROUP BY 1 ORDER BY 1'
    )
    assert statuses == [("Unused", Decimal("1.5")), ("Used", Decimal(4)), (None, Decimal(0))]
