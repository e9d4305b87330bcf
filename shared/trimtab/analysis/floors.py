"""What a pool never goes below, whatever the average load says: each floor with its sentence, the highest one counts."""

from dataclasses import dataclass

from trimtab.analysis.case import Case
from trimtab.analysis.demand import Demand
from trimtab.analysis.packing import NodesNeeded
from trimtab.analysis.sizing import whole
from trimtab.records import InstanceType
from trimtab.units import GIB

AGENT_CPU, AGENT_MEMORY = 4000, 16 * GIB
"""What the smallest node that EKS clusters of Palette are supported on has (t3.xlarge)."""
AKS_CPU, AKS_MEMORY = 2000, 4 * GIB
"""What all workers of an AKS cluster together must have."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Floor:
    """So many nodes, and why no fewer."""

    nodes: int
    why: str


def floor_of(case: Case, needed: NodesNeeded, enough: int = 0) -> Floor:
    """The highest floor under a fixed count (or under an autoscaler's maximum); what is below `enough` need not be known exactly.

    Raises BadInput where a pod fits no such node.
    """
    return max((one_node(), zones(case), own_nodes(case), node_lost(case, needed, enough)), key=lambda floor: floor.nodes)


def minimum_floor(case: Case) -> Floor:
    """Under an autoscaler's minimum: what runs in busy hours brings its own nodes."""
    return max((one_node(), zones(case)), key=lambda floor: floor.nodes)


def one_node() -> Floor:
    """A pool is made smaller, never away."""
    return Floor(nodes=1, why="a pool keeps at least one node")


def zones(case: Case) -> Floor:
    """One node in each zone, as far as there are that many now."""
    names = case.asked.zones
    now = case.pool.count if not case.pool.is_autoscaled else case.now.nodes
    return Floor(nodes=min(len(names), now), why=f"one node stays in each of its {len(names)} zones ({', '.join(names)})")


def own_nodes(case: Case) -> Floor:
    """Pods that may not share a node need one each; in production one more, so that a lost node leaves them a place."""
    apart = {name: most_pods(case.demand, name) for name, drain in case.demand.drains.items() if drain.has_own_node}
    if not apart:
        return Floor(nodes=0, why="")
    name = max(sorted(apart), key=lambda each: apart[each])
    spare = 0 if case.asked.is_nonproduction else 1
    words = f"no two of the {apart[name]} pods of {name} may share a node"
    return Floor(nodes=apart[name] + spare, why=f"{words}, and in production one node may be lost" if spare else words)


def most_pods(demand: Demand, name: str) -> int:
    """Most pods of one workload at once, running and waiting."""
    rows = [row for row, each in enumerate(demand.names) if each == name]
    return int(demand.pods[rows].sum(axis=0).max(initial=0.0))


def node_lost(case: Case, needed: NodesNeeded, enough: int) -> Floor:
    """N+1: in production the requests of what runs still fit when one node is lost."""
    if case.asked.is_nonproduction or not case.demand.runs.any():
        return Floor(nodes=0, why="")
    if enough > 1 and not needed.misses(enough - 1, case.everything).any():
        return Floor(nodes=0, why="")
    most = whole(needed.maximum(case.everything))
    return Floor(nodes=most + 1, why=f"the busiest {case.step_name} needs {most}, and in production one node may be lost (N+1)")


def for_palette(case: Case) -> Floor:
    """Nodes of its own type that an AKS cluster's only worker pool keeps."""
    enough = next((nodes for nodes in range(1, case.now.nodes) if not too_small_for_palette(case, case.instance, nodes)), case.now.nodes)
    if case.instance.cloud != "azure" or enough == 1:
        return Floor(nodes=0, why="")
    return Floor(nodes=enough, why=too_small_for_palette(case, case.instance, enough - 1))


def too_small_for_palette(case: Case, instance: InstanceType, nodes: int) -> str:
    """Why the cluster's own agents would have no place on that; "" = they have one, or another pool has it."""
    others = [pool for pool in case.asked.cluster.pools if pool.name != case.pool.name and not pool.control_plane]
    if case.instance.cloud == "aws" and not others and (instance.cpu < AGENT_CPU or instance.memory < AGENT_MEMORY):
        return "it is the cluster's only worker pool, and Palette's agents want nodes of 4 cores and 16 GiB"
    if case.instance.cloud == "azure" and not others and (instance.cpu * nodes < AKS_CPU or instance.memory * nodes < AKS_MEMORY):
        return "all workers of an AKS cluster together need 2 cores and 4 GiB"
    return ""
