"""Who owns a cost: rules over labels, annotations, namespace, cluster, project, account and tags; the first that matches wins.

Precedence is the order of the file, and nothing else. A rule that names its team by labels or annotations asks its keys in order and goes
on to the next key, then to the next rule, where a value names no team of that day.

A label or annotation may only name a team that governance knows: whoever can write one can choose among owners, never invent one.
"""

import json
import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

from trimtab.errors import BadInput
from trimtab.patterns import compiled, is_match
from trimtab.records import CostCenter, Dated, OwnerRule, Team

Texts = Mapping[str, str]
Patterns = Mapping[str, re.Pattern[str]]

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
    """What a rule may look at; cluster, namespace and project are "" outside clusters."""

    cluster: str
    namespace: str
    labels: Texts
    account: str
    tags: Texts
    annotations: Texts = field(default_factory=dict)
    project: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Owner:
    """The team that pays, and the rule that said so; what stands above the team, as the rules of that day say, None = nothing does."""

    team: str
    rule: str
    cost_center: str | None = None
    business_unit: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class OwnerRules:
    """Checked and compiled rules. They change only on the days in `bounds`; between two of them lies an epoch, one set of rules."""

    rules: tuple[tuple[OwnerRule, Patterns], ...]
    accepted: Texts
    """Value of a label or annotation → team name."""
    teams: Mapping[str, Team]
    cost_centers: Mapping[str, CostCenter]
    bounds: tuple[date, ...] = ()
    """Days on which a rule, team, cost center or business unit begins or ends, in order."""

    def epoch(self, day: date) -> int:
        """The number of the rule set that decides a charge of this day; 0 = the oldest."""
        return bisect_right(self.bounds, day)

    def owner(self, place: Place, epoch: int = 0) -> Owner | None:
        """The owner by the first rule of the epoch that matches; None = no rule does."""
        day = self.bounds[epoch - 1] if epoch else date.min
        for rule, patterns in self.rules:
            team = self._team(rule, patterns, place, day) if _holds(rule, day) else None
            if team is not None:
                return self._owner(team, rule, day)
        return None

    def named(self, team: str, rule: str, epoch: int = 0) -> Owner:
        """A team that a shared-cost rule names itself."""
        return self._owner(team, OwnerRule(id=rule), self.bounds[epoch - 1] if epoch else date.min)

    def _team(self, rule: OwnerRule, patterns: Patterns, place: Place, day: date) -> str | None:
        """The team that a rule gives; one that does not exist on that day owns nothing, so that the next rule is asked."""
        seen = {"namespace": place.namespace, "cluster": place.cluster, "project": place.project, "account": place.account}
        if rule.tag is not None:
            seen["tag"] = place.tags.get(rule.tag[0], "")
        if not all(is_match(pattern, seen[name]) for name, pattern in patterns.items()):
            return None
        if not rule.labels and not rule.annotations:
            return rule.team if rule.team is not None and _holds(self.teams[rule.team], day) else None
        return self._named(rule, place, day)

    def _named(self, rule: OwnerRule, place: Place, day: date) -> str | None:
        """The first label or annotation that names a team; a rule may also give the team itself, then the same one must be named."""
        values = [*(place.labels.get(key, "") for key in rule.labels), *(place.annotations.get(key, "") for key in rule.annotations)]
        named = (self.accepted[value] for value in values if value in self.accepted)
        team = next((name for name in named if _holds(self.teams[name], day)), None)
        return team if rule.team is None or team == rule.team else None

    def _owner(self, team: str, rule: OwnerRule, day: date) -> Owner:
        above = self.teams[team]
        center = _on(above.cost_centers, day) if above.cost_centers else above.cost_center or None
        if center and center in self.cost_centers and not _holds(self.cost_centers[center], day):
            center = None
        return Owner(team=team, rule=rule.id, cost_center=center, business_unit=self._business_unit(center, day))

    def _business_unit(self, center: str | None, day: date) -> str | None:
        """The cost center's own, or that of the nearest one above it. Parsing has seen to it that going up ends."""
        while center and center in self.cost_centers:
            found = self.cost_centers[center]
            if not _holds(found, day):
                return None
            if found.parent is None:
                return _on(found.business_units, day)
            center = found.parent
        return None


class _Dates(Protocol):
    @property
    def valid_from(self) -> date | None: ...
    @property
    def valid_to(self) -> date | None: ...


def _holds(dates: _Dates, day: date) -> bool:
    return (dates.valid_from is None or dates.valid_from <= day) and (dates.valid_to is None or day < dates.valid_to)


def _on(stays: Iterable[Dated], day: date) -> str | None:
    return next((stay.name for stay in stays if _holds(stay, day)), None)


def compile_rules(rules: Iterable[OwnerRule], teams: Iterable[Team], cost_centers: Iterable[CostCenter] = ()) -> OwnerRules:
    """Rules ready to ask. Raises BadInput that names the rule where a pattern or a team is wrong."""
    known, centers, asked = tuple(teams), tuple(cost_centers), tuple(rules)
    return OwnerRules(
        rules=tuple((rule, _patterns(rule, {team.name for team in known})) for rule in asked),
        accepted=_accepted(known), teams={team.name: team for team in known}, cost_centers={center.id: center for center in centers},
        bounds=_bounds([*asked, *known, *centers, *_stays(known, centers)]),
    )  # fmt: skip


def _stays(teams: Iterable[Team], centers: Iterable[CostCenter]) -> list[Dated]:
    return [*(stay for team in teams for stay in team.cost_centers), *(stay for center in centers for stay in center.business_units)]


def _bounds(dated: Iterable[_Dates]) -> tuple[date, ...]:
    return tuple(sorted({day for one in dated for day in (one.valid_from, one.valid_to) if day is not None}))


def _accepted(teams: Sequence[Team]) -> dict[str, str]:
    """What a label or annotation may say for each team: its name, its slug, its aliases."""
    slugs = team_slugs(teams)
    found = {**slugs, **{name: name for name in slugs.values()}}
    for alias, name in ((alias, team.name) for team in teams for alias in team.aliases):
        if found.setdefault(alias, name) != name:
            raise BadInput(f"owners: teams: alias {alias!r} of {name!r} already means {found[alias]!r}")
    return found


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


def _patterns(rule: OwnerRule, teams: set[str]) -> Patterns:
    if rule.team is None and not rule.labels and not rule.annotations:
        raise BadInput(f"owners: rule {rule.id}: gives no team; set team, label or annotation")
    if rule.team is not None and rule.team not in teams:
        raise BadInput(f"owners: rule {rule.id}: team {rule.team!r} is not among the teams")
    texts = {
        "namespace": rule.namespace, "cluster": rule.cluster, "project": rule.project, "account": rule.account,
        "tag": rule.tag[1] if rule.tag else None,
    }  # fmt: skip
    try:
        return {name: compiled(text) for name, text in texts.items() if text is not None}
    except BadInput as error:
        raise BadInput(f"owners: rule {rule.id}: {error}") from None


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


def allocated_tags(tags: Texts, labels: Texts, annotations: Texts | None = None) -> str:
    """FOCUS AllocatedTags: every tag of the origin as it is, and the pod's labels; where both have a key the label is `label/<key>`.

    An annotation is `annotation/<key>`.
    """
    mine = {(f"label/{key}" if key in tags else key): value for key, value in labels.items()}
    noted = {f"annotation/{key}": value for key, value in (annotations or {}).items()}
    return json.dumps({**tags, **mine, **noted}, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
