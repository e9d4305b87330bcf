"""One pool under study: the facts that every rule needs, and the one place where a rule's answer becomes a Finding or a Refusal."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol

import numpy as np

from trimtab.analysis.demand import JOBS, Bools, Demand
from trimtab.analysis.evidence import Size, evidence_of
from trimtab.analysis.gpu import GpuUse, gpu_use
from trimtab.analysis.gpu_facts import gpu_of
from trimtab.analysis.packing import Items, NodesNeeded, items_of, node_of
from trimtab.analysis.sizing import Split, split
from trimtab.records import Cloud, Cluster, EvidenceFloor, FieldChange, Finding, InstanceType, Pool, PoolField, Refusal, Subject
from trimtab.units import HOURS_PER_MONTH, Money

LIST_ONLY = "What the bill really charged for this pool is not known, so the saving is at list price only."
USE_UNKNOWN = "What its pods really use was not measured well enough: the advice rests on what they ask for, one node at a time."


class Prices(Protocol):
    """What a rule asks of a price catalog."""

    @property
    def source(self) -> str:
        """Where the prices come from, for people."""

    def find(self, cloud: Cloud, region: str, name: str) -> InstanceType | None:
        """One type; None = unknown."""

    def offered(self, cloud: Cloud, region: str) -> tuple[InstanceType, ...]:
        """All types of a region."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PaletteUse:
    """What Palette itself measured of a pool, on average over the demand's window; None = it has no such figure."""

    cpu: float | None = None
    """Millicores."""
    memory: float | None = None
    """Bytes."""


def usable_price(price: Money | None) -> Money | None:
    """A price that can be reckoned with: a number above zero."""
    return price if price is not None and price.amount.is_finite() and price.amount > 0 else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What `analyze` was given, before anybody knows whether it is enough."""

    pool: Pool
    cluster: Cluster
    demand: Demand | None
    catalog: Prices
    effective_rate: Decimal | None
    now: datetime
    floor: EvidenceFloor
    is_nonproduction: bool
    billed_nodes: float | None = None
    palette_use: PaletteUse | None = None
    has_use: bool = True
    """False where CPU and memory use are not measured well enough to move pods closer together by it."""
    use_known: Mapping[str, float] = field(default_factory=dict)
    """cpu_used, memory_used → share of the pod-steps in which it was measured."""

    @property
    def days_wanted(self) -> int:
        """Days of evidence that this cluster needs."""
        return self.floor.days_nonproduction if self.is_nonproduction else self.floor.days_production

    @property
    def environment(self) -> str:
        """In a word."""
        return "non-production" if self.is_nonproduction else "production"

    @property
    def instance(self) -> InstanceType | None:
        """The pool's instance type in the catalog."""
        return self.catalog.find(self.cluster.cloud, self.cluster.region, self.pool.instance_type)

    def price(self, instance: InstanceType) -> Money | None:
        """What one node-hour of a type costs on this pool's terms, spot or on demand; None = not known, and a zero is not known."""
        return usable_price(instance.spot_price if self.pool.capacity_type == "spot" else instance.price)

    @property
    def zones(self) -> tuple[str, ...]:
        """Zones that the pool is declared in, and those that its nodes were seen in; () = nobody knows."""
        return tuple(sorted({*self.pool.zones, *((self.demand.zones if self.demand else None) or ())}))

    def is_missing_in_zone(self, instance: InstanceType) -> bool:
        """Would that type find no machine in a zone of this pool; where its zones are not known, in any zone at all."""
        return bool(set(instance.not_in) & set(self.zones or instance.not_in))

    def refuse(self, rule: str, reason: str, eligible_from: date | None = None, *, needs: str = "") -> Refusal:
        """An expected no about this pool."""
        return Refusal(
            cluster_uid=self.cluster.uid, pool=self.pool.name, rule=rule, reason=reason, eligible_from=eligible_from, needs=needs
        )


Gate = Callable[[Asked], Refusal | None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """A pool that passed the gates: its demand is complete, its shape and price are known."""

    asked: Asked
    demand: Demand
    instance: InstanceType
    price: Money
    now: Size
    """The pool as it is: for an autoscaled one, its floor."""
    items: Items
    part: Split
    gpus: GpuUse | None = None
    """What its GPUs do; None = the type has none."""
    sizes: dict[str, NodesNeeded] = field(default_factory=dict)
    """Nodes needed per instance type, packed once."""

    @property
    def pool(self) -> Pool:
        """The pool."""
        return self.asked.pool

    @property
    def everything(self) -> Bools:
        """Mask of all measured steps."""
        return np.ones(len(self.now.needed.steps), dtype=np.bool_)

    @property
    def is_queue(self) -> bool:
        """True where pods waited and all of them were jobs'."""
        demand = self.demand
        if demand.pending is None:
            return False
        waited = {kind for kind, pods in zip(demand.kinds, demand.pending, strict=True) if pods.max(initial=0.0) > 0}
        return bool(waited) and waited <= JOBS

    @property
    def step_name(self) -> str:
        """What one step of the demand is called."""
        return "hour" if self.demand.step == 3600 else f"{self.demand.step // 60}-minute step"

    def needed(self, instance: InstanceType) -> NodesNeeded:
        """Nodes of that type that each measured step needs."""
        if instance.name not in self.sizes:
            self.sizes[instance.name] = NodesNeeded(self.items, node_of(instance, self.demand.overhead))
        return self.sizes[instance.name]

    def size(self, nodes: int, instance: InstanceType | None = None) -> Size:
        """So many nodes of that type (or of the pool's own)."""
        shape = instance or self.instance
        return Size(nodes=nodes, instance=shape, needed=self.needed(shape))

    def finding(
        self,
        rule: str,
        name: PoolField,
        changes: tuple[FieldChange, ...],
        new: Size,
        *,
        nodes_saved: Decimal,
        price_saved: Money | None = None,
        is_effective_known: bool = True,
        is_repave: bool = False,
        lines: tuple[str, ...] = (),
        runner_up: str = "",
        unknowns: tuple[str, ...] = (),
        old: Size | None = None,
        nodes: tuple[int, int] | None = None,
        needs_person: str = "",
    ) -> Finding:
        """The change with its proof, judged on `old` and `new`.

        `price_saved` is per node-hour, where it is not the whole node that goes; `nodes` are old and new where the change is not about
        the capacity that was judged (an autoscaler's minimum).
        """
        rate = self.asked.effective_rate if is_effective_known else None
        hours = nodes_saved * HOURS_PER_MONTH
        list_only = () if rate is not None else (LIST_ONLY,)
        use_unknown = () if self.asked.has_use else (USE_UNKNOWN,)
        before = old or self.now
        return Finding(
            rule=rule,
            subject=Subject(cluster_uid=self.asked.cluster.uid, pool=self.pool.name, field=name),
            changes=changes,
            instance_type=new.instance.name,
            nodes_old=nodes[0] if nodes else before.nodes,
            nodes_new=nodes[1] if nodes else new.nodes,
            saving_list=(price_saved or self.price) * hours,
            saving_effective=Money(rate, self.price.currency) * hours if rate is not None else None,
            price_source=new.instance.price_source or self.asked.catalog.source,
            evidence=evidence_of(self.demand, before, new, self.part, lines=lines),
            is_repave=is_repave,
            disruption=(*disruption(self.demand), *(replacing(self) if is_repave else ())),
            runner_up=runner_up,
            unknowns=(*unknowns, *use_unknown, *list_only, *not_read(self.demand)),
            needs_person=needs_person,
        )


def case_of(asked: Asked, demand: Demand, instance: InstanceType, price: Money) -> Case:
    """Pack the demand on the pool's own shape and split the past in two."""
    items = items_of(demand)
    needed = NodesNeeded(items, node_of(instance, demand.overhead))
    nodes = asked.pool.minimum if asked.pool.is_autoscaled and asked.pool.minimum is not None else asked.pool.count
    return Case(
        asked=asked,
        demand=demand,
        instance=instance,
        price=price,
        now=Size(nodes=nodes, instance=instance, needed=needed),
        items=items,
        part=split(demand, needed),
        gpus=gpu_use(demand, asked.floor.coverage, gpu_of(instance)) if instance.gpus else None,
        sizes={instance.name: needed},
    )


def replacing(case: Case) -> tuple[str, ...]:
    """What replacing every node asks for while it lasts."""
    if case.pool.surge == "RollingUpdateScaleIn":
        return ("Its nodes are replaced by scaling in: while that lasts there is one fewer.",)
    if case.instance.gpus:
        return (f"Its nodes are replaced by scaling out: for that the cloud must have one more {case.instance.name} to give.",)
    return ()


def not_read(demand: Demand) -> tuple[str, ...]:
    """How many workloads could be hurt by a drain without anybody knowing; () = all of them were read."""
    missing, total = len(demand.unread()), len(demand.recent())
    if not missing:
        return ()
    return (f"PodDisruptionBudgets, local volumes or anti-affinity of {missing} of {total} workloads were not read.",)


def disruption(demand: Demand) -> tuple[str, ...]:
    """What is seen to suffer when a node goes away: state, single replicas, budgets that are used up, data on the node."""
    hurt = []
    for name, drain in sorted(demand.drains.items()):
        if drain.disruptions_allowed == 0:
            hurt.append(f"The PodDisruptionBudget of {name} allows no disruption now: it would hold up a drain.")
        if drain.has_local_volume:
            hurt.append(f"{name} has a local volume: what is in it is lost when its pod moves.")
    for name, kind, pods in zip(demand.names, demand.kinds, demand.pods, strict=True):
        if kind == "StatefulSet":
            hurt.append(f"{name} is a StatefulSet: its pods move one by one.")
        elif kind in {"Deployment", "ReplicaSet"} and 0 < pods.max(initial=0.0) < 2:
            hurt.append(f"{name} runs a single replica: it is away while it moves.")
        elif kind == "Pod":
            hurt.append(f"{name} is a bare pod: nothing starts it again.")
    return tuple(dict.fromkeys(hurt))
