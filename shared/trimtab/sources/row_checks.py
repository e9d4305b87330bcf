"""What may be wrong with a row of a bill, as SQL: the words for the first thing that is, and whether an amount had to be rounded.

The macros of `staging` are there. A condition sees the row's FOCUS columns as text, or the file's own columns (`foreign_…`).
"""

import collections.abc

from trimtab.sources.bill_files import Header
from trimtab.sources.mapping import Mapping, Reading, quoted
from trimtab.tables import FOCUS_MONEY, FOCUS_QUANTITY, FOCUS_TEXT, FOCUS_TIME, text_literal
from trimtab.units import MONEY_SCALE

NEVER_EMPTY = ("BillingAccountId", "BillingCurrency", "ChargeCategory", "BilledCost", "EffectiveCost", *FOCUS_TIME)
"""Without these a row can neither be summed nor placed; the other costs may be unknown, and stay so."""
MOST_TEXT = 65_536


def row_problem(reading: Reading, mapping: Mapping) -> str:
    """The first thing that is wrong with a row, in words; NULL where it can be read exactly."""
    account, period = text_literal(reading.account), text_literal(reading.period or "")
    checks = [
        *((f'"{name}" IS NULL', f"'{name}: it is empty'") for name in NEVER_EMPTY),
        *(_money_check(name, may_round=_is_double(reading.header, mapping, name)) for name in FOCUS_MONEY),
        *(_check(name, "quantity", "is not a number") for name in FOCUS_QUANTITY),
        *(_check(name, "moment", "is not a time like 2026-07-01T00:00:00Z") for name in FOCUS_TIME),
        *((f'strlen("{name}") > {MOST_TEXT}', f"'{name}: it is longer than {MOST_TEXT} bytes'") for name in FOCUS_TEXT),
        (
            '"Tags" IS NOT NULL AND (NOT json_valid("Tags") OR json_type("Tags") <> \'OBJECT\')',
            "'Tags: ' || shown(\"Tags\") || ' is not a JSON object'",
        ),
        (
            'left("BillingPeriodStart", 7) <> strftime(moment("BillingPeriodStart"), \'%Y-%m\')',
            "'BillingPeriodStart: ' || shown(\"BillingPeriodStart\") || ' is of another month in UTC; deliver it in UTC'",
        ),
        ('moment("ChargePeriodEnd") < moment("ChargePeriodStart")', "'ChargePeriodEnd: it lies before ChargePeriodStart'"),
    ]
    if reading.account != "*":
        checks.append(
            (
                f'"BillingAccountId" <> {account}',
                "'BillingAccountId: ' || shown(\"BillingAccountId\") || ' is not the account of this export'",
            )
        )
    if reading.period is not None:
        checks.append(
            (
                f"strftime(moment(\"BillingPeriodStart\"), '%Y-%m') <> {period}",
                f"'BillingPeriodStart: ' || shown(\"BillingPeriodStart\") || ' is not of ' || {period}",
            )
        )
    return f"CASE {' '.join(f'WHEN {condition} THEN {words}' for condition, words in checks)} END"


def foreign_problem(reading: Reading, mapping: Mapping) -> str:
    """What is wrong with a row as the file has it; NULL where nothing is."""
    amounts = (_money_check(name, may_round=_is_double(reading.header, mapping, name)) for name in mapping.amounts)
    checks = "".join(f" WHEN {condition} THEN {words}" for condition, words in (*mapping.problems, *amounts))
    return f"CASE{checks} END" if checks else "CAST(NULL AS VARCHAR)"


def _is_double(header: Header, mapping: Mapping, name: str) -> bool:
    """A binary double is no decimal amount: beyond the declared scale it says nothing that anybody billed."""
    kind = header.types[header.names.index(name)] if header.types and name in header.names else ""
    return mapping.are_doubles or kind in {"DOUBLE", "FLOAT"} or any(_is_double_column(header, column) for column in mapping.amounts)


def _is_double_column(header: Header, name: str) -> bool:
    return bool(header.types) and name in header.names and (header.types or ())[header.names.index(name)] in {"DOUBLE", "FLOAT"}


def is_rounded(reading: Reading, mapping: Mapping) -> str:
    """Whether a row has a cost whose text is longer than the declared scale; only doubles get so far."""
    return _any_is_long(name for name in FOCUS_MONEY if _is_double(reading.header, mapping, name))


def is_foreign_rounded(reading: Reading, mapping: Mapping) -> str:
    """The same of the amounts that costs are reckoned from: what is reckoned has the declared scale already."""
    own = _any_is_long(name for name in mapping.amounts if _is_double(reading.header, mapping, name))
    return f"({own} OR {mapping.is_rounded})"


def _any_is_long(names: collections.abc.Iterable[str]) -> str:
    return " OR ".join(f"coalesce({_may_be_long(name)} AND places({quoted(name)}) > {MONEY_SCALE}, false)" for name in names) or "false"


def _money_check(name: str, *, may_round: bool = False) -> tuple[str, str]:
    column = quoted(name)
    is_too_long = "" if may_round else f" OR ({_may_be_long(name)} AND places({column}) > {MONEY_SCALE})"
    condition = f"{column} IS NOT NULL AND (money({column}) IS NULL{is_too_long})"
    label = text_literal(f"{name}: ")
    return condition, f"{label} || shown({column}) || ' is not a number of at most 26 digits before and {MONEY_SCALE} after the point'"


def _may_be_long(name: str) -> str:
    """A cheap look that spares nearly all rows the regular expressions of `places`."""
    column = quoted(name)
    return f"(strlen({column}) - strpos({column}, '.') > {MONEY_SCALE} OR contains(lower({column}), 'e'))"


def _check(name: str, macro: str, words: str) -> tuple[str, str]:
    return f'"{name}" IS NOT NULL AND {macro}("{name}") IS NULL', f"'{name}: ' || shown(\"{name}\") || ' {words}'"
