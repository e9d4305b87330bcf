"""Two price lists, one answer: Palette's where it has a price, else the bundled one, and each says which and why."""

from decimal import Decimal
from typing import Any

import httpx
import pytest

from tests.palette_world import World
from trimtab.adapters.catalog import BundledCatalog
from trimtab.adapters.palette.catalog import STILL_NEW, TRY_AGAIN, PaletteCatalog
from trimtab.units import GIB, Money

PATH = "/v1/clouds/aws/regions/us-east-1/instancetypes"
BUNDLED = BundledCatalog()


def kind(name: str = "m5.xlarge", **changes: Any) -> dict[str, Any]:
    plain = {"type": name, "cpu": 4, "memory": 16, "gpu": 0, "price": 0.192, "supportedArchitectures": ["x86_64"]}
    return {key: value for key, value in (plain | changes).items() if value is not None}


def shelf(*types: dict[str, Any], waits: list[float] | None = None, world: World | None = None) -> PaletteCatalog:
    world = world or World()
    world.more |= {PATH: {"instanceTypes": list(types)}, "/v1/clouds/gcp/regions/us-central1/instancetypes": None}
    slept = waits if waits is not None else []
    return PaletteCatalog(world.client(slept), clock=lambda: sum(slept))


def test_palettes_price_counts_and_the_machine_is_the_bundled_lists() -> None:
    found = shelf(kind(price=0.2)).find("aws", "us-east-1", "m5.xlarge")
    bundled = BUNDLED.find("aws", "us-east-1", "m5.xlarge")

    assert found is not None
    assert bundled is not None
    assert (found.price, found.price_source) == (Money(Decimal("0.2"), "USD"), "Palette's catalog")
    assert (found.allocatable_cpu, found.max_pods) == (bundled.allocatable_cpu, bundled.max_pods)


def test_the_price_of_linux_counts_before_the_types_own() -> None:
    prices = [{"os": "windows", "onDemand": 0.4}, {"os": "linux", "onDemand": 0.19, "spot": 0.07}]

    found = shelf(kind(cost={"price": prices})).find("aws", "us-east-1", "m5.xlarge")

    assert found is not None
    assert (found.price, found.spot_price) == (Money(Decimal("0.19"), "USD"), Money(Decimal("0.07"), "USD"))


def test_lists_that_disagree_are_told_and_never_averaged() -> None:
    found = shelf(kind(price=0.30)).find("aws", "us-east-1", "m5.xlarge")

    assert found is not None
    assert found.price == Money(Decimal("0.3"), "USD")
    assert found.spot_price is None
    assert found.price_source.startswith("Palette's catalog; the bundled list (AWS us-east-1 on-demand list prices of 2026-07-20")
    assert found.price_source.endswith("says 0.192 USD, 36% less: find out which is right")


@pytest.mark.parametrize(
    "changes",
    [{"price": 0}, {"price": -1}, {"price": None}, {"cost": {"price": []}, "price": 0}],
    ids=["zero", "negative", "none", "empty"],
)
def test_a_price_of_nothing_is_no_price_and_the_bundled_list_says_why_it_stands_in(changes: dict[str, Any]) -> None:
    found = shelf(kind(**changes), kind("c5.large", cpu=2, memory=4, price=0.085)).find("aws", "us-east-1", "m5.xlarge")

    assert found is not None
    assert found.price == Money(Decimal("0.192"), "USD")
    assert found.price_source.endswith(", because Palette's catalog has no price for it in us-east-1")


def test_a_type_of_neither_list_is_unknown() -> None:
    assert shelf(kind()).find("aws", "us-east-1", "m99.huge") is None


def test_a_type_that_only_palette_knows_has_its_price_and_careful_room() -> None:
    found = shelf(kind("m99.large", cpu=2, memory=8, gpu=1, price=1.5, supportedArchitectures=["arm64"])).find(
        "aws", "us-east-1", "m99.large"
    )

    assert found is not None
    assert (found.price, found.arch, found.gpus, found.gpu_model) == (Money(Decimal("1.5"), "USD"), "arm64", 1, None)
    assert 0 < found.allocatable_memory < 8 * GIB * 0.8
    assert 0 < found.allocatable_cpu < 2000


@pytest.mark.parametrize(
    "changes", [{"cpu": 8}, {"memory": 64}, {"supportedArchitectures": ["arm64"]}], ids=["CPU", "memory", "architecture"]
)
def test_a_machine_that_the_lists_describe_differently_is_unknown(changes: dict[str, Any]) -> None:
    """A shape in doubt is no place to pack pods into."""
    assert shelf(kind(**changes)).find("aws", "us-east-1", "m5.xlarge") is None


@pytest.mark.parametrize(
    "broken",
    [kind(cpu=0), kind(memory=None), kind(memory=65_536_000), kind(cpu=None)],
    ids=["no CPU", "no memory", "another unit", "no CPU at all"],
)
def test_a_type_that_cannot_be_read_is_not_in_palettes_list(broken: dict[str, Any]) -> None:
    found = shelf(broken, kind("c5.large", cpu=2, memory=4)).find("aws", "us-east-1", "m5.xlarge")

    assert found is not None
    assert found.price_source.endswith(", because Palette's catalog does not have it in us-east-1")


def test_a_type_that_is_listed_in_two_ways_is_neither() -> None:
    found = shelf(kind(price=0.1), kind(price=0.2)).find("aws", "us-east-1", "m5.xlarge")

    assert found is not None
    assert "because Palette's catalog has no prices for aws us-east-1" in found.price_source


def test_where_palettes_list_was_read_only_its_types_can_be_had() -> None:
    offered = shelf(kind(), kind("c5.large", cpu=2, memory=4, price=0.085)).offered("aws", "us-east-1")

    assert [each.name for each in offered] == ["c5.large", "m5.xlarge"]


def test_a_region_that_palette_does_not_know_has_the_bundled_list() -> None:
    catalog = shelf(kind())
    offered = catalog.offered("gcp", "us-central1")

    assert len(offered) == len(BUNDLED.offered("gcp", "us-central1"))
    assert offered[0].price_source == (
        "Google Cloud on-demand list prices of 2026-07, bundled, because Palette's catalog has no prices for gcp us-central1"
    )


def test_a_silent_palette_is_said_and_asked_again_later() -> None:
    waits = [0.0]
    world = World(before=lambda _: httpx.Response(403, json={"code": "Forbidden", "message": "no"}))
    catalog = shelf(kind(price=0.2), waits=waits, world=world)

    found = catalog.find("aws", "us-east-1", "m5.xlarge")
    asked = len(world.seen)
    catalog.offered("aws", "us-east-1")

    assert found is not None
    assert (
        "because Palette's catalog could not be read (Palette: /v1/clouds/aws/regions/us-east-1/instancetypes: HTTP 403"
        in found.price_source
    )
    assert len(world.seen) == asked
    world.before = lambda _: None
    waits.append(TRY_AGAIN + 1)
    later = catalog.find("aws", "us-east-1", "m5.xlarge")
    assert later is not None
    assert later.price_source == "Palette's catalog"


def test_a_list_serves_for_hours() -> None:
    waits, world = [0.0], World()
    catalog = shelf(kind(), waits=waits, world=world)

    for _ in range(5):
        catalog.find("aws", "us-east-1", "m5.xlarge")
    assert len(world.seen) == 1
    waits.append(STILL_NEW + 1)
    catalog.find("aws", "us-east-1", "m5.xlarge")
    assert len(world.seen) == 2


def test_what_a_deployment_negotiated_is_nobodys_list_price() -> None:
    own = BUNDLED.find("aws", "us-east-1", "m5.xlarge")
    assert own is not None
    extra = BundledCatalog(extra={("aws", "us-east-1", "m5.xlarge"): own})

    world = World(more={PATH: {"instanceTypes": [kind(price=9)]}})

    assert PaletteCatalog(world.client(), extra).find("aws", "us-east-1", "m5.xlarge") == own


# ── Azure in the bundled list ────────────────────────────────────────────────────────────────────────────────────────
def test_azures_types_have_room_and_prices_in_their_regions() -> None:
    found = BUNDLED.find("azure", "westeurope", "Standard_D4s_v5")

    assert found is not None
    assert found.price is not None
    assert (found.cpu, found.memory, found.arch, found.max_pods) == (4000, 16 * GIB, "amd64", 30)
    assert found.allocatable_cpu == 3860
    assert 12 * GIB < found.allocatable_memory < 13 * GIB
    assert found.price_source == "Azure pay-as-you-go list prices of 2026-06, bundled"


@pytest.mark.parametrize(
    ("name", "model", "gpus", "memory_gib"),
    [
        ("Standard_NC4as_T4_v3", "T4", 1, 16),
        ("Standard_NC64as_T4_v3", "T4", 4, 16),
        ("Standard_NV6ads_A10_v5", "A10", 1, 4),
        ("Standard_NC24ads_A100_v4", "A100-80", 1, 80),
        ("Standard_ND96asr_v4", "A100-40", 8, 40),
        ("Standard_NC40ads_H100_v5", "H100", 1, 80),
        ("Standard_ND96isr_H200_v5", "H200", 8, 141),
        ("Standard_ND96isr_MI300X_v5", None, 0, 0),
        ("Standard_NP10s", None, 0, 0),
        ("Standard_D4s_v5", None, 0, 0),
    ],
)
def test_azures_gpus_are_told_by_the_types_name(name: str, model: str | None, gpus: int, memory_gib: int) -> None:
    found = next(
        kind for kind in (BUNDLED.find("azure", region, name) for region in ("eastus", "westus2", "westeurope", "eastus2")) if kind
    )

    assert (found.gpu_model, found.gpus, round(found.gpu_memory / GIB)) == (model, gpus, memory_gib)


def test_no_azure_type_offers_more_than_it_has() -> None:
    offered = BUNDLED.offered("azure", "eastus")

    assert len(offered) > 500
    assert all(0 <= kind.allocatable_cpu < kind.cpu and 0 <= kind.allocatable_memory < kind.memory for kind in offered)


def test_zones_that_do_not_have_a_type_are_kept() -> None:
    found = shelf(kind(nonSupportedZones=["us-east-1e"])).find("aws", "us-east-1", "m5.xlarge")

    assert found is not None
    assert found.not_in == ("us-east-1e",)


def test_a_machine_of_a_million_cores_is_no_machine() -> None:
    assert shelf(kind("m99.large", cpu=1_000_000)).find("aws", "us-east-1", "m99.large") is None
