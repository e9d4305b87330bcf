"""One pool under study: the facts that every rule needs, and the one place where a rule's answer becomes a Finding or a Refusal."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol

import numpy as np

from trimtab.analysis.backtest import Split, split
from trimtab.analysis.demand import Demand
from trimtab.analysis.evidence import Size, evidence_of
from trimtab.analysis.packing import Items, NodesNeeded, items_of, node_of
from trimtab.records import Cloud, Cluster, EvidenceFloor, FieldChange, Finding, InstanceType, Pool, PoolField, Refusal, Subject
from trimtab.units import HOURS_PER_MONTH, Money

LIST_ONLY = "What the bill really charged for this pool is not known, so the saving is at list price only."


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

    @property
    def days_wanted(self) -> int:
        """Days of evidence that this cluster needs."""
        return self.floor.days_nonproduction if self.is_nonproduction else self.floor.days_production

    @property
    def instance(self) -> InstanceType | None:
        """The pool's instance type in the catalog."""
        return self.catalog.find(self.cluster.cloud, self.cluster.region, self.pool.instance_type)

    def refuse(self, rule: str, reason: str, eligible_from: date | None = None) -> Refusal:
        """An expected no about this pool."""
        return Refusal(cluster_uid=self.cluster.uid, pool=self.pool.name, rule=rule, reason=reason, eligible_from=eligible_from)


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
    sizes: dict[str, NodesNeeded] = field(default_factory=dict)
    """Nodes needed per instance type, packed once."""

    @property
    def pool(self) -> Pool:
        """The pool."""
        return self.asked.pool

    @property
    def everything(self) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Mask of all measured steps."""
        return np.ones(len(self.now.needed.steps), dtype=np.bool_)

    def size(self, nodes: int, instance: InstanceType | None = None) -> Size:
        """So many nodes of that type (or of the pool's own)."""
        shape = instance or self.instance
        if shape.name not in self.sizes:
            self.sizes[shape.name] = NodesNeeded(self.items, node_of(shape, self.demand.overhead))
        return Size(nodes=nodes, instance=shape, needed=self.sizes[shape.name])

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
    ) -> Finding:
        """The change with its proof, judged on `old` and `new`.

        `price_saved` is per node-hour, where it is not the whole node that goes; `nodes` are old and new where the change is not about
        the capacity that was judged (an autoscaler's minimum).
        """
        rate = self.asked.effective_rate if is_effective_known else None
        hours = nodes_saved * HOURS_PER_MONTH
        list_only = () if rate is not None else (LIST_ONLY,)
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
            disruption=disruption(self.demand),
            runner_up=runner_up,
            unknowns=(*unknowns, *list_only, *not_read(self.demand)),
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
        sizes={instance.name: needed},
    )


def not_read(demand: Demand) -> tuple[str, ...]:
    """How many workloads could be hurt by a drain without anybody knowing; () = all of them were read."""
    missing, total = len(demand.unread()), len(demand.recent())
    if not missing:
        return ()
    return (f"PodDisruptionBudgets and local volumes of {missing} of {total} workloads were not read.",)


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
