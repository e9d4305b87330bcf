"""A proposal as a pull request: what a careful colleague would write to somebody who is tired and in a hurry.

Pure: values and templates in, text out. Nothing in it links to our stores, and nothing that others wrote can act in it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from trimtab.records import Cluster, Governance, Proposal, Verdict, VerdictLine
from trimtab.render.charts import demand_chart
from trimtab.render.members import is_group, plain
from trimtab.render.text import diff_lines, inline, prose, ref, shown
from trimtab.render.view import KINDS, similar_sentences, title, unit_of, view
from trimtab.render.wording import Ours, Sentence, Wording

_MARKER = re.compile(r"<!-- trimtab proposal=(\S+) fingerprint=(\S+) valid_at=(\S+) -->")
LONGEST = 60_000
"""Characters of a text: GitHub takes 65,536 and refuses more; GitLab takes a million, and nobody reads that."""
_UNDONE_IN_WORDS = 3
_LATER = {"pull-request", "merge-exact", "only-ours"}
"""About the pull request itself, so there is nothing to say about them when its text is written."""
_NOT_ITS_CASE = {
    "change-request": "not asked for",
    "rollback-agreed": "not a rollback",
    "plan-there": "no plan is expected yet",
    "record-sound": "not read yet",
}
"""What a rule saw that has no say in this case, or none before the merge: a row that a reviewer would read for nothing."""
_EFFECTS = {"blocks": "stops it", "waits": "waits", "needs-person": "asks for a person", "informs": "note"}


@dataclass(frozen=True, slots=True)
class Marker:
    """What a body says it is about: a hint that helps to find it again, never evidence, since anybody can copy it."""

    proposal: str
    fingerprint: str
    valid_at: datetime


@dataclass(frozen=True, slots=True)
class _Room:
    """How much of each part there is room for."""

    sentences: int
    rows: int


_CHARTS_FROM = 30
"""Sentences for which a room has place, where it has place for charts of several changes too."""
_HALF = 2
_ROWS_A_SENTENCE = 3
_MOST_PHRASES = 20
_ROOMS = (_Room(30, 100), _Room(30, 20), _Room(5, 0), _Room(1, 0))
"""From everything to the least that still says what changes, why, and what it needs; the first that fits is taken."""


def body(
    proposal: Proposal,
    cluster: Cluster | None,
    verdict: Verdict,
    governance: Governance | None,
    now: datetime,
    *,
    wording: Wording,
    delivery: str = "",
    plan: str = "",
    has_card: bool = True,
) -> str:
    """The text of the pull request, as of `now`, at most `LONGEST` characters.

    Where it has no card in Slack, nothing in it speaks of one.

    `delivery` is the layout's word for what applies a merge ("" = not known, and said so); `plan` a sentence on what the repo's own
    plan said of this very commit ("" = nothing was read).
    """
    proposal = plain(proposal)
    values = view(proposal, cluster, verdict) | {"strong": Ours("**"), "delivery": Ours(delivery), "has_card": has_card}
    phrases = phrases_of(proposal, cluster, verdict, wording, is_markdown=True)
    whole = values | {
        "summary": Ours(wording.markdown("summary.j2", values)),
        "money": Ours(wording.markdown("money.j2", values)),
        "evidence": Ours(wording.markdown("evidence.j2", values)),
        "worst": Ours(phrases[0]) if phrases else None,
        "risks": Ours(_sentences(_most(phrases))),
        "next": Ours(wording.markdown("next.j2", values)),
        "delivery_words": Ours(wording.markdown("delivery.j2", values)),
        "plan": Sentence(plan) if plan else None,
        "diff": Ours(diff_lines(proposal.edit.diff)),
        "chart": Ours(demand_chart(proposal.finding.evidence)),
        "chart_title": Ours(chart_title(proposal)),
    }
    texts = [
        _filled(
            wording,
            whole | _first_members(values, room) | {"proofs": _proofs(proposal, cluster, verdict, wording, room)},
            _details(proposal, verdict, governance, now, room),
        )
        for room in _ROOMS
    ]
    return next((text for text in texts if len(text) <= LONGEST), texts[-1])


def _filled(wording: Wording, whole: dict[str, object], details: dict[str, object]) -> str:
    return _settled(wording.markdown("group.md.j2" if whole["members"] else "body.md.j2", whole | details)) + "\n"


def _most(phrases: list[str]) -> list[str]:
    """Those that matter most; of very many changes, how many more are told nowhere but in the record."""
    left = len(phrases) - _MOST_PHRASES
    return [*phrases[:_MOST_PHRASES], *([f"{left} more of no larger risk stand in the record"] if left > 0 else [])]


def _first_members(values: dict[str, object], room: _Room) -> dict[str, object]:
    """As many rows of several changes as there is room for, and how many more there are."""
    rows = values["members"]
    count = len(rows) if isinstance(rows, list) else 0
    most = _ROWS_A_SENTENCE * room.sentences
    return {"members": rows[:most] if isinstance(rows, list) else [], "members_left_out": max(0, count - most)}


def _proofs(proposal: Proposal, cluster: Cluster | None, verdict: Verdict, wording: Wording, room: _Room) -> list[dict[str, object]]:
    """Why each of several changes fits, shortened: its evidence in words, its chart while there is room, and what could be hurt."""
    return [
        {
            "pool": part.finding.subject.pool,
            "kind": Ours(KINDS[part.finding.subject.kind]),
            "evidence": Ours(wording.markdown("evidence.j2", view(part, cluster, verdict))),
            "chart_title": Ours(chart_title(part)),
            "chart": Ours(demand_chart(part.finding.evidence) if room.sentences >= _CHARTS_FROM else ""),
            "sentences": _some((*part.finding.evidence.lines, *part.finding.disruption), room),
            "similar": _some(similar_sentences(part.finding), room),
        }
        for part in (proposal.parts[: room.sentences] if is_group(proposal) else ())
    ]


def _details(proposal: Proposal, verdict: Verdict, governance: Governance | None, now: datetime, room: _Room) -> dict[str, object]:
    finding, edit = proposal.finding, proposal.edit
    held = (line for line in verdict.lines if line.held and line.saw != _NOT_ITS_CASE.get(line.rule))
    lines = [line for line in (*verdict.reasons, *held) if line.rule not in _LATER]
    parts = [part.finding for part in proposal.parts]
    unknowns = (*dict.fromkeys(unknown for each in parts for unknown in each.unknowns), *edit.unsure)
    longest = [sentences for each in parts for sentences in (each.evidence.lines, each.disruption, each.similar)]
    long = (*longest, unknowns, edit.changes, edit.reads)
    return {
        "sentences": _some(finding.evidence.lines, room),
        "runner_up": Sentence(finding.runner_up) if finding.runner_up else None,
        "disruption": _some(finding.disruption, room),
        "unknowns": _some(unknowns, room),
        "similar": _some(similar_sentences(finding), room),
        "edits": [{"key": key, "old": old, "new": new} for key, old, new in edit.changes[: room.sentences]],
        "edits_left_out": max(0, len(edit.changes) - room.sentences),
        "edits_fit": len(edit.changes) <= min(_UNDONE_IN_WORDS, room.sentences),
        "is_verified": finding.subject.kind not in {"workload", "volume"},
        "reads": [path for path, _ in edit.reads if path != edit.path][: room.sentences],
        "owners": Ours(_owners(proposal)),
        "dimensions": Ours(
            ", ".join(f"{name} {'unknown' if level is None else level}" for name, level in verdict.risk.dimensions().items())
        ),
        "rules_commit": governance.commit[:10] if governance else "no readable commit",
        "judged_on": Ours(f"{now:%Y-%m-%d}"),
        "lines": [_row(line) for line in lines[: room.rows]],
        "is_shortened": len(lines) > room.rows or any(len(one) > room.sentences for one in (*long, proposal.members)),
        "fingerprint": Ours(ref(proposal.fingerprint, 80)),
        "valid_at": Ours(f"{proposal.valid_at:%Y-%m-%dT%H:%M:%SZ}"),
    }


def _some(sentences: Sequence[str], room: _Room) -> list[Sentence]:
    return [Sentence(sentence) for sentence in sentences[: room.sentences]]


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
    unit = "" if unit_of(evidence) == "units" else f" in {unit_of(evidence)}"
    every = f"The highest demand of every {max(1, hours)} hours{unit}"
    return f"{every}, against the size now and the size proposed (blank: not measured; !: would not fit):"


def risk_phrases(verdict: Verdict, values: dict[str, object], wording: Wording, *, is_markdown: bool) -> list[str]:
    """A phrase for every dimension that is unknown or not low, the worst first."""
    dimensions = sorted(verdict.risk.dimensions().items(), key=lambda item: -(3 if item[1] is None else item[1]))
    filled = wording.markdown if is_markdown else wording.plain
    return [
        filled("risk.j2", values | {"dimension": Ours(name), "level": level}) for name, level in dimensions if level is None or level >= 2
    ]


def phrases_of(proposal: Proposal, cluster: Cluster | None, verdict: Verdict, wording: Wording, *, is_markdown: bool) -> list[str]:
    """The same for a whole proposal: of several changes each phrase says whose it is, those of the riskiest first."""
    if not (is_group(proposal) and verdict.risks):
        return risk_phrases(verdict, view(proposal, cluster, verdict), wording, is_markdown=is_markdown)
    rows = sorted(zip(proposal.parts, verdict.risks, strict=True), key=lambda row: -row[1][1].level)
    phrases = []
    for part, (name, risk) in rows:
        own = replace(verdict, risk=risk, risks=())
        said = risk_phrases(own, view(part, cluster, own), wording, is_markdown=is_markdown)
        phrases += [f"for {inline(name) if is_markdown else shown(name)}, {phrase}" for phrase in said]
    apart = max(3 if risk.blast_radius is None else risk.blast_radius for _, risk in verdict.risks)
    if (verdict.risk.blast_radius or 0) > apart:
        share = "up to half" if verdict.risk.blast_radius == _HALF else "more than half"
        phrases.insert(0, f"all of them together touch {share} of the cluster's nodes")
    return phrases


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


__all__ = ["Marker", "body", "chart_title", "phrases_of", "read_marker", "risk_phrases", "title"]
