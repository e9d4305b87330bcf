"""What is asked of a cluster's Prometheus: kube-state-metrics, cAdvisor, the kubelet and dcgm-exporter, by name.

A query that finds nothing is no mistake: not every cluster exports everything, and what is missing stays unknown.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trimtab.sources import dcgm
from trimtab.sources.metric_points import HOUR, STEP

_PODS = "namespace, pod, exported_namespace, exported_pod"
_CONTAINERS = f"{_PODS}, container, exported_container"
_NODES = "node, exported_node"
_CLAIMS = "namespace, exported_namespace, persistentvolumeclaim"
_SCALERS = "namespace, exported_namespace, horizontalpodautoscaler"
_RUNNING = 'container!="", container!="POD"'


@dataclass(frozen=True, slots=True)
class Query:
    """One question; `{}` in the text is where the cluster's own matchers go, `step` its grid."""

    text: str
    step: int = STEP


QUERIES: Mapping[str, Query] = {
    # How often a target was scraped in five minutes is the measure of "all the time"; a missed scrape is missed by all alike.
    "node": Query(f"max by ({_NODES}, provider_id) (count_over_time(kube_node_info{{}}[5m]))"),
    "pod": Query(
        f"max by ({_PODS}, uid, node, exported_node, created_by_kind, created_by_name, host_network) "
        "(count_over_time(kube_pod_info{}[5m]))"
    ),
    "ended": Query(f'max by ({_PODS}, uid, phase) (sum_over_time(kube_pod_status_phase{{phase=~"Succeeded|Failed"}}[5m]))'),
    "started_at": Query(f"max by ({_PODS}, uid) (max_over_time(kube_pod_start_time{{}}[1h]))", HOUR),
    "completed_at": Query(f"max by ({_PODS}, uid) (max_over_time(kube_pod_completion_time{{}}[1h]))", HOUR),
    "request": Query(f"max by ({_CONTAINERS}, resource) (max_over_time(kube_pod_container_resource_requests{{}}[1h]))", HOUR),
    "init_request": Query(f"max by ({_CONTAINERS}, resource) (max_over_time(kube_pod_init_container_resource_requests{{}}[1h]))", HOUR),
    "sidecar": Query(f'max by ({_CONTAINERS}) (max_over_time(kube_pod_init_container_info{{restart_policy="Always"}}[1h]))', HOUR),
    "container": Query(f"max by ({_CONTAINERS}) (max_over_time(kube_pod_container_info{{}}[1h]))", HOUR),
    "limit": Query(
        f'max by ({_CONTAINERS}, resource) (max_over_time(kube_pod_container_resource_limits{{resource=~"cpu|memory"}}[1h]))', HOUR
    ),
    # Two ends of a counter that starts again with every pod: `increase` would guess between its points.
    "restarts": Query(f"max by ({_CONTAINERS}, uid) (max_over_time(kube_pod_container_status_restarts_total{{}}[1h]))", HOUR),
    "restarts_before": Query(f"max by ({_CONTAINERS}, uid) (min_over_time(kube_pod_container_status_restarts_total{{}}[1h]))", HOUR),
    "last_end": Query(
        f"max by ({_CONTAINERS}, uid, reason) (max_over_time(kube_pod_container_status_last_terminated_reason{{}}[1h]))", HOUR
    ),
    "scaler": Query(
        f"max by ({_SCALERS}, scaletargetref_kind, scaletargetref_name) (max_over_time(kube_horizontalpodautoscaler_info{{}}[1h]))", HOUR
    ),
    "scaler_metric": Query(
        f"max by ({_SCALERS}, metric_name) (max_over_time(kube_horizontalpodautoscaler_spec_target_metric{{}}[1h]))", HOUR
    ),
    "budget": Query(
        "min by (namespace, exported_namespace, poddisruptionbudget) "
        "(min_over_time(kube_poddisruptionbudget_status_pod_disruptions_allowed{}[1h]))",
        HOUR,
    ),
    "job_owner": Query(
        "max by (namespace, exported_namespace, job_name, owner_kind, owner_name) (max_over_time(kube_job_owner{}[1h]))", HOUR
    ),
    "capacity": Query(f"max by ({_NODES}, resource) (max_over_time(kube_node_status_capacity{{}}[1h]))", HOUR),
    "owner": Query(
        "max by (namespace, exported_namespace, replicaset, owner_kind, owner_name) (max_over_time(kube_replicaset_owner{}[1h]))", HOUR
    ),
    "node_labels": Query("max_over_time(kube_node_labels{}[1h])", HOUR),
    "node_annotations": Query("max_over_time(kube_node_annotations{}[1h])", HOUR),
    "pod_labels": Query("max_over_time(kube_pod_labels{}[1h])", HOUR),
    "pod_annotations": Query("max_over_time(kube_pod_annotations{}[1h])", HOUR),
    "namespace_labels": Query("max_over_time(kube_namespace_labels{}[1h])", HOUR),
    "namespace_annotations": Query("max_over_time(kube_namespace_annotations{}[1h])", HOUR),
    "claim": Query(f"max by ({_CLAIMS}, volumename, storageclass) (count_over_time(kube_persistentvolumeclaim_info{{}}[5m]))"),
    "volume": Query(
        "max by (persistentvolume, csi_volume_handle, ebs_volume_id, gce_persistent_disk_name, azure_disk_name) "
        "(max_over_time(kube_persistentvolume_info{}[1h]))",
        HOUR,
    ),
    "volume_bytes": Query("max by (persistentvolume) (max_over_time(kube_persistentvolume_capacity_bytes{}[1h]))", HOUR),
    "claim_bytes": Query(f"max by ({_CLAIMS}) (max_over_time(kubelet_volume_stats_capacity_bytes{{}}[1h]))", HOUR),
    "claim_used": Query(f"max by ({_CLAIMS}) (max_over_time(kubelet_volume_stats_used_bytes{{}}[1h]))", HOUR),
    "mount": Query(
        f"max by ({_PODS}, persistentvolumeclaim) (max_over_time(kube_pod_spec_volumes_persistentvolumeclaims_info{{}}[1h]))", HOUR
    ),
    "balancer": Query(
        "max by (namespace, exported_namespace, service, exported_service, hostname) "
        "(count_over_time(kube_service_status_load_balancer_ingress{}[5m]))"
    ),
    "cpu": Query(f"max by ({_CONTAINERS}) (rate(container_cpu_usage_seconds_total{{{_RUNNING}}}[5m]))"),
    "memory": Query(f"max by ({_CONTAINERS}) (avg_over_time(container_memory_working_set_bytes{{{_RUNNING}}}[5m]))"),
    "memory_max": Query(f"max by ({_CONTAINERS}) (max_over_time(container_memory_working_set_bytes{{{_RUNNING}}}[5m]))"),
    "sent": Query(f'max by ({_PODS}, interface) (increase(container_network_transmit_bytes_total{{interface!="lo"}}[1h]))', HOUR),
    **{name: Query(f"avg_over_time({name}{{}}[5m])") for kind in ("sm", "engine", "tensor", "dram", "power") for name in dcgm.NAMES[kind]},
    **{name: Query(f"max_over_time({name}{{}}[5m])") for kind in ("memory", "fp64", "link", "presence") for name in dcgm.NAMES[kind]},
    # A counter that starts again at zero with its driver: `rate` sees to that.
    **{name: Query(f"rate({name}{{}}[5m])") for name in dcgm.NAMES["energy"]},
}


def promql(query: Query, matchers: Mapping[str, str], jobs: Sequence[str] = ()) -> str:
    """The query with the cluster's matchers in every selector, their values quoted; of `jobs` alone, where they are named.

    Any pod that is scraped can write series of any name; which job scraped them is set by Prometheus.
    """
    each = [f"{_name(name)}={quoted(value)}" for name, value in sorted(matchers.items())]
    extra = ", ".join([*each, *([f"job=~{quoted('|'.join(map(re.escape, jobs)))}"] if jobs else [])])

    def with_matchers(found: re.Match[str]) -> str:
        return "{" + ", ".join(part for part in (found[1].strip(), extra) if part) + "}"

    return re.sub(r"\{([^{}]*)\}", with_matchers, query.text)


def _name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII):
        raise ValueError(f"{name!a} is not a label name")
    return name


def quoted(value: str) -> str:
    """A string as PromQL writes it."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
