"""`.trimtab/allocation.yaml`, which a tenant need not have: idle, base prices, shared cost, and what private capacity costs."""

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field, model_validator

from trimtab.errors import BadInput
from trimtab.policy.drivers_file import DRIVERS_CSV, Drivers
from trimtab.policy.owners_file import DatedModel, TagModel
from trimtab.policy.values import Name, Pattern, Slug, Strict
from trimtab.records import AllocationRules, Driver, PrivateRate, SharedRule, ShareWeight

ALLOCATION = ".trimtab/allocation.yaml"
Price = Annotated[str, Field(pattern=r"^[0-9]{1,6}(\.[0-9]{1,12})?$")]
"""A decimal in quotes: YAML would read 0.10 as a binary double."""
Weight = Annotated[str, Field(pattern=r"^[0-9]{1,4}(\.[0-9]{1,6})?$")]
"""A decimal in quotes, to the millionth."""
Count = Annotated[str, Field(pattern=r"^[0-9]{1,9}(\.[0-9]{1,6})?$")]
MEASURED: tuple[Driver, ...] = ("cpu-seconds", "memory-seconds", "gpu-seconds", "network-bytes", "volume-bytes")
"""Drivers that usage measures."""
CONDITIONS = ("service", "resource_type", "category", "tag")
RESERVED = "idle-"


class BasePricesModel(Strict):
    """What a CPU, a GiB and a GPU cost against one another; only the ratio matters."""

    cpu: Weight = "0.031611"
    memory: Weight = "0.004237"
    gpu: Weight = "0.95"

    @model_validator(mode="after")
    def _has_one(self) -> "BasePricesModel":
        if not any(Decimal(price) for price in (self.cpu, self.memory, self.gpu)):
            raise ValueError("all three are 0: then nothing says how a node's price divides")
        return self


class ShareWeightModel(DatedModel):
    """What one team or namespace counts."""

    team: Name | None = None
    cluster: Name | None = None
    namespace: Name | None = None
    weight: Count


class SharedRuleModel(Strict):
    """Which cost is shared, over whom, by what."""

    id: Slug
    cluster: Pattern | None = None
    service: Pattern | None = None
    resource_type: Pattern | None = None
    category: Literal["Usage", "Purchase", "Tax", "Credit", "Adjustment"] | None = None
    tag: TagModel | None = None
    namespace: Pattern | None = None
    over: Literal["namespaces", "teams"] = "namespaces"
    split: Literal["even", "proportional", "weighted", "driver"] = "proportional"
    driver: Slug | None = None
    """cpu-seconds, memory-seconds, gpu-seconds, network-bytes, volume-bytes, or one that `.trimtab/drivers.csv` has."""
    weights: Annotated[list[ShareWeightModel], Field(default_factory=list, max_length=10_000)]

    @model_validator(mode="after")
    def _is_sound(self) -> "SharedRuleModel":
        given = [name for name in CONDITIONS if getattr(self, name) is not None]
        if self.id.startswith(RESERVED):
            raise ValueError(f"id: names that begin with {RESERVED} belong to shared idle capacity")
        if self.namespace is not None and given:
            raise ValueError(f"namespace: shares what namespaces cost on their nodes; {given[0]} is of other bill rows: write two rules")
        if not given and self.namespace is None and self.cluster is None:
            raise ValueError("needs a condition: cluster, service, resource_type, category, tag or namespace")
        if (self.split == "driver") != (self.driver is not None):
            raise ValueError("driver: given with `split: driver`, and only with it")
        if (self.split == "weighted") != bool(self.weights):
            raise ValueError("weights: given with `split: weighted`, and only with it")
        if any(
            (row.team is None) == (self.over == "teams") or (row.namespace is None) == (self.over == "namespaces") for row in self.weights
        ):
            raise ValueError(f"weights: each must have a {self.over.removesuffix('s')}, and no other kind: it is split over {self.over}")
        return self


class PrivateRateModel(DatedModel):
    """What capacity costs where no cloud sends a bill, as Palette's rate configuration says it."""

    id: Slug
    cluster: Pattern | None = None
    project: Pattern | None = None
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    cpu: Price
    memory: Price
    gpu: Price = "0"
    storage: Price = "0"

    @model_validator(mode="after")
    def _has_scope(self) -> "PrivateRateModel":
        if self.cluster is None and self.project is None:
            raise ValueError("needs cluster or project: which clusters does no cloud bill?")
        return self


class AllocationFile(Strict):
    """`.trimtab/allocation.yaml`: how cost is divided."""

    version: Literal[1]
    idle: Literal["show", "share"] = "show"
    idle_by: Literal["node", "cluster"] = "node"
    base_prices: BasePricesModel = BasePricesModel()
    shared: Annotated[list[SharedRuleModel], Field(default_factory=list)]
    rates: Annotated[list[PrivateRateModel], Field(default_factory=list)]


def allocation_rules(file: AllocationFile, teams: Iterable[str], drivers: Drivers | None = None) -> AllocationRules:
    """The records. Raises BadInput for two of one id, a driver that nobody has, or a weight for a team that owners.yaml does not know."""
    known = set(teams)
    _check_drivers(drivers or {}, known)
    _check_ids("shared", [row.id for row in file.shared])
    _check_ids("rates", [row.id for row in file.rates])
    for place, rule in enumerate(file.shared):
        unknown = sorted({row.team for row in rule.weights if row.team is not None} - known)
        if unknown:
            raise BadInput(f"{ALLOCATION}: shared[{place}].weights: no team {unknown[0]!r}; known: {', '.join(sorted(known)) or 'none'}")
    return AllocationRules(
        idle=file.idle,
        idle_by=file.idle_by,
        cpu_weight=_millionths(file.base_prices.cpu),
        memory_weight=_millionths(file.base_prices.memory),
        gpu_weight=_millionths(file.base_prices.gpu),
        shared=tuple(_shared(row, f"shared[{place}]", drivers or {}) for place, row in enumerate(file.shared)),
        rates=tuple(_rate(row) for row in file.rates),
    )


def _check_ids(table: str, ids: list[str]) -> None:
    for place, name in enumerate(ids):
        if name in ids[:place]:
            raise BadInput(f"{ALLOCATION}: {table}[{place}].id: {name!r} stands there twice")


def _millionths(text: str) -> int:
    return int(Decimal(text) * 1_000_000)


def _check_drivers(drivers: Drivers, teams: set[str]) -> None:
    for name, weights in drivers.items():
        if name in MEASURED:
            raise BadInput(f"{DRIVERS_CSV}: driver {name!r}: usage measures it; name yours otherwise")
        unknown = sorted({weight.team for weight in weights if weight.team is not None} - teams)
        if unknown:
            raise BadInput(f"{DRIVERS_CSV}: driver {name!r}: no team {unknown[0]!r}; known: {', '.join(sorted(teams)) or 'none'}")


def _shared(row: SharedRuleModel, place: str, drivers: Drivers) -> SharedRule:
    """A driver of the CSV becomes the weights of its rows."""
    measured = next((driver for driver in MEASURED if driver == row.driver), None)
    if row.driver is not None and measured is None:
        return replace(_of_row(row, None), split="weighted", weights=_of_driver(row, place, drivers))
    return _of_row(row, measured)


def _of_driver(row: SharedRuleModel, place: str, drivers: Drivers) -> tuple[ShareWeight, ...]:
    weights = drivers.get(str(row.driver))
    if weights is None:
        known = ", ".join((*MEASURED, *sorted(drivers)))
        raise BadInput(f"{ALLOCATION}: {place}.driver: no driver {row.driver!r}; known: {known}; {DRIVERS_CSV} may have others")
    if any((weight.team is None) == (row.over == "teams") for weight in weights):
        raise BadInput(f"{DRIVERS_CSV}: driver {row.driver!r}: rule {row.id} shares over {row.over}, and a row of it is of something else")
    return weights


def _of_row(row: SharedRuleModel, driver: Driver | None) -> SharedRule:
    return SharedRule(
        id=row.id, cluster=row.cluster, service=row.service, resource_type=row.resource_type, category=row.category,
        tag=(row.tag.key, row.tag.value) if row.tag else None, namespace=row.namespace, over=row.over, split=row.split, driver=driver,
        weights=tuple(_weight(weight) for weight in row.weights),
    )  # fmt: skip


def _weight(row: ShareWeightModel) -> ShareWeight:
    return ShareWeight(
        value=_millionths(row.weight), team=row.team, cluster=row.cluster, namespace=row.namespace, valid_from=row.from_, valid_to=row.to
    )


def _rate(row: PrivateRateModel) -> PrivateRate:
    return PrivateRate(
        id=row.id, currency=row.currency, cluster=row.cluster, project=row.project, cpu=Decimal(row.cpu), memory=Decimal(row.memory),
        gpu=Decimal(row.gpu), storage=Decimal(row.storage), valid_from=row.from_, valid_to=row.to,
    )  # fmt: skip
