"""Who owns a cost: rules over cluster, namespace, labels, account and tags; the first that matches wins.

A label may only name a team that governance knows: whoever can write a label can choose among owners, never invent one.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from trimtab.errors import BadInput
from trimtab.records import OwnerRule, Team

Texts = Mapping[str, str]

CLUSTER_TAGS = (
    "aws:eks:cluster-name",
    "eks:cluster-name",
    "eks:eks-cluster-name",
    "aws_eks_cluster_name",
    "alpha.eksctl.io/cluster-name",
    "goog-k8s-cluster-name",
    "aks-managed-cluster-name",
    "spectro__cluster",
    "spectro__cluster_name",
)
"""Keys whose value is a cluster's name, most trusted first; compared without a leading `user:` and in lower case."""
CLUSTER_TAG_PREFIX = "kubernetes.io/cluster/"
"""Here the name stands in the key: `kubernetes.io/cluster/<name>` = owned or shared."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """What a rule may look at; cluster and namespace are "" outside clusters."""

    cluster: str
    namespace: str
    labels: Texts
    account: str
    tags: Texts


@dataclass(frozen=True, kw_only=True, slots=True)
class Owner:
    """The team that pays, and the rule that said so."""

    team: str
    rule: str


@dataclass(frozen=True, kw_only=True, slots=True)
class OwnerRules:
    """Checked and compiled rules."""

    rules: tuple[tuple[OwnerRule, Mapping[str, re.Pattern[str]]], ...]
    teams: Texts
    """Accepted label value → team name."""

    def owner(self, place: Place) -> Owner | None:
        """The owner by the first rule that matches; None = no rule does."""
        for rule, patterns in self.rules:
            team = self._team(rule, patterns, place)
            if team is not None:
                return Owner(team=team, rule=rule.id)
        return None

    def _team(self, rule: OwnerRule, patterns: Mapping[str, re.Pattern[str]], place: Place) -> str | None:
        seen = {"namespace": place.namespace, "cluster": place.cluster, "account": place.account}
        if rule.tag is not None:
            seen["tag"] = place.tags.get(rule.tag[0], "")
        if not all(seen[name] and pattern.fullmatch(seen[name]) for name, pattern in patterns.items()):
            return None
        return rule.team if rule.label is None else self._labeled(rule, place)

    def _labeled(self, rule: OwnerRule, place: Place) -> str | None:
        """The team that the label names; a rule may also give the team itself, then the label must name the same one."""
        team = self.teams.get(place.labels.get(rule.label or "", ""))
        return team if rule.team is None or team == rule.team else None


def compile_rules(rules: Iterable[OwnerRule], teams: Iterable[Team]) -> OwnerRules:
    """Rules ready to ask. Raises BadInput that names the rule where a pattern or a team is wrong."""
    names = team_slugs(teams)
    accepted = {**names, **{name: name for name in names.values()}}
    return OwnerRules(rules=tuple((rule, _patterns(rule, set(names.values()))) for rule in rules), teams=accepted)


def team_slugs(teams: Iterable[Team]) -> dict[str, str]:
    """Slug → name of every team. Raises BadInput where two share a slug: their summaries would be one."""
    names: dict[str, str] = {}
    for team in teams:
        slug = slugged(team.name)
        if not slug or names.setdefault(slug, team.name) != team.name:
            raise BadInput(f"owners: teams: {team.name!r} has the slug {slug!r} of another team, or none; rename one")
    return names


def slugged(name: str) -> str:
    """The name in lower case, everything but letters and digits turned into single dashes."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def _patterns(rule: OwnerRule, teams: set[str]) -> Mapping[str, re.Pattern[str]]:
    if rule.team is None and rule.label is None:
        raise BadInput(f"owners: rule {rule.id}: gives no team; set team or label")
    if rule.team is not None and rule.team not in teams:
        raise BadInput(f"owners: rule {rule.id}: team {rule.team!r} is not among the teams")
    texts = {"namespace": rule.namespace, "cluster": rule.cluster, "account": rule.account, "tag": rule.tag[1] if rule.tag else None}
    try:
        return {name: re.compile(text) for name, text in texts.items() if text is not None}
    except re.error as error:
        raise BadInput(f"owners: rule {rule.id}: not a regular expression: {error}") from None


def texts_of(text: str) -> dict[str, str]:
    """A JSON object of tags or labels as texts; FOCUS writes a key without value as `true`. What is no object has no entries."""
    try:
        value = json.loads(text) if text else {}
    except ValueError:
        return {}
    return {key: _text(item) for key, item in value.items()} if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def cluster_of(tags: Texts) -> str:
    """The cluster that a bill row's tags name, or ""."""
    plain = {key.lower().removeprefix("user:"): value for key, value in sorted(tags.items())}
    named = (plain[key] for key in CLUSTER_TAGS if plain.get(key))
    in_key = (key.split(CLUSTER_TAG_PREFIX, 1)[1] for key in sorted(tags) if CLUSTER_TAG_PREFIX in key)
    return next(named, next(in_key, ""))


def allocated_tags(tags: Texts, labels: Texts) -> str:
    """FOCUS AllocatedTags: every tag of the origin as it is, and the pod's labels; where both have a key the label is `label/<key>`."""
    mine = {(f"label/{key}" if key in tags else key): value for key, value in labels.items()}
    return json.dumps({**tags, **mine}, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
