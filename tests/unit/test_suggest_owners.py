"""An owner is suggested only where the past proves the guess; else the reason is told."""

from collections.abc import Mapping
from decimal import Decimal

import pytest

from tests.outlook import NOW, cells, days, summaries
from trimtab.adapters.learning import ScikitLearner
from trimtab.attribution.suggest import (
    Example,
    OwnerModel,
    Trial,
    features,
    owned,
    scores,
    suggest,
    threshold,
    too_little,
    unowned,
)

WORDS = {"ml": ("train", "serving", "notebook"), "shop": ("cart", "checkout", "catalog"), "data": ("spark", "airflow", "kafka")}
LEFT = [("prod/cart-ui", "USD", Decimal(30)), ("prod/zzz", "USD", Decimal(20)), ("prod/kube-system", "USD", Decimal(10))]


def examples(words: Mapping[str, tuple[str, ...]] | None = None) -> list[Example]:
    return [
        Example(place=f"{cluster}/{word}-{kind}", team=team)
        for team, own in (words or WORDS).items()
        for word in own
        for cluster in ("prod", "staging")
        for kind in ("api", "batch")
    ]


@pytest.fixture(scope="module")
def model() -> OwnerModel:
    return ScikitLearner().owners(examples())


def test_a_familiar_name_gets_its_team_with_proof_and_reasons(model: OwnerModel) -> None:
    made, _ = suggest(model, LEFT)

    assert [(item.namespace, item.team, item.unowned) for item in made] == [("cart-ui", "shop", Decimal(30))]
    assert "held-out namespaces that scored as high were right" in made[0].proof
    assert "word:cart" in made[0].because


def test_unknown_words_and_system_namespaces_get_no_owner(model: OwnerModel) -> None:
    """A wrong owner is worse than none: finance would bill it."""
    _, abstained = suggest(model, LEFT)

    assert {item.namespace: item.reason for item in abstained} == {
        "zzz": "no word of its name is in the name of an owned namespace",
        "kube-system": "a namespace that every cluster has says nothing about its owner",
    }


def test_names_that_tell_nothing_give_a_model_that_says_nothing() -> None:
    """Teams that name by codes: the held-out trials fail, so every suggestion is withheld."""
    places = [f"prod/svc-{'abcdefghijklmnopqrstuvwxyz'[number % 26]}{'xyz'[number % 3]}{'pq'[number % 2]}" for number in range(40)]
    codes = [Example(place=place, team=("a", "b")[hash_of(place) % 2]) for place in dict.fromkeys(places)]

    made, abstained = suggest(ScikitLearner().owners(codes), [("prod/svc-new", "USD", Decimal(1))])

    assert made == []
    assert len(abstained) == 1


def hash_of(text: str) -> int:
    return sum(ord(letter) << (place % 5) for place, letter in enumerate(text)) // 3


def test_too_few_examples_are_said() -> None:
    assert too_little(examples({"ml": ("train",), "shop": ("cart",)})).startswith("8 owned namespaces of 2 teams")
    assert too_little(examples()) == ""


def test_the_threshold_is_the_lowest_score_that_the_held_out_ones_prove() -> None:
    trials = [Trial(confidence=0.9, is_right=True)] * 10 + [Trial(confidence=0.5, is_right=False)] * 5

    assert threshold(trials) == (0.9, "10 of 10 held-out namespaces that scored as high were right")
    assert threshold(trials[:9]) is None


def test_equal_scores_are_proved_together_or_not_at_all() -> None:
    """Of twenty with one score, ten right ones must not be counted before the ten wrong ones."""
    trials = [Trial(confidence=0.9, is_right=number % 2 == 0) for number in range(20)]

    assert threshold(trials) is None


def test_held_out_trials_never_saw_a_namespace_of_the_same_name() -> None:
    """The same namespace on staging would give the answer away. Names that tell nothing but themselves must therefore be guesses."""
    codes = [f"{chr(97 + number)}{chr(122 - number)}" for number in range(12)]
    twins = [Example(place=f"c{copy}/{code}", team=("a", "b")[number % 2]) for number, code in enumerate(codes) for copy in range(4)]

    model = ScikitLearner().owners(twins)

    assert len(model.trials) == len(twins)
    assert sum(trial.is_right for trial in model.trials) < 0.75 * len(twins)


def test_probabilities_add_up_to_one_and_two_teams_are_no_special_case() -> None:
    two = {team: words for team, words in WORDS.items() if team != "data"}
    model = ScikitLearner().owners(examples(two))

    found = scores(model, "prod/cart-ui")

    assert sum(found.values()) == pytest.approx(1.0)
    assert max(found, key=lambda team: found[team]) == "shop"


def test_features_are_words_letter_triples_and_the_cluster() -> None:
    assert features("prod/web-2") == ("cluster:prod", "part:^we", "part:eb$", "part:web", "word:web")


def test_what_nobody_owns_is_the_whole_without_what_the_teams_have() -> None:
    july = days(NOW.date().replace(day=1), [10] * 3)
    some = [
        *cells("ml", july, namespace="train"),
        *cells(None, july, namespace="lost", part="unallocated"),
        *cells(None, july, namespace="train"),
    ]
    whole, *teams = summaries(some)

    assert unowned(whole, teams) == (("prod/lost", "USD", Decimal(30)), ("prod/train", "USD", Decimal(30)))


def test_a_namespace_of_two_teams_teaches_nothing() -> None:
    july = days(NOW.date().replace(day=1), [10])
    some = [cell for team in ("ml", "shop") for number in range(3) for cell in cells(team, july, namespace=f"{team}-{number}")]
    both = [*cells("ml", july, namespace="shared"), *cells("shop", july, namespace="shared")]

    found = owned(summaries([*some, *both])[1:])

    assert len(found) == 6
    assert "prod/shared" not in {example.place for example in found}
