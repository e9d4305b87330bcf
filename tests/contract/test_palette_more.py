"""Palette beyond its pools: quotas, estimates, private rates, measured use, audit trail, pace; all held against its description."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.palette_world import TENANT, UID, World, pool
from trimtab.adapters.palette.client import PaletteClient
from trimtab.adapters.palette.pace import BURST, FAST, SLOW, Pace, prefix_of
from trimtab.errors import BadInput, Refused
from trimtab.records import Pool, Quota
from trimtab.settings import Settings
from trimtab.units import Bytes, Millicores, Money

START = datetime(2026, 8, 1, tzinfo=UTC)
END = START + timedelta(hours=2)
GIB = 1 << 30


# ── quotas ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def namespace(name: str, *, is_regex: bool = False, **allocation: Any) -> dict[str, Any]:
    return {"metadata": {"uid": f"ns-{name}", "name": name}, "spec": {"isRegex": is_regex, "resourceAllocation": allocation}}


def workspace(name: str, *clusters: str, quota: dict[str, Any], namespaces: list[dict[str, Any]]) -> dict[str, Any]:
    refs = [{"clusterUid": uid, "clusterName": uid} for uid in clusters]
    spec = {"clusterRefs": refs, "quota": {"resourceAllocation": quota}, "clusterNamespaces": namespaces}
    return {"metadata": {"uid": f"ws-{name}", "name": name}, "spec": spec}


def quotas(own: list[dict[str, Any]], *spaces: dict[str, Any], status: dict[str, Any] | None = None) -> tuple[Quota, ...]:
    listed = [
        {
            "metadata": space["metadata"],
            "spec": {"clusterRefs": [{"uid": ref["clusterUid"], "name": "x"} for ref in space["spec"]["clusterRefs"]]},
        }
        for space in spaces
    ]
    world = World(
        status=status or {},
        more={
            f"/v1/spectroclusters/{UID}/config/namespaces": {"items": own},
            "/v1/dashboard/workspaces": {"cpuUnit": "cores", "memoryUnit": "MiB", "items": listed},
            **{f"/v1/workspaces/{space['metadata']['uid']}": space for space in spaces},
            "/v1/spectroclusters/vc-1": {
                "metadata": {"uid": "vc-1", "name": "sandbox"},
                "spec": {"cloudType": "virtual", "cloudConfigRef": {"uid": "vconfig-1"}},
                "status": {"state": "Running"},
            },
            "/v1/cloudconfigs/virtual/vconfig-1": {
                "spec": {
                    "clusterConfig": {},
                    "hostClusterUid": UID,
                    "machinePoolConfig": [
                        {"name": "resources", "size": 1, "instanceType": {"maxCPU": 8, "maxMemInMiB": 16384, "minCPU": 4}}
                    ],
                }
            },
        },
    )
    return world.client().quotas(UID)


def test_a_namespaces_quota_is_read_in_cores_mib_and_gpus() -> None:
    (found,) = quotas([namespace("web", cpuCores=2.5, memoryMiB=2048, gpuConfig={"limit": 1, "provider": "nvidia"})])

    assert (found.kind, found.name, found.namespaces) == ("namespace", "web", ("web",))
    assert (found.cpu, found.memory, found.gpus) == (Millicores(2500), Bytes(2 * GIB), 1)
    assert found.problem == ""


def test_what_is_not_limited_is_none_and_never_zero() -> None:
    assert quotas([namespace("free")]) == ()
    (found,) = quotas([namespace("some", cpuCores=1, gpuConfig={"limit": -1})])
    assert (found.memory, found.gpus) == (None, None)


def test_a_pattern_gives_each_namespace_its_own_so_it_is_a_persons() -> None:
    (found,) = quotas([namespace("w.*", is_regex=True, cpuCores=2)])

    assert found.namespaces == ()
    assert found.problem == "The pattern 'w.*' gives a quota to each of 1 namespaces (web)."


def test_a_pattern_that_could_take_for_ever_matches_nothing() -> None:
    (found,) = quotas([namespace("(a+)+$", is_regex=True, cpuCores=2)])

    assert "none yet" in found.problem


def test_a_workspace_of_one_cluster_is_its_own_quota() -> None:
    space = workspace("team-a", UID, quota={"cpuCores": 16, "memoryMiB": 32768}, namespaces=[{"name": "web", "isRegex": False}])

    (found,) = quotas([], space)

    assert (found.kind, found.name, found.namespaces, found.problem) == ("workspace", "team-a", ("web",), "")
    assert (found.cpu, found.memory) == (Millicores(16_000), Bytes(32 * GIB))


def test_a_workspaces_zero_is_no_limit() -> None:
    quota = {"cpuCores": 16, "memoryMiB": 0, "gpuConfig": {"limit": 0, "provider": "nvidia"}}

    (found,) = quotas([], workspace("team-a", UID, quota=quota, namespaces=[]))

    assert (found.cpu, found.memory, found.gpus) == (16_000, None, None)


def test_a_workspace_of_several_clusters_says_which() -> None:
    """One cluster's demand against a quota over all of them would look like room."""
    namespaces = [{"name": "web", "isRegex": False}, {"name": "/^team-.*/", "isRegex": True}]

    (found,) = quotas([], workspace("team-a", UID, "other", quota={"cpuCores": 16, "memoryMiB": -1}, namespaces=namespaces))

    assert (found.memory, found.clusters) == (None, (UID, "other"))
    assert found.namespaces == ("/^team-.*/", "web")


def test_a_workspaces_namespace_has_its_own_number_on_this_cluster_else_the_default() -> None:
    allocation = {
        "defaultResourceAllocation": {"cpuCores": 2, "memoryMiB": 1024},
        "clusterResourceAllocations": [{"clusterUid": UID, "resourceAllocation": {"cpuCores": 4, "memoryMiB": 1024}}],
    }
    default = {"defaultResourceAllocation": {"cpuCores": 2, "memoryMiB": 1024}, "clusterResourceAllocations": []}
    namespaces = [
        {"name": "web", "isRegex": False, "namespaceResourceAllocation": allocation},
        {"name": "api", "isRegex": False, "namespaceResourceAllocation": default},
    ]

    found = quotas([], workspace("team-a", UID, quota={"cpuCores": 0, "memoryMiB": -1}, namespaces=namespaces))

    assert [(each.kind, each.name, each.cpu) for each in found] == [("namespace", "web", 4000), ("namespace", "api", 2000)]
    assert {each.problem for each in found} == {"Workspace team-a sets this quota, not the cluster: change it in the workspace."}


def test_a_workspace_of_other_clusters_is_not_asked_for() -> None:
    assert quotas([], workspace("other", "another-cluster", quota={"cpuCores": 1, "memoryMiB": 1}, namespaces=[])) == ()


def test_a_virtual_cluster_is_a_quota_of_its_host() -> None:
    hosted = {"virtual": {"virtualClusters": [{"kind": "spectrocluster", "name": "sandbox", "uid": "vc-1"}]}}

    (found,) = quotas([], status=hosted)

    assert (found.cluster_uid, found.kind, found.name) == (UID, "virtual-cluster", "sandbox")
    assert (found.cpu, found.memory) == (Millicores(8000), Bytes(16 * GIB))
    assert "does not say" in found.problem


def test_a_cluster_that_is_gone_has_no_quotas() -> None:
    world = World(before=lambda request: httpx.Response(404) if request.url.path.startswith("/v1/spectroclusters/") else None)

    assert world.client().quotas(UID) == ()


# ── what a pool set would cost ───────────────────────────────────────────────────────────────────────────────────────
def rate(*pools: tuple[str, int, float], storage: float = 0.01) -> dict[str, Any]:
    machines = [
        {"name": name, "nodesCount": nodes, "rate": {"compute": {"type": "m5.large", "rate": price}, "storage": [], "total": price}}
        for name, nodes, price in pools
    ]
    total = sum(price for _, _, price in pools)
    return {"name": "x", "machinePools": machines, "rate": {"compute": total, "storage": storage, "total": total + storage}}


def wanted(name: str, count: int, instance_type: str = "m5.large") -> Pool:
    return Pool(cluster_uid=UID, name=name, instance_type=instance_type, count=count)


def test_an_estimate_is_asked_with_the_live_pools_and_the_wanted_ones_in_their_place() -> None:
    world = World(
        pools=[
            {"name": "cp", "size": 1, "isControlPlane": True},
            pool("workers", rootDeviceSize=60, azs=["us-east-1a"], capacityType="on-demand"),
            pool("batch", size=5),
        ],
        cluster_config={"region": "us-east-1", "sshKeyName": "somebody", "vpcId": "vpc-1"},
        more={"/v1/spectroclusters/eks/rate": rate(("workers", 2, 0.166), ("batch", 5, 0.48))},
    )

    found = world.client().estimate(UID, [wanted("workers", 2, "m6i.large")])

    assert found is not None
    assert (found.compute, found.storage) == (Money(Decimal("0.646"), "USD"), Money(Decimal("0.01"), "USD"))
    assert [name for name, _ in found.pools] == ["workers", "batch"]
    (body,) = world.bodies("/v1/spectroclusters/eks/rate")
    assert body["cloudConfig"] == {"region": "us-east-1"}
    assert [(each["poolConfig"]["name"], each["poolConfig"]["size"]) for each in body["machinepoolconfig"]] == [
        ("workers", 2),
        ("batch", 5),
    ]
    assert body["machinepoolconfig"][0]["cloudConfig"] == {
        "instanceType": "m6i.large", "rootDeviceSize": 60, "azs": ["us-east-1a"], "capacityType": "on-demand",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("cloud_type", "config"),
    [
        ("aws", {"region": "eu-west-1"}),
        ("gke", {"region": "us-central1", "project": "p"}),
        ("gcp", {"region": "us-central1", "project": "p"}),
        ("aks", {"location": "westeurope", "subscriptionId": "s", "sshKey": "k"}),
        ("azure", {"location": "westeurope", "subscriptionId": "s", "sshKey": "k"}),
    ],
)
def test_every_cloud_is_asked_in_its_own_shape(cloud_type: str, config: dict[str, Any]) -> None:
    path = f"/v1/spectroclusters/{cloud_type}/rate"
    world = World(cloud_type=cloud_type, cluster_config=config, more={path: rate(("workers", 3, 0.3))})

    assert world.client().estimate(UID, [wanted("workers", 3)]) is not None
    assert world.bodies(path)[0]["cloudConfig"] == config


@pytest.mark.parametrize(
    "answer",
    [
        rate(("workers", 3, 0.0)),
        {**rate(("workers", 3, 0.3)), "machinePools": []},
        rate(("workers", 3, 0.3), ("gpu", 1, 0.0)),
        {**rate(("workers", 3, 0.3)), "rate": {"compute": 0, "storage": 0, "total": 0}},
    ],
    ids=["no price", "no pools", "one pool without a price", "a total of nothing"],
)
def test_an_estimate_without_a_price_is_no_estimate(answer: dict[str, Any]) -> None:
    """A missing price is not zero: a set with one unpriced pool would look cheap."""
    assert World(more={"/v1/spectroclusters/eks/rate": answer}).client().estimate(UID, [wanted("workers", 3)]) is None


# ── private capacity ─────────────────────────────────────────────────────────────────────────────────────────────────
def private(cloud_type: str, config: dict[str, Any]) -> PaletteClient:
    world = World(
        cloud_type=cloud_type,
        more={
            "/v1/users/info": {"orgName": "acme", "tenantUid": TENANT, "userUid": "u-1"},
            f"/v1/tenants/{TENANT}/rateConfig": config,
        },
    )
    return world.client()


PRICES = {"cpuUnitPricePerHour": 0.03, "memoryUnitPriceGiBPerHour": 0.004, "gpuUnitPricePerHour": 1.1, "storageUnitPriceGiBPerHour": 0.0001}


@pytest.mark.parametrize(
    ("cloud_type", "config"),
    [
        ("vsphere", {"vsphere": PRICES}),
        ("edge-native", {"edgeNative": PRICES}),
        ("maas", {"maas": PRICES}),
        ("apache-cloudstack", {"apache-cloudstack": PRICES}),
        ("nutanix", {"custom": [{"cloudType": "nutanix", "rateConfig": PRICES}]}),
    ],
)
def test_a_private_cluster_gets_the_tenants_rate_in_the_configured_currency(cloud_type: str, config: dict[str, Any]) -> None:
    (found,) = private(cloud_type, config).private_rates("EUR")

    assert (found.id, found.currency) == (f"palette-{cloud_type}", "EUR")
    assert (found.cluster, found.project) == ("prod\\-web", "production")
    assert (found.cpu, found.memory, found.gpu) == (Decimal("0.03"), Decimal("0.004"), Decimal("1.1"))


@pytest.mark.parametrize(
    "config",
    [{}, {"vsphere": {}}, {"vsphere": {**PRICES, "cpuUnitPricePerHour": 0}}, {"maas": PRICES}],
    ids=["none", "empty", "zero", "other"],
)
def test_a_rate_of_nothing_is_no_rate(config: dict[str, Any]) -> None:
    assert private("vsphere", config).private_rates("USD") == ()


def test_where_all_clusters_are_in_a_cloud_no_rates_are_asked_for() -> None:
    world = World()

    assert world.client().private_rates("USD") == ()
    assert not [request for request in world.seen if "tenants" in request.url.path]


def test_without_palette_there_are_no_rates_and_nothing_fails() -> None:
    """Attribution works without a Palette; that it is missing is no reason to stop."""
    assert PaletteClient.of(Settings()).private_rates("USD") == ()
    with pytest.raises(Refused):
        PaletteClient.of(Settings()).left_alone()


# ── measured use ─────────────────────────────────────────────────────────────────────────────────────────────────────
USAGE = "/v1/dashboard/spectroclusters/resources/usage"
CONSUMPTION = f"/v1/dashboard/spectroclusters/{UID}/resources/consumption"


def pods(*points: dict[str, Any], cpu_unit: str = "mCore", memory_unit: str = "MiB", around: str = "web") -> dict[str, Any]:
    resource = {
        "entity": {"kind": "pod", "name": "web-1", "uid": "p-1"},
        "associatedResources": [{"kind": "namespace", "name": around, "uid": "n-1"}] if around else [],
        "data": list(points),
    }
    return {"cpuUnit": cpu_unit, "memoryUnit": memory_unit, "resources": [resource]}


def point(hour: int = 0, cpu: float | None = 250, memory: float | None = 512, scale: int = 1) -> dict[str, Any]:
    values = {"cpu": cpu, "memory": memory}
    at = int(START.timestamp()) + 3600 * hour + 17
    return {"timestamp": at * scale, **{name: value for name, value in values.items() if value is not None}}


def test_pods_have_cpu_and_memory_by_hour() -> None:
    world = World(more={USAGE: pods(point(1), point(0, cpu=100.4))})

    found = world.client().measured(UID, START, END)

    assert [(use.hour, use.namespace, use.pod, use.cpu, use.memory) for use in found] == [
        (START, "web", "web-1", 100, 512 << 20),
        (START + timedelta(hours=1), "web", "web-1", 250, 512 << 20),
    ]
    (body,) = world.bodies(USAGE)
    assert body["filter"]["clusters"] == [UID]
    assert body["options"] == {"groupBy": "pod", "period": 60}


@pytest.mark.parametrize(
    ("answer", "cpu", "memory"),
    [
        (pods(point(cpu=2, memory=1), cpu_unit="cores", memory_unit="GiB"), 2000, GIB),
        (pods(point(scale=1000)), 250, 512 << 20),
        (pods(point(cpu=None)), None, 512 << 20),
        (pods(point(memory=-1)), 250, None),
    ],
    ids=["cores and GiB", "milliseconds", "no CPU", "a negative"],
)
def test_units_and_times_are_read_as_palette_says_them(answer: dict[str, Any], cpu: int | None, memory: int | None) -> None:
    (found,) = World(more={USAGE: answer}).client().measured(UID, START, END)

    assert (found.cpu, found.memory) == (cpu, memory)


@pytest.mark.parametrize("unit", ["", "furlongs", "%"])
def test_a_number_without_a_known_unit_is_no_measurement(unit: str) -> None:
    with pytest.raises(BadInput, match="memoryUnit"):
        World(more={USAGE: pods(point(), memory_unit=unit)}).client().measured(UID, START, END)


def test_points_outside_of_the_time_and_points_that_contradict_are_not_believed() -> None:
    assert (
        World(more={USAGE: pods(point(-1), point(2), point(0, cpu=1), point(0, cpu=2)), CONSUMPTION: None})
        .client()
        .measured(UID, START, END)
        == ()
    )


def test_where_no_pod_is_known_namespaces_are() -> None:
    consumption = {
        "cpuUnit": "mCore",
        "memoryUnit": "MiB",
        "resources": [
            {
                "entity": {"kind": "namespace", "name": "web", "uid": "n-1"},
                "data": [
                    {
                        "timestamp": int(START.timestamp()),
                        "allotted": {"cpu": 4000, "memory": 8192},
                        "usage": {"cpu": 900, "memory": 1024},
                    }
                ],
            }
        ],
    }
    world = World(more={USAGE: {"resources": []}, CONSUMPTION: consumption})

    (found,) = world.client().measured(UID, START, END)

    assert (found.namespace, found.pod, found.cpu, found.memory) == ("web", "", 900, GIB)


def test_a_pod_without_a_namespace_is_left_out() -> None:
    assert World(more={USAGE: pods(point(), around=""), CONSUMPTION: None}).client().measured(UID, START, END) == ()


# ── the audit trail ──────────────────────────────────────────────────────────────────────────────────────────────────
def audit(uid: str, at: str = "2026-08-01T10:00:00.000Z", **resource: str) -> dict[str, Any]:
    spec = {
        "actionType": "update",
        "actionMsg": "Machine pool\nupdated",
        "actor": {"actorType": "user", "project": {"uid": "project-1", "name": "production"}},
        "resource": {"kind": "spectrocluster", "uid": UID, "name": "prod-web", **resource},
    }
    return {"metadata": {"uid": uid, "creationTimestamp": at}, "spec": spec}


def test_the_trail_is_read_to_its_end_oldest_first_each_line_once() -> None:
    def page(request: httpx.Request) -> dict[str, Any]:
        assert "ProjectUid" not in request.headers
        assert request.url.params["startTime"] == "2026-08-01T00:00:00.000Z"
        if request.url.params.get("continue"):
            return {"items": [audit("a-1", "2026-08-01T09:00:00.000Z"), audit("a-2")], "listmeta": {"continue": ""}}
        return {"items": [audit("a-2")], "listmeta": {"continue": "next", "count": 99}}

    found = World(more={"/v1/audits": page}).client().audits(START, START + timedelta(hours=11))

    assert [entry.uid for entry in found] == ["a-1", "a-2"]
    assert (found[0].action, found[0].kind, found[0].resource_uid, found[0].project_uid) == ("update", "spectrocluster", UID, "project-1")
    assert found[0].message == "Machine pool updated"


def test_an_entry_without_a_time_is_named() -> None:
    broken = {"metadata": {"uid": "a-1"}, "spec": {}}

    with pytest.raises(BadInput, match=r"audits.items\[0\].metadata.creationTimestamp: missing"):
        World(more={"/v1/audits": {"items": [broken]}}).client().audits(START, END)


def test_teams_come_with_the_addresses_of_their_members() -> None:
    """Who has no address cannot be found anywhere else; who is no user any more is nobody."""
    teams = [
        {"metadata": {"uid": "t-1", "name": "web"}, "spec": {"users": ["u-2", "u-1", "u-3", "u-gone"]}},
        {"metadata": {"uid": "t-2", "name": "data"}, "spec": {}},
    ]
    users = [
        {"metadata": {"uid": "u-1"}, "spec": {"emailId": "a@acme.test"}},
        {"metadata": {"uid": "u-2"}, "spec": {"emailId": "b@acme.test"}},
        {"metadata": {"uid": "u-3"}, "spec": {}},
    ]

    world = World(more={"/v1/teams": {"items": teams, "listmeta": {}}, "/v1/users": {"items": users, "listmeta": {}}})

    assert world.client().teams() == (("data", ()), ("web", ("a@acme.test", "b@acme.test")))


# ── pace ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("path", "prefix"),
    [
        ("/v1/dashboard/spectroclusters/search", "/v1/dashboard"),
        ("/v1/spectroclusters/abc/rate", "/v1/spectroclusters"),
        ("/v1/spectroclusters/cost", "/v1/spectroclusters/cost"),
        ("/v1/cloudconfigs/eks/abc", "/v1/cloudconfigs"),
        ("/v1/audits", "/v1/audits"),
    ],
)
def test_a_path_counts_under_its_prefix(path: str, prefix: str) -> None:
    assert prefix_of(path) == prefix


def test_a_burst_goes_at_once_and_the_rest_at_the_rate() -> None:
    pace = Pace()

    waits = [pace.wait("/v1/audits", 100.0) for _ in range(BURST + 2)]

    assert waits == pytest.approx([0.0] * BURST + [0.1, 0.2])
    assert pace.wait("/v1/teams", 100.0) == 0.0


@given(st.lists(st.floats(min_value=0, max_value=3), max_size=80), st.sampled_from(["/v1/audits", "/v1/spectroclusters/x"]))
def test_no_second_ever_has_more_than_its_rate_and_the_burst(gaps: list[float], path: str) -> None:
    """Whoever asks, and however irregularly: Palette would answer 429 to all of us."""
    pace, now, sent = Pace(), 0.0, []
    for gap in gaps:
        now += gap
        now += pace.wait(path, now)
        sent.append(now)

    rate = FAST if "spectroclusters" in path else SLOW
    busiest = max((sum(1 for at in sent if since <= at < since + 1) for since in sent), default=0)
    assert busiest <= rate + rate / SLOW * BURST + 1


def test_a_tenants_reading_keeps_to_the_pace() -> None:
    waits: list[float] = []

    World(others=900).client(waits).clusters()

    assert sum(waits) > 900 / FAST - BURST
    assert max(waits) <= 0.2
