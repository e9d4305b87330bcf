"""Azure's manifest: only a run whose counts hold, of one month from its first day, becomes a drop."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from trimtab.errors import BadInput
from trimtab.records import ExportDrop
from trimtab.settings import Export
from trimtab.sources.drops import is_export_signal, listed_files, listed_sizes, parse_completion, period_in

NOW = datetime(2025, 4, 2, 6, tzinfo=UTC)
RUN = "bbac73f1-9a05-4de6-84ab-c72b568a03b4"
FOLDER = f"costs/daily/20250301-20250331/202503212104/{RUN}"
URL = f"az://billing/{FOLDER}/manifest.json"
EXPORT = Export(name="azure", form="azure", prefix="az://billing/costs", billing_account="1234567")


def manifest(**changes: Any) -> bytes:
    """As Azure writes one, with its ten-millionths of a second and the blank before a blob's name."""
    value = {
        "manifestVersion": "2024-04-01",
        "byteCount": 30,
        "blobCount": 2,
        "dataRowCount": 7,
        "exportConfig": {"exportName": "daily", "dataVersion": "2023-05-01", "type": "AmortizedCost"},
        "deliveryConfig": {"partitionData": True, "dataOverwriteBehavior": "CreateNewReport", "compressionMode": "Gzip"},
        "runInfo": {
            "executionType": "Scheduled",
            "submittedTime": "2025-03-21T21:04:06.5234447Z",
            "runId": RUN,
            "startDate": "2025-03-01T00:00:00",
            "endDate": "2025-03-21T00:00:00Z",
        },
        "blobs": [
            {"blobName": f" {FOLDER}/part_0_0001.csv.gz", "byteCount": 10, "dataRowCount": 3},
            {"blobName": f"{FOLDER}/part_0_0002.csv.gz", "byteCount": 20, "dataRowCount": 4},
        ],
    }
    return json.dumps({key: item for key, item in (value | changes).items() if item is not None}).encode()


def drop(body: bytes, url: str = URL, export: Export = EXPORT) -> ExportDrop:
    return parse_completion(body, url, (export,), modified=NOW, now=NOW)


def test_a_run_gives_its_month_its_own_time_and_what_each_file_must_hold() -> None:
    found = drop(manifest())

    assert (found.export, found.period, found.run_id, found.billing_account) == ("azure", "2025-03", RUN, "1234567")
    assert found.submitted_at == datetime(2025, 3, 21, 21, 4, 6, 523444, tzinfo=UTC)
    assert found.files == (f"az://billing/{FOLDER}/part_0_0001.csv.gz", f"az://billing/{FOLDER}/part_0_0002.csv.gz")
    assert (found.sizes, found.rows) == ((10, 20), (3, 4))


@pytest.mark.parametrize("root", ["s3://mirror/azure", "gs://mirror", "file:///data/azure", "az://billing"])
def test_a_copy_in_another_bucket_is_read_beside_its_manifest(root: str) -> None:
    """Blobs are named from the container on; a copy may have other folders above them, or fewer."""
    export = EXPORT.model_copy(update={"prefix": root})

    found = drop(manifest(), f"{root}/20250301-20250331/{RUN}/manifest.json", export)

    assert found.files[0] == f"{root}/20250301-20250331/{RUN}/part_0_0001.csv.gz"


def test_an_overwriting_export_names_blobs_elsewhere_in_the_container() -> None:
    blobs = [{"blobName": "costs/daily/20250301-20250331/part_0.csv", "byteCount": 30, "dataRowCount": 7}]

    found = drop(manifest(blobs=blobs, blobCount=1), "az://billing/costs/daily/meta/manifest.json")

    assert found.files == ("az://billing/costs/daily/20250301-20250331/part_0.csv",)


def test_an_older_manifest_has_its_month_and_run_in_its_key() -> None:
    body = manifest(manifestVersion="2021-01-01", exportConfig=None, runInfo=None, deliveryConfig=None)

    found = drop(body, URL.replace("manifest.json", "_manifest.json"))

    assert (found.period, found.run_id, found.submitted_at) == ("2025-03", RUN, NOW)
    with pytest.raises(BadInput, match="says which month"):
        drop(body, "az://billing/costs/daily/manifest.json")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"byteCount": 31}, "byteCount: it says 31, its blobs add up to 30"),
        ({"blobCount": 3}, "blobCount: it says 3, its blobs add up to 2"),
        ({"dataRowCount": 8}, "dataRowCount: it says 8, its blobs add up to 7"),
        ({"blobs": []}, "blobs: Tuple should have at least 1 item"),
        ({"blobs": [{"blobName": "../../x.csv", "byteCount": 30, "dataRowCount": 7}], "blobCount": 1}, "no plain object name"),
        (
            {"blobs": [{"blobName": "other/x.csv", "byteCount": 30, "dataRowCount": 7}], "blobCount": 1},
            "it is not below az://billing/costs",
        ),
        ({"exportConfig": {"type": "PriceSheet"}}, "exportConfig.type: 'PriceSheet' is no bill"),
        ({"runInfo": {"runId": "r"}}, "runInfo.submittedTime"),
    ],
)
def test_a_manifest_that_does_not_hold_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput, match=message) as refused:
        drop(manifest(**changes))

    assert str(refused.value).startswith(URL)


@pytest.mark.parametrize(("start", "end"), [("2025-03-05", "2025-03-21"), ("2025-02-01", "2025-03-31"), ("2025-03-31", "2025-03-31")])
def test_a_run_over_a_part_of_a_month_cannot_replace_the_month(start: str, end: str) -> None:
    """Eight days would else stand for all of March."""
    run = {"runId": RUN, "submittedTime": "2025-03-21T21:04:06Z", "startDate": f"{start}T00:00:00", "endDate": f"{end}T00:00:00"}

    with pytest.raises(BadInput, match="is not one month from its first day"):
        drop(manifest(runInfo=run))


@pytest.mark.parametrize(("submitted", "end", "is_whole"), [("04-01", "31", True), ("04-01", "05", False), ("03-06", "05", True)])
def test_the_first_days_of_a_month_stand_for_it_only_while_it_has_no_more(submitted: str, end: str, *, is_whole: bool) -> None:
    """Somebody exports a week by hand in April: March would be that week."""
    times = {"submittedTime": f"2025-{submitted}T21:00:00Z", "startDate": "2025-03-01T00:00:00", "endDate": f"2025-03-{end}T00:00:00"}
    body = manifest(runInfo={"runId": RUN} | times)

    if is_whole:
        assert drop(body).period == "2025-03"
    else:
        with pytest.raises(BadInput, match="later days of the month are missing"):
            drop(body)


def test_a_run_of_another_month_than_its_folder_is_refused() -> None:
    run = {"runId": RUN, "submittedTime": "2025-04-01T00:00:00Z", "startDate": "2025-02-01T00:00:00", "endDate": "2025-02-28T00:00:00"}

    with pytest.raises(BadInput, match=r"runInfo: it is of 2025-02, its folder of 2025-03"):
        drop(manifest(runInfo=run))


@pytest.mark.parametrize("body", [b"", b"{}", b" {\n} "])
def test_an_empty_manifest_completes_nothing(body: bytes) -> None:
    with pytest.raises(BadInput, match="an empty manifest; it completes nothing"):
        drop(body)


def test_a_manifest_below_an_export_of_another_cloud_is_refused() -> None:
    with pytest.raises(BadInput, match="an Azure manifest below export 'azure', whose form is gcp"):
        drop(manifest(), export=EXPORT.model_copy(update={"form": "gcp"}))


def test_by_hand_a_manifest_says_names_and_sizes() -> None:
    assert listed_files(manifest(), URL)[0] == f"{FOLDER}/part_0_0001.csv.gz"
    assert listed_sizes(manifest(), URL) == (10, 20)
    assert is_export_signal(URL)
    assert not is_export_signal(URL.replace("manifest.json", "part_0_0001.csv.gz"))
    assert (period_in(URL), period_in("az://billing/x/20250305-20250331/manifest.json")) == ("2025-03", None)
