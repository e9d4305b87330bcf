"""Palette's own catalog: instance types and list prices of a region. No I/O.

Its rate of a disk is not read: nobody says whether that is for a GB or for a disk, for an hour or a month, and a number without a unit is
no price.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from trimtab.adapters.palette import answers
from trimtab.adapters.palette.rates import LIST_CURRENCY, rounded
from trimtab.errors import BadInput
from trimtab.records import Cloud
from trimtab.units import Bytes, Millicores, Money, cores, gib

LARGEST_CORES = 4096
"""More than any machine has: so large a node would carry every pool."""
LARGEST_GIB = 65_536
"""More memory than any machine has: the answer is in another unit than the GiB that it is documented in."""
ARCHITECTURES = {"amd64": "amd64", "x86_64": "amd64", "arm64": "arm64", "aarch64": "arm64"}


@dataclass(frozen=True, kw_only=True, slots=True)
class ShelfType:
    """One instance type as Palette's catalog has it."""

    name: str
    cpu: Millicores
    memory: Bytes
    gpus: int
    arch: str
    """"" = Palette does not say."""
    price: Money | None
    """Linux, on demand, one hour; None = not said, or zero."""
    spot_price: Money | None
    not_in: tuple[str, ...]
    """Zones of the region that do not offer it."""


def types_path(cloud: Cloud, region: str) -> str:
    """Where the types of a region are."""
    return f"/v1/clouds/{cloud}/regions/{answers.name_in_path(region, 'region')}/instancetypes"


def compute_path(cloud: Cloud, name: str) -> str:
    """Where one type's rate is."""
    return f"/v1/clouds/{cloud}/compute/{answers.name_in_path(name, 'instance type')}/rate"


def parse_types(body: bytes) -> dict[str, ShelfType]:
    """Type's name → what is known of it. A type that cannot be read is not in it: unknown, not guessed; so is one listed in two ways."""
    listed = answers.json_object(body, "instancetypes")
    answers.items(listed, "instanceTypes", "instancetypes")
    found: dict[str, ShelfType] = {}
    contradicted = set()
    for item, place in answers.objects(listed, "instanceTypes", "instancetypes"):
        kind = _type(item, place)
        if kind is not None and found.setdefault(kind.name, kind) != kind:
            contradicted.add(kind.name)
    return {name: kind for name, kind in found.items() if name not in contradicted}


def _type(item: Mapping[str, Any], place: str) -> ShelfType | None:
    try:
        cpu, memory = answers.positive(item, "cpu", place), answers.positive(item, "memory", place)
        if cpu is None or memory is None or cpu > LARGEST_CORES or memory > LARGEST_GIB:
            return None
        price, spot = _prices(item, place)
        return ShelfType(
            name=answers.text(item, "type", place), cpu=cores(cpu), memory=gib(memory), gpus=_gpus(item, place),
            arch=_arch(answers.words(item, "supportedArchitectures")), price=_money(price), spot_price=_money(spot),
            not_in=answers.words(item, "nonSupportedZones"),
        )  # fmt: skip
    except BadInput:
        return None


def _gpus(item: Mapping[str, Any], place: str) -> int:
    """Whole GPUs; a part of one is one that a pod would get."""
    found = answers.positive(item, "gpu", place)
    return 0 if found is None else max(1, int(found))


def _prices(item: Mapping[str, Any], place: str) -> tuple[Decimal | None, Decimal | None]:
    """On demand and spot, for Linux; the type's own price where the list by system has none."""
    by_system = {str(each.get("os")): each for each, _ in answers.objects(answers.maybe(item, "cost"), "price", f"{place}.cost")}
    linux = by_system.get("linux", {})
    on_demand = answers.positive(linux, "onDemand", place) or answers.positive(item, "price", place)
    return on_demand, answers.positive(linux, "spot", place)


def _arch(said: tuple[str, ...]) -> str:
    known = {ARCHITECTURES[word.lower()] for word in said if word.lower() in ARCHITECTURES}
    return "amd64" if "amd64" in known else next(iter(known), "")


def _money(amount: Decimal | None) -> Money | None:
    return None if amount is None else Money(rounded(amount), LIST_CURRENCY)


def parse_compute(body: bytes) -> Money | None:
    """One hour of a type; None = Palette has no price for it."""
    return _money(answers.positive(answers.json_object(body, "compute/rate"), "compute", "compute/rate"))
