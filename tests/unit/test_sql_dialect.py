"""Attribution's SQL holds nothing that Spark is not known to compute as DuckDB does: one list, one refusal by name for everything else."""

from dataclasses import replace
from datetime import date
from importlib.resources import files
from pathlib import Path

import pytest

from tests.spark_cases import QUESTIONS
from trimtab.adapters.spark.dialect import FUNCTIONS, OPERATORS, Macro, macro_of, parse, problems, statements
from trimtab.adapters.spark.translate import query
from trimtab.attribution.model import Step, insert, model, setup, statement, step_cost
from trimtab.tables import TABLES, scan

MODELS = sorted(Path(str(path)).stem for path in files("trimtab.attribution").joinpath("sql").iterdir() if path.name.endswith(".sql"))
MACRO_FILES = [name for name in MODELS if name.endswith("macros")]
MACROS: dict[str, Macro] = {macro.name: macro for name in MACRO_FILES for text in statements(model(name)) if (macro := macro_of(text))}
NO_COLUMNS: dict[str, list[str]] = {}


def refused(sql: str) -> str:
    """What is wrong with a query, the first thing only."""
    return next(iter(problems(parse(sql), MACROS)), "nothing")


@pytest.mark.parametrize("name", [name for name in MODELS if name not in MACRO_FILES])
def test_a_model_holds_only_what_both_engines_compute_alike(name: str) -> None:
    (text,) = statements(model(name))

    assert list(problems(parse(text), MACROS)) == []


@pytest.mark.parametrize("name", sorted(MACROS))
def test_a_macro_holds_only_what_both_engines_compute_alike(name: str) -> None:
    assert list(problems(MACROS[name].body, MACROS)) == []


def test_every_statement_of_the_macros_is_a_macro() -> None:
    assert len(MACROS) == sum(len(statements(model(name))) for name in MACRO_FILES)


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("paths", [(), ("/lake/cost/x_Export=aws/x_Period=p-2026-07/a.parquet",)])
def test_what_reads_the_lake_is_carried_over(table: str, paths: tuple[str, ...]) -> None:
    assert refused(scan(table, paths)) == "nothing"


def test_what_a_step_makes_is_carried_over() -> None:
    step = Step(first=date(2026, 7, 1), last=date(2026, 7, 2))

    for text in (*setup()[1:], step_cost(step), step_cost(replace(step, part=1, parts=3)), statement("marks"), insert("groups", []).sql):
        (one,) = statements(text)
        query_part = parse(one).expression
        assert query_part is None or refused(query_part.sql("duckdb")) == "nothing" or "unnest" in one


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("SELECT a / b FROM t", "Div is not on the list"),
        ("SELECT a // b FROM t", "cast both sides of // to HUGEINT or both to BIGINT"),
        ("SELECT CAST(a AS HUGEINT) // CAST(b AS BIGINT) FROM t", "cast both sides"),
        ("SELECT CAST(a AS HUGEINT) FROM t", "HUGEINT stands only around the sides of //"),
        ("SELECT CAST(a AS DOUBLE) FROM t", "DOUBLE is not among the types"),
        ("SELECT CAST(CAST(a AS DOUBLE) AS DECIMAL(38, 12)) FROM t", "DOUBLE is not among the types"),
        ("SELECT 1e3 * a FROM t", "a number with an exponent is a double"),
        ("SELECT TRY_CAST(a AS BIGINT) FROM t", "TryCast is not on the list"),
        ("SELECT avg(a) FROM t", "Avg is not on the list"),
        ("SELECT sqrt(a) FROM t", "Sqrt is not on the list"),
        ("SELECT median(a) FROM t", "Median is not on the list"),
        ("SELECT list(a ORDER BY b) FROM t", "ArrayAgg is not on the list"),
        ("SELECT string_agg(a, ',' ORDER BY b) FROM t", "GroupConcat is not on the list"),
        ("SELECT max(a ORDER BY b) FROM t", "an order inside an aggregate is dropped"),
        ("SELECT first(a) FROM t", "First is not on the list"),
        ("SELECT mode(a) FROM t", "Mode is not on the list"),
        ("SELECT arg_max(a, b) FROM t", "ArgMax is not on the list"),
        ("SELECT * FROM a ASOF JOIN b ON a.x >= b.x", "ASOF joins are DuckDB's own"),
        ("SELECT * FROM a POSITIONAL JOIN b", "POSITIONAL joins are DuckDB's own"),
        ("SELECT DISTINCT ON (a) a, b FROM t", "DISTINCT ON keeps whichever row comes first"),
        ("SELECT a FROM t ORDER BY a LIMIT 5", "LIMIT picks rows"),
        ("SELECT a FROM t QUALIFY row_number() OVER (ORDER BY a) = 1", "Qualify is not on the list"),
        ("SELECT strftime(a, '%A') FROM t", "its format may hold %Y %m %d %H %M %S"),
        ("SELECT strftime(a, b) FROM t", "its format may hold"),
        ("SELECT date_diff('week', a, b) FROM t", "its unit must be one of"),
        ("SELECT date_trunc('quarter', a) FROM t", "its unit must be one of"),
        ("SELECT regexp_extract(a, 'x', 0, 'i') FROM t", "no options"),
        ("SELECT regexp_extract(a, '(\\d)', 1) FROM t", "literal without backslashes"),
        ("SELECT regexp_extract(a, '(?i)x', 0) FROM t", "means other things to RE2"),
        ("SELECT a IN (SELECT b FROM u) FROM t", "IN (SELECT …) stands only in WHERE"),
        ("SELECT a FROM t WHERE NOT a IN (SELECT b FROM u)", "IN (SELECT …) stands only in WHERE"),
        ("SELECT a LIKE b FROM t", "literal without backslashes"),
        ("SELECT sha1(a) FROM t", "SHA is not on the list"),
        ("SELECT md5(a) FROM t", "MD5 is not on the list"),
        ("SELECT hash(a) FROM t", "hash(…) is not on the list"),
        ("SELECT json_extract(a, '$.b') FROM t", "JSONExtract is not on the list"),
        ("SELECT upper(a) FROM t", "Upper is not on the list"),
        ("SELECT round(a, 2) FROM t", "Round is not on the list"),
        ("SELECT random() FROM t", "Rand is not on the list"),
        ("SELECT now()", "now(…) is not on the list"),
        ("SELECT unnest(a) FROM t", "unnest is carried over for generate_series"),
        ("SELECT sum(a) OVER (ORDER BY b RANGE BETWEEN 1 PRECEDING AND CURRENT ROW) FROM t", "a frame is ROWS"),
        ("SELECT a, sum(b) FROM t GROUP BY CUBE (a)", "is not on the list"),
        ("SELECT a FROM t UNION ALL BY NAME SELECT b FROM u", "BY NAME is carried over for"),
        ("SELECT * FROM read_csv('a.csv')", "is not on the list"),
        ("SELECT * FROM read_parquet('a', filename = true)", "option filename of read_parquet is not carried over"),
        ("SELECT * FROM read_parquet('a', hive_partitioning = true)", "hive_partitioning and hive_types go together"),
        ("SELECT * FROM read_parquet('a', hive_partitioning = true, hive_types = {'a': INTEGER})", "partition values are text"),
        ("PIVOT t ON a USING sum(b)", "is not on the list"),
    ],
)
def test_what_would_come_out_different_is_refused_by_name(sql: str, reason: str) -> None:
    assert reason in refused(sql)


def test_a_statement_that_is_no_sql_says_so() -> None:
    with pytest.raises(Exception, match="SQL for Spark: it cannot be parsed"):
        parse("SELECT FROM WHERE")


def test_macros_are_expanded_to_the_last_and_nothing_of_duckdb_is_left() -> None:
    text = query(parse("SELECT money(stretch(a, b, 0, c)) AS m FROM t"), MACROS, NO_COLUMNS.__getitem__)

    assert not any(f"{name}(" in text.lower() for name in MACROS)
    assert "INT128" not in text
    assert "HUGEINT" not in text


def test_a_literal_survives_whatever_stands_in_it() -> None:
    text = query(parse("SELECT 'a''b\\c;--' AS x"), {}, NO_COLUMNS.__getitem__)

    assert text == "SELECT 'a\\'b\\\\c;--' AS `x`"


def test_every_star_with_replacements_is_spelled_out() -> None:
    text = query(parse('SELECT c.* REPLACE (1 AS "B"), d.x FROM t AS c JOIN d ON true'), {}, {"t": ["A", "B"]}.__getitem__)

    assert text == "SELECT `c`.`A`, 1 AS `B`, `d`.`x` FROM `t` AS `c` JOIN `d` ON TRUE"


def test_statements_are_cut_at_semicolons_and_nowhere_else() -> None:
    assert statements("-- a; b\nSELECT ';' ; /* c; */ SELECT 2;\n") == ("SELECT ';'", "SELECT 2")


def test_every_name_on_the_list_has_a_question_that_both_engines_answer() -> None:
    """A function is known to be the same only because the contract test asks both engines: it comes onto the list with its question."""
    trees = [parse(sql) for sql in QUESTIONS.values()] + [macro.body for macro in MACROS.values()]
    asked = {type(node).__name__ for tree in trees for node in tree.walk()}

    assert (FUNCTIONS | OPERATORS) - asked == set()
