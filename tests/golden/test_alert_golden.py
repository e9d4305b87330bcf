"""An alert in Slack, by e-mail and in Microsoft Teams: TRIMTAB_GOLDEN=write rewrites them."""

import json
import os
from decimal import Decimal
from pathlib import Path

from trimtab.adapters.wording import load_wording
from trimtab.records import BudgetNotice
from trimtab.render.alerts import Alert, Fix, adaptive_card, alert, mail, slack_blocks

GOLDEN = Path(__file__).parent / "alert"


def compare(name: str, text: str) -> None:
    path = GOLDEN / name
    if os.environ.get("TRIMTAB_GOLDEN") == "write":
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    assert text == path.read_text()


def told() -> Alert:
    notice = BudgetNotice(
        source="trimtab", budget="ml-monthly", name="ml-monthly (team ml)", period="2026-11", kind="forecast", threshold=Decimal("1.25"),
        amount=Decimal("15073.02"), budgeted=Decimal(12000), currency="USD", raw="",
    )  # fmt: skip
    causes = ("namespace ml-dev/train: 1,221.10 USD more", "idle capacity of ml-dev/gpu-train: 310.00 USD more")
    return alert(
        notice,
        wording=load_wording(),
        drivers=("What grew since the alert of 2026-11-12", causes),
        fixes=(
            Fix(
                text="ml-dev/gpu-train: 3,105.42 USD a month", url="https://forge.example/gitops/pull/7", proposal="prop-0123", head="4f2d"
            ),
        ),
        notes=("It also cost 12.00 EUR, which a budget in USD does not count.",),
        button="0123456789abcdef0123 forecast-1.25",
    )


def test_an_alert_in_slack_reads_as_it_was_approved() -> None:
    compare("slack.json", json.dumps(slack_blocks(told()), indent=1, ensure_ascii=False) + "\n")


def test_an_alert_by_mail_reads_as_it_was_approved() -> None:
    subject, text = mail(told())

    compare("mail.txt", f"Subject: {subject}\n\n{text}")


def test_an_alert_in_teams_reads_as_it_was_approved() -> None:
    compare("teams.json", json.dumps(adaptive_card(told()), indent=1, ensure_ascii=False) + "\n")
