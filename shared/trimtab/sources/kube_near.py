"""Which of a reading's facts hold in an hour: the Kubernetes API tells of now, rows tell of hours that are over.

The rule:
- What a pod's spec fixes (its containers, volumes, affinity, owner) holds for as long as that pod lives, known by its uid.
- Labels, annotations and the specs of budgets and autoscalers hold from their last write, no longer than `NEAR` back; where nobody
  wrote down when that was, and for what a status says (evictions allowed), only the hours that ended within `NOW` of the reading.
- That something does not exist holds for `NEAR`, and only where its kind was read.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from trimtab.sources.kube_meta import Meta
from trimtab.sources.kube_objects import Budget, KubeNode, KubeObjects, Volume
from trimtab.sources.kube_pods import Amounts, KubePod
from trimtab.sources.kube_selectors import keeps_apart
from trimtab.sources.metric_points import HOUR, Pod

NEAR = 48 * HOUR
"""As far back as a run reads again: an hour that is read twice says the same twice."""
NOW = 2 * HOUR
NO_BUDGET = -1
Workload = tuple[str, str, str]
"""(namespace, kind, name)."""


@dataclass(frozen=True, slots=True)
class Covered:
    """Which budgets cover a pod."""

    names: tuple[str, ...]
    allowed: int | None
    """By their status now; None = nobody knows."""


class KubeNear:
    """One reading, asked by pod, node, workload and hour."""

    def __init__(self, objects: KubeObjects) -> None:
        self.objects = objects
        self.read_at = int(objects.read_at.timestamp())
        self.pods = {(pod.meta.namespace, pod.meta.name): pod for pod in objects.pods}
        self.siblings = {
            (pod.meta.namespace, pod.meta.owner[1]): pod
            for pod in objects.pods
            if pod.meta.owner and pod.meta.owner[0] == "ReplicaSet" and _is_by_template(pod)
        }
        self.nodes = {node.meta.name: node for node in objects.nodes}
        self.spaces = {meta.name: meta for meta in objects.namespaces}
        self.claims = {(claim.meta.namespace, claim.meta.name): claim for claim in objects.claims}
        self.volumes = {volume.meta.name: volume for volume in objects.volumes}
        self.over: dict[Pod, list[Budget]] = {}
        self.budgets: dict[str, list[Budget]] = defaultdict(list)
        for budget in objects.budgets:
            self.budgets[budget.meta.namespace].append(budget)
        self.scalers: dict[Workload, set[str]] = defaultdict(set)
        for scaler in objects.autoscalers:
            self.scalers[scaler.meta.namespace, *scaler.target] |= scaler.looks_at

    def is_near(self, hour: int, since: int | None = None, *, within: int = NEAR) -> bool:
        """True where an hour that something has been true since is near enough to the reading."""
        begun = since is None or since < hour + HOUR
        return begun and self.read_at - within <= hour + HOUR <= self.read_at + HOUR

    def pod(self, name: Pod, uids: Iterable[str], node: str, hour: int) -> KubePod | None:
        """That very pod: by uid where the metrics have one, else by its node; the next pod of that name is another one."""
        found = self.pods.get(name)
        if found is None or found.meta.created >= hour + HOUR:
            return None
        known = {uid for uid in uids if uid}
        return found if (found.meta.uid in known if known else found.node == node) else None

    def sibling(self, namespace: str, replica_set: str) -> KubePod | None:
        """A pod that stands for one that is gone: those of a ReplicaSet named by its template are all made from that one."""
        return self.siblings.get((namespace, replica_set))

    def node(self, name: str, provider_id: str, hour: int) -> KubeNode | None:
        """That very machine; a name goes to the next one, its provider id does not."""
        found = self.nodes.get(name)
        is_same = found is not None and (not provider_id or not found.provider_id or provider_id == found.provider_id)
        return found if found is not None and is_same and found.meta.created < hour + HOUR else None

    def words(self, meta: Meta | None, kind: str, hour: int) -> Mapping[str, str] | None:
        """Labels or annotations as they were in that hour; None = nobody knows."""
        if meta is None or not self._holds(meta.words_since, hour):
            return None
        return meta.labels if kind == "label" else meta.annotations

    def amounts(self, pod: KubePod, what: Amounts, hour: int) -> Amounts | None:
        """Requests or limits; of a pod whose spec was written again (a resize in place) only those of now."""
        return what if pod.meta.generation <= 1 or self.is_near(hour, within=NOW) else None

    def covered(self, pod: KubePod, hour: int) -> Covered | None:
        """The budgets over a pod, two of which let none go: the eviction API refuses; None = nobody knows."""
        if "budget" in self.objects.not_read or not self.is_near(hour):
            return None
        if pod.meta.is_mirror:
            return Covered((), NO_BUDGET)  # nobody evicts it: it goes with its machine
        over = self._over(pod)
        if any(not self._holds(budget.meta.spec_since, hour) for budget in over):
            return None
        allowed = NO_BUDGET if not over else 0 if len(over) > 1 else over[0].allowed
        return Covered(tuple(budget.meta.name for budget in over), allowed)

    def scaled_by(self, workload: Workload, hour: int) -> str | None:
        """What the workload's autoscaler looks at; "" = it has none, None = nobody knows."""
        if "autoscaler" in self.objects.not_read or not self.is_near(hour):
            return None
        return ",".join(sorted(self.scalers.get(workload, ()), key=("cpu", "memory", "other").index))

    def own_node(self, pod: KubePod, hour: int) -> bool | None:
        """True where two such pods cannot share a node; None = a namespace's labels decide, and nobody knows them."""
        if pod.meta.is_mirror:
            return False
        space = self.spaces.get(pod.meta.namespace)
        around = self.words(space, "label", hour) if space else None
        answers = {keeps_apart(pod.spec, pod.meta.namespace, pod.meta.labels, labels) for labels in ({}, around or {})}
        return None if len(answers) == 2 and around is None else True in answers

    def pinned(self, pod: KubePod) -> dict[str, str] | None:
        """The node labels that it and its volumes require; None = its volumes are not known."""
        volumes = self._volumes(pod)
        if volumes is None:
            return None
        found = {key: value for volume in volumes for key, value in volume.required.items()}
        return dict(sorted((found | dict(pod.required)).items()))

    def has_local_volume(self, pod: KubePod) -> bool | None:
        """True where data of it stays behind on a machine; None = its volumes are not known."""
        if pod.has_local_volume:
            return True
        volumes = self._volumes(pod)
        return None if volumes is None else any(volume.is_local for volume in volumes)

    def kills(self, pod: KubePod, hour: int) -> int | None:
        """Containers killed for memory in the hour; None = a later end may hide what was before it."""
        if not pod.is_watched or any(at >= hour + HOUR for at, _, _ in pod.ends):
            return None
        here = [(for_memory, again) for at, for_memory, again in pod.ends if at >= hour]
        killed = sum(for_memory for for_memory, _ in here)
        return None if not killed and any(again for _, again in here) else killed

    def _over(self, pod: KubePod) -> list[Budget]:
        """The budgets whose selector is met, found once for every hour."""
        name = pod.meta.namespace, pod.meta.name
        if name not in self.over:
            every = self.budgets.get(pod.meta.namespace, ())
            self.over[name] = [each for each in every if each.selector and each.selector.matches(pod.meta.labels)]
        return self.over[name]

    def _volumes(self, pod: KubePod) -> list[Volume] | None:
        if not pod.claims:
            return []
        claims = [self.claims.get((pod.meta.namespace, name)) for name in pod.claims]
        volumes = [self.volumes.get(claim.volume) for claim in claims if claim]
        known = [volume for volume in volumes if volume]
        return known if len(known) == len(pod.claims) else None

    def _holds(self, since: int | None, hour: int) -> bool:
        return self.is_near(hour, since, within=NEAR if since is not None else NOW)


def _is_by_template(pod: KubePod) -> bool:
    """True where it is as its template made it, by a Deployment or Rollout, whose ReplicaSets never get another one."""
    is_hashed = any(key in pod.meta.labels for key in ("pod-template-hash", "rollouts-pod-template-hash"))
    return is_hashed and pod.meta.generation <= 1 and not pod.has_own_claims


__all__ = ["NEAR", "NOW", "NO_BUDGET", "Covered", "KubeNear"]
