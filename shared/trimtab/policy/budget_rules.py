"""Budgets: our own in `owners.yaml`, judged on allocated cost, and in `config.yaml` whose the clouds' own ones are."""

from collections.abc import Collection, Sequence
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field, model_validator

from trimtab.errors import BadInput
from trimtab.policy.values import Name, Slug, Strict
from trimtab.records import Budget, CloudBudget

AmountText = Annotated[str, Field(pattern=r"^[0-9]{1,12}(\.[0-9]{1,6})?$")]
"""A decimal in quotes: YAML would read 0.10 as a binary double."""
Percent = Annotated[int, Field(ge=1, le=1000)]
Channel = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


class NamespaceModel(Strict):
    """One namespace of one cluster."""

    cluster: Name
    name: Name


class EscalateModel(Strict):
    """Who is told where nobody says that they are on it."""

    to: Channel
    after_hours: Annotated[int, Field(ge=1, le=720)] = 24


class BudgetModel(Strict):
    """What a team, a namespace or a Palette project may cost a month."""

    id: Slug
    amount: AmountText | Annotated[int, Field(ge=1, le=10**12)]
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] | None = None
    team: Name | None = None
    namespace: NamespaceModel | None = None
    project: Name | None = None
    owner: Name | None = None
    thresholds: list[Percent] = Field(min_length=1, max_length=10, default_factory=lambda: [50, 80, 100, 125])
    action: Literal["none", "freeze-growth"] = "none"
    escalate: EscalateModel | None = None

    @model_validator(mode="after")
    def _is_sound(self) -> "BudgetModel":
        given = [name for name in ("team", "namespace", "project") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"needs exactly one of team, namespace, project; has {' and '.join(given) or 'none'}")
        if not Decimal(self.amount) > 0:
            raise ValueError("amount: expected more than 0; whoever may spend nothing needs no budget")
        if sorted(set(self.thresholds)) != self.thresholds:
            raise ValueError("thresholds: expected percentages, smallest first, none twice")
        return self


class CloudBudgetModel(Strict):
    """Whose a cloud's own budget is, by the id that its notices carry."""

    id: Annotated[str, Field(min_length=1, max_length=512)]
    team: Name


def budgets(models: Sequence[BudgetModel], place: str, currency: str, teams: Collection[str]) -> tuple[Budget, ...]:
    """The records; an amount without a currency is in the config's. Raises BadInput for two of one id, or an unknown team."""
    _check_unique(place, [model.id for model in models])
    for number, model in enumerate(models):
        for key in ("team", "owner"):
            _check_team(f"{place}[{number}].{key}", getattr(model, key), teams)
    return tuple(_budget(model, currency) for model in models)


def cloud_budgets(models: Sequence[CloudBudgetModel], place: str, teams: Collection[str]) -> tuple[CloudBudget, ...]:
    """The records. Raises BadInput for two of one id, or an unknown team."""
    _check_unique(place, [model.id for model in models])
    for number, model in enumerate(models):
        _check_team(f"{place}[{number}].team", model.team, teams)
    return tuple(CloudBudget(id=model.id, team=model.team) for model in models)


def _check_unique(place: str, ids: Sequence[str]) -> None:
    for number, one in enumerate(ids):
        if one in ids[:number]:
            raise BadInput(f"{place}[{number}].id: {one!a} stands there twice")


def _check_team(place: str, team: str | None, teams: Collection[str]) -> None:
    if team is not None and team not in teams:
        raise BadInput(f"{place}: no team {team!a}; known: {', '.join(sorted(teams)) or 'none'}")


def _budget(model: BudgetModel, currency: str) -> Budget:
    return Budget(
        id=model.id,
        amount=Decimal(model.amount),
        currency=model.currency or currency,
        team=model.team,
        namespace=(model.namespace.cluster, model.namespace.name) if model.namespace else None,
        project=model.project,
        owner=model.owner,
        thresholds=tuple(Decimal(percent) / 100 for percent in model.thresholds),
        action=model.action,
        escalate_to=model.escalate.to if model.escalate else "",
        escalate_after_hours=model.escalate.after_hours if model.escalate else 24,
    )
