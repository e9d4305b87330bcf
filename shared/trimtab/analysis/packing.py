"""How many nodes of one shape a demand needs, step by step.

Two bounds are cheap for all steps at once: no packing can do with less than `lower`, and giving each workload nodes of its own never
takes more than `upper`. Only steps where the two differ, and only when the difference matters to the question asked, are packed for
real: first fit, largest pods first, over CPU, memory, GPUs and pod slots, with the DaemonSets' share already taken from every node.
"""

from dataclasses import dataclass
from itertools import count

import numpy as np

from trimtab.analysis.demand import Bools, Demand, Floats, Ints, Overhead
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


def items_of(demand: Demand) -> Items:
    """The measured steps of a demand. A dimension that its source never records takes no room."""
    steps: Ints = np.flatnonzero(demand.measured())
    needs = (demand.cpu_need(), demand.memory_need(), demand.gpu_need(), np.ones_like(demand.pods))
    counts, sizes = demand.pods[:, steps], np.stack([np.where(demand.runs, np.nan_to_num(need), 0.0)[:, steps] for need in needs])
    return Items(
        steps=steps,
        counts=counts,
        sizes=sizes,
        totals=(counts * sizes).sum(axis=1),
        cpu_used=np.nan_to_num(demand.cpu_used[:, steps]).sum(axis=0),
        memory_used=np.nan_to_num(demand.memory_used[:, steps]).sum(axis=0),
    )


class NodesNeeded:
    """Nodes of one shape that each step of a demand needs; infinite where a pod fits no such node. Unmeasured steps are left out."""

    def __init__(self, items: Items, node: Node) -> None:
        """Compute both bounds for every measured step."""
        self.node = node
        self.steps = items.steps
        self._counts, self._sizes = items.counts, items.sizes
        self.load = np.stack([_in_nodes(total, offer) for total, offer in zip(items.totals, node.offers, strict=True)])
        """[dimension, measured step] demand in nodes, as if pods were sand."""
        used = np.maximum(_in_nodes(items.cpu_used, CPU_CEILING * node.cpu), _in_nodes(items.memory_used, MEMORY_CEILING * node.memory))
        self.fullest = np.fmax(self.load.max(axis=0, initial=0.0), used)
        """[measured step] the fullest dimension, in nodes and fractions of a node."""
        fits = _fits(self._sizes, np.array(node.offers))
        self._floor = np.ceil(used - 1e-9)
        self.lower = np.maximum(_lower(self._counts, self._sizes, self.load, node), self._floor)
        self.upper = np.maximum(_upper(self._counts, fits), self.lower)
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
        chunk = max(1, _CELLS // width)
        offers = np.array(self.node.offers)
        for at in range(0, len(chosen), chunk):
            part = chosen[at : at + chunk]
            need = np.maximum(first_fit(self._counts[:, part], self._sizes[:, :, part], offers, width), self._floor[part])
            is_settled = np.isfinite(need) | (at_most is None)
            settled = np.clip(need, self.lower[part], self.upper[part])
            self.lower[part] = np.where(is_settled, settled, width + 1)
            self.upper[part] = np.where(is_settled, settled, self.upper[part])


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


def _lower(counts: Floats, size: Floats, load: Floats, node: Node) -> Floats:
    """No less than the fullest dimension, and no two pods that each take more than half of one."""
    offers = np.array(node.offers)[:, None, None]
    large = np.where(size > offers / 2, counts, 0.0).sum(axis=1)
    bound: Floats = np.maximum(np.ceil(load - 1e-9).max(axis=0, initial=0.0), large.max(axis=0, initial=0.0))
    return bound


# ── The real packer, many steps at once ──────────────────────────────────────────────────────────────────────────────
def first_fit(counts: Floats, size: Floats, offers: Floats, width: int) -> Floats:
    """[step] nodes that first fit takes, the row with the largest pods first; infinite where `width` nodes are not enough."""
    counts, size = _largest_first(counts, size, offers)
    asked = [index for index in range(len(offers)) if _may_run_out(counts, size[index], offers[index])]
    if not asked:
        return np.where(counts.sum(axis=0) > 0, 1.0, 0.0)
    free = [np.full((width, counts.shape[1]), offers[index]) for index in asked]
    is_used = np.zeros((width, counts.shape[1]), dtype=np.bool_)
    left_over = np.zeros(counts.shape[1])
    for row, wanted in enumerate(counts):
        needs = [size[index, row] for index in asked]
        fits = _fits_on(free, needs, wanted)
        before = np.cumsum(fits, axis=0) - fits
        taken = np.clip(wanted - before, 0.0, fits)
        free = [room - taken * need for room, need in zip(free, needs, strict=True)]
        is_used |= taken > 0
        left_over += wanted - taken.sum(axis=0)
    nodes: Floats = np.where(left_over > 0, np.inf, is_used.sum(axis=0))
    return nodes


def _may_run_out(counts: Floats, size: Floats, offer: float) -> bool:
    """False where one node alone could hold all of every step in this dimension: then it never decides."""
    return bool(((counts * size).sum(axis=0) > offer).any())


def _fits_on(free: list[Floats], needs: list[Floats], wanted: Floats) -> Floats:
    """[node, step] how many of the wanted pods each node still holds."""
    fits = np.broadcast_to(wanted, free[0].shape).copy()
    with np.errstate(divide="ignore", invalid="ignore"):
        for room, need in zip(free, needs, strict=True):
            np.minimum(fits, np.where(need > 0, np.floor(room / need + 1e-9), np.inf), out=fits)
    return np.maximum(fits, 0.0)


def _largest_first(counts: Floats, size: Floats, offers: Floats) -> tuple[Floats, Floats]:
    """Rows of each step ordered by their pods' largest share of a node; pod slots do not count as size."""
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(size[:-1] > 0, size[:-1] / offers[:-1, None, None], 0.0).max(axis=0)
    order = np.argsort(-share, axis=0, kind="stable")
    return np.take_along_axis(counts, order, axis=0), np.take_along_axis(size, order[None], axis=1)
