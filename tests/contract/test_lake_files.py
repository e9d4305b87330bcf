"""What a replaced partition leaves in the store: files before the commit, statistics that never hide a row, columns that grow."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from arro3.core import Schema as ArrowSchema
from deltalake import DeltaTable, Field, QueryBuilder, Schema
from deltalake.schema import PrimitiveType
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contract.conftest import Place
from tests.contract.gcs_shim import Relay
from tests.lake_bench import AUGUST, JULY, NOON, Bench, bench_at
from trimtab.adapters.duckdb import DuckDb
from trimtab.adapters.store.data_files import statistics_of
from trimtab.errors import BadInput, Broken, Upstream
from trimtab.locations import local_path
from trimtab.tables import COST, Column, scan


def test_a_run_that_dies_before_its_commit_changes_nothing_and_its_files_are_vacuumed(bench: Bench) -> None:
    """Upload and commit are two steps: what lies there without a commit must be nobody's, and removable."""
    bench.load(bench.rows("a", "1"), NOON)
    before, files = bench.lake.version("cost"), bench.lake.files("cost")

    orphans = bench.lake._write_files("cost", JULY, [bench.rows("b", "2")])

    assert (bench.lake.version("cost"), bench.lake.files("cost")) == (before, files)
    assert bench.load(bench.rows("c", "3"), NOON + timedelta(seconds=1)) == (before or 0) + 1
    gone = bench.delta().vacuum(retention_hours=0, dry_run=False, enforce_retention_duration=False, full=True)
    assert [Path(path).name for path in gone if orphans[0].local.name in path] == [orphans[0].local.name]
    assert bench.billed(bench.lake.files("cost"))[0][2] == "3.000000000000"


def test_a_store_that_refuses_the_upload_keeps_the_old_rows(lossy: tuple[Place, Relay], tmp_path: Path) -> None:
    place, relay = lossy
    bench = bench_at(place, tmp_path)
    bench.load(bench.rows("a", "1"), NOON)
    relay.outage = "forbidden"

    with pytest.raises(Upstream):
        bench.load(bench.rows("b", "2"), NOON + timedelta(seconds=1))

    relay.outage = None
    assert bench.billed(bench.lake.files("cost"))[0][2] == "1.000000000000"


@pytest.mark.parametrize("loss", ["drop", "500"])
def test_a_commit_whose_answer_was_lost_is_known_to_have_won(lossy: tuple[Place, Relay], tmp_path: Path, loss: Any) -> None:
    """The repeated commit is refused by the first one, which was ours: that is success, not a newer run."""
    place, relay = lossy
    bench = bench_at(place, tmp_path)
    bench.load(bench.rows("a", "1"), NOON)
    relay.losses = [None, loss]

    answer = bench.load(bench.rows("b", "2"), NOON + timedelta(seconds=1))

    assert answer == 2
    assert bench.billed(bench.lake.files("cost"))[0][2] == "2.000000000000"


def test_a_file_larger_than_one_part_arrives_whole(bench: Bench) -> None:
    """Clouds take large files in parts of 5 MiB."""
    source = str(bench.folder / "large.parquet")
    values = {**JULY, "ChargePeriodStart": "2026-07-01 05:00:00"}
    columns = ", ".join(
        f'CAST({texts(column, values)} AS {column.sql_type}) AS "{column.name}"'
        for column in COST
    )  # fmt: skip
    with bench.engine.session() as session:
        session.write(f"SELECT {columns} FROM range(250000) AS t(n)", source)

    bench.load(source, NOON)

    found = bench.lake.files("cost")
    assert Path(found[0]).stat().st_size > 6 << 20
    assert bench.billed(found)[0][:3] == ("p-2026-07", 250000, "250000.000000000000")


def texts(column: Column, values: dict[str, str]) -> str:
    if column.name == "x_RowId":
        return "sha256('row' || n)"
    return "1" if column.name == "BilledCost" else repr(values[column.name]) if column.name in values else "NULL"


def read_by_deltalake(bench: Bench, what: str) -> dict[str, list[object]]:
    """A query over the table as deltalake reads it."""
    reader = QueryBuilder().register("cost", bench.delta()).execute(f"SELECT {what} FROM cost")
    table = reader.read_all()
    return {name: [value.as_py() for value in table[name]] for name in table.schema.names}


def test_deltalake_reads_the_rows_that_we_wrote(local: Bench) -> None:
    """On disk only: its query engine holds Python's lock, and the test's S3 server is in this process."""
    local.load(local.rows("a", "1.5", "-2.25", "0.000000000001"), NOON)
    local.load(local.rows("b", "7", partition=AUGUST), NOON, AUGUST)

    theirs = read_by_deltalake(local, '"x_Period" AS p, CAST("BilledCost" AS VARCHAR) AS c, CAST("ChargePeriodStart" AS VARCHAR) AS t')

    assert sorted(zip(theirs["p"], theirs["c"], strict=True), key=str) == [
        ("p-2026-07", "-2.250000000000"), ("p-2026-07", "0.000000000001"), ("p-2026-07", "1.500000000000"), ("p-2026-08", "7.000000000000"),
    ]  # fmt: skip
    assert {str(time)[:19] for time in theirs["t"]} == {"2026-07-01T05:00:00"}


def test_writers_of_many_partitions_at_once_all_get_through(local: Bench) -> None:
    """A commit beside ours is a conflict to Delta; nobody may be turned away for it."""
    months = [{"x_Export": "aws", "x_Period": f"p-2025-{number + 1:02}"} for number in range(12)]
    files = [local.rows(f"m{number}", str(number), partition=month) for number, month in enumerate(months)]
    local.load(local.rows("a", "1"), NOON)

    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda pair: local.load(pair[0], NOON, pair[1]), zip(files, months, strict=True)))

    assert {type(answer) for answer in answers} == {int}
    assert local.lake.version("cost") == 13
    assert local.lake.partitions("cost") == [*months, JULY]


def test_a_replaced_partition_is_named_whole(local: Bench) -> None:
    with pytest.raises(BadInput, match="is no whole partition"):
        local.load(local.rows("a", "1"), NOON, {"x_Export": "aws", "x_Period": "p-2026-07", "x_Team": "a"})
    with pytest.raises(BadInput, match="is no whole partition"):
        local.lake.replace("cost", {"x_Export": "aws"}, [local.rows("a", "1")], application="a", submitted_at=NOON, about={})


# ── Columns that come later ──────────────────────────────────────────────────────────────────────────────────────────
def made_before(bench: Bench, without: str) -> None:
    """The table as an earlier version made it, with a row of August in it: one column fewer."""
    bench.load(bench.rows("old", "5", partition=AUGUST), NOON, AUGUST)
    schema = Schema.from_arrow(ArrowSchema.from_arrow(bench.delta().schema().to_arrow()))
    older = Schema([field for field in schema.fields if field.name != without])
    old_file = bench.lake.files("cost")[0]
    table = local_path(bench.lake.url) / "cost"
    made = bench.folder / "old.parquet"
    with bench.engine.session() as session:
        session.write(f"SELECT * EXCLUDE (\"{without}\") FROM read_parquet('{old_file}', hive_partitioning = false)", str(made))
    log = table / "_delta_log"
    for commit in log.iterdir():
        commit.unlink()
    Path(old_file).write_bytes(made.read_bytes())
    DeltaTable.create(str(table), schema=older, partition_by=["x_Export", "x_Period"])
    relative = str(Path(old_file).relative_to(table))
    add = {"path": relative, "partitionValues": AUGUST, "size": made.stat().st_size, "modificationTime": 0, "dataChange": True}
    (log / f"{1:020}.json").write_text(json.dumps({"add": add}) + "\n")


@pytest.mark.parametrize("way", ["replace", "amend"])
def test_a_table_of_an_earlier_version_gets_the_new_columns(local: Bench, way: str) -> None:
    made_before(local, without="InvoiceId")

    if way == "replace":
        local.load(local.rows("a", "1"), NOON)
    else:
        local.lake.amend("cost", [JULY], [local.rows("a", "1")], since=local.lake.version("cost"), about={})

    assert "InvoiceId" in {field.name for field in local.delta().schema().fields}
    with local.engine.session() as session:
        found = session.rows(f'SELECT "x_Period", "InvoiceId", "BilledCost" FROM ({scan("cost", local.lake.files("cost"))}) ORDER BY 1')
    assert [(row[0], row[1], str(row[2])) for row in found] == [
        ("p-2026-07", None, "1.000000000000"),
        ("p-2026-08", None, "5.000000000000"),
    ]
    assert local.delta().version() == 2


def test_a_table_with_columns_that_we_do_not_know_is_left_alone(local: Bench) -> None:
    """A newer version made it: rows written without its columns would look as if they had none."""
    local.load(local.rows("a", "1"), NOON)
    local.delta().alter.add_columns([Field("x_Newer", PrimitiveType("string"))])

    with pytest.raises(Broken, match="column x_Newer is unknown here"):
        local.load(local.rows("b", "2"), NOON + timedelta(seconds=1))
    with pytest.raises(Broken, match="column x_Newer is unknown here"):
        local.lake.amend("cost", [JULY], [local.rows("b", "2")], since=local.lake.version("cost"), about={})


# ── Statistics ───────────────────────────────────────────────────────────────────────────────────────────────────────
MIXED = (Column("t", "VARCHAR", ""), Column("n", "BIGINT", ""), Column("since", "TIMESTAMP", ""), Column("d", "DECIMAL(38,12)", ""))


def written_statistics(folder: Path, rows: str) -> dict[str, Any]:
    """What is told of a file with these rows (t, n, since, d)."""
    engine = DuckDb(directories=(folder,), scratch=folder / "scratch", memory_mb=64, threads=1)
    source = f"SELECT t::VARCHAR AS t, n::BIGINT AS n, timezone('UTC', since::TIMESTAMP) AS since, d::DECIMAL(38,12) AS d FROM ({rows})"
    with engine.session() as session:
        found = session.rows(f"COPY ({source}) TO '{folder}/s.parquet' (FORMAT parquet, RETURN_STATS)")[0]
    return json.loads(json.dumps(statistics_of(MIXED, int(str(found[1])), found[4])))  # type: ignore[no-any-return]


def test_statistics_say_lowest_highest_and_how_many_are_unknown(tmp_path: Path) -> None:
    rows = "VALUES ('b', 2, '2026-07-01 00:00:00', 1.5), ('a', -3, '2026-07-01 05:00:00.0001', 2), (NULL, NULL, NULL, NULL)"

    told = written_statistics(tmp_path, f"SELECT * FROM ({rows}) AS v(t, n, since, d)")

    assert told == {
        "numRecords": 3,
        "minValues": {"t": "a", "n": -3, "since": "2026-07-01T00:00:00.000Z"},
        "maxValues": {"t": "b", "n": 2, "since": "2026-07-01T05:00:00.001Z"},
        "nullCount": {"t": 1, "n": 1, "since": 1, "d": 1},
    }


def test_long_texts_times_beyond_reach_and_columns_of_nothing_have_no_bounds(tmp_path: Path) -> None:
    told = written_statistics(tmp_path, f"SELECT '{'x' * 33}' AS t, NULL AS n, 'infinity' AS since, 1 AS d")

    assert (told["minValues"], told["maxValues"]) == ({}, {})
    assert told["nullCount"] == {"t": 0, "n": 1, "since": 0, "d": 0}


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.one_of(st.none(), st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=40)), min_size=1)
)
def test_no_text_lies_outside_its_bounds(tmp_path_factory: pytest.TempPathFactory, values: list[str | None]) -> None:
    """A reader skips a file by these: a bound that is too narrow would make rows disappear."""
    folder = tmp_path_factory.mktemp("stats")
    quoted = ", ".join("(NULL)" if value is None else f"('{value.replace(chr(39), chr(39) * 2)}')" for value in values)

    told = written_statistics(folder, f"SELECT t, 1 AS n, '2026-07-01' AS since, 1 AS d FROM (VALUES {quoted}) AS v(t)")

    low, high = told["minValues"].get("t"), told["maxValues"].get("t")
    known = [value for value in values if value is not None]
    assert told["nullCount"]["t"] == len(values) - len(known)
    assert low is None or all(low.encode() <= value.encode() <= high.encode() for value in known)
    assert low is not None or not known or max(map(len, known)) > 32
