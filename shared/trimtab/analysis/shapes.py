"""Rules about what kind of node: which type of the whole catalog would have carried the same pods for less, and the steps to it."""

from decimal import Decimal

from trimtab.analysis.autoscaler import quiet, running
from trimtab.analysis.case import Case
from trimtab.analysis.counts import load_of
from trimtab.analysis.families import family
from trimtab.analysis.floors import floor_of, minimum_floor
from trimtab.analysis.gpu_switch import questions
from trimtab.analysis.options import Option, Options
from trimtab.analysis.shrink import shrink_veto
from trimtab.analysis.signals import use_missing
from trimtab.errors import BadInput
from trimtab.records import FieldChange, Finding, InstanceType, PoolField, Refusal
from trimtab.units import HOURS_PER_MONTH, Money

WORTH_A_REPAVE = Decimal("0.10")
"""Share of its cost that another type must save beyond the right number of nodes before every node is replaced for it."""
WORTH_A_POOL = Decimal("0.20")
"""The same where a person has to build a second pool and move the pods."""
PINNED_PARTS = ("instance-type", "instance-family", "instance-size", "instance-generation", "gpu.product", "machine-family", "unreadable")
"""How labels end that name a machine; labels that could not be read may be one of them."""
UNCOMPARED = "Network, local disks and the speed of a core were not compared; only CPU, memory, GPUs and pod slots were."

Answer = Finding | Refusal


def own_option(case: Case, nodes: int) -> Option:
    """So many nodes of the pool's own type, to compare the others with."""
    return Option(instance=case.instance, price=case.price, nodes=nodes, missed=0)


def instance_type(case: Case, found: Options, own: Option) -> Answer | None:
    """A cheaper type: one size down as an edit, everything larger as a case for a person; None = the pool's own type is cheap enough."""
    best = found.best[0] if found.best else None
    if best is None or not _is_cheaper(best, own, WORTH_A_REPAVE):
        return None
    smaller = next_smaller(case)
    is_kin = family(best.instance).name == family(case.instance).name
    if not is_kin and not _is_cheaper(best, own, WORTH_A_POOL):
        return None
    objection = use_missing(case) or pinned(case) or shrink_veto(case)
    if objection:
        return objection
    if is_kin and smaller is not None and best.instance.cpu < case.instance.cpu:
        return _one_size_down(case, smaller, best, found, own)
    return _for_a_person(case, best, found, own)


def _is_cheaper(option: Option, own: Option, share: Decimal) -> bool:
    return option.cost.amount <= own.cost.amount * (1 - share)


def next_smaller(case: Case) -> InstanceType | None:
    """The next smaller type of the same family, architecture and GPUs; None where that one cannot be had: two sizes are no one step."""
    name = family(case.instance).name
    kin = [
        other
        for other in case.asked.catalog.offered(case.instance.cloud, case.instance.region)
        if other.cpu < case.instance.cpu
        and (other.arch, other.gpu_model, other.gpus) == (case.instance.arch, case.instance.gpu_model, case.instance.gpus)
        and family(other).name == name
    ]
    found = max(kin, key=lambda other: (other.cpu, other.memory, other.name), default=None)
    price = case.asked.price(found) if found else None
    if found is None or price is None or price.currency != case.price.currency or case.asked.is_missing_in_zone(found):
        return None
    return found


def pinned(case: Case) -> Refusal | None:
    """Pods that name the machine they want would find no place on another."""
    for name in case.demand.recent():
        drain = case.demand.drains.get(name)
        keys = sorted(key for key in (drain.pinned or {}) if key.endswith(PINNED_PARTS)) if drain else []
        if keys:
            reason = f"{name} asks for nodes by {keys[0]}: on another type its pods would find no place."
            return case.asked.refuse("pinned-type", reason, needs="Pods that ask for resources instead of a machine's name.")
    return None


def _pins_unread(case: Case) -> tuple[str, ...]:
    """Of how many workloads nobody knows whether they name their machine; () = all were read."""
    recent = case.demand.recent()
    unread = [name for name in recent if name not in case.demand.drains or case.demand.drains[name].pinned is None]
    return (f"Whether {len(unread)} of {len(recent)} workloads ask for nodes by their type was not read.",) if unread else ()


# ── One size down, in one edit ───────────────────────────────────────────────────────────────────────────────────────
def _one_size_down(case: Case, smaller: InstanceType, best: Option, found: Options, own: Option) -> Answer | None:
    """The type goes one size down and the count stays, or rises where the smaller nodes need it; what is left comes later."""
    price = case.asked.price(smaller)
    nodes = _nodes_of(case, smaller)
    if price is None or nodes is None:
        return _for_a_person(case, best, found, own)
    nodes = max(nodes, case.now.nodes)
    saved = case.price * case.now.nodes - price * nodes
    new = case.size(nodes, smaller)
    if saved.amount <= 0 or new.needed.misses(nodes, case.everything).any():
        return _for_a_person(case, best, found, own)
    changes: tuple[FieldChange, ...] = (FieldChange(field="instance_type", old=case.instance.name, new=smaller.name),)
    if nodes != case.now.nodes:
        changes += _counts(case, nodes)
    wanted = f"{best.nodes} x {best.instance.name}"
    is_all = (best.instance.name, best.nodes) == (smaller.name, nodes)
    rest = () if is_all else (f"The evidence asks for {wanted}; one step goes one size down, to {nodes} x {smaller.name}.",)
    return case.finding(
        "instance-type-down",
        "instance_type",
        changes,
        new,
        nodes_saved=Decimal(1),
        price_saved=saved,
        is_effective_known=False,
        is_repave=True,
        lines=(_compared(case, best, own, found), *rest),
        runner_up=runner_up(best, own, found),
        unknowns=_pins_unread(case),
    )


def _counts(case: Case, nodes: int) -> tuple[FieldChange, ...]:
    """The count, and the bounds of an autoscaler that is pinned to it."""
    changes = (FieldChange(field="count", old=str(case.pool.count), new=str(nodes)),)
    if case.pool.minimum is None or case.pool.maximum is None:
        return changes
    return (
        *changes,
        FieldChange(field="min", old=str(case.pool.minimum), new=str(nodes)),
        FieldChange(field="max", old=str(case.pool.maximum), new=str(nodes)),
    )


def _nodes_of(case: Case, instance: InstanceType) -> int | None:
    """What the first part and the floors ask for; None = a pod fits no such node."""
    needed = case.needed(instance)
    try:
        load = load_of(case, needed)
        return max(load, floor_of(case, needed, load).nodes)
    except BadInput:
        return None


# ── What no single scalar says ───────────────────────────────────────────────────────────────────────────────────────
def _for_a_person(case: Case, best: Option, found: Options, own: Option) -> Finding | None:
    """Another family, a larger size, or several sizes at once: the numbers, and what a person would do with them."""
    if not _is_cheaper(best, own, WORTH_A_POOL):
        return None
    saved = case.price * case.now.nodes - best.price * best.nodes
    if saved.amount <= 0:
        return None
    changes: tuple[FieldChange, ...] = (FieldChange(field="instance_type", old=case.instance.name, new=best.instance.name),)
    if best.nodes != case.now.nodes:
        changes += _counts(case, best.nodes)
    kind = "another size" if family(best.instance).name == family(case.instance).name else "another family"
    person = (
        f"A move to {kind} is more than one step: a person adds a pool of {best.nodes} x {best.instance.name} beside this one, "
        f"with its labels and taints, moves the pods over, watches, and then removes the {case.now.nodes} x {case.instance.name}."
    )
    return case.finding(
        "instance-type-other",
        "instance_type",
        changes,
        case.size(best.nodes, best.instance),
        nodes_saved=Decimal(1),
        price_saved=saved,
        is_effective_known=False,
        is_repave=True,
        lines=(_compared(case, best, own, found),),
        runner_up=runner_up(best, own, found),
        unknowns=(*questions(case, best.instance), UNCOMPARED, *_pins_unread(case)),
        needs_person=person,
    )


def autoscaled_type(case: Case, found: Options) -> Answer | None:
    """The same for an autoscaled pool: what counts is how many nodes each type would have run on average."""
    low, high, best = case.pool.minimum, case.pool.maximum, found.best[0] if found.best else None
    if best is None or low is None or high is None:
        return None
    needed = case.needed(best.instance)
    least = max(quiet(case, needed), minimum_floor(case).nodes)
    now, then = case.price * running(case, case.now.needed, low, high), best.price * running(case, needed, least, best.nodes)
    if then.amount > now.amount * (1 - WORTH_A_POOL):
        return None
    objection = use_missing(case) or pinned(case) or shrink_veto(case)
    if objection:
        return objection
    moves: tuple[tuple[PoolField, str, str], ...] = (
        ("instance_type", case.instance.name, best.instance.name),
        ("min", str(low), str(least)),
        ("max", str(high), str(best.nodes)),
    )
    return case.finding(
        "instance-type-other",
        "instance_type",
        tuple(FieldChange(field=name, old=old, new=new) for name, old, new in moves if old != new),
        case.size(best.nodes, best.instance),
        nodes_saved=Decimal(1),
        price_saved=now - then,
        is_effective_known=False,
        is_repave=True,
        lines=(_compared_on_average(case, best, least, then, now),),
        runner_up=runner_up(best, found.best[1] if len(found.best) > 1 else best, found),
        unknowns=(*questions(case, best.instance), UNCOMPARED, *_pins_unread(case)),
        old=case.size(high),
        needs_person=(
            f"Type and bounds change together: a person adds a pool of {least} to {best.nodes} x {best.instance.name} beside this one, "
            "with its labels and taints, moves the pods over, watches, and then removes it."
        ),
    )


# ── In words ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def _compared(case: Case, best: Option, own: Option, found: Options) -> str:
    place = f"{case.instance.cloud} {case.instance.region}"
    cheaper = _cheaper_by(best.cost, own.cost)
    return (
        f"Of {found.count} types of {place} that such a pool may become, {best.nodes} x {best.instance.name} for {best.cost} a month is "
        f"the cheapest that would have carried every measured {case.step_name}: {cheaper} below the {own.nodes} x {own.instance.name} "
        "that its own type would need."
    )


def _compared_on_average(case: Case, best: Option, least: int, then: Money, now: Money) -> str:
    return (
        f"Between {least} and {best.nodes} x {best.instance.name} it would have cost {then * HOURS_PER_MONTH} a month on average, "
        f"{_cheaper_by(then, now)} less than between {case.pool.minimum} and {case.pool.maximum} x {case.instance.name}, and carried "
        f"every measured {case.step_name}."
    )


def runner_up(winner: Option, own: Option, found: Options) -> str:
    """The next best after the winner, and why it lost, in one sentence; "" = there is no other."""
    others = [each for each in (*found.best, own) if each.instance.name != winner.instance.name]
    lost = found.lost
    if lost is not None and lost.cost.amount < winner.cost.amount:
        return f"{_told(lost)}, but {_why_lost(lost)}."
    rival = min(others, key=lambda each: (each.cost.amount, each.instance.name), default=None)
    if rival is None:
        return ""
    if rival.cost.amount < winner.cost.amount:
        return f"{_told(rival)}, {_cheaper_by(rival.cost, winner.cost)} less, but it replaces every node: a step of its own."
    return f"{_told(rival)}, {rival.cost - winner.cost} more, and would have missed nothing either."


def _told(option: Option) -> str:
    return f"{option.nodes} x {option.instance.name} would cost {option.cost} a month"


def _why_lost(option: Option) -> str:
    if option.missed:
        return f"would have missed {option.missed} measured steps"
    return option.objection


def _cheaper_by(one: Money, other: Money) -> str:
    return f"{1 - float(one.amount / other.amount):.0%}"
