"""The estate's charges: each machine, volume, fee, commitment, tax and credit as one line that repeats hourly, daily or once.

List prices of machines are the catalog's. Made, because no public catalog here has them: the savings plan's discount, the prices of
volumes, load balancers and traffic (their list prices of 2026, from memory), support, tax and the credit.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Literal

from trimtab.demo.estate.assets import Claim, balancer_name, claims
from trimtab.demo.estate.clusters import CLUSTERS
from trimtab.demo.estate.model import END, GCP_PROJECT, START, SUB_ACCOUNT, EstateCluster, Node, digest, nodes
from trimtab.demo.estate.prices import hourly_price
from trimtab.units import HOURS_PER_MONTH

Every = Literal["hour", "day", "once"]
SAVINGS_PLAN = "arn:aws:savingsplans::190020003001:savingsplan/5b1c7a52-8f0e-4c39-9d43-2f6f0d5a9e10"
PLAN_NAME = "compute-1y-no-upfront"
PLAN_RATE = Decimal("0.72")
"""What a covered hour costs, as a share of its list price."""
COMMITMENT = Decimal("2.90")
"""USD an hour, used or not."""
CONTROL_PLANE_FEE = Decimal("0.10")
TRAFFIC_SPIKE = datetime(2026, 7, 28, tzinfo=UTC)
"""The day on which storefront traffic left the region six times as much: something for anomaly detection to find."""
ZERO = Decimal(0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Charge:
    """One line of the bill before it is repeated; amounts are for one repetition."""

    cluster: EstateCluster
    description: str
    service: tuple[str, str, str]
    """FOCUS ServiceCategory, ServiceName, ServiceSubcategory."""
    unit: str
    quantity: Decimal | None
    unit_price: Decimal | None
    list_cost: Decimal
    billed: Decimal
    effective: Decimal
    every: Every = "hour"
    since: datetime = START
    until: datetime = END
    category: str = "Usage"
    frequency: str = "Usage-Based"
    pricing: str = "Standard"
    resource: tuple[str, str, str] = ("", "", "")
    """ResourceId, ResourceName, ResourceType."""
    zone: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    commitment: str = ""
    """CommitmentDiscountStatus (Used, Unused), "Purchased" for the purchase itself, "" where none is involved."""
    sku: Mapping[str, str] = field(default_factory=dict)


def charges() -> list[Charge]:
    """Every line, in the order it is written."""
    lines = [line for cluster in CLUSTERS for line in _of_cluster(cluster)]
    return [*lines, *_savings_plan(), *_traffic(), *_monthly()]


def covered_cost() -> Decimal:
    """What one hour of all covered machines takes from the commitment."""
    return sum((PLAN_RATE * hourly_price(node) for cluster in CLUSTERS for node in nodes(cluster) if node.pool.is_committed), ZERO)


def _of_cluster(cluster: EstateCluster) -> Iterator[Charge]:
    machines = nodes(cluster)
    yield from (_machine(node) for node in machines)
    yield from (_volume(node) for node in machines)
    yield from (_claimed(claim) for claim in claims(cluster))
    yield _control_plane(cluster)
    if cluster.ingress:
        yield _load_balancer(cluster)
    if cluster.cluster.name == "prod-web":
        yield from _nat_gateway(cluster)


def _machine(node: Node) -> Charge:
    price, kind = hourly_price(node), node.pool.pool.instance_type
    is_aws, is_covered = node.cluster.cluster.cloud == "aws", node.pool.is_committed
    name = "Amazon Elastic Compute Cloud" if is_aws else "Compute Engine"
    return Charge(
        cluster=node.cluster,
        description=f"${price} per On Demand Linux {kind} Instance Hour",
        service=("Compute", name, "Virtual Machines"),
        unit="Hours", quantity=Decimal(1), unit_price=price, list_cost=price,
        billed=ZERO if is_covered else price,
        effective=PLAN_RATE * price if is_covered else price,
        since=node.joined,
        pricing="Committed" if is_covered else "Standard",
        resource=(node.resource_id, node.name, "EC2 instance" if is_aws else "Instance"),
        zone=node.zone,
        tags=_tags(node.cluster) | {"pool": node.pool.pool.name},
        commitment="Used" if is_covered else "",
        sku={"InstanceType": kind, "OperatingSystem": "Linux"},
    )  # fmt: skip


def _volume(node: Node) -> Charge:
    is_aws = node.cluster.cluster.cloud == "aws"
    price = Decimal("0.08") if is_aws else Decimal("0.10")
    month = (node.pool.disk_gib * 24 / HOURS_PER_MONTH).quantize(Decimal("0.0000000001"))
    name = f"vol-0{digest('volume', node.provider_id)[:16]}" if is_aws else f"{node.name}-boot"
    service = "Amazon Elastic Block Store" if is_aws else "Persistent Disk"
    charge = _plain(
        node.cluster, f"${price} per GB-month of provisioned storage", ("Storage", service, "Block Storage"), "GB-Months", month, price,
        every="day", since=node.joined.replace(hour=0), resource=(_resource(node.cluster, "volume", name), name, "Volume"),
    )  # fmt: skip
    return replace(charge, zone=node.zone)


def _claimed(claim: Claim) -> Charge:
    cluster = claim.pod.cluster
    is_aws = cluster.cluster.cloud == "aws"
    price = Decimal("0.08") if is_aws else Decimal("0.17")
    month = (claim.pod.workload.volume_gib * 24 / HOURS_PER_MONTH).quantize(Decimal("0.0000000001"))
    kind, service = ("volume", "Amazon Elastic Block Store") if is_aws else ("disk", "Persistent Disk")
    charge = _plain(
        cluster, f"${price} per GB-month of provisioned storage", ("Storage", service, "Block Storage"), "GB-Months", month, price,
        every="day", resource=(_resource(cluster, kind, claim.provider_id), claim.volume, "Volume"),
    )  # fmt: skip
    tags = {"kubernetes.io/created-for/pvc/namespace": claim.pod.workload.namespace, "kubernetes.io/created-for/pvc/name": claim.name}
    return replace(charge, zone=cluster.zone, tags={**charge.tags, **tags})


def _nat_gateway(cluster: EstateCluster) -> Iterator[Charge]:
    """By the hour, and by what goes through it."""
    name = f"nat-0{digest('nat', cluster.cluster.uid)[:16]}"
    resource, service = (
        (_resource(cluster, "natgateway", name), name, "NAT gateway"),
        ("Networking", "Amazon Virtual Private Cloud", "Network Infrastructure"),
    )
    price = Decimal("0.045")
    yield _plain(cluster, f"${price} per NAT Gateway Hour", service, "Hours", Decimal(1), price, resource=resource)
    yield _plain(
        cluster, f"${price} per GB Data Processed by NAT Gateways", service, "GB", Decimal(260), price, every="day", resource=resource
    )


def _control_plane(cluster: EstateCluster) -> Charge:
    is_aws = cluster.cluster.cloud == "aws"
    name = "Amazon Elastic Kubernetes Service" if is_aws else "Kubernetes Engine"
    return _plain(
        cluster, f"${CONTROL_PLANE_FEE} per cluster hour", ("Compute", name, "Containers"), "Hours", Decimal(1), CONTROL_PLANE_FEE,
        resource=(_resource(cluster, "cluster", cluster.cluster.name), cluster.cluster.name, "Kubernetes cluster"),
    )  # fmt: skip


def _load_balancer(cluster: EstateCluster) -> Charge:
    name = balancer_name(cluster)
    return _plain(
        cluster, "$0.0225 per Application LoadBalancer-hour", ("Networking", "Elastic Load Balancing", "Application Networking"),
        "Hours", Decimal(1), Decimal("0.0225"), resource=(_resource(cluster, "loadbalancer", name), name, "Load balancer"),
    )  # fmt: skip


def _savings_plan() -> Iterator[Charge]:
    hour = Charge(
        cluster=CLUSTERS[0], description=f"{PLAN_NAME}: hourly commitment", unit="Hours", quantity=Decimal(1), unit_price=COMMITMENT,
        service=("Compute", "Savings Plans for AWS Compute usage", "Other (Compute)"), resource=(SAVINGS_PLAN, PLAN_NAME, "Savings plan"),
        list_cost=COMMITMENT, billed=COMMITMENT, effective=ZERO, category="Purchase", frequency="Recurring", commitment="Purchased",
    )  # fmt: skip
    yield hour
    yield replace(
        hour, description=f"{PLAN_NAME}: unused commitment", unit_price=ZERO, list_cost=ZERO, billed=ZERO,
        effective=COMMITMENT - covered_cost(), category="Usage", frequency="Usage-Based", pricing="Committed", commitment="Unused",
    )  # fmt: skip


def _traffic() -> Iterator[Charge]:
    for number in range((END - START).days):
        day = START + timedelta(days=number)
        weekend = day.weekday() >= 5
        usual = 180 + (number * 37 % 23) - (70 if weekend else 0)
        amount = Decimal(usual * (6 if day == TRAFFIC_SPIKE else 1))
        yield _plain(
            CLUSTERS[0], "$0.09 per GB - data transfer out", ("Networking", "AWS Data Transfer", "Other (Networking)"), "GB", amount,
            Decimal("0.09"), every="once", since=day, until=day + timedelta(days=1),
        )  # fmt: skip


def _monthly() -> Iterator[Charge]:
    june, july, august = START, datetime(2026, 7, 1, tzinfo=UTC), datetime(2026, 8, 1, tzinfo=UTC)
    support = ("Management and Governance", "AWS Support (Business)", "Support")
    for start, end, support_fee, tax in (
        (june, july, "318.40", "131.12"),
        (july, august, "822.75", "338.90"),
        (august, END, "53.08", "21.86"),
    ):
        yield _plain(
            CLUSTERS[0], "AWS Business support", support, "Months", Decimal(1), Decimal(support_fee), every="once", since=start, until=end,
            frequency="Recurring",
        )  # fmt: skip
        yield _sum("Tax for product code AWSSupportBusiness and AmazonEC2", Decimal(tax), "Tax", start, end)
    yield _sum("Goodwill credit for the July incident", Decimal("-250.00"), "Credit", july, august)


def _sum(description: str, amount: Decimal, category: str, since: datetime, until: datetime) -> Charge:
    """A tax or credit: an amount without price, quantity or resource."""
    return Charge(
        cluster=CLUSTERS[0], description=description, service=("Other", f"AWS {category}", "Other (Other)"), unit="",
        quantity=None, unit_price=None, list_cost=amount, billed=amount, effective=amount, every="once", since=since, until=until,
        category=category, frequency="One-Time", pricing="",
    )  # fmt: skip


def _plain(
    cluster: EstateCluster,
    description: str,
    service: tuple[str, str, str],
    unit: str,
    quantity: Decimal,
    price: Decimal,
    *,
    resource: tuple[str, str, str] = ("", "", ""),
    every: Every = "hour",
    since: datetime = START,
    until: datetime = END,
    category: str = "Usage",
    frequency: str = "Usage-Based",
) -> Charge:
    """A charge at its list price, without any discount."""
    cost = quantity * price
    return Charge(
        cluster=cluster, description=description, service=service, unit=unit, quantity=quantity, unit_price=price, list_cost=cost,
        billed=cost, effective=cost, resource=resource, every=every, since=since, until=until, category=category, frequency=frequency,
        tags=_tags(cluster) if resource[0] else {},
    )  # fmt: skip


def _resource(cluster: EstateCluster, kind: str, name: str) -> str:
    live = cluster.cluster
    if live.cloud == "gcp":
        return f"//compute.googleapis.com/projects/{GCP_PROJECT[live.project]}/zones/{cluster.zone}/{kind}s/{name}"
    service = {"cluster": "eks", "loadbalancer": "elasticloadbalancing"}.get(kind, "ec2")
    return f"arn:aws:{service}:{live.region}:{SUB_ACCOUNT[live.project]}:{kind}/{name}"


def _tags(cluster: EstateCluster) -> dict[str, str]:
    key = "eks:cluster-name" if cluster.cluster.cloud == "aws" else "goog-k8s-cluster-name"
    return {"environment": cluster.cluster.project, key: cluster.cluster.name}


def tags_text(tags: Mapping[str, str]) -> str:
    """FOCUS Tags; an untagged row has none, which is not an empty object."""
    return json.dumps(dict(tags), sort_keys=True) if tags else ""
