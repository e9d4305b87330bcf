"""Rows of Google's billing export (standard or detailed), as BigQuery's EXPORT DATA writes them, as FOCUS columns.

`cost` is before credits. Google's own FOCUS data subtracts what lowers a price, and so does this: discounts (committed and sustained
use, negotiated, free tier) lower the cost of their row, and any other credit (promotions, and those whose type the file does not say)
is a charge of its own, of category Credit. Both together are `cost` plus all `credits`, which is what is invoiced. Committed use is paid
by the hour: its fee stays on the fee's row, for Google does not say which usage it paid for.

Parquet keeps the nested fields; CSV has them flattened, with dots or underscores (`service.description`, `service_description`), and
lists as JSON text (`TO_JSON_STRING(credits)`). A billing month runs in US Pacific time; all times here are UTC. Where GKE cost
allocation is on, Google cuts a node's rows by namespace itself: they share the node's resource and add up to it, so that they are the
node's cost as before, and the labels stay as tags.
"""

from collections.abc import Mapping as Table

from trimtab.errors import BadInput
from trimtab.sources.bill_files import Header
from trimtab.sources.gcp_lists import (
    AMOUNTS,
    COMMITMENTS,
    LABELS,
    credits_sql,
    discounts,
    is_rounded,
    labelled,
    list_problem,
    names_of,
    others,
)
from trimtab.sources.lookup import looked_up
from trimtab.sources.mapping import Mapping, quoted
from trimtab.tables import text_literal

NEEDED = ("billing_account_id", "cost", "currency", "invoice.month", "usage_start_time", "usage_end_time")
CREDIT_SUMS = ("credits_amount", "credit_amount", "credits.amount", "total_credits")
"""Names under which files have the sum of a row's credits, where they do not have the list."""
CHARGES = {"regular": "Usage", "tax": "Tax", "adjustment": "Adjustment", "rounding_error": "Adjustment"}
SERVICES = {
    "AlloyDB": "Databases", "Artifact Registry": "Developer Tools", "BigQuery": "Analytics", "Cloud Build": "Developer Tools",
    "Cloud Bigtable": "Databases", "Cloud DNS": "Networking", "Cloud Dataflow": "Analytics", "Cloud Dataproc": "Analytics",
    "Cloud Functions": "Compute", "Cloud Key Management Service (KMS)": "Security", "Cloud Logging": "Management and Governance",
    "Cloud Memorystore for Redis": "Databases", "Cloud Monitoring": "Management and Governance", "Cloud Pub/Sub": "Integration",
    "Cloud Run": "Compute", "Cloud SQL": "Databases", "Cloud Spanner": "Databases", "Cloud Storage": "Storage", "Compute Engine": "Compute",
    "Kubernetes Engine": "Compute", "Networking": "Networking", "Secret Manager": "Security", "Support": "Other",
    "Vertex AI": "AI and Machine Learning",
}  # fmt: skip
"""Service → ServiceCategory; any other is Other."""


def is_gcp(header: Header) -> bool:
    """Whether a header is plainly one of Google's billing export."""
    file = _File(header)
    return all(file.has(path) for path in ("billing_account_id", "cost", "invoice.month", "usage_start_time"))


def mapping_of(header: Header) -> Mapping:
    """The columns of a billing export. Raises BadInput that names what is missing."""
    file = _File(header)
    missing = [path for path in NEEDED if not file.has(path)]
    if missing:
        hint = "; its delimiter is not a comma" if len(header.names) == 1 else ""
        raise BadInput(f"{header.file}: no billing export of Google Cloud: {', '.join(missing)} missing{hint}")
    return Mapping(
        columns={**_whose(file), **_when(file), **_what(file), **_how_much(file), **_committed(file)},
        source=_source(file),
        problems=_problems(file),
        amounts=tuple(name for name in (file.name("cost"), file.name("cost_at_list")) if name),
        are_doubles=True,
        is_rounded=f"coalesce({is_rounded()}, false)",
        may_be_empty=True,
    )


IS_CREDIT = "\"charge kind\" = 'credit'"


class _File:
    """One file's fields by Google's names, however they are nested or flattened; all SQL."""

    def __init__(self, header: Header) -> None:
        self.header = header
        self.names = {name.lower(): name for name in header.names}

    def name(self, path: str) -> str | None:
        """The column that is this field itself."""
        found = (self.names.get(spelling) for spelling in (path, path.replace(".", "_")))
        return next((name for name in found if name), None)

    def has(self, path: str) -> bool:
        return self.name(path) is not None or ("." in path and path.split(".", maxsplit=1)[0] in self.names)

    def __getitem__(self, path: str) -> str:
        """A field as text; NULL where the file does not have it."""
        name, (top, _, rest) = self.name(path), path.partition(".")
        if name:
            return quoted(name)
        if not rest or top not in self.names:
            return "CAST(NULL AS VARCHAR)"
        nested = quoted(self.names[top])
        return f"CASE WHEN json_valid({nested}) THEN json_extract_string({nested}, {text_literal(f'$.{rest}')}) END"

    def json(self, path: str) -> str:
        """A list or structure as JSON text."""
        name, (top, _, rest) = self.name(path), path.partition(".")
        if name or not rest or top not in self.names:
            return self[path]
        return f"CAST(json_extract({quoted(self.names[top])}, {text_literal(f'$.{rest}')}) AS VARCHAR)"


def _source(file: _File) -> str:
    """Each row once as its charge, and once more as a credit where it has one that lowers no price."""
    return f"""(
  SELECT * FROM (SELECT *, {_credits(file)} AS "credit list" FROM raw)
  CROSS JOIN (VALUES ('charge'), ('credit')) AS kinds("charge kind")
  WHERE NOT ({IS_CREDIT}) OR coalesce({others()}, 0) <> 0
)"""


def _credits(file: _File) -> str:
    if file.name("credits"):
        return credits_sql(file["credits"])
    total = next((name for name in CREDIT_SUMS if file.name(name)), None)
    if total is None:
        raise BadInput(f"{file.header.file}: no credits: cost alone is before them; export TO_JSON_STRING(credits) AS credits as well")
    # A sum does not say what its credits are, so none of it lowers a price.
    amount = file[total]
    rest = "'full_name': NULL, 'id': NULL, 'type': NULL"
    return f"CASE WHEN {amount} IS NOT NULL THEN [{{'name': 'all credits', 'amount': {amount}, {rest}}}] END"


def _whose(file: _File) -> Table[str, str]:
    is_google = f"coalesce({file['transaction_type']}, 'GOOGLE') = 'GOOGLE'"
    return {
        "BillingAccountId": file["billing_account_id"],
        "BillingAccountType": "'Billing Account'",
        "BillingCurrency": file["currency"],
        "InvoiceIssuerName": "'Google Cloud'",
        "ProviderName": "'Google Cloud'",
        "PublisherName": f"CASE WHEN {is_google} THEN 'Google Cloud' ELSE {file['seller_name']} END",
        "SubAccountId": file["project.id"],
        "SubAccountName": file["project.name"],
        "SubAccountType": f"CASE WHEN {file['project.id']} IS NOT NULL THEN 'Project' END",
    }


def _when(file: _File) -> Table[str, str]:
    first = f"try_strptime({file['invoice.month']} || '01', '%Y%m%d')"
    return {
        "BillingPeriodStart": _pacific(first),
        "BillingPeriodEnd": _pacific(f"{first} + INTERVAL 1 MONTH"),
        "ChargePeriodStart": f"replace({file['usage_start_time']}, ' UTC', 'Z')",
        "ChargePeriodEnd": f"replace({file['usage_end_time']}, ' UTC', 'Z')",
    }


def _pacific(midnight: str) -> str:
    """A midnight of US Pacific time, said in UTC."""
    return f"strftime(timezone('UTC', timezone('America/Los_Angeles', {midnight})), '%Y-%m-%dT%H:%M:%SZ')"


def _what(file: _File) -> Table[str, str]:
    lists = [labelled(file.json(path)) for path in LABELS if file.has(path)]
    kind = looked_up(f"coalesce({file['cost_type']}, 'regular')", CHARGES, "'Adjustment'")
    corrections = " OR ".join(f"{file[f'adjustment_info.{part}']} IS NOT NULL" for part in ("id", "description", "type", "mode"))
    name = file["resource.global_name"]
    return {
        "AvailabilityZone": file["location.zone"],
        "ChargeCategory": f"CASE WHEN {IS_CREDIT} THEN 'Credit' ELSE {kind} END",
        "ChargeClass": f"CASE WHEN {corrections} THEN 'Correction' END",
        "ChargeDescription": f"CASE WHEN {IS_CREDIT} THEN 'Credit: ' || {names_of(others=True)} ELSE {file['sku.description']} END",
        "ChargeFrequency": "'Usage-Based'",
        "RegionId": file["location.region"],
        "RegionName": file["location.location"],
        "ResourceId": f"coalesce({name}, {file['resource.name']})",
        "ResourceName": file["resource.name"],
        "ResourceType": f"nullif(regexp_extract({name}, '/([A-Za-z]+)/[^/]+$', 1), '')",
        "ServiceCategory": looked_up(file["service.description"], SERVICES, "'Other'"),
        "ServiceName": file["service.description"],
        "SkuId": file["sku.id"],
        "SkuMeter": file["sku.description"],
        "Tags": f"nullif(CAST({_merged(lists)} AS VARCHAR), '{{}}')" if lists else "NULL",
    }


def _merged(objects: list[str]) -> str:
    """The later of them win: a resource's own label over its project's."""
    merged = objects[0]
    for one in objects[1:]:
        merged = f"json_merge_patch({merged}, {one})"
    return merged


def _how_much(file: _File) -> Table[str, str]:
    cost = file["cost"]
    net = f"CAST(money({cost}) + coalesce({discounts()}, 0) AS VARCHAR)"
    either = f"CASE WHEN {IS_CREDIT} THEN CAST({others()} AS VARCHAR) ELSE {net} END"
    usage = {
        "ConsumedQuantity": file["usage.amount"],
        "ConsumedUnit": file["usage.unit"],
        "ContractedUnitPrice": file["price.effective_price"],
        "PricingQuantity": file["usage.amount_in_pricing_units"],
        "PricingUnit": file["usage.pricing_unit"],
    }
    return {
        "BilledCost": either,
        "EffectiveCost": either,
        "ContractedCost": f"CASE WHEN {IS_CREDIT} THEN '0' ELSE coalesce({file['cost_at_effective_price_default']}, {cost}) END",
        "ListCost": f"CASE WHEN {IS_CREDIT} THEN '0' ELSE {file['cost_at_list']} END",
        **{name: f"CASE WHEN {_is_usage(file)} THEN {text} END" for name, text in usage.items()},
    }


def _is_usage(file: _File) -> str:
    return f"(NOT ({IS_CREDIT}) AND coalesce(lower({file['cost_type']}), 'regular') = 'regular')"


def _committed(file: _File) -> Table[str, str]:
    """Usage that a committed use discount lowered, and the fee of the commitment itself."""
    kinds = ", ".join(text_literal(kind) for kind in COMMITMENTS)
    found = f'list_filter("credit list", lambda c: c."type" IN ({kinds}))'
    is_covered = f"(NOT ({IS_CREDIT}) AND len({found}) > 0)"
    is_fee = f"starts_with(lower({file['sku.description']}), 'commitment')"
    is_spend = f"{found}[1].\"type\" <> 'COMMITTED_USAGE_DISCOUNT'"
    is_usage = _is_usage(file)
    is_spot = f"contains({file['sku.description']}, 'Spot Preemptible')"
    return {
        "CommitmentDiscountCategory": f"CASE WHEN {is_covered} THEN CASE WHEN {is_spend} THEN 'Spend' ELSE 'Usage' END END",
        "CommitmentDiscountId": f"CASE WHEN {is_covered} THEN coalesce({file['subscription.instance_id']}, {found}[1].id) END",
        "CommitmentDiscountName": f"CASE WHEN {is_covered} THEN coalesce({found}[1].full_name, {found}[1].name) END",
        "CommitmentDiscountStatus": f"CASE WHEN {is_covered} AND NOT coalesce({is_fee}, false) THEN 'Used' END",
        "CommitmentDiscountType": f"CASE WHEN {is_covered} THEN 'Committed Use Discount' END",
        "PricingCategory": f"CASE WHEN NOT ({is_usage}) THEN NULL WHEN {is_covered} OR {is_fee} THEN 'Committed'"
        f" WHEN {is_spot} THEN 'Dynamic' ELSE 'Standard' END",
    }


def _problems(file: _File) -> tuple[tuple[str, str], ...]:
    month = file["invoice.month"]
    bad_month = f"NOT coalesce(regexp_full_match({month}, '[0-9]{{4}}(0[1-9]|1[0-2])'), false)"
    lists = (path for path in (*LABELS, "credits") if file.has(path))
    return (
        (f"{file['cost']} IS NULL", "'cost: it is empty'"),
        (bad_month, f"'invoice.month: ' || coalesce(shown({month}), 'nothing') || ' is not a month like 202607'"),
        *(list_problem(file.json(path), path) for path in lists),
        (
            'len(list_filter("credit list", lambda c: c.amount IS NULL OR money(c.amount) IS NULL)) > 0',
            f"'credits: an amount is not a number of {AMOUNTS}'",
        ),
    )
