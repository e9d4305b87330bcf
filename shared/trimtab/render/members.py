"""What several changes say together: how many of what, what all of them save, and which risk is whose. Pure, like the rest of render."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from trimtab.records import FieldChange, Finding, Proposal, SubjectKind
from trimtab.units import Money

PLURALS: dict[SubjectKind, str] = {
    "pool": "pools",
    "namespace": "namespaces",
    "workspace": "workspaces",
    "virtual-cluster": "virtual clusters",
    "workload": "workloads",
    "volume": "volumes",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Sums:
    """What all changes of a proposal save a month."""

    at_list: Money
    effective: Money | None
    """None = not known of every one."""
    freed: Money | None

    @property
    def saving(self) -> Money:
        """What is really saved where that is known of all, else at list price."""
        return self.at_list if self.effective is None else self.effective


def is_group(proposal: Proposal) -> bool:
    """True where more than one change comes together; one that is alone in its group reads as if it were none."""
    return len(proposal.members) > 1


def plain(proposal: Proposal) -> Proposal:
    """The proposal as it reads: the only change of a group is that change."""
    return proposal.parts[0] if len(proposal.members) == 1 else proposal


def sums_of(proposal: Proposal) -> Sums:
    """Savings added up; they are in one currency, else the changes would not have come together."""
    findings = [part.finding for part in proposal.parts]
    effective = [finding.saving_effective for finding in findings if finding.saving_effective is not None]
    freed = [finding.saving_freed for finding in findings if finding.saving_freed is not None]
    return Sums(
        at_list=_added(finding.saving_list for finding in findings),
        effective=_added(effective) if len(effective) == len(findings) else None,
        freed=_added(freed) if freed else None,
    )


def _added(amounts: Iterable[Money]) -> Money:
    first, *others = amounts
    for amount in others:
        first = first + amount
    return first


def things(proposal: Proposal) -> str:
    """pools, where all of them are; else changes."""
    kinds = {part.finding.subject.kind for part in proposal.parts}
    return PLURALS[kinds.pop()] if len(kinds) == 1 else "things"


def verb(proposal: Proposal) -> str:
    """Shrink, Grow or Resize, where all of them are node counts; else Change."""
    changes = [part.finding.changes[0] for part in proposal.parts]
    if any(change.field != "count" for change in changes):
        return "Change"
    steps = {_step(change) for change in changes}
    return {frozenset({-1}): "Shrink", frozenset({1}): "Grow"}.get(frozenset(steps), "Resize")


def _step(change: FieldChange) -> int:
    old, new = int(change.old) if change.old.isdigit() else 0, int(change.new) if change.new.isdigit() else 0
    return (new > old) - (new < old)


def summed(proposal: Proposal) -> Finding:
    """The leading finding with the money of all, for the sentences about money."""
    sums = sums_of(proposal)
    sources = tuple(dict.fromkeys(part.finding.price_source.rstrip(".") for part in proposal.parts))
    return replace(
        proposal.finding,
        saving_list=sums.at_list,
        saving_effective=sums.effective,
        saving_freed=sums.freed,
        price_source="; ".join(sources),
    )
