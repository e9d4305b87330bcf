"""A budget that is judged on nothing says nothing; so it is named before anybody relies on it."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.flow.budget_world import at, judge, make_budget_world, spend, tick
from tests.flow.flow_world import Fault, Mode, World, faulty
from tests.judgement import OWNERS, files
from trimtab.adapters.store.objects import open_objects
from trimtab.adapters.store.state import state_over
from trimtab.attribution.summary import Amounts, CostLine, Summary
from trimtab.cli.main import app
from trimtab.flow.governance import home_governance
from trimtab.flow.unwatched import blind_spots

MISSPELLED = OWNERS + b"budgets: [{id: train, namespace: {cluster: dev-eats, name: train}, amount: 300}]\n"
PROJECT = OWNERS + b"budgets: [{id: research, project: reserch, amount: 300}]\n"
JOBS = "namespace dev-east/jobs"


def blind(world: World) -> tuple[str, ...]:
    return blind_spots(home_governance(world.ports).budgets, world.ports, world.now)


def bill(world: World, *names: str, team: str = "batch", currency: str = "USD") -> None:
    """What the newest attribution gave to these namespaces, and to this team."""
    (key,) = world.ports.documents.keys("summaries/all/")
    whole = Summary.from_json(world.ports.documents.find(key) or {})
    amounts = Amounts(billed=Decimal(7), effective=Decimal(7), list=Decimal(7))
    lines = tuple(CostLine(name=name, currency=currency, amounts=amounts) for name in names)
    by_team = (CostLine(name=team, currency=currency, amounts=amounts),)
    world.ports.documents.publish(key, replace(whole, by_namespace=lines, by_team=by_team).to_json())


def test_a_budget_of_a_namespace_that_no_bill_knows_is_named_by_its_place(tmp_path: Path) -> None:
    world = make_budget_world(tmp_path, MISSPELLED)
    bill(world, "dev-east/train")

    (said,) = blind(world)

    assert said == (
        ".trimtab/owners.yaml: budgets[0] (train): no cost was attributed to namespace dev-eats/train in 2026-10 and 2026-11, "
        "so nobody is ever told of it"
    )


def test_a_budget_of_a_project_without_clusters_is_named_once_it_was_cut(tmp_path: Path) -> None:
    """Before the next attribution nobody can tell whether a project is misspelled."""
    world = make_budget_world(tmp_path, PROJECT)
    before = blind(world)
    spend(world, {}, budget="research", scope="project reserch")
    world.ports.documents.publish("budget-costs/research/p-2026-11", without_days(world, "research"))

    assert before == ()
    assert "no cost was attributed to project reserch" in blind(world)[0]


def without_days(world: World, budget: str) -> dict[str, object]:
    return {**(world.ports.documents.find(f"budget-costs/{budget}/p-2026-11") or {}), "days": {}}


def test_a_budget_in_a_currency_that_nobody_bills_is_named_with_the_one_that_is_billed(tmp_path: Path) -> None:
    world = make_budget_world(tmp_path)
    bill(world, currency="EUR")

    assert "it cost only EUR in 2026-10 and 2026-11, and the budget counts USD" in blind(world)[0]


def test_a_budget_whose_bills_stopped_coming_is_named(tmp_path: Path) -> None:
    world = make_budget_world(tmp_path)
    at(world, datetime(2027, 1, 18, tzinfo=UTC))

    assert "no cost at all was attributed after 2026-10" in blind(world)[0]


def test_a_budget_with_cost_last_month_is_watched_on_the_first_of_the_next(tmp_path: Path) -> None:
    world = make_budget_world(tmp_path)
    at(world, datetime(2026, 12, 1, tzinfo=UTC))
    spend(world, {JOBS: "1.00"}, month="2026-11")

    assert blind(world) == ()


def test_in_a_store_without_any_cost_nothing_is_said(tmp_path: Path) -> None:
    world = make_budget_world(tmp_path)
    empty = open_objects("memory://")
    rules = home_governance(world.ports)
    world.ports = replace(world.ports, documents=state_over(empty, empty, nonce=lambda: "0").documents)

    assert blind_spots(rules.budgets, world.ports, world.now) == ()


def test_the_default_channel_hears_of_it_once_a_month(tmp_path: Path) -> None:
    world = make_budget_world(tmp_path, MISSPELLED)
    bill(world, "dev-east/train")
    for _ in range(3):
        tick(world)
        world.later(hours=1)
    first = len(world.cards())
    at(world, datetime(2026, 12, 18, tzinfo=UTC))
    tick(world)

    text = json.dumps(world.cards()[0].blocks)
    assert (first, len(world.cards())) == (1, 2)
    assert world.cards()[0].ref.channel == world.ports.settings.default_channel
    assert "train: no cost was attributed to namespace dev-eats/train" in text
    assert "What would lower it" not in text


def test_one_more_that_watches_nothing_is_named_alone(tmp_path: Path) -> None:
    world = make_budget_world(tmp_path, MISSPELLED)
    bill(world, "dev-east/train")
    tick(world)
    world.push_main({".trimtab/owners.yaml": MISSPELLED.replace(b"amount: 300}]", b"amount: 300}, {id: ml, team: ml, amount: 5}]")})
    world.later(hours=1)
    tick(world)

    assert len(world.cards()) == 2
    assert "ml: no cost" in json.dumps(world.cards()[1].blocks)
    assert "dev-eats" not in json.dumps(world.cards()[1].blocks)


def test_a_budget_that_is_watched_is_not_mentioned(tmp_path: Path) -> None:
    world = make_budget_world(tmp_path)
    bill(world, "dev-east/jobs")
    spend(world, {JOBS: "1.00"})
    judge(world)
    tick(world)

    assert world.cards() == []


@pytest.mark.parametrize("mode", ["before", "after", "lost"])
def test_whichever_write_it_dies_at_a_blind_budget_is_named_once(tmp_path: Path, mode: Mode) -> None:
    counted = []
    for k in range(1, 5):
        world = make_budget_world(tmp_path / str(k), MISSPELLED)
        bill(world, "dev-east/train")
        world.survive(faulty(world.ports, Fault(k, mode)), tick)
        counted.append(len(world.cards()))

    assert counted == [1] * 4


def test_policy_check_names_it_with_the_store_at_hand(tmp_path: Path) -> None:
    """Whoever writes a budget hears it before anybody relies on it."""
    for path, content in files(owners=MISSPELLED).items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(content)
    (tmp_path / "store").mkdir()
    world = make_budget_world(tmp_path / "world")
    (key,) = world.ports.documents.keys("summaries/all/")
    objects = open_objects(f"file://{tmp_path}/store").within("default")
    state_over(objects, objects, nonce=lambda: "0").documents.publish(key, dict(world.ports.documents.find(key) or {}))

    told = CliRunner().invoke(app, ["policy", "check", str(tmp_path / ".trimtab"), "--store", f"file://{tmp_path}/store"])

    assert told.exit_code == 0
    assert "owners.yaml: budgets[0] (train): no cost" in told.stdout + told.stderr
