"""Another tool's numbers against ours, and why they differ: each difference is the sum of its causes, to the last digit.

Tools that read a cluster alone price it by the list, leave out what nobody asked for, and round; each of these is an amount here. What
is left when all that can be named is named is said to be unexplained.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import NamedTuple

ROUNDED = Decimal("0.000005")
"""The most that rounding to 5 decimals can take from or add to one number."""
IDLE = "__idle__"
ZERO = Decimal(0)


class Key(NamedTuple):
    """What is compared: a namespace's day, or with IDLE a cluster's idle day."""

    day: date
    cluster: str
    namespace: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Theirs:
    """Their numbers of one key."""

    priced: Decimal
    """What their rates make of it: no corrections, no idle, no shares of others."""
    corrections: Decimal = ZERO
    """Their own adjustment to the bill."""
    idle: Decimal = ZERO
    """Idle that they shared into it."""
    shared: Decimal = ZERO
    """Shared and external cost that they put on it."""
    unmeasured: Decimal = ZERO
    """The part of `priced` in hours of which we have no usage."""
    assets: Decimal = ZERO
    """The part of `priced` for volumes, load balancers and network, in hours of which we have usage."""
    numbers: int = 0
    """How many rounded numbers were added up."""

    @property
    def total(self) -> Decimal:
        """All of it."""
        return self.priced + self.corrections + self.idle + self.shared


@dataclass(frozen=True, kw_only=True, slots=True)
class Ours:
    """Our numbers of one key."""

    effective: Decimal
    """What was paid, commitments spread, in the hours that they have."""
    listed: Decimal
    """The same at list prices."""
    assets: Decimal = ZERO
    """The part of `listed` that is not for CPU, memory or GPUs."""
    shared: Decimal = ZERO
    """What was shared into it by our rules, in the hours that they have; `effective` and `listed` are without it."""
    elsewhere: Decimal = ZERO
    """What was paid in hours that they do not have."""

    @property
    def total(self) -> Decimal:
        """All of it."""
        return self.effective + self.shared + self.elsewhere


@dataclass(frozen=True, kw_only=True, slots=True)
class Cause:
    """One reason, and by how much it makes theirs larger than ours."""

    reason: str
    amount: Decimal


@dataclass(frozen=True, kw_only=True, slots=True)
class Compared:
    """One key: both numbers and every cause; theirs − ours is the sum of the causes."""

    day: date
    cluster: str
    namespace: str
    theirs: Decimal
    ours: Decimal
    causes: tuple[Cause, ...] = field(default=())
    """Largest first."""

    @property
    def difference(self) -> Decimal:
        """Theirs minus ours."""
        return self.theirs - self.ours


def compare(theirs: Mapping[Key, Theirs], ours: Mapping[Key, Ours]) -> tuple[Compared, ...]:
    """Every key of either side, by day, cluster and namespace."""
    return tuple(_compared(key, theirs.get(key), ours.get(key)) for key in sorted({*theirs, *ours}))


def total_causes(every: Iterable[Compared]) -> tuple[Cause, ...]:
    """The causes of all together, largest first."""
    totals: dict[str, Decimal] = {}
    for cause in (cause for each in every for cause in each.causes):
        totals[cause.reason] = totals.get(cause.reason, ZERO) + cause.amount
    return _largest_first(totals)


def _compared(key: Key, theirs: Theirs | None, ours: Ours | None) -> Compared:
    amounts = _causes(key, theirs, ours)
    return Compared(
        day=key.day, cluster=key.cluster, namespace=key.namespace, theirs=theirs.total if theirs else ZERO,
        ours=ours.total if ours else ZERO, causes=_largest_first(amounts),
    )  # fmt: skip


def _causes(key: Key, theirs: Theirs | None, ours: Ours | None) -> dict[str, Decimal]:
    if theirs is None:
        reason = "they hide idle" if key.namespace == IDLE else "they have no such namespace"
        return {reason: -(ours.total if ours else ZERO)}
    named = {
        "their correction to the bill": theirs.corrections,
        "idle shared into it": theirs.idle,
        "costs shared by their rules": theirs.shared,
    }
    if ours is None:
        return named | {"hours that we did not measure": theirs.unmeasured, "we allocate nothing to it": theirs.priced - theirs.unmeasured}
    assets = theirs.assets - ours.assets
    rest = theirs.priced - theirs.unmeasured - ours.listed - assets
    reason = "rounding to 5 decimals" if abs(rest) <= theirs.numbers * ROUNDED else "unexplained: their rates or usage differ"
    return named | {
        "hours that we did not measure": theirs.unmeasured,
        "hours that they do not have": -ours.elsewhere,
        "costs shared by our rules": -ours.shared,
        "volumes, load balancers and network": assets,
        "list price, not what was paid": ours.listed - ours.effective,
        reason: rest,
    }


def _largest_first(amounts: Mapping[str, Decimal]) -> tuple[Cause, ...]:
    causes = (Cause(reason=reason, amount=amount) for reason, amount in amounts.items() if amount)
    return tuple(sorted(causes, key=lambda cause: (-abs(cause.amount), cause.reason)))
