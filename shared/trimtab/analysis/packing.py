"""How many nodes of one shape a demand needs, step by step.

Two bounds are cheap for all steps at once: no packing can do with less than `lower`, and giving each workload nodes of its own never
takes more than `upper`. Only steps where the two differ, and only when the difference matters to the question asked, are packed for
real: first fit, largest pods first, over CPU, memory, GPUs and pod slots, with the DaemonSets' share already taken from every node.
Steps with the same pods are packed once.
"""

from dataclasses import dataclass
from itertools import count

import numpy as np

from trimtab.analysis.demand import Bools, Demand, Floats, Ints, Overhead
from trimtab.analysis.first_fit import first_fit, first_fit_alike
from trimtab.records import InstanceType

CPU_CEILING = 0.90
"""Use of CPU above this share of what a node offers counts as not served, whatever the requests say."""
MEMORY_CEILING = 0.95
_CELLS = 50_000
"""Steps × nodes that are packed at once: small enough for the processor's cache."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Node:
    """What one node offers to pods after the DaemonSets took theirs."""

    name: str
    cpu: float
    memory: float
    gpu: float
    """Thousandths of a GPU."""
    pods: float
    cpu_ceiling: float = CPU_CEILING
    memory_ceiling: float = MEMORY_CEILING

    @property
    def offers(self) -> tuple[float, float, float, float]:
        """In the order of `sizes`."""
        return (self.cpu, self.memory, self.gpu, self.pods)


def node_of(instance: InstanceType, overhead: Overhead) -> Node:
    """A node of that instance type, never less than nothing."""
    return Node(
        name=instance.name,
        cpu=max(0.0, instance.allocatable_cpu - overhead.cpu),
        memory=max(0.0, instance.allocatable_memory - overhead.memory),
        gpu=1000.0 * instance.gpus,
        pods=max(0, instance.max_pods - overhead.pods),
    )


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Items:
    """What is packed, the same for every shape: pods and their sizes in each measured step, and what all of them used."""

    steps: Ints
    """[measured step] index into the demand's steps."""
    counts: Floats
    """[row, measured step]"""
    sizes: Floats
    """[dimension, row, measured step] need of one pod: CPU, memory, GPU, pod slots."""
    totals: Floats
    """[dimension, measured step]"""
    cpu_used: Floats
    memory_used: Floats
    alike: Ints
    """[measured step] steps with the same number have the same pods."""
    shapes: Floats | None = None
    """[dimension, row] where the pods of a row never change their size; else None."""
    apart: Floats | None = None
    """[row] how many of its pods one node may hold whatever room it has: 1 where they may not share one, else infinite; None = all may."""


def items_of(demand: Demand) -> Items:
    """The measured steps of a demand. A dimension that its source never records takes no room."""
    steps: Ints = np.flatnonzero(demand.measured())
    needs = (demand.cpu_need(), demand.memory_need(), demand.gpu_need(), np.ones_like(demand.pods))
    counts = demand.pods[:, steps]
    sizes = np.stack([np.where(demand.runs, np.nan_to_num(need), 0.0)[:, steps] for need in needs])
    shapes = _shapes(counts, sizes)
    return Items(
        steps=steps,
        counts=counts,
        sizes=sizes,
        totals=(counts * sizes).sum(axis=1) if shapes is None else shapes @ counts,
        cpu_used=np.nan_to_num(demand.cpu_used[:, steps]).sum(axis=0),
        memory_used=np.nan_to_num(demand.memory_used[:, steps]).sum(axis=0),
        alike=np.arange(len(steps)) if shapes is None else _alike(counts),
        shapes=shapes,
        apart=_apart(demand),
    )


def _apart(demand: Demand) -> Floats | None:
    own = {name for name, drain in demand.drains.items() if drain.has_own_node}
    return np.array([1.0 if name in own else np.inf for name in demand.names]) if own else None


def _shapes(counts: Floats, sizes: Floats) -> Floats | None:
    """[dimension, row] the size that all pods of a row have in all steps, or None where one of them ever has another."""
    highest: Floats = sizes.max(axis=2, initial=0.0)
    return highest if bool(((sizes == highest[:, :, None]) | (counts == 0)).all()) else None


def _alike(counts: Floats) -> Ints:
    """[step] which of the distinct columns each one is: read as one number where that is exact, as bytes where it is not."""
    radix = counts.max(axis=1, initial=0.0) + 1.0
    is_exact = bool((counts == np.floor(counts)).all()) and float(np.log2(radix).sum()) < 62
    if is_exact:
        places = np.append(1, np.cumprod(radix.astype(np.int64))[:-1])[: len(counts)]
        keys = places @ counts.astype(np.int64)
    else:
        keys = np.ascontiguousarray(counts.T).view([("", counts.dtype)] * len(counts)).ravel() if len(counts) else np.zeros(counts.shape[1])
    return np.unique(keys, return_inverse=True)[1].astype(np.int64).ravel()


class NodesNeeded:
    """Nodes of one shape that each step of a demand needs; infinite where a pod fits no such node. Unmeasured steps are left out."""

    def __init__(self, items: Items, node: Node) -> None:
        """Compute both bounds for every measured step."""
        self.node = node
        self.steps = items.steps
        self._items = items
        self.load = np.stack([_in_nodes(total, offer) for total, offer in zip(items.totals, node.offers, strict=True)])
        """[dimension, measured step] demand in nodes, as if pods were sand."""
        used = np.maximum(
            _in_nodes(items.cpu_used, node.cpu_ceiling * node.cpu), _in_nodes(items.memory_used, node.memory_ceiling * node.memory)
        )
        self.fullest = np.fmax(self.load.max(axis=0, initial=0.0), used)
        """[measured step] the fullest dimension, in nodes and fractions of a node."""
        sizes = items.sizes if items.shapes is None else items.shapes[:, :, None]
        fits = _fits(sizes, np.array(node.offers))
        if items.apart is not None:
            fits = np.minimum(fits, items.apart[:, None])
        self._floor = np.ceil(used - 1e-9)
        self.lower = np.maximum(_lower(items, self.load, node), self._floor)
        self.upper = np.maximum(_upper(items.counts, fits), self.lower)
        self.lower = np.where(np.isinf(self.upper), np.inf, self.lower)

    def exact(self, wanted: Bools | None = None) -> Floats:
        """Nodes needed in each measured step; steps that are not wanted keep their lower bound."""
        open_steps = self.lower < self.upper if wanted is None else wanted & (self.lower < self.upper)
        self._pack(np.flatnonzero(open_steps))
        return self.lower

    def maximum(self, part: Bools) -> float:
        """The most that any step of `part` needs; 0 for an empty part."""
        if not part.any():
            return 0.0
        inside = np.flatnonzero(part)
        # The fullest steps first: most of the others are then known not to matter.
        fullest_first = inside[np.argsort(-self.fullest[inside], kind="stable")]
        for batch in count(start=5, step=2):
            most = self.lower[inside].max()
            rivals = fullest_first[self.upper[fullest_first] > most]
            if not len(rivals):
                break
            self._pack(rivals[: 2**batch])
        return float(most)

    def quantile(self, q: float, part: Bools) -> float:
        """The least number of nodes that is enough in at least that share of the part's steps."""
        if not part.any():
            return 0.0
        rank = min(int(part.sum()) - 1, max(0, int(np.ceil(q * part.sum())) - 1))
        at_least, at_most = np.sort(self.lower[part])[rank], np.sort(self.upper[part])[rank]
        # A step that is surely below or surely above cannot move the quantile.
        return float(np.sort(self.exact(part & (self.upper > at_least) & (self.lower < at_most))[part])[rank])

    def misses(self, nodes: float, part: Bools) -> Bools:
        """[measured step] True where `nodes` would not have been enough."""
        self._pack(np.flatnonzero(part & (self.lower <= nodes) & (self.upper > nodes)), at_most=int(nodes))
        return part & (self.lower > nodes)

    def _pack(self, chosen: Ints, at_most: int | None = None) -> None:
        """Settle these steps; with `at_most`, those that need more are only known to need more."""
        if not len(chosen):
            return
        width = at_most or int(self.upper[chosen].max())
        _, first, back = np.unique(self._items.alike[chosen], return_index=True, return_inverse=True)
        need = np.maximum(self._packed(chosen[first], width)[back.ravel()], self._floor[chosen])
        is_settled = np.isfinite(need) | (at_most is None)
        settled = np.clip(need, self.lower[chosen], self.upper[chosen])
        self.lower[chosen] = np.where(is_settled, settled, width + 1)
        self.upper[chosen] = np.where(is_settled, settled, self.upper[chosen])

    def _packed(self, steps: Ints, width: int) -> Floats:
        """[of these steps] nodes that first fit takes, infinite beyond `width`; some steps at a time, so that they stay in the cache."""
        items, offers = self._items, np.array(self.node.offers)
        chunk = max(1, _CELLS // width)
        need = np.empty(len(steps))
        for at in range(0, len(steps), chunk):
            part = steps[at : at + chunk]
            if items.shapes is not None:
                need[at : at + chunk] = first_fit_alike(items.counts[:, part], items.shapes, offers, width, items.apart)
            else:
                need[at : at + chunk] = first_fit(items.counts[:, part], items.sizes[:, :, part], offers, width, items.apart)
        return need


def _in_nodes(total: Floats, offer: float) -> Floats:
    return total / offer if offer > 0 else np.where(total > 0, np.inf, 0.0)


def _fits(size: Floats, offers: Floats) -> Floats:
    """[row, step] how many pods of a row one empty node holds."""
    with np.errstate(divide="ignore", invalid="ignore"):
        per_dimension = np.where(size > 0, np.floor(offers[:, None, None] / size + 1e-9), np.inf)
    fits: Floats = per_dimension.min(axis=0, initial=np.inf)
    return fits


def _upper(counts: Floats, fits: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        own = np.where(counts > 0, np.where(fits > 0, np.ceil(counts / fits - 1e-9), np.inf), 0.0)
    total: Floats = own.sum(axis=0)
    return total


def _lower(items: Items, load: Floats, node: Node) -> Floats:
    """No less than the fullest dimension, no two pods that each take more than half of one, and none that may not share a node."""
    offers = np.array(node.offers)[:, None]
    if items.shapes is not None:
        large = (items.shapes > offers / 2).astype(np.float64) @ items.counts
    else:
        large = np.where(items.sizes > offers[:, :, None] / 2, items.counts, 0.0).sum(axis=1)
    bound: Floats = np.maximum(np.ceil(load - 1e-9).max(axis=0, initial=0.0), large.max(axis=0, initial=0.0))
    if items.apart is not None:
        bound = np.maximum(bound, items.counts[np.isfinite(items.apart)].max(axis=0, initial=0.0))
    return bound
