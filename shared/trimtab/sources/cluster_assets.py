"""What a cluster has on the bill beside its machines: volumes by the id their driver gives them, load balancers by their host name.

The id is the part that a bill's ResourceId ends with. What has no such id here (a local disk, an NFS share, an address without a
name) is not guessed at.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from trimtab.records import MetricSeries
from trimtab.sources.metric_points import HOUR, ByStep, Labels, Pod, exported, largest, pod_of

_HANDLES = ("csi_volume_handle", "ebs_volume_id", "gce_persistent_disk_name", "azure_disk_name")
_CLASSIC = re.compile(r"(?:internal-)?(?P<id>.+)-[0-9]+\.[a-z0-9-]+\.elb\.amazonaws\.com(?:\.cn)?")
_NETWORK = re.compile(r".+-(?P<id>[0-9a-f]{16})\.elb\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?")
"""A Service's balancers; an Ingress's (application) balancer does not have its ARN's id in its host name."""
Claim = tuple[str, str]
"""(namespace, name)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Asset:
    """One volume or load balancer, and how often it was scraped."""

    asset: Literal["volume", "load-balancer"]
    namespace: str
    provider_id: str
    steps: ByStep
    size: int | None = None
    """Bytes; None = not a volume, or not read."""
    used: int | None = None
    """Bytes that a volume holds, highest of the hour; None = not measured."""
    storage_class: str | None = None
    """Of a volume; None = not read."""
    pods: tuple[Pod, ...] = ()
    """Who mounts it."""


class Volumes(Protocol):
    """What the Kubernetes API says of volumes."""

    def volume(self, name: str) -> tuple[str | None, int | None]:
        """A volume's id in its cloud and its size; None = not known."""

    def storage_class(self, claim: Claim) -> str | None:
        """What a claim's volume is made of; None = not known."""


class Assets:
    """All volumes and load balancers of a cluster."""

    def __init__(self, found: Mapping[str, Sequence[MetricSeries]], read: Volumes) -> None:
        self.read = read
        self.claims = largest(found.get("claim", ()), lambda labels: (_claim(labels), labels.get("volumename", "")))
        self.classes = {
            _claim(series.labels): series.labels["storageclass"] for series in found.get("claim", ()) if series.labels.get("storageclass")
        }
        self.ids = {series.labels.get("persistentvolume", ""): _volume_id(series.labels) for series in found.get("volume", ())}
        self.sizes = largest(found.get("volume_bytes", ()), lambda labels: labels.get("persistentvolume", ""))
        self.used = largest(found.get("claim_used", ()), _claim)
        self.formatted = largest(found.get("claim_bytes", ()), _claim)
        self.balancers = largest(found.get("balancer", ()), lambda labels: (exported(labels, "namespace"), labels.get("hostname", "")))
        self.mounts: dict[Claim, set[Pod]] = defaultdict(set)
        for series in found.get("mount", ()):
            self.mounts[_claim(series.labels)].add(pod_of(series.labels))

    def of(self, hour: int, warnings: dict[str, None]) -> Iterator[Asset]:
        """Those that have an id, a volume once by its id; of the others their namespaces are named."""
        seen: set[str] = set()
        for (claim, volume), steps in sorted(self.claims.items()):
            provider_id = self.ids.get(volume) or self.read.volume(volume)[0]
            if not provider_id:
                warnings[f"volumes of namespace {claim[0]} without a cloud's id are left out: local, or kube-state-metrics tells none"] = (
                    None
                )
            elif provider_id not in seen:
                seen.add(provider_id)
                size, pods = self._size(claim, volume, hour), tuple(sorted(self.mounts.get(claim, ())))
                yield Asset(
                    asset="volume", namespace=claim[0], provider_id=provider_id, steps=steps, size=size, pods=pods,
                    used=self._used(claim, hour), storage_class=self.classes.get(claim) or self.read.storage_class(claim),
                )  # fmt: skip
        for (namespace, hostname), steps in sorted(self.balancers.items()):
            provider_id = load_balancer_id(hostname)
            if provider_id and provider_id not in seen:
                seen.add(provider_id)
                yield Asset(asset="load-balancer", namespace=namespace, provider_id=provider_id, steps=steps)

    def _used(self, claim: Claim, hour: int) -> int | None:
        used = self.used.get(claim, {}).get(hour + HOUR)
        return None if used is None else round(used)

    def _size(self, claim: Claim, volume: str, hour: int) -> int | None:
        """The size that was asked for, which is the one billed; else the file system's."""
        size = self.sizes.get(volume, {}).get(hour + HOUR, self.formatted.get(claim, {}).get(hour + HOUR))
        return self.read.volume(volume)[1] if size is None else round(size)


def load_balancer_id(hostname: str) -> str | None:
    """What an AWS load balancer's ResourceId ends with: a network one's id, a classic one's name."""
    found = _NETWORK.fullmatch(hostname) or _CLASSIC.fullmatch(hostname)
    return found["id"] if found else None


def volume_id(handle: str) -> str | None:
    """The last part of a driver's handle or of an older plugin's id; of an EFS access point its file system."""
    last = handle.rstrip("/").rsplit("/", 1)[-1]
    return (last.split("::", 1)[0] if last.startswith("fs-") else last) or None


def _volume_id(labels: Labels) -> str | None:
    return next((volume_id(labels[name]) for name in _HANDLES if labels.get(name)), None)


def _claim(labels: Labels) -> Claim:
    return exported(labels, "namespace"), labels.get("persistentvolumeclaim", "")
