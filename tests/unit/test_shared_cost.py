"""Cost that a cluster, or everybody, shares: over whom, by what, and what happens where nobody is there. By the real SQL engine."""

import json
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, cast

import pytest

from tests.bills import HOUR, Estate, Row, asset, bill, estate, governance, node, pod
from trimtab.errors import BadInput
from trimtab.records import AllocationRules, OwnerRule, SharedRule, ShareWeight
from trimtab.units import GIB

CLUSTER = '{"eks:cluster-name": "prod"}'
CONTROL_PLANE = SharedRule(id="control-plane", service="Amazon EKS")
CENT = Decimal("0.01")
JULY = datetime(2026, 7, 1)  # noqa: DTZ001 -- lake times are UTC without a zone
AUGUST = datetime(2026, 8, 1)  # noqa: DTZ001


def rules(*shared: SharedRule, owners: Sequence[OwnerRule] = (), **options: Any) -> Any:
    return governance(*owners, allocation=AllocationRules(shared=shared, **options))


def fee(amount: str, **columns: object) -> Row:
    """A control plane's bill."""
    own = {"ResourceId": "arn:aws:eks:us-east-1:1:cluster/prod", "ServiceName": "Amazon EKS", "Tags": CLUSTER, "ConsumedQuantity": None}
    return bill(amount, **(own | columns))  # type: ignore[arg-type]


def shared_by(place: Estate) -> dict[object, Decimal]:
    """Team → what rules gave it."""
    query = 'SELECT "x_Team" AS team, sum("EffectiveCost") AS cost FROM allocated WHERE "x_SharedRule" IS NOT NULL GROUP BY 1'
    return {row["team"]: cast(Decimal, row["cost"]).quantize(CENT) for row in place.rows(query)}


def hour_of_two_teams(hour: datetime = HOUR, ml: int = 3000, shop: int = 1000, **columns: Any) -> list[Row]:
    """A full node: CPU and memory of ML and Shop in the same ratio."""
    return [
        node(hour=hour), pod("a", cpu=ml, memory=ml * 4 * GIB // 1000, hour=hour, **columns),
        pod("b", cpu=shop, memory=shop * 4 * GIB // 1000, hour=hour, namespace="ns2", **columns),
    ]  # fmt: skip


# ── Resources that one namespace owns ────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("kind", "provider_id", "resource"),
    [
        ("volume", "vol-1", "arn:aws:ec2:us-east-1:1:volume/vol-1"),
        ("load-balancer", "50dc6c495c0c9188", "arn:aws:elasticloadbalancing:us-east-1:1:loadbalancer/net/web/50dc6c495c0c9188"),
    ],
)
def test_a_volume_or_load_balancer_is_its_namespaces_without_any_rule(kind: str, provider_id: str, resource: str) -> None:
    place = estate([bill("3", ResourceId=resource, ServiceCategory="Storage")], [asset(kind, provider_id)])

    place.allocate()

    (row,) = place.rows()
    assert (row["x_Part"], row["x_Team"], row["x_Namespace"], row["x_Confidence"]) == ("allocated", "ML", "ns1", "metered")
    assert (row["AllocatedResourceId"], row["AllocatedResourceName"]) == (f"prod/ns1/{kind}", kind)
    assert json.loads(str(row["AllocatedMethodDetails"])) == {"Elements": [{"AllocatedRatio": 1}]}
    assert row["x_Pod"] is None


def test_a_volume_of_a_namespace_without_owner_is_unallocated_by_name() -> None:
    place = estate([bill("3", ResourceId="vol-1")], [asset("volume", "vol-1", namespace="stray")])

    place.allocate()

    (row,) = place.rows()
    assert (row["x_Part"], row["x_Reason"]) == ("unallocated", "no owner rule matched namespace stray")


def test_a_volume_that_moved_is_its_latest_namespaces() -> None:
    moved = [asset("volume", "vol-1"), asset("volume", "vol-1", namespace="ns2", hour=HOUR + timedelta(hours=1))]
    place = estate([bill("3", ResourceId="vol-1", hours=24)], moved)

    place.allocate()

    assert [row["x_Team"] for row in place.rows()] == ["Shop"]


# ── Rules over bill rows ─────────────────────────────────────────────────────────────────────────────────────────────
def test_without_a_rule_a_control_plane_stays_unallocated_by_name() -> None:
    place = estate([bill("4"), fee("2")], hour_of_two_teams())

    place.allocate()

    row = next(row for row in place.rows() if row["x_Part"] == "unallocated")
    assert (row["x_Reason"], row["x_SharedRule"]) == ("shared cost of cluster prod: Amazon EKS", None)


def test_a_control_plane_is_shared_in_proportion_to_what_nodes_cost() -> None:
    place = estate([bill("4"), fee("2")], hour_of_two_teams())

    place.allocate(rules(CONTROL_PLANE))

    assert shared_by(place) == {"ML": Decimal("1.50"), "Shop": Decimal("0.50")}
    row = next(row for row in place.rows() if row["x_SharedRule"] and row["x_Team"] == "ML")
    assert (row["x_Part"], row["x_Confidence"], row["x_Namespace"]) == ("allocated", "shared-estimated", "ns1")
    assert row["AllocatedMethodId"] == "trimtab-shared-proportional-1"
    assert row["AllocatedResourceId"] == "shared/control-plane/prod/ns1/ML"
    assert row["ResourceId"] == "arn:aws:eks:us-east-1:1:cluster/prod"
    assert row["x_Reason"] == "shared by rule control-plane (proportional): shared cost of cluster prod: Amazon EKS"


def test_even_gives_each_namespace_the_same_and_the_rest_of_the_cut_to_nobody() -> None:
    place = estate([bill("4"), fee("1")], [*hour_of_two_teams(), pod("c", namespace="ns3")])

    place.allocate(
        rules(SharedRule(id="even", service="Amazon EKS", split="even"), owners=[OwnerRule(id="all", namespace=".*", team="ML")])
    )

    rows = [row for row in place.rows() if row["x_SharedRule"]]
    assert sorted(str(row["x_Namespace"]) for row in rows) == ["ns1", "ns2", "ns3"]
    assert sum(cast(Decimal, row["EffectiveCost"]) for row in rows) == 1
    assert all(abs(cast(Decimal, row["EffectiveCost"]) * 3 - 1) < Decimal("1e-8") for row in rows)
    assert {row["x_Confidence"] for row in rows} == {"inferred"}


DRIVERS = [
    ("cpu-seconds", {"cpu": 1000}, {"cpu": 3000}, "mCPU-Seconds", 1000 * 3600, "shared-estimated"),
    ("memory-seconds", {"memory": GIB}, {"memory": 3 * GIB}, "MiB-Seconds", 1024 * 3600, "shared-estimated"),
    ("gpu-seconds", {"gpu_request": 250}, {"gpu_request": 750}, "mGPU-Seconds", 250 * 3600, "shared-estimated"),
    ("network-bytes", {"network_sent": 10**9}, {"network_sent": 3 * 10**9}, "Bytes", 10**9, "metered"),
]


@pytest.mark.parametrize(("driver", "one", "three", "unit", "quantity", "confidence"), DRIVERS)
def test_a_driver_shares_by_what_each_used(
    driver: Any, one: dict[str, Any], three: dict[str, Any], unit: str, quantity: int, confidence: str
) -> None:
    usage = [node(gpus=1), pod("a", **one), pod("b", namespace="ns2", **three)]
    place = estate([bill("4"), fee("8")], usage)

    place.allocate(rules(SharedRule(id="egress", service="Amazon EKS", split="driver", driver=driver)))

    assert shared_by(place) == {"ML": Decimal(2), "Shop": Decimal(6)}
    row = next(row for row in place.rows() if row["x_SharedRule"] and row["x_Team"] == "ML")
    assert row["x_Confidence"] == confidence
    (element,) = json.loads(str(row["AllocatedMethodDetails"]))["Elements"]
    assert element == {"AllocatedRatio": 0.25, "UsageUnit": unit, "UsageQuantity": quantity}


def test_volumes_share_storage_by_their_size_and_time() -> None:
    """One volume for the hour, one of three times its size for half of it: 2 to 3."""
    sizes = [
        asset("volume", "vol-1", asset_bytes=2 * GIB), asset("volume", "vol-2", asset_bytes=6 * GIB, seconds=1800, namespace="ns2"),
        node(), pod("a"),
    ]  # fmt: skip
    place = estate([bill("4"), fee("5")], sizes)

    place.allocate(rules(SharedRule(id="backup", service="Amazon EKS", split="driver", driver="volume-bytes")))

    assert shared_by(place) == {"ML": Decimal(2), "Shop": Decimal(3)}


def test_traffic_that_was_not_measured_everywhere_is_estimated_and_nowhere_is_shared_by_nobody() -> None:
    """Unknown is never zero: without any measure nobody sent nothing."""
    rule = SharedRule(id="egress", service="Amazon EKS", split="driver", driver="network-bytes")
    partly = estate([bill("4"), fee("8")], [node(), pod("a", network_sent=5), pod("b", namespace="ns2")])
    nowhere = estate([bill("4"), fee("8")], hour_of_two_teams())

    partly.allocate(rules(rule))
    nowhere.allocate(rules(rule))

    assert [row["x_Confidence"] for row in partly.rows() if row["x_SharedRule"]] == ["estimated"]
    (row,) = [row for row in nowhere.rows() if row["x_SharedRule"]]
    assert (row["x_Part"], row["AllocatedResourceId"]) == ("unallocated", None)
    assert row["x_Reason"] == "shared cost of cluster prod: Amazon EKS; rule egress finds nobody to share it over"


def test_weights_count_by_the_days_that_they_hold() -> None:
    """ML alone until the 11th, then one to one: 10 days of 31 whole and 21 halved."""
    eleventh = date(2026, 7, 11)
    rule = SharedRule(
        id="support", service="Amazon EKS", over="teams", split="weighted",
        weights=(
            ShareWeight(team="ML", value=2_000_000, valid_to=eleventh), ShareWeight(team="ML", value=1_000_000, valid_from=eleventh),
            ShareWeight(team="Shop", value=1_000_000, valid_from=eleventh),
        ),
    )  # fmt: skip
    place = estate([fee("62", ChargePeriodStart=JULY, ChargePeriodEnd=AUGUST)])

    place.allocate(rules(rule))

    assert shared_by(place) == {"ML": Decimal(41), "Shop": Decimal(21)}


def test_weights_by_namespace_find_their_owners_and_may_be_of_one_cluster_only() -> None:
    rule = SharedRule(
        id="platform", service="Amazon EKS", split="weighted",
        weights=(
            ShareWeight(namespace="ns1", value=1_000_000), ShareWeight(namespace="ns2", value=3_000_000, cluster="prod"),
            ShareWeight(namespace="ns2", value=9_000_000, cluster="other"),
        ),
    )  # fmt: skip
    place = estate([fee("4")])

    place.allocate(rules(rule))

    assert shared_by(place) == {"ML": Decimal(1), "Shop": Decimal(3)}


def test_a_tax_is_shared_over_the_teams_and_stays_outside_clusters() -> None:
    """In proportion to all that a team costs, its databases outside clusters included: 3 + 4 to 1."""
    tax = bill("16", ResourceId=None, ChargeCategory="Tax", ChargePeriodStart=JULY, ChargePeriodEnd=AUGUST)
    database = bill("4", ResourceId="db-1", Tags='{"team": "ml"}')
    owners = [
        OwnerRule(id="ns1", namespace="ns1", team="ML"), OwnerRule(id="ns2", namespace="ns2", team="Shop"),
        OwnerRule(id="tag", tag=("team", "ml"), team="ML"),
    ]  # fmt: skip
    place = estate([bill("4"), database, tax], hour_of_two_teams())

    place.allocate(rules(SharedRule(id="tax", category="Tax", over="teams"), owners=owners))

    assert shared_by(place) == {"ML": Decimal(14), "Shop": Decimal(2)}
    assert {row["x_Part"] for row in place.rows() if row["x_SharedRule"]} == {"not-kubernetes"}


def test_a_tax_in_another_currency_has_nobody_to_share_it_in_proportion() -> None:
    """Dollars say nothing about who caused euros."""
    tax = bill("16", ResourceId=None, ChargeCategory="Tax", BillingCurrency="EUR")
    place = estate([bill("4"), tax], hour_of_two_teams())

    place.allocate(rules(SharedRule(id="tax", category="Tax", over="teams")))

    (row,) = [row for row in place.rows() if row["BillingCurrency"] == "EUR"]
    assert row["x_Reason"] == "tax: the bill ties it to no cluster; rule tax finds nobody to share it over"


def test_a_monthly_row_is_weighed_by_its_whole_month_however_days_are_taken_together() -> None:
    """On the first day ML runs alone, on the 20 days after it Shop does."""
    days = [HOUR + timedelta(days=day) for day in range(21)]
    bills = [fee("21", ChargePeriodStart=JULY, ChargePeriodEnd=AUGUST), *(bill("4", hour=day) for day in days)]
    usage = [*hour_of_two_teams(days[0], ml=4000, shop=0), *(row for day in days[1:] for row in hour_of_two_teams(day, ml=0, shop=4000))]
    by_day, together = estate(bills, usage), estate(bills, usage, memory_mb=512)

    for rule in (CONTROL_PLANE, SharedRule(id="cpu", service="Amazon EKS", split="driver", driver="cpu-seconds")):
        for place in (by_day, together):
            place.allocate(rules(rule))
        assert shared_by(by_day) == {"ML": Decimal(1), "Shop": Decimal(20)}
        assert by_day.rows("SELECT * FROM allocated ORDER BY ALL") == together.rows("SELECT * FROM allocated ORDER BY ALL")


def test_an_hourly_row_is_weighed_by_its_hour() -> None:
    later = HOUR + timedelta(hours=1)
    usage = [*hour_of_two_teams(ml=4000, shop=0), *hour_of_two_teams(later, ml=0, shop=4000)]
    place = estate([bill("4"), bill("4", hour=later), fee("1"), fee("5", hour=later)], usage)

    place.allocate(rules(CONTROL_PLANE))

    assert shared_by(place) == {"ML": Decimal(1), "Shop": Decimal(5)}


def test_an_hourly_row_is_weighed_by_daily_node_rows_too() -> None:
    day = HOUR.replace(hour=0)
    usage = [row for hour in range(24) for row in hour_of_two_teams(day + timedelta(hours=hour))]
    place = estate([bill("96", hour=day, hours=24, ConsumedQuantity="24"), fee("4")], usage)

    place.allocate(rules(CONTROL_PLANE))

    assert shared_by(place) == {"ML": Decimal(3), "Shop": Decimal(1)}


def test_a_credit_that_outweighs_the_cost_leaves_nobody_to_share_over() -> None:
    place = estate([bill("4"), bill("-5", ChargeCategory="Credit"), fee("2")], hour_of_two_teams())

    place.allocate(rules(CONTROL_PLANE))

    (row,) = [row for row in place.rows() if row["x_SharedRule"]]
    assert (row["x_Part"], row["EffectiveCost"]) == ("unallocated", Decimal(2))


def test_a_namespace_without_owner_takes_its_share_and_is_named() -> None:
    """Nobody's part of a shared cost is not spread over the others in silence."""
    usage = [node(), pod("a", cpu=2000, memory=8 * GIB), pod("b", cpu=2000, memory=8 * GIB, namespace="stray")]
    place = estate([bill("4"), fee("2")], usage)

    place.allocate(rules(CONTROL_PLANE))

    assert shared_by(place) == {"ML": Decimal(1), None: Decimal(1)}
    assert {row["x_Reason"] for row in place.rows() if row["x_SharedRule"] and not row["x_Team"]} == {
        "no owner rule matched namespace stray"
    }


def test_one_clusters_control_plane_is_not_anothers() -> None:
    other = {"provider_id": "i-2", "cluster": "dev", "cluster_slug": "dev", "node": "n2"}
    usage = [*hour_of_two_teams(), node(**other), pod("c", cpu=4000, memory=16 * GIB, namespace="ns2", **other)]  # type: ignore[arg-type]
    place = estate([bill("4"), bill("400", ResourceId="i-2"), fee("2")], usage)

    place.allocate(rules(CONTROL_PLANE))

    assert shared_by(place) == {"ML": Decimal("1.50"), "Shop": Decimal("0.50")}


@pytest.mark.parametrize(
    ("rule", "matches"),
    [
        (SharedRule(id="r", cluster="pro.*"), True),
        (SharedRule(id="r", cluster="dev"), False),
        (SharedRule(id="r", resource_type="Gateway"), True),
        (SharedRule(id="r", tag=("env", "live")), True),
        (SharedRule(id="r", tag=("env", "test")), False),
        (SharedRule(id="r", category="Usage", service="Amazon EK"), False),
    ],
)
def test_every_condition_of_a_rule_must_hold(rule: SharedRule, matches: bool) -> None:
    tags = '{"eks:cluster-name": "prod", "env": "live"}'
    place = estate([bill("4"), fee("2", Tags=tags, ResourceType="Gateway")], hour_of_two_teams())

    place.allocate(rules(rule))

    assert bool(shared_by(place)) is matches


def test_a_node_that_nobody_measured_is_not_shared() -> None:
    """Promise 2: what is not known to be shared cost must not be spread silently."""
    stranger = bill("3", ResourceId="i-9", ResourceType="Instance", Tags=CLUSTER)
    place = estate([bill("4"), stranger], hour_of_two_teams())

    place.allocate(rules(SharedRule(id="all", cluster=".*")))

    assert shared_by(place) == {}
    assert place.parts()["unallocated"] == 3


def test_a_pattern_that_is_none_is_refused_by_the_name_of_its_rule() -> None:
    with pytest.raises(BadInput, match="allocation: rule broken: not a regular expression"):
        estate([bill("1")]).allocate(rules(SharedRule(id="broken", service="(")))


# ── Rules over namespaces ────────────────────────────────────────────────────────────────────────────────────────────
def test_what_system_namespaces_cost_on_nodes_is_shared_on() -> None:
    """A node of 8: 2 for kube-system and monitoring, 3 for ML, 1 for Shop, 2 idle. The 2 go three to one."""
    system = [pod("dns", cpu=500, memory=2 * GIB, namespace="kube-system"), pod("prom", cpu=500, memory=2 * GIB, namespace="monitoring")]
    place = estate([bill("8")], [*hour_of_two_teams(ml=1500, shop=500), *system])

    place.allocate(rules(SharedRule(id="system", namespace="kube-system|monitoring")))

    assert shared_by(place) == {"ML": Decimal("1.50"), "Shop": Decimal("0.50")}
    assert place.parts() == {"allocated": Decimal(6), "idle": Decimal(2)}
    assert {row["x_Pool"] for row in place.rows()} == {"workers"}


def test_the_pieces_of_a_shared_namespace_and_the_rest_of_the_node_are_one_whole() -> None:
    system = pod("dns", cpu=777, memory=GIB, namespace="kube-system")
    place = estate([bill("1")], [*hour_of_two_teams(ml=1500, shop=501), system])

    place.allocate(rules(SharedRule(id="system", namespace="kube-system")))

    rows = place.rows()
    elements = [item for row in rows for item in json.loads(str(row["AllocatedMethodDetails"]), parse_float=Decimal)["Elements"]]
    assert sum(item["AllocatedRatio"] for item in elements) == 1
    assert len({row["AllocatedResourceId"] for row in rows}) == len(rows)


def test_a_shared_namespace_alone_has_nobody_to_share_with() -> None:
    place = estate([bill("1")], [node(), pod("dns", cpu=4000, memory=16 * GIB, namespace="kube-system")])

    place.allocate(rules(SharedRule(id="system", namespace="kube-.*")))

    (row,) = place.rows()
    assert (row["x_Part"], row["x_Reason"]) == (
        "unallocated",
        "shared namespaces of cluster prod; rule system finds nobody to share it over",
    )


def test_a_namespace_whose_cost_is_shared_takes_no_part_in_other_shared_cost() -> None:
    """No chains: what is shared on cannot be shared into."""
    system = pod("dns", cpu=2000, memory=8 * GIB, namespace="kube-system")
    place = estate([bill("4"), fee("2")], [node(), pod("a", cpu=2000, memory=8 * GIB), system])

    for rule in (CONTROL_PLANE, SharedRule(id="cpu", service="Amazon EKS", split="driver", driver="cpu-seconds")):
        place.allocate(rules(SharedRule(id="system", namespace="kube-.*"), rule))
        assert shared_by(place) == {"ML": Decimal(4)}


def test_the_cost_center_of_a_share_is_its_teams() -> None:
    place = estate([bill("4"), fee("2")], hour_of_two_teams())

    place.allocate(rules(CONTROL_PLANE))

    assert {row["x_CostCenter"] for row in place.rows()} == {"cc"}
