"""What a pool never goes below, and that the sentence says why."""

from dataclasses import replace

import pytest

from tests.pool_cases import CLUSTER, NOW, POOL, SHELF, Shelf, ask, demand, findings, hours, kind, only, refusal, rules, steady, usage
from trimtab.analysis.case import Asked, Case, case_of
from trimtab.analysis.demand import Demand, Drain
from trimtab.analysis.floors import floor_of, too_small_for_palette
from trimtab.analysis.rightsize import Answer
from trimtab.records import Cloud, EvidenceFloor, Finding, Pool
from trimtab.units import GIB

THREE = ("us-east-1a", "us-east-1b", "us-east-1c")


def case(found: Demand, pool: Pool = POOL, *, is_nonproduction: bool = True, cloud: Cloud = "aws") -> Case:
    asked = Asked(
        pool=pool, cluster=replace(CLUSTER, cloud=cloud, pools=(pool,)), demand=found, catalog=SHELF, effective_rate=None, now=NOW,
        floor=EvidenceFloor(), is_nonproduction=is_nonproduction,
    )  # fmt: skip
    instance = replace(kind(pool.instance_type, 8000), cloud=cloud)
    assert instance.price is not None
    return case_of(asked, found, instance, instance.price)


def count_of(answers: tuple[Answer, ...]) -> Finding:
    return next(answer for answer in findings(answers) if answer.subject.field == "count")


def test_production_keeps_a_node_that_may_be_lost() -> None:
    """16 cores fill two nodes of eight; the third is for the day one of them dies."""
    found = steady(nodes=3)

    production, other = ask(found, replace(POOL, count=3), is_nonproduction=False), case(found)

    assert "node-count-down" not in rules(production)
    assert "but the busiest hour needs 2" not in refusal(production, "fits").reason, "the margin already asks for three"
    assert floor_of(case(found, is_nonproduction=False), other.now.needed).nodes == 3
    assert floor_of(other, other.now.needed).nodes == 1


def test_a_floor_that_holds_the_count_up_is_told() -> None:
    """40 cores: 5.0 nodes, 6 with the margin; production needs 6 to be left with five when one is lost."""
    found = steady(pods=20, nodes=20)

    lines = only(ask(replace(found, zones=THREE), replace(POOL, count=20), is_nonproduction=False)).evidence.lines

    assert "The evidence asks for 6; one step goes to 15, at most a quarter less." in lines


def test_one_node_stays_in_each_zone() -> None:
    """Two nodes would carry it; a zone without a node is a zone whose volumes nobody can reach."""
    found = replace(steady(pods=1, nodes=4), zones=THREE)

    finding = count_of(ask(found, replace(POOL, count=4)))

    assert finding.nodes_new == 3
    assert "It stops at 3, because one node stays in each of its 3 zones (us-east-1a, us-east-1b, us-east-1c)." in finding.evidence.lines


def test_zones_that_only_palette_knows_count_too() -> None:
    found = steady(pods=1, nodes=4)

    answers = ask(found, replace(POOL, count=3, zones=THREE), billed_nodes=None)

    assert rules(answers) == ["sources-disagree"]
    assert "fits" in rules(ask(steady(pods=1, nodes=3), replace(POOL, count=3, zones=THREE)))


def test_more_zones_than_nodes_ask_for_no_more_nodes_than_there_are() -> None:
    assert "fits" in rules(ask(replace(steady(pods=1, nodes=2), zones=THREE), replace(POOL, count=2)))


@pytest.mark.parametrize(("is_nonproduction", "nodes"), [(True, 4), (False, 5)])
def test_pods_that_may_not_share_a_node_need_one_each(*, is_nonproduction: bool, nodes: int) -> None:
    """Small pods, so the load asks for one node; in production a lost node must leave them a place."""
    found = replace(steady(pods=4, cpu_request=100, cpu_used=100), drains={"shop/web": Drain(has_own_node=True)})

    each = case(found, is_nonproduction=is_nonproduction)
    floor = floor_of(each, each.now.needed)

    assert floor.nodes == nodes
    assert floor.why.startswith("no two of the 4 pods of shop/web may share a node")


def test_the_only_worker_pool_keeps_nodes_that_palettes_agents_fit() -> None:
    alone = case(steady())

    assert "Palette's agents" in too_small_for_palette(alone, kind("m5.large", 2000), 9)
    assert too_small_for_palette(alone, kind("m5.xlarge", 4000), 9) == ""
    assert "2 cores and 4 GiB" in too_small_for_palette(case(steady(), cloud="azure"), kind("Standard_D1", 1000), 1)


def test_an_empty_pool_goes_to_its_floor_and_its_owners_are_asked_whether_it_is_needed() -> None:
    found = demand(*(usage(at, workload="kube-system/agent", kind="DaemonSet", pods=6, cpu_request=100) for at in hours()))

    finding = only(ask(found))

    assert (finding.rule, finding.nodes_new) == ("pool-idle", 5)
    assert "Nothing but DaemonSets ran on it in 45 days; whether it is needed at all is its owners' choice." in finding.evidence.lines


def test_pods_that_may_not_share_a_node_take_their_room_on_each_of_their_nodes() -> None:
    """Five small pods on five nodes leave none of those to a pod of 7.5 cores: four of these need four nodes more."""
    rows = [
        row
        for at in hours()
        for row in (
            usage(at, pods=5, workload="shop/spread", cpu_request=1000, cpu_used=500),
            usage(at, pods=4, workload="shop/big", cpu_request=7500, cpu_used=4000),
        )
    ]
    found = replace(demand(*rows, nodes=9), drains={"shop/spread": Drain(has_own_node=True)})

    answers = ask(found, replace(POOL, count=9))

    assert case(found).now.needed.maximum(case(found).everything) == 9
    assert "node-count-down" not in rules(answers)
    assert "node-count-down" in rules(ask(replace(found, drains={}), replace(POOL, count=9)))


def test_pods_apart_are_counted_where_a_workloads_pods_change_their_size() -> None:
    """The other way to pack, for pods that do not keep their size, holds them apart as well."""
    rows = [
        row
        for index, at in enumerate(hours())
        for row in (
            usage(at, pods=5, workload="shop/spread", cpu_request=1000 + index % 2, cpu_used=500),
            usage(at, pods=4, workload="shop/big", cpu_request=7500, cpu_used=4000),
        )
    ]
    found = replace(demand(*rows, nodes=9), drains={"shop/spread": Drain(has_own_node=True)})

    assert case(found).now.needed.maximum(case(found).everything) == 9


def test_the_only_pool_of_an_aks_cluster_keeps_two_cores_and_four_gib() -> None:
    """Four nodes of one core and 2 GiB go to two and no further, however little runs."""
    small = replace(kind("Standard_B1ms", 1000, memory=2), cloud="azure")
    found = steady(1, nodes=2, cpu_request=100, cpu_used=10, memory_request=GIB // 8)
    pool = replace(POOL, instance_type=small.name, count=2)

    answers = ask(found, pool, replace(CLUSTER, cloud="azure", pools=(pool,)), Shelf((small,)))

    assert findings(answers) == []
    assert "all workers of an AKS cluster together need 2 cores and 4 GiB, which takes 2" in refusal(answers, "fits").reason
    beside = replace(CLUSTER, cloud="azure", pools=(pool, replace(POOL, name="other")))
    assert count_of(ask(found, pool, beside, Shelf((small,)))).nodes_new == 1
