"""What Kubernetes decides about pods and nodes, for their rows: kube-state-metrics' history first, the API's reading where it holds.

Each value is known or None; a zero, "" or False is an answer. Where the two disagree the more careful one counts. A reading of another
cluster than the metrics are of is not used at all, and said.
"""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

from trimtab.sources.kube_near import NO_BUDGET, NOW, KubeNear
from trimtab.sources.kube_objects import KubeObjects
from trimtab.sources.kube_pods import Amounts, KubePod
from trimtab.sources.kube_quantities import exported_name
from trimtab.sources.kube_selectors import ANOTHER_WAY
from trimtab.sources.kube_series import Found, KubeSeries, job_owners
from trimtab.sources.metric_points import Labels, Pod

KARPENTER = ("label_karpenter_sh_nodepool", "label_karpenter_sh_provisioner_name", "label_karpenter_sh_capacity_type")
_ZONES = ("label_topology_kubernetes_io_zone", "label_failure_domain_beta_kubernetes_io_zone")
_CHANGING = ("label_nvidia_com_", "label_feature_node_kubernetes_io_")
"""Node labels that agents write while the machine runs; the others are as it joined."""
_POOLS_OF_CLOUDS = ("label_eks_amazonaws_com_nodegroup", "label_cloud_google_com_gke_nodepool")
"""Labels that only a cloud's own pool gives its nodes; one that people chose may stand in a Karpenter pool's template too."""
LONGEST_PINNED = 4000
Uids = Mapping[tuple[Pod, str], Collection[str]]
"""(pod, its node) → uids."""


class KubeFacts:
    """Both sources of one cluster, asked by hour."""

    def __init__(self, found: Found, kube: KubeObjects | None, uids: Uids, nodes: Mapping[str, str], *, is_vouched: bool) -> None:
        """`uids` of the pods in the metrics, `nodes` = name → provider id in the metrics, `is_vouched` = the jobs behind them are named."""
        self.read = near = KubeNear(kube) if kube else None
        self.series = KubeSeries(found, is_vouched=is_vouched)
        self.near = near if near and _is_same(near, uids, nodes) else None
        self.uids = uids
        self.places: dict[Pod, list[str]] = defaultdict(list)
        for pod, node in uids:
            self.places[pod].append(node)
        self.jobs = job_owners(found)
        self.owners: dict[tuple[str, str], dict[str, str]] = {}
        if self.near:
            objects = self.near.objects
            self.jobs |= {(job.namespace, job.name): job.owner for job in objects.jobs if job.owner}
            self.owners = {
                (each.namespace, each.name): dict(zip(("owner_kind", "owner_name"), each.owner or ("ReplicaSet", each.name), strict=True))
                for each in objects.replica_sets
            }

    def warnings(self, last: int, nodes: Collection[str]) -> Iterable[str]:
        """What could not be read; `nodes` are those in the metrics of the hour `last`."""
        if self.read is None:
            return
        for kind, reason in self.read.objects.not_read.items():
            yield f"Kubernetes API: {kind.replace('_', ' ')}s were not read: {reason}"
        if self.near is None:
            is_now = self.read.is_near(last, within=NOW)
            why = "is it another cluster's (--context)? It" if is_now else "what it says of today"
            yield f"Kubernetes API: nothing that it lists is in the metrics of these hours; {why} is not used for them"
            return
        missing = [name for name, node in self.near.nodes.items() if name not in nodes and node.meta.created < last]
        if missing and self.near.is_near(last, within=NOW):
            named = ", ".join(sorted(missing)[:5])
            yield f"{len(missing)} nodes of the Kubernetes API are not in the metrics ({named}): unknown, not idle"

    def pod(self, name: Pod, node: str, hour: int) -> KubePod | None:
        """What the API says of that very pod."""
        return self.near.pod(name, self.uids.get((name, node), ()), node, hour) if self.near else None

    def like(self, name: Pod, node: str, hour: int, created_by: Labels) -> KubePod | None:
        """The same, or of a pod made from the same template."""
        is_of_set = created_by.get("created_by_kind") == "ReplicaSet"
        other = self.near.sibling(name[0], created_by["created_by_name"]) if self.near and is_of_set else None
        return self.pod(name, node, hour) or other

    def mounting(self, name: Pod, hour: int) -> KubePod | None:
        """What the API says of a pod, wherever it is."""
        return next((found for node in self.places.get(name, ()) if (found := self.pod(name, node, hour))), None)

    def maker(self, namespace: str, kind: str, name: str) -> tuple[str, str]:
        """A Job's CronJob, or what else made it; anything else is its own."""
        return self.jobs.get((namespace, name), (kind, name)) if kind == "Job" else (kind, name)

    def requests(self, pod: KubePod | None, hour: int) -> Amounts | None:
        """What the API says that the scheduler set aside; None = nothing known."""
        return self.near.amounts(pod, pod.requests, hour) if self.near and pod else None

    def pod_values(self, name: Pod, own: KubePod | None, like: KubePod | None, workload: tuple[str, str], hour: int) -> dict[str, object]:
        """The columns of a pod's row that say how it may be changed and moved; `own` is that pod, `like` it or one made like it."""
        near = self.near
        pinned = near.pinned(like) if near and like else None
        return {
            "disruptions_allowed": self._allowed(name[0], like, hour),
            "local_volume": near.has_local_volume(like) if near and like else None,
            "cpu_limit": self._limit(name, like, "cpu", hour, 1000), "memory_limit": self._limit(name, like, "memory", hour, 1),
            "out_of_memory": self._kills(name, own, hour), "scaled_by": self._scaled_by((name[0], *workload), hour),
            "own_node": near.own_node(like, hour) if near and like else None,
            "pinned": None if pinned is None else _pinned(pinned),
            "grace_seconds": like.grace_seconds if like else None,
        }  # fmt: skip

    def node_labels(self, name: str, told: Labels, provider_id: str, hour: int) -> Labels:
        """Labels as kube-state-metrics writes them; its own stand over the API's."""
        node = self.near.node(name, provider_id, hour) if self.near else None
        if self.near is None or node is None:
            return told
        is_proven = self.near.words(node.meta, "label", hour) is not None
        read = {f"label_{exported_name(key)}": text for key, text in node.meta.labels.items()}
        return {key: text for key, text in read.items() if is_proven or not key.startswith(_CHANGING)} | dict(told)

    def capacity(self, name: str, provider_id: str, hour: int) -> dict[str, float]:
        """What a node has by the API, in kube-state-metrics' names and units; {} = not known."""
        node = self.near.node(name, provider_id, hour) if self.near else None
        amounts = node.capacity.items() if node else ()
        return {exported_name(key): amount / 1000 if key == "cpu" else float(amount) for key, amount in amounts}

    def provider_id(self, name: str, hour: int) -> str:
        """A node's id in its cloud, as the API has it; "" = not known."""
        node = self.near.node(name, "", hour) if self.near else None
        return node.provider_id if node else ""

    def node_values(self, name: str, labels: Labels, provider_id: str, hour: int) -> dict[str, object]:
        """The columns of a node's row. That nobody else made it is known where all its labels are, or a cloud's own pool has it."""
        is_known = bool(self.near and self.near.node(name, provider_id, hour)) or any(labels.get(key) for key in _POOLS_OF_CLOUDS)
        made_by = "karpenter" if any(labels.get(key) for key in KARPENTER) else "" if is_known else None
        return {"zone": next((labels[key] for key in _ZONES if labels.get(key)), None), "managed_by": made_by}

    def volume(self, name: str) -> tuple[str | None, int | None]:
        """A volume's id in its cloud and its size; None = not known."""
        volume = self.near.volumes.get(name) if self.near else None
        return (volume.provider_id, volume.size) if volume else (None, None)

    def storage_class(self, claim: tuple[str, str]) -> str | None:
        """What a claim's volume is made of; None = not known."""
        found = self.near.claims.get(claim) if self.near else None
        volume = self.near.volumes.get(found.volume) if self.near and found else None
        return (found.storage_class if found else None) or (volume.storage_class if volume else None)

    def _allowed(self, namespace: str, pod: KubePod | None, hour: int) -> int | None:
        covered = self.near.covered(pod, hour) if self.near and pod else None
        if covered is None:
            return NO_BUDGET if self.series.has_no_budget(namespace, hour) else None
        if len(covered.names) != 1:
            return covered.allowed
        told = self.series.allowed(namespace, covered.names[0], hour)
        now = covered.allowed if self.near and self.near.is_near(hour, within=NOW) else None
        known = [count for count in (told, now) if count is not None]
        return min(known, default=None)

    def _limit(self, name: Pod, pod: KubePod | None, resource: str, hour: int, scale: int) -> int | None:
        read = self.near.amounts(pod, pod.limits, hour) if self.near and pod else None
        return self.series.limit(name, resource, hour, scale) if read is None else read[resource]

    def _kills(self, name: Pod, pod: KubePod | None, hour: int) -> int | None:
        known = [self.series.kills(name, hour), self.near.kills(pod, hour) if self.near and pod else None]
        return max((count for count in known if count is not None), default=None)

    def _scaled_by(self, workload: tuple[str, str, str], hour: int) -> str | None:
        told, read = self.series.scaled_by(*workload, hour), self.near.scaled_by(workload, hour) if self.near else None
        return told or read or (told if read is None else read)


def _pinned(labels: Mapping[str, str]) -> str:
    text = json.dumps(labels, sort_keys=True)
    return text if len(text) <= LONGEST_PINNED else json.dumps({"more labels than a row has room for": ANOTHER_WAY})


def _is_same(near: KubeNear, uids: Uids, nodes: Mapping[str, str]) -> bool:
    """True where the reading and the metrics have a pod in common, by its uid; where one of them has none, a machine, by its id.

    Names prove nothing: two clusters may well have a node or pod of one name.
    """
    seen = {uid for every in uids.values() for uid in every if uid}
    if seen and near.pods:
        return any(pod.meta.uid in seen for pod in near.objects.pods)
    return any(node.provider_id and nodes.get(name) == node.provider_id for name, node in near.nodes.items())


__all__ = ["KubeFacts"]
