"""The outside of a bill: is it what its name says, whole, sane, and which FOCUS version."""

import gzip
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.errors import BadInput, TooLarge
from trimtab.sources import focus
from trimtab.sources.bill_files import Header, ParquetShape, check_beginning, check_gzip, check_parquet, checked, csv_header


def header(*names: str) -> Header:
    return Header(file="bill.csv", names=names)


def test_a_file_without_columns_of_1_1_and_1_2_is_focus_1_0() -> None:
    assert focus.version_of(header(*focus.MANDATORY, "Id")) == "1.0"
    assert focus.version_of(header(*focus.MANDATORY, "InvoiceId")) == "1.2"


def test_missing_columns_are_named_with_what_stands_there_instead() -> None:
    names = [name for name in focus.MANDATORY if name != "BilledCost"]

    with pytest.raises(BadInput, match=r"^bill.csv: no FOCUS 1.0 or 1.2 file: BilledCost is missing; it has 'billed_cost'$"):
        focus.version_of(header(*names, "billed_cost", "x_Team"))


def test_a_wrong_delimiter_is_said() -> None:
    with pytest.raises(BadInput, match="its delimiter is not a comma"):
        focus.version_of(csv_header(io.BytesIO(";".join(focus.MANDATORY).encode() + b"\n1;2\n"), "bill.csv"))


def test_foreign_columns_are_told_from_own_ones() -> None:
    assert focus.foreign(header(*focus.MANDATORY, "Id", "x_Team", "InvoiceId")) == ["Id"]


def test_a_header_survives_quotes_a_byte_order_mark_and_windows() -> None:
    assert csv_header(io.BytesIO(b'\xef\xbb\xbf"a","b,c",d\r\n1,2,3\r\n'), "b.csv").names == ("a", "b,c", "d")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("a", "", "b"), "column 2 of its header has no name"),
        (("a", "b", "A"), "column A, a stands twice"),
        (tuple(f"c{number}" for number in range(1001)), "1001 columns; at most 1000"),
    ],
)
def test_a_header_that_cannot_be_trusted_is_refused(names: tuple[str, ...], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        checked(header(*names))


@pytest.mark.parametrize(
    ("name", "body", "message"),
    [
        ("b.csv", b"", "zero bytes"),
        ("b.csv", b"PAR1....", "first bytes are those of a parquet file"),
        ("b.csv", b"\x1f\x8b..", "first bytes are those of a gz file"),
        ("b.csv.gz", b"a,b\n", "first bytes are those of a text file"),
        ("b.parquet", b"a,b\n", "first bytes are those of a text file"),
        ("b.csv", b"<?xml version='1.0'?>", "XML, HTML or JSON"),
        ("b.zip", b"PK..", "a ZIP archive, which is not read"),
        ("b.csv", b"PK\x03\x04", "first bytes are those of a zip file"),
        ("b.txt", b"a,b", "unknown kind of file"),
    ],
)
def test_a_file_that_is_not_what_its_name_says_is_refused(name: str, body: bytes, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        check_beginning(io.BytesIO(body), name)


@given(st.lists(st.binary(max_size=400), min_size=1, max_size=4))
def test_a_whole_gzip_file_of_any_members_is_accepted(parts: list[bytes]) -> None:
    check_gzip(io.BytesIO(b"".join(gzip.compress(part) for part in parts)), "b.csv.gz")


@given(st.binary(min_size=1, max_size=2000), st.data())
def test_a_gzip_file_cut_anywhere_is_refused(body: bytes, data: st.DataObject) -> None:
    """A SQL engine may take what it has for the whole."""
    whole = gzip.compress(body)
    cut = data.draw(st.integers(min_value=2, max_value=len(whole) - 1))

    with pytest.raises(BadInput, match="ends in the middle"):
        check_gzip(io.BytesIO(whole[:cut]), "b.csv.gz")


@pytest.mark.parametrize("change", [-1, -5])
def test_a_gzip_file_with_a_wrong_checksum_or_length_is_refused(change: int) -> None:
    body = bytearray(gzip.compress(b"a,b\n" * 1000))
    body[change] ^= 1

    with pytest.raises(BadInput, match="broken gzip data"):
        check_gzip(io.BytesIO(bytes(body)), "b.csv.gz")


def test_a_gzip_bomb_is_refused_without_unpacking_it() -> None:
    bomb = gzip.compress(b"\0" * (64 << 20))

    with pytest.raises(TooLarge, match="more than 100 times"):
        check_gzip(io.BytesIO(bomb), "b.csv.gz")


def test_a_large_gzip_file_that_grows_little_is_accepted() -> None:
    check_gzip(io.BytesIO(gzip.compress(bytes(range(256)) * 40_000, compresslevel=0)), "b.csv.gz")


@pytest.mark.parametrize(
    "shape",
    [
        ParquetShape(bytes=1000, rows=10, row_groups=1, columns=1001, uncompressed=1000),
        ParquetShape(bytes=1000, rows=10, row_groups=10_001, columns=60, uncompressed=1000),
        ParquetShape(bytes=1000, rows=10, row_groups=1, columns=60, uncompressed=1 << 40),
        ParquetShape(bytes=1000, rows=1 << 32, row_groups=1, columns=60, uncompressed=1000),
    ],
)
def test_a_parquet_footer_that_promises_too_much_is_refused(shape: ParquetShape) -> None:
    with pytest.raises(TooLarge):
        check_parquet(shape, "b.parquet")


def test_an_honest_parquet_footer_is_accepted() -> None:
    check_parquet(ParquetShape(bytes=40 << 20, rows=1_000_000, row_groups=20, columns=60, uncompressed=400 << 20), "b.parquet")
