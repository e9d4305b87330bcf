"""Labels and annotations of pods over those of their namespaces, as JSON: from the Kubernetes API where it tells of the hour, else as
kube-state-metrics exported them, with keys turned back into what people wrote where the API knows them.

They are words about a row and no more: which cluster, pool or node it is never comes from them.
"""

import json
from collections.abc import Mapping, Sequence

from trimtab.records import MetricSeries
from trimtab.sources.kube_labels import kubernetes
from trimtab.sources.kube_meta import Meta, kept
from trimtab.sources.kube_near import KubeNear
from trimtab.sources.kube_quantities import exported_name
from trimtab.sources.metric_points import Pod, Told, exported, pod_of

_OF_ONE_POD = frozenset({
    "pod-template-hash", "controller-revision-hash", "pod-template-generation", "controller-uid", "batch.kubernetes.io/controller-uid",
    "job-name", "batch.kubernetes.io/job-name", "batch.kubernetes.io/job-completion-index", "statefulset.kubernetes.io/pod-name",
    "apps.kubernetes.io/pod-index", "kubernetes.io/metadata.name",
})  # fmt: skip
"""What Kubernetes itself writes to tell its own objects apart; nobody owns by it."""


class Words:
    """One kind of them."""

    def __init__(self, found: Mapping[str, Sequence[MetricSeries]], kind: str, near: KubeNear | None) -> None:
        self.kind, self.prefix, self.near = kind, f"{kind}_", near
        self.pods = Told(found.get(f"pod_{kind}s", ()), pod_of)
        self.namespaces = Told(found.get(f"namespace_{kind}s", ()), lambda labels: exported(labels, "namespace"))
        self.keys = _keys(near, kind) if near else {}

    def of(self, pod: Pod, meta: Meta | None, hour: int) -> str:
        """A JSON object; `meta` is what the API says of that pod."""
        near = self.near
        around = near.words(near.spaces.get(pod[0]), self.kind, hour) if near else None
        own = near.words(meta, self.kind, hour) if near else None
        told = dict(self._told(self.namespaces, pod[0], hour) if around is None else around)
        told |= self._told(self.pods, pod, hour) if own is None else own
        return json.dumps(kept({key: text for key, text in told.items() if key not in _OF_ONE_POD}), sort_keys=True)

    def _told(self, told: "Told[Pod] | Told[str]", key: Pod | str, hour: int) -> dict[str, str]:
        words = kubernetes(told.at(key, hour), self.prefix)  # type: ignore[arg-type]
        return {self.keys.get(name, name): text for name, text in words.items()}


def _keys(near: KubeNear, kind: str) -> dict[str, str]:
    """Exported key → the real one, where only one key is exported so."""
    metas = (*(pod.meta for pod in near.objects.pods), *near.objects.namespaces)
    keys = {key for meta in metas for key in (meta.labels if kind == "label" else meta.annotations)}
    found: dict[str, set[str]] = {}
    for key in keys:
        found.setdefault(exported_name(key), set()).add(key)
    return {name: next(iter(same)) for name, same in found.items() if len(same) == 1}


__all__ = ["Words"]
