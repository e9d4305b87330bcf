"""A SQL session reads and writes below its folders, within its memory, and says nothing of the data in its errors."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from trimtab.adapters.duckdb import DuckDb, DuckDbSession
from trimtab.errors import BadInput, TooLarge


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that sessions may touch."""
    (tmp_path / "open").mkdir()
    (tmp_path / "closed.csv").write_text("a\nsecret\n")
    return tmp_path / "open"


@pytest.fixture
def session(folder: Path) -> Iterator[DuckDbSession]:
    """A session of 64 MB."""
    with DuckDb(directories=(folder,), scratch=folder / "scratch", memory_mb=64, threads=1).session() as session:
        yield session


@pytest.mark.security(15)
@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('{folder}/../closed.csv')",
        "SELECT * FROM read_csv('{folder}/link.csv')",
        "SELECT * FROM glob('/etc/*')",
        "COPY (SELECT 1) TO '{folder}/../out.parquet'",
        "ATTACH '{folder}/../other.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SELECT * FROM read_csv('https://example.org/a.csv')",
        "SET enable_external_access = true",
        "SET allowed_directories = ['/']",
        "SET memory_limit = '64GB'",
        "RESET lock_configuration",
        "PRAGMA enable_logging",
    ],
)
def test_no_statement_leaves_the_folders_or_lifts_the_lock(session: DuckDbSession, folder: Path, sql: str) -> None:
    (folder / "link.csv").symlink_to("/etc/passwd")

    with pytest.raises(Exception, match=r".") as refused:
        session.rows(sql.replace("{folder}", str(folder)))

    assert "secret" not in str(refused.value)
    assert "root:" not in str(refused.value)
    assert not (folder.parent / "out.parquet").exists()


def test_rows_are_written_counted_and_read_back(session: DuckDbSession, folder: Path) -> None:
    path = folder / "o'clock.parquet"

    assert session.write("SELECT range AS n FROM range(3)", str(path)) == 3
    assert session.rows("SELECT sum(n)::INTEGER FROM read_parquet($path)", {"path": str(path)}) == [(3,)]


def test_rows_of_a_file_keep_their_numbers_although_they_are_written_in_any_order(folder: Path) -> None:
    """A row is named by its place in the bill that it came from: writing with several threads must not touch that."""
    source, path = folder / "rows.csv", folder / "rows.parquet"
    source.write_text("n,filler\n" + "".join(f"{number},{'x' * 40}\n" for number in range(1, 300_001)))

    with DuckDb(directories=(folder,), scratch=folder / "scratch", memory_mb=128, threads=4).session() as session:
        session.write(f"SELECT n, row_number() OVER () AS place FROM read_csv('{source}')", str(path))
        found = session.rows(f"SELECT count(*), count(*) FILTER (WHERE n <> place) FROM '{path}'")

    assert found == [(300_000, 0)]


TEXTS = """SELECT i, 'unique-' || i AS many, CAST(NULL AS VARCHAR) AS nothing,
CASE i % 4 WHEN 0 THEN NULL WHEN 1 THEN '' WHEN 2 THEN 'it''s "x"' ELSE 'é' || chr(0) END AS few
FROM range({rows}) AS t(i)"""


@pytest.mark.parametrize("rows", [0, 10, 5000])
def test_a_compacted_table_says_what_it_said(session: DuckDbSession, folder: Path, rows: int) -> None:
    session.run(f"CREATE TEMP TABLE t AS {TEXTS.format(rows=rows)}")
    asked = (
        "SELECT i, many, few, nothing, few = 'other', lower(few), coalesce(few, many), max(few) OVER (), few || '!', "
        "length(few), few IN ('', 'a') FROM t ORDER BY few NULLS FIRST, i"
    )
    before = session.rows(asked)

    for _ in range(2):
        session.compact("t")

    assert session.rows(asked) == before
    session.write("SELECT * FROM t", str(folder / "t.parquet"))
    assert session.rows(f"SELECT count(*), count(few) FROM (SELECT * FROM '{folder}/t.parquet' INTERSECT {TEXTS.format(rows=rows)})") == [
        (rows, rows - len(range(0, rows, 4)))
    ]


def test_compacting_makes_codes_of_what_repeats(session: DuckDbSession) -> None:
    session.run(f"CREATE TEMP TABLE t AS {TEXTS.format(rows=5000)}")

    session.compact("t")

    kinds = {str(row[0]): str(row[1]).split("(", 1)[0] for row in session.rows("DESCRIBE t")}
    assert kinds == {"i": "BIGINT", "many": "VARCHAR", "few": "ENUM", "nothing": "VARCHAR"}


def test_times_are_utc_whatever_the_machine_says(session: DuckDbSession) -> None:
    assert session.rows("SELECT CAST(TIMESTAMPTZ '2026-07-01T00:00:00+02:00' AS TIMESTAMP)::VARCHAR") == [("2026-06-30 22:00:00",)]


def test_more_than_memory_is_spilled_to_scratch(session: DuckDbSession) -> None:
    rows = session.rows("SELECT count(*) FROM (SELECT sha256(range::VARCHAR) AS h FROM range(600000) ORDER BY h)")

    assert rows == [(600_000,)]


def test_what_cannot_be_spilled_is_too_large(session: DuckDbSession) -> None:
    with pytest.raises(TooLarge, match="memory_mb"):
        session.rows("SELECT length(list(sha256(range::VARCHAR))::VARCHAR) FROM range(3000000)")


def test_an_error_names_the_line_and_not_the_data(session: DuckDbSession, folder: Path) -> None:
    (folder / "bad.csv").write_text("a,b\n1,2\nsecret\n")

    with pytest.raises(BadInput) as refused:
        session.rows(
            f"SELECT * FROM read_csv('{folder}/bad.csv', columns = {{'a': 'VARCHAR', 'b': 'VARCHAR'}}, auto_detect = false, header = true)"
        )
    with pytest.raises(BadInput) as scrubbed:
        session.rows("SELECT CAST('secret' AS INTEGER)")

    assert str(refused.value) == "line 3: not a row of this CSV: it has 1 columns, the header 2"
    assert str(scrubbed.value) == "Conversion Error: Could not convert string … to INT32"


def test_an_error_of_our_own_reaches_the_caller_word_for_word(session: DuckDbSession) -> None:
    with pytest.raises(BadInput, match=r"^row 3 of 'a' is odd$"):
        session.rows("SELECT error('trimtab: row 3 of ''a'' is odd')")


def test_somebody_hears_how_far_a_long_statement_is(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trimtab.adapters.duckdb.SILENT_S", 0.02)
    heard: list[int] = []

    with DuckDb(directories=(folder,), scratch=folder / "scratch", memory_mb=200).session() as session:
        session.write("SELECT range AS n FROM range(10)", str(folder / "n.parquet"))
        with session.watched(heard.append):
            session.rows(f"SELECT max(sha256(g::VARCHAR || n)) FROM read_parquet('{folder}/n.parquet'), range(400000) AS t(g)")

    assert heard
    assert all(0 <= percent <= 100 for percent in heard)
