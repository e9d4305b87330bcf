"""A mark in everything that belongs to somebody: a cost that no other number resembles, a resource and a tag, by team and by tenant.

Who may not see them must find none anywhere; who may must find their own, or nothing was looked at.
"""

import csv
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from trimtab.cli.main import app

TEAMS = ("blue", "red", "green")
TENANTS = ("acme", "globex")
COSTS: Mapping[tuple[str, str], str] = {
    ("acme", "blue"): "1234.567891",
    ("acme", "red"): "7654.321987",
    ("acme", "green"): "4321.908172",
    ("globex", "blue"): "2468.135791",
    ("globex", "red"): "9753.186427",
    ("globex", "green"): "6802.471359",
}
READERS = {"blue": "bob", "red": "rae", "green": "gus"}
OWNERS = """version: 1
people:
  - {id: ann, slack: U0ANN, forge: ann}
  - {id: bob, slack: U0BOB, forge: bob}
  - {id: rae, slack: U0RAE, forge: rae}
  - {id: gus, slack: U0GUS, forge: gus}
  - {id: eve, slack: U0EVE, forge: eve}
teams:
  - {name: Blue, people: [bob], channel: C0BLUE}
  - {name: Red, people: [rae], email: red@example.com}
  - {name: Green, people: [gus], teams_webhook: green-channel}
rules:
  - {id: blue, tag: {key: team, value: blue}, team: Blue}
  - {id: red, tag: {key: team, value: red}, team: Red}
  - {id: green, tag: {key: team, value: green}, team: Green}
budgets:
  - {id: of-blue, team: Blue, amount: 100}
  - {id: of-red, team: Red, amount: 100}
  - {id: of-green, team: Green, amount: 100}
access: {see_all: [ann]}
"""
"""Each team is told in another way: Slack, mail, Microsoft Teams."""
_COMMON = {
    "BillingAccountId": "a", "BillingAccountName": "a", "BillingCurrency": "USD", "BillingPeriodStart": "2026-07-01T00:00:00Z",
    "BillingPeriodEnd": "2026-08-01T00:00:00Z", "ChargeCategory": "Usage", "ChargeClass": "", "ChargeDescription": "hours",
    "ProviderName": "AWS", "PublisherName": "AWS", "InvoiceIssuerName": "AWS", "ServiceName": "Amazon RDS",
    "ServiceCategory": "Databases", "PricingQuantity": "1", "PricingUnit": "Hours",
}  # fmt: skip


def make_store(root: Path, tenant: str) -> None:
    """A month's bill of the tenant's teams, attributed by the real commands, in the store that all tenants share."""
    rules = root / "rules"
    rules.mkdir(exist_ok=True)
    for name, text in (("config", "version: 1\n"), ("policy", "version: 1\nrules: []\n"), ("owners", OWNERS)):
        (rules / f"{name}.yaml").write_text(text)
    bill = root / f"{tenant}.csv"
    rows = [_row(tenant, team, day) for day, team in enumerate(TEAMS, 1)]
    with bill.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    for words in (("ingest", str(bill), "--as", "focus"), ("allocate",)):
        done = trimtab(root, tenant, *words)
        assert done.exit_code == 0, done.output


def _row(tenant: str, team: str, day: int) -> dict[str, str]:
    cost = COSTS[tenant, team]
    return _COMMON | {
        **dict.fromkeys(("BilledCost", "EffectiveCost", "ListCost", "ContractedCost"), cost),
        "ChargePeriodStart": f"2026-07-0{day}T00:00:00Z",
        "ChargePeriodEnd": f"2026-07-0{day + 1}T00:00:00Z",
        "ResourceId": f"db-{team}-of-{tenant}",
        "Tags": json.dumps({"team": team, "canary": f"tag-{team}-of-{tenant}"}),
    }


def trimtab(root: Path, tenant: str, *words: str) -> Result:
    """Type a command, for one tenant of the store."""
    with settings(root, tenant):
        return CliRunner().invoke(app, [*words, "--store", f"file://{root}/store"])


@contextmanager
def settings(root: Path, tenant: str) -> Iterator[None]:
    """The deployment's settings, in the environment, as a function has them."""
    before = os.environ.get("TRIMTAB_SETTINGS")
    os.environ["TRIMTAB_SETTINGS"] = json.dumps({"tenant": tenant, "config_dir": str(root / "rules")})
    try:
        yield
    finally:
        os.environ.pop("TRIMTAB_SETTINGS")
        if before is not None:
            os.environ["TRIMTAB_SETTINGS"] = before


def marks(tenant: str, team: str) -> tuple[str, ...]:
    """How a cost may be written, then whatever else is theirs."""
    return (*cost_marks(COSTS[tenant, team]), f"db-{team}", f"tag-{team}", f"team-{team}", f"-of-{tenant}")


def cost_marks(cost: str) -> tuple[str, ...]:
    """Its first digits, and as people write it, with thousands apart: nothing so short that a hash could hold it."""
    whole = float(cost)
    return (cost[:7], f"{whole:.2f}", f"{whole:,.2f}", f"{whole:,.0f}")


def leaked(text: str, tenant: str, team: str) -> list[str]:
    """The marks of anybody else that are in an output."""
    others = [mark for owner in TEAMS if owner != team for mark in marks(tenant, owner) if mark != f"-of-{tenant}"]
    strangers = [mark for other in TENANTS if other != tenant for mark in (f"-of-{other}", *_costs_of(other))]
    return sorted({mark for mark in (*others, *strangers) if mark in text})


def _costs_of(tenant: str) -> list[str]:
    return [mark for team in TEAMS for mark in cost_marks(COSTS[tenant, team])]


def shows(text: str, tenant: str, team: str) -> bool:
    """True where their own cost is there: the search finds what is to be found."""
    return any(mark in text for mark in cost_marks(COSTS[tenant, team]))


def entries(root: Path, tenant: str) -> list[dict[str, Any]]:
    """Who asked for what, as the record has it."""
    files = sorted((root / "store" / tenant / "streams" / "access").rglob("*"))
    return [json.loads(path.read_text()) for path in files if path.is_file()]
