"""Budget notices: the owner is told once per threshold, with that owner's own causes and fixes."""

import hashlib
import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from tests.flow.flow_world import ONE, Died, Fault, Mode, World, faulty, make_world, shrink
from tests.judgement import OWNERS
from trimtab.attribution.summary import Amounts, CostLine, Summary
from trimtab.errors import Upstream
from trimtab.flow.alert import team_of
from trimtab.flow.governance import home_governance
from trimtab.records import BudgetNotice
from trimtab.sources.notices import parse_notice
from trimtab.units import Money


def body(name: str = "batch-monthly", threshold: str = "24.00") -> bytes:
    """An AWS Budgets letter."""
    lines = (
        "AWS Account 123456789012", "", f"Budget Name: {name}", "Budget Type: Cost", "Budgeted Amount: $30.00", "Alert Type: ACTUAL",
        f"Alert Threshold: > ${threshold}", "ACTUAL Amount: $36.69",
    )  # fmt: skip
    return json.dumps({"source": "aws-sns", "subject": "AWS Budgets", "message": "\n".join(lines)}, sort_keys=True).encode()


def deliver(world: World, notice: bytes) -> str:
    return world.serve(f"inbox/notice/{hashlib.sha256(notice).hexdigest()}", notice)


def cost(world: World, scope: str, namespace: str) -> None:
    document = world.ports.documents.find("summaries/all/p-2026-10")
    assert document is not None
    amount = Amounts(billed=Decimal(7), effective=Decimal(7), list=Decimal(7))
    line = CostLine(name=f"dev-east/{namespace}", currency="USD", amounts=amount)
    whole = {**document, "by_namespace": [], "scope": scope}
    summary = Summary.from_json(whole)
    world.ports.documents.publish(f"summaries/{scope}/p-2026-11", {**summary.to_json(), "by_namespace": [_json(line)]})


def _json(line: CostLine) -> dict[str, object]:
    amounts = {"billed": "7", "effective": "7", "list": "7"}
    return {"name": line.name, "currency": line.currency, "amounts": amounts}


def test_a_threshold_is_told_once_however_often_it_is_said(tmp_path: Path) -> None:
    """Google repeats its notice all day; the same threshold of the same month is one alert, whatever the amount is by then."""
    world = make_world(tmp_path, ONE)
    deliver(world, body())
    again = deliver(world, body().replace(b"36.69", b"37.01"))
    other = deliver(world, body(threshold="30.00"))

    assert again == "told before: batch-monthly"
    assert other.startswith("told C0BATCH")
    assert len(world.cards()) == 2


def test_a_heartbeat_tells_nobody(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE)
    message = json.dumps({"budgetDisplayName": "batch", "costAmount": 1.0, "budgetAmount": 100.0, "currencyCode": "USD"})
    notice = json.dumps({"source": "gcp-budget", "attributes": {"budgetId": "b-1"}, "message": message}).encode()

    outcome = deliver(world, notice)

    assert outcome == "a heartbeat: no threshold was crossed"
    assert world.chat.messages == []


def test_a_team_is_told_of_its_own_costs_and_nobody_elses(tmp_path: Path) -> None:
    """Its channel may have guests; another team's costs are not theirs to see."""
    world = make_world(tmp_path, ONE)
    cost(world, "all", "secret-of-ml")
    cost(world, "team-batch", "jobs")

    deliver(world, body("batch-monthly"))
    deliver(world, body("everything"))

    team, default = (json.dumps(card.blocks) for card in world.cards())
    assert "dev-east/jobs" in team
    assert "secret-of-ml" not in team
    assert "secret-of-ml" in default


def test_the_fix_is_an_open_proposal_on_a_pool_that_the_team_has_a_share_of(tmp_path: Path) -> None:
    world = make_world(
        tmp_path, ONE, owners=OWNERS.replace(b"rules:", b"  - {name: shop, cost_center: cc-300, channel: C0SHOP}\nrules:", 1)
    )
    world.propose(shrink())

    deliver(world, body("batch-monthly"))
    deliver(world, body("shop-monthly"))

    batch, shop = (json.dumps(card.blocks) for card in world.cards()[1:])
    assert f"dev-east/batch: {shrink().saving_effective} a month" in batch
    assert "Nothing is proposed right now." in shop


def test_what_only_frees_machines_lowers_no_bill_and_is_no_fix(tmp_path: Path) -> None:
    """A commitment pays for them until it ends: naming its list price under "What would lower it" would be untrue."""
    world = make_world(tmp_path, ONE)
    nothing = Money(Decimal(0), "USD")
    world.propose(shrink(saving_effective=nothing, saving_freed=Money(Decimal("280.32"), "USD")))

    deliver(world, body("batch-monthly"))

    assert "Nothing is proposed right now." in json.dumps(world.cards()[-1].blocks)


def test_what_is_merged_is_no_fix_any_more(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE)
    world.propose(shrink())
    world.click("approve")

    deliver(world, body("batch-monthly"))

    assert "Nothing is proposed right now." in json.dumps(world.cards()[-1].blocks)


@pytest.mark.parametrize(
    ("name", "team"),
    [("batch", "batch"), ("Batch: July", "batch"), ("ml-training", "ml"), ("xmlparser", None), ("mlops", None), ("everything", None)],
)
def test_a_budget_names_a_team_by_a_whole_word(tmp_path: Path, name: str, team: str | None) -> None:
    """A substring would send one team's costs to another."""
    world = make_world(tmp_path, ONE)
    found = team_of(_notice(name), home_governance(world.ports))

    assert (found.name if found else None) == team


def _notice(name: str) -> BudgetNotice:
    return parse_notice(body(name))


def test_a_budget_that_nobody_can_be_told_of_is_said_by_name(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE)
    world.ports = replace(world.ports, settings=world.ports.settings.model_copy(update={"default_channel": ""}))

    outcome = deliver(world, body("everything"))

    assert outcome.startswith("refused: budget 'everything': no team has this name and settings.default_channel is empty")


@pytest.mark.parametrize("mode", ["after", "lost"])
def test_whichever_write_it_dies_at_the_alert_is_told_once(tmp_path: Path, mode: Mode) -> None:
    counted = []
    for k in range(1, 6):
        world = make_world(tmp_path / str(k), ONE)
        healthy, world.ports = world.ports, faulty(world.ports, Fault(k, mode))
        with pytest.raises((Died, Upstream)):
            deliver(world, body())
        world.ports = healthy
        deliver(world, body())
        counted.append((len(world.cards()), world.ports.inbox.pending()))

    assert counted == [(1, [])] * 5
