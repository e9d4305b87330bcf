"""Why the bill is not what list price times usage says: the difference by cause, and the causes add up to it exactly.

The estimate is what a tool without a bill would say: the catalog's price of each node's instance type times the hours that it ran. A
node whose type has no catalog price is in no estimate; what it cost is a cause of its own, and the type is named.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from trimtab.units import MONEY_SCALE

UNIT = Decimal(1).scaleb(-MONEY_SCALE)
NODE_HOURS = "node-hours"
CAUSES = (
    "hours billed without usage", "usage that was not billed", "list price differs from the catalog", "negotiated discounts",
    "commitments and spot", "nodes without a catalog price", "nodes without usage",
)  # fmt: skip
"""Of nodes, in the order of the way from estimate to bill; after them come what is no node-hour, and rounding."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BillPart:
    """What one node's hours were billed, or a sum of other charges of one cause."""

    cluster: str | None
    node: str | None
    currency: str
    cause: str
    """`node-hours`, or the cause's own name."""
    hours: Decimal | None
    list: Decimal
    contracted: Decimal
    effective: Decimal


@dataclass(frozen=True, kw_only=True, slots=True)
class NodeUse:
    """How long a node ran, and what its type costs an hour."""

    cluster: str
    node: str
    seconds: int
    currency: str | None
    price: Decimal | None
    """Catalog price of an hour; None = the catalog has none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Variance:
    """One cluster (None = outside clusters; "" = all) and currency."""

    cluster: str | None
    currency: str
    estimate: Decimal
    bill: Decimal
    causes: tuple[tuple[str, Decimal], ...]
    """Cause → what it adds to the estimate; estimate + causes = bill. A cause of nothing is left out."""

    @property
    def difference(self) -> Decimal:
        """Bill less estimate."""
        return self.bill - self.estimate


@dataclass(frozen=True, slots=True)
class _Step:
    """One cause's exact amount in one place."""

    cluster: str | None
    currency: str
    cause: str
    amount: Fraction


def variances(parts: Sequence[BillPart], uses: Sequence[NodeUse], *, by_cluster: bool) -> tuple[Variance, ...]:
    """The report, by cluster and currency, or by currency alone."""
    used = {(use.cluster, use.node): use for use in uses}
    billed = {(part.cluster, part.node): part.currency for part in parts if part.cause == NODE_HOURS}
    steps = [step for part in parts for step in _of_part(part, used)]
    steps += [step for use in uses if (use.cluster, use.node) not in billed for step in _unbilled(use)]
    return _reports(steps, parts, by_cluster=by_cluster)


def _of_part(part: BillPart, used: dict[tuple[str, str], NodeUse]) -> list[_Step]:
    """The way from the estimate to what was billed, step by step; its steps add up to the effective cost."""
    use = used.get((part.cluster or "", part.node or "")) if part.cause == NODE_HOURS else None
    effective, contracted, listed = Fraction(part.effective), Fraction(part.contracted), Fraction(part.list)
    if part.cause != NODE_HOURS:
        amounts = {part.cause: effective}
    elif use is None:
        amounts = {"nodes without usage": effective}
    elif use.price is None or use.currency != part.currency:
        amounts = {"nodes without a catalog price": effective}
    else:
        price, ran, hours = Fraction(use.price), Fraction(use.seconds, 3600), Fraction(part.hours or 0)
        amounts = {
            "estimate": price * ran,
            "hours billed without usage": price * max(hours - ran, Fraction(0)),
            "usage that was not billed": -price * max(ran - hours, Fraction(0)),
            "list price differs from the catalog": listed - price * hours,
            "negotiated discounts": contracted - listed,
            "commitments and spot": effective - contracted,
        }
    return [_Step(part.cluster, part.currency, cause, amount) for cause, amount in amounts.items()]


def _unbilled(use: NodeUse) -> list[_Step]:
    """A node that ran and is on no bill: all of its estimate is missing there."""
    if use.price is None or use.currency is None:
        return []
    worth = Fraction(use.price) * Fraction(use.seconds, 3600)
    return [
        _Step(use.cluster, use.currency, "estimate", worth),
        _Step(use.cluster, use.currency, "usage that was not billed", -worth),
    ]


def _reports(steps: Sequence[_Step], parts: Sequence[BillPart], *, by_cluster: bool) -> tuple[Variance, ...]:
    groups: dict[tuple[str | None, str], list[_Step]] = {}
    for step in steps:
        groups.setdefault((step.cluster if by_cluster else "", step.currency), []).append(step)
    bills = {key: _billed(parts, *key) for key in groups}
    order = sorted(groups, key=lambda key: (key[1], key[0] is None, key[0] or ""))
    return tuple(_report(key[0], key[1], groups[key], bills[key]) for key in order)


def _billed(parts: Sequence[BillPart], cluster: str | None, currency: str) -> Decimal:
    return sum((part.effective for part in parts if part.currency == currency and cluster in {"", part.cluster}), Decimal(0))


def _report(cluster: str | None, currency: str, steps: Sequence[_Step], bill: Decimal) -> Variance:
    estimate = _rounded(step.amount for step in steps if step.cause == "estimate")
    names = [*CAUSES, *sorted({step.cause for step in steps} - {*CAUSES, "estimate"})]
    causes = [(name, _rounded(step.amount for step in steps if step.cause == name)) for name in names]
    rest = bill - estimate - sum((amount for _, amount in causes), Decimal(0))
    kept = tuple((name, amount) for name, amount in (*causes, ("rounding", rest)) if amount)
    return Variance(cluster=cluster, currency=currency, estimate=estimate, bill=bill, causes=kept)


def _rounded(amounts: Iterable[Fraction]) -> Decimal:
    """A sum at the scale of money, half to even; what is lost here is told as rounding."""
    total = sum(amounts, Fraction(0)) * 10**MONEY_SCALE
    return (Decimal(round(total)) * UNIT).normalize() + Decimal(0) if total else Decimal(0)
