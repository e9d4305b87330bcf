"""Oracle's cost reports become FOCUS rows: eighteen decimals, corrections that are added and marked, tags from columns."""

import csv
import json
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import pytest

from tests.cloud_bills import DATA, OCI, Row, ports_at, read_in, stored, the_one, write_csv
from trimtab.errors import BadInput
from trimtab.units import Money

EXACT = Decimal("0.000000000001")


def test_the_real_report_sums_to_its_own_column(tmp_path: Path) -> None:
    """Oracle writes 18 decimals; each amount is rounded at the twelfth, and nothing else is."""
    rows = list(csv.DictReader((DATA / "oci_cost_report.csv").open(newline="")))
    expected = sum(Decimal(row["cost/myCost"]).quantize(EXACT, ROUND_HALF_UP) for row in rows)
    ports = ports_at(tmp_path)

    loaded = the_one(read_in(ports, DATA / "oci_cost_report.csv"))

    assert (loaded.period, loaded.rows, loaded.billed) == ("2023-11", 62, (Money(Decimal(expected), "USD"),))
    assert "what they say beyond 12 decimals is rounded away" in loaded.warnings[0]
    services = {str(service): category for service, category in stored(ports, '"ServiceName", "ServiceCategory"')}
    assert services["DATABASE"] == "Databases"
    assert services["TELEMETRY"] == "Management and Governance"
    assert json.loads(str(stored(ports, '"Tags"')[0][0]))["OracleInternalReserved.ServiceType"] == "Other"


def test_a_correction_is_added_and_marked_and_overage_is_not_counted_again(tmp_path: Path) -> None:
    """`myCost` includes overage (Oracle's documentation); a correction refers to its line and is a line of its own."""
    overage = OCI | {"cost/overageFlag": "Y", "cost/myCost": "0.5", "cost/myCostOverage": "0.2"}
    correction = OCI | {"lineItem/isCorrection": "true", "lineItem/backreferenceNo": "r1", "cost/myCost": "-0.005", "tags/Ops.Team": ""}
    ports = ports_at(tmp_path)

    loaded = the_one(read_in(ports, write_csv(tmp_path / "b.csv", OCI, overage, correction)))

    assert loaded.billed == (Money(Decimal("0.52"), "USD"),)
    assert stored(ports, '"BilledCost", "ChargeClass", "ChargeDescription", "Tags"') == [
        (Decimal("0.025"), None, "Standard - E4 - OCPU", '{"Ops.Team":"ml"}'),
        (Decimal("0.5"), None, "Standard - E4 - OCPU (overage)", '{"Ops.Team":"ml"}'),
        (Decimal("-0.005"), "Correction", "Standard - E4 - OCPU", None),
    ]
    assert loaded.warnings[0] == "b.csv: 1 corrections of earlier lines, which are added to what they correct"


def test_compartments_are_sub_accounts_and_the_tenancy_is_billed(tmp_path: Path) -> None:
    ports = ports_at(tmp_path)

    read_in(ports, write_csv(tmp_path / "b.csv", OCI))

    assert stored(ports, '"BillingAccountId", "SubAccountId", "SubAccountName", "ResourceType", "ServiceCategory"') == [
        ("ocid1.tenancy.oc1..a", "ocid1.compartment.oc1..b", "shop", "instance", "Compute")
    ]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cost/myCost": ""}, "cost/myCost: it is empty"),
        ({"cost/myCost": "NaN"}, "cost/myCost: 'NaN' is not a number"),
        ({"cost/myCost": "1e400"}, "cost/myCost: '1e400' is not a number"),
        ({"cost/currencyCode": ""}, "BillingCurrency: it is empty"),
        ({"lineItem/intervalUsageStart": "13/07/2026"}, "lineItem/intervalUsageStart: '13/07/2026' is not a time"),
    ],
)
def test_a_row_that_cannot_be_read_exactly_refuses_the_file(tmp_path: Path, changes: Row, message: str) -> None:
    ports = ports_at(tmp_path)

    with pytest.raises(BadInput) as refused:
        read_in(ports, write_csv(tmp_path / "b.csv", OCI, OCI | changes))

    assert str(refused.value).startswith(f"b.csv: row 2: {message}")
    assert ports.lake.version("cost") is None


def test_a_report_of_usage_alone_is_no_bill(tmp_path: Path) -> None:
    row = {name: value for name, value in OCI.items() if name != "cost/myCost"}

    with pytest.raises(BadInput, match=r"b.csv: no cost report of Oracle Cloud: cost/mycost missing"):
        read_in(ports_at(tmp_path), write_csv(tmp_path / "b.csv", row), form="oci")
