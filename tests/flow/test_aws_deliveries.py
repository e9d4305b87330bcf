"""AWS writes a month again and again: the newest whole delivery is the month, an older, half or doubled one changes nothing."""

import json
import os
import shutil
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from tests.cur_bills import line, write_csv
from tests.lake_of_bills import lake_ports, read_in, stored
from trimtab.errors import BadInput
from trimtab.flow.ingest import Loaded, ingest_export
from trimtab.ports import Ports, Superseded
from trimtab.settings import Export
from trimtab.sources.drops import parse_completion

NOW = datetime(2026, 7, 20, 12, tzinfo=UTC)
MONTH = "reports/hourly/20260701-20260801"
ROOT = f"{MONTH}/hourly-Manifest.json"


@pytest.fixture
def bucket(tmp_path: Path) -> Path:
    return tmp_path / "bucket"


@pytest.fixture
def ports(tmp_path: Path) -> Ports:
    return lake_ports(tmp_path)


def deliver(bucket: Path, run: str, *costs: str, at: datetime = NOW, listed: int | None = None) -> str:
    """A run as AWS writes it: its files, the manifest in its folder, and last the one above it. The URL of that."""
    keys = [f"{MONTH}/{run}/hourly-{number:05}.csv.gz" for number in range(1, 1 + (listed or len(costs)))]
    for key, cost in zip(keys, costs, strict=False):
        write_csv(bucket / key, [line("Usage", cost)], "legacy")
    value = {
        "assemblyId": run,
        "account": "111122223333",
        "compression": "GZIP",
        "reportKeys": keys,
        "billingPeriod": {"start": "20260701T000000.000Z"},
    }
    for place in (f"{MONTH}/{run}/hourly-Manifest.json", ROOT):
        (bucket / place).write_text(json.dumps(value))
    for path in [*(bucket / MONTH / run).iterdir(), bucket / ROOT]:
        os.utime(path, (at.timestamp(), at.timestamp()))
    return f"file://{bucket}/{ROOT}"


def land(url: str, ports: Ports) -> Loaded | Superseded:
    """What a wake by this manifest does."""
    bucket = url.split("/reports/", maxsplit=1)[0]
    export = Export(name="cur", form="cur", prefix=f"{bucket}/reports/hourly", billing_account="111122223333")
    modified = ports.buckets.modified(url)
    drop = parse_completion(ports.buckets.read(url), url, (export,), modified=modified, now=NOW + timedelta(days=1))
    return ingest_export(drop, ports, Path(bucket.removeprefix("file://")).parent / "scratch")


def test_a_newer_run_replaces_the_month_and_the_same_run_again_changes_nothing(ports: Ports, bucket: Path) -> None:
    """Old runs stay in the bucket beside the new one; only what the manifest lists is the month."""
    land(deliver(bucket, "run-1", "1", "2"), ports)
    newer = deliver(bucket, "run-2", "5", at=NOW + timedelta(hours=8))

    assert isinstance(land(newer, ports), Loaded)
    version = ports.lake.version("cost")

    assert land(newer, ports) == Superseded(NOW + timedelta(hours=8))
    assert (stored(ports, '"BilledCost"'), ports.lake.version("cost")) == ([(Decimal(5),)], version)


def test_an_older_run_that_is_told_late_changes_nothing(ports: Ports, bucket: Path) -> None:
    land(deliver(bucket, "run-2", "5", at=NOW), ports)

    land(deliver(bucket, "run-1", "1", at=NOW - timedelta(hours=8)), ports)

    assert stored(ports, '"BilledCost"') == [(Decimal(5),)]


def test_a_listed_file_that_is_missing_keeps_the_month_as_it_was(ports: Ports, bucket: Path) -> None:
    """OpenCost logs this and goes on; the rest of the month would then look like all of it."""
    land(deliver(bucket, "run-1", "1"), ports)

    with pytest.raises(BadInput, match=r"hourly-00002\.csv\.gz"):
        land(deliver(bucket, "run-2", "5", at=NOW + timedelta(hours=1), listed=2), ports)

    assert stored(ports, '"BilledCost"') == [(Decimal(1),)]


def test_one_file_under_two_names_is_refused_by_both(ports: Ports, bucket: Path) -> None:
    url = deliver(bucket, "run-1", "1", "1")

    with pytest.raises(BadInput, match=r"hourly-00001\.csv\.gz, hourly-00002\.csv\.gz: the same file under two names"):
        land(url, ports)

    assert ports.lake.version("cost") is None


def test_a_copy_of_the_bucket_is_read_by_hand_by_its_newest_manifest(ports: Ports, bucket: Path, tmp_path: Path) -> None:
    """Every run's own manifest lies there too; together they would count the month once for each."""
    deliver(bucket, "run-1", "1")
    deliver(bucket, "run-2", "5")

    loaded = read_in(ports, tmp_path, bucket)

    assert [money.amount for money in loaded["2026-07"].billed] == [Decimal(5)]


def test_one_runs_folder_can_be_read_by_itself(ports: Ports, bucket: Path, tmp_path: Path) -> None:
    deliver(bucket, "run-1", "1")
    deliver(bucket, "run-2", "5")

    read_in(ports, tmp_path, bucket / MONTH / "run-1")

    assert stored(ports, '"BilledCost"') == [(Decimal(1),)]


def test_of_a_data_export_only_the_named_execution_is_read(ports: Ports, bucket: Path, tmp_path: Path) -> None:
    """An export that creates new files keeps each execution in a folder; the manifest names one of them."""
    for execution, cost in (("e1", "1"), ("e2", "5")):
        write_csv(bucket / f"exports/cur2/data/BILLING_PERIOD=2026-07/{execution}/cur2-00001.csv.gz", [line("Usage", cost)])
    manifest = bucket / "exports/cur2/metadata/BILLING_PERIOD=2026-07/cur2-Manifest.json"
    manifest.parent.mkdir(parents=True)
    key = "s3://acme/exports/cur2/data/BILLING_PERIOD=2026-07/e2/cur2-00001.csv.gz"
    manifest.write_text(json.dumps({"executionId": "e2", "exportArn": "arn:…", "dataFiles": [key]}))

    read_in(ports, tmp_path, bucket / "exports")

    assert stored(ports, '"BilledCost"') == [(Decimal(5),)]
    shutil.rmtree(bucket / "exports/cur2/data/BILLING_PERIOD=2026-07/e2")
    with pytest.raises(BadInput, match="which is not in"):
        read_in(ports, tmp_path, bucket / "exports")
