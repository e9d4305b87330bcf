"""What a model's confidence is worth: told by trials on examples that it had not seen, and by nothing else.

Raw scores are made honest by a logistic curve over held-out trials (Platt, 1999). What is reported is cross-fitted: curve and threshold
for a fold come from the other folds, so that no trial helped to choose the rule that it is counted under. Calibration error is the mean
distance between confidence and share of right answers over ten bins of equal width, weighted by their trials (Guo et al., 2017).
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

RIGHT_SHARE = 0.9
"""How many of the held-out namespaces at or above a confidence must have been right."""
LEAST_PROOF = 10
"""Held-out namespaces at or above a confidence before it proves anything."""
LEAST_CONFIDENCE = 0.8
"""A single suggestion less sure than this is not worth a person's time, however right the others are."""
BINS = 10
EDGE = 1e-6
"""Scores are kept this far from 0 and 1."""
PRIOR = 1.0
ROUNDS = 50
SMALLEST_STEP = 1e-9
DEVIATIONS = 1.96
"""Of a 95 % interval."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """A held-out namespace: how sure the model was, and whether it was right."""

    confidence: float
    """The model's raw score of its answer."""
    is_right: bool
    fold: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Calibration:
    """Raw score → share of such answers that are right: a logistic curve over the score's log-odds."""

    slope: float
    """0 = the score says nothing."""
    offset: float
    most: float = 1.0
    """What so many trials can prove at best: one more might have been wrong."""

    def confidence(self, score: float) -> float:
        """How often answers of this score were right."""
        return min(_logistic(self.slope * _log_odds(score) + self.offset), self.most)


@dataclass(frozen=True, kw_only=True, slots=True)
class Bin:
    """Trials whose confidence lies in [low, high)."""

    low: float
    high: float
    trials: int
    confidence: float
    """Their mean confidence."""
    right: float
    """Share of them that was right."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Quality:
    """What held-out trials say of the suggestions, cross-fitted."""

    trials: int
    right: int
    """Of all trials, had every answer been given."""
    answered: int
    """Trials at or above the threshold that the other folds chose."""
    answered_right: int
    calibration_error: float
    bins: tuple[Bin, ...]

    @property
    def coverage(self) -> float:
        """Share of the trials that would have been answered."""
        return self.answered / self.trials if self.trials else 0.0

    @property
    def accuracy(self) -> float | None:
        """Share of the answered ones that were right; None = none was answered."""
        return self.answered_right / self.answered if self.answered else None

    def sentence(self) -> str:
        """For people: the three numbers, with the size that they rest on."""
        if self.accuracy is None:
            return f"none of {self.trials} held-out namespaces was sure enough to be answered"
        low, high = interval(self.answered_right, self.answered)
        return (
            f"{self.answered_right} of {self.answered} answered held-out namespaces were right ({self.accuracy:.0%}, 95 % interval "
            f"{low:.0%} to {high:.0%}); {self.coverage:.0%} of {self.trials} were answered; calibration error {self.calibration_error:.3f}"
        )


# ── Calibration ──────────────────────────────────────────────────────────────────────────────────────────────────────
def calibrated(trials: Sequence[Trial]) -> Calibration:
    """The curve that fits the trials best, by Newton's steps.

    With Platt's targets few trials never claim certainty, and where trials say little (none at low scores, say) the curve stays near the
    model's own probabilities: slope 1 and offset 0 weigh as much as PRIOR trials.
    """
    right = sum(trial.is_right for trial in trials)
    targets = ((right + 1) / (right + 2), 1 / (len(trials) - right + 2))
    points = [(_log_odds(trial.confidence), targets[0] if trial.is_right else targets[1]) for trial in trials]
    slope, offset = 1.0, 0.0
    for _ in range(ROUNDS):
        step = _newton(points, slope, offset)
        slope, offset = slope + step[0], offset + step[1]
        if abs(step[0]) + abs(step[1]) < SMALLEST_STEP:
            break
    most = (len(trials) + 1) / (len(trials) + 2)
    if slope > 0:
        return Calibration(slope=slope, offset=offset, most=most)
    # Where surer answers were wrong more often, being sure says nothing: everything gets the overall share.
    return Calibration(slope=0.0, offset=_log_odds((right + 1) / (len(trials) + 2)), most=most)


def _newton(points: Iterable[tuple[float, float]], slope: float, offset: float) -> tuple[float, float]:
    """One damped step towards the least cross-entropy."""
    g0, g1, h01 = PRIOR * (1 - slope), -PRIOR * offset, 0.0
    h00 = h11 = PRIOR
    for x, target in points:
        p = _logistic(slope * x + offset)
        weight = max(p * (1 - p), EDGE)
        g0, g1 = g0 + (target - p) * x, g1 + (target - p)
        h00, h01, h11 = h00 + weight * x * x, h01 + weight * x, h11 + weight
    scale = h00 * h11 - h01 * h01
    steps = (h11 * g0 - h01 * g1) / scale, (h00 * g1 - h01 * g0) / scale
    longest = max(abs(steps[0]), abs(steps[1]), 1.0)
    return steps[0] / longest, steps[1] / longest


def _logistic(value: float) -> float:
    return 1 / (1 + math.exp(-max(min(value, 60.0), -60.0)))


def _log_odds(score: float) -> float:
    kept = min(max(score, EDGE), 1 - EDGE)
    return math.log(kept / (1 - kept))


# ── Threshold and proof ──────────────────────────────────────────────────────────────────────────────────────────────
def threshold(trials: Sequence[Trial], curve: Calibration) -> tuple[float, str] | None:
    """The least confidence that is suggested, and its proof in words; None = at no confidence were enough held-out namespaces right.

    It is LEAST_CONFIDENCE, or more where only surer answers were right often enough.
    """
    found, right = None, 0
    sure = sorted(((curve.confidence(trial.confidence), trial.is_right) for trial in trials), reverse=True)
    kept = [one for one in sure if one[0] >= LEAST_CONFIDENCE]
    for count, (confidence, is_right) in enumerate(kept, 1):
        right += is_right
        is_last_of_its_score = count == len(kept) or kept[count][0] < confidence
        if is_last_of_its_score and count >= LEAST_PROOF and right >= RIGHT_SHARE * count:
            limit = LEAST_CONFIDENCE if count == len(kept) else confidence
            found = limit, f"{right} of {count} held-out namespaces that were at least as sure were right"
    return found


def quality(trials: Sequence[Trial]) -> Quality:
    """What the trials say of each other: every fold judged by curve and threshold of the other folds."""
    judged: list[tuple[float, bool, bool]] = []
    for fold in sorted({trial.fold for trial in trials}):
        others = [trial for trial in trials if trial.fold != fold]
        judged += _judged([trial for trial in trials if trial.fold == fold], others) if others else []
    bins = _bins([(confidence, is_right) for confidence, is_right, _ in judged])
    return Quality(
        trials=len(judged), right=sum(is_right for _, is_right, _ in judged), answered=sum(is_answered for *_, is_answered in judged),
        answered_right=sum(is_right and is_answered for _, is_right, is_answered in judged), bins=bins,
        calibration_error=round(sum(one.trials * abs(one.confidence - one.right) for one in bins) / max(len(judged), 1), 6),
    )  # fmt: skip


def _judged(trials: Iterable[Trial], others: Sequence[Trial]) -> list[tuple[float, bool, bool]]:
    """(confidence, right, answered)."""
    curve = calibrated(others)
    least = threshold(others, curve)
    sure = [(curve.confidence(trial.confidence), trial.is_right) for trial in trials]
    return [(confidence, is_right, least is not None and confidence >= least[0]) for confidence, is_right in sure]


def _bins(answers: Sequence[tuple[float, bool]]) -> tuple[Bin, ...]:
    """Empty ones are left out."""
    found = []
    for number in range(BINS):
        own = [answer for answer in answers if min(int(answer[0] * BINS), BINS - 1) == number]
        if own:
            sure, right = sum(one for one, _ in own) / len(own), sum(is_right for _, is_right in own) / len(own)
            found.append(
                Bin(low=number / BINS, high=(number + 1) / BINS, trials=len(own), confidence=round(sure, 6), right=round(right, 6))
            )
    return tuple(found)


def interval(right: int, count: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share: with few trials it is wide, and says so."""
    if not count:
        return 0.0, 1.0
    share, square = right / count, DEVIATIONS**2
    middle = (share + square / (2 * count)) / (1 + square / count)
    reach = DEVIATIONS / (1 + square / count) * math.sqrt(share * (1 - share) / count + square / (4 * count * count))
    return max(0.0, middle - reach), min(1.0, middle + reach)
