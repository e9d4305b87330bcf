"""Shared objects without what only debuggers read: everything behind the last byte that is ever loaded.

The loader goes by program headers; section headers, symbol and string tables are for linkers and debuggers. Wheels often carry them:
14 of the 62 MB of `merge`. https://refspecs.linuxfoundation.org/elf/gabi4+/ch5.pheader.html
"""

import struct

_MAGIC = b"\x7fELF\x02\x01"
"""64 bits, little-endian: both machines that we build for."""
_PROGRAM_HEADERS = struct.Struct("<32xQ14xHH")
"""Where they are, the size of one, how many."""
_SEGMENT = struct.Struct("<8xQ16xQ16x")
"""Where it is in the file, and how long."""
_SECTION_HEADERS = struct.Struct("<Q")
_COUNTS = struct.Struct("<HH")


def without_symbols(image: bytes) -> bytes:
    """The same library, shorter where it can be; what is no such library comes back as it is."""
    if not image.startswith(_MAGIC):
        return image
    start, size, count = _PROGRAM_HEADERS.unpack_from(image)
    segments = [_SEGMENT.unpack_from(image, start + number * size) for number in range(count)]
    end = max([start + size * count, *(offset + length for offset, length in segments)])
    if end >= len(image):
        return image
    short = bytearray(image[:end])
    # No section headers: their offset, their number, and which of them holds the names.
    _SECTION_HEADERS.pack_into(short, 40, 0)
    _COUNTS.pack_into(short, 60, 0, 0)
    return bytes(short)
