"""scikit-learn, and the only place with it: fits the owner classifier and hands back plain numbers, so that no model is ever unpickled."""

from collections.abc import Sequence
from typing import Any

from trimtab.attribution.suggest import Example, OwnerModel, Trial, features, scores

FOLDS = 5
STRENGTH = 2.0
"""Inverse of the regularization: names have few words, so weights may be large."""


class ScikitLearner:
    """Port Learner: logistic regression over words of names."""

    def owners(self, examples: Sequence[Example]) -> OwnerModel:
        """A model of all examples, with the trials of models that each left a fifth of the names out."""
        whole = _fit(examples)
        trials = tuple(trial for fold in _folds(examples) for trial in _held_out(examples, fold))
        return OwnerModel(
            teams=whole.teams, features=whole.features, weights=whole.weights, intercepts=whole.intercepts, trials=trials,
        )  # fmt: skip


def _fit(examples: Sequence[Example]) -> OwnerModel:
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    names = sorted({name for example in examples for name in features(example.place)})
    rows = np.array([[name in set(features(example.place)) for name in names] for example in examples], dtype=np.float64)
    fitted = LogisticRegression(C=STRENGTH, max_iter=2000, class_weight="balanced").fit(rows, [example.team for example in examples])
    weights, intercepts = _both_sides(fitted.coef_, fitted.intercept_)
    return OwnerModel(
        teams=tuple(str(team) for team in fitted.classes_), features=tuple(names),
        weights=tuple(tuple(round(float(weight), 6) for weight in row) for row in weights),
        intercepts=tuple(round(float(value), 6) for value in intercepts), trials=(),
    )  # fmt: skip


def _both_sides(weights: Any, intercepts: Any) -> tuple[Any, Any]:
    """Of two teams scikit-learn keeps one row, for the second; the first one's is its opposite at half the size each."""
    import numpy as np

    if len(weights) > 1:
        return weights, intercepts
    return np.vstack([-weights / 2, weights / 2]), np.concatenate([-intercepts / 2, intercepts / 2])


def _folds(examples: Sequence[Example]) -> list[set[str]]:
    """Names in five parts. A name that several clusters have is in one part only: it must not be asked about what it was told."""
    names = sorted({example.place.rpartition("/")[2] for example in examples})
    return [set(names[start::FOLDS]) for start in range(FOLDS)]


def _held_out(examples: Sequence[Example], fold: set[str]) -> list[Trial]:
    kept = [example for example in examples if example.place.rpartition("/")[2] not in fold]
    asked = [example for example in examples if example.place.rpartition("/")[2] in fold]
    if len({example.team for example in kept}) < 2:
        return []
    model = _fit(kept)
    return [_trial(model, example) for example in asked]


def _trial(model: OwnerModel, example: Example) -> Trial:
    team, score = max(scores(model, example.place).items(), key=lambda item: item[1])
    return Trial(confidence=round(score, 6), is_right=team == example.team)
