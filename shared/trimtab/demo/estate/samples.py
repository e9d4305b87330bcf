"""One cluster's five-minute samples, read once, and when each of them was scraped."""

from datetime import datetime
from functools import cached_property

from trimtab.demo.estate.model import EstateCluster, Node, Pod, nodes, pods
from trimtab.demo.estate.usage import STEP_SECONDS, five_minute_samples, step_of

SCRAPE = 60
Step = tuple[int, int, int | None, int | None, int | None, int | None]
"""(step, seconds, millicores, bytes, GPU activity in thousandths, GPU bytes)."""


class Samples:
    """What every metric is made from, read once."""

    def __init__(self, cluster: EstateCluster, start: datetime, end: datetime) -> None:
        self.cluster = cluster
        self.first, self.last = step_of(start), step_of(end)
        self.origin = start.timestamp() - STEP_SECONDS * self.first
        self._start, self._end = start, end

    @cached_property
    def steps(self) -> list[tuple[Pod, list[Step]]]:
        """Every measured pod that was there, with its samples in order of time."""
        measured = [pod for pod in pods(self.cluster) if pod.pool.is_measured]
        found: dict[int, list[Step]] = {}
        for pod, *sample in five_minute_samples(self.cluster.cluster.uid, self._start, self._end):
            found.setdefault(pod, []).append(tuple(sample))  # type: ignore[arg-type]
        return [(measured[index], steps) for index, steps in sorted(found.items())]

    @property
    def nodes(self) -> list[Node]:
        """The nodes that anything is known of."""
        return [node for node in nodes(self.cluster) if node.pool.is_measured]

    def minutes(self, step: Step) -> list[float]:
        """When a pod was scraped within a step: each scrape tells of the minute before it."""
        begin = self.origin + STEP_SECONDS * step[0]
        return [begin + SCRAPE * (minute + 1) for minute in range(step[1] // SCRAPE)]

    def every_minute(self, first: int | None = None) -> list[float]:
        """All scrapes, from a step on."""
        begin = self.origin + STEP_SECONDS * max(self.first, first or 0)
        count = int(self.origin + STEP_SECONDS * self.last - begin) // SCRAPE
        return [begin + SCRAPE * (minute + 1) for minute in range(count)]
