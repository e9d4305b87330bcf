"""Palette's own measurements → usage rows (tables.USAGE), for a cluster that no collector reads: the weakest source there is.

Palette knows how much CPU and memory a pod, or only a namespace, used on average. It knows no node, no pool, no request, no peak and no
GPU: those columns are NULL, so that every rule that needs one of them refuses. Each row says in an annotation where it is from.
"""

import json
from collections.abc import Sequence
from datetime import UTC

from trimtab.records import MeasuredUse
from trimtab.sources.prometheus import COLUMNS, Row, Target

SOURCE = json.dumps({"trimtab.io/usage-source": "palette: hourly means of CPU and memory, no requests, no nodes, no GPUs"})
NODE = "not-read"
"""Stands where a node's name would: Palette does not say where a pod ran. No node has this name, so nothing is placed on one."""
WHOLE = "the-namespace-as-a-whole"
"""Stands for a pod where only its namespace was measured."""


def rows(target: Target, uses: Sequence[MeasuredUse]) -> tuple[Row, ...]:
    """A row per pod, or namespace, and hour; what was not measured at all is left out, it is not a use of nothing."""
    measured = (use for use in uses if use.cpu is not None or use.memory is not None)
    return tuple(_row(target, use) for use in sorted(measured, key=lambda use: (use.hour, use.namespace, use.pod)))


def _row(target: Target, use: MeasuredUse) -> Row:
    known: dict[str, object] = {
        "hour": use.hour.astimezone(UTC).replace(tzinfo=None),
        "cluster_uid": target.cluster_uid,
        "cluster": target.cluster,
        "project": target.project,
        "node": NODE,
        "namespace": use.namespace,
        "pod": use.pod or WHOLE,
        "workload": use.pod or WHOLE,
        "workload_kind": "Pod",
        "labels": "{}",
        "annotations": SOURCE,
        "seconds": 3600,
        "cpu_used": use.cpu,
        "memory_used": use.memory,
    }
    return tuple(known.get(column.name) for column in COLUMNS)
