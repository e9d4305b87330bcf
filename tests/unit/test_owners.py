"""Who owns a cost, rule by rule."""

import json
import re
from dataclasses import replace
from datetime import date

import pytest

from trimtab.attribution.owners import Owner, OwnerRules, Place, allocated_tags, cluster_of, compile_rules, texts_of
from trimtab.errors import BadInput
from trimtab.records import CostCenter, Dated, OwnerRule, Team

TEAMS = tuple(Team(name=name, cost_center="", channel="C1") for name in ("ML", "Data Platform"))


def rules(*some: OwnerRule) -> OwnerRules:
    return compile_rules(some, TEAMS)


def place(**facts: object) -> Place:
    usual: dict[str, object] = {"cluster": "prod", "namespace": "train", "labels": {}, "account": "1111", "tags": {}}
    return Place(**(usual | facts))  # type: ignore[arg-type]


def test_the_first_rule_that_matches_wins() -> None:
    found = rules(OwnerRule(id="one", namespace="train", team="ML"), OwnerRule(id="two", cluster="prod", team="Data Platform"))

    assert found.owner(place()) == Owner(team="ML", rule="one")
    assert found.owner(place(namespace="other")) == Owner(team="Data Platform", rule="two")


def test_a_pattern_must_match_all_of_the_name() -> None:
    """`train` must not hand `train-of-another-team` to ML."""
    assert rules(OwnerRule(id="one", namespace="train", team="ML")).owner(place(namespace="train-x")) is None


def test_every_given_condition_must_hold() -> None:
    found = rules(OwnerRule(id="one", namespace="train", account="2222", team="ML"))

    assert found.owner(place()) is None
    assert found.owner(place(account="2222")) == Owner(team="ML", rule="one")


@pytest.mark.parametrize(("value", "team"), [("ML", "ML"), ("data-platform", "Data Platform"), ("ml", "ML")])
def test_a_label_may_name_a_known_team_or_its_slug(value: str, team: str) -> None:
    assert rules(OwnerRule(id="label", labels=("team",))).owner(place(labels={"team": value})) == Owner(team=team, rule="label")


@pytest.mark.parametrize("labels", [{}, {"team": "nobody"}, {"team": ""}, {"owner": "ML"}])
def test_a_label_cannot_invent_an_owner(labels: dict[str, str]) -> None:
    """Promise 7: whoever writes a label chooses among owners, nothing more."""
    assert rules(OwnerRule(id="label", labels=("team",))).owner(place(labels=labels)) is None


def test_a_namespace_condition_never_matches_cost_outside_clusters() -> None:
    outside = place(cluster="", namespace="")

    assert rules(OwnerRule(id="all", namespace=".*", team="ML")).owner(outside) is None
    assert rules(OwnerRule(id="account", account="1111", team="ML")).owner(outside) == Owner(team="ML", rule="account")


def test_a_tag_rule_reads_the_bills_tags() -> None:
    found = rules(OwnerRule(id="tag", tag=("app", "web|shop"), team="ML"))

    assert found.owner(place(tags={"app": "shop"})) == Owner(team="ML", rule="tag")
    assert found.owner(place(labels={"app": "shop"})) is None


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (OwnerRule(id="bad", namespace="(", team="ML"), "rule bad: not a regular expression"),
        (OwnerRule(id="bad", namespace="x", team="Nobody"), "rule bad: team 'Nobody' is not among the teams"),
        (OwnerRule(id="bad", namespace="x"), "rule bad: gives no team"),
        (OwnerRule(id="bad", namespace="(a+)+$", team="ML"), "rule bad: a repeat of a repeat"),
    ],
)
def test_a_rule_that_cannot_be_used_is_named(rule: OwnerRule, message: str) -> None:
    with pytest.raises(BadInput, match=re.escape(message)):
        rules(rule)


def test_two_teams_with_one_slug_are_refused() -> None:
    """Their summaries would be one document."""
    with pytest.raises(BadInput, match="slug 'ml'"):
        compile_rules((), (*TEAMS, Team(name="ml", cost_center="cc", channel="C2")))


@pytest.mark.parametrize(
    ("tags", "cluster"),
    [
        ({"aws:eks:cluster-name": "a"}, "a"),
        ({"goog-k8s-cluster-name": "b"}, "b"),
        ({"kubernetes.io/cluster/c": "owned"}, "c"),
        ({"user:kubernetes.io/cluster/d": "shared"}, "d"),
        ({"kubernetes.io/cluster/c": "owned", "aws:eks:cluster-name": "a"}, "a"),
        ({"Name": "x"}, ""),
    ],
)
def test_a_bill_rows_tags_name_its_cluster(tags: dict[str, str], cluster: str) -> None:
    assert cluster_of(tags) == cluster


@pytest.mark.parametrize("text", ["", "null", "[1]", "not json"])
def test_tags_that_are_no_object_have_no_entries(text: str) -> None:
    assert texts_of(text) == {}


def test_a_key_without_value_is_true() -> None:
    assert texts_of('{"spot": true, "n": 3}') == {"spot": "true", "n": "3"}


def test_a_label_never_hides_a_tag_of_the_same_name() -> None:
    """FOCUS: AllocatedTags must include the origin's tags, keys and values."""
    assert json.loads(allocated_tags({"a": "tag"}, {"a": "label", "b": "label"})) == {"a": "tag", "label/a": "label", "b": "label"}


# ── Fallbacks, annotations, projects, aliases ────────────────────────────────────────────────────────────────────────
def test_the_keys_of_a_rule_are_asked_in_order_until_one_names_a_team() -> None:
    """A wrong `team` label must not hide the right `owner` beside it."""
    found = rules(OwnerRule(id="said", labels=("team", "owner")))

    assert found.owner(place(labels={"team": "ml", "owner": "data-platform"})) == Owner(team="ML", rule="said")
    assert found.owner(place(labels={"team": "typo", "owner": "data-platform"})) == Owner(team="Data Platform", rule="said")
    assert found.owner(place(labels={"team": "typo"})) is None


def test_annotations_are_asked_after_the_labels_and_may_only_name_known_teams() -> None:
    found = rules(OwnerRule(id="said", labels=("team",), annotations=("acme.io/owner",)))

    assert found.owner(place(annotations={"acme.io/owner": "ml"})) == Owner(team="ML", rule="said")
    assert found.owner(place(labels={"team": "Data Platform"}, annotations={"acme.io/owner": "ml"})) == Owner(
        team="Data Platform", rule="said"
    )
    assert found.owner(place(annotations={"acme.io/owner": "intruder"})) is None


def test_a_label_that_names_nobody_leaves_the_row_to_the_next_rule() -> None:
    found = rules(OwnerRule(id="said", labels=("team",)), OwnerRule(id="rest", project="research-.*", team="ML"))

    assert found.owner(place(labels={"team": "typo"}, project="research-eu")) == Owner(team="ML", rule="rest")
    assert found.owner(place(labels={"team": "typo"}, project="shop")) is None
    assert found.owner(place(labels={"team": "typo"})) is None


def test_an_alias_is_another_word_for_its_team() -> None:
    found = compile_rules([OwnerRule(id="said", labels=("cost-center",))], [replace(TEAMS[0], aliases=("4200", "ML Research"))])

    assert found.owner(place(labels={"cost-center": "4200"})) == Owner(team="ML", rule="said")
    assert found.owner(place(labels={"cost-center": "4201"})) is None


def test_an_alias_of_two_teams_is_refused() -> None:
    with pytest.raises(BadInput, match="alias 'ml' of 'Data Platform' already means 'ML'"):
        compile_rules((), [TEAMS[0], replace(TEAMS[1], aliases=("ml",))])


def test_a_name_longer_than_any_cloud_allows_matches_nothing() -> None:
    assert rules(OwnerRule(id="all", tag=("app", ".*"), team="ML")).owner(place(tags={"app": "x" * 257})) is None


# ── Days ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
JULY, AUGUST = date(2026, 7, 1), date(2026, 8, 1)


def test_the_rules_of_the_charges_own_day_decide() -> None:
    """A reorganization on August 1 must not rewrite July, however late July is run again."""
    found = rules(
        OwnerRule(id="before", namespace="train", team="ML", valid_to=AUGUST),
        OwnerRule(id="after", namespace="train", team="Data Platform", valid_from=AUGUST),
    )

    assert found.owner(place(), found.epoch(date(2026, 7, 31))) == Owner(team="ML", rule="before")
    assert found.owner(place(), found.epoch(AUGUST)) == Owner(team="Data Platform", rule="after")
    assert [found.epoch(day) for day in (JULY, date(2026, 7, 31), AUGUST, date(2030, 1, 1))] == [0, 0, 1, 1]


def test_rules_without_dates_are_one_epoch() -> None:
    assert rules(OwnerRule(id="one", namespace="train", team="ML")).epoch(JULY) == 0


def test_a_team_owns_nothing_before_it_exists_nor_after_its_end() -> None:
    teams = [replace(TEAMS[0], valid_from=JULY, valid_to=AUGUST), TEAMS[1]]
    found = compile_rules([OwnerRule(id="said", labels=("team",)), OwnerRule(id="rest", cluster="prod", team="Data Platform")], teams)
    owners = [found.owner(place(labels={"team": "ml"}), found.epoch(day)) for day in (date(2026, 6, 30), JULY, AUGUST)]

    assert [owner and owner.rule for owner in owners] == ["rest", "said", "rest"]


def test_a_cost_center_and_its_business_unit_are_those_of_the_day() -> None:
    team = replace(TEAMS[0], cost_centers=(Dated(name="CC1", valid_to=AUGUST), Dated(name="CC2", valid_from=AUGUST)))
    centers = [
        CostCenter(id="CC1", parent="CC0"),
        CostCenter(id="CC0", business_units=(Dated(name="Research", valid_to=JULY), Dated(name="Products", valid_from=JULY))),
        CostCenter(id="CC2"),
    ]
    found = compile_rules([OwnerRule(id="one", namespace="train", team="ML")], [team], centers)
    owners = [found.owner(place(), found.epoch(day)) for day in (date(2026, 6, 30), JULY, AUGUST)]

    above = [(owner.cost_center, owner.business_unit) for owner in owners if owner]
    assert above == [("CC1", "Research"), ("CC1", "Products"), ("CC2", None)]


def test_a_closed_cost_center_is_nobodys() -> None:
    """Booking to a closed one would be refused by finance; none is said instead of a wrong one."""
    team = replace(TEAMS[0], cost_center="CC1", cost_centers=(Dated(name="CC1"),))
    centers = [CostCenter(id="CC1", business_units=(Dated(name="Research"),), valid_to=AUGUST)]
    found = compile_rules([OwnerRule(id="one", namespace="train", team="ML")], [team], centers)

    assert found.owner(place(), found.epoch(JULY)) == Owner(team="ML", rule="one", cost_center="CC1", business_unit="Research")
    assert found.owner(place(), found.epoch(AUGUST)) == Owner(team="ML", rule="one")


def test_a_closed_cost_center_above_names_no_business_unit() -> None:
    team = replace(TEAMS[0], cost_center="CC1", cost_centers=(Dated(name="CC1"),))
    centers = [
        CostCenter(id="CC1", parent="CC0"), CostCenter(id="CC0", business_units=(Dated(name="Research"),), valid_to=AUGUST),
    ]  # fmt: skip
    found = compile_rules([OwnerRule(id="one", namespace="train", team="ML")], [team], centers)

    assert found.owner(place(), found.epoch(AUGUST)) == Owner(team="ML", rule="one", cost_center="CC1")
