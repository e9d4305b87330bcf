"""Which files a layout speaks for, which paths nobody may ever edit, and the shapes that are known without being told."""

import re
from collections.abc import Mapping

from trimtab import globs
from trimtab.errors import Refused
from trimtab.records import FieldUnit, Layout, PoolField

_EVERY_FIELD: dict[PoolField, str] = {
    "count": "count",
    "min": "min",
    "max": "max",
    "instance_type": "instance_type",
    "capacity_type": "capacity_type",
}
_CROSSPLANE: dict[PoolField, str] = {
    "count": "count",
    "min": "min",
    "max": "max",
    "instance_type": "instanceType",
    "capacity_type": "capacityType",
}
_YAML = ("**/*.yaml", "**/*.yml")
_DATA = (*_YAML, "**/*.json")
_QUOTA: dict[PoolField, str] = {
    "cpu_cores": "resource_allocation.cpu_cores",
    "memory_mib": "resource_allocation.memory_MiB",
    "gpu_limit": "resource_allocation.gpu_limit",
}
_REQUESTS: dict[PoolField, str] = {
    "cpu_cores": "spec.hard[requests.cpu]",
    "memory_mib": "spec.hard[requests.memory]",
    "gpu_limit": "spec.hard[requests.nvidia.com/gpu]",
}
_SHORT_REQUESTS: dict[PoolField, str] = {"cpu_cores": "spec.hard.cpu", "memory_mib": "spec.hard.memory"}
_QUANTITIES: dict[PoolField, FieldUnit] = {"cpu_cores": "quantity", "memory_mib": "quantity", "gpu_limit": "quantity"}
_CONTAINER: dict[PoolField, str] = {
    "cpu_request": "resources.requests.cpu",
    "cpu_limit": "resources.limits.cpu",
    "memory_request": "resources.requests.memory",
    "memory_limit": "resources.limits.memory",
    "gpu_request": "resources.limits[nvidia.com/gpu]",
}
_DEFAULTS: dict[PoolField, str] = {
    "cpu_request": "spec.limits[type=Container].defaultRequest.cpu",
    "cpu_limit": "spec.limits[type=Container].default.cpu",
    "memory_request": "spec.limits[type=Container].defaultRequest.memory",
    "memory_limit": "spec.limits[type=Container].default.memory",
}

KNOWN: tuple[Layout, ...] = (
    Layout(name="node-groups", files=_DATA, cluster="name", pools="node_groups", pool_name="name", fields=_EVERY_FIELD),
    Layout(name="list-root", files=_DATA, cluster="", pools="node_pools", pool_name="name", fields={"count": "count"}),
    Layout(
        name="crossplane",
        files=_DATA,
        cluster="metadata.name",
        pools="spec.forProvider.machinePool",
        pool_name="name",
        fields=_CROSSPLANE,
        delivery="argo",
    ),
    Layout(
        name="crossplane-external-name",
        files=_DATA,
        cluster="spec.forProvider.name",
        pools="spec.forProvider.machinePool",
        pool_name="name",
        fields=_CROSSPLANE,
        delivery="argo",
    ),
    Layout(name="terraform", files=("**/*.tf",), cluster="name", pools="machine_pool", pool_name="name", fields=_EVERY_FIELD),
    Layout(name="terraform-json", files=("**/*.tf.json",), cluster="name", pools="machine_pool", pool_name="name", fields=_EVERY_FIELD),
    Layout(
        name="terraform-namespaces",
        files=("**/*.tf",),
        cluster="name",
        pools="namespaces",
        pool_name="name",
        kind="namespace",
        fields=_QUOTA,
    ),
    Layout(
        name="terraform-workspace",
        files=("**/*.tf",),
        cluster="*",
        pools="spectrocloud_workspace.workspace_quota",
        kind="workspace",
        fields={"cpu_cores": "cpu", "memory_mib": "memory", "gpu_limit": "gpu"},
    ),
    Layout(
        name="terraform-workspace-namespaces",
        files=("**/*.tf",),
        cluster="*",
        pools="spectrocloud_workspace.namespaces",
        pool_name="name",
        kind="namespace",
        fields={**_QUOTA, "gpu_limit": "resource_allocation.gpu"},
    ),
    Layout(
        name="terraform-virtual-cluster",
        files=("**/*.tf",),
        cluster="*",
        pools="spectrocloud_virtual_cluster.resources",
        kind="virtual-cluster",
        fields={"cpu_cores": "max_cpu", "memory_mib": "max_mem_in_mb"},
    ),
    Layout(name="namespaces", files=_DATA, cluster="name", pools="namespaces", pool_name="name", kind="namespace", fields=_QUOTA),
    Layout(
        name="workspace",
        files=_DATA,
        cluster="*",
        pool_name="name",
        kind="workspace",
        fields={"cpu_cores": "workspace_quota.cpu", "memory_mib": "workspace_quota.memory", "gpu_limit": "workspace_quota.gpu"},
    ),
    Layout(
        name="virtual-cluster",
        files=_DATA,
        cluster="*",
        pool_name="name",
        kind="virtual-cluster",
        fields={"cpu_cores": "resources.max_cpu", "memory_mib": "resources.max_mem_in_mb"},
    ),
    Layout(
        name="resource-quota",
        files=_DATA,
        cluster="*",
        pool_name="metadata.namespace",
        kind="namespace",
        object="ResourceQuota",
        fields=_REQUESTS,
        units=_QUANTITIES,
        delivery="argo",
    ),
    Layout(
        name="resource-quota-short",
        files=_DATA,
        cluster="*",
        pool_name="metadata.namespace",
        kind="namespace",
        object="ResourceQuota",
        fields=_SHORT_REQUESTS,
        units=_QUANTITIES,
        delivery="argo",
    ),
    Layout(
        name="limit-range",
        files=_DATA,
        cluster="*",
        pool_name="metadata.namespace",
        kind="namespace",
        object="LimitRange",
        fields=_DEFAULTS,
        delivery="argo",
    ),
    Layout(name="workloads", files=_DATA, cluster="*", kind="workload", object="workload", fields=_CONTAINER, delivery="argo"),
)
"""Shapes seen in public repositories, for an edit by hand; a repo's own layouts come from its `.trimtab/config.yaml`."""

SUFFIXES = (".yaml", ".yml", ".json", ".tf", ".tfvars")
TERRAFORM = (".tf", ".tfvars")
_NEVER = re.compile(r"(^|/)(\.[^/]*|codeowners)(/|$)|\.gitlab-ci\.ya?ml$|\.sh$", re.IGNORECASE)
"""Dot files and folders (.trimtab, .github, .gitlab-ci…), code owners, scripts: whoever edits these gives permissions."""
_PLAIN = re.compile(r"[^/\\\x00-\x1f\x7f]+(/[^/\\\x00-\x1f\x7f]+)*")


def is_editable(path: str) -> bool:
    """True where Trimtab may edit that path at all; no layout can change it."""
    is_plain = _PLAIN.fullmatch(path) is not None and ".." not in path.split("/")
    return is_plain and _NEVER.search(path) is None and path.lower().endswith(SUFFIXES)


def guard_path(path: str) -> None:
    """Refused, naming the path, where it may never be edited."""
    if not is_editable(path):
        raise Refused(f"{path!r}: never edited; only {', '.join(SUFFIXES)} files outside dot folders, scripts and CODEOWNERS are")


def is_covered(layout: Layout, path: str) -> bool:
    """True where one of the layout's globs matches."""
    return globs.matches(path, layout.files)


def named_by(path: str, layout: Layout) -> Mapping[str, str]:
    """What the path itself says of the cluster and the namespace. Refused where it can be read in two ways."""
    return globs.named_by(path, layout.files)
