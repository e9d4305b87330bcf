"""What all findings of a run save together: levers on one cost multiply, different costs add up."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from trimtab.analysis.ranking import Together, together
from trimtab.flow.runs import Analysis
from trimtab.records import Finding
from trimtab.units import Money

MONEY_DIGITS = Decimal("0.000001")
INSTEAD = frozenset({"instance_type", "gpu_sharing"})
"""Fields whose changes of one pool are alternatives: each answers the same waste, and neither was tried on top of the other."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Total:
    """What the findings on one thing, or of a whole run, save a month if all of them are done."""

    cluster_uid: str
    """"" = the whole run."""
    pool: str
    """"" = the whole cluster, or the whole run."""
    findings: int
    """How many are in it."""
    costs: Money
    """What it costs a month now, at list price."""
    saving_list: Money
    saving_effective: Money | None
    """None = of at least one finding it is not known."""
    saving_freed: Money | None

    @property
    def share(self) -> Decimal:
        """Of the cost, at list price, 0 to 1."""
        return self.saving_list.amount / self.costs.amount if self.costs.amount > 0 else Decimal(0)


def pool_totals(analysis: Analysis) -> list[Total]:
    """Every pool whose cost is known and that something saves on, in the analysis' order."""
    totals = []
    for cost in analysis.costs:
        own = _compatible([finding for finding in _saving(analysis.findings, cost.monthly.currency) if _is_of(finding, cost.pool)])
        if own:
            whole = together([finding.saving_list for finding in own], cost.monthly)
            totals.append(_total(analysis.cluster_uid, cost.pool, own, whole))
    return totals


def run_totals(analyses: Sequence[Analysis]) -> list[Total]:
    """All of it, per currency."""
    clusters = [total for analysis in analyses for total in _cluster_totals(analysis)]
    return [_added([total for total in clusters if total.costs.currency == currency]) for currency in sorted(_currencies(clusters))]


def _currencies(totals: Iterable[Total]) -> set[str]:
    return {total.costs.currency for total in totals}


def _cluster_totals(analysis: Analysis) -> list[Total]:
    """Per currency; a cluster none of whose pools has a price has none."""
    return [_cluster_total(analysis, currency) for currency in sorted({cost.monthly.currency for cost in analysis.costs})]


def _cluster_total(analysis: Analysis, currency: str) -> Total:
    """Pools are different costs and add up; smaller requests take their share of what the pools' own levers leave."""
    pools = [total for total in pool_totals(analysis) if total.costs.currency == currency]
    others = [finding for finding in _saving(analysis.findings, currency) if finding.subject.kind == "workload"]
    costs = Money(sum((cost.monthly.amount for cost in analysis.costs if cost.monthly.currency == currency), Decimal(0)), currency)
    by_pools = Money(sum((total.saving_list.amount for total in pools), Decimal(0)), currency)
    each: Sequence[Total | Finding] = (*pools, *others)
    whole = together([by_pools, *(finding.saving_list for finding in others)], costs)
    return Total(
        cluster_uid=analysis.cluster_uid,
        pool="",
        findings=sum(total.findings for total in pools) + len(others),
        costs=costs,
        saving_list=_rounded(whole.saving),
        saving_effective=_sum([one.saving_effective for one in each], currency, whole.overlap),
        saving_freed=_sum([one.saving_freed for one in each], currency, whole.overlap),
    )


def _total(uid: str, pool: str, findings: Sequence[Finding], whole: Together) -> Total:
    currency = whole.costs.currency
    return Total(
        cluster_uid=uid,
        pool=pool,
        findings=len(findings),
        costs=whole.costs,
        saving_list=_rounded(whole.saving),
        saving_effective=_sum([finding.saving_effective for finding in findings], currency, whole.overlap),
        saving_freed=_sum([finding.saving_freed for finding in findings], currency, whole.overlap),
    )


def _added(totals: Sequence[Total]) -> Total:
    currency = totals[0].costs.currency
    return Total(
        cluster_uid="",
        pool="",
        findings=sum(total.findings for total in totals),
        costs=Money(sum((total.costs.amount for total in totals), Decimal(0)), currency),
        saving_list=Money(sum((total.saving_list.amount for total in totals), Decimal(0)), currency),
        saving_effective=_sum([total.saving_effective for total in totals], currency, Decimal(1)),
        saving_freed=_sum([total.saving_freed for total in totals], currency, Decimal(1)),
    )


def _saving(findings: Iterable[Finding], currency: str) -> list[Finding]:
    return [finding for finding in findings if finding.saving_list.amount > 0 and finding.saving_list.currency == currency]


def _compatible(findings: Sequence[Finding]) -> list[Finding]:
    """Of those that are done instead of each other, other machines or shared ones, only the largest."""
    instead = [finding for finding in findings if finding.subject.field in INSTEAD]
    largest = max(instead, key=lambda finding: finding.saving_list.amount, default=None)
    return [finding for finding in findings if finding is largest or finding.subject.field not in INSTEAD]


def _is_of(finding: Finding, pool: str) -> bool:
    return finding.subject.kind == "pool" and finding.subject.pool == pool


def _sum(amounts: Sequence[Money | None], currency: str, overlap: Decimal) -> Money | None:
    """Exact; None where one is not known: a sum of some would pass for all."""
    known = [amount for amount in amounts if amount is not None]
    if len(known) < len(amounts):
        return None
    return _rounded(Money(sum((amount.amount for amount in known), Decimal(0)) * overlap, currency))


def _rounded(money: Money) -> Money:
    return Money(money.amount.quantize(MONEY_DIGITS), money.currency)
