"""Azure's usage details become FOCUS rows: headers of every kind, days that are not guessed, two datasets that are never added."""

import csv
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import pytest

from tests.cloud_bills import AZURE, DATA, RESERVED, Row, export, ports_at, read_in, stored, the_one, write_csv
from trimtab.errors import BadInput
from trimtab.flow.ingest import Loaded
from trimtab.sources.focus import MANDATORY
from trimtab.units import Money

EXACT = Decimal("0.000000000001")
PURCHASE = AZURE | RESERVED | {"ChargeType": "Purchase", "CostInBillingCurrency": "300", "ResourceId": "", "SubscriptionId": ""}
USED = AZURE | RESERVED | {"CostInBillingCurrency": "1.25"}
UNUSED = AZURE | RESERVED | {"ChargeType": "UnusedReservation", "CostInBillingCurrency": "0.75"}
ON_DEMAND = AZURE | {"ResourceId": "/subscriptions/sub-1/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/vm2"}


def costs(tmp_path: Path, *rows: Row) -> list[tuple[object, ...]]:
    ports = ports_at(tmp_path)
    read_in(ports, write_csv(tmp_path / "usage.csv", *rows))
    return list(stored(ports, '"ChargeCategory", "BilledCost", "EffectiveCost", "CommitmentDiscountStatus"'))


# ── real files ───────────────────────────────────────────────────────────────────────────────────────────────────────
def test_the_real_export_sums_to_its_own_column(tmp_path: Path) -> None:
    """A row's amount is rounded where Azure wrote more than twelve decimals, and nothing else is."""
    rows = list(csv.DictReader((DATA / "azure_ea_usage.csv").open(newline="")))
    expected = sum(Decimal(row["CostInBillingCurrency"]).quantize(EXACT, ROUND_HALF_UP) for row in rows)
    ports = ports_at(tmp_path)

    loaded = the_one(read_in(ports, DATA / "azure_ea_usage.csv"))

    assert (loaded.period, loaded.rows, loaded.billed) == ("2023-09", 27, (Money(Decimal(expected), "CAD"),))
    assert "2 rows have costs that are binary doubles" in loaded.warnings[0]
    assert stored(ports, '"ChargePeriodStart", "ChargePeriodEnd", "BillingPeriodEnd", "Tags", "BillingAccountId"')[0] == (
        datetime(2023, 9, 2),  # noqa: DTZ001 -- lake times are UTC without a zone
        datetime(2023, 9, 3),  # noqa: DTZ001
        datetime(2023, 10, 1),  # noqa: DTZ001
        '{"tagA": "valueA","tagB": "valueB","tagC": "valueC"}',
        "12345678",
    )


@pytest.mark.parametrize(
    ("file", "amount", "service"),
    [
        ("azure_header_german.csv", "0.075", "Load Balancer"),
        ("azure_header_mixed.csv", "0.075", "Load Balancer"),
        ("azure_header_pay_as_you_go.csv", "0.075", "Load Balancer"),
        ("azure_header_camel.csv", "0.012", "Virtual Network"),
    ],
)
def test_headers_of_every_agreement_and_language_are_read(tmp_path: Path, file: str, amount: str, service: str) -> None:
    ports = ports_at(tmp_path)

    loaded = the_one(read_in(ports, DATA / file))

    assert stored(ports, '"BilledCost", "EffectiveCost", "ServiceName"') == [(Decimal(amount), Decimal(amount), service)]
    assert loaded.period == "2021-02"
    assert any("without a billing period" in warning for warning in loaded.warnings)


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("azure_header_bom.csv", "azure_header_bom.csv: row 1: PreTaxCost: it is empty"),
        ("azure_header_enterprise.csv", "azure_header_enterprise.csv: row 1: CostInBillingCurrency: usage that a commitment covers"),
    ],
)
def test_real_rows_without_their_cost_are_refused_by_the_name_of_the_column(tmp_path: Path, file: str, message: str) -> None:
    """The second is usage under a reservation at 0, as ActualCost has it: to take it for free would be a missing price read as zero."""
    with pytest.raises(BadInput) as refused:
        read_in(ports_at(tmp_path), DATA / file)

    assert str(refused.value).startswith(message)


def test_a_translated_file_may_have_decimal_commas_and_dots_between_thousands(tmp_path: Path) -> None:
    row = {
        "Abonnement-GUID (SubscriptionGuid)": "sub-1", "Datum (Date)": "02.09.2026", "Kategorie (MeterCategory)": "Storage",
        "Menge (UsageQuantity)": "1.000,5", "PreTaxCost (PreTaxCost)": "1.234,56", "Währung (Currency)": "EUR",
    }  # fmt: skip
    ports = ports_at(tmp_path)

    loaded = the_one(read_in(ports, write_csv(tmp_path / "b.csv", row, row | {"PreTaxCost (PreTaxCost)": "-1,5"})))

    assert loaded.billed == (Money(Decimal("1233.06"), "EUR"),)
    assert stored(ports, '"ChargePeriodStart", "ConsumedQuantity"')[0] == (datetime(2026, 9, 2), Decimal("1000.5"))  # noqa: DTZ001
    with pytest.raises(BadInput, match=r"b.csv: row 1: amounts: some with a decimal comma, some with a point"):
        read_in(ports, write_csv(tmp_path / "b.csv", row | {"Menge (UsageQuantity)": "1.000"}))


# ── days ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("day", "end", "expected"),
    [
        ("07/02/2026", "07/31/2026", (2026, 7, 2)),
        ("7/2/2026", "7/31/2026", (2026, 7, 2)),
        ("02/07/2026", "31/07/2026", (2026, 7, 2)),
        ("2026-07-02", "2026-07-31", (2026, 7, 2)),
        ("2026-07-02T00:00:00Z", "07/31/2026", (2026, 7, 2)),
        ("02.07.2026", "31.07.2026", (2026, 7, 2)),
    ],
)
def test_a_day_is_read_in_the_order_of_the_billing_period(tmp_path: Path, day: str, end: str, expected: tuple[int, int, int]) -> None:
    """2 July may be written 07/02 and 02/07; the period's last day, which is above 12, tells which."""
    first = {"07/31/2026": "07/01/2026", "7/31/2026": "7/1/2026", "31/07/2026": "01/07/2026"}.get(end, "2026-07-01")
    ports = ports_at(tmp_path)

    read_in(ports, write_csv(tmp_path / "b.csv", AZURE | {"Date": day, "BillingPeriodStartDate": first, "BillingPeriodEndDate": end}))

    assert stored(ports, '"ChargePeriodStart"') == [(datetime(*expected),)]  # noqa: DTZ001


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"Date": "13/07/2026"}, "Date: '13/07/2026' is not a day, or could be two"),
        ({"Date": "02/30/2026"}, "Date: '02/30/2026' is not a day"),
        ({"Date": "yesterday"}, "Date: 'yesterday' is not a day"),
        ({"BillingPeriodEndDate": "31/07/2026"}, "Date: '07/13/2026' is not a day"),
        ({"BillingPeriodEndDate": "31/07/2026", "Date": "07/02/2026"}, "BillingPeriodEndDate: not within a month of its start"),
        ({"CostInBillingCurrency": "NaN"}, "CostInBillingCurrency: 'NaN' is not a number"),
        ({"CostInBillingCurrency": "2,4"}, "CostInBillingCurrency: '2,4' is not a number"),
        ({"CostInBillingCurrency": "1e400"}, "1e400"),
        ({"CostInBillingCurrency": ""}, "CostInBillingCurrency: it is empty"),
        ({"Tags": "team=ml"}, "Tags: '{team=ml}' is not a JSON object"),
        ({"BillingCurrencyCode": ""}, "BillingCurrency: it is empty"),
    ],
)
def test_a_row_that_cannot_be_read_exactly_refuses_the_file(tmp_path: Path, changes: Row, message: str) -> None:
    ports = ports_at(tmp_path)

    with pytest.raises(BadInput, match=r"^b\.csv: row 2: ") as refused:
        read_in(ports, write_csv(tmp_path / "b.csv", AZURE, AZURE | changes))

    assert message in str(refused.value)
    assert ports.lake.version("cost") is None


def test_a_translated_header_without_a_period_leaves_an_ambiguous_day_unread(tmp_path: Path) -> None:
    row = {"Abo (SubscriptionGuid)": "s", "Datum (Date)": "13/07/2026", "MeterCategory": "Storage", "PreTaxCost": "1", "Currency": "EUR"}
    ports = ports_at(tmp_path)

    read_in(ports, write_csv(tmp_path / "b.csv", row))

    assert stored(ports, '"ChargePeriodStart"') == [(datetime(2026, 7, 13),)], "only one order makes it a day"  # noqa: DTZ001
    with pytest.raises(BadInput, match=r"row 1: Datum \(Date\): '02/07/2026' is not a day, or could be two"):
        read_in(ports, write_csv(tmp_path / "b.csv", row | {"Datum (Date)": "02/07/2026"}))


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("SubscriptionId,Date,MeterCategory,CostInBillingCurrency", "no Azure usage details: billingcurrencycode missing"),
        ("SubscriptionId;Date;MeterCategory;CostInBillingCurrency", "its delimiter is not a comma"),
        ("SubscriptionId,Subscription ID,Date,MeterCategory,Cost,Currency", "'SubscriptionId' and 'Subscription ID' are the same one"),
    ],
)
def test_a_header_that_lacks_or_repeats_a_column_is_refused_by_name(tmp_path: Path, header: str, message: str) -> None:
    (tmp_path / "b.csv").write_text(f"{header}\n")

    with pytest.raises(BadInput, match=message) as refused:
        read_in(ports_at(tmp_path), tmp_path / "b.csv", form="azure")

    assert str(refused.value).startswith("b.csv: ")


# ── what was billed, and what it cost ────────────────────────────────────────────────────────────────────────────────
def test_an_actual_file_without_commitments_has_both_costs(tmp_path: Path) -> None:
    adjusted = AZURE | {"ChargeType": "RoundingAdjustment", "CostInBillingCurrency": "-0.01", "PricingModel": ""}
    refunded = AZURE | {"ChargeType": "Refund", "CostInBillingCurrency": "-2.4"}
    taxed = AZURE | {"ChargeType": "Tax", "CostInBillingCurrency": "0.2", "PricingModel": ""}
    spot = AZURE | {"PricingModel": "Spot", "CostInBillingCurrency": "0.4"}
    ports = ports_at(tmp_path)

    read_in(ports, write_csv(tmp_path / "b.csv", AZURE, adjusted, refunded, taxed, spot))

    columns = '"ChargeCategory", "ChargeClass", "BilledCost", "EffectiveCost", "ContractedCost", "PricingCategory"'
    assert stored(ports, columns) == [
        ("Usage", None, Decimal("2.4"), Decimal("2.4"), Decimal("2.4"), "Standard"),
        ("Adjustment", None, Decimal("-0.01"), Decimal("-0.01"), Decimal("-0.01"), None),
        ("Purchase", "Correction", Decimal("-2.4"), Decimal("-2.4"), Decimal("-2.4"), "Standard"),
        ("Tax", None, Decimal("0.2"), Decimal("0.2"), Decimal("0.2"), None),
        ("Usage", None, Decimal("0.4"), Decimal("0.4"), Decimal("0.4"), "Dynamic"),
    ]


def test_an_amortized_file_says_what_usage_cost_and_that_purchases_are_not_in_it(tmp_path: Path) -> None:
    ports = ports_at(tmp_path)

    loaded = the_one(read_in(ports, write_csv(tmp_path / "b.csv", ON_DEMAND, USED, UNUSED)))

    assert stored(ports, '"ChargeCategory", "BilledCost", "EffectiveCost", "CommitmentDiscountStatus"') == [
        ("Usage", Decimal("2.4"), Decimal("2.4"), None),
        ("Usage", Decimal(0), Decimal("1.25"), "Used"),
        ("Usage", Decimal(0), Decimal("0.75"), "Unused"),
    ]
    assert any("2 charges of a commitment in an AmortizedCost export" in warning for warning in loaded.warnings)


def test_usage_that_a_reservation_covers_is_not_free(tmp_path: Path) -> None:
    """ActualCost has it at 0; without the AmortizedCost export its cost is unknown."""
    with pytest.raises(BadInput, match=r"usage.csv: row 2: CostInBillingCurrency: usage that a commitment covers, without its cost"):
        costs(tmp_path, ON_DEMAND, USED | {"CostInBillingCurrency": "0"})


def test_usage_of_nothing_under_a_reservation_costs_nothing(tmp_path: Path) -> None:
    assert costs(tmp_path, USED | {"CostInBillingCurrency": "0", "Quantity": "0"})[0][1:3] == (Decimal(0), Decimal(0))


def test_microsofts_own_combination_of_both_datasets_in_one_file_is_read(tmp_path: Path) -> None:
    """All amortized rows, and of the actual ones the purchases: each cost is whole."""
    rows = costs(tmp_path, ON_DEMAND, USED, UNUSED, PURCHASE)

    assert (sum(Decimal(str(row[1])) for row in rows), sum(Decimal(str(row[2])) for row in rows)) == (Decimal("302.4"), Decimal("4.4"))


def test_an_actual_export_beside_an_amortized_one_brings_only_the_purchases(tmp_path: Path) -> None:
    """Together they are the bill: what was billed (2.4 + 300) and what the month cost (2.4 + 1.25 + 0.75)."""
    actual = export("actual", form="azure", part="commitment-purchases")
    amortized = export("amortized", form="azure")
    ports = ports_at(tmp_path, actual, amortized)

    read_in(ports, write_csv(tmp_path / "am" / "b.csv", ON_DEMAND, USED, UNUSED), to=amortized)
    loaded = the_one(
        read_in(ports, write_csv(tmp_path / "ac" / "b.csv", ON_DEMAND, USED | {"CostInBillingCurrency": "0"}, PURCHASE), to=actual)
    )

    assert stored(ports, TOTALS) == TOTAL
    assert (loaded.rows, loaded.billed) == (1, (Money(Decimal(300), "USD"),))
    assert loaded.warnings[0] == "b.csv: left out 2 rows that the AmortizedCost export beside this one brings"


TOTALS = '"x_Export", "BilledCost", "EffectiveCost"'
TOTAL = [
    ("actual", Decimal(300), Decimal(0)),
    ("amortized", Decimal("2.4"), Decimal("2.4")),
    ("amortized", Decimal(0), Decimal("1.25")),
    ("amortized", Decimal(0), Decimal("0.75")),
]


def test_both_datasets_in_one_delivery_are_refused(tmp_path: Path) -> None:
    actual, amortized = write_csv(tmp_path / "actual.csv", ON_DEMAND, PURCHASE), write_csv(tmp_path / "amortized.csv", ON_DEMAND, UNUSED)

    with pytest.raises(BadInput, match=r"actual.csv, amortized.csv: the same money in two datasets"):
        read_in(ports_at(tmp_path), actual, amortized)


def test_two_exports_of_the_same_subscription_are_refused_whichever_comes_first(tmp_path: Path) -> None:
    first, second = export("first", form="azure"), export("second", form="azure")
    ports = ports_at(tmp_path, first, second)
    read_in(ports, write_csv(tmp_path / "b.csv", ON_DEMAND), to=first)
    version = ports.lake.version("cost")

    with pytest.raises(BadInput, match=r"second 2026-07: usage of account sub-1 \(billed to 12345678\) is in export 'first' already"):
        read_in(ports, write_csv(tmp_path / "b.csv", ON_DEMAND, USED), to=second)
    assert ports.lake.version("cost") == version
    other = read_in(ports, write_csv(tmp_path / "b.csv", ON_DEMAND | {"SubscriptionId": "sub-2"}), to=second)

    assert isinstance(the_one(other), Loaded)


def test_a_machine_of_a_scale_set_is_told_apart_by_its_number(tmp_path: Path) -> None:
    """AKS nodes are billed under their scale set; the number is what Kubernetes' provider id ends with."""
    group = "/subscriptions/sub-1/resourceGroups/RG/providers/Microsoft.Compute/virtualMachineScaleSets/aks-default-vmss"
    ports = ports_at(tmp_path)

    read_in(ports, write_csv(tmp_path / "b.csv", AZURE | {"ResourceId": group, "AdditionalInfo": '{"VMName":"aks-default-vmss_2"}'}))

    assert stored(ports, '"ResourceId", "ResourceName", "ResourceType"') == [
        (f"{group.lower()}/virtualmachines/2", "aks-default-vmss_2", "Virtual machine scale set")
    ]


# ── FocusCost ────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_what_focus_cost_does_not_know_is_unknown_not_zero(tmp_path: Path) -> None:
    """MCA reservations have a ContractedCost of 0 and marketplace a ListCost of 0; ids come in two spellings, services without a name."""
    row = dict.fromkeys(MANDATORY, "x") | {
        "BilledCost": "0", "EffectiveCost": "1.25", "ListCost": "2", "ContractedCost": "0", "PricingQuantity": "1",
        "ChargeCategory": "Usage", "BillingPeriodStart": "2026-07-01T00:00Z", "BillingPeriodEnd": "2026-08-01T00:00Z",
        "ChargePeriodStart": "2026-07-13T00:00Z", "ChargePeriodEnd": "2026-07-14T00:00Z", "ServiceName": "",
        "ResourceId": "/Subscriptions/A", "CommitmentDiscountId": "RI-1", "x_SkuMeterCategory": "Virtual Machines",
    }  # fmt: skip
    free = row | {"EffectiveCost": "0", "ListCost": "0"}
    ports = ports_at(tmp_path)

    read_in(ports, write_csv(tmp_path / "b.csv", row, row | {"ContractedCost": "2", "ListCost": "0"}, free))

    assert stored(ports, '"ContractedCost", "ListCost", "ServiceName", "ResourceId", "CommitmentDiscountId", "InvoiceId"') == [
        (None, Decimal(2), "Virtual Machines", "/subscriptions/a", "ri-1", None),
        (Decimal(2), None, "Virtual Machines", "/subscriptions/a", "ri-1", None),
        (Decimal(0), Decimal(0), "Virtual Machines", "/subscriptions/a", "ri-1", None),
    ]
