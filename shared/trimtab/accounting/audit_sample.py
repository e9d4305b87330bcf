"""A sample of allocated rows that a person checks, and what the answers say about all of them.

Rows that are each worth at least the population's money over the sample's size are all drawn. The rest is cut into strata of alike
size (powers of ten), each gets its part of the sample by its money, at least two rows. Accuracy is the share of money that stands where
it should: in each stratum the right money over the money asked about, weighted by the stratum's money. Its interval is Wilson's at 95 %
over the strata that were not asked about whole, with the sample size that their weights are worth (Kish). Credits count without sign.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

METHOD = "money-weighted, stratified by size; Wilson interval at 95 % with Kish's effective sample size; rows asked about whole add nothing"
LEAST = 2
"""Rows of a stratum that are drawn at least, where it has so many."""
Z = Decimal("1.959964")
SMALL = Decimal("0.01")
"""Share of the money under which groups of a size become one stratum."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SizeGroup:
    """Rows whose cost has as many digits, as the population has them."""

    is_certain: bool
    digits: int
    rows: int
    units: int
    """Their money, in whole units."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Stratum:
    """Rows that are drawn from together."""

    name: str
    groups: tuple[SizeGroup, ...]
    quota: int

    @property
    def rows(self) -> int:
        """How many the population has."""
        return sum(group.rows for group in self.groups)

    @property
    def units(self) -> int:
        """Its money, in whole units."""
        return sum(group.units for group in self.groups)


@dataclass(frozen=True, kw_only=True, slots=True)
class Answered:
    """A stratum as it stands: its rows and money, and what was answered of it."""

    name: str
    rows: int
    units: int
    drawn: int
    answered: int
    asked_units: int
    """Money of the answered rows."""
    right_units: int
    """Money of those that were right."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Accuracy:
    """Share of the money that stands where it should, with its interval; None = `reason` says what is still missing."""

    share: Decimal | None
    low: Decimal | None
    high: Decimal | None
    answered: int
    drawn: int
    method: str
    reason: str


def threshold(units: int, size: int) -> int:
    """From how many units on a row is drawn for certain: the money over the size, upward."""
    return max(1, -(-units // size))


def strata(groups: Sequence[SizeGroup], size: int) -> tuple[Stratum, ...]:
    """The strata of a population and how many rows of each are drawn; `groups` largest first, the certain ones marked."""
    certain = tuple(group for group in groups if group.is_certain)
    drawn = sum(group.rows for group in certain)
    found = [Stratum(name="all of the largest", groups=certain, quota=drawn)] if certain else []
    return (*found, *_quotas(_merged([group for group in groups if not group.is_certain], max(size - drawn, 0)), max(size - drawn, 0)))


def _merged(groups: Sequence[SizeGroup], room: int) -> list[tuple[SizeGroup, ...]]:
    """A stratum per size; the small ones together, and ever more of them until each stratum can have its least rows."""
    total = sum(group.units for group in groups)
    ordered = sorted(groups, key=lambda group: -group.digits)
    large = [group for group in ordered if group.units >= SMALL * total]
    small = tuple(group for group in ordered if group.units < SMALL * total)
    found: list[tuple[SizeGroup, ...]] = [(group,) for group in large]
    if small and found:
        found[-1] = (*found[-1], *small)
    while len(found) > 1 and len(found) * LEAST > room:
        found[-2:] = [(*found[-2], *found[-1])]
    return found


def _quotas(found: Sequence[tuple[SizeGroup, ...]], room: int) -> tuple[Stratum, ...]:
    plain = [Stratum(name=f"stratum {place + 1}", groups=groups, quota=0) for place, groups in enumerate(found)]
    least = [min(LEAST, stratum.rows, room) for stratum in plain]
    rest = room - sum(least)
    total = sum(stratum.units for stratum in plain)
    exact = [Decimal(rest) * stratum.units / total if total else Decimal(0) for stratum in plain]
    whole = [int(share) for share in exact]
    order = sorted(range(len(plain)), key=lambda place: (whole[place] - exact[place], place))
    extra = set(order[: rest - sum(whole)])
    return tuple(
        Stratum(name=stratum.name, groups=stratum.groups, quota=min(stratum.rows, least[place] + whole[place] + (place in extra)))
        for place, stratum in enumerate(plain)
    )


# ── What the answers say ─────────────────────────────────────────────────────────────────────────────────────────────
def standing(stratum: Mapping[str, object], rows: Sequence[tuple[str, int]], answers: Mapping[str, bool]) -> Answered:
    """A stratum (name, rows, units) with its drawn rows (id, units) and the answers by id."""
    asked = [(units, answers[identity]) for identity, units in rows if identity in answers]
    return Answered(
        name=str(stratum["name"]), rows=int(str(stratum["rows"])), units=int(str(stratum["units"])), drawn=len(rows), answered=len(asked),
        asked_units=sum(units for units, _ in asked), right_units=sum(units for units, is_right in asked if is_right),
    )  # fmt: skip


def accuracy(found: Sequence[Answered]) -> Accuracy:
    """No number before every stratum has an answer: an unasked stratum is not known to be right."""
    answered, drawn = sum(one.answered for one in found), sum(one.drawn for one in found)
    silent = [one.name for one in found if not one.answered]
    if silent or not found:
        reason = f"no answer yet in {', '.join(silent)}" if silent else "there are no rows with money"
        return Accuracy(share=None, low=None, high=None, answered=answered, drawn=drawn, method=METHOD, reason=reason)
    total = Decimal(sum(one.units for one in found))
    known = sum((_right(one) for one in found if one.answered == one.rows), Decimal(0))
    asked = [one for one in found if one.answered < one.rows]
    low, high = _interval(asked)
    money = Decimal(sum(one.units for one in asked))
    share = (known + sum((_right(one) for one in asked), Decimal(0))) / total
    return Accuracy(
        share=_percent(share), low=_percent((known + money * low) / total), high=_percent((known + money * high) / total),
        answered=answered, drawn=drawn, method=METHOD, reason="",
    )  # fmt: skip


def _right(stratum: Answered) -> Decimal:
    """The stratum's money that is right, as its answers say."""
    return Decimal(stratum.units) * stratum.right_units / stratum.asked_units


def _interval(asked: Sequence[Answered]) -> tuple[Decimal, Decimal]:
    """Wilson's interval for the strata that are known in part; (0, 0) where there are none and nothing is uncertain."""
    money = Decimal(sum(one.units for one in asked))
    if not asked:
        return Decimal(0), Decimal(0)
    share = sum((_right(one) for one in asked), Decimal(0)) / money
    size = money * money / sum((Decimal(one.units) ** 2 / one.answered for one in asked), Decimal(0))
    square = Z * Z
    middle = share + square / (2 * size)
    spread = Z * (share * (1 - share) / size + square / (4 * size * size)).sqrt()
    scale = 1 + square / size
    return max(Decimal(0), (middle - spread) / scale), min(Decimal(1), (middle + spread) / scale)


def _percent(share: Decimal) -> Decimal:
    """A share at four digits."""
    return share.quantize(Decimal("0.0001"))
