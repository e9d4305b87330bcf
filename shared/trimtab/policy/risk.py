"""Seven ways in which a change can hurt, each from 0 (cannot) to 4 (do not); the level is the worst one, never an average.

    dimension      0                  1                     2                      3                       4
    headroom       peak ≤ 80 % of     ≤ 95 %                ≤ 100 %                some judged step        more than the old
                   the new capacity                                                would not fit           size had
    availability   ≥ 3 nodes stay     2 nodes stay          1 node stays, or       disruption while        none stays
                                                            something may be hurt  nodes are replaced
    reversibility  only adds          nodes come back in    GPUs, spot, or nodes   GPU nodes are replaced
                                      minutes               are replaced
    blast radius   only adds          ≤ 25 % of the         ≤ 50 %, or 4 teams     more
                                      cluster's nodes
    data quality   ≥ 30 days, ≥ 99 %  at the floor          something was unknown  below the floor         under half of it
    step size      ≤ 10 %             ≤ 30 %, or one node   ≤ 50 %, or another     ≤ 75 %                  more
                                                            type; only adds
    mapping        file, cluster and  names differ                                 live pool and file      the file says
                   pool agree                                                      disagree                something else

Unknown is None, and None counts as 3. Savings are no dimension: they may order a list, never buy a lower gate.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from trimtab.policy.environment import is_proven_nonproduction
from trimtab.policy.subjects import is_said_otherwise, live_text
from trimtab.records import Cluster, EvidenceFloor, Facts, FieldChange, Finding, Pool, Risk

_NODE_FIELDS = ("count", "min", "max")
_NUMERIC_FIELDS = (*_NODE_FIELDS, "cpu_cores", "memory_mib", "gpu_limit")


@dataclass(frozen=True, kw_only=True, slots=True)
class Scales:
    """What facts are weighed with."""

    now: datetime
    floor: EvidenceFloor


def risk_of(facts: Facts, scales: Scales) -> Risk:
    """All seven dimensions of one change."""
    return Risk(
        headroom=headroom(facts.finding),
        availability=availability(facts.finding),
        reversibility=reversibility(facts),
        blast_radius=blast_radius(facts),
        data_quality=data_quality(facts, scales),
        step_size=step_size(facts.finding),
        mapping=mapping(facts),
    )


def risk_together(members: Sequence[Facts], risks: Sequence[Risk]) -> Risk:
    """The worst of each dimension; but what is touched at once is touched together, so those shares of the cluster add up."""
    named = [risk.dimensions() for risk in risks]
    worst = {name.replace(" ", "_"): max((each[name] for each in named), key=_weight) for name in named[0]}
    return Risk(**(worst | {"blast_radius": max((worst["blast_radius"], _blast_together(members)), key=_weight)}))


def _weight(level: int | None) -> int:
    return 3 if level is None else level


def _blast_together(members: Sequence[Facts]) -> int | None:
    hurting = [each for each in members if each.finding.subject.kind == "pool" and not only_adds(each.finding)]
    shares = [touched_share(each.finding, each.cluster) for each in hurting]
    known = [share for share in shares if share is not None]
    if len(known) < len(shares):
        return None
    return _band(sum(known), -1, 0.25, 0.50) if known else 0


def only_adds(finding: Finding) -> bool:
    """True where every changed number goes up, no node is lost and none is replaced: nothing that runs can be hurt."""
    return (
        not finding.is_repave
        and finding.nodes_new >= finding.nodes_old
        and bool(finding.changes)
        and all(_goes_up(change) for change in finding.changes)
    )


def _goes_up(change: FieldChange) -> bool:
    old, new = number(change.old), number(change.new)
    return change.field in _NUMERIC_FIELDS and old is not None and new is not None and new >= old


def number(text: str) -> int | None:
    """A whole number as a file would hold it, or None."""
    return int(text) if text.isascii() and text.isdigit() else None


def _band(value: float, *bounds: float) -> int:
    """Index of the first bound that the value does not exceed."""
    return next((level for level, bound in enumerate(bounds) if value <= bound), len(bounds))


def headroom(finding: Finding) -> int | None:
    """How near the past came to the new capacity, and whether the days kept for judging would have fit."""
    evidence = finding.evidence
    if evidence.judged_days < 1 or evidence.judged_steps < 1:
        return None
    if evidence.violations_new > 0:
        return 4 if evidence.violations_new > evidence.violations_old else 3
    used = fullest(finding)
    return None if used is None else _band(used, 0.80, 0.95, 1.0)


def fullest(finding: Finding) -> float | None:
    """Highest share of the new capacity that was ever asked for; None = never measured."""
    shares = [
        point.demand / point.capacity_new if point.capacity_new > 0 else float("inf")
        for point in finding.evidence.chart
        if point.demand is not None
    ]
    return max(shares, default=None)


def availability(finding: Finding) -> int:
    """What could stop while nodes go: too few left, or workloads that do not move well. A smaller quota stops only what is new."""
    if finding.subject.kind != "pool":
        return 0 if only_adds(finding) else 1
    if finding.nodes_new < 1:
        return 4
    if finding.disruption and finding.is_repave:
        return 3
    left = 0 if only_adds(finding) else _band(-finding.nodes_new, -3, -2)
    return max(left, 2 if finding.disruption else 0)


def reversibility(facts: Facts) -> int | None:
    """How surely the old size can be had again: GPUs and spot capacity may be gone when they are wanted back."""
    finding = facts.finding
    if only_adds(finding):
        return 0
    if finding.subject.kind != "pool":
        return 1
    if facts.instance_gpus is None:
        return None
    has_gpus, is_spot = facts.instance_gpus > 0, _is_spot(facts)
    if finding.is_repave and has_gpus:
        return 3
    return 2 if finding.is_repave or has_gpus or is_spot is not False else 1


def _is_spot(facts: Facts) -> bool | None:
    """Spot before or after the change; None = the pool is not known."""
    pool = _live(facts)
    if pool is None:
        return None
    return pool.capacity_type == "spot" or any(change.field == "capacity_type" for change in facts.finding.changes)


def blast_radius(facts: Facts) -> int | None:
    """Share of the cluster's nodes that is touched, and how many teams run on the pool."""
    if only_adds(facts.finding):
        return 0
    if facts.finding.subject.kind != "pool":
        # Only what counts against the quota can be hurt: one namespace's pods, or those of all that share a workspace.
        return 2 if facts.finding.subject.kind == "workspace" else 1
    share = touched_share(facts.finding, facts.cluster)
    if share is None or not facts.owners:
        return None
    teams = sum(1 for _, part in facts.owners if part >= 0.10)
    return max(_band(share, -1, 0.25, 0.50), 2 if teams >= 4 else 0)


def touched_share(finding: Finding, cluster: Cluster | None) -> float | None:
    """Nodes that go or are replaced, as a share of the cluster's workers; None = the cluster is not known."""
    workers = sum(pool.count for pool in cluster.pools if not pool.control_plane) if cluster else 0
    if workers < 1:
        return None
    return (finding.nodes_old if finding.is_repave else abs(finding.nodes_new - finding.nodes_old)) / workers


def data_quality(facts: Facts, scales: Scales) -> int:
    """Length and completeness of what was measured; something unknown is never low."""
    evidence, days = facts.finding.evidence, required_days(facts, scales)
    if evidence.days < days / 2 or evidence.coverage < scales.floor.coverage / 2:
        return 4
    if evidence.days < days or not evidence.coverage >= scales.floor.coverage:
        return 3
    if len(facts.finding.unknowns) > _about_money(facts.finding):
        return 2
    return 0 if evidence.days >= 30 and evidence.coverage >= 0.99 else 1


def _about_money(finding: Finding) -> int:
    """A saving that is not known at the bill's prices is one of the unknowns, and hurts nothing that runs."""
    return 1 if finding.saving_effective is None else 0


def required_days(facts: Facts, scales: Scales) -> int:
    """Days that must have been measured; what is not proven non-production needs those of production."""
    return scales.floor.days_nonproduction if is_proven_nonproduction(facts, scales.now) else scales.floor.days_production


def step_size(finding: Finding) -> int | None:
    """How much of the pool goes at once; one node is the smallest step there is."""
    if only_adds(finding):
        return _band(node_step_share(finding), 0.10, 0.30)
    if any(change.field == "instance_type" for change in finding.changes):
        return max(2, _band(node_step_share(finding), 0.10, 0.30, 0.50, 0.75))
    shares = [_step(change) for change in finding.changes if change.field in _NUMERIC_FIELDS]
    known = [share for share in shares if share is not None]
    if len(known) < len(shares):
        return None
    is_one_node = abs(finding.nodes_new - finding.nodes_old) <= 1 and finding.subject.field in _NODE_FIELDS
    return _band(max(node_step_share(finding), *known, 0.0), 0.10, 1.0 if is_one_node else 0.30, 0.50, 0.75)


def node_step_share(finding: Finding) -> float:
    """Nodes that come or go, as a share of those there were."""
    return abs(finding.nodes_new - finding.nodes_old) / max(finding.nodes_old, 1)


def _step(change: FieldChange) -> float | None:
    old, new = number(change.old), number(change.new)
    return None if old is None or new is None else abs(new - old) / max(old, 1)


def mapping(facts: Facts) -> int | None:
    """Is the line in Git really the pool that was measured?"""
    if facts.finding.subject.kind != "pool":
        return _mapping_of_quota(facts)
    if facts.place is None or facts.declared is None or facts.cluster is None or (live := _live(facts)) is None:
        return None
    if any(is_said_otherwise(facts, change) for change in facts.finding.changes):
        return 4
    if drift(facts.declared, live):
        return 3
    return 0 if (facts.place.cluster, facts.place.pool) == (facts.cluster.name, live.name) else 1


def _mapping_of_quota(facts: Facts) -> int | None:
    if facts.place is None or facts.quota is None or not facts.declared_texts:
        return None
    if any(is_said_otherwise(facts, change) for change in facts.finding.changes):
        return 4
    return 3 if any(live_text(facts, change.field) != change.old for change in facts.finding.changes) else 0


def _live(facts: Facts) -> Pool | None:
    return facts.cluster.pool_of(facts.finding.subject) if facts.cluster else None


def drift(declared: Pool, live: Pool) -> tuple[str, ...]:
    """Where Git and the live pool disagree; a count that the autoscaler moves is not a disagreement."""
    pairs = {
        "count": (None, None) if declared.is_autoscaled or live.is_autoscaled else (declared.count, live.count),
        "min": (declared.minimum, live.minimum),
        "max": (declared.maximum, live.maximum),
        "instance type": (declared.instance_type or None, live.instance_type or None),
    }
    return tuple(
        f"{name}: Git says {git}, the cluster {now}"
        for name, (git, now) in pairs.items()
        if git is not None and now is not None and git != now
    )
