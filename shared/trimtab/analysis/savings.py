"""What a change really saves: at the rates the bill has, and only on machines that no commitment pays for anyway.

Two shares decide, both of the newest billed period and of machines alone (no disks, traffic or credits): `share` of their list cost that
commitments and capacity reservations stand for, and `ratio`, what the rest really cost of its list price. Which machines a provider
counts as covered moves from hour to hour, so every removed machine is taken for covered by the pool's share. `savings/verify` measures
the same thing: the cost of machines that nothing covers.

    fewer or smaller machines     saved = list x (1 - share) x ratio               freed = list x share
    a machine that the commitment saved = old x (1 - share) x ratio - new x ratio  freed = list x share
    does not follow to
    more machines                 costs list x ratio, as if nothing covered them   freed = 0
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal

from trimtab.analysis.case import LIST_ONLY
from trimtab.records import Finding, Refusal
from trimtab.units import HOURS_PER_MONTH, Money

SHARE_DIGITS = Decimal("0.000000001")
MONEY_DIGITS = Decimal("0.000001")

AT_LIST = "the saving is at list price only"
COVER_UNKNOWN = f"The bill does not say what covers this pool's machines, and so not what is really saved: {AT_LIST}."
_MONEY_UNKNOWN = frozenset({LIST_ONLY, COVER_UNKNOWN})


@dataclass(frozen=True, kw_only=True, slots=True)
class Billed:
    """What a bill says of a pool's machines over one period, in one currency."""

    period: str
    """p-2026-07."""
    currency: str
    list: Decimal
    effective: Decimal
    covered_list: Decimal
    covered_effective: Decimal
    kinds: tuple[str, ...] = ()
    """What covers them, in the provider's words, the largest first."""
    is_spend: bool = False
    """True = all of it is committed spend, which any machine may use; False = at least some of it is for certain machines."""

    @property
    def share(self) -> Decimal | None:
        """Part of the machines' list cost that is covered, 0 to 1; None = the bill cannot say."""
        if self.list <= 0 or not 0 <= self.covered_list <= self.list:
            return None
        if self.covered_list == 0 and (self.kinds or self.covered_effective):
            # Some bills give covered hours no list cost: how much they are is then not known, and not nothing.
            return None
        return (self.covered_list / self.list).quantize(SHARE_DIGITS)

    @property
    def ratio(self) -> Decimal | None:
        """What machines that nothing covers really cost of their list price; 1 where all are covered, None = the bill cannot say."""
        rest, paid = self.list - self.covered_list, self.effective - self.covered_effective
        if rest <= 0:
            return Decimal(1) if rest == 0 and self.list > 0 else None
        return (paid / rest).quantize(SHARE_DIGITS) if paid >= 0 else None


def on_spot(billed: Billed) -> Billed:
    """For machines on spot: a spot price is what is paid, and the bill's discount on (often on-demand) list prices comes on top of none."""
    return replace(billed, effective=billed.list - billed.covered_list + billed.covered_effective)


def rate(billed: Billed | None, price: Money) -> Decimal | None:
    """What one machine's hour costs that no commitment pays, in the currency of its list price; None = the bill cannot say."""
    if billed is None or billed.currency != price.currency or billed.share is None or billed.ratio is None:
        return None
    return (price.amount * (1 - billed.share) * billed.ratio).quantize(SHARE_DIGITS)


def settled(
    finding: Finding,
    billed: Billed | None,
    price: Money | None,
    is_related: Callable[[str, str], bool],
    running: float | None = None,
) -> Finding | Refusal:
    """The finding with what it really saves, what it frees, and what is not known of either.

    `price` is the list price of one of the pool's machines for an hour. `is_related` says whether a reservation of one instance type
    serves another one. `running` is how many nodes the bill has on average: fewer than an autoscaler's maximum, which a finding counts.
    A saving that a commitment eats up whole while something new has to be paid is refused.
    """
    if finding.saving_list.amount == 0:
        return replace(finding, saving_effective=finding.saving_list, saving_freed=finding.saving_list, unknowns=_other_unknowns(finding))
    if billed is None:
        return _unknown(finding, LIST_ONLY)
    if billed.currency != finding.saving_list.currency:
        return _unknown(
            finding, f"The bill has this pool in {billed.currency}, its prices are in {finding.saving_list.currency}: {AT_LIST}."
        )
    share, ratio = billed.share, billed.ratio
    if share is None or ratio is None:
        return _unknown(finding, COVER_UNKNOWN)
    stays_paid = share > 0 and _leaves(finding, billed, is_related)
    if stays_paid and price is None:
        return _unknown(finding, COVER_UNKNOWN)
    nodes = Decimal(finding.nodes_old) if running is None else min(Decimal(finding.nodes_old), Decimal(str(running)))
    old = price.amount * nodes * HOURS_PER_MONTH if price and stays_paid else None
    effective = _effective(finding, share, ratio, old)
    if old is not None and effective <= 0 < finding.saving_list.amount:
        return _eaten_up(finding, billed, share, effective)
    return _known(finding, billed, share, effective)


def _effective(finding: Finding, share: Decimal, ratio: Decimal, old: Decimal | None) -> Decimal:
    """Saved a month; `old` is what the machines cost at list price where what covers them does not follow the change."""
    listed = finding.saving_list.amount
    if old is not None:
        # A spot price is what is paid; a discount on list prices does not lower it.
        return (old * (1 - share) * ratio - (old - listed) * (1 if _is_spot(finding) else ratio)).quantize(MONEY_DIGITS)
    return (listed * (1 if listed < 0 else 1 - share) * ratio).quantize(MONEY_DIGITS)


def _is_spot(finding: Finding) -> bool:
    return any(change.field == "capacity_type" and change.new == "spot" for change in finding.changes)


def _leaves(finding: Finding, billed: Billed, is_related: Callable[[str, str], bool]) -> bool:
    """True where the machines after the change cannot use what covers those before it."""
    if _is_spot(finding):
        return True
    types = [change for change in finding.changes if change.field == "instance_type"]
    return not billed.is_spend and any(not is_related(change.old, change.new) for change in types)


def _known(finding: Finding, billed: Billed, share: Decimal, effective: Decimal) -> Finding:
    listed = finding.saving_list
    freed = (listed.amount * share).quantize(MONEY_DIGITS) if listed.amount > 0 else Decimal(0)
    lines = (covered_sentence(billed, share, freed, listed.currency),) if freed > 0 else ()
    return replace(
        finding,
        saving_effective=Money(effective, listed.currency),
        saving_freed=Money(freed, listed.currency),
        unknowns=_other_unknowns(finding),
        evidence=replace(finding.evidence, lines=(*finding.evidence.lines, *lines)),
    )


def covered_sentence(billed: Billed, share: Decimal, freed: Decimal, currency: str) -> str:
    """Why a part of the list price is freed and not saved."""
    kinds = " and ".join(billed.kinds[:2]) or "commitment"
    part = f"{share:.0%}" if share >= Decimal("0.01") else "less than 1%"
    return (
        f"In {billed.period.removeprefix('p-')}, {part} of what these machines cost at list price was covered ({kinds}). "
        f"That part, {freed:,.2f} {currency} a month, is freed for others and not saved: it is paid until the commitment ends."
    )


def _eaten_up(finding: Finding, billed: Billed, share: Decimal, effective: Decimal) -> Refusal:
    kinds = " and ".join(billed.kinds[:2]) or "a commitment"
    change = finding.changes[0]
    return Refusal(
        cluster_uid=finding.subject.cluster_uid,
        pool=finding.subject.pool,
        kind=finding.subject.kind,
        rule="commitment-stays",
        reason=(
            f"{change.old} to {change.new} would save {finding.saving_list} a month at list price, but {kinds} covers {share:.0%} of the "
            "machines there now and does not follow. It would be paid on top of the new ones: "
            f"{-effective:,.2f} {finding.saving_list.currency} a month more."
        ),
        needs=f"The end of {kinds}, or other machines that use it up.",
    )


def _unknown(finding: Finding, why: str) -> Finding:
    return replace(finding, saving_effective=None, saving_freed=None, unknowns=(*_other_unknowns(finding), why))


def _other_unknowns(finding: Finding) -> tuple[str, ...]:
    """What else is not known; the analysis itself never sees a bill's coverage."""
    return tuple(sentence for sentence in finding.unknowns if sentence not in _MONEY_UNKNOWN)


__all__ = ["COVER_UNKNOWN", "LIST_ONLY", "Billed", "covered_sentence", "on_spot", "rate", "settled"]
