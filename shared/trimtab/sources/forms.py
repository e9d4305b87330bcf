"""The forms of bill that are read: which one a file is, and what its columns are in FOCUS."""

import re
from collections.abc import Callable
from dataclasses import replace

from trimtab.errors import BadInput
from trimtab.records import BillForm, ExportPart
from trimtab.sources import azure, cur, focus, gcp, oci
from trimtab.sources.bill_files import Header
from trimtab.sources.mapping import Mapping


def _focus(header: Header) -> Mapping:
    return azure.mended(focus.mapping_of(header), header)


FORMS: dict[BillForm, tuple[Callable[[Header], bool], Callable[[Header], Mapping]]] = {
    "focus": (focus.is_focus, _focus),
    "cur": (cur.is_cur, cur.mapping_of),
    "azure": (azure.is_azure, azure.mapping_of),
    "gcp": (gcp.is_gcp, gcp.mapping_of),
    "oci": (oci.is_oci, oci.mapping_of),
}
"""Form → (is a header plainly of this form, its mapping)."""

SIGNS: dict[BillForm, tuple[str, ...]] = {
    "focus": ("BilledCost", "EffectiveCost", "ChargePeriodStart"),
    "cur": ("bill_payer_account_id", "line_item_line_item_type", "line_item_unblended_cost"),
    "azure": ("meterCategory", "costInBillingCurrency", "date"),
    "gcp": ("billing_account_id", "cost", "invoice.month", "usage_start_time"),
    "oci": ("lineItem/tenantId", "cost/myCost"),
}
"""Form → columns that tell it from the others, as its owner writes them."""


def form_of(header: Header) -> BillForm:
    """The form that a header shows. Raises BadInput where it is none of them, or could be several."""
    found = [form for form, (is_form, _) in FORMS.items() if is_form(header)]
    if len(found) == 1:
        return found[0]
    if found:
        raise BadInput(f"{header.file}: its header could be {' or '.join(found)}; say which with --as")
    hint = "its delimiter is not a comma" if len(header.names) == 1 else f"say what it is with --as {'|'.join(FORMS)}"
    raise BadInput(f"{header.file}: its header is of no bill that is read; {_nearest(header)}; {hint}")


def _nearest(header: Header) -> str:
    """What the header lacks of the form that it has most of; FOCUS where it has nothing of any."""
    there = {_bare(name) for name in header.names}
    lacking = {form: [sign for sign in signs if not {_bare(sign), sign.partition(".")[0]} & there] for form, signs in SIGNS.items()}
    form = min(lacking, key=lambda one: len(lacking[one]) / len(SIGNS[one]))
    return f"nearest is {form}, of which it lacks {', '.join(lacking[form]) or 'nothing but a readable type'}"


def _bare(name: str) -> str:
    """`lineItem/UnblendedCost` and `line_item_unblended_cost` are one column."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def mapping_of(form: BillForm, header: Header, part: ExportPart = "all") -> Mapping:
    """What the columns of a file of this form are in FOCUS, and which of its rows are read. Raises BadInput that names what is missing."""
    mapping = FORMS[form][1](header)
    if part == "all":
        return mapping
    if mapping.purchases == "false":
        raise BadInput(f"{header.file}: part {part} is for actual-cost files of Azure; this one is another")
    words = "rows that the AmortizedCost export beside this one brings"
    return replace(mapping, keep=f"({mapping.keep}) AND {mapping.purchases}", left_out_rows=words, may_be_empty=True)
