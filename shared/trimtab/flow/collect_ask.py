"""Ask a store no more at once than it can answer: where it refuses one hour of a query, the query is cut by a label and put together again.

A cut is by the last characters of a name, and the parts are exactly the whole: every series is in one of them, also one that has no
such label. Only labels that the query keeps are cut by, so that no aggregate is torn.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from trimtab.errors import Overloaded, TooLarge, TrimtabError, Upstream
from trimtab.ports import Metrics
from trimtab.records import MetricSeries
from trimtab.sources.prometheus import Target
from trimtab.sources.promql import Query, promql

HOUR = timedelta(hours=1)
CUTTING = ("pod", "exported_pod", "node", "exported_node", "replicaset", "persistentvolumeclaim", "persistentvolume", "UUID", "namespace",
           "exported_namespace")  # fmt: skip
"""Labels with many values first; a pod's name ends in letters and digits that nobody chose."""
RAW = {"kube_node_": ("node", "exported_node"), "kube_namespace_": ("namespace", "exported_namespace"), "DCGM_": ("UUID", "pod")}
"""The same for queries that do not group, by the beginning of their metric's name; all others are of pods."""
ENDS = ("[0-4]", "[5-9]", "[a-h]", "[i-p]", "[q-z]")
"""Which character a name ends with; the sixth part is all that ends otherwise."""
DEEPEST = 4
MOST_PARTS = 400
"""Questions for one hour of one query; then it is refused by name."""


@dataclass(slots=True)
class Asking:
    """Questions to one cluster's store. It remembers which queries had to be cut: asking whole again would wait for a refusal again."""

    target: Target
    metrics: Metrics
    cut: set[str] = field(default_factory=set)

    def all_of(self, name: str, query: Query, start: datetime, end: datetime) -> tuple[MetricSeries, ...]:
        """One query over whole hours. Raises Overloaded or TooLarge where less may be answered: fewer hours, if these are several."""
        may_cut = end - start <= HOUR
        try:
            if not (may_cut and name in self.cut):
                return self._ask(query, start, end)
        except (Overloaded, TooLarge):
            if not (may_cut and cuts(query)):
                raise
        self.cut.add(name)
        return self._in_parts(name, query, start, end)

    def _in_parts(self, name: str, query: Query, start: datetime, end: datetime) -> tuple[MetricSeries, ...]:
        found: list[MetricSeries] = []
        waiting = list(parts(query, 0))
        asked = 0
        while waiting:
            part, depth = waiting.pop()
            asked += 1
            try:
                found += self._ask(part, start, end)
            except (Overloaded, TooLarge) as error:
                deeper = list(parts(part, depth + 1)) if asked < MOST_PARTS else []
                if not deeper:
                    raise self._refused(name, start, depth + 1, error) from None
                waiting += deeper
        if len({frozenset(series.labels.items()) for series in found}) != len(found):
            raise Upstream(f"Prometheus: query {name}: a series came back in two parts of it; its store answers wrongly")
        return tuple(found)

    def _ask(self, query: Query, start: datetime, end: datetime) -> tuple[MetricSeries, ...]:
        """Each point tells of the time before it, so the first one is a step after the start."""
        text = promql(query, self.target.matchers, self.target.jobs)
        return self.metrics.range(text, start + timedelta(seconds=query.step), end, query.step)

    def _refused(self, name: str, start: datetime, times: int, error: TrimtabError) -> TrimtabError:
        said = f"{self.target.cluster}: query {name}: one hour from {start:%Y-%m-%dT%HZ}, cut {times} times, is still too much: {error}"
        kind = TooLarge if isinstance(error, TooLarge) else Upstream
        return kind(f"{said}; raise the store's limits or its query timeout")


def cuts(query: Query) -> tuple[str, ...]:
    """The labels that a query may be cut by, two at most: those it groups by, or, where it does not group, those its series have."""
    grouped = re.findall(r"\bby\s*\(([^()]*)\)", query.text)
    if len(grouped) > 1 or re.search(r"\bwithout\s*\(", query.text):
        return ()
    if not grouped:
        return next((labels for name, labels in RAW.items() if re.search(rf"\b{name}", query.text)), ("pod", "exported_pod"))
    kept = {name.strip() for name in grouped[0].split(",")}
    return tuple(name for name in CUTTING if name in kept)[:2]


def parts(query: Query, depth: int) -> Iterator[tuple[Query, int]]:
    """The query in six, each with how often it was cut before; none where it cannot be cut further."""
    labels = cuts(query)
    if not labels or depth >= DEEPEST:
        return
    label, behind = labels[depth % len(labels)], "." * (depth // len(labels))
    for end in ENDS:
        yield _narrowed(query, f'{label}=~".*{end}{behind}"'), depth
    yield _narrowed(query, f'{label}!~".*[0-9a-z]{behind}"'), depth


def _narrowed(query: Query, matcher: str) -> Query:
    """With one matcher more in every selector."""
    text = re.sub(r"\{([^{}]*)\}", lambda found: "{" + ", ".join(part for part in (found[1].strip(), matcher) if part) + "}", query.text)
    return replace(query, text=text)


def weight(series: Sequence[MetricSeries]) -> int:
    """What series hold in memory, in points of about 90 bytes; labels and names of one series are about eight of them."""
    return sum(len(each.points) + 8 for each in series)
