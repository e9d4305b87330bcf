"""What `verify` must name: every way to change, hide, add or cut what the record said."""

import hashlib
import json
from datetime import UTC, datetime, timedelta

import obstore
import pytest

from tests.contract.conftest import Place
from trimtab.adapters.store.canonical import sign
from trimtab.adapters.store.entries import write_entry
from trimtab.adapters.store.ledger import StoreLedger
from trimtab.errors import BadInput, Broken
from trimtab.records import Entry
from trimtab.sources.senders import Request, inbox_key, wrap

AT = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)


class Tampered:
    """A ledger with two streams, and the hands of somebody who may write its bucket."""

    def __init__(self, place: Place) -> None:
        self.ledger: StoreLedger = place.state().ledger
        self.objects = self.ledger.objects
        self.a = [self.add("a", None)]
        for _ in range(3):
            self.a.append(self.add("a", self.a[-1]))
        self.b = self.add("deep/b", None)

    def add(self, stream: str, after: Entry | None) -> Entry:
        entry = self.ledger.append(stream, after, kind="k", at=AT, actor="propose", reason="r", body={"x": 10}, state={"s": "é"})
        assert entry is not None
        return entry

    def put(self, key: str, body: bytes) -> None:
        obstore.put(self.objects.store, self.objects.folder + key, body, mode="overwrite")

    def cut(self, key: str) -> None:
        obstore.delete(self.objects.store, self.objects.folder + key)

    def read(self, key: str) -> bytes:
        body = self.objects.read(key)
        assert body is not None
        return body

    def broken(self) -> list[str]:
        return [found.key for found in self.ledger.verify()]


@pytest.fixture
def book(near: Place) -> Tampered:
    return Tampered(near)


@pytest.fixture
def anywhere(place: Place) -> Tampered:
    return Tampered(place)


@pytest.fixture
def local(disk: Place) -> Tampered:
    return Tampered(disk)


def test_an_untouched_record_is_consistent(anywhere: Tampered) -> None:
    anywhere.ledger.claim_slot("merges", "w", 3, "h")
    anywhere.ledger.seal("2026-03-01", AT)

    assert anywhere.broken() == []


@pytest.mark.parametrize("n", [0, 2, 3])
def test_every_byte_of_an_entry_counts(local: Tampered, n: int) -> None:
    """First, middle and newest: no byte can change unseen, and the key is named."""
    key = f"streams/a/000000000{n}"
    honest = local.read(key)

    unseen = []
    for position in range(0, len(honest), 1 if n == 3 else 7):
        local.put(key, honest[:position] + bytes([honest[position] ^ 1]) + honest[position + 1 :])
        if key not in local.broken():
            unseen.append(position)

    assert unseen == []


@pytest.mark.parametrize(
    "change",
    [
        lambda honest: honest + b"\n",
        lambda honest: b" " + honest,
        lambda honest: honest.replace(b'":', b'": ', 1),
        lambda honest: honest[:-1],
        lambda _: b"",
        lambda honest: json.dumps(json.loads(honest), sort_keys=True, separators=(",", ":")).encode(),
        lambda honest: b'{"kind":"other",' + honest[1:],
        lambda _: b"[]",
        lambda _: b'"' * 100_000,
        lambda _: b"[" * 100_000,
        lambda _: b"\xff\xfe",
    ],
    ids=["newline", "space", "space inside", "cut", "empty", "escaped", "twice", "list", "quotes", "deep", "not utf-8"],
)
def test_the_newest_entry_has_one_spelling_only(book: Tampered, change: object) -> None:
    assert callable(change)
    key = "streams/a/0000000003"
    book.put(key, change(book.read(key)))

    assert book.broken() == [key]
    with pytest.raises(Broken, match=key):
        book.ledger.entries("a")


def test_a_missing_middle_entry_is_named(anywhere: Tampered) -> None:
    anywhere.cut("streams/a/0000000001")

    assert anywhere.broken() == ["streams/a/0000000001"]


def test_a_missing_first_entry_is_named(book: Tampered) -> None:
    book.cut("streams/a/0000000000")

    assert book.broken() == ["streams/a/0000000000"]


def test_two_entries_that_changed_places_are_named(book: Tampered) -> None:
    one, two = book.read("streams/a/0000000001"), book.read("streams/a/0000000002")
    book.put("streams/a/0000000001", two)
    book.put("streams/a/0000000002", one)

    assert book.broken() == ["streams/a/0000000001", "streams/a/0000000002"]


def test_an_entry_of_another_stream_is_named(book: Tampered) -> None:
    book.put("streams/stolen/0000000000", book.read("streams/a/0000000000"))

    assert book.broken() == ["streams/stolen/0000000000"]


def test_an_entry_rewritten_with_a_fresh_hash_breaks_its_successor(book: Tampered) -> None:
    book.put("streams/a/0000000002", _forged(book.a[1]))

    assert book.broken() == ["streams/a/0000000003"]


@pytest.mark.parametrize(
    "key", ["streams/a/0000000004.bak", "streams/a/note", "streams/0000000000", "streams/a/00000000004", "streams/a/0000000001/0000000000"]
)
def test_what_is_no_entry_does_not_belong_below_streams(near: Place, key: str) -> None:
    if near.kind == "disk" and key.endswith("0000000001/0000000000"):
        pytest.skip("a disk cannot hold a file below a file")
    book = Tampered(near)
    book.put(key, b"x")

    assert book.broken() == [key]


# ── Seals ────────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.security(16)
def test_a_cut_tail_is_named_by_the_seal_that_saw_it(anywhere: Tampered) -> None:
    anywhere.ledger.seal("2026-03-01", AT)
    anywhere.cut("streams/a/0000000003")
    anywhere.cut("streams/a/0000000002")

    assert [(found.key, "seals/2026-03-01" in found.problem) for found in anywhere.ledger.verify()] == [("streams/a/0000000003", True)]


def test_a_tail_cut_before_the_seal_of_the_day_but_after_another_is_named(book: Tampered) -> None:
    """Later seals of the same day cover what moved since."""
    book.ledger.seal("2026-03-01", AT)
    book.add("a", book.a[-1])
    book.ledger.seal("2026-03-01", AT)
    book.cut("streams/a/0000000004")

    (found,) = book.ledger.verify()
    assert found.key == "streams/a/0000000004"
    assert "seals/2026-03-01.0001" in found.problem


@pytest.mark.security(16)
def test_a_deleted_stream_is_named(book: Tampered) -> None:
    book.ledger.seal("2026-03-01", AT)
    book.cut("streams/deep/b/0000000000")

    (found,) = book.ledger.verify()
    assert found.key == "streams/deep/b/0000000000"
    assert "the whole stream was deleted" in found.problem


@pytest.mark.security(16)
def test_a_stream_rebuilt_from_start_to_end_is_named_by_an_old_seal(book: Tampered) -> None:
    book.ledger.seal("2026-03-01", AT)
    after: Entry | None = None
    for n in range(4):
        book.cut(f"streams/a/{n:010}")
        after = book.ledger.append("a", after, kind="k", at=AT, actor="evil", reason="r", body={}, state={})

    assert book.broken() == ["streams/a/0000000003"]


def test_sealing_does_not_cover_up_what_is_gone(book: Tampered) -> None:
    """Else a cut tail would be sealed as if it had always been so."""
    book.ledger.seal("2026-03-01", AT)
    book.cut("streams/a/0000000003")

    with pytest.raises(Broken, match=r"streams/a/0000000003: seals/2026-03-01 names it"):
        book.ledger.seal("2026-03-02", AT)


def test_sealing_does_not_cover_up_what_was_rewritten(book: Tampered) -> None:
    book.ledger.seal("2026-03-01", AT)
    book.put("streams/a/0000000003", _forged(book.a[2]))

    with pytest.raises(Broken, match="streams/a/0000000003: is not the entry"):
        book.ledger.seal("2026-03-02", AT)
    forged = book.ledger.head("a")
    assert forged is not None
    book.add("a", forged)
    with pytest.raises(Broken, match="streams/a/0000000003: is not the entry"):
        book.ledger.seal("2026-03-02", AT)


def test_sealing_a_day_twice_is_sealing_it_once(book: Tampered) -> None:
    first = book.ledger.seal("2026-03-01", AT)

    assert book.ledger.seal("2026-03-01", AT + timedelta(hours=3)) == first
    assert book.ledger.roots() == {"seals/2026-03-01": first}


def test_a_late_seal_of_an_earlier_day_joins_the_chain_at_its_end(book: Tampered) -> None:
    book.ledger.seal("2026-03-02", AT)
    book.add("a", book.a[-1])
    book.ledger.seal("2026-03-01", AT)

    assert list(book.ledger.roots()) == ["seals/2026-03-02", "seals/2026-03-02.0001"]
    assert book.broken() == []


def test_a_day_without_events_is_sealed_all_the_same(book: Tampered) -> None:
    book.ledger.seal("2026-03-01", AT)
    book.ledger.seal("2026-03-02", AT)

    assert len(book.ledger.roots()) == 2
    assert book.broken() == []


def test_every_byte_of_a_seal_counts(local: Tampered) -> None:
    local.ledger.seal("2026-03-01", AT)
    honest = local.read("seals/2026-03-01")

    unseen = []
    for position in range(len(honest)):
        local.put("seals/2026-03-01", honest[:position] + bytes([honest[position] ^ 1]) + honest[position + 1 :])
        if local.broken() != ["seals/2026-03-01"]:
            unseen.append(position)

    assert unseen == []


def test_a_removed_seal_breaks_the_chain(book: Tampered) -> None:
    for day in ("2026-03-01", "2026-03-02", "2026-03-03"):
        book.ledger.seal(day, AT)
    book.cut("seals/2026-03-02")

    assert book.broken() == ["seals/2026-03-03"]


def test_a_forged_seal_of_a_wrong_shape_is_named(book: Tampered) -> None:
    forged = {"day": "2026-03-01", "at": "", "heads": [["a", "1", 2]], "slots": {}, "previous": "0" * 64, "nonce": "x"}
    book.put("seals/2026-03-01", sign(forged, "root", "x")[1])
    book.put("seals/2026-03-02", sign({**forged, "day": "2026-03-02", "heads": [], "slots": {"x": None}}, "root", "x")[1])
    book.put("seals/latest", b"{}")

    assert book.broken() == ["seals/2026-03-01", "seals/2026-03-02", "seals/latest"]


@pytest.mark.parametrize("day", ["", "2026-3-1", "2026-02-30", "2026-03-01.0001", "../x"])
def test_a_seal_needs_a_day(book: Tampered, day: str) -> None:
    with pytest.raises(BadInput, match="seal"):
        book.ledger.seal(day, AT)


# ── Slots and claims ─────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.security(16)
def test_a_deleted_slot_is_named(anywhere: Tampered) -> None:
    """Whoever deletes a claim gets one more merge out of the day."""
    for holder in ("p1", "p2"):
        anywhere.ledger.claim_slot("merges", "2026-03-01", 3, holder)
    anywhere.ledger.seal("2026-03-01", AT)
    anywhere.cut("slots/merges/2026-03-01/0000000001")

    assert anywhere.broken() == ["slots/merges/2026-03-01"]
    with pytest.raises(Broken, match="slots/merges/2026-03-01: "):
        anywhere.ledger.seal("2026-03-02", AT)


def test_a_slot_moved_to_another_window_is_named(book: Tampered) -> None:
    book.ledger.claim_slot("merges", "w1", 3, "p1")
    book.put("slots/merges/w2/0000000000", book.read("slots/merges/w1/0000000000"))
    book.put("slots/merges/w1/0000000001", book.read("slots/merges/w1/0000000000"))

    assert book.broken() == ["slots/merges/w1/0000000001", "slots/merges/w2/0000000000"]


def test_an_inbox_body_that_is_not_what_its_name_says_is_named(book: Tampered) -> None:
    body = b"payload"
    good = f"inbox/slack/{hashlib.sha256(body).hexdigest()}"
    bad = f"inbox/slack/{hashlib.sha256(b'other').hexdigest()}"
    for key in (good, bad, "inbox/clock/verify/2026-03-01T00:00Z"):
        book.put(key, body)

    assert book.broken() == [bad]


def test_a_key_that_we_could_not_have_written_is_named(book: Tampered) -> None:
    for key in ("inbox/x/é", "slots/a b", "streams/é/0000000000", "streams/a b/0000000000"):
        book.put(key, b"")

    assert book.broken() == ["inbox/x/é", "slots/a b", "streams/a b/0000000000", "streams/é/0000000000"]


def test_a_request_in_its_envelope_is_what_its_name_says(book: Tampered) -> None:
    """The inbox keeps headers beside the signed bytes; only those bytes name it."""
    request = Request("/slack", {"x-slack-signature": "v0=1"}, b"payload=%7B%7D")
    book.ledger.objects.create(inbox_key(request), wrap(request, AT))
    assert book.broken() == []

    book.put(inbox_key(request), wrap(Request("/slack", {}, b"payload=%7B%22x%22%7D"), AT))
    assert book.broken() == [inbox_key(request)]


def _forged(after: Entry) -> bytes:
    return write_entry(after.stream, after, kind="k", at=AT, actor="evil", reason="r", body={}, state={}, nonce="x")
