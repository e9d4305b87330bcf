"""Streams as chains: which keys belong to which stream, and where a chain's bytes, numbers or links do not hold."""

from collections.abc import Iterable, Iterator

from trimtab.adapters.store.canonical import number_of, numbered
from trimtab.adapters.store.entries import follows, read_entry, stream_folder
from trimtab.adapters.store.objects import check_key
from trimtab.errors import BadInput, Broken
from trimtab.records import Break, Entry


def sort_streams(keys: Iterable[str]) -> tuple[dict[str, list[str]], list[str]]:
    """Stream → its keys, oldest first; and the keys below streams/ that are no entry's."""
    streams: dict[str, list[str]] = {}
    foreign: list[str] = []
    for key in sorted(keys):
        stream = _stream_of(key)
        if stream is None:
            foreign.append(key)
        else:
            streams.setdefault(stream, []).append(key)
    return streams, foreign


def walk(stream: str, found: Iterable[tuple[str, bytes | None]]) -> Iterator[Entry | Break]:
    """Every entry that holds, and a Break for every place where the chain does not."""
    expected = 0
    previous: Entry | None = None
    is_known = True
    for key, encoded in found:
        n = number_of(key) or 0
        if n != expected:
            yield Break(key=numbered(stream_folder(stream), expected), problem=f"missing: the next entry found is number {n}")
            is_known = False
        expected = n + 1
        try:
            entry = read_entry(key, stream, n, encoded or b"")
            if is_known:
                follows(key, entry, previous)
        except Broken as error:
            # What comes after a broken entry cannot be held against it: one break is named once.
            yield as_break(key, error)
            is_known = False
            continue
        yield entry
        previous, is_known = entry, True


def as_break(key: str, error: Broken) -> Break:
    """A raised Broken as the Break that names the same key."""
    return Break(key=key, problem=str(error).removeprefix(f"{key}: "))


def _stream_of(key: str) -> str | None:
    stream = key.removeprefix("streams/").rpartition("/")[0]
    try:
        check_key(key)
        stream_folder(stream)
    except BadInput:
        return None
    return stream if stream and number_of(key) is not None else None
