"""The estate's billing exports: FOCUS 1.2 as AWS Data Exports delivers it, and the FOCUS sample with a marker of our own."""

import csv
import json
import os
from datetime import UTC, datetime
from decimal import Decimal
from importlib.resources import files
from pathlib import Path

import duckdb

from trimtab.demo.estate.charges import PLAN_NAME, SAVINGS_PLAN, Charge, charges, tags_text
from trimtab.demo.estate.model import BILLING_ACCOUNT, GCP_PROJECT, SUB_ACCOUNT, digest
from trimtab.records import Json
from trimtab.tables import FOCUS_MONEY, FOCUS_QUANTITY, FOCUS_TEXT, FOCUS_TIME, text_literal

PERIODS = ("2026-06", "2026-07", "2026-08")
DELIVERED = datetime(2026, 8, 3, 5, 12, tzinfo=UTC)
"""When the newest delivery of each export was complete; files carry it as their time."""
SAMPLE_DELIVERED = "2024-11-04T06:00:00Z"
FOCUS = (*sorted((*FOCUS_TEXT, *FOCUS_MONEY, *FOCUS_QUANTITY, *FOCUS_TIME)),)
_FROM_TIME = {"BillingPeriodStart", "BillingPeriodEnd", "ChargePeriodStart", "ChargePeriodEnd", "InvoiceId"}


def write_exports(root: Path, url: str | None = None) -> None:
    """Write both exports below `root`/exports: three periods of the estate's bill, two of the sample.

    `url` is how manifests name `root`: the bucket that it stands for, else its own file:// URL.
    """
    with duckdb.connect() as session:
        session.execute("SET threads = 2; SET TimeZone = 'UTC'")
        _fill(session, charges())
        session.execute(f"CREATE TEMP TABLE bill AS {(files('trimtab.demo.estate') / 'sql' / 'bill.sql').read_text()}")
        for period in PERIODS:
            _write_period(session, root, url or f"file://{root.absolute()}", period)
    _write_sample(root)


def _write_period(session: duckdb.DuckDBPyConnection, root: Path, url: str, period: str) -> None:
    key = f"exports/estate/data/BILLING_PERIOD={period}/estate-00001.csv.gz"
    data = root / key
    data.parent.mkdir(parents=True, exist_ok=True)
    columns = ", ".join(f'"{name}"' for name in FOCUS)
    session.execute(
        f"COPY (SELECT {columns} FROM bill WHERE period = DATE '{period}-01' ORDER BY start, line) TO {text_literal(str(data))} "
        "(FORMAT csv, HEADER, COMPRESSION gzip)"
    )
    manifest = root / "exports" / "estate" / "metadata" / f"BILLING_PERIOD={period}" / "estate-Manifest.json"
    manifest.parent.mkdir(parents=True, exist_ok=True)
    manifest.write_text(json.dumps(_manifest(f"{url}/{key}", period), indent=1) + "\n")
    _delivered(data, manifest)


def _manifest(data: str, period: str) -> Json:
    return {
        "executionId": f"{digest('execution', period)[:8]}-{DELIVERED:%Y%m%d%H%M}",
        "exportArn": f"arn:aws:bcm-data-exports:us-east-1:{BILLING_ACCOUNT}:export/estate",
        "columns": [{"name": name, "type": _type(name)} for name in FOCUS],
        "dataFiles": [data],
    }


def _type(column: str) -> str:
    if column in FOCUS_TIME:
        return "timestamp"
    return "double" if column in FOCUS_MONEY + FOCUS_QUANTITY else "string"


def _write_sample(root: Path) -> None:
    """The sample's rows, byte for byte, under the period that each is billed in: one of its thousand is of October."""
    header, *lines = (files("trimtab.demo") / "data" / "focus_sample_1.0.csv").read_bytes().splitlines(keepends=True)
    start = next(csv.reader([header.decode()])).index("BillingPeriodStart")
    periods: dict[str, list[bytes]] = {}
    for line in lines:
        periods.setdefault(next(csv.reader([line.decode()]))[start][:7], [header]).append(line)
    for period, kept in periods.items():
        _write_sample_period(root / "exports" / "focus-sample" / f"period={period}", period, b"".join(kept))


def _write_sample_period(folder: Path, period: str, content: bytes) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    path, marker = folder / "focus_sample.csv", folder / "_trimtab_complete.json"
    path.write_bytes(content)
    marker.write_text(json.dumps(_sample_marker(path, period), indent=1) + "\n")
    _delivered(path, marker)


def _sample_marker(path: Path, period: str) -> Json:
    return {
        "export": "focus-sample",
        "period": period,
        "run_id": f"sample-{period}",
        "submitted_at": SAMPLE_DELIVERED,
        "files": [{"name": path.name, "bytes": path.stat().st_size}],
    }


def _delivered(*paths: Path) -> None:
    """The newest delivery's time: a reader takes a manifest's age from its file, and the demo's clock stands still."""
    for path in paths:
        os.utime(path, (DELIVERED.timestamp(), DELIVERED.timestamp()))


def _fill(session: duckdb.DuckDBPyConnection, lines: list[Charge]) -> None:
    names = ["line", "every", "since", "until", *(name for name in FOCUS if name not in _FROM_TIME)]
    types = {"line": "INTEGER", "since": "TIMESTAMP", "until": "TIMESTAMP"}
    session.execute("CREATE TEMP TABLE charge (" + ", ".join(f'"{name}" {types.get(name, "VARCHAR")}' for name in names) + ")")
    marks = ", ".join("?" * len(names))
    rows = [_row(number, line) for number, line in enumerate(lines)]
    session.executemany(f"INSERT INTO charge VALUES ({marks})", [[row.get(name, "") for name in names] for row in rows])


def _row(number: int, line: Charge) -> dict[str, object]:
    """The columns of one charge that do not depend on when it is repeated; those left out are ''."""
    return {
        "line": number, "every": line.every, "since": line.since.replace(tzinfo=None), "until": line.until.replace(tzinfo=None),
        "AvailabilityZone": line.zone, "BillingCurrency": "USD", "PricingCurrency": "USD",
        "ChargeCategory": line.category, "ChargeDescription": line.description, "ChargeFrequency": line.frequency,
        "ServiceCategory": line.service[0], "ServiceName": line.service[1], "ServiceSubcategory": line.service[2],
        "ResourceId": line.resource[0], "ResourceName": line.resource[1], "ResourceType": line.resource[2],
        "Tags": tags_text(line.tags), "PricingCategory": line.pricing,
    } | _accounts(line) | _amounts(line) | _commitment(line) | _sku(line)  # fmt: skip


def _accounts(line: Charge) -> dict[str, object]:
    live = line.cluster.cluster
    account = SUB_ACCOUNT[live.project] if live.cloud == "aws" else GCP_PROJECT[live.project]
    provider, publisher = ("AWS", "Amazon Web Services, Inc.") if live.cloud == "aws" else ("Google Cloud", "Google LLC")
    return {
        "BillingAccountId": BILLING_ACCOUNT, "BillingAccountName": "estate", "BillingAccountType": "Billing account",
        "SubAccountId": account, "SubAccountName": live.project, "SubAccountType": "Account" if live.cloud == "aws" else "Project",
        "InvoiceIssuerName": provider, "ProviderName": provider, "PublisherName": publisher,
        "RegionId": live.region, "RegionName": "US East (N. Virginia)" if live.cloud == "aws" else "Iowa",
    }  # fmt: skip


def _amounts(line: Charge) -> dict[str, object]:
    consumed = line.category == "Usage" and line.commitment != "Unused"
    return {
        "BilledCost": _text(line.billed), "EffectiveCost": _text(line.effective),
        "ListCost": _text(line.list_cost), "ContractedCost": _text(line.list_cost),
        "ListUnitPrice": _text(line.unit_price), "ContractedUnitPrice": _text(line.unit_price),
        "PricingCurrencyListUnitPrice": _text(line.unit_price), "PricingCurrencyContractedUnitPrice": _text(line.unit_price),
        "PricingCurrencyEffectiveCost": _text(line.effective), "PricingQuantity": _text(line.quantity), "PricingUnit": line.unit,
        "ConsumedQuantity": _text(line.quantity) if consumed else "", "ConsumedUnit": line.unit if consumed else "",
    }  # fmt: skip


def _commitment(line: Charge) -> dict[str, object]:
    if not line.commitment:
        return {}
    status = "" if line.commitment == "Purchased" else line.commitment
    amount = line.billed if line.commitment == "Purchased" else line.effective
    return {
        "CommitmentDiscountCategory": "Spend", "CommitmentDiscountId": SAVINGS_PLAN, "CommitmentDiscountName": PLAN_NAME,
        "CommitmentDiscountType": "Compute Savings Plan", "CommitmentDiscountStatus": status,
        "CommitmentDiscountQuantity": _text(amount), "CommitmentDiscountUnit": "USD",
    }  # fmt: skip


def _sku(line: Charge) -> dict[str, object]:
    if line.unit_price is None:
        return {}
    sku = digest("sku", line.service[1], line.cluster.cluster.region, line.unit, sorted(line.sku.items()))[:16].upper()
    details = json.dumps(dict(line.sku), sort_keys=True) if line.sku else ""
    return {
        "SkuId": sku,
        "SkuPriceId": f"{sku}.{digest('price', sku)[:10].upper()}",
        "SkuMeter": line.service[2],
        "SkuPriceDetails": details,
    }


def _text(amount: Decimal | None) -> str:
    """Plain decimal text without an exponent and without zeros that say nothing; None = null."""
    if amount is None:
        return ""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
