"""The month on disk, built once per size, and each side's runs in processes of their own."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench import month
from tests.bench.results import Options
from tests.bench.timing import fresh

CHILD = "tests.bench.attribution_child"


@dataclass(frozen=True, slots=True)
class Run:
    """What one process said about itself."""

    found: Mapping[str, Any]

    @property
    def seconds(self) -> float:
        """Of the work; the start of Python and imports left out."""
        return float(self.found["seconds"])

    @property
    def peak_mib(self) -> float:
        """Resident memory up to the end of the work."""
        return float(self.found["peak_mib"])

    @property
    def rows(self) -> int:
        """Rows written."""
        return int(self.found["rows"])

    @property
    def columns(self) -> int:
        """Columns of each."""
        return int(self.found["columns"])

    def told(self, name: str) -> float:
        """Another number of it."""
        return float(self.found[name])


def built(options: Options, scale: float) -> Path:
    """The store that holds the month of this scale."""
    size = month.size_of(scale, options.days)
    store = options.scratch / f"month-{size.nodes}"
    if not store.exists():
        options.tell(f"building a month of {size.node_hours:,} node-hours and {size.pod_hours:,} pod-hours")
        month.build(store, size)
    return store


def allocate(store: Path) -> Run:
    """Our attribution, with its real adapters."""
    return Run(fresh(CHILD, "allocate", str(store)))


def scan(store: Path) -> Run:
    """The floor; it needs the rows that an attribution of this store has written."""
    return Run(fresh(CHILD, "scan", str(store)))


def pandas(store: Path, days_at_once: int) -> Run:
    """The same job as data frames."""
    return Run(fresh(CHILD, "pandas", str(store), str(days_at_once)))
