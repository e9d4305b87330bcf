"""What the lake commits by itself: deltalake reads it as its own, one of two writers is through, and looking again costs two reads."""

import ast
import json
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from threading import Thread
from time import sleep
from types import SimpleNamespace
from typing import Any, cast

import pytest
from deltalake import DeltaTable, QueryBuilder

from tests.contract.conftest import Place, s3_options
from tests.contract.gcs_shim import Relay, Relayed, Shim
from tests.contract.test_lake import assert_readers_agree, ends
from tests.flow.at_once import drop
from tests.lake_bench import AUGUST, JULY, NOON, Bench, bench_at
from trimtab.adapters.duckdb import DuckDb
from trimtab.adapters.logs import Quiet
from trimtab.adapters.progress import Silent
from trimtab.adapters.store.buckets import StoreBuckets
from trimtab.adapters.store.delta_commit import grown
from trimtab.adapters.store.delta_log import CATCH_UP, CHECKPOINT_EVERY
from trimtab.adapters.store.lake import DeltaLake
from trimtab.adapters.store.objects import open_objects
from trimtab.flow.ingest_usage import ingest_usage
from trimtab.locations import local_path
from trimtab.ports import Ports
from trimtab.tables import TABLES

ROOT = Path(__file__).parents[2]


def amended(bench: Bench, name: str, *costs: str) -> int | None:
    """July made anew from what is there now."""
    return bench.lake.amend("cost", [JULY], [bench.rows(name, *costs)], since=bench.lake.version("cost"), about={"from": name})


def another(bench: Bench, name: str = "another") -> DeltaLake:
    """The same tables, as a process that begins knows them: not at all."""
    return DeltaLake(bench.lake.url, bench.folder / name, bench.lake.options)


def log_of(bench: Bench) -> Path:
    return local_path(bench.lake.url) / "cost" / "_delta_log"


# ── As deltalake has it ──────────────────────────────────────────────────────────────────────────────────────────────
def test_an_amendment_is_a_commit_like_any_other_to_deltalake(local: Bench) -> None:
    """Spark and Athena read these tables too: they must be Delta, whoever wrote them."""
    local.load(local.rows("a", "1"), NOON)
    local.load(local.rows("b", "7", partition=AUGUST), NOON, AUGUST)
    files = [local.rows("c", "2", "3"), local.rows("d", "4", partition=AUGUST)]

    local.lake.amend("cost", [JULY, AUGUST], files, since=local.lake.version("cost"), about={"made": "of c and d"})
    local.load(local.rows("e", "5", partition=AUGUST), NOON + timedelta(seconds=1), AUGUST)

    assert_readers_agree(local)
    table = local.delta()
    rows = QueryBuilder().register("cost", table).execute('SELECT "x_Period", sum("BilledCost") AS s FROM cost GROUP BY 1 ORDER BY 1')
    assert [str(value.as_py()) for value in rows.read_all()["s"]] == ["5.000000000000", "5.000000000000"]
    told = next(commit for commit in table.history() if commit["version"] == 3)
    assert (json.loads(told["about"]), told["operation"]) == ({"made": "of c and d"}, "WRITE")
    assert (table.protocol().min_reader_version, table.protocol().min_writer_version) == (1, 2)


def test_what_an_amendment_replaced_is_removed_by_a_vacuum_and_nothing_else_is(local: Bench) -> None:
    amended(local, "a", "1")
    (first,) = local.lake.files("cost")
    amended(local, "b", "2")

    named = local.delta().vacuum(retention_hours=0, dry_run=True, enforce_retention_duration=False)

    assert ends([f"x/cost/{path}" for path in named]) == ends([first])


def test_amendments_are_read_before_at_and_after_their_checkpoints(local: Bench) -> None:
    every = CHECKPOINT_EVERY["cost"]
    for number in range(1, 2 * every + 2):
        amended(local, "a", str(number))
        if number in {every - 1, every, every + 1, 2 * every, 2 * every + 1}:
            assert_readers_agree(local)
            assert another(local, f"n-{number}").files("cost") == local.lake.files("cost")

    made = [path.name for path in log_of(local).glob("*.checkpoint.parquet")]
    assert sorted(made) == [f"{version:020}.checkpoint.parquet" for version in (every, 2 * every)]


@pytest.mark.parametrize("table", TABLES)
def test_columns_are_written_down_as_deltalake_writes_them(local: Bench, table: str) -> None:
    """A type that it calls otherwise would look like a table of a newer version, and nothing could be written."""
    local.lake._load(table)

    found = DeltaTable(f"{local.lake.url}/{table}").schema().to_json()

    assert grown(open_objects(local.lake.url), table, {"schemaString": found}) is None


# ── Two at once, and answers that are lost ───────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("loss", ["drop", "500"])
def test_an_amendment_whose_answer_was_lost_is_known_to_have_won(lossy: tuple[Place, Relay], tmp_path: Path, loss: Any) -> None:
    """Taken for somebody else's, it would be merged and committed once more."""
    place, relay = lossy
    bench = bench_at(place, tmp_path)
    bench.load(bench.rows("a", "1"), NOON)
    since = bench.lake.version("cost")
    relay.losses = [None, loss]

    assert amended(bench, "b", "2") == (since or 0) + 1
    assert another(bench).version("cost") == (since or 0) + 1
    assert bench.billed(another(bench).files("cost"))[0][1:3] == (1, "2.000000000000")


def test_of_those_who_amend_one_partition_from_one_version_one_is_through(bench: Bench) -> None:
    bench.load(bench.rows("a", "1"), NOON)
    since = bench.lake.version("cost")
    files = [bench.rows(f"r{number}", str(number)) for number in range(4)]

    def one(number: int) -> int | None:
        return another(bench, f"w{number}").amend("cost", [JULY], [files[number]], since=since, about={})

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(one, range(4)))

    (won,) = [number for number, answer in enumerate(answers) if answer is not None]
    assert bench.billed(another(bench).files("cost"))[0][1:3] == (1, f"{won}.000000000000")
    assert_readers_agree(bench)


def test_who_comes_second_leaves_nothing_on_its_disk(bench: Bench) -> None:
    """The next try makes the rows again; on some clouds a function's disk is its memory."""
    amended(bench, "a", "1")
    since, late = bench.lake.version("cost"), bench.rows("b", "2")
    amended(bench, "c", "3")
    before = set(bench.lake._root("cost").rglob("*.parquet"))

    assert bench.lake.amend("cost", [JULY], [late], since=since, about={}) is None
    assert set(bench.lake._root("cost").rglob("*.parquet")) == before
    assert_readers_agree(bench)


def test_those_who_amend_partitions_of_their_own_are_all_through(bench: Bench) -> None:
    """A hundred clusters leave their hour in the same minute."""
    months = [{"x_Export": "aws", "x_Period": f"p-2025-{number + 1:02}"} for number in range(6)]
    bench.load(bench.rows("a", "1"), NOON)
    since = bench.lake.version("cost")
    files = [bench.rows(f"m{number}", str(number), partition=month) for number, month in enumerate(months)]

    def one(number: int) -> int | None:
        return another(bench, f"w{number}").amend("cost", [months[number]], [files[number]], since=since, about={})

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(one, range(6)))

    assert sorted(answers, key=str) == [2, 3, 4, 5, 6, 7]
    assert bench.lake.partitions("cost") == [*months, JULY]
    assert_readers_agree(bench)


def test_an_amendment_and_a_replacement_at_once_both_stand_or_one_is_made_again(bench: Bench) -> None:
    """The one goes through deltalake, the other does not: the log is the same."""
    bench.load(bench.rows("a", "1"), NOON)
    since = bench.lake.version("cost")
    mine, theirs = bench.rows("b", "2"), bench.rows("c", "3", partition=AUGUST)

    with ThreadPoolExecutor(2) as pool:
        amending = pool.submit(lambda: another(bench).amend("cost", [JULY], [mine], since=since, about={}))
        replacing = pool.submit(lambda: bench.load(theirs, NOON, AUGUST))
        answers = {amending.result(), replacing.result()}

    assert answers == {2, 3}
    assert [row[2] for row in bench.billed(bench.lake.files("cost"))] == ["2.000000000000", "3.000000000000"]


# ── Looking again ────────────────────────────────────────────────────────────────────────────────────────────────────
class Told(Shim):
    """A connection that notes what was asked for."""

    asked: list[str] = []  # noqa: RUF012 -- of all connections together

    def relayed(self, body: bytes) -> Relayed:
        Told.asked.append(f"{self.command} {self.path}")
        return super().relayed(body)


@pytest.fixture
def counted(moto_url: str, tmp_path: Path) -> Iterator[Bench]:
    """A store of which each request is noted in Told."""
    relay = Relay(moto_url, is_gcs=False, handler=Told)
    Thread(target=relay.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield bench_at(Place("s3", f"s3://trimtab-test/counted-{tmp_path.name}", s3_options(relay.url)), tmp_path)
    relay.shutdown()
    relay.server_close()


def test_a_table_that_nobody_wrote_to_is_looked_at_with_two_reads_and_no_listing(counted: Bench) -> None:
    """A hundred clusters look seventy thousand times a month, and a listing costs as much as twelve reads."""
    amended(counted, "a", "1")
    version = counted.lake.version("cost")
    Told.asked.clear()

    assert counted.lake.version("cost") == version
    assert [asked.split("/cost/")[-1] for asked in Told.asked] == [f"_delta_log/{number:020}.json" for number in (1, 2)]
    Told.asked.clear()
    then = counted.lake.at("cost", version or 0)
    assert (then.partitions("cost"), then.size("cost") > 0, then.version("cost")) == ([JULY], True, version)
    assert Told.asked == []


def test_an_amendment_asks_for_nothing_but_its_file_and_its_commit(counted: Bench) -> None:
    amended(counted, "a", "1")
    since, rows = counted.lake.version("cost"), counted.rows("b", "2")
    Told.asked.clear()

    counted.lake.amend("cost", [JULY], [rows], since=since, about={})

    assert [asked.split(" ")[0] for asked in Told.asked] == ["PUT", "PUT"]
    assert Told.asked[-1].endswith(f"_delta_log/{2:020}.json")


def test_a_drop_of_usage_asks_little_of_the_lake_and_leaves_no_old_copies_behind(counted: Bench) -> None:
    """It comes from every cluster every hour; and on some clouds a function's disk is its memory."""
    lake = another(counted, "scratch-of-a-function")
    ports = SimpleNamespace(
        settings=SimpleNamespace(clock=None), buckets=StoreBuckets(), log=Quiet(), progress=Silent(), lake=lake,
        engine=DuckDb(directories=(counted.folder,), scratch=lake.scratch, memory_mb=200),
    )  # fmt: skip
    drops = [drop(counted.folder, "prod", (hour, hour + 1)) for hour in range(3)]
    for url in drops[:2]:
        ingest_usage(url, cast("Ports", ports), lake.scratch)
    Told.asked.clear()

    ingest_usage(drops[2], cast("Ports", ports), lake.scratch)

    assert [asked.split(" ")[0] for asked in Told.asked] == ["GET", "GET", "PUT", "PUT"], Told.asked
    assert [str(path) for path in (lake.scratch / "lake").rglob("*.parquet")] == lake.files("usage")


@pytest.mark.parametrize("behind", [1, CATCH_UP - 1, CATCH_UP, CATCH_UP + 1])
def test_whoever_comes_back_to_a_table_sees_what_everybody_sees(local: Bench, behind: int) -> None:
    amended(local, "a", "1")
    early = another(local)
    early.version("cost")

    for number in range(behind):
        amended(local, "b", str(number + 2))

    assert early.version("cost") == local.delta().version() == behind + 1
    assert ends(early.files("cost")) == ends(local.delta().file_uris())


def test_a_table_that_was_put_back_is_read_anew(local: Bench) -> None:
    """A process that lived through a restore must not go on writing to the log that it remembers."""
    amended(local, "a", "1")
    shutil.copytree(local_path(local.lake.url), local.folder / "backup")
    lived = another(local, "lived")
    for number in (2, 3):
        amended(local, "b", str(number))
    lived.version("cost")
    shutil.rmtree(local_path(local.lake.url))
    shutil.copytree(local.folder / "backup", local_path(local.lake.url))
    since_then = Bench(another(local, "after"), local.engine, local.folder)
    amended(since_then, "c", "8")

    assert lived.version("cost") == 2
    amended(since_then, "c", "9")
    assert lived.version("cost") == 3
    assert [row[2] for row in local.billed(lived.files("cost"))] == ["9.000000000000"]


# ── Checkpoints that nobody needs ────────────────────────────────────────────────────────────────────────────────────
def test_checkpoints_before_the_last_one_that_is_needed_go_with_what_was_replaced(bench: Bench) -> None:
    """Each names every file there is; kept for 400 days as commits are, they would be most of the store."""
    every = CHECKPOINT_EVERY["cost"]
    for number in range(2 * every + 1):
        amended(bench, "a", str(number + 1))
    # S3 tells the time of an object in whole seconds.
    sleep(1.1)
    amended(bench, "a", "0.5")
    before = bench.billed(bench.lake.files("cost"))

    bench.lake.tidy("cost", timedelta(days=7))
    early = _checkpoints(bench)
    bench.lake.tidy("cost", timedelta(0))

    assert (early, _checkpoints(bench)) == ([every, 2 * every], [2 * every])
    assert bench.billed(another(bench).files("cost")) == before
    assert another(bench).at("cost", 2 * every + 1).version("cost") == 2 * every + 1
    assert_readers_agree(bench)


def test_commits_older_than_a_year_of_telling_go_where_a_checkpoint_stands_for_them(local: Bench) -> None:
    """Delta's own cleaning looks for a checkpoint as old as they are, and that one went long ago."""
    every = CHECKPOINT_EVERY["cost"]
    for number in range(2 * every):
        amended(local, "a", str(number + 1))
    local.lake.tidy("cost", timedelta(0))
    aged = [log_of(local) / f"{version:020}.json" for version in range(2 * every)]
    _age(aged[:-3], timedelta(days=401))
    _age(aged[-3:], timedelta(days=399))
    amended(local, "b", "7")

    local.lake.tidy("cost", timedelta(days=7))

    assert _checkpoints(local) == [2 * every]
    assert [path.exists() for path in aged] == [False] * (2 * every - 3) + [True] * 3
    assert another(local).files("cost") == local.lake.files("cost")
    assert_readers_agree(local)


def test_no_commit_goes_of_a_table_that_has_no_checkpoint(local: Bench) -> None:
    """It would be the table."""
    amended(local, "a", "1")
    _age([*log_of(local).glob("*.json")], timedelta(days=500))
    amended(local, "b", "2")

    local.lake.tidy("cost", timedelta(days=7))

    assert len([*log_of(local).glob("*.json")]) == 3
    assert_readers_agree(local)


def test_what_was_replaced_today_stays_for_a_week_however_old_it_is(local: Bench) -> None:
    """A run that began yesterday reads it."""
    amended(local, "a", "1")
    _age([Path(file) for file in local.lake.files("cost")], timedelta(days=100))
    version = amended(local, "b", "2")
    for number in range(CHECKPOINT_EVERY["cost"]):
        local.lake.amend("cost", [AUGUST], [local.rows("c", str(number), partition=AUGUST)], since=local.lake.version("cost"), about={})

    assert local.lake.tidy("cost", timedelta(days=7)) == 0
    (first,) = another(local).at("cost", (version or 0) - 1).files("cost")
    assert Path(first).exists()


def _age(paths: list[Path], by: timedelta) -> None:
    for path in paths:
        then = path.stat().st_mtime - by.total_seconds()
        os.utime(path, (then, then))


def _checkpoints(bench: Bench) -> list[int]:
    keys = open_objects(bench.lake.url, options=bench.lake.options).keys("cost/_delta_log/")
    return [int(key.split("/")[-1].split(".")[0]) for key in keys if key.endswith(".checkpoint.parquet")]


def test_no_table_is_written_both_ways() -> None:
    """A replacement that began before an amendment would not notice it: a partition could hold the rows of both."""
    calls = [
        (node.func.attr, node.args[0].value)
        for path in sorted(ROOT.joinpath("shared", "trimtab").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args and isinstance(node.args[0], ast.Constant)
    ]
    ways = {way: {table for name, table in calls if name == way and table in TABLES} for way in ("amend", "replace")}

    assert ways == {"amend": {"usage"}, "replace": {"cost", "allocated"}}
