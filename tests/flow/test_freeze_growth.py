"""A spent budget that stops growth, whole: told, a run woken, one quota pull request, approved, merged; never below what is asked for."""

import json
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from tests.flow.budget_world import judge, spend
from tests.flow.flow_world import ONE, REPO, World, make_world
from tests.flow.test_quota_changes import ETL, NAMESPACES, PATH, QUOTA_LAYOUT, measure
from tests.judgement import CONFIG, OWNERS
from tests.unit.test_quotas import demand
from trimtab.adapters.memory import Message
from trimtab.analysis.quota_demand import QuotaDemand
from trimtab.flow.wake import tick_key
from trimtab.lifecycle import State
from trimtab.records import Quota, Tier

BUDGET = b"""\
budgets:
  - {id: etl, namespace: {cluster: dev-east, name: etl}, owner: batch, amount: "500.00", action: freeze-growth}
"""
SCOPE = "namespace dev-east/etl"


@dataclass(frozen=True)
class Asked:
    """What the quota's pods asked for in each hour of five weeks, in cores; nothing else was measured."""

    before: float
    last: float
    last_days: int = 7

    def at(self, _version: int) -> "Asked":
        return self

    def quota_demand(self, quota: Quota, start: datetime, end: datetime) -> QuotaDemand | None:
        del quota, start
        cores = np.full(24 * 35, 1000 * self.before)
        cores[-24 * self.last_days :] = 1000 * self.last
        times = int(end.timestamp()) - 3600 * np.arange(24 * 35, 0, -1, dtype=np.int64)
        return demand(days=35, cpu=cores, memory=float(32 << 30), times=times)

    def demand(self, *_: object) -> None:
        return None

    def workloads(self, *_: object) -> None:
        return None

    def volumes(self, *_: object) -> tuple[()]:
        return ()


FLAT = Asked(before=7.5, last=7.5)


class Written:
    """A lake whose usage was written once: what the run is told of it comes from `Asked`."""

    def version(self, _table: str) -> int:
        return 1


def spent_world(root: Path, asked: Asked = FLAT, *, now: float = 7.5, amount: str = "520.00") -> World:
    """A namespace with a quota of 16 cores and a budget of 500, on which so much was spent."""
    world = make_world(root, ONE, config=CONFIG + QUOTA_LAYOUT, owners=OWNERS + BUDGET)
    before = world.main_file()
    assert before is not None
    world.push_main({PATH: before + NAMESPACES})
    world.palette.limits = (ETL,)
    lake: Any = Written()
    usage: Any = asked
    world.ports = replace(world.ports, usage=usage, lake=lake)
    measure(world, now)
    spend(world, {SCOPE: amount}, budget="etl", scope=SCOPE)
    return world


def judged(world: World, name: str = "p-2026-11.aa") -> None:
    """An attribution was made, and everything that it wakes ran to its end."""
    judge(world, name)
    world.deliver()


def card(world: World) -> Message:
    """The proposal's own, beside the alert."""
    (found,) = [message for message in world.cards() if '"approve"' in json.dumps(message.blocks)]
    return found


def refusals(world: World) -> str:
    return json.dumps([world.ports.documents.find(key) for key in world.ports.documents.keys("runs/") if key.endswith("/refused")])


def test_a_spent_budget_opens_one_quota_pull_request_which_an_approval_merges(tmp_path: Path) -> None:
    world = spent_world(tmp_path)
    judged(world)
    opened = world.life()

    world.click("approve", "U0ML", on=card(world))

    assert (opened.state, opened.planned().finding.rule) == (State.AWAITING, "budget-freeze")
    assert "520.00 USD of 500.00 USD" in "".join(opened.planned().finding.evidence.lines)
    assert (world.life().state, world.merges()) == (State.MERGED, 1)
    assert (world.main_file() or b"").endswith(NAMESPACES.replace(b'"16"', b'"8"'))


def test_however_often_it_is_judged_there_is_one_pull_request(tmp_path: Path) -> None:
    world = spent_world(tmp_path)
    judged(world)
    judged(world, "p-2026-11.bb")
    for _ in range(2):
        world.later(hours=1)
        measure(world, 7.5)
        world.serve(tick_key("propose", world.now), b"{}")
        world.deliver()

    assert (len(world.lives()), len(world.forge.desk(REPO).numbers())) == (1, 1)
    assert len([message for message in world.cards() if "acknowledge" in json.dumps(message.blocks)]) == 1


def test_nothing_is_proposed_below_what_is_asked_for_now(tmp_path: Path) -> None:
    """Held at what the week asked for, what started an hour ago would be turned away."""
    world = spent_world(tmp_path, now=8.5)
    judged(world)

    assert world.forge.desk(REPO).numbers() == []
    assert "demand-fits" in refusals(world)


def test_nothing_merges_below_what_is_asked_for_by_then(tmp_path: Path) -> None:
    world = spent_world(tmp_path)
    judged(world)
    measure(world, 8.5)
    world.click("approve", "U0ML", on=card(world))

    assert world.merges() == 0


def test_what_asked_for_more_a_while_ago_is_held_where_its_gate_opens(tmp_path: Path) -> None:
    """Below what it is judged on, it would be for nobody to approve, and growth would go on."""
    world = spent_world(tmp_path, Asked(before=10.5, last=7.5))
    judged(world)

    assert world.life().state is State.AWAITING
    assert world.life().planned().finding.changes[0].new == "11"


def test_what_asked_for_more_before_that_is_for_two_people(tmp_path: Path) -> None:
    world = spent_world(tmp_path, Asked(before=10.5, last=7.5, last_days=14))
    judged(world)
    world.click("approve", "U0ML", on=card(world))

    verdict = world.life().verdict
    assert verdict is not None
    assert (verdict.tier, world.merges()) == (Tier.TWO, 0)


def test_a_budget_that_is_not_spent_stops_no_growth(tmp_path: Path) -> None:
    world = spent_world(tmp_path, amount="499.99")
    judged(world)

    assert world.forge.desk(REPO).numbers() == []


def test_in_the_next_month_an_open_one_is_taken_back(tmp_path: Path) -> None:
    world = spent_world(tmp_path)
    judged(world)
    world.later(days=13)
    measure(world, 7.5)
    world.serve(tick_key("propose", world.now), b"{}")
    world.deliver()

    assert (world.life().state, world.pull().state) == (State.SUPERSEDED, "closed")


def test_what_stays_spent_stays_open(tmp_path: Path) -> None:
    world = spent_world(tmp_path)
    judged(world)
    world.later(days=2)
    measure(world, 7.5)
    world.serve(tick_key("propose", world.now), b"{}")
    world.deliver()

    assert (world.life().state, world.pull().state) == (State.AWAITING, "open")
