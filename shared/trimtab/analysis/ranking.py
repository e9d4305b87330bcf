"""Which findings matter first, how they compare, and what several of them save together.

Order: growth that somebody waits for, then other growth, then by what is really saved a month (at list price where that is not known),
then by list price, confidence and name, so that no two findings ever share a place.

Scores, each from 0 to 1. They order and explain; no gate is lowered by one:

    cost         what is really saved (or at list price) / what the subject costs now; growth and unknown cost: 0
    risk         1 - product(1 - r) over: judged steps missed 0.6 (1 where more than today), how full the new size would have been
                 (0 up to 70 %, 0.5 at 100 %), half of the share of nodes that goes, 0.3 where nodes are replaced, 0.2 for each thing a
                 drain may hurt, 0.1 for each thing not known, 0.3 for each similar change that went badly
    velocity     1 x 0.5 where nodes are replaced x 0.25 where an edit cannot do it x 0.9 for each further field
    confidence   days / 30 (at most 1) x coverage x (1 - 3/judged days) x 0.9 for each thing not known;
                 3/n is the upper bound at 95 % on the share of bad days that n clean ones can support
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from math import isfinite, prod

from trimtab.records import ChartPoint, Evidence, Finding, PastCase, Scores
from trimtab.units import Money

FULL_EVIDENCE_DAYS = 30
BOUND = 3
"""Zero bad days of n: at most 3/n of all days are bad, at 95 %."""
COMFORTABLE = 0.7
SHARE_DIGITS = Decimal("0.000000001")
MONEY_DIGITS = Decimal("0.000001")
_ONE = Decimal(1)


# ── Order ────────────────────────────────────────────────────────────────────────────────────────────────────────────
def rank(findings: Iterable[Finding]) -> list[Finding]:
    """All of them, the one that matters most first."""
    return sorted(findings, key=_place)


def top(findings: Iterable[Finding], count: int = 10) -> list[Finding]:
    """The first of those that gain anything by themselves: a saving, freed machines, or room that is missing."""
    return [finding for finding in rank(findings) if is_growth(finding) or gains(finding)][:count]


def gains(finding: Finding) -> bool:
    """True where it saves or frees something by itself."""
    return worth(finding).amount > 0 or (finding.saving_freed is not None and finding.saving_freed.amount > 0)


def worth(finding: Finding) -> Money:
    """What is saved a month: really, or at list price where that is not known."""
    return finding.saving_list if finding.saving_effective is None else finding.saving_effective


def is_growth(finding: Finding) -> bool:
    """True where it adds something; somebody may be waiting for it."""
    if finding.saving_list.amount != 0:
        return finding.saving_list.amount < 0
    return finding.evidence.violations_old > finding.evidence.violations_new


def _place(finding: Finding) -> tuple[object, ...]:
    """Amounts of two currencies never meet: where there are two, one stands after the other."""
    growth, saved = is_growth(finding), worth(finding)
    confidence = finding.scores.confidence if finding.scores else 0.0
    return (
        not growth,
        -_missed(finding.evidence) if growth else 0.0,
        not gains(finding),
        saved.currency,
        -saved.amount,
        -finding.saving_list.amount,
        -confidence,
        str(finding.subject),
        finding.rule,
        tuple((change.field, change.new) for change in finding.changes),
    )


def _missed(evidence: Evidence) -> float:
    """Share of the judged steps in which demand did not fit."""
    return evidence.violations_old / evidence.judged_steps if evidence.judged_steps > 0 else 0.0


# ── Scores ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def scored(finding: Finding, *, costs: Money | None = None, similar: Sequence[PastCase] = ()) -> Finding:
    """The finding with its scores and the past cases they count; `costs` is what the subject costs a month at list price."""
    whole = replace(finding, similar=tuple(similar))
    scores = Scores(cost=cost(whole, costs), risk=risk(whole), velocity=velocity(whole), confidence=confidence(whole))
    return replace(whole, scores=scores)


def cost(finding: Finding, costs: Money | None) -> float:
    """What is saved, as a share of what the subject costs now."""
    saved = worth(finding)
    if costs is None or costs.amount <= 0 or costs.currency != saved.currency:
        return 0.0
    return _share(float(saved.amount / costs.amount))


def risk(finding: Finding) -> float:
    """What speaks against it: one bad thing is enough, and many small ones add up without ever passing 1."""
    evidence = finding.evidence
    missed = 0.0 if not evidence.violations_new else 1.0 if evidence.violations_new > evidence.violations_old else 0.6
    gone = 0.0 if is_growth(finding) else _share(abs(finding.nodes_old - finding.nodes_new) / max(finding.nodes_old, 1))
    parts = (
        missed,
        _share((fullest(evidence.chart) - COMFORTABLE) / (1 - COMFORTABLE)) / 2,
        gone / 2,
        0.3 if finding.is_repave else 0.0,
        1 - 0.8 ** len(finding.disruption),
        1 - 0.9 ** len(finding.unknowns),
        1 - 0.7 ** sum(1 for case in finding.similar if not case.went_well),
    )
    return _share(1 - prod(1 - part for part in parts))


def velocity(finding: Finding) -> float:
    """How soon it is done."""
    slow = (0.5 if finding.is_repave else 1.0) * (0.25 if finding.needs_person else 1.0)
    return _share(slow * 0.9 ** max(0, len(finding.changes) - 1))


def confidence(finding: Finding) -> float:
    """How far the evidence carries."""
    evidence = finding.evidence
    days = min(1.0, evidence.days / FULL_EVIDENCE_DAYS)
    clean = 1 - bound(evidence) if evidence.judged_days else 0.0
    return _share(days * _share(evidence.coverage) * clean * 0.9 ** len(finding.unknowns))


def bound(evidence: Evidence) -> float:
    """Upper bound (95 %) on the share of days in which demand would not fit, where all judged days are clean: hours are not independent."""
    return min(1.0, BOUND / evidence.judged_days) if evidence.judged_days > 0 else 1.0


def fullest(chart: Iterable[ChartPoint]) -> float:
    """Highest share of the new capacity that was ever asked for; what was never measured counts as full."""
    shares = [point.demand / point.capacity_new for point in chart if point.demand is not None and point.capacity_new > 0]
    return max(shares, default=1.0)


def _share(value: float) -> float:
    """Between 0 and 1; what is no number is no good sign anywhere that it is used, and counts as 0 there."""
    return min(1.0, max(0.0, value)) if isfinite(value) else 0.0


# ── Together ─────────────────────────────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True, kw_only=True, slots=True)
class Together:
    """What several findings on the same cost save if all of them are done; growth is no saving and is not in it."""

    costs: Money
    """What it costs a month now, at list price."""
    share: Decimal
    """1 - product(1 - each one's share of it), 0 to 1."""
    saving: Money
    """A month, at list price; one alone saves exactly what it says."""
    overlap: Decimal
    """What is saved together, of what the findings save one by one added up; 1 where nothing overlaps."""


def together(savings: Sequence[Money], costs: Money) -> Together:
    """Several savings on the same cost: each takes its share of what the others leave, so never more than there is.

    Raises ValueError where an amount is in another currency than the cost.
    """
    zero = Money(Decimal(0), costs.currency)
    amounts = sorted(amount for saving in savings if (amount := (zero + saving).amount) > 0)
    if not amounts or not costs.amount > 0:
        return Together(costs=costs, share=Decimal(0), saving=zero, overlap=_ONE)
    left = prod((_ONE - min(_ONE, amount / costs.amount) for amount in amounts), start=_ONE)
    saved = min(amounts[0], costs.amount) if len(amounts) == 1 else (costs.amount * (_ONE - left)).quantize(MONEY_DIGITS)
    return Together(
        costs=costs,
        share=(_ONE - left).quantize(SHARE_DIGITS),
        saving=Money(saved, costs.currency),
        overlap=min(_ONE, (saved / sum(amounts)).quantize(SHARE_DIGITS)),
    )


__all__ = [
    "Together",
    "bound",
    "confidence",
    "cost",
    "fullest",
    "gains",
    "is_growth",
    "rank",
    "risk",
    "scored",
    "together",
    "top",
    "velocity",
    "worth",
]
