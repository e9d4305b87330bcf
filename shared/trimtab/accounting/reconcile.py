"""Does it add up? The four parts against the bill, and cents for people that still add up to the rounded total."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Literal

from trimtab.errors import Broken
from trimtab.records import Reconciliation

CENT = Decimal("0.01")
MEASURES: tuple[Literal["BilledCost", "EffectiveCost"], ...] = ("BilledCost", "EffectiveCost")


@dataclass(frozen=True, kw_only=True, slots=True)
class RoundedLines:
    """Lines in cents; lines + residual = total, always."""

    lines: tuple[tuple[str, Decimal], ...]
    residual: Decimal
    """What rounding left over, its own row on paper; 0.00 most of the time."""
    total: Decimal


def reconciliations(row: Sequence[object]) -> tuple[Reconciliation, ...]:
    """A currency with its five sums of each measure (sql/reconciliation.sql) as two records; an absent sum has no rows, so it is 0."""
    currency, *sums = row
    return tuple(
        reconciliation(str(currency), measure, sums[5 * place : 5 * place + 5])  # five a measure
        for place, measure in enumerate(MEASURES)
    )


def reconciliation(currency: str, measure: Literal["BilledCost", "EffectiveCost"], sums: Sequence[object]) -> Reconciliation:
    """Bill, allocated, idle, unallocated, not-kubernetes."""
    billed, allocated, idle, unallocated, not_kubernetes = (Decimal(str(value or 0)) for value in sums)
    return Reconciliation(
        currency=currency, measure=measure, billed=billed, allocated=allocated, idle=idle, unallocated=unallocated,
        not_kubernetes=not_kubernetes,
    )  # fmt: skip


def added(records: Sequence[Reconciliation]) -> tuple[Reconciliation, ...]:
    """One record per currency and measure, over several exports."""
    sums: dict[tuple[str, Literal["BilledCost", "EffectiveCost"]], list[Decimal]] = {}
    for record in records:
        own = [record.billed, record.allocated, record.idle, record.unallocated, record.not_kubernetes]
        so_far = sums.setdefault((record.currency, record.measure), [Decimal(0)] * 5)
        sums[record.currency, record.measure] = [one + other for one, other in zip(so_far, own, strict=True)]
    return tuple(reconciliation(currency, measure, amounts) for (currency, measure), amounts in sorted(sums.items()))


def demand_promise(records: Sequence[Reconciliation], place: str) -> None:
    """Raises Broken, with the difference, where the parts do not equal the bill to the last unit."""
    for record in records:
        if record.difference != 0:
            raise Broken(
                f"{place}: {record.measure} in {record.currency} does not add up: the parts are {record.difference:+f} away from the bill "
                f"of {record.billed:f}; nothing was written"
            )


def in_cents(amounts: Mapping[str, Decimal]) -> RoundedLines:
    """Each amount rounded half to even, the total rounded once, and the difference as a residual instead of a silent cent."""
    lines = tuple((name, amount.quantize(CENT, ROUND_HALF_EVEN)) for name, amount in amounts.items())
    total = sum(amounts.values(), Decimal(0)).quantize(CENT, ROUND_HALF_EVEN)
    return RoundedLines(lines=lines, residual=total - sum((amount for _, amount in lines), Decimal(0)), total=total)
