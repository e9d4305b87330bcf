"""AWS bills: Cost and Usage Report 2.0 (Data Exports) and the legacy one, also under Athena's names, as FOCUS 1.2 columns.

What AWS's own FOCUS table shows is followed: a cost is net of discounts where the bill has net costs, usage that a commitment covers is
billed at zero (the commitment's fee is what is invoiced), and a fee's unused part is a row of its own. EffectiveCost is AWS's amortized
cost, so that over a bill

    sum(unblended) = sum(BilledCost) = sum(EffectiveCost) + fees paid - fees amortized

Rows of split cost allocation (EKS pods, ECS tasks on EC2) are the node rows' money once more: they are left out, and counted.
"""

import re

from trimtab.errors import BadInput
from trimtab.sources.aws_services import service_category
from trimtab.sources.bill_files import Header
from trimtab.sources.cur_columns import Bill, bill_of, json_object, plain, tags_of
from trimtab.sources.cur_costs import AMOUNTS, COMMITMENT, CONTRADICTIONS, FEES, OFFSET, PURCHASES, USAGE, USED, Costs
from trimtab.sources.mapping import Mapping
from trimtab.tables import text_literal

NEEDED = (
    "bill_payer_account_id", "bill_billing_period_start_date", "bill_billing_period_end_date", "line_item_usage_account_id",
    "line_item_line_item_type", "line_item_usage_start_date", "line_item_usage_end_date", "line_item_product_code",
    "line_item_currency_code", "line_item_unblended_cost",
)  # fmt: skip
"""Without these columns a bill can be neither summed nor placed; every other one may be missing, because AWS adds them on first use."""
SPLIT_OPERATIONS = ("EKSPod-EC2", "ECSTask-EC2")

_COST_CATEGORY = re.compile(r"cost_?[cC]ategory([/_].+)?")


def is_cur(header: Header) -> bool:
    """Whether a header has what no other form of bill has."""
    return {"bill_payer_account_id", "line_item_line_item_type", "line_item_unblended_cost"} <= {plain(name) for name in header.names}


def mapping_of(header: Header) -> Mapping:
    """FOCUS 1.2 columns of a Cost and Usage Report. Raises BadInput that names the columns that are missing."""
    bill = bill_of(header)
    missing = [name for name in NEEDED if name not in bill.names]
    if missing:
        hint = "its delimiter is not a comma" if len(header.names) == 1 else "export it with these columns"
        raise BadInput(f"{header.file}: no Cost and Usage Report: {', '.join(missing)} missing; {hint}")
    costs = Costs(bill)
    return Mapping(
        columns={**_dimensions(bill), **_quantities(bill), **_charge(bill), **_commitment(bill), **costs.columns()},
        keep=f"NOT ({is_split(bill)} AND coalesce({bill.money('line_item_unblended_cost')}, 1) = 0)",
        source=f"(SELECT *, unnest(CASE WHEN {costs.is_partly_unused()} THEN [1, 2] ELSE [1] END) AS part FROM raw)",
        cancels=f"CASE WHEN {bill.is_type(*OFFSET)} THEN {costs.cost()} END",
        basis=costs.basis(),
        contradictions=CONTRADICTIONS,
        problems=(*_problems(bill), *costs.problems()),
        amounts=tuple(bill.names[name] for name in AMOUNTS if name in bill.names),
        are_doubles=True,
        left_out=tuple(name for name in header.names if _COST_CATEGORY.fullmatch(name) or name == "tags"),
        left_out_rows="rows of split cost allocation (the node rows' money once more)",
    )


# ── what was charged ─────────────────────────────────────────────────────────────────────────────────────────────────
def _dimensions(bill: Bill) -> dict[str, str]:
    """Who, where and what; all of it as the bill has it."""
    is_marketplace = f"coalesce({bill.text('bill_billing_entity')} = 'AWS Marketplace', false)"
    seller = f"coalesce({bill.text('line_item_legal_entity')}, 'AWS Marketplace')"
    return {
        "AvailabilityZone": bill.text("line_item_availability_zone"),
        "BillingAccountId": bill.text("bill_payer_account_id"),
        "BillingAccountName": bill.text("bill_payer_account_name"),
        "BillingCurrency": bill.text("line_item_currency_code"),
        "BillingPeriodStart": bill.text("bill_billing_period_start_date"),
        "BillingPeriodEnd": bill.text("bill_billing_period_end_date"),
        "ChargeDescription": bill.text("line_item_line_item_description"),
        "ChargePeriodStart": bill.text("line_item_usage_start_date"),
        "ChargePeriodEnd": _exclusive(bill.text("line_item_usage_end_date")),
        "InvoiceId": bill.text("bill_invoice_id"),
        "InvoiceIssuerName": f"coalesce({bill.text('bill_invoicing_entity', 'line_item_legal_entity')}, 'AWS')",
        "ProviderName": "'AWS'",
        "PublisherName": f"CASE WHEN {is_marketplace} THEN {seller} ELSE 'AWS' END",
        "RegionId": f"nullif(coalesce({bill.product('region_code', 'region')}, {_region_of_zone(bill)}), 'global')",
        "RegionName": bill.product("location"),
        "ResourceId": bill.text("line_item_resource_id"),
        "ResourceType": f"CASE WHEN {bill.text('line_item_resource_id')} IS NOT NULL THEN {bill.product('product_family')} END",
        "ServiceCategory": service_category(bill.text("line_item_product_code"), bill.product("product_family")),
        "ServiceName": f"coalesce({bill.product('product_name', 'servicename')}, {bill.text('line_item_product_code')})",
        "SkuId": bill.product("sku"),
        "SkuMeter": bill.text("line_item_usage_type"),
        "SkuPriceDetails": json_object(
            f"[{{'key': 'InstanceType', 'value': {bill.product('instance_type')}}},"
            f" {{'key': 'OperatingSystem', 'value': {bill.product('operating_system')}}}]"
        ),
        "SkuPriceId": bill.text("pricing_rate_code"),
        "SubAccountId": bill.text("line_item_usage_account_id"),
        "SubAccountName": bill.text("line_item_usage_account_name"),
        "Tags": tags_of(bill),
    }


def _region_of_zone(bill: Bill) -> str:
    """us-east-1a → us-east-1; a line item without a region may still have a zone."""
    zone = bill.text("line_item_availability_zone")
    return f"nullif(regexp_extract({zone}, '^([a-z]+(-[a-z]+)+-[0-9])[a-z]$', 1), '')"


def _exclusive(end: str) -> str:
    """Fees end at 23:59:59 in a bill, usage on the hour; a FOCUS period ends where the next one begins."""
    moved = f"strftime(moment({end}) + INTERVAL 1 SECOND, '%Y-%m-%dT%H:%M:%SZ')"
    return f"CASE WHEN regexp_matches({end}, ':59:59([.]0+)?(Z|[+]00(:?00)?)?$') AND moment({end}) IS NOT NULL THEN {moved} ELSE {end} END"


def _quantities(bill: Bill) -> dict[str, str]:
    """How much, and at which unit price. An unused commitment was priced, not consumed."""
    amount, unit = bill.text("line_item_usage_amount"), bill.text("pricing_unit")
    used = f"part = 1 AND {bill.is_type(*USAGE)}"
    priced = f"({bill.is_type(*USAGE)} OR {bill.is_type(*PURCHASES)})"
    unused = bill.text("reservation_unused_quantity")
    rate = bill.text("line_item_net_unblended_rate", "line_item_unblended_rate")
    at_list = _number(bill.text("pricing_public_on_demand_rate"))
    return {
        "ConsumedQuantity": f"CASE WHEN {used} THEN {amount} END",
        "ConsumedUnit": f"CASE WHEN {used} AND {amount} IS NOT NULL THEN {unit} END",
        "PricingQuantity": f"CASE WHEN part = 2 THEN {unused} WHEN {priced} THEN {amount} END",
        "PricingUnit": f"CASE WHEN part = 1 AND {priced} OR {unused} IS NOT NULL THEN {unit} END",
        "ListUnitPrice": f"CASE WHEN {used} THEN {at_list} END",
        "ContractedUnitPrice": f"CASE WHEN part = 1 AND {bill.is_type('Usage', 'SavingsPlanCoveredUsage')} THEN {_number(rate)} END",
    }


def _number(text: str) -> str:
    """A unit price that is no number is unknown: no cost is reckoned with it."""
    return f"CASE WHEN is_number({text}) THEN {text} END"


def _charge(bill: Bill) -> dict[str, str]:
    """The kind of charge, from the line item's type."""
    kind = bill.text("line_item_line_item_type")
    late = f"moment({bill.text('line_item_usage_end_date')}) <= moment({bill.text('bill_billing_period_start_date')})"
    spot = f"coalesce({bill.text('pricing_term')} = 'Spot' OR contains({bill.text('line_item_usage_type')}, 'SpotUsage'), false)"
    usage, purchase = bill.is_type(*USAGE), bill.is_type(*PURCHASES)
    return {
        "ChargeCategory": f"CASE WHEN {kind} IS NULL THEN NULL WHEN part = 2 OR {usage} THEN 'Usage' WHEN {purchase} THEN 'Purchase'"
        f" WHEN {kind} IN ('Tax', 'Credit') THEN {kind} ELSE 'Adjustment' END",
        # Usage of a month that is invoiced already, and money that AWS gives back, correct an earlier charge.
        "ChargeClass": f"CASE WHEN {kind} = 'Refund' OR {usage} AND {late} THEN 'Correction' END",
        "ChargeFrequency": f"CASE WHEN part = 2 OR {usage} THEN 'Usage-Based'"
        f" WHEN {bill.is_type(*FEES)} THEN 'Recurring' ELSE 'One-Time' END",
        "PricingCategory": f"CASE WHEN part = 2 OR {bill.is_type(*USED)} THEN 'Committed'"
        f" WHEN {bill.is_type('Usage')} AND {spot} THEN 'Dynamic' WHEN {usage} OR {purchase} THEN 'Standard' END",
    }


def _commitment(bill: Bill) -> dict[str, str]:
    """The savings plan or reservation that a row was bought with, or buys. Plans are counted in money, reservations in hours."""
    plan, reservation = bill.text("savings_plan_savings_plan_a_r_n"), bill.text("reservation_reservation_a_r_n")
    known = f"coalesce({plan}, {reservation})"
    used = bill.text("line_item_normalized_usage_amount", "line_item_usage_amount")
    bought = bill.text("reservation_total_reserved_normalized_units", "reservation_total_reserved_units")
    unused = bill.text("reservation_unused_normalized_unit_quantity", "reservation_unused_quantity")
    is_normalized = f"{bill.text('line_item_normalization_factor', 'reservation_total_reserved_normalized_units')} IS NOT NULL"
    committed, spent = (bill.money(name) for name in COMMITMENT)
    of_plan = (
        f"CASE WHEN part = 2 THEN {committed} - {spent} WHEN {bill.is_type('SavingsPlanCoveredUsage')}"
        f" THEN {bill.money('savings_plan_savings_plan_effective_cost')} WHEN {bill.is_type(*PURCHASES)} THEN {committed} END"
    )
    of_reservation = (
        f"CASE WHEN part = 2 THEN {unused} WHEN {bill.is_type('DiscountedUsage')} THEN {used}"
        f" WHEN {bill.is_type(*PURCHASES)} THEN {bought} END"
    )
    quantity = f"CASE WHEN {plan} IS NOT NULL THEN CAST({of_plan} AS VARCHAR) WHEN {reservation} IS NOT NULL THEN {of_reservation} END"
    unit = (
        f"CASE WHEN ({quantity}) IS NULL THEN NULL WHEN {plan} IS NOT NULL THEN {bill.text('line_item_currency_code')}"
        f" WHEN {is_normalized} THEN 'Normalized Hours' ELSE 'Hours' END"
    )
    by_kind = f"CASE WHEN {plan} IS NOT NULL THEN {{}} WHEN {reservation} IS NOT NULL THEN {{}} END"
    return {
        "CommitmentDiscountId": known,
        "CommitmentDiscountCategory": by_kind.format("'Spend'", "'Usage'"),
        "CommitmentDiscountType": by_kind.format("'Savings Plan'", "'Reservation'"),
        "CommitmentDiscountStatus": f"CASE WHEN {known} IS NULL THEN NULL WHEN part = 2 THEN 'Unused'"
        f" WHEN {bill.is_type(*USED)} THEN 'Used' END",
        "CommitmentDiscountQuantity": quantity,
        "CommitmentDiscountUnit": unit,
    }


def is_split(bill: Bill) -> str:
    """Whether a row is a pod's or task's share of a node, whose own row has the money. Fargate's rows are plain usage and no share."""
    parent = f"{bill.text('split_line_item_parent_resource_id')} IS NOT NULL"
    listed = ", ".join(text_literal(name) for name in SPLIT_OPERATIONS)
    return f"(coalesce({bill.text('line_item_operation')} IN ({listed}), false) OR {parent})"


def _problems(bill: Bill) -> tuple[tuple[str, str], ...]:
    """What is wrong with a row before any cost is looked at."""
    cost = bill.text("line_item_unblended_cost")
    words = " on a row of split cost allocation, whose money the node's own row has: deliver the bill again"
    found = [(is_split(bill), f"'line_item_unblended_cost: ' || coalesce(shown({cost}), 'nothing') || {text_literal(words)}")]
    if "resource_tags" in bill.names:
        written = bill.text("resource_tags")
        found.append(
            (
                f"{written} IS NOT NULL AND {bill.map('resource_tags')} IS NULL",
                f"'resource_tags: ' || shown({written}) || ' is no JSON object'",
            )
        )
    discounts = [bill.text("discount_total_discount")] if "discount_total_discount" in bill.names else []
    if "discount" in bill.names:
        discounts.append(f"map_extract_value({bill.map('discount')}, 'total_discount')")
    if discounts:
        # CUR 2.0 shows discounts in no row of their own: without the net cost, what was billed is not in the bill.
        taken = f"coalesce(TRY_CAST(coalesce({', '.join(discounts)}) AS DOUBLE), 0) <> 0"
        unknown = f"{bill.text('line_item_net_unblended_cost')} IS NULL"
        words = "line_item_net_unblended_cost: empty on a row with a discount, so what was billed is unknown; add that column to the export"
        found.append((f"{taken} AND {unknown}", text_literal(words)))
    return tuple(found)
