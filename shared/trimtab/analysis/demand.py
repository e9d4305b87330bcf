"""What a machine pool was asked to carry over time: pods that ran or waited, what they asked for and what they really used.

One matrix per measure, [row, step]. A row is one workload's pods of one shape: pods of a workload that ask for different things in the
same step stand in different rows. Inside numpy an unknown value is NaN; it is never zero. Running pods alone are censored by the pool's
size, so `pods` counts the waiting ones too.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
JOBS = frozenset({"Job", "CronJob"})
"""Kinds whose pods come to an end, and can wait for their beginning."""
RECENT_SECONDS = 7 * 86400
"""How old a budget or a volume may be and still say something about now."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Overhead:
    """What the DaemonSets take of every node before any other pod gets a place."""

    cpu: float = 0.0
    memory: float = 0.0
    pods: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class LargestPod:
    """The highest need of any one pod, per dimension."""

    cpu: float
    memory: float
    gpu: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Drain:
    """What is known of how a workload bears it when a node is drained: the newest value that all its pods of an hour have."""

    disruptions_allowed: int | None = None
    """By its PodDisruptionBudgets; -1 = none covers it, None = not read."""
    has_local_volume: bool | None = None
    """A hostPath, or an emptyDir on disk; None = not read."""
    has_own_node: bool | None = None
    """True = required anti-affinity keeps two of its pods off one node; None = not read."""
    grace_seconds: int | None = None
    """How long its slowest pod may take to stop; None = not read."""
    pinned: Mapping[str, str] | None = None
    """Node labels that its pods require; None = not read."""

    @property
    def is_read(self) -> bool:
        """True where nothing is left to find out."""
        return self.disruptions_allowed is not None and self.has_local_volume is not None and self.has_own_node is not None


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Demand:
    """One pool's demand on a regular grid of steps."""

    step: int
    """Seconds."""
    times: Ints
    """[step] epoch seconds."""
    seen: Bools
    """[step] False where nothing at all was reported."""
    names: tuple[str, ...]
    kinds: tuple[str, ...]
    pods: Floats
    """[row, step] running and waiting; 0 = known not to run."""
    pending: Floats | None
    """[row, step]; None = the source does not tell waiting pods from running ones."""
    cpu_request: Floats
    memory_request: Floats
    gpu_request: Floats
    """[row, step] of one pod."""
    cpu_used: Floats
    memory_used: Floats
    gpu_compute_used: Floats
    """[row, step] sums over the row's pods."""
    gpu_memory_used: Floats
    """[row, step] of the row's fullest pod."""
    overhead: Overhead = field(default_factory=Overhead)
    nodes: Floats | None = None
    """[step] nodes that were there; NaN = not reported."""
    source: str = "measured usage"
    drains: Mapping[str, Drain] = field(default_factory=dict)
    """Workload → what was read of it within the newest `RECENT_SECONDS`; one that is missing was not read."""
    zones: tuple[str, ...] | None = None
    """Availability zones of its nodes, newest day; None = not read."""
    makers: frozenset[str] | None = None
    """Who made its nodes beside the pool, for example "karpenter"; empty = nobody else, None = not read."""
    gpu_tensor_used: Floats | None = None
    """[row, step] thousandths, of the row's busiest GPU; so are DRAM and FP64. None = never measured, as of each GPU signal."""
    gpu_dram_used: Floats | None = None
    gpu_fp64_used: Floats | None = None
    gpu_power: Floats | None = None
    """[row, step] watts of the row's hottest GPU."""
    gpu_link_used: Floats | None = None
    """[row, step] NVLink traffic; 0 = none."""
    gpu_models: frozenset[str] = frozenset()
    """Of its nodes, in the exporter's words; empty = not read."""

    @property
    def runs(self) -> Bools:
        """[row, step] where pods ran or waited."""
        return self.pods > 0

    @property
    def recorded(self) -> frozenset[str]:
        """Measures that have at least one known value where pods ran."""
        names = ("cpu_request", "memory_request", "gpu_request", "cpu_used", "memory_used", "gpu_compute_used", "gpu_memory_used")
        return frozenset(name for name in names if bool((~np.isnan(getattr(self, name)) & self.runs).any()))

    @property
    def start(self) -> datetime:
        """Start of the first step."""
        return datetime.fromtimestamp(int(self.times[0]), UTC)

    @property
    def end(self) -> datetime:
        """End of the last step."""
        return datetime.fromtimestamp(int(self.times[-1]) + self.step, UTC)

    @property
    def days(self) -> float:
        """Length of the window."""
        return len(self.times) * self.step / 86400

    def cpu_need(self) -> Floats:
        """Of one pod: what it asks for; where that is unknown, what it used."""
        return np.where(np.isnan(self.cpu_request), self._per_pod(self.cpu_used), self.cpu_request)

    def memory_need(self) -> Floats:
        """Of one pod: the greater of what it asks for and what it held, because memory cannot be squeezed."""
        return np.fmax(self.memory_request, self._per_pod(self.memory_used))

    def gpu_need(self) -> Floats:
        """Of one pod: GPUs are only ever given on request."""
        return self.gpu_request

    def measured(self) -> Bools:
        """[step] where all that this source records is known for every pod; only those steps can prove anything."""
        recorded = self.recorded
        known = self.seen.copy()
        if recorded & {"cpu_request", "cpu_used"}:
            known &= self._known(self.cpu_need())
        if recorded & {"memory_request", "memory_used"}:
            known &= self._known(self.memory_need())
        for name in ("gpu_request", "cpu_used", "memory_used"):
            if name in recorded:
                known &= self._known(getattr(self, name))
        return known

    def known_share(self, name: str) -> float:
        """Share of the pod-steps in which a measure is known; 1 where no pod ever ran."""
        values = getattr(self, name)[self.runs]
        return float((~np.isnan(values)).mean()) if values.size else 1.0

    @property
    def coverage(self) -> float:
        """Share of the window's steps that are measured."""
        return float(self.measured().mean()) if len(self.times) else 0.0

    def recent(self) -> tuple[str, ...]:
        """Workloads that ran or waited in the newest days: those that a drain could meet."""
        newest = self.times >= int(self.times[-1]) + self.step - RECENT_SECONDS
        return tuple(sorted({name for name, pods in zip(self.names, self.pods[:, newest], strict=True) if (pods > 0).any()}))

    def unread(self) -> tuple[str, ...]:
        """Those of them whose budgets or volumes nobody read."""
        return tuple(name for name in self.recent() if not self.drains.get(name, Drain()).is_read)

    @property
    def pending_share(self) -> float | None:
        """Share of all pod-steps that waited; None = the source does not say."""
        if self.pending is None:
            return None
        total = float(self.pods.sum())
        return float(self.pending.sum()) / total if total else 0.0

    def largest_pod(self) -> LargestPod:
        """The highest need of any pod in the window."""
        return LargestPod(
            cpu=_highest(self.cpu_need(), self.runs),
            memory=_highest(self.memory_need(), self.runs),
            gpu=_highest(self.gpu_need(), self.runs),
        )

    def _per_pod(self, used: Floats) -> Floats:
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(self.runs, used / self.pods, 0.0)

    def _known(self, values: Floats) -> Bools:
        is_open: Bools = np.any(np.isnan(values) & self.runs, axis=0)
        return ~is_open


def _highest(values: Floats, runs: Bools) -> float:
    known = values[runs & ~np.isnan(values)]
    return float(known.max()) if known.size else 0.0
