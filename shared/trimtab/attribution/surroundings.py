"""What stands around a namespace besides its name: account, Palette project, pools, instance families, labels. It books nothing.

Kept as short texts, `account:1111`, `label:app=cart`, in one document a period, for those who may see everything.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from trimtab.attribution.cube import Cell
from trimtab.attribution.owners import texts_of

MOST_LABELS = 12
"""Labels kept of a namespace, those of most pods' groups first."""
LONGEST_LABEL = 80
PASSING = re.compile(
    r"pod-template-.*|controller-(revision-hash|uid)|.*/(pod-name|pod-index|controller-uid|job-name|job-completion-index|version|instance)"
    r"|job-name|helm\.sh/chart|.*(hash|uid|revision|generation|checksum|timestamp)"
)
"""Labels whose values change from pod to pod or from release to release."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Observed:
    """What usage tells of clusters and pods, over all exports of a period."""

    pools: frozenset[tuple[str, str, str, str]] = frozenset()
    """(cluster, pool, instance type, Palette project); "" = not told."""
    labels: frozenset[tuple[str, str, str]] = frozenset()
    """(cluster, namespace, JSON of a pods' group's labels)."""

    @property
    def projects(self) -> Mapping[str, frozenset[str]]:
        """Cluster → its Palette projects."""
        found: dict[str, set[str]] = defaultdict(set)
        for cluster, _, _, project in self.pools:
            found[cluster] |= {project} if project else set()
        return {cluster: frozenset(names) for cluster, names in found.items()}

    def __or__(self, other: "Observed") -> "Observed":
        return Observed(pools=self.pools | other.pools, labels=self.labels | other.labels)


def surroundings(cells: Iterable[Cell], observed: Observed) -> dict[str, list[str]]:
    """cluster/namespace → what stands around it, sorted."""
    of_pool: dict[tuple[str, str], set[str]] = defaultdict(set)
    for cluster, pool, instance_type, project in observed.pools:
        of_pool[cluster, pool] |= {text for text in (_named("family", family(instance_type)), _named("project", project)) if text}
    found: dict[str, set[str]] = defaultdict(set)
    for cell in cells:
        if cell.cluster and cell.namespace:
            here = {_named("account", cell.account or ""), _named("pool", f"{cell.cluster}/{cell.pool}" if cell.pool else "")}
            found[f"{cell.cluster}/{cell.namespace}"] |= {text for text in here if text} | of_pool.get(
                (cell.cluster, cell.pool or ""), set()
            )
    for place, labels in _labels(observed).items():
        found[place] |= labels
    return {place: sorted(texts) for place, texts in sorted(found.items())}


def _named(kind: str, value: str) -> str:
    return f"{kind}:{value}" if value else ""


def _labels(observed: Observed) -> Mapping[str, set[str]]:
    """The labels that most groups of a namespace's pods have; one that tells pods or releases apart tells nothing about teams."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for cluster, namespace, text in sorted(observed.labels):
        pairs = (f"label:{key}={value}" for key, value in texts_of(text).items() if not PASSING.fullmatch(key))
        counts[f"{cluster}/{namespace}"].update(pair for pair in pairs if len(pair) <= LONGEST_LABEL)
    return {place: {pair for pair, _ in sorted(own.items(), key=_often)[:MOST_LABELS]} for place, own in counts.items()}


def _often(item: tuple[str, int]) -> tuple[int, str]:
    return -item[1], item[0]


def family(instance_type: str) -> str:
    """`m5.xlarge` → m5, `n2-standard-8` → n2, `Standard_D8s_v5` → dsv5; a shape of OCI is its own family."""
    if instance_type.lower().startswith("standard_"):
        return re.sub(r"(?<![vV])\d+|_", "", instance_type[len("standard_") :]).lower()
    if instance_type.lower().startswith(("vm.", "bm.")):
        return instance_type.lower()
    return re.split(r"[.\-]", instance_type, maxsplit=1)[0].lower()
