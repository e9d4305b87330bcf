"""`owners.yaml` as a strict model: people, the organization, whose cost is whose, and who may approve."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from trimtab.policy.access_rules import AccessModel
from trimtab.policy.budget_rules import BudgetModel
from trimtab.policy.values import Day, Name, Pattern, Slug, Strict, Zone

Email = Annotated[str, Field(pattern=r"^([^@\s<>,;\"]{1,64}@[A-Za-z0-9.-]{1,190})?$")]
Glob = Annotated[str, Field(min_length=1, max_length=200)]
Group = Annotated[str, Field(pattern=r"^(slack:[A-Z0-9]{5,20}|(github|gitlab|local):[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*)$", max_length=200)]
"""github:acme/platform, gitlab:acme/platform, slack:S0123ABC."""
Account = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
OrgId = Annotated[str, Field(min_length=1, max_length=64)]
"""A cost center's or business unit's id, as finance writes it."""


class PersonModel(Strict):
    """One person: one Slack id, one forge login."""

    id: Slug
    slack: Account
    forge: Account


class DatedModel(Strict):
    """What holds from a day until the day before another; without either, always."""

    from_: Day | None = Field(default=None, alias="from")
    to: Day | None = None
    """The first day on which it no longer holds."""

    @model_validator(mode="after")
    def _is_forward(self) -> Self:
        if self.from_ is not None and self.to is not None and self.to <= self.from_:
            raise ValueError(f"to: {self.to} is not after from {self.from_}; `to` is the first day on which it no longer holds")
        return self


class PlacedModel(DatedModel):
    """Under which cost center or business unit something stood, and when."""

    id: OrgId


class TeamModel(DatedModel):
    """An owner of cost."""

    name: Name
    cost_center: Annotated[str, Field(max_length=64)] | list[PlacedModel] = ""
    channel: Annotated[str, Field(max_length=64)] = ""
    time_zone: Zone = "UTC"
    aliases: Annotated[list[Name], Field(default_factory=list)]
    holidays: Annotated[list[Day], Field(default_factory=list)]
    """Days in its calendar on which nobody is expected to decide."""
    email: Email = ""
    teams_webhook: Annotated[str, Field(pattern=r"^([a-z][a-z0-9-]{0,62})?$")] = ""
    """Name of a Microsoft Teams workflow webhook in the deployment's secrets; never its URL."""
    people: Annotated[list[Slug], Field(default_factory=list)]
    """Who may see its cost, beside those who may see all."""


class CostCenterModel(DatedModel):
    """Where finance books: under a business unit, or under another cost center."""

    id: OrgId
    name: Annotated[str, Field(max_length=120)] = ""
    parent: OrgId | None = None
    business_unit: OrgId | list[PlacedModel] | None = None

    @model_validator(mode="after")
    def _has_one_above(self) -> Self:
        if self.parent is not None and self.business_unit is not None:
            raise ValueError("parent: a cost center under another one has that one's business unit; leave one of the two out")
        return self


class BusinessUnitModel(Strict):
    """The highest level that cost is added up by."""

    id: OrgId
    name: Annotated[str, Field(max_length=120)] = ""


class TagModel(Strict):
    """A tag on a bill row."""

    key: Name
    value: Pattern


class OwnerRuleModel(DatedModel):
    """One way from a row to its team: every condition must hold, and the team is given or named by a label or annotation."""

    id: Slug
    label: Annotated[Name | list[Name], Field(default_factory=list)]
    annotation: Annotated[Name | list[Name], Field(default_factory=list)]
    namespace: Pattern | None = None
    cluster: Pattern | None = None
    project: Pattern | None = None
    account: Pattern | None = None
    tag: TagModel | None = None
    team: Name | None = None

    @property
    def labels(self) -> tuple[str, ...]:
        """Keys of labels, in the order in which they are asked."""
        return _keys(self.label)

    @property
    def annotations(self) -> tuple[str, ...]:
        """Keys of annotations, asked after the labels."""
        return _keys(self.annotation)

    @model_validator(mode="after")
    def _is_sound(self) -> "OwnerRuleModel":
        named = self.labels or self.annotations
        if bool(named) == (self.team is not None):
            raise ValueError("needs either team, or label or annotation (which name the team); not both")
        if not (named or self.namespace or self.cluster or self.project or self.account or self.tag):
            raise ValueError("needs a condition: label, annotation, namespace, cluster, project, account or tag")
        return self


def _keys(given: str | list[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


class ApproverModel(Strict):
    """Who may approve for which pools and files: people by name, and members of groups whom `people` knows."""

    cluster_uid: Name | None = None
    pool: Name | None = None
    path: Glob | None = None
    people: Annotated[list[Slug], Field(default_factory=list)]
    groups: Annotated[list[Group], Field(default_factory=list)]
    owners: Annotated[list[Slug], Field(default_factory=list)]
    """Of these, who answers for it: where two approvals are asked, one is theirs. None given = any of them."""

    @model_validator(mode="after")
    def _names_somebody(self) -> Self:
        if not self.people and not self.groups:
            raise ValueError("people: nobody is named; name people, groups or both")
        strangers = [owner for owner in self.owners if owner not in self.people]
        if strangers and not self.groups:
            raise ValueError(f"owners: {strangers[0]!r} is not among the people of this scope, so nothing could be approved by them")
        return self


class OwnersFile(Strict):
    """`.trimtab/owners.yaml`: people, teams, whose cost is whose, and who may approve."""

    version: Literal[1]
    people: Annotated[list[PersonModel], Field(default_factory=list)]
    business_units: Annotated[list[BusinessUnitModel], Field(default_factory=list)]
    cost_centers: Annotated[list[CostCenterModel], Field(default_factory=list)]
    teams: Annotated[list[TeamModel], Field(default_factory=list)]
    rules: Annotated[list[OwnerRuleModel], Field(default_factory=list)]
    approvers: Annotated[list[ApproverModel], Field(default_factory=list)]
    budgets: Annotated[list[BudgetModel], Field(default_factory=list)]
    access: AccessModel = AccessModel()
