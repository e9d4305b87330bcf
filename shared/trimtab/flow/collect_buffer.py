"""Drops that the store did not take wait in a folder of our own, and the next run delivers them: nothing is lost, nothing is there twice.

A drop keeps its name and its time of collection, so delivering it late or again changes nothing that is newer. The folder also remembers
from when on hours are owed, so that a run which failed, or was never started, is made good by the next one.
"""

import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from trimtab.errors import BadInput, Upstream
from trimtab.flow.usage_drop import FILE, MARKER, Drop
from trimtab.ports import Buckets
from trimtab.records import ClusterUid

MOST_BYTES = 512 << 20
MOST_DROPS = 2000
OWED = timedelta(days=14)
"""How far back hours are asked for again; a Prometheus keeps 10 to 15 days."""
_ABOUT = "about.json"


@dataclass(frozen=True, slots=True)
class Buffer:
    """A folder that nobody else writes to."""

    folder: Path
    most_bytes: int = MOST_BYTES

    @classmethod
    def at(cls, folder: str | None) -> "Buffer | None":
        """The buffer of a deployment; None = it has none."""
        return cls(Path(folder)) if folder else None

    def keep(self, drop: Drop, store: str) -> None:
        """Keep a drop, whole or not at all. Raises Upstream where the folder is full: its hours stay owed."""
        store = store.rstrip("/")
        name = _short(f"{store}/{drop.folder}")
        if any(self._drops.glob(f"2*-{name}")):
            return
        path = self._drops / f"{drop.collected_at:%Y%m%dT%H%M%SZ}-{name}"
        size, count = self._size()
        if size + len(drop.file) > self.most_bytes or count >= MOST_DROPS:
            waiting = f"{count} drops, {size >> 20} MiB, that {store} did not take"
            raise Upstream(f"{self.folder}: full with {waiting}; mend the store, and the hours are read again")
        draft = self._drops / f".{path.name}"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True, mode=0o700)
        (draft / FILE).write_bytes(drop.file)
        (draft / MARKER).write_bytes(drop.marker)
        (draft / _ABOUT).write_text(json.dumps({"store": store, "folder": drop.folder}), encoding="utf-8")
        draft.rename(path)

    def deliver(self, buckets: Buckets, store: str) -> tuple[str, ...]:
        """Put every kept drop, oldest first; the URLs of their markers. Raises Upstream where the store still does not answer."""
        delivered = []
        for path in self._waiting():
            kept = _read(path)
            # What was collected for another store waits until that one is named again; what is gone was delivered by another run.
            if kept and kept.store == store.rstrip("/"):
                folder = f"{kept.store}/{kept.folder}"
                buckets.put(f"{folder}/{FILE}", kept.file)
                buckets.put(f"{folder}/{MARKER}", kept.marker)
                delivered.append(f"{folder}/{MARKER}")
                shutil.rmtree(path, ignore_errors=True)
        return tuple(delivered)

    def waiting(self) -> int:
        """How many drops wait."""
        return sum(1 for _ in self._waiting())

    def owed_from(self, cluster_uid: ClusterUid, start: datetime, now: datetime) -> datetime:
        """From when on to read: `start`, or earlier where a run before did not finish. It is noted until `paid`."""
        path = self._owed(cluster_uid)
        try:
            noted = datetime.fromisoformat(path.read_text(encoding="ascii")).astimezone(UTC)
        except (OSError, ValueError):
            noted = start
        floor = (now - OWED).replace(minute=0, second=0, microsecond=0)
        owed = max(min(noted, start), min(floor, start))
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.write_text(owed.isoformat(), encoding="ascii")
        return owed

    def paid(self, cluster_uid: ClusterUid) -> None:
        """All hours are in the store, or in this folder."""
        self._owed(cluster_uid).unlink(missing_ok=True)

    @property
    def _drops(self) -> Path:
        return self.folder / "drops"

    def _owed(self, cluster_uid: ClusterUid) -> Path:
        return self.folder / f"owed-{_short(cluster_uid)}"

    def _waiting(self) -> Iterator[Path]:
        if self._drops.is_dir():
            yield from sorted(path for path in self._drops.iterdir() if not path.name.startswith("."))

    def _size(self) -> tuple[int, int]:
        every = list(self._waiting())
        return sum(file.stat().st_size for path in every for file in path.iterdir()), len(every)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Kept:
    store: str
    folder: str
    file: bytes
    marker: bytes


def _read(path: Path) -> _Kept | None:
    """A drop that waits; None = it is gone. Raises BadInput for what is no drop of ours."""
    try:
        about = json.loads((path / _ABOUT).read_bytes())
        store, folder = str(about["store"]), str(about["folder"])
        kept = _Kept(store=store, folder=folder, file=(path / FILE).read_bytes(), marker=(path / MARKER).read_bytes())
    except FileNotFoundError:
        if not path.exists():
            return None
        raise BadInput(f"{path}: a drop of which a part is missing; move it away") from None
    except (ValueError, KeyError, TypeError, NotADirectoryError):
        raise BadInput(f"{path}: no drop of ours; move it away") from None
    if ".." in folder.split("/") or not folder.startswith("usage/"):
        raise BadInput(f"{path}: no drop of ours; move it away")
    return kept


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:20]
