"""OpenCost's answers: what is wrong is named by file and allocation, and what is right becomes rows of pods and hours."""

import gzip
import json
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.opencost_answers import GIB, START, allocation, answer, idle, node, text
from trimtab.errors import BadInput, TooLarge
from trimtab.records import ClusterUid, Json
from trimtab.sources import opencost
from trimtab.sources.opencost import LIMIT, Allocation, allocations, nodes, read_answer, refuse_repeats
from trimtab.sources.opencost_usage import ImportedHours, clusters_of, hours_of_cluster
from trimtab.sources.prometheus import COLUMNS, Target

TARGET = Target(cluster_uid=ClusterUid("uid-1"), cluster="prod")
Entry = tuple[str, Json]


def read(*entries: Entry) -> list[Allocation]:
    return allocations(read_answer(answer(*entries), "a.json"), "a.json")


def imported(*entries: Entry, assets: tuple[Entry, ...] = (), may_spread: bool = False) -> ImportedHours:
    found = nodes(read_answer(answer(*assets), "n.json"), "n.json") if assets else []
    return hours_of_cluster(TARGET, read(*entries), found, may_spread=may_spread)


def rows(*entries: Entry, assets: tuple[Entry, ...] = (), may_spread: bool = False) -> list[dict[str, object]]:
    return [dict(zip((c.name for c in COLUMNS), row, strict=True)) for row in imported(*entries, assets=assets, may_spread=may_spread).rows]


def test_containers_of_a_pod_become_one_row_of_its_hour() -> None:
    (row,) = rows(allocation("app"), allocation("proxy", cpuCoreRequestAverage=0.1, cpuCoreUsageAverage=None))

    assert (row["hour"], row["cluster_uid"], row["cluster"], row["node"]) == (datetime(2026, 7, 1, 10), "uid-1", "prod", "n1")  # noqa: DTZ001
    assert (row["namespace"], row["pod"], row["workload_kind"], row["workload"]) == ("shop", "cart-1", "Deployment", "cart")
    assert (row["provider_id"], row["seconds"], row["pending"]) == ("i-0abc", 3600, False)
    assert (row["cpu_request"], row["memory_request"], row["gpu_request"], row["network_sent"]) == (600, 2 * GIB, 0, 2000)
    assert json.loads(str(row["labels"])) == {"app.kubernetes.io/name": "cart", "team": "shop"}
    assert json.loads(str(row["annotations"])) == {"owner": "shop"}


def test_what_is_null_of_one_container_is_unknown_of_its_pod() -> None:
    """Null is what OpenCost writes for a number it could not work out; it is no zero."""
    (row,) = rows(allocation("app"), allocation("proxy", cpuCoreUsageAverage=None))

    assert (row["cpu_used"], row["memory_used"], row["cpu_used_max"]) == (None, GIB, None)


def test_a_container_that_ran_for_half_of_the_pods_time_counts_half() -> None:
    (row,) = rows(allocation("app"), allocation("once", minutes=30, cpuCoreRequestAverage=1))

    assert (row["cpu_request"], row["seconds"]) == (1000, 3600)


def test_two_half_hours_make_an_hour() -> None:
    later = START + timedelta(minutes=30)

    (row,) = rows(allocation(minutes=30, step=30), allocation(minutes=30, step=30, at=later, cpuCoreUsageAverage=0.75))

    assert (row["seconds"], row["cpu_used"]) == (3600, 500)


def test_gpu_hours_are_gpus_over_the_time_they_ran() -> None:
    (row,) = rows(allocation(minutes=30, gpuHours=1))

    assert (row["gpu_request"], row["seconds"]) == (2000, 1800)


def test_what_is_not_a_pod_makes_no_row() -> None:
    unmounted = allocation("__unmounted__", pod="__unmounted__", namespace="__unmounted__")

    found = rows(allocation(), idle(), unmounted, allocation("x", namespace="__unallocated__"))

    assert [row["pod"] for row in found] == ["cart-1"]


def test_volumes_and_load_balancers_become_rows_of_their_own() -> None:
    pvs = {"cluster=prod:name=pvc-1": {"byteHours": 50 * GIB, "cost": 0.01, "providerID": "vol-0abc"}}
    balancers = {"prod/shop/cart": {"service": "shop/cart", "cost": 0.02, "ip": "a1b2-123.us-east-1.elb.amazonaws.com"}}

    found = [row for row in rows(allocation(pvs=pvs, lbAllocations=balancers)) if row["asset"]]

    assert [(row["asset"], row["provider_id"], row["asset_bytes"], row["namespace"], row["workload"], row["pod"]) for row in found] == [
        ("load-balancer", "a1b2", None, "shop", "cart", None),
        ("volume", "vol-0abc", 50 * GIB, "shop", "cart", None),
    ]


def test_nodes_come_from_the_assets_for_the_hours_that_have_pods() -> None:
    """An hour of a node without one of its pods would be wholly idle, and nobody measured that."""
    found = [row for row in rows(allocation(), assets=(node(START - timedelta(hours=5), hours=9),)) if not row["pod"]]

    assert [(row["hour"], row["seconds"], row["cpu_capacity"], row["memory_capacity"], row["pool"]) for row in found] == [
        (datetime(2026, 7, 1, 10), 3600, 4000, 16 * GIB, "web")  # noqa: DTZ001
    ]
    assert imported(allocation(), assets=(node(),)).warnings == ()


def test_without_assets_the_hours_are_said_to_be_unmeasured() -> None:
    found = imported(allocation())

    assert found.warnings == ("prod: 1 of 1 hours have no node's capacity: unmeasured, never idle; give --assets FILE",)


def test_a_step_over_an_hour_is_refused_by_its_length_unless_it_may_be_spread() -> None:
    day = allocation(at=datetime(2026, 7, 1, tzinfo=UTC), minutes=90, step=1440, networkTransferBytes=900)

    with pytest.raises(
        BadInput, match=r"a\.json: allocation prod/n1/shop/cart-1/app: its step is 24 h, not within one hour: ask for step=1h"
    ):
        rows(day)
    found = rows(day, may_spread=True)
    assert [(row["seconds"], row["network_sent"], row["cpu_used"]) for row in found] == [(3600, 600, 250), (1800, 300, 250)]
    assert "1 steps of up to 24 h were spread: estimates" in imported(day, may_spread=True).warnings[0]


def test_a_step_of_an_hour_that_begins_at_half_past_is_no_clock_hour() -> None:
    with pytest.raises(BadInput, match="its step is 1 h, not within one hour"):
        rows(allocation(at=START + timedelta(minutes=30)))


def test_a_pod_that_never_ran_has_no_row() -> None:
    assert [row["pod"] for row in rows(allocation(), allocation(pod="cart-2", minutes=0, at=START + timedelta(minutes=7), step=30))] == [
        "cart-1"
    ]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cpuCoreUsageAverage": -1}, "cpuCoreUsageAverage: it is negative: -1"),
        ({"ramByteUsageAverage": "much"}, "ramByteUsageAverage: expected a number, got 'much'"),
        ({"ramByteUsageAverage": True}, "ramByteUsageAverage: expected a number, got 'True'"),
        ({"minutes": -5}, "minutes: it is negative"),
        ({"properties": {"pod": None}}, "properties.pod is missing; ask for it without aggregate"),
        ({"properties": {"node": ""}}, "properties.node is missing"),
        ({"properties": {"namespace": 7}}, "properties.namespace is missing"),
        ({"properties": {"labels": ["a"]}}, "properties.labels: expected an object of texts"),
        ({"window": None}, "window is missing"),
        ({"start": "2026-07-01T10:00:00"}, "start: 2026-07-01T10:00:00 has no time zone"),
        ({"start": "yesterday"}, "start: expected a time such as"),
        ({"end": "2026-07-01T12:00:00Z"}, "is not within its window"),
        ({"pvs": [1]}, "pvs: expected an object of objects"),
        ({"pvs": {"cluster=prod:name=pvc-1": {"byteHours": -1}}}, "byteHours: it is negative"),
    ],
)
def test_what_is_wrong_is_named_by_file_and_allocation(changes: Json, message: str) -> None:
    name, value = allocation()
    properties = {**cast("Json", value["properties"]), **cast("Json", changes.get("properties", {}))}
    broken = {**value, **changes, "properties": properties}

    with pytest.raises(BadInput) as refused:
        hours_of_cluster(
            TARGET, allocations(read_answer(json.dumps({"data": [{name: broken}]}).encode(), "a.json"), "a.json"), (), may_spread=False
        )

    assert str(refused.value).startswith("a.json: allocation prod/n1/shop/cart-1/app: ")
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"no", "a.json: not JSON"),
        (b"[" * 100_000, "a.json: not JSON"),
        (b'{"code": 200}', "expected an answer of /allocation or /assets"),
        (b'{"code": 400, "message": "bad window"}', "code 400, not one with data: bad window"),
        (b'{"data": [7]}', "data[0]: expected an object of allocations by name"),
        (b'{"data": [{"a": 7}]}', "'a': expected an object"),
        (b'{"data": [{"a": {"cpuCost": NaN}}]}', "NaN is no number that JSON knows"),
        (b'{"data": [{"a": {}}]}', "a.json: allocation a: properties is missing"),
        (gzip.compress(b'{"data": []}', mtime=0)[:-9], "cut off"),
    ],
)
def test_an_answer_that_is_none_is_refused_in_words(body: bytes, message: str) -> None:
    with pytest.raises(BadInput) as refused:
        allocations(read_answer(body, "a.json"), "a.json")

    assert message in str(refused.value)


def test_a_name_that_stands_twice_in_a_step_is_not_half_lost() -> None:
    """Of two equal keys JSON readers keep the last: a pasted answer would lose a pod without a word."""
    body = answer(allocation()).decode().replace("[{", '[{"prod/n1/shop/cart-1/app": {}, ', 1)

    with pytest.raises(BadInput, match=r"a\.json: 'prod/n1/shop/cart-1/app' stands twice in one object"):
        read_answer(body.encode(), "a.json")


@pytest.mark.parametrize("year", ["0001", "9999"])
def test_what_is_no_time_of_a_cluster_is_refused(year: str) -> None:
    """Go writes a time that was never set as the first day of the year 1."""
    body = answer(allocation()).replace(b"2026-07-01", f"{year}-12-31".encode())

    with pytest.raises(BadInput, match=r"window\.start: .* is no time of a cluster"):
        allocations(read_answer(body, "a.json"), "a.json")


def test_a_controller_that_is_no_text_is_none() -> None:
    (row,) = rows(allocation(properties={"controller": ["x"], "controllerKind": {"a": 1}}))

    assert (row["workload"], row["workload_kind"]) == ("cart-1", "Pod")


@pytest.mark.parametrize("number", ["1e400", "-1e400", "9" * 30, "1e-999999"])
def test_absurd_numbers_are_refused_or_nothing(number: str) -> None:
    body = answer(allocation()).replace(b'"cpuCoreRequestAverage": 0.5', f'"cpuCoreRequestAverage": {number}'.encode())
    found = allocations(read_answer(body, "a.json"), "a.json")

    if number == "1e-999999":
        assert hours_of_cluster(TARGET, found, (), may_spread=False).rows
    else:
        with pytest.raises(BadInput, match="cpuCoreRequestAverage: "):
            hours_of_cluster(TARGET, found, (), may_spread=False)


def test_a_packed_answer_is_read_and_a_bomb_is_not() -> None:
    assert clusters_of(allocations(read_answer(gzip.compress(answer(allocation())), "a.json.gz"), "a.json.gz")) == ("prod",)
    with pytest.raises(TooLarge, match="larger than 256 MiB; ask for fewer hours"):
        read_answer(gzip.compress(b" " * (LIMIT + 1), compresslevel=1), "a.json.gz")


def test_the_same_step_in_two_files_is_refused() -> None:
    """A folder with yesterday's answer twice would count every pod twice."""
    with pytest.raises(BadInput, match="said twice for 2026-07-01T10:00Z"):
        refuse_repeats([*read(allocation()), *read(allocation())])


def test_empty_steps_are_no_mistake() -> None:
    assert opencost.allocations({"data": [None, {}]}, "a.json") == []


@given(st.lists(st.tuples(st.integers(0, 59), st.integers(1, 60)), min_size=1, max_size=6))
def test_a_pod_is_never_longer_there_than_its_hour_nor_than_its_containers_together(spans: list[tuple[int, int]]) -> None:
    ends = [START + timedelta(minutes=min(60, begin + length)) for begin, length in spans]
    entries = [
        allocation(f"c{number}", start=text(START + timedelta(minutes=spans[number][0])), end=text(end)) for number, end in enumerate(ends)
    ]  # fmt: skip

    (row,) = rows(*entries)

    minutes = {minute for begin, length in spans for minute in range(begin, min(60, begin + length))}
    assert row["seconds"] == 60 * len(minutes)
