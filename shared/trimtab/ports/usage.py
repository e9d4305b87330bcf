"""What was measured, what was billed, and what is learned of both."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Protocol

from trimtab.records import ClusterUid, MetricSeries, Quota

if TYPE_CHECKING:
    from trimtab.analysis.demand import Demand
    from trimtab.analysis.quota_demand import QuotaDemand
    from trimtab.analysis.volumes import VolumeUse
    from trimtab.analysis.workload_use import Workloads
    from trimtab.attribution.suggest import Example, OwnerModel
    from trimtab.sources.billing_history import HistoryDay
    from trimtab.sources.kube_objects import KubeObjects


class Usage(Protocol):
    """Measured demand of pools."""

    def at(self, version: int) -> "Usage":
        """The same, as the usage table was at that version; asking it raises Gone where that is no longer kept."""

    def demand(self, cluster_uid: ClusterUid, pool: str, start: datetime, end: datetime) -> "Demand | None":
        """What ran and waited on the pool; None = nothing was measured at all."""

    def quota_demand(self, quota: Quota, start: datetime, end: datetime) -> "QuotaDemand | None":
        """What the pods that count against a quota ask for, over all its clusters; None = one of them was not measured at all.

        Raises BadInput where a pattern of its namespaces cannot be used.
        """

    def workloads(self, cluster_uid: ClusterUid, start: datetime, end: datetime) -> "Workloads | None":
        """The workloads that ask for most that they do not use, and those in trouble; None = nothing was measured at all."""

    def volumes(self, cluster_uid: ClusterUid, start: datetime, end: datetime) -> "tuple[VolumeUse, ...]":
        """The largest volumes of a cluster, each over its hours; () = none was reported."""


class Metrics(Protocol):
    """A Prometheus, or anything that speaks its API."""

    def range(self, query: str, start: datetime, end: datetime, step: int) -> tuple[MetricSeries, ...]:
        """A PromQL query at start, start + step seconds, … end; NaN and infinities are left out, they measure nothing.

        Raises Overloaded or TooLarge where a smaller question may be answered.
        """

    def now(self) -> datetime:
        """What time the store has, so that an hour which is not over there is not taken for whole."""


class Kubernetes(Protocol):
    """One cluster's Kubernetes API, read only."""

    def read(self, now: datetime) -> "KubeObjects":
        """Everything there is to read, as of `now`; kinds that could not be read are named. Raises Upstream where none could."""


class CostHistory(Protocol):
    """A cloud's billing API: what days cost before the first export."""

    @property
    def name(self) -> str:
        """For people."""

    def days(self, start: date, end: date) -> "tuple[HistoryDay, ...]":
        """Daily amortized cost from `start` to before `end`."""


class Learner(Protocol):
    """Fits models; what it hands back is numbers and names."""

    def owners(self, examples: "Sequence[Example]") -> "OwnerModel":
        """A classifier of owned namespaces, with held-out trials of it."""
