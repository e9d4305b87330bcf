"""Completion signals: only a whole delivery of a configured export, listing files below its own prefix, becomes a drop."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.errors import BadInput
from trimtab.settings import Export
from trimtab.sources.drops import check_below, is_export_signal, is_usage_signal, listed_files, parse_completion

NOW = datetime(2026, 8, 3, 6, tzinfo=UTC)
AWS = Export(name="aws", prefix="s3://acme-billing/exports/focus-daily", billing_account="123456789012")
GCP = Export(name="gcp", prefix="gs://acme-billing/focus/", billing_account="*")
MANIFEST = "s3://acme-billing/exports/focus-daily/metadata/BILLING_PERIOD=2026-07/focus-daily-Manifest.json"
MARKER = "gs://acme-billing/focus/2026-07/_trimtab_complete.json"
DATA = "s3://acme-billing/exports/focus-daily/data/BILLING_PERIOD=2026-07/focus-daily-00001.snappy.parquet"


def manifest(*files: str) -> bytes:
    return json.dumps({"executionId": "exec-1", "exportArn": "arn:…", "columns": [], "dataFiles": files, "new": 1}).encode()


def marker(**changes: object) -> bytes:
    files = [{"name": "part-000.csv.gz", "bytes": 17}]
    value = {"export": "gcp", "period": "2026-07", "run_id": "r1", "submitted_at": "2026-08-01T05:00:00+02:00", "files": files}
    return json.dumps(value | changes).encode()


def test_an_aws_manifest_gives_the_period_of_its_key_and_the_time_it_was_delivered() -> None:
    drop = parse_completion(manifest(DATA), MANIFEST, (GCP, AWS), modified=NOW - timedelta(hours=1), now=NOW)

    assert (drop.export, drop.period, drop.run_id, drop.files) == ("aws", "2026-07", "exec-1", (DATA,))
    assert (drop.submitted_at, drop.billing_account, drop.sizes) == (NOW - timedelta(hours=1), "123456789012", ())


def test_our_marker_gives_its_own_time_and_the_sizes_of_its_files() -> None:
    drop = parse_completion(marker(), MARKER, (AWS, GCP), modified=NOW, now=NOW)

    assert drop.files == ("gs://acme-billing/focus/2026-07/part-000.csv.gz",)
    assert (drop.submitted_at, drop.sizes) == (datetime(2026, 8, 1, 3, tzinfo=UTC), (17,))


@pytest.mark.parametrize(
    "file",
    [
        "s3://acme-billing/exports/focus-daily-evil/x.parquet",
        "s3://other/exports/focus-daily/x.parquet",
        "s3://acme-billing/exports/focus-daily/../other/x.parquet",
        "s3://acme-billing/exports/focus-daily/%2e%2e/x.parquet",
        "s3://acme-billing/exports/focus-daily//x.parquet",
        "s3://acme-billing/exports/focus-daily/x.parquet?versionId=1",
        "file:///etc/passwd",
        "/etc/passwd",
        "s3://acme-billing/exports/focus-daily/data/BILLING_PERIOD=2026-06/x.parquet",
    ],
)
def test_a_manifest_that_lists_a_foreign_file_is_refused(file: str) -> None:
    """Whoever may write a manifest could otherwise have any object read as if it were this account's bill."""
    with pytest.raises(BadInput, match="file"):
        parse_completion(manifest(DATA, file), MANIFEST, (AWS,), modified=NOW, now=NOW)


@pytest.mark.security(27)
@given(st.text(alphabet="ab./%\\ \n?#", max_size=12))
def test_no_spelling_leaves_the_prefix(tail: str) -> None:
    url = f"{AWS.prefix}/{tail}"
    try:
        check_below(url, AWS.prefix, "m")
    except BadInput:
        return

    parts = tail.split("/")
    assert parts
    assert not {"", ".", ".."} & set(parts[:-1])
    assert parts[-1] not in {".", ".."}


@pytest.mark.parametrize(
    ("body", "url", "message"),
    [
        (b"{", MANIFEST, "not JSON"),
        (b"[]", MANIFEST, "Manifest.json: : "),
        (b"{}", MANIFEST, "executionId: Field required"),
        (manifest(), MANIFEST, "dataFiles: "),
        (manifest(DATA, DATA), MANIFEST, "same file twice"),
        (manifest(DATA), MANIFEST.replace("BILLING_PERIOD=2026-07/", ""), "no BILLING_PERIOD"),
        (b'{"assemblyId": "1", "reportKeys": []}', MANIFEST, "reportKeys: "),
        (manifest(DATA), MANIFEST.replace("focus-daily/", "else/"), "below no configured export"),
        (marker(extra=1), MARKER, "extra: Extra inputs"),
        (marker(period="2026-13"), MARKER, "period: "),
        (marker(export="aws"), MARKER, "delivers below the prefix of 'gcp'"),
        (marker(submitted_at="2026-08-01T05:00:00"), MARKER, "time zone is missing"),
        (marker(submitted_at="2036-08-01T05:00:00Z"), MARKER, "lies in the future"),
        (marker(submitted_at="0001-01-01T00:00:00+14:00"), MARKER, "no moment that a delivery can be of"),
        (marker(submitted_at="9999-12-31T23:59:59-14:00"), MARKER, "no moment that a delivery can be of"),
        (b"[" * 100_000, MARKER, "not JSON"),
        (marker(files=[]), MARKER, "files: "),
        (marker(files=[{"name": "../x.csv", "bytes": 1}]), MARKER, "no plain object name"),
        (marker(files=[{"name": "x.csv", "bytes": -1}]), MARKER, "files.0.bytes: "),
    ],
)
def test_a_signal_that_is_not_plainly_right_is_refused_in_words(body: bytes, url: str, message: str) -> None:
    with pytest.raises(BadInput) as refused:
        parse_completion(body, url, (AWS, GCP), modified=NOW, now=NOW)

    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_of_nested_prefixes_the_inner_export_is_meant() -> None:
    inner = Export(name="inner", prefix=f"{AWS.prefix}/metadata", billing_account="1")

    with pytest.raises(BadInput, match="not below s3://acme-billing/exports/focus-daily/metadata"):
        parse_completion(manifest(DATA), MANIFEST, (AWS, inner), modified=NOW, now=NOW)


def test_an_export_on_disk_may_be_configured_as_a_plain_path() -> None:
    export = Export(name="disk", prefix="/data/bills", billing_account="*")
    body = marker(export="disk")

    drop = parse_completion(body, "file:///data/bills/2026-07/_trimtab_complete.json", (export,), modified=NOW, now=NOW)

    assert drop.files == ("file:///data/bills/2026-07/part-000.csv.gz",)


def test_signals_are_told_from_data_by_their_names() -> None:
    assert [is_export_signal(MANIFEST), is_export_signal(MARKER), is_export_signal(DATA)] == [True, True, False]
    assert [is_usage_signal("gs://b/usage/c/h/_complete.json"), is_usage_signal(MARKER)] == [True, False]


def test_what_a_signal_lists_can_be_read_without_a_configured_export() -> None:
    assert listed_files(manifest(DATA), "copy/x-Manifest.json") == (DATA,)
    assert listed_files(marker(), "copy/_trimtab_complete.json") == ("part-000.csv.gz",)
