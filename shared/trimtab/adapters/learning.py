"""scikit-learn, and the only place with it: fits the owner classifier and hands back plain numbers, so that no model is ever unpickled."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from trimtab.attribution.proof import Trial
from trimtab.attribution.suggest import Example, Neighbors, OwnerModel, features, scores, taught

FOLDS = 5
STRENGTH = 2.0
"""Inverse of the regularization: names have few words, so weights may be large."""
ROUNDS = 40
TOLERANCE = 1e-2
"""Where fitting stops: more rounds change no answer, and 5,000 namespaces must be learned in seconds."""
LEAST_SEEN = 2
"""Examples that a feature must stand in; one alone learns its name by heart."""
SMALLEST = 0.005
"""Weights nearer to zero change no answer and are not kept."""


class ScikitLearner:
    """Port Learner: logistic regression over words of names, surroundings and neighbors."""

    def owners(self, examples: Sequence[Example]) -> OwnerModel:
        """A model of all examples, with the trials of models that each left a fifth of the names out."""
        known, strangers = taught(examples)
        whole = _fit(known)
        trials = tuple(trial for number, fold in enumerate(_folds(examples)) for trial in _held_out(known, strangers, fold, number))
        return OwnerModel(teams=whole.teams, weights=whole.weights, intercepts=whole.intercepts, trials=trials)


def _fit(examples: Sequence[Example]) -> OwnerModel:
    from sklearn.linear_model import LogisticRegression

    neighbors = Neighbors.of(examples)
    present = [features(example.place, example.about, neighbors, example.team) for example in examples]
    seen = Counter(name for one in present for name in one)
    names = sorted(name for name, count in seen.items() if count >= LEAST_SEEN)
    classifier = LogisticRegression(C=STRENGTH, max_iter=ROUNDS, tol=TOLERANCE, class_weight="balanced")
    fitted = classifier.fit(_matrix(present, names), [example.team for example in examples])
    weights, intercepts = _both_sides(fitted.coef_, fitted.intercept_)
    return OwnerModel(
        teams=tuple(str(team) for team in fitted.classes_), weights=_kept(weights, names),
        intercepts=tuple(round(float(value), 4) for value in intercepts), trials=(),
    )  # fmt: skip


def _matrix(present: Sequence[Mapping[str, float]], names: Sequence[str]) -> Any:
    """One row an example, one column a feature; nearly all of it is zero."""
    import numpy as np
    from scipy.sparse import csr_matrix

    places = {name: place for place, name in enumerate(names)}
    rows = [[(places[name], value) for name, value in one.items() if name in places] for one in present]
    ends = np.cumsum([0, *(len(row) for row in rows)])
    columns = [place for row in rows for place, _ in row]
    values = [value for row in rows for _, value in row]
    return csr_matrix((values, columns, ends), shape=(len(rows), len(names)), dtype=np.float64)


def _both_sides(weights: Any, intercepts: Any) -> tuple[Any, Any]:
    """Of two teams scikit-learn keeps one row, for the second; the first one's is its opposite at half the size each."""
    import numpy as np

    if len(weights) > 1:
        return weights, intercepts
    return np.vstack([-weights / 2, weights / 2]), np.concatenate([-intercepts / 2, intercepts / 2])


def _kept(weights: Any, names: Sequence[str]) -> dict[str, tuple[tuple[int, float], ...]]:
    columns = weights.T.round(4)
    return {
        name: tuple((int(team), float(column[team])) for team in (abs(column) >= SMALLEST).nonzero()[0])
        for name, column in zip(names, columns, strict=True)
    }


def _folds(examples: Sequence[Example]) -> list[set[str]]:
    """Names in five parts. A name that several clusters have is in one part only: it must not be asked about what it was told."""
    names = sorted({example.place.rpartition("/")[2] for example in examples})
    return [set(names[start::FOLDS]) for start in range(FOLDS)]


def _held_out(examples: Sequence[Example], strangers: Sequence[Example], fold: set[str], number: int) -> list[Trial]:
    """Strangers are of teams that no model knows: they are only ever asked about, as the unowned namespaces of such teams will be."""
    kept = [example for example in examples if example.place.rpartition("/")[2] not in fold]
    asked = [example for example in (*examples, *strangers) if example.place.rpartition("/")[2] in fold]
    if len({example.team for example in kept}) < 2:
        return []
    model, neighbors = _fit(kept), Neighbors.of(kept)
    return [_trial(model, neighbors, example, number) for example in asked]


def _trial(model: OwnerModel, neighbors: Neighbors, example: Example, fold: int) -> Trial:
    found = scores(model, features(example.place, example.about, neighbors))
    team, score = max(found.items(), key=lambda item: item[1])
    return Trial(confidence=round(score, 6), is_right=team == example.team, fold=fold)
