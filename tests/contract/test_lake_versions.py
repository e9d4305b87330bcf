"""The lake as it was: a run reads the version that it froze, or is told by name that it is gone."""

from datetime import timedelta
from pathlib import Path

import pytest

from tests.lake_bench import AUGUST, JULY, NOON, Bench
from trimtab.errors import Gone


def frozen(bench: Bench, loads: int = 1) -> int:
    for number in range(loads):
        bench.load(bench.rows(f"old-{number}", f"{number + 1}"), NOON + timedelta(seconds=number))
    version = bench.lake.version("cost")
    assert version is not None
    return version


def test_what_comes_later_is_not_in_an_earlier_version(bench: Bench) -> None:
    version = frozen(bench)
    bench.load(bench.rows("new", "9"), NOON + timedelta(hours=1))
    bench.load(bench.rows("other", "7", partition=AUGUST), NOON, AUGUST)

    then = bench.lake.at("cost", version)

    assert (then.version("cost"), then.partitions("cost")) == (version, [JULY])
    assert [row[2] for row in bench.billed(then.files("cost"))] == ["1.000000000000"]
    assert bench.lake.version("cost") == version + 2


def test_a_version_older_than_the_newest_checkpoint_is_read_from_the_one_before(local: Bench) -> None:
    """Checkpoints come every twenty commits; what lies before the newest one must not be read through it."""
    version = frozen(local, loads=23)
    for number in range(24):
        local.load(local.rows(f"new-{number}", "100"), NOON + timedelta(hours=1, seconds=number))

    then = local.lake.at("cost", version)

    assert [row[2] for row in local.billed(then.files("cost"))] == ["23.000000000000"]
    assert {str(path) for path in then.files("cost")} == set(_as_deltalake_says(local, version))


def _as_deltalake_says(bench: Bench, version: int) -> list[str]:
    table = bench.delta()
    table.load_as_version(version)
    return [uri.removeprefix("file://") for uri in table.file_uris()]


def test_a_version_whose_files_a_vacuum_took_is_gone_by_name(local: Bench) -> None:
    version = frozen(local)
    local.load(local.rows("new", "9"), NOON + timedelta(hours=1))
    local.delta().vacuum(retention_hours=0, dry_run=False, enforce_retention_duration=False)

    with pytest.raises(Gone, match=f"files of version {version} were removed by a vacuum"):
        local.lake.at("cost", version).files("cost")
    assert len(local.lake.files("cost")) == 1


def test_a_version_that_the_log_does_not_have_is_gone_by_name(local: Bench) -> None:
    frozen(local)

    with pytest.raises(Gone, match="version 99 is not in its log any more"):
        local.lake.at("cost", 99).partitions("cost")


def test_a_log_that_was_cleaned_up_to_there_is_gone_by_name(local: Bench) -> None:
    frozen(local, loads=3)
    log = Path(local.lake.url.removeprefix("file://")) / "cost" / "_delta_log"
    (log / f"{0:020}.json").unlink()

    with pytest.raises(Gone, match="version 2 is not in its log any more"):
        local.lake.at("cost", 2).files("cost")
