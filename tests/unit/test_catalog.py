"""The bundled price lists: a missing price is no price, a GPU has one name, and a node offers less than its size."""

from decimal import Decimal

import pytest

from trimtab.adapters.catalog import BundledCatalog
from trimtab.records import InstanceType
from trimtab.units import GIB, Money

CATALOG = BundledCatalog()


def aws(name: str) -> InstanceType:
    found = CATALOG.find("aws", "us-east-1", name)
    assert found is not None
    return found


def gcp(name: str, region: str = "us-central1") -> InstanceType:
    found = CATALOG.find("gcp", region, name)
    assert found is not None
    return found


def test_prices_are_exact_and_say_where_they_are_from() -> None:
    assert aws("m5.2xlarge").price == Money(Decimal("0.384"), "USD")
    assert gcp("g2-standard-8").price == Money(Decimal("0.853624271"), "USD")
    assert "2026-07-20" in CATALOG.source


def test_a_type_without_a_price_has_none_and_not_zero() -> None:
    assert gcp("c2-standard-4", "northamerica-south1").price is None


def test_no_type_of_any_region_costs_nothing() -> None:
    everything = (*CATALOG.offered("aws", "us-east-1"), *CATALOG.offered("gcp", "us-central1"))

    assert all(kind.price is None or kind.price.amount > 0 for kind in everything)
    assert all(kind.spot_price is None or kind.spot_price.amount > 0 for kind in everything)
    assert all(0 < kind.allocatable_memory < kind.memory for kind in everything if kind.memory > GIB)


@pytest.mark.parametrize("place", [("aws", "eu-west-1"), ("azure", "nowhere"), ("gcp", "nowhere")])
def test_an_unknown_region_offers_nothing(place: tuple[str, str]) -> None:
    assert CATALOG.offered(*place) == ()  # type: ignore[arg-type]
    assert CATALOG.find("aws", "us-east-1", "x9.huge") is None


@pytest.mark.parametrize(
    ("name", "model", "gpus", "gib"),
    [
        ("g6.12xlarge", "L4", 4, 22.35),
        ("p4d.24xlarge", "A100-40", 8, 40),
        ("p4de.24xlarge", "A100-80", 8, 80),
        ("p3.2xlarge", "V100", 1, 16),
        ("g5.xlarge", "A10G", 1, 22.35),
    ],
)
def test_gpus_of_aws_types(name: str, model: str, gpus: int, gib: float) -> None:
    found = aws(name)

    assert (found.gpu_model, found.gpus) == (model, gpus)
    assert found.gpu_memory / GIB == pytest.approx(gib, abs=0.01)


@pytest.mark.parametrize(
    ("name", "model", "gpus"),
    [("a2-ultragpu-2g", "A100-80", 2), ("a2-highgpu-1g", "A100-40", 1), ("g2-standard-24", "L4", 2), ("n2-standard-4", None, 0)],
)
def test_gpus_of_google_types(name: str, model: str | None, gpus: int) -> None:
    assert (gcp(name).gpu_model, gcp(name).gpus) == (model, gpus)


def test_an_accelerator_that_pods_cannot_ask_for_as_a_gpu_is_none() -> None:
    assert (aws("inf2.xlarge").gpus, aws("trn1.2xlarge").gpus, aws("g6f.large").gpus) == (0, 0, 0)


def test_aws_nodes_offer_what_karpenter_says() -> None:
    assert (aws("m5.large").allocatable_cpu, aws("m5.large").allocatable_memory, aws("m5.large").max_pods) == (1930, 6903 << 20, 29)


def test_a_google_node_offers_what_its_documentation_shows() -> None:
    """The page's own example, a 4 CPU 16 GB machine: 3920m and 13498416Ki."""
    node = gcp("e2-standard-4")

    assert node.allocatable_cpu == 3920
    assert node.allocatable_memory == pytest.approx(13_498_416 * 1024, rel=0.005)


def test_spot_knows_discount_and_interruptions() -> None:
    assert (aws("m5.large").spot_price, aws("m5.large").spot_interruption) == (Money(Decimal("0.03264"), "USD"), 3)


def test_a_type_without_spot_figures_is_unknown_and_not_safe() -> None:
    assert (aws("g6f.large").spot_price, aws("g6f.large").spot_interruption) == (None, None)
    assert gcp("n2-standard-4").spot_interruption is None


def test_a_deployments_own_price_wins() -> None:
    own = aws("m5.large")

    assert BundledCatalog(extra={("aws", "eu-west-1", "m5.large"): own}).find("aws", "eu-west-1", "m5.large") == own
