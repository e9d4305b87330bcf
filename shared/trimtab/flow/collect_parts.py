"""Hours that were read and not yet dropped, on our own disk: memory holds one chunk, and a run that was killed goes on where it was.

A part is used again only for the same queries, target, endpoint and hours, whole, and for a few hours: later the store may know more.
"""

import fcntl
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from trimtab.errors import Upstream
from trimtab.sources.prometheus import COLUMNS, Row, Target
from trimtab.sources.promql import Query
from trimtab.tables import Column

VALID = timedelta(hours=6)
"""How long a part may be used again."""
SWEPT = timedelta(days=2)
"""When a part is rubbish: no run lasts that long."""
FORM = 1
_TIMES = tuple(place for place, column in enumerate(COLUMNS) if column.sql_type == "TIMESTAMP")


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """The rows of some hours, on disk; their warnings and measure beside them."""

    path: Path
    start: datetime
    end: datetime
    rows: int
    warnings: tuple[str, ...]

    def read(self) -> Iterator[Row]:
        """The rows, one by one."""
        with self.path.open(encoding="utf-8") as file:
            next(file)
            for line in file:
                yield _row(json.loads(line))


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of one kind of run."""

    folder: Path
    key: str
    now: datetime

    def find(self, start: datetime, end: datetime) -> Part | None:
        """The longest part that begins here and does not go beyond `end`."""
        hours = range(int((end - start) / timedelta(hours=1)), 0, -1)
        found = (self._open(path, start, start + timedelta(hours=count)) for count in hours for path in self._paths(start, count))
        return next((part for part in found if part), None)

    def keep(self, start: datetime, end: datetime, rows: Sequence[Row], warnings: Sequence[str]) -> Part:
        """Write a part, whole or not at all."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self.folder / self._name(start, int((end - start) / timedelta(hours=1)), self.now)
        lines = [json.dumps([value.isoformat() if isinstance(value, datetime) else value for value in row]) for row in rows]
        body = "".join(f"{line}\n" for line in lines)
        header = {"rows": len(rows), "warnings": list(warnings), "digest": hashlib.sha256(body.encode()).hexdigest()}
        draft = path.with_name(f".{path.name}")
        draft.write_text(json.dumps(header) + "\n" + body, encoding="utf-8")
        draft.replace(path)
        return Part(path=path, start=start, end=end, rows=len(rows), warnings=tuple(warnings))

    def sweep(self) -> None:
        """Remove what is too old to be used, also what other runs left behind."""
        for path in self.folder.glob("*.part"):
            if abs(self.now - _read_at(path)) > SWEPT:
                path.unlink(missing_ok=True)

    def clear(self) -> None:
        """Everything was dropped: the next run reads afresh."""
        for path in self.folder.glob(f"{self.key}-*.part"):
            path.unlink(missing_ok=True)

    def _paths(self, start: datetime, hours: int) -> list[Path]:
        found = self.folder.glob(f"{self.key}-{start:%Y%m%dT%H}-{hours}h-*.part")
        fresh = [path for path in found if timedelta(0) <= self.now - _read_at(path) <= VALID]
        return sorted(fresh, key=_read_at, reverse=True)

    def _name(self, start: datetime, hours: int, read_at: datetime) -> str:
        return f"{self.key}-{start:%Y%m%dT%H}-{hours}h-{int(read_at.timestamp())}.part"

    def _open(self, path: Path, start: datetime, end: datetime) -> Part | None:
        """A part whose bytes are those that were written; None = it is not, and is read again."""
        try:
            with path.open("rb") as file:
                header = json.loads(file.readline())
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            if digest != header["digest"]:
                return None
            return Part(path=path, start=start, end=end, rows=int(header["rows"]), warnings=tuple(map(str, header["warnings"])))
        except (OSError, ValueError, KeyError, TypeError):
            return None


@contextmanager
def alone(folder: Path, key: str) -> Iterator[None]:
    """Nobody else works on these parts; the system gives the place back however a run ends. Raises Upstream where somebody does."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder / f"{key}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Upstream(f"{folder}: another run collects the same cluster here; this one can follow it") from None
        yield


def key_of(target: Target, queries: Mapping[str, Query], endpoint: str, more: str = "") -> str:
    """What a part depends on beside its hours: another query, target, endpoint or column, and it is another key."""
    about = [
        FORM, _names(COLUMNS), endpoint, target.cluster_uid, target.cluster, target.project, sorted(target.pools),
        sorted(target.matchers.items()), target.jobs, sorted((name, query.text, query.step) for name, query in queries.items()), more,
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(about).encode()).hexdigest()[:24]


def _names(columns: Sequence[Column]) -> list[str]:
    return [f"{column.name} {column.sql_type}" for column in columns]


def _read_at(path: Path) -> datetime:
    stamp = path.stem.rpartition("-")[2]
    is_time = stamp.isascii() and stamp.isdigit() and len(stamp) < 12
    return datetime.fromtimestamp(int(stamp) if is_time else 0, UTC)


def _row(values: list[object]) -> Row:
    for place in _TIMES:
        value = values[place]
        values[place] = datetime.fromisoformat(value) if isinstance(value, str) else value
    return tuple(values)
