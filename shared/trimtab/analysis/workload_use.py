"""What one workload asks for and really uses, hour by hour, seen at its fullest pod.

Usage is known of whole pods, not of their containers. A value that somebody did not measure is NaN or None, never zero.
"""

from dataclasses import dataclass

import numpy as np

from trimtab.analysis.demand import Floats, Ints


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class WorkloadUse:
    """One workload over the hours in which at least one of its pods ran."""

    namespace: str
    kind: str
    """Deployment, StatefulSet, DaemonSet, Job, Pod …"""
    name: str
    pools: tuple[str, ...]
    """Machine pools that its pods were on."""
    times: Ints
    """[hour] epoch seconds; only hours in which it ran."""
    pods: Floats
    """[hour] pods that ran."""
    cpu_request: Floats
    """[hour] the most that one pod asked for, millicores; NaN = not known."""
    memory_request: Floats
    """Bytes."""
    gpu_request: Floats
    """Thousandths of a GPU."""
    cpu_peak: Floats
    """[hour] the highest 5-minute mean of any pod, millicores; NaN = of some pod not measured."""
    cpu_mean: Floats
    """[hour] the highest hourly mean of any pod."""
    memory_peak: Floats
    gpu_peak: Floats
    """[hour] the most of its GPUs that any pod computed with, thousandths of a GPU."""
    gpu_memory_peak: Floats
    """[hour] bytes of the fullest pod's GPUs."""
    kills: Floats
    """[hour] containers killed for memory; NaN = not read."""
    cpu_limit: float | None
    """The newest that is known, of the pod that has the most; 0 = none is set, None = not read."""
    memory_limit: float | None
    has_mixed_limits: bool
    """Some of its pods have a limit and some have none, or another one."""
    scaled_by: str | None
    """What its autoscaler looks at, newest known: "cpu", "memory", "cpu,memory", "other"; "" = none, None = not read."""
    versions: int = 1
    """Replica sets seen; 1 where it has none."""
    newest_since: int | None = None
    """When the newest of them first ran, epoch seconds."""

    @property
    def place(self) -> str:
        """As a Subject names it."""
        return f"{self.namespace}/{self.kind}/{self.name}"

    @property
    def in_demand(self) -> str:
        """As the demand of a pool names it."""
        return f"{self.namespace}/{self.name}"

    @property
    def days(self) -> int:
        """Calendar days on which it ran."""
        return len(np.unique(self.times // 86400))

    def newest(self, values: Floats) -> float | None:
        """The last known value; None where none is."""
        known = values[~np.isnan(values)]
        return float(known[-1]) if known.size else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Workloads:
    """Those of a cluster's workloads that are worth looking at."""

    uses: tuple[WorkloadUse, ...]
    left_out: int
    """How many others there are, which ask for less that they do not use and are in no trouble."""
    hours: int
    """Hours of the window in which the cluster was measured at all."""
    measured_share: float
    """Of the hours since the first one."""
    source: str
