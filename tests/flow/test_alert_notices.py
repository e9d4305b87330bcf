"""Budget notices: the owner is told once per threshold, with that owner's own causes and fixes."""

import hashlib
import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import pytest
from cloudevents.http import from_dict

from functions import aws_events, gcp_events
from tests.flow.flow_world import ONE, Died, Fault, Mode, World, faulty, make_world, shrink
from tests.judgement import CONFIG, OWNERS
from trimtab.attribution.summary import Amounts, CostLine, Summary
from trimtab.errors import Upstream
from trimtab.flow.alert import about_of, alert, team_of
from trimtab.flow.governance import home_governance
from trimtab.flow.telling import tell
from trimtab.flow.wakeups import MOST_RUNS_A_DAY, wake_propose
from trimtab.lifecycle import State
from trimtab.records import AccessRules, BudgetNotice, ClusterUid
from trimtab.sources.notices import parse_azure, parse_notice
from trimtab.sources.senders import Request, inbox_key, wrap
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
    for k in range(1, 7):
        world = make_world(tmp_path / str(k), ONE)
        healthy, world.ports = world.ports, faulty(world.ports, Fault(k, mode))
        with pytest.raises((Died, Upstream)):
            deliver(world, body())
        world.ports = healthy
        deliver(world, body())
        counted.append((len(world.cards()), [key.split(".")[0] for key in world.ports.inbox.pending()]))

    assert counted == [(1, ["inbox/propose/wake"])] * 6


# ── every sender's events, through both clouds' entry points ─────────────────────────────────────────────────────────
EVENTS = Path(__file__).parents[2] / "events" / "alert"
OWNED = (
    "aws_budget_sns_actual_daily", "aws_budget_sns_actual_monthly", "aws_budget_sns_forecasted_monthly_2026",
    "aws_cost_anomaly_eventbridge", "aws_cost_anomaly_sns", "gcp_budget_cloudevent_actual", "gcp_budget_cloudevent_forecast",
)  # fmt: skip


def event_of(name: str) -> Any:
    return json.loads((EVENTS / f"{name}.json").read_text())


def sent(world: World, name: str) -> None:
    """The event, as its cloud hands it to the function."""
    event = event_of(name)
    if name.startswith("aws"):
        aws_events.serve_event(alert, "alert", event, world.ports, world.now)
    else:
        gcp_events.serve_event(alert, "alert", from_dict(event), world.ports, world.now)


def id_of(name: str) -> str:
    """The id that config.yaml names, as the notice carries it."""
    event = event_of(name)
    wake = (
        next(aws_events.wakes(event, "alert", "default")) if name.startswith("aws") else gcp_events.wake_of(from_dict(event), "alert", "")
    )
    assert wake is not None
    return parse_notice(wake.body).budget


@pytest.mark.parametrize("name", OWNED)
def test_every_senders_notice_reaches_the_team_that_the_config_names_and_once(tmp_path: Path, name: str) -> None:
    config = CONFIG + json.dumps({"cloud_budgets": [{"id": id_of(name), "team": "ml"}]})[1:-1].encode()
    world = make_world(tmp_path, ONE, config=config)
    sent(world, name)
    sent(world, name)

    assert [card.ref.channel for card in world.cards()] == ["C0ML"]


@pytest.mark.parametrize("name", OWNED)
def test_a_notice_whose_owner_nobody_named_reaches_the_default_channel(tmp_path: Path, name: str) -> None:
    world = make_world(tmp_path, ONE)
    sent(world, name)

    assert [card.ref.channel for card in world.cards()] == [world.ports.settings.default_channel]


def test_a_heartbeat_of_google_tells_nobody(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE)
    sent(world, "gcp_budget_cloudevent_heartbeat_no_threshold")

    assert world.cards() == []


@pytest.mark.parametrize("name", ["azure_budget_legacy_AIP", "azure_budget_common_schema_actual", "azure_budget_common_schema_forecast"])
def test_azures_notices_reach_the_team_that_the_config_names_and_once(tmp_path: Path, name: str) -> None:
    body = (EVENTS / f"{name}.json").read_bytes()
    config = CONFIG + json.dumps({"cloud_budgets": [{"id": parse_azure(body).budget, "team": "ml"}]})[1:-1].encode()
    world = make_world(tmp_path, ONE, config=config)
    key = azure(world, body)
    world.serve(key)
    world.forget(key)
    world.serve(key)

    assert [card.ref.channel for card in world.cards()] == ["C0ML"]


def azure(world: World, body: bytes) -> str:
    """A verified request, as `receive` keeps it."""
    request = Request("/azure", {"content-type": "application/json"}, body)
    world.ports.inbox.put(inbox_key(request), wrap(request, world.now))
    return inbox_key(request)


def test_azures_notice_that_waited_over_a_months_end_is_about_the_month_in_which_it_came(tmp_path: Path) -> None:
    """Kept as the new month's, it would keep that month's own threshold from being told."""
    world = make_world(tmp_path, ONE)
    body = (EVENTS / "azure_budget_legacy_AIP.json").read_bytes()
    waits = azure(world, body)
    world.later(days=20)
    world.serve(waits)
    world.serve(azure(world, body + b" "))

    assert len(world.cards()) == 2


def test_a_lower_threshold_that_comes_late_is_spoken_for(tmp_path: Path) -> None:
    """Topics keep no order: 80 % after 100 % is old news."""
    world = make_world(tmp_path, ONE)
    deliver(world, body(threshold="30.00"))
    late = deliver(world, body(threshold="24.00"))

    assert late == "told before: batch-monthly"
    assert len(world.cards()) == 1


@pytest.mark.parametrize("message", ['{"AlarmName": "disk is full"}', '{"anomalyId": ""}'])
def test_what_a_sender_wrote_and_nobody_can_read_is_told_in_its_own_words(tmp_path: Path, message: str) -> None:
    world = make_world(tmp_path, ONE)
    notice = json.dumps({"source": "aws-sns", "subject": "?", "message": message}).encode()
    deliver(world, notice)
    deliver(world, notice)

    (card,) = world.cards()
    assert card.ref.channel == world.ports.settings.default_channel
    assert "In its own words" in json.dumps(card.blocks)


def test_azures_other_alerts_are_told_in_their_own_words(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE)
    world.serve(azure(world, b'{"schemaId": "azureMonitorCommonAlertSchema", "data": {"essentials": {"alertRule": "cpu"}}}'))

    assert "alertRule" in json.dumps(world.cards()[0].blocks)


def test_a_notice_that_comes_while_the_rules_cannot_be_read_is_told_once_they_can(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE)
    world.push_main({".trimtab/owners.yaml": b"version: 1\nteams: nonsense\n"})
    with pytest.raises(Upstream, match="told once the rules can be read"):
        deliver(world, body())
    world.push_main({".trimtab/owners.yaml": OWNERS})
    deliver(world, body())

    assert [card.ref.channel for card in world.cards()] == ["C0BATCH"]


def test_an_alert_that_nobody_takes_asks_for_no_run_every_hour(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE)
    world.chat.closed = frozenset({"C0BATCH", world.ports.settings.default_channel})
    for hour in range(3):
        with pytest.raises(Upstream, match="nobody could be told"):
            deliver(world, body().replace(b"36.69", f"{36 + hour}.00".encode()))
        world.later(hours=1)

    assert len([key for key in world.ports.inbox.pending() if "wake." in key]) == 1


def test_a_notice_that_reached_nobody_waits_until_a_channel_is_open_again(tmp_path: Path) -> None:
    """A cloud sends it once: finished unsaid, it would be lost."""
    world = make_world(tmp_path, ONE)
    world.chat.closed = frozenset({"C0BATCH", world.ports.settings.default_channel})
    with pytest.raises(Upstream):
        deliver(world, body())
    waiting = [key for key in world.ports.inbox.pending() if key.startswith("inbox/notice/")]
    world.chat.closed = frozenset()
    world.later(hours=21)
    for key in waiting * 2:
        world.serve(key)

    assert [card.ref.channel for card in world.cards()] == ["C0BATCH"]


def test_a_flood_of_what_nobody_can_read_ends_in_the_log(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE)
    outcomes = [deliver(world, json.dumps({"source": "gcp-budget", "message": f"nonsense {n}"}).encode()) for n in range(12)]

    assert len(world.cards()) == 10
    assert outcomes[-1].startswith("refused: 10 notices that nobody can read were told on this day already")


@pytest.mark.security(36)
@pytest.mark.parametrize("mask", ["rounded", "shares"])
def test_a_masked_alert_shows_no_amount(tmp_path: Path, mask: Literal["rounded", "shares"]) -> None:
    """Not even one without a currency, as AWS sends it."""
    world = make_world(tmp_path, ONE)
    cost(world, "team-batch", "jobs")
    governance = replace(home_governance(world.ports), access=AccessRules(mask=mask))
    notice = _notice("batch")
    about = replace(about_of(notice, governance, world.ports), parts={"namespace dev-east/jobs": Decimal("7.77")})
    tell(notice, about, governance, "inbox/notice/x", world.ports, world.now)

    said = json.dumps(world.cards()[0].blocks) + world.cards()[0].text
    assert not any(amount in said for amount in ("36.69", "30.00", "7.77"))
    assert "namespace dev-east/jobs" in said


# ── the run that it wakes ────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.security(33)
def test_ten_thousand_wakes_of_a_quarter_of_an_hour_are_one_run(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE)
    put = sum(wake_propose("team batch", ("dev-east",), world.ports, world.now + timedelta(milliseconds=5 * n)) for n in range(10_000))
    world.deliver()

    assert put == 1
    assert len(runs(world)) == 1


@pytest.mark.security(33)
def test_a_day_has_so_many_woken_runs(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE)
    for scope in range(MOST_RUNS_A_DAY + 3):
        wake_propose(f"team {scope}", ("dev-east",), world.ports, world.now)
    world.deliver()

    assert len(runs(world)) == MOST_RUNS_A_DAY
    assert len([said for said in world.outcomes.values() if said.startswith("no run:")]) == 3


def test_a_wake_that_comes_again_takes_no_second_slot_and_begins_no_second_run(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE)
    for _ in range(MOST_RUNS_A_DAY + 3):
        wake_propose("team batch", (), world.ports, world.now)
        world.deliver()
        world.forget(next(key for key in world.outcomes if "wake." in key))

    assert len(runs(world)) == 1


def test_a_woken_run_looks_at_its_clusters_only_and_says_nothing_of_the_rest(tmp_path: Path) -> None:
    """What it did not look at is neither gone nor the newest word on everything."""
    world = make_world(tmp_path, ONE)
    other = replace(world.palette.known[0], uid=ClusterUid("64b0c0ffee64b0c0ffee0009"), name="elsewhere")
    world.palette.known = (*world.palette.known, other)
    world.propose(shrink())
    whole = world.ports.documents.find("runs/latest")
    world.later(hours=1)
    wake_propose("somebody", ("elsewhere",), world.ports, world.now)
    world.deliver()

    assert world.ports.documents.find("runs/latest") == whole
    assert world.life().state is State.AWAITING
    (woken,) = [run for run in runs(world) if run != str((whole or {}).get("run"))]
    assert [key.rsplit("/", 1)[1] for key in world.ports.documents.keys(f"runs/{woken}/") if "64b0" in key] == [other.uid]


def runs(world: World) -> list[str]:
    return [key.split("/")[1] for key in world.ports.documents.keys("runs/") if key.endswith("/plan")]


@pytest.mark.parametrize("stored", [b"", b"{}", b"not JSON", b'{"clusters": "all"}', b'{"clusters": ["unknown"]}'])
def test_a_wake_of_nonsense_begins_no_run(tmp_path: Path, stored: bytes) -> None:
    """Read as "all", it would be the most expensive run there is."""
    world = make_world(tmp_path, ONE)
    world.ports.inbox.put("inbox/propose/wake.aaaaaaaaaaaa.20261118t1000z", stored)
    world.deliver()

    assert runs(world) == []
