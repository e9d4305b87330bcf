"""Saved answers become usage in the lake, beside what our collector read and never over it; and their numbers are held against ours."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.bills import HOUR, NODE, bill, estate, node, pod
from tests.opencost_answers import START, allocation, answer, idle
from tests.opencost_answers import node as asset
from trimtab.adapters.duckdb import DuckDb
from trimtab.adapters.logs import Quiet
from trimtab.adapters.progress import Silent
from trimtab.adapters.store.buckets import StoreBuckets
from trimtab.adapters.store.lake import DeltaLake
from trimtab.errors import BadInput
from trimtab.flow.compare_usage import compare_answers
from trimtab.flow.import_opencost import ImportChoice, import_answers
from trimtab.flow.ingest_usage import UsageLoaded, ingest_usage
from trimtab.flow.usage_drop import Place, leave
from trimtab.ports import Ports
from trimtab.records import ClusterUid
from trimtab.sources.prometheus import COLUMNS, Row, Target
from trimtab.tables import scan

NOW = datetime(2026, 7, 3, tzinfo=UTC)


@pytest.fixture
def ports(tmp_path: Path) -> Ports:
    """Real adapters on this disk."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    return cast(
        "Ports",
        SimpleNamespace(
            settings=SimpleNamespace(clock=NOW, store=f"file://{tmp_path}"),
            buckets=StoreBuckets(),
            engine=DuckDb(directories=(tmp_path,), scratch=scratch, memory_mb=200),
            lake=DeltaLake(f"file://{tmp_path}/lake", scratch),
            log=Quiet(),
            progress=Silent(),
        ),
    )


def load(ports: Ports, *answers: bytes, assets: Sequence[bytes] = (), **choice: object) -> list[UsageLoaded]:
    chosen = ImportChoice(**{"uids": {}, **choice})  # type: ignore[arg-type]
    files = [(f"{number}.json", body) for number, body in enumerate(answers)]
    nodes = [(f"assets-{number}.json", body) for number, body in enumerate(assets)]
    return import_answers(files, nodes, chosen, ports, Path(ports.settings.store.removeprefix("file://")) / "scratch", NOW)


def stored(ports: Ports, columns: str = "coalesce(pod, node), cpu_request") -> list[tuple[object, ...]]:
    with ports.engine.session() as session:
        return session.rows(f"SELECT {columns} FROM ({scan('usage', ports.lake.files('usage'))}) ORDER BY ALL")


def test_an_answer_with_its_assets_is_in_the_lake_and_again_changes_nothing(ports: Ports) -> None:
    (first,) = load(ports, answer(allocation()), assets=[answer(asset())])
    (again,) = load(ports, answer(allocation()), assets=[answer(asset())])

    assert stored(ports) == [("cart-1", 500), ("n1", None)]
    assert (first.cluster, first.hours, first.rows) == ("prod", 1, 2)
    assert (again.hours, again.version) == (0, first.version)


def test_a_clusters_uid_is_given_or_known_and_else_said_to_be_missing(ports: Ports) -> None:
    (named,) = load(ports, answer(allocation()), uids={"prod": "uid-1"})
    (known,) = load(ports, answer(allocation(at=START + timedelta(hours=1))))
    (unknown,) = load(ports, answer(allocation(properties={"cluster": "dev"})))

    assert (named.cluster_uid, known.cluster_uid, unknown.cluster_uid) == ("uid-1", "uid-1", "dev")
    assert unknown.warnings[0] == "dev: no uid is known, so its name stands for it; --cluster dev=UID joins it with Palette's"


def test_an_import_never_pushes_aside_what_is_there_unless_told_to(ports: Ports) -> None:
    """Our own collector reads more than OpenCost tells; a second import of the same hours is a person's decision."""
    load(ports, answer(allocation()))

    (kept,) = load(ports, answer(allocation(cpuCoreRequestAverage=2)))
    assert (kept.hours, stored(ports)) == (0, [("cart-1", 500)])
    (replaced,) = load(ports, answer(allocation(cpuCoreRequestAverage=2)), replaces=True)
    assert (replaced.hours, stored(ports)) == (1, [("cart-1", 2000)])


def test_files_of_one_import_are_one_hour(ports: Ports) -> None:
    """A drop says whole hours: a second file must not push aside the first one's pods."""
    load(ports, answer(allocation()), answer(allocation(pod="cart-2", namespace="web")))

    assert stored(ports) == [("cart-1", 500), ("cart-2", 500)]


@pytest.mark.parametrize("body", [answer(idle()), b'{"data": []}'])
def test_an_answer_without_pods_is_refused(ports: Ports, body: bytes) -> None:
    with pytest.raises(BadInput, match=r"0\.json: no pod is in it"):
        load(ports, body)


def test_one_wrong_allocation_loads_nothing(ports: Ports) -> None:
    with pytest.raises(BadInput, match="it is negative"):
        load(ports, answer(allocation(), allocation(pod="bad", properties={"cluster": "dev"}, cpuCoreUsageAverage=-1)))

    assert ports.lake.version("usage") is None


def collected(ports: Ports, hour: int, pods: Sequence[str], *, at: datetime) -> UsageLoaded:
    """What our own collector left of one hour."""
    target = Target(cluster_uid=ClusterUid("prod"), cluster="prod")
    start = START.replace(hour=hour)
    rows = [own_row(start, pod=name, namespace="shop", cpu_request=111) for name in pods]
    rows.append(own_row(start, cpu_capacity=4000, memory_capacity=16 << 30))
    return ingest_usage(leave(target, (start, start + timedelta(hours=1)), rows, place(ports), at), ports, scratch(ports))


def own_row(start: datetime, **values: object) -> Row:
    common = {"hour": start.replace(tzinfo=None), "cluster_uid": "prod", "cluster": "prod", "node": "n1", "seconds": 3600}
    row = {**common, "labels": "{}", "pending": False, **values}
    return tuple(row.get(column.name) for column in COLUMNS)


def place(ports: Ports) -> Place:
    return cast("Place", SimpleNamespace(buckets=ports.buckets, engine=ports.engine, scratch=scratch(ports), store=ports.settings.store))


def scratch(ports: Ports) -> Path:
    return Path(ports.settings.store.removeprefix("file://")) / "scratch"


@pytest.mark.parametrize("is_first", [True, False])
def test_an_import_of_many_hours_leaves_what_our_collector_read_of_an_early_one(ports: Ports, is_first: bool) -> None:
    """A month's import is no younger than its first hour, or it would push aside all that was collected during the month."""
    hours = answer(*(allocation(at=START + timedelta(hours=number)) for number in range(8)))
    if is_first:
        collected(ports, 12, ["cart-1"], at=START.replace(hour=13, minute=5))
    load(ports, hours)
    if not is_first:
        collected(ports, 12, ["cart-1"], at=START.replace(hour=13, minute=5))

    requests = [500, 500, 111, 500, 500, 500, 500, 500]
    assert [row[1] for row in stored(ports, 'hour("hour"), cpu_request, pod') if row[2]] == requests


def test_a_days_file_beside_a_file_of_its_hours_is_refused(ports: Ports) -> None:
    """Their steps begin at different times and say the same time twice."""
    day = allocation(at=START - timedelta(hours=2), minutes=240, step=240)

    with pytest.raises(BadInput, match=r"prod/n1/shop/cart-1/app: said twice for 2026-07-01T10:00Z"):
        load(ports, answer(day), answer(allocation()), may_spread=True)


def test_a_number_too_large_for_the_table_names_its_allocation_and_loads_nothing(ports: Ports) -> None:
    """Each is a number that JSON may hold; times a thousand, or added up, it is none that can be kept."""
    huge = allocation(pod="huge", properties={"cluster": "zeta"}, cpuCoreRequestAverage=10**17)

    with pytest.raises(BadInput, match=r"0\.json: allocation prod/n1/shop/huge/app: cpu_request: 1\.00e\+20 is no usable number"):
        load(ports, answer(allocation(), huge))
    with pytest.raises(BadInput, match=r"assets-0\.json: asset prod/n1: cpuCores, gpuCount: 1\.00e\+17"):
        load(ports, answer(allocation()), assets=[answer(asset(cpuCores=10**17))])
    assert ports.lake.version("usage") is None


def test_two_names_of_one_folder_are_two_clusters(ports: Ports) -> None:
    """A uid is known by the cluster's name; the folder's letters are fewer than the name's."""
    with pytest.raises(BadInput, match="clusters 'Prod EU' and 'prod-eu': both would be in the folder prod-eu"):
        load(ports, answer(allocation(properties={"cluster": "Prod EU"}), allocation(pod="b", properties={"cluster": "prod-eu"})))

    (first,) = load(ports, answer(allocation(properties={"cluster": "prod-eu"})), uids={"prod-eu": "uid-1"})
    (second,) = load(ports, answer(allocation(properties={"cluster": "Prod EU"})))
    assert [(each.cluster_slug, each.cluster_uid) for each in (first, second)] == [("prod-eu-uid-1", "uid-1"), ("prod-eu", "Prod EU")]


def test_a_name_that_two_clusters_have_is_asked_about(ports: Ports) -> None:
    for uid in ("uid-1", "uid-2"):
        load(ports, answer(allocation(properties={"cluster": "prod"})), uids={"prod": uid})

    with pytest.raises(BadInput, match="cluster 'prod': the lake has it as uid-1 and as uid-2; say which one is meant: --cluster prod=UID"):
        load(ports, answer(allocation(properties={"cluster": "prod"})))


# ── Comparing ────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_their_numbers_are_held_against_the_bill_and_every_cause_is_named() -> None:
    """OpenCost prices the node by the list and hides its idle half; the bill was paid with a discount."""
    made = estate(
        [bill("4"), bill("4", hour=HOUR + timedelta(hours=1))],
        [
            row
            for hour in (HOUR, HOUR + timedelta(hours=1))
            for row in (node(cpu=4000, memory_gib=16, hour=hour), pod("cart-1", cpu=2000, memory=8 << 30, hour=hour))
        ],
    )
    made.allocate()
    theirs = answer(allocation(namespace="ns1", cpuCost=5, ramCost=1, pvCost=0, cpuCoreUsageAverage=1))

    found = compare_answers([("a.json", theirs)], None, made.ports)

    rows = {row.namespace: row for row in found.rows}
    assert found.currency == "USD"
    assert (rows["ns1"].theirs, rows["ns1"].ours) == (Decimal(6), Decimal(4))
    assert {cause.reason: cause.amount for cause in rows["ns1"].causes} == {
        "list price, not what was paid": Decimal(4),
        "hours that they do not have": Decimal(-2),
    }
    assert [(cause.reason, cause.amount) for cause in rows["__idle__"].causes] == [("they hide idle", Decimal(-4))]
    assert NODE in str(made.rows('SELECT any_value("ResourceId") AS id FROM allocated')[0]["id"])


def test_a_namespace_without_an_owner_has_its_cost_and_a_volume_is_a_cause_of_its_own() -> None:
    """Nobody's namespace is not nothing; a volume that they do not price is not a difference of rates."""
    volume = node() | {
        "cpu_capacity": None, "memory_capacity": None, "gpu_capacity": None, "node": None, "pool": None, "namespace": "nobodys",
        "provider_id": "vol-0abc", "asset": "volume", "asset_bytes": 1 << 30,
    }  # fmt: skip
    made = estate(
        [bill("4"), bill("1", ResourceId="arn:aws:ec2:us-east-1:111122223333:volume/vol-0abc")],
        [node(), pod("cart-1", cpu=2000, memory=8 << 30, namespace="nobodys"), volume],
    )
    made.allocate()
    theirs = answer(allocation(namespace="nobodys", cpuCost=5, ramCost=1, pvCost=0))

    (row,) = [row for row in compare_answers([("a.json", theirs)], None, made.ports).rows if row.namespace == "nobodys"]

    assert (row.theirs, row.ours) == (Decimal(6), Decimal(3))
    assert {cause.reason: cause.amount for cause in row.causes} == {
        "list price, not what was paid": Decimal(6),
        "volumes, load balancers and network": Decimal(-3),
    }


def test_hours_of_which_we_have_no_usage_are_named() -> None:
    made = estate([bill("4")], [node(), pod("cart-1", cpu=2000, memory=8 << 30)])
    made.allocate()
    theirs = answer(allocation(namespace="ns1", at=START + timedelta(hours=5), cpuCost=5, ramCost=1, pvCost=0))

    (row, *_) = [row for row in compare_answers([("a.json", theirs)], None, made.ports).rows if row.namespace == "ns1"]

    assert {cause.reason: cause.amount for cause in row.causes} == {
        "hours that we did not measure": Decimal(6),
        "hours that they do not have": Decimal(-2),
    }


def test_nothing_can_be_compared_before_anything_is_allocated() -> None:
    with pytest.raises(BadInput, match="nothing is allocated yet"):
        compare_answers([("a.json", answer(allocation()))], None, estate([]).ports)


def test_a_step_over_midnight_is_no_part_of_a_day() -> None:
    made = estate([bill("4")], [node(), pod("cart-1", cpu=2000)])
    made.allocate()

    with pytest.raises(BadInput, match="its step is no part of one day"):
        compare_answers([("a.json", answer(allocation(at=datetime(2026, 7, 1, 23, 30, tzinfo=UTC))))], None, made.ports)


def test_two_currencies_leave_open_which_one_their_numbers_are_in() -> None:
    made = estate([bill("4"), bill("3", BillingCurrency="EUR")], [node(), pod("cart-1", cpu=2000, memory=8 << 30)])
    made.allocate()
    theirs = [("a.json", answer(allocation(namespace="ns1")))]

    with pytest.raises(BadInput, match="our rows are in EUR, USD, and the file names no currency: say which with --currency"):
        compare_answers(theirs, None, made.ports)
    assert compare_answers(theirs, "EUR", made.ports).currency == "EUR"
    with pytest.raises(BadInput, match="--currency 'GBP': our rows of those days are in EUR, USD"):
        compare_answers(theirs, "GBP", made.ports)


def test_a_day_that_they_have_of_another_cluster_alone_is_no_difference() -> None:
    """Two files, two clusters, two days: of each only its own day is held against ours."""
    nextday = HOUR + timedelta(days=1)
    other: dict[str, Any] = {"cluster": "dev", "cluster_uid": "uid-dev"}
    made = estate(
        [bill("4"), bill("4", hour=nextday), bill("4", ResourceId="i-dev")],
        [node(), pod("a", cpu=4000), node(hour=nextday), pod("a", cpu=4000, hour=nextday),
         node(node="n9", provider_id="i-dev", **other), pod("d", cpu=4000, node="n9", provider_id="i-dev", **other)],
    )  # fmt: skip
    made.allocate()
    theirs = [
        allocation(namespace="ns1", properties={"cluster": "prod"}),
        allocation(namespace="ns1", pod="d", at=START + timedelta(days=1), properties={"cluster": "dev"}),
    ]

    found = compare_answers([("a.json", answer(*theirs))], None, made.ports)

    assert {(str(row.day), row.cluster) for row in found.rows} == {("2026-07-01", "prod"), ("2026-07-02", "dev")}


def test_an_empty_answer_is_not_the_same_as_ours() -> None:
    made = estate([bill("4")], [node(), pod("cart-1", cpu=2000)])
    made.allocate()

    with pytest.raises(BadInput, match=r"a\.json: no allocation is in it"):
        compare_answers([("a.json", b'{"code": 200, "data": [{}, null]}')], None, made.ports)
