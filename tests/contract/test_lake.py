"""The lake on a disk, S3 and Google Cloud Storage: whole partitions, newest run first, and readers that agree with the writer."""

import json
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.lake_bench import AUGUST, JULY, NOON, Bench
from trimtab.errors import BadInput, Broken
from trimtab.ports import Superseded
from trimtab.tables import scan


def test_a_partition_is_replaced_and_its_neighbor_is_not(bench: Bench) -> None:
    bench.load(bench.rows("a", "1.5", "2.25"), NOON)
    bench.load(bench.rows("b", "7", partition=AUGUST), NOON, AUGUST)
    bench.load(bench.rows("c", "0.000000000001"), NOON + timedelta(seconds=1))

    assert bench.billed(bench.lake.files("cost")) == [
        ("p-2026-07", 1, "0.000000000001", datetime(2026, 7, 1, 5)),  # noqa: DTZ001 -- lake times are UTC without a zone
        ("p-2026-08", 1, "7.000000000000", datetime(2026, 7, 1, 5)),  # noqa: DTZ001
    ]
    assert bench.billed(bench.lake.files("cost", AUGUST))[0][0] == "p-2026-08"
    assert bench.lake.partitions("cost") == [JULY, AUGUST]


def test_an_older_or_equal_run_changes_nothing_and_is_told_of_the_newer(bench: Bench) -> None:
    """Deliveries come out of order: last month's first snapshot must not undo its last one."""
    bench.load(bench.rows("a", "1"), NOON)
    before = bench.lake.version("cost")

    answers = [bench.load(bench.rows("b", "2"), at) for at in (NOON - timedelta(hours=1), NOON)]

    assert answers == [Superseded(NOON), Superseded(NOON)]
    assert bench.lake.version("cost") == before


def test_copies_that_are_let_go_are_copied_again_when_they_are_asked_for(bench: Bench) -> None:
    """A function's disk does not hold a whole table; what lies on a disk of our own is the table itself, and stays."""
    bench.load(bench.rows("a", "1"), NOON)
    (copy,) = bench.lake.files("cost", JULY)

    bench.lake.release("cost", JULY)
    is_there = Path(copy).exists()

    assert is_there is bench.lake.url.startswith("file://")
    assert [row[2] for row in bench.billed(bench.lake.files("cost", JULY))] == ["1.000000000000"]


def test_readers_see_the_same_files_as_deltalake(bench: Bench) -> None:
    """Only ingest carries deltalake; everybody else reads the log with ours."""
    bench.load(bench.rows("a", "1"), NOON)
    bench.load(bench.rows("b", "2", partition=AUGUST), NOON, AUGUST)
    bench.load(bench.rows("c", "3"), NOON + timedelta(seconds=1))

    assert_readers_agree(bench)


def test_readers_agree_with_deltalake_before_at_and_after_checkpoints(local: Bench) -> None:
    for number in range(42):
        month = JULY if number % 3 else AUGUST
        local.load(local.rows("a", str(number), partition=month), NOON + timedelta(seconds=number), month)
        if number in {18, 19, 20, 39, 41}:
            assert_readers_agree(local)


def assert_readers_agree(bench: Bench) -> None:
    theirs = bench.delta()
    assert bench.lake.version("cost") == theirs.version()
    assert ends(bench.lake.files("cost")) == ends(theirs.file_uris())
    assert ends(bench.lake.files("cost", JULY)) == [path for path in ends(theirs.file_uris()) if "p-2026-07" in path]


def ends(paths: Sequence[str]) -> list[str]:
    """Paths below the table."""
    return sorted(unquote(path).split("/cost/")[-1] for path in paths)


def test_of_two_concurrent_writers_of_a_partition_the_newest_run_stands(bench: Bench) -> None:
    runs = [(bench.rows(f"r{number}", str(number)), NOON + timedelta(seconds=number)) for number in range(4)]

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda run: bench.load(*run), runs))

    assert bench.billed(bench.lake.files("cost"))[0][1:3] == (1, "3.000000000000")
    assert isinstance(answers[3], int)


def test_an_amendment_made_from_what_is_not_there_anymore_is_not_written(bench: Bench) -> None:
    bench.load(bench.rows("a", "1"), NOON)
    seen = bench.lake.version("cost")
    bench.load(bench.rows("b", "2"), NOON + timedelta(seconds=1))

    assert bench.lake.amend("cost", [JULY], [bench.rows("c", "3")], since=seen, about={}) is None
    assert bench.lake.amend("cost", [JULY], [bench.rows("c", "3")], since=bench.lake.version("cost"), about={}) is not None
    assert bench.billed(bench.lake.files("cost"))[0][2] == "3.000000000000"


def test_an_amendment_beside_a_change_elsewhere_is_written(local: Bench) -> None:
    local.load(local.rows("a", "1"), NOON)
    seen = local.lake.version("cost")
    local.load(local.rows("b", "2", partition=AUGUST), NOON, AUGUST)

    assert local.lake.amend("cost", [JULY], [local.rows("c", "3")], since=seen, about={}) is not None


def test_partitions_are_amended_together_and_a_new_table_is_made_for_them(local: Bench) -> None:
    files = [local.rows("a", "1"), local.rows("b", "2", partition=AUGUST)]

    assert local.lake.amend("cost", [JULY, AUGUST], files, since=None, about={}) == 1
    assert local.lake.partitions("cost") == [JULY, AUGUST]
    assert local.lake.amend("cost", [JULY], [local.rows("c", "3")], since=None, about={}) is None


def test_a_partition_replaced_by_no_rows_is_empty(local: Bench) -> None:
    local.load(local.rows("a", "1"), NOON)
    local.load(local.rows("b"), NOON + timedelta(seconds=1))

    assert local.lake.files("cost") == []
    assert local.lake.partitions("cost") == []


def test_a_commit_says_what_it_was_made_from_and_the_log_is_kept_for_400_days(local: Bench) -> None:
    local.load(local.rows("a", "1"), NOON)

    table = local.delta()
    assert json.loads(table.history(1)[0]["about"]) == {"run": "tch/a"}
    assert table.metadata().configuration["delta.logRetentionDuration"] == "interval 400 days"
    assert table.metadata().configuration["delta.deletedFileRetentionDuration"] == "interval 7 days"
    assert (table.protocol().min_reader_version, table.protocol().min_writer_version) == (1, 2)


def test_rows_outside_the_partition_and_names_that_are_no_slugs_are_refused(local: Bench) -> None:
    with pytest.raises(BadInput, match="1 rows lie outside"):
        local.load(local.rows("a", "1", partition=AUGUST), NOON)
    with pytest.raises(BadInput, match="is no slug"):
        local.load(local.rows("a", "1"), NOON, {"x_Export": "x' OR '1'='1", "x_Period": "p-2026-07"})
    with pytest.raises(BadInput, match="is no partition"):
        local.lake.amend("cost", [{"x_Team": "a"}], [], since=None, about={})

    assert local.lake.files("cost") == []


def test_a_partition_has_a_word_that_changes_with_its_own_writes_alone(bench: Bench) -> None:
    """A month that is over is not attributed anew because today has news."""
    nothing = bench.lake.state("cost", [JULY])
    bench.load(bench.rows("a", "1"), NOON)
    july, both = bench.lake.state("cost", [JULY]), bench.lake.state("cost", [JULY, AUGUST])
    bench.load(bench.rows("b", "7", partition=AUGUST), NOON, AUGUST)

    assert bench.lake.state("cost", [JULY]) == bench.lake.state("cost", [{"x_Period": "p-2026-07"}]) == july
    assert len({nothing, july, bench.lake.state("cost", [AUGUST]), bench.lake.state("cost", [AUGUST, JULY])}) == 4
    assert both == july
    bench.load(bench.rows("c", "1"), NOON + timedelta(seconds=1))
    assert bench.lake.state("cost", [JULY]) not in {nothing, july}, "the same amount in a new file is a new bill"


def test_what_was_replaced_goes_and_what_holds_stays(bench: Bench) -> None:
    """Every attribution writes its period anew; what nobody reads any more would cost more each month."""
    for number in range(4):
        bench.load(bench.rows("a", str(number)), NOON + timedelta(seconds=number))
    bench.load(bench.rows("b", "7", partition=AUGUST), NOON, AUGUST)
    version, before = bench.lake.version("cost"), bench.billed(bench.lake.files("cost"))

    early = bench.lake.tidy("cost", timedelta(days=30))
    removed, again = (bench.lake.tidy("cost", timedelta(0)) for _ in range(2))

    assert (early, removed, again) == (0, 3, 0)
    bench.lake.release("cost", {})
    assert bench.billed(bench.lake.files("cost")) == before
    assert bench.lake.version("cost") == version, "a new version would ask for every period to be attributed again"


def test_what_a_killed_run_left_goes_too(local: Bench) -> None:
    """It lies in the store and in no commit."""
    local.load(local.rows("a", "1"), NOON)
    (live,) = (Path(file) for file in local.lake.files("cost"))
    left = live.with_name("left-by-a-killed-run.parquet")
    left.write_bytes(live.read_bytes())

    assert local.lake.tidy("cost", timedelta(0)) == 1
    assert not left.exists()
    assert live.exists()


def test_a_table_that_is_not_there_has_nothing_to_remove(bench: Bench) -> None:
    assert bench.lake.tidy("usage", timedelta(0)) == 0
    assert bench.lake.version("usage") is None


def test_a_table_that_does_not_exist_is_none_and_scans_as_no_rows(local: Bench) -> None:
    assert local.lake.version("usage") is None
    assert local.lake.files("usage") == []
    with local.engine.session() as session:
        assert session.rows(scan("usage", [])) == []


@pytest.mark.parametrize("harm", ["gap", "protocol"])
def test_a_log_that_cannot_be_read_for_sure_is_not_read_at_all(local: Bench, harm: str) -> None:
    for number in range(3):
        local.load(local.rows("a", str(number)), NOON + timedelta(seconds=number))
    log = Path(local.lake.url.removeprefix("file://")) / "cost" / "_delta_log"
    if harm == "gap":
        (log / f"{2:020}.json").unlink()
    else:
        (log / f"{4:020}.json").write_text(
            '{"protocol":{"minReaderVersion":3,"minWriterVersion":7,"readerFeatures":["deletionVectors"]}}\n'
        )

    with pytest.raises(Broken):
        local.lake.files("cost")


def test_readers_do_not_import_deltalake() -> None:
    """deltalake and arro3 are 147 MB; only ingest may carry them."""

    code = (
        "import sys; from trimtab.adapters.store import lake, delta_log, buckets; sys.exit(bool({'deltalake', 'arro3'} & set(sys.modules)))"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False, env={"PYTHONPATH": "shared"}).returncode == 0
