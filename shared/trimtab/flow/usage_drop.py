"""Leave usage rows where `ingest` finds them: one Parquet file, then its completion marker, in a folder named by hours and content."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Protocol

from trimtab.ports import Buckets, Engine
from trimtab.sources.prometheus import COLUMNS, Row, Target
from trimtab.sources.usage import folder_of

HOUR = timedelta(hours=1)
FILE = "usage.parquet"
MARKER = "_complete.json"
AT_ONCE = 10_000
"""Rows handed to the engine in one statement."""


class Place(Protocol):
    """What leaving a drop touches."""

    @property
    def buckets(self) -> Buckets:
        """Where objects are put."""

    @property
    def engine(self) -> Engine:
        """What writes Parquet."""

    @property
    def scratch(self) -> Path:
        """A folder of this run."""

    @property
    def store(self) -> str:
        """URL below which usage/ is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Drop:
    """A drop as it will lie in a store."""

    folder: str
    """Below the store's URL."""
    file: bytes
    marker: bytes
    collected_at: datetime


class Digest:
    """What a drop is named by beside its hours: the cluster and every row, in order."""

    def __init__(self, target: Target, edition: str = "") -> None:
        self._hash = hashlib.sha256(repr((target.cluster_uid, edition)).encode())

    def add(self, rows: Iterable[Row]) -> None:
        """Take in some more rows."""
        for row in rows:
            self._hash.update(repr(row).encode())

    def text(self) -> str:
        """The name so far."""
        return self._hash.hexdigest()[:16]


def leave(
    target: Target, span: tuple[datetime, datetime], rows: Sequence[Row], place: Place, collected_at: datetime, *, edition: str = ""
) -> str:
    """Write the file, then the marker; the marker's URL. The same rows of the same hours and edition are the same folder."""
    digest = Digest(target, edition)
    digest.add(rows)
    return put(made(target, span, lambda: iter(rows), digest.text(), place, collected_at), place)


def made(
    target: Target,
    span: tuple[datetime, datetime],
    rows: Callable[[], Iterator[Row]],
    digest: str,
    place: Place,
    collected_at: datetime,
) -> Drop:
    """A drop of rows that are read once and never held all together."""
    start, end = span
    marker = {
        "cluster_uid": target.cluster_uid,
        "cluster": target.cluster,
        "from": _text(start),
        "to": _text(end),
        "collected_at": _text(collected_at.astimezone(UTC)),
        "files": [FILE],
    }
    return Drop(
        folder=f"usage/{folder_of(target.cluster, target.cluster_uid)}/{start:%Y-%m-%dT%H}-{int((end - start) / HOUR)}h-{digest}",
        file=_parquet(rows(), place, digest),
        marker=(json.dumps(marker, sort_keys=True) + "\n").encode(),
        collected_at=collected_at.astimezone(UTC),
    )


def put(drop: Drop, place: Place) -> str:
    """The file, then the marker; the marker's URL."""
    folder = f"{place.store.rstrip('/')}/{drop.folder}"
    place.buckets.put(f"{folder}/{FILE}", drop.file)
    place.buckets.put(f"{folder}/{MARKER}", drop.marker)
    return f"{folder}/{MARKER}"


def _parquet(rows: Iterator[Row], place: Place, name: str) -> bytes:
    path = place.scratch / f"usage-{name}.parquet"
    types = ", ".join(f'"{column.name}" {column.sql_type}' for column in COLUMNS)
    columns = ", ".join(f"unnest(${column.name})" for column in COLUMNS)
    with place.engine.session() as session:
        session.run(f"CREATE TABLE usage ({types})")
        while some := list(islice(rows, AT_ONCE)):
            values = dict(zip((column.name for column in COLUMNS), (list(column) for column in zip(*some, strict=True)), strict=True))
            session.run(f"INSERT INTO usage SELECT {columns}", values)
        session.write("SELECT * FROM usage", str(path))
    try:
        return path.read_bytes()
    finally:
        path.unlink()


def _text(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
