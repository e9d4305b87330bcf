"""Every instance type of a pool's cloud and region as an option: packed by the recorded pods, sized on the first part, judged on the rest.

A catalog has a thousand types. Most are put aside by what no packing can beat: the peak of each resource in nodes of that size, at that
price. The others are packed on the fullest steps first, and only what may still be the cheapest is packed on all of them; the answer is
the same as if everything had been.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from trimtab.analysis import gpu_switch
from trimtab.analysis.case import Case
from trimtab.analysis.counts import load_of
from trimtab.analysis.demand import Bools, Floats, Ints
from trimtab.analysis.families import family
from trimtab.analysis.floors import floor_of, own_nodes, too_small_for_palette, zones
from trimtab.analysis.packing import CPU_CEILING, MEMORY_CEILING, Items, NodesNeeded, node_of
from trimtab.analysis.sizing import MARGIN, newest, whole
from trimtab.analysis.stock import Stock, stock_of
from trimtab.records import InstanceType
from trimtab.units import HOURS_PER_MONTH, Money

FULLEST = 8
"""So many of the fullest steps per resource are packed before all of them are."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Option:
    """So many nodes of one type for the whole of what the pool carries."""

    instance: InstanceType
    price: Money
    """Of one node-hour."""
    nodes: int
    missed: int
    """Steps of the judged part, or any other, in which these nodes would have been too few."""
    objection: str = ""
    """What else speaks against it; "" = nothing."""

    @property
    def cost(self) -> Money:
        """Of a month."""
        return self.price * (HOURS_PER_MONTH * self.nodes)

    @property
    def passes(self) -> bool:
        """It would have carried everything, and nothing speaks against it."""
        return not self.missed and not self.objection


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What the catalog has: the cheapest that pass, and the cheapest that was put aside although it costs less."""

    best: tuple[Option, ...]
    """At most two, the cheapest first; the pool's own type is never one of them."""
    lost: Option | None
    count: int
    """Types that were considered."""


def options(case: Case) -> Options:
    """The two cheapest types that would have carried the pool's demand, exactly as if every type had been packed."""
    stock = stock_of(case.asked.catalog.offered(case.instance.cloud, case.instance.region))
    prices = stock.spot if case.pool.capacity_type == "spot" else stock.on_demand
    rivals, fullest = stock.rivals(case.instance, prices, case.price.currency), fullest_steps(case.items)
    passing: list[Option] = []
    lost: Option | None = None
    for instance, price, floor_nodes in _cheapest_first(case, stock, rivals, prices):
        if len(passing) > 1 and not price * (HOURS_PER_MONTH * floor_nodes) < passing[1].cost:
            break
        if lost is not None and _objection(case, instance, floor_nodes):
            # It cannot win, and one that lost is told already.
            continue
        if len(passing) > 1 and not price * (HOURS_PER_MONTH * _at_least(case, instance, fullest)) < passing[1].cost:
            continue
        found = option(case, instance, price)
        if found.passes:
            passing = sorted([*passing, found], key=_order)[:2]
        elif lost is None or _order(found) < _order(lost):
            lost = found
    return Options(best=tuple(passing), lost=lost, count=len(rivals))


def _order(option: Option) -> tuple[object, ...]:
    return option.cost.amount, option.nodes, option.instance.name


# ── In which order, and how far ──────────────────────────────────────────────────────────────────────────────────────
def _cheapest_first(case: Case, stock: Stock, rivals: Ints, prices: Floats) -> Iterator[tuple[InstanceType, Money, int]]:
    """Types with the fewest nodes that no packing can do without, by what those cost; types that hold not even one pod are left out."""
    nodes = _least_nodes(case, stock.rooms(rivals, case.demand.overhead))
    cost = nodes * prices[rivals]
    for index in np.argsort(cost, kind="stable"):
        instance = stock.types[rivals[index]]
        price = case.asked.price(instance)
        if price is None or not np.isfinite(cost[index]):
            return
        if price.currency == case.price.currency:
            yield instance, price, int(nodes[index])


def _least_nodes(case: Case, offers: Floats) -> Floats:
    """[type] no fewer nodes than this could ever be the answer; infinite where one pod fits no such node."""
    totals, recent = case.items.totals, newest(case.part.fit, case.demand.times[case.items.steps])
    fitted = totals[:, recent]
    used = np.stack([case.items.cpu_used / CPU_CEILING, case.items.memory_used / MEMORY_CEILING]).max(axis=1, initial=0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = [
            np.where(need > 0, np.where(offers > 0, need / offers, np.inf), 0.0).max(axis=1)
            for need in (totals.max(axis=1, initial=0.0), (1 + MARGIN) * fitted.max(axis=1, initial=0.0))
        ]
        full = np.where(used > 0, used / np.maximum(offers[:, :2], 1e-9), 0.0).max(axis=1)
    largest = case.items.sizes.max(axis=(1, 2), initial=0.0)
    fits = (largest <= offers + 1e-9).all(axis=1)
    least = np.maximum(np.ceil(np.maximum(shares[0], full) - 1e-9) + _spare(case), np.ceil(shares[1] - 1e-9))
    fixed = max(1, zones(case).nodes, own_nodes(case).nodes)
    return np.where(fits, np.maximum(least, fixed), np.inf)


# ── One type, judged ─────────────────────────────────────────────────────────────────────────────────────────────────
def option(case: Case, instance: InstanceType, price: Money) -> Option:
    """As many nodes of that type as the first part and the floors ask for, judged."""
    needed = case.needed(instance)
    load = load_of(case, needed)
    nodes = max(load, floor_of(case, needed, load).nodes)
    missed = int(needed.misses(nodes, case.everything).sum())
    return Option(instance=instance, price=price, nodes=nodes, missed=missed, objection=_objection(case, instance, nodes))


def _objection(case: Case, instance: InstanceType, nodes: int) -> str:
    if case.asked.is_missing_in_zone(instance):
        return f"{', '.join(instance.not_in)} does not have it"
    if family(instance).is_burstable and not family(case.instance).is_burstable:
        return "it is burstable: it does not offer all of its cores all of the time"
    if instance.gpus:
        switch = gpu_switch.objection(case, instance)
        if switch:
            return f"it does not carry their GPU work: {switch[1].rstrip('.')}"
    return too_small_for_palette(case, instance, nodes)


def _at_least(case: Case, instance: InstanceType, fullest: Items) -> int:
    """Nodes that the fullest steps alone need."""
    needed = NodesNeeded(fullest, node_of(instance, case.demand.overhead))
    everything: Bools = np.ones(len(fullest.steps), dtype=np.bool_)
    return whole(needed.maximum(everything)) + _spare(case)


def _spare(case: Case) -> int:
    """The node that production may lose."""
    return 0 if case.asked.is_nonproduction or not case.demand.runs.any() else 1


def fullest_steps(items: Items) -> Items:
    """The same pods in the steps that ask for most of each resource."""
    count = min(FULLEST, items.totals.shape[1])
    chosen: Ints = np.unique(np.argpartition(-items.totals, count - 1, axis=1)[:, :count])
    return replace(
        items,
        steps=items.steps[chosen],
        counts=items.counts[:, chosen],
        sizes=items.sizes[:, :, chosen],
        totals=items.totals[:, chosen],
        cpu_used=items.cpu_used[chosen],
        memory_used=items.memory_used[chosen],
        alike=items.alike[chosen],
    )
