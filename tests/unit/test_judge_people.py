"""Whose yes counts: both accounts in use, confirmed, of the scope, by all rules of the last day, and of somebody without a part in it."""

from dataclasses import replace
from typing import Any

import pytest

from tests.judgement import NOW, OWNERS, approved, facts, governance, line_of, standing, with_finding
from trimtab.policy.approvals import VOID_ANSWERS, VOID_PERSONS
from trimtab.policy.judge import judge
from trimtab.records import Facts, Governance, PeopleGroup, PersonId, Stage, Subject, Tier

ASKED: dict[str, Any] = {"highest_stage": Stage.APPROVE}
OTHERS = tuple(standing(person) for person in ("platform-owner", "finance-owner"))


def ml(**changes: Any) -> Facts:
    """A yes by ml-owner, of whom something else is known."""
    return facts(**ASKED, standings=(*OTHERS, standing("ml-owner", **changes)))


PEOPLE: list[tuple[str, str, Facts]] = [
    ("slack-account", "is a guest in Slack", ml(slack="guest")),
    ("slack-account", "is of another Slack workspace", ml(slack="external")),
    ("slack-account", "is a bot in Slack", ml(slack="bot")),
    ("slack-account", "has left Slack", ml(slack="gone")),
    ("slack-account", "was not read", ml(slack=None)),
    ("forge-account", "is a bot on the forge", ml(forge="bot")),
    ("forge-account", "has no access to this repo any more", ml(forge="gone")),
    ("forge-account", "was not read", ml(forge=None)),
    ("unconfirmed", "has not confirmed yet", ml(is_confirmed=False)),
    ("slack-account", "was not read", facts(**ASKED, standings=None)),
    ("slack-account", "was not read", facts(**ASKED, standings=OTHERS)),
    ("recent-author", "in the last 7 days", facts(**ASKED, recent_authors=("somebody", "ML-Owner"))),
    ("recent-author", "was not read", facts(**ASKED, recent_authors=None)),
    ("own-request", "nobody approves what they asked for", facts(**ASKED, requested_by=(PersonId("ml-owner"),))),
]


@pytest.mark.security(13, 22)
@pytest.mark.parametrize("via", ["slack", "forge"])
@pytest.mark.parametrize(("reason", "words", "whole"), PEOPLE, ids=[f"{name}-{index}" for index, (name, _, _) in enumerate(PEOPLE)])
def test_a_yes_of_somebody_who_may_not_decide_counts_on_neither_side_and_says_why(reason: str, words: str, whole: Facts, via: str) -> None:
    verdict = judge(approved(whole, governance(), ("ml-owner", via)), governance(), NOW)

    assert not verdict.may_merge
    assert line_of(verdict, "approval-void").saw.startswith(f"ml-owner ({via}): {reason}: ")
    assert words in line_of(verdict, "approval-void").saw


@pytest.mark.security(13)
def test_who_is_known_not_to_count_is_not_asked_either() -> None:
    verdict = judge(replace(ml(slack="guest"), requested_by=(PersonId("platform-owner"),)), governance(), NOW)

    assert verdict.approvers == ()
    assert line_of(verdict, "approvals").saw == "only 0 people may approve here"


def test_who_was_not_looked_at_yet_is_still_named_as_somebody_to_ask() -> None:
    """Nobody reads everybody's accounts to word a card; they are read when somebody decides."""
    assert judge(facts(**ASKED, standings=None, recent_authors=None), governance(), NOW).approvers == ("ml-owner", "platform-owner")


@pytest.mark.security(13)
def test_the_yes_of_another_person_still_counts() -> None:
    verdict = judge(approved(ml(slack="guest"), governance(), ("ml-owner", "slack"), ("platform-owner", "slack")), governance(), NOW)

    assert verdict.may_merge


def test_every_named_reason_of_a_void_yes_is_proven_here_or_beside() -> None:
    """A reason that no test names could be one that never comes."""
    beside = {"outside-scope", "too-new", "own-change", "other-way", "too-old", "moved"}

    assert {reason for reason, _, _ in PEOPLE} | beside == {*VOID_PERSONS, *VOID_ANSWERS}


# ── groups ───────────────────────────────────────────────────────────────────────────────────────────────────────────
GROUP = "slack:S0PLATFORM"


def of_a_group(*members: str, problem: str = "", **more: Any) -> tuple[Facts, Governance]:
    """Only the members of a group may approve."""
    rules = governance()
    scope = replace(rules.approvers[0], people=(), groups=(GROUP,))
    group = PeopleGroup(name=GROUP, people=tuple(PersonId(person) for person in members), problem=problem)
    return facts(**ASKED, groups=(group,), **more), replace(rules, approvers=(scope,))


@pytest.mark.security(5)
def test_the_members_of_a_group_as_it_is_now_may_approve() -> None:
    whole, rules = of_a_group("finance-owner")

    assert judge(whole, rules, NOW).approvers == ("finance-owner",)
    assert judge(approved(whole, rules, ("finance-owner", "slack")), rules, NOW).may_merge


@pytest.mark.security(5)
def test_whoever_left_the_group_a_minute_ago_approves_nothing() -> None:
    whole, rules = of_a_group("finance-owner")
    said = approved(whole, rules, ("finance-owner", "slack"))

    verdict = judge(replace(said, groups=of_a_group("ml-owner")[0].groups), rules, NOW)

    assert not verdict.may_merge
    assert "outside-scope: may not approve for this pool" in line_of(verdict, "approval-void").saw


@pytest.mark.parametrize("groups", [(), (PeopleGroup(name=GROUP, people=(PersonId("finance-owner"),), problem="Slack did not answer"),)])
def test_a_group_that_was_not_read_names_nobody(groups: tuple[PeopleGroup, ...]) -> None:
    whole, rules = of_a_group("finance-owner")

    verdict = judge(replace(approved(whole, rules, ("finance-owner", "slack")), groups=groups), rules, NOW)

    assert not verdict.may_merge
    assert verdict.approvers == ()


def test_a_group_that_could_not_be_read_is_named_with_its_reason() -> None:
    whole, rules = of_a_group(problem="there is no such group")

    assert line_of(judge(whole, rules, NOW), "approver-groups").saw == f"{GROUP}: there is no such group"


# ── owners, paths ────────────────────────────────────────────────────────────────────────────────────────────────────
def owned_by(person: str) -> Governance:
    rules = governance()
    return replace(rules, approvers=(replace(rules.approvers[0], owners=(PersonId(person),)),))


@pytest.mark.security(12)
@pytest.mark.parametrize(
    ("people", "may_merge"),
    [
        ([("platform-owner", "slack"), ("ml-owner", "forge")], True),
        ([("platform-owner", "forge"), ("finance-owner", "slack")], True),
        ([("finance-owner", "forge"), ("ml-owner", "slack")], False),
    ],
)
def test_where_two_are_asked_one_of_them_answers_for_the_pool(people: list[tuple[str, str]], may_merge: bool) -> None:
    rules = owned_by("platform-owner")
    scope = replace(rules.approvers[0], people=(*rules.approvers[0].people, PersonId("finance-owner")))
    rules = replace(rules, approvers=(scope,))

    verdict = judge(approved(facts(owners=()), rules, *people), rules, NOW)

    assert verdict.tier is Tier.TWO
    assert verdict.may_merge is may_merge
    assert line_of(verdict, "owner-approval").held is may_merge


def test_where_one_is_asked_anybody_of_the_scope_will_do() -> None:
    rules = owned_by("platform-owner")

    assert judge(approved(facts(**ASKED), rules, ("ml-owner", "slack")), rules, NOW).may_merge


@pytest.mark.security(5)
@pytest.mark.parametrize(("path", "approver"), [("clusters/dev/**", "finance-owner"), ("clusters/prod/**", "ml-owner")])
def test_a_scope_of_files_is_for_those_files(path: str, approver: str) -> None:
    rules = governance(owners=OWNERS.replace(b"[platform-owner, ml-owner]", b"[ml-owner]"))
    scope = replace(rules.approvers[0], people=(PersonId("finance-owner"),), path=path)

    assert judge(facts(**ASKED), replace(rules, approvers=(*rules.approvers, scope)), NOW).approvers == (approver,)


@pytest.mark.security(5)
def test_a_pool_of_a_cluster_is_narrower_than_any_path() -> None:
    rules = governance()
    subject = facts().finding.subject
    by_path = replace(rules.approvers[0], people=(PersonId("ml-owner"),), path="clusters/dev/**", cluster_uid=subject.cluster_uid)
    by_pool = replace(rules.approvers[0], people=(PersonId("finance-owner"),), pool="batch", cluster_uid=subject.cluster_uid)

    verdict = judge(facts(**ASKED), replace(rules, approvers=(by_path, by_pool)), NOW)

    assert verdict.approvers == ("finance-owner",)
    assert judge(
        with_finding(subject=Subject(cluster_uid=subject.cluster_uid, pool="other", field="count")),
        replace(rules, approvers=(by_path, by_pool)),
        NOW,
    ).approvers == ("ml-owner",)
