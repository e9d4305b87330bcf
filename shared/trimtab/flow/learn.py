"""Fresh summaries, or the clock: forecasts and anomalies per audience, owner suggestions for those who may see everything.

An audience's documents are made from its own summaries alone. Nothing here books anything: it writes documents and, for a surprise of
the last days, one notice that `alert` tells once.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from trimtab.analysis.anomalies import anomalies
from trimtab.analysis.forecast import forecast
from trimtab.attribution.budget_cost import PREFIX, BudgetCost
from trimtab.attribution.summary import Summary
from trimtab.errors import BadInput, Broken, Refused
from trimtab.flow.budget_asks import ask_for_budgets, outlook_key
from trimtab.flow.codec import dump
from trimtab.flow.governance import home_governance
from trimtab.flow.history import history_of
from trimtab.flow.suggestions import suggest_owners
from trimtab.flow.wake import Wake, notice_wake
from trimtab.ports import Ports
from trimtab.records import Anomaly, Forecast, Json, NoForecast

NEWS = timedelta(days=4)
"""A surprise older than this is in the report and wakes nobody."""
SETTLING = timedelta(days=2)
"""Bills of the newest days still grow: there too little is no news yet."""
SMALLEST = Decimal(1)
"""A surprise under one unit of its currency wakes nobody."""
REST = "idle or without owner"

Days = dict[date, Decimal]
History = Mapping[str, Mapping[str, Days]]
"""Export → currency → days."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CostSeries:
    """One audience's daily effective cost in one currency, and its parts where the audience may see all."""

    scope: str
    team: str
    """The team's name; "" = everybody's."""
    currency: str
    days: Days
    parts: Mapping[str, Days]
    """Each team's days, and what is nobody's; () for a team's own series."""
    before: Days = field(default_factory=dict)
    """Days of months without a bill, as a billing API told them; a forecast starts from them, nothing else reads them."""

    @property
    def known(self) -> Days:
        """Every day that something is known of, from bills and from before them."""
        days = dict(self.before)
        for day, amount in self.days.items():
            days[day] = days.get(day, Decimal(0)) + amount
        return days


def learn(_wake: Wake, ports: Ports, now: datetime) -> str:
    """Everything that can be learned from the summaries as they are now; the same summaries give the same documents."""
    summaries, history = read_summaries(ports), history_of(ports)
    if not summaries and not history:
        raise BadInput("no summaries yet: ingest a bill and allocate first")
    as_of = now.date() - timedelta(days=1)
    every = every_series(summaries, history)
    told = _outlooks(every, ports, as_of)
    _budget_outlooks(ports, as_of)
    made = suggest_owners(summaries, ports)
    return f"{len(summaries)} audiences to {as_of}: {told} surprises told, {made} owners suggested"


# ── The series ───────────────────────────────────────────────────────────────────────────────────────────────────────
def read_summaries(ports: Ports) -> dict[str, list[Summary]]:
    """Every summary by audience, oldest period first."""
    found: dict[str, list[Summary]] = defaultdict(list)
    for key in ports.documents.keys("summaries/"):
        document = ports.documents.find(key)
        if document is not None:
            found[key.split("/")[1]].append(Summary.from_json(document))
    return dict(sorted(found.items()))


def every_series(summaries: Mapping[str, Sequence[Summary]], history: History) -> list[CostSeries]:
    """All audiences' series; everybody's begins with what the billing APIs told of months that no bill is in the lake for."""
    found = [series for scope, own in summaries.items() for series in series_of(scope, own)]
    before = _before(summaries.get("all", ()), history)
    known = {series.currency for series in found if series.scope == "all"}
    alone = [CostSeries(scope="all", team="", currency=currency, days={}, parts={}) for currency in sorted(before.keys() - known)]
    return [replace(series, before=before.get(series.currency, {})) if series.scope == "all" else series for series in (*found, *alone)]


def _before(whole: Sequence[Summary], history: History) -> dict[str, Days]:
    """Per currency, the sum of what exports cost on days of months that they have no bill for."""
    billed = {(line.name, summary.period) for summary in whole for line in summary.by_export}
    sums: dict[str, Days] = defaultdict(dict)
    for export, currencies in history.items():
        for currency, days in currencies.items():
            for day, amount in days.items():
                if (export, f"p-{day:%Y-%m}") not in billed:
                    sums[currency][day] = sums[currency].get(day, Decimal(0)) + amount
    return sums


def series_of(scope: str, summaries: Sequence[Summary]) -> list[CostSeries]:
    """An audience's series, one per currency. A late correction's day may stand in two periods: both are its cost."""
    totals: dict[str, Days] = defaultdict(dict)
    teams: dict[str, dict[str, Days]] = defaultdict(lambda: defaultdict(dict))
    for line in (line for summary in summaries for line in summary.daily):
        days = totals[line.currency] if line.team is None else teams[line.currency][line.team]
        day = date.fromisoformat(line.day)
        days[day] = days.get(day, Decimal(0)) + line.amounts.effective
    names = sorted({team for of_currency in teams.values() for team in of_currency})
    return [
        CostSeries(
            scope=scope, currency=currency, days=totals[currency],
            parts=_parts(totals[currency], teams[currency]) if scope == "all" else {},
            team="" if scope == "all" else next(iter(names), scope.removeprefix("team-")),
        )
        for currency in sorted(totals)
    ]  # fmt: skip


def _parts(totals: Days, teams: Mapping[str, Days]) -> dict[str, Days]:
    """The teams, and the rest of every day: idle capacity and what no rule gives an owner."""
    rest = {day: total - sum((days.get(day, Decimal(0)) for days in teams.values()), Decimal(0)) for day, total in totals.items()}
    return {**teams, REST: rest}


# ── Forecasts and anomalies ──────────────────────────────────────────────────────────────────────────────────────────
def _outlooks(every: Sequence[CostSeries], ports: Ports, as_of: date) -> int:
    """Publish every audience's documents; how many surprises were handed to `alert`."""
    forecasts: dict[str, list[Json]] = defaultdict(list)
    unusual: dict[str, list[Json]] = defaultdict(list)
    told = 0
    for number, series in enumerate(every):
        ports.progress.step("learning from daily costs", number, len(every))
        forecasts[series.scope].append({"currency": series.currency, **dump(outlook(series, as_of))})
        found, refusal = surprises(series, as_of)
        unusual[series.scope].append({"currency": series.currency, "refused": refusal, "anomalies": [dump(item) for item in found]})
        told += sum(_tell(series, item, ports) for item in found if _is_news(item, as_of))
    for scope, made in forecasts.items():
        ports.documents.publish(f"forecasts/{scope}", {"as_of": as_of.isoformat(), "forecasts": made})
        ports.documents.publish(f"anomalies/{scope}", {"as_of": as_of.isoformat(), "series": unusual[scope]})
    return told


def _budget_outlooks(ports: Ports, as_of: date) -> None:
    """What each of our own budgets' months will have cost; then they are judged on it."""
    costs: dict[str, list[BudgetCost]] = defaultdict(list)
    for key in ports.documents.keys(PREFIX):
        cost = _budget_cost(key, ports)
        if cost is not None:
            costs[key.removeprefix(PREFIX).split("/")[0]].append(cost)
    for budget, periods in costs.items():
        # Of a budget that was given another scope, only what was cut by the one it has now.
        own = [cost for cost in periods if (cost.scope, cost.currency) == (periods[-1].scope, periods[-1].currency)]
        made = forecast(_added(own), as_of, month=as_of + timedelta(days=1))
        about: Json = {"as_of": as_of.isoformat(), "scope": periods[-1].scope, "currency": periods[-1].currency}
        said: Json = {"forecast": dump(made)} if isinstance(made, Forecast) else {"forecast": None, "refused": made.reason}
        ports.documents.publish(outlook_key(budget), {**about, **said})
    if costs:
        ask_for_budgets(f"forecast.{as_of}", home_governance(ports), ports)


def _budget_cost(key: str, ports: Ports) -> BudgetCost | None:
    """None where nothing can be read; that one budget keeps no other from being foreseen, nor what comes after."""
    document = ports.documents.find(key)
    try:
        return BudgetCost.from_json(document) if document is not None else None
    except Broken as error:
        ports.log.warning("budget.refused", input=f"{key}: {error}")
        return None


def _added(costs: Sequence[BudgetCost]) -> Days:
    days: Days = {}
    for day, amount in (pair for cost in costs for pair in cost.days.items()):
        days[date.fromisoformat(day)] = days.get(date.fromisoformat(day), Decimal(0)) + amount
    return days


def outlook(series: CostSeries, as_of: date) -> Forecast | NoForecast:
    """The month that the day after `as_of` belongs to."""
    return forecast(series.known, as_of, month=as_of + timedelta(days=1))


def surprises(series: CostSeries, as_of: date) -> tuple[tuple[Anomaly, ...], str]:
    """Unusual days up to `as_of`, or why none can be told apart."""
    days = {day: value for day, value in series.days.items() if day <= as_of}
    try:
        found = anomalies(days, series.parts)
    except Refused as refusal:
        return (), str(refusal)
    return tuple(item for item in found if item.score > 0 or item.day <= as_of - SETTLING), ""


def _is_news(anomaly: Anomaly, as_of: date) -> bool:
    return as_of - anomaly.day < NEWS and abs(anomaly.actual - anomaly.expected) >= SMALLEST


def _tell(series: CostSeries, anomaly: Anomaly, ports: Ports) -> bool:
    """One notice into the inbox; the run of days it belongs to is its identity, so the same surprise is told once however it grows."""
    identity = hashlib.sha256(repr((series.scope, series.currency, anomaly.since.isoformat())).encode()).hexdigest()[:32]
    # `alert` finds a team's channel by the words of the name, so the whole's name has none that a team could have.
    name = f"{series.team}, {anomaly.day}" if series.team else f"{anomaly.day}"
    message = {
        "id": identity, "name": name, "day": anomaly.since.isoformat(),
        "actual": f"{anomaly.actual:.2f}", "expected": f"{anomaly.expected:.2f}", "currency": series.currency,
    }  # fmt: skip
    wake = notice_wake({"source": "trimtab", "message": json.dumps(message, sort_keys=True)})
    return ports.inbox.put(wake.key, wake.body)
