"""Shared objects get shorter by what is never loaded, and by nothing else."""

import struct
import sysconfig
from pathlib import Path

import pytest

from infra.bundles.elf import without_symbols

BINARIES = sorted(Path(sysconfig.get_path("platlib")).glob("*/*.so"))[:8]


@pytest.mark.parametrize("path", BINARIES, ids=lambda path: path.name)
def test_every_byte_that_the_loader_reads_is_still_there(path: Path) -> None:
    image = path.read_bytes()

    short = without_symbols(image)

    assert short[64:] == image[64 : len(short)]
    assert all(offset + size <= len(short) for offset, size in _segments(image))


@pytest.mark.parametrize("body", [b"", b"\x7fELF", b"\x7fELF\x01\x01" + bytes(90), b"\x7fELF\x02\x02" + bytes(90), b"import os\n"])
def test_what_is_no_shared_object_of_ours_stays_as_it_is(body: bytes) -> None:
    assert without_symbols(body) == body


def test_doing_it_twice_is_doing_it_once() -> None:
    once = without_symbols(BINARIES[0].read_bytes())

    assert without_symbols(once) == once


def _segments(image: bytes) -> list[tuple[int, int]]:
    start, size, count = struct.unpack_from("<32xQ14xHH", image)
    return [struct.unpack_from("<8xQ16xQ", image, start + number * size) for number in range(count)]
