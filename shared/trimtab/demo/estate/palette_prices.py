"""What the estate's Palette says things cost: the bundled price list's own figures, so that the two agree as they should in real life."""

from decimal import Decimal
from typing import Any, cast

from trimtab.adapters.catalog import BundledCatalog
from trimtab.adapters.palette.protocol import CLOUDS
from trimtab.records import Cloud, InstanceType, Json

STORAGE = {"aws": {"gp3": Decimal("0.08"), "gp2": Decimal("0.10")}, "gcp": {"pd-balanced": Decimal("0.10"), "pd-standard": Decimal("0.04")}}
"""US dollars per GB and month."""
HOURS = 730
RATE_CONFIG: Json = {
    "vsphere": {"cpuUnitPricePerHour": 0.028, "memoryUnitPriceGiBPerHour": 0.0035, "storageUnitPriceGiBPerHour": 0.00012},
    "edgeNative": {"cpuUnitPricePerHour": 0.02, "memoryUnitPriceGiBPerHour": 0.003, "gpuUnitPricePerHour": 0.9},
}


def instance_types(cloud: str, region: str) -> Json:
    """The types of a region; those without a price are listed without one."""
    return {"instanceTypes": [_type(kind) for kind in BundledCatalog().offered(cast("Cloud", cloud), region)]}


def _type(kind: InstanceType) -> Json:
    shape: Json = {
        "type": kind.name, "category": "general", "cpu": kind.cpu / 1000, "memory": kind.memory / (1 << 30), "gpu": kind.gpus,
        "supportedArchitectures": [kind.arch], "nonSupportedZones": [],
    }  # fmt: skip
    if kind.price is None:
        return shape
    price: Json = {"os": "linux", "onDemand": float(kind.price.amount)}
    return shape | {
        "price": float(kind.price.amount),
        "cost": {"price": [price | ({"spot": float(kind.spot_price.amount)} if kind.spot_price else {})]},
    }


def price(cloud: str, name: str, region: str) -> Json | None:
    """An hour of a machine; None = there is no such thing."""
    found = BundledCatalog().find(cast("Cloud", cloud), region, name)
    return {"compute": float(found.price.amount), "storage": 0, "total": float(found.price.amount)} if found and found.price else None


def rate(cloud_type: str, body: dict[str, Any]) -> Json:
    """What a pool set costs in an hour; a type without a price costs nothing here, as it does with Palette."""
    region = str(body.get("cloudConfig", {}).get("region", ""))
    pools = [_pool(pool, CLOUDS[cloud_type], region) for pool in body.get("machinepoolconfig", [])]
    compute, storage = (sum(pool[part] for pool in pools) for part in ("machines", "disks"))
    return {
        "name": "estimate",
        "machinePools": [pool["shape"] for pool in pools],
        "rate": {"compute": float(compute), "storage": float(storage), "total": float(compute + storage)},
    }


def _pool(pool: dict[str, Any], cloud: Cloud, region: str) -> dict[str, Any]:
    name, nodes = pool["cloudConfig"]["instanceType"], int(pool["poolConfig"]["size"])
    kind = BundledCatalog().find(cloud, region, name)
    machines = nodes * (kind.price.amount if kind and kind.price else Decimal(0))
    disk = int(pool["cloudConfig"].get("rootDeviceSize", 0))
    # Palette counts a pool's disk once, however many nodes it has.
    disks = disk * next(iter(STORAGE[cloud].values())) / HOURS
    shape = {
        "name": pool["poolConfig"]["name"],
        "nodesCount": nodes,
        "rate": {
            "compute": {"type": name, "rate": float(machines)},
            "storage": [{"type": "root", "sizeGB": disk, "rate": float(disks)}],
            "total": float(machines + disks),
        },
    }
    return {"shape": shape, "machines": machines, "disks": disks}
