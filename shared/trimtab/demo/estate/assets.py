"""What the estate has on the bill beside its machines and belongs to a namespace: claimed volumes and load balancers."""

from collections.abc import Iterator
from dataclasses import dataclass

from trimtab.demo.estate.model import GCP_PROJECT, EstateCluster, Pod, digest, pods


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """A replica's own volume."""

    pod: Pod
    name: str
    """Of the claim."""
    volume: str
    """Of the persistent volume in the cluster."""
    provider_id: str
    """What the bill's ResourceId ends with."""

    @property
    def size(self) -> int:
        """Bytes."""
        return self.pod.workload.volume_gib << 30

    @property
    def handle(self) -> str:
        """The CSI driver's name for it."""
        live = self.pod.cluster.cluster
        if live.cloud == "aws":
            return self.provider_id
        return f"projects/{GCP_PROJECT[live.project]}/zones/{self.pod.cluster.zone}/disks/{self.provider_id}"

    @property
    def driver(self) -> str:
        """The CSI driver."""
        return "ebs.csi.aws.com" if self.pod.cluster.cluster.cloud == "aws" else "pd.csi.storage.gke.io"


def claims(cluster: EstateCluster) -> Iterator[Claim]:
    """Every volume that a measured pod claims."""
    for pod in pods(cluster):
        if pod.workload.volume_gib and pod.pool.is_measured:
            seed = digest("claim", cluster.cluster.uid, pod.workload.namespace, pod.name)
            volume = f"pvc-{seed[:8]}-{seed[8:12]}-{seed[12:16]}-{seed[16:20]}-{seed[20:32]}"
            provider_id = f"vol-0{seed[32:48]}" if cluster.cluster.cloud == "aws" else volume
            yield Claim(pod=pod, name=f"data-{pod.name}", volume=volume, provider_id=provider_id)


def balancer_name(cluster: EstateCluster) -> str:
    """Name of its load balancer at the cloud."""
    return f"{cluster.cluster.name}-ingress"


def balancer_host(cluster: EstateCluster) -> str:
    """The host name that the cloud gives it."""
    return f"{balancer_name(cluster)}-{int(digest('balancer', cluster.cluster.uid)[:8], 16)}.{cluster.cluster.region}.elb.amazonaws.com"
