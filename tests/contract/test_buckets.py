"""Buckets and folders by URL: read, copied under names of ours, created once, listed."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.contract.conftest import Place, s3_options
from tests.contract.gcs_shim import Relay
from trimtab.adapters.store.buckets import MOST_READ, StoreBuckets
from trimtab.errors import BadInput, TooLarge, Upstream


def test_an_object_is_put_once_read_copied_and_listed(lasting: Place, tmp_path: Path) -> None:
    buckets = StoreBuckets(options=lasting.options)
    url = f"{lasting.url}/data/BILLING_PERIOD=2026-07/part 1+a.csv.gz"

    assert buckets.put(url, b"body")
    assert buckets.put(url, b"body"), "a put whose answer was lost is made again"
    assert not buckets.put(url, b"other")
    copy = buckets.fetch(url, tmp_path)

    assert (buckets.read(url), copy.read_bytes()) == (b"body", b"body")
    assert copy.name.endswith(".csv.gz")
    assert copy.name.count(".") == 2, "nothing of a foreign name reaches the disk"
    assert [stored.size for stored in buckets.list(f"{lasting.url}/data")] == [4]
    assert abs(buckets.modified(url) - datetime.now(UTC)) < timedelta(minutes=5)


def test_what_is_listed_can_be_read(lasting: Place) -> None:
    buckets = StoreBuckets(options=lasting.options)
    for key in ("data/b=1/é x.csv", "data/a.csv", "other/c.csv"):
        buckets.put(f"{lasting.url}/{key}", key.encode())

    listed = buckets.list(f"{lasting.url}/data")

    assert [buckets.read(stored.url) for stored in listed] == [b"data/a.csv", "data/b=1/é x.csv".encode()]


def test_what_is_not_there_is_bad_input_and_not_empty(lasting: Place, tmp_path: Path) -> None:
    buckets = StoreBuckets(options=lasting.options)

    for ask in (buckets.read, buckets.modified, lambda url: buckets.fetch(url, tmp_path)):
        with pytest.raises(BadInput, match=r"no such object|no regular file"):
            ask(f"{lasting.url}/nothing.csv")


def test_a_missing_bucket_is_an_upstream_failure(moto_url: str) -> None:
    with pytest.raises(Upstream, match="no such bucket"):
        StoreBuckets(options=s3_options(moto_url)).read("s3://not-there/a.csv")


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "bill.csv").symlink_to("/etc/passwd")
    buckets = StoreBuckets()

    with pytest.raises(BadInput, match="links"):
        buckets.fetch(f"file://{tmp_path}/in/bill.csv", tmp_path)
    assert buckets.list(f"file://{tmp_path}/in") == []


def test_a_mount_stands_in_for_its_prefix_and_for_nothing_above_it(tmp_path: Path) -> None:
    (tmp_path / "exports" / "2026-07").mkdir(parents=True)
    (tmp_path / "exports" / "2026-07" / "a.csv").write_text("a")
    (tmp_path / "secret.csv").write_text("s")
    buckets = StoreBuckets({"s3://acme/exports": str(tmp_path / "exports")})

    assert buckets.read("s3://acme/exports/2026-07/a.csv") == b"a"
    assert [stored.url for stored in buckets.list("s3://acme/exports")] == ["s3://acme/exports/2026-07/a.csv"]
    with pytest.raises(BadInput, match="does not stay below"):
        buckets.read("s3://acme/exports/../secret.csv")


def test_an_object_too_large_to_be_a_signal_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "big.json").open("wb") as file:
        file.truncate(MOST_READ + 1)

    with pytest.raises(TooLarge, match="at most"):
        StoreBuckets().read(f"file://{tmp_path}/big.json")


def test_a_drop_that_an_account_may_not_replace_is_there_if_its_bytes_are(lossy: tuple[Place, Relay]) -> None:
    """Google answers 403 and not 412 to who may only create: a drop delivered again would fail for ever."""
    where, relay = lossy
    buckets = StoreBuckets(options=where.options)
    assert buckets.put(f"{where.url}/drop.parquet", b"one")
    relay.outage = "taken"

    again = buckets.put(f"{where.url}/drop.parquet", b"one")
    other = buckets.put(f"{where.url}/drop.parquet", b"two")

    assert (again, other) == (True, False)
    assert buckets.read(f"{where.url}/drop.parquet") == b"one"


def test_a_place_where_nothing_may_be_put_is_said_to_be_forbidden(lossy: tuple[Place, Relay]) -> None:
    where, relay = lossy
    relay.outage = "forbidden"

    with pytest.raises(Upstream, match="check the role's rights"):
        StoreBuckets(options=where.options).put(f"{where.url}/new.parquet", b"one")
