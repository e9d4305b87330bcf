"""Usage markers: whole hours of one cluster, files of its own folder, and gaps that are said."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from trimtab.errors import BadInput
from trimtab.sources.bill_files import Header
from trimtab.sources.usage import COLUMNS, check_header, folder_of, gaps, parse_marker

URL = "s3://bucket/tenant/usage/prod-1-u1/2026-07-31T10/_complete.json"
TEN = datetime(2026, 7, 31, 10, tzinfo=UTC)


def marker(**changes: object) -> bytes:
    value = {"cluster_uid": "u1", "cluster": "prod 1", "from": "2026-07-31T10:00:00Z", "to": "2026-07-31T16:00:00Z", "files": ["a.parquet"]}
    return json.dumps(value | changes).encode()


def test_a_marker_places_its_files_in_its_own_folder() -> None:
    drop = parse_marker(marker(), URL)

    assert drop.files == ("s3://bucket/tenant/usage/prod-1-u1/2026-07-31T10/a.parquet",)
    assert (drop.slug, drop.start, drop.end, drop.collected_at) == ("prod-1-u1", TEN, TEN + timedelta(hours=6), TEN + timedelta(hours=6))


@pytest.mark.security(18)
@pytest.mark.parametrize(
    ("folder", "uid"),
    [
        ("evil-u2", "u1"), ("prod-1", "u1"), ("prod-u11", "u1"), ("prod-xu1", "u1"), ("u1-evil-u2", "u1"), ("prod-1-u1", "1-u2"),
        ("c-6a0f", "6a0e"), ("prod-1-u1", "é"),
    ],
)  # fmt: skip
def test_a_drop_that_tells_of_another_cluster_than_its_folders_is_refused(folder: str, uid: str) -> None:
    """A collector may write below its own folder alone, and what it says of itself is in the marker."""
    with pytest.raises(BadInput, match=r"folder|no letter or digit"):
        parse_marker(marker(cluster_uid=uid), URL.replace("prod-1-u1", folder))


@given(st.text(min_size=1, max_size=80), st.one_of(st.from_regex(r"[0-9a-f]{24}", fullmatch=True), st.text(min_size=1, max_size=80)))
@example("prod", "9" * 62)
def test_a_clusters_own_folder_is_taken_whatever_it_is_called(name: str, uid: str) -> None:
    try:
        folder = folder_of(name, uid)
    except BadInput:
        assume(condition=False)

    assert parse_marker(marker(cluster=name, cluster_uid=uid), URL.replace("prod-1-u1", folder)).slug == folder


@pytest.mark.parametrize(
    ("name", "uid", "folder"),
    [
        ("Prod EU/1", "6a0f00000000000000000001", "prod-eu-1-6a0f00000000000000000001"),
        ("x" * 80, "6a0f00000000000000000001", f"{'x' * 38}-6a0f00000000000000000001"),
        ("\u751f\u7523", "6a0f00000000000000000001", "c-6a0f00000000000000000001"),
        ("prod", "prod", "prod"),
        ("42", "42", "c-42"),
        ("42", "6a0f", "c-42-6a0f"),
        ("a", "y" * 80, "y" * 63),
    ],
)
def test_a_folder_is_named_for_people_and_ends_with_the_uid(name: str, uid: str, folder: str) -> None:
    assert folder_of(name, uid) == folder


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
        (marker(), URL.replace("prod-1", "Prod_1"), "cluster folder 'Prod_1-u1'"),
        (marker(), URL.replace("/usage/", "/other/"), "usage/<cluster>-<uid>/<period>"),
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
