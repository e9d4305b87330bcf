"""`.trimtab/costs.yaml`, which a tenant need not have: costs that no cloud bills, beside the bill on every statement."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field, model_validator

from trimtab.errors import BadInput
from trimtab.policy.values import Day, Name, Slug, Strict
from trimtab.records import OtherCost

COSTS = ".trimtab/costs.yaml"
Amount = Annotated[str, Field(pattern=r"^-?[0-9]{1,12}(\.[0-9]{1,6})?$")]
"""A decimal in quotes: YAML would read 0.10 as a binary double."""


class OtherCostModel(Strict):
    """A license, a platform fee, a support contract."""

    id: Slug
    name: Name
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    monthly: Amount
    from_: Day = Field(alias="from")
    to: Day | None = None
    """The first day that it costs nothing any more."""
    by: Literal["even", "cost", "gpu-hours", "weights"]
    weights: Annotated[dict[Name, Annotated[int, Field(ge=1, le=1_000_000)]], Field(default_factory=dict)]

    @model_validator(mode="after")
    def _is_sound(self) -> "OtherCostModel":
        if self.to is not None and self.to <= self.from_:
            raise ValueError(f"to: {self.to} is not after from {self.from_}")
        if (self.by == "weights") != bool(self.weights):
            raise ValueError("weights: given with `by: weights`, and only with it")
        return self


class CostsFile(Strict):
    """All of them."""

    version: Literal[1]
    costs: Annotated[list[OtherCostModel], Field(default_factory=list)]


def other_costs(file: CostsFile, teams: Iterable[str]) -> tuple[OtherCost, ...]:
    """The records. Raises BadInput for two of one id, or a weight for a team that owners.yaml does not know."""
    known, seen = set(teams), set[str]()
    for place, row in enumerate(file.costs):
        unknown = sorted(set(row.weights) - known)
        if unknown:
            raise BadInput(f"{COSTS}: costs[{place}].weights: no team {unknown[0]!r}; known: {', '.join(sorted(known)) or 'none'}")
        if row.id in seen:
            raise BadInput(f"{COSTS}: costs[{place}].id: {row.id!r} stands there twice")
        seen.add(row.id)
    return tuple(_record(row) for row in file.costs)


def _record(row: OtherCostModel) -> OtherCost:
    return OtherCost(
        id=row.id, name=row.name, currency=row.currency, monthly=Decimal(row.monthly), start=row.from_, end=row.to, by=row.by,
        weights=tuple(sorted(row.weights.items())),
    )  # fmt: skip
