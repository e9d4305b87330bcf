"""The words about money and about what went before: freed is never called saved, and none is said as none."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from tests.judged_scenarios import scenario
from tests.judgement import NOW, evidence, finding, pool, proposal
from trimtab.adapters.wording import load_wording
from trimtab.lifecycle import State
from trimtab.records import Finding, PastCase, Subject
from trimtab.render.pull_request import body
from trimtab.render.slack import card
from trimtab.render.view import Misses, misses_per_1000
from trimtab.units import Money

WORDING = load_wording()
BAD = PastCase(proposal="prop-2", what="dev-west/batch: count 4 to 3 on 2026-08-12: it was undone.", distance=0.1, went_well=False)


def usd(amount: str) -> Money:
    return Money(Decimal(amount), "USD")


def text_of(**changes: Any) -> str:
    whole, rules, verdict = scenario("auto-merge")
    changed = replace(whole, finding=finding(**changes))
    return body(proposal(changed), whole.cluster, verdict, rules, NOW, wording=WORDING)


def card_of(**changes: Any) -> str:
    whole, _, verdict = scenario("one-approval-gpu")
    made = proposal(replace(whole, finding=finding(**changes)))
    return str(card(made, whole.cluster, verdict, state=State.AWAITING, head="a" * 40, wording=WORDING))


def test_what_is_freed_beside_a_saving_is_said_in_one_sentence() -> None:
    text = text_of(saving_effective=usd("120"), saving_freed=usd("140.16"))

    assert "It saves about **120 USD a month** at what you really pay (280 USD at list price)." in text
    assert "Another 140 USD a month (at list price) is freed, not saved: a commitment pays for those machines until it ends" in text


def test_what_is_covered_whole_is_not_called_a_saving() -> None:
    text = text_of(saving_effective=usd("0"), saving_freed=usd("280.32"))

    assert "It **saves nothing on the bill** for now: a commitment pays for all of these machines until it ends." in text
    assert "It saves about" not in text


@pytest.mark.parametrize("freed", [None, usd("0")])
def test_where_nothing_is_freed_nothing_is_said_of_it(freed: Money | None) -> None:
    assert "freed" not in text_of(saving_freed=freed)


def test_none_is_said_as_none_and_a_bad_case_stands_on_the_card() -> None:
    assert "No change like this one is on record here yet." in text_of()
    assert BAD.what in text_of(similar=(BAD,)).replace("\\", "")
    assert f"A change like it went badly before: {BAD.what}" in card_of(similar=(BAD,))


def test_what_a_person_has_to_do_is_said_on_both() -> None:
    needs = "Two pools take its place: somebody adds them."

    assert f"An edit alone does not do it. {needs}" in text_of(needs_person=needs)
    assert f"An edit alone does not do it: {needs}" in card_of(needs_person=needs)


def test_names_in_past_cases_cannot_act() -> None:
    """What was changed carries names from Git and Palette."""
    hostile = PastCase(
        proposal="prop-2", what="a/b: count 4 to 3 <!channel> @everyone [x](https://evil.example)", distance=0, went_well=False
    )

    assert "](http" not in text_of(similar=(hostile,))
    assert "<!channel>" not in card_of(similar=(hostile,))


def seen(**changes: Any) -> Finding:
    return finding(evidence=evidence(judged_days=10, judged_steps=240, violations_old=12, violations_new=3, **changes))


def test_misses_are_per_1000_node_hours_of_each_size() -> None:
    assert misses_per_1000(seen()) == Misses(old=1000 * 12 / (6 * 240), new=1000 * 3 / (5 * 240), per="node-hours")


def test_a_quota_and_an_autoscalers_bound_have_no_nodes_to_count() -> None:
    quota = Subject(cluster_uid=pool().cluster_uid, pool="ml", field="gpu_limit", kind="namespace")

    for subject in (quota, Subject(cluster_uid=pool().cluster_uid, pool="web", field="min")):
        assert misses_per_1000(replace(seen(), subject=subject)) == Misses(old=50.0, new=12.5, per="hours")


def test_without_judged_days_there_is_no_rate() -> None:
    assert misses_per_1000(finding(evidence=evidence(judged_days=0, judged_steps=0))) is None
