"""The model's own account of itself must hold on owners that it never saw: what it says it knows, it knows."""

import time

import pytest

from tests.accuracy.run import OwnerRow, owner_row, section
from tests.owner_corpus import corpus
from trimtab.adapters.learning import ScikitLearner


@pytest.fixture(scope="module")
def row() -> OwnerRow:
    return owner_row("middle", corpus(7, teams=20, namespaces=700, unlabeled=0.3))


def test_held_out_answers_are_nearly_always_right_and_most_are_given(row: OwnerRow) -> None:
    assert row.held_out.trials == row.learned_from
    assert row.held_out.accuracy is not None
    assert row.held_out.accuracy >= 0.9
    assert row.held_out.coverage >= 0.5
    assert row.held_out.calibration_error <= 0.1


def test_what_it_says_of_itself_holds_for_owners_that_only_the_test_knew(row: OwnerRow) -> None:
    """Promised accuracy and coverage come from labeled namespaces; finance would act on the unlabeled ones."""
    assert row.held_out.accuracy is not None
    assert row.right / row.suggested >= row.held_out.accuracy - 0.05
    assert abs(row.suggested / row.hidden - row.held_out.coverage) <= 0.15


def test_it_abstains_where_names_and_surroundings_tell_nothing() -> None:
    made = corpus(3, teams=6, namespaces=200, unlabeled=0.3, wrong=1.0)

    row = owner_row("nonsense", made)

    assert row.suggested <= 0.05 * row.hidden


def test_five_thousand_namespaces_are_learned_in_seconds() -> None:
    made = corpus(11, teams=80, namespaces=5000, unlabeled=0.2)

    began = time.process_time()
    model = ScikitLearner().owners(made.labeled)

    assert len(model.trials) == len(made.labeled)
    assert time.process_time() - began < 60


def test_the_page_says_what_each_number_rests_on(row: OwnerRow) -> None:
    text = section([row])

    assert f"{row.held_out.answered_right} of {row.held_out.answered}" in text
    assert f"{row.right} of {row.suggested}" in text
    assert "generated" in text
