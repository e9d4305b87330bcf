"""What a scope that only observes would have had proposed, held against what was measured and billed since: whether to let it go further.

Nothing of it was done, so every hour since could tell. What was not measured is not held to have fitted.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np

from trimtab.analysis.packing import NodesNeeded, items_of, node_of
from trimtab.attribution.summary import PoolDay
from trimtab.flow.bills import Bills
from trimtab.flow.verdicts import Lost, Retold
from trimtab.policy.judge import judge
from trimtab.policy.scope import configured_stage, stage_of
from trimtab.ports import Ports
from trimtab.records import Facts, Finding, Governance, Pool, Stage
from trimtab.units import Money

EVERYTHING_ELSE = "everything else"
"""The scope of the config's own `stage`."""
CEILING = "the whole deployment"
"""The scope of the highest stage that the deployment allows."""
HOUR = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Fit:
    """How the hours since would have gone."""

    steps: int
    """Hours that were measured."""
    missed: int
    """Of these, hours in which demand would not have fitted."""
    until: datetime
    first_missed: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """A change that would have been proposed, and how it would have gone."""

    scope: str
    what: str
    """dev-east/batch: count 6 → 5."""
    verdict: str
    """Id of the judgement."""
    since: datetime
    """When it would have been proposed; the end of its evidence is before that."""
    fit: Fit | None
    """None = nothing says; `why` does."""
    why: str = ""
    saved: Money | None = None
    """By the bill of the whole days since; None = the bill does not say."""
    billed_days: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Prospect:
    """One scope's changes, oldest first."""

    scope: str
    since: datetime
    trials: tuple[Trial, ...]

    @property
    def fitted(self) -> tuple[Trial, ...]:
        """Those that would have fitted every measured hour since."""
        return tuple(trial for trial in self.trials if trial.fit and not trial.fit.missed)

    @property
    def missed(self) -> tuple[Trial, ...]:
        """Those that would not."""
        return tuple(trial for trial in self.trials if trial.fit and trial.fit.missed)

    @property
    def unknown(self) -> tuple[Trial, ...]:
        """Those of which nothing can be said."""
        return tuple(trial for trial in self.trials if trial.fit is None)

    def saved(self) -> tuple[Money, ...]:
        """What they would have saved together, one sum a currency; those of unknown saving are in none."""
        sums: dict[str, Decimal] = {}
        for trial in self.trials:
            if trial.saved is not None:
                sums[trial.saved.currency] = sums.get(trial.saved.currency, Decimal(0)) + trial.saved.amount
        return tuple(Money(amount, currency) for currency, amount in sorted(sums.items()))


def prospects(told: Iterable[Retold | Lost], ports: Ports, since: datetime, now: datetime) -> tuple[Prospect, ...]:
    """Of every scope that only observes, what would have been proposed since, each change once, and how it would have gone."""
    bills = Bills(ports.documents)
    trials: dict[tuple[str, str, str], Trial] = {}
    for each in (each for each in told if isinstance(each, Retold)):
        for scope, facts in _observed(each):
            key = (scope, str(facts.finding.subject), repr(facts.finding.changes))
            if key not in trials:
                trials[key] = _trial(scope, each, facts, bills, ports, now)
    scopes = sorted({trial.scope for trial in trials.values()})
    of = {scope: sorted((trial for trial in trials.values() if trial.scope == scope), key=lambda trial: trial.since) for scope in scopes}
    return tuple(Prospect(scope=scope, since=since, trials=tuple(of[scope])) for scope in scopes)


# ── what would have been proposed ────────────────────────────────────────────────────────────────────────────────────
def _observed(told: Retold) -> Iterator[tuple[str, Facts]]:
    """Each change of a judgement that would have opened, had its scope not been at observe."""
    facts, governance = told.basis.facts, told.basis.governance
    parts = facts.members or (facts,)
    if governance is None or not any(stage_of(part, governance) is Stage.OBSERVE for part in parts):
        return
    if judge(_may_go_further(facts), _further(governance), told.basis.verdict.judged_at).may_open:
        yield from ((scope_of(part, governance), part) for part in parts if stage_of(part, governance) is Stage.OBSERVE)


def _further(governance: Governance) -> Governance:
    stages = tuple(replace(rule, stage=_at_least_approve(rule.stage)) for rule in governance.stages)
    return replace(governance, default_stage=_at_least_approve(governance.default_stage), stages=stages)


def _may_go_further(facts: Facts) -> Facts:
    members = tuple(_may_go_further(member) for member in facts.members)
    return replace(facts, highest_stage=_at_least_approve(facts.highest_stage), members=members)


def _at_least_approve(stage: Stage) -> Stage:
    return Stage.APPROVE if stage is Stage.OBSERVE else stage


def scope_of(facts: Facts, governance: Governance) -> str:
    """Which line of the config keeps a change at observe, in words."""
    if configured_stage(facts, governance) is not Stage.OBSERVE:
        return CEILING
    for rule in governance.stages:
        alone = replace(governance, stages=(rule,), default_stage=Stage.GUARDED)
        if rule.stage is Stage.OBSERVE and configured_stage(facts, alone) is Stage.OBSERVE:
            named = (("cluster", rule.cluster), ("project", rule.project), ("team", rule.team))
            return ", ".join(f"{kind} {name}" for kind, name in named if name is not None)
    return EVERYTHING_ELSE


# ── how it would have gone ───────────────────────────────────────────────────────────────────────────────────────────
def _trial(scope: str, told: Retold, facts: Facts, bills: Bills, ports: Ports, now: datetime) -> Trial:
    finding, since = facts.finding, told.basis.verdict.judged_at
    place = f"{facts.cluster.name if facts.cluster else finding.subject.cluster_uid}/{finding.subject.thing}"
    changes = ", ".join(f"{change.field} {change.old} → {change.new}" for change in finding.changes)
    fit, why = _fit(facts, ports, since, now)
    saved, days = _saved(facts, bills, since, now)
    return Trial(scope=scope, what=f"{place}: {changes}", verdict=told.id, since=since, fit=fit, why=why, saved=saved, billed_days=days)


def _fit(facts: Facts, ports: Ports, since: datetime, now: datetime) -> tuple[Fit | None, str]:
    """Would each measured hour after it have found its place on the proposed size? None where nobody can say, and why."""
    finding, cluster = facts.finding, facts.cluster
    pool = cluster.pool_of(finding.subject) if cluster else None
    if cluster is None or pool is None:
        return None, "it is not about a machine pool, or the pool was gone"
    instance = ports.catalog.find(cluster.cloud, cluster.region, finding.instance_type)
    if instance is None:
        return None, f"the catalog does not know {finding.instance_type}"
    start, end = _next_hour(since), now.replace(minute=0, second=0, microsecond=0)
    demand = ports.usage.demand(cluster.uid, pool.name, start, end) if start < end else None
    if demand is None:
        return None, "nothing was measured of it since"
    needed = NodesNeeded(items_of(demand), node_of(instance, demand.overhead))
    if not len(needed.steps):
        return None, "nothing was measured of it since"
    missed = needed.misses(nodes_after(finding, pool), np.ones(len(needed.steps), dtype=np.bool_))
    times = demand.times[needed.steps]
    first = datetime.fromtimestamp(int(times[np.flatnonzero(missed)[0]]), UTC) if missed.any() else None
    return Fit(steps=len(needed.steps), missed=int(missed.sum()), until=end, first_missed=first), ""


def _next_hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0) + (HOUR if at.minute or at.second or at.microsecond else timedelta(0))


def nodes_after(finding: Finding, pool: Pool) -> int:
    """How many nodes could have served: an autoscaler's highest, else the count that was proposed."""
    new = {change.field: change.new for change in finding.changes}
    if "max" in new:
        return int(new["max"])
    return pool.maximum if pool.is_autoscaled and pool.maximum is not None else finding.nodes_new


def _saved(facts: Facts, bills: Bills, since: datetime, now: datetime) -> tuple[Money | None, int]:
    """What the nodes that would not have been there cost on the whole billed days since; the newest day of a bill is still being filled.

    Only where nothing but the number of nodes would have changed: what another machine would have been charged is on no bill.
    """
    finding, cluster = facts.finding, facts.cluster
    pool = cluster.pool_of(finding.subject) if cluster else None
    is_count = {change.field for change in finding.changes} <= {"count", "min", "max"}
    if cluster is None or pool is None or not is_count or pool.is_autoscaled:
        return None, 0
    days = _days(cluster.name, pool.name, bills, since, now)
    if not days or len({day.currency for day in days}) != 1 or any(_uncovered(day) is None for day in days):
        return None, 0
    amounts = [_saved_on(day, finding.nodes_new) for day in days]
    return Money(sum(amounts, Decimal(0)), days[0].currency), len(days)


def _days(cluster: str, pool: str, bills: Bills, since: datetime, now: datetime) -> list[PoolDay]:
    summaries = [bills.summary(key) for key in bills.newest_first()]
    found = [day for summary in summaries if summary for day in summary.pool_costs]
    newest = min(max((day.day for day in found), default=""), f"{now:%Y-%m-%d}")
    mine = (day for day in found if (day.cluster, day.pool) == (cluster, pool) and f"{since:%Y-%m-%d}" < day.day < newest)
    return sorted((day for day in mine if day.node_hours > 0), key=lambda day: day.day)


def _uncovered(day: PoolDay) -> Decimal | None:
    """What was charged for its machines that no commitment covers: what a commitment pays for is not saved."""
    return day.machine.effective - day.machine.covered_effective if day.machine else None


def _saved_on(day: PoolDay, nodes: int) -> Decimal:
    """Never more than what was charged at all; below zero where more nodes would have run."""
    hours = day.node_hours - 24 * nodes
    charged = day.machine.effective / day.node_hours if day.machine else Decimal(0)
    return min(_uncovered(day) or Decimal(0), hours * charged)


# ── in words ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def sentence(prospect: Prospect) -> str:
    """14 changes would have been proposed since 2026-09-01; 13 would have fitted every hour since (21 days in the middle) …"""
    count, since = len(prospect.trials), f"{prospect.since:%Y-%m-%d}"
    said = [f"{count} {'change' if count == 1 else 'changes'} would have been proposed since {since}"]
    if prospect.fitted:
        middle = sorted(trial.fit.steps for trial in prospect.fitted if trial.fit)[len(prospect.fitted) // 2]
        said.append(f"{len(prospect.fitted)} would have fitted every hour since ({_long(middle)} in the middle)")
    if prospect.missed:
        said.append(f"{len(prospect.missed)} would not: {'; '.join(map(_missed, prospect.missed))}")
    if prospect.unknown:
        said.append(f"of {len(prospect.unknown)} nobody knows: {'; '.join(f'{trial.what} ({trial.why})' for trial in prospect.unknown)}")
    sums = ", ".join(f"{money.amount:,.2f} {money.currency}" for money in prospect.saved())
    billed = sum(1 for trial in prospect.trials if trial.saved is not None)
    money = f"; by the bill {billed} of them would have saved {sums}" if sums else "; what they would have saved, no bill says yet"
    return "; ".join(said) + money


def _long(hours: int) -> str:
    return f"{hours // 24} days" if hours >= 48 else f"{hours} hours"


def _missed(trial: Trial) -> str:
    if trial.fit is None or trial.fit.first_missed is None:
        return trial.what
    return f"{trial.what} in {trial.fit.missed} of {trial.fit.steps} hours, first on {trial.fit.first_missed:%Y-%m-%d %H:%M} UTC"
