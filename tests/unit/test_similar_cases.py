"""Similar past cases: the nearest outcomes on record, the same every time, and silence where there are none."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from tests.judgement import finding
from trimtab.analysis.similar import Features, Past, distances, features_of, similar_cases, went_well
from trimtab.records import FieldChange, Outcome, ProposalId
from trimtab.units import Money

HERE = Features(
    rule="node-count-down", field="count", kind="pool", cloud="aws", family="m6i", gpu_model="", environment="non-production",
    workloads=("Deployment",), step=0.25, utilization=0.6, typical=0.3, coverage=0.99,
)  # fmt: skip


def outcome(**changes: object) -> Outcome:
    values: dict[str, object] = {
        "proposal": ProposalId("prop-1"), "is_applied": True, "is_healthy": True, "promised": usd(292), "measured": usd(280), "days": 10,
    }  # fmt: skip
    return Outcome(**(values | changes))  # type: ignore[arg-type]


def usd(amount: int) -> Money:
    return Money(Decimal(amount), "USD")


def past(number: int, features: Features = HERE, **changes: Any) -> Past:
    whole = Past(
        proposal=f"prop-{number}", what="dev-east/batch: count 6 to 5", merged_on="2026-08-12", features=features, outcome=outcome()
    )
    return replace(whole, **changes)


def test_the_same_change_is_no_distance_away_and_its_outcome_is_told() -> None:
    (case,) = similar_cases(HERE, [past(1)])

    assert (case.distance, case.went_well) == (0, True)
    assert case.what == (
        "dev-east/batch: count 6 to 5 on 2026-08-12: the pool stayed well, and it saved 280.00 USD a month of 292.00 USD promised."
    )


def test_at_most_three_are_shown_nearest_first_and_equals_in_the_order_of_their_names() -> None:
    near = replace(HERE, utilization=0.7)

    cases = similar_cases(HERE, [past(5, near), past(4, near), past(3), past(9), past(2, near)])

    assert [case.proposal for case in cases] == ["prop-3", "prop-9", "prop-2"]
    assert cases == similar_cases(HERE, [past(2, near), past(9), past(3), past(4, near), past(5, near)])


def test_what_is_too_different_is_not_shown_and_none_is_none() -> None:
    other = Features(
        rule="spot", field="capacity_type", kind="pool", cloud="gcp", family="a2", gpu_model="A100-40", environment="production",
        workloads=("Job",), step=0.0, utilization=1.0, typical=0.9, coverage=0.95,
    )  # fmt: skip

    assert similar_cases(HERE, [past(1, other)]) == ()
    assert similar_cases(HERE, []) == ()


def test_what_is_not_known_is_half_apart_so_that_little_knowledge_makes_nothing_look_alike() -> None:
    blank = Features(rule="node-count-down", field="count", kind="pool")

    apart = distances(blank, [blank])[0]

    assert 0.3 < apart < 0.5
    assert similar_cases(blank, [past(1, blank)]) == ()


def test_distances_are_symmetric_and_between_0_and_1() -> None:
    others = [HERE, replace(HERE, cloud="gcp"), replace(HERE, workloads=()), Features(rule="spot", field="capacity_type", kind="pool")]

    for one in others:
        for other, apart in zip(others, distances(one, others), strict=True):
            assert 0 <= apart <= 1
            assert apart == pytest.approx(distances(other, [one])[0])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"outcome": outcome(is_healthy=False)}, "the pool did worse after it"),
        ({"outcome": outcome(is_healthy=None)}, "was never known"),
        ({"outcome": outcome(measured=usd(100))}, "but it saved only 100.00 USD"),
        ({"was_undone": True}, "it was undone"),
    ],
)
def test_what_is_not_known_to_have_gone_well_did_not(changes: dict[str, Any], words: str) -> None:
    (case,) = similar_cases(HERE, [past(1, **changes)])

    assert not case.went_well
    assert words in case.what


def test_growth_keeps_its_promise_by_being_healthy() -> None:
    """What grew cost more than promised, and did what it was for."""
    assert went_well(past(1, outcome=outcome(promised=usd(-100), measured=usd(-300))))


def test_a_quotas_step_is_read_from_its_numbers_and_nothing_else_is_made_up() -> None:
    quota = finding(changes=(FieldChange(field="gpu_limit", old="16", new="12"),), nodes_old=0, nodes_new=0)

    features = features_of(quota, None, None, None)

    assert features.step == 0.25
    assert (features.cloud, features.family, features.gpu_model, features.environment, features.workloads) == (None,) * 5


def test_a_chart_of_nothing_says_nothing_of_utilization() -> None:
    bare = finding(evidence=replace(finding().evidence, chart=()))

    assert features_of(bare, None, None, None).utilization is None


@pytest.mark.security(36)
@pytest.mark.parametrize(
    ("measured", "said"), [(280, "most of what it promised was saved"), (100, "less than half of what it promised was saved")]
)
def test_a_case_of_another_team_says_how_it_went_and_neither_where_nor_how_much(measured: int, said: str) -> None:
    """It travels with the finding into cards and pull requests, which the other team's cost is not for."""
    theirs = past(1, teams=("ml",), outcome=outcome(measured=usd(measured)))

    (case,) = similar_cases(HERE, [theirs], teams=["batch"])

    assert case.what == f"a change like it, of another team on 2026-08-12: the pool stayed well, and {said}."
    assert (case.went_well, case.distance) == (measured == 280, 0)


@pytest.mark.security(36)
@pytest.mark.parametrize(("of", "mine", "is_whole"), [(("ml", "batch"), ["batch"], True), ((), ["batch"], False), (("ml",), [], True)])
def test_a_case_is_told_in_full_to_whoever_has_a_share_of_it_and_to_those_who_see_all(
    of: tuple[str, ...], mine: list[str], is_whole: bool
) -> None:
    (case,) = similar_cases(HERE, [past(1, teams=of)], teams=mine)

    assert ("280.00 USD" in case.what, "dev-east" in case.what) == (is_whole, is_whole)
