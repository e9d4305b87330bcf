"""AWS's manifests: a legacy report's is a drop like a Data Export's, lies twice in the bucket, and is one wake."""

import json
from datetime import UTC, datetime

import pytest

from trimtab.errors import BadInput
from trimtab.settings import Export
from trimtab.sources.drops import is_export_signal, listed_files, parse_completion, period_in

NOW = datetime(2026, 8, 3, 6, tzinfo=UTC)
CUR = Export(name="cur", form="cur", prefix="s3://acme-billing/reports/hourly", billing_account="123456789012")
ROOT = "s3://acme-billing/reports/hourly/20260701-20260801/hourly-Manifest.json"
COPY = "s3://acme-billing/reports/hourly/20260701-20260801/run-1/hourly-Manifest.json"
KEY = "reports/hourly/20260701-20260801/run-1/hourly-00001.csv.gz"


def manifest(*keys: str, **changes: object) -> bytes:
    """As AWS writes it, less the columns."""
    value = {
        "assemblyId": "run-1", "account": "123456789012", "columns": [{"category": "identity", "name": "LineItemId"}], "charset": "UTF-8",
        "compression": "GZIP", "contentType": "text/csv", "reportId": "r", "reportName": "hourly", "bucket": "acme-billing",
        "billingPeriod": {"start": "20260701T000000.000Z", "end": "20260801T000000.000Z"}, "reportKeys": keys or (KEY,),
        "additionalArtifactKeys": [],
    }  # fmt: skip
    return json.dumps(value | changes).encode()


def test_both_copies_of_a_legacy_manifest_say_the_same_and_one_of_them_is_the_signal() -> None:
    """Taken twice, a run would be read twice; the copy in the run's folder is there for people."""
    root, copy = (parse_completion(manifest(), url, (CUR,), modified=NOW, now=NOW) for url in (ROOT, COPY))

    assert root == copy
    assert (root.period, root.run_id, root.files, root.form) == ("2026-07", "run-1", (f"s3://acme-billing/{KEY}",), "cur")
    assert (root.submitted_at, root.billing_account) == (NOW, "123456789012")
    assert [is_export_signal(url) for url in (ROOT, COPY)] == [True, False]


def test_a_parquet_report_in_hive_folders_is_a_delivery_too() -> None:
    key = "reports/hourly/hourly/year=2026/month=7/hourly-00001.snappy.parquet"

    drop = parse_completion(manifest(key, compression="Parquet"), ROOT, (CUR,), modified=NOW, now=NOW)

    assert drop.files == (f"s3://acme-billing/{key}",)


def test_a_bucket_that_is_a_copy_of_awss_has_the_files_in_itself() -> None:
    """The manifest names the bucket it was written to; a replica has another name."""
    replica = Export(name="cur", form="cur", prefix="gs://replica/reports", billing_account="*")

    drop = parse_completion(manifest(), ROOT.replace("s3://acme-billing", "gs://replica"), (replica,), modified=NOW, now=NOW)

    assert drop.files == (f"gs://replica/{KEY}",)


def test_a_report_copied_to_a_disk_has_its_files_below_the_folder_that_stands_for_the_bucket() -> None:
    disk = Export(name="cur", form="cur", prefix="/copies/acme", billing_account="*")

    drop = parse_completion(manifest(), ROOT.replace("s3://acme-billing", "file:///copies/acme"), (disk,), modified=NOW, now=NOW)

    assert drop.files == (f"file:///copies/acme/{KEY}",)


@pytest.mark.parametrize(
    ("body", "url", "export", "message"),
    [
        (manifest("reports/other/x.csv.gz"), ROOT, CUR, "it is not below s3://acme-billing/reports/hourly"),
        (manifest("reports/hourly/../../secret.csv.gz"), ROOT, CUR, "no plain object name"),
        (manifest(KEY, KEY), ROOT, CUR, "lists the same file twice"),
        (manifest(KEY.replace("20260701-20260801", "20260601-20260701")), ROOT, CUR, "of period 2026-06, the manifest is of 2026-07"),
        (manifest(), ROOT.replace("20260701-20260801", "20260601-20260701"), CUR, "of period 2026-06, the manifest is of 2026-07"),
        (manifest(account="999999999999"), ROOT, CUR, "account '999999999999' is not the account of export 'cur'"),
        (manifest(compression="ZIP"), ROOT, CUR, "ZIP archives, which are not read"),
        (manifest("reports/hourly/x-1.csv.zip"), ROOT, CUR, "ZIP archives, which are not read"),
        (manifest(billingPeriod={"start": "July"}), ROOT, CUR, "billingPeriod.start: "),
        (manifest(reportKeys=[]), ROOT, CUR, "reportKeys: "),
        (manifest(), ROOT, CUR.model_copy(update={"form": "focus"}), "configure it as cur"),
    ],
)
def test_a_legacy_manifest_that_is_not_plainly_right_is_refused(body: bytes, url: str, export: Export, message: str) -> None:
    with pytest.raises(BadInput) as refused:
        parse_completion(body, url, (export,), modified=NOW, now=NOW)

    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_manifest_on_disk_is_read_without_a_configured_export() -> None:
    assert listed_files(manifest(), "copy/hourly-Manifest.json") == (KEY,)
    assert period_in(ROOT) == "2026-07"
