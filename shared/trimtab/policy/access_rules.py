"""`access` in `owners.yaml`: who may see whose cost, and how much of it leaves the deployment."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from trimtab.policy.values import Slug, Strict
from trimtab.records import AccessRules, Governance, Person, PersonId


class AccessModel(Strict):
    """Without it nobody but the deployment's operator sees all cost, and amounts are shown wherever not everybody can read them."""

    see_all: list[Slug] = Field(default_factory=list)
    """People who may see every team's cost; a team's own `people` see that team's."""
    mask: Literal["none", "shares", "rounded"] = "none"
    public_repos: bool = False
    """Amounts may stand in a repo that anybody can read."""


def access_rules(model: AccessModel) -> AccessRules:
    """The record of a model that was checked."""
    return AccessRules(see_all=tuple(PersonId(person) for person in model.see_all), mask=model.mask, public_repos=model.public_repos)


@dataclass(frozen=True, kw_only=True, slots=True)
class Audience:
    """Whose cost somebody may see."""

    actor: str
    """What the record calls whoever asks."""
    teams: tuple[str, ...] | None
    """None = everybody's, and what belongs to nobody; () = nobody's."""

    @property
    def words(self) -> str:
        """For the record."""
        return "all cost" if self.teams is None else f"the cost of {', '.join(self.teams) or 'no team'}"

    def may_see(self, teams: Sequence[str]) -> bool:
        """True where one of these teams is theirs."""
        return self.teams is None or not set(self.teams).isdisjoint(teams)


def audience_of(person: Person, governance: Governance) -> Audience:
    """What the rules let a person see."""
    if person.id in governance.access.see_all:
        return Audience(actor=person.id, teams=None)
    return Audience(actor=person.id, teams=tuple(team.name for team in governance.teams if person.id in team.people))
