"""The Palette client against the published description of its API: what we ask and what the tests answer are both checked by it."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from trimtab.adapters.palette import protocol
from trimtab.adapters.palette.client import ATTEMPTS, PaletteClient
from trimtab.errors import BadInput, Refused, Upstream
from trimtab.records import ClusterUid
from trimtab.settings import Settings

API = json.loads((Path(__file__).parent / "palette_api.json").read_text())
UID = ClusterUid("62a1c7d58b9e4f0012ab34cd")
KEY = "palette-key"
TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "boolean": bool,
    "number": (int, float),
}


def mismatches(value: object, schema: dict[str, Any], place: str) -> Iterator[str]:
    """Where a value differs from a schema of the description; keys that we do not use are not in it and count as wrong."""
    schema = API["definitions"][schema["$ref"].rsplit("/", 1)[-1]] if "$ref" in schema else schema
    kind = schema.get("type", "object" if "properties" in schema else None)
    if kind and (not isinstance(value, TYPES[kind]) or (isinstance(value, bool) and kind != "boolean")):
        yield f"{place}: {value!r} is not {kind}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{place}: {value!r} is none of {schema['enum']}"
    if isinstance(value, dict):
        yield from (f"{place}.{name}: missing" for name in schema.get("required", []) if name not in value)
        for name, inner in value.items():
            described = schema.get("properties", {}).get(name, schema.get("additionalProperties"))
            yield from [f"{place}.{name}: not described"] if described is None else mismatches(inner, described, f"{place}.{name}")
    if isinstance(value, list):
        for number, inner in enumerate(value):
            yield from mismatches(inner, schema.get("items", {}), f"{place}[{number}]")


def operation(method: str, path: str) -> dict[str, Any]:
    for template, methods in API["paths"].items():
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path):
            found: dict[str, Any] = methods[method.lower()]
            return found
    raise AssertionError(f"{path} is not in Palette's description")


def pool(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "size": 3, "instanceType": "m5.large", "isControlPlane": False, **more}


@dataclass
class World:
    """A tenant; every request and every answer is checked against the description."""

    cloud_type: str = "eks"
    pools: list[dict[str, Any]] = field(default_factory=lambda: [pool("workers")])
    cluster_config: dict[str, Any] = field(default_factory=lambda: {"region": "us-east-1"})
    repave: dict[str, Any] | None = field(default_factory=dict)
    others: int = 0
    seen: list[httpx.Request] = field(default_factory=list)
    before: Callable[[httpx.Request], httpx.Response | None] = lambda _: None

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(request)
        described = operation(request.method, request.url.path)
        queries = {parameter["name"] for parameter in described["parameters"] if parameter["in"] == "query"}
        assert set(request.url.params) <= queries
        assert request.headers["apiKey"] == KEY
        failed = self.before(request)
        if failed is not None:
            return failed
        if request.method == "POST":
            body = next(parameter for parameter in described["parameters"] if parameter["in"] == "body")
            assert list(mismatches(json.loads(request.content), body["schema"], "request")) == []
        reply = self.reply(request)
        if reply is None:
            return httpx.Response(404, json={"code": "ResourceNotFound", "message": "gone"})
        assert list(mismatches(reply, described["responses"]["200"]["schema"], "reply")) == []
        return httpx.Response(200, json=reply)

    def reply(self, request: httpx.Request) -> dict[str, Any] | None:
        path = request.url.path
        if path.endswith("/search"):
            return self.page(int(request.url.params.get("continue", "0")))
        assert request.headers["ProjectUid"] == "project-1"
        if path.endswith("/repave/status"):
            return None if self.repave is None else {"spec": {"reasons": []}, "status": self.repave}
        if path.endswith("/namespaces"):
            return {"namespaces": [{"namespace": "web", "pvcCount": 0}, {"namespace": "kube-system"}]}
        if path.startswith("/v1/cloudconfigs/"):
            assert path == f"/v1/cloudconfigs/{self.cloud_type}/config-1"
            return {"spec": {"clusterConfig": self.cluster_config, "machinePoolConfig": self.pools}}
        return self.cluster() if UID in path else None

    def page(self, start: int) -> dict[str, Any]:
        uids = [UID, *[f"other-{number}" for number in range(self.others)]]
        items = [
            {
                "metadata": {"uid": uid, "name": uid},
                "specSummary": {"projectMeta": {"uid": "project-1", "name": "production"}},
                "status": {"state": "Running", "health": {"state": "Healthy"}},
            }
            for uid in uids[start : start + 50]
        ]
        token = str(start + 50) if start + 50 < len(uids) else ""
        return {"items": items, "listmeta": {"continue": token, "count": len(uids), "limit": 50, "offset": start}}

    def cluster(self) -> dict[str, Any]:
        return {
            "metadata": {"uid": UID, "name": "prod-web", "labels": {"env": "prod", "urgent": "spectro__tag"}, "annotations": {}},
            "spec": {"cloudType": self.cloud_type, "cloudConfigRef": {"kind": "EksCloudConfig", "uid": "config-1"}},
            "status": {"state": "Running"},
        }

    def client(self, waits: list[float] | None = None) -> PaletteClient:
        settings = Settings(palette_url="https://api.spectrocloud.com/", palette_api_key=SecretStr(KEY))
        there = PaletteClient.of(settings, httpx.MockTransport(self.answer))
        return PaletteClient(there.url, there.key, there.client, sleep=(waits if waits is not None else []).append, jitter=lambda: 0.5)


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
    world = World(pools=[pool("static", minSize=0, maxSize=0), pool("to-zero", minSize=0, maxSize=4)])

    found = world.client().cluster(UID)

    assert found is not None
    assert [(each.minimum, each.maximum) for each in found.pools] == [(None, None), (0, 4)]


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


def test_a_cluster_without_priced_pools_is_left_out() -> None:
    """vSphere pools have no instance type to price; pretending one would be a made-up saving."""
    assert World(cloud_type="vsphere").client().clusters() == ()


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


@pytest.mark.parametrize(("status", "kind"), [(401, Upstream), (403, Upstream), (400, BadInput), (422, BadInput)])
def test_a_refusal_is_named_and_not_asked_again(status: int, kind: type[Exception]) -> None:
    world = World(before=lambda _: httpx.Response(status, json={"code": "Unauthorized", "message": "no such key"}))

    with pytest.raises(kind, match=f"HTTP {status} Unauthorized: no such key"):
        world.client().clusters()
    assert len(world.seen) == 1


def test_a_redirect_is_not_followed_with_the_key() -> None:
    world = World(before=lambda _: httpx.Response(302, headers={"location": "https://evil.test/"}))

    with pytest.raises(Upstream, match="302"):
        world.client().clusters()
    assert {request.url.host for request in world.seen} == {"api.spectrocloud.com"}


def test_without_a_key_nobody_is_asked() -> None:
    with pytest.raises(Refused, match="TRIMTAB_PALETTE_API_KEY"):
        PaletteClient.of(Settings(palette_url="https://api.spectrocloud.com")).clusters()


@pytest.mark.parametrize(
    ("pools", "named"),
    [
        ([{"name": "workers", "size": 3, "isControlPlane": False}], r"machinePoolConfig\[0\].instanceType: missing"),
        ([pool("workers"), {**pool("x"), "size": None}], r"machinePoolConfig\[1\].size: missing"),
        ([pool("x", size="3")], r"size: expected a whole number"),
        ([pool("x", size=True)], r"size: expected a whole number"),
        (["workers"], r"machinePoolConfig\[0\]: expected an object"),
    ],
)
def test_a_pool_that_cannot_be_read_is_named_and_never_guessed(pools: list[Any], named: str) -> None:
    body = json.dumps({"spec": {"clusterConfig": {"region": "us-east-1"}, "machinePoolConfig": pools}}).encode()

    with pytest.raises(BadInput, match=named):
        protocol.parse_config(body, UID)


def test_a_pool_on_dedicated_hosts_is_not_in_the_record() -> None:
    config = {"clusterConfig": {"region": "us-east-1"}, "machinePoolConfig": [pool("hosts", capacityType="host-resource-group")]}

    assert protocol.parse_config(json.dumps({"spec": config}).encode(), UID).pools == ()


@pytest.mark.parametrize("uid", ["", "../users", "a/b", "a?b", "a" * 65])
def test_a_uid_that_would_change_the_path_is_refused(uid: str) -> None:
    with pytest.raises(BadInput, match="cannot stand in a path"):
        protocol.cluster_path(uid)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"items": {}}', b'{"items": [{}]}'])
def test_an_answer_that_is_no_palette_answer_is_refused(body: bytes) -> None:
    with pytest.raises(BadInput, match="Palette: search"):
        protocol.parse_search(body)
