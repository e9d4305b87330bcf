"""What the lake knows of a pool's nodes and of how its pods may be moved: more read never makes advice bolder, and unread is not "no"."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import duckdb
import pytest

from tests.usage_folder import UsageFolder
from trimtab.adapters.duckdb import DuckDb
from trimtab.adapters.lake_usage import LakeUsage
from trimtab.analysis.demand import Demand, Drain
from trimtab.ports import Lake
from trimtab.records import ClusterUid
from trimtab.tables import USAGE
from trimtab.units import GIB

UID = ClusterUid("uid-1")
START, END = datetime(2026, 7, 1, tzinfo=UTC), datetime(2026, 7, 2, tzinfo=UTC)
Row = dict[str, object]


def node(hour: int, name: str = "n-1", **changes: object) -> Row:
    at = (START + timedelta(hours=hour)).replace(tzinfo=None)
    return {"hour": at, "cluster_uid": UID, "pool": "web", "node": name, "labels": "{}", "seconds": 3600, **changes}


def pod(hour: int, name: str = "cart-0", **changes: object) -> Row:
    own: Row = {
        "namespace": "shop",
        "workload": "cart",
        "workload_kind": "Deployment",
        "pod": name,
        "cpu_request": 500,
        "memory_request": GIB,
    }
    return {**node(hour), **own, "cpu_used_max": 200, "memory_used_max": GIB, "gpu_request": 0, "pending": False, **changes}


def demand_of(tmp_path: Path, rows: Sequence[Row]) -> Demand:
    folder = tmp_path / "usage" / "cluster_slug=one" / "day=d-2026-07-01"
    folder.mkdir(parents=True)
    columns = [column for column in USAGE if column.name not in {"day", "cluster_slug"}]
    with duckdb.connect() as session:
        session.execute(f"CREATE TABLE usage ({', '.join(f'{column.name} {column.sql_type}' for column in columns)})")
        marks = ", ".join("?" * len(columns))
        session.executemany(f"INSERT INTO usage VALUES ({marks})", [[row.get(column.name) for column in columns] for row in rows])
        session.execute(f"COPY usage TO '{folder}/part.parquet' (FORMAT parquet)")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    engine = DuckDb(directories=(tmp_path,), scratch=scratch)
    demand = LakeUsage(lake=cast("Lake", UsageFolder(tmp_path / "usage")), engine=cast("Any", engine)).demand(UID, "web", START, END)
    assert demand is not None
    return demand


def drain_of(tmp_path: Path, rows: Sequence[Row]) -> Drain:
    return demand_of(tmp_path, rows).drains["shop/cart"]


@pytest.mark.parametrize(
    ("zones", "found"),
    [(("a", "b"), ("a", "b")), (("a", None), ("a",)), ((None, None), None), (("", ""), None)],
)
def test_zones_are_those_of_any_node(tmp_path: Path, zones: tuple[str | None, ...], found: tuple[str, ...] | None) -> None:
    rows = [node(hour, f"n-{number}", zone=zone) for hour in range(24) for number, zone in enumerate(zones)]

    assert demand_of(tmp_path, rows).zones == found


@pytest.mark.parametrize(
    ("makers", "found"),
    [
        (("karpenter", ""), {"karpenter"}),
        (("", ""), set()),
        ((None, ""), set()),
        ((None, None), None),
        (("karpenter", None), {"karpenter"}),
    ],
)
def test_one_node_that_karpenter_made_is_enough(tmp_path: Path, makers: tuple[str | None, ...], found: set[str] | None) -> None:
    rows = [node(hour, f"n-{number}", managed_by=maker) for hour in range(24) for number, maker in enumerate(makers)]

    assert demand_of(tmp_path, rows).makers == found


def test_one_pod_that_wants_a_node_of_its_own_speaks_for_all(tmp_path: Path) -> None:
    rows = [pod(hour, f"cart-{number}", own_node=number == 0) for hour in range(24) for number in range(2)]

    assert drain_of(tmp_path, rows).has_own_node is True


def test_the_slowest_pod_speaks_for_all_and_one_unread_pod_leaves_it_unknown(tmp_path: Path) -> None:
    rows = [pod(hour, f"cart-{number}", grace_seconds=30 + 570 * number) for hour in range(12) for number in range(2)]
    rows += [pod(hour, f"cart-{number}", grace_seconds=None if number else 5) for hour in range(12, 24) for number in range(2)]

    assert drain_of(tmp_path, rows).grace_seconds == 600


def test_pods_are_pinned_by_all_labels_that_any_of_them_asks_for(tmp_path: Path) -> None:
    pins = ('{"node.kubernetes.io/instance-type": "m5.large"}', '{"zone": "a"}')
    rows = [pod(hour, f"cart-{number}", pinned=pins[number]) for hour in range(24) for number in range(2)]

    assert drain_of(tmp_path, rows).pinned == {"node.kubernetes.io/instance-type": "m5.large", "zone": "a"}


@pytest.mark.parametrize("text", ["not JSON", "[1, 2]", "null"])
def test_pins_that_cannot_be_read_are_a_pin_that_nobody_has(tmp_path: Path, text: str) -> None:
    assert "unreadable" in (drain_of(tmp_path, [pod(hour, pinned=text) for hour in range(24)]).pinned or {})


def test_what_nobody_read_is_none(tmp_path: Path) -> None:
    found = drain_of(tmp_path, [pod(hour) for hour in range(24)])

    assert (found.has_own_node, found.grace_seconds, found.pinned) == (None, None, None)
