"""Do the sources tell of the same pool? The live cluster, the metrics, the bill and Palette's own figures must agree, or nothing is said.

Whoever writes into a metrics store can invent nodes and pods or hide them; what they cannot do is make all four sources lie alike.
"""

from math import isfinite

import numpy as np

from trimtab.analysis.case import Asked
from trimtab.analysis.demand import Demand
from trimtab.records import Refusal

BILL_TOLERANCE = 0.10
PALETTE_TOLERANCE = 0.20
FIND_OUT = "Somebody finds out which source is right; the advice comes back by itself once they agree."


def arch_differs(asked: Asked) -> Refusal | None:
    """Pods of one architecture do not run on the other: Palette and the catalog must mean the same machine."""
    if asked.instance is None or asked.pool.arch in ("", asked.instance.arch) or not asked.instance.arch:
        return None
    reason = f"Palette says that its nodes are {asked.pool.arch}, the catalog that {asked.instance.name} is {asked.instance.arch}."
    return asked.refuse("sources-disagree", reason, needs=FIND_OUT)


def outside_bounds(asked: Asked) -> Refusal | None:
    """Bounds, pinned ones too, hold the live size between them; where they do not, somebody or something else is at work."""
    pool = asked.pool
    if pool.minimum is None or pool.maximum is None:
        return None
    live = pool.machines if pool.machines is not None else pool.count
    if pool.minimum <= live <= pool.maximum:
        return None
    reason = f"It has {live} nodes, outside its bounds of {pool.minimum} to {pool.maximum}: somebody or something else sizes it."
    return asked.refuse("outside-bounds", reason, needs="A live size within the declared minimum and maximum.")


def live_differs(asked: Asked) -> Refusal | None:
    """A static pool runs as many machines as it says, or it is being changed right now."""
    pool = asked.pool
    if pool.is_autoscaled or pool.machines is None or pool.machines == pool.count:
        return None
    reason = f"Palette asks for {pool.count} nodes and has {pool.machines}: it is being changed, or machines are missing."
    return asked.refuse("sources-disagree", reason, needs="As many machines as the pool asks for.")


def nodes_differ(asked: Asked) -> Refusal | None:
    """The metrics of the last day saw as many nodes as there are, and over the window as many as were billed."""
    if asked.demand is None:
        return None
    if asked.demand.nodes is None:
        reason = "The metrics show pods and no nodes, so nobody can tell whether they are about this pool."
        return asked.refuse("nodes-unseen", reason, needs="kube-state-metrics' node series (kube_node_info), read by the collector.")
    newest = asked.demand.nodes[-max(1, 86400 // asked.demand.step) :]
    if np.isnan(newest).all():
        return _disagree(asked, f"Palette has {asked.pool.count} nodes; the metrics saw none in the last day.")
    seen = float(np.nanmedian(newest))
    low, high = (asked.pool.minimum or 0, asked.pool.maximum or 0) if asked.pool.is_autoscaled else (asked.pool.count, asked.pool.count)
    if not low - 0.5 <= seen <= high + 0.5:
        wanted = f"{low} to {high}" if low != high else f"{low}"
        return _disagree(asked, f"Palette has {wanted} nodes, the metrics saw {seen:g} in the last day: find out which is right first.")
    return _bill(asked, float(np.nanmean(asked.demand.nodes)))


def _bill(asked: Asked, seen: float) -> Refusal | None:
    billed = asked.billed_nodes
    if billed is None or abs(billed - seen) <= max(0.5, BILL_TOLERANCE * seen):
        return None
    return _disagree(asked, f"The bill has {billed:.1f} nodes on average, the metrics saw {seen:.1f}.")


def use_differs(asked: Asked) -> Refusal | None:
    """Metrics that show clearly less than Palette measured hide something.

    Only that side is asked: our hourly figure is the highest five minutes, Palette's a mean, so ours is rightly the greater; and more
    use than Palette's only makes advice more careful.
    """
    palette, demand = asked.palette_use, asked.demand
    if palette is None or demand is None:
        return None
    for words, ours, theirs in (
        ("CPU cores", _mean(demand, "cpu", 1000.0), palette.cpu and palette.cpu / 1000.0),
        ("GiB", _mean(demand, "memory", 1 << 30), palette.memory and palette.memory / (1 << 30)),
    ):
        if theirs is None or ours is None:
            continue
        if not isfinite(theirs) or ours < (1 - PALETTE_TOLERANCE) * theirs:
            return _disagree(asked, f"Palette measured {theirs:.1f} {words} in use on average, the metrics show {ours:.1f}.")
    return None


def _mean(demand: Demand, what: str, unit: float) -> float | None:
    """Use of all pods on average, with what the DaemonSets take of each node; None = not measured."""
    if f"{what}_used" not in demand.recorded and demand.runs.any():
        return None
    steps = demand.measured()
    if not steps.any():
        return None
    nodes = float(np.nanmean(demand.nodes)) if demand.nodes is not None and not np.isnan(demand.nodes).all() else 0.0
    used = np.nan_to_num(getattr(demand, f"{what}_used")[:, steps]).sum(axis=0).mean()
    return float((used + nodes * getattr(demand.overhead, what)) / unit)


def _disagree(asked: Asked, reason: str) -> Refusal:
    return asked.refuse("sources-disagree", reason, needs=FIND_OUT)
