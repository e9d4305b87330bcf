"""Palette for the estate: the published API's shapes, answered from one file, and what Terraform would do to it after a merge.

Read-only like the real calls we make: searching clusters, reading one, its cloud config (where the pools are) and its repave status.
"""

import json
import re
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
from ruamel.yaml import YAML

from trimtab.demo.estate.clusters import CLUSTERS
from trimtab.demo.estate.model import AS_OF, EstateCluster, EstatePool, digest
from trimtab.errors import BadInput
from trimtab.records import Json

STATE = "palette.json"
PAGE = 50
_SEARCHES = {"/v1/dashboard/spectroclusters/metadata/search", "/v1/dashboard/spectroclusters/search"}
_CLUSTER = re.compile(r"/v1/spectroclusters/(?P<uid>[0-9a-f]+)(?P<part>/repave/status|/config/namespaces|/namespaces)?")
_CLOUD_CONFIG = re.compile(r"/v1/cloudconfigs/(?P<kind>[a-z-]+)/(?P<uid>[0-9a-f]+)")


# ── The world's file ─────────────────────────────────────────────────────────────────────────────────────────────────
def write_world(world: Path) -> None:
    """Create the state file: every cluster as it is live today."""
    world.mkdir(parents=True, exist_ok=True)
    _write(world, {"clusters": [_state_of(cluster) for cluster in CLUSTERS]})


def apply_main(world: Path, files: Mapping[str, bytes]) -> tuple[str, ...]:
    """What `terraform apply` on the default branch does: move each live pool to its file; a sentence per pool that moved.

    A locked pool stays as it is: somebody changed it by hand and told Terraform to keep off.
    """
    state = _read(world)
    moved = [line for path, content in sorted(files.items()) if _is_cluster_file(path) for line in _apply(state, path, content)]
    if moved:
        _write(world, state)
    return tuple(moved)


def _is_cluster_file(path: str) -> bool:
    return path.startswith("clusters/") and path.endswith((".yaml", ".yml"))


def _apply(state: dict[str, Any], path: str, content: bytes) -> list[str]:
    declared = YAML(typ="safe", pure=True).load(BytesIO(content))
    live = next((cluster for cluster in state["clusters"] if cluster["name"] == declared.get("name")), None)
    if live is None:
        raise BadInput(f"{path}: name: Palette has no cluster {declared.get('name')!a}")
    return [line for group in declared["node_groups"] for line in _move(live, group, path)]


def _move(live: dict[str, Any], group: Mapping[str, Any], path: str) -> list[str]:
    pool = next((pool for pool in live["pools"] if pool["name"] == group["name"]), None)
    if pool is None:
        raise BadInput(f"{path}: node_groups: {live['name']} has no pool {group['name']!a}")
    if pool["isLocked"]:
        return []
    wanted = {"size": group["count"], "minSize": group.get("min"), "maxSize": group.get("max"), "instanceType": group["instance_type"]}
    if "capacityType" in pool:
        wanted["capacityType"] = group.get("capacity_type", "on-demand")
    changes = [f"{key} {pool[key]} → {value}" for key, value in wanted.items() if pool[key] != value]
    pool.update(wanted)
    return [f"{live['name']}/{pool['name']}: {', '.join(changes)}"] if changes else []


def _state_of(cluster: EstateCluster) -> dict[str, Any]:
    live = cluster.cluster
    return {
        "uid": live.uid, "name": live.name, "projectUid": live.project_uid, "project": live.project, "cloudType": cluster.cloud_type,
        "region": live.region, "configUid": digest("cloudconfig", live.uid)[:24], "state": live.state, "health": live.health,
        "repave": "", "tags": dict(live.tags), "namespaces": list(live.namespaces),
        "pools": [_pool_state(cluster, pool) for pool in cluster.pools],
    }  # fmt: skip


def _pool_state(cluster: EstateCluster, estate: EstatePool) -> dict[str, Any]:
    pool = estate.pool
    state = {
        "name": pool.name, "size": pool.count, "minSize": pool.minimum, "maxSize": pool.maximum, "instanceType": pool.instance_type,
        "labels": dict(pool.labels), "taints": list(pool.taints), "diskGib": estate.disk_gib, "zone": cluster.zone,
        "isLocked": estate.declared != pool.count,
    }  # fmt: skip
    return state | ({"capacityType": pool.capacity_type} if cluster.cluster.cloud == "aws" else {})


def _read(world: Path) -> dict[str, Any]:
    state: dict[str, Any] = json.loads((world / STATE).read_text())
    return state


def _write(world: Path, state: dict[str, Any]) -> None:
    """Replaced whole, so that a reader never sees half a file."""
    draft = world / f".{STATE}.new"
    draft.write_text(json.dumps(state, indent=1, sort_keys=True) + "\n")
    draft.replace(world / STATE)


# ── The API ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def palette_transport(world: Path, api_key: str | None = None) -> httpx.MockTransport:
    """A transport that answers as Palette would; without `api_key` any key will do, but there must be one."""

    def answer(request: httpx.Request) -> httpx.Response:
        given = request.headers.get("apiKey")
        if not given or (api_key is not None and given != api_key):
            return _error(401, "Unauthorized", "the apiKey header is missing or wrong")
        return _route(request, _read(world)["clusters"])

    return httpx.MockTransport(answer)


def _route(request: httpx.Request, clusters: list[dict[str, Any]]) -> httpx.Response:
    path = request.url.path
    visible = [cluster for cluster in clusters if request.headers.get("ProjectUid") in {None, "", cluster["projectUid"]}]
    if path in _SEARCHES:
        return _search(request, visible) if request.method == "POST" else _error(405, "MethodNotAllowed", path)
    if request.method != "GET":
        return _error(405, "MethodNotAllowed", f"{request.method} {path}")
    if found := _CLUSTER.fullmatch(path):
        return _one(visible, "uid", found["uid"], _CLUSTER_PARTS[found["part"]])
    if found := _CLOUD_CONFIG.fullmatch(path):
        return _one([each for each in visible if each["cloudType"] == found["kind"]], "configUid", found["uid"], _cloud_config)
    return _error(404, "ResourceNotFound", f"no such path {path}")


def _search(request: httpx.Request, clusters: list[dict[str, Any]]) -> httpx.Response:
    """Paged by offset or by the continue token, at most 50 a page; an unreadable filter is refused rather than ignored."""
    try:
        body = json.loads(request.content or b"{}")
        start = int(request.url.params.get("continue") or request.url.params.get("offset") or 0)
        limit = min(PAGE, int(request.url.params.get("limit") or PAGE))
    except ValueError:
        return _error(400, "InvalidRequest", "the body or the paging parameters cannot be read")
    if not isinstance(body, dict) or set(body) - {"filter", "sort"} or start < 0 or limit < 1:
        return _error(400, "InvalidRequest", "expected filter and sort")
    found = sorted(clusters, key=lambda cluster: str(cluster["name"]))
    page = found[start : start + limit]
    more = start + limit < len(found)
    meta = {"continue": str(start + limit) if more else "", "count": len(found), "limit": limit, "offset": start}
    is_rich = not request.url.path.endswith("metadata/search")
    return httpx.Response(200, json={"items": [_summary(cluster, is_rich=is_rich) for cluster in page], "listmeta": meta})


def _one(clusters: list[dict[str, Any]], key: str, uid: str, shape: Callable[[dict[str, Any]], Json]) -> httpx.Response:
    found = next((cluster for cluster in clusters if cluster[key] == uid), None)
    return httpx.Response(200, json=shape(found)) if found else _error(404, "ResourceNotFound", f"{uid} is not here")


def _error(status: int, code: str, message: str) -> httpx.Response:
    return httpx.Response(status, json={"code": code, "message": message, "details": {}, "ref": ""})


# ── Shapes ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def _metadata(uid: str, name: str, labels: Mapping[str, str]) -> Json:
    stamp = f"{AS_OF:%Y-%m-%d}T06:00:00.000Z"
    return {
        "uid": uid, "name": name, "labels": dict(labels), "annotations": {}, "creationTimestamp": "2025-11-03T10:00:00.000Z",
        "lastModifiedTimestamp": stamp, "deletionTimestamp": "0001-01-01T00:00:00.000Z",
    }  # fmt: skip


def _summary(cluster: dict[str, Any], *, is_rich: bool) -> Json:
    spec: Json = {
        "archType": ["amd64"], "cloudRegion": cluster["region"], "cloudType": cluster["cloudType"], "clusterType": "PureManage",
        "importMode": "", "projectMeta": {"name": cluster["project"], "uid": cluster["projectUid"]},
        "tags": [f"{key}:{value}" for key, value in sorted(cluster["tags"].items())],
    }  # fmt: skip
    if is_rich:
        sizes = [
            {"name": pool["name"], "size": pool["size"], "healthy": pool["size"], "isControlPlane": False} for pool in cluster["pools"]
        ]
        spec["cloudConfig"] = {"cloudType": cluster["cloudType"], "uid": cluster["configUid"], "machinePools": sizes}
    status = {"state": cluster["state"], "health": {"state": cluster["health"]}, "cost": {"total": 0}}
    return {"metadata": _metadata(cluster["uid"], cluster["name"], cluster["tags"]), "specSummary": spec, "status": status}


def _cluster(cluster: dict[str, Any]) -> Json:
    return {
        "apiVersion": "v1",
        "kind": "SpectroCluster",
        "metadata": _metadata(cluster["uid"], cluster["name"], cluster["tags"])
        | {"annotations": {"projectUid": cluster["projectUid"], "scope": "project"}},
        "spec": {
            "cloudType": cluster["cloudType"],
            "clusterType": "PureManage",
            "cloudConfigRef": {
                "kind": f"{cluster['cloudType'].capitalize()}CloudConfig",
                "name": cluster["name"],
                "uid": cluster["configUid"],
            },
        },
        "status": {"state": cluster["state"], "repave": {"state": cluster["repave"]}, "conditions": []},
    }


def _cloud_config(cluster: dict[str, Any]) -> Json:
    return {
        "apiVersion": "v1",
        "kind": f"{cluster['cloudType'].capitalize()}CloudConfig",
        "metadata": _metadata(cluster["configUid"], cluster["name"], {}),
        "spec": {
            "clusterConfig": {"region": cluster["region"]},
            "machinePoolConfig": [_pool(pool) for pool in cluster["pools"]],
        },
    }


def _pool(pool: dict[str, Any]) -> Json:
    """Bounds only where there are any: a static pool has none, and GKE never has."""
    shape: Json = {
        "name": pool["name"], "size": pool["size"], "instanceType": pool["instanceType"], "isControlPlane": False,
        "useControlPlaneAsWorker": False, "labels": ["worker"], "additionalLabels": pool["labels"], "rootDeviceSize": pool["diskGib"],
        "azs": [pool["zone"]], "machinePoolProperties": {"archType": "amd64"}, "nodeRepaveInterval": 0,
        "taints": [dict(zip(("key", "value", "effect"), re.split("[=:]", taint), strict=True)) for taint in pool["taints"]],
        "updateStrategy": {"type": "RollingUpdateScaleOut"},
    }  # fmt: skip
    bounds = {key: pool[key] for key in ("minSize", "maxSize") if pool[key] is not None}
    return shape | bounds | ({"capacityType": pool["capacityType"]} if "capacityType" in pool else {})


def _repave(cluster: dict[str, Any]) -> Json:
    status = {"state": cluster["repave"]} if cluster["repave"] else {}
    return {
        "metadata": _metadata(cluster["uid"], cluster["name"], {}),
        "spec": {"spectroClusterUid": cluster["uid"], "reasons": []},
        "status": status,
    }


def _namespaces(cluster: dict[str, Any]) -> Json:
    return {
        "items": [
            {"metadata": _metadata(digest(cluster["uid"], name)[:24], name, {}), "spec": {"isRegex": False}, "status": {"errors": []}}
            for name in cluster["namespaces"]
        ]
    }


def _live_namespaces(cluster: dict[str, Any]) -> Json:
    return {"namespaces": [{"namespace": name} for name in cluster["namespaces"]]}


_CLUSTER_PARTS: dict[str | None, Callable[[dict[str, Any]], Json]] = {
    None: _cluster,
    "/repave/status": _repave,
    "/config/namespaces": _namespaces,
    "/namespaces": _live_namespaces,
}
