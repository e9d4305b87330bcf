"""How one size would have done over the judged part of a past, and how it did over many pools together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from trimtab.analysis.packing import NodesNeeded
from trimtab.analysis.sizing import Split
from trimtab.records import ChartPoint, Json

Decision = Literal["change", "keep", "refuse"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Replay:
    """How one size would have done over the judged part."""

    policy: str
    instance_type: str
    nodes: int
    max_nodes: int
    saving: float
    """Share of today's node-hours; below 0 = it costs more."""
    slack: float
    """Share of the capacity that nothing needed."""
    missed_steps: int
    judged_steps: int
    violations_per_1000_node_hours: float
    judged_days: int

    def as_json(self) -> Json:
        """In the stable form of `backtest --format json`."""
        return {
            "policy": self.policy,
            "instance_type": self.instance_type,
            "nodes": self.nodes,
            "max_nodes": self.max_nodes,
            "saving": round(self.saving, 6),
            "slack": round(self.slack, 6),
            "violations_per_1000_node_hours": round(self.violations_per_1000_node_hours, 6),
            "judged_days": self.judged_days,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Backtest:
    """What is there now, the policies beside it, and the decision with its reasons; ours is the first policy."""

    current: Replay
    policies: tuple[Replay, ...]
    decision: Decision
    reasons: tuple[str, ...]
    hindsight: Replay | None = None
    """The least constant size that would have missed no more than the current one: known only afterwards. None = refused."""
    fitted_days: int = 0
    hours: float = 0.0
    """Judged hours that were measured."""
    chart: tuple[ChartPoint, ...] = ()
    """Need in nodes, the current size, and the size that was decided for."""

    def as_json(self) -> Json:
        """In the stable form of `backtest --format json`."""
        return {
            "current": self.current.as_json(),
            "policies": [policy.as_json() for policy in self.policies],
            "decision": self.decision,
            "reasons": list(self.reasons),
        }


def replay(policy: str, nodes: int, needed: NodesNeeded, part: Split, hours: float, *, baseline: int, price_ratio: float = 1.0) -> Replay:
    """`nodes` of this shape over the judged part, against `baseline` nodes whose price is 1/price_ratio of these."""
    missed, judged = int(needed.misses(nodes, part.judge).sum()), int(part.judge.sum())
    used = np.minimum(needed.fullest[part.judge] / nodes, 1.0)
    return Replay(
        policy=policy,
        instance_type=needed.node.name,
        nodes=nodes,
        max_nodes=nodes,
        saving=1.0 - nodes * price_ratio / baseline,
        slack=float(1.0 - used.mean()) if judged else 0.0,
        missed_steps=missed,
        judged_steps=judged,
        violations_per_1000_node_hours=1000.0 * missed / (nodes * judged) if judged and hours else 0.0,
        judged_days=part.judged_days,
    )


def total(parts: Mapping[str, Backtest]) -> dict[str, Replay]:
    """Policy → all judged pools together, hindsight and the current sizes among them; refused pools are left out.

    Capacity is added up. Saving is a share of all capacity there is, slack of all capacity of the policy, and violations are per 1,000
    of the policy's own node-hours.
    """
    judged = [part for part in parts.values() if part.hindsight is not None]
    if not judged:
        return {}
    rows = [{**{one.policy: one for one in (part.current, *part.policies)}, "hindsight": part.hindsight} for part in judged]
    shared = [name for name in rows[0] if all(row.get(name) is not None for row in rows)]
    return {name: _sum(name, [row[name] for row in rows], judged) for name in shared}


def _sum(policy: str, replays: Sequence[Replay | None], parts: Sequence[Backtest]) -> Replay:
    known = [one for one in replays if one is not None]
    nodes, baseline = sum(one.nodes for one in known), sum(part.current.nodes for part in parts)
    node_hours = [one.nodes * part.hours for one, part in zip(known, parts, strict=True)]
    missed_hours = sum(one.missed_steps / max(1, one.judged_steps) * part.hours for one, part in zip(known, parts, strict=True))
    units = {one.instance_type for one in known}
    return Replay(
        policy=policy,
        instance_type=units.pop() if len(units) == 1 else "several",
        nodes=nodes,
        max_nodes=sum(one.max_nodes for one in known),
        saving=1.0 - nodes / baseline,
        slack=sum(one.slack * hours for one, hours in zip(known, node_hours, strict=True)) / sum(node_hours),
        missed_steps=sum(one.missed_steps for one in known),
        judged_steps=sum(one.judged_steps for one in known),
        violations_per_1000_node_hours=1000.0 * missed_hours / sum(node_hours),
        judged_days=min(one.judged_days for one in known),
    )
