"""How much of a day was really measured: hours, nodes, pods, and the share of time in which nodes were scraped."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from trimtab.sources.prometheus import COLUMNS, Row

_AT = {column.name: place for place, column in enumerate(COLUMNS)}
_HOUR, _NODE, _POD, _NAMESPACE, _ASSET, _SECONDS = (_AT[name] for name in ("hour", "node", "pod", "namespace", "asset", "seconds"))


@dataclass(slots=True)
class Measure:
    """Rows of one day, counted as they pass."""

    start: datetime
    end: datetime
    rows: int = 0
    hours: dict[object, int] = field(default_factory=dict)
    """Hour → the longest that one node was scraped in it; a gap in the scrapes is a gap of all nodes."""
    nodes: set[object] = field(default_factory=set)
    pods: set[tuple[object, object]] = field(default_factory=set)

    @property
    def asked(self) -> int:
        """Hours that were asked for."""
        return int((self.end - self.start) / timedelta(hours=1))

    def add(self, row: Row) -> None:
        """Count a row."""
        self.rows += 1
        if row[_ASSET] is not None:
            return
        if row[_POD] is not None:
            self.pods.add((row[_NAMESPACE], row[_POD]))
            return
        self.nodes.add(row[_NODE])
        self.hours[row[_HOUR]] = max(self.hours.get(row[_HOUR], 0), int(str(row[_SECONDS])))

    def coverage(self) -> float:
        """0 to 1."""
        return min(1.0, sum(self.hours.values()) / (3600 * self.asked))
