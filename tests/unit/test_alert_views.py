"""One alert, three views: in each the cause and the fix, and nothing that anybody else wrote acts."""

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from tests.judgement import NOW
from trimtab.adapters.mail import message
from trimtab.adapters.teams import message as teams_message
from trimtab.adapters.wording import load_wording
from trimtab.demo.slack_blocks import problems
from trimtab.records import BudgetNotice
from trimtab.render.alerts import Alert, Fix, adaptive_card, alert, grown, largest, mail, slack_blocks

WORDING = load_wording()
NOTICE = BudgetNotice(
    source="gcp", budget="b-1", name="ml", period="2026-11-01T08:00:00Z", kind="actual", threshold=Decimal("0.9"),
    amount=Decimal("9120.55"), budgeted=Decimal(10000), currency="USD", raw="{}",
)  # fmt: skip
HOSTILE = "<!channel> @everyone [x](https://evil.test) **b** <at>all</at>\r\nBcc: x@evil.test\u202e"


def said(notice: BudgetNotice = NOTICE, causes: tuple[str, ...] = ("namespace train: 5,021.10 USD",), **more: Any) -> Alert:
    return alert(notice, wording=WORDING, drivers=("What costs most", causes), fixes=more.pop("fixes", ()), **more)


def views(made: Alert) -> dict[str, str]:
    subject, text = mail(made)
    return {
        "slack": json.dumps(slack_blocks(made), ensure_ascii=False),
        "mail": f"{subject}\n{text}",
        "teams": json.dumps(adaptive_card(made), ensure_ascii=False),
    }


def test_every_view_names_cause_and_fix() -> None:
    made = said(fixes=(Fix(text="ml-dev/gpu-train: 1,200 USD a month", url="https://forge.example/7"),))

    assert made.text == "Budget ml has passed 90% of its amount. Spent: 9,120.55 USD of 10,000.00 USD."
    for view in views(made).values():
        assert "namespace train: 5,021.10 USD" in view
        assert "ml-dev/gpu-train: 1,200 USD a month" in view
        assert "https://forge.example/7" in view


def test_every_view_says_so_where_there_is_no_cause_or_fix() -> None:
    for view in views(said(causes=())).values():
        assert "Not known: no cost has been attributed" in view
        assert "Nothing is proposed right now." in view


def test_own_words_show_no_number_where_amounts_are_masked() -> None:
    """Nobody could read them, so which of their numbers is an amount is not known."""
    notice = replace(NOTICE, amount=None, threshold=None, raw='{"costAmount": 140.321, "budget": "1.152,55 \u20ac of $30.00"')

    for view in views(said(notice, is_masked=True)).values():
        assert "costAmount" in view
        assert not any(digits in view for digits in ("140", "321", "152", "55", "30.00"))


def test_a_share_is_said_as_exactly_as_it_is_known() -> None:
    """99.96 % of a budget is not all of it."""
    shares = [said(replace(NOTICE, threshold=Decimal(share))).text.split(" of ")[0] for share in ("0.9996", "0.125", "1", "1E+3")]

    assert shares == [f"Budget ml has passed {share}" for share in ("99.96%", "12.5%", "100%", "100000%")]


def test_every_view_of_what_could_not_be_read_has_its_own_words() -> None:
    made = said(replace(NOTICE, amount=None, threshold=None, raw="Your budget is over"))

    assert made.text.startswith("Budget ml has passed a threshold.")
    assert all("Your budget is over" in view for view in views(made).values())


@pytest.mark.parametrize(
    ("kind", "start"), [("forecast", "Budget ml is forecast to pass 90%"), ("anomaly", "Unusual cost: ml. Spent 9,120.55 USD")]
)
def test_each_kind_of_notice_has_its_words(kind: Any, start: str) -> None:
    assert said(replace(NOTICE, kind=kind)).text.startswith(start)


@pytest.mark.security(24)
def test_what_others_wrote_acts_in_no_view() -> None:
    """Budgets are named by whoever makes them, and a namespace by whoever deploys."""
    notice = replace(NOTICE, name=HOSTILE, amount=None, raw=HOSTILE * 40, period=HOSTILE)
    made = said(notice, causes=(HOSTILE, *(f"{HOSTILE}{number}" for number in range(40))),
                fixes=(Fix(text=HOSTILE, url=f"javascript:{HOSTILE}"),), notes=(HOSTILE,))  # fmt: skip

    assert problems(slack_blocks(made), made.text) == []
    for view in views(made).values():
        assert not any(acts in view for acts in ("<!channel>", "@everyone", "](http", "<at>", "\r", "\u202e"))
    assert "mrkdwn" not in views(made)["slack"]
    assert '"TextBlock"' not in views(made)["teams"]
    assert "Action.OpenUrl" not in views(made)["teams"]


def test_a_subject_never_becomes_a_header_of_its_own() -> None:
    subject, text = mail(said(replace(NOTICE, name=HOSTILE)))
    whole = message("a@example.com", subject + "\r\nBcc: x@evil.test", text, "n1", "trimtab@example.com", NOW)

    assert whole["Bcc"] is None


def test_the_longest_alert_fits_into_slack_and_teams() -> None:
    long = "a/" * 1000
    fixes = tuple(Fix(text=long, url=f"https://forge.example/{'x' * 900}", proposal="p" * 80, head="4" * 40) for _ in range(3))
    made = said(replace(NOTICE, name=long, amount=None, raw=long), causes=(long,) * 200, fixes=fixes, notes=(long,) * 200, button="x y")

    assert problems(slack_blocks(made), made.text) == []
    assert len(teams_message(adaptive_card(made))) < 28 * 1024


def test_who_is_on_it_stands_in_the_place_of_the_button() -> None:
    asked, taken = said(button="k m"), said(button="k m", status="ml-owner is on it.")

    assert "acknowledge" in views(asked)["slack"]
    assert "acknowledge" not in views(taken)["slack"]
    assert "ml-owner is on it." in views(taken)["slack"]


def test_what_grew_most_comes_first_and_what_shrank_is_no_cause() -> None:
    now = {"a": Decimal("10.10"), "b": Decimal(90), "new": Decimal(5)}
    before = {"a": Decimal(1), "b": Decimal(95), "gone": Decimal(50)}

    assert grown(now, before, "USD", 3) == ("a: 9.10 USD more", "new: 5.00 USD more")


def test_equal_costs_have_an_order_and_credits_are_no_cost() -> None:
    assert largest({"b": Decimal(2), "a": Decimal(2), "credit": Decimal(-9)}, "USD", 3) == ("a: 2.00 USD", "b: 2.00 USD")
