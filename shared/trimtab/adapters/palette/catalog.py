"""Port Catalog: Palette's own list prices where it has them, the bundled lists where it has none, and each price says which and why.

How many GPUs of what model, how many pods, what the system keeps: Palette does not know these, the bundled lists do. Where the two
disagree on a price that is told, never averaged; where they disagree on a machine's size, its shape is unknown.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

from trimtab.adapters.catalog import BundledCatalog, reserved
from trimtab.adapters.palette.client import PaletteClient
from trimtab.adapters.palette.shelf import ShelfType
from trimtab.errors import BadInput, Refused, Upstream
from trimtab.records import Cloud, InstanceType
from trimtab.units import Bytes, Money

SOURCE = "Palette's catalog"
STILL_NEW = 6 * 3600.0
"""Seconds that a region's list serves: prices change by the month, and a run should see one list."""
TRY_AGAIN = 60.0
"""Seconds after which a list that could not be read is asked for again."""
DISAGREE = Decimal("0.20")
SAME_SIZE = Decimal("0.10")
"""Some lists count a GB, some a GiB."""


@dataclass(frozen=True, slots=True)
class _Shelf:
    """A region's list, or why there is none."""

    until: float
    types: Mapping[str, ShelfType]
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class PaletteCatalog:
    """Two lists, one answer."""

    palette: PaletteClient
    bundled: BundledCatalog = BundledCatalog()
    clock: Callable[[], float] = time.monotonic
    _shelves: dict[tuple[Cloud, str], _Shelf] = field(default_factory=dict)
    _offers: dict[tuple[Cloud, str], tuple[_Shelf, tuple[InstanceType, ...]]] = field(default_factory=dict)
    """All types as they were put together from that list: every pool of every cluster asks for them."""

    @property
    def source(self) -> str:
        """Where the prices come from, for people."""
        return f"{SOURCE}; where it has none: {self.bundled.source}"

    def find(self, cloud: Cloud, region: str, name: str) -> InstanceType | None:
        """One type; None = unknown to both, or they contradict each other about what it is."""
        shelf, bundled = self._shelf(cloud, region), self.bundled.find(cloud, region, name)
        if (cloud, region, name) in self.bundled.extra:
            # What a deployment negotiated or measured is nobody's list price.
            return bundled
        if shelf.why_not or name not in shelf.types:
            return _instead(bundled, shelf.why_not or f"{SOURCE} does not have it in {region}")
        found = self._priced(cloud, region, shelf.types[name], bundled)
        return found and replace(found, not_in=shelf.types[name].not_in)

    def offered(self, cloud: Cloud, region: str) -> tuple[InstanceType, ...]:
        """All types that can be had: where Palette's list was read, no other type could be put into a pool."""
        shelf = self._shelf(cloud, region)
        kept = self._offers.get((cloud, region))
        if kept is None or kept[0] is not shelf:
            names = [kind.name for kind in self.bundled.offered(cloud, region)] if shelf.why_not else sorted(shelf.types)
            found = (self.find(cloud, region, name) for name in names)
            kept = shelf, tuple(kind for kind in found if kind)
            self._offers[cloud, region] = kept
        return kept[1]

    def _shelf(self, cloud: Cloud, region: str) -> _Shelf:
        now, kept = self.clock(), self._shelves.get((cloud, region))
        if kept is None or now >= kept.until:
            kept = self._read(cloud, region, now)
            self._shelves[cloud, region] = kept
        return kept

    def _read(self, cloud: Cloud, region: str, now: float) -> _Shelf:
        try:
            types = self.palette.shelf(cloud, region)
        except (BadInput, Refused, Upstream) as error:
            return _Shelf(now + TRY_AGAIN, {}, f"{SOURCE} could not be read ({str(error)[:160]})")
        if not any(kind.price for kind in types.values()):
            return _Shelf(now + STILL_NEW, {}, f"{SOURCE} has no prices for {cloud} {region}")
        return _Shelf(now + STILL_NEW, types)

    def _priced(self, cloud: Cloud, region: str, kind: ShelfType, bundled: InstanceType | None) -> InstanceType | None:
        whole = _shaped(cloud, region, kind, bundled)
        if whole is None or kind.price is None:
            return _instead(whole and bundled, f"{SOURCE} has no price for it in {region}")
        if bundled is None or bundled.price is None:
            return replace(whole, price=kind.price, spot_price=kind.spot_price, price_source=SOURCE)
        apart = _apart(kind.price, bundled.price)
        if apart is None:
            return replace(whole, price=kind.price, spot_price=kind.spot_price or bundled.spot_price, price_source=SOURCE)
        theirs = f"{bundled.price.amount.normalize():f} {bundled.price.currency}"
        said = f"{SOURCE}; the bundled list ({bundled.price_source}) says {theirs}, {apart}"
        return replace(whole, price=kind.price, spot_price=kind.spot_price, price_source=said)


def _instead(bundled: InstanceType | None, why: str) -> InstanceType | None:
    """The bundled list's own answer, which says why it stands in."""
    return replace(bundled, price_source=f"{bundled.price_source}, because {why}") if bundled else None


def _shaped(cloud: Cloud, region: str, kind: ShelfType, bundled: InstanceType | None) -> InstanceType | None:
    """The machine behind a name: as the bundled list knows it, else as far as Palette does. None where they contradict each other."""
    if bundled is not None:
        is_same = kind.cpu == bundled.cpu and abs(kind.memory - bundled.memory) <= SAME_SIZE * bundled.memory
        return bundled if is_same and kind.arch in ("", bundled.arch) else None
    kept = reserved(cloud, kind.cpu, kind.memory)
    return InstanceType(
        name=kind.name,
        cloud=cloud,
        region=region,
        cpu=kind.cpu,
        memory=kind.memory,
        arch=kind.arch,
        allocatable_cpu=kept.cpu,
        allocatable_memory=kept.memory,
        max_pods=kept.pods,
        price=None,
        gpus=kind.gpus,
        gpu_memory=Bytes(0),
    )


def _apart(ours: Money, theirs: Money) -> str | None:
    """How much more or less a second list says; None = about the same."""
    if ours.currency != theirs.currency:
        return "which is another currency"
    share = theirs.amount / ours.amount - 1
    return None if abs(share) <= DISAGREE else f"{abs(share):.0%} {'more' if share > 0 else 'less'}: find out which is right"
