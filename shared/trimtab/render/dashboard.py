"""One repo's page of everything pending: what waits and why, what limits held back, what was turned down, what was not proposed.

Pure: values and the template in, text out. Nothing that others wrote can act in it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from trimtab.records import VerdictLine
from trimtab.render.text import prose
from trimtab.render.view import money
from trimtab.render.wording import Ours, Sentence, Wording
from trimtab.units import Money

LONGEST = 60_000
"""Characters; GitHub takes 65,536."""
TITLE = "Trimtab: what is pending"
_ROOMS = (200, 100, 50, 20, 5, 1)
"""How many rows a part may have, from everything to the least; the first that fits is taken."""
_MOST_WAITS = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Pending:
    """An open pull request of ours."""

    number: str
    """As the forge links it: #17, !17."""
    title: str
    state: str
    since: datetime
    saving: Money | None
    waits: tuple[VerdictLine, ...] = ()
    held: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class TurnedDown:
    """What a person did not want."""

    title: str
    kind: str
    at: datetime
    by: str
    until: datetime | None = None
    reason: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reason:
    """Why something was not proposed, and how often."""

    rule: str
    count: int
    example: str
    is_limit: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """All that the page says."""

    pending: tuple[Pending, ...]
    turned_down: tuple[TurnedDown, ...]
    reasons: tuple[Reason, ...]


def dashboard(page: Page, wording: Wording) -> str:
    """The page's text without its date, at most `LONGEST` characters; what is left out is counted."""
    texts = (_filled(page, room, wording) for room in _ROOMS)
    shortest = ""
    for text in texts:
        shortest = text
        if len(text) <= LONGEST:
            return text
    return shortest[:LONGEST]


def _filled(page: Page, room: int, wording: Wording) -> str:
    limits = [reason for reason in page.reasons if reason.is_limit]
    others = [reason for reason in page.reasons if not reason.is_limit]
    values: dict[str, object] = {
        **_part("pending", [_pending(row) for row in page.pending], room),
        **_part("limits", [{"reason": Sentence(row.example), "count": row.count} for row in limits], room),
        **_part("turned_down", [_turned_down(row) for row in page.turned_down], room),
        **_part(
            "reasons", [{"rule": Ours(prose(row.rule, 80)), "count": row.count, "example": Sentence(row.example)} for row in others], room
        ),
    }
    text = "\n".join(line.rstrip() for line in wording.markdown("dashboard.md.j2", values).splitlines())
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def _part(name: str, rows: Sequence[dict[str, object]], room: int) -> dict[str, object]:
    return {name: list(rows[:room]), f"{name}_more": max(0, len(rows) - room)}


def _pending(row: Pending) -> dict[str, object]:
    return {
        "number": Ours(row.number),
        "title": Sentence(row.title),
        "state": Ours(prose(row.state, 40)),
        "since": Ours(f"{row.since:%Y-%m-%d}"),
        "saving": Ours(money(row.saving)) if row.saving is not None and row.saving.amount > 0 else None,
        "waits": [{"rule": Ours(prose(line.rule, 80)), "saw": line.saw} for line in row.waits[:_MOST_WAITS]],
        "held": Sentence(row.held) if row.held else None,
    }


def _turned_down(row: TurnedDown) -> dict[str, object]:
    return {
        "title": Sentence(row.title),
        "kind": Ours(prose(row.kind, 40)),
        "at": Ours(f"{row.at:%Y-%m-%d}"),
        "by": row.by or "somebody",
        "until": Ours(f"{row.until:%Y-%m-%d}") if row.until else None,
        "reason": row.reason,
    }
