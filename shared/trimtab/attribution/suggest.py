"""Who might own a namespace that nobody owns: learned from the namespaces that have an owner. A list to review, never a booking.

Everything here is plain arithmetic; what was learned comes from a port as an `OwnerModel` (numbers and names, nothing executable).
A suggestion is made only where held-out namespaces that scored as high were nearly always right; else it says why there is none.
"""

import hashlib
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from trimtab.attribution.proof import LEAST_PROOF, RIGHT_SHARE, Calibration, Trial, calibrated, threshold
from trimtab.attribution.summary import Summary

LEAST_EXAMPLES = 20
"""Owned namespaces below which nothing is learned."""
LEAST_PER_TEAM = 3
"""Owned namespaces of a team before it can be suggested."""
SYSTEM = re.compile(r"kube-.*|default|istio-system|cert-manager|monitoring|ingress(-nginx)?")
"""Namespaces that every cluster has: they say nothing about who owns them, and nothing is suggested for them."""
NEAR = ("cluster", "pool", "account", "project")
"""What a namespace shares with its neighbors."""

About = Mapping[str, Sequence[str]]
"""cluster/namespace → what stands around it (surroundings.py)."""
Rejected = frozenset[tuple[str, str]]
"""(cluster/namespace, team) that a person said no to."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Example:
    """One namespace whose owner is known."""

    place: str
    """cluster/namespace."""
    team: str
    about: tuple[str, ...] = ()
    """`account:1111`, `label:app=cart` …: what stands around it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OwnerModel:
    """A linear classifier as numbers."""

    teams: tuple[str, ...]
    weights: Mapping[str, tuple[tuple[int, float], ...]]
    """Feature → (number of a team, weight); a weight near zero is left out."""
    intercepts: tuple[float, ...]
    trials: tuple[Trial, ...]
    """Each example once, predicted by a model that had seen no namespace of that name; those of teams that it cannot know included."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Suggestion:
    """An owner for a person to confirm, and why."""

    id: str
    """Of this namespace and this team: an answer to it is no answer to another."""
    cluster: str
    namespace: str
    team: str
    score: float
    """Confidence, calibrated: of ten answers of 0.9, nine were right."""
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


def suggestion_id(place: str, team: str) -> str:
    """The name under which a person answers."""
    return f"own-{hashlib.sha256(repr((place, team)).encode()).hexdigest()[:12]}"


# ── What is known ────────────────────────────────────────────────────────────────────────────────────────────────────
def owned(summaries: Iterable[Summary], about: About | None = None, answers: Mapping[str, str] | None = None) -> tuple[Example, ...]:
    """Namespaces that belong to exactly one team, from the teams' own summaries; shared ones teach nothing clear.

    A namespace is whose it was in the newest period that it cost anything in: one that changed hands is not shared. `answers` are places
    whose owner a person named: they count while no rule gives the place an owner.
    """
    teams: dict[str, set[str]] = {}
    periods: dict[str, str] = {}
    for summary in sorted(summaries, key=lambda summary: summary.period):
        names = {line.name for line in summary.by_team if line.name}
        for line in summary.by_namespace if len(names) == 1 else ():
            if line.name and line.amounts.effective > 0:
                teams[line.name] = names | (teams[line.name] if periods.get(line.name) == summary.period else set())
                periods[line.name] = summary.period
    known = {place: next(iter(names)) for place, names in teams.items() if len(names) == 1}
    said = {place: team for place, team in (answers or {}).items() if place not in teams}
    found = [
        Example(place=place, team=team, about=tuple((about or {}).get(place, ()))) for place, team in sorted({**known, **said}.items())
    ]
    return tuple(example for example in found if not SYSTEM.fullmatch(_parts(example.place)[1]))


def taught(examples: Iterable[Example]) -> tuple[list[Example], list[Example]]:
    """What a model learns from, and the namespaces of teams with too few: of those, any answer will be wrong, and trials must show it."""
    told = list(examples)
    counts = Counter(example.team for example in told)
    known = {team for team, count in counts.items() if count >= LEAST_PER_TEAM}
    return [example for example in told if example.team in known], [example for example in told if example.team not in known]


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


@dataclass(frozen=True, kw_only=True, slots=True)
class Neighbors:
    """Whose the owned namespaces are that share a cluster, pool, account or project: context → team → how many."""

    counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    @classmethod
    def of(cls, examples: Iterable[Example]) -> "Neighbors":
        """From examples; of held-out ones nothing may be in here."""
        counts: dict[str, Counter[str]] = defaultdict(Counter)
        for example in examples:
            for context in _contexts(example.place, example.about):
                counts[context][example.team] += 1
        return cls(counts=counts)

    def shares(self, place: str, about: Sequence[str], own: str | None) -> dict[str, float]:
        """`near-pool:ml` → ml's share of the neighbors on its pools; `own` = the place is one of them itself and is left out."""
        found: dict[str, float] = {}
        for kind in NEAR:
            around: Counter[str] = Counter()
            for context in (context for context in _contexts(place, about) if context.startswith(f"{kind}:")):
                around.update(self.counts.get(context, {}))
                around[own or ""] -= own is not None
            total = sum(count for count in around.values() if count > 0)
            found |= {f"near-{kind}:{team}": count / total for team, count in around.items() if count > 0}
        return found


def _contexts(place: str, about: Sequence[str]) -> list[str]:
    return [f"cluster:{_parts(place)[0]}", *(text for text in about if text.partition(":")[0] in NEAR)]


def features(place: str, about: Sequence[str] = (), neighbors: Neighbors | None = None, own: str | None = None) -> dict[str, float]:
    """What speaks for an owner, with its weight: `prod/shop-cart` → word:shop, word:cart, part:^sh …, its surroundings, its neighbors."""
    cluster, namespace = _parts(place)
    words = [word for word in re.split(r"[^a-z]+", namespace.lower()) if word]
    triples = {f"part:{padded[start : start + 3]}" for word in words for padded in [f"^{word}$"] for start in range(len(padded) - 2)}
    keys = {f"key:{text[len('label:') :].partition('=')[0]}" for text in about if text.startswith("label:")}
    present = {*(f"word:{word}" for word in words), *triples, f"cluster:{cluster}", *about, *keys}
    return {**dict.fromkeys(sorted(present), 1.0), **(neighbors or Neighbors()).shares(place, about, own)}


def _parts(place: str) -> tuple[str, str]:
    cluster, _, namespace = place.rpartition("/")
    return cluster, namespace


# ── What follows from it ─────────────────────────────────────────────────────────────────────────────────────────────
def too_little(examples: Sequence[Example]) -> str:
    """Why nothing is learned; "" = there is enough."""
    known, _ = taught(examples)
    teams = {example.team for example in known}
    if len(known) < LEAST_EXAMPLES or len(teams) < 2:
        return (
            f"{len(known)} owned namespaces of {len(teams)} teams with at least {LEAST_PER_TEAM} each; "
            f"{LEAST_EXAMPLES} of 2 teams are the least to learn from"
        )
    return ""


def scores(model: OwnerModel, present: Mapping[str, float]) -> dict[str, float]:
    """Team → probability, as the model sees it; only a score until trials have proved it."""
    sums = list(model.intercepts)
    for name, value in present.items():
        for team, weight in model.weights.get(name, ()):
            sums[team] += weight * value
    top = max(sums)
    powers = [math.exp(value - top) for value in sums]
    return {team: power / sum(powers) for team, power in zip(model.teams, powers, strict=True)}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Proved:
    """The model with what its trials proved."""

    model: OwnerModel
    neighbors: Neighbors
    about: About
    rejected: Rejected
    curve: Calibration
    least: float
    """The least confidence that is suggested."""
    proof: str


def suggest(
    model: OwnerModel, examples: Sequence[Example], left: Sequence[tuple[str, str, Decimal]], about: About | None = None,
    rejected: Rejected = frozenset(),
) -> tuple[list[Suggestion], list[NoSuggestion]]:  # fmt: skip
    """An owner for each namespace where the model has proved itself, the reason where it has not."""
    curve = calibrated(model.trials)
    found = threshold(model.trials, curve)
    if found is None:
        return [], refused(left, f"at no confidence were {RIGHT_SHARE:.0%} of at least {LEAST_PROOF} held-out namespaces right")
    proved = _Proved(
        model=model, neighbors=Neighbors.of(taught(examples)[0]), about=about or {}, rejected=rejected, curve=curve,
        least=found[0], proof=found[1],
    )  # fmt: skip
    answers = [_one(proved, place, currency, amount) for place, currency, amount in left]
    made = [answer for answer in answers if isinstance(answer, Suggestion)]
    return made, [answer for answer in answers if isinstance(answer, NoSuggestion)]


def _one(proved: _Proved, place: str, currency: str, amount: Decimal) -> Suggestion | NoSuggestion:
    cluster, namespace = _parts(place)
    present = features(place, proved.about.get(place, ()), proved.neighbors)
    allowed = {team: score for team, score in scores(proved.model, present).items() if (place, team) not in proved.rejected}
    team, score = max(allowed.items(), key=lambda item: item[1], default=("", 0.0))
    reason = _why_not(proved, namespace, present, score)
    if reason:
        return NoSuggestion(cluster=cluster, namespace=namespace, reason=reason, currency=currency, unowned=amount)
    return Suggestion(
        id=suggestion_id(place, team), cluster=cluster, namespace=namespace, team=team, score=round(proved.curve.confidence(score), 3),
        proof=proved.proof, because=_because(proved.model, team, present), currency=currency, unowned=amount,
    )  # fmt: skip


def _why_not(proved: _Proved, namespace: str, present: Mapping[str, float], score: float) -> str:
    if SYSTEM.fullmatch(namespace):
        return "a namespace that every cluster has says nothing about its owner"
    # A cluster or a few letters alone fit anybody: without a word, label or place in common, there is nothing that was learned.
    if not any(name in proved.model.weights and not name.startswith(("part:", "cluster:", "near-", "key:")) for name in present):
        return "no word of its name is in the name of an owned namespace, and nothing around it is around one"
    sure = proved.curve.confidence(score) if score else 0.0
    return "" if sure >= proved.least else f"confidence {sure:.2f}; at least {proved.least:.2f} is asked for"


def _because(model: OwnerModel, team: str, present: Mapping[str, float]) -> tuple[str, ...]:
    number = model.teams.index(team)
    spoke = [(dict(model.weights.get(name, ())).get(number, 0.0) * value, name) for name, value in present.items()]
    # Three letters say little to a person: they are named only where nothing else spoke.
    ordered = sorted(spoke, key=lambda item: (item[1].startswith("part:"), -item[0], item[1]))
    return tuple(name for weight, name in ordered if weight > 0)[:3]


def refused(left: Sequence[tuple[str, str, Decimal]], reason: str) -> list[NoSuggestion]:
    """The same answer for every namespace."""
    return [
        NoSuggestion(cluster=_parts(place)[0], namespace=_parts(place)[1], reason=reason, currency=currency, unowned=amount)
        for place, currency, amount in left
    ]
