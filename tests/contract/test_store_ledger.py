"""The ledger: one writer wins an entry, heads come by one listing, slots and leases hold under a race, on every store alike."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.contract.conftest import Place
from tests.contract.gcs_shim import Loss, Relay
from trimtab.adapters.store.ledger import StoreLedger
from trimtab.errors import BadInput, Broken
from trimtab.ports import Ledger
from trimtab.records import Entry, Json

AT = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
STREAM = "proposals/uid-1/pool-a/count"


def ledger(place: Place, writer: str = "w") -> StoreLedger:
    return place.state(writer).ledger


def add(to: Ledger, after: Entry | None, stream: str = STREAM, *, state: Json | None = None) -> Entry | None:
    return to.append(stream, after, kind="planned", at=AT, actor="propose", reason="idle", body={"n": 1}, state=state or {})


def must(entry: Entry | None) -> Entry:
    assert entry is not None
    return entry


def test_an_entry_is_read_back_as_it_was_appended(place: Place) -> None:
    book = ledger(place)

    first = must(book.append(STREAM, None, kind="k", at=AT, actor="a", reason="é ✓", body={"b": [1, None]}, state={"s": {"x": 1.5}}))
    second = must(add(book, first))

    assert (first.n, second.n) == (0, 1)
    assert first.previous == "0" * 64
    assert second.previous == first.hash
    assert book.entries(STREAM) == [first, second]
    assert book.head(STREAM) == second


def test_a_stream_that_does_not_exist_has_no_head(place: Place) -> None:
    book = ledger(place)

    assert book.head(STREAM) is None
    assert book.entries(STREAM) == []
    assert book.heads() == {}
    assert book.verify() == []


def test_of_two_writers_on_one_head_the_second_must_read_again(place: Place) -> None:
    one, two = ledger(place, "one"), ledger(place, "two")
    head = must(add(one, None))

    won = add(one, head)
    lost = add(two, head)

    assert lost is None
    assert two.head(STREAM) == won


def test_a_run_that_read_an_older_head_writes_nothing(place: Place) -> None:
    """An older run that wakes late must not speak after a newer one."""
    book = ledger(place)
    old = must(add(book, None))
    newest = must(add(book, must(add(book, old))))

    assert add(book, None) is None
    assert add(book, old) is None
    assert book.head(STREAM) == newest


def test_sixteen_writers_append_and_one_wins(lasting: Place) -> None:
    head = must(add(ledger(lasting), None))

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda writer: add(ledger(lasting, f"w{writer}"), head), range(16)))

    won = [answer for answer in answers if answer]
    assert len(won) == 1
    assert ledger(lasting).head(STREAM) == won[0]
    assert ledger(lasting).verify() == []


@pytest.mark.parametrize("loss", ["drop", "500"])
def test_an_append_whose_answer_was_lost_is_known_to_have_won(lossy: tuple[Place, Relay], loss: Loss) -> None:
    """Believed lost, the same event would be appended twice, and its effect sent twice."""
    place, relay = lossy
    book = ledger(place)
    head = must(add(book, None))
    relay.losses.append(loss)

    won = must(add(book, head))

    assert book.entries(STREAM) == [head, won]
    assert add(ledger(place, "other"), head) is None


def test_heads_are_those_of_every_stream_below_a_prefix(place: Place) -> None:
    book = ledger(place)
    newest = must(add(book, must(add(book, None, "proposals/a")), "proposals/a"))
    inner = must(add(book, None, "proposals/a/b"))
    other = must(add(book, None, "runs/1"))

    assert book.heads() == {"proposals/a": newest, "proposals/a/b": inner, "runs/1": other}
    assert book.heads("proposals/") == {"proposals/a": newest, "proposals/a/b": inner}
    assert book.heads("ru") == {"runs/1": other}


def test_a_nested_stream_is_not_its_parents_tail(place: Place) -> None:
    book = ledger(place)
    outer = must(add(book, None, "a"))
    add(book, must(add(book, None, "a/b")), "a/b")

    assert book.head("a") == outer
    assert book.verify() == []


def test_a_ten_digit_part_is_no_stream_name(place: Place) -> None:
    with pytest.raises(BadInput, match="ten digits"):
        add(ledger(place), None, "a/0000000001")


def test_an_entry_cannot_follow_another_stream(place: Place) -> None:
    book = ledger(place)
    head = must(add(book, None, "a"))

    with pytest.raises(BadInput, match="cannot follow an entry of a"):
        add(book, head, "b")


def test_what_json_cannot_hold_is_not_appended(place: Place) -> None:
    book = ledger(place)

    with pytest.raises(BadInput, match="streams/a/0000000000: cannot be kept as JSON"):
        add(book, None, "a", state={"x": float("nan")})
    with pytest.raises(BadInput, match="no time zone"):
        book.append("a", None, kind="k", at=AT.replace(tzinfo=None), actor="a", reason="r", body={}, state={})
    assert book.head("a") is None


def test_a_head_that_is_not_ours_is_broken_and_named(place: Place) -> None:
    book = ledger(place)
    head = must(add(book, None, "a"))
    book.objects.create("streams/a/0000000001", b"{}")

    with pytest.raises(Broken, match="streams/a/0000000001: "):
        book.head("a")
    with pytest.raises(Broken, match="streams/a/0000000001: "):
        book.heads()
    with pytest.raises(Broken, match="streams/a/0000000001: "):
        book.entries("a")
    assert add(book, head, "a") is None


def test_a_hash_of_a_made_up_head_breaks_the_chain(place: Place) -> None:
    book = ledger(place)
    head = must(add(book, None, "a"))
    add(book, replace(head, hash="1" * 64), "a")

    with pytest.raises(Broken, match="streams/a/0000000001: does not follow"):
        book.entries("a")


# ── Slots ────────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_retry_gets_its_own_slot_back(place: Place) -> None:
    book = ledger(place)

    assert book.claim_slot("merges", "2026-03-01", 2, "proposal-1") == 0
    assert book.claim_slot("merges", "2026-03-01", 2, "proposal-2") == 1
    assert book.claim_slot("merges", "2026-03-01", 2, "proposal-1") == 0
    assert book.claim_slot("merges", "2026-03-01", 2, "proposal-3") is None
    assert book.claim_slot("merges", "2026-03-02", 2, "proposal-3") == 0


def test_a_limit_of_nothing_gives_no_slot(place: Place) -> None:
    assert ledger(place).claim_slot("merges", "2026-03-01", 0, "p") is None


def test_a_lowered_limit_counts_the_slots_already_taken(place: Place) -> None:
    book = ledger(place)
    for holder in ("a", "b", "c"):
        book.claim_slot("merges", "w", 3, holder)

    assert book.claim_slot("merges", "w", 2, "d") is None
    assert book.claim_slot("merges", "w", 2, "c") == 2


def test_a_slot_that_is_not_a_claim_is_broken(place: Place) -> None:
    book = ledger(place)
    book.objects.create("slots/merges/w/0000000000", b"{}")

    with pytest.raises(Broken, match="slots/merges/w/0000000000"):
        book.claim_slot("merges", "w", 2, "a")


def test_sixteen_race_for_five_slots_and_five_get_them(lasting: Place) -> None:
    with ThreadPoolExecutor(16) as pool:
        slots = list(pool.map(lambda k: ledger(lasting, f"w{k}").claim_slot("merges", "w", 5, f"p{k}"), range(16)))

    assert sorted(slot for slot in slots if slot is not None) == [0, 1, 2, 3, 4]


def test_one_holder_that_tries_sixteen_times_at_once_gets_one_slot(lasting: Place) -> None:
    """A queue may deliver the same message to two workers."""
    with ThreadPoolExecutor(16) as pool:
        slots = set(pool.map(lambda k: ledger(lasting, f"w{k}").claim_slot("merges", "w", 5, "same"), range(16)))

    assert slots == {0}


# ── Leases ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_lease_keeps_others_away_until_it_ends(place: Place) -> None:
    book = ledger(place)

    assert book.acquire_lease("propose/run", "a", AT, 300)
    assert not book.acquire_lease("propose/run", "b", AT + timedelta(seconds=359), 300)
    assert book.acquire_lease("propose/run", "b", AT + timedelta(seconds=360), 300)
    assert not book.acquire_lease("propose/run", "a", AT + timedelta(seconds=361), 300)


def test_a_holder_extends_its_own_lease(place: Place) -> None:
    book = ledger(place)
    book.acquire_lease("x", "a", AT, 300)

    assert book.acquire_lease("x", "a", AT, 300)
    assert book.acquire_lease("x", "a", AT + timedelta(seconds=300), 300)
    assert not book.acquire_lease("x", "b", AT + timedelta(seconds=400), 300)
    assert len(book.objects.keys("leases/")) == 2


def test_a_lease_that_is_given_back_is_free(place: Place) -> None:
    book = ledger(place)
    book.acquire_lease("x", "a", AT, 300)

    book.release_lease("x", "b", AT)
    assert not book.acquire_lease("x", "b", AT, 300)
    book.release_lease("x", "a", AT)
    book.release_lease("x", "a", AT)
    assert book.acquire_lease("x", "b", AT, 300)


@pytest.mark.parametrize("body", [b"junk", b"{}", b'{"holder":"z","until":"2999-01-01T00:00:00"}'])
def test_an_unreadable_lease_stops_nobody_for_good(near: Place, body: bytes) -> None:
    book = ledger(near)
    book.objects.create("leases/x/0000000000", body)

    assert book.acquire_lease("x", "a", AT, 300)


def test_sixteen_ask_for_a_lease_and_one_gets_it(lasting: Place) -> None:
    with ThreadPoolExecutor(16) as pool:
        got = list(pool.map(lambda k: ledger(lasting, f"w{k}").acquire_lease("x", f"h{k}", AT, 60), range(16)))

    assert got.count(True) == 1
