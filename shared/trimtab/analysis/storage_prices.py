"""List prices of storage classes, where we know them: AWS general purpose volumes in us-east-1. What is missing here has no known price.

A gp2 volume grows faster with its size; a gp3 volume has 3,000 IOPS and 125 MiB/s whatever its size, and more costs extra. So a change is
priced with what keeps the old volume's performance, and is not proposed where that eats the difference.
https://docs.aws.amazon.com/prescriptive-guidance/latest/optimize-costs-microsoft-workloads/ebs-migrate-gp2-gp3.html
https://aws.amazon.com/ebs/pricing/
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from trimtab.records import Cloud
from trimtab.units import Money

SOURCE = "AWS EBS list prices of us-east-1, 2026"
GP2_FULL_SPEED_GIB = 170
"""From this size on gp2 may reach more than 125 MiB/s, up to 250."""
GP2_IOPS_PER_GIB = 3
GP3_IOPS = 3000
GP2_MOST_IOPS = 16_000
PER_IOPS = Decimal("0.005")
PER_MIBS = Decimal("0.04")


def _nothing(size: Decimal) -> Decimal:  # noqa: ARG001
    return Decimal(0)


@dataclass(frozen=True, kw_only=True, slots=True)
class StoragePrice:
    """What one storage class costs at list price, and which one may take its place."""

    monthly: Money
    """Per GiB."""
    cheaper: str = ""
    """A class of the same durability that costs less; "" = none."""
    cheaper_monthly: Money | None = None
    keeping: Callable[[Decimal], Decimal] = _nothing
    """GiB → what a month of the cheaper class costs more, so that it is no slower than the old one may be."""
    extra: str = ""
    """What the cheaper one does not give by itself, for people."""

    def saves(self, size: Decimal) -> Money | None:
        """What a volume of so many GiB saves in a month, with its performance kept; None = nothing, or no price is known."""
        cheaper = self.cheaper_monthly
        if cheaper is None or cheaper.amount <= 0 or cheaper.currency != self.monthly.currency:
            return None
        saved = (self.monthly - cheaper) * size - Money(self.keeping(size), cheaper.currency)
        return saved if saved.amount > 0 else None


def keeping_gp2(size: Decimal) -> Decimal:
    """What gp3 costs more to reach what gp2 of that size may: 100 GiB → 0, 500 GiB → 5.00, 2,000 GiB → 20.00."""
    iops = min(GP2_IOPS_PER_GIB * size, Decimal(GP2_MOST_IOPS))
    throughput = 125 if size > GP2_FULL_SPEED_GIB else 0
    return max(Decimal(0), iops - GP3_IOPS) * PER_IOPS + throughput * PER_MIBS


def listed(cloud: Cloud, region: str) -> Mapping[str, StoragePrice]:
    """Class (by its usual name, which is its type's) → price; empty where nothing is known."""
    return _AWS_US_EAST_1 if (cloud, region) == ("aws", "us-east-1") else {}


_GP3 = Money(Decimal("0.08"), "USD")
_AWS_US_EAST_1: Mapping[str, StoragePrice] = {
    "gp2": StoragePrice(
        monthly=Money(Decimal("0.10"), "USD"),
        cheaper="gp3",
        cheaper_monthly=_GP3,
        keeping=keeping_gp2,
        extra="gp3 has 3,000 IOPS and 125 MiB/s at any size; what keeps gp2's own speed is taken off the saving.",
    ),
    "gp3": StoragePrice(monthly=_GP3),
}
