"""An owner is suggested only where the past proves the guess; else the reason is told."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

import pytest

from tests.outlook import NOW, cells, days, summaries
from trimtab.adapters.learning import ScikitLearner
from trimtab.attribution.suggest import (
    Example,
    Neighbors,
    OwnerModel,
    Suggestion,
    features,
    owned,
    scores,
    suggest,
    suggestion_id,
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
    made, _ = suggest(model, examples(), LEFT)

    assert [(item.namespace, item.team, item.unowned) for item in made] == [("cart-ui", "shop", Decimal(30))]
    assert "held-out namespaces that were at least as sure were right" in made[0].proof
    assert "word:cart" in made[0].because


def test_unknown_words_and_system_namespaces_get_no_owner(model: OwnerModel) -> None:
    """A wrong owner is worse than none: finance would bill it."""
    _, abstained = suggest(model, examples(), LEFT)

    assert {item.namespace: item.reason for item in abstained} == {
        "zzz": "no word of its name is in the name of an owned namespace, and nothing around it is around one",
        "kube-system": "a namespace that every cluster has says nothing about its owner",
    }


def test_names_that_tell_nothing_give_a_model_that_says_nothing() -> None:
    """Teams that name by codes: the held-out trials fail, so every suggestion is withheld."""
    places = [f"prod/svc-{'abcdefghijklmnopqrstuvwxyz'[number % 26]}{'xyz'[number % 3]}{'pq'[number % 2]}" for number in range(40)]
    codes = [Example(place=place, team=("a", "b")[hash_of(place) % 2]) for place in dict.fromkeys(places)]

    made, abstained = suggest(ScikitLearner().owners(codes), codes, [("prod/svc-new", "USD", Decimal(1))])

    assert made == []
    assert len(abstained) == 1


def hash_of(text: str) -> int:
    return sum(ord(letter) << (place % 5) for place, letter in enumerate(text)) // 3


def test_too_few_examples_are_said() -> None:
    assert too_little(examples({"ml": ("train",), "shop": ("cart",)})).startswith("8 owned namespaces of 2 teams")
    assert too_little(examples()) == ""


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

    found = scores(model, features("prod/cart-ui"))

    assert sum(found.values()) == pytest.approx(1.0)
    assert max(found, key=lambda team: found[team]) == "shop"


def test_features_are_words_letter_triples_the_cluster_and_what_stands_around() -> None:
    found = features("prod/web-2", ("account:1111", "label:app=cart"))

    assert sorted(found) == [
        "account:1111", "cluster:prod", "key:app", "label:app=cart", "part:^we", "part:eb$", "part:web", "word:web",
    ]  # fmt: skip


def test_neighbors_count_without_the_namespace_itself() -> None:
    """With itself among them, a lone namespace would be its own proof."""
    some = [Example(place=f"prod/{number}", team=team, about=("pool:prod/gpu",)) for number, team in enumerate(("ml", "ml", "shop"))]
    neighbors = Neighbors.of(some)

    assert neighbors.shares("prod/0", ("pool:prod/gpu",), "ml")["near-pool:ml"] == 0.5
    assert neighbors.shares("prod/new", ("pool:prod/gpu",), None)["near-pool:ml"] == pytest.approx(2 / 3)
    assert neighbors.shares("other/new", (), None) == {}


def test_what_stands_around_tells_owners_that_names_do_not() -> None:
    """Namespaces named by codes, each team on an account of its own."""
    coded = [
        Example(
            place=f"prod/svc-{chr(97 + number % 26)}{chr(97 + number // 3 % 26)}{number}",
            team=f"t{number % 3}",
            about=(f"account:{number % 3}",),
        )
        for number in range(60)
    ]
    left = [("prod/svc-new", "USD", Decimal(1))]

    made, _ = suggest(ScikitLearner().owners(coded), coded, left, {"prod/svc-new": ["account:2"]})

    assert [item.team for item in made] == ["t2"]
    assert {"account:2", "near-account:t2"} & set(made[0].because)


def test_a_pair_that_a_person_denied_is_not_suggested_again(model: OwnerModel) -> None:
    made, abstained = suggest(model, examples(), LEFT[:1], rejected=frozenset({("prod/cart-ui", "shop")}))

    assert made == []
    assert "at least" in abstained[0].reason


def test_where_every_team_was_denied_nothing_is_suggested(model: OwnerModel) -> None:
    every = frozenset(("prod/cart-ui", team) for team in model.teams)

    made, abstained = suggest(model, examples(), LEFT[:1], rejected=every)

    assert (made, len(abstained)) == ([], 1)


def test_an_id_is_of_one_namespace_and_one_team(model: OwnerModel) -> None:
    """A yes that was meant for yesterday's team must not be counted for today's."""
    made, _ = suggest(model, examples(), LEFT)

    assert made[0].id == suggestion_id("prod/cart-ui", "shop") != suggestion_id("prod/cart-ui", "ml")


def test_the_model_is_plain_numbers_and_stays_small(model: OwnerModel) -> None:
    assert all(isinstance(weight, float) for row in model.weights.values() for _, weight in row)
    assert len(model.trials) == len(examples())


def test_learning_twice_gives_the_same_suggestions(model: OwnerModel) -> None:
    again = ScikitLearner().owners(examples())

    assert suggest(again, examples(), LEFT) == suggest(model, examples(), LEFT)


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


def test_a_namespace_that_changed_hands_is_its_new_teams() -> None:
    """A year of summaries remembers the old owner; it is no second one."""
    june, july = (days(NOW.date().replace(month=month, day=1), [10]) for month in (6, 7))
    before = summaries(cells("ml", june, namespace="train"), "p-2026-06")[1:]
    after = summaries(cells("shop", july, namespace="train"))[1:]

    assert owned([*after, *before]) == (Example(place="prod/train", team="shop"),)


def test_an_accepted_answer_is_an_example_until_a_rule_says_otherwise() -> None:
    july = days(NOW.date().replace(day=1), [10])
    some = [cell for team in ("ml", "shop") for number in range(3) for cell in cells(team, july, namespace=f"{team}-{number}")]
    teams = summaries(some)[1:]

    found = owned(teams, {"prod/x": ["account:1"]}, {"prod/x": "ml", "prod/shop-0": "ml"})

    assert Example(place="prod/x", team="ml", about=("account:1",)) in found
    assert Example(place="prod/shop-0", team="shop") in found


def test_every_suggestion_says_how_sure_it_is_and_never_is_certain(model: OwnerModel) -> None:
    made, _ = suggest(model, examples(), [("prod/cart-checkout-catalog", "USD", Decimal(1))])

    assert all(isinstance(item, Suggestion) and 0.8 <= item.score < 1 for item in made)
    assert made


def test_a_model_whose_trials_failed_suggests_nothing(model: OwnerModel) -> None:
    failed = replace(model, trials=tuple(replace(trial, is_right=False) for trial in model.trials))

    made, abstained = suggest(failed, examples(), LEFT)

    assert made == []
    assert "at no confidence were 90%" in abstained[0].reason
