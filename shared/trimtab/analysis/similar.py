"""Changes like this one that were made before, and how they went: evidence for whoever decides, and a reason for more care.

The distance is Gower's (Biometrics 27, 1971): the weighted mean, over features of pool, change and workload, of how far two cases are
apart in each: 0 or 1 for words, the difference for shares, 1 minus the overlap for sets. What is not known of either counts as half
apart, so that little knowledge makes nothing look alike.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from math import isnan
from typing import TYPE_CHECKING

from trimtab.records import Finding, InstanceType, Outcome, PastCase
from trimtab.units import Money

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

MOST = 3
NEAR = 0.3
"""Farther apart than this, two changes have little to say about each other."""
KEPT_HALF = 0.5
"""A change went well where the pool is well and at least this share of a promised saving came."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Features:
    """What a change is compared by; None = not known."""

    rule: str
    field: str
    kind: str
    cloud: str | None = None
    family: str | None = None
    gpu_model: str | None = None
    """"" = no GPU."""
    environment: str | None = None
    workloads: tuple[str, ...] | None = None
    """Kinds of the pool's workloads."""
    step: float | None = None
    """Share of the nodes, or of the changed number, that goes or comes."""
    utilization: float | None = None
    """Highest demand as a share of the size before."""
    typical: float | None = None
    """Median demand as a share of the size before."""
    coverage: float | None = None


WORDS = (("rule", 3.0), ("field", 2.0), ("kind", 2.0), ("cloud", 1.0), ("family", 1.0), ("gpu_model", 2.0), ("environment", 2.0))
SHARES = (("step", 2.0), ("utilization", 2.0), ("typical", 1.0), ("coverage", 0.5))
WORKLOADS = 2.0
"""Weights: what a change is and where it is made count most."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Past:
    """A change that was made, and its recorded outcome."""

    proposal: str
    what: str
    """"dev-east/batch: count 6 to 5"."""
    merged_on: str
    """YYYY-MM-DD; "" = not recorded."""
    features: Features
    outcome: Outcome
    was_undone: bool = False
    """Rolled back or reverted."""
    teams: tuple[str, ...] = ()
    """Who had a share of it; () = nobody that is known."""


def features_of(
    finding: Finding, instance: InstanceType | None, family: str | None, environment: str | None, workloads: Sequence[str] | None = None
) -> Features:
    """What is known of a finding; `instance` is the type that the pool had."""
    evidence = finding.evidence
    before = evidence.chart[-1].capacity_old if evidence.chart else 0.0
    return Features(
        rule=finding.rule,
        field=finding.subject.field,
        kind=finding.subject.kind,
        cloud=instance.cloud if instance else None,
        family=family,
        gpu_model=(instance.gpu_model or "") if instance else None,
        environment=environment,
        workloads=tuple(sorted(set(workloads))) if workloads is not None else None,
        step=_step(finding),
        utilization=_part(evidence.peak, before),
        typical=_part(evidence.typical, before),
        coverage=_part(evidence.coverage, 1.0),
    )


def _step(finding: Finding) -> float | None:
    if finding.nodes_old != finding.nodes_new and finding.nodes_old > 0:
        return min(1.0, abs(finding.nodes_new - finding.nodes_old) / finding.nodes_old)
    change = finding.changes[0]
    if change.old.isdecimal() and change.new.isdecimal() and int(change.old) > 0:
        return min(1.0, abs(int(change.new) - int(change.old)) / int(change.old))
    return None


def _part(value: float, whole: float) -> float | None:
    if not whole > 0 or isnan(value):
        return None
    return min(1.0, max(0.0, value / whole))


# ── Near ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
def similar_cases(features: Features, past: Sequence[Past], teams: Collection[str] = (), most: int = MOST) -> tuple[PastCase, ...]:
    """The nearest recorded outcomes, nearest first; equals stand in the order of their proposals, so that the answer is always the same.

    `teams` are those whose change this is, () = nobody's: of a change of others they read how it went, and neither where nor how much.
    """
    if not past:
        return ()
    apart = distances(features, [case.features for case in past])
    order = sorted(range(len(past)), key=lambda place: (round(float(apart[place]), 9), past[place].proposal, past[place].merged_on))
    near = [place for place in order if apart[place] <= NEAR][:most]
    return tuple(_told(past[place], float(apart[place]), is_own=_is_own(past[place], teams)) for place in near)


def _is_own(past: Past, teams: Collection[str]) -> bool:
    """Some of it is theirs. A change of nobody's is read by those who may see all cost, and they are told in full."""
    return not teams or not {*past.teams}.isdisjoint(teams)


def distances(one: Features, others: Sequence[Features]) -> "Floats":
    """[case] from 0 (the same in every feature) to 1 (in none)."""
    import numpy as np  # here, because functions without it read what a run kept

    words = [_words_apart(getattr(one, name), [getattr(other, name) for other in others]) for name, _ in WORDS]
    shares = [_shares_apart(getattr(one, name), [getattr(other, name) for other in others]) for name, _ in SHARES]
    kinds = np.array([_sets_apart(one.workloads, other.workloads) for other in others])
    weights = np.array([*(weight for _, weight in (*WORDS, *SHARES)), WORKLOADS])
    apart: Floats = weights @ np.vstack([*words, *shares, kinds]) / weights.sum()
    return apart


def _words_apart(one: str | None, others: Sequence[str | None]) -> "Floats":
    import numpy as np

    return np.array([0.5 if one is None or other is None else float(one != other) for other in others])


def _shares_apart(one: float | None, others: Sequence[float | None]) -> "Floats":
    import numpy as np

    values = np.array([np.nan if other is None else other for other in others], dtype=np.float64)
    apart = np.abs(values - (np.nan if one is None else one))
    return np.where(np.isnan(apart), 0.5, np.minimum(apart, 1.0))


def _sets_apart(one: tuple[str, ...] | None, other: tuple[str, ...] | None) -> float:
    if one is None or other is None:
        return 0.5
    either = set(one) | set(other)
    return 1 - len(set(one) & set(other)) / len(either) if either else 0.0


# ── Told ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
def went_well(past: Past) -> bool:
    """Applied, known to be healthy, not undone, and not without most of what it promised; what is not known is not well."""
    outcome = past.outcome
    if past.was_undone or not outcome.is_applied or outcome.is_healthy is not True:
        return False
    return outcome.measured is None or _is_kept(outcome.promised, outcome.measured)


def _is_kept(promised: Money, measured: Money) -> bool:
    if promised.amount <= 0 or promised.currency != measured.currency:
        return True
    return float(measured.amount / promised.amount) >= KEPT_HALF


def _told(past: Past, apart: float, *, is_own: bool) -> PastCase:
    well = went_well(past)
    when = f" on {past.merged_on}" if past.merged_on else ""
    what = past.what if is_own else "a change like it, of another team"
    how = _how(past, is_well=well, is_own=is_own)
    return PastCase(proposal=past.proposal, what=f"{what}{when}: {how}.", distance=round(apart, 3), went_well=well)


def _how(past: Past, *, is_well: bool, is_own: bool) -> str:
    outcome = past.outcome
    if past.was_undone:
        return "it was undone"
    if outcome.is_healthy is False:
        return "the pool did worse after it"
    if outcome.is_healthy is None:
        return "whether the pool was well after it was never known"
    if outcome.measured is None:
        return "the pool stayed well, and what it saved was not measured"
    if not is_own:
        kept = "most" if is_well else "less than half"
        return f"the pool stayed well, and {kept} of what it promised was saved"
    told = f"{outcome.measured} a month of {outcome.promised} promised"
    return f"the pool stayed well, and it saved {told}" if is_well else f"the pool stayed well, but it saved only {told}"


__all__ = ["Features", "Past", "distances", "features_of", "similar_cases", "went_well"]
