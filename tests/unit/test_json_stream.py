"""A document read piece by piece is the document, wherever it is cut; one that is no document is refused."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.adapters.prometheus.json_stream import JsonText
from trimtab.adapters.prometheus.protocol import Asked, read_matrix
from trimtab.errors import TrimtabError, Upstream

START = datetime(2026, 8, 2, tzinfo=UTC)
ASKED = Asked(query="x", start=START, end=START + timedelta(hours=1), step=300)
TEXTS = st.text(max_size=12)
POINTS = st.lists(st.sampled_from(list(ASKED.grid)), unique=True, max_size=13).map(sorted)
SERIES = st.lists(
    st.tuples(st.dictionaries(TEXTS, TEXTS, max_size=4), POINTS), max_size=6, unique_by=lambda item: json.dumps(item[0], sort_keys=True)
)


def cut(body: bytes, sizes: list[int]) -> Iterator[bytes]:
    """The same bytes in other pieces, also through the middle of a character."""
    at = 0
    for size in sizes:
        yield body[at : at + size]
        at += size
    yield body[at:]


@given(SERIES, st.lists(st.integers(0, 40), max_size=30), st.booleans())
def test_the_series_of_an_answer_do_not_depend_on_how_it_was_cut(
    every: list[tuple[dict[str, str], list[int]]], sizes: list[int], is_ascii: bool
) -> None:
    result = [{"metric": labels, "values": [[at, f"{at % 7}.5"] for at in points]} for labels, points in every]
    answer = {"status": "success", "data": {"result": result, "resultType": "matrix"}, "stats": {"a": [1, 2.5, None, True, {}]}}
    body = json.dumps(answer, ensure_ascii=is_ascii, indent=1 if is_ascii else None).encode()

    found = read_matrix(cut(body, sizes), ASKED)

    assert [(dict(series.labels), list(series.points)) for series in found] == [
        (labels, [(at, at % 7 + 0.5) for at in points]) for labels, points in every
    ]


@given(st.binary(max_size=60))
def test_no_bytes_are_more_than_refused(body: bytes) -> None:
    """Whatever a store sends: series, or one of our errors, and nothing else."""
    with pytest.raises(TrimtabError):
        read_matrix([body], ASKED)


@given(st.integers(1, 150))
def test_an_answer_that_is_cut_short_is_never_a_shorter_answer(keep: int) -> None:
    """A connection that a proxy closed in order would make half of the pods look gone."""
    body = json.dumps(
        {"status": "success", "data": {"resultType": "matrix", "result": [{"metric": {"a": "b"}, "values": [[ASKED.grid[0], "1"]]}] * 1}}
    )

    with pytest.raises(Upstream):
        read_matrix([body[: min(keep, len(body) - 1)].encode()], ASKED)


@pytest.mark.parametrize("text", ["12", "-1.5e3", "true", "null", '"a\\u00e9"', "[]", "{}", "[1, [2, {}]]"])
def test_a_value_is_read_whole_byte_by_byte(text: str) -> None:
    """A number does not say where it ends."""

    def pieces() -> Iterator[bytes]:
        for byte in f" {text} ".encode():
            yield bytes([byte])

    read: Any = JsonText(pieces()).value()

    assert read == json.loads(text)


@pytest.mark.parametrize("text", ["{1: 2}", "{'a': 1}", '{"a" 1}', '{"a": 1 "b": 2}', '{"a": 1,}', "[1 2]"])
def test_what_is_nearly_json_is_not_json(text: str) -> None:
    reading = JsonText([text.encode()])

    with pytest.raises(Upstream):
        _read(reading)


def _read(reading: JsonText) -> None:
    for _ in reading.items():
        reading.value()
