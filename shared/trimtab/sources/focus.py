"""FOCUS bills, versions 1.0 to 1.2: which version a file is, and the SQL that turns its rows into the lake's cost columns.

Everything passes through text, so that a cost is the decimal number that stands in the file: no engine guesses a type, no id loses
its zeros, nothing is rounded. A row that cannot be read exactly gets a `problem` instead of a value, and refuses the whole file.
"""

from dataclasses import dataclass
from typing import Literal

from trimtab.errors import BadInput
from trimtab.sources.bill_files import Header
from trimtab.tables import FOCUS_MONEY, FOCUS_QUANTITY, FOCUS_TEXT, FOCUS_TIME, MONEY, QUANTITY, text_literal
from trimtab.units import MONEY_SCALE

Version = Literal["1.0", "1.2"]

COLUMNS = (*FOCUS_TEXT, *FOCUS_MONEY, *FOCUS_QUANTITY, *FOCUS_TIME)
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
NEVER_EMPTY = ("BillingAccountId", "BillingCurrency", "ChargeCategory", "BilledCost", "EffectiveCost", *FOCUS_TIME)
"""Without these a row can neither be summed nor placed; the other costs may be unknown, and stay so."""
MOST_TEXT = 65_536

MACROS = f"""
CREATE OR REPLACE MACRO known(t) AS CASE WHEN t IN ('', 'NULL') THEN NULL ELSE t END;
CREATE OR REPLACE MACRO is_number(t) AS regexp_full_match(t, '[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]{{1,3}})?');
CREATE OR REPLACE MACRO places(t) AS length(regexp_extract(t, '[.]([0-9]*?)0*(?:[eE]|$)', 1))
  - coalesce(TRY_CAST(nullif(regexp_extract(t, '[eE]([+-]?[0-9]+)$', 1), '') AS INTEGER), 0);
CREATE OR REPLACE MACRO is_moment(t) AS
  regexp_full_match(t, '\\d{{4}}-\\d\\d-\\d\\d([T ]\\d\\d:\\d\\d:\\d\\d([.]\\d+)?(Z|[+-]\\d\\d(:?\\d\\d)?)?)?');
CREATE OR REPLACE MACRO moment(t) AS timezone('UTC', TRY_CAST(CASE WHEN is_moment(t) THEN t END AS TIMESTAMPTZ));
CREATE OR REPLACE MACRO money(t) AS TRY_CAST(CASE WHEN is_number(t) THEN t END AS {MONEY});
CREATE OR REPLACE MACRO quantity(t) AS TRY_CAST(CASE WHEN is_number(t) THEN t END AS {QUANTITY});
CREATE OR REPLACE MACRO shown(t) AS '''' || regexp_replace(left(t, 40), '[[:cntrl:]]', ' ', 'g') || '''';
"""
"""To be run once in a session, before any SQL of this module. The session's time zone is UTC."""

_KINDS = {
    **dict.fromkeys(FOCUS_MONEY, "money"),
    **dict.fromkeys(FOCUS_QUANTITY, "quantity"),
    **dict.fromkeys(FOCUS_TIME, "moment"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """How one file is to be read, and what every row of it must agree with."""

    header: Header
    path: str
    """Where the file lies on this disk, under a name of ours."""
    number: int
    """Of the file within its delivery; with the row it makes a place."""
    account: str
    """BillingAccountId that every row must carry, "*" = any."""
    period: str | None
    """YYYY-MM that every row must be of; None = any."""


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


def staging_sql(reading: Reading) -> str:
    """One file's rows as typed cost columns; beside them number, row, period, a hash of the content, and the problem or NULL."""
    version_of(reading.header)
    texts = ", ".join(f'{_text(reading.header, name)} AS "{name}"' for name in COLUMNS)
    typed = ", ".join(f'{_typed(name)} AS "{name}"' for name in COLUMNS)
    content = ", ".join(f'coalesce(CAST("{name}" AS VARCHAR), chr(0))' for name in COLUMNS)
    return f"""
WITH file AS ({_source(reading)}),
texts AS (SELECT "row", {texts} FROM file),
typed AS (SELECT "row", {typed}, {_problem(reading)} AS problem FROM texts)
SELECT {reading.number} AS "number", {text_literal(reading.header.file)} AS "file", *, strftime("BillingPeriodStart", '%Y-%m') AS period,
  sha256(concat_ws(chr(31), {content})) AS content
FROM typed"""


def cost_sql(stages: str, export: str, period: str) -> str:
    """The lake's cost rows of one period from staged files (`stages`: a query). Equal rows are told apart by their ordinal.

    The ordinal counts over the whole delivery, so ids are unique in it, and stay the same when it is cut into other files.
    """
    columns = ", ".join(f'"{name}"' for name in COLUMNS)
    origin = text_literal(f"{export}/{period}/")
    return f"""
WITH staged AS (SELECT * FROM ({stages}) WHERE period = {text_literal(period)}),
repeats AS (
  SELECT "number", "row", ordinal
  FROM (SELECT "number", "row", row_number() OVER (PARTITION BY content ORDER BY "number", "row") AS ordinal FROM staged)
  WHERE ordinal > 1
)
SELECT {columns},
  'row-' || left(sha256({origin} || content || '/' || CAST(coalesce(ordinal, 1) AS VARCHAR)), 20) AS "x_RowId",
  "file" AS "x_SourceFile", "row" AS "x_SourceRow", {text_literal(export)} AS "x_Export", {text_literal(period_slug(period))} AS "x_Period"
FROM staged LEFT JOIN repeats USING ("number", "row")"""


def period_slug(period: str) -> str:
    """YYYY-MM as a partition value: p-2026-07."""
    return f"p-{period}"


def _source(reading: Reading) -> str:
    path = text_literal(reading.path)
    if reading.header.types is not None:
        options = "file_row_number = true, binary_as_string = true, hive_partitioning = false"
        return f'SELECT *, file_row_number + 1 AS "row" FROM read_parquet({path}, {options})'
    columns = ", ".join(f"{text_literal(name)}: 'VARCHAR'" for name in reading.header.names)
    options = "header = true, auto_detect = false, delim = ',', quote = '\"', escape = '\"', strict_mode = true, max_line_size = 1048576"
    return f'SELECT *, row_number() OVER () AS "row" FROM read_csv({path}, columns = {{{columns}}}, {options})'


def _text(header: Header, name: str) -> str:
    if name not in header.names:
        return "CAST(NULL AS VARCHAR)"
    kind = header.types[header.names.index(name)] if header.types else "VARCHAR"
    if kind.startswith(("MAP", "STRUCT")) and name in {"Tags", "SkuPriceDetails"}:
        return f'CAST(to_json("{name}") AS VARCHAR)'
    if kind.endswith("]") or kind.startswith(("MAP", "STRUCT", "UNION")):
        raise BadInput(f"{header.file}: column {name} has type {kind[:40]}; FOCUS has a single value there")
    return f'known(CAST("{name}" AS VARCHAR))'


def _typed(name: str) -> str:
    if name in _KINDS:
        return f'{_KINDS[name]}("{name}")'
    return f'CASE WHEN strlen("{name}") <= {MOST_TEXT} THEN "{name}" END'


def _problem(reading: Reading) -> str:
    """The first thing that is wrong with a row, in words; NULL where it can be read exactly."""
    account, period = text_literal(reading.account), text_literal(reading.period or "")
    checks = [
        *((f'"{name}" IS NULL', f"'{name}: it is empty'") for name in NEVER_EMPTY),
        *(_money_check(name) for name in FOCUS_MONEY),
        *(_check(name, "quantity", "is not a number") for name in FOCUS_QUANTITY),
        *(_check(name, "moment", "is not a time like 2026-07-01T00:00:00Z") for name in FOCUS_TIME),
        *((f'strlen("{name}") > {MOST_TEXT}', f"'{name}: it is longer than {MOST_TEXT} bytes'") for name in FOCUS_TEXT),
        (
            '"Tags" IS NOT NULL AND (NOT json_valid("Tags") OR json_type("Tags") <> \'OBJECT\')',
            "'Tags: ' || shown(\"Tags\") || ' is not a JSON object'",
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


def _money_check(name: str) -> tuple[str, str]:
    condition = f'"{name}" IS NOT NULL AND (money("{name}") IS NULL OR ({_may_be_long(name)} AND places("{name}") > {MONEY_SCALE}))'
    return condition, f"'{name}: ' || shown(\"{name}\") || ' is not a number of at most 26 digits before and {MONEY_SCALE} after the point'"


def _may_be_long(name: str) -> str:
    """A cheap look that spares nearly all rows the regular expressions of `places`."""
    return f'(strlen("{name}") - strpos("{name}", \'.\') > {MONEY_SCALE} OR contains(lower("{name}"), \'e\'))'


def _check(name: str, macro: str, words: str) -> tuple[str, str]:
    return f'"{name}" IS NOT NULL AND {macro}("{name}") IS NULL', f"'{name}: ' || shown(\"{name}\") || ' {words}'"


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more are" if len(names) > 5 else " is" if len(names) == 1 else " are")
