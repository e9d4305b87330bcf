"""A Palette tenant with one cluster, as the published description has it; every request and every answer is checked against that."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
from pydantic import SecretStr

from tests.palette_description import described
from trimtab.adapters.palette.client import PaletteClient
from trimtab.adapters.palette.pace import Pace
from trimtab.records import ClusterUid
from trimtab.settings import Settings

UID = ClusterUid("62a1c7d58b9e4f0012ab34cd")
KEY = "palette-key"
TENANT = "tenant-1"
Reply = dict[str, Any] | None


def pool(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "size": 3, "instanceType": "m5.large", "isControlPlane": False, **more}


@dataclass
class World:
    """A tenant; tests change what they are about."""

    cloud_type: str = "eks"
    pools: list[dict[str, Any]] = field(default_factory=lambda: [pool("workers")])
    cluster_config: dict[str, Any] = field(default_factory=lambda: {"region": "us-east-1"})
    repave: dict[str, Any] | None = field(default_factory=dict)
    spec: dict[str, Any] = field(default_factory=lambda: {"clusterType": "PureManage", "clusterProfileTemplates": []})
    status: dict[str, Any] = field(default_factory=dict)
    machines: dict[str, list[str]] = field(default_factory=dict)
    """Pool → states of its machines; a pool that is not here has as many as its size."""
    others: int = 0
    more: dict[str, Reply | Callable[[httpx.Request], Reply]] = field(default_factory=dict)
    """Path → what is answered there."""
    seen: list[httpx.Request] = field(default_factory=list)
    before: Callable[[httpx.Request], httpx.Response | None] = lambda _: None

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(request)
        assert request.headers["apiKey"] == KEY
        failed = self.before(request)
        if failed is not None:
            return failed
        reply = self.reply(request)
        if reply is None:
            return httpx.Response(404, json={"code": "ResourceNotFound", "message": "gone"})
        return httpx.Response(200, json=reply)

    def reply(self, request: httpx.Request) -> Reply:
        path = request.url.path
        if path in self.more:
            found = self.more[path]
            return found(request) if callable(found) else found
        if path.endswith("/search"):
            return self.page(int(request.url.params.get("continue", "0")))
        assert request.headers["ProjectUid"] == "project-1"
        return self.of_cluster(path)

    def of_cluster(self, path: str) -> Reply:
        if path.endswith("/repave/status"):
            return None if self.repave is None else {"spec": {"reasons": []}, "status": self.repave}
        if path.endswith("/config/namespaces"):
            return {"items": []}
        if path.endswith("/namespaces"):
            return {"namespaces": [{"namespace": "web", "pvcCount": 0}, {"namespace": "kube-system"}]}
        if path == "/v1/cloudconfigs/config-1/machinePools/machineUids":
            listed = {each["name"]: self.states(each["name"]) for each in self.pools}
            return {"machinePools": {name: {"machineUids": [f"m-{n}" for n in range(len(found))]} for name, found in listed.items()}}
        if path.endswith("/machines"):
            return {"items": [self.machine(state) for state in self.states(path.split("/")[-2])], "listmeta": {"continue": ""}}
        if path.startswith("/v1/cloudconfigs/"):
            assert path == f"/v1/cloudconfigs/{self.cloud_type}/config-1"
            return {"spec": {"clusterConfig": self.cluster_config, "machinePoolConfig": self.pools}}
        if path == "/v1/dashboard/workspaces":
            return {"cpuUnit": "cores", "memoryUnit": "MiB", "items": []}
        return self.cluster() if path == f"/v1/spectroclusters/{UID}" else None

    def states(self, name: str) -> list[str]:
        size = next((each.get("size") for each in self.pools if each.get("name") == name), 0)
        return self.machines.get(name, ["Running"] * size if isinstance(size, int) else [])

    def machine(self, state: str) -> dict[str, Any]:
        spec = {"instanceType": "m5.large", "vpcId": "vpc-1", "ami": "ami-1"}
        return {"metadata": {"uid": "m-0", "name": "node"}, "spec": spec, "status": {"instanceState": state}}

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
        return {"items": items, "listmeta": {"continue": token, "count": len(uids) + start, "limit": 50, "offset": start}}

    def cluster(self) -> dict[str, Any]:
        return {
            "metadata": {"uid": UID, "name": "prod-web", "labels": {"env": "prod", "urgent": "spectro__tag"}, "annotations": {}},
            "spec": {"cloudType": self.cloud_type, "cloudConfigRef": {"kind": "EksCloudConfig", "uid": "config-1"}, **self.spec},
            "status": {"state": "Running", **self.status},
        }

    def client(self, waits: list[float] | None = None) -> PaletteClient:
        """A client whose clock stands still but for its own waits."""
        slept = waits if waits is not None else []
        settings = Settings(palette_url="https://api.spectrocloud.com/", palette_api_key=SecretStr(KEY))
        there = PaletteClient.of(settings, httpx.MockTransport(described(self.answer)))
        return replace(there, api=replace(there.api, sleep=slept.append, jitter=lambda: 0.5, clock=lambda: sum(slept), pace=Pace()))

    def bodies(self, path: str) -> list[dict[str, Any]]:
        """What was posted to a path."""
        return [json.loads(request.content) for request in self.seen if request.url.path == path]
