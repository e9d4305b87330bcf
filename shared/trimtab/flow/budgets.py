"""Our own budgets: judged on allocated cost whenever it moved, on what is spent and on what is forecast.

A budget that cannot be judged is said by name and keeps no other from being judged. What is not known crosses no threshold.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Literal

from trimtab.attribution.budget_cost import BudgetCost, BudgetPart, document_key, scope_of
from trimtab.attribution.summary import Summary
from trimtab.errors import BadInput, Broken, Refused, Upstream
from trimtab.flow.alarms import subject
from trimtab.flow.budget_asks import outlook_key
from trimtab.flow.codec import load
from trimtab.flow.governance import home_governance
from trimtab.flow.life import until_settled
from trimtab.flow.spent import SpentScope
from trimtab.flow.telling import About, tell
from trimtab.ports import Documents, Ports
from trimtab.records import Budget, BudgetNotice, Forecast, Governance, Json, Team

GROWING_DAYS = 10
"""Days of a month in which the bill of the month before still grows, and its budgets are judged too."""
FRESH = timedelta(days=3)
"""A forecast that knows less says nothing about now."""
FEWEST = 3
"""Teams that must share a scope before what the others cost is shown to one of them, and then only together."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """A budget's month as it stands."""

    budget: Budget
    cost: BudgetCost
    forecast: Forecast | None
    """None = nothing can be said yet."""

    @property
    def month(self) -> str:
        """YYYY-MM."""
        return self.cost.period.removeprefix("p-")

    @property
    def is_spent(self) -> bool:
        """Nothing of it is left."""
        return self.cost.spent >= self.budget.amount

    def reached(self, amount: Decimal | None) -> Decimal | None:
        """The highest threshold that an amount reaches, compared exactly; None = none of them."""
        thresholds = self.budget.thresholds if amount is not None else ()
        return max((threshold for threshold in thresholds if amount is not None and amount >= threshold * self.budget.amount), default=None)


# ── asked for, and judged ────────────────────────────────────────────────────────────────────────────────────────────
def judge_budgets(key: str, ports: Ports, now: datetime) -> str:
    """Tell of every threshold that was crossed, the highest one for those below it."""
    governance = home_governance(ports)
    told: list[str] = []
    failures: list[str] = []
    for budget in governance.budgets:
        try:
            for standing in standings(budget, ports, now):
                told += [_told(notice, standing, governance, key, ports, now) for notice in notices(standing)]
        except Upstream as error:
            failures.append(f"{budget.id}: {error}")
        except (BadInput, Refused) as error:
            ports.log.warning("budget.refused", budget=budget.id, input=str(error))
    if failures:
        raise Upstream("; ".join(failures))
    news = [answer for answer in told if answer.startswith("told ") and not answer.startswith("told before")]
    return f"{len(governance.budgets)} budgets judged, {len(news)} told"


def _told(notice: BudgetNotice, standing: Standing, governance: Governance, key: str, ports: Ports, now: datetime) -> str:
    about = _about(standing, governance, ports)
    return until_settled(partial(tell, notice, about, governance, key, ports, now))


def standings(budget: Budget, ports: Ports, now: datetime) -> list[Standing]:
    """This month, and while its bill still grows the one before; a month without attributed cost has none."""
    return [found for month in months(now) if (found := _standing(budget, month, ports, now)) is not None]


def months(now: datetime) -> list[str]:
    """This month (last), and while its bill still grows the one before."""
    last = now.replace(day=1) - timedelta(days=1)
    return [*([f"{last:%Y-%m}"] if now.day <= GROWING_DAYS else []), f"{now:%Y-%m}"]


def _standing(budget: Budget, month: str, ports: Ports, now: datetime) -> Standing | None:
    document = ports.documents.find(document_key(budget.id, f"p-{month}"))
    cost = BudgetCost.from_json(document) if document else None
    # Attributed for another scope or currency: the next attribution cuts it anew.
    if cost is None or (cost.scope, cost.currency) != (scope_of(budget), budget.currency):
        return None
    return Standing(budget=budget, cost=cost, forecast=_forecast(budget, month, ports.documents, now))


def _forecast(budget: Budget, month: str, documents: Documents, now: datetime) -> Forecast | None:
    place = outlook_key(budget.id)
    document = documents.find(place) or {}
    said = document.get("forecast")
    if not isinstance(said, dict) or (document.get("scope"), document.get("currency")) != (scope_of(budget), budget.currency):
        return None
    found = load(Forecast, said, place)
    return found if found.month == month and now.date() - found.as_of <= FRESH else None


def subject_of_month(budget: Budget, month: str) -> str:
    """Where the record has what was told of a budget's month."""
    return subject("trimtab", _identity(budget), month)


def _identity(budget: Budget) -> str:
    """What a threshold was told of: an id that was given another scope or amount has told nothing yet."""
    return f"{budget.id} {scope_of(budget)} {budget.amount.normalize():f} {budget.currency}"


# ── thresholds ───────────────────────────────────────────────────────────────────────────────────────────────────────
def notices(standing: Standing) -> list[BudgetNotice]:
    """What is to be told: the highest threshold that is spent, and the highest above it that is forecast."""
    amounts: tuple[tuple[Literal["actual", "forecast"], Decimal | None], ...] = (
        ("actual", standing.cost.spent),
        ("forecast", standing.forecast.total if standing.forecast else None),
    )
    found: list[BudgetNotice] = []
    for kind, amount in amounts:
        threshold = standing.reached(amount)
        # What is spent already needs no forecast.
        if threshold is not None and amount is not None and all((known.threshold or 0) < threshold for known in found):
            found.append(_notice(standing, kind, threshold, amount))
    return found


def _notice(standing: Standing, kind: Literal["actual", "forecast"], threshold: Decimal, amount: Decimal) -> BudgetNotice:
    budget = standing.budget
    return BudgetNotice(
        source="trimtab",
        budget=_identity(budget),
        name=f"{budget.id} ({scope_of(budget)})",
        period=standing.month,
        kind=kind,
        threshold=threshold,
        amount=amount,
        budgeted=budget.amount,
        currency=budget.currency,
        raw="",
    )


# ── what is told with it ─────────────────────────────────────────────────────────────────────────────────────────────
def _about(standing: Standing, governance: Governance, ports: Ports) -> About:
    team = owner_of(standing, governance)
    cost = standing.cost
    return About(
        team=team,
        parts=visible_parts(cost.parts, standing.budget, team),
        currency=cost.currency,
        clusters=cost.clusters,
        notes=tuple(_notes(standing, ports)),
    )


def owner_of(standing: Standing, governance: Governance) -> Team | None:
    """Who is told: whom the budget names, else whose it is about, else whose most of the namespace's cost is."""
    budget = standing.budget
    name = budget.owner or budget.team
    if name is None and budget.namespace is not None:
        name = next((part.team for part in standing.cost.parts if part.team), None)
    return next((team for team in governance.teams if team.name == name), None)


def visible_parts(parts: Iterable[BudgetPart], budget: Budget, team: Team | None) -> dict[str, Decimal]:
    """The parts that whoever is told may see by name; of other teams only their sum, and none where that would tell of one."""
    every = list(parts)
    if team is None or budget.namespace is not None:
        return _summed((part.name, part.amount) for part in every)
    own = _summed((part.name, part.amount) for part in every if part.team == team.name)
    others = [part for part in every if part.team != team.name]
    if len({part.team for part in every if part.team}) < FEWEST:
        return own
    return {**own, "other teams and what is nobody's": sum((part.amount for part in others), Decimal(0))}


def _summed(pairs: Iterable[tuple[str, Decimal]]) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = {}
    for name, amount in pairs:
        sums[name] = sums.get(name, Decimal(0)) + amount
    return sums


def _notes(standing: Standing, ports: Ports) -> Iterable[str]:
    for currency, amount in standing.cost.others.items():
        yield f"It also cost {amount:,.2f} {currency}, which a budget in {standing.cost.currency} does not count."
    if standing.budget.action == "freeze-growth" and standing.is_spent:
        scope = spent_scope(standing, ports)
        if scope.namespaces or scope.project:
            yield "Its quotas are proposed at what is asked for now, so that it does not grow; each is decided on like any change."
        else:
            yield "Its growth cannot be stopped by quotas: it has no namespace of its own."


# ── a spent budget that stops growth ─────────────────────────────────────────────────────────────────────────────────
def spent_scopes(governance: Governance, ports: Ports, now: datetime) -> tuple[SpentScope, ...]:
    """What may not grow in this month, because a budget that says so is spent; one that cannot be read stops nothing."""
    found = []
    for budget in (budget for budget in governance.budgets if budget.action == "freeze-growth"):
        try:
            standing = _standing(budget, f"{now:%Y-%m}", ports, now)
        except Broken as error:
            ports.log.warning("budget.refused", budget=budget.id, input=str(error))
            continue
        if standing is not None and standing.is_spent:
            found.append(spent_scope(standing, ports))
    return tuple(found)


def spent_scope(standing: Standing, ports: Ports) -> SpentScope:
    """What of its scope a quota can hold: a project's clusters, a namespace, the namespaces that are all a team's."""
    budget, cost = standing.budget, standing.cost
    # Each amount with its currency: a mask finds no other.
    amounts = f"{cost.spent:,.2f} {budget.currency} of {budget.amount:,.2f} {budget.currency}"
    words = f"budget {budget.id} ({scope_of(budget)}): {amounts} in {standing.month}"
    if budget.namespace is not None:
        return SpentScope(budget=budget.id, words=words, namespaces=(budget.namespace,))
    if budget.project is not None:
        return SpentScope(budget=budget.id, words=words, project=budget.project)
    return SpentScope(budget=budget.id, words=words, namespaces=_all_its_own(cost, ports.documents))


def _all_its_own(cost: BudgetCost, documents: Documents) -> tuple[tuple[str, str], ...]:
    """Namespaces in which nobody else has cost, in no currency either: a quota holds everybody in it."""
    document: Json | None = documents.find(f"summaries/all/{cost.period}")
    whole = Summary.from_json(document) if document else None
    lines = whole.by_namespace if whole else ()
    foreign = {f"namespace {line.name}" for line in lines if line.currency != cost.currency}
    totals = _summed((f"namespace {line.name}", line.amounts.effective) for line in lines)
    own = _summed((part.name, part.amount) for part in cost.parts if part.name.startswith("namespace "))
    held = [name for name, amount in own.items() if totals.get(name) == amount and name not in foreign]
    names = [name.removeprefix("namespace ").partition("/") for name in held]
    return tuple(sorted((cluster, namespace) for cluster, _, namespace in names))
