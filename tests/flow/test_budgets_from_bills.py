"""From a bill to an alert: what `ingest` attributes is what a budget is judged on, and what `learn` foresees is told ahead."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from tests.bills import HOUR, PERIOD, bill, estate, governance, node, pod
from tests.flow.test_hand_over import deliver, opened
from tests.outlook import KeptChat, cells, days, store
from trimtab.attribution.budget_cost import BudgetCost, budget_cost, document_key
from trimtab.attribution.summary import Summary
from trimtab.flow.alert import alert
from trimtab.flow.budget_asks import ASK, outlook_key
from trimtab.flow.finish_large import finish_large
from trimtab.flow.landed import bill_landed, land
from trimtab.flow.learn import learn
from trimtab.flow.wake import Wake, serve, tick_key
from trimtab.ports import Ports
from trimtab.records import Budget
from trimtab.units import GIB

NOW = datetime(2026, 8, 3, 12, tzinfo=UTC)
OWNERS = """\
version: 1
teams: [{name: everything, channel: C0ALL}]
rules: [{id: all, account: ".*", team: everything}]
budgets: [{id: all-monthly, team: everything, amount: 1}]
"""


def budget(**about: object) -> Budget:
    return Budget(**({"id": "b", "amount": Decimal(1), "currency": "USD"} | about))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("scope", "spent"),
    [
        ({"team": "ML"}, "0.5"),
        ({"team": "Shop"}, "0.25"),
        ({"namespace": ("prod", "ns1")}, "0.5"),
        ({"project": "research"}, "1"),
        ({"project": "other"}, "0"),
    ],
)
def test_a_budget_counts_what_was_attributed_to_its_scope(scope: dict[str, object], spent: str) -> None:
    """The project's node is whole in it, the quarter too that nobody used."""
    usage = [node(project="research"), pod("a", cpu=2000, memory=8 * GIB), pod("b", cpu=1000, memory=4 * GIB, namespace="ns2")]
    made = estate([bill("1", billed="1"), bill("2", ResourceId=None, ChargeCategory="Tax", BillingCurrency="EUR")], usage)
    made.allocate(replace(governance(), budgets=(budget(**scope),)))

    cost = BudgetCost.from_json(made.documents.find(document_key("b", PERIOD)) or {})
    assert cost.spent == Decimal(spent)


def test_a_teams_budget_and_its_summary_say_the_same() -> None:
    usage = [node(), pod("a", cpu=2000, memory=8 * GIB)]
    made = estate([bill("1", billed="0.1"), bill("2", hour=HOUR + timedelta(hours=1))], usage)
    made.allocate(replace(governance(), budgets=(budget(team="ML"),)))

    cost = BudgetCost.from_json(made.documents.find(document_key("b", PERIOD)) or {})
    summary = Summary.from_json(made.documents.find(f"summaries/team-ml/{PERIOD}") or {})
    assert cost.spent == sum((line.amounts.effective for line in summary.by_team), Decimal(0)) > 0


# ── from the bucket to Slack ─────────────────────────────────────────────────────────────────────────────────────────
def with_budgets(root: Path, chat: KeptChat, **changes: object) -> Ports:
    ports = opened(root, default_channel="C0DEFAULT", **changes)
    (root / "config" / "owners.yaml").write_text(OWNERS)
    return replace(ports, chat=chat)


def ingest(ports: Ports) -> None:
    for key in ports.inbox.pending("ingest"):
        serve(land, Wake(key=key), ports, NOW)


def test_a_bill_that_lands_tells_the_owner_of_a_spent_budget(tmp_path: Path) -> None:
    chat = KeptChat()
    ports = with_budgets(tmp_path, chat)
    bill_landed(deliver(tmp_path), ports, ports.scratch, datetime(2026, 8, 3, 12, tzinfo=UTC))
    ingest(ports)
    for key in ports.inbox.pending("budgets"):
        serve(alert, Wake(key=key), ports, NOW)

    ((channel, _, text, _),) = chat.said
    assert channel == "C0ALL"
    assert text.startswith("Budget all-monthly (team everything) has passed 125% of its amount.")


def test_the_same_attribution_again_asks_for_nothing_new(tmp_path: Path) -> None:
    ports = with_budgets(tmp_path, KeptChat())
    bill_landed(deliver(tmp_path), ports, ports.scratch, NOW)
    (message,) = ports.inbox.pending("ingest")
    for _ in range(2):
        land(Wake(key=message), ports, NOW)

    assert len(ports.inbox.pending("budgets")) == 1


def test_what_the_spark_job_attributed_is_judged_too(tmp_path: Path) -> None:
    ports = with_budgets(tmp_path, KeptChat(), spark_above_mb=0, has_spark=True)
    bill_landed(deliver(tmp_path), ports, ports.scratch, NOW)
    (message,) = ports.inbox.pending("spark")
    finish_large(Wake(key=message), ports, ports, NOW)

    assert len(ports.inbox.pending("budgets")) == 1


# ── what is foreseen ─────────────────────────────────────────────────────────────────────────────────────────────────
AS_OF = date(2026, 7, 20)


def foreseen(root: Path, chat: KeptChat, amount: str) -> Ports:
    """Fifty days at 10 a day, of a team whose July may cost `amount`."""
    some = cells("ml", days(AS_OF - timedelta(days=49), [10.0] * 50))
    ports = store(root, some, chat=chat, default_channel="C0FINOPS")
    config = root / "config"
    config.mkdir()
    for name in ("config.yaml", "policy.yaml", "owners.yaml"):
        text = (Path(ports.settings.config_dir or "") / name).read_text()
        more = f"\nbudgets: [{{id: ml-monthly, team: ml, amount: {amount}}}]\n" if name == "owners.yaml" else ""
        (config / name).write_text(text + more)
    own = budget(id="ml-monthly", team="ml", amount=Decimal(amount))
    for period in ("p-2026-06", "p-2026-07"):
        month = [cell for cell in some if cell.day.startswith(period[2:])]
        made = budget_cost(own, month, {}, period=period, made_at="now")
        ports.documents.publish(document_key("ml-monthly", period), made.to_json())
    return replace(ports, settings=ports.settings.model_copy(update={"config_dir": str(config)}))


def test_a_month_that_will_cost_too_much_is_told_while_there_is_time(tmp_path: Path) -> None:
    chat = KeptChat()
    ports = foreseen(tmp_path, chat, "300")
    now = datetime(2026, 7, 21, 6, tzinfo=UTC)
    serve(learn, Wake(key=tick_key("learn", now), body=b"{}"), ports, now)
    (key,) = ports.inbox.pending("budgets")
    serve(alert, Wake(key=key), ports, now)

    assert key.startswith(ASK)
    assert [text for _, _, text, _ in chat.said] == [
        "Budget ml-monthly (team ml) has passed 50% of its amount. Spent: 200.00 USD of 300.00 USD.",
        "Budget ml-monthly (team ml) is forecast to pass 100% of its amount. Forecast: 310.00 USD of 300.00 USD.",
    ]


def test_too_short_a_past_foresees_nothing_and_says_why(tmp_path: Path) -> None:
    ports = foreseen(tmp_path, KeptChat(), "300")
    ports.documents.publish(document_key("ml-monthly", "p-2026-06"), _empty(ports, "p-2026-06"))
    ports.documents.publish(document_key("ml-monthly", "p-2026-07"), _empty(ports, "p-2026-07"))
    learn(Wake(key=tick_key("learn", NOW)), ports, datetime(2026, 7, 21, 6, tzinfo=UTC))

    document = ports.documents.find(outlook_key("ml-monthly")) or {}
    assert document["forecast"] is None
    assert "0 known days" in str(document["refused"])


def test_what_a_budget_left_that_nobody_can_read_keeps_nothing_else_from_being_learned(tmp_path: Path) -> None:
    """A budget that was taken out of owners.yaml is never cut anew, so nothing would ever mend it."""
    ports = foreseen(tmp_path, KeptChat(), "300")
    ports.documents.publish(document_key("gone", "p-2026-06"), {"of": "an older version"})
    learn(Wake(key=tick_key("learn", NOW)), ports, datetime(2026, 7, 21, 6, tzinfo=UTC))

    document = ports.documents.find(outlook_key("ml-monthly")) or {}
    assert document["forecast"] is not None
    assert len(ports.inbox.pending("budgets")) == 1


def _empty(ports: Ports, period: str) -> dict[str, object]:
    return {**(ports.documents.find(document_key("ml-monthly", period)) or {}), "days": {}, "parts": []}
