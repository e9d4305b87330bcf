"""May a pool run on spot machines, all of it or a part? A checklist over what is known; what is not is said, never taken for a yes.

The checklist is Kubecost's (controllers that start pods again, more than one replica, no data on the node, budgets with room) with what
clouds add: the notice before a machine is taken, how often that happens, and more than one zone to find others in.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np

from trimtab.analysis.case import Case, usable_price
from trimtab.analysis.demand import JOBS, Demand, Drain
from trimtab.analysis.packing import NodesNeeded, items_of, node_of
from trimtab.analysis.signals import use_missing
from trimtab.analysis.sizing import sized, whole
from trimtab.errors import BadInput
from trimtab.records import Cloud, FieldChange, Finding, InstanceType, Refusal
from trimtab.units import HOURS_PER_MONTH, Money

SAFE_BUCKET = 1
"""AWS Spot Advisor: bucket 1 is at most 10 % of machines interrupted a month."""
BUCKETS = ("under 5 %", "5 to 10 %", "10 to 15 %", "15 to 20 %", "over 20 %")
WORST = (Decimal("0.05"), Decimal("0.10"), Decimal("0.15"), Decimal("0.20"), Decimal("0.30"))
"""Share of machines interrupted a month that is reckoned with, per bucket: its upper edge."""
NOTICE: Mapping[Cloud, int] = {"aws": 120, "gcp": 30, "azure": 30}
"""Seconds between the warning and the end of a spot machine."""
RESTARTABLE = frozenset({"Deployment", "ReplicaSet", "DaemonSet", *JOBS})
LOST_HOURS = dict.fromkeys(JOBS, Decimal(6))
"""What an interruption costs in work done again: of a job half of twelve hours, because nobody knows of its checkpoints; else:"""
RESTART_HOURS = Decimal("0.5")
BUDGET_SHARE = 0.5
"""A budget that keeps more than this share of the replicas up leaves no room for a machine that is taken."""
WORTH_A_POOL = Decimal("0.20")
"""Share of the pool's cost that a second pool must save before a person is asked to build it."""

Objection = tuple[str, str, str]
"""(rule, sentence, what would have to be different)."""
Answer = Finding | Refusal


def spot(case: Case) -> Answer | None:
    """The whole pool on spot where every workload is ready for it; a second pool, by a person, where some are. EKS pools only."""
    if case.asked.cluster.cloud != "aws" or case.pool.capacity_type == "spot":
        return None
    missing = use_missing(case)
    if missing:
        return missing
    objection = machine_objection(case)
    if objection:
        return _refused(case, objection)
    unready = {name: found for name in _running(case.demand) if (found := workload_objection(case, name))}
    if not unready:
        return _whole(case)
    ready = [name for name in _running(case.demand) if name not in unready]
    return _mixed(case, ready, unready) if ready else _refused(case, next(iter(unready.values())))


def _refused(case: Case, objection: Objection) -> Refusal:
    rule, sentence, needs = objection
    return case.asked.refuse(rule, sentence, needs=needs)


def _running(demand: Demand) -> list[str]:
    """Workloads that ever ran or waited."""
    return sorted({name for name, runs in zip(demand.names, demand.runs, strict=True) if runs.any()})


# ── The machines ─────────────────────────────────────────────────────────────────────────────────────────────────────
def machine_objection(case: Case) -> Objection | None:
    """What speaks against spot machines of this type in these zones, whatever runs on them."""
    checks = (_nothing(case.demand), _one_node(case), _interruption(case.instance), _price(case.instance), _zones(case.asked.zones))
    return next((objection for objection in checks if objection), None)


def _nothing(demand: Demand) -> Objection | None:
    if demand.runs.any():
        return None
    return "spot-unknown", "No workload was seen on the pool, so nobody knows whether it could live on spot.", "Workloads that run on it."


def _one_node(case: Case) -> Objection | None:
    if _most(case) > 1:
        return None
    sentence = "All its pods are on one node: an interruption takes every replica at once."
    return "spot-one-node", sentence, "A pool of at least two nodes."


def _most(case: Case) -> int:
    """Nodes that the pool may have."""
    return case.pool.maximum if case.pool.is_autoscaled and case.pool.maximum is not None else case.now.nodes


def _interruption(instance: InstanceType) -> Objection | None:
    if instance.spot_interruption is None:
        sentence = f"How often {instance.name} spot machines are interrupted in {instance.region} is not known."
        return "spot-interruption-unknown", sentence, "Spot Advisor data for this type and region."
    if instance.spot_interruption > SAFE_BUCKET:
        often = BUCKETS[min(instance.spot_interruption, len(BUCKETS) - 1)]
        sentence = f"{instance.name} spot machines are interrupted too often ({often} a month, bucket {instance.spot_interruption} of 4)."
        return "spot-interrupted-often", sentence, "A type of which at most 10 % are interrupted a month."
    return None


def _price(instance: InstanceType) -> Objection | None:
    spot_price, price = usable_price(instance.spot_price), usable_price(instance.price)
    if spot_price is None or price is None or spot_price.currency != price.currency or not spot_price < price:
        return "spot-price-missing", f"No spot price below the on-demand price is known for {instance.name}.", "A spot price for it."
    return None


def _zones(zones: Sequence[str]) -> Objection | None:
    """Unread zones are no objection here: the finding says that they are unknown, and a person weighs it."""
    if len(zones) != 1:
        return None
    sentence = f"All its nodes are in {zones[0]}: when spot runs out there, there is no other zone to find machines in."
    return "spot-one-zone", sentence, "A pool over at least two zones."


# ── The workloads ────────────────────────────────────────────────────────────────────────────────────────────────────
def workload_objection(case: Case, name: str) -> Objection | None:
    """The first thing that speaks against this workload on spot, or None."""
    demand = case.demand
    rows = [row for row, each in enumerate(demand.names) if each == name]
    kind, pods = demand.kinds[rows[0]], demand.pods[rows].sum(axis=0)
    drain = demand.drains.get(name, Drain())
    checks = (
        _kind(name, kind),
        _single(name, kind, float(pods.max(initial=0.0))),
        _local(name, drain),
        _budget(name, drain, float(pods[pods > 0].min(initial=np.inf))),
        _slow(name, drain, NOTICE[case.asked.cluster.cloud]),
        _gang(name, kind, case.instance),
    )
    return next((objection for objection in checks if objection), None)


def _kind(name: str, kind: str) -> Objection | None:
    if kind in RESTARTABLE:
        return None
    if kind == "StatefulSet":
        sentence = f"{name} keeps state (StatefulSet): spot takes nodes away with two minutes' notice."
        return "stateful-spot", sentence, f"A pool of its own for {name}, on demand."
    sentence = f"{name} is a {kind or 'workload of unknown kind'}: nothing says it would be started again elsewhere."
    return "spot-unknown", sentence, "A controller that starts its pods again."


def _single(name: str, kind: str, pods: float) -> Objection | None:
    if kind not in {"Deployment", "ReplicaSet"} or pods >= 2:
        return None
    return "single-replica-spot", f"{name} runs one replica: an interruption is an outage.", "A second replica."


def _local(name: str, drain: Drain) -> Objection | None:
    """Unread volumes are no objection here: the finding says that they are unknown, and a person weighs it."""
    if not drain.has_local_volume:
        return None
    return "local-volume-spot", f"{name} has a local volume: an interruption loses what is in it.", "Its data on a volume that moves along."


def _budget(name: str, drain: Drain, fewest: float) -> Objection | None:
    allowed = drain.disruptions_allowed
    if allowed is None or allowed < 0 or not np.isfinite(fewest) or (fewest - allowed) / fewest <= BUDGET_SHARE:
        return None
    kept = f"{max(0.0, fewest - allowed):g} of {fewest:g}"
    sentence = f"The PodDisruptionBudget of {name} keeps {kept} replicas up: spot does not ask it."
    return "budget-spot", sentence, "A budget that can spare half of its replicas."


def _slow(name: str, drain: Drain, notice: int) -> Objection | None:
    if drain.grace_seconds is None or drain.grace_seconds <= notice:
        return None
    sentence = f"{name} may take {drain.grace_seconds} s to stop, and spot machines end {notice} s after the warning."
    return "slow-stop-spot", sentence, f"Pods that stop within {notice} s."


def _gang(name: str, kind: str, instance: InstanceType) -> Objection | None:
    if not instance.gpus or kind not in JOBS:
        return None
    sentence = f"{name} is a GPU job without a known checkpoint: it loses its work, and its gang's, at every interruption."
    return "gpu-job-spot", sentence, "Jobs that write checkpoints, and a person who says so."


# ── All of it, or a second pool ──────────────────────────────────────────────────────────────────────────────────────
def _whole(case: Case) -> Finding | None:
    prices = spot_prices(case, _running(case.demand))
    if prices is None or prices.saved.amount <= 0 or not case.now.nodes:
        # A minimum of no nodes has no floor under what it would save.
        return None
    change = FieldChange(field="capacity_type", old="on-demand", new="spot")
    lines = (f"{prices.sentence} Every workload here can be started again elsewhere.",)
    return case.finding(
        "spot",
        "capacity_type",
        (change,),
        case.size(_most(case)),
        nodes_saved=Decimal(case.now.nodes),
        price_saved=prices.saved,
        is_effective_known=False,
        is_repave=True,
        lines=lines,
        unknowns=_unread(case),
        old=case.size(_most(case)),
        nodes=(case.now.nodes, case.now.nodes),
    )


def _mixed(case: Case, ready: list[str], unready: Mapping[str, Objection]) -> Answer:
    """One pool has one capacity type, so a spot share is a second pool: the numbers, for a person."""
    prices = spot_prices(case, ready)
    first = next(iter(unready.values()))
    if prices is None:
        return _refused(case, first)
    try:
        on_spot, on_demand = nodes_for(case, ready), max(nodes_for(case, list(unready)), 1 if case.asked.is_nonproduction else 2)
    except BadInput:
        return _refused(case, first)
    saved = case.price * (case.now.nodes - on_demand) - prices.expected * on_spot
    if saved.amount < case.price.amount * case.now.nodes * WORTH_A_POOL:
        return _refused(case, first)
    share = on_spot / (on_spot + on_demand)
    change = FieldChange(field="capacity_type", old="on-demand", new="spot")
    person = (
        f"A pool has one capacity type, so this needs a second pool: a person adds one of {on_spot} x {case.instance.name} on spot for "
        f"{_listed(ready)}, and keeps {on_demand} on demand for {_listed(list(unready))} ({first[1].rstrip('.')})."
    )
    return case.finding(
        "spot-share",
        "capacity_type",
        (change,),
        case.size(on_spot + on_demand),
        nodes_saved=Decimal(1),
        price_saved=saved,
        is_effective_known=False,
        is_repave=True,
        lines=(f"{prices.sentence} {len(ready)} of {len(ready) + len(unready)} workloads are ready for it: {share:.0%} of the nodes.",),
        unknowns=_unread(case),
        needs_person=person,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class SpotPrices:
    """What a spot node-hour is expected to cost once work that is lost is done again."""

    expected: Money
    saved: Money
    """Per node-hour, below the on-demand price."""
    sentence: str


def spot_prices(case: Case, names: Sequence[str]) -> SpotPrices | None:
    """Spot price x (1 + rework); rework = the bucket's worst interruption rate x the hours that one interruption costs."""
    price, bucket = usable_price(case.instance.spot_price), case.instance.spot_interruption
    if price is None or bucket is None:
        return None
    kinds = {kind for name, kind in zip(case.demand.names, case.demand.kinds, strict=True) if name in set(names)}
    lost = max((LOST_HOURS.get(kind, RESTART_HOURS) for kind in kinds), default=RESTART_HOURS)
    worst = WORST[min(bucket, len(WORST) - 1)]
    rework = (worst * lost / HOURS_PER_MONTH).quantize(Decimal("0.000001"))
    expected = price * (1 + rework)
    sentence = (
        f"{case.instance.name} spot machines are interrupted {BUCKETS[bucket]} a month; at {lost:g} hours of work lost each time that adds "
        f"{float(rework):.3%} to the spot price of {price.amount.normalize():f} {price.currency} an hour."
    )
    return SpotPrices(expected=expected, saved=case.price - expected, sentence=sentence)


def nodes_for(case: Case, names: Sequence[str]) -> int:
    """Nodes of the pool's type that these workloads need alone, fitted on the first part and never below what any step needed."""
    chosen = np.isin(np.array(case.demand.names, dtype=object), list(names))[:, None]
    only = replace(
        case.demand,
        pods=np.where(chosen, case.demand.pods, 0.0),
        cpu_used=np.where(chosen, case.demand.cpu_used, 0.0),
        memory_used=np.where(chosen, case.demand.memory_used, 0.0),
    )
    needed = NodesNeeded(items_of(only), node_of(case.instance, case.demand.overhead))
    fit = case.part if len(needed.steps) == len(case.now.needed.steps) else None
    most = whole(needed.maximum(np.ones(len(needed.steps), dtype=np.bool_)))
    return max(most, sized(needed, fit, case.demand.times[needed.steps])) if fit else most


def _unread(case: Case) -> tuple[str, ...]:
    grace = [name for name in _running(case.demand) if case.demand.drains.get(name, Drain()).grace_seconds is None]
    notice = NOTICE[case.asked.cluster.cloud]
    return (
        "Spot prices move; the saving is at the discount of the price list's day.",
        *((f"Whether the pods stop within {notice} seconds was not read.",) if grace else ()),
        *(() if case.asked.zones else ("In how many zones its nodes are was not read.",)),
    )


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
