"""What stands on the first page: proposals, whose cost it is, where each dollar went, and what was left alone and why."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from trimtab.attribution.summary import Summary
from trimtab.cli.story import is_shown, proposal_row, total
from trimtab.flow.access import OPERATOR, scopes_of
from trimtab.flow.life import STREAMS, Life, fold
from trimtab.flow.runs import Analysis, latest_analyses
from trimtab.lifecycle import State
from trimtab.policy.access_rules import Audience
from trimtab.ports import Ports
from trimtab.records import Finding, Reconciliation, Tier
from trimtab.render.page import Bar, bar_svg, stacked_svg

_ASKING = (State.AWAITING, State.OPEN, State.APPROVED, State.EXPIRED)
PARTS = (
    ("allocated", "allocated", "part-allocated"),
    ("idle", "idle", "part-idle"),
    ("unallocated", "no owner", "part-unallocated"),
    ("not_kubernetes", "not Kubernetes", "part-outside"),
)
Values = dict[str, object]


def overview(ports: Ports, asker: Audience = OPERATOR) -> Values:
    """Every value of the first page, as far as somebody may see it."""
    known = [life for _, entry in sorted(ports.ledger.heads(STREAMS).items()) if (life := fold(entry)).proposal]
    lives = [life for life in known if is_shown(life.planned(), asker)]
    scopes = ["all"] if asker.teams is None else sorted(scopes_of(asker) or ())
    keys = [key for scope in scopes for key in ports.documents.keys(f"summaries/{scope}/")]
    summaries = [Summary.from_json(document) for key in keys if (document := ports.documents.find(key))]
    reconciliations = total(item for summary in summaries for item in summary.reconciliations)
    return {
        "proposals": [_row(life) for life in sorted(lives, key=_most_urgent)],
        "count": len(lives),
        "asking": sum(life.state in _ASKING for life in lives),
        "savings": open_savings(lives),
        "periods": _periods(summaries),
        "currencies": [_currency(rows) for rows in _by_currency(reconciliations)],
        "teams": _teams(summaries),
        **(_newest_run(ports, lives) if asker.teams is None else {"run": None, "refusals": [], "not_opened": []}),
    }


def _periods(summaries: Sequence[Summary]) -> str:
    """2026-06, or 2026-06 to 2026-08."""
    periods = sorted(summary.period.removeprefix("p-") for summary in summaries)
    return " to ".join(dict.fromkeys([*periods[:1], *periods[-1:]]))


def _most_urgent(life: Life) -> tuple[bool, Decimal, str]:
    saved = sum((part.finding.saving_list.amount for part in life.planned().parts), Decimal(0))
    return life.state not in _ASKING, -saved, life.planned().id


def _row(life: Life) -> Values:
    verdict = life.verdict
    return proposal_row(life) | {
        "level": verdict.risk.level if verdict else None,
        "is_asking": life.state in _ASKING,
        "is_automatic": verdict is not None and verdict.tier is Tier.AUTO,
        "tone": tone(life.state),
    }


def tone(state: State) -> str:
    """How a state is colored."""
    if state in _ASKING:
        return "asking"
    if state in (State.MERGED, State.APPLIED, State.VERIFIED):
        return "good"
    return "bad" if state in (State.FAILED, State.ROLLED_BACK) else "quiet"


def open_savings(lives: Sequence[Life]) -> list[Values]:
    """What the open proposals would save a month, per currency.

    Growth is no saving. Changes of one pool share its cost and are made one at a time: only the largest of them counts.
    """
    asked = [part.finding for life in lives if life.state in _ASKING for part in life.planned().parts]
    saving = sorted((finding for finding in asked if finding.saving_list.amount > 0), key=lambda finding: finding.saving_list.amount)
    findings = list({(finding.subject.cluster_uid, finding.subject.thing): finding for finding in saving}.values())
    currencies = sorted({finding.saving_list.currency for finding in findings})
    return [_saving(currency, [finding for finding in findings if finding.saving_list.currency == currency]) for currency in currencies]


def _saving(currency: str, findings: Sequence[Finding]) -> Values:
    """Where the bill is silent about a pool, its list price is not taken for what is really paid."""
    real = [finding.saving_effective.amount for finding in findings if finding.saving_effective]
    return {
        "currency": currency,
        "list": sum((finding.saving_list.amount for finding in findings), Decimal(0)),
        "effective": sum(real, Decimal(0)) if real else None,
        "known": len(real),
        "of": len(findings),
    }


def _by_currency(rows: Sequence[Reconciliation]) -> list[list[Reconciliation]]:
    currencies = sorted({row.currency for row in rows}, key=lambda currency: -max(row.billed for row in rows if row.currency == currency))
    return [[row for row in rows if row.currency == currency] for currency in currencies]


def _currency(rows: Sequence[Reconciliation]) -> Values:
    """One currency's four parts, per measure; its bar and its idle share are of what was really charged."""
    effective = next((row for row in rows if row.measure == "EffectiveCost"), rows[0])
    kubernetes = effective.allocated + effective.idle + effective.unallocated
    return {
        "currency": effective.currency,
        "effective": effective.billed,
        "bar": stacked_svg([Bar(name=words, amount=getattr(effective, name), style=style) for name, words, style in PARTS]),
        "legend": [{"words": words, "style": style, "amount": getattr(effective, name)} for name, words, style in PARTS],
        "idle_share": f"{100 * effective.idle / kubernetes:.1f}%" if kubernetes > 0 else None,
        "rows": [
            {name: getattr(row, name) for name in ("measure", "billed", *(part[0] for part in PARTS))} | _difference(row) for row in rows
        ],
    }


def _difference(row: Reconciliation) -> Values:
    """To the last digit, because anything but zero is a bug."""
    return {"difference": format(row.difference.normalize() + Decimal(0), "f"), "is_exact": row.difference == 0}


def _teams(summaries: Sequence[Summary]) -> list[Values]:
    """Effective cost by team over all periods, a list of bars per currency: two currencies do not compare. Without a team comes last."""
    sums: dict[tuple[str, str | None], Decimal] = {}
    for line in (line for summary in summaries for line in summary.by_team):
        sums[line.currency, line.name] = sums.get((line.currency, line.name), Decimal(0)) + line.amounts.effective
    return [
        {"currency": currency, "rows": _team_rows({team: amount for (other, team), amount in sums.items() if other == currency})}
        for currency in dict.fromkeys(currency for currency, _ in sorted(sums, key=lambda key: -sums[key]))
    ]


def _team_rows(own: Mapping[str | None, Decimal]) -> list[Values]:
    largest = max(own.values())
    ordered = sorted(own.items(), key=lambda item: (item[0] is None, -item[1], item[0] or ""))
    return [{"team": team, "effective": amount, "bar": bar_svg(amount, largest)} for team, amount in ordered]


def _newest_run(ports: Ports, lives: Sequence[Life]) -> Values:
    """What the newest finished run refused, and what it found and could not open."""
    latest = ports.documents.find("runs/latest")
    if latest is None:
        return {"run": None, "refusals": [], "not_opened": []}
    analyses = latest_analyses(str(latest["run"]), ports)
    names = _names(ports, analyses, lives)
    not_opened: Any = (ports.documents.find(f"runs/{latest['run']}/refused") or {}).get("refusals") or []
    return {
        "run": {"name": str(latest["run"]), "at": str(latest["at"])[:16].replace("T", " ")},
        "refusals": [
            {
                "pool": f"{names.get(refusal.cluster_uid, refusal.cluster_uid)}/{refusal.pool}",
                "rule": refusal.rule,
                "reason": refusal.reason,
                "needs": refusal.needs,
                "eligible_from": refusal.eligible_from.isoformat() if refusal.eligible_from else "",
            }
            for analysis in analyses
            for refusal in analysis.refusals
        ],
        "not_opened": [
            {"pool": f"{names.get(row['cluster_uid'], row['cluster_uid'])}/{row['pool']}", "rule": row["rule"], "reason": row["reason"]}
            for row in not_opened
        ],
    }


def _names(ports: Ports, analyses: Sequence[Analysis], lives: Sequence[Life]) -> dict[str, str]:
    """Cluster uid → name: from the files that declare them, and from what measured them."""
    names: dict[str, str] = {life.planned().finding.subject.cluster_uid: life.planned().place.cluster for life in lives}
    for uid in {analysis.cluster_uid for analysis in analyses} - set(names):
        measured = ports.documents.find(f"demand/{uid}")
        if measured and measured.get("cluster"):
            names[uid] = str(measured["cluster"])
    return names
