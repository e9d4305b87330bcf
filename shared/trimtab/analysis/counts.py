"""Rules about how many nodes a pool of fixed size has: fewer, more, or as it is."""

from dataclasses import dataclass
from decimal import Decimal

from trimtab.analysis.case import Case
from trimtab.analysis.demand import Demand
from trimtab.analysis.floors import Floor, floor_of, for_palette
from trimtab.analysis.gpu import GpuUse
from trimtab.analysis.packing import NodesNeeded
from trimtab.analysis.shrink import shrink_veto
from trimtab.analysis.sizing import MARGIN, after_one_step, sized, whole
from trimtab.records import FieldChange, Finding, Refusal
from trimtab.units import GIB

Answer = Finding | Refusal


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """How many nodes the evidence asks for, and the floor under it."""

    load: int
    """What the load asks for, with margin and growth."""
    floor: Floor

    @property
    def nodes(self) -> int:
        """Both together."""
        return max(self.load, self.floor.nodes)


def wish_of(case: Case) -> Wish:
    """What this pool should have of its own type. Idle GPUs get the same margin: that they are idle is the easiest thing to fake."""
    needed = case.now.needed
    load = load_of(case, needed)
    return Wish(load=load, floor=max(floor_of(case, needed, load), for_palette(case), key=lambda floor: floor.nodes))


def load_of(case: Case, needed: NodesNeeded) -> int:
    """What the first part asks for: with margin and growth, and never less than any of its steps needed."""
    return sized(needed, case.part, case.demand.times[needed.steps])


def is_idle(use: GpuUse | None) -> bool:
    """True where nobody asked for a GPU, or whoever holds them computes nothing and keeps nothing in them."""
    return use is not None and use.state in {"unrequested", "held-idle"}


def one_step(case: Case, nodes: int, wanted: int) -> int:
    """Towards `wanted`: at most a quarter less; only one node where the use of its pods is not known."""
    target = after_one_step(nodes, wanted)
    return target if case.asked.has_use else max(target, nodes - 1)


def count(case: Case, wish: Wish, runner_up: str) -> Answer:
    """A static pool's node count."""
    nodes, use, needed = case.now.nodes, case.gpus, case.now.needed
    missed = int(needed.misses(nodes, case.part.judge).sum())
    if missed:
        return _grow(case, missed)
    target = one_step(case, nodes, wish.nodes)
    if target >= nodes:
        return _right(case, use, wish)
    lost = int(needed.misses(target, case.everything).sum())
    if lost:
        steps = f"{lost} {case.step_name}{'s' if lost != 1 else ''}"
        return case.asked.refuse(
            "would-have-missed",
            f"{target} nodes would have missed {lost} of {len(needed.steps)} measured steps; {nodes} stay.",
            needs=f"A window without the {steps} that need more.",
        )
    veto = shrink_veto(case)
    if veto:
        return veto
    return _resized(case, _why(case, use), target, lines=(*_idle_lines(case, use), *step_line(target, wish)), runner_up=runner_up)


def _why(case: Case, use: GpuUse | None) -> str:
    if is_idle(use):
        return "gpu-idle"
    return "node-count-down" if case.demand.runs.any() else "pool-idle"


# ── Growth ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def _grow(case: Case, missed: int) -> Answer:
    """More nodes, where demand really waited or the nodes were really full."""
    nodes, needed = case.now.nodes, case.now.needed
    sentence = f"{nodes} nodes were too few in {missed} of {int(case.part.judge.sum())} judged steps"
    full = used_up(case, nodes)
    if case.demand.pending_share == 0 and not full:
        return case.asked.refuse("fits-tightly", f"{sentence} by their requests, yet no pod waited: neither shrunk nor grown.")
    enough = whole(max(needed.maximum(case.everything), sized(needed, case.part, case.demand.times[needed.steps])))
    target, wanted, largest = growth(case, nodes, enough)
    if target <= nodes:
        return case.asked.refuse("fits-tightly", f"{sentence}, and no other number of nodes would have been better.")
    lines = (f"{sentence}.", *full, *waiting(case.demand), *_step(target, wanted, largest))
    return _resized(case, "node-count-up", target, lines=lines)


def used_up(case: Case, nodes: int) -> tuple[str, ...]:
    """How often what was really used filled the nodes, whatever had been asked for."""
    node = case.now.needed.node
    rows = (
        ("CPU", case.items.cpu_used, node.cpu_ceiling, node.cpu),
        ("memory", case.items.memory_used, node.memory_ceiling, node.memory),
    )
    found = []
    for words, used, ceiling, offer in rows:
        over = int((used[case.part.judge] > ceiling * offer * nodes + 1e-9).sum())
        if over:
            found.append(f"In {over} of them use of {words} was above {ceiling:.0%} of what {nodes} nodes offer.")
    return tuple(found)


def growth(case: Case, nodes: int, enough: int) -> tuple[int, int, str]:
    """One step up, what it goes towards, and its limit in words. Jobs can wait: their peak is neither doubled for nor given a margin."""
    if case.is_queue:
        pending = whole(case.now.needed.maximum(case.everything))
        return min(nodes + max(1, nodes // 2), pending), pending, "half as many again, because jobs can wait"
    return min(2 * nodes, enough), enough, "twice as many"


def waiting(demand: Demand) -> tuple[str, ...]:
    """Who waited, how often, and how many at once: the reason to grow."""
    if demand.pending is None or not demand.pending.any():
        return ()
    at_once = demand.pending.sum(axis=0)
    names = sorted({name for name, pods in zip(demand.names, demand.pending, strict=True) if pods.any()})
    hours = f"{float((at_once > 0).sum()) * demand.step / 3600:g} of {len(at_once) * demand.step / 3600:g} hours"
    return (f"In {hours} pods of {', '.join(names)} waited for a place, up to {at_once.max():g} at once.",)


# ── Answers ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def _resized(case: Case, rule: str, target: int, *, lines: tuple[str, ...], runner_up: str = "") -> Finding:
    old, new = str(case.pool.count), str(target)
    changes: tuple[FieldChange, ...] = (FieldChange(field="count", old=old, new=new),)
    if case.pool.minimum is not None and case.pool.maximum is not None:
        # An autoscaler that is pinned (min = max) keeps all three equal.
        changes += (
            FieldChange(field="min", old=str(case.pool.minimum), new=new),
            FieldChange(field="max", old=str(case.pool.maximum), new=new),
        )
    saved = Decimal(case.now.nodes - target)
    return case.finding(rule, "count", changes, case.size(target), nodes_saved=saved, lines=lines, runner_up=runner_up)


def step_line(target: int, wish: Wish) -> tuple[str, ...]:
    """What is left for later, and which floor holds it up."""
    held = (f"It stops at {wish.nodes}, because {wish.floor.why}.",) if wish.floor.nodes > max(1, wish.load) else ()
    return (*_step(target, wish.nodes, "a quarter less"), *held)


def _step(target: int, wanted: int, largest: str) -> tuple[str, ...]:
    if target == wanted:
        return ()
    return (f"The evidence asks for {wanted}; one step goes to {target}, at most {largest}.",)


def _right(case: Case, use: GpuUse | None, wish: Wish) -> Refusal:
    """Nothing to change, with the numbers."""
    if use is not None and use.state == "held-idle":
        return held_idle(case, use)
    size = f"{case.now.nodes} x {case.instance.name}"
    busiest = case.now.needed.fullest.max(initial=0.0)
    if busiest > case.now.nodes:
        if case.demand.pending_share:
            early = f"in the fitted days it needed up to {busiest:.1f} nodes and pods waited, in the judged days it was enough"
            return case.asked.refuse("fits", f"{size} is left as it is: {early}.")
        # A pod that replaces another within the hour counts beside it, so an hour may look too full without anybody waiting.
        full = f"its fullest hour adds up to {busiest:.1f} nodes because pods replaced one another, and no pod waited"
        return case.asked.refuse("fits", f"{size} is left as it is: {full}.")
    return case.asked.refuse("fits", f"{size} is right: the busiest step needed {busiest:.1f} of {case.now.nodes}; {_asks(case, wish)}.")


def _asks(case: Case, wish: Wish) -> str:
    """Which of load and floor decides, in words."""
    asks = f"with {MARGIN:.0%} room and growth that asks for {wish.load}"
    if wish.floor.nodes > wish.load:
        asks += f", but {wish.floor.why}, which takes {wish.floor.nodes}"
    if wish.nodes > case.now.nodes:
        asks += "; what never missed is left as it is"
    return asks


def held_idle(case: Case, use: GpuUse) -> Refusal:
    """What is held stays until its owners let go, however idle it is."""
    held = f"{use.held:g} GPUs are held by {', '.join(use.idle)} and compute at most {use.busiest:.1%}"
    return case.asked.refuse("held-idle", f"{held}: ask the owners to release them first.", needs="Its owners release them.")


def _idle_lines(case: Case, use: GpuUse | None) -> tuple[str, ...]:
    if use is None or not is_idle(use):
        return () if case.demand.runs.any() else (_empty(case),)
    if use.state == "unrequested":
        return ("No pod asked for a GPU in the whole time.",)
    asked = f"At most {use.held:g} of its {case.now.nodes * case.instance.gpus} GPUs were asked for"
    return (f"{asked}; those computed at most {use.busiest:.1%} and held at most {use.memory / GIB:.1f} GiB.",)


def _empty(case: Case) -> str:
    return f"Nothing but DaemonSets ran on it in {case.demand.days:.0f} days; whether it is needed at all is its owners' choice."
