"""One question, two engines, one answer: every name on the list at its edges, and numbers that fill 38 digits."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.spark_cases import QUESTIONS, fill
from tests.spark_cluster import cluster, engine, needs_spark
from trimtab.adapters.duckdb import DuckDb, DuckDbSession
from trimtab.errors import BadInput

if TYPE_CHECKING:
    from trimtab.adapters.spark.engine import Spark
    from trimtab.adapters.spark.session import SparkSqlSession

pytestmark = needs_spark


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Spark]":
    with cluster() as session:
        yield engine(session, tmp_path_factory.mktemp("spark"))


@pytest.fixture(scope="module")
def here(spark: "Spark") -> "Iterator[SparkSqlSession]":
    with spark.session() as session:
        fill(session)
        yield session


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckDbSession]:
    folder = tmp_path_factory.mktemp("duckdb")
    with DuckDb(directories=(folder,), scratch=folder).session() as session:
        fill(session)
        yield session


@pytest.mark.parametrize("name", QUESTIONS)
def test_both_engines_give_the_same_answer(here: "SparkSqlSession", there: DuckDbSession, name: str) -> None:
    expected = there.rows(QUESTIONS[name])

    assert here.rows(QUESTIONS[name]) == expected
    assert expected


def test_every_letter_is_lowered_alike(here: "SparkSqlSession", tmp_path: Path) -> None:
    """Resource ids are joined in lower case: one letter that differs would move a node's cost."""
    path = str(tmp_path / "letters.parquet")
    numbers = "SELECT unnest(range(1, 55296) || range(57344, 1114112)) AS n"
    letters = f"SELECT 'a' || chr(n::INTEGER) || tail AS x FROM ({numbers}), (VALUES (''), ('b')) AS t(tail)"
    changed = f"SELECT x, lower(x) FROM read_parquet(['{path}']) WHERE lower(x) <> x ORDER BY x"
    with DuckDb(directories=(tmp_path,), scratch=tmp_path).session() as session:
        session.write(letters, path)
        expected = session.rows(changed)

    assert len(expected) > 2800
    assert here.rows(changed) == expected


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT CAST('99999999999999999999999999999999999999' AS DECIMAL(38, 0)) + x FROM numbers WHERE x = 1",
        "SELECT x * x FROM numbers WHERE x = CAST('100000000000000000000' AS DECIMAL(38, 0))",
        "SELECT sum(x) FROM numbers WHERE x > 1 UNION ALL SELECT sum(x) FROM numbers WHERE x > 1000000000",
        "SELECT exact_div(x, 0) FROM numbers",
        "SELECT x % 0 FROM numbers",
        "SELECT CAST(x AS BIGINT) FROM numbers",
        "SELECT CAST(CAST(x AS BIGINT) * 3 AS VARCHAR) FROM numbers WHERE x = 9223372036854775807",
        "SELECT CAST(x AS BIGINT) FROM texts",
        "SELECT CAST(x AS DECIMAL(38, 12)) FROM numbers",
    ],
)
def test_what_no_type_can_hold_is_an_error_on_both_and_never_a_number(here: "SparkSqlSession", there: DuckDbSession, sql: str) -> None:
    with pytest.raises(BadInput):
        there.rows(sql)
    with pytest.raises(BadInput, match="SQL on Spark") as refused:
        here.rows(sql)

    assert "99999" not in str(refused.value)


def test_a_task_that_fails_while_it_writes_is_bad_data_all_the_same(here: "SparkSqlSession") -> None:
    """Spark wraps what a task met in what the job says of it."""
    with pytest.raises(BadInput, match="BY_ZERO"):
        here.run("CREATE OR REPLACE TEMP TABLE wrong AS SELECT x % 0 AS y FROM numbers")


# ── tables of a session ──────────────────────────────────────────────────────────────────────────────────────────────
def test_lists_enter_with_their_types_and_what_is_deleted_is_gone(spark: "Spark") -> None:
    moment = datetime(2026, 7, 1, 10, 30)  # noqa: DTZ001 -- the lake's times are UTC without a zone
    rows = "INSERT INTO t SELECT unnest(CAST($a AS BIGINT[])), unnest(CAST($b AS VARCHAR[])), unnest(CAST($c AS TIMESTAMP[]))"
    with spark.session() as session:
        session.run("CREATE OR REPLACE TEMP TABLE t (a BIGINT, b VARCHAR, c TIMESTAMP)")
        empty = session.rows("SELECT * FROM t")
        session.run(rows, {"a": [1, 2], "b": ["it's", None], "c": [moment, None]})
        session.run(rows, {"a": [3], "b": ["x"], "c": [moment]})
        session.run("DELETE FROM t WHERE (SELECT count(*) FROM t) > 3")
        kept = session.rows("SELECT * FROM t ORDER BY a")
        session.run("DELETE FROM t WHERE b = 'x'")
        left = session.rows("SELECT a FROM t ORDER BY a")
        session.run("DELETE FROM t")
        gone = session.rows("SELECT a FROM t")
        session.run("DROP TABLE t; DROP TABLE IF EXISTS t")
        with pytest.raises(BadInput, match="there is no such table"):
            session.run("DROP TABLE t")

    assert empty == gone == []
    assert kept == [(1, "it's", moment), (2, None, None), (3, "x", moment)]
    assert left == [(1,), (2,)]


def test_a_view_sees_its_tables_as_they_are_when_it_is_read(spark: "Spark") -> None:
    """The second round of attribution makes tables anew under views that stay."""
    with spark.session() as session:
        session.run("CREATE OR REPLACE TEMP TABLE t AS SELECT 1 AS a; CREATE OR REPLACE TEMP VIEW v AS SELECT a FROM t")
        session.run("CREATE OR REPLACE TEMP TABLE t AS SELECT 2 AS a")

        assert session.rows("SELECT a FROM v") == [(2,)]


def test_what_is_written_is_one_file_that_both_engines_read(spark: "Spark", there: DuckDbSession, tmp_path: Path) -> None:
    path = str(tmp_path / "o.parquet")
    with spark.session() as session:
        fill(session)
        count = session.write("SELECT a.x, b.x AS y, CAST(NULL AS BIGINT) AS z FROM amounts AS a JOIN times AS b ON true", path)
        back = session.rows(f"SELECT count(*), max(x), max(y) FROM read_parquet(['{path}'])")
    with DuckDb(directories=(tmp_path,), scratch=tmp_path).session() as other:
        types = other.rows(f"DESCRIBE SELECT * FROM read_parquet('{path}')")

    top = Decimal("99999999999999999999999999.999999999999"), datetime(2026, 7, 1, 11)  # noqa: DTZ001 -- UTC without a zone
    assert count == 40
    assert back == [(40, *top)]
    assert [row[1] for row in types] == ["DECIMAL(38,12)", "TIMESTAMP", "BIGINT"]


def test_no_rows_are_a_file_too(spark: "Spark", tmp_path: Path) -> None:
    """An empty file is how a period loses its rows."""
    path = str(tmp_path / "none.parquet")
    with spark.session() as session:
        assert session.write("SELECT CAST(1 AS BIGINT) AS a, CAST('x' AS VARCHAR) AS b WHERE false", path) == 0
        assert session.rows(f"SELECT a, b FROM read_parquet(['{path}'])") == []


def test_partition_values_stay_the_text_that_they_are(spark: "Spark", tmp_path: Path) -> None:
    """Spark would make a number of 000123, and a column that only some files have would be lost."""
    for name, columns in (("000123", "1 AS a"), ("x-9", "2 AS a, 'y' AS b")):
        folder = tmp_path / "t=1" / f"slug={name}"
        folder.mkdir(parents=True)
        with DuckDb(directories=(tmp_path,), scratch=tmp_path).session() as session:
            session.write(f"SELECT {columns}", str(folder / "p.parquet"))
    files = ", ".join(f"'{path}'" for path in sorted(tmp_path.rglob("p.parquet")))
    read = f"read_parquet([{files}], union_by_name = true, hive_partitioning = true, hive_types = {{'slug': VARCHAR}})"

    with spark.session() as session:
        rows = session.rows(
            f"SELECT slug, a, b, c FROM (SELECT NULL AS c WHERE false UNION ALL BY NAME SELECT * FROM {read}) ORDER BY slug"
        )

    assert rows == [("000123", 1, None, None), ("x-9", 2, "y", None)]


def test_a_parameter_is_a_value_and_never_sql(here: "SparkSqlSession") -> None:
    assert here.rows("SELECT count(*) FROM texts WHERE x = $wanted", {"wanted": "x' OR true --"}) == [(0,)]
    assert here.rows("SELECT x FROM texts WHERE x = $wanted", {"wanted": "it's"}) == [("it's",)]


@pytest.mark.parametrize(
    "sql",
    [
        "ALTER TABLE numbers RENAME TO n",
        "UPDATE numbers SET x = 1",
        "SELECT x / 2 FROM numbers",
        "INSERT INTO numbers SELECT 1",
        "SET a = 1",
        "SELECT now()",
    ],
)
def test_what_is_not_on_the_list_never_reaches_the_cluster(here: "SparkSqlSession", sql: str) -> None:
    with pytest.raises(BadInput, match="SQL for Spark"):
        here.run(sql)
