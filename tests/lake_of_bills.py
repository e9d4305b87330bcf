"""A real lake on this disk that bills are read into: the ports that ingest touches, and what the cost table holds then."""

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import cast

from trimtab.adapters.duckdb import DuckDb
from trimtab.adapters.logs import Quiet
from trimtab.adapters.progress import Silent
from trimtab.adapters.store.buckets import StoreBuckets
from trimtab.adapters.store.lake import DeltaLake
from trimtab.errors import BadInput
from trimtab.flow.ingest import Loaded, ingest_files
from trimtab.ports import Ports
from trimtab.records import BillForm
from trimtab.settings import Export
from trimtab.tables import scan

NOW = datetime(2026, 8, 3, 12, tzinfo=UTC)
ANY = Export(name="aws", prefix="/unused", billing_account="*")


def lake_ports(place: Path) -> Ports:
    """Real adapters below a folder."""
    scratch = place / "scratch"
    engine = DuckDb(directories=(place,), scratch=scratch, memory_mb=200)
    lake = DeltaLake(f"file://{place}/lake", scratch)
    return cast(Ports, SimpleNamespace(buckets=StoreBuckets(), engine=engine, lake=lake, log=Quiet(), progress=Silent()))


def read_in(ports: Ports, place: Path, *paths: Path, at: datetime = NOW, form: BillForm | None = None) -> dict[str, Loaded]:
    """Files by hand; period → what was loaded. Raises BadInput as ingest does."""
    found = ingest_files(paths, ANY, ports, place / "scratch", NOW, at, form)
    return {period: each for period, each in found.items() if isinstance(each, Loaded)}


def stored(ports: Ports, columns: str, rest: str = 'ORDER BY "x_SourceFile", "x_SourceRow"') -> list[tuple[object, ...]]:
    """What the cost table holds."""
    with ports.engine.session() as session:
        return session.rows(f"SELECT {columns} FROM ({scan('cost', ports.lake.files('cost'))}) {rest}")


def refusal(ports: Ports, place: Path, *paths: Path) -> str:
    """What is said of files that are refused; nothing may have been written."""
    try:
        read_in(ports, place, *paths)
    except BadInput as error:
        assert ports.lake.version("cost") is None, "something was written"
        return str(error)
    raise AssertionError("they were read")
