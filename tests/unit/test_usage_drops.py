"""Usage markers: whole hours of one cluster, files of its own folder, and gaps that are said."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.errors import BadInput
from trimtab.sources.bill_files import Header
from trimtab.sources.usage import COLUMNS, check_header, gaps, parse_marker

URL = "s3://bucket/tenant/usage/prod-1/2026-07-31T10/_complete.json"
TEN = datetime(2026, 7, 31, 10, tzinfo=UTC)


def marker(**changes: object) -> bytes:
    value = {"cluster_uid": "u1", "cluster": "prod 1", "from": "2026-07-31T10:00:00Z", "to": "2026-07-31T16:00:00Z", "files": ["a.parquet"]}
    return json.dumps(value | changes).encode()


def test_a_marker_places_its_files_in_its_own_folder() -> None:
    drop = parse_marker(marker(), URL)

    assert drop.files == ("s3://bucket/tenant/usage/prod-1/2026-07-31T10/a.parquet",)
    assert (drop.slug, drop.start, drop.end, drop.collected_at) == ("prod-1", TEN, TEN + timedelta(hours=6), TEN + timedelta(hours=6))


@pytest.mark.parametrize(
    ("body", "url", "message"),
    [
        (b"no", URL, "not JSON"),
        (marker(more=1), URL, "more: Extra inputs"),
        (marker(files=[]), URL, "files: "),
        (marker(files=["../../prod-2/h/a.parquet"]), URL, "no plain object name"),
        (marker(files=["a.parquet", "a.parquet"]), URL, "same file twice"),
        (marker(**{"from": "2026-07-31T10:30:00Z"}), URL, "expected whole hours"),
        (marker(to="2026-07-31T10:00:00Z"), URL, "expected whole hours"),
        (marker(to="2036-07-31T10:00:00Z"), URL, "at most 400 days"),
        (marker(to="2026-07-31T16:00:00"), URL, "to: Input should have timezone"),
        (marker(), URL.replace("prod-1", "Prod_1"), "cluster folder 'Prod_1'"),
        (marker(), URL.replace("/usage/", "/other/"), "usage/<cluster-slug>/<period>"),
    ],
)
def test_a_marker_that_is_not_plainly_right_is_refused_in_words(body: bytes, url: str, message: str) -> None:
    with pytest.raises(BadInput) as refused:
        parse_marker(body, url)

    assert message in str(refused.value)


def test_missing_and_foreign_columns_and_floats_are_refused() -> None:
    names = tuple(column.name for column in COLUMNS)
    types = tuple(column.sql_type for column in COLUMNS)

    check_header(Header(file="a.parquet", names=names, types=types))
    with pytest.raises(BadInput, match="columns missing: hour; columns unknown: hours"):
        check_header(Header(file="a.parquet", names=("hours", *names[1:]), types=types))
    with pytest.raises(BadInput, match="column seconds: expected INTEGER, got DOUBLE"):
        check_header(
            Header(file="a.parquet", names=names, types=tuple("DOUBLE" if n == "seconds" else t for n, t in zip(names, types, strict=True)))
        )


def test_a_file_from_before_budgets_and_volumes_were_read_is_accepted() -> None:
    kept = [column for column in COLUMNS if column.name not in {"disruptions_allowed", "local_volume"}]

    check_header(Header(file="a.parquet", names=tuple(c.name for c in kept), types=tuple(c.sql_type for c in kept)))
    with pytest.raises(BadInput, match="column local_volume: expected BOOLEAN, got VARCHAR"):
        check_header(
            Header(file="a.parquet", names=(*(c.name for c in kept), "local_volume"), types=(*(c.sql_type for c in kept), "VARCHAR"))
        )


def test_hours_without_rows_are_named_in_runs() -> None:
    drop = parse_marker(marker(), URL)

    assert gaps(drop, [TEN, TEN + timedelta(hours=3)]) == (
        "prod 1: no rows from 2026-07-31T11:00Z to 2026-07-31T13:00Z (2 h): unknown, not idle",
        "prod 1: no rows from 2026-07-31T14:00Z to 2026-07-31T16:00Z (2 h): unknown, not idle",
    )


@given(st.sets(st.integers(min_value=0, max_value=5)))
def test_hours_found_and_hours_missing_make_the_whole_drop(found: set[int]) -> None:
    drop = parse_marker(marker(), URL)

    missing = sum(int(line.split("(")[1].split(" h")[0]) for line in gaps(drop, [TEN + timedelta(hours=each) for each in found]))

    assert missing + len(found) == 6
