"""The outside of a file: is it what its name says, is it whole, is it sane? Said before any SQL engine opens it.

Nothing here keeps more than a megabyte; a compressed file is read through once, because an engine that meets a wrong checksum or
trailing garbage may say nothing.
"""

import csv
import re
import zlib
from collections import Counter
from dataclasses import dataclass, replace
from typing import BinaryIO

from trimtab.errors import BadInput, TooLarge

EXTENSIONS = (".csv", ".csv.gz", ".parquet")
MOST_COLUMNS = 1000
"""A legacy Cost and Usage Report has a column for each product attribute and tag; a thousand is more than any."""
MOST_EXPANSION = 100
"""Times that a compressed file may grow; real bills grow 10 to 30 times."""
MOST_MEMBERS = 10_000
MOST_ROW_GROUPS = 10_000
TAG_COLUMN = re.compile(r"resource_?tags[/_]|tags/", re.IGNORECASE)
"""Columns of tags, one for each key: of AWS and of Oracle."""
_SLACK = 1 << 20
_CHUNK = 1 << 18


@dataclass(frozen=True, kw_only=True, slots=True)
class Header:
    """The columns of a file; `types` are DuckDB's, and None for CSV, where everything is text."""

    file: str
    names: tuple[str, ...]
    types: tuple[str, ...] | None = None
    spelled: tuple[tuple[str, str], ...] = ()
    """(name, how the file spells it) of tag columns that differ from another by case alone, which no engine can tell apart."""

    def written(self, name: str) -> str:
        """A column's name as it stands in the file."""
        return dict(self.spelled).get(name, name)


@dataclass(frozen=True, kw_only=True, slots=True)
class ParquetShape:
    """What a Parquet footer says of itself."""

    bytes: int
    rows: int
    row_groups: int
    columns: int
    uncompressed: int


def is_gzip(file: str) -> bool:
    """True for a name of a compressed CSV."""
    return file.lower().endswith(".gz")


def is_parquet(file: str) -> bool:
    """True for a name of a Parquet file."""
    return file.lower().endswith(".parquet")


def check_beginning(stream: BinaryIO, file: str) -> None:
    """Raise BadInput where the first bytes are not what the name says."""
    if file.lower().endswith(".zip"):
        raise BadInput(f"{file}: a ZIP archive, which is not read; set the export's compression to GZIP or Parquet, or unpack it first")
    if not file.lower().endswith(EXTENSIONS):
        raise BadInput(f"{file}: unknown kind of file; {', '.join(EXTENSIONS)} are read")
    start = stream.read(4)
    if not start:
        raise BadInput(f"{file}: zero bytes; deliver it again")
    found = "gz" if start[:2] == b"\x1f\x8b" else "parquet" if start == b"PAR1" else "zip" if start == b"PK\x03\x04" else "text"
    wanted = "gz" if is_gzip(file) else "parquet" if is_parquet(file) else "text"
    if found != wanted:
        raise BadInput(f"{file}: its first bytes are those of a {found} file; give it the right extension")
    if found == "text" and start.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in {b"<", b"{", b"["}:
        raise BadInput(f"{file}: XML, HTML or JSON; a bill is CSV, CSV.gz or Parquet")


def check_gzip(stream: BinaryIO, file: str) -> None:
    """Read a gzip file through: every member whole, its checksum right, no bomb, nothing after it."""
    members = read = written = 0
    inflate = zlib.decompressobj(31)
    while chunk := stream.read(_CHUNK):
        read += len(chunk)
        while chunk:
            if inflate.eof:
                members, inflate = members + 1, zlib.decompressobj(31)
            written += _inflated(inflate, chunk, file)
            chunk = inflate.unused_data or inflate.unconsumed_tail
            if written > MOST_EXPANSION * read + _SLACK or members > MOST_MEMBERS:
                raise TooLarge(f"{file}: it grows more than {MOST_EXPANSION} times when unpacked; no bill does, so it is refused")
    # The last output may still be inside the decompressor when all input is.
    inflate.flush()
    if not inflate.eof:
        raise BadInput(f"{file}: it ends in the middle; deliver it again")


def csv_header(stream: BinaryIO, file: str) -> Header:
    """The header of a CSV or CSV.gz file. Raises BadInput where there is none."""
    start = stream.read(_CHUNK)
    if is_gzip(file):
        start = zlib.decompressobj(31).decompress(start, _SLACK)
    line = start.split(b"\n", 1)[0]
    try:
        names = tuple(next(csv.reader([line.decode("utf-8-sig").rstrip("\r")], strict=True), ()))
    except (UnicodeDecodeError, csv.Error):
        raise BadInput(f"{file}: its first line is no CSV header in UTF-8") from None
    return checked(_told_apart(Header(file=file, names=names)))


def _told_apart(header: Header) -> Header:
    """Keys of tags are case-sensitive, and a bill with `Team` and `team` is right: the second column gets a number behind its name."""
    seen = Counter[str]()
    names: list[str] = []
    spelled: list[tuple[str, str]] = []
    for name in header.names:
        seen[name.casefold()] += 1
        is_other_tag = seen[name.casefold()] > 1 and TAG_COLUMN.match(name) and name not in header.names[: len(names)]
        names.append(f"{name} ({seen[name.casefold()]})" if is_other_tag else name)
        if is_other_tag:
            spelled.append((names[-1], name))
    return replace(header, names=tuple(names), spelled=tuple(spelled))


def checked(header: Header) -> Header:
    """The header itself. Raises BadInput for one with too many, empty or equal names."""
    names = header.names
    if len(names) > MOST_COLUMNS:
        raise TooLarge(f"{header.file}: {len(names)} columns; at most {MOST_COLUMNS} are read, so export fewer")
    if not any(names) or "" in names:
        raise BadInput(f"{header.file}: column {names.index('') + 1 if '' in names else 1} of its header has no name")
    folded = Counter(name.casefold() for name in names)
    twice = sorted({name for name in names if folded[name.casefold()] > 1})
    if twice:
        raise BadInput(f"{header.file}: column {', '.join(twice)} stands twice in its header")
    return header


def check_parquet(shape: ParquetShape, file: str) -> None:
    """Raise TooLarge where a Parquet footer promises more than such a file can honestly hold."""
    if shape.columns > MOST_COLUMNS:
        raise TooLarge(f"{file}: {shape.columns} columns; at most {MOST_COLUMNS} are read, so export fewer")
    if shape.row_groups > MOST_ROW_GROUPS:
        raise TooLarge(f"{file}: {shape.row_groups} row groups; at most {MOST_ROW_GROUPS}")
    # A dictionary makes a billion equal values out of one page, so the values count, not only the pages.
    honest = MOST_EXPANSION * max(shape.bytes, _SLACK)
    if shape.uncompressed > honest or shape.rows * max(shape.columns, 1) > honest:
        raise TooLarge(f"{file}: it grows more than {MOST_EXPANSION} times when unpacked; no bill does, so it is refused")


def _inflated(inflate: "zlib._Decompress", chunk: bytes, file: str) -> int:
    try:
        return len(inflate.decompress(chunk, 1 << 22))
    except zlib.error:
        raise BadInput(f"{file}: broken gzip data, or something after its end; deliver it again") from None
