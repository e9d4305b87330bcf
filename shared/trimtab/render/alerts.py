"""A budget alert as people read it: one value, and three views of it for Slack, for e-mail and for Microsoft Teams.

Outside text is shown, never acted on: plain_text and rich_text in Slack, text runs without Markdown in Teams, one line each in a mail.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from trimtab.records import BudgetNotice, Json
from trimtab.render.blocks import LONGEST_BUTTON, bullets, header, paragraphs, plain, small
from trimtab.render.text import ref, shown
from trimtab.render.wording import Wording

LONGEST_TEXT, MOST_LINES = 3000, 12
NO_COST = "Not known: no cost has been attributed for this period yet."
NO_FIX = "Nothing is proposed right now."
_SENDERS = {"aws": "AWS", "gcp": "Google Cloud", "azure": "Azure", "trimtab": "Trimtab"}
_ABOUT = {"anomaly": "Cost is not as expected", "actual": "A budget needs a look", "forecast": "A budget needs a look"}
ON_IT = "I am on it"


@dataclass(frozen=True, kw_only=True, slots=True)
class Fix:
    """An open proposal that would lower the cost, and where its pull request is."""

    text: str
    url: str
    proposal: str = ""
    head: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Alert:
    """What an alert says, whoever shows it."""

    headline: str
    text: str
    """The one line for a phone's screen."""
    own_words: str = ""
    """The notice as it came, where it could not be read in full."""
    drivers_title: str = ""
    drivers: tuple[str, ...] = ()
    fixes: tuple[Fix, ...] | None = ()
    """None = nothing that is proposed has to do with it."""
    notes: tuple[str, ...] = ()
    """What else must be known: what the budget does not count, what was asked for by itself."""
    context: str = ""
    button: str = ""
    """Value of the button "I am on it"; "" = nobody is asked."""
    status: str = ""
    """Who is on it; it stands in the button's place."""


def alert(
    notice: BudgetNotice,
    *,
    wording: Wording,
    drivers: tuple[str, Sequence[str]],
    fixes: Sequence[Fix],
    notes: Sequence[str] = (),
    button: str = "",
    status: str = "",
    is_masked: bool = False,
) -> Alert:
    """A notice with its cause and its fix; `drivers` are their title and their sentences.

    Where it `is_masked`, a number without a currency is hidden here, of amounts and in the notice's own words: no mask finds it.
    """
    return Alert(
        headline=_ABOUT[notice.kind],
        text=wording.plain("alert.j2", _values(notice, is_masked=is_masked)),
        own_words=_own_words(notice, is_masked=is_masked) if notice.amount is None else "",
        drivers_title=drivers[0],
        drivers=tuple(drivers[1]),
        fixes=tuple(fixes),
        notes=tuple(notes),
        context=f"From {_SENDERS[notice.source]}, about {shown(notice.period) if notice.period else 'this month'}.",
        button=button,
        status=status,
    )


def _own_words(notice: BudgetNotice, *, is_masked: bool) -> str:
    """Words that nobody could read: which of their numbers is an amount is not known, so a mask leaves none."""
    return re.sub(r"\d(?:[\d.,' \u00a0\u202f]*\d)?", "?", notice.raw) if is_masked else notice.raw


def _values(notice: BudgetNotice, *, is_masked: bool) -> dict[str, object]:
    is_hidden = is_masked and notice.currency is None
    return {
        "kind": notice.kind,
        "is_ours": notice.source == "trimtab",
        "name": notice.name,
        "share": None if notice.threshold is None else _percent(notice.threshold),
        "amount": _amount(notice.amount, notice.currency, is_hidden=is_hidden),
        "budgeted": _amount(notice.budgeted, notice.currency, is_hidden=is_hidden),
    }


def _percent(share: Decimal) -> str:
    """100% is said of no threshold that is only near it: 0.9996 is 99.96%."""
    return f"{100 * share:.2f}".rstrip("0").rstrip(".") + "%"


def _amount(amount: Decimal | None, currency: str | None, *, is_hidden: bool) -> str | None:
    if amount is None:
        return None
    return "a hidden amount" if is_hidden else f"{amount:,.2f} {currency or ''}".rstrip()


# ── what grew ────────────────────────────────────────────────────────────────────────────────────────────────────────
def grown(now: Mapping[str, Decimal], before: Mapping[str, Decimal], currency: str, most: int) -> tuple[str, ...]:
    """The parts that grew most, each by how much; what shrank is no cause."""
    rises = {name: amount - before.get(name, Decimal(0)) for name, amount in now.items()}
    top = sorted(((rise, name) for name, rise in rises.items() if rise > 0), key=lambda pair: (-pair[0], pair[1]))[:most]
    return tuple(f"{name}: {rise:,.2f} {currency} more" for rise, name in top)


def largest(now: Mapping[str, Decimal], currency: str, most: int) -> tuple[str, ...]:
    """The parts that cost most."""
    top = sorted(((amount, name) for name, amount in now.items() if amount > 0), key=lambda pair: (-pair[0], pair[1]))[:most]
    return tuple(f"{name}: {amount:,.2f} {currency}" for amount, name in top)


# ── Slack ────────────────────────────────────────────────────────────────────────────────────────────────────────────
def slack_blocks(said: Alert) -> list[Json]:
    """The alert as a Slack message; its text for notifications is `said.text`."""
    return [
        header(said.headline),
        paragraphs(said.text),
        *([paragraphs(f"In its own words: {shown(said.own_words, 600)}")] if said.own_words else []),
        *(_section(said.drivers_title, said.drivers, NO_COST) if said.drivers_title else []),
        *(_fixes(said.fixes) if said.fixes is not None else []),
        *bullets(said.notes),
        *([paragraphs(said.status)] if said.status else []),
        *([_button(said.button)] if said.button and not said.status else []),
        *([small(said.context)] if said.context else []),
    ]


def _section(title: str, lines: Sequence[str], otherwise: str) -> list[Json]:
    return [paragraphs(title, is_bold=True), *(bullets(lines) or [paragraphs(otherwise)])]


def _fixes(fixes: Sequence[Fix]) -> list[Json]:
    """Each with its evidence at a press, answered in the thread; it is approved on its own card, which shows all of it."""
    found = [block for fix in fixes for block in (*bullets([(fix.text, fix.url)]), *_evidence(fix))]
    return [paragraphs("What would lower it", is_bold=True), *(found or [paragraphs(NO_FIX)])]


def _evidence(fix: Fix) -> list[Json]:
    if not (fix.proposal and fix.head):
        return []
    value = f"{ref(fix.proposal, 80)} {ref(fix.head, 80)}"
    button: Json = {"type": "button", "action_id": "evidence", "text": plain("Show evidence", LONGEST_BUTTON), "value": value}
    return [{"type": "actions", "elements": [button]}]


def _button(value: str) -> Json:
    button: Json = {"type": "button", "action_id": "acknowledge", "text": plain(ON_IT, LONGEST_BUTTON), "style": "primary", "value": value}
    return {"type": "actions", "block_id": "trimtab", "elements": [button]}


# ── e-mail ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def mail(said: Alert) -> tuple[str, str]:
    """Subject, and plain text of one fact a line."""
    fixes = [f"{shown(fix.text, 400)} {fix.url}".rstrip() if _is_web(fix.url) else shown(fix.text, 400) for fix in said.fixes or ()]
    parts = [
        said.text,
        f"In its own words: {shown(said.own_words, 600)}" if said.own_words else "",
        _paragraph(said.drivers_title, _few(said.drivers), NO_COST),
        _paragraph("What would lower it" if said.fixes is not None else "", fixes, NO_FIX),
        "\n".join(_few(said.notes)),
        said.context,
    ]
    return shown(said.text, 150), "\n\n".join(part for part in parts if part) + "\n"


def _paragraph(title: str, lines: Sequence[str], otherwise: str) -> str:
    return "\n".join((f"{title}:", *(f"- {line}" for line in lines or [otherwise]))) if title else ""


# ── Microsoft Teams ──────────────────────────────────────────────────────────────────────────────────────────────────
def adaptive_card(said: Alert) -> Json:
    """The alert as an Adaptive Card: rich text runs, which know no Markdown, and links only as buttons that open a page."""
    body: list[Json] = [
        _runs(said.headline, size="large", weight="bolder"),
        _runs(said.text),
        *([_runs(f"In its own words: {shown(said.own_words, 600)}")] if said.own_words else []),
        *_card_section(said.drivers_title, said.drivers, NO_COST),
        *_card_section("What would lower it" if said.fixes is not None else "", [shown(fix.text, 400) for fix in said.fixes or ()], NO_FIX),
        *(_runs(line) for line in _few(said.notes)),
        _runs(said.context, size="small"),
    ]
    opens: list[Json] = [
        {"type": "Action.OpenUrl", "title": _cut(shown(fix.text), 80), "url": fix.url} for fix in said.fixes or () if _is_web(fix.url)
    ]
    return {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "fallbackText": _cut(said.text, 400),
        "body": body,
        **({"actions": opens} if opens else {}),
    }


def _card_section(title: str, lines: Sequence[str], otherwise: str) -> list[Json]:
    return [_runs(title, weight="bolder"), *(_runs(f"• {line}") for line in _few(lines) or [otherwise])] if title else []


def _runs(text: str, **look: str) -> Json:
    return {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": _cut(text, LONGEST_TEXT), **look}]}


# ── words ────────────────────────────────────────────────────────────────────────────────────────────────────────────
def _few(lines: Sequence[str]) -> list[str]:
    """Each line made harmless; of too many, how many more there are."""
    more = [f"and {len(lines) - MOST_LINES} more"] if len(lines) > MOST_LINES else []
    return [shown(line, 400) for line in lines[:MOST_LINES]] + more


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 3] + "..."


def _is_web(url: str) -> bool:
    return url.startswith(("https://", "http://"))
