"""Confidence means something only where held-out trials say so, and each number tells how many it rests on."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.attribution.proof import Calibration, Trial, calibrated, interval, quality, threshold


def trials(*some: tuple[float, int, int], fold: int = 0) -> list[Trial]:
    """(score, right, wrong)."""
    return [
        Trial(confidence=score, is_right=is_right, fold=fold)
        for score, right, wrong in some
        for is_right, count in ((True, right), (False, wrong))
        for _ in range(count)
    ]


PLAIN = Calibration(slope=1.0, offset=0.0)
"""A score is its confidence."""


def test_the_threshold_is_the_lowest_score_that_the_held_out_ones_prove() -> None:
    some = trials((0.95, 20, 0), (0.9, 6, 4), (0.5, 0, 5))

    found = threshold(some, PLAIN)

    assert found is not None
    assert found[0] == pytest.approx(0.95)
    assert found[1] == "20 of 20 held-out namespaces that were at least as sure were right"
    assert threshold(some[:9], PLAIN) is None


def test_where_all_sure_ones_were_right_the_stated_confidence_is_enough() -> None:
    """Not the lowest that happened to be tried: 0.85 is not doubtful because nobody tried between 0.8 and 0.9."""
    assert threshold(trials((0.9, 10, 0)), PLAIN) == (0.8, "10 of 10 held-out namespaces that were at least as sure were right")


def test_a_single_suggestion_may_not_hide_behind_surer_ones() -> None:
    """A hundred right ones at 0.99 would carry ten guesses at 0.3 over nine in ten."""
    found = threshold(trials((0.99, 100, 0), (0.3, 1, 9)), PLAIN)

    assert found is not None
    assert found[0] == 0.8


def test_equal_scores_are_proved_together_or_not_at_all() -> None:
    """Of twenty with one score, ten right ones must not be counted before the ten wrong ones."""
    assert threshold(trials((0.9, 10, 10)), PLAIN) is None


def test_an_overconfident_model_is_brought_down_to_what_it_achieves() -> None:
    curve = calibrated(trials((0.99, 60, 40), (0.6, 20, 30)))

    assert curve.confidence(0.99) == pytest.approx(0.6, abs=0.05)
    assert curve.confidence(0.6) == pytest.approx(0.4, abs=0.05)


def test_a_score_that_is_surer_when_wrong_says_nothing() -> None:
    curve = calibrated(trials((0.9, 10, 40), (0.5, 40, 10)))

    assert curve.confidence(0.99) == curve.confidence(0.01) == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("some", [trials((0.9, 10, 0)), trials((0.9, 0, 10)), trials((1.0, 5, 5), (0.0, 5, 5)), trials((0.7, 1, 0))])
def test_few_or_equal_trials_never_claim_certainty(some: list[Trial]) -> None:
    assert 0 < calibrated(some).confidence(1.0) < 1


def test_where_nothing_was_tried_the_models_own_doubt_stays() -> None:
    """All trials sure and right: that is no reason to trust an answer of 5 %."""
    assert calibrated(trials((0.95, 24, 0))).confidence(0.05) < 0.2


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=80), st.floats(0, 1), st.floats(0, 1))
def test_calibrated_confidence_keeps_the_order_of_scores(some: list[tuple[float, bool]], one: float, other: float) -> None:
    curve = calibrated([Trial(confidence=score, is_right=right) for score, right in some])

    assert (curve.confidence(min(one, other)) <= curve.confidence(max(one, other))) is True


def test_quality_counts_each_fold_by_the_other_folds_alone() -> None:
    """A fold whose surest answers are wrong must show: its own trials may not choose the threshold that hides them."""
    good = [trial for fold in (0, 1) for trial in trials((0.95, 30, 0), (0.3, 5, 15), fold=fold)]
    bad = trials((0.95, 0, 10), fold=2)

    found = quality([*good, *bad])

    assert (found.trials, found.right) == (110, 70)
    assert (found.answered, found.answered_right, found.accuracy) == (10, 0, 0.0)


def test_an_honest_model_has_a_small_calibration_error_and_a_liar_a_large_one() -> None:
    rng = random.Random(5)
    drawn = [(rng.random(), rng.random(), number % 2) for number in range(2000)]
    honest = quality([Trial(confidence=score, is_right=luck < score, fold=fold) for score, luck, fold in drawn])
    # In one fold it is right where it is unsure, so that what the other fold teaches is wrong.
    liar = quality([Trial(confidence=score, is_right=(luck < score) == (fold == 0), fold=fold) for score, luck, fold in drawn])

    assert honest.calibration_error < 0.05
    assert liar.calibration_error > 3 * honest.calibration_error
    assert sum(one.trials for one in honest.bins) == honest.trials == 2000


def test_nothing_answered_is_said_and_not_called_accurate() -> None:
    found = quality(trials((0.5, 5, 5)) + trials((0.5, 5, 5), fold=1))

    assert (found.accuracy, found.coverage) == (None, 0.0)
    assert found.sentence() == "none of 20 held-out namespaces was sure enough to be answered"


def test_no_trials_are_no_quality() -> None:
    assert quality([]).trials == 0


def test_the_interval_is_wide_where_few_were_tried() -> None:
    """Wilson's, by hand: 9 of 10 is 60 % to 98 %."""
    assert interval(9, 10) == pytest.approx((0.596, 0.982), abs=0.001)
    assert interval(900, 1000) == pytest.approx((0.880, 0.917), abs=0.001)
    assert interval(0, 0) == (0.0, 1.0)
