"""What is asked of a cluster's Prometheus after a change: numbers by namespace that grow when things get worse.

kube-state-metrics leaves out what is zero (a pod that waits has a series, one that does not has none), so an empty answer counts as zero
only where kube-state-metrics was scraped at that very time.
"""

from collections.abc import Callable, Mapping, Sequence

from trimtab.records import MetricSeries, Slo
from trimtab.sources.metric_points import ByStep, exported, largest
from trimtab.sources.promql import Query, promql, quoted

_SPACE = "namespace, exported_namespace"
_POD = f"{_SPACE}, pod, exported_pod, uid"
_CONTAINER = f"{_POD}, container, exported_container"
_SCALER = f"{_SPACE}, horizontalpodautoscaler"
_COUNT = f"count by ({_SPACE})"
SCRAPED = Query("count(count_over_time(kube_pod_info{}[5m]))")
"""Anything at all = kube-state-metrics was scraped in these five minutes."""
QUERIES: Mapping[str, Query] = {
    # Waiting now and two minutes ago: a pod that starts on a new node waits for a while, and that is no trouble.
    "pending-pods": Query(
        f"{_COUNT} (max by ({_POD}) (kube_pod_status_unschedulable{{}}) > 0 "
        f"and max by ({_POD}) (kube_pod_status_unschedulable{{}} offset 2m) > 0)"
    ),
    # A single kill is seen by every look of its quarter of an hour, and is nothing: no day is long enough to say how often that happens.
    "oom-kills": Query(
        f"sum by ({_SPACE}) (max by ({_CONTAINER}) (changes(kube_pod_container_status_restarts_total{{}}[15m])) "
        f'and max by ({_CONTAINER}) (kube_pod_container_status_last_terminated_reason{{reason="OOMKilled"}}) > 0) > 1'
    ),
    "evictions": Query(f'{_COUNT} (max by ({_POD}) (kube_pod_status_reason{{reason="Evicted"}}) > 0)'),
    "at-maximum": Query(
        f"{_COUNT} (max by ({_SCALER}) (kube_horizontalpodautoscaler_status_current_replicas{{}}) "
        f">= max by ({_SCALER}) (kube_horizontalpodautoscaler_spec_max_replicas{{}}))"
    ),
    "quota-denials": Query(
        f'{_COUNT} (max by ({_SPACE}, deployment) (kube_deployment_status_condition{{condition="ReplicaFailure", status="true"}}) > 0)'
    ),
}


REACHES_BACK: Mapping[str, int] = {"oom-kills": 900}
"""Seconds before a look that its number tells of, where that is more than the look itself."""


def slo_question(slo: Slo, pool: str, matchers: Mapping[str, str]) -> str:
    """An SLO's query as the config says it; in a store that clusters share, held to this one's series wherever it has braces."""
    text = slo.query.replace("$pool", quoted(pool))
    return promql(Query(text), matchers) if matchers else text


def counts(series: Sequence[MetricSeries], scraped: ByStep, grid: range, is_counted: Callable[[str], bool]) -> tuple[float | None, ...]:
    """The sum over the namespaces that count, at each step; nothing is zero where there was a scrape, and unknown elsewhere."""
    by_space = largest(series, lambda labels: exported(labels, "namespace"))
    own = [steps for space, steps in by_space.items() if is_counted(space)]
    return tuple(sum(steps.get(step, 0.0) for steps in own) if step in scraped else None for step in grid)


def breaches(slo: Slo, series: Sequence[MetricSeries], grid: range) -> tuple[float | None, ...]:
    """1 while it is broken, 0 while it is not; several series say nothing, because nobody knows which one is meant."""
    found = dict(series[0].points) if len(series) == 1 else {}
    return tuple(float(is_broken(slo, found[step])) if step in found else None for step in grid)


def is_broken(slo: Slo, value: float) -> bool:
    """True where the value is on the wrong side of the threshold."""
    return value > slo.threshold if slo.bad == "above" else value < slo.threshold
