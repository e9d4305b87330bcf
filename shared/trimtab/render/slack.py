"""Cards and digests as Slack blocks: text is plain_text or rich_text only, so nothing in it can tell anybody or link anywhere.

A button carries what it is about ("<proposal> <head>"); everything else is read from the record when it is pressed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from trimtab.lifecycle import State
from trimtab.records import Cluster, FieldChange, Finding, Json, Proposal, Tier, Verdict
from trimtab.render.blocks import (
    LONGEST_BUTTON,
    LONGEST_CONFIRM,
    LONGEST_HEADER,
    LONGEST_SECTION,
    Linked,
    bullets,
    header,
    link_to,
    paragraphs,
    preformatted,
    small,
)
from trimtab.render.blocks import plain as plain_text
from trimtab.render.charts import demand_chart
from trimtab.render.members import is_group, plain
from trimtab.render.pull_request import chart_title, phrases_of
from trimtab.render.text import is_shown_whole, ref, shown
from trimtab.render.view import KINDS, WORDS, amount, gate, similar_sentences, title, view
from trimtab.render.wording import Wording

MOST_CHANGES = 3
"""More than these do not fit on a card whole, and what does not fit cannot be approved on it."""
MOST_SHOWN = 5
"""Of several changes, as many are shown one by one."""
REASONS = (
    ("too-risky", "Too risky"),
    ("needed-soon", "We need the capacity soon"),
    ("wrong-data", "The numbers are wrong"),
    ("wrong-time", "Wrong time"),
    ("not-worth-it", "Not worth it"),
    ("other", "Something else (say it in the thread)"),
)
_ASKING = (State.OPEN, State.AWAITING)


# ── the card of a proposal ───────────────────────────────────────────────────────────────────────────────────────────
def card(
    proposal: Proposal,
    cluster: Cluster | None,
    verdict: Verdict,
    *,
    state: State,
    head: str,
    wording: Wording,
    url: str = "",
    ended: str = "",
    values: Sequence[int] = (),
) -> list[Json]:
    """The one live card of a proposal: what, why, how risky, who decides. Buttons only while a decision is asked for.

    `values` are those that may be asked for instead of the proposed one.
    """
    proposal = plain(proposal)
    words = view(proposal, cluster, verdict)
    blocks = [header(title(proposal, cluster))]
    if state not in _ASKING:
        status = shown(ended, 400) if ended else wording.plain("card_state.j2", {"state": state.value})
        return [*blocks, paragraphs(status), *link_to(url), _small(proposal, verdict, head)]
    phrases = phrases_of(proposal, cluster, verdict, wording, is_markdown=False)
    risk = f"Risk: {verdict.risk.word}" + (f": {'; '.join(phrases)}." if phrases else ".")
    may_approve, why_not = _may_approve(proposal, verdict, words, wording, risk)
    return [
        *blocks,
        paragraphs(wording.plain("summary.j2", words), wording.plain("money.j2", words)),
        paragraphs(risk, *_warnings(proposal), *_asked_for(proposal), wording.plain("card_next.j2", words), *why_not),
        _fields(proposal, cluster),
        *link_to(
            url, "Review it on the forge" if words["gate"] == "forge" and verdict.tier is not Tier.REPORT else "Open the pull request"
        ),
        _buttons(
            proposal, head, wording.plain("confirm.j2", words) if may_approve else None, () if verdict.tier is Tier.REPORT else values
        ),
        _small(proposal, verdict, head),
    ]


def ended_card(title_of: str, ended: str, url: str) -> list[Json]:
    """A card whose proposal is over and forgotten: how it ended, and nothing to press."""
    return [header(title_of), paragraphs(shown(ended, 400)), *link_to(url)]


def _asked_for(proposal: Proposal) -> tuple[str, ...]:
    people = ", ".join(shown(person) for person in proposal.requested_by)
    return (f"Asked for by {people}, who cannot approve it.",) if people else ()


def _warnings(proposal: Proposal) -> tuple[str, ...]:
    """What must not be overlooked on a small screen: a person's part, and a similar change that went badly."""
    finding, similar = proposal.finding, [case for part in proposal.parts for case in part.finding.similar]
    needs = (f"An edit alone does not do it: {shown(finding.needs_person, 400)}",) if finding.needs_person else ()
    badly = next((case for case in similar if not case.went_well), None)
    return (*needs, *((f"A change like it went badly before: {shown(badly.what, 300)}",) if badly else ()))


def _may_approve(
    proposal: Proposal, verdict: Verdict, values: dict[str, object], wording: Wording, risk: str
) -> tuple[bool, tuple[str, ...]]:
    """Is there an Approve button, and if not, the sentence that says why."""
    if verdict.tier is Tier.REPORT or gate(verdict) == "forge":
        return False, ()
    findings = [part.finding for part in proposal.parts]
    pools = [finding.subject.pool for finding in findings]
    texts = [text for finding in findings for change in finding.changes for text in (change.old, change.new)]
    names = (proposal.finding.subject.cluster_uid, *pools, *texts)
    is_whole = (
        sum(len(finding.changes) for finding in findings) <= MOST_CHANGES
        and len(proposal.edit.changes) <= MOST_CHANGES
        and all(is_shown_whole(name) for name in names)
        and len(wording.plain("confirm.j2", values)) <= LONGEST_CONFIRM
        and len(risk) <= LONGEST_SECTION
    )
    return (True, ()) if is_whole else (False, ("It does not fit on a card whole, so it is approved with a review on the forge.",))


def _fields(proposal: Proposal, cluster: Cluster | None) -> Json:
    finding, evidence = proposal.finding, proposal.finding.evidence
    owners = ", ".join(f"{shown(team, 40)} {100 * share:.0f}%" for team, share in proposal.owners[:4]) or "not known"
    about = (
        (KINDS[finding.subject.kind].capitalize(), shown(finding.subject.pool)),
        ("Change", _in_words(finding)),
        (
            "Evidence",
            f"{evidence.days} days, {100 * evidence.coverage:.1f}% of samples, highest {amount(evidence.peak)} {shown(evidence.unit, 20)}",
        ),
    )
    pairs = (
        ("Cluster", f"{shown(cluster.name) if cluster else 'not known'} ({shown(finding.subject.cluster_uid)})"),
        *(_about_all(proposal) if is_group(proposal) else about),
        ("File", shown(proposal.edit.path)),
        ("Teams on the pool", owners),
    )
    return {"type": "section", "fields": [plain_text(f"{name}: {value}", 2000) for name, value in pairs]}


def _in_words(finding: Finding) -> str:
    return "; ".join(f"{change.field} {shown(change.old, 40)} to {shown(change.new, 40)}" for change in finding.changes[:MOST_CHANGES])


def _about_all(proposal: Proposal) -> tuple[tuple[str, str], ...]:
    """Every change of several while they fit, and the least that was measured of any."""
    findings = [part.finding for part in proposal.parts]
    named = "; ".join(f"{shown(finding.subject.pool)}: {_in_words(finding)}" for finding in findings[:MOST_SHOWN])
    more = f"; and {len(findings) - MOST_SHOWN} more" if len(findings) > MOST_SHOWN else ""
    days, coverage = min(finding.evidence.days for finding in findings), min(finding.evidence.coverage for finding in findings)
    return (("Changes", f"{named}{more}"), ("Evidence", f"at least {days} days and {100 * coverage:.1f}% of samples of each"))


def _buttons(proposal: Proposal, head: str, confirm: str | None, values: Sequence[int]) -> Json:
    value = f"{ref(proposal.id, 80)} {ref(head, 80)}"
    elements: list[Json] = [_approve(value, confirm)] if confirm else []
    elements += [_adjust(proposal.finding.changes[0], value, values)] if values else []
    elements += [_reject(value), _button("snooze", "Snooze", value), _button("evidence", "Show evidence", value)]
    return {"type": "actions", "block_id": "trimtab", "elements": elements}


def _approve(value: str, confirm: str) -> Json:
    question: Json = {
        "title": plain_text("Approve this change?", 100),
        "text": plain_text(confirm, LONGEST_CONFIRM),
        "confirm": plain_text("Approve", 30),
        "deny": plain_text("Not yet", 30),
        "style": "primary",
    }
    return {**_button("approve", "Approve", value), "style": "primary", "confirm": question}


def _button(action: Literal["approve", "snooze", "evidence"], text: str, value: str) -> Json:
    return {"type": "button", "action_id": action, "text": plain_text(text, LONGEST_BUTTON), "value": value}


def _adjust(change: FieldChange, value: str, values: Sequence[int]) -> Json:
    """The values between; asking for one of them asks everybody anew."""
    options = [{"text": plain_text(f"{WORDS[change.field]} {each:,}", LONGEST_BUTTON), "value": f"{value} {each}"} for each in values]
    question = f"The {WORDS[change.field]} is planned and judged anew with the value that you choose, and somebody else approves it."
    confirm: Json = {
        "title": plain_text("Ask for this value instead?", 100),
        "text": plain_text(question, LONGEST_CONFIRM),
        "confirm": plain_text("Ask for it", 30),
        "deny": plain_text("Not now", 30),
    }
    return {
        "type": "static_select",
        "action_id": "adjust",
        "placeholder": plain_text("Ask for less", 150),
        "options": options,
        "confirm": confirm,
    }


def _reject(value: str) -> Json:
    options = [{"text": plain_text(text, LONGEST_BUTTON), "value": f"{value} {reason}"} for reason, text in REASONS]
    return {"type": "static_select", "action_id": "reject", "placeholder": plain_text("Reject because", 150), "options": options}


def _small(proposal: Proposal, verdict: Verdict, head: str) -> Json:
    return small(f"{ref(proposal.id, 80)}, commit {ref(head, 80)[:10] if head else 'none yet'}, rules {ref(verdict.policy_version)[:10]}")


def evidence(proposal: Proposal, *, wording: Wording, cluster: Cluster | None, verdict: Verdict) -> list[Json]:
    """What "Show evidence" answers in the thread: the chart, and the sentences a reviewer should read."""
    blocks = [block for part in proposal.parts[:MOST_SHOWN] for block in _evidence_of(part, cluster, verdict, wording)]
    left = len(proposal.parts) - MOST_SHOWN
    return [*blocks, *([paragraphs(f"The pull request has the evidence of {left} more.")] if left > 0 else [])]


def _evidence_of(proposal: Proposal, cluster: Cluster | None, verdict: Verdict, wording: Wording) -> list[Json]:
    values = view(proposal, cluster, verdict)
    finding = proposal.finding
    name = [paragraphs(f"{KINDS[finding.subject.kind].capitalize()} {shown(finding.subject.pool)}", is_bold=True)] if verdict.risks else []
    chart = demand_chart(finding.evidence)
    return [
        *name,
        paragraphs(wording.plain("evidence.j2", values)),
        *([paragraphs(chart_title(proposal))] if chart else []),
        *([preformatted(chart)] if chart else []),
        *bullets((*finding.evidence.lines, *finding.disruption, *finding.unknowns)),
        paragraphs("Changes like this one before" if finding.similar else "No change like this one is on record here yet.", is_bold=True),
        *bullets(similar_sentences(finding)),
    ]


# ── digests ──────────────────────────────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True, kw_only=True, slots=True)
class Standings:
    """How everything stands, for whoever asks; each line a sentence with the address of its pull request."""

    running: str
    waits: tuple[Linked, ...]
    frozen: tuple[Linked, ...]
    merged: tuple[Linked, ...]


def standings(all_of_it: Standings, now: datetime) -> tuple[list[Json], str]:
    """The answer to `/trimtab status`: blocks, and one line."""
    waits = _counted(len(all_of_it.waits), "proposal waits", "proposals wait")
    frozen = _counted(len(all_of_it.frozen), "freeze is in force", "freezes are in force")
    merged = len(all_of_it.merged)
    done = f"{merged or 'none'} {'was' if merged < 2 else 'were'} merged today"
    text = f"{all_of_it.running} {waits[:1].upper()}{waits[1:]}, {frozen}, and {done}."
    parts = (("What waits", all_of_it.waits), ("Frozen", all_of_it.frozen), ("Merged today", all_of_it.merged))
    lists = [block for name, lines in parts if lines for block in (paragraphs(name, is_bold=True), *bullets(lines))]
    return [paragraphs(text), *lists, small(f"As of {now:%Y-%m-%d %H:%M} UTC")], text


def _counted(number: int, one: str, many: str) -> str:
    return f"no {one}" if number == 0 else f"{number} {one if number == 1 else many}"


def digest(headline: str, lines: Sequence[Linked], now: datetime) -> list[Json]:
    """Several lines under one headline, one message instead of many; what does not fit is counted, never dropped silently."""
    return [
        header(shown(headline, LONGEST_HEADER)),
        *bullets(lines),
        small(f"As of {now:%Y-%m-%d %H:%M} UTC"),
    ]
