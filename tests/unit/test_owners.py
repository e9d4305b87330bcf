"""Who owns a cost, rule by rule."""

import json

import pytest

from trimtab.attribution.owners import Owner, OwnerRules, Place, allocated_tags, cluster_of, compile_rules, texts_of
from trimtab.errors import BadInput
from trimtab.records import OwnerRule, Team

TEAMS = tuple(Team(name=name, cost_center="cc", channel="C1") for name in ("ML", "Data Platform"))


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
    assert rules(OwnerRule(id="label", label="team")).owner(place(labels={"team": value})) == Owner(team=team, rule="label")


@pytest.mark.parametrize("labels", [{}, {"team": "nobody"}, {"team": ""}, {"owner": "ML"}])
def test_a_label_cannot_invent_an_owner(labels: dict[str, str]) -> None:
    """Promise 7: whoever writes a label chooses among owners, nothing more."""
    assert rules(OwnerRule(id="label", label="team")).owner(place(labels=labels)) is None


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
    ],
)
def test_a_rule_that_cannot_be_used_is_named(rule: OwnerRule, message: str) -> None:
    with pytest.raises(BadInput, match=message.replace("(", r"\(")):
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
