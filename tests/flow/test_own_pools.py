"""Findings are shown as far as one's teams have a share of their pool: no more of what is found, refused or what a pool costs."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from tests.flow.flow_world import World, fits, make_world, shrink
from tests.judgement import UID
from trimtab.flow.access import OPERATOR
from trimtab.flow.own_pools import own_analyses, own_pools
from trimtab.flow.runs import Analysis, PoolCost
from trimtab.policy.access_rules import Audience
from trimtab.records import Subject
from trimtab.units import Money

pytestmark = pytest.mark.security(36)
ML = Audience(actor="ml-owner", teams=("ml",))
NOBODYS = Audience(actor="somebody", teams=("web",))


def found() -> Analysis:
    """Something about two pools, about a namespace of the same name, and about the whole cluster."""
    namespace = Subject(cluster_uid=UID, pool="batch", field="cpu_cores", kind="namespace")
    return Analysis(
        run="run-1",
        cluster_uid=UID,
        findings=(shrink(), shrink(subject=Subject(cluster_uid=UID, pool="spare", field="count")), shrink(subject=namespace)),
        refusals=(fits(), fits(name="spare"), replace(fits(name="*"), rule="metrics-missing")),
        costs=tuple(PoolCost(pool=name, monthly=Money(Decimal(700), "USD")) for name in ("batch", "spare")),
    )


def seen(world: World, asker: Audience) -> Analysis:
    clusters = world.palette.clusters()
    (left,) = own_analyses([found()], asker, own_pools(asker, clusters, world.ports))
    return left


def test_a_team_sees_what_is_on_pools_that_it_has_a_share_of(tmp_path: Path) -> None:
    left = seen(make_world(tmp_path), ML)

    assert [(each.subject.kind, each.subject.pool) for each in left.findings] == [("pool", "batch")]
    assert [each.pool for each in left.refusals] == ["batch"]
    assert [cost.pool for cost in left.costs] == ["batch"]


def test_somebody_without_a_share_sees_nothing_and_not_even_which_pools_there_are(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    left = seen(world, NOBODYS)

    assert (left.findings, left.refusals, left.costs) == ((), (), ())
    assert own_pools(NOBODYS, world.palette.clusters(), world.ports) == set()


def test_whoever_may_see_all_sees_all(tmp_path: Path) -> None:
    world = make_world(tmp_path)

    assert seen(world, OPERATOR) == found()
    assert len(own_pools(OPERATOR, world.palette.clusters(), world.ports)) == 4
