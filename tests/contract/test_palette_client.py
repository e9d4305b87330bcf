"""The Palette client against the published description of its API: what we ask and what the tests answer are both checked by it."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.palette_description import wrong_answer, wrong_request
from tests.palette_world import UID, World, pool
from trimtab.adapters.palette import answers, protocol
from trimtab.adapters.palette.api import ATTEMPTS
from trimtab.adapters.palette.client import STILL_NEW, PaletteClient
from trimtab.adapters.palette.pools import parse_config
from trimtab.errors import BadInput, Refused, Upstream
from trimtab.records import ClusterUid, Refusal
from trimtab.settings import Settings


def test_a_cluster_has_project_region_health_tags_namespaces_and_pools() -> None:
    world = World(
        pools=[
            pool("workers", size=4, minSize=2, maxSize=6, capacityType="spot", additionalLabels={"pool": "workers"}),
            pool(
                "gpu", taints=[{"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}, {"key": "a", "effect": "NoExecute"}]
            ),
        ]
    )

    (found,) = world.client().clusters()

    assert (found.uid, found.name, found.project_uid, found.project) == (UID, "prod-web", "project-1", "production")
    assert (found.cloud, found.region, found.state, found.health) == ("aws", "us-east-1", "Running", "Healthy")
    assert (found.tags, found.namespaces) == ({"env": "prod", "urgent": ""}, ("kube-system", "web"))
    workers, gpu = found.pools
    assert (workers.count, workers.minimum, workers.maximum, workers.is_autoscaled) == (4, 2, 6, True)
    assert (workers.capacity_type, workers.labels) == ("spot", {"pool": "workers"})
    assert (gpu.minimum, gpu.maximum, gpu.capacity_type) == (None, None, "on-demand")
    assert gpu.taints == ("nvidia.com/gpu=present:NoSchedule", "a:NoExecute")


@pytest.mark.parametrize(
    ("cloud_type", "config", "cloud", "region"),
    [
        ("aws", {"region": "eu-west-1"}, "aws", "eu-west-1"),
        ("gke", {"region": "us-central1", "project": "p"}, "gcp", "us-central1"),
        ("gcp", {"region": "us-central1", "project": "p"}, "gcp", "us-central1"),
        ("aks", {"location": "westeurope", "subscriptionId": "s", "sshKey": "k"}, "azure", "westeurope"),
        ("azure", {"location": "westeurope", "subscriptionId": "s", "sshKey": "k"}, "azure", "westeurope"),
    ],
)
def test_each_cloud_says_where_it_is_in_its_own_word(cloud_type: str, config: dict[str, Any], cloud: str, region: str) -> None:
    found = World(cloud_type=cloud_type, cluster_config=config).client().cluster(UID)

    assert found is not None
    assert (found.cloud, found.region) == (cloud, region)


def test_an_azure_pool_with_spot_options_is_a_spot_pool() -> None:
    config = {"location": "westeurope", "subscriptionId": "s", "sshKey": "k"}
    found = World(cloud_type="aks", cluster_config=config, pools=[pool("spot", spotVMOptions={"maxPrice": "-1"})]).client().cluster(UID)

    assert found is not None
    assert found.pools[0].capacity_type == "spot"


def test_zero_bounds_are_no_bounds_and_a_pool_may_scale_to_zero() -> None:
    """A zero may be left out of an answer: a maximum alone still means an autoscaler."""
    world = World(pools=[pool("static", minSize=0, maxSize=0), pool("to-zero", minSize=0, maxSize=4), pool("left-out", maxSize=4)])

    found = world.client().cluster(UID)

    assert found is not None
    assert [(each.minimum, each.maximum) for each in found.pools] == [(None, None), (0, 4), (0, 4)]


def test_a_managed_control_plane_needs_no_instance_type() -> None:
    found = World(pools=[{"name": "cp", "size": 1, "isControlPlane": True}]).client().cluster(UID)

    assert found is not None
    assert found.pools[0].control_plane
    assert found.pools[0].instance_type == ""


def test_every_page_is_read_and_clusters_that_vanish_meanwhile_are_left_out() -> None:
    world = World(others=120)

    assert len(world.client().clusters()) == 1
    assert [request.url.params.get("continue") for request in world.seen if request.method == "POST"] == [None, "50", "100"]


def test_a_cluster_that_is_gone_is_none() -> None:
    assert World().client().cluster(ClusterUid("0123")) is None


@pytest.mark.parametrize(
    ("cloud_type", "words"),
    [
        ("vsphere", "vSphere"),
        ("maas", "bare metal"),
        ("edge-native", "hosts on site"),
        ("virtual", "a size, not pools"),
        ("apache-cloudstack", "no price list"),
        ("brand-new", "'brand-new', whose pools Trimtab does not know"),
    ],
)
def test_a_cluster_without_priced_pools_is_left_alone_by_name(cloud_type: str, words: str) -> None:
    """vSphere pools have no instance type to price: pretending one would be a made-up saving, saying nothing would look like a fault."""
    client = World(cloud_type=cloud_type).client()

    assert client.clusters() == ()
    (refusal,) = client.left_alone()
    assert (refusal.cluster_uid, refusal.pool, refusal.rule) == (UID, "*", "no-priced-pools")
    assert words in refusal.reason
    assert refusal.reason.startswith("prod-web in project production is left alone: ")


@pytest.mark.parametrize(
    "world",
    [
        World(spec={"clusterType": "AlloyMonitor"}),
        World(spec={"clusterType": "AlloyExtend"}),
        World(status={"clusterImport": {"isBrownfield": True, "state": "Running"}}),
    ],
    ids=["read-only import", "full import", "brownfield"],
)
def test_an_imported_cluster_is_left_alone(world: World) -> None:
    """Palette cannot reconfigure what it did not make: an edit in Git would change nothing."""
    client = world.client()

    assert (client.clusters(), client.cluster(UID)) == ((), None)
    assert [refusal.rule for refusal in client.left_alone()] == ["imported-cluster"]


@pytest.mark.parametrize(
    ("spec", "profiles", "has_karpenter"),
    [
        ({"clusterProfileTemplates": []}, None, False),
        ({"clusterProfileTemplates": [{"packs": [{"name": "amazon-linux-eks", "layer": "os"}]}]}, None, False),
        ({"clusterProfileTemplates": [{"packs": [{"name": "Karpenter-helm", "layer": "addon"}]}]}, None, True),
        ({}, {"profiles": [{"spec": {"packs": [{"metadata": {"name": "karpenter"}}]}}]}, True),
        ({}, {"profiles": [{"spec": {"packs": [{"spec": {"name": "calico"}}]}}]}, False),
    ],
    ids=["no pack", "other packs", "in the cluster", "only in its profiles", "none in its profiles"],
)
def test_karpenter_is_seen_in_the_profiles(spec: dict[str, Any], profiles: dict[str, Any] | None, has_karpenter: bool) -> None:
    """Where the cluster's own answer has no profiles they are asked for: not listed is not the same as not installed."""
    world = World(spec={"clusterType": "PureManage", **spec}, more={f"/v1/spectroclusters/{UID}/profiles": profiles})

    found = world.client().cluster(UID)

    assert found is not None
    assert found.has_karpenter is has_karpenter


def test_a_pool_has_zones_strategy_architecture_and_bid() -> None:
    world = World(
        pools=[
            pool(
                "spot", capacityType="spot", spotMarketOptions={"maxPrice": "0.05"}, azs=["us-east-1b", "us-east-1a"],
                updateStrategy={"type": "RollingUpdateScaleIn"}, machinePoolProperties={"archType": "arm64"},
            ),
            pool("plain", spotMarketOptions={"maxPrice": "0.0"}),
        ]
    )  # fmt: skip

    found = world.client().cluster(UID)

    assert found is not None
    spot, plain = found.pools
    assert (spot.zones, spot.surge, spot.arch, spot.max_price) == (("us-east-1a", "us-east-1b"), "RollingUpdateScaleIn", "arm64", "0.05")
    assert (plain.zones, plain.surge, plain.arch, plain.max_price) == ((), "", "", "")


def test_a_control_plane_that_takes_workloads_is_a_control_plane() -> None:
    """Scaling it down is not supported, whatever else runs on it."""
    found = World(pools=[pool("both", useControlPlaneAsWorker=True)]).client().cluster(UID)

    assert found is not None
    assert found.pools[0].control_plane


@pytest.mark.parametrize(
    ("states", "machines"),
    [
        (["Running"] * 3, None),
        (["Running"] * 3 + ["Deleting", "Deleted"], None),
        (["Running"] * 4, 4),
        (["Running", "Failed"], 2),
        ([], 0),
    ],
    ids=["as many", "some go away", "one more", "one failed", "none"],
)
def test_machines_are_counted_where_they_differ_from_the_size(states: list[str], machines: int | None) -> None:
    found = World(machines={"workers": states}).client().cluster(UID)

    assert found is not None
    assert (found.pools[0].count, found.pools[0].machines) == (3, machines)


def test_machines_are_asked_one_by_one_only_where_their_number_differs() -> None:
    world = World(pools=[pool("quiet"), pool("moving")], machines={"moving": ["Running"]})

    world.client().cluster(UID)

    assert [request.url.path for request in world.seen if request.url.path.endswith("/machines")] == [
        "/v1/cloudconfigs/eks/config-1/machinePools/moving/machines"
    ]


def test_two_pools_of_one_name_are_both_left_out() -> None:
    """Pools are matched by name: with two of them a change could land on the wrong one."""
    found = World(pools=[pool("a"), pool("twin"), pool("twin", size=9)]).client().cluster(UID)

    assert found is not None
    assert [each.name for each in found.pools] == ["a"]
    assert [(refusal.pool, refusal.rule) for refusal in found.left_out] == [("twin", "duplicate-pool-name")]


def test_a_cluster_that_cannot_be_read_has_no_pools_and_keeps_no_other_from_being_read() -> None:
    world = World(cluster_config={"sshKeyName": "x"}, pools=[])
    world.before = lambda request: (
        httpx.Response(200, json={"spec": {"machinePoolConfig": []}}) if request.url.path.endswith("/config-1") else None
    )

    (found,) = world.client().clusters()

    assert (found.pools, found.is_repave_pending) == ((), True)
    (refusal,) = found.left_out
    assert (refusal.pool, refusal.rule) == ("*", "palette-unreadable")
    assert "cloudconfig.spec.clusterConfig: expected an object" in refusal.reason


@pytest.mark.parametrize(
    ("repave", "is_pending"),
    [({}, False), (None, False), ({"state": "Approved"}, False), ({"state": "Reverted"}, False), ({"state": "Pending"}, True)],
)
def test_only_a_repave_that_is_over_is_not_pending(repave: dict[str, Any] | None, is_pending: bool) -> None:
    found = World(repave=repave).client().cluster(UID)

    assert found is not None
    assert found.is_repave_pending is is_pending


def test_a_repave_state_of_a_later_version_counts_as_pending() -> None:
    assert protocol.parse_repave(b'{"status": {"state": "AwaitingWindow"}}')


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_palette_is_asked_again_after_growing_waits(status: int) -> None:
    waits: list[float] = []
    left = [httpx.Response(status), httpx.Response(status)]
    world = World(before=lambda _: left.pop() if left else None)

    assert len(world.client(waits).clusters()) == 1
    assert waits == [0.625, 1.25]


def test_a_palette_that_stays_busy_is_upstream() -> None:
    world = World(before=lambda _: httpx.Response(429))

    with pytest.raises(Upstream, match="429"):
        world.client().clusters()
    assert len(world.seen) == ATTEMPTS


@pytest.mark.parametrize(
    ("status", "kind", "hint"),
    [
        (400, BadInput, ""),
        (401, Upstream, "renew TRIMTAB_PALETTE_API_KEY"),
        (403, Upstream, "Tenant Viewer"),
        (409, BadInput, ""),
        (422, BadInput, ""),
    ],
)
def test_a_refusal_is_named_in_one_line_and_not_asked_again(status: int, kind: type[Exception], hint: str) -> None:
    body = {"code": "Unauthorized", "message": "no such\nkey"}
    world = World(before=lambda _: httpx.Response(status, json=body))

    with pytest.raises(kind, match=f"HTTP {status} Unauthorized: no such key.*{hint}") as raised:
        world.client().clusters()
    assert len(world.seen) == 1
    assert "\n" not in str(raised.value)


def test_a_connection_that_breaks_is_tried_again() -> None:
    """Reading twice changes nothing."""
    waits: list[float] = []
    left = [1, 1]

    def broken(_: httpx.Request) -> httpx.Response | None:
        if left:
            left.pop()
            raise httpx.ReadError("connection reset")
        return None

    assert len(World(before=broken).client(waits).clusters()) == 1
    assert waits == [0.625, 1.25]


def test_a_connection_that_stays_broken_is_upstream() -> None:
    def broken(_: httpx.Request) -> httpx.Response | None:
        raise httpx.ConnectTimeout("nobody answers")

    with pytest.raises(Upstream, match="nobody answers"):
        World(before=broken).client().clusters()


@pytest.mark.parametrize("body", [b"", b"<html>Sign in</html>", b'{"items": [', b"[" * 100_000, b'{"items": NaN}'])
def test_an_answer_that_is_no_json_is_palettes_failure(body: bytes) -> None:
    """A login page and a cut answer come with status 200 too; the next delivery may get a whole one."""
    world = World(before=lambda _: httpx.Response(200, content=body, headers={"content-type": "text/html"}))

    with pytest.raises(Upstream, match="search: the answer is not JSON"):
        world.client().clusters()


def test_a_continue_token_that_never_moves_is_an_error_not_a_loop() -> None:
    world = World(others=60)
    stuck = {**world.page(0), "listmeta": {"continue": "50"}}
    world.before = lambda request: httpx.Response(200, json=stuck) if request.url.path.endswith("/search") else None

    with pytest.raises(Upstream, match="never ended"):
        world.client().clusters()
    assert len(world.bodies(protocol.SEARCH)) == 2


def test_a_cluster_that_moves_between_pages_is_read_once() -> None:
    world = World(others=60)
    shifted = world.page(50)
    shifted["items"].insert(0, world.page(0)["items"][0])
    world.before = lambda request: httpx.Response(200, json=shifted) if request.url.params.get("continue") else None

    assert len(world.client().clusters()) == 1


def test_a_reading_of_the_tenant_serves_for_a_minute_and_one_cluster_is_always_read_anew() -> None:
    world, waits = World(), [0.0]
    client = world.client(waits)
    client.clusters()
    asked = len(world.seen)

    client.clusters()
    client.left_alone()
    assert len(world.seen) == asked
    client.cluster(UID)
    assert len(world.seen) == 2 * asked - 1  # all but the list, which has a page for each fifty clusters
    waits.append(STILL_NEW + 1)
    client.clusters()
    assert len(world.seen) == 3 * asked - 1


def test_the_list_of_a_tenant_is_not_read_again_for_each_of_its_clusters() -> None:
    """A thousand clusters have twenty pages of it, and ten of them may be asked for in a second."""
    world = World(others=120)
    client = world.client()

    assert len(client.listed()) == 121
    for _ in range(5):
        client.cluster(UID)
        client.quotas(UID)
        client.look(UID)

    assert len(world.bodies("/v1/dashboard/spectroclusters/search")) == 3


def test_a_cluster_that_is_new_is_found_all_the_same() -> None:
    world = World()
    client = world.client()
    client.listed()
    world.others = 1

    client.quotas(ClusterUid("other-0"))

    assert [request.url.path for request in world.seen].count("/v1/dashboard/spectroclusters/search") == 2
    assert "/v1/spectroclusters/other-0" in [request.url.path for request in world.seen]


def test_what_is_left_alone_says_so_when_it_is_looked_at() -> None:
    world = World(cloud_type="edge-native")

    found = world.client().look(UID)

    assert isinstance(found, Refusal)
    assert found.rule == "no-priced-pools"


@pytest.mark.security(14)
def test_a_redirect_is_not_followed_with_the_key() -> None:
    world = World(before=lambda _: httpx.Response(302, headers={"location": "https://evil.test/"}))

    with pytest.raises(Upstream, match="302"):
        world.client().clusters()
    assert {request.url.host for request in world.seen} == {"api.spectrocloud.com"}


def test_without_a_key_nobody_is_asked() -> None:
    with pytest.raises(Refused, match="TRIMTAB_PALETTE_API_KEY"):
        PaletteClient.of(Settings(palette_url="https://api.spectrocloud.com")).clusters()


@pytest.mark.parametrize(
    ("broken", "name", "named"),
    [
        ({"name": "workers", "size": 3, "isControlPlane": False}, "workers", "machinePoolConfig[0].instanceType: missing"),
        ({**pool("x"), "size": None}, "x", "machinePoolConfig[0].size: missing"),
        (pool("x", size="3"), "x", "size: expected a whole number"),
        (pool("x", size=True), "x", "size: expected a whole number"),
        (pool("x", size=-1), "x", "size: expected a whole number"),
        (pool(""), "machinePoolConfig[0]", "machinePoolConfig[0].name: missing"),
        ("workers", "machinePoolConfig[0]", "machinePoolConfig[0]: expected an object"),
        (pool("hosts", capacityType="host-resource-group"), "hosts", "capacity type is 'host-resource-group'"),
        (pool("hosts", hostResourceGroupArn="arn:aws:resource-groups:x"), "hosts", "capacity type is 'host-resource-group'"),
        (pool("later", capacityType="reserved"), "later", "capacity type is 'reserved'"),
    ],
    ids=["no type", "no size", "text", "bool", "negative", "no name", "no object", "hosts", "host group", "new word"],
)
def test_a_pool_that_cannot_be_read_is_left_out_by_name_and_keeps_no_other_out(broken: Any, name: str, named: str) -> None:
    """What is not in the record is never proposed for; what nobody tells a person about looks like a fault of ours."""
    body = json.dumps({"spec": {"clusterConfig": {"region": "us-east-1"}, "machinePoolConfig": [broken, pool("good")]}}).encode()

    found = parse_config(body, UID)

    assert [each.name for each in found.pools] == ["good"]
    (refusal,) = found.left_out
    assert isinstance(refusal, Refusal)
    assert refusal.pool == name
    assert named in refusal.reason


@pytest.mark.parametrize("uid", ["", "../users", "a/b", "a?b", "a" * 65])
def test_a_uid_that_would_change_the_path_is_refused(uid: str) -> None:
    with pytest.raises(BadInput, match="cannot stand in a path"):
        protocol.cluster_path(uid)


@pytest.mark.parametrize("body", [b"[]", b"{}", b'{"items": {}}', b'{"items": [{}]}', b'{"items": [3]}'])
def test_an_answer_of_another_shape_is_refused(body: bytes) -> None:
    with pytest.raises(BadInput, match="Palette: search"):
        protocol.parse_search(body)


@pytest.mark.parametrize("name", ["", "../x", "a/b", "a?b", "a..b", ".hidden"])
def test_a_name_that_would_change_the_path_is_refused(name: str) -> None:
    with pytest.raises(BadInput, match="cannot stand in a path"):
        answers.name_in_path(name, "pool name")


CHECKS: dict[str, Callable[[], list[str]]] = {
    "a path": lambda: list(wrong_request(httpx.Request("GET", "https://p/v1/nothing"))),
    "a verb": lambda: list(wrong_request(httpx.Request("PUT", f"https://p/v1/spectroclusters/{UID}"))),
    "a query": lambda: list(wrong_request(httpx.Request("GET", f"https://p/v1/spectroclusters/{UID}?x=1"))),
    "a query's type": lambda: list(wrong_request(httpx.Request("GET", "https://p/v1/teams?limit=many"))),
    "a query that is needed": lambda: list(wrong_request(httpx.Request("GET", "https://p/v1/clouds/aws/compute/m5.large/rate"))),
    "a body": lambda: list(wrong_request(httpx.Request("POST", f"https://p{protocol.SEARCH}", json={"filters": {}}))),
    "an answer": lambda: list(
        wrong_answer(httpx.Request("GET", f"https://p/v1/spectroclusters/{UID}"), httpx.Response(200, json={"spec": {"cloudtype": "eks"}}))
    ),
    "an error": lambda: list(
        wrong_answer(httpx.Request("GET", f"https://p/v1/spectroclusters/{UID}"), httpx.Response(404, json={"error": "x"}))
    ),
}


@pytest.mark.parametrize("what", CHECKS)
def test_the_check_itself_sees_what_is_not_described(what: str) -> None:
    assert len(CHECKS[what]()) >= 1
