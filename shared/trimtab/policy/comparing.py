"""Two verdicts on the same facts by two sets of rules: what would become of the change, and in what the new rules ask for less."""

from collections.abc import Iterator
from enum import StrEnum

from trimtab.policy.deciding import PEOPLE, REPORT_ONLY, is_hold
from trimtab.records import Tier, Verdict


class Fate(StrEnum):
    """What a verdict means for a change, for people; the loosest first."""

    BY_ITSELF = "merges by itself"
    ONE = "asks one"
    TWO = "asks two"
    HELD = "held"


_FATES = {Tier.AUTO: Fate.BY_ITSELF, Tier.ONE: Fate.ONE, Tier.TWO: Fate.TWO, Tier.REPORT: Fate.HELD}
_LOOSEST_FIRST = list(Fate)
_EFFECTS = ("blocks", "waits")
_OF_A_TIER = PEOPLE | {REPORT_ONLY, "window", "auto-merge-cap"}
"""Lines that are there for one tier only: where the tier is another, that is what is said."""


def fate(verdict: Verdict) -> Fate:
    """What would become of it: held where it may not open, or where a freeze or a rule of the policy keeps it from merging."""
    if not verdict.may_open or any(is_hold(line) for line in verdict.reasons):
        return Fate.HELD
    return _FATES[verdict.tier]


def looser(old: Verdict, new: Verdict) -> tuple[str, ...]:
    """In what the new rules ask for less of the same facts, a sentence each; () = in nothing."""
    return tuple(_loosened(old, new))


def _loosened(old: Verdict, new: Verdict) -> Iterator[str]:
    before, after = fate(old), fate(new)
    if _LOOSEST_FIRST.index(after) < _LOOSEST_FIRST.index(before):
        yield f"{before} → {after}"
    elif new.may_open and not old.may_open:
        yield "may open"
    elif new.may_merge and not old.may_merge:
        yield "may merge at once"
    for name in sorted(_unheld(old) - _unheld(new) - (_OF_A_TIER if old.tier is not new.tier else frozenset())):
        yield f"{name} no longer stands against it"
    if _gate(old) == "forge" and _gate(new) not in {"", "forge"}:
        yield "no longer needs a review on the forge"
    added = sorted(set(new.approvers) - set(old.approvers))
    if added and after in (Fate.ONE, Fate.TWO):
        yield f"{', '.join(added)} may approve too"


def _unheld(verdict: Verdict) -> set[str]:
    return {line.rule for line in verdict.reasons if line.effect in _EFFECTS}


def _gate(verdict: Verdict) -> str:
    return next((line.saw for line in verdict.lines if line.rule == "gate"), "")


__all__ = ["Fate", "fate", "looser"]
