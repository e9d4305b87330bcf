"""Demand from the lake: SQL adds up what is known, and lets nothing unknown become zero."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import duckdb
import numpy as np
import pytest

from tests.usage_folder import UsageFolder
from trimtab.adapters.demand_trace import read_trace
from trimtab.adapters.duckdb import DuckDb
from trimtab.adapters.lake_usage import LakeUsage
from trimtab.analysis.backtest import backtest
from trimtab.analysis.demand import Demand, Drain
from trimtab.errors import BadInput
from trimtab.ports import Lake
from trimtab.records import ClusterUid
from trimtab.tables import USAGE
from trimtab.units import GIB

UID = ClusterUid("uid-1")
START, END = datetime(2026, 7, 1, tzinfo=UTC), datetime(2026, 7, 3, tzinfo=UTC)
TRACES = Path(__file__).parent / "demand_traces"
Row = dict[str, object]


def pod(hour: int, name: str, **changes: object) -> Row:
    return {
        **node(hour),
        "namespace": "shop",
        "workload": "cart",
        "workload_kind": "Deployment",
        "pod": name,
        "cpu_request": 500,
        "cpu_used_max": 200,
        "memory_request": GIB,
        "memory_used_max": GIB // 2,
        "gpu_request": 0,
        "pending": False,
        **changes,
    }


def node(hour: int, name: str = "n-1") -> Row:
    at = (START + timedelta(hours=hour)).replace(tzinfo=None)
    return {"hour": at, "cluster_uid": UID, "pool": "web", "node": name, "labels": "{}", "seconds": 3600}


def write(root: Path, rows: Sequence[Row], slug: str = "one") -> None:
    with duckdb.connect() as session:
        columns = [column for column in USAGE if column.name not in {"day", "cluster_slug"}]
        session.execute(f"CREATE TABLE usage ({', '.join(f'{column.name} {column.sql_type}' for column in columns)})")
        marks = ", ".join("?" * len(columns))
        session.executemany(f"INSERT INTO usage VALUES ({marks})", [[row.get(column.name) for column in columns] for row in rows])
        for (day,) in session.execute("SELECT DISTINCT strftime(hour, 'd-%Y-%m-%d') FROM usage").fetchall():
            folder = root / f"cluster_slug={slug}" / f"day={day}"
            folder.mkdir(parents=True)
            session.execute(
                f"COPY (SELECT * FROM usage WHERE strftime(hour, 'd-%Y-%m-%d') = '{day}') TO '{folder}/part.parquet' (FORMAT parquet)"
            )


def engine(root: Path) -> DuckDb:
    scratch = root / "scratch"
    scratch.mkdir(exist_ok=True)
    return DuckDb(directories=(root, TRACES), scratch=scratch)


def usage_of(root: Path) -> LakeUsage:
    return LakeUsage(lake=cast("Lake", UsageFolder(root / "usage")), engine=cast("Any", engine(root)))


def demand_of(tmp_path: Path, *rows: Row) -> Demand:
    write(tmp_path / "usage", rows)
    demand = usage_of(tmp_path).demand(UID, "web", START, END)
    assert demand is not None
    return demand


def test_pods_of_a_workload_add_up_to_their_highest_five_minutes(tmp_path: Path) -> None:
    demand = demand_of(tmp_path, *(pod(hour, f"cart-{index}") for hour in range(48) for index in range(3)))

    assert demand.names == ("shop/cart",)
    assert demand.pods[0, 0] == 3
    assert (demand.cpu_used[0, 0], demand.cpu_request[0, 0], demand.coverage) == (600, 500, 1.0)


def test_one_unmeasured_pod_makes_the_hour_unknown(tmp_path: Path) -> None:
    demand = demand_of(
        tmp_path, *(pod(hour, "cart-0") for hour in range(48)), *(pod(hour, "cart-1", cpu_used_max=None) for hour in range(24))
    )

    assert np.isnan(demand.cpu_used[0, :24]).all()
    assert demand.coverage == 0.5


def test_a_waiting_pod_counts_and_uses_nothing(tmp_path: Path) -> None:
    waiting = pod(0, "cart-1", pending=True, node=None, cpu_used_max=None, memory_used_max=None)

    demand = demand_of(tmp_path, *(pod(hour, "cart-0") for hour in range(48)), waiting)

    assert (demand.pods[0, 0], demand.cpu_used[0, 0]) == (2, 200)
    assert demand.pending_share == pytest.approx(1 / 49)


def test_gpu_compute_is_unknown_only_where_a_gpu_is_held(tmp_path: Path) -> None:
    held = [pod(hour, "train-0", workload="train", gpu_request=1000, gpu_compute_used_max=None) for hour in range(48)]

    demand = demand_of(tmp_path, *(pod(hour, "cart-0") for hour in range(48)), *held)

    assert np.isnan(demand.gpu_compute_used[demand.names.index("shop/train")]).all()
    assert not np.isnan(demand.gpu_compute_used[demand.names.index("shop/cart")]).any()


def test_a_gpu_share_that_nobody_can_size_is_unknown_and_not_none(tmp_path: Path) -> None:
    """Requests were read, and how much of a GPU its share is was not; where no request was read, nothing says that it holds any."""
    held = [pod(hour, "embed-0", workload="embed", gpu_request=None, gpu_compute_used_max=None) for hour in range(48)]
    unread = [pod(hour, "cart-0", cpu_request=None, gpu_request=None) for hour in range(48)]

    demand = demand_of(tmp_path, *unread, *held)

    embed, cart = demand.names.index("shop/embed"), demand.names.index("shop/cart")
    assert np.isnan(demand.gpu_request[embed]).all()
    assert np.isnan(demand.gpu_compute_used[embed]).all()
    assert demand.gpu_request[cart].tolist() == [0.0] * 48


def test_nodes_are_counted_and_other_pools_and_clusters_left_out(tmp_path: Path) -> None:
    rows = [node(hour, name) for hour in range(48) for name in ("n-1", "n-2")]
    foreign = [pod(0, "x-0") | {"pool": "other"}, pod(0, "y-0") | {"cluster_uid": "uid-2"}]

    demand = demand_of(tmp_path, *rows, *foreign)

    assert demand.nodes is not None
    assert demand.nodes.tolist() == [2.0] * 48
    assert demand.pods.size == 0
    assert usage_of(tmp_path).nodes_seen(UID, "web", START, END) == 2.0


def test_a_cluster_that_nobody_measured_has_no_demand(tmp_path: Path) -> None:
    write(tmp_path / "usage", [pod(0, "cart-0")])

    assert usage_of(tmp_path).demand(ClusterUid("uid-9"), "web", START, END) is None
    assert usage_of(tmp_path).demand(UID, "no-such-pool", START, END) is None
    without = LakeUsage(lake=cast("Lake", UsageFolder(tmp_path / "none")), engine=cast("Any", engine(tmp_path)))
    assert without.demand(UID, "web", START, END) is None


def test_only_the_files_of_that_cluster_are_read(tmp_path: Path) -> None:
    write(tmp_path / "usage", [pod(0, "cart-0")])
    write(tmp_path / "usage", [pod(hour, "cart-0", cluster_uid="uid-2") for hour in range(48)], slug="two")
    lake = UsageFolder(tmp_path / "usage")

    LakeUsage(lake=cast("Lake", lake), engine=cast("Any", engine(tmp_path))).demand(UID, "web", START, END)

    assert lake.reads == 3


# ── budgets and local volumes ────────────────────────────────────────────────────────────────────────────────────────
WEEK = START + timedelta(days=10)
"""END of a longer window."""


def drains_of(tmp_path: Path, *rows: Row, end: datetime = END) -> Mapping[str, Drain]:
    write(tmp_path / "usage", rows)
    demand = usage_of(tmp_path).demand(UID, "web", START, end)
    assert demand is not None
    return demand.drains


def test_the_newest_hour_that_knows_is_believed(tmp_path: Path) -> None:
    """The last hours come from a collector that does not read the Kubernetes API; what was read before still stands."""
    old = [pod(hour, "cart-0", disruptions_allowed=0, local_volume=True) for hour in range(10)]
    new = [pod(hour, "cart-0", disruptions_allowed=2, local_volume=False) for hour in range(10, 20)]
    silent = [pod(hour, "cart-0") for hour in range(20, 48)]

    assert drains_of(tmp_path, *old, *new, *silent) == {"shop/cart": Drain(disruptions_allowed=2, has_local_volume=False)}


def test_what_was_read_over_a_week_ago_was_not_read(tmp_path: Path) -> None:
    rows = [pod(hour, "cart-0", **({"disruptions_allowed": 1, "local_volume": False} if hour < 72 else {})) for hour in range(240)]

    write(tmp_path / "usage", rows)
    demand = usage_of(tmp_path).demand(UID, "web", START, WEEK)

    assert demand is not None
    assert demand.drains == {"shop/cart": Drain()}
    assert demand.unread() == ("shop/cart",)


def test_a_workload_that_has_not_run_for_a_week_is_nobody_that_a_drain_could_meet(tmp_path: Path) -> None:
    gone = [pod(hour, "old-0", workload="old") for hour in range(24)]
    there = [pod(hour, "cart-0", disruptions_allowed=-1, local_volume=False, own_node=False) for hour in range(240)]

    write(tmp_path / "usage", [*gone, *there])
    demand = usage_of(tmp_path).demand(UID, "web", START, WEEK)

    assert demand is not None
    assert (demand.recent(), demand.unread()) == (("shop/cart",), ())


@pytest.mark.parametrize(
    ("pods", "known"),
    [
        ([(1, False), (1, False)], Drain(disruptions_allowed=1, has_local_volume=False)),
        ([(-1, False), (-1, False)], Drain(disruptions_allowed=-1, has_local_volume=False)),
        ([(-1, False), (2, True)], Drain(disruptions_allowed=2, has_local_volume=True)),
        ([(0, True), (None, None)], Drain(disruptions_allowed=0, has_local_volume=True)),
        ([(1, False), (None, None)], Drain()),
    ],
)
def test_one_pod_that_may_not_go_or_is_not_known_speaks_for_its_workload(
    tmp_path: Path, pods: list[tuple[int | None, bool | None]], known: Drain
) -> None:
    rows = [
        pod(hour, f"cart-{number}", disruptions_allowed=allowed, local_volume=local)
        for hour in range(48)
        for number, (allowed, local) in enumerate(pods)
    ]

    assert drains_of(tmp_path, *rows) == {"shop/cart": known}


def test_daemon_sets_are_not_drained(tmp_path: Path) -> None:
    """Each node has its own, with its own files; they end with their node."""
    agents = [pod(hour, "agent-0", workload="agent", workload_kind="DaemonSet", local_volume=True) for hour in range(48)]

    assert drains_of(tmp_path, *agents) == {}


# ── demand traces ────────────────────────────────────────────────────────────────────────────────────────────────────
def test_two_real_teams_are_judged_by_what_ran_and_what_waited(tmp_path: Path) -> None:
    """Helios, May 2020: one team leaves most of its quota unused for a month, the other does not."""
    demands = read_trace(engine(tmp_path), TRACES / "helios_two_teams_hourly.csv")

    unused = backtest(demands["vcJkd"], nodes=16, fit_days=14)

    assert set(demands) == {"vcJkd", "vcMod"}
    assert (unused.decision, unused.current.missed_steps, unused.current.judged_days) == ("change", 0, 17)
    assert unused.reasons[0].startswith("12 instead of 16")
    assert backtest(demands["vcMod"], nodes=88).current.missed_steps > 0


def test_four_real_machines_use_less_than_they_were_given(tmp_path: Path) -> None:
    demand = read_trace(engine(tmp_path), TRACES / "bitbrains_four_machines_hourly.csv")[""]

    answer = backtest(demand, nodes=8)

    assert answer.decision == "change"
    assert any("memory is not in the demand" in reason for reason in answer.reasons)


def test_a_trace_is_csv_or_parquet(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"a \.csv or \.parquet file"):
        read_trace(engine(tmp_path), tmp_path / "demand.xlsx")


def test_parquet_and_csv_say_the_same(tmp_path: Path) -> None:
    source = TRACES / "bitbrains_four_machines_hourly.csv"
    duckdb.sql(f"COPY (SELECT * FROM read_csv('{source}')) TO '{tmp_path}/demand.parquet' (FORMAT parquet)")

    one, other = read_trace(engine(tmp_path), source)[""], read_trace(engine(tmp_path), tmp_path / "demand.parquet")[""]

    assert np.array_equal(one.cpu_used, other.cpu_used, equal_nan=True)
    assert one.names == other.names
