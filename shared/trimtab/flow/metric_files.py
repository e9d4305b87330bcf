"""Cost and savings for a Prometheus: one text per audience beside the summaries, made by `verify` once an hour, read by whoever may.

A team's text is made of the team's own summaries and proposals alone. Where the rules mask amounts, or cannot be read, it has none.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal

from trimtab.attribution.owners import slugged
from trimtab.attribution.summary import Summary
from trimtab.errors import BadInput
from trimtab.flow.governance import home_governance
from trimtab.flow.life import Life, lives
from trimtab.lifecycle import State
from trimtab.ports import Ports
from trimtab.records import Proposal
from trimtab.render.openmetrics import Sample, openmetrics
from trimtab.units import Money

ALL = "all"
PERIODS = 13
"""The newest ones; each period has a series per team."""
TEAMS = 500
"""The largest ones by name; labels name teams, and whoever sets labels could make any number of series."""
THE_REST = "(all other teams)"
OPEN = (State.PLANNED, State.OPEN, State.AWAITING, State.APPROVED, State.MERGING, State.EXPIRED, State.HUMAN_OWNED)
MERGED = (State.MERGED, State.APPLIED, State.VERIFIED)


def text_key(audience: str) -> str:
    """Where an audience's text is kept; an audience is "all" or `team-<slug>`, as for summaries."""
    return f"metrics/{audience}.txt"


def keep_metric_files(ports: Ports) -> str:
    """Write every audience's text where it changed."""
    shows_money, known = _shows_money(ports), tuple(lives(ports).values())
    scopes = sorted({key.split("/")[1] for key in ports.documents.keys("summaries/")} | {ALL})
    for scope in scopes:
        text = openmetrics(_samples(scope, known, ports, shows_money=shows_money))
        if ports.documents.find_text(text_key(scope)) != text:
            ports.documents.publish_text(text_key(scope), text)
    return ""


def _shows_money(ports: Ports) -> bool:
    try:
        return home_governance(ports).access.mask == "none"
    except BadInput:
        return False


def _samples(scope: str, known: Sequence[Life], ports: Ports, *, shows_money: bool) -> Iterator[Sample]:
    own = [life for life in known if scope == ALL or scope in _audiences(life.planned())]
    for key in ports.documents.keys(f"summaries/{scope}/")[-PERIODS:]:
        yield from _period(key, ports, shows_money=shows_money)
    counts = {state: sum(life.state is state for life in own) for state in OPEN}
    yield from (Sample(family="trimtab_open_proposals", value=count, labels=(state.value,)) for state, count in counts.items())
    merged = [life for life in own if life.state in MERGED and life.planned().undoes is None]
    yield Sample(family="trimtab_unmeasured_changes", value=sum(_realized(life) is None for life in merged))
    if shows_money:
        yield from _sums("trimtab_promised_monthly_savings", [money for life in merged for money in _promised(life)])
        yield from _sums("trimtab_realized_monthly_savings", [money for life in merged if (money := _realized(life)) is not None])


def _audiences(proposal: Proposal) -> frozenset[str]:
    """Whose change it is: the team that owns it, and those whose cost is on the same pool."""
    return frozenset(f"team-{slugged(team)}" for team in (proposal.team, *(team for team, _ in proposal.owners)) if team)


def _period(key: str, ports: Ports, *, shows_money: bool) -> Iterator[Sample]:
    document = ports.documents.find(key)
    if document is None:
        return
    summary = Summary.from_json(document)
    period = summary.period.removeprefix("p-")
    at = int(datetime.fromisoformat(summary.made_at).timestamp())
    yield Sample(family="trimtab_attributed_timestamp_seconds", value=at, labels=(period,))
    if shows_money:
        yield from _teams(summary, period)
    for found in summary.reconciliations if summary.scope == ALL else ():
        if found.measure == "EffectiveCost" and found.unallocated_share is not None:
            share = round(found.unallocated_share, 6)
            yield Sample(family="trimtab_unallocated_ratio", value=share, labels=(period, found.currency))


def _teams(summary: Summary, period: str) -> Iterator[Sample]:
    for currency in sorted({line.currency for line in summary.by_team}):
        named = {line.name: line.amounts.effective for line in summary.by_team if line.name and line.currency == currency}
        order = sorted(named, key=lambda name: (-named[name], name))
        shown = {name: named[name] for name in order[:TEAMS]}
        if order[TEAMS:]:
            shown[THE_REST] = shown.get(THE_REST, Decimal(0)) + sum((named[name] for name in order[TEAMS:]), Decimal(0))
        for name, cost in shown.items():
            yield Sample(family="trimtab_allocated_cost", value=cost, labels=(name, period, currency))


def _promised(life: Life) -> list[Money]:
    """What the record says it promised; before anybody looked, the figure that its pull request named."""
    if life.outcome is not None:
        return [life.outcome.promised]
    return [part.finding.saving_effective or part.finding.saving_list for part in life.planned().parts]


def _realized(life: Life) -> Money | None:
    return life.outcome.measured if life.outcome else None


def _sums(family: str, amounts: Iterable[Money]) -> Iterator[Sample]:
    sums: dict[str, Decimal] = {}
    for money in amounts:
        sums[money.currency] = sums.get(money.currency, Decimal(0)) + money.amount
    yield from (Sample(family=family, value=amount, labels=(currency,)) for currency, amount in sorted(sums.items()))
