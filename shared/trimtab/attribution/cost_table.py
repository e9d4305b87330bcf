"""The answer to a cost query: lines, what stands beside them, and the proof that together they are the allocated rows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

from trimtab.attribution.query import CostQuery
from trimtab.attribution.summary import Amounts, plain
from trimtab.errors import Broken
from trimtab.units import MONEY_SCALE

NOTHING = Amounts(billed=Decimal(0), effective=Decimal(0), list=Decimal(0))
Kind = Literal["cost", "idle", "shared"]


@dataclass(frozen=True, kw_only=True, slots=True)
class CostRow:
    """One line: the values of the keys asked for (None = the row has none), its currency and cost."""

    keys: tuple[str | None, ...]
    currency: str
    amounts: Amounts
    kind: Kind = "cost"
    """idle = capacity nobody took (no keys), shared = to be spread, and nobody there to spread it over."""
    cluster: str | None = None
    node: str | None = None
    """Whose idle capacity it is, where idle lines are split."""
    idle: Decimal = Decimal(0)
    shared: Decimal = Decimal(0)
    overhead: Decimal = Decimal(0)
    """What of the effective cost came as idle capacity, from shared rows, and as overhead; the rest is its own."""
    reporting: Decimal | None = None
    """Effective cost in the reporting currency, each charge at its own day's rate; None = not asked for, or a rate is missing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Apart:
    """Cost beside the lines, so that they can be checked: what and how much."""

    name: Literal["allocated", "overhead", "hidden idle", "filtered out"]
    currency: str
    amounts: Amounts


@dataclass(frozen=True, kw_only=True, slots=True)
class CostTable:
    """Lines, largest effective cost first within a currency, and each currency's total."""

    by: tuple[str, ...]
    period: str | None
    rows: tuple[CostRow, ...]
    totals: tuple[CostRow, ...]
    apart: tuple[Apart, ...] = ()
    """With a query: lines + hidden idle + filtered out = allocated + overhead, in each currency and cost."""
    reporting_currency: str | None = None
    reporting_total: Decimal | None = None
    """Over all currencies; None where one of them has no number."""
    missing_rates: tuple[str, ...] = ()
    """ "GBP on 2026-07-04": the currency has no number in the reporting column."""


def row_of(row: Sequence[object], keys: int) -> CostRow:
    """A row of `query.plain_query` with so many keys: its values, currency, billed, effective, list and, where asked for, reporting."""
    billed, effective, list_cost, *converted = (plain(value) for value in row[keys + 1 :])
    return CostRow(
        keys=tuple(_text(value) for value in row[:keys]),
        currency=str(row[keys]),
        amounts=Amounts(billed=billed, effective=effective, list=list_cost),
        reporting=converted[0] if converted else None,
    )


def totals_of(rows: Sequence[CostRow]) -> tuple[CostRow, ...]:
    """One row per currency; currencies are never added."""
    return tuple(_total(currency, [row for row in rows if row.currency == currency]) for currency in sorted({row.currency for row in rows}))


def _total(currency: str, rows: Sequence[CostRow]) -> CostRow:
    return CostRow(
        keys=(), currency=currency, amounts=_sum(row.amounts for row in rows), reporting=known_sum(row.reporting for row in rows)
    )


def known_sum(values: Iterable[Decimal | None]) -> Decimal | None:
    """None where one of them is not known, or where there is none."""
    known = list(values)
    return sum((value for value in known if value is not None), Decimal(0)) if known and None not in known else None


def _sum(amounts: Iterable[Amounts]) -> Amounts:
    return sum(amounts, NOTHING)


def _text(value: object) -> str | None:
    return None if value is None else str(value)


# ── With a query ─────────────────────────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """One row of `query_result`: an amount of one measure, where it stands and where it came from."""

    shown: str
    """line, idle or shared."""
    is_kept: bool
    keys: tuple[str | None, ...]
    currency: str
    cluster: str | None
    node: str | None
    source: str
    """own, idle, shared or overhead."""
    measure: str
    """billed, effective, list or reporting."""
    amount: Decimal


def piece_of(row: Sequence[object]) -> Piece:
    """A row of `query.result`."""
    shown, is_kept, line, currency, cluster, node, source, measure, amount = row
    keys = tuple(_text(value) for value in line) if isinstance(line, list | tuple) else ()
    return Piece(
        shown=str(shown), is_kept=bool(is_kept), keys=keys, currency=str(currency), cluster=_text(cluster), node=_text(node),
        source=str(source), measure=str(measure), amount=plain(Decimal(str(amount)).scaleb(-MONEY_SCALE)),
    )  # fmt: skip


def answer(
    by: tuple[str, ...], period: str | None, query: CostQuery, pieces: Sequence[Piece], allocated: Sequence[CostRow],
    overheads: Sequence[tuple[str, Decimal]], *, is_converted: bool,
) -> CostTable:  # fmt: skip
    """The table that the pieces make, beside the allocated rows' own sums. Raises Broken where the two are a unit apart."""
    kept = [piece for piece in pieces if piece.is_kept]
    hidden = [piece for piece in kept if piece.shown == "idle"] if query.idle == "hide" else []
    shown = [piece for piece in kept if piece.shown != "idle"] if query.idle == "hide" else kept
    rows = _lines(shown, split_idle=query.split_idle, is_converted=is_converted)
    beside = (
        *(Apart(name="allocated", currency=row.currency, amounts=row.amounts) for row in allocated),
        *(Apart(name="overhead", currency=currency, amounts=_alike(amount)) for currency, amount in overheads),
        *_beside("hidden idle", hidden),
        *_beside("filtered out", [piece for piece in pieces if not piece.is_kept]),
    )
    table = CostTable(by=by, period=period, rows=rows, totals=totals_of(rows), apart=beside)
    _demand_all(table)
    return table


def _alike(amount: Decimal) -> Amounts:
    return Amounts(billed=amount, effective=amount, list=amount)


def _beside(name: Literal["hidden idle", "filtered out"], pieces: Sequence[Piece]) -> tuple[Apart, ...]:
    currencies = sorted({piece.currency for piece in pieces})
    return tuple(Apart(name=name, currency=one, amounts=_amounts(piece for piece in pieces if piece.currency == one)) for one in currencies)


def _amounts(pieces: Iterable[Piece]) -> Amounts:
    sums = dict.fromkeys(("billed", "effective", "list", "reporting"), Decimal(0))
    for piece in pieces:
        sums[piece.measure] += piece.amount
    return Amounts(billed=sums["billed"], effective=sums["effective"], list=sums["list"])


def _lines(pieces: Sequence[Piece], *, split_idle: bool, is_converted: bool) -> tuple[CostRow, ...]:
    groups: dict[CostRow, list[Piece]] = {}
    for piece in pieces:
        groups.setdefault(_place(piece, split_idle=split_idle), []).append(piece)
    rows = [_filled(row, group, is_converted=is_converted) for row, group in groups.items()]
    return tuple(sorted((row for row in rows if row.kind == "cost" or row.amounts != NOTHING), key=_order))


def _place(piece: Piece, *, split_idle: bool) -> CostRow:
    """The line that a piece stands in, still without amounts."""
    is_split = split_idle and piece.shown == "idle"
    kind: Kind = "cost" if piece.shown == "line" else "idle" if piece.shown == "idle" else "shared"
    return CostRow(
        keys=piece.keys, currency=piece.currency, amounts=NOTHING, kind=kind, cluster=piece.cluster if is_split else None,
        node=piece.node if is_split else None,
    )  # fmt: skip


def _filled(row: CostRow, pieces: Sequence[Piece], *, is_converted: bool) -> CostRow:
    def of(measure: str, *sources: str) -> Decimal:
        return sum((piece.amount for piece in pieces if piece.measure == measure and (piece.source in sources or not sources)), Decimal(0))

    return replace(
        row, amounts=_amounts(pieces), idle=of("effective", "idle"), shared=of("effective", "shared"),
        overhead=of("effective", "overhead"), reporting=of("reporting") if is_converted else None,
    )  # fmt: skip


def _order(row: CostRow) -> tuple[object, ...]:
    names = tuple((key is None, key or "") for key in row.keys)
    return (row.currency, row.kind != "cost", -row.amounts.effective, names, row.cluster or "", row.node or "")


def _demand_all(table: CostTable) -> None:
    """Lines and what is left out against the table and overhead, to the last unit."""
    for currency in sorted({apart.currency for apart in table.apart}):
        own = [apart for apart in table.apart if apart.currency == currency]
        there = _sum(apart.amounts for apart in own if apart.name in {"allocated", "overhead"})
        left = _sum(apart.amounts for apart in own if apart.name not in {"allocated", "overhead"})
        told = _sum((left, *(row.amounts for row in table.totals if row.currency == currency)))
        if told != there:
            raise Broken(
                f"costs in {currency}: the lines add up to {told.effective:f}, the allocated rows and overhead to {there.effective:f}"
            )
