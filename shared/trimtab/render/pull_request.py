"""A proposal as a pull request: what a careful colleague would write to somebody who is tired and in a hurry.

Pure: values and templates in, text out. Nothing in it links to our stores, and nothing that others wrote can act in it.
"""

import re
from dataclasses import dataclass
from datetime import datetime

from trimtab.records import Cluster, Governance, Proposal, Verdict, VerdictLine
from trimtab.render.charts import demand_chart
from trimtab.render.text import inline, prose, ref
from trimtab.render.view import title, view
from trimtab.render.wording import Ours, Sentence, Wording

_MARKER = re.compile(r"<!-- trimtab proposal=(\S+) fingerprint=(\S+) valid_at=(\S+) -->")
_LATER = {"pull-request", "merge-exact", "only-ours"}
"""About the pull request itself, so there is nothing to say about them when its text is written."""
_EFFECTS = {"blocks": "stops it", "waits": "waits", "needs-person": "asks for a person", "informs": "note"}


@dataclass(frozen=True, slots=True)
class Marker:
    """What a body says it is about: a hint that helps to find it again, never evidence, since anybody can copy it."""

    proposal: str
    fingerprint: str
    valid_at: datetime


def body(
    proposal: Proposal, cluster: Cluster | None, verdict: Verdict, governance: Governance | None, now: datetime, *, wording: Wording
) -> str:
    """The text of the pull request, as of `now`."""
    values = view(proposal, cluster, verdict) | {"strong": Ours("**")}
    whole = values | {
        "summary": Ours(wording.markdown("summary.j2", values)),
        "money": Ours(wording.markdown("money.j2", values)),
        "evidence": Ours(wording.markdown("evidence.j2", values)),
        "risks": Ours(_sentences(risk_phrases(verdict, values, wording, is_markdown=True))),
        "next": Ours(wording.markdown("next.j2", values)),
        "edits": [{"key": key, "old": old, "new": new} for key, old, new in proposal.edit.changes],
        "chart": Ours(demand_chart(proposal.finding.evidence)),
        "chart_title": Ours(chart_title(proposal)),
        **_details(proposal, verdict, governance, now),
    }
    return _settled(wording.markdown("body.md.j2", whole)) + "\n"


def _details(proposal: Proposal, verdict: Verdict, governance: Governance | None, now: datetime) -> dict[str, object]:
    finding = proposal.finding
    return {
        "sentences": [Sentence(sentence) for sentence in finding.evidence.lines],
        "runner_up": Sentence(finding.runner_up) if finding.runner_up else None,
        "disruption": [Sentence(sentence) for sentence in finding.disruption],
        "unknowns": [Sentence(sentence) for sentence in finding.unknowns],
        "owners": Ours(_owners(proposal)),
        "dimensions": Ours(
            ", ".join(f"{name} {'unknown' if level is None else level}" for name, level in verdict.risk.dimensions().items())
        ),
        "rules_commit": governance.commit[:10] if governance else "no readable commit",
        "judged_on": Ours(f"{now:%Y-%m-%d}"),
        "lines": [_row(line) for line in (*verdict.reasons, *(line for line in verdict.lines if line.held)) if line.rule not in _LATER],
        "fingerprint": Ours(ref(proposal.fingerprint, 80)),
        "valid_at": Ours(f"{proposal.valid_at:%Y-%m-%dT%H:%M:%SZ}"),
    }


def _owners(proposal: Proposal) -> str:
    return ", ".join(f"{inline(team)} {100 * share:.0f}%" for team, share in proposal.owners[:6]) or "not known"


def _row(line: VerdictLine) -> dict[str, object]:
    return {
        "mark": Ours("ok" if line.held else _EFFECTS[line.effect]),
        "rule": Ours(prose(line.rule, 80)),
        "saw": Ours(inline(line.saw, 120)),
        "wanted": Ours(prose(line.wanted, 160)),
        "source": Ours(prose(line.source, 80)),
    }


def chart_title(proposal: Proposal) -> str:
    """What the chart shows, for the line above it."""
    evidence = proposal.finding.evidence
    hours = round((evidence.end - evidence.start).total_seconds() / 3600 / max(1, min(60, len(evidence.chart))))
    unit = "" if evidence.unit not in {"CPU cores", "GPUs", "GiB"} else f" in {evidence.unit}"
    every = f"The highest demand of every {max(1, hours)} hours{unit}"
    return f"{every}, against the size now and the size proposed (blank: not measured; !: would not fit):"


def risk_phrases(verdict: Verdict, values: dict[str, object], wording: Wording, *, is_markdown: bool) -> list[str]:
    """A phrase for every dimension that is unknown or not low, the worst first."""
    dimensions = sorted(verdict.risk.dimensions().items(), key=lambda item: -(3 if item[1] is None else item[1]))
    filled = wording.markdown if is_markdown else wording.plain
    return [
        filled("risk.j2", values | {"dimension": Ours(name), "level": level}) for name, level in dimensions if level is None or level >= 2
    ]


def _sentences(phrases: list[str]) -> str:
    return " ".join(f"{phrase[:1].upper()}{phrase[1:]}." for phrase in phrases)


def _settled(text: str) -> str:
    """At most one empty line in a row, none with spaces; a chart's own lines stay as they are."""
    return re.sub(r"\n{3,}", "\n\n", "\n".join(line.rstrip() for line in text.splitlines())).strip()


def read_marker(text: str) -> Marker | None:
    """What a body claims to be about; None where it claims nothing we can read."""
    found = _MARKER.search(text)
    if found is None:
        return None
    try:
        return Marker(found[1], found[2], datetime.fromisoformat(found[3]))
    except ValueError:
        return None


__all__ = ["Marker", "body", "chart_title", "read_marker", "risk_phrases", "title"]
