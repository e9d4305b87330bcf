"""What kube-state-metrics and the kubelet say of the estate's volumes, load balancers, traffic and annotations."""

from collections.abc import Iterator, Mapping

from trimtab.demo.estate.assets import balancer_host, claims
from trimtab.demo.estate.promql import Series
from trimtab.demo.estate.samples import SCRAPE, Samples


def claim_info(samples: Samples) -> Iterator[Series]:
    """kube_persistentvolumeclaim_info."""
    for claim in claims(samples.cluster):
        labels = {"namespace": claim.pod.workload.namespace, "persistentvolumeclaim": claim.name, "volumename": claim.volume}
        yield _always(samples, labels | {"storageclass": "standard"})


def volume_info(samples: Samples) -> Iterator[Series]:
    """kube_persistentvolume_info, with the driver's handle."""
    for claim in claims(samples.cluster):
        yield _always(samples, {"persistentvolume": claim.volume, "csi_driver": claim.driver, "csi_volume_handle": claim.handle})


def volume_bytes(samples: Samples) -> Iterator[Series]:
    """kube_persistentvolume_capacity_bytes."""
    return (_always(samples, {"persistentvolume": claim.volume}, float(claim.size)) for claim in claims(samples.cluster))


def mounts(samples: Samples) -> Iterator[Series]:
    """kube_pod_spec_volumes_persistentvolumeclaims_info."""
    for claim in claims(samples.cluster):
        pod = {"namespace": claim.pod.workload.namespace, "pod": claim.pod.name}
        yield _always(samples, pod | {"volume": "data", "persistentvolumeclaim": claim.name})


def balancers(samples: Samples) -> Iterator[Series]:
    """kube_service_status_load_balancer_ingress."""
    if samples.cluster.ingress:
        namespace, service = samples.cluster.ingress
        yield _always(samples, {"namespace": namespace, "service": service, "hostname": balancer_host(samples.cluster), "ip": ""})


def namespace_annotations(samples: Samples) -> Iterator[Series]:
    """kube_namespace_annotations, of the namespaces that have any."""
    for namespace, annotations in samples.cluster.annotations.items():
        yield _always(samples, {"namespace": namespace} | {f"annotation_{key}": value for key, value in annotations.items()})


def sent(samples: Samples) -> Iterator[Series]:
    """container_network_transmit_bytes_total: a counter that grows evenly while its pod is there."""
    for pod, steps in samples.steps:
        if pod.workload.sent and pod.node:
            times = [time for step in steps for time in samples.minutes(step)]
            values = [float(pod.workload.sent * SCRAPE * (number + 1)) for number in range(len(times))]
            labels = {"namespace": pod.workload.namespace, "pod": pod.name, "interface": "eth0", "node": pod.node.name}
            yield Series(labels=labels, times=times, values=values)


def _always(samples: Samples, labels: Mapping[str, str], value: float = 1.0) -> Series:
    times = samples.every_minute()
    return Series(labels=labels, times=times, values=[value] * len(times))
