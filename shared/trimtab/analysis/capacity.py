"""Demand in plain units (GPUs, cores or GiB), for a backtest that names no instance type: nothing is packed, amounts are added up."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from trimtab.analysis.demand import Bools, Demand, Floats
from trimtab.analysis.packing import Items, Node
from trimtab.units import GIB

Basis = Literal["requests", "use"]
UNLIMITED = 1e18


@dataclass(frozen=True, kw_only=True, slots=True)
class Unit:
    """What a node is where no instance type says it."""

    name: str
    size: float
    """Of one unit: thousandths of a GPU, millicores, or bytes."""
    dimension: int
    """0 CPU, 1 memory, 2 GPU: the order of Node.offers."""

    @property
    def node(self) -> Node:
        """One unit of that, without a limit in anything else. All of it may be used: a ceiling is a machine's, not a number's."""
        offers = [UNLIMITED, UNLIMITED, UNLIMITED]
        offers[self.dimension] = self.size
        cpu, memory, gpu = offers
        return Node(name=self.name, cpu=cpu, memory=memory, gpu=gpu, pods=UNLIMITED, cpu_ceiling=1.0, memory_ceiling=1.0)


GPU = Unit(name="1 GPU", size=1000.0, dimension=2)
CPU = Unit(name="1 CPU", size=1000.0, dimension=0)
MEMORY = Unit(name="1 GiB", size=float(GIB), dimension=1)


def unit_of(demand: Demand) -> Unit:
    """GPUs where any pod asks for one, else cores, else GiB: the first that the demand records, be it of pods that never ran."""
    if (demand.gpu_request > 0).any():
        return GPU
    has_cpu = demand.recorded & {"cpu_request", "cpu_used"} or (demand.cpu_request > 0).any()
    return CPU if has_cpu else MEMORY


def amounts(demand: Demand, unit: Unit, basis: Basis) -> Floats:
    """[row, step] what each row of pods needs of that unit's dimension, unknown as zero (only measured steps are ever looked at)."""
    if unit is CPU and basis == "use":
        used: Floats = np.nan_to_num(demand.cpu_used)
        return used
    total: Floats = demand.pods * np.nan_to_num(np.where(demand.runs, _need(demand, unit), 0.0))
    return total


def _need(demand: Demand, unit: Unit) -> Floats:
    """[row, step] of one pod."""
    return (demand.cpu_need, demand.memory_need, demand.gpu_need)[unit.dimension]()


def capacity_items(demand: Demand, unit: Unit, basis: Basis) -> Items:
    """One row of as many whole or broken units as the step needs: a pod may span them, as threads span cores and jobs span GPUs."""
    steps = np.flatnonzero(_measured(demand, unit, basis))
    total = amounts(demand, unit, basis)[:, steps].sum(axis=0)
    sizes = np.zeros((4, 1, len(steps)))
    sizes[unit.dimension] = unit.size
    totals = np.zeros((4, len(steps)))
    totals[unit.dimension] = total
    nothing = np.zeros(len(steps))
    counts = (total / unit.size)[None, :]
    alike = np.arange(len(steps), dtype=np.int64)
    return Items(steps=steps, counts=counts, sizes=sizes, totals=totals, cpu_used=nothing, memory_used=nothing, alike=alike)


def _measured(demand: Demand, unit: Unit, basis: Basis) -> Bools:
    """[step] where that dimension is known of every pod; what else is open does not matter here."""
    need = demand.cpu_used if unit is CPU and basis == "use" else _need(demand, unit)
    known: Bools = demand.seen & ~np.any(np.isnan(need) & demand.runs, axis=0)
    return known


def has_requests(demand: Demand, unit: Unit) -> bool:
    """Does any pod ask for an amount of this dimension, so that a scheduler would hold it to that?"""
    return bool(((demand.cpu_request, demand.memory_request, demand.gpu_request)[unit.dimension] > 0).any())


def is_machines(demand: Demand, nodes: int | None) -> bool:
    """Are these machines rather than pods: each there alone, with a CPU request that never moves, and together they fill `nodes` cores?

    Then the request is what was provisioned, which a scheduler would call full at any load; what is asked of it is what it uses.
    """
    if not {"cpu_request", "cpu_used"} <= demand.recorded or "gpu_request" in demand.recorded:
        return False
    runs = demand.runs
    if np.isnan(demand.cpu_request[runs]).any() or (demand.pods[runs] != 1).any() or len(set(demand.names)) != len(demand.names):
        return False
    highest = np.where(runs, demand.cpu_request, 0.0).max(axis=1)
    lowest = np.where(runs, demand.cpu_request, np.inf).min(axis=1)
    return bool((highest <= lowest).all()) and (nodes is None or abs(float(highest.sum()) / CPU.size - nodes) < 1e-6)
