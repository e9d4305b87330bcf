"""Published examples with a form of their own: each becomes a bill and an hour of usage, and the real attribution splits it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, cast

from tests.bills import HOUR, Estate, Row, bill, estate, governance, node, pod
from trimtab.attribution.query import CostQuery
from trimtab.flow.costs import costs
from trimtab.flow.unit_rates import unit_rates
from trimtab.records import AllocationRules
from trimtab.units import GIB

MILLION = 1_000_000


def _allocated(cost: str, capacity: Row, pods: list[Row], rules: AllocationRules) -> Estate:
    made = estate([bill(cost)], [capacity, *pods])
    made.allocate(replace(governance(), allocation=rules))
    return made


def _asking(name: str, cpu: str, gib: str, **columns: object) -> Row:
    return pod(name, cpu=int(Decimal(cpu) * 1000), memory=int(Decimal(gib) * GIB)) | columns


def _sums(made: Estate, column: str) -> dict[str, Decimal]:
    query = f'SELECT coalesce("x_Pod", "x_Part") AS who, sum("{column}") AS cost FROM allocated GROUP BY 1'
    return {str(row["who"]): cast("Decimal", row["cost"]) for row in made.rows(query)}


def aws_split_cost(entry: Mapping[str, Any]) -> None:
    """m5.xlarge at $1 an hour, CPU to GB 9:1; what is unused is shared on its node.

    vCPU 1 / 1.9 / 1 / 1 and GB 4 / 6 / 2 / 2 are the only holdings that give the published split and unused cost: CPU is oversubscribed
    (4.9 of 4), so all that is unused is 2 GB.
    """
    held = {"Pod1/ns1": ("1", "4"), "Pod2/ns2": ("1.9", "6"), "Pod3/ns1": ("1", "2"), "Pod4/ns2": ("1", "2")}
    pods = [_asking(name.split("/")[0], *asked, namespace=name.split("/")[1]) for name, asked in held.items()]
    weights = AllocationRules(cpu_weight=9 * MILLION, memory_weight=MILLION)
    capacity, expected = node(cpu=4000, memory_gib=16), entry["exact"]["pods"]

    shown = _allocated("1", capacity, pods, weights)
    shared = _allocated("1", capacity, pods, replace(weights, idle="share"))

    rows = costs(("pod", "namespace"), None, shown.ports, CostQuery(idle="share", idle_by="node")).rows
    told = {"/".join(str(key) for key in row.keys): row for row in rows}
    assert {name: round(row.amounts.effective - row.idle, 6) for name, row in told.items()} == {k: v["split"] for k, v in expected.items()}
    assert {name: round(row.idle, 6) for name, row in told.items()} == {name: part["unused"] for name, part in expected.items()}
    assert sum(row.amounts.effective for row in rows) == 1
    at_once = _sums(shared, "EffectiveCost")
    assert all(abs(at_once[name.split("/")[0]] - row.amounts.effective) < Decimal("1e-8") for name, row in told.items())
    assert sum(at_once.values()) == 1


def opencost_appendix_a(entry: Mapping[str, Any]) -> None:
    """Base prices keep their ratio and are scaled to the node's price: $35 over 30/30/10 is 15/15/5."""
    base = entry["base"]
    rules = AllocationRules(cpu_weight=base["cpu"] * MILLION, memory_weight=base["ram_gb"] * MILLION, gpu_weight=base["gpu"] * MILLION)
    quantity = entry["qty"]
    capacity = node(cpu=quantity["cpu"] * 1000, memory_gib=quantity["ram_gb"], gpus=quantity["gpu"])
    whole = _asking("a", str(quantity["cpu"]), str(quantity["ram_gb"]), gpu_request=quantity["gpu"] * 1000)

    made = _allocated(str(entry["node"]), capacity, [whole], rules)

    told = {name: _sums(made, column)["a"] for name, column in (("gpu", "x_GpuCost"), ("cpu", "x_CpuCost"), ("ram", "x_MemoryCost"))}
    assert {name: round(cost, 6) for name, cost in told.items()} == entry["expected"]


def kubecost_efficiency(entry: Mapping[str, Any]) -> None:
    """What is used of what is requested, each resource weighted by its price: (0.5 x 10 + 0.5 x 1) / (2 x 10 + 1 x 1)."""
    rules = AllocationRules(cpu_weight=entry["cpu_price"] * MILLION, memory_weight=entry["ram_price"] * MILLION)
    cost = entry["cpu_req"] * entry["cpu_price"] + entry["ram_req_gb"] * entry["ram_price"]
    used = {"cpu_used": int(entry["cpu_used"] * 1000), "memory_used": int(entry["ram_used_gb"] * GIB)}
    whole = _asking("a", str(entry["cpu_req"]), str(entry["ram_req_gb"]), **used)

    made = _allocated(str(cost), node(cpu=entry["cpu_req"] * 1000, memory_gib=entry["ram_req_gb"]), [whole], rules)

    (told,) = unit_rates("pool", None, made.ports).rows
    assert (told.cpu_hour, told.memory_hour) == (entry["cpu_price"], entry["ram_price"])
    assert told.efficiency == entry["expected"]


def opencost_negative_idle(entry: Mapping[str, Any]) -> None:
    """Pods that hold more than their node has (11 GB of 8) leave no idle capacity, and it is never below zero.

    Their shares are scaled to the node instead, 6/11 and 5/11 of its memory, so that the parts are still the bill.
    """
    (first, second) = entry["pods"]
    pods = [_asking(name, "0.5", str(asked), memory_used=used * GIB) for name, (asked, used) in (("a", first), ("b", second))]

    told = _sums(_allocated("8", node(cpu=1000, memory_gib=entry["node_ram_gb"]), pods, AllocationRules()), "x_MemoryCost")

    assert told.get("idle", Decimal(0)) == 0
    held = {"a": max(first), "b": max(second)}
    assert sum(held.values()) == entry["allocated"]
    assert entry["idle"] == entry["node_ram_gb"] - entry["allocated"]
    assert abs(told["a"] * held["b"] - told["b"] * held["a"]) < Decimal("1e-6")


def koku_mig(entry: Mapping[str, Any]) -> None:
    """A slice of a GPU costs its part of the card's parts, and what no slice holds is idle capacity."""
    hours = [HOUR.replace(hour=0) + timedelta(hours=hour) for hour in range(24)]
    usage = [node(cpu=1000, memory_gib=1, gpus=1, hour=hour) for hour in hours]
    for name, held in entry["pods"].items():
        slices: Row = {"gpu_request": 1000, "gpu_sharing": "mig", "gpu_shares": held["slices"], "gpu_shares_of": entry["slices_of"]}
        usage += [pod(name, hour=hour) | slices for hour in hours[: held["hours"]]]
    made = estate([bill(str(entry["per_hour"]), hour=hour) for hour in hours], usage)

    made.allocate(replace(governance(), allocation=AllocationRules(cpu_weight=0, memory_weight=0)))

    told = _sums(made, "EffectiveCost")
    assert {name: round(cost, 6) for name, cost in told.items()} == entry["exact"]
    assert sum(told.values()) == 24 * entry["per_hour"]


ENTRIES: Mapping[str, Callable[[Mapping[str, Any]], None]] = {
    "aws_scad_m5_xlarge": aws_split_cost,
    "opencost_spec_appendix_a": opencost_appendix_a,
    "kubecost_efficiency": kubecost_efficiency,
    "opencost_negative_idle": opencost_negative_idle,
    "koku_mig": koku_mig,
}
ELSEWHERE = frozenset({"opencost_inference", "focus_prompt_cache", "optimization_scorecard"})
"""Entries of the same file that are no allocation: token prices, inference, savings."""
