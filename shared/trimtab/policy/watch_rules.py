"""`watch` in `config.yaml`: how long a merged change is watched, and which queries say that users are hurt."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from trimtab.errors import BadInput
from trimtab.policy.values import Name, Slug, Strict
from trimtab.records import Slo, WatchRules


class SloModel(Strict):
    """One query whose answer says that users are hurt."""

    name: Slug
    cluster: Name | None = None
    query: Annotated[str, Field(min_length=1, max_length=2000)]
    above: float | None = Field(default=None, allow_inf_nan=False)
    below: float | None = Field(default=None, allow_inf_nan=False)

    def slo(self) -> Slo:
        """The record of a model that was checked."""
        bad: Literal["above", "below"] = "above" if self.above is not None else "below"
        threshold = self.above if self.above is not None else self.below
        return Slo(name=self.name, cluster=self.cluster, query=self.query, bad=bad, threshold=threshold or 0.0)


def _one_side(row: SloModel) -> SloModel:
    if (row.above is None) == (row.below is None):
        raise ValueError("needs either above or below: on which side of the number are users hurt?")
    return row


class WatchModel(Strict):
    """How long a merged change is watched, and by what beside the cluster's own metrics."""

    hours: Annotated[int, Field(ge=1, le=168)] = 24
    failures: Annotated[int, Field(ge=1, le=12)] = 2
    slos: list[Annotated[SloModel, AfterValidator(_one_side)]] = Field(default_factory=list, max_length=20)


def watch_rules(model: WatchModel, place: str) -> WatchRules:
    """The record. Raises BadInput for two SLOs of one name, whose answers nobody could tell apart."""
    names = [row.name for row in model.slos]
    for index, name in enumerate(names):
        if name in names[:index]:
            raise BadInput(f"{place}.slos[{index}].name: {name!r} stands there twice")
    return WatchRules(hours=model.hours, failures=model.failures, slos=tuple(row.slo() for row in model.slos))
