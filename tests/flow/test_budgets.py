"""Our own budgets: told once for each threshold, from what was attributed and what is forecast, to whom they belong."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from tests.flow.budget_world import BUDGETED, at, foresee, judge, mail_of, make_budget_world, spend, teams_of, tick
from tests.flow.flow_world import CHANNEL, Died, Fault, Mode, World, faulty
from tests.judgement import OWNERS
from trimtab.attribution.budget_cost import document_key
from trimtab.errors import Overloaded, Upstream
from trimtab.flow.alarms import STREAMS
from trimtab.flow.runs import Plan, plan_of
from trimtab.flow.wake import tick_key
from trimtab.policy.masking import Mask, masked
from trimtab.records import Json

JOBS, TRAIN = "namespace dev-east/jobs", "namespace dev-east/train"


def said(world: World, place: int = -1) -> str:
    return json.dumps(world.cards()[place].blocks)


def test_a_budget_below_its_thresholds_tells_nobody(tmp_path: Path) -> None:
    world = make_budget_world(tmp_path)
    spend(world, {JOBS: "249.99"})

    assert judge(world) == "1 budgets judged, 0 told"
    assert world.cards() == []


def test_the_highest_threshold_that_is_reached_speaks_for_the_lower_ones(tmp_path: Path) -> None:
    """A month that is ingested late has passed three thresholds at once: one alert, and no lower one afterwards."""
    world = make_budget_world(tmp_path)
    spend(world, {JOBS: "500.00"})
    judge(world)
    spend(world, {JOBS: "410.00"})
    judge(world, "p-2026-11.bb")

    assert [card.text for card in world.cards()] == [
        "Budget batch-monthly (team batch) has passed 100% of its amount. Spent: 500.00 USD of 500.00 USD."
    ]


def test_a_threshold_is_compared_to_the_last_digit(tmp_path: Path) -> None:
    world = make_budget_world(tmp_path, OWNERS + b'budgets: [{id: batch-monthly, team: batch, amount: "0.03", thresholds: [100]}]\n')
    spend(world, {JOBS: "0.029999999999"})
    judge(world)
    before = len(world.cards())
    spend(world, {JOBS: "0.029999999999", TRAIN: "0.000000000001"})
    judge(world, "p-2026-11.bb")

    assert (before, len(world.cards())) == (0, 1)


def test_each_higher_threshold_is_told_once_with_what_grew_since_the_last(tmp_path: Path) -> None:
    world = make_budget_world(tmp_path)
    spend(world, {JOBS: "200.00", TRAIN: "60.00"})
    judge(world)
    spend(world, {JOBS: "210.00", TRAIN: "190.10"})
    judge(world, "p-2026-11.bb")
    judge(world, "p-2026-11.cc")

    first, second = said(world, 0), said(world, 1)
    assert len(world.cards()) == 2
    assert "What costs most" in first
    assert f"{JOBS}: 200.00 USD" in first
    assert "What grew since the alert of 2026-11-18" in second
    assert second.index(f"{TRAIN}: 130.10 USD more") < second.index(f"{JOBS}: 10.00 USD more")


def test_a_forecast_is_told_where_it_says_more_than_what_is_spent(tmp_path: Path) -> None:
    world = make_budget_world(tmp_path)
    spend(world, {JOBS: "260.00"})
    foresee(world, "640.00")
    judge(world)

    assert [card.text for card in world.cards()] == [
        "Budget batch-monthly (team batch) has passed 50% of its amount. Spent: 260.00 USD of 500.00 USD.",
        "Budget batch-monthly (team batch) is forecast to pass 125% of its amount. Forecast: 640.00 USD of 500.00 USD.",
    ]


def test_a_forecast_below_what_is_spent_says_nothing(tmp_path: Path) -> None:
    world = make_budget_world(tmp_path)
    spend(world, {JOBS: "410.00"})
    foresee(world, "440.00")
    judge(world)

    assert len(world.cards()) == 1


@pytest.mark.parametrize(("as_of", "month"), [(date(2026, 11, 10), "2026-11"), (date(2026, 11, 17), "2026-10")])
def test_an_old_forecast_or_one_of_another_month_is_not_known(tmp_path: Path, as_of: date, month: str) -> None:
    world = make_budget_world(tmp_path)
    spend(world, {JOBS: "10.00"})
    foresee(world, "5000.00", as_of=as_of, month=month)
    judge(world)

    assert world.cards() == []


def test_a_budget_whose_scope_changed_waits_for_the_next_attribution(tmp_path: Path) -> None:
    """Its id stayed, its meaning did not: another team's cost would be told as this one's."""
    world = make_budget_world(tmp_path)
    spend(world, {JOBS: "5000.00"}, scope="team ml")
    judge(world)

    assert world.cards() == []


@pytest.mark.parametrize(
    ("now_is", "scope", "spent"),
    [
        (BUDGETED.replace(b"team: batch, amount", b"team: ml, amount"), "team ml", "700.00"),
        (BUDGETED.replace(b"500.00", b"1000.00"), "team batch", "1010.00"),
    ],
)
def test_an_id_that_was_given_another_scope_or_amount_is_told_anew(tmp_path: Path, now_is: bytes, scope: str, spent: str) -> None:
    """What was told of the old budget would keep the new one silent for the rest of the month."""
    world = make_budget_world(tmp_path)
    spend(world, {JOBS: "700.00"})
    judge(world)
    world.push_main({".trimtab/owners.yaml": now_is})
    spend(world, {JOBS: spent}, scope=scope)
    judge(world, "p-2026-11.bb")
    judge(world, "p-2026-11.cc")

    assert len(world.cards()) == 2


def test_cost_in_another_currency_is_named_and_not_added(tmp_path: Path) -> None:
    world = make_budget_world(tmp_path)
    spend(world, {JOBS: "260.00"}, others={"EUR": "900.00"})
    judge(world)

    assert "It also cost 900.00 EUR, which a budget in USD does not count." in said(world)


def test_last_month_is_judged_while_its_bill_still_grows(tmp_path: Path) -> None:
    world = make_budget_world(tmp_path)
    spend(world, {JOBS: "600.00"}, month="2026-10")
    judge(world)
    later = len(world.cards())
    at(world, datetime(2026, 11, 3, 10, tzinfo=UTC))
    judge(world, "p-2026-10.bb")

    assert (later, len(world.cards())) == (0, 1)


def test_a_new_month_is_told_anew(tmp_path: Path) -> None:
    world = make_budget_world(tmp_path)
    spend(world, {JOBS: "600.00"})
    judge(world)
    at(world, datetime(2026, 12, 20, 10, tzinfo=UTC))
    spend(world, {JOBS: "600.00"}, month="2026-12")
    judge(world, "p-2026-12.aa")

    assert len(world.cards()) == 2


def test_one_budget_that_cannot_be_read_keeps_no_other_from_being_judged(tmp_path: Path) -> None:
    world = make_budget_world(tmp_path, BUDGETED.replace(b"budgets:\n", b"budgets:\n  - {id: broken, team: ml, amount: 5}\n"))
    world.ports.documents.publish(document_key("broken", "p-2026-11"), {"nonsense": True})
    spend(world, {JOBS: "260.00"})
    judge(world)

    assert len(world.cards()) == 1
    assert any(event == "budget.refused" and values["budget"] == "broken" for event, values in world.log.said)


# ── whom ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
PROJECT = OWNERS + b"budgets: [{id: research, project: research, owner: batch, amount: 100}]\n"


@pytest.mark.security(36)
def test_a_projects_owner_sees_own_parts_by_name_and_others_only_together(tmp_path: Path) -> None:
    """Of four teams the other three are one sum; of two, what is left after one's own is the other's."""
    world = make_budget_world(tmp_path, PROJECT)
    teams = {"namespace x/a": "batch", "namespace x/canary-ml": "ml", "namespace x/canary-web": "web"}
    spend(world, {"namespace x/a": "60", "namespace x/canary-ml": "20", "namespace x/canary-web": "30"},
          budget="research", scope="project research", teams=teams)  # fmt: skip
    judge(world)

    assert "canary" not in said(world)
    assert "namespace x/a: 60.00 USD" in said(world)
    assert "other teams and what is nobody's: 50.00 USD" in said(world)


@pytest.mark.security(36)
def test_of_two_teams_neither_is_shown_what_the_other_costs(tmp_path: Path) -> None:
    world = make_budget_world(tmp_path, PROJECT)
    spend(world, {"namespace x/a": "60", "namespace x/canary-ml": "50"}, budget="research", scope="project research",
          teams={"namespace x/a": "batch", "namespace x/canary-ml": "ml"})  # fmt: skip
    judge(world)

    assert "canary" not in said(world)
    assert "50.00" not in said(world)


def test_a_namespace_without_an_owner_in_the_budget_is_its_teams(tmp_path: Path) -> None:
    owners = OWNERS + b"budgets: [{id: jobs, namespace: {cluster: dev-east, name: jobs}, amount: 100}]\n"
    world = make_budget_world(tmp_path, owners)
    spend(world, {JOBS: "100"}, budget="jobs", scope="namespace dev-east/jobs", teams={JOBS: "ml"})
    judge(world)

    assert [card.ref.channel for card in world.cards()] == ["C0ML"]


def test_a_budget_of_nobody_goes_to_the_default_channel(tmp_path: Path) -> None:
    world = make_budget_world(tmp_path, PROJECT.replace(b" owner: batch,", b""))
    spend(world, {JOBS: "100"}, budget="research", scope="project research")
    judge(world)

    assert [card.ref.channel for card in world.cards()] == [world.ports.settings.default_channel]


# ── once ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("mode", ["before", "after", "lost"])
def test_whichever_write_it_dies_at_a_threshold_is_told_once(tmp_path: Path, mode: Mode) -> None:
    told = []
    for k in range(1, 8):
        world = make_budget_world(tmp_path / str(k))
        spend(world, {JOBS: "410.00"})
        world.survive(faulty(world.ports, Fault(k, mode)), judge)
        told.append(len(world.cards()))

    assert told == [1] * 7


def test_the_clock_and_an_attribution_at_once_tell_once(tmp_path: Path) -> None:
    """The other wake is posting right now: whoever comes second waits, and then finds it told."""
    world = make_budget_world(tmp_path)
    spend(world, {JOBS: "410.00"})
    world.dying("chat.post", lambda: judge(world))
    with pytest.raises(Upstream, match="another wake announced"):
        tick(world)
    judge(world)
    world.later(minutes=1)
    tick(world)

    assert len(world.cards()) == 1


def test_what_is_told_is_in_the_record_and_the_record_holds(tmp_path: Path) -> None:
    world = make_budget_world(tmp_path)
    spend(world, {JOBS: "410.00"})
    judge(world)

    (stream,) = world.ports.ledger.heads(STREAMS)
    assert [entry.kind for entry in world.ports.ledger.entries(stream)] == ["intent:alert", "told"]
    assert world.ports.ledger.verify() == []


# ── other ways than Slack ────────────────────────────────────────────────────────────────────────────────────────────
def without_slack(extra: bytes) -> bytes:
    return BUDGETED.replace(b"channel: C0BATCH", extra)


def test_a_team_with_an_address_is_told_by_mail(tmp_path: Path) -> None:
    world = make_budget_world(tmp_path, without_slack(b"email: batch@example.com"))
    spend(world, {JOBS: "410.00"})
    judge(world)
    judge(world, "p-2026-11.bb")

    (letter,) = mail_of(world).letters
    assert letter.to == "batch@example.com"
    assert f"What costs most:\n- {JOBS}: 410.00 USD" in letter.text
    assert world.cards() == []


def test_no_address_stands_in_the_record(tmp_path: Path) -> None:
    """It may be a person's, and the record cannot forget."""
    world = make_budget_world(tmp_path, without_slack(b"email: somebody@example.com"))
    spend(world, {JOBS: "410.00"})
    judge(world)

    (stream,) = world.ports.ledger.heads(STREAMS)
    assert "example.com" not in "".join(f"{entry.reason}{entry.state}" for entry in world.ports.ledger.entries(stream))


def test_a_mail_whose_answer_was_lost_is_sent_again_as_the_same_mail(tmp_path: Path) -> None:
    """A mailbox shows a message of one id once; not sending it again could lose it."""
    world = make_budget_world(tmp_path, without_slack(b"email: batch@example.com"))
    spend(world, {JOBS: "410.00"})
    mail = mail_of(world)
    healthy, world.ports = world.ports, faulty(world.ports, Fault(4, "before"))
    with pytest.raises(Died):
        judge(world)
    world.ports = healthy
    judge(world)

    assert len({letter.nonce for letter in mail.letters}) == 1


def test_a_team_in_microsoft_teams_is_told_there(tmp_path: Path) -> None:
    world = make_budget_world(tmp_path, without_slack(b"teams_webhook: batch-channel"))
    spend(world, {JOBS: "410.00"})
    judge(world)

    ((name, card),) = teams_of(world).cards
    assert (name, card["type"]) == ("batch-channel", "AdaptiveCard")
    assert "410.00 USD of 500.00 USD" in json.dumps(card)


def test_a_card_that_may_have_arrived_in_teams_is_not_sent_there_again(tmp_path: Path) -> None:
    """Nobody can look into Teams; the alert goes another way, and says that there may be two."""
    world = make_budget_world(tmp_path, without_slack(b"teams_webhook: batch-channel"))
    spend(world, {JOBS: "410.00"})
    hook = teams_of(world)
    world.ports = replace(world.ports, webhooks=Hook(_lost(hook.post)))
    with pytest.raises(Upstream):
        judge(world)
    world.ports = replace(world.ports, webhooks=hook)
    judge(world)

    assert len(hook.cards) == 1
    assert "It may also have arrived by teams batch-channel." in said(world)


def test_a_busy_webhook_is_asked_again(tmp_path: Path) -> None:
    """Too many calls: it was certainly not taken, so nothing speaks against sending it again."""
    world = make_budget_world(tmp_path, without_slack(b"teams_webhook: batch-channel"))
    spend(world, {JOBS: "410.00"})
    hook = teams_of(world)
    world.ports = replace(world.ports, webhooks=Hook(_busy))
    with pytest.raises(Upstream):
        judge(world)
    world.ports = replace(world.ports, webhooks=hook)
    judge(world)

    assert (len(hook.cards), len(world.cards())) == (1, 0)


def _busy(_name: str, _card: Json) -> None:
    raise Overloaded("again later")


def _lost(post: Callable[[str, Json], None]) -> Callable[[str, Json], None]:
    def posted(name: str, card: Json) -> None:
        post(name, card)
        raise Upstream("the answer was lost")

    return posted


@dataclass(frozen=True)
class Hook:
    """A webhook that does what the test says."""

    post: Callable[[str, Json], None]

    def names(self) -> tuple[str, ...]:
        return ("batch-channel",)


def test_a_channel_that_is_closed_is_told_another_way(tmp_path: Path) -> None:
    world = make_budget_world(tmp_path, BUDGETED.replace(b"channel: C0BATCH", b"channel: C0BATCH, email: batch@example.com"))
    world.chat.closed = frozenset({"C0BATCH"})
    spend(world, {JOBS: "410.00"})
    judge(world)

    assert [letter.to for letter in mail_of(world).letters] == ["batch@example.com"]


def test_where_nobody_can_be_told_it_is_tried_again_on_another_day(tmp_path: Path) -> None:
    world = make_budget_world(tmp_path)
    world.chat.closed = frozenset({"C0BATCH", world.ports.settings.default_channel})
    spend(world, {JOBS: "410.00"})
    judge(world)
    world.chat.closed = frozenset()
    world.later(hours=1)
    tick(world)
    soon = len(world.cards())
    world.later(hours=20)
    tick(world)

    assert (soon, len(world.cards())) == (0, 1)


def test_a_mailbox_that_refuses_is_told_another_way_which_says_so_and_once(tmp_path: Path) -> None:
    world = make_budget_world(tmp_path, without_slack(b"email: batch@example.com"))
    mail_of(world).refused = frozenset({"batch@example.com"})
    spend(world, {JOBS: "410.00"})
    judge(world)
    judge(world, "p-2026-11.bb")

    assert [card.ref.channel for card in world.cards()] == [world.ports.settings.default_channel]
    assert "It could not be told by mail batch: that way needs mending." in said(world)
    assert "example.com" not in said(world)


@pytest.mark.parametrize("mode", ["before", "after", "lost"])
def test_whichever_write_it_dies_at_an_alert_that_goes_another_way_is_told_once(tmp_path: Path, mode: Mode) -> None:
    counted = []
    for k in range(1, 7):
        world = make_budget_world(tmp_path / str(k), without_slack(b"email: batch@example.com"))
        mail_of(world).refused = frozenset({"batch@example.com"})
        spend(world, {JOBS: "410.00"})
        world.survive(faulty(world.ports, Fault(k, mode)), judge)
        counted.append(len(world.cards()))

    assert counted == [1] * 6


def test_a_webhook_that_is_gone_is_told_another_way_which_says_so(tmp_path: Path) -> None:
    world = make_budget_world(tmp_path, without_slack(b"teams_webhook: gone-channel, email: batch@example.com"))
    spend(world, {JOBS: "410.00"})
    judge(world)

    (letter,) = mail_of(world).letters
    assert "It could not be told by teams gone-channel: that way needs mending." in letter.text
    assert world.cards() == []


def test_a_mail_server_that_only_fails_is_given_up_after_hours(tmp_path: Path) -> None:
    """An alert that waits for a server for good would be lost; it says that it may be in the mailbox too."""
    world = make_budget_world(tmp_path, without_slack(b"email: batch@example.com"))
    healthy = world.ports
    world.ports = replace(world.ports, mail=Server(_down))
    spend(world, {JOBS: "410.00"})
    for _ in range(4):
        with pytest.raises(Upstream):
            tick(world)
        world.later(hours=1)
    before = len(world.cards())
    tick(world)
    world.ports = healthy
    world.later(hours=21)
    tick(world)

    assert (before, [card.ref.channel for card in world.cards()], mail_of(world).letters) == (0, [CHANNEL, "C0LEADS"], [])
    assert "It may also have arrived by mail batch." in said(world, 0)


def test_a_webhook_that_is_always_busy_is_given_up_after_hours(tmp_path: Path) -> None:
    world = make_budget_world(tmp_path, without_slack(b"teams_webhook: batch-channel"))
    world.ports = replace(world.ports, webhooks=Hook(_busy))
    spend(world, {JOBS: "410.00"})
    for _ in range(4):
        with pytest.raises(Upstream):
            tick(world)
        world.later(hours=1)
    tick(world)

    assert "It could not be told by teams batch-channel" in said(world)


def test_the_last_way_is_never_given_up(tmp_path: Path) -> None:
    world = make_budget_world(tmp_path, without_slack(b"email: batch@example.com"))
    world.ports = replace(world.ports, settings=world.ports.settings.model_copy(update={"default_channel": ""}))
    healthy, world.ports = world.ports, replace(world.ports, mail=Server(_down))
    spend(world, {JOBS: "410.00"})
    for _ in range(6):
        with pytest.raises(Upstream):
            tick(world)
        world.later(hours=1)
    world.ports = healthy
    tick(world)

    assert len(mail_of(world).letters) == 1


@dataclass(frozen=True)
class Server:
    """A mail server that does what the test says."""

    send: Callable[[str, str, str, str], None]
    is_configured: bool = True


def _down(_to: str, _subject: str, _text: str, _nonce: str) -> None:
    raise Upstream("the mail server is down")


@pytest.mark.security(36)
def test_an_alert_that_reached_nobody_is_said_anew_to_a_new_owner(tmp_path: Path) -> None:
    """What the old one may see by name, the new one may not; and the amount has moved on."""
    world = make_budget_world(tmp_path, PROJECT)
    world.chat.closed = frozenset({"C0BATCH", world.ports.settings.default_channel})
    teams = {"namespace x/canary-batch": "batch", "namespace x/b": "ml"}
    spend(world, {"namespace x/canary-batch": "60", "namespace x/b": "50"}, budget="research", scope="project research", teams=teams)
    judge(world)
    world.push_main({".trimtab/owners.yaml": PROJECT.replace(b"owner: batch", b"owner: ml")})
    spend(world, {"namespace x/canary-batch": "60", "namespace x/b": "52"}, budget="research", scope="project research", teams=teams)
    judge(world, "p-2026-11.bb")

    assert [card.ref.channel for card in world.cards()] == ["C0ML"]
    assert "canary" not in said(world)
    assert "Spent: 112.00 USD" in said(world)


# ── growth that stops ────────────────────────────────────────────────────────────────────────────────────────────────
FREEZES = OWNERS + b'budgets: [{id: batch-monthly, team: batch, amount: "500.00", action: freeze-growth}]\n'


def planned(world: World) -> Plan:
    world.serve(tick_key("propose", world.now), b"{}")
    return plan_of(f"run-{world.now:%Y%m%dt%H%Mz}", world.ports)


def whole(world: World, amounts: dict[str, str]) -> None:
    """What everybody together cost in these namespaces."""
    document = world.ports.documents.find("summaries/all/p-2026-10") or {}
    lines = [{"name": name, "currency": "USD", "amounts": {"billed": a, "effective": a, "list": a}} for name, a in amounts.items()]
    world.ports.documents.publish("summaries/all/p-2026-11", {**document, "period": "p-2026-11", "by_namespace": lines})


def test_a_spent_budget_that_wants_it_stops_the_growth_of_what_is_all_its_own(tmp_path: Path) -> None:
    """Others have cost in one of its namespaces: a quota there would hold them too."""
    world = make_budget_world(tmp_path, FREEZES)
    spend(world, {JOBS: "400.00", TRAIN: "112.00"})
    whole(world, {"dev-east/jobs": "400", "dev-east/train": "150"})

    (scope,) = planned(world).spent
    assert scope.namespaces == (("dev-east", "jobs"),)
    assert scope.words == "budget batch-monthly (team batch): 512.00 USD of 500.00 USD in 2026-11"


@pytest.mark.security(36)
def test_what_a_spent_budget_says_of_itself_in_a_pull_request_can_be_masked(tmp_path: Path) -> None:
    """A mask finds an amount by the currency beside it."""
    world = make_budget_world(tmp_path, FREEZES)
    spend(world, {JOBS: "512.00"})
    whole(world, {"dev-east/jobs": "512"})

    (scope,) = planned(world).spent
    hidden = masked(scope.words, Mask(mode="hidden"))
    assert hidden == "budget batch-monthly (team batch): (amount hidden) of (amount hidden) in 2026-11"


def test_a_namespace_in_which_somebody_is_billed_in_another_currency_is_not_all_its_own(tmp_path: Path) -> None:
    """Two currencies have no sum: here one would hide that others are in it."""
    world = make_budget_world(tmp_path, FREEZES)
    spend(world, {JOBS: "600.00"})
    whole(world, {"dev-east/jobs": "600"})
    document = world.ports.documents.find("summaries/all/p-2026-11") or {}
    own = document.get("by_namespace")
    lines = [{"name": "dev-east/jobs", "currency": "EUR", "amounts": {"billed": "9", "effective": "0", "list": "9"}}]
    world.ports.documents.publish(
        "summaries/all/p-2026-11", {**document, "by_namespace": [*(own if isinstance(own, list) else []), *lines]}
    )

    (scope,) = planned(world).spent
    assert scope.namespaces == ()


@pytest.mark.parametrize(("amount", "owners"), [("499.99", FREEZES), ("600.00", BUDGETED)])
def test_nothing_is_stopped_before_it_is_spent_or_where_nobody_asked(tmp_path: Path, amount: str, owners: bytes) -> None:
    world = make_budget_world(tmp_path, owners)
    spend(world, {JOBS: amount})
    foresee(world, "900.00")

    assert planned(world).spent == ()


def test_a_new_month_lets_it_grow_again(tmp_path: Path) -> None:
    world = make_budget_world(tmp_path, FREEZES)
    spend(world, {JOBS: "600.00"})
    at(world, datetime(2026, 12, 1, 9, tzinfo=UTC))

    assert planned(world).spent == ()


def test_the_alert_says_what_is_done_about_growth(tmp_path: Path) -> None:
    world = make_budget_world(tmp_path, FREEZES)
    spend(world, {JOBS: "600.00"})
    whole(world, {"dev-east/jobs": "600"})
    judge(world)

    assert "Its quotas are proposed at what is asked for now" in said(world)
    assert any(key.startswith("inbox/propose/wake.") for key in world.ports.inbox.pending())


def test_a_budget_without_a_namespace_of_its_own_says_that_quotas_cannot_stop_it(tmp_path: Path) -> None:
    world = make_budget_world(tmp_path, FREEZES)
    spend(world, {JOBS: "600.00"})
    judge(world)

    assert "Its growth cannot be stopped by quotas" in said(world)
