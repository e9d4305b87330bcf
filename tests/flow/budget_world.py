"""Budgets in a world of flows: what was attributed to them, what is forecast, and the clock."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

from tests.flow.flow_world import ONE, World, make_world
from tests.judgement import OWNERS
from trimtab.adapters.memory import MemoryMail, MemoryWebhooks
from trimtab.attribution.budget_cost import BudgetCost, BudgetPart, document_key
from trimtab.flow.alert import alert
from trimtab.flow.budget_asks import ASK, outlook_key
from trimtab.flow.codec import dump
from trimtab.flow.wake import Wake, serve, tick_key
from trimtab.records import Forecast

BATCH = b"""\
budgets:
  - {id: batch-monthly, team: batch, amount: "500.00", escalate: {to: C0LEADS, after_hours: 4}}
"""
BUDGETED = OWNERS + BATCH


def make_budget_world(root: Path, owners: bytes = BUDGETED, policy: bytes = ONE) -> World:
    world = make_world(root, policy, owners=owners)
    world.ports = replace(world.ports, mail=MemoryMail(), webhooks=MemoryWebhooks(("batch-channel",)))
    return world


def spend(
    world: World,
    amounts: Mapping[str, str],
    *,
    budget: str = "batch-monthly",
    scope: str = "team batch",
    month: str = "2026-11",
    others: Mapping[str, str] | None = None,
    teams: Mapping[str, str] | None = None,
) -> None:
    """Attribute a month anew: these parts, all on one day."""
    parts = tuple(
        BudgetPart(name=name, team=(teams or {}).get(name, "batch"), amount=Decimal(amount))
        for name, amount in sorted(amounts.items(), key=lambda pair: -Decimal(pair[1]))
    )
    cost = BudgetCost(
        budget=budget, scope=scope, period=f"p-{month}", made_at=world.now.isoformat(), currency="USD",
        days={f"{month}-05": sum((part.amount for part in parts), Decimal(0))}, parts=parts, clusters=("dev-east",),
        others={currency: Decimal(amount) for currency, amount in (others or {}).items()},
    )  # fmt: skip
    world.ports.documents.publish(document_key(budget, f"p-{month}"), cost.to_json())


def foresee(
    world: World,
    total: str,
    *,
    budget: str = "batch-monthly",
    scope: str = "team batch",
    as_of: date = date(2026, 11, 17),
    month: str = "2026-11",
) -> None:
    """What `learn` would have said."""
    value = Decimal(total)
    made = Forecast(
        month=month, as_of=as_of, since=as_of.replace(day=1), spent=value / 2, total=value, low=value, high=value, level=0.8, method="mean",
        estimated_days=13, missing_days=0, trials=3, errors=(), coverage=None,
    )  # fmt: skip
    about = {"as_of": as_of.isoformat(), "scope": scope, "currency": "USD"}
    world.ports.documents.publish(outlook_key(budget), {**about, "forecast": dump(made)})


def judge(world: World, name: str = "p-2026-11.aa") -> str:
    """What an attribution leaves in the inbox, served."""
    return served(world, f"{ASK}{name}", b"{}")


def tick(world: World) -> str:
    """The clock struck for `alert`."""
    return served(world, tick_key("alert", world.now), b"{}")


def served(world: World, key: str, body: bytes = b"") -> str:
    return serve(alert, Wake(key=key, body=body), world.ports, world.now)


def mail_of(world: World) -> MemoryMail:
    assert isinstance(world.ports.mail, MemoryMail)
    return world.ports.mail


def teams_of(world: World) -> MemoryWebhooks:
    assert isinstance(world.ports.webhooks, MemoryWebhooks)
    return world.ports.webhooks


def at(world: World, when: datetime) -> None:
    world.now = when
