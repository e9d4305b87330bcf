"""What runs, and what it costs there."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from trimtab.records import (
    AuditEntry,
    Cloud,
    Cluster,
    ClusterUid,
    Estimate,
    InstanceType,
    MeasuredUse,
    Pool,
    PrivateRate,
    ProjectUid,
    Quota,
    Refusal,
)


class Palette(Protocol):
    """Spectro Cloud Palette, read-only."""

    def listed(self) -> Mapping[ClusterUid, str]:
        """Uid → name of every cluster that Palette lists, looked into or not, as of at most a minute ago: a few requests for them all."""

    def projects(self) -> Mapping[ClusterUid, ProjectUid]:
        """Uid → project of each of these, as of at most a minute ago."""

    def clusters(self) -> tuple[Cluster, ...]:
        """Every cluster of the tenant with its live pools, as of at most a minute ago: several requests for each of them."""

    def cluster(self, uid: ClusterUid) -> Cluster | None:
        """One cluster read now; None = gone, or of a kind that `left_alone` names."""

    def look(self, uid: ClusterUid) -> Cluster | Refusal | None:
        """The same, and of one that is left alone the reason why; None = gone."""

    def left_alone(self) -> tuple[Refusal, ...]:
        """The clusters that are recognized and never touched (edge, vSphere, MAAS, virtual, imported …), each with why; pool is "*"."""

    def quotas(self, uid: ClusterUid) -> tuple[Quota, ...]:
        """Quotas that hold on a cluster: of its namespaces, of workspaces it is in, of virtual clusters it hosts."""

    def estimate(self, uid: ClusterUid, pools: Sequence[Pool]) -> Estimate | None:
        """What a cluster would cost per hour with these pools in place of its own of the same names; None = Palette cannot say."""

    def private_rates(self, currency: str) -> tuple[PrivateRate, ...]:
        """What the tenant set as the price of private capacity, one rate per private cluster; Palette's rates have no currency."""

    def measured(self, uid: ClusterUid, start: datetime, end: datetime) -> tuple[MeasuredUse, ...]:
        """CPU and memory use by hour, of pods where Palette has them, else of namespaces."""

    def audits(self, since: datetime, until: datetime) -> tuple[AuditEntry, ...]:
        """The audit trail between two times, oldest first."""

    def annotate(self, uid: ClusterUid, values: Mapping[str, str | None]) -> bool:
        """Set these annotations of a cluster, None = take it away; every other one stays. True = something was written.

        It is a read, a change and a write of the whole map, with a key of its own. Raises Refused where there is none.
        """


class Catalog(Protocol):
    """Instance types with prices."""

    @property
    def source(self) -> str:
        """Where the prices come from and of when, for people."""

    def find(self, cloud: Cloud, region: str, name: str) -> InstanceType | None:
        """One type; None = unknown, which refuses what would need it."""

    def offered(self, cloud: Cloud, region: str) -> tuple[InstanceType, ...]:
        """All types of a region."""
