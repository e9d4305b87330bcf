"""A whole delivery of Azure, from its manifest to the lake: counted, in order, once."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.cloud_bills import AZURE, NOW, Row, export, ports_at, stored, write_csv
from trimtab.errors import BadInput
from trimtab.flow.ingest import Loaded, ingest_export, ingest_files
from trimtab.ports import Ports, Superseded
from trimtab.settings import Export
from trimtab.sources.drops import parse_completion

RUN = "bbac73f1-9a05-4de6-84ab-c72b568a03b{}"


def deliver(folder: Path, *rows: Row, run: int = 1, hour: int = 5, **changes: Any) -> Path:
    """A run that writes its rows one to a file, and then its manifest; the manifest's path."""
    below = folder / "costs" / "daily" / "20260701-20260731" / f"2026080{run}" / RUN.format(run)
    files = [write_csv(below / f"part_0_{number}.csv.gz", row) for number, row in enumerate(rows)]
    blobs = [{"blobName": file.relative_to(folder).as_posix(), "byteCount": file.stat().st_size, "dataRowCount": 1} for file in files]
    value = {
        "manifestVersion": "2024-04-01", "blobCount": len(blobs), "byteCount": sum(file.stat().st_size for file in files),
        "dataRowCount": len(blobs), "exportConfig": {"type": "ActualCost"}, "blobs": blobs,
        "runInfo": {
            "runId": RUN.format(run), "submittedTime": f"2026-08-03T{hour:02}:00:00Z", "startDate": "2026-07-01T00:00:00",
            "endDate": "2026-07-31T00:00:00",
        },
    }  # fmt: skip
    path = below / "manifest.json"
    path.write_text(json.dumps(value | changes))
    return path


def land(path: Path, to: Export, ports: Ports) -> Loaded | Superseded:
    url = f"file://{path}"
    drop = parse_completion(ports.buckets.read(url), url, (to,), modified=NOW, now=NOW)
    return ingest_export(drop, ports, ports.scratch)


def daily(folder: Path) -> Export:
    return export("azure", form="azure", prefix=f"file://{folder}/costs", billing_account="12345678")


def test_a_run_replaces_the_month_and_an_older_one_that_comes_late_does_not(tmp_path: Path) -> None:
    """Azure runs twice a day in the first days of a month, and events come in any order."""
    ports, to = ports_at(tmp_path), daily(tmp_path)
    second = deliver(tmp_path, AZURE | {"CostInBillingCurrency": "3"}, AZURE, run=2, hour=9)
    first = deliver(tmp_path, AZURE, run=1, hour=5)

    landed = land(second, to, ports)
    late = land(first, to, ports)
    again = land(second, to, ports)

    assert isinstance(landed, Loaded)
    assert late == Superseded(datetime(2026, 8, 3, 9, tzinfo=UTC))
    assert again == Superseded(datetime(2026, 8, 3, 9, tzinfo=UTC))
    assert [row[0] for row in stored(ports, '"BilledCost"')] == [Decimal(3), Decimal("2.4")]


@pytest.mark.parametrize("is_lost", [True, False])
def test_a_run_with_a_file_missing_or_changed_changes_nothing(tmp_path: Path, *, is_lost: bool) -> None:
    ports, path = ports_at(tmp_path), deliver(tmp_path, AZURE, AZURE)
    part = path.parent / "part_0_1.csv.gz"
    part.unlink() if is_lost else part.write_bytes(part.read_bytes() + b"x")

    with pytest.raises(BadInput, match="no regular file" if is_lost else "deliver both again"):
        land(path, daily(tmp_path), ports)

    assert ports.lake.version("cost") is None


def test_a_file_with_other_rows_than_the_manifest_counts_changes_nothing(tmp_path: Path) -> None:
    """The bytes may be right and the file still not whole, where it was written anew."""
    ports = ports_at(tmp_path)
    path = deliver(tmp_path, AZURE)
    value = json.loads(path.read_text())
    value["blobs"][0]["dataRowCount"] = value["dataRowCount"] = 2
    path.write_text(json.dumps(value))

    with pytest.raises(BadInput, match=r"part_0_0.csv.gz: 1 rows, its manifest says 2"):
        land(path, daily(tmp_path), ports)

    assert ports.lake.version("cost") is None


def test_a_month_without_purchases_is_empty_and_takes_the_place_of_one_with_them(tmp_path: Path) -> None:
    """A refund that makes a purchase undone must not leave it in the lake."""
    ports = ports_at(tmp_path)
    to = daily(tmp_path).model_copy(update={"part": "commitment-purchases"})
    bought = AZURE | {"ChargeType": "Purchase", "PricingModel": "Reservation", "ReservationId": "ri-1", "CostInBillingCurrency": "300"}
    land(deliver(tmp_path, AZURE, bought, run=1, hour=5), to, ports)

    landed = land(deliver(tmp_path, AZURE, run=2, hour=9), to, ports)

    assert isinstance(landed, Loaded)
    assert (landed.rows, landed.billed, stored(ports, "1")) == (0, (), [])


def test_by_hand_a_manifest_is_held_to_the_sizes_of_its_files(tmp_path: Path) -> None:
    path, ports = deliver(tmp_path / "copy", AZURE), ports_at(tmp_path)

    loaded = ingest_files([path], daily(tmp_path), ports, ports.scratch, NOW, NOW)
    (path.parent / "part_0_0.csv.gz").write_bytes(b"")

    assert list(loaded) == ["2026-07"]
    with pytest.raises(BadInput, match=r"part_0_0.csv.gz: 0 bytes, manifest.json says"):
        ingest_files([path], daily(tmp_path), ports, ports.scratch, NOW + timedelta(hours=1), NOW + timedelta(hours=1))
