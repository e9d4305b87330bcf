"""What Palette says things cost: of a hypothetical pool set, and of private capacity. No I/O.

Palette's numbers have no currency. What it says of public clouds is their list price in US dollars; what a tenant set for private
capacity is in whatever currency that tenant thinks in, which only its configuration can say.
"""

import re
from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from trimtab.adapters.palette import answers
from trimtab.adapters.palette.protocol import Listed, Live
from trimtab.records import Estimate, Pool, PrivateRate
from trimtab.units import MONEY_SCALE, Money

WHOAMI = "/v1/users/info"
LIST_CURRENCY = "USD"
RATE_OF: Mapping[str, str] = {
    "vsphere": "vsphere", "maas": "maas", "edge-native": "edgeNative", "edge": "edge", "edge-vsphere": "edge", "generic": "generic",
    "apache-cloudstack": "apache-cloudstack",
}  # fmt: skip
"""Palette's cloud type → its part of the tenant's rate configuration."""
_REGION: Mapping[str, tuple[str, ...]] = {
    "eks": ("region",), "aws": ("region",), "gke": ("region", "project"), "gcp": ("region", "project"),
    "aks": ("location", "subscriptionId", "sshKey"), "azure": ("location", "subscriptionId", "sshKey"),
}  # fmt: skip
"""What an estimate demands of a cluster's configuration; the rest of it may hold keys, and is never sent anywhere."""
_MACHINE = ("instanceType", "rootDeviceSize", "azs", "osDisk", "capacityType")
"""What a price hangs on."""


def rate_path(cloud_type: str) -> str:
    """Where a pool set is priced."""
    return f"/v1/spectroclusters/{answers.uid_in_path(cloud_type, 'cloud type')}/rate"


def tenant_path(tenant: str) -> str:
    """Where the tenant's own prices are."""
    return f"/v1/tenants/{answers.uid_in_path(tenant, 'tenant uid')}/rateConfig"


def parse_tenant(body: bytes) -> str:
    """The tenant of the key."""
    return answers.text(answers.json_object(body, "users/info"), "tenantUid", "users/info")


# ── what a pool set would cost ───────────────────────────────────────────────────────────────────────────────────────
def estimate_body(cloud_type: str, config: bytes, pools: Sequence[Pool]) -> dict[str, Any]:
    """The live cloud config with the named pools as they would be. A worker pool of the config that is not named stays as it is."""
    spec = answers.inner(answers.json_object(config, "cloudconfig"), "spec", "cloudconfig")
    cluster = answers.inner(spec, "clusterConfig", "cloudconfig.spec")
    wanted = {pool.name: pool for pool in pools}
    live = answers.objects(spec, "machinePoolConfig", "cloudconfig.spec")
    machines = [_entity(pool, wanted.get(str(pool.get("name"))), place) for pool, place in live if not _is_managed(pool)]
    return {"cloudConfig": {name: cluster[name] for name in _REGION[cloud_type] if name in cluster}, "machinepoolconfig": machines}


def _is_managed(pool: Mapping[str, Any]) -> bool:
    """A control plane that the cloud runs has no machines."""
    return pool.get("isControlPlane") is True and not pool.get("instanceType")


def _entity(live: Mapping[str, Any], wanted: Pool | None, place: str) -> dict[str, Any]:
    machine = {name: live[name] for name in _MACHINE if name in live}
    size = answers.needed_count(live, "size", place)
    if wanted is not None:
        size, machine["instanceType"] = wanted.count, wanted.instance_type
        if "capacityType" in live:
            machine["capacityType"] = wanted.capacity_type
    labels = list(answers.words(live, "labels")) or ["control-plane" if live.get("isControlPlane") else "worker"]
    pool = {"name": answers.text(live, "name", place), "size": size, "labels": labels, "isControlPlane": live.get("isControlPlane") is True}
    return {"cloudConfig": machine, "poolConfig": pool}


def parse_estimate(body: bytes) -> Estimate | None:
    """What the pools cost per hour; None where Palette has no price for one of them: a part is not the whole."""
    found = answers.json_object(body, "rate")
    pools = [_pool_rate(pool, place) for pool, place in answers.objects(found, "machinePools", "rate")]
    total = answers.inner(found, "rate", "rate")
    compute, storage = answers.positive(total, "compute", "rate.rate"), answers.number(total, "storage", "rate.rate")
    if compute is None or not pools or any(price is None for _, price in pools):
        return None
    priced = tuple((name, _money(price)) for name, price in pools if price is not None)
    return Estimate(compute=_money(compute), storage=_money(max(Decimal(0), storage or Decimal(0))), pools=priced)


def _pool_rate(pool: Mapping[str, Any], place: str) -> tuple[str, Decimal | None]:
    """A pool's whole rate; None where its machines have none. No nodes cost nothing, and that is known."""
    rate = answers.maybe(pool, "rate")
    name = answers.text(pool, "name", place)
    total = answers.number(rate, "total", f"{place}.rate")
    if answers.count(pool, "nodesCount", place) == 0:
        return name, total or Decimal(0)
    machines = answers.positive(answers.maybe(rate, "compute"), "rate", f"{place}.rate.compute")
    return name, total if machines is not None and total is not None and total > 0 else None


def _money(amount: Decimal) -> Money:
    return Money(rounded(amount), LIST_CURRENCY)


def rounded(amount: Decimal) -> Decimal:
    """Palette's floating-point prices have digits that mean nothing."""
    return amount.quantize(Decimal(1).scaleb(-MONEY_SCALE), ROUND_HALF_UP)


# ── what private capacity costs ──────────────────────────────────────────────────────────────────────────────────────
def private_rates(body: bytes, clusters: Sequence[tuple[Listed, Live]], currency: str) -> tuple[PrivateRate, ...]:
    """One rate per private cluster whose kind the tenant priced; a rate of nothing is no rate, and its clusters stay unpriced."""
    config = answers.json_object(body, "rateConfig")
    found = ((listed, live, _prices(config, live.cloud_type)) for listed, live in clusters)
    return tuple(_rate(listed, live, prices, currency) for listed, live, prices in found if prices)


def _prices(config: Mapping[str, Any], cloud_type: str) -> Mapping[str, Decimal]:
    place = f"rateConfig.{RATE_OF.get(cloud_type, 'custom')}"
    custom = {str(each.get("cloudType")): answers.maybe(each, "rateConfig") for each, _ in answers.objects(config, "custom", "rateConfig")}
    part = answers.maybe(config, RATE_OF[cloud_type]) if cloud_type in RATE_OF else custom.get(cloud_type, {})
    names = {
        "cpu": "cpuUnitPricePerHour",
        "memory": "memoryUnitPriceGiBPerHour",
        "gpu": "gpuUnitPricePerHour",
        "storage": "storageUnitPriceGiBPerHour",
    }
    prices = {name: rounded(price) for name, key in names.items() if (price := answers.positive(part, key, place)) is not None}
    # A node is priced by both; with one of them missing every node would be too cheap.
    return prices if {"cpu", "memory"} <= prices.keys() else {}


def _rate(listed: Listed, live: Live, prices: Mapping[str, Decimal], currency: str) -> PrivateRate:
    return PrivateRate(
        id=f"palette-{live.cloud_type}",
        currency=currency,
        cluster=re.escape(live.name),
        project=re.escape(listed.project),
        cpu=prices["cpu"],
        memory=prices["memory"],
        gpu=prices.get("gpu", Decimal(0)),
        storage=prices.get("storage", Decimal(0)),
    )
