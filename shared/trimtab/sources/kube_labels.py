"""What labels say: a node's pool and machine, a pod's controller, and keys turned back into what people wrote."""

import re
from collections.abc import Collection

from trimtab.sources.metric_points import Labels, exported

POOL_LABELS = (
    "label_eks_amazonaws_com_nodegroup", "label_cloud_google_com_gke_nodepool", "label_kubernetes_azure_com_agentpool",
    "label_agentpool", "label_pool", "label_machine_pool", "label_node_pool",
)  # fmt: skip
"""Node labels that may name the pool: the clouds' own, then those that people give pools in Palette."""

_HASHED = re.compile(r"(.+)-[bcdfghjklmnpqrstvwxz2456789]{5,10}")
"""A ReplicaSet's name with the pod-template hash that a Deployment gave it."""
_WELL_KNOWN = re.compile(r"app_kubernetes_io_(name|instance|component|version|part_of|managed_by)")
_INSTANCE_ID = "annotation_container_googleapis_com_instance_id"
_SCALE_SETS = "virtualmachinescalesets"
_NOBODY = (None, "", "<none>")


def pool_of(labels: Labels, pools: Collection[str]) -> str | None:
    """The pool of a node: a label that is a pool's name, or ends with one (EKS node groups are <cluster>-<pool>)."""
    values = [labels[name] for name in POOL_LABELS if labels.get(name)]
    if not pools:
        return values[0] if values else None
    for value in values:
        ending = [pool for pool in pools if value == pool or value.endswith(f"-{pool}")]
        if ending:
            return max(ending, key=len)
    return None


def node_id(provider_id: str) -> str | None:
    """The part of a node's provider id that a bill's ResourceId ends with; None = it has none.

    `aws:///us-east-1a/i-0abc` → `i-0abc`. A machine of an Azure scale set is a mere number, which only the set's name makes unique:
    `…/virtualMachineScaleSets/aks-a-vmss/virtualMachines/2` → `aks-a-vmss/virtualMachines/2`.
    """
    parts = provider_id.rstrip("/").split("/")
    is_in_a_set = len(parts) > 3 and parts[-4].lower() == _SCALE_SETS
    return "/".join(parts[-3:]) if is_in_a_set else parts[-1] or None


def instance_type(labels: Labels) -> str | None:
    """The node's machine type."""
    return labels.get("label_node_kubernetes_io_instance_type") or labels.get("label_beta_kubernetes_io_instance_type")


def instance_id(annotations: Labels) -> str | None:
    """The machine's number, where the cloud's bill knows it by that and the node's annotations have it (Google)."""
    return annotations.get(_INSTANCE_ID) or None


def controller(pod: str, created_by: Labels, replica_set_owner: Labels) -> tuple[str, str]:
    """Kind and name of the controller that people know; a ReplicaSet's own controller where it has one."""
    kind, name = created_by.get("created_by_kind", ""), created_by.get("created_by_name", "")
    if kind == "ReplicaSet":
        if replica_set_owner.get("owner_kind") not in _NOBODY:
            return replica_set_owner["owner_kind"], replica_set_owner["owner_name"]
        hashed = _HASHED.fullmatch(name)
        return ("Deployment", hashed[1]) if hashed else (kind, name)
    # A static pod is "created by" its node.
    return ("Pod", pod) if kind in (*_NOBODY, "Node") else (kind, name)


def replica_set(labels: Labels) -> tuple[str, str]:
    """The (namespace, name) of the ReplicaSet that a series is about."""
    return exported(labels, "namespace"), labels.get("replicaset", "")


def kubernetes(labels: Labels, prefix: str = "label_") -> dict[str, str]:
    """<prefix><key> → <key>; kube-state-metrics turns every other character into "_", and only known keys can be turned back."""
    found = {name.removeprefix(prefix): value for name, value in labels.items() if name.startswith(prefix)}
    found.pop("kubernetes_io_metadata_name", None)
    return {restored(name): value for name, value in found.items()}


def restored(name: str) -> str:
    """A label's own key, where it is one that everybody uses."""
    known = _WELL_KNOWN.fullmatch(name)
    return f"app.kubernetes.io/{known[1].replace('_', '-')}" if known else name
