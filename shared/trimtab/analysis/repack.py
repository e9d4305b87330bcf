"""What other requests would do to a machine pool: the recorded pods are packed again, as if they had always asked for that.

Levers multiply: a request frees nodes of the pool that its own lever would leave, never of the one that is there. So both are judged
from the size that the pool's evidence asks for, and changes of one pool count one after the other, the largest first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

import numpy as np

from trimtab.analysis.case import usable_price
from trimtab.analysis.demand import Bools, Demand, Floats
from trimtab.analysis.floors import most_pods
from trimtab.analysis.packing import NodesNeeded, items_of, node_of
from trimtab.analysis.sizing import sized, split, whole
from trimtab.analysis.workload_use import WorkloadUse
from trimtab.errors import BadInput
from trimtab.records import InstanceType, Pool
from trimtab.units import HOURS_PER_MONTH, Money


@dataclass(frozen=True, kw_only=True, slots=True)
class Home:
    """A machine pool on which workloads run, with what was measured of it."""

    pool: Pool
    demand: Demand
    instance: InstanceType
    rate: Decimal | None = None
    """What the bill charged for one node-hour, in the catalog's currency; None = the bill does not say."""

    @property
    def price(self) -> Money:
        """Of one node-hour on the pool's terms, spot or on demand. Raises BadInput where there is none; zero is none."""
        price = usable_price(self.instance.spot_price if self.pool.capacity_type == "spot" else self.instance.price)
        if price is None:
            raise BadInput(f"the catalog has no price for {self.instance.name}; a missing price is not zero")
        return price


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What one pod would ask for from now on; None = as before."""

    cpu: float | None = None
    memory: float | None = None
    gpu: float | None = None


Change = tuple[WorkloadUse, Asked]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Effect:
    """What a change does to its pools together."""

    nodes_old: Decimal
    nodes_new: Decimal
    saving_list: Money
    saving_effective: Money | None
    instance_types: tuple[str, ...]
    price_source: str
    demands: Mapping[str, Demand] = field(repr=False)
    """Pool → what it would be asked to carry."""
    counts: Mapping[str, Decimal]
    """Pool → nodes for that."""

    @property
    def nodes(self) -> Decimal:
        """Nodes that it saves; below 0 = it needs more."""
        return self.nodes_old - self.nodes_new


@dataclass(slots=True)
class Packed:
    """The pools of a cluster while changes are applied to them, one after the other."""

    homes: Mapping[str, Home]
    is_nonproduction: bool
    demands: dict[str, Demand] = field(default_factory=dict)
    counts: dict[str, Decimal] = field(default_factory=dict)

    def keep(self, effect: Effect) -> None:
        """What is asked about next comes on top of this."""
        self.demands |= effect.demands
        self.counts |= effect.counts

    def effect(self, use: WorkloadUse, asked: Asked) -> Effect | str:
        """What a change does beside those that were kept before it; a sentence where it cannot be known."""
        homes = [self.homes[name] for name in use.pools if name in self.homes]
        if len(homes) != len(use.pools) or not homes:
            missing = ", ".join(sorted(set(use.pools) - set(self.homes))) or "no machine pool"
            return f"it runs on {missing}, of which no whole measurement or price is known"
        try:
            return self._effect(homes, use, asked)
        except BadInput as error:
            return str(error)

    def nodes_with(self, changes: Sequence[Change], unchanged: Sequence[Change] = ()) -> Decimal:
        """Nodes of all pools that these touch, once `changes` are done; those of `unchanged` ask for what they do today.

        Raises BadInput where no number is enough.
        """
        demands = dict(self.demands)
        touched = sorted({name for use, _ in (*changes, *unchanged) for name in use.pools})
        parts = [*((use, asked, False) for use, asked in changes), *((use, today(use, asked), True) for use, asked in unchanged)]
        for use, asked, at_most in parts:
            for name in use.pools:
                demands[name] = with_requests(demands.get(name, self.homes[name].demand), use, asked, at_most=at_most)
        return sum((self._nodes(self.homes[name], demands[name]) for name in touched), Decimal(0))

    def _effect(self, homes: Sequence[Home], use: WorkloadUse, asked: Asked) -> Effect:
        before = {home.pool.name: self._of_today(home, use, asked) for home in homes}
        demands = {home.pool.name: with_requests(self._demand(home), use, asked) for home in homes}
        after = {home.pool.name: self._nodes(home, demands[home.pool.name]) for home in homes}
        saved = {name: before[name] - after[name] for name in before}
        return Effect(
            nodes_old=sum(before.values(), Decimal(0)),
            nodes_new=sum(after.values(), Decimal(0)),
            saving_list=_money(homes, saved),
            saving_effective=_effective(homes, saved),
            instance_types=tuple(sorted({home.instance.name for home in homes})),
            price_source=next((home.instance.price_source for home in homes if home.instance.price_source), ""),
            demands=demands,
            counts=after,
        )

    def _demand(self, home: Home) -> Demand:
        return self.demands.get(home.pool.name, home.demand)

    def _nodes(self, home: Home, demand: Demand) -> Decimal:
        return nodes_wanted(home, demand, is_nonproduction=self.is_nonproduction)

    def _of_today(self, home: Home, use: WorkloadUse, asked: Asked) -> Decimal:
        """Nodes for what the workload asks for since its last rollout: what that one freed is not saved again."""
        now = today(use, asked)
        has_fallen = any(
            newest is not None and _highest(values) > newest
            for newest, values in ((now.cpu, use.cpu_request), (now.memory, use.memory_request), (now.gpu, use.gpu_request))
        )
        return self._nodes(home, with_requests(self._demand(home), use, now, at_most=True)) if has_fallen else self._count(home)

    def _count(self, home: Home) -> Decimal:
        name = home.pool.name
        if name not in self.counts:
            self.counts[name] = self._nodes(home, self._demand(home))
        return self.counts[name]


def nodes_wanted(home: Home, demand: Demand, *, is_nonproduction: bool) -> Decimal:
    """Nodes that the evidence asks for: of a static pool whole ones, never more than there are; of an autoscaled one its mean.

    Raises BadInput where no number of nodes is enough.
    """
    needed = NodesNeeded(items_of(demand), node_of(home.instance, demand.overhead))
    pool = home.pool
    if pool.is_autoscaled and pool.minimum is not None and pool.maximum is not None:
        running = np.clip(needed.exact(), pool.minimum, pool.maximum)
        return Decimal(str(round(float(running.mean()), 3))) if running.size else Decimal(pool.minimum)
    wanted = sized(needed, split(demand, needed), demand.times[needed.steps])
    return Decimal(min(max(wanted, _floor(pool, demand, needed, is_nonproduction=is_nonproduction)), max(1, pool.count)))


def _floor(pool: Pool, demand: Demand, needed: NodesNeeded, *, is_nonproduction: bool) -> int:
    """What the pool's own lever keeps: a node in each zone, one for each pod that shares none, and in production one that may be lost."""
    spare = 0 if is_nonproduction else 1
    apart = max((most_pods(demand, name) for name, drain in demand.drains.items() if drain.has_own_node), default=0)
    busiest = whole(needed.maximum(np.ones(len(needed.steps), dtype=np.bool_))) if spare and demand.runs.any() else 0
    return max(len({*pool.zones, *(demand.zones or ())}), apart + spare if apart else 0, busiest + spare)


def with_requests(demand: Demand, use: WorkloadUse, asked: Asked, *, at_most: bool = False) -> Demand:
    """The same demand, as if every pod of the workload had asked for that, or for no more; a request that was not known stays so."""
    if use.kind == "DaemonSet":
        return _with_daemons(demand, use, asked)
    rows = np.array([one == (use.in_demand, use.kind) for one in zip(demand.names, demand.kinds, strict=True)], dtype=np.bool_)
    return replace(
        demand,
        cpu_request=_instead(demand.cpu_request, rows, asked.cpu, at_most=at_most),
        memory_request=_instead(demand.memory_request, rows, asked.memory, at_most=at_most),
        gpu_request=_instead(demand.gpu_request, rows, asked.gpu, at_most=at_most),
    )


def today(use: WorkloadUse, asked: Asked) -> Asked:
    """What one of its pods asks for now, of what is to be changed."""
    return Asked(
        cpu=None if asked.cpu is None else use.newest(use.cpu_request),
        memory=None if asked.memory is None else use.newest(use.memory_request),
        gpu=None if asked.gpu is None else use.newest(use.gpu_request),
    )


def _instead(values: Floats, rows: Bools, wanted: float | None, *, at_most: bool) -> Floats:
    if wanted is None or not rows.any():
        return values
    changed = values.copy()
    changed[rows] = np.where(np.isnan(values[rows]), np.nan, np.minimum(values[rows], wanted) if at_most else wanted)
    return changed


def _with_daemons(demand: Demand, use: WorkloadUse, asked: Asked) -> Demand:
    """Each node gives less to them first."""
    cpu, memory = _highest(use.cpu_request), _highest(use.memory_request)
    held = _highest(use.memory_peak)
    taken = demand.overhead
    less_cpu = cpu - asked.cpu if asked.cpu is not None else 0.0
    less_memory = max(memory, held) - max(asked.memory, held) if asked.memory is not None else 0.0
    return replace(demand, overhead=replace(taken, cpu=max(0.0, taken.cpu - less_cpu), memory=max(0.0, taken.memory - less_memory)))


def _highest(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(known.max()) if known.size else 0.0


def _money(homes: Sequence[Home], saved: Mapping[str, Decimal]) -> Money:
    """At list price. Raises BadInput where one has none."""
    parts = [home.price * (HOURS_PER_MONTH * saved[home.pool.name]) for home in homes]
    return Money(sum((part.amount for part in parts), Decimal(0)), parts[0].currency)


def _effective(homes: Sequence[Home], saved: Mapping[str, Decimal]) -> Money | None:
    """At what the bill charged; None where it does not say of one of them."""
    total = Decimal(0)
    for home in homes:
        nodes = saved[home.pool.name]
        if home.rate is None and nodes:
            return None
        total += (home.rate or Decimal(0)) * HOURS_PER_MONTH * nodes
    return Money(total, homes[0].price.currency)
