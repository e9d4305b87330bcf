"""Rules about what kind of node: one size smaller, on spot, and what else would have carried the same demand."""

from decimal import Decimal

from trimtab.analysis.backtest import sized
from trimtab.analysis.case import Case
from trimtab.analysis.spot import spot_objection
from trimtab.errors import BadInput
from trimtab.records import FieldChange, Finding, InstanceType, Refusal
from trimtab.units import HOURS_PER_MONTH


def siblings(case: Case) -> tuple[InstanceType | None, InstanceType | None]:
    """The next smaller and the next larger type of the same family, architecture and GPUs."""
    family = family_of(case.instance)
    kin = [
        other
        for other in case.asked.catalog.offered(case.instance.cloud, case.instance.region)
        if family_of(other) == family and _is_kin(case.instance, other)
    ]
    smaller = [other for other in kin if other.cpu < case.instance.cpu]
    larger = [other for other in kin if other.cpu > case.instance.cpu]
    return max(smaller, key=_by_size, default=None), min(larger, key=_by_size, default=None)


def family_of(instance: InstanceType) -> str:
    """m5.xlarge → m5, n2-standard-4 → n2-standard."""
    return instance.name.split(".", maxsplit=1)[0] if instance.cloud == "aws" else instance.name.rsplit("-", 1)[0]


def _is_kin(one: InstanceType, other: InstanceType) -> bool:
    return (one.arch, one.gpu_model, one.gpus) == (other.arch, other.gpu_model, other.gpus) and "metal" not in other.name


def _by_size(instance: InstanceType) -> tuple[int, int, str]:
    return instance.cpu, instance.memory, instance.name


def smaller_type(case: Case, smaller: InstanceType | None) -> Finding | None:
    """One size down, where a single node is already the floor of the count."""
    if smaller is None or smaller.price is None or case.now.nodes != 1 or case.pool.is_autoscaled:
        return None
    new = case.size(1, smaller)
    if _nodes(case, smaller) != 1 or new.needed.misses(1, case.everything).any():
        return None
    change = FieldChange(field="instance_type", old=case.instance.name, new=smaller.name)
    saved = case.price - smaller.price
    if saved.amount <= 0:
        return None
    lines = (f"One {case.instance.name} is the floor of the count; {smaller.name} is one size smaller and carries it.",)
    return case.finding(
        "instance-type-down",
        "instance_type",
        (change,),
        new,
        nodes_saved=Decimal(1),
        price_saved=saved,
        is_effective_known=False,
        is_repave=True,
        lines=lines,
    )


def spot(case: Case) -> Finding | Refusal | None:
    """The whole pool on spot; only EKS pools can say so."""
    if case.asked.cluster.cloud != "aws" or case.pool.capacity_type == "spot":
        return None
    objection = spot_objection(case.demand, case.instance)
    if objection:
        return case.asked.refuse(*objection)
    if case.instance.spot_price is None:
        return None
    change = FieldChange(field="capacity_type", old="on-demand", new="spot")
    bucket = ("under 5 %", "5 to 10 %")[case.instance.spot_interruption or 0]
    lines = (f"{case.instance.name} spot machines are interrupted {bucket} a month; every workload here can be started again elsewhere.",)
    unknowns = (
        "Spot prices move; the saving is at the discount of the price list's day.",
        "Whether the pods stop within two minutes was not read.",
    )
    return case.finding(
        "spot",
        "capacity_type",
        (change,),
        case.now,
        nodes_saved=Decimal(case.now.nodes),
        price_saved=case.price - case.instance.spot_price,
        is_effective_known=False,
        is_repave=True,
        lines=lines,
        unknowns=unknowns,
    )


def runner_up(case: Case, others: tuple[InstanceType | None, InstanceType | None]) -> str:
    """The cheapest sibling that would have carried the demand too, in one sentence."""
    options = []
    for other in others:
        nodes = _nodes(case, other) if other is not None else None
        if other is not None and other.price is not None and nodes is not None:
            missed = int(case.size(nodes, other).needed.misses(nodes, case.part.judge).sum())
            options.append((other.price * (HOURS_PER_MONTH * nodes), nodes, other.name, missed))
    if not options:
        return ""
    cost, nodes, name, missed = min(options, key=lambda option: (option[3], option[0].amount))
    return f"{nodes} x {name} would cost {cost} a month and miss {missed} judged steps, but replaces every node."


def _nodes(case: Case, instance: InstanceType) -> int | None:
    needed = case.size(1, instance).needed
    try:
        return sized(needed, case.part, case.demand.times[needed.steps])
    except BadInput:
        return None
