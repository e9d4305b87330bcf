"""Oracle's cost reports (one line for each resource and hour), as FOCUS columns.

`cost/myCost` is what is charged, and includes overage beyond a commitment, so the overage columns are not added to it
(https://docs.oracle.com/iaas/Content/Billing/Concepts/usagereportsoverview.htm). A correction is a line of its own that refers to the
line it corrects; as on an invoice it is added, and marked. Reports come every six hours: a month is all of its files together.
"""

from collections.abc import Mapping as Table

from trimtab.errors import BadInput
from trimtab.sources.bill_files import Header
from trimtab.sources.lookup import looked_up
from trimtab.sources.mapping import Mapping, quoted
from trimtab.tables import text_literal

NEEDED = ("lineitem/tenantid", "lineitem/intervalusagestart", "lineitem/intervalusageend", "cost/mycost", "cost/currencycode")
SERVICES = {
    "ANALYTICS": "Analytics", "API_GATEWAY": "Integration", "AUTOSCALING": "Compute", "BIG_DATA": "Analytics", "BLOCK_STORAGE": "Storage",
    "COMPUTE": "Compute", "CONTAINER_ENGINE": "Compute", "DATABASE": "Databases", "DATAFLOW": "Analytics",
    "DATASCIENCE": "AI and Machine Learning", "DNS": "Networking", "EMAIL": "Integration", "FASTCONNECT": "Networking",
    "FILE_STORAGE": "Storage", "FUNCTIONS": "Compute", "INTEGRATION": "Integration", "KMS": "Security", "LB": "Networking",
    "LOAD_BALANCER": "Networking", "LOGGING": "Management and Governance", "MYSQL": "Databases", "NETWORK": "Networking",
    "NETWORK_FIREWALL": "Security", "NOSQL": "Databases", "NOTIFICATIONS": "Integration", "OBJECTSTORE": "Storage",
    "OKE": "Compute", "ORACLE_STREAMING_SERVICE": "Integration", "POSTGRESQL": "Databases", "STREAMING": "Integration",
    "TELEMETRY": "Management and Governance", "VAULT": "Security", "WAF": "Security",
}  # fmt: skip
"""Service → ServiceCategory; any other is Other."""
CORRECTED = "corrections of earlier lines, which are added to what they correct"


def is_oci(header: Header) -> bool:
    """Whether a header is plainly one of a cost report."""
    return {"lineitem/tenantid", "cost/mycost"} <= {name.lower() for name in header.names}


def mapping_of(header: Header) -> Mapping:
    """The columns of a cost report. Raises BadInput that names what is missing."""
    names = {name.lower(): quoted(name) for name in header.names}
    missing = [name for name in NEEDED if name not in names]
    if missing:
        hint = "; its delimiter is not a comma" if len(header.names) == 1 else ""
        raise BadInput(f"{header.file}: no cost report of Oracle Cloud: {', '.join(missing)} missing{hint}")
    file = _Columns(names)
    cost, start = file["cost/mycost"], file["lineitem/intervalusagestart"]
    correction = f"coalesce(lower({file['lineitem/iscorrection']}) IN ('true', 'y', 'yes'), false)"
    return Mapping(
        columns={**_whose(file), **_when(file), **_what(file, header, correction), **_how_much(file)},
        problems=(
            (f"{cost} IS NULL", "'cost/myCost: it is empty'"),
            (f"moment({start}) IS NULL", f"'lineItem/intervalUsageStart: ' || coalesce(shown({start}), 'nothing') || ' is not a time'"),
        ),
        amounts=(cost.strip('"'),),
        are_doubles=True,
        note=f"CASE WHEN {correction} THEN {text_literal(CORRECTED)} END",
    )


class _Columns:
    """Columns by their names in small letters; NULL where the file has none."""

    def __init__(self, names: dict[str, str]) -> None:
        self.names = names

    def __getitem__(self, name: str) -> str:
        return self.names.get(name, "CAST(NULL AS VARCHAR)")


def _whose(file: _Columns) -> Table[str, str]:
    return {
        "BillingAccountId": file["lineitem/tenantid"],
        "BillingAccountType": "'Tenancy'",
        "BillingCurrency": file["cost/currencycode"],
        "InvoiceIssuerName": "'Oracle'",
        "ProviderName": "'Oracle'",
        "PublisherName": "'Oracle'",
        "SubAccountId": file["product/compartmentid"],
        "SubAccountName": file["product/compartmentname"],
        "SubAccountType": "'Compartment'",
    }


def _when(file: _Columns) -> Table[str, str]:
    """A report says no billing period; Oracle bills by the calendar month, in UTC."""
    start = file["lineitem/intervalusagestart"]
    month = f"date_trunc('month', moment({start}))"
    return {
        "BillingPeriodStart": f"strftime({month}, '%Y-%m-%d')",
        "BillingPeriodEnd": f"strftime({month} + INTERVAL 1 MONTH, '%Y-%m-%d')",
        "ChargePeriodStart": start,
        "ChargePeriodEnd": file["lineitem/intervalusageend"],
    }


def _what(file: _Columns, header: Header, correction: str) -> Table[str, str]:
    overage = f"CASE WHEN lower({file['cost/overageflag']}) IN ('true', 'y', 'yes') THEN ' (overage)' ELSE '' END"
    resource = file["product/resourceid"]
    return {
        "AvailabilityZone": file["product/availabilitydomain"],
        "ChargeCategory": "'Usage'",
        "ChargeClass": f"CASE WHEN {correction} THEN 'Correction' END",
        "ChargeDescription": f"{file['product/description']} || {overage}",
        "ChargeFrequency": "'Usage-Based'",
        "PricingCategory": "'Standard'",
        "RegionId": file["product/region"],
        "RegionName": file["product/region"],
        "ResourceId": resource,
        "ResourceType": f"nullif(regexp_extract({resource}, '^ocid[0-9]+[.]([a-z0-9]+)[.]', 1), '')",
        "ServiceCategory": looked_up(file["product/service"], SERVICES, "'Other'"),
        "ServiceName": file["product/service"],
        "SkuId": file["cost/productsku"],
        "SkuMeter": file["product/description"],
        "Tags": _tags(header),
    }


def _how_much(file: _Columns) -> Table[str, str]:
    cost = file["cost/mycost"]
    return {
        "BilledCost": cost,
        "EffectiveCost": cost,
        "ContractedCost": cost,
        "ConsumedQuantity": file["usage/billedquantity"],
        "ConsumedUnit": file["cost/skuunitdescription"],
        "ContractedUnitPrice": file["cost/unitprice"],
        "PricingQuantity": file["usage/billedquantity"],
        "PricingUnit": file["cost/skuunitdescription"],
    }


def _tags(header: Header) -> str:
    """`tags/<namespace>.<key>` columns as one object; a merge patch leaves out those without a value."""
    tags = [name for name in header.names if name.lower().startswith("tags/")]
    if not tags:
        return "NULL"
    pairs = ", ".join(f"{text_literal(header.written(name)[len('tags/') :])}, {quoted(name)}" for name in tags)
    return f"nullif(CAST(json_merge_patch(CAST('{{}}' AS JSON), json_object({pairs})) AS VARCHAR), '{{}}')"
