"""Cost and Usage Reports in every spelling that AWS has for them: rows by their plain names, written as legacy, Athena or CUR 2.0."""

import csv
import gzip
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Literal

import duckdb

Row = dict[str, str]
Spelling = Literal["legacy", "plain"]

NODE_ARN = "arn:aws:ec2:us-east-1:444455556666:instance/i-0abc"
CATEGORIES = {
    "bill": "bill", "identity": "identity", "line_item": "lineItem", "pricing": "pricing", "product": "product",
    "reservation": "reservation", "savings_plan": "savingsPlan", "split_line_item": "splitLineItem", "discount": "discount",
}  # fmt: skip
PLAN = {"savings_plan_savings_plan_a_r_n": "arn:aws:savingsplans::444455556666:savingsplan/sp-1"}
RESERVATION = {"reservation_reservation_a_r_n": "arn:aws:ec2:us-east-1:444455556666:reserved-instances/ri-1"}


def line(kind: str, cost: str, **columns: str) -> Row:
    """One line item of 2026-07-01 10:00 on node i-0abc."""
    return {
        "identity_line_item_id": "a1", "bill_invoice_id": "", "bill_invoicing_entity": "Amazon Web Services, Inc.",
        "bill_billing_entity": "AWS", "bill_payer_account_id": "111122223333",
        "bill_billing_period_start_date": "2026-07-01T00:00:00.000Z", "bill_billing_period_end_date": "2026-08-01T00:00:00.000Z",
        "line_item_usage_account_id": "444455556666", "line_item_line_item_type": kind,
        "line_item_usage_start_date": "2026-07-01T10:00:00.000Z", "line_item_usage_end_date": "2026-07-01T11:00:00.000Z",
        "line_item_product_code": "AmazonEC2", "line_item_usage_type": "BoxUsage:m5.xlarge", "line_item_operation": "RunInstances",
        "line_item_resource_id": NODE_ARN, "line_item_usage_amount": "1", "line_item_currency_code": "USD",
        "line_item_unblended_cost": cost, "pricing_unit": "Hrs", "pricing_public_on_demand_cost": "1",
        "pricing_public_on_demand_rate": "1", "product_product_name": "Amazon Elastic Compute Cloud",
        "product_product_family": "Compute Instance", "product_region_code": "us-east-1", **columns,
    }  # fmt: skip


def covered(cost: str, effective: str, **columns: str) -> list[Row]:
    """Usage under a savings plan, and the negation that takes its price away again."""
    usage = line("SavingsPlanCoveredUsage", cost, savings_plan_savings_plan_effective_cost=effective, **PLAN, **columns)
    return [usage, line("SavingsPlanNegation", str(-Decimal(cost)), **PLAN, **columns)]


def plan_fee(cost: str, *, committed: str, used: str, amortized: str = "0", **columns: str) -> Row:
    """A plan's recurring fee: what it costs, what was committed with the upfront part, and what of it was used."""
    amounts = {
        "savings_plan_total_commitment_to_date": committed,
        "savings_plan_used_commitment": used,
        "savings_plan_recurring_commitment_for_billing_period": cost,
        "savings_plan_amortized_upfront_commitment_for_billing_period": amortized,
    }
    return fee("SavingsPlanRecurringFee", cost, **amounts, **PLAN, **columns)


def reservation_fee(cost: str, *, unused: str, unused_upfront: str = "0", amortized: str = "0", **columns: str) -> Row:
    """A reservation's monthly fee, and what of it and of the upfront part nothing used."""
    amounts = {
        "reservation_unused_recurring_fee": unused,
        "reservation_unused_amortized_upfront_fee_for_billing_period": unused_upfront,
        "reservation_amortized_upfront_fee_for_billing_period": amortized,
        "reservation_unused_quantity": "3",
    }
    return fee("RIFee", cost, **amounts, **RESERVATION, **columns)


def fee(kind: str, cost: str, **columns: str) -> Row:
    """A charge of the whole month, on no resource; AWS lets such a month end a second early."""
    month = {"line_item_usage_start_date": "2026-07-01T00:00:00Z", "line_item_usage_end_date": "2026-07-31T23:59:59Z"}
    nothing = dict.fromkeys(("line_item_resource_id", "pricing_public_on_demand_cost", "pricing_public_on_demand_rate"), "")
    return line(kind, cost, **(nothing | month | columns))


def legacy(name: str) -> str:
    """line_item_unblended_cost → lineItem/UnblendedCost; what has a slash already stays."""
    for plain, category in CATEGORIES.items():
        if name.startswith(f"{plain}_") and "/" not in name:
            return f"{category}/{''.join(word.capitalize() for word in name.removeprefix(f'{plain}_').split('_'))}"
    return name


def write_csv(path: Path, rows: Sequence[Row], spelling: Spelling = "plain") -> Path:
    """The rows as CSV, compressed where the name says so. Columns that no row has are not there, as in a real legacy report."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([legacy(name) if spelling == "legacy" else name for name in names])
    writer.writerows([row.get(name, "") for name in names] for row in rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    body = text.getvalue().encode()
    path.write_bytes(gzip.compress(body, mtime=0) if path.suffix == ".gz" else body)
    return path


def write_parquet(path: Path, rows: Sequence[Row], maps: Mapping[str, Sequence[Mapping[str, str]]] | None = None) -> Path:
    """The rows as CUR 2.0 in Parquet: doubles, timestamps, and maps (name → a map for each row)."""
    source = write_csv(path.with_suffix(".csv"), [row | _maps(maps, number) for number, row in enumerate(rows)])
    typed = [_typed(name) for name in dict.fromkeys(name for row in rows for name in row)]
    typed += [f'CAST(CAST("{name}" AS JSON) AS MAP(VARCHAR, VARCHAR)) AS "{name}"' for name in maps or ()]
    with duckdb.connect() as connection:
        read = f"read_csv('{source}', all_varchar = true, header = true)"
        connection.execute(f"COPY (SELECT {', '.join(typed)} FROM {read}) TO '{path}' (FORMAT parquet)")
    source.unlink()
    return path


def _maps(maps: Mapping[str, Sequence[Mapping[str, str]]] | None, number: int) -> Row:
    return {name: json.dumps(values[number]) for name, values in (maps or {}).items()}


def _typed(name: str) -> str:
    kind = "VARCHAR"
    if re.search(r"_(cost|amount|rate|fee|quantity|commitment|to_date|for_billing_period|recurring_fee)$", name):
        kind = "DOUBLE"
    if name.endswith("_date") and not name.endswith("to_date"):
        kind = "TIMESTAMPTZ"
    return f'CAST("{name}" AS {kind})::{kind.removesuffix("TZ")} AS "{name}"' if kind != "VARCHAR" else f'"{name}"'


def total(rows: Iterable[Row], name: str = "line_item_unblended_cost") -> Decimal:
    """A column's sum, as Python's own decimal numbers reckon it."""
    return sum((Decimal(row.get(name) or 0) for row in rows), Decimal(0))


# ── the identity, as the Cloud Intelligence Dashboards define its terms ──────────────────────────────────────────────
def true_up(rows: Iterable[Row]) -> Decimal:
    """What of earlier upfront fees was amortized in the month, taken away."""
    some = list(rows)
    plans = [row for row in some if row["line_item_line_item_type"] == "SavingsPlanRecurringFee"]
    reservations = [row for row in some if row["line_item_line_item_type"] == "RIFee"]
    amortized = total(plans, "savings_plan_amortized_upfront_commitment_for_billing_period")
    return -amortized - total(reservations, "reservation_amortized_upfront_fee_for_billing_period")


def upfront(rows: Iterable[Row]) -> Decimal:
    """What was paid in the month for later ones, less what of it was given back."""
    return total(row for row in rows if _is_upfront(row))


def _is_upfront(row: Row) -> bool:
    kind = row["line_item_line_item_type"]
    is_reserved = kind == "Fee" and row.get("reservation_reservation_a_r_n")
    return bool(
        kind == "SavingsPlanUpfrontFee" or is_reserved or (kind == "Refund" and row["line_item_product_code"] == "ComputeSavingsPlans")
    )
