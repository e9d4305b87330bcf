"""One way for every bill: a file's rows as texts, mapped to FOCUS columns, checked and typed; then the lake's cost rows.

A form of bill (`focus`, `cur`, `azure`, `gcp`, `oci`) is a module that gives a `Mapping` for a file's header. Everything passes
through text, so that a cost is the decimal number that stands in the file: no engine guesses a type, no id loses its zeros. A row that
cannot be read exactly gets a `problem` instead of a value, and refuses the whole file.
"""

import collections.abc

from trimtab.sources.bill_files import Header
from trimtab.sources.mapping import COLUMNS, Mapping, Reading, quoted
from trimtab.sources.row_checks import MOST_TEXT, foreign_problem, is_foreign_rounded, is_rounded, row_problem
from trimtab.tables import FOCUS_MONEY, FOCUS_QUANTITY, FOCUS_TIME, MONEY, QUANTITY, text_literal

OUR_NAMES = frozenset({"row", "part", "charge kind", "credit list"})
"""Columns that staging or a form's own `source` adds."""
_ROW_NUMBER = "file_row_number"

MACROS = f"""
CREATE OR REPLACE MACRO known(t) AS CASE WHEN t IN ('', 'NULL') THEN NULL ELSE t END;
CREATE OR REPLACE MACRO is_number(t) AS regexp_full_match(t, '[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]{{1,3}})?');
CREATE OR REPLACE MACRO places(t) AS length(regexp_extract(t, '[.]([0-9]*?)0*(?:[eE]|$)', 1))
  - coalesce(TRY_CAST(nullif(regexp_extract(t, '[eE]([+-]?[0-9]+)$', 1), '') AS INTEGER), 0);
CREATE OR REPLACE MACRO is_moment(t) AS
  regexp_full_match(t, '\\d{{4}}-\\d\\d-\\d\\d([T ]\\d\\d:\\d\\d(:\\d\\d([.]\\d+)?)?(Z|[+-]\\d\\d(:?\\d\\d)?)?)?');
CREATE OR REPLACE MACRO moment(t) AS timezone('UTC', TRY_CAST(CASE WHEN is_moment(t) THEN t END AS TIMESTAMPTZ));
CREATE OR REPLACE MACRO money(t) AS TRY_CAST(CASE WHEN is_number(t) THEN t END AS {MONEY});
CREATE OR REPLACE MACRO quantity(t) AS TRY_CAST(CASE WHEN is_number(t) THEN t END AS {QUANTITY});
CREATE OR REPLACE MACRO first_of_each(entries) AS nullif(CAST(to_json(map_from_entries(list_filter(entries,
  lambda e, i: list_position(list_transform(entries, lambda x: x.key), e.key) = i))) AS VARCHAR), '{{}}');
CREATE OR REPLACE MACRO less_discount(amount, net, gross) AS CASE
  WHEN net IS NULL OR gross IS NULL OR net = gross THEN amount
  WHEN gross <> 0 THEN CAST(CAST(amount * 1000000000000 AS HUGEINT) * CAST(net * 1000000000 AS HUGEINT)
    // CAST(gross * 1000000000 AS HUGEINT) AS DECIMAL(38,0)) * 0.000000000001::DECIMAL(13,12) END;
CREATE OR REPLACE MACRO shown(t) AS '''' || regexp_replace(left(t, 40), '[[:cntrl:]]', ' ', 'g') || '''';
"""
"""To be run once in a session, before any SQL of this module. The session's time zone is UTC.

`first_of_each` makes a JSON object of a list of {key, value}, where a key counts once; `less_discount` takes the share of an amount
that net has of gross, to the last declared decimal.
"""

_KINDS = {
    **dict.fromkeys(FOCUS_MONEY, "money"),
    **dict.fromkeys(FOCUS_QUANTITY, "quantity"),
    **dict.fromkeys(FOCUS_TIME, "moment"),
}


def staging_sql(reading: Reading, mapping: Mapping) -> str:
    """One file's rows as typed cost columns; beside them number, file, row, period, a hash of the content, the problem or NULL,
    whether an amount was rounded, and the mapping's dataset, note, basis and what it cancels.
    """
    texts = ", ".join(f'CAST({mapping.columns.get(name, "NULL")} AS VARCHAR) AS "{name}"' for name in COLUMNS)
    typed = ", ".join(f'{_typed(name)} AS "{name}"' for name in COLUMNS)
    content = ", ".join(f'coalesce(CAST("{name}" AS VARCHAR), chr(0))' for name in COLUMNS)
    return f"""
WITH file AS ({_source(reading)}),
raw AS ({_raw(reading)}),
texts AS (
  SELECT "row", CAST({mapping.dataset} AS VARCHAR) AS dataset, CAST({mapping.note} AS VARCHAR) AS note,
    {is_foreign_rounded(reading, mapping)} AS is_foreign_rounded,
    CAST({mapping.basis} AS VARCHAR) AS basis, CAST({mapping.cancels} AS {MONEY}) AS offsets,
    {foreign_problem(reading, mapping)} AS foreign_problem, {texts}
  FROM {mapping.source} WHERE {mapping.keep}
),
typed AS (
  SELECT "row", dataset, note, basis, offsets, {typed}, coalesce(foreign_problem, {row_problem(reading, mapping)}) AS problem,
    is_foreign_rounded OR {is_rounded(reading, mapping)} AS is_rounded
  FROM texts
)
SELECT {reading.number} AS "number", {text_literal(reading.header.file)} AS "file", *, strftime("BillingPeriodStart", '%Y-%m') AS period,
  sha256(concat_ws(chr(31), {content})) AS content
FROM typed"""


def left_out_sql(reading: Reading, mapping: Mapping) -> str:
    """How many rows of a file are no charges."""
    raw = f"file AS ({_source(reading)}), raw AS ({_raw(reading)})"
    return f"WITH {raw} SELECT count(*) FROM {mapping.source} WHERE NOT ({mapping.keep})"


def not_cancelled_sql(stages: str) -> str:
    """Period, currency, what should have added up to zero and did not, and how many amounts it is the sum of."""
    return f"""
SELECT period, "BillingCurrency", sum(offsets), count(offsets) FROM ({stages})
GROUP BY 1, 2 HAVING sum(offsets) <> 0 ORDER BY 1, 2"""


def contradiction(mapping: Mapping, seen: collections.abc.Collection[str]) -> str | None:
    """What is wrong with a delivery whose rows have these words of `basis`; None where nothing is."""
    for together, without, words in mapping.contradictions:
        if set(together) <= set(seen) and not set(without) & set(seen):
            return words
    return None


def cost_sql(stages: str, export: str, period: str) -> str:
    """The lake's cost rows of one period from staged files (`stages`: a query). Equal rows are told apart by their ordinal.

    The ordinal counts over the whole delivery, so ids are unique in it, and stay the same when it is cut into other files.
    """
    columns = ", ".join(f'"{name}"' for name in COLUMNS)
    origin = text_literal(f"{export}/{period}/")
    return f"""
WITH staged AS (SELECT * FROM ({stages}) WHERE period = {text_literal(period)}),
repeats AS (
  SELECT "number", "row", content, ordinal
  FROM (SELECT "number", "row", content, row_number() OVER (PARTITION BY content ORDER BY "number", "row") AS ordinal FROM staged)
  WHERE ordinal > 1
)
SELECT {columns},
  'row-' || left(sha256({origin} || content || '/' || CAST(coalesce(ordinal, 1) AS VARCHAR)), 20) AS "x_RowId",
  "file" AS "x_SourceFile", "row" AS "x_SourceRow", {text_literal(export)} AS "x_Export", {text_literal(period_slug(period))} AS "x_Period"
FROM staged LEFT JOIN repeats USING ("number", "row", content)"""


def count_sql(reading: Reading) -> str:
    """How many data rows a file has, charges or not."""
    return f"SELECT count(*) FROM ({_source(reading)})"


def twice_sql(stages: str) -> str:
    """Two files of a delivery that hold the same money in two datasets, if there are such.

    One of them has charges that only the one dataset has, the other some that only the other has, and both have all the rest.
    """
    return f"""
WITH files AS (
  SELECT "number", any_value("file") AS "file", bool_or(dataset = 'actual') AS actual, bool_or(dataset = 'amortized') AS amortized,
    bool_or(dataset = 'either') AS either
  FROM ({stages}) WHERE dataset IS NOT NULL GROUP BY "number"
)
SELECT a."file", b."file" FROM files AS a JOIN files AS b ON a.actual AND NOT a.amortized AND a.either AND b.amortized AND NOT b.actual
ORDER BY ALL LIMIT 1"""


def period_slug(period: str) -> str:
    """YYYY-MM as a partition value: p-2026-07."""
    return f"p-{period}"


def _source(reading: Reading) -> str:
    path, ours = text_literal(reading.path), _ours(reading.header)
    rest = f"* EXCLUDE ({', '.join(quoted(name) for name in ours)})" if ours else "*"
    if reading.header.types is not None:
        options = "binary_as_string = true, hive_partitioning = false"
        if _ROW_NUMBER in (name.casefold() for name in reading.header.names):
            # The engine's own number would collide with it; counting gives the same one, on one thread.
            return f'SELECT {rest}, row_number() OVER () AS "row" FROM read_parquet({path}, {options})'
        return f'SELECT {rest}, {_ROW_NUMBER} + 1 AS "row" FROM read_parquet({path}, {_ROW_NUMBER} = true, {options})'
    columns = ", ".join(f"{text_literal(name)}: 'VARCHAR'" for name in reading.header.names)
    options = "header = true, auto_detect = false, delim = ',', quote = '\"', escape = '\"', strict_mode = true, max_line_size = 1048576"
    return f'SELECT {rest}, row_number() OVER () AS "row" FROM read_csv({path}, columns = {{{columns}}}, {options})'


def _raw(reading: Reading) -> str:
    """Every column of a file as text, under its own name."""
    ours = _ours(reading.header)
    texts = "".join(f", {_text(reading.header, name)} AS {quoted(name)}" for name in reading.header.names if name not in ours)
    return f'SELECT "row"{texts} FROM file'


def _ours(header: Header) -> list[str]:
    """Columns of a file that have a name of ours: no form of bill has them, and a reader must not take one for the other."""
    return [name for name in header.names if name.casefold() in OUR_NAMES]


def _text(header: Header, name: str) -> str:
    """A file's column as text. A map or structure is the JSON object of it."""
    kind = header.types[header.names.index(name)] if header.types else "VARCHAR"
    if kind.startswith(("MAP", "STRUCT")) or kind.endswith("]"):
        return f"CAST(to_json({quoted(name)}) AS VARCHAR)"
    return f"known(CAST({quoted(name)} AS VARCHAR))"


def _typed(name: str) -> str:
    if name in _KINDS:
        return f'{_KINDS[name]}("{name}")'
    return f'CASE WHEN strlen("{name}") <= {MOST_TEXT} THEN "{name}" END'
