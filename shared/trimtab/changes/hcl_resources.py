"""What Palette's Terraform provider takes in the blocks that Trimtab edits, per resource, and what nobody edits.

An argument that a resource does not have is an error of the provider after the merge, or a line that changes nothing.
"""

from collections.abc import Mapping

CLUSTER = "spectrocloud_cluster_"
WORKSPACE = "spectrocloud_workspace"
VIRTUAL = "spectrocloud_virtual_cluster"

_NAMESPACE = frozenset({"resource_allocation.cpu_cores", "resource_allocation.memory_MiB"})
_SIZED = frozenset({"count", "instance_type", "disk_size_gb"})
_SCALED = frozenset({"min", "max"})
_SPOT = frozenset({"capacity_type", "max_price"})

POOLS: Mapping[str, frozenset[str]] = {
    "aws": _SIZED | _SCALED | _SPOT,
    "eks": _SIZED | _SCALED | _SPOT,
    "azure": frozenset({"count", "instance_type"}),
    "aks": _SIZED | _SCALED,
    "gcp": _SIZED,
    "gke": _SIZED,
    "tke": _SIZED | _SCALED,
    # Their instance_type is a block of numbers, and a node of theirs is bought once.
    "maas": frozenset({"count"}) | _SCALED,
    "vsphere": frozenset({"count"}) | _SCALED,
    "edge_vsphere": frozenset({"count"}),
    "apache_cloudstack": frozenset({"count"}) | _SCALED,
    # Hosts that are listed, and Kubernetes objects in a text: neither has a number of nodes to set.
    "edge_native": frozenset(),
    "custom_cloud": frozenset(),
    "brownfield": frozenset(),
}
"""What follows spectrocloud_cluster_ → arguments of its machine_pool. Groups, profiles and imports are not here: they have no pools."""

OTHERS: Mapping[tuple[str, str], frozenset[str]] = {
    (WORKSPACE, "workspace_quota"): frozenset({"cpu", "memory", "gpu"}),
    (WORKSPACE, "namespaces"): _NAMESPACE | {"resource_allocation.gpu"},
    (VIRTUAL, "resources"): frozenset({"max_cpu", "max_mem_in_mb", "max_storage_in_gb", "min_cpu", "min_mem_in_mb", "min_storage_in_gb"}),
}
"""(resource, block) → key paths inside the block."""


NAMELESS = frozenset({"workspace_quota", "resources"})
"""Blocks that stand once in their resource and go by its name."""


def of_layout(pools: str) -> tuple[str, str]:
    """(resource, block) of a layout's `pools`: "machine_pool" or "namespaces" of clusters, or "spectrocloud_workspace.namespaces"."""
    resource, _, block = pools.rpartition(".")
    return resource or CLUSTER, block


def is_taken(resource: str, kind: str) -> bool:
    """True where a resource is what `of_layout` named."""
    return resource.removeprefix(CLUSTER) in POOLS if kind == CLUSTER else resource == kind


def keys_of(resource: str, block: str) -> frozenset[str]:
    """Key paths of a block that its resource has and Trimtab may edit."""
    if block == "machine_pool":
        return POOLS.get(resource.removeprefix(CLUSTER), frozenset())
    if block == "namespaces" and resource.startswith(CLUSTER):
        return _NAMESPACE | {"resource_allocation.gpu_limit"}
    return OTHERS.get((resource, block), frozenset())
