"""FOCUS bills, versions 1.0 to 1.2: which version a file is, and its columns, which are the lake's own."""

from typing import Literal

from trimtab.errors import BadInput
from trimtab.sources.bill_files import Header
from trimtab.sources.mapping import COLUMNS, Mapping

Version = Literal["1.0", "1.2"]

SINCE_1_2 = frozenset({
    "BillingAccountType", "CapacityReservationId", "CapacityReservationStatus", "CommitmentDiscountQuantity", "CommitmentDiscountUnit",
    "InvoiceId", "PricingCurrency", "PricingCurrencyContractedUnitPrice", "PricingCurrencyEffectiveCost", "PricingCurrencyListUnitPrice",
    "ServiceSubcategory", "SkuMeter", "SkuPriceDetails", "SubAccountType",
})  # fmt: skip
"""Columns that 1.0 does not have; 1.1 has some of them and is read as 1.2."""
MANDATORY = (
    "BilledCost", "BillingAccountId", "BillingAccountName", "BillingCurrency", "BillingPeriodEnd", "BillingPeriodStart", "ChargeCategory",
    "ChargeClass", "ChargeDescription", "ChargePeriodEnd", "ChargePeriodStart", "ContractedCost", "EffectiveCost", "InvoiceIssuerName",
    "ListCost", "PricingQuantity", "PricingUnit", "ProviderName", "PublisherName", "ServiceCategory", "ServiceName",
)  # fmt: skip


def is_focus(header: Header) -> bool:
    """Whether a header has what no other form of bill has."""
    return {"BilledCost", "EffectiveCost", "ChargePeriodStart"} <= set(header.names)


def mapping_of(header: Header) -> Mapping:
    """The columns as they are. Raises BadInput where it is no FOCUS file, or a column has several values where FOCUS has one."""
    version_of(header)
    for name, kind in zip(header.names, header.types or (), strict=False):
        is_object = kind.startswith(("MAP", "STRUCT")) and name in {"Tags", "SkuPriceDetails"}
        if name in COLUMNS and not is_object and (kind.endswith("]") or kind.startswith(("MAP", "STRUCT", "UNION"))):
            raise BadInput(f"{header.file}: column {name} has type {kind[:40]}; FOCUS has a single value there")
    return Mapping(columns={name: f'"{name}"' for name in COLUMNS if name in header.names}, left_out=tuple(foreign(header)))


def version_of(header: Header) -> Version:
    """Which FOCUS version a file is. Raises BadInput that names what is missing, and what stands there instead."""
    missing = [name for name in MANDATORY if name not in header.names]
    if missing:
        unknown = foreign(header)
        instead = f"; it has {', '.join(f'{name!a}' for name in unknown[:5])}" if unknown else ""
        hint = "; its delimiter is not a comma" if len(header.names) == 1 else ""
        raise BadInput(f"{header.file}: no FOCUS 1.0 or 1.2 file: {_some(missing)} missing{instead}{hint}")
    return "1.2" if SINCE_1_2 & set(header.names) else "1.0"


def foreign(header: Header) -> list[str]:
    """Columns that are neither FOCUS nor `x_`: they are left out, and said."""
    return [name for name in header.names if name not in COLUMNS and not name.startswith("x_")]


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more are" if len(names) > 5 else " is" if len(names) == 1 else " are")
