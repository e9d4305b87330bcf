"""Cards, alerts and digests as Slack blocks: text is plain_text or rich_text only, so nothing in it can tell anybody or link anywhere.

A button carries what it is about ("<proposal> <head>"); everything else is read from the record when it is pressed.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from trimtab.lifecycle import State
from trimtab.records import BudgetNotice, Cluster, Finding, Json, Proposal, Tier, Verdict
from trimtab.render.charts import demand_chart
from trimtab.render.members import is_group, plain
from trimtab.render.pull_request import chart_title, phrases_of
from trimtab.render.text import is_shown_whole, ref, shown
from trimtab.render.view import KINDS, amount, gate, similar_sentences, title, view
from trimtab.render.wording import Wording

MOST_BLOCKS, LONGEST_SECTION, LONGEST_HEADER, LONGEST_BUTTON, LONGEST_CONFIRM = 50, 3000, 150, 75, 300
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
_CLOUDS = {"aws": "AWS", "gcp": "Google Cloud", "azure": "Azure", "trimtab": "our own look at daily cost"}
Linked = str | tuple[str, str]
"""A sentence, or a sentence and the address that belongs to it."""
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
) -> list[Json]:
    """The one live card of a proposal: what, why, how risky, who decides. Buttons only while a decision is asked for."""
    proposal = plain(proposal)
    values = view(proposal, cluster, verdict)
    blocks = [_header(title(proposal, cluster))]
    if state not in _ASKING:
        status = shown(ended, 400) if ended else wording.plain("card_state.j2", {"state": state.value})
        return [*blocks, _text(status), *_link(url), _small(proposal, verdict, head)]
    phrases = phrases_of(proposal, cluster, verdict, wording, is_markdown=False)
    risk = f"Risk: {verdict.risk.word}" + (f": {'; '.join(phrases)}." if phrases else ".")
    may_approve, why_not = _may_approve(proposal, verdict, values, wording, risk)
    return [
        *blocks,
        _text(wording.plain("summary.j2", values), wording.plain("money.j2", values)),
        _text(risk, *_warnings(proposal), wording.plain("card_next.j2", values), *why_not),
        _fields(proposal, cluster),
        *_link(url),
        _buttons(proposal, head, wording.plain("confirm.j2", values) if may_approve else None),
        _small(proposal, verdict, head),
    ]


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
    return {"type": "section", "fields": [_plain(f"{name}: {value}", 2000) for name, value in pairs]}


def _in_words(finding: Finding) -> str:
    return "; ".join(f"{change.field} {shown(change.old, 40)} to {shown(change.new, 40)}" for change in finding.changes[:MOST_CHANGES])


def _about_all(proposal: Proposal) -> tuple[tuple[str, str], ...]:
    """Every change of several while they fit, and the least that was measured of any."""
    findings = [part.finding for part in proposal.parts]
    named = "; ".join(f"{shown(finding.subject.pool)}: {_in_words(finding)}" for finding in findings[:MOST_SHOWN])
    more = f"; and {len(findings) - MOST_SHOWN} more" if len(findings) > MOST_SHOWN else ""
    days, coverage = min(finding.evidence.days for finding in findings), min(finding.evidence.coverage for finding in findings)
    return (("Changes", f"{named}{more}"), ("Evidence", f"at least {days} days and {100 * coverage:.1f}% of samples of each"))


def _buttons(proposal: Proposal, head: str, confirm: str | None) -> Json:
    value = f"{ref(proposal.id, 80)} {ref(head, 80)}"
    elements: list[Json] = [_approve(value, confirm)] if confirm else []
    elements += [_reject(value), _button("snooze", "Snooze", value), _button("evidence", "Show evidence", value)]
    return {"type": "actions", "block_id": "trimtab", "elements": elements}


def _approve(value: str, confirm: str) -> Json:
    question: Json = {
        "title": _plain("Approve this change?", 100),
        "text": _plain(confirm, LONGEST_CONFIRM),
        "confirm": _plain("Approve", 30),
        "deny": _plain("Not yet", 30),
        "style": "primary",
    }
    return {**_button("approve", "Approve", value), "style": "primary", "confirm": question}


def _button(action: Literal["approve", "snooze", "evidence"], text: str, value: str) -> Json:
    return {"type": "button", "action_id": action, "text": _plain(text, LONGEST_BUTTON), "value": value}


def _reject(value: str) -> Json:
    options = [{"text": _plain(text, LONGEST_BUTTON), "value": f"{value} {reason}"} for reason, text in REASONS]
    return {"type": "static_select", "action_id": "reject", "placeholder": _plain("Reject because", 150), "options": options}


def _small(proposal: Proposal, verdict: Verdict, head: str) -> Json:
    about = f"{ref(proposal.id, 80)}, commit {ref(head, 80)[:10] if head else 'none yet'}, rules {ref(verdict.policy_version)[:10]}"
    return {"type": "context", "elements": [_plain(about, 2000)]}


def evidence(proposal: Proposal, *, wording: Wording, cluster: Cluster | None, verdict: Verdict) -> list[Json]:
    """What "Show evidence" answers in the thread: the chart, and the sentences a reviewer should read."""
    blocks = [block for part in proposal.parts[:MOST_SHOWN] for block in _evidence_of(part, cluster, verdict, wording)]
    left = len(proposal.parts) - MOST_SHOWN
    return [*blocks, *([_text(f"The pull request has the evidence of {left} more.")] if left > 0 else [])]


def _evidence_of(proposal: Proposal, cluster: Cluster | None, verdict: Verdict, wording: Wording) -> list[Json]:
    values = view(proposal, cluster, verdict)
    finding = proposal.finding
    name = [_text(f"{KINDS[finding.subject.kind].capitalize()} {shown(finding.subject.pool)}", is_bold=True)] if verdict.risks else []
    chart = demand_chart(finding.evidence)
    drawn: list[Json] = (
        [{"type": "rich_text", "elements": [{"type": "rich_text_preformatted", "elements": [_run(chart)]}]}] if chart else []
    )
    return [
        *name,
        _text(wording.plain("evidence.j2", values)),
        *([_text(chart_title(proposal))] if chart else []),
        *drawn,
        *_list((*finding.evidence.lines, *finding.disruption, *finding.unknowns)),
        _text("Changes like this one before" if finding.similar else "No change like this one is on record here yet.", is_bold=True),
        *_list(similar_sentences(finding)),
    ]


# ── alerts and digests ───────────────────────────────────────────────────────────────────────────────────────────────
def alert_card(notice: BudgetNotice, *, causes: Sequence[str], fixes: Sequence[Linked], wording: Wording) -> tuple[list[Json], str]:
    """A budget or anomaly notice with its cause and its fix, and the one line for a phone's screen.

    A fix is a sentence, or a sentence and the address of its pull request.
    """
    text = wording.plain("alert.j2", _notice(notice))
    raw: list[Json] = [] if notice.amount is not None else [_text(f"In its own words: {shown(notice.raw, 600)}")]
    blocks: list[Json] = [
        _header("Cost is not as expected" if notice.kind == "anomaly" else "A budget needs a look"),
        _text(text),
        *raw,
        _text("What costs most", is_bold=True),
        *(_list(causes) or [_text("Not known: no cost has been attributed for this period yet.")]),
        _text("What would lower it", is_bold=True),
        *(_list(fixes) or [_text("Nothing is proposed right now.")]),
        {
            "type": "context",
            "elements": [_plain(f"From {_CLOUDS[notice.source]}, about {shown(notice.period) if notice.period else 'this month'}.", 2000)],
        },
    ]
    return blocks, text


def _notice(notice: BudgetNotice) -> dict[str, object]:
    currency = f" {notice.currency}" if notice.currency else ""
    return {
        "kind": notice.kind,
        "name": notice.name,
        "share": None if notice.threshold is None else f"{100 * notice.threshold:.0f}%",
        "amount": None if notice.amount is None else f"{notice.amount:,.2f}{currency}",
        "budgeted": None if notice.budgeted is None else f"{notice.budgeted:,.2f}{currency}",
    }


def digest(headline: str, lines: Sequence[str], now: datetime) -> list[Json]:
    """Several lines under one headline, one message instead of many; what does not fit is counted, never dropped silently."""
    return [
        _header(shown(headline, LONGEST_HEADER)),
        *_list(lines),
        {"type": "context", "elements": [_plain(f"As of {now:%Y-%m-%d %H:%M} UTC", 2000)]},
    ]


# ── blocks ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def _plain(text: str, limit: int) -> Json:
    """plain_text is never parsed for mentions or links; emoji codes are off too."""
    return {"type": "plain_text", "text": text if len(text) <= limit else text[: limit - 3] + "...", "emoji": False}


def _header(text: str) -> Json:
    return {"type": "header", "text": _plain(text, LONGEST_HEADER)}


def _text(*paragraphs: str, is_bold: bool = False) -> Json:
    """Paragraphs of rich text, which Slack shows as they are."""
    text = "\n".join(paragraph for paragraph in paragraphs if paragraph)
    run = _run(text if len(text) <= LONGEST_SECTION else text[: LONGEST_SECTION - 3] + "...", is_bold=is_bold)
    return {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [run]}]}


def _run(text: str, *, is_bold: bool = False) -> Json:
    run: Json = {"type": "text", "text": text}
    return {**run, "style": {"bold": True}} if is_bold else run


def _list(sentences: Sequence[Linked], most: int = 12) -> list[Json]:
    """A bullet list; beyond `most`, how many more there are."""
    items = [_item(sentence) for sentence in sentences[:most]]
    items += [_item(f"and {len(sentences) - most} more")] if len(sentences) > most else []
    return [{"type": "rich_text", "elements": [{"type": "rich_text_list", "style": "bullet", "elements": items}]}] if items else []


def _item(sentence: Linked) -> Json:
    text, url = sentence if isinstance(sentence, tuple) else (sentence, "")
    links = [_run(" "), _anchor(url)] if _is_web(url) else []
    return {"type": "rich_text_section", "elements": [_run(shown(text, 400)), *links]}


def _link(url: str) -> list[Json]:
    """The pull request's own address, as the forge gave it; anything that is not http stays text."""
    if not url:
        return []
    if not _is_web(url):
        return [_text(f"Pull request: {shown(url, 200)}")]
    return [{"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [_anchor(url)]}]}]


def _is_web(url: str) -> bool:
    return url.startswith(("https://", "http://"))


def _anchor(url: str) -> Json:
    return {"type": "link", "url": url, "text": "Open the pull request"}
