"""Leave usage rows where `ingest` finds them: one Parquet file, then its completion marker, in a folder named by hours and content."""

import hashlib
import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from trimtab.errors import BadInput
from trimtab.ports import Buckets, Engine
from trimtab.sources.prometheus import COLUMNS, Row, Target

HOUR = timedelta(hours=1)
FILE = "usage.parquet"
MARKER = "_complete.json"


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


def leave(
    target: Target, span: tuple[datetime, datetime], rows: Sequence[Row], place: Place, collected_at: datetime, *, edition: str = ""
) -> str:
    """Write the file, then the marker; the marker's URL. The same rows of the same hours and edition are the same folder."""
    digest = hashlib.sha256(repr((target.cluster_uid, tuple(rows), edition)).encode()).hexdigest()[:16]
    start, end = span
    folder = f"{place.store.rstrip('/')}/usage/{slug_of(target.cluster)}/{start:%Y-%m-%dT%H}-{int((end - start) / HOUR)}h-{digest}"
    place.buckets.put(f"{folder}/{FILE}", _parquet(rows, place, digest))
    marker = {
        "cluster_uid": target.cluster_uid,
        "cluster": target.cluster,
        "from": _text(start),
        "to": _text(end),
        "collected_at": _text(collected_at.astimezone(UTC)),
        "files": [FILE],
    }
    place.buckets.put(f"{folder}/{MARKER}", (json.dumps(marker, sort_keys=True) + "\n").encode())
    return f"{folder}/{MARKER}"


def slug_of(cluster: str) -> str:
    """A cluster's folder and partition. Raises BadInput for a name that leaves nothing."""
    slug = re.sub(r"[^a-z0-9]+", "-", cluster.lower()).strip("-")
    if not slug:
        raise BadInput(f"cluster name {cluster!a}: no letter or digit to name its folder by")
    return (slug if slug[0].isalpha() else f"c-{slug}")[:63].rstrip("-")


def _parquet(rows: Sequence[Row], place: Place, name: str) -> bytes:
    path = place.scratch / f"usage-{name}.parquet"
    types = ", ".join(f'"{column.name}" {column.sql_type}' for column in COLUMNS)
    columns = ", ".join(f"unnest(${column.name})" for column in COLUMNS)
    values = dict(zip((column.name for column in COLUMNS), (list(column) for column in zip(*rows, strict=True)), strict=True))
    with place.engine.session() as session:
        session.run(f"CREATE TABLE usage ({types})")
        session.run(f"INSERT INTO usage SELECT {columns}", values)
        session.write("SELECT * FROM usage", str(path))
    try:
        return path.read_bytes()
    finally:
        path.unlink()


def _text(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
