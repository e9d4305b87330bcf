"""Budgets that are judged on nothing: no cost is known of what they are about, so nobody would ever be told, and would believe to be.

A misspelled cluster, a project without clusters and a team that was given nothing look alike: all is well. So each is named.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from trimtab.attribution.budget_cost import BudgetCost, document_key, scope_of
from trimtab.attribution.summary import CostLine, Summary
from trimtab.errors import Broken
from trimtab.policy.rules import OWNERS
from trimtab.ports import Ports
from trimtab.records import Budget

SUMMARIES = "summaries/all/"


def unwatched(budgets: Sequence[Budget], ports: Ports, now: datetime) -> dict[str, str]:
    """Id → why it watches nothing, of budgets of which no cost is known in this month and the last; {} of a store without any cost."""
    months = (f"{now.replace(day=1) - timedelta(days=1):%Y-%m}", f"{now:%Y-%m}")
    ours = ports.documents.keys(SUMMARIES)
    if not ours:
        return {}
    newest = [Summary.from_json(document) for month in months if (document := ports.documents.find(f"{SUMMARIES}p-{month}"))]
    stopped = "" if newest else f"no cost at all was attributed after {ours[-1].removeprefix(f'{SUMMARIES}p-')}"
    found = {budget.id: _why(budget, months, newest, stopped, ports) for budget in budgets}
    return {identity: why for identity, why in found.items() if why}


def blind_spots(budgets: Sequence[Budget], ports: Ports, now: datetime) -> tuple[str, ...]:
    """The same as sentences that name the place in the file."""
    whys = unwatched(budgets, ports, now)
    places = {budget.id: f"{OWNERS}: budgets[{index}] ({budget.id})" for index, budget in enumerate(budgets)}
    return tuple(f"{places[identity]}: {why}, so nobody is ever told of it" for identity, why in whys.items())


def _why(budget: Budget, months: tuple[str, str], newest: list[Summary], stopped: str, ports: Ports) -> str:
    """By what was cut for it; where nothing was yet, by the summaries, which know teams and namespaces and no projects. "" = it watches."""
    cut = [cost for month in months if (cost := _cut(budget, month, ports)) is not None]
    if any(cost.days for cost in cut):
        return ""
    if stopped:
        return stopped
    lines = [line for summary in newest for line in _lines(budget, summary)]
    others = sorted({*(name for cost in cut for name in cost.others), *(line.currency for line in lines)} - {budget.currency})
    if others:
        return f"it cost only {' and '.join(others)} in {' and '.join(months)}, and the budget counts {budget.currency}"
    if not cut and (lines or budget.project is not None):
        # The next attribution cuts it; of a project nobody can tell before.
        return ""
    return f"no cost was attributed to {scope_of(budget)} in {' and '.join(months)}"


def _cut(budget: Budget, month: str, ports: Ports) -> BudgetCost | None:
    try:
        document = ports.documents.find(document_key(budget.id, f"p-{month}"))
        cost = BudgetCost.from_json(document) if document else None
    except Broken as error:
        ports.log.warning("budget.refused", budget=budget.id, input=str(error))
        return None
    return cost if cost is not None and (cost.scope, cost.currency) == (scope_of(budget), budget.currency) else None


def _lines(budget: Budget, summary: Summary) -> list[CostLine]:
    if budget.namespace is not None:
        return [line for line in summary.by_namespace if line.name == "/".join(budget.namespace)]
    return [line for line in summary.by_team if budget.team is not None and line.name == budget.team]
