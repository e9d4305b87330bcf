"""Azure usage details (EA, MCA, pay-as-you-go; actual or amortized cost), and the gaps of its FocusCost exports, as FOCUS columns.

Azure tells the same money in two datasets (https://learn.microsoft.com/cloud-computing/finops/focus/convert). ActualCost has the
purchases of reservations and savings plans, and usage that they cover at 0: what was billed is known, what that usage cost is not.
AmortizedCost spreads the purchases over the usage and has `Unused…` rows for the rest, but no purchases: what it cost is known, what
was billed lacks them. So a row of covered usage without its cost is refused; purchases that may be missing are said; and an ActualCost
export that is delivered beside an AmortizedCost one brings only the purchases (`Mapping.purchases`), which together is the whole.
"""

import re
from collections.abc import Mapping as Table
from dataclasses import replace

from trimtab.errors import BadInput
from trimtab.sources import focus
from trimtab.sources.azure_days import day, day_problem, ends, starts
from trimtab.sources.azure_words import CHARGES, COLUMNS, FAMILIES, FREQUENCIES, METERS, MODERN, PRICING
from trimtab.sources.bill_files import Header
from trimtab.sources.lookup import looked_up
from trimtab.sources.mapping import Mapping, quoted
from trimtab.tables import text_literal

NEEDED = ("cost", "currency", "date", "subscription")
FOCUS_COST = frozenset({"x_SkuMeterId", "x_SkuMeterCategory"})
"""Microsoft's own columns in a FocusCost export."""
_LOCALIZED = re.compile(r"\(([A-Za-z0-9]+)\)\s*$")
_AMOUNTS = ("cost", "list_cost", "quantity", "unit_price", "list_price")

UNAMORTIZED = "usage that a commitment covers, without its cost: an ActualCost export has none; ingest the AmortizedCost or FocusCost one"
WITHOUT_PURCHASES = (
    "charges of a commitment in an AmortizedCost export, which has no purchases: BilledCost lacks what was bought in this period;"
    " let the ActualCost export bring them (part: commitment-purchases)"
)
WITHOUT_PERIOD = "charges without a billing period, which are taken to be of the calendar month of their day"


def is_azure(header: Header) -> bool:
    """Whether a header is plainly one of usage details."""
    keys = set(_keys(header))
    return "metercategory" in keys and any(cost in keys for cost in COLUMNS["cost"]) and any(date in keys for date in COLUMNS["date"])


def is_focus_cost(header: Header) -> bool:
    """Whether a header is that of a FocusCost export."""
    return focus.is_focus(header) and bool(FOCUS_COST & set(header.names))


def mapping_of(header: Header) -> Mapping:
    """The columns of usage details, or of a FocusCost export. Raises BadInput that names what is missing."""
    if focus.is_focus(header):
        return mended(focus.mapping_of(header), header)
    file = _File(header)
    return Mapping(
        columns={**_whose(file), **_when(file), **_what(file), **_how_much(file), **_committed(file)},
        problems=_problems(file),
        are_doubles=True,
        dataset=f"CASE WHEN {file.is_purchase} THEN 'actual' WHEN {file.is_amortized} THEN 'amortized' ELSE 'either' END",
        note=_note(file),
        purchases=file.is_purchase,
    )


def mended(mapping: Mapping, header: Header) -> Mapping:
    """The mapping of a FOCUS file, with what Microsoft's FocusCost is known to leave out or to spell in two ways made whole.

    A price or cost of 0 beside an EffectiveCost that is not 0 is one that Microsoft does not have (MCA reservations, marketplace).
    """
    if not FOCUS_COST & set(header.names):
        return mapping
    columns = dict(mapping.columns)
    for name in {"ListCost", "ContractedCost", "ListUnitPrice", "ContractedUnitPrice"} & set(columns):
        is_unknown = f'money({columns[name]}) = 0 AND (money("EffectiveCost") <> 0 OR money("BilledCost") <> 0)'
        columns[name] = f"CASE WHEN {is_unknown} THEN NULL ELSE {columns[name]} END"
    for name in {"ResourceId", "ResourceName", "CommitmentDiscountId"} & set(columns):
        columns[name] = f"lower({columns[name]})"
    if "x_SkuDetails" in header.names and "ResourceId" in columns:
        columns["ResourceId"] = _machine(columns["ResourceId"], _detail('"x_SkuDetails"', "VMName"))
    services = [quoted(name) for name in ("ServiceName", "x_SkuMeterCategory") if name in header.names]
    # Its costs are those of usage details, with up to fifteen decimals of a binary double.
    return replace(mapping, columns=columns | {"ServiceName": f"coalesce({', '.join(services)})"}, are_doubles=True)


class _File:
    """One file's columns by our words, and what its charges are; all SQL."""

    def __init__(self, header: Header) -> None:
        self.header = header
        self.names = _names(header)
        missing = [COLUMNS[word][0] for word in NEEDED if not self.has(word)]
        if missing:
            hint = "; its delimiter is not a comma" if len(header.names) == 1 else ""
            raise BadInput(f"{header.file}: no Azure usage details: {', '.join(missing)} missing{hint}")
        self.is_localized = any(_LOCALIZED.search(name) for name in header.names)
        self.charge = self["charge"] if self.has("charge") else "'Usage'"
        self.model = f"replace(lower({self['model']}), ' ', '')"
        is_committed = f"coalesce({self.model} IN ('reservation', 'savingsplan'), {self['benefit']} IS NOT NULL)"
        self.is_covered = f"(coalesce(lower({self.charge}) = 'usage', false) AND {is_committed})"
        self.is_unused = f"coalesce(lower({self.charge}) IN ('unusedreservation', 'unusedsavingsplan'), false)"
        self.is_purchase = f"(coalesce(lower({self.charge}) IN ('purchase', 'refund'), false) AND {is_committed})"
        self.is_amortized = f"({self.is_unused} OR {self.is_covered})"

    def __getitem__(self, word: str) -> str:
        """The first of its spellings that has a value; NULL where the file has none of them."""
        found = [quoted(self.names[key]) for key in COLUMNS[word] if key in self.names]
        return found[0] if len(found) == 1 else f"coalesce({', '.join(found)})" if found else "CAST(NULL AS VARCHAR)"

    def has(self, word: str) -> bool:
        return any(key in self.names for key in COLUMNS[word])

    def name(self, word: str) -> str:
        """What the file calls it, for messages."""
        return next(self.names[key] for key in COLUMNS[word] if key in self.names)

    def number(self, word: str) -> str:
        """The number with a point: files in another language may have a decimal comma, and dots between thousands."""
        text = self[word]
        if not self.is_localized:
            return text
        is_comma = f"regexp_full_match({text}, '[+-]?([0-9]+|[0-9]{{1,3}}([.][0-9]{{3}})+),[0-9]+([eE][+-]?[0-9]+)?')"
        return f"CASE WHEN {is_comma} THEN replace(replace({text}, '.', ''), ',', '.') ELSE {text} END"


def _whose(file: _File) -> Table[str, str]:
    modern = MODERN & set(file.names)
    ids = ("profile", "account", "subscription") if modern else ("account", "profile", "subscription")
    return {
        "BillingAccountId": f"coalesce({', '.join(file[word] for word in ids)})",
        "BillingAccountName": f"coalesce({file['profile_name' if modern else 'account_name']}, {file['account_name']})",
        "BillingCurrency": file["currency"],
        "InvoiceId": file["invoice"],
        "InvoiceIssuerName": f"coalesce({file['partner']}, 'Microsoft')",
        "ProviderName": "'Microsoft'",
        "PublisherName": f"coalesce({file['publisher']}, 'Microsoft')",
        "SubAccountId": file["subscription"],
        "SubAccountName": file["subscription_name"],
        "SubAccountType": "'Subscription'",
    }


def _when(file: _File) -> Table[str, str]:
    on = _day(file, "date")
    return {
        "ChargePeriodStart": on,
        "ChargePeriodEnd": f"strftime(TRY_CAST({on} AS DATE) + 1, '%Y-%m-%d')",
        "BillingPeriodStart": f"CASE WHEN {file['period_start']} IS NULL THEN {starts(on)} ELSE {_day(file, 'period_start')} END",
        "BillingPeriodEnd": f"CASE WHEN {file['period_end']} IS NULL THEN {ends(on)} ELSE {_day_after(_day(file, 'period_end'))} END",
    }


def _day(file: _File, word: str) -> str:
    return day(file[word], file["period_end"], is_localized=file.is_localized)


def _day_after(on: str) -> str:
    """The end of a billing period is its last day; FOCUS wants the first that is outside."""
    date = f"TRY_CAST({on} AS DATE)"
    return f"strftime(CASE WHEN day({date}) = 1 THEN {date} ELSE {date} + 1 END, '%Y-%m-%d')"


def _what(file: _File) -> Table[str, str]:
    resource, kind = f"lower({file['resource']})", f"lower({file['resource']})"
    machine = _detail(file["additional"], "VMName")
    family = looked_up(file["meter_category"], METERS, "'Other'")
    category = looked_up(file.charge, CHARGES, "'Adjustment'")
    return {
        "AvailabilityZone": file["zone"],
        "ChargeCategory": f"CASE WHEN {file.charge} IS NOT NULL THEN {category} END",
        "ChargeClass": f"CASE WHEN lower({file.charge}) = 'refund' THEN 'Correction' END",
        "ChargeDescription": file["product"],
        "ChargeFrequency": looked_up(file["frequency"], FREQUENCIES),
        "RegionId": f"lower(replace({file['location']}, ' ', ''))",
        "RegionName": file["location"],
        "ResourceId": _machine(resource, machine),
        "ResourceName": f"lower(coalesce({machine}, {file['resource_name']}, regexp_extract({file['resource']}, '([^/]+)$', 1)))",
        "ResourceType": f"""CASE WHEN contains({kind}, '/virtualmachinescalesets/') THEN 'Virtual machine scale set'
          WHEN contains({kind}, '/virtualmachines/') THEN 'Virtual machine'
          ELSE lower(coalesce({file["resource_type"]}, nullif(regexp_extract({kind}, '/providers/([^/]+/[^/]+)/', 1), ''))) END""",
        "ServiceCategory": looked_up(file["family"], FAMILIES, family),
        "ServiceName": file["service"],
        "SkuId": file["part"],
        "SkuMeter": file["meter_name"],
        "SkuPriceId": file["meter"],
        "Tags": f"CASE WHEN {file['tags']} IS NULL OR starts_with(ltrim({file['tags']}), '{{') THEN {file['tags']}"
        f" ELSE '{{' || {file['tags']} || '}}' END",
    }


def _how_much(file: _File) -> Table[str, str]:
    cost, is_usage = file.number("cost"), f"lower({file.charge}) = 'usage'"
    return {
        "BilledCost": f"CASE WHEN {file.is_amortized} AND {cost} IS NOT NULL THEN '0' ELSE {cost} END",
        "EffectiveCost": f"CASE WHEN {file.is_purchase} AND {cost} IS NOT NULL THEN '0' ELSE {cost} END",
        "ContractedCost": f"CASE WHEN NOT ({file.is_amortized}) THEN {cost} END",
        "ListCost": file.number("list_cost"),
        "ConsumedQuantity": f"CASE WHEN {is_usage} THEN {file.number('quantity')} END",
        "ConsumedUnit": f"CASE WHEN {is_usage} THEN {_unit(file['unit'])} END",
        "ContractedUnitPrice": file.number("unit_price"),
        "ListUnitPrice": file.number("list_price"),
        "PricingQuantity": file.number("quantity"),
        "PricingUnit": _unit(file["unit"]),
    }


def _unit(text: str) -> str:
    """A block of one is the unit itself; a block of more ("10K", "100 Hours") stays as it stands, because files count it both ways."""
    return f"CASE lower({text}) WHEN '1 hour' THEN 'Hours' WHEN '1 gb' THEN 'GB' ELSE {text} END"


def _committed(file: _File) -> Table[str, str]:
    benefit = f"lower({file['benefit']})"
    is_plan = (
        f"({file.model} = 'savingsplan' OR contains({benefit}, '/microsoft.billingbenefits/') OR lower({file.charge}) LIKE '%savingsplan')"
    )
    is_any = f"({file.is_covered} OR {file.is_unused} OR {file.is_purchase})"
    return {
        "CommitmentDiscountCategory": f"CASE WHEN {is_any} THEN CASE WHEN {is_plan} THEN 'Spend' ELSE 'Usage' END END",
        "CommitmentDiscountId": f"CASE WHEN {is_any} THEN {benefit} END",
        "CommitmentDiscountName": f"CASE WHEN {is_any} THEN {file['benefit_name']} END",
        "CommitmentDiscountStatus": f"CASE WHEN {file.is_unused} THEN 'Unused' WHEN {file.is_covered} THEN 'Used' END",
        "CommitmentDiscountType": f"CASE WHEN {is_any} THEN CASE WHEN {is_plan} THEN 'Savings Plan' ELSE 'Reservation' END END",
        "PricingCategory": f"CASE WHEN {file.is_purchase} THEN 'Standard' ELSE {looked_up(file['model'], PRICING)} END",
    }


def _problems(file: _File) -> tuple[tuple[str, str], ...]:
    cost, amounts = file["cost"], [file[word] for word in _AMOUNTS if file.has(word)]
    without_cost = f"{file.is_covered} AND money({file.number('cost')}) = 0 AND coalesce(quantity({file.number('quantity')}), 1) <> 0"
    points = " OR ".join(f"coalesce(contains({text}, '.') AND NOT contains({text}, ','), false)" for text in amounts)
    commas = " OR ".join(f"coalesce(contains({text}, ','), false)" for text in amounts)
    mixed = ((f"({commas}) AND ({points})", "'amounts: some with a decimal comma, some with a point'"),) if file.is_localized else ()
    dates = [word for word in ("date", "period_start", "period_end") if file.has(word)]
    return (
        (f"{cost} IS NULL", text_literal(f"{file.name('cost')}: it is empty")),
        *mixed,
        (
            f"NOT is_number({file.number('cost')})",
            f"{text_literal(file.name('cost') + ': ')} || shown({cost}) || ' is not a number'",
        ),
        *(day_problem(file[word], _day(file, word), file.name(word)) for word in dates),
        *_period_problem(file),
        (without_cost, text_literal(f"{file.name('cost')}: {UNAMORTIZED}")),
    )


def _period_problem(file: _File) -> tuple[tuple[str, str], ...]:
    if not (file.has("period_start") and file.has("period_end")):
        return ()
    days = f"date_diff('day', TRY_CAST({_day(file, 'period_start')} AS DATE), TRY_CAST({_day(file, 'period_end')} AS DATE))"
    return ((f"NOT ({days} BETWEEN 0 AND 31)", text_literal(f"{file.name('period_end')}: not within a month of its start")),)


def _note(file: _File) -> str:
    period = f"WHEN {file['period_start']} IS NULL THEN {text_literal(WITHOUT_PERIOD)}"
    return f"CASE WHEN {file.is_amortized} THEN {text_literal(WITHOUT_PURCHASES)} {period} END"


def _machine(resource: str, name: str) -> str:
    """A scale set bills its machines under its own id; the machine's name ends with the number that Kubernetes knows it by."""
    is_set = f"regexp_full_match({resource}, '.*/virtualmachinescalesets/[^/]+')"
    number = f"nullif(regexp_extract({name}, '_([0-9]+)$', 1), '')"
    return f"CASE WHEN {is_set} AND {number} IS NOT NULL THEN {resource} || '/virtualmachines/' || {number} ELSE {resource} END"


def _detail(text: str, key: str) -> str:
    return f"CASE WHEN json_valid({text}) THEN json_extract_string({text}, {text_literal(f'$.{key}')}) END"


def _names(header: Header) -> dict[str, str]:
    names: dict[str, str] = {}
    for name, key in zip(header.names, _keys(header), strict=True):
        if key in names:
            raise BadInput(f"{header.file}: columns {names[key]!a} and {name!a} are the same one; keep one of them")
        names[key] = name
    return names


def _keys(header: Header) -> list[str]:
    """Names folded to small letters and digits; a translated header has the original name in brackets behind its own."""
    found = ((_LOCALIZED.search(name), name) for name in header.names)
    return [re.sub(r"[^a-z0-9]", "", (original[1] if original else name).lower()) for original, name in found]
