"""What is worth changing and what is left alone, for scripts."""

from collections.abc import Sequence

from trimtab.analysis.ranking import bound, rank, top
from trimtab.cli.findings import MOST, Names, amount_of, change_in_words, place, why_not_more
from trimtab.flow.runs import Analysis, Plan
from trimtab.flow.totals import Total, pool_totals, run_totals
from trimtab.records import ClusterUid, Finding
from trimtab.render.view import misses_per_1000


def as_json(frozen: Plan, analyses: Sequence[Analysis], names: Names) -> dict[str, object]:
    """The form that docs/rightsizing.md promises: `findings` whole and in their order, `top` the first ten in short."""
    findings = rank(finding for analysis in analyses for finding in analysis.findings)
    return {
        "run": frozen.run,
        "at": frozen.at,
        "usage_version": frozen.usage_version,
        "top": [_short(finding, names) for finding in top(findings, MOST)],
        "together": [_total(total, names) for total in run_totals(analyses)],
        "pools": [_total(total, names) for analysis in analyses for total in pool_totals(analysis)],
        "findings": findings,
        "refusals": [refusal for analysis in analyses for refusal in analysis.refusals],
    }


def _short(finding: Finding, names: Names) -> dict[str, object]:
    rates = misses_per_1000(finding)
    return {
        "where": place(finding.subject, names),
        "what": change_in_words(finding),
        "rule": finding.rule,
        "currency": finding.saving_list.currency,
        "saving_effective": amount_of(finding.saving_effective),
        "saving_list": amount_of(finding.saving_list),
        "saving_freed": amount_of(finding.saving_freed),
        "scores": finding.scores,
        "misses_per_1000": {"as_it_is": rates.old, "as_proposed": rates.new, "per": rates.per} if rates else None,
        "bad_days_bound": bound(finding.evidence) if finding.evidence.violations_new == 0 else None,
        "why_not_more": why_not_more(finding),
        "needs_person": finding.needs_person,
    }


def _total(total: Total, names: Names) -> dict[str, object]:
    return {
        "where": f"{names.get(ClusterUid(total.cluster_uid), total.cluster_uid)}/{total.pool}" if total.pool else "all",
        "findings": total.findings,
        "currency": total.costs.currency,
        "costs_list": total.costs.amount,
        "saving_list": total.saving_list.amount,
        "saving_effective": amount_of(total.saving_effective),
        "saving_freed": amount_of(total.saving_freed),
    }
