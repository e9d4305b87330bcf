"""Allocation vectors in OpenCost's form (workloads, idle, cases) → rows of the lake's `allocated` table and the query that a case asks.

The grain of our table is the pod; a container and a Kubernetes service stand as labels of their pod's row. Volumes, network and load
balancers are rows of their own, as a bill has them. A word that is not known here is an error, never skipped.
"""

import json
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from tests.bills import Row, bill, write_parquet
from trimtab.adapters.duckdb import DuckDb
from trimtab.adapters.store.lake import DeltaLake
from trimtab.attribution.query import Condition, CostQuery, Overhead
from trimtab.flow.costs import CostRow, costs
from trimtab.ports import Ports
from trimtab.tables import TABLES

PERIOD = "p-2026-07"
NOW = datetime(2026, 8, 1, 6, tzinfo=UTC)
OPTIONS = {"by", "share_idle", "split_idle", "idle_by", "share", "split", "filt", "overhead"}
WORKLOAD = {"cluster", "namespace", "pod", "container", "node", "controllerKind", "controller", "labels", "annotations", "services", "cost"}
COSTS = {"cpu", "ram", "gpu", "pv", "net", "lb"}
OF_NODE = {"cpu": "x_CpuCost", "ram": "x_MemoryCost", "gpu": "x_GpuCost"}
BY = {"container": "label:trimtab-test/container", "service": "label:trimtab-test/service", "controllerKind": "controller-kind"}
"""Their names of keys → ours, where they differ."""
SHORT = {
    "cl": "cluster",
    "ns": "namespace",
    "nd": "node",
    "pod": "pod",
    "ct": "container",
    "ck": "controllerKind",
    "cn": "controller",
    "svc": "service",
}
PLAIN_KEYS = {"cluster", "namespace", "node", "pod", "controller", "deployment", "daemonset", "statefulset", "job"}


@dataclass(frozen=True, slots=True)
class Topology:
    """A file's workloads and idle capacity."""

    workloads: tuple[Mapping[str, Any], ...]
    idle: Mapping[str, Mapping[str, Mapping[str, Any]]]


def known(found: Iterable[str], allowed: Iterable[str], place: str) -> None:
    """Raises ValueError naming a word that is not known."""
    strange = sorted(set(found) - set(allowed))
    if strange:
        raise ValueError(f"{place}: not known: {', '.join(strange)}; known are {', '.join(sorted(allowed))}")


# ── Rows ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
def rows(topology: Topology, idle_by: str) -> list[Row]:
    """Every workload's rows, and the idle rows told by cluster or by node."""
    found = [row for place, workload in enumerate(topology.workloads) for row in _workload(workload, f"workloads[{place}]")]
    clusters = {str(workload["node"]): str(workload["cluster"]) for workload in topology.workloads}
    for name, resources in topology.idle[idle_by].items():
        known(resources, OF_NODE, f"idle.{idle_by}.{name}")
        node = name if idle_by == "node" else None
        place: Row = {"x_Part": "idle", "x_Cluster": clusters[name] if idle_by == "node" else name, "x_Node": node}
        found.append(_of_node(resources, place))
    return found


def _workload(workload: Mapping[str, Any], place: str) -> list[Row]:
    known(workload, WORKLOAD, place)
    known(workload["cost"], COSTS, f"{place}.cost")
    tags = dict(workload["labels"]) | {f"annotation/{key}": value for key, value in workload["annotations"].items()}
    tags["trimtab-test/container"] = workload["container"]
    if workload["services"]:
        tags["trimtab-test/service"] = workload["services"][0]
    identity: Row = {
        "x_Part": "allocated", "x_Cluster": workload["cluster"], "x_Node": workload["node"], "x_Namespace": workload["namespace"],
        "x_Pod": workload["pod"], "x_WorkloadKind": workload["controllerKind"], "x_Workload": workload["controller"],
        "AllocatedResourceId": f"{workload['cluster']}/{workload['namespace']}/{workload['pod']}", "AllocatedTags": json.dumps(tags),
    }  # fmt: skip
    others = [_row(amount, identity) for name, amount in workload["cost"].items() if name not in OF_NODE]
    return [_of_node({name: workload["cost"].get(name, 0) for name in OF_NODE}, identity), *others]


def _of_node(resources: Mapping[str, Any], identity: Row) -> Row:
    parts = {OF_NODE[name]: _money(amount) for name, amount in resources.items()}
    empty: Row = dict.fromkeys(OF_NODE.values(), Decimal(0))
    return _row(sum(parts.values(), Decimal(0)), identity | empty | cast("Row", parts))


def _row(amount: object, columns: Row) -> Row:
    cost = bill(str(_money(amount))) | {"ListCost": str(_money(amount))}
    row: Row = dict.fromkeys(column.name for column in TABLES["allocated"])
    return row | cost | columns | {"x_AllocatedRowId": f"alloc-{cost['x_RowId']}"}


def _money(amount: object) -> Decimal:
    return Decimal(str(amount)).quantize(Decimal("1e-12"))


@cache
def _ports(topology_text: str, idle_by: str) -> Ports:
    """A real Delta lake with these rows, read by the real engine."""
    folder = Path(tempfile.mkdtemp(prefix="vectors-"))
    parsed = json.loads(topology_text)
    write_parquet("allocated", rows(Topology(tuple(parsed["workloads"]), parsed["idle"]), idle_by), folder / "rows.parquet")
    lake = DeltaLake(url=f"file://{folder}/lake", scratch=folder)
    lake.replace(
        "allocated",
        {"x_Export": "aws", "x_Period": PERIOD},
        [str(folder / "rows.parquet")],
        application="vectors",
        submitted_at=NOW,
        about={},
    )
    engine = DuckDb(directories=(folder,), scratch=folder / "spill", memory_mb=256)
    return cast("Ports", SimpleNamespace(lake=lake, engine=engine))


# ── A case ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def answer(file: Mapping[str, Any], case: Mapping[str, Any]) -> dict[str, Decimal]:
    """What the engine says: a line's name as OpenCost writes it → its effective cost."""
    options = case["options"]
    known(options, OPTIONS, f"case {case['id']}.options")
    topology = json.dumps({"workloads": file["workloads"], "idle": file["idle"]}, sort_keys=True)
    ports = _ports(topology, options.get("idle_by", "cluster"))
    table = costs(tuple(_key(key) for key in options["by"]), PERIOD, ports, query(options))
    return {_name(row): row.amounts.effective for row in table.rows if row.amounts.effective != 0}


def query(options: Mapping[str, Any]) -> CostQuery:
    """A case's options in our words."""
    overhead = options.get("overhead")
    return CostQuery(
        idle="share" if options.get("share_idle") else "separate",
        idle_by=_one_of(options.get("idle_by", "cluster"), ("cluster", "node")),
        split_idle=bool(options.get("split_idle", False)),
        shared=_conditions(options.get("share")),
        split=_one_of(options.get("split", "weighted"), ("weighted", "even")),
        overhead=None if overhead is None else Overhead(amount=Decimal(str(overhead))),
        filters=_conditions(options.get("filt")),
    )


def _one_of(value: Any, allowed: Sequence[str]) -> Any:
    known([value], allowed, "options")
    return value


def _conditions(words: Sequence[Any] | None) -> tuple[Condition, ...]:
    """["ns", "namespace1"], ["lb", "app", "app1"], or a list of such lists."""
    if not words:
        return ()
    if isinstance(words[0], list):
        return tuple(condition for some in words for condition in _conditions(some))
    kind, *rest = (str(word) for word in words)
    if kind in {"lb", "label", "an", "annotation"}:
        return (Condition(key=f"{'label' if kind in {'lb', 'label'} else 'annotation'}:{rest[0]}", pattern=rest[1]),)
    (value,) = rest
    return (Condition(key=_key(SHORT.get(kind, kind)), pattern=value),)


def _key(key: str) -> str:
    if not key.startswith(("label:", "annotation:")):
        known([key], {*BY, *PLAIN_KEYS}, "key")
    return BY.get(key, key)


def _name(row: CostRow) -> str:
    if row.kind == "cost":
        return "/".join("__unallocated__" if key is None else key for key in row.keys)
    place = row.node or row.cluster
    return f"{place}/__{row.kind}__" if place else f"__{row.kind}__"
