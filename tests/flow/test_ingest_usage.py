"""Usage merges by hour: late, twice and in any order, the lake ends up the same; or the drop is refused whole."""

import itertools
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import duckdb
import pytest

from trimtab.adapters.duckdb import DuckDb
from trimtab.adapters.logs import Quiet
from trimtab.adapters.progress import Silent
from trimtab.adapters.store.buckets import StoreBuckets
from trimtab.adapters.store.lake import DeltaLake
from trimtab.errors import BadInput
from trimtab.flow.ingest_usage import UsageLoaded, ingest_usage
from trimtab.ports import Ports
from trimtab.sources.usage import COLUMNS
from trimtab.tables import scan

DAY = datetime(2026, 7, 31, tzinfo=UTC)
Values = dict[str, object]


@pytest.fixture
def ports(tmp_path: Path) -> Ports:
    """Real adapters on this disk."""
    scratch = tmp_path / "scratch"
    return cast(
        Ports,
        SimpleNamespace(
            settings=SimpleNamespace(clock=None),
            buckets=StoreBuckets(),
            engine=DuckDb(directories=(tmp_path,), scratch=scratch, memory_mb=200),
            lake=DeltaLake(f"file://{tmp_path}/lake", scratch),
            log=Quiet(),
            progress=Silent(),
        ),
    )


def node(hour: int, **changes: object) -> Values:
    """A node's own row."""
    at = DAY + timedelta(hours=hour)
    values = dict.fromkeys((column.name for column in COLUMNS), None)
    known = {"hour": f"{at:%Y-%m-%d %H:%M:%S}", "cluster_uid": "u1", "cluster": "prod", "pool": "p", "node": "n1", "labels": "{}"}
    return {
        **values,
        **known,
        "seconds": 3600,
        "cpu_capacity": 4000,
        "memory_capacity": 8 << 30,
        "gpu_capacity": 0,
        "pending": False,
        **changes,
    }


def pod(hour: int, name: str = "web-0", **changes: object) -> Values:
    """A pod's row."""
    capacity = {"cpu_capacity": None, "memory_capacity": None, "gpu_capacity": None}
    return node(hour, **capacity, namespace="web", pod=name, workload="web", workload_kind="StatefulSet", cpu_request=500, **changes)


def volume(hour: int, **changes: object) -> Values:
    """A volume's row."""
    nothing = dict.fromkeys(("cpu_capacity", "memory_capacity", "gpu_capacity", "node", "pool"))
    own = {"namespace": "web", "provider_id": "vol-0a", "asset": "volume", "asset_bytes": 50 << 30}
    return {**node(hour), **nothing, **own, **changes}


def shared_pod(hour: int, **changes: object) -> Values:
    """A pod on two slices of seven."""
    return {**pod(hour), "gpu_request": 286, "gpu_sharing": "mig", "gpu_shares": 2, "gpu_shares_of": 7, **changes}


class Collector:
    """Writes drops to a folder, as a cluster's own collector would."""

    def __init__(self, ports: Ports, root: Path) -> None:
        self.ports, self.root, self.numbers = ports, root, itertools.count()

    def drop(
        self,
        *rows: Values,
        hours: tuple[int, int] = (0, 3),
        collected: int | None = None,
        slug: str = "prod-u1",
        without: tuple[str, ...] = (),
        **marker: object,
    ) -> str:
        """One drop; the URL of its marker."""
        folder = self.root / "usage" / slug / f"run-{next(self.numbers)}"
        folder.mkdir(parents=True)
        written = [column for column in COLUMNS if column.name not in without]
        columns = ", ".join(f'CAST({_literal(column.name, "r")} AS {column.sql_type}) AS "{column.name}"' for column in written)
        lines = folder.parent / "rows.json"
        lines.write_text("\n".join(json.dumps(row) for row in rows))
        source = f"read_json('{lines}', columns = {{'r': 'JSON'}}, format = 'newline_delimited', records = false)"
        with duckdb.connect() as connection:
            connection.execute(f"COPY (SELECT {columns} FROM {source}) TO '{folder / 'a.parquet'}' (FORMAT parquet)")
        span = {"from": _text(hours[0]), "to": _text(hours[1])}
        collected_at = {} if collected is None else {"collected_at": _text(collected)}
        value = {"cluster_uid": "u1", "cluster": "prod", **span, **collected_at, "files": ["a.parquet"], **marker}
        (folder / "_complete.json").write_text(json.dumps(value))
        return f"file://{folder}/_complete.json"

    def ingest(self, url: str) -> UsageLoaded:
        return ingest_usage(url, self.ports, self.root / "scratch")

    def stored(self, columns: str = 'hour("hour"), coalesce(pod, node), cpu_used') -> list[tuple[object, ...]]:
        """What the usage table holds."""
        with self.ports.engine.session() as session:
            return session.rows(f"SELECT {columns} FROM ({scan('usage', self.ports.lake.files('usage'))}) ORDER BY ALL")


def _literal(name: str, source: str) -> str:
    return f"{source}->>'{name}'"


def _text(hour: int) -> str:
    return f"{DAY + timedelta(hours=hour):%Y-%m-%dT%H:%M:%SZ}"


@pytest.fixture
def collector(ports: Ports, tmp_path: Path) -> Collector:
    return Collector(ports, tmp_path)


def test_a_drop_becomes_rows_of_its_cluster_and_days(collector: Collector) -> None:
    loaded = collector.ingest(collector.drop(node(23), pod(23), node(24), hours=(23, 25)))

    assert (loaded.rows, loaded.hours, loaded.days, loaded.warnings) == (3, 2, ("d-2026-07-31", "d-2026-08-01"), ())
    assert loaded.cluster_uid == "u1"
    assert collector.ports.lake.partitions("usage") == [
        {"cluster_slug": "prod-u1", "day": "d-2026-07-31"},
        {"cluster_slug": "prod-u1", "day": "d-2026-08-01"},
    ]
    assert loaded.version == 1, "all days are one commit"


def test_the_same_drop_twice_changes_nothing_the_second_time(collector: Collector) -> None:
    url = collector.drop(node(0), pod(1), node(2))

    first, again = collector.ingest(url), collector.ingest(url)

    assert (again.rows, again.hours, again.days, again.version) == (0, 0, (), first.version)
    assert "nothing was changed" in again.warnings[-1]
    assert len(collector.stored()) == 3


def test_a_drop_without_budgets_and_volumes_loads_and_says_that_they_were_not_read(collector: Collector) -> None:
    collector.ingest(collector.drop(pod(0), hours=(0, 1), without=("disruptions_allowed", "local_volume")))
    collector.ingest(collector.drop(pod(1, disruptions_allowed=-1, local_volume=False), hours=(1, 2)))

    assert collector.stored('hour("hour"), disruptions_allowed, local_volume') == [(0, None, None), (1, -1, False)]


def test_late_hours_join_the_hours_that_are_there(collector: Collector) -> None:
    collector.ingest(collector.drop(node(0), node(1)))
    collector.ingest(collector.drop(node(2), node(24), hours=(2, 25)))

    assert collector.stored() == [(0, "n1", None), (0, "n1", None), (1, "n1", None), (2, "n1", None)]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_drops_in_any_order_leave_the_same_hours(collector: Collector, order: tuple[int, ...]) -> None:
    """Queues deliver in any order: the hour that was collected last holds, whichever came first."""
    drops = (
        collector.drop(pod(0, cpu_used=1), pod(1, cpu_used=1), hours=(0, 2), collected=2),
        collector.drop(pod(1, cpu_used=2), pod(2, cpu_used=2), hours=(1, 3), collected=3),
        collector.drop(pod(0, cpu_used=3), pod(0, "web-1", cpu_used=3), hours=(0, 1), collected=4),
    )

    for number in order:
        collector.ingest(drops[number])

    assert collector.stored() == [(0, "web-0", 3), (0, "web-1", 3), (1, "web-0", 2), (2, "web-0", 2)]


def test_hours_without_rows_are_said_and_what_the_lake_has_of_them_stays(collector: Collector) -> None:
    collector.ingest(collector.drop(node(1), hours=(1, 2)))
    loaded = collector.ingest(collector.drop(node(0), hours=(0, 3)))

    assert loaded.warnings == ("prod: no rows from 2026-07-31T01:00Z to 2026-07-31T03:00Z (2 h): unknown, not idle",)
    assert [hour for hour, *_ in collector.stored()] == [0, 1]


def test_two_clusters_in_one_folder_are_refused(collector: Collector) -> None:
    """A folder has fewer letters than a uid that is not Palette's; one cluster's hours must never give way to another's."""
    collector.ingest(collector.drop(node(0)))

    with pytest.raises(BadInput, match="already has 2026-07-31T00:00Z of cluster u1"):
        collector.ingest(collector.drop(node(0, cluster_uid="U1"), cluster_uid="U1", collected=9))


@pytest.mark.security(18)
def test_what_one_cluster_says_of_another_changes_nothing(collector: Collector) -> None:
    """Its collector may write to its own folder; in the marker it can name whom it likes."""
    collector.ingest(collector.drop(node(0)))
    before = collector.stored()

    with pytest.raises(BadInput, match="folder 'prod-u2' tells of cluster 'u1'"):
        collector.ingest(collector.drop(node(0, cpu_used=1), slug="prod-u2", collected=9))
    assert collector.stored() == before


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (node(0, seconds=3601), "seconds: expected 1 to 3600"),
        (node(0, seconds=None), "seconds: expected 1 to 3600"),
        (pod(0, cpu_used=-1), "cpu_used: it is negative"),
        (pod(0, disruptions_allowed=-2), "disruptions_allowed: expected 0 or more, or -1 where no budget covers it"),
        (pod(0, cpu_limit=-1), "cpu_limit: it is negative"),
        (pod(0, pinned="[]"), "pinned: it is not a JSON object"),
        (pod(0, scaled_by="cpu,whatever"), "scaled_by: expected cpu, memory, other, several with commas, or nothing"),
        (pod(0, storage_class="gp3"), "storage_class: only a volume has one"),
        (pod(0, asset_used=1), "asset_used: only a volume holds bytes"),
        (node(7), "hour: it lies outside the time that the marker says"),
        ({**node(0), "hour": "2026-07-31 00:30:00"}, "hour: it is not the start of an hour"),
        ({**node(0), "hour": None}, "hour: it is empty"),
        (node(0, cluster_uid="u2"), "cluster_uid: it is not the one that the marker says"),
        (node(0, cpu_capacity=None), "cpu_capacity, memory_capacity: a node row must have both"),
        (pod(0, node=None), "node: it is empty, and the row is no pending pod"),
        (pod(0, labels="team=ml"), "labels: it is not a JSON object"),
        (pod(0, annotations="[1]"), "annotations: it is not a JSON object"),
        (pod(0, network_sent=-1), "network_sent: it is negative"),
        (shared_pod(0, gpu_sharing="vgpu"), "gpu_sharing: expected one of mig, time-slicing, mps"),
        (shared_pod(0, gpu_sharing=None), "gpu_shares: it needs gpu_sharing"),
        (shared_pod(0, gpu_shares_of=None), "gpu_shares, gpu_shares_of: gpu_sharing needs both"),
        (shared_pod(0, gpu_shares=0), "gpu_shares: expected 1 to gpu_shares_of"),
        (shared_pod(0, gpu_shares=8), "gpu_shares: expected 1 to gpu_shares_of"),
        (node(0, gpu_sharing="mig", gpu_shares=1, gpu_shares_of=7), "gpu_sharing: only a pod shares a GPU"),
        (volume(0, asset="bucket"), "asset: expected volume or load-balancer"),
        (volume(0, provider_id=None), "provider_id: a volume or load balancer must have one"),
        (volume(0, provider_id=""), "provider_id: a volume or load balancer must have one"),
        (volume(0, namespace=None), "namespace: a volume or load balancer must have one"),
        (volume(0, pod="web-0"), "pod: a volume or load balancer is no pod; leave it empty"),
        (volume(0, cpu_capacity=4), "cpu_capacity, memory_capacity, gpu_capacity: a volume or load balancer has none"),
        (volume(0, pending=True), "pending: a volume or load balancer waits for no place"),
        (volume(0, asset_bytes=-1), "asset_bytes: it is negative"),
        (volume(0, asset="load-balancer"), "asset_bytes: only a volume has a size"),
        (node(0, asset_bytes=1), "asset_bytes: only a volume has a size"),
    ],
)
def test_one_wrong_row_refuses_the_drop_by_file_and_row(collector: Collector, row: Values, message: str) -> None:
    with pytest.raises(BadInput) as refused:
        collector.ingest(collector.drop(node(0), row))

    assert str(refused.value) == f"a.parquet: row 2: {message}"
    assert collector.ports.lake.version("usage") is None


def test_the_same_pod_on_the_same_node_in_the_same_hour_is_refused(collector: Collector) -> None:
    with pytest.raises(BadInput, match=r"a\.parquet: row 3: web-0 on n1 at 2026-07-31T00:00Z: said before"):
        collector.ingest(collector.drop(node(0), pod(0), pod(0, cpu_used=7)))


def test_a_volume_stands_once_per_hour_wherever_it_is_attached(collector: Collector) -> None:
    """Its cost would go to its namespace twice."""
    with pytest.raises(BadInput, match=r"a\.parquet: row 3: volume vol-0a at 2026-07-31T00:00Z: said before"):
        collector.ingest(collector.drop(node(0), volume(0), volume(0, namespace="shop")))


def test_volumes_load_balancers_and_shares_are_kept_beside_nodes_and_pods(collector: Collector) -> None:
    balancer = volume(0, asset="load-balancer", asset_bytes=None, provider_id="web-ingress")

    collector.ingest(
        collector.drop(node(0), shared_pod(0, annotations='{"owner": "ml"}', project="prod"), volume(0), balancer, hours=(0, 1))
    )

    rows = collector.stored("coalesce(asset, pod, node), provider_id, asset_bytes, gpu_shares, gpu_shares_of, annotations, project")
    assert rows == [
        ("load-balancer", "web-ingress", None, None, None, "{}", None),
        ("n1", None, None, None, None, "{}", None),
        ("volume", "vol-0a", 50 << 30, None, None, "{}", None),
        ("web-0", None, None, 2, 7, '{"owner": "ml"}', "prod"),
    ]


def test_an_hour_that_has_only_volumes_is_said_to_be_unknown(collector: Collector) -> None:
    """A volume measures no node: its hour must not look like an hour in which nothing ran."""
    loaded = collector.ingest(collector.drop(node(0), volume(0), volume(1), hours=(0, 2)))

    assert loaded.warnings == ("prod: no rows from 2026-07-31T01:00Z to 2026-07-31T02:00Z (1 h): unknown, not idle",)


@pytest.mark.parametrize("order", list(itertools.permutations((0, 1, 2))))
def test_an_hour_that_only_volumes_were_seen_in_never_replaces_a_measured_one(collector: Collector, order: tuple[int, ...]) -> None:
    """A later drop that lost its nodes' capacity still lists volumes; it must not turn a busy hour into an unknown one."""
    drops = [
        collector.drop(node(0), pod(0), volume(0), hours=(0, 1), collected=1),
        collector.drop(volume(0), volume(1), hours=(0, 2), collected=2),
        collector.drop(volume(1, asset_bytes=1), hours=(1, 2), collected=3),
    ]
    for number in order:
        collector.ingest(drops[number])

    rows = collector.stored('hour("hour"), coalesce(asset, pod, node), asset_bytes')
    assert rows == [(0, "n1", None), (0, "volume", 50 << 30), (0, "web-0", None), (1, "volume", 1)]


def test_pods_of_one_name_in_two_namespaces_and_a_pending_pod_are_fine(collector: Collector) -> None:
    rows = (pod(0), {**pod(0), "namespace": "shop"}, pod(0, "web-9", node=None, pending=True))

    assert collector.ingest(collector.drop(*rows)).rows == 3


def test_a_drop_collected_in_the_future_is_refused(collector: Collector) -> None:
    """It would shut out every later drop of the same hours."""
    url = collector.drop(node(0), collected_at="2999-01-01T00:00:00Z")

    with pytest.raises(BadInput, match="check the collector's clock"):
        collector.ingest(url)


def test_a_file_that_is_not_there_refuses_the_drop(collector: Collector) -> None:
    with pytest.raises(BadInput, match="no regular file"):
        collector.ingest(collector.drop(node(0), files=["a.parquet", "b.parquet"]))


def test_whoever_writes_between_reading_and_committing_loses_nothing(collector: Collector, ports: Ports) -> None:
    """Two drops of one day at once: the second commit sees that the day moved, and merges again."""
    first, second = collector.drop(node(0), hours=(0, 1)), collector.drop(node(1), hours=(1, 2))
    collector.ingest(collector.drop(node(5), hours=(5, 6)))
    lake = ports.lake

    class Interrupted(DeltaLake):
        """A lake in which somebody else commits just before our first commit."""

        def amend(self, *arguments: object, **named: object) -> int | None:
            if len(collector.stored()) == 1:
                collector.ingest(first)
            return lake.amend(*arguments, **named)  # type: ignore[arg-type]

    slow = SimpleNamespace(**(vars(ports) | {"lake": Interrupted(lake.url, lake.scratch)}))  # type: ignore[attr-defined]
    ingest_usage(second, cast(Ports, slow), collector.root / "scratch")

    assert [hour for hour, *_ in collector.stored()] == [0, 1, 5]


def test_a_drop_of_an_older_collector_says_that_the_newer_columns_were_not_read(collector: Collector) -> None:
    """Collectors in clusters are upgraded one by one; a drop that was good yesterday is good today."""
    newer = (
        "zone", "managed_by", "cpu_limit", "memory_limit", "out_of_memory", "scaled_by", "own_node", "pinned", "grace_seconds", "gpu_model",
        "storage_class", "asset_used",
    )  # fmt: skip

    collector.ingest(collector.drop(pod(0), hours=(0, 1), without=newer))

    assert collector.stored(", ".join(newer)) == [(None,) * len(newer)]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_what_an_earlier_reading_knew_of_a_pod_that_is_gone_stays(collector: Collector, order: tuple[int, ...]) -> None:
    """A Job's pod has left the Kubernetes API when its hour is read again; whose cost it is must not change with that."""
    drops = (
        collector.drop(pod(0, labels='{"team": "ml"}', cpu_used=7, disruptions_allowed=0, grace_seconds=30), hours=(0, 1), collected=1),
        collector.drop(pod(0, cpu_used=9), hours=(0, 1), collected=2),
    )
    for number in order:
        collector.ingest(drops[number])

    assert collector.stored("labels, cpu_used, disruptions_allowed, grace_seconds") == [('{"team": "ml"}', 9, 0, 30)]
    version = collector.ports.lake.version("usage")
    assert [collector.ingest(drop).version for drop in drops] == [version, version], "nothing is left to fill"


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_machine_that_is_gone_keeps_its_pool(collector: Collector, order: tuple[int, ...]) -> None:
    """Where node labels come from the Kubernetes API alone, a later reading has lost them: its pods were in the pool all the same."""
    drops = (
        collector.drop(node(0, instance_type="m5.large"), pod(0, instance_type="m5.large"), hours=(0, 1), collected=1),
        collector.drop(node(0, pool=None), pod(0, pool=None), hours=(0, 1), collected=2),
    )
    for number in order:
        collector.ingest(drops[number])

    assert collector.stored("pod, pool, instance_type") == [("web-0", "p", "m5.large"), (None, "p", "m5.large")]


def test_what_is_measured_or_known_is_never_taken_from_another_reading(collector: Collector) -> None:
    collector.ingest(collector.drop(pod(0, labels='{"team": "a"}', cpu_used=7, cpu_limit=100), hours=(0, 1), collected=1))
    collector.ingest(collector.drop(pod(0, labels='{"team": "b"}', cpu_limit=0), hours=(0, 1), collected=2))

    assert collector.stored("labels, cpu_used, cpu_limit") == [('{"team": "b"}', None, 0)]


def test_a_pod_that_only_the_earlier_reading_saw_does_not_come_back(collector: Collector) -> None:
    collector.ingest(collector.drop(node(0), pod(0), pod(0, "web-1"), hours=(0, 1), collected=1))
    collector.ingest(collector.drop(node(0), pod(0), hours=(0, 1), collected=2))

    assert collector.stored("pod") == [("web-0",), (None,)]


# ── whose it is ──────────────────────────────────────────────────────────────────────────────────────────────────────
def test_the_log_says_whose_a_day_is(collector: Collector) -> None:
    """Readers find a cluster's folder by it; also after the day was merged with a later drop."""
    day = {"cluster_slug": "prod-u1", "day": "d-2026-07-31"}
    owners = []

    for hours in ((0, 2), (2, 4)):
        collector.ingest(collector.drop(*(node(hour) for hour in range(*hours)), hours=hours))
        owners.append(collector.ports.lake.owner("usage", day))

    assert owners == ["u1", "u1"]
    assert collector.ports.lake.owner("usage", {"cluster_slug": "nobody"}) is None
