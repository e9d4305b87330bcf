"""What kube-state-metrics told, hour by hour, of limits, kills for memory, autoscalers, budgets and requests of init containers.

"None" is said only in an hour in which that metric was exported of anybody by a job that the target names: any pod that is scraped could
write one such series, and with it say that nobody else has any.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from trimtab.records import MetricSeries
from trimtab.sources.kube_pods import OUT_OF_MEMORY
from trimtab.sources.metric_points import HOUR, ByStep, Labels, Pod, exported, largest, pod_of, requests_of, smallest

Found = Mapping[str, Sequence[MetricSeries]]
Named = tuple[str, str]
"""(namespace, name)."""
NO_BUDGET = -1
_SCALER = "horizontalpodautoscaler"
_BUDGET = "poddisruptionbudget"


class KubeSeries:
    """kube-state-metrics' series of a time, asked by hour."""

    def __init__(self, found: Found, *, is_vouched: bool) -> None:
        self.is_vouched = is_vouched
        self.limits = largest(
            found.get("limit", ()), lambda labels: (pod_of(labels), labels.get("resource", ""), exported(labels, "container"))
        )
        self.limited = _steps(self.limits.values())
        self.containers: dict[Pod, dict[str, ByStep]] = defaultdict(dict)
        for (pod, container), steps in largest(found.get("container", ()), _container).items():
            self.containers[pod][container] = steps
        self.restarts = largest(found.get("restarts", ()), _life)
        self.restarts_before = smallest(found.get("restarts_before", ()), _life)
        self.ends = largest(found.get("last_end", ()), lambda labels: (_life(labels), labels.get("reason", "")))
        self.lives: dict[Pod, list[tuple[Pod, str, str]]] = defaultdict(list)
        for life in self.restarts:
            self.lives[life[0]].append(life)
        self.reasons: dict[tuple[Pod, str, str], list[str]] = defaultdict(list)
        for life, reason in self.ends:
            self.reasons[life].append(reason)
        self.scalers = largest(found.get("scaler", ()), lambda labels: (_named(labels, _SCALER), _target(labels)))
        self.scaled = _steps(self.scalers.values())
        self.targets: dict[tuple[str, str, str], list[Named]] = defaultdict(list)
        for scaler, (kind, name) in self.scalers:
            self.targets[scaler[0], kind, name].append(scaler)
        self.looks_at = largest(found.get("scaler_metric", ()), lambda labels: (_named(labels, _SCALER), labels.get("metric_name", "")))
        self.metrics: dict[Named, list[str]] = defaultdict(list)
        for scaler, metric in self.looks_at:
            self.metrics[scaler].append(metric)
        self.budgets = smallest(found.get("budget", ()), lambda labels: _named(labels, _BUDGET))
        self.budgeted = _steps(self.budgets.values())
        self.spaces: dict[str, set[int]] = defaultdict(set)
        for (namespace, _), steps in self.budgets.items():
            self.spaces[namespace].update(steps)

    def limit(self, pod: Pod, resource: str, hour: int, scale: int) -> int | None:
        """The sum over its containers; 0 where one has none, None = not exported, or nobody knows its containers."""
        at = hour + HOUR
        names = [name for name, steps in self.containers.get(pod, {}).items() if at in steps]
        if at not in self.limited or not names:
            return None
        amounts = [self.limits.get((pod, resource, name), {}).get(at, 0.0) for name in names]
        return round(scale * sum(amounts)) if all(amounts) else 0

    def kills(self, pod: Pod, hour: int) -> int | None:
        """Restarts in the hour of containers whose last end was for memory; None = restarts or reasons are not exported."""
        at = hour + HOUR
        lives = [life for life in self.lives.get(pod, ()) if at in self.restarts[life]]
        counts = [self._kills(life, at) for life in lives]
        known = [count for count in counts if count is not None]
        return sum(known) if lives and len(known) == len(counts) else None

    def _kills(self, life: tuple[Pod, str, str], at: int) -> int | None:
        restarts = self.restarts[life]
        # One between the last scrape of an hour and the first of the next is in neither's own growth.
        grown = restarts[at] - min(self.restarts_before.get(life, {}).get(at, 0.0), restarts.get(at - HOUR, restarts[at]))
        if grown <= 0:
            return 0
        told = [reason for reason in self.reasons.get(life, ()) if self.ends[life, reason].get(at)]
        return None if not told else round(grown) if OUT_OF_MEMORY in told else 0

    def scaled_by(self, namespace: str, kind: str, name: str, hour: int) -> str | None:
        """What its autoscaler looks at; "" = it has none, None = not exported."""
        at = hour + HOUR
        if at not in self.scaled:
            return None
        own = [scaler for scaler in self.targets.get((namespace, kind, name), ()) if at in self.scalers[scaler, (kind, name)]]
        metrics = {metric for scaler in own for metric in self.metrics.get(scaler, ()) if at in self.looks_at[scaler, metric]}
        if own and not metrics:
            return None
        words = {metric if metric in {"cpu", "memory"} else "other" for metric in metrics}
        return ",".join(sorted(words, key=("cpu", "memory", "other").index)) if words or self.is_vouched else None

    def allowed(self, namespace: str, budget: str, hour: int) -> int | None:
        """The fewest evictions that a budget allowed in the hour."""
        found = self.budgets.get((namespace, budget), {}).get(hour + HOUR)
        return None if found is None else max(0, round(found))

    def has_no_budget(self, namespace: str, hour: int) -> bool:
        """True where budgets were exported in the hour, and none of that namespace."""
        at = hour + HOUR
        return self.is_vouched and at in self.budgeted and at not in self.spaces.get(namespace, ())


def reserved(found: Found) -> dict[tuple[Pod, str], ByStep]:
    """What pods ask for, by resource and hour: containers and sidecars together, or an init container beside the sidecars.

    kube-state-metrics does not tell the order in which init containers start, so all sidecars are taken to run by then.
    """
    sidecars = {_container(series.labels) for series in found.get("sidecar", ())}
    starts = found.get("init_request", ())
    staying = [series for series in starts if _container(series.labels) in sidecars]
    running = requests_of((*found.get("request", ()), *staying))
    beside = requests_of(staying)
    passing = largest(
        (series for series in starts if _container(series.labels) not in sidecars),
        lambda labels: (pod_of(labels), labels.get("resource", "")),
    )
    for key, steps in passing.items():
        together = running.setdefault(key, {})
        for step, value in steps.items():
            together[step] = max(together.get(step, 0.0), value + beside.get(key, {}).get(step, 0.0))
    return running


def job_owners(found: Found) -> dict[Named, tuple[str, str]]:
    """Job → (kind, name) of what made it: a CronJob, or whatever it says."""
    owners: dict[Named, tuple[str, str]] = {}
    for series in found.get("job_owner", ()):
        labels = series.labels
        if labels.get("owner_kind") not in {None, "", "<none>"}:
            owners[exported(labels, "namespace"), labels.get("job_name", "")] = labels["owner_kind"], labels.get("owner_name", "")
    return owners


def _container(labels: Labels) -> tuple[Pod, str]:
    return pod_of(labels), exported(labels, "container")


def _life(labels: Labels) -> tuple[Pod, str, str]:
    return pod_of(labels), labels.get("uid", ""), exported(labels, "container")


def _named(labels: Labels, kind: str) -> Named:
    return exported(labels, "namespace"), labels.get(kind, "")


def _target(labels: Labels) -> tuple[str, str]:
    return labels.get("scaletargetref_kind", ""), labels.get("scaletargetref_name", "")


def _steps(every: Iterable[ByStep]) -> set[int]:
    return {step for steps in every for step in steps}


__all__ = ["KubeSeries", "job_owners", "reserved"]
