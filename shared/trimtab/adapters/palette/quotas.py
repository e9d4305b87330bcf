"""Quotas that Palette sets: of a cluster's namespaces, of workspaces, and the sizes of virtual clusters. No I/O.

Palette counts cores and MiB, and -1 or nothing where there is no limit; a workspace's 0 is no limit either.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from trimtab.adapters.palette import answers
from trimtab.adapters.palette.protocol import cluster_path
from trimtab.errors import BadInput
from trimtab.patterns import compiled, is_match
from trimtab.records import ClusterUid, Quota
from trimtab.units import Bytes, Millicores, cores

WORKSPACES = "/v1/dashboard/workspaces"
MIB = 1 << 20
HOST_UNKNOWN = "Palette does not say which of its host's namespaces a virtual cluster's pods run in."


def namespaces_path(uid: str) -> str:
    """Where a cluster's own namespace quotas are."""
    return f"{cluster_path(uid)}/config/namespaces"


def workspace_path(uid: str) -> str:
    """Where one workspace is."""
    return f"/v1/workspaces/{answers.uid_in_path(uid, 'workspace uid')}"


def parse_namespaces(body: bytes, uid: ClusterUid, live: Sequence[str]) -> tuple[Quota, ...]:
    """The cluster's namespace quotas; one without any limit is none."""
    found = answers.objects(answers.json_object(body, "config/namespaces"), "items", "config/namespaces")
    quotas = (_namespace(item, uid, live, place) for item, place in found)
    return tuple(quota for quota in quotas if quota.cpu or quota.memory or quota.gpus is not None)


def _namespace(item: Mapping[str, Any], uid: ClusterUid, live: Sequence[str], place: str) -> Quota:
    name = answers.text(answers.inner(item, "metadata", place), "name", f"{place}.metadata")
    spec = answers.inner(item, "spec", place)
    allocation = answers.maybe(spec, "resourceAllocation")
    limits = _limits(allocation, f"{place}.spec.resourceAllocation", "cpuCores", "memoryMiB")
    quota = Quota(cluster_uid=uid, kind="namespace", name=name, namespaces=(name,), **limits)
    return replace(quota, namespaces=(), problem=_pattern(name, live)) if spec.get("isRegex") is True else quota


def _pattern(name: str, live: Sequence[str]) -> str:
    """A pattern gives each namespace that it matches a quota of its own; one number for all of them is a person's choice."""
    matched = [each for each in live if _is_match(name, each)]
    return f"The pattern {name!a} gives a quota to each of {len(matched)} namespaces ({', '.join(matched[:5]) or 'none yet'})."


def _is_match(pattern: str, name: str) -> bool:
    """The pattern is outside text: one that could take for ever, or is none, matches nothing."""
    try:
        return is_match(compiled(pattern.strip("/")), name)
    except BadInput:
        return False


def parse_workspaces(body: bytes, uid: ClusterUid) -> tuple[str, ...]:
    """Uids of the workspaces that a cluster is in."""
    found = answers.objects(answers.json_object(body, "workspaces"), "items", "workspaces")
    mine = [(item, place) for item, place in found if uid in _members(item, place)]
    return tuple(answers.text(_meta(item), "uid", f"{place}.metadata") for item, place in mine)


def _meta(item: Mapping[str, Any]) -> Mapping[str, Any]:
    return answers.maybe(item, "metadata") or answers.maybe(item, "meta")


def _members(item: Mapping[str, Any], place: str) -> set[str]:
    """The list names a workspace's clusters in two places, and which is filled differs by version."""
    parts = (answers.maybe(item, "spec"), answers.maybe(item, "meta"))
    return {str(each.get("uid")) for part in parts for each, _ in answers.objects(part, "clusterRefs", place)}


def parse_workspace(body: bytes, uid: ClusterUid, live: Sequence[str]) -> tuple[Quota, ...]:
    """A workspace's quota as it holds on one cluster, and those it gives to its namespaces there."""
    found = answers.json_object(body, "workspace")
    name = answers.text(answers.inner(found, "metadata", "workspace"), "name", "workspace.metadata")
    spec = answers.inner(found, "spec", "workspace")
    members = answers.objects(spec, "clusterRefs", "workspace.spec")
    clusters = tuple(ClusterUid(answers.text(each, "clusterUid", place)) for each, place in members)
    namespaces = answers.objects(spec, "clusterNamespaces", "workspace.spec")
    shared = answers.maybe(answers.maybe(spec, "quota"), "resourceAllocation")
    whole = Quota(
        cluster_uid=uid, kind="workspace", name=name, namespaces=_covered(namespaces), clusters=clusters,
        **_limits(shared, "workspace.spec.quota.resourceAllocation", "cpuCores", "memoryMiB"),
    )  # fmt: skip
    # A workspace's 0 is no limit, of GPUs too.
    whole = replace(whole, gpus=whole.gpus or None)
    each = [quota for item, place in namespaces for quota in _inside(item, uid, name, live, place)]
    return tuple(quota for quota in (whole, *each) if quota.cpu or quota.memory or quota.gpus is not None)


def _covered(namespaces: Sequence[tuple[Mapping[str, Any], str]]) -> tuple[str, ...]:
    """Names, and patterns between slashes: they hold on every cluster of the workspace, each with namespaces of its own."""
    named = {answers.text(item, "name", place): item.get("isRegex") is True for item, place in namespaces}
    return tuple(sorted(f"/{name.strip('/')}/" if is_pattern else name for name, is_pattern in named.items()))


def _inside(item: Mapping[str, Any], uid: ClusterUid, workspace: str, live: Sequence[str], place: str) -> tuple[Quota, ...]:
    """What a workspace gives one of its namespaces on this cluster: its own number there, else the default."""
    given = answers.maybe(item, "namespaceResourceAllocation")
    own = (each for each, _ in answers.objects(given, "clusterResourceAllocations", place) if each.get("clusterUid") == uid)
    allocation = answers.maybe(next(own, {}), "resourceAllocation") or answers.maybe(given, "defaultResourceAllocation")
    limits = _limits(allocation, f"{place}.namespaceResourceAllocation", "cpuCores", "memoryMiB")
    name = answers.text(item, "name", place)
    names = tuple(each for each in live if _is_match(name, each)) if item.get("isRegex") is True else (name,)
    problem = f"Workspace {workspace} sets this quota, not the cluster: change it in the workspace."
    return tuple(Quota(cluster_uid=uid, kind="namespace", name=each, namespaces=(each,), problem=problem, **limits) for each in names)


def parse_virtual(body: bytes, host: ClusterUid, name: str) -> Quota:
    """A virtual cluster's size as a quota on its host."""
    spec = answers.inner(answers.json_object(body, "cloudconfig"), "spec", "cloudconfig")
    pools = answers.objects(spec, "machinePoolConfig", "cloudconfig.spec")
    size = answers.maybe(pools[0][0], "instanceType") if pools else {}
    limits = _limits(size, "cloudconfig.spec.machinePoolConfig[0].instanceType", "maxCPU", "maxMemInMiB")
    return Quota(cluster_uid=host, kind="virtual-cluster", name=name, namespaces=(), problem=HOST_UNKNOWN, **limits)


def _limits(allocation: Mapping[str, Any], place: str, cpu: str, memory: str) -> dict[str, Any]:
    gpu = answers.number(answers.maybe(allocation, "gpuConfig"), "limit", f"{place}.gpuConfig")
    return {
        "cpu": _millicores(answers.positive(allocation, cpu, place)),
        "memory": _bytes(answers.positive(allocation, memory, place)),
        "gpus": int(gpu) if gpu is not None and gpu >= 0 else None,
    }


def _millicores(value: Any) -> Millicores | None:
    return None if value is None else cores(value)


def _bytes(value: Any) -> Bytes | None:
    return None if value is None else Bytes(int(value * MIB))
