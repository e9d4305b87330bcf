"""A region's instance types as columns, so that a thousand are sifted at once; made again only when the catalog says something else."""

import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trimtab.analysis.case import usable_price
from trimtab.analysis.demand import Bools, Floats, Ints, Overhead
from trimtab.analysis.families import family
from trimtab.records import Cloud, InstanceType
from trimtab.units import Money

DEVICES: dict[Cloud, re.Pattern[str]] = {
    "aws": re.compile(r"(g|gr|p)\d"),
    "gcp": re.compile(r"(a|g)\d|ct\d"),
    "azure": re.compile(r"Standard_N"),
}
"""Families that are sold for their device, GPUs of every make, TPUs and FPGAs, whether or not a catalog counts it."""
_KEPT = 8
"""Regions whose columns are kept."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Stock:
    """One entry per type, in the catalog's order."""

    types: tuple[InstanceType, ...]
    offers: Floats
    """[type, dimension] CPU, memory, GPUs in thousandths, pod slots, before any DaemonSet."""
    arch: NDArray[np.str_]
    has_gpus: Bools
    name: NDArray[np.str_]
    family: NDArray[np.str_]
    line: NDArray[np.str_]
    generation: Ints
    is_special: Bools
    on_demand: Floats
    """To sort by; infinite where there is no price that can be reckoned with."""
    spot: Floats
    currency: NDArray[np.str_]
    """Of the on-demand price."""

    def rivals(self, own: InstanceType, prices: Floats, currency: str) -> Ints:
        """Types that a pool of `own` may become: same architecture, GPUs or none like it, no older, made for pods, and with a price."""
        mine = family(own)
        # Generations are compared within a line of machines only (m, c and r are one): a p5 is no newer than a g6.
        is_older = (self.line == mine.line) & (self.generation < mine.generation) & (self.family != mine.name)
        is_alike = (self.arch == own.arch) & (self.has_gpus == bool(own.gpus)) & (self.name != own.name)
        is_priced = np.isfinite(prices) & (self.currency == currency)
        found: Ints = np.flatnonzero(is_alike & ~is_older & ~self.is_special & is_priced)
        return found if own.arch and not has_other_device(own) else found[:0]

    def rooms(self, chosen: Ints, taken: Overhead) -> Floats:
        """[chosen type, dimension] what one node offers once the DaemonSets took theirs."""
        rooms: Floats = self.offers[chosen] - np.array([taken.cpu, taken.memory, 0.0, taken.pods])
        return rooms


def stock_of(types: tuple[InstanceType, ...]) -> Stock:
    """The columns of these types. Two tuples of the same objects are compared by identity, which costs next to nothing."""
    found = next((stock for stock in _stocks if stock.types == types), None)
    if found is None:
        found = _columns(types)
        _stocks.appendleft(found)
    return found


_stocks: deque[Stock] = deque(maxlen=_KEPT)


def _columns(types: Sequence[InstanceType]) -> Stock:
    families = [family(each) for each in types]
    offers = [(each.allocatable_cpu, each.allocatable_memory, 1000 * each.gpus, each.max_pods) for each in types]
    return Stock(
        types=tuple(types),
        offers=np.array(offers, dtype=np.float64).reshape(len(types), 4),
        arch=np.array([each.arch for each in types], dtype=np.str_),
        has_gpus=np.array([bool(each.gpus) for each in types], dtype=np.bool_),
        name=np.array([each.name for each in types], dtype=np.str_),
        family=np.array([each.name for each in families], dtype=np.str_),
        line=np.array([each.line for each in families], dtype=np.str_),
        generation=np.array([each.generation for each in families], dtype=np.int64),
        is_special=np.array(
            [each.is_special or has_other_device(kind) for each, kind in zip(families, types, strict=True)], dtype=np.bool_
        ),
        on_demand=np.array([_amount(each.price) for each in types], dtype=np.float64),
        spot=np.array([_amount(each.spot_price) for each in types], dtype=np.float64),
        currency=np.array([each.price.currency if each.price else "" for each in types], dtype=np.str_),
    )


def has_other_device(instance: InstanceType) -> bool:
    """A part of a GPU, or a device that no pod asks for as one: such a machine is neither a GPU node nor a plain one."""
    return not instance.gpus and (instance.gpu_model is not None or bool(DEVICES[instance.cloud].match(instance.name)))


def _amount(price: Money | None) -> float:
    usable = usable_price(price)
    return float(usable.amount) if usable else np.inf
