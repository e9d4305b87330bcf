"""A cluster's series as small as a test needs them: one node, one pod on it, and what is added."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from trimtab.demo.estate.usage import COLUMNS
from trimtab.records import ClusterUid, MetricSeries
from trimtab.sources.prometheus import Target, hourly

HOUR = datetime(2026, 8, 2, 10, tzinfo=UTC)
AT = int(HOUR.timestamp())
STEPS = tuple(range(AT + 300, AT + 3601, 300))
TARGET = Target(cluster_uid=ClusterUid("uid-1"), cluster="prod", pools=("web", "gpu-web"))

Found = Mapping[str, tuple[MetricSeries, ...]]


def steady(labels: dict[str, str], value: float, steps: tuple[int, ...] = STEPS) -> MetricSeries:
    return MetricSeries(labels, tuple((step, value) for step in steps))


def once(labels: dict[str, str], value: float = 1.0) -> MetricSeries:
    return steady(labels, value, (AT + 3600,))


POD = {"namespace": "shop", "pod": "cart-6d9f7c8b5-x2x4z"}
OWNED = {"created_by_kind": "ReplicaSet", "created_by_name": "cart-6d9f7c8b5"}


def series(**more: tuple[MetricSeries, ...]) -> Found:
    """One node, one pod on it, nothing unusual; `more` replaces or adds."""
    return {
        "node": (steady({"node": "n1", "provider_id": "aws:///us-east-1a/i-0abc"}, 5),),
        "capacity": (once({"node": "n1", "resource": "cpu"}, 4), once({"node": "n1", "resource": "memory"}, 16e9)),
        "node_labels": (once({"node": "n1", "label_node_kubernetes_io_instance_type": "m5.xlarge", "label_pool": "web"}),),
        "pod": (steady({**POD, **OWNED, "uid": "u1", "node": "n1"}, 5),),
        "request": (once({**POD, "container": "app", "resource": "cpu"}, 0.5), once({**POD, "container": "proxy", "resource": "cpu"}, 0.1)),
        "cpu": (steady({**POD, "container": "app"}, 0.2), steady({**POD, "container": "proxy"}, 0.05)),
        "memory": (steady({**POD, "container": "app"}, 1e9),),
        "memory_max": (steady({**POD, "container": "app"}, 2e9),),
        **more,
    }


def rows(found: Found) -> list[dict[str, object]]:
    return [dict(zip(COLUMNS, row, strict=True)) for row in hourly(TARGET, found, HOUR, HOUR + timedelta(hours=1)).rows]


def pod_row(found: Found) -> dict[str, object]:
    (row,) = [row for row in rows(found) if row["pod"]]
    return row


__all__ = ["AT", "HOUR", "OWNED", "POD", "STEPS", "TARGET", "Found", "once", "pod_row", "rows", "series", "steady"]
