"""Objects: created once, read back to know who won, listed in order, on every store alike."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from tests.contract.conftest import Place
from tests.contract.gcs_shim import Loss, Relay
from trimtab.adapters.store.objects import open_objects
from trimtab.errors import BadInput, Refused, Upstream


def test_what_was_created_is_read_back(place: Place) -> None:
    objects = place.open()

    assert objects.create("inbox/clock/a+b=c@d:e", b"body")
    assert objects.read("inbox/clock/a+b=c@d:e") == b"body"
    assert objects.keys("inbox/") == ["inbox/clock/a+b=c@d:e"]


def test_an_object_that_exists_stays_as_it_is(place: Place) -> None:
    objects = place.open()
    objects.create("streams/s/0", b"first")

    assert not objects.create("streams/s/0", b"second")
    assert objects.read("streams/s/0") == b"first"


def test_our_own_bytes_are_not_taken_for_somebody_elses(place: Place) -> None:
    """A client re-sends a put whose answer was lost, and is refused by its own object."""
    objects = place.open()
    objects.create("streams/s/0", b"nonce-1")

    assert objects.create("streams/s/0", b"nonce-1")
    assert not objects.keep("streams/s/0", b"nonce-1")


def test_what_is_not_there_is_none(place: Place) -> None:
    objects = place.open()

    assert objects.read("streams/s/0") is None
    assert not objects.has("streams/s/0")
    assert objects.keys("streams/") == objects.children("streams/s/") == []


def test_keys_come_sorted_and_below_the_folder_only(place: Place) -> None:
    """A disk lists in no order; the head of a stream is the greatest key."""
    objects = place.open()
    for key in ("s/a/0000000010", "s/a/0000000009", "s/ab/0000000000", "s/a/deep/0000000000", "t/x"):
        objects.create(key, b"")

    assert objects.keys("s/a/") == ["s/a/0000000009", "s/a/0000000010", "s/a/deep/0000000000"]
    assert objects.children("s/a/") == ["s/a/0000000009", "s/a/0000000010"]
    assert len(objects.keys("")) == 5


def test_a_tenant_sees_its_own_folder_only(place: Place) -> None:
    objects = place.open()
    objects.within("one").create("streams/s/0", b"1")

    assert objects.within("two").keys("") == []
    assert objects.within("one").keys("") == ["streams/s/0"]
    assert objects.keys("") == ["one/streams/s/0"]


@pytest.mark.security(17)
def test_only_documents_may_be_overwritten(place: Place) -> None:
    objects = place.open()
    objects.publish("docs/a.json", b"1")
    objects.publish("docs/a.json", b"2")

    assert objects.read("docs/a.json") == b"2"
    with pytest.raises(Refused, match="streams/s/0: only documents"):
        objects.publish("streams/s/0", b"x")


@pytest.mark.security(17)
def test_the_record_is_never_deleted(place: Place) -> None:
    objects = place.open()
    objects.create("inbox/clock/t", b"")

    objects.delete("inbox/clock/t")
    objects.delete("inbox/clock/t")

    assert objects.keys("") == []
    with pytest.raises(Refused, match="never deleted"):
        objects.delete("streams/s/0")


@pytest.mark.parametrize(
    "key", ["", "../x", "a//b", "/a", "a/", "a/..", "a/.hidden", "a#1", "a%2Fb", "é", "a b", "a\x00b", "a\nb", "x" * 241, "a/" * 500 + "a"]
)
def test_a_key_that_some_store_would_bend_is_refused(key: str) -> None:
    with pytest.raises(BadInput, match="object key"):
        open_objects("memory://").create(key, b"")


def test_sixteen_writers_and_one_wins(lasting: Place) -> None:
    """Every writer's body carries its nonce, and every client is its own."""
    bodies = [f"nonce-{writer}".encode() for writer in range(16)]

    with ThreadPoolExecutor(16) as pool:
        won = list(pool.map(lambda body: lasting.open().create("streams/s/0000000000", body), bodies))

    assert won.count(True) == 1
    assert lasting.open().read("streams/s/0000000000") == bodies[won.index(True)]


@pytest.mark.parametrize("loss", ["drop", "500"])
def test_a_writer_whose_answer_was_lost_learns_that_it_won(lossy: tuple[Place, Relay], loss: Loss) -> None:
    place, relay = lossy
    objects = place.open()
    relay.losses.append(loss)

    assert objects.create("streams/s/0000000000", b"nonce-1")
    assert relay.puts == 2
    assert not objects.create("streams/s/0000000000", b"nonce-2")


def test_a_writer_all_of_whose_answers_were_lost_looks_for_its_object(lossy: tuple[Place, Relay]) -> None:
    """The client gives up with an error after its last try, and the object is there."""
    place, relay = lossy
    relay.losses += ["500"] * 5

    assert place.open().create("streams/s/0000000000", b"nonce-1")
    assert relay.losses == []


def test_a_missing_bucket_is_not_an_empty_store(place: Place) -> None:
    """Where "nothing there" was believed, a done request would run twice and a ledger would start anew."""
    if place.kind not in {"s3", "gs"}:
        pytest.skip("has no buckets")
    objects = open_objects(f"{place.kind}://no-such-bucket", options=place.options)

    with pytest.raises(Upstream, match="no such bucket"):
        objects.read("streams/s/0")
    with pytest.raises(Upstream, match="no such bucket"):
        objects.keys("streams/")
    with pytest.raises(Upstream, match="no such bucket"):
        objects.create("streams/s/0", b"")


def test_a_server_that_is_gone_is_upstream() -> None:
    options = {"endpoint": "http://127.0.0.1:9", "region": "x", "access_key_id": "x", "secret_access_key": "x", "allow_http": "true"}

    with pytest.raises(Upstream, match="s3://bucket"):
        open_objects("s3://bucket", options=options).read("a")


@pytest.mark.parametrize("url", ["s3://", "ftp://x/y", "/srv/x", "s3://user:secret@bucket/x", "s3://bucket/a?b=c", "gs://bucket/../x", ""])
def test_a_store_url_that_names_no_store_is_bad_input(url: str) -> None:
    with pytest.raises(BadInput):
        open_objects(url)


def test_a_directory_is_made_where_there_is_none(disk: Place) -> None:
    disk.open().create("a", b"1")

    assert disk.open().read("a") == b"1"
    assert disk.open().listed("")[0].modified <= datetime.now(UTC)


def test_a_file_where_the_directory_should_be_is_bad_input(disk: Place) -> None:
    disk.open().create("a", b"1")

    with pytest.raises(BadInput, match="cannot use that directory"):
        open_objects(f"{disk.url}/a/b")


def test_a_put_that_was_killed_half_way_leaves_nothing_to_read(disk: Place) -> None:
    """A disk's put writes beside the key and then links it; what it leaves when it dies is no object."""
    objects = disk.open()
    objects.create("streams/s/0000000000", b"1")
    directory = disk.url.removeprefix("file://") + "/streams/s"
    with open(f"{directory}/0000000001#1", "wb") as half:  # noqa: PTH123
        half.write(b"ha")

    assert objects.keys("") == ["streams/s/0000000000"]
    assert objects.create("streams/s/0000000001", b"whole")
