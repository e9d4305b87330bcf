"""Instance types and list prices bundled with the package, read when first asked for; a price of zero is no price.

What a node really offers to pods is its size less what the system keeps: for EKS as Karpenter's table says it, for GKE and AKS by
the published reservations (https://cloud.google.com/kubernetes-engine/docs/concepts/plan-node-sizes,
https://learn.microsoft.com/azure/aks/node-resource-reservations).
"""

import csv
import gzip
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from importlib.resources import files

from trimtab.records import Cloud, InstanceType
from trimtab.units import Bytes, Millicores, Money, cores, gib

AWS_SOURCE = "AWS us-east-1 on-demand list prices of 2026-07-20"
GCP_SOURCE = "Google Cloud on-demand list prices of 2026-07"
AZURE_SOURCE = "Azure pay-as-you-go list prices of 2026-06"
SPOT_SOURCE = "AWS Spot Advisor of 2025-06"
MIB = 1 << 20
GKE_MAX_PODS = 110
AKS_MAX_PODS = 30
"""What Azure CNI gives a node unless somebody asks for more: nobody tells us, so no more is promised."""
SEEN_BY_KERNEL = Decimal("0.97")
"""Firmware and kernel keep some memory to themselves: a 16 GB machine in the same page offers 12.87 GiB, the tiers alone would say 13.3."""
EKS_FEWEST_PODS = 29
"""Pod slots taken for types that Karpenter's table leaves out: what the smallest of their size have."""

GPU_MODELS = {
    "t4": "T4", "t4g": "T4G", "v100": "V100", "a10g": "A10G", "l4": "L4", "l40s": "L40S", "a100": "A100-40", "a100-80gb": "A100-80",
    "h100": "H100", "h100-80gb": "H100", "h100-80gb-mega": "H100", "h200": "H200", "b200": "B200", "b300": "B300",
    "rtx6000": "RTX-PRO-6000", "rtx-pro-server-6000": "RTX-PRO-6000", "rtx-pro-4500": "RTX-PRO-4500", "radeon-pro-v520": "V520",
}  # fmt: skip
"""The catalogs' own names → the names we use; what is not here (Inferentia, Trainium, Gaudi) is no GPU that pods ask for."""
GPU_MEMORY_MIB = {
    "T4": 16384, "V100": 16384, "A10G": 22888, "L4": 22888, "L40S": 45776, "A100-40": 40960, "A100-80": 81920, "H100": 81920,
    "H200": 144384, "B200": 183359, "RTX-PRO-6000": 98304, "A10": 22888, "M60": 7680,
}  # fmt: skip
"""As the node sees it, for rows that do not say."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BundledCatalog:
    """Port Catalog over the price lists in the package."""

    source: str = f"{AWS_SOURCE}, {GCP_SOURCE} and {AZURE_SOURCE}, bundled; spot discounts by {SPOT_SOURCE}"
    extra: Mapping[tuple[Cloud, str, str], InstanceType] = field(default_factory=dict)
    """(cloud, region, name) → a type whose price a deployment negotiated or measured; it wins over the bundle."""

    def find(self, cloud: Cloud, region: str, name: str) -> InstanceType | None:
        """One type; None = unknown, which refuses what would need it."""
        return self.extra.get((cloud, region, name)) or _region(cloud, region).get(name)

    def offered(self, cloud: Cloud, region: str) -> tuple[InstanceType, ...]:
        """All types of a region, by name."""
        extra = {name: kind for (kind_cloud, place, name), kind in self.extra.items() if (kind_cloud, place) == (cloud, region)}
        if not extra:
            return _sorted(cloud, region)
        known = {**_region(cloud, region), **extra}
        return tuple(known[name] for name in sorted(known))


@cache
def _sorted(cloud: Cloud, region: str) -> tuple[InstanceType, ...]:
    """Asked for once a pool: of a thousand pools of one region, sorted once."""
    return tuple(kind for _, kind in sorted(_region(cloud, region).items()))


@cache
def _region(cloud: Cloud, region: str) -> Mapping[str, InstanceType]:
    match cloud:
        case "aws":
            found = [_aws(row) for row in _rows("aws-us-east-1.csv") if row["region"] == region]
        case "gcp":
            found = [_gcp(row) for row in _rows("gcp.csv.gz") if row["region"] == region]
        case "azure":
            found = [_azure(row, region) for row in _rows("azure.csv.gz") if row.get(region)]
    return {kind.name: kind for kind in found if kind is not None}


def _rows(name: str) -> Iterator[dict[str, str]]:
    content = (files("trimtab") / "data" / "catalog" / name).read_bytes()
    text = gzip.decompress(content) if name.endswith(".gz") else content
    return csv.DictReader(text.decode().splitlines())


def _price(text: str) -> Money | None:
    """A list price of one hour; empty and zero are no price."""
    amount = Decimal(text or 0)
    return Money(amount, "USD") if amount > 0 else None


# ── What a type offers to pods that only Palette knows ──────────────────────────────────────────────────────────────
@dataclass(frozen=True, kw_only=True, slots=True)
class Room:
    """What a node has for pods."""

    cpu: Millicores
    memory: Bytes
    pods: int


def reserved(cloud: Cloud, cpu: Millicores, memory: Bytes) -> Room:
    """A node's room by the cloud's own formula, for a type that the bundled list does not have: never more than it will be."""
    seen = Bytes(int(memory * SEEN_BY_KERNEL))
    match cloud:
        case "aws":
            kept_cpu, kept, pods = (
                _reserved_cpu(cpu),
                int(memory * Decimal("0.075")) + (255 + 11 * GKE_MAX_PODS + 100) * MIB,
                EKS_FEWEST_PODS,
            )
            seen = memory
        case "gcp":
            kept_cpu, kept, pods = _reserved_cpu(cpu), _gke_memory(seen), GKE_MAX_PODS
        case "azure":
            kept_cpu, kept, pods = _aks_cpu(cpu), _tiered(seen, _memory_tiers(), Decimal("0.02")) + 750 * MIB, AKS_MAX_PODS
    return Room(cpu=Millicores(max(0, cpu - kept_cpu)), memory=Bytes(max(0, seen - kept)), pods=pods)


# ── AWS ──────────────────────────────────────────────────────────────────────────────────────────────────────────────
def _aws(row: dict[str, str]) -> InstanceType | None:
    if not row["vcpu"] or not row["memory_gib"]:
        return None
    model, gpus, memory = _aws_gpu(row)
    price, spot = _price(row["ondemand_usd_hour"]), _spot().get((row["region"], row["instance_type"]))
    return InstanceType(
        name=row["instance_type"],
        cloud="aws",
        region=row["region"],
        cpu=cores(row["vcpu"]),
        memory=gib(row["memory_gib"]),
        arch=row["arch"],
        allocatable_cpu=_aws_cpu(row),
        allocatable_memory=_aws_memory(row),
        max_pods=int(row["max_pods"] or EKS_FEWEST_PODS),
        price=price,
        spot_price=price * (1 - Decimal(spot[0]) / 100) if price and spot and spot[0] > 0 else None,
        gpu_model=model,
        gpus=gpus,
        gpu_memory=memory,
        spot_interruption=spot[1] if spot else None,
        price_source=f"{AWS_SOURCE}, bundled; spot discounts by {SPOT_SOURCE}" if spot else f"{AWS_SOURCE}, bundled",
    )


@cache
def _spot() -> Mapping[tuple[str, str], tuple[int, int]]:
    """(region, type) → (discount in percent, interruption bucket)."""
    return {
        (row["region"], row["instance_type"]): (int(row["savings_percent"]), int(row["interruption_bucket"]))
        for row in _rows("aws-spot.csv")
    }


def _aws_gpu(row: dict[str, str]) -> tuple[str | None, int, Bytes]:
    name = row["accelerator"] or ("v100" if row["instance_type"].startswith("p3.") else "")
    model = GPU_MODELS.get(name)
    if model is None:
        return None, 0, Bytes(0)
    memory = int(row["gpu_memory_mib"] or GPU_MEMORY_MIB.get(model, 0))
    if name == "a100" and memory > GPU_MEMORY_MIB["A100-40"]:
        model = "A100-80"
    return model, int(row["accelerator_count"]), Bytes(memory * MIB)


def _aws_cpu(row: dict[str, str]) -> Millicores:
    text = row["allocatable_cpu"]
    return Millicores(int(text.removesuffix("m"))) if text else Millicores(cores(row["vcpu"]) - _reserved_cpu(cores(row["vcpu"])))


def _aws_memory(row: dict[str, str]) -> Bytes:
    """Karpenter's figure; else 7.5 % for the hypervisor, and the EKS image's kubelet reservation for the most pods it may run."""
    text = row["allocatable_memory"]
    if text:
        return Bytes(int(text.removesuffix("Mi")) * MIB)
    return Bytes(int(gib(row["memory_gib"]) * Decimal("0.925")) - (255 + 11 * GKE_MAX_PODS + 100) * MIB)


# ── Google Cloud ─────────────────────────────────────────────────────────────────────────────────────────────────────
def _gcp(row: dict[str, str]) -> InstanceType:
    model, gpus, gpu_memory = _gcp_gpu(row["gpu"])
    cpu, memory = cores(row["vcpu"]), gib(row["memory_gb"])
    seen = Bytes(int(memory * SEEN_BY_KERNEL))
    return InstanceType(
        name=row["instance_type"],
        cloud="gcp",
        region=row["region"],
        cpu=cpu,
        memory=memory,
        arch="arm64" if row["instance_type"].split("-")[0] in {"t2a", "c4a", "n4a"} else "amd64",
        allocatable_cpu=Millicores(max(0, cpu - _gke_cpu(row["instance_type"], cpu))),
        allocatable_memory=Bytes(max(0, seen - _gke_memory(seen))),
        max_pods=GKE_MAX_PODS,
        price=_price(row["ondemand_usd_hour"]),
        spot_price=_price(row["spot_usd_hour"]),
        gpu_model=model,
        gpus=gpus,
        gpu_memory=gpu_memory,
        price_source=f"{GCP_SOURCE}, bundled",
    )


def _gcp_gpu(text: str) -> tuple[str | None, int, Bytes]:
    """Two L4 for "l4=2"; a fraction of a GPU is none that a pod could ask for whole."""
    name, _, count = text.partition("=")
    model = GPU_MODELS.get(name)
    if model is None:
        return None, 0, Bytes(0)
    share = min(Decimal(1), Decimal(count))
    return model, int(Decimal(count)), Bytes(int(GPU_MEMORY_MIB.get(model, 0) * share) * MIB)


def _gke_cpu(name: str, cpu: Millicores) -> int:
    """Shared-core machines keep 1060 millicores; the others the same tiers as EKS."""
    return 1060 if name in {"e2-micro", "e2-small", "e2-medium"} else _reserved_cpu(cpu)


# ── Azure ────────────────────────────────────────────────────────────────────────────────────────────────────────────
AZURE_GPUS = (
    (r"_T4_", "T4", 1), (r"Standard_NV6ads_A10_", "A10", 6), (r"Standard_NV12ads_A10_", "A10", 3), (r"Standard_NV18ads_A10_", "A10", 2),
    (r"_A10_", "A10", 1), (r"_NC\d+ads_A100_|_ND\d+amsr_A100_", "A100-80", 1), (r"_ND96asr_v4", "A100-40", 1),
    (r"_ND\d+isr_H100_", "H100", 1),
    (r"_H200_", "H200", 1), (r"_NC\d+r?s_v3|_ND40rs_v2", "V100", 1), (r"_NV\d+s_v[23]", "M60", 1),
)  # fmt: skip
"""What the name of a type says of its GPUs, and how many such nodes share one; AMD's GPUs and FPGAs are no GPU that our pods ask for."""
NVL_H100 = re.compile(r"_NCC?\d+adi?s_H100_")
"""The 94 GB card: more memory than the H100 of every other cloud, so it counts as that one."""


def _azure(row: dict[str, str], region: str) -> InstanceType:
    """One row has a type's price in every region."""
    model, gpus, gpu_memory = _azure_gpu(row["instance_type"], int(row["gpus"] or 0))
    cpu, memory = cores(row["vcpu"]), gib(row["memory_gib"])
    seen = Bytes(int(memory * SEEN_BY_KERNEL))
    return InstanceType(
        name=row["instance_type"],
        cloud="azure",
        region=region,
        cpu=cpu,
        memory=memory,
        arch=row["arch"],
        allocatable_cpu=Millicores(max(0, cpu - _aks_cpu(cpu))),
        allocatable_memory=Bytes(max(0, seen - _tiered(seen, _memory_tiers(), Decimal("0.02")) - 750 * MIB)),
        max_pods=AKS_MAX_PODS,
        price=_price(row[region]),
        gpu_model=model,
        gpus=gpus,
        gpu_memory=gpu_memory,
        price_source=f"{AZURE_SOURCE}, bundled",
    )


def _azure_gpu(name: str, count: int) -> tuple[str | None, int, Bytes]:
    if NVL_H100.search(name):
        return "H100", count, Bytes(GPU_MEMORY_MIB["H100"] * MIB)
    found = next(((model, share) for pattern, model, share in AZURE_GPUS if re.search(pattern, name)), None)
    if found is None or not count:
        return None, 0, Bytes(0)
    model, share = found
    return model, count, Bytes(GPU_MEMORY_MIB[model] * MIB // share)


def _aks_cpu(cpu: Millicores) -> int:
    """60 millicores on one core, 100 on two, 140 on four, and 10 for each core above."""
    whole = -(-cpu // 1000)
    return 60 if whole <= 1 else 60 + 20 * whole if whole <= 4 else 100 + 10 * whole


def _memory_tiers() -> tuple[tuple[int, Decimal], ...]:
    """What AKS kept up to 1.28, the same tiers as GKE: newer versions keep less, and which one runs is not known here."""
    return tuple((gib(size), share) for size, share in MEMORY_TIERS)


CPU_TIERS = ((1000, Decimal("0.06")), (1000, Decimal("0.01")), (2000, Decimal("0.005")))
MEMORY_TIERS = ((4, Decimal("0.25")), (4, Decimal("0.20")), (8, Decimal("0.10")), (112, Decimal("0.06")))


def _reserved_cpu(cpu: Millicores) -> int:
    """Tiers of the first, the second, the next two cores, and all above."""
    return _tiered(cpu, CPU_TIERS, Decimal("0.0025"))


def _gke_memory(memory: Bytes) -> int:
    """Tiers of the first 4 GiB, the next 4, 8 and 112, and all above; 255 MiB on the smallest; and 100 MiB to evict in time."""
    eviction = 100 * MIB
    if memory < gib(1):
        return 255 * MIB + eviction
    return _tiered(memory, tuple((gib(size), share) for size, share in MEMORY_TIERS), Decimal("0.02")) + eviction


def _tiered(amount: int, tiers: tuple[tuple[int, Decimal], ...], above: Decimal) -> int:
    """Each share of each tier of `amount`, rounded up: what the system keeps is never less."""
    kept, left = Decimal(0), amount
    for size, share in tiers:
        kept += min(left, size) * share
        left = max(0, left - size)
    return -int(-(kept + left * above) // 1)
