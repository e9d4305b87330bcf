"""A day too large for memory is attributed in parts: each bill row in exactly one, rows of a node together, and the outcome the same."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.bills import HOUR, Estate, Row, bill, estate, governance, node, pod
from trimtab.attribution.model import Step, step_cost
from trimtab.records import AllocationRules, Governance, SharedRule
from trimtab.units import GIB

NODES, HOURS, PODS = 20, 8, 6


def day(root: Path, memory_mb: int) -> Estate:
    """Twenty nodes of a day with 160 node-hours and 960 pod-hours: two bill rows for a node-hour, credits, a row without a resource."""
    cost: list[Row] = []
    usage: list[Row] = []
    for number in range(NODES):
        known: dict[str, Any] = {"provider_id": f"i-{number:03}", "node": f"node-{number}"}
        resource = f"arn:aws:ec2:us-east-1:111122223333:instance/i-{number:03}"
        for hour in (HOUR + timedelta(hours=step) for step in range(HOURS)):
            start = f"{number}/{hour:%H}"
            cost.append(bill("0.7", hour=hour, ResourceId=resource, x_RowId=f"row-a{start}"))
            cost.append(bill("0.0000000000011", hour=hour, ResourceId=resource.upper(), ChargeCategory="Credit", x_RowId=f"row-b{start}"))
            usage.append(node(hour=hour, **known))
            usage += [
                pod(f"p{place}", cpu=100 * place, memory=GIB, hour=hour, namespace=f"ns{place % 3}", **known) for place in range(PODS)
            ]
    cost += [bill("3", ResourceId=None, ChargeCategory="Tax", x_RowId=f"row-tax{number}") for number in range(5)]
    return estate(cost, usage, root=root, memory_mb=memory_mb)


def attributed(root: Path, memory_mb: int, rules: Governance | None = None) -> list[Row]:
    place = day(root, memory_mb)
    place.allocate(rules)
    return place.rows("SELECT * FROM allocated ORDER BY ALL")


SHARED = SharedRule(id="platform", namespace="ns0", split="proportional")


@pytest.mark.parametrize("shared", [(), (SHARED,)])
def test_parts_give_the_rows_that_the_whole_day_gives(tmp_path: Path, shared: tuple[SharedRule, ...]) -> None:
    """Also where what a namespace cost is shared over the others, in a second round."""
    rules = governance(allocation=AllocationRules(shared=shared))

    parts = attributed(tmp_path / "parts", 1, rules)

    assert parts == attributed(tmp_path / "whole", 100, rules)
    assert any(row["x_SharedRule"] for row in parts) == bool(shared)
    names = {path.name for path in (tmp_path / "parts").glob("scratch/allocated/*/*/*.parquet")}
    assert {f"d-2026-07-01-{number:03}.parquet" for number in range(3)} <= names


def test_every_bill_row_is_in_one_part_and_a_nodes_rows_in_the_same() -> None:
    with duckdb.connect() as connection:
        connection.execute(
            "CREATE TABLE cost AS SELECT 'row-' || i AS \"x_RowId\", TIMESTAMP '2026-07-01 10:00:00' AS \"ChargePeriodStart\", "
            "CASE i % 4 WHEN 0 THEN NULL WHEN 1 THEN 'arn:x/i-' || i // 40 WHEN 2 THEN 'I-' || i // 40 ELSE 'x:i-' || i // 40 END "
            'AS "ResourceId" FROM range(4000) AS t(i)'
        )
        found: dict[str, int] = {}
        nodes: dict[str, set[int]] = {}
        for part in range(7):
            connection.execute(step_cost(Step(first=HOUR.date(), last=HOUR.date(), part=part, parts=7)))
            for row, resource in connection.execute('SELECT "x_RowId", lower(right("ResourceId", 6)) FROM step_cost').fetchall():
                found[row] = found.get(row, 0) + 1
                nodes.setdefault(str(resource).rsplit("/", 1)[-1].rsplit(":", 1)[-1], set()).add(part)

    assert len(found) == 4000
    assert set(found.values()) == {1}
    assert {len(parts) for name, parts in nodes.items() if name.startswith("i-")} == {1}
    assert len(nodes["None"]) == 7
