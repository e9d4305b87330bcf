"""Series → values by pod and five-minute step: what is the same is taken once, what belongs together is added."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Generic, TypeVar

from trimtab.records import MetricSeries

STEP = 300
HOUR = 3600

ByStep = dict[int, float]
"""Seconds since 1970 → value; a step that is missing was not measured."""
Labels = Mapping[str, str]
Pod = tuple[str, str]
"""(namespace, pod)."""
K = TypeVar("K")


def pod_of(labels: Labels) -> Pod:
    """The pod that a series is about."""
    return exported(labels, "namespace"), exported(labels, "pod")


def exported(labels: Labels, name: str) -> str:
    """Where an exporter's own labels took the name, Prometheus kept the real value under exported_<name>."""
    return labels.get(f"exported_{name}") or labels.get(name, "")


def summed(every: Iterable[MetricSeries], key: Callable[[Labels], K]) -> dict[K, ByStep]:
    """Series of one key added up, step by step."""
    found: dict[K, ByStep] = defaultdict(dict)
    for series in every:
        steps = found[key(series.labels)]
        for step, value in series.points:
            steps[step] = steps.get(step, 0.0) + value
    return found


def largest(every: Iterable[MetricSeries], key: Callable[[Labels], K]) -> dict[K, ByStep]:
    """Series of one key, the largest of each step."""
    return _chosen(every, key, max)


def smallest(every: Iterable[MetricSeries], key: Callable[[Labels], K]) -> dict[K, ByStep]:
    """Series of one key, the smallest of each step."""
    return _chosen(every, key, min)


def _chosen(every: Iterable[MetricSeries], key: Callable[[Labels], K], which: Callable[[float, float], float]) -> dict[K, ByStep]:
    found: dict[K, ByStep] = defaultdict(dict)
    for series in every:
        steps = found[key(series.labels)]
        for step, value in series.points:
            steps[step] = which(value, steps.get(step, value))
    return found


def of_containers(every: Iterable[MetricSeries]) -> dict[Pod, ByStep]:
    """Per pod the sum of its containers; the same container scraped twice counts once."""
    containers = largest(every, lambda labels: (pod_of(labels), exported(labels, "container")))
    found: dict[Pod, ByStep] = defaultdict(dict)
    for (pod, _), steps in containers.items():
        for step, value in steps.items():
            found[pod][step] = found[pod].get(step, 0.0) + value
    return found


def requests_of(every: Iterable[MetricSeries]) -> dict[tuple[Pod, str], ByStep]:
    """What a pod's containers ask for together, by resource and hour."""
    containers = largest(every, lambda labels: (pod_of(labels), labels.get("resource", ""), exported(labels, "container")))
    found: dict[tuple[Pod, str], ByStep] = defaultdict(dict)
    for (pod, resource, _), steps in containers.items():
        for step, value in steps.items():
            found[pod, resource][step] = found[pod, resource].get(step, 0.0) + value
    return found


class Told(Generic[K]):
    """What the labels of series say of something, hour by hour: a label that changed counts from the hour in which it did."""

    def __init__(self, every: Iterable[MetricSeries], key: Callable[[Labels], K]) -> None:
        self.series: dict[K, list[MetricSeries]] = defaultdict(list)
        for series in every:
            self.series[key(series.labels)].append(series)

    def at(self, key: K, hour: int) -> Labels:
        """The labels of that hour's newest series; where no point tells of the hour, of the newest series there is."""
        own = self.series.get(key, [])
        here = [series for series in own if any(hour < step <= hour + HOUR for step, _ in series.points)] if len(own) > 1 else own
        newest = max(here or own, key=lambda series: (_last(series), sorted(series.labels.items())), default=None)
        return newest.labels if newest else {}


def _last(series: MetricSeries) -> int:
    return max((step for step, _ in series.points), default=0)


def scrapes(every: Iterable[MetricSeries]) -> ByStep:
    """Scrapes that were made of kube-state-metrics in each step."""
    return largest(every, lambda _: "")[""]


def steps_of(hour: int) -> range:
    """The points that tell of an hour: each of the five minutes before it."""
    return range(hour + STEP, hour + HOUR + 1, STEP)


def mean(steps: ByStep, there: ByStep, hour: int, scale: float) -> int | None:
    """The mean in whole units over the time that a pod was there; None = nothing was measured."""
    measured = [(steps[step], there.get(step, 0.0)) for step in steps_of(hour) if step in steps]
    weight = sum(share for _, share in measured)
    return round(scale * sum(value * share for value, share in measured) / weight) if weight else None


def most(steps: ByStep, hour: int, scale: float) -> int | None:
    """The largest in whole units; None = nothing was measured."""
    measured = [steps[step] for step in steps_of(hour) if step in steps]
    return round(scale * max(measured)) if measured else None
