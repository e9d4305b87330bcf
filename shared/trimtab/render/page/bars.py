"""Shares as bars. Colors come from the style sheet by class, because the page's policy allows no inline styles."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from markupsafe import Markup


@dataclass(frozen=True, kw_only=True, slots=True)
class Bar:
    """One part of a stacked bar."""

    name: str
    amount: Decimal
    style: str
    """Class of the style sheet."""


def bar_svg(amount: Decimal, largest: Decimal) -> Markup:
    """One bar of a list; the number stands beside it, so that it needs no words. Nothing to draw for nothing or less."""
    share = max(Decimal(0), amount / largest) if largest > 0 else Decimal(0)
    return Markup(
        '<svg class="bar" aria-hidden="true" width="100%" height="10" preserveAspectRatio="none">'
        '<rect class="track" width="100%" height="10" rx="3"/><rect class="fill" width="{}%" height="10" rx="3"/></svg>'
    ).format(_percent(share))


def stacked_svg(bars: Sequence[Bar]) -> Markup:
    """Parts of a whole as one bar; a part below zero (a credit) cannot be drawn and is told by its number alone."""
    drawn = [bar for bar in bars if bar.amount > 0]
    total = sum((bar.amount for bar in drawn), Decimal(0))
    pieces, at = Markup(""), Decimal(0)
    for bar in drawn:
        share = bar.amount / total
        pieces += Markup('<rect class="{}" x="{}%" width="{}%" height="18"/>').format(bar.style, _percent(at), _percent(share))
        at += share
    words = ", ".join(f"{bar.name} {100 * bar.amount / total:.1f}%" for bar in drawn)
    return Markup('<svg class="stack" role="img" aria-label="{}" width="100%" height="18">{}</svg>').format(words, pieces)


def _percent(share: Decimal) -> str:
    return f"{100 * share:.3f}"
