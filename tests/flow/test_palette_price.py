"""Palette's own estimate stands beside our saving; it is never taken for it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.flow.flow_world import World, make_world, shrink
from tests.judgement import cluster, pool
from trimtab.errors import Upstream
from trimtab.flow.palette_price import sentence, with_palettes_price
from trimtab.records import ClusterUid, Estimate, FieldChange, Pool
from trimtab.units import HOURS_PER_MONTH, Money

CLUSTER = cluster(pool(), pool(name="system", count=3))


def usd(amount: str) -> Money:
    return Money(Decimal(amount), "USD")


def world_of(root: Path, estimates: Callable[[ClusterUid, Sequence[Pool]], Estimate | None]) -> World:
    world = make_world(root)
    world.palette.estimates = estimates
    return world


def at(price: str) -> Callable[[ClusterUid, Sequence[Pool]], Estimate]:
    """Every node costs so much, whatever its type."""
    return lambda _uid, pools: Estimate(compute=usd(price) * sum(each.count for each in pools), storage=usd("0"), pools=())


def said(root: Path, estimates: Callable[[ClusterUid, Sequence[Pool]], Estimate | None], **changes: Any) -> tuple[str, ...]:
    finding = shrink(**changes)
    priced = with_palettes_price(finding, CLUSTER, world_of(root, estimates).ports)
    assert replace(priced, evidence=finding.evidence) == finding
    return priced.evidence.lines[len(finding.evidence.lines) :]


def test_the_estimates_difference_stands_beside_our_saving(tmp_path: Path) -> None:
    ours = shrink().saving_list
    price = ours.amount / HOURS_PER_MONTH

    assert said(tmp_path, at(str(price))) == (f"Palette's own estimate of the saving is {ours} a month, about what we say.",)


def test_an_estimate_that_is_far_off_is_told(tmp_path: Path) -> None:
    (line,) = said(tmp_path, at("100"))

    assert line.startswith("Palette's own estimate of the saving is 73,000.00 USD a month, ours at list price is ")
    assert line.endswith(": find out which price is right.")


def test_the_new_type_is_what_is_asked_for(tmp_path: Path) -> None:
    asked: list[tuple[str, int]] = []

    def estimate(_uid: ClusterUid, pools: Sequence[Pool]) -> Estimate | None:
        asked.extend((each.instance_type, each.count) for each in pools)
        return None

    change = FieldChange(field="instance_type", old="m6i.2xlarge", new="m6i.xlarge")
    assert said(tmp_path, estimate, changes=(change,), nodes_old=6, nodes_new=6) == ()
    assert asked == [("m6i.2xlarge", 6), ("m6i.xlarge", 6)]


def silent(_uid: ClusterUid, _pools: Sequence[Pool]) -> Estimate | None:
    raise Upstream("away")


@pytest.mark.parametrize("estimates", [silent, lambda _uid, _pools: None], ids=["away", "no price"])
def test_without_an_estimate_the_finding_is_as_it_was(
    tmp_path: Path, estimates: Callable[[ClusterUid, Sequence[Pool]], Estimate | None]
) -> None:
    assert said(tmp_path, estimates) == ()


def test_spot_is_not_compared(tmp_path: Path) -> None:
    assert said(tmp_path, at("1"), changes=(FieldChange(field="capacity_type", old="on-demand", new="spot"),)) == ()


def test_two_currencies_are_not_compared() -> None:
    assert sentence(usd("1"), Money(Decimal(1), "EUR")) == "Palette's own estimate is in USD, ours in EUR: they were not compared."


def test_growth_is_an_extra_cost_and_no_negative_saving() -> None:
    assert sentence(usd("-584"), usd("-580")) == "Palette's own estimate of the extra cost is 584.00 USD a month, about what we say."


def test_an_autoscaled_pool_is_not_compared(tmp_path: Path) -> None:
    """Palette prices a size; our saving is what the autoscaler would have run on average."""
    scaled = replace(CLUSTER, pools=tuple(replace(each, minimum=2, maximum=9) for each in CLUSTER.pools))
    finding = shrink()

    assert with_palettes_price(finding, scaled, world_of(tmp_path, at("1")).ports) == finding
