"""An entry's bytes: one spelling, and no change goes unseen."""

import hashlib
import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.adapters.store.canonical import decode, encode, number_of, numbered, parse, sign
from trimtab.adapters.store.chain import sort_streams, walk
from trimtab.adapters.store.entries import read_entry, write_entry
from trimtab.errors import BadInput, Broken
from trimtab.records import Break, Entry, Json

AT = datetime(2026, 3, 1, 12, 30, 0, 250, tzinfo=UTC)
KEY = "streams/s/0000000000"
texts = st.text(st.characters(codec="utf-8"), max_size=5)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
objects = st.dictionaries(texts, scalars | st.lists(scalars, max_size=3) | st.dictionaries(texts, scalars, max_size=3), max_size=4)


def written(*, body: Json | None = None, state: Json | None = None, after: Entry | None = None) -> bytes:
    return write_entry("s", after, kind="k", at=AT, actor="propose", reason="é", body=body or {}, state=state or {}, nonce="n")


HONEST = written(body={"x": 10, "y": "z"}, state={"s": [1, None]})


def test_the_bytes_are_these() -> None:
    """Other tools check the chain: the spelling is a promise."""
    unhashed = (
        '{"actor":"propose","at":"2026-03-01T12:30:00.000250Z","body":{"a":2,"b":1},"kind":"k","n":0,"nonce":"n",'
        f'"previous":"{"0" * 64}","reason":"é","state":{{}},"stream":"s"}}'
    )
    digest = hashlib.sha256(unhashed.encode()).hexdigest()

    assert written(body={"b": 1, "a": 2}).decode() == unhashed.replace('"kind"', f'"hash":"{digest}","kind"')


@given(body=objects, state=objects)
def test_an_entry_reads_back_as_it_was_written(body: Json, state: Json) -> None:
    entry = read_entry(KEY, "s", 0, written(body=body, state=state))

    assert (entry.body, entry.state, entry.at) == (body, state, AT)


@given(position=st.integers(0, len(HONEST) - 1), byte=st.integers(0, 255))
def test_no_single_byte_can_change(position: int, byte: int) -> None:
    changed = HONEST[:position] + bytes([byte]) + HONEST[position + 1 :]
    if changed == HONEST:
        return

    with pytest.raises(Broken, match=KEY):
        read_entry(KEY, "s", 0, changed)


@given(position=st.integers(0, len(HONEST)), extra=st.sampled_from([b" ", b"\n", b"\t", b"\x00", b"\xef\xbb\xbf", b"0", b"{}"]))
def test_nothing_can_be_added(position: int, extra: bytes) -> None:
    with pytest.raises(Broken, match=KEY):
        read_entry(KEY, "s", 0, HONEST[:position] + extra + HONEST[position:])


@given(encoded=st.binary(max_size=60))
def test_junk_is_broken_and_nothing_worse(encoded: bytes) -> None:
    with pytest.raises(Broken):
        read_entry(KEY, "s", 0, encoded)


@pytest.mark.parametrize(
    ("stream", "n", "problem"), [("t", 0, "belongs to stream 's'"), ("s", 1, "says that it is number 0")], ids=["stream", "number"]
)
def test_an_entry_says_where_it_stands(stream: str, n: int, problem: str) -> None:
    with pytest.raises(Broken, match=problem):
        read_entry(KEY, stream, n, HONEST)


class _Word(StrEnum):
    GO = "go"


def test_times_and_decimals_have_one_spelling() -> None:
    berlin = timezone(timedelta(hours=2))
    value = {"at": datetime(2026, 3, 1, 2, tzinfo=berlin), "day": date(2026, 3, 1), "sum": Decimal("1.20"), "word": _Word.GO, "t": (1,)}

    assert encode(value, "x") == b'{"at":"2026-03-01T00:00:00Z","day":"2026-03-01","sum":"1.20","t":[1],"word":"go"}'


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), Decimal("NaN"), object(), b"x", {1: "a", "1": "b"}, "\ud800", datetime(2026, 1, 1), {("a",): 1}],  # noqa: DTZ001
    ids=["nan", "inf", "decimal-nan", "object", "bytes", "number-key", "surrogate", "naive-time", "tuple-key"],
)
def test_what_would_not_come_back_is_refused(value: object) -> None:
    with pytest.raises(BadInput, match="place"):
        encode({"x": value}, "place")


@pytest.mark.parametrize("encoded", [b'{"a":NaN}', b'{"a":1,"a":1}', b"1", b"", b"\xff", b"[" * 100_000])
def test_what_is_not_one_json_object_is_broken(encoded: bytes) -> None:
    with pytest.raises(Broken, match="place"):
        parse(encoded, "place")


def test_another_spelling_of_the_same_json_is_broken() -> None:
    with pytest.raises(Broken, match="not in canonical form"):
        decode(b'{"a": 1}', "place")


@given(n=st.integers(0, 9_999_999_999))
def test_greater_numbers_have_greater_keys(n: int) -> None:
    assert number_of(numbered("f", n)) == n
    assert n == 0 or numbered("f", n - 1) < numbered("f", n)


@pytest.mark.parametrize("key", ["f/1", "f/00000000001", "f/000000000x", "f/٠٠٠٠٠٠٠٠٠٠", "f/+000000001"])  # noqa: RUF100
def test_other_endings_are_no_numbers(key: str) -> None:
    assert number_of(key) is None


def test_streams_are_sorted_apart_from_what_is_none() -> None:
    keys = ["streams/a/0000000001", "streams/a/0000000000", "streams/a/0/0000000000", "streams/a/x", "streams/0000000000"]

    streams, foreign = sort_streams(keys)

    assert streams == {"a": ["streams/a/0000000000", "streams/a/0000000001"], "a/0": ["streams/a/0/0000000000"]}
    assert foreign == ["streams/0000000000", "streams/a/x"]


def test_one_break_is_named_once() -> None:
    """What follows a broken entry is not held against it."""
    chain = [read_entry(KEY, "s", 0, HONEST)]
    found: list[tuple[str, bytes | None]] = [(KEY, HONEST)]
    for n in range(1, 4):
        found.append((numbered("streams/s", n), written(after=chain[-1])))
        chain.append(read_entry(found[-1][0], "s", n, found[-1][1] or b""))
    found[1] = (found[1][0], b"{}")

    links = list(walk("s", found))

    assert [link.key for link in links if isinstance(link, Break)] == ["streams/s/0000000001"]
    assert [link for link in links if isinstance(link, Entry)] == [chain[0], chain[2], chain[3]]


def test_an_entry_cannot_follow_one_of_another_stream() -> None:
    other = replace(read_entry(KEY, "s", 0, HONEST), stream="t")

    with pytest.raises(BadInput, match="cannot follow an entry of t"):
        written(after=other)


def test_a_field_of_a_wrong_type_is_broken_even_with_a_right_hash() -> None:
    for field, wrong in (("n", True), ("n", 0.0), ("kind", 1), ("body", []), ("at", "soon"), ("extra", 1)):
        value = {name: held for name, held in json.loads(HONEST).items() if name != "hash"}
        with pytest.raises(Broken, match=KEY):
            read_entry(KEY, "s", 0, sign({**value, field: wrong}, "hash", "x")[1])
