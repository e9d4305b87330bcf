"""Rows of the lake's `allocated` table without an attribution behind them: what cost queries are tested on."""

from decimal import Decimal

from tests.bills import PERIOD, Estate, Row, bill, estate
from trimtab.tables import TABLES


def allocated(cost: str, *, cpu: str | None = None, memory: str | None = None, gpu: str | None = None, **columns: object) -> Row:
    """One row; with parts by resource, `cost` is what is beside them. Billed is half of effective, list is double."""
    parts = {"x_CpuCost": cpu, "x_MemoryCost": memory, "x_GpuCost": gpu}
    is_split = any(part is not None for part in parts.values())
    effective = Decimal(cost) + sum((Decimal(part or 0) for part in parts.values()), Decimal(0))
    row: Row = dict.fromkeys(column.name for column in TABLES["allocated"])
    row |= bill(str(effective), billed=str(effective / 2)) | {"ListCost": str(effective * 2), "x_Part": "allocated", "x_Cluster": "prod"}
    row |= {name: Decimal(part or 0) if is_split else None for name, part in parts.items()}
    return row | {"x_AllocatedRowId": str(row["x_RowId"]).replace("row-", "alloc-"), "AllocatedTags": "{}"} | columns


def pod_row(namespace: str, cpu: str, memory: str, *, rest: str = "0", **columns: object) -> Row:
    """A pod's row, its cost by resource."""
    name = f"{namespace}-pod"
    identity: Row = {"x_Namespace": namespace, "x_Pod": name, "x_Node": "node-1", "AllocatedResourceId": f"prod/{namespace}/{name}"}
    return allocated(rest, cpu=cpu, memory=memory) | identity | columns


def idle_row(cpu: str, memory: str, *, gpu: str = "0", **columns: object) -> Row:
    """Capacity that nobody took."""
    return allocated("0", cpu=cpu, memory=memory, gpu=gpu) | {"x_Part": "idle", "x_Node": "node-1"} | columns


def estate_of(*rows: Row) -> Estate:
    """A lake whose `allocated` table has these rows."""
    made = estate([])
    made.lake.put("allocated", rows)
    return made


__all__ = ["PERIOD", "allocated", "estate_of", "idle_row", "pod_row"]
