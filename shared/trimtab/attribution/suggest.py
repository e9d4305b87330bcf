"""Who might own a namespace that nobody owns: learned from the namespaces that have an owner. A list to review, never a booking.

Everything here is plain arithmetic; what was learned comes from a port as an `OwnerModel` (numbers and names, nothing executable).
A suggestion is made only where held-out namespaces that scored as high were nearly always right; else it says why there is none.
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from trimtab.attribution.summary import Summary

LEAST_EXAMPLES = 20
"""Owned namespaces below which nothing is learned."""
LEAST_PER_TEAM = 3
"""Owned namespaces of a team before it can be suggested."""
RIGHT_SHARE = 0.9
"""How many of the held-out namespaces at or above a score must have been right."""
LEAST_PROOF = 10
"""Held-out namespaces at or above a score before it proves anything."""
SYSTEM = re.compile(r"kube-.*|default|istio-system|cert-manager|monitoring|ingress(-nginx)?")
"""Namespaces that every cluster has: they say nothing about who owns them, and nothing is suggested for them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Example:
    """One namespace whose owner is known."""

    place: str
    """cluster/namespace."""
    team: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """A held-out namespace: how sure the model was, and whether it was right."""

    confidence: float
    is_right: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class OwnerModel:
    """A linear classifier as numbers: one row of weights per team, one weight per feature."""

    teams: tuple[str, ...]
    features: tuple[str, ...]
    weights: tuple[tuple[float, ...], ...]
    intercepts: tuple[float, ...]
    trials: tuple[Trial, ...]
    """Each example once, predicted by a model that had seen no namespace of that name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Suggestion:
    """An owner for a person to confirm, and why."""

    cluster: str
    namespace: str
    team: str
    score: float
    proof: str
    because: tuple[str, ...]
    """The features that spoke for the team, strongest first."""
    currency: str
    unowned: Decimal


@dataclass(frozen=True, kw_only=True, slots=True)
class NoSuggestion:
    """A namespace without owner for which nothing is suggested, and why."""

    cluster: str
    namespace: str
    reason: str
    currency: str
    unowned: Decimal


# ── What is known ────────────────────────────────────────────────────────────────────────────────────────────────────
def owned(summaries: Iterable[Summary]) -> tuple[Example, ...]:
    """Namespaces that belong to exactly one team, from the teams' own summaries; shared ones teach nothing clear."""
    teams: dict[str, set[str]] = defaultdict(set)
    for summary in summaries:
        names = {line.name for line in summary.by_team if line.name}
        for line in summary.by_namespace if len(names) == 1 else ():
            if line.name and line.amounts.effective > 0:
                teams[line.name] |= names
    found = [Example(place=place, team=next(iter(names))) for place, names in sorted(teams.items()) if len(names) == 1]
    told = [example for example in found if not SYSTEM.fullmatch(_parts(example.place)[1])]
    counts = Counter(example.team for example in told)
    return tuple(example for example in told if counts[example.team] >= LEAST_PER_TEAM)


def unowned(whole: Summary, teams: Iterable[Summary]) -> tuple[tuple[str, str, Decimal], ...]:
    """(cluster/namespace, currency, cost without owner), largest first: what the whole has and no team's summary does."""
    rest: dict[tuple[str, str], Decimal] = {
        (line.name, line.currency): line.amounts.effective for line in whole.by_namespace if line.name is not None
    }
    for summary in teams:
        for line in summary.by_namespace:
            if line.name is not None:
                rest[line.name, line.currency] = rest.get((line.name, line.currency), Decimal(0)) - line.amounts.effective
    left = [(place, currency, amount) for (place, currency), amount in rest.items() if amount > 0]
    return tuple(sorted(left, key=lambda item: (-item[2], item[0], item[1])))


def features(place: str) -> tuple[str, ...]:
    """Words and letter triples of a namespace's name, and its cluster: `prod/shop-cart` → word:shop, word:cart, part:^sh …"""
    cluster, namespace = _parts(place)
    words = [word for word in re.split(r"[^a-z]+", namespace.lower()) if word]
    triples = {f"part:{padded[start : start + 3]}" for word in words for padded in [f"^{word}$"] for start in range(len(padded) - 2)}
    return tuple(sorted({*(f"word:{word}" for word in words), *triples, f"cluster:{cluster}"}))


def _parts(place: str) -> tuple[str, str]:
    cluster, _, namespace = place.rpartition("/")
    return cluster, namespace


# ── What follows from it ─────────────────────────────────────────────────────────────────────────────────────────────
def too_little(examples: Sequence[Example]) -> str:
    """Why nothing is learned; "" = there is enough."""
    teams = {example.team for example in examples}
    if len(examples) < LEAST_EXAMPLES or len(teams) < 2:
        return (
            f"{len(examples)} owned namespaces of {len(teams)} teams with at least {LEAST_PER_TEAM} each; "
            f"{LEAST_EXAMPLES} of 2 teams are the least to learn from"
        )
    return ""


def scores(model: OwnerModel, place: str) -> dict[str, float]:
    """Team → probability, as the model sees it; only a score until `threshold` has proved it."""
    present = set(features(place))
    sums = [
        intercept + sum(weight for name, weight in zip(model.features, row, strict=True) if name in present)
        for row, intercept in zip(model.weights, model.intercepts, strict=True)
    ]
    top = max(sums)
    powers = [math.exp(value - top) for value in sums]
    return {team: power / sum(powers) for team, power in zip(model.teams, powers, strict=True)}


def threshold(trials: Sequence[Trial]) -> tuple[float, str] | None:
    """The lowest score from which on held-out namespaces were right often enough, and the proof in words; None = no score was."""
    found = None
    for least in sorted({trial.confidence for trial in trials}, reverse=True):
        above = [trial for trial in trials if trial.confidence >= least]
        right = sum(trial.is_right for trial in above)
        if len(above) >= LEAST_PROOF and right >= RIGHT_SHARE * len(above):
            found = least, f"{right} of {len(above)} held-out namespaces that scored as high were right"
    return found


def suggest(model: OwnerModel, left: Sequence[tuple[str, str, Decimal]]) -> tuple[list[Suggestion], list[NoSuggestion]]:
    """An owner for each namespace where the model has proved itself, the reason where it has not."""
    proved = threshold(model.trials)
    if proved is None:
        return [], refused(left, f"no score was right in {RIGHT_SHARE:.0%} of at least {LEAST_PROOF} held-out namespaces")
    answers = [_one(model, proved, place, currency, amount) for place, currency, amount in left]
    made = [answer for answer in answers if isinstance(answer, Suggestion)]
    return made, [answer for answer in answers if isinstance(answer, NoSuggestion)]


def _one(model: OwnerModel, proved: tuple[float, str], place: str, currency: str, amount: Decimal) -> Suggestion | NoSuggestion:
    cluster, namespace = _parts(place)
    known = set(features(place)) & set(model.features)
    team, score = max(scores(model, place).items(), key=lambda item: item[1])
    reason = _why_not(namespace, known, score, proved[0])
    if reason:
        return NoSuggestion(cluster=cluster, namespace=namespace, reason=reason, currency=currency, unowned=amount)
    return Suggestion(
        cluster=cluster, namespace=namespace, team=team, score=round(score, 3), proof=proved[1],
        because=_because(model, team, known), currency=currency, unowned=amount,
    )  # fmt: skip


def _why_not(namespace: str, known: set[str], score: float, least: float) -> str:
    if SYSTEM.fullmatch(namespace):
        return "a namespace that every cluster has says nothing about its owner"
    if not any(name.startswith("word:") for name in known):
        return "no word of its name is in the name of an owned namespace"
    return "" if score >= least else f"scored {score:.2f}; below {least:.2f} held-out namespaces were too often wrong"


def _because(model: OwnerModel, team: str, known: set[str]) -> tuple[str, ...]:
    row = model.weights[model.teams.index(team)]
    spoke = sorted(((weight, name) for name, weight in zip(model.features, row, strict=True) if name in known and weight > 0), reverse=True)
    return tuple(name for _, name in spoke[:3])


def refused(left: Sequence[tuple[str, str, Decimal]], reason: str) -> list[NoSuggestion]:
    """The same answer for every namespace."""
    return [
        NoSuggestion(cluster=_parts(place)[0], namespace=_parts(place)[1], reason=reason, currency=currency, unowned=amount)
        for place, currency, amount in left
    ]
