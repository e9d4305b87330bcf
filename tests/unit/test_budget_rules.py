"""Budgets in `.trimtab/`: strict, and every error names its place."""

from decimal import Decimal

import pytest

from tests.judgement import CONFIG, OWNERS, governance
from trimtab.errors import BadInput

FULL = b"""\
budgets:
  - {id: batch-monthly, team: batch, amount: "500.10", currency: EUR, thresholds: [80, 100],
     escalate: {to: C0LEADS, after_hours: 4}, action: freeze-growth}
  - {id: train, namespace: {cluster: dev-east, name: train}, amount: 30, owner: ml}
  - {id: research, project: research, amount: 1}
"""


def test_a_budget_says_what_of_whom_and_from_when() -> None:
    batch, train, research = governance(owners=OWNERS + FULL).budgets

    assert (batch.amount, batch.currency, batch.thresholds) == (Decimal("500.10"), "EUR", (Decimal("0.8"), Decimal(1)))
    assert (batch.escalate_to, batch.escalate_after_hours, batch.action) == ("C0LEADS", 4, "freeze-growth")
    assert (train.namespace, train.owner, train.currency) == (("dev-east", "train"), "ml", "USD")
    assert research.thresholds == (Decimal("0.5"), Decimal("0.8"), Decimal(1), Decimal("1.25"))


@pytest.mark.parametrize(
    ("row", "error"),
    [
        ("{id: a, amount: 5}", "budgets[0]: needs exactly one of team, namespace, project; has none"),
        ("{id: a, amount: 5, team: ml, project: x}", "has team and project"),
        ("{id: a, amount: 5.5, team: ml}", "budgets[0].amount"),
        ('{id: a, amount: "0.00", team: ml}', "budgets[0].amount: expected more than 0"),
        ('{id: a, amount: "-5", team: ml}', "budgets[0].amount"),
        ("{id: a, amount: 5, team: nobody}", "budgets[0].team: no team 'nobody'"),
        ("{id: a, amount: 5, team: ml, owner: nobody}", "budgets[0].owner: no team 'nobody'"),
        ("{id: a, amount: 5, team: ml}, {id: a, amount: 6, team: ml}", "budgets[1].id: 'a' stands there twice"),
        ("{id: a, amount: 5, team: ml, thresholds: [100, 80]}", "budgets[0].thresholds: expected percentages, smallest first"),
        ("{id: a, amount: 5, team: ml, thresholds: [80, 80]}", "budgets[0].thresholds"),
        ("{id: a, amount: 5, team: ml, thresholds: []}", "budgets[0].thresholds"),
        ("{id: ../a, amount: 5, team: ml}", "budgets[0].id"),
        ("{id: a, amount: 5, team: ml, action: delete}", "budgets[0].action"),
        ("{id: a, amount: 5, team: ml, escalate: {to: '<!here>'}}", "budgets[0].escalate.to"),
        ("{id: a, amount: 5, team: ml, escalate: {to: C0X, after_hours: 0}}", "budgets[0].escalate.after_hours"),
        ("{id: a, amount: 5, team: ml, limit: 5}", "budgets[0].limit: unknown key"),
        ("{id: a, amount: 5, namespace: train}", "budgets[0].namespace"),
    ],
)
def test_a_budget_that_is_wrong_names_its_place(row: str, error: str) -> None:
    with pytest.raises(BadInput) as raised:
        governance(owners=OWNERS + f"budgets: [{row}]\n".encode())

    assert error in str(raised.value)


def test_a_clouds_own_budget_has_a_team() -> None:
    (budget,) = governance(CONFIG + b'cloud_budgets: [{id: "123456789012/ml: July", team: ml}]\n').cloud_budgets

    assert (budget.id, budget.team) == ("123456789012/ml: July", "ml")


@pytest.mark.parametrize(
    ("rows", "error"),
    [
        ("{id: a, team: nobody}", "cloud_budgets[0].team: no team 'nobody'"),
        ("{id: a, team: ml}, {id: a, team: batch}", "cloud_budgets[1].id: 'a' stands there twice"),
    ],
)
def test_a_clouds_budget_that_is_wrong_names_its_place(rows: str, error: str) -> None:
    with pytest.raises(BadInput) as raised:
        governance(CONFIG + f"cloud_budgets: [{rows}]\n".encode())

    assert error in str(raised.value)
