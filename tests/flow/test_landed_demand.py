"""What the newest hour wants: judged against before a pool shrinks, so what is not known must not look like nothing."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import duckdb

from tests.flow.flow_world import World, make_world
from tests.judgement import UID
from trimtab.flow.landed import publish_demand
from trimtab.sources.palette_usage import NODE
from trimtab.tables import USAGE

HOUR = datetime(2026, 11, 18, 23)  # noqa: DTZ001 -- the lake's times are UTC and do not say so


def pod(name: str, pool: str | None, **changes: object) -> dict[str, object]:
    row = {"hour": HOUR, "cluster_uid": UID, "cluster": "dev-east", "pool": pool, "pod": name, "seconds": 3600, "labels": "{}"}
    return row | {"cpu_request": 2000, "memory_request": 4 << 30, "gpu_request": 0, "pending": False} | changes


def node(pool: str) -> dict[str, object]:
    return {"hour": HOUR, "cluster_uid": UID, "cluster": "dev-east", "pool": pool, "node": "n-1", "seconds": 3600, "labels": "{}"}


def published(root: Path, *rows: Mapping[str, object]) -> tuple[World, dict[str, dict[str, object]]]:
    world = make_world(root)
    path = root / "usage.parquet"
    with duckdb.connect() as session:
        session.execute(f"CREATE TABLE usage ({', '.join(f'{column.name} {column.sql_type}' for column in USAGE)})")
        for row in rows:
            whole = {"day": "d-2026-11-18", "cluster_slug": "dev-east", **row}
            session.execute(f"INSERT INTO usage VALUES ({', '.join('?' * len(USAGE))})", [whole.get(column.name) for column in USAGE])
        session.execute(f"COPY (SELECT * EXCLUDE (day, cluster_slug) FROM usage) TO '{path}' (FORMAT parquet)")
    world.ports = replace(world.ports, lake=_OneFile(str(path), root))  # type: ignore[arg-type]
    publish_demand(UID, "Dev (East)", "dev-east", world.ports)
    document = world.ports.documents.find(f"demand/{UID}")
    assert document is not None
    pools = document["pools"]
    assert isinstance(pools, dict)
    return world, pools


class _OneFile:
    """A lake of one partition."""

    def __init__(self, path: str, root: Path) -> None:
        folder = root / "cluster_slug=dev-east" / "day=d-2026-11-18"
        folder.mkdir(parents=True)
        self.path = str(Path(path).rename(folder / "part.parquet"))

    def version(self, _table: str) -> int:
        return 1

    def at(self, _table: str, version: int) -> "_OneFile":
        assert version == 1
        return self

    def release(self, _table: str, _partition: Mapping[str, str]) -> None:
        """It is on this disk."""

    def partitions(self, _table: str, partition: Mapping[str, str]) -> list[dict[str, str]]:
        assert partition == {"cluster_slug": "dev-east"}
        return [{"cluster_slug": "dev-east", "day": "d-2026-11-18"}]

    def files(self, _table: str, _partition: Mapping[str, str]) -> list[str]:
        return [self.path]


def test_requests_of_running_and_waiting_pods_are_added_by_pool(tmp_path: Path) -> None:
    rows = (pod("a", "batch"), pod("b", "batch", pending=True), pod("c", "system", gpu_request=1000))
    _, pools = published(tmp_path, *rows)

    assert pools == {
        "batch": {"pending_pods": 1, "CPU cores": 4.0, "GiB": 8.0, "GPUs": 0.0},
        "system": {"pending_pods": 0, "CPU cores": 2.0, "GiB": 4.0, "GPUs": 1.0},
    }


def test_palettes_own_rows_are_no_sign_that_the_cluster_tells_of_itself(tmp_path: Path) -> None:
    earlier = HOUR.replace(hour=20)
    rows = (node("batch") | {"hour": earlier}, pod("web", None, node=NODE, cpu_request=None))
    world, _ = published(tmp_path, *rows)

    document = world.ports.documents.find(f"demand/{UID}") or {}
    assert (document["hour"], document["collected"]) == ("2026-11-18T23:00:00+00:00", "2026-11-18T20:00:00+00:00")


def test_the_newest_collected_hour_of_an_earlier_day_is_not_forgotten(tmp_path: Path) -> None:
    """Only the newest day is looked at, and on it there may be Palette's rows alone."""
    world, _ = published(tmp_path, pod("web", None, node=NODE))
    documents = world.ports.documents
    assert (documents.find(f"demand/{UID}") or {})["collected"] == ""
    documents.publish(f"demand/{UID}", {"hour": "2026-11-17T23:00:00+00:00", "collected": "2026-11-17T23:00:00+00:00"})

    publish_demand(UID, "Dev (East)", "dev-east", world.ports)

    document = documents.find(f"demand/{UID}") or {}
    assert (document["hour"], document["collected"]) == ("2026-11-18T23:00:00+00:00", "2026-11-17T23:00:00+00:00")


def test_a_request_that_was_not_measured_is_unknown_and_never_zero(tmp_path: Path) -> None:
    """Zero would say that the pool may shrink to nothing."""
    _, pools = published(tmp_path, pod("a", "batch"), pod("b", "batch", cpu_request=None))

    assert pools["batch"] == {"pending_pods": 0, "CPU cores": None, "GiB": 8.0, "GPUs": 0.0}


def test_a_waiting_pod_of_no_known_pool_may_be_meant_for_any(tmp_path: Path) -> None:
    _, pools = published(tmp_path, pod("a", "batch"), pod("b", None, pending=True, cpu_request=6000))

    assert pools == {"batch": {"pending_pods": 0, "CPU cores": 8.0, "GiB": 8.0, "GPUs": 0.0}}


def test_a_pool_with_nodes_and_no_pods_wants_nothing_and_that_is_known(tmp_path: Path) -> None:
    _, pools = published(tmp_path, node("batch"))

    assert pools == {"batch": {"pending_pods": 0, "CPU cores": 0.0, "GiB": 0.0, "GPUs": 0.0}}


def test_the_hour_says_that_it_is_utc(tmp_path: Path) -> None:
    """verify compares it with the time of the merge."""
    world, _ = published(tmp_path, pod("a", "batch"))
    document = world.ports.documents.find(f"demand/{UID}")

    assert document is not None
    assert document["hour"] == "2026-11-18T23:00:00+00:00"


def test_an_older_hour_never_replaces_a_newer_one(tmp_path: Path) -> None:
    """Two drops land at once; the one that is published last need not be the newer one."""
    world, pools = published(tmp_path, pod("a", "batch"))
    (tmp_path / "again").mkdir()

    world.ports.documents.publish(f"demand/{UID}", {"cluster": "dev-east", "hour": "2026-11-19T23:00:00+00:00", "pools": {}})
    publish_demand(UID, "Dev (East)", "dev-east", world.ports)

    assert pools
    document = world.ports.documents.find(f"demand/{UID}")
    assert document is not None
    assert document["hour"] == "2026-11-19T23:00:00+00:00"


def namespaces_of(world: World) -> dict[str, dict[str, object]]:
    document = world.ports.documents.find(f"demand/{UID}")
    assert document is not None
    found = document["namespaces"]
    assert isinstance(found, dict)
    return found


def test_a_namespace_asks_for_the_greater_of_request_and_limit_of_each_pod_once(tmp_path: Path) -> None:
    """A quota may count either; a pod that waited and then ran, or moved, counts against it once."""
    limits = {"cpu_limit": 6000, "memory_limit": 1 << 30}
    rows = (
        pod("a", "batch", namespace="etl", **limits),
        pod("a", None, namespace="etl", pending=True, **limits),
        pod("b", "batch", namespace="etl", cpu_limit=0, memory_limit=0),
        pod("c", "system", namespace="web", gpu_request=1000, cpu_limit=0, memory_limit=0),
    )
    world, _ = published(tmp_path, *rows)

    assert namespaces_of(world) == {
        "etl": {"pending_pods": 1, "CPU cores": 8.0, "GiB": 8.0, "GPUs": 0.0},
        "web": {"pending_pods": 0, "CPU cores": 2.0, "GiB": 4.0, "GPUs": 1.0},
    }


def test_limits_that_were_not_read_leave_a_namespace_unknown(tmp_path: Path) -> None:
    world, _ = published(tmp_path, pod("a", "batch", namespace="etl", cpu_limit=None, memory_limit=0))

    assert namespaces_of(world)["etl"] == {"pending_pods": 0, "CPU cores": None, "GiB": 4.0, "GPUs": 0.0}
