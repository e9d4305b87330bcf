"""One proposal as its reviewer sees it: the change, what it saves, how risky it is, the proof, the verdict and the record."""

from dataclasses import replace
from datetime import datetime

from trimtab.cli.page.decisions import ASKS, deciders, may_approve, may_review, read_only_reason
from trimtab.cli.page.overview import Values, tone
from trimtab.cli.story import life_of, proposal_row, waits_for, why
from trimtab.flow.life import STREAMS, Life
from trimtab.ports import Ports
from trimtab.records import ClusterUid, Entry, Finding, Proposal, Verdict, VerdictLine
from trimtab.render.members import is_group, plain, summed
from trimtab.render.page import demand_svg, diff_lines
from trimtab.render.pull_request import phrases_of
from trimtab.render.slack import REASONS
from trimtab.render.text import is_shown_whole
from trimtab.render.view import amount, misses_per_1000, money, similar_sentences, title, view

_EFFECTS = {"blocks": "stops it", "waits": "waits", "needs-person": "asks for a person", "informs": "for your information"}


def proposal_page(proposal: str, ports: Ports, mark: str) -> Values:
    """Every value of a proposal's page. Raises BadInput where there is none of that id, Broken where its record does not hold."""
    life = life_of(proposal, ports)
    planned, finding = life.planned(), life.planned().finding
    return {
        "id": planned.id,
        "title": headline(planned),
        "state": str(life.state),
        "tone": tone(life.state),
        "row": proposal_row(life),
        "why": why(life) or f"it is {life.state}.",
        "pull_request": _pull_request(life),
        "saving": _saving(summed(planned)),
        "risk": _risk(life, ports),
        "path": planned.edit.path,
        "diff": diff_lines(planned.edit.diff),
        "edits": [{"key": key, "name": key.rsplit(".", 1)[-1], "old": old, "new": new} for key, old, new in planned.edit.changes],
        "edits_many": len(planned.edit.changes) > 1,
        "evidence": _evidence_of_all(planned) if is_group(planned) else _evidence(finding),
        "verdict": _verdict(life.verdict),
        "approvals": [
            {"person": approval.person, "via": approval.via, "at": _minute(approval.at), "head": approval.binding.head[:10]}
            for approval in life.approvals
        ],
        "entries": [_entry(entry) for entry in ports.ledger.entries(f"{STREAMS}{planned.id}")],
        "decision": _decision(life, ports, mark),
        "obstacles": _obstacles(life),
    }


def headline(proposal: Proposal) -> str:
    """The pull request's own title, with the cluster's name as its file says it."""
    return title(_named(proposal), None)


def _named(proposal: Proposal) -> Proposal:
    """Without asking Palette, the words say the cluster's name from Git instead of its uid."""
    proposal = plain(proposal)
    finding = proposal.finding
    subject = replace(finding.subject, cluster_uid=ClusterUid(proposal.place.cluster))
    return replace(proposal, finding=replace(finding, subject=subject))


def _words(life: Life, verdict: Verdict) -> dict[str, object]:
    """The values that pull request and card are worded with."""
    return view(_named(life.planned()), None, verdict) | {"uid": life.planned().finding.subject.cluster_uid}


def _pull_request(life: Life) -> Values | None:
    ref = life.pull_request
    if ref is None:
        return None
    is_link = ref.url.startswith(("https://", "http://"))
    return {"number": ref.number, "repo": ref.repo, "link": ref.url if is_link else "", "url": ref.url, "head": ref.head[:10]}


def _saving(finding: Finding) -> Values:
    """The number that matters large, the other one small; growth costs and says so."""
    real, freed = finding.saving_effective or finding.saving_list, finding.saving_freed
    return {
        "freed": money(freed) if freed is not None and freed.amount > 0 else "",
        "verb": "saves" if real.amount > 0 else "costs" if real.amount < 0 else "changes nothing on the bill",
        "amount": money(real),
        "is_cost": real.amount < 0,
        "basis": "at what you really pay" if finding.saving_effective else "at list price; what you really pay is not known",
        "list": money(finding.saving_list) if finding.saving_effective else "",
        "prices": finding.price_source,
    }


def _risk(life: Life, ports: Ports) -> Values | None:
    verdict = life.verdict
    if verdict is None:
        return None
    phrases = phrases_of(_named(life.planned()), None, verdict, ports.wording, is_markdown=False)
    return {
        "word": verdict.risk.word,
        "level": verdict.risk.level,
        "tier": str(verdict.tier),
        "phrases": [f"{phrase[:1].upper()}{phrase[1:]}." for phrase in phrases],
        "dimensions": [{"name": name, "level": level} for name, level in verdict.risk.dimensions().items()],
    }


def _evidence(finding: Finding) -> Values:
    evidence = finding.evidence
    return {
        "wide": demand_svg(evidence, width=1080, height=300),
        "narrow": demand_svg(evidence, width=400, height=240),
        "has_gap": any(point.demand is None for point in evidence.chart),
        "is_over": any(point.demand is not None and point.demand > point.capacity_new for point in evidence.chart),
        "lines": (*evidence.lines, *finding.disruption),
        "unknowns": finding.unknowns,
        "runner_up": finding.runner_up,
        "similar": similar_sentences(finding),
        "facts": _facts_of(finding),
    }


def _facts_of(finding: Finding) -> tuple[tuple[str, str], ...]:
    evidence = finding.evidence
    return (
        ("measured", f"{evidence.start:%Y-%m-%d} to {evidence.end:%Y-%m-%d}, {100 * evidence.coverage:.1f}% of the samples"),
        ("source", evidence.source),
        ("demand", f"half of the time {amount(evidence.typical)} {evidence.unit} or less, at most {amount(evidence.peak)}"),
        ("tried on", _tried(finding)),
    )


def _evidence_of_all(proposal: Proposal) -> Values:
    """Of several changes, each one's words under its name; a chart would be only one's."""
    named = [(part.place.pool, part.finding) for part in proposal.parts]
    return {
        "wide": "",
        "narrow": "",
        "has_gap": False,
        "is_over": False,
        "lines": [f"{name}: {line}" for name, found in named for line in (*found.evidence.lines, *found.disruption)],
        "unknowns": [f"{name}: {line}" for name, found in named for line in found.unknowns],
        "runner_up": "",
        "similar": [f"{name}: {line}" for name, found in named for line in similar_sentences(found)],
        "facts": [(f"{name}, {what}", value) for name, found in named for what, value in _facts_of(found)],
    }


def _tried(finding: Finding) -> str:
    evidence = finding.evidence
    if not evidence.judged_days:
        return "nothing: no days were left over"
    fit = "all would have fit" if not evidence.violations_new else f"{evidence.violations_new:,} would not have fit"
    rates = misses_per_1000(finding)
    rate = f"; per 1,000 {rates.per} {rates.old:.2f} misses as it is, {rates.new:.2f} as proposed" if rates else ""
    return f"{evidence.judged_days} days that the choice had not seen, {evidence.judged_steps:,} steps: {fit}{rate}"


def _verdict(verdict: Verdict | None) -> Values | None:
    """Line by line: what does not hold is read first."""
    if verdict is None:
        return None
    held = [_line(line) for line in verdict.lines if line.held]
    return {
        "at": _minute(verdict.judged_at),
        "policy": verdict.policy_version[:10],
        "unheld": [_line(line) for line in verdict.reasons],
        "held": held,
        "held_count": len(held),
    }


def _obstacles(life: Life) -> list[str]:
    """What stands against merging whoever approves: somebody who has approved wants to know why nothing happens."""
    lines = life.verdict.reasons if life.verdict and life.state in ASKS else ()
    found = [line for line in lines if line.effect in ("blocks", "waits") and line.rule not in ("approvals", "forge-review")]
    return [f"{line.rule}: it saw {line.saw}, and wants {line.wanted}" for line in found]


def _line(line: VerdictLine) -> Values:
    return {
        "held": line.held,
        "mark": "held" if line.held else _EFFECTS[line.effect],
        "rule": line.rule,
        "saw": line.saw,
        "wanted": line.wanted,
        "source": line.source,
    }


def _entry(entry: Entry) -> Values:
    return {
        "n": entry.n,
        "at": _minute(entry.at),
        "what": entry.kind,
        "who": entry.actor,
        "why": entry.reason,
        "hash": entry.hash.removeprefix("sha256:")[:10],
    }


def _decision(life: Life, ports: Ports, mark: str) -> Values:
    """The form, or the sentence that stands in its place."""
    refused = "" if life.state in ASKS else "closed"
    reason = read_only_reason(ports)
    if refused or reason or life.verdict is None or life.card is None or life.pull_request is None:
        return {"is_open": False, "is_asking": not refused, "reason": reason, "waits_for": waits_for(life)}
    findings = [part.finding for part in life.planned().parts]
    texts = [text for finding in findings for change in finding.changes for text in (change.old, change.new)]
    names = (findings[0].subject.cluster_uid, *(finding.subject.pool for finding in findings), *texts)
    confirm = ports.wording.plain("confirm.j2", _words(life, life.verdict))
    not_approvable = may_approve(life) or ("" if all(is_shown_whole(name) for name in names) else "A name in it cannot be shown whole.")
    people = [person.id for person in deciders(life, ports)]
    return {
        "is_open": bool(people),
        "is_asking": True,
        "reason": "" if people else "owners.yaml names nobody who may decide on this.",
        "waits_for": waits_for(life),
        "confirm": confirm,
        "not_approvable": not_approvable,
        "is_reviewable": may_review(life),
        "people": people,
        "reasons": REASONS,
        "head": life.pull_request.head,
        "mark": mark,
    }


def _minute(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}"


__all__ = ["headline", "proposal_page"]
