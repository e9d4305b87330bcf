"""Where a cluster's driver and executors meet: on a disk and in a store, without a cluster."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from tests.contract.conftest import Place
from tests.lake_bench import JULY, NOON, bench_at
from trimtab.adapters.spark.exchange import Exchange
from trimtab.adapters.store.buckets import StoreBuckets
from trimtab.locations import local_path

ROWS = "SELECT unnest(CAST($a AS BIGINT[])) AS a, unnest(CAST($b AS TIMESTAMP[])) AS b"


@pytest.fixture
def exchange(lasting: Place, tmp_path: Path) -> Iterator[Exchange]:
    """On each kind of store that executors could reach."""
    yield Exchange(f"{lasting.url}/spark", StoreBuckets(options=lasting.options), tmp_path / "scratch")
    assert not list((tmp_path / "scratch").glob("exchange-*"))


def test_lists_put_into_a_folder_come_out_as_one_file(exchange: Exchange, tmp_path: Path) -> None:
    folder, path = exchange.folder("bills"), str(tmp_path / "bills.parquet")
    exchange.put(folder, ROWS, {"a": [1, 2], "b": ["2026-07-01 10:00:00", None]})
    exchange.put(folder, ROWS, {"a": [3], "b": [None]})

    count = exchange.gather(folder, path)

    with duckdb.connect() as connection:
        rows = connection.execute(f"SELECT a, CAST(b AS VARCHAR), typeof(b) FROM '{path}' ORDER BY a").fetchall()
    assert count == 3
    assert rows == [(1, "2026-07-01 10:00:00", "TIMESTAMP"), (2, None, "TIMESTAMP"), (3, None, "TIMESTAMP")]


def test_every_folder_is_another(exchange: Exchange) -> None:
    assert exchange.folder("bills") != exchange.folder("bills")


def test_a_folder_on_disk_is_gone_when_nobody_reads_it(disk: Place, tmp_path: Path) -> None:
    exchange = Exchange(f"{disk.url}/spark", StoreBuckets(), tmp_path / "scratch")
    folder = exchange.folder("bills")
    exchange.put(folder, ROWS, {"a": [1], "b": [None]})

    exchange.forget(folder)

    assert not local_path(folder).exists()


def test_an_engine_that_reads_the_store_is_told_where_files_lie_in_it(lasting: Place, tmp_path: Path) -> None:
    """An executor cannot see the driver's disk: copies there are of no use to it."""
    bench = bench_at(lasting, tmp_path)
    bench.load(bench.rows("a", "1.5", "2"), NOON)
    lake = replace(bench.lake, in_place=True)

    (named,) = lake.files("cost", JULY)

    table = local_path(lake.url) if lasting.kind == "disk" else lake.url
    assert named.startswith(f"{table}/cost/x_Export=aws/x_Period=p-2026-07/")
    assert lake.files("cost", {"x_Period": "p-2026-08"}) == []


def test_the_size_of_a_period_is_that_of_its_live_files(lasting: Place, tmp_path: Path) -> None:
    bench = bench_at(lasting, tmp_path)
    bench.load(bench.rows("a", "1.5", "2"), NOON)
    (path,) = bench.lake.files("cost")

    assert bench.lake.size("cost", {"x_Period": "p-2026-07"}) == Path(path).stat().st_size
    assert bench.lake.size("cost", {"x_Period": "p-2026-08"}) == 0
    assert bench.lake.size("usage") == 0
